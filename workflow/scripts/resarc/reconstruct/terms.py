"""Statistics of one dataset by time and label, compiled: what `climb` pushes and checks."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from resarc.compiled import lean, makes_arrays
from resarc.reconstruct.courses import HALVES
from resarc.reconstruct.kernels import cox, logrank, survival_at

# Kinds of terms.
COUNT, SURVIVAL_TERM, CRUDE_TERM, RISK_TERM, MEDIAN_TERM, REVERSE_MEDIAN, RMST = range(7)
SHORTEST, LONGEST, MEAN_TIME, MIDDLE_TIME, LOGRANK_TERM, LOG_RATIO = range(7, 13)

# How a quantity is made of terms.
PLAIN, DIFFERENCE, SHARE = range(3)

NEWTON = 12
_HALF = 1e-9
FIRST, BELOW = HALVES["first"], HALVES["below"]


class Terms(NamedTuple):
    """Statistics of a subgroup as arrays: K terms, C conditions, P model columns, L codes.

    `conditions` (K, C) are rows of the codes (-1: none), `meets` (K, C, L) which codes meet them.
    `group_row` (K,) is the row by which a test groups, `group_of` (K, L) the group of each code,
    `groups` (K,) their number. `columns` (K, P) are rows of the codes (-1: none) whose indicators
    `indicates` (K, P, L) are covariates of a Cox model, `numbers` (K, P) rows of the values. `half`:
    which median a curve has that is 1/2 over a stretch, by `courses.HALVES`.
    """

    kind: np.ndarray
    endpoint: np.ndarray
    days: np.ndarray
    conditions: np.ndarray
    meets: np.ndarray
    group_row: np.ndarray
    group_of: np.ndarray
    groups: np.ndarray
    columns: np.ndarray
    indicates: np.ndarray
    numbers: np.ndarray
    half: int


class Quantities(NamedTuple):
    """Quantities made of one or two terms (Q,), the range that a target allows, and what each
    depends on: blocks (Q, B) and times of endpoints (Q, E)."""

    made: np.ndarray
    first: np.ndarray
    second: np.ndarray
    low: np.ndarray
    high: np.ndarray
    blocks: np.ndarray
    times: np.ndarray


class State(NamedTuple):
    """One dataset: codes (B, n), days (E, n) and values (V, n) by patient; patients, days and events
    of each endpoint in the order of time (E, n)."""

    codes: np.ndarray
    days: np.ndarray
    values: np.ndarray
    order: np.ndarray
    sorted_days: np.ndarray
    sorted_event: np.ndarray


@lean
def meets_all(conditions, meets, codes, i):
    for c in range(len(conditions)):
        if conditions[c] >= 0 and not meets[c, codes[conditions[c], i]]:
            return False
    return True


@lean
def _median(days, event, group, reverse, half):
    """The time at which the curve falls to one half, as `batch.quantile_of_steps` has it; twice the
    longest time where it does not, NaN where nobody takes part."""
    at_risk = 0
    last = -1
    for p in range(len(days)):
        if group[p] >= 0:
            at_risk += 1
            last = days[p]
    if at_risk == 0:
        return math.nan
    s, start = 1.0, -1.0
    p, n = 0, len(days)
    while p < n:
        end = p
        while end + 1 < n and days[end + 1] == days[p]:
            end += 1
        deaths, leaving = 0, 0
        for q in range(p, end + 1):
            if group[q] >= 0:
                leaving += 1
                if event[q] != reverse:
                    deaths += 1
        if deaths > 0:
            s *= 1.0 - deaths / at_risk
            if start < 0.0 and s <= 0.5 + _HALF:
                start = days[p]
            if start >= 0.0 and half == FIRST:
                return start
            if s < 0.5 - _HALF:
                return days[p] * 1.0 if half == BELOW else (start + days[p]) / 2.0
        at_risk -= leaving
        p = end + 1
    return (start + last) / 2.0 if start >= 0.0 and half != BELOW else 2.0 * last


@lean
def _area(days, event, group, tau):
    """The area under the curve to `tau`; NaN where it is not known so long."""
    at_risk = 0
    last = -1
    for p in range(len(days)):
        if group[p] >= 0:
            at_risk += 1
            last = days[p]
    if at_risk == 0:
        return math.nan
    s, area, before = 1.0, 0.0, 0.0
    for p in range(len(days)):
        if days[p] > tau:
            break
        if group[p] >= 0:
            if event[p]:
                area += s * (days[p] - before)
                before = days[p]
                s *= (at_risk - 1) / at_risk
            at_risk -= 1
    if tau > last and s > 1e-12:
        return math.nan
    return area + s * (tau - before)


@lean
def term(terms, k, state, group, design):
    """The value of a term; times in days. `group` and `design` are scratch."""
    e = terms.endpoint[k]
    order, days, event = state.order[e], state.sorted_days[e], state.sorted_event[e]
    codes, conditions, meets = state.codes, terms.conditions[k], terms.meets[k]
    n = len(order)
    size = 0
    for p in range(n):
        inside = meets_all(conditions, meets, codes, order[p])
        group[p] = 0 if inside else -1
        size += inside
    kind = terms.kind[k]
    if kind == COUNT:
        return float(size)
    if size == 0:
        return math.nan
    if kind == SURVIVAL_TERM:
        return survival_at(days, event, group, terms.days[k])[0]
    if kind == MEDIAN_TERM:
        return _median(days, event, group, False, terms.half)
    if kind == REVERSE_MEDIAN:
        return _median(days, event, group, True, terms.half)
    if kind == RMST:
        return _area(days, event, group, terms.days[k])
    if kind in (CRUDE_TERM, RISK_TERM):
        beyond = 0
        margin = 0.0 if kind == CRUDE_TERM else 2e-6
        for p in range(n):
            beyond += group[p] >= 0 and days[p] > terms.days[k] - margin
        return beyond / size if kind == CRUDE_TERM else float(beyond)
    if kind in (SHORTEST, LONGEST, MEAN_TIME, MIDDLE_TIME):
        total, rank, found = 0.0, 0, 0.0
        for p in range(n):
            if group[p] < 0:
                continue
            total += days[p]
            if kind == SHORTEST and rank == 0:
                return float(days[p])
            if kind == MIDDLE_TIME and rank in ((size - 1) // 2, size // 2):
                found += days[p] if size % 2 == 1 else days[p] / 2.0
            if kind == LONGEST:
                found = float(days[p])
            rank += 1
        return total / size if kind == MEAN_TIME else found
    if kind == LOGRANK_TERM:
        for p in range(n):
            if group[p] >= 0:
                group[p] = terms.group_of[k, state.codes[terms.group_row[k], order[p]]]
        return logrank(days, event, group, terms.groups[k])[0]
    for p in range(n):
        i = order[p]
        row = terms.group_row[k]
        if row >= 0 and terms.group_of[k, state.codes[row, i]] < 0:
            group[p] = -1
        for c in range(design.shape[1]):
            design[p, c] = 0.0
            if terms.columns[k, c] >= 0:
                if terms.indicates[k, c, state.codes[terms.columns[k, c], i]]:
                    design[p, c] = 1.0
            elif terms.numbers[k, c] >= 0:
                design[p, c] = state.values[terms.numbers[k, c], i]
    beta, variance = cox(days, event, group, design, NEWTON)
    return beta[0] if variance > 0.0 else math.nan


@lean
def quantity(terms, quantities, q, state, group, design):
    """The value of a quantity."""
    value = term(terms, quantities.first[q], state, group, design)
    if quantities.made[q] == PLAIN:
        return value
    other = term(terms, quantities.second[q], state, group, design)
    return value - other if quantities.made[q] == DIFFERENCE else value / other


@makes_arrays
def quantities_of(terms, quantities, which, state):
    """The values (Q,) of those quantities that are asked for (Q,), NaN of the others."""
    n = state.codes.shape[1]
    group = np.zeros(n, dtype=np.int64)
    design = np.zeros((n, terms.columns.shape[1]))
    found = np.full(len(which), math.nan)
    for q in range(len(which)):
        if which[q]:
            found[q] = quantity(terms, quantities, q, state, group, design)
    return found
