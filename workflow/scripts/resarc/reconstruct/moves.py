"""Exchanges of codes between two patients, and new codes of one, that keep what must be kept; compiled."""

from __future__ import annotations

import math

from resarc.compiled import tiny
from resarc.reconstruct.distances import ALL, NARROW, NARROW_FIRST


@tiny
def fits(problem, codes, open_codes, times, i):
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


@tiny
def swap(problem, codes, move, i, j):
    """Exchange two patients' codes of the blocks of a move."""
    for b in range(problem.moves.shape[2]):
        if problem.moves[move, 0, b]:
            codes[b, i], codes[b, j] = codes[b, j], codes[b, i]


@tiny
def may_swap(problem, codes, open_codes, times, move, i, j):
    """Exchange two patients and say True, or leave all as it is and say False."""
    if i == j:
        return False
    differ = False
    for b in range(problem.moves.shape[2]):
        if codes[b, i] != codes[b, j]:
            if problem.moves[move, 1, b]:
                return False
            differ = differ or problem.moves[move, 0, b]
    if not differ:
        return False
    swap(problem, codes, move, i, j)
    if fits(problem, codes, open_codes, times, i) and fits(problem, codes, open_codes, times, j):
        return True
    swap(problem, codes, move, i, j)
    return False


@tiny
def stage_sum(problem, distances, stage):
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
