"""The report of a study: complete, in order, and honest about where its numbers come from."""

from __future__ import annotations

import json
import re
from dataclasses import fields, replace
from pathlib import Path

import pandas as pd
import pytest

from resarc.errors import DataError
from resarc.output import read_csv, write_csv
from resarc.report import html, pdf
from resarc.report.analyses import analysis_table, remaining_table
from resarc.report.model import MARKS, Bullets, Callout, FigureBlock, Report, Table
from resarc.report.study import build

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def reports(make_inputs) -> dict[str, Report]:
    return {kind: build(make_inputs(kind)) for kind in ("reconstruction", "registry")}


@pytest.fixture(params=["reconstruction", "registry"])
def report(request: pytest.FixtureRequest, reports: dict[str, Report]) -> Report:
    return reports[request.param]


def words_of(report: Report) -> str:
    """Every text of a report, drawings and alternative texts included, without code points."""
    text = re.sub(
        r"<(?:path|rect|line|polygon|use|clipPath|pattern|g|svg)\b[^>]*>", " ", report.to_json()
    )
    return re.sub(r"\[U\+[0-9A-F]+\]", " ", text)


def tables(report: Report) -> dict[str, Table]:
    return {block.id: block for block in report.blocks() if isinstance(block, Table)}


def test_same_content_twice(make_inputs, reports: dict[str, Report]) -> None:
    for kind, report in reports.items():
        assert build(make_inputs(kind)).to_json() == report.to_json()


def test_sections_follow_a_reader_in_a_hurry(report: Report) -> None:
    rebuilt = ["pinned-down", "datasets"] if report.origin == "reconstruction" else []
    assert [section.id for section in report.sections] == [
        "cohort", "analyses", "comparison", *rebuilt, "audit", "manuscript", "methods", "provenance",
    ]  # fmt: skip
    first = report.summary[0]
    assert isinstance(first, Callout)
    assert first.kind == "origin"
    grave = [b.title for b in report.summary if isinstance(b, Callout) and b.kind == "finding"]
    assert grave == ["The printed p cannot be a log-rank p"]
    minor = [
        run.text for b in report.summary if isinstance(b, Bullets) for t in b.items for run in t
    ]
    assert "Rates are crude." in minor


def test_no_value_of_a_single_rebuilt_dataset_is_shown(reports: dict[str, Report]) -> None:
    """The value column of every fabricated estimate is written with sevens and nothing else is."""
    assert re.search(r"\b7777\b", words_of(reports["registry"]))
    assert re.search(r"\b77\.8%", words_of(reports["registry"]))
    words = words_of(reports["reconstruction"])
    assert not re.search(r"\b7777\b|77\.[78]|\b0\.078\b|\b7\.78\b", words)


def test_targets_bear_the_mark_by_construction(reports: dict[str, Report]) -> None:
    found = tables(reports["reconstruction"])
    patients = found["analysis-table-one"]
    marks = {row[0].text: row[-1].mark for row in patients.rows}
    assert marks["Patients"] == "by construction"
    assert marks["female"] == "by construction"
    assert marks["male"] == ""
    assert MARKS["by construction"] in patients.legend
    compared = {(row[0].text, row[1].text): row for row in found["comparison-all"].rows}
    row = compared["3-year overall survival", "31.5%"]
    assert row[2].mark == "by construction"
    assert row[3].text == "by construction"
    assert all(
        (row[2].mark == "by construction") == (row[3].text == "by construction")
        for row in compared.values()
    )


def test_open_directions_bear_their_mark(reports: dict[str, Report]) -> None:
    rows = tables(reports["reconstruction"])["analysis-factors"].rows
    ratios = [c for row in rows for c in row if c.text == "0.81\u00a0to\u00a03.14"]
    assert ratios
    assert {cell.mark for cell in ratios} == {"not identified"}


def test_a_reconstruction_is_never_called_reproduced(
    make_inputs, reports: dict[str, Report]
) -> None:
    assert "reproduced" not in words_of(reports["reconstruction"]).lower()
    assert "reproduced" in words_of(reports["registry"])
    given = make_inputs("reconstruction")
    wrong = given.comparison.assign(verdict="reproduced")
    with pytest.raises(DataError, match="reproduced"):
        build(replace(given, comparison=wrong))
    with pytest.raises(DataError, match="identified"):
        build(replace(given, identified=None))


def test_every_result_carries_its_origin(reports: dict[str, Report]) -> None:
    for kind, report in reports.items():
        origins = {
            block.id: block.origin
            for block in report.blocks()
            if isinstance(block, (Table, FigureBlock))
        }
        about_the_paper = {"audit-all", "hypotheses", "conflicts", "held", "targets"}
        no_results = {"endpoints", "what-made-this"}
        for name, origin in origins.items():
            expected = "paper" if name in about_the_paper else "" if name in no_results else kind
            assert origin == expected, name


def test_a_proved_conflict_stands_in_the_audit_and_is_told_unless_a_check_has_told_it(
    make_inputs,
) -> None:
    given = make_inputs("reconstruction")
    rows = tables(build(given))["conflicts"].rows
    assert [row[2].text for row in rows] == ["proved"]
    words = "cannot hold together; proof with the audit"
    told = given.audit.assign(figures="os36; n", verdict="inconsistent")
    for audit, expected in ((given.audit.iloc[:0], True), (told, False)):
        report = build(replace(given, audit=audit))
        assert (words in str(report.summary)) == expected
    none = build(replace(given, conflicts=given.conflicts.iloc[:0]))
    assert "conflicts" not in tables(none)


def test_set_that_was_not_computed_is_said(make_inputs) -> None:
    given = make_inputs("reconstruction")
    known = given.identified[given.identified["estimand"] != "os.median"]
    report = build(replace(given, identified=known))
    rows = tables(report)["analysis-survival"].rows
    assert [row[2].text for row in rows if row[0].text == "Median overall survival"] == [
        "set not computed"
    ]
    assert "77" not in " ".join(cell.text for row in rows for cell in row)


def test_every_estimate_stands_in_some_table(make_inputs) -> None:
    results = make_inputs("registry").results
    for analysis in results.protocol.analyses:
        assert analysis_table(results, analysis)
    missing = {str(e) for e in results.keys} - results.shown
    rest = remaining_table(results)
    assert len(rest.rows) == len(missing) > 0
    assert {str(e) for e in results.keys} == results.shown & {str(e) for e in results.keys}
    assert remaining_table(results) is None


def test_read_as_another_estimand_is_compared_with_that(make_inputs) -> None:
    given = make_inputs("reconstruction")
    read_as = [
        "os.crude_rate(36 months)" if f == "os36" else "" for f in given.comparison["figure"]
    ]
    sets = given.identified.copy()
    sets.loc[sets["estimand"] == "os.crude_rate(36 months)", ["lower", "upper"]] = [0.3149, 0.3151]
    report = build(
        replace(given, identified=sets, comparison=given.comparison.assign(read_as=read_as))
    )
    row = next(
        r for r in tables(report)["comparison-all"].rows if r[0].text == "3-year overall survival"
    )
    assert row[2].text == "31.5%"


def test_empty_tables_are_said_in_words(make_inputs) -> None:
    given = make_inputs("registry")
    report = build(
        replace(
            given, audit=given.audit.head(0), comparison=given.comparison.head(0),
            rejected=given.rejected.head(0), curves=given.curves.head(0),
        )
    )  # fmt: skip
    words = words_of(report)
    assert "No check was made" in words
    assert "No printed figure was compared" in words
    assert "No row of the source was rejected" in words
    html.render(report)
    pdf.render(report)


def test_data_quality_leaves_out_counts_that_are_all_zero_and_says_so(report: Report) -> None:
    quality = tables(report)["data-quality"]
    assert [c.header for c in quality.columns] == [
        "Column",
        "Variable",
        "Rows",
        "Missing",
        "Out of range",
    ]
    assert quality.notes == ("Counts that are 0 for every column are left out: rejected.",)


def test_card_tells_a_list_of_studies_its_state(reports: dict[str, Report]) -> None:
    card = dict(json.loads(reports["reconstruction"].to_json())["card"])
    assert card["Patients"] == "41\u00a0to\u00a055 †"
    assert card["Major findings"] == "1"
    assert card["Directions identified"] == "0 of 6"
    assert "Directions identified" not in dict(reports["registry"].card)


def test_renders_with_hostile_labels(
    report: Report, parse, hostile_shown: str, same_numbers
) -> None:
    page = parse(html.render(report))
    assert hostile_shown in page.text
    kinds = [script.get("type") for script in page.all("script")]
    assert kinds.count(None) == 1
    assert set(kinds) == {None, "application/json"}
    assert all(svg["role"] == "img" for svg in page.all("svg"))
    ids = [a["id"] for _, a in page.elements if "id" in a]
    assert len(ids) == len(set(ids))
    document = pdf.render(report)
    assert document == pdf.render(report)
    same_numbers(html.render(report), document)


@pytest.mark.parametrize("kind", ["reconstruction", "registry"])
def test_same_report_from_the_files_as_from_the_frames(
    make_inputs, tmp_path: Path, kind: str
) -> None:
    given = make_inputs(kind)
    names = [f.name for f in fields(given) if isinstance(getattr(given, f.name), pd.DataFrame)]
    assert len(names) == (16 if kind == "reconstruction" else 8)
    # A null character ends a cell for the reader of the files.
    frames = {name: getattr(given, name).replace("\x00", "", regex=True) for name in names}
    for name, frame in frames.items():
        write_csv(frame, tmp_path / f"{name}.csv")
    again = replace(given, **{name: read_csv(tmp_path / f"{name}.csv") for name in names})
    assert build(again).to_json() == build(replace(given, **frames)).to_json()


def test_a_registry_that_repeats_no_paper_speaks_of_none(make_inputs) -> None:
    given = make_inputs("registry")
    given = replace(
        given,
        published=given.published.model_copy(update={"figures": ()}),
        comparison=given.comparison.iloc[:0],
        audit=given.audit.iloc[:0],
    )
    report = build(given)
    assert not {"comparison", "audit"} & {section.id for section in report.sections}
    assert "They repeat no paper." in words_of(report)
    assert not re.search(r"[Pp]rinted (p|figure|hazard)", words_of(report))
    assert not {"Major findings", "Printed figures"} & dict(report.card).keys()
