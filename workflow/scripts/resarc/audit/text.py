"""The text against the tables: the same figure twice, one figure for two groups, words against
numbers, and what was announced and never printed."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from itertools import combinations

from resarc.audit.facts import Facts, Where, time_text
from resarc.audit.finding import Finding, listed
from resarc.audit.printing import written
from resarc.estimand import Condition, Estimand
from resarc.protocol import Protocol
from resarc.published import Figure, Published


def _overlap(a: tuple[float, float], b: tuple[float, float]) -> bool:
    """Whether two ranges of exact values share one; a touch is shared (units converted)."""
    slack = 1e-9 * max(abs(a[0]) if abs(a[0]) != float("inf") else 1.0, 1e-6)
    return a[0] <= b[1] + slack and b[0] <= a[1] + slack


def printed_twice(published: Published, protocol: Protocol) -> Iterator[Finding]:
    """An estimand printed in several places has one value, within the printed digits."""
    facts = Facts(published, protocol)
    fine: list[tuple[Figure, ...]] = []
    for estimand in dict.fromkeys(f.estimand for f in facts.figures):
        figures = facts.of(estimand)
        if len(figures) < 2:
            continue
        pairs = [
            (a, b)
            for a, b in combinations(figures, 2)
            if not _overlap(facts.exact(a), facts.exact(b)) or not _same_bounds(a, b)
        ]
        if not pairs:
            fine.append(figures)
            continue
        words = facts.phrase(estimand)
        yield Finding(
            check="printed twice",
            title=f"{words}: printed as {listed(dict.fromkeys(written(f) for f in figures))}",
            verdict="inconsistent",
            severity="major" if estimand.kind.scale in ("p", "ratio") else "minor",
            figures=tuple(f.id for f in figures),
            printed="; ".join(f"{written(f)} ({f.locator})" for f in figures),
            evidence=f"{words} is printed as "
            f"{listed(f'{written(f)} ({f.locator})' for f in figures)}; no one value prints as "
            "all of them. A misprint, or a different population in one place, would explain it.",
        )
    if fine:
        count = sum(map(len, fine))
        yield Finding(
            check="printed twice",
            title=f"{len(fine)} results printed in more than one place agree",
            verdict="consistent",
            severity="none",
            figures=tuple(f.id for figures in fine for f in figures),
            printed=listed((f"{written(figures[0])} ×{len(figures)}" for figures in fine), 8),
            evidence=f"{count} figures for {len(fine)} results agree within their printed digits.",
        )


def _same_bounds(a: Figure, b: Figure) -> bool:
    if a.bounds is None or b.bounds is None or a.level != b.level or a.unit != b.unit:
        return True
    return all(
        _overlap((x.lower, x.upper), (y.lower, y.upper))
        for p, q in zip(a.bounds, b.bounds, strict=True)
        for x, y in [(p.exact_values(), q.exact_values())]
    )


# -- one figure for two groups ---------------------------------------------------------------------

_SUMMARIES = ("mean", "median", "sd", "q1", "q3", "minimum", "maximum")
DIGITS = 3
"""A mean or median of at least so many digits does not agree in two groups by accident."""


def same_figure_for_two_groups(published: Published, protocol: Protocol) -> Iterator[Finding]:
    """A summary printed with the same digits for a group and for a part of it."""
    facts = Facts(published, protocol)
    names = (*_SUMMARIES, *(f"followup_{s}" for s in _SUMMARIES))
    pairs: dict[tuple[str, Where, Where], list[tuple[Figure, Figure]]] = defaultdict(list)
    for a, b in combinations(facts.firsts(*names), 2):
        if len(a.estimand.where) > len(b.estimand.where):
            a, b = b, a
        whole, part = a.estimand, b.estimand
        if (
            (whole.subject, whole.statistic) == (part.subject, part.statistic)
            and set(whole.where) < set(part.where)
            and (a.printed, a.unit) == (b.printed, b.unit)
        ):
            pairs[whole.subject, whole.where, part.where].append((a, b))
    for (subject, where, inner), found in pairs.items():
        telling = [
            a
            for a, _ in found
            if a.estimand.statistic.removeprefix("followup_") not in ("minimum", "maximum")
            and len(a.value.value.as_tuple().digits) >= DIGITS
        ]
        n, m = facts.size(where), facts.size(inner)
        if not telling or (n and m and n.value == m.value):
            continue
        sizes = f" ({m.value} of {n.value} patients)" if n and m else ""
        listing = listed(f"{a.estimand.kind.label} {written(a)}" for a, _ in found)
        first = found[0]
        follow_up = telling[0].estimand.statistic.startswith("followup_")
        name = f"Follow-up ({facts.label(subject).lower()})" if follow_up else facts.label(subject)
        yield Finding(
            check="one figure for two groups",
            title=f"{name}: the same {len(found)} "
            f"{'figure is' if len(found) == 1 else 'figures are'} printed for "
            f"{facts.group(where)} and for {facts.group(inner)}",
            verdict="explained",
            severity="minor",
            figures=tuple(f.id for pair in found for f in pair),
            printed=f"{facts.group(where)} and {facts.group(inner)}: {listing}",
            evidence=f"{listing}: printed for {facts.group(where)} ({first[0].locator}) and again "
            f"for {facts.group(inner)}{sizes} ({first[1].locator}). A group and a part of it "
            "seldom agree to the last digit in mean and median; one population behind both places "
            f"would explain it.{_which(facts, subject, found)}",
            hypothesis="both places describe the same patients",
        )


def _which(facts: Facts, subject: str, found: list[tuple[Figure, Figure]]) -> str:
    """Whether a median follow-up can be that of all patients, if rates are read as crude."""
    median = next((a for a, _ in found if a.estimand.statistic == "followup_median"), None)
    if median is None or median.estimand.where:
        return ""
    rates = [
        f
        for f in facts.firsts("survival")
        if f.estimand.subject == subject and not f.estimand.where
    ]
    above = [f for f in rates if facts.side(f, 0.5) > 0]
    below = [f for f in rates if facts.side(f, 0.5) < 0]
    if not above or not below:
        return ""
    late = max(above, key=lambda f: f.estimand.time)
    early = min(below, key=lambda f: f.estimand.time)
    low, high = facts.exact(median)
    fits = low <= early.estimand.time and high >= late.estimand.time
    return (
        f" If the printed rates are crude, {late.printed}{late.unit} at "
        f"{time_text(late.estimand.argument)} and {early.printed}{early.unit} at "
        f"{time_text(early.estimand.argument)} put the median observed time of all patients "
        f"between the two, where {written(median)} {'lies' if fits else 'does not lie'}."
    )


# -- words ------------------------------------------------------------------------------------------


def words_and_numbers(published: Published, protocol: Protocol) -> Iterator[Finding]:
    """What the text says in words against what is printed in numbers for the same estimand; a
    direction without a printed ratio against the rates and medians of the two groups."""
    facts = Facts(published, protocol)
    fine: list[tuple[Figure, Figure]] = []
    alone: list[Figure] = []
    for claim in published.figures:
        if not claim.claim or claim.not_available:
            continue
        before = len(fine)
        e = claim.estimand
        numbers = facts.of(e)
        for figure in numbers:
            if _overlap(facts.exact(claim), facts.exact(figure)):
                fine.append((claim, figure))
            else:
                yield _contradiction(facts, claim, written(figure), (figure,))
        if e.kind.name == "hazard_ratio" and e.contrast and not numbers:
            for first, second in _outcomes(facts, e):
                better = facts.exact(first)[0] >= facts.exact(second)[1]
                worse = facts.exact(first)[1] <= facts.exact(second)[0]
                if (better and claim.value.mark[0] == ">") or (
                    worse and claim.value.mark[0] == "<"
                ):
                    text = f"{written(first)} against {written(second)}"
                    yield _contradiction(facts, claim, text, (first, second))
                    before = -1
                else:
                    fine += [(claim, first), (claim, second)]
        if not numbers and len(fine) == before:
            alone.append(claim)
    if alone:
        yield Finding(
            check="words and numbers",
            title=f"{len(alone)} statement{'s stand' if len(alone) > 1 else ' stands'} in words "
            "only",
            verdict="not checkable",
            severity="none",
            figures=tuple(c.id for c in alone),
            printed=listed((c.says or c.printed for c in alone), 12),
            evidence="No number is printed to hold them against.",
        )
    if fine:
        claims = dict.fromkeys(c.id for c, _ in fine)
        yield Finding(
            check="words and numbers",
            title=f"{len(claims)} statement{'s' if len(claims) > 1 else ''} in words "
            f"agree{'' if len(claims) > 1 else 's'} with the printed numbers",
            verdict="consistent",
            severity="none",
            figures=tuple(i for c, f in fine for i in (c.id, f.id)),
            printed=listed((f"{c.says or c.printed}: {written(f)}" for c, f in fine), 8),
            evidence="Each statement is what the printed numbers for the same result show.",
        )


def _outcomes(facts: Facts, e: Estimand) -> Iterator[tuple[Figure, Figure]]:
    """Medians and rates of the two levels of a contrast, first level first."""
    wheres = [tuple(sorted((*e.where, Condition(e.by, level)))) for level in e.contrast]
    for figure in facts.firsts("median", "survival"):
        f = figure.estimand
        if f.subject == e.subject and f.where == wheres[0]:
            other = facts.first(Estimand(f.statistic, f.subject, f.argument, wheres[1]))
            if other is not None and figure.value.mark == "=":
                yield figure, other


def _contradiction(
    facts: Facts, claim: Figure, numbers: str, figures: tuple[Figure, ...]
) -> Finding:
    words = facts.phrase(claim.estimand)
    return Finding(
        check="words and numbers",
        title=f"{words}: the words and the numbers differ",
        verdict="inconsistent",
        severity="minor",
        figures=(claim.id, *(f.id for f in figures)),
        printed=f"{claim.says or claim.printed}; {numbers}",
        evidence=f"The text says: {claim.says or words} ({claim.locator}), at least "
        f"{claim.printed}; printed is {numbers} ({figures[0].locator}). Another comparison behind "
        "the words, or a curve that crosses, would explain it.",
    )


# -- announced ----------------------------------------------------------------------------------------


def _matches(pattern: str, text: str) -> bool:
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), text) is not None


def announced(published: Published, protocol: Protocol) -> Iterator[Finding]:
    """What the Methods announce and the paper never prints, or tells in words only."""
    del protocol  # what is announced concerns the paper alone
    printed, in_words, nowhere = [], [], []
    for item in published.announced:
        figures = [
            f
            for f in published.figures
            if any(_matches(pattern, str(f.estimand)) for pattern in item.estimands)
        ]
        numbers = [f for f in figures if not f.claim and not f.not_available]
        pile = printed if numbers else in_words if figures else nowhere
        pile.append((item, numbers or figures))
    abstract_only = all(f.locator.startswith("Abstract") for f in published.figures)
    read = (
        "Only the abstract was read; the paper may print them."
        if abstract_only
        else "They may stand in a part of the paper that was not read."
    )
    for pile, how, rest in (
        (nowhere, "no printed result", "No figure of them, and no statement in words, was found"),
        (in_words, "a result in words only", "Their results are told in words, without a number"),
    ):
        if not pile:
            continue
        one = len(pile) == 1
        yield Finding(
            check="announced and printed",
            title=f"{len(pile)} announced {'analysis has' if one else 'analyses have'} {how}: "
            + listed((_lower(item.what) for item, _ in pile), 2),
            verdict="not checkable",
            severity="minor" if pile is nowhere and not abstract_only else "note",
            figures=tuple(f.id for _, figures in pile for f in figures),
            printed="; ".join(f.says for _, figures in pile for f in figures if f.says),
            evidence="Announced: "
            + "; ".join(f"{_lower(item.what)} ({item.locator})" for item, _ in pile)
            + f". {rest}. {read}",
        )
    if printed:
        yield Finding(
            check="announced and printed",
            title=f"{len(printed)} of {len(published.announced)} announced analyses have a result",
            verdict="consistent",
            severity="none",
            figures=tuple(f.id for _, figures in printed for f in figures),
            printed=listed((item.what for item, _ in printed), 20),
            evidence="For each a figure is printed.",
        )


def _lower(text: str) -> str:
    """A sentence's first word in lower case, unless it is an abbreviation."""
    return text if text[1:2].isupper() else text[0].lower() + text[1:]
