"""Order histories of larger cohorts, drawn from landmark to landmark.

Too many order histories meet the figures of a large cohort to grow them side by side (`strata`), and
those that are left when most are dropped by chance have few ancestors: they are alike up to the first
printed rate. So one is drawn at a time. At each landmark (`orders`) at which a rate or a number is told it
is drawn how many have had the event or been censored since the last one, from all numbers with which the
figures can still hold (what an order can do to the curve and to Greenwood's sum is bounded by
`standings`), those likelier that go if patients leave evenly. Then their order: of many random ones, with
events rather early or late, one that gives what is printed. Other landmarks, the days on either side of a
median or of a shortest follow-up, lie between two patients whom the order then tells.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from itertools import pairwise

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
    """`Strides.order`; what is told at landmarks is met in turn, and the end is the last of them."""
    longest = max((stop.day for stop in course.stops[:-1]), default=1.0)
    told = [k for k, stop in enumerate(course.stops[:-1]) if stop.told] + [len(course.stops) - 1]
    for _ in range(dives):
        begun = _Begun(patients, 0, 1.0, 0.0)
        for before, place in pairwise([-1, *told]):
            if not _onward(begun, course, before, place, longest, patients, events, rng):
                break
        else:
            return np.concatenate(begun.event), np.array(begun.gone)
    return None


def _onward(
    begun: _Begun,
    course: Course,
    before: int,
    place: int,
    longest: float,
    patients: int,
    events: int,
    rng: np.random.Generator,
) -> bool:
    """On from one landmark at which something is told (-1: the start) to the next, in place; False if no
    numbers and order were found."""
    day = course.stops[before].day if before >= 0 else 0.0
    more, censored = _numbers(begun, course, place, day, events)
    if not more.size:
        return False
    until = min(course.stops[place].day, max(longest, day + 1))
    evenly = begun.at_risk * (until - day) / max(longest - day, until - day)
    likely = np.exp(-np.abs(more + censored - evenly) / (evenly + 1))
    few = min(PAIRS, np.count_nonzero(likely))
    for k in rng.choice(more.size, few, replace=False, p=likely / likely.sum()):
        found = _order(begun, course.stops[place], int(more[k]), int(censored[k]), rng)
        if found is None:
            continue
        event, curve, greenwood = found
        between = course.stops[before + 1 : place]
        gone = _whose(begun, between, event, (day, until), curve, greenwood)
        if gone is not None:
            begun.gone += [patients - begun.at_risk + left for left in (*gone, event.size)]
            begun.event.append(event)
            begun.at_risk -= event.size
            begun.events += int(more[k])
            begun.curve, begun.greenwood = float(curve[-1]), float(greenwood[-1])
            return True
    return False


def _whose(
    begun: _Begun,
    between: list[Landmark],
    event: np.ndarray,
    days: tuple[float, float],
    curve: np.ndarray,
    greenwood: np.ndarray,
) -> list[int] | None:
    """How many of these patients are gone at each landmark between two at which something is told: of the
    places that its figure leaves, those with which patients leave most evenly; None if it leaves none.
    `curve` and `greenwood` (k + 1,): before each of k patients and after the last."""
    done = np.append(0, np.cumsum(event))
    at_risk = begun.at_risk - np.arange(event.size + 1)
    state = (at_risk, begun.events + done, curve, greenwood, 0.0)
    places = np.arange(event.size + 1)
    gone = places - places[:, None]  # from one landmark (row) to the next (column)
    a_day = event.size / max(days[1] - days[0], 1.0)

    def uneven(length: float) -> np.ndarray:
        evenly = a_day * max(length, 0.0)
        return np.where(gone < 0, np.inf, np.abs(gone - evenly) / (1 + evenly))

    costs, cameby = np.where(places == 0, 0.0, np.inf), []
    for before, stop in zip([days[0], *(s.day for s in between)], between, strict=False):
        good = (curve >= stop.low) & (curve <= stop.high)
        for test in (*stop.may, *stop.keep, *stop.limits):
            good &= test(state)
        ways = costs[:, None] + uneven(stop.day - before)
        cameby.append(ways.argmin(axis=0))
        costs = np.where(good, ways.min(axis=0), np.inf)
    last = between[-1].day if between else days[0]
    costs = costs + uneven(days[1] - last)[:, -1]
    place = int(costs.argmin())
    if np.isinf(costs[place]):
        return None
    found = []
    for came in reversed(cameby):
        found.append(place)
        place = int(came[place])
    return found[::-1]


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
) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """An order (k,) of so many events and censorings that gives what is printed at a landmark, with the
    curve and Greenwood's sum (k + 1,) on the way there; None if none was found."""
    total = more + censored
    y = begun.at_risk - np.arange(total)

    def on_the_way(event: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        start = np.ones((len(event), 1))
        with np.errstate(divide="ignore"):
            steps = np.where(event, 1 - 1 / y, 1.0), np.where(event, 1 / (y * (y - 1.0)), 0.0)
        curve = np.cumprod(np.hstack([begun.curve * start, steps[0]]), axis=1)
        return curve, np.cumsum(np.hstack([begun.greenwood * start, steps[1]]), axis=1)

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
            too_low = on_the_way(ordered(middle))[0][:, -1] < wanted
            late, early = np.where(too_low, middle, late), np.where(too_low, early, middle)
        event = np.vstack([event, ordered(late), ordered(early)])
    curves, sums = on_the_way(event)
    curve, greenwood = curves[:, -1], sums[:, -1]
    good = (curve >= stop.low) & (curve <= stop.high)
    if stop.known and begun.at_risk == total:
        good &= curve <= 0
    rows = np.flatnonzero(good)
    if stop.limits and rows.size:
        state = (begun.at_risk - total, 0, curve[rows], greenwood[rows], 0.0)
        rows = rows[np.all([test(state) for test in stop.limits], axis=0)]
    if not rows.size:
        return None
    row = int(rng.choice(rows))
    return event[row], curves[row], sums[row]
