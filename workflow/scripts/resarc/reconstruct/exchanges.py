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

from resarc.compiled import njit
from resarc.reconstruct.kernels import (
    below,
    chi_squared,
    cox,
    crossing,
    exchange_terms,
    likelihood_ratio,
    limits,
    logrank,
    outside,
    survival_at,
    trend,
)

LOGRANK, SURVIVAL, MEDIAN, CRUDE, SIDE, COX_P, HAZARD_RATIO, CHI2, TREND, AT_RISK = range(10)
YATES, WILCOXON, TARONE_WARE, PETO, COX_LR = range(10, 15)

# Columns of Problem.specs, before the rows of the conditions, those of the covariates and how many
# levels these have; columns of Problem.ranges, after the ends for value, lower and upper limit.
KIND, ENDPOINT, BY, OTHER, GROUPS, ROWS, NARROW, FIRST = range(8)
TIME, SIGN = 6, 7

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

    `specs` (T, 7 + C + 2 A): kind, endpoint, the rows of the codes that a test groups by (`BY`) and
    crosses with (`OTHER`), how many groups and rows those make, and whether the target is narrow (1) or
    a test of the same groups and patients (2); then the rows of the codes that conditions speak of (-1:
    none), those of the covariates (-1: none) and how many levels these have. `levels` (T, 2 + A, L)
    turn codes into groups: of `BY`, of `OTHER`, of the covariates (-1: none). `meets` (T, C, L): which
    codes meet a condition. `ranges` (T, 8): the ends for value, lower and upper limit (NaN: none), the
    time in days, and the sign that the excess of deaths in group 0 must have (0: either). `window`
    (T, 2, D): that of the root of chi-squared by degrees of freedom.

    `moves` (K, 2, B): blocks exchanged together, and blocks in which both patients must then be
    equal. `touched` (2, K + B, T): which targets a move, and then new codes of a block, can change;
    first those of the narrow tests alone. `aimed` (K, T): tests of two groups whose grouping a move
    exchanges. `free`: rows of blocks whose counts nobody printed. `table` (2, B'): strides and sizes of
    the combinations of the component's blocks; `cells` (1 + S, combinations): which are permitted, then
    in which an event is another endpoint's.
    """

    specs: np.ndarray
    levels: np.ndarray
    meets: np.ndarray
    ranges: np.ndarray
    window: np.ndarray
    moves: np.ndarray
    touched: np.ndarray
    aimed: np.ndarray
    free: np.ndarray
    table: np.ndarray
    cells: np.ndarray
    interval: int
    z: float


class Timelines(NamedTuple):
    """The histories of one dataset: by endpoint (E, n) the patients in the order of time, events
    first, and in that order the days and events; `shared` (S, n) by patient."""

    order: np.ndarray
    days: np.ndarray
    event: np.ndarray
    shared: np.ndarray


@njit(cache=True, error_model="numpy")
def _grouping(problem, t, codes, order, grouped, group):
    """The group (0, 1, …) of each patient, in the order of time; -1 of who is in no group or outside
    the target's subgroup. Everybody else is in group 0 if the target is about one group."""
    block = problem.specs[t, BY]
    for p in range(len(order)):
        i = order[p]
        group[p] = problem.levels[t, 0, codes[block, i]] if grouped else 0
        for c in range(problem.meets.shape[1]):
            row = problem.specs[t, FIRST + c]
            if row >= 0 and not problem.meets[t, c, codes[row, i]]:
                group[p] = -1
                break


@njit(cache=True, error_model="numpy")
def _range(problem, t, side, value, unit):
    """Distance of a value or limit from its range in units; an unknown value is far."""
    low, high = problem.ranges[t, 2 * side], problem.ranges[t, 2 * side + 1]
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
def target_distance(problem, t, codes, times, group):
    """How far the dataset is from a target; 0 where it holds. `group` is scratch."""
    e = problem.specs[t, ENDPOINT]
    order, days, event = times.order[e], times.days[e], times.event[e]
    kind = problem.specs[t, KIND]
    whole = kind in (SURVIVAL, MEDIAN, CRUDE, AT_RISK, CHI2, TREND, YATES)
    _grouping(problem, t, codes, order, not whole, group)
    total = 0.0
    if kind == SURVIVAL:
        s, error = survival_at(days, event, group, problem.ranges[t, TIME])
        low, high = limits(s, error, problem.interval, problem.z)
        for side in range(3):
            value = s if side == 0 else low if side == 1 else high
            total += _range(problem, t, side, value, 0.3 * len(order))
    elif kind == MEDIAN:
        for side in range(3):
            for end in range(2):
                bound = problem.ranges[t, 2 * side + end]
                if math.isnan(bound) or math.isinf(bound):
                    continue
                sign = 1 if end == 0 else -1
                s, error = survival_at(days, event, group, bound - sign * 1e-6)
                height = s
                if side > 0:
                    low, high = limits(s, error, problem.interval, problem.z)
                    height = low if side == 1 else high
                total += crossing(1.0 if math.isnan(height) else height, sign)
    elif kind in (CRUDE, AT_RISK):
        size, beyond = 0.0, 0.0
        reach = problem.ranges[t, TIME] - (2e-6 if kind == AT_RISK else 0.0)
        for p in range(len(order)):
            if group[p] >= 0:
                size += 1.0
                if days[p] > reach:
                    beyond += 1.0
        unit = 0.3
        if kind == CRUDE:
            beyond = beyond / size if size > 0 else math.nan
            unit *= len(order)
        for side in range(1):
            total += _range(problem, t, side, beyond, unit)
    elif kind in (CHI2, TREND, YATES):
        table = np.zeros((problem.specs[t, ROWS], problem.specs[t, GROUPS]))
        for p in range(len(order)):
            i = order[p]
            row = problem.levels[t, 1, codes[problem.specs[t, OTHER], i]]
            column = problem.levels[t, 0, codes[problem.specs[t, BY], i]]
            if group[p] >= 0 and row >= 0 and column >= 0:
                table[row, column] += 1.0
        chi2, df = chi_squared(table, kind == YATES)
        if kind == TREND:
            chi2, df = trend(table), min(df, 1)
        total = _deviate_gap(problem, t, chi2, df)
    elif kind == COX_LR:
        chi2, df = likelihood_ratio(days, event, group, problem.specs[t, GROUPS], NEWTON)
        total = _deviate_gap(problem, t, chi2, df)
    elif kind >= WILCOXON:
        chi2, df, _ = logrank(days, event, group, problem.specs[t, GROUPS], kind - WILCOXON + 1)
        total = _deviate_gap(problem, t, chi2, df)
    elif kind in (LOGRANK, SIDE):
        chi2, df, excess = logrank(days, event, group, problem.specs[t, GROUPS])
        if kind == LOGRANK:
            total = _deviate_gap(problem, t, chi2, df)
        else:
            reach = excess[0] * problem.ranges[t, SIGN]
            total = 0.0 if reach > EDGE else 0.1 + min(abs(reach), 5.0)
    else:
        total = _cox_gap(problem, t, codes, times, group)
    return total


@njit(cache=True, error_model="numpy")
def _cox_gap(problem, t, codes, times, group):
    """Cox's model: the contrast of group 1 against group 0 first, then other levels and covariates
    as indicators against the first level that somebody has."""
    e = problem.specs[t, ENDPOINT]
    order = times.order[e]
    n = len(order)
    columns = problem.specs[t, GROUPS] - 1
    at = columns
    first = FIRST + problem.meets.shape[1]
    covariates = problem.levels.shape[1] - 2
    adjusted = False
    for c in range(covariates):
        if problem.specs[t, first + c] >= 0:
            columns += problem.specs[t, first + covariates + c]
            adjusted = True
    x = np.zeros((n, columns))
    for p in range(n):
        if not adjusted and group[p] > 1:
            group[p] = -1
        elif group[p] > 0:
            x[p, group[p] - 1] = 1.0
    for c in range(covariates):
        block, size = problem.specs[t, first + c], problem.specs[t, first + covariates + c]
        if block < 0:
            continue
        base = size
        for p in range(n):
            level = problem.levels[t, 2 + c, codes[block, order[p]]]
            if group[p] >= 0 and 0 <= level < base:
                base = level
        for p in range(n):
            level = problem.levels[t, 2 + c, codes[block, order[p]]]
            if level < 0:
                group[p] = -1
            elif level != base:
                x[p, at + level] = 1.0
        at += size
    beta, variance = cox(times.days[e], times.event[e], group, x, NEWTON)
    if math.isnan(variance) or variance <= 0.0:
        return UNKNOWN
    error = math.sqrt(variance)
    gap = 0.0
    if problem.specs[t, KIND] == COX_P:
        root = abs(beta[0]) / error
        gap = max(max(problem.window[t, 0, 1] - root, root - problem.window[t, 1, 1]), 0.0)
    else:
        for side in range(3):
            shift = 0.0 if side == 0 else -error if side == 1 else error
            gap += _range(problem, t, side, beta[0] + problem.z * shift, 1.0)
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
    if not problem.cells[0, cell]:
        return False
    for s in range(times.shared.shape[0]):
        if problem.cells[1 + s, cell] != times.shared[s, i]:
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
def _after(problem, codes, times, touched, distances, fresh, group, stage, limit):
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
            fresh[t] = target_distance(problem, t, codes, times, group)
            total += fresh[t]
            if total > limit or (stage == ALL and problem.specs[t, NARROW] == 1 and fresh[t] > 0.0):
                return False
    return total <= limit


@njit(cache=True, error_model="numpy")
def _total(distances):
    total = 0.0
    for t in range(len(distances)):
        total += distances[t]
    return total


@njit(cache=True, error_model="numpy")
def _copy(values, into):
    for k in range(len(values)):
        into[k] = values[k]


@njit(cache=True, error_model="numpy")
def _try(problem, codes, open_codes, times, distances, fresh, group, stage, heat):
    """One random change, accepted as annealing at this heat does, or at heat 0 if nothing is lost."""
    n, moves = codes.shape[1], problem.moves.shape[0]
    before = _sum(problem, distances, stage)
    flip, move, b, i, j, old = False, 0, 0, 0, 0, 0
    if len(problem.free) > 0 and np.random.random() < FLIPS:
        flip = True
        b = problem.free[below(len(problem.free))]
        i = below(n)
        old = codes[b, i]
        codes[b, i] = below(problem.table[1, b])
        if codes[b, i] == old or not _fits(problem, codes, open_codes, times, i):
            codes[b, i] = old
            return False
        move = moves + b
    else:
        move = below(moves)
        i, j = below(n), below(n)
        if not _may_swap(problem, codes, open_codes, times, move, i, j):
            return False
    limit = before - heat * math.log(1.0 - np.random.random())
    touched = problem.touched[min(stage, 1), move]
    if _after(problem, codes, times, touched, distances, fresh, group, stage, limit):
        _copy(fresh, distances)
        return True
    if flip:
        codes[b, i] = old
    else:
        _swap(problem, codes, move, i, j)
    return False


@njit(cache=True, error_model="numpy")
def _effects(problem, codes, times, move, aims, group, terms, standing):
    """For every test that is aimed at, each patient's residual, A and B (aims, 3, n), by patient,
    and U and V (aims, 2); who is outside a test's subgroup has NaN."""
    n = codes.shape[1]
    residual, a, b = np.empty(n), np.empty(n), np.empty(n)
    for k in range(terms.shape[0]):
        t = aims[k]
        e = problem.specs[t, ENDPOINT]
        order = times.order[e]
        _grouping(problem, t, codes, order, problem.aimed[move, t], group)
        standing[k, 0], standing[k, 1] = exchange_terms(
            times.days[e], times.event[e], group, residual, a, b
        )
        for p in range(n):
            i = order[p]
            terms[k, 0, i], terms[k, 1, i], terms[k, 2, i] = residual[p], a[p], b[p]
            if group[p] < 0:
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
    sign = problem.ranges[t, SIGN]
    if sign != 0.0 and u * sign <= 0.0:
        return False
    root = abs(u) / math.sqrt(v)
    return problem.window[t, 0, 1] - slack <= root <= problem.window[t, 1, 1] + slack


@njit(cache=True, error_model="numpy")
def _order_of(values, order):
    """The order of values in `order`, by Shell's method (CACM 1959;2:30)."""
    n = len(values)
    for i in range(n):
        order[i] = i
    gap = n // 2
    while gap > 0:
        for i in range(gap, n):
            place, at = order[i], i
            while at >= gap and values[order[at - gap]] > values[place]:
                order[at] = order[at - gap]
                at -= gap
            order[at] = place
        gap //= 2


@njit(cache=True, error_model="numpy")
def _first_at_least(values, order, low):
    """The first place of an order whose value is `low` or more."""
    left, right = 0, len(order)
    while left < right:
        middle = (left + right) // 2
        if values[order[middle]] < low:
            left = middle + 1
        else:
            right = middle
    return left


@njit(cache=True, error_model="numpy")
def _aim(problem, codes, open_codes, times, move, distances, fresh, group, stage):
    """One exchange or two of a move after which its tests of two groups are as printed; the first
    found that meets everything, or else the best if it is an improvement. Says whether there was
    one. For moves that touch nothing but tests of two groups."""
    n, targets = codes.shape[1], len(problem.specs)
    touched = problem.touched[min(stage, 1), move]
    before = _sum(problem, distances, stage)
    if before == 0.0:
        return False
    aims = np.empty(targets, dtype=np.int64)
    count = 0
    for t in range(targets):
        if not touched[t]:
            continue
        if problem.aimed[move, t]:
            if stage != NARROW_FIRST or problem.specs[t, NARROW] == 1:
                aims[count] = t
                count += 1
        elif stage != NARROW_FIRST:
            return False  # an exchange might lose what is not aimed at; leave it to chance
    if count == 0:
        return False
    terms, standing = np.zeros((count, 3, n)), np.zeros((count, 2))
    _effects(problem, codes, times, move, aims, group, terms, standing)
    # Exchanges with an effect, in random order; the first is none at all.
    single = np.zeros((SINGLES, 2), dtype=np.int64)
    effect = np.zeros((SINGLES, count, 2))
    found = 1
    every = n * (n - 1) // 2
    stride = 1
    if every > 1:  # a step that visits every pair once
        stride = 1 + below(every - 1)
        while math.gcd(stride, every) != 1:
            stride = 1 + below(every - 1)
    pair = below(every)
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
        for k in range(count):
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
    main = effect[:found, 0, 0]
    by_effect = np.empty(found, dtype=np.int64)
    _order_of(main, by_effect)
    t0 = aims[0]
    best, best_first, best_second = before - 1e-12, -1, -1
    tries = 0
    for one in range(found):
        u, v = standing[0, 0] + effect[one, 0, 0], standing[0, 1] + effect[one, 0, 1]
        if v <= 0.0:
            continue
        for sign in (-1.0, 1.0):
            if problem.ranges[t0, SIGN] * sign < 0.0:
                continue
            low = (problem.window[t0, 0, 1] - SLACK) * math.sqrt(v)
            high = (problem.window[t0, 1, 1] + SLACK) * math.sqrt(v)
            if sign < 0:
                low, high = -high, -low
            at = _first_at_least(main, by_effect, low - u)
            while at < found and main[by_effect[at]] <= high - u:
                two = by_effect[at]
                at += 1
                if two == one:
                    continue
                i, j, k, m = single[one, 0], single[one, 1], single[two, 0], single[two, 1]
                if one != 0 and two != 0 and (i in (k, m) or j in (k, m)):
                    continue
                near = True
                for a in range(count):
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
                if _after(problem, codes, times, touched, distances, fresh, group, stage, best):
                    total = _sum(problem, fresh, stage)
                    if total == 0.0:
                        _copy(fresh, distances)
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
    for both in range(2):
        chosen = best_first if both == 0 else best_second
        if chosen != 0:
            _swap(problem, codes, move, single[chosen, 0], single[chosen, 1])
    _after(problem, codes, times, touched, distances, fresh, group, stage, math.inf)
    _copy(fresh, distances)
    return True


@njit(cache=True, error_model="numpy")
def _distances_of(problem, codes, times, group, distances):
    """Each target's distance in a dataset, in `distances`; their sum."""
    total = 0.0
    for t in range(len(distances)):
        distances[t] = target_distance(problem, t, codes, times, group)
        total += distances[t]
    return total


@njit(cache=True, error_model="numpy")
def search(problem, codes, open_codes, times, seed, rounds):
    """Change `codes` (blocks, n) in place until every target holds, or for so many rounds; the sum
    of the distances left. `open_codes` (blocks, n, L) are the codes that pins leave to a patient."""
    np.random.seed(seed)
    n = codes.shape[1]
    targets, moves = len(problem.specs), problem.moves.shape[0]
    group, distances, fresh = np.zeros(n, dtype=np.int64), np.zeros(targets), np.zeros(targets)
    best = _distances_of(problem, codes, times, group, distances)
    if moves == 0:
        return best
    best = math.inf
    kept = codes.copy()
    hopeless = 0
    # One version of each function for all stages: a literal number would be compiled apart.
    narrow_first, all_stage = np.int64(NARROW_FIRST), np.int64(ALL)
    for _round in range(rounds):
        for _start in range(NARROW_STARTS):
            if _sum(problem, distances, narrow_first) == 0.0:
                break
            for _step in range(n):
                _try(problem, codes, open_codes, times, distances, fresh, group, narrow_first, 1.0)
            for move in range(moves):
                _aim(problem, codes, open_codes, times, move, distances, fresh, group, narrow_first)
        left = _distances_of(problem, codes, times, group, distances)
        stage = all_stage
        if _sum(problem, distances, narrow_first) > 0.0:
            stage = np.int64(ANY)
        steps = PER_PATIENT * n
        for step in range(steps):
            if left == 0.0:
                break
            heat = HOT * (COLD / HOT) ** (step / steps)
            if _try(problem, codes, open_codes, times, distances, fresh, group, stage, heat):
                left = _total(distances)
        for _aim_number in range(AIMS):
            better = False
            for move in range(moves):
                better |= _aim(
                    problem, codes, open_codes, times, move, distances, fresh, group, stage
                )
            if not better:
                break
        left = _total(distances)
        if left < best:
            best = left
            for b in range(len(codes)):
                _copy(codes[b], kept[b])
        hopeless += 1 if left > HOPELESS else 0
        if left == 0.0 or hopeless == HOPE:
            break
    for b in range(len(codes)):
        _copy(kept[b], codes[b])
    _distances_of(problem, codes, times, group, distances)
    if best == 0.0:  # away from where the search came in
        for _step in range(MIX_PER_PATIENT * n):
            _try(problem, codes, open_codes, times, distances, fresh, group, all_stage, 0.0)
    return best
