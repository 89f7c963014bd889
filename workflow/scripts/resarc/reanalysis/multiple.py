"""A univariable table's p-values adjusted for their number.

Sources: Holm, Scand J Stat 1979;6:65; Benjamini & Hochberg, JRSS B 1995;57:289.
"""

from __future__ import annotations

import numpy as np

from resarc.protocol import Analysis
from resarc.reanalysis import words
from resarc.reanalysis.dataset import Data
from resarc.reanalysis.ratios import tests
from resarc.reanalysis.result import Conclusion, Number, Part
from resarc.recommended import Multiplicity
from resarc.survival.multiplicity import adjusted


def evaluate(data: Data, analysis: Analysis, asked: Multiplicity) -> Part:  # noqa: ARG001
    """Each p of the table, as printed and as one of so many."""
    alpha = data.protocol.conventions.alpha
    found = tests(data, analysis)
    if not found:
        return Part((), Conclusion("No factor could be tested.", "not comparable"))
    p = np.stack([values for _, values in found], axis=1)
    holm, bh = adjusted(p, "holm"), adjusted(p, "benjamini-hochberg")
    numbers: list[Number] = []
    for place, (estimand, values) in enumerate(found):
        plain = "logrank_p" if estimand.statistic == "logrank_p" else "p"
        numbers += [
            Number(estimand, plain, values, method="as the paper did"),
            Number(estimand, "holm_p", holm[:, place], method=f"Holm, {len(found)} tests"),
            Number(
                estimand, "bh_p", bh[:, place], method=f"Benjamini-Hochberg, {len(found)} tests"
            ),
        ]
    labels = [words.factor(estimand.by, data.protocol) for estimand, _ in found]
    return Part(numbers, _conclusion(data, labels, p, holm, bh, alpha))


def _conclusion(
    data: Data, labels: list[str], p: np.ndarray, holm: np.ndarray, bh: np.ndarray, alpha: float
) -> Conclusion:
    sets = {name: (values < alpha) for name, values in (("p", p), ("holm", holm), ("bh", bh))}
    counts = {name: words.count(found.sum(axis=1).astype(float)) for name, found in sets.items()}
    always = {
        name: [label for i, label in enumerate(labels) if found[:, i].all()]
        for name, found in sets.items()
    }
    lost = sets["p"] & ~sets["holm"]
    start = f"Of {len(labels)} factors, {counts['p']} have a p below {alpha:g}"
    if always["p"]:
        every = " (in every rebuilt dataset " if data.rebuilt else " ("
        start += f"{every}{words.some_of(always['p'])})"
    after = f"after Holm's adjustment {counts['holm']}"
    if always["holm"]:
        after += f" ({words.some_of(always['holm'])})"
    after += f", after Benjamini and Hochberg's {counts['bh']}"
    if always["bh"] and always["bh"] != always["holm"]:
        after += f" ({words.some_of(always['bh'])})"
    often = words.how_often(lost.any(axis=1), np.ones(len(p), dtype=bool))
    changes = {words.ALL: "yes", words.NONE: "no", words.SOME: "open"}[often]
    return Conclusion(f"{start}; {after}.", changes)  # type: ignore[arg-type]
