"""Labels: which patient of a history has which codes, so that all subgroups come out as printed.

Here figures about subgroups become arrays, and `exchanges.search` works on one dataset after the
other. Statistics that it does not compute (`COMPILED` lists those that it does) are met by chance:
the search is repeated from elsewhere until they hold as well.
"""

from __future__ import annotations

import numpy as np
from scipy.special import ndtri

from resarc.estimand import DAYS_PER_MONTH
from resarc.protocol import Protocol
from resarc.published import Range
from resarc.reconstruct import distances, exchanges
from resarc.reconstruct.assignment import Labels, ensemble_of
from resarc.reconstruct.counts import Component
from resarc.reconstruct.distances import Problem, Timelines
from resarc.reconstruct.histories import History
from resarc.reconstruct.kernels import INTERVALS
from resarc.reconstruct.layout import Layout
from resarc.reconstruct.targets import Target, roots

COMPILED = {
    "logrank_p": distances.LOGRANK,
    "wilcoxon_p": distances.WILCOXON,
    "tarone_ware_p": distances.TARONE_WARE,
    "peto_p": distances.PETO,
    "survival": distances.SURVIVAL,
    "median": distances.MEDIAN,
    "crude_rate": distances.CRUDE,
    "at_risk": distances.AT_RISK,
    "cox_lr_p": distances.COX_LR,
    "cox_p": distances.COX_P,
    "hazard_ratio": distances.HAZARD_RATIO,
    "chi2_p": distances.CHI2,
    "chi2_yates_p": distances.YATES,
    "trend_p": distances.TREND,
}
CROSSED = ("chi2_p", "chi2_yates_p", "trend_p")

NARROW = 5e-4
"""A test whose printed digits leave less room on the scale of its normal deviate comes last."""

CHANCES = 40
"""How often a search is repeated for statistics that it does not aim at."""


def fit(
    components: list[Component],
    labels: Labels,
    targets: list[Target],
    histories: dict[str, History],
    rng: np.random.Generator,
    *,
    rounds: int = exchanges.ROUNDS,
) -> None:
    """Exchange labels, in place, until `targets` hold or the search gives up.

    Components are taken in turn, each with the targets that speak of it and of those before it.
    """
    layout = labels.layout
    done = set(histories)
    for component in components:
        done |= set(component.blocks)
        own = [
            t
            for t in targets
            if (_blocks(t, layout) & set(component.blocks)) - set(histories)
            and _blocks(t, layout) <= done
            and not _fixed_by_counts(t, component, layout)
        ]
        if own and len(component.cells) > 1:
            _fit_component(component, labels, own, histories, rng, rounds)


def _fit_component(
    component: Component,
    labels: Labels,
    targets: list[Target],
    histories: dict[str, History],
    rng: np.random.Generator,
    rounds: int,
) -> None:
    layout = labels.layout
    aimed = [t for t in targets if is_compiled(t, layout)]
    others = [t for t in targets if t not in aimed]
    # What most changes lose comes first, models last: a change is given up at its first loss.
    aimed.sort(key=lambda t: (t.estimand.statistic not in ("median", "survival"), _is_model(t)))
    names = _names(component, targets, layout)
    endpoints = list(histories)
    own_names = [b for b in component.blocks if b in labels.codes]
    arrays = problem(component, own_names, aimed, names, layout, endpoints)
    sorted_by = {e: by_time(histories[e]) for e in endpoints}
    open_codes = _open_codes(names, labels, histories)
    own = [k for k, b in enumerate(component.blocks) if b in labels.codes]
    members = range(len(histories[endpoints[0]].days))
    left = np.ones(len(members), dtype=bool)
    for _ in range(CHANCES if others else 1):
        for m in members:
            if not left[m]:
                continue
            codes = np.stack([_codes(name, labels, histories)[m] for name in names])
            times = Timelines(
                *(np.stack([sorted_by[e][k][m] for e in endpoints]) for k in range(3)),
                np.stack([histories[e].shared[m] for e in component.same_event])
                if component.same_event
                else np.zeros((0, codes.shape[1]), dtype=bool),
            )
            seed = int(rng.integers(0, 2**32))
            exchanges.search(arrays, codes, open_codes[m], times, seed, rounds)
            for k in own:
                labels.codes[names[k]][m] = codes[k]
        if others:
            ensemble = ensemble_of(labels, histories, layout)
            ensemble = ensemble.take(np.arange(len(members)))
            held = np.all([t.holds(t.evaluate(ensemble)) for t in others], axis=0)
            left &= ~held
            if not left.any():
                break


def _blocks(target: Target, layout: Layout) -> set[str]:
    return {layout.source[name] for name in target.estimand.variables}


def _fixed_by_counts(target: Target, component: Component, layout: Layout) -> bool:
    """Whether a target without endpoint depends only on counts that no exchange changes."""
    blocks = _blocks(target, layout)
    return not blocks & set(layout.protocol.endpoint_names) and (
        len(blocks) == 1 or any(blocks <= link for link in component.linked)
    )


def is_compiled(target: Target, layout: Layout) -> bool:
    e, protocol = target.estimand, layout.protocol
    if e.statistic not in COMPILED:
        return False
    factors = [*e.adjusted_for, *([e.by] if e.by else [])]
    if any(protocol.kind(name) == "number" for name in factors):
        return False
    if e.statistic in CROSSED:
        return e.subject not in protocol.endpoint_names
    return e.subject in protocol.endpoint_names


def _is_model(target: Target) -> bool:
    return target.estimand.statistic in ("cox_p", "cox_lr_p", "hazard_ratio") and not is_direction(
        target
    )


def is_direction(target: Target) -> bool:
    """Whether only the side of 1 of an unadjusted hazard ratio of two groups is asked for."""
    e, value = target.estimand, target.value
    return (
        e.statistic == "hazard_ratio"
        and e.contrast is not None
        and not e.adjusted_for
        and target.lower is None
        and target.upper is None
        and (value.lower, value.upper) in ((1.0, np.inf), (-np.inf, 1.0))
    )


def _names(component: Component, targets: list[Target], layout: Layout) -> list[str]:
    """Blocks in the rows of the codes: the component's own, then others that targets speak of."""
    spoken = {name for t in targets for name in _blocks(t, layout)}
    return [*component.blocks, *sorted(spoken - set(component.blocks))]


def _codes(name: str, labels: Labels, histories: dict[str, History]) -> np.ndarray:
    if name in histories:
        return np.where(histories[name].event, 0, 1)
    return labels.codes[name]


def by_time(history: History) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Patients in the order of time, events first, their days and events (all (M, n))."""
    order = np.argsort(history.days * 2 + ~history.event, axis=1, kind="stable")
    return (
        order,
        np.take_along_axis(history.days, order, axis=1),
        np.take_along_axis(history.event, order, axis=1),
    )


def _open_codes(names: list[str], labels: Labels, histories: dict[str, History]) -> np.ndarray:
    """Codes (M, blocks, n, L) that the pins leave to each patient."""
    layout = labels.layout
    widest = max(layout.blocks[name].size for name in names)
    shape = next(iter(histories.values())).days.shape
    found = np.ones((shape[0], len(names), shape[1], widest), dtype=bool)
    for history in histories.values():
        for k, pin in enumerate(history.pinned):
            who = history.pins == k
            for condition in pin.where:
                block = layout.of(condition.variable)
                if block.name in names:
                    fits = np.zeros(widest, dtype=bool)
                    fits[: block.size] = block.codes_where(condition, layout.protocol)
                    found[:, names.index(block.name)][who] &= fits
    return found


# --- targets as arrays --------------------------------------------------------------------------


def problem(
    component: Component,
    own: list[str],
    targets: list[Target],
    names: list[str],
    layout: Layout,
    endpoints: list[str],
) -> Problem:
    """The targets as arrays, `names` being the blocks in the rows of the codes, and what the search
    may do with the component's `own` blocks."""
    protocol = layout.protocol
    count, blocks = len(targets), len(names)
    widest = max([layout.blocks[name].size for name in names] + [1])
    conditions = max([len(t.estimand.where) for t in targets] + [1])
    adjusted = max([len(t.estimand.adjusted_for) for t in targets] + [1])
    degrees = 1 + max([np.prod(_groups(t, protocol)) for t in targets] + [1])
    specs = np.zeros((count, distances.FIRST + conditions + 2 * adjusted), dtype=np.int64)
    specs[:, distances.FIRST :] = -1
    levels = np.full((count, 2 + adjusted, widest), -1)
    meets = np.zeros((count, conditions, widest), dtype=bool)
    ranges = np.full((count, 8), np.nan)
    ranges[:, [distances.TIME, distances.SIGN]] = 0.0
    window = np.zeros((count, 2, degrees))
    window[:, 1] = np.inf
    touched = np.zeros((blocks, count), dtype=bool)

    def row(variable: str) -> int:
        return names.index(layout.source[variable])

    def view(variable: str, wanted: list[int] | None = None) -> np.ndarray:
        """Group of each code: the place of its level in `wanted`, or its level."""
        found = np.full(widest, -1)
        for code, level in enumerate(layout.of(variable).views[variable]):
            if wanted is None:
                found[code] = level
            elif level in wanted:
                found[code] = wanted.index(level)
        return found

    narrow = _narrow(targets, protocol)
    targets = sorted(targets, key=lambda target: target is not narrow)
    for t, target in enumerate(targets):
        e = target.estimand
        kind = distances.SIDE if is_direction(target) else COMPILED[e.statistic]
        specs[t, distances.KIND] = kind
        if narrow is not None and (e.by, e.where) == (narrow.estimand.by, narrow.estimand.where):
            specs[t, distances.NARROW] = 1 if target is narrow else 2
        specs[t, [distances.GROUPS, distances.ROWS]] = _groups(target, protocol)
        if e.subject in endpoints:
            specs[t, distances.ENDPOINT] = endpoints.index(e.subject)
        else:
            specs[t, distances.OTHER], levels[t, 1] = row(e.subject), view(e.subject)
        if e.by:
            specs[t, distances.BY] = row(e.by)
            levels[t, 0] = view(e.by, _order_of_levels(target, protocol))
        for c, condition in enumerate(e.where):
            block = layout.of(condition.variable)
            specs[t, distances.FIRST + c] = names.index(block.name)
            meets[t, c, : block.size] = block.codes_where(condition, protocol)
        for c, name in enumerate(e.adjusted_for):
            place = distances.FIRST + conditions + c
            specs[t, [place, place + adjusted]] = row(name), len(protocol.levels(name))
            levels[t, 2 + c] = view(name)
        if e.kind.argument == "duration":
            ranges[t, distances.TIME] = e.time * DAYS_PER_MONTH + 1e-6
        if kind == distances.SIDE:
            ranges[t, distances.SIGN] = 1.0 if target.value.lower == 1.0 else -1.0
        elif e.kind.scale == "p":
            for df in range(1, degrees):
                window[t, :, df] = roots(target.value, df)
            if kind == distances.LOGRANK and specs[t, distances.GROUPS] == 2:
                ranges[t, distances.SIGN] = _side(target, targets, protocol)
        else:
            for k, allowed in enumerate((target.value, target.lower, target.upper)):
                if allowed is not None:
                    ranges[t, 2 * k : 2 * k + 2] = _ends(allowed, e.statistic)
        touched[:, t] = [name in _blocks(target, layout) for name in names]
    moves = moves_of(component, own, names)
    free = _free(component, own, layout)
    allowed = component.allowed()
    shared_cell = np.zeros((len(component.same_event), allowed.size), dtype=bool)
    for s, (_, part) in enumerate(component.same_event.values()):
        shared_cell[s, np.ravel_multi_index(tuple(component.cells[part].T), allowed.shape)] = True
    strides = [int(np.prod(allowed.shape[k + 1 :])) for k in range(allowed.ndim)]
    conventions = protocol.conventions
    return Problem(
        specs,
        levels,
        meets,
        ranges,
        window,
        moves,
        _touched(touched, moves, specs[:, distances.NARROW] > 0),
        _aimed(targets, moves, names, layout),
        np.array([k for k, name in enumerate(names) if name in free], dtype=np.int64),
        np.array([strides, allowed.shape]),
        np.vstack([allowed.ravel(), shared_cell]),
        INTERVALS[conventions.survival_interval],
        float(ndtri((1 + conventions.level) / 2)),
    )


def _touched(touched: np.ndarray, moves: np.ndarray, narrow: np.ndarray) -> np.ndarray:
    """What each move touches, and then what new codes of each block do (2, K + B, T), from what the
    blocks (B, T) touch; first of the narrow tests alone."""
    by_move = [touched[move[0]].any(axis=0) for move in moves]
    every = np.vstack([*by_move, touched]).astype(bool)
    return np.stack([every & narrow, every])


def _order_of_levels(target: Target, protocol: Protocol) -> list[int] | None:
    """Levels in the order of their groups: of a hazard ratio's direction the first named is group 0;
    of a Cox model the reference is, and levels that an unadjusted one leaves out are in none."""
    e = target.estimand
    if e.contrast is None:
        return None
    levels = list(protocol.levels(e.by))
    first, second = (levels.index(level) for level in e.contrast)
    if is_direction(target):
        return [first, second]
    rest = [k for k in range(len(levels)) if k not in (first, second)]
    return [second, first, *(rest if e.adjusted_for else [])]


def _groups(target: Target, protocol: Protocol) -> tuple[int, int]:
    """How many groups a target compares, and rows of the table that it crosses them with."""
    e = target.estimand
    order = _order_of_levels(target, protocol)
    groups = len(order) if order else len(protocol.levels(e.by)) if e.by else 1
    crossed = e.statistic in CROSSED
    return groups, len(protocol.levels(e.subject)) if crossed else 1


def _ends(allowed: Range, statistic: str) -> tuple[float, float]:
    """A range as the search reads it: times in days, ratios as logarithms, open ends drawn in."""
    low, high = allowed.lower, allowed.upper
    low += 2 * distances.EDGE if allowed.open_lower else 0.0
    high -= 2 * distances.EDGE if allowed.open_upper else 0.0
    if statistic == "median":
        return low * DAYS_PER_MONTH, high * DAYS_PER_MONTH
    if statistic == "hazard_ratio":
        with np.errstate(divide="ignore"):
            return float(np.log(max(low, 0.0))), float(np.log(max(high, 0.0)))
    return low, high


def _side(target: Target, targets: list[Target], protocol: Protocol) -> float:
    """The sign of group 0's observed less expected events, from a hazard ratio that is printed or
    said to lie on one side of 1; 0 where nothing says so."""
    e = target.estimand
    levels = list(protocol.levels(e.by))
    for other in targets:
        o, value = other.estimand, other.value
        same = (o.subject, o.by, o.where) == (e.subject, e.by, e.where)
        if o.statistic != "hazard_ratio" or not same or o.contrast is None or o.adjusted_for:
            continue
        above = 1.0 if value.lower >= 1 else -1.0 if value.upper <= 1 else 0.0
        return above if levels.index(o.contrast[0]) == 0 else -above
    return 0.0


def _narrow(targets: list[Target], protocol: Protocol) -> Target | None:
    """The test of two groups that is printed most finely, if that is too fine for chance."""
    widths = {
        k: float(np.diff(roots(target.value, 1))[0])
        for k, target in enumerate(targets)
        if target.estimand.statistic == "logrank_p"
        and _groups(target, protocol)[0] == 2
        and target.value.lower > 0
    }
    finest = min(widths, key=lambda k: widths[k], default=None)
    return targets[finest] if finest is not None and widths[finest] < NARROW else None


def _aimed(
    targets: list[Target], moves: np.ndarray, names: list[str], layout: Layout
) -> np.ndarray:
    """Which tests of two groups a move can aim at (moves, T): it exchanges their groups and leaves
    their subgroup alone. The most finely printed comes first in the search, by its order."""
    found = np.zeros((len(moves), len(targets)), dtype=bool)
    for t, target in enumerate(targets):
        e = target.estimand
        within = [names.index(layout.source[c.variable]) for c in e.where]
        if e.statistic == "survival":
            if within and target.value.upper > 0:
                found[:, t] = moves[:, 0, within].all(axis=1)
            continue
        if e.statistic not in ("logrank_p", "cox_p") or e.adjusted_for:
            continue
        if _groups(target, layout.protocol)[0] != 2 or target.value.lower <= 0:
            continue  # a bound is soon met by chance
        group = names.index(layout.source[e.by])
        for k, move in enumerate(moves):
            found[k, t] = move[0, group] and not move[0, within].any()
    return found


def moves_of(component: Component, own: list[str], names: list[str]) -> np.ndarray:
    """Blocks to exchange together, and blocks in which the two patients must then agree: (K, 2,
    blocks)."""
    moves = []
    for block in own:
        others = {b for link in component.linked if block in link for b in link} - {block}
        moves.append((frozenset([block]), frozenset(others)))
        if others:  # alone only between patients who agree in what is counted with it
            cluster = frozenset({block} | {b for b in others if b in own})
            agree = {b for link in component.linked if cluster & link for b in link}
            moves.append((cluster, frozenset(agree - cluster)))
    unique = list(dict.fromkeys(moves))
    return np.array(
        [[[name in part for name in names] for part in move] for move in unique], dtype=bool
    ).reshape(len(unique), 2, len(names))


def _free(component: Component, own: list[str], layout: Layout) -> set[str]:
    """Blocks whose counts nobody printed."""
    counted = {b for t in component.rows for b in _blocks(t, layout)}
    return set(own) - counted
