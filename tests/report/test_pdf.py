"""The PDF: the same content as the HTML page, the same bytes each time, nothing evaluated."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import combinations

import pytest

from resarc.report import html, pdf
from resarc.report.model import Column, Report, Section, table

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def document(sample: Report) -> bytes:
    return pdf.render(sample)


@pytest.fixture(scope="module")
def printed(document: bytes, text_of_pdf) -> str:
    return text_of_pdf(document)


def test_same_bytes_twice(sample: Report, document: bytes) -> None:
    assert document == pdf.render(sample)


def test_declares_archiving_and_accessibility_standards(document: bytes) -> None:
    assert document.startswith(b"%PDF-1.7")
    assert b"<pdfaid:part>3</pdfaid:part>" in document
    assert b"<pdfaid:conformance>A</pdfaid:conformance>" in document
    assert b"<pdfuaid:part>1</pdfuaid:part>" in document
    assert b"2026-01-31" in document


@pytest.mark.parametrize(
    ("words", "broken"),
    [
        ("short_name", "short_name"),
        ("primary_tumour_size", "primary_|tumour_|size"),
        ("os.hazard_ratio by sex", "os.|hazard_|ratio by sex"),
        ("0.123456789012345", "0.123456789012345"),
        ("x" * 64, "x" * 64),
        ("x" * 65, "|".join(["x" * 16] * 4) + "|x"),
    ],
)
def test_long_names_may_break_where_a_reader_expects_it(words: str, broken: str) -> None:
    assert pdf.breakable(words).replace("\u200b", "|") == broken


def test_hostile_text_prints_literally(printed: str) -> None:
    text = re.sub(r"[\s\u200b]+", "", printed)
    for part in ("<script>alert(1)</script>", "<!--", "#emph[x]", "$a_b$", "@x", "*b*", "`c`",
                 "{{d}}", "{%e%}", "&amp;", "=1+1", "../../x", "[U+6F22][U+5B57]",
                 "[U+0000][U+202E][U+E000]"):  # fmt: skip
        assert part in text


def test_long_table_repeats_its_header_and_pages_are_numbered(printed: str) -> None:
    pages = printed.split("\f")[:-1]
    rows = [page for page in pages if "level 3" in page]
    assert len(rows) > 1
    assert all("Patients" in page for page in rows)
    for i, page in enumerate(pages, 1):
        assert f"page {i} of {len(pages)}" in page
        assert "data of 2026-01-31" in page
        assert i == 1 or "alpha" in page.splitlines()[0]


def test_numbers_equal_those_of_the_html_page(
    sample: Report, document: bytes, same_numbers
) -> None:
    page = html.render(sample)
    same_numbers(page, document)
    for told, other in (("0.38", "0.37"), ("20260101", "2026010"), ("level 36 ", "level 37 ")):
        assert told in page
        with pytest.raises(AssertionError):
            same_numbers(page.replace(told, other, 1), document)


MILLIMETRE = 72 / 25.4


@pytest.mark.parametrize("count", [2, 7, 14])
def test_words_of_a_wide_table_neither_overlap_nor_leave_the_page(
    sample: Report, words_of_pdf, count: int
) -> None:
    columns = [
        Column("Characteristic", width=2),
        *(
            Column(f"Subtype: Fibroblastic/myofibroblastic {i}", "right")
            for i in range(1, count - 1)
        ),
        Column("Remark", width=1),
    ]
    name = "Linear-by-linear trend test of metastasis_treatment_date_of_the_first_line"
    row = [name, *["27 (42.9%)"] * (count - 2), "as in " + "0a1b" * 20]
    row[-2] = row[-2] if count == 2 else "15 to 24 (45.5 to 72.7%)"
    wide = table("wide", "Wide", columns, {"A heading": [row] * 3}, stage="report")
    alone = replace(sample, summary=(), sections=(Section("only", "Only", (wide,)),))
    pages = words_of_pdf(pdf.render(alone))
    printed = [word for page in pages for *_, word in page]
    assert {f"{i}" for i in range(1, count - 1)} <= set(printed)
    for page in pages:
        assert all(a[0] > 20 * MILLIMETRE - 1 and a[2] < 190 * MILLIMETRE + 1 for a in page)
        for a, b in combinations(page, 2):
            across = min(a[2], b[2]) - max(a[0], b[0])
            down = min(a[3], b[3]) - max(a[1], b[1])
            assert across < 1 or down < 0.6 * min(a[3] - a[1], b[3] - b[1]), (a, b)
