"""The rebuilding of a study's datasets: decide once, build every chunk, gather.

`reconstruct` does it all; where chunks of members are built by several jobs, `decide`, `build_chunk`
and `gather` are called one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from time import monotonic

import numpy as np
import pandas as pd

from resarc.ensemble import Ensemble, from_frame, to_frame
from resarc.errors import ReconstructionError
from resarc.protocol import Protocol
from resarc.published import Published
from resarc.reconstruct import (
    admission,
    counts,
    exact,
    histories,
    outcome,
    reach,
    readings,
    unsaid,
)
from resarc.reconstruct.conflicts import of_counts, stepping_back
from resarc.reconstruct.exact import Conflict
from resarc.reconstruct.layout import lay_out
from resarc.reconstruct.members import CHUNK, PILOT, build, mixed
from resarc.reconstruct.plan import NOT_FOUND, Plan
from resarc.reconstruct.readings import Hypothesis, Reading
from resarc.reconstruct.scheme import Scheme, plan_of
from resarc.reconstruct.targets import Target

LIMITS = "its printed limits: "
"""How the reason begins for which a figure's limits are set aside, and not its value."""

Progress = Callable[[str], None]

TRIALS = 6
"""Searches after which a figure that none has held with the others is set aside. A single event at the
right place among twenty is met by one history of ten."""

APART = 2
"""Searches for members whose labels are given to a history that stands, six or more each; if none finds
one, histories and labels are moved together."""

SETTLED = 40
"""Patients of the largest cohort in which they are: in a larger one it takes ten seconds or more a member,
and none was seen to come out."""

CANDIDATES = 12
"""Of a pilot, at the least."""


def silent(_: str) -> None:
    """No word of progress."""


@dataclass(frozen=True)
class Reconstruction:
    """`ensemble` in the contract's columns, `hypothesis` naming the reading that a member was built on;
    `targets` one row per printed figure; `hypotheses` what was asked of them, and `conflicts` which
    of them cannot hold together."""

    ensemble: pd.DataFrame
    targets: pd.DataFrame
    hypotheses: pd.DataFrame
    conflicts: pd.DataFrame


def reconstruct(
    protocol: Protocol,
    published: Published,
    *,
    members: int,
    seed: int,
    progress: Progress = silent,
) -> Reconstruction:
    """`members` datasets of a study from its printed figures: `decide`, every chunk, `gather`.

    Raises `ReconstructionError` if the figures do not say how many patients there are, or if no
    dataset can be found that holds the counts.
    """
    scheme = decide(protocol, published, seed=seed, progress=progress)
    frames = []
    began = monotonic()
    for chunk in range(chunks(members)):
        frames.append(build_chunk(scheme, chunk, members=members))
        done = min((chunk + 1) * CHUNK, members)
        left = (monotonic() - began) / done * (members - done)
        progress(f"{done} of {members} datasets" + (f", about {left:.0f} s left" if left else ""))
    return gather(scheme, frames)


def decide(
    protocol: Protocol, published: Published, *, seed: int, progress: Progress = silent
) -> Scheme:
    """What is decided once: which readings data can bear, and what must be set aside under each.

    The result can be written and read (`scheme.to_json`, `scheme.from_json`), so that chunks can be
    built by jobs of their own.
    """
    if protocol.reconstruction is None:
        raise ReconstructionError(f"protocol of {protocol.study}", "no key 'reconstruction'", "one")
    patients = published.count()
    if not patients:
        raise ReconstructionError(
            f"published figures of {published.study}",
            "no figure of the estimand 'n'",
            "the number of patients",
            "Add the printed number of patients.",
        )
    admission.check(published, protocol)
    found = readings.read(published, protocol, patients, seed, progress)
    asked = [unsaid.settle(r) for r in found.live]
    prepared: list[Plan] = []
    for a in asked:
        # What costs more than another reading is not borne by data: no search shows how much more.
        most = min((_cost(p.aside) for p in prepared), default=np.inf)
        like = prepared[0] if prepared else None
        plan = _prepare(a.reading, published, patients, seed, progress, most=most, like=like)
        prepared.append(plan)
    more, rows = _departures(asked[0], prepared[0], progress)
    hypotheses = (*found.hypotheses, *asked[0].hypotheses, *rows)
    return Scheme(protocol, published, (*prepared, *more), hypotheses, found.conflicts, seed)


def _departures(
    asked: unsaid.Asked, first: Plan, progress: Progress
) -> tuple[list[Plan], list[Hypothesis]]:
    """Plans under other answers to what the paper leaves unsaid, each from the first plan, as far as
    they cost no more printed figures."""

    def trials() -> Ensemble | None:
        return build(first, PILOT + 1, unsaid.TRIALS)[0]

    found, rows = unsaid.departures(asked, first.aside, trials)
    plans = []
    most = _cost(first.aside)
    for departure in found:
        plan = _prepare(
            departure.reading, first.published, first.patients, first.seed, progress,
            most=most, like=first,
        )  # fmt: skip
        borne = _cost(plan.aside) <= most
        rows.append(unsaid.outcome_of(departure, borne))
        plans += [plan] if borne else []
    return plans, rows


def _cost(aside: Iterable[Target]) -> float:
    return sum(counts.weight(t) for t in aside)


def chunks(members: int) -> int:
    """How many chunks so many members make."""
    return -(-members // CHUNK)


def build_chunk(scheme: Scheme, chunk: int, *, members: int) -> pd.DataFrame:
    """The members of one chunk, numbers `CHUNK` * chunk and on, as the rows of ensemble.parquet.

    They depend on the scheme and on the chunk's number, and on nothing else: `members`, how many are
    asked for in all, only says how many of a last chunk are wanted.
    """
    first = chunk * CHUNK
    wanted = min(CHUNK, members - first)
    if wanted <= 0:
        raise ValueError(f"chunk {chunk} of {members} members")
    plans = scheme.plans
    ensemble = mixed(plans, chunk, wanted, scheme.protocol)
    names = [plans[m % len(plans)].reading.name for m in range(first, first + wanted)]
    frame = to_frame(ensemble)
    frame["member"] += first
    frame.insert(2, "hypothesis", np.repeat(names, ensemble.shape[1]))
    return frame


def gather(scheme: Scheme, frames: Iterable[pd.DataFrame]) -> Reconstruction:
    """The reconstruction from the frames of all its chunks, in their order."""
    frame = pd.concat(frames, ignore_index=True)
    ensemble = from_frame(frame, scheme.protocol)
    plans = scheme.plans
    return Reconstruction(
        frame,
        outcome.target_table(plans, ensemble, scheme.published),
        outcome.hypothesis_table(scheme.hypotheses, list(scheme.prepared), plans, ensemble),
        outcome.conflict_table(scheme.conflicts, plans, scheme.published),
    )


@dataclass(frozen=True)
class _Kept:
    """Which targets are to hold, and why the others are not."""

    targets: tuple[Target, ...]
    aside: dict[Target, str]

    def without(self, target: Target, why: str) -> _Kept:
        """Printed limits step back before the value that they belong to."""
        if not _has_limits(target):
            return replace(self, aside=self.aside | {target: why})
        kept = tuple(_without_limits(t) if t == target else t for t in self.targets)
        return _Kept(kept, self.aside | {target: LIMITS + why})

    def again_with(self, target: Target) -> _Kept:
        bare = _without_limits(target)
        kept = tuple(target if t == bare else t for t in self.targets)
        return _Kept(kept, {t: why for t, why in self.aside.items() if t != target})


def _as_in(like: Plan, kept: _Kept) -> _Kept:
    """What another plan could not hold steps back here, too."""
    for other, why in like.aside.items():
        for target in kept.targets:
            alike = target.figures == other.figures and _has_limits(target) == _has_limits(other)
            if alike and NOT_FOUND in why:
                kept = kept.without(target, why.removeprefix(LIMITS))
    return kept


def _has_limits(target: Target) -> bool:
    return target.lower is not None or target.upper is not None


def _without_limits(target: Target) -> Target:
    return replace(target, lower=None, upper=None)


def _prepare(
    reading: Reading,
    published: Published,
    patients: int,
    seed: int,
    progress: Progress,
    *,
    most: float = np.inf,
    like: Plan | None = None,
) -> Plan:
    """The plan of a reading, with the figures that must be set aside: those in conflict by proof,
    then those that no dataset was found to hold with the others, until they cost more than `most`.
    The figures that the plan `like` of another reading holds are tried first, if it holds not all."""
    protocol = reading.protocol
    kept, conflicts = _proved(reading, published, patients)

    def plan(kept: _Kept, together: bool = False) -> Plan:
        told = replace(reading, targets=kept.targets)
        found = plan_of(told, published, patients, dict(kept.aside), tuple(conflicts), seed)
        return replace(found, together=together)

    if _cost(kept.aside) > most:
        return plan(kept)
    if like and any(NOT_FOUND in why for why in like.aside.values()):
        same = _as_in(like, kept)
        if build(plan(same, like.together), PILOT, 2, TRIALS, explain=False)[0] is not None:
            return plan(same, like.together)
    # A few members show whether all targets can hold together. If not, histories and labels of a small
    # cohort are moved together; if that finds none either, the hardest target steps back. Of a larger one
    # many step back at once, and some come back.
    together = False
    searched: list[Target] = []
    while not together or _cost(kept.aside) <= most:
        progress(f"{reading.name}: can all figures hold together?")
        attempts = TRIALS if together else APART
        pilot, failures = build(plan(kept, together), PILOT, 2, attempts)
        if pilot is not None:
            break
        if not together and patients <= SETTLED:
            together = True
            continue
        if max(share for share, _ in failures.values()) == 0:
            raise ReconstructionError(
                f"constraints of {published.study}",
                "no dataset that meets them",
                "at least one",
                "Look at reconstruction.constraints of the protocol.",
            )
        hardest = sorted(failures, key=lambda t: -failures[t][0])
        for target in hardest[:1] if together else _hopeless(hardest, failures, protocol):
            share, gap = failures[target]
            kept = kept.without(
                target,
                f"{NOT_FOUND} that holds it together with the others; "
                f"{share:.0%} of the searches missed it, the nearest by {gap:.2g} on its own scale",
            )
            searched.append(target)
            progress(f"set aside: {'limits of ' * _has_limits(target)}{target.estimand}")
    for target in reversed(searched) if not together else ():
        fuller = kept.again_with(target)
        value_aside = _has_limits(target) and _without_limits(target) in kept.aside
        if value_aside or build(plan(fuller), PILOT + 2, 2, APART, explain=False)[0] is None:
            continue
        kept = fuller
        progress(f"holds after all: {target.estimand}")
    return plan(kept, together)


def _proved(reading: Reading, published: Published, patients: int) -> tuple[_Kept, list[Conflict]]:
    """What is left of the figures when those in conflict by proof have stepped back; and the conflicts."""
    protocol, targets = reading.protocol, list(reading.targets)
    layout = lay_out(protocol, targets)
    components = counts.components(layout, targets, patients)
    aside: dict[Target, str] = {}
    conflicts: list[Conflict] = []
    for component in components:
        fewest = counts.set_aside(component, patients)
        for target in fewest:
            aside[target] = (
                "no counts of patients satisfy it together with the other printed counts"
            )
        conflicts += of_counts(component, fewest, patients)
    about_curves = exact.about_curves(targets, protocol, patients)
    conflicts += about_curves
    kept = _Kept(tuple(targets), aside)
    for conflict in reach.against_limits(published, targets, protocol, patients):
        (limited,) = conflict.targets
        kept = kept.without(limited, conflict.proof)
        conflicts.append(conflict)
    for target in stepping_back(about_curves, kept.aside):
        proof = next(c.proof for c in about_curves if target in c.targets)
        kept = replace(kept, aside=kept.aside | {target: proof})
    return kept, conflicts


def _hopeless(
    hardest: list[Target], failures: dict[Target, tuple[float, float]], protocol: Protocol
) -> list[Target]:
    """The targets, of which the hardest comes first, that step back at once: as many as must, until what
    is left would be held by one candidate of a pilot, if each figure were missed apart from the others.
    While no history of an endpoint holds one of its own figures, the hardest of those; nothing can be
    told of labels then."""
    for endpoint in protocol.endpoint_names:
        own = [t for t in histories.whole_cohort(hardest, endpoint) if failures[t][0] == 1]
        if own:
            return sorted(own, key=lambda t: not _has_limits(t))[:1]
    chance, left = 1.0, len(hardest)
    while left > 1 and chance * (1 - failures[hardest[left - 1]][0]) >= 1 / CANDIDATES:
        left -= 1
        chance *= 1 - failures[hardest[left]][0]
    return hardest[:left]
