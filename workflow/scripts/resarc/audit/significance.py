"""Printed p-values: what the text lists as significant, how many would be by chance, and subgroups
that are compared by their p."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np

from resarc.audit.facts import Facts, place
from resarc.audit.finding import Finding, listed
from resarc.audit.printing import number
from resarc.estimand import STATISTICS, Condition, Estimand
from resarc.protocol import Derived, Protocol
from resarc.published import Figure, Highlight, Published

P_STATISTICS = tuple(s.name for s in STATISTICS.values() if s.scale == "p")
FEWEST_TESTS = 5
"""From so many tests in one place on multiplicity is spoken of."""


def _significant(facts: Facts, figure: Figure, alpha: float) -> bool | None:
    """True or False where the printed digits decide it, else None."""
    low, high = facts.rounded_bounds(figure)
    if figure.value.mark == "=" and float(figure.value.value) < alpha and high <= alpha:
        return True
    if figure.value.mark[0] == "<" and high <= alpha:
        return True
    return False if low >= alpha else None


# -- listed in the text ----------------------------------------------------------------------------


def highlighted(published: Published, protocol: Protocol) -> Iterator[Finding]:
    """Results that a table prints as significant and a passage that lists the significant ones
    leaves out; and the reverse."""
    facts = Facts(published, protocol)
    left_out: dict[Estimand, list[Highlight]] = defaultdict(list)
    faultless: list[Highlight] = []
    tables: dict[Estimand, Figure] = {}
    for passage in published.highlighted:
        table = {
            f.estimand: f
            for f in facts.with_statistic(*P_STATISTICS)
            if place(f) == passage.table or f.locator.startswith(passage.table)
        }
        tables |= table
        missing = [
            e
            for e, f in table.items()
            if e not in passage.estimands and _significant(facts, f, passage.threshold)
        ]
        wrong = [
            e
            for e in passage.estimands
            if e in table and _significant(facts, table[e], passage.threshold) is False
        ]
        for e in missing:
            left_out[e].append(passage)
        for e in wrong:
            yield Finding(
                check="listed as significant",
                title=f"{_factor(facts, e)}: listed as significant, printed with p "
                f"{table[e].printed}",
                verdict="inconsistent",
                severity="major",
                figures=(table[e].id,),
                printed=f"p {table[e].printed}",
                evidence=f"{passage.locator} lists {_factor(facts, e)} among the significant "
                f"results; {table[e].locator} prints p {table[e].printed}, not below "
                f"{passage.threshold:g}. Another test or a misprint would explain it.",
            )
        if table and not missing and not wrong:
            faultless.append(passage)
    for e, passages in left_out.items():
        figure = tables[e]
        sizes = [
            size.value
            for level in protocol.levels(e.by)
            if (size := facts.size((*e.where, Condition(e.by, level))))
        ]
        small = min(sizes, default=0)
        reason = (
            f" The smallest of its {len(sizes)} groups has {small} patient"
            f"{'' if small == 1 else 's'}, which may be why."
            if sizes and small < 5
            else " The reason is not given."
        )
        yield Finding(
            check="listed as significant",
            title=f"{_factor(facts, e)}: p {figure.printed} in {passages[0].table}, not among the "
            "significant results in the text",
            verdict="inconsistent",
            severity="minor",
            figures=(figure.id,),
            printed=f"p {figure.printed}",
            evidence=f"{figure.locator} prints p {figure.printed}, below "
            f"{passages[0].threshold:g}. {len(passages)} passage"
            f"{' lists' if len(passages) == 1 else 's list'} the significant results without it "
            f"({'; '.join(p.locator for p in passages)}).{reason}",
        )
    if faultless:
        yield Finding(
            check="listed as significant",
            title="The text lists the results that are significant in print",
            verdict="consistent",
            severity="none",
            printed="; ".join(p.locator for p in faultless),
            evidence="Every p below the threshold is listed and none that is not.",
        )


def _factor(facts: Facts, e: Estimand) -> str:
    name = facts.label(e.by) if e.by else facts.label(e.subject)
    return name if not e.where else f"{name} ({facts.group(e.where)})"


# -- many tests ----------------------------------------------------------------------------------------


def holm(p: Sequence[float]) -> np.ndarray:
    """Holm's adjusted p-values (Scand J Stat 1979;6:65)."""
    values = np.asarray(p, float)
    order = np.argsort(values, kind="stable")
    adjusted = np.empty_like(values)
    adjusted[order] = np.maximum.accumulate(values[order] * np.arange(len(values), 0, -1))
    return np.minimum(adjusted, 1.0)


def benjamini_hochberg(p: Sequence[float]) -> np.ndarray:
    """Benjamini and Hochberg's adjusted p-values (JRSS B 1995;57:289)."""
    values = np.asarray(p, float)
    order = np.argsort(values, kind="stable")[::-1]
    adjusted = np.empty_like(values)
    m = len(values)
    adjusted[order] = np.minimum.accumulate(values[order] * m / np.arange(m, 0, -1))
    return np.minimum(adjusted, 1.0)


def multiplicity(published: Published, protocol: Protocol) -> Iterator[Finding]:
    """Tests of one table or passage together: false positives to expect, and what withstands Holm
    and Benjamini-Hochberg at the largest and the smallest p that print so."""
    facts = Facts(published, protocol)
    alpha = protocol.conventions.alpha
    places: dict[str, dict[Estimand, Figure]] = defaultdict(dict)
    for figure in facts.with_statistic(*P_STATISTICS):
        places[place(figure)].setdefault(figure.estimand, figure)
    for where, tests in places.items():
        figures = list(tests.values())
        if len(figures) < FEWEST_TESTS:
            continue
        bounds = [facts.rounded_bounds(f) for f in figures]
        high = np.array([min(b[1], 1.0) for b in bounds])
        low = np.array([max(b[0], 0.0) for b in bounds])
        significant = [f for f in figures if _significant(facts, f, alpha)]
        several = len({f.estimand.subject for f in figures}) > 1
        names = {
            f.id: (f"{facts.label(f.estimand.subject)} by " if several and f.estimand.by else "")
            + _factor(facts, f.estimand)
            for f in figures
        }
        text = []
        surely: list[str] = []
        for label, adjust in (("Holm", holm), ("Benjamini-Hochberg", benjamini_hochberg)):
            sure = [f for f, p in zip(figures, adjust(high), strict=True) if p < alpha]
            maybe = [
                f for f, p in zip(figures, adjust(low), strict=True) if p < alpha and f not in sure
            ]
            if label == "Holm":
                surely = [f.id for f in sure]
            shown = listed(f"{names[f.id]} (p {f.printed})" for f in sure) or "none"
            if maybe:
                shown += (
                    f"; depending on the digits not printed, {listed(names[f.id] for f in maybe)}"
                )
            text.append(f"{label}: {shown}")
        expected = alpha * len(figures)
        fragile = bool(significant) and not surely
        yield Finding(
            check="many tests",
            title=f"{where}: {len(figures)} tests, {len(significant)} below {alpha:g}; about "
            f"{number(expected, 2)} would be by chance",
            verdict="not checkable" if fragile else "consistent",
            severity="minor" if fragile else "note",
            figures=tuple(f.id for f in figures),
            printed=listed((f"p {f.printed} ({names[f.id]})" for f in figures), 20),
            recomputed="; ".join(text),
            evidence=f"{len(figures)} tests at {alpha:g} give {number(expected, 2)} false positives "
            f"on average if nothing differs; {len(significant)} are below. After adjustment for "
            f"all tests of the place there remain, by {_joined(text)}.",
        )


def _joined(text: list[str]) -> str:
    (first, one), (second, other) = (t.split(": ", 1) for t in text)
    return f"{first} and by {second}: {one}" if one == other else f"{text[0]}; by {text[1]}"


# -- subgroups -------------------------------------------------------------------------------------------


def subgroups_by_p(published: Published, protocol: Protocol) -> Iterator[Finding]:
    """An effect called present in one group and absent in another needs a test of interaction: the
    difference between significant and not significant is itself seldom so (Gelman & Stern, Am Stat
    2006;60:328)."""
    facts = Facts(published, protocol)
    alpha = protocol.conventions.alpha
    tests: dict[Estimand, Figure] = {}
    for figure in (*facts.with_statistic("logrank_p", "cox_p"), *published.figures):
        if figure.estimand.statistic in ("logrank_p", "cox_p") and not figure.not_available:
            tests.setdefault(figure.estimand, figure)
    done: set[tuple] = set()
    for e, figure in tests.items():
        if _significant(facts, figure, alpha) is not False:
            continue
        for condition in e.where:
            rest = tuple(c for c in e.where if c != condition)
            key = (e.subject, e.by, rest, condition.variable)
            others = [
                tests.get(
                    Estimand(
                        e.statistic,
                        e.subject,
                        where=where,
                        by=e.by,
                        contrast=e.contrast,
                        adjusted_for=e.adjusted_for,
                    )
                )
                for where in (
                    *(
                        (*rest, Condition(condition.variable, level))
                        for level in protocol.levels(condition.variable)
                        if level != condition.level
                    ),
                    rest,
                )
            ]
            present = [f for f in others if f and _significant(facts, f, alpha)]
            tested = any(
                f.estimand.statistic == "interaction_p"
                and f.estimand.subject == e.subject
                and {f.estimand.by, f.estimand.within} == {e.by, condition.variable}
                for f in facts.figures
            )
            if not present or tested or key in done:
                continue
            done.add(key)
            size = facts.size(e.where)
            whole = facts.size(rest)
            count = f" ({size.value} of {whole.value} patients)" if size and whole else ""
            yield Finding(
                check="subgroups compared by p",
                title=f"{facts.label(e.subject)}: no effect of {facts.label(e.by).lower()} in one "
                "subgroup is concluded without a test of interaction",
                verdict="not checkable",
                severity="minor",
                figures=(figure.id, *(f.id for f in present)),
                printed="; ".join(
                    f"p {f.printed} in {facts.group(f.estimand.where)}" for f in (figure, *present)
                ),
                evidence=f"p {figure.printed} is printed for {facts.group(e.where)}{count}, and "
                f"{listed(f'p {f.printed} for {facts.group(f.estimand.where)}' for f in present)}. "
                "A p above the threshold in a small group is not evidence of no effect, and no "
                "test of interaction, estimate or interval by group is printed.",
            )


# -- cut-offs chosen on the outcome ------------------------------------------------------------------------


def chosen_cutoffs(published: Published, protocol: Protocol) -> Iterator[Finding]:
    """Cut-offs chosen on the outcome against which the groups are then tested: their p is too small
    (Altman, Lausen, Sauerbrei & Schumacher, JNCI 1994;86:829)."""
    facts = Facts(published, protocol)
    rows: list[tuple[Figure, Figure]] = []
    for cutoff in facts.firsts("roc_cutoff"):
        e = cutoff.estimand
        for variable in (d for d in protocol.derived if isinstance(d, Derived) and d.cut == e.by):
            if variable.at != (float(cutoff.value.value),):
                continue
            for test in facts.firsts("logrank_p"):
                if test.estimand.subject == e.subject and test.estimand.by == variable.name:
                    rows.append((cutoff, test))
    if not rows:
        return
    alpha = protocol.conventions.alpha
    significant = [t for _, t in rows if _significant(facts, t, alpha)]
    names = listed(f"{facts.label(t.estimand.by)} (p {t.printed})" for t in significant)
    yield Finding(
        check="cut-offs chosen on the outcome",
        title=f"{len(rows)} cut-offs were chosen on the outcome that is then tested"
        if len(rows) > 1
        else "A cut-off was chosen on the outcome that is then tested",
        verdict="not checkable",
        severity="minor" if significant else "note",
        figures=tuple(i for c, t in rows for i in (c.id, t.id)),
        printed="; ".join(
            f"{facts.label(t.estimand.by)}: cut-off {c.printed}, p {t.printed}" for c, t in rows
        ),
        evidence="The groups part where the outcome of the same patients differs most, and are "
        "then tested on it; such a p is too small, more so in few patients (Altman 1994). "
        + (f"It concerns {names} among the significant results. " if significant else "")
        + "A test that repeats the choice, or new patients, would tell.",
    )
