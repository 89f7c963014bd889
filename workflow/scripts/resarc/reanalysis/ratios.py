"""The hazard ratios of an analysis, as the paper's way gives them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from resarc.analysis import estimands_of
from resarc.estimand import Estimand
from resarc.protocol import Analysis
from resarc.reanalysis.dataset import Data
from resarc.reanalysis.result import Number


def hazard_ratios(
    data: Data, analysis: Analysis, of: Sequence[Estimand] = (), *, contrasts: bool = False
) -> list[Estimand]:
    """The hazard ratios asked for, or all of the analysis, of variables that the data have;
    with `contrasts` only those that compare two levels without adjustment."""
    wanted = of or [
        e for e in estimands_of(data.protocol, analysis) if e.statistic == "hazard_ratio"
    ]
    return [
        e
        for e in wanted
        if data.has(e) and not (contrasts and (e.contrast is None or e.adjusted_for))
    ]


def paper_ratio(data: Data, estimand: Estimand) -> Number:
    """The hazard ratio with Wald limits."""
    found = data.value(estimand)
    return Number(
        estimand, "hazard_ratio", found.value, found.lower, found.upper,
        method="Cox, Wald limits", of=estimand,
    )  # fmt: skip


def paper_p(data: Data, estimand: Estimand) -> tuple[Number, np.ndarray]:
    """The p of a hazard ratio's comparison: log-rank between two groups, else Wald's."""
    plain = estimand.contrast is not None and not estimand.adjusted_for
    if plain and len(data.protocol.levels(estimand.by)) == 2:
        tested = Estimand("logrank_p", estimand.subject, None, estimand.where, estimand.by)
        p = data.value(tested).value
        return Number(estimand, "logrank_p", p, method="log-rank test", of=tested), p
    tested = replace(estimand, statistic="cox_p")
    p = data.value(tested).value
    return Number(estimand, "p", p, method="Cox, Wald test", of=tested), p


def tests(data: Data, analysis: Analysis) -> list[tuple[Estimand, np.ndarray]]:
    """One p-value for each variable of a univariable table: log-rank for a category, Wald for a
    number; the p of a table's row."""
    found = []
    for variable in analysis.variables:
        by_number = data.protocol.kind(variable) == "number"
        e = Estimand("cox_p" if by_number else "logrank_p", analysis.endpoint or "", by=variable)
        if data.has(e):
            found.append((e, data.value(e).value))
    return found
