"""p-values adjusted for the number of tests, many tables at once.

Sources: Holm, Scand J Stat 1979;6:65 (the chance of any false positive); Benjamini & Hochberg, JRSS
B 1995;57:289 (the share of false ones among the positives). As R's `p.adjust`: a missing p is left
out and does not count as a test.
"""

from __future__ import annotations

import numpy as np

METHODS = ("holm", "benjamini-hochberg")


def adjusted(p: np.ndarray, method: str) -> np.ndarray:
    """Adjusted p-values of each row of `p` (M, k), in place; NaN stays NaN."""
    if method not in METHODS:
        raise ValueError(f"method is {method!r}; expected one of {', '.join(METHODS)}")
    p = np.atleast_2d(np.asarray(p, dtype=float))
    order = np.argsort(p, axis=1, kind="stable")  # NaN come last
    ordered = np.take_along_axis(p, order, axis=1)
    tests = (~np.isnan(p)).sum(axis=1, keepdims=True)
    rank = np.arange(1, p.shape[1] + 1)
    if method == "holm":
        found = np.fmax.accumulate(ordered * np.maximum(tests - rank + 1, 1), axis=1)
    else:
        found = np.fmin.accumulate((ordered * tests / rank)[:, ::-1], axis=1)[:, ::-1]
    found = np.where(np.isnan(ordered), np.nan, np.minimum(found, 1.0))
    result = np.empty_like(p)
    np.put_along_axis(result, order, found, axis=1)
    return result
