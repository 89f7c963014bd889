"""Estimands about an endpoint that need no regression: curves, landmarks, medians, follow-up."""

from __future__ import annotations

from collections.abc import Callable
from math import isnan, nan, sqrt

import numpy as np
from scipy.special import ndtr, ndtri

from resarc.analysis.result import Estimate, percent
from resarc.analysis.view import CohortView, FollowUp
from resarc.estimand import Condition, Estimand
from resarc.survival import kaplan_meier, logrank

NO_FOLLOW_UP = "no patient with follow-up"


def _interval(view: CohortView) -> str:
    conventions = view.protocol.conventions
    return f"{conventions.survival_interval} {percent(conventions.level)} interval"


def _beyond(follow_up: FollowUp, time: float) -> str:
    return f"{time:g} months lie beyond the longest follow-up, {follow_up.last:.4g} months"


def events(view: CohortView, estimand: Estimand) -> Estimate:
    found = view.follow_up(estimand.subject, estimand.where)
    return Estimate(float(found.events), n=found.n, events=found.events, method="count")


def survival(view: CohortView, estimand: Estimand) -> Estimate:
    method = f"Kaplan-Meier, {_interval(view)}"
    found = view.follow_up(estimand.subject, estimand.where)
    curve = view.curve(estimand.subject, estimand.where)
    if curve is None:
        return Estimate(n=0, events=0, method=method, note=NO_FOLLOW_UP)
    row = kaplan_meier.survival_at(curve, [estimand.time]).iloc[0]
    note = _beyond(found, estimand.time) if isnan(row["survival"]) else ""
    return Estimate(
        float(row["survival"]),
        float(row["lower"]),
        float(row["upper"]),
        n=found.n,
        events=found.events,
        method=method,
        note=note,
    )


def median(view: CohortView, estimand: Estimand) -> Estimate:
    method = f"Kaplan-Meier, {_interval(view)}"
    found = view.follow_up(estimand.subject, estimand.where)
    curve = view.curve(estimand.subject, estimand.where)
    if curve is None:
        return Estimate(n=0, events=0, method=method, note=NO_FOLLOW_UP)
    convention = view.protocol.conventions.median
    return _time(
        kaplan_meier.quantile(curve, convention=convention), found, method, "median not reached"
    )


def reverse_followup_median(view: CohortView, estimand: Estimand) -> Estimate:
    method = f"reverse Kaplan-Meier, {_interval(view)}"
    found = view.follow_up(estimand.subject, estimand.where)
    if not found.n:
        return Estimate(n=0, events=0, method=method, note=NO_FOLLOW_UP)
    conventions = view.protocol.conventions
    time = kaplan_meier.reverse_follow_up(
        found.time,
        found.event,
        interval=conventions.survival_interval,
        level=conventions.level,
        convention=conventions.median,
    )
    return _time(time, found, method, "median follow-up not reached")


def _time(time: kaplan_meier.Estimate, found: FollowUp, method: str, not_reached: str) -> Estimate:
    note = ""
    if isnan(time.value):
        note = not_reached if found.events else f"{not_reached}: no events"
    return Estimate(
        time.value,
        time.lower,
        time.upper,
        n=found.n,
        events=found.events,
        method=method,
        note=note,
    )


def crude_rate(view: CohortView, estimand: Estimand) -> Estimate:
    """Share of all patients whose observed time, ended by event or censoring, is longer."""
    from resarc.survival.proportions import proportion_interval

    conventions = view.protocol.conventions
    method = (
        f"patients observed beyond / all, {conventions.proportion_interval.capitalize()} "
        f"{percent(conventions.level)} interval"
    )
    found = view.follow_up(estimand.subject, estimand.where)
    if not found.n:
        return Estimate(n=0, events=0, method=method, note=NO_FOLLOW_UP)
    beyond = int((found.time > estimand.time).sum())
    share = proportion_interval(beyond, found.n, conventions.proportion_interval, conventions.level)
    return Estimate(
        share.value, share.lower, share.upper, n=found.n, events=found.events, method=method
    )


def followed_rate(view: CohortView, estimand: Estimand) -> Estimate:
    """Share without the event among those whose state at the time is known; patients censored
    before it are left out, which is right only if they were left out without regard to outcome."""
    from resarc.survival.proportions import proportion_interval

    conventions = view.protocol.conventions
    method = (
        "without the event / followed to the time, "
        f"{conventions.proportion_interval.capitalize()} {percent(conventions.level)} interval"
    )
    found = view.follow_up(estimand.subject, estimand.where)
    event = found.event.astype(bool)
    failed = int((event & (found.time <= estimand.time)).sum())
    free = int(((found.time > estimand.time) | (~event & (found.time == estimand.time))).sum())
    if not failed + free:
        return Estimate(n=0, events=0, method=method, note=NO_FOLLOW_UP)
    share = proportion_interval(
        free, failed + free, conventions.proportion_interval, conventions.level
    )
    return Estimate(
        share.value, share.lower, share.upper, n=failed + free, events=failed, method=method
    )


def at_risk(view: CohortView, estimand: Estimand) -> Estimate:
    found = view.follow_up(estimand.subject, estimand.where)
    beyond = float((found.time >= estimand.time).sum())
    return Estimate(beyond, n=found.n, events=found.events, method="count")


def observed_time(view: CohortView, estimand: Estimand) -> Estimate:
    """Median, mean and range of the observed times, whatever ended them."""
    function: Callable[[np.ndarray], float] = {
        "followup_median": np.median,
        "followup_mean": np.mean,
        "followup_minimum": np.min,
        "followup_maximum": np.max,
    }[estimand.statistic]
    found = view.follow_up(estimand.subject, estimand.where)
    method = "observed times"
    if not found.n:
        return Estimate(n=0, events=0, method=method, note=NO_FOLLOW_UP)
    return Estimate(float(function(found.time)), n=found.n, events=found.events, method=method)


def rmst(view: CohortView, estimand: Estimand) -> Estimate:
    return _rmst(view, estimand, estimand.where)


def _rmst(view: CohortView, estimand: Estimand, where: tuple[Condition, ...]) -> Estimate:
    from resarc.survival.rmst import rmst as restricted_mean

    level = view.protocol.conventions.level
    method = f"area under Kaplan-Meier, Greenwood {percent(level)} interval"
    found = view.follow_up(estimand.subject, where)
    if not found.n:
        return Estimate(n=0, events=0, method=method, note=NO_FOLLOW_UP)
    area = restricted_mean(found.time, found.event, estimand.time, level=level)
    note = _beyond(found, estimand.time) if isnan(area.value) else ""
    return Estimate(
        area.value,
        area.lower,
        area.upper,
        n=found.n,
        events=found.events,
        method=method,
        note=note,
    )


def difference(view: CohortView, estimand: Estimand) -> Estimate:
    """Difference of survival or of RMST between two levels; normal interval and Wald p.

    The groups are independent, so the variances (Greenwood's) add up.
    """
    level = view.protocol.conventions.level
    rmst_wanted = estimand.statistic == "rmst_difference"
    what = "restricted means" if rmst_wanted else "Kaplan-Meier estimates"
    method = f"difference of {what}, Greenwood, Wald {percent(level)} interval"
    values, variances, n, died = [], [], 0, 0
    for group in estimand.contrast or ():
        where = _joined(estimand.where, Condition(estimand.by, group))
        found = view.follow_up(estimand.subject, where) if where is not None else None
        if found is None or not found.n:
            note = f"{NO_FOLLOW_UP} and {estimand.by} {group}"
            return Estimate(n=n, events=died, method=method, note=note)
        n, died = n + found.n, died + found.events
        value, se = _value_and_error(view, estimand, where, rmst_wanted)
        if isnan(value):
            note = f"{estimand.by} {group}: {_beyond(found, estimand.time)}"
            return Estimate(n=n, events=died, method=method, note=note)
        values.append(value)
        variances.append(se**2)
    value, error = values[0] - values[1], sqrt(sum(variances))
    if isnan(error) or error == 0:
        return Estimate(
            value, n=n, events=died, method=method, note="no interval: a variance is not estimable"
        )
    half = float(ndtri((1 + level) / 2)) * error
    p = 2 * float(ndtr(-abs(value) / error))
    return Estimate(value, value - half, value + half, p, n, died, method)


def _joined(where: tuple[Condition, ...], condition: Condition) -> tuple[Condition, ...] | None:
    """The conditions and one more; None if they exclude each other."""
    for known in where:
        if known.variable == condition.variable:
            return where if known == condition else None
    return tuple(sorted((*where, condition)))


def _value_and_error(
    view: CohortView, estimand: Estimand, where: tuple[Condition, ...], rmst_wanted: bool
) -> tuple[float, float]:
    if rmst_wanted:
        from resarc.survival.rmst import rmst as restricted_mean

        found = view.follow_up(estimand.subject, where)
        area = restricted_mean(found.time, found.event, estimand.time)
        return area.value, area.se
    curve = view.curve(estimand.subject, where)
    if curve is None:
        return nan, nan
    row = kaplan_meier.survival_at(curve, [estimand.time]).iloc[0]
    return float(row["survival"]), float(row["std_error"])


def logrank_p(view: CohortView, estimand: Estimand) -> Estimate:
    """The log-rank test or one of its weighted kin."""
    found = view.follow_up(estimand.subject, estimand.where, estimand.by)
    codes = view.codes(estimand.by)[found.rows]
    weights = logrank.TESTS[estimand.statistic]
    variance = view.protocol.conventions.logrank_variance
    _, method = logrank.weighting(weights)
    if variance != "hypergeometric":
        method += f", {variance} variance"
    note = _too_few(found, estimand.by, codes)
    if note:
        return Estimate(n=found.n, events=found.events, method=method, note=note)
    test = logrank.logrank(found.time, found.event, codes, weights, variance=variance)
    note = "" if not isnan(test.p) else "no two groups are at risk at the time of an event"
    return Estimate(test.p, p=test.p, n=found.n, events=found.events, method=method, note=note)


def _too_few(found: FollowUp, by: str, codes: np.ndarray) -> str:
    """Why groups cannot be compared, in words; empty if they can."""
    if not found.n:
        return NO_FOLLOW_UP
    if len(np.unique(codes)) < 2:
        return f"fewer than two levels of {by} with patients"
    return "" if found.events else "no events"
