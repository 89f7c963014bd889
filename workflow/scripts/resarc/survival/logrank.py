"""Log-rank tests: plain, weighted, stratified, for trend, and by permutation.

Sources: Mantel, Cancer Chemother Rep 1966;50:163; Peto & Peto, JRSS A 1972;135:185; Tarone & Ware,
Biometrika 1977;64:156; Fleming & Harrington, Counting Processes, ch. 7; Tarone, Biometrika
1975;62:679 (trend); Klein & Moeschberger, Survival Analysis, 2nd ed., ch. 7.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import comb
from typing import Any

import numpy as np
from scipy.special import chdtrc

from resarc.errors import DataError
from resarc.survival import batch, inputs
from resarc.survival.results import TestResult

Weights = str | tuple[str, float, float] | None

TESTS: dict[str, Weights] = {
    "logrank_p": None,
    "wilcoxon_p": "wilcoxon",
    "tarone_ware_p": "tarone-ware",
    "peto_p": ("fleming-harrington", 1.0, 0.0),
}
"""The weights of the tests that estimands name; Peto and Peto's as R's survdiff(rho = 1) has it."""

# Two groups: subsets of one half of the patients that are listed at most.
_MOST_SUBSETS = 2**20
# More groups: arrangements that are listed at most.
_MOST_ARRANGEMENTS = 2_000_000


def logrank(
    time: Any,
    event: Any,
    group: Any,
    weights: Weights = None,
    strata: Any = None,
    variance: str = "hypergeometric",
) -> TestResult:
    """Test that k groups have the same hazard; chi2 on k - 1 degrees of freedom.

    `weights`: None (log-rank), `wilcoxon` (Gehan-Breslow: number at risk), `tarone-ware` (its
    square root), `peto` (Peto-Peto: product of 1 - d/(n+1)), or `("fleming-harrington", rho,
    gamma)` with the pooled Kaplan-Meier curve just before the time; rho = 1, gamma = 0 is R's
    `survdiff(rho = 1)`. `strata` are compared within and summed over. `variance` is
    `hypergeometric`, or `binomial` without its correction for ties.

    `observed` and `expected` are weighted sums. A group that is never at risk at a death adds no
    degree of freedom; NaN if fewer than two groups are left, or nobody died.
    """
    observed, expected, covariance, levels, method = _summed(
        time, event, group, weights, strata, variance
    )
    if len(levels) < 2:
        chi2, df, p = np.nan, 0.0, np.nan
    else:
        chi2, df, p = (
            float(v[0]) for v in batch.quadratic_form((observed - expected)[None], covariance[None])
        )
    return TestResult(
        chi2, df, p, method, levels, tuple(observed.tolist()), tuple(expected.tolist())
    )


def trend(
    time: Any,
    event: Any,
    group: Any,
    scores: Sequence[float] | None = None,
    weights: Weights = None,
    strata: Any = None,
) -> TestResult:
    """Log-rank test for trend over ordered groups, 1 degree of freedom.

    `scores` has one number per group, in the order of the labels (sorted, or as the categories);
    default 1, 2, ..., k. `details` holds the direction: positive if hazard rises with the score.
    """
    observed, expected, covariance, levels, method = _summed(time, event, group, weights, strata)
    a = np.arange(1.0, len(levels) + 1)
    if scores is not None:
        a = inputs.vector(scores, "scores", size=len(levels))
    excess = float(a @ (observed - expected))
    variance = float(a @ covariance @ a)
    defined = variance > 1e-12 * float(a**2 @ np.diag(covariance))
    chi2 = excess**2 / variance if defined else np.nan
    return TestResult(
        chi2,
        1.0 if defined else 0.0,
        float(chdtrc(1, chi2)) if defined else np.nan,
        f"{method}, trend",
        levels,
        tuple(observed.tolist()),
        tuple(expected.tolist()),
        (("direction", float(np.sign(excess))), ("scores", tuple(a.tolist()))),
    )


def exact_logrank(
    time: Any,
    event: Any,
    group: Any,
    n_permutations: int | None = None,
    rng: np.random.Generator | None = None,
) -> TestResult:
    """Log-rank test by permutation of the group labels, with log-rank (Savage) scores.

    Observed less expected deaths of a group are the sum of its patients' scores (event less
    Nelson-Aalen hazard), so the permutation distribution needs no refit. Valid if follow-up does
    not depend on the group. Source: Heinze, Gnant & Schemper, Biometrics 2003;59:1151 (exact
    log-rank test for equal follow-up).

    Every arrangement is counted where that is feasible (two groups of up to 40 patients, or a small
    one of more; more groups with up to two million arrangements) and `n_permutations` is None or
    0. Otherwise `n_permutations` (default 9999) random ones from `rng`, which is then required,
    with p = (1 + as extreme) / (1 + drawn). The statistic is the permutation chi2, (n - 1) /
    sum(score^2) x sum over groups of (O - E)^2 / size. `details` holds `arrangements` (counted or
    drawn), `exact`, and `monte_carlo_error`, the standard error of p from drawing (0 if exact).
    """
    times, events = inputs.follow_up(time, event)
    codes, levels = inputs.labels(group, size=times.size)
    scores = logrank_scores(times, events)
    sizes = np.bincount(codes, minlength=len(levels))
    excess = np.bincount(codes, weights=scores, minlength=len(levels))
    observed = np.bincount(codes, weights=events, minlength=len(levels))
    spread = float(scores @ scores)
    name = "log-rank permutation"
    if len(levels) < 2 or spread < 1e-12:
        return TestResult(
            np.nan,
            0.0,
            np.nan,
            name,
            levels,
            tuple(observed.tolist()),
            tuple((observed - excess).tolist()),
        )
    factor = (times.size - 1) / spread
    chi2 = float(factor * (excess**2 / sizes).sum())
    exact, error = not n_permutations and _feasible(sizes), 0.0
    if exact and len(levels) == 2:
        p, count = _share_as_extreme(scores, int(sizes.min()), abs(float(excess[0])))
    elif exact:
        sums = _arrangements(scores, sizes)
        every = (sums**2 / sizes).sum(axis=1)
        p, count = float((factor * every >= chi2 - 1e-9 * max(1.0, chi2)).mean()), len(sums)
    else:
        if rng is None:
            raise DataError("rng", "None", "a random generator, because labels are permuted")
        count = n_permutations or 9999
        tolerance = 1e-9 * max(1.0, chi2)
        extreme = 0
        for _ in range(count):
            drawn = np.bincount(codes, weights=rng.permutation(scores), minlength=len(levels))
            extreme += factor * (drawn**2 / sizes).sum() >= chi2 - tolerance
        p = (1 + extreme) / (1 + count)
        error = float(np.sqrt(p * (1 - p) / count))
    return TestResult(
        chi2,
        float(len(levels) - 1),
        float(p),
        f"{name} ({'exact' if exact else 'Monte Carlo'})",
        levels,
        tuple(observed.tolist()),
        tuple((observed - excess).tolist()),
        (("arrangements", int(count)), ("exact", exact), ("monte_carlo_error", error)),
    )


def logrank_scores(times: np.ndarray, events: np.ndarray) -> np.ndarray:
    """Event less Nelson-Aalen cumulative hazard of each patient (n,); they sum to 0."""
    distinct, place = np.unique(times, return_inverse=True)
    died = np.bincount(place, weights=events, minlength=distinct.size)
    at_risk = np.bincount(place, minlength=distinct.size)[::-1].cumsum()[::-1]
    return events - (died / at_risk).cumsum()[place]


def _feasible(sizes: np.ndarray) -> bool:
    """Whether all arrangements of groups of these sizes can be counted."""
    n = int(sizes.sum())
    if sizes.size == 2:
        subsets = sum(comb(n - n // 2, taken) for taken in range(int(sizes.min()) + 1))
        return subsets <= _MOST_SUBSETS
    arrangements, left = 1, n
    for size in sizes:
        arrangements *= comb(left, int(size))
        left -= int(size)
    return arrangements <= _MOST_ARRANGEMENTS


def _arrangements(scores: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Sums of scores by group in every arrangement, (arrangements, groups): one patient by one."""
    left, sums = sizes[None].copy(), np.zeros((1, sizes.size))
    for score in scores:
        parts = []
        for g in range(sizes.size):
            room = left[:, g] > 0
            fewer, more = left[room], sums[room]
            fewer[:, g] -= 1
            more[:, g] += score
            parts.append((fewer, more))
        left = np.concatenate([fewer for fewer, _ in parts])
        sums = np.concatenate([more for _, more in parts])
    return sums


def _share_as_extreme(scores: np.ndarray, size: int, excess: float) -> tuple[float, int]:
    """Share of all subsets of `size` patients whose |sum of scores| is at least `excess`.

    Subsets of either half are listed by size and sorted; each pair of lists is then counted by
    bisection, so 40 patients (10^11 arrangements) need 2^21 sums.
    """
    half = scores.size // 2
    left, right = _subset_sums(scores[:half], size), _subset_sums(scores[half:], size)
    bound = excess - 1e-9 * max(1.0, excess)
    extreme = total = 0
    for taken, sums in enumerate(left):
        if not 0 <= size - taken < len(right):
            continue
        others = np.sort(right[size - taken])
        total += sums.size * others.size
        if bound <= 0:
            extreme += sums.size * others.size
            continue
        extreme += int((others.size - np.searchsorted(others, bound - sums, "left")).sum())
        extreme += int(np.searchsorted(others, -bound - sums, "right").sum())
    return extreme / total, total


def _subset_sums(values: np.ndarray, most: int) -> list[np.ndarray]:
    """Sums of all subsets, by their size 0 to `most` (or to n)."""
    sums = [np.zeros(1)]
    for value in values:
        grown = [sums[0]]
        grown += [
            np.concatenate([same, fewer + value])
            for same, fewer in zip(sums[1:], sums[:-1], strict=True)
        ]
        if len(sums) <= most:
            grown.append(sums[-1] + value)
        sums = grown
    return sums


def _summed(
    time: Any,
    event: Any,
    group: Any,
    weights: Weights,
    strata: Any,
    variance: str = "hypergeometric",
) -> tuple[np.ndarray, np.ndarray, np.ndarray, tuple[Any, ...], str]:
    """Observed, expected and covariance over strata, the groups' labels, and the test's name."""
    times, events = inputs.follow_up(time, event)
    codes, levels = inputs.labels(group, size=times.size)
    weight, method = weighting(weights)
    stratum = np.zeros(times.size, dtype=int)
    if strata is not None:
        stratum, _ = inputs.labels(strata, size=times.size, name="strata")
        method += ", stratified"
    k = len(levels)
    observed, expected, covariance = np.zeros(k), np.zeros(k), np.zeros((k, k))
    for s in range(stratum.max() + 1):
        inside = stratum == s
        o, e, v = batch.logrank_parts(
            times[inside], events[inside], codes[inside], k, weight=weight, variance=variance
        )
        observed, expected, covariance = observed + o[0], expected + e[0], covariance + v[0]
    return observed, expected, covariance, levels, method


def weighting(weights: Weights) -> tuple[Callable[..., np.ndarray] | None, str]:
    """The function of `batch.logrank_parts` that gives the weights of `logrank`, and the test's name."""
    if weights is None:
        return None, "log-rank"
    if weights == "wilcoxon":
        return lambda n, d, order: n, "Gehan-Breslow-Wilcoxon"  # noqa: ARG005
    if weights == "tarone-ware":
        return lambda n, d, order: np.sqrt(n), "Tarone-Ware"  # noqa: ARG005
    if weights == "peto":
        return _peto, "Peto-Peto"
    if isinstance(weights, tuple) and len(weights) == 3 and weights[0] == "fleming-harrington":
        _, rho, gamma = weights
        if rho < 0 or gamma < 0:
            raise DataError("weights", repr(weights), "rho and gamma of at least 0")

        def fleming_harrington(n: np.ndarray, d: np.ndarray, order: batch.RiskOrder) -> np.ndarray:
            before = _product_before(1 - d / np.maximum(n, 1.0), d, order)
            return before**rho * (1 - before) ** gamma

        return fleming_harrington, f"Fleming-Harrington ({rho:g}, {gamma:g})"
    raise DataError(
        "weights",
        repr(weights),
        "None, 'wilcoxon', 'tarone-ware', 'peto' or ('fleming-harrington', rho, gamma)",
    )


def _peto(n: np.ndarray, d: np.ndarray, order: batch.RiskOrder) -> np.ndarray:
    """Peto and Peto's survival estimate, the time's own deaths included."""
    factor = 1 - d / (n + 1)
    return factor * _product_before(factor, d, order)


def _product_before(factor: np.ndarray, d: np.ndarray, order: batch.RiskOrder) -> np.ndarray:
    """Product of the factors of all earlier times with a death."""
    end = order.last == np.arange(order.time.shape[1])
    after = np.cumprod(np.where(end & (d > 0), factor, 1.0), axis=1)
    before = np.hstack([np.ones((len(after), 1)), after[:, :-1]])
    return order.at_first(before)
