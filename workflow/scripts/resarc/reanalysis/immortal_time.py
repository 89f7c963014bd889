"""Time that a patient must have lived to belong to a group, and what it does to a hazard ratio.

A group that is defined by something that happens after time zero has no deaths before it happens.
Where the registry dates it, patients are divided by what they are at a landmark, or change groups
in the Cox model when it happens. Where nothing dates it, the time is assumed: for delays from none
to the longest, the patients of the group count before the delay as not yet in it, and the drawing
shows how much delay would explain the hazard ratio.

Sources: Suissa, Am J Epidemiol 2008;167:492; Anderson, Cain & Gelber, J Clin Oncol 1983;1:710
(landmarks); Crowley & Hu, JASA 1977;72:27 (time-dependent covariate).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from resarc import tables
from resarc.estimand import Duration, Estimand
from resarc.protocol import Analysis
from resarc.reanalysis import words
from resarc.reanalysis.dataset import Data, Groups, groups
from resarc.reanalysis.ratios import paper_p, paper_ratio
from resarc.reanalysis.result import Changes, Conclusion, Line, Number, Part
from resarc.recommended import ImmortalTime
from resarc.survival import batch, two_groups
from resarc.survival.counting_process import cox_intervals

DELAYS = 21
"""Assumed delays, from none to the longest."""


def evaluate(data: Data, analysis: Analysis, asked: ImmortalTime) -> Part:  # noqa: ARG001
    """The paper's hazard ratio from time zero, and what stands beside it."""
    estimand = asked.of
    if not data.has(estimand):
        return Part((), Conclusion("The groups are not there.", "not comparable"))
    compared = groups(data, estimand)
    ratio = paper_ratio(data, estimand)
    before, p = paper_p(data, estimand)
    numbers: list[Number] = [ratio, before]
    joined = data.date_after_origin(asked.known_on, estimand.subject) if asked.known_on else None
    sentences, found, lines = [], [], []
    if joined is not None:
        dated, sentence, changed = _dated(data, asked, compared, joined, ratio, p)
        numbers += dated
        sentences.append(sentence)
        found.append(changed)
    else:
        line, assumed, sentence, changed = _assumed(data, asked, compared, ratio)
        lines.append(line)
        numbers += assumed
        sentences.append(sentence)
        found.append(changed)
    if asked.at_time_zero:
        zero, sentence, changed = _at_time_zero(data, asked, p)
        numbers += zero
        if sentence:
            sentences.append(sentence)
            found.append(changed)
    return Part(numbers, Conclusion(" ".join(sentences), words.together(found)), lines)


# -- dates known -----------------------------------------------------------------------------------


def _dated(
    data: Data, asked: ImmortalTime, compared: Groups, joined: np.ndarray, ratio: Number,
    p: np.ndarray,
) -> tuple[list[Number], str, Changes]:  # fmt: skip
    """Landmark analyses and the model in which patients join the group when it happens; of one
    registry. Bearers without a date are left out."""
    estimand, endpoint, level = asked.of, asked.of.subject, data.protocol.conventions.level
    first, both = compared.first[0], compared.both[0]
    dated = both & ~(first & np.isnan(joined))
    left_out = int(both.sum() - dated.sum())
    note = f"{left_out} left out for want of a date" if left_out else ""
    time = data.ensemble.times[endpoint][0]
    event = data.ensemble.events[endpoint][0]
    numbers: list[Number] = []
    said: list[str] = []
    tests: list[np.ndarray] = []
    for landmark in asked.landmarks:
        rows, group = _at_landmark(asked, landmark, time, first, dated, joined)
        order = batch.risk_order((time[rows] - landmark.months)[None], event[rows][None])
        counts = two_groups.risk_counts(order, group[None])
        fits = two_groups.fit(counts)
        lower, upper, _ = two_groups.wald(fits, level)
        _, logrank = batch.logrank_statistic(
            time[rows] - landmark.months, event[rows], group.astype(int), 2, order=order
        )
        at = tables.describe_duration(landmark)
        with np.errstate(over="ignore"):
            numbers += [
                Number(
                    estimand, "landmark_hazard_ratio", np.exp(fits.beta), np.exp(lower),
                    np.exp(upper), at=at, method="Cox from the landmark, Wald limits", note=note,
                ),
                Number(estimand, "landmark_logrank_p", logrank, at=at, method="log-rank test"),
                Number(estimand, "n", np.array([float(rows.sum())]), at=at),
                Number(estimand, "events", np.array([float(event[rows].sum())]), at=at),
            ]  # fmt: skip
        said.append(f"{words.ratio(np.exp(fits.beta))} from the landmark at {at}")
        tests.append(logrank)
    value, lower, upper, changing_p = _changing(asked, data, time, event, first, dated, joined)
    method = "Cox with start and stop, Wald limits"
    numbers.append(
        Number(
            estimand, "changing_hazard_ratio", np.array([value]), np.array([lower]),
            np.array([upper]), method=method, note=note,
        )
    )  # fmt: skip
    tests.append(np.array([changing_p]))
    said.append(f"{words.ratio(np.array([value]))} if patients join the group when it happens")
    alpha = data.protocol.conventions.alpha
    changed = words.together([words.changes(p, test, alpha) for test in tests])
    label = words.comparison(estimand, data.protocol)
    verdict = {
        "yes": f"the conclusion at {alpha:g} changes",
        "no": f"the conclusion at {alpha:g} stays",
    }.get(changed, "no comparison is possible")
    sentence = (
        f"The hazard ratio for {label} is {words.ratio(ratio.value)} from time zero, "
        f"{words.listed(said)}: {verdict}."
    )
    return numbers, sentence, changed


def _at_landmark(
    asked: ImmortalTime, landmark: Duration, time: np.ndarray, first: np.ndarray,
    dated: np.ndarray, joined: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Who is followed beyond the landmark, and who of them is in the group by then. Who is not yet
    in the study by then (`before: not at risk`) is left out."""
    by_then = first & (np.nan_to_num(joined, nan=np.inf) <= landmark.months)
    rows = dated & (time > landmark.months)
    if asked.before == "not at risk":
        rows &= ~first | by_then
    return rows, by_then[rows]


def _changing(
    asked: ImmortalTime, data: Data, time: np.ndarray, event: np.ndarray, first: np.ndarray,
    dated: np.ndarray, joined: np.ndarray,
) -> tuple[float, float, float, float]:  # fmt: skip
    """Hazard ratio, limits and p of the Cox model in which membership changes with time."""
    start = np.where(first, np.clip(np.nan_to_num(joined, nan=np.inf), 0.0, None), np.inf)
    start = np.where(start >= time, np.inf, start)
    rows = [pd.DataFrame({"start": 0.0, "stop": np.minimum(start, time),
                          "event": event & np.isinf(start), "group": 0.0})]  # fmt: skip
    after = np.isfinite(start)
    rows.append(pd.DataFrame({"start": start, "stop": time, "event": event, "group": 1.0}))
    before_rows = dated & (np.minimum(start, time) > 0)
    if asked.before == "not at risk":
        before_rows &= ~first
    frame = pd.concat([rows[0][before_rows], rows[1][dated & after]], ignore_index=True)
    if not frame["event"].any() or frame["group"].nunique() < 2:
        return (np.nan,) * 4
    fit = cox_intervals(
        frame, "start", "stop", "event", ["group"], level=data.protocol.conventions.level
    )
    row = fit.coefficients.iloc[0]
    p = fit.lr_p if fit.separated else row["p"]
    return tuple(float(v) for v in (row["hazard_ratio"], row["lower"], row["upper"], p))  # type: ignore[return-value]


# -- dates assumed ---------------------------------------------------------------------------------


def _assumed(
    data: Data, asked: ImmortalTime, compared: Groups, ratio: Number
) -> tuple[Line, list[Number], str, Changes]:
    """The hazard ratio for each assumed delay, and the delays that would explain it."""
    estimand, level = asked.of, data.protocol.conventions.level
    delays = np.linspace(0.0, asked.longest_delay.months, DELAYS)
    before = "second" if asked.before == "unexposed" else "absent"
    curves = []
    for delay in delays:
        counts = two_groups.risk_counts(
            compared.order, compared.first, compared.both, delay=float(delay), before=before
        )
        fits = two_groups.fit(counts)
        lower, upper, _ = two_groups.wald(fits, level)
        with np.errstate(over="ignore"):
            curves.append(np.stack([np.exp(fits.beta), np.exp(lower), np.exp(upper)]))
    value, lower, upper = np.stack(curves, axis=2)
    line = Line(estimand, asked.before, delays, value, lower, upper)
    towards = np.where(value[:, :1] < 1, 1.0, -1.0)
    near = np.where(value[:, :1] < 1, upper, lower)
    none = _first_crossing(delays, towards * (value - 1))
    hidden = _first_crossing(delays, towards * (near - 1))
    how = "as patients without it" if before == "second" else "as not yet in the study"
    method = f"everyone joins after the same delay, counts before it {how}; late deaths at the end"
    numbers = [
        Number(estimand, "delay_to_no_effect", none, method=method),
        Number(estimand, "delay_to_no_evidence", hidden, method=method),
    ]
    with np.errstate(invalid="ignore"):
        evidence = (ratio.lower > 1) | (ratio.upper < 1)
    known = ~np.isnan(ratio.value) & ~np.isnan(ratio.lower)
    # Where there is no evidence from time zero, delays may bring some, on the other side of 1.
    with np.errstate(invalid="ignore"):
        appears = np.maximum(lower - 1, 1 - upper)
    shown = np.where(evidence, np.nan, _first_crossing(delays, appears))
    hidden = np.where(evidence, hidden, np.nan)
    numbers[1] = replace(numbers[1], value=hidden)
    numbers.append(Number(estimand, "delay_to_evidence", shown, method=method))
    longest = tables.describe_duration(asked.longest_delay)
    parts = [
        f"The data hold no date for {words.factor(estimand.by, data.protocol)}. Its hazard ratio "
        f"({words.comparison(estimand, data.protocol).partition(' (')[2] or ')'} is "
        f"{words.ratio(ratio.value)} from time zero"
    ]
    if not known.any():
        return line, numbers, f"{parts[0]}.", "not comparable"
    if evidence.any():
        parts.append(
            f"an immortal time of {_delays(hidden[evidence], longest)} would bring 1 into its "
            f"interval, one of {_delays(none[evidence], longest)} would explain it altogether"
        )
    if (known & ~evidence).any():
        parts.append(
            "where 1 lies in its interval without any delay, it would leave it"
            f" after {_delays(shown[known & ~evidence], longest)} of immortal time"
            if np.isfinite(shown).any()
            else f"where 1 lies in its interval, no immortal time up to {longest} changes that"
        )
    # How much immortal time there was is not known: a conclusion can be open, not changed.
    movable = words.how_often(np.isfinite(hidden) | np.isfinite(shown), known)
    return line, numbers, f"{'; '.join(parts)}.", "no" if movable == words.NONE else "open"


def _first_crossing(delays: np.ndarray, value: np.ndarray) -> np.ndarray:
    """The delay (M,) at which a curve (M, D) first rises to 0, by linear interpolation; 0 where it
    begins there, infinite where it never does."""
    with np.errstate(invalid="ignore"):
        reached = value >= 0
    place = reached.argmax(axis=1)
    rows = np.arange(len(value))
    previous = np.maximum(place - 1, 0)
    low, high = value[rows, previous], value[rows, place]
    with np.errstate(divide="ignore", invalid="ignore"):
        part = np.where(high > low, -low / (high - low), 1.0)
    part = np.where(np.isfinite(part), part, 1.0)
    crossing = delays[previous] + part * (delays[place] - delays[previous])
    crossing = np.where(place == 0, 0.0, crossing)
    found = np.where(reached.any(axis=1), crossing, np.inf)
    return np.where(np.isnan(value[:, 0]), np.nan, found)


def _delays(values: np.ndarray, longest: str) -> str:
    """'3.2 months', '3.2 to 5.0 months', or more than the longest."""
    known = values[~np.isnan(values)]
    finite = known[np.isfinite(known)]
    if not finite.size:
        return f"more than {longest}"
    if finite.size == known.size:
        return words.months(known)
    return f"{finite.min():.1f} months to more than {longest}"


# -- the factor as it was known at time zero ---------------------------------------------------------


def _at_time_zero(
    data: Data, asked: ImmortalTime, p: np.ndarray
) -> tuple[list[Number], str, Changes]:
    """The same comparison by what was known at time zero."""
    name, of = asked.at_time_zero or "", asked.of
    levels, own = data.protocol.levels(of.by), data.protocol.levels(name)
    one, other = (own[levels.index(level)] for level in of.contrast or ("", ""))
    known = replace(of, by=name, contrast=(one, other))
    if not data.has(known):
        return [], "", "not comparable"
    found = data.value(known)
    test = Estimand("logrank_p", of.subject, None, of.where, name)
    after = data.value(test).value
    alpha = data.protocol.conventions.alpha
    changed = words.changes(p, after, alpha)
    label = data.protocol.label(name)
    numbers = [
        Number(
            of, "time_zero_hazard_ratio", found.value, found.lower, found.upper, at=label,
            method="Cox, Wald limits", of=known,
        ),
        Number(of, "time_zero_logrank_p", after, at=label, method="log-rank test", of=test),
    ]  # fmt: skip
    sentence = (
        f"As it was known at time zero ({words.factor(name, data.protocol)}) the hazard ratio is "
        f"{words.ratio(found.value)}, log-rank p {words.p(after)} (as the paper took it: p {words.p(p)})."
    )
    return numbers, sentence, changed
