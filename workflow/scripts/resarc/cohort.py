"""The cohort of a study: derived variables, endpoints, and eligibility step by step."""

from __future__ import annotations

import numpy as np
import pandas as pd

from resarc.conditions import meets_all
from resarc.derivation import derive_endpoints, derive_variables
from resarc.protocol import Protocol

FLOW_COLUMNS = ("step", "label", "entering", "excluded", "remaining")


def derive(clean: pd.DataFrame, protocol: Protocol) -> pd.DataFrame:
    """A clean frame with the protocol's derived variables and endpoints; see `derivation`."""
    return derive_endpoints(derive_variables(clean, protocol), protocol)


def select(frame: pd.DataFrame, protocol: Protocol) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The eligible patients of a derived frame, and the flow that led to them.

    The flow has one row for all patients screened and one for each step of eligibility, in order:
    `step, label, entering, excluded, remaining`. A patient is excluded at the first step of which
    any condition is not met; a missing value does not meet a condition (`conditions.meets`).
    """
    failed = _first_failed_step(frame, protocol)
    rows = [("screened", "Patients in the source", len(frame), 0, len(frame))]
    for number, step in enumerate(protocol.eligibility):
        entering, excluded = rows[-1][-1], int((failed == number).sum())
        rows.append((step.id, step.label, entering, excluded, entering - excluded))
    eligible = failed == len(protocol.eligibility)
    flow = pd.DataFrame(rows, columns=list(FLOW_COLUMNS))
    return frame.loc[eligible].reset_index(drop=True), flow


def excluded(frame: pd.DataFrame, protocol: Protocol) -> pd.DataFrame:
    """Who is not in the cohort and why: `patient, step`, in the order of the frame."""
    failed = _first_failed_step(frame, protocol)
    names = np.array([step.id for step in protocol.eligibility], dtype=object)
    out = failed < len(names)
    return pd.DataFrame(
        {"patient": frame.loc[out, "patient"].to_numpy(), "step": names[failed[out]]}
    )


def _first_failed_step(frame: pd.DataFrame, protocol: Protocol) -> np.ndarray:
    """The number of the first step that each patient fails, shape (n,); the number of steps for
    who passes them all."""
    failed = np.full(len(frame), len(protocol.eligibility))
    for number, step in reversed(list(enumerate(protocol.eligibility))):
        failed[~meets_all(frame, step.keep).to_numpy()] = number
    return failed
