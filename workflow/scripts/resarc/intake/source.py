"""Reading a source file as text, row by row as a spreadsheet counts them."""

from __future__ import annotations

import csv
import io
import itertools
import sys
from difflib import get_close_matches
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.csv

from resarc.errors import DataError
from resarc.protocol import Protocol

_CHUNK = 50_000
_NAMES = {",": "a comma", ";": "a semicolon", "\t": "a tabulator", "|": "a vertical bar"}
_WORKBOOKS = {
    b"PK\x03\x04": "an Excel workbook or another zip file",
    b"\xd0\xcf\x11\xe0": "an old Excel or Word file",
}


def read_source(path: Path, protocol: Protocol) -> pd.DataFrame:
    """The source as text: one column for each variable's `column`, in the file's order.

    The index `row` is the row's number as a spreadsheet shows it: the header is row 1, and a cell
    that holds a line end does not begin a new row. Blank lines are no rows. Nothing is stripped,
    converted or taken for missing.

    Raises `DataError` for a file that cannot be read so: not there, a directory, empty, not text in
    the protocol's encoding, another separator, a header with an empty, repeated, unknown or missing
    column, a row of another length, a quote that is not closed.
    """
    path = Path(path)
    text = _text(path, protocol)
    rows = _Rows(path, text, protocol.source.separator)
    header = _header(path, rows, protocol)
    frame = _plain(text, header, protocol.source.separator)
    if frame is None:
        frame = _quoted(path, rows, header)
    if frame.empty:
        raise DataError(
            f"{path}, row 2",
            "the end of the file",
            "at least one patient below the header",
            "Export the file again.",
        )
    return frame


def _text(path: Path, protocol: Protocol) -> str:
    encoding = protocol.source.encoding
    hint = f"Save it as CSV in {encoding}, or set 'source.encoding' in the protocol."
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise DataError(
            str(path), "no file", "the source of the study", "Check 'source.file' in the protocol."
        ) from None
    except IsADirectoryError:
        raise DataError(
            str(path), "a directory", "a text file", "Name the file itself in 'source.file'."
        ) from None
    except OSError as error:
        raise DataError(str(path), error.strerror or str(error), "a readable file") from error
    if not content.strip():
        raise DataError(
            str(path),
            "an empty file",
            "a header and one row for each patient",
            "Export the file again.",
        )
    for magic, name in _WORKBOOKS.items():
        if content.startswith(magic):
            raise DataError(str(path), name, "a text file", "Save the sheet as CSV.")
    try:
        text = content.decode(encoding)
    except LookupError:
        raise DataError(
            "source.encoding", repr(encoding), "an encoding such as utf-8, cp1252 or utf-16"
        ) from None
    except UnicodeError as error:
        start = getattr(error, "start", 0)
        line = content.count(b"\n", 0, start) + 1
        raise DataError(
            f"{path}, line {line}",
            f"bytes that are not {encoding} ({content[start : start + 1]!r})",
            f"text in {encoding}",
            hint,
        ) from error
    if "\x00" in text:
        line = text.count("\n", 0, text.index("\x00")) + 1
        raise DataError(f"{path}, line {line}", "a NUL byte", f"text in {encoding}", hint)
    return text.removeprefix("\ufeff")


class _Rows:
    """The records of a text with their row numbers; `DataError` on a broken quote."""

    def __init__(self, path: Path, text: str, separator: str) -> None:
        self.path, self.number = path, 0
        self._reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)

    def __iter__(self) -> _Rows:
        return self

    def __next__(self) -> list[str]:
        self.number += 1
        limit = csv.field_size_limit(sys.maxsize)
        try:
            return next(self._reader)
        except csv.Error as error:
            raise DataError(
                f"{self.path}, row {self.number}",
                f"a cell that is not quoted correctly ({error})",
                'a cell with quotes written as "… ""…"" …" and closed',
                "Export the file again, or mend the quotes in this row.",
            ) from error
        finally:
            csv.field_size_limit(limit)


def _header(path: Path, rows: _Rows, protocol: Protocol) -> list[str]:
    where, separator = f"{path}, row 1", protocol.source.separator
    found = [name.strip() for name in next(rows, [])]
    expected = [variable.column for variable in protocol.variables]
    missing = [name for name in expected if name not in found]
    if len(missing) == len(expected):
        for other, name in _NAMES.items():
            if other != separator and "".join(found).count(other) >= len(found):
                raise DataError(
                    where,
                    f"columns that {name} separates",
                    f"columns that {_NAMES[separator]} separates",
                    "Set 'source.separator' in the protocol, or export the file again.",
                )
    for position, name in enumerate(found, start=1):
        if not name:
            raise DataError(
                f"{where}, column {position}",
                "no name",
                "a name in every column of the header",
                "Name the column, or remove the separator that opens it.",
            )
        if name in found[: position - 1]:
            raise DataError(
                f"{where}, column {position}",
                f"the name {name[:80]!r} a second time",
                "each column once",
                "Rename or remove one of the two.",
            )
    for name in missing:
        near = get_close_matches(name, [n for n in found if n not in expected], n=1)
        raise DataError(
            where,
            f"no column {name!r}" + (f", but {near[0]!r}" if near else ""),
            f"the columns of the protocol: {', '.join(expected)}",
            "Rename the column in the file, or 'column' in the protocol.",
        )
    for position, name in enumerate(found, start=1):
        if name not in expected:
            raise DataError(
                f"{where}, column {position}",
                f"the unknown column {name[:80]!r}",
                f"only the columns of the protocol: {', '.join(expected)}",
                "Remove it, or describe it under 'variables' (type text is read and dropped).",
            )
    return found


def _plain(text: str, header: list[str], separator: str) -> pd.DataFrame | None:
    """A text without quotes and blank lines, read at once; None for any other text, which is read
    record by record: there a row's number or a fault's place needs counting."""
    ends = text.count("\r")
    if '"' in text or ends != text.count("\r\n") or text.startswith(("\n", "\r\n")):
        return None
    if "\n\n" in text or "\n\r\n" in text:
        return None
    names = [str(i) for i in range(len(header))]
    try:
        table = pyarrow.csv.read_csv(
            io.BytesIO(text.encode()),
            read_options=pyarrow.csv.ReadOptions(column_names=names, skip_rows=1),
            parse_options=pyarrow.csv.ParseOptions(delimiter=separator, quote_char=False),
            convert_options=pyarrow.csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False
            ),
        )
    except pa.ArrowInvalid:
        return None
    return _frame(table, header, range(2, table.num_rows + 2))


def _quoted(path: Path, rows: _Rows, header: list[str]) -> pd.DataFrame:
    """The remaining records of any text; blank lines are left out but counted."""
    names = [str(i) for i in range(len(header))]
    numbers: list[int] = []
    tables = [pa.table({name: pa.array([], pa.string()) for name in names})]
    records = _whole(path, rows, header, numbers)
    while chunk := list(itertools.islice(records, _CHUNK)):
        columns = [pa.array(column, pa.string()) for column in zip(*chunk, strict=True)]
        tables.append(pa.table(columns, names=names))
    return _frame(pa.concat_tables(tables), header, numbers)


def _whole(path: Path, rows: _Rows, header: list[str], numbers: list[int]):
    for record in rows:
        if not record:
            continue
        if len(record) != len(header):
            raise DataError(
                f"{path}, row {rows.number}",
                f"{len(record)} cells",
                f"{len(header)}, as in the header",
                "Look for a separator inside a cell, or a cell that is missing; such a cell "
                "belongs between double quotes.",
            )
        numbers.append(rows.number)
        yield record


def _frame(table: pa.Table, header: list[str], numbers: range | list[int]) -> pd.DataFrame:
    frame = table.to_pandas()
    frame.columns = pd.Index(header)
    frame.index = pd.Index(numbers, name="row", dtype="int64")
    return frame
