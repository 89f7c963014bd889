"""References: BibTeX to plain text, and errors that say where."""

import dataclasses

import pytest

from resarc.errors import ConfigurationError
from resarc.references import Reference, format_plain, load

pytestmark = pytest.mark.unit


@pytest.fixture
def read(tmp_path):
    """Write a BibTeX text to a file and load it."""

    def write_and_load(text: str) -> dict[str, Reference]:
        path = tmp_path / "references.bib"
        path.write_text(text, encoding="utf-8")
        return load(path)

    return write_and_load


def test_an_article_has_every_field(read):
    found = read(
        """@article{kaplan1958, author = {Kaplan, Edward L. and Meier, Paul},
        title = {Nonparametric estimation}, journal = {J Am Stat Assoc}, year = 1958,
        volume = {53}, pages = {457--481}, doi = {10.1080/01621459.1958.10501452},
        url = {https://example.org/a_b}, note = {A classic}}"""
    )
    assert found == {
        "kaplan1958": Reference(
            key="kaplan1958",
            title="Nonparametric estimation",
            authors=("Kaplan EL", "Meier P"),
            journal="J Am Stat Assoc",
            year="1958",
            volume="53",
            pages="457–481",
            doi="10.1080/01621459.1958.10501452",
            url="https://example.org/a_b",
            note="A classic",
        )
    }


def test_a_reference_cannot_be_changed(read):
    reference = read("@misc{a, title = {T}}")["a"]
    with pytest.raises(dataclasses.FrozenInstanceError):
        reference.title = "U"


@pytest.mark.parametrize(
    ("bibtex", "author"),
    [
        ("Potter, DA", "Potter DA"),
        ("Potter, D. A.", "Potter DA"),
        ("Potter, D.A.", "Potter DA"),
        ("Edward L. Kaplan", "Kaplan EL"),
        ("van Geel, AN", "van Geel AN"),
        ("Erik von Elm", "von Elm E"),
        ("Davidson-Pilon, Cameron", "Davidson-Pilon C"),
        ("Vauthey, Jean-Nicolas", "Vauthey JN"),
        ("Ouwens, M. J. N. M.", "Ouwens MJNM"),
        (r"M{\"o}lder, Felix", "Mölder F"),
        (r"G{\o}tzsche, Peter C.", "Gøtzsche PC"),
        ("Pacilè, MA", "Pacilè MA"),
        (r"{\'E}mile, {\'E}lise", "Émile É"),
        ("{National Comprehensive Cancer Network}", "National Comprehensive Cancer Network"),
        ("Student", "Student"),
    ],
)
def test_authors_are_surname_and_initials(read, bibtex, author):
    assert read(f"@misc{{a, title = {{T}}, author = {{{bibtex}}}}}")["a"].authors == (author,)


def test_others_are_et_al(read):
    reference = read("@misc{a, title = {T}, author = {Potter, DA and Glenn, J and others}}")["a"]
    assert reference.authors == ("Potter DA", "Glenn J", "et al.")
    assert format_plain(reference) == "Potter DA, Glenn J, et al. T."


@pytest.mark.parametrize(
    ("latex", "text"),
    [
        (r"The {EORTC} trial", "The EORTC trial"),
        (r"na{\"\i}ve \& caf\'e", "naïve & café"),
        ("Myxoid liposarcoma--the frequency", "Myxoid liposarcoma–the frequency"),
        ("one\n     two", "one two"),
        (r"5\% of <b>all</b>", "5% of <b>all</b>"),
    ],
)
def test_latex_becomes_unicode(read, latex, text):
    assert read(f"@misc{{a, title = {{{latex}}}}}")["a"].title == text


@pytest.mark.parametrize(
    "doi", ["10.1/a_b", r"10.1/a\_b", "https://doi.org/10.1/a_b", "doi: 10.1/a_b"]
)
def test_a_doi_is_bare_whatever_wrote_it(read, doi):
    assert read(f"@misc{{a, title = {{T}}, doi = {{{doi}}}}}")["a"].doi == "10.1/a_b"


def test_a_doi_with_angle_brackets_stays_whole(read):
    doi = "10.1002/1097-0142(1950)3:1<32::AID-CNCR2820030106>3.0.CO;2-3"
    assert read(f"@misc{{a, title = {{T}}, doi = {{{doi}}}}}")["a"].doi == doi


def test_a_book_is_placed_by_its_publisher(read):
    assert read("@book{a, title = {T}, publisher = {Springer}}")["a"].journal == "Springer"


def test_order_of_the_file_is_kept(read):
    assert list(read("@misc{b, title={B}} @misc{a, title={A}} @misc{c, title={C}}")) == [*"bac"]


def test_plain_text_of_an_article():
    reference = Reference(
        key="a",
        title="Is it justified?",
        authors=("Frost DB",),
        journal="J Surg Oncol",
        year="1995",
        volume="59",
        pages="110",
        doi="10.1/x",
        url="https://example.org",
        note="not printed",
    )
    expected = "Frost DB. Is it justified? J Surg Oncol. 1995;59:110. doi:10.1/x"
    assert format_plain(reference) == expected


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({}, "T."),
        ({"url": "https://example.org"}, "T. https://example.org"),
        ({"year": "2003", "journal": "Springer"}, "T. Springer. 2003."),
        ({"volume": "7", "pages": "1–2"}, "T. 7:1–2."),
        ({"pages": "e1", "year": "2018"}, "T. 2018:e1."),
        ({"journal": "Proc. Soc."}, "T. Proc. Soc."),
    ],
)
def test_plain_text_leaves_out_what_is_not_known(fields, text):
    assert format_plain(Reference(key="a", title="T", **fields)) == text


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("@misc{twice, title = {T}} @misc{twice, title = {U}}", "twice"),
        ("@misc{twice, title = {T}} @misc{Twice, title = {U}}", "Twice"),
        ("@misc{untitled, year = 1999}", "untitled"),
        ("@misc{blank, title = { }}", "blank"),
        ("@misc{open, title = {T}", "line 1"),
        ("@misc{many, title = {T}, author = {A, B, C, D}}", "A, B, C, D"),
    ],
)
def test_errors_name_the_file_and_the_entry(read, tmp_path, text, named):
    with pytest.raises(ConfigurationError) as caught:
        read(text)
    assert str(tmp_path / "references.bib") in str(caught.value)
    assert named in str(caught.value).removeprefix(str(tmp_path))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ConfigurationError, match=r"none\.bib.*no such file"):
        load(tmp_path / "none.bib")


def test_a_file_in_another_encoding_is_refused(tmp_path):
    path = tmp_path / "latin.bib"
    path.write_bytes("@misc{a, title = {Pacilè}}".encode("latin-1"))
    with pytest.raises(ConfigurationError, match=r"latin\.bib.*UTF-8"):
        load(path)
