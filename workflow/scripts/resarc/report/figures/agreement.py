"""Printed values against re-analysed ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan, log10
from typing import TYPE_CHECKING

import numpy as np

from resarc.report.figures.ranges import plain_numbers
from resarc.report.figures.style import (
    BLUE,
    QUIET,
    VERMILLION,
    WIDTH,
    Drawing,
    axes_at,
    canvas,
    svg_of,
)
from resarc.report.glyphs import printable
from resarc.report.model import Data, Part

if TYPE_CHECKING:
    from matplotlib.axes import Axes


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
    with canvas(height) as figure:
        for i, name in enumerate(names):
            axes = axes_at(figure, height, 40 + i * (wide + 46), 36, wide, wide)
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
        svg = svg_of(figure)
    columns = ("panel", "figure", "printed", "value", "lower", "upper", "role")
    parts = tuple(
        Part(
            (name,),
            tuple(
                (p.label, *plain_numbers(p.printed, p.value, p.lower, p.upper), _ROLES[p.role][2])
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
