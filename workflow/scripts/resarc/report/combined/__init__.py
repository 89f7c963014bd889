"""The report over all studies: one page that a tumour board can read, then the comparison.

What stands here is taken from the studies' own reports and from the tables of the synthesis.
Reconstructed results appear as identified sets, as in the studies' reports.

A section is a function `(given, cited) -> Iterable[Block]` and its line in `SECTIONS`; a section that
yields nothing is left out. To add one, give `CombinedInputs` or `CombinedStudy` what it needs, read
that in `combined_report.py`, list the file in the rule `combined_report`, and write the function in a
module named after its question.

| module     | question                                                          |
|------------|-------------------------------------------------------------------|
| `inputs`   | what is the report made from?                                     |
| `opening`  | what does a reader in a hurry need to know?                       |
| `studies`  | what was found in each study?                                     |
| `curves`   | how long do patients live, study by study?                        |
| `together` | what do the studies say about the same quantity?                  |
| `evidence` | what has been published, and what is reported beside it?          |
| `pooled`   | how is a pooled result put into words?                            |
| `methods`  | how was it done, and from what?                                   |
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from resarc.report.citations import Citations
from resarc.report.combined.curves import curves
from resarc.report.combined.evidence import evidence
from resarc.report.combined.inputs import CombinedInputs, CombinedStudy, origin_of
from resarc.report.combined.methods import methods
from resarc.report.combined.opening import opening
from resarc.report.combined.studies import studies
from resarc.report.combined.together import together
from resarc.report.model import Block, Report, Section

__all__ = ["SECTIONS", "CombinedInputs", "CombinedStudy", "build"]

SectionOf = Callable[[CombinedInputs, Citations], Iterable[Block]]

SECTIONS: tuple[tuple[str, str, SectionOf], ...] = (
    ("studies", "The studies", studies),
    ("curves", "Survival, study by study", curves),
    ("together", "The studies side by side", together),
    ("literature", "What has been published", evidence),
    ("methods", "Methods", methods),
)
"""Id, title and content of each section, in the order in which they are read."""


def build(given: CombinedInputs) -> Report:
    """The report over all studies."""
    cited = Citations(given.references)
    summary = tuple(opening(given, cited))
    sections = [
        Section(identifier, title, tuple(content(given, cited)))
        for identifier, title, content in SECTIONS
    ]
    return Report(
        title="Metastatic soft tissue sarcoma: the studies re-analysed",
        subtitle="What the printed figures of each study say, what they leave open, and what they say together",
        study="all studies",
        version=given.version,
        data_date=given.data_date,
        origin=origin_of(given.studies),
        summary=summary,
        sections=tuple(section for section in sections if section.blocks),
        references=cited.listed(),
        provenance=(
            ("Studies", str(len(given.studies))),
            ("Date of the latest data", given.data_date),
            ("Resarc", given.version),
        ),
    )
