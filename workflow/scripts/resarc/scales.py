"""Scales on which values of studies can be averaged: log for ratios, logit for shares.

The standard error of a value on its scale: a share of n patients has 1 / sqrt(n p (1 - p)); anything
else has the half-width of its confidence interval on that scale over the normal quantile (as in
Parmar, Torri & Stewart, Stat Med 1998;17:2815).
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from resarc.estimand import Estimand

Scale = Literal["logit", "log"]

SCALE_OF: dict[str, Scale] = {"fraction": "logit", "ratio": "log"}
"""The scale for each kind of estimand that has one."""


def to_scale(scale: Scale, values: Any) -> np.ndarray:
    """Values on the scale of analysis, NaN for those that have no place on it (0, 1, infinite)."""
    x = np.asarray(values, dtype=float)
    if scale == "log":
        inside = (x > 0) & np.isfinite(x)
        return np.log(x, where=inside, out=np.full(x.shape, np.nan))
    inside = (x > 0) & (x < 1)
    odds = np.divide(x, 1 - x, where=inside, out=np.full(x.shape, np.nan))
    return np.log(odds, where=inside, out=odds)


def from_scale(scale: Scale, values: Any) -> np.ndarray:
    """Back from the scale of analysis."""
    x = np.asarray(values, dtype=float)
    return np.exp(x) if scale == "log" else 1 / (1 + np.exp(-x))


def standard_error(
    estimand: Estimand, value: Any, lower: Any, upper: Any, n: Any, level: float
) -> np.ndarray:
    """Standard errors on the estimand's scale, NaN where they are not known.

    `lower` and `upper` are confidence limits at `level`, `n` the patients of a share; scalars or
    arrays of one shape. ValueError if the estimand is neither a fraction nor a ratio.
    """
    from scipy.special import ndtri

    scale = SCALE_OF.get(estimand.kind.scale)
    if scale is None:
        raise ValueError(f"{estimand} is neither a fraction nor a ratio")
    x = to_scale(scale, value)
    if estimand.statistic == "proportion":
        p, count = np.asarray(value, dtype=float), np.asarray(n, dtype=float)
        information = np.where(np.isnan(x) | ~(count > 0), np.nan, count * p * (1 - p))
        return 1 / np.sqrt(information)
    width = to_scale(scale, upper) - to_scale(scale, lower)
    width = np.where((width > 0) & ~np.isnan(x), width, np.nan)
    return width / (2 * ndtri((1 + level) / 2))
