"""Assignment: which patient of a history gets which combination of codes at first.

Joint counts say how many patients have each combination; here the combinations are given to
patients whose events and pins allow them. `labels` then exchanges them until tests and rates come
out as printed.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from resarc.ensemble import Ensemble
from resarc.reconstruct.counts import Component, draw
from resarc.reconstruct.histories import History, months
from resarc.reconstruct.layout import Layout
from resarc.reconstruct.tables import Screen, walked
from resarc.reconstruct.targets import Target


@dataclass
class Labels:
    """Codes (M, n) of every block that is no endpoint."""

    layout: Layout
    codes: dict[str, np.ndarray] = field(default_factory=dict)


def assign(
    component: Component,
    cells: np.ndarray,
    layout: Layout,
    histories: dict[str, History],
    without: list[Target],
    rng: np.random.Generator,
    asked: Screen | None = None,
) -> dict[str, np.ndarray]:
    """Codes (M, n) of a component's blocks from cell counts (M, C), pinned patients first.

    Where the counts' combinations of events do not fit a member's histories, counts that do are
    drawn anew; `asked` is what other figures ask of them.
    """
    members = len(cells)
    patients = len(next(iter(histories.values())).days[0]) if histories else int(cells[0].sum())
    events = [
        k for k, name in enumerate(component.blocks) if layout.blocks[name].kind == "endpoint"
    ]
    # 0 event, 1 censored, 2 an event that another endpoint shares
    own = component.cells[:, events].copy()
    for name, (_, cells_of) in component.same_event.items():
        own[cells_of, events.index(component.blocks.index(name))] = 2
    chosen = np.empty((members, patients), dtype=np.int64)
    needs = _needs(component, layout, histories)
    # Each combination of them is a number to the base of three.
    place = 3 ** np.arange(len(events))[::-1]
    own = own @ place
    codes = [_event_codes(histories[component.blocks[k]]) for k in events]
    flags = sum((c * p for c, p in zip(codes, place, strict=True)), np.zeros_like(chosen))
    bound = np.zeros(chosen.shape, dtype=bool)
    for pins, ok in needs:
        telling = ok.any(axis=1) & ~ok.all(axis=1)
        bound |= (pins >= 0) & telling[pins]
    for m in range(members):
        left = cells[m].copy()
        kinds, kind = np.unique(flags[m], return_inverse=True)
        of_kind = [own == k for k in kinds]
        have = np.bincount(kind, minlength=len(kinds))
        if len(events) > 1 and [int(left[c].sum()) for c in of_kind] != have.tolist():
            fixed = [(c.astype(float), int(k)) for c, k in zip(of_kind, have, strict=True)]
            again = draw(component, without, patients, rng, fixed)
            if again is not None:
                of = np.argmax([*of_kind, np.ones(len(left), dtype=bool)], axis=0)
                left = walked(asked, again, rng, of) if asked else again
        patients_left = rng.permutation(patients)
        pinned = [p for p in patients_left if bound[m, p]]
        free = [p for p in patients_left if not bound[m, p]]
        pools: dict[int, list[int]] = {}
        for p in pinned:
            fits = of_kind[kind[p]] & (left > 0)
            for pins, ok in needs:
                if pins[m, p] >= 0:
                    fits &= ok[pins[m, p]]
            options = np.flatnonzero(fits)
            if not options.size:
                options = np.flatnonzero(of_kind[kind[p]] & (left > 0))
            if not options.size:
                options = np.flatnonzero(left > 0)
            chosen[m, p] = rng.choice(options, p=left[options] / left[options].sum())
            left[chosen[m, p]] -= 1
        for k, cells_of in enumerate(of_kind):
            where = np.flatnonzero(cells_of)
            pools[k] = rng.permutation(np.repeat(where, left[where])).tolist()
        other = np.flatnonzero(~np.any(of_kind, axis=0))  # of kinds that no patient is of
        spare = rng.permutation(np.repeat(other, left[other])).tolist()
        waiting = []
        for p in free:
            if pools[kind[p]]:
                chosen[m, p] = pools[kind[p]].pop()
            else:
                waiting.append(p)
        for pool in pools.values():
            spare += pool
        for p in waiting:  # the member will fail its targets and be replaced
            chosen[m, p] = spare.pop()
    return {
        name: component.cells[:, k][chosen]
        for k, name in enumerate(component.blocks)
        if layout.blocks[name].kind != "endpoint"
    }


def _event_codes(history: History) -> np.ndarray:
    return np.where(history.shared, 2, np.where(history.event, 0, 1))


def _needs(
    component: Component, layout: Layout, histories: dict[str, History]
) -> list[tuple[np.ndarray, np.ndarray]]:
    """For each endpoint: pins (M, n), and which cells (pins, C) each pin allows."""
    found = []
    for history in histories.values():
        allowed = np.ones((len(history.pinned), len(component.cells)), dtype=bool)
        for k, pin in enumerate(history.pinned):
            for condition in pin.where:
                block = layout.of(condition.variable)
                if block.name in component.blocks:
                    codes = block.codes_where(condition, layout.protocol)
                    allowed[k] &= codes[component.cells[:, component.blocks.index(block.name)]]
        if not allowed.all():
            found.append((history.pins, allowed))
    return found


def ensemble_of(labels: Labels, histories: dict[str, History], layout: Layout) -> Ensemble:
    """The ensemble so far: labels and histories, no numbers."""
    ensemble = Ensemble(
        layout.protocol,
        {},
        {},
        {name: months(h.days) for name, h in histories.items()},
        {name: h.event for name, h in histories.items()},
    )
    for name, codes in labels.codes.items():
        layout.show(ensemble, name, codes)
    return ensemble
