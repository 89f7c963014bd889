"""Estimands of a number as a marker of an endpoint's status at a horizon (ROC analysis)."""

from __future__ import annotations

import numpy as np

from resarc.analysis.result import Estimate, percent
from resarc.analysis.times import NO_FOLLOW_UP
from resarc.analysis.view import CohortView
from resarc.estimand import Estimand


def _status(view: CohortView, estimand: Estimand) -> tuple[np.ndarray, np.ndarray, int, str]:
    """Marker and status of the patients whose status at the horizon is known, how many had the
    event, and why there is no ROC curve (empty if there is one).

    Who is censored before the horizon has no known status and takes no part.
    """
    from resarc.survival.cutpoints import status_at

    found = view.follow_up(estimand.subject, estimand.where, estimand.by)
    marker = view.column(estimand.by)[found.rows]
    if not found.n:
        return marker, np.zeros(0, dtype=bool), 0, NO_FOLLOW_UP
    status = status_at(found.time, found.event, estimand.time)
    known = status.notna().to_numpy()
    happened = status[known].to_numpy(dtype=bool)
    cases = int(happened.sum())
    why = ""
    if not cases:
        why = f"no event within {estimand.time:g} months"
    elif cases == happened.size:
        why = f"nobody is known to be free of the event at {estimand.time:g} months"
    return marker[known], happened, cases, why


def auc(view: CohortView, estimand: Estimand) -> Estimate:
    """Area under the ROC curve; the marker counts as bad in the direction that its medians show."""
    from resarc.survival import cutpoints

    level = view.protocol.conventions.level
    method = f"ROC of known status, DeLong {percent(level)} interval"
    marker, happened, cases, why = _status(view, estimand)
    if why:
        return Estimate(n=happened.size, events=cases, method=method, note=why)
    area = cutpoints.auc(marker, happened, level=level)
    return Estimate(
        area.value, area.lower, area.upper, n=happened.size, events=cases, method=method
    )


def roc_cutoff(view: CohortView, estimand: Estimand) -> Estimate:
    from resarc.survival import cutpoints

    criterion = view.protocol.conventions.roc_criterion
    words = {"youden": "largest Youden index", "closest": "point closest to (0, 1)"}[criterion]
    method = f"ROC of known status, {words}"
    marker, happened, cases, why = _status(view, estimand)
    if why:
        return Estimate(n=happened.size, events=cases, method=method, note=why)
    found = cutpoints.optimal_cutoff(marker, happened, criterion)
    note = ""
    if not np.isfinite(found.threshold):
        return Estimate(
            n=happened.size, events=cases, method=method, note="no cut-off separates at all"
        )
    if len(found.thresholds) > 1:
        others = ", ".join(f"{value:g}" for value in found.thresholds[1:])
        note = f"equally good: {others}"
    return Estimate(found.threshold, n=happened.size, events=cases, method=method, note=note)
