"""Proofs about figures of one survival curve: by hand, against all datasets of few patients."""

from itertools import product
from pathlib import Path

import numpy as np
import pytest

from resarc import protocol as protocols
from resarc.estimand import Estimand
from resarc.published import Range
from resarc.reconstruct import exact
from resarc.reconstruct.targets import Target
from resarc.survival.kaplan_meier import curve, limits, survival_at

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def protocol():
    return protocols.load(ROOT / "docs/example/studies/example.yaml")


def target(text: str, low: float, high: float, lower=None, upper=None, name="f") -> Target:
    return Target(Estimand.parse(text), Range(low, high), lower, upper, (name,), False)


def found(targets, protocol, patients=20):
    return exact.about_curves(targets, protocol, patients)


@pytest.mark.unit
@pytest.mark.parametrize(
    ("text", "low", "high", "median", "conflict"),
    [
        ("os.survival(60 months)", 0.435, 0.445, 79.2, True),
        ("os.survival(60 months)", 0.505, 0.515, 79.2, False),
        ("os.survival(60 months)", 0.55, 0.56, 40.0, True),
        ("os.survival(60 months)", 0.44, 0.45, 40.0, False),
        # Years of 360 days would put these in the other order.
        ("os.survival(60 months)", 0.435, 0.445, 60.5, False),
        # A share of patients observed bounds the curve from below only.
        ("os.crude_rate(60 months)", 0.435, 0.445, 79.2, False),
        ("os.crude_rate(60 months)", 0.55, 0.56, 40.0, True),
        ("os.followed_rate(60 months)", 0.55, 0.56, 40.0, True),
    ],
)
def test_a_median_lies_on_the_side_that_a_rate_asks_for(text, low, high, median, conflict):
    figures = [target(text, low, high), target("os.median", median, median, name="m")]
    some = exact._out_of_order(figures)
    assert bool(some) == conflict
    if conflict:
        assert set(some[0].targets) == set(figures)
        assert some[0].rechecked == "linear programme"
        assert "never rises" in some[0].proof


@pytest.mark.unit
def test_a_later_rate_cannot_be_higher(protocol):
    figures = [
        target("os.survival(12 months)", 0.6, 0.7),
        target("os.survival(24 months)", 0.71, 0.72, name="later"),
        target("os.survival(24 months){sex=male}", 0.9, 1.0, name="others"),
    ]
    conflicts = found(figures, protocol)
    assert [{f for t in c.targets for f in t.figures} for c in conflicts] == [{"f", "later"}]


@pytest.mark.unit
def test_a_share_must_be_a_fraction_of_its_group(protocol):
    men = target("n{sex=male}", 11.5, 12.5, name="men")
    rate = target("os.crude_rate(24 months){sex=male}", 0.595, 0.605)  # 7/12 is 0.583, 8/12 0.667
    (conflict,) = found([men, rate], protocol)
    assert set(conflict.targets) == {men, rate}
    assert "7/12" in conflict.proof
    assert not found([rate], protocol), "the size of the group is not printed"
    fine = target("os.crude_rate(24 months){sex=male}", 0.58, 0.59)
    assert not found([men, fine], protocol)


@pytest.mark.unit
def test_a_kaplan_meier_rate_is_a_fraction_while_nobody_is_censored(protocol):
    rate = target("os.survival(24 months)", 0.621, 0.629)  # between 12/20 and 13/20
    early = target("os.followup_minimum{os=censored}", 10, 10, name="early")
    late = target("os.followup_minimum{os=censored}", 30, 30, name="late")
    assert not found([rate], protocol)
    assert not found([rate, early], protocol)
    (conflict,) = found([rate, late], protocol)
    assert set(conflict.targets) == {rate, late}


@pytest.mark.unit
def test_one_denominator_for_all_rates(protocol):
    rates = [
        target("os.followed_rate(12 months)", 0.8935, 0.8999),  # 26/29 cut off
        target("pfs.followed_rate(12 months)", 0.793, 0.7939),  # 23/29
    ]
    assert exact.common_denominators(rates, protocol, 31) == {(): [29]}


@pytest.mark.property
def test_courses_of_events_are_those_of_all_orders_of_few_patients():
    """All 2^6 orders of six events and censorings, by the estimator that reports use."""
    size = 6
    wanted = set()
    for events in product([0, 1], repeat=size):
        at = survival_at(curve(np.arange(1.0, size + 1), np.array(events)), [float(size)])
        s, error = at["survival"].iloc[0], at["std_error"].iloc[0]
        if 0.2 <= s <= 0.7:
            wanted.add((round(s, 9), round((error / s) ** 2, 9)))
    listed = exact.courses(Range(0.2, 0.7), size)
    assert {(round(s, 9), round(v, 9)) for s, v in listed} == wanted


@pytest.mark.unit
@pytest.mark.parametrize("kind", ["log-log", "log", "plain"])
def test_limits_of_a_type_are_borne_by_that_type_and_by_no_other(kind, protocol):
    # 7 of 10 alive, nobody censored before
    s, error = np.array([0.7]), np.sqrt(np.array([3 / (10 * 7)]))
    low, high = (float(x[0]) for x in limits(s, error, kind, 0.95))
    ten = target("n{sex=male}", 9.5, 10.5, name="men")
    rate = target(
        "os.survival(24 months){sex=male}",
        *(0.695, 0.705),
        *(Range(low - 5e-4, low + 5e-4), Range(high - 5e-4, high + 5e-4)),
    )
    for other in ("log-log", "log", "plain"):
        against = exact.against_interval([ten, rate], protocol, 20, other)
        assert (against is None) == (other == kind)
        if against:
            assert set(against.targets) == {ten, rate}


@pytest.mark.unit
def test_a_search_that_is_given_up_proves_nothing(protocol, monkeypatch):
    ten = target("n{sex=male}", 9.5, 10.5, name="men")
    rate = target(
        "os.survival(24 months){sex=male}", 0.695, 0.705, Range(0.1, 0.11), Range(0.2, 0.21)
    )
    assert exact.against_interval([ten, rate], protocol, 20, "plain")
    monkeypatch.setattr(exact, "MOST_STEPS", 3)
    assert exact.against_interval([ten, rate], protocol, 20, "plain") is None
    monkeypatch.setattr(exact, "MOST_PATHS", 3)
    assert exact.courses(rate.value, 10) is None
