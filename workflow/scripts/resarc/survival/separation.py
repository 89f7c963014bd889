"""Whether a partial likelihood rises for ever, decided by linear programming.

It does if some combination of the covariates is, at each death, at least as large in the patient
who dies as in everyone else at risk, and larger at least once (monotone likelihood). Newton's
method notices this almost always; where it stalls instead, because the linear predictor leaves the
range of floating point, this decides.

Sources: Bryson & Johnson, Technometrics 1981;23:381; Albert & Anderson, Biometrika 1984;71:1.
"""

from __future__ import annotations

import numpy as np

# Slack, in standard deviations of the covariates, that counts as "larger".
_TOLERANCE = 1e-9


def direction(
    x: np.ndarray, part: np.ndarray, death: np.ndarray, first: np.ndarray, sd: np.ndarray
) -> np.ndarray | None:
    """A direction (p,) along which the likelihood rises for ever, or None if there is none.

    One or several strata (S, n): covariates `x` (S, n, p) in the order of time, who takes part, who
    dies, the first position with the same time, and the covariates' standard deviations (p,).
    """
    pairs = [
        _differences(x[s][part[s]] / sd, death[s][part[s]], first[s][part[s]])
        for s in range(len(x))
    ]
    return rising(np.concatenate(pairs))


def rising(larger: np.ndarray) -> np.ndarray | None:
    """A direction (p,) along which no row of `larger` (., p) is negative and not all are 0."""
    from scipy.optimize import linprog

    if not larger.size:
        return None
    found = linprog(
        -larger.sum(axis=0),
        A_ub=-larger,
        b_ub=np.zeros(len(larger)),
        bounds=[(-1, 1)] * larger.shape[1],
        method="highs",
    )
    if found.status != 0 or -found.fun <= _TOLERANCE * len(larger):
        return None
    return np.where(np.abs(found.x) > _TOLERANCE, found.x, 0.0)


def _differences(x: np.ndarray, death: np.ndarray, first: np.ndarray) -> np.ndarray:
    """Rows (., p) that a separating direction must not make negative; one stratum, sorted.

    A patient is compared with the last death at or before their own time only: the deaths before
    it are compared with that death. Deaths at one time must be equal, so both differences count.
    """
    leader, before, rows = None, None, []
    for i in range(len(x)):
        if not death[i]:
            continue
        if leader is not None and first[leader] == first[i]:
            rows += [x[leader] - x[i], x[i] - x[leader]]
            continue
        before, leader = leader, i
        if before is not None:
            rows.append(x[before] - x[leader])
    deaths = np.flatnonzero(death)
    times = first[deaths]
    for i in np.flatnonzero(~death):
        at = np.searchsorted(times, first[i], side="right") - 1
        if at >= 0:
            rows.append(x[deaths[at]] - x[i])
    return np.array(rows).reshape(-1, x.shape[1])
