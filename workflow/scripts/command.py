"""What the command lines of the pipeline share: files as arguments, and errors in words.

Each script beside this one is a stage: it reads its files, calls the library and writes its files.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType

from resarc.errors import ResarcError

BUG = (
    "\nThis is a bug of Resarc, not of your data or settings. Please report it with the lines above "
    "and the command that was run; leave out anything that could identify a patient."
)


def command_line(
    description: str | None, *, reads: Iterable[str], writes: Iterable[str]
) -> argparse.ArgumentParser:
    """A parser with one required path for each file that the command reads or writes.

    From here on a `ResarcError` that nobody catches ends the command with its message alone and
    exit code 1; any other exception is shown whole, as the bug that it is.
    """
    sys.excepthook = _explain
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    parser = argparse.ArgumentParser(description=description, allow_abbrev=False)
    for verb, names in (("read", reads), ("written", writes)):
        for name in names:
            parser.add_argument(
                f"--{name}", type=Path, required=True, metavar="FILE", help=f"file that is {verb}"
            )
    return parser


def _explain(
    kind: type[BaseException], error: BaseException, traceback: TracebackType | None
) -> None:
    if isinstance(error, ResarcError):
        print(f"error: {error}", file=sys.stderr)
        return
    sys.__excepthook__(kind, error, traceback)
    if isinstance(error, Exception) and not isinstance(error, OSError | MemoryError):
        print(BUG, file=sys.stderr)
