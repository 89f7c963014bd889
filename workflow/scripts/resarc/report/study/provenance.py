"""What made the report: software, seeds, checksums of the inputs."""

from __future__ import annotations

from collections.abc import Iterable

from resarc.report.citations import Citations
from resarc.report.model import (
    Block,
    Column,
    paragraph,
    table,
)
from resarc.report.results import Results
from resarc.report.study.inputs import StudyInputs


def provenance(given: StudyInputs, results: Results, cited: Citations) -> Iterable[Block]:
    yield paragraph(
        "The same inputs, settings and software give the same results and the same bytes of this report."
    )
    body = {
        heading: [(name, value) for name, value in items.items()]
        for heading, items in given.provenance.items()
        if items
    }
    if body:
        yield table(
            "what-made-this", "What made this report", [Column("Item", width=1), Column("Value", width=2)],
            body, stage="report",
        )  # fmt: skip
