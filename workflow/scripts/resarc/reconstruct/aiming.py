"""Exchanges aimed at rates of subgroups and at log-rank tests of two groups, compiled.

What an exchange does to such a test is known exactly from one pass over the history
(`kernels.logrank_sums`), and so is what two do together: observed less expected events U add up, and
of the variance V only the time in which both change the number at risk counts twice. So millions of
pairs of exchanges are compared at the price of a few. The p of an unadjusted Cox model is near that of
the log-rank test, which guides there. Of a rate and its limits what one exchange does to log S and to
Greenwood's sum is exact, and what two do nearly the sum of both. What comes out is computed anew.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from resarc.compiled import lean, makes_arrays, tiny
from resarc.reconstruct.changes import distance_after, group_of, keep, refresh
from resarc.reconstruct.distances import (
    ALL,
    BY,
    CHI2,
    COX_P,
    ENDPOINT,
    GROUPS,
    HAZARD_RATIO,
    KIND,
    LOGRANK,
    NARROW,
    NARROW_FIRST,
    SIDE,
    SIGN,
    SURVIVAL,
    TREND,
    YATES,
    adjusted,
    deviate_gap,
    group_distance,
    is_rank_test,
    side_gap,
    survival_gap,
    target_distance,
)
from resarc.reconstruct.kernels import below, chi_of_sums, survival_after
from resarc.reconstruct.moves import may_swap, stage_sum, swap

# Of speed only; what a member must hold is not touched by them.
PAIRS = 20_000
SINGLES = 1500
SLACK = 0.01
MODEL_SLACK = 0.03
CURVE_SLACK = 2e-3
LOOKS = 200_000
TRIES = 300


# Columns of Aims.effect: of a test, then of a rate.
U, V, LOW, HIGH, UP = range(5)
LOG_S, GREENWOOD = range(2)
FAR = 100.0


class Aims(NamedTuple):
    """Exchanges of one move: `pair` (S, 2) patients, `order` (S,) by what they do to the first test,
    `main` (S,); `effect` (S, K, 5) on K tests: what they add to U and V, and between which two values of
    the sum of w/Y^2 they leave one more (1) or one fewer (-1) of group 0 at risk; or on K rates: what they
    add to log S and to Greenwood's sum. `kin` (2, n): who may be exchanged is alike in the first number,
    and who then changes a test or rate differs in the second; `turn` (T,) is scratch."""

    kin: np.ndarray
    pair: np.ndarray
    order: np.ndarray
    main: np.ndarray
    effect: np.ndarray
    turn: np.ndarray


@makes_arrays
def aims_of(problem, n):
    """Room for the exchanges of a move among n patients."""
    most = 0
    for move in range(len(problem.moves)):
        count = 0
        for t in range(len(problem.specs)):
            count += problem.aimed[move, t]
        most = max(most, count)
    return Aims(
        np.zeros((2, n), dtype=np.int64),
        np.zeros((SINGLES, 2), dtype=np.int64),
        np.zeros(SINGLES, dtype=np.int64),
        np.zeros(SINGLES),
        np.zeros((SINGLES, most, 5)),
        np.zeros(len(problem.specs), dtype=np.int64),
    )


@tiny
def _effect_on_rate(problem, times, state, t, i, j, effect):
    """What exchanging i and j adds to log S and to Greenwood's sum of a subgroup; `FAR` too much where
    S is then unknown or nought."""
    e = problem.specs[t, ENDPOINT]
    p, q = state.place[e, i], state.place[e, j]
    inside = state.group[t, p] >= 0
    if inside == (state.group[t, q] >= 0):
        return False
    out, into = (p, q) if inside else (q, p)
    first, last = state.before[t, 0, 0], state.before[t, 0, 1]
    terms = state.terms[t]
    s, error = survival_after(times.event[e], terms, state.logs, first, last, out, into)
    effect[LOG_S], effect[GREENWOOD] = FAR, 0.0
    if s > 0.0:
        effect[LOG_S] = math.log(s) - terms[0, last]
        effect[GREENWOOD] = error * error - terms[3, last]
    return effect[LOG_S] != 0.0


@tiny
def _gap_of_rate(problem, t, state, one, two):
    """How far a rate and its limits are from their ranges after two exchanges, nearly."""
    last = state.before[t, 0, 1]
    greenwood = state.terms[t, 3, last] + one[GREENWOOD] + two[GREENWOOD]
    log_s = state.terms[t, 0, last] + one[LOG_S] + two[LOG_S]
    if not greenwood >= 0.0:
        return math.inf
    patients = len(state.group[t])
    gap = survival_gap(problem, t, math.exp(min(log_s, 0.0)), math.sqrt(greenwood), patients)
    return max(gap - CURVE_SLACK * patients, 0.0)


@tiny
def _effect(problem, codes, times, state, t, i, j, effect):
    """What exchanging i and j does to a test of two groups, in `effect` (5,): see `Aims`."""
    for k in range(5):
        effect[k] = 0.0
    if problem.specs[t, KIND] == SURVIVAL:
        return _effect_on_rate(problem, times, state, t, i, j, effect)
    level_i = problem.levels[t, 0, codes[problem.specs[t, BY], i]]
    level_j = problem.levels[t, 0, codes[problem.specs[t, BY], j]]
    if level_i == level_j:
        return False
    # Who leaves group 0 for 1, and who comes from there; a patient outside the subgroup stays out.
    place = state.place[problem.specs[t, ENDPOINT]]
    out, into = (place[i], place[j]) if level_i == 0 else (place[j], place[i])
    terms, group = state.terms[t], state.group[t]
    leaves, comes = 0.0, 0.0
    if group[out] >= 0:
        effect[U] -= terms[0, out]
        effect[V] -= terms[1, out] - 2.0 * terms[3, out]
        leaves = terms[2, out]
    if group[into] >= 0:
        effect[U] += terms[0, into]
        effect[V] += terms[1, into] - 2.0 * terms[3, into]
        comes = terms[2, into]
    effect[V] -= abs(comes - leaves)
    effect[LOW], effect[HIGH] = min(leaves, comes), max(leaves, comes)
    effect[UP] = 1.0 if comes > leaves else -1.0
    return effect[U] != 0.0


@tiny
def _gap(problem, t, state, one, two):
    """How far a test is from its window after two exchanges; infinite on the wrong side."""
    if problem.specs[t, KIND] == SURVIVAL:
        return _gap_of_rate(problem, t, state, one, two)
    sums = state.sums[t]
    u = sums[0] + one[U] + two[U]
    both = max(min(one[HIGH], two[HIGH]) - max(one[LOW], two[LOW]), 0.0)
    v = sums[problem.specs[t, GROUPS]] + one[V] + two[V] - 2.0 * one[UP] * two[UP] * both
    sign = problem.ranges[t, SIGN]
    if v <= 0.0 or (sign != 0.0 and u * sign <= 0.0):
        return math.inf
    root = abs(u) / math.sqrt(v)
    gap = max(max(problem.window[t, 0, 1] - root, root - problem.window[t, 1, 1]), 0.0)
    return gap if problem.specs[t, KIND] == LOGRANK else max(gap - MODEL_SLACK, 0.0)


@lean
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


@lean
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


@tiny
def _moved(problem, t, codes, state, aims, which):
    """Whether an exchange that was done changes somebody's group for a target."""
    place, group = state.place[problem.specs[t, ENDPOINT]], state.group[t]
    for side in range(2):
        i = aims.pair[which, side]
        if which != 0 and group_of(problem, t, codes, i) != group[place[i]]:
            return True
    return False


@lean
def _after_both(problem, t, codes, times, state, scratch, aims, one, two):
    """A target's distance after two exchanges of four patients who all, or of whom some, change its
    groups; the state does not know yet. `scratch` is overwritten."""
    kind = problem.specs[t, KIND]
    modelled = kind in (COX_P, HAZARD_RATIO) and adjusted(problem, t)
    if modelled or kind in (CHI2, TREND, YATES):
        return target_distance(problem, t, codes, times, scratch)
    if is_rank_test(kind) and problem.specs[t, GROUPS] == 2:
        if state.stale[t]:
            refresh(problem, t, times, state)
        gap = _test_after_both(problem, t, codes, state, scratch, aims, one, two)
        if not math.isnan(gap):
            return gap
    place, group = state.place[problem.specs[t, ENDPOINT]], state.group[t]
    for which in range(4):
        i = aims.pair[one if which < 2 else two, which % 2]
        scratch[which] = group[place[i]]
        group[place[i]] = group_of(problem, t, codes, i)
    found = group_distance(problem, t, times, group)
    for which in range(4):
        group[place[aims.pair[one if which < 2 else two, which % 2]]] = scratch[which]
    return found


@lean
def _test_after_both(problem, t, codes, state, scratch, aims, one, two):
    """A test of two groups after two exchanges; NaN if somebody enters its subgroup or leaves it.

    With d more of group 0 at risk (fewer: negative), each term w Y_0 (Y - Y_0) / Y^2 of V changes by
    w d (Y - 2 Y_0) / Y^2 - w d^2 / Y^2. Both sums over time are sums over those who move: the second
    over pairs of them, as long as both are at risk.
    """
    place, group, terms = state.place[problem.specs[t, ENDPOINT]], state.group[t], state.terms[t]
    u, v = state.sums[t, 0], state.sums[t, 2]
    moved = 0
    for which in range(4):
        i = aims.pair[one if which < 2 else two, which % 2]
        p = place[i]
        new = group_of(problem, t, codes, i)
        if new == group[p]:
            continue
        if new < 0 or group[p] < 0:
            return math.nan
        sign = 1.0 if new == 0 else -1.0
        u += sign * terms[0, p]
        v += sign * (terms[1, p] - 2.0 * terms[3, p]) - terms[2, p]
        for before in range(moved):
            q = scratch[before]
            as_sign = sign if q > 0 else -sign
            v -= 2.0 * as_sign * min(terms[2, p], terms[2, abs(q) - 1])
        scratch[moved] = (p + 1) if new == 0 else -(p + 1)
        moved += 1
    if problem.specs[t, KIND] == SIDE:
        return side_gap(problem, t, u)
    state.work[0], state.work[1] = u, -u
    state.work[2], state.work[5] = v, v
    chi2, df = chi_of_sums(state.work, 2)
    return deviate_gap(problem, t, chi2, df)


@lean
def _sum_after(problem, codes, times, touched, state, scratch, stage, limit, rest, aims, one, two):
    """The sum that a stage makes small after two exchanges, `rest` that of what they do not touch, or
    infinity if it is above the limit. What is known at once comes first: what only one of the two changes,
    then tests of two groups."""
    total = rest
    for turn in range(3):
        for t in range(len(problem.specs)):
            if not touched[t]:
                continue
            if turn == 0:
                by_one = _moved(problem, t, codes, state, aims, one)
                by_two = _moved(problem, t, codes, state, aims, two)
                paired = is_rank_test(problem.specs[t, KIND]) and problem.specs[t, GROUPS] == 2
                aims.turn[t] = 0 if not (by_one and by_two) else 1 if paired else 2
                if aims.turn[t] == 0:
                    gap = state.now[t]
                    if by_one or by_two:
                        i, j = aims.pair[one if by_one else two]
                        gap = distance_after(problem, t, codes, times, state, scratch, i, j)
            elif aims.turn[t] == turn:
                gap = _after_both(problem, t, codes, times, state, scratch, aims, one, two)
            if aims.turn[t] != turn:
                continue
            total += gap
            if total > limit or (stage == ALL and problem.specs[t, NARROW] == 1 and gap > 0.0):
                return math.inf
    return total


@lean
def _kinds(problem, codes, state, move, targets, count, kin):
    """What patients must be alike in to be exchanged, and what a move's tests and rates tell apart."""
    blocks = problem.moves.shape[2]
    for i in range(codes.shape[1]):
        alike, apart = 0, 0
        for b in range(blocks):
            if problem.moves[move, 1, b]:
                alike = alike * problem.levels.shape[2] + codes[b, i]
        for k in range(count):
            t = targets[k]
            if problem.specs[t, KIND] == SURVIVAL:
                mine = 0 if state.group[t, state.place[problem.specs[t, ENDPOINT], i]] < 0 else 1
            else:
                mine = 1 + problem.levels[t, 0, codes[problem.specs[t, BY], i]]
            apart = 3 * apart + mine
        kin[0, i], kin[1, i] = alike, apart


@lean
def _collect(problem, codes, open_codes, times, state, move, targets, count, aims):
    """Exchanges with an effect, in random order, with their effects; how many. The first is none."""
    n, kin = codes.shape[1], aims.kin
    _kinds(problem, codes, state, move, targets, count, kin)
    found = 1
    for k in range(count):
        for c in range(5):
            aims.effect[0, k, c] = 0.0
    every = n * (n - 1) // 2
    stride = 1
    if every > 1:  # a step that visits every pair once
        stride = 1 + below(every - 1)
        while math.gcd(stride, every) != 1:
            stride = 1 + below(every - 1)
    pair = below(every)
    for _visit in range(min(every, PAIRS)):
        pair += stride
        if pair >= every:
            pair -= every
        j = int((1.0 + math.sqrt(1.0 + 8.0 * pair)) / 2.0)
        i = pair - j * (j - 1) // 2
        if kin[1, i] == kin[1, j] or kin[0, i] != kin[0, j]:
            continue
        some = False
        for k in range(count):
            some |= _effect(problem, codes, times, state, targets[k], i, j, aims.effect[found, k])
        if not some or not may_swap(problem, codes, open_codes, times, move, i, j):
            continue
        swap(problem, codes, move, i, j)
        aims.pair[found, 0], aims.pair[found, 1] = i, j
        found += 1
        if found == SINGLES:
            break
    for k in range(found):
        aims.main[k] = aims.effect[k, 0, U]
    return found


@tiny
def _do(problem, codes, move, aims, which):
    """Exchange the patients of an exchange; the same again undoes it."""
    if which != 0:
        swap(problem, codes, move, aims.pair[which, 0], aims.pair[which, 1])


@tiny
def _together(problem, codes, open_codes, times, move, aims, one, two):
    """Do two exchanges and say True if both are permitted, or leave all as it is and say False."""
    i, j = aims.pair[one, 0], aims.pair[one, 1]
    if one != 0 and not may_swap(problem, codes, open_codes, times, move, i, j):
        return False
    i, j = aims.pair[two, 0], aims.pair[two, 1]
    if two != 0 and not may_swap(problem, codes, open_codes, times, move, i, j):
        _do(problem, codes, move, aims, one)
        return False
    return True


@tiny
def _window(problem, t, state, one, side):
    """What a second exchange must do to a test or rate (U or log S) to bring it near its range on one
    side, the positive one (1) or the negative (0); upside down where that cannot be."""
    if problem.specs[t, KIND] == SURVIVAL:
        now = state.terms[t, 0, state.before[t, 0, 1]] + one[LOG_S]
        low = math.log(max(problem.ranges[t, 0], 1e-9)) - CURVE_SLACK
        high = math.log(problem.ranges[t, 1]) + CURVE_SLACK
        return (low - now, high - now) if side == 1 else (1.0, 0.0)
    now = state.sums[t, 0] + one[U]
    v = state.sums[t, problem.specs[t, GROUPS]] + one[V]
    sign = 2.0 * side - 1.0
    if v <= 0.0 or problem.ranges[t, SIGN] * sign < 0.0:
        return 1.0, 0.0
    low = (problem.window[t, 0, 1] - SLACK) * math.sqrt(v)
    high = (problem.window[t, 1, 1] + SLACK) * math.sqrt(v)
    return (low - now, high - now) if sign > 0 else (-high - now, -low - now)


@lean
def _best(
    problem,
    codes,
    open_codes,
    times,
    state,
    scratch,
    move,
    stage,
    targets,
    count,
    found,
    aims,
    before,
):
    """The first two exchanges (0: none) after which all is met, or else the best two; twice 0 if
    nothing is better than `before`."""
    touched = problem.touched[min(stage, 1), move]
    rest = 0.0  # what no exchange of the move changes
    for t in range(len(problem.specs)):
        if not touched[t] and (stage != NARROW_FIRST or problem.specs[t, NARROW] > 0):
            rest += state.now[t]
    by_effect = aims.order[:found]
    t0 = targets[0]
    best, best_one, best_two = before - 1e-12, 0, 0
    looks, tries = 0, 0
    for one in range(found):
        for side in range(2):
            low, high = _window(problem, t0, state, aims.effect[one, 0], side)
            at = _first_at_least(aims.main, by_effect, low)
            while at < found and aims.main[by_effect[at]] <= high:
                two = by_effect[at]
                at += 1
                looks += 1
                total = rest
                for k in range(count):
                    total += _gap(
                        problem, targets[k], state, aims.effect[one, k], aims.effect[two, k]
                    )
                    if total >= best:
                        break
                if total >= best or two == one:
                    continue
                if one != 0 and two != 0:
                    i, j, k, m = (
                        aims.pair[one, 0],
                        aims.pair[one, 1],
                        aims.pair[two, 0],
                        aims.pair[two, 1],
                    )
                    if i in (k, m) or j in (k, m):
                        continue
                tries += 1
                if _together(problem, codes, open_codes, times, move, aims, one, two):
                    total = _sum_after(
                        problem,
                        codes,
                        times,
                        touched,
                        state,
                        scratch,
                        stage,
                        best,
                        rest,
                        aims,
                        one,
                        two,
                    )
                    _do(problem, codes, move, aims, two)
                    _do(problem, codes, move, aims, one)
                    if total < best:
                        best, best_one, best_two = total - 1e-12, one, two
                if best <= 0.0 or tries == TRIES:
                    return best_one, best_two
        if looks > LOOKS:
            break
    return best_one, best_two


@lean
def aim(problem, codes, open_codes, times, state, scratch, move, stage, aims):
    """One exchange or two of a move after which its tests of two groups are as printed; the first
    found that meets everything, or else the best if it is an improvement. Says whether there was
    one. What else the move touches decides with them in the end."""
    touched = problem.touched[min(stage, 1), move]
    before = stage_sum(problem, state.now, stage)
    if before == 0.0:
        return False
    targets, count = state.aimed, 0
    for t in range(len(problem.specs)):
        if not touched[t]:
            continue
        if problem.aimed[move, t] and (stage != NARROW_FIRST or problem.specs[t, NARROW] == 1):
            targets[count] = t
            count += 1
            if state.stale[t]:
                refresh(problem, t, times, state)
    if count == 0:
        return False
    found = _collect(problem, codes, open_codes, times, state, move, targets, count, aims)
    _order_of(aims.main[:found], aims.order[:found])
    one, two = _best(
        problem,
        codes,
        open_codes,
        times,
        state,
        scratch,
        move,
        stage,
        targets,
        count,
        found,
        aims,
        before,
    )
    if one == 0 and two == 0:
        return False
    _do(problem, codes, move, aims, one)
    _do(problem, codes, move, aims, two)
    for t in range(len(problem.specs)):
        if touched[t]:
            state.now[t] = target_distance(problem, t, codes, times, scratch)
    for both in range(2):
        chosen = one if both == 0 else two
        if chosen != 0:
            for side in range(2):
                keep(problem, codes, state, problem.touched[1, move], aims.pair[chosen, side])
    return True
