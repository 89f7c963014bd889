"""What a report says of what was not printed, and of the datasets that say it."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from resarc.report.figures import Bar, Curve, Scale, pinned
from resarc.report.model import FigureBlock, Paragraph, Report, Table
from resarc.report.study import build
from resarc.report.study.pinned import MOST_ROWS

pytestmark = pytest.mark.unit

INFINITE = float("inf")
RATIOS = Scale(
    "Ratios", "logarithmic scale",
    (
        Bar("open", 0.5, INFINITE, "sample"),
        Bar("halved or doubled", 0.5, 2.0, "search"),
        Bar("large and narrow", 10.0, 12.0, "exact enumeration", True),
        Bar("printed", 1.0, 3.0, "by construction"),
    ),
    logarithmic=True, null=1.0,
)  # fmt: skip


@pytest.fixture(scope="module")
def given(make_inputs):
    return make_inputs("reconstruction")


@pytest.fixture(scope="module")
def report(given) -> Report:
    return build(given)


def tables(report: Report) -> dict[str, Table]:
    return {block.id: block for block in report.blocks() if isinstance(block, Table)}


def texts(table: Table) -> list[list[str]]:
    return [[cell.text for cell in row] for row in table.rows]


def words(report: Report, section: str) -> str:
    blocks = next(s.blocks for s in report.sections if s.id == section)
    return " ".join(r.text for b in blocks if isinstance(b, Paragraph) for r in b.runs)


def test_sets_stand_in_order_of_width_with_printed_ones_apart():
    """By the ratio of the ends: 1.2-fold, 4-fold, open."""
    printed, others = RATIOS.ordered
    assert [bar.label for bar in printed] == ["printed"]
    assert [bar.label for bar in others] == ["large and narrow", "halved or doubled", "open"]


def test_a_p_value_below_the_axis_is_not_infinitely_wide():
    scale = Scale("p-values", "", (), logarithmic=True, limits=(0.001, 1.0))
    wide, narrow = Bar("", 0.0, 0.9, "sample"), Bar("", 1e-9, 0.0005, "sample")
    assert scale.width(wide) == pytest.approx(6.802, abs=1e-3)  # ln 900
    assert scale.width(narrow) == 0


def test_the_drawing_has_each_bound_with_how_it_was_found():
    band = pd.DataFrame({"time": [0.0, 10.0], "lower": [1.0, 0.4], "upper": [1.0, 0.8]})
    drawing = pinned([RATIOS], ("Survival", Curve("All", band=band)), finding="F", caption="C")
    (part,) = drawing.data.parts
    assert [row[0] for row in part.rows] == [
        "printed", "large and narrow", "halved or doubled", "open",
    ]  # fmt: skip
    assert part.rows[2][1:] == (0.5, 2.0, pytest.approx(1.3863), "search")
    assert part.rows[3][2:] == ("inf", "inf", "sample")
    for text in (
        "All curves of survival",
        "Ratios",
        "1 exact enumeration, 2 search, 3 sample only",
    ):
        assert text in drawing.svg
    again = pinned([RATIOS], ("Survival", Curve("All", band=band)), finding="F", caption="C")
    assert drawing == again


def test_every_reconstruction_shows_what_is_pinned_down(given, report):
    figure = next(
        b for b in report.blocks() if isinstance(b, FigureBlock) and b.id == "identified-sets"
    )
    assert figure.origin == "reconstruction"
    for text in ("by construction", "exact enumeration", "search", "sample", "no difference"):
        assert text in figure.caption
    assert "Ratios: 0 printed" in figure.alt
    shown = {row[0] for part in figure.data.parts for row in part.rows}
    assert "3-year overall survival" in shown
    rows = {row[0]: row for row in texts(tables(report)["identified-widths"])}
    sets = given.identified
    ratios = sets["estimand"].str.contains("hazard_ratio").sum()
    assert rows["Ratios"][1:6] == ["0", "0", "0", str(ratios), "3.9-fold"]  # 3.144 / 0.811
    assert rows["Ratios"][6] == f"0 of {ratios}"


def test_readings_that_differ_stand_side_by_side_what_prints_alike_does_not(report):
    table = tables(report)["by-reading"]
    assert [c.header for c in table.columns] == ["Quantity", "Kaplan-Meier", "crude"]
    found = texts(table)
    assert [row[0] for row in found] == [
        "Hazard ratio of overall survival, sex: male against female",
        "Events of overall survival",
    ]
    assert found[0][1].replace("\u00a0", " ") == "0.50 to 0.90"
    assert len(found) == 2
    assert "1 have sets that do not even overlap" in " ".join(table.notes)


def test_more_readings_than_fit_a_page_are_counted(given):
    frame = given.by_hypothesis
    many = pd.concat(
        [
            frame.assign(hypothesis=frame["hypothesis"] + f" {k}", upper=frame["upper"] + k)
            for k in range(3)
        ]
    )
    table = tables(build(replace(given, by_hypothesis=many)))["by-reading"]
    assert len(table.columns) == 5
    assert "Shown are 4 of 6 readings." in table.notes[0]


def test_one_reading_left_is_said_in_a_sentence(given):
    report = build(replace(given, by_hypothesis=given.by_hypothesis.iloc[:0]))
    assert "by-reading" not in tables(report)
    assert "No bound hangs on how the printed figures are read" in words(report, "pinned-down")


def test_what_became_of_the_figures_is_counted_and_proof_told_from_search(given):
    targets = given.targets.assign(
        reason=["", "", "", "", "no dataset was found that holds it", "x", "x"]
    )
    report = build(replace(given, targets=targets))
    total = texts(tables(report)["held"])[-1]
    aside = int((targets["status"] == "set aside").sum())
    assert total == ["All", "7", str(7 - aside), "0", str(aside - 1), "1", "0"]
    said = words(report, "datasets")
    assert f"All {7 - aside} targets hold in every dataset" in said
    missed = targets.assign(share_held=[0.5, *[1.0] * 6])
    report = build(replace(given, targets=missed))
    assert texts(tables(report)["held"])[-1][3] == "1"
    assert f"{6 - aside} of {7 - aside} targets hold in every dataset" in words(report, "datasets")


def test_datasets_say_how_different_they_are(report):
    assert texts(tables(report)["diversity"]) == [
        ["Whole datasets", "40%", "30%", "0", "1.6"],
        ["Overall survival", "20%", "10%", "0", "1.2"],
        ["Sex", "60%", "0%", "3", "2.4"],
    ]
    assert "no two are copies" in words(report, "datasets")


def test_only_middles_that_move_are_shown_beside_their_set(report):
    (row,) = texts(tables(report)["prior"])
    assert row[1].replace("\u00a0", " ") == "0.81 to 3.14"
    assert row[2:] == ["1.25", "1.50", "1.85"]
    assert "the middle of 1 of 2 quantities prints differently" in words(report, "datasets")


def test_a_long_table_says_where_the_rest_is(given):
    one = given.prior.iloc[1:]
    many = pd.concat([one.assign(estimand=f"os.hazard_ratio by age{'' if not k else ' adjusted for sex'}")
                      for k in range(2)] * 8, ignore_index=True)  # fmt: skip
    table = tables(build(replace(given, prior=many)))["prior"]
    assert len(table.rows) == MOST_ROWS
    assert f"Shown are {MOST_ROWS} of 16; all stand in sensitivity_prior.csv." in table.notes[0]


def test_patients_of_a_registry_have_no_such_sections(make_inputs):
    found = {section.id for section in build(make_inputs("registry")).sections}
    assert not found & {"pinned-down", "datasets"}
