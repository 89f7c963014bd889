"""Survival of each study's whole cohort, on one page."""

from __future__ import annotations

from collections.abc import Iterable

from resarc.report import figures
from resarc.report.citations import Citations
from resarc.report.combined.inputs import CombinedInputs, origin_of
from resarc.report.figures import Curve
from resarc.report.model import (
    Block,
    paragraph,
)
from resarc.report.results import (
    curve_rows,
)


def curves(given: CombinedInputs, cited: Citations) -> Iterable[Block]:
    """The whole cohort of each study, first endpoint, on one page."""
    panels, said, made_from = [], [], ["curves.csv of each study"]
    for study in given.studies:
        endpoint = study.protocol.endpoints[0]
        steps = curve_rows(study.curves, endpoint.name)
        band = curve_rows(study.envelopes, endpoint.name)
        if (band if study.rebuilt else steps) is None:
            continue
        curve = Curve(endpoint.label, steps, band)
        panels.append((f"{study.protocol.study}, from {study.protocol.origin_label}", [curve]))
        found = next(
            (b["alt"] for s in study.model["sections"] for b in s["blocks"]
             if b["type"] == "figureblock" and b["id"] == f"survival-{endpoint.name}"), "",
        )  # fmt: skip
        said.append(f"{study.protocol.study}: {found or 'drawn without summary.'}")
    if not panels:
        return
    if any(study.rebuilt for study in given.studies):
        made_from.append("envelopes.csv of each reconstruction")
    drawing = figures.survival_panels(
        panels, endpoint="Survival in each study", finding=" ".join(said)
    )
    yield paragraph(
        "Time begins at a different moment in each study, so the curves are not comparable height for height."
    )
    yield drawing.block("curves-of-all", "report", made_from, origin_of(given.studies))
