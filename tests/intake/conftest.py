"""One good export in every format, and the protocol that describes it.

The same three patients everywhere, so that whatever the format, cleaning gives the same table.
"""

import csv
import datetime
import io
import zipfile
from html import escape
from types import SimpleNamespace

import pytest

from resarc.protocol import Protocol

DAY = datetime.date
COLUMNS = ("pid", "sex", "size", "age", "resected", "operated", "died", "seen", "status", "note")
PATIENTS = (
    ("007", 2, 4.5, 61, DAY(2010, 2, 1), DAY(2012, 1, 3), None, DAY(2015, 1, 3), 0, "first"),
    ("102", 1, 12.0, 47, DAY(2009, 6, 15), DAY(2011, 8, 20), DAY(2012, 8, 20), DAY(2012, 8, 20), 1, "second"),
    ("NA", 9, None, 58, None, DAY(2013, 5, 5), None, DAY(2013, 6, 5), 0, ""),
)  # fmt: skip
LABELS = {"sex": {1: "Male", 2: "Female", 9: "Unknown"}, "status": {0: "Alive", 1: "Dead"}}


def protocol(source=None, more=(), **changes):
    """The study of the three patients; `source` is merged into its source, `more` are names of more
    columns of whole numbers."""
    source = {"kind": "registry", "file": "toy.csv", "exported": DAY(2020, 12, 31)} | (source or {})
    form = source.pop("date_format", "%Y-%m-%d")
    day = {"type": "date", "date_format": form}

    def variable(name, kind="", **more):
        return (
            {"name": name, "column": name, "label": name} | ({"type": kind} if kind else {}) | more
        )

    content = {
        "study": "toy",
        "reference": "toy",
        "title": "A toy",
        "population": "Toys",
        "origin_label": "operation",
        "time_zero": "operated",
        "source": source,
        "variables": [
            variable("pid", "identifier", required=True),
            variable("sex", "category", categories={"female": ["2"], "male": ["1"]}, missing=["", "9"]),
            variable("size", "number", unit="cm", minimum=0.1, maximum=60),
            variable("age", "integer", minimum=0, maximum=110, required=True),
            variable("resected", **day, minimum=DAY(1990, 1, 1)),
            variable("operated", **day),
            variable("died", **day),
            variable("seen", **day),
            variable("status", "category", categories={"alive": ["0"], "dead": ["1"]}),
            variable("note", "text"),
            *[variable(name, "integer") for name in more],
        ],
        "rules": [
            {"id": "in_order", "order": ["resected", "operated", "died"], "why": "in this order"},
            {
                "id": "dead_is_dated",
                "when": [{"variable": "status", "one_of": ["dead"]}],
                "then": [{"variable": "died", "present": True}],
                "why": "a death has a date",
            },
        ],
        "eligibility": [{"id": "all", "label": "All", "keep": [{"variable": "age", "present": True}]}],
        "endpoints": [
            {
                "name": "os",
                "label": "Overall survival",
                "definition": "death",
                "origin": "operated",
                "events": ["died"],
                "censored_at": "seen",
            }
        ],
        "analyses": [{"id": "a", "label": "a", "kind": "characteristics", "variables": ["age"]}],
    }  # fmt: skip
    return Protocol.model_validate(content | changes)


def text_of(value, decimal=".", date_format="%Y-%m-%d"):
    if value is None:
        return ""
    if isinstance(value, datetime.date):
        return value.strftime(date_format)
    if isinstance(value, float):
        value = int(value) if value.is_integer() else value
    return str(value).replace(".", decimal) if isinstance(value, float) else str(value)


def as_csv(
    rows=PATIENTS, columns=COLUMNS, separator=",", encoding="utf-8", decimal=".", form="%Y-%m-%d"
):
    """Bytes of a CSV."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=separator, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([text_of(cell, decimal, form) for cell in row] for row in rows)
    return out.getvalue().encode(encoding)


class Formula(str):
    """A formula cell, with the value that was last calculated, if any."""

    __slots__ = ("value",)

    def __new__(cls, text, value=None):
        cell = super().__new__(cls, text)
        cell.value = value
        return cell


def as_xlsx(
    rows=PATIENTS,
    columns=COLUMNS,
    above=(),
    merge=(),
    sheets=(("Patients", None),),
    date_1904=False,
):
    """Bytes of a workbook; a sheet without rows of its own has the patients."""
    import xlsxwriter

    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True, "date_1904": date_1904})
    day = book.add_format({"num_format": "dd.mm.yyyy"})
    for name, own in sheets:
        sheet = book.add_worksheet(name)
        for r, row in enumerate([*above, columns, *rows] if own is None else own):
            for c, cell in enumerate(row):
                if isinstance(cell, Formula):
                    sheet.write_formula(
                        r, c, str(cell), None, "" if cell.value is None else cell.value
                    )
                elif isinstance(cell, str):
                    sheet.write_string(r, c, cell)
                elif isinstance(cell, datetime.date):
                    sheet.write_datetime(
                        r, c, datetime.datetime.combine(cell, datetime.time()), day
                    )
                elif cell is not None:
                    sheet.write_number(r, c, cell)
        for area in merge:
            sheet.merge_range(area, "merged")
    book.close()
    return out.getvalue()


def as_ods(rows=PATIENTS, columns=COLUMNS):
    """Bytes of an OpenDocument spreadsheet, in the form that LibreOffice writes."""
    spaces = " ".join(
        f'xmlns:{short}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
        for short, name in (("office", "office"), ("table", "table"), ("text", "text"))
    )

    def cell(value):
        if isinstance(value, str) and value.startswith("<table:"):
            return value
        if value is None:
            return "<table:table-cell/>"
        if isinstance(value, datetime.date):
            kind = f'office:value-type="date" office:date-value="{value}"'
        elif isinstance(value, str):
            kind = 'office:value-type="string"'
        else:
            kind = f'office:value-type="float" office:value="{value}"'
        return (
            f"<table:table-cell {kind}><text:p>{escape(text_of(value))}</text:p></table:table-cell>"
        )

    table = "".join(
        f"<table:table-row>{''.join(map(cell, row))}</table:table-row>" for row in (columns, *rows)
    )
    kind = "application/vnd.oasis.opendocument.spreadsheet"
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("mimetype", kind)
        archive.writestr(
            "content.xml",
            f'<?xml version="1.0" encoding="UTF-8"?><office:document-content {spaces} '
            'office:version="1.3"><office:body><office:spreadsheet><table:table '
            f'table:name="Patients">{table}</table:table></office:spreadsheet></office:body>'
            "</office:document-content>",
        )
        archive.writestr(
            "META-INF/manifest.xml",
            '<?xml version="1.0"?><manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument'
            f':xmlns:manifest:1.0"><manifest:file-entry manifest:full-path="/" '
            f'manifest:media-type="{kind}"/></manifest:manifest>',
        )
    return out.getvalue()


def frame_of(rows, columns):
    import pandas as pd

    return pd.DataFrame(dict(zip(columns, zip(*rows, strict=True), strict=True)), dtype=object)


def as_sav(path, rows=PATIENTS, columns=COLUMNS, **more):
    """Write an SPSS file; sex 9 is declared missing."""
    import pyreadstat

    frame = frame_of(rows, columns)
    options = {"variable_value_labels": LABELS, "missing_ranges": {"sex": [9]}} | more
    pyreadstat.write_sav(typed(frame), path, **options)


def as_dta(path, rows=PATIENTS, columns=COLUMNS, **more):
    """Write a Stata file; sex 9 is the extended missing value .a."""
    import pyreadstat

    frame = typed(frame_of(rows, columns))
    frame["sex"] = ["a" if value == 9 else int(value) for value in frame["sex"]]
    labels = {name: {k: v for k, v in some.items() if k != 9} for name, some in LABELS.items()}
    options = {"variable_value_labels": labels, "missing_user_values": {"sex": ["a"]}} | more
    pyreadstat.write_dta(frame, path, **options)


def as_parquet(path, rows=PATIENTS, columns=COLUMNS):
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(
        pa.table({n: list(c) for n, c in zip(columns, zip(*rows, strict=True), strict=True)}), path
    )


def typed(frame):
    """Columns of numbers as numbers, so that they are written as such."""
    for name in frame.columns:
        values = [value for value in frame[name] if value is not None]
        if values and all(isinstance(value, int | float) for value in values):
            frame[name] = frame[name].astype(float)
    return frame


DICTIONARY_HEADER = (
    "Variable / Field Name,Form Name,Section Header,Field Type,Field Label,"
    '"Choices, Calculations, OR Slider Labels",Field Note,'
    "Text Validation Type OR Show Slider Number,Text Validation Min,Text Validation Max,Identifier?,"
    "Branching Logic (Show field only if...),Required Field?,Custom Alignment,"
    "Question Number (surveys only),Matrix Group Name,Matrix Ranking?,Field Annotation\n"
)


def dictionary(*extra):
    """A REDCap data dictionary of the toy; extra rows are (name, form, type, choices, validation,
    identifier)."""
    rows = [
        ("pid", "baseline", "text", "", "", ""),
        ("sex", "baseline", "radio", "1, Male | 2, Female | 9, Unknown, or not said", "", ""),
        ("size", "baseline", "text", "", "number", ""),
        ("age", "baseline", "text", "", "integer", ""),
        *[(name, "baseline", "text", "", "date_dmy", "") for name in ("resected", "operated", "died", "seen")],
        ("status", "baseline", "yesno", "", "", ""),
        ("note", "baseline", "notes", "", "", ""),
        *extra,
    ]  # fmt: skip
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    out.write(DICTIONARY_HEADER)
    for name, form, kind, choices, validation, identifier in rows:
        label = f"<b>{name}</b>"
        writer.writerow(
            [name, form, "", kind, label, choices, "", validation, "", "", identifier, *[""] * 7]
        )
    return out.getvalue().encode()


@pytest.fixture(scope="session")
def toy():
    """The writers, the patients and their protocol."""
    return SimpleNamespace(
        COLUMNS=COLUMNS,
        PATIENTS=PATIENTS,
        Formula=Formula,
        protocol=protocol,
        csv=as_csv,
        xlsx=as_xlsx,
        ods=as_ods,
        sav=as_sav,
        dta=as_dta,
        parquet=as_parquet,
        dictionary=dictionary,
    )
