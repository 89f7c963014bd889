"""The search for one number's values in one dataset, compiled.

Each patient's value moves within limits that keep the printed order statistics in place; means,
summaries of subgroups, areas under ROC curves, cut-offs and rank tests are met by simulated annealing
(Kirkpatrick et al., Science 1983;220:671). Values are whole multiples of the unit in which the number
is recorded, and so are the ranges of what is met.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from resarc.compiled import njit
from resarc.reconstruct.kernels import below, outside

MEAN, SD, QUANTILE, DIFFERENCE, AUC, CUTOFF, RANKS = range(7)

# Columns of Marks.ranges.
LOW, HIGH, UNIT, SHARE = range(4)

UNKNOWN = 3.0
EDGE = 1e-9
LEAST = 1e-6

# Of speed only; what a member must hold is not touched by them.
PER_PATIENT = 250
HOT, COLD = 0.05, 1e-4
HOPELESS = 0.2


class Marks(NamedTuple):
    """What one number must meet: T targets. `kinds` (T,); `ranges` (T, 4): the ends, in multiples of
    the recorded unit where they are values, the weight of the distance, and which quantile; `window`
    (T, 2, D): that of the root of chi-squared by degrees of freedom; `mean` the sum of all values that
    a printed mean asks for (NaN: none); `youden` whether a cut-off maximises Youden's index, else it is
    the one closest to perfect classification."""

    kinds: np.ndarray
    ranges: np.ndarray
    window: np.ndarray
    mean: float
    youden: bool


@njit(cache=True, error_model="numpy")
def _sort(value, order):
    """Bring `order`, nearly sorted, into the order of the values."""
    for i in range(1, len(order)):
        place, at = order[i], i
        while at > 0 and value[order[at - 1]] > value[place]:
            order[at] = order[at - 1]
            at -= 1
        order[at] = place


@njit(cache=True, error_model="numpy")
def _quantile(value, order, group, wanted, share):
    """A quantile of the group `wanted` (-1: of all groups), by R's type 7; NaN of nobody."""
    count = 0
    for p in range(len(order)):
        g = group[order[p]]
        if g >= 0 and (wanted < 0 or g == wanted):
            count += 1
    if count == 0:
        return math.nan
    at = share * (count - 1)
    first = math.floor(at)
    found, rank, low = 0.0, 0, 0.0
    for p in range(len(order)):
        g = group[order[p]]
        if g < 0 or (wanted >= 0 and g != wanted):
            continue
        if rank == first:
            low = value[order[p]]
            found = low
            if at == first:
                break
        elif rank == first + 1:
            found = low + (at - first) * (value[order[p]] - low)
            break
        rank += 1
    return found


@njit(cache=True, error_model="numpy")
def _roc(value, order, group, youden, low, high):
    """Area under the ROC curve of group 1 (cases) against group 0, and the best cut-off; see
    `survival.batch.roc_area` and `roc_cutoff`, whose rules these are. Then, by how much the best cut-off
    within a range is worse than the best of all (infinite if there is none within), and how far the
    nearest one is from the range."""
    n = len(order)
    cases, controls = 0.0, 0.0
    for p in range(n):
        cases += 1.0 if group[order[p]] == 1 else 0.0
        controls += 1.0 if group[order[p]] == 0 else 0.0
    if cases == 0 or controls == 0:
        return math.nan, math.nan, math.inf, math.inf
    half, zero, one = 0.5, 0, 1
    up = _quantile(value, order, group, zero, half) <= _quantile(value, order, group, one, half)
    # From healthy to sick. At each place between different values: cases below, controls above.
    area, best, cutoff = 0.0, math.inf, math.nan
    within, nearest = math.inf, math.inf
    below_cases, below_controls = 0.0, 0.0
    last = math.nan
    p = 0
    while p <= n:
        i = order[min(p, n - 1) if up else max(n - 1 - p, 0)]
        if p < n and group[i] < 0:
            p += 1
            continue
        miss, alarm = below_cases / cases, 1.0 - below_controls / controls
        badness = miss + alarm if youden else miss * miss + alarm * alarm
        threshold = (last + value[i]) / 2.0 if p < n else math.nan
        if badness < best - 1e-12:
            best = badness
            cutoff = threshold
        gap = max(max(low - threshold, threshold - high), 0.0)
        if gap <= EDGE:
            within = min(within, badness)
        elif gap < nearest:
            nearest = gap
        if p == n:
            break
        here, tied_cases, tied_controls = value[i], 0.0, 0.0
        while p < n:
            i = order[p if up else n - 1 - p]
            if group[i] >= 0:
                if value[i] != here:
                    break
                tied_cases += 1.0 if group[i] == 1 else 0.0
                tied_controls += 1.0 if group[i] == 0 else 0.0
            p += 1
        area += tied_cases * (below_controls + tied_controls / 2.0)
        below_cases += tied_cases
        below_controls += tied_controls
        last = here
    return area / (cases * controls), cutoff, within - best, nearest


@njit(cache=True, error_model="numpy")
def _rank_test(value, order, group, k):
    """Root of the statistic of Mann-Whitney's test (two groups, continuity correction) or of
    Kruskal-Wallis', and its degrees of freedom."""
    n = len(order)
    total, square = 0.0, 0.0
    sizes, sums = np.zeros(k), np.zeros(k)
    p = 0
    while p < n:
        tied = 0
        q = p
        while q < n and value[order[q]] == value[order[p]]:
            tied += 1 if group[order[q]] >= 0 else 0
            q += 1
        rank = total + (tied + 1) / 2.0
        for r in range(p, q):
            g = group[order[r]]
            if g >= 0:
                sizes[g] += 1.0
                sums[g] += rank
                square += rank * rank
        total += tied
        p = q
    middle = (total + 1.0) / 2.0
    spread = square / max(total, 1.0) - middle * middle
    df = -1
    for g in range(k):
        df += 1 if sizes[g] > 0 else 0
    if df < 1 or total < 2 or spread <= 0.0:
        return math.nan, 0
    if k == 2:
        reach = max(abs(sums[0] - sizes[0] * middle) - 0.5, 0.0)
        return reach / math.sqrt(sizes[0] * sizes[1] / (total - 1.0) * spread), 1
    between = 0.0
    for g in range(k):
        if sizes[g] > 0:
            between += (sums[g] - sizes[g] * middle) ** 2 / sizes[g]
    return math.sqrt(between / (spread * total / (total - 1.0))), df


@njit(cache=True, error_model="numpy")
def distance(marks, t, value, order, groups):
    """How far the values are from a target; 0 where it holds."""
    kind, group = marks.kinds[t], groups[t]
    low, high = marks.ranges[t, LOW], marks.ranges[t, HIGH]
    found = math.nan
    if kind in (MEAN, SD):
        total, square, count = 0.0, 0.0, 0.0
        for i in range(len(value)):
            if group[i] >= 0:
                total += value[i]
                count += 1.0
        if count > 0:
            found = total / count
        if kind == SD:
            for i in range(len(value)):
                if group[i] >= 0:
                    square += (value[i] - found) ** 2
            found = math.sqrt(square / (count - 1.0)) if count > 1 else math.nan
    elif kind == QUANTILE:
        whole = -1
        found = _quantile(value, order, group, whole, marks.ranges[t, SHARE])
    elif kind == DIFFERENCE:
        zero, one = 0, 1
        found = _quantile(value, order, group, zero, marks.ranges[t, SHARE])
        found -= _quantile(value, order, group, one, marks.ranges[t, SHARE])
    elif kind == RANKS:
        k = marks.window.shape[2]
        size = 0
        for i in range(len(group)):
            size = max(size, group[i] + 1)
        found, df = _rank_test(value, order, group, min(max(size, 2), k))
        low, high = marks.window[t, 0, df], marks.window[t, 1, df]
    else:
        area, cutoff, worse, nearest = _roc(value, order, group, marks.youden, low, high)
        found = area if kind == AUC else cutoff
        if kind == CUTOFF and not low - EDGE <= found <= high + EDGE:
            if math.isinf(worse):  # no cut-off in the range at all
                return 1.0 + min(nearest * marks.ranges[t, UNIT], UNKNOWN)
            return 0.05 + worse
    gap = outside(found, low - EDGE, high + EDGE)
    if math.isnan(gap):
        return UNKNOWN
    return max(gap * marks.ranges[t, UNIT], LEAST) if gap > 0.0 else 0.0


@njit(cache=True, error_model="numpy")
def _loss(marks, value, order, groups, limit):
    """The sum of all distances, or more than `limit`."""
    total = 0.0
    for t in range(len(marks.kinds)):
        total += distance(marks, t, value, order, groups)
        if total > limit:
            break
    return total


@njit(cache=True, error_model="numpy")
def _exchange(array, i, j):
    array[i], array[j] = array[j], array[i]


@njit(cache=True, error_model="numpy")
def search(marks, groups, value, limits, outer, fixed, copied, seed):
    """Change `value` (n,) in place until every target holds or the search is over; the sum of the
    distances left. `groups` (T, n) are the groups that a target speaks of (-1: none), `limits` (2, n)
    what keeps order statistics in place and goes with a value, `outer` (2, n) each patient's own;
    `fixed` values are order statistics, `copied` ones come from another number."""
    np.random.seed(seed)
    n = len(value)
    order = np.arange(n)
    _sort(value, order)
    everything = math.inf
    current = _loss(marks, value, order, groups, everything)
    best = current
    steps = PER_PATIENT * n
    for step in range(steps):
        best = min(best, current)
        if current == 0.0 or (4 * step > steps and best > HOPELESS):
            break
        i, j = below(n), below(n)
        move = np.random.random()
        limit = current - HOT * (COLD / HOT) ** (step / steps) * math.log(1.0 - np.random.random())
        if move < 0.6:
            if fixed[i]:
                continue
            lower, upper = limits[0, i], limits[1, i]
            old, new = value[i], value[j]  # where somebody else is
            if move < 0.25:
                new = lower + below(upper - lower + 1.0)
            elif move < 0.45:
                reach = 1.0 + (upper - lower) * 0.05
                new = old + math.floor((2.0 * np.random.random() - 1.0) * reach + 0.5)
            elif move < 0.55 and not math.isnan(marks.mean):
                total = 0.0
                for k in range(n):
                    total += value[k]
                new = old + math.floor(marks.mean - total + 0.5)
            value[i] = min(max(new, lower), upper)
            if value[i] == old:
                continue
            _sort(value, order)
            after = _loss(marks, value, order, groups, limit)
            if after <= limit:
                current = after
            else:
                value[i] = old
                _sort(value, order)
            continue
        # Patients change places where each one's own limits hold the other's value.
        x, y = value[i], value[j]
        if x == y or copied[i] or copied[j]:
            continue
        if not (outer[0, i] <= y <= outer[1, i] and outer[0, j] <= x <= outer[1, j]):
            continue
        _exchange(value, i, j)
        _sort(value, order)
        after = _loss(marks, value, order, groups, limit)
        if after > limit:
            _exchange(value, i, j)
            _sort(value, order)
            continue
        current = after
        _exchange(fixed, i, j)
        for end in range(2):
            _exchange(limits[end], i, j)
        for both in range(2):  # limits that came with the value may reach beyond the patient's own
            k = i if both == 0 else j
            limits[0, k] = max(limits[0, k], outer[0, k])
            limits[1, k] = min(limits[1, k], outer[1, k])
    return current
