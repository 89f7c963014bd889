"""Counts: shares against counts under each rounding, groups that must add up, the patient flow."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from math import ceil

from resarc.audit.facts import Count, Facts, Where, place
from resarc.audit.finding import Finding, listed
from resarc.audit.printing import (
    percent,
    rounded,
    share_roundings,
    units_per_one,
    whole_counts,
    written,
)
from resarc.estimand import Condition, Estimand
from resarc.protocol import Protocol
from resarc.published import ROUNDINGS, Figure, Published, Rounding

ADJUSTED = "adjusted so that the category adds up to 100%"

LEAST_WITH_A_VALUE = 0.8
"""A smaller denominator is looked for down to this share of the group."""


@dataclass(frozen=True)
class _Share:
    """A printed share beside its denominator and, where printed, its count."""

    figure: Figure
    n: Count
    k: Count | None

    @property
    def fits(self) -> frozenset[Rounding]:
        if self.k is not None:
            return share_roundings(self.figure, self.k.value, self.n.value)
        return frozenset(r for r in ROUNDINGS if whole_counts(self.figure, self.n.value, r))

    @property
    def nearest(self) -> int:
        """The count, or the one whose share lies nearest to the printed one."""
        if self.k is not None:
            return self.k.value
        share = Fraction(self.figure.value.value) / units_per_one(self.figure)
        return min(max(round(share * self.n.value), 0), self.n.value)

    @property
    def ids(self) -> tuple[str, ...]:
        return (self.figure.id, *(self.k.figures if self.k else ()), *self.n.figures)

    @property
    def recomputed(self) -> str:
        return f"{self.nearest}/{self.n.value} = {percent(Fraction(self.nearest, self.n.value))}"


def _shares(facts: Facts) -> list[_Share]:
    found = []
    for figure in facts.with_statistic("proportion"):
        e = figure.estimand
        n = facts.size(e.where)
        if not n or not n.value or figure.value.mark != "=" or figure.id in n.figures:
            continue
        level = Condition(e.subject, str(e.argument))
        if any(c.variable == e.subject for c in e.where):
            continue
        where = tuple(sorted((*e.where, level)))
        k = facts.printed_size(where)
        if k is None and (parts := facts.parts(level)):
            k = facts.sum(e.where, parts[0].variable, [c.level for c in parts])
            k = None if k is None or figure.id in k.figures else k
        if k is None or k.value <= n.value:
            found.append(_Share(figure, n, k))
    return found


def percentages(published: Published, protocol: Protocol) -> Iterator[Finding]:
    """Every printed share against its count and denominator, under each rounding convention.

    Without a printed count the share must still be that of a whole number of patients (the GRIM
    argument: Brown & Heathers, Soc Psychol Personal Sci 2017;8:363). Shares that ordinary rounding
    does not give are tested for: truncation, adjustment so that the shares of a category add up to
    100, the sum of rounded parts, and another denominator.
    """
    facts = Facts(published, protocol)
    shares = _shares(facts)
    plain = [s for s in shares if "half up" in s.fits]
    odd = [s for s in shares if "half up" not in s.fits]

    by_place: dict[str, list[_Share]] = defaultdict(list)
    for share in plain:
        by_place[place(share.figure)].append(share)
    for where, group in by_place.items():
        rest = [s for s in odd if place(s.figure) == where]
        yield Finding(
            check="percentages",
            title=f"{where}: {_these(len(group), 'percentage')} follow{_s(len(group))} from the counts",
            verdict="consistent",
            severity="none",
            figures=tuple(i for s in group for i in s.ids),
            printed=listed((written(s.figure) for s in group), 6),
            recomputed=listed((s.recomputed for s in group), 6),
            evidence="Each is the share of a whole number of patients of its group, rounded half "
            f"up; {_other_conventions(group)}."
            + (f" {len(rest)} more there {_are(len(rest))} treated apart." if rest else ""),
        )

    explained: dict[str, list[tuple[_Share, str]]] = defaultdict(list)
    for share in odd:
        reasons = _reasons(share, facts, shares)
        if not reasons:
            yield _unexplained(share, facts)
            continue
        name, text = reasons[0]
        others = f"; {reasons[1][1]}" if len(reasons) > 1 else ""
        explained[name].append((share, text + others))
    for name, group in explained.items():
        members = [s for s, _ in group]
        yield Finding(
            check="percentages",
            title=f"{_these(len(group), 'percentage')} not ordinarily rounded: {name}",
            verdict="explained",
            severity="note",
            figures=tuple(i for s in members for i in s.ids),
            printed="; ".join(written(s.figure) for s in members),
            recomputed="; ".join(s.recomputed for s in members),
            evidence=" ".join(
                f"{written(s.figure)} is printed ({facts.phrase(s.figure.estimand)}; "
                f"{s.figure.locator}), while {s.recomputed}; {text}."
                for s, text in group
            )
            + (_counter_test(facts, shares) if name == ADJUSTED else ""),
            hypothesis=name,
        )


def _other_conventions(group: list[_Share]) -> str:
    """How many of the shares the other conventions give."""
    texts = []
    for rounding, name in (("half even", "half to even"), ("truncated", "truncation")):
        count = sum(rounding in s.fits for s in group)
        texts.append(f"{name} gives {'all' if count == len(group) else count} of them")
    return ", ".join(texts)


def _reasons(share: _Share, facts: Facts, shares: list[_Share]) -> list[tuple[str, str]]:
    """Hypotheses that give the printed share, the one with most support first."""
    figure, found = share.figure, []
    column = _column(figure, facts)
    if column and sum(f.value.value for f in column) == units_per_one(figure):
        half_up = [
            _half_up(figure, part.nearest, part.n.value) for part in shares if part.figure in column
        ]
        if len(half_up) == len(column) and sum(half_up) != units_per_one(figure):
            found.append(
                (
                    ADJUSTED,
                    f"rounded one by one the shares of the category add up to "
                    f"{float(sum(half_up)):g}, as printed to {units_per_one(figure)}",
                )
            )
    parts = facts.parts(Condition(figure.estimand.subject, str(figure.estimand.argument)))
    printed_parts = [
        facts.first(Estimand("proportion", p.variable, p.level, figure.estimand.where))
        for p in parts
    ]
    if parts and all(printed_parts):
        total = sum((f.value.value for f in printed_parts), Decimal(0))
        if total == figure.value.value:
            found.append(
                (
                    "the sum of rounded parts",
                    f"it is the sum of the printed {listed(f.printed for f in printed_parts)}",
                )
            )
    siblings = [s for s in shares if place(s.figure) == place(figure) and s.figure is not figure]
    if share.fits:
        against = [s for s in siblings if not share.fits & s.fits]
        name = "rounded half to even" if "half even" in share.fits else "truncated"
        text = (
            f"it would also be so {name}, but that does not give {len(against)} other shares there"
        )
        entry = (name, f"it would be so {name}" if not against else text)
        found.insert(0 if not against else len(found), entry)
    n = share.n.value
    for m in range(n - 1, ceil(LEAST_WITH_A_VALUE * n) - 1, -1):
        if share.k is None:
            counts = whole_counts(figure, m)
        else:
            fits = share.k.value <= m and "half up" in share_roundings(figure, share.k.value, m)
            counts = (share.k.value,) if fits else ()
        if counts:
            found.append(
                (
                    f"{n - m} of {n} patients without a value",
                    f"it is {counts[0]} of {m}, as if {n - m} patients had no value",
                )
            )
            break
    return found


def _counter_test(facts: Facts, shares: list[_Share]) -> str:
    """Categories whose ordinarily rounded shares miss 100 and were left so."""
    left: dict[str, None] = {}
    for share in shares:
        column = _column(share.figure, facts)
        total = sum((f.value.value for f in column), Decimal(0))
        known = {s.figure.id for s in shares if "half up" in s.fits}
        if column and total != units_per_one(share.figure) and all(f.id in known for f in column):
            name = facts.label(share.figure.estimand.subject)
            left[f"{name} in {share.figure.locator} ({total})"] = None
    return f" Not adjusted so: {listed(left)}." if left else ""


def _unexplained(share: _Share, facts: Facts) -> Finding:
    unit = Fraction(share.figure.value.last_place)
    value = Fraction(share.nearest * units_per_one(share.figure), share.n.value)
    off = abs(value - Fraction(share.figure.value.value)) / unit
    return Finding(
        check="percentages",
        title=f"{written(share.figure)} is not the share of {share.nearest} in {share.n.value}",
        verdict="inconsistent",
        severity="minor" if off <= 2 else "major",
        figures=share.ids,
        printed=written(share.figure),
        recomputed=share.recomputed,
        evidence=f"{written(share.figure)} is printed ({facts.phrase(share.figure.estimand)}; "
        f"{share.figure.locator}), while {share.recomputed}. No rounding, no adjustment to 100% "
        "and no somewhat smaller denominator gives the printed figure; another "
        "denominator or a misprint would.",
    )


def _column(figure: Figure, facts: Facts) -> list[Figure]:
    """The printed shares of all levels of the figure's category, in its group and its place."""
    e = figure.estimand
    found = []
    for level in facts.levels(e.subject, e.where):
        same = facts.of(Estimand("proportion", e.subject, level, e.where))
        here = [f for f in same if place(f) == place(figure) and f.unit == figure.unit]
        if not here:
            return []
        found.append(here[0])
    return found


def _half_up(figure: Figure, k: int, n: int) -> Fraction:
    return rounded(Fraction(k * units_per_one(figure), n), figure.value.last_place, "half up")


def _these(count: int, noun: str) -> str:
    if noun.endswith("y") and count != 1:
        return f"{count} {noun[:-1]}ies"
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _s(count: int) -> str:
    return "s" if count == 1 else ""


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


def _add(count: int) -> str:
    return "adds" if count == 1 else "add"


def shares_total(published: Published, protocol: Protocol) -> Iterator[Finding]:
    """The shares of all levels of a category add up to one whole, within their rounding; and the
    counts that they imply add up to the group."""
    facts = Facts(published, protocol)
    done: set[tuple[str, Where, str]] = set()
    fine: list[tuple[str, list[Figure]]] = []
    for figure in facts.with_statistic("proportion"):
        e = figure.estimand
        key = (e.subject, e.where, place(figure))
        if key in done:
            continue
        done.add(key)
        column = _column(figure, facts)
        if len(column) < 2:
            continue
        low = sum(facts.rounded_bounds(f)[0] for f in column)
        high = sum(facts.rounded_bounds(f)[1] for f in column)
        total = sum(f.value.value for f in column)
        unit = figure.unit
        name = f"{facts.label(e.subject)} ({facts.group(e.where)})"
        if low - 1e-9 <= 1 <= high + 1e-9:
            n = facts.size(e.where)
            counts = [whole_counts(f, n.value, *ROUNDINGS) for f in column] if n else []
            text = f"{name}: {total}{unit}"
            if counts and all(len(k) == 1 for k in counts):
                ks = [k[0] for k in counts]
                text += f", {' + '.join(map(str, ks))} = {sum(ks)} patients"
                if sum(ks) != n.value:
                    yield _implied_counts(name, column, ks, n)
                    continue
            fine.append((text, column))
            continue
        yield Finding(
            check="shares that add up",
            title=f"Shares of {facts.label(e.subject).lower()} add up to {total}{unit}",
            verdict="inconsistent",
            severity="minor",
            figures=tuple(f.id for f in column),
            printed=" + ".join(written(f) for f in column),
            recomputed=f"{total}{unit}",
            evidence=f"The shares of {name} in {place(figure)} add up to {total}{unit}, more than "
            "rounding can move them from 100%. Patients counted in two levels, patients without a "
            "value or a misprint would explain it.",
        )
    if fine:
        yield Finding(
            check="shares that add up",
            title=f"The shares of {_these(len(fine), 'category')} add up to 100% within rounding",
            verdict="consistent",
            severity="none",
            figures=tuple(f.id for _, column in fine for f in column),
            recomputed=listed((text for text, _ in fine), 12),
            evidence="In each category the printed shares of all levels add up to 100% within "
            "what rounding to the printed digits can move them.",
        )


def _implied_counts(name: str, column: list[Figure], counts: list[int], n: Count) -> Finding:
    text = f"{' + '.join(map(str, counts))} = {sum(counts)}"
    return Finding(
        check="shares that add up",
        title=f"{name}: the shares are those of {sum(counts)} patients, the group has {n.value}",
        verdict="inconsistent",
        severity="minor",
        figures=(*(f.id for f in column), *n.figures),
        printed="; ".join(written(f) for f in column),
        recomputed=f"{text}, printed {n.value}",
        evidence=f"Each share of {name} is that of one whole number of {n.value} patients; together "
        f"they are {text}. Patients without a value, or another denominator, would explain it.",
    )


def groups_add_up(published: Published, protocol: Protocol) -> Iterator[Finding]:
    """The counts of all levels of a category add up to the group they divide; a category made of
    another's levels holds their counts."""
    facts = Facts(published, protocol)
    fine: list[tuple[str, tuple[str, ...]]] = []
    seen: set[tuple[Where, str]] = set()
    for figure in facts.firsts("n", "events"):
        e = figure.estimand
        where = e.where
        if e.statistic == "events":
            where = tuple(sorted((*where, Condition(e.subject, "event"))))
        for condition in where:
            context = tuple(c for c in where if c != condition)
            if (context, condition.variable) in seen:
                continue
            seen.add((context, condition.variable))
            levels = facts.levels(condition.variable, context)
            counts = [
                facts.printed_size((*context, Condition(condition.variable, level)))
                for level in levels
            ]
            whole = facts.printed_size(context)
            if whole is None or not all(counts):
                continue
            yield from _judge_sum(facts, condition.variable, context, counts, whole, fine)
    for figure in facts.firsts("n"):
        for condition in figure.estimand.where:
            parts = facts.parts(condition)
            rest = tuple(c for c in figure.estimand.where if c != condition)
            if not parts or any(c.variable == parts[0].variable for c in rest):
                continue
            counts = [facts.printed_size((*rest, part)) for part in parts]
            whole = facts.printed_size(figure.estimand.where)
            if whole is None or not all(counts):
                continue
            yield from _judge_sum(
                facts, parts[0].variable, figure.estimand.where, counts, whole, fine
            )
    if fine:
        yield Finding(
            check="groups that add up",
            title=f"{_these(len(fine), 'division')} of patients {_add(len(fine))} up to the group divided",
            verdict="consistent",
            severity="none",
            figures=tuple(i for _, ids in fine for i in ids),
            recomputed="; ".join(text for text, _ in fine),
            evidence="The printed counts of all levels add up to the printed size of the group.",
        )


def _judge_sum(
    facts: Facts,
    variable: str,
    context: Where,
    counts: list[Count],
    whole: Count,
    fine: list[tuple[str, tuple[str, ...]]],
) -> Iterator[Finding]:
    total = sum(c.value for c in counts)
    ids = (*(i for c in counts for i in c.figures), *whole.figures)
    text = f"{' + '.join(str(c.value) for c in counts)} = {total}"
    name = f"{facts.label(variable)} in {facts.group(context)}"
    if total == whole.value:
        fine.append((f"{name}: {text}", ids))
    elif total < whole.value:
        missing = whole.value - total
        yield Finding(
            check="groups that add up",
            title=f"{name}: {missing} of {whole.value} patients in no level",
            verdict="explained",
            severity="note",
            figures=ids,
            printed=str(whole.value),
            recomputed=text,
            evidence=f"The levels of {name} hold {text} patients, the group {whole.value}. "
            f"{missing} patients without a value would explain it; no such number is printed.",
            hypothesis=f"{missing} patients without a value",
        )
    else:
        yield Finding(
            check="groups that add up",
            title=f"{name}: the levels hold {total} patients, the group {whole.value}",
            verdict="inconsistent",
            severity="major",
            figures=ids,
            printed=str(whole.value),
            recomputed=text,
            evidence=f"The levels of {name} hold {text} patients, more than the {whole.value} of "
            "the group. Patients counted in two levels or a misprint would explain it.",
        )


def flow(published: Published, protocol: Protocol) -> Iterator[Finding]:
    """Screened patients minus those excluded are those who remain, step by step, down to n."""
    facts = Facts(published, protocol)
    first = facts.first(Estimand("screened", "flow"))
    current = int(first.value.value) if first else None
    ids: list[str] = [first.id] if first else []
    text = [f"{current} screened"] if first else []
    implied: list[str] = []
    faults: list[str] = []
    compared = 0
    for step in protocol.eligibility:
        out = facts.first(Estimand("excluded", "flow", step.id))
        left = facts.first(Estimand("remaining", "flow", step.id))
        ids += [f.id for f in (out, left) if f]
        expected = None if current is None or out is None else current - int(out.value.value)
        if out:
            text.append(f"− {out.printed}")
        if left:
            remaining = int(left.value.value)
            text.append(f"= {remaining}")
            compared += current is not None
            if expected is not None and expected != remaining:
                faults.append(f"{current} − {out.printed} = {expected}, printed {remaining}")
            elif current is not None and out is None:
                if remaining > current:
                    faults.append(f"{remaining} remain of {current}")
                else:
                    implied.append(f"{current - remaining} excluded at “{step.label}”")
            current = remaining
        else:
            current = expected
    whole = facts.first(Estimand("n"))
    if whole and current is not None:
        ids.append(whole.id)
        compared += 1
        if int(whole.value.value) != current:
            faults.append(f"{current} remain, {whole.printed} are analysed")
    if not compared:
        return
    line = " ".join(text)
    if faults:
        yield Finding(
            check="patient flow",
            title=f"The patient flow does not add up: {faults[0]}",
            verdict="inconsistent",
            severity="major",
            figures=tuple(ids),
            printed=line,
            recomputed="; ".join(faults),
            evidence=f"Printed are {line}; {'; '.join(faults)}. A step of exclusion that is not "
            "printed, or patients who fail two criteria and are counted at both, would explain it.",
        )
        return
    yield Finding(
        check="patient flow",
        title=f"The patient flow adds up to {current if current is not None else 'its total'}",
        verdict="consistent",
        severity="note" if implied else "none",
        figures=tuple(ids),
        printed=line,
        recomputed="; ".join(implied) or line,
        evidence="Screened, excluded and remaining patients agree at every printed step"
        + (f"; not printed but implied: {listed(implied)}." if implied else "."),
    )
