"""What the printed figures pin down: every identified set in order of width, and which reading it hangs on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from math import exp, inf, isnan, nan
from statistics import median

from resarc import tables
from resarc.estimand import Estimand
from resarc.protocol import Protocol
from resarc.report import figures
from resarc.report.analyses import origin
from resarc.report.citations import Citations
from resarc.report.figures import Bar, Curve, Scale
from resarc.report.model import Block, Column, Table, paragraph, table
from resarc.report.results import (
    Results,
    capital,
    counted,
    curve_rows,
    number_of,
    text_of,
)
from resarc.report.study.inputs import StudyInputs
from resarc.report.study.words import figure_block

_NOT_RECONSTRUCTED = "not reconstructed"
_COMPLETENESS = ("known", "missing")
"""Whether values are known says nothing of what figures pin down."""
MOST_ROWS = 10
"""Rows that a table of many shows; the file that it names has all."""

_MOST_READINGS = 4
"""Columns of readings that fit a page."""

_SCALES: dict[str, Scale] = {
    "ratio": Scale("Ratios", "logarithmic scale", (), logarithmic=True, null=1.0),
    "time": Scale("Times", "months", ()),
    "time difference": Scale("Differences of times", "months", (), null=0.0),
    "fraction": Scale("Survival and shares", "per cent", (), limits=(0.0, 100.0)),
    "difference": Scale("Differences of survival", "percentage points", (), null=0.0),
    "p": Scale("p-values", "logarithmic scale", (), logarithmic=True, limits=(0.001, 1.0)),
    "count": Scale("Numbers of patients and events", "number", ()),
}
"""What is drawn together; numbers in units of their own (age, size) share no scale."""


def pinned_down(given: StudyInputs, results: Results, cited: Citations) -> Iterable[Block]:
    if not results.rebuilt:
        return
    scales, elsewhere = _scales(results)
    if not scales:
        return
    yield paragraph(
        "What the paper printed is known to its last digit. What it did not print is bounded only: every "
        "value that some dataset gives, while it prints as the paper does, is possible. A narrow set is "
        "known although nobody printed it; a wide one is left open by the paper, whatever a single "
        "dataset would show. Bounds by exact enumeration are the whole set. Those by search or by sample "
        "are inner bounds: the true set may be wider, most of all where there was only a sample."
    )
    yield figure_block(
        "identified-sets", _drawing(given, scales, elsewhere), "identify",
        ("identified.csv", "envelopes.csv"), results,
    )  # fmt: skip
    yield _widths_table(results, scales)
    yield from _by_reading(given, results)


def _scales(results: Results) -> tuple[list[Scale], int]:
    """The scales that have sets, and how many sets stand on none of them."""
    found: dict[str, list[Bar]] = {name: [] for name in _SCALES}
    elsewhere = 0
    for key, row in results.sets.items():
        estimand, how = Estimand.parse(key), text_of(row["how"])
        lower, upper = number_of(row["lower"]), number_of(row["upper"])
        if how == _NOT_RECONSTRUCTED or isnan(lower) or isnan(upper):
            continue
        if estimand.statistic in _COMPLETENESS:
            continue
        name, factor = _scale_of(estimand, results.protocol)
        if name in found:
            sure = text_of(row["direction"]) == "identified"
            label = results.describe(estimand)
            found[name].append(Bar(label, lower * factor, upper * factor, how, sure))
        else:
            elsewhere += 1
    return [
        replace(_SCALES[name], bars=tuple(bars)) for name, bars in found.items() if bars
    ], elsewhere


def _scale_of(estimand: Estimand, protocol: Protocol) -> tuple[str, float]:
    """The scale of an estimand and the factor to its unit; none for numbers in units of their own."""
    scale = estimand.kind.scale
    if scale in ("fraction", "difference"):
        return ("", 1.0) if estimand.statistic == "auc" else (scale, 100.0)
    if tables.is_time(estimand, protocol):
        return ("time difference" if estimand.contrast else "time"), 1.0
    return (scale if scale in _SCALES else ""), 1.0


def _drawing(given: StudyInputs, scales: Sequence[Scale], elsewhere: int) -> figures.Drawing:
    endpoint = next(
        (str(a.endpoint) for a in given.protocol.analyses if a.kind == "survival"),
        given.protocol.endpoint_names[0] if given.protocol.endpoint_names else "",
    )
    band = curve_rows(given.envelopes, endpoint) if endpoint else None
    label = given.protocol.label(endpoint) if endpoint else ""
    envelope = (label, Curve(label, band=band)) if band is not None else None
    parts = []
    for scale in scales:
        printed, others = scale.ordered
        words = f"{scale.title}: {len(printed)} printed, {len(others)} not printed"
        if others:
            words += f", the narrowest {others[0].label}, the widest {others[-1].label}"
        parts.append(f"{words}.")
    finding = f"Identified sets of {counted(sum(len(s.bars) for s in scales), 'quantity', 'quantities')}. "
    caption = (
        "Identified sets: each bar reaches from the smallest to the largest value in any rebuilt dataset, "
        "the narrowest first. Grey bars above the line: printed figures, which hold by construction and say "
        "nothing of the paper. Blue bars: quantities that the paper did not print. Ticks at the left of a "
        "bar say how its bounds were found: 1 exact enumeration (the whole set), 2 search (an inner bound), "
        "3 the sample only (an inner bound, likely too narrow). Dashed: no difference; a bar across it has "
        "no identified direction. Arrows: the set goes on. On logarithmic scales width is the ratio of the ends."
    )  # fmt: skip
    if envelope:
        caption += f" First panel: the band in which all consistent curves of {label.lower()} lie."
    if elsewhere:
        caption += (
            f" Not drawn: {counted(elsewhere, 'number')} in units of their own, such as ages."
        )
    return figures.pinned(scales, envelope, finding=finding + " ".join(parts), caption=caption)


def _widths_table(results: Results, scales: Sequence[Scale]) -> Table:
    rows = []
    for scale in scales:
        printed, others = scale.ordered
        by = [sum(bar.how == how for bar in others) for how in figures.BOUNDS]
        directed = ""
        if not isnan(scale.null):
            sure = sum(bar.identified for bar in scale.bars)
            directed = f"{sure} of {len(scale.bars)}"
        rows.append(
            (
                scale.title, str(len(printed)), *map(str, by),
                _width_in_words(scale, median(map(scale.width, others))) if others else "",
                directed,
                others[0].label if others else "", others[-1].label if len(others) > 1 else "",
            )
        )  # fmt: skip
    return table(
        "identified-widths", "What is known of what was not printed",
        [
            Column("Scale", width=1.4),
            Column("Printed", "right"),
            *(Column(capital(how), "right") for how in ("enumerated", "searched", "sampled")),
            Column("Half are narrower than", "right", width=1, note="Width of a set: the difference of its ends, on scales of ratios and p-values the larger end as a multiple of the smaller."),
            Column("Direction identified", "right", note="All datasets that determine the quantity lie on one side of no difference. By inner bounds: further datasets might not."),
            Column("Narrowest, not printed", width=2.4), Column("Widest, not printed", width=2.4),
        ],
        rows, stage="identify", inputs=("identified.csv",), origin=origin(results),
        notes=("Enumerated, searched, sampled: how the bounds of quantities that were not printed were found.",),
    )  # fmt: skip


def _width_in_words(scale: Scale, width: float) -> str:
    if width == inf:
        return "unbounded"
    if scale.logarithmic:
        return f"{tables.fixed(exp(width), 1)}-fold"
    unit = {"per cent": "points", "percentage points": "points", "number": ""}.get(
        scale.axis, scale.axis
    )
    return f"{tables.fixed(width, 1)} {unit}".strip()


# --- readings -------------------------------------------------------------------------------------


def _by_reading(given: StudyInputs, results: Results) -> Iterable[Block]:
    """Bounds under each surviving reading of the figures, where a reader would see a difference."""
    frame = given.by_hypothesis
    if frame is None:
        return
    names = list(dict.fromkeys(frame["hypothesis"].map(text_of)))
    if len(names) < 2:
        yield paragraph(
            "No bound hangs on how the printed figures are read: one reading is left, or all that are left give "
            "the same bounds."
        )
        return
    rows = []
    for key, part in frame.groupby("estimand", sort=False):
        estimand = Estimand.parse(str(key))
        by = {text_of(r["hypothesis"]): r for r in part.to_dict("records")}
        words = [_range(estimand, by.get(name), results) for name in names]
        if estimand.statistic in _COMPLETENESS or len(set(words)) < 2:
            continue
        apart = any(
            max(a[0], b[0]) > min(a[1], b[1])
            for a in map(_ends, by.values())
            for b in map(_ends, by.values())
        )
        turned = len({text_of(r["direction"]) for r in by.values()}) > 1
        shown = words[:_MOST_READINGS]
        rows.append((not apart, not turned, (results.describe(estimand), *shown)))
    if not rows:
        return
    rows.sort(key=lambda row: row[:2])
    apart, turned = (sum(not row[k] for row in rows) for k in (0, 1))
    yield table(
        "by-reading", "Identified sets under each reading of the printed figures, where they differ",
        [Column("Quantity", width=2), *(Column(name, "right", width=1) for name in names[:_MOST_READINGS])],
        [row[-1] for row in rows[:MOST_ROWS]],
        stage="identify", inputs=("identified_by_hypothesis.csv",), origin=origin(results), folded=True,
        notes=(
            f"{len(names)} readings of how the figures were computed can bear the paper; the identified sets of this report span "
            f"all of them. {counted(len(rows), 'quantity', 'quantities')} would look different under one alone: {apart} have sets that do not even overlap, and of {turned} "
            "contrasts the direction is identified under some readings only. "
            "Part of the difference is chance, since each reading has its own datasets. "
            + (f"Shown are {_MOST_READINGS} of {len(names)} readings. " if len(names) > _MOST_READINGS else "")
            + cut(len(rows), "identified_by_hypothesis.csv"),
        ),
    )  # fmt: skip


def cut(rows: int, file: str) -> str:
    """That a table of many rows shows the first."""
    return f"Shown are {MOST_ROWS} of {rows}; all stand in {file}." if rows > MOST_ROWS else ""


def _ends(row: Mapping[str, object]) -> tuple[float, float]:
    return number_of(row["lower"]), number_of(row["upper"])


def _range(estimand: Estimand, row: Mapping[str, object] | None, results: Results) -> str:
    return tables.format_range(estimand, *(_ends(row) if row else (nan, nan)), results.protocol)
