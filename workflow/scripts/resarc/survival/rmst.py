"""Restricted mean survival time.

Sources: Irwin, J Hyg 1949;47:188; Royston & Parmar, BMC Med Res Methodol 2013;13:152; standard
error as in R's `print(survfit, rmean=)`: the sum over deaths of (area to the right)^2 d/(n(n-d)).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import ndtr, ndtri

from resarc.errors import DataError
from resarc.survival import batch, inputs
from resarc.survival.results import Estimate


def rmst(time: Any, event: Any, tau: float, level: float = 0.95) -> Estimate:
    """Mean time alive within the first `tau`: the area under the Kaplan-Meier curve.

    Normal limits. NaN if `tau` is beyond the last follow-up, unless S has reached 0 by then.
    """
    inputs.fraction(level, "level")
    if not (np.isfinite(tau) and tau > 0):
        raise DataError("tau", f"{tau!r}", "a time above 0")
    times, events = inputs.follow_up(time, event)
    value, se = (float(v[0]) for v in batch.rmst_at(times[None], events[None], None, tau))
    return _normal(value, se, level, f"RMST to {tau:g}")


def rmst_difference(
    time: Any, event: Any, group: Any, tau: float, level: float = 0.95, reference: Any = None
) -> Estimate:
    """RMST of the other group less that of `reference` (default: the first label), with p (normal).

    Exactly two groups. NaN where either group's RMST is.
    """
    times, events = inputs.follow_up(time, event)
    codes, levels = inputs.labels(group, size=times.size)
    if len(levels) != 2:
        raise DataError("group", f"{len(levels)} groups", "two")
    reference = levels[0] if reference is None else reference
    inputs.one_of(reference, levels, "reference")
    base = codes == levels.index(reference)
    other = rmst(times[~base], events[~base], tau, level)
    base_value = rmst(times[base], events[base], tau, level)
    return _normal(
        other.value - base_value.value,
        float(np.hypot(other.se, base_value.se)),
        level,
        f"difference in RMST to {tau:g}",
        test=True,
    )


def _normal(value: float, se: float, level: float, method: str, test: bool = False) -> Estimate:
    width = float(ndtri((1 + level) / 2)) * se
    p = float(2 * ndtr(-abs(value) / se)) if test and se > 0 else np.nan
    return Estimate(value, value - width, value + width, se, p, method)
