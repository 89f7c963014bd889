"""Dates of one patient, in days of the calendar, under bounds on dates and on their differences.

Bounds of the form low ≤ b - a ≤ high are a system of difference constraints; the shortest paths
between its dates give the tightest bounds that follow, and whole numbers stay whole (Cormen,
Leiserson, Rivest, Stein, "Introduction to Algorithms", 3rd ed., section 24.4). So dates can be
chosen one after the other, each within its bounds, and never run into a contradiction.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

_NEAR = 90
"""Days: a date that nothing else ties down lies this near to the anchor if it can."""


class Calendar:
    """The bounds between some named dates, and between each of them and day 0 of the calendar."""

    def __init__(self, names: Sequence[str]) -> None:
        self.place = {"": 0} | {name: i for i, name in enumerate(names, start=1)}
        size = len(self.place)
        self.latest = np.full((size, size), np.inf)
        """`latest[a, b]`: the largest b - a."""
        np.fill_diagonal(self.latest, 0)

    def bound(self, first: str, second: str, low: float = -np.inf, high: float = np.inf) -> None:
        """low ≤ second - first ≤ high in days; "" is day 0. A date that is absent is not bound."""
        if first in self.place and second in self.place:
            a, b = self.place[first], self.place[second]
            self.latest[a, b] = min(self.latest[a, b], high)
            self.latest[b, a] = min(self.latest[b, a], -low)

    def tighten(self) -> bool:
        """Draw every conclusion; whether the bounds can be met."""
        for k in range(len(self.latest)):
            self.latest = np.minimum(self.latest, self.latest[:, k, None] + self.latest[None, k])
        return bool((np.diag(self.latest) >= 0).all())

    def draw(
        self, anchor: str | None, earliest: Iterable[str], rng: np.random.Generator
    ) -> dict[str, int]:
        """One day for each date, after `tighten`.

        The anchor is uniform within its bounds. Dates of `earliest` take the first day they can;
        all others are uniform, within `_NEAR` days of the anchor (or, without an anchor, of the
        first date) where that is possible. Every date needs an upper bound.
        """
        names = [name for name in self.place if name]
        earliest = [name for name in earliest if name in self.place]
        others = [name for name in names if name != anchor and name not in earliest]
        days: dict[str, int] = {}
        for name in [*([anchor] if anchor in self.place else []), *earliest, *others]:
            node = self.place[name]
            low, high = -self.latest[node, 0], self.latest[0, node]
            if name in earliest and np.isfinite(low):
                high = low
            elif name != anchor:
                low, high = _near(low, high, days.get(anchor, next(iter(days.values()), None)))
            days[name] = int(rng.integers(int(low), int(high) + 1))
            self.bound("", name, days[name], days[name])
            via = self.latest[:, node, None] + self.latest[None, node]
            self.latest = np.minimum(self.latest, via)
            via = self.latest[:, 0, None] + self.latest[None, 0]
            self.latest = np.minimum(self.latest, via)
        return days


def _near(low: float, high: float, centre: int | None) -> tuple[float, float]:
    if centre is None:
        return max(low, high - 100 * _NEAR), high
    if low > centre + _NEAR:
        return low, min(high, low + _NEAR)
    if high < centre - _NEAR:
        return max(low, high - _NEAR), high
    return max(low, centre - _NEAR), min(high, centre + _NEAR)
