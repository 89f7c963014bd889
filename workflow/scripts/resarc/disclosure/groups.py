"""Groups of patients that results speak of, in terms in which they can be held against each other.

Two names may speak of one thing: a category and a coarser one made of it, or two cut-points of one
number. A reader can subtract such groups, so each is told here by what it rests on: for each *root*
(a category of the source, a number, an endpoint) the *atoms* that are meant. The atoms of a number
are the intervals between all cut-points that the protocol knows for it. Missing is an atom too.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from resarc.analysis import CohortView
from resarc.estimand import Condition
from resarc.protocol import Derived, Protocol

MISSING = ""
"""The atom of patients in whom the root is not known. No level of a protocol is empty."""

Atoms = frozenset[str]


@dataclass(frozen=True)
class Group:
    """Patients whose roots have certain atoms; roots of which all are meant are not named."""

    parts: frozenset[tuple[str, Atoms]] = frozenset()

    @cached_property
    def by_root(self) -> Mapping[str, Atoms]:
        return dict(self.parts)

    @property
    def roots(self) -> frozenset[str]:
        return frozenset(self.by_root)

    @cached_property
    def name(self) -> str:
        """A text that tells groups apart and orders them."""
        return "; ".join(
            f"{root}: {', '.join(sorted(atoms))}" for root, atoms in sorted(self.by_root.items())
        )

    def without(self, root: str) -> Group:
        """The larger group in which this root does not matter."""
        return Group(frozenset(part for part in self.parts if part[0] != root))

    def within(self, other: Group) -> bool:
        """Whether whoever is in this group is in the other."""
        mine = self.by_root
        return all(mine.get(root) is not None and mine[root] <= a for root, a in other.parts)


class Groups:
    """The groups of one cohort and how many patients are in them."""

    def __init__(self, view: CohortView) -> None:
        self.view, self.protocol = view, view.protocol
        self._meaning: dict[str, tuple[str, dict[str, Atoms]]] = {}
        self._codes: dict[str, np.ndarray] = {}

    def group(
        self,
        where: Iterable[Condition] = (),
        known: Iterable[str] = (),
        among: Mapping[str, Iterable[str]] | None = None,
        missing: Iterable[str] = (),
    ) -> Group:
        """Patients with all the properties, in whom some names are known and others are missing, and
        who are at one of some levels of other categories."""
        parts: dict[str, Atoms] = {}

        def narrow(name: str, levels: Iterable[str] | None, absent: bool = False) -> None:
            root, meaning = self.meaning(name)
            chosen = meaning.values() if levels is None else (meaning[level] for level in levels)
            atoms: Atoms = frozenset().union(*chosen)
            if absent:
                atoms = frozenset(self.atoms(root)) - atoms
            parts[root] = parts[root] & atoms if root in parts else atoms

        for condition in where:
            narrow(condition.variable, [condition.level])
        for name in known:
            narrow(name, None)
        for name, levels in (among or {}).items():
            narrow(name, levels)
        for name in missing:
            narrow(name, None, absent=True)
        full = {root: frozenset(self.atoms(root)) for root in parts}
        return Group(frozenset((root, a) for root, a in parts.items() if a != full[root]))

    def count(self, group: Group) -> int:
        """How many patients of the cohort are in the group."""
        inside = np.ones(len(self.view.frame), dtype=bool)
        for root, atoms in group.parts:
            places = [place for place, atom in enumerate(self.atoms(root)) if atom in atoms]
            inside &= np.isin(self.codes(root), places)
        return int(inside.sum())

    # -- what names mean ----------------------------------------------------------------------

    def meaning(self, name: str) -> tuple[str, dict[str, Atoms]]:
        """The root of a name, and the atoms of each of its levels (of a number: of the one level
        that says that it is known)."""
        if name not in self._meaning:
            self._meaning[name] = self._find_meaning(name)
        return self._meaning[name]

    def _find_meaning(self, name: str) -> tuple[str, dict[str, Atoms]]:
        protocol = self.protocol
        if protocol.kind(name) in ("number", "date"):
            return name, {"known": frozenset(self.atoms(name)) - {MISSING}}
        item = None if name in protocol.endpoint_names else protocol.variable(name)
        if not isinstance(item, Derived):
            return name, {level: frozenset((level,)) for level in protocol.levels(name)}
        if item.cut:
            cuts, atoms = self._cuts(item.cut), self.atoms(item.cut)
            edges = [0, *(cuts.index(at) + 1 for at in item.at), len(cuts) + 1]
            pairs = zip(item.levels, itertools.pairwise(edges), strict=True)
            return item.cut, {level: frozenset(atoms[a:b]) for level, (a, b) in pairs}
        root, finer = self.meaning(item.collapse or "")
        return root, {
            group: frozenset().union(*(finer[level] for level in levels))
            for group, levels in item.groups.items()
        }

    def _cuts(self, number: str) -> list[float]:
        return sorted(
            {at for item in self.protocol.derived if item.cut == number for at in item.at}
        )

    def __contains__(self, root: str) -> bool:
        """Whether a root is one of this protocol."""
        names = {item.name for item in self.protocol.variables} | set(self.protocol.endpoint_names)
        return root in names | {item.name for item in self.protocol.derived}

    def atoms(self, root: str) -> tuple[str, ...]:
        """The atoms of a root, the missing one last."""
        if self.protocol.kind(root) in ("number", "date"):
            edges = ["", *(f"{at:g}" for at in self._cuts(root)), ""]
            return (*(f"{a}..{b}" for a, b in itertools.pairwise(edges)), MISSING)
        return (*self.protocol.levels(root), MISSING)

    def codes(self, root: str) -> np.ndarray:
        """Each patient's atom, as its place in `atoms`."""
        if root not in self._codes:
            last = len(self.atoms(root)) - 1
            if self.protocol.kind(root) in ("number", "date"):
                values = self.view.column(root)
                codes = np.where(np.isnan(values), last, np.digitize(values, self._cuts(root)))
            else:
                codes = self.view.codes(root)
                codes = np.where(codes < 0, last, codes)
            self._codes[root] = codes
        return self._codes[root]


def is_of_events(group: Group, protocol: Protocol) -> bool:
    """Whether the group's count is one of events: these are rounded as along the curves."""
    event = frozenset(("event",))
    return any(root in protocol.endpoint_names and a == event for root, a in group.parts)
