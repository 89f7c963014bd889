"""The cohort of a study: derived variables, endpoints, and eligibility step by step."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from resarc.conditions import describe, meets
from resarc.derivation import derive_endpoints, derive_variables
from resarc.protocol import Protocol

FLOW_COLUMNS = ("step", "label", "entering", "excluded", "remaining")
EXCLUDED_COLUMNS = ("patient", "step", "condition")
DAYS = "partial dates"
"""Column that tells cohorts apart which stand for partial dates by different days; no variable can be
named so."""


@dataclass(frozen=True)
class Selection:
    """Who is in the cohort, who is not, and why.

    * `cohort`: the eligible patients of the derived frame, in its order;
    * `flow`: one row for all patients screened and one for each step of eligibility, in order:
      `FLOW_COLUMNS`;
    * `excluded`: one row for each patient who is not in the cohort, in the order of the frame: the
      patient, the step, and in words the first condition of it that is not met
      (`EXCLUDED_COLUMNS`).
    """

    cohort: pd.DataFrame
    flow: pd.DataFrame
    excluded: pd.DataFrame


def derive(clean: pd.DataFrame, protocol: Protocol) -> pd.DataFrame:
    """A clean frame with the protocol's derived variables and endpoints; see `derivation`."""
    return derive_endpoints(derive_variables(clean, protocol), protocol)


def select(frame: pd.DataFrame, protocol: Protocol) -> Selection:
    """The eligible patients of a derived frame, and what became of the others.

    A patient is excluded at the first step of which any condition is not met; a missing value does
    not meet a condition (`conditions.meets`).
    """
    asked = [(step, condition) for step in protocol.eligibility for condition in step.keep]
    unmet = np.full(len(frame), len(asked))
    for number, (_, condition) in reversed(list(enumerate(asked))):
        unmet[~meets(frame, condition).to_numpy()] = number
    out = unmet < len(asked)
    step_of = np.array([step.id for step, _ in asked], dtype=object)[unmet[out]]
    words = np.array([describe(condition) for _, condition in asked], dtype=object)
    excluded = pd.DataFrame(
        {
            "patient": frame.loc[out, "patient"].to_numpy(),
            "step": step_of,
            "condition": words[unmet[out]],
        },
        columns=list(EXCLUDED_COLUMNS),
    )
    counts = pd.Series(step_of).value_counts()
    rows = [("screened", "Patients in the source", len(frame), 0, len(frame))]
    for step in protocol.eligibility:
        entering, gone = rows[-1][-1], int(counts.get(step.id, 0))
        rows.append((step.id, step.label, entering, gone, entering - gone))
    flow = pd.DataFrame(rows, columns=list(FLOW_COLUMNS))
    return Selection(frame.loc[~out].reset_index(drop=True), flow, excluded)
