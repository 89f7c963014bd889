"""Rounding of counts, and what a rounded count still tells: the whole numbers it may stand for.

Source: OpenSAFELY, "Statistical disclosure control" (https://docs.opensafely.org/outputs/sdc/):
counts of 7 or fewer are redacted, others rounded to 5; rates and survival curves from counts at the
midpoint of 6.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

import numpy as np

from resarc.settings import Disclosure


@dataclass(frozen=True)
class Window:
    """The whole numbers from `lower` to `upper`, both included."""

    lower: float
    upper: float


def to_nearest(count: np.ndarray | int, base: int) -> np.ndarray:
    """The nearest multiple of the base; halves go up."""
    return base * ((2 * np.asarray(count, dtype=int) + base) // (2 * base))


def to_midpoint(count: np.ndarray | int, base: int) -> np.ndarray:
    """The midpoint of the count's group of so many: of 6, 0 stays 0, 1 to 6 give 3, 7 to 12 give 9."""
    count = np.asarray(count, dtype=int)
    return np.where(count == 0, 0, -(-count // base) * base - base // 2)


def suppressed(rule: Disclosure) -> Window:
    """What is known of a count that is suppressed because it is small."""
    return Window(0, rule.threshold)


def hidden(rule: Disclosure) -> Window:
    """What is known of a count that is suppressed to protect another."""
    return Window(rule.threshold + 1, inf)


def released(count: int, rule: Disclosure, *, events: bool = False) -> int:
    """The count as it is released, if it is: events at a midpoint, patients at a multiple."""
    if events:
        return int(to_midpoint(count, rule.curve_rounding))
    return int(to_nearest(count, rule.rounding))


def told(value: int, rule: Disclosure, *, events: bool = False) -> Window:
    """The counts for which `released` gives this value, of those that are not suppressed."""
    base = rule.curve_rounding if events else rule.rounding
    if events:
        upper = value + base // 2
        lower = upper - base + 1
    else:
        lower = -((base - 2 * value) // 2)  # the least whole number of at least value - base / 2
        upper = lower + base - 1
    return Window(max(lower, rule.threshold + 1), upper)
