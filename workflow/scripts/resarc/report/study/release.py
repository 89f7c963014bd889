"""A report for sharing: it says so, and each table and figure in it names the rule it was made under."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from resarc.report.citations import Citations
from resarc.report.model import Block, Callout, FigureBlock, Report, Table, text
from resarc.report.results import Results
from resarc.report.study.inputs import StudyInputs
from resarc.settings import Disclosure

SHORT = "Released for sharing, not exact: {rule}."


def the_rule(given: StudyInputs, results: Results, cited: Citations) -> Iterable[Block]:
    """What was done to the results before they were released."""
    if given.released is None:
        return
    body = (
        text(
            "Numbers in this report are rounded or kept back so that no small group of patients can be "
            "made out from them; they are not for further analysis. Survival curves, medians and shares come from the rounded "
            "numbers; minima, maxima and marks of single patients are not told."
        ),
        text(f"The rule: {given.released.in_words}."),
    )
    yield Callout("origin", "Released for sharing", body)


def marked(report: Report, rule: Disclosure) -> Report:
    """The report with the rule below each table and figure, and in its title and provenance."""
    said = SHORT.format(rule=rule.in_short)

    def mark(block: Block) -> Block:
        if isinstance(block, Table):
            return replace(block, notes=(*block.notes, said))
        if isinstance(block, FigureBlock):
            return replace(block, caption=f"{block.caption} {said}")
        return block

    return replace(
        report,
        title=f"{report.title} (for sharing)",
        summary=tuple(map(mark, report.summary)),
        sections=tuple(replace(s, blocks=tuple(map(mark, s.blocks))) for s in report.sections),
        provenance=(*report.provenance, ("Rule of disclosure", rule.in_short)),
    )
