"""Rank tests for a measurement in two or more groups.

Sources: Mann & Whitney, Ann Math Stat 1947;18:50; Hodges & Lehmann, Ann Math Stat 1963;34:598;
Hollander & Wolfe, Nonparametric Statistical Methods, section 4.3; conventions of R's `wilcox.test`
and `kruskal.test`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import ndtri

from resarc.errors import DataError
from resarc.survival import inputs
from resarc.survival.results import Estimate, TestResult

# Pairwise differences that are listed at most for the Hodges-Lehmann shift.
_MOST_PAIRS = 10_000_000


@dataclass(frozen=True)
class RankComparison:
    """`test`: U of the first sample (R's W) and p. `shift`: how much larger the first sample is."""

    test: TestResult
    shift: Estimate


def mann_whitney(
    x: Any, y: Any, correction: bool = True, exact: bool | None = None, level: float = 0.95
) -> RankComparison:
    """Two-sided Mann-Whitney test with the Hodges-Lehmann shift (median of x - y over all pairs).

    `exact` None follows R: exact if both samples are below 50 and nothing is tied. Otherwise the
    normal approximation with its tie correction, and a continuity `correction` of 1/2. The shift's
    limits invert the same test. All values equal: p is NaN. More than ten million pairs: the shift
    is NaN.
    """
    from scipy.stats import mannwhitneyu

    inputs.fraction(level, "level")
    first, second = inputs.vector(x, "x"), inputs.vector(y, "y")
    if not (first.size and second.size):
        raise DataError("x, y", f"{first.size} and {second.size} values", "at least one each")
    pooled = np.concatenate([first, second])
    tied = np.unique(pooled).size < pooled.size
    if exact is None:
        exact = not tied and max(first.size, second.size) < 50
    if exact and tied:
        raise DataError("exact", "tied values", "no ties", "Use the normal approximation.")
    if np.unique(pooled).size == 1:
        test = TestResult(first.size * second.size / 2, np.nan, np.nan, "Mann-Whitney")
        return RankComparison(test, Estimate(0.0, method="Hodges-Lehmann"))
    found = mannwhitneyu(
        first, second, use_continuity=correction, method="exact" if exact else "asymptotic"
    )
    how = "exact" if exact else "normal" + (", continuity correction" if correction else "")
    test = TestResult(float(found.statistic), np.nan, float(found.pvalue), f"Mann-Whitney ({how})")
    return RankComparison(test, _shift(first, second, correction, exact, level, how))


def _shift(
    x: np.ndarray, y: np.ndarray, correction: bool, exact: bool, level: float, how: str
) -> Estimate:
    method = f"Hodges-Lehmann ({how})"
    if x.size * y.size > _MOST_PAIRS:
        return Estimate(np.nan, method=method)
    pairs = np.sort(np.subtract.outer(x, y).ravel())
    value = float(np.median(pairs))
    if exact:
        rank = max(_exact_quantile(x.size, y.size, (1 - level) / 2), 1)
        return Estimate(value, float(pairs[rank - 1]), float(pairs[-rank]), method=method)
    z = float(ndtri((1 + level) / 2))
    return Estimate(
        value,
        _crossing(x, y, pairs, z, -0.5 if correction else 0.0),
        _crossing(x, y, pairs, -z, 0.5 if correction else 0.0),
        method=method,
    )


def _exact_quantile(m: int, n: int, probability: float) -> int:
    """Smallest u with P(U <= u) >= probability, U without ties (R's qwilcox)."""
    # Counting by generating function: product over j of (1 - q^(m+j)) / (1 - q^j). Floats are
    # exact to 2^53 and accurate beyond.
    ways = np.zeros(m * n + 1)
    ways[0] = 1.0
    for j in range(1, n + 1):
        ways[m + j :] -= ways[: ways.size - m - j].copy() if m + j < ways.size else 0
        for start in range(j):
            ways[start::j] = np.cumsum(ways[start::j])
    cumulative = np.cumsum(ways) / ways.sum()
    return int(np.searchsorted(cumulative, probability * (1 - 1e-12), side="left"))


def _crossing(
    x: np.ndarray, y: np.ndarray, pairs: np.ndarray, z: float, correction: float
) -> float:
    """The pairwise difference at which the standardised U of x - d against y falls through z.

    Between two neighbouring differences U is constant, so the crossing is at one of them.
    """
    steps = np.unique(pairs)
    middles = (steps[:-1] + steps[1:]) / 2
    m, n = x.size, y.size

    def standardised(d: float) -> float:
        ranks = pd.Series(np.concatenate([x - d, y])).rank()
        u = ranks.iloc[:m].sum() - m * (m + 1) / 2 - m * n / 2 + correction
        ties = ranks.value_counts().to_numpy(dtype=float)
        spread = (m + n + 1) - (ties**3 - ties).sum() / ((m + n) * (m + n - 1))
        return float(u / np.sqrt(m * n / 12 * spread)) if spread > 0 else 0.0

    low, high = 0, middles.size  # the first middle at which U is below z
    while low < high:
        at = (low + high) // 2
        if standardised(float(middles[at])) < z:
            high = at
        else:
            low = at + 1
    return float(steps[low])


def kruskal_wallis(samples: Sequence[Any]) -> TestResult:
    """Kruskal-Wallis test of k samples, corrected for ties; NaN if all values are equal."""
    from scipy.stats import kruskal

    arrays = [inputs.vector(values, f"samples[{i}]") for i, values in enumerate(samples)]
    if len(arrays) < 2 or any(a.size == 0 for a in arrays):
        sizes = [a.size for a in arrays]
        raise DataError("samples", f"samples of sizes {sizes}", "two or more, none empty")
    name = "Kruskal-Wallis"
    df = float(len(arrays) - 1)
    if np.unique(np.concatenate(arrays)).size == 1:
        return TestResult(np.nan, df, np.nan, name)
    found = kruskal(*arrays)
    return TestResult(float(found.statistic), df, float(found.pvalue), name)
