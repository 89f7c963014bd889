"""Order histories of larger cohorts, drawn from landmark to landmark.

Too many order histories meet the figures of a large cohort to grow them side by side (`strata`), and
those that are left when most are dropped by chance have few ancestors: they are alike up to the first
printed rate. So one is drawn at a time. At each landmark (`orders`) it is drawn how many have had the
event or been censored since the last one, from all numbers with which the figures can still hold (what
an order can do to the curve and to Greenwood's sum is bounded by `standings`); then their order, from
many random ones, some with events rather early or late, one of those that give what is printed at the
landmark. Where nothing is printed of the numbers, those are likelier that go if patients leave evenly.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property, lru_cache

import numpy as np

from resarc.protocol import Protocol
from resarc.reconstruct import strata
from resarc.reconstruct.orders import Conventions, Course, Landmark, Standing, landmarks_of
from resarc.reconstruct.standings import greenwood_of
from resarc.reconstruct.targets import Target

LARGEST = 300
"""In larger cohorts there are too many numbers to choose from at a landmark."""

DIVES = 12
"""Histories that are begun until one comes to the end."""

SCOUTS = 6
"""Of these, with one number of events, until it is known whether there are histories with it."""

ORDERS = 96
"""Random orders between two landmarks of which one is taken."""

PAIRS = 6
"""Numbers that are tried at a landmark."""

LEAN = 1.5
"""How early or late events may come in a random order: the logarithm of a power of its keys."""

HALVINGS = 10
"""Until it is known how early they come."""


@dataclass
class _Begun:
    """A history up to a landmark: patients at risk, events, the curve and Greenwood's sum there, who had
    the event in the order of time, and how many were gone at each landmark."""

    at_risk: int
    events: int
    curve: float
    greenwood: float
    event: list[np.ndarray] = field(default_factory=list)
    gone: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Strides:
    """What histories of n patients go along, by their number of events."""

    courses: dict[int, Course]
    patients: int

    @cached_property
    def numbers(self) -> np.ndarray:
        """The numbers of events of which a history is found."""
        rng = np.random.default_rng(0)
        found = [k for k in self.courses if self.order(k, rng, SCOUTS) is not None]
        return np.array(found, dtype=np.int64)

    def order(
        self, events: int, rng: np.random.Generator, dives: int = DIVES
    ) -> tuple[np.ndarray, np.ndarray] | None:
        """Event flags (n,) in the order of time of a history with so many events, and how many are gone
        at each landmark; None if none was found."""
        return _draw(self.courses[events], self.patients, events, rng, dives)

    def draw(
        self, events: int, days: tuple[int, int], rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray] | None:
        """Whole days between these two and event flags (n,), in the order of time, of one history with
        so many events; None if none was found, or none that has room for its days."""
        for _ in range(DIVES if events in self.courses else 0):
            found = self.order(events, rng)
            if found is None:
                return None
            stops = np.array([stop.day for stop in self.courses[events].stops])
            dated = strata.dated(*found, stops, days, rng)
            if dated is not None:
                return dated
        return None


def pool(
    targets: list[Target],
    protocol: Protocol,
    patients: int,
    standings: tuple[Standing, ...] = (),
) -> Strides | None:
    """Histories that meet the figures of an endpoint, with as many gone by a time as these say; None if
    none was found, or in a very large cohort."""
    return _pool(tuple(targets), Conventions.of(protocol), patients, standings)


@lru_cache(maxsize=64)
def _pool(
    targets: tuple[Target, ...],
    conventions: Conventions,
    patients: int,
    standings: tuple[Standing, ...],
) -> Strides | None:
    """It depends on its arguments only, so that histories may be drawn in any order by any process."""
    if patients > LARGEST:
        return None
    courses = {}
    for events in range(patients + 1):
        walk = landmarks_of(targets, conventions, patients, events, standings)
        if walk is not None:
            courses[events] = walk.course()
    found = Strides(courses, patients)
    return found if found.numbers.size else None


def _draw(
    course: Course, patients: int, events: int, rng: np.random.Generator, dives: int
) -> tuple[np.ndarray, np.ndarray] | None:
    longest = max((stop.day for stop in course.stops[:-1]), default=1.0)
    for _ in range(dives):
        begun = _Begun(patients, 0, 1.0, 0.0)
        day = 0.0
        for place, stop in enumerate(course.stops):
            if not _onward(begun, course, place, (day, longest), patients, events, rng):
                break
            day = stop.day
        else:
            return np.concatenate(begun.event), np.array(begun.gone)
    return None


def _onward(
    begun: _Begun,
    course: Course,
    place: int,
    days: tuple[float, float],
    patients: int,
    events: int,
    rng: np.random.Generator,
) -> bool:
    """On to the next landmark, in place; False if no numbers and order were found."""
    stop, r = course.stops[place], begun.at_risk
    more, censored = _numbers(begun, course, place, days[0], events)
    if not more.size:
        return False
    until = min(stop.day, days[1])
    evenly = r * max(until - days[0], 0.0) / max(days[1] - days[0], 1.0)
    likely = np.exp(-np.abs(more + censored - evenly) / (evenly + 1))
    if not likely.sum() > 0:
        likely = np.ones(more.size)
    few = min(PAIRS, np.count_nonzero(likely))
    for k in rng.choice(more.size, few, replace=False, p=likely / likely.sum()):
        found = _order(begun, stop, int(more[k]), int(censored[k]), rng)
        if found is not None:
            event, begun.curve, begun.greenwood = found
            begun.event.append(event)
            begun.at_risk -= event.size
            begun.events += int(more[k])
            begun.gone.append(patients - begun.at_risk)
            return True
    return False


def _numbers(
    begun: _Begun, course: Course, place: int, day: float, events: int
) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of events and censorings until the next landmark with which the figures can hold."""
    stop, r, left = course.stops[place], begun.at_risk, events - begun.events
    nobody = np.zeros(0, dtype=np.int64)
    if left > r:
        return nobody, nobody
    more, censored = (x.ravel() for x in np.indices((left + 1, r - left + 1)))
    room = stop.day - np.floor(day) >= 1
    good = room | (more + censored == 0)
    # Events first leave the highest curve, events last the lowest.
    with np.errstate(divide="ignore", invalid="ignore"):
        lowest = np.where(r > censored, (r - censored - more) / (r - censored), 1.0)
    highest = (r - more) / max(r, 1)
    good &= (begun.curve * highest >= max(stop.low, course.least[place]) - 1e-12) & (
        begun.curve * lowest <= stop.high + 1e-12
    )
    more, censored = more[good], censored[good]

    state = (r - more - censored, begun.events + more, 1.0, 0.0, 0.0)
    good = np.ones(more.size, dtype=bool)
    for test in (*stop.may, *course.keeps[place]):
        good &= test(state)
    more, censored = more[good], censored[good]
    if stop.limits and more.size and begun.curve > 0:
        low, least, high, most = stop.box()
        fewest, greatest = greenwood_of(
            r, more, censored, max(low, 1e-9) / begun.curve, high / begun.curve
        )
        good = (begun.greenwood + fewest <= most + 1e-9) & (
            begun.greenwood + greatest >= least - 1e-9
        )
        more, censored = more[good], censored[good]
    return more, censored


def _order(
    begun: _Begun, stop: Landmark, more: int, censored: int, rng: np.random.Generator
) -> tuple[np.ndarray, float, float] | None:
    """An order of so many events and censorings that gives what is printed at a landmark, with the curve
    and Greenwood's sum there; None if none was found."""
    total = more + censored
    y = begun.at_risk - np.arange(total)

    def at_end(event: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        with np.errstate(divide="ignore"):
            curve = begun.curve * np.where(event, 1 - 1 / y, 1.0).prod(axis=1)
            return curve, begun.greenwood + np.where(event, 1 / (y * (y - 1.0)), 0.0).sum(axis=1)

    def ordered(lean: np.ndarray) -> np.ndarray:
        early = np.hstack([keys[:, :more] ** np.exp(lean)[:, None], keys[:, more:]])
        return np.argsort(early, axis=1) < more

    free = stop.low <= 0 and stop.high >= 1 and not stop.limits
    many = 1 if free or not more or not censored else ORDERS
    keys = rng.random((many, total))
    event = ordered(np.zeros(many))
    if many > 1:  # the earlier events come, the higher is the curve
        wanted = rng.uniform(stop.low, min(stop.high, begun.curve), many)
        late, early = np.full(many, -LEAN), np.full(many, LEAN)
        for _ in range(HALVINGS):
            middle = (late + early) / 2
            too_low = at_end(ordered(middle))[0] < wanted
            late, early = np.where(too_low, middle, late), np.where(too_low, early, middle)
        event = np.vstack([event, ordered(late), ordered(early)])
    curve, greenwood = at_end(event)
    good = (curve >= stop.low) & (curve <= stop.high)
    if stop.known and begun.at_risk == more + censored:
        good &= curve <= 0
    rows = np.flatnonzero(good)
    if stop.limits and rows.size:
        state = (begun.at_risk - more - censored, 0, curve[rows], greenwood[rows], 0.0)
        rows = rows[np.all([test(state) for test in stop.limits], axis=0)]
    if not rows.size:
        return None
    row = int(rng.choice(rows))
    return event[row], float(curve[row]), float(greenwood[row])
