"""Survival of each study's whole cohort, on one page."""

from __future__ import annotations

from collections.abc import Iterable

from resarc.report import figures
from resarc.report.citations import Citations
from resarc.report.combined.inputs import CombinedInputs, CombinedStudy, origin_of
from resarc.report.figures import Curve
from resarc.report.model import (
    Block,
    paragraph,
)
from resarc.report.results import (
    curve_rows,
)

_MOST = 8
"""Panels that a page holds."""


def curves(given: CombinedInputs, cited: Citations) -> Iterable[Block]:
    """The whole cohort of each study, each endpoint in a panel from its own time origin."""
    panels, starts, said, made_from = [], [], [], ["curves.csv of each study"]
    for study in given.studies:
        for endpoint in study.protocol.endpoints:
            steps = curve_rows(study.curves, endpoint.name)
            band = curve_rows(study.envelopes, endpoint.name)
            if (band if study.rebuilt else steps) is None:
                continue
            start = study.protocol.counted_from(endpoint.name)
            panels.append((study.protocol.study, [Curve(endpoint.label, steps, band)]))
            starts.append(f"{start[:1].lower()}{start[1:]}")
            said.append(
                f"{study.protocol.study}, from {starts[-1]}: {_found(study, endpoint.name)}"
            )
    if not panels:
        return
    if any(study.rebuilt for study in given.studies):
        made_from.append("envelopes.csv of each reconstruction")
    yield paragraph(
        "Time begins at a different moment in each study, so the curves are not comparable height for height."
    )
    for page, first in enumerate(range(0, len(panels), _MOST)):
        here = slice(first, first + _MOST)
        drawing = figures.survival_panels(
            panels[here], endpoint="Survival in each study", finding=" ".join(said[here]),
            starts=starts[here],
        )  # fmt: skip
        name = f"curves-of-all-{page + 1}" if page else "curves-of-all"
        yield drawing.block(name, "report", made_from, origin_of(given.studies))


def _found(study: CombinedStudy, endpoint: str) -> str:
    """What the study's own report says of the endpoint's curve."""
    for section in study.model["sections"]:
        for block in section["blocks"]:
            if block["type"] == "figureblock" and block["id"] == f"survival-{endpoint}":
                return block["alt"]
    return "drawn without summary."
