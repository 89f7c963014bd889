"""Pushing one dataset towards an extreme of one estimand while every target holds, compiled.

Patients exchange labels, change their times, change places in time, or change events. A change is
kept if the dataset is still what the protocol allows, every target still holds, and the estimand
moves the wanted way (or the other way by less than a heat that falls to nothing: simulated
annealing, Kirkpatrick et al., Science 1983;220:671). So each state on the way is a dataset that
prints as the paper does; what comes out is judged afresh all the same (`push`).
"""

from __future__ import annotations

import math

import numpy as np

from resarc.compiled import njit
from resarc.reconstruct.courses import median_time
from resarc.reconstruct.distances import (
    EDGE,
    ENDPOINT,
    KIND,
    MEDIAN,
    Timelines,
    target_distance,
)
from resarc.reconstruct.kernels import below, limits
from resarc.reconstruct.steps import may_be, new_day, partner, reorder, swap, swappable
from resarc.reconstruct.terms import LOG_RATIO, meets_all, quantity

# Of speed only: how often which change is tried.
LABELS, TWICE = 0.7, 0.25
SHIFT, FLIP, PAIRED = 0.5, 0.75, 0.7


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
def _limit_reached(days, event, group, size, side, problem):
    """When the lower (side 1) or upper (2) limit of a group's curve falls to one half; NaN if never, as
    `ensemble.median_with_limits` has it."""
    s, greenwood, at_risk = 1.0, 0.0, size
    for p in range(len(days)):
        if group[p] < 0:
            continue
        if event[p]:
            s *= (at_risk - 1) / at_risk
            greenwood += 1.0 / (at_risk * (at_risk - 1.0)) if at_risk > 1 else math.inf
            low, high = limits(s, math.sqrt(greenwood), problem.interval, problem.z)
            height = low if side == 1 else high
            same = False  # whether somebody of the group dies later on the same day
            for q in range(p + 1, len(days)):
                if days[q] != days[p]:
                    break
                same = same or (group[q] >= 0 and event[q])
            if s > EDGE and height <= 0.5 + EDGE and not same:
                return float(days[p])
        at_risk -= 1
    return math.nan


@njit(cache=True, error_model="numpy")
def _median_prints(space, state, t, group):
    """Whether a median and its limits print as they should by the protocol's convention; a curve that is
    one half over a stretch may have it between two events. `group` is as `target_distance` leaves it."""
    problem, e = space.targets, space.targets.specs[t, ENDPOINT]
    days, event, size = state.sorted_days[e], state.sorted_event[e], 0
    for p in range(len(group)):
        size += 1 if group[p] >= 0 else 0
    for side in range(3):
        low, high = problem.ranges[t, 2 * side], problem.ranges[t, 2 * side + 1]
        if math.isnan(low):
            continue
        if side == 0:
            found = median_time(days, event, group, size, space.terms.half)
        else:
            found = _limit_reached(days, event, group, size, side, problem)
        if not low - EDGE <= found <= high + EDGE:
            return False
    return True


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
            if not held and space.targets.specs[t, KIND] == MEDIAN:
                held = _median_prints(space, state, t, group)
        else:
            q = t - targets
            value = quantity(space.terms, space.checks, q, state, group, design)
            held = space.checks.low[q] - EDGE <= value <= space.checks.high[q] + EDGE
        if not held:
            if a > 0:
                felt[a], felt[a - 1] = felt[a - 1], felt[a]
            return False
    return True


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
            who[1] = partner(space, state, move, e0, who[0])
            if np.random.random() < TWICE:
                involved = 4
                who[3] = partner(space, state, move, e0, who[2])
                if who[2] == who[0] or who[2] == who[1] or who[3] == who[0] or who[3] == who[1]:
                    continue
                if not swappable(space, state, move, who[2], who[3]):
                    continue
            if not swappable(space, state, move, who[0], who[1]):
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
            day = new_day(space, state, e, who[0])
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
            swap(space, state, move, who[0], who[1])
            if involved == 4:
                swap(space, state, move, who[2], who[3])
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
            kept = kept and may_be(space, state, who[k])
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
                    ranked[f] = reorder(space.event_row, state, f)
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
                    reorder(space.event_row, state, f)
    state.codes[:] = best_codes
    state.days[:] = best_days
    state.values[:] = best_values
    for f in range(endpoints):
        reorder(space.event_row, state, f)
    return best
