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

from resarc.compiled import lean, makes_arrays, tiny
from resarc.reconstruct.kernels import below, outside

MEAN, SD, QUANTILE, DIFFERENCE, AUC, CUTOFF, RANKS = range(7)

# Columns of Marks.ranges.
LOW, HIGH, UNIT, SHARE = range(4)

UNKNOWN = 3.0
EDGE = 1e-9
LEAST = 1e-6
WORSE = 4.0

# Of speed only; what a member must hold is not touched by them.
PER_PATIENT = 120
HOT, COLD = 0.2, 5e-4
HOPELESS = 0.8
MIRRORED = 0.1


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


@lean
def _settle(value, order, place, i):
    """Bring one whose value has changed to its place in the order of the values."""
    at = place[i]
    while at > 0 and value[order[at - 1]] > value[i]:
        order[at] = order[at - 1]
        place[order[at]] = at
        at -= 1
    while at + 1 < len(order) and value[order[at + 1]] < value[i]:
        order[at] = order[at + 1]
        place[order[at]] = at
        at += 1
    order[at] = i
    place[i] = at


@lean
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


@lean
def _known(value, order, group, cases, controls, known, sick):
    """Values in their order and groups of who is in one, into `known` and `sick`; whether the median of
    the cases (1) is at least that of the controls (0)."""
    count, first, second = 0, 0, 0
    of_cases, of_controls = 0.0, 0.0  # twice the medians
    for p in range(len(order)):
        i = order[p]
        g = group[i]
        if g < 0:
            continue
        known[count] = value[i]
        sick[count] = g
        count += 1
        if g == 1:
            of_cases += value[i] * ((second == (cases - 1) // 2) + (second == cases // 2))
            second += 1
        else:
            of_controls += value[i] * ((first == (controls - 1) // 2) + (first == controls // 2))
            first += 1
    return of_controls <= of_cases


@lean
def _sizes(group):
    """How many cases (1) and controls (0) there are."""
    cases, controls = 0, 0
    for i in range(len(group)):
        cases += group[i] == 1
        controls += group[i] == 0
    return cases, controls


@makes_arrays
def _roc(value, order, group, youden, low, high):
    """Area under the ROC curve of group 1 (cases) against group 0, and the best cut-off; see
    `survival.batch.roc_area` and `roc_cutoff`, whose rules these are. Then, by how much the best cut-off
    within a range is worse than the best of all (infinite if there is none within), and how far the
    nearest one is from the range."""
    known, sick = np.empty(len(order)), np.empty(len(order), dtype=np.int64)
    cases, controls = _sizes(group)
    return _curve(value, order, group, cases, controls, youden, low, high, known, sick)


@lean
def _curve(value, order, group, cases, controls, youden, low, high, known, sick):
    """`_roc` with room for its values and groups in their order."""
    n = cases + controls
    if cases == 0 or controls == 0:
        return math.nan, math.nan, math.inf, math.inf
    up = _known(value, order, group, cases, controls, known, sick)
    of_case, of_control = 1.0 / cases, 1.0 / controls
    # From healthy to sick. At each place between different values: cases below, controls above.
    area, best, cutoff = 0.0, math.inf, math.nan
    within, nearest = math.inf, math.inf
    below_cases, below_controls = 0, 0
    last = math.nan
    p = 0
    while p <= n:
        threshold = math.nan
        if p < n:
            here = known[p] if up else known[n - 1 - p]
            threshold = (last + here) / 2.0
        miss, alarm = below_cases * of_case, 1.0 - below_controls * of_control
        badness = miss + alarm if youden else miss * miss + alarm * alarm
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
        tied, tied_cases = 0, 0
        while p < n:
            q = p if up else n - 1 - p
            if known[q] != here:
                break
            tied += 1
            tied_cases += sick[q]
            p += 1
        area += tied_cases * (below_controls + (tied - tied_cases) / 2.0)
        below_cases += tied_cases
        below_controls += tied - tied_cases
        last = here
    return area / (cases * controls), cutoff, within - best, nearest


@makes_arrays
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


@lean
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
        if kind == CUTOFF:
            return _off(marks, t, cutoff, worse, nearest)
        found = area
    return _gap(marks, t, found, low, high)


@tiny
def _off(marks, t, cutoff, worse, nearest):
    """How far the best cut-off is from its range."""
    if marks.ranges[t, LOW] - EDGE <= cutoff <= marks.ranges[t, HIGH] + EDGE:
        return 0.0
    if math.isinf(worse):  # no cut-off in the range at all
        return 1.0 + min(nearest * marks.ranges[t, UNIT], UNKNOWN)
    return 0.05 + WORSE * worse


@tiny
def _gap(marks, t, found, low, high):
    """How far a statistic is from a range."""
    gap = outside(found, low - EDGE, high + EDGE)
    if math.isnan(gap):
        return UNKNOWN
    return max(gap * marks.ranges[t, UNIT], LEAST) if gap > 0.0 else 0.0


@makes_arrays
def _ways(marks, groups):
    """How each target is computed in `_loss`: 0 by `distance`; 1 a quantile of all patients; 2 a
    cut-off, 3 the same with the area under the same curve, which is at `partner`; 4 that area. How many
    are cases and controls."""
    count = len(marks.kinds)
    way, partner = np.zeros(count, dtype=np.int64), np.full(count, -1)
    sizes = np.zeros((count, 2), dtype=np.int64)
    for t in range(count):
        if marks.kinds[t] == QUANTILE and groups[t].min() >= 0:
            way[t] = 1
        if marks.kinds[t] == CUTOFF:
            way[t] = 2
            sizes[t, 0], sizes[t, 1] = _sizes(groups[t])
            for u in range(count):
                if marks.kinds[u] == AUC and way[u] == 0 and np.all(groups[t] == groups[u]):
                    way[t], way[u], partner[t] = 3, 4, u
                    break
    return way, partner, sizes


@lean
def _loss(marks, value, order, groups, limit, way, partner, sizes, known, sick):
    """The sum of all distances, or more than `limit`."""
    total = 0.0
    for t in range(len(marks.kinds)):
        low, high = marks.ranges[t, LOW], marks.ranges[t, HIGH]
        if way[t] == 4:
            continue
        if way[t] == 0:
            total += distance(marks, t, value, order, groups)
        elif way[t] == 1:
            at = marks.ranges[t, SHARE] * (len(order) - 1)
            first = int(at)
            found = value[order[first]]
            if at > first:
                found += (at - first) * (value[order[first + 1]] - found)
            total += _gap(marks, t, found, low, high)
        else:
            cases, controls = sizes[t]
            area, cutoff, worse, nearest = _curve(
                value, order, groups[t], cases, controls, marks.youden, low, high, known, sick
            )
            total += _off(marks, t, cutoff, worse, nearest)
            u = partner[t]
            if u >= 0:
                total += _gap(marks, u, area, marks.ranges[u, LOW], marks.ranges[u, HIGH])
        if total > limit:
            break
    return total


@tiny
def _exchange(array, i, j):
    array[i], array[j] = array[j], array[i]


@tiny
def _trade(value, order, place, i, j):
    """Exchange two patients' values, and their places in the order of the values."""
    _exchange(value, i, j)
    _exchange(place, i, j)
    order[place[i]], order[place[j]] = i, j


@lean
def _mirrored(marks, t, value, order):
    """The value that lies as far from somewhere in a cut-off's range as the nearest one on the other
    side, so that the middle between the two is a cut-off."""
    low, high = marks.ranges[t, LOW], marks.ranges[t, HIGH]
    centre = low + np.random.random() * (high - low)
    above = 0
    while above < len(order) and value[order[above]] <= centre:
        above += 1
    side = above - below(2)
    if side < 0 or side == len(order):
        side = above - 1 if above > 0 else 0
    return math.floor(2.0 * centre - value[order[side]] + 0.5)


@makes_arrays
def search(marks, groups, value, limits, outer, fixed, copied, seed):
    """Change `value` (n,) in place until every target holds or the search is over; the sum of the
    distances left. `groups` (T, n) are the groups that a target speaks of (-1: none), `limits` (2, n)
    what keeps order statistics in place and goes with a value, `outer` (2, n) each patient's own;
    `fixed` values are order statistics, `copied` ones come from another number."""
    np.random.seed(seed)
    n = len(value)
    order, place = np.arange(n), np.arange(n)
    for p in range(n):
        _settle(value[: p + 1], order[: p + 1], place, p)
    way, partner, sizes = _ways(marks, groups)
    cut = -1
    for t in range(len(marks.kinds)):
        if marks.kinds[t] == CUTOFF and cut < 0:
            cut = t
    known, sick = np.empty(n), np.empty(n, dtype=np.int64)
    everything = math.inf
    current = _loss(marks, value, order, groups, everything, way, partner, sizes, known, sick)
    best = current
    steps = PER_PATIENT * n
    heat, cooling = HOT, (COLD / HOT) ** (1.0 / steps)
    for step in range(steps):
        heat *= cooling
        best = min(best, current)
        if current == 0.0 or (4 * step > steps and best > HOPELESS):
            break
        i, j = below(n), below(n)
        move = np.random.random()
        limit = current - heat * math.log(1.0 - np.random.random())
        if move < 0.6:
            if fixed[i]:
                continue
            lower, upper = limits[0, i], limits[1, i]
            old, new = value[i], value[j]  # where somebody else is
            if move < MIRRORED and cut >= 0:
                new = _mirrored(marks, cut, value, order)
            elif move < 0.25:
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
            _settle(value, order, place, i)
            after = _loss(marks, value, order, groups, limit, way, partner, sizes, known, sick)
            if after <= limit:
                current = after
            else:
                value[i] = old
                _settle(value, order, place, i)
            continue
        # Patients change places where each one's own limits hold the other's value.
        x, y = value[i], value[j]
        if x == y or copied[i] or copied[j]:
            continue
        if not (outer[0, i] <= y <= outer[1, i] and outer[0, j] <= x <= outer[1, j]):
            continue
        _trade(value, order, place, i, j)
        after = _loss(marks, value, order, groups, limit, way, partner, sizes, known, sick)
        if after > limit:
            _trade(value, order, place, i, j)
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


class Places(NamedTuple):
    """Of the members' patients (M, n): the value, the limits that keep order statistics in place, the
    patient's own limits, and whose value is an order statistic or another number's."""

    value: np.ndarray
    low: np.ndarray
    high: np.ndarray
    outer_low: np.ndarray
    outer_high: np.ndarray
    fixed: np.ndarray
    copied: np.ndarray


@makes_arrays
def search_each(marks, groups, places, seeds):
    """`search` in every member, `groups` (M, T, n); the distances left (M,)."""
    members, n = places.value.shape
    left = np.empty(members)
    limits, outer = np.empty((2, n)), np.empty((2, n))
    for m in range(members):
        limits[0], limits[1] = places.low[m], places.high[m]
        outer[0], outer[1] = places.outer_low[m], places.outer_high[m]
        left[m] = search(
            marks,
            groups[m],
            places.value[m],
            limits,
            outer,
            places.fixed[m],
            places.copied[m],
            seeds[m],
        )
    return left
