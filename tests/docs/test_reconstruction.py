"""The numbers of docs/reconstruction.md are those that the benchmarks wrote."""

import json
from pathlib import Path

import pytest

pytestmark = pytest.mark.docs

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def page():
    return " ".join((DOCS / "reconstruction.md").read_text(encoding="utf-8").split())


def written(name):
    return json.loads((DOCS / "benchmarks" / f"{name}.json").read_text(encoding="utf-8"))


def test_the_problem_of_maple(page):
    found = written("maple")
    for words in (
        f"{found['held']} of {found['sets']} labellings print as they should",
        f"at {found['seconds_per_set']:g} s of one core each",
        f"took {found['maple_seconds_two']:g} s for two: about {found['times_faster']} times as long",
    ):
        assert words in page
    half = found["maple_seconds_two"] / 2
    assert found["times_faster"] == round(half / found["seconds_per_set"])


def test_the_truth_in_identified_sets(page):
    found = written("truth")
    for words in (
        f"{found['rows']} factors of {found['cohorts']} cohort",
        f"in the set for {found['hr_covered']:g}% of them",
        f"the number of events for {found['events_covered']:g}%",
        f"restricted means for {found['rmst_covered']:g}%",
        f"the medians by group for {found['median_covered']:g}%",
        f"log hazard ratio was {found['median_width']:g};",
        f"unknown events it was {found['median_width_tierney']:g} and held the true value for "
        f"{found['tierney_covered']:g}%",
        f"at random it was {found['median_width_blind']:g}.",
    ):
        assert words in page
