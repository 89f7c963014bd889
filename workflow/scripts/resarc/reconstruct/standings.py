"""How many of all patients may have had the event, and been censored, by a landmark: what groups say.

A rate and its limits, of a group whose size is known, leave few numbers of events and censorings before
that time. Where the levels of a category hold all patients, the numbers of the whole cohort are sums of
such; of several categories, numbers that are sums of each. A history with other numbers may print every
figure of the whole cohort, and yet no labels give the groups theirs.

Of a group of n with d events and c censorings before the landmark, the curve S and Greenwood's sum G
hang on their order alone. Each event adds f = log(y / (y - 1)) to -log S and h(f) = 1 / (y (y - 1)) =
2 cosh f - 2 to G, with y at risk; h is convex. So, for the same curve, G is largest where events come
first or last (some number first, all others last: the concave hull of these d + 1 points), and smallest
where they come as near to one y as each can (tangents of that convex curve). Both are bounds for every
order; what they leave may still be a little more than there is.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from resarc.estimand import DAYS_PER_MONTH, Duration
from resarc.protocol import Protocol
from resarc.reconstruct import orders
from resarc.reconstruct.orders import Conventions, Landmark, Standing
from resarc.reconstruct.targets import EDGE, Target, inside

RATES = ("survival", "crude_rate", "followed_rate", "at_risk")
"""Statistics at a time that say something of how many are gone by then."""

_LAST_BITS = 1e-9


def standings(
    targets: list[Target], endpoint: str, protocol: Protocol, patients: int
) -> tuple[Standing, ...]:
    """What the rates of groups leave of the whole cohort's numbers, in the order of time; only of times at
    which they leave less than all, and no time at which they leave none (then they are in conflict, and
    some are set aside)."""
    own = tuple(
        t
        for t in targets
        if len(t.estimand.where) == 1
        and not t.claim
        and not t.estimand.by
        and t.estimand.where[0].variable not in protocol.endpoint_names
        and (t.estimand.statistic == "n" or t.estimand.subject == endpoint)
        and t.estimand.statistic in ("n", *RATES)
    )
    levels = tuple(
        (v, tuple(protocol.levels(v))) for v in sorted({t.estimand.where[0].variable for t in own})
    )
    return _standings(own, levels, Conventions.of(protocol), patients)


@lru_cache(maxsize=256)
def _standings(
    targets: tuple[Target, ...],
    levels: tuple[tuple[str, tuple[str, ...]], ...],
    conventions: Conventions,
    patients: int,
) -> tuple[Standing, ...]:
    """It depends on its arguments only, so that any process finds the same."""
    of: dict[tuple[str, str], list[Target]] = {}
    for target in targets:
        where = target.estimand.where[0]
        of.setdefault((where.variable, where.level), []).append(target)
    possible: dict[Duration, np.ndarray] = {}
    for variable, names in levels:
        parts = [of.get((variable, name), []) for name in names]
        sizes = [_size(part) for part in parts]
        if None in sizes or sum(sizes) != patients:
            continue
        times = {t.estimand.argument for part in parts for t in part} - {None}
        for time in times:
            total = np.ones((1, 1), dtype=bool)
            for size, part in zip(sizes, parts, strict=True):
                own = [t for t in part if t.estimand.argument == time]
                total = _sums(total, _numbers(size, own, conventions))
            possible[time] = possible.get(time, True) & total
    found = []
    for time in sorted(possible, key=lambda time: (time.months, str(time))):
        pairs = np.argwhere(possible[time])
        if 0 < len(pairs) < (patients + 1) * (patients + 2) // 2:
            day = time.months * DAYS_PER_MONTH
            found.append(Standing(day, tuple((int(d), int(c)) for d, c in pairs)))
    return tuple(found)


def _size(targets: list[Target]) -> int | None:
    """The size of a group, if it is printed exactly."""
    for target in targets:
        if target.estimand.statistic == "n":
            low = int(np.ceil(target.value.lower - EDGE))
            high = int(np.floor(target.value.upper + EDGE))
            return low if low == high else None
    return None


def _sums(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Which pairs are the sum of a pair of the one table and a pair of the other."""
    found = np.zeros(np.add(first.shape, second.shape) - 1, dtype=bool)
    few, many = (first, second) if first.sum() < second.sum() else (second, first)
    for d, c in np.argwhere(few):
        found[d : d + many.shape[0], c : c + many.shape[1]] |= many
    return found


def _numbers(size: int, targets: list[Target], conventions: Conventions) -> np.ndarray:
    """Which numbers of events and censorings (n + 1, n + 1) a group of n may have had by the time of these
    figures."""
    events, censored = np.indices((size + 1, size + 1))
    at_risk = size - events - censored
    good = at_risk >= 0
    for target in targets:
        statistic, value = target.estimand.statistic, target.value
        if statistic == "survival":
            good &= _of_curve(size, target, conventions)
        elif statistic == "crude_rate":
            good &= inside(at_risk / size, value)
        elif statistic == "followed_rate" and not _is_a_day(target):
            followed = np.where(at_risk + events > 0, at_risk + events, 1)
            good &= inside(at_risk / followed, value)
        elif statistic == "at_risk":  # who is gone on that very day is still at risk
            good &= at_risk <= value.upper + EDGE
    return good


def _is_a_day(target: Target) -> bool:
    """Whether somebody may be censored at that very time, who is gone then and yet was followed so long."""
    day = target.estimand.time * DAYS_PER_MONTH
    return abs(day - round(day)) < EDGE


def _of_curve(size: int, target: Target, conventions: Conventions) -> np.ndarray:
    """Which numbers of events and censorings (n + 1, n + 1) a group of n may have had, by its curve and the
    curve's limits."""
    stop = Landmark(0.0)
    stop.between(*orders.ends(target.value))
    if target.lower is not None or target.upper is not None:
        stop.limits.append(orders.limited(target, conventions))
    low, least, high, most = stop.box()
    good = np.zeros((size + 1, size + 1), dtype=bool)
    if low <= 0:  # all have died by then, or nobody knows
        return ~good
    events, censored = np.indices(good.shape)
    alive = events + censored < size
    events, censored = events[alive], censored[alive]
    fewest, greatest = greenwood_of(size, events, censored, low, high)
    # NaN where the curve cannot be so: no comparison holds.
    good[events, censored] = (fewest <= most + _LAST_BITS) & (greatest >= least - _LAST_BITS)
    # Whoever is last and censored on that very day is still there when the curve is read.
    for events in range(size):
        good[events, size - events] |= good[events, size - events - 1]
    return good


def greenwood_of(
    size: int, events: np.ndarray, censored: np.ndarray, low: float, high: float
) -> tuple[np.ndarray, np.ndarray]:
    """The least and the greatest Greenwood's sum (N,) of a group of `size` with so many `events` and
    `censored` (N,) before a time, if the curve is between `low` (above 0) and `high` then; NaN where it
    cannot be, and where nobody lives beyond the time."""
    fewest, greatest = np.full((2, events.size), np.nan)
    # The curve where events come first, and where they come last: all orders lie between.
    with np.errstate(divide="ignore", invalid="ignore"):
        first = np.log(size / (size - events))
        last = np.log((size - censored) / (size - events - censored))
    least = np.maximum(-np.log(min(high, 1.0)), first)
    most = np.minimum(-np.log(low), last)
    rows = np.flatnonzero((events + censored < size) & (least <= most + _LAST_BITS))
    if not rows.size:
        return fewest, greatest
    n, d, c = size, events[rows, None], censored[rows, None]
    least, most = least[rows, None], most[rows, None]
    # The greatest sum: k events first, the others last; on a chord between two neighbours.
    k = np.maximum(d - np.arange(d.max() + 1), 0)
    fallen = np.log(n / (n - k)) + np.log((n - c - k) / (n - c - d))
    greenwood = 1 / (n - k) - 1 / n + 1 / (n - c - d) - 1 / (n - c - k)
    place = np.clip((fallen <= most).sum(axis=1) - 1, 0, k.shape[1] - 1)[:, None]
    after = np.minimum(place + 1, k.shape[1] - 1)
    x, y = (np.take_along_axis(t, place, axis=1)[:, 0] for t in (fallen, greenwood))
    more_x, more_y = (np.take_along_axis(t, after, axis=1)[:, 0] for t in (fallen, greenwood))
    width = more_x - x
    share = np.divide(most[:, 0] - x, width, out=np.zeros_like(x), where=width > 0)
    greatest[rows] = y + np.clip(share, 0.0, 1.0) * (more_y - y)
    # The least sum: every event with y at risk, or as near to it as it can come. Those that cannot have
    # so many at risk even if all events come first, and those that cannot have so few.
    y = np.arange(2, n + 1)
    above = np.clip(n - c - y, 0, d)
    below = d - np.clip(n + 1 - y, 0, d)
    middle, step = d - above - below, np.log(y / (y - 1))
    fallen = np.log((n - c) / (n - c - above)) + np.log((n - d + below) / (n - d)) + middle * step
    greenwood = 1 / (n - c - above) - 1 / (n - c) + 1 / (n - d) - 1 / (n - d + below)
    greenwood = greenwood + middle / (y * (y - 1))
    fewest[rows] = (greenwood + 2 * np.sinh(step) * (least - fallen)).max(axis=1, initial=0.0)
    return fewest, greatest
