"""Bounds sought: members pushed to the extremes of an estimand inside the feasible set.

The range over a random sample is a poor bound: nobody drew for the ends. Here the members nearest to
an end are pushed on (`climb`), each step being a dataset that holds every target. What comes out is
judged afresh by `ensemble.evaluate`, like every member, and kept only if all targets hold and the
protocol's constraints are met. So a pushed bound is still an *inner* bound: its dataset exists and
is kept, a search that went on might find a wider one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from resarc.ensemble import Ensemble, from_frame, to_frame
from resarc.estimand import Estimand
from resarc.identify.bounds import HYPOTHESIS, held_by_all, hypotheses
from resarc.identify.terms import Quantities, State
from resarc.protocol import Protocol
from resarc.published import Published
from resarc.reconstruct import constraints, unsaid
from resarc.reconstruct.readings import Reading
from resarc.reconstruct.targets import ROUNDINGS, Roundings, Target, as_share, compile_targets
from resarc.seeds import stream

if TYPE_CHECKING:
    from resarc.identify.space import Feasible

PUSHED = (
    "hazard_ratio", "median", "survival", "survival_difference", "rmst", "rmst_difference", "events",
    "crude_rate", "logrank_p",
)  # fmt: skip
"""Statistics whose bounds are sought; those of the others come from the sample and from the members
that were pushed for these."""

SHARES = ("crude_rate", "followed_rate")
"""What a printed rate may be if it is no Kaplan-Meier estimate."""

PASSES = 2
"""After the first pass every pushed member may start the second for every estimand."""

EFFORT = 20_000_000
"""Proposals in all searches of a study together, times patients, as each costs more where there are
more: some seconds of one core."""

MOST = 400_000
"""Proposals of one search, times patients: from there on, more change little."""

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


@dataclass(frozen=True)
class Pushed:
    """`members`: the datasets at the ends, in the columns of the ensemble, numbered on from it;
    `sought`: the estimands whose ends were sought; `targets`: what every member holds, under whatever
    hypothesis; `searches` that were made and `refused`, how many
    of their datasets the fresh judgement refused (a search that works has none)."""

    members: pd.DataFrame
    sought: tuple[Estimand, ...]
    targets: list[Target]
    searches: int
    refused: int


def push(
    estimands: list[Estimand],
    frame: pd.DataFrame,
    protocol: Protocol,
    published: Published,
    table: pd.DataFrame,
    *,
    seed: int,
    effort: int = EFFORT,
    progress: Callable[[str], None] = lambda _: None,
) -> Pushed:
    """Datasets at the ends of the estimands' identified sets, pushed from the members of `frame`.

    `table` is targets.csv. Members under different hypotheses are pushed apart, each under its own.
    """
    wanted = _distinct([e for e in estimands if e.statistic in PUSHED])
    first = int(frame["member"].max()) + 1 if len(frame) else 0
    parts: list[pd.DataFrame] = []
    sought: dict[Estimand, None] = {}
    shared: list[Target] | None = None
    searches = refused = 0
    groups = list(hypotheses(frame))
    share = effort // max(len(groups), 1)
    for name, part in groups:
        ensemble = from_frame(part, protocol)
        targets, ensemble.protocol = targets_held(ensemble, published, table, name)
        shared = targets if shared is None else [t for t in shared if t in targets]
        search = _Search(ensemble, targets, published, seed, share)
        found = search.run([e for e in wanted if ensemble.has(e)], name, progress)
        searches, refused = searches + search.searches, refused + search.refused
        sought.update(dict.fromkeys(search.sought))
        if found is None:
            continue
        rows = to_frame(found)
        if HYPOTHESIS in frame:
            rows.insert(2, HYPOTHESIS, name)
        rows["member"] += first
        first += found.shape[0]
        parts.append(rows[[c for c in frame.columns if c in rows]])
    members = pd.concat(parts, ignore_index=True) if parts else frame.iloc[:0].copy()
    return Pushed(members, tuple(sought), shared or [], searches, refused)


def _distinct(estimands: list[Estimand]) -> list[Estimand]:
    """One of each contrast and its reverse, whose ends are the same datasets."""
    found: dict[Estimand, Estimand] = {}
    for e in estimands:
        reverse = replace(e, contrast=e.contrast[::-1]) if e.contrast else e
        if reverse not in found:
            found.setdefault(e, e)
    return list(found)


def targets_held(
    ensemble: Ensemble, published: Published, table: pd.DataFrame, hypothesis: str = ""
) -> tuple[list[Target], Protocol]:
    """The targets that every member holds, as the reconstruction read them, and the protocol with
    the conventions under which it did.

    Under the right reading of the figures the members hold all that was not set aside; so the reading
    under which they hold most figures is taken, the one that the table names before others. A target
    that some member misses was set aside, and pushing need not hold it either.
    """
    read_as = dict(zip(table["figure"], table["estimand"].astype(str), strict=True))
    aside = set(table.loc[table["status"].isin(("set aside", "not modelled")), "figure"])
    protocol = ensemble.protocol
    kinds = dict.fromkeys((protocol.conventions.survival_interval, "log-log", "log", "plain"))
    best: tuple[int, list[Target], Protocol] | None = None
    for kind, shares, rates in product(kinds, ROUNDINGS, ROUNDINGS):
        conventions = protocol.conventions.model_copy(update={"survival_interval": kind})
        under = protocol.model_copy(update={"conventions": conventions})
        judged = Ensemble(
            under,
            ensemble.codes,
            ensemble.numbers,
            ensemble.times,
            ensemble.events,
            ensemble.orders,
        )
        found = []
        targets = compile_targets(published, under, Roundings(shares, rates))[0]
        targets = [unsaid.read_as(t, read_as.get(t.figures[0], ""), under) for t in targets]
        reading = unsaid.named(hypothesis, Reading(hypothesis, "", under, tuple(targets)))
        targets, under = list(reading.targets), reading.protocol
        judged.protocol = under
        for target in targets:
            if all(figure in aside for figure in target.figures):
                continue
            readings = [target]
            if target.estimand.statistic == "survival":
                readings += [as_share(target, share) for share in SHARES]
                named = read_as.get(target.figures[0])
                readings.sort(key=lambda r: str(r.estimand) != named)
            held = [r for r in readings if judged.has(r.estimand) and held_by_all(r, judged)]
            found += held[:1]
        if best is None or len(found) > best[0]:
            best = (len(found), found, under)
        missed = [t for t in targets if t.figures not in {f.figures for f in found}]
        if all(t.claim or figure in aside for t in missed for figure in t.figures):
            break
    if best is None:
        raise AssertionError("there is always one reading")
    return best[1], best[2]


class _Search:
    """The pushing of the members under one hypothesis."""

    def __init__(
        self,
        ensemble: Ensemble,
        targets: list[Target],
        published: Published,
        seed: int,
        effort: int,
    ) -> None:
        self.ensemble, self.targets, self.published = ensemble, targets, published
        self.study, self.seed, self.effort = published.study, seed, effort
        self.sought: list[Estimand] = []
        self.searches = self.refused = 0

    def run(
        self, wanted: list[Estimand], name: str, progress: Callable[[str], None]
    ) -> Ensemble | None:
        """The pushed members that hold an end of a wanted estimand; None if there is none."""
        from resarc.identify.space import feasible, movable

        ensemble = self.ensemble
        wanted = [e for e in wanted if not self._fixed(e)]
        if not wanted or not movable(ensemble):
            return None
        place, quantities, known = feasible(self.targets, wanted, ensemble)
        if not known:
            return None
        pool = [*place.states(ensemble), *self._reshaped(known, place, name)]
        members = ensemble.shape[0]
        values = self._values(place, quantities, known, pool)
        sought = np.flatnonzero(~np.isnan(values[:, :members]).all(axis=1))
        self.sought = [known[q] for q in sought]
        if not self.sought:
            return None
        own_moves = self._own_moves(place, quantities)
        searches = len(sought) * 2 * STARTS * PASSES
        steps = max(min(self.effort // searches, MOST) // ensemble.shape[1], 50)
        for turn in range(PASSES):
            progress(f"{name}: seeking the ends of {len(sought)} results, pass {turn + 1}")
            goals, pushed = self._climbs(
                place, quantities, own_moves, known, sought, pool, values, steps, f"{name} {turn}"
            )
            self.searches += len(pushed)
            values = np.hstack([values, self._values(place, quantities, known, pushed, goals)])
            pool, values = self._ends(place, pool + pushed, values)
        extra = pool[members:]
        return place.ensemble(extra, ensemble) if extra else None

    def _values(
        self,
        place: Feasible,
        quantities: Quantities,
        known: list[Estimand],
        states: list[State],
        goals: list[int] | None = None,
    ) -> np.ndarray:
        """What `climb` computes (Q, M) of datasets, p-values as chi-squared with the sign turned round,
        so that the larger is the larger. Adjusted models, which take most of the time, only in those
        that were pushed for them, if `goals` says what each was pushed for."""
        from resarc.identify.terms import quantities_of

        plain = np.array([goals is None or not e.adjusted_for for e in known], dtype=bool)
        found = np.full((len(known), len(states)), np.nan)
        for m, state in enumerate(states):
            which = plain if goals is None else plain | (np.arange(len(known)) == goals[m])
            found[:, m] = quantities_of(place.space.terms, quantities, which, state)
        turned = [e.statistic == "logrank_p" for e in known]
        found[turned] *= -1
        return found

    def _reshaped(self, known: list[Estimand], place: Feasible, name: str) -> list[State]:
        """Members whose event history was pushed to an end with all labels refitted.

        Few histories can change by a step under so many subgroup figures. So the history is pushed under
        the figures of the whole cohort alone, all the way and parts of it, and then the labels are
        searched for anew, as the reconstruction does.
        """
        from resarc.identify import climb, refit
        from resarc.identify.space import feasible

        ensemble = self.ensemble
        of_times = [e for e in known if e.statistic in RESHAPED and not e.where]
        cohort, quantities, sought = feasible(self.targets, of_times, ensemble, whole_cohort=True)
        steps = max(RESHAPING // ensemble.shape[1], 50)
        nothing = np.zeros(0, dtype=np.int64)
        sample = cohort.states(ensemble)
        values = self._values(cohort, quantities, sought, sample)
        states = []
        for q, e in enumerate(sought):
            for sign in (1.0, -1.0):
                for number, start in enumerate(self._starts(values[q], sign)[:1]):
                    seed = self._seed(f"reshape {e} {sign} {name}", number)
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
        if not states:
            return []
        rng = stream(self.study, f"refit {name}", seed=self.seed)
        fresh = refit.refitted(cohort, states, self.targets, self.published, ensemble, rng)
        good = np.flatnonzero(self._judged(fresh))
        self.searches += len(states)
        return place.states(fresh.take(good)) if good.size else []

    def _fixed(self, e: Estimand) -> bool:
        """Whether a printed figure leaves the estimand no range."""
        return any(t.estimand == e and t.value.lower == t.value.upper for t in self.targets)

    def _own_moves(self, place: Feasible, quantities: Quantities) -> list[np.ndarray]:
        """For each quantity the moves that exchange something it depends on."""
        exchanged = place.space.moves[:, 0]
        return [np.flatnonzero((exchanged & row).any(axis=1)) for row in quantities.blocks]

    def _starts(self, values: np.ndarray, sign: float) -> np.ndarray:
        """The members nearest to an end: the nearest, and others with different values."""
        order = np.argsort(np.where(np.isnan(values), np.inf, -sign * values), kind="stable")
        return order[: min(STARTS, (~np.isnan(values)).sum())]

    def _climbs(
        self,
        place: Feasible,
        quantities: Quantities,
        own_moves: list[np.ndarray],
        known: list[Estimand],
        sought: np.ndarray,
        pool: list[State],
        values: np.ndarray,
        steps: int,
        turn: str,
    ) -> tuple[list[int], list[State]]:
        """What each search ended with, from members of the pool with these `values` (Q, M), and for which
        of the estimands it was."""
        from resarc.identify import climb

        searches = [
            (q, sign, heat, int(start))
            for q in sought
            for sign in (1.0, -1.0)
            for heat, start in zip(HEATS, self._starts(values[q], sign), strict=False)
        ]
        found = []
        for q, sign, heat, start in searches:
            e, state = known[q], _copy(pool[start])
            seed = self._seed(f"push {e} {sign} {turn}", start)
            # Large p-values are small chi-squared.
            way = -sign if e.statistic == "logrank_p" else sign
            climb.climb(
                place.space, quantities, q, way, state, own_moves[q], heat * _spread(values[q]), way * np.inf,
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

    def _ends(
        self, place: Feasible, pool: list[State], values: np.ndarray
    ) -> tuple[list[State], np.ndarray]:
        """The sample, and those of the pool that hold an end which no member of the sample holds, with
        their values. They are judged afresh; where one is refused, the next takes its place."""
        members = self.ensemble.shape[0]
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
            good = self._judged(place.ensemble([pool[m] for m in new], self.ensemble))
            self.refused += int((~good).sum())
            values[:, np.array(new)[~good]] = np.nan
            judged |= set(new)
        keep = [*range(members), *sorted(found)]
        return [pool[m] for m in keep], values[:, keep]


def _spread(values: np.ndarray) -> float:
    known = values[np.isfinite(values)]
    return float(known.std()) if known.size > 1 else 0.0


def _copy(state: State) -> State:
    return State(*(array.copy() for array in state))
