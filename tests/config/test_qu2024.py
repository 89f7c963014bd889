"""The Qu study's configuration against its abstract, typed from it a second time.

The lists below were typed from the abstract, not from the configuration: a number that is missing,
added or mistyped there fails here. Where the text stands beside the checkout, the abstract is read
again and every number must be accounted for.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from resarc import protocol as protocols
from resarc import published as publications
from resarc.protocol import Protocol
from resarc.published import Published

pytestmark = pytest.mark.config

ROOT = Path(__file__).parents[2]
STUDY = "qu2024"
ABSTRACT = ROOT.parent / "shared" / "seeds" / "002_1f5298e52f309e23.txt"

METHODS = [
    ("n", "31", "patients"),
    ("n{sex=male}", "21", "patients"),
    ("n{sex=female}", "10", "patients"),
    ("age.mean", "55.7", "years"),
    ("chemo_cycles.minimum", "2", "cycles"),
    ("chemo_cycles.maximum", "3", "cycles"),
    ("rt_dose.minimum", "25", "Gy"),
    ("rt_dose.maximum", "35", "Gy"),
]
RESULTS = [
    ("chemo_toxicity.proportion(grade 3+)", "29", "%"),
    ("n{limb_preserved=yes}", "30", "patients"),
    ("response.proportion(PD)", "9.7", "%"),
    ("response.proportion(SD)", "58.1", "%"),
    ("response.proportion(PR)", "29", "%"),
    ("response.proportion(CR)", "3.2", "%"),
    ("objective_response.proportion(yes)", "32.2", "%"),
    ("n{wound_infection=superficial}", "4", "patients"),
    ("n{wound_infection=deep}", "4", "patients"),
    ("n{metastasis=yes}", "6", "patients"),
    ("n{metastasis=yes, status=alive}", "3", "patients"),
    ("n{local_recurrence=yes}", "2", "patients"),
    ("dfs.survival(12 months)", "79.3", "%"),
    ("os.survival(12 months)", "89.6", "%"),
]
CLAIMS = {
    "n{presentation=initial}",
    "n{presentation=recurrent}",
    "neoadjuvant_completed.proportion(yes)",
}
WORDS = {"two": "2", "three": "3", "four": "4"}


@pytest.fixture(scope="module")
def published() -> Published:
    return publications.load(ROOT / "config" / "published" / f"{STUDY}.yaml")


@pytest.fixture(scope="module")
def protocol() -> Protocol:
    return protocols.load(ROOT / "config" / "studies" / f"{STUDY}.yaml")


@pytest.mark.parametrize(
    ("section", "expected"), [("Materials and methods", METHODS), ("Results", RESULTS)]
)
def test_every_printed_number_is_there_with_its_meaning(published, section, expected):
    found = [
        (str(f.estimand), f.printed, f.unit)
        for f in published.figures
        if f.locator == f"Abstract, {section}" and not f.claim
    ]
    assert found == expected


def test_nothing_else_is_kept(published):
    assert {str(f.estimand) for f in published.figures if f.claim} == CLAIMS
    assert len(published.figures) == len(METHODS) + len(RESULTS) + len(CLAIMS)


def test_the_protocol_can_have_every_printed_estimand(published, protocol):
    faults = (protocol.explain_fault(f.estimand) for f in published.figures)
    assert [fault for fault in faults if fault] == []


def test_units_of_numbers_are_those_of_the_protocol(published, protocol):
    numbers = protocol.names("number")
    units = {
        (f.estimand.subject, f.unit) for f in published.figures if f.estimand.subject in numbers
    }
    assert units == {("age", "years"), ("chemo_cycles", "cycles"), ("rt_dose", "Gy")}
    assert all(protocol.variable(name).unit == unit for name, unit in units)


def test_printed_shares_of_response_leave_one_count_each(published, protocol):
    """3, 18, 9 and 1 of 31: the shares are those of whole patients, who add up."""
    counts = {}
    for level in protocol.levels("response"):
        (figure,) = published.of(f"response.proportion({level})")
        exact = published.exact_values(figure)
        counts[level] = [k for k in range(32) if k / 31 in exact]
    assert counts == {"CR": [1], "PR": [9], "SD": [18], "PD": [3]}


def test_disease_free_survival_ends_by_relapse_or_death_only(protocol):
    endpoint = protocol.endpoint("dfs")
    assert set(protocol.endpoint("os").events) < set(endpoint.events)
    ends = [
        [(c.variable, c.one_of) for c in constraint.implies]
        for constraint in protocol.reconstruction.constraints
        if constraint.implies and constraint.implies[0].variable == "dfs"
    ]
    assert ends == [
        [
            ("dfs", ("event",)),
            ("local_recurrence", ("yes",)),
            ("metastasis", ("yes",)),
            ("status", ("dead",)),
        ]
    ]


def test_doses_are_whole_fractions_of_the_printed_size(published, protocol):
    fraction = next(f for f in published.facts if f.id == "met.fraction")
    assert protocol.reconstruction.steps["rt_dose"] == float(fraction.printed)


# -- against the text of the abstract ----------------------------------------------------------


@pytest.fixture(scope="module")
def abstract() -> str:
    if not ABSTRACT.exists():
        pytest.skip("the text of the abstract is not beside the checkout")
    return ABSTRACT.read_text(encoding="utf-8")


def numbers_in(text: str) -> Counter[str]:
    """Every number of a passage, in digits or in words; the word one is part of "one-year"."""
    words = [WORDS[word] for word in re.findall(r"\b(two|three|four)\b", text.lower())]
    return Counter([*re.findall(r"\d+(?:\.\d+)?", text), *words])


@pytest.mark.parametrize(
    ("section", "following", "facts"),
    [("Materials and methods", "Results", "met."), ("Results", "Conclusion", "res.")],
)
def test_the_abstract_holds_no_other_number(abstract, published, section, following, facts):
    passage = abstract.split(f"\n{section}: ", 1)[1].split(f"\n{following}: ", 1)[0]
    figures = [
        f.printed for f in published.figures if f.locator == f"Abstract, {section}" and not f.claim
    ]
    others = [f.printed for f in published.facts if f.id.startswith(facts)]
    listed = Counter(n for text in (*figures, *others) for n in re.findall(r"\d+(?:\.\d+)?", text))
    assert numbers_in(passage) == listed
