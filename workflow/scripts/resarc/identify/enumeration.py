"""Exact bounds from all order histories of a small cohort.

A Kaplan-Meier curve depends on the order of events and censorings and on which of them lie before a
landmark, not on the times themselves; deaths at one time count one after the other (same product,
same Greenwood sum). For a few dozen patients, every order history that the figures of the whole cohort
allow can be walked through: step by step either an event or a censoring, or on to the next landmark.
Histories that agree in all that the rest of the walk depends on (patients at risk, events so far, the
curve, Greenwood's sum) are one state, and a state that breaks a figure is left at once. The number of
events is fixed in each walk, so that figures on follow-up can be judged on the way.

The conditions are such as every dataset must meet, and figures of subgroups are not asked: the bounds
are *outer* ones, no dataset lies beyond them. Where a member reaches them they are exact.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np

from resarc.estimand import DAYS_PER_MONTH, Estimand
from resarc.protocol import Protocol
from resarc.reconstruct.targets import EDGE, Target, inside
from resarc.survival.kaplan_meier import limits

MOST_STATES = 100_000
"""More states than this between two landmarks, and the walk is given up."""

LARGEST = 40
"""Cohorts of more patients have too many order histories."""

FOLLOW_UP = ("followup_minimum", "followup_maximum", "followup_median")
STATISTICS = ("events", "survival", "crude_rate", "at_risk")
_MARGIN = 1e-6
_DIGITS = 12

State = tuple[int, int, float, float, float]
"""Patients at risk, events so far, the curve, Greenwood's sum while an interval is still to come, and
the value asked for, once its time has passed."""

Test = Callable[[State], bool]


@dataclass
class _Landmark:
    """A moment, in days: who had an event or was censored until then has done so. `may` says whether
    a state may stand there; `keep` are demands that no later step can mend once they are broken, so
    that they prune the way there. `limits`: whether limits of the curve are judged there; `asked`:
    what is asked for there."""

    day: float
    may: list[Test] = field(default_factory=list)
    keep: list[Test] = field(default_factory=list)
    limits: bool = False
    asked: Callable[[State], float] | None = None


@dataclass
class _Walk:
    """The landmarks of one endpoint among histories with so many events."""

    patients: int
    events: int
    landmarks: dict[float, _Landmark] = field(default_factory=dict)

    def at(self, day: float) -> _Landmark:
        return self.landmarks.setdefault(day, _Landmark(day))


def outermost(
    estimands: Iterable[Estimand], targets: list[Target], protocol: Protocol, patients: int
) -> dict[Estimand, tuple[float, float]]:
    """Outer bounds of those estimands of the whole cohort that can be enumerated. Endpoints with too
    many histories are left out, and so are estimands of subgroups."""
    found: dict[Estimand, tuple[float, float]] = {}
    events: dict[str, tuple[int, int] | None] = {}
    for estimand in dict.fromkeys(estimands):
        endpoint = estimand.subject
        known = endpoint in protocol.endpoint_names and patients <= LARGEST
        if not known or estimand.where or estimand.statistic not in STATISTICS:
            continue
        own = [t for t in targets if _speaks(t.estimand, endpoint)]
        if endpoint not in events:
            events[endpoint] = _events(own, protocol, patients)
        few_to_many = events[endpoint]
        if few_to_many is None:
            continue
        if estimand.statistic == "events":
            found[estimand] = (float(few_to_many[0]), float(few_to_many[1]))
            continue
        values: set[float] = set()
        for number in range(few_to_many[0], few_to_many[1] + 1):
            some = _walked(own, protocol, patients, number, estimand)
            if some is None:
                break
            values |= some
        else:
            found[estimand] = (min(values), max(values))
    return found


def _events(targets: list[Target], protocol: Protocol, patients: int) -> tuple[int, int] | None:
    """The fewest and the most events of any history; None if there are too many histories, or none."""
    ends = []
    for numbers in (range(patients + 1), range(patients, -1, -1)):
        for number in numbers:
            possible = _walked(targets, protocol, patients, number)
            if possible is None:
                return None
            if possible:
                ends.append(number)
                break
        else:
            return None
    return ends[0], ends[1]


def _speaks(e: Estimand, endpoint: str) -> bool:
    """Whether a figure is about this endpoint alone."""
    events = e.statistic == "n" and len(e.where) == 1
    own = e.subject == endpoint or events
    return own and not e.by and all(c.variable == endpoint for c in e.where)


def _walked(
    targets: list[Target],
    protocol: Protocol,
    patients: int,
    events: int,
    estimand: Estimand | None = None,
) -> set[float] | None:
    """The values of an estimand over the histories with so many events that meet the figures; without
    an estimand {0.0} as soon as one is found. None if the walk was given up."""
    walk = _Walk(patients, events)
    if not all(_demand(target, walk, protocol) for target in targets):
        return set()
    if estimand is not None:
        before = estimand.statistic == "at_risk"
        day = estimand.time * DAYS_PER_MONTH + (-_MARGIN if before else _MARGIN)
        walk.at(day).asked = _reader(estimand.statistic, patients)
    stops = [walk.landmarks[day] for day in sorted(walk.landmarks)]
    stops.append(_Landmark(np.inf, [lambda state: state[0] == 0]))
    keeps = [[k for later in stops[place:] for k in later.keep] for place in range(len(stops))]
    limited = [any(later.limits for later in stops[place:]) for place in range(len(stops) + 1)]
    stack: list[tuple[int, State]] = [(0, (patients, 0, 1.0, 0.0, 0.0))]
    seen, found = set(stack), set()
    while stack:
        place, state = stack.pop()
        if place == len(stops):
            found.add(state[4])
            if estimand is None:
                break
            continue
        stop = stops[place]
        ahead = [(place, new) for new in _steps(state, limited[place])]
        if all(may(state) for may in (*stop.may, *stop.keep)):
            value = round(stop.asked(state), _DIGITS) if stop.asked else state[4]
            greenwood = state[3] if limited[place + 1] else 0.0
            ahead.append((place + 1, (*state[:3], greenwood, value)))
        for there, new in ahead:
            kept = new[1] <= events <= new[1] + new[0]
            if there < len(stops):
                kept = kept and all(keep(new) for keep in keeps[there])
            if kept and (there, new) not in seen:
                seen.add((there, new))
                stack.append((there, new))
        if len(seen) > MOST_STATES:
            return None
    return found


def _steps(state: State, limited: bool) -> list[State]:
    """What one censoring and one event lead to."""
    at_risk, events, s, greenwood, value = state
    if at_risk == 0:
        return []
    after = round(s * (1 - 1 / at_risk), _DIGITS)
    if limited:
        term = 1 / (at_risk * (at_risk - 1)) if at_risk > 1 else np.inf
        grown = round(greenwood + term, _DIGITS)
    else:
        grown = 0.0
    return [
        (at_risk - 1, events, s, greenwood, value),
        (at_risk - 1, events + 1, after, grown, value),
    ]


def _reader(statistic: str, patients: int) -> Callable[[State], float]:
    if statistic == "survival":
        return lambda state: state[2]
    if statistic == "crude_rate":
        return lambda state: state[0] / patients
    return lambda state: float(state[0])


def _demand(target: Target, walk: _Walk, protocol: Protocol) -> bool:
    """Put what a figure demands of every dataset into a walk; False if no such history can meet it.
    Figures that are not understood here demand nothing, so that the bounds stay outer."""
    e, value = target.estimand, target.value
    low, high = value.lower * DAYS_PER_MONTH - _MARGIN, value.upper * DAYS_PER_MONTH + _MARGIN
    if e.statistic in ("survival", "crude_rate", "at_risk") and not e.where:
        before = e.statistic == "at_risk"
        landmark = walk.at(e.time * DAYS_PER_MONTH + (-_MARGIN if before else _MARGIN))
        read = _reader(e.statistic, walk.patients)
        landmark.may.append(lambda state: bool(inside(np.array(read(state)), value)))
        landmark.keep.append(lambda state: read(state) >= value.lower - EDGE)
        if target.lower is not None or target.upper is not None:
            landmark.limits = True
            landmark.may.append(_limited(target, protocol))
    elif e.statistic == "median" and not e.where:
        for side, allowed in enumerate((value, target.lower, target.upper)):
            for bound, sign in ((allowed.lower, 1), (allowed.upper, -1)) if allowed else ():
                if np.isfinite(bound) and bound > 0:
                    landmark = walk.at(bound * DAYS_PER_MONTH - sign * _MARGIN)
                    landmark.limits |= side > 0
                    test = _crossing(side, sign, protocol)
                    (landmark.keep if side == 0 and sign == 1 else landmark.may).append(test)
    elif e.statistic == "events" or (e.statistic == "n" and e.where):
        events = e.statistic == "events" or e.where[0].level == "event"
        count = walk.events if events else walk.patients - walk.events
        return value.lower - EDGE <= count <= value.upper + EDGE
    elif e.statistic in FOLLOW_UP and np.isfinite(value.lower + value.upper):
        return _followed(e, low, high, walk)
    return True


def _followed(e: Estimand, low: float, high: float, walk: _Walk) -> bool:
    """What a shortest, longest or median follow-up demands: how many of whom come before and after;
    False if there is nobody whom it could be about."""
    level = e.where[0].level if e.where else ""
    n = walk.patients
    total = {"": n, "event": walk.events, "censored": n - walk.events}[level]

    def count(state: State) -> int:
        done = n - state[0]
        return done if not level else state[1] if level == "event" else done - state[1]

    early, late = walk.at(low), walk.at(high)
    if e.statistic == "followup_minimum":
        early.keep.append(lambda state: count(state) == 0)
        late.may.append(lambda state: count(state) > 0)
    elif e.statistic == "followup_maximum":
        early.may.append(lambda state: count(state) < total)
        late.may.append(lambda state: count(state) == total)
    else:
        early.keep.append(lambda state: 2 * count(state) <= total)
        late.may.append(lambda state: 2 * count(state) >= total)
    return total > 0


def _limited(target: Target, protocol: Protocol) -> Test:
    def may(state: State) -> bool:
        found = _limits(state, protocol)
        pairs = zip(found, (target.lower, target.upper), strict=True)
        return all(bound is None or bool(inside(np.array(x), bound)) for x, bound in pairs)

    return may


def _limits(state: State, protocol: Protocol) -> tuple[float, float]:
    conventions = protocol.conventions
    with np.errstate(divide="ignore", invalid="ignore"):
        low, high = limits(
            np.array([state[2]]),
            np.sqrt(np.array([state[3]])),
            conventions.survival_interval,
            conventions.level,
        )
    return float(low[0]), float(high[0])


def _crossing(side: int, sign: int, protocol: Protocol) -> Test:
    """Whether the curve (0) or a limit of it (1, 2) is still at one half or above it (sign 1), or has
    come down to it (-1). Where a limit is unknown, all is possible."""

    def may(state: State) -> bool:
        height = state[2] if side == 0 else _limits(state, protocol)[side - 1]
        return bool(np.isnan(height)) or sign * (height - 0.5) >= -EDGE

    return may
