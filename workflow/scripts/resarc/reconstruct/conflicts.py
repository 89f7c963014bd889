"""Printed counts that cannot hold together: a smallest such set, found and checked again.

Counts, shares and the protocol's rules are linear in how many patients have which combination of
levels (`counts`). If no whole numbers meet them, some smallest set of figures already cannot be
met. It is found by hitting sets: whatever cannot be met must contain a figure from every set whose
removal makes the rest feasible (Ignatiev et al., Smallest MUS extraction with minimal hitting set
dualization, CP 2015, LNCS 9255:173; irreducible infeasible subsets of linear programmes: Chinneck &
Dravnieks, ORSA J Comput 1991;3:157). HiGHS decides each set.

A conflict is only called proved once it has been checked again without HiGHS: a search through all
whole numbers of patients in exact rational arithmetic finds none that meets the figures, and for
each figure numbers that meet all the others, which are then put into the constraints.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations

import numpy as np

from resarc.reconstruct.counts import Component, feasible_rows, kept_rows, nearest_share, weight
from resarc.reconstruct.exact import Conflict
from resarc.reconstruct.targets import Target

MOST_STEPS = 2_000_000
RECHECKED = "search of all whole numbers in rational arithmetic"
NOT_RECHECKED = "integer programme only; the second check was given up"


def of_counts(component: Component, aside: list[Target], patients: int) -> list[Conflict]:
    """For each figure set aside, a smallest set that it conflicts in, the others being kept."""
    kept = kept_rows(component, aside)
    found = []
    for k, target in enumerate(component.rows):
        if target not in aside:
            continue
        rows = smallest([*kept, k], lambda part: feasible_rows(component, list(part), patients))
        if rows is not None:
            found.append(_checked(component, rows, patients))
    return found


def stepping_back(conflicts: list[Conflict], aside: Collection[Target]) -> list[Target]:
    """The fewest targets that meet every conflict which those set aside leave; claims in words and
    shares before others where it makes no difference."""
    left = [c.targets for c in conflicts if not set(c.targets) & set(aside)]
    targets = sorted({t for part in left for t in part}, key=lambda t: (weight(t), t.figures))
    rows = list(range(len(targets)))
    needed = [frozenset(targets.index(t) for t in part) for part in left]
    return [targets[k] for k in sorted(_hitting_set(rows, needed))]


def smallest(rows: list[int], feasible: Callable[[frozenset[int]], bool]) -> frozenset[int] | None:
    """A smallest subset that is not feasible; None if all rows together are."""
    if feasible(frozenset(rows)):
        return None
    needed: list[frozenset[int]] = []
    while True:
        candidate = _hitting_set(rows, needed)
        if not feasible(candidate):
            return candidate
        grown = set(candidate)
        for row in rows:
            if row not in grown and feasible(frozenset({*grown, row})):
                grown.add(row)
        needed.append(frozenset(rows) - grown)


def _hitting_set(rows: list[int], needed: list[frozenset[int]]) -> frozenset[int]:
    """A smallest set that meets every one of `needed`."""
    useful = [row for row in rows if any(row in part for part in needed)]
    for size in range(len(useful) + 1):
        for chosen in combinations(useful, size):
            if all(part & set(chosen) for part in needed):
                return frozenset(chosen)
    raise AssertionError("all rows together meet every set")


# --- the second check ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Exact:
    """The constraints as rational numbers: `sums` (rows, kinds) times patients lie within `ends`."""

    kinds: int
    lower: list[list[Fraction]]
    upper: list[list[Fraction]]


def _checked(component: Component, rows: frozenset[int], patients: int) -> Conflict:
    order = sorted(rows)
    targets = tuple(component.rows[k] for k in order)
    exact = _rational(component, order)
    possible = _search(exact, range(len(order)), patients)
    without = [
        _search(exact, [k for k in range(len(order)) if k != left], patients)
        for left in range(len(order))
    ]
    names = "; ".join(str(t.estimand) for t in targets)
    proof = f"No whole numbers of {patients} patients meet all of: {names}."
    for k, target in zip(order, targets, strict=True):
        near = nearest_share(component, k, [other for other in order if other != k], patients)
        if near is not None:
            hit, part = near
            share = f"{hit}/{part} = {100 * hit / part:.4g}%"
            proof += f" With the others, {target.estimand} comes nearest at {share}."
    confirmed = possible == () and all(numbers for numbers in without)
    if confirmed and len(order) > 1:
        proof += " Without any one of them some do."
    return Conflict(targets, proof, RECHECKED if confirmed else NOT_RECHECKED)


def _rational(component: Component, rows: list[int]) -> _Exact:
    """Combinations of levels that all rows treat alike are one kind."""
    both = np.vstack([component.above[rows], component.below[rows]])
    kinds = np.unique(both, axis=1)
    as_fraction = [[Fraction(float(x)).limit_denominator(10**9) for x in row] for row in kinds]
    return _Exact(kinds.shape[1], as_fraction[: len(rows)], as_fraction[len(rows) :])


SLACK = Fraction(1, 10**6)
"""Coefficients come from printed decimals; numbers of patients never turn on a millionth."""


def _search(exact: _Exact, rows: list[int] | range, patients: int) -> tuple[int, ...] | None:
    """Whole numbers of each kind that add up to all patients and meet the rows; () if there are none,
    None if the search was given up. Depth first, a branch is cut when even the best rest cannot
    meet a row."""
    lower = [exact.lower[k] for k in rows]
    upper = [exact.upper[k] for k in rows]
    steps = 0
    # The best that one more patient of a later kind can add to each row.
    best = [[max(row[j:], default=Fraction(0)) for j in range(exact.kinds + 1)] for row in lower]
    least = [[min(row[j:], default=Fraction(0)) for j in range(exact.kinds + 1)] for row in upper]
    stack: list[tuple[tuple[int, ...], int, list[Fraction], list[Fraction]]] = [
        ((), patients, [Fraction(0)] * len(lower), [Fraction(0)] * len(upper))
    ]
    while stack:
        numbers, left, low, high = stack.pop()
        steps += 1
        if steps > MOST_STEPS:
            return None
        j = len(numbers)
        if any(s + left * b[j] < -SLACK for s, b in zip(low, best, strict=True)):
            continue
        if any(s + left * b[j] > SLACK for s, b in zip(high, least, strict=True)):
            continue
        if j == exact.kinds:
            if left == 0:
                return numbers
            continue
        choices = range(left + 1) if j < exact.kinds - 1 else (left,)
        for count in choices:
            stack.append(
                (
                    (*numbers, count),
                    left - count,
                    [s + count * row[j] for s, row in zip(low, lower, strict=True)],
                    [s + count * row[j] for s, row in zip(high, upper, strict=True)],
                )
            )
    return ()
