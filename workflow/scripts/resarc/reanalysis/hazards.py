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
    found: list[Changes] = []
    crossing: dict[str, list[str]] = {words.ALL: [], words.SOME: []}
    otherwise: list[str] = []
    ratios = hazard_ratios(data, analysis, asked.of)
    for estimand in ratios:
        before, p = paper_p(data, estimand)
        test = replace(estimand, statistic="ph_p", contrast=None)
        ph = data.value(test).value
        numbers += [
            paper_ratio(data, estimand),
            before,
            Number(
                estimand, "ph_p", ph, method="score test (cox.zph), Kaplan-Meier time",
                note=f"of all levels of {estimand.by}" if _several(data, estimand) else "",
            ),
        ]  # fmt: skip
        label = words.comparison(estimand, data.protocol)
        often = words.below(ph, alpha)
        if often in crossing:
            crossing[often].append(label)
        if estimand.contrast and not estimand.adjusted_for:
            difference, after = _difference(data, estimand, asked)
            numbers += [difference, Number(estimand, "rmst_p", after, method="Wald test")]
            changed = words.changes(p, after, alpha)
            found.append(changed)
            if changed in ("yes", "open"):
                otherwise.append(label)
    return Part(numbers, _conclusion(data, asked, len(ratios), crossing, otherwise, found))


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
    data: Data, asked: ProportionalHazards, count: int, crossing: dict[str, list[str]],
    otherwise: list[str], found: list[Changes],
) -> Conclusion:  # fmt: skip
    if not count:
        return Conclusion("No hazard ratio could be computed.", "not comparable")
    alpha = f"{data.protocol.conventions.alpha:g}"
    parts = []
    for often, names in crossing.items():
        if names:
            parts.append(
                f"proportional hazards are doubtful (p below {alpha}{words.where(often, data)}) for "
                f"{words.some_of(names)}"
            )
    if not parts:
        parts.append(f"no test of proportional hazards falls below {alpha}")
    span = tables.describe_duration(asked.horizon)
    if otherwise:
        some = "" if not data.rebuilt else ", in all or some of the rebuilt datasets,"
        parts.append(
            f"the difference of mean survival within {span}{some} leads to another conclusion than "
            f"the paper's test for {words.some_of(otherwise)}"
        )
    elif found and set(found) != {"not comparable"}:
        parts.append(
            f"the difference of mean survival within {span} leads to the same conclusions as the "
            "paper's tests"
        )
    sentence = "; ".join(parts)
    return Conclusion(f"{sentence[0].upper()}{sentence[1:]}.", words.together(found))
