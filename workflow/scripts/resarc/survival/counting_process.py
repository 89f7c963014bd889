"""Cox's model for covariates that change, and for late entry: follow-up as rows (start, stop].

A patient's follow-up is cut where a covariate changes; each row holds the values that were known
throughout it. A treatment given after time 0 is then counted as treatment only from the day it
was given, which removes immortal time. `episodes` makes such rows.

Sources: Andersen & Gill, Ann Stat 1982;10:1100; Therneau & Grambsch, Modeling Survival Data,
section 3.7; Crowley & Hu, JASA 1977;72:27 (the Stanford heart transplants).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.special import chdtrc

from resarc.errors import DataError
from resarc.survival import inputs
from resarc.survival.cox import TIES, CoxResult, coefficient_table, describe, why_not
from resarc.survival.partial_likelihood import PartialLikelihood, fit, of_intervals


def episodes(
    frame: pd.DataFrame, duration: str, event: str, change: str, name: str
) -> pd.DataFrame:
    """One or two rows for each patient: before and from `change`, when `name` turns from 0 to 1.

    `change` is a column of times since time 0, missing where it never happened. The columns
    `start`, `stop` and `name` are added, `event` holds for the last row only, and the index repeats
    that of `frame`. At `change` 0 or below the patient has 1 throughout; at or after the end of
    follow-up 0 throughout, as an event at that very time is not a consequence (R: `(start, stop]`).
    A patient without follow-up (time 0) is in no risk set and has no row.
    """
    inputs.require(frame, [duration, event, change])
    taken = {"start", "stop", name} & set(frame.columns)
    if taken:
        raise DataError("frame", f"a column {min(taken)!r}", "names that are not in use")
    time, died = inputs.follow_up(frame[duration], frame[event])
    at = pd.to_numeric(frame[change]).to_numpy(dtype=float, na_value=np.nan)
    at = np.where(np.isnan(at) | (at >= time), np.inf, np.maximum(at, 0.0))
    before, after = at > 0, np.isfinite(at)
    parts = [
        frame.assign(start=0.0, stop=np.minimum(at, time), **{event: died & ~after, name: 0})[
            before
        ],
        frame.assign(start=np.where(after, at, 0.0), stop=time, **{event: died, name: 1})[after],
    ]
    position = np.concatenate([np.flatnonzero(before), np.flatnonzero(after)])
    rows = pd.concat(parts).iloc[np.argsort(position, kind="stable")]
    return rows[rows["stop"] > rows["start"]]


def cox_intervals(
    frame: pd.DataFrame,
    start: str,
    stop: str,
    event: str,
    covariates: Sequence[str],
    strata: str | Sequence[str] | None = None,
    cluster: str | None = None,
    level: float = 0.95,
    ties: str = "efron",
) -> CoxResult:
    """Cox model of rows of follow-up (start, stop], `event` true where a row ends in it.

    As `coxph(Surv(start, stop, event) ~ ...)`. `cluster` names the patients if one may have several
    events or rows are otherwise dependent: the variance is then the sandwich. One event each needs
    none. `n` counts rows. No finite estimate, and `problem` says why: as for `cox.cox`.
    """
    inputs.fraction(level, "level")
    inputs.one_of(ties, TIES, "ties")
    names = inputs.columns(covariates, "covariates")
    likelihood = intervals_likelihood(frame, start, stop, event, names, strata, ties)
    found = fit(likelihood)
    beta, se, infinite = found.beta[0], found.se[0], found.infinite[0]
    converged = bool(found.converged[0])
    separated = bool(infinite.any())
    if cluster is not None and converged:
        shares = likelihood.score_residuals(beta) @ found.covariance[0]
        patient = inputs.strata(frame, cluster)
        summed = np.zeros((patient.max() + 1, len(names)))
        np.add.at(summed, patient, shares)
        se = np.sqrt((summed**2).sum(axis=0))
    usable = converged or separated
    value, null = float(found.log_likelihood[0]), float(found.null_log_likelihood[0])
    lr = max(2 * (value - null), 0.0) if usable else np.nan
    score = float(found.score[0]) if usable else np.nan
    return CoxResult(
        coefficient_table(names, beta, se, infinite, level),
        value,
        null,
        lr,
        float(chdtrc(len(names), lr)) if usable else np.nan,
        score,
        float(chdtrc(len(names), score)) if usable else np.nan,
        len(names),
        len(frame),
        len(likelihood.death),
        converged,
        separated,
        why_not(names, likelihood.sd, likelihood.death.size > 0, infinite, beta, usable),
        describe(ties, strata is not None, cluster is not None, "Cox with start and stop"),
    )


def intervals_likelihood(
    frame: pd.DataFrame,
    start: str | None,
    stop: str,
    event: str,
    names: Sequence[str],
    strata: str | Sequence[str] | None,
    ties: str,
) -> PartialLikelihood:
    """The partial likelihood of checked columns; without `start` everyone is at risk from the start."""
    inputs.require(frame, [c for c in (start, stop, event, *names) if c is not None])
    end, died = inputs.follow_up(frame[stop], frame[event])
    if start is None:
        begin = np.full(end.size, -np.inf)
    else:
        begin = inputs.vector(frame[start], start)
        wrong = np.flatnonzero(begin >= end)
        if wrong.size:
            found = f"{begin[wrong[0]]:g} to {end[wrong[0]]:g}"
            raise DataError(f"row {wrong[0]}", found, f"a {start} before the {stop}")
    return of_intervals(
        begin, end, died, inputs.matrix(frame, names), inputs.strata(frame, strata), ties
    )
