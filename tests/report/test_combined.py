"""The report over all studies."""

from __future__ import annotations

import re

import pytest

from resarc.report import html, pdf
from resarc.report.combined import CombinedInputs, build
from resarc.report.model import FigureBlock, Report, Table

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def given(make_combined) -> CombinedInputs:
    return make_combined()


@pytest.fixture(scope="module")
def report(given: CombinedInputs) -> Report:
    return build(given)


def table_of(report: Report, name: str) -> Table:
    return next(b for b in report.blocks() if isinstance(b, Table) and b.id == name)


def test_landing_table_has_a_row_and_a_link_for_each_study(report: Report) -> None:
    rows = table_of(report, "all-studies").rows
    assert [row[0].text for row in rows] == ["alpha", "beta"]
    assert [row[0].link for row in rows] == ["../alpha/report.html", "../beta/report.html"]
    assert [row[2].text for row in rows] == ["Reconstructed data", "Registry data"]
    assert rows[0][3].mark == "by construction"
    assert [row[-1].text for row in rows] == ["0 of 6", "all"]


def test_pooled_or_the_reason_why_not(report: Report) -> None:
    rows = {row[0].text: row for row in table_of(report, "pooled").rows}
    assert rows["Survival at 3 years"][2].text == "not pooled"
    assert "Time starts at different moments." in rows["Survival at 3 years"][3].text
    assert rows["Men against women"][2].text == (
        "0.93\u00a0to\u00a02.91 (with sampling uncertainty 0.52\u00a0to\u00a04.40)"
    )


def test_no_value_of_a_rebuilt_dataset_is_shown(report: Report) -> None:
    beta = re.compile(r"[^;.]*\bbeta\b[^;.]*")
    for block in report.blocks():
        if isinstance(block, Table):
            words = " ".join(
                cell.text for row in block.rows if row[0].text != "beta" for cell in row
            )
            assert not re.search(r"0\.77|77\.|7777|0\.078", words), block.id
        if isinstance(block, FigureBlock) and block.id.startswith("forest"):
            assert not re.search(r"0\.77|77\.|7777", beta.sub("", block.alt))


def test_forest_draws_sets_for_reconstructions(report: Report) -> None:
    figures = {b.id: b for b in report.blocks() if isinstance(b, FigureBlock)}
    assert set(figures) == {"curves-of-all", "forest-shares", "forest-ratios"}
    assert "alpha 21.0\u00a0to\u00a033.0%" in figures["forest-shares"].alt
    assert "beta 40.0%" in figures["forest-shares"].alt
    assert {b.origin for b in figures.values()} == {"mixed"}


def test_renders(report: Report, given: CombinedInputs, parse, numbers_in, text_of_pdf) -> None:
    page = parse(html.render(report))
    links = [a["href"] for a in page.all("a")]
    assert links.count("../alpha/report.html") == 2
    assert report.to_json() == build(given).to_json()
    document = pdf.render(report)
    assert document == pdf.render(report)
    assert numbers_in(text_of_pdf(document)) == numbers_in(page.text)


def test_all_registries_need_no_warning(given: CombinedInputs) -> None:
    only = CombinedInputs(
        [s for s in given.studies if not s.rebuilt],
        given.harmonised[given.harmonised["study"] == "beta"],
        given.pooled.head(0), given.version, given.data_date,
    )  # fmt: skip
    report = build(only)
    assert report.origin == "registry"
    assert report.summary[0].title == "All results are those of registry data."
