"""What groups' rates leave of the numbers of events and censorings of all: never fewer than there are."""

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resarc import protocol as protocols
from resarc.estimand import DAYS_PER_MONTH, Estimand
from resarc.published import Range
from resarc.reconstruct.standings import greenwood_of, standings
from resarc.reconstruct.targets import Target
from resarc.survival import kaplan_meier

pytestmark = pytest.mark.unit

PROTOCOL = protocols.load(Path(__file__).resolve().parents[2] / "config/studies/okayama2022.yaml")
CATEGORY = next(
    v.name for v in PROTOCOL.variables if v.type == "category" and len(PROTOCOL.levels(v.name)) == 2
)
FIRST, SECOND = PROTOCOL.levels(CATEGORY)
DAY = 360


def orders(size, events, censored):
    """The curve and Greenwood's sum of each order of so many events and censorings."""
    for places in combinations(range(events + censored), events):
        at_risk = size - np.array(places, dtype=float)
        yield (1 - 1 / at_risk).prod(), (1 / (at_risk * (at_risk - 1))).sum()


@pytest.mark.parametrize("size", [1, 2, 4, 7, 9])
def test_every_order_lies_between_the_bounds_and_some_on_them(size):
    for events in range(size):
        for censored in range(size - events):
            pair = np.array([events]), np.array([censored])
            found = sorted(orders(size, events, censored))
            for curve, greenwood in found:
                least, most = greenwood_of(size, *pair, curve * (1 - 1e-12), curve * (1 + 1e-12))
                assert least[0] - 1e-9 <= greenwood <= most[0] + 1e-9
            least, most = greenwood_of(size, *pair, found[0][0] * (1 - 1e-12), 1.0)
            assert least[0] == pytest.approx(min(g for _, g in found))
            assert most[0] == pytest.approx(max(g for _, g in found))
            higher = found[-1][0] * (1 + 1e-6)
            if higher < 1:  # no order leaves so high a curve
                assert np.isnan(greenwood_of(size, *pair, higher, 1.0)).all()


def figure(text, low, high, limits=(None, None)):
    return Target(Estimand.parse(text), Range(low, high), *limits, ("f",), False)


def sizes(first, second):
    return [
        figure(f"n{{{CATEGORY}={FIRST}}}", first, first),
        figure(f"n{{{CATEGORY}={SECOND}}}", second, second),
    ]


def test_by_hand():
    # Of two, 50% live on: one has died, nobody is censored before him, or nobody knows of the other.
    # Of the other two nobody has died.
    targets = [
        *sizes(2, 2),
        figure(f"os.survival({DAY} days){{{CATEGORY}={FIRST}}}", 0.5, 0.5),
        figure(f"os.survival({DAY} days){{{CATEGORY}={SECOND}}}", 1.0, 1.0),
    ]
    (found,) = standings(targets, "os", PROTOCOL, 4)
    assert found.day == DAY
    # The last of a group may be censored on that very day.
    assert set(found.allowed) == {(1, c) for c in range(4)}


def test_nothing_is_said_where_patients_are_missing_or_a_size_is_unknown():
    rate = figure(f"os.survival({DAY} days){{{CATEGORY}={FIRST}}}", 0.5, 0.5)
    assert standings([*sizes(2, 2), rate], "os", PROTOCOL, 5) == ()
    assert standings([sizes(2, 2)[0], rate], "os", PROTOCOL, 4) == ()
    assert standings([*sizes(2, 2), rate], "pfs", PROTOCOL, 4) == ()


@given(st.integers(0, 2**32 - 1), st.integers(3, 12), st.integers(3, 12), st.sampled_from((2, 3)))
def test_true_numbers_are_always_left(seed, first, second, digits):
    rng = np.random.default_rng(seed)
    n = first + second
    days = rng.integers(1, 2 * DAY, n)
    event = rng.random(n) < rng.uniform(0.2, 0.9)
    group = np.repeat([FIRST, SECOND], [first, second])
    half = 0.5 * 10.0**-digits
    targets = sizes(first, second)

    def printed(value):
        return Range(round(value, digits) - half, round(value, digits) + half)

    for level in (FIRST, SECOND):
        own = group == level
        steps = kaplan_meier.curve(
            days[own] / DAYS_PER_MONTH, event[own], PROTOCOL.conventions.survival_interval
        )
        at = kaplan_meier.survival_at(steps, DAY / DAYS_PER_MONTH).iloc[0]
        if np.isnan(at["survival"]) or at["survival"] in (0, 1):
            continue
        value = printed(at["survival"])
        ends = [printed(at[side]) for side in ("lower", "upper")]
        estimand = Estimand.parse(f"os.survival({DAY} days){{{CATEGORY}={level}}}")
        targets.append(Target(estimand, value, *ends, ("f",), False))
    by = days <= DAY
    for standing in standings(targets, "os", PROTOCOL, n):
        assert (int((event & by).sum()), int((~event & by).sum())) in standing.allowed
