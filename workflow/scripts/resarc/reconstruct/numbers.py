"""Numbers: a value for every patient within the bin that the labels gave.

Each patient's value has limits: the bin, the printed extremes, and what the protocol's constraints
leave beside numbers that are already there. Printed order statistics (extremes, quartiles, medians)
hold by construction: patients are ranked by a random value within their limits, and each rank
between two printed statistics is confined between them. Means, areas under ROC curves, cut-offs and
rank tests are met by local search within what is left (`values`; a statistic that is not compiled there,
a model say, by `search` on all members together). Values are whole multiples of the smallest unit that
the study records.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from resarc.ensemble import Ensemble, status_at
from resarc.estimand import DAYS_PER_MONTH, Estimand
from resarc.protocol import Constraint, Derived, Protocol
from resarc.published import Published
from resarc.reconstruct import values
from resarc.reconstruct.assignment import Labels, ensemble_of
from resarc.reconstruct.histories import History
from resarc.reconstruct.search import Loss, Propose, State, descend, repeat
from resarc.reconstruct.targets import EDGE, Target, distance, roots

STEPS = 150
PATIENCE = 40
STARTS = 5
STARTS_OF_TIED = 2
TURNS = 6
RANKINGS = (1, 13, 13, 13)
"""Orders of the values that are tried at once, until one leaves each rank a value."""
ORDER_STATISTICS = ("minimum", "maximum", "median", "q1", "q3")


def resolution(name: str, protocol: Protocol, published: Published) -> float:
    """The smallest difference between two recorded values: as the protocol says, one for a whole
    number, one day for a time between dates, else the last place of the printed extremes."""
    plan = protocol.reconstruction
    if plan and name in plan.steps:
        return plan.steps[name]
    item = protocol.variable(name)
    if isinstance(item, Derived):
        return 1 / DAYS_PER_MONTH
    if item.type == "integer":
        return 1.0
    extremes = [
        f for s in ("minimum", "maximum") for f in published.of(Estimand(s, name)) if not f.claim
    ]
    if extremes:
        return min(float(f.value.last_place) for f in extremes)
    return 0.01


def bounds(name: str, targets: list[Target], protocol: Protocol) -> tuple[float, float]:
    """Smallest and largest value that a patient may have."""
    low, high = -np.inf, np.inf
    for target in targets:
        if target.estimand == Estimand("minimum", name):
            low = target.value.lower
        if target.estimand == Estimand("maximum", name):
            high = target.value.upper
    plan = protocol.reconstruction
    if plan and name in plan.ranges:
        low, high = max(low, plan.ranges[name][0]), min(high, plan.ranges[name][1])
    item = protocol.variable(name)
    if not isinstance(item, Derived):
        if isinstance(item.minimum, (int, float)):
            low = max(low, float(item.minimum))
        if isinstance(item.maximum, (int, float)):
            high = min(high, float(item.maximum))
    if not np.isfinite(low):
        low = 0.0
    if not np.isfinite(high):
        centre = [
            t.value.upper
            for t in targets
            if t.estimand.subject == name and np.isfinite(t.value.upper)
        ]
        high = 3 * max(centre, default=1.0) + 1
    return low, high


def in_units(multiples: np.ndarray, step: float) -> np.ndarray:
    """Values from multiples of the step, without the noise of binary fractions."""
    return np.round(multiples * step, 10)


def fill(
    labels: Labels,
    histories: dict[str, History],
    targets: list[Target],
    published: Published,
    rng: np.random.Generator,
    *,
    among: tuple[str, ...] | None = None,
) -> dict[str, np.ndarray]:
    """Values (M, n) of every number, or of those `among` some blocks; targets that speak of numbers
    are met as far as possible.

    A number that may not exceed another, or equals it in some patients, comes after it.
    """
    layout = labels.layout
    protocol = layout.protocol
    names = [
        b.name
        for b in layout.blocks.values()
        if b.kind == "number" and (among is None or b.name in among)
    ]
    plan = protocol.reconstruction
    ties = [
        _Tie(c, _among(c, labels))
        for c in (plan.constraints if plan else ())
        if (pair := c.equal or c.at_most) and set(pair) <= set(names)
    ]
    whole = ensemble_of(labels, histories, layout)
    tasks = {}
    for name in names:
        step = resolution(name, protocol, published)
        own = [t for t in targets if _subject(t) == name and needs_values(t, protocol)]
        tasks[name] = _task(name, own, *_limits(name, labels, targets, step), step, whole)
    for family in _families(names, ties):
        whole.numbers.update(_together([tasks[n] for n in family], ties, whole, rng))
    return {name: whole.numbers[name] for name in names}


@dataclass(frozen=True)
class _Tie:
    """A constraint between two numbers, and the patients (M, n) whom it binds."""

    constraint: Constraint
    part: np.ndarray

    @property
    def pair(self) -> tuple[str, str]:
        first, second = self.constraint.equal or self.constraint.at_most
        return first, second


@dataclass(frozen=True)
class _Task:
    """A number to be filled: the targets that are about it, the least and greatest value of each
    patient (M, n) in multiples of the step; `marks` and `groups` (T, M, n) for the compiled search, None
    where that does not know a target."""

    name: str
    own: list[Target]
    low: np.ndarray
    high: np.ndarray
    step: float
    marks: values.Marks | None
    groups: np.ndarray | None


def _task(
    name: str, own: list[Target], low: np.ndarray, high: np.ndarray, step: float, whole: Ensemble
) -> _Task:
    if not _beyond_order(own) or not all(_is_compiled(t, whole.protocol) for t in own):
        return _Task(name, own, low, high, step, None, None)
    marks = _marks(name, own, step, low.shape[1], whole.protocol)
    return _Task(name, own, low, high, step, marks, _groups(own, whole))


def _families(names: list[str], ties: list[_Tie]) -> list[list[str]]:
    """Numbers that constraints tie together."""
    families = [[name] for name in names]
    for tie in ties:
        first, second = (next(f for f in families if name in f) for name in tie.pair)
        if first is not second:
            first += second
            families.remove(second)
    return families


def _together(
    tasks: list[_Task], ties: list[_Tie], whole: Ensemble, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Values (M, n) of numbers that are tied to each other, one after the other. What one of them
    leaves may not be enough for the next; then all are filled anew. Each comes first once, then the one
    that was missed most often when it did."""
    names = [task.name for task in tasks]
    ties = [tie for tie in ties if set(tie.pair) <= set(names)]
    best = np.full(whole.shape[0], np.inf)
    found = {name: np.zeros(whole.shape) for name in names}
    rows = np.arange(whole.shape[0])
    missed_first = dict.fromkeys(names, np.inf)
    starts = STARTS_OF_TIED if ties else STARTS
    for _ in range(TURNS if ties else 1):
        part = whole.take(rows)
        missed = np.zeros(len(rows))
        order = sorted(names, key=lambda name: -missed_first[name])
        order = _sequence(order, [tie.constraint for tie in ties])
        done: dict[str, np.ndarray] = {}
        for name in order:
            task = next(t for t in tasks if t.name == name)
            limits = _beside(task, tasks, ties, done, rows)
            value, left = _value(task, *limits, rows, part, starts, rng)
            done[name] = in_units(value, task.step)
            part.numbers[name] = done[name]
            if name == order[0]:
                missed_first[name] = (left > 0).mean()
            missed += left
        better = missed < best[rows]
        for name in names:
            found[name][rows[better]] = done[name][better]
        best[rows] = np.minimum(best[rows], missed)
        rows = np.flatnonzero(best > 0)
        if not rows.size:
            break
    return found


def _beside(
    task: _Task,
    tasks: list[_Task],
    ties: list[_Tie],
    done: dict[str, np.ndarray],
    rows: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Least and greatest values (m, n) in some members beside numbers that are done, and with room for
    those that are not; and whose value is that of another number."""
    low, high = task.low[rows], task.high[rows]
    copied = np.zeros(low.shape, dtype=bool)
    value = np.zeros(low.shape)
    for tie in ties:
        first, second = tie.pair
        if task.name not in (first, second):
            continue
        part, equal = tie.part[rows], tie.constraint.equal is not None
        other = next(t for t in tasks if t.name == (second if task.name == first else first))
        if other.name in done:
            theirs = np.rint(done[other.name] / task.step)
            if equal:
                copied |= part
                value = np.where(part, theirs, value)
            elif task.name == first:
                high = np.where(part, np.minimum(high, theirs), high)
            else:
                low = np.where(part, np.maximum(low, theirs), low)
        else:
            scale = other.step / task.step
            below, above = other.low[rows] * scale, other.high[rows] * scale
            if equal or task.name == second:
                low = np.where(part, np.maximum(low, np.ceil(below - 1e-6)), low)
            if equal or task.name == first:
                high = np.where(part, np.minimum(high, np.floor(above + 1e-6)), high)
    low, high = np.where(copied, value, low), np.where(copied, value, np.maximum(low, high))
    return low, high, copied


def _subject(target: Target) -> str:
    """The number that a target is about: the marker of a ROC curve or of a model, or the subject."""
    e = target.estimand
    return e.by if e.kind.comparison in ("marker", "contrast") and e.contrast is None else e.subject


def _sequence(names: list[str], ties: list[Constraint]) -> list[str]:
    """Numbers in an order in which each comes after those that bound it from above."""
    left, order = list(names), []
    before = [(c.at_most[1], c.at_most[0]) for c in ties if c.at_most]
    while left:
        free = [n for n in left if not any(b == n and a in left for a, b in before)] or left[:1]
        order.append(free[0])
        left.remove(free[0])
    return order


def _among(tie: Constraint, labels: Labels) -> np.ndarray:
    """Patients (M, n) whom a constraint binds."""
    layout = labels.layout
    part = np.ones(next(iter(labels.codes.values())).shape, dtype=bool)
    for rule in tie.among:
        block = layout.of(rule.variable)
        part &= block.codes_meeting(rule, layout.protocol)[labels.codes[block.name]]
    return part


def _limits(
    name: str, labels: Labels, targets: list[Target], step: float
) -> tuple[np.ndarray, np.ndarray]:
    """Smallest and largest value of each patient (M, n), in multiples of the step."""
    low, high = bounds(name, targets, labels.layout.protocol)
    edges = np.array(labels.layout.blocks[name].edges)
    lower = np.ceil(np.maximum(edges[:-1], low) / step - 1e-6)
    upper = np.ceil(edges[1:] / step - 1e-6) - 1  # below the next edge
    upper = np.maximum(np.minimum(upper, np.floor(high / step + 1e-6)), lower)
    code = labels.codes[name]
    return lower[code], upper[code]


def needs_values(target: Target, protocol: Protocol) -> bool:
    """Whether a target speaks of a number itself, not only of categories cut from it."""
    e = target.estimand
    return any(
        name not in protocol.endpoint_names and protocol.kind(name) == "number"
        for name in e.variables
    )


def _beyond_order(own: list[Target]) -> list[Target]:
    """Targets that more than the order statistics of all patients decides."""
    return [
        t
        for t in own
        if t.estimand.where or t.estimand.statistic not in ORDER_STATISTICS or t.claim
    ]


def _value(
    task: _Task,
    low: np.ndarray,
    high: np.ndarray,
    copied: np.ndarray,
    members: np.ndarray,
    part: Ensemble,
    starts: int,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Values (m, n) of one number in multiples of the step, of some members; the distances left (m,)."""
    found = np.empty(low.shape)
    rows = np.arange(len(low))
    missed = np.full(len(low), np.inf)
    for _ in range(starts):
        state = _start(low[rows], high[rows], copied[rows], task.own, task.step, rng)
        if task.marks is not None:
            seeds = rng.integers(0, 2**32, len(rows))
            groups = np.ascontiguousarray(task.groups[:, members[rows]].swapaxes(0, 1))
            left = values.search_each(task.marks, groups, values.Places(**state), seeds)
        else:
            left = _descended(task, state, part.take(rows), rng)
        better = left < missed[rows]
        found[rows[better]] = state["value"][better]
        missed[rows[better]] = left[better]
        rows = np.flatnonzero(missed > 0)
        if not rows.size:
            break
    return found, missed


COMPILED = {
    "mean": values.MEAN,
    "sd": values.SD,
    "median_difference": values.DIFFERENCE,
    "auc": values.AUC,
    "roc_cutoff": values.CUTOFF,
    "mann_whitney_p": values.RANKS,
    "kruskal_wallis_p": values.RANKS,
    **dict.fromkeys(ORDER_STATISTICS, values.QUANTILE),
}
SHARES = {"minimum": 0.0, "q1": 0.25, "median": 0.5, "q3": 0.75, "maximum": 1.0}


def _is_compiled(target: Target, protocol: Protocol) -> bool:
    e = target.estimand
    if e.statistic not in COMPILED or target.lower is not None or target.upper is not None:
        return False
    return e.statistic != "kruskal_wallis_p" or len(protocol.levels(e.by)) > 2


def _marks(
    name: str, own: list[Target], step: float, patients: int, protocol: Protocol
) -> values.Marks:
    """What the values of a number must meet, in multiples of the step."""
    degrees = 2 + max([len(protocol.levels(t.estimand.by)) for t in own if _ranked(t)], default=0)
    ranges, window = np.zeros((len(own), 4)), np.zeros((len(own), 2, degrees))
    mean = np.nan
    for t, target in enumerate(own):
        e, allowed = target.estimand, target.value
        # An end that is itself excluded is drawn in.
        low = allowed.lower + (2 * EDGE if allowed.open_lower else 0.0)
        high = allowed.upper - (2 * EDGE if allowed.open_upper else 0.0)
        if e == Estimand("mean", name) and not target.claim:
            mean = (low + high) / 2 / step * patients
        if _ranked(target):
            for df in range(1, degrees):
                window[t, :, df] = roots(allowed, df)
        elif e.statistic == "auc":
            ranges[t, : values.SHARE] = low, high, 0.3 * patients
        elif e.statistic == "median_difference":
            ranges[t] = low / step, high / step, 0.1 * step, SHARES["median"]
        else:
            finite = [abs(end) / step for end in (low, high) if np.isfinite(end)]
            unit = 1 / max(*finite, 1e-12)
            ranges[t] = low / step, high / step, unit, SHARES.get(e.statistic, 0.0)
        if _ranked(target):
            ranges[t, values.UNIT] = 1.0
    kinds = np.array([COMPILED[t.estimand.statistic] for t in own])
    youden = protocol.conventions.roc_criterion == "youden"
    return values.Marks(kinds, ranges, window, float(mean), youden)


def _ranked(target: Target) -> bool:
    return COMPILED.get(target.estimand.statistic) == values.RANKS


def _groups(own: list[Target], whole: Ensemble) -> np.ndarray:
    """The groups (T, M, n) that each target speaks of, -1 of who is in none. They follow from labels
    and histories alone."""
    found = np.full((len(own), *whole.shape), -1)
    for t, target in enumerate(own):
        e = target.estimand
        if e.statistic in ("auc", "roc_cutoff"):
            positive, known = status_at(e, whole)
            group = np.where(known, positive, -1)
        elif _ranked(target):
            group = whole.code(e.by)
        elif e.contrast is not None:
            levels = whole.protocol.levels(e.by)
            code, (first, second) = whole.code(e.by), map(levels.index, e.contrast)
            group = np.where(code == first, 0, np.where(code == second, 1, -1))
        else:
            group = np.zeros(whole.shape, dtype=np.int64)
        mask = whole.mask(e.where)
        found[t] = group if mask is None else np.where(mask, group, -1)
    return found


def _descended(task: _Task, state: State, part: Ensemble, rng: np.random.Generator) -> np.ndarray:
    """Values of all members together, in place; the distances left (M,)."""
    patients = state["value"].shape[1]
    spoken_of = {n for t in task.own for n in t.estimand.variables}
    for kind in ("times", "events", "codes", "numbers"):
        for variable, array in getattr(part, kind).items():
            if variable in spoken_of:
                state[f"{kind}:{variable}"] = array
    loss = _loss_of(task.name, task.own, part, task.step, patients)
    others = _beyond_order(task.own)
    if not others:
        return loss(state)
    return descend(
        state,
        _moves(others, task.name, task.step, patients),
        loss,
        rng,
        steps=STEPS,
        patients=patients,
        most_copies=24,
        patience=PATIENCE,
        near_patience=PATIENCE,
    )


def _loss_of(name: str, own: list[Target], whole: Ensemble, step: float, patients: int) -> Loss:
    def loss(state: State) -> np.ndarray:
        total = np.zeros(len(state["value"]))
        if not own:
            return total
        ensemble = Ensemble(whole.protocol, {}, {name: in_units(state["value"], step)}, {}, {})
        for key, array in state.items():
            kind, _, variable = key.partition(":")
            if variable and not (kind == "numbers" and variable == name):
                getattr(ensemble, kind)[variable] = array
        for target in own:
            total += distance(target, target.evaluate(ensemble), patients)
        return total

    return loss


def _start(
    low: np.ndarray,
    high: np.ndarray,
    copied: np.ndarray,
    own: list[Target],
    step: float,
    rng: np.random.Generator,
) -> State:
    """Random values within limits with the printed order statistics in place; `low` and `high` of
    the state are the limits that keep them there."""
    members, patients = low.shape
    anchors = np.full(low.shape, np.nan)  # by rank
    least, most = np.full(low.shape, -np.inf), np.full(low.shape, np.inf)
    for target in own:
        e = target.estimand
        if e.where or target.claim or e.statistic not in ORDER_STATISTICS:
            continue
        for rank, multiple in _order_statistic(e.statistic, target, patients, step, members, rng):
            anchors[:, rank] = multiple
            least[:, rank:] = np.maximum(least[:, rank:], multiple[:, None])
            most[:, : rank + 1] = np.minimum(most[:, : rank + 1], multiple[:, None])
    order = np.zeros(low.shape, dtype=np.int64)
    fewest = np.full(members, patients + 1)
    for tries in RANKINGS:
        rows = np.flatnonzero(fewest > 0)
        if not rows.size:
            break
        # The share of the patients below an order statistic is not the share of its limits.
        some = np.repeat(rows, tries)
        drawn = rng.random((len(some), patients)) ** rng.uniform(0.3, 4.0, (len(some), 1))
        key = low[some] + (high[some] - low[some] + 1) * drawn
        ranked = np.argsort(np.where(copied[some], low[some], key), axis=1, kind="stable")
        clash = _confined(low[some], high[some], least[some], most[some], ranked)[2].sum(axis=1)
        best = clash.reshape(-1, tries).argmin(axis=1) + np.arange(len(rows)) * tries
        better = clash[best] < fewest[rows]
        order[rows[better]], fewest[rows[better]] = ranked[best][better], clash[best][better]
    lower, upper, clash = _confined(low, high, least, most, order)
    ranked_low, ranked_high = (np.take_along_axis(a, order, axis=1) for a in (low, high))
    lower, upper = np.where(clash, ranked_low, lower), np.where(clash, ranked_high, upper)
    drawn = rng.random(low.shape)
    value = np.rint(lower + (upper - lower) * drawn ** _skew(own, lower, upper, drawn, step))
    held = ~np.isnan(anchors) & (anchors >= lower) & (anchors <= upper)
    value = np.where(held, anchors, value)
    fixed = held | np.take_along_axis(copied, order, axis=1)
    state = {}
    ranked = {
        "value": value,
        "low": lower,
        "high": upper,
        "outer_low": ranked_low,
        "outer_high": ranked_high,
    }
    for key, array in {
        **ranked,
        "fixed": fixed,
        "copied": np.take_along_axis(copied, order, axis=1),
    }.items():
        state[key] = np.empty_like(array)
        np.put_along_axis(state[key], order, array, axis=1)
    return state


def _confined(
    low: np.ndarray, high: np.ndarray, least: np.ndarray, most: np.ndarray, order: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Limits by rank once the order statistics confine each rank, and where they leave none."""
    lower = np.maximum(np.take_along_axis(low, order, axis=1), least)
    upper = np.minimum(np.take_along_axis(high, order, axis=1), most)
    return lower, upper, lower > upper


def _order_statistic(
    statistic: str,
    target: Target,
    patients: int,
    step: float,
    members: int,
    rng: np.random.Generator,
) -> list[tuple[int, np.ndarray]]:
    """Positions in the sorted values that a printed order statistic fixes, and the multiples of
    the step (M,) to put there."""
    low, high = target.value.lower / step, target.value.upper / step
    first, last = int(np.ceil(low - 1e-6)), int(np.floor(high + 1e-6))
    if statistic in ("minimum", "maximum"):
        position = 0 if statistic == "minimum" else patients - 1
        if not (np.isfinite(low) and np.isfinite(high)) or first > last:
            return []
        return [(position, rng.integers(first, last + 1, members).astype(float))]
    share = {"q1": 0.25, "median": 0.5, "q3": 0.75}[statistic]
    at = share * (patients - 1)
    below = int(np.floor(at))
    if not (np.isfinite(low) and np.isfinite(high)):
        return []
    if at == below:
        return (
            [(below, rng.integers(first, last + 1, members).astype(float))] if first <= last else []
        )
    # Two neighbours whose weighted mean prints as the figure.
    weight = at - below
    centre = rng.uniform(low, high, members)
    lower = np.floor(centre)
    upper = np.rint((centre - (1 - weight) * lower) / weight)
    upper = np.maximum(upper, lower)
    mean = (1 - weight) * lower + weight * upper
    fits = (mean >= low - 1e-6) & (mean <= high + 1e-6)
    middle = np.rint((low + high) / 2)
    return [(below, np.where(fits, lower, middle)), (below + 1, np.where(fits, upper, middle))]


def _skew(
    own: list[Target], lower: np.ndarray, upper: np.ndarray, drawn: np.ndarray, step: float
) -> np.ndarray:
    """Power (M, 1) of the uniform draws for which the printed mean comes out; 1 without one."""
    members = len(drawn)
    for target in own:
        e, value = target.estimand, target.value
        if e.statistic == "mean" and not e.where and np.isfinite(value.lower + value.upper):
            mean = (value.lower + value.upper) / 2 / step
            low, high = np.full((members, 1), 0.02), np.full((members, 1), 50.0)
            for _ in range(30):
                power = np.sqrt(low * high)
                large = (lower + (upper - lower) * drawn**power).mean(axis=1, keepdims=True) > mean
                low, high = np.where(large, power, low), np.where(large, high, power)
            return np.sqrt(low * high)
    return np.ones((members, 1))


def _moves(targets: list[Target], name: str, step: float, patients: int) -> Propose:
    """New values within limits, exchanges between patients, and what a mean still lacks."""
    means = [t.value for t in targets if t.estimand == Estimand("mean", name) and not t.claim]

    def propose(state: State, copies: int, rng: np.random.Generator) -> State:
        state = repeat(state, copies)
        value, low, high = (state[k].copy() for k in ("value", "low", "high"))
        fixed = state["fixed"].copy()
        rows = np.arange(len(value))
        i, j = rng.integers(0, patients, (2, len(rows)))
        move = rng.random(len(rows))
        lower, upper = low[rows, i], high[rows, i]
        new = np.floor(lower + rng.random(len(rows)) * (upper - lower + 1))
        near = value[rows, i] + np.rint(rng.normal(size=len(rows)) * (upper - lower + 1) * 0.05)
        new = np.where(rng.random(len(rows)) < 0.5, new, near)
        if means:
            off = (means[0].lower + means[0].upper) / 2 / step * patients - value.sum(axis=1)
            new = np.where(rng.random(len(rows)) < 0.3, value[rows, i] + np.rint(off), new)
        draw = (move < 0.5) & ~fixed[rows, i]
        value[rows[draw], i[draw]] = np.clip(new, lower, upper)[draw]
        # Patients change places where each one's own limits hold the other's value.
        a_low, a_high = state["outer_low"][rows, i], state["outer_high"][rows, i]
        b_low, b_high = state["outer_low"][rows, j], state["outer_high"][rows, j]
        x, y = value[rows, i], value[rows, j]
        trade = (move >= 0.5) & (y >= a_low) & (y <= a_high) & (x >= b_low) & (x <= b_high)
        trade &= ~state["copied"][rows, i] & ~state["copied"][rows, j]
        r, a, b = rows[trade], i[trade], j[trade]
        for array in (value, low, high, fixed):
            array[r, a], array[r, b] = array[r, b].copy(), array[r, a].copy()
        for who in (i, j):  # limits that came with the value may reach beyond the patient's own
            low[rows, who] = np.maximum(low[rows, who], state["outer_low"][rows, who])
            high[rows, who] = np.minimum(high[rows, who], state["outer_high"][rows, who])
        return {**state, "value": value, "low": low, "high": high, "fixed": fixed}

    return propose
