"""Functions that numba compiles once and keeps beside their source.

numba sees that a function's own file has changed. It does not see that a file has from which the
function calls others or takes constants, and would run it as it was. So what was kept of a file is
forgotten here when anything changes that the file rests on.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
KEPT = "__pycache__"
"""The folder beside a source in which Python and numba keep what they compiled."""
MARK = re.compile(r"^from resarc\.compiled import", re.MULTILINE)

_IMPORTS = re.compile(r"^from (resarc[\w.]*) import", re.MULTILINE)


def njit(**options: Any) -> Callable:
    """`numba.njit`, for files whose other imports of Resarc stand at their top."""
    import numba

    def decorate(function: Callable) -> Callable:
        forget_if_changed(Path(function.__code__.co_filename))
        return numba.njit(**options)(function)

    return decorate


def makes_arrays(function: Callable) -> Callable:
    """Compile a function that makes arrays and counts who refers to them, as numba does."""
    return njit(cache=True, error_model="numpy", _nrt=True, forceinline=False)(function)


def lean(function: Callable) -> Callable:
    """Compile a function that makes no arrays (numba refuses one that does) and counts nothing that is
    referred to, which else is most of the time of a short function (docs/decisions/numba.md)."""
    return njit(cache=True, error_model="numpy", _nrt=False, forceinline=False)(function)


def tiny(function: Callable) -> Callable:
    """`lean`, of a few lines in the innermost loops, put where it is called: many arrays take longer
    to hand over than it takes to run."""
    return njit(cache=True, error_model="numpy", _nrt=False, forceinline=True)(function)


@cache
def forget_if_changed(source: Path) -> None:
    """Remove what numba kept of a file if it was compiled from another state of the code."""
    kept, found = source.parent / KEPT, state([source])
    note = kept / f"{source.stem}.compiled"
    with suppress(OSError):  # where nothing can be written, nothing was kept
        if note.is_file() and note.read_text(encoding="utf-8") == found:
            return
        kept.mkdir(exist_ok=True)
        for path in kept.glob(f"{source.stem}.*.nb[ci]"):
            path.unlink(missing_ok=True)
        draft = note.with_suffix(f".{os.getpid()}")
        draft.write_text(found, encoding="utf-8")
        draft.replace(note)


def state(sources: Iterable[Path]) -> str:
    """Digest of files and of all modules of Resarc that they import from."""
    found: dict[Path, bytes] = {}
    waiting = list(sources)
    while waiting:
        path = waiting.pop()
        if path not in found:
            found[path] = path.read_bytes()
            modules = _IMPORTS.findall(found[path].decode("utf-8"))
            paths = (ROOT.joinpath(*module.split(".")).with_suffix(".py") for module in modules)
            waiting += [each for each in paths if each.is_file()]
    digest = hashlib.sha256()
    for path in sorted(found):
        digest.update(f"{path.relative_to(ROOT)} {len(found[path])}\n".encode() + found[path])
    return digest.hexdigest()[:16]


def sources() -> list[Path]:
    """The files that have compiled functions."""
    folder = Path(__file__).parent
    return sorted(
        path for path in folder.rglob("*.py") if MARK.search(path.read_text(encoding="utf-8"))
    )
