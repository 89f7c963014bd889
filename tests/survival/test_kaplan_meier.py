"""Kaplan-Meier: by hand, against R, and for any data."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resarc.errors import DataError
from resarc.survival.kaplan_meier import (
    INTERVALS,
    at_risk,
    curve,
    quantile,
    reverse_follow_up,
    survival_at,
)

HAND = [
    "half_then_censored",
    "all_dead",
    "half_in_the_middle",
    "reaches_zero",
    "ties",
    "zero_time",
    "one_patient",
    "no_events",
]
DRAWN = [f"drawn{i}" for i in range(1, 7)]

follow_up = st.lists(st.tuples(st.integers(0, 12), st.booleans()), min_size=1, max_size=30).map(
    lambda rows: (np.array([t for t, _ in rows], float), np.array([e for _, e in rows]))
)


@pytest.mark.unit
def test_a_curve_that_a_pencil_can_check():
    # Six patients: deaths at 1 and 3 (two of them), censored at 2, 3 and 4.
    # S(1) = 5/6; S(3) = 5/6 x (4 - 2)/4 = 5/12, because the patient censored at 3 is at risk at 3.
    # Greenwood at 3: 1/(6 x 5) + 2/(4 x 2) = 17/60.
    steps = curve([1, 2, 3, 3, 3, 4], [1, 0, 1, 1, 0, 0], "plain")
    assert steps["time"].tolist() == [0, 1, 2, 3, 4]
    assert steps["at_risk"].tolist() == [6, 6, 5, 4, 1]
    assert steps["events"].tolist() == [0, 1, 0, 2, 0]
    assert steps["censored"].tolist() == [0, 0, 1, 1, 1]
    np.testing.assert_allclose(steps["survival"], [1, 5 / 6, 5 / 6, 5 / 12, 5 / 12])
    se = 5 / 12 * np.sqrt(17 / 60)
    np.testing.assert_allclose(steps["std_error"].iloc[3], se)
    np.testing.assert_allclose(steps["upper"].iloc[3], 5 / 12 + 1.959963984540054 * se)


@pytest.mark.unit
def test_landmarks_beyond_follow_up_are_unknown_unless_all_have_died():
    steps = curve([1, 2, 3], [1, 0, 0])
    found = survival_at(steps, [0.5, 1, 3, 3.1])
    np.testing.assert_allclose(found["survival"], [1, 2 / 3, 2 / 3, np.nan])
    assert survival_at(steps, 3.1, extend=True)["survival"].item() == pytest.approx(2 / 3)
    assert survival_at(curve([1, 2], [1, 1]), [9])["survival"].item() == 0


@pytest.mark.unit
@pytest.mark.parametrize(
    ("time", "event", "middle", "first", "below"),
    [
        # 24 deaths at 1..24: S(12) = 1/2 until 13.
        (range(1, 25), [1] * 24, 12.5, 12, 13),
        # 4 of 8 dead, then censored: S = 1/2 from 4 to the last follow-up, 8. The product
        # 7/8 x 6/7 x 5/6 x 4/5 is 0.5000000000000001 in floating point.
        (range(1, 9), [1] * 4 + [0] * 4, 6, 4, np.nan),
        # 0.75, 0.5, (censored), 0: between 2 and 4.
        ([1, 2, 3, 4], [1, 1, 0, 1], 3, 2, 4),
        # 2/3, 1/3: passes 1/2 at 2.
        ([1, 2, 3], [1, 1, 1], 2, 2, 2),
        # never falls to 1/2.
        ([1, 2, 3], [1, 0, 0], np.nan, np.nan, np.nan),
        # half die at time 0.
        ([0, 5], [1, 1], 2.5, 0, 5),
    ],
)
def test_median_where_survival_is_exactly_a_half(time, event, middle, first, below):
    steps = curve(list(time), event)
    np.testing.assert_equal(quantile(steps).value, middle)
    np.testing.assert_equal(quantile(steps, convention="below").value, below)
    np.testing.assert_equal(quantile(steps, convention="first").value, first)


@pytest.mark.unit
def test_at_risk_counts_those_followed_at_least_that_long():
    assert at_risk([5, 1, 3, 3], [0, 1, 3, 3.5, 6]).tolist() == [4, 4, 3, 1, 0]


@pytest.mark.unit
def test_reverse_follow_up_takes_death_as_censoring():
    # Censored at 2, 4 and 6; deaths at 1 and 5. Reverse S: 3/4 at 2, 1/2 at 4 (3 at risk), 0 at 6.
    assert reverse_follow_up([1, 2, 4, 5, 6], [1, 0, 0, 1, 0]).value == 5
    assert np.isnan(reverse_follow_up([1, 2], [1, 1]).value)


@pytest.mark.unit
@pytest.mark.parametrize(
    ("time", "event", "place"),
    [
        ([1, np.nan], [1, 0], "time[1]"),
        ([1, -2], [1, 0], "time[1]"),
        ([1, 2], [1], "event"),
        ([1, 2], [1, 2], "event[1]"),
        ([1, 2], [1, None], "event[1]"),
        ([], [], "time"),
        (["a", "b"], [1, 0], "time"),
        ([[1, 2]], [1, 0], "time"),
    ],
)
def test_bad_follow_up_is_named(time, event, place):
    with pytest.raises(DataError) as error:
        curve(time, event)
    assert error.value.where == place


@pytest.mark.unit
def test_unknown_settings_are_refused():
    with pytest.raises(DataError, match="log-log"):
        curve([1], [1], "loglog")
    with pytest.raises(DataError, match="level"):
        curve([1], [1], level=95)
    with pytest.raises(DataError, match="convention"):
        quantile(curve([1], [1]), convention="spss")
    with pytest.raises(DataError, match="times"):
        survival_at(curve([1], [1]), [-1])


@pytest.mark.parity
@pytest.mark.parametrize("name", HAND + DRAWN)
def test_curve_limits_and_quantiles_equal_r(r, parity, name):
    case = (r["hand"] | r["drawn"])[name]
    data, expected = parity.frame(case["data"]), case["kaplan_meier"]
    for interval in INTERVALS:
        steps = curve(data["time"], data["event"], interval)
        same = steps[steps["time"].isin(parity.values(expected["time"]))]
        parity.agree(same["at_risk"], expected["at_risk"])
        parity.agree(same["events"], expected["events"])
        parity.agree(same["survival"], expected["survival"])
        parity.agree(same["std_error"], expected["std_error"])
        theirs = expected["intervals"][interval]
        # Where S is 1, R has NA for some types and 1 for others; here it is always 1.
        moved = (same["survival"] < 1).to_numpy()
        parity.agree(same["lower"][moved], list(parity.values(theirs["lower"])[moved]))
        parity.agree(same["upper"][moved], list(parity.values(theirs["upper"])[moved]))
        found = [quantile(steps, p) for p in (0.75, 0.5, 0.25)]
        parity.agree([q.value for q in found], theirs["quantile"])
        parity.agree([q.lower for q in found], theirs["quantile_lower"])
        parity.agree([q.upper for q in found], theirs["quantile_upper"])
    found = reverse_follow_up(data["time"], data["event"])
    parity.agree([found.value, found.lower, found.upper], expected["reverse"])


@pytest.mark.parity
def test_curve_equals_lifelines(r, parity):
    from lifelines import KaplanMeierFitter

    data = parity.frame(r["drawn"]["drawn5"]["data"])
    steps = curve(data["time"], data["event"], "log-log", 0.9)
    theirs = KaplanMeierFitter(alpha=0.1).fit(data["time"], data["event"])
    at = steps["time"]
    np.testing.assert_allclose(steps["survival"], theirs.predict(at), rtol=1e-12)
    limits = theirs.confidence_interval_.loc[at[1:]].to_numpy()
    known = (steps["survival"] > 0).to_numpy()[1:]
    np.testing.assert_allclose(
        steps[["lower", "upper"]].to_numpy()[1:][known], limits[known], rtol=1e-10
    )


@pytest.mark.property
@given(follow_up)
def test_without_censoring_survival_is_the_share_alive(data):
    time, _ = data
    steps = curve(time, np.ones(time.size))
    alive = [(time > t).mean() for t in steps["time"]]
    np.testing.assert_allclose(steps["survival"], alive, atol=1e-12)


@pytest.mark.property
@given(follow_up, st.sampled_from(INTERVALS))
def test_a_curve_falls_and_lies_within_its_limits(data, interval):
    steps = curve(*data, interval)
    assert (steps["survival"].diff().dropna() <= 1e-15).all()
    known = steps.dropna()
    assert (known["lower"] <= known["survival"] + 1e-12).all()
    assert (known["survival"] <= known["upper"] + 1e-12).all()
    assert known[["lower", "upper"]].stack().between(0, 1).all()
    assert steps["events"].sum() + steps["censored"].sum() == data[0].size


@pytest.mark.property
@given(follow_up, st.floats(0.5, 40))
def test_the_median_keeps_the_unit_of_time(data, factor):
    time, event = data
    found = quantile(curve(time, event)).value
    np.testing.assert_allclose(quantile(curve(factor * time, event)).value, factor * found)
