"""Ranges below each other on one axis: identified sets, estimates, pooled values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, floor, inf, isnan, log10, nan
from typing import TYPE_CHECKING

import numpy as np

from resarc.report.figures.style import (
    BLUE,
    FAINT,
    GROUND,
    INK,
    QUIET,
    SIZE,
    VERMILLION,
    WIDTH,
    Drawing,
    axes_at,
    canvas,
    rgb,
    shortened,
    svg_of,
)
from resarc.report.glyphs import printable, text_width, wrapped
from resarc.report.model import Data, Line, Part

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class Interval:
    """One row of a forest: a range on the axis, perhaps a point, and words at its side.

    `kind`: `set` (identified set: a bar without a point), `estimate` (a point with confidence
    limits), `pooled` (a diamond), `range` (what others report: a grey bar). `wide`, a thin line, is what a wider uncertainty adds.
    `note` stands to the right.
    """

    label: str
    lower: float
    upper: float
    kind: str = "set"
    point: float = nan
    note: str = ""
    identified: bool = True
    """The range lies on one side of the null line; a bar is drawn filled, else hollow."""
    marker: float = nan
    """A printed value, drawn as a diamond outline."""
    wide: tuple[float, float] = (nan, nan)


def forest(
    groups: Sequence[tuple[str, Sequence[Interval]]],
    *,
    axis: str,
    finding: str,
    caption: str,
    note: str = "",
    null: float | None = None,
    logarithmic: bool = False,
    percent: bool = False,
) -> Drawing:
    """Ranges below each other on one axis, under headings.

    `axis` labels the axis, `note` the words at the right of each row, `null` draws the line of no
    difference. Ranges that leave the axis end in an arrow.
    """
    rows = [row for _, body in groups for row in body]
    side = min(
        170.0,
        max([text_width(printable(r.note), SIZE) for r in rows] + [text_width(note, SIZE)]) + 8,
    )
    side = side if note or any(r.note for r in rows) else 8.0
    left = min(200.0, max(60.0, max(text_width(printable(r.label), SIZE) for r in rows) + 10))
    labels = [wrapped(r.label, SIZE, left - 8) for r in rows]
    notes = [wrapped(r.note, SIZE, side - 8) for r in rows]
    high = [max(16.0, 11.0 * max(len(a), len(b)) + 5) for a, b in zip(labels, notes, strict=True)]
    heads = sum(bool(name) for name, _ in groups)
    body = sum(high) + 20.0 * heads + 6
    # What is pooled over the other rows of its group stays last.
    last = {i for i, row in enumerate(rows) if not isnan(row.wide[0])}
    height = body + 36 + (16 if note else 4)
    with canvas(height) as figure:
        axes = axes_at(figure, height, left, 34, WIDTH - left - side, body)
        low, top = _reach(rows, null, logarithmic)
        if logarithmic:
            axes.set_xscale("log")
        axes.set_xlim(low, top)
        axes.set_ylim(body, 0)
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
        if null is not None:
            axes.axvline(null, color=QUIET, linewidth=0.8, linestyle=(0, (2, 2)), zorder=0)
        y, i, lines = 3.0, 0, []
        for g, (name, members) in enumerate(groups):
            if name:
                axes.annotate(
                    shortened(name, SIZE, WIDTH - 20), (2 - left, body - y - 10), xycoords="axes points",
                    annotation_clip=False, va="center", ha="left", weight="bold",
                )  # fmt: skip
                y += 20
            for row in members:
                middle = y + high[i] / 2
                before = set(axes.get_children())
                _draw_interval(axes, row, middle, low, top)
                for words, x in ((labels[i], 6.0 - left), (notes[i], WIDTH - left - side + 8)):
                    for j, line in enumerate(words):
                        axes.annotate(
                            line, (x, body - middle + 11 * ((len(words) - 1) / 2 - j)),
                            xycoords="axes points", annotation_clip=False, va="center", ha="left",
                        )  # fmt: skip
                drawn = (child for child in axes.get_children() if child not in before)
                for j, child in enumerate(drawn):
                    child.set_gid(f"line-{i}-{j}")
                lines.append(Line(g, high[i], row.kind == "pooled" or i in last))
                y += high[i]
                i += 1
        if note:
            axes.annotate(
                printable(note), (WIDTH - left - side + 8, body + 8), xycoords="axes points",
                annotation_clip=False, va="center", ha="left", color=QUIET,
            )  # fmt: skip
        _number_axis(axes, low, top, logarithmic, percent, WIDTH - left - side)
        axes.set_xlabel(printable(axis))
        svg = svg_of(figure)
    columns = ("group", "row", "kind", "lower", "upper", "point", "printed", "note")
    parts = tuple(
        Part(
            (name,),
            tuple(
                (r.label, r.kind, *plain_numbers(r.lower, r.upper, r.point, r.marker), r.note)
                for r in members
            ),
        )
        for name, members in groups
    )
    return Drawing(
        svg,
        printable(finding),
        printable(caption),
        Data(columns, parts, "", logarithmic),
        (),
        tuple(lines),
    )


def plain_numbers(*values: float) -> list[float | str | None]:
    """Numbers for the data of a drawing: five significant digits; 'inf' where a range is open."""
    return [
        None if isnan(v) else str(v) if abs(v) == inf else float(f"{v:.5g}")
        for v in map(float, values)
    ]


def _reach(rows: Sequence[Interval], null: float | None, logarithmic: bool) -> tuple[float, float]:
    ends = np.array(
        [v for r in rows for v in (r.lower, r.upper, r.point, r.marker, *r.wide)]
        + [null if null is not None else nan],
        float,
    )
    ends = ends[np.isfinite(ends) & ((ends > 0) | (not logarithmic))]
    if not len(ends):
        return (0.1, 10) if logarithmic else (0, 1)
    if logarithmic:
        low, top = max(ends.min(), 0.01), min(ends.max(), 100)
        return low / 1.25, max(top, low) * 1.25
    span = (ends.max() - ends.min()) or 1
    return ends.min() - 0.06 * span, ends.max() + 0.06 * span


def _draw_interval(axes: Axes, row: Interval, y: float, low: float, top: float) -> None:
    lower = low if isnan(row.lower) or row.lower < low else row.lower
    upper = top if isnan(row.upper) or row.upper > top else row.upper
    if isnan(row.lower) and isnan(row.upper):
        return
    colour = BLUE if row.identified else QUIET
    if row.kind == "set":
        if not isnan(row.wide[0]):
            axes.plot(np.clip(row.wide, low, top), [y, y], color=INK, linewidth=0.8)
        if row.lower == row.upper:
            axes.plot([lower], [y], "s", color=BLUE, markersize=4)
        else:
            axes.barh(
                y, upper - lower, left=lower, height=7, linewidth=0.9, edgecolor=colour,
                facecolor=(*rgb(BLUE), 0.55) if row.identified else "none",
            )  # fmt: skip
    elif row.kind == "range":
        axes.barh(
            y, upper - lower, left=lower, height=9, linewidth=0.9, edgecolor=QUIET, facecolor=FAINT
        )
    elif row.kind == "pooled":
        if not isnan(row.wide[0]):
            axes.plot(row.wide, [y, y], color=INK, linewidth=0.8)
        axes.fill(
            [lower, row.point, upper, row.point],
            [y, y - 5, y, y + 5],
            facecolor=INK,
            edgecolor=INK,
            linewidth=0.6,
        )
    else:
        axes.plot([lower, upper], [y, y], color=INK, linewidth=1.1)
        axes.plot([row.point], [y], "o", color=INK, markersize=4.5)
    for beyond, x, sign in ((row.lower < low, low, "<"), (row.upper > top, top, ">")):
        if beyond:
            axes.plot([x], [y], sign, color=colour, markersize=5, clip_on=False)
    if not isnan(row.marker):
        axes.plot(
            [row.marker],
            [y],
            "D",
            markerfacecolor=GROUND,
            markeredgecolor=VERMILLION,
            markersize=5,
        )


def _number_axis(
    axes: Axes, low: float, top: float, logarithmic: bool, percent: bool, room: float
) -> None:
    if logarithmic:
        ticks = log_ticks(low, top, room)
        axes.set_xticks(ticks, [f"{t:g}" for t in ticks])
        axes.set_xticks([], minor=True)
    elif percent:
        ticks = [t for t in axes.get_xticks() if low <= t <= top]
        axes.set_xticks(ticks, [f"{100 * t:g}%" for t in np.round(ticks, 6)])


def log_ticks(low: float, top: float, room: float, *, upright: bool = False) -> list[float]:
    """The ticks of a logarithmic axis from `low` to `top` which is `room` points long (`upright`: its
    labels stand above each other): 1, 2 and 5 of each decade, or else each decade, each second, and
    so on; the densest whose labels stand apart."""
    first, last = floor(log10(low)), ceil(log10(top))
    for bases, step in (((1, 2, 5), 1), *(((1,), step) for step in range(1, last - first + 1))):
        powers = [power for power in range(first, last + 1) if power % step == 0]
        ticks = [float(f"{base}e{power}") for power in powers for base in bases]
        ticks = [tick for tick in ticks if low <= tick <= top]
        places = [room * log10(tick / low) / log10(top / low) for tick in ticks]
        long = [0.7 * SIZE if upright else text_width(f"{tick:g}", SIZE) for tick in ticks]
        pairs = zip(pairwise(places), pairwise(long), strict=True)
        if all(b - a >= (before + after + SIZE) / 2 for (a, b), (before, after) in pairs):
            break
    return ticks
