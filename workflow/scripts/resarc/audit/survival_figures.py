"""Survival figures: medians against landmark rates, rates against whole-number fractions, splits
against the whole, and the reading of a rate that fits them all."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce
from itertools import pairwise, product
from math import floor, prod

import numpy as np

from resarc.audit.facts import Count, Facts, Where, time_text
from resarc.audit.finding import Finding, listed
from resarc.audit.printing import number, percent, whole_counts, written
from resarc.estimand import Condition, Estimand
from resarc.protocol import Protocol
from resarc.published import Figure, Published, Rounding

SHORTEST_YEAR = 360 / 365.25
"""A landmark of a year may have been taken at 360 days (twelve months of thirty); never later than
366. A conflict that such a choice could remove is none."""
LONGEST_YEAR = 366 / 365.25

CRUDE = "the rates are crude proportions, patients observed beyond the time ÷ all patients"


@dataclass(frozen=True)
class _Rate:
    """A printed survival rate of a group of known size and the counts that print so."""

    figure: Figure
    n: Count
    counts: tuple[int, ...]

    @property
    def ids(self) -> tuple[str, ...]:
        return (self.figure.id, *self.n.figures)

    @property
    def text(self) -> str:
        alternatives = " or ".join(map(str, self.counts[:3]))
        return f"{written_rate(self.figure)} = {alternatives}/{self.n.value}"


def written_rate(figure: Figure) -> str:
    return f"{figure.printed}{figure.unit if figure.unit == '%' else ''}"


def _rates(facts: Facts) -> list[_Rate]:
    found = []
    for figure in facts.firsts("survival"):
        n = facts.size(figure.estimand.where)
        if n and n.value and figure.value.mark == "=":
            found.append(_Rate(figure, n, whole_counts(figure, n.value)))
    return found


# -- order ------------------------------------------------------------------------------------


def rates_over_time(published: Published, protocol: Protocol) -> Iterator[Finding]:
    """A survival curve never rises; and a time that by definition is never longer than another has
    rates and medians that are never higher."""
    facts = Facts(published, protocol)
    curves: dict[tuple[str, Where], list[Figure]] = defaultdict(list)
    for figure in facts.firsts("survival"):
        curves[figure.estimand.subject, figure.estimand.where].append(figure)
    fine: list[Figure] = []
    for (name, where), figures in curves.items():
        figures.sort(key=lambda f: f.estimand.time)
        for early, late in pairwise(figures):
            if facts.exact(early)[1] < facts.exact(late)[0]:
                yield Finding(
                    check="survival over time",
                    title=f"{facts.label(name)} is printed higher at "
                    f"{time_text(late.estimand.argument)} than at {time_text(early.estimand.argument)}",
                    verdict="inconsistent",
                    severity="major",
                    figures=(early.id, late.id),
                    printed=f"{written(early)}; {written(late)}",
                    evidence=f"A survival curve of {facts.group(where)} cannot rise from "
                    f"{written(early)} to {written(late)}. Exchanged figures or another group "
                    "would explain it.",
                )
            else:
                fine += [early, late]
    if fine:
        yield Finding(
            check="survival over time",
            title="Printed survival never rises with time",
            verdict="consistent",
            severity="none",
            figures=tuple(f.id for f in fine),
            printed="; ".join(written_rate(f) for f in dict.fromkeys(fine)),
            evidence="Within each group a later rate is not higher than an earlier one.",
        )
    yield from _ordered_endpoints(facts)


def _ordered_endpoints(facts: Facts) -> Iterator[Finding]:
    plan = facts.protocol.reconstruction
    for constraint in plan.constraints if plan else ():
        if not constraint.at_most:
            continue
        short, long = constraint.at_most
        fine: list[tuple[Figure, Figure]] = []
        for figure in facts.firsts("survival", "median"):
            e = figure.estimand
            if e.subject != short:
                continue
            other = facts.first(Estimand(e.statistic, long, e.argument, e.where))
            if other is None:
                continue
            if facts.exact(figure)[0] <= facts.exact(other)[1]:
                fine.append((figure, other))
                continue
            yield Finding(
                check="ordered quantities",
                title=f"{facts.phrase(e)}: printed above {facts.label(long).lower()}",
                verdict="inconsistent",
                severity="major",
                figures=(figure.id, other.id),
                printed=f"{written(figure)}; {written(other)}",
                evidence=f"{facts.label(short)} is never above {facts.label(long).lower()} "
                f"({constraint.why}); printed are {written(figure)} and {written(other)}.",
            )
        if fine:
            yield Finding(
                check="ordered quantities",
                title=f"{facts.label(short)} is nowhere printed above {facts.label(long).lower()}",
                verdict="consistent",
                severity="none",
                figures=tuple(f.id for pair in fine for f in pair),
                printed="; ".join(f"{written(a)} ≤ {written(b)}" for a, b in fine),
                evidence=f"One is never above the other: {constraint.why}.",
            )


# -- medians and landmarks ----------------------------------------------------------------------


def medians_and_rates(published: Published, protocol: Protocol) -> Iterator[Finding]:
    """On one Kaplan-Meier curve S(t) < 1/2 puts the median at t or earlier and S(t) > 1/2 puts it
    after t (Kaplan & Meier, JASA 1958;53:457). Rates that may be exactly 1/2 decide nothing."""
    facts = Facts(published, protocol)
    crude = {c.endpoint: c for c in _crude_readings(facts)}
    fine: list[tuple[Figure, Figure]] = []
    for median in facts.firsts("median"):
        name, where = median.estimand.subject, median.estimand.where
        if name not in protocol.endpoint_names:
            continue
        low, high = facts.exact(median)
        for rate in facts.firsts("survival"):
            e = rate.estimand
            if e.subject != name or e.where != where:
                continue
            earliest, latest = e.time * SHORTEST_YEAR, e.time * LONGEST_YEAR
            side = facts.side(rate, 0.5)
            below, above = side < 0, side > 0
            if (below and low > latest) or (above and high < earliest):
                yield _conflict(facts, median, rate, below, crude.get(name))
            elif below or above:
                fine.append((median, rate))
    if fine:
        yield Finding(
            check="median and rates",
            title="Printed medians lie on the side of the landmarks that the rates ask for",
            verdict="consistent",
            severity="none",
            figures=tuple(f.id for pair in fine for f in pair),
            printed="; ".join(
                f"{written(m)} with {written_rate(r)} at {time_text(r.estimand.argument)}"
                for m, r in fine
            ),
            evidence="A rate above 50% asks for a later median, one below 50% for an earlier one.",
        )


def _conflict(
    facts: Facts, median: Figure, rate: Figure, below: bool, crude: _Crude | None
) -> Finding:
    when = time_text(rate.estimand.argument)
    months = facts.published.factor(median) * float(median.value.value)
    side = "at or before" if below else "after"
    words = facts.label(median.estimand.subject)
    explanation = "Two groups or two definitions behind the two figures would explain it."
    if crude:
        explanation = (
            f"They can stand together if {CRUDE}: then the rate says nothing of the curve "
            "where patients were censored earlier. This reading fits every printed rate of "
            f"{words.lower()} (see “{CRUDE_CHECK}”); it is a hypothesis, not a proof."
        )
    return Finding(
        check="median and rates",
        title=f"{words}: a median of {written(median)} cannot go with {written_rate(rate)} at "
        f"{when} on one Kaplan-Meier curve",
        verdict="inconsistent",
        severity="major",
        figures=(median.id, rate.id),
        printed=f"median {written(median)}; {written_rate(rate)} at {when}",
        recomputed=f"{written_rate(rate)} at {when} puts the median {side} "
        f"{number(rate.estimand.time)} months; printed {number(months, 3)} months",
        evidence=f"{written_rate(rate)} at {when} ({rate.locator}) puts the median {side} "
        f"{when}, as the curve is then {'below' if below else 'above'} one half; the printed "
        f"median of {written(median)} is {number(months, 3)} months ({median.locator}). "
        f"{explanation}",
        hypothesis=CRUDE if crude else "",
    )


def medians_of_groups(published: Published, protocol: Protocol) -> Iterator[Finding]:
    """The median of a whole lies between the medians of its parts (without censoring the curve of
    the whole is the weighted mean of theirs)."""
    facts = Facts(published, protocol)
    for whole in facts.firsts("median"):
        e = whole.estimand
        for variable in protocol.names("category"):
            parts = [
                facts.first(
                    Estimand("median", e.subject, where=(*e.where, Condition(variable, level)))
                )
                for level in facts.levels(variable, e.where)
                if not any(c.variable == variable for c in e.where)
            ]
            if len(parts) < 2 or not all(parts):
                continue
            low = min(facts.exact(f)[0] for f in parts)
            high = max(facts.exact(f)[1] for f in parts)
            value = facts.exact(whole)
            fits = value[1] >= low and value[0] <= high
            survival = e.subject in protocol.endpoint_names
            yield Finding(
                check="medians of groups",
                title=f"{facts.phrase(e)}: {'between' if fits else 'outside'} the medians by "
                f"{facts.label(variable).lower()}",
                verdict="consistent" if fits else "not checkable" if survival else "inconsistent",
                severity="none" if fits else "minor",
                figures=(whole.id, *(f.id for f in parts)),
                printed=f"{written(whole)}; {listed(written(f) for f in parts)}",
                evidence=f"The whole has a median of {written(whole)}, its parts "
                f"{listed(written(f) for f in parts)}."
                + (
                    ""
                    if fits
                    else " A whole lies between its parts; only censoring that differs much "
                    "between the groups could move it out."
                    if survival
                    else " A whole lies between its parts."
                ),
            )


# -- rates as whole-number fractions --------------------------------------------------------------


def rates_as_counts(published: Published, protocol: Protocol) -> Iterator[Finding]:
    """Before anybody is censored a Kaplan-Meier rate is k/n; afterwards it rarely is. Which rates
    are, how likely that is by chance, and what else would give those that are not."""
    facts = Facts(published, protocol)
    crude = {c.endpoint for c in _crude_readings(facts)}
    groups: dict[tuple[str, float], list[_Rate]] = defaultdict(list)
    for rate in _rates(facts):
        groups[rate.figure.estimand.subject, rate.figure.estimand.time].append(rate)
    misfits: list[_Rate] = []
    for (name, _), rates in groups.items():
        when = time_text(rates[0].figure.estimand.argument)
        shortest = _survivors(facts, name, "followup_minimum")
        uncensored = shortest and facts.exact(shortest)[0] > rates[0].figure.estimand.time
        off = [r for r in rates if not r.counts]
        if off and uncensored:
            for rate in off:
                yield _no_fraction(facts, rate, shortest, when)
        elif off:
            misfits += off
        whole = [r for r in rates if r.counts]
        if not whole or name in crude:
            continue
        chance = prod(min(1.0, _spacing(facts, r)) for r in whole)
        rare = "below one in a million" if chance < 1e-6 else f"about {number(chance, 2)}"
        follow_up = ""
        if shortest:
            first = facts.exact(shortest)
            if uncensored:
                follow_up = (
                    f" The shortest follow-up of survivors, {written(shortest)}, is later: nobody "
                    "was censored before, as it must be."
                )
            elif first[0] < rates[0].figure.estimand.time and not off:
                follow_up = (
                    f" The first survivor was censored at {written(shortest)}; so the events "
                    f"counted at {when} came before, or the rates would not be such fractions."
                )
        some = f"{len(whole)} of {len(rates)}" if off else f"all {len(whole)}"
        yield Finding(
            check="rates as counts",
            title=f"{facts.label(name)} at {when}: {some} printed rates are whole-number fractions",
            verdict="consistent",
            severity="note" if len(whole) > 1 else "none",
            figures=tuple(r.figure.id for r in whole),
            printed=listed((written_rate(r.figure) for r in whole), 40),
            recomputed=listed((r.text for r in whole), 40),
            evidence=f"{some.capitalize()} printed rates at {when} are k/n of their group. "
            f"Were the rates free to take any value, the probability of this would be {rare}; it is "
            f"what Kaplan-Meier gives while nobody is censored.{follow_up}",
        )
    yield from _explain_misfits(facts, misfits)


def _spacing(facts: Facts, rate: _Rate) -> float:
    """The share of possible printed values that some k/n prints as."""
    low, high = facts.rounded_bounds(rate.figure)
    return (high - low) * rate.n.value


def _no_fraction(facts: Facts, rate: _Rate, shortest: Figure, when: str) -> Finding:
    nearest = round(
        float(rate.figure.value.value) * facts.published.factor(rate.figure) * rate.n.value
    )
    return Finding(
        check="rates as counts",
        title=f"{facts.phrase(rate.figure.estimand)}: {written_rate(rate.figure)} is no fraction "
        f"of {rate.n.value}",
        verdict="inconsistent",
        severity="minor",
        figures=(*rate.ids, shortest.id),
        printed=written_rate(rate.figure),
        recomputed=f"{nearest}/{rate.n.value} = {percent(nearest / rate.n.value)}",
        evidence=f"The shortest follow-up of survivors is {written(shortest)}; so nobody was "
        f"censored before {when}, and the rate must be a whole number out of {rate.n.value}; "
        f"{written_rate(rate.figure)} is none. Another number of patients would explain it.",
    )


def _explain_misfits(facts: Facts, misfits: list[_Rate]) -> Iterator[Finding]:
    """Rates that are no k/n, by group: one smaller denominator for all, and censoring."""
    groups: dict[Where, list[_Rate]] = defaultdict(list)
    for rate in misfits:
        groups[rate.figure.estimand.where].append(rate)
    for where, rates in groups.items():
        n = rates[0].n.value
        hypotheses, recomputed = [], []
        found = _common_denominator(facts, where, n)
        if found:
            m, texts = found
            hypotheses.append(f"{m} patients as denominator, {' and '.join(texts)}")
            recomputed += texts
        paths = [(r, kaplan_meier_path(facts.exact(r.figure), n)) for r in rates]
        if all(path != () for _, path in paths):
            hypotheses.append("Kaplan-Meier with patients censored before the time")
            recomputed += [
                f"{written_rate(r.figure)} after {len(path)} events with {listed(path, 40)} at risk"
                for r, path in paths
                if path and len(_curve(facts, r)) == 1
            ]
        rates_text = listed(written_rate(r.figure) for r in rates)
        common = {
            "check": "rates as counts",
            "figures": tuple(i for r in rates for i in r.ids),
            "printed": "; ".join(
                f"{written_rate(r.figure)} ({facts.phrase(r.figure.estimand)})" for r in rates
            ),
            "recomputed": "; ".join(recomputed),
        }
        if not hypotheses:
            yield Finding(
                title=f"{rates_text}: no course of events of {n} patients gives these rates",
                verdict="inconsistent",
                severity="major",
                evidence=f"No whole number of {n} patients, no smaller denominator and no order of "
                "events and censorings gives the printed rates.",
                **common,
            )
            continue
        plural = len(rates) > 1
        yield Finding(
            title=f"{rates_text} {'are no fractions' if plural else 'is no fraction'} of {n} "
            "patients: "
            + ("two readings" if len(hypotheses) > 1 else "patients were censored before"),
            verdict="explained" if found else "consistent",
            severity="note",
            evidence=f"{rates_text} {'are' if plural else 'is'} no whole number of {n} patients. "
            + (
                f"Two hypotheses fit: {hypotheses[0]}; or {hypotheses[1]}. The printed figures do "
                "not tell them apart."
                if len(hypotheses) > 1
                else f"It fits: {hypotheses[0]}."
            ),
            hypothesis="; or ".join(hypotheses),
            **common,
        )


def _curve(facts: Facts, rate: _Rate) -> list[Figure]:
    """Every printed rate of the same curve; an example must hold for all, so it is only given for
    a curve of one."""
    e = rate.figure.estimand
    return [
        f
        for f in facts.firsts("survival")
        if f.estimand.subject == e.subject and f.estimand.where == e.where
    ]


def _common_denominator(facts: Facts, where: Where, n: int) -> tuple[int, list[str]] | None:
    """The largest smaller denominator, down to four fifths, that gives every printed rate of the
    group, rounded or truncated."""
    rates = [f for f in facts.firsts("survival") if f.estimand.where == where]
    for m in range(n - 1, floor(0.8 * n), -1):
        conventions: tuple[Rounding, ...]
        for conventions in (("half up",), ("truncated",), ("half up", "truncated")):
            found = []
            for figure in rates:
                counts = whole_counts(figure, m, *conventions)
                if not counts:
                    break
                found.append(counts)
            else:
                how = {
                    ("half up",): "",
                    ("truncated",): ", truncated",
                    ("half up", "truncated"): ", rounded or truncated",
                }[conventions]
                texts = [
                    f"{written_rate(f)} = {k[0]}/{m}" for f, k in zip(rates, found, strict=True)
                ]
                texts[-1] += how
                return m, texts
    return None


SEARCHED = 300_000
"""Steps of a search for a course of events, at most."""


def kaplan_meier_path(bounds: tuple[float, float], n: int) -> tuple[int, ...] | None:
    """Numbers at risk, just before each event, of one course of events with S within `bounds`.

    Of `n` patients; the course with most events is tried first, which is the one with least
    censoring. Empty if there is none; None if the search was given up.
    """
    low, high = bounds
    tried = 0

    def search(path: tuple[int, ...], s: float, left: int) -> tuple[int, ...]:
        nonlocal tried
        if left == 0:
            return path if low - 1e-12 <= s <= high + 1e-12 else ()
        for r in range(path[-1] - 1 if path else n, left - 1, -1):
            tried += 1
            # the greatest S still possible is with the next events right after one another
            if tried > SEARCHED or s * (r - left) / r < low - 1e-12:
                break
            found = search((*path, r), s * (1 - 1 / r), left - 1)
            if found:
                return found
        return ()

    for events in range(min(n, floor(n * (1 - low) + 1e-9)), 0, -1):
        found = search((), 1.0, events)
        if found:
            return found
        if tried > SEARCHED:
            return None
    return ()


# -- crude proportions ------------------------------------------------------------------------------

CRUDE_CHECK = "crude proportions"
FEWEST_FOR_CHANCE = 30
"""Curves of fewer patients take so few values that many are k/n by chance."""
RARE = 0.01
"""Rates that are k/n by chance less often than this say something."""


@dataclass(frozen=True)
class _Crude:
    """An endpoint whose whole-cohort rates are read as crude proportions, and why."""

    endpoint: str
    rates: tuple[_Rate, ...]
    reasons: tuple[str, ...]


def _survivors(facts: Facts, endpoint: str, statistic: str) -> Figure | None:
    return facts.first(Estimand(statistic, endpoint, where=(Condition(endpoint, "censored"),)))


def _crude_readings(facts: Facts) -> list[_Crude]:
    """Endpoints of which every whole-cohort rate is k/n though censoring must come before: by a
    conflict with the median, or because half of the survivors are censored before the time.

    Once an endpoint of a study is read so, the study's other endpoints are if their rates fit too.
    """
    by_endpoint: dict[str, list[_Rate]] = defaultdict(list)
    for rate in _rates(facts):
        if not rate.figure.estimand.where:
            by_endpoint[rate.figure.estimand.subject].append(rate)
    found: list[_Crude] = []
    others: list[_Crude] = []
    for name, rates in by_endpoint.items():
        if not all(r.counts for r in rates):
            continue
        reasons = []
        median = facts.first(Estimand("median", name))
        followup = _survivors(facts, name, "followup_median")
        telling = followup is not None and _telling(facts, rates, facts.exact(followup)[1])
        for rate in rates:
            when, time = time_text(rate.figure.estimand.argument), rate.figure.estimand.time
            if median and (
                facts.side(rate.figure, 0.5) < 0 and facts.exact(median)[0] > time * LONGEST_YEAR
            ):
                reasons.append(
                    f"{written_rate(rate.figure)} at {when} excludes the median of "
                    f"{written(median)}"
                )
            if telling and facts.exact(followup)[1] < time:
                reasons.append(
                    f"half of the survivors were followed for less than {written(followup)}, "
                    f"so many were censored before {when}"
                )
        entry = _Crude(name, tuple(rates), tuple(dict.fromkeys(reasons)))
        (found if reasons else others).append(entry)
    return found + [o for o in others if found]


def _telling(facts: Facts, rates: list[_Rate], followup: float) -> bool:
    """Whether rates later than the survivors' median follow-up would seldom all be k/n by chance.

    Not if few patients or a coarse rounding make every rate one, nor where nobody or everybody has
    the event; equal rates count once.
    """
    late = {
        r.counts: _spacing(facts, r)
        for r in rates
        if r.figure.estimand.time > followup and 0 < r.counts[0] < r.n.value
    }
    enough = all(r.n.value >= FEWEST_FOR_CHANCE for r in rates)
    return enough and prod(min(1.0, s) for s in late.values()) < RARE


def crude_proportions(published: Published, protocol: Protocol) -> Iterator[Finding]:
    """One reading for all rates: crude proportions. Tested on every whole-cohort rate; what it
    leaves open of the Kaplan-Meier curve is bounded from the printed deaths and follow-up."""
    facts = Facts(published, protocol)
    readings = _crude_readings(facts)
    if not readings:
        return
    rates = [r for reading in readings for r in reading.rates]
    chance = prod(min(1.0, _spacing(facts, r)) for r in rates)
    sharp = [r for r in rates if _spacing(facts, r) < 1]
    reasons = list(dict.fromkeys(reason for reading in readings for reason in reading.reasons))
    names = listed(facts.label(r.endpoint).lower() for r in readings)
    bounds = [text for reading in readings if (text := _bounds_text(facts, reading))]
    yield Finding(
        check=CRUDE_CHECK,
        title=f"One reading fits all {len(rates)} printed survival rates: they are crude proportions",
        verdict="explained",
        severity="major",
        figures=tuple(i for r in rates for i in r.ids),
        printed="; ".join(
            f"{written_rate(r.figure)} ({facts.phrase(r.figure.estimand)})" for r in rates
        ),
        recomputed="; ".join(r.text for r in rates),
        evidence=f"Every printed rate of {names} is a whole number of all {rates[0].n.value} "
        f"patients ({len(sharp)} of {len(rates)} are printed finely enough to tell; by chance the "
        f"probability is {number(chance, 2)}), although {listed(reasons)}. Once patients are "
        "censored a Kaplan-Meier rate is seldom such a fraction. Crude proportions, patients "
        "observed beyond the time divided by all patients, explain all of them."
        + "".join(f" {text}" for text in bounds)
        + " This is a hypothesis, not a proof.",
        hypothesis=CRUDE,
    )


def _bounds_text(facts: Facts, reading: _Crude) -> str:
    name = reading.endpoint
    events = facts.size((Condition(name, "event"),))
    if events is None:
        return ""
    last = max(reading.rates, key=lambda r: r.figure.estimand.time)
    followup = _survivors(facts, name, "followup_median")
    median = facts.first(Estimand("median", name))
    landmarks = [(r.figure.estimand.time, r.counts) for r in reading.rates]
    middle = facts.rounded_bounds(median) if median else None
    found = crude_bounds(last.n.value, events.value, landmarks, None, middle)
    if found is None:
        return ""
    text = (
        f"With {events.value} events among {last.n.value} patients the Kaplan-Meier "
        f"{facts.label(name).lower()} at {time_text(last.figure.estimand.argument)} would then lie "
        f"between {percent(found[0], 0)} and {percent(found[1], 0)}"
    )
    if followup:
        narrow = crude_bounds(
            last.n.value, events.value, landmarks, facts.rounded_bounds(followup), middle
        )
        if narrow:
            text += (
                f", and between {percent(narrow[0], 0)} and {percent(narrow[1], 0)} if the median "
                f"follow-up of {written(followup)} is that of the survivors"
            )
    return f"{text}."


def crude_bounds(
    n: int,
    events: int,
    landmarks: list[tuple[float, tuple[int, ...]]],
    followup: tuple[float, float] | None = None,
    median: tuple[float, float] | None = None,
) -> tuple[float, float] | None:
    """Bounds of the Kaplan-Meier S at the last landmark if rates are crude proportions.

    `landmarks` are (months, possible numbers of patients observed beyond); `events` of the `n`
    patients have the event in the end. `followup` bounds the median observed time of those without
    (months), `median` that of the curve. Between two landmarks S is least if all who are censored
    leave before the first event, greatest if they leave after the last; every division of those who
    leave into events and censored that the totals allow is tried. None if there is none.
    """
    landmarks = sorted(landmarks)
    censored = n - events
    best: list[float] = []
    for counts in product(*(c for _, c in landmarks)):
        at_risk = (n, *counts)
        leave = [a - b for a, b in pairwise(at_risk)]
        if min(leave) < 0:
            continue
        shape = tuple(m + 1 for m in leave)
        grids = np.meshgrid(*(np.arange(s) for s in shape), indexing="ij", sparse=True)
        deaths = reduce(np.add, grids)
        allowed = (deaths <= events) & (sum(leave) - deaths <= censored)
        gone = np.zeros(())
        for (time, _), m, d in zip(landmarks, leave, grids, strict=True):
            gone = gone + (m - d)
            if followup and time < followup[0]:
                allowed = allowed & (gone <= censored // 2)
            elif followup and time >= followup[1]:
                allowed = allowed & (gone >= (censored + 1) // 2)
        least = greatest = np.ones(())
        for start, end, m, d in zip(at_risk[:-1], at_risk[1:], leave, grids, strict=True):
            still = start - (m - d)
            least = least * np.where(still > 0, end / np.maximum(still, 1), 0.0)
            greatest = greatest * (start - d) / max(start, 1)
        last = landmarks[-1][0]
        if median and median[0] > last * LONGEST_YEAR:
            allowed = allowed & (greatest > 0.5)
            least = np.maximum(least, 0.5)
        elif median and median[1] < last * SHORTEST_YEAR:
            allowed = allowed & (least <= 0.5)
            greatest = np.minimum(greatest, 0.5)
        allowed = np.broadcast_to(allowed, shape)
        if allowed.any():
            best.append(float(np.broadcast_to(least, shape)[allowed].min()))
            best.append(float(np.broadcast_to(greatest, shape)[allowed].max()))
    return (min(best), max(best)) if best else None


# -- splits ------------------------------------------------------------------------------------------


def splits(published: Published, protocol: Protocol) -> Iterator[Finding]:
    """While rates are k/n, the counts of all levels of a category add up to the count of the whole;
    a level printed as not available is what the others leave."""
    facts = Facts(published, protocol)
    rates = {r.figure.estimand: r for r in _rates(facts)}
    fine: list[tuple[str, tuple[str, ...]]] = []
    for e, whole in rates.items():
        for variable in protocol.names("category"):
            if any(c.variable == variable for c in e.where):
                continue
            levels = facts.levels(variable, e.where)
            wheres = [tuple(sorted((*e.where, Condition(variable, lv)))) for lv in levels]
            parts = [rates.get(Estimand("survival", e.subject, e.argument, w)) for w in wheres]
            known = [p for p in parts if p]
            if not known or not whole.counts or not all(p.counts for p in known):
                continue
            open_sizes = [facts.size(w) for w, p in zip(wheres, parts, strict=True) if not p]
            if not all(open_sizes):
                continue
            sums = {sum(ks) for ks in product(*(p.counts for p in known))}
            room = sum(c.value for c in open_sizes)
            left = {k - s for k in whole.counts for s in sums if 0 <= k - s <= room}
            ids = (*whole.ids, *(p.figure.id for p in known))
            text = " + ".join(f"{'/'.join(map(str, p.counts))} of {p.n.value}" for p in known)
            name = f"{facts.label(variable)}, {time_text(e.argument)}"
            if left:
                if room:
                    k = "/".join(map(str, sorted(left)))
                    text += f" + {k} of the {room} without a printed rate"
                k = "/".join(map(str, whole.counts))
                fine.append((f"{name}: {text} = {k} of {whole.n.value}", ids))
                continue
            got = "/".join(map(str, sorted(sums)))
            shortest = _survivors(facts, e.subject, "followup_minimum")
            uncensored = shortest and facts.exact(shortest)[0] > e.time
            yield Finding(
                check="splits of a rate",
                title=f"{name}: the groups hold {got} survivors, the whole "
                f"{'/'.join(map(str, whole.counts))}",
                verdict="inconsistent" if uncensored else "not checkable",
                severity="minor" if uncensored else "note",
                figures=ids,
                printed=f"{written_rate(whole.figure)}; "
                + "; ".join(written_rate(p.figure) for p in known),
                recomputed=text,
                evidence=f"Read as whole numbers of their groups the rates hold {text}, which does "
                f"not make {written_rate(whole.figure)} of {whole.n.value}. Censoring before "
                f"{time_text(e.argument)} in some groups, or patients without a value, would "
                "explain it.",
            )
    if fine:
        yield Finding(
            check="splits of a rate",
            title=f"{len(fine)} ways to split the cohort all give back the overall rate",
            verdict="consistent",
            severity="note",
            figures=tuple(i for _, ids in fine for i in ids),
            recomputed="; ".join(text for text, _ in fine),
            evidence="The survivors of all levels of a category add up to those of the whole: "
            + "; ".join(text for text, _ in fine)
            + ".",
        )


# -- follow-up -----------------------------------------------------------------------------------------


def medians_and_follow_up(published: Published, protocol: Protocol) -> Iterator[Finding]:
    """A median survival cannot lie beyond the longest follow-up; one far beyond the median
    follow-up rests on the few who were observed so long."""
    facts = Facts(published, protocol)
    far: list[tuple[Figure, Figure]] = []
    for median in facts.firsts("median"):
        name = median.estimand.subject
        if name not in protocol.endpoint_names:
            continue
        longest = facts.first(Estimand("followup_maximum", name)) or _survivors(
            facts, name, "followup_maximum"
        )
        usual = _survivors(facts, name, "followup_median") or facts.first(
            Estimand("followup_median", name)
        )
        all_patients = longest and not longest.estimand.where
        if longest and all_patients and facts.exact(median)[0] > facts.exact(longest)[1]:
            yield Finding(
                check="median and follow-up",
                title=f"{facts.phrase(median.estimand)}: beyond the longest follow-up",
                verdict="inconsistent",
                severity="major",
                figures=(median.id, longest.id),
                printed=f"{written(median)}; {written(longest)}",
                evidence=f"The median of {written(median)} lies beyond the longest follow-up of "
                f"{written(longest)}; nobody was observed then.",
            )
        elif usual and facts.exact(median)[0] > 1.5 * facts.exact(usual)[1]:
            far.append((median, usual))
    if far:
        usual = far[0][1]
        yield Finding(
            check="median and follow-up",
            title=f"{len(far)} median survival times lie far beyond the median follow-up of "
            f"{written(usual)}",
            verdict="not checkable",
            severity="note",
            figures=tuple(f.id for pair in far for f in pair),
            printed="; ".join(f"{written(m)} ({facts.phrase(m.estimand)})" for m, _ in far),
            recomputed="; ".join(
                f"{number(float(m.value.value) * published.factor(m), 3)} months" for m, _ in far
            ),
            evidence=f"Median follow-up is {written(usual)}. A median survival of "
            f"{listed(written(m) for m, _ in far)} is read off a part of the curve that few "
            "patients reach; no number at risk and no interval is printed there.",
        )
