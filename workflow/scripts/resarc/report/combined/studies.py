"""Each study in short, with its gravest findings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from resarc.report.citations import Citations
from resarc.report.combined.inputs import CombinedInputs
from resarc.report.model import (
    Block,
    Callout,
    Run,
    Text,
    paragraph,
)
from resarc.report.results import (
    sentence,
)

_MOST_FINDINGS = 4


def studies(given: CombinedInputs, cited: Citations) -> Iterable[Block]:
    """The gravest findings of each study, as its own report tells them."""
    for study in given.studies:
        yield paragraph(
            Run(study.protocol.title, "strong"),
            f". {sentence(study.protocol.population)} Time zero: {study.protocol.origin_label}. "
            f"Printed figures: {study.card.get('Printed figures') or 'none compared'}. ",
            Run("Report of this study", link=study.link), ".",
        )  # fmt: skip
        grave = [
            block
            for block in study.model["summary"]
            if block["type"] == "callout" and block["severity"] == "major"
        ]
        for block in grave[:_MOST_FINDINGS]:
            yield Callout("finding", block["title"], tuple(map(_line, block["body"][:1])), "major")
        if len(grave) > _MOST_FINDINGS:
            yield paragraph(f"{len(grave) - _MOST_FINDINGS} more are in the study's report.")


def _line(runs: Sequence[Mapping[str, Any]]) -> Text:
    """A line of another report without its citations and references."""
    return tuple(Run(run["text"], run["style"]) for run in runs if run["text"])
