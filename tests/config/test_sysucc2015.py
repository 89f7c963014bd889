"""The SYSUCC study's configuration against the paper, typed from it a second time.

The lists below were typed from the paper by row and paragraph, not from the configuration: a number
that is missing, added or mistyped there fails here. Where the text of the paper stands beside the
checkout, its tables and Results are read again and every number must be accounted for.
"""

from __future__ import annotations

import re
from collections import Counter
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from resarc import protocol as protocols
from resarc import published as publications
from resarc.protocol import Derived, Protocol
from resarc.published import Published

pytestmark = pytest.mark.config

ROOT = Path(__file__).parents[2]
STUDY = "sysucc2015"
PAPER = ROOT.parent / "shared" / "seeds" / "001_4af390429fa1a1d5.txt"

TABLE_1 = {
    "header": ["142"],
    "row Age": ["47.5", "5", "71"],
    "row Male": ["60", "42.3"],
    "row Female": ["82", "57.7"],
    "row Primary tumor size": ["5.5", "0.5", "20"],
    "row Superficial": ["44", "31"],
    "row Deep": ["98", "69"],
    "row So-called fibrohistiocytic tumors": ["22", "15.5"],
    "row Undifferentiated sarcomas": ["96", "67.6"],
    "row Smooth muscle tumors": ["22", "15.5"],
    "row Fibroblastic/Myofibroblastic tumors": ["2", "1.4"],
    "row grade 1": ["9", "6.3"],
    "row grade 2": ["13", "9.2"],
    "row grade 3": ["120", "84.5"],
    "row Follow-up, Median": ["49.38"],
    "row Follow-up, Range": ["2.97", "476.17"],
    "row Follow-up, Mean": ["71.05"],
    "row Local Treatment, With": ["79", "55.6"],
    "row Local Treatment, Without": ["63", "44.4"],
}
TABLE_2 = {
    "header": ["79", "63"],
    "row CR": ["54", "68.4", "27", "42.9"],
    "row PR": ["13", "16.4", "16", "25.4"],
    "row SD": ["1", "1.3", "5", "7.9"],
    "row PD": ["11", "13.9", "15", "23.8"],
    "footnote": ["0.012"],
}
METHODS = {"para 1": ["154", "142", "154", "12"]}
RESULTS = {
    "para 1": [
        *("142", "154", "142", "44.35", "5", "71", "47.5", "28", "19.7", "114", "80.3"),
        *("60", "42.3", "82", "57.7", "22", "15.5", "96", "67.6", "22", "15.5", "2", "1.4"),
        *("71.05", "2.97", "476.17", "49.38", "6.68", "0.5", "20", "5.5"),
        *("79", "55.6", "63", "44.4"),
    ],
    "para 2": ["79", "48", "60.8", "11", "13.9", "7", "8.9", "13", "16.4"],
    "para 3": ["81", "57.1", "29", "20.4", "6", "4.2", "26", "18.3"],
    "para 4": [
        *("0.238", "0.783", "0.425", "0.484", "0.861", "0.965", "2411"),
        *("28.2", "25.4", "45.8", "0.7", "1", "88", "61", "44"),
    ],
    "para 5": [
        *("0.801", "0.309", "0.427", "0.404", "0.796", "0.900", "147", "12.7", "4.2", "1.4"),
    ],
    "para 6": ["1638", "6262", "< 0.001", "74", "195", "< 0.001"],
    "para 7": ["0.7066"],
}
CLAIMS = {
    "Abstract": 3,
    "Table 2, footnote": 4,
    "Results, para 3": 2,
    "Results, para 6": 2,
    "Results, para 7": 4,
}


@pytest.fixture(scope="module")
def published() -> Published:
    return publications.load(ROOT / "config" / "published" / f"{STUDY}.yaml")


@pytest.fixture(scope="module")
def protocol() -> Protocol:
    return protocols.load(ROOT / "config" / "studies" / f"{STUDY}.yaml")


def printed_under(published: Published, section: str) -> dict[str, list[str]]:
    """Printed values, claims apart, by what follows the section's name in the locator."""
    found: dict[str, list[str]] = {}
    for figure in published.figures:
        start, _, place = figure.locator.partition(", ")
        if start == section and not figure.claim:
            found.setdefault(place, []).append(figure.printed)
    return found


@pytest.mark.parametrize(
    ("section", "expected"),
    [("Table 1", TABLE_1), ("Table 2", TABLE_2), ("Methods", METHODS), ("Results", RESULTS)],
)
def test_every_printed_number_is_there_in_its_place(published, section, expected):
    assert printed_under(published, section) == expected


def test_every_claim_in_words_is_there(published):
    assert Counter(f.locator for f in published.figures if f.claim) == CLAIMS


def test_nothing_is_kept_from_a_place_that_the_lists_do_not_know(published):
    known = {"Table 1", "Table 2", "Methods", "Results", "Abstract"}
    assert {f.locator.split(", ")[0] for f in published.figures} == known


@pytest.mark.parametrize(
    ("identifier", "estimand", "printed", "unit"),
    [
        ("met.excluded", "flow.excluded(complete_records)", "12", "patients"),
        ("t1.male.pct", "sex.proportion(male)", "42.3", "%"),
        ("t2.pr.without.n", "n{local_treatment=no, response=PR}", "16", "patients"),
        ("t1.followup.median", "os.followup_median", "49.38", "months"),
        ("res.followup.median", "os.followup_median{os=censored}", "49.38", "months"),
        ("res.os.median", "os.median", "2411", "days"),
        ("res.os.local.without.median", "os.median{local_treatment=no}", "1638", "days"),
        ("res.os.local.with.median", "os.median{local_treatment=yes}", "6262", "days"),
        ("res.pfs.local.without.median", "pfs.median{local_treatment=no}", "74", "days"),
        ("res.pfs.local.with.median", "pfs.median{local_treatment=yes}", "195", "days"),
        ("res.pfs36", "pfs.survival(36 months)", "4.2", "%"),
        ("res.os.grade.p", "os.logrank_p by grade", "0.965", ""),
        ("res.pfs.sex.p", "pfs.logrank_p by sex", "0.309", ""),
        ("res.both.pct", "local_modality.proportion(surgery and radiotherapy){local_treatment=yes}", "16.4", "%"),
        ("res.os.elderly.p", "os.logrank_p{age_group=elderly} by local_treatment", "0.7066", ""),
    ],
)  # fmt: skip
def test_a_number_means_what_the_paper_says(published, identifier, estimand, printed, unit):
    figure = published.get(identifier)
    assert (str(figure.estimand), figure.printed, figure.unit) == (estimand, printed, unit)


def test_the_follow_up_is_told_apart_by_whom_it_describes(published):
    for name in ("median", "mean", "min", "max"):
        everyone = published.get(f"t1.followup.{name}")
        survivors = published.get(f"res.followup.{name}")
        assert everyone.printed == survivors.printed
        assert "all 142 patients" in everyone.says
        assert "all 142 patients" in survivors.says
        assert "survivors" in everyone.says
        assert "survivors" in survivors.says


def test_printed_counts_of_a_category_add_up_to_its_group(published, protocol):
    def total(*fixed: str, variable: str) -> int:
        levels = protocol.levels(variable)
        conditions = [", ".join(sorted((*fixed, f"{variable}={level}"))) for level in levels]
        counts = [published.of(f"n{{{condition}}}") for condition in conditions]
        return sum(int(figures[0].printed) for figures in counts if figures)

    for variable in ("sex", "depth", "subtype", "grade", "local_treatment", "age_group"):
        assert total(variable=variable) == 142, variable
    assert total(variable="response") == 142
    assert total("local_treatment=yes", variable="response") == 79
    assert total("local_treatment=no", variable="response") == 63
    assert total("local_treatment=yes", variable="local_modality") == 79


def test_the_protocol_can_have_every_printed_and_highlighted_estimand(published, protocol):
    estimands = [f.estimand for f in published.figures]
    estimands += [e for highlight in published.highlighted for e in highlight.estimands]
    assert [fault for e in estimands if (fault := protocol.explain_fault(e))] == []


def test_units_of_numbers_are_those_of_the_protocol(published, protocol):
    numbers = protocol.names("number")
    units = {
        (f.estimand.subject, f.unit) for f in published.figures if f.estimand.subject in numbers
    }
    assert units == {("age", "years"), ("size_cm", "cm")}
    assert all(protocol.variable(name).unit == unit for name, unit in units)


def test_the_cut_of_age_is_the_printed_definition_of_elderly(published, protocol):
    elderly, younger = published.definitions
    group = protocol.variable("age_group")
    assert isinstance(group, Derived)
    for age in range(5, 72):
        level = group.levels[sum(age >= cut for cut in group.at)]
        assert elderly.holds(age) == (level == elderly.level), age
    assert [younger.holds(age) for age in (17, 18)] == [True, False]


def test_announced_analyses_are_described_by_patterns_that_no_printed_figure_meets(published):
    printed = [str(f.estimand) for f in published.figures]
    for announcement in published.announced:
        for pattern in announcement.estimands:
            assert not [text for text in printed if fnmatchcase(text, pattern)], announcement.id


@pytest.mark.parametrize(
    ("estimand", "announcement"),
    [
        ("os.hazard_ratio by sex(female / male) adjusted for age, grade", "multivariable"),
        ("pfs.cox_p by size_cm adjusted for depth", "multivariable"),
        ("os.roc_cutoff(36 months) by age", "roc_cutoff"),
        ("pfs.auc(12 months) by size_cm", "roc_cutoff"),
        ("os.hazard_ratio by local_treatment(yes / no) adjusted for age", "age_adjustment"),
        ("os.interaction_p by sex within depth adjusted for age, grade", "age_adjustment"),
    ],
)
def test_an_announced_result_would_be_recognised(published, protocol, estimand, announcement):
    assert protocol.explain_fault(protocols.Estimand.parse(estimand)) is None
    found = next(a for a in published.announced if a.id == announcement)
    assert any(fnmatchcase(estimand, pattern) for pattern in found.estimands)


def test_every_modality_is_a_local_treatment_but_none(protocol):
    treatment = protocol.variable("local_treatment")
    assert treatment.groups["no"] == ("none",)
    assert {*treatment.groups["no"], *treatment.groups["yes"]} == {
        *protocol.levels("local_modality")
    }


# -- against the text of the paper -------------------------------------------------------------


def numbers_in(text: str) -> Counter[str]:
    """Every number of a passage, apart from those of references to tables and figures."""
    text = re.sub(r"(Table|Figures?) \d+|\[[\d, -]+\]|†", " ", text)
    return Counter(re.findall(r"\d+(?:\.\d+)?", text))


def values(listed: dict[str, list[str]]) -> Counter[str]:
    return Counter(text.removeprefix("< ") for row in listed.values() for text in row)


@pytest.fixture(scope="module")
def paper() -> str:
    if not PAPER.exists():
        pytest.skip("the text of the paper is not beside the checkout")
    return PAPER.read_text(encoding="utf-8")


def between(text: str, start: str, end: str) -> str:
    return text.split(start, 1)[1].split(end, 1)[0]


def test_the_paper_s_table_1_holds_no_other_number(paper, published):
    table = between(paper, "Table 1. Clinico", "†: Median")
    grades = re.sub(r"(?m)^ +[123] (?=\d+ )", "", table)  # the names of the three rows
    assert numbers_in(grades) == values(printed_under(published, "Table 1"))


def test_the_paper_s_table_2_holds_no_other_number(paper, published):
    table = between(paper, "Table 2. Response", " time of metastasis progression")
    assert numbers_in(table) == values(printed_under(published, "Table 2"))


def test_the_paper_s_results_hold_no_other_number(paper, published):
    results = between(paper, "\nResult\n", "\nDiscussion\n")
    results = re.sub(r"1-,\s+3-\s+and\s+5-year", "", results)  # the times of the rates
    listed = values(printed_under(published, "Results"))
    listed += Counter(
        f.printed.removeprefix("December ") for f in published.facts if f.id == "res.last_contact"
    )
    assert numbers_in(results) == listed
