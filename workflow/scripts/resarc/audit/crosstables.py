"""Tests of printed cross tables, computed again and held against the printed p."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from resarc import seeds
from resarc.audit.facts import Facts
from resarc.audit.finding import Finding, listed
from resarc.audit.printing import p_text, roundings_of
from resarc.estimand import Condition
from resarc.protocol import Protocol
from resarc.published import Figure, Published
from resarc.survival import contingency

NUMBERED_ANEW = "linear-by-linear with empty levels left out"

_NAMED = {
    "chi2_p": ("chi-squared", "chi-squared with Yates's correction"),
    "fisher_p": ("Fisher's exact",),
    "trend_p": ("linear-by-linear", NUMBERED_ANEW),
}
"""The tests that a statistic of the language may mean."""


def cross_tables(published: Published, protocol: Protocol) -> Iterator[Finding]:
    """Chi-squared (with and without Yates's correction), likelihood-ratio, Fisher and
    linear-by-linear tests from the printed counts, and which of them prints as the printed p."""
    facts = Facts(published, protocol)
    for figure in facts.with_statistic(*_NAMED):
        e = figure.estimand
        cells = [
            [
                facts.size((*e.where, Condition(e.subject, row), Condition(e.by, column)))
                for column in protocol.levels(e.by)
            ]
            for row in protocol.levels(e.subject)
        ]
        words = f"{facts.label(e.subject)} by {facts.label(e.by).lower()}"
        if not all(all(row) for row in cells):
            yield Finding(
                check="cross table",
                title=f"{words}: the table behind p {figure.printed} is not printed whole",
                verdict="not checkable",
                severity="none",
                figures=(figure.id,),
                printed=figure.printed,
                evidence=f"p is printed ({figure.locator}), but not the counts of every cell; so no "
                "test can be computed again.",
            )
            continue
        table = [[cell.value for cell in row] for row in cells]
        ids = (figure.id, *(i for row in cells for cell in row for i in cell.figures))
        yield _judge(published, protocol, figure, table, ids, words)


def _judge(
    published: Published,
    protocol: Protocol,
    figure: Figure,
    table: list[list[int]],
    ids: tuple[str, ...],
    words: str,
) -> Finding:
    alpha = protocol.conventions.alpha
    kept = contingency.counts(table)
    if min(kept.shape, default=0) < 2:
        return Finding(
            check="cross table",
            title=f"{words}: the printed table has one row or column only",
            verdict="not checkable",
            severity="note",
            figures=ids,
            printed=figure.printed,
            evidence="A test needs two levels with patients on either side.",
        )
    tests = {"chi-squared": contingency.chi_square(table)}
    if kept.shape == (2, 2):
        tests["chi-squared with Yates's correction"] = contingency.chi_square(table, True)
    tests["likelihood-ratio"] = contingency.likelihood_ratio(table)
    tests["Fisher's exact"] = contingency.fisher_exact(
        table, seeds.stream(published.study, "audit")
    )
    tests["linear-by-linear"] = contingency.linear_by_linear(table)
    if kept.shape != (len(table), len(table[0])):
        tests[NUMBERED_ANEW] = contingency.linear_by_linear(kept)
    fitting = [n for n, t in tests.items() if roundings_of(Fraction(t.p), figure.value)]
    meant = [n for n in _NAMED[figure.estimand.statistic] if n in tests]
    computed = "; ".join(f"{name} p {p_text(t.p)}" for name, t in tests.items())
    first = tests["chi-squared"]
    minimum, below = first.detail("minimum_expected"), first.detail("share_below_5")
    exact = tests["Fisher's exact"].p
    conditions = (
        ""
        if first.detail("cochran")
        else f" {below:.0%} of the expected counts are below 5 (the smallest {minimum:.1f}), more "
        "than the chi-squared approximation is trusted with (Cochran 1954); Fisher's exact test "
        f"gives {p_text(exact)}."
    )
    common = {
        "check": "cross table",
        "figures": ids,
        "printed": f"p {figure.printed}",
        "recomputed": computed,
    }
    changes = (exact < alpha) != (first.p < alpha)
    if set(fitting) & set(meant):
        fit = listed(fitting)
        return Finding(
            title=f"{words}: p {figure.printed} follows from the table ({fit})",
            verdict="consistent",
            severity="note" if conditions else "none",
            evidence=f"The printed counts give p {figure.printed} by {fit}.{conditions}"
            + (f" The two tests fall on different sides of {alpha:g}." if changes else ""),
            **common,
        )
    if fitting:
        return Finding(
            title=f"{words}: p {figure.printed} follows from the table by another test",
            verdict="explained",
            severity="note",
            evidence=f"p {figure.printed} is read as {listed(meant)}, which gives "
            f"{listed(p_text(tests[n].p) for n in meant)}; {listed(fitting)} gives the printed one."
            f"{conditions}",
            hypothesis=f"the test is {listed(fitting)}",
            **common,
        )
    ps = [t.p for t in tests.values()]
    value = float(figure.value.value)
    crosses = (value < alpha) != (min(ps) < alpha) or (value < alpha) != (max(ps) < alpha)
    return Finding(
        title=f"{words}: no usual test of the printed table gives p {figure.printed}",
        verdict="inconsistent",
        severity="major" if crosses else "minor",
        evidence=f"p {figure.printed} is printed ({figure.locator}); the printed counts give "
        f"{computed}.{conditions} Another grouping of rows, patients without a value or another "
        "test would explain it.",
        **common,
    )
