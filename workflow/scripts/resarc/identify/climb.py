"""Pushing one dataset towards an extreme of one estimand while every target holds, compiled.

Patients exchange labels, change their times, change places in time, or change events. A change is
kept if the dataset is still what the protocol allows, every target still holds, and the estimand
moves the wanted way (or the other way by less than a heat that falls to nothing: simulated
annealing, Kirkpatrick et al., Science 1983;220:671). So each state on the way is a dataset that
prints as the paper does; what comes out is judged afresh all the same (`push`).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from resarc.compiled import njit
from resarc.reconstruct.exchanges import (
    CHI2,
    COX_LR,
    COX_P,
    HAZARD_RATIO,
    LOGRANK,
    PETO,
    SIDE,
    TARONE_WARE,
    TREND,
    WILCOXON,
    YATES,
    Problem,
    Timelines,
    target_distance,
)
from resarc.reconstruct.kernels import cox, logrank, survival_at

# Kinds of terms.
COUNT, SURVIVAL_TERM, CRUDE_TERM, RISK_TERM, MEDIAN_TERM, REVERSE_MEDIAN, RMST = range(7)
SHORTEST, LONGEST, MEAN_TIME, MIDDLE_TIME, LOGRANK_TERM, LOG_RATIO = range(7, 13)

# How a quantity is made of terms.
PLAIN, DIFFERENCE, SHARE = range(3)

ORDER_ONLY = (
    LOGRANK, SIDE, COX_P, HAZARD_RATIO, CHI2, TREND, YATES, WILCOXON, TARONE_WARE, PETO, COX_LR,
)  # fmt: skip
"""Targets that depend on the order of times, not on the times."""

NEWTON = 12
_HALF = 1e-9
_EDGE = 1e-9

# Of speed only: how often which change is tried.
LABELS, TWICE, NEARBY = 0.7, 0.25, 0.6
SHIFT, FLIP, PAIRED, CLOSE = 0.5, 0.75, 0.7, 0.6


class Terms(NamedTuple):
    """Statistics of a subgroup as arrays: K terms, C conditions, P model columns, L codes.

    `conditions` (K, C) are rows of the codes (-1: none), `meets` (K, C, L) which codes meet them.
    `group_row` (K,) is the row by which a test groups, `group_of` (K, L) the group of each code,
    `groups` (K,) their number. `columns` (K, P) are rows of the codes (-1: none) whose indicators
    `indicates` (K, P, L) are covariates of a Cox model, `numbers` (K, P) rows of the values.
    """

    kind: np.ndarray
    endpoint: np.ndarray
    days: np.ndarray
    conditions: np.ndarray
    meets: np.ndarray
    group_row: np.ndarray
    group_of: np.ndarray
    groups: np.ndarray
    columns: np.ndarray
    indicates: np.ndarray
    numbers: np.ndarray


class Quantities(NamedTuple):
    """Quantities made of one or two terms (Q,), the range that a target allows, and what each
    depends on: blocks (Q, B) and times of endpoints (Q, E)."""

    made: np.ndarray
    first: np.ndarray
    second: np.ndarray
    low: np.ndarray
    high: np.ndarray
    blocks: np.ndarray
    times: np.ndarray


class Rules(NamedTuple):
    """What a patient may be.

    Component c: its blocks (rows of the codes, -1: none) with strides and sizes (3, c, b), the first
    place of its combinations in `allowed`. `shared` (S, 3): an endpoint, another, a component;
    `shared_cells` (S, combinations): those in which the first's event is the other's, at its time.
    `relations` (R, 4): an endpoint, another, whether its time is at most the other's, and whether
    who is censored for it is censored for the other (1: at another time of their own; 2: at the same).
    `ties` (N, 3): a row of the values, another, whether equal (1) or at most (0), among the patients
    who meet `tie_conditions` and `tie_meets`. `markers` (W, 2): endpoint and days of ROC curves, with
    `marker_conditions` and `marker_meets`; `marker_blocks` (W, B) what they depend on beside times.
    `reach` (E, 2): the shortest and the longest time.
    """

    components: np.ndarray
    first: np.ndarray
    allowed: np.ndarray
    shared: np.ndarray
    shared_cells: np.ndarray
    relations: np.ndarray
    ties: np.ndarray
    tie_conditions: np.ndarray
    tie_meets: np.ndarray
    markers: np.ndarray
    marker_conditions: np.ndarray
    marker_meets: np.ndarray
    marker_blocks: np.ndarray
    reach: np.ndarray


class Space(NamedTuple):
    """The datasets that hold all targets. `targets` as in `exchanges`, with what each depends on
    (`blocks` (T, B), `times` (T, E)); `checks` are the targets that `exchanges` does not know.
    `moves` (K, 2, B): blocks exchanged together, and blocks in which both patients must then agree.
    `number_of` (B,): the row of the values that goes with a block (-1: none); `event_row` (E,): the
    row of the codes that holds an endpoint's events (0: event, 1: censored)."""

    targets: Problem
    blocks: np.ndarray
    times: np.ndarray
    terms: Terms
    checks: Quantities
    rules: Rules
    moves: np.ndarray
    number_of: np.ndarray
    event_row: np.ndarray


class State(NamedTuple):
    """One dataset: codes (B, n), days (E, n) and values (V, n) by patient; patients, days and events
    of each endpoint in the order of time (E, n)."""

    codes: np.ndarray
    days: np.ndarray
    values: np.ndarray
    order: np.ndarray
    sorted_days: np.ndarray
    sorted_event: np.ndarray


@njit(cache=True, error_model="numpy")
def _below(n):
    """A random whole number from 0 to n - 1, from the stream that the search was seeded with."""
    return int(np.random.random() * n)


@njit(cache=True, error_model="numpy")
def _meets_all(conditions, meets, codes, i):
    for c in range(len(conditions)):
        if conditions[c] >= 0 and not meets[c, codes[conditions[c], i]]:
            return False
    return True


@njit(cache=True, error_model="numpy")
def _median(days, event, group, reverse):
    """The time at which the curve falls to one half, as `batch.quantile_of_steps` has it; twice the
    longest time where it does not, NaN where nobody takes part."""
    at_risk = 0
    last = -1
    for p in range(len(days)):
        if group[p] >= 0:
            at_risk += 1
            last = days[p]
    if at_risk == 0:
        return math.nan
    s, start = 1.0, -1.0
    p, n = 0, len(days)
    while p < n:
        end = p
        while end + 1 < n and days[end + 1] == days[p]:
            end += 1
        deaths, leaving = 0, 0
        for q in range(p, end + 1):
            if group[q] >= 0:
                leaving += 1
                if event[q] != reverse:
                    deaths += 1
        if deaths > 0:
            s *= 1.0 - deaths / at_risk
            if start < 0.0 and s <= 0.5 + _HALF:
                start = days[p]
            if start >= 0.0 and s < 0.5 - _HALF:
                return (start + days[p]) / 2.0
        at_risk -= leaving
        p = end + 1
    return (start + last) / 2.0 if start >= 0.0 else 2.0 * last


@njit(cache=True, error_model="numpy")
def _area(days, event, group, tau):
    """The area under the curve to `tau`; NaN where it is not known so long."""
    at_risk = 0
    last = -1
    for p in range(len(days)):
        if group[p] >= 0:
            at_risk += 1
            last = days[p]
    if at_risk == 0:
        return math.nan
    s, area, before = 1.0, 0.0, 0.0
    for p in range(len(days)):
        if days[p] > tau:
            break
        if group[p] >= 0:
            if event[p]:
                area += s * (days[p] - before)
                before = days[p]
                s *= (at_risk - 1) / at_risk
            at_risk -= 1
    if tau > last and s > 1e-12:
        return math.nan
    return area + s * (tau - before)


@njit(cache=True, error_model="numpy")
def term(terms, k, state, group, design):
    """The value of a term; times in days. `group` and `design` are scratch."""
    e = terms.endpoint[k]
    order, days, event = state.order[e], state.sorted_days[e], state.sorted_event[e]
    n = len(order)
    size = 0
    for p in range(n):
        inside = _meets_all(terms.conditions[k], terms.meets[k], state.codes, order[p])
        group[p] = 0 if inside else -1
        size += inside
    kind = terms.kind[k]
    if kind == COUNT:
        return float(size)
    if size == 0:
        return math.nan
    if kind == SURVIVAL_TERM:
        return survival_at(days, event, group, terms.days[k])[0]
    if kind == MEDIAN_TERM:
        return _median(days, event, group, False)
    if kind == REVERSE_MEDIAN:
        return _median(days, event, group, True)
    if kind == RMST:
        return _area(days, event, group, terms.days[k])
    if kind in (CRUDE_TERM, RISK_TERM):
        beyond = 0
        margin = 0.0 if kind == CRUDE_TERM else 2e-6
        for p in range(n):
            beyond += group[p] >= 0 and days[p] > terms.days[k] - margin
        return beyond / size if kind == CRUDE_TERM else float(beyond)
    if kind in (SHORTEST, LONGEST, MEAN_TIME, MIDDLE_TIME):
        total, rank, found = 0.0, 0, 0.0
        for p in range(n):
            if group[p] < 0:
                continue
            total += days[p]
            if kind == SHORTEST and rank == 0:
                return float(days[p])
            if kind == MIDDLE_TIME and rank in ((size - 1) // 2, size // 2):
                found += days[p] if size % 2 == 1 else days[p] / 2.0
            if kind == LONGEST:
                found = float(days[p])
            rank += 1
        return total / size if kind == MEAN_TIME else found
    if kind == LOGRANK_TERM:
        for p in range(n):
            if group[p] >= 0:
                group[p] = terms.group_of[k, state.codes[terms.group_row[k], order[p]]]
        return logrank(days, event, group, terms.groups[k])[0]
    for p in range(n):
        i = order[p]
        row = terms.group_row[k]
        if row >= 0 and terms.group_of[k, state.codes[row, i]] < 0:
            group[p] = -1
        for c in range(design.shape[1]):
            design[p, c] = 0.0
            if terms.columns[k, c] >= 0:
                if terms.indicates[k, c, state.codes[terms.columns[k, c], i]]:
                    design[p, c] = 1.0
            elif terms.numbers[k, c] >= 0:
                design[p, c] = state.values[terms.numbers[k, c], i]
    beta, variance = cox(days, event, group, design, NEWTON)
    return beta[0] if variance > 0.0 else math.nan


@njit(cache=True, error_model="numpy")
def quantity(terms, quantities, q, state, group, design):
    """The value of a quantity."""
    value = term(terms, quantities.first[q], state, group, design)
    if quantities.made[q] == PLAIN:
        return value
    other = term(terms, quantities.second[q], state, group, design)
    return value - other if quantities.made[q] == DIFFERENCE else value / other


@njit(cache=True, error_model="numpy")
def _may_be(space, state, i):
    """Whether a patient's codes, times and values are what the protocol allows."""
    rules, codes, days = space.rules, state.codes, state.days
    for c in range(rules.components.shape[1]):
        cell = 0
        for b in range(rules.components.shape[2]):
            row = rules.components[0, c, b]
            if row < 0:
                break
            code = codes[row, i]
            if code >= rules.components[2, c, b]:
                return False
            cell += rules.components[1, c, b] * code
        if not rules.allowed[rules.first[c] + cell]:
            return False
        for s in range(len(rules.shared)):
            apart = days[rules.shared[s, 0], i] != days[rules.shared[s, 1], i]
            if rules.shared[s, 2] == c and rules.shared_cells[s, cell] and apart:
                return False
    for e in range(len(rules.reach)):
        if days[e, i] < rules.reach[e, 0] or days[e, i] > rules.reach[e, 1]:
            return False
    for r in range(len(rules.relations)):
        e, o = rules.relations[r, 0], rules.relations[r, 1]
        if rules.relations[r, 2] == 1 and days[e, i] > days[o, i]:
            return False
        if rules.relations[r, 3] > 0 and codes[space.event_row[e], i] == 1:
            if codes[space.event_row[o], i] == 0:
                return False
            if rules.relations[r, 3] == 2 and days[e, i] != days[o, i]:
                return False
    for t in range(len(rules.ties)):
        if _meets_all(rules.tie_conditions[t], rules.tie_meets[t], codes, i):
            x = state.values[rules.ties[t, 0], i]
            y = state.values[rules.ties[t, 1], i]
            if x > y + _EDGE or (rules.ties[t, 2] == 1 and x < y - _EDGE):
                return False
    return True


@njit(cache=True, error_model="numpy")
def _status(space, state, w, i):
    """What a ROC curve sees of a patient: left out, not known by its time, alive then, or dead."""
    rules = space.rules
    if not _meets_all(rules.marker_conditions[w], rules.marker_meets[w], state.codes, i):
        return 0
    e, horizon = rules.markers[w, 0], rules.markers[w, 1]
    event = state.codes[space.event_row[e], i] == 0
    if state.days[e, i] > horizon:
        return 2
    return 3 if event else 1


@njit(cache=True, error_model="numpy")
def _reorder(space, state, e):
    """Bring the order of an endpoint's times up to date; whether it changed."""
    order, days, codes = state.order[e], state.days[e], state.codes[space.event_row[e]]
    changed = False
    n = len(order)
    for p in range(n):
        i = order[p]
        event = codes[i] == 0
        # Ties and events decide, too: who shares a time with whom, and who of them dies.
        if event != state.sorted_event[e, p]:
            changed = True
        if p > 0 and not changed:
            before = state.sorted_days[e, p - 1] == state.sorted_days[e, p]
            if before != (days[order[p - 1]] == days[i]):
                changed = True
    for p in range(1, n):  # nearly sorted: insertion is the quickest
        i = order[p]
        key = days[i] * 2 + codes[i]
        q = p
        while q > 0 and days[order[q - 1]] * 2 + codes[order[q - 1]] > key:
            order[q] = order[q - 1]
            q -= 1
        if q != p:
            order[q] = i
            changed = True
    for p in range(n):
        state.sorted_days[e, p] = days[order[p]]
        state.sorted_event[e, p] = codes[order[p]] == 0
    return changed


@njit(cache=True, error_model="numpy")
def _holds(space, state, blocks, times, ranked, ahead, group, design):
    """Whether every target holds that depends on the changed blocks (B,) or times (E,). What fails
    is looked at earlier the next time: `ahead` is the order in which targets are looked at."""
    targets = len(space.targets.specs)
    shared = np.zeros((0, 0), dtype=np.bool_)
    timelines = Timelines(state.order, state.sorted_days, state.sorted_event, shared)
    for a in range(len(ahead)):
        t = ahead[a]
        held = True
        if t < targets:
            touched = False
            for b in range(len(blocks)):
                touched = touched or (blocks[b] and space.blocks[t, b])
            if not touched:
                for e in range(len(times)):
                    if times[e] and space.times[t, e]:
                        touched = ranked[e] or space.targets.specs[t, 0] not in ORDER_ONLY
            if touched:
                held = target_distance(space.targets, t, state.codes, timelines, group) == 0.0
        else:
            q = t - targets
            touched = False
            for b in range(len(blocks)):
                touched = touched or (blocks[b] and space.checks.blocks[q, b])
            for e in range(len(times)):
                touched = touched or (times[e] and space.checks.times[q, e])
            if touched:
                value = quantity(space.terms, space.checks, q, state, group, design)
                held = space.checks.low[q] - _EDGE <= value <= space.checks.high[q] + _EDGE
        if not held:
            if a > 0:
                ahead[a], ahead[a - 1] = ahead[a - 1], ahead[a]
            return False
    return True


@njit(cache=True, error_model="numpy")
def _swap(space, state, move, i, j):
    for b in range(space.moves.shape[2]):
        if space.moves[move, 0, b]:
            codes = state.codes
            codes[b, i], codes[b, j] = codes[b, j], codes[b, i]
            row = space.number_of[b]
            if row >= 0:
                values = state.values
                values[row, i], values[row, j] = values[row, j], values[row, i]


@njit(cache=True, error_model="numpy")
def _swappable(space, state, move, i, j):
    """Whether an exchange is allowed by the move and changes something."""
    differ = False
    for b in range(space.moves.shape[2]):
        same = state.codes[b, i] == state.codes[b, j]
        if space.moves[move, 1, b] and not same:
            return False
        if space.moves[move, 0, b]:
            row = space.number_of[b]
            differ = differ or not same
            differ = differ or (row >= 0 and state.values[row, i] != state.values[row, j])
    return differ and i != j


@njit(cache=True, error_model="numpy")
def _partner(space, state, move, e, i):
    """Whom to exchange with: anybody, or the next in time of endpoint e who differs."""
    n = state.codes.shape[1]
    if np.random.random() >= NEARBY:
        return _below(n)
    place = 0
    while state.order[e, place] != i:
        place += 1
    step = 1 if np.random.random() < 0.5 else -1
    for _try in range(8):
        place += step
        if place < 0 or place >= n:
            break
        j = state.order[e, place]
        if _swappable(space, state, move, i, j):
            return j
    return _below(n)


@njit(cache=True, error_model="numpy")
def _new_day(space, state, e, i):
    """A day between the neighbours in time, a neighbour's own, or any day."""
    low, high = space.rules.reach[e, 0], space.rules.reach[e, 1]
    if np.random.random() >= CLOSE:
        return low + _below(high + 1 - low)
    n = state.codes.shape[1]
    place = 0
    while state.order[e, place] != i:
        place += 1
    width = 1 + _below(3)
    if place - width >= 0:
        low = max(low, state.sorted_days[e, place - width])
    if place + width < n:
        high = min(high, state.sorted_days[e, place + width])
    return low + _below(high + 1 - low) if low <= high else state.days[e, i]


@njit(cache=True, error_model="numpy")
def _score(space, wanted, q, sign, state, group, design):
    value = sign * quantity(space.terms, wanted, q, state, group, design)
    return -math.inf if math.isnan(value) else value


@njit(cache=True, error_model="numpy")
def climb(space, wanted, q, sign, state, own_moves, heat, goal, steps, seed):
    """Change `state` in place towards the largest (sign 1) or smallest (-1) value of a quantity of
    `wanted`, until it is beyond `goal` or for so many proposals; the best dataset met. `own_moves`
    are moves that the quantity feels."""
    blocks, n = state.codes.shape
    endpoints = len(state.days)
    np.random.seed(seed)
    group = np.zeros(n, dtype=np.int64)
    design = np.zeros((n, space.terms.columns.shape[1]))
    ahead = np.arange(len(space.targets.specs) + len(space.checks.made))
    timed = np.flatnonzero(wanted.times[q])
    e0 = timed[0]
    current = _score(space, wanted, q, sign, state, group, design)
    best = current
    best_codes, best_days, best_values = state.codes.copy(), state.days.copy(), state.values.copy()
    who = np.zeros(4, dtype=np.int64)
    old_codes = np.zeros((4, blocks), dtype=np.int64)
    old_days = np.zeros((4, endpoints), dtype=np.int64)
    old_values = np.zeros((4, len(state.values)))
    statuses = np.zeros((4, len(space.rules.markers)), dtype=np.int64)
    changed_blocks = np.zeros(blocks, dtype=np.bool_)
    changed_times = np.zeros(endpoints, dtype=np.bool_)
    ranked = np.zeros(endpoints, dtype=np.bool_)
    for step in range(steps):
        if best >= sign * goal:
            break
        for k in range(4):
            who[k] = _below(n)
        label = len(own_moves) > 0 and np.random.random() < LABELS
        move, involved, shift, flip, e = 0, 2, False, False, e0
        if label:
            move = own_moves[_below(len(own_moves))]
            who[1] = _partner(space, state, move, e0, who[0])
            if np.random.random() < TWICE:
                involved = 4
                who[3] = _partner(space, state, move, e0, who[2])
                if who[2] == who[0] or who[2] == who[1] or who[3] == who[0] or who[3] == who[1]:
                    continue
                if not _swappable(space, state, move, who[2], who[3]):
                    continue
            if not _swappable(space, state, move, who[0], who[1]):
                continue
        else:
            e = timed[_below(len(timed))]
            kind = np.random.random()
            shift, flip = kind < SHIFT, SHIFT <= kind < FLIP
            if shift:
                involved = 1
            elif flip:
                involved = 2 if np.random.random() < PAIRED else 1
                row = space.event_row[e]
                if involved == 2 and state.codes[row, who[0]] == state.codes[row, who[1]]:
                    continue
            if involved == 2 and who[0] == who[1]:
                continue
        for k in range(involved):
            i = who[k]
            for b in range(blocks):
                old_codes[k, b] = state.codes[b, i]
            for f in range(endpoints):
                old_days[k, f] = state.days[f, i]
            for v in range(len(state.values)):
                old_values[k, v] = state.values[v, i]
            for w in range(len(space.rules.markers)):
                statuses[k, w] = _status(space, state, w, i)
        changed_blocks[:] = False
        changed_times[:] = False
        ranked[:] = False
        if label:
            for b in range(blocks):
                changed_blocks[b] = space.moves[move, 0, b]
            _swap(space, state, move, who[0], who[1])
            if involved == 4:
                _swap(space, state, move, who[2], who[3])
        elif shift:
            day = _new_day(space, state, e, who[0])
            before = state.days[e, who[0]]
            if day == before:
                continue
            together = np.random.random() < 0.5  # endpoints that end on the same day stay together
            for f in range(endpoints):
                if f == e or (together and state.days[f, who[0]] == before):
                    state.days[f, who[0]] = day
                    changed_times[f] = True
        elif flip:
            for k in range(involved):
                row = space.event_row[e]
                state.codes[row, who[k]] = 1 - state.codes[row, who[k]]
            changed_blocks[space.event_row[e]] = True
            changed_times[e] = True
        else:  # two patients change places in time
            together = np.random.random() < 0.5
            i, j = who[0], who[1]
            for f in range(endpoints):
                if f == e or together:
                    row = space.event_row[f]
                    days, codes = state.days, state.codes
                    days[f, i], days[f, j] = days[f, j], days[f, i]
                    codes[row, i], codes[row, j] = codes[row, j], codes[row, i]
                    changed_blocks[row] = True
                    changed_times[f] = True
        kept = True
        for k in range(involved):
            kept = kept and _may_be(space, state, who[k])
        if kept:
            for w in range(len(space.rules.markers)):
                touched = changed_times[space.rules.markers[w, 0]]
                for b in range(blocks):
                    touched = touched or (changed_blocks[b] and space.rules.marker_blocks[w, b])
                if not touched:
                    continue
                for k in range(involved):
                    kept = kept and _status(space, state, w, who[k]) == statuses[k, w]
                if label and kept:
                    # Values may be exchanged only between patients whom the curve sees alike.
                    kept = statuses[0, w] == statuses[1, w]
                    if involved == 4:
                        kept = kept and statuses[2, w] == statuses[3, w]
        if kept:
            for f in range(endpoints):
                if changed_times[f]:
                    ranked[f] = _reorder(space, state, f)
            score = _score(space, wanted, q, sign, state, group, design)
            warmth = heat * (1.0 - step / steps)
            kept = score > -math.inf and score >= current - warmth * np.random.random()
            if kept:
                kept = _holds(
                    space, state, changed_blocks, changed_times, ranked, ahead, group, design
                )
            if kept:
                current = score
                if score > best:
                    best = score
                    best_codes[:] = state.codes
                    best_days[:] = state.days
                    best_values[:] = state.values
        if not kept:
            for k in range(involved):
                i = who[k]
                for b in range(blocks):
                    state.codes[b, i] = old_codes[k, b]
                for f in range(endpoints):
                    state.days[f, i] = old_days[k, f]
                for v in range(len(state.values)):
                    state.values[v, i] = old_values[k, v]
            for f in range(endpoints):
                if changed_times[f]:
                    _reorder(space, state, f)
    state.codes[:] = best_codes
    state.days[:] = best_days
    state.values[:] = best_values
    for f in range(endpoints):
        _reorder(space, state, f)
    return best
