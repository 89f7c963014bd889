"""What the command lines of the pipeline share: files as arguments, and errors in words.

Each script beside this one is a stage: it reads its files, calls the library and writes its files.
"""

from __future__ import annotations

import argparse
import errno
import os
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import IO

from resarc.errors import ResarcError

if sys.version_info < (3, 11):  # noqa: UP036 (whoever runs a script by hand may have an older one)
    sys.exit(
        f"error: Resarc needs Python 3.11, 3.12 or 3.13; this is {sys.version.split()[0]} "
        f"({sys.executable}). Run it by make, or by .venv/bin/python."
    )

JOBS_VARIABLE = "RESARC_JOBS_LOCK"
"""Environment variable that names a file which every job of a run holds locked until it ends."""
_held: list[IO[str]] = []
"""Files whose locks are given back when the process ends."""

BUG = (
    "\nThis is a bug of Resarc, not of your data or settings. Please report it with the lines above "
    "and the command that was run; leave out anything that could identify a patient."
)


def command_line(
    description: str | None, *, reads: Iterable[str], writes: Iterable[str]
) -> argparse.ArgumentParser:
    """A parser with one required path for each file that the command reads or writes.

    Errors are explained as `explain_errors` says. As a job of a run it holds the lock of jobs until it
    ends, so that the next run waits for a job that outlived its own (`running`).
    """
    explain_errors()
    if JOBS_VARIABLE in os.environ:
        _share_lock(Path(os.environ[JOBS_VARIABLE]))
    parser = argparse.ArgumentParser(description=description, allow_abbrev=False)
    for verb, names in (("read", reads), ("written", writes)):
        for name in names:
            parser.add_argument(
                f"--{name}", type=Path, required=True, metavar="FILE", help=f"file that is {verb}"
            )
    return parser


def _share_lock(path: Path) -> None:
    try:
        import fcntl

        handle = path.open("a", encoding="utf-8")
        fcntl.flock(handle, fcntl.LOCK_SH)
    except (ImportError, OSError):
        return  # a system, or a file system, that knows no such locks
    _held.append(handle)


def explain_errors() -> None:
    """From here on a `ResarcError` that nobody catches ends the command with its message alone and
    exit code 1; any other exception is shown whole, as the bug that it is."""
    sys.excepthook = _explain
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding="utf-8", errors="backslashreplace")


def _explain(
    kind: type[BaseException], error: BaseException, traceback: TracebackType | None
) -> None:
    if isinstance(error, ResarcError):
        print(f"error: {error}", file=sys.stderr)
        return
    words = in_words(error)
    if words:
        print(f"error: {words}", file=sys.stderr)
        return
    sys.__excepthook__(kind, error, traceback)
    if isinstance(error, Exception) and not isinstance(error, OSError):
        print(BUG, file=sys.stderr)


def in_words(error: BaseException) -> str:
    """What the machine lacks, and what to do; empty if the error is not of that kind."""
    if isinstance(error, MemoryError):
        return (
            'not enough memory. Run fewer jobs at once (make ARGS="--cores 1"), rebuild fewer '
            "datasets (members in config/config.yaml), or use a machine with more."
        )
    if not isinstance(error, OSError):
        return ""
    # Libraries that write by themselves (Arrow) give the number in their text alone.
    told = re.search(r"\berrno (\d+)", str(error), re.IGNORECASE)
    number = error.errno or (int(told[1]) if told else None)
    if number not in _LACKING:
        return ""
    place = f"the file {error.filename}: " if isinstance(error.filename, str) else ""
    return place + _LACKING[number]


_AGAIN = "Then run make again: results that are finished stay."
_LACKING = {
    errno.ENOSPC: f"the disk is full. Free some space. {_AGAIN}",
    errno.EDQUOT: f"your share of the disk (quota) is used up. Free some space. {_AGAIN}",
    errno.EFBIG: "the file is larger than is allowed. Raise the limit on file sizes (ulimit -f). "
    + _AGAIN,
    errno.EROFS: "the disk can only be read. Copy the project to where you may write.",
    errno.EACCES: "the user who runs Resarc has no leave to. Change its owner or permissions. "
    + _AGAIN,
}
