"""Datasets with numbers of events that members have seldom or never.

A member falls out where no labels are found for its history, and histories with few or many events,
of which there are few, seldom keep one. So numbers of events that the whole cohort's figures allow
(`reconstruct.strata`) and no member has, and the fewest and the most, are asked for as if the paper
printed them: counts, histories and labels are drawn with that number. What still misses a figure is
annealed, history and labels together, as members are (`reconstruct.annealing`).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from resarc.ensemble import Ensemble
from resarc.errors import ReconstructionError
from resarc.estimand import Estimand
from resarc.published import Published, Range
from resarc.reconstruct import annealing, courses, members, settling, strata
from resarc.reconstruct.orders import speaks
from resarc.reconstruct.readings import Reading
from resarc.reconstruct.scheme import plan_of
from resarc.reconstruct.space import feasible
from resarc.reconstruct.targets import Target

ENDS = 2
"""How many of the smallest numbers are sought even if a member has them: hazard ratios are furthest from 1
where there are few events."""

OF_EACH, OF_ENDS = 2, 20
"""Candidates with each number, and further ones with the smallest and the greatest that are found."""

COST = 5_000
"""What a candidate costs beside one proposal of a search."""

BEYOND = (4, 1, 2, 8)
"""In cohorts too large for `strata`: how far beyond the numbers that members have."""

PROPOSALS = 2_000_000
"""Of the annealing of one candidate of one patient: tenths of a second."""

Judge = Callable[[Ensemble], np.ndarray]


def with_other_numbers(
    ensemble: Ensemble,
    targets: list[Target],
    published: Published,
    judge: Judge,
    rng: np.random.Generator,
    proposals: int,
) -> tuple[list[Ensemble], int]:
    """Datasets that `judge` accepts, with the fewest and most events of each endpoint and with numbers that
    no member has; and how many were tried. `proposals` as in `push`."""
    found: list[Ensemble] = []
    tried = 0
    events = {e: Estimand("events", e) for e in ensemble.protocol.endpoint_names}
    fixed = {t.estimand for t in targets if not t.claim}
    free = [e for e in events if events[e] not in fixed]
    for k, endpoint in enumerate(free):
        # What one endpoint leaves is the next one's.
        most = proposals // (COST * ensemble.shape[1]) * (k + 1) // len(free)
        for number, more in _wanted(endpoint, ensemble, targets):
            asked = [*targets, _exactly(events[endpoint], number)]
            good = _judge_with(judge, endpoint, number)
            for many in (OF_EACH, more):
                many = min(many, most - tried)
                drawn = _drawn(asked, published, ensemble, many, rng) if many > 0 else None
                if drawn is None:
                    break
                tried += many
                kept, missed = _parted(drawn, good)
                if missed.shape[0] and not published.curves:
                    missed = missed.take(np.arange(min(missed.shape[0], OF_EACH)))
                    kept += _parted(annealed(missed, asked, published, rng), good)[0]
                found += kept
                if not kept:
                    break
    return found, tried


def _exactly(count: Estimand, number: int) -> Target:
    """What a paper demands that prints this number."""
    return Target(count, Range(number - 0.5, number + 0.5), None, None, (), False)


def _judge_with(judge: Judge, endpoint: str, number: int) -> Judge:
    """Which datasets are good and have so many events."""
    return lambda some: judge(some) & (some.events[endpoint].sum(axis=1) == number)


def _parted(drawn: Ensemble, good: Judge) -> tuple[list[Ensemble], Ensemble]:
    """The good ones, if there are any, and the others."""
    held = good(drawn)
    kept = [drawn.take(np.flatnonzero(held))] if held.any() else []
    return kept, drawn.take(np.flatnonzero(~held))


def _wanted(endpoint: str, ensemble: Ensemble, targets: list[Target]) -> list[tuple[int, int]]:
    """Numbers of events to ask for, in turn, and how many more candidates of each if one is found."""
    patients = ensemble.shape[1]
    had = np.unique(ensemble.events[endpoint].sum(axis=1))
    own = [t for t in targets if speaks(t.estimand, endpoint)]
    pool = strata.pool(own, ensemble.protocol, patients)
    if pool is None:
        near = [int(k) for far in BEYOND for k in (had[0] - far, had[-1] + far)]
        return [(k, 0) for k in near if 0 <= k <= patients]
    ends = {*had[:ENDS].tolist(), int(had[-1])}
    missing = set(pool.numbers.tolist()) - ends
    outermost = {*pool.numbers[:ENDS].tolist(), int(pool.numbers[-1])} & missing
    # Then from the middle outwards: what is beyond reach comes last.
    near = sorted(missing - outermost - set(had.tolist()), key=lambda k: abs(k - np.median(had)))
    more = [(k, OF_ENDS) for k in (*sorted(outermost), *sorted(ends))]
    return [*more[: len(outermost)], *((k, 0) for k in near), *more[len(outermost) :]]


def _drawn(
    asked: list[Target],
    published: Published,
    like: Ensemble,
    many: int,
    rng: np.random.Generator,
) -> Ensemble | None:
    """Candidates of which the number of events is asked for like a figure; None where no counts of patients
    go with it."""
    reading = Reading("", "", like.protocol, tuple(asked))
    plan = plan_of(reading, published, like.shape[1], {}, (), 0)
    try:
        drawn = members.candidates(plan, [], many, rng)
    except ReconstructionError:
        return None
    # What no figure speaks of is as in the first member.
    rest = like.take(np.zeros(drawn.shape[0], dtype=int))
    drawn.codes = rest.codes | drawn.codes
    drawn.numbers = rest.numbers | drawn.numbers
    return drawn


def annealed(
    drawn: Ensemble, asked: list[Target], published: Published, rng: np.random.Generator
) -> Ensemble:
    """The candidates after their histories and labels were moved together."""
    place, *_ = feasible(asked, [], drawn)
    moves, timed = settling.free(place, published)
    half = courses.HALVES[drawn.protocol.conventions.median]
    windows = np.zeros((0, 3), dtype=np.int64)
    states = place.states(drawn)
    proposals = PROPOSALS // drawn.shape[1]
    for state in states:
        seed = int(rng.integers(0, 2**32))
        annealing.anneal(place.space, state, moves, timed, windows, True, half, proposals, seed)
    return place.ensemble(states, drawn)
