"""config/references.bib: readable by pybtex and by Resarc, and complete."""

import re
from pathlib import Path

import pytest
from pybtex.database import parse_file

from resarc.references import format_plain, load

PATH = Path(__file__).parents[2] / "config" / "references.bib"
ENTRIES = parse_file(PATH).entries
REFERENCES = load(PATH)
OVERVIEW = "raut2017"

pytestmark = pytest.mark.config


def overview_numbers() -> dict[int, str]:
    """Number in the overview's reference list -> key."""
    found = {
        key: re.match(r"Reference (\d+) of the overview", reference.note)
        for key, reference in REFERENCES.items()
    }
    return {int(match[1]): key for key, match in found.items() if match}


def test_no_entry_is_lost_on_the_way():
    # pybtex raises on a repeated key; counting the entries shows that it skipped none either.
    written = re.findall(r"^@\w+\{([^,]+),$", PATH.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert len({key.lower() for key in written}) == len(written)
    assert list(ENTRIES) == list(REFERENCES) == written


def test_the_overview_and_its_41_references_are_there_in_order():
    assert OVERVIEW in REFERENCES
    numbers = overview_numbers()
    assert list(numbers) == list(range(1, 42))
    # Three that are easy to mix up: two papers of one author and year, and the same first authors.
    assert numbers[1] == "potter1985"
    assert (numbers[20], numbers[29]) == ("casson1992", "casson1991")
    assert (numbers[38], numbers[39]) == ("rusthoven2009liver", "rusthoven2009lung")


def test_every_article_of_the_overview_has_its_place():
    articles = [key for key in overview_numbers().values() if ENTRIES[key].type == "article"]
    needed = {"title", "journal", "year", "volume", "pages"}
    lacking = {key: needed - set(ENTRIES[key].fields) for key in articles}
    assert {key: fields for key, fields in lacking.items() if fields} == {}
    assert [key for key in articles if not ENTRIES[key].persons["author"]] == []
    assert len(articles) == 40  # reference 13 is a web page


def test_every_paper_is_there_under_its_studys_id():
    studies = {path.stem for path in (PATH.parent / "published").glob("*.yaml")}
    assert {"oslo2014", "sysucc2015", "qu2024", "okayama2022"} | studies <= set(REFERENCES)


@pytest.mark.parametrize("key", REFERENCES)
def test_an_entry_is_well_formed(key):
    reference = REFERENCES[key]
    assert re.fullmatch(r"[a-z]+\d{4}[a-z]*", key)
    assert reference.year in ("", key.strip("abcdefghijklmnopqrstuvwxyz"))
    assert re.fullmatch(r"(10\.\d{4,9}/\S+)?", reference.doi)
    assert re.fullmatch(r"(https://\S+)?", reference.url)
    # What is left undecoded would show as LaTeX in a report.
    assert not set(format_plain(reference)) & set("{}\\")


def test_what_is_missing_is_explained():
    unexplained = {
        key
        for key, r in REFERENCES.items()
        if not (r.authors and r.year and r.journal) and not r.note
    }
    assert unexplained == set()


def test_no_doi_is_given_twice():
    dois = [r.doi.lower() for r in REFERENCES.values() if r.doi]
    assert sorted(dois) == sorted(set(dois))
