"""Missing values of a registry: how many, in which patterns, and the model with them imputed.

Imputation is by chained equations with predictive mean matching (statsmodels), so that an imputed
value is always one that some patient has; levels of a category enter as numbers in the protocol's
order. The imputation knows the outcome: event and Nelson-Aalen hazard. Results are combined by
Rubin's rules, which are right here because there is a model behind each draw.

Sources: Rubin, Multiple Imputation for Nonresponse in Surveys, 1987; van Buuren, Flexible Imputation
of Missing Data, 2nd ed. (chained equations, predictive mean matching); White & Royston, Stat Med
2009;28:1982 (survival outcomes).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from resarc.estimand import Estimand
from resarc.protocol import Analysis, Protocol
from resarc.reanalysis import words
from resarc.reanalysis.dataset import Data
from resarc.reanalysis.ratios import hazard_ratios, paper_p, paper_ratio
from resarc.reanalysis.result import Changes, Conclusion, Number, Part
from resarc.reanalysis.small_samples import column_name, column_of
from resarc.recommended import MissingData
from resarc.survival.cox import cox

PATTERNS = 10
"""Patterns of missing values that are listed, the most frequent first."""
_TIME, _EVENT = "(time)", "(event)"  # no variable can be named so


def evaluate(data: Data, analysis: Analysis, asked: MissingData) -> Part:
    """Counts and patterns, and each hazard ratio from complete cases and from imputations."""
    if data.frame is None:
        return Part(
            (),
            Conclusion(
                "Rebuilt datasets have no missing values: what was missing in the paper's patients is "
                "not known. The question is for the registry.",
                "not comparable",
            ),
        )
    names = tuple(dict.fromkeys((*analysis.variables, *analysis.adjusted_for)))
    names = tuple(name for name in names if data.protocol.kind(name) in ("category", "number"))
    whole = Estimand("n")
    frame = _coded(data, analysis.endpoint, names)
    gone = frame[list(names)].isna()
    numbers = _counts(data.protocol, whole, gone)
    complete = int((~gone.any(axis=1)).sum())
    start = f"{complete} of {len(frame)} patients have a value in every variable of the analysis"
    if analysis.kind != "multivariable":
        return Part(numbers, Conclusion(f"{start}.", "no"))
    ratios = hazard_ratios(data, analysis)
    if complete == len(frame):
        numbers += [paper_ratio(data, estimand) for estimand in ratios]
        return Part(numbers, Conclusion(f"{start}: nothing had to be imputed.", "no"))
    if not frame[_EVENT].any() or gone.all().any():
        return Part(
            numbers, Conclusion(f"{start}: too little is known to impute.", "not comparable")
        )
    combined = _imputed(data, frame, names, gone, asked, analysis)
    alpha = data.protocol.conventions.alpha
    found: list[Changes] = []
    otherwise: list[str] = []
    method = f"{asked.imputations} imputations by chained equations, Rubin's rules"
    for estimand in ratios:
        before, p = paper_p(data, estimand)
        row = combined.get(column_of(estimand))
        numbers += [paper_ratio(data, estimand), before]
        if row is None:
            continue
        numbers += [
            Number(
                estimand, "imputed_hazard_ratio", np.array([row.ratio]), np.array([row.lower]),
                np.array([row.upper]), method=method,
            ),
            Number(estimand, "imputed_p", np.array([row.p]), method=method),
        ]  # fmt: skip
        changed = words.changes(p, np.array([row.p]), alpha)
        found.append(changed)
        if changed == "yes":
            otherwise.append(words.short(replace(estimand, adjusted_for=()), data.protocol))
    end = (
        f"with missing values imputed, p moves to the other side of {alpha:g} for {words.some_of(otherwise)}"
        if otherwise
        else f"with missing values imputed, no p moves to the other side of {alpha:g}"
    )
    return Part(numbers, Conclusion(f"{start}; {end}.", words.together(found)))


def _coded(data: Data, endpoint: str | None, names: tuple[str, ...]) -> pd.DataFrame:
    """The patients, of an endpoint those with follow-up; a number as it is, a category as the place
    of its level."""
    ensemble = data.ensemble
    columns: dict[str, np.ndarray] = {}
    if endpoint:
        columns |= {_TIME: ensemble.times[endpoint][0], _EVENT: ensemble.events[endpoint][0]}
    for name in names:
        if data.protocol.kind(name) == "number":
            columns[name] = ensemble.number(name)[0].astype(float)
        else:
            code = ensemble.code(name)[0].astype(float)
            columns[name] = np.where(code >= 0, code, np.nan)
    frame = pd.DataFrame(columns)
    return frame[frame[_TIME].notna()].reset_index(drop=True) if endpoint else frame


def _counts(protocol: Protocol, whole: Estimand, gone: pd.DataFrame) -> list[Number]:
    """Missing by covariate, then the most frequent patterns, named by what is missing in them."""

    def one(quantity: str, value: float, at: str) -> Number:
        return Number(whole, quantity, np.array([float(value)]), at=at)

    numbers = [one("n", len(gone), ""), one("complete_cases", (~gone.any(axis=1)).sum(), "")]
    for name in gone:
        label = protocol.label(name)
        numbers += [
            one("missing", gone[name].sum(), label),
            one("missing_share", gone[name].mean(), label),
        ]
    patterns = gone.apply(
        lambda row: ", ".join(protocol.label(n) for n in gone.columns[row.to_numpy()]), axis=1
    )
    sizes = patterns[patterns != ""].value_counts()
    ordered = sorted(sizes.items(), key=lambda item: (-item[1], item[0]))
    return numbers + [one("pattern", size, str(name)) for name, size in ordered[:PATTERNS]]


@dataclass(frozen=True)
class Combined:
    """A hazard ratio over imputations, by Rubin's rules."""

    ratio: float
    lower: float
    upper: float
    p: float


def rubin(estimates: np.ndarray, variances: np.ndarray, level: float) -> tuple[float, ...]:
    """Estimate, standard error, degrees of freedom, lower, upper and p over m imputations.

    The degrees of freedom are Rubin's, (m - 1)(1 + W / ((1 + 1/m) B))^2; without variance between
    the imputations they are infinite.
    """
    from scipy.special import stdtr, stdtrit

    m = len(estimates)
    within, between = float(variances.mean()), float(estimates.var(ddof=1))
    extra = (1 + 1 / m) * between
    value, se = float(estimates.mean()), float(np.sqrt(within + extra))
    df = (m - 1) * (1 + within / extra) ** 2 if extra > 1e-15 * within else np.inf
    quantile = float(stdtrit(min(df, 1e15), (1 + level) / 2))
    p = float(2 * stdtr(min(df, 1e15), -abs(value) / se))
    return value, se, df, value - quantile * se, value + quantile * se, p


def _imputed(
    data: Data, frame: pd.DataFrame, names: tuple[str, ...], gone: pd.DataFrame,
    asked: MissingData, analysis: Analysis,
) -> dict[str, Combined]:  # fmt: skip
    """Coefficients of the model over imputed datasets, by column of the design."""
    from statsmodels.imputation.mice import MICEData

    level = data.protocol.conventions.level
    short = {name: f"x{place}" for place, name in enumerate(names)}
    known = frame[list(names)].rename(columns=short)
    known["event"] = frame[_EVENT].astype(float)
    known["hazard"] = _nelson_aalen(frame[_TIME].to_numpy(), frame[_EVENT].to_numpy())
    varying = known.columns[known.nunique() > 1]
    rng = data.random("imputation", analysis.id)
    fits = []
    chain = MICEData(known[varying], k_pmm=min(5, int((~gone).sum().min())), rng=rng)
    for _ in range(asked.imputations):
        chain.update_all(asked.iterations)
        fits.append(_fit(data.protocol, frame, chain.data.copy(), short, level))
    found: dict[str, Combined] = {}
    shared = set.intersection(*(set(fit.index) for fit in fits))
    for column in fits[0].index:
        if column not in shared:
            continue
        values = np.array([fit.loc[column, ["log_hr", "se"]].to_numpy(float) for fit in fits])
        if not np.isfinite(values).all():
            continue
        value, _, _, lower, upper, p = rubin(values[:, 0], values[:, 1] ** 2, level)
        found[column] = Combined(*(float(np.exp(v)) for v in (value, lower, upper)), p)
    return found


def _fit(
    protocol: Protocol,
    frame: pd.DataFrame,
    drawn: pd.DataFrame,
    short: dict[str, str],
    level: float,
) -> pd.DataFrame:
    """Cox's model of one imputed dataset; rows by covariate."""
    columns: dict[str, np.ndarray] = {}
    for name, column in short.items():
        if column not in drawn:
            continue
        values = drawn[column].to_numpy(float)
        if protocol.kind(name) == "number":
            columns[name] = values
            continue
        levels = protocol.levels(name)
        present = [place for place in range(len(levels)) if (values == place).any()]
        for place in present[1:]:
            contrast = (levels[place], levels[present[0]])
            columns[column_name(name, contrast)] = (values == place).astype(float)
    model = pd.DataFrame({_TIME: frame[_TIME], _EVENT: frame[_EVENT], **columns})
    fit = cox(model, _TIME, _EVENT, list(columns), level=level)
    return fit.coefficients.set_index("covariate")


def _nelson_aalen(time: np.ndarray, event: np.ndarray) -> np.ndarray:
    """Cumulative hazard at each patient's own time."""
    distinct, place = np.unique(time, return_inverse=True)
    died = np.bincount(place, weights=event, minlength=distinct.size)
    at_risk = np.bincount(place, minlength=distinct.size)[::-1].cumsum()[::-1]
    return (died / at_risk).cumsum()[place]
