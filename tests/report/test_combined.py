"""The report over all studies."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from resarc.report import html, pdf
from resarc.report.combined import CombinedInputs, build
from resarc.report.model import Bullets, FigureBlock, Heading, Report, Table

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
    assert [row[3].text for row in rows] == ["2026-01-31"] * 2
    assert rows[0][4].mark == "by construction"
    assert [row[-1].text for row in rows] == ["0 of 6", "all"]


def opening(report: Report) -> dict[str, str]:
    """The words under each heading of the opening page."""
    found: dict[str, str] = {}
    heading = ""
    for block in report.summary:
        if isinstance(block, Heading):
            heading = block.title
            found[heading] = ""
        elif isinstance(block, Bullets):
            found[heading] = " ".join("".join(run.text for run in item) for item in block.items)
    return found


def test_opening_answers_each_question_with_sets_marks_and_direction(report: Report) -> None:
    rows = {row[0].text: row for row in table_of(report, "answers").rows}
    survival, sex = rows["Survival at 3 years"], rows["Men against women"]
    assert survival[1].text == "alpha 21.0\u00a0to\u00a033.0%; beta 40.0% (30.0\u00a0to\u00a050.0)"
    assert survival[2].text == "not pooled"
    assert survival[3].text == "12 to 20 points wide"
    assert sex[2].text.startswith("0.93\u00a0to\u00a02.91")
    # alpha: 0.81 to 3.14; beta: 1.1 to 2.5
    assert sex[3].text == "above 1 in 1, open in 1"


def test_opening_marks_what_holds_by_construction(given: CombinedInputs) -> None:
    printed = given.harmonised["printed"].where(
        given.harmonised["study"] != "alpha", "31.5% (by construction)"
    )
    report = build(replace(given, harmonised=given.harmonised.assign(printed=printed)))
    rows = table_of(report, "answers").rows
    assert "33.0%\u00a0†; beta 40.0%" in rows[0][1].text
    assert (
        "2 of 4 answers come from rebuilt datasets; 2 of these"
        in opening(report)["How sure one can be"]
    )


def test_opening_counts_what_is_known(report: Report) -> None:
    words = opening(report)
    sure = words["How sure one can be"]
    assert "2 of 4 answers come from rebuilt datasets; 0 of these" in sure
    # The card of alpha: 0 of 6; beta is a registry.
    assert "Of 6 hazard ratios in the rebuilt studies, the direction of 0" in sure
    assert "leave 6 open" in sure
    assert "1 of 2 questions could be pooled" in sure
    assert (
        "They differ" not in sure
    )  # two studies say next to nothing of differences between studies


def test_opening_tells_how_far_three_studies_differ(given: CombinedInputs) -> None:
    pooled = given.pooled.assign(k=[2, 3])
    sure = opening(build(replace(given, pooled=pooled)))["How sure one can be"]
    assert "Men against women: They differ by a factor of 1.20 to 1.90." in sure


def test_opening_names_findings_and_what_is_not_printed(given: CombinedInputs) -> None:
    record = opening(build(given))["What is wrong or missing in the printed record"]
    assert (
        "alpha (1 major finding, 1 minor): The printed p cannot be a log-rank p. 1 more in"
        in record
    )
    assert "printed in no paper" not in record
    silent = given.harmonised.assign(printed=["", "31.5%", "", ""])
    record = opening(build(replace(given, harmonised=silent)))[
        "What is wrong or missing in the printed record"
    ]
    assert "Of 4 answers above, 3 are printed in no paper, 2 of them ratios" in record


def test_opening_asks_a_new_study_for_what_was_asked(given: CombinedInputs) -> None:
    matches = {
        "definition_match": ["same"] * 4, "time_origin_match": ["differs", "differs", "same", "same"],
        "population_match": ["differs", "comparable", "same", "same"],
    }  # fmt: skip
    words = opening(build(replace(given, harmonised=given.harmonised.assign(**matches))))
    measure = words["What a new study should measure"]
    assert (
        "Survival at 3 years: death; the operated. Of 2 studies, 2 from another moment, 1 of other patients."
        in measure
    )
    assert "where a direction is open: men against women." in measure


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


def test_the_curves_of_all_stand_on_one_page_each_from_its_own_origin(report: Report) -> None:
    figure = next(
        b for b in report.blocks() if isinstance(b, FigureBlock) and b.id == "curves-of-all"
    )
    assert [panel.title for panel in figure.panels] == ["alpha", "beta"]
    assert len(re.findall(r">Months from [^<]+<", figure.svg)) == 2
    assert "alpha, from " in figure.alt
    assert "beta, from " in figure.alt
    assert figure.caption.endswith("Each panel has its own time axis.")


def test_renders(report: Report, given: CombinedInputs, parse, same_numbers) -> None:
    page = parse(html.render(report))
    links = [a["href"] for a in page.all("a")]
    assert links.count("../alpha/report.html") == 3
    assert report.to_json() == build(given).to_json()
    document = pdf.render(report)
    assert document == pdf.render(report)
    same_numbers(html.render(report), document)


def test_opening_ends_on_the_first_page(report: Report, text_of_pdf) -> None:
    first = text_of_pdf(pdf.render(report)).split("\f")[0]
    assert "What a new study should measure" in first
    assert "open: men against women." in first  # the last words of it


def test_all_registries_need_no_warning(given: CombinedInputs) -> None:
    only = CombinedInputs(
        [s for s in given.studies if not s.rebuilt],
        given.harmonised[given.harmonised["study"] == "beta"],
        given.pooled.head(0), given.version, given.data_date,
    )  # fmt: skip
    report = build(only)
    assert report.origin == "registry"
    assert report.summary[0].title == "All results are those of registry data."
