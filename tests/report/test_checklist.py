"""STROBE and REMARK: whole, answered from what is known, and open where it is not."""

from __future__ import annotations

import pytest

from resarc.report.checklist import (
    FILLED,
    OPEN,
    PARTLY,
    REMARK,
    STROBE,
    Item,
    Known,
    answered,
    checklists,
)
from resarc.report.manuscript import as_frames, tables_of
from resarc.report.model import Table
from resarc.report.study import build

pytestmark = pytest.mark.unit


@pytest.fixture(params=["reconstruction", "registry"])
def known(request, make_inputs) -> Known:
    given = make_inputs(request.param)
    return Known(given.results, given.flow)


def numbers(guideline) -> list[str]:
    return [item.number for items in guideline.values() for item in items]


def test_the_guidelines_are_whole_and_in_order():
    assert numbers(REMARK) == [str(i) for i in range(1, 21)]
    whole = [n for n in numbers(STROBE) if n.isdigit()]
    lettered = {n[:-1] for n in numbers(STROBE) if not n.isdigit()}
    assert sorted({*map(int, whole), *map(int, lettered)}) == list(range(1, 23))
    assert lettered == {"1", "6", "12", "13", "14", "16"}
    assert [n for n in numbers(STROBE) if n.startswith("12")] == ["12a", "12b", "12c", "12d", "12e"]


def test_an_item_is_filled_in_part_or_open(known):
    assert answered(known, Item("1", "x", lambda _: "known")) == ("known", "", FILLED)
    assert answered(known, Item("1", "x", lambda _: "known", "why")) == ("known", "why", PARTLY)
    assert answered(known, Item("1", "x", lambda _: "", "why")) == ("", "why", OPEN)
    assert answered(known, Item("1", "x")) == ("", "", OPEN)


def test_answers_hold_the_results_in_the_form_of_their_origin(known):
    made = {t.id: t for t in checklists(known)}
    assert list(made) == ["checklist-strobe", "checklist-remark"]
    cells = {row[0].text: row for row in made["checklist-strobe"].rows}
    flow = cells["13a"][2].text
    assert f"{int(known.flow.iloc[0]['remaining'])} screened" in flow
    assert ("by construction" in flow) == known.rebuilt
    assert cells["18"][-1].text == OPEN
    assert cells["22"][-1].text == OPEN
    whole = " ".join(cell.text for row in made["checklist-strobe"].rows for cell in row)
    # The fabricated estimates of one dataset are written with sevens.
    assert ("7777" in whole) == (not known.rebuilt)


def test_what_is_missing_is_open_in_rebuilt_datasets(known):
    (strobe, _) = checklists(known)
    state = {row[0].text: row[-1].text for row in strobe.rows}
    assert (state["12c"] == OPEN) == known.rebuilt
    assert state["14b"] == (OPEN if known.rebuilt else FILLED) or not known.rebuilt


def test_remark_is_for_studies_of_factors(known):
    protocol = known.protocol
    only = tuple(a for a in protocol.analyses if a.kind in ("characteristics", "survival"))
    from dataclasses import replace

    bare = replace(known.results, protocol=protocol.model_copy(update={"analyses": only}))
    assert [t.id for t in checklists(Known(bare, known.flow))] == ["checklist-strobe"]


def test_a_result_that_is_not_there_answers_nothing(known):
    from dataclasses import replace

    empty = replace(known.results, estimates=known.results.estimates[:0])
    (strobe, _) = checklists(Known(empty, known.flow[:0]))
    state = {row[0].text: row[-1].text for row in strobe.rows}
    for number in ("13a", "13c", "14c", "15"):
        assert state[number] == OPEN


def test_report_and_manuscript_hold_them(make_inputs):
    given = make_inputs("registry")
    report = build(given)
    ids = [b.id for b in report.blocks() if isinstance(b, Table)]
    assert {"checklist-strobe", "checklist-remark"} <= set(ids)
    said = " ".join(run.text for b in report.blocks() for run in getattr(b, "runs", ()))
    assert "Open in STROBE: 1a, 1b, 2, 3, " in said
    frames = as_frames(tables_of(given).tables)
    assert list(frames)[-2:] == ["checklist-strobe", "checklist-remark"]
    assert len(frames["checklist-remark"]) == 20
