"""The look of all drawings, and how matplotlib's become small SVG of that look."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from resarc.report.glyphs import wrapped
from resarc.report.model import Data, FigureBlock, Line, Origin, Panel

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, VERMILLION, GREEN, PURPLE = "#0072b2", "#d55e00", "#00875f", "#b85c93"
ORANGE, SKY, BLACK = "#b07800", "#2d8bc0", "#000000"
COLOURS = (BLUE, VERMILLION, GREEN, PURPLE, BLACK, ORANGE, SKY)
INK, QUIET, FAINT, GROUND = "#1a1c20", "#54585f", "#c9cdd3", "#ffffff"
WIDTH = 482.0
"""Points: the text width of the PDF, 170 mm."""
SIZE = 8.5
"""Points: the size of text in drawings."""
_LONG = re.compile(r"(\.\d\d)\d+")
"""Coordinates beyond a hundredth of a point."""
_POINT = re.compile(r"([MLz])(?: (-?[\d.]+) (-?[\d.]+))?")
FONTS = "'DejaVu Sans', Verdana, sans-serif"
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


@contextmanager
def canvas(height: float) -> Iterator[Figure]:
    """A figure of the text's width in the style of the reports; sizes in points."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(_STYLE):
        yield Figure(figsize=(WIDTH / 72, height / 72))


def axes_at(figure: Figure, height: float, x: float, y: float, wide: float, high: float) -> Axes:
    """Axes placed in points from the lower left corner."""
    return figure.add_axes((x / WIDTH, y / height, wide / WIDTH, high / height))


def svg_of(figure: Figure) -> str:
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
            element.set("d", compact(element.attrib["d"]))
    root.attrib.pop("version", None)
    root.set("style", "stroke-linejoin:round;stroke-linecap:butt")
    ElementTree.register_namespace("", "http://www.w3.org/2000/svg")
    ElementTree.register_namespace("xlink", "http://www.w3.org/1999/xlink")
    return ElementTree.tostring(root, encoding="unicode").replace("'DejaVu Sans'", FONTS)


def compact(path: str) -> str:
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


def shortened(text: str, size: float, width: float) -> str:
    return first_lines(wrapped(text, size, width - size), 1)[0]


def first_lines(lines: list[str], most: int) -> list[str]:
    return lines if len(lines) <= most else [*lines[: most - 1], f"{lines[most - 1]}…"]


def rgb(colour: str) -> tuple[float, float, float]:
    red, green, blue = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return red, green, blue


def darker(colour: str) -> str:
    """A colour of the palette dark enough for text on white (WCAG AA)."""
    return "#" + "".join(f"{round(255 * part * 0.62):02x}" for part in rgb(colour))


COLOUR_NAMES: dict[str, str] = {
    INK: "ink", QUIET: "quiet", FAINT: "faint", GROUND: "card", BLUE: "blue", VERMILLION: "vermillion",
    GREEN: "green", PURPLE: "purple", BLACK: "black", ORANGE: "orange", SKY: "sky",
    darker(BLUE): "blue-text", darker(VERMILLION): "vermillion-text", darker(GREEN): "green-text",
    darker(PURPLE): "purple-text", darker(ORANGE): "orange-text", darker(SKY): "sky-text",
}  # fmt: skip
"""Every colour that a drawing uses, by the name under which a page may exchange it."""
