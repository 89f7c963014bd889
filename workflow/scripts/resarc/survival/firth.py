"""Firth's penalised Cox regression, for few events and for separation.

Half the log determinant of the information is added to the log partial likelihood. The estimate is
finite even where the likelihood is monotone, and its bias of order 1/n is gone. Wald's limits are
poor in such data; limits and p come from the profile of the penalised likelihood.

Sources: Firth, Biometrika 1993;80:27; Heinze & Schemper, Biometrics 2001;57:114; Heinze & Dunkler,
Stat Med 2008;27:6455 (covariates that change).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy.special import chdtrc, chdtri

from resarc.survival import inputs
from resarc.survival.counting_process import intervals_likelihood
from resarc.survival.cox import TIES, CoxResult, coefficient_table, describe, why_not
from resarc.survival.partial_likelihood import PartialLikelihood

_ITERATIONS = 200
# A step changes no coefficient by more than this, in log hazard per standard deviation.
_LONGEST = 5.0


def firth_cox(
    frame: pd.DataFrame,
    duration: str,
    event: str,
    covariates: Sequence[str],
    strata: str | Sequence[str] | None = None,
    start: str | None = None,
    level: float = 0.95,
    ties: str = "efron",
    limits: bool = True,
) -> CoxResult:
    """Penalised Cox model; with `start`, rows are follow-up (start, duration].

    Of each coefficient: `se` from the information at the estimate, limits where twice the penalised
    log-likelihood (the other coefficients refitted) has fallen by the chi2 quantile, and p of the
    penalised likelihood-ratio test; `z` is the signed root of its chi2. The log-likelihoods and the
    `lr_` test are penalised too; there is no score test (NaN). `separated` is always false. Limits
    take nearly all of the time; without `limits` they are NaN.

    No estimate, and `problem` says why: no events; a covariate that is constant, or a combination
    of others, among the patients at risk.
    """
    inputs.fraction(level, "level")
    inputs.one_of(ties, TIES, "ties")
    names = inputs.columns(covariates, "covariates")
    likelihood = intervals_likelihood(frame, start, duration, event, names, strata, ties)
    fit = _fit(likelihood, level, limits)
    model = "Firth's Cox" if start is None else "Firth's Cox with start and stop"
    finite = np.zeros(len(names), dtype=bool)
    table = coefficient_table(names, fit.beta, fit.se, finite, level)
    table["z"] = np.copysign(np.sqrt(fit.chi2), fit.beta)
    table["p"] = chdtrc(1, fit.chi2)
    table["lower"], table["upper"] = np.exp(fit.limits)
    any_events = likelihood.death.size > 0
    return CoxResult(
        coefficients=table,
        log_likelihood=fit.value,
        null_log_likelihood=fit.null,
        lr_statistic=2 * (fit.value - fit.null),
        lr_p=float(chdtrc(len(names), 2 * (fit.value - fit.null))),
        score_statistic=np.nan,
        score_p=np.nan,
        df=len(names),
        n=len(frame),
        events=int(likelihood.death.size),
        converged=fit.converged,
        separated=False,
        problem=why_not(names, likelihood.sd, any_events, finite, fit.beta, fit.converged),
        method=describe(ties, strata is not None, False, model),
    )


@dataclass(frozen=True)
class _Fit:
    """Estimates, errors, chi2 of each coefficient (p,), limits (2, p), penalised log-likelihoods."""

    beta: np.ndarray
    se: np.ndarray
    chi2: np.ndarray
    limits: np.ndarray
    value: float
    null: float
    converged: bool


def _fit(likelihood: PartialLikelihood, level: float, with_limits: bool) -> _Fit:
    sd = likelihood.sd
    p = sd.size
    nothing = np.full(p, np.nan)
    failed = _Fit(nothing, nothing, nothing, np.full((2, p), np.nan), np.nan, np.nan, False)
    if not (likelihood.death.size and (sd > 0).all()):
        return failed
    # In units of standard deviations, so that a rank is a rank whatever the covariates' units.
    scaled = replace(likelihood, x=likelihood.x / sd, sd=np.ones(p))
    eigenvalues = np.linalg.eigvalsh(scaled.evaluate(np.zeros((1, p)))[2][0])
    if eigenvalues[0] <= 1e-9 * max(eigenvalues[-1], 1e-6):
        return failed
    best = _maximise(scaled, np.zeros(p), np.arange(p))
    if not best.converged:
        return failed
    chi2, limits = np.empty(p), np.full((2, p), np.nan)
    for j in range(p):
        chi2[j] = max(2 * (best.value - _profile(scaled, best.beta, j, 0.0).value), 0.0)
        for row, side in ((0, -1), (1, 1)) if with_limits else ():
            limits[row, j] = _limit(scaled, best, j, side, level)
    se = np.sqrt(np.diag(np.linalg.inv(best.information)))
    # The penalty is that of the covariates in their own units.
    shift = float(np.log(sd).sum())
    null = _penalised(scaled, np.zeros(p))[0]
    return _Fit(best.beta / sd, se / sd, chi2, limits / sd, best.value + shift, null + shift, True)


@dataclass(frozen=True)
class _Maximum:
    beta: np.ndarray
    value: float
    information: np.ndarray
    converged: bool


def _penalised(
    likelihood: PartialLikelihood, beta: np.ndarray
) -> tuple[float, np.ndarray, np.ndarray]:
    """Penalised log-likelihood, its slope (p,) and the information (p, p).

    -inf, and no slope, where the information is singular in floating point.
    """
    risk_sets = likelihood.risk_sets(beta)
    value, score, information = likelihood.of_risk_sets(risk_sets)
    nothing = -np.inf, np.full(beta.size, np.nan), information[0]
    if not np.isfinite(information).all():
        return nothing
    sign, log_determinant = np.linalg.slogdet(information[0])
    if sign <= 0 or not np.isfinite(log_determinant):
        return nothing
    slope = score[0] + likelihood.firth(risk_sets, np.linalg.inv(information[0]))
    return float(value[0] + log_determinant / 2), slope, information[0]


def _maximise(
    likelihood: PartialLikelihood, beta: np.ndarray, free: np.ndarray, tolerance: float = 1e-10
) -> _Maximum:
    """Over the `free` coefficients, the others as they are: quasi-Newton (BFGS) with step halving.

    The information is where the second derivative is first guessed from, but the penalty's own
    curvature may be as large, so that Newton's method with the information alone can swing for ever.
    """
    value, slope, information = _penalised(likelihood, beta)
    if not (free.size and np.isfinite(value)):
        return _Maximum(beta, value, information, bool(np.isfinite(value)))
    inverse = np.linalg.inv(information[np.ix_(free, free)])
    identity = np.eye(free.size)
    for _ in range(_ITERATIONS):
        step = inverse @ slope[free]
        if step @ slope[free] <= 0:  # no way up: begin again from the information
            inverse = np.linalg.inv(information[np.ix_(free, free)])
            step = inverse @ slope[free]
        step = step * min(1.0, _LONGEST / max(float(np.abs(step).max()), 1e-300))
        if np.abs(step).max() < tolerance:
            return _Maximum(beta, value, information, True)
        for _ in range(60):
            trial = beta.copy()
            trial[free] += step
            new_value, new_slope, new_information = _penalised(likelihood, trial)
            if new_value >= value - 1e-14 * (1 + abs(value)):
                break
            step = step / 2
        else:
            break
        change = slope[free] - new_slope[free]
        along = float(step @ change)
        if along > 1e-14 * float(step @ step):
            left = identity - np.outer(step, change) / along
            inverse = left @ inverse @ left.T + np.outer(step, step) / along
        beta, value, slope, information = trial, new_value, new_slope, new_information
    # Where no step is an improvement any more, arithmetic has come to its end.
    return _Maximum(beta, value, information, bool(np.abs(slope[free]).max() < 1e-7))


def _profile(likelihood: PartialLikelihood, beta: np.ndarray, j: int, fixed: float) -> _Maximum:
    """The maximum with coefficient j held, sought from the others' values in `beta`."""
    begin = beta.copy()
    begin[j] = fixed
    # The value at a maximum is flat: an error of 1e-7 in the place is one of 1e-14 in the value.
    return _maximise(likelihood, begin, np.delete(np.arange(beta.size), j), 1e-7)


def _limit(likelihood: PartialLikelihood, best: _Maximum, j: int, side: int, level: float) -> float:
    """Where the profile has fallen by half the chi2 quantile.

    The penalised likelihood may have a second, lower hill in very small data. The other
    coefficients are therefore sought from the estimate and from where they were last, and the
    higher value counts.
    """
    from scipy.optimize import brentq

    target = best.value - chdtri(1, 1 - level) / 2
    near = best.beta
    known: dict[float, float] = {}

    def above(b: float) -> float:
        nonlocal near
        if b not in known:
            begins = [best.beta] if near is best.beta else [near, best.beta]
            found = max((_profile(likelihood, at, j, b) for at in begins), key=lambda m: m.value)
            if np.isfinite(found.value):
                near = found.beta
            # Too far for floating point: low, whatever its value.
            known[b] = found.value - target if np.isfinite(found.value) else -1.0
        return known[b]

    inner = float(best.beta[j])
    width = 1 / np.sqrt(best.information[j, j])
    outer = inner + side * width
    while above(outer) > 0:
        inner, width = outer, 1.5 * width
        outer += side * width
    low, high = sorted((inner, outer))
    return float(brentq(above, low, high, xtol=1e-10, rtol=1e-12))
