"""The PDF: the same content as the HTML page, the same bytes each time, nothing evaluated."""

from __future__ import annotations

import re

import pytest

from resarc.report import html, pdf
from resarc.report.model import Report

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
    sample: Report, printed: str, parse, numbers_in
) -> None:
    on_page = numbers_in(parse(html.render(sample)).text)
    assert {"0.31", "0.38", "169", "20260101"} <= on_page
    assert numbers_in(printed) == on_page
