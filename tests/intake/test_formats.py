"""The same patients in every format give the same table, and how they were read is stated."""

import datetime

import numpy as np
import pandas as pd
import pytest

from resarc import intake
from resarc.errors import DataError
from resarc.intake.reading import Expected
from resarc.intake.source import read_file
from resarc.protocol import Layout

pytestmark = pytest.mark.unit


@pytest.fixture
def read(toy, tmp_path, monkeypatch):
    """A function: write a file of the toy, read and clean it; `source` is merged into its protocol."""
    monkeypatch.chdir(tmp_path)

    def run(content, name, source=None, **changes):
        if callable(content):
            content(tmp_path / name)
        else:
            (tmp_path / name).write_bytes(content)
        study = toy.protocol({"file": name} | (source or {}), **changes)
        table = intake.read_source(study.source.file, study)
        return table, intake.clean(table, study)

    return run


EXPECTED = pd.DataFrame(
    {
        "patient": ["P0001", "P0002", "P0003"],
        "sex": ["female", "male", None],
        "size": [4.5, 12.0, np.nan],
        "age": [61.0, 47.0, 58.0],
        # 1 Feb 2010 to 3 Jan 2012 is 701 days, 15 June 2009 to 20 Aug 2011 is 796
        "resected": [-701.0, -796.0, np.nan],
        "operated": [0.0, 0.0, 0.0],
        "died": [np.nan, 366.0, np.nan],
        "seen": [1096.0, 366.0, 31.0],
        "status": ["alive", "dead", "alive"],
        "operated_year": [2012.0, 2011.0, 2013.0],
    }
)


def facts(table):
    about = table.description()
    return {(what, value, how) for what, value, how in about[["what", "value", "how"]].to_numpy()}


FORMATS = {
    "CSV": (lambda t: t.csv(), "a.csv", {}),
    "semicolons, decimal comma, German dates, cp1252": (
        lambda t: t.csv([[*row[:-1], "größer"] for row in t.PATIENTS], separator=";", decimal=",",
                        form="%d.%m.%Y", encoding="cp1252"),
        "a.csv", {"date_format": "%d.%m.%Y"},
    ),
    "tabulators": (lambda t: t.csv(separator="\t"), "a.tsv", {}),
    "vertical bars": (lambda t: t.csv(separator="|"), "a.txt", {}),
    "UTF-16 with a mark": (lambda t: t.csv(encoding="utf-16"), "a.csv", {}),
    "a header in row 3": (lambda t: b"Export of 2020\nby the clinic\n" + t.csv(), "a.csv", {"header": 3}),
    "Excel": (lambda t: t.xlsx(), "a.xlsx", {}),
    "Excel, dates as the protocol writes them": (lambda t: t.xlsx(), "a.xlsx", {"date_format": "%d.%m.%Y"}),
    "Excel, decimal comma in the protocol": (lambda t: t.xlsx(), "a.xlsx", {"decimal": ","}),
    "Excel, days counted from 1904": (lambda t: t.xlsx(date_1904=True), "a.xlsx", {}),
    "Excel, second sheet": (
        lambda t: t.xlsx(sheets=[("Read me", [["text"]]), ("Patients", None)]), "a.xlsx", {"sheet": "Patients"},
    ),
    "Excel, title above, merged": (
        lambda t: t.xlsx(above=[["Our registry"], []], merge=["A1:C2"]), "a.xlsx", {"header": 3},
    ),
    "Excel, calculated formulas": (
        lambda t: t.xlsx([[*row[:3], t.Formula("=2020-1959", row[3]), *row[4:]] for row in t.PATIENTS]),
        "a.xlsx", {},
    ),
    "OpenDocument": (lambda t: t.ods(), "a.ods", {}),
    "SPSS": (lambda t: t.sav, "a.sav", {}),
    "SPSS, compressed": (lambda t: lambda path: t.sav(path, compress=True), "a.zsav", {}),
    "Stata": (lambda t: t.dta, "a.dta", {}),
    "Stata 10": (lambda t: lambda path: t.dta(path, version=10), "a.dta", {}),
    "Parquet": (lambda t: t.parquet, "a.parquet", {}),
    "CSV under another name": (lambda t: t.csv(), "a.dat", {"format": "csv"}),
}  # fmt: skip


@pytest.mark.parametrize(("make", "name", "source"), FORMATS.values(), ids=FORMATS)
def test_every_format_gives_the_same_patients(make, name, source, toy, read):
    table, result = read(make(toy), name, source)
    assert result.rejected.empty, result.rejected.to_string()
    pd.testing.assert_frame_equal(result.clean, EXPECTED)
    assert table.cells["pid"].tolist() == ["007", "102", "NA"]
    first = 2 + (source.get("header", 1) - 1)
    assert table.cells.index.tolist() == [first, first + 1, first + 2]
    assert table.cells["size"].tolist()[1] == "12"


def test_what_was_detected_and_what_was_given_is_stated(toy, read):
    text = toy.csv(separator=";", decimal=",", encoding="utf-16")
    table, _ = read(text, "a.csv")
    assert facts(table) >= {
        ("format", "text with separators", "detected"),
        ("encoding", "utf-16", "detected"),
        ("separator", "semicolon", "detected"),
        ("decimal mark", "comma", "detected"),
        ("rows", "3", "counted"),
    }
    given = {"separator": ";", "decimal": ",", "encoding": "utf-16", "format": "csv"}
    assert {how for _, _, how in facts(read(text, "a.csv", given)[0])} == {"given", "counted"}
    about = read(text, "a.csv")[0].description()
    assert set(about["file"]) == {"a.csv"}


def test_given_settings_overrule_what_would_be_detected(toy, read):
    """The whole header is one column to a tabulator, and the point is no decimal comma."""
    with pytest.raises(DataError, match="columns that a comma separates"):
        read(toy.csv(), "a.csv", {"separator": "\t"})
    _, result = read(toy.csv(), "a.csv", {"decimal": ","})
    assert result.rejected[["row", "column", "rule"]].to_numpy().tolist() == [[2, "size", "number"]]


def test_text_stays_text_and_numbers_lose_nothing(tmp_path, toy):
    rows = [
        ["007", 7, 3.0, 0.1 + 0.2, 1e20, 12345678901234, " a ", "1e5", "TRUE", 0.45],
        ["00", -7, -0.0, 1e-7, 1.5, 2.0, "", "03.04.2020", "NA", 1e15],
    ]
    expected = [
        ["007", "7", "3", "0.30000000000000004", "1e+20", "12345678901234", " a ", "1e5", "TRUE", "0.45"],
        ["00", "-7", "0", "1e-07", "1.5", "2", "", "03.04.2020", "NA", "1000000000000000"],
    ]  # fmt: skip
    columns = list("abcdefghij")
    rounded = [*expected[0][:3], "0.3", *expected[0][4:]]  # Excel itself keeps 15 to 17 digits
    for name, write, first in (
        ("a.xlsx", lambda p: p.write_bytes(toy.xlsx(rows, columns)), rounded),
        ("a.ods", lambda p: p.write_bytes(toy.ods(rows, columns)), expected[0]),
        ("a.parquet", lambda p: toy.parquet(p, rows, columns), expected[0]),
    ):
        write(tmp_path / name)
        found = read_file(tmp_path / name, Layout(), Expected()).frame
        assert found.to_numpy().tolist() == [first, expected[1]], name


def test_single_precision_has_its_own_digits(tmp_path):
    """1.1 in four bytes is no 1.100000023841858."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    frame = pd.DataFrame({"x": np.array([1.1, np.nan], dtype="float32")})
    frame.to_stata(tmp_path / "a.dta", write_index=False)
    pq.write_table(pa.table({"x": pa.array([1.1, None], pa.float32())}), tmp_path / "a.parquet")
    for name in ("a.dta", "a.parquet"):
        found = read_file(tmp_path / name, Layout(), Expected()).frame
        assert found["x"].tolist() == ["1.1", ""], name


def test_parquet_types(tmp_path):
    import decimal

    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = {
        "category": pa.array(["a", None]).dictionary_encode(),
        "logical": pa.array([True, None]),
        "money": pa.array([decimal.Decimal("3.50"), None], pa.decimal128(10, 2)),
        "moment": pa.array([datetime.datetime(2020, 4, 3), datetime.datetime(2020, 4, 3, 10, 5)]),
        "whole": pa.array([3, None], pa.int64()),
        "nothing": pa.nulls(2),
    }
    pq.write_table(pa.table(columns), tmp_path / "a.parquet")
    found = read_file(tmp_path / "a.parquet", Layout(), Expected())
    assert found.frame.to_numpy().tolist() == [
        ["a", "TRUE", "3.5", "2020-04-03", "3", ""],
        ["", "", "", "2020-04-03 10:05:00", "", ""],
    ]
    assert found.dates == {"moment"}


def test_a_date_cell_is_not_written_in_a_form_that_loses_its_century(tmp_path, toy):
    """With %y, 1920 would come back as 2020; so it stays in full and is rejected by its format."""
    path = tmp_path / "a.xlsx"
    path.write_bytes(toy.xlsx([[datetime.date(1920, 4, 3)], [datetime.date(1999, 4, 3)]], ["born"]))
    found = read_file(path, Layout(), Expected(date_formats={"born": "%d.%m.%y"}))
    assert found.frame["born"].tolist() == ["1920-04-03", "03.04.99"]


# -- statistical packages ----------------------------------------------------------------------


def test_labels_may_be_read_instead_of_codes(toy, read):
    variables = [v.model_dump(exclude_unset=True) for v in toy.protocol().variables]
    variables[1] |= {"categories": {"female": ["Female"], "male": ["Male"]}, "missing": [""]}
    variables[8] |= {"categories": {"alive": ["Alive"], "dead": ["Dead"]}}
    for write, name in ((toy.sav, "a.sav"), (toy.dta, "a.dta")):
        table, result = read(write, name, {"values": "labels"}, variables=variables)
        pd.testing.assert_frame_equal(result.clean, EXPECTED)
        assert ("values", "labels", "given") in facts(table)


def test_what_the_file_declares_missing_is_counted_and_a_level_of_the_protocol_wins(toy, read):
    codes = {"a.sav": (toy.sav, "9"), "a.dta": (toy.dta, ".a")}
    for name, (write, code) in codes.items():
        table, _ = read(write, name)
        assert ("declared missing by the file", f"sex: {code} (1)", "detected") in facts(table)
        assert table.cells["sex"].tolist() == ["2", "1", ""]
        variables = [v.model_dump(exclude_unset=True) for v in toy.protocol().variables]
        variables[1] |= {
            "categories": {"female": ["2"], "male": ["1"], "unknown": [code]},
            "missing": [""],
        }
        table, result = read(write, name, variables=variables)
        assert result.clean["sex"].tolist() == ["female", "male", "unknown"]
        assert not any(what == "declared missing by the file" for what, _, _ in facts(table))


def test_ranges_of_spss_missing_values(toy, read):
    options = {"missing_ranges": {"age": [{"lo": 50, "hi": 60}, 61], "note": ["second"]}}
    table, _ = read(lambda path: toy.sav(path, **options), "a.sav")
    assert table.cells["age"].tolist() == ["", "47", ""]
    assert table.cells["note"].tolist() == ["first", "", ""]
    assert ("declared missing by the file", "age: 58 (1), 61 (1)", "detected") in facts(table)


# -- REDCap -------------------------------------------------------------------------------------


def redcap(toy, read, extra=(), columns=(), cells=None, variables=None, **source):
    """Read a raw export with more columns than the toy's."""
    from pathlib import Path

    Path("dictionary.csv").write_bytes(toy.dictionary(*extra))
    cells = cells or [[""] * len(columns)] * 3
    rows = [[*row, *more] for row, more in zip(toy.PATIENTS, cells, strict=True)]
    changes = {"variables": variables} if variables else {}
    return read(
        toy.csv(rows, [*toy.COLUMNS, *columns]),
        "a.csv",
        {"format": "redcap", "dictionary": "dictionary.csv"} | source,
        **changes,
    )


def with_variables(toy, *more):
    return [
        *(v.model_dump(exclude_unset=True) for v in toy.protocol().variables),
        *({"name": n.strip("_"), "column": n, "label": n} | rest for n, rest in more),
    ]


BOX = {"type": "category", "categories": {"no": ["0"], "yes": ["1"]}}


def test_a_redcap_export_gives_the_same_patients(toy, read):
    table, result = redcap(toy, read)
    pd.testing.assert_frame_equal(result.clean, EXPECTED)
    assert ("format", "REDCap raw export", "given") in facts(table)
    assert ("data dictionary", "dictionary.csv", "given") in facts(table)


def test_fields_marked_as_identifiers_are_dropped_before_anything_reads_them(toy, read):
    extra = [
        ("surname", "baseline", "text", "", "", "y"),
        ("born", "baseline", "text", "", "date_ymd", "y"),
    ]
    cells = [["Doe", "1950-01-01"], ["Roe", ""], ["", ""]]
    table, _ = redcap(toy, read, extra, ["surname", "born"], cells)
    assert set(table.cells) == set(toy.COLUMNS)
    assert ("identifiers dropped", "surname; born", "detected") in facts(table)
    born = with_variables(toy, ("born", {"type": "date"}))
    with pytest.raises(DataError, match="'born', which the data dictionary marks as identifying"):
        redcap(toy, read, extra, ["surname", "born"], cells, born)
    named = with_variables(toy, ("surname", {"type": "text"}))
    _, result = redcap(toy, read, extra, ["surname", "born"], cells, named)
    assert "Doe" not in result.clean.to_csv()


def test_the_boxes_of_a_checkbox_are_columns(toy, read):
    """Nobody opened the second patient's form, so its unticked boxes say nothing."""
    extra = [
        ("site", "spread", "checkbox", "1, Lung | 2, Liver | -9, None", "", ""),
        ("seen_by", "spread", "text", "", "", ""),
    ]
    columns = ["site___1", "site___2", "site____9", "seen_by", "spread_complete"]
    cells = [["1", "0", "0", "", "0"], ["0", "0", "0", "", "0"], ["0", "0", "0", "", "2"]]
    boxes = with_variables(
        toy, *((name, BOX) for name in columns[:3]), *((n, {"type": "text"}) for n in columns[3:])
    )
    table, result = redcap(toy, read, extra, columns, cells, boxes)
    assert result.clean["site___1"].tolist() == ["yes", None, "no"]
    assert result.clean["site____9"].tolist() == ["no", None, "no"]
    assert ("form not filled", "spread: boxes of 1 rows read as empty", "detected") in facts(table)
    cells[1][3] = "Dr A"
    _, result = redcap(toy, read, extra, columns, cells, boxes)
    assert result.clean["site___1"].tolist() == ["yes", "no", "no"]


def test_columns_that_redcap_adds_are_known_and_unknown_ones_are_not(toy, read):
    own = ["redcap_data_access_group", "baseline_complete", "baseline_timestamp"]
    table, _ = redcap(toy, read, (), own)
    assert ("columns not used", "; ".join(own), "given") in facts(table)
    with pytest.raises(
        DataError, match=r"the column 'site___3', which is no field .*a box of 'site'"
    ):
        redcap(toy, read, [("site", "spread", "checkbox", "1, Lung", "", "")], ["site___3"])


# -- several files ------------------------------------------------------------------------------


def split(toy, *, follow=None, **how):
    """Protocol's source and contents for the toy in two files: `seen` and `status` are apart."""
    main = [[cell for n, cell in zip(toy.COLUMNS, row, strict=True) if n not in ("seen", "status")]
            for row in toy.PATIENTS]  # fmt: skip
    columns = [name for name in toy.COLUMNS if name not in ("seen", "status")]
    rows = [[row[0], row[7], row[8]] for row in toy.PATIENTS]
    rows = follow(rows) if follow else rows
    return (
        toy.csv(main, columns),
        toy.xlsx([[str(r[0]), *r[1:]] for r in rows], [how.get("key", "pid"), "seen", "status"]),
        {"join": [{"file": "follow.xlsx", "key": "pid"} | how]},
    )


def joined(toy, read, tmp_path, **options):
    main, follow, source = split(toy, **options)
    (tmp_path / "follow.xlsx").write_bytes(follow)
    return read(main, "a.csv", source)


def test_files_are_joined_by_their_key_whatever_the_order(toy, read, tmp_path):
    table, result = joined(toy, read, tmp_path, follow=lambda rows: rows[::-1])
    assert result.rejected.empty
    pd.testing.assert_frame_equal(result.clean, EXPECTED)
    assert [part.file for part in table.parts] == ["a.csv", "follow.xlsx"]
    assert table.parts[1].rows.tolist() == [4, 3, 2]
    assert ("patients with a row here", "3", "counted") in facts(table)


def test_a_key_of_another_name(toy, read, tmp_path):
    _, result = joined(toy, read, tmp_path, key="Patient", main_key="pid")
    pd.testing.assert_frame_equal(result.clean, EXPECTED)


def test_a_fault_in_a_joined_file_is_named_by_its_own_row(toy, read, tmp_path):
    def follow(rows):
        rows[2][2] = 7
        return [rows[2], rows[0], rows[1]]

    _, result = joined(toy, read, tmp_path, follow=follow)
    places = result.rejected[["file", "sheet", "row", "column", "rule", "main_row"]]
    assert places.to_numpy().tolist() == [["follow.xlsx", "Patients", 2, "status", "code", 4]]
    assert result.clean["patient"].tolist() == ["P0001", "P0002"]


def test_a_patient_without_a_row_in_a_joined_file_has_empty_cells_there(toy, read, tmp_path):
    table, result = joined(toy, read, tmp_path, follow=lambda rows: rows[:2])
    assert table.cells["status"].tolist() == ["0", "1", ""]
    assert ("patients without a row here", "1", "counted") in facts(table)
    assert len(result.clean) == 3


def test_rows_that_belong_to_nobody_are_refused_with_their_place(toy, read, tmp_path):
    extra = [["999", datetime.date(2014, 1, 1), 0], ["", datetime.date(2014, 1, 1), 0]]
    table, result = joined(toy, read, tmp_path, follow=lambda rows: [*rows, *extra])
    told = result.rejected[["file", "row", "column", "value", "rule"]].to_numpy().tolist()
    assert told == [
        ["follow.xlsx", 6, "pid", "(withheld)", "key"],
        ["follow.xlsx", 5, "pid", "(withheld)", "key"],
    ]
    assert result.rejected["main_row"].isna().all()
    assert ("rows refused", "2", "counted") in facts(table)
    pd.testing.assert_frame_equal(result.clean, EXPECTED)


def test_a_patient_with_two_rows_is_rejected_unless_the_first_or_last_is_asked_for(
    toy, read, tmp_path
):
    def follow(rows):
        return [["102", datetime.date(2011, 9, 1), 0], *rows]

    _, result = joined(toy, read, tmp_path, follow=follow)
    told = result.rejected[["file", "row", "rule", "main_row"]].astype(object).to_numpy().tolist()
    assert [row[:3] for row in told] == [
        ["a.csv", 3, "joined rows"],
        ["follow.xlsx", 2, "joined rows"],
        ["follow.xlsx", 4, "joined rows"],
    ]
    assert result.clean["patient"].tolist() == ["P0001", "P0003"]

    table, result = joined(toy, read, tmp_path, follow=follow, keep="last", by="seen")
    assert result.rejected.empty
    pd.testing.assert_frame_equal(result.clean, EXPECTED)
    assert ("rows that are not the last", "1", "counted") in facts(table)
    table, _ = joined(toy, read, tmp_path, follow=follow, keep="first", by="seen")
    assert table.cells["status"].tolist() == ["0", "0", "0"]


def test_a_row_whose_date_of_order_cannot_be_read_is_refused(toy, read, tmp_path):
    def follow(rows):
        return [*rows, ["102", "in autumn", 0]]

    _, result = joined(toy, read, tmp_path, follow=follow, keep="last", by="seen")
    assert result.rejected[["row", "rule"]].to_numpy().tolist() == [[5, "date"]]
    assert len(result.clean) == 3


def test_a_prefix_tells_columns_of_the_same_name_apart(toy, read, tmp_path):
    (tmp_path / "more.csv").write_bytes(toy.csv([["007", 1], ["102", 2]], ["pid", "status"]))
    join = {"join": [{"file": "more.csv", "key": "pid"}]}
    with pytest.raises(DataError, match=r"'status', which a\.csv has too"):
        read(toy.csv(), "a.csv", join)
    join["join"][0]["prefix"] = "more."
    stage = {"type": "integer", "column": "more.status"}
    variables = with_variables(toy, ("stage", stage))
    table, result = read(toy.csv(), "a.csv", join, variables=variables)
    assert result.clean["stage"].tolist()[:2] == [1, 2]
    assert table.places([2], ["more.status"]).to_numpy().tolist() == [["more.csv", "", 2, "status"]]


def test_rows_of_one_event_only(toy, read):
    """A longitudinal project: several rows of a patient in one file."""
    rows = [[*row, event] for row in toy.PATIENTS for event in ("baseline", "month_3")]
    study = {"only": {"event": ["baseline"]}}
    table, result = read(toy.csv(rows, [*toy.COLUMNS, "event"]), "a.csv", study)
    assert result.clean.drop(columns="patient").equals(EXPECTED.drop(columns="patient"))
    assert table.cells.index.tolist() == [2, 4, 6]
    assert ("rows not asked for", "3 (only event is baseline)", "given") in facts(table)


def test_columns_that_are_not_described_may_be_dropped_and_are_listed(toy, read):
    rows = [[*row, "x", "y"] for row in toy.PATIENTS]
    content = toy.csv(rows, [*toy.COLUMNS, "more", "and more"])
    with pytest.raises(DataError, match="column 11: found the unknown column 'more'"):
        read(content, "a.csv")
    table, result = read(content, "a.csv", {"other_columns": "drop"})
    pd.testing.assert_frame_equal(result.clean, EXPECTED)
    assert ("columns not used", "more; and more", "given") in facts(table)
