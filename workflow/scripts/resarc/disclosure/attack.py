"""What can be solved from the released counts, all taken together.

The counts of overlapping groups are sums of the same cells. Whoever has them all can ask for the
least and the greatest value that any other count may have: a linear programme over the cells, each
released count a window on a sum of them. Source: Fischetti & Salazar, "Solving the Cell Suppression
Problem on Tabular Data with Linear Constraints", Management Science 2001;47:1008, for the attacker's
problem.

Cells are those of the joint table of the roots that a group names. Tables that share roots must agree
on the margins that they share; whether one joint table of all roots could have these margins is not
asked, so a reader who solved that harder problem might narrow a range further.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations, product
from math import ceil, floor, prod
from typing import Any

import numpy as np

from resarc.disclosure.groups import Atoms, Group
from resarc.disclosure.rounding import Window

MOST_CELLS = 3000
"""A table with more cells is known by its total alone, which is at most that of every group that
holds it."""
_SLACK = 1e-6

Term = dict[int, float]
"""A sum: coefficients by the number of their cell."""


class ContradictionError(ArithmeticError):
    """Windows that no table of counts can be in at once."""


@dataclass(frozen=True)
class Range:
    """The least and the greatest whole number that a count may be, and the groups whose windows
    prove it: without one of these the range is wider, or another proof is needed."""

    lower: float
    upper: float
    proof: frozenset[Group]

    @property
    def values(self) -> float:
        return self.upper - self.lower + 1


class Attack:
    """Ranges of counts, given windows on others.

    `atoms` gives all atoms of a root; `windows` what is known of the count of each group.
    """

    def __init__(
        self, atoms: Callable[[str], Iterable[str]], windows: Mapping[Group, Window]
    ) -> None:
        self._windows = dict(windows)
        self._classes = _classes(atoms, windows)
        self._tables: dict[frozenset[str], dict[tuple[int, ...], int]] = {}
        self._totals: dict[Group, int] = {}
        self._size = 0
        self._lay_out()
        self._programme = self._set_up()

    def range_of(self, term: Term) -> Range:
        """What a sum of cells may be; see `Range`."""
        from scipy.optimize import linprog

        ends, proof = [], set()
        for sign in (1, -1):
            cost = np.zeros(self._size)
            for cell, weight in term.items():
                cost[cell] += sign * weight
            found = linprog(cost, **self._programme, bounds=(0, None), method="highs")
            if found.status == 3:  # unbounded
                ends.append(-sign * np.inf)
                continue
            if found.x is None:
                raise ContradictionError(f"released counts contradict each other: {found.message}")
            ends.append(sign * found.fun)
            used = np.flatnonzero(np.abs(found.ineqlin.marginals) > _SLACK)
            proof |= {self._spoken_of[row] for row in used} - {None}
        lower, upper = ends
        return Range(
            lower if lower == -np.inf else ceil(lower - _SLACK),
            upper if upper == np.inf else floor(upper + _SLACK),
            frozenset(proof),
        )

    def term(self, group: Group) -> Term:
        """The count of a group as a sum of cells. The atoms of the group are told apart by those of
        which something is known; ValueError if not."""
        for root, atoms in group.parts:
            if any(known & atoms and not known <= atoms for known in self._classes[root]):
                raise ValueError(f"nothing is known of {root}: {', '.join(sorted(atoms))}")
        if group in self._totals:
            return {self._totals[group]: 1.0}
        roots = min(
            (t for t in self._tables if group.roots <= t), key=lambda t: (len(self._tables[t]), sorted(t))
        )  # fmt: skip
        order = sorted(roots)
        wanted = [group.by_root.get(root) for root in order]
        return {
            cell: 1.0
            for place, cell in self._tables[roots].items()
            if all(
                atoms is None or self._classes[root][number] <= atoms
                for atoms, root, number in zip(wanted, order, place, strict=True)
            )
        }

    def difference(self, whole: Group, part: Group) -> Term:
        """Who is in one group and not in another."""
        term = dict(self.term(whole))
        for cell, weight in self.term(part).items():
            term[cell] = term.get(cell, 0.0) - weight
        return term

    # -- the programme ------------------------------------------------------------------------

    def _lay_out(self) -> None:
        sets = {group.roots for group in self._windows} or {frozenset()}
        small = [s for s in sets if self._cells_of(s) <= MOST_CELLS]
        for roots in sorted(small, key=lambda s: (len(s), sorted(s))):
            if any(roots < other for other in small):
                continue
            places = product(*(range(len(self._classes[root])) for root in sorted(roots)))
            self._tables[roots] = {place: self._size + i for i, place in enumerate(places)}
            self._size += len(self._tables[roots])
        for group in self._windows:
            if self._cells_of(group.roots) > MOST_CELLS:
                self._totals[group] = self._size
                self._size += 1

    def _cells_of(self, roots: frozenset[str]) -> int:
        return prod(len(self._classes[root]) for root in roots)

    def _agreements(self) -> Iterable[Term]:
        """Tables that share roots have the same margin there."""
        shared = {a & b for a, b in combinations(self._tables, 2)}
        for roots in sorted(shared, key=lambda s: (len(s), sorted(s))):
            first, *others = (t for t in self._tables if roots <= t)
            margin = self._margin(first, roots)
            for other in others:
                for place, cells in self._margin(other, roots).items():
                    term = dict.fromkeys(cells, 1.0)
                    for cell in margin[place]:
                        term[cell] = -1.0
                    yield term

    def _margin(self, table: frozenset[str], roots: frozenset[str]) -> dict[tuple, list[int]]:
        kept = [i for i, root in enumerate(sorted(table)) if root in roots]
        found: dict[tuple, list[int]] = {}
        for place, cell in self._tables[table].items():
            found.setdefault(tuple(place[i] for i in kept), []).append(cell)
        return found

    def _containments(self) -> Iterable[Term]:
        for group, total in self._totals.items():
            for other in self._windows:
                if other != group and other not in self._totals and group.within(other):
                    yield dict.fromkeys(self.term(other), -1.0) | {total: 1.0}

    def _set_up(self) -> dict[str, Any]:
        """Rows of the programme: agreements as equations, all else as sums that are at most a bound;
        of each of these the group whose window it is."""
        from scipy.sparse import csr_array

        equal = list(self._agreements())
        below: list[tuple[Term, float]] = [(term, 0.0) for term in self._containments()]
        self._spoken_of: list[Group | None] = [None] * len(below)
        for group, window in self._windows.items():
            term = self.term(group)
            for sign, bound in ((1, window.upper), (-1, window.lower)):
                if np.isfinite(bound):
                    below.append(({cell: sign * w for cell, w in term.items()}, sign * bound))
                    self._spoken_of.append(group)

        def matrix(terms: list[Term]) -> csr_array:
            row = [i for i, term in enumerate(terms) for _ in term]
            column = [cell for term in terms for cell in term]
            weight = [w for term in terms for w in term.values()]
            return csr_array((weight, (row, column)), shape=(len(terms), self._size))

        found: dict[str, Any] = {
            "A_ub": matrix([term for term, _ in below]),
            "b_ub": [bound for _, bound in below],
        }
        if equal:
            found |= {"A_eq": matrix(equal), "b_eq": np.zeros(len(equal))}
        return found


def _classes(
    atoms: Callable[[str], Iterable[str]], groups: Iterable[Group]
) -> dict[str, list[Atoms]]:
    """Atoms of each root that no group tells apart, together."""
    used: dict[str, list[Atoms]] = {}
    for group in groups:
        for root, some in group.parts:
            used.setdefault(root, []).append(some)
    found = {}
    for root, uses in used.items():
        by_use: dict[tuple[bool, ...], set[str]] = {}
        for atom in atoms(root):
            by_use.setdefault(tuple(atom in use for use in uses), set()).add(atom)
        found[root] = [frozenset(some) for some in by_use.values()]
    return found
