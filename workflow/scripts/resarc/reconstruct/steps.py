"""One dataset as a whole and the steps from it to the next, compiled.

Patients exchange labels, change their times, change places in time, or change events. `Space` says what
the protocol and the figures demand; `may_be` whether a patient is what the protocol allows.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from resarc.compiled import tiny
from resarc.reconstruct.distances import (
    CHI2,
    COX_LR,
    COX_P,
    EDGE,
    HAZARD_RATIO,
    LOGRANK,
    PETO,
    SIDE,
    TARONE_WARE,
    TREND,
    WILCOXON,
    YATES,
    Problem,
)
from resarc.reconstruct.kernels import below
from resarc.reconstruct.terms import Quantities, Terms, meets_all

ORDER_ONLY = (
    LOGRANK, SIDE, COX_P, HAZARD_RATIO, CHI2, TREND, YATES, WILCOXON, TARONE_WARE, PETO, COX_LR,
)  # fmt: skip
"""Targets that depend on the order of times, not on the times."""

# Of speed only: how often which change is tried.
NEARBY, FINE, CLOSE = 0.6, 0.25, 0.7


class Rules(NamedTuple):
    """What a patient may be.

    Component c: its blocks (rows of the codes, -1: none) with strides and sizes (3, c, b), the first
    place of its combinations in `allowed`. `shared` (S, 3): an endpoint, another, a component;
    `shared_cells` (S, combinations): those in which the first's event is the other's, at its time.
    `relations` (R, 4): an endpoint, another, whether its time is at most the other's, and whether
    who is censored for it is censored for the other (1: at another time of their own; 2: at the same).
    `ties` (N, 3): a row of the values, another, whether equal (1) or at most (0), among the patients
    who meet `tie_conditions` and `tie_meets`. `markers` (W, 2): endpoint and days of ROC curves, with
    `marker_conditions` and `marker_meets`; `marker_blocks` (W, B) what they depend on beside times.
    `reach` (E, 2): the shortest and the longest time.
    """

    components: np.ndarray
    first: np.ndarray
    allowed: np.ndarray
    shared: np.ndarray
    shared_cells: np.ndarray
    relations: np.ndarray
    ties: np.ndarray
    tie_conditions: np.ndarray
    tie_meets: np.ndarray
    markers: np.ndarray
    marker_conditions: np.ndarray
    marker_meets: np.ndarray
    marker_blocks: np.ndarray
    reach: np.ndarray


class Space(NamedTuple):
    """The datasets that hold all targets. `targets` as in `exchanges`, T of them; `checks` are the Q
    targets that `exchanges` does not know. `moves` (K, 2, B): blocks exchanged together, and blocks in
    which both patients must then agree. A change is one of `moves` or, after them, of times: K + 2 m if
    the endpoints of the set m (its bits) change times only, K + 2 m + 1 if they change events, too; R in
    all. `felt` (R, T + Q): the targets that a change may break, first those of `targets`, and `many` (R,)
    how many they are; `ordered` (T,): which targets depend on the order of times only, not on the times,
    and `timed` (T, E) on whose. `seen` (R, W): whether a ROC curve may see a change. `number_of` (B,): the
    row of the values that goes with a block (-1: none); `event_row` (E,): the row of the codes that holds
    an endpoint's events (0: event, 1: censored)."""

    targets: Problem
    checks: Quantities
    terms: Terms
    rules: Rules
    moves: np.ndarray
    felt: np.ndarray
    many: np.ndarray
    ordered: np.ndarray
    timed: np.ndarray
    seen: np.ndarray
    number_of: np.ndarray
    event_row: np.ndarray


@tiny
def may_be(space, state, i):
    """Whether a patient's codes, times and values are what the protocol allows."""
    rules, codes, days = space.rules, state.codes, state.days
    for c in range(rules.components.shape[1]):
        cell = 0
        for b in range(rules.components.shape[2]):
            row = rules.components[0, c, b]
            if row < 0:
                break
            code = codes[row, i]
            if code >= rules.components[2, c, b]:
                return False
            cell += rules.components[1, c, b] * code
        if not rules.allowed[rules.first[c] + cell]:
            return False
        for s in range(len(rules.shared)):
            apart = days[rules.shared[s, 0], i] != days[rules.shared[s, 1], i]
            if rules.shared[s, 2] == c and rules.shared_cells[s, cell] and apart:
                return False
    for e in range(len(rules.reach)):
        if days[e, i] < rules.reach[e, 0] or days[e, i] > rules.reach[e, 1]:
            return False
    for r in range(len(rules.relations)):
        e, o = rules.relations[r, 0], rules.relations[r, 1]
        if rules.relations[r, 2] == 1 and days[e, i] > days[o, i]:
            return False
        if rules.relations[r, 3] > 0 and codes[space.event_row[e], i] == 1:
            if codes[space.event_row[o], i] == 0:
                return False
            if rules.relations[r, 3] == 2 and days[e, i] != days[o, i]:
                return False
    for t in range(len(rules.ties)):
        if meets_all(rules.tie_conditions[t], rules.tie_meets[t], codes, i):
            x = state.values[rules.ties[t, 0], i]
            y = state.values[rules.ties[t, 1], i]
            if x > y + EDGE or (rules.ties[t, 2] == 1 and x < y - EDGE):
                return False
    return True


@tiny
def reorder(event_row, state, e):
    """Bring the order of an endpoint's times up to date; whether it changed."""
    order, days, codes = state.order[e], state.days[e], state.codes[event_row[e]]
    sorted_days, sorted_event = state.sorted_days[e], state.sorted_event[e]
    changed = False
    n = len(order)
    for p in range(n):
        i = order[p]
        event = codes[i] == 0
        # Ties and events decide, too: who shares a time with whom, and who of them dies.
        if event != sorted_event[p]:
            changed = True
        if p > 0 and not changed:
            before = sorted_days[p - 1] == sorted_days[p]
            if before != (days[order[p - 1]] == days[i]):
                changed = True
    for p in range(1, n):  # nearly sorted: insertion is the quickest
        i = order[p]
        key = days[i] * 2 + codes[i]
        q = p
        while q > 0 and days[order[q - 1]] * 2 + codes[order[q - 1]] > key:
            order[q] = order[q - 1]
            q -= 1
        if q != p:
            order[q] = i
            changed = True
    for p in range(n):
        sorted_days[p] = days[order[p]]
        sorted_event[p] = codes[order[p]] == 0
    return changed


@tiny
def swap(space, state, move, i, j):
    for b in range(space.moves.shape[2]):
        if space.moves[move, 0, b]:
            codes = state.codes
            codes[b, i], codes[b, j] = codes[b, j], codes[b, i]
            row = space.number_of[b]
            if row >= 0:
                values = state.values
                values[row, i], values[row, j] = values[row, j], values[row, i]


@tiny
def swappable(space, state, move, i, j):
    """Whether an exchange is allowed by the move and changes something."""
    differ = False
    for b in range(space.moves.shape[2]):
        same = state.codes[b, i] == state.codes[b, j]
        if space.moves[move, 1, b] and not same:
            return False
        if space.moves[move, 0, b]:
            row = space.number_of[b]
            differ = differ or not same
            differ = differ or (row >= 0 and state.values[row, i] != state.values[row, j])
    return differ and i != j


@tiny
def partner(space, state, move, e, i):
    """Whom to exchange with: anybody, or the next in time of endpoint e who differs."""
    n = state.codes.shape[1]
    if np.random.random() >= NEARBY:
        return below(n)
    place = 0
    while state.order[e, place] != i:
        place += 1
    step = 1 if np.random.random() < 0.5 else -1
    for _try in range(8):
        place += step
        if place < 0 or place >= n:
            break
        j = state.order[e, place]
        if swappable(space, state, move, i, j):
            return j
    return below(n)


@tiny
def new_day(space, state, e, i):
    """A day between the neighbours in time, a neighbour's own, any day, or one of the next: a printed
    median leaves a few days, which a step between neighbours far apart seldom meets."""
    low, high = space.rules.reach[e, 0], space.rules.reach[e, 1]
    how = np.random.random()
    if how < FINE:
        step = 1 + below(3)
        return state.days[e, i] + (step if np.random.random() < 0.5 else -step)
    if how >= CLOSE:
        return low + below(high + 1 - low)
    n = state.codes.shape[1]
    place = 0
    while state.order[e, place] != i:
        place += 1
    width = 1 + below(3)
    if place - width >= 0:
        low = max(low, state.sorted_days[e, place - width])
    if place + width < n:
        high = min(high, state.sorted_days[e, place + width])
    return low + below(high + 1 - low) if low <= high else state.days[e, i]
