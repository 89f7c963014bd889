"""What a new export changed: worked by hand on few patients, then by laws, then through the files."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resarc.errors import DataError
from resarc.protocol import Protocol
from resarc.report.study.updates import IN_WORDS
from resarc.updates import Version, changes, history, patients_of, read, record
from resarc.updates.patients import STEP_COLUMNS, WHAT
from resarc.updates.results import conclusion

PROTOCOL = Protocol.model_validate(
    {
        "study": "small",
        "title": "Small",
        "population": "Few",
        "origin_label": "operation",
        "source": {"kind": "registry", "file": "small.csv", "exported": "2024-06-30"},
        "variables": [
            {"name": "id", "column": "ID", "label": "Patient", "type": "identifier"},
            {"name": "sex", "column": "SEX", "label": "Sex", "type": "category", "categories": {"f": ["f"], "m": ["m"]}},
            {"name": "size", "column": "SIZE", "label": "Size", "type": "number", "unit": "cm"},
            {"name": "months", "column": "MONTHS", "label": "Months", "type": "number"},
        ],
        "eligibility": [{"id": "known", "label": "Known", "keep": [{"variable": "sex", "present": True}]}],
        "endpoints": [{"name": "os", "label": "Survival", "definition": "Death", "time": "months", "happened": [{"variable": "sex", "one_of": ["m"]}]}],
        "analyses": [{"id": "a", "label": "A", "kind": "survival", "endpoint": "os", "at": ["12 months"]}],
        "lines": [{"of": "os.survival(12 months)", "at": 0.5, "why": "half"}],
    }
)  # fmt: skip
NOBODY = None


def version(rows: dict[str, tuple]) -> pd.DataFrame:
    """Patients by pseudonym: sex, size, in the cohort or not, time and event."""
    names = ["sex", "size", "in_cohort", "os_time", "os_event"]
    frame = pd.DataFrame([dict(zip(names, row, strict=True)) for row in rows.values()])
    types = dict.fromkeys(names[1:], float) | {"sex": object}
    return frame.reindex(columns=names).astype(types).assign(patient=list(rows), months=1.0)


def told(before, now, linked=True) -> dict[tuple[str, str], int]:
    frame = changes(
        version(before), version(now), PROTOCOL, since="2023-01-01", version="2024-01-01", linked=linked
    )  # fmt: skip
    assert list(frame.columns) == list(STEP_COLUMNS)
    return {(r["what"], r["variable"]): r["patients"] for r in frame.to_dict("records")}


A, B, C, D, E = "aaaa", "bbbb", "cccc", "dddd", "eeee"


@pytest.mark.unit
def test_five_patients_by_hand():
    before = {
        A: ("f", 3, 1, 10, 0),  # followed longer
        B: ("m", NOBODY, 1, 20, 0),  # size filled in, dies
        C: ("f", 5, 1, 5, 1),  # size removed, the event moves
        D: ("m", 2, 0, None, None),  # sex changed, enters the cohort
        E: ("f", 1, 1, 8, 0),  # gone
    }
    now = {
        A: ("f", 3, 1, 15, 0),
        B: ("m", 4, 1, 22, 1),
        C: ("f", None, 1, 6, 1),
        D: ("f", 2, 1, 3, 0),
        "ffff": ("f", 1, 0, None, None),  # added, not into the cohort
        "P0007": ("f", 1, 1, 2, 0),  # without an identifier
    }
    assert told(before, now) == {
        ("before", ""): 5,
        ("now", ""): 6,
        ("not linked", ""): 1,
        ("added", ""): 1,
        ("gone", ""): 1,
        ("entered", ""): 1,
        ("left", ""): 1,
        ("filled in", "size"): 1,
        ("removed", "size"): 1,
        ("changed", "sex"): 1,
        ("event added", "os"): 1,
        ("longer", "os"): 1,
        ("moved", "os"): 1,
    }


@pytest.mark.unit
def test_without_a_common_key_only_numbers_of_patients_are_told():
    found = told({A: ("f", 3, 1, 10, 0)}, {B: ("f", 3, 1, 10, 0)}, linked=False)
    assert found == {("before", ""): 1, ("now", ""): 1}


@pytest.mark.unit
def test_a_variable_that_the_earlier_version_lacks_is_no_change_of_values():
    one = {A: ("f", 3, 1, 10, 0)}
    frame = changes(
        version(one).drop(columns="size"), version(one), PROTOCOL, since="1", version="2", linked=True
    )  # fmt: skip
    assert set(frame["what"]) == {"before", "now", "new variable"}


PATIENTS = st.dictionaries(
    st.sampled_from([f"{i:04x}" for i in range(10, 22)]),
    st.tuples(
        st.sampled_from(["f", "m", None]),
        st.sampled_from([None, 1.0, 2.0]),
        st.just(1),
        st.sampled_from([1.0, 2.0]),
        st.sampled_from([0, 1]),
    ),
    min_size=1,
)


@pytest.mark.property
@given(PATIENTS, PATIENTS)
def test_what_is_told_adds_up_and_turns_round(before, now):
    there, back = told(before, now), told(now, before)

    def n(told, what, name=""):
        return told.get((what, name), 0)

    assert n(there, "before") - n(there, "gone") + n(there, "added") == n(there, "now")
    for one, other in (("added", "gone"), ("entered", "left")):
        assert n(there, one) == n(back, other)
    for name in ("sex", "size"):
        assert n(there, "filled in", name) == n(back, "removed", name)
        assert n(there, "changed", name) == n(back, "changed", name)
    assert n(there, "event added", "os") == n(back, "event withdrawn", "os")
    assert n(there, "longer", "os") == n(back, "shorter", "os")
    assert told(now, now) == {("before", ""): len(now), ("now", ""): len(now)}


@pytest.mark.unit
def test_the_report_has_words_for_all_that_can_happen():
    assert tuple(IN_WORDS) == WHAT


@pytest.mark.unit
@pytest.mark.parametrize(
    ("estimand", "row", "said"),
    [
        ("os.logrank_p by sex", {"value": 0.049999}, "p below 0.05"),
        ("os.logrank_p by sex", {"value": 0.05}, "p not below 0.05"),
        ("os.logrank_p by sex", {"value": None}, "not determined"),
        ("os.hazard_ratio by sex(m / f)", {"value": 2, "lower": 1.01, "upper": 4}, "interval above 1"),
        ("os.hazard_ratio by sex(m / f)", {"value": 0.5, "lower": 0.2, "upper": 0.99}, "interval below 1"),
        ("os.hazard_ratio by sex(m / f)", {"value": 1.2, "lower": 0.9, "upper": 2}, "interval holds 1"),
        ("os.survival_difference(12 months) by sex(m / f)", {"value": 0.2, "lower": 0.1, "upper": 0.3}, "interval above 0"),
        ("os.survival(12 months)", {"value": 0.499}, "below 0.5"),
        ("os.survival(12 months)", {"value": 0.5}, "not below 0.5"),
        ("os.survival(24 months)", {"value": 0.5}, ""),
        ("size.mean", {"value": 3}, ""),
        ("no estimand", {"value": 3}, ""),
    ],
)  # fmt: skip
def test_the_side_of_a_line(estimand, row, said):
    assert conclusion(estimand, row, PROTOCOL) == said


def estimates(**values) -> pd.DataFrame:
    names = {"survival": "os.survival(12 months)", "p": "os.logrank_p by sex", "n": "n"}
    rows = [
        {"estimand": names[k], "value": v, "lower": None, "upper": None, "p": None, "n": 9, "events": 3}
        for k, v in values.items()
    ]  # fmt: skip
    return pd.DataFrame(rows)


@pytest.mark.unit
def test_the_third_version_has_three_values_and_every_crossing_is_marked_once():
    versions = [
        ("2022-01-01", estimates(n=9, survival=0.6, p=0.04)),
        ("2023-01-01", estimates(n=12, survival=0.4)),
        ("2024-01-01", estimates(n=15, p=0.06, survival=0.45)),
    ]
    found = history(versions, PROTOCOL)
    assert list(dict.fromkeys(found["estimand"])) == [
        "n", "os.logrank_p by sex", "os.survival(12 months)",
    ]  # fmt: skip
    survival = found[found["estimand"] == "os.survival(12 months)"]
    assert list(survival["value"]) == [0.6, 0.4, 0.45]
    assert list(survival["crossed"]) == ["", "yes", ""]
    p = found[found["estimand"] == "os.logrank_p by sex"]
    assert list(p["version"]) == ["2022-01-01", "2024-01-01"]
    assert list(p["crossed"]) == ["", "yes"]


@pytest.mark.unit
def test_a_line_of_what_the_protocol_cannot_have_is_refused():
    content = PROTOCOL.model_dump(mode="json", exclude_unset=True)
    content["lines"][0]["of"] = "nothing.survival(12 months)"
    with pytest.raises(ValueError, match=r"lines: .*no variable or endpoint 'nothing'"):
        Protocol.model_validate(content)


def kept(folder, day="2024-01-01") -> Version:
    frame = version({A: ("f", 3, 1, 10, 0), B: (None, None, 0, None, None)})
    made = Version(
        day, "abcd", frame, estimates(n=9, p=0.04), pd.DataFrame([], columns=STEP_COLUMNS)
    )
    record(made, folder / day)
    return made


@pytest.mark.unit
def test_a_version_comes_back_from_its_folder_and_has_the_same_bytes_again(tmp_path):
    made = kept(tmp_path)
    first = {p.name: p.read_bytes() for p in (tmp_path / "2024-01-01").iterdir()}
    found = read(tmp_path / "2024-01-01")
    assert (found.exported, found.key) == ("2024-01-01", "abcd")
    pd.testing.assert_frame_equal(found.patients, made.patients, check_dtype=False)
    assert list(found.estimates["value"]) == [9, 0.04]
    record(found, tmp_path / "2024-01-01")
    assert {p.name: p.read_bytes() for p in (tmp_path / "2024-01-01").iterdir()} == first


@pytest.mark.unit
def test_a_version_that_is_not_whole_or_bears_another_day_is_refused(tmp_path):
    kept(tmp_path)
    (tmp_path / "2024-01-01").rename(tmp_path / "2023-01-01")
    with pytest.raises(DataError, match=r"the version of 2024-01-01; expected that of 2023-01-01"):
        read(tmp_path / "2023-01-01")
    (tmp_path / "2023-01-01" / "patients.parquet").unlink()
    with pytest.raises(DataError, match=r"no patients.parquet"):
        read(tmp_path / "2023-01-01")


@pytest.mark.unit
def test_what_is_kept_of_patients_is_what_clean_hands_on_and_the_endpoints():
    clean = pd.DataFrame({"patient": [A, B], "sex": ["f", None], "size": [1.0, 2.0]})
    cohort = pd.DataFrame({"patient": [A], "os_time": [5.0], "os_event": [1.0], "sex": ["f"]})
    found = patients_of(clean, cohort, PROTOCOL)
    assert list(found.columns) == ["patient", "sex", "size", "os_time", "os_event", "in_cohort"]
    assert list(found["in_cohort"]) == [1, 0]
