"""What a change of one or two patients does to the targets of a label search, compiled.

Most proposals of a search are rejected, so that a proposal must cost little, a change that is kept
may cost more. `State` keeps each target's groups in the order of time, and sums over that order from
which the target's statistic after an exchange of two patients is known at once: exactly, in time
that does not grow with the number of patients (`kernels.shift`, `kernels.survival_after`, and counts).
Where there is no such sum (Cox's model; who enters or leaves a test's subgroup) the target is
computed anew. `distances.target_distance` says what must come out.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from resarc.compiled import lean, makes_arrays, tiny
from resarc.reconstruct.distances import (
    AT_RISK,
    BY,
    CHI2,
    COX_LR,
    COX_P,
    CRUDE,
    ENDPOINT,
    FIRST,
    GROUPS,
    HAZARD_RATIO,
    KIND,
    MEDIAN,
    OTHER,
    ROWS,
    SIDE,
    SURVIVAL,
    TIME,
    TREND,
    YATES,
    adjusted,
    deviate_gap,
    effect_gap,
    group_distance,
    grouping,
    is_rank_test,
    median_end,
    median_gap,
    model,
    reach_of,
    share_gap,
    side_gap,
    survival_gap,
    table_gap,
    weighting,
)
from resarc.reconstruct.kernels import (
    chi_of_sums,
    functions_of_risk,
    logrank_sums,
    shift,
    survival_after,
    survival_terms,
)


class State(NamedTuple):
    """What is known of one dataset: E endpoints, n patients, T targets.

    `place` (E, n): each patient's place in the order of time. `group` (T, n), by place: the group in a
    test, the cell of a table or of a model's indicators, or 0 of who is in a subgroup (-1: out).
    `before` (T, 6, 2): how many places lie before the times that a target speaks of, and before or
    at them (-1: no such time). `terms` (T, R, n + 1) and `sums` (T, S): those of the kernels, or counts;
    `stale` (T,) where a change was kept since. `work` (S,) is scratch; `logs` are of the number at
    risk. `now` and `fresh` (T,): the distances as they are, and as they would be after a change;
    `aimed` (T,) is scratch. `twin` (T,): an earlier target of the same model with covariates (-1: none),
    and `fit` (T, 2) what that model last gave.
    """

    place: np.ndarray
    group: np.ndarray
    before: np.ndarray
    terms: np.ndarray
    sums: np.ndarray
    stale: np.ndarray
    work: np.ndarray
    logs: np.ndarray
    now: np.ndarray
    fresh: np.ndarray
    aimed: np.ndarray
    twin: np.ndarray
    fit: np.ndarray


@makes_arrays
def start(problem, codes, times):
    """The state of a dataset."""
    n, targets = codes.shape[1], len(problem.specs)
    groups, cells = 1, 2
    for t in range(targets):
        groups = max(groups, problem.specs[t, GROUPS])
        cells = max(cells, problem.specs[t, ROWS] * problem.specs[t, GROUPS])
    size = max(groups * (groups + 3), cells)
    place = np.zeros(times.order.shape, dtype=np.int64)
    for e in range(len(place)):
        for p in range(n):
            place[e, times.order[e, p]] = p
    state = State(
        place,
        np.zeros((targets, n), dtype=np.int64),
        np.full((targets, 6, 2), -1),
        np.zeros((targets, max(7, 3 + groups), n + 1)),
        np.zeros((targets, size)),
        np.ones(targets, dtype=np.bool_),
        np.zeros(size),
        functions_of_risk(n),
        np.zeros(targets),
        np.zeros(targets),
        np.zeros(targets, dtype=np.int64),
        np.full(targets, -1),
        np.zeros((targets, 2)),
    )
    for t in range(targets):
        for u in range(t):
            if state.twin[t] < 0 and _same_model(problem, t, u):
                state.twin[t] = u
        e = problem.specs[t, ENDPOINT]
        kind = problem.specs[t, KIND]
        for end in range(6):
            time = math.nan
            if kind == MEDIAN:
                time = median_end(problem, t, end)
            elif end == 0 and kind == SURVIVAL:
                time = problem.ranges[t, TIME]
            elif end == 0 and kind in (CRUDE, AT_RISK):
                time = reach_of(problem, t)
            if not math.isnan(time):
                first, last = 0, 0
                for p in range(n):
                    first += times.days[e, p] < time
                    last += times.days[e, p] <= time
                state.before[t, end, 0], state.before[t, end, 1] = first, last
    place_all(problem, codes, times, state)
    return state


@lean
def _same_model(problem, t, u):
    """Whether two targets are of one model with covariates."""
    same = adjusted(problem, t)
    for target in (t, u):
        same = same and problem.specs[target, KIND] in (COX_P, HAZARD_RATIO)
    for column in (ENDPOINT, BY, GROUPS):
        same = same and problem.specs[t, column] == problem.specs[u, column]
    for column in range(FIRST, problem.specs.shape[1]):
        same = same and problem.specs[t, column] == problem.specs[u, column]
    for code in range(problem.levels.shape[2]):
        for row in range(problem.levels.shape[1]):
            same = same and problem.levels[t, row, code] == problem.levels[u, row, code]
        for row in range(problem.meets.shape[1]):
            same = same and problem.meets[t, row, code] == problem.meets[u, row, code]
    return same


@lean
def place_all(problem, codes, times, state):
    """Bring the state up to date with codes that changed as a whole."""
    for t in range(len(problem.specs)):
        e = problem.specs[t, ENDPOINT]
        for p in range(codes.shape[1]):
            state.group[t, p] = group_of(problem, t, codes, times.order[e, p])
        state.stale[t] = True


@tiny
def group_of(problem, t, codes, i):
    """A patient's group for a target, as `State.group` has it."""
    specs = problem.specs
    conditions, covariates = problem.meets.shape[1], problem.levels.shape[1] - 2
    for c in range(conditions):
        row = specs[t, FIRST + c]
        if row >= 0 and not problem.meets[t, c, codes[row, i]]:
            return -1
    kind = specs[t, KIND]
    if kind in (SURVIVAL, MEDIAN, CRUDE, AT_RISK):
        return 0
    group = problem.levels[t, 0, codes[specs[t, BY], i]]
    if group < 0:
        return -1
    if kind in (CHI2, TREND, YATES):
        row = problem.levels[t, 1, codes[specs[t, OTHER], i]]
        return row * specs[t, GROUPS] + group if row >= 0 else -1
    if kind in (COX_P, HAZARD_RATIO):
        first = FIRST + conditions
        for c in range(covariates):
            row = specs[t, first + c]
            if row >= 0:
                level = problem.levels[t, 2 + c, codes[row, i]]
                if level < 0:
                    return -1
                group = group * specs[t, first + covariates + c] + level
    return group


@lean
def refresh(problem, t, times, state):
    """Bring a target's sums up to date with its groups."""
    e, kind = problem.specs[t, ENDPOINT], problem.specs[t, KIND]
    group, sums = state.group[t], state.sums[t]
    state.stale[t] = False
    if kind in (SURVIVAL, MEDIAN):
        survival_terms(times.event[e], group, state.logs, state.terms[t])
    elif is_rank_test(kind) or (kind == COX_P and not adjusted(problem, t)):
        # Of a Cox model's p they guide aimed exchanges.
        k = problem.specs[t, GROUPS]
        terms = state.terms[t, : 3 + k]
        weight = weighting(kind) if kind != COX_P else 0
        logrank_sums(times.days[e], times.event[e], group, k, sums[: k * (k + 3)], terms, weight)
    elif kind in (CRUDE, AT_RISK, CHI2, TREND, YATES):
        for s in range(len(sums)):
            sums[s] = 0.0
        for p in range(len(group)):
            if group[p] >= 0:
                sums[_count_of(problem, t, state, group[p], p)] += 1.0


@tiny
def _count_of(problem, t, state, group, p):
    """Which count somebody at a place belongs to: of a table its cell; of a rate who is beyond the time
    (1) or not (0)."""
    if problem.specs[t, KIND] in (CHI2, TREND, YATES):
        return group
    return 1 if p >= state.before[t, 0, 1] else 0


@tiny
def distance_after(problem, t, codes, times, state, scratch, i, j):
    """A target's distance after the codes of patients i and j changed (j may be i), which the state
    does not know yet. Of a change, targets are asked for in their order: one takes the model of its
    twin."""
    e, kind = problem.specs[t, ENDPOINT], problem.specs[t, KIND]
    p, q = state.place[e, i], state.place[e, j]
    a, b = state.group[t, p], state.group[t, q]
    new_a, new_b = group_of(problem, t, codes, i), group_of(problem, t, codes, j)
    if a == new_a and b == new_b:
        return state.now[t]
    if kind in (SURVIVAL, MEDIAN):
        if a != new_b or b != new_a:
            return _anew(problem, t, times, state, p, new_a, q, new_b)
        if state.stale[t]:
            refresh(problem, t, times, state)
        out, into = (p, q) if a >= 0 else (q, p)
        return _curve_gap(problem, t, times, state, out, into)
    if is_rank_test(kind):
        if a == new_a:  # only the other one moves
            p, a, new_a, q, b, new_b = q, b, new_b, p, a, new_a
        exchanged = a == new_b and b == new_a
        if a < 0 or new_a < 0 or not (exchanged or b == new_b or i == j):
            return _anew(problem, t, times, state, p, new_a, q, new_b)
        if state.stale[t]:
            refresh(problem, t, times, state)
        k = problem.specs[t, GROUPS]
        for s in range(k + k * k):
            state.work[s] = state.sums[t, s]
        shift(state.work, k, state.terms[t], p, a, new_a, q if exchanged else -1)
        return _logrank_gap(problem, t, state.work, k)
    if kind in (CRUDE, AT_RISK, CHI2, TREND, YATES):
        if state.stale[t]:
            refresh(problem, t, times, state)
        for s in range(len(state.work)):
            state.work[s] = state.sums[t, s]
        for who in range(1 if i == j else 2):
            place = p if who == 0 else q
            old, new = (a, new_a) if who == 0 else (b, new_b)
            if old >= 0:
                state.work[_count_of(problem, t, state, old, place)] -= 1.0
            if new >= 0:
                state.work[_count_of(problem, t, state, new, place)] += 1.0
        return _count_gap(problem, t, state.work, len(state.group[t]))
    if kind != COX_LR and adjusted(problem, t):
        u = state.twin[t]
        if u < 0:
            u = t
            grouping(problem, t, codes, times.order[e], True, scratch)
            state.fit[t, 0], state.fit[t, 1] = model(problem, t, codes, times, scratch)
        return effect_gap(problem, t, state.fit[u, 0], state.fit[u, 1])
    return _anew(problem, t, times, state, p, new_a, q, new_b)


@lean
def _anew(problem, t, times, state, p, new_a, q, new_b):
    """A target's distance once the patients at two places have other groups."""
    group = state.group[t]
    a, b = group[p], group[q]
    group[p], group[q] = new_a, new_b
    found = group_distance(problem, t, times, group)
    group[q] = b
    group[p] = a
    return found


@tiny
def keep(problem, codes, state, touched, i):
    """Let the state know that a patient's codes have changed."""
    for t in range(len(touched)):
        if touched[t]:
            p = state.place[problem.specs[t, ENDPOINT], i]
            group = group_of(problem, t, codes, i)
            if group != state.group[t, p]:
                state.group[t, p] = group
                state.stale[t] = True


@tiny
def _curve_gap(problem, t, times, state, out, into):
    event = times.event[problem.specs[t, ENDPOINT]]
    total = 0.0
    for end in range(6):
        first, last = state.before[t, end, 0], state.before[t, end, 1]
        if first < 0:
            continue
        s, error = survival_after(event, state.terms[t], state.logs, first, last, out, into)
        if problem.specs[t, KIND] == SURVIVAL:
            return survival_gap(problem, t, s, error, len(event))
        total += median_gap(problem, end, s, error)
    return total


@tiny
def _logrank_gap(problem, t, sums, k):
    if problem.specs[t, KIND] == SIDE:
        return side_gap(problem, t, sums[0])
    chi2, df = chi_of_sums(sums, k)
    return deviate_gap(problem, t, chi2, df)


@lean
def _count_gap(problem, t, counts, patients):
    if problem.specs[t, KIND] in (CHI2, TREND, YATES):
        rows, groups = problem.specs[t, ROWS], problem.specs[t, GROUPS]
        return table_gap(problem, t, counts[: rows * groups].reshape(rows, groups))
    return share_gap(problem, t, counts[0] + counts[1], counts[1], patients)
