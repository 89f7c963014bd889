"""Proportional hazards: the assumption tested, and a contrast of survival that needs none.

Sources: Grambsch & Therneau, Biometrika 1994;81:515; Royston & Parmar, BMC Med Res Methodol
2013;13:152; Uno et al., J Clin Oncol 2014;32:2380 (restricted means beside hazard ratios).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.special import ndtr, ndtri

from resarc import tables
from resarc.estimand import Estimand
from resarc.protocol import Analysis
from resarc.reanalysis import words
from resarc.reanalysis.dataset import Data, groups
from resarc.reanalysis.ratios import hazard_ratios, paper_p, paper_ratio
from resarc.reanalysis.result import Changes, Conclusion, Number, Part
from resarc.recommended import ProportionalHazards
from resarc.survival import batch


def evaluate(data: Data, analysis: Analysis, asked: ProportionalHazards) -> Part:
    """Beside each hazard ratio its test of proportional hazards and, for two groups, the difference
    of mean survival within the horizon."""
    alpha = data.protocol.conventions.alpha
    numbers: list[Number] = []
    doubtful: list[tuple[str, str]] = []
    otherwise: list[tuple[str, str]] = []
    ratios = hazard_ratios(data, analysis, asked.of)
    for estimand in ratios:
        before, p = paper_p(data, estimand)
        test = replace(estimand, statistic="ph_p", contrast=None)
        ph = data.value(test).value
        numbers += [
            paper_ratio(data, estimand),
            before,
            Number(
                estimand, "ph_p", ph, method="score test (cox.zph), Kaplan-Meier time", of=test,
                note=f"of all levels of {estimand.by}" if _several(data, estimand) else "",
            ),
        ]  # fmt: skip
        name = words.short(estimand, data.protocol)
        doubtful.append((words.factor(estimand.by, data.protocol), words.below(ph, alpha)))
        if estimand.contrast and not estimand.adjusted_for:
            difference, after = _difference(data, estimand, asked)
            numbers += [difference, Number(estimand, "rmst_p", after, method="Wald test")]
            # Only where hazards are not proportional does the one conclusion replace the other.
            known = ~np.isnan(ph) & ~np.isnan(p) & ~np.isnan(after)
            with np.errstate(invalid="ignore"):
                turned = (ph < alpha) & ((p < alpha) != (after < alpha))
            otherwise.append((name, words.how_often(turned, known)))
    return Part(numbers, _conclusion(data, asked, len(ratios), doubtful, otherwise))


def _several(data: Data, estimand: Estimand) -> bool:
    return data.protocol.kind(estimand.by) != "number" and (
        len(data.protocol.levels(estimand.by)) > 2
    )


def _difference(
    data: Data, estimand: Estimand, asked: ProportionalHazards
) -> tuple[Number, np.ndarray]:
    """Mean survival within the horizon of the first group less that of the second, with its p."""
    compared, endpoint = groups(data, estimand), estimand.subject
    times, events = data.ensemble.times[endpoint], data.ensemble.events[endpoint]
    tau = asked.horizon.months
    (one, one_se), (other, other_se) = (
        batch.rmst_at(times, events, mask, tau, order=compared.order)
        for mask in (compared.first, compared.second)
    )
    value, se = one - other, np.hypot(one_se, other_se)
    width = float(ndtri((1 + data.protocol.conventions.level) / 2)) * se
    with np.errstate(divide="ignore", invalid="ignore"):
        p = np.where(se > 0, 2 * ndtr(-np.abs(value) / se), np.nan)
    method = f"restricted mean survival to {tables.describe_duration(asked.horizon)}"
    return Number(
        estimand, "rmst_difference", value, value - width, value + width, method=method
    ), p


def _conclusion(
    data: Data, asked: ProportionalHazards, count: int, doubtful: list[tuple[str, str]],
    otherwise: list[tuple[str, str]],
) -> Conclusion:  # fmt: skip
    if not count:
        return Conclusion("No hazard ratio could be computed.", "not comparable")
    alpha = f"{data.protocol.conventions.alpha:g}"
    found = words.sorted_out(doubtful, data)
    if not found:
        return Conclusion(
            f"No test of proportional hazards falls below {alpha}: the hazard ratios can describe the "
            "whole follow-up.",
            "no",
        )
    span = tables.describe_duration(asked.horizon)
    sentence = (
        f"Proportional hazards are doubtful (p below {alpha}) for {found}: there a hazard ratio is an "
        f"average over time, and the difference of mean survival within {span} is the safer summary"
    )
    turned = words.sorted_out(otherwise, data)
    states = {state for _, state in otherwise}
    if turned:
        sentence += f". It leads to another conclusion than the paper's test for {turned}"
    elif otherwise:
        sentence += "; it leads to the same conclusions as the paper's tests"
    changes: Changes = "yes" if words.ALL in states else "open" if words.SOME in states else "no"
    return Conclusion(f"{sentence}.", changes)
