"""Cox's partial likelihood with any risk sets: delayed entry, changing covariates, weights.

`batch.EfronLikelihood` sums over risk sets from the right, which is fast and needs everyone to
enter at time 0. Here each risk set is a row of weights, so that rows of follow-up may start late
and patients may count in part (Fine & Gray). Memory is bounded by taking some deaths at a time;
the work grows with deaths x rows, which suits clinical cohorts (a second for 1,000 deaths among
10,000 rows).

Sources: Andersen & Gill, Ann Stat 1982;10:1100; Efron, JASA 1977;72:557; Breslow, Biometrics
1974;30:89; Therneau & Grambsch, Modeling Survival Data, sections 3.3, 3.7 and 7.1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from resarc.survival.batch import CoxFits, newton
from resarc.survival.separation import rising

# Numbers in a block of risk sets (deaths x rows) that are held at a time.
_BLOCK = 2_000_000
# Differences between deaths and others at risk that are given to the linear programme at most.
_MOST_PAIRS = 2_000_000


@dataclass(frozen=True)
class PartialLikelihood:
    """One data set of n rows and D deaths.

    `x` (n, p) are covariates, centred; `sd` (p,) their standard deviations within strata. `death`
    (D,) is the row of each death; deaths at the same time in the same stratum have the same `block`
    (D,). `weights(deaths)` gives the risk sets of some deaths as an array (deaths, n) of weights.
    """

    x: np.ndarray
    sd: np.ndarray
    death: np.ndarray
    block: np.ndarray
    weights: Callable[[np.ndarray], np.ndarray]

    @cached_property
    def products(self) -> np.ndarray:
        """Of each row the products of two covariates each, (n, p * p)."""
        return (self.x[:, :, None] * self.x[:, None, :]).reshape(len(self.x), -1)

    def evaluate(self, beta: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Log-likelihood (1,), score (1, p) and information (1, p, p) at `beta` (1, p)."""
        return self.of_risk_sets(self.risk_sets(beta[0]))

    def of_risk_sets(self, risk_sets: RiskSets) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """`evaluate`, from the risk sets at `beta`."""
        p = self.x.shape[1]
        value, score, information = 0.0, np.zeros(p), np.zeros((p, p))
        for deaths, share, log_sum, eta in risk_sets:
            mean = share @ self.x
            square = (share @ self.products).reshape(-1, p, p)
            value += float((eta[self.death[deaths]] - log_sum).sum())
            score += (self.x[self.death[deaths]] - mean).sum(axis=0)
            information += square.sum(axis=0) - mean.T @ mean
        return np.array([value]), score[None], information[None]

    def log_likelihood(self, beta: np.ndarray) -> float:
        """At `beta` (p,)."""
        return float(
            sum(
                (eta[self.death[deaths]] - log_sum).sum()
                for deaths, _, log_sum, eta in self.risk_sets(beta)
            )
        )

    def firth(self, risk_sets: RiskSets, inverse: np.ndarray) -> np.ndarray:
        """Half the trace of information^-1 d information / d beta_j: (p,); `inverse` is the first.

        The derivative of a risk set's covariance of the covariates is its third central moment.
        """
        x = self.x
        length = np.einsum("ia,ab,ib->i", x, inverse, x)
        out = np.zeros(x.shape[1])
        for _, share, _, _ in risk_sets:
            mean, mean_length = share @ x, share @ length
            third = share @ (length[:, None] * x) - mean * mean_length[:, None]
            products = (share @ self.products).reshape(-1, x.shape[1], x.shape[1])
            covariance = products - mean[:, :, None] * mean[:, None, :]
            third -= 2 * np.einsum("da,ab,dbc->dc", mean, inverse, covariance)
            out += third.sum(axis=0)
        return out / 2

    def score_residuals(self, beta: np.ndarray) -> np.ndarray:
        """Each row's share of the score, (n, p); they sum to it."""
        out = np.zeros_like(self.x)
        at_death = np.zeros((len(self.death), self.x.shape[1]))
        for deaths, share, _, _ in self.risk_sets(beta):
            mean = share @ self.x
            out -= share.sum(axis=0)[:, None] * self.x - share.T @ mean
            at_death[deaths] = mean
        if self.death.size:
            # Tied deaths are exchangeable: each is held against the mean of their risk sets.
            size = np.bincount(self.block)
            for j in range(self.x.shape[1]):
                mean = np.bincount(self.block, weights=at_death[:, j]) / size
                np.add.at(out[:, j], self.death, self.x[self.death, j] - mean[self.block])
        return out

    def separating(self) -> np.ndarray | None:
        """A direction (p,) in which the likelihood rises for ever; None if there is none, or if the
        data are too many for the linear programme."""
        if self.death.size * len(self.x) > _MOST_PAIRS:
            return None
        rows = [
            self.x[dead] - self.x[self.weights(np.array([d]))[0] > 0]
            for d, dead in enumerate(self.death)
        ]
        return rising(np.concatenate(rows) / self.sd)

    def risk_sets(self, beta: np.ndarray) -> RiskSets:
        """Everyone's share of the risk at each death, at coefficients (p,)."""
        return RiskSets(self, self.x @ beta)

    @cached_property
    def blocks(self) -> list[np.ndarray]:
        """Deaths that are taken at a time."""
        step = max(1, _BLOCK // max(len(self.x), 1))
        starts = range(0, self.death.size, step)
        return [np.arange(start, min(start + step, self.death.size)) for start in starts]

    @cached_property
    def all_weights(self) -> np.ndarray:
        """The risk sets of all deaths, where they are one block."""
        return self.weights(self.blocks[0])


class RiskSets:
    """Blocks of deaths: which, everyone's share of the risk (d, n), log of its sum, and eta.

    They can be gone through again. A single block is kept; several are computed anew, for memory.
    """

    def __init__(self, likelihood: PartialLikelihood, eta: np.ndarray) -> None:
        self._likelihood, self._eta = likelihood, eta
        self._kept: tuple[np.ndarray, ...] | None = None

    def __iter__(self) -> Iterator[tuple[np.ndarray, ...]]:
        blocks = self._likelihood.blocks
        if len(blocks) != 1:
            yield from (self._of(deaths, self._likelihood.weights(deaths)) for deaths in blocks)
            return
        if self._kept is None:
            self._kept = self._of(blocks[0], self._likelihood.all_weights)
        yield self._kept

    def _of(self, deaths: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, ...]:
        top = np.where(weights > 0, self._eta, -np.inf).max(axis=1, keepdims=True)
        risk = weights * np.exp(np.minimum(self._eta - top, 0.0))
        total = risk.sum(axis=1, keepdims=True)
        return deaths, risk / total, (np.log(total) + top)[:, 0], self._eta


def fit(likelihood: PartialLikelihood) -> CoxFits:
    """The maximum (arrays with one member), infinite coefficients found out as in `batch.settle`."""
    found = newton(likelihood.evaluate, 1, likelihood.sd[None])
    if found.converged[0] or found.infinite.any() or not np.isfinite(found.beta).all():
        return found
    direction = likelihood.separating()
    infinite = np.zeros_like(found.infinite) if direction is None else direction[None] != 0
    signs = np.zeros_like(found.beta) if direction is None else direction[None]
    return replace(
        found,
        beta=np.where(infinite, np.copysign(np.inf, signs), np.nan),
        se=np.where(infinite, np.inf, np.nan),
        infinite=infinite,
    )


def of_intervals(
    start: np.ndarray,
    stop: np.ndarray,
    event: np.ndarray,
    x: np.ndarray,
    stratum: np.ndarray,
    ties: str = "efron",
) -> PartialLikelihood:
    """The likelihood of rows of follow-up (start, stop], `event` at the stop; all (n,), x (n, p)."""
    rows = np.flatnonzero(event)
    order = rows[np.lexsort((stop[rows], stratum[rows]))]
    when, where = stop[order], stratum[order]
    new = np.ones(order.size, dtype=bool)
    new[1:] = (when[1:] != when[:-1]) | (where[1:] != where[:-1])
    block = np.cumsum(new) - 1
    rank = np.arange(order.size) - np.flatnonzero(new)[block] if order.size else block
    fraction = np.zeros(order.size)
    if ties == "efron" and order.size:
        fraction = rank / np.bincount(block)[block]

    def weights(deaths: np.ndarray) -> np.ndarray:
        t, s = when[deaths, None], where[deaths, None]
        at_risk = ((start < t) & (t <= stop) & (stratum == s)).astype(float)
        tied = fraction[deaths] > 0
        if tied.any():
            dying = event & (stop == t[tied]) & (stratum == s[tied])
            at_risk[tied] -= fraction[deaths][tied, None] * dying
        return at_risk

    x, sd = centred(x, stratum)
    return PartialLikelihood(x, sd, order, block, weights)


def centred(x: np.ndarray, stratum: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Covariates less their means by stratum, (n, p), and their spread within strata (p,).

    What does not vary within strata has a spread of exactly 0: it says nothing.
    """
    size = np.maximum(np.bincount(stratum), 1)
    out = np.empty_like(x)
    for j in range(x.shape[1]):
        mean = np.bincount(stratum, weights=x[:, j]) / size
        out[:, j] = x[:, j] - mean[stratum]
    constant = np.array(
        [
            all(np.ptp(x[stratum == s, j]) == 0 for s in np.unique(stratum))
            for j in range(x.shape[1])
        ]
    )
    out[:, constant] = 0.0
    return out, np.sqrt((out**2).mean(axis=0))
