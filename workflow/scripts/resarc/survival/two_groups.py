"""Cox's model of two groups, for many data sets at once, also where patients change groups.

With one binary covariate the partial likelihood depends only on how many patients of either group
are at risk at each death, so that a covariate that changes with time costs no more than one that
does not: only the counts differ. On the counts rest the estimate, Firth's estimate, profile
likelihood limits and the test of proportional hazards. Arrays are (M, n) as in `batch`.

Sources: Cox, JRSS B 1972;34:187; Efron, JASA 1977;72:557 (ties); Firth, Biometrika 1993;80:27, and
Heinze & Schemper, Biometrics 2001;57:114 (penalised likelihood); Venzon & Moolgavkar, Applied
Statistics 1988;37:87 (profile limits); Grambsch & Therneau, Biometrika 1994;81:515.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.special import chdtrc, chdtri, expit, log_expit, ndtr, ndtri

from resarc.survival.batch import RiskOrder, _from_here, _within_time, km_steps

_FAR = 40.0
"""No log hazard ratio beyond this can be told from infinity in double precision."""


@dataclass(frozen=True)
class RiskCounts:
    """What a two-group Cox model needs to know of each death; all arrays (M, n).

    `death` marks the positions (in the order of time) that are deaths; `group` is 1 where a patient
    of the first group died; `first` and `second` are the patients of either group at risk, tied
    deaths taken out by and by after Efron. `time_scale` is 1 less the Kaplan-Meier estimate just
    before, in which proportional hazards are tested.
    """

    death: np.ndarray
    group: np.ndarray
    first: np.ndarray
    second: np.ndarray
    time_scale: np.ndarray

    @cached_property
    def informative(self) -> np.ndarray:
        """Deaths while patients of both groups were at risk."""
        return self.death & (self.first > 0) & (self.second > 0)

    @cached_property
    def log_odds(self) -> np.ndarray:
        """That a death is of the first group, if the hazard ratio is 1; 0 where it tells nothing."""
        first, second = (np.where(self.informative, x, 1.0) for x in (self.first, self.second))
        return np.log(first) - np.log(second)


def risk_counts(
    order: RiskOrder,
    group: np.ndarray,
    mask: np.ndarray | None = None,
    *,
    delay: np.ndarray | float = 0.0,
    before: str = "second",
) -> RiskCounts:
    """Counts at each death of the patients in `group` (bool, (M, n)) and of the others.

    With a `delay` (a number, or (M, 1)) a patient of the group counts in it only after that time;
    before it, as one of the `second` group or as `absent` (not yet at risk). Whose follow-up ends
    by then has joined the group at its end, because a patient is known to have joined it.
    """
    if before not in ("second", "absent"):
        raise ValueError(f"before is {before!r}; expected 'second' or 'absent'")
    part = order.taking_part(mask)
    mine = part & order.sort(np.asarray(group, dtype=bool))
    death = order.event & part
    all_at_risk = order.at_first(_from_here(part.astype(float)))
    group_at_risk = order.at_first(_from_here(mine.astype(float)))
    joined = (order.time > delay) | (np.asarray(delay) <= 0)
    first = np.where(joined, group_at_risk, _within_time(order, mine.astype(float)))
    second = all_at_risk - (first if before == "second" else group_at_risk)
    deaths = _within_time(order, death.astype(float))
    of_group = _within_time(order, (death & mine).astype(float))
    # Efron: of d deaths at one time the k-th (from 0) sees k/d of them gone.
    gone = death.cumsum(axis=1) - death
    rank = gone - order.at_first(gone)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(death, rank / deaths, 0.0)
    survival, _, _ = km_steps(order, mask)
    just_before = np.hstack([np.ones((len(survival), 1)), survival[:, :-1]])
    return RiskCounts(
        death,
        np.where(death & mine, 1.0, 0.0),
        np.where(death, first - share * of_group, 0.0),
        np.where(death, second - share * (deaths - of_group), 0.0),
        1 - order.at_first(just_before),
    )


def log_likelihood(counts: RiskCounts, beta: np.ndarray, *, firth: bool = False) -> np.ndarray:
    """Partial log-likelihood (M,) at log hazard ratios (M,), penalised after Firth if asked."""
    sign = np.where(counts.group == 1, 1.0, -1.0)
    term = log_expit(sign * (counts.log_odds + beta[:, None]))
    value = np.where(counts.informative, term, 0.0).sum(axis=1)
    if not firth:
        return value
    share = _share(counts, beta)
    with np.errstate(divide="ignore"):
        return value + np.log((share * (1 - share)).sum(axis=1)) / 2


def _share(counts: RiskCounts, beta: np.ndarray) -> np.ndarray:
    """At each informative death (M, n) the probability that it is of the first group; 0 elsewhere."""
    told, share = counts.informative, np.zeros(counts.death.shape)
    share[told] = expit((counts.log_odds + beta[:, None])[told])
    return share


@dataclass(frozen=True)
class TwoGroupFits:
    """Log hazard ratios (M,) of the first group against the second and their standard errors.

    Infinite where every informative death is of one group (`se` infinite too), NaN without such a
    death; Firth's estimate is finite then.
    """

    beta: np.ndarray
    se: np.ndarray
    firth: bool


def fit(counts: RiskCounts, *, firth: bool = False) -> TwoGroupFits:
    """Maximum (penalised) likelihood; standard errors from the information at the maximum."""
    told = counts.informative
    deaths = told.sum(axis=1)
    own = np.where(told, counts.group, 0.0).sum(axis=1)

    def score(beta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return _score(counts, own, beta, firth)

    # Without the penalty there is a root only if deaths of both groups tell.
    far = np.where((deaths > 0) & (firth | ((own > 0) & (own < deaths))), _FAR, 0.0)
    beta = _root(score, -far, far)
    if not firth:
        beta = np.where(own == 0, -np.inf, np.where(own == deaths, np.inf, beta))
    beta = np.where(deaths > 0, beta, np.nan)
    share = _share(counts, np.where(np.isfinite(beta), beta, 0.0))
    information = (share * (1 - share)).sum(axis=1)
    with np.errstate(divide="ignore"):
        se = np.where(np.isinf(beta), np.inf, 1 / np.sqrt(information))
    return TwoGroupFits(beta, np.where(deaths > 0, se, np.nan), firth)


def wald(fits: TwoGroupFits, level: float = 0.95) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Wald limits of the log hazard ratio and p, each (M,); NaN where the estimate is infinite."""
    finite = np.isfinite(fits.beta) & np.isfinite(fits.se)
    beta, se = np.where(finite, fits.beta, np.nan), np.where(finite, fits.se, np.nan)
    width = float(ndtri((1 + level) / 2)) * se
    return beta - width, beta + width, 2 * ndtr(-np.abs(beta / se))


def profile(
    counts: RiskCounts, fits: TwoGroupFits, level: float = 0.95
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Profile-likelihood limits of the log hazard ratio and the likelihood-ratio p, each (M,).

    Of the penalised likelihood if the fit was. A limit beyond which the likelihood never falls far
    enough is infinite.
    """
    told = counts.informative.any(axis=1)
    top = np.where(np.isfinite(fits.beta), fits.beta, np.sign(fits.beta) * _FAR)
    top = np.where(told, top, 0.0)
    peak = log_likelihood(counts, top, firth=fits.firth)
    drop = chdtri(1, 1 - level) / 2

    peak = np.where(told, peak, 0.0)

    own = np.where(counts.informative, counts.group, 0.0).sum(axis=1)

    def lack(beta: np.ndarray) -> np.ndarray:
        return log_likelihood(counts, beta, firth=fits.firth) - peak + drop

    def above(beta: np.ndarray, sign: float) -> tuple[np.ndarray, np.ndarray]:
        return sign * lack(beta), sign * _score(counts, own, beta, fits.firth)[0]

    none = np.zeros(len(top))
    open_below, open_above = (told & (lack(none + far) > 0) for far in (-_FAR, _FAR))
    lowest = np.where(open_below | ~told, top, -_FAR)
    highest = np.where(open_above | ~told, top, _FAR)
    lower = np.where(open_below, -np.inf, _root(lambda beta: above(beta, -1.0), lowest, top))
    upper = np.where(open_above, np.inf, _root(lambda beta: above(beta, 1.0), top, highest))
    ratio = 2 * (peak - log_likelihood(counts, none, firth=fits.firth))
    p = chdtrc(1, np.maximum(ratio, 0.0))
    return tuple(np.where(told, found, np.nan) for found in (lower, upper, p))


def proportional_hazards_p(counts: RiskCounts, fits: TwoGroupFits) -> np.ndarray:
    """Score test (M,) that the hazard ratio is constant in time, as `cox.proportional_hazards` with
    Kaplan-Meier time; NaN where the estimate is infinite or times do not vary."""
    finite = np.isfinite(fits.beta)
    share = _share(counts, np.where(finite, fits.beta, 0.0))
    deaths = np.maximum(counts.death.sum(axis=1, keepdims=True), 1)
    g = np.where(counts.death, counts.time_scale, 0.0)
    g = np.where(counts.death, g - g.sum(axis=1, keepdims=True) / deaths, 0.0)
    spread = share * (1 - share)
    excess = (g * np.where(counts.informative, counts.group - share, 0.0)).sum(axis=1)
    plain, cross, square = ((g**k * spread).sum(axis=1) for k in (0, 1, 2))
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = square - cross**2 / plain
        chi2 = np.where(variance > 1e-12 * square, excess**2 / variance, np.nan)
    return np.where(finite, chdtrc(1, chi2), np.nan)


def _score(
    counts: RiskCounts, own: np.ndarray, beta: np.ndarray, firth: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Derivative (M,) of the (penalised) log-likelihood, and its own without the penalty's part."""
    share = _share(counts, beta)
    spread = share * (1 - share)
    information = spread.sum(axis=1)
    value = own - share.sum(axis=1)
    if firth:
        with np.errstate(divide="ignore", invalid="ignore"):
            slope = (spread * (1 - 2 * share)).sum(axis=1) / information
        value = value + np.nan_to_num(slope) / 2
    return value, -information


def _root(
    function: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]],
    low: np.ndarray,
    high: np.ndarray,
) -> np.ndarray:
    """Where functions (M,) that fall from above 0 at `low` to below 0 at `high` cross it.

    `function` gives value and slope. Newton's steps, within a bracket that is halved where a step
    leaves it or does not shorten it.
    """
    at = np.clip(0.0, low, high)
    width = high - low
    for _ in range(200):
        value, slope = function(at)
        low, high = np.where(value > 0, at, low), np.where(value > 0, high, at)
        with np.errstate(divide="ignore", invalid="ignore"):
            step = at - value / slope
        # A step that is lost in rounding ends at the bracket's own edge.
        tiny = (low <= step) & (step <= high) & (np.abs(step - at) <= 1e-13 * (1 + np.abs(at)))
        inside = tiny | (step > low) & (step < high) & (np.abs(step - at) < width / 2)
        width = np.where(inside, np.abs(step - at), (high - low) / 2)
        following = np.where(inside, step, (low + high) / 2)
        moved = np.abs(following - at)
        at = following
        if (moved <= 1e-13 * (1 + np.abs(at))).all():
            break
    return at
