"""Settling: members whose histories admit no labels are changed as a whole until all figures hold.

Histories come before labels, and a random one seldom admits any under which a dozen subgroups print
rates and limits to three digits. So a member that misses a figure is annealed, times, events and labels
together (`annealing`). What a search of whole datasets cannot compute is not put at risk: what such a
figure speaks of stays as it is.
"""

from __future__ import annotations

import numpy as np

from resarc.published import Published
from resarc.reconstruct import (
    annealing,
    counts,
    courses,
    curves,
    distances,
    histories,
    numbers,
    space,
)
from resarc.reconstruct.assignment import Labels
from resarc.reconstruct.histories import History
from resarc.reconstruct.plan import Plan
from resarc.reconstruct.space import Feasible
from resarc.reconstruct.targets import Target

PROPOSALS = 3_000_000
"""Of one member, at the most: some seconds."""


def settle(
    plan: Plan, given: Labels, built: dict[str, History], rows: np.ndarray, rng: np.random.Generator
) -> None:
    """Change labels and histories of some members (`rows`), in place, until everything holds that does
    not need values; what is left is never farther from the figures than before."""
    targets = [t for t in plan.targets if not numbers.needs_values(t, plan.protocol)]
    # No exchange changes a count of labels.
    targets = [t for t in targets if not counts.is_count(t) or t.estimand.variables & set(built)]
    reach = np.array([_reach(e, targets, plan, built[e]) for e in plan.protocol.endpoint_names])
    place, *_ = space.around(plan.layout, list(plan.components), targets, [], reach)
    moves, timed = free(place, plan.published)
    half = courses.HALVES[plan.protocol.conventions.median]
    regroups = _regroups(place)
    windows = [
        (place.endpoints.index(e), *pin.days)
        for e in built
        for pin in histories.pins_of(targets, e)
    ]
    windows = np.array(windows, dtype=np.int64).reshape(-1, 3)
    for m in rows:
        codes = np.stack([_codes(name, given, built, m) for name in place.blocks])
        days = np.stack([built[e].days[m] for e in place.endpoints])
        if (codes < 0).any():
            continue
        state = place.state(codes, days, np.zeros((len(place.numbers), codes.shape[1])))
        seed = int(rng.integers(0, 2**32))
        annealing.anneal(place.space, state, moves, timed, windows, regroups, half, PROPOSALS, seed)
        _write(place, state, m, given, built)


def _codes(name: str, given: Labels, built: dict[str, History], m: int) -> np.ndarray:
    codes = np.where(built[name].event[m], 0, 1) if name in built else given.codes[name][m]
    return codes.astype(np.int64)


def _reach(endpoint: str, targets: list[Target], plan: Plan, history: History) -> tuple[int, int]:
    """The shortest and the longest time that an endpoint may have, in days."""
    floor = histories.floor_of(histories.whole_cohort(targets, endpoint), endpoint)
    longest = histories.longest_of(endpoint, targets, plan.protocol)
    return min(floor, int(history.days.min())), max(longest, int(history.days.max()))


def free(place: Feasible, published: Published) -> tuple[np.ndarray, np.ndarray]:
    """The moves of labels, and the endpoints whose times and events may change, that put at risk
    nothing which the search does not compute: points of a curve, and targets unwatched."""
    still: set[str] = set()
    for target in place.unwatched:
        still |= {place.layout.source[name] for name in target.estimand.variables}
    drawn = {e for e in place.endpoints if curves.of_endpoint(e, published) is not None}
    # A relation to a time that stands still could not be kept in step; then all stand still.
    timed = [] if drawn else [k for k, e in enumerate(place.endpoints) if e not in still]
    exchanged = place.space.moves[:, 0]
    fixed = np.array([name in still for name in place.blocks])
    return np.flatnonzero(~(exchanged & fixed).any(axis=1)), np.array(timed, dtype=np.int64)


def _regroups(place: Feasible) -> bool:
    """Whether events decide who is in a target's group."""
    specs, events = place.space.targets.specs, place.space.event_row
    return bool(
        np.isin(specs[:, distances.FIRST :], events).any()
        or np.isin(specs[specs[:, distances.GROUPS] > 1, distances.BY], events).any()
    )


def _write(
    place: Feasible, state: space.State, m: int, given: Labels, built: dict[str, History]
) -> None:
    """Put a state in a member's place; nobody is pinned any more, as times may have changed hands."""
    for row, name in enumerate(place.blocks):
        if name in given.codes:
            given.codes[name][m] = state.codes[row]
    for row, name in enumerate(place.endpoints):
        history = built[name]
        history.days[m] = state.days[row]
        history.event[m] = state.codes[place.blocks.index(name)] == 0
        history.shared[m] = place.shared(name, state.codes[None])[0]
        history.pins[m] = -1
