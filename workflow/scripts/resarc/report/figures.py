"""Results to drawings: SVG with the finding in words beside it.

Every function returns a `Drawing`: the SVG, an alternative text that states what the drawing shows,
and a caption that says how to read it. The same numbers give the same bytes.

Colours are those of Okabe and Ito (Color Universal Design, 2008), which readers with colour-blind
vision can tell apart, the light ones darkened until they stand out from white (WCAG 2.2, 1.4.11);
dashes, hatching and markers tell groups apart in grey as well. A drawing has no background and uses
the colours of `COLOUR_NAMES` only, so that a page can exchange them for those of a dark scheme.

A drawing brings its numbers (`data`), and says where on it they stand: `panels` for curves, `lines`
for ranges, with ids in the drawing that name the curve or the range (`curve-1-2-…`, `line-3-…`).

Reconstructed survival is drawn as the band in which the curves of all consistent datasets lie. A
single dataset is a thin dashed line within it, named as one of many; its numbers at risk, censoring
marks and confidence limits are not drawn, because no patient stands behind them.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil, inf, isnan, log10, nan
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree
from xml.sax.saxutils import escape

import numpy as np
import pandas as pd

from resarc.report.glyphs import printable, text_width, wrapped
from resarc.report.model import Data, FigureBlock, Line, Origin, Panel, Part

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, VERMILLION, GREEN, PURPLE = "#0072b2", "#d55e00", "#00875f", "#b85c93"
ORANGE, SKY, BLACK = "#b07800", "#2d8bc0", "#000000"
COLOURS = (BLUE, VERMILLION, GREEN, PURPLE, BLACK, ORANGE, SKY)
DASHES = (
    "-",
    (0, (6, 1.5)),
    (0, (1.5, 1.2)),
    (0, (6, 1.5, 1.5, 1.5)),
    (0, (10, 2)),
    (0, (3, 1)),
    "-",
)
HATCHES = ("", "////", "\\\\\\\\", "---", "|||", "xxx", "+++")
INK, QUIET, FAINT, GROUND = "#1a1c20", "#54585f", "#c9cdd3", "#ffffff"

WIDTH = 482.0
"""Points: the text width of the PDF, 170 mm."""
SIZE = 8.5
"""Points: the size of text in drawings."""
NOT_TOLD = "not told"
"""In the place of a number that a rule of disclosure keeps back."""
_POINTS = 1200
"""A curve is drawn with at most so many steps; more would not be seen."""
_LONG = re.compile(r"(\.\d\d)\d+")
"""Coordinates beyond a hundredth of a point."""
_POINT = re.compile(r"([MLz])(?: (-?[\d.]+) (-?[\d.]+))?")
_FONTS = "'DejaVu Sans', Verdana, sans-serif"

_STYLE: dict[str, Any] = {
    "svg.hashsalt": "resarc",
    "svg.fonttype": "none",
    "text.parse_math": False,
    "font.family": "DejaVu Sans",
    "font.size": SIZE,
    "axes.labelsize": SIZE,
    "axes.titlesize": SIZE,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.7,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "hatch.linewidth": 0.4,
    "legend.frameon": False,
    "legend.fontsize": SIZE,
    "axes.unicode_minus": True,
}


@dataclass(frozen=True)
class Drawing:
    """A drawing, what it shows in words, how to read it, and its numbers."""

    svg: str
    alt: str
    caption: str
    data: Data | None = None
    panels: tuple[Panel, ...] = ()
    lines: tuple[Line, ...] = ()

    def block(
        self, identifier: str, stage: str, inputs: Iterable[str] = (), origin: Origin = ""
    ) -> FigureBlock:
        """The drawing as a block of a report."""
        return FigureBlock(
            identifier, self.svg, self.alt, self.caption, stage, tuple(inputs), origin, self.data,
            self.panels, self.lines,
        )  # fmt: skip


@dataclass(frozen=True)
class Curve:
    """The survival of one group.

    `steps`: columns time, survival, lower, upper, at_risk, censored, as in `curves.csv`. `band`:
    columns time, lower, upper, and at_risk_lower, at_risk_upper if known, as in `envelopes.csv`; then
    the survival is reconstructed and `steps` are one consistent dataset's, or None.
    """

    label: str
    steps: pd.DataFrame | None = None
    band: pd.DataFrame | None = None
    cut: bool = False
    """Told up to its last time only: beyond it nobody is told how many are at risk."""

    def __post_init__(self) -> None:
        if self.steps is None and self.band is None:
            raise ValueError(f"the curve {self.label!r} has neither steps nor band")

    @property
    def last(self) -> float:
        return max(float(f["time"].max()) for f in (self.steps, self.band) if f is not None)


# -- survival ------------------------------------------------------------------------------------


def survival(
    curves: Sequence[Curve], *, endpoint: str, finding: str, level: float = 0.95, members: int = 0
) -> Drawing:
    """Survival of one group or several, from patients (Kaplan-Meier) or reconstructed (bands).

    `endpoint` labels the axis, `finding` becomes the alternative text. With patients: steps,
    pointwise confidence band, marks of censoring, numbers at risk below the axis (layout after
    Morris et al., BMJ Open 2019;9:e030215). Reconstructed: see this module's head.
    """
    rebuilt = any(curve.band is not None for curve in curves)
    labels = [_first(wrapped(curve.label, SIZE, 110.0), 3) for curve in curves]
    left = max(46.0, 24 + max(text_width(line, SIZE) for ls in labels for line in ls))
    left = 46.0 if rebuilt else 66.0 if len(curves) == 1 else left
    names = _key_names(curves, rebuilt)
    columns = 2 if 2 * max(text_width(name, SIZE) for name in names) + 90 < WIDTH - left else 1
    row = [SIZE * 1.35 * len(ls) + 2 for ls in labels]
    below = 34.0 + (0 if rebuilt else 20 + sum(row))
    above = 8.0 if len(curves) == 1 and not rebuilt else 8 + 15.0 * ceil(len(names) / columns)
    height = 212 + below + above
    with _figure(height) as figure:
        axes = _axes(figure, height, left, below, WIDTH - left - 8, 212)
        limit = max(curve.last for curve in curves)
        ticks = time_ticks(limit)
        for i, curve in enumerate(curves):
            _draw_curve(axes, curve, i, len(curves))
        _survival_axes(axes, ticks, limit, endpoint)
        panel = _panel(axes, height, endpoint, len(curves))
        if above > 10:
            axes.legend(
                _key(curves, rebuilt), names, loc="lower left", bbox_to_anchor=(-0.01, 1.0),
                ncols=columns, handlelength=2.4, borderaxespad=0.2, columnspacing=1.6,
            )  # fmt: skip
        if not rebuilt:
            _numbers_at_risk(axes, curves, labels, row, ticks, left)
        svg = _svg(figure)
    if rebuilt:
        count = f"all {members} consistent datasets" if members else "all consistent datasets"
        caption = (
            f"{endpoint}. Shaded: the band in which the survival curves of {count} lie. Thin dashed "
            "line: one consistent dataset, shown for its shape only; no patient stands behind it."
        )
    else:
        marks = "" if any(curve.cut for curve in curves) else "Vertical marks: censored patients. "
        caption = (
            f"{endpoint}, Kaplan-Meier. Shaded: {100 * level:g}% confidence limits at each time. "
            f"{marks}Below: number at risk."
        )
    data = _curve_data([(endpoint, curves)])
    return Drawing(svg, printable(finding), printable(caption), data, (panel,))


def survival_panels(
    panels: Sequence[tuple[str, Sequence[Curve]]], *, endpoint: str, finding: str, members: int = 0
) -> Drawing:
    """Many comparisons of survival on one page: one small panel for each title, two in a row."""
    rows, wide, high = ceil(len(panels) / 2), (WIDTH - 96) / 2, 104.0
    keys = [max(1, len(curves)) for _, curves in panels]
    tops = [26.0 + 12 * max(keys[2 * i : 2 * i + 2]) for i in range(rows)]
    height = sum(tops) + rows * (high + 26) + 14
    limit = max(curve.last for _, curves in panels for curve in curves)
    ticks = time_ticks(limit, most=6)
    rebuilt = any(curve.band is not None for _, curves in panels for curve in curves)
    places = []
    with _figure(height) as figure:
        top = height
        for i, (title, curves) in enumerate(panels):
            line, side = divmod(i, 2)
            if side == 0:
                top -= tops[line] + high + (26 if line else 0)
            axes = _axes(figure, height, 46 + side * (wide + 42), top, wide, high)
            for j, curve in enumerate(curves):
                _draw_curve(axes, curve, j, len(curves), marks=False, panel=i)
            _survival_axes(axes, ticks, limit, "")
            places.append(_panel(axes, height, title, len(curves)))
            if side == 0:
                axes.set_ylabel("Probability")
            if i >= len(panels) - 2:
                axes.set_xlabel("Months")
            names = [_shortened(curve.label, SIZE - 1, wide - 30) for curve in curves]
            axes.legend(
                _key(curves), names, loc="lower left", bbox_to_anchor=(-0.02, 1.0), fontsize=SIZE - 1,
                handlelength=2.2, borderaxespad=0.1, labelspacing=0.25, alignment="left",
                title=_shortened(title, SIZE, wide), title_fontproperties={"weight": "bold", "size": SIZE},
            )  # fmt: skip
        svg = _svg(figure)
    how = []
    if not all(curve.band is not None for _, curves in panels for curve in curves):
        how.append("Lines with light shading: Kaplan-Meier with pointwise confidence limits.")
    if rebuilt:
        how.append(
            f"Outlined bands: where the survival curves of all {f'{members} ' if members else ''}"
            "consistent datasets lie; the thin dashed line within is one of them."
        )
    caption = f"{endpoint}. {' '.join(how)}"
    return Drawing(svg, printable(finding), printable(caption), _curve_data(panels), tuple(places))


def _panel(axes: Axes, height: float, title: str, curves: int) -> Panel:
    """Where a panel's axes lie, in the units of the drawing from its upper left corner."""
    box = axes.get_position()
    left, top, wide, high = (
        box.x0 * WIDTH,
        (1 - box.y1) * height,
        box.width * WIDTH,
        box.height * height,
    )
    place = (round(float(x), 2) for x in (left, top, wide, high))
    return Panel(title, curves, *place, float(axes.get_xlim()[1]), float(axes.get_ylim()[1]))


def _curve_data(panels: Sequence[tuple[str, Sequence[Curve]]]) -> Data:
    """The drawn curves as numbers: of patients the survival with its limits, rebuilt the band."""
    rebuilt = any(curve.band is not None for _, curves in panels for curve in curves)
    values = ("months", "survival", "lower", "upper", "at risk, lowest", "at risk, highest")
    parts = []
    for title, curves in panels:
        for curve in curves:
            frame = _thinned(curve.steps if curve.band is None else curve.band)
            columns = [frame["time"].to_numpy(float)]
            if curve.band is None:
                columns.append(frame["survival"].to_numpy(float))
                risk = [frame["at_risk"].to_numpy(float)] * 2
            else:
                columns.append(np.full(len(frame), nan))
                names = ("at_risk_lower", "at_risk_upper")
                risk = [
                    frame[n].to_numpy(float) if n in frame else np.full(len(frame), nan)
                    for n in names
                ]
            columns += [frame["lower"].to_numpy(float), frame["upper"].to_numpy(float), *risk]
            rows = zip(*(_plain(column) for column in columns), strict=True)
            parts.append(Part((title, curve.label), tuple(rows)))
    return Data(
        ("panel", "group", *values), tuple(parts),
        "identified set" if rebuilt else "confidence interval",
    )  # fmt: skip


def _plain(column: np.ndarray) -> list[float | None]:
    """Numbers fit to be read off a drawing: five decimals, None where there is none."""
    return [None if isnan(x) else round(x, 5) for x in column.tolist()]


def time_ticks(limit: float, most: int = 8) -> list[float]:
    """Ticks in months from 0 up to a limit: whole years where that gives at most `most` steps."""
    for step in (1, 2, 3, 6, 12, 24, 36, 60, 120, 240, 600):
        if limit / step <= most:
            break
    return [float(step * i) for i in range(int(limit // step) + 1)]


def at_risk(steps: pd.DataFrame, times: Iterable[float]) -> list[int]:
    """Patients at risk just before each time, read off a curve's rows (one per distinct time)."""
    at, n = steps["time"].to_numpy(float), steps["at_risk"].to_numpy()
    place = np.searchsorted(at, np.asarray(list(times), float), side="left")
    return [int(n[i]) if i < len(n) else 0 for i in place]


def _draw_curve(
    axes: Axes, curve: Curve, i: int, of: int, *, marks: bool = True, panel: int = 0
) -> None:
    colour, dash = COLOURS[i % len(COLOURS)], DASHES[i % len(DASHES)]
    name = f"curve-{panel}-{i}-"
    if curve.band is not None:
        band = _thinned(curve.band)
        for part, look in zip(("fill", "edge"), _band_looks(colour, i, of), strict=True):
            axes.fill_between(
                band["time"], band["lower"], band["upper"], step="post", gid=f"{name}{part}", **look
            )
        if curve.steps is not None:
            steps = _thinned(curve.steps)
            axes.step(
                steps["time"], steps["survival"], where="post", color=colour, linewidth=0.7,
                linestyle=(0, (3, 2)), gid=f"{name}one",
            )  # fmt: skip
        return
    steps = _thinned(curve.steps)
    time, value = steps["time"].to_numpy(float), steps["survival"].to_numpy(float)
    axes.fill_between(
        time, steps["lower"], steps["upper"], step="post", color=colour, alpha=0.15, linewidth=0,
        gid=f"{name}limits",
    )  # fmt: skip
    axes.step(
        time, value, where="post", color=colour, linewidth=1.4, linestyle=dash, gid=f"{name}steps"
    )
    if marks and not curve.cut and "censored" in steps:
        censored = steps["censored"].to_numpy(float) > 0
        axes.plot(
            time[censored], value[censored], "|", color=colour, markersize=5, markeredgewidth=0.7,
            gid=f"{name}censored",
        )  # fmt: skip


def _band_looks(colour: str, i: int, of: int) -> list[dict[str, Any]]:
    """A light fill, and over it the outline with the group's hatching in the full colour."""
    hatch = HATCHES[i % len(HATCHES)] if of > 1 else ""
    fill = {"facecolor": (*_rgb(colour), 0.2), "edgecolor": "none", "linewidth": 0}
    line = {"facecolor": "none", "edgecolor": (*_rgb(colour), 0.8), "linewidth": 0.7}
    return [fill, line | {"hatch": hatch}]


def _thinned(frame: pd.DataFrame) -> pd.DataFrame:
    """At most about `_POINTS` rows: of those that fall on one step of the drawing, the last."""
    if len(frame) <= _POINTS:
        return frame
    time = frame["time"].to_numpy(float)
    place = np.floor(time / (time.max() or 1) * _POINTS)
    return frame[np.append(place[1:] != place[:-1], True)]


def _survival_axes(axes: Axes, ticks: list[float], limit: float, endpoint: str) -> None:
    axes.set_xlim(0, limit * 1.01 or 1)
    axes.set_ylim(0, 1.02)
    axes.set_xticks(ticks, [f"{t:g}" for t in ticks])
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0", "25%", "50%", "75%", "100%"])
    axes.yaxis.grid(True, color=FAINT, linewidth=0.4)
    axes.set_axisbelow(True)
    if endpoint:
        axes.set_xlabel("Months")
        axes.set_ylabel(printable(endpoint))


def _key_names(curves: Sequence[Curve], rebuilt: bool) -> list[str]:
    names = [_shortened(curve.label, SIZE, WIDTH - 180) for curve in curves]
    shown = rebuilt and any(curve.steps is not None for curve in curves)
    return [*names, "one consistent dataset"] if shown else names


def _key(curves: Sequence[Curve], rebuilt: bool = False) -> list[Any]:
    """The legend's samples, in the order of `_key_names`."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles: list[Any] = []
    for i, curve in enumerate(curves):
        colour = COLOURS[i % len(COLOURS)]
        if curve.band is not None:
            handles.append(tuple(Patch(**look) for look in _band_looks(colour, i, len(curves))))
        else:
            handles.append(
                Line2D([], [], color=colour, linestyle=DASHES[i % len(DASHES)], linewidth=1.4)
            )
    if len(_key_names(curves, rebuilt)) > len(curves):
        handles.append(Line2D([], [], color=QUIET, linestyle=(0, (3, 2)), linewidth=0.7))
    return handles


def _numbers_at_risk(
    axes: Axes, curves: Sequence[Curve], labels: list[list[str]], row: list[float],
    ticks: list[float], left: float,
) -> None:  # fmt: skip
    place = {"xycoords": ("data", "axes points"), "annotation_clip": False, "va": "top"}
    y = -46.0
    axes.annotate(
        "Number at risk", (6 - left, y + 13), xycoords="axes points", annotation_clip=False,
        va="top", ha="left", color=QUIET,
    )  # fmt: skip
    for i, (curve, label, high) in enumerate(zip(curves, labels, row, strict=True)):
        for j, line in enumerate(label if len(curves) > 1 else ["Patients"]):
            axes.annotate(
                line, (6 - left, y - j * SIZE * 1.3), xycoords="axes points", annotation_clip=False,
                va="top", ha="left", color=_darker(COLOURS[i % len(COLOURS)]),
            )  # fmt: skip
        told = [t for t in ticks if not curve.cut or t <= curve.last]
        for t, n in zip(told, at_risk(curve.steps, told), strict=True):
            axes.annotate(f"{n:,}", (t, y), ha="center", **place)
        y -= high


# -- flow of patients ----------------------------------------------------------------------------


def flow(steps: pd.DataFrame, *, finding: str, caption: str) -> Drawing:
    """Who was screened, excluded and analysed, as boxes (after the STROBE and CONSORT diagrams).

    `steps`: columns label, excluded, remaining, as in `flow.csv`; the first row is who was screened. A
    number that is not told is empty.
    """
    size, line, pad, gap = 9.5, 13.0, 9.0, 26.0
    main, side, between = 220.0, 216.0, 40.0
    centre, right = 4 + main / 2, 4 + main + between
    shapes: list[str] = []
    y, bottom = 4.0, nan
    rows = list(steps.to_dict("records"))

    def told(n: float) -> int | None:
        return None if isnan(n) else int(n)

    def number(n: float) -> str:
        return NOT_TOLD if isnan(n) else f"{int(n):,}"

    def box(x: float, top: float, width: float, lines: list[str], strong: bool = False) -> float:
        high = line * len(lines) + 2 * pad - 3
        shapes.append(
            f'<rect x="{x:g}" y="{top:g}" width="{width:g}" height="{high:g}" rx="2" '
            f'fill="none" stroke="{INK}" stroke-width="{1.4 if strong else 0.8}"/>'
        )
        for i, words in enumerate(lines):
            shapes.append(
                f'<text x="{x + pad:g}" y="{top + pad + 8 + i * line:g}" fill="{INK}" '
                f'style="font: {"bold " if strong and i == 0 else ""}{size}px {_FONTS}">{escape(words)}</text>'
            )
        return top + high

    def arrow(x1: float, y1: float, x2: float, y2: float) -> None:
        down = x1 == x2
        tip = (
            f"{x2:g},{y2:g} {x2 - 3.2:g},{y2 - 6:g} {x2 + 3.2:g},{y2 - 6:g}"
            if down
            else f"{x2:g},{y2:g} {x2 - 6:g},{y2 - 3.2:g} {x2 - 6:g},{y2 + 3.2:g}"
        )
        shapes.append(
            f'<line x1="{x1:g}" y1="{y1:g}" x2="{x2 - (0 if down else 5):g}" '
            f'y2="{y2 - (5 if down else 0):g}" stroke="{INK}" stroke-width="0.8"/>'
            f'<polygon points="{tip}" fill="{INK}"/>'
        )

    for i, step in enumerate(rows):
        last = i == len(rows) - 1
        if i:
            out = wrapped(f"Not met: {step['label']}", size, side - 2 * pad)
            high = line * (len(out) + 1) + 2 * pad - 3
            top = bottom + 12
            arrow(centre, top + high / 2, right, top + high / 2)
            box(right, top, side, [*out, f"excluded: {number(step['excluded'])}"])
            y = top + high + 12
            arrow(centre, bottom, centre, y)
        name = str(step["label"]) if i == 0 else "Analysed" if last else "Remaining"
        lines = wrapped(name, size, main - 2 * pad)
        bottom = box(4, y, main, [*lines, f"n = {number(step['remaining'])}"], strong=last)
        y = bottom + gap
    width, height = right + side + 4, bottom + 4
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:g}pt" height="{height:g}pt" '
        f'viewBox="0 0 {width:g} {height:g}">{"".join(shapes)}</svg>'
    )
    ends = ("excluded", "remaining")
    counts = [(str(row["label"]), *(told(row[end]) for end in ends)) for row in rows]
    data = Data(("step", "excluded", "remaining"), (Part((), tuple(counts)),))
    return Drawing(svg, printable(finding), printable(caption), data)


# -- forests -------------------------------------------------------------------------------------


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
    with _figure(height) as figure:
        axes = _axes(figure, height, left, 34, WIDTH - left - side, body)
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
                    _shortened(name, SIZE, WIDTH - 20), (2 - left, body - y - 10), xycoords="axes points",
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
        _number_axis(axes, low, top, logarithmic, percent)
        axes.set_xlabel(printable(axis))
        svg = _svg(figure)
    columns = ("group", "row", "kind", "lower", "upper", "point", "printed", "note")
    parts = tuple(
        Part(
            (name,),
            tuple(
                (r.label, r.kind, *_ends(r.lower, r.upper, r.point, r.marker), r.note)
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


def _ends(*values: float) -> list[float | str | None]:
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
                facecolor=(*_rgb(BLUE), 0.55) if row.identified else "none",
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


def _number_axis(axes: Axes, low: float, top: float, logarithmic: bool, percent: bool) -> None:
    if logarithmic:
        ticks = [t for t in _log_ticks(low, top) if low <= t <= top]
        axes.set_xticks(ticks, [f"{t:g}" for t in ticks])
        axes.set_xticks([], minor=True)
    elif percent:
        ticks = [t for t in axes.get_xticks() if low <= t <= top]
        axes.set_xticks(ticks, [f"{100 * t:g}%" for t in np.round(ticks, 6)])


def _log_ticks(low: float, top: float) -> list[float]:
    dense = (0.1, 0.2, 0.5) if top / low < 1000 else (0.1,)
    powers = range(int(log10(low)) - 1, int(log10(top)) + 3)
    return [float(f"{base * 10.0**power:.3g}") for power in powers for base in dense]


# -- printed against re-analysed ------------------------------------------------------------------


@dataclass(frozen=True)
class Pair:
    """A printed value and its re-analysis, both in the unit of the panel they stand in.

    `lower` and `upper`: the identified set, or NaN; without them `value` is drawn. `role`:
    `target` (by construction), `agrees` or `differs`.
    """

    panel: str
    printed: float
    value: float
    lower: float
    upper: float
    role: str
    label: str = ""


_ROLES = {
    "target": (QUIET, "o", "by construction"),
    "agrees": (BLUE, "s", "agrees"),
    "differs": (VERMILLION, "D", "differs"),
}


def agreement(pairs: Sequence[Pair], *, finding: str, caption: str) -> Drawing:
    """Printed value (across) against re-analysed value or identified set (up), one panel for each
    scale; the diagonal is agreement. The panel named `p` is logarithmic."""
    from matplotlib.lines import Line2D

    names = list(dict.fromkeys(pair.panel for pair in pairs))
    wide = (WIDTH - 46 * len(names)) / max(len(names), 2)
    wide = min(wide, 190.0)
    height = wide + 64
    with _figure(height) as figure:
        for i, name in enumerate(names):
            axes = _axes(figure, height, 40 + i * (wide + 46), 36, wide, wide)
            here = [pair for pair in pairs if pair.panel == name]
            low, top = _square(here, name == "p")
            if name == "p":
                axes.set_xscale("log")
                axes.set_yscale("log")
            axes.plot([low, top], [low, top], color=QUIET, linewidth=0.7, linestyle=(0, (2, 2)))
            for role, (colour, marker, _) in _ROLES.items():
                mine = [pair for pair in here if pair.role == role]
                fill = {"markerfacecolor": "none"} if role == "target" else {}
                bars = [p for p in mine if not (isnan(p.lower) or isnan(p.upper))]
                at = [p.printed for p in bars]
                lower = np.clip([p.lower for p in bars], low, top)
                upper = np.clip([p.upper for p in bars], low, top)
                axes.vlines(at, lower, upper, color=colour, linewidth=1.6)
                for ends in (lower, upper):
                    axes.plot(at, ends, "_", color=colour, markersize=5)
                points = [p for p in mine if p not in bars]
                x, y = [p.printed for p in points], [p.value for p in points]
                if role == "target":
                    x, y = [*x, *at], [*y, *((lower + upper) / 2)]
                axes.plot(x, y, marker, color=colour, markersize=4, **fill)
            axes.set_xlim(low, top)
            axes.set_ylim(low, top)
            ticks = _pair_ticks(axes, low, top, name)
            axes.set_xticks(*ticks)
            axes.set_yticks(*ticks)
            if name == "p":
                axes.set_xticks([], minor=True)
                axes.set_yticks([], minor=True)
            axes.set_title(printable(name), weight="bold")
            axes.set_xlabel("Printed")
            if i == 0:
                axes.set_ylabel("Re-analysed")
        used = [role for role in _ROLES if any(pair.role == role for pair in pairs)]
        figure.legend(
            [
                Line2D([], [], color=_ROLES[r][0], marker=_ROLES[r][1], markersize=4, linewidth=1.6,
                       markerfacecolor="none" if r == "target" else _ROLES[r][0])
                for r in used
            ],
            [_ROLES[r][2] for r in used],
            loc="upper left", bbox_to_anchor=(0.05, 1.0), ncols=3, borderaxespad=0,
        )  # fmt: skip
        svg = _svg(figure)
    columns = ("panel", "figure", "printed", "value", "lower", "upper", "role")
    parts = tuple(
        Part(
            (name,),
            tuple(
                (p.label, *_ends(p.printed, p.value, p.lower, p.upper), _ROLES[p.role][2])
                for p in pairs
                if p.panel == name
            ),
        )
        for name in names
    )
    return Drawing(svg, printable(finding), printable(caption), Data(columns, parts))


def _square(pairs: Sequence[Pair], logarithmic: bool) -> tuple[float, float]:
    ends = np.array([v for p in pairs for v in (p.printed, p.value, p.lower, p.upper)], float)
    ends = ends[np.isfinite(ends)]
    if logarithmic:
        return max(ends[ends > 0].min(initial=0.05) / 1.6, 1e-5), 1.4
    low, top = min(0.0, ends.min(initial=0)), ends.max(initial=1)
    return low, top + 0.05 * (top - low)


def _pair_ticks(axes: Axes, low: float, top: float, name: str) -> tuple[list[float], list[str]]:
    if name == "p":
        ticks = [t for t in (1e-5, 1e-4, 0.001, 0.01, 0.05, 0.2, 1.0) if low <= t <= top]
        if ticks[0] <= 1e-4 and len(ticks) > 4:
            ticks = [t for t in ticks if t != 0.2]
        return ticks, [f"{t:g}" if t >= 0.001 else f"1e−{-log10(t):.0f}" for t in ticks]
    ticks = [float(t) for t in axes.get_xticks() if low <= t <= top]
    return ticks, [f"{t:g}" for t in ticks]


# -- drawing with matplotlib ------------------------------------------------------------------------


@contextmanager
def _figure(height: float) -> Iterator[Figure]:
    """A figure of the text's width in the style of the reports; sizes in points."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(_STYLE):
        yield Figure(figsize=(WIDTH / 72, height / 72))


def _axes(figure: Figure, height: float, x: float, y: float, wide: float, high: float) -> Axes:
    """Axes placed in points from the lower left corner."""
    return figure.add_axes((x / WIDTH, y / height, wide / WIDTH, high / height))


def _svg(figure: Figure) -> str:
    """The figure as SVG without background, date, document-wide style or metadata."""
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    buffer = io.StringIO()
    figure.patch.set_visible(False)
    for axes in figure.axes:
        axes.patch.set_visible(False)
    FigureCanvasSVG(figure).print_svg(buffer, metadata={"Date": None})
    root = ElementTree.fromstring(buffer.getvalue())
    space = "{http://www.w3.org/2000/svg}"
    for child in list(root):
        is_style = child.tag == f"{space}defs" and child.find(f"{space}style") is not None
        if child.tag == f"{space}metadata" or is_style:
            root.remove(child)
    for element in root.iter():
        if "d" in element.attrib:
            element.set("d", _compact(element.attrib["d"]))
    root.attrib.pop("version", None)
    root.set("style", "stroke-linejoin:round;stroke-linecap:butt")
    ElementTree.register_namespace("", "http://www.w3.org/2000/svg")
    ElementTree.register_namespace("xlink", "http://www.w3.org/1999/xlink")
    return ElementTree.tostring(root, encoding="unicode").replace("'DejaVu Sans'", _FONTS)


def _compact(path: str) -> str:
    """A path in fewer characters: steps by their one coordinate, to a tenth of a point; a path of other
    than straight lines to a hundredth."""
    words = " ".join(path.split())
    if _POINT.sub("", words).strip():
        return _LONG.sub(r"\1", words)
    made: list[tuple[str, str]] = []
    at = ("", "")
    for sign, *place in _POINT.findall(words):
        if sign == "z":
            made.append(("z", ""))
            at = ("", "")
            continue
        x, y = (f"{round(float(c), 1) + 0:g}" for c in place)
        if sign == "L" and (x, y) == at:
            continue
        kind, value = ("V", y) if x == at[0] else ("H", x) if y == at[1] else ("L", f"{x} {y}")
        if sign == "M":
            kind, value = "M", f"{x} {y}"
        elif made[-1][0] == kind and kind in "HV" and _onward(made, kind, value):
            made.pop()
        made.append((kind, value))
        at = (x, y)
    return "".join(kind + value for kind, value in made)


def _onward(made: list[tuple[str, str]], kind: str, value: str) -> bool:
    """Whether a horizontal or vertical line goes on in the direction of the one before it."""
    axis = 0 if kind == "H" else 1
    before = next(
        (
            v.split()[axis] if k in "ML" else v
            for k, v in reversed(made[:-1])
            if k in ("M", "L", kind)
        ),
        "",
    )
    if not before:
        return False
    start, middle, end = float(before), float(made[-1][1]), float(value)
    return (middle - start) * (end - middle) > 0


def _shortened(text: str, size: float, width: float) -> str:
    return _first(wrapped(text, size, width - size), 1)[0]


def _first(lines: list[str], most: int) -> list[str]:
    return lines if len(lines) <= most else [*lines[: most - 1], f"{lines[most - 1]}…"]


def _rgb(colour: str) -> tuple[float, float, float]:
    red, green, blue = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return red, green, blue


def _darker(colour: str) -> str:
    """A colour of the palette dark enough for text on white (WCAG AA)."""
    return "#" + "".join(f"{round(255 * part * 0.62):02x}" for part in _rgb(colour))


COLOUR_NAMES: dict[str, str] = {
    INK: "ink", QUIET: "quiet", FAINT: "faint", GROUND: "card", BLUE: "blue", VERMILLION: "vermillion",
    GREEN: "green", PURPLE: "purple", BLACK: "black", ORANGE: "orange", SKY: "sky",
    _darker(BLUE): "blue-text", _darker(VERMILLION): "vermillion-text", _darker(GREEN): "green-text",
    _darker(PURPLE): "purple-text", _darker(ORANGE): "orange-text", _darker(SKY): "sky-text",
}  # fmt: skip
"""Every colour that a drawing uses, by the name under which a page may exchange it."""
