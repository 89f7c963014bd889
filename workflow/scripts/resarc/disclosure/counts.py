"""Which counts are released, and as what: small ones suppressed, others rounded, and more of them
suppressed until no small one can be solved from the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from resarc.disclosure.attack import Attack, ContradictionError, Range, Term
from resarc.disclosure.groups import Atoms, Group, Groups, is_of_events
from resarc.disclosure.rounding import Window, hidden, released, suppressed, told
from resarc.settings import Disclosure

EXPORT = "(export)"
"""A root beside those of the protocol, whose names have no brackets: who was there at an earlier
release, and who came since."""
BEFORE, CAME = "before", "came"
MOST_ROOTS = 3
"""Differences between releases are looked at for groups of so many roots; the others are the
complete cases of models."""

Windows = Mapping[Group, Window]


@dataclass(frozen=True)
class Decision:
    """The released value of each group that is released; why others are not; what a reader knows of
    each (`windows`); and the true counts, which stay inside."""

    released: dict[Group, int]
    small: frozenset[Group]
    hidden: frozenset[Group]
    windows: dict[Group, Window]
    counts: dict[Group, int]

    def __call__(self, group: Group | None) -> float:
        """The released count of a group; NaN where it is not released."""
        return float(self.released.get(group, "nan")) if group is not None else float("nan")


NOTHING = Decision({}, frozenset(), frozenset(), {}, {})


def decide(
    groups: Groups, wanted: Iterable[Group], rule: Disclosure, earlier: Sequence[Windows] = ()
) -> Decision:
    """Counts up to the threshold are suppressed, the others rounded.

    Then a reader is imagined who knows the rule, all released counts, and of each suppressed one
    whether it is small or was suppressed to protect another. While this reader can narrow a small
    count, or a small difference between two released groups of which one holds the other, to fewer
    values than the rule asks for, one more count is suppressed: the smallest of those from which
    the narrow range follows (`attack.Range.proof`).

    The same is done for the difference to each earlier release (what it told of each group): a
    reader who holds both must not narrow a change that may be small, either. This reader takes it
    that patients were only added, unless the releases contradict that.
    """
    state = _State(groups, dict.fromkeys(wanted), rule)
    state.protect_small()
    for told_before in earlier:
        state.protect_changes(told_before)
    return state.decision()


class _State:
    """The counts of one release while it is decided which of them to suppress."""

    def __init__(self, groups: Groups, wanted: Iterable[Group], rule: Disclosure) -> None:
        self.groups, self.rule = groups, rule
        self.counts = {group: groups.count(group) for group in wanted}
        self.events = {group: is_of_events(group, groups.protocol) for group in self.counts}
        self.small = {group for group, n in self.counts.items() if n <= rule.threshold}
        self.hidden: set[Group] = set()

    def decision(self) -> Decision:
        return Decision(
            {
                group: released(n, self.rule, events=self.events[group])
                for group, n in self.counts.items()
                if group not in self.small and group not in self.hidden
            },
            frozenset(self.small),
            frozenset(self.hidden),
            self.windows(),
            self.counts,
        )

    def windows(self) -> dict[Group, Window]:
        found = {}
        for group, n in self.counts.items():
            if group in self.small:
                found[group] = suppressed(self.rule)
            elif group in self.hidden:
                found[group] = hidden(self.rule)
            else:
                events = self.events[group]
                found[group] = told(released(n, self.rule, events=events), self.rule, events=events)
        return found

    def protect_small(self) -> None:
        """Small counts, and small differences of released ones."""
        watched: list[tuple[Group, Group | None]] = [
            (group, None) for group in self.counts if group in self.small
        ]
        watched += _small_differences(self.counts, self.rule)

        def ranges() -> Callable[[tuple[Group, Group | None]], Range | None]:
            attack = Attack(self.groups.atoms, self.windows())

            def of(pair: tuple[Group, Group | None]) -> Range | None:
                whole, part = pair
                if part is None:
                    return attack.range_of(attack.term(whole))
                if {whole, part} & (self.small | self.hidden):
                    return None
                return attack.range_of(attack.difference(whole, part))

            return of

        self._suppress_while_exposed(watched, ranges)

    def protect_changes(self, told_before: Windows) -> None:
        """Changes since an earlier release, in the groups that were told then and are now."""
        known = {
            group: window
            for group, window in told_before.items()
            if all(
                root in self.groups and atoms <= frozenset(self.groups.atoms(root))
                for root, atoms in group.parts
            )
        }
        watched = [
            group for group in known if group in self.counts and len(group.roots) <= MOST_ROOTS
        ]

        def ranges() -> Callable[[Group], Range | None]:
            change = _changes(self.groups, known, self.windows())

            def of(group: Group) -> Range | None:
                found = change(group)
                small = self.rule.threshold
                return found if found.lower <= small and found.upper >= -small else None

            return of

        self._suppress_while_exposed(watched, ranges)

    def _suppress_while_exposed(self, watched: list, ranges: Callable[[], Callable]) -> None:
        """Suppress one count after the other until each of the watched has enough values open.

        `ranges()` looks at the windows as they are and gives a function: the range of one of the
        watched, or None if it needs no protection.
        """
        while watched:
            of = ranges()
            exposed = [
                (item, found.proof)
                for item in watched
                if (found := of(item)) is not None and found.values < self.rule.uncertainty
            ]
            watched = [item for item, _ in exposed]
            new: set[Group] = set()
            for _, proof in exposed:
                standing = {g for g in proof if g in self.counts} - self.small - self.hidden
                # One that was suppressed a moment ago may be enough for this one, too.
                if standing and proof.isdisjoint(new):
                    new.add(min(standing, key=lambda g: (self.counts[g], g.name)))
                    self.hidden |= new
            if watched and not new:
                raise ArithmeticError("counts stay exposed though nothing more can be suppressed")


def _changes(groups: Groups, before: Windows, now: Windows) -> Callable[[Group], Range]:
    """A function: what a reader of two releases knows of the change of a group's count."""

    def atoms(root: str) -> tuple[str, ...]:
        return (BEFORE, CAME) if root == EXPORT else groups.atoms(root)

    def at(group: Group, export: str) -> Group:
        part: tuple[str, Atoms] = (EXPORT, frozenset((export,)))
        return Group(group.parts | {part})

    joint = Attack(atoms, {at(g, BEFORE): w for g, w in before.items()} | dict(now))
    try:
        joint.range_of(joint.term(Group()))
    except ContradictionError:
        first, second = Attack(groups.atoms, before), Attack(groups.atoms, now)

        def apart(group: Group) -> Range:
            old = first.range_of(first.term(group))
            new = second.range_of(second.term(group))
            return Range(new.lower - old.upper, new.upper - old.lower, new.proof)

        return apart

    def together(group: Group) -> Range:
        term: Term = joint.term(at(group, CAME))
        return joint.range_of(term)

    return together


def _small_differences(
    counts: dict[Group, int], rule: Disclosure
) -> list[tuple[Group, Group | None]]:
    """Pairs of larger groups and smaller ones in them that leave few patients over."""
    found: list[tuple[Group, Group | None]] = []
    for part, n in counts.items():
        if n <= rule.threshold:
            continue
        for whole in dict.fromkeys(part.without(root) for root in sorted(part.roots)):
            if 0 < counts.get(whole, 0) - n <= rule.threshold:
                found.append((whole, part))
    return found
