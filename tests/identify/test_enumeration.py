"""Outer bounds by enumeration: against every dataset of a few patients, one by one."""

from itertools import product

import numpy as np
import pytest

from resarc.estimand import Estimand
from resarc.identify.enumeration import outermost
from resarc.published import Range
from resarc.reconstruct.targets import Target
from resarc.survival import batch

N = 5
DAYS = (10, 20, 30, 40, 50, 60)
"""Whole days on which something can happen; the month below is 30.4375 of them."""


class Conventions:
    survival_interval, level = "log-log", 0.95


class Study:
    """As much of a protocol as the enumeration reads."""

    endpoint_names = ("os",)
    conventions = Conventions()


def target(text, low, high):
    return Target(Estimand.parse(text), Range(low, high), None, None, ("f",), False)


CASES = [
    [target("os.survival(30 days)", 0.59, 0.61)],
    [target("os.survival(30 days)", 0.74, 0.76)],
    [target("os.followup_minimum{os=censored}", 30 / 30.4375, 30 / 30.4375)],
    [
        target("os.survival(20 days)", 0.79, 0.81),
        target("os.median", 40 / 30.4375, 40 / 30.4375),
        target("os.followup_maximum", 60 / 30.4375, 60 / 30.4375),
    ],
    [target("os.followup_median{os=censored}", 20 / 30.4375, 20 / 30.4375)],
    [target("os.crude_rate(30 days)", 0.39, 0.41), target("n{os=event}", 2, 3)],
]


def every_dataset():
    """All multisets of (day, event) of N patients, as arrays."""
    from itertools import combinations_with_replacement

    rows = list(combinations_with_replacement(list(product(DAYS, (True, False))), N))
    times = np.array([[day for day, _ in row] for row in rows]) / 30.4375
    return times, np.array([[event for _, event in row] for row in rows])


@pytest.fixture(scope="module")
def datasets():
    return every_dataset()


def value(estimand, times, events):
    e = Estimand.parse(estimand)
    if e.statistic == "events":
        return events.sum(axis=1).astype(float)
    if e.statistic == "survival":
        return batch.km_at(times, events, None, e.time)[0]
    if e.statistic == "crude_rate":
        return (times > e.time).mean(axis=1)
    if e.statistic == "n":
        return events.sum(axis=1).astype(float)
    if e.statistic == "median":
        return batch.km_median(times, events)
    who = np.ones_like(events) if not e.where else ~events
    masked = np.where(who, times, np.nan)
    some = who.any(axis=1)
    found = np.full(len(times), np.nan)
    function = {"minimum": np.nanmin, "maximum": np.nanmax, "median": np.nanmedian}
    found[some] = function[e.statistic.removeprefix("followup_")](masked[some], axis=1)
    return found


@pytest.mark.unit
@pytest.mark.parametrize("targets", CASES, ids=lambda c: " and ".join(str(t.estimand) for t in c))
def test_no_dataset_lies_beyond_the_bounds_and_some_reach_them(targets, datasets):
    times, events = datasets
    held = np.ones(len(times), dtype=bool)
    for t in targets:
        found = value(str(t.estimand), times, events)
        with np.errstate(invalid="ignore"):
            held &= (found >= t.value.lower - 1e-9) & (found <= t.value.upper + 1e-9)
    assert held.any()
    wanted = [Estimand.parse(x) for x in ("os.events", "os.survival(40 days)")]
    bounds = outermost(wanted, targets, Study(), N)
    for estimand in wanted:
        found = value(str(estimand), times[held], events[held])
        found = found[~np.isnan(found)]
        low, high = bounds[estimand]
        assert low <= found.min() + 1e-9
        assert high >= found.max() - 1e-9
        if estimand.statistic == "events":  # the conditions are exact for these figures
            assert (low, high) == (found.min(), found.max())


@pytest.mark.unit
def test_subgroups_and_large_cohorts_are_left_out():
    wanted = [Estimand.parse("os.events{sex=male}"), Estimand.parse("os.events")]
    assert set(outermost(wanted, CASES[0], Study(), N)) == {wanted[1]}
    assert outermost(wanted, CASES[0], Study(), 400) == {}
