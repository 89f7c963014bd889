"""How the studies were put together, and what made the report."""

from __future__ import annotations

from collections.abc import Iterable

from resarc.report.citations import Citations
from resarc.report.combined.inputs import CombinedInputs
from resarc.report.model import (
    Block,
    Column,
    paragraph,
    table,
)
from resarc.report.results import (
    counted,
)

_POOLING = ("paule1982", "hartung2001", "inthout2016")


def methods(given: CombinedInputs, cited: Citations) -> Iterable[Block]:
    yield paragraph(
        "Each study was analysed by its own protocol; see the methods of its report. Results were "
        "pooled only where the studies measure the same quantity: shares of patients by a binomial "
        "model with random intercepts",
        *cited.cite("stijnen2010"),
        ", everything else by a random-effects mean",
        *cited.cite(*_POOLING),
        ". A reconstructed study enters with its identified set and the standard errors of all its "
        "datasets; the pooled identified set is the range over all values within, found by search.",
    )
    yield paragraph(
        f"{counted(len(given.studies), 'study', 'studies')}. The same inputs, settings and software "
        "give the same bytes of this report."
    )
    body = {h: list(items.items()) for h, items in given.provenance.items() if items}
    if body:
        yield table(
            "what-made-this", "What made this report",
            [Column("Item", width=1), Column("Value", width=2)], body, stage="report",
        )  # fmt: skip
