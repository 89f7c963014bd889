"""Printed figures as ranges of exact values, and the distance of datasets from them."""

import numpy as np
import pytest

from resarc.ensemble import Values
from resarc.estimand import DAYS_PER_MONTH, Estimand
from resarc.published import Range
from resarc.reconstruct.targets import (
    Target,
    as_crude,
    distance,
    inside,
    intersect,
    is_empty,
)

pytestmark = pytest.mark.unit


def target(text: str, low: float, high: float, **more) -> Target:
    return Target(
        Estimand.parse(text),
        Range(low, high),
        more.get("lower"),
        more.get("upper"),
        ("f",),
        more.get("claim", False),
    )


def test_a_value_at_the_edge_is_inside_unless_the_edge_is_excluded():
    values = np.array([0.4, 0.5, 0.6, np.nan])
    assert inside(values, Range(0.4, 0.5)).tolist() == [True, True, False, False]
    assert inside(values, Range(0.4, 0.5, open_upper=True)).tolist() == [True, False, False, False]


def test_two_figures_of_one_estimand_leave_what_both_allow():
    both = intersect(Range(0.35, 0.45), Range(-np.inf, 0.4, True, True))
    assert (both.lower, both.upper, both.open_upper) == (0.35, 0.4, True)
    assert is_empty(intersect(Range(0, 1), Range(2, 3)))
    assert is_empty(intersect(Range(0, 1), Range(1, 3, open_lower=True)))


def test_a_rate_read_as_crude_loses_its_interval():
    read = as_crude(target("os.survival(36 months)", 0.6, 0.62, lower=Range(0.5, 0.51)))
    assert str(read.estimand) == "os.crude_rate(36 months)"
    assert read.lower is None


@pytest.mark.parametrize(
    ("text", "low", "high", "value", "expected"),
    [
        ("n{sex=male}", 3.5, 4.5, 4.0, 0.0),
        ("n{sex=male}", 3.5, 4.5, 6.5, 0.6),  # two patients too many, 0.3 each
        ("os.survival(36 months)", 0.5, 0.5, 0.6, 0.3 * 0.1 * 20),
        ("os.hazard_ratio by sex(male / female)", 2.0, 4.0, 1.0, np.log(2)),
        ("os.median", 10.0, 10.0, np.nan, 3.0),
    ],
)
def test_distance_counts_patients_and_logarithms(text, low, high, value, expected):
    found = distance(target(text, low, high), Values(np.array([value])), patients=20)
    assert found[0] == pytest.approx(expected)


def test_a_p_value_is_compared_as_a_normal_deviate():
    wanted = target("os.logrank_p by sex", 0.035, 0.045)
    found = distance(wanted, Values(np.array([0.04, 0.05, 0.5])), patients=20)
    assert found[0] == 0
    # 1.9600 against 2.0047, the deviate of 0.045
    assert found[1] == pytest.approx(2.004654 - 1.959964, abs=1e-5)
    assert found[2] > found[1]


def test_the_limits_of_an_interval_must_hold_too():
    wanted = target(
        "os.survival(36 months)", 0.5, 0.6, lower=Range(0.30, 0.31), upper=Range(0.7, 0.71)
    )
    values = Values(np.array([0.55, 0.55]), np.array([0.305, 0.2]), np.array([0.705, 0.705]))
    assert wanted.holds(values).tolist() == [True, False]
    assert distance(wanted, values, 20)[0] == 0 < distance(wanted, values, 20)[1]


def test_whole_days_are_the_finest_times():
    # 2.97 months are no whole number of mean months' days; the nearest is 90 days.
    from resarc.reconstruct.targets import _some_day

    widened = _some_day(Range(2.965, 2.975))
    assert widened.lower == pytest.approx(90 / DAYS_PER_MONTH)
    assert _some_day(Range(34.5, 35.5)) == Range(34.5, 35.5)
