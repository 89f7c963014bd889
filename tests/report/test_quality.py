"""The page for who mends the data: every fault with its place and remedy, and no value."""

import sys
from pathlib import Path

import pandas as pd
import pytest

from resarc import intake
from resarc import protocol as protocols
from resarc.configuration import read_yaml
from resarc.protocol import Protocol
from resarc.report import html, quality
from resarc.report.model import Table

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[2]
HOSTILE = '<script>alert("x")</script>'


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    """A simulated registry with faults of each kind, as it was cleaned."""
    sys.path.insert(0, str(ROOT / "benchmarks"))
    from simulation import write_registry

    file = tmp_path_factory.mktemp("quality") / "registry.csv"
    write_registry(file, 3000)
    frame = pd.read_csv(file, dtype=str, keep_default_na=False)
    frame.loc[5, "SEX"] = HOSTILE
    frame.loc[6, "GRADE"] = "Mrs Quixworth"
    frame.loc[7, "LAST_CONTACT"] = "2042-01-01"
    frame.to_csv(file, index=False)
    content = read_yaml(ROOT / "benchmarks/registry.yaml")
    content["source"]["file"] = str(file)
    protocol = Protocol.model_validate(content)
    source = intake.read_source(file, protocol)
    return protocol, source, intake.clean(source, protocol)


def given(registry, **changes) -> quality.QualityInputs:
    protocol, source, cleaned = registry
    parts = {
        "protocol": protocol, "version": "0.1.0", "source": source.description(),
        "rejected": cleaned.rejected, "flagged": cleaned.flagged, "quality": cleaned.quality,
        "corrections": cleaned.corrections, "kept": len(cleaned.clean),
    }  # fmt: skip
    return quality.QualityInputs(**(parts | changes))


def tables(report) -> dict[str, Table]:
    return {block.id: block for block in report.blocks() if isinstance(block, Table)}


def test_every_rule_and_every_cell_stands_there_with_what_to_do(registry):
    _, _, cleaned = registry
    found = tables(quality.build(given(registry)))
    rejected, rules = cleaned.rejected, found["by-rule"]
    assert {"code", "range", "number", "date", "time_order", "future", "required"} <= {
        row[0].text.split(":")[0] for row in rules.rows
    }
    for row in rules.rows:
        rule = row[0].text.split(":")[0]
        part = rejected[rejected["rule"] == rule]
        assert row[1].text == str(part["row"].nunique())
        assert row[-1].text
    cells = found["cells-rejected"]
    assert [c.header for c in cells.columns] == [
        "File", "Row", "Column", "Form of the value", "Rule", "What is wrong", "What to do",
    ]  # fmt: skip
    assert len(cells.rows) == len(rejected)
    assert all(row[-1].text for row in cells.rows)
    assert {int(row[1].text) for row in cells.rows} == set(rejected["row"])


def test_rows_add_up(registry):
    protocol, source, cleaned = registry
    report = quality.build(given(registry))
    words = report.summary[0].body[0][0].text
    total, rows = len(source.cells), cleaned.rejected["row"].nunique()
    assert f"{total:,} rows read, {total - rows:,} kept, {rows:,} rejected" in words
    assert report.data_date == str(protocol.data_date)


def test_no_value_stands_on_the_page_and_nothing_in_it_runs(registry):
    page = html.render(quality.build(given(registry)))
    assert "Quixworth" not in page
    assert "alert" not in page
    assert "default-src 'none'" in page
    assert "Aaa Aaaaaaaaa" in page


def test_a_source_without_fault_says_so(registry):
    _, _, cleaned = registry
    none = cleaned.rejected.iloc[:0]
    report = quality.build(given(registry, rejected=none, flagged=none))
    assert report.summary[0].title == "Every row was kept."
    assert {"cells-rejected", "cells-flagged", "by-rule"}.isdisjoint(tables(report))


def test_many_cells_are_cut_with_a_note(registry):
    _, _, cleaned = registry
    many = pd.concat([cleaned.rejected] * 60, ignore_index=True)
    table = tables(quality.build(given(registry, rejected=many)))["cells-rejected"]
    assert len(table.rows) == quality.MOST
    assert "rejected.csv holds all" in table.notes[0]


def test_corrections_are_shown_with_their_outcome(registry):
    frame = pd.DataFrame(
        [{"line": 2, "patient": "ab12", "column": "AGE", "old": "99", "new": "66", "reason": "typed twice",
          "who": "DM", "when": "2024-05-01", "outcome": "refused", "note": "the old value is not there"}]
    )  # fmt: skip
    table = tables(quality.build(given(registry, corrections=frame)))["corrections-made"]
    assert {"refused", "typed twice"} <= {cell.text for row in table.rows for cell in row}


def test_it_can_be_made_of_the_committed_study_of_real_patients():
    """The protocol of tcga_sarc has columns with long names."""
    protocol = protocols.load(ROOT / "config/studies/tcga_sarc.yaml")
    columns = [v.column for v in protocol.variables]
    cells = pd.DataFrame([["x"] * len(columns)], columns=columns, index=pd.RangeIndex(2, 3))
    source = intake.SourceTable.of(cells, "f.tsv")
    cleaned = intake.clean(source, protocol)
    made = given((protocol, source, cleaned))
    assert html.render(quality.build(made)).count("<table") >= 3
