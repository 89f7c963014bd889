"""What a manuscript takes from the results."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from resarc.report import snippets
from resarc.report.checklist import CITED, OPEN, Known, checklists
from resarc.report.citations import Citations
from resarc.report.model import (
    Block,
    Run,
    Table,
    paragraph,
)
from resarc.report.results import Results
from resarc.report.study.inputs import StudyInputs


def for_a_manuscript(given: StudyInputs, results: Results, cited: Citations) -> Iterable[Block]:
    yield paragraph(
        "The tables of this report, without what the paper printed, are in ",
        Run("tables.docx", link="manuscript/tables.docx"), " (Word), ",
        Run("tables.tex", link="manuscript/tables.tex"), " (LaTeX) and, one by one, in ",
        Run("tables/index.csv", link="tables/index.csv"), "; every result as a sentence is in ",
        Run("snippets.csv", link="manuscript/snippets.csv"), ".",
    )  # fmt: skip
    quoted = snippets.quotable(given.results_for("manuscript"), given.snippets)
    if quoted:
        yield quoted
    lists = checklists(Known(results, given.flow))
    yield paragraph(
        "What journals ask to be reported is filled in below from what this analysis knows, after STROBE",
        *cited.cite(*CITED["strobe"]),
        *((" and REMARK", *cited.cite(*CITED["remark"])) if len(lists) > 1 else ()),
        f". {_open_items(lists)}",
    )  # fmt: skip
    yield from lists


def _open_items(lists: Sequence[Table]) -> str:
    """Which items are open, by their numbers."""
    said = []
    for made in lists:
        numbers = [row[0].text for row in made.rows if row[-1].text == OPEN]
        if numbers:
            name = "STROBE" if "strobe" in made.id else "REMARK"
            said.append(f"Open in {name}: {', '.join(numbers)}.")
    return " ".join(said)
