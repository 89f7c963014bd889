"""Every statistic of the estimand language, evaluated on one cohort."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict

import pandas as pd

from resarc.analysis import markers, regression, summaries, times
from resarc.analysis.plan import Planned
from resarc.analysis.result import Estimate
from resarc.analysis.view import CohortView
from resarc.errors import ConfigurationError, DataError
from resarc.estimand import Condition, Estimand
from resarc.output import significant
from resarc.protocol import Protocol

COLUMNS = (
    "estimand",
    "value",
    "lower",
    "upper",
    "p",
    "n",
    "events",
    "method",
    "origin",
    "analysis",
    "note",
)

Evaluator = Callable[[CohortView, Estimand], Estimate]

_EVALUATORS: dict[str, Evaluator] = {
    "n": summaries.count,
    "known": summaries.known,
    "missing": summaries.known,
    "proportion": summaries.proportion,
    "chi2_p": summaries.category_test,
    "chi2_yates_p": summaries.category_test,
    "fisher_p": summaries.category_test,
    "trend_p": summaries.category_test,
    "mean": summaries.summary,
    "sd": summaries.summary,
    "q1": summaries.summary,
    "q3": summaries.summary,
    "minimum": summaries.summary,
    "maximum": summaries.summary,
    "median_difference": summaries.median_difference,
    "standardised_difference": summaries.standardised_difference,
    "mann_whitney_p": summaries.rank_test,
    "mann_whitney_uncorrected_p": summaries.rank_test,
    "kruskal_wallis_p": summaries.rank_test,
    "events": times.events,
    "survival": times.survival,
    "crude_rate": times.crude_rate,
    "followed_rate": times.followed_rate,
    "at_risk": times.at_risk,
    "rmst": times.rmst,
    "rmst_difference": times.difference,
    "survival_difference": times.difference,
    "followup_median": times.observed_time,
    "followup_mean": times.observed_time,
    "followup_minimum": times.observed_time,
    "followup_maximum": times.observed_time,
    "reverse_followup_median": times.reverse_followup_median,
    "logrank_p": times.logrank_p,
    "wilcoxon_p": times.logrank_p,
    "tarone_ware_p": times.logrank_p,
    "peto_p": times.logrank_p,
    "cox_lr_p": regression.likelihood_ratio_p,
    "hazard_ratio": regression.hazard,
    "cox_p": regression.hazard,
    "ph_p": regression.ph_p,
    "interaction_p": regression.interaction_p,
    "auc": markers.auc,
    "roc_cutoff": markers.roc_cutoff,
}
"""By statistic; `median` is of a number or of an endpoint, and `flow` needs its own frame."""


def evaluate(estimand: Estimand, frame: pd.DataFrame | CohortView, protocol: Protocol) -> Estimate:
    """The estimand's value in one cohort, by the protocol's conventions.

    `frame` is a cohort (see `resarc.protocol`), or a view of one, which remembers rows, curves and
    fits for the next estimand. Each estimand uses its own complete cases; `Estimate.n` counts them.
    What the data do not determine is NaN with a note; `ConfigurationError` if the protocol cannot
    have the estimand at all.
    """
    fault = protocol.explain_fault(estimand)
    if fault or estimand.subject == "flow":
        raise ConfigurationError(
            f"study {protocol.study!r}",
            fault or str(estimand),
            "an estimand of this study's patients",
            "Numbers of eligibility come from `evaluate_flow`." if not fault else "",
        )
    view = frame if isinstance(frame, CohortView) else CohortView(frame, protocol)
    if estimand.statistic == "median":
        is_endpoint = protocol.kind(estimand.subject) == "endpoint"
        return (times.median if is_endpoint else summaries.summary)(view, estimand)
    return _EVALUATORS[estimand.statistic](view, estimand)


def evaluate_flow(estimand: Estimand, flow: pd.DataFrame) -> Estimate:
    """A number of eligibility from `flow` (step, label, entering, excluded, remaining).

    The first row is the step `screened`. `DataError` if the flow has no such step.
    """
    step = "screened" if estimand.statistic == "screened" else str(estimand.argument)
    row = flow.loc[flow["step"] == step]
    if len(row) != 1:
        raise DataError(
            "flow, column step",
            f"{len(row)} rows {step!r}",
            "one row for each step of eligibility",
            "Run the stage cohort again with the present protocol.",
        )
    column = "excluded" if estimand.statistic == "excluded" else "remaining"
    found = row.iloc[0]
    return Estimate(float(found[column]), n=int(found["entering"]), method="count")


def estimate(
    planned: Iterable[Planned],
    frame: pd.DataFrame,
    flow: pd.DataFrame,
    protocol: Protocol,
    origin: str,
) -> pd.DataFrame:
    """One row for each planned estimand, columns `COLUMNS`; numbers at 10 significant digits.

    `origin` says where the patients come from: `registry` or `reconstruction`.
    """
    view = CohortView(frame, protocol)
    rows = []
    for item in planned:
        if item.estimand.subject == "flow":
            found = evaluate_flow(item.estimand, flow)
        else:
            found = evaluate(item.estimand, view, protocol)
        rows.append(
            {
                **asdict(found),
                "estimand": str(item.estimand),
                "origin": origin,
                "analysis": item.analysis,
            }
        )
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    types = dict.fromkeys(("value", "lower", "upper", "p"), float)
    return significant(table.astype({**types, "n": "Int64", "events": "Int64"}))


def curves(frame: pd.DataFrame, protocol: Protocol) -> pd.DataFrame:
    """Kaplan-Meier curves of each endpoint: of the whole cohort, and by each level of every
    category that an analysis of the protocol uses with that endpoint.

    Columns `endpoint, variable, level` (both empty for the whole cohort) `, time` (months),
    `at_risk, events, censored, survival, lower, upper`; one row per distinct time and for time 0.
    """
    view = CohortView(frame, protocol)
    parts = []
    for endpoint in protocol.endpoint_names:
        wanted: list[tuple[str, str]] = [("", "")]
        for variable in categories_with(protocol, endpoint):
            wanted += [(variable, level) for level in protocol.levels(variable)]
        for variable, level in wanted:
            curve = view.curve(endpoint, (Condition(variable, level),) if variable else ())
            if curve is not None:
                parts.append(
                    curve.drop(columns="std_error").assign(
                        endpoint=endpoint, variable=variable, level=level
                    )
                )
    columns = ["endpoint", "variable", "level", "time", "at_risk", "events", "censored"]
    columns += ["survival", "lower", "upper"]
    if not parts:
        return pd.DataFrame(columns=columns)
    table = pd.concat(parts, ignore_index=True)[columns]
    return significant(table.astype(dict.fromkeys(("at_risk", "events", "censored"), int)))


def categories_with(protocol: Protocol, endpoint: str) -> list[str]:
    """Categories by which an analysis splits the endpoint, in the order of the protocol."""
    found: dict[str, None] = {}
    for analysis in protocol.analyses:
        names = []
        if analysis.endpoint == endpoint:
            names += [*filter(None, (analysis.by, analysis.within)), *analysis.variables]
        for estimand in analysis.more:
            if estimand.subject == endpoint:
                names += [estimand.by, estimand.within, *(c.variable for c in estimand.where)]
        found |= dict.fromkeys(n for n in names if n and protocol.kind(n) == "category")
    return list(found)
