"""The opening page: where the results come from, the state of each study, and the answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from resarc.report.citations import Citations
from resarc.report.combined.inputs import CombinedInputs, CombinedStudy, origin_of
from resarc.report.combined.pooled import pooled_words
from resarc.report.model import (
    MARKS,
    ORIGIN_LABELS,
    Block,
    Callout,
    Cell,
    Column,
    Run,
    Table,
    paragraph,
    table,
    text,
)
from resarc.report.results import (
    capital,
    sentence,
    text_of,
)


def opening(given: CombinedInputs, cited: Citations) -> Iterable[Block]:
    yield _origin_callout(given.studies)
    yield _landing_table(given, cited)
    yield from (_answer(given, row) for row in given.pooled.to_dict("records"))


def _origin_callout(studies: Sequence[CombinedStudy]) -> Callout:
    rebuilt = [study.protocol.study for study in studies if study.rebuilt]
    if not rebuilt:
        return Callout("origin", "All results are those of registry data.")
    who = "any study" if len(rebuilt) == len(studies) else ", ".join(rebuilt)
    return Callout(
        "origin",
        f"No patient of {who} was seen.",
        (
            text(
                "Datasets that agree with what a paper prints were rebuilt, many for each study. The "
                "smallest and the largest value among them are given, the ",
                Run("identified set", "emphasis"), ". It is an inner bound: other datasets that agree "
                "with the paper may lie outside of it. Where a result was itself used for the "
                "rebuilding, it holds by construction and confirms nothing.",
            ),
        ),
    )  # fmt: skip


def _landing_table(given: CombinedInputs, cited: Citations) -> Table:
    rows = []
    for study in given.studies:
        card = study.card
        rows.append(
            (
                Cell(study.protocol.study, link=study.link),
                study.protocol.title + _citation_number(cited, study.protocol.reference),
                ORIGIN_LABELS[study.protocol.source.kind],
                _marked_cell(card["Patients"]),
                _findings_cell(card.get("Major findings", "")),
                card.get("Minor findings", "no paper"),
                card.get("Directions identified", "all"),
            )
        )
    return table(
        "all-studies", "The studies and their state",
        [
            Column("Study"), Column("Title", width=3), Column("Source", width=1),
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
    sign = MARKS["by construction"][0]
    return Cell(words.removesuffix(f" {sign}"), "by construction" if words.endswith(sign) else "")


def _citation_number(cited: Citations, key: str) -> str:
    """The citation as text, for table cells, which hold no runs."""
    runs = cited.cite(key)
    return f" [{cited.number(key)}]" if runs else ""


def _answer(given: CombinedInputs, row: Mapping[str, Any]) -> Block:
    """What the studies say together about one quantity, or why they say nothing."""
    label, reason = text_of(row["label"]) or text_of(row["quantity"]), text_of(row["reason"])
    if text_of(row["pooled"]) != "yes":
        return paragraph(Run(label, "strong"), f" was not pooled. {capital(sentence(reason))}")
    words = f" over {text_of(row['studies']).replace('; ', ', ')}: {pooled_words(given, row)}."
    return paragraph(Run(f"{label}, pooled", "strong"), words)
