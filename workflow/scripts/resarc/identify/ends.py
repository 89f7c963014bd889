"""The search for both ends of what is left open under one hypothesis, in steps that other processes may do.

A search begins (`Search.begin`) with histories that were reshaped, and with what every member of the sample
says. Then come passes (`Search.turn`): in each, every end is sought from the members nearest to it, by
searches that know nothing of each other. After a pass every dataset that holds an end may start the next
pass for every estimand. What a step met (`Met`) is all that the next needs, to the last bit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from resarc.ensemble import Ensemble
from resarc.estimand import Estimand
from resarc.jobs import PASSES
from resarc.published import Published
from resarc.reconstruct import constraints
from resarc.reconstruct.targets import Target
from resarc.reconstruct.terms import Quantities, State
from resarc.seeds import stream

if TYPE_CHECKING:
    from resarc.reconstruct.space import Feasible

RESHAPED = ("events", "rmst")
"""Statistics of the whole cohort for which histories are pushed and labels fitted anew."""

PARTS = (1.0, 0.5)
"""How far of the way to the end of what the whole cohort's figures allow."""

RESHAPING = 200_000
"""Proposals for a history of one patient."""

HEATS = (0.15, 1.0)
"""What the searches from the first and the second start may lose at first, in standard deviations of
the estimand over the sample: a cool search goes further uphill, a warm one crosses more dips."""

STARTS = len(HEATS)
"""Members from which each end is sought in a pass."""


TOLD = ("codes", "days", "values", "order")
"""What is told of a state; the rest follows."""


@dataclass(frozen=True)
class Met:
    """Datasets that a step met, and what `climb` computes of them (Q, M), after the first step that of the
    sample before it; how many searches there were."""

    states: list[State] = field(default_factory=list)
    values: np.ndarray = field(default_factory=lambda: np.zeros((0, 0)))
    searches: int = 0

    def arrays(self) -> dict[str, np.ndarray]:
        """All of it as arrays, which `from_arrays` reads. What is sorted by time follows from the order,
        which is told: ties stand in it as they came."""
        found = {"met": self.values, "searches": np.array(self.searches)}
        if self.states:
            for name in TOLD:
                found[name] = np.stack([getattr(state, name) for state in self.states])
        return found


def from_arrays(arrays: dict[str, np.ndarray], search: Search) -> Met:
    """What a step of the search met, from its arrays."""
    states = []
    event_row = search.place.space.event_row if search.known else None
    for codes, days, values, order in zip(*(arrays.get(name, ()) for name in TOLD), strict=True):
        sorted_days = np.take_along_axis(days, order, axis=1)
        events = np.take_along_axis(codes[event_row] == 0, order, axis=1)
        states.append(State(codes, days, values, order, sorted_days, events))
    return Met(states, arrays["met"], int(arrays["searches"]))


def joined(parts: Sequence[Met]) -> Met:
    """What one step met that several processes did."""
    return Met(
        [state for part in parts for state in part.states],
        np.hstack([part.values for part in parts]),
        sum(part.searches for part in parts),
    )


class Search:
    """The pushing of the members under one hypothesis, `name`, by so many `proposals` in all searches together
    and at `most` in one, times patients."""

    def __init__(
        self,
        name: str,
        ensemble: Ensemble,
        targets: list[Target],
        wanted: list[Estimand],
        published: Published,
        seed: int,
        proposals: int,
        most: int,
        progress: Callable[[str], None],
    ) -> None:
        from resarc.reconstruct.space import feasible, movable

        self.name, self.ensemble, self.targets, self.published = name, ensemble, targets, published
        self.study, self.seed, self.progress = published.study, seed, progress
        self.proposals, self.most = proposals, most
        wanted = [e for e in wanted if ensemble.has(e) and not self._fixed(e)]
        self.known: list[Estimand] = []
        """What can be sought."""
        if wanted and movable(ensemble):
            self.place, self.quantities, self.known = feasible(targets, wanted, ensemble)

    def begin(self) -> Met:
        """Members whose histories were reshaped, with what the sample says before what they say."""
        if not self.known:
            return Met()
        fresh, searches = self._reshaped()
        return Met(fresh, self._values([*self.place.states(self.ensemble), *fresh]), searches)

    def turn(
        self, before: Sequence[Met], take: Callable[[list], list] = lambda searches: searches
    ) -> Met:
        """The next pass after the steps `before`, or that part of its searches that `take` takes."""
        if not self._sought(before):
            return Met()
        number = len(before) - 1
        sought = self._sought(before)
        pool, values, _ = self._pool(before)
        steps = self.proposals // (len(sought) * 2 * STARTS * PASSES)
        steps = max(min(steps, self.most) // self.ensemble.shape[1], 50)
        self.progress(f"{self.name}: seeking the ends of {len(sought)} results, pass {number + 1}")
        goals, pushed = self._climbs(sought, pool, values, steps, f"{self.name} {number}", take)
        return Met(pushed, self._values(pushed, goals), len(pushed))

    def sought(self, steps: Sequence[Met]) -> list[Estimand]:
        """What was sought: what some member of the sample determines."""
        return [self.known[q] for q in self._sought(steps)]

    def found(self, steps: Sequence[Met]) -> tuple[Ensemble | None, int]:
        """The pushed members that hold an end, if there are any, and how many were refused."""
        if not self._sought(steps):
            return None, 0
        pool, _, refused = self._pool(steps)
        return (self.place.ensemble(pool, self.ensemble) if pool else None), refused

    def _sought(self, steps: Sequence[Met]) -> list[int]:
        if not self.known:
            return []
        sample = steps[0].values[:, : self.ensemble.shape[0]]
        return np.flatnonzero(~np.isnan(sample).all(axis=1)).tolist()

    def _pool(self, steps: Sequence[Met]) -> tuple[list[State], np.ndarray, int]:
        """From which datasets, beside the sample, the next pass may start; what the sample and these say;
        how many of their likes were refused."""
        pool, values, refused = steps[0].states, steps[0].values, 0
        for step in steps[1:]:
            pool, values, no = self._ends([*pool, *step.states], np.hstack([values, step.values]))
            refused += no
        return pool, values, refused

    def _values(self, states: list[State], goals: list[int] | None = None) -> np.ndarray:
        return _values(self.place, self.quantities, self.known, states, goals)

    def _reshaped(self) -> tuple[list[State], int]:
        """Members whose event history was pushed to an end with all labels refitted, or has another number
        of events; how many were sought.

        Few histories can change by a step under so many subgroup figures. So the history is pushed under
        the figures of the whole cohort alone, all the way and parts of it; then the labels are searched for
        anew, as the reconstruction does. Datasets with the fewest and most events, and with numbers that no
        member has, are rebuilt from the start.
        """
        from resarc.identify import climb, refit, unreached
        from resarc.reconstruct.space import feasible

        ensemble = self.ensemble
        of_times = [e for e in self.known if e.statistic in RESHAPED and not e.where]
        cohort, quantities, sought = feasible(self.targets, of_times, ensemble, whole_cohort=True)
        steps = max(RESHAPING // ensemble.shape[1], 50)
        nothing = np.zeros(0, dtype=np.int64)
        sample = cohort.states(ensemble)
        values = _values(cohort, quantities, sought, sample)
        states = []
        for q, e in enumerate(sought):
            for sign in (1.0, -1.0):
                for number, start in enumerate(self._starts(values[q], sign)[:1]):
                    seed = self._seed(f"reshape {e} {sign} {self.name}", number)
                    held, end = sample[start], values[q, start]
                    reach = sign * climb.climb(
                        cohort.space, quantities, q, sign, _copy(held), nothing,
                        HEATS[0] * _spread(values[q]), sign * np.inf, steps, seed,
                    )  # fmt: skip
                    goals = end + (reach - end) * np.array(PARTS)
                    if e.kind.scale == "count":
                        goals = np.unique(np.rint(goals))
                    for goal in goals[np.abs(goals - end) > 1e-9]:
                        state = _copy(held)
                        climb.climb(
                            cohort.space,
                            quantities,
                            q,
                            sign,
                            state,
                            nothing,
                            0.0,
                            goal,
                            steps,
                            seed,
                        )
                        states.append(state)
        found = []
        if states:
            rng = stream(self.study, f"refit {self.name}", seed=self.seed)
            fresh = refit.refitted(cohort, states, self.targets, self.published, ensemble, rng)
            good = np.flatnonzero(self._judged(fresh))
            found += self.place.states(fresh.take(good)) if good.size else []
        rng = stream(self.study, f"unreached {self.name}", seed=self.seed)
        other, tried = unreached.with_other_numbers(
            ensemble, self.targets, self.published, self._judged, rng, self.proposals
        )
        for part in other:
            found += self.place.states(part)
        return found, len(states) + tried

    def _fixed(self, e: Estimand) -> bool:
        """Whether a printed figure leaves the estimand no range."""
        return any(t.estimand == e and t.value.lower == t.value.upper for t in self.targets)

    def _own_moves(self, q: int) -> np.ndarray:
        """The moves that exchange something that a quantity depends on."""
        exchanged = self.place.space.moves[:, 0]
        return np.flatnonzero((exchanged & self.quantities.blocks[q]).any(axis=1))

    def _start(self, pool: list[State], number: int) -> State:
        """A copy of a member of the sample, or of those of the pool, which are numbered on from it."""
        members = self.ensemble.shape[0]
        if number >= members:
            return _copy(pool[number - members])
        return self.place.states(self.ensemble.take(np.array([number])))[0]

    def _starts(self, values: np.ndarray, sign: float) -> np.ndarray:
        """The members nearest to an end: the nearest, and others with different values."""
        order = np.argsort(np.where(np.isnan(values), np.inf, -sign * values), kind="stable")
        return order[: min(STARTS, (~np.isnan(values)).sum())]

    def _climbs(
        self,
        sought: list[int],
        pool: list[State],
        values: np.ndarray,
        steps: int,
        turn: str,
        take: Callable[[list], list],
    ) -> tuple[list[int], list[State]]:
        """What each search ended with, from members of the sample and the pool with these `values` (Q, M),
        and for which of the estimands it was."""
        from resarc.identify import climb

        searches = [
            (q, sign, heat, int(start))
            for q in sought
            for sign in (1.0, -1.0)
            for heat, start in zip(HEATS, self._starts(values[q], sign), strict=False)
        ]
        searches, found = take(searches), []
        for q, sign, heat, start in searches:
            e, state = self.known[q], self._start(pool, start)
            seed = self._seed(f"push {e} {sign} {turn}", start)
            # Large p-values are small chi-squared.
            way = -sign if e.statistic == "logrank_p" else sign
            climb.climb(
                self.place.space, self.quantities, q, way, state, self._own_moves(q), heat * _spread(values[q]), way * np.inf,
                steps, seed,
            )  # fmt: skip
            found.append(state)
        return [q for q, *_ in searches], found

    def _seed(self, stage: str, number: int) -> int:
        """The seed of one search."""
        return int(stream(self.study, stage, number, seed=self.seed).integers(0, 2**32))

    def _judged(self, fresh: Ensemble) -> np.ndarray:
        """Members (M,) that hold every target and meet every constraint."""
        good = constraints.met(fresh)
        for target in self.targets:
            good &= target.holds(target.evaluate(fresh))
        return good

    def _ends(self, pool: list[State], values: np.ndarray) -> tuple[list[State], np.ndarray, int]:
        """Those of the pool that hold an end which no member of the sample holds; the values of the sample
        and theirs. They are judged afresh; where one is refused, the next takes its place."""
        members, refused = self.ensemble.shape[0], 0
        values = values.copy()
        judged: set[int] = set()
        while True:
            found = set()
            for row in values:
                for sign in (1.0, -1.0):
                    signed = np.where(np.isnan(row), -np.inf, sign * row)
                    best = int(signed.argmax())
                    if best >= members:
                        found.add(best)
            new = sorted(found - judged)
            if not new:
                break
            states = [pool[m - members] for m in new]
            good = self._judged(self.place.ensemble(states, self.ensemble))
            refused += int((~good).sum())
            values[:, np.array(new)[~good]] = np.nan
            judged |= set(new)
        keep = [*range(members), *sorted(found)]
        return [pool[m - members] for m in sorted(found)], values[:, keep], refused


def _values(
    place: Feasible,
    quantities: Quantities,
    known: list[Estimand],
    states: list[State],
    goals: list[int] | None = None,
) -> np.ndarray:
    """What `climb` computes (Q, M) of datasets, p-values as chi-squared with the sign turned round,
    so that the larger is the larger. Adjusted models, which take most of the time, only in those
    that were pushed for them, if `goals` says what each was pushed for."""
    from resarc.reconstruct.terms import quantities_of

    plain = np.array([goals is None or not e.adjusted_for for e in known], dtype=bool)
    found = np.full((len(known), len(states)), np.nan)
    for m, state in enumerate(states):
        which = plain if goals is None else plain | (np.arange(len(known)) == goals[m])
        found[:, m] = quantities_of(place.space.terms, quantities, which, state)
    turned = [e.statistic == "logrank_p" for e in known]
    found[turned] *= -1
    return found


def _spread(values: np.ndarray) -> float:
    known = values[np.isfinite(values)]
    return float(known.std()) if known.size > 1 else 0.0


def _copy(state: State) -> State:
    return State(*(array.copy() for array in state))
