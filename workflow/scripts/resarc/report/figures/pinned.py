"""All identified sets of a study at once: one thin bar each, the narrowest first, a panel for each scale."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, isnan, log, nan
from typing import TYPE_CHECKING

import numpy as np

from resarc.report.figures.curves import Curve, draw_band, time_ticks
from resarc.report.figures.ranges import log_ticks, plain_numbers
from resarc.report.figures.style import (
    BLUE,
    FAINT,
    INK,
    QUIET,
    SIZE,
    WIDTH,
    Drawing,
    axes_at,
    canvas,
    rgb,
    shortened,
    svg_of,
)
from resarc.report.glyphs import printable
from resarc.report.model import Data, Part

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BOUNDS = ("exact enumeration", "search", "sample")
"""How bounds of what is not printed may have been found, in the order of their columns of ticks."""
BY_CONSTRUCTION = "by construction"

_HIGH, _ABOVE, _BELOW, _TICKS = 108.0, 32.0, 32.0, 24.0
_WIDTH = (WIDTH - 32) / 2 - _TICKS
_MOST_HIGH = 7.0
"""Points: a bar is no higher, however few there are."""


@dataclass(frozen=True)
class Bar:
    """One identified set, in the unit of its scale. `how` is one of `BOUNDS` or `BY_CONSTRUCTION`;
    `identified` says whether all datasets agree on the side of no difference."""

    label: str
    lower: float
    upper: float
    how: str
    identified: bool = False

    @property
    def printed(self) -> bool:
        return self.how == BY_CONSTRUCTION


@dataclass(frozen=True)
class Scale:
    """A scale on which sets are compared. `null` is the value of no difference; `limits` fix the axis."""

    title: str
    axis: str
    bars: tuple[Bar, ...]
    logarithmic: bool = False
    null: float = nan
    limits: tuple[float, float] | None = None

    def width(self, bar: Bar) -> float:
        """How wide a set is: on a logarithmic scale by the ratio of its ends, whose low end is not
        taken below where the axis begins."""
        if not self.logarithmic:
            return bar.upper - bar.lower if bar.upper < inf else inf
        lower = max(bar.lower, self.limits[0]) if self.limits else bar.lower
        upper = max(bar.upper, lower)
        return log(upper / lower) if lower > 0 and upper < inf else inf

    @property
    def ordered(self) -> tuple[tuple[Bar, ...], tuple[Bar, ...]]:
        """The printed ones and the others, each with the narrowest first."""
        bars = sorted(self.bars, key=self.width)
        return tuple(b for b in bars if b.printed), tuple(b for b in bars if not b.printed)


def pinned(
    scales: Sequence[Scale], envelope: tuple[str, Curve] | None, *, finding: str, caption: str
) -> Drawing:
    """Sets by scale in order of width, printed ones apart above, ticks for how each bound was found;
    before them the band of all curves of one endpoint (its name and curve)."""
    panels = len(scales) + (envelope is not None)
    rows = -(-panels // 2)
    tall = _ABOVE + _HIGH + _BELOW
    height = rows * tall + 16
    with canvas(height) as figure:
        shown = (None, *scales) if envelope is not None else scales
        for place, scale in enumerate(shown):
            x = 4 + _TICKS + (place % 2) * (_WIDTH + _TICKS + 16)
            y = height - 16 - (place // 2 + 1) * tall + _BELOW
            axes = axes_at(figure, height, x, y, _WIDTH, _HIGH)
            if scale is None:
                _draw_envelope(axes, envelope[1])
            else:
                _draw_scale(axes, scale)
            title = scale.title if scale else f"All curves of {envelope[0].lower()}"
            axes.annotate(
                shortened(title, SIZE, _WIDTH), (2 - _TICKS, _HIGH + 21), xycoords="axes points",
                annotation_clip=False, va="center", ha="left", weight="bold",
            )  # fmt: skip
        key = "Ticks: 1 exact enumeration, 2 search, 3 sample only. Grey: printed, by construction."
        figure.text(4 / WIDTH, 1 - 9 / height, key, va="center", ha="left", color=QUIET)
        svg = svg_of(figure)
    parts = []
    for scale in scales:
        rows_of = [
            (b.label, *plain_numbers(b.lower, b.upper, scale.width(b)), b.how)
            for part in scale.ordered
            for b in part
        ]
        parts.append(Part((scale.title,), tuple(rows_of)))
    columns = ("scale", "quantity", "lower", "upper", "width", "bounds by")
    return Drawing(svg, printable(finding), printable(caption), Data(columns, tuple(parts)))


def _draw_envelope(axes: Axes, curve: Curve) -> None:
    assert curve.band is not None
    draw_band(axes, curve.band)
    axes.set_xlim(0, curve.last * 1.01 or 1)
    axes.set_ylim(0, 1.02)
    ticks = time_ticks(curve.last, most=6)
    axes.set_xticks(ticks, [f"{t:g}" for t in ticks])
    axes.set_yticks([0, 0.5, 1], ["0", "50%", "100%"], fontsize=SIZE - 1.5)
    axes.tick_params("y", pad=1.5)
    axes.yaxis.grid(True, color=FAINT, linewidth=0.4)
    axes.set_axisbelow(True)
    axes.set_xlabel("Months")


def _draw_scale(axes: Axes, scale: Scale) -> None:
    printed, others = scale.ordered
    gap = 2 if printed and others else 0
    rows = len(printed) + gap + len(others)
    low, top = _limits(scale)
    if scale.logarithmic:
        axes.set_xscale("log")
    axes.set_xlim(low, top)
    axes.set_ylim(max(rows, _HIGH / _MOST_HIGH), 0)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    if not isnan(scale.null):
        axes.axvline(scale.null, color=QUIET, linewidth=0.8, linestyle=(0, (2, 2)), zorder=0)
    _draw_bars(axes, printed, 0, low, top, QUIET, 0.35)
    _draw_bars(axes, others, len(printed) + gap, low, top, BLUE, 0.55)
    if gap:
        axes.axhline(len(printed) + gap / 2, color=FAINT, linewidth=0.6)
    for column, how in enumerate(BOUNDS, start=1):
        x = 8 * (column - 0.5) - _TICKS
        axes.annotate(
            str(column), (x, _HIGH + 7), xycoords="axes points", annotation_clip=False,
            va="center", ha="center", color=QUIET, fontsize=SIZE - 1,
        )  # fmt: skip
        at = [k + 0.5 for k, bar in enumerate(others, len(printed) + gap) if bar.how == how]
        across, down = _strokes([((x - 2.5) / _WIDTH, (x + 2.5) / _WIDTH)] * len(at), at)
        axes.plot(
            across, down, transform=axes.get_yaxis_transform(), color=INK, clip_on=False,
            linewidth=min(1.2, 0.8 * _HIGH / axes.get_ylim()[0]),
        )  # fmt: skip
    if scale.logarithmic:
        marks = log_ticks(low, top, _WIDTH)
        axes.set_xticks(marks, [f"{t:g}" for t in marks])
        axes.set_xticks([], minor=True)
    axes.set_xlabel(printable(scale.axis))


def _draw_bars(
    axes: Axes, bars: Sequence[Bar], first: int, low: float, top: float, colour: str, fill: float
) -> None:
    """Bars from row `first` on, all in one shape; an open end has an arrow."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    if not bars:
        return
    corners = []
    for k, bar in enumerate(bars, first):
        left, right = np.clip([bar.lower, bar.upper], low, top)
        corners += [(left, k + 0.1), (right, k + 0.1), (right, k + 0.9), (left, k + 0.9), (0, 0)]
    codes = [Path.MOVETO, Path.LINETO, Path.LINETO, Path.LINETO, Path.CLOSEPOLY] * len(bars)
    axes.add_patch(
        PathPatch(Path(corners, codes), facecolor=(*rgb(colour), fill), edgecolor=colour, linewidth=0.5)
    )  # fmt: skip
    size = min(5.0, max(2.5, _HIGH / axes.get_ylim()[0]))
    for beyond, x, sign in (
        ([k for k, bar in enumerate(bars, first) if bar.lower < low], low, "<"),
        ([k for k, bar in enumerate(bars, first) if bar.upper > top], top, ">"),
    ):
        rows = [k + 0.5 for k in beyond]
        axes.plot([x] * len(rows), rows, sign, color=colour, markersize=size, clip_on=False)


def _strokes(spans: Sequence[tuple[float, float]], at: Sequence[float]) -> tuple[list, list]:
    """Horizontal strokes as one line with gaps."""
    across = [x for span in spans for x in (*span, nan)]
    return across, [y for row in at for y in (row, row, nan)]


def _limits(scale: Scale) -> tuple[float, float]:
    """Where the axis begins and ends: as fixed, else all finite ends and the null value."""
    if scale.limits:
        return scale.limits
    ends = np.array([x for bar in scale.bars for x in (bar.lower, bar.upper)] + [scale.null])
    ends = ends[np.isfinite(ends) & ((ends > 0) | (not scale.logarithmic))]
    if not ends.size:
        return (0.1, 10.0) if scale.logarithmic else (0.0, 1.0)
    if scale.logarithmic:
        low, top = max(ends.min(), 0.02), min(ends.max(), 50.0)
        return low / 1.25, max(top, low) * 1.25
    span = (ends.max() - min(ends.min(), 0.0)) or 1.0
    return min(ends.min(), 0.0) - 0.02 * span * (ends.min() < 0), ends.max() + 0.02 * span
