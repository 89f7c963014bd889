"""What can be wrong with an export, and what intake says of it.

Each corruption of one good file is a row of a table: how the text is changed, and the named error
or the named rejection that must follow.
"""

import datetime

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from resarc import intake
from resarc.intake import SourceTable
from resarc.privacy import outline
from resarc.protocol import Protocol

pytestmark = pytest.mark.unit

AS_OF = datetime.date(2020, 12, 31)
HEADER = "Case;Sex;Size;Age;Resected;Operated;Died;Seen;Status;Note"
GOOD = (
    "101;f;4,5;61;01.02.2010;03.01.2012;;03.01.2015;alive;first\n"
    "102;m;12;47;15.06.2009;20.08.2011;20.08.2012;20.08.2012;dead;second\n"
    "103;9;;58;;05.05.2013;;05.06.2013;alive;\n"
)


def column(name, header, **more):
    return {"name": name, "column": header, "label": name, **more}


def protocol(**changes):
    day = {"type": "date", "date_format": "%d.%m.%Y"}
    content = {
        "study": "toy",
        "reference": "toy",
        "title": "A toy",
        "population": "Toys",
        "origin_label": "operation",
        "time_zero": "operated",
        "source": {
            "kind": "registry",
            "file": "toy.csv",
            "separator": ";",
            "encoding": "utf-8",
            "decimal": ",",
            "exported": AS_OF,
        },
        "variables": [
            column("case", "Case", type="identifier", required=True),
            column(
                "sex",
                "Sex",
                type="category",
                categories={"female": ["f", "F"], "male": ["m"]},
                missing=["", "9"],
            ),
            column("size", "Size", type="number", unit="cm", minimum=0.1, maximum=60),
            column("age", "Age", type="integer", minimum=0, maximum=110, required=True),
            column("resected", "Resected", **day, minimum=datetime.date(1990, 1, 1)),
            column("operated", "Operated", **day),
            column("died", "Died", **day),
            column("seen", "Seen", **day),
            column("status", "Status", type="category", categories={"alive": ["alive"], "dead": ["dead"]}),
            column("note", "Note", type="text"),
        ],
        "rules": [
            {"id": "in_order", "order": ["resected", "operated", "died"], "why": "in this order"},
            {"id": "late", "order": ["died", "seen"], "why": "seen at death", "action": "flag"},
            {
                "id": "dead_is_dated",
                "when": [{"variable": "status", "one_of": ["dead"]}],
                "then": [{"variable": "died", "present": True}],
                "why": "a death has a date",
            },
            {
                "id": "children_are_small",
                "when": [{"variable": "child", "one_of": ["yes"]}],
                "then": [{"variable": "size", "below": 10}],
                "why": "a rule on a derived variable",
            },
        ],
        "derived": [
            {"name": "child", "label": "child", "cut": "age", "at": [18], "levels": ["yes", "no"]}
        ],
        "eligibility": [
            {"id": "all", "label": "All", "keep": [{"variable": "age", "present": True}]}
        ],
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
        **changes,
    }  # fmt: skip
    return Protocol.model_validate(content)


PROTOCOL = protocol()


def run(tmp_path, content, protocol=PROTOCOL):
    path = tmp_path / "export.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    raw = intake.read_source(path, protocol)
    result = intake.clean(raw, protocol)
    assert len(raw.cells) == len(result.clean) + result.rejected["main_row"].nunique()
    return result


def good(header=HEADER):
    return f"{header}\n{GOOD}"


def test_a_good_file(tmp_path):
    result = run(tmp_path, good())
    assert result.rejected.empty
    assert result.flagged.empty
    assert list(result.rejected.columns) == [
        "file", "sheet", "row", "column", "value", "rule", "reason", "remedy", "main_row",
    ]  # fmt: skip
    expected = pd.DataFrame(
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
    pd.testing.assert_frame_equal(result.clean, expected)
    quality = result.quality.set_index("column")
    assert quality.loc["Sex", ["rows", "present", "missing", "rejected"]].tolist() == [3, 2, 1, 0]
    assert quality.index.tolist() == HEADER.split(";")


def swap(old, new, count=1):
    return lambda text: text.replace(old, new, count)


ROWS = [
    # corruption, its row, column, rule, part of the value shown
    ("decimal point", swap("4,5", "4.5"), 2, "Size", "number", "4.5"),
    ("thousands", swap("4,5", "4.000,5"), 2, "Size", "number", "4.000,5"),
    ("unit in the cell", swap("4,5", "4,5 cm"), 2, "Size", "number", "4,5 cm"),
    ("comparison sign", swap("4,5", "<5"), 2, "Size", "number", "<5"),
    ("NaN as text", swap("4,5", "nan"), 2, "Size", "number", "nan"),
    ("infinite", swap("4,5", "inf"), 2, "Size", "number", "inf"),
    ("too large for a float", swap("4,5", "1e999"), 2, "Size", "number", "1e999"),
    ("underscore", swap("4,5", "4_5"), 2, "Size", "number", "4_5"),
    ("other digits", swap("4,5", "४"), 2, "Size", "number", "४"),
    ("below range", swap("4,5", "0"), 2, "Size", "range", "0"),
    ("above range", swap("4,5", "450"), 2, "Size", "range", "450"),
    ("a fraction of a year", swap("61", "61,5"), 2, "Age", "whole number", "61,5"),
    ("negative age", swap("61", "-61"), 2, "Age", "range", "-61"),
    ("age missing", swap("61", " "), 2, "Age", "required", " "),
    ("unknown code", swap("101;f", "101;x"), 2, "Sex", "code", "x"),
    ("case of a code", swap("102;m", "102;M"), 3, "Sex", "code", "M"),
    ("level for a code", swap("101;f", "101;female"), 2, "Sex", "code", "female"),
    ("American date", swap("01.02.2010", "02/28/2010"), 2, "Resected", "date", "02/28/2010"),
    ("ISO date", swap("01.02.2010", "2010-02-01"), 2, "Resected", "date", "2010-02-01"),
    ("two-digit year", swap("01.02.2010", "01.02.10"), 2, "Resected", "date", "01.02.10"),
    ("31 February", swap("01.02.2010", "31.02.2010"), 2, "Resected", "date", "31.02.2010"),
    ("serial date", swap("01.02.2010", "40210"), 2, "Resected", "date", "40210"),
    ("date and time", swap("01.02.2010", "01.02.2010 10:00"), 2, "Resected", "date", "10:00"),
    ("today", swap("01.02.2010", "today"), 2, "Resected", "date", "today"),
    ("NaT", swap("01.02.2010", "NaT"), 2, "Resected", "date", "NaT"),
    ("year 202", swap("01.02.2010", "01.02.0202"), 2, "Resected", "date", "0202"),
    ("date too early", swap("01.02.2010", "01.02.1910"), 2, "Resected", "range", "1910"),
    ("date in the future", swap("03.01.2015", "03.01.2051"), 2, "Seen", "future", "2051"),
    ("dates out of order", swap("15.06.2009", "15.06.2012"), 3, "Operated", "in_order", "2011"),
    ("operated after death", swap("20.08.2012", "20.08.2010"), 3, "Died", "in_order", "2010"),
    ("seen before operation", swap("03.01.2015", "03.01.2011"), 2, "Seen", "endpoint os", "2011"),
    ("dead without date", swap("05.06.2013;alive", "05.06.2013;dead"), 4, "Died", "dead_is_dated", ""),
    ("derived rule", swap("12;47", "12;17"), 3, "Size", "children_are_small", "12"),
    ("no identifier", swap("101;", ";"), 2, "Case", "required", "(withheld)"),
    ("formula", swap("4,5", "=HYPERLINK(A1)"), 2, "Size", "number", "=HYPERLINK(A1)"),
    ("markup", swap("101;f", "101;<script>"), 2, "Sex", "code", "<script>"),
    ("empty row", lambda t: t + ";;;;;;;;;\n", 5, "", "empty row", ""),
]  # fmt: skip


@pytest.mark.parametrize(
    ("corrupt", "row", "name", "rule", "value"), [r[1:] for r in ROWS], ids=[r[0] for r in ROWS]
)
def test_a_bad_row_is_rejected_and_named(corrupt, row, name, rule, value, tmp_path):
    text = corrupt(good())
    assert text != good()
    result = run(tmp_path, text)
    fault = result.rejected.iloc[0]
    assert len(result.rejected) == 1
    assert fault["file"].endswith("export.csv")
    assert (fault["row"], fault["column"], fault["rule"]) == (row, name, rule)
    assert fault["main_row"] == row
    assert (value if value == "(withheld)" else outline(value)) in fault["value"]
    assert fault["reason"]
    assert fault["remedy"]
    # the other rows keep their numbers
    kept = {"P0001", "P0002", "P0003"} - {f"P{row - 1:04d}"}
    assert set(result.clean["patient"]) == kept
    assert result.quality["rejected"].sum() == (rule != "empty row")


def test_ways_to_write_the_same_file(tmp_path):
    """Line ends, a byte-order mark, quotes, blank lines, order of columns, spaces: all the same."""
    expected = run(tmp_path, good()).clean
    columns = [line.split(";") for line in good().splitlines()]
    turned = "\n".join(";".join(reversed(cells)) for cells in columns)
    quoted = "\n".join(";".join(f'"{c}"' for c in cells) for cells in columns) + "\n"
    spaced = "\n".join(";".join(f" {c}\u00a0" for c in cells) for cells in columns)
    for text in (
        good().replace("\n", "\r\n"),
        good().replace("\n", "\r"),
        "\ufeff" + good(),
        good() + "\n\n",
        quoted,
        turned,
        spaced,
        good().replace("first", '"a ""b""; c\nd"'),
    ):
        pd.testing.assert_frame_equal(run(tmp_path, text).clean, expected)


def test_row_numbers_are_those_of_a_spreadsheet(tmp_path):
    """A blank line counts as a row; a line end inside a cell does not."""
    text = good().replace("first", '"two\nlines"').replace("102;m", "\n102;x")
    assert run(tmp_path, text).rejected["row"].tolist() == [4]


def test_every_fault_of_a_row_is_told(tmp_path):
    result = run(tmp_path, good().replace("101;f;4,5;61", "101;x;450;"))
    assert result.rejected[["row", "column", "rule"]].to_numpy().tolist() == [
        [2, "Sex", "code"],
        [2, "Size", "range"],
        [2, "Age", "required"],
    ]
    assert len(result.clean) == 2


def test_the_remedy_names_the_code_that_was_meant(tmp_path):
    fault = run(tmp_path, good().replace("102;m", "102;M")).rejected.iloc[0]
    assert fault["remedy"].startswith("Did you mean 'm'?")


def test_a_flag_keeps_the_row(tmp_path):
    result = run(tmp_path, good().replace("20.08.2012;dead", "20.07.2012;dead"))
    assert len(result.clean) == 3
    assert result.flagged[["row", "column", "rule"]].to_numpy().tolist() == [[3, "Seen", "late"]]
    assert result.quality.set_index("column").loc["Seen", "flagged"] == 1


def test_identical_rows_keep_the_first_and_conflicting_ones_none(tmp_path):
    first, second, _ = GOOD.splitlines()
    text = good() + first.replace("101", " 101 ") + "\n" + second.replace(";47;", ";48;") + "\n"
    result = run(tmp_path, text)
    assert result.rejected[["row", "rule", "value"]].to_numpy().tolist() == [
        [3, "duplicate", "(withheld)"],
        [5, "repeated row", "(withheld)"],
        [6, "duplicate", "(withheld)"],
    ]
    assert result.clean["patient"].tolist() == ["P0001", "P0003"]
    assert result.quality.set_index("column").loc["Case", "duplicate"] == 3


def test_no_identifier_or_free_text_leaves(tmp_path):
    text = good().replace("101;", "101;").replace("102;m", "101;x").replace("first", "Mrs Doe")
    result = run(tmp_path, text)
    written = " ".join(
        frame.to_csv() for frame in (result.clean, result.rejected, result.flagged, result.quality)
    )
    assert "Doe" not in written
    assert ",101," not in written


def test_whatever_is_typed_into_a_cell_is_told_by_its_outline_only(tmp_path):
    """A name in every column, one row for each: none of them leaves."""
    header, first, *rest = good().splitlines()
    planted = []
    for place in range(len(header.split(";"))):
        cells = first.split(";")
        cells[0], cells[place] = f"Doe{place}", f"Jane Doe-{place} 1234567"
        planted.append(";".join(cells))
    result = run(tmp_path, "\n".join([header, *planted, *rest]), PROTOCOL)
    written = " ".join(
        frame.to_csv() for frame in (result.clean, result.rejected, result.flagged, result.quality)
    )
    assert "Doe" not in written
    assert "1234567" not in written
    assert (result.rejected["value"] == "Aaaa Aaa-9 9999999").sum() == 8


KEY = b"0123456789abcdef0123456789abcdef"


def named(tmp_path, text, key):
    path = tmp_path / "export.csv"
    path.write_text(text)
    raw = intake.read_source(path, PROTOCOL)
    return intake.clean(raw, PROTOCOL, key).clean


def test_with_a_key_a_patient_keeps_the_name_wherever_the_row_stands(tmp_path):
    header, *rows = good().splitlines()
    once = named(tmp_path, good(), KEY).set_index("patient")
    again = named(tmp_path, "\n".join([header, *reversed(rows)]), KEY).set_index("patient")
    pd.testing.assert_frame_equal(once.sort_index(), again.sort_index())
    other = named(tmp_path, good(), KEY[::-1])
    assert not set(other["patient"]) & set(once.index)
    assert not any("101" in name for name in once.index)


def test_who_has_no_identifier_is_numbered_though_there_is_a_key(tmp_path):
    variables = [v.model_dump(exclude_unset=True) for v in PROTOCOL.variables]
    variables[0] |= {"required": False, "missing": ["", "NA"]}
    study = protocol(variables=variables)
    path = tmp_path / "export.csv"
    path.write_text(good().replace("101;", "NA;"))
    found = intake.clean(intake.read_source(path, study), study, KEY).clean["patient"]
    assert found[0] == "P0001"
    assert len({*map(len, found[1:])} | {16}) == 1


def test_ages_of_90_and_over_count_as_90_in_a_registry(tmp_path):
    variables = [v.model_dump(exclude_unset=True) for v in PROTOCOL.variables]
    variables[3] |= {"unit": "years"}
    variables[4] |= {"minimum": datetime.date(1900, 1, 1)}  # as a date of birth would have
    text = (
        good().replace(";61;", ";97;").replace(";47;", ";90;").replace("01.02.2010", "05.04.1910")
    )
    result = run(tmp_path, text, protocol(variables=variables))
    assert result.clean["age"].tolist() == [90, 90, 58]
    assert result.clean["resected"].tolist()[:2] == [-32872.5, -796]
    counts = result.quality.set_index("column")["top_coded"]
    assert counts[counts > 0].to_dict() == {"Age": 1, "Resected": 1}
    variables[3] |= {"top_code": "none"}
    assert run(tmp_path, text, protocol(variables=variables)).clean["age"][0] == 97
    variables[3] |= {"top_code": None}
    rebuilt = protocol(variables=variables)
    kind = rebuilt.source.model_copy(update={"kind": "reconstruction"})
    rebuilt = rebuilt.model_copy(update={"source": kind})
    assert run(tmp_path, text, rebuilt).clean["age"][0] == 97


def test_without_time_zero_differences_stay(tmp_path):
    result = run(tmp_path, good().replace("03.01.2012", ""))
    row = result.clean.iloc[0]
    assert row["seen"] - row["resected"] == 1797  # 1 Feb 2010 to 3 Jan 2015
    assert np.isnan(row["operated"])
    assert np.isnan(row["operated_year"])


def test_a_huge_cell_stays_text_and_is_cut_in_the_report(tmp_path):
    result = run(tmp_path, good().replace("4,5", '"' + "x" * 300_000 + '"'))
    fault = result.rejected.iloc[0]
    assert fault["rule"] == "number"
    assert fault["value"].endswith("… (300000 characters)")
    assert len(fault["value"]) < 300
    assert len(run(tmp_path, good().replace("first", "y" * 300_000)).clean) == 3


def test_a_cell_without_its_missing_code_is_still_missing(tmp_path):
    variables = [v.model_dump() for v in PROTOCOL.variables]
    variables[2]["missing"] = ("NA",)
    text = good().replace("4,5", "NA")
    assert run(tmp_path, text, protocol(variables=variables)).clean["size"].isna().sum() == 2


def test_a_date_without_marks_needs_all_its_digits(tmp_path):
    variables = [v.model_dump() for v in PROTOCOL.variables]
    variables[4]["date_format"] = "%Y%m%d"
    toy = protocol(variables=variables)
    text = good().replace("01.02.2010", "20100201").replace("15.06.2009", "200961")
    result = run(tmp_path, text, toy)
    assert result.clean["resected"].tolist()[0] == -701
    assert result.rejected[["row", "rule"]].to_numpy().tolist() == [[3, "date"]]


CELL = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=12)


@pytest.mark.property
@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    rows=st.lists(st.lists(CELL, min_size=10, max_size=10), min_size=1, max_size=6),
    keep=st.lists(st.booleans(), min_size=10, max_size=10),
)
def test_any_text_is_kept_or_rejected_never_lost(rows, keep, tmp_path):
    import csv

    path = tmp_path / "export.csv"
    model = GOOD.splitlines()[0].split(";")
    rows = [[m if k else c for m, k, c in zip(model, keep, row, strict=True)] for row in rows]
    with path.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.writer(handle, delimiter=";", lineterminator="\r\n")
        writer.writerow(HEADER.split(";"))
        writer.writerows(rows)
    raw = intake.read_source(path, PROTOCOL)
    assert raw.cells.to_numpy().tolist() == rows
    result = intake.clean(raw, PROTOCOL)
    assert len(result.clean) + result.rejected["row"].nunique() == len(rows)


@pytest.mark.property
@settings(max_examples=30, deadline=None)
@given(value=st.floats(allow_nan=False, allow_infinity=False, min_value=0.1, max_value=60))
def test_a_number_comes_back_exactly(value):
    raw = pd.DataFrame(
        [GOOD.splitlines()[0].split(";")], columns=HEADER.split(";"), index=pd.Index([2])
    )
    raw["Size"] = repr(value).replace(".", ",")
    assert intake.clean(SourceTable.of(raw, decimal=","), PROTOCOL).clean["size"][0] == value


@pytest.mark.property
@settings(max_examples=30, deadline=None)
@given(
    operated=st.dates(datetime.date(1990, 1, 1), AS_OF),
    seen=st.dates(datetime.date(1990, 1, 1), AS_OF),
)
def test_days_are_counted_by_the_calendar(operated, seen):
    raw = pd.DataFrame(
        [GOOD.splitlines()[0].split(";")], columns=HEADER.split(";"), index=pd.Index([2])
    )
    raw["Resected"] = ""
    raw["Operated"], raw["Seen"] = operated.strftime("%d.%m.%Y"), seen.strftime("%d.%m.%Y")
    result = intake.clean(SourceTable.of(raw, decimal=","), PROTOCOL)
    if seen < operated:
        assert result.rejected["rule"].tolist() == ["endpoint os"]
    else:
        assert result.clean["seen"].tolist() == [(seen - operated).days]
        assert result.clean["operated_year"].tolist() == [operated.year]
