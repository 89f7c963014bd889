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

import numpy as np
import pandas as pd

from resarc.ensemble import Ensemble, from_frame, to_frame
from resarc.estimand import DAYS_PER_MONTH, Estimand
from resarc.identify.bounds import HYPOTHESIS, held_by_all, hypotheses, values_of
from resarc.identify.climb import State
from resarc.protocol import Protocol
from resarc.published import Published
from resarc.reconstruct import constraints, unsaid
from resarc.reconstruct.readings import Reading
from resarc.reconstruct.targets import ROUNDINGS, Roundings, Target, as_share, compile_targets
from resarc.seeds import stream

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
        wanted = [e for e in wanted if self._open(e)]
        if not wanted or not movable(ensemble):
            return None
        place, quantities, self.sought = feasible(self.targets, wanted, ensemble)
        if not self.sought:
            return None
        pool = self._reshaped(name)
        values = np.stack([values_of(e, pool) for e in self.sought])
        own_moves = self._own_moves(place, quantities)
        patients = ensemble.shape[1]
        searches = len(self.sought) * 2 * STARTS * PASSES
        steps = max(min(self.effort // searches, MOST) // patients, 50)
        for turn in range(PASSES):
            progress(f"{name}: seeking the ends of {len(self.sought)} results, pass {turn + 1}")
            pushed, goal_of = [], []
            for q in range(len(self.sought)):
                for sign in (1.0, -1.0):
                    for heat, start in zip(HEATS, self._starts(values[q], sign), strict=False):
                        goal_of.append(q)
                        pushed.append(
                            self._climb(
                                place, quantities, q, sign, pool.take(np.array([start])),
                                own_moves[q], values[q], steps, f"{name} {turn}", int(start), heat,
                            )
                        )  # fmt: skip
            self.searches += len(pushed)
            fresh = place.ensemble(pushed, ensemble)
            good = self._judged(fresh)
            self.refused += int((~good).sum())
            fresh, goals = fresh.take(np.flatnonzero(good)), np.array(goal_of)[good]
            if fresh.shape[0] == 0:
                break
            pool = _joined(pool, fresh)
            values = np.hstack([values, self._values(fresh, goals)])
            keep = self._ends(values, ensemble.shape[0])
            pool = _joined(ensemble, pool.take(keep)) if keep.size else ensemble
            values = np.hstack([values[:, : ensemble.shape[0]], values[:, keep]])
        extra = np.arange(ensemble.shape[0], pool.shape[0])
        return pool.take(extra) if extra.size else None

    def _values(self, fresh: Ensemble, goals: np.ndarray) -> np.ndarray:
        """What is sought (Q, M) in pushed members, `goals` being what each was pushed for. Adjusted
        models, which take most of the time, only in those that were pushed for them."""
        found = np.full((len(self.sought), fresh.shape[0]), np.nan)
        for q, e in enumerate(self.sought):
            rows = np.flatnonzero(goals == q) if e.adjusted_for else np.arange(len(goals))
            if rows.size:
                found[q, rows] = values_of(e, fresh.take(rows) if e.adjusted_for else fresh)
        return found

    def _reshaped(self, name: str) -> Ensemble:
        """The sample, and members whose event history was pushed to an end with all labels refitted.

        Few histories can change by a step under so many subgroup figures. So the history is pushed under
        the figures of the whole cohort alone, all the way and parts of it, and then the labels are
        searched for anew, as the reconstruction does.
        """
        from resarc.identify import climb, refit
        from resarc.identify.space import feasible

        ensemble = self.ensemble
        of_times = [e for e in self.sought if e.statistic in RESHAPED and not e.where]
        place, quantities, sought = feasible(self.targets, of_times, ensemble, whole_cohort=True)
        steps = max(RESHAPING // ensemble.shape[1], 50)
        nothing = np.zeros(0, dtype=np.int64)
        states = []
        for q, e in enumerate(sought):
            values = values_of(e, ensemble)
            unit = DAYS_PER_MONTH if e.kind.scale == "months" else 1.0
            for sign in (1.0, -1.0):
                for number, start in enumerate(self._starts(values, sign)[:1]):
                    seed = self._seed(f"reshape {e} {sign} {name}", number)
                    held = place.states(ensemble.take(np.array([start])))[0]
                    end = values[start] * unit
                    reach = sign * climb.climb(
                        place.space, quantities, q, sign, _copy(held), nothing,
                        HEATS[0] * unit * _plain_spread(values), sign * np.inf, steps, seed,
                    )  # fmt: skip
                    goals = end + (reach - end) * np.array(PARTS)
                    if e.kind.scale == "count":
                        goals = np.unique(np.rint(goals))
                    for goal in goals[np.abs(goals - end) > 1e-9]:
                        state = _copy(held)
                        climb.climb(
                            place.space, quantities, q, sign, state, nothing, 0.0, goal, steps, seed
                        )
                        states.append(state)
        if not states:
            return ensemble
        rng = stream(self.study, f"refit {name}", seed=self.seed)
        fresh = refit.refitted(place, states, self.targets, self.published, ensemble, rng)
        good = np.flatnonzero(self._judged(fresh))
        self.searches += len(states)
        return _joined(ensemble, fresh.take(good)) if good.size else ensemble

    def _open(self, e: Estimand) -> bool:
        """Whether the sample leaves the estimand a range, or no printed figure fixes it."""
        values = values_of(e, self.ensemble)
        known = values[~np.isnan(values)]
        if not known.size:
            return False
        fixed = any(t.estimand == e and t.value.lower == t.value.upper for t in self.targets)
        return not fixed

    def _own_moves(self, place, quantities) -> list[np.ndarray]:
        """For each quantity the moves that exchange something it depends on."""
        exchanged = place.space.moves[:, 0]
        return [np.flatnonzero((exchanged & row).any(axis=1)) for row in quantities.blocks]

    def _starts(self, values: np.ndarray, sign: float) -> np.ndarray:
        """The members nearest to an end: the nearest, and others with different values."""
        order = np.argsort(np.where(np.isnan(values), np.inf, -sign * values), kind="stable")
        return order[: min(STARTS, (~np.isnan(values)).sum())]

    def _climb(
        self,
        place,
        quantities,
        q,
        sign,
        start: Ensemble,
        own_moves,
        values,
        steps,
        turn,
        number,
        heat,
    ):
        from resarc.identify import climb

        state = place.states(start)[0]
        e = self.sought[q]
        seed = self._seed(f"push {e} {sign} {turn}", number)
        spread = _spread(e, values)
        # Large p-values are small chi-squared.
        way = -sign if e.statistic == "logrank_p" else sign
        climb.climb(
            place.space,
            quantities,
            q,
            way,
            state,
            own_moves,
            heat * spread,
            way * np.inf,
            steps,
            seed,
        )
        return state

    def _seed(self, stage: str, number: int) -> int:
        """The seed of one search."""
        return int(stream(self.study, stage, number, seed=self.seed).integers(0, 2**32))

    def _judged(self, fresh: Ensemble) -> np.ndarray:
        """Members (M,) that hold every target and meet every constraint."""
        good = constraints.met(fresh)
        for target in self.targets:
            good &= target.holds(target.evaluate(fresh))
        return good

    def _ends(self, values: np.ndarray, members: int) -> np.ndarray:
        """The pushed members that hold an end which no member of the sample holds."""
        found = set()
        for row in values:
            known = ~np.isnan(row)
            for sign in (1.0, -1.0):
                signed = np.where(known, sign * row, -np.inf)
                best = int(signed.argmax())
                if best >= members:
                    found.add(best)
        return np.array(sorted(found), dtype=np.int64)


def _spread(e: Estimand, values: np.ndarray) -> float:
    """The standard deviation of what `climb` computes, over the members that have it."""
    from scipy.special import chdtri

    known = values[np.isfinite(values)]
    if e.statistic == "hazard_ratio":
        known = np.log(known[known > 0])
    elif e.statistic == "logrank_p":
        known = chdtri(1, np.clip(known, 1e-12, 1.0))
    elif e.statistic in ("median", "rmst", "rmst_difference"):
        known = known * 30.4
    return float(known.std()) if known.size > 1 else 0.0


def _plain_spread(values: np.ndarray) -> float:
    known = values[np.isfinite(values)]
    return float(known.std()) if known.size > 1 else 0.0


def _copy(state: State) -> State:
    return State(*(array.copy() for array in state))


def _joined(*parts: Ensemble) -> Ensemble:
    def joined(name: str) -> dict[str, np.ndarray]:
        arrays = [getattr(part, name) for part in parts]
        return {
            key: np.concatenate([a[key] for a in arrays])
            for key in arrays[0]
            if all(key in a for a in arrays)
        }

    return Ensemble(
        parts[0].protocol, joined("codes"), joined("numbers"), joined("times"), joined("events")
    )
