"""Text with separators (CSV, TSV): what stands in each cell, and nothing else."""

from __future__ import annotations

import csv
import io
import itertools
import re
from collections import Counter
from collections.abc import Iterator, Sequence

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from resarc.errors import DataError
from resarc.intake.content import LONGEST_CELL
from resarc.intake.reading import Expected, Reading, named
from resarc.intake.table import Fact
from resarc.protocol import Layout

_CHUNK = 50_000
_SAMPLE = 1_000_000
"""Characters from the beginning by which a separator is told."""

SEPARATORS = {",": "a comma", ";": "a semicolon", "\t": "a tabulator", "|": "a vertical bar"}
_MARKS = {
    b"\xef\xbb\xbf": "utf-8",
    b"\xff\xfe\x00\x00": "utf-32",
    b"\x00\x00\xfe\xff": "utf-32",
    b"\xff\xfe": "utf-16",
    b"\xfe\xff": "utf-16",
}

# cp1252 gives almost any bytes a meaning. It is believed only where what it gives are letters and
# signs of Western Europe, and not three of its accented letters in a row: those would be another
# alphabet.
_WESTERN = re.compile(
    rb"[\x00-\x7f\xc0-\xd6\xd8-\xf6\xf8-\xff\x80\x85\x91-\x97\xa0\xa7\xab\xb0\xb1\xb2\xb4\xb5\xb7\xbb\xbd]*"
)
_OTHER_ALPHABET = re.compile(rb"[\xc0-\xff]{3}")


def read_delimited(content: bytes, where: str, layout: Layout, expected: Expected) -> Reading:
    """The cells of a text; `DataError` if it cannot be taken apart as its layout says."""
    text, encoding = _decoded(content, where, layout)
    separator, how = layout.separator, "given"
    if separator is None:
        separator, how = _separator(text, where, layout, expected), "detected"
    rows = _Rows(where, text, separator, layout.header)
    header = rows.header
    _check_separator(rows.place, header, separator, expected)
    frame = _plain(text, where, len(header), rows.number, separator)
    if frame is None:
        frame = _quoted(where, rows, len(header))
    facts = (
        Fact("format", "text with separators", "given" if layout.format else "detected"),
        encoding,
        Fact("separator", SEPARATORS[separator].split(" ", 1)[1], how),
    )
    return Reading(named(rows.place, header, frame), facts)


def _decoded(content: bytes, where: str, layout: Layout) -> tuple[str, Fact]:
    if layout.encoding:
        encoding, how = layout.encoding, "given"
    else:
        encoding, how = _encoding(content, where), "detected"
    hint = f"Save it as CSV in {encoding}, or set 'source.encoding' in the protocol."
    try:
        text = content.decode(encoding)
    except LookupError:
        raise DataError(
            "source.encoding",
            repr(encoding),
            "an encoding such as utf-8, cp1252 or utf-16",
            "Correct it, or leave it out to have it detected.",
        ) from None
    except UnicodeError as error:
        start = getattr(error, "start", 0)
        line = content.count(b"\n", 0, start) + 1
        raise DataError(
            f"{where}, line {line}",
            f"bytes that are not {encoding} ({content[start : start + 1]!r})",
            f"text in {encoding}",
            hint,
        ) from error
    if "\x00" in text:
        line = text.count("\n", 0, text.index("\x00")) + 1
        raise DataError(f"{where}, line {line}", "a NUL byte", f"text in {encoding}", hint)
    return text.removeprefix("\ufeff"), Fact("encoding", encoding, how)


def _encoding(content: bytes, where: str) -> str:
    """The encoding that a byte-order mark, the rules of UTF-8, or plain Western letters show."""
    for mark, encoding in _MARKS.items():
        if content.startswith(mark):
            return encoding
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as error:
        if _WESTERN.fullmatch(content) and not _OTHER_ALPHABET.search(content):
            return "cp1252"
        line = content.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"{where}, line {line}",
            f"bytes that are not utf-8 ({content[error.start : error.start + 1]!r})",
            "text in utf-8, or in another encoding that the protocol names",
            "Set 'source.encoding', for instance to cp1252 (Western Europe), cp1250 (Central "
            "Europe), cp1251 (Cyrillic), shift_jis or gb18030; or save the file in UTF-8.",
        ) from None
    return "utf-8"


def _separator(text: str, where: str, layout: Layout, expected: Expected) -> str:
    """The separator under which the header has the expected columns; where none are known, the one
    that gives every row as many cells."""
    wanted = set(expected.columns)
    scores = {}
    for separator in SEPARATORS:
        try:
            header = _Rows(where, text[:_SAMPLE], separator, layout.header).header
        except DataError:
            continue
        if wanted:
            scores[separator] = len(wanted.intersection(name.strip() for name in header))
        elif len(header) > 1 and _even(text[:_SAMPLE], separator, len(header)):
            scores[separator] = len(header)
    best = max(scores.values(), default=0)
    winners = [separator for separator, score in scores.items() if score == best]
    if best and (len(winners) == 1 or best == 1 == len(wanted)):
        return winners[0]
    raise DataError(
        f"{where}, row {layout.header}",
        "no separator by which the header has the expected columns"
        if wanted
        else "no separator that gives each row as many cells as the header",
        (f"the columns {', '.join(expected.columns)}" if wanted else "one header row")
        + ", between commas, semicolons, tabulators or vertical bars",
        "Set 'source.separator' (and 'source.header' if rows stand above the header), or "
        "export the file again.",
    )


def _even(text: str, separator: str, width: int) -> bool:
    lengths = Counter(
        len(record)
        for record in csv.reader(io.StringIO(text, newline=""), delimiter=separator)
        if record
    )
    return lengths[width] > 0.9 * lengths.total()


def _check_separator(place: str, header: Sequence[str], separator: str, expected: Expected) -> None:
    """`DataError` if another separator than the one given stands between the names."""
    if not expected.columns or {name.strip() for name in header} & set(expected.columns):
        return
    for other, name in SEPARATORS.items():
        if other != separator and "".join(header).count(other) >= len(header):
            raise DataError(
                place,
                f"columns that {name} separates",
                f"columns that {SEPARATORS[separator]} separates",
                "Set 'source.separator' in the protocol, or export the file again.",
            )


class _Rows:
    """The records of a text after its header, with their row numbers; `DataError` on a broken
    quote."""

    def __init__(self, where: str, text: str, separator: str, header: int) -> None:
        self.where, self.number = where, 0
        # StringIO would hold four bytes for each character.
        lines = io.TextIOWrapper(io.BytesIO(text.encode()), "utf-8", newline="")
        self._reader = csv.reader(lines, delimiter=separator, strict=True)
        self.header: list[str] = []
        for _ in range(header):
            self.header = next(self, [])
        self.place = f"{where}, row {header}"
        if not any(name.strip() for name in self.header):
            raise DataError(
                self.place,
                "no names of columns",
                "the header",
                "Set 'source.header' to the row in which the names of the columns stand.",
            )

    def __iter__(self) -> _Rows:
        return self

    def __next__(self) -> list[str]:
        self.number += 1
        limit = csv.field_size_limit(LONGEST_CELL)
        try:
            return next(self._reader)
        except csv.Error as error:
            if "field larger than field limit" in str(error):
                raise _too_long(f"{self.where}, row {self.number}") from error
            raise DataError(
                f"{self.where}, row {self.number}",
                f"a cell that is not quoted correctly ({error})",
                'a cell with quotes written as "… ""…"" …" and closed',
                "Export the file again, or mend the quotes in this row.",
            ) from error
        finally:
            csv.field_size_limit(limit)


def _plain(text: str, where: str, width: int, above: int, separator: str) -> pd.DataFrame | None:
    """A text without quotes and blank lines, read at once; None for any other text, which is read
    record by record: there a row's number or a fault's place needs counting."""
    ends = text.count("\r")
    if '"' in text or ends != text.count("\r\n") or text.startswith(("\n", "\r\n")):
        return None
    if "\n\n" in text or "\n\r\n" in text:
        return None
    names = [str(i) for i in range(width)]
    try:
        table = pyarrow.csv.read_csv(
            io.BytesIO(text.encode()),
            read_options=pyarrow.csv.ReadOptions(column_names=names, skip_rows=above),
            parse_options=pyarrow.csv.ParseOptions(delimiter=separator, quote_char=False),
            convert_options=pyarrow.csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False
            ),
        )
    except pa.ArrowInvalid:
        return None
    for position, column in enumerate(table.columns):
        lengths = pc.utf8_length(column)
        longest = pc.max(lengths).as_py() or 0
        if longest > LONGEST_CELL:
            row = pc.index(lengths, longest).as_py() + above + 1
            raise _too_long(f"{where}, row {row}, column {position + 1}")
    return _frame(table, range(above + 1, above + table.num_rows + 1))


def _quoted(where: str, rows: _Rows, width: int) -> pd.DataFrame:
    """The remaining records of any text; blank lines are left out but counted."""
    names = [str(i) for i in range(width)]
    numbers: list[int] = []
    tables = [pa.table({name: pa.array([], pa.large_string()) for name in names})]
    records = _whole(where, rows, width, numbers)
    while chunk := list(itertools.islice(records, _CHUNK)):
        columns = [pa.array(column, pa.large_string()) for column in zip(*chunk, strict=True)]
        tables.append(pa.table(columns, names=names))
    return _frame(pa.concat_tables(tables), numbers)


def _whole(where: str, rows: _Rows, width: int, numbers: list[int]) -> Iterator[list[str]]:
    for record in rows:
        if not record:
            continue
        if len(record) != width:
            raise DataError(
                f"{where}, row {rows.number}",
                f"{len(record)} cells",
                f"{width}, as in the header",
                "Look for a separator inside a cell, or a cell that is missing; such a cell "
                "belongs between double quotes.",
            )
        numbers.append(rows.number)
        yield record


def _too_long(place: str) -> DataError:
    return DataError(
        place,
        f"a cell of more than {LONGEST_CELL} characters",
        "a cell of a table",
        "Look for a double quote that is not closed, or remove the text.",
    )


def _frame(table: pa.Table, numbers: range | list[int]) -> pd.DataFrame:
    frame = table.to_pandas()
    frame.index = pd.Index(numbers, name="row", dtype="int64")
    return frame
