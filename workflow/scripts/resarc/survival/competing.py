"""Competing risks: cumulative incidence, Gray's test, Fine and Gray's regression.

`cause` is 0 for censoring and 1, 2, ... for what happened; `of` is the cause in question. One less
the Kaplan-Meier estimate with the other causes censored is not its probability: it answers for a
world in which nobody dies of anything else.

Sources: Aalen & Johansen, Scand J Stat 1978;5:141; Marubini & Valsecchi, Analysing Survival Data
1995, section 10.3 (variance by the delta method); Aalen, Ann Stat 1978;6:534 (the other variance,
with a correction for ties as in R's cmprsk); Choudhury, Stat Med 2002;21:1129 (log-log limits); Gray, Ann
Stat 1988;16:1141; Fine & Gray, JASA 1999;94:496.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from resarc.errors import DataError
from resarc.survival import inputs
from resarc.survival.batch import quadratic_form
from resarc.survival.cox import CoxResult, coefficient_table, why_not
from resarc.survival.kaplan_meier import limits, uncensored_before
from resarc.survival.partial_likelihood import PartialLikelihood, centred, fit
from resarc.survival.results import TestResult

INTERVALS = ("plain", "log", "log-log")
VARIANCES = ("greenwood", "aalen")


def cumulative_incidence(
    time: Any,
    cause: Any,
    of: int = 1,
    interval: str = "log-log",
    level: float = 0.95,
    variance: str = "greenwood",
) -> pd.DataFrame:
    """Aalen-Johansen estimate: one row for time 0 and for each distinct time, in order.

    Columns `time`, `at_risk` (just before the time), `events` (of the cause), `competing`,
    `censored`, `incidence`, `std_error`, `free` (Kaplan-Meier estimate of no event of any kind),
    `lower`, `upper`. With one cause it is 1 less the Kaplan-Meier estimate. Where the incidence is 0
    the limits are both 0.

    `variance`: `greenwood` is the delta method's and equals the infinitesimal jackknife of R's
    `survfit`; with one cause it is Greenwood's, without censoring the binomial one. `aalen` is that
    of R's `cmprsk::cuminc`, which is larger in small samples.
    """
    inputs.one_of(interval, INTERVALS, "interval")
    inputs.one_of(variance, VARIANCES, "variance")
    inputs.fraction(level, "level")
    times, causes = _follow_up(time, cause, of)
    distinct, place = np.unique(np.append(times, 0.0), return_inverse=True)
    place = place[:-1]
    of_cause = np.bincount(place, weights=causes == of, minlength=distinct.size)
    other = np.bincount(place, weights=(causes != of) & (causes != 0), minlength=distinct.size)
    left = np.bincount(place, minlength=distinct.size)
    at_risk = left[::-1].cumsum()[::-1]
    n = np.maximum(at_risk, 1)
    free = np.cumprod(1 - (of_cause + other) / n)
    before = np.concatenate([[1.0], free[:-1]])
    incidence = np.cumsum(before * of_cause / n)
    spread = _aalen if variance == "aalen" else _greenwood
    std_error = np.sqrt(spread(incidence, before, free, of_cause, other, at_risk))
    with np.errstate(divide="ignore", invalid="ignore"):
        relative_error = np.where(incidence > 0, std_error / incidence, np.nan)
    lower, upper = limits(incidence, relative_error, interval, level)
    none = incidence == 0
    return pd.DataFrame(
        {
            "time": distinct,
            "at_risk": at_risk,
            "events": of_cause.astype(int),
            "competing": other.astype(int),
            "censored": left - (of_cause + other).astype(int),
            "incidence": incidence,
            "std_error": std_error,
            "free": free,
            "lower": np.where(none, 0.0, lower),
            "upper": np.where(none, 0.0, upper),
        }
    )


def _greenwood(
    incidence: np.ndarray,
    before: np.ndarray,
    free: np.ndarray,  # noqa: ARG001
    of_cause: np.ndarray,
    other: np.ndarray,
    at_risk: np.ndarray,
) -> np.ndarray:
    """Delta-method variance of the incidence at each time (arguments as in `_aalen`).

    At u the shares d1/n and d2/n are multinomial. With F the incidence at the time in question,
    the first counts a(F) = before(u) - r (F - F(u)) and the second b(F) = -r (F - F(u)), r = n/(n -
    d): what would have come later does not come any more.
    """
    n = np.maximum(at_risk, 1).astype(float)
    left = n - of_cause - other
    r = np.where(left > 0, n / np.maximum(left, 1), 0.0)
    # a and b are linear in F: constant part and slope.
    a0, b0 = before + r * incidence, r * incidence
    mean0, mean1 = a0 * of_cause + b0 * other, -r * (of_cause + other)
    constant = np.cumsum((a0**2 * of_cause + b0**2 * other - mean0**2 / n) / n**2)
    linear = np.cumsum((-r * mean0 - mean0 * mean1 / n) / n**2)
    square = np.cumsum((-r * mean1 - mean1**2 / n) / n**2)
    return np.maximum(constant + 2 * incidence * linear + incidence**2 * square, 0.0)


def _aalen(
    incidence: np.ndarray,
    before: np.ndarray,
    free: np.ndarray,
    of_cause: np.ndarray,
    other: np.ndarray,
    at_risk: np.ndarray,
) -> np.ndarray:
    """Aalen's variance of the incidence at each time; `before`, `free`: event-free before, after.

    An event of either kind at u changes what comes after it in proportion to 1 / free(u), hence
    the difference F(t) - F(u); the squares are opened so that all t are found in one pass.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        inverse = np.where(free > 0, 1 / free, 0.0)

        def spread(d: np.ndarray) -> np.ndarray:
            tied = np.where(d > 1, 1 - (d - 1) / np.maximum(at_risk - 1, 1), 1.0)
            return np.where(d > 0, before**2 * tied * d / np.maximum(at_risk, 1) ** 2, 0.0)

    one, two = spread(of_cause), np.where(free > 0, spread(other), 0.0)
    at_one, at_two = 1 + inverse * incidence, inverse * incidence
    constant = np.cumsum(at_one**2 * one + at_two**2 * two)
    linear = np.cumsum(inverse * (at_one * one + at_two * two))
    square = np.cumsum(inverse**2 * (one + two))
    return np.maximum(constant - 2 * incidence * linear + incidence**2 * square, 0.0)


def incidence_at(curve: pd.DataFrame, times: Any) -> pd.DataFrame:
    """The curve at landmarks: columns `time`, `incidence`, `std_error`, `lower`, `upper`.

    Beyond the last follow-up the incidence is not known unless nobody is left free of events: NaN.
    """
    at = inputs.vector(np.atleast_1d(times), "times")
    if (at < 0).any():
        raise DataError("times", f"{at.min():g}", "landmarks of at least 0")
    row = np.searchsorted(curve["time"].to_numpy(), at, side="right") - 1
    columns = ["incidence", "std_error", "lower", "upper"]
    values = curve[columns].to_numpy()[row]
    values[(at > curve["time"].iloc[-1]) & (curve["free"].to_numpy()[row] > 1e-12)] = np.nan
    return pd.DataFrame(values, columns=columns).assign(time=at)[["time", *columns]]


def gray_test(
    time: Any, cause: Any, group: Any, of: int = 1, rho: float = 0.0, strata: Any = None
) -> TestResult:
    """Gray's test that k groups have the same cumulative incidence of a cause.

    Chi2 on k - 1 degrees of freedom. Weights are (1 - F)^rho with the pooled incidence just before
    the time. `observed` and `expected` are weighted sums of events of the cause. NaN where none
    happened or fewer than two groups were at risk of one.
    """
    times, causes = _follow_up(time, cause, of)
    codes, levels = inputs.labels(group, size=times.size)
    k = len(levels)
    stratum = np.zeros(times.size, dtype=int)
    if strata is not None:
        stratum, _ = inputs.labels(strata, size=times.size, name="strata")
    observed, expected, covariance = np.zeros(k), np.zeros(k), np.zeros((k, k))
    for s in range(stratum.max() + 1):
        inside = stratum == s
        parts = _gray(
            times[inside], causes[inside] == of, causes[inside] > 0, codes[inside], k, rho
        )
        observed, expected = observed + parts[0], expected + parts[1]
        covariance = covariance + parts[2]
    chi2, df, p = np.nan, 0.0, np.nan
    if k > 1 and np.isfinite(covariance).all():
        chi2, df, p = (
            float(v[0]) for v in quadratic_form((observed - expected)[None], covariance[None])
        )
    name = (
        "Gray" + (f", rho {rho:g}" if rho else "") + (", stratified" if strata is not None else "")
    )
    return TestResult(chi2, df, p, name, levels, tuple(observed.tolist()), tuple(expected.tolist()))


def _gray(
    time: np.ndarray,
    of_cause: np.ndarray,
    any_cause: np.ndarray,
    group: np.ndarray,
    k: int,
    rho: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Observed and expected (k,), and the covariance (k, k) of one stratum (Gray, section 2 and 3).

    Arrays are (times, groups). Those who had another cause stay at risk of this one: a group's
    risk set is its number at risk, over its event-free share, times the share not yet with the
    cause.
    """
    distinct, place = np.unique(time, return_inverse=True)
    cell, size = place * k + group, distinct.size * k

    def table(who: np.ndarray) -> np.ndarray:
        return np.bincount(cell[who], minlength=size).reshape(-1, k).astype(float)

    one, both = table(of_cause), table(any_cause)
    other = both - one
    at_risk = table(np.ones(time.size, dtype=bool))[::-1].cumsum(axis=0)[::-1]
    some = at_risk > 0
    n = np.maximum(at_risk, 1)
    free = np.cumprod(1 - both / n, axis=0)
    free_before = _shifted(free, 1.0)
    incidence_before = _shifted(np.cumsum(free_before * one / n, axis=0), 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        weight = np.where(some, at_risk / free_before, 0.0)
        total = weight.sum(axis=1, keepdims=True)
        adjusted = weight * (1 - incidence_before)
        deaths = one.sum(axis=1, keepdims=True)
        pooled = np.cumsum(np.where(deaths > 0, deaths / total, 0.0), axis=0)
        pooled_before = _shifted(pooled, 0.0)
        emphasis = (1 - pooled_before) ** rho
        share = np.where(deaths > 0, adjusted / adjusted.sum(axis=1, keepdims=True), 0.0)
        observed = (emphasis * one).sum(axis=0)
        expected = (emphasis * deaths * share).sum(axis=0)
        # a: how a group's score weighs the increments of every group's incidence.
        part = np.where(total > 0, weight / total, 0.0)
        a = emphasis[:, :, None] * weight[:, :, None] * (np.eye(k) - part[:, None, :])
        # Where one group alone is left a is 0, and the pooled incidence may have reached 1 or more.
        step = (deaths / (total * (1 - pooled_before)))[:, :, None]
        c = np.cumsum(np.where((deaths[:, :, None] > 0) & (a != 0), a * step, 0.0), axis=0)
        later = c[-1] - c
        kept = np.where(free > 0, (1 - pooled) / free, 0.0)
        of_one = np.where(
            some & (deaths > 0),
            _tied(deaths, total * free_before) * free_before * deaths / (total * n),
            0.0,
        )
        of_other = np.where(
            (free > 0) & (other > 0), _tied(other, n) * free_before**2 * other / n**2, 0.0
        )
        first = a + (1 - kept)[:, None, :] * later
        second = kept[:, None, :] * later
        covariance = np.einsum("tik,tjk,tk->ij", first, first, of_one)
        covariance += np.einsum("tik,tjk,tk->ij", second, second, of_other)
    return observed, expected, covariance


def _shifted(steps: np.ndarray, start: float) -> np.ndarray:
    """Values just before each time."""
    return np.vstack([np.full((1, steps.shape[1]), start), steps[:-1]])


def _tied(d: np.ndarray, n: np.ndarray) -> np.ndarray:
    return np.where(d > 1, 1 - (d - 1) / (n - 1), 1.0)


def fine_gray(
    frame: pd.DataFrame,
    duration: str,
    cause: str,
    covariates: Sequence[str],
    of: int = 1,
    level: float = 0.95,
) -> CoxResult:
    """Proportional subdistribution hazards; hazard ratios are those of the cumulative incidence.

    Who had another cause stays at risk with weight G(t-)/G(T-), where G is the Kaplan-Meier estimate
    of censoring; ties are Breslow's. The variance is the sandwich that also counts the error of G,
    as `cmprsk::crr`. Being a pseudo-likelihood, it has no likelihood-ratio and score test (NaN).
    `events` are those of the cause. No finite estimate, and `problem` says why: as for `cox.cox`.
    """
    inputs.fraction(level, "level")
    names = inputs.columns(covariates, "covariates")
    inputs.require(frame, [duration, cause])
    time, causes = _follow_up(frame[duration], frame[cause], of)
    x, sd = centred(inputs.matrix(frame, names), np.zeros(time.size, dtype=int))
    rows = np.flatnonzero(causes == of)
    death = rows[np.argsort(time[rows], kind="stable")]
    block = np.unique(time[death], return_inverse=True)[1]
    gone = (causes != of) & (causes != 0)
    uncensored = uncensored_before(time, causes == 0)

    def weights(deaths: np.ndarray) -> np.ndarray:
        row = death[deaths, None]
        ratio = np.where(gone, uncensored[row] / uncensored, 0.0)
        return np.where(time >= time[row], 1.0, ratio)

    likelihood = PartialLikelihood(x, sd, death, block, weights)
    found = fit(likelihood)
    beta, se, infinite = found.beta[0], found.se[0], found.infinite[0]
    converged = bool(found.converged[0])
    if converged:
        shares = likelihood.score_residuals(beta) + _censoring_shares(
            likelihood, beta, time, causes == 0, gone
        )
        se = np.sqrt(((shares @ found.covariance[0]) ** 2).sum(axis=0))
    usable = converged or bool(infinite.any())
    return CoxResult(
        coefficients=coefficient_table(names, beta, se, infinite, level),
        log_likelihood=float(found.log_likelihood[0]),
        null_log_likelihood=float(found.null_log_likelihood[0]),
        lr_statistic=np.nan,
        lr_p=np.nan,
        score_statistic=np.nan,
        score_p=np.nan,
        df=len(names),
        n=time.size,
        events=int(death.size),
        converged=converged,
        separated=bool(infinite.any()),
        problem=why_not(names, sd, death.size > 0, infinite, beta, usable),
        method="Fine-Gray",
    )


def _censoring_shares(
    likelihood: PartialLikelihood,
    beta: np.ndarray,
    time: np.ndarray,
    censored: np.ndarray,
    gone: np.ndarray,
) -> np.ndarray:
    """What each patient adds to the score through the estimate of censoring, (n, p).

    A weight G(t-)/G(T-) feels the censoring between T and t. A pair of a patient who is gone (at T)
    and a later event (at t) therefore enters after T and leaves after t (Fine & Gray, section 4).
    """
    x = likelihood.x
    of_patient, of_death = np.zeros_like(x), np.zeros((likelihood.death.size, x.shape[1]))
    for deaths, share, _, _ in likelihood.risk_sets(beta):
        late = share * (gone & (time < time[likelihood.death[deaths], None]))
        mean = share @ x
        of_patient += late.sum(axis=0)[:, None] * x - late.T @ mean
        of_death[deaths] = late @ x - late.sum(axis=1)[:, None] * mean
    distinct, place = np.unique(time, return_inverse=True)
    at_risk = np.bincount(place, minlength=distinct.size)[::-1].cumsum()[::-1]
    lost = np.bincount(place, weights=censored, minlength=distinct.size)
    out = np.empty_like(x)
    for j in range(x.shape[1]):
        enters = np.bincount(place, weights=of_patient[:, j], minlength=distinct.size)
        leaves = np.bincount(
            place[likelihood.death], weights=of_death[:, j], minlength=distinct.size
        )
        q = np.concatenate([[0.0], np.cumsum(enters - leaves)[:-1]]) / at_risk
        out[:, j] = censored * q[place] - np.cumsum(q * lost / at_risk)[place]
    return out


def _follow_up(time: Any, cause: Any, of: int) -> tuple[np.ndarray, np.ndarray]:
    times = inputs.vector(time, "time")
    causes = inputs.vector(cause, "cause", size=times.size)
    wrong = np.flatnonzero((causes < 0) | (causes != np.round(causes)))
    if wrong.size:
        raise DataError(
            f"cause[{wrong[0]}]", f"{causes[wrong[0]]:g}", "0 for censoring, 1, 2, ... for causes"
        )
    if of < 1 or of != int(of):
        raise DataError("of", f"{of!r}", "the number of a cause: 1, 2, ...")
    times, _ = inputs.follow_up(times, causes > 0)
    return times, causes.astype(int)
