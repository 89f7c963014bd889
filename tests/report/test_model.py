"""The content model refuses what cannot be read, and says the same thing twice."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from resarc.report.glyphs import printable, visible
from resarc.report.model import (
    MARKS,
    Callout,
    Cell,
    Column,
    FigureBlock,
    Report,
    Run,
    Section,
    paragraph,
    table,
    text,
)

pytestmark = pytest.mark.unit

A = (Column("A"),)


@pytest.mark.parametrize("missing", ["", "  "])
def test_figure_needs_alternative_text(missing: str) -> None:
    with pytest.raises(ValueError, match="alternative text"):
        FigureBlock("f", "<svg/>", missing, "Caption", "analyse")


def test_table_needs_named_columns_caption_and_full_rows() -> None:
    with pytest.raises(ValueError, match="without a name"):
        table("t", "Caption", (Column(" "),), [("1",)], stage="x")
    with pytest.raises(ValueError, match="no caption"):
        table("t", "", A, [("1",)], stage="x")
    with pytest.raises(ValueError, match="1 columns and a row of 2"):
        table("t", "Caption", A, [("1", "2")], stage="x")


@pytest.mark.parametrize(
    "link", ["javascript:alert(1)", "http://a.b/c", "//a.b", "/etc/passwd", "../x", "file:///x"]
)
def test_links_lead_to_https_or_below_the_report(link: str) -> None:
    with pytest.raises(ValueError, match="no https address"):
        Run("here", link=link)
    with pytest.raises(ValueError, match="no https address"):
        Cell("here", link=link)


def with_blocks(sample: Report, *blocks) -> Report:
    return replace(sample, summary=(), sections=(Section("only", "Only", blocks),))


def test_references_and_ids_must_resolve(sample: Report) -> None:
    with pytest.raises(ValueError, match="citation of 'none'"):
        with_blocks(sample, paragraph(Run(cite="none")))
    with pytest.raises(ValueError, match="reference to 'none'"):
        with_blocks(sample, Callout("origin", "x", (text(Run(ref="none")),)))
    one = table("t", "Caption", A, [("1",)], stage="x")
    with pytest.raises(ValueError, match="twice"):
        with_blocks(sample, one, one)


def test_marks_are_explained_below_their_table() -> None:
    marked = table("t", "C", A, [(Cell("1", "by construction"),)], stage="x", notes=("n",))
    assert marked.legend[0] == ("", "n")
    assert marked.legend[1] == MARKS["by construction"]
    assert table("t", "C", A, [("1",)], stage="x").legend == ()
    with pytest.raises(ValueError, match="mark 'other'"):
        Cell("1", "other")


def test_footnotes_are_lettered_once_in_reading_order(sample: Report) -> None:
    columns = (Column("Group"), Column("p", note="Log-rank test."))
    rows = [
        ("a", Cell("0.1")),
        ("b", Cell("0.2", note="Wald test.")),
        ("c", Cell("0.3", "by construction", note="Log-rank test.")),
    ]
    lettered = table("t", "C", columns, rows, stage="x", notes=("n",))
    assert lettered.legend == (
        ("", "n"), ("a", "Log-rank test."), ("b", "Wald test."), MARKS["by construction"],
    )  # fmt: skip
    content = with_blocks(sample, lettered).to_dict()["sections"][0]["blocks"][0]
    assert [column["letter"] for column in content["columns"]] == ["", "a"]
    cells = [row[1]["letter"] for row in content["groups"][0]["rows"]]
    assert cells == ["", "b", "a"]
    many = [("x", Cell("1", note=f"Note {i}")) for i in range(27)]
    with pytest.raises(ValueError, match="more footnotes than letters"):
        table("t", "C", (Column("A"), Column("B")), many, stage="x")


def test_numbering_follows_reading_order(sample: Report) -> None:
    blocks = [b for s in sample.to_dict()["sections"] for b in s["blocks"]]
    numbers = {b["id"]: b["number"] for b in blocks if "id" in b}
    assert numbers == {
        "flow": "Figure 1", "again": "Figure 2", "groups": "Table 1", "flat": "Table 2",
    }  # fmt: skip
    bullets = sample.to_dict()["summary"][2]["items"]
    assert bullets[0][1]["number"] == "Table 1"
    assert bullets[1][1]["number"] == "1"


def test_json_is_the_same_each_time_and_has_no_invisible_character(sample: Report) -> None:
    written = sample.to_json()
    assert written == sample.to_json()
    assert json.loads(written)["study"] == "alpha"
    assert not {"\\u0000", "\u202e", "\ue000"} & set(written)
    assert "[U+202E]" in written


@pytest.mark.parametrize(
    ("raw", "seen"),
    [
        ("plain", "plain"),
        ("größer ≥ 5 µm", "größer ≥ 5 µm"),
        ("a\tb\nc", "a b c"),
        ("\x00", "[U+0000]"),
        ("\x1b[31m", "[U+001B][31m"),
        ("x\u202etxt", "x[U+202E]txt"),
        ("\ud800", "[U+D800]"),
        ("\ufeff", "[U+FEFF]"),
        ("\u2028", "[U+2028]"),
    ],
)
def test_invisible_characters_become_code_points(raw: str, seen: str) -> None:
    assert visible(raw) == seen
    assert printable(raw) == seen


def test_characters_without_glyph_become_code_points() -> None:
    assert visible("漢") == "漢"
    assert printable("漢 ≥ ≤ µ χ² –") == "[U+6F22] ≥ ≤ µ χ² –"
