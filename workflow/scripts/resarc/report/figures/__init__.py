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

| module      | what is drawn                                                                   |
|-------------|---------------------------------------------------------------------------------|
| `style`     | the look of all drawings, and how they become SVG                               |
| `curves`    | survival of patients, and bands of rebuilt survival                             |
| `flow`      | who was screened, excluded and analysed                                         |
| `ranges`    | identified sets and estimates below each other                                  |
| `pinned`    | all identified sets of a study in order of width                                |
| `agreement` | printed values against re-analysed ones                                         |
"""

from resarc.report.figures.agreement import Pair, agreement
from resarc.report.figures.curves import (
    Curve,
    at_risk,
    survival,
    survival_panels,
    time_ticks,
)
from resarc.report.figures.flow import NOT_TOLD, flow
from resarc.report.figures.pinned import BOUNDS, Bar, Scale, pinned
from resarc.report.figures.ranges import Interval, forest
from resarc.report.figures.style import (
    BLUE,
    COLOUR_NAMES,
    COLOURS,
    FAINT,
    INK,
    QUIET,
    SIZE,
    VERMILLION,
    WIDTH,
    Drawing,
)

__all__ = [
    "BLUE",
    "BOUNDS",
    "COLOURS",
    "COLOUR_NAMES",
    "FAINT",
    "INK",
    "NOT_TOLD",
    "QUIET",
    "SIZE",
    "VERMILLION",
    "WIDTH",
    "Bar",
    "Curve",
    "Drawing",
    "Interval",
    "Pair",
    "Scale",
    "agreement",
    "at_risk",
    "flow",
    "forest",
    "pinned",
    "survival",
    "survival_panels",
    "time_ticks",
]
