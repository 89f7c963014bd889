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


@lean
def _sort(days, event, order, in_time, happened):
    """Bring `order`, nearly sorted, into the order of time, events first; days and events so."""
    for i in range(1, len(order)):
        place, at = order[i], i
        key = 2 * days[place] + (0 if event[place] else 1)
        while at > 0 and 2 * days[order[at - 1]] + (0 if event[order[at - 1]] else 1) > key:
            order[at] = order[at - 1]
            at -= 1
        order[at] = place
    for p in range(len(order)):
        in_time[p] = days[order[p]]
        happened[p] = event[order[p]]


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
def _median(in_time, happened, group, count, convention):
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
    unit, found = 0.3 * n, math.nan
    if kind in (SURVIVAL, MEDIAN):
        gap = 0.0
        for side in range(3):
            if kind == MEDIAN and side == 0:
                found = _median(in_time, happened, group, count, goals.half)
                if low - EDGE <= found <= high + EDGE:
                    continue
            for end in range(2):
                bound = goals.ranges[t, 2 * side + end]
                if math.isnan(bound) or math.isinf(bound):
                    continue
                sign = 1 if end == 0 else -1
                # A median's curve is above one half just before it, and below at the latest.
                at = time if kind == SURVIVAL else bound - sign * 1e-6
                s, error = survival_at(in_time, happened, group, at)
                height = s
                if side > 0:
                    lower, upper = limits(s, error, goals.interval, goals.z)
                    height = lower if side == 1 else upper
                if kind == MEDIAN:
                    gap += crossing(0.0 if math.isnan(height) else height, sign)
                elif math.isnan(height):
                    gap += UNKNOWN
                else:
                    miss = sign * (bound - height)
                    gap += max(miss * unit, SMALLEST) if miss > EDGE else 0.0
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
    if kind == CRUDE:
        found = beyond / count
    elif kind == FOLLOWED:
        found = followed / (followed + failed)
    else:
        found, unit = there, 0.3
    gap = outside(found, low - EDGE, high + EDGE)
    return UNKNOWN if math.isnan(gap) else gap * unit


@lean
def _loss(goals, patients, days, event, in_time, happened, group, limit):
    """The sum of all distances and of what is broken, or more than `limit`."""
    total = 0.0
    for i in range(len(days)):
        tied = patients.tied[i]
        apart = tied >= 0 and (not event[i] or patients.shared[i]) and days[i] != tied
        if apart or days[i] > patients.ceiling[i]:
            total = BROKEN
            break
    for t in range(len(goals.kinds)):
        if total > limit:
            break
        total += distance(goals, t, in_time, happened, group)
    return total


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
    order = np.arange(n)
    in_time, happened = np.zeros(n, dtype=np.int64), np.zeros(n, dtype=np.bool_)
    group = np.zeros(n, dtype=np.int64)
    for i in range(n):
        _settle(goals, patients, days, event, i)
    _sort(days, event, order, in_time, happened)
    everything = math.inf
    current = _loss(goals, patients, days, event, in_time, happened, group, everything)
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
        if not _propose(goals, patients, days, event, i, j):
            continue
        more = 0 if i == j else int(event[j]) - int(event_j)
        more += int(event[i]) - int(event_i)
        luck = -math.log(1.0 - np.random.random()) - tilt * more
        limit = current + heat * luck if luck >= 0.0 or heat > 0.0 else -1.0
        _sort(days, event, order, in_time, happened)
        after = _loss(goals, patients, days, event, in_time, happened, group, limit)
        if after <= limit:
            current = after
            continue
        days[i], event[i] = days_i, event_i
        days[j], event[j] = days_j, event_j
        _sort(days, event, order, in_time, happened)
    return current
