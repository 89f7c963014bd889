"""The search for one endpoint's times and events in one dataset, compiled.

Times move within what other endpoints and pins leave, and events change places with censorings,
until the figures of the whole cohort come out; by simulated annealing (Kirkpatrick et al., Science
1983;220:671). What patients must respect is never broken on the way, but for times that are tied to
another endpoint's, which cost.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from resarc.compiled import lean, makes_arrays
from resarc.reconstruct.kernels import below, crossing, limits, outside, survival_at

SURVIVAL, MEDIAN, CRUDE, FOLLOWED, AT_RISK, RMST, REVERSE, MEAN, MIDDLE, LEAST, MOST = range(11)

# Columns of Goals.ranges, after the ends for value, lower and upper limit.
TIME = 6

UNKNOWN = 3.0
HALVES = {"middle": 0, "first": 1, "below": 2}

EDGE = 1e-9
SMALLEST = 1e-6
BROKEN = 0.5

# Of speed only; what a member must hold is not touched by them.
PER_PATIENT = 250
HOT, COLD = 0.05, 2e-4
MIX_PER_PATIENT = 4


class Goals(NamedTuple):
    """What a history must meet: T targets. `kinds` (T,); `who` (T,): of whom, 1 those with an event, 0
    the censored, -1 all; `ranges` (T, 7): the ends for value, lower and upper limit (NaN: none; times
    in days) and the time in days. `means` (m, 2): whom a printed mean is of, and that mean in days.
    `grid`: the times at which figures speak, with both ends. `free`: whether the number of events may
    change. `half`: which median a curve has that is 1/2 over a stretch, by `HALVES`."""

    kinds: np.ndarray
    who: np.ndarray
    ranges: np.ndarray
    means: np.ndarray
    grid: np.ndarray
    floor: int
    free: bool
    interval: int
    z: float
    half: int


class Patients(NamedTuple):
    """Of each patient (n,): the longest time, whether there must be an event, the time of the other
    endpoint that ends with this one (-1: none), whether the event is that one's, and whether a printed
    figure fixes the time or the event."""

    ceiling: np.ndarray
    must: np.ndarray
    tied: np.ndarray
    shared: np.ndarray
    pinned: np.ndarray
    fixed: np.ndarray


class Course(NamedTuple):
    """A history in the order of time, events first, and what is read from it.

    `order` (n,) patients by place and `place` (n,) the reverse; `in_time` and `happened` (n,) their days
    and events. By place (n + 1,), over all patients before it: `deaths`, survival `alive`, Greenwood's
    sum `greenwood`, and where somebody asks for them (`wanted`: area, reverse curve) the `area` under the
    curve with the time `since` which it is flat, and survival of follow-up, `reverse`. `share` and
    `variance` (n + 1,) are (y - 1) / y and 1 / (y (y - 1)) of a number at risk y.
    """

    order: np.ndarray
    place: np.ndarray
    in_time: np.ndarray
    happened: np.ndarray
    deaths: np.ndarray
    alive: np.ndarray
    greenwood: np.ndarray
    area: np.ndarray
    since: np.ndarray
    reverse: np.ndarray
    share: np.ndarray
    variance: np.ndarray
    wanted: np.ndarray


@makes_arrays
def course_of(goals, days, event):
    """The course of a history; its sums are made by `follow`."""
    n = len(days)
    keys = np.empty(n, dtype=np.int64)
    for i in range(n):
        keys[i] = 2 * days[i] + (0 if event[i] else 1)
    order = np.argsort(keys)
    place, wanted = np.empty(n, dtype=np.int64), np.zeros(2, dtype=np.bool_)
    in_time, happened = np.empty(n, dtype=np.int64), np.empty(n, dtype=np.bool_)
    for p in range(n):
        place[order[p]] = p
        in_time[p], happened[p] = days[order[p]], event[order[p]]
    for t in range(len(goals.kinds)):
        wanted[0] |= goals.kinds[t] == RMST
        wanted[1] |= goals.kinds[t] == REVERSE
    share, variance = np.zeros(n + 1), np.full(n + 1, math.inf)
    for y in range(2, n + 1):
        share[y], variance[y] = (y - 1) / y, 1.0 / (y * (y - 1.0))
    sums = np.zeros((5, n + 1))
    sums[np.array([0, 4])] = 1.0
    return Course(
        order, place, in_time, happened, np.zeros(n + 1, dtype=np.int64),
        sums[0], sums[1], sums[2], sums[3], sums[4], share, variance, wanted,
    )  # fmt: skip


@lean
def put(course, days, event, i):
    """Bring a patient whose time or event changed to its place; the first place that is not as it was
    (n: none)."""
    order, place, in_time, happened = course.order, course.place, course.in_time, course.happened
    n, p = len(order), place[i]
    key, old = 2 * days[i] + (0 if event[i] else 1), 2 * in_time[p] + (0 if happened[p] else 1)
    if key == old:
        return n
    first, step = p, 1 if key > old else -1
    while 0 <= p + step < n:
        q = p + step
        other = 2 * in_time[q] + (0 if happened[q] else 1)
        if (other >= key) if step > 0 else (other <= key):
            break
        order[p], in_time[p], happened[p] = order[q], in_time[q], happened[q]
        place[order[p]] = p
        p = q
    order[p], place[i], in_time[p], happened[p] = i, p, days[i], event[i]
    return min(first, p)


@lean
def follow(course, first):
    """Make the sums again from a place on."""
    n = len(course.order)
    for p in range(first, n):
        y, here = n - p, course.happened[p]
        course.deaths[p + 1] = course.deaths[p] + (1 if here else 0)
        course.alive[p + 1] = course.alive[p] * course.share[y] if here else course.alive[p]
        course.greenwood[p + 1] = course.greenwood[p] + (course.variance[y] if here else 0.0)
    if course.wanted[0]:
        for p in range(first, n):
            course.area[p + 1], course.since[p + 1] = course.area[p], course.since[p]
            if course.happened[p]:
                time = float(course.in_time[p])
                course.area[p + 1] += course.alive[p] * (time - course.since[p])
                course.since[p + 1] = time
    if course.wanted[1]:
        for p in range(first, n):
            course.reverse[p + 1] = course.reverse[p]
            if not course.happened[p]:
                course.reverse[p + 1] *= course.share[n - p + _tied_events(course, p)]


@lean
def _tied_events(course, p):
    """How many events of the same day lie before a place."""
    q, tied = p - 1, 0
    while q >= 0 and course.in_time[q] == course.in_time[p]:
        tied += 1 if course.happened[q] else 0
        q -= 1
    return tied


@lean
def _until(course, time, with_it):
    """How many places lie before a time, or before it and at it."""
    low, high = 0, len(course.in_time)
    while low < high:
        middle = (low + high) // 2
        day = course.in_time[middle]
        if day < time or (with_it and day == time):
            low = middle + 1
        else:
            high = middle
    return low


@lean
def _ranked(course, who, rank):
    """The days of the patient of a rank (from 1) among all, those with an event or the censored."""
    if who < 0:
        return course.in_time[rank - 1]
    low, high = 1, len(course.in_time)
    while low < high:
        middle = (low + high) // 2
        there = course.deaths[middle] if who == 1 else middle - course.deaths[middle]
        if there < rank:
            low = middle + 1
        else:
            high = middle
    return course.in_time[low - 1]


@lean
def _relative(value, low, high):
    """Distance of a time from a range, of logarithms."""
    if math.isnan(value) or value <= 0.0:
        return UNKNOWN
    gap = max(math.log(low / value) if low > 0.0 else -math.inf, math.log(value / high))
    return max(gap, SMALLEST) if value < low - EDGE or value > high + EDGE else 0.0


@lean
def _area(in_time, happened, group, reach):
    """Area under the Kaplan-Meier curve up to a time, in days; NaN beyond the last follow-up."""
    at_risk, last = 0, 0
    for p in range(len(in_time)):
        if group[p] >= 0:
            at_risk += 1
            last = in_time[p]
    if at_risk == 0:
        return math.nan
    s, before, area = 1.0, 0.0, 0.0
    for p in range(len(in_time)):
        if group[p] < 0 or in_time[p] >= reach:
            continue
        if happened[p]:
            area += s * (in_time[p] - before)
            before = float(in_time[p])
            s *= (at_risk - 1) / at_risk
        at_risk -= 1
    return math.nan if reach > last and s > 1e-12 else area + s * (reach - before)


@lean
def median_time(in_time, happened, group, count, convention):
    """Kaplan-Meier median: where the curve is one half, midway to the next event or the end of
    follow-up, or that time, or that of the next event; NaN if not reached."""
    at_risk, s, half, last = count, 1.0, math.nan, 0.0
    for p in range(len(in_time)):
        if group[p] < 0:
            continue
        if happened[p]:
            if not math.isnan(half) and in_time[p] > half:
                return float(in_time[p]) if convention == 2 else (half + in_time[p]) / 2.0
            s *= (at_risk - 1) / at_risk
            if s < 0.5 - EDGE:
                return float(in_time[p])
            if s <= 0.5 + EDGE:
                half = float(in_time[p])
                if convention == 1:
                    return half
        at_risk -= 1
        last = float(in_time[p])
    return math.nan if convention == 2 else (half + last) / 2.0


@lean
def _curve_gap(goals, t, side, end, s, error, patients):
    """How far a curve, or its limit, is from one end of what is printed of a rate or a median."""
    sign = 1 if end == 0 else -1
    height = s
    if side > 0:
        lower, upper = limits(s, error, goals.interval, goals.z)
        height = lower if side == 1 else upper
    if goals.kinds[t] == MEDIAN:
        return crossing(0.0 if math.isnan(height) else height, sign)
    if math.isnan(height):
        return UNKNOWN
    miss = sign * (goals.ranges[t, 2 * side + end] - height)
    return max(miss * 0.3 * patients, SMALLEST) if miss > EDGE else 0.0


@lean
def _share_gap(goals, t, count, beyond, there, failed, followed, patients):
    """Of a crude rate, a rate among those followed or a number at risk, from who of `count` patients
    lives beyond the time, is there, has failed until then, or is followed."""
    unit = 0.3 * patients
    if goals.kinds[t] == CRUDE:
        found = beyond / count
    elif goals.kinds[t] == FOLLOWED:
        found = followed / (followed + failed)
    else:
        found, unit = there * 1.0, 0.3
    gap = outside(found, goals.ranges[t, 0] - EDGE, goals.ranges[t, 1] + EDGE)
    return UNKNOWN if math.isnan(gap) else gap * unit


@lean
def distance(goals, t, in_time, happened, group):
    """How far a history, in the order of time, is from a target; 0 where it holds."""
    n = len(in_time)
    kind, who = goals.kinds[t], goals.who[t]
    time, low, high = goals.ranges[t, TIME], goals.ranges[t, 0], goals.ranges[t, 1]
    count, total = 0, 0.0
    for p in range(n):
        group[p] = 0 if who < 0 or (who == 1) == happened[p] else -1
        if group[p] >= 0:
            count += 1
            total += in_time[p]
    if count == 0:
        return UNKNOWN
    found = math.nan
    if kind in (SURVIVAL, MEDIAN):
        gap = 0.0
        for side in range(3):
            if kind == MEDIAN and side == 0:
                found = median_time(in_time, happened, group, count, goals.half)
                if low - EDGE <= found <= high + EDGE:
                    continue
            for end in range(2):
                bound = goals.ranges[t, 2 * side + end]
                if math.isnan(bound) or math.isinf(bound):
                    continue
                # A median's curve is above one half just before it, and below at the latest.
                at = time if kind == SURVIVAL else bound - (1 if end == 0 else -1) * 1e-6
                s, error = survival_at(in_time, happened, group, at)
                gap += _curve_gap(goals, t, side, end, s, error, n)
        return gap
    if kind in (MEAN, RMST):
        found = total / count if kind == MEAN else _area(in_time, happened, group, time)
        return _relative(found, low, high)
    if kind in (MIDDLE, LEAST, MOST):
        first = 1 if kind == LEAST else count if kind == MOST else (count + 1) // 2
        second = count // 2 + 1 if kind == MIDDLE else first
        rank, total = 0, 0.0
        for p in range(n):
            if group[p] >= 0:
                rank += 1
                total += (in_time[p] if rank == first else 0) + (
                    in_time[p] if rank == second else 0
                )
        return _relative(total / 2.0, low, high)
    if kind == REVERSE:
        at_risk, s = count, 1.0
        for p in range(n):
            if group[p] < 0:
                continue
            if not happened[p]:
                # Of one day, censorings come last: all events of it are still at risk.
                q = p - 1
                tied = 0
                while q >= 0 and in_time[q] == in_time[p]:
                    tied += 1 if group[q] >= 0 and happened[q] else 0
                    q -= 1
                s *= (at_risk + tied - 1) / (at_risk + tied)
                if s <= 0.5 + EDGE:
                    found = float(in_time[p])
                    break
            at_risk -= 1
        return _relative(found, low, high)
    beyond, there, failed, followed = 0.0, 0.0, 0.0, 0.0
    for p in range(n):
        if group[p] < 0:
            continue
        reached = in_time[p] >= time - 2e-6
        beyond += 1.0 if in_time[p] > time else 0.0
        there += 1.0 if reached else 0.0
        failed += 1.0 if happened[p] and in_time[p] <= time else 0.0
        followed += 1.0 if in_time[p] > time or (reached and not happened[p]) else 0.0
    return _share_gap(goals, t, count, beyond, there, failed, followed, n)


@lean
def distance_at_once(goals, t, course, group):
    """`distance` of a history's course, from its sums."""
    n = len(course.in_time)
    kind, who = goals.kinds[t], goals.who[t]
    count = n if who < 0 else course.deaths[n] if who == 1 else n - course.deaths[n]
    by_rank = kind in (MIDDLE, LEAST, MOST)
    if kind == MEAN or count == 0 or (who >= 0 and not by_rank):
        return distance(goals, t, course.in_time, course.happened, group)
    time, low, high = goals.ranges[t, TIME], goals.ranges[t, 0], goals.ranges[t, 1]
    last = course.in_time[n - 1]
    if by_rank:
        first = 1 if kind == LEAST else count if kind == MOST else (count + 1) // 2
        second = count // 2 + 1 if kind == MIDDLE else first
        total = float(_ranked(course, who, first) + _ranked(course, who, second))
        return _relative(total / 2.0, low, high)
    if kind in (SURVIVAL, MEDIAN):
        gap = 0.0
        for side in range(3):
            if kind == MEDIAN and side == 0:
                found = _median_at_once(course, goals.half)
                if low - EDGE <= found <= high + EDGE:
                    continue
            for end in range(2):
                bound = goals.ranges[t, 2 * side + end]
                if math.isnan(bound) or math.isinf(bound):
                    continue
                at = time if kind == SURVIVAL else bound - (1 if end == 0 else -1) * 1e-6
                places = _until(course, at, True)
                s, error = course.alive[places], math.sqrt(course.greenwood[places])
                if at > last and s > 1e-12:
                    s, error = math.nan, math.nan
                gap += _curve_gap(goals, t, side, end, s, error, n)
        return gap
    if kind == RMST:
        places = _until(course, time, False)
        s = course.alive[places]
        if time > last and s > 1e-12:
            return UNKNOWN
        return _relative(course.area[places] + s * (time - course.since[places]), low, high)
    if kind == REVERSE:
        places = _fallen(course.reverse, 0.5 + EDGE)
        return _relative(float(course.in_time[places - 1]) if places <= n else math.nan, low, high)
    # The time and what counts as having reached it differ by less than a day.
    until, short = _until(course, time, True), _until(course, time - 2e-6, False)
    failed = course.deaths[until]
    followed = n - short - (failed - course.deaths[short])
    return _share_gap(goals, t, n, n - until, n - short, failed, followed, n)


@lean
def _fallen(curve, height):
    """The first place before which a falling curve has come down to a height; its length if none."""
    low, high = 0, len(curve)
    while low < high:
        middle = (low + high) // 2
        if curve[middle] <= height:
            high = middle
        else:
            low = middle + 1
    return low


@lean
def _median_at_once(course, convention):
    """`_median` of all patients."""
    n = len(course.in_time)
    p = _fallen(course.alive, 0.5 + EDGE) - 1
    if p == n:
        return math.nan
    half = float(course.in_time[p])
    if course.alive[p + 1] < 0.5 - EDGE or convention == 1:
        return half
    for q in range(p + 1, n):
        if course.happened[q]:
            later = float(course.in_time[q])
            if later > half:
                return later if convention == 2 else (half + later) / 2.0
            if course.alive[q + 1] < 0.5 - EDGE:
                return later
    return math.nan if convention == 2 else (half + course.in_time[n - 1]) / 2.0


@lean
def _loss(goals, course, broken, group, limit):
    """The sum of all distances and of what is broken, or more than `limit`."""
    total = BROKEN if broken > 0 else 0.0
    for t in range(len(goals.kinds)):
        if total > limit:
            break
        total += distance_at_once(goals, t, course, group)
    return total


@lean
def _is_broken(patients, days, event, i):
    """Whether a patient's time is beyond what others leave, or apart from what it is tied to."""
    tied = patients.tied[i]
    apart = tied >= 0 and (not event[i] or patients.shared[i]) and days[i] != tied
    return apart or days[i] > patients.ceiling[i]


@lean
def _settle(goals, patients, days, event, i):
    """Bring a patient's time into what the relations allow; a pinned time stays."""
    if patients.pinned[i]:
        return
    ceiling = patients.ceiling[i]
    days[i] = min(max(days[i], min(goals.floor, ceiling)), ceiling)
    if patients.tied[i] >= 0 and (not event[i] or patients.shared[i]):
        days[i] = patients.tied[i]


@lean
def _propose(goals, patients, days, event, i, j):
    """Change patient i, or i and j; False if there was nothing to change."""
    move = np.random.random()
    if move < 0.6:
        if patients.pinned[i]:
            return False
        if np.random.random() < 0.5:  # anywhere between two times at which figures speak
            cell = below(len(goals.grid) - 1)
            start, width = goals.grid[cell], goals.grid[cell + 1] - goals.grid[cell]
            new = start + np.random.random() * width
        else:
            reach = goals.grid[-1] * 10.0 ** (3.3 * np.random.random() - 4.0)
            new = days[i] + (2.0 * np.random.random() - 1.0) * 2.0 * reach
        days[i] = math.floor(new + 0.5)
    elif move < 0.7:  # one patient makes up for what a mean is off
        if len(goals.means) == 0 or patients.pinned[i]:
            return False
        k = below(len(goals.means))
        who = goals.means[k, 0]
        if who >= 0 and (who == 1) != event[i]:
            return False
        off = 0.0
        for p in range(len(days)):
            if who < 0 or (who == 1) == event[p]:
                off += goals.means[k, 1] - days[p]
        days[i] += math.floor(off + 0.5)
    elif move < 0.8:  # two patients change places in time
        if patients.pinned[i] or patients.pinned[j]:
            return False
        days[i], days[j] = days[j], days[i]
    elif goals.free:  # an event becomes a censoring, or the reverse
        if patients.fixed[i] or (patients.must[i] and event[i]):
            return False
        event[i] = not event[i]
    else:
        if patients.fixed[i] or (patients.must[i] and event[i]) or event[i] == event[j]:
            return False
        if patients.fixed[j] or (patients.must[j] and event[j]):
            return False
        event[i], event[j] = event[j], event[i]
    _settle(goals, patients, days, event, i)
    _settle(goals, patients, days, event, j)
    return True


@makes_arrays
def search(goals, patients, days, event, tilt, seed):
    """Change `days` and `event` (n,) in place until every target holds or the search is over; the sum
    of the distances left. What was found then wanders, so that members do not lie where the search came
    in. Where the number of events is free, `tilt` makes one more of them so many times e less likely:
    most histories that print alike have many events, and a search that has no leaning finds no
    others."""
    np.random.seed(seed)
    n = len(days)
    group = np.zeros(n, dtype=np.int64)
    broken = 0
    for i in range(n):
        _settle(goals, patients, days, event, i)
        broken += _is_broken(patients, days, event, i)
    course = course_of(goals, days, event)
    follow(course, 0)
    current = _loss(goals, course, broken, group, math.inf)
    known = n  # the place from which the sums must be made again
    steps = PER_PATIENT * n
    step, left = 0, MIX_PER_PATIENT * n
    while left > 0:
        heat = 0.0
        if current > 0.0:
            if step == steps:
                break
            heat = HOT * (COLD / HOT) ** (step / steps)
            step += 1
        else:
            left -= 1
        i, j = below(n), below(n)
        days_i, days_j, event_i, event_j = days[i], days[j], event[i], event[j]
        fewer = _is_broken(patients, days, event, i)
        fewer += 0 if i == j else _is_broken(patients, days, event, j)
        if not _propose(goals, patients, days, event, i, j):
            continue
        more = 0 if i == j else int(event[j]) - int(event_j)
        more += int(event[i]) - int(event_i)
        luck = -math.log(1.0 - np.random.random()) - tilt * more
        limit = current + heat * luck if luck >= 0.0 or heat > 0.0 else -1.0
        after_broken = broken - fewer + _is_broken(patients, days, event, i)
        after_broken += 0 if i == j else _is_broken(patients, days, event, j)
        known = min(known, put(course, days, event, i), put(course, days, event, j))
        follow(course, known)
        known = n
        after = _loss(goals, course, after_broken, group, limit)
        if after <= limit:
            current, broken = after, after_broken
            continue
        days[i], event[i] = days_i, event_i
        days[j], event[j] = days_j, event_j
        known = min(put(course, days, event, i), put(course, days, event, j))
    return current
