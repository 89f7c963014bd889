"""Competing risks: what becomes of a survival estimate that censors other deaths.

With the cause of every end of follow-up known, the cumulative incidence is estimated by Aalen and
Johansen, compared by Gray's test, and the subdistribution hazard ratio by Fine and Gray. Where a
reconstruction does not know who died of something else, the two extremes bound it: nobody did (1
less Kaplan-Meier), or everybody censored did (the share of patients with the event by then, since
nobody is then censored). Each competing death only lowers the incidence after it, so the extremes
are sharp bounds of the incidence; of the hazard ratio they are two scenarios.

Sources: Aalen & Johansen, Scand J Stat 1978;5:141; Gray, Ann Stat 1988;16:1141; Fine & Gray, JASA
1999;94:496; Putter, Fiocco & Geskus, Stat Med 2007;26:2389.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from resarc import tables
from resarc.estimand import Condition, Estimand
from resarc.protocol import Analysis
from resarc.reanalysis import words
from resarc.reanalysis.dataset import Data, groups
from resarc.reanalysis.ratios import hazard_ratios, paper_p, paper_ratio
from resarc.reanalysis.result import Changes, Conclusion, Number, Part
from resarc.recommended import CompetingRisks
from resarc.survival import two_groups
from resarc.survival.batch import risk_order
from resarc.survival.competing import cumulative_incidence, fine_gray, gray_test, incidence_at

CAUSE_MEMBERS = 25
"""Members in which causes that are known are analysed."""


def evaluate(data: Data, analysis: Analysis, asked: CompetingRisks) -> Part:
    """Incidence at the landmarks, of all and by group, and the comparison of groups."""
    endpoint = analysis.endpoint or ""
    if endpoint not in data.ensemble.times:
        return Part((), Conclusion("The endpoint is not there.", "not comparable"))
    if _has(data, asked.variable):
        return _known(data.some(CAUSE_MEMBERS), analysis, asked)
    return _bounds(data, analysis, asked)


def _has(data: Data, name: str) -> bool:
    try:
        data.ensemble.code(name)
    except KeyError:
        return False
    return True


def _strata(data: Data, analysis: Analysis) -> list[tuple[Condition, ...]]:
    by = analysis.by
    if not by or data.protocol.kind(by) != "category" or not _has(data, by):
        return [()]
    return [(), *((Condition(by, level),) for level in data.protocol.levels(by))]


def _part(data: Data, endpoint: str, where: tuple[Condition, ...]) -> np.ndarray:
    known = ~np.isnan(data.ensemble.times[endpoint])
    mask = data.ensemble.mask(where)
    return known if mask is None else known & mask


# -- causes known ----------------------------------------------------------------------------------


def _known(data: Data, analysis: Analysis, asked: CompetingRisks) -> Part:
    protocol, endpoint = data.protocol, analysis.endpoint or ""
    conventions, ensemble = protocol.conventions, data.ensemble
    places = [protocol.levels(asked.variable).index(level) for level in asked.levels]
    time, event = ensemble.times[endpoint], ensemble.events[endpoint]
    # A patient whose way out is not known is taken as censored, as the paper did.
    competing = ~event & np.isin(ensemble.code(asked.variable), places)
    cause = np.where(event, 1, np.where(competing, 2, 0))
    numbers = [
        Number(
            Estimand("events", endpoint), "competing_events",
            (competing & _part(data, endpoint, ())).sum(axis=1).astype(float),
        )
    ]  # fmt: skip
    members = range(time.shape[0])
    method = "Aalen-Johansen, log-log limits"
    for where in _strata(data, analysis):
        part = _part(data, endpoint, where)
        curves = [
            cumulative_incidence(time[m][part[m]], cause[m][part[m]], level=conventions.level)
            if part[m].any() else None
            for m in members
        ]  # fmt: skip
        for at in asked.at:
            found = [
                incidence_at(curve, at.months).iloc[0] if curve is not None else None
                for curve in curves
            ]
            estimand = Estimand("survival", endpoint, at, where)
            numbers.append(_one_minus(data, estimand))
            value, lower, upper = (
                np.array([np.nan if row is None else float(row[name]) for row in found])
                for name in ("incidence", "lower", "upper")
            )
            numbers.append(
                Number(estimand, "cumulative_incidence", value, lower, upper, method=method)
            )
    sentences = [_incidence_sentence(asked, numbers)]
    changes: list[Changes] = ["no"]
    for estimand in hazard_ratios(data, analysis, contrasts=True):
        if estimand.by != analysis.by or estimand.where:
            continue
        compared = groups(data, estimand)
        before, p = paper_p(data, estimand)
        gray, ratio, lower, upper = (np.full(time.shape[0], np.nan) for _ in range(4))
        for m in members:
            rows, first = compared.both[m], compared.first[m]
            if not event[m][rows].any() or len(np.unique(first[rows])) < 2:
                continue
            gray[m] = gray_test(time[m][rows], cause[m][rows], first[rows]).p
            frame = pd.DataFrame(
                {"time": time[m][rows], "cause": cause[m][rows], "group": first[rows].astype(float)}
            )
            row = fine_gray(frame, "time", "cause", ["group"], level=conventions.level)
            coefficient = row.coefficients.iloc[0]
            ratio[m], lower[m], upper[m] = (
                float(coefficient[name]) for name in ("hazard_ratio", "lower", "upper")
            )
        numbers += [
            paper_ratio(data, estimand), before,
            Number(estimand, "gray_p", gray, method="Gray's test"),
            Number(
                estimand, "subdistribution_hazard_ratio", ratio, lower, upper, method="Fine and Gray"
            ),
        ]  # fmt: skip
        changes.append(words.changes(p, gray, conventions.alpha))
        sentences.append(
            f"For {words.comparison(estimand, protocol)} log-rank p is {words.p(p)} and Gray's p "
            f"{words.p(gray)}."
        )
    return Part(numbers, Conclusion(" ".join(sentences), words.together(changes)))


def _one_minus(data: Data, estimand: Estimand) -> Number:
    found = data.value(estimand)
    lower = None if found.upper is None else 1 - found.upper
    upper = None if found.lower is None else 1 - found.lower
    return Number(
        estimand, "one_minus_survival", 1 - found.value, lower, upper,
        method="Kaplan-Meier, other deaths censored", of=estimand,
    )  # fmt: skip


def _incidence_sentence(asked: CompetingRisks, numbers: list[Number]) -> str:
    """The whole cohort at the last landmark, both ways."""
    last = max(asked.at, key=lambda at: at.months)
    pair = {
        n.quantity: n.value for n in numbers
        if n.estimand.statistic == "survival" and not n.estimand.where and n.estimand.argument == last
    }  # fmt: skip
    span = tables.describe_duration(last)
    return (
        f"The probability of the event within {span} is {words.share(pair['one_minus_survival'])} with "
        f"other deaths censored and {words.share(pair['cumulative_incidence'])} as cumulative incidence."
    )


# -- causes not known ------------------------------------------------------------------------------


def _bounds(data: Data, analysis: Analysis, asked: CompetingRisks) -> Part:
    protocol, endpoint = data.protocol, analysis.endpoint or ""
    ensemble = data.ensemble
    time, event = ensemble.times[endpoint], ensemble.events[endpoint]
    numbers = []
    most = f"all censored had the competing event ({asked.variable} is not known)"
    for where in _strata(data, analysis):
        part = _part(data, endpoint, where)
        n = part.sum(axis=1)
        for at in asked.at:
            estimand = Estimand("survival", endpoint, at, where)
            plain = _one_minus(data, estimand)
            with np.errstate(divide="ignore", invalid="ignore"):
                least = (part & event & (time <= at.months)).sum(axis=1) / n
            numbers += [
                plain,
                Number(
                    estimand, "cumulative_incidence", np.where(n > 0, least, np.nan), at="at least",
                    method=f"share of patients with the event: {most}",
                ),
            ]  # fmt: skip
    last = max(asked.at, key=lambda at: at.months)
    all_patients = {
        n.quantity: n.value for n in numbers
        if n.estimand == Estimand("survival", endpoint, last)
    }  # fmt: skip
    sentences = [
        f"Who died of other causes is not known. The probability of the event within "
        f"{tables.describe_duration(last)} is {words.share(all_patients['one_minus_survival'])} if "
        f"nobody did, and could be as low as {words.share(all_patients['cumulative_incidence'])} if "
        "everybody censored did."
    ]
    changes: list[Changes] = []
    for estimand in hazard_ratios(data, analysis, contrasts=True):
        if estimand.by != analysis.by or estimand.where:
            continue
        compared = groups(data, estimand)
        # Without censoring, Fine and Gray's model is Cox's in which those who had the competing
        # event stay at risk for ever.
        stays = np.where(event, time, np.inf)
        order = risk_order(np.where(compared.both, stays, np.nan), event)
        counts = two_groups.risk_counts(order, compared.first, compared.both)
        fits = two_groups.fit(counts)
        lower, upper, after = two_groups.wald(fits, protocol.conventions.level)
        before, p = paper_p(data, estimand)
        with np.errstate(over="ignore"):
            numbers += [
                paper_ratio(data, estimand), before,
                Number(
                    estimand, "subdistribution_hazard_ratio", np.exp(fits.beta), np.exp(lower),
                    np.exp(upper), at="scenario", method=f"Fine and Gray: {most}",
                ),
            ]  # fmt: skip
        changed = words.changes(p, after, protocol.conventions.alpha)
        changes.append("open" if changed == "yes" else changed)
        label = words.comparison(estimand, protocol)
        sentences.append(
            f"The hazard ratio of {label} is {words.ratio(data.value(estimand).value)} with these "
            f"deaths censored and {words.ratio(np.exp(fits.beta))} in that extreme."
        )
    return Part(numbers, Conclusion(" ".join(sentences), words.together(changes or ["open"])))
