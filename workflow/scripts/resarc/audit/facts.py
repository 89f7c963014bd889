"""Look-ups in what a study printed: figures by estimand, sizes of groups, words for a reader."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from resarc.audit.printing import whole_counts
from resarc.estimand import Condition, Duration, Estimand
from resarc.protocol import Derived, Protocol
from resarc.published import ROUNDINGS, Figure, Published

Where = tuple[Condition, ...]


@dataclass(frozen=True)
class Count:
    """A number of patients and the figures it comes from."""

    value: int
    figures: tuple[str, ...]


class Facts:
    """An index of one study's printed numbers. Claims in words and "NA" are no numbers."""

    def __init__(self, published: Published, protocol: Protocol) -> None:
        self.published, self.protocol = published, protocol
        self.figures = tuple(f for f in published.figures if not f.claim and not f.not_available)
        self._figures: dict[Estimand, list[Figure]] = defaultdict(list)
        for figure in self.figures:
            self._figures[figure.estimand].append(figure)

    # -- figures ------------------------------------------------------------------------------

    def of(self, estimand: Estimand) -> tuple[Figure, ...]:
        return tuple(self._figures.get(estimand, ()))

    def first(self, estimand: Estimand) -> Figure | None:
        """The first figure of an estimand that is printed as a value, not as a bound."""
        return next((f for f in self.of(estimand) if f.value.mark == "="), None)

    def with_statistic(self, *names: str) -> tuple[Figure, ...]:
        return tuple(f for f in self.figures if f.estimand.statistic in names)

    def firsts(self, *names: str) -> tuple[Figure, ...]:
        """As `with_statistic`, the first printing of each estimand only."""
        seen: dict[Estimand, Figure] = {}
        for figure in self.with_statistic(*names):
            seen.setdefault(figure.estimand, figure)
        return tuple(seen.values())

    def exact(self, figure: Figure) -> tuple[float, float]:
        """Closed bounds, in canonical units, of what prints as this figure under any rounding."""
        up = self.published.exact_values(figure, "half up")
        cut = self.published.exact_values(figure, "truncated")
        return min(up.lower, cut.lower), max(up.upper, cut.upper)

    def rounded_bounds(self, figure: Figure) -> tuple[float, float]:
        """Closed bounds, in canonical units, of what rounds to this figure."""
        values = self.published.exact_values(figure, "half up")
        return values.lower, values.upper

    def side(self, figure: Figure, value: float) -> Literal[-1, 0, 1]:
        """-1 or 1 where everything that prints as this figure lies below or above a value, in
        canonical units; 0 where the digits leave it open."""
        ranges = [self.published.exact_values(figure, r) for r in ROUNDINGS]
        if any(value in r for r in ranges):
            return 0
        below = [r.upper <= value for r in ranges]
        return -1 if all(below) else 0 if any(below) else 1

    # -- sizes --------------------------------------------------------------------------------

    def printed_size(self, where: Where = ()) -> Count | None:
        """The printed number of patients in a group, as n, as events, or as what a flow leaves."""
        where = tuple(sorted(where))
        figure = self.first(Estimand("n", where=where))
        if figure is None and not where:
            last = self.protocol.eligibility[-1].id
            figure = self.first(Estimand("remaining", "flow", last))
        if figure is not None:
            return _whole(figure)
        for condition in where:
            if condition.variable in self.protocol.endpoint_names and condition.level == "event":
                rest = tuple(c for c in where if c != condition)
                figure = self.first(Estimand("events", condition.variable, where=rest))
                if figure is not None:
                    return _whole(figure)
        return None

    def size(self, where: Where = ()) -> Count | None:
        """The size of a group: printed, or the sum of its printed parts, or the one whole number
        that its printed share of a known group allows."""
        where = tuple(sorted(where))
        found = self.printed_size(where)
        if found is None and not where:
            for variable in self.protocol.names("category"):
                found = self.sum(where, variable, self.protocol.levels(variable))
                if found:
                    break
        if found is None:
            found = self._size_by_parts(where)
        return found or self._size_by_share(where)

    def _size_by_parts(self, where: Where) -> Count | None:
        for condition in where:
            rest = tuple(c for c in where if c != condition)
            parts = self.parts(condition)
            if parts and (found := self.sum(rest, parts[0].variable, [c.level for c in parts])):
                return found
            if condition.variable in self.protocol.endpoint_names and condition.level == "censored":
                whole = self.size(rest)
                events = self.size((*rest, Condition(condition.variable, "event")))
                if whole and events:
                    return Count(whole.value - events.value, whole.figures + events.figures)
        return None

    def parts(self, condition: Condition) -> tuple[Condition, ...]:
        """The levels of another category that make up this one: by `collapse`, by an endpoint's
        `happened`, or by a rule that asks certain levels for the date of the endpoint's event.
        Empty where the protocol names none."""
        if condition.variable in self.protocol.endpoint_names:
            return self._event_levels(condition.variable) if condition.level == "event" else ()
        item = self.protocol.variable(condition.variable)
        if isinstance(item, Derived) and item.collapse:
            return tuple(
                Condition(item.collapse, level) for level in item.groups.get(condition.level, ())
            )
        return ()

    def _event_levels(self, name: str) -> tuple[Condition, ...]:
        """The levels of one category that mean an event. A rule's conditions that eligibility
        asks for anyway do not count."""
        endpoint = self.protocol.endpoint(name)
        given = [c for step in self.protocol.eligibility for c in step.keep]
        candidates = [endpoint.happened]
        if len(endpoint.events) == 1 and not endpoint.only_if:
            candidates += [
                rule.when
                for rule in self.protocol.rules
                if len(rule.then) == 1
                and rule.action == "reject"
                and rule.then[0].variable == endpoint.events[0]
                and rule.then[0].present
            ]
        for conditions in candidates:
            conditions = [c for c in conditions if c not in given]
            if len(conditions) == 1 and conditions[0].one_of:
                variable = conditions[0].variable
                if self.protocol.kind(variable) == "category":
                    return tuple(Condition(variable, level) for level in conditions[0].one_of)
        return ()

    def levels(self, variable: str, where: Where = ()) -> tuple[str, ...]:
        """The levels of a category that patients of a group can have: a group by a category that
        collapses it holds only the levels collapsed."""
        levels = self.protocol.levels(variable)
        for condition in where:
            parts = self.parts(condition)
            if parts and parts[0].variable == variable:
                levels = tuple(lv for lv in levels if lv in {p.level for p in parts})
        return levels

    def sum(self, rest: Where, variable: str, levels: Iterable[str]) -> Count | None:
        """The size of a group as the sum over these levels; None unless all are known."""
        if any(c.variable == variable for c in rest):
            return None
        found = []
        for level in levels:
            where = tuple(sorted((*rest, Condition(variable, level))))
            found.append(self.printed_size(where) or self._size_by_share(where))
        if not found or not all(found):
            return None
        return Count(sum(c.value for c in found), tuple(i for c in found for i in c.figures))

    def _size_by_share(self, where: Where) -> Count | None:
        for condition in where:
            rest = tuple(c for c in where if c != condition)
            share = self.first(Estimand("proportion", condition.variable, condition.level, rest))
            whole = self.printed_size(rest)
            if share is None or whole is None:
                continue
            counts = whole_counts(share, whole.value)
            if len(counts) == 1:
                return Count(counts[0], (share.id, *whole.figures))
        return None

    # -- words --------------------------------------------------------------------------------

    def group(self, where: Where) -> str:
        if not where:
            return "all patients"
        return ", ".join(map(self._condition, where))

    def _condition(self, c: Condition) -> str:
        if c.variable in self.protocol.endpoint_names:
            how = "with" if c.level == "event" else "without"
            return f"patients {how} an event ({self.label(c.variable).lower()})"
        return f"{self.label(c.variable)}: {self.protocol.level_label(c.variable, c.level)}"

    def label(self, name: str) -> str:
        return self.protocol.label(name)

    def phrase(self, estimand: Estimand) -> str:
        """An estimand in words: `Overall survival at 3 years, Sex: female`."""
        kind = estimand.kind
        text = self.label(estimand.subject) if estimand.subject not in ("", "flow") else ""
        if kind.name == "n":
            return f"number of patients, {self.group(estimand.where)}"
        if kind.name == "survival":
            text += f" at {time_text(estimand.argument)}"
        elif kind.name == "proportion":
            text += f": {self.protocol.level_label(estimand.subject, str(estimand.argument))}"
        elif text:
            text += f", {kind.label}"
            if isinstance(estimand.argument, Duration):
                text += f" at {time_text(estimand.argument)}"
        else:
            text = f"{kind.label} {estimand.argument or ''}".strip()
        if estimand.where:
            text += f", {self.group(estimand.where)}"
        if estimand.by:
            text += f", by {self.label(estimand.by)}"
        return text


def _whole(figure: Figure) -> Count | None:
    value = figure.value.value
    return Count(int(value), (figure.id,)) if value == int(value) else None


def time_text(duration: Duration) -> str:
    """`5 years` for 60 months, as papers say it."""
    if duration.unit == "month" and duration.value % 12 == 0:
        years = int(duration.value // 12)
        return f"{years} year{'s' if years > 1 else ''}"
    return str(duration)


_PLACE = re.compile(r"(?:Supplementary )?(?:Table|Figure|Fig\.?) ?S?\d+[A-Za-z]?")


def place(figure: Figure) -> str:
    """The table, figure or passage a figure stands in, from its locator."""
    match = _PLACE.search(figure.locator)
    return match[0] if match else re.split(r"[,;:]", figure.locator)[0].strip()
