"""What the readers of each format take and give."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from resarc.errors import DataError
from resarc.intake.table import Fact

_WHOLE = 2.0**53
"""Whole numbers below this are exact as floats."""


@dataclass(frozen=True)
class Expected:
    """What a protocol says of a file's columns, by their headers; nothing where there is none yet.

    `date_formats`: how dates are written; `codes`: the codes that stand for a level; `numbers`:
    the columns that hold numbers.
    """

    columns: tuple[str, ...] = ()
    date_formats: Mapping[str, str] = field(default_factory=dict)
    codes: Mapping[str, frozenset[str]] = field(default_factory=dict)
    numbers: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Reading:
    """A file as text.

    * `frame`: its columns by their headers; the index `row` counts as a spreadsheet does;
    * `decimal`: the decimal mark of numbers that the file itself holds as numbers, else None;
    * `titles`, `labels`: what the file says of its columns, and of codes by column;
    * `dates`: columns that the file itself holds as dates;
    * `identifiers`: columns that the file itself marks as identifying;
    * `own`: columns that the program which wrote the file adds to every export.
    """

    frame: pd.DataFrame
    facts: tuple[Fact, ...]
    sheet: str = ""
    decimal: str | None = None
    titles: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    dates: frozenset[str] = frozenset()
    identifiers: frozenset[str] = frozenset()
    own: frozenset[str] = frozenset()


def named(where: str, names: Iterable[str], frame: pd.DataFrame) -> pd.DataFrame:
    """The frame, its columns in the order of `names`, under these names.

    A column without a name is left out if it is empty. `DataError` for one that is not, and for a
    name that stands twice; `where` is the header's place.
    """
    names = [name.strip() for name in names]
    keep = []
    for position, name in enumerate(names):
        place = f"{where}, column {position + 1}"
        if not name:
            if (frame.iloc[:, position].str.strip() != "").any():
                raise DataError(
                    place,
                    "no name",
                    "a name in every column of the header",
                    "Name the column, or remove the separator that opens it.",
                )
            continue
        if name in names[:position]:
            raise DataError(
                place,
                f"the name {name[:80]!r} a second time",
                "each column once",
                "Rename or remove one of the two.",
            )
        keep.append(position)
    frame = frame.iloc[:, keep]
    frame.columns = pd.Index([names[position] for position in keep], dtype=object)
    return frame


def numbered(columns: Mapping[str, Sequence[str]], first: int = 2) -> pd.DataFrame:
    """Text columns as a frame whose rows are counted from `first`."""
    frame = pd.DataFrame(dict(columns), dtype=object)
    frame.index = pd.RangeIndex(first, first + len(frame), name="row")
    return frame


def texts_of(values: Iterable[object], decimal: str, date_format: str | None) -> list[str]:
    """Cells that a file holds as numbers, dates or logical values, as text without loss.

    3.0 is "3"; a number has all its digits and the decimal mark given; a date is written as
    `date_format` says if it can be read back from that, and as 2020-01-31 otherwise.
    """
    known: dict[object, str] = {}
    found = []
    for value in values:
        if isinstance(value, str):
            found.append(value)
            continue
        # 1, 1.0 and True are one key of a dictionary, but not one text.
        key = (type(value), value)
        if key not in known:
            known[key] = _text_of(value, decimal, date_format)
        found.append(known[key])
    return found


def _text_of(value: object, decimal: str, date_format: str | None) -> str:
    if value is None or value != value:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        if value.is_integer() and abs(value) < _WHOLE:
            return str(int(value))
        return repr(value).replace(".", decimal)
    if isinstance(value, datetime.datetime):
        if value.time() != datetime.time() or value.tzinfo:
            return value.isoformat(sep=" ")
        value = value.date()
    if isinstance(value, datetime.date):
        return _date_text(value, date_format)
    if isinstance(value, datetime.time | datetime.timedelta):
        return str(value)
    raise TypeError(type(value).__name__)


def _date_text(day: datetime.date, date_format: str | None) -> str:
    if date_format:
        text = day.strftime(date_format)
        try:
            if datetime.datetime.strptime(text, date_format).date() == day:
                return text
        except ValueError:
            pass
    return day.isoformat()
