"""Order histories drawn by their number of events: all that there are, and nothing that misses a figure."""

from itertools import combinations_with_replacement, product
from pathlib import Path

import numpy as np
import pytest

from resarc import protocol as protocols
from resarc.ensemble import Ensemble, evaluate
from resarc.estimand import DAYS_PER_MONTH, Estimand
from resarc.published import Range
from resarc.reconstruct import histories, strata
from resarc.reconstruct.targets import Target, inside

pytestmark = pytest.mark.unit

PROTOCOL = protocols.load(Path(__file__).resolve().parents[2] / "config/studies/okayama2022.yaml")
N = 5
DAYS = (10, 20, 30, 40, 50, 60)
"""Whole days on which something can happen in the datasets that are gone through one by one."""


def target(text, low, high, limits=(None, None)):
    return Target(Estimand.parse(text), Range(low, high), *limits, ("f",), False)


CASES = {
    "a rate": [target("os.survival(30 days)", 0.59, 0.61)],
    "another rate": [target("os.survival(30 days)", 0.74, 0.76)],
    "a rate with its limits": [
        target("os.survival(30 days)", 0.59, 0.61, (Range(0.12, 0.13), Range(0.87, 0.89)))
    ],
    "two rates": [
        target("os.survival(20 days)", 0.79, 0.81),
        target("os.survival(40 days)", 0.39, 0.41),
    ],
    "first censored": [target("os.followup_minimum{os=censored}", 0.98, 0.99)],
    "last": [target("os.survival(20 days)", 0.79, 0.81), target("os.followup_maximum", 1.97, 1.98)],
    "counts": [target("os.crude_rate(30 days)", 0.39, 0.41), target("n{os=event}", 2, 3)],
}


def ensemble_of(days, event):
    return Ensemble(PROTOCOL, {}, {}, {"os": days / DAYS_PER_MONTH}, {"os": event})


def holds(targets, days, event):
    """Which datasets (M,) meet all figures, by the function that judges members."""
    ensemble = ensemble_of(days, event)
    good = np.ones(len(days), dtype=bool)
    for t in targets:
        if t.estimand.statistic == "n":
            good &= inside(event.sum(axis=1), t.value)
        else:
            good &= t.holds(t.evaluate(ensemble))
    return good


@pytest.fixture(scope="module")
def datasets():
    """All multisets of (day, event) of N patients."""
    kinds = list(product(DAYS, (True, False)))
    rows = np.array(list(combinations_with_replacement(range(len(kinds)), N)))
    days = np.array([day for day, _ in kinds])[rows]
    return days, np.array([event for _, event in kinds])[rows]


@pytest.mark.parametrize("targets", CASES.values(), ids=CASES)
def test_every_order_of_a_tiny_cohort_is_reached(targets, datasets):
    days, event = datasets
    held = holds(targets, days, event)
    assert held.any()
    pool = strata.pool(targets, PROTOCOL, N)
    assert pool.whole
    # `kinds` has events before censorings of one day, as the curve takes them.
    # Where the last is censored on the day of a printed rate is left out.
    rates = [t.estimand for t in targets if t.estimand.statistic == "survival"]
    landmarks = [e.time * DAYS_PER_MONTH for e in rates]
    last_day, last_event = days[held].max(axis=1), event[held][:, -1]
    usual = last_event | ~np.isclose(last_day[:, None], landmarks or [-1.0]).any(axis=1)
    reached = {tuple(row) for row in pool.event}
    assert {tuple(row) for row in event[held][usual]} <= reached
    assert set(event[held][usual].sum(axis=1)) == set(pool.numbers)


@pytest.mark.parametrize("targets", CASES.values(), ids=CASES)
def test_what_is_drawn_meets_the_figures(targets):
    pool = strata.pool(targets, PROTOCOL, N)
    rng = np.random.default_rng(1)
    drawn = [pool.draw(k, (1, 60), rng) for k in pool.numbers for _ in range(20)]
    drawn = [history for history in drawn if history is not None]
    assert len(drawn) >= 0.9 * 20 * len(pool.numbers)
    days, event = (np.array(part) for part in zip(*drawn, strict=True))
    assert holds(targets, days, event).all()
    assert (np.diff(days, axis=1) >= 0).all()
    assert set(event.sum(axis=1)) == set(pool.numbers)


def printed_of_24():
    """What is printed of 24 patients: two rates with limits, to three digits, and follow-up."""
    rng = np.random.default_rng(3)
    days, event = rng.integers(200, 2400, (1, 24)), rng.random((1, 24)) < 0.5
    ensemble, found = ensemble_of(days, event), []

    def printed(text, width):
        got = evaluate(Estimand.parse(text), ensemble)
        ends = [
            x if x is None else Range(x[0] - width, x[0] + width) for x in (got.lower, got.upper)
        ]
        found.append(target(text, got.value[0] - width, got.value[0] + width, ends))

    printed("os.survival(24 months)", 0.0005)
    printed("os.survival(48 months)", 0.0005)
    printed("os.followup_minimum{os=censored}", 0.05)
    printed("os.followup_maximum{os=censored}", 0.05)
    return found


def test_rates_with_limits_of_three_digits_are_met():
    targets = printed_of_24()
    pool = strata.pool(targets, PROTOCOL, 24)
    rng = np.random.default_rng(1)
    drawn = [pool.draw(k, (1, 4000), rng) for k in pool.numbers for _ in range(10)]
    days, event = (np.array(x) for x in zip(*(d for d in drawn if d is not None), strict=True))
    assert holds(targets, days, event).all()
    assert len(pool.numbers) >= 5


def test_members_reach_every_number_of_events():
    targets = printed_of_24()
    numbers = set(strata.pool(targets, PROTOCOL, 24).numbers)
    found = histories.build("os", targets, PROTOCOL, {}, None, 60, 24, np.random.default_rng(1))
    held = found.loss == 0
    assert held.mean() >= 0.9
    assert numbers <= set(found.event[held].sum(axis=1))
    assert holds(targets, found.days[held], found.event[held]).all()


def test_a_pool_hangs_on_nothing_but_the_figures():
    targets = printed_of_24()
    first = strata.pool(targets, PROTOCOL, 24)
    strata._pool.cache_clear()
    again = strata.pool(targets, PROTOCOL, 24)
    assert again is not first
    np.testing.assert_array_equal(again.event, first.event)
    np.testing.assert_array_equal(again.gone, first.gone)


def test_too_many_patients_and_impossible_figures_have_no_pool():
    assert strata.pool(CASES["a rate"], PROTOCOL, 400) is None
    assert strata.pool([target("os.survival(30 days)", 0.7, 0.71)], PROTOCOL, 2) is None
