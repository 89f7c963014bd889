"""Cox regression, the proportional-hazards test, and the test of an interaction.

The model is fitted by the kernel that also fits the ensemble (`batch.EfronLikelihood`), so that a
study's hazard ratio and its members' are the same number by construction; tests hold it to R's
coxph and to lifelines. (lifelines' robust standard errors differ from R's by up to 4% where deaths
are tied.)

Sources: Cox, JRSS B 1972;34:187; Efron, JASA 1977;72:557, and Breslow, Biometrics
1974;30:89 (ties); Grambsch & Therneau, Biometrika
1994;81:515, in the exact score form of R survival 3.0 and later (`cox.zph`); Lin & Wei, JASA
1989;84:1074 (robust variance); Bryson & Johnson, Technometrics 1981;23:381 (monotone likelihood).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import chdtrc, chdtri, ndtr, ndtri

from resarc.errors import DataError
from resarc.survival import inputs
from resarc.survival.batch import CoxFits, EfronLikelihood, RiskOrder, newton, risk_order, settle
from resarc.survival.kaplan_meier import curve
from resarc.survival.results import TestResult

TRANSFORMS = ("km", "identity", "rank", "log")
TIES = ("efron", "breslow")
"""Where entry may be late; `cox` also knows `exact`, the discrete likelihood."""


@dataclass(frozen=True)
class CoxResult:
    """A fitted Cox model.

    `coefficients`: one row per covariate with `covariate, log_hr, se, hazard_ratio, lower, upper,
    z, p` (limits on the hazard ratio scale; z and p are Wald's). `problem` says in words why there
    is no finite estimate, and is empty otherwise. `separated` means a monotone likelihood: the
    covariates named in `problem` have a hazard ratio of 0 or infinity, their z and p are NaN, and
    the likelihood-ratio test (`lr_p`) is the one to report; a covariate on which nothing informs
    any more beside them is NaN.
    """

    coefficients: pd.DataFrame
    log_likelihood: float
    null_log_likelihood: float
    lr_statistic: float
    lr_p: float
    score_statistic: float
    score_p: float
    df: int
    n: int
    events: int
    converged: bool
    separated: bool
    problem: str
    method: str


@dataclass(frozen=True)
class _Model:
    """Strata are the members of a batch, padded with absent patients."""

    likelihood: EfronLikelihood
    order: RiskOrder
    time: np.ndarray
    event: np.ndarray
    X: np.ndarray
    sd: np.ndarray

    def evaluate(self, beta: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Log-likelihood (1,), score (1, p) and information (1, p, p), summed over strata."""
        spread = np.broadcast_to(beta, (self.likelihood.members, beta.shape[1]))
        value, scores, informations = self.likelihood.derivatives(spread)
        return (
            value.sum(keepdims=True),
            scores[0].sum(axis=0)[None],
            informations[0].sum(axis=0)[None],
        )

    def log_likelihood(self, beta: np.ndarray) -> float:
        spread = np.broadcast_to(beta, (self.likelihood.members, len(beta)))
        return float(self.likelihood.log_likelihood(spread).sum())


def cox(
    frame: pd.DataFrame,
    duration: str,
    event: str,
    covariates: Sequence[str],
    strata: str | Sequence[str] | None = None,
    robust: bool = False,
    level: float = 0.95,
    interval: str = "wald",
    ties: str = "efron",
    cluster: str | None = None,
) -> CoxResult:
    """Cox model.

    `covariates` are numeric columns (factors already as dummies) without missing values. `robust`
    uses the sandwich variance; so does a column `cluster`, whose rows are then taken together (as
    `coxph(cluster=)`). `ties` is `efron` (R's default), `breslow` (that of SPSS and SAS)
    or `exact`, Cox's discrete likelihood (not with `robust`).
    `interval="profile"` gives profile-likelihood limits, for models
    with one covariate only; where the likelihood is monotone that model's limits are of this kind
    in any case, because Wald's do not exist.

    No finite estimate, and `problem` says so: no events; a covariate that is constant or a
    combination of others; a monotone likelihood.
    """
    inputs.fraction(level, "level")
    inputs.one_of(interval, ("wald", "profile"), "interval")
    names = inputs.columns(covariates, "covariates")
    if interval == "profile" and len(names) > 1:
        raise DataError("interval", "'profile' with several covariates", "one covariate")
    inputs.one_of(ties, (*TIES, "exact"), "ties")
    if ties == "exact" and (robust or cluster is not None):
        raise DataError("ties", "'exact' with a robust variance", "efron or breslow")
    model = _model(frame, duration, event, names, strata, ties)
    fit = _fit(model)
    beta, se, infinite = fit.beta[0], fit.se[0], fit.infinite[0]
    separated = bool(infinite.any())
    if (robust or cluster is not None) and fit.converged[0]:
        rows = None if cluster is None else inputs.strata(frame, cluster)
        se = _robust_se(model, beta, fit.covariance[0], inputs.strata(frame, strata), rows)
    coefficients = coefficient_table(names, beta, se, infinite, level)
    usable = bool(fit.converged[0]) or separated
    if len(names) == 1 and usable and (separated or interval == "profile"):
        lower, upper = _profile(model, float(beta[0]), float(fit.log_likelihood[0]), level)
        coefficients["lower"], coefficients["upper"] = np.exp(lower), np.exp(upper)
    lr = 2 * float(fit.log_likelihood[0] - fit.null_log_likelihood[0]) if usable else np.nan
    lr = max(lr, 0.0) if usable else lr
    score = float(fit.score[0]) if usable else np.nan
    return CoxResult(
        coefficients,
        float(fit.log_likelihood[0]),
        float(fit.null_log_likelihood[0]),
        lr,
        float(chdtrc(len(names), lr)) if usable else np.nan,
        score,
        float(chdtrc(len(names), score)) if usable else np.nan,
        len(names),
        len(model.time),
        int(model.event.sum()),
        bool(fit.converged[0]),
        separated,
        why_not(names, model.sd, bool(model.event.any()), infinite, beta, usable),
        describe(ties, strata is not None, robust or cluster is not None),
    )


def coefficient_table(
    names: Sequence[str], beta: np.ndarray, se: np.ndarray, infinite: np.ndarray, level: float
) -> pd.DataFrame:
    """The `coefficients` of a `CoxResult` with Wald's limits; one-sided where `infinite`."""
    finite_se = np.where(np.isfinite(se) & (se > 0), se, np.nan)
    z = np.where(infinite, 0.0, beta) / finite_se
    width = ndtri((1 + level) / 2) * finite_se
    lower, upper = beta - width, beta + width
    lower = np.where(infinite, np.where(beta < 0, -np.inf, np.nan), lower)
    upper = np.where(infinite, np.where(beta > 0, np.inf, np.nan), upper)
    with np.errstate(over="ignore"):
        return pd.DataFrame(
            {
                "covariate": list(names),
                "log_hr": beta,
                "se": se,
                "hazard_ratio": np.exp(beta),
                "lower": np.exp(lower),
                "upper": np.exp(upper),
                "z": z,
                "p": 2 * ndtr(-np.abs(z)),
            }
        )


def why_not(
    names: Sequence[str],
    sd: np.ndarray,
    any_events: bool,
    infinite: np.ndarray,
    beta: np.ndarray,
    usable: bool,
) -> str:
    """Why there is no finite estimate, in words; empty if there is one."""
    if infinite.any():
        said = [
            f"{name} (hazard ratio {'infinite' if value > 0 else '0'})"
            for name, value, runs in zip(names, beta, infinite, strict=True)
            if runs
        ]
        return "monotone likelihood (separation): " + ", ".join(said)
    if not any_events:
        return "no events"
    constant = [name for name, spread in zip(names, sd, strict=True) if spread == 0]
    if constant:
        return "constant covariate: " + ", ".join(constant)
    if not usable:
        return "covariates that determine each other among the patients at risk"
    return ""


def describe(ties: str, stratified: bool, robust: bool, model: str = "Cox") -> str:
    """The model in words, for `method`."""
    return (
        f"{model}, {ties.capitalize()} ties"
        + (", stratified" if stratified else "")
        + (", robust variance" if robust else "")
    )


def proportional_hazards(
    frame: pd.DataFrame,
    duration: str,
    event: str,
    covariates: Sequence[str],
    strata: str | Sequence[str] | None = None,
    transform: str = "km",
    terms: Mapping[str, Sequence[str]] | None = None,
) -> pd.DataFrame:
    """Score test that each coefficient is constant over time: `term, chi2, df, p`, then GLOBAL.

    Equal to `cox.zph` of R survival 3.0 and later. Time enters as `transform`: `km` (1 less the
    Kaplan-Meier estimate just before), `identity`, `rank` or `log`. `terms` gathers dummies of one
    factor into one test; default one term per covariate. NaN if the model has no finite estimate.
    """
    inputs.one_of(transform, TRANSFORMS, "transform")
    names = inputs.columns(covariates, "covariates")
    terms = {name: [name] for name in names} if terms is None else terms
    unknown = sorted({c for columns in terms.values() for c in columns} - set(names))
    if unknown:
        raise DataError("terms", f"column {unknown[0]!r}", f"one of the covariates {names}")
    model = _model(frame, duration, event, names, strata)
    fit = _fit(model)
    places = [[names.index(c) for c in columns] for columns in terms.values()]
    places.append(list(range(len(names))))
    rows = [*terms, "GLOBAL"]
    if not fit.converged[0]:
        blank = [(row, np.nan, len(at), np.nan) for row, at in zip(rows, places, strict=True)]
        return pd.DataFrame(blank, columns=["term", "chi2", "df", "p"])
    g = _transformed(model.time, model.event, transform)
    g = g - g[model.event].mean()
    padded = np.nan_to_num(_by_stratum(g, inputs.strata(frame, strata)), nan=0.0)
    g = np.take_along_axis(padded, model.order.index, axis=1)
    _, scores, informations = model.likelihood.derivatives(
        np.broadcast_to(fit.beta, (model.likelihood.members, len(names))), (None, g, g * g)
    )
    u = scores[1].sum(axis=0)
    plain, cross, square = (i.sum(axis=0) for i in informations)
    result = []
    for row, at in zip(rows, places, strict=True):
        # Score test of the coefficients of g(t) x, the main effects being at their maximum.
        variance = square[np.ix_(at, at)] - cross[at] @ np.linalg.solve(plain, cross[at].T)
        regular = _regular(variance, np.diag(square)[at])
        chi2 = float(u[at] @ np.linalg.solve(variance, u[at])) if regular else np.nan
        result.append((row, chi2, len(at), float(chdtrc(len(at), chi2))))
    return pd.DataFrame(result, columns=["term", "chi2", "df", "p"])


def interaction_p(
    frame: pd.DataFrame,
    duration: str,
    event: str,
    first: str | Sequence[str],
    second: str | Sequence[str],
    covariates: Sequence[str] = (),
    strata: str | Sequence[str] | None = None,
    ties: str = "efron",
) -> TestResult:
    """Likelihood-ratio test of the products of two covariates (or two sets of dummies).

    Both models hold `first`, `second` and `covariates`. NaN if the larger model is not of full
    rank (a cell without patients, say). A monotone likelihood does not hinder this test.
    """
    a, b = inputs.columns(first, "first"), inputs.columns(second, "second")
    main = list(dict.fromkeys([*a, *b, *covariates]))
    inputs.require(frame, [duration, event, *main])
    products = {
        f"{x}:{y}": inputs.vector(frame[x], x) * inputs.vector(frame[y], y) for x in a for y in b
    }
    larger = frame.assign(**products)
    small = cox(frame, duration, event, main, strata, ties=ties)
    large = cox(larger, duration, event, [*main, *products], strata, ties=ties)
    df = len(products)
    usable = all(model.converged or model.separated for model in (small, large))
    chi2 = max(2 * (large.log_likelihood - small.log_likelihood), 0.0) if usable else np.nan
    return TestResult(
        chi2, float(df), float(chdtrc(df, chi2)), "likelihood ratio test of interaction, Cox"
    )


def _fit(model: _Model) -> CoxFits:
    return settle(newton(model.evaluate, 1, model.sd[None]), model.likelihood, pooled=True)


def _by_stratum(values: np.ndarray, stratum: np.ndarray) -> np.ndarray:
    """(n, ...) to (strata, largest stratum, ...), the rest NaN."""
    if stratum.size and stratum.max() == 0:
        return values[None]
    sizes = np.bincount(stratum)
    order = np.argsort(stratum, kind="stable")
    place = np.arange(stratum.size) - np.repeat(sizes.cumsum() - sizes, sizes)
    out = np.full((sizes.size, sizes.max(), *values.shape[1:]), np.nan)
    out[stratum[order], place] = values[order]
    return out


def _model(
    frame: pd.DataFrame,
    duration: str,
    event: str,
    names: list[str],
    strata: str | Sequence[str] | None,
    ties: str = "efron",
) -> _Model:
    inputs.require(frame, [duration, event, *names])
    time, died = inputs.follow_up(frame[duration], frame[event])
    X = inputs.matrix(frame, names)
    stratum = inputs.strata(frame, strata)
    padded_time = _by_stratum(time, stratum)
    padded_event = _by_stratum(died.astype(float), stratum) == 1
    order = risk_order(padded_time, padded_event)
    likelihood = EfronLikelihood(order, _by_stratum(X, stratum), ties=ties)
    # Spread within strata: what does not vary there says nothing.
    part = (~np.isnan(padded_time)).sum(axis=1)
    sd = np.sqrt((likelihood.sd**2 * part[:, None]).sum(axis=0) / time.size)
    return _Model(likelihood, order, time, died, X, sd)


def _robust_se(
    model: _Model,
    beta: np.ndarray,
    covariance: np.ndarray,
    stratum: np.ndarray,
    cluster: np.ndarray | None,
) -> np.ndarray:
    """Lin and Wei's sandwich: the covariance around the patients' own shares of the score."""
    spread = np.broadcast_to(beta, (model.likelihood.members, len(beta)))
    shares = model.likelihood.score_residuals(spread).reshape(-1, len(beta)) @ covariance
    if cluster is not None:
        padded = np.nan_to_num(_by_stratum(cluster.astype(float), stratum), nan=-1.0)
        of_row = np.take_along_axis(padded, model.order.index, axis=1).ravel().astype(int)
        present = of_row >= 0
        summed = np.zeros((cluster.max() + 1, len(beta)))
        np.add.at(summed, of_row[present], shares[present])
        shares = summed
    return np.sqrt((shares**2).sum(axis=0))


def _profile(
    model: _Model, beta: float, log_likelihood: float, level: float
) -> tuple[np.ndarray, np.ndarray]:
    """Limits of one coefficient: twice the log-likelihood falls by the chi2 quantile."""
    from scipy.optimize import brentq

    drop = chdtri(1, 1 - level) / 2

    def above(b: float) -> float:
        return model.log_likelihood(np.array([b])) - log_likelihood + drop

    limits = []
    for sign in (-1.0, 1.0):
        if beta == sign * np.inf:
            limits.append(sign * np.inf)
            continue
        # A separated coefficient starts from where the likelihood no longer rises.
        unit = 1 / model.sd[0]
        inner = beta if np.isfinite(beta) else -sign * 30 * unit
        while above(inner) <= 0:
            inner -= sign * 30 * unit
        outer = inner + sign * unit
        while above(outer) > 0 and abs(outer) < 1e3 * unit:
            outer += sign * 2 * abs(outer - inner)
        found = above(outer) <= 0
        limits.append(
            brentq(above, min(inner, outer), max(inner, outer), xtol=1e-12)
            if found
            else sign * np.inf
        )
    return np.array([limits[0]]), np.array([limits[1]])


def _transformed(time: np.ndarray, event: np.ndarray, transform: str) -> np.ndarray:
    if transform == "identity":
        return time
    if transform == "rank":
        return pd.Series(time).rank().to_numpy()
    if transform == "log":
        if (time <= 0).any():
            raise DataError("time", "0", "times above 0 for the transform 'log'")
        return np.log(time)
    steps = curve(time, event, "plain")
    before = np.searchsorted(steps["time"].to_numpy(), time, side="left")
    return 1 - np.append(1.0, steps["survival"].to_numpy())[before]


def _regular(matrix: np.ndarray, size: np.ndarray) -> bool:
    """Whether a covariance can be inverted. `size` is what its diagonal was before the part that
    other coefficients explain was taken off: a rest of rounding errors is none."""
    diagonal = np.diag(matrix)
    if not (diagonal > 1e-10 * size).all():
        return False
    root = np.sqrt(diagonal)
    return bool(np.linalg.eigvalsh(matrix / np.outer(root, root))[0] > 1e-10)
