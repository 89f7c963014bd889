"""Reconstruction: patient-level datasets that are consistent with all printed figures at once.

    figures ─► targets ─► joint counts ─► event histories ─► labels ─► numbers ─► checked members

`reconstruct` is the door. `targets` turns figures into ranges of exact values; `counts` decides by
integer programming how many patients have which properties, and which counts cannot hold together;
`histories` finds times and events; `labels` gives properties to patients; `numbers` gives values.
Every member is then judged afresh by `ensemble.evaluate`; one that misses a target is replaced, so
that all members hold every target that is not set aside. `export` writes one member as the
registry it could have come from.

Members are not draws from a posterior: they are different datasets that the paper could have been
written from. What they agree on is known; their range is an inner bound of what is possible.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from resarc.ensemble import Ensemble, to_frame
from resarc.errors import ReconstructionError
from resarc.protocol import Protocol
from resarc.published import Published
from resarc.reconstruct import assignment, counts, histories, labels, numbers, outcome, readings
from resarc.reconstruct.counts import Component
from resarc.reconstruct.histories import History
from resarc.reconstruct.layout import Layout, lay_out, levels_meeting
from resarc.reconstruct.targets import Target, compile_targets, distance
from resarc.seeds import stream

CHUNK = 50
"""Members built together. The members of a whole chunk depend on its number only, so that more
members or more cores change none of the whole chunks that were there before."""

ATTEMPTS = 20
PILOT = 10**6
"""The chunk number of the members that only show what can hold together."""


@dataclass(frozen=True)
class Reconstruction:
    """`ensemble` in the contract's columns; `targets` one row per printed figure; `hypotheses`."""

    ensemble: pd.DataFrame
    targets: pd.DataFrame
    hypotheses: pd.DataFrame


@dataclass(frozen=True)
class _Plan:
    protocol: Protocol
    published: Published
    patients: int
    layout: Layout
    components: tuple[Component, ...]
    targets: tuple[Target, ...]
    seed: int


def reconstruct(
    protocol: Protocol,
    published: Published,
    *,
    members: int,
    seed: int,
    progress: Callable[[str], None] = lambda _: None,
) -> Reconstruction:
    """`members` datasets of a study from its printed figures.

    Raises `ReconstructionError` if the figures do not say how many patients there are, or if no
    dataset can be found that holds the counts.
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
    targets, unused = compile_targets(published, protocol)
    hypotheses, targets = readings.read(targets, protocol, patients, seed, progress)
    layout = lay_out(protocol, targets)
    components = counts.components(layout, targets, patients)
    aside: dict[Target, str] = {}
    for component in components:
        for target in counts.set_aside(component, patients):
            aside[target] = (
                "no counts of patients satisfy it together with the other printed counts"
            )
    kept = [t for t in targets if t not in aside]

    def plan(required: list[Target]) -> _Plan:
        return _Plan(
            protocol, published, patients, layout, tuple(components), tuple(required), seed
        )

    # A few members show whether all targets can hold together; the hardest steps back if not.
    while True:
        progress("can all figures hold together?")
        pilot, failures = _chunk(plan(kept), list(aside), PILOT, 2, attempts=2)
        if pilot is not None:
            break
        hardest = max(failures, key=lambda t: failures[t][0])
        share, gap = failures[hardest]
        if share == 0:
            raise ReconstructionError(
                f"constraints of {published.study}",
                "no dataset that meets them",
                "at least one",
                "Look at reconstruction.constraints of the protocol.",
            )
        aside[hardest] = (
            f"no dataset was found that holds it together with the others; "
            f"{share:.0%} of the searches missed it, the nearest by {gap:.2g} on its own scale"
        )
        progress(f"set aside: {hardest.estimand}")
        kept = [t for t in kept if t != hardest]
    built: list[Ensemble] = []
    for chunk in range(-(-members // CHUNK)):
        wanted = min(CHUNK, members - chunk * CHUNK)
        found, failures = _chunk(plan(kept), list(aside), chunk, wanted)
        if found is None:
            hardest = max(failures, key=lambda t: failures[t][0])
            raise ReconstructionError(
                f"reconstruction of {published.study}, members {chunk * CHUNK} and on",
                f"fewer than {wanted} datasets within {ATTEMPTS} searches; hardest was {hardest.estimand}",
                f"{wanted}",
                "Ask for fewer members or another seed.",
            )
        built.append(found)
        progress(f"{min((chunk + 1) * CHUNK, members)} of {members} datasets")
    ensemble = _join(built, protocol)
    frame = to_frame(ensemble)
    return Reconstruction(
        frame,
        outcome.target_table(targets, unused, aside, ensemble, published, hypotheses),
        outcome.hypothesis_table(hypotheses),
    )


# --- one chunk ----------------------------------------------------------------------------------


def _chunk(
    plan: _Plan, without: list[Target], chunk: int, wanted: int, attempts: int = ATTEMPTS
) -> tuple[Ensemble | None, dict[Target, tuple[float, float]]]:
    """`wanted` members that hold every target, or None and for each target the share of searches
    that missed it with the smallest distance."""
    found: list[Ensemble] = []
    have = 0
    missed = {t: [] for t in plan.targets}
    for attempt in range(attempts):
        rng = stream(plan.published.study, "reconstruct", chunk * 1000 + attempt, seed=plan.seed)
        # Some candidates miss a target and fall out.
        ensemble = _search(plan, without, max(wanted - have + (wanted - have) // 4, 6), rng)
        good = _coherent(ensemble, plan)
        for target in plan.targets:
            values = target.evaluate(ensemble)
            held = target.holds(values)
            gaps = np.maximum(distance(target, values, plan.patients), 1e-9)
            missed[target].append(np.where(held, 0.0, gaps))
            good &= held
        rows = np.flatnonzero(good)[: wanted - have]
        if rows.size:
            found.append(ensemble.take(rows))
            have += rows.size
        if have == wanted:
            return _join(found, plan.protocol), {}
    shares = {}
    for target, distances in missed.items():
        gaps = np.concatenate(distances)
        shares[target] = (float((gaps > 0).mean()), float(gaps.min()))
    return None, shares


def _search(plan: _Plan, without: list[Target], members: int, rng: np.random.Generator) -> Ensemble:
    """Candidates for members: counts, histories, labels, numbers in turn."""
    cells = {}
    for component in plan.components:
        drawn = [counts.draw(component, without, plan.patients, rng) for _ in range(members)]
        if any(d is None for d in drawn):
            raise ReconstructionError(
                f"printed counts of {', '.join(component.blocks)}",
                "no counts of patients within the solver's limits",
                "counts that satisfy all figures that were kept",
                "Print fewer cross tables or collapse levels in the protocol.",
            )
        cells[component.blocks] = np.stack(drawn)
    built: dict[str, History] = {}
    targets = list(plan.targets)
    for endpoint in histories.sequence(plan.protocol):
        component = next(c for c in plan.components if endpoint in c.blocks)
        happened = component.cells[:, component.blocks.index(endpoint)] == 0
        fixed = len(component.blocks) > 1 or component.rows
        deaths = (cells[component.blocks] * happened).sum(axis=1) if fixed else None
        sharing = None
        if endpoint in component.same_event and component.same_event[endpoint][0] in built:
            other, part = component.same_event[endpoint]
            sharing = (other, (cells[component.blocks] * part).sum(axis=1))
        built[endpoint] = histories.build(
            endpoint,
            targets,
            plan.protocol,
            built,
            deaths,
            members,
            plan.patients,
            rng,
            sharing=sharing,
        )
    given = assignment.Labels(plan.layout)
    for component in plan.components:
        given.codes.update(
            assignment.assign(component, cells[component.blocks], plan.layout, built, without, rng)
        )
    whole = {t for e in built for t in histories.whole_cohort(targets, e)}
    about_labels = [
        t
        for t in targets
        if t not in whole and not counts.is_count(t) and not numbers.needs_values(t, plan.protocol)
    ]
    labels.fit(list(plan.components), given, about_labels, built, rng)
    values = numbers.fill(given, built, targets, plan.published, rng)
    ensemble = assignment.ensemble_of(given, built, plan.layout)
    sources = {v.name for v in plan.protocol.variables}
    ensemble.codes = {name: codes for name, codes in ensemble.codes.items() if name in sources}
    ensemble.numbers = values
    return ensemble


def _coherent(ensemble: Ensemble, plan: _Plan) -> np.ndarray:
    """Members (M,) whose values meet the constraints between numbers and between times."""
    good = np.ones(ensemble.shape[0], dtype=bool)
    for constraint in plan.protocol.reconstruction.constraints:
        pair = constraint.equal or constraint.at_most
        if not pair:
            continue
        if set(pair) <= set(ensemble.times):
            x, y = (ensemble.times[name] for name in pair)
        else:
            x, y = (ensemble.numbers[name] for name in pair)
        bound = np.ones(ensemble.shape, dtype=bool)
        for rule in constraint.among:
            bound &= levels_meeting(rule, plan.protocol)[ensemble.code(rule.variable)]
        wrong = np.abs(x - y) > 1e-9 if constraint.equal else x > y + 1e-9
        good &= ~(wrong & bound).any(axis=1)
    return good


def _join(parts: list[Ensemble], protocol: Protocol) -> Ensemble:
    def joined(name: str) -> dict[str, np.ndarray]:
        arrays = [getattr(part, name) for part in parts]
        return {key: np.concatenate([a[key] for a in arrays]) for key in arrays[0]}

    return Ensemble(protocol, joined("codes"), joined("numbers"), joined("times"), joined("events"))
