"""The report of one study, in the order of a reader in a hurry.

First what was found and how far it can be trusted; then the patients, the analyses, the printed
figures against the re-analysed ones, the whole audit, the methods and the provenance. Nothing is
computed here: results are selected, put into words and ordered.

A section is a function `(given, results, cited) -> Iterable[Block]` and its line in `SECTIONS`; a
section that yields nothing is left out. To add one:

1. If it needs a result file that `StudyInputs` does not hold, add a field to `StudyInputs` (optional
   where not every study has the file), its name to the tables that `study_report.py` reads, and the
   file to the inputs of the rule `study_report`.
2. Write the function in a module of this package that is named after its question. It yields blocks
   of `resarc.report.model`: `paragraph`, `Bullets`, `Facts`, `Callout`, `table(...)`,
   `FigureBlock`. Values come out of `results` (`cell`, `text`), which keeps the rules for
   reconstructed results; ids of tables and figures are unique in a report.
3. Put it into `SECTIONS` where a reader looks for it. What a reader in a hurry must see besides is a
   function of the same form in `summary.FOUND`.

| module       | question                                                            |
|--------------|---------------------------------------------------------------------|
| `inputs`     | what is a report made from?                                         |
| `summary`    | what was found, and what does a list of studies say of this one?    |
| `cohort`     | who was analysed?                                                   |
| `updates`    | what did new exports of a registry change?                          |
| `analyses`   | what do the paper's analyses give?                                  |
| `reanalysis` | what is recommended today, and what does it change?                 |
| `comparison` | do the printed figures agree with the re-analysis?                  |
| `pinned`     | what do the printed figures pin down of what was not printed?       |
| `rebuilt`    | how far can the rebuilt datasets be trusted?                        |
| `audit`      | do the printed figures agree with one another?                      |
| `manuscript` | what can be taken into a manuscript?                                |
| `methods`    | how was it done?                                                    |
| `provenance` | from which files, by which software?                                |
| `words`      | what several of them say alike                                      |
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from resarc.errors import DataError
from resarc.references import format_plain
from resarc.report.analyses import origin
from resarc.report.citations import Citations
from resarc.report.model import Block, Report, Section
from resarc.report.results import Results, text_of
from resarc.report.study.analyses import analyses
from resarc.report.study.audit import checks
from resarc.report.study.cohort import patients
from resarc.report.study.comparison import comparison
from resarc.report.study.inputs import StudyInputs
from resarc.report.study.manuscript import for_a_manuscript
from resarc.report.study.methods import methods
from resarc.report.study.pinned import pinned_down
from resarc.report.study.provenance import provenance
from resarc.report.study.reanalysis import reanalysis
from resarc.report.study.rebuilt import datasets
from resarc.report.study.release import marked
from resarc.report.study.summary import card, found, source_in_words
from resarc.report.study.updates import what_changed
from resarc.report.study.words import VERDICTS

__all__ = ["SECTIONS", "StudyInputs", "build"]

SectionOf = Callable[[StudyInputs, Results, Citations], Iterable[Block]]

SECTIONS: tuple[tuple[str, str, SectionOf], ...] = (
    ("cohort", "Patients", patients),
    ("updates", "What changed since earlier exports", what_changed),
    ("analyses", "Analyses", analyses),
    ("reanalysis-section", "The paper's analyses beside the recommended ones", reanalysis),
    ("comparison", "Printed against re-analysed", comparison),
    ("pinned-down", "What the printed figures pin down", pinned_down),
    ("datasets", "The rebuilt datasets", datasets),
    ("audit", "Audit of the printed figures", checks),
    ("manuscript", "For a manuscript", for_a_manuscript),
    ("methods", "Methods", methods),
    ("provenance", "Provenance", provenance),
)
"""Id, title and content of each section, in the order in which they are read."""


RELEASED = ("cohort", "analyses", "methods", "provenance")
"""The sections of a release. What the others hold is not released, or not about the registry."""


def build(given: StudyInputs) -> Report:
    """The report of one study; of released results one in which each table and figure names the rule.

    `DataError` if a result claims what its origin does not allow, such as the verdict `reproduced`
    for a reconstruction, or lacks the identified sets that a reconstruction's results need.
    """
    _check_origin(given)
    protocol, results = given.protocol, given.results
    cited = Citations(given.references)
    papers = [given.references[key] for key in (protocol.reference,) if key in given.references]
    summary = tuple(found(given, results, cited))
    sections = [
        Section(identifier, title, tuple(content(given, results, cited)))
        for identifier, title, content in SECTIONS
        if not given.released or identifier in RELEASED
    ]
    report = Report(
        title=protocol.title,
        subtitle=protocol.population,
        study=protocol.study,
        version=given.version,
        data_date=given.data_date,
        origin=origin(results),
        summary=summary,
        sections=tuple(section for section in sections if section.blocks),
        references=cited.listed(),
        provenance=(
            *(("Paper", format_plain(paper)) for paper in papers),
            ("Patients", source_in_words(given)),
            ("Time zero", protocol.origin_label),
            ("Date of the data", given.data_date),
            ("Resarc", given.version),
        ),
        card=tuple(card(given, results)),
    )
    return marked(report, given.released) if given.released else report


def _check_origin(given: StudyInputs) -> None:
    kind = given.protocol.source.kind
    wrong = sorted(set(given.comparison["verdict"].map(text_of)) - set(VERDICTS[kind]))
    if wrong:
        raise DataError(
            f"comparison of study {given.protocol.study!r}, column verdict",
            repr(wrong[0]),
            f"one of {', '.join(VERDICTS[kind])} for a {kind}",
            "Run the stage compare again.",
        )
    if kind == "reconstruction" and given.identified is None:
        raise DataError(
            f"study {given.protocol.study!r}",
            "no identified sets",
            "identified.csv, without which no reconstructed result may be shown",
            "Run the stage identify.",
        )
