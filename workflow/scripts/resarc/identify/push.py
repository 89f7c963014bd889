"""Bounds sought: members pushed to the extremes of an estimand inside the feasible set.

The range over a random sample is a poor bound: nobody drew for the ends. Here the members nearest to
an end are pushed on (`climb`), each step being a dataset that holds every target. What comes out is
judged afresh by `ensemble.evaluate`, like every member, and kept only if all targets hold and the
protocol's constraints are met. So a pushed bound is still an *inner* bound: its dataset exists and
is kept, a search that went on might find a wider one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import product

import pandas as pd

from resarc.ensemble import Ensemble, from_frame, to_frame
from resarc.estimand import Estimand
from resarc.identify.bounds import HYPOTHESIS, held_by_all, hypotheses
from resarc.identify.ends import PASSES, Met, Search
from resarc.protocol import Protocol
from resarc.published import Published
from resarc.reconstruct import unsaid
from resarc.reconstruct.readings import Reading
from resarc.reconstruct.targets import ROUNDINGS, Roundings, Target, as_share, compile_targets

PUSHED = (
    "hazard_ratio", "median", "survival", "survival_difference", "rmst", "rmst_difference", "events",
    "crude_rate", "logrank_p",
)  # fmt: skip
"""Statistics whose bounds are sought; those of the others come from the sample and from the members
that were pushed for these."""

SHARES = ("crude_rate", "followed_rate")
"""What a printed rate may be if it is no Kaplan-Meier estimate."""

PROPOSALS = 20_000_000
"""In all searches of a study together, times patients, as each costs more where there are more: some seconds
of one core. So many times the effort that is asked for."""

MOST = 400_000
"""Of these in one search: where little is sought, more change little."""


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
    effort: float = 1.0,
    progress: Callable[[str], None] = lambda _: None,
) -> Pushed:
    """Datasets at the ends of the estimands' identified sets, pushed from the members of `frame`.

    `table` is targets.csv. Members under different hypotheses are pushed apart, each under its own.
    """
    searches = prepare(
        estimands, frame, protocol, published, table, seed=seed, effort=effort, progress=progress
    )
    met = [[search.begin()] for search in searches]
    for _ in range(PASSES):
        for search, before in zip(searches, met, strict=True):
            before.append(search.turn(before))
    return gather(searches, met, frame)


def prepare(
    estimands: list[Estimand],
    frame: pd.DataFrame,
    protocol: Protocol,
    published: Published,
    table: pd.DataFrame,
    *,
    seed: int,
    effort: float = 1.0,
    progress: Callable[[str], None] = lambda _: None,
) -> list[Search]:
    """The searches under each hypothesis. Their steps, `begin` and as many times `turn` as there are
    `PASSES`, may be done by other processes, a turn by several of them: all is the same as in one."""
    wanted = _distinct([e for e in estimands if e.statistic in PUSHED])
    groups = list(hypotheses(frame))
    share, most = int(PROPOSALS * effort) // max(len(groups), 1), int(MOST * effort)
    found = []
    for name, part in groups:
        ensemble = from_frame(part, protocol)
        targets, ensemble.protocol = targets_held(ensemble, published, table, name)
        found.append(
            Search(name, ensemble, targets, wanted, published, seed, share, most, progress)
        )
    return found


def gather(searches: Sequence[Search], met: Sequence[Sequence[Met]], frame: pd.DataFrame) -> Pushed:
    """What was found, from the searches and what they `met` in all their steps."""
    first = int(frame["member"].max()) + 1 if len(frame) else 0
    parts: list[pd.DataFrame] = []
    sought: dict[Estimand, None] = {}
    shared: list[Target] | None = None
    refused = 0
    for search, steps in zip(searches, met, strict=True):
        if len(steps) != 1 + PASSES:
            raise ValueError(f"{len(steps) - 1} passes were made, not {PASSES}")
        targets = search.targets
        shared = targets if shared is None else [t for t in shared if t in targets]
        found, no = search.found(steps)
        refused += no
        sought.update(dict.fromkeys(search.sought(steps)))
        if found is None:
            continue
        rows = to_frame(found)
        if HYPOTHESIS in frame:
            rows.insert(2, HYPOTHESIS, search.name)
        rows["member"] += first
        first += found.shape[0]
        parts.append(rows[[c for c in frame.columns if c in rows]])
    members = pd.concat(parts, ignore_index=True) if parts else frame.iloc[:0].copy()
    count = sum(step.searches for steps in met for step in steps)
    return Pushed(members, tuple(sought), shared or [], count, refused)


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
