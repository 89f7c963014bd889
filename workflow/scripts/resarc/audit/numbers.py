"""Summaries of numbers: order, bounds of the mean, grain of whole-number data, definitions of
groups by a number."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from math import floor, inf, sqrt

from resarc.audit.facts import Count, Facts, Where
from resarc.audit.finding import Finding, listed
from resarc.audit.printing import number, roundings_of, written
from resarc.estimand import Condition, Estimand
from resarc.protocol import Protocol, Variable
from resarc.published import Definition, Figure, Published

_ORDER = ("minimum", "q1", "median", "q3", "maximum")
_ALL = (*_ORDER, "mean", "sd")


def _summaries(facts: Facts) -> dict[tuple[str, Where], dict[str, Figure]]:
    """Every number's, and every endpoint's follow-up's, printed summary by group."""
    found: dict[tuple[str, Where], dict[str, Figure]] = defaultdict(dict)
    for figure in facts.firsts(*_ALL, *(f"followup_{name}" for name in _ALL)):
        e = figure.estimand
        endpoint = e.subject in facts.protocol.endpoint_names
        if figure.value.mark != "=" or (endpoint and not e.statistic.startswith("followup_")):
            continue
        found[e.subject, e.where].setdefault(e.statistic.removeprefix("followup_"), figure)
    return found


def _statistic(figure: Figure) -> str:
    return figure.estimand.statistic.removeprefix("followup_")


def _name(facts: Facts, subject: str, where: Where) -> str:
    text = facts.label(subject)
    if subject in facts.protocol.endpoint_names:
        text = f"Follow-up ({text.lower()})"
    return f"{text}, {facts.group(where)}"


# -- order and bounds ---------------------------------------------------------------------------


def mean_bounds(n: int, low: float, middle: float, high: float) -> tuple[float, float]:
    """Least and greatest mean of n numbers with this minimum, median and maximum (Hozo, Djulbegovic
    & Hozo, BMC Med Res Methodol 2005;5:13, for odd n; the same argument for even n)."""
    if n <= 2:
        return middle, middle
    half = n // 2
    below, at = (half, half) if n % 2 else (half - 1, half)
    return (
        (below * low + at * middle + high) / n,
        (low + at * middle + below * high) / n,
    )


def sd_bound(n: int, low: float, mean: float, high: float) -> float:
    """Greatest sample standard deviation of n numbers between two bounds with this mean (Bhatia &
    Davis, Am Math Monthly 2000;107:353)."""
    return sqrt(max((high - mean) * (mean - low), 0.0) * n / (n - 1)) if n > 1 else 0.0


def ranges(published: Published, protocol: Protocol) -> Iterator[Finding]:
    """Minimum, quartiles, median and maximum in order; mean and standard deviation within what
    they allow."""
    facts = Facts(published, protocol)
    fine: list[tuple[str, list[Figure]]] = []
    for (subject, where), found in _summaries(facts).items():
        if len(found) < 2:
            continue
        name = _name(facts, subject, where)
        faults = list(_range_faults(facts, found, facts.size(where)))
        if not faults:
            fine.append((name, list(found.values())))
        for figures, evidence in faults:
            yield Finding(
                check="ranges",
                title=f"{name}: {evidence.split('; ')[0]}",
                verdict="inconsistent",
                severity="minor",
                figures=tuple(f.id for f in figures),
                printed="; ".join(f"{_statistic(f)} {written(f)}" for f in figures),
                recomputed=evidence,
                evidence=f"Printed for {name}: "
                f"{listed(f'{f.estimand.kind.label} {written(f)}' for f in figures)}; {evidence}. "
                "Two populations behind the figures or a misprint would explain it.",
            )
    if fine:
        yield Finding(
            check="ranges",
            title=f"Ranges, medians and means of {len(fine)} "
            f"{'summary' if len(fine) == 1 else 'summaries'} agree",
            verdict="consistent",
            severity="none",
            figures=tuple(f.id for _, figures in fine for f in figures),
            printed="; ".join(
                f"{name}: {listed(f'{_statistic(f)} {f.printed}' for f in figures)}"
                for name, figures in fine
            ),
            evidence="Minimum, median and maximum are in order, and a printed mean or standard "
            "deviation is one that they allow for the number of patients.",
        )


def _range_faults(
    facts: Facts, found: dict[str, Figure], size: Count | None
) -> Iterator[tuple[list[Figure], str]]:
    present = [found[s] for s in _ORDER if s in found]
    for i, a in enumerate(present):
        for b in present[i + 1 :]:
            if facts.exact(a)[0] > facts.exact(b)[1]:
                yield [a, b], f"{a.printed} lies above {b.printed}"
    mean, n = found.get("mean"), size.value if size else None
    low, high = found.get("minimum"), found.get("maximum")
    if not (mean and low and high):
        return
    value = facts.exact(mean)
    a, b = facts.exact(low)[0], facts.exact(high)[1]
    if value[1] < a or value[0] > b:
        yield [mean, low, high], f"the mean of {mean.printed} lies outside the range"
        return
    if (middle := found.get("median")) and n and n > 1:
        m = facts.exact(middle)
        least = mean_bounds(n, a, m[0], facts.exact(high)[0])[0]
        most = mean_bounds(n, facts.exact(low)[1], m[1], b)[1]
        if value[1] < least or value[0] > most:
            yield (
                [mean, low, middle, high],
                f"{n} patients with this range and median have a mean of {number(least)} to "
                f"{number(most)}",
            )
    if (sd := found.get("sd")) and n and n > 1:
        centre = min(max((a + b) / 2, value[0]), value[1])
        most = sd_bound(n, a, centre, b)
        if facts.exact(sd)[0] > most:
            yield (
                [sd, mean, low, high],
                f"{n} patients with this range and mean have a standard deviation of at most "
                f"{number(most)}",
            )


def grain(published: Published, protocol: Protocol) -> Iterator[Finding]:
    """Numbers recorded as whole numbers: the mean times n is a whole number, a median is whole or,
    for an even n, a half (GRIM: Brown & Heathers, Soc Psychol Personal Sci 2017;8:363)."""
    facts = Facts(published, protocol)
    fine: list[Figure] = []
    for (subject, where), found in _summaries(facts).items():
        if protocol.kind(subject) != "number":
            continue
        item = protocol.variable(subject)
        size = facts.size(where)
        if not isinstance(item, Variable) or item.type != "integer" or not size:
            continue
        for statistic in ("mean", "median"):
            figure = found.get(statistic)
            if figure is None:
                continue
            if _grain_fits(figure, statistic, size.value):
                fine.append(figure)
                continue
            fewer = next(
                (
                    m
                    for m in range(size.value - 1, size.value - 4, -1)
                    if m > 0 and _grain_fits(figure, statistic, m)
                ),
                None,
            )
            name = _name(facts, subject, where)
            yield Finding(
                check="grain of whole numbers",
                title=f"{name}: no {statistic} of {size.value} whole numbers prints as "
                f"{figure.printed}",
                verdict="explained" if fewer else "inconsistent",
                severity="note" if fewer else "minor",
                figures=(figure.id, *size.figures),
                printed=written(figure),
                recomputed="" if fewer is None else f"possible with {fewer} patients",
                evidence=f"If {facts.label(subject).lower()} is recorded in whole numbers, no "
                f"{statistic} of {size.value} patients prints as {written(figure)} "
                f"({figure.locator})."
                + (
                    f" One of {fewer} patients does: {size.value - fewer} without a value would "
                    "explain it."
                    if fewer
                    else " Finer recording or a misprint would explain it."
                ),
                hypothesis=f"{fewer} of {size.value} patients have a value" if fewer else "",
            )
    if fine:
        yield Finding(
            check="grain of whole numbers",
            title=f"{len(fine)} means and medians of whole numbers are possible ones",
            verdict="consistent",
            severity="none",
            figures=tuple(f.id for f in fine),
            printed=listed((written(f) for f in fine), 12),
            evidence="Each is a mean or median that whole numbers of so many patients can have.",
        )


def _grain_fits(figure: Figure, statistic: str, n: int) -> bool:
    value = Fraction(figure.value.value)
    step = Fraction(1, n) if statistic == "mean" else Fraction(1, 1 if n % 2 else 2)
    unit = Fraction(figure.value.last_place)
    first = floor((value - unit) / step)
    last = floor((value + unit) / step) + 1
    return any(roundings_of(k * step, figure.value) for k in range(first, last + 1))


# -- definitions --------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Region:
    """One level of a category as an interval of the number that defines it: [start, end).

    A bound (x, 1) lies just above x, (x, 0) at x.
    """

    definition: Definition
    size: Count | None
    start: tuple[float, int]
    end: tuple[float, int]

    @property
    def text(self) -> str:
        d = self.definition
        marks = (("above", ">"), ("at_least", "≥"), ("below", "<"), ("at_most", "≤"))
        limits = [f"{m} {getattr(d, n):g}" for n, m in marks if getattr(d, n) is not None]
        return f"{d.level}: {' and '.join(limits)}"


def _regions(facts: Facts, whole_numbers: bool, definitions: list[Definition]) -> list[_Region]:
    found = []
    for d in definitions:
        start, end = (-inf, 0), (inf, 0)
        if d.at_least is not None:
            start = (d.at_least, 0)
        if d.above is not None:
            start = (floor(d.above) + 1, 0) if whole_numbers else (d.above, 1)
        if d.below is not None:
            end = (d.below, 0)
        if d.at_most is not None:
            end = (floor(d.at_most) + 1, 0) if whole_numbers else (d.at_most, 1)
        size = facts.size((Condition(d.variable, d.level),))
        found.append(_Region(d, size, start, end))
    return sorted(found, key=lambda r: (r.start, r.end))


def definitions(published: Published, protocol: Protocol) -> Iterator[Finding]:
    """Groups defined by a number, against their sizes, the median and the range of that number.

    Definitions that leave a gap cannot have groups that add up to everyone while the gap holds
    patients; the median tells whether it does, as half of the patients lie on either side of it.
    """
    facts = Facts(published, protocol)
    groups: dict[tuple[str, str], list[Definition]] = defaultdict(list)
    known = set(protocol.names("category"))
    numbers = set(protocol.names("number"))
    for d in published.definitions:
        if d.variable in known and d.of in numbers and d.level in protocol.levels(d.variable):
            groups[d.variable, d.of].append(d)
    fine: list[str] = []
    fine_ids: list[str] = []
    cuts: dict[str, dict[tuple[float, int], list[tuple[str, int, tuple[str, ...]]]]] = defaultdict(
        lambda: defaultdict(list)
    )
    for (variable, of), items in groups.items():
        item = protocol.variable(of)
        whole_numbers = isinstance(item, Variable) and item.type == "integer"
        regions = _regions(facts, whole_numbers, items)
        whole = facts.size(())
        median = facts.first(Estimand("median", of))
        found = list(_judge_regions(facts, variable, of, regions, whole, median))
        yield from found
        below = 0
        for region in regions[:-1]:
            if region.size is None:
                break
            below += region.size.value
            cuts[of][region.end].append((variable, below, region.size.figures))
        if not found and whole and all(r.size for r in regions):
            fine.append(
                f"{facts.label(variable)}: "
                + ", ".join(f"{r.text} ({r.size.value})" for r in regions)
            )
            fine_ids += [i for r in regions for i in r.size.figures]
            fine_ids += [median.id] if median else []
    yield from _nested(facts, cuts)
    yield from _at_the_median(facts, groups)
    if fine:
        yield Finding(
            check="definitions of groups",
            title=f"{len(fine)} divisions by a number agree with its median and range",
            verdict="consistent",
            severity="none",
            figures=tuple(fine_ids),
            recomputed="; ".join(fine),
            evidence="The sizes of the groups are possible with the printed median and range of "
            "the number that defines them.",
        )


def _judge_regions(
    facts: Facts,
    variable: str,
    of: str,
    regions: list[_Region],
    whole: Count | None,
    median: Figure | None,
) -> Iterator[Finding]:
    if whole is None or not all(r.size for r in regions):
        return
    words = facts.label(variable)
    total = sum(r.size.value for r in regions)
    ids = (*(i for r in regions for i in r.size.figures), *whole.figures)
    middle = facts.exact(median) if median else None
    gaps = [(a, b) for a, b in pairwise(regions) if a.end < b.start]
    for a, b in gaps:
        if total != whole.value or middle is None:
            continue
        inside = (middle[0], 1) > a.end and (middle[1], 0) <= b.start
        below = sum(r.size.value for r in regions if r.end <= a.end)
        # with an even number the median may lie in an empty gap, half of the patients on each side
        if not inside or (whole.value % 2 == 0 and below == whole.value // 2):
            continue
        fits = []
        for region in (a, b):
            at_most_half = below <= whole.value // 2 if region is b else below >= whole.value / 2
            if at_most_half:
                fits.append(region)
        hypothesis = listed(
            f"“{r.definition.level}” reaches as far as “{(b if r is a else a).definition.level}”"
            for r in fits
        )
        texts = f"{a.text}; {b.text}"
        yield Finding(
            check="definitions of groups",
            title=f"{words}: the printed definitions leave a gap that holds the median, yet the "
            f"groups are all {whole.value} patients",
            verdict="explained" if fits else "inconsistent",
            severity="major",
            figures=(*ids, median.id),
            printed=f"{texts}; sizes {' + '.join(str(r.size.value) for r in regions)}; median "
            f"{written(median)}",
            recomputed=f"{' + '.join(str(r.size.value) for r in regions)} = {total}",
            evidence=f"The groups are defined as {texts} ({a.definition.locator}); their sizes "
            f"add up to all {whole.value} patients, which leaves nobody between. The median of "
            f"{facts.label(of).lower()} is {written(median)}, between the two limits, and with "
            f"{below} patients below the gap and {whole.value - below} above it the middle of "
            "the patients lies in the gap."
            + (f" The figures fit if {hypothesis}." if fits else " Other limits would explain it."),
            hypothesis=hypothesis,
        )
    for a, b in pairwise(regions):
        if a.end > b.start:
            yield Finding(
                check="definitions of groups",
                title=f"{words}: the definitions of two groups overlap",
                verdict="inconsistent",
                severity="minor",
                figures=ids,
                printed=f"{a.text}; {b.text}",
                evidence=f"{a.text} and {b.text} ({a.definition.locator}) share values; a patient "
                "there belongs to both.",
            )
    yield from _halves(facts, words, of, regions, whole, median, middle)
    low, high = facts.first(Estimand("minimum", of)), facts.first(Estimand("maximum", of))
    for region in regions:
        beyond = (low and (facts.exact(low)[0], 0) >= region.end) or (
            high and (facts.exact(high)[1], 1) < region.start
        )
        if region.size.value and beyond:
            printed = "; ".join(written(f) for f in (low, high) if f)
            yield Finding(
                check="definitions of groups",
                title=f"{words}: a group lies outside the range of {facts.label(of).lower()}",
                verdict="inconsistent",
                severity="minor",
                figures=(*region.size.figures, *(f.id for f in (low, high) if f)),
                printed=f"{region.text} ({region.size.value}); range {printed}",
                evidence=f"{region.size.value} patients are printed for {region.text}, but the "
                f"range of {facts.label(of).lower()} is {printed}.",
            )


def _halves(
    facts: Facts,
    words: str,
    of: str,
    regions: list[_Region],
    whole: Count,
    median: Figure | None,
    middle: tuple[float, float] | None,
) -> Iterator[Finding]:
    """At least half of the patients are at or below the median, at least half at or above."""
    if median is None or sum(r.size.value for r in regions) != whole.value:
        return
    half = (whole.value + 1) // 2
    below = 0
    for a, b in pairwise(regions):
        below += a.size.value
        if a.end < b.start:
            continue
        over = (middle[0], 0) >= a.end and below > whole.value - half
        under = (middle[1], 1) <= b.start and below < half
        if over or under:
            yield Finding(
                check="definitions of groups",
                title=f"{words}: {below} of {whole.value} patients below the limit do not go with "
                f"a median of {median.printed}",
                verdict="inconsistent",
                severity="minor",
                figures=(median.id, *a.size.figures, *b.size.figures),
                printed=f"{a.text} ({below}); median {written(median)}",
                recomputed=f"{'at most' if over else 'at least'} "
                f"{whole.value - half if over else half} of {whole.value}",
                evidence=f"The median of {facts.label(of).lower()} is {written(median)} "
                f"({median.locator}); so {'at most' if over else 'at least'} "
                f"{whole.value - half if over else half} of {whole.value} patients lie below the "
                f"limit of “{b.definition.level}”, and {below} are printed. Other limits, or "
                "patients without a value, would explain it.",
            )


def _nested(facts: Facts, cuts: dict) -> Iterator[Finding]:
    """Two divisions of one number: fewer patients lie below the lower limit."""
    for of, by_cut in cuts.items():
        variables = {v for rows in by_cut.values() for v, _, _ in rows}
        if len(variables) < 2:
            continue
        rows = [(c, *row) for c, group in sorted(by_cut.items()) for row in group]
        faults = [
            (a, b)
            for i, a in enumerate(rows)
            for b in rows[i + 1 :]
            if a[2] > b[2] or (a[0] == b[0] and a[2] != b[2])
        ]
        text = "; ".join(f"{below} below {cut[0]:g}" for cut, _, below, _ in rows)
        ids = tuple(i for *_, figures in rows for i in figures)
        yield Finding(
            check="definitions of groups",
            title=f"{facts.label(of)}: two divisions "
            + ("contradict each other" if faults else "agree with each other"),
            verdict="inconsistent" if faults else "consistent",
            severity="minor" if faults else "none",
            figures=ids,
            recomputed=text,
            evidence=f"Patients below the limits of {listed(sorted(map(facts.label, variables)))}: "
            f"{text}. "
            + (
                "Fewer cannot lie below a higher limit."
                if faults
                else "The number grows with the limit, as it must."
            ),
        )


def _at_the_median(
    facts: Facts, groups: dict[tuple[str, str], list[Definition]]
) -> Iterator[Finding]:
    """Divisions in two at a printed median of whole numbers: on which side is the median itself?"""
    upper: list[tuple[str, Figure, Definition]] = []
    lower: list[tuple[str, Figure, Definition]] = []
    rocs = {f.estimand.by for f in facts.with_statistic("roc_cutoff")}
    for (variable, of), items in groups.items():
        median = facts.first(Estimand("median", of))
        item = facts.protocol.variable(of)
        if (
            median is None
            or len(items) != 2
            or of in rocs
            or not (isinstance(item, Variable) and item.type == "integer")
        ):
            continue
        for d in items:
            limit = d.at_least if d.at_least is not None else d.above
            # a level named by its limit is a cut-off; “yes” or “repeated” is a definition
            if limit is None or f"{limit:g}" not in d.level:
                continue
            first = limit if d.at_least is not None else floor(limit) + 1
            if first == float(median.value.value):
                upper.append((variable, median, d))
            elif first == float(median.value.value) + 1:
                lower.append((variable, median, d))
    if upper and lower:

        def texts(rows: list[tuple[str, Figure, Definition]]) -> str:
            return listed(
                f"{facts.label(v)} (median {m.printed}, upper group “{d.level}”)"
                for v, m, d in rows
            )

        yield Finding(
            check="definitions of groups",
            title="Cut-offs at the median put patients at the median once above, once below",
            verdict="not checkable",
            severity="note",
            figures=tuple(m.id for _, m, _ in (*upper, *lower)),
            printed=f"{texts(upper)}; {texts(lower)}",
            evidence=f"Patients at the median belong to the upper group of {texts(upper)}, and to "
            f"the lower group of {texts(lower)}. No reason is printed; with few patients the "
            "choice can move a result.",
        )
