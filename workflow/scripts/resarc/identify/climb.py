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
from resarc.identify.terms import LOG_RATIO, Quantities, Terms, meets_all, quantity
from resarc.reconstruct.distances import (
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
from resarc.reconstruct.kernels import below

ORDER_ONLY = (
    LOGRANK, SIDE, COX_P, HAZARD_RATIO, CHI2, TREND, YATES, WILCOXON, TARONE_WARE, PETO, COX_LR,
)  # fmt: skip
"""Targets that depend on the order of times, not on the times."""

_EDGE = 1e-9

# Of speed only: how often which change is tried.
LABELS, TWICE, NEARBY = 0.7, 0.25, 0.6
SHIFT, FLIP, PAIRED, CLOSE = 0.5, 0.75, 0.7, 0.6


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
    """The datasets that hold all targets. `targets` as in `exchanges`, T of them; `checks` are the Q
    targets that `exchanges` does not know. `moves` (K, 2, B): blocks exchanged together, and blocks in
    which both patients must then agree. A change is one of `moves` or, after them, of times: K + 2 m if
    the endpoints of the set m (its bits) change times only, K + 2 m + 1 if they change events, too; R in
    all. `felt` (R, T + Q): the targets that a change may break, first those of `targets`, and `many` (R,)
    how many they are; `ordered` (T,): which targets depend on the order of times only, not on the times,
    and `timed` (T, E) on whose. `seen` (R, W): whether a ROC curve may see a change. `number_of` (B,): the
    row of the values that goes with a block (-1: none); `event_row` (E,): the row of the codes that holds
    an endpoint's events (0: event, 1: censored)."""

    targets: Problem
    checks: Quantities
    terms: Terms
    rules: Rules
    moves: np.ndarray
    felt: np.ndarray
    many: np.ndarray
    ordered: np.ndarray
    timed: np.ndarray
    seen: np.ndarray
    number_of: np.ndarray
    event_row: np.ndarray


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
        if meets_all(rules.tie_conditions[t], rules.tie_meets[t], codes, i):
            x = state.values[rules.ties[t, 0], i]
            y = state.values[rules.ties[t, 1], i]
            if x > y + _EDGE or (rules.ties[t, 2] == 1 and x < y - _EDGE):
                return False
    return True


@njit(cache=True, error_model="numpy")
def _status(marker, conditions, meets, codes, days, event_row, i):
    """What a ROC curve sees of a patient: left out, not known by its time, alive then, or dead."""
    if not meets_all(conditions, meets, codes, i):
        return 0
    event = codes[event_row[marker[0]], i] == 0
    if days[marker[0], i] > marker[1]:
        return 2
    return 3 if event else 1


@njit(cache=True, error_model="numpy")
def _statuses(rules, seen, codes, days, event_row, who, involved, found):
    """What the ROC curves that may see a change see of the patients involved, into `found` (4, W)."""
    for w in range(len(rules.markers)):
        if seen[w]:
            marker = rules.markers[w]
            conditions, meets = rules.marker_conditions[w], rules.marker_meets[w]
            for k in range(involved):
                found[k, w] = _status(marker, conditions, meets, codes, days, event_row, who[k])


@njit(cache=True, error_model="numpy")
def _reorder(event_row, state, e):
    """Bring the order of an endpoint's times up to date; whether it changed."""
    order, days, codes = state.order[e], state.days[e], state.codes[event_row[e]]
    sorted_days, sorted_event = state.sorted_days[e], state.sorted_event[e]
    changed = False
    n = len(order)
    for p in range(n):
        i = order[p]
        event = codes[i] == 0
        # Ties and events decide, too: who shares a time with whom, and who of them dies.
        if event != sorted_event[p]:
            changed = True
        if p > 0 and not changed:
            before = sorted_days[p - 1] == sorted_days[p]
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
        sorted_days[p] = days[order[p]]
        sorted_event[p] = codes[order[p]] == 0
    return changed


@njit(cache=True, error_model="numpy")
def _holds(space, state, felt, shifted, ranked, group, design):
    """Whether every target holds that a change may break (`felt`). Where only times were `shifted`, what
    depends on their order alone is looked at if that changed (`ranked`, (E,)). What fails is looked at
    earlier the next time."""
    targets = len(space.targets.specs)
    shared = np.zeros((0, 0), dtype=np.bool_)
    timelines = Timelines(state.order, state.sorted_days, state.sorted_event, shared)
    for a in range(len(felt)):
        t = felt[a]
        if t < targets:
            if shifted and space.ordered[t]:
                touched = False
                for e in range(len(ranked)):
                    touched = touched or (ranked[e] and space.timed[t, e])
                if not touched:
                    continue
            held = target_distance(space.targets, t, state.codes, timelines, group) == 0.0
        else:
            q = t - targets
            value = quantity(space.terms, space.checks, q, state, group, design)
            held = space.checks.low[q] - _EDGE <= value <= space.checks.high[q] + _EDGE
        if not held:
            if a > 0:
                felt[a], felt[a - 1] = felt[a - 1], felt[a]
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
        return below(n)
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
    return below(n)


@njit(cache=True, error_model="numpy")
def _new_day(space, state, e, i):
    """A day between the neighbours in time, a neighbour's own, or any day."""
    low, high = space.rules.reach[e, 0], space.rules.reach[e, 1]
    if np.random.random() >= CLOSE:
        return low + below(high + 1 - low)
    n = state.codes.shape[1]
    place = 0
    while state.order[e, place] != i:
        place += 1
    width = 1 + below(3)
    if place - width >= 0:
        low = max(low, state.sorted_days[e, place - width])
    if place + width < n:
        high = min(high, state.sorted_days[e, place + width])
    return low + below(high + 1 - low) if low <= high else state.days[e, i]


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
    felt = space.felt.copy()
    known = len(space.moves)
    slow = space.terms.kind[wanted.first[q]] == LOG_RATIO  # a model costs more than most targets
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
    now = np.zeros((4, len(space.rules.markers)), dtype=np.int64)
    changed_times = np.zeros(endpoints, dtype=np.bool_)
    ranked = np.zeros(endpoints, dtype=np.bool_)
    for step in range(steps):
        if best >= sign * goal:
            break
        for k in range(4):
            who[k] = below(n)
        label = len(own_moves) > 0 and np.random.random() < LABELS
        move, involved, shift, flip, e = 0, 2, False, False, e0
        if label:
            move = own_moves[below(len(own_moves))]
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
            e = timed[below(len(timed))]
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
        changed_times[:] = False
        ranked[:] = False
        day, before, together = 0, 0, False
        if shift:
            day = _new_day(space, state, e, who[0])
            before = state.days[e, who[0]]
            if day == before:
                continue
            together = np.random.random() < 0.5  # endpoints that end on the same day stay together
            for f in range(endpoints):
                changed_times[f] = f == e or (together and state.days[f, who[0]] == before)
        elif not label:
            together = not flip and np.random.random() < 0.5
            for f in range(endpoints):
                changed_times[f] = f == e or together
        change = move
        if not label:
            mask = 0
            for f in range(endpoints):
                mask += (1 << f) if changed_times[f] else 0
            change = known + 2 * mask + (0 if shift else 1)
        _statuses(
            space.rules, space.seen[change], state.codes, state.days, space.event_row, who, involved,
            statuses,
        )  # fmt: skip
        if label:
            _swap(space, state, move, who[0], who[1])
            if involved == 4:
                _swap(space, state, move, who[2], who[3])
        elif shift:
            for f in range(endpoints):
                if changed_times[f]:
                    state.days[f, who[0]] = day
        elif flip:
            for k in range(involved):
                row = space.event_row[e]
                state.codes[row, who[k]] = 1 - state.codes[row, who[k]]
        else:  # two patients change places in time
            i, j = who[0], who[1]
            for f in range(endpoints):
                if changed_times[f]:
                    row = space.event_row[f]
                    days, codes = state.days, state.codes
                    days[f, i], days[f, j] = days[f, j], days[f, i]
                    codes[row, i], codes[row, j] = codes[row, j], codes[row, i]
        kept = True
        for k in range(involved):
            kept = kept and _may_be(space, state, who[k])
        if kept:
            seen = space.seen[change]
            _statuses(
                space.rules, seen, state.codes, state.days, space.event_row, who, involved, now
            )
            for w in range(len(seen)):
                if seen[w]:
                    for k in range(involved):
                        kept = kept and now[k, w] == statuses[k, w]
                    if label and kept:
                        # Values may be exchanged only between patients whom the curve sees alike.
                        kept = statuses[0, w] == statuses[1, w]
                        if involved == 4:
                            kept = kept and statuses[2, w] == statuses[3, w]
        if kept:
            for f in range(endpoints):
                if changed_times[f]:
                    ranked[f] = _reorder(space.event_row, state, f)
            held = False
            if slow:
                held = _holds(
                    space, state, felt[change, : space.many[change]], shift, ranked, group, design
                )
                kept = held
            score = -math.inf
            if kept:
                score = _score(space, wanted, q, sign, state, group, design)
                warmth = heat * (1.0 - step / steps)
                kept = score > -math.inf and score >= current - warmth * np.random.random()
            if kept and not held:
                kept = _holds(
                    space, state, felt[change, : space.many[change]], shift, ranked, group, design
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
                    _reorder(space.event_row, state, f)
    state.codes[:] = best_codes
    state.days[:] = best_days
    state.values[:] = best_values
    for f in range(endpoints):
        _reorder(space.event_row, state, f)
    return best
