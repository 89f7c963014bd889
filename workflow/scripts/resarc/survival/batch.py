"""The same statistics for many small data sets at once, in plain NumPy.

An ensemble of M reconstructed data sets of n patients is judged by tens of thousands of log-rank
and Cox statistics; these kernels take all members in one pass. Arrays are (M, n): member, patient.
`mask` says which patients take part (a subgroup); entries outside it are ignored and may be NaN,
and so is a patient whose time is NaN. A one-dimensional array of length n stands for all members.

Only the order of the times is expensive: `risk_order(time, event)` finds it once, and every
function takes it as `order=` for further subgroups and factors of the same members.

Answers where there is none: NaN (no patients, no events, a constant covariate). A covariate that
orders the events perfectly (monotone partial likelihood) has no finite estimate: it is ±inf with
`se` = inf and `converged` false.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import chdtrc

# S is a product of fractions: 0.5 may come out as 0.5000000000000001. The tolerance is that of
# R's quantile.survfit, the square root of the double precision.
TOLERANCE = float(np.sqrt(np.finfo(float).eps))


@dataclass(frozen=True)
class RiskOrder:
    """Patients of each member sorted by time; all arrays (M, n).

    `index` sorts a member's patients; `first` and `last` are the positions, in that order, of the
    first and last patient with the same time.
    """

    index: np.ndarray
    time: np.ndarray
    event: np.ndarray
    first: np.ndarray
    last: np.ndarray
    tied: bool

    def sort(self, values: np.ndarray) -> np.ndarray:
        """Values given per patient, in the order of time."""
        return np.take_along_axis(np.broadcast_to(values, self.index.shape), self.index, axis=1)

    def at_first(self, values: np.ndarray) -> np.ndarray:
        """At each position, the value at the first position with the same time."""
        return np.take_along_axis(values, self.first, axis=1) if self.tied else values

    def at_last(self, values: np.ndarray) -> np.ndarray:
        """At each position, the value at the last position with the same time."""
        return np.take_along_axis(values, self.last, axis=1) if self.tied else values

    def members(self, rows: np.ndarray | slice) -> RiskOrder:
        """The order of some of the members."""
        return RiskOrder(
            self.index[rows],
            self.time[rows],
            self.event[rows],
            self.first[rows],
            self.last[rows],
            self.tied,
        )

    def taking_part(self, mask: np.ndarray | None) -> np.ndarray:
        """Who takes part, in the order of time."""
        present = ~np.isnan(self.time)
        return present if mask is None else present & self.sort(np.asarray(mask, dtype=bool))


@dataclass(frozen=True)
class _Counts:
    """At each position: patients at risk and deaths at that time, and whether it is a death."""

    part: np.ndarray
    death: np.ndarray
    at_risk: np.ndarray
    deaths: np.ndarray


def risk_order(time: np.ndarray, event: np.ndarray) -> RiskOrder:
    """Sort the patients of each member by time. Ties are exact; NaN times come last."""
    time = np.atleast_2d(np.asarray(time, dtype=float))
    event = np.broadcast_to(np.asarray(event, dtype=bool), time.shape)
    index = np.argsort(time, axis=1, kind="stable")
    ordered = np.take_along_axis(time, index, axis=1)
    new = np.ones(time.shape, dtype=bool)
    new[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    position = np.broadcast_to(np.arange(time.shape[1]), time.shape)
    tied = not new.all()
    first = last = position
    if tied:
        first = np.maximum.accumulate(np.where(new, position, 0), axis=1)
        end = np.ones(time.shape, dtype=bool)
        end[:, :-1] = new[:, 1:]
        back = np.where(end, position, time.shape[1] - 1)[:, ::-1]
        last = np.minimum.accumulate(back, axis=1)[:, ::-1]
    return RiskOrder(index, ordered, np.take_along_axis(event, index, axis=1), first, last, tied)


def _from_here(values: np.ndarray) -> np.ndarray:
    """Sum over this and all later positions."""
    return np.cumsum(values[:, ::-1], axis=1)[:, ::-1]


def _within_time(order: RiskOrder, values: np.ndarray) -> np.ndarray:
    """Sum over the positions with the same time."""
    if not order.tied:
        return values
    total = np.cumsum(values, axis=1)
    return order.at_last(total) - order.at_first(total) + order.at_first(values)


def _counts(order: RiskOrder, mask: np.ndarray | None) -> _Counts:
    part = order.taking_part(mask)
    death = order.event & part
    at_risk = order.at_first(_from_here(part.astype(float)))
    return _Counts(part, death, at_risk, _within_time(order, death.astype(float)))


def n_events(event: np.ndarray, mask: np.ndarray | None = None) -> np.ndarray:
    """Number of events of each member among the patients in `mask`: (M,)."""
    event = np.atleast_2d(np.asarray(event, dtype=bool))
    return (event if mask is None else event & np.asarray(mask, dtype=bool)).sum(axis=1)


# --- log-rank -----------------------------------------------------------------------------------

Weight = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]


def logrank_parts(
    time: np.ndarray,
    event: np.ndarray,
    group: np.ndarray,
    k: int,
    mask: np.ndarray | None = None,
    *,
    order: RiskOrder | None = None,
    weight: Callable[..., np.ndarray] | None = None,
    variance: str = "hypergeometric",
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Observed (M, k), expected (M, k) and the covariance (M, k, k) of their difference.

    `group` holds codes 0 to k-1; a patient with another code takes no part. Deaths at one time
    follow the hypergeometric distribution, as in R's survdiff; `variance="binomial"` leaves its
    correction for ties, (n - d) / (n - 1), out. `weight(at_risk, deaths, order)`
    returns the weight of each position. Source: Kalbfleisch & Prentice, The Statistical Analysis
    of Failure Time Data, 2nd ed., section 1.5.
    """
    order = risk_order(time, event) if order is None else order
    code = order.sort(np.asarray(group))
    part = order.taking_part(mask) & (code >= 0) & (code < k)
    death = order.event & part
    at_risk = order.at_first(_from_here(part.astype(float)))
    deaths = _within_time(order, death.astype(float))
    # Everything is summed over single deaths, each with its share of the time's total.
    w = death.astype(float)
    if weight is not None:
        w = w * np.where(death, weight(at_risk, deaths, order), 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        at_death = np.where(death, at_risk, np.inf)  # only deaths have a share
        spread = np.where(death & (at_risk > 1), (at_risk - deaths) / (at_risk - 1), 0.0)
    if variance == "binomial":
        spread = death.astype(float)
    spread = spread * (w * w if weight is not None else w)
    members = code.shape[0]
    observed = np.empty((members, k))
    expected = np.empty((members, k))
    shares = []
    for g in range(k):
        mine = code == g
        observed[:, g] = np.where(mine, w, 0.0).sum(axis=1)
        if g < k - 1 or k == 1:
            risk = order.at_first(_from_here((part & mine).astype(float)))
            shares.append(risk / at_death)  # exactly 1 if nobody else is at risk
            expected[:, g] = np.einsum("ij,ij->i", w, shares[g])
    if k > 1:
        expected[:, -1] = np.where(death, w * (1 - sum(shares)), 0.0).sum(axis=1)
        # Exact zero for a group that is never at risk when somebody dies.
        expected[:, -1][np.abs(expected[:, -1]) < 1e-12] = 0.0
    covariance = np.zeros((members, k, k))
    for g, mine in enumerate(shares):
        weighted = spread * mine
        for h, other in enumerate(shares[: g + 1]):
            against = 1 - mine if g == h else -other
            value = np.einsum("ij,ij->i", weighted, against)
            covariance[:, g, h] = covariance[:, h, g] = value
    if k > 1:  # each row sums to 0, because the observed less expected do
        covariance[:, -1, :-1] = covariance[:, :-1, -1] = -covariance[:, :-1, :-1].sum(axis=2)
        covariance[:, -1, -1] = -covariance[:, -1, :-1].sum(axis=1)
    return observed, expected, covariance


def quadratic_form(
    difference: np.ndarray, covariance: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """chi2 (M,), degrees of freedom (M,) and p (M,) of differences (M, k) that sum to 0.

    The degrees of freedom are the rank of the covariance: a group that is never at risk when
    somebody dies does not count, as in R's survdiff. Rank 0 gives NaN.
    """
    k = difference.shape[1]
    if k == 2:
        variance = covariance[:, 0, 0]
        df = (variance > 0).astype(float)
        with np.errstate(divide="ignore", invalid="ignore"):
            chi2 = np.where(df > 0, difference[:, 0] ** 2 / variance, np.nan)
    else:
        values, vectors = np.linalg.eigh(covariance)
        real = (values > 1e-10 * values[:, -1:]) & (values[:, -1:] > 0)
        df = real.sum(axis=1).astype(float)
        along = np.einsum("mij,mi->mj", vectors, difference)
        chi2 = np.where(real, along**2 / np.where(real, values, 1.0), 0.0).sum(axis=1)
        chi2 = np.where(df > 0, chi2, np.nan)
    return chi2, df, np.where(df > 0, chdtrc(np.maximum(df, 1.0), chi2), np.nan)


def logrank_statistic(
    time: np.ndarray,
    event: np.ndarray,
    group: np.ndarray,
    k: int,
    mask: np.ndarray | None = None,
    *,
    order: RiskOrder | None = None,
    weight: Callable[..., np.ndarray] | None = None,
    variance: str = "hypergeometric",
) -> tuple[np.ndarray, np.ndarray]:
    """Log-rank chi2 (M,) and p (M,) of k groups; see `logrank_parts` and `quadratic_form`."""
    observed, expected, covariance = logrank_parts(
        time, event, group, k, mask, order=order, weight=weight, variance=variance
    )
    chi2, _, p = quadratic_form(observed - expected, covariance)
    return chi2, p


# --- Kaplan-Meier -------------------------------------------------------------------------------


def _steps(order: RiskOrder, counts: _Counts) -> tuple[np.ndarray, np.ndarray]:
    """Survival after each position and its term of Greenwood's sum; at the last of a time."""
    n, d = counts.at_risk, counts.deaths
    end = order.last == np.arange(order.time.shape[1])
    step = end & (d > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        factor = np.where(step, (n - d) / n, 1.0)
        term = np.where(step, d / (n * (n - d)), 0.0)
    return np.cumprod(factor, axis=1), term


def _last_follow_up(order: RiskOrder, part: np.ndarray) -> np.ndarray:
    return np.where(part, order.time, -np.inf).max(axis=1, initial=-np.inf)


def martingale_residuals(order: RiskOrder, mask: np.ndarray | None = None) -> np.ndarray:
    """Event less Nelson-Aalen hazard (M, n), per patient; 0 outside `mask`.

    The log-rank statistic's observed less expected events of a group is the sum over its patients.
    Source: Therneau, Grambsch & Fleming, Biometrika 1990;77:147.
    """
    counts = _counts(order, mask)
    n, d = counts.at_risk, counts.deaths
    end = order.last == np.arange(order.time.shape[1])
    with np.errstate(divide="ignore", invalid="ignore"):
        hazard = np.where(end & (d > 0), d / n, 0.0).cumsum(axis=1)
    residual = np.where(counts.part, counts.death - order.at_last(hazard), 0.0)
    found = np.empty_like(residual)
    np.put_along_axis(found, order.index, residual, axis=1)
    return found


def km_steps(
    order: RiskOrder, mask: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Whole curves: S and Greenwood's sum after each position (M, n), complete at the last
    position of a time, and the last follow-up (M,)."""
    counts = _counts(order, mask)
    survival, term = _steps(order, counts)
    return survival, np.cumsum(term, axis=1), _last_follow_up(order, counts.part)


def km_at(
    time: np.ndarray,
    event: np.ndarray,
    mask: np.ndarray | None,
    t: float | np.ndarray,
    *,
    order: RiskOrder | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Kaplan-Meier S(t) and its Greenwood variance.

    `t` is one time or (M,), which gives (M,); or (1, T) or (M, T), which gives (M, T). S is NaN
    beyond the last follow-up unless it has reached 0; the variance is NaN where S is 0 (R).
    """
    order = risk_order(time, event) if order is None else order
    counts = _counts(order, mask)
    survival, term = _steps(order, counts)
    greenwood = np.cumsum(term, axis=1)
    at = np.asarray(t, dtype=float)
    flat = at.ndim < 2
    at = at.reshape(-1, 1) if flat else at
    position = (order.time[:, :, None] <= at[:, None, :]).sum(axis=1)
    pad = np.ones((survival.shape[0], 1))
    s = np.take_along_axis(np.hstack([pad, survival]), position, axis=1)
    g = np.take_along_axis(np.hstack([0 * pad, greenwood]), position, axis=1)
    end = _last_follow_up(order, counts.part)[:, None]
    unknown = ((at > end) & (s > 0)) | ~counts.part.any(axis=1)[:, None]
    s = np.where(unknown, np.nan, s)
    with np.errstate(invalid="ignore"):
        variance = np.where(s > 0, s * s * g, np.nan)
    return (s[:, 0], variance[:, 0]) if flat else (s, variance)


def km_median(
    time: np.ndarray,
    event: np.ndarray,
    mask: np.ndarray | None = None,
    p: float = 0.5,
    convention: str = "middle",
    *,
    order: RiskOrder | None = None,
) -> np.ndarray:
    """Time (M,) at which S falls to p; NaN where it does not. Conventions as in `quantile`."""
    order = risk_order(time, event) if order is None else order
    counts = _counts(order, mask)
    survival, _ = _steps(order, counts)
    return quantile_of_steps(
        order.time, survival, p, _last_follow_up(order, counts.part), convention
    )


def quantile_of_steps(
    time: np.ndarray, survival: np.ndarray, p: float, end: np.ndarray, convention: str
) -> np.ndarray:
    """First time at which step functions (M, n) fall to p, by the conventions of `quantile`."""
    rows = np.arange(time.shape[0])
    reached = survival <= p + TOLERANCE
    start = time[rows, reached.argmax(axis=1)]
    below = survival < p - TOLERANCE
    if convention == "below":
        start = time[rows, below.argmax(axis=1)]
        return np.where(below.any(axis=1), start, np.nan)
    if convention == "middle":
        stop = np.where(below.any(axis=1), time[rows, below.argmax(axis=1)], end)
        start = (start + stop) / 2
    elif convention != "first":
        raise ValueError(f"convention is {convention!r}; expected 'middle', 'first' or 'below'")
    return np.where(reached.any(axis=1), start, np.nan)


def rmst_at(
    time: np.ndarray,
    event: np.ndarray,
    mask: np.ndarray | None,
    tau: float,
    *,
    order: RiskOrder | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Restricted mean survival time to `tau` (M,) and its standard error (M,); see `rmst.rmst`."""
    order = risk_order(time, event) if order is None else order
    counts = _counts(order, mask)
    survival, term = _steps(order, counts)
    members = order.time.shape[0]
    grid = np.hstack([np.zeros((members, 1)), np.nan_to_num(order.time, nan=np.inf)])
    grid = np.minimum(np.hstack([grid, np.full((members, 1), np.inf)]), tau)
    before = np.hstack([np.ones((members, 1)), survival])
    area = np.diff(grid, axis=1) * before
    after = _from_here(area)[:, 1:]  # area from each position's time to tau
    counted = (after > 0) & np.isfinite(term)  # no area is left after tau or once S is 0
    variance = np.where(counted, after**2 * np.where(counted, term, 0.0), 0.0).sum(axis=1)
    end = _last_follow_up(order, counts.part)
    unknown = ((tau > end) & (survival[:, -1] > 0)) | ~counts.part.any(axis=1)
    return (
        np.where(unknown, np.nan, area.sum(axis=1)),
        np.where(unknown, np.nan, np.sqrt(variance)),
    )


# --- Cox ----------------------------------------------------------------------------------------


class EfronLikelihood:
    """Partial likelihood of Cox's model with Efron's handling of ties, for M members.

    `ties="breslow"` lets every death see the whole risk set instead; `ties="exact"` is Cox's discrete
    likelihood: the chance that of all sets of so many at risk these die. It is without weights and
    score residuals.
    Source: Efron, JASA 1977;72:557; Cox, JRSS B 1972;34:187; Gail, Lubin & Rubinstein, Biometrika
    1981;68:703 (the sum over sets by recursion); Therneau & Grambsch, Modeling Survival Data,
    section 3.3.
    `X` is (M, n, p) or (n, p). Covariates are centred at each member's mean.
    """

    def __init__(
        self,
        order: RiskOrder,
        X: np.ndarray,
        mask: np.ndarray | None = None,
        ties: str = "efron",
    ) -> None:
        members, n = order.time.shape
        X = np.asarray(X, dtype=float)
        X = np.broadcast_to(X, (members, n, X.shape[-1]))
        self.members, self.p = members, X.shape[-1]
        self.part = order.taking_part(mask)
        death = order.event & self.part
        size = np.maximum(self.part.sum(axis=1), 1)[:, None]
        columns = []
        for j in range(self.p):
            x = np.where(self.part, order.sort(X[:, :, j]), 0.0)
            columns.append(np.where(self.part, x - x.sum(axis=1, keepdims=True) / size, 0.0))
        self.x = columns
        self.sd = np.sqrt(np.stack([(x * x).sum(axis=1) / size[:, 0] for x in columns], axis=1))
        self.death, self.first = death, order.first
        self.at = np.flatnonzero(death)
        self.member = self.at // n
        start = self.at
        if order.tied:
            start = self.member * n + order.first.ravel()[self.at]
        # One block for each time with deaths: where its risk set and its own deaths begin.
        new = np.ones(start.size, dtype=bool)
        new[1:] = start[1:] != start[:-1]
        self.first_death = np.flatnonzero(new)
        self.block = np.cumsum(new) - 1
        self.block_start = start[self.first_death]
        self.tied_deaths = not new.all()
        rank = np.arange(start.size) - self.first_death[self.block]
        self.fraction = rank / np.bincount(self.block)[self.block]
        if ties != "efron":
            self.fraction = np.zeros(start.size)
        many = np.bincount(self.block, minlength=self.first_death.size) if start.size else start
        self.discrete = np.flatnonzero(many > 1) if ties == "exact" else start[:0]
        self.many = many
        # Where a risk set begins in a cumulative sum from the last position; and of tied deaths that see
        # some of the others gone: which, where the deaths at their time are, and where these begin.
        self.from_last = start[self.first_death] // n * n + n - 1 - start[self.first_death] % n
        self.later = np.flatnonzero(self.fraction > 0)
        several = np.flatnonzero(many > 1)
        self.tied_at = self.at[many[self.block] > 1]
        self.tied_first = np.cumsum(many[several]) - many[several]
        self.tied_block = np.searchsorted(several, self.block[self.later])
        self.xe = [x.ravel()[self.at] for x in columns]

    def _risk_sum(self, values: np.ndarray) -> np.ndarray:
        """Efron's sum over the risk set at each death: the tied deaths count by and by less."""
        total = np.cumsum(values[:, ::-1], axis=1).ravel()[self.from_last]
        if self.tied_deaths:
            total = total[self.block]
        if self.later.size:
            among = np.add.reduceat(values.ravel()[self.tied_at], self.tied_first)
            total[self.later] -= self.fraction[self.later] * among[self.tied_block]
        return total

    def _sum(self, values: np.ndarray) -> np.ndarray:
        return np.bincount(self.member, weights=values, minlength=self.members)

    def _relative(self, beta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        eta = sum(beta[:, j, None] * x for j, x in enumerate(self.x))
        eta = np.where(self.part, eta, -np.inf)
        top = eta.max(axis=1, keepdims=True, initial=-np.inf)
        eta = eta - np.where(np.isfinite(top), top, 0.0)
        return eta, np.exp(eta)

    def log_likelihood(self, beta: np.ndarray) -> np.ndarray:
        """(M,) at coefficients (M, p)."""
        eta, risk = self._relative(beta)
        with np.errstate(divide="ignore"):
            value = self._sum(eta.ravel()[self.at] - np.log(self._risk_sum(risk)))
        return value + self._of_sets(risk)[0] if self.discrete.size else value

    def derivatives(
        self, beta: np.ndarray, weights: tuple[np.ndarray | None, ...] = (None,)
    ) -> tuple[np.ndarray, list[np.ndarray], list[np.ndarray]]:
        """Log-likelihood (M,), and for each weighting of the deaths score and information.

        A weighting is (M, n) in the order of time, or None for 1.
        """
        eta, risk = self._relative(beta)
        s0 = self._risk_sum(risk)
        with np.errstate(divide="ignore", invalid="ignore"):
            value = self._sum(eta.ravel()[self.at] - np.log(s0))
            mean = [self._risk_sum(risk * x) / s0 for x in self.x]
        w = [None if v is None else np.asarray(v).ravel()[self.at] for v in weights]
        scores = [np.empty((self.members, self.p)) for _ in w]
        informations = [np.empty((self.members, self.p, self.p)) for _ in w]
        for a in range(self.p):
            residual = self.xe[a] - mean[a]
            for score, v in zip(scores, w, strict=True):
                score[:, a] = self._sum(residual if v is None else v * residual)
            weighted = risk * self.x[a]
            for b in range(a + 1):
                with np.errstate(divide="ignore", invalid="ignore"):
                    spread = self._risk_sum(weighted * self.x[b]) / s0 - mean[a] * mean[b]
                for information, v in zip(informations, w, strict=True):
                    value_ab = self._sum(spread if v is None else v * spread)
                    information[:, a, b] = information[:, b, a] = value_ab
        if self.discrete.size:
            more, score, information = self._of_sets(risk)
            value, scores[0] = value + more, scores[0] + score
            informations[0] = informations[0] + information
        return value, scores, informations

    def _of_sets(self, risk: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """What the discrete likelihood of tied deaths has beyond Breslow's: log-likelihood (M,), score
        (M, p) and information (M, p, p).

        The sum over all sets of d at risk of the product of their risks is built up patient by
        patient, with its derivatives; risks are scaled by their sum, so that it stays representable.
        """
        blocks, p = self.discrete, self.p
        start, most = self.block_start[blocks], int(self.many[blocks].max())
        n = risk.shape[1]
        member, first = start // n, start % n
        scale = _from_here(risk)[member, first]
        sums = np.zeros((len(blocks), most + 1))
        slope = np.zeros((len(blocks), most + 1, p))
        bend = np.zeros((len(blocks), most + 1, p, p))
        sums[:, 0] = 1.0
        plain = [np.zeros((len(blocks), p)), np.zeros((len(blocks), p, p))]
        x_all = np.stack(self.x, axis=2)
        for place in range(n):
            x = x_all[member, place]
            r = np.where(first <= place, risk[member, place], 0.0) / scale
            outer = x[:, :, None] * x[:, None, :]
            plain[0] += r[:, None] * x
            plain[1] += r[:, None, None] * outer
            s, g = sums[:, :-1], slope[:, :-1]
            cross = x[:, None, :, None] * g[:, :, None, :]
            bend[:, 1:] += r[:, None, None, None] * (
                outer[:, None] * s[:, :, None, None]
                + cross + cross.transpose(0, 1, 3, 2) + bend[:, :-1]
            )  # fmt: skip
            slope[:, 1:] += r[:, None, None] * (x[:, None] * s[:, :, None] + g)
            sums[:, 1:] += r[:, None] * s
        rows, d = np.arange(len(blocks)), self.many[blocks]
        with np.errstate(divide="ignore", invalid="ignore"):
            total = sums[rows, d]
            score = slope[rows, d] / total[:, None]
            square = bend[rows, d] / total[:, None, None]
        information = square - score[:, :, None] * score[:, None, :]
        mean, spread = plain[0], plain[1] - plain[0][:, :, None] * plain[0][:, None, :]
        found = (
            np.zeros(self.members), np.zeros((self.members, p)), np.zeros((self.members, p, p))
        )  # fmt: skip
        with np.errstate(divide="ignore"):
            np.add.at(found[0], member, -np.log(total))
        np.add.at(found[1], member, d[:, None] * mean - score)
        np.add.at(found[2], member, information - d[:, None, None] * spread)
        return found

    def score_residuals(self, beta: np.ndarray) -> np.ndarray:
        """Each patient's share of the score, (M, n, p) in the order of time; they sum to it.

        Under Efron's handling a patient who dies counts in the risk sets of those dying at the
        same time by and by less. Source: Therneau & Grambsch, sections 4.2 and 7.1.
        """
        shape = self.death.shape
        _, risk = self._relative(beta)
        s0 = self._risk_sum(risk)
        start = self.block_start[self.block]
        deaths = np.bincount(self.block)[self.block]

        def until(values: np.ndarray) -> np.ndarray:
            """Sum over all deaths at or before each position."""
            at_start = np.bincount(start, weights=values, minlength=risk.size)
            return np.cumsum(at_start.reshape(shape), axis=1)

        def same_time(values: np.ndarray) -> np.ndarray:
            return np.bincount(self.block, weights=values)[self.block]

        hazard = until(1 / s0)
        own = same_time(self.fraction / s0)
        risk_of_dead = risk.ravel()[self.at]
        out = np.empty((*shape, self.p))
        for a, x in enumerate(self.x):
            mean = self._risk_sum(risk * x) / s0
            residual = (risk * (until(mean / s0) - x * hazard)).ravel()
            residual[self.at] += self.xe[a] - same_time(mean) / deaths
            less = self.xe[a] * own - same_time(self.fraction * mean / s0)
            residual[self.at] += risk_of_dead * less
            out[:, :, a] = residual.reshape(shape)
        return out


@dataclass(frozen=True)
class CoxFits:
    """`beta`, `se` (M, p), `log_likelihood`, `null_log_likelihood`, `converged` (M,); `infinite`
    (M, p) marks coefficients without a finite estimate, `score` (M,) is the score statistic at 0.
    Beside infinite coefficients, one on which nothing informs any more is NaN.
    """

    beta: np.ndarray
    se: np.ndarray
    covariance: np.ndarray
    log_likelihood: np.ndarray
    null_log_likelihood: np.ndarray
    score: np.ndarray
    converged: np.ndarray
    infinite: np.ndarray


QUICK = 3


def newton(
    evaluate: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray, np.ndarray]],
    members: int,
    sd: np.ndarray,
    iterations: int = 60,
) -> CoxFits:
    """Maximise M partial likelihoods by Newton-Raphson with step halving.

    `evaluate(beta)` gives log-likelihood (M,), score (M, p) and information (M, p, p). When the
    likelihood no longer rises and yet the step stays large (against `sd`, the covariates' standard
    deviations), it rises for ever: the coefficient is infinite. R's coxph warns by the same rule.
    A member that neither converges nor runs away is left with `converged` false; `settle` decides.
    """
    p = sd.shape[1]
    scale = np.where(sd > 0, sd, 1.0)
    beta = np.zeros((members, p))
    value, score, information = evaluate(beta)
    null = value
    # In units of standard deviations, so that a rank is a rank whatever the covariates' units.
    standard = information / (scale[:, :, None] * scale[:, None, :])
    standard = np.where(np.isfinite(standard), standard, 0.0)
    smallest = np.linalg.eigvalsh(standard)
    solvable = (sd > 0).all(axis=1) & (smallest[:, 0] > 1e-9 * np.maximum(smallest[:, -1], 1e-6))
    identity = np.eye(p)

    def step_of(score: np.ndarray, information: np.ndarray) -> np.ndarray:
        matrix = information / (scale[:, :, None] * scale[:, None, :])
        usable = solvable & np.isfinite(matrix).all(axis=(1, 2))
        matrix = np.where(usable[:, None, None], matrix, identity)
        # A vanishing ridge: under separation the information itself vanishes.
        matrix = matrix + 1e-14 * identity
        right = np.where(usable[:, None], score / scale, 0.0)
        return np.linalg.solve(matrix, right[:, :, None])[:, :, 0] / scale

    step = step_of(score, information)
    score_test = np.where(solvable, (score * step).sum(axis=1), np.nan)
    done = ~solvable
    infinite = np.zeros((members, p), dtype=bool)
    stalled = np.zeros(members, dtype=bool)
    for _ in range(iterations):
        gain = (score * step).sum(axis=1)
        finished = ~done & (np.abs(gain) < 1e-11)
        runaway = finished[:, None] & (np.abs(step) * scale > 1e-3)
        infinite |= runaway
        beta = np.where((finished & ~runaway.any(axis=1))[:, None], beta + step, beta)
        done = done | finished
        if done.all():
            break
        active = ~done
        width = np.where(active, 1.0, 0.0)
        # No step changes the linear predictor by more than 10 standard deviations.
        longest = np.maximum((np.abs(step) * scale).max(axis=1), 1e-300)
        width = width * np.minimum(1.0, 10 / longest)
        for _ in range(12):
            trial = beta + width[:, None] * step
            new_value, new_score, new_information = evaluate(trial)
            usable = np.isfinite(new_value) & np.isfinite(new_information).all(axis=(1, 2))
            floor = value - 1e-9 * (1 + np.abs(value))
            worse = ~done & ~(usable & (np.where(usable, new_value, 0.0) >= floor))
            if not worse.any():
                break
            width = np.where(worse, width / 2, width)
        # Where even a tiny step is no improvement, arithmetic has come to its end.
        stalled |= worse
        done = done | worse
        # A member that is done stays as it is, so that it does not depend on the other members.
        kept = worse | ~active
        keep = kept[:, None]
        beta = np.where(keep, beta, trial)
        value = np.where(kept, value, new_value)
        score = np.where(keep, score, new_score)
        information = np.where(keep[:, :, None], information, new_information)
        step = step_of(score, information)
    done &= ~stalled
    converged = done & solvable & ~infinite.any(axis=1)
    matrix = np.where(
        (solvable & np.isfinite(information).all(axis=(1, 2)))[:, None, None],
        information / (scale[:, :, None] * scale[:, None, :]) + 1e-14 * identity,
        identity,
    )
    covariance = np.linalg.inv(matrix) / (scale[:, :, None] * scale[:, None, :])
    covariance = np.where(solvable[:, None, None], covariance, np.nan)
    with np.errstate(invalid="ignore"):
        se = np.sqrt(np.diagonal(covariance, axis1=1, axis2=2))
    beta = np.where(solvable[:, None], beta, np.nan)
    # Beside an infinite coefficient another may be left without information: it has no estimate.
    with np.errstate(invalid="ignore"):
        unknown = infinite.any(axis=1, keepdims=True) & ~infinite & ~(se * scale < 1e4)
    beta, se = np.where(unknown, np.nan, beta), np.where(unknown, np.nan, se)
    direction = np.where(step == 0, beta, step)
    return CoxFits(
        np.where(infinite, np.copysign(np.inf, direction), beta),
        np.where(infinite, np.inf, se),
        covariance,
        np.minimum(value, 0.0),  # no partial likelihood is above 1; rounding of runaway fits is
        null,
        score_test,
        converged,
        infinite,
    )


def settle(fits: CoxFits, likelihood: EfronLikelihood, *, pooled: bool = False) -> CoxFits:
    """Decide, for members where Newton's method ended nowhere, whether a coefficient is infinite.

    `pooled` if the likelihood's members are strata of one model. Coefficients that remain finite
    in such a member have no estimate: NaN.
    """
    nowhere = np.flatnonzero(~fits.converged & ~fits.infinite.any(axis=1))
    nowhere = [m for m in nowhere if np.isfinite(fits.beta[m]).all()]
    if not nowhere:
        return fits
    from resarc.survival import separation

    beta, se, infinite = fits.beta.copy(), fits.se.copy(), fits.infinite.copy()
    x = np.stack(likelihood.x, axis=2)
    for m in nowhere:
        rows = slice(None) if pooled else slice(m, m + 1)
        sd = np.sqrt((x[rows] ** 2).sum(axis=(0, 1)) / max(likelihood.part[rows].sum(), 1))
        found = separation.direction(
            x[rows], likelihood.part[rows], likelihood.death[rows], likelihood.first[rows], sd
        )
        beta[m] = se[m] = np.nan
        if found is not None:
            infinite[m] = found != 0
            beta[m][infinite[m]] = np.copysign(np.inf, found[infinite[m]])
            se[m][infinite[m]] = np.inf
    return replace(fits, beta=beta, se=se, infinite=infinite)


def cox_fits(
    time: np.ndarray,
    event: np.ndarray,
    X: np.ndarray,
    mask: np.ndarray | None = None,
    *,
    order: RiskOrder | None = None,
    quick: bool = False,
    ties: str = "efron",
) -> CoxFits:
    """Cox's model of covariates X (M, n, p) in each member; `ties` as in `EfronLikelihood`.

    `quick` takes a few steps only and does not decide which coefficients are infinite: enough for
    a search whose results are judged afresh.
    """
    order = risk_order(time, event) if order is None else order
    likelihood = EfronLikelihood(order, X, mask, ties)

    def evaluate(beta: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        value, scores, informations = likelihood.derivatives(beta)
        return value, scores[0], informations[0]

    if quick:
        return newton(evaluate, likelihood.members, likelihood.sd, QUICK)
    return settle(newton(evaluate, likelihood.members, likelihood.sd), likelihood)


def cox(
    time: np.ndarray,
    event: np.ndarray,
    X: np.ndarray,
    mask: np.ndarray | None = None,
    *,
    order: RiskOrder | None = None,
    quick: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """Log hazard ratios (M, p) and standard errors (M, p) of a few covariates X (M, n, p)."""
    fits = cox_fits(time, event, X, mask, order=order, quick=quick)
    return fits.beta, fits.se


def cox_binary(
    time: np.ndarray,
    event: np.ndarray,
    x: np.ndarray,
    mask: np.ndarray | None = None,
    *,
    order: RiskOrder | None = None,
    quick: bool = False,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Log hazard ratio, standard error and convergence (M,) of one covariate x (M, n)."""
    fits = cox_fits(
        time, event, np.asarray(x, dtype=float)[..., None], mask, order=order, quick=quick
    )
    return fits.beta[:, 0], fits.se[:, 0], fits.converged


def proportional_hazards(
    time: np.ndarray,
    event: np.ndarray,
    X: np.ndarray,
    terms: tuple[tuple[int, ...], ...],
    mask: np.ndarray | None = None,
    *,
    order: RiskOrder | None = None,
) -> np.ndarray:
    """p (M, terms) of the score test that the coefficients of each term's columns are constant.

    Time enters as 1 less the Kaplan-Meier estimate just before, as in `cox.proportional_hazards`,
    to which this is equal. NaN where the model has no finite estimate or times do not vary.
    """
    order = risk_order(time, event) if order is None else order
    likelihood = EfronLikelihood(order, X, mask)

    def evaluate(beta: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        value, scores, informations = likelihood.derivatives(beta)
        return value, scores[0], informations[0]

    fits = newton(evaluate, likelihood.members, likelihood.sd)
    survival, _, _ = km_steps(order, mask)
    before = np.hstack([np.ones((len(survival), 1)), survival[:, :-1]])
    g = 1 - order.at_first(before)
    deaths = np.maximum(likelihood.death.sum(axis=1, keepdims=True), 1)
    g = g - np.where(likelihood.death, g, 0.0).sum(axis=1, keepdims=True) / deaths
    beta = np.where(fits.converged[:, None], fits.beta, 0.0)
    _, scores, informations = likelihood.derivatives(beta, (None, g, g * g))
    usable = fits.converged & np.isfinite(informations[0]).all(axis=(1, 2))
    plain = np.where(usable[:, None, None], informations[0], np.eye(likelihood.p))
    cross, square = informations[1], informations[2]
    found = np.full((likelihood.members, len(terms)), np.nan)
    for place, term in enumerate(terms):
        at = list(term)
        u, c = scores[1][:, at], cross[:, at]
        variance = square[:, at][:, :, at] - c @ np.linalg.solve(plain, c.transpose(0, 2, 1))
        diagonal = np.diagonal(variance, axis1=1, axis2=2)
        size = np.diagonal(square, axis1=1, axis2=2)[:, at]
        regular = usable & (diagonal > 1e-10 * size).all(axis=1) & (diagonal > 0).all(axis=1)
        scale = np.sqrt(np.where(regular[:, None], diagonal, 1.0))
        matrix = np.where(
            regular[:, None, None],
            variance / (scale[:, :, None] * scale[:, None, :]),
            np.eye(len(at)),
        )
        regular &= np.linalg.eigvalsh(matrix)[:, 0] > 1e-10
        matrix = np.where(regular[:, None, None], matrix, np.eye(len(at)))
        scaled = u / scale
        chi2 = (scaled * np.linalg.solve(matrix, scaled[:, :, None])[:, :, 0]).sum(axis=1)
        found[:, place] = np.where(regular, chdtrc(len(at), chi2), np.nan)
    return found


# --- ROC curves ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Roc:
    """The curves of M markers: values in the order from healthy to sick, `x` (M, n), after `sign`
    (M, 1) has turned them; at each of the n + 1 positions between them the share of cases below
    (`miss`) and of controls above (`alarm`), and whether a threshold can lie there (`edge`)."""

    x: np.ndarray
    sign: np.ndarray
    miss: np.ndarray
    alarm: np.ndarray
    edge: np.ndarray
    defined: np.ndarray


def _roc(values: np.ndarray, positive: np.ndarray, known: np.ndarray) -> _Roc:
    """By the rules of `cutpoints`: direction by the medians of the two groups, thresholds midway
    between observed values."""
    cases, controls = known & positive, known & ~positive
    sick, well = (_median(np.where(group, values, np.nan)) for group in (cases, controls))
    sign = np.where(well <= sick, 1.0, -1.0)[:, None]
    oriented = np.where(known, sign * values, np.inf)
    order = np.argsort(oriented, axis=1, kind="stable")
    x, case, control = (
        np.take_along_axis(np.broadcast_to(a, oriented.shape), order, axis=1)
        for a in (oriented, cases, controls)
    )
    n_cases, n_controls = case.sum(axis=1), control.sum(axis=1)
    start = np.zeros((len(x), 1))
    below_cases = np.hstack([start, case.cumsum(axis=1)])
    below_controls = np.hstack([start, control.cumsum(axis=1)])
    # A threshold lies below the k-th value where it differs from the one before, or at either end.
    edge = np.ones(below_cases.shape, dtype=bool)
    edge[:, 1:-1] = x[:, 1:] != x[:, :-1]
    edge &= np.arange(x.shape[1] + 1) <= (n_cases + n_controls)[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        miss = below_cases / n_cases[:, None]
        alarm = 1 - below_controls / n_controls[:, None]
    return _Roc(x, sign, miss, alarm, edge, (n_cases > 0) & (n_controls > 0))


def roc_area(values: np.ndarray, positive: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Area under the ROC curve (M,) of markers (M, n) among the patients of known status; NaN
    without cases or without controls. See `cutpoints.auc`."""
    curve = _roc(values, positive, known)
    # Trapezoids between successive thresholds; positions inside a tie are no corners.
    last = np.maximum.accumulate(np.where(curve.edge, np.arange(curve.edge.shape[1]), 0), axis=1)
    miss, alarm = (np.take_along_axis(a, last, axis=1) for a in (curve.miss, curve.alarm))
    area = ((alarm[:, :-1] - alarm[:, 1:]) * (2 - miss[:, 1:] - miss[:, :-1]) / 2).sum(axis=1)
    return np.where(curve.defined, area, np.nan)


@dataclass(frozen=True)
class RocCutoffs:
    """`threshold` (M,), NaN where no cut-off is better than to call all patients alike; `above`
    (M,) says whether values above it are called positive."""

    threshold: np.ndarray
    above: np.ndarray


def roc_cutoff(
    values: np.ndarray, positive: np.ndarray, known: np.ndarray, criterion: str
) -> RocCutoffs:
    """Optimal cut-off of markers (M, n), the first of several that are best; `youden` or
    `closest` as in `cutpoints.optimal_cutoff`."""
    curve = _roc(values, positive, known)
    miss, alarm = curve.miss, curve.alarm
    badness = miss + alarm if criterion == "youden" else miss**2 + alarm**2
    badness = np.where(curve.edge, badness, np.inf)
    best = (badness <= badness.min(axis=1, keepdims=True) + 1e-12).argmax(axis=1)
    outside = np.full((len(curve.x), 1), np.inf)
    ends, rows = np.hstack([-outside, curve.x, outside]), np.arange(len(curve.x))
    with np.errstate(invalid="ignore"):
        threshold = (ends[rows, best] + ends[rows, best + 1]) / 2
    sign = curve.sign[:, 0]
    useful = curve.defined & np.isfinite(threshold)
    return RocCutoffs(np.where(useful, sign * threshold, np.nan), sign > 0)


def _median(values: np.ndarray) -> np.ndarray:
    """Median (M,) of the known values of each row; NaN where there are none."""
    ordered = np.sort(values, axis=1)  # NaN come last
    count = (~np.isnan(values)).sum(axis=1)
    rows = np.arange(len(values))
    last = values.shape[1] - 1
    low, high = (ordered[rows, np.clip(k, 0, last)] for k in ((count - 1) // 2, count // 2))
    return np.where(count > 0, low + (high - low) / 2, np.nan)
