"""The evidence map as a drawing: a grid of sites and treatments, a sign for each work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, sqrt
from xml.sax.saxutils import escape

from resarc.report.figures import BLUE, FAINT, INK, QUIET, WIDTH, Drawing
from resarc.report.glyphs import printable, text_width, wrapped
from resarc.report.model import Data, Part

_TEXT, _SMALL = 8.5, 7.0
_LEAST, _MOST = 8.0, 12.5
"""Radii of signs, in points: of a work of unknown size, and of the largest."""
_STEP, _PAD, _HEAD, _SIDE = 26.0, 5.0, 30.0, 74.0
_FONTS = "'DejaVu Sans', Verdana, sans-serif"


@dataclass(frozen=True)
class Sign:
    """One work in a cell: what is written in its sign, its size if known, whether it was re-analysed."""

    label: str
    size: int | None = None
    reanalysed: bool = False


Cells = Mapping[tuple[str, str], Sequence[Sign]]


def evidence_map(
    rows: Sequence[tuple[str, str]], columns: Sequence[tuple[str, str]], cells: Cells,
    *, finding: str, caption: str,
) -> Drawing:  # fmt: skip
    """A grid of rows and columns, both (key, label); `cells` by row and column key.

    A circle is a work, a square one that is re-analysed. Its area grows with the number of patients;
    where that is unknown it is small and dashed.
    """
    most = [max(len(cells.get((row, column), ())) for row, _ in rows) for column, _ in columns]
    wide = _widths(most, [label for _, label in columns])
    across = [int((width - 2 * _PAD) // _STEP) for width in wide]
    high = [
        max(
            1,
            *(
                ceil(len(cells.get((row, column), ())) / per)
                for (column, _), per in zip(columns, across, strict=True)
            ),
        )
        * _STEP
        + 2 * _PAD
        for row, _ in rows
    ]
    largest = max((sign.size or 0 for body in cells.values() for sign in body), default=0)
    shapes, left = [], _SIDE
    for (_, label), width in zip(columns, wide, strict=True):
        shapes += _label(label, left + width / 2, _HEAD / 2, width - 2, "middle")
        left += width
    top = _HEAD
    for (row, label), height in zip(rows, high, strict=True):
        shapes += _label(label, 0, top + height / 2, _SIDE - 6, "start")
        left = _SIDE
        for (column, _), width, per in zip(columns, wide, across, strict=True):
            shapes.append(
                f'<rect x="{left:.2f}" y="{top:.2f}" width="{width:.2f}" height="{height:.2f}" '
                f'fill="none" stroke="{FAINT}" stroke-width="0.7"/>'
            )
            body = cells.get((row, column), ())
            inner = min(per, len(body)) * _STEP
            for i, sign in enumerate(body):
                line, place = divmod(i, per)
                x = left + (width - inner) / 2 + (place + 0.5) * _STEP
                y = top + _PAD + (line + 0.5) * _STEP
                shapes += _sign(sign, x, y, largest)
            left += width
        top += height
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH:g}pt" height="{top + 1:g}pt" '
        f'viewBox="0 0 {WIDTH:g} {top + 1:g}">{"".join(shapes)}</svg>'
    )
    parts = tuple(
        Part((row_label, column_label), tuple((sign.label, sign.size) for sign in body))
        for row, row_label in rows
        for column, column_label in columns
        if (body := cells.get((row, column), ()))
    )
    data = Data(("site", "treatment", "reference", "patients"), parts)
    return Drawing(svg, printable(finding), printable(caption), data)


def _widths(most: Sequence[int], labels: Sequence[str]) -> list[float]:
    """Width of each column: enough for its label and one sign, and for more signs beside each other
    where they are most needed, as far as the page goes."""
    named = [text_width(printable(label), _TEXT) * 1.13 + 6 for label in labels]
    wide = [min(max(_STEP + 2 * _PAD, width), WIDTH / 4) for width in named]
    while sum(wide) + _SIDE + _STEP <= WIDTH:
        rows = [n / max(1, (w - 2 * _PAD) // _STEP) for n, w in zip(most, wide, strict=True)]
        crowded = max(range(len(wide)), key=lambda i: (rows[i], -i))
        if rows[crowded] <= 1:
            break
        wide[crowded] += _STEP
    spare = max(0.0, WIDTH - _SIDE - sum(wide)) / len(wide)
    return [width + spare for width in wide]


def _label(words: str, x: float, y: float, width: float, anchor: str) -> list[str]:
    lines = wrapped(words, _TEXT, width)
    first = y - (len(lines) - 1) * 5.2 + 3
    return [
        f'<text x="{x:.2f}" y="{first + 10.4 * i:.2f}" fill="{INK}" text-anchor="{anchor}" '
        f'style="font: bold {_TEXT}px {_FONTS}">{escape(line)}</text>'
        for i, line in enumerate(lines)
    ]


def _sign(sign: Sign, x: float, y: float, largest: int) -> list[str]:
    known = sign.size is not None and largest > 0
    grown = (_MOST**2 - _LEAST**2) * (sign.size or 0) / largest if known else 0.0
    radius = sqrt(_LEAST**2 + grown)
    colour, width = (BLUE, 1.8) if sign.reanalysed else (INK if known else QUIET, 0.9)
    look = f'fill="none" stroke="{colour}" stroke-width="{width}"'
    if not known:
        look += ' stroke-dasharray="2 1.5"'
    if sign.reanalysed:
        side = radius * 1.78
        shape = f'<rect x="{x - side / 2:.2f}" y="{y - side / 2:.2f}" width="{side:.2f}" height="{side:.2f}" {look}/>'
    else:
        shape = f'<circle cx="{x:.2f}" cy="{y:.2f}" r="{radius:.2f}" {look}/>'
    label = printable(sign.label)
    size = min(_SMALL, _SMALL * 1.7 * radius / max(text_width(label, _SMALL), 1))
    text = (
        f'<text x="{x:.2f}" y="{y + size * 0.36:.2f}" fill="{INK}" text-anchor="middle" '
        f'style="font: {size:.2f}px {_FONTS}">{escape(label)}</text>'
    )
    return [shape, text]
