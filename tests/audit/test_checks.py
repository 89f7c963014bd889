"""Checks that need more than figures: definitions, cut-offs, passages, announcements; and the
arithmetic behind them, on examples worked by hand."""

from decimal import Decimal
from fractions import Fraction
from itertools import product

import pandas as pd
import pytest

from resarc.audit import COLUMNS, Finding, by_importance, to_frame
from resarc.audit.cutoffs import Point, auc_if_closest, auc_if_youden, auc_through
from resarc.audit.intervals import interval
from resarc.audit.numbers import mean_bounds, sd_bound
from resarc.audit.printing import rounded, roundings_of, share_roundings
from resarc.audit.significance import benjamini_hochberg, holm
from resarc.audit.survival_figures import crude_bounds, kaplan_meier_path

pytestmark = pytest.mark.unit


def outcomes(findings):
    return sorted(f"{f.verdict} {f.severity}" for f in findings)


# -- arithmetic -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "rounding", "expected"),
    [
        ("12.5", "half up", "13"),
        ("12.5", "half even", "12"),
        ("13.5", "half even", "14"),
        ("12.9", "truncated", "12"),
        ("-0.5", "half up", "-1"),
    ],
)
def test_rounding_conventions(value, rounding, expected):
    assert rounded(Fraction(value), Decimal(1), rounding) == Fraction(expected)


def test_shares_in_whole_numbers_are_the_fractions(study):
    for text in ("12%", "12.5%", "12.50%", "33.3%", "66.67%", "0.0%", "100%"):
        (figure,) = study.published(f"sex.proportion(male) -> {text}").figures
        for n in (3, 8, 16, 24):
            for k in range(n + 1):
                value = Fraction(100 * k, n)
                assert share_roundings(figure, k, n) == roundings_of(value, figure.value)


def test_a_course_of_events_with_the_rate():
    # (31 - 3)/31 = 0.903 with nobody censored; 0.896 needs somebody censored between
    path = kaplan_meier_path((0.8955, 0.8965), 31)
    s = 1.0
    for at_risk in path:
        s *= 1 - 1 / at_risk
    assert 0.8955 <= s <= 0.8965
    assert list(path) == sorted(set(path), reverse=True)
    assert path[0] <= 31


def test_no_course_of_events_of_two_patients_has_thirty_percent():
    assert kaplan_meier_path((0.295, 0.305), 2) == ()


def test_bounds_of_a_curve_behind_crude_rates_by_enumeration():
    # 5 patients, 2 observed beyond the time, 3 gone, of whom at most 2 died (events = 2)
    found = crude_bounds(5, 2, [(12.0, (2,))])

    def survival(order):
        s, at_risk = 1.0, 5
        for event in order:
            s *= 1 - event / at_risk
            at_risk -= 1
        return s

    # the 2 who stay hold 2 - d deaths and never more than 2 patients, so d is 0, 1 or 2
    values = [survival(o) for o in product((0, 1), repeat=3) if sum(o) <= 2]
    assert found == pytest.approx((min(values), max(values)))


def test_follow_up_of_survivors_narrows_the_bounds():
    # half of the 3 survivors, so at least 2, are observed for 6 months at most: one death before
    # 12 months at most, as 3 have left
    wide = crude_bounds(5, 2, [(12.0, (2,))])
    narrow = crude_bounds(5, 2, [(12.0, (2,))], followup=(6.0, 6.0))
    assert narrow[0] > wide[0]
    # censored, censored, death: (3 - 1) / 3
    assert narrow[0] == pytest.approx(2 / 3)


def test_a_reading_that_no_division_fits_has_no_bounds():
    # nobody has the event, yet the curve's median is 6 months
    assert crude_bounds(5, 0, [(12.0, (2,))], median=(6.0, 6.0)) is None


@pytest.mark.parametrize(
    ("n", "values"), [(5, (0, 1, 2, 3, 10)), (6, (0, 1, 2, 3, 4, 10)), (2, (0, 10)), (1, (3,))]
)
def test_mean_and_sd_bounds_hold_a_sample(n, values):
    sample = pd.Series(values, dtype=float)
    low, high = mean_bounds(n, sample.min(), sample.median(), sample.max())
    assert low <= sample.mean() <= high
    if n > 1:
        assert sample.std() <= sd_bound(n, sample.min(), sample.mean(), sample.max()) + 1e-12


def test_mean_bounds_are_reached():
    # 0, 0, 2, 2, 10 and 0, 2, 2, 10, 10
    assert mean_bounds(5, 0, 2, 10) == (14 / 5, 24 / 5)
    # 0, 0, 2, 2, 2, 10 and 0, 2, 2, 2, 10, 10
    assert mean_bounds(6, 0, 2, 10) == pytest.approx((16 / 6, 26 / 6))


def test_intervals_of_five_of_thirteen():
    assert interval(5, 13, "log-log", 0.95) == pytest.approx((0.1405, 0.6280), abs=5e-5)
    # 5/13 ± 1.96 sqrt(5/13 · 8/13 / 13)
    assert interval(5, 13, "plain", 0.95) == pytest.approx((0.1202, 0.6491), abs=5e-5)


def test_adjusted_p():
    p = [0.01, 0.04, 0.03, 0.5]
    assert holm(p).tolist() == pytest.approx([0.04, 0.09, 0.09, 0.5])
    assert benjamini_hochberg(p).tolist() == pytest.approx([0.04, 0.16 / 3, 0.16 / 3, 0.5])


class TestRocPoint:
    """6 of 9 cases and 9 of 15 controls test positive: sensitivity 2/3, specificity 0.4."""

    point = Point(true_positive=6, cases=9, false_positive=9, controls=15)

    def test_youden(self):
        assert self.point.youden == pytest.approx(1 / 15)

    def test_area_through_the_point(self):
        assert auc_through(self.point) == pytest.approx((2 / 3 * 0.4, 1 - 1 / 3 * 0.6))

    def test_area_below_the_line(self):
        assert auc_if_youden(self.point) == pytest.approx(1 / 15 + (1 - 1 / 225) / 2)

    def test_area_outside_the_circle_by_enumeration(self):
        # every stepwise curve of 2 cases and 3 controls through or outside the circle
        point = Point(true_positive=1, cases=2, false_positive=1, controls=3)
        nearest = (1 / 3) ** 2 + (1 / 2) ** 2
        areas = []
        for steps in set(product("cn", repeat=5)):
            if steps.count("c") != 2:
                continue
            tp = fp = area = 0
            clear = True
            for step in steps:
                tp, fp = tp + (step == "c"), fp + (step == "n")
                area += tp * (step == "n")
                clear = clear and (fp / 3) ** 2 + (1 - tp / 2) ** 2 >= nearest - 1e-12
            if clear:
                areas.append(area / 6)
        assert auc_if_closest(point) == pytest.approx(max(areas))

    def test_tied_values_allow_more(self):
        assert auc_if_closest(self.point, tied=24) > auc_if_closest(self.point)


# -- definitions of groups -----------------------------------------------------------------------

GAP = [
    {"level": "elderly", "variable": "age_group", "of": "age", "above": 60, "locator": "Methods"},
    {"level": "younger", "variable": "age_group", "of": "age", "below": 18, "locator": "Methods"},
]
SIZES = ["n -> 142", "n{age_group=elderly} -> 28", "n{age_group=younger} -> 114"]


class TestDefinitions:
    name = "definitions of groups"

    def test_a_gap_that_holds_the_median(self, study):
        (found,) = study.check(self.name, *SIZES, "age.median -> 47.5 years", definitions=GAP)
        assert outcomes([found]) == ["explained major"]
        assert found.hypothesis == "“younger” reaches as far as “elderly”"

    def test_a_gap_that_may_be_empty(self, study):
        # 71 below 18 and 71 above 60: the median lies between the two middle patients
        lines = ["n -> 142", "n{age_group=elderly} -> 71", "n{age_group=younger} -> 71"]
        found = study.check(self.name, *lines, "age.median -> 39 years", definitions=GAP)
        assert outcomes(found) == ["consistent none"]

    def test_groups_that_are_not_everybody_may_leave_a_gap(self, study):
        lines = ["n -> 142", "n{age_group=elderly} -> 28", "n{age_group=younger} -> 14"]
        found = study.check(self.name, *lines, "age.median -> 47.5 years", definitions=GAP)
        assert outcomes(found) == ["consistent none"]

    def test_an_overlap(self, study):
        both = [GAP[0], GAP[1] | {"below": 65}]
        found = study.check(self.name, *SIZES, definitions=both)
        assert outcomes(found) == ["inconsistent minor"]

    @pytest.mark.parametrize(("median", "expected"), [("30", "consistent"), ("50", "inconsistent")])
    def test_sizes_and_the_median(self, study, median, expected):
        # 15 of 20 below 40: the median is below 40
        lines = ["n -> 20", "n{age_decade=<40} -> 15", "n{age_decade=40-49} -> 2"]
        definitions = [
            {"level": "<40", "variable": "age_decade", "of": "age", "below": 40, "locator": "T"},
            {
                "level": "40-49",
                "variable": "age_decade",
                "of": "age",
                "at_least": 40,
                "at_most": 49,
                "locator": "T",
            },
            {
                "level": ">=50",
                "variable": "age_decade",
                "of": "age",
                "at_least": 50,
                "locator": "T",
            },
        ]
        lines += ["n{age_decade=>=50} -> 3", f"age.median -> {median} years"]
        found = study.check(self.name, *lines, definitions=definitions)
        assert {f.verdict for f in found} == {expected}

    def test_a_group_outside_the_range(self, study):
        whole = [GAP[0], GAP[1] | {"below": None, "at_most": 60}]
        found = study.check(self.name, *SIZES, "age.maximum -> 58 years", definitions=whole)
        assert outcomes(found) == ["inconsistent minor"]

    def test_two_divisions_of_one_number(self, study):
        definitions = [
            GAP[0],
            GAP[1] | {"below": None, "at_most": 60},
            {"level": "<40", "variable": "age_decade", "of": "age", "below": 40, "locator": "T"},
            {
                "level": "40-49",
                "variable": "age_decade",
                "of": "age",
                "at_least": 40,
                "at_most": 49,
                "locator": "T",
            },
            {
                "level": ">=50",
                "variable": "age_decade",
                "of": "age",
                "at_least": 50,
                "locator": "T",
            },
        ]
        decades = ["n{age_decade=40-49} -> 20", "n{age_decade=>=50} -> 12"]
        found = study.check(
            self.name, *SIZES, "n{age_decade=<40} -> 110", *decades, definitions=definitions
        )
        # 130 are below 50, but only 114 are 60 or younger
        assert "inconsistent minor" in outcomes(found)

    def test_the_median_on_either_side(self, study):
        limits = {"of": "age", "locator": "T"}
        definitions = [
            {"level": "<27", "variable": "size_group", **limits, "below": 27},
            {"level": ">=27", "variable": "size_group", **limits, "at_least": 27},
        ]
        assert study.check(self.name, "age.median -> 27 years", definitions=definitions) == []


# -- cut-offs ------------------------------------------------------------------------------------

MARKER = [
    "n -> 24",
    "n{size_group=<27} -> 15",
    "n{size_group=>=27} -> 9",
    "os.survival(3 years){size_group=<27} -> 60.0%",
    "os.survival(3 years){size_group=>=27} -> 66.7%",
    "os.roc_cutoff(3 years) by size -> 27 mm",
]


class TestCutoffs:
    """9 of 15 below and 6 of 9 above the cut-off survive: sensitivity 6/9, specificity 6/15."""

    name = "cut-off and area"

    def test_an_area_that_youden_allows(self, study):
        found = study.check(self.name, *MARKER, "os.auc(3 years) by size -> 0.55")
        assert outcomes(found) == ["consistent none"]
        assert "sensitivity 6/9, specificity 6/15" in found[0].recomputed

    def test_an_area_that_youden_excludes(self, study):
        (found,) = study.check(self.name, *MARKER, "os.auc(3 years) by size -> 0.62")
        assert outcomes([found]) == ["explained minor"]
        assert "closest to perfect classification" in found.hypothesis

    def test_an_area_that_nothing_allows(self, study):
        # at most 1 - 3/9 · 9/15 = 0.8 through the point
        found = study.check(self.name, *MARKER, "os.auc(3 years) by size -> 0.90")
        assert outcomes(found) == ["inconsistent minor"]

    def test_no_better_than_chance(self, study):
        found = study.check(self.name, *MARKER, "os.auc(3 years) by size -> 0.50")
        assert outcomes(found) == ["consistent none", "consistent note"]

    def test_a_cutoff_tested_on_the_outcome_it_was_chosen_on(self, study):
        name = "cut-offs chosen on the outcome"
        found = study.check(name, *MARKER, "os.logrank_p by size_group -> 0.04")
        assert outcomes(found) == ["not checkable minor"]
        assert study.check(name, *MARKER, "os.logrank_p by sex -> 0.04") == []


# -- crude proportions ------------------------------------------------------------------------------

CRUDE = [
    "n -> 142",
    "status.proportion(dead) -> 46.5%",
    "os.survival(1 year) -> 88%",
    "os.survival(3 years) -> 61%",
    "os.survival(5 years) -> 44%",
    "pfs.survival(1 year) -> 12.7%",
    "pfs.survival(3 years) -> 4.2%",
    "pfs.survival(5 years) -> 1.4%",
    "os.median -> 2411 days",
]


class TestCrudeProportions:
    name = "crude proportions"

    def test_one_reading_for_all_rates(self, study):
        (found,) = study.check(self.name, *CRUDE)
        assert outcomes([found]) == ["explained major"]
        assert "18/142" in found.recomputed
        assert "66 events among 142 patients" in found.evidence

    def test_without_a_conflict_nothing_is_said(self, study):
        assert study.check(self.name, *CRUDE[:-1]) == []

    def test_a_rate_that_is_no_fraction_ends_the_reading(self, study):
        # 12.5% would be 17.75 of 142
        lines = [line.replace("44%", "44.0%") for line in CRUDE if "pfs" not in line]
        assert study.check(self.name, *lines) == []

    def test_whole_percentages_of_many_patients_are_no_evidence(self, study):
        lines = [*CRUDE[:5], "os.followup_median{os=censored} -> 40.0 months"]
        assert study.check(self.name, *lines) == []


# -- the text ------------------------------------------------------------------------------------------

TABLE = ["Table 3, row Sex | os.logrank_p by sex -> 0.01", "Table 3 | os.logrank_p by arm -> 0.4"]


def passage(*estimands):
    return [{"id": "abs", "locator": "Abstract", "table": "Table 3", "estimands": estimands}]


class TestListedAsSignificant:
    name = "listed as significant"

    def test_all_listed(self, study):
        found = study.check(self.name, *TABLE, highlighted=passage("os.logrank_p by sex"))
        assert outcomes(found) == ["consistent none"]

    def test_left_out(self, study):
        sizes = ["n{sex=male} -> 2", "n{sex=female} -> 22"]
        (found,) = study.check(self.name, *TABLE, *sizes, highlighted=passage())
        assert outcomes([found]) == ["inconsistent minor"]
        assert "smallest of its 2 groups has 2 patients" in found.evidence

    def test_listed_but_not_significant(self, study):
        both = passage("os.logrank_p by sex", "os.logrank_p by arm")
        found = study.check(self.name, *TABLE, highlighted=both)
        assert outcomes(found) == ["inconsistent major"]


class TestAnnounced:
    name = "announced and printed"

    @pytest.mark.parametrize(
        ("lines", "expected"),
        [
            (["Table 1 | os.hazard_ratio by sex(male / female) -> 1.2"], ["consistent none"]),
            (["Table 1 | n -> 24"], ["not checkable minor"]),
            (["Abstract | n -> 24"], ["not checkable note"]),
            (
                [
                    "claim: Table 1 | os.hazard_ratio by sex(male / female) -> > 1",
                    "Table 1 | n -> 9",
                ],
                ["not checkable note"],
            ),
        ],
    )
    def test_announced(self, study, lines, expected):
        item = {
            "id": "cox",
            "what": "Cox regression",
            "estimands": ["*.hazard_ratio by *"],
            "locator": "Methods",
        }
        assert outcomes(study.check(self.name, *lines, announced=[item])) == expected


def test_a_time_that_is_never_longer_than_another(study):
    other = study.with_constraints({"at_most": ["pfs", "os"], "why": "death ends both"})
    lines = ["os.survival(1 year) -> 70%"]
    name = "ordered quantities"
    assert outcomes(other.check(name, *lines, "pfs.survival(1 year) -> 60%")) == ["consistent none"]
    found = other.check(name, *lines, "pfs.survival(1 year) -> 80%")
    assert outcomes(found) == ["inconsistent major"]


# -- findings --------------------------------------------------------------------------------------------


def test_claims_and_missing_figures_are_no_numbers(study):
    (found,) = study.audit("claim: n{arm=a} -> >= 1", "os.survival(1 year) -> NA")
    assert outcomes([found]) == ["not checkable none"]
    assert found.title == "1 statement stands in words only"


def test_gravest_first_then_the_order_of_the_checks():
    def finding(verdict, severity, title):
        return Finding(
            check="c",
            title=title,
            verdict=verdict,
            severity=severity,
            evidence="",
            hypothesis="h" if verdict == "explained" else "",
        )

    found = [
        finding("consistent", "none", "1"),
        finding("explained", "major", "2"),
        finding("consistent", "note", "3"),
        finding("inconsistent", "minor", "4"),
        finding("inconsistent", "major", "5"),
        finding("explained", "major", "6"),
    ]
    assert [f.title for f in by_importance(found)] == ["5", "2", "6", "4", "3", "1"]


@pytest.mark.parametrize(
    "change",
    [
        {"verdict": "wrong"},
        {"severity": "grave"},
        {"verdict": "consistent", "severity": "major"},
        {"verdict": "explained", "hypothesis": ""},
    ],
)
def test_a_finding_that_cannot_be_is_refused(change):
    whole = {
        "check": "c",
        "title": "t",
        "verdict": "inconsistent",
        "severity": "minor",
        "evidence": "e",
    }
    Finding(**whole)
    with pytest.raises(ValueError, match="t: "):
        Finding(**whole | change)


def test_the_frame_is_the_contract(study):
    frame = to_frame(study.audit("n -> 93", "n{arm=a} -> 41", "n{arm=b} -> 53"))
    assert tuple(frame.columns) == COLUMNS
    row = frame.iloc[0]
    assert (row["verdict"], row["figures"]) == ("inconsistent", "f2; f3; f1")


def test_an_audit_without_findings_is_an_empty_frame():
    assert tuple(to_frame([]).columns) == COLUMNS
