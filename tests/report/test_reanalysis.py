"""The paper's analysis beside the recommended one: what changes, the numbers, the drawings."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from resarc.estimand import Duration, Estimand
from resarc.quantities import QUANTITIES, RECOMMENDATIONS, format_ends, format_quantity
from resarc.recommended import KINDS_OF_ANALYSIS, ImmortalTime, Multiplicity
from resarc.report import html, pdf
from resarc.report.model import FigureBlock, Table
from resarc.report.study import build
from resarc.report.study.inputs import Reanalysed

pytestmark = pytest.mark.unit

NAN = float("nan")
SECRET = 0.7777
"""The value of one rebuilt dataset, which no report may show."""


def given(make_inputs, kind: str, changes: str = "open"):
    """Inputs in which one univariable analysis carries two recommendations."""
    inputs = make_inputs(kind)
    protocol = inputs.protocol
    place, analysis = next(
        (i, a) for i, a in enumerate(protocol.analyses) if a.kind == "univariable"
    )
    by = next(v for v in analysis.variables if protocol.kind(v) == "category")
    first, other = protocol.levels(by)[:2]
    ratio = Estimand("hazard_ratio", analysis.endpoint, by=by, contrast=(other, first))
    longest = Duration.parse("24 months")
    asked = (
        ImmortalTime(kind="immortal_time", of=ratio, longest_delay=longest, why="It takes time"),
        Multiplicity(kind="multiplicity", why="Many tests"),
    )
    changed = analysis.model_copy(update={"paper": "Log-rank tests", "recommended": asked})
    analyses = [*protocol.analyses[:place], changed, *protocol.analyses[place + 1 :]]
    protocol = protocol.model_copy(update={"analyses": tuple(analyses)})
    rebuilt = kind == "reconstruction"

    def row(kind_, estimand, quantity, low, high, how="sample", **more):
        found = {
            "analysis": analysis.id, "recommendation": kind_, "estimand": str(estimand),
            "quantity": quantity, "role": QUANTITIES[quantity].role, "at": "",
            "value": SECRET if rebuilt else low, "lower": NAN, "upper": NAN,
            "identified_lower": low if rebuilt else NAN, "identified_upper": high if rebuilt else NAN,
            "outer_lower": NAN, "outer_upper": NAN, "members": 8, "undetermined": 0.0,
            "origin": kind, "how": how if rebuilt else "registry", "method": "by hand", "note": "",
        }  # fmt: skip
        return found | more

    logrank = Estimand("logrank_p", analysis.endpoint, by=by)
    limits = {} if rebuilt else {"lower": 0.11, "upper": 0.99}
    numbers = [
        row("immortal_time", ratio, "hazard_ratio", 0.33, 1.66, **limits),
        row("immortal_time", ratio, "delay_to_no_effect", 3.25 if rebuilt else NAN, np.inf),
        row("multiplicity", logrank, "logrank_p", 0.012, 0.024, "by construction"),
        row("multiplicity", logrank, "holm_p", 0.036, 0.072, note="three tests"),
    ]
    x = np.linspace(0, 24, 5)
    ends = {"identified_lower": x / 10 + 0.3, "identified_upper": x / 8 + 1.6,
            "outer_lower": x / 10 + 0.1, "outer_upper": x / 8 + 4.0}  # fmt: skip
    curves = pd.DataFrame({"x": x, "value": NAN, "lower": NAN, "upper": NAN} | ends)
    if not rebuilt:
        curves = pd.DataFrame({"x": x, "value": x / 10 + 0.3, "lower": x / 10 + 0.1,
                               "upper": x / 10 + 0.9} | dict.fromkeys(ends, NAN))  # fmt: skip
    curves = curves.assign(
        analysis=analysis.id,
        recommendation="immortal_time",
        estimand=str(ratio),
        series="unexposed",
    )
    conclusions = pd.DataFrame(
        {
            "analysis": analysis.id,
            "recommendation": ["immortal_time", "multiplicity"],
            "estimand": [str(ratio), ""],
            "paper": "Log-rank tests",
            "changes": [changes, "yes"],
            "sentence": ["A delay of 3 months explains it.", "One factor is left."],
            "why": ["It takes time", "Many tests"],
            "origin": kind,
        }
    )
    found = Reanalysed(pd.DataFrame(numbers), curves, conclusions)
    return replace(inputs, protocol=protocol, reanalysis=found)


@pytest.fixture(params=["reconstruction", "registry"])
def made(request, make_inputs):
    return request.param, build(given(make_inputs, request.param))


def table_of(report, identifier) -> Table:
    return next(b for b in report.blocks() if isinstance(b, Table) and b.id == identifier)


def test_it_stands_between_the_analyses_and_the_comparison(made):
    _, report = made
    ids = [section.id for section in report.sections]
    place = ids.index("reanalysis-section")
    assert ids[place - 1 : place + 2] == ["analyses", "reanalysis-section", "comparison"]


def test_without_recommendations_there_is_no_section(make_inputs):
    bare = given(make_inputs, "registry")
    empty = Reanalysed(*(frame[:0] for frame in (bare.reanalysis.numbers, bare.reanalysis.curves,
                                                 bare.reanalysis.conclusions)))  # fmt: skip
    for inputs in (make_inputs("registry"), replace(bare, reanalysis=empty)):
        report = build(inputs)
        assert "reanalysis-section" not in {section.id for section in report.sections}
        assert "recommended today" not in report.to_json()


def test_the_paper_s_way_heads_what_is_recommended_and_what_changes(made):
    kind, report = made
    (group,) = table_of(report, "reanalysis").groups
    assert group.label.endswith("The paper: Log-rank tests.")
    cells = [[cell.text for cell in row] for row in group.rows]
    open_ = "not identified" if kind == "reconstruction" else "depends on the delay"
    assert cells == [
        ["Immortal time", "It takes time.", "A delay of 3 months explains it.", open_],
        ["Multiple tests", "Many tests.", "One factor is left.", "changes"],
    ]


def test_the_first_page_counts_them(made):
    _, report = made
    said = " ".join(run.text for block in report.summary for run in getattr(block, "runs", ()))
    assert "2 analyses that would be recommended today: 1 would change a conclusion" in said
    assert "1 may, which the data leave open" in said


def test_rebuilt_numbers_are_sets_with_their_marks(make_inputs):
    report = build(given(make_inputs, "reconstruction"))
    (name,) = {
        b.id for b in report.blocks() if isinstance(b, Table) and b.id.endswith("-multiplicity")
    }
    ((_, logrank, holm),) = table_of(report, name).rows
    assert (logrank.text.replace("\xa0", " "), logrank.mark) == (
        "0.012 to 0.024",
        "by construction",
    )
    assert (holm.text.replace("\xa0", " "), holm.mark) == ("0.036 to 0.072", "")
    ratio = table_of(report, name.replace("multiplicity", "immortal-time")).rows[0][1]
    assert ratio.mark == "not identified"
    # The re-analysis' own frames hold the value of one dataset, and nobody shows it.
    words = re.sub(r"<svg.*?</svg>", "", report.to_json())
    assert not re.search(r"0\.78\b|0\.777|77\.8", words)


def test_a_registry_s_numbers_have_confidence_limits(make_inputs):
    report = build(given(make_inputs, "registry"))
    (name,) = {
        b.id for b in report.blocks() if isinstance(b, Table) and b.id.endswith("-immortal-time")
    }
    made = table_of(report, name)
    assert made.rows[0][1].text.replace("\xa0", " ") == "0.33 (0.11 to 0.99)"
    # A delay that was not found in the assumed ones is no column.
    assert [column.header for column in made.columns] == [
        "Comparison",
        "Hazard ratio (paper's way)",
    ]


def test_the_drawing_says_what_it_shows(made):
    kind, report = made
    (figure,) = (
        b for b in report.blocks() if isinstance(b, FigureBlock) and b.id.startswith("reanalysis")
    )
    alt = figure.alt.replace("\xa0", " ")
    if kind == "reconstruction":
        assert "hazard ratio 0.33 to 1.66 without delay" in alt
        assert "nothing is left of it at 3.3 months to longer than assumed" in alt
        assert "identified set" in figure.caption
    else:
        assert "hazard ratio 0.33 without delay" in alt
        assert "confidence limits" in figure.caption
    assert "assumed delay" in figure.caption
    assert figure.data.columns[1] == "x"


def test_both_renderings_take_it(made):
    _, report = made
    page = html.render(report)
    assert "One factor is left." in page
    assert pdf.render(report).startswith(b"%PDF")


def test_every_recommendation_has_a_name_for_people():
    assert set(RECOMMENDATIONS) == set(KINDS_OF_ANALYSIS)


@pytest.mark.parametrize(
    ("quantity", "value", "said"),
    [
        ("holm_p", 0.0361, "0.036"), ("firth_hazard_ratio", 2.445, "2.45"),
        ("firth_hazard_ratio", np.inf, "unbounded"), ("rmst_difference", -3.25, "−3.3 months"),
        ("power", 0.625, "63%"), ("events", 9.0, "9"), ("e_value", 3.94, "3.9"),
        ("cutoff", 2.484, "2.48"), ("delay_to_no_effect", np.inf, "longer than assumed"),
        ("gray_p", NAN, "not estimable"),
    ],
)  # fmt: skip
def test_numbers_for_people(quantity, value, said):
    assert format_quantity(quantity, value) == said


def test_ends_for_people():
    assert format_ends("power", 0.231, 0.79).replace("\xa0", " ") == "23 to 79%"
    assert format_ends("holm_p", 0.0004, 0.0007) == "<0.001"
    ends = format_ends("delay_to_evidence", 4.7, np.inf).replace("\xa0", " ")
    assert ends == "4.7 months to longer than assumed"
