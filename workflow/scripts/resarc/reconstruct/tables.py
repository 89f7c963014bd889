"""Joint counts that figures beside counts can be met with.

A test of a cross table depends on the counts alone. A Kaplan-Meier rate of a small group takes few
values, which ones its number of patients and events decides: of seven patients who are all followed up
no three quarters live on. Counts drawn without looking at these figures seldom go with them, and no
exchange of labels and no other history mends that. So a drawn table is walked, patient by patient
through tables that meet all printed counts, until no such figure excludes it (simulated annealing).
Only what is impossible is excluded: no table that data could have is left out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from resarc.ensemble import Ensemble
from resarc.protocol import Protocol
from resarc.published import Range
from resarc.reconstruct.counts import Component, kept_rows
from resarc.reconstruct.layout import Layout
from resarc.reconstruct.targets import Target, distance, inside
from resarc.survival.kaplan_meier import limits

TESTS = ("chi2_p", "chi2_yates_p", "fisher_p", "trend_p")
"""Statistics that the counts of categories decide."""

LARGEST = 16
"""In larger groups a rate takes so many values that hardly a printed one excludes a size."""

CELLS = 20_000
"""Tables of more cells are left as they were drawn."""

# Of speed only.
STEPS, WAYS = 150, 32
HOT, COLD = 0.5, 0.05

Cost = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Screen:
    """What is asked of the tables (K, C) of a component: each cost is (K,), 0 where a figure can be met."""

    component: Component
    rows: np.ndarray
    costs: tuple[Cost, ...]

    def cost(self, tables: np.ndarray) -> np.ndarray:
        return sum((cost(tables) for cost in self.costs), np.zeros(len(tables)))

    def fits(self, tables: np.ndarray) -> np.ndarray:
        """Which tables (K,) meet the printed counts."""
        above = tables @ self.component.above[self.rows].T >= -1e-9
        below = tables @ self.component.below[self.rows].T <= 1e-9
        return above.all(axis=1) & below.all(axis=1)


def screen(
    component: Component, targets: list[Target], layout: Layout, without: list[Target]
) -> Screen | None:
    """The screen of a component; None where no target asks anything of its tables."""
    costs = []
    for target in targets:
        cost = _of_test(target, component, layout) or _of_group(target, component, layout)
        costs += [cost] if cost else []
    if not costs or not 1 < len(component.cells) <= CELLS:
        return None
    return Screen(component, np.array(kept_rows(component, without), dtype=int), tuple(costs))


def walked(
    asked: Screen, table: np.ndarray, rng: np.random.Generator, kinds: np.ndarray | None = None
) -> np.ndarray:
    """The table (C,) after a walk to one that the screen lets through, or as near as it came. `kinds`
    (C,): patients only go from a cell to another of the same kind."""
    kinds = np.zeros(len(table), dtype=int) if kinds is None else kinds
    best, least = table, float(asked.cost(table[None])[0])
    for step in range(STEPS):
        if least == 0.0:
            break
        tables = np.repeat(table[None], WAYS, axis=0)
        of_patient = np.repeat(np.arange(len(table)), table)
        for share in (1.0, 0.5):  # one patient goes to another cell, or two do
            start = of_patient[rng.integers(0, len(of_patient), WAYS)]
            end = rng.integers(0, len(table), WAYS)
            moves = np.flatnonzero((kinds[start] == kinds[end]) & (rng.random(WAYS) < share))
            tables[moves, start[moves]] -= 1
            tables[moves, end[moves]] += 1
        tables = tables[(tables >= 0).all(axis=1) & asked.fits(tables)]
        if not len(tables):
            continue
        costs = asked.cost(tables)
        # One of them, the nearer the likelier: Gumbel's noise makes a softmax of a maximum.
        heat = HOT * (COLD / HOT) ** (step / STEPS)
        table = tables[(rng.gumbel(size=len(costs)) - costs / heat).argmax()]
        if costs.min() < least:
            best, least = tables[costs.argmin()], float(costs.min())
    return best


def _of_test(target: Target, component: Component, layout: Layout) -> Cost | None:
    """How far tables are from a test of a cross table."""
    e = target.estimand
    blocks = {layout.source[name] for name in e.variables}
    within = blocks <= set(component.blocks)
    if e.statistic not in TESTS or not within or blocks & set(layout.protocol.endpoint_names):
        return None

    def cost(tables: np.ndarray) -> np.ndarray:
        patients = int(tables[0].sum())
        places = np.tile(np.arange(tables.shape[1]), len(tables))
        cell = np.repeat(places, tables.ravel()).reshape(len(tables), patients)
        found = Ensemble(layout.protocol, {}, {}, {}, {})
        for block in blocks:
            layout.show(found, block, component.cells[:, component.blocks.index(block)][cell])
        return distance(target, target.evaluate(found), patients)

    return cost


def _of_group(target: Target, component: Component, layout: Layout) -> Cost | None:
    """Whether a rate, a share or a median of a group can be as printed, by its number of patients and, where the
    component has it, of events."""
    e, protocol = target.estimand, layout.protocol
    if (
        e.statistic not in ("survival", "crude_rate", "median")
        or e.subject not in protocol.endpoint_names
    ):
        return None
    blocks = {layout.source[condition.variable] for condition in e.where}
    if not blocks <= set(component.blocks) or not (e.where or e.subject in component.blocks):
        return None
    within = np.ones(len(component.cells), dtype=bool)
    for condition in e.where:
        block = layout.of(condition.variable)
        codes = block.codes_where(condition, protocol)
        within &= codes[component.cells[:, component.blocks.index(block.name)]]
    dead = None
    if e.subject in component.blocks:
        dead = within & (component.cells[:, component.blocks.index(e.subject)] == 0)

    def cost(tables: np.ndarray) -> np.ndarray:
        sizes = tables[:, within].sum(axis=1)
        events = tables[:, dead].sum(axis=1) if dead is not None else np.full(len(tables), -1)
        known: dict[tuple[int, int], bool] = {}
        for pair in set(zip(sizes.tolist(), events.tolist(), strict=True)):
            known[pair] = possible(target, *pair, protocol)
        pairs = zip(sizes.tolist(), events.tolist(), strict=True)
        return np.array([0.0 if known[pair] else 1.0 for pair in pairs])

    return cost


def possible(target: Target, patients: int, events: int, protocol: Protocol) -> bool:
    """Whether a group of so many patients, so many of them with an event (-1: any number), can print a
    rate or a median."""
    if patients == 0 or (events == 0 and target.estimand.statistic == "median"):
        return False
    if target.estimand.statistic == "median" or patients > LARGEST:
        return True
    if target.estimand.statistic == "crude_rate":
        return bool(inside(np.arange(patients + 1) / patients, target.value).any())
    conventions = protocol.conventions
    reached = _rates(
        target.value,
        target.lower,
        target.upper,
        conventions.survival_interval,
        conventions.level,
        patients,
    )
    if events < 0:
        return any(dead + lost <= patients for dead, lost in reached)
    return any(dead <= events and lost <= patients - events for dead, lost in reached)


@lru_cache(maxsize=4096)
def _rates(
    value: Range,
    lower: Range | None,
    upper: Range | None,
    interval: str,
    level: float,
    patients: int,
) -> frozenset[tuple[int, int]]:
    """How many of so many patients may have died and been lost before a time at which the curve, and
    its limits, print so.

    Each order of deaths and losses gives a curve and a sum of Greenwood's; patients who die on one day
    give the same as one after the other.
    """
    curves = {(0, 0): (np.ones(1), np.zeros(1))}
    found = set()
    for gone in range(patients + 1):
        for dead in range(gone + 1):
            lost = gone - dead
            if gone:
                parts = []
                if dead:
                    s, greenwood = curves[dead - 1, lost]
                    at_risk = patients - gone + 1
                    with np.errstate(divide="ignore"):
                        term = 1.0 / np.float64(at_risk * (at_risk - 1))
                    parts.append((s * (at_risk - 1) / at_risk, greenwood + term))
                if lost:
                    parts.append(curves[dead, lost - 1])
                both = np.concatenate([np.stack(part) for part in parts], axis=1)
                _, first = np.unique(np.round(both, 12), axis=1, return_index=True)
                curves[dead, lost] = (both[0][first], both[1][first])
            s, greenwood = curves[dead, lost]
            held = inside(s, value)
            if gone == patients:  # nobody is left: the curve is only known if it is 0
                held &= s <= 1e-12
            if lower is not None or upper is not None:
                with np.errstate(divide="ignore", invalid="ignore"):
                    ends = limits(s, np.sqrt(greenwood), interval, level)
                for end, allowed in zip(ends, (lower, upper), strict=True):
                    held &= inside(end, allowed) if allowed is not None else True
            if held.any():
                found.add((dead, lost))
    return frozenset(found)
