"""All order histories of a small cohort that the figures of the whole cohort allow.

A Kaplan-Meier curve depends on the order of events and censorings and on which of them lie before a
landmark, not on the times themselves; deaths at one time count one after the other (same product,
same Greenwood sum). For a few dozen patients, every order history that the figures of the whole cohort
allow can be walked through: step by step either an event or a censoring, or on to the next landmark.
Histories that agree in all that the rest of the walk depends on (patients at risk, events so far, the
curve, Greenwood's sum) are one state, and a state that breaks a figure is left at once. The number of
events is fixed in each walk, so that figures on follow-up can be judged on the way.

The conditions are such as every dataset must meet, and figures of subgroups are not asked, but for what
they say of how many are gone (`Standing`): what the walks rule out is ruled out (`identify.enumeration`
bounds by that), what they allow is a start (`strata` and `strides` draw from it).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np

from resarc.estimand import DAYS_PER_MONTH, Estimand
from resarc.protocol import Protocol
from resarc.published import Range
from resarc.reconstruct.targets import EDGE, Target, inside
from resarc.survival.kaplan_meier import limits

MOST_STATES = 100_000
"""More states than this between two landmarks, and the walk is given up."""

LARGEST = 40
"""Cohorts of more patients have too many order histories."""

GRID = 8_000
"""Sizes of Greenwood's sum of which printed limits are asked."""

FOLLOW_UP = ("followup_minimum", "followup_maximum", "followup_median")
_MARGIN = 1e-6
_DIGITS = 12

State = tuple[int, int, float, float, float]
"""Patients at risk, events so far, the curve, Greenwood's sum while an interval is still to come, and
the value asked for, once its time has passed."""

Test = Callable[[State], bool]
"""Of one state, or of many at once, as arrays."""


@dataclass(frozen=True)
class Standing:
    """Numbers of all patients by a time in days: pairs (events, censored) that are `allowed`."""

    day: float
    allowed: tuple[tuple[int, int], ...]

    def table(self, patients: int) -> np.ndarray:
        """Whether so many may have had the event and been censored (n + 1, n + 1)."""
        found = np.zeros((patients + 1, patients + 1), dtype=bool)
        found[tuple(np.array(self.allowed).T)] = True
        return found


@dataclass
class Landmark:
    """A moment, in days: who had an event or was censored until then has done so. The curve is then
    between `low` and `high`. `may` says of how many have gone whether so many may have; `keep` are such
    demands that no later step can mend once they are broken, so that they prune the way there.
    `limits`: what is demanded of limits of the curve; `known`: whether a rate is printed, so that
    follow-up must reach so far; `told`: whether it is told how many are gone or live on, and not only
    between which patients the landmark lies; `asked`: what is asked for
    there."""

    day: float
    low: float = 0.0
    high: float = 1.0
    may: list[Test] = field(default_factory=list)
    keep: list[Test] = field(default_factory=list)
    limits: list[Test] = field(default_factory=list)
    known: bool = False
    told: bool = False
    asked: Callable[[State], float] | None = None

    def between(self, low: float, high: float) -> None:
        """Demand more of the curve."""
        self.low, self.high = max(self.low, low), min(self.high, high)

    def box(self) -> tuple[float, float, float, float]:
        """Where the curve and Greenwood's sum must be: least curve and sum, greatest ones."""
        low, high = max(self.low, 0.0), min(self.high, 1.0)
        if not self.limits:
            return low, 0.0, high, np.inf
        grid = np.geomspace(1e-4, 4.0, GRID)
        good = np.zeros(GRID, dtype=bool)
        for height in np.linspace(low, high, 5):
            state = (0, 0, np.full(GRID, height), grid, 0.0)
            good |= np.all([test(state) for test in self.limits], axis=0)
        if not good.any():
            return low, 0.0, high, np.inf
        first, last = np.flatnonzero(good)[[0, -1]]
        least = grid[first - 1] if first else 0.0
        return low, least, high, grid[last + 1] if last + 1 < GRID else np.inf

    def counts(self, state: State) -> bool:
        """Whether so many may have gone."""
        return all(test(state) for test in (*self.may, *self.keep))


@dataclass
class Walk:
    """The landmarks of one endpoint among histories with so many events."""

    patients: int
    events: int
    landmarks: dict[float, Landmark] = field(default_factory=dict)

    def at(self, day: float) -> Landmark:
        return self.landmarks.setdefault(day, Landmark(day))

    def course(self) -> Course:
        """The landmarks in their order, and what is demanded until the end."""
        stops = [self.landmarks[day] for day in sorted(self.landmarks)]
        stops.append(Landmark(np.inf, may=[lambda state: state[0] == 0]))
        places = range(len(stops))
        return Course(
            stops,
            [[k for later in stops[place:] for k in later.keep] for place in places],
            [max(later.low for later in stops[place:]) for place in places],
            [any(later.limits for later in stops[p:]) for p in range(len(stops) + 1)],
        )


@dataclass(frozen=True)
class Course:
    """What a walk goes along; `keeps` of each landmark and all after it, and the curve's `least`."""

    stops: list[Landmark]
    keeps: list[list[Test]]
    least: list[float]
    limited: list[bool]


@dataclass(frozen=True)
class Conventions:
    """How limits are computed: what the walks read of a protocol."""

    survival_interval: str
    level: float

    @classmethod
    def of(cls, protocol: Protocol) -> Conventions:
        return cls(protocol.conventions.survival_interval, protocol.conventions.level)


def speaks(e: Estimand, endpoint: str) -> bool:
    """Whether a figure is about this endpoint alone."""
    events = e.statistic == "n" and len(e.where) == 1
    own = e.subject == endpoint or events
    return own and not e.by and all(c.variable == endpoint for c in e.where)


def landmarks_of(
    targets: Iterable[Target],
    conventions: Conventions,
    patients: int,
    events: int,
    standings: Iterable[Standing] = (),
) -> Walk | None:
    """What figures demand of histories with so many events, and what groups' rates say of how many are
    gone by then; None if none can meet them."""
    walk = Walk(patients, events)
    for standing in standings:
        _stand(standing, walk)
    return walk if all(_demand(target, walk, conventions) for target in targets) else None


def walked(
    targets: list[Target],
    protocol: Protocol,
    patients: int,
    events: int,
    estimand: Estimand | None = None,
) -> set[float] | None:
    """The values of an estimand over the histories with so many events that meet the figures; without
    an estimand {0.0} as soon as one is found. None if the walk was given up."""
    landmarks = landmarks_of(targets, Conventions.of(protocol), patients, events)
    if landmarks is None:
        return set()
    if estimand is not None:
        before = estimand.statistic == "at_risk"
        day = estimand.time * DAYS_PER_MONTH + (-_MARGIN if before else _MARGIN)
        landmarks.at(day).asked = reader(estimand.statistic, patients)
    course = landmarks.course()
    last = len(course.stops)
    stack: list[tuple[int, State]] = [(0, (patients, 0, 1.0, 0.0, 0.0))]
    seen, found = set(stack), set()
    while stack:
        place, state = stack.pop()
        if place == last:
            found.add(state[4])
            if estimand is None:
                break
            continue
        stop = course.stops[place]
        ahead = [(place, new) for new in _steps(state, course.limited[place])]
        good = stop.low <= state[2] <= stop.high and stop.counts(state)
        if good and all(test(state) for test in stop.limits):
            value = round(stop.asked(state), _DIGITS) if stop.asked else state[4]
            greenwood = state[3] if course.limited[place + 1] else 0.0
            ahead.append((place + 1, (*state[:3], greenwood, value)))
        for there, new in ahead:
            kept = new[1] <= events <= new[1] + new[0]
            if there < last:
                kept = kept and new[2] >= course.least[there]
                kept = kept and all(keep(new) for keep in course.keeps[there])
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


def reader(statistic: str, patients: int) -> Callable[[State], float]:
    if statistic == "survival":
        return lambda state: state[2]
    if statistic == "crude_rate":
        return lambda state: state[0] / patients
    return lambda state: float(state[0])


def _demand(target: Target, walk: Walk, conventions: Conventions) -> bool:
    """Put what a figure demands of every dataset into a walk; False if no such history can meet it.
    Figures that are not understood here demand nothing, so that the bounds stay outer."""
    e, value = target.estimand, target.value
    low, high = value.lower * DAYS_PER_MONTH - _MARGIN, value.upper * DAYS_PER_MONTH + _MARGIN
    if e.statistic in ("survival", "crude_rate", "at_risk") and not e.where:
        before = e.statistic == "at_risk"
        landmark = walk.at(e.time * DAYS_PER_MONTH + (-_MARGIN if before else _MARGIN))
        read = reader(e.statistic, walk.patients)
        landmark.told = True
        if e.statistic == "survival":
            landmark.between(*ends(value))
            landmark.known = True
        else:
            landmark.may.append(lambda state: inside(np.asarray(read(state)), value))
            landmark.keep.append(lambda state: read(state) >= value.lower - EDGE)
        if target.lower is not None or target.upper is not None:
            landmark.limits.append(limited(target, conventions))
    elif e.statistic == "median" and not e.where:
        for side, allowed in enumerate((value, target.lower, target.upper)):
            for bound, sign in ((allowed.lower, 1), (allowed.upper, -1)) if allowed else ():
                if np.isfinite(bound) and bound > 0:
                    landmark = walk.at(bound * DAYS_PER_MONTH - sign * _MARGIN)
                    if side:
                        landmark.limits.append(_crossing(side, sign, conventions))
                    elif sign == 1:
                        landmark.between(0.5 - EDGE, 1.0)
                    else:
                        landmark.between(0.0, 0.5 + EDGE)
    elif e.statistic == "events" or (e.statistic == "n" and e.where):
        events = e.statistic == "events" or e.where[0].level == "event"
        count = walk.events if events else walk.patients - walk.events
        return value.lower - EDGE <= count <= value.upper + EDGE
    elif e.statistic in FOLLOW_UP and np.isfinite(value.lower + value.upper):
        return _followed(e, low, high, walk)
    return True


def _stand(standing: Standing, walk: Walk) -> None:
    """Put into a walk how many may be gone by a time."""
    landmark, n = walk.at(standing.day + _MARGIN), walk.patients
    landmark.told, allowed = True, standing.table(n)
    # Whether so many may be gone on the way there: somebody more may go.
    coming = np.maximum.accumulate(np.maximum.accumulate(allowed[::-1, ::-1], axis=0), axis=1)
    coming = coming[::-1, ::-1]
    landmark.may.append(lambda state: allowed[state[1], n - state[0] - state[1]])
    landmark.keep.append(lambda state: coming[state[1], n - state[0] - state[1]])


def ends(value: Range) -> tuple[float, float]:
    """The ends of a range as `inside` judges it."""
    low = value.lower + (EDGE if value.open_lower else -EDGE)
    return low, value.upper + (-EDGE if value.open_upper else EDGE)


def _followed(e: Estimand, low: float, high: float, walk: Walk) -> bool:
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


def limited(target: Target, conventions: Conventions) -> Test:
    def may(state: State) -> bool:
        found = _limits(state, conventions)
        good = np.ones(np.shape(found[0]), dtype=bool)
        for x, bound in zip(found, (target.lower, target.upper), strict=True):
            good &= inside(x, bound) if bound is not None else True
        return good

    return may


def _limits(state: State, conventions: Conventions) -> tuple[np.ndarray, np.ndarray]:
    with np.errstate(divide="ignore", invalid="ignore"):
        return limits(
            np.asarray(state[2]),
            np.sqrt(np.asarray(state[3])),
            conventions.survival_interval,
            conventions.level,
        )


def _crossing(side: int, sign: int, conventions: Conventions) -> Test:
    """Whether a limit of the curve (1, 2) is still at one half or above it (sign 1), or has come down to
    it (-1). Where a limit is unknown, all is possible."""

    def may(state: State) -> bool:
        height = _limits(state, conventions)[side - 1]
        return np.isnan(height) | (sign * (height - 0.5) >= -EDGE)

    return may
