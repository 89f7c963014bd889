"""The configuration of Oslo 2014 holds what its abstract says, and claims nothing more."""

from __future__ import annotations

import fnmatch
import re
from pathlib import Path

import pytest

from resarc import protocol, published
from resarc.estimand import Condition

pytestmark = pytest.mark.config

ROOT = Path(__file__).parents[2]
SOURCES = ROOT.parent / "shared" / "seeds"

COUNTS = {"abs.n": "93", "abs.surgery_alone.n": "41", "abs.chemotherapy.n": "52"}
P_VALUES = {
    "abs.interval.p": "0.02",
    "abs.histological.pfs.p": "0.04",
    "abs.radiological.pfs.p": "0.003",
    "abs.radiological.dss.p": "0.003",
}
CLAIMS = {
    "abs.interval.direction": "< 0",
    "abs.dss.p": ">= 0.05",
    "abs.pfs.p": ">= 0.05",
    "abs.histological.pfs.direction": "< 1",
    "abs.radiological.pfs.direction": "< 1",
    "abs.radiological.dss.direction": "< 1",
}
CHEMOTHERAPY = Condition("preoperative_chemotherapy", "yes")


@pytest.fixture(scope="module")
def printed():
    return published.load(ROOT / "config" / "published" / "oslo2014.yaml")


@pytest.fixture(scope="module")
def study():
    return protocol.load(ROOT / "config" / "studies" / "oslo2014.yaml")


def test_figures_and_claims(printed):
    assert {f.id: f.printed for f in printed.figures if not f.claim} == COUNTS | P_VALUES
    assert {f.id: f.printed for f in printed.figures if f.claim} == CLAIMS


def test_the_protocol_can_have_every_printed_estimand(printed, study):
    assert [study.explain_fault(f.estimand) for f in printed.figures] == [None] * 13


def test_the_groups_are_the_cohort(printed, study):
    sizes = [
        printed.count(Condition("preoperative_chemotherapy", level))
        for level in study.levels("preoperative_chemotherapy")
    ]
    assert sizes == [41, 52]
    assert sum(sizes) == printed.count() == 93


def test_the_source_prints_these_numbers_and_no_others_about_its_patients():
    found = sorted(SOURCES.glob("000_*.txt"))
    if not found:
        pytest.skip("the source text is not beside this checkout")
    paragraphs = re.split(r"\n\s*\n", found[0].read_text(encoding="utf-8"))
    first = next(i for i, text in enumerate(paragraphs) if "n = 41" in text)
    numbers = re.findall(r"\d+(?:\.\d+)?", " ".join(paragraphs[first : first + 2]))
    assert sorted(set(numbers)) == sorted({*COUNTS.values(), *P_VALUES.values()})
    assert len(numbers) == 6  # 0.003 stands once, for two endpoints


def test_responses_are_compared_only_in_the_chemotherapy_group(printed, study):
    """Nobody without chemotherapy has a response; a test across all levels would be another one."""
    planned = [e for analysis in study.analyses for e in analysis.more]
    compared = [
        e for e in (*planned, *(f.estimand for f in printed.figures)) if e.by.endswith("_response")
    ]
    assert len(compared) == 12 + 6  # planned, printed
    assert all(CHEMOTHERAPY in e.where for e in compared)
    bound = {
        (when.one_of, then.variable, then.one_of)
        for when, then in (c.implies for c in study.reconstruction.constraints if c.implies)
    }
    for response, levels in (
        ("histological_response", ("good", "poor")),
        ("radiological_response", ("partial response", "other")),
    ):
        assert (("no",), response, ("not applicable",)) in bound
        assert (("yes",), response, levels) in bound
        assert set(study.levels(response)) == {*levels, "not applicable"}


def test_landmarks_are_asked_for_though_none_is_printed(printed, study):
    at = {a.endpoint: [str(d) for d in a.at] for a in study.analyses if a.kind == "survival"}
    assert at == {key: ["12 months", "36 months", "60 months"] for key in ("dss", "pfs")}
    assert not [f for f in printed.figures if f.estimand.statistic in ("survival", "median")]


def test_announced_analyses_without_a_figure(printed):
    estimands = [str(f.estimand) for f in printed.figures]
    missing = {
        a.id
        for a in printed.announced
        if not any(fnmatch.fnmatchcase(e, pattern) for e in estimands for pattern in a.estimands)
    }
    assert missing == {
        "response.histological",
        "response.radiological",
        "survival.dss",
        "survival.pfs",
        "histological.dss",
    }


def test_the_unit_of_the_interval_is_that_of_the_protocol(printed, study):
    unit = study.variable("metastasis_free_interval").unit
    assert printed.get("abs.interval.direction").unit == unit == "months"


def test_choices_are_marked_as_choices(printed, study):
    text = " ".join(study.reconstruction.choices)
    for named in ("not in the abstract", "no figure of it is printed", "names no covariates"):
        assert named in text
    assert printed.reading.startswith("Abstract only")
