"""Order histories drawn by their number of events, few and many alike.

The search of `courses` finds what is frequent: histories with a middling number of events, and where
limits of a curve are printed to three digits, hardly any. So all histories of a small cohort are grown
here side by side, patient by patient and landmark by landmark (`orders`), and those that miss what is
printed at a landmark are left there. If they become more than `MOST` at one step, so many are kept by
chance, of each number of events alike. What comes through meets the curve's figures, their limits
included; nothing that does not is ever kept. Unless some were left out by chance, it is all there is,
but for histories whose last patient is censored on the very day of a printed rate.

A history is drawn from these: first how many have had an event or been censored at each landmark, each
possibility alike, then one of the histories with these numbers, then days between the landmarks. No
history is claimed to be more likely than another.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import lru_cache

import numpy as np

from resarc.protocol import Protocol
from resarc.reconstruct.orders import Conventions, Course, Landmark, landmarks_of
from resarc.reconstruct.targets import Target

LARGEST = 40
"""Of larger cohorts too few of `MOST` come through all landmarks, and those have few ancestors. Who had the
event are bits of one word, of 64."""

MOST = 12_000
"""Histories that are grown side by side."""

BOXES = 400
"""Boxes that are looked through; where there are more, hardly anything lies in none."""

TRIES = 8
"""Histories until one finds days enough between its landmarks."""


_LAST_BITS = 1e-11

Boxes = np.ndarray | None
"""Boxes (k, 4): least curve and Greenwood's sum, greatest ones. None: anywhere."""


@dataclass(frozen=True)
class Pool:
    """N histories of n patients with P landmarks, the last of which is the end: `event` (N, n) in the
    order of time, and how many are `gone` (N, P) at each landmark. `days` (P,) are the landmarks'.
    `whole`: whether there are no others."""

    event: np.ndarray
    gone: np.ndarray
    days: np.ndarray
    whole: bool

    @property
    def numbers(self) -> np.ndarray:
        """The numbers of events that there are."""
        return np.unique(self.event.sum(axis=1))

    def draw(
        self, events: int, days: tuple[int, int], rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray] | None:
        """Whole days between these two and event flags (n,), in the order of time, of one history with
        so many events; None if there is none, or none that has room for its days."""
        own = np.flatnonzero(self.event.sum(axis=1) == events)
        if not own.size:
            return None
        done = np.pad(np.cumsum(self.event[own], axis=1), ((0, 0), (1, 0)))
        done = np.take_along_axis(done, self.gone[own], axis=1)
        _, kind = np.unique(np.hstack([self.gone[own], done]), axis=0, return_inverse=True)
        for _ in range(TRIES):
            alike = own[kind.ravel() == rng.integers(kind.max() + 1)]
            one = int(rng.choice(alike))
            found = dated(self.event[one], self.gone[one], self.days, days, rng)
            if found is not None:
                return found
        return None


def dated(
    event: np.ndarray,
    gone: np.ndarray,
    stops: np.ndarray,
    days: tuple[int, int],
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray] | None:
    """Random whole days between the landmarks (`stops`, in days), and within `days`, of an order history
    with so many gone at each; and its events. None where there is no room: of one day events come first,
    so an event after a censoring comes on a later day."""
    found = []
    ends = np.clip(np.floor(stops), days[0] - 1, days[1]).astype(np.int64)
    before, first = 0, days[0]
    for by, last in zip(gone, ends, strict=True):
        own = event[before:by]
        if own.size:
            later = np.cumsum(np.append(False, ~own[:-1] & own[1:]))
            if last - later[-1] < first:
                return None
            found.append(np.sort(rng.integers(first, last - later[-1] + 1, own.size)) + later)
        before, first = by, last + 1
    return np.concatenate(found), event


def pool(targets: list[Target], protocol: Protocol, patients: int) -> Pool | None:
    """Histories that meet the figures of an endpoint; None if none was found, or in a large cohort."""
    return _pool(tuple(targets), Conventions.of(protocol), patients)


@lru_cache(maxsize=64)
def _pool(targets: tuple[Target, ...], conventions: Conventions, patients: int) -> Pool | None:
    """It depends on its arguments only, so that histories may be drawn in any order by any process."""
    if patients > LARGEST:
        return None
    courses: dict[int, Course] = {}
    for events in range(patients + 1):
        walk = landmarks_of(targets, conventions, patients, events)
        if walk is not None:
            courses[events] = walk.course()
    if not courses:
        return None
    some = next(iter(courses.values()))
    rng = np.random.default_rng(0)
    grown = _Grown(
        np.array([patients]), np.zeros(1, dtype=np.int64), np.zeros(1, dtype=np.int64), np.ones(1),
        np.zeros(1), np.zeros((1, 0), dtype=np.int64), np.zeros(1, dtype=np.int64),
    )  # fmt: skip
    boxes = _boxes(some, patients)
    whole = True
    for place in range(len(some.stops)):
        grown, complete = _onward(grown, place, courses, boxes, rng, patients)
        whole &= complete
    event = grown.flags(patients)
    good = _meet(courses, event, grown.gone)
    if not good.any():
        return None
    days = np.array([*(stop.day for stop in some.stops[:-1]), np.inf])
    return Pool(event[good], grown.gone[good], np.where(np.isinf(days), 1e9, days), whole)


@dataclass(frozen=True)
class _Grown:
    """Beginnings of histories (N): patients at risk, who had the event in the order of time (bits of
    `who`), how many are `done` so, the curve, Greenwood's sum, and how many were gone at the
    landmarks that are past; `turns`: how often since the last of them an event came after a censoring,
    which takes a day more."""

    at_risk: np.ndarray
    who: np.ndarray
    done: np.ndarray
    curve: np.ndarray
    greenwood: np.ndarray
    gone: np.ndarray
    turns: np.ndarray

    def take(self, rows: np.ndarray) -> _Grown:
        return _Grown(*(getattr(self, name.name)[rows] for name in fields(self)))

    def join(self, *others: _Grown) -> _Grown:
        parts = (self, *others)
        return _Grown(
            *(np.concatenate([getattr(p, name.name) for p in parts]) for name in fields(self))
        )

    def flags(self, patients: int) -> np.ndarray:
        """Who had the event, in the order of time (N, n)."""
        return (self.who[:, None] >> np.arange(patients) & 1).astype(bool)

    def step(self, event: bool, place: int) -> _Grown:
        """One patient more is gone from each of them, all of whom have as many at risk: the one of this
        place in the order of time."""
        if not event:
            return replace(self, at_risk=self.at_risk - 1)
        r = int(self.at_risk[0])
        turns = self.turns
        if place:
            here = self.gone[:, -1] < place if self.gone.shape[1] else True
            turns = turns + (here & (self.who >> (place - 1) & 1 == 0))
        return replace(
            self,
            at_risk=self.at_risk - 1,
            who=self.who | 1 << place,
            done=self.done + 1,
            curve=self.curve * (1 - 1 / r),
            greenwood=self.greenwood + (1 / (r * (r - 1)) if r > 1 else np.inf),
            turns=turns,
        )


def _onward(
    grown: _Grown,
    place: int,
    courses: dict[int, Course],
    boxes: list[list[Boxes]],
    rng: np.random.Generator,
    patients: int,
) -> tuple[_Grown, bool]:
    """All beginnings on to the next landmark; and whether none were left out by chance."""
    some = next(iter(courses.values()))
    stop, before = some.stops[place], some.stops[place - 1].day if place else 0.0
    room = np.floor(stop.day) - np.floor(before) if np.isfinite(stop.day) else np.inf
    least = some.least[place]
    here: _Grown | None = None
    arrived: list[_Grown] = []
    complete = True
    for at_risk in range(patients, -1, -1):
        waiting = grown.take(np.flatnonzero(grown.at_risk == at_risk))
        here = waiting if here is None else here.join(waiting)
        if not here.at_risk.size:
            continue
        here = here.take(np.flatnonzero((here.curve >= least) & (here.turns < max(room, 1))))
        here = here.take(_can_arrive(here, boxes[place][at_risk]))
        keep = np.flatnonzero(_may(courses, place, at_risk, here.done, stays=True))
        if keep.size > MOST:
            complete = False
            keep = _some_of_each(keep, here.done[keep], rng)
        here = here.take(keep)
        if not here.at_risk.size:
            continue
        good = _may(courses, place, at_risk, here.done, stays=False)
        good &= (here.curve >= stop.low) & (here.curve <= stop.high)
        if stop.known and at_risk == 0:
            good &= here.curve <= 0
        rows = np.flatnonzero(good)
        if stop.limits and rows.size:
            state = (at_risk, 0, here.curve[rows], here.greenwood[rows], 0.0)
            rows = rows[np.all([test(state) for test in stop.limits], axis=0)]
        there = here.take(rows)
        gone = np.full((rows.size, 1), patients - at_risk)
        arrived.append(
            replace(there, gone=np.hstack([there.gone, gone]), turns=np.zeros_like(there.turns))
        )
        gone_by = patients - at_risk
        ends = not at_risk or room <= 0
        here = None if ends else here.step(False, gone_by).join(here.step(True, gone_by))
    nobody = grown.take(np.zeros(0, dtype=int))
    found = replace(nobody, gone=np.zeros((0, place + 1), dtype=np.int64))
    return found.join(*arrived), complete


def _boxes(course: Course, patients: int) -> list[list[Boxes]]:
    """Where the curve and Greenwood's sum must be to come through all landmarks yet, for the next
    landmark and the patients at risk: with one patient fewer they are the same boxes, and, for an event,
    those that are an event back."""
    found: list[list[Boxes]] = [[None] * (patients + 1)]
    for stop in reversed(course.stops):
        ahead, here = found[0], []
        cut = _box(stop)
        for r in range(patients + 1):
            if cut is None or ahead[r] is None:
                parts = [ahead[r] if cut is None else cut]
            else:
                low, high = (
                    np.maximum(cut[:, :2], ahead[r][:, :2]),
                    np.minimum(cut[:, 2:], ahead[r][:, 2:]),
                )
                parts = [np.hstack([low, high])]
            if r and np.isinf(stop.day):
                parts = []
            if r:
                parts += [here[r - 1], _event_back(here[r - 1], r)]
            if any(part is None for part in parts):
                here.append(None)
                continue
            every = np.concatenate(parts)
            every = np.unique(every[(every[:, :2] <= every[:, 2:]).all(axis=1)].round(12), axis=0)
            here.append(every if len(every) <= BOXES else None)
        found.insert(0, here)
    return found


def _event_back(boxes: Boxes, at_risk: int) -> Boxes:
    if boxes is None or at_risk == 1:  # the curve falls to 0, Greenwood's sum is infinite
        return None if boxes is None or np.isinf(boxes[:, 3]).any() else boxes[:0]
    back = boxes.copy()
    back[:, [0, 2]] *= at_risk / (at_risk - 1)
    back[:, [1, 3]] -= 1 / (at_risk * (at_risk - 1))
    back[:, 2] = np.minimum(back[:, 2], 1.0)
    return back[back[:, 3] >= 0]


def _box(stop: Landmark) -> Boxes:
    """Where the curve and Greenwood's sum must be at a landmark; None: anywhere."""
    box = stop.box()
    return None if box == (0.0, 0.0, 1.0, np.inf) else np.array([box])


def _can_arrive(here: _Grown, boxes: Boxes) -> np.ndarray:
    """Which beginnings are in one of the boxes."""
    if boxes is None:
        return np.arange(here.curve.size)
    good = np.zeros(here.curve.size, dtype=bool)
    for low, least, high, most in boxes:
        good |= (
            (here.curve >= low - _LAST_BITS) & (here.curve <= high + _LAST_BITS)
            & (here.greenwood >= least - _LAST_BITS) & (here.greenwood <= most + _LAST_BITS)
        )  # fmt: skip
    return np.flatnonzero(good)


def _may(
    courses: dict[int, Course], place: int, at_risk: int, done: np.ndarray, *, stays: bool
) -> np.ndarray:
    """Whether so many patients and events `done` (N,) may be before a landmark, or (not `stays`) at it,
    for some number of events in the end."""
    times = np.bincount(done)
    good = np.zeros(len(times), dtype=bool)
    for number in np.flatnonzero(times).tolist():
        state = (at_risk, number, 1.0, 0.0, 0.0)
        ahead = (courses.get(events) for events in range(number, number + at_risk + 1))
        good[number] = any(
            all(keep(state) for keep in course.keeps[place])
            if stays
            else course.stops[place].counts(state)
            for course in ahead
            if course is not None
        )
    return good[done]


def _some_of_each(rows: np.ndarray, done: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """`MOST` of these rows, of each number of events alike, as far as there are so many."""
    shuffled = rng.permutation(rows.size)
    by_number = shuffled[np.argsort(done[shuffled], kind="stable")]
    _, first, count = np.unique(done[by_number], return_index=True, return_counts=True)
    rank = np.arange(rows.size) - np.repeat(first, count)
    return np.sort(rows[by_number[np.argsort(rank, kind="stable")[:MOST]]])


def _meet(courses: dict[int, Course], event: np.ndarray, gone: np.ndarray) -> np.ndarray:
    """Which whole histories (N,) meet what hangs on their numbers of events."""
    patients = event.shape[1]
    done = np.pad(np.cumsum(event, axis=1), ((0, 0), (1, 0)))
    done = np.hstack([np.take_along_axis(done, gone, axis=1), done[:, -1:]])
    alike, kind = np.unique(np.hstack([gone, done]), axis=0, return_inverse=True)
    stops = gone.shape[1]
    good = [
        row[-1] in courses
        and all(
            stop.counts((patients - g, d, 1.0, 0.0, 0.0))
            for stop, g, d in zip(courses[row[-1]].stops, row[:stops], row[stops:-1], strict=True)
        )
        for row in alike.tolist()
    ]
    return np.array(good, dtype=bool)[kind.ravel()]
