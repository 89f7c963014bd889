"""How far two groups lie apart in one variable, in units of its spread: standardised differences.

Never negative and free of sample size, so that they describe a cohort where a test would ask
another question. Unlike p-values they do not shrink or grow with the number of patients.

Sources: Austin, Stat Med 2009;28:3083 (numbers and categories of two levels); Yang & Dalton, SAS
Global Forum 2012, paper 335 (any number of levels).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from resarc.errors import DataError


def difference_of_numbers(first: Any, second: Any) -> float:
    """|m1 - m2| / sqrt((s1² + s2²) / 2), with s² the variances over n - 1.

    Arrays (n1,) and (n2,) without missing values. 0 where neither group varies and the means are
    equal; NaN where they differ then, or where a group has fewer than two patients.
    """
    one, other = (np.asarray(values, dtype=float) for values in (first, second))
    if min(one.size, other.size) < 2:
        return float("nan")
    (mean, variance), (other_mean, other_variance) = map(_moments, (one, other))
    spread = np.sqrt((variance + other_variance) / 2)
    if spread > 0:
        return float(abs(mean - other_mean) / spread)
    return 0.0 if mean == other_mean else float("nan")


def _moments(values: np.ndarray) -> tuple[float, float]:
    """Mean and variance; those of equal values exactly, which a sum in floats may miss."""
    if values.min() == values.max():
        return float(values[0]), 0.0
    return float(values.mean()), float(values.var(ddof=1))


def difference_of_shares(table: Any) -> float:
    """Mahalanobis distance of the shares p of a category in two groups, of any number of levels.

    sqrt((p1 - p2)' S^-1 (p1 - p2)), S the mean of the two groups' multinomial covariances, one level
    left out (which one makes no difference). With two levels this is
    |p1 - p2| / sqrt((p1 (1 - p1) + p2 (1 - p2)) / 2). `table` holds counts (levels, 2). Levels that
    nobody has are left out. NaN if a group is empty, or if the groups share no level: the distance
    is then infinite.
    """
    counts = np.asarray(table, dtype=float)
    if counts.ndim != 2 or counts.shape[1] != 2:
        raise DataError("table", f"shape {counts.shape}", "counts of levels (rows) in two groups")
    counts = counts[counts.any(axis=1)]
    size = counts.sum(axis=0)
    if (size == 0).any() or not (counts > 0).all(axis=1).any():
        return float("nan")
    p = (counts / size)[1:]
    if not len(p):
        return 0.0
    covariance = sum(np.diag(q) - np.outer(q, q) for q in p.T) / 2
    apart = p[:, 0] - p[:, 1]
    return float(np.sqrt(max(apart @ np.linalg.solve(covariance, apart), 0.0)))
