"""Groups of patients by what they rest on, counted as the analysis counts them."""

import pytest

from resarc.analysis import CohortView
from resarc.disclosure.groups import Group, Groups, is_of_events
from resarc.estimand import Estimand

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def groups(cohort_of, protocol):
    return Groups(CohortView(cohort_of(300, 5), protocol))


def where(text: str):
    return Estimand.parse(f"n{{{text}}}").where


def test_names_that_rest_on_one_thing_are_told_in_its_atoms(groups):
    assert groups.meaning("early") == (
        "stage", {"yes": frozenset({"I"}), "no": frozenset({"II", "III"})},
    )  # fmt: skip
    assert groups.atoms("age") == ("..60", "60..80", "80..", "")
    assert groups.meaning("age_group")[1][">=60"] == {"60..80", "80.."}
    assert groups.group(where('early="yes"')) == groups.group(where("stage=I"))
    both = groups.group(where('age_group=">=60", old="<80"'))
    assert both.by_root == {"age": frozenset({"60..80"})}


@pytest.mark.parametrize(
    "text",
    ["sex=f", "stage=III", 'age_group=">=60"', 'old="<80", sex=m', "early=no, treated=yes", "os=event, stage=II"],
)  # fmt: skip
def test_a_group_counts_whom_the_analysis_counts(groups, text):
    assert groups.count(groups.group(where(text))) == int(groups.view.rows(where(text)).sum())


def test_who_is_known_and_who_is_at_some_levels(groups):
    known = groups.group(known=["stage", "os", "age"])
    assert groups.count(known) == int(groups.view.complete((), "stage", "os").sum())
    some = groups.group(known=["stage"], among={"stage": ["I", "III"]})
    assert some.by_root == {"stage": frozenset({"I", "III"})}


def test_events_are_known_as_such(groups, protocol):
    assert is_of_events(groups.group(where("os=event, sex=f")), protocol)
    assert not is_of_events(groups.group(where("os=censored")), protocol)
    assert not is_of_events(groups.group(known=["os"]), protocol)


def test_a_group_lies_within_a_larger_one(groups):
    narrow, wide = groups.group(where("stage=II, sex=f")), groups.group(where("early=no"))
    assert narrow.within(wide)
    assert not wide.within(narrow)
    assert narrow.within(Group())
    assert narrow.without("sex") == groups.group(where("stage=II"))
