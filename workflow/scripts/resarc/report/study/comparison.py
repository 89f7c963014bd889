"""Every printed figure against the re-analysed one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from math import isnan

from resarc import tables
from resarc.estimand import Estimand
from resarc.protocol import Protocol
from resarc.report import figures
from resarc.report.analyses import inputs, origin
from resarc.report.citations import Citations
from resarc.report.figures import Drawing, Pair
from resarc.report.model import (
    Block,
    Cell,
    Column,
    Table,
    paragraph,
    table,
)
from resarc.report.results import (
    SAMPLED,
    Results,
    capital,
    counted,
    number_of,
    printed_text,
    text_of,
)
from resarc.report.study.inputs import StudyInputs
from resarc.report.study.words import (
    TONES,
    VERDICTS,
    figure_block,
    figure_of,
)

_MEANINGS = {
    "reproduced": "the re-analysed value prints as the paper printed it",
    "differs": "it does not",
    "by construction": "a target: the datasets were built to print so, which confirms nothing",
    "set aside": "meant as a target, but it cannot hold together with the others",
    "within identified set": "not a target, and some consistent dataset prints so",
    "outside identified set": "not a target, and no dataset that was built prints so",
    "not computed": "no result to compare with",
}


def comparison(given: StudyInputs, results: Results, cited: Citations) -> Iterable[Block]:
    if not given.repeats_a_paper:
        return
    frame = given.comparison
    if not len(frame):
        yield paragraph("No printed figure was compared.")
        return
    verdicts = frame["verdict"].map(text_of)
    used = [v for v in VERDICTS[given.protocol.source.kind] if (verdicts == v).any()]
    yield table(
        "verdicts", "Printed figures by verdict",
        [Column("Verdict", width=1), Column("Figures", "right"), Column("Meaning", width=3)],
        [(Cell(v, tone=TONES[v]), str(int((verdicts == v).sum())), capital(_MEANINGS[v]) + ".") for v in used],
        stage="compare", inputs=("comparison.csv",), origin=origin(results),
    )  # fmt: skip
    pairs = [pair for row in frame.to_dict("records") if (pair := _pair(given, results, row))]
    if pairs:
        yield figure_block(
            "agreement", _agreement(results, pairs), "compare", ("comparison.csv",), results
        )
    yield _comparison_table(given, results)


def _pair(given: StudyInputs, results: Results, row: Mapping[str, object]) -> Pair | None:
    """One printed number against its re-analysis, in the unit of its panel."""
    figure = figure_of(given.published, row)
    if figure is None or figure.claim or figure.not_available or figure.value.mark != "=":
        return None
    estimand = figure.estimand
    panel, scale = _panel(estimand, given.protocol)
    if not panel:
        return None
    if results.rebuilt:
        value, ends = (
            float("nan"),
            (number_of(row["identified_lower"]), number_of(row["identified_upper"])),
        )
        if any(isnan(end) for end in ends):
            return None
    else:
        value, ends = number_of(row["value"]), (float("nan"), float("nan"))
        if isnan(value):
            return None
    verdict = text_of(row["verdict"])
    role = {"by construction": "target", "reproduced": "agrees", "within identified set": "agrees"}
    printed = float(figure.value.value) * given.published.factor(figure)
    return Pair(
        panel, printed * scale, value * scale, ends[0] * scale, ends[1] * scale,
        role.get(verdict, "differs"), results.describe(estimand),
    )  # fmt: skip


def _panel(estimand: Estimand, protocol: Protocol) -> tuple[str, float]:
    """The panel in which an estimand is drawn and the factor to its unit; none for counts."""
    unit = tables.unit(estimand, protocol)
    if estimand.kind.scale == "p":
        return "p", 1.0
    if unit == "%" and estimand.kind.scale == "fraction":
        return "Per cent", 100.0
    return ("Months", 1.0) if unit == "months" else ("", 1.0)


def _agreement(results: Results, pairs: Sequence[Pair]) -> Drawing:
    differ = sum(pair.role == "differs" for pair in pairs)
    targets = sum(pair.role == "target" for pair in pairs)
    free = len(pairs) - targets
    if results.rebuilt:
        finding = (
            f"{counted(len(pairs), 'printed number')} against identified sets. {targets} were targets "
            f"and lie on the diagonal by construction; of the other {free}, {differ} lie outside their "
            "identified set or were set aside."
        )
        caption = (
            "Printed numbers against identified sets (vertical bars). Dashed: agreement. Hollow circles: "
            "targets of the reconstruction, which agree by construction."
        )
    else:
        finding = (
            f"{counted(len(pairs), 'printed number')} against re-analysed values: {differ} differ."
        )
        caption = "Printed numbers against re-analysed values. Dashed: agreement."
    return figures.agreement(pairs, finding=finding, caption=caption)


def _comparison_table(given: StudyInputs, results: Results) -> Table:
    rows = []
    for row in given.comparison.to_dict("records"):
        estimand = Estimand.parse(str(row["estimand"]))
        figure, verdict = figure_of(given.published, row), text_of(row["verdict"])
        said = printed_text(figure) if figure else text_of(row["printed"])
        # A figure that was read as another estimand is compared with that one's result.
        found = results.cell(Estimand.parse(text_of(row.get("read_as")) or str(estimand)))
        if verdict == "not computed":
            found = Cell("")
        elif results.rebuilt:
            found = replace(found, mark="by construction" if verdict == "by construction" else "")
        rows.append(
            (
                results.describe(estimand), said, found, Cell(verdict, tone=TONES[verdict]),
                text_of(row["locator"]), text_of(row.get("note")),
            )
        )  # fmt: skip
    last = any(row[-1] for row in rows)
    columns = [
        Column("Quantity", width=3), Column("Printed", "right"),
        Column("Identified set" if results.rebuilt else "Re-analysed", "right"), Column("Verdict", chosen=True),
        Column("Where printed", width=1.6), *((Column("Note", width=1.6),) if last else ()),
    ]  # fmt: skip
    return table(
        "comparison-all", "Every printed figure against its re-analysis", columns,
        [row if last else row[:-1] for row in rows], stage="compare",
        inputs=("comparison.csv", *inputs(results)), origin=origin(results), folded=True,
        notes=(SAMPLED,) if results.rebuilt else (),
    )  # fmt: skip
