"""Rows that speak of the same patient, found without comparing each with each."""

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from resarc import intake
from resarc.intake import SourceTable
from resarc.protocol import Protocol

pytestmark = pytest.mark.unit

NAMES = ("case", "name", "sex", "born", "found", "size")


def protocol(rules=None):
    def variable(name, kind, **more):
        return {"name": name, "column": name, "label": name, "type": kind, **more}

    return Protocol.model_validate(
        {
            "study": "toy",
            "reference": "toy",
            "title": "A toy",
            "population": "Toys",
            "origin_label": "start",
            "time_zero": "born",
            "source": {"kind": "registry", "file": "toy.csv", "exported": "2020-12-31"},
            "variables": [
                variable("case", "identifier"),
                variable("name", "text"),
                variable("sex", "category", categories={"f": ["f", "w"], "m": ["m"]}),
                variable("born", "date", partial_formats={"year": ["%Y"]}, partial="middle"),
                variable("found", "date"),
                variable("size", "number"),
            ],
            "eligibility": [
                {"id": "all", "label": "All", "keep": [{"variable": "born", "present": True}]}
            ],
            "endpoints": [
                {
                    "name": "os",
                    "label": "OS",
                    "definition": "x",
                    "origin": "born",
                    "events": ["found"],
                    "censored_at": "found",
                }
            ],
            "analyses": [
                {"id": "a", "label": "a", "kind": "characteristics", "variables": ["size"]}
            ],
            "near_duplicates": rules,
        }
    )


def clean(study, *rows):
    cells = pd.DataFrame(rows, columns=list(NAMES), dtype=object)
    cells.index = pd.RangeIndex(2, len(rows) + 2, name="row")
    return intake.clean(SourceTable.of(cells), study)


def rule(*agree, **more):
    return {"id": "twin", "agree": agree, "why": "one patient twice", **more}


ANNA = ("1", "Anna Maria Öz", "f", "1950-01-07", "2010-05-05", "4.5")


def but(**changes):
    return tuple(changes.get(name, value) for name, value in zip(NAMES, ANNA, strict=True))


def test_without_a_rule_only_rows_that_agree_in_everything_are_flagged():
    study = protocol()
    result = clean(study, ANNA, but(case="2", name="another name"), but(case="3", size="4.6"))
    assert result.flagged[["row", "column", "value", "rule"]].to_numpy().tolist() == [
        [2, "case", "(withheld)", "near duplicate"],
        [3, "case", "(withheld)", "near duplicate"],
    ]
    assert result.flagged["reason"].tolist() == [
        "row 3 is the same in every cell but identifier and text",
        "row 2 is the same in every cell but identifier and text",
    ]
    assert len(result.clean) == 3
    assert "another" not in result.flagged.to_csv()


def test_without_two_dates_agreement_says_little():
    assert clean(protocol(), but(found=""), but(case="2", found="")).flagged.empty


def test_an_empty_list_looks_for_none():
    assert clean(protocol([]), ANNA, but(case="2")).flagged.empty


def test_codes_of_one_level_and_ways_to_write_a_name_agree():
    study = protocol([rule("name", "sex", "born")])
    result = clean(study, ANNA, but(case="2", name="ÖZ-ANNA MARIA", sex="w"))
    assert result.flagged.empty  # the order of words is not the same
    result = clean(study, ANNA, but(case="2", name="anna-maria oz", sex="w", size="9"))
    assert result.flagged["row"].tolist() == [2, 3]
    assert result.flagged["reason"][0] == "row 3 is the same in name, sex, born: one patient twice"


def test_one_may_differ_or_be_missing():
    study = protocol([rule("sex", "born", "found", differing=1)])
    rows = [ANNA, but(case="2", found="2011-01-01"), but(case="3", sex=""), but(case="4", sex="m", born="")]  # fmt: skip
    result = clean(study, *rows)
    assert result.flagged[["row", "reason"]].to_numpy().tolist() == [
        [2, "row 4 is the same in born, found, not in sex: one patient twice"],
        [3, "row 2 is the same in sex, born, not in found: one patient twice"],
        [4, "row 2 is the same in born, found, not in sex: one patient twice"],
    ]


def test_a_date_without_a_day_agrees_with_nothing():
    study = protocol([rule("sex", "born")])
    assert clean(study, but(born="1950"), but(case="2", born="1950")).flagged.empty


def test_who_shares_an_identifier_is_a_duplicate_and_no_near_one():
    study = protocol([rule("sex", "born", action="reject")])
    result = clean(study, ANNA, but(size="5"), but(case="2", born="1951-01-01"))
    assert set(result.rejected["rule"]) == {"duplicate"}


def test_a_rule_may_reject():
    result = clean(protocol([rule("sex", "born", action="reject")]), ANNA, but(case="2", size="9"))
    assert result.rejected["row"].tolist() == [2, 3]
    assert result.quality.set_index("column").loc["case", "duplicate"] == 2


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (rule("sex", "nobody"), "'nobody' is no variable of the source"),
        (rule("sex", "case"), "'case' is no variable of the source"),
        (rule("sex", "born", differing=1), "in two variables or more"),
        (rule("sex"), "at least 2"),
    ],
)
def test_a_rule_that_says_too_little_is_refused(asked, words):
    with pytest.raises(ValidationError, match=words):
        protocol([asked])


VALUES = {
    "sex": st.sampled_from(["f", "w", "m", ""]),
    "born": st.sampled_from(["1950-01-07", "1950-01-08", ""]),
    "found": st.sampled_from(["2010-05-05", "2010-05-06", ""]),
    "size": st.sampled_from(["1", "1.0", "2", ""]),
}


@pytest.mark.property
@settings(max_examples=100, deadline=None)
@given(
    rows=st.lists(st.fixed_dictionaries(VALUES), min_size=1, max_size=7),
    differing=st.sampled_from([0, 1]),
)
def test_the_same_as_comparing_each_row_with_each(rows, differing):
    study = protocol([rule(*VALUES, differing=differing)])
    table = [but(case=str(i), **row) for i, row in enumerate(rows)]
    result = clean(study, *table)
    value = {
        "sex": {"w": "f"}.get,
        "size": {"1.0": "1"}.get,
        "born": {}.get,
        "found": {}.get,
    }
    meant = [{k: value[k](v, v) for k, v in row.items()} for row in rows]
    expected = set()
    for (i, one), (j, other) in itertools.combinations(enumerate(meant), 2):
        same = sum(one[k] == other[k] != "" for k in VALUES)
        if same >= len(VALUES) - differing:
            expected |= {i + 2, j + 2}
    rejected = set(result.rejected["row"])
    assert set(result.flagged["row"]) == expected - rejected
    # the row that is named is another one, and agrees
    for row, reason in result.flagged[["row", "reason"]].to_numpy():
        other = int(reason.split()[1])
        same = sum(meant[row - 2][k] == meant[other - 2][k] != "" for k in VALUES)
        assert other != row
        assert same >= len(VALUES) - differing
    assert np.isin(result.flagged["value"], ["(withheld)"]).all()
