"""The identifier of a source tree: SoftWare Hash IDentifier, ISO/IEC 18670:2025.

The identifier of a directory is the SHA-1 that git gives to the same tree, so that anyone with git,
and the Software Heritage archive, finds the same one. https://www.swhid.org/specification/
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

REGULAR, EXECUTABLE = 0o100644, 0o100755
_DIRECTORY = 0o040000


@dataclass(frozen=True)
class Blob:
    """A file of a tree."""

    content: bytes
    executable: bool = False


def directory_identifier(files: Mapping[str, Blob]) -> str:
    """`swh:1:dir:…` of the files, by their paths with "/" from the top of the tree.

    Directories without files do not count, as in git. `ValueError` if a path is both a file and a
    directory.
    """
    tree: dict[str, object] = {}
    for path, blob in files.items():
        *folders, name = path.split("/")
        place = tree
        for folder in folders:
            place = place.setdefault(folder, {})  # type: ignore[assignment]
            if not isinstance(place, dict):
                raise ValueError(f"{folder!r} in {path!r} is a file and a directory")
        if name in place:
            raise ValueError(f"{path!r} is a file and a directory")
        place[name] = blob
    return f"swh:1:dir:{_tree(tree).hex()}"


def content_identifier(content: bytes) -> str:
    """`swh:1:cnt:…` of a file's bytes."""
    return f"swh:1:cnt:{_object('blob', content).hex()}"


def _tree(entries: Mapping[str, object]) -> bytes:
    rows = []
    for name, item in entries.items():
        raw = name.encode("utf-8", "surrogateescape")
        if isinstance(item, Blob):
            mode = EXECUTABLE if item.executable else REGULAR
            rows.append((raw, b"%o %s\0" % (mode, raw) + _object("blob", item.content)))
        else:
            # Directories are sorted as if their names ended with a slash.
            rows.append((raw + b"/", b"%o %s\0" % (_DIRECTORY, raw) + _tree(item)))
    return _object("tree", b"".join(row for _, row in sorted(rows)))


def _object(kind: str, content: bytes) -> bytes:
    header = f"{kind} {len(content)}\0".encode()
    return hashlib.sha1(header + content, usedforsecurity=False).digest()
