"""Members: complete datasets that hold every target of their plan, built in chunks.

A chunk's members depend on the study, the seed and the chunk's number only, so that chunks may be
built in any order, by any job.
"""

from __future__ import annotations

import numpy as np

from resarc.ensemble import Ensemble
from resarc.errors import ReconstructionError
from resarc.protocol import Protocol
from resarc.reconstruct import (
    assignment,
    counts,
    curves,
    histories,
    labels,
    numbers,
    settling,
    tables,
)
from resarc.reconstruct.assignment import Labels
from resarc.reconstruct.histories import History
from resarc.reconstruct.layout import levels_meeting
from resarc.reconstruct.plan import Plan
from resarc.reconstruct.targets import Target, distance
from resarc.seeds import stream
from resarc.settings import CHUNK

ATTEMPTS = 20
"""Searches in a row that may find no member before a chunk is given up."""
MOST_ATTEMPTS = 400
REPAIRS = 8
"""How often labels and numbers of a component are given anew to the members that miss a target of it."""

PILOT = 10**6
"""The chunk number of the members that only show what can hold together, and those after it."""


def mixed(plans: list[Plan], chunk: int, wanted: int, protocol: Protocol) -> Ensemble:
    """The first `wanted` members of a chunk, the plans taking turns: of all members, number i is of
    plan i modulo the number of plans."""
    first = chunk * CHUNK
    parts, numbers = [], []
    for k, plan in enumerate(plans):
        own = [m for m in range(first, first + wanted) if m % len(plans) == k]
        if not own:
            continue
        found, failures = build(plan, chunk, len(own))
        if found is None:
            raise ReconstructionError(
                f"reconstruction of {plan.published.study}, members {first} and on, {plan.reading.name}",
                f"fewer than {len(own)} datasets, and {ATTEMPTS} searches in a row found none more; "
                + _hardest(failures),
                f"{len(own)}",
                "Look whether that figure is typed as printed; else ask for fewer members or another seed.",
            )
        parts.append(found)
        numbers += own
    return join(parts, protocol).take(np.argsort(numbers))


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


def build(
    plan: Plan, chunk: int, wanted: int, attempts: int = ATTEMPTS, *, explain: bool = True
) -> tuple[Ensemble | None, dict[Target, tuple[float, float]]]:
    """`wanted` members that hold every target, or None and, if that is to be explained, for each target
    the share of candidates that missed it with the smallest distance. Searches go on while they find
    members."""
    found: list[Ensemble] = []
    have = 0
    stage = f"reconstruct {plan.reading.name}"
    # A pilot is asked only for what is soon found, and the first one what its candidates miss.
    pilot, every = chunk >= PILOT, chunk == PILOT
    missed: list[dict[Target, np.ndarray]] = []
    nearest = np.inf
    attempt, last = 0, attempts
    while attempt < last:
        rng = stream(plan.published.study, stage, chunk * 1000 + attempt, seed=plan.seed)
        # A few candidates miss a target and fall out.
        left = wanted - have
        fewest = 2 if plan.together else 6
        many = max(left + left // 16, fewest)
        ensemble = candidates(plan, list(plan.aside), many, rng, every=every)
        beyond = curves.excess(plan.published, ensemble)
        nearest = min(nearest, float(beyond.min()))
        missed.append(_gaps(plan, ensemble, beyond))
        good = _coherent(ensemble, plan) & (beyond == 0)
        good &= np.all([gaps == 0 for gaps in missed[-1].values()], axis=0)
        rows = np.flatnonzero(good)[: wanted - have]
        if rows.size:
            found.append(ensemble.take(rows))
            have += rows.size
            last = last if pilot else min(attempt + 1 + attempts, MOST_ATTEMPTS)
        attempt += 1
        if have == wanted:
            return join(found, plan.protocol), {}
    if nearest > 0 and not any(curves.bends(t, plan.published) for t in plan.targets):
        raise curves.out_of_reach(plan.published, nearest)
    if not explain:
        return None, {}
    if not every:
        rng = stream(plan.published.study, stage, chunk * 1000 + attempt, seed=plan.seed)
        ensemble = candidates(plan, list(plan.aside), many, rng, every=True)
        missed = [_gaps(plan, ensemble, curves.excess(plan.published, ensemble))]
    shares = {}
    for target in plan.targets:
        gaps = np.concatenate([of_one[target] for of_one in missed])
        shares[target] = (float((gaps > 0).mean()), float(gaps.min()))
    return None, shares


def _gaps(plan: Plan, ensemble: Ensemble, beyond: np.ndarray) -> dict[Target, np.ndarray]:
    """How far each candidate (M,) is from each target, 0 where it holds; `beyond` (M,) is how far from the
    points of curves."""
    found = {}
    for target in plan.targets:
        values = target.evaluate(ensemble)
        held = target.holds(values)
        gaps = np.maximum(distance(target, values, plan.patients), 1e-9)
        if curves.bends(target, plan.published):
            gaps, held = np.maximum(gaps, beyond), held & (beyond == 0)
        found[target] = np.where(held, 0.0, gaps)
    return found


def candidates(
    plan: Plan,
    without: list[Target],
    members: int,
    rng: np.random.Generator,
    *,
    every: bool = False,
) -> Ensemble:
    """Candidates for members, not judged yet: counts, histories, labels, numbers in turn.

    Of `members` that are begun, those are left out whose history of an endpoint misses its figures, unless
    all do; and nothing more is sought for one of whose components no labels are found. `every`: all are
    carried to the end, so that what is missed can be told.
    """
    cells, asked = {}, {}
    for component in plan.components:
        drawn = counts.draws(component, without, plan.patients, rng, members)
        if drawn is None:
            raise ReconstructionError(
                f"printed counts of {', '.join(component.blocks)}",
                "no counts of patients within the solver's limits",
                "counts that satisfy all figures that were kept",
                "Print fewer cross tables or collapse levels in the protocol.",
            )
        screen = tables.screen(component, list(plan.targets), plan.layout, without)
        asked[component.blocks] = screen
        for m in np.flatnonzero(screen.cost(drawn)) if screen else ():
            drawn[m] = tables.walked(screen, drawn[m], rng)
        cells[component.blocks] = drawn
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
        curve = curves.of_endpoint(endpoint, plan.published)
        if curve is not None:
            built[endpoint] = curves.build(
                curve, plan.published, targets, plan.protocol, built, members, plan.patients, rng
            )
            continue
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
        rows = np.flatnonzero(built[endpoint].loss == 0)
        if 0 < rows.size < len(built[endpoint].loss) and not every and not plan.together:
            built = {name: history.take(rows) for name, history in built.items()}
            cells = {blocks: drawn[rows] for blocks, drawn in cells.items()}
            members = rows.size
    given = assignment.Labels(plan.layout)
    for component in plan.components:
        given.codes.update(
            assignment.assign(
                component,
                cells[component.blocks],
                plan.layout,
                built,
                without,
                rng,
                asked[component.blocks],
            )
        )
    about_labels = _about_labels(plan, built)
    labels.fit(list(plan.components), given, about_labels, built, rng)
    rows = np.arange(members)
    if plan.together:
        known = [t for t in plan.targets if not numbers.needs_values(t, plan.protocol)]
        held = _held(known, assignment.ensemble_of(given, built, plan.layout))
        settling.settle(plan, given, built, np.flatnonzero(~held), rng)
        rows = np.flatnonzero(_held(known, assignment.ensemble_of(given, built, plan.layout)))
    values = _numbered(plan, cells, given, built, rows, rng, every=every)
    return _ensemble(plan, given, values, built)


def _about_labels(plan: Plan, built: dict[str, History]) -> list[Target]:
    """Targets that labels alone decide, given the histories."""
    whole = {t for e in built for t in histories.whole_cohort(list(plan.targets), e)}
    return [
        t
        for t in plan.targets
        if t not in whole and not counts.is_count(t) and not numbers.needs_values(t, plan.protocol)
    ]


def _ensemble(
    plan: Plan, given: Labels, values: dict[str, np.ndarray], built: dict[str, History]
) -> Ensemble:
    """Candidates as an ensemble; of categories those that nothing else implies."""
    ensemble = assignment.ensemble_of(given, built, plan.layout)
    sources = {v.name for v in plan.protocol.variables}
    ensemble.codes = {name: codes for name, codes in ensemble.codes.items() if name in sources}
    ensemble.numbers = values
    return ensemble


def _numbered(
    plan: Plan,
    cells: dict[tuple[str, ...], np.ndarray],
    given: Labels,
    built: dict[str, History],
    among: np.ndarray,
    rng: np.random.Generator,
    *,
    every: bool,
) -> dict[str, np.ndarray]:
    """Values (M, n) of all numbers, of the members `among`. Members that miss a target of a component get
    its labels and numbers anew, labels in place, where its targets speak of no other component; numbers
    are only sought for labels that hold theirs.

    What a component misses may be out of its reach in this history; then the member falls out in the
    end, and unless `every` one is asked for, nothing is sought for it in the components that follow.
    """
    layout = plan.layout
    members = len(next(iter(cells.values())))
    values = {
        block.name: np.zeros((members, plan.patients))
        for block in layout.blocks.values()
        if block.kind == "number"
    }
    spoken = [
        ({layout.source[name] for name in t.estimand.variables} - set(built), t)
        for t in plan.targets
    ]
    about_labels = set(_about_labels(plan, built))
    together: list[str] = []
    for component in plan.components:
        mine = set(component.blocks) - set(built)
        touching = [(blocks, t) for blocks, t in spoken if blocks & mine]
        own = [t for _, t in touching]
        if any(not blocks <= mine for blocks, _ in touching):
            together += mine
            continue
        of_labels = [t for t in own if t in about_labels]
        rows = among
        for turn in range(REPAIRS + 1 if rows.size else 0):
            part = {name: history.take(rows) for name, history in built.items()}
            again = Labels(layout, {name: codes[rows] for name, codes in given.codes.items()})
            if turn:
                wanted = cells[component.blocks][rows]
                again.codes.update(
                    assignment.assign(component, wanted, layout, part, list(plan.aside), rng)
                )
                labels.fit([component], again, of_labels, part, rng)
                for name in mine & set(given.codes):
                    given.codes[name][rows] = again.codes[name]
            good = _held(of_labels, assignment.ensemble_of(again, part, layout))
            if mine & set(values) and good.any():
                fit = np.flatnonzero(good)
                part = {name: history.take(fit) for name, history in part.items()}
                again = Labels(layout, {name: codes[fit] for name, codes in again.codes.items()})
                found = numbers.fill(again, part, own, plan.published, rng, among=component.blocks)
                for name, value in found.items():
                    values[name][rows[fit]] = value
                good[fit] = _held(own, _ensemble(plan, again, found, part))
            rows = rows[~good]
            if not rows.size:
                break
        if not every:
            among = np.setdiff1d(among, rows)
    if set(together) & set(values):
        targets = list(plan.targets)
        values |= numbers.fill(given, built, targets, plan.published, rng, among=tuple(together))
    return values


def _held(targets: list[Target], ensemble: Ensemble) -> np.ndarray:
    """Which members (M,) hold all of some targets."""
    good = np.ones(ensemble.shape[0], dtype=bool)
    for target in targets:
        good &= target.holds(target.evaluate(ensemble))
    return good


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


def join(parts: list[Ensemble], protocol: Protocol) -> Ensemble:
    def joined(name: str) -> dict[str, np.ndarray]:
        arrays = [getattr(part, name) for part in parts]
        return {key: np.concatenate([a[key] for a in arrays]) for key in arrays[0]}

    return Ensemble(protocol, joined("codes"), joined("numbers"), joined("times"), joined("events"))
