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
from resarc.reconstruct import (
    assignment,
    counts,
    exact,
    histories,
    labels,
    numbers,
    outcome,
    readings,
)
from resarc.reconstruct.conflicts import of_counts
from resarc.reconstruct.exact import Conflict
from resarc.reconstruct.histories import History
from resarc.reconstruct.layout import lay_out, levels_meeting
from resarc.reconstruct.plan import NOT_FOUND, Plan
from resarc.reconstruct.readings import Reading
from resarc.reconstruct.targets import Target, distance
from resarc.seeds import stream

CHUNK = 50
"""Members built together. The members of a whole chunk depend on its number only, so that more
members or more cores change none of the whole chunks that were there before."""

ATTEMPTS = 20
PILOT = 10**6
"""The chunk number of the members that only show what can hold together."""


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
    found = readings.read(published, protocol, patients, seed, progress)
    prepared = [_prepare(r, published, patients, seed, progress) for r in found.live]
    # A reading that costs more of the printed figures than another is not borne by data.
    cost = [sum(counts.weight(t) for t in p.aside) for p in prepared]
    plans = [p for p, c in zip(prepared, cost, strict=True) if c <= min(cost)]
    built: list[Ensemble] = []
    for chunk in range(-(-members // CHUNK)):
        wanted = min(CHUNK, members - chunk * CHUNK)
        built.append(_mixed_chunk(plans, chunk, wanted, protocol))
        progress(f"{min((chunk + 1) * CHUNK, members)} of {members} datasets")
    ensemble = _join(built, protocol)
    names = [plans[member % len(plans)].reading.name for member in range(members)]
    frame = to_frame(ensemble)
    frame.insert(2, "hypothesis", np.repeat(names, ensemble.shape[1]))
    return Reconstruction(
        frame,
        outcome.target_table(plans, ensemble, published),
        outcome.hypothesis_table(found.hypotheses, prepared, plans, members),
        outcome.conflict_table(found.conflicts, plans, published),
    )


def _prepare(
    reading: Reading,
    published: Published,
    patients: int,
    seed: int,
    progress: Callable[[str], None],
) -> Plan:
    """The plan of a reading, with the figures that must be set aside: those in conflict by proof,
    then those that no dataset was found to hold with the others."""
    protocol, targets = reading.protocol, list(reading.targets)
    layout = lay_out(protocol, targets)
    components = counts.components(layout, targets, patients)
    aside: dict[Target, str] = {}
    conflicts: list[Conflict] = []
    for component in components:
        stepping_back = counts.set_aside(component, patients)
        for target in stepping_back:
            aside[target] = (
                "no counts of patients satisfy it together with the other printed counts"
            )
        conflicts += of_counts(component, stepping_back, patients)
    for conflict in exact.about_curves(targets, protocol, patients):
        conflicts.append(conflict)
        if not set(conflict.targets) & set(aside):
            aside[min(conflict.targets, key=counts.weight)] = conflict.proof

    def plan() -> Plan:
        return Plan(
            reading,
            published,
            patients,
            layout,
            tuple(components),
            tuple(t for t in targets if t not in aside),
            aside,
            tuple(conflicts),
            seed,
        )

    # A few members show whether all targets can hold together; the hardest steps back if not.
    while True:
        progress(f"{reading.name}: can all figures hold together?")
        pilot, failures = _chunk(plan(), PILOT, 2, attempts=2)
        if pilot is not None:
            return plan()
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
            f"{NOT_FOUND} that holds it together with the others; "
            f"{share:.0%} of the searches missed it, the nearest by {gap:.2g} on its own scale"
        )
        progress(f"set aside: {hardest.estimand}")


def _mixed_chunk(plans: list[Plan], chunk: int, wanted: int, protocol: Protocol) -> Ensemble:
    """Members of one chunk, the readings taking turns: member i is of reading i modulo their number."""
    first = chunk * CHUNK
    parts, numbers = [], []
    for k, plan in enumerate(plans):
        own = [m for m in range(first, first + wanted) if m % len(plans) == k]
        if not own:
            continue
        found, failures = _chunk(plan, chunk, len(own))
        if found is None:
            raise ReconstructionError(
                f"reconstruction of {plan.published.study}, members {first} and on, {plan.reading.name}",
                f"fewer than {len(own)} datasets within {ATTEMPTS} searches; {_hardest(failures)}",
                f"{len(own)}",
                "Ask for fewer members or another seed.",
            )
        parts.append(found)
        numbers += own
    return _join(parts, protocol).take(np.argsort(numbers))


def _hardest(failures: dict[Target, tuple[float, float]]) -> str:
    """Which target most searches missed, and how near the nearest came."""
    target = max(failures, key=lambda t: failures[t])
    share, gap = failures[target]
    if share == 0:
        return "each target was held by some, but never all together"
    return (
        f"hardest was {target.estimand} (figures {', '.join(target.figures)}), missed by {share:.0%} "
        f"of them, the nearest by {gap:.2g} on its own scale"
    )


# --- one chunk ----------------------------------------------------------------------------------


def _chunk(
    plan: Plan, chunk: int, wanted: int, attempts: int = ATTEMPTS
) -> tuple[Ensemble | None, dict[Target, tuple[float, float]]]:
    """`wanted` members that hold every target, or None and for each target the share of searches
    that missed it with the smallest distance."""
    found: list[Ensemble] = []
    have = 0
    missed = {t: [] for t in plan.targets}
    for attempt in range(attempts):
        stage = f"reconstruct {plan.reading.name}"
        rng = stream(plan.published.study, stage, chunk * 1000 + attempt, seed=plan.seed)
        # Some candidates miss a target and fall out.
        ensemble = _search(
            plan, list(plan.aside), max(wanted - have + (wanted - have) // 4, 6), rng
        )
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


def _search(plan: Plan, without: list[Target], members: int, rng: np.random.Generator) -> Ensemble:
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


def _coherent(ensemble: Ensemble, plan: Plan) -> np.ndarray:
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
