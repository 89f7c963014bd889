"""Workbooks (xlsx, ods): each cell as text, and what a workbook can hide said instead of guessed.

Values, dates and merged cells come from calamine. What it gives as an empty cell although a reader
of the sheet sees something else (an error such as #DIV/0!, a formula that was never calculated) is
looked up in the sheet's own XML.
"""

from __future__ import annotations

import datetime
import io
import posixpath
import re
import zipfile
from collections.abc import Iterator
from typing import Literal
from xml.etree import ElementTree

import pandas as pd

from resarc.errors import DataError
from resarc.intake.content import LONGEST_CELL
from resarc.intake.reading import Expected, Reading, named, numbered, texts_of
from resarc.intake.table import Fact
from resarc.protocol import Layout

_NAMES = {"xlsx": "Excel (xlsx)", "ods": "OpenDocument (ods)"}
_MOST_BYTES = 2 * 1024**3
"""Unpacked size of a workbook; more is no table of patients."""

_TABLE = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
_OFFICE = "{urn:oasis:names:tc:opendocument:xmlns:office:1.0}"
_TEXT = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}"
_ERROR = re.compile(
    r"#(?:DIV/0!|N/A|NAME\?|NULL!|NUM!|REF!|VALUE!|SPILL!|CALC!|GETTING_DATA)|Err:\d+"
)

Oddity = tuple[int, int, Literal["uncalculated", "formula", "error", "merged"], str]
"""Row and column from 1 (of merged cells the last), what is odd there, and its text."""


def read_workbook(
    content: bytes, where: str, layout: Layout, expected: Expected, kind: Literal["xlsx", "ods"]
) -> Reading:
    """The cells of one sheet as text: 007 typed as text stays 007, the number 3.0 is "3", a date is
    written as the protocol's format says, an error such as #DIV/0! keeps its name.

    Raises `DataError` for a damaged or locked workbook, several sheets of which none is named, a
    header that is not where it should be, merged cells, and a formula without a calculated value.
    """
    import python_calamine as calamine

    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
            if size > _MOST_BYTES:
                raise DataError(
                    where,
                    f"a workbook of {size} bytes when unpacked",
                    f"at most {_MOST_BYTES}",
                    "Save the sheet as CSV.",
                )
            book = calamine.load_workbook(io.BytesIO(content))
            sheets = [
                about.name
                for about in book.sheets_metadata
                if about.typ == calamine.SheetTypeEnum.WorkSheet
            ]
            name, how = _sheet(book, sheets, layout, where)
            sheet = book.get_sheet_by_name(name)
            grid = sheet.to_python(skip_empty_area=False)
            ranges = sheet.merged_cell_ranges or []
            oddities = list((_odd_in_xlsx if kind == "xlsx" else _odd_in_ods)(archive, name))
    except calamine.PasswordError as error:
        raise DataError(
            where, "a workbook with a password", "one without", "Save it without a password."
        ) from error
    except (
        calamine.CalamineError,
        zipfile.BadZipFile,
        ElementTree.ParseError,
        KeyError,
        OSError,
    ) as error:
        raise DataError(
            where,
            f"a workbook that cannot be read ({str(error).strip()[:200]})",
            f"a whole {_NAMES[kind]} file",
            "Open it and save it again.",
        ) from error
    place = f"{where}, sheet {name!r}"
    oddities += [(high[0] + 1, high[1] + 1, "merged", _range(low, high)) for low, high in ranges]
    formulas = _refuse_or_mend(oddities, grid, place, layout.header)
    header = (
        [_header_text(cell) for cell in grid[layout.header - 1]]
        if len(grid) >= layout.header
        else []
    )
    if not any(text.strip() for text in header):
        raise DataError(
            f"{place}, row {layout.header}",
            "no names of columns",
            "the header",
            "Set 'source.header' to the row in which the names of the columns stand.",
        )
    width = max(map(len, grid))
    grid = [row + [""] * (width - len(row)) for row in grid]
    header += [""] * (width - len(header))
    frame, dates = _cells(grid, header, layout, expected, place)
    facts = [
        Fact("format", _NAMES[kind], "given" if layout.format else "detected"),
        Fact("sheet", name, how),
        Fact("header", f"row {layout.header}", "given"),
    ]
    if formulas:
        facts.append(Fact("formulas read by their last value", str(formulas), "counted"))
    return Reading(frame, tuple(facts), name, layout.decimal or ".", dates=dates)


def _sheet(book: object, sheets: list[str], layout: Layout, where: str) -> tuple[str, str]:
    if layout.sheet is not None:
        if layout.sheet not in sheets:
            raise DataError(
                where,
                f"no sheet {layout.sheet!r}",
                f"one of its sheets: {', '.join(map(repr, sheets))}",
                "Correct 'source.sheet' in the protocol.",
            )
        return layout.sheet, "given"
    filled = [name for name in sheets if book.get_sheet_by_name(name).total_height > 0]
    if len(filled) == 1:
        return filled[0], "detected"
    raise DataError(
        where,
        f"{len(filled)} sheets with content" if filled else "no sheet with content",
        "one sheet, or its name in the protocol",
        f"Set 'source.sheet' to one of {', '.join(map(repr, filled))}."
        if filled
        else "Look whether the right file was named; one saved as 'Strict Open XML' must be saved "
        "as an ordinary workbook.",
    )


def _cells(
    grid: list[list[object]], header: list[str], layout: Layout, expected: Expected, place: str
) -> tuple[pd.DataFrame, frozenset[str]]:
    names = [text.strip() for text in header]
    rows = [
        (number, row)
        for number, row in enumerate(grid[layout.header :], start=layout.header + 1)
        if any(cell != "" for cell in row)
    ]
    columns, dates = {}, set()
    for position, name in enumerate(names):
        values = [row[position] for _, row in rows]
        if any(isinstance(value, datetime.date) for value in values):
            dates.add(name)
        texts = texts_of(values, layout.decimal or ".", expected.date_formats.get(name))
        for (number, _), text in zip(rows, texts, strict=True):
            if len(text) > LONGEST_CELL:
                raise DataError(
                    f"{place}, cell {_cell(number, position + 1)}",
                    f"a cell of {len(text)} characters",
                    f"at most {LONGEST_CELL}",
                    "Remove the text.",
                )
        columns[str(position)] = texts
    frame = numbered(columns)
    frame.index = pd.Index([number for number, _ in rows], name="row", dtype="int64")
    return named(f"{place}, row {layout.header}", names, frame), frozenset(dates)


def _header_text(cell: object) -> str:
    return texts_of([cell], ".", None)[0]


def _refuse_or_mend(
    oddities: list[Oddity], grid: list[list[object]], place: str, header: int
) -> int:
    """Put the names of errors where they stand, refuse what cannot be read; the number of formulas."""
    formulas = 0
    for row, column, what, text in sorted(oddities):
        if row < header:
            continue
        cell = f"{place}, cell {_cell(row, column)}"
        if what == "merged":
            raise DataError(
                f"{place}, cells {text}",
                "merged cells",
                "one cell for each patient and column",
                "Unmerge them and fill in the value that each cell is meant to have.",
            )
        if what == "uncalculated":
            raise DataError(
                cell,
                "a formula without a calculated value",
                "a value",
                "Open the workbook, let it calculate, and save it; or paste the values.",
            )
        formulas += 1 if what == "formula" else 0
        if what == "error":
            grid += [[] for _ in range(row - len(grid))]
            grid[row - 1] += [""] * (column - len(grid[row - 1]))
            grid[row - 1][column - 1] = text
    return formulas


def _odd_in_xlsx(archive: zipfile.ZipFile, sheet: str) -> Iterator[Oddity]:
    """Formulas and errors of a sheet, from its XML (ECMA-376, Part 1, 18.3.1.4)."""
    raw = archive.read(_part_of_sheet(archive, sheet))
    # Most sheets have neither; searching bytes costs a hundredth of parsing them.
    if not re.search(rb"<(?:\w+:)?f[\s/>]|\st=[\"']e", raw):
        return
    row_number = 0
    for row in _elements(raw, "row"):
        row_number = int(row.get("r", row_number + 1))
        column = 0
        for cell in row:
            column = _column(cell.get("r", "")) or column + 1
            formula, value = cell.find("{*}f"), cell.find("{*}v")
            text = (value.text or "") if value is not None else ""
            if cell.get("t") == "e":
                yield row_number, column, "error", text or "#ERROR"
            elif formula is not None:
                # The value of a formula for text may be the empty text.
                known = text != "" or (value is not None and cell.get("t") == "str")
                yield row_number, column, "formula" if known else "uncalculated", ""
        row.clear()


def _part_of_sheet(archive: zipfile.ZipFile, sheet: str) -> str:
    root = ElementTree.fromstring(_safe(archive.read("_rels/.rels")))
    book = next(
        item.get("Target", "") for item in root if item.get("Type", "").endswith("/officeDocument")
    )
    book = book.lstrip("/")
    folder, file = posixpath.split(book)
    ids = {
        item.get("name"): next(value for key, value in item.items() if key.endswith("}id"))
        for item in ElementTree.fromstring(_safe(archive.read(book))).iterfind(".//{*}sheet")
    }
    links = ElementTree.fromstring(
        _safe(archive.read(posixpath.join(folder, "_rels", f"{file}.rels")))
    )
    target = next(item.get("Target", "") for item in links if item.get("Id") == ids[sheet])
    return (
        target.lstrip("/")
        if target.startswith("/")
        else posixpath.normpath(posixpath.join(folder, target))
    )


def _odd_in_ods(archive: zipfile.ZipFile, sheet: str) -> Iterator[Oddity]:
    """Formulas, errors and merged cells of a sheet (OpenDocument 1.3, Part 3, 9)."""
    raw = archive.read("content.xml")
    for table in _elements(raw, "table"):
        if table.get(f"{_TABLE}name") == sheet:
            row_number = 1
            for row in table.iter(f"{_TABLE}table-row"):
                rows = int(row.get(f"{_TABLE}number-rows-repeated", 1))
                column = 1
                for cell in row:
                    columns = int(cell.get(f"{_TABLE}number-columns-repeated", 1))
                    odd = list(_odd_ods_cell(cell, row_number, column))
                    yield from (
                        (line + down, place + across, what, text)
                        for line, place, what, text in odd
                        for down in range(rows)
                        for across in range(columns)
                    )
                    column += columns
                row_number += rows
        table.clear()


def _odd_ods_cell(cell: ElementTree.Element, row: int, column: int) -> Iterator[Oddity]:
    text = "".join("".join(line.itertext()) for line in cell.iter(f"{_TEXT}p"))
    down = int(cell.get(f"{_TABLE}number-rows-spanned", 1))
    across = int(cell.get(f"{_TABLE}number-columns-spanned", 1))
    if down > 1 or across > 1:
        low, high = (row - 1, column - 1), (row + down - 2, column + across - 2)
        yield high[0] + 1, high[1] + 1, "merged", _range(low, high)
    formula = cell.get(f"{_TABLE}formula")
    kind = cell.get(f"{_OFFICE}value-type")
    if formula is None and kind is not None:
        return
    if _ERROR.fullmatch(text):
        yield row, column, "error", text
    elif formula is not None:
        yield row, column, "uncalculated" if kind is None else "formula", ""


def _elements(raw: bytes, name: str) -> Iterator[ElementTree.Element]:
    """Elements of this name in any namespace (Excel writes a strict and a transitional one)."""
    for _, element in ElementTree.iterparse(io.BytesIO(_safe(raw))):
        if element.tag.rpartition("}")[2] == name:
            yield element


def _safe(raw: bytes) -> bytes:
    """XML of a workbook has no document type, so none is expanded."""
    if b"<!DOCTYPE" in raw or b"<!ENTITY" in raw:
        raise ElementTree.ParseError("a document type, which no workbook has")
    return raw


def _column(reference: str) -> int:
    """The column of a reference such as B3, from 1; 0 for none."""
    column = 0
    for letter in reference.rstrip("0123456789"):
        column = column * 26 + ord(letter) - ord("A") + 1
    return column


def _cell(row: int, column: int) -> str:
    letters = ""
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return f"{letters}{row}"


def _range(low: tuple[int, int], high: tuple[int, int]) -> str:
    return f"{_cell(low[0] + 1, low[1] + 1)}:{_cell(high[0] + 1, high[1] + 1)}"
