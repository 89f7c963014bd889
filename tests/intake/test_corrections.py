"""The group's corrections: applied and told, or refused and told, never silent."""

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resarc import intake
from resarc.errors import ConfigurationError, DataError
from resarc.intake import SourceTable
from resarc.intake.corrections import CORRECTION_COLUMNS, apply_corrections
from resarc.privacy import pseudonyms
from resarc.protocol import Protocol

pytestmark = pytest.mark.unit

KEY = b"0123456789abcdef0123456789abcdef"
HEADER = ",".join(CORRECTION_COLUMNS)


def variable(name, kind, **more):
    return {"name": name.lower(), "column": name, "label": name, "type": kind, **more}


PROTOCOL = Protocol.model_validate(
    {
        "study": "toy",
        "reference": "toy",
        "title": "A toy",
        "population": "Toys",
        "origin_label": "start",
        "source": {"kind": "registry", "file": "toy.csv", "exported": "2020-12-31"},
        "variables": [
            variable("Case", "identifier"),
            variable("Sex", "category", categories={"female": ["f"], "male": ["m"]}),
            variable("Months", "number", maximum=500),
            variable("Note", "text"),
        ],
        "eligibility": [
            {"id": "all", "label": "All", "keep": [{"variable": "months", "present": True}]}
        ],
        "endpoints": [
            {
                "name": "os",
                "label": "OS",
                "definition": "x",
                "time": "months",
                "happened": [{"variable": "sex", "one_of": ["male"]}],
            }
        ],
        "analyses": [{"id": "a", "label": "a", "kind": "characteristics", "variables": ["months"]}],
    }
)
CELLS = pd.DataFrame(
    {
        "Case": ["11", "12", "13", "13"],
        "Sex": ["f", "x", " m ", "m"],
        "Months": ["10", "20", "", "40"],
        "Note": ["", "", "", ""],
    },
    index=pd.RangeIndex(2, 6, name="row"),
    dtype=object,
)
SOURCE = SourceTable.of(CELLS)
NAME = dict(zip(("11", "12", "13"), pseudonyms(["11", "12", "13"], "toy", KEY), strict=True))


def read(tmp_path, *lines, header=HEADER):
    path = tmp_path / "corrections.csv"
    path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    return intake.read_corrections(path)


def clean(tmp_path, *lines):
    return intake.clean(SOURCE, PROTOCOL, KEY, read(tmp_path, *lines))


WHO = "chart,AB,2024-06-30"


def test_a_correction_is_applied_and_told(tmp_path):
    before = intake.clean(SOURCE, PROTOCOL, KEY)
    assert before.rejected["row"].tolist() == [3, 4, 5]
    result = clean(tmp_path, f"{NAME['12']},Sex,x,m,{WHO}")
    assert result.rejected["row"].tolist() == [4, 5]
    assert result.clean["sex"].tolist() == ["female", "male"]
    line = result.corrections.iloc[0]
    assert line[["line", "patient", "outcome", "note"]].tolist() == [2, NAME["12"], "applied", ""]
    assert line[["reason", "who", "when"]].tolist() == ["chart", "AB", "2024-06-30"]
    assert result.quality.set_index("column")["corrected"].to_dict() == {"Case": 0, "Sex": 1, "Months": 0, "Note": 0}  # fmt: skip
    assert CELLS["Sex"][3] == "x"


def test_what_is_corrected_is_checked_like_everything(tmp_path):
    result = clean(tmp_path, f"{NAME['11']},Months,10,1000,{WHO}")
    assert result.rejected[["row", "rule"]].to_numpy().tolist()[0] == [2, "range"]


def test_an_empty_cell_is_filled_and_a_wrong_one_emptied(tmp_path):
    result = clean(tmp_path, f"{NAME['11']},Sex,f,,{WHO}", f"{NAME['12']},Sex,x,f,{WHO}")
    assert result.clean["sex"].tolist() == [None, "female"]
    again = clean(tmp_path, f"{NAME['12']},Note,,x,{WHO}")
    assert again.corrections["outcome"].tolist() == ["refused"]


@pytest.mark.parametrize(
    ("line", "outcome", "note"),
    [
        (f"{NAME['11']},Sex,m,f,{WHO}", "not needed", "the source holds the new value"),
        (f"{NAME['11']},Months,11,12,{WHO}", "refused", "no longer holds the old value"),
        (f"{NAME['11']},Months,,12,{WHO}", "refused", "no longer holds the old value"),
        (f"ffffffffffffffff,Sex,f,m,{WHO}", "refused", "no row of the source is this patient's"),
        (f"11,Sex,f,m,{WHO}", "refused", "no row of the source is this patient's"),
        (f"P0001,Sex,f,m,{WHO}", "refused", "no row of the source is this patient's"),
        (f"{NAME['13']},Sex,m,f,{WHO}", "refused", "2 rows of the source are this patient's"),
        (f"{NAME['11']},Age,1,2,{WHO}", "refused", "the protocol has no column 'Age'"),
        (f"{NAME['11']},sex,f,m,{WHO}", "refused", "the protocol has no column 'sex'"),
        (f"{NAME['11']},Case,11,12,{WHO}", "refused", "of type identifier"),
    ],
)
def test_what_does_not_fit_changes_nothing(line, outcome, note, tmp_path):
    result = clean(tmp_path, line)
    assert result.corrections["outcome"].tolist() == [outcome]
    assert note in result.corrections["note"][0]
    pd.testing.assert_frame_equal(result.clean, intake.clean(SOURCE, PROTOCOL, KEY).clean)


def test_a_cell_corrected_twice_is_left_as_it_is(tmp_path):
    one = f"{NAME['12']},Sex,x,m,{WHO}"
    result = clean(tmp_path, one, f"{NAME['11']},Sex,f,m,{WHO}", one.replace(",m,", ",f,"))
    assert result.corrections["outcome"].tolist() == ["refused", "applied", "refused"]
    assert result.corrections["note"].tolist() == [
        "line 4 corrects the same cell", "", "line 2 corrects the same cell",
    ]  # fmt: skip
    assert 3 in result.rejected["row"].tolist()


def test_without_a_key_there_are_no_corrections(tmp_path):
    lines = read(tmp_path, f"P0002,Sex,x,m,{WHO}")
    with pytest.raises(ConfigurationError, match="key of pseudonyms"):
        intake.clean(SOURCE, PROTOCOL, None, lines)
    assert len(intake.clean(SOURCE, PROTOCOL, None, read(tmp_path)).corrections) == 0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("patient,column\n", "line 1: found the columns patient, column"),
        ("", r"line 1: found the columns \(none\)"),
        (f"{HEADER}\na,b,c\n", "line 2: found 3 cells"),
        (f"{HEADER}\n,Sex,x,m,{WHO}\n", "line 2: found no patient"),
        (f"{HEADER}\np,Sex,x,m,,AB,2024-06-30\n", "line 2: found no reason"),
        (f"{HEADER}\np,Sex,x,m,chart,,2024-06-30\n", "line 2: found no who"),
        (f"{HEADER}\np,Sex,x,m,chart,AB,30.06.2024\n", "'30.06.2024' as 'when'"),
        (f"{HEADER}\np,Sex,x,m,chart,AB,2024-06-31\n", "as 'when'"),
        (f"{HEADER}\np,Sex,x,m,chart,AB,20240630\n", "as 'when'"),
        (f"{HEADER}\np,Sex,x,x,{WHO}\n", "the same text as old and new"),
        (f'{HEADER}\n"p,Sex,x,m,{WHO}\n', "not quoted correctly"),
        (f"{HEADER}\n".encode("utf-16"), "not UTF-8"),
    ],
)
def test_a_file_that_is_none_of_corrections_stops_the_run(text, words, tmp_path):
    path = tmp_path / "corrections.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(DataError, match=words) as caught:
        intake.read_corrections(path)
    assert "corrections.csv" in str(caught.value)


def test_no_file_and_ways_to_write_it(tmp_path):
    with pytest.raises(DataError, match=r"the file that 'source\.corrections' names"):
        intake.read_corrections(tmp_path / "none.csv")
    expected = read(tmp_path, 'p,Sex,x,m,"chart, page 2",AB,2024-06-30')
    path = tmp_path / "corrections.csv"
    excel = HEADER.replace(",", ";") + "\r\n\r\np;Sex; x ;m;chart, page 2;AB;2024-06-30\r\n"
    path.write_bytes(b"\xef\xbb\xbf" + excel.encode())
    found = intake.read_corrections(path)
    assert found.to_numpy().tolist() == expected.to_numpy().tolist()
    assert found.index.tolist() == [3]


def test_hostile_texts_stay_texts(tmp_path):
    result = clean(tmp_path, "=1+1,<b>,=2,x,<script>,@who,2024-06-30")
    assert result.corrections["outcome"].tolist() == ["refused"]
    assert result.corrections["patient"].tolist() == ["=1+1"]


def test_values_are_told_by_their_outline(tmp_path):
    result = clean(tmp_path, f"{NAME['12']},Sex,Erika Muster,f,{WHO}")
    assert result.corrections["old"].tolist() == ["Aaaaa Aaaaaa"]


LINE = st.tuples(
    st.sampled_from([*NAME.values(), "unknown"]),
    st.sampled_from(["Sex", "Months", "Case", "Age"]),
    st.sampled_from(["f", "m", "x", "10", "20", ""]),
    st.sampled_from(["f", "m", "10", "30", "Z"]),
).filter(lambda line: line[2] != line[3])


@pytest.mark.property
@settings(max_examples=150, deadline=None)
@given(lines=st.lists(LINE, max_size=6))
def test_applied_once_or_refused_and_never_more_than_is_told(lines):
    rows = [[*line, "chart", "AB", "2024-06-30"] for line in lines]
    index = pd.Index(range(2, len(rows) + 2), name="line")
    corrections = pd.DataFrame(rows, columns=list(CORRECTION_COLUMNS), index=index, dtype=object)
    patients = pd.Series(["11", "12", "13", "13"]).map(NAME).to_numpy()
    once, told = apply_corrections(SOURCE, corrections, patients, PROTOCOL)
    assert told["line"].tolist() == index.tolist()
    changed = (once.cells != CELLS).to_numpy().sum()
    assert changed == (told["outcome"] == "applied").sum()
    # the same corrections again change nothing more, and say so
    again, second = apply_corrections(once, corrections, patients, PROTOCOL)
    pd.testing.assert_frame_equal(again.cells, once.cells)
    applied = (told["outcome"] == "applied").to_numpy()
    assert (second["outcome"][applied] == "not needed").all()
    assert (second["outcome"][~applied] == told["outcome"][~applied]).all()
