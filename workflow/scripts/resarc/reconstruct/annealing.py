"""Histories and labels of one dataset moved together until all figures hold, compiled.

A random history seldom admits labels under which a dozen subgroups print rates and limits to three
digits. So where labels were not found, the whole dataset is annealed (Kirkpatrick et al., Science
1983;220:671): patients exchange labels, change times, change places in time and change events. What
the protocol demands of a patient is never broken, and no exchange changes a printed count.

What is made small is the sum over all targets of log(1 + d/s), d being a target's distance and s about
what the last printed digit is worth. A target that is near costs nearly as much as one that is far, so
that the search seeks datasets that miss few targets, not all of them by a little.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from resarc.compiled import makes_arrays, tiny
from resarc.reconstruct.changes import group_of
from resarc.reconstruct.courses import median_time
from resarc.reconstruct.distances import (
    EDGE,
    ENDPOINT,
    GROUPS,
    KIND,
    MEDIAN,
    SIDE,
    SURVIVAL,
    TIME,
    UNKNOWN,
    Timelines,
    deviate_gap,
    is_rank_test,
    side_gap,
    survival_gap,
    target_distance,
    weighting,
)
from resarc.reconstruct.kernels import below, chi_of_sums, logrank_sums
from resarc.reconstruct.steps import may_be, new_day, partner, reorder, swap, swappable
from resarc.reconstruct.terms import (
    COUNT,
    CRUDE_TERM,
    DIFFERENCE,
    LOG_RATIO,
    LOGRANK_TERM,
    RISK_TERM,
    SHARE,
    SURVIVAL_TERM,
    quantity,
)

# Of speed only; what a member must hold is not touched by them.
HOT, COLD = 0.6, 0.25
DIGIT, MISSED = 5e-4, 0.5
LABELS = 0.7
SHIFT, FLIP, PAIRED, TOGETHER = 0.5, 0.75, 0.7, 0.5
NEIGHBOURS, REACH, PRINTED = 0.7, 3, 0.2


class Scratch(NamedTuple):
    """`groups` (T, n): each patient's group for a target, and `sizes` (T,) how many are in one;
    `group` (n,), `design` (n, P) and `sums` are overwritten at any time."""

    groups: np.ndarray
    sizes: np.ndarray
    group: np.ndarray
    design: np.ndarray
    sums: np.ndarray


@tiny
def _rate(space, t, state, scratch):
    """Kaplan-Meier S of a target's group and the standard error of its logarithm, as
    `kernels.survival_at` has them."""
    e, time = space.targets.specs[t, ENDPOINT], space.targets.ranges[t, TIME]
    at_risk = scratch.sizes[t]
    if at_risk == 0:
        return math.nan, math.nan
    s, greenwood = 1.0, 0.0
    for p in range(state.order.shape[1]):
        if state.sorted_days[e, p] > time:
            break
        if scratch.groups[t, state.order[e, p]] >= 0:
            if state.sorted_event[e, p]:
                s *= (at_risk - 1) / at_risk
                greenwood += 1.0 / (at_risk * (at_risk - 1.0)) if at_risk > 1 else math.inf
            at_risk -= 1
    if at_risk == 0 and s > 1e-12:
        return math.nan, math.nan
    return s, math.sqrt(greenwood)


@tiny
def distance(space, t, state, scratch, half):
    """How far a dataset is from a target, of `targets` or after them of `checks`; 0 where it holds.
    `half` is the median's convention (`courses.HALVES`)."""
    targets = len(space.targets.specs)
    if t >= targets:
        return _check(space, t - targets, state, scratch)
    problem = space.targets
    kind, e = problem.specs[t, KIND], problem.specs[t, ENDPOINT]
    n = state.codes.shape[1]
    if kind == SURVIVAL:
        s, error = _rate(space, t, state, scratch)
        return survival_gap(problem, t, s, error, n)
    if is_rank_test(kind):
        k = problem.specs[t, GROUPS]
        for p in range(n):
            scratch.group[p] = scratch.groups[t, state.order[e, p]]
        sums = scratch.sums[: k * (k + 3)]
        logrank_sums(
            state.sorted_days[e], state.sorted_event[e], scratch.group, k, sums,
            scratch.design[:0], weighting(kind),
        )  # fmt: skip
        if kind == SIDE:
            return side_gap(problem, t, sums[0])
        chi2, df = chi_of_sums(sums, k)
        return deviate_gap(problem, t, chi2, df)
    times = Timelines(state.order, state.sorted_days, state.sorted_event, state.sorted_event[:0])
    gap = target_distance(problem, t, state.codes, times, scratch.group)
    if kind == MEDIAN and gap > 0.0 and math.isnan(problem.ranges[t, 2]):
        # A curve may be one half over a stretch; then the median lies between two events.
        for p in range(n):
            scratch.group[p] = 0 if scratch.groups[t, state.order[e, p]] >= 0 else -1
        found = median_time(
            state.sorted_days[e], state.sorted_event[e], scratch.group, scratch.sizes[t], half
        )
        if problem.ranges[t, 0] - EDGE <= found <= problem.ranges[t, 1] + EDGE:
            return 0.0
    return gap


@tiny
def _check(space, q, state, scratch):
    """How far a quantity is from the range that its figure allows: patients and shares as in
    `distances`, times on a logarithmic scale."""
    value = quantity(space.terms, space.checks, q, state, scratch.group, scratch.design)
    low, high = space.checks.low[q], space.checks.high[q]
    if math.isnan(value):
        return UNKNOWN
    if low - EDGE <= value <= high + EDGE:
        return 0.0
    gap = max(low - value, value - high)
    kind, made = space.terms.kind[space.checks.first[q]], space.checks.made[q]
    if made == SHARE or kind in (SURVIVAL_TERM, CRUDE_TERM):
        return 0.3 * state.codes.shape[1] * gap
    if kind in (COUNT, RISK_TERM):
        return 0.3 * gap
    if made == DIFFERENCE:  # of restricted means, in days
        return gap / 30.0
    if kind in (LOGRANK_TERM, LOG_RATIO):
        return gap
    if value <= 0.0:
        return UNKNOWN
    return max(math.log(low / value) if low > 0.0 else -math.inf, math.log(value / high))


@tiny
def _cost(gap, digit):
    return MISSED + math.log1p(gap / digit) if gap > 0.0 else 0.0


@tiny
def _regroup(space, state, scratch, t, i):
    """Bring a patient's group for a target up to date."""
    before = scratch.groups[t, i]
    now = group_of(space.targets, t, state.codes, i)
    scratch.groups[t, i] = now
    scratch.sizes[t] += (1 if now >= 0 else 0) - (1 if before >= 0 else 0)


@tiny
def _near(state, e, i):
    """Somebody a few places before or after a patient in time."""
    place, n = 0, state.order.shape[1]
    while state.order[e, place] != i:
        place += 1
    place += (1 + below(REACH)) * (1 if np.random.random() < 0.5 else -1)
    return state.order[e, place] if 0 <= place < n else i


@makes_arrays
def anneal(space, state, moves, timed, windows, regroups, half, proposals, seed):
    """Change `state` in place until every target holds, or for so many proposals; the least cost met,
    whose dataset is left in `state`. `moves` are those of `space` that are allowed, `timed` the
    endpoints whose times and events may change, `windows` (W, 3) an endpoint and the first and last day
    that print as a time which the figures speak of; `regroups` says whether events decide who is in a
    target's group."""
    np.random.seed(seed)
    blocks, n = state.codes.shape
    endpoints, targets, every = len(state.days), len(space.targets.specs), space.felt.shape[1]
    widest = 1
    for t in range(targets):
        widest = max(widest, space.targets.specs[t, GROUPS])
    scratch = Scratch(
        np.full((targets, n), -1),
        np.zeros(targets, dtype=np.int64),
        np.zeros(n, dtype=np.int64),
        np.zeros((n, space.terms.columns.shape[1])),
        np.zeros(widest * (widest + 3)),
    )
    for t in range(targets):
        for i in range(n):
            _regroup(space, state, scratch, t, i)
    digit, known = DIGIT * n, len(space.moves)
    now, fresh = np.zeros(every), np.zeros(every)
    current = 0.0
    for t in range(every):
        now[t] = _cost(distance(space, t, state, scratch, half), digit)
        current += now[t]
    best = current
    best_codes, best_days = state.codes.copy(), state.days.copy()
    who = np.zeros(2, dtype=np.int64)
    old_codes = np.zeros((2, blocks), dtype=np.int64)
    old_days = np.zeros((2, endpoints), dtype=np.int64)
    moved = np.zeros(endpoints, dtype=np.bool_)
    ranked = np.zeros(endpoints, dtype=np.bool_)
    for step in range(proposals):
        if best == 0.0 or len(moves) + len(timed) == 0:
            break
        heat = HOT * (COLD / HOT) ** (step / proposals)
        limit = current - heat * math.log(1.0 - np.random.random())
        label = len(timed) == 0 or (len(moves) > 0 and np.random.random() < LABELS)
        e = timed[below(len(timed))] if len(timed) > 0 else 0
        who[0], who[1] = below(n), below(n)
        change, involved, shift, flip, day, before = 0, 2, False, False, 0, 0
        moved[:] = False
        if label:
            change = moves[below(len(moves))]
            who[1] = partner(space, state, change, e, who[0])
            if not swappable(space, state, change, who[0], who[1]):
                continue
        else:
            kind = np.random.random()
            shift, flip = kind < SHIFT, SHIFT <= kind < FLIP
            together = np.random.random() < TOGETHER and not flip
            if shift:
                involved = 1
                before = state.days[e, who[0]]
                w = below(len(windows)) if len(windows) > 0 else 0
                if len(windows) > 0 and windows[w, 0] == e and np.random.random() < PRINTED:
                    day = windows[w, 1] + below(windows[w, 2] + 1 - windows[w, 1])
                else:
                    day = new_day(space, state, e, who[0])
                if day == before:
                    continue
            else:
                if np.random.random() < NEIGHBOURS:
                    who[1] = _near(state, e, who[0])
                row = space.event_row[e]
                same = state.codes[row, who[0]] == state.codes[row, who[1]]
                if flip and np.random.random() >= PAIRED:
                    involved = 1
                elif who[0] == who[1] or (flip and same):
                    continue
            mask = 0
            for k in range(len(timed)):
                f = timed[k]
                # Endpoints that end on the same day stay together in half of all shifts.
                if f == e or (together and (not shift or state.days[f, who[0]] == before)):
                    moved[f] = True
                    mask += 1 << f
            change = known + 2 * mask + (0 if shift else 1)
        for k in range(involved):
            for b in range(blocks):
                old_codes[k, b] = state.codes[b, who[k]]
            for f in range(endpoints):
                old_days[k, f] = state.days[f, who[k]]
        _change(space, state, change, who, involved, label, shift, flip, day, moved)
        kept = True
        for k in range(involved):
            kept = kept and may_be(space, state, who[k])
        if not kept:
            _put_back(state, who, involved, old_codes, old_days)
            continue
        regroup = label or (regroups and not shift)
        for f in range(endpoints):
            if moved[f]:
                ranked[f] = reorder(space.event_row, state, f)
        total = current
        many = space.many[change]
        for a in range(many):
            t = space.felt[change, a]
            total -= now[t]
            if regroup and t < targets:
                for k in range(involved):
                    _regroup(space, state, scratch, t, who[k])
        for a in range(many):
            t = space.felt[change, a]
            fresh[t] = now[t]
            if not shift or t >= targets or _feels(space, t, moved, ranked, before, day):
                fresh[t] = _cost(distance(space, t, state, scratch, half), digit)
            total += fresh[t]
            if total > limit:
                break
        if total <= limit:
            for a in range(many):
                now[space.felt[change, a]] = fresh[space.felt[change, a]]
            current = 0.0
            for t in range(every):
                current += now[t]
            if current < best:
                best = current
                best_codes[:] = state.codes
                best_days[:] = state.days
            continue
        _put_back(state, who, involved, old_codes, old_days)
        for f in range(endpoints):
            if moved[f]:
                reorder(space.event_row, state, f)
        if regroup:
            for a in range(many):
                if space.felt[change, a] < targets:
                    for k in range(involved):
                        _regroup(space, state, scratch, space.felt[change, a], who[k])
    state.codes[:] = best_codes
    state.days[:] = best_days
    for f in range(endpoints):
        reorder(space.event_row, state, f)
    return best


@tiny
def _change(space, state, change, who, involved, label, shift, flip, day, moved):
    """Exchange labels, or shift one patient's times, or change events, or exchange places in time."""
    days, codes = state.days, state.codes
    if label:
        swap(space, state, change, who[0], who[1])
        return
    i, j = who[0], who[1]
    for f in range(len(days)):
        if not moved[f]:
            continue
        row = space.event_row[f]
        if shift:
            days[f, i] = day
        elif flip:
            for k in range(involved):
                codes[row, who[k]] = 1 - codes[row, who[k]]
        else:
            days[f, i], days[f, j] = days[f, j], days[f, i]
            codes[row, i], codes[row, j] = codes[row, j], codes[row, i]


@tiny
def _put_back(state, who, involved, old_codes, old_days):
    """Make the patients what they were."""
    for k in range(involved):
        for b in range(len(state.codes)):
            state.codes[b, who[k]] = old_codes[k, b]
        for f in range(len(state.days)):
            state.days[f, who[k]] = old_days[k, f]


@tiny
def _feels(space, t, moved, ranked, before, day):
    """Whether a target may feel that times went from one day to another."""
    e = space.targets.specs[t, ENDPOINT]
    if space.ordered[t] or space.targets.specs[t, KIND] == SURVIVAL:
        for f in range(len(moved)):
            if moved[f] and ranked[f] and space.timed[t, f]:
                return True
        if space.ordered[t]:
            return False
        time = space.targets.ranges[t, TIME]
        return moved[e] and (before <= time) != (day <= time)
    return True
