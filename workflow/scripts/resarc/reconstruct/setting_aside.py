"""Which figures step back so that the others can hold together, under one reading.

First those in conflict by proof. Then, if a few searches find no dataset that holds what is left, those that
they miss most: limits before the value that they belong to, one after the other in a small cohort, many at
once in a larger one, where each that holds after all comes back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np

from resarc.errors import ReconstructionError
from resarc.protocol import Protocol
from resarc.published import Published
from resarc.reconstruct import counts, exact, histories, reach
from resarc.reconstruct.conflicts import of_counts, stepping_back
from resarc.reconstruct.exact import Conflict
from resarc.reconstruct.layout import lay_out
from resarc.reconstruct.members import PILOT, build
from resarc.reconstruct.plan import NOT_FOUND, Plan
from resarc.reconstruct.readings import Reading
from resarc.reconstruct.scheme import plan_of
from resarc.reconstruct.targets import Target

LIMITS = "its printed limits: "
"""How the reason begins for which a figure's limits are set aside, and not its value."""

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


def cost(aside: Iterable[Target]) -> float:
    """How much it costs to set figures aside, as `counts.weight` has it."""
    return sum(counts.weight(t) for t in aside)


@dataclass(frozen=True)
class _Kept:
    """Which targets are to hold, and why the others are not."""

    targets: tuple[Target, ...]
    aside: dict[Target, str]

    def without(self, target: Target, why: str) -> _Kept:
        """Printed limits step back before the value that they belong to."""
        if not has_limits(target):
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
            alike = target.figures == other.figures and has_limits(target) == has_limits(other)
            if alike and NOT_FOUND in why:
                kept = kept.without(target, why.removeprefix(LIMITS))
    return kept


def has_limits(target: Target) -> bool:
    return target.lower is not None or target.upper is not None


def _without_limits(target: Target) -> Target:
    return replace(target, lower=None, upper=None)


def prepare(
    reading: Reading,
    published: Published,
    patients: int,
    seed: int,
    progress: Callable[[str], None],
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

    if cost(kept.aside) > most:
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
    while not together or cost(kept.aside) <= most:
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
            progress(f"set aside: {'limits of ' * has_limits(target)}{target.estimand}")
    for target in reversed(searched) if not together else ():
        fuller = kept.again_with(target)
        value_aside = has_limits(target) and _without_limits(target) in kept.aside
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
            return sorted(own, key=lambda t: not has_limits(t))[:1]
    chance, left = 1.0, len(hardest)
    while left > 1 and chance * (1 - failures[hardest[left - 1]][0]) >= 1 / CANDIDATES:
        left -= 1
        chance *= 1 - failures[hardest[left]][0]
    return hardest[:left]
