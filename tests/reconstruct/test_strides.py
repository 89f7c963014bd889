"""Order histories of larger cohorts: every one meets the figures, and they are not alike."""

from pathlib import Path

import numpy as np
import pytest

from resarc import protocol as protocols
from resarc.ensemble import Ensemble, evaluate
from resarc.estimand import DAYS_PER_MONTH, Estimand
from resarc.published import Range
from resarc.reconstruct import histories, strides
from resarc.reconstruct.orders import Standing
from resarc.reconstruct.standings import standings
from resarc.reconstruct.targets import Target, inside

pytestmark = pytest.mark.unit

PROTOCOL = protocols.load(Path(__file__).resolve().parents[2] / "config/studies/okayama2022.yaml")
N = 100
PRINTED = {
    "os.survival(24 months)": 0.0005,
    "os.survival(60 months)": 0.0005,
    "os.median": 0.05,
    "os.followup_minimum{os=censored}": 0.05,
    "os.followup_median{os=censored}": 0.05,
    "os.followup_maximum{os=censored}": 0.05,
}
"""What a paper prints, and half a unit of its last digit."""


def ensemble_of(days, event):
    return Ensemble(PROTOCOL, {}, {}, {"os": days / DAYS_PER_MONTH}, {"os": event})


@pytest.fixture(scope="module")
def true():
    """Days and events of a hundred patients."""
    rng = np.random.default_rng(5)
    death, end = rng.weibull(1.2, N) * 1500, rng.uniform(200, 3200, N)
    return np.minimum(death, end).round().astype(int) + 1, death <= end


@pytest.fixture(scope="module")
def targets(true):
    ensemble = ensemble_of(*(x[None] for x in true))

    def range_of(values, width):
        return None if values is None else Range(values[0] - width, values[0] + width)

    found = []
    for text, width in PRINTED.items():
        of = Estimand.parse(text)
        got = evaluate(of, ensemble, intervals=of.statistic == "survival")
        ends = (range_of(x, width) for x in (got.value, got.lower, got.upper))
        found.append(Target(of, *ends, (text,), False))
    return found


def held(targets, days, event):
    """Which datasets (M,) meet all figures, by the function that judges members."""
    ensemble = ensemble_of(days, event)
    return np.all([t.holds(t.evaluate(ensemble)) for t in targets], axis=0)


def test_what_is_drawn_meets_rates_limits_and_numbers(true, targets):
    days, event = true
    by = days <= 24 * DAYS_PER_MONTH
    numbers = int((event & by).sum()), int((~event & by).sum())
    standing = Standing(24 * DAYS_PER_MONTH, (numbers,))
    pool = strides.pool(targets, PROTOCOL, N, (standing,))
    rng = np.random.default_rng(1)
    drawn = [(k, pool.draw(int(k), (1, 4000), rng)) for k in pool.numbers for _ in range(4)]
    drawn = [(k, *history) for k, history in drawn if history is not None]
    assert len(drawn) >= 2 * len(pool.numbers)
    events, days, event = (np.array(x) for x in zip(*drawn, strict=True))
    assert (event.sum(axis=1) == events).all()
    assert (np.diff(days, axis=1) >= 0).all()
    rates = [t for t in targets if t.estimand.statistic == "survival"]
    assert held(rates, days, event).all()
    by = days <= standing.day
    assert ((event & by).sum(axis=1) == numbers[0]).all()
    assert ((~event & by).sum(axis=1) == numbers[1]).all()
    for t in (t for t in targets if t.estimand.statistic in ("median", "followup_median")):
        # It falls where it should; the patient whose time it is, is put there afterwards.
        found = t.evaluate(ensemble_of(days, event)).value
        near = Range(t.value.lower - 12, t.value.upper + 12)
        assert inside(found, near).mean() > 0.5
    # Not alike until the first rate: hardly two in the same order.
    first = {tuple(row[: sum(numbers)]) for row in event}
    assert len(first) > 0.9 * len(event)


def test_histories_are_found_with_few_and_many_events(true, targets):
    _, event = true
    found = histories.build(
        "os", targets, PROTOCOL, {}, None, 24, N, np.random.default_rng(1), starts=4
    )
    good = found.loss == 0
    assert good.mean() >= 0.5
    assert held(targets, found.days[good], found.event[good]).all()
    numbers = found.event[good].sum(axis=1)
    assert numbers.min() <= event.sum() <= numbers.max()
    assert len(np.unique(numbers)) >= 3


def test_a_search_keeps_to_what_groups_leave(true, targets):
    """Two groups, the second of whom die later: their rates leave few of the numbers that the cohort's do."""
    days, event = true
    category = next(
        v.name
        for v in PROTOCOL.variables
        if v.type == "category" and len(PROTOCOL.levels(v.name)) == 2
    )
    later = np.argsort(np.argsort(days)) + np.random.default_rng(2).normal(0, 40, N) > N / 2
    time = 24 * DAYS_PER_MONTH
    told = list(targets)
    for level, own in zip(PROTOCOL.levels(category), (~later, later), strict=True):
        group = Estimand.parse(f"n{{{category}={level}}}")
        told.append(Target(group, Range(own.sum(), own.sum()), None, None, ("n",), False))
        ensemble = ensemble_of(days[None, own], event[None, own])
        got = evaluate(Estimand.parse("os.survival(24 months)"), ensemble, intervals=True)
        rate = Estimand.parse(f"os.survival(24 months){{{category}={level}}}")
        ends = (Range(x[0] - 0.0005, x[0] + 0.0005) for x in (got.value, got.lower, got.upper))
        told.append(Target(rate, *ends, ("rate",), False))
    (standing,) = standings(told, "os", PROTOCOL, N)
    assert (
        int((event & (days <= time)).sum()),
        int((~event & (days <= time)).sum()),
    ) in standing.allowed

    def numbers(given):
        found = histories.build(
            "os", given, PROTOCOL, {}, None, 24, N, np.random.default_rng(1), starts=4
        )
        good = found.loss == 0
        assert good.mean() >= 0.5
        by, happened = found.days[good] <= time, found.event[good]
        return set(zip((by & happened).sum(axis=1), (by & ~happened).sum(axis=1), strict=True))

    assert numbers(told) <= set(standing.allowed)
    assert not numbers(targets) <= set(standing.allowed)


def test_a_draw_hangs_on_nothing_but_figures_and_seed(targets):
    pool = strides.pool(targets, PROTOCOL, N)
    first = pool.draw(int(pool.numbers[0]), (1, 4000), np.random.default_rng(7))
    strides._pool.cache_clear()
    again = strides.pool(targets, PROTOCOL, N)
    assert again is not pool
    np.testing.assert_array_equal(again.numbers, pool.numbers)
    second = again.draw(int(pool.numbers[0]), (1, 4000), np.random.default_rng(7))
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)


def test_impossible_figures_and_very_large_cohorts_have_no_pool(targets):
    impossible = Target(
        Estimand.parse("os.survival(24 months)"), Range(0.7, 0.7001), None, None, ("f",), False
    )
    assert strides.pool([impossible], PROTOCOL, 2) is None
    assert strides.pool(targets, PROTOCOL, strides.LARGEST + 1) is None
