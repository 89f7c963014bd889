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
    assert set(figures) == {
        "curves-of-all", "forest-shares", "forest-ratios", "evidence-map", "reported-s36",
    }  # fmt: skip
    assert "alpha 21.0\u00a0to\u00a033.0%" in figures["forest-shares"].alt
    assert "beta 40.0%" in figures["forest-shares"].alt
    assert {b.origin for name, b in figures.items() if name != "evidence-map"} == {"mixed"}
    assert figures["evidence-map"].origin == "paper"


def test_what_departs_and_what_each_study_weighs(report: Report) -> None:
    rows = table_of(report, "harmonised").rows
    assert rows[0][-1].text.startswith("Population differs: ")
    assert rows[2][-1].text == "in nothing"
    labels = [group.label for group in table_of(report, "harmonised").groups]
    assert labels[0] == "Survival at 3 years. Asked: death; the operated"
    pooled = {row[0].text: row for row in table_of(report, "pooled").rows}
    assert "They differ by a factor of 1.20 to 1.90." in pooled["Men against women"][3].text
    left = table_of(report, "left-out").rows
    assert [row[0].text for row in left] == ["alpha", "beta"]
    assert left[0][3].text == "1.80 (1.10\u00a0to\u00a02.50)"
    assert left[1][3].text.startswith("0.81\u00a0to\u00a03.14 (with sampling uncertainty")


def test_the_map_shows_each_work_where_its_title_puts_it(report: Report) -> None:
    figure = next(
        b for b in report.blocks() if isinstance(b, FigureBlock) and b.id == "evidence-map"
    )
    keys = [reference.key for reference in report.references]
    numbers = {key: str(keys.index(key) + 1) for key in ("alpha2020", "kaplan1958", "cox1972")}
    assert f"lung, combination: {numbers['alpha2020']};" in figure.alt
    assert f"lung, surgery: {numbers['kaplan1958']};" in figure.alt
    assert f"other site, surgery: {numbers['kaplan1958']};" in figure.alt
    assert f"site not said, not said: {numbers['cox1972']}." in figure.alt
    assert "No title tells of: lung, radiotherapy; lung, ablation;" in figure.alt
    assert figure.svg.count("<circle") == 3
    assert figure.svg.count('stroke-dasharray="2 1.5"') == 3  # unknown sizes
    rows = table_of(report, "evidence").rows
    assert rows[0][6].text == "142 patients"
    assert [cell.text for cell in rows[2][2:]] == ["not said"] * 7


def test_reported_survival_stands_beside_the_sets(report: Report) -> None:
    figure = next(
        b for b in report.blocks() if isinstance(b, FigureBlock) and b.id == "reported-s36"
    )
    assert "11%\u00a0to\u00a040%" in figure.alt
    assert (
        "alpha: the identified set 21.0\u00a0to\u00a033.0% lies within the reported range"
        in figure.alt
    )
    assert "beta: 40.0%" in figure.alt
    assert "overlaps" not in figure.alt
    assert "reaches beyond the reported range" in figure.alt
    assert "0.77" not in figure.alt


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
