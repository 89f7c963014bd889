"""ROC curve and AUC of a marker for an event by a landmark, with censoring before it.

Cases have had the event by the landmark (cumulative), controls are free of it there (dynamic). Who
was censored before is neither; the cases that were seen stand in for those who were not, with
weight 1/G(T-), where G is the Kaplan-Meier estimate of censoring. Controls were all followed to the
landmark and weigh the same. Leaving out the censored without weights, as `cutpoints.auc` of
`cutpoints.status_at` does, favours late controls over late cases; without censoring before the
landmark both are the same. Censoring must not depend on the marker.

Sources: Heagerty & Zheng, Biometrics 2005;61:92 (definitions); Uno et al., JASA 2007;102:527, and
Blanche, Dartigues & Jacqmin-Gadda, Biom J 2013;55:687 (weights); Efron, JRSS B 1992;54:83
(infinitesimal jackknife).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import ndtri

from resarc.errors import DataError
from resarc.survival import inputs
from resarc.survival.cutpoints import DIRECTIONS, direction, status_at
from resarc.survival.kaplan_meier import uncensored_before
from resarc.survival.results import Estimate


@dataclass(frozen=True)
class _Known:
    """Marker turned so that a higher one speaks for the event, cases and controls, and weights of
    the cases (0 for others); all (n,). `sign` turns the marker back."""

    time: np.ndarray
    censored: np.ndarray
    marker: np.ndarray
    case: np.ndarray
    control: np.ndarray
    weight: np.ndarray
    sign: int


def roc_at(
    time: Any, event: Any, marker: Any, horizon: float, towards: str = "auto"
) -> pd.DataFrame:
    """`threshold, sensitivity, specificity` at the landmark, from all positive to all negative.

    Thresholds and `towards` as `direction` in `cutpoints.roc`; `auto` compares the medians of those
    whose status is known. At least one case and one control are needed.
    """
    known = _known(time, event, marker, horizon, towards)
    if not (known.case.any() and known.control.any()):
        found = f"{known.case.sum()} cases and {known.control.sum()} controls at {horizon:g}"
        raise DataError("horizon", found, "at least one of each")
    observed = np.unique(known.marker[known.case | known.control])
    threshold = np.concatenate([[-np.inf], (observed[:-1] + observed[1:]) / 2, [np.inf]])
    above = known.marker[:, None] > threshold
    sensitivity = known.weight @ above / known.weight.sum()
    specificity = 1 - known.control.astype(float) @ above / known.control.sum()
    return pd.DataFrame(
        {
            "threshold": known.sign * threshold,
            "sensitivity": sensitivity,
            "specificity": specificity,
        }
    )


def auc_at(
    time: Any, event: Any, marker: Any, horizon: float, towards: str = "auto", level: float = 0.95
) -> Estimate:
    """Area under `roc_at`: how often a case has the higher marker than a control (half if equal).

    The standard error is the infinitesimal jackknife's, the estimate of G included; limits are
    normal, cut at 0 and 1. NaN without cases or controls.
    """
    inputs.fraction(level, "level")
    known = _known(time, event, marker, horizon, towards)
    method = f"AUC at {horizon:g}, weighted for censoring"
    if not (known.case.any() and known.control.any()):
        return Estimate(np.nan, method=method)
    controls = np.sort(known.marker[known.control])
    lower = np.searchsorted(controls, known.marker, side="left")
    upper = np.searchsorted(controls, known.marker, side="right")
    won = (lower + upper) / 2 / controls.size  # share of the controls below each patient
    total = known.weight.sum()
    value = float(known.weight @ won / total)
    se = float(np.sqrt((_influence(known, won, value) ** 2).sum()))
    width = float(ndtri((1 + level) / 2)) * se
    return Estimate(value, max(value - width, 0.0), min(value + width, 1.0), se, method=method)


def _influence(known: _Known, won: np.ndarray, value: float) -> np.ndarray:
    """Derivative of the area by each patient's weight in the sample, (n,)."""
    total = known.weight.sum()
    order = np.argsort(known.marker[known.case], kind="stable")
    cases = known.marker[known.case][order]
    weights = np.concatenate([[0.0], known.weight[known.case][order].cumsum()])
    below = weights[np.searchsorted(cases, known.marker, side="left")]
    up_to = weights[np.searchsorted(cases, known.marker, side="right")]
    lost = 1 - (below + up_to) / 2 / total  # share of the cases above each patient
    excess = known.weight * (won - value) / total
    out = excess + known.control * (lost - value) / known.control.sum()
    # A patient also has a part in the estimate of G: by being censored, and by being at risk of it.
    distinct, place = np.unique(known.time, return_inverse=True)
    at_risk = np.bincount(place)[::-1].cumsum()[::-1]
    hazard = np.bincount(place, weights=known.censored) / at_risk
    here = np.bincount(place, weights=excess, minlength=distinct.size)
    later = here[::-1].cumsum()[::-1] - here
    step = np.where(hazard < 1, later / np.where(hazard < 1, at_risk * (1 - hazard), 1.0), 0.0)
    return out + known.censored * step[place] - np.cumsum(step * hazard)[place]


def _known(time: Any, event: Any, marker: Any, horizon: float, towards: str) -> _Known:
    times, events = inputs.follow_up(time, event)
    values = inputs.vector(marker, "marker", size=times.size)
    inputs.one_of(towards, DIRECTIONS, "towards")
    if not (np.isfinite(horizon) and horizon >= 0):
        raise DataError("horizon", f"{horizon!r}", "a time of at least 0")
    status = status_at(times, events, horizon)
    case = status.fillna(False).to_numpy(dtype=bool)
    control = (~status).fillna(False).to_numpy(dtype=bool)
    if towards == "auto":
        known = case | control
        both = case.any() and control.any()
        towards = direction(values[known], case[known]) if both else "<"
    sign = 1 if towards == "<" else -1
    uncensored = uncensored_before(times, ~events)
    weight = np.where(case, 1 / np.where(case, uncensored, 1.0), 0.0)
    return _Known(times, ~events, sign * values, case, control, weight, sign)
