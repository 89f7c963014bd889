"""What must hold before a run starts: no other run in the folder, and room and leave to write.

A run holds a lock of the operating system (flock) for as long as its process lives, so a run that was
killed leaves none behind. Snakemake's own lock is a file that stays; once it is certain that nobody
else runs, what a killed run left of it is cleared away. Jobs hold a second lock, shared by all of them:
one that outlives its run is waited for, since it may still write.
"""

from __future__ import annotations

import errno
import os
import shutil
import sys
from datetime import datetime
from pathlib import Path
from typing import IO

from resarc.errors import ResarcError

try:
    import fcntl
except ImportError:  # no such lock on this system: Snakemake's own has to do
    fcntl = None

STATE = Path(".snakemake")
RUN = "resarc.run.lock"
JOBS = "resarc.jobs.lock"
DRAFTS = ".*.part"
"""Files that were being written when a job was killed (resarc.output gives them their names)."""
LEAST_FREE = 20_000_000
"""Bytes without which a run is not worth starting."""

_held: list[IO[str]] = []
"""Open lock files: a lock is given back when its file is closed, at the latest when the process ends."""


class CannotRunError(ResarcError):
    """A run that cannot start here and now."""


def begin(folder: Path) -> None:
    """Take the folder for this process's run; `CannotRunError` says why it cannot be had."""
    check_writable(folder)
    check_room(folder)
    taken = lock(folder / STATE / RUN)
    if taken is None:
        return
    if not taken:
        raise CannotRunError(
            str(folder),
            f"another run of Resarc{owner(folder)}",
            "one run at a time in a folder",
            "Wait until it ends, or stop it; or run in a second copy of the folder.",
        )
    if lock(folder / STATE / JOBS, keep=False) is False:
        print("Waiting for jobs of an earlier run, which was stopped, to end", file=sys.stderr)
        lock(folder / STATE / JOBS, keep=False, wait=True)
    for left in (folder / STATE / "locks").glob("*.lock"):
        left.unlink(missing_ok=True)
    for draft in (folder / "results").rglob(DRAFTS):
        draft.unlink(missing_ok=True)


def check_writable(folder: Path) -> None:
    """Whether results, logs and Snakemake's records can be written, folder by folder."""
    for name, below in (("results", "**/"), ("logs", "**/"), (str(STATE), "*/")):
        top = folder / name
        places = [top, *top.glob(below)] if top.exists() else [folder]
        for place in places:
            if not os.access(place, os.W_OK | os.X_OK):
                raise CannotRunError(
                    str(place),
                    "a folder that cannot be written",
                    "leave to write for the user who runs Resarc",
                    "Change its owner or permissions, or copy the project to where you may write.",
                )


def check_room(folder: Path) -> None:
    free = shutil.disk_usage(folder).free
    if free < LEAST_FREE:
        raise CannotRunError(
            str(folder),
            f"{free / 1e6:.0f} MB left on the disk",
            f"{LEAST_FREE / 1e6:.0f} MB at the least",
            "Free some space. Results that are finished stay.",
        )


def lock(path: Path, *, keep: bool = True, wait: bool = False) -> bool | None:
    """Lock a file for this process, or see whether that could be done (`keep`); False if another one
    holds it, None where there are no such locks, so that Snakemake's own has to do."""
    if not fcntl:
        return None
    path.parent.mkdir(exist_ok=True)
    handle = path.open("a+", encoding="utf-8")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError as error:
        handle.close()
        return False if error.errno in (errno.EWOULDBLOCK, errno.EACCES) else None
    if keep:
        _held.append(handle)
        handle.truncate(0)
        handle.write(f"{os.getpid()} {datetime.now():%H:%M}\n")
        handle.flush()
    else:
        handle.close()
    return True


def owner(folder: Path) -> str:
    """Which process runs here, as it wrote itself down; empty if it did not yet."""
    try:
        pid, since = (folder / STATE / RUN).read_text(encoding="utf-8").split()
    except (OSError, ValueError):
        return ""
    return f" (process {pid}, since {since})"


def is_running(folder: Path) -> bool:
    """Whether a run holds the folder now."""
    path = folder / STATE / RUN
    return path.exists() and lock(path, keep=False) is False
