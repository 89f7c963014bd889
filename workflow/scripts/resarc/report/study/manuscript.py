"""What a manuscript takes from the results."""

from __future__ import annotations

from collections.abc import Iterable

from resarc.report import snippets
from resarc.report.citations import Citations
from resarc.report.model import (
    Block,
    Run,
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
