"""E-values of the hazard ratios of an analysis.

Source: VanderWeele & Ding, Ann Intern Med 2017;167:268.
"""

from __future__ import annotations

import numpy as np

from resarc.protocol import Analysis
from resarc.reanalysis import words
from resarc.reanalysis.dataset import Data, groups
from resarc.reanalysis.ratios import hazard_ratios, paper_ratio
from resarc.reanalysis.result import Changes, Conclusion, Number, Part
from resarc.recommended import Confounding
from resarc.survival import e_values


def evaluate(data: Data, analysis: Analysis, asked: Confounding) -> Part:
    """What an unmeasured confounder would have to do, for estimate and confidence limit."""
    numbers: list[Number] = []
    said: list[str] = []
    found: list[Changes] = []
    for estimand in hazard_ratios(data, analysis, asked.of):
        if estimand.contrast is None:
            continue  # an E-value is of an exposure that one has or has not
        ratio = paper_ratio(data, estimand)
        share = _share_with_event(data, estimand)
        common = (
            share > e_values.COMMON if asked.common is None else np.full(share.shape, asked.common)
        )
        value, limit = e_values.of_hazard_ratio(ratio.value, ratio.lower, ratio.upper, common)
        known = ~np.isnan(ratio.value)
        kind = "common" if common[known].all() else "rare" if not common[known].any() else "mixed"
        method = {
            "common": "risk ratio approximated from the hazard ratio: the outcome is common",
            "rare": "hazard ratio taken as risk ratio: the outcome is rare",
            "mixed": "risk ratio approximated where the outcome is common",
        }[kind]
        numbers += [
            ratio,
            Number(estimand, "e_value", value, method=method),
            Number(estimand, "e_value_limit", limit, method=method),
        ]
        label = words.comparison(estimand, data.protocol)
        said.append(
            f"for {label} {words.number(value)} (for the confidence limit {words.number(limit)})"
        )
        found.append("no" if known.any() else "not comparable")
    if not said:
        return Part((), Conclusion("No hazard ratio could be computed.", "not comparable"))
    sentence = (
        "The paper's design cannot rule out unmeasured confounding. An unmeasured factor would explain "
        "a hazard ratio if it went with both sides of the comparison by a risk ratio of at least the "
        f"E-value: {words.some_of(said, 3)}."
    )
    return Part(numbers, Conclusion(sentence, words.together(found)))


def _share_with_event(data: Data, estimand) -> np.ndarray:
    compared = groups(data, estimand)
    events = data.ensemble.events[estimand.subject] & compared.both
    return events.sum(axis=1) / np.maximum(compared.both.sum(axis=1), 1)
