"""The report for sharing holds released numbers alone: in its tables, its drawings, and the numbers
that the page carries for reading curves off and for downloads."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from resarc import published
from resarc.disclosure.record import Record, counts_table, read_record, write_record
from resarc.errors import DataError
from resarc.report import html, pdf
from resarc.report.model import FigureBlock, Table
from resarc.report.study import StudyInputs, build
from resarc.settings import Disclosure

pytestmark = pytest.mark.unit

RULE = Disclosure()


@pytest.fixture(scope="module")
def study(cohort_of, released):
    return released(cohort_of(157, 3))


def inputs(protocol, estimates, curves, flow, rule) -> StudyInputs:
    empty = pd.DataFrame()
    return StudyInputs(
        protocol=protocol, published=published.nothing_of(protocol.study), version="0.1.0",
        data_date="2024-06-30", audit=empty, flow=flow, data_quality=empty, rejected=empty,
        estimates=estimates, curves=curves,
        comparison=pd.DataFrame({"verdict": []}, dtype=object), released=rule,
    )  # fmt: skip


@pytest.fixture(scope="module")
def report(study, protocol):
    made = study.released
    return build(inputs(protocol, made.estimates, made.curves, made.flow, RULE))


def test_every_table_and_figure_names_the_rule(report):
    blocks = [b for b in report.blocks() if isinstance(b, Table | FigureBlock)]
    assert len(blocks) > 5
    for block in blocks:
        said = " ".join(block.notes) if isinstance(block, Table) else block.caption
        assert "counts of 7 or fewer suppressed" in said
    assert report.title.endswith("(for sharing)")
    assert "counts of 7 or fewer suppressed" in dict(report.provenance)["Rule of disclosure"]


def test_the_sections_that_tell_of_single_rows_or_of_a_paper_are_not_there(report):
    assert [s.id for s in report.sections] == ["cohort", "analyses", "methods", "provenance"]


def test_another_rule_is_named_as_it_is(study, protocol):
    made = study.released
    other = Disclosure(threshold=10, rounding=10)
    words = build(inputs(protocol, made.estimates, made.curves, made.flow, other)).to_json()
    assert "counts of 10 or fewer suppressed, others rounded to 10" in words


def test_drawings_show_the_released_curves_without_marks_of_censoring(report, study):
    drawn = [b for b in report.blocks() if isinstance(b, FigureBlock) and b.panels]
    assert drawn
    times = set(np.round(study.released.curves["time"], 5))
    exact = set(np.round(study.curves["time"], 5)) - times
    for block in drawn:
        assert "censored" not in block.svg
        assert "Vertical marks" not in block.caption
        for part in block.data.parts:
            told = {row[0] for row in part.rows}
            assert told <= times
            assert not told & exact


def test_numbers_at_risk_end_with_the_curve(report):
    """Beyond its last time 0 would be said of patients who are only not told of."""
    for block in report.blocks():
        if isinstance(block, FigureBlock) and "Number at risk" in block.svg:
            part = block.svg.partition("Number at risk")[2]
            assert not re.search(r">0<", part)


def test_a_suppressed_value_is_said_to_be_one(report, study):
    row = study.released.estimates.set_index("estimand").loc["age.minimum"]
    assert np.isnan(row["value"])
    table = next(b for b in report.blocks() if isinstance(b, Table) and "Age" in {c.text for r in b.rows for c in r} | {g.label for g in b.groups})  # fmt: skip
    texts = {c.text for r in table.rows for c in r}
    assert "suppressed" in texts
    assert not any("suppressed (suppressed" in t or "suppressed to" in t for t in texts)


def test_no_exact_number_stands_in_the_page(study, report):
    """Neither in its text nor in what it carries for reading curves off and for downloads."""
    assert pdf.render(report).startswith(b"%PDF")
    exact = {
        f"{value:.10g}"
        for value in study.estimates["value"].dropna()
        if not float(value).is_integer() and len(f"{value:.10g}") > 8
    }
    page = html.render(report)
    assert exact
    assert not [number for number in exact if number in page]


def test_an_exact_report_still_marks_censored_patients(study, protocol):
    given = inputs(protocol, study.estimates, study.curves, study.flow, None)
    given = replace(given, data_quality=pd.DataFrame({"column": [], "top_coded": []}))
    made = build(given)
    assert any("censored" in b.svg for b in made.blocks() if isinstance(b, FigureBlock))
    assert "for sharing" not in made.title


def test_a_release_comes_back_from_its_folder(study, tmp_path):
    made = study.released
    tables = {"estimates": made.estimates, "curves": made.curves, "flow": made.flow}
    kept = Record(tables, counts_table(made.decision), Disclosure(threshold=9), "2024-06-30")
    write_record(kept, tmp_path / "release")
    found = read_record(tmp_path / "release")
    assert (found.rule, found.exported) == (kept.rule, kept.exported)
    assert found.windows == kept.windows
    for name, frame in tables.items():
        again = found.tables[name]
        pd.testing.assert_frame_equal(
            again.astype(object).fillna(""), frame.astype(object).fillna(""), check_dtype=False
        )
    write_record(found, tmp_path / "again")
    for path in (tmp_path / "release").iterdir():
        assert path.read_bytes() == (tmp_path / "again" / path.name).read_bytes()
    (tmp_path / "release" / "counts.csv").unlink()
    with pytest.raises(DataError, match=r"no counts.csv"):
        read_record(tmp_path / "release")
