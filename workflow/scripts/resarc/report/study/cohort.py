"""The patients: eligibility step by step, characteristics, and the quality of the source."""

from __future__ import annotations

from collections.abc import Iterable

from resarc.report import figures
from resarc.report.analyses import analysis_table, origin
from resarc.report.citations import Citations
from resarc.report.model import (
    Block,
    Column,
    paragraph,
    table,
)
from resarc.report.results import (
    Results,
    counted,
    text_of,
)
from resarc.report.study.inputs import StudyInputs
from resarc.report.study.words import (
    figure_block,
    heading,
    number_text,
)


def patients(given: StudyInputs, results: Results, cited: Citations) -> Iterable[Block]:
    flow, rebuilt = given.flow, results.rebuilt
    if len(flow):
        first, last = flow.iloc[0], flow.iloc[-1]
        parts = [
            f"{_number(row['excluded'])} excluded for not meeting: {row['label']}"
            for row in flow.iloc[1:].to_dict("records")
        ]
        finding = (
            f"Of {_number(first['remaining'])} patients screened, {_number(last['remaining'])} were "
            f"analysed. {'; '.join(parts)}."
        )
        caption = "Patients screened, excluded and analysed."
        if rebuilt:
            caption += (
                " By construction: records of excluded patients were filled in so that the printed "
                "numbers hold; they enter no result."
            )
        yield figure_block(
            "flow",
            figures.flow(flow, finding=finding, caption=caption),
            "cohort",
            ("flow.csv",),
            results,
        )
    for analysis in given.protocol.analyses:
        if analysis.kind == "characteristics":
            made = analysis_table(results, analysis)
            if made:
                yield made
    if not given.released:
        yield from _data_quality(given, results)


def _number(n: float) -> str:
    """A number of patients; one that a rule of disclosure keeps back is said to be."""
    return "a number not told" if n != n else f"{int(n):,}"


def _data_quality(given: StudyInputs, results: Results) -> Iterable[Block]:
    quality, rejected = given.data_quality, given.rejected
    if results.rebuilt:
        yield paragraph(
            "The source file is itself reconstructed. What cleaning found in it shows that cleaning "
            "works, and nothing about the study's records."
        )
    if len(rejected):
        names = ["file", "row", "column", "value", "rule", "reason", "remedy"]
        yield table(
            "rejected", "Rows or values that were rejected",
            [Column(n.capitalize(), width=w) for n, w in zip(names, (1, 0, 0, 1, 0, 2, 2), strict=True)],
            [[number_text(row[name]) for name in names] for row in rejected.head(200).to_dict("records")],
            stage="clean", inputs=("rejected.csv",), origin=origin(results), folded=True,
            notes=("The first 200; rejected.csv holds all.",) if len(rejected) > 200 else (),
        )  # fmt: skip
    else:
        yield paragraph("No row of the source was rejected.")
    capped = quality[quality["top_coded"] > 0] if "top_coded" in quality else quality[:0]
    if len(capped):
        columns = ", ".join(map(text_of, capped["column"]))
        yield paragraph(
            f"{counted(int(capped['top_coded'].sum()), 'value')} of {columns} above the age of 90 "
            "were set to 90, so that nobody is known by a rare age. Medians, quartiles and groups cut "
            "below 90 are not changed by this; means, standard deviations, maxima, rank tests and "
            "hazard ratios per year are those of the capped values."
        )
    if len(quality):
        counts = quality.select_dtypes("number")
        empty = [name for name in counts if (counts[name] == 0).all()]
        names = [name for name in quality.columns if name not in empty]
        left_out = ", ".join(name.replace("_", " ") for name in empty)
        yield table(
            "data-quality", "Data quality, one row for each column of the source",
            [
                Column(heading(n), "right") if n in counts else Column(heading(n), width=1)
                for n in names
            ],
            [[number_text(row[name]) for name in names] for row in quality.to_dict("records")],
            stage="clean", inputs=("data_quality.csv",), origin=origin(results), folded=True,
            notes=(f"Counts that are 0 for every column are left out: {left_out}.",) if empty else (),
        )  # fmt: skip
