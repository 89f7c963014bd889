"""Labels under which the rates of subgroups come out as printed, joined from two halves; compiled.

A rate and its limits fix two sums over the deaths of a subgroup, Y being its number at risk: of
log(1 - 1/Y), and Greenwood's of 1/(Y (Y - 1)). Of the labels that forty patients can have, many give
the printed sums, but they lie far apart, and an exchange of two patients does not tell whether one is
near: to find them is a problem of sums of subsets, and is solved as those are (Horowitz and Sahni,
J ACM 1974;21:277). Many labels are drawn for the patients who come early and many for those who come
later, and of all pairs of an early and a later half those are taken whose sums are as printed. Both
halves must agree in how many patients of each code are at risk between them.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from resarc.compiled import lean, makes_arrays, tiny
from resarc.reconstruct.distances import ENDPOINT, FIRST, KIND, SURVIVAL
from resarc.reconstruct.kernels import limits
from resarc.reconstruct.moves import fits

# Of speed only; what a member must hold is not touched by them.
DRAWS = (2_000, 8_000, 32_000)
"""Halves that are drawn, one attempt after the other, until some fit."""
JOINED = 64
"""Pairs of halves that are kept, to choose among them what else is printed."""
WIDEST = 6.0
"""No standard error of log S is larger under a printed limit."""


class Cohort(NamedTuple):
    """The patients in the order of time: who has the `event` (n,), and which codes each may have, `allowed`
    (n, K); the codes `within` each group (G, K) that a rate speaks of; how much more often a death and a
    censoring have each code, `tilt` (2, K), than its share of those at risk; `logs` are those of
    `changes.State`."""

    event: np.ndarray
    allowed: np.ndarray
    within: np.ndarray
    tilt: np.ndarray
    logs: np.ndarray


@tiny
def is_rate_of(problem, t, block, endpoint):
    """Whether a target is the rate of a subgroup that this block of codes alone decides."""
    if problem.specs[t, KIND] != SURVIVAL or problem.specs[t, ENDPOINT] != endpoint:
        return False
    about = 0
    for c in range(problem.meets.shape[1]):
        row = problem.specs[t, FIRST + c]
        if row >= 0:
            about += 1
            if row != block:
                return False
    return about == 1


@lean
def movable(problem, block):
    """Whether patients may exchange codes of this block whatever their others are."""
    for move in range(len(problem.moves)):
        alone = problem.moves[move, 0, block]
        for b in range(problem.moves.shape[2]):
            if (b != block and problem.moves[move, 0, b]) or problem.moves[move, 1, b]:
                alone = False
        if alone:
            return True
    return False


@lean
def range_of_sums(ranges, interval, z, ends):
    """Least and greatest sum of log(1 - 1/Y), then of 1/(Y (Y - 1)), with which a rate and its limits
    print as they do, into `ends` (4,). `ranges` are those of a target (`distances.Problem`)."""
    low, high = ranges[0], ranges[1]
    ends[0] = math.log(low) - 1e-9 if low > 0.0 else -math.inf
    ends[1] = math.log(high) + 1e-9 if high > 0.0 else -math.inf
    ends[2], ends[3] = 0.0, math.inf
    if math.isnan(ranges[2]) or math.isnan(ranges[4]) or low <= 0.0 or high >= 1.0:
        return
    least, greatest = WIDEST, 0.0
    for k in range(2):
        s = low if k == 0 else high
        # Limits draw apart as the standard error grows.
        a, b = 0.0, WIDEST
        for _step in range(60):
            middle = (a + b) / 2.0
            lower, upper = limits(s, middle, interval, z)
            if lower > ranges[3] or upper < ranges[4]:
                a = middle
            else:
                b = middle
        least = min(least, a)
        a, b = 0.0, WIDEST
        for _step in range(60):
            middle = (a + b) / 2.0
            lower, upper = limits(s, middle, interval, z)
            if lower < ranges[2] or upper > ranges[5]:
                b = middle
            else:
                a = middle
        greatest = max(greatest, b)
    ends[2], ends[3] = least**2 - 1e-12, greatest**2 + 1e-12


@tiny
def _pick(left, tilt, allowed):
    """A code drawn from what is left of each, those with more tilt more often; -1 if none is allowed."""
    total = 0.0
    for k in range(len(left)):
        total += left[k] * tilt[k] if allowed[k] else 0.0
    u, code = np.random.random() * total, -1
    for k in range(len(left)):
        if allowed[k] and left[k] > 0 and u >= 0.0:
            code = k
            u -= left[k] * tilt[k]
    return code


@tiny
def _draw(left, risk, first, last, cohort, drawn, sums):
    """Labels for the places from `first` to `last`, drawn from what is left of each code (K,); what they add
    to the `sums` (G, 2) of each group, of whom `risk` (G,) are at risk. False where a patient is left
    without a code."""
    for p in range(first, last):
        code = _pick(left, cohort.tilt[0 if cohort.event[p] else 1], cohort.allowed[p])
        if code < 0:
            return False
        drawn[p - first] = code
        left[code] -= 1
        for g in range(len(risk)):
            if cohort.within[g, code]:
                if cohort.event[p]:
                    sums[g, 0] += cohort.logs[0, risk[g]]
                    sums[g, 1] += cohort.logs[1, risk[g]]
                risk[g] -= 1
    return True


@tiny
def at_risk(left, within, risk):
    """How many of each group (G,) are left, from what is left of each code."""
    for g in range(len(within)):
        risk[g] = 0
        for k in range(len(left)):
            if within[g, k]:
                risk[g] += left[k]


@makes_arrays
def _join(left, ends, first, last, cohort, draws):
    """Labels (J, last - first) of the places from `first` to `last`, drawn from what is left of each code
    (K,), whose sums lie between `ends` (G, 4), and these sums (J, G, 2)."""
    groups, levels = cohort.within.shape
    middle = (first + last) // 2
    found = np.zeros((JOINED, last - first), dtype=np.int8)
    found_sums = np.zeros((JOINED, groups, 2))
    counts, risk = np.zeros(levels, dtype=np.int64), np.zeros(groups, dtype=np.int64)
    early = np.zeros((draws, middle - first), dtype=np.int8)
    later = np.zeros((draws, last - middle), dtype=np.int8)
    early_sums, later_sums = np.zeros((draws, groups, 2)), np.zeros((draws, groups, 2))
    early_key, later_key = np.zeros(draws, dtype=np.int64), np.zeros(draws, dtype=np.int64)
    passed = np.zeros((draws, levels), dtype=np.int64)
    passing = np.zeros((draws, groups), dtype=np.int64)
    have, kept = 0, 0
    for _each in range(draws):
        counts[:] = left
        at_risk(left, cohort.within, risk)
        early_sums[have] = 0.0
        if _draw(counts, risk, first, middle, cohort, early[have], early_sums[have]):
            passed[have], passing[have] = counts, risk
            for k in range(levels):
                early_key[have] = early_key[have] * (last + 1) + left[k] - counts[k]
            have += 1
    for each in range(draws if have > 0 else 0):
        counts[:], risk[:] = passed[each % have], passing[each % have]
        later_sums[kept] = 0.0
        if _draw(counts, risk, middle, last, cohort, later[kept], later_sums[kept]):
            later_key[kept] = early_key[each % have]
            # Beyond the last who is followed a curve above nought is not known.
            known = True
            for g in range(groups):
                known = known and (risk[g] > 0 or ends[g, 0] == -math.inf)
            kept += known
    order = np.argsort(later_sums[:kept, 0, 0])
    order = order[np.argsort(later_key[:kept][order], kind="mergesort")]
    keys, values = later_key[order], later_sums[order, 0, 0]
    seen = 0
    for d in range(have):
        start = np.searchsorted(keys, early_key[d])
        stop = np.searchsorted(keys, early_key[d], side="right")
        start += np.searchsorted(values[start:stop], ends[0, 0] - early_sums[d, 0, 0])
        for place in range(start, stop):
            if early_sums[d, 0, 0] + values[place] > ends[0, 1]:
                break
            good = True
            for g in range(groups):
                for s in range(2):
                    total = early_sums[d, g, s] + later_sums[order[place], g, s]
                    if total < ends[g, 2 * s] or total > ends[g, 2 * s + 1]:
                        good = False
                if not good:
                    break
            if not good:
                continue
            # Each of those seen is as likely to be kept as any other.
            seen += 1
            row = seen - 1 if seen <= JOINED else int(np.random.random() * seen)
            if row < JOINED:
                found[row, : middle - first] = early[d]
                found[row, middle - first :] = later[order[place]]
                found_sums[row] = early_sums[d] + later_sums[order[place]]
    return found[: min(seen, JOINED)], found_sums[: min(seen, JOINED)]


@makes_arrays
def _in_turn(left, ends, cuts, cohort, draws):
    """Labels by place (J, n): what lies before the first time of a rate, then what lies between it and the
    next, and so on; who comes after the last has labels at random."""
    n = len(cohort.event)
    groups = len(cohort.within)
    done, first = np.zeros(n, dtype=np.int64), 0
    base, own = np.zeros((groups, 2)), np.zeros((groups, 4))
    times = np.unique(cuts)
    for c in range(len(times)):
        last = times[c]
        for g in range(groups):
            # The sums of a group grow until its time.
            own[g, 0], own[g, 1], own[g, 2], own[g, 3] = -math.inf, math.inf, -math.inf, math.inf
            if cuts[g] == last:
                for s in range(4):
                    own[g, s] = ends[g, s] - base[g, s // 2]
        labels, sums = _join(left, own, first, last, cohort, draws)
        if len(labels) == 0 or c + 1 == len(times):
            break
        chosen = int(np.random.random() * len(labels))
        for p in range(first, last):
            done[p] = labels[chosen, p - first]
            left[done[p]] -= 1
        base += sums[chosen]
        first = last
    found = np.zeros((len(labels), n), dtype=np.int64)
    have = 0
    for m in range(len(labels)):
        counts = left.copy()
        found[have] = done
        for p in range(first, last):
            found[have, p] = labels[m, p - first]
            counts[labels[m, p - first]] -= 1
        good = True
        for p in range(last, n):
            found[have, p] = _pick(
                counts, cohort.tilt[0 if cohort.event[p] else 1], cohort.allowed[p]
            )
            if found[have, p] < 0:
                good = False
                break
            counts[found[have, p]] -= 1
        have += good
    return found[:have]


@makes_arrays
def _cohort_of(problem, codes, open_codes, times, state, block, endpoint):
    """The cohort as the rates of a block's subgroups see it; what is left of each code (K,) before the
    first patient; the `ends` of the groups' sums (G, 4); and at which place each rate's time is (G,)."""
    n, levels = codes.shape[1], problem.meets.shape[2]
    groups = 0
    for t in range(len(problem.specs)):
        groups += is_rate_of(problem, t, block, endpoint)
    within, ends = np.zeros((groups, levels), dtype=np.bool_), np.zeros((groups, 4))
    cuts, sizes = np.zeros(groups, dtype=np.int64), np.full(levels, levels + 1)
    tilt = np.ones((2, levels))
    g = 0
    for t in range(len(problem.specs)):
        if not is_rate_of(problem, t, block, endpoint):
            continue
        for c in range(problem.meets.shape[1]):
            if problem.specs[t, FIRST + c] >= 0:
                within[g] = problem.meets[t, c]
        range_of_sums(problem.ranges[t], problem.interval, problem.z, ends[g])
        cuts[g] = state.before[t, 0, 1]
        # The hazard of the smallest group that has a code tells how often who has it dies.
        rate = (problem.ranges[t, 0] + problem.ranges[t, 1]) / 2.0
        for k in range(levels):
            if within[g, k] and within[g].sum() < sizes[k]:
                sizes[k] = within[g].sum()
                tilt[0, k] = -math.log(min(max(rate, 0.5 / n), 1.0 - 0.5 / n))
        g += 1
    left, allowed = np.zeros(levels, dtype=np.int64), np.zeros((n, levels), dtype=np.bool_)
    order = times.order[endpoint]
    for p in range(n):
        code = codes[block, order[p]]
        left[code] += 1
        for k in range(levels):
            codes[block, order[p]] = k
            allowed[p, k] = fits(problem, codes, open_codes, times, order[p])
        codes[block, order[p]] = code
    known, mean = 0, 0.0
    for k in range(levels):
        if sizes[k] <= levels:
            known, mean = known + 1, mean + tilt[0, k]
    for k in range(levels):
        if sizes[k] > levels:
            tilt[0, k] = mean / known
    return Cohort(times.event[endpoint], allowed, within, tilt, state.logs), left, ends, cuts


@makes_arrays
def match(problem, codes, open_codes, times, state, block, endpoint):
    """Labels (J, n) of a block, by patient, under which the rates of its subgroups are as printed, and their
    limits nearly always (these hang on both sums together): as many as were found, up to `JOINED`."""
    n, order = codes.shape[1], times.order[endpoint]
    cohort, left, ends, cuts = _cohort_of(problem, codes, open_codes, times, state, block, endpoint)
    found = np.zeros((0, n), dtype=np.int64)
    for draws in DRAWS:
        if len(found) == 0:
            found = _in_turn(left.copy(), ends, cuts, cohort, draws)
    labels = np.zeros((len(found), n), dtype=np.int64)
    for m in range(len(found)):
        for p in range(n):
            labels[m, order[p]] = found[m, p]
    return labels
