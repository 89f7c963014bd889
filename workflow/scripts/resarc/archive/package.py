"""Packing an archive so that the same files give the same bytes, and unpacking one safely."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import stat
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from resarc.archive import CHECKSUMS, RUN
from resarc.errors import ResarcError

_DATE = (1980, 1, 1, 0, 0, 0)
"""The earliest date that a zip file can hold: members have none of their own."""
_UNIX = 3
_BLOCK = 1 << 20
LARGEST_GROWTH = 100
"""An archive may unpack to this many times its size (or to `ALWAYS_ALLOWED` if that is more)."""
ALWAYS_ALLOWED = 1 << 30
MOST_MEMBERS = 100_000


class ArchiveError(ResarcError):
    """Something that must not be archived, or an archive that cannot be trusted."""


@dataclass(frozen=True)
class Member:
    """A file of an archive: its bytes, or where they are."""

    source: bytes | Path
    executable: bool = False

    def sha256(self) -> str:
        if isinstance(self.source, bytes):
            return hashlib.sha256(self.source).hexdigest()
        with self.source.open("rb") as handle:
            return hashlib.file_digest(handle, "sha256").hexdigest()

    def size(self) -> int:
        return len(self.source) if isinstance(self.source, bytes) else self.source.stat().st_size


# -- checksums ------------------------------------------------------------------------------------


def checksums(digests: Mapping[str, str]) -> bytes:
    """The text of `manifest-sha256.txt`: a line `<sha256>  <path>` for each file, sorted by path."""
    return "".join(f"{digests[name]}  {name}\n" for name in sorted(digests)).encode("utf-8")


def read_checksums(content: bytes, where: str) -> dict[str, str]:
    """Digests by path; `ArchiveError` if a line is not what `checksums` writes."""
    found: dict[str, str] = {}
    try:
        lines = content.decode("utf-8").split("\n")
    except UnicodeDecodeError as error:
        raise ArchiveError(where, str(error), "UTF-8", _DAMAGED) from error
    if not lines[-1]:
        lines.pop()
    for number, line in enumerate(lines, 1):
        match = re.fullmatch(r"([0-9a-f]{64})  (.+)", line)
        if not match or match[2] in found:
            raise ArchiveError(
                f"{where}, line {number}", repr(line[:120]), "a digest and a path, once", _DAMAGED
            )
        found[match[2]] = match[1]
    return found


def digest_of_content(checksum_file: bytes) -> str:
    """What identifies the content of an archive: SHA-256 of its list of checksums."""
    return hashlib.sha256(checksum_file).hexdigest()


_DAMAGED = "The archive is damaged or was changed; get it again from where it was published."


# -- packing --------------------------------------------------------------------------------------


def pack(members: Mapping[str, Member], path: Path) -> None:
    """Write a zip file, whole or not at all: members by name, without dates and owners.

    Each folder has an entry too: readers of RO-Crates look for it.
    """
    folders = {f"{parent}/" for name in members for parent in PurePosixPath(name).parents}
    for name in members:
        fault = fault_of_name(name)
        if fault:
            raise ArchiveError(f"a file to archive, {name!r}", fault, "a plain relative path")
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with zipfile.ZipFile(draft, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
            for name in sorted({*members, *folders} - {"./"}):
                if name in members:
                    _write(archive, name, members[name])
                else:
                    archive.writestr(_entry(name, stat.S_IFDIR | 0o755), b"")
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def _write(archive: zipfile.ZipFile, name: str, member: Member) -> None:
    info = _entry(name, stat.S_IFREG | (0o755 if member.executable else 0o644))
    info.compress_type = zipfile.ZIP_DEFLATED
    info.file_size = member.size()
    if isinstance(member.source, bytes):
        archive.writestr(info, member.source)
        return
    with member.source.open("rb") as read, archive.open(info, "w") as write:
        shutil.copyfileobj(read, write, _BLOCK)


def _entry(name: str, mode: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, _DATE)
    info.create_system = _UNIX
    info.external_attr = mode << 16
    return info


# -- unpacking ------------------------------------------------------------------------------------


def unpack(archive: Path, folder: Path) -> None:
    """Write the members of a zip file into a new folder, after all of them were found harmless.

    `ArchiveError` before anything is written if a name leads out of the folder or stands twice, if
    a member is a link or another special file, or if it all would grow beyond measure or the disk.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            members = _harmless(opened, archive)
            _fits(sum(m.file_size for m in members), archive, folder)
            folder.mkdir(parents=True)
            for member in members:
                _extract(opened, member, folder, archive)
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as error:
        raise ArchiveError(
            str(archive), str(error), "a zip file that is whole", _DAMAGED
        ) from error


def fault_of_name(name: str) -> str:
    """Why a member may not be called so; empty if it may."""
    if not name or len(name) > 1000:
        return "an empty or endless name"
    if name.startswith("/") or "\\" in name or re.match(r"[A-Za-z]:", name):
        return "a path that is not relative"
    if any(ord(character) < 32 or ord(character) == 127 for character in name):
        return "a control character"
    if any(part in ("", ".", "..") for part in name.split("/")):
        return "a path that leads elsewhere"
    return ""


def _harmless(opened: zipfile.ZipFile, archive: Path) -> list[zipfile.ZipInfo]:
    """The files among the members; `ArchiveError` if any member is not what it should be."""
    infos = opened.infolist()
    if len(infos) > MOST_MEMBERS:
        raise _refused(archive, f"{len(infos)} files", f"at most {MOST_MEMBERS}")
    seen: set[str] = set()
    for info in infos:
        # `orig_filename` is what the file says; `filename` has been shortened at a NUL.
        fault = fault_of_name(info.orig_filename.removesuffix("/"))
        kind = stat.S_IFMT(info.external_attr >> 16)
        if fault:
            raise _refused(archive, f"{fault}, {info.orig_filename!r}", "paths inside the archive")
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise _refused(archive, f"a link or special file, {info.filename!r}", "files alone")
        if info.flag_bits & 1:
            raise _refused(archive, f"an encrypted file, {info.filename!r}", "files to be read")
        # Two names that differ in case alone are one file on many systems.
        folded = info.filename.casefold()
        if folded in seen:
            raise _refused(archive, f"two files {info.filename!r}", "each name once")
        seen.add(folded)
    size = archive.stat().st_size
    total = sum(info.file_size for info in infos)
    most = max(LARGEST_GROWTH * size, ALWAYS_ALLOWED)
    if total > most:
        raise _refused(
            archive, f"{total} bytes once unpacked, from {size}", f"at most {most} (a zip bomb?)"
        )
    return [info for info in infos if not info.is_dir()]


def _fits(total: int, archive: Path, folder: Path) -> None:
    place = folder.absolute()
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    if total > free:
        raise ArchiveError(
            str(archive),
            f"{total} bytes to unpack and {free} bytes free at {place}",
            "room for all of them",
            "Free some space, or unpack elsewhere with --into.",
        )


def _extract(opened: zipfile.ZipFile, member: zipfile.ZipInfo, folder: Path, archive: Path) -> None:
    path = folder / member.filename
    if not path.resolve().is_relative_to(folder.resolve()):
        raise _refused(archive, f"a path that leads elsewhere, {member.filename!r}", "none")
    path.parent.mkdir(parents=True, exist_ok=True)
    with opened.open(member) as read, path.open("xb") as write:
        shutil.copyfileobj(read, write, _BLOCK)
    if (member.external_attr >> 16) & stat.S_IXUSR:
        path.chmod(0o755)


def _refused(archive: Path, found: str, expected: str) -> ArchiveError:
    return ArchiveError(
        str(archive), found, expected, "Nothing was unpacked. Do not use this archive."
    )


# -- checking -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Check:
    """What the checksums of an unpacked archive say."""

    digest: str
    """Identifies the content, see `digest_of_content`."""
    right: int
    """Files with the digest that the list gives."""
    changed: tuple[str, ...]
    missing: tuple[str, ...]
    unlisted: tuple[str, ...]
    """Files of which the list says nothing, run.json aside."""

    @property
    def passed(self) -> bool:
        return not (self.changed or self.missing or self.unlisted)


def check(folder: Path) -> Check:
    """Hold every file of an unpacked archive against its list of checksums."""
    listing = folder / CHECKSUMS
    if not listing.is_file():
        raise ArchiveError(str(folder), f"no {CHECKSUMS}", "an archive of Resarc", _DAMAGED)
    content = listing.read_bytes()
    digests = read_checksums(content, CHECKSUMS)
    present = {p.relative_to(folder).as_posix() for p in files_below(folder)}
    changed = []
    for name in sorted(present & set(digests)):
        if Member(folder / name).sha256() != digests[name]:
            changed.append(name)
    return Check(
        digest=digest_of_content(content),
        right=len(present & set(digests)) - len(changed),
        changed=tuple(changed),
        missing=tuple(sorted(set(digests) - present)),
        unlisted=tuple(sorted(present - set(digests) - {CHECKSUMS, RUN})),
    )


def files_below(folder: Path) -> Iterable[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())
