"""What changed in the patients between two exports: who came, who went, which values are others.

Patients are linked by their pseudonyms, and so only if both versions were made with the same key.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np
import pandas as pd

from resarc.protocol import Protocol

STEP_COLUMNS = ("since", "version", "what", "variable", "label", "patients")
"""Of the table of what changed: from one version to the next, what happened (`WHAT`) to which variable
or endpoint, to how many patients."""

WHAT = (
    "before", "now", "not linked", "added", "gone", "entered", "left", "filled in", "changed",
    "removed", "new variable", "event added", "event withdrawn", "longer", "shorter", "moved",
)  # fmt: skip
"""What can happen, in the order in which it is told: numbers of patients in both versions; who has no
identifier to be known by; who came and went, into and out of the export and the cohort; values filled
in, changed and removed, and variables that the earlier version does not have; and of endpoints the
events that came or were withdrawn, those still without event who were followed longer or shorter, and
those whose event has another time."""

IN_COHORT = "in_cohort"
_BY_ROW = re.compile(r"P\d+")
_LEAST = 1e-9
"""Numbers that are closer relative to their size are the same: files round at ten digits."""


def patients_of(clean: pd.DataFrame, cohort: pd.DataFrame, protocol: Protocol) -> pd.DataFrame:
    """What is kept of the patients of a version: the columns of `clean`, whether a patient is in the
    cohort, and in the cohort the endpoints."""
    ends = [f"{e}_{part}" for e in protocol.endpoint_names for part in ("time", "event")]
    kept = clean.merge(cohort[["patient", *ends]], on="patient", how="left", validate="1:1")
    return kept.assign(**{IN_COHORT: kept["patient"].isin(cohort["patient"]).astype(float)})


def changes(
    before: pd.DataFrame,
    now: pd.DataFrame,
    protocol: Protocol,
    *,
    since: str,
    version: str,
    linked: bool,
) -> pd.DataFrame:
    """What changed from one version to the next, `STEP_COLUMNS`; counts that are 0 are left out.

    Values are compared in patients of both versions, endpoints in those who are in both cohorts.
    Where patients are not `linked` only their numbers are told.
    """
    rows: list[tuple[str, str, str, int]] = [
        ("before", "", "", len(before)),
        ("now", "", "", len(now)),
    ]
    if linked:
        rows += _linked(before, now, protocol)
    kept = [row for row in rows if row[-1] or row[0] in ("before", "now")]
    frame = pd.DataFrame([(since, version, *row) for row in kept], columns=list(STEP_COLUMNS))
    return frame.astype({"patients": int})


def _linked(
    before: pd.DataFrame, now: pd.DataFrame, protocol: Protocol
) -> Iterable[tuple[str, str, str, int]]:
    by_row = now["patient"].str.fullmatch(_BY_ROW)
    yield "not linked", "", "", int(by_row.sum())
    before = before[~before["patient"].str.fullmatch(_BY_ROW)].set_index("patient")
    now = now[~by_row].set_index("patient")
    shared = now.index.intersection(before.index, sort=True)
    yield "added", "", "", len(now) - len(shared)
    yield "gone", "", "", len(before) - len(shared)
    old, new = before.loc[shared], now.loc[shared]
    was, is_ = (frame[IN_COHORT].to_numpy() == 1 for frame in (old, new))
    yield (
        "entered",
        "",
        "",
        int((is_ & ~was).sum())
        + int((now.loc[now.index.difference(shared), IN_COHORT] == 1).sum()),
    )
    yield (
        "left",
        "",
        "",
        int((was & ~is_).sum())
        + int((before.loc[before.index.difference(shared), IN_COHORT] == 1).sum()),
    )
    for variable in protocol.variables:
        if variable.type in ("identifier", "text"):
            continue
        yield from _values(old, new, variable.name, variable.label)
    both = was & is_
    for endpoint in protocol.endpoints:
        yield from _endpoint(old[both], new[both], endpoint.name, endpoint.label)


def _values(
    old: pd.DataFrame, new: pd.DataFrame, name: str, label: str
) -> Iterable[tuple[str, str, str, int]]:
    if name not in old:
        yield "new variable", name, label, len(new)
        return
    a, b = old[name], new[name]
    missing = a.isna().to_numpy(), b.isna().to_numpy()
    yield "filled in", name, label, int((missing[0] & ~missing[1]).sum())
    yield "changed", name, label, int((~missing[0] & ~missing[1] & _differ(a, b)).sum())
    yield "removed", name, label, int((~missing[0] & missing[1]).sum())


def _differ(a: pd.Series, b: pd.Series) -> np.ndarray:
    if all(pd.api.types.is_numeric_dtype(x.dtype) for x in (a, b)):
        x, y = a.to_numpy(dtype=float), b.to_numpy(dtype=float)
        return np.abs(x - y) > _LEAST * np.maximum(np.abs(x), np.abs(y))
    return (a.astype(str) != b.astype(str)).to_numpy()


def _endpoint(
    old: pd.DataFrame, new: pd.DataFrame, name: str, label: str
) -> Iterable[tuple[str, str, str, int]]:
    time, event = f"{name}_time", f"{name}_event"
    if time not in old:
        yield "new variable", name, label, len(new)
        return
    was, is_ = (frame[event].to_numpy(dtype=float) for frame in (old, new))
    known = ~np.isnan(was) & ~np.isnan(is_)
    before, after = (frame[time].to_numpy(dtype=float) for frame in (old, new))
    moved = known & _differ(old[time], new[time])
    yield "event added", name, label, int((known & (was == 0) & (is_ == 1)).sum())
    yield "event withdrawn", name, label, int((known & (was == 1) & (is_ == 0)).sum())
    censored = moved & (was == 0) & (is_ == 0)
    yield "longer", name, label, int((censored & (after > before)).sum())
    yield "shorter", name, label, int((censored & (after < before)).sum())
    yield "moved", name, label, int((moved & (was == 1) & (is_ == 1)).sum())
