"""Joint counts: how many patients have which combination of codes.

Blocks that a printed count, share or constraint ties together form a component; each combination
of their codes is a cell. The printed counts are linear in the cells, so that an integer programme
(HiGHS) finds cell counts that satisfy all of them, or the fewest figures that must be set aside.
Members differ by random objectives within what is feasible.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product

import numpy as np

from resarc.errors import ReconstructionError
from resarc.protocol import Constraint
from resarc.reconstruct.layout import Layout
from resarc.reconstruct.targets import Target, conditions_on

COUNTS = ("n", "events", "proportion")


@dataclass(frozen=True)
class Component:
    """Blocks whose joint distribution is constrained.

    `cells` (C, blocks) holds the codes of each cell that the constraints allow, `rows` the target
    of each linear constraint, `above` and `below` (R, C) their coefficients: every row demands
    above @ x >= 0 and below @ x <= 0 after the total is put in. `linked` lists sets of blocks that
    one count speaks of, so that they may only be permuted together. `same_event` maps an endpoint
    to the cells (C,) in which its event can only be that of another endpoint, given beside it: who
    died without recurrence or metastasis ended disease-free survival by dying.
    """

    blocks: tuple[str, ...]
    cells: np.ndarray
    rows: tuple[Target, ...]
    above: np.ndarray
    below: np.ndarray
    linked: tuple[frozenset[str], ...]
    same_event: dict[str, tuple[str, np.ndarray]]

    def allowed(self) -> np.ndarray:
        """Table over all combinations of codes: which are cells."""
        shape = self.cells.max(axis=0) + 1 if len(self.cells) else np.zeros(len(self.blocks), int)
        table = np.zeros(shape, dtype=bool)
        table[tuple(self.cells.T)] = True
        return table


def is_count(target: Target) -> bool:
    return target.estimand.statistic in COUNTS


def components(layout: Layout, targets: list[Target], patients: int) -> list[Component]:
    """The components of a study, every block in exactly one."""
    protocol = layout.protocol
    counts = [t for t in targets if is_count(t)]
    constraints = protocol.reconstruction.constraints if protocol.reconstruction else ()
    ties = [frozenset(_blocks_of_count(t, layout)) for t in counts]
    ties += [frozenset(_blocks_of_constraint(c, layout)) for c in constraints]
    parent = {name: name for name in layout.blocks}

    def find(name: str) -> str:
        while parent[name] != name:
            name = parent[name]
        return name

    for tie in ties:
        names = sorted(tie)
        for other in names[1:]:
            parent[find(other)] = find(names[0])
    groups: dict[str, list[str]] = {}
    for name in layout.blocks:
        groups.setdefault(find(name), []).append(name)
    return [
        _component(tuple(names), layout, targets, constraints, patients)
        for names in groups.values()
    ]


def _blocks_of_count(target: Target, layout: Layout) -> set[str]:
    names = {layout.source[c.variable] for c in conditions_on(target.estimand)}
    if target.estimand.statistic == "proportion":
        names.add(layout.source[target.estimand.subject])
    return names


def _blocks_of_constraint(constraint: Constraint, layout: Layout) -> set[str]:
    if constraint.implies:
        return {layout.source[rule.variable] for rule in constraint.implies}
    pair = constraint.equal or constraint.at_most or ()
    if pair and all(layout.blocks[layout.source[n]].kind == "number" for n in pair):
        return {layout.source[n] for n in (*pair, *(rule.variable for rule in constraint.among))}
    if constraint.same_end:  # who is censored for the first is censored for the second
        return set(constraint.same_end)
    return set()


def _component(
    names: tuple[str, ...],
    layout: Layout,
    targets: list[Target],
    constraints: tuple[Constraint, ...],
    patients: int,
) -> Component:
    counts = [t for t in targets if is_count(t)]
    blocks = [layout.blocks[name] for name in names]
    sizes = [block.size for block in blocks]
    if np.prod([float(s) for s in sizes]) > 500_000:
        raise ReconstructionError(
            f"variables {', '.join(names)}",
            f"{np.prod([float(s) for s in sizes]):.0f} combinations of their levels tied together by counts",
            "at most 500000",
            "Print fewer cross tables or collapse levels in the protocol.",
        )
    cells = np.array(list(product(*(range(s) for s in sizes))), dtype=np.int64).reshape(
        -1, len(names)
    )
    keep = np.ones(len(cells), dtype=bool)
    for constraint in constraints:
        if _blocks_of_constraint(constraint, layout) & set(names):
            keep &= _permitted(constraint, names, cells, layout)
    cells = cells[keep]
    rows, above, below = [], [], []
    linked = set()
    for target in counts:
        tied = _blocks_of_count(target, layout)
        if not tied or not tied <= set(names):
            continue
        if len(tied) > 1:
            linked.add(frozenset(tied))
        part = np.ones(len(cells), dtype=bool)
        for condition in conditions_on(target.estimand):
            part &= _meets(condition.variable, condition.level, names, cells, layout)
        if target.estimand.statistic == "proportion":
            level = str(target.estimand.argument)
            hit = part & _meets(target.estimand.subject, level, names, cells, layout)
            lower, upper = target.value.lower, target.value.upper
            rows.append(target)
            above.append(hit - max(lower, 0.0) * part)
            below.append(hit - min(upper, 1.0) * part)
        else:
            lower = max(np.ceil(target.value.lower - 1e-9), 0)
            upper = min(np.floor(target.value.upper + 1e-9), patients)
            rows.append(target)
            above.append(part - lower / patients)  # the cells add up to all patients
            below.append(part - upper / patients)
    for target, hit_below, hit_above in _medians(names, cells, layout, targets):
        # Less than half, so that the two values in the middle of an even number may be the median.
        most = (patients - 1) // 2 / patients
        rows.append(target)
        above.append(most - hit_below)
        below.append(hit_above - most)
    width = (0, len(cells))
    return Component(
        names,
        cells,
        tuple(rows),
        np.array(above, dtype=float) if above else np.zeros(width),
        np.array(below, dtype=float) if below else np.zeros(width),
        tuple(sorted(linked, key=sorted)),
        _same_event(names, cells, layout),
    )


def _medians(
    names: tuple[str, ...], cells: np.ndarray, layout: Layout, targets: list[Target]
) -> list[tuple[Target, np.ndarray, np.ndarray]]:
    """Printed medians of numbers with cut-points: the cells whose bin lies below the median, and
    those above it; neither may hold half of the patients or more."""
    found = []
    for target in targets:
        e = target.estimand
        if e.statistic != "median" or e.where or e.subject not in names or target.claim:
            continue
        block = layout.blocks[e.subject]
        if block.kind != "number" or block.size < 2:
            continue
        code = cells[:, names.index(e.subject)]
        edges = np.array(block.edges)
        hit_below = (edges[1:] <= target.value.lower)[code].astype(float)
        hit_above = (edges[:-1] > target.value.upper)[code].astype(float)
        found.append((target, hit_below, hit_above))
    return found


def _same_event(
    names: tuple[str, ...], cells: np.ndarray, layout: Layout
) -> dict[str, tuple[str, np.ndarray]]:
    """For endpoints whose events include all of another's with the same origin: cells in which a
    rule of the protocol rules out every other event date."""
    protocol = layout.protocol
    found = {}
    for name in names:
        if layout.blocks[name].kind != "endpoint":
            continue
        endpoint = protocol.endpoint(name)
        for other in (
            protocol.endpoint(n) for n in names if n in protocol.endpoint_names and n != name
        ):
            if endpoint.origin != other.origin or not set(other.events) < set(endpoint.events):
                continue
            part = (cells[:, names.index(name)] == 0) & (cells[:, names.index(other.name)] == 0)
            for date in set(endpoint.events) - set(other.events):
                part &= _ruled_out(date, names, cells, layout)
            if part.any():
                found[name] = (other.name, part)
    return found


def _ruled_out(date: str, names: tuple[str, ...], cells: np.ndarray, layout: Layout) -> np.ndarray:
    """Cells in which a rule says that a date is missing."""
    absent = np.zeros(len(cells), dtype=bool)
    for rule in layout.protocol.rules:
        if not any(c.variable == date and c.present is False for c in rule.then):
            continue
        blocks = [layout.source.get(c.variable) for c in rule.when]
        if any(b not in names for b in blocks):
            continue
        meets = np.ones(len(cells), dtype=bool)
        for condition in rule.when:
            block = layout.of(condition.variable)
            codes = block.codes_meeting(condition, layout.protocol)
            meets &= codes[cells[:, names.index(block.name)]]
        absent |= meets
    return absent


def _meets(
    variable: str, level: str, names: tuple[str, ...], cells: np.ndarray, layout: Layout
) -> np.ndarray:
    block = layout.of(variable)
    code = layout.protocol.levels(variable).index(level)
    return (block.views[variable] == code)[cells[:, names.index(block.name)]]


def _permitted(
    constraint: Constraint, names: tuple[str, ...], cells: np.ndarray, layout: Layout
) -> np.ndarray:
    """Which cells a constraint allows."""
    protocol = layout.protocol

    def meets(rule: object) -> np.ndarray:
        block = layout.of(rule.variable)
        return block.codes_meeting(rule, protocol)[cells[:, names.index(block.name)]]

    if constraint.implies:
        first, *others = constraint.implies
        return ~meets(first) | np.any([meets(rule) for rule in others], axis=0)
    if constraint.same_end:
        first, second = (cells[:, names.index(name)] for name in constraint.same_end)
        return (first == 0) | (second == 1)
    a, b = (layout.of(name) for name in constraint.equal or constraint.at_most)
    i, j = cells[:, names.index(a.name)], cells[:, names.index(b.name)]
    lower_a, upper_a = np.array(a.edges[:-1])[i], np.array(a.edges[1:])[i]
    lower_b, upper_b = np.array(b.edges[:-1])[j], np.array(b.edges[1:])[j]
    bound = np.ones(len(cells), dtype=bool)
    for rule in constraint.among:
        bound &= meets(rule)
    if constraint.equal:
        possible = np.maximum(lower_a, lower_b) < np.minimum(upper_a, upper_b)
    else:
        possible = lower_a < upper_b
    return ~bound | possible


# --- solving ------------------------------------------------------------------------------------


def set_aside(component: Component, patients: int) -> list[Target]:
    """The fewest count targets without which the others can hold together; counts weigh more than
    the percentages printed beside them, and printed figures more than claims."""
    if not component.rows:
        return []
    from scipy.optimize import Bounds, LinearConstraint, milp

    cells, rows = len(component.cells), len(component.rows)
    weights = np.array([weight(t) for t in component.rows])
    slack = np.eye(rows) * (patients + 1.0)
    constraints = [
        LinearConstraint(np.hstack([np.ones((1, cells)), np.zeros((1, rows))]), patients, patients),
        LinearConstraint(np.hstack([component.above, slack]), -1e-9, np.inf),
        LinearConstraint(np.hstack([component.below, -slack]), -np.inf, 1e-9),
    ]
    found = milp(
        np.concatenate([np.zeros(cells), weights]),
        constraints=constraints,
        integrality=np.ones(cells + rows),
        bounds=Bounds(0, np.concatenate([np.full(cells, patients), np.ones(rows)])),
    )
    if found.x is None:
        raise ReconstructionError(
            f"variables {', '.join(component.blocks)}",
            "constraints of the protocol that no patients can meet",
            "at least one combination of levels",
            "Look at reconstruction.constraints.",
        )
    return [t for t, off in zip(component.rows, found.x[cells:], strict=True) if off > 0.5]


def feasible_rows(component: Component, rows: list[int], patients: int) -> bool:
    """Whether whole numbers of patients meet these rows (indices). Combinations of levels that the
    rows treat alike are counted together."""
    if not rows:
        return True
    from scipy.optimize import Bounds, LinearConstraint, milp

    both = np.unique(np.vstack([component.above[rows], component.below[rows]]), axis=1)
    above, below = both[: len(rows)], both[len(rows) :]
    kinds = both.shape[1]
    found = milp(
        np.zeros(kinds),
        constraints=[
            LinearConstraint(np.ones((1, kinds)), patients, patients),
            LinearConstraint(above, -1e-9, np.inf),
            LinearConstraint(below, -np.inf, 1e-9),
        ],
        integrality=np.ones(kinds),
        bounds=Bounds(0, patients),
    )
    return found.x is not None


def nearest_share(
    component: Component, row: int, others: list[int], patients: int
) -> tuple[int, int] | None:
    """Numerator and denominator of the share nearest to the middle of a printed one (row), among
    whole numbers of patients that meet the other rows; None where the row is no share."""
    target = component.rows[row]
    low, high = max(target.value.lower, 0.0), min(target.value.upper, 1.0)
    if target.estimand.statistic != "proportion" or high <= low:
        return None
    from scipy.optimize import Bounds, LinearConstraint, milp

    rows = [row, *others]
    both = np.unique(np.vstack([component.above[rows], component.below[rows]]), axis=1)
    above, below = both[: len(rows)], both[len(rows) :]
    kinds = both.shape[1]
    part = (above[0] - below[0]) / (high - low)
    hit = above[0] + low * part
    off = hit - (low + high) / 2 * part
    one, zero = np.ones((1, 1)), np.zeros((len(others), 1))
    found = milp(
        np.append(np.zeros(kinds), 1.0),
        constraints=[
            LinearConstraint(np.append(np.ones(kinds), 0.0), patients, patients),
            LinearConstraint(np.append(part, 0.0), 1, patients),
            LinearConstraint(np.hstack([off[None], -one]), -np.inf, 0),
            LinearConstraint(np.hstack([-off[None], -one]), -np.inf, 0),
            LinearConstraint(np.hstack([above[1:], zero]), -1e-9, np.inf),
            LinearConstraint(np.hstack([below[1:], zero]), -np.inf, 1e-9),
        ],
        integrality=np.append(np.ones(kinds), 0),
        bounds=Bounds(0, patients),
    )
    if found.x is None:
        return None
    numbers = np.rint(found.x[:kinds])
    return round(float(hit @ numbers)), round(float(part @ numbers))


def weight(target: Target) -> float:
    """How much a figure counts when some must be set aside."""
    if target.claim:
        return 0.1
    return 1.0 if target.estimand.statistic == "proportion" else 10.0


def draws(
    component: Component,
    without: list[Target],
    patients: int,
    rng: np.random.Generator,
    members: int,
) -> np.ndarray | None:
    """Random solutions (M, C): patients in each cell; None if there is none.

    Each is the solution nearest to a random table, whose margins are drawn uniformly on the simplex, so
    that what is not printed spreads over all that is possible.
    """
    exact = _exact(component, without, patients)
    if exact is not None:
        return np.tile(exact, (members, 1))
    demands = _demands(component, kept_rows(component, without), patients)
    found = [_nearest(component, demands, patients, rng) for _ in range(members)]
    return None if any(drawn is None for drawn in found) else np.stack(found)


def draw(
    component: Component,
    without: list[Target],
    patients: int,
    rng: np.random.Generator,
    fixed: list[tuple[np.ndarray, int]],
) -> np.ndarray | None:
    """One of `draws` (C,) with so many patients in the cells of each indicator (C,) of `fixed`."""
    demands = _demands(component, kept_rows(component, without), patients, fixed)
    return _nearest(component, demands, patients, rng)


@dataclass(frozen=True)
class _Demands:
    """What the counts of a component must come to: coefficients (R, C), the least and the most (R,); `alike`
    (C,) are the same for cells that all rows treat alike."""

    rows: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    alike: np.ndarray


def _nearest(
    component: Component, demands: _Demands, patients: int, rng: np.random.Generator
) -> np.ndarray | None:
    """The solution (C,) nearest to a random table."""
    from scipy.optimize import Bounds, LinearConstraint, milp
    from scipy.sparse import csc_array

    cells = len(component.cells)
    weight = np.ones(cells)
    for k in range(len(component.blocks)):
        share = rng.dirichlet(np.ones(component.cells[:, k].max() + 1))
        weight *= share[component.cells[:, k]]
    wish = rng.multinomial(patients, weight / weight.sum())
    now = demands.rows @ wish
    lower, upper = demands.lower - now, demands.upper - now
    if (lower <= 1e-9).all() and (upper >= -1e-9).all():
        return wish
    rows = np.vstack([np.ones((1, cells)), demands.rows])
    lower, upper = np.append(0, lower), np.append(0, upper)
    # Patients come to a cell or leave one where somebody is; of cells that the rows treat alike they come to
    # the cheapest.
    price = rng.uniform(0.9, 1.1, cells)
    order = np.argsort(price)
    come = order[np.unique(demands.alike[order], return_index=True)[1]]
    leave = np.flatnonzero(wish)
    # The nearest table is most often one of whole numbers without being asked to be.
    for whole in (0, 1):
        found = milp(
            np.concatenate([price[come], price[leave]]),
            constraints=LinearConstraint(
                csc_array(np.hstack([rows[:, come], -rows[:, leave]])), lower, upper
            ),
            integrality=np.full(len(come) + len(leave), whole),
            bounds=Bounds(0, np.concatenate([np.full(len(come), patients), wish[leave]])),
            options={"mip_rel_gap": 0.3} if whole else {},  # near the wish is enough
        )
        if found.x is not None and np.abs(found.x - np.rint(found.x)).max() < 1e-5:
            break
    else:
        return None
    moved = np.rint(found.x).astype(np.int64)
    drawn = wish.copy()
    drawn[come] += moved[: len(come)]
    drawn[leave] -= moved[len(come) :]
    return drawn


def kept_rows(component: Component, without: list[Target]) -> list[int]:
    """Places of a component's rows that are not left out."""
    return [k for k, target in enumerate(component.rows) if target not in without]


def _demands(
    component: Component,
    kept: list[int],
    patients: int,
    fixed: Iterable[tuple[np.ndarray, int]] = (),
) -> _Demands:
    """The rows that are kept, as few and as empty as they can be.

    A share of a group whose size is printed is a number of patients, so that most rows ask for whole
    numbers of patients in some of the cells.
    """
    above, below = component.above[kept], component.below[kept]
    cells = above.shape[1]
    part = np.zeros((len(kept), cells), dtype=bool)
    ends = np.zeros((len(kept), 2))
    sizes = {np.ones(cells, dtype=bool).tobytes(): patients}
    for k, target in enumerate(component.rows[k] for k in kept):
        if target.estimand.statistic in ("n", "events"):
            part[k] = above[k] > above[k].min()
            ends[k] = np.ceil(target.value.lower - 1e-9), np.floor(target.value.upper + 1e-9)
            if ends[k, 0] == ends[k, 1] and part[k].any():
                sizes[part[k].tobytes()] = int(ends[k, 0])
    for k, target in enumerate(component.rows[k] for k in kept):
        among = above[k] != below[k]
        size = sizes.get(among.tobytes())
        if target.estimand.statistic == "proportion" and size:
            part[k] = among & (above[k] > above[k].min(where=among, initial=np.inf))
            ends[k] = (
                np.ceil(max(target.value.lower, 0.0) * size - 1e-9),
                np.floor(min(target.value.upper, 1.0) * size + 1e-9),
            )
    counted = part.any(axis=1)
    others = ~counted
    rows = np.vstack([part[counted], above[others], below[others]])
    free = np.full(others.sum(), np.inf)
    lower = np.concatenate([ends[counted, 0], np.full(len(free), -1e-9), -free])
    upper = np.concatenate([ends[counted, 1], free, np.full(len(free), 1e-9)])
    rows = np.vstack([rows, *(part[None] for part, _ in fixed)])
    totals = [float(total) for _, total in fixed]
    alike = np.unique(rows, axis=1, return_inverse=True)[1].ravel()
    return _Demands(rows, np.append(lower, totals), np.append(upper, totals), alike)


def _exact(component: Component, without: list[Target], patients: int) -> np.ndarray | None:
    """The counts of a single category whose every level is printed; None for anything else."""
    if len(component.blocks) > 1:
        return None
    counts = np.full(len(component.cells), -1)
    for target, above in zip(component.rows, component.above, strict=True):
        if target.estimand.statistic == "n" and target not in without and not target.claim:
            hit = above > above.min()
            whole = np.ceil(target.value.lower - 1e-9)
            if hit.sum() == 1 and whole == np.floor(target.value.upper + 1e-9):
                counts[hit] = int(whole)
    if (counts == -1).sum() == 1:
        counts[counts == -1] = patients - counts[counts >= 0].sum()
    return counts if (counts >= 0).all() and counts.sum() == patients else None
