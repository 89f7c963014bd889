"""A univariable table's p-values adjusted for their number.

Sources: Holm, Scand J Stat 1979;6:65; Benjamini & Hochberg, JRSS B 1995;57:289.
"""

from __future__ import annotations

import numpy as np

from resarc.protocol import Analysis
from resarc.reanalysis import words
from resarc.reanalysis.dataset import Data
from resarc.reanalysis.ratios import tests
from resarc.reanalysis.result import Changes, Conclusion, Number, Part
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
            Number(estimand, plain, values, method="as the paper did", of=estimand),
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
    with np.errstate(invalid="ignore"):
        sets = [values < alpha for values in (p, holm, bh)]
    parts = []
    for found, lead in zip(
        sets,
        (f"Of {len(labels)} factors, p is below {alpha:g} for",
         "after Holm's adjustment for", "after Benjamini and Hochberg's for"),
        strict=True,
    ):  # fmt: skip
        known = np.ones(len(p), dtype=bool)
        names = [(label, words.how_often(found[:, i], known)) for i, label in enumerate(labels)]
        parts.append(f"{lead} {words.sorted_out(names, data).replace('; ', ' and ') or 'none'}")
    lost = (sets[0] & ~sets[1]).any(axis=1)
    often = words.how_often(lost, np.ones(len(p), dtype=bool))
    changes: Changes = {words.ALL: "yes", words.NONE: "no", words.SOME: "open"}[often]  # type: ignore[assignment]
    return Conclusion(f"{'; '.join(parts)}.", changes)
