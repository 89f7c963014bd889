"""What can be wrong with an export: each corruption of a good one, and what must be said of it.

A line of the table is one corruption: what was done, the file, how it is made, and what must follow.
That is either a named error (a text that the message holds) or the named rejections (row, column,
rule) and nothing else. In every case rows in = rows kept + rows rejected, and what is kept is what
the good export gives.
"""

import datetime
import io
import os
import zipfile
from pathlib import Path

import pandas as pd
import pytest

from resarc import intake
from resarc.errors import DataError
from resarc.intake import content as reading_of_bytes

pytestmark = pytest.mark.unit

DAY = datetime.date


def raw(content):
    """These bytes, whatever the toy is."""
    return lambda _: content


def at(make):
    """Something else than a file, made at its path."""
    return lambda _: make


def cell(row, column, value):
    """A function of the toy: its patients with one cell (row as a spreadsheet counts) changed."""

    def rows(t):
        changed = [list(patient) for patient in t.PATIENTS]
        changed[row - 2][t.COLUMNS.index(column)] = value
        return changed

    return rows


def csv_with(row, column, value, **options):
    return lambda t: t.csv(cell(row, column, value)(t), **options)


def xlsx_with(row, column, value, **options):
    return lambda t: t.xlsx(cell(row, column, value)(t), **options)


def ods_with(row, column, value):
    return lambda t: t.ods(cell(row, column, value)(t))


def text(old, new):
    """The good CSV with one text replaced."""

    def make(t):
        good = t.csv().decode()
        assert old in good
        return good.replace(old, new, 1).encode()

    return make


def lines(change):
    """The good CSV with its list of lines changed."""
    return lambda t: ("\n".join(change(t.csv().decode().splitlines())) + "\n").encode()


def columns_swapped(one, other):
    """The values of two columns exchanged under headers that stayed."""

    def rows(t):
        a, b = t.COLUMNS.index(one), t.COLUMNS.index(other)
        changed = [list(patient) for patient in t.PATIENTS]
        for patient in changed:
            patient[a], patient[b] = patient[b], patient[a]
        return changed

    return rows


def renamed(old, new):
    return lambda t: t.csv(columns=[new if name == old else name for name in t.COLUMNS])


def cut(make, share=0.7):
    """A file that was not copied to its end."""

    def write(t):
        def to(path):
            made = make(t)
            if callable(made):
                made(path)
                made = path.read_bytes()
            path.write_bytes(made[: int(len(made) * share)])

        return to

    return write


def with_entry(name, change):
    """The good workbook with one file in it changed."""

    def make(t):
        out = io.BytesIO()
        with zipfile.ZipFile(io.BytesIO(t.xlsx())) as old, zipfile.ZipFile(out, "w") as new:
            for entry in old.namelist():
                content = old.read(entry)
                new.writestr(entry, change(content) if entry == name else content)
        return out.getvalue()

    return make


def sav(rows=lambda t: t.PATIENTS, **more):
    return lambda t: lambda path: t.sav(path, rows(t), **more)


def dta(rows=lambda t: t.PATIENTS, **more):
    return lambda t: lambda path: t.dta(path, rows(t), **more)


def redcap(main=lambda t: t.csv(), dictionary=lambda t: t.dictionary()):
    """An export beside its data dictionary."""

    def make(t):
        Path("dictionary.csv").write_bytes(dictionary(t))
        return main(t)

    return make


def beside(name, other):
    """The good CSV, and another file that is joined to it."""

    def make(t):
        Path(name).write_bytes(other(t))
        return t.csv(columns=t.COLUMNS)

    return make


def link(t):
    def to(path):
        (path.parent / "real.csv").write_bytes(t.csv())
        path.symlink_to("real.csv")

    return to


REDCAP = {"format": "redcap", "dictionary": "dictionary.csv"}
GERMAN = {"date_format": "%d.%m.%Y"}
MORE = {"join": [{"file": "more.csv", "key": "pid"}], "other_columns": "drop"}

CORRUPTIONS = [
    # -- the file itself --------------------------------------------------------------------------
    ("not there", "a.csv", at(lambda path: path), "no file"),
    ("a directory", "a.csv", at(Path.mkdir), "a directory"),
    ("a symbolic link", "a.csv", link, "a symbolic link"),
    ("a link to nothing", "a.csv", at(lambda path: path.symlink_to("none")), "a symbolic link"),
    ("a pipe", "a.csv", at(os.mkfifo), "a device or a pipe"),
    ("empty", "a.csv", raw(b""), "an empty file"),
    ("white space only", "a.csv", raw(b" \n\r\n"), "an empty file"),
    ("an ending nobody knows", "a.doc", lambda t: t.csv(), "a name that ends in '.doc'"),
    ("no ending", "export", lambda t: t.csv(), "a name without an ending"),
    ("a PDF", "a.csv", raw(b"%PDF-1.7 rest"), "a PDF document"),
    ("a workbook called CSV", "a.csv", lambda t: t.xlsx(), "an Excel workbook or another zip"),
    ("a CSV called workbook", "a.xlsx", lambda t: t.csv(), "something else"),
    ("an old or locked workbook", "a.xlsx", raw(b"\xd0\xcf\x11\xe0 rest"), "an old Excel"),
    ("Stata called SPSS", "a.sav", dta(), "a Stata file"),
    ("SPSS called Stata", "a.dta", sav(), "an SPSS file"),
    ("CSV called Parquet", "a.parquet", lambda t: t.csv(), "something else"),
    ("a web page", "a.csv", raw(b"<html><body>Log in</body></html>"), "no separator by which"),
    # -- encodings --------------------------------------------------------------------------------
    ("Latin-1 though UTF-8 is given", "a.csv", csv_with(2, "note", "größe", encoding="latin-1"),
     "line 2: found bytes that are not utf-8", {"encoding": "utf-8"}),
    ("Japanese, not named", "a.csv", csv_with(2, "note", "平滑筋肉腫", encoding="shift_jis"),
     "line 2: found bytes that are not utf-8"),
    ("Cyrillic, not named", "a.csv", csv_with(3, "note", "саркома", encoding="cp1251"),
     "line 3: found bytes that are not utf-8"),
    ("Macintosh, not named", "a.csv", csv_with(3, "note", "Hämatom", encoding="mac_roman"),
     "line 3: found bytes that are not utf-8"),
    ("UTF-16 without a mark", "a.csv", lambda t: t.csv(encoding="utf-16-le"), "line 1: found a NUL byte"),
    ("half a character of UTF-16", "a.csv", lambda t: t.csv(encoding="utf-16")[:-1], "not utf-16"),
    ("an encoding that does not exist", "a.csv", lambda t: t.csv(), "utf-99", {"encoding": "utf-99"}),
    ("a NUL byte", "a.csv", text("second", "sec\x00ond"), "line 3: found a NUL byte"),
    ("two byte-order marks", "a.csv", lambda t: b"\xef\xbb\xbf\xef\xbb\xbf" + t.csv(), "no column 'pid'"),
    ("UTF-8 though cp1252 is given", "a.csv", csv_with(2, "sex", "ü"), [(2, "sex", "code")],
     {"encoding": "cp1252"}),
    # -- lines, separators, quotes ----------------------------------------------------------------
    ("another separator than given", "a.csv", lambda t: t.csv(separator=";"),
     "columns that a semicolon separates", {"separator": ","}),
    ("a separator nobody uses", "a.csv", lambda t: t.csv(separator="~"), "no separator by which"),
    ("decimal comma between commas", "a.csv", text("4.5", "4,5"), "row 2: found 11 cells"),
    ("a separator in a text", "a.csv", text("second", "sec,ond"), "row 3: found 11 cells"),
    ("a cell too few", "a.csv", text(",first", ""), "row 2: found 9 cells"),
    ("a line of totals", "a.csv", lambda t: t.csv() + b"3 patients\n", "row 5: found 1 cells"),
    ("a quote not closed", "a.csv", text("first", '"first'), "row 2: found a cell that is not quoted"),
    ("text after a quote", "a.csv", text("first", '"fi"rst'), "row 2: found a cell that is not quoted"),
    ("200 MB in a cell", "a.csv", lambda t: t.csv().replace(b"first", b"x" * 200_000_000),
     "row 2: found a cell of more than 1000000 characters"),
    ("header only", "a.csv", lines(lambda all: all[:1]), "row 2: found the end of the file"),
    # -- headers ----------------------------------------------------------------------------------
    ("no header", "a.csv", lines(lambda all: all[1:]), "no separator by which the header has"),
    ("a title above the header", "a.csv", lambda t: b"Our registry\n" + t.csv(), "Set 'source.separator' .and 'source.header'"),
    ("an empty line above the header", "a.csv", lambda t: b"\n" + t.csv(), "row 1: found no names", {"separator": ","}),
    ("header after the end", "a.csv", lambda t: t.csv(), "row 9: found no names", {"header": 9, "separator": ","}),
    ("a column missing", "a.csv", renamed("size", "tumour"), "no column 'size'"),
    ("a column in capitals", "a.csv", renamed("size", "SIZE"), "no column 'size'"),
    ("a column misspelt", "a.csv", renamed("resected", "resceted"), "no column 'resected', but 'resceted'"),
    ("a column twice", "a.csv", lambda t: t.csv([[*row, row[3]] for row in t.PATIENTS], [*t.COLUMNS, "age"]),
     "column 11: found the name 'age' a second time"),
    ("a column without a name", "a.csv", renamed("note", ""), "column 10: found no name"),
    ("a column nobody described", "a.csv", lambda t: t.csv([[*row, 1] for row in t.PATIENTS], [*t.COLUMNS, "name"]),
     "column 11: found the unknown column 'name'"),
    # -- workbooks --------------------------------------------------------------------------------
    ("a damaged workbook", "a.xlsx", cut(lambda t: t.xlsx()), "cannot be read"),
    ("a workbook called OpenDocument", "a.ods", lambda t: t.xlsx(), "cannot be read"),
    ("a document type in a workbook", "a.xlsx",
     with_entry("xl/workbook.xml", lambda xml: xml.replace(b"<workbook", b"<!DOCTYPE a [<!ENTITY b 'c'>]><workbook", 1)),
     "a document type, which no workbook has"),
    ("no sheet with content", "a.xlsx", lambda t: t.xlsx(sheets=[("A", [])]), "no sheet with content"),
    ("two sheets, none named", "a.xlsx", lambda t: t.xlsx(sheets=[("A", None), ("B", None)]),
     "2 sheets with content.*one of 'A', 'B'"),
    ("a sheet that is not there", "a.xlsx", lambda t: t.xlsx(), "no sheet 'B'.*'Patients'", {"sheet": "B"}),
    ("a title above the header of a sheet", "a.xlsx", lambda t: t.xlsx(above=[["Our registry"]]),
     "row 1, column 2: found no name"),
    ("merged cells", "a.xlsx", lambda t: t.xlsx(merge=["B2:B3"]), "cells B2:B3: found merged cells"),
    ("a header merged with a patient", "a.xlsx", lambda t: t.xlsx(merge=["J1:J2"]), "cells J1:J2: found merged"),
    ("a formula never calculated", "a.xlsx", lambda t: t.xlsx(cell(3, "age", t.Formula("=1+1"))(t)),
     "cell D3: found a formula without a calculated value"),
    ("a formula that failed", "a.xlsx", lambda t: t.xlsx(cell(3, "size", t.Formula("=1/0", "#DIV/0!"))(t)),
     [(3, "size", "number")]),
    ("a look-up without a match", "a.xlsx", lambda t: t.xlsx(cell(3, "sex", t.Formula("=NA()", "#N/A"))(t)),
     [(3, "sex", "code")]),
    ("Excel made a date of a number", "a.xlsx", xlsx_with(2, "size", DAY(2024, 5, 4)), [(2, "size", "number")]),
    ("a day as a number", "a.xlsx", xlsx_with(2, "resected", 40210), [(2, "resected", "date")]),
    ("a date as text among dates", "a.xlsx", xlsx_with(2, "resected", "01.02.2010"), [(2, "resected", "date")]),
    ("a date with a time", "a.ods",
     ods_with(2, "resected", '<table:table-cell office:value-type="date" office:date-value="2010-02-01T10:30:00"/>'),
     [(2, "resected", "date")]),
    ("a logical value", "a.ods",
     ods_with(2, "size", '<table:table-cell office:value-type="boolean" office:boolean-value="true"/>'),
     [(2, "size", "number")]),
    ("merged cells of OpenDocument", "a.ods",
     ods_with(2, "note", '<table:table-cell table:number-rows-spanned="2" office:value-type="string"><text:p>x</text:p></table:table-cell>'),
     "cells J2:J3: found merged cells"),
    ("a formula of OpenDocument never calculated", "a.ods",
     ods_with(4, "age", '<table:table-cell table:formula="of:=1+1"/>'), "cell D4: found a formula without"),
    ("a formula of OpenDocument that failed", "a.ods",
     ods_with(4, "size", '<table:table-cell table:formula="of:=1/0" office:value-type="string" office:string-value=""><text:p>#DIV/0!</text:p></table:table-cell>'),
     [(4, "size", "number")]),
    ("a damaged OpenDocument sheet", "a.ods", cut(lambda t: t.ods()), "cannot be read"),
    # -- SPSS, Stata, Parquet ---------------------------------------------------------------------
    ("a damaged SPSS file", "a.sav", cut(sav()), "cannot be read"),
    ("a damaged Stata file", "a.dta", cut(dta()), "cannot be read"),
    ("a damaged Parquet file", "a.parquet", cut(lambda t: t.parquet), "cannot be read"),
    ("one label for two codes", "a.sav", sav(variable_value_labels={"sex": {1: "M", 2: "M"}}),
     "the label 'M' for the codes 1 and 2", {"values": "labels"}),
    ("labels where the protocol has codes", "a.sav", sav(), [(2, "sex", "code"), (2, "status", "code"),
     (3, "sex", "code"), (3, "status", "code"), (4, "status", "code")], {"values": "labels"}),
    ("a moment where a day belongs", "a.sav", sav(lambda t: cell(2, "resected", datetime.datetime(2010, 2, 1, 8, 15))(t)),
     [(2, "resected", "date")]),
    ("Stata's missing where a value is required", "a.dta",
     dta(lambda t: cell(3, "age", "a")(t), missing_user_values={"sex": ["a"], "age": ["a"]}), [(3, "age", "required")]),
    ("lists in a Parquet column", "a.parquet", lambda t: lambda path: t.parquet(path, cell(2, "note", ["a"])(t)[:1]),
     "column 'note': found cells of type list"),
    # -- REDCap -----------------------------------------------------------------------------------
    ("labels instead of codes", "a.csv", redcap(lambda t: t.csv([[*r[:1], "Male", *r[2:]] for r in t.PATIENTS])),
     "column 'sex': found labels instead of codes", REDCAP),
    ("a column of another project", "a.csv",
     redcap(lambda t: t.csv([[*r, 1] for r in t.PATIENTS], [*t.COLUMNS, "other"])), "'other', which is no field", REDCAP),
    ("no dictionary", "a.csv", redcap(dictionary=lambda t: t.csv()), "dictionary.csv, row 1: found no separator", REDCAP),
    ("a dictionary with a broken choice", "a.csv",
     redcap(dictionary=lambda t: t.dictionary(("x", "f", "radio", "1 Male", "", ""))), "the choice '1 Male'", REDCAP),
    ("an identifier read as a date", "a.csv",
     redcap(dictionary=lambda t: t.dictionary().replace(b"date_dmy,,,,", b"date_dmy,,,y,", 1)),
     "'resected', which the data dictionary marks as identifying", REDCAP),
    # -- several files ----------------------------------------------------------------------------
    ("a joined file without the key", "a.csv", beside("more.csv", lambda t: t.csv([["007", 1]], ["id", "x"])),
     "more.csv: found no column 'pid'", MORE),
    ("a column in both files", "a.csv", beside("more.csv", lambda t: t.csv([["007", 61, 1]], ["pid", "age", "x"])),
     "'age', which a.csv has too", MORE),
    ("a patient twice in a joined file", "a.csv",
     beside("more.csv", lambda t: t.csv([["102", 1], ["102", 2]], ["pid", "x"])),
     [(2, "pid", "joined rows"), (3, "pid", "joined rows"), (3, "x", "joined rows")], MORE),
    ("nobody's row in a joined file", "a.csv", beside("more.csv", lambda t: t.csv([["9", 1]], ["pid", "x"])),
     [(2, "pid", "key")], MORE),
    # -- cells ------------------------------------------------------------------------------------
    ("decimal point and decimal comma", "a.csv", lambda t: t.csv(cell(3, "size", "12,5")(t), separator=";"),
     "a decimal point .column 'size'. and with a decimal comma"),
    ("a decimal point where a comma is given", "a.csv", lambda t: t.csv(separator=";"), [(2, "size", "number")], {"decimal": ","}),
    ("a thousands separator", "a.csv", csv_with(2, "size", "4,000.5", separator=";"), [(2, "size", "number")], {"decimal": "."}),
    ("a unit in the cell", "a.csv", csv_with(2, "size", "4.5 cm"), [(2, "size", "number")]),
    ("a comparison", "a.csv", csv_with(2, "size", "<5"), [(2, "size", "number")]),
    ("nan", "a.csv", csv_with(2, "size", "nan"), [(2, "size", "number")]),
    ("too large for a number", "a.csv", csv_with(2, "size", "1e999"), [(2, "size", "number")]),
    ("full-width digits", "a.csv", csv_with(2, "age", "６１"), [(2, "age", "whole number")]),
    ("a fraction of a year", "a.csv", csv_with(2, "age", 61.5), [(2, "age", "whole number")]),
    ("a negative age", "a.csv", csv_with(2, "age", -61), [(2, "age", "range")]),
    ("a required value missing", "a.csv", csv_with(2, "age", " "), [(2, "age", "required")]),
    ("another code", "a.csv", csv_with(2, "sex", 3), [(2, "sex", "code")]),
    ("a code with zeros before it", "a.csv", csv_with(2, "sex", "02"), [(2, "sex", "code")]),
    ("NA where it is no code", "a.csv", csv_with(2, "sex", "NA"), [(2, "sex", "code")]),
    ("German dates, not named", "a.csv", lambda t: t.csv(form="%d.%m.%Y"),
     [(2, "resected", "date"), (2, "operated", "date"), (2, "seen", "date"), (3, "resected", "date"),
      (3, "operated", "date"), (3, "died", "date"), (3, "died", "dead_is_dated"), (3, "seen", "date"), (4, "operated", "date"), (4, "seen", "date")]),
    ("one American date among German ones", "a.csv", csv_with(2, "resected", "02/28/2010", form="%d.%m.%Y"),
     [(2, "resected", "date")], GERMAN),
    ("a year of two digits", "a.csv", csv_with(2, "resected", "01.02.10", form="%d.%m.%Y"), [(2, "resected", "date")], GERMAN),
    ("31 February", "a.csv", csv_with(2, "resected", "2010-02-31"), [(2, "resected", "date")]),
    ("the word today", "a.csv", csv_with(2, "resected", "today"), [(2, "resected", "date")]),
    ("a day after the export", "a.csv", csv_with(2, "seen", DAY(2051, 1, 3)), [(2, "seen", "future")]),
    ("a negative time", "a.csv", csv_with(2, "seen", DAY(2011, 1, 3)), [(2, "seen", "endpoint os")]),
    ("operated after death", "a.csv", csv_with(3, "died", DAY(2010, 8, 20)), [(3, "died", "in_order")]),
    ("dead without a date", "a.csv", csv_with(2, "status", 1), [(2, "died", "dead_is_dated")]),
    ("two columns exchanged", "a.csv", lambda t: t.csv(columns_swapped("sex", "status")(t)),
     [(2, "sex", "code"), (2, "status", "code"), (4, "sex", "code"), (4, "status", "code")]),
    ("two dates exchanged", "a.csv", lambda t: t.csv(columns_swapped("operated", "seen")(t)),
     [(2, "seen", "endpoint os"), (3, "seen", "endpoint os"), (4, "seen", "endpoint os")]),
    ("a row shifted by one cell", "a.csv", lambda t: t.csv([["", *t.PATIENTS[0][:-1]], *t.PATIENTS[1:]]),
     [(2, "pid", "required"), (2, "sex", "code"), (2, "age", "whole number"), (2, "resected", "date"),
      (2, "status", "code")]),
    ("a patient twice, with other values", "a.csv",
     lambda t: t.csv([*t.PATIENTS, [*t.PATIENTS[0][:3], 62, *t.PATIENTS[0][4:]]]), [(2, "pid", "duplicate"), (5, "pid", "duplicate")]),
    ("a patient twice, all the same", "a.csv", lambda t: t.csv([*t.PATIENTS, t.PATIENTS[1]]), [(5, "pid", "repeated row")]),
    ("a row of empty cells", "a.csv", lambda t: t.csv([*t.PATIENTS, [""] * 10]), [(5, "", "empty row")]),
    ("a formula to run", "a.csv", csv_with(2, "size", "=HYPERLINK(A1)"), [(2, "size", "number")]),
    ("a command to run", "a.csv", csv_with(2, "sex", "@SUM(1+1)*cmd|' /C calc'!A0"), [(2, "sex", "code")]),
    ("markup", "a.csv", csv_with(2, "sex", "<script>alert(1)</script>"), [(2, "sex", "code")]),
    ("a path", "a.csv", csv_with(2, "sex", "../../etc/passwd"), [(2, "sex", "code")]),
]  # fmt: skip


def test_there_are_enough_of_them_and_each_is_another():
    names = [line[0] for line in CORRUPTIONS]
    assert len(set(names)) == len(names) >= 60


@pytest.fixture(scope="module")
def usual(toy, tmp_path_factory):
    """The clean table of the good export."""
    path = tmp_path_factory.mktemp("good") / "good.csv"
    path.write_bytes(toy.csv())
    study = toy.protocol({"file": path})
    result = intake.clean(intake.read_source(path, study), study)
    assert len(result.clean) == 3
    return result.clean.set_index("patient")


@pytest.mark.parametrize(
    ("name", "make", "expected", "source"),
    [(*line[1:4], line[4] if len(line) > 4 else {}) for line in CORRUPTIONS],
    ids=[line[0] for line in CORRUPTIONS],
)
def test_a_corruption_ends_in_a_named_error_or_a_named_rejection(
    name, make, expected, source, usual, toy, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    made = make(toy)
    if callable(made):
        made(tmp_path / name)
    else:
        (tmp_path / name).write_bytes(made)
    study = toy.protocol({"file": name} | source, more=("x",) if "join" in source else ())

    if isinstance(expected, str):
        with pytest.raises(DataError, match=expected) as caught:
            intake.read_source(study.source.file, study)
        assert caught.value.remedy
        assert any(
            named in str(caught.value) for named in (name, "dictionary.csv", "more.csv", "source.")
        )
        return

    table = intake.read_source(study.source.file, study)
    result = intake.clean(table, study)
    found = [tuple(row) for row in result.rejected[["row", "column", "rule"]].to_numpy()]
    assert sorted(found) == sorted(expected)
    assert (result.rejected["reason"] != "").all()
    assert (result.rejected["remedy"] != "").all()
    rejected = set(result.rejected["main_row"].dropna())
    assert len(table.cells) == len(result.clean) + len(rejected)
    clean = result.clean.set_index("patient")
    pd.testing.assert_frame_equal(
        clean[list(usual)], usual.loc[list(clean.index)], check_dtype=False, check_index_type=False
    )


def test_a_file_that_changes_while_it_is_read(toy, tmp_path, monkeypatch):
    """Somebody saves the export again between the first byte and the last."""
    path = tmp_path / "a.csv"
    path.write_bytes(toy.csv())
    opened = Path.open

    def open_and_be_overtaken(self, *arguments, **options):
        handle = opened(self, *arguments, **options)
        if self == path and "r" in (arguments or ("",))[0]:
            with opened(path, "ab") as other:
                other.write(b"103,1,1,1,,,,,0,\n")
        return handle

    monkeypatch.setattr(reading_of_bytes.Path, "open", open_and_be_overtaken)
    with pytest.raises(DataError, match="changed while it was read"):
        intake.read_source(path, toy.protocol({"file": path}))


def test_a_file_that_is_replaced_while_it_is_read(toy, tmp_path, monkeypatch):
    path = tmp_path / "a.csv"
    path.write_bytes(toy.csv())
    opened = Path.open

    def open_and_be_replaced(self, *arguments, **options):
        handle = opened(self, *arguments, **options)
        if self == path and "r" in (arguments or ("",))[0]:
            (tmp_path / "b.csv").write_bytes(toy.csv())
            (tmp_path / "b.csv").replace(path)
        return handle

    monkeypatch.setattr(reading_of_bytes.Path, "open", open_and_be_replaced)
    with pytest.raises(DataError, match="changed while it was read"):
        intake.read_source(path, toy.protocol({"file": path}))


def test_a_workbook_that_unpacks_to_gigabytes_is_not_unpacked(toy, tmp_path, monkeypatch):
    from resarc.intake import workbook

    monkeypatch.setattr(workbook, "_MOST_BYTES", 1000)
    path = tmp_path / "a.xlsx"
    path.write_bytes(toy.xlsx())
    with pytest.raises(DataError, match="bytes when unpacked"):
        intake.read_source(path, toy.protocol({"file": path}))
