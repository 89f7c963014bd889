"""Estimands of Cox regression: hazard ratios, their tests, proportionality and interaction.

An unadjusted contrast compares the patients of its two levels and no others. In an adjusted model a
category enters as a whole, one dummy for each level that has patients, as `ensemble` does it too.
"""

from __future__ import annotations

from math import isinf, isnan, nan
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from resarc.analysis.result import Estimate, percent
from resarc.analysis.times import NO_FOLLOW_UP
from resarc.analysis.view import CohortView, FollowUp
from resarc.estimand import Estimand

if TYPE_CHECKING:
    from resarc.survival.cox import CoxResult

_TIME, _EVENT = "(time)", "(event)"  # no variable can be named so


def _columns(
    view: CohortView, found: FollowUp, name: str, reference: str | None = None
) -> dict[str, np.ndarray]:
    """A covariate as columns of a model: a number itself, a category its dummies."""
    if view.protocol.kind(name) == "number":
        return {name: view.column(name)[found.rows]}
    codes, levels = view.codes(name)[found.rows], view.protocol.levels(name)
    present = [level for place, level in enumerate(levels) if (codes == place).any()]
    base = reference if reference is not None else next(iter(present), None)
    return {
        f"{name}={level}": (codes == levels.index(level)).astype(float)
        for level in present
        if level != base
    }


def _data(
    view: CohortView, estimand: Estimand, reference: str | None
) -> tuple[FollowUp, pd.DataFrame, dict[str, list[str]]]:
    """The complete cases, the model's frame, and the columns of each term, in alphabetical order where
    the model is adjusted: whichever of its covariates is asked for, it is the same model."""
    names = [n for n in (estimand.by, estimand.within, *estimand.adjusted_for) if n]
    if estimand.adjusted_for:
        names.sort()
    found = view.follow_up(estimand.subject, estimand.where, *names)
    if estimand.contrast and not estimand.adjusted_for:
        places = [view.protocol.levels(estimand.by).index(level) for level in estimand.contrast]
        found = found.among(np.isin(view.codes(estimand.by)[found.rows], places))
    columns = {_TIME: found.time, _EVENT: found.event}
    terms: dict[str, list[str]] = {}
    for name in names:
        own = _columns(view, found, name, reference if name == estimand.by else None)
        terms[name] = list(own)
        columns |= own
    return found, pd.DataFrame(columns), terms


def _why_not(view: CohortView, found: FollowUp, terms: dict[str, list[str]]) -> str:
    """Why no model can be fitted, seen before fitting; empty if nothing speaks against it."""
    if not found.n:
        return NO_FOLLOW_UP
    if not found.events:
        return "no events"
    for name, columns in terms.items():
        if view.protocol.kind(name) == "number":
            if np.ptp(view.column(name)[found.rows]) == 0:
                return f"{name} is the same in all patients"
        elif not columns:
            return f"fewer than two levels of {name} with patients"
    return ""


def _fit(view: CohortView, estimand: Estimand) -> tuple[FollowUp, CoxResult | None, str]:
    """The model of a contrast, fitted once for its hazard ratio and its p; an adjusted one once for all
    of its covariates, as long as categories are compared with their first level."""
    from resarc.survival.cox import cox

    reference = estimand.contrast[1] if estimand.contrast else None
    adjusted = bool(estimand.adjusted_for)
    if adjusted and reference == next(iter(view.protocol.levels(estimand.by)), None):
        reference = None

    def make() -> tuple[FollowUp, CoxResult | None, str]:
        found, frame, terms = _data(view, estimand, reference)
        why = _why_not(view, found, terms)
        if why:
            return found, None, why
        covariates = [column for columns in terms.values() for column in columns]
        conventions = view.protocol.conventions
        fit = cox(frame, _TIME, _EVENT, covariates, level=conventions.level, ties=conventions.ties)
        return found, fit, ""

    key: tuple[object, ...] = ("cox", estimand.subject, estimand.where)
    if adjusted and reference is None:
        key += (frozenset((estimand.by, *estimand.adjusted_for)),)
    else:
        compared = reference if adjusted else estimand.contrast
        key += (estimand.by, compared, estimand.adjusted_for)
    return view.remember(key, make)


def hazard(view: CohortView, estimand: Estimand) -> Estimate:
    """A hazard ratio with Wald limits, or its Wald p; for a number, of one unit more."""
    ties = view.protocol.conventions.ties
    model = f"Cox, {ties.capitalize()} ties"
    if (
        estimand.contrast
        and not estimand.adjusted_for
        and len(view.protocol.levels(estimand.by)) > 2
    ):
        model = f"Cox of the two groups compared, {ties.capitalize()} ties"
    method = f"{model}, Wald {percent(view.protocol.conventions.level)} interval"
    if estimand.statistic == "cox_p":
        method = f"{model}, Wald test"
    found, fit, why = _fit(view, estimand)
    why = _empty_group(view, found, estimand) or why
    if fit is None or why:
        return Estimate(n=found.n, events=found.events, method=method, note=why)
    name = f"{estimand.by}={estimand.contrast[0]}" if estimand.contrast else estimand.by
    row = fit.coefficients.set_index("covariate").loc[name]
    ratio, lower, upper, p = (float(row[k]) for k in ("hazard_ratio", "lower", "upper", "p"))
    note = ""
    if ratio == 0 or isinf(ratio):
        limit = "infinite" if ratio else "0"
        note = f"separation: the likelihood rises to a hazard ratio of {limit}"
        if len(fit.coefficients) == 1:
            p = fit.lr_p
            note += f"; likelihood-ratio p {p:.3g}, limit by profile likelihood"
            method = f"{model}, likelihood-ratio test and profile limit"
        else:
            p, lower, upper = nan, nan, nan
        ratio = nan
        lower, upper = (v if np.isfinite(v) and v > 0 else nan for v in (lower, upper))
    elif lower == 0 or isinf(upper):
        # The other covariates alone explain who has the event: any hazard ratio fits as well.
        note, ratio = "the events say nothing about it: limits 0 and infinity", nan
        p, lower, upper = nan, nan, nan
    elif isnan(ratio):
        note = fit.problem or "the fit did not converge"
    value = ratio
    if estimand.statistic == "cox_p":
        # Without a finite estimate there is no Wald test; the note gives the other one.
        value, lower, upper = (nan if isnan(ratio) else p), nan, nan
    return Estimate(value, lower, upper, p, found.n, found.events, method, note)


def likelihood_ratio_p(view: CohortView, estimand: Estimand) -> Estimate:
    """Likelihood-ratio test of a category's levels in a Cox model of their own."""
    from resarc.survival.cox import cox

    ties = view.protocol.conventions.ties
    method = f"Cox, {ties.capitalize()} ties, likelihood-ratio test"
    found, frame, terms = _data(view, estimand, None)
    why = _why_not(view, found, terms)
    if why:
        return Estimate(n=found.n, events=found.events, method=method, note=why)
    fit = cox(frame, _TIME, _EVENT, terms[estimand.by], ties=ties)
    note = "" if not isnan(fit.lr_p) else fit.problem or "the fit did not converge"
    return Estimate(fit.lr_p, p=fit.lr_p, n=found.n, events=found.events, method=method, note=note)


def _empty_group(view: CohortView, found: FollowUp, estimand: Estimand) -> str:
    """Which of the two levels compared has no patient with follow-up, in words."""
    if not estimand.contrast:
        return ""
    codes, levels = view.codes(estimand.by)[found.rows], view.protocol.levels(estimand.by)
    for level in estimand.contrast:
        if not (codes == levels.index(level)).any():
            return f"no patient with {estimand.by} {level}"
    return ""


def ph_p(view: CohortView, estimand: Estimand) -> Estimate:
    from resarc.survival.cox import cox, proportional_hazards

    method = "score test of proportional hazards (cox.zph), Kaplan-Meier time"
    found, frame, terms = _data(view, estimand, None)
    why = _why_not(view, found, terms)
    if why:
        return Estimate(n=found.n, events=found.events, method=method, note=why)
    covariates = [column for columns in terms.values() for column in columns]
    table = proportional_hazards(frame, _TIME, _EVENT, covariates, terms=terms)
    p = float(table.set_index("term").loc[estimand.by, "p"])
    if isnan(p):
        why = cox(frame, _TIME, _EVENT, covariates).problem
        why = why or "too few times with an event"
    return Estimate(p, p=p, n=found.n, events=found.events, method=method, note=why)


def interaction_p(view: CohortView, estimand: Estimand) -> Estimate:
    from resarc.survival.cox import interaction_p as likelihood_ratio

    method = "Cox, likelihood-ratio test of the product terms"
    found, frame, terms = _data(view, estimand, None)
    why = _why_not(view, found, terms)
    if why:
        return Estimate(n=found.n, events=found.events, method=method, note=why)
    adjusted = [column for name in estimand.adjusted_for for column in terms[name]]
    test = likelihood_ratio(
        frame,
        _TIME,
        _EVENT,
        terms[estimand.by],
        terms[estimand.within],
        adjusted,
        ties=view.protocol.conventions.ties,
    )
    if isnan(test.p):
        why = f"the groups of {estimand.by} and {estimand.within} do not allow product terms"
    return Estimate(test.p, p=test.p, n=found.n, events=found.events, method=method, note=why)
