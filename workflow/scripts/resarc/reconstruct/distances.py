"""How far a dataset is from what is printed about subgroups, compiled.

`Problem` holds the targets of one search as arrays, `Timelines` the histories of one dataset;
`target_distance` computes one target from nothing. What a change of one or two patients does is
told by `changes`, which must agree with it.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from resarc.compiled import lean, makes_arrays, tiny
from resarc.reconstruct.kernels import (
    chi_squared,
    cox,
    cox_of_two,
    crossing,
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

FAR = 3.0
NEWTON = 6
"""Steps of Newton's method to a Cox model, of speed only."""


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


@tiny
def is_rank_test(kind):
    """Whether a target is a log-rank test, weighted or not, or its side."""
    return kind in (LOGRANK, SIDE) or WILCOXON <= kind <= PETO


@tiny
def weighting(kind):
    """Of such a test, as the kernels count weightings."""
    return kind - WILCOXON + 1 if kind >= WILCOXON else 0


@lean
def grouping(problem, t, codes, order, grouped, group):
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


@tiny
def _range(problem, t, side, value, unit):
    """Distance of a value or limit from its range in units; an unknown value is far."""
    low, high = problem.ranges[t, 2 * side], problem.ranges[t, 2 * side + 1]
    if math.isnan(low):
        return 0.0
    gap = outside(value, low - EDGE, high + EDGE)
    return UNKNOWN if math.isnan(gap) else gap * unit


@lean
def target_distance(problem, t, codes, times, group):
    """How far the dataset is from a target; 0 where it holds. `group` is scratch."""
    order, kind = times.order[problem.specs[t, ENDPOINT]], problem.specs[t, KIND]
    whole = kind in (SURVIVAL, MEDIAN, CRUDE, AT_RISK, CHI2, TREND, YATES)
    grouping(problem, t, codes, order, not whole, group)
    if kind in (CHI2, TREND, YATES):
        return _table_gap(problem, t, codes, order, group)
    if kind in (COX_P, HAZARD_RATIO) and adjusted(problem, t):
        beta, variance = model(problem, t, codes, times, group)
        return effect_gap(problem, t, beta, variance)
    return group_distance(problem, t, times, group)


@lean
def group_distance(problem, t, times, group):
    """How far the dataset is from a target that asks for no more than the groups of its patients, by
    place: all but cross tables and models with covariates."""
    e, kind = problem.specs[t, ENDPOINT], problem.specs[t, KIND]
    order, days, event = times.order[e], times.days[e], times.event[e]
    if kind == SURVIVAL:
        s, error = survival_at(days, event, group, problem.ranges[t, TIME])
        return survival_gap(problem, t, s, error, len(order))
    if kind == MEDIAN:
        total = 0.0
        for end in range(6):
            time = median_end(problem, t, end)
            if not math.isnan(time):
                s, error = survival_at(days, event, group, time)
                total += median_gap(problem, end, s, error)
        return total
    if kind in (CRUDE, AT_RISK):
        size, beyond = 0.0, 0.0
        for p in range(len(order)):
            if group[p] >= 0:
                size += 1.0
                if days[p] > reach_of(problem, t):
                    beyond += 1.0
        return share_gap(problem, t, size, beyond, len(order))
    if kind == COX_LR:
        chi2, df = likelihood_ratio(days, event, group, problem.specs[t, GROUPS], NEWTON)
        return deviate_gap(problem, t, chi2, df)
    if is_rank_test(kind):
        return _logrank_gap(problem, t, days, event, group)
    beta, variance = cox_of_two(days, event, group, NEWTON, _first_guess(problem, t))
    return effect_gap(problem, t, beta, variance)


@tiny
def _first_guess(problem, t):
    """Where the search for a log hazard ratio begins: amid what is printed of it."""
    low, high = problem.ranges[t, 0], problem.ranges[t, 1]
    if problem.specs[t, KIND] == HAZARD_RATIO and abs(low) < FAR and abs(high) < FAR:
        return (low + high) / 2.0
    return 0.0


@makes_arrays
def _table_gap(problem, t, codes, order, group):
    table = np.zeros((problem.specs[t, ROWS], problem.specs[t, GROUPS]))
    for p in range(len(order)):
        i = order[p]
        row = problem.levels[t, 1, codes[problem.specs[t, OTHER], i]]
        column = problem.levels[t, 0, codes[problem.specs[t, BY], i]]
        if group[p] >= 0 and row >= 0 and column >= 0:
            table[row, column] += 1.0
    return table_gap(problem, t, table)


@makes_arrays
def _logrank_gap(problem, t, days, event, group):
    chi2, df, excess = logrank(
        days, event, group, problem.specs[t, GROUPS], weighting(problem.specs[t, KIND])
    )
    if problem.specs[t, KIND] == SIDE:
        return side_gap(problem, t, excess[0])
    return deviate_gap(problem, t, chi2, df)


# Distances from what was computed.


@tiny
def survival_gap(problem, t, s, error, patients):
    """Of a rate and its limits."""
    low, high = limits(s, error, problem.interval, problem.z)
    total = 0.0
    for side in range(3):
        value = s if side == 0 else low if side == 1 else high
        total += _range(problem, t, side, value, 0.3 * patients)
    return total


@lean
def median_end(problem, t, end):
    """Where a curve is looked at for an end of a median or of its limits; NaN where nothing is
    printed: just before the least time that prints so, and just after the greatest."""
    bound = problem.ranges[t, end]
    if math.isnan(bound) or math.isinf(bound):
        return math.nan
    return bound - 1e-6 if end % 2 == 0 else bound + 1e-6


@tiny
def median_gap(problem, end, s, error):
    """Of the curve, or of its limits, at such an end: above one half before, below after."""
    height = s
    if end >= 2:
        low, high = limits(s, error, problem.interval, problem.z)
        height = low if end < 4 else high
    return crossing(1.0 if math.isnan(height) else height, 1 if end % 2 == 0 else -1)


@lean
def reach_of(problem, t):
    """Who has more days than this counts for a crude rate or a number at risk."""
    return problem.ranges[t, TIME] - (2e-6 if problem.specs[t, KIND] == AT_RISK else 0.0)


@tiny
def share_gap(problem, t, size, beyond, patients):
    """Of a crude rate or a number at risk."""
    if problem.specs[t, KIND] == AT_RISK:
        return _range(problem, t, 0, beyond, 0.3)
    return _range(problem, t, 0, beyond / size if size > 0 else math.nan, 0.3 * patients)


@lean
def table_gap(problem, t, table):
    """Of a test of a cross table."""
    chi2, df = chi_squared(table, problem.specs[t, KIND] == YATES)
    if problem.specs[t, KIND] == TREND:
        chi2, df = trend(table), min(df, 1)
    return deviate_gap(problem, t, chi2, df)


@tiny
def deviate_gap(problem, t, chi2, df):
    """Of a test, on the scale of its normal deviate."""
    if df == 0 or math.isnan(chi2):
        return UNKNOWN
    root = math.sqrt(max(chi2, 0.0))
    low, high = problem.window[t, 0, df], problem.window[t, 1, df]
    return max(max(low - root, root - high), 0.0)


@tiny
def side_gap(problem, t, excess):
    """Of the side on which the deaths of group 0 exceed what is expected."""
    reach = excess * problem.ranges[t, SIGN]
    return 0.0 if reach > EDGE else 0.1 + min(abs(reach), 5.0)


@lean
def adjusted(problem, t):
    """Whether a target's model has covariates."""
    first = FIRST + problem.meets.shape[1]
    found = False
    for c in range(problem.levels.shape[1] - 2):
        found = found or problem.specs[t, first + c] >= 0
    return found


@makes_arrays
def model(problem, t, codes, times, group):
    """Log hazard ratio and its variance in Cox's model with covariates: the contrast of group 1 against
    group 0 first, then other levels and covariates as indicators against the first level that somebody
    has. `group` is that of `grouping`, and changed where a covariate is unknown."""
    e = problem.specs[t, ENDPOINT]
    order = times.order[e]
    n = len(order)
    columns = problem.specs[t, GROUPS] - 1
    at = columns
    first = FIRST + problem.meets.shape[1]
    covariates = problem.levels.shape[1] - 2
    for c in range(covariates):
        if problem.specs[t, first + c] >= 0:
            columns += problem.specs[t, first + covariates + c]
    x = np.zeros((n, columns))
    for p in range(n):
        if group[p] > 0:
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
    return beta[0], variance


@lean
def effect_gap(problem, t, beta, variance):
    """Of a log hazard ratio and its variance."""
    if math.isnan(variance) or variance <= 0.0:
        return UNKNOWN
    error = math.sqrt(variance)
    gap = 0.0
    if problem.specs[t, KIND] == COX_P:
        root = abs(beta) / error
        gap = max(max(problem.window[t, 0, 1] - root, root - problem.window[t, 1, 1]), 0.0)
    else:
        for side in range(3):
            shift = 0.0 if side == 0 else -error if side == 1 else error
            gap += _range(problem, t, side, beta + problem.z * shift, 1.0)
    return gap
