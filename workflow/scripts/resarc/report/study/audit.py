"""All checks of the printed figures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from resarc.published import Published
from resarc.report.citations import Citations
from resarc.report.model import (
    Block,
    Cell,
    Column,
    paragraph,
    table,
)
from resarc.report.results import (
    Results,
    sentence,
    text_of,
)
from resarc.report.study.inputs import StudyInputs
from resarc.report.study.words import (
    TONES,
    finding_title,
    heading,
    number_text,
)

SEVERITIES = ("major", "minor", "note", "none")


def checks(given: StudyInputs, results: Results, cited: Citations) -> Iterable[Block]:
    if not given.repeats_a_paper:
        return
    yield paragraph(
        "Each check compares printed figures with one another; no patient, seen or rebuilt, enters. "
        "Figures that cannot be true together are reported with the smallest set that conflicts. ",
        given.published.reading,
    )
    if not len(given.audit):
        yield paragraph("No check was made.")
        return
    order = {name: i for i, name in enumerate(SEVERITIES)}
    rows = sorted(
        given.audit.to_dict("records"), key=lambda row: order.get(text_of(row["severity"]), 9)
    )
    yield table(
        "audit-all", "All checks of the printed figures, gravest first",
        [
            Column("Check", width=1.6), Column("Verdict", chosen=True), Column("Weight", chosen=True), Column("Printed", width=1.2),
            Column("Recomputed", width=1.2), Column("Evidence", width=2.6),
        ],
        [
            (
                finding_title(row),
                Cell(text_of(row["verdict"]), tone=TONES.get(text_of(row["verdict"]), "")),
                Cell(text_of(row["severity"]), tone=TONES.get(text_of(row["severity"]), "")),
                text_of(row["printed"]), text_of(row["recomputed"]),
                " ".join(
                    filter(None, (text_of(row["evidence"]), _explained(row), _sources(given.published, row)))
                ),
            )
            for row in rows
        ],
        stage="audit", inputs=("audit.csv",), origin="paper", folded=True,
    )  # fmt: skip
    if given.hypotheses is not None and len(given.hypotheses):
        names = list(given.hypotheses.columns)
        yield table(
            "hypotheses", "Meanings of the printed figures that were tried",
            [Column(heading(name), width=2 if name == "evidence" else 0.8) for name in names],
            [[number_text(row[name]) for name in names] for row in given.hypotheses.to_dict("records")],
            stage="reconstruct", inputs=("reconstruction/hypotheses.csv",), origin="paper",
        )  # fmt: skip


def _explained(row: Mapping[str, object]) -> str:
    words = text_of(row.get("hypothesis"))
    said = words.rstrip(".") in text_of(row["evidence"])
    return f"Explained by: {sentence(words)}" if words and not said else ""


def _sources(published: Published, row: Mapping[str, object]) -> str:
    """Where the figures of a check stand in the paper."""
    ids = [name.strip() for name in text_of(row["figures"]).split(";")]
    places = dict.fromkeys(f.locator for f in published.figures if f.id in ids)
    return f"({'; '.join(list(places)[:4])}{'; …' if len(places) > 4 else ''})" if places else ""
