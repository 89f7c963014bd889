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


def test_what_every_dataset_holds(page):
    for study, found in written("reconstruction_speed").items():
        numbers = " | ".join(
            str(found[name]) for name in ("datasets", "targets", "held_by_all", "set_aside")
        )
        times = f"{found['seconds_to_decide']:g} s | {found['seconds_to_build']:g} s"
        assert f"| `{study}` | {numbers} | {times} |" in page
        assert found["held_by_all"] == found["targets"]


def shares(found):
    return " | ".join(f"{found[name]:g}%" for name in ("hr", "events", "rmst", "median"))


def test_the_truth_in_identified_sets(page):
    found = written("truth")
    total = f"{found['rows']} factors of {found['cohorts']} cohorts"
    rows = [f"| all | {found['rows']} | 20 | {shares(found['covered'])} |"]
    rows += [f"| all | {found['rows']} | 1 | {shares(found['covered_at_first_look'])} |"]
    for patients, part in found["by_patients"].items():
        rows += [f"| {patients} | {part['rows']} | 20 | {shares(part['covered'])} |"]
        rows += [f"| {patients} | {part['rows']} | 1 | {shares(part['covered_at_first_look'])} |"]
    widths = (
        f"log hazard ratio was {found['median_width']:g};",
        f"unknown events it was {found['median_width_tierney']:g} and held the true value for "
        f"{found['tierney_covered']:g}%",
        f"at random it was {found['median_width_blind']:g}.",
    )
    of = found["by_patients"]
    took = [of[n]["seconds_of_a_cohort"] for n in of]
    back = [f"{part['stepped_back']} of {part['figures']}" for part in of.values()]
    costs = [
        f"rebuilding took {took[0]['rebuilding']}, {took[1]['rebuilding']} and "
        f"{took[2]['rebuilding']} s of processor time",
        f"the ends {took[0]['ends_at_first_look']}, {took[1]['ends_at_first_look']} and "
        f"{took[2]['ends_at_first_look']} s at a first look and {took[0]['ends']}, {took[1]['ends']} and "
        f"{took[2]['ends']} s with effort 20",
        f"{back[0]} figures of cohorts of 24, {back[1]} of 60 and {back[2]} of 142",
    ]
    assert [words for words in (total, *rows, *widths, *costs) if words not in page] == []


def test_what_the_search_loses_of_small_studies(page):
    seen, after = (written("small_studies")[name] for name in ("looked_at", "afterwards"))
    for words in (
        f"of {seen['studies']} at which was looked while the search was mended, {seen['lost']} of "
        f"{seen['figures']} figures",
        f"of {after['studies']} drawn afterwards, {after['lost']} of {after['figures']} "
        f"({after['lost_percent']:g}%), in {after['studies_with_loss']} papers",
    ):
        assert words in page
    assert (seen["true_reading_lost"], after["true_reading_lost"]) == (0, 0)
    assert "The reading by which the figures were printed was never lost" in page


def test_what_two_seeds_agree_on(page):
    found = written("two_seeds")
    sought, by_study, by_kind = found["sought"], found["by_study"], found["by_kind"]
    for words in (
        f"{found['members']} members each",
        f"no more than {found['tolerance_percent']:g}% of the width",
        f"Of {sought['ends']} ends that were sought, {sought['agree_percent']}% agree",
        f"the median difference is {sought['median_gap_percent']}%, nine of ten are within "
        f"{sought['ninth_decile_percent']}%, and the largest is {sought['largest_gap_percent']:g}%",
        f"In `okayama2022` {by_study['okayama2022']['agree_percent']}% agree, in `qu2024` "
        f"{by_study['qu2024']['agree_percent']}%, in `oslo2014`",
        f"share the effort, {by_study['oslo2014']['agree_percent']}%",
        f"Numbers of events agree best ({by_kind['events']['agree_percent']}%)",
        f"differences of survival worst ({by_kind['survival_difference']['agree_percent']:g}%; median "
        f"difference {by_kind['survival_difference']['median_gap_percent']}%)",
        f"Of {found['not_sought']['ends']} ends that only the sample and other searches show, "
        f"{found['not_sought']['agree_percent']}% agree",
    ):
        assert words in page
    shares = {kind: part["agree_percent"] for kind, part in by_kind.items()}
    assert max(shares, key=shares.get) == "events"
    assert min(shares, key=shares.get) == "survival_difference"
