"""Intervals for a proportion and for the difference of two.

Written out: statsmodels has the same, but takes longer to load than an analysis takes, and a test
holds the two together.

Sources: Brown, Cai & DasGupta, Stat Sci 2001;16:101; Newcombe, Stat Med 1998;17:873.
"""

from __future__ import annotations

import numpy as np
from scipy.special import betainccinv, betaincinv, ndtri

from resarc.errors import DataError
from resarc.survival import inputs
from resarc.survival.results import Estimate


def proportion_interval(
    successes: int, n: int, method: str = "wilson", level: float = 0.95
) -> Estimate:
    """`successes` / `n` with limits by one of `METHODS` (exact: Clopper-Pearson), within 0 to 1.

    Jeffreys limits are 0 at no successes and 1 at all, as Brown, Cai & DasGupta advise. n = 0 gives
    NaN.
    """
    inputs.one_of(method, METHODS, "method")
    inputs.fraction(level, "level")
    _check(successes, n)
    if n == 0:
        return Estimate(np.nan, method=method)
    low, high = _LIMITS[method](successes, n, (1 - level) / 2)
    p = successes / n
    se = float(np.sqrt(p * (1 - p) / n))
    return Estimate(p, float(max(low, 0.0)), float(min(high, 1.0)), se, method=method)


def _wald(x: int, n: int, tail: float) -> tuple[float, float]:
    half = -ndtri(tail) * np.sqrt(x / n * (1 - x / n) / n)
    return x / n - half, x / n + half


def _wilson(x: int, n: int, tail: float) -> tuple[float, float]:
    p, z = x / n, -ndtri(tail)
    share = 1 + z**2 / n
    centre = (p + z**2 / (2 * n)) / share
    half = z * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2)) / share
    return centre - half, centre + half


def _agresti_coull(x: int, n: int, tail: float) -> tuple[float, float]:
    z = -ndtri(tail)
    more = n + z**2
    p = (x + z**2 / 2) / more
    half = z * np.sqrt(p * (1 - p) / more)
    return p - half, p + half


def _exact(x: int, n: int, tail: float) -> tuple[float, float]:
    low = betaincinv(x, n - x + 1, tail) if x > 0 else 0.0
    return low, betainccinv(x + 1, n - x, tail) if x < n else 1.0


def _jeffreys(x: int, n: int, tail: float) -> tuple[float, float]:
    a, b = x + 0.5, n - x + 0.5
    return betaincinv(a, b, tail) if x > 0 else 0.0, betainccinv(a, b, tail) if x < n else 1.0


_LIMITS = {
    "wald": _wald,
    "wilson": _wilson,
    "exact": _exact,
    "agresti-coull": _agresti_coull,
    "jeffreys": _jeffreys,
}
METHODS = tuple(_LIMITS)


def difference(
    successes: int, n: int, other_successes: int, other_n: int, level: float = 0.95
) -> Estimate:
    """First proportion less the other, with Newcombe's hybrid score limits (his method 10)."""
    one = proportion_interval(successes, n, "wilson", level)
    other = proportion_interval(other_successes, other_n, "wilson", level)
    if n == 0 or other_n == 0:
        return Estimate(np.nan, method="Newcombe")
    p, q = one.value, other.value
    low = p - q - np.hypot(p - one.lower, other.upper - q)
    high = p - q + np.hypot(one.upper - p, q - other.lower)
    se = float(np.hypot(one.se, other.se))
    return Estimate(p - q, float(low), float(high), se, method="Newcombe")


def _check(successes: int, n: int) -> None:
    if not (successes == int(successes) and n == int(n) and 0 <= successes <= n):
        raise DataError("successes", f"{successes} of {n}", "whole numbers, 0 to n")
