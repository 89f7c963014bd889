"""Who was screened, excluded and analysed."""

from __future__ import annotations

from math import isnan, nan
from xml.sax.saxutils import escape

import pandas as pd

from resarc.report.figures.style import (
    FONTS,
    INK,
    Drawing,
)
from resarc.report.glyphs import printable, wrapped
from resarc.report.model import Data, Part

NOT_TOLD = "not told"
"""In the place of a number that a rule of disclosure keeps back."""


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
                f'style="font: {"bold " if strong and i == 0 else ""}{size}px {FONTS}">{escape(words)}</text>'
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
