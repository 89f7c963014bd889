"""The search for labels of one dataset, compiled.

Patients of a fixed history exchange codes until every test, rate and median of subgroups is as
printed. An exchange keeps all counts. Most exchanges are tried at random and accepted as in
simulated annealing (Kirkpatrick et al., Science 1983;220:671). Where log-rank tests of two groups
are asked for, exchanges are also aimed: what an exchange does to such a test is known exactly from
one pass over the history (`kernels.exchange_terms`), and two exchanges together do nearly what they
do one by one, so that millions of pairs of exchanges are compared at the price of a few. A test
printed to so many digits that annealing passes it by (`NARROW`) is met first, while nothing else
matters, and kept from then on.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from resarc.reconstruct.kernels import (
    chi_squared,
    cox,
    crossing,
    exchange_terms,
    limits,
    logrank,
    outside,
    survival_at,
    trend,
)

LOGRANK, SURVIVAL, MEDIAN, CRUDE, SIDE, COX_P, HAZARD_RATIO, CHI2, TREND, AT_RISK = range(10)

# Columns of Problem.specs and Problem.reals.
KIND, ENDPOINT, BY, OTHER, GROUPS, ROWS, NARROW = range(7)
TIME, SIGN = range(2)

# What a search makes small: narrow tests alone, all while those hold, or all alike.
NARROW_FIRST, ALL, ANY = range(3)

UNKNOWN = 3.0
EDGE = 1e-9

# Of speed only; what a member must hold is not touched by them.
ROUNDS = 8
HOPELESS, HOPE = 0.05, 3
PER_PATIENT = 60
HOT, COLD = 0.05, 5e-4
AIMS = 8
NARROW_STARTS = 20
FLIPS = 0.3
MIX_PER_PATIENT = 2
PAIRS = 20_000
SINGLES = 3000
SLACK = 0.03
TRIES = 1500
NEWTON = 6


class Problem(NamedTuple):
    """What the labels of a component must meet, as arrays: T targets, B blocks, L levels at most.

    `specs` (T, 7): kind, endpoint, the rows of the codes that a test groups by (`BY`) and crosses
    with (`OTHER`), how many groups and rows those make, and whether the target is narrow (1) or a test
    of the same groups and patients (2). `levels`
    (T, 2 + A, L) turn codes into groups: of `BY`, of `OTHER`, of the covariates (-1: none).
    `conditions` (T, C) are rows of the codes (-1: none), `meets` (T, C, L) which codes meet them.
    `covariates` (T, A, 2) are rows (-1: none) and numbers of levels. `ranges` (T, 3, 2) are those of
    value, lower and upper limit (NaN: none), `window` (T, 2, D) that of the root of chi-squared by
    degrees of freedom. `reals` (T, 2): time in days; the sign that the excess of deaths in group 0
    must have (0: either). `touched` (B, T): whether a target depends on a block.

    `moves` (K, 2, B): blocks exchanged together, and blocks in which both patients must then be
    equal. `aimed` (K, T): tests of two groups whose grouping a move exchanges. `free` (B,): blocks
    whose counts nobody printed. `table` (2, B'): strides and sizes of `allowed`, the permitted
    combinations of the component's blocks; `shared_cell` (S, combinations): those in which an event
    is another endpoint's.
    """

    specs: np.ndarray
    levels: np.ndarray
    conditions: np.ndarray
    meets: np.ndarray
    covariates: np.ndarray
    ranges: np.ndarray
    window: np.ndarray
    reals: np.ndarray
    touched: np.ndarray
    moves: np.ndarray
    aimed: np.ndarray
    free: np.ndarray
    table: np.ndarray
    allowed: np.ndarray
    shared_cell: np.ndarray
    interval: int
    z: float
    patients: float


class Timelines(NamedTuple):
    """The histories of one dataset: by endpoint (E, n) the patients in the order of time, events
    first, and in that order the days and events; `shared` (S, n) by patient."""

    order: np.ndarray
    days: np.ndarray
    event: np.ndarray
    shared: np.ndarray


@njit(cache=True, error_model="numpy")
def _part(problem, t, codes, order, part):
    """Who is in the target's subgroup, in the order of time."""
    for p in range(len(order)):
        i = order[p]
        meets = True
        for c in range(problem.conditions.shape[1]):
            block = problem.conditions[t, c]
            if block >= 0 and not problem.meets[t, c, codes[block, i]]:
                meets = False
                break
        part[p] = meets


@njit(cache=True, error_model="numpy")
def _grouping(problem, t, codes, order, part, group):
    """The group (0, 1, …) of who takes part, in the order of time; -1 for the others."""
    for p in range(len(order)):
        level = problem.levels[t, 0, codes[problem.specs[t, BY], order[p]]]
        group[p] = level if part[p] else -1


@njit(cache=True, error_model="numpy")
def _range(problem, t, side, value, unit):
    """Distance of a value or limit from its range in units; an unknown value is far."""
    low, high = problem.ranges[t, side, 0], problem.ranges[t, side, 1]
    if math.isnan(low):
        return 0.0
    gap = outside(value, low - EDGE, high + EDGE)
    return UNKNOWN if math.isnan(gap) else gap * unit


@njit(cache=True, error_model="numpy")
def _deviate_gap(problem, t, chi2, df):
    if df == 0 or math.isnan(chi2):
        return UNKNOWN
    root = math.sqrt(max(chi2, 0.0))
    low, high = problem.window[t, 0, df], problem.window[t, 1, df]
    return max(max(low - root, root - high), 0.0)


@njit(cache=True, error_model="numpy")
def target_distance(problem, t, codes, times, part, group):
    """How far the dataset is from a target; 0 where it holds. `part` and `group` are scratch."""
    e = problem.specs[t, ENDPOINT]
    order = times.order[e]
    kind = problem.specs[t, KIND]
    _part(problem, t, codes, order, part)
    if kind == SURVIVAL:
        s, error = survival_at(times.days[e], times.event[e], part, problem.reals[t, TIME])
        unit = 0.3 * problem.patients
        total = _range(problem, t, 0, s, unit)
        if not (math.isnan(problem.ranges[t, 1, 0]) and math.isnan(problem.ranges[t, 2, 0])):
            low, high = limits(s, error, problem.interval, problem.z)
            total += _range(problem, t, 1, low, unit) + _range(problem, t, 2, high, unit)
        return total
    if kind == MEDIAN:
        total = 0.0
        for side in range(3):
            for end in range(2):
                bound = problem.ranges[t, side, end]
                if math.isnan(bound) or math.isinf(bound):
                    continue
                sign = 1 if end == 0 else -1
                s, error = survival_at(times.days[e], times.event[e], part, bound - sign * 1e-6)
                height = s
                if side > 0:
                    low, high = limits(s, error, problem.interval, problem.z)
                    height = low if side == 1 else high
                total += crossing(1.0 if math.isnan(height) else height, sign)
        return total
    if kind in (CRUDE, AT_RISK):
        size, beyond = 0, 0
        for p in range(len(order)):
            if part[p]:
                size += 1
                if times.days[e, p] > problem.reals[t, TIME] - (2e-6 if kind == AT_RISK else 0.0):
                    beyond += 1
        if kind == AT_RISK:
            return _range(problem, t, 0, float(beyond), 0.3)
        share = beyond / size if size > 0 else math.nan
        return _range(problem, t, 0, share, 0.3 * problem.patients)
    if kind in (CHI2, TREND):
        table = np.zeros((problem.specs[t, ROWS], problem.specs[t, GROUPS]))
        for p in range(len(order)):
            i = order[p]
            row = problem.levels[t, 1, codes[problem.specs[t, OTHER], i]]
            column = problem.levels[t, 0, codes[problem.specs[t, BY], i]]
            if part[p] and row >= 0 and column >= 0:
                table[row, column] += 1.0
        if kind == CHI2:
            chi2, df = chi_squared(table)
            return _deviate_gap(problem, t, chi2, df)
        return _deviate_gap(problem, t, trend(table), 1)
    _grouping(problem, t, codes, order, part, group)
    if kind in (LOGRANK, SIDE):
        chi2, df, excess = logrank(times.days[e], times.event[e], group, problem.specs[t, GROUPS])
        if kind == LOGRANK:
            return _deviate_gap(problem, t, chi2, df)
        reach = excess[0] * problem.reals[t, SIGN]
        return 0.0 if reach > EDGE else 0.1 + min(abs(reach), 5.0)
    return _cox_gap(problem, t, codes, times, part, group)


@njit(cache=True, error_model="numpy")
def _cox_gap(problem, t, codes, times, part, group):
    """Cox's model: the contrast of group 1 against group 0 first, then other levels and covariates
    as indicators against the first level that somebody has."""
    e = problem.specs[t, ENDPOINT]
    order = times.order[e]
    n = len(order)
    columns = problem.specs[t, GROUPS] - 1
    adjusted = False
    for c in range(problem.covariates.shape[1]):
        if problem.covariates[t, c, 0] >= 0:
            columns += problem.covariates[t, c, 1]
            adjusted = True
    x = np.zeros((n, columns))
    for p in range(n):
        if group[p] < 0 or (not adjusted and group[p] > 1):
            part[p] = False
        elif group[p] > 0:
            x[p, group[p] - 1] = 1.0
    at = problem.specs[t, GROUPS] - 1
    for c in range(problem.covariates.shape[1]):
        block = problem.covariates[t, c, 0]
        if block < 0:
            continue
        base = -1
        for level in range(problem.covariates[t, c, 1]):
            for p in range(n):
                if part[p] and problem.levels[t, 2 + c, codes[block, order[p]]] == level:
                    base = level
                    break
            if base >= 0:
                break
        for p in range(n):
            level = problem.levels[t, 2 + c, codes[block, order[p]]]
            if level < 0:
                part[p] = False
            elif level != base:
                x[p, at + level] = 1.0
        at += problem.covariates[t, c, 1]
    beta, variance = cox(times.days[e], times.event[e], part, x, NEWTON)
    if math.isnan(variance) or variance <= 0.0:
        return UNKNOWN
    error = math.sqrt(variance)
    if problem.specs[t, KIND] == COX_P:
        root = abs(beta[0]) / error
        gap = max(max(problem.window[t, 0, 1] - root, root - problem.window[t, 1, 1]), 0.0)
    else:
        gap = _range(problem, t, 0, beta[0], 1.0)
        gap += _range(problem, t, 1, beta[0] - problem.z * error, 1.0)
        gap += _range(problem, t, 2, beta[0] + problem.z * error, 1.0)
    return gap


@njit(cache=True, error_model="numpy")
def _fits(problem, codes, open_codes, times, i):
    """Whether a patient's codes are a permitted combination that its events and pins allow."""
    cell = 0
    for b in range(problem.table.shape[1]):
        code = codes[b, i]
        if code >= problem.table[1, b] or not open_codes[b, i, code]:
            return False
        cell += problem.table[0, b] * code
    if not problem.allowed[cell]:
        return False
    for s in range(problem.shared_cell.shape[0]):
        if problem.shared_cell[s, cell] != times.shared[s, i]:
            return False
    return True


@njit(cache=True, error_model="numpy")
def _swap(problem, codes, move, i, j):
    for b in range(problem.moves.shape[2]):
        if problem.moves[move, 0, b]:
            codes[b, i], codes[b, j] = codes[b, j], codes[b, i]


@njit(cache=True, error_model="numpy")
def _may_swap(problem, codes, open_codes, times, move, i, j):
    """Exchange two patients and say True, or leave all as it is and say False."""
    if i == j:
        return False
    differ = False
    for b in range(problem.moves.shape[2]):
        if problem.moves[move, 1, b] and codes[b, i] != codes[b, j]:
            return False
        if problem.moves[move, 0, b] and codes[b, i] != codes[b, j]:
            differ = True
    if not differ:
        return False
    _swap(problem, codes, move, i, j)
    if _fits(problem, codes, open_codes, times, i) and _fits(problem, codes, open_codes, times, j):
        return True
    _swap(problem, codes, move, i, j)
    return False


@njit(cache=True, error_model="numpy")
def _sum(problem, distances, stage):
    """What a stage makes small: the narrow tests, or all without losing a narrow one."""
    total, narrow = 0.0, 0.0
    for t in range(len(distances)):
        total += distances[t]
        if problem.specs[t, NARROW] == 1 or (
            problem.specs[t, NARROW] > 0 and stage == NARROW_FIRST
        ):
            narrow += distances[t]
    if stage == NARROW_FIRST:
        return narrow
    return math.inf if narrow > 0.0 and stage == ALL else total


@njit(cache=True, error_model="numpy")
def _after(problem, codes, times, touched, distances, fresh, part, group, stage, limit):
    """Distances after a change, in `fresh`: new ones of the targets that it touched. False, and
    `fresh` is incomplete, as soon as what the stage makes small is above the limit."""
    total = 0.0
    for t in range(len(problem.specs)):
        if not touched[t]:
            fresh[t] = distances[t]
            if stage != NARROW_FIRST or problem.specs[t, NARROW] > 0:
                total += fresh[t]
    for t in range(len(problem.specs)):
        if touched[t]:
            fresh[t] = target_distance(problem, t, codes, times, part, group)
            total += fresh[t]
            if total > limit or (stage == ALL and problem.specs[t, NARROW] == 1 and fresh[t] > 0.0):
                return False
    return total <= limit


@njit(cache=True, error_model="numpy")
def _touched(problem, stage):
    """What each move touches, and then what new codes of each block do (K + B, T)."""
    moves, blocks, targets = problem.moves.shape[0], problem.moves.shape[2], len(problem.specs)
    table = np.zeros((moves + blocks, targets), dtype=np.bool_)
    for t in range(targets):
        if stage == NARROW_FIRST and problem.specs[t, NARROW] == 0:
            continue
        for b in range(blocks):
            if problem.touched[b, t]:
                table[moves + b, t] = True
                for k in range(moves):
                    if problem.moves[k, 0, b]:
                        table[k, t] = True
    return table


@njit(cache=True, error_model="numpy")
def _try(
    problem, codes, open_codes, times, rng, touched, distances, fresh, part, group, stage, heat
):
    """One random change, accepted as annealing at this heat does, or at heat 0 if nothing is lost.
    `touched` (K + B, T): what the moves touch, then what new codes of a block do."""
    n, moves = codes.shape[1], problem.moves.shape[0]
    frees = problem.free.sum()
    before = _sum(problem, distances, stage)
    flip, move, b, i, j, old = False, 0, 0, 0, 0, 0
    if frees > 0 and rng.random() < FLIPS:
        flip = True
        b = np.flatnonzero(problem.free)[rng.integers(0, frees)]
        i = rng.integers(0, n)
        old = codes[b, i]
        codes[b, i] = rng.integers(0, problem.table[1, b])
        if codes[b, i] == old or not _fits(problem, codes, open_codes, times, i):
            codes[b, i] = old
            return False
        move = moves + b
    else:
        move = rng.integers(0, moves)
        i, j = rng.integers(0, n), rng.integers(0, n)
        if not _may_swap(problem, codes, open_codes, times, move, i, j):
            return False
    limit = before - heat * math.log(1.0 - rng.random())
    if _after(problem, codes, times, touched[move], distances, fresh, part, group, stage, limit):
        distances[:] = fresh
        return True
    if flip:
        codes[b, i] = old
    else:
        _swap(problem, codes, move, i, j)
    return False


@njit(cache=True, error_model="numpy")
def _effects(problem, codes, times, aims, part, group, terms, standing):
    """For every test that is aimed at, each patient's residual, A and B (aims, 3, n), by patient,
    and U and V (aims, 2); who is outside a test's subgroup has NaN."""
    n = codes.shape[1]
    residual, a, b = np.empty(n), np.empty(n), np.empty(n)
    for k in range(len(aims)):
        t = aims[k]
        e = problem.specs[t, ENDPOINT]
        order = times.order[e]
        _part(problem, t, codes, order, part)
        _grouping(problem, t, codes, order, part, group)
        standing[k, 0], standing[k, 1] = exchange_terms(
            times.days[e], times.event[e], group, residual, a, b
        )
        for p in range(n):
            i = order[p]
            if part[p]:
                terms[k, 0, i], terms[k, 1, i], terms[k, 2, i] = residual[p], a[p], b[p]
            else:
                terms[k, 0, i] = math.nan


@njit(cache=True, error_model="numpy")
def _effect(problem, codes, t, terms, i, j):
    """What exchanging i and j adds to U and V of a test of two groups."""
    level_i = problem.levels[t, 0, codes[problem.specs[t, BY], i]]
    level_j = problem.levels[t, 0, codes[problem.specs[t, BY], j]]
    if level_i == level_j:
        return 0.0, 0.0
    # Who leaves group 0 for 1, and who comes from there; a patient outside the subgroup stays out.
    out, into = (i, j) if level_i == 0 else (j, i)
    out_counts, into_counts = not math.isnan(terms[0, out]), not math.isnan(terms[0, into])
    u, v = 0.0, 0.0
    if out_counts:
        u -= terms[0, out]
        v -= terms[1, out]
    if into_counts:
        u += terms[0, into]
        v += terms[1, into]
    if out_counts and into_counts:
        v -= abs(terms[2, into] - terms[2, out])
    elif out_counts:
        v -= terms[2, out]
    elif into_counts:
        v -= terms[2, into]
    return u, v


@njit(cache=True, error_model="numpy")
def _near(problem, t, u, v, slack):
    """Whether a test with U and V lies within its window, or nearly so."""
    if v <= 0.0:
        return False
    sign = problem.reals[t, SIGN]
    if sign != 0.0 and u * sign <= 0.0:
        return False
    root = abs(u) / math.sqrt(v)
    return problem.window[t, 0, 1] - slack <= root <= problem.window[t, 1, 1] + slack


@njit(cache=True, error_model="numpy")
def _aim(
    problem, codes, open_codes, times, rng, move, touched, distances, fresh, part, group, stage
):
    """One exchange or two of a move after which its tests of two groups are as printed; the first
    found that meets everything, or else the best if it is an improvement. Says whether there was
    one. For moves that touch nothing but tests of two groups."""
    n = codes.shape[1]
    aims = np.flatnonzero(problem.aimed[move] & touched)
    if stage == NARROW_FIRST:
        aims = aims[problem.specs[aims, NARROW] == 1]
    before = _sum(problem, distances, stage)
    if len(aims) == 0 or before == 0.0:
        return False
    for t in range(len(problem.specs)):
        if touched[t] and not problem.aimed[move, t] and stage != NARROW_FIRST:
            return False  # an exchange might lose what is not aimed at; leave it to chance
    terms, standing = np.zeros((len(aims), 3, n)), np.zeros((len(aims), 2))
    _effects(problem, codes, times, aims, part, group, terms, standing)
    # Exchanges with an effect, in random order; the first is none at all.
    single = np.zeros((SINGLES, 2), dtype=np.int64)
    effect = np.zeros((SINGLES, len(aims), 2))
    found = 1
    every = n * (n - 1) // 2
    stride = 1
    if every > 1:  # a step that visits every pair once
        stride = rng.integers(1, every)
        while math.gcd(stride, every) != 1:
            stride = rng.integers(1, every)
    pair = rng.integers(0, every)
    for _visit in range(min(every, PAIRS)):
        pair = (pair + stride) % every
        j = int((1.0 + math.sqrt(1.0 + 8.0 * pair)) / 2.0)
        i = pair - j * (j - 1) // 2
        usable = False
        for b in range(problem.moves.shape[2]):
            if codes[b, i] != codes[b, j]:
                if problem.moves[move, 1, b]:
                    usable = False
                    break
                if problem.moves[move, 0, b]:
                    usable = True
        if not usable:
            continue
        some = False
        for k in range(len(aims)):
            u, v = _effect(problem, codes, aims[k], terms[k], i, j)
            effect[found, k, 0], effect[found, k, 1] = u, v
            some = some or u != 0.0
        if not some or not _may_swap(problem, codes, open_codes, times, move, i, j):
            continue
        _swap(problem, codes, move, i, j)
        single[found, 0], single[found, 1] = i, j
        found += 1
        if found == SINGLES:
            break
    # For each first exchange, the second ones that bring the first test near its window.
    by_effect = np.argsort(effect[:found, 0, 0])
    ordered = effect[:found, 0, 0][by_effect]
    t0 = aims[0]
    best, best_first, best_second = before - 1e-12, -1, -1
    tries = 0
    for one in range(found):
        u, v = standing[0, 0] + effect[one, 0, 0], standing[0, 1] + effect[one, 0, 1]
        if v <= 0.0:
            continue
        for sign in (-1.0, 1.0):
            if problem.reals[t0, SIGN] * sign < 0.0:
                continue
            low = (problem.window[t0, 0, 1] - SLACK) * math.sqrt(v)
            high = (problem.window[t0, 1, 1] + SLACK) * math.sqrt(v)
            if sign < 0:
                low, high = -high, -low
            at = np.searchsorted(ordered, low - u)
            while at < found and ordered[at] <= high - u:
                two = by_effect[at]
                at += 1
                if two == one:
                    continue
                i, j, k, m = single[one, 0], single[one, 1], single[two, 0], single[two, 1]
                if one != 0 and two != 0 and (i in (k, m) or j in (k, m)):
                    continue
                near = True
                for a in range(len(aims)):
                    if not _near(
                        problem,
                        aims[a],
                        standing[a, 0] + effect[one, a, 0] + effect[two, a, 0],
                        standing[a, 1] + effect[one, a, 1] + effect[two, a, 1],
                        SLACK,
                    ):
                        near = False
                        break
                if not near:
                    continue
                tries += 1
                if one != 0 and not _may_swap(problem, codes, open_codes, times, move, i, j):
                    continue
                if two != 0 and not _may_swap(problem, codes, open_codes, times, move, k, m):
                    if one != 0:
                        _swap(problem, codes, move, i, j)
                    continue
                if _after(
                    problem, codes, times, touched, distances, fresh, part, group, stage, best
                ):
                    total = _sum(problem, fresh, stage)
                    if total == 0.0:
                        distances[:] = fresh
                        return True
                    best, best_first, best_second = total - 1e-12, one, two
                if two != 0:
                    _swap(problem, codes, move, k, m)
                if one != 0:
                    _swap(problem, codes, move, i, j)
                if tries == TRIES:
                    break
            if tries == TRIES:
                break
        if tries == TRIES:
            break
    if best_first < 0:
        return False
    for chosen in (best_first, best_second):
        if chosen != 0:
            _swap(problem, codes, move, single[chosen, 0], single[chosen, 1])
    _after(problem, codes, times, touched, distances, fresh, part, group, stage, math.inf)
    distances[:] = fresh
    return True


@njit(cache=True, error_model="numpy")
def search(problem, codes, open_codes, times, rng, rounds):
    """Change `codes` (blocks, n) in place until every target holds, or for so many rounds; the sum
    of the distances left. `open_codes` (blocks, n, L) are the codes that pins leave to a patient."""
    n = codes.shape[1]
    targets, moves = len(problem.specs), problem.moves.shape[0]
    part, group = np.zeros(n, dtype=np.bool_), np.zeros(n, dtype=np.int64)
    distances, fresh = distances_of(problem, codes, times), np.zeros(targets)
    if moves == 0:
        return distances.sum()
    touched, touched_narrow = _touched(problem, ALL), _touched(problem, NARROW_FIRST)
    best, kept, kept_distances = math.inf, codes.copy(), distances.copy()
    hopeless = 0
    for _round in range(rounds):
        for _start in range(NARROW_STARTS):
            if _sum(problem, distances, NARROW_FIRST) == 0.0:
                break
            for _step in range(n):
                _try(
                    problem, codes, open_codes, times, rng, touched_narrow, distances, fresh, part,
                    group, NARROW_FIRST, 1.0,
                )  # fmt: skip
            for move in range(moves):
                _aim(
                    problem, codes, open_codes, times, rng, move, touched_narrow[move], distances,
                    fresh, part, group, NARROW_FIRST,
                )  # fmt: skip
        distances[:] = distances_of(problem, codes, times)
        stage = ALL if _sum(problem, distances, NARROW_FIRST) == 0.0 else ANY
        steps = PER_PATIENT * n
        for step in range(steps):
            if distances.sum() == 0.0:
                break
            _try(
                problem, codes, open_codes, times, rng, touched, distances, fresh, part, group,
                stage, HOT * (COLD / HOT) ** (step / steps),
            )  # fmt: skip
        for _aim_number in range(AIMS):
            better = False
            for move in range(moves):
                better |= _aim(
                    problem, codes, open_codes, times, rng, move, touched[move], distances, fresh,
                    part, group, stage,
                )  # fmt: skip
            if not better:
                break
        left = distances.sum()
        if left < best:
            best = left
            kept[:] = codes
            kept_distances[:] = distances
        hopeless += 1 if left > HOPELESS else 0
        if left == 0.0 or hopeless == HOPE:
            break
    codes[:] = kept
    distances[:] = kept_distances
    if best == 0.0:  # away from where the search came in
        for _step in range(MIX_PER_PATIENT * n):
            _try(
                problem, codes, open_codes, times, rng, touched, distances, fresh, part, group, ALL,
                0.0,
            )  # fmt: skip
    return best


@njit(cache=True, error_model="numpy")
def distances_of(problem, codes, times):
    """Each target's distance (T,) in a dataset."""
    n = codes.shape[1]
    part, group = np.zeros(n, dtype=np.bool_), np.zeros(n, dtype=np.int64)
    found = np.zeros(len(problem.specs))
    for t in range(len(found)):
        found[t] = target_distance(problem, t, codes, times, part, group)
    return found
