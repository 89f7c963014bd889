"""The evidence map: what titles say is kept, what they do not say is refused or stays unknown."""

import re
from pathlib import Path

import pytest

from resarc import evidence
from resarc.errors import ConfigurationError
from resarc.evidence import NOT_SAID, Evidence
from resarc.published import load as load_published
from resarc.references import Reference, load

ROOT = Path(__file__).parents[2]
WORKS = {
    "one": Reference("one", "Resection of lung metastases in 12 patients: two cases", year="1990"),
    "two": Reference("two", "Ablation and surgery", year="2001"),
}


def read(*works, texts=()):
    return Evidence.model_validate({"works": list(works), "texts": list(texts)})


ONE = {
    "work": "one",
    "treatment": {"value": ["surgery"], "words": "Resection"},
    "site": {"value": ["lung"], "words": "lung metastases"},
    "size": {"value": 12, "words": "12 patients"},
}
TWO = {
    "work": "two",
    "treatment": {"value": ["ablation", "surgery"], "at": "Abstract"},
    "site": {"value": ["liver", "lung"], "at": "Abstract"},
}


@pytest.mark.unit
def test_works_and_map_by_hand():
    table = evidence.works(read(ONE, TWO, texts=["two"]), WORKS, ["two"])
    assert list(table.columns) == list(evidence.WORKS)
    one, two = table.iloc[0], table.iloc[1]
    assert (one["treatment"], one["treatment_said"]) == ("surgery", "title: “Resection”")
    assert (one["size"], one["size_of"], one["year"], one["reanalysed"]) == (
        12,
        "patients",
        "1990",
        "no",
    )
    assert one["design"] is None or one["design"] != one["design"]
    assert (two["treatment"], two["treatment_said"], two["reanalysed"]) == (
        "ablation; surgery",
        "Abstract",
        "yes",
    )
    cells = evidence.mapped(table).set_index(["site", "treatment"])
    assert cells.loc[("lung", "surgery"), "references"] == "one"
    assert cells.loc[("lung", "combination"), "references"] == "two"
    assert cells.loc[("liver", "combination"), "works"] == 1
    assert cells["works"].sum() == 3
    assert len(cells) == 5 * 6  # empty cells too


@pytest.mark.unit
def test_what_is_not_said_has_its_own_place():
    cells = evidence.mapped(evidence.works(read({"work": "one"}), WORKS, []))
    found = cells[cells["works"] > 0].iloc[0]
    assert (found["site"], found["treatment"]) == (NOT_SAID, NOT_SAID)


@pytest.mark.unit
@pytest.mark.parametrize(
    ("work", "message"),
    [
        (ONE | {"treatment": {"value": ["surgery"], "words": "Surgery"}}, "title does not say"),
        (ONE | {"size": {"value": 13, "words": "12 patients"}}, "words with this number"),
        (ONE | {"size": {"value": 1, "words": "12 patients"}}, "words with this number"),
        ({"work": "three"}, "no such reference"),
    ],
)
def test_what_the_title_does_not_say_is_refused(work, message):
    with pytest.raises(ConfigurationError, match=message):
        evidence.check(read(work), WORKS, "config/evidence.yaml")


@pytest.mark.unit
def test_numbers_may_be_spelled():
    evidence.check(read(ONE | {"size": {"value": 2, "words": "two cases"}}), WORKS, "evidence.yaml")


@pytest.mark.unit
@pytest.mark.parametrize(
    ("works", "message"),
    [
        ([TWO], "only its title is known"),
        ([ONE, ONE], "stands twice"),
        ([ONE | {"site": {"value": ["lung"]}}], "give the words"),
        ([ONE | {"site": {"value": ["lung"], "words": "lung", "at": "p. 1"}}], "give the words"),
        ([ONE | {"site": {"value": ["bone"], "words": "lung"}}], "'lung', 'liver', 'other'"),
        ([ONE | {"colour": "red"}], "colour"),
    ],
)
def test_a_fact_stands_somewhere(works, message):
    with pytest.raises(ValueError, match=message):
        read(*works)


@pytest.mark.config
def test_the_map_holds_the_overview_and_the_studies_and_every_title_says_what_is_quoted():
    given, references = (
        evidence.load(ROOT / "config/evidence.yaml"),
        load(ROOT / "config/references.bib"),
    )
    evidence.check(given, references, "config/evidence.yaml")
    overview = {
        k for k, r in references.items() if re.match(r"Reference \d+ of the overview", r.note)
    }
    studies = {
        load_published(path).reference for path in (ROOT / "config/published").glob("*.yaml")
    }
    assert len(overview) == 41
    assert {work.work for work in given.works} == overview | studies
    assert set(given.texts) == studies
    silent = [work.work for work in given.works if not work.facts]
    assert silent == []


@pytest.mark.config
def test_sizes_of_studies_are_those_that_their_papers_print():
    works = {work.work: work for work in evidence.load(ROOT / "config/evidence.yaml").works}
    for path in (ROOT / "config/published").glob("*.yaml"):
        published = load_published(path)
        printed = {f.printed for f in published.figures if str(f.estimand) == "n"}
        assert str(works[published.reference].size.value) in printed, path.name
