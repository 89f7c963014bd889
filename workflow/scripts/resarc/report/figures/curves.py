"""Survival curves: of patients by Kaplan and Meier, or the bands of rebuilt datasets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil, isnan, nan
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from resarc.report.figures.style import (
    COLOURS,
    FAINT,
    QUIET,
    SIZE,
    WIDTH,
    Drawing,
    axes_at,
    canvas,
    darker,
    first_lines,
    rgb,
    shortened,
    svg_of,
)
from resarc.report.glyphs import printable, text_width, wrapped
from resarc.report.model import Data, Panel, Part

if TYPE_CHECKING:
    from matplotlib.axes import Axes

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
_POINTS = 1200
"""A curve is drawn with at most so many steps; more would not be seen."""


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


def survival(
    curves: Sequence[Curve], *, endpoint: str, finding: str, level: float = 0.95, members: int = 0
) -> Drawing:
    """Survival of one group or several, from patients (Kaplan-Meier) or reconstructed (bands).

    `endpoint` labels the axis, `finding` becomes the alternative text. With patients: steps,
    pointwise confidence band, marks of censoring, numbers at risk below the axis (layout after
    Morris et al., BMJ Open 2019;9:e030215). Reconstructed: see this module's head.
    """
    rebuilt = any(curve.band is not None for curve in curves)
    labels = [first_lines(wrapped(curve.label, SIZE, 110.0), 3) for curve in curves]
    left = max(46.0, 24 + max(text_width(line, SIZE) for ls in labels for line in ls))
    left = 46.0 if rebuilt else 66.0 if len(curves) == 1 else left
    names = _key_names(curves, rebuilt)
    columns = 2 if 2 * max(text_width(name, SIZE) for name in names) + 90 < WIDTH - left else 1
    row = [SIZE * 1.35 * len(ls) + 2 for ls in labels]
    below = 34.0 + (0 if rebuilt else 20 + sum(row))
    above = 8.0 if len(curves) == 1 and not rebuilt else 8 + 15.0 * ceil(len(names) / columns)
    height = 212 + below + above
    with canvas(height) as figure:
        axes = axes_at(figure, height, left, below, WIDTH - left - 8, 212)
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
        svg = svg_of(figure)
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
    panels: Sequence[tuple[str, Sequence[Curve]]], *, endpoint: str, finding: str, members: int = 0,
    starts: Sequence[str] = (),
) -> Drawing:  # fmt: skip
    """Many comparisons of survival on one page: one small panel for each title, two in a row. `starts`
    says below each panel from when its months count, where that differs; each then has its own axis."""
    rows, wide, high = ceil(len(panels) / 2), (WIDTH - 96) / 2, 104.0
    gap = 40.0 if starts else 26.0
    keys = [max(1, len(curves)) for _, curves in panels]
    tops = [26.0 + 12 * max(keys[2 * i : 2 * i + 2]) for i in range(rows)]
    height = sum(tops) + rows * (high + gap) + (0 if starts else 14)
    limit = max(curve.last for _, curves in panels for curve in curves)
    ticks = time_ticks(limit, most=6)
    rebuilt = any(curve.band is not None for _, curves in panels for curve in curves)
    places = []
    with canvas(height) as figure:
        top = height
        for i, (title, curves) in enumerate(panels):
            line, side = divmod(i, 2)
            if side == 0:
                top -= tops[line] + high + (gap if line else 0)
            axes = axes_at(figure, height, 46 + side * (wide + 42), top, wide, high)
            for j, curve in enumerate(curves):
                _draw_curve(axes, curve, j, len(curves), marks=False, panel=i)
            if starts:
                limit = max(curve.last for curve in curves)
                ticks = time_ticks(limit, most=6)
            _survival_axes(axes, ticks, limit, "")
            places.append(_panel(axes, height, title, len(curves)))
            if side == 0:
                axes.set_ylabel("Probability")
            if starts:
                axes.set_xlabel(shortened(f"Months from {starts[i]}", SIZE, wide + 30))
            elif i >= len(panels) - 2:
                axes.set_xlabel("Months")
            names = [shortened(curve.label, SIZE - 1, wide - 30) for curve in curves]
            axes.legend(
                _key(curves), names, loc="lower left", bbox_to_anchor=(-0.02, 1.0), fontsize=SIZE - 1,
                handlelength=2.2, borderaxespad=0.1, labelspacing=0.25, alignment="left",
                title=shortened(title, SIZE, wide), title_fontproperties={"weight": "bold", "size": SIZE},
            )  # fmt: skip
        svg = svg_of(figure)
    how = []
    if not all(curve.band is not None for _, curves in panels for curve in curves):
        how.append("Lines with light shading: Kaplan-Meier with pointwise confidence limits.")
    if rebuilt:
        how.append(
            f"Outlined bands: where the survival curves of all {f'{members} ' if members else ''}"
            "consistent datasets lie; the thin dashed line within is one of them."
        )
    if starts:
        how.append("Each panel has its own time axis.")
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
        draw_band(axes, curve.band, i, of, name)
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


def draw_band(axes: Axes, band: pd.DataFrame, i: int = 0, of: int = 1, name: str = "") -> None:
    """A band of curves: its fill, and its outline over it, the `i`-th of so many."""
    band = _thinned(band)
    looks = _band_looks(COLOURS[i % len(COLOURS)], i, of)
    for part, look in zip(("fill", "edge"), looks, strict=True):
        gid = f"{name}{part}" if name else None
        axes.fill_between(band["time"], band["lower"], band["upper"], step="post", gid=gid, **look)


def _band_looks(colour: str, i: int, of: int) -> list[dict[str, Any]]:
    """A light fill, and over it the outline with the group's hatching in the full colour."""
    hatch = HATCHES[i % len(HATCHES)] if of > 1 else ""
    fill = {"facecolor": (*rgb(colour), 0.2), "edgecolor": "none", "linewidth": 0}
    line = {"facecolor": "none", "edgecolor": (*rgb(colour), 0.8), "linewidth": 0.7}
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
    names = [shortened(curve.label, SIZE, WIDTH - 180) for curve in curves]
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
                va="top", ha="left", color=darker(COLOURS[i % len(COLOURS)]),
            )  # fmt: skip
        told = [t for t in ticks if not curve.cut or t <= curve.last]
        for t, n in zip(told, at_risk(curve.steps, told), strict=True):
            axes.annotate(f"{n:,}", (t, y), ha="center", **place)
        y -= high
