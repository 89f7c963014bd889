"""Drawings of a hazard ratio along something assumed or measured: a delay, a marker."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np

from resarc.report.figures.ranges import log_ticks
from resarc.report.figures.style import (
    BLUE,
    QUIET,
    SIZE,
    WIDTH,
    Drawing,
    axes_at,
    canvas,
    first_lines,
    rgb,
    svg_of,
)
from resarc.report.glyphs import printable, wrapped
from resarc.report.model import Data, Part

_LEAST, _MOST = 0.02, 50.0
"""Hazard ratios beyond these are drawn at the edge."""


@dataclass(frozen=True)
class RatioLine:
    """One panel. Of a registry `value` with its confidence limits `lower` and `upper`; of a
    reconstruction no value, `lower` and `upper` are the identified set and `outer` its confidence
    limits' range. Arrays (G,); NaN where there is no hazard ratio."""

    title: str
    axis: str
    x: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    value: np.ndarray | None = None
    outer: tuple[np.ndarray, np.ndarray] | None = None


def ratio_lines(panels: Sequence[RatioLine], *, finding: str, caption: str) -> Drawing:
    """One panel for each line, two in a row, hazard ratios on one logarithmic scale; dotted: no
    difference. `finding` becomes the alternative text."""
    rows = ceil(len(panels) / 2)
    wide = (WIDTH - 96) / 2 if len(panels) > 1 else WIDTH - 60
    titles = [first_lines(wrapped(panel.title, SIZE, wide - SIZE), 2) for panel in panels]
    high, foot = (116.0 if len(panels) > 1 else 170.0), 34.0
    head = 10.0 + 12.0 * max(map(len, titles))
    height = rows * (high + head + foot) + 4
    low, top = _reach(panels)
    ticks = log_ticks(low, top, high, upright=True)
    with canvas(height) as figure:
        for i, panel in enumerate(panels):
            line, side = divmod(i, 2)
            y = height - (line + 1) * (high + head + foot) + foot
            axes = axes_at(figure, height, 46 + side * (wide + 42), y, wide, high)
            axes.set_yscale("log")
            axes.set_ylim(low, top)
            axes.set_xlim(float(panel.x[0]), float(panel.x[-1]))
            axes.set_yticks(ticks, [f"{t:g}" for t in ticks])
            axes.set_yticks([], minor=True)
            axes.axhline(1, color=QUIET, linewidth=0.9, linestyle=(0, (1, 1.5)))
            lower, upper = (np.clip(end, low, top) for end in (panel.lower, panel.upper))
            rebuilt = panel.value is None
            axes.fill_between(
                panel.x, lower, upper, facecolor=(*rgb(BLUE), 0.4 if rebuilt else 0.15),
                edgecolor=(*rgb(BLUE), 0.9), linewidth=0.7 if rebuilt else 0,
            )  # fmt: skip
            for outer in panel.outer or ():
                axes.plot(
                    panel.x,
                    np.clip(outer, low, top),
                    color=BLUE,
                    linewidth=0.8,
                    linestyle=(0, (4, 2)),
                )
            if panel.value is not None:
                axes.plot(panel.x, np.clip(panel.value, low, top), color=BLUE, linewidth=1.4)
            axes.set_title("\n".join(titles[i]), weight="bold", pad=6)
            axes.set_xlabel(printable(panel.axis))
            if side == 0:
                axes.set_ylabel("Hazard ratio")
        svg = svg_of(figure)
    return Drawing(svg, printable(finding), printable(caption), _data(panels))


def _reach(panels: Sequence[RatioLine]) -> tuple[float, float]:
    arrays = [end for p in panels for end in (p.lower, p.upper, *(p.outer or ()))]
    ends = np.concatenate([np.ones(1), *arrays])
    ends = ends[np.isfinite(ends) & (ends > 0)]
    return max(ends.min() / 1.15, _LEAST), min(ends.max() * 1.15, _MOST)


def _data(panels: Sequence[RatioLine]) -> Data:
    parts = []
    for panel in panels:
        columns = [panel.x, panel.value, panel.lower, panel.upper]
        nothing = np.full(panel.x.size, np.nan)
        filled = [nothing if column is None else column for column in columns]
        rows = zip(*([_number(v) for v in column.tolist()] for column in filled), strict=True)
        parts.append(Part((panel.title,), tuple(rows)))
    rebuilt = any(panel.value is None for panel in panels)
    interval = "identified set" if rebuilt else "confidence interval"
    return Data(("panel", "x", "hazard ratio", "lower", "upper"), tuple(parts), interval)


def _number(value: float) -> float | str | None:
    if np.isnan(value):
        return None
    return str(value) if np.isinf(value) else float(f"{value:.5g}")
