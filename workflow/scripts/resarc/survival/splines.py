"""Restricted cubic splines: a number's effect without a cut-off, linear beyond the outer knots.

Source: Harrell, Regression Modeling Strategies, 2nd ed., section 2.4.5 (basis, in his normalised
form, and quantiles at which knots are placed).
"""

from __future__ import annotations

import numpy as np

QUANTILES = {3: (0.10, 0.50, 0.90), 4: (0.05, 0.35, 0.65, 0.95), 5: (0.05, 0.275, 0.5, 0.725, 0.95)}
"""Where knots are placed, by their number."""


def number_of_knots(n: int) -> int:
    """Three knots below 50 patients, four below 100, else five."""
    return 3 if n < 50 else 4 if n < 100 else 5


def knots(values: np.ndarray, number: int) -> np.ndarray:
    """Knots (M, number) at the quantiles of each row's known values; NaN where there are none."""
    known = ~np.isnan(values)
    ordered = np.sort(values, axis=1)  # NaN come last
    last = np.maximum(known.sum(axis=1, keepdims=True) - 1, 0)
    at = np.array(QUANTILES[number]) * last
    below = np.floor(at).astype(int)
    low = np.take_along_axis(ordered, below, axis=1)
    high = np.take_along_axis(ordered, np.minimum(below + 1, last), axis=1)
    return low + (at - below) * (high - low)


def basis(x: np.ndarray, knots: np.ndarray) -> np.ndarray:
    """Columns (M, n, k - 1) of x (M, n): x itself, then k - 2 cubic terms for k knots (M, k).

    Knots must increase; rows where they do not get NaN in the cubic columns.
    """
    x, t = np.asarray(x, dtype=float), np.asarray(knots, dtype=float)
    last, before = t[:, -1:], t[:, -2:-1]
    increasing = (np.diff(t, axis=1) > 0).all(axis=1)[:, None]

    def cube(at: np.ndarray) -> np.ndarray:
        return np.maximum(x - at, 0.0) ** 3

    columns = [x]
    with np.errstate(divide="ignore", invalid="ignore"):
        for j in range(t.shape[1] - 2):
            knot = t[:, j : j + 1]
            term = cube(knot) - (cube(before) * (last - knot) - cube(last) * (before - knot)) / (
                last - before
            )
            columns.append(np.where(increasing, term / (last - t[:, :1]) ** 2, np.nan))
    return np.stack(columns, axis=2)
