"""Intervals for a proportion and for the difference of two.

Sources: Brown, Cai & DasGupta, Stat Sci 2001;16:101; Newcombe, Stat Med 1998;17:873.
"""

from __future__ import annotations

import numpy as np

from resarc.errors import DataError
from resarc.survival import inputs
from resarc.survival.results import Estimate

_STATSMODELS = {
    "wald": "normal",
    "wilson": "wilson",
    "exact": "beta",
    "agresti-coull": "agresti_coull",
    "jeffreys": "jeffreys",
}
METHODS = tuple(_STATSMODELS)


def proportion_interval(
    successes: int, n: int, method: str = "wilson", level: float = 0.95
) -> Estimate:
    """`successes` / `n` with limits by one of `METHODS` (exact: Clopper-Pearson), within 0 to 1.

    Jeffreys limits are 0 at no successes and 1 at all, as Brown, Cai & DasGupta advise. n = 0 gives
    NaN.
    """
    from statsmodels.stats.proportion import proportion_confint

    inputs.one_of(method, METHODS, "method")
    inputs.fraction(level, "level")
    _check(successes, n)
    if n == 0:
        return Estimate(np.nan, method=method)
    low, high = proportion_confint(successes, n, alpha=1 - level, method=_STATSMODELS[method])
    if method == "jeffreys":
        low, high = (0.0 if successes == 0 else low), (1.0 if successes == n else high)
    p = successes / n
    se = float(np.sqrt(p * (1 - p) / n))
    return Estimate(p, float(max(low, 0.0)), float(min(high, 1.0)), se, method=method)


def difference(
    successes: int, n: int, other_successes: int, other_n: int, level: float = 0.95
) -> Estimate:
    """First proportion less the other, with Newcombe's hybrid score limits (his method 10)."""
    from statsmodels.stats.proportion import confint_proportions_2indep

    inputs.fraction(level, "level")
    _check(successes, n)
    _check(other_successes, other_n)
    if n == 0 or other_n == 0:
        return Estimate(np.nan, method="Newcombe")
    low, high = confint_proportions_2indep(
        successes, n, other_successes, other_n, compare="diff", method="newcomb", alpha=1 - level
    )
    p, q = successes / n, other_successes / other_n
    se = float(np.sqrt(p * (1 - p) / n + q * (1 - q) / other_n))
    return Estimate(p - q, float(low), float(high), se, method="Newcombe")


def _check(successes: int, n: int) -> None:
    if not (successes == int(successes) and n == int(n) and 0 <= successes <= n):
        raise DataError("successes", f"{successes} of {n}", "whole numbers, 0 to n")
