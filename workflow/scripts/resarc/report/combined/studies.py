"""All studies with the state of each, then each study in short with its gravest findings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from resarc.report.citations import Citations
from resarc.report.combined.inputs import CombinedInputs, origin_of
from resarc.report.model import (
    MARKS,
    ORIGIN_LABELS,
    Block,
    Callout,
    Cell,
    Column,
    Run,
    Table,
    Text,
    paragraph,
    table,
)
from resarc.report.results import sentence

_MOST_FINDINGS = 4
_SIGN = MARKS["by construction"][0]


def studies(given: CombinedInputs, cited: Citations) -> Iterable[Block]:
    """The state of all, then the gravest findings of each study, as its own report tells them."""
    yield landing(given, cited)
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


def landing(given: CombinedInputs, cited: Citations) -> Table:
    """All studies with the state of each."""
    rows = []
    for study in given.studies:
        card = study.card
        rows.append(
            (
                Cell(study.protocol.study, link=study.link),
                study.protocol.title + _citation_number(cited, study.protocol.reference),
                ORIGIN_LABELS[study.protocol.source.kind], str(study.model["data_date"]), _marked_cell(card["Patients"]),
                _findings_cell(card.get("Major findings", "")),
                card.get("Minor findings", "no paper"),
                card.get("Directions identified", "all"),
            )
        )  # fmt: skip
    return table(
        "all-studies", "The studies and their state",
        [
            Column("Study"), Column("Title", width=3), Column("Source", width=1), Column("Data of"),
            Column("Patients", "right"), Column("Major findings", "right"),
            Column("Minor findings", "right"), Column("Directions identified", "right"),
        ],
        rows, stage="report", inputs=("model.json of each study",), origin=origin_of(given.studies),
        notes=(
            "Findings: contradictions among the printed figures, from each study's audit. Directions "
            "identified: hazard ratios for which all consistent datasets lie on one side of 1.",
        ),
    )  # fmt: skip


def _findings_cell(number: str) -> Cell:
    """The number of major findings; a study that repeats no paper has none to find."""
    return Cell(number or "no paper", tone="bad" if number not in ("", "0") else "")


def _marked_cell(words: str) -> Cell:
    """A value of a study's card as a cell: the sign behind it becomes the mark."""
    return Cell(
        words.removesuffix(f" {MARKS['by construction'][0]}"),
        "by construction" if words.endswith(_SIGN) else "",
    )


def _citation_number(cited: Citations, key: str) -> str:
    """The citation as text, for table cells, which hold no runs."""
    runs = cited.cite(key)
    return f" [{cited.number(key)}]" if runs else ""
