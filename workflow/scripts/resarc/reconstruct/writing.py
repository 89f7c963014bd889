"""An export as a file in the format of its study's source, the same bytes whenever it is written.

Cells are typed as the format's users would have typed them: a number as a number, a day as a day, a
code that is a number as a number with its label. Reading the file back gives the texts again.
"""

from __future__ import annotations

import csv
import datetime
import io
import re
import tempfile
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from resarc.errors import ReconstructionError
from resarc.protocol import Protocol, Variable

FORM = "chart_review"
"""The one form of a REDCap project that is written."""

_NUMBER = re.compile(r"-?(?:0|[1-9]\d{0,14})(?:\.\d*[1-9])?")
_EPOCH = datetime.datetime(1980, 1, 1)
_MOST_DISCRETE = 3
"""SPSS declares so many single values of a variable missing."""

Cell = str | float | datetime.date | None


def as_bytes(export: pd.DataFrame, protocol: Protocol) -> bytes:
    """The export (texts by the protocol's columns) as a file of the format `source.format`, CSV by
    default. Raises `ReconstructionError` for a column whose name the format does not allow."""
    return _WRITERS[protocol.source.format or "csv"](export, protocol)


def dictionary(protocol: Protocol) -> bytes:
    """The data dictionary of a REDCap project that has the study's columns as its fields."""
    header = (
        "Variable / Field Name",
        "Form Name",
        "Section Header",
        "Field Type",
        "Field Label",
        "Choices, Calculations, OR Slider Labels",
        "Field Note",
        "Text Validation Type OR Show Slider Number",
        "Text Validation Min",
        "Text Validation Max",
        "Identifier?",
        "Branching Logic (Show field only if...)",
        "Required Field?",
        "Custom Alignment",
        "Question Number (surveys only)",
        "Matrix Group Name",
        "Matrix Ranking?",
        "Field Annotation",
    )
    rows = [header]
    for v in protocol.variables:
        kind, choices, validation = _redcap_field(v)
        bounds = [
            "" if x is None else f"{x:g}" if isinstance(x, float) else str(x)
            for x in (v.minimum, v.maximum)
        ]
        if not validation:
            bounds = ["", ""]
        marks = ["y" if v.type == "identifier" else "", "", "y" if v.required else ""]
        rows.append(
            (
                v.column,
                FORM,
                "",
                kind,
                v.label,
                choices,
                v.unit,
                validation,
                *bounds,
                *marks,
                *[""] * 5,
            )
        )
    return _csv(rows, ",")


def _redcap_field(v: Variable) -> tuple[str, str, str]:
    """Type, choices and validation of a field."""
    if v.type == "category":
        labels = {
            code: v.level_labels.get(level, level)
            for level, codes in v.categories.items()
            for code in codes
        }
        if set(labels) == {"0", "1"}:
            return "yesno", "", ""
        return "radio", " | ".join(f"{code}, {label}" for code, label in labels.items()), ""
    if v.type == "text":
        return "notes", "", ""
    return (
        "text",
        "",
        {"date": "date_ymd", "integer": "integer", "number": "number"}.get(v.type, ""),
    )


def _write_csv(export: pd.DataFrame, protocol: Protocol) -> bytes:
    rows = [tuple(export.columns), *export.itertuples(index=False, name=None)]
    source = protocol.source
    return _csv(rows, source.separator or ",", source.encoding or "utf-8")


def _write_redcap(export: pd.DataFrame, protocol: Protocol) -> bytes:
    for column in export.columns:
        if not re.fullmatch(r"[a-z][a-z0-9_]{0,99}", column):
            raise _bad_name(
                column, "REDCap", "small letters, digits and underscores, a letter first"
            )
    return _write_csv(export.assign(**{f"{FORM}_complete": "2"}), protocol)


def _csv(rows: list[tuple[str, ...]], separator: str, encoding: str = "utf-8") -> bytes:
    text = io.StringIO(newline="")
    # A cell with a lone carriage return is quoted only if the line end holds one.
    writer = csv.writer(text, delimiter=separator, lineterminator="\r\n")
    lines = []
    for row in rows:
        text.seek(0)
        text.truncate()
        writer.writerow(row)
        lines.append(text.getvalue().removesuffix("\r\n") + "\n")
    return "".join(lines).encode(encoding)


def _write_xlsx(export: pd.DataFrame, protocol: Protocol) -> bytes:
    import xlsxwriter

    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True, "strings_to_formulas": False})
    book.set_properties({"created": _EPOCH})
    day = book.add_format({"num_format": "yyyy-mm-dd"})
    sheet = book.add_worksheet(protocol.source.sheet or "Patients")
    sheet.freeze_panes(1, 0)
    for place, (column, cells) in enumerate(_typed(export, protocol, mixed=True).items()):
        sheet.write_string(0, place, column)
        sheet.set_column(place, place, max(10, min(len(column) + 2, 40)))
        for row, cell in enumerate(cells, start=1):
            if isinstance(cell, str):
                sheet.write_string(row, place, cell)
            elif isinstance(cell, datetime.date):
                sheet.write_datetime(row, place, cell, day)
            elif cell is not None:
                sheet.write_number(row, place, cell)
    book.close()
    return out.getvalue()


def _write_sav(export: pd.DataFrame, protocol: Protocol) -> bytes:
    import pyreadstat

    columns = _typed(export, protocol, mixed=False)
    for column in columns:
        if not re.fullmatch(r"[^\W\d_][\w.@#$]{0,63}(?<![._])", column):
            raise _bad_name(
                column, "SPSS", "letters, digits, _ . @ # $, a letter first, at most 64"
            )
    missing = {}
    for v in protocol.variables:
        if not any(isinstance(cell, float) for cell in columns[v.column]):
            continue
        codes = [float(code) for code in v.missing if _NUMBER.fullmatch(code)]
        if 0 < len(codes) <= _MOST_DISCRETE and v.type in ("category", "number", "integer"):
            missing[v.column] = codes

    def write(path: Path) -> None:
        pyreadstat.write_sav(
            _frame(columns),
            path,
            column_labels={v.column: v.label for v in protocol.variables},
            variable_value_labels=_value_labels(columns, protocol),
            missing_ranges=missing,
            row_compress=True,
        )

    content = bytearray(_written(write))
    # The file header holds when it was written: a day in 9 and a time in 8 characters (PSPP
    # Developers Guide, System File Format, File Header Record).
    content[92:109] = f"{_EPOCH:%d %b %y%H:%M:%S}".encode()
    return bytes(content)


def _write_dta(export: pd.DataFrame, protocol: Protocol) -> bytes:
    import pyreadstat

    columns = _typed(export, protocol, mixed=False)
    for column in columns:
        if not re.fullmatch(r"[^\W\d]\w{0,31}", column):
            raise _bad_name(
                column, "Stata", "letters, digits and underscores, a letter first, at most 32"
            )
    labels = {
        column: {int(code): label for code, label in some.items() if code == int(code)}
        for column, some in _value_labels(columns, protocol).items()
    }
    # Stata has labels for whole numbers only, and those it stores as such.
    frame = _frame(columns)
    for column in labels:
        if all(cell is not None and cell.is_integer() for cell in columns[column]):
            frame[column] = frame[column].astype("int32")

    def write(path: Path) -> None:
        pyreadstat.write_dta(
            frame,
            path,
            column_labels={v.column: v.label[:80] for v in protocol.variables},
            variable_value_labels=labels,
        )

    content = _written(write)
    # "dd Mon yyyy hh:mm" after its length (dta_118, section 5.1.6).
    stamp = b"<timestamp>\x11" + f"{_EPOCH:%d %b %Y %H:%M}".encode()
    return re.sub(rb"<timestamp>\x11.{17}", stamp, content, count=1, flags=re.DOTALL)


def _write_parquet(export: pd.DataFrame, protocol: Protocol) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    out = pa.BufferOutputStream()
    pq.write_table(pa.table(_typed(export, protocol, mixed=False)), out, compression="zstd")
    return out.getvalue().to_pybytes()


_WRITERS: dict[str, Callable[[pd.DataFrame, Protocol], bytes]] = {
    "csv": _write_csv,
    "redcap": _write_redcap,
    "xlsx": _write_xlsx,
    "sav": _write_sav,
    "dta": _write_dta,
    "parquet": _write_parquet,
}


def _typed(export: pd.DataFrame, protocol: Protocol, mixed: bool) -> dict[str, list[Cell]]:
    """Texts as what they mean; `mixed` allows numbers and texts in one column.

    Elsewhere a column has one type: a code for "missing" that does not fit it is an empty cell, and
    a category is numbers only if all its codes are.
    """
    return {
        v.column: [_cell(text, v, protocol, mixed) for text in export[v.column]]
        for v in protocol.variables
    }


def _cell(text: str, v: Variable, protocol: Protocol, mixed: bool) -> Cell:
    if text == "":
        return None if mixed or v.type in ("number", "integer", "date") or _numeric(v) else ""
    if v.type == "date":
        try:
            return datetime.datetime.strptime(text, v.date_format).date()
        except ValueError:
            return text if mixed else None
    if v.type in ("number", "integer"):
        plain = text.replace(protocol.source.decimal or ".", ".")
        if _is_number(plain):
            return float(plain)
        return text if mixed else None
    if v.type == "category" and (_numeric(v) or mixed):
        return float(text) if _NUMBER.fullmatch(text) else text if mixed else None
    return text


def _numeric(v: Variable) -> bool:
    """A category whose codes are all numbers."""
    codes = [code for some in v.categories.values() for code in some]
    return v.type == "category" and all(_NUMBER.fullmatch(code) for code in codes)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _value_labels(
    columns: dict[str, list[Cell]], protocol: Protocol
) -> dict[str, dict[float, str]]:
    return {
        v.column: {
            float(code): v.level_labels.get(level, level)
            for level, codes in v.categories.items()
            for code in codes
        }
        for v in protocol.variables
        if _numeric(v) and any(isinstance(cell, float) for cell in columns[v.column])
    }


def _frame(columns: dict[str, list[Cell]]) -> pd.DataFrame:
    """Columns as a frame in which numbers are floats, and a column without a value is one too."""
    frame = pd.DataFrame(columns, dtype=object)
    for name, cells in columns.items():
        if all(cell is None or isinstance(cell, float) for cell in cells):
            frame[name] = frame[name].astype(float)
    return frame


def _written(write: Callable[[Path], None]) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "export")
        write(path)
        return path.read_bytes()


def _bad_name(column: str, product: str, allowed: str) -> ReconstructionError:
    return ReconstructionError(
        "source.format",
        f"the column {column!r}, which {product} cannot have",
        f"names of {allowed}",
        "Rename the column in the protocol, or choose another format.",
    )
