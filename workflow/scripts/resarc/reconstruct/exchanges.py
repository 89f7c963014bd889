"""The search for labels of one dataset, compiled.

Patients of a fixed history exchange codes until every test, rate and median of subgroups is as
printed. An exchange keeps all counts. Most exchanges are tried at random and accepted as in
simulated annealing (Kirkpatrick et al., Science 1983;220:671); what one does to the targets is known
at little cost (`changes`). Where log-rank tests of two groups are asked for, exchanges are also aimed
(`aiming`). A test printed to so many digits that annealing passes it by (`NARROW`) is met first, while
nothing else matters, and kept from then on.
"""

from __future__ import annotations

import math

import numpy as np

from resarc.compiled import lean, makes_arrays, tiny
from resarc.reconstruct.aiming import aim, aims_of
from resarc.reconstruct.changes import distance_after, keep, place_all, start
from resarc.reconstruct.distances import ALL, ANY, NARROW, NARROW_FIRST, target_distance
from resarc.reconstruct.kernels import below
from resarc.reconstruct.moves import fits, may_swap, stage_sum, swap

# Of speed only; what a member must hold is not touched by them.
ROUNDS = 8
HOPELESS = 0.05
"""A search that ends its round farther away is given up: another history comes cheaper."""
PER_PATIENT = 60
HOT, COLD = 0.05, 5e-4
AIMS = 8
NARROW_STARTS = 20
MELT_PER_PATIENT = 4
FLIPS = 0.3
MIX_PER_PATIENT = 2


@tiny
def _after(problem, codes, times, touched, state, scratch, stage, limit, i, j):
    """Distances after the codes of i and j changed, in `state.fresh`: new ones of the targets that the
    change touched. False, and they are incomplete, as soon as what the stage makes small is above
    the limit."""
    now, fresh = state.now, state.fresh
    total = 0.0
    for t in range(len(now)):
        if not touched[t]:
            fresh[t] = now[t]
            if stage != NARROW_FIRST or problem.specs[t, NARROW] > 0:
                total += now[t]
    if total > limit:
        return False
    for t in range(len(now)):
        if touched[t]:
            fresh[t] = distance_after(problem, t, codes, times, state, scratch, i, j)
            total += fresh[t]
            if total > limit or (stage == ALL and problem.specs[t, NARROW] == 1 and fresh[t] > 0.0):
                return False
    return True


@lean
def _try(problem, codes, open_codes, times, state, scratch, stage, heat):
    """One random change, accepted as annealing at this heat does, or at heat 0 if nothing is lost."""
    n, moves = codes.shape[1], problem.moves.shape[0]
    flip, move, b, i, old = False, 0, 0, below(n), 0
    j = i
    if len(problem.free) > 0 and np.random.random() < FLIPS:
        flip = True
        b = problem.free[below(len(problem.free))]
        move = moves + b
        old = codes[b, i]
        codes[b, i] = below(problem.table[1, b])
        if codes[b, i] == old or not fits(problem, codes, open_codes, times, i):
            codes[b, i] = old
            return False
    else:
        move, j = below(moves), below(n)
        if not may_swap(problem, codes, open_codes, times, move, i, j):
            return False
    limit = stage_sum(problem, state.now, stage) - heat * math.log(1.0 - np.random.random())
    touched = problem.touched[min(stage, 1), move]
    if _after(problem, codes, times, touched, state, scratch, stage, limit, i, j):
        for t in range(len(state.now)):
            state.now[t] = state.fresh[t]
        keep(problem, codes, state, problem.touched[1, move], i)
        keep(problem, codes, state, problem.touched[1, move], j)
        return True
    if flip:
        codes[b, i] = old
    else:
        swap(problem, codes, move, i, j)
    return False


@tiny
def _total(distances):
    total = 0.0
    for t in range(len(distances)):
        total += distances[t]
    return total


@lean
def _aim_all(problem, codes, open_codes, times, state, scratch, stage, aims):
    """Aimed exchanges of every move, as long as they make something better."""
    for _aim in range(AIMS):
        better = False
        for move in range(len(problem.moves)):
            better |= aim(problem, codes, open_codes, times, state, scratch, move, stage, aims)
        if not better:
            break


@lean
def _all_distances(problem, codes, times, state, scratch):
    """Each target's distance in a dataset, in `state.now`; their sum."""
    for t in range(len(state.now)):
        state.now[t] = target_distance(problem, t, codes, times, scratch)
    return _total(state.now)


@makes_arrays
def search(problem, codes, open_codes, times, seed, rounds):
    """Change `codes` (blocks, n) in place until every target holds, or for so many rounds; the sum
    of the distances left. `open_codes` (blocks, n, L) are the codes that pins leave to a patient."""
    np.random.seed(seed)
    n, moves = codes.shape[1], problem.moves.shape[0]
    scratch = np.zeros(n, dtype=np.int64)
    state = start(problem, codes, times)
    best = _all_distances(problem, codes, times, state, scratch)
    if moves == 0:
        return best
    aims = aims_of(problem, n)
    best = math.inf
    kept = codes.copy()
    # One version of each function for all stages: a literal number would be compiled apart.
    narrow_first, all_stage = np.int64(NARROW_FIRST), np.int64(ALL)
    for round_number in range(rounds):
        if round_number % 2 == 1:  # over the walls between what one start can reach and another
            for _step in range(MELT_PER_PATIENT * n):
                _try(problem, codes, open_codes, times, state, scratch, np.int64(ANY), 1.0)
        for _start in range(NARROW_STARTS):
            if stage_sum(problem, state.now, narrow_first) == 0.0:
                break
            for _step in range(n):
                _try(problem, codes, open_codes, times, state, scratch, narrow_first, 1.0)
            for move in range(moves):
                aim(problem, codes, open_codes, times, state, scratch, move, narrow_first, aims)
        left = _all_distances(problem, codes, times, state, scratch)
        stage = all_stage
        if stage_sum(problem, state.now, narrow_first) > 0.0:
            stage = np.int64(ANY)
        _aim_all(problem, codes, open_codes, times, state, scratch, stage, aims)
        left = _total(state.now)
        steps = PER_PATIENT * n
        if left > 0.0:
            for step in range(steps):
                heat = HOT * (COLD / HOT) ** (step / steps)
                if _try(problem, codes, open_codes, times, state, scratch, stage, heat):
                    left = _total(state.now)
                    if left == 0.0:
                        break
            _aim_all(problem, codes, open_codes, times, state, scratch, stage, aims)
        left = _total(state.now)
        if left < best:
            best = left
            for b in range(len(codes)):
                for i in range(n):
                    kept[b, i] = codes[b, i]
        if left == 0.0 or left > HOPELESS:
            break
    for b in range(len(codes)):
        for i in range(n):
            codes[b, i] = kept[b, i]
    place_all(problem, codes, times, state)
    best = _all_distances(problem, codes, times, state, scratch)
    if best == 0.0:  # away from where the search came in
        for _step in range(MIX_PER_PATIENT * n):
            _try(problem, codes, open_codes, times, state, scratch, all_stage, 0.0)
    return best
