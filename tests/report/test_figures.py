"""Drawings: the same bytes, text that stays text, and nothing drawn as if it were known."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pandas as pd
import pytest

from resarc.report import figures, html
from resarc.report.figures import Curve, Drawing, Interval, Pair
from resarc.report.figures.ranges import log_ticks
from resarc.report.figures.style import compact as compact_path
from resarc.report.glyphs import text_width, wrapped

pytestmark = pytest.mark.unit

NAN = float("nan")
HOSTILE = '<b>&" $x_1$ \x00 漢'
SHOWN = '<b>&" $x_1$ [U+0000] [U+6F22]'

STEPS = pd.DataFrame(
    {
        "time": [0.0, 6.0, 12.0, 30.0],
        "at_risk": [10, 10, 7, 2],
        "events": [0, 2, 3, 0],
        "censored": [0, 1, 2, 2],
        "survival": [1.0, 0.8, 0.457, 0.457],
        "lower": [1.0, 0.5, 0.2, 0.2],
        "upper": [1.0, 0.95, 0.7, 0.7],
    }
)
BAND = pd.DataFrame({"time": [0.0, 10.0, 30.0], "lower": [1.0, 0.6, 0.3], "upper": [1.0, 0.9, 0.5]})
FLOW = pd.DataFrame({"label": ["Screened", HOSTILE], "excluded": [0, 12], "remaining": [154, 142]})

DRAWINGS = {
    "patients": lambda: figures.survival(
        [Curve(HOSTILE, STEPS), Curve("B", STEPS)], endpoint="Overall survival", finding="A is B."
    ),
    "rebuilt": lambda: figures.survival(
        [Curve(HOSTILE, STEPS, BAND), Curve("B", STEPS, BAND)],
        endpoint="Overall survival", finding="A is B.", members=200,
    ),
    "panels": lambda: figures.survival_panels(
        [(HOSTILE, [Curve("A", STEPS, BAND), Curve("B", None, BAND)]), ("Sex", [Curve("C", STEPS)])] * 2,
        endpoint="Overall survival", finding="Nothing differs.",
    ),
    "flow": lambda: figures.flow(FLOW, finding="142 of 154 remain.", caption="Patients"),
    "pinned": lambda: figures.pinned(
        [figures.Scale("Times", "months", (figures.Bar(HOSTILE, 3.0, 9.0, "sample"),))],
        (HOSTILE, Curve(HOSTILE, band=BAND)), finding="One is open.", caption="Sets",
    ),
    "forest": lambda: figures.forest(
        [
            ("Age", [Interval(HOSTILE, 1.2, float("inf"), note=HOSTILE, marker=3.0)]),
            ("", [Interval("Sex", 0.4, 2.0, identified=False), Interval("Size", 0.5, 0.5),
                  Interval("All", 0.4, 0.9, "pooled", 0.6, wide=(0.1, 3.0)),
                  Interval("One", 0.4, 0.9, "estimate", 0.6), Interval("None", NAN, NAN)]),
        ],
        axis="Hazard ratio", finding="One is above 1.", caption="Forest", note="Printed", null=1.0,
        logarithmic=True,
    ),
    "agreement": lambda: figures.agreement(
        [Pair("%", 62.5, NAN, 62.4, 62.6, "target"), Pair("%", 20, 30, NAN, NAN, "differs"),
         Pair("p", 0.04, NAN, 0.01, 0.2, "agrees"), Pair("p", 1e-4, NAN, 1e-5, 2e-4, "agrees")],
        finding="One differs.", caption="Printed against re-analysed",
    ),
}  # fmt: skip


@pytest.fixture(scope="module", params=list(DRAWINGS))
def drawing(request: pytest.FixtureRequest) -> Drawing:
    return DRAWINGS[request.param]()


def texts(drawing: Drawing) -> list[str]:
    root = ElementTree.fromstring(drawing.svg)
    return ["".join(e.itertext()) for e in root.iter("{http://www.w3.org/2000/svg}text")]


@pytest.mark.parametrize("name", list(DRAWINGS))
def test_same_bytes_twice(name: str) -> None:
    assert DRAWINGS[name]() == DRAWINGS[name]()


def test_says_what_it_shows_and_can_stand_on_a_page(drawing: Drawing) -> None:
    assert drawing.alt
    assert drawing.caption
    page = html.inline_svg(drawing.svg, "fig", "Figure 1", drawing.alt)
    assert 'role="img"' in page
    ids = re.findall(r'id="([^"]+)"', page)
    assert len(ids) == len(set(ids))


def test_every_colour_has_a_name_that_a_page_may_exchange(drawing: Drawing) -> None:
    assert set(re.findall(r"#[0-9a-fA-F]{6}", drawing.svg)) <= set(figures.COLOUR_NAMES)


def test_text_has_only_colours_made_for_text(drawing: Drawing) -> None:
    root = ElementTree.fromstring(drawing.svg)
    for element in root.iter("{http://www.w3.org/2000/svg}text"):
        style = element.attrib.get("style", "")
        colour = re.search(r"fill: (#\w+)", style)
        name = figures.COLOUR_NAMES[colour[1] if colour else element.attrib["fill"]]
        assert name in ("ink", "quiet", "black") or name.endswith("-text"), "".join(
            element.itertext()
        )


def test_data_say_where_they_are_drawn(drawing: Drawing) -> None:
    ids = re.findall(r'id="((?:curve|line)-[^"]+)"', drawing.svg)
    assert len(ids) == len(set(ids))
    assert sum(panel.curves for panel in drawing.panels) in (0, len(drawing.data.parts))
    for p, panel in enumerate(drawing.panels):
        for g in range(panel.curves):
            assert [name for name in ids if name.startswith(f"curve-{p}-{g}-")]
    rows = [row for part in drawing.data.parts for row in part.rows]
    if drawing.lines:
        assert len(drawing.lines) == len(rows)
        assert {name.split("-")[1] for name in ids} == {str(i) for i in range(len(rows))}


def test_data_of_curves_are_those_of_patients_or_of_bands() -> None:
    patients, rebuilt = (DRAWINGS[name]().data for name in ("patients", "rebuilt"))
    assert patients.columns[2:6] == ("months", "survival", "lower", "upper")
    assert patients.parts[0].rows[1] == (6.0, 0.8, 0.5, 0.95, 10.0, 10.0)
    assert rebuilt.parts[0].rows[1] == (10.0, None, 0.6, 0.9, None, None)
    assert (patients.ends, rebuilt.ends) == ("confidence interval", "identified set")


@pytest.mark.parametrize(
    ("path", "compact"),
    [
        ("M 0 0 \nL 10.04 0 \nL 10.04 5 \nL 10.04 9 \nL 20 9", "M0 0H10V9H20"),
        ("M 0 0 L 0 5 L 0 2", "M0 0V5V2"),  # back again: drawn as such
        ("M 0 0 L 3 4 L 3 4 L 6 8 z M 1 1 L 1 2", "M0 0L3 4L6 8zM1 1V2"),
        ("M 0.12345 0 Q 1.23456 1 2 2", "M 0.12 0 Q 1.23 1 2 2"),
    ],
)
def test_paths_are_written_in_few_characters(path: str, compact: str) -> None:
    assert compact_path(path) == compact


@pytest.mark.parametrize("name", ["patients", "rebuilt", "panels", "flow", "forest"])
def test_labels_stay_text(name: str) -> None:
    drawing = DRAWINGS[name]()
    words = " ".join(texts(drawing))
    assert '<b>&"' in words
    assert "$x_1$" in words
    assert "[U+0000]" in words
    assert "[U+6F22]" in words


def test_numbers_at_risk_stand_below_a_curve_of_patients_only() -> None:
    words = texts(DRAWINGS["patients"]())
    assert "Number at risk" in words
    assert words.count("10") == 2 * 2  # at 0 and at 6 months, two groups
    assert figures.at_risk(STEPS, [0, 5, 6, 7, 12, 29, 30, 31]) == [10, 10, 10, 7, 7, 2, 2, 0]


def test_reconstructed_survival_is_a_band_and_one_named_dataset() -> None:
    drawing = DRAWINGS["rebuilt"]()
    words = texts(drawing)
    assert "one consistent dataset" in words
    assert "Number at risk" not in words
    assert "all 200 consistent datasets" in drawing.caption
    assert "Kaplan-Meier" not in drawing.caption
    lines = re.findall(r'<path [^>]*style="([^"]*)"', drawing.svg)
    steps = [style for style in lines if "stroke-dasharray" in style and "fill: none" in style]
    assert steps
    assert all("stroke-width: 0.7" in style for style in steps)


def test_curve_needs_something_to_draw() -> None:
    with pytest.raises(ValueError, match="neither steps nor band"):
        Curve("A")


def test_a_million_rows_are_thinned_to_what_can_be_seen() -> None:
    n = 200_000
    time = pd.Series(range(n)) / 1000
    steps = pd.DataFrame({"time": time, "survival": 1 - time / 200, "lower": 0.0, "upper": 1.0,
                          "at_risk": n - pd.Series(range(n)), "censored": 1})  # fmt: skip
    drawing = figures.survival([Curve("All", steps)], endpoint="OS", finding="x")
    assert len(drawing.svg) < 500_000
    assert "200,000" in texts(drawing)


@pytest.mark.parametrize(
    ("limit", "ticks"),
    [
        (5, [0, 1, 2, 3, 4, 5]),
        (60, [0, 12, 24, 36, 48, 60]),
        (100, [0, 24, 48, 72, 96]),
        (0.5, [0]),
    ],
)
def test_ticks_are_round_months(limit: float, ticks: list[float]) -> None:
    assert figures.time_ticks(limit) == ticks


@pytest.mark.parametrize(
    ("low", "top", "room", "ticks"),
    [
        (0.08, 12, 200, [0.1, 0.2, 0.5, 1, 2, 5, 10]),
        (0.008, 8.9, 180, [0.01, 0.1, 1]),
        (0.009, 12, 400, [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10]),
        (1e-6, 1e6, 150, [1e-6, 1e-3, 1, 1e3, 1e6]),
    ],
)
def test_ticks_of_a_logarithmic_axis_stand_apart(
    low: float, top: float, room: float, ticks: list[float]
) -> None:
    assert log_ticks(low, top, room) == ticks


def test_labels_above_each_other_need_less_room() -> None:
    assert len(log_ticks(0.02, 50, 116, upright=True)) > len(log_ticks(0.02, 50, 116))


def test_wrapped_lines_fit() -> None:
    lines = wrapped("one two three " + "x" * 80, 10, 100)
    assert "".join(lines).replace(" ", "") == "onetwothree" + "x" * 80
    assert max(text_width(line, 10) for line in lines) <= 100
    assert wrapped("", 10, 100) == [""]
