"""Printed intervals: do they hold their value, which type of interval are they, do they agree with
the printed p."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from fractions import Fraction
from math import isfinite, log

import numpy as np
from scipy.special import ndtr, ndtri

from resarc.audit.facts import Facts
from resarc.audit.finding import Finding, listed
from resarc.audit.printing import (
    p_text,
    percent,
    roundings_of,
    units_per_one,
    whole_counts,
    written,
)
from resarc.estimand import Condition, Estimand
from resarc.protocol import Protocol
from resarc.published import Figure, Published
from resarc.survival.kaplan_meier import limits

KAPLAN_MEIER = ("log-log", "log", "plain", "logit", "arcsine")
BINOMIAL = ("wilson", "exact", "agresti-coull", "jeffreys", "wald")


def ordered(published: Published, protocol: Protocol) -> Iterator[Finding]:
    """A printed interval is in order and holds its value."""
    facts = Facts(published, protocol)
    fine: list[Figure] = []
    for figure in facts.figures:
        bounds = figure.bounds
        if bounds is None or figure.value.mark != "=" or any(b.mark != "=" for b in bounds):
            continue
        lower, upper = (b.value for b in bounds)
        if lower <= figure.value.value <= upper:
            fine.append(figure)
            continue
        yield Finding(
            check="intervals hold their value",
            title=f"{facts.phrase(figure.estimand)}: the interval does not hold its value",
            verdict="inconsistent",
            severity="major",
            figures=(figure.id,),
            printed=written(figure),
            evidence=f"{written(figure)} is printed ({figure.locator}); the value is not between "
            "the limits. Exchanged figures or a misprint would explain it.",
        )
    if fine:
        yield Finding(
            check="intervals hold their value",
            title=f"All {len(fine)} printed intervals hold their value"
            if len(fine) > 1
            else "The printed interval holds its value",
            verdict="consistent",
            severity="none",
            figures=tuple(f.id for f in fine),
            printed=listed((written(f) for f in fine), 6),
            evidence="Lower limit, value and upper limit are in order.",
        )


# -- types ------------------------------------------------------------------------------------


def interval(k: int, n: int, method: str, level: float) -> tuple[float, float]:
    """Limits of k/n by a method of `KAPLAN_MEIER` or `BINOMIAL`.

    Kaplan-Meier types take Greenwood's variance while nobody is censored, (1 - S) / (S n) for
    log S (Kalbfleisch & Prentice, 2nd ed., 1.4); they are NaN at S = 0 and S = 1.
    """
    if method in BINOMIAL:
        from resarc.survival.proportions import proportion_interval

        found = proportion_interval(k, n, method, level)
        return found.lower, found.upper
    if not 0 < k < n:
        return float("nan"), float("nan")
    s = np.array([k / n])
    lower, upper = limits(s, np.sqrt((1 - s) / (s * n)), method, level)
    return float(lower[0]), float(upper[0])


def _prints(figure: Figure, limits_: tuple[float, float]) -> bool:
    scale = units_per_one(figure)
    return all(isfinite(x) for x in limits_) and all(
        "half up" in roundings_of(Fraction(x) * scale, printed)
        for x, printed in zip(limits_, figure.bounds, strict=True)
    )


def types(published: Published, protocol: Protocol) -> Iterator[Finding]:
    """Which type of confidence interval gives the printed limits of rates that are k/n.

    One type must fit all intervals of a statistic; rows that the best type does not fit are named.
    """
    facts = Facts(published, protocol)
    groups: dict[tuple[str, str], list[tuple[Figure, int, tuple[int, ...]]]] = defaultdict(list)
    for figure in facts.with_statistic("survival", "proportion"):
        n = facts.size(figure.estimand.where)
        bounds = figure.bounds
        if bounds is None or n is None or any(b.mark != "=" for b in bounds):
            continue
        counts = whole_counts(figure, n.value)
        if counts and 0 < counts[0] < n.value and figure.value.mark == "=":
            subject = figure.estimand.subject if figure.estimand.statistic == "survival" else ""
            groups[figure.estimand.statistic, subject].append((figure, n.value, counts))
    for (statistic, subject), rows in groups.items():
        words = facts.label(subject).lower() if subject else "shares"
        yield from _name_type(facts, statistic, words, rows)


def _name_type(
    facts: Facts, statistic: str, words: str, rows: list[tuple[Figure, int, tuple[int, ...]]]
) -> Iterator[Finding]:
    first, second = (KAPLAN_MEIER, BINOMIAL) if statistic == "survival" else (BINOMIAL, ())
    fits: dict[str, list[Figure]] = {}
    for methods in (first, second):
        for method in methods:
            fits[method] = [
                f
                for f, n, ks in rows
                if any(_prints(f, interval(k, n, method, f.level)) for k in ks)
            ]
        if any(len(found) == len(rows) for found in fits.values()):
            break
    best = max(fits, key=lambda m: len(fits[m]))
    count, ids = len(fits[best]), tuple(f.id for f, _, _ in rows)
    tally = "; ".join(f"{m}: {len(found)} of {len(rows)}" for m, found in fits.items())
    if count == 0:
        yield Finding(
            check="type of interval",
            title=f"None of {len(fits)} types gives the intervals of {words}",
            verdict="not checkable",
            severity="note",
            figures=ids,
            printed=listed((written(f) for f, _, _ in rows), 6),
            recomputed=tally,
            evidence=f"The rates are whole-number fractions, but no type among {listed(fits)} "
            "gives the printed limits as an estimate without censoring would have them. Censoring "
            "before the time or another method would explain it.",
        )
        return
    equal = [m for m, found in fits.items() if len(found) == count]
    yield Finding(
        check="type of interval",
        title=f"{count if count < len(rows) else 'All'} {'of ' if count < len(rows) else ''}"
        f"{len(rows)} intervals of {words} are of the type {listed(equal)}",
        verdict="consistent",
        severity="note",
        figures=tuple(f.id for f in fits[best]),
        printed=listed((written(f) for f in fits[best]), 6),
        recomputed=tally,
        evidence=f"With k of n patients from the printed rate and size, {listed(equal)} limits "
        f"equal the printed ones to the last digit in {count} of {len(rows)} rows; the other types "
        f"tried do in at most {max((len(v) for m, v in fits.items() if m not in equal), default=0)}.",
    )
    for figure, n, counts in rows:
        if figure in fits[best]:
            continue
        own = [m for m, found in fits.items() if figure in found]
        lower, upper = interval(counts[0], n, best, figure.level)
        text = f"{percent(lower)} to {percent(upper)}"
        unit = float(figure.bounds[0].last_place) / units_per_one(figure)
        scale = units_per_one(figure)
        off = max(
            abs(lower - float(figure.bounds[0].value) / scale),
            abs(upper - float(figure.bounds[1].value) / scale),
        )
        settled = statistic == "proportion" or _nobody_censored(facts, figure.estimand)
        yield Finding(
            check="type of interval",
            title=f"{written(figure)}: not the {best} interval of {counts[0]} in {n}",
            verdict="explained" if own else "inconsistent" if settled else "not checkable",
            severity="minor" if settled and not own and off > 2 * unit else "note",
            figures=(figure.id,),
            printed=written(figure),
            recomputed=f"{best}: {text}",
            evidence=f"{count} of {len(rows)} intervals of {words} are {best}; this one "
            f"({figure.locator}) would then be {text}."
            + (
                f" It is the {listed(own)} interval."
                if own
                else " A misprint or censoring before the time would explain it."
            ),
            hypothesis=f"{listed(own)} interval" if own else "",
        )


def _nobody_censored(facts: Facts, e: Estimand) -> bool:
    """Whether the shortest follow-up of survivors is printed and later than the time."""
    shortest = facts.first(
        Estimand("followup_minimum", e.subject, where=(Condition(e.subject, "censored"),))
    )
    return shortest is not None and facts.exact(shortest)[0] > e.time


# -- ratios -----------------------------------------------------------------------------------


def p_values(published: Published, protocol: Protocol) -> Iterator[Finding]:
    """A ratio, its interval and its p: on the log scale a Wald interval is centred on the estimate,
    and its width gives the p (Altman & Bland, BMJ 2011;343:d2304)."""
    facts = Facts(published, protocol)
    for figure in facts.with_statistic("hazard_ratio"):
        bounds = figure.bounds
        if bounds is None or figure.value.mark != "=" or any(b.mark != "=" for b in bounds):
            continue
        value, lower, upper = (p.exact_values() for p in (figure.value, *bounds))
        if value.lower <= 0 or lower.lower <= 0:
            continue
        z = float(ndtri((1 + figure.level) / 2))
        centre = (log(lower.lower * upper.lower) / 2, log(lower.upper * upper.upper) / 2)
        estimate = (log(value.lower), log(value.upper))
        words = facts.phrase(figure.estimand)
        if centre[1] < estimate[0] or centre[0] > estimate[1]:
            middle = float(np.exp(sum(centre) / 2))
            yield Finding(
                check="ratio and interval",
                title=f"{words}: {figure.printed} is not the middle of its interval",
                verdict="not checkable",
                severity="note",
                figures=(figure.id,),
                printed=written(figure),
                recomputed=f"{middle:.3g}",
                evidence=f"A Wald interval is centred on the estimate on the log scale; this one "
                f"has its middle at {middle:.3g}. A profile-likelihood or bootstrap interval, or a "
                "misprint, would explain it.",
            )
        se = (
            (log(upper.lower) - log(lower.upper)) / (2 * z),
            (log(upper.upper) - log(lower.lower)) / (2 * z),
        )
        size = sorted(abs(e) for e in estimate)
        least = 0.0 if estimate[0] <= 0 <= estimate[1] else size[0] / se[1]
        most = size[1] / max(se[0], 1e-12)
        p_range = 2 * float(ndtr(-most)), 2 * float(ndtr(-least))
        yield from _compare_p(facts, figure, p_range)


def _compare_p(facts: Facts, ratio: Figure, p_range: tuple[float, float]) -> Iterator[Finding]:
    e = ratio.estimand
    wald = facts.of(
        Estimand(
            "cox_p",
            e.subject,
            where=e.where,
            by=e.by,
            contrast=e.contrast,
            adjusted_for=e.adjusted_for,
        )
    )
    rank = () if e.adjusted_for else facts.of(Estimand("logrank_p", e.subject, None, e.where, e.by))
    alpha = facts.protocol.conventions.alpha
    for figure in (*wald, *rank):
        printed = facts.exact(figure)
        overlap = printed[0] <= p_range[1] and p_range[0] <= printed[1]
        sides = (printed[1] < alpha and p_range[0] > alpha) or (
            printed[0] > alpha and p_range[1] < alpha
        )
        same_test = figure.estimand.statistic == "cox_p"
        fits = overlap or (not same_test and not sides)
        text = f"p {p_text(p_range[0])} to {p_text(p_range[1])}"
        yield Finding(
            check="ratio and p",
            title=f"{facts.phrase(e)}: interval and p {figure.printed} "
            f"{'agree' if fits else 'do not agree'}",
            verdict="consistent" if fits else "inconsistent",
            severity="none" if fits else "major" if sides else "minor",
            figures=(ratio.id, figure.id),
            printed=f"{written(ratio)}; p {figure.printed}",
            recomputed=text,
            evidence=f"A Wald test of {written(ratio)} has {text}, within the rounding of the "
            f"printed figures; p {figure.printed} is printed ({figure.locator})."
            + ("" if same_test else " A log-rank test may differ from it, but seldom in kind.")
            + ("" if fits else " Another test, another model or a misprint would explain it."),
        )
