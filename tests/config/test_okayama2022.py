"""The configuration of Okayama 2022 holds every printed number, and its two files agree."""

from __future__ import annotations

import fnmatch
import math
import re
from collections import Counter
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from pathlib import Path

import pytest

from resarc import protocol, published
from resarc.estimand import Condition, Estimand
from resarc.protocol import Derived

pytestmark = pytest.mark.config

ROOT = Path(__file__).parents[2]
SOURCES = ROOT.parent / "shared" / "seeds"

# Typed from the tables, row by row, in the order of their columns.
TABLE_1 = {
    "caption": "24",
    "row Age": "56 36 70",
    "row Sex, male": "4 16.7",
    "row Sex, female": "20 83.3",
    "row Histological subtypes, leiomyosarcoma": "19 79.2",
    "row Histological subtypes, dedifferentiated liposarcoma": "3 12.5",
    "row Histological subtypes, others": "2 8.3",
    "row Disease-free interval": "16.8 1.6 139.5",
    "row Extent of lung metastasis, unilateral": "8 33.3",
    "row Extent of lung metastasis, bilateral": "16 66.7",
    "row Local recurrence and/or extrapulmonary metastasis, yes": "11 45.8",
    "row Local recurrence and/or extrapulmonary metastasis, no": "13 54.2",
    "row Preoperative chemotherapy for lung metastasis, yes": "9 37.5",
    "row Preoperative chemotherapy for lung metastasis, no": "15 62.5",
    "row NLR immediately before the first PM": "2.32 1.12 7.52",
    "row NLR immediately before the most recent PM": "2.30 0.83 7.52",
}
TABLE_2 = {
    "caption": "24",
    "row Surgical approach at the first PM, open": "7 29.2",
    "row Surgical approach at the first PM, mini-thoracotomy": "13 54.2",
    "row Surgical approach at the first PM, VATS": "4 16.7",
    "row Type of resection at the first PM, lobectomy": "1 4.2",
    "row Type of resection at the first PM, segmentectomy": "6 25.0",
    "row Type of resection at the first PM, wedge resection": "17 70.8",
    "row Size of the largest resected tumor": "18 6 75",
    "row Maximum number of resected tumors per intervention": "5 1 21",
    "row Total number of resected tumors": "6 1 42",
    "row Total number of resected tumors, 1-5": "7 29.2",
    "row Total number of resected tumors, 6-10": "10 41.7",
    "row Total number of resected tumors, >=11": "7 29.2",
    "row Complete resection, yes": "20 83.3",
    "row Complete resection, no": "4 16.7",
    "row Repeated resection, yes": "15 62.5",
    "row Repeated resection, no": "9 37.5",
    "row Frequency of PM": "2 1 8",
}
TABLE_3 = {
    "caption": "24",
    "row Age": "0.001",
    "row Age, <56": "11 90.9 50.8 98.7",
    "row Age, >=56": "13 38.5 14.1 62.8",
    "row Sex": "0.28",
    "row Sex, male": "4 50.0 5.8 84.5",
    "row Sex, female": "20 65.0 40.3 81.5",
    "row Histological subtypes": "0.01",
    "row Histological subtypes, leiomyosarcoma": "19 73.7 47.9 88.1",
    "row Histological subtypes, dedifferentiated liposarcoma": "3 NA NA NA",
    "row Histological subtypes, others": "2 NA NA NA",
    "row Disease-free interval": "0.04",
    "row Disease-free interval, <15": "9 44.4 13.6 71.9",
    "row Disease-free interval, >=15": "15 73.3 43.6 89.1",
    "row Extent of lung metastases": "0.2",
    "row Extent of lung metastases, unilateral": "8 62.5 22.9 86.1",
    "row Extent of lung metastases, bilateral": "16 62.5 34.9 81.1",
    "row Preoperative chemotherapy for lung metastases": "0.84",
    "row Preoperative chemotherapy for lung metastases, yes": "9 55.6 20.4 80.5",
    "row Preoperative chemotherapy for lung metastases, no": "15 66.7 37.5 84.6",
    "row NLR before the first PM": "0.8",
    "row NLR before the first PM, <1.92": "6 83.3 27.3 97.5",
    "row NLR before the first PM, >=1.92": "18 55.6 30.5 74.8",
    "row NLR before the most recent PM": "0.41",
    "row NLR before the most recent PM, <2.48": "15 60.0 31.8 79.7",
    "row NLR before the most recent PM, >=2.48": "9 66.7 28.2 87.8",
    "row Surgical approach": "0.16",
    "row Surgical approach, open": "7 42.9 9.8 73.4",
    "row Surgical approach, mini-thoracotomy": "13 69.2 37.3 87.2",
    "row Surgical approach, VATS": "4 75.0 12.8 96.1",
    "row Type of resection": "0.31",
    "row Type of resection, lobectomy": "1 100.0 NA NA",
    "row Type of resection, segmentectomy": "6 50.0 11.1 80.4",
    "row Type of resection, wedge resection": "17 64.7 37.7 82.3",
    "row Size of the largest resected tumor": "0.04",
    "row Size of the largest resected tumor, <27": "17 76.5 48.8 90.4",
    "row Size of the largest resected tumor, >=27": "7 28.6 4.1 61.2",
    "row Total number of resected tumors": "0.6",
    "row Total number of resected tumors, <7": "13 61.5 30.8 81.8",
    "row Total number of resected tumors, >=7": "11 63.6 29.7 84.5",
    "row Complete resection": "0.17",
    "row Complete resection, yes": "20 70.0 45.1 85.3",
    "row Complete resection, no": "4 25.0 0.9 66.5",
    "row Repeated resection": "0.41",
    "row Repeated resection, yes": "15 66.7 37.5 84.6",
    "row Repeated resection, no": "9 55.6 20.4 80.5",
}
TABLES = {"Table 1": TABLE_1, "Table 2": TABLE_2, "Table 3": TABLE_3}

# Abstract, flow and text, in the order of the sentences.
TEXT = {
    "Abstract, Results": "24 19 79.2 49.9 62.5 26.4",
    "Methods, Patient selection, para 1": "232 32 4 4 24",
    "Results, Patient characteristics, para 1": (
        "24 56 36 70 20 83.3 19 79.2 3 12.5 16.8 1.6 139.5 2.32 1.12 7.52 2.30 0.83 7.52"
    ),
    "Results, Surgical interventions, para 1": (
        "17 70.8 6 25.0 1 4.2 18 6 75 15 62.5 2 1 8 5 1 21 6 1 42 20 83.3"
    ),
    "Results, Survival analyses, para 1": (
        "49 35 100 49.9 30.0 59.4 62.5 26.4 0.001 0.04 0.04 15 0.67 27 0.63 1.92 0.50 2.48 0.62"
    ),
    "Discussion, para 2": "62.5 26.4 26.4",
}


@pytest.fixture(scope="module")
def printed():
    return published.load(ROOT / "config" / "published" / "okayama2022.yaml")


@pytest.fixture(scope="module")
def study():
    return protocol.load(ROOT / "config" / "studies" / "okayama2022.yaml")


def numbers(figure) -> list[str]:
    """The numbers of a figure as printed, without comparison marks; a claim prints none."""
    if figure.claim:
        return []
    return [text.lstrip("<>= ") for text in (figure.printed, *(figure.interval or ()))]


def by_locator(printed, prefix: str = "") -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for figure in printed.figures:
        if figure.locator.startswith(prefix) and numbers(figure):
            found.setdefault(figure.locator.removeprefix(prefix), []).extend(numbers(figure))
    return found


@pytest.mark.parametrize("table", TABLES)
def test_every_row_of_a_table_stands_with_its_numbers_in_order(printed, table):
    expected = {row: text.split() for row, text in TABLES[table].items()}
    assert by_locator(printed, f"{table}, ") == expected


@pytest.mark.parametrize("passage", TEXT)
def test_every_number_of_the_text_stands_in_its_order(printed, passage):
    assert by_locator(printed)[passage] == TEXT[passage].split()


@pytest.mark.parametrize(("prefix", "count"), [("t1", 35), ("t2", 39), ("t3", 77)])
def test_number_of_figures_per_table(printed, prefix, count):
    of_table = [f for f in printed.figures if f.id.startswith(f"{prefix}.")]
    assert len(of_table) == count
    assert {f.locator[:7] for f in of_table} == {f"Table {prefix[1]}"}


def test_nothing_stands_outside_the_passages_that_were_read(printed):
    tables = {f"{table}, {row}" for table, rows in TABLES.items() for row in rows}
    assert set(by_locator(printed)) == tables | set(TEXT)


def test_table_3_in_numbers(printed):
    rows = [f for f in printed.figures if f.id.startswith("t3.") and f.id.endswith(".os36")]
    assert len(rows) == 31
    assert sum(f.not_available for f in rows) == 2
    assert sum(f.bounds is not None for f in rows) == 28
    p_values = [f for f in printed.figures if f.id.startswith("t3.") and f.id.endswith(".p")]
    assert len(p_values) == 14
    assert printed.get("t3.age.p").printed == "< 0.001"


def test_claims_are_the_words_about_significance_and_direction(printed):
    claims = Counter((f.estimand.statistic, f.printed) for f in printed.figures if f.claim)
    assert claims == {
        ("logrank_p", "< 0.05"): 3,
        ("hazard_ratio", "> 1"): 6,
        ("logrank_p", ">= 0.05"): 2,
    }


# -- the source text, where it lies beside the checkout --------------------------------------------


@cache
def source_text() -> str:
    found = sorted(SOURCES.glob("004_*.txt"))
    if not found:
        pytest.skip("the source text is not beside this checkout")
    return found[0].read_text(encoding="utf-8")


def numbers_between(start: str, end: str) -> Counter[str]:
    match = re.search(f"^{start}.*?{end}", source_text(), re.DOTALL | re.MULTILINE)
    assert match, start
    return Counter(re.findall(r"\d+(?:\.\d+)?", match[0]))


# What is a number in a table and no figure: its own number, column heads, bounds in row labels.
NOT_FIGURES = {
    "Table 1": "1",
    "Table 2": "2 1 5 6 10 11",
    "Table 3": "3 3 95 56 56 15 15 1.92 1.92 2.48 2.48 27 27 7 7",
}
LAST_ROW = {
    "Table 1": r"immediately before the most recent PM\s+Median[^\n]*\n",
    "Table 2": r"Frequency of PM\s+Median[^\n]*\n",
    "Table 3": r"Repeated resection [^\n]*\n\s*Yes[^\n]*\n\s*No[^\n]*\n",
}


@pytest.mark.parametrize("table", TABLES)
def test_the_table_in_the_source_holds_these_numbers_and_no_others(printed, table):
    in_source = numbers_between(f"{table} ", LAST_ROW[table])
    ours = Counter(n for row in by_locator(printed, table).values() for n in row if n != "NA")
    assert in_source == ours + Counter(NOT_FIGURES[table].split())


@pytest.mark.parametrize(
    ("passage", "start", "end", "no_figures"),
    [
        # years of the landmarks, and the cut-offs by which the abstract names the factors
        ("Abstract, Results", "Results: ", "^Conclusion:", "3 5 56 15 27"),
        ("Results, Survival", "Survival analyses$", "^Table 2", "95 2 3 5 56"),
    ],
)
def test_the_text_in_the_source_holds_no_other_numbers(printed, passage, start, end, no_figures):
    in_source = set(numbers_between(start, end))
    ours = {
        n for where, row in by_locator(printed).items() if where.startswith(passage) for n in row
    }
    assert in_source - ours <= {*no_figures.split()}
    assert ours - in_source <= {"24"}  # spelled out in the abstract


# -- the two files together -----------------------------------------------------------------------


def test_the_protocol_can_have_every_printed_estimand(printed, study):
    assert [study.explain_fault(f.estimand) for f in printed.figures] == [None] * 234
    named = [e for h in printed.highlighted for e in h.estimands]
    assert len(named) == 12
    assert {study.explain_fault(e) for e in named} == {None}


def test_figures_of_numbers_have_the_unit_of_the_protocol(printed, study):
    checked = 0
    for figure in printed.figures:
        estimand = figure.estimand
        name = estimand.by if estimand.statistic == "roc_cutoff" else estimand.subject
        takes_unit = estimand.kind.scale in ("unit", "unit difference")
        if takes_unit and name not in study.endpoint_names:
            assert figure.unit == study.variable(name).unit, figure.id
            checked += 1
    assert checked == 2 * 8 * 3 + 4  # eight numbers in text and table, four cut-offs


def test_definitions_cut_where_the_protocol_cuts(printed, study):
    defined = [d for d in printed.definitions if d.of in study.names("number")]
    for definition in defined:
        derived = study.variable(definition.variable)
        assert isinstance(derived, Derived)
        assert derived.cut == definition.of
        step = 0.01 if definition.of.startswith("nlr") else 1
        for cut in derived.at:
            for value in (cut - step, cut, cut + step):
                level = derived.levels[sum(value >= at for at in derived.at)]
                assert definition.holds(value) == (level == definition.level), definition
    defined_levels = {(d.variable, d.level) for d in defined}
    cuts = [d for d in study.derived if d.cut]
    assert defined_levels == {(d.name, level) for d in cuts for level in d.levels}


def test_announced_analyses_without_a_figure(printed):
    estimands = [str(f.estimand) for f in printed.figures]
    missing = {
        a.id
        for a in printed.announced
        if not any(fnmatch.fnmatchcase(e, pattern) for e in estimands for pattern in a.estimands)
    }
    assert missing == {
        "model.primary_chemotherapy",
        "model.other_recurrence",
        "roc.age",
        "roc.total",
    }


def test_the_flow_adds_up(printed, study):
    at = {f.id: int(f.printed) for f in printed.figures if f.id.startswith("flow.")}
    excluded = at["flow.first_pm_elsewhere"] + at["flow.synchronous"]
    assert at["flow.retroperitoneal"] - excluded == at["flow.final"] == 24
    assert [s.id for s in study.eligibility] == ["retroperitoneal", "first_pm_here", "metachronous"]


# -- slips of the pen: what the tables imply of each other ------------------------------------------


def test_groups_sum_to_the_cohort_wherever_all_levels_are_printed(printed, study):
    summed = 0
    for name in study.names("category"):
        counts = [printed.count(Condition(name, level)) for level in study.levels(name)]
        if None not in counts:
            assert sum(counts) == 24, name
            summed += 1
    assert summed == 16


def test_every_share_is_its_count_of_24(printed):
    checked = 0
    for figure in printed.figures:
        if figure.estimand.statistic != "proportion":
            continue
        level = Condition(figure.estimand.subject, str(figure.estimand.argument))
        exact = Decimal(100 * printed.count(level)) / 24
        assert figure.printed == str(exact.quantize(Decimal("0.1"), ROUND_HALF_UP)), figure.id
        checked += 1
    assert checked == 33


def test_every_interval_of_table_3_is_a_log_log_interval_of_a_whole_number_alive(printed, study):
    """Kalbfleisch & Prentice 2002, section 1.4; without censoring Greenwood's variance is S(1-S)/n."""
    assert study.conventions.survival_interval == "log-log"
    for figure in printed.figures:
        if not figure.id.startswith("t3.") or figure.bounds is None:
            continue
        n = printed.count(*figure.estimand.where)
        alive = round(n * float(figure.printed) / 100)
        s = alive / n
        assert f"{100 * s:.1f}" == figure.printed, figure.id
        error = 1.959964 * math.sqrt((1 - s) / (n * s)) / abs(math.log(s))
        bounds = sorted(100 * s ** math.exp(sign * error) for sign in (1, -1))
        assert [f"{b:.1f}" for b in bounds] == list(figure.interval), figure.id


def largest_auc(
    dead: int, alive: int, cut: tuple[int, int], criterion: str, *, ties: bool = True
) -> float:
    """Largest area under an empirical ROC curve with a point `cut` = (true, false positives) than
    which none is better by the criterion: the heaviest path over the grid of points. Equal markers
    (`ties`) move both counts at once; without them a path moves one count by one. Minus infinity
    where no curve has its best point there."""

    def loss(tp: int, fp: int) -> float:
        tpr, fpr = tp / dead, fp / alive
        return fpr - tpr if criterion == "youden" else (1 - tpr) ** 2 + fpr**2

    def area(start: tuple[int, int], end: tuple[int, int]) -> float:
        best = {start: 0.0}
        for tp in range(start[0], end[0] + 1):
            for fp in range(start[1], end[1] + 1):
                before = [
                    total + (tp + x) / 2 * (fp - y)
                    for (x, y), total in best.items()
                    if x <= tp and y <= fp and (ties or (tp - x) + (fp - y) == 1)
                ]
                if (tp, fp) != start and before and loss(tp, fp) >= loss(*cut) - 1e-12:
                    best[tp, fp] = max(before)
        return best.get(end, -math.inf)

    return (area((0, 0), cut) + area(cut, (dead, alive))) / (dead * alive)


def test_the_printed_areas_rule_out_youden_and_allow_the_closest_point(printed, study):
    assert study.conventions.roc_criterion == "closest"
    assert printed.get("res.nlr_recent.cutoff").printed == "2.48"
    assert printed.get("res.nlr_recent.auc").printed == "0.62"
    smallest = 0.615
    # 9 of 24 are dead at 36 months. Below 2.48 are 6 of the dead and 9 of the living, above it 3 and
    # 6; a low or a high ratio may mark the dead. The survivor censored at 35 months may also be left
    # out, or be taken for dead, in either group.
    counted = largest_auc(9, 15, (6, 9), "youden"), largest_auc(9, 15, (3, 6), "youden")
    left_out = [largest_auc(9, 14, cut, "youden") for cut in ((6, 8), (6, 9), (3, 5), (3, 6))]
    dead = [largest_auc(10, 14, cut, "youden") for cut in ((7, 8), (6, 9), (4, 5), (3, 6))]
    assert max(counted) == pytest.approx(0.559, abs=5e-4)
    assert max(left_out) == pytest.approx(0.575, abs=5e-4)
    assert max(dead) == pytest.approx(0.614, abs=5e-4)
    assert max(*counted, *left_out, *dead) < smallest
    # The point closest to the corner reaches 0.62, with some patients of equal ratio.
    assert largest_auc(9, 14, (6, 8), "closest") > smallest
    assert largest_auc(9, 14, (6, 8), "closest", ties=False) == pytest.approx(0.603, abs=5e-4)


def test_repeated_operations_and_their_median_agree(printed, study):
    assert study.variable("repeated_resection").at == (2.0,)
    once = printed.count(Condition("repeated_resection", "no"))
    assert (
        once < 12
    )  # so the 12th and 13th of 24 were operated on at least twice, and the median is 2
    assert printed.of(Estimand.parse("pm_count.median"))[0].printed == "2"
