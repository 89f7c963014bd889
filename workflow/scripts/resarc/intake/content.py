"""The bytes of a data file, read once and whole, or an error that says why not."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from resarc.errors import DataError

LONGEST_CELL = 1_000_000
"""Characters of a cell; a longer one is a quote that nobody closed, or no table at all."""

_KINDS = {
    b"$FL2": ("sav", "an SPSS file"),
    b"$FL3": ("sav", "an SPSS file"),
    b"<stata_dta>": ("dta", "a Stata file"),
    b"PAR1": ("parquet", "a Parquet file"),
    b"\xd0\xcf\x11\xe0": ("xls", "an old Excel or Word file, or one with a password"),
    b"PK\x03\x04": ("zip", "an Excel workbook or another zip file"),
    b"%PDF": ("pdf", "a PDF document"),
    b"{\\rtf": ("rtf", "a text document"),
}
_EXPECTED = {
    "csv": "text with one patient in a line",
    "redcap": "text with one patient in a line",
    "xlsx": "an Excel workbook (xlsx)",
    "ods": "an OpenDocument spreadsheet (ods)",
    "sav": "an SPSS file (sav)",
    "dta": "a Stata file (dta)",
    "parquet": "a Parquet file",
}


def read_bytes(path: Path) -> bytes:
    """A regular file's bytes, all of one state of it.

    Raises `DataError` for what is not there, is no file of its own (a directory, a symbolic link, a
    device), cannot be read, is empty, or changes while it is read.
    """
    path = Path(path)
    try:
        about = path.lstat()
    except FileNotFoundError:
        raise DataError(
            str(path), "no file", "the source of the study", "Check 'source.file' in the protocol."
        ) from None
    except OSError as error:
        raise DataError(str(path), error.strerror or str(error), "a readable file") from error
    if stat.S_ISLNK(about.st_mode):
        raise DataError(
            str(path),
            "a symbolic link",
            "the data file itself, so that what was read is what is named",
            "Name the file that the link points to.",
        )
    if stat.S_ISDIR(about.st_mode):
        raise DataError(
            str(path), "a directory", "a data file", "Name the file itself in 'source.file'."
        )
    if not stat.S_ISREG(about.st_mode):
        raise DataError(str(path), "a device or a pipe", "a data file", "Copy the data to a file.")
    try:
        with path.open("rb") as handle:
            before = os.fstat(handle.fileno())
            content = handle.read()
            after = os.fstat(handle.fileno())
        now = path.lstat()
    except OSError as error:
        raise DataError(str(path), error.strerror or str(error), "a readable file") from error
    if len({_state(about), _state(before), _state(after), _state(now)}) > 1 or (
        len(content) != after.st_size
    ):
        raise DataError(
            str(path),
            "a file that changed while it was read",
            "a file that nobody writes to",
            "Wait until the export is finished, or work on a copy; then run again.",
        )
    if not content.strip(b" \t\r\n"):
        raise DataError(
            str(path),
            "an empty file",
            "a header and one row for each patient",
            "Export the file again.",
        )
    return content


def check_format(content: bytes, where: str, expected: str) -> None:
    """`DataError` if the bytes are plainly of another format than `expected`."""
    found, name = next(
        (kind for magic, kind in _KINDS.items() if content.startswith(magic)),
        ("", "something else"),
    )
    if (
        not found
        and content[:1] in (b"\x71", b"\x72", b"\x73")
        and content[1:2] in (b"\x01", b"\x02")
    ):
        found, name = "dta", "a Stata file"
    fits = {"xlsx": ("zip",), "ods": ("zip",), "csv": ("",), "redcap": ("",)}
    if found in fits.get(expected, (expected,)):
        return
    raise DataError(
        where,
        name,
        _EXPECTED[expected],
        "Set 'source.format' to what the file is, or save it again in the format that was expected.",
    )


def _state(about: os.stat_result) -> tuple[int, ...]:
    return about.st_dev, about.st_ino, about.st_size, about.st_mtime_ns
