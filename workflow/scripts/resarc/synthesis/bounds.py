"""The least and the greatest value of a function over a box: the product of identified sets.

A pooled mean need not rise with each study's value. A value that moves away from the others also
raises the variance between studies, which takes weight from the precise ones. So the corners of the
box are not enough: from the best of them, and of points spread within, each side is searched in turn
on ever finer grids.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import numpy as np

MOST_CORNERS = 10
"""Sides of which all corners are tried; of more, the all-low, the all-high and those one step away."""
_INSIDE, _KEPT, _GRID, _SWEEPS = 64, 6, 17, 24
_PRIMES = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53)

Objective = Callable[[np.ndarray], np.ndarray]


def extremes(objective: Objective, lower: np.ndarray, upper: np.ndarray) -> tuple[float, float]:
    """Least and greatest value that the search finds of `objective`, from points (N, m) to values (N,).

    `lower` and `upper` are the ends of the m sides; equal ends are no side. What is found is
    attained, so the true range is never narrower. NaN values are passed over; both are NaN if all are.
    """
    lower, upper = np.asarray(lower, dtype=float), np.asarray(upper, dtype=float)
    free = np.flatnonzero(upper > lower)
    if not len(free):
        value = float(objective(lower[None])[0])
        return value, value
    places = np.concatenate([_corners(len(free)), _spread(len(free))])
    starts = np.repeat(lower[None], len(places), axis=0)
    starts[:, free] = lower[free] + places * (upper[free] - lower[free])
    return (
        _least(objective, starts, lower, upper, free),
        -_least(lambda points: -objective(points), starts, lower, upper, free),
    )


def _least(
    objective: Objective, starts: np.ndarray, lower: np.ndarray, upper: np.ndarray, free: np.ndarray
) -> float:
    values = objective(starts)
    order = np.argsort(np.where(np.isnan(values), np.inf, values), kind="stable")[:_KEPT]
    if np.isnan(values[order[0]]):
        return float("nan")
    points, best = starts[order].copy(), values[order].copy()
    reach = (upper - lower) / 2
    for _ in range(_SWEEPS):
        for side in free:
            low = np.maximum(points[:, side] - reach[side], lower[side])
            high = np.minimum(points[:, side] + reach[side], upper[side])
            tried = np.repeat(points[:, None], _GRID, axis=1)
            tried[:, :, side] = np.linspace(low, high, _GRID, axis=1)
            found = objective(tried.reshape(-1, len(lower))).reshape(len(points), _GRID)
            found = np.where(np.isnan(found), np.inf, found)
            place = found.argmin(axis=1)
            least = found[np.arange(len(points)), place]
            better = least < np.where(np.isnan(best), np.inf, best)
            points[better] = tried[np.arange(len(points)), place][better]
            best = np.where(better, least, best)
        reach = reach / 2
    return float(np.nanmin(best))


def _corners(sides: int) -> np.ndarray:
    """Corners of the unit box."""
    if sides <= MOST_CORNERS:
        return np.array(list(product((0.0, 1.0), repeat=sides)))
    ends = [np.zeros((1, sides)), np.ones((1, sides)), np.eye(sides), 1 - np.eye(sides)]
    return np.concatenate(ends)


def _spread(sides: int) -> np.ndarray:
    """Points spread over the unit box (Halton, Numer Math 1960;2:84), the same ones every time."""
    base = [_PRIMES[i % len(_PRIMES)] for i in range(sides)]
    return np.array([[_radical(i + 1, b) for b in base] for i in range(_INSIDE)])


def _radical(number: int, base: int) -> float:
    """The digits of a number behind the point, in reverse."""
    found, part = 0.0, 1.0
    while number:
        number, digit = divmod(number, base)
        part /= base
        found += digit * part
    return found
