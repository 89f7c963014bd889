"""Everything that a protocol recommends, computed and put into tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from resarc.protocol import Analysis, Protocol
from resarc.reanalysis import (
    competing_risks,
    confounding,
    cut_offs,
    hazards,
    immortal_time,
    missing_data,
    multiple,
    small_samples,
    subgroups,
)
from resarc.reanalysis.dataset import Data
from resarc.reanalysis.result import (
    COLUMNS,
    CONCLUSION_COLUMNS,
    LINE_COLUMNS,
    Part,
    frame,
    line_rows,
    number_rows,
)

_EVALUATORS: dict[str, Callable[[Data, Analysis, object], Part]] = {
    "immortal_time": immortal_time.evaluate,
    "cut_off": cut_offs.evaluate,
    "small_sample": small_samples.evaluate,
    "penalised_model": small_samples.penalised,
    "proportional_hazards": hazards.evaluate,
    "competing_risks": competing_risks.evaluate,
    "interaction": subgroups.evaluate,
    "multiplicity": multiple.evaluate,
    "confounding": confounding.evaluate,
    "missing_data": missing_data.evaluate,
}  # type: ignore[dict-item]


@dataclass(frozen=True)
class Reanalysis:
    """The tables of `reanalysis.csv`, `reanalysis_curves.csv` and `reanalysis_conclusions.csv`."""

    numbers: pd.DataFrame
    curves: pd.DataFrame
    conclusions: pd.DataFrame


def recommendations(protocol: Protocol) -> list[tuple[Analysis, Any]]:
    """All recommendations of a protocol with their analyses, in its order."""
    return [(analysis, asked) for analysis in protocol.analyses for asked in analysis.recommended]


def reanalyse(data: Data, wanted: Iterable[tuple[Analysis, Any]] | None = None) -> Reanalysis:
    """The recommendations that are wanted (all, if none are named), in the order of the protocol. None
    depends on another."""
    numbers, curves, conclusions = [], [], []
    for analysis, asked in recommendations(data.protocol) if wanted is None else wanted:
        part = _EVALUATORS[asked.kind](data, analysis, asked)
        numbers += number_rows(analysis.id, asked.kind, part.numbers, data)
        curves += line_rows(analysis.id, asked.kind, part.lines, data)
        of = getattr(asked, "of", "")
        conclusions.append(
            {
                "analysis": analysis.id,
                "recommendation": asked.kind,
                "estimand": "; ".join(map(str, of)) if isinstance(of, tuple) else str(of),
                "paper": analysis.paper,
                "changes": part.conclusion.changes,
                "sentence": part.conclusion.sentence,
                "why": asked.why,
                "origin": data.origin,
            }
        )
    return Reanalysis(
        frame(numbers, COLUMNS), frame(curves, LINE_COLUMNS), frame(conclusions, CONCLUSION_COLUMNS)
    )
