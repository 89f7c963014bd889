"""The paper's analysis beside the one that is recommended today: what changes, and the numbers.

Made from `reanalysis.csv`, `reanalysis_curves.csv` and `reanalysis_conclusions.csv`. The rules for
reconstructed results hold here as everywhere: identified sets and no values, and what was a target
bears the mark *by construction*.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import isinf, isnan
from typing import Any

import numpy as np
import pandas as pd

from resarc import tables
from resarc.estimand import Estimand
from resarc.protocol import Analysis
from resarc.quantities import (
    PAPER,
    QUANTITIES,
    RECOMMENDATIONS,
    RECOMMENDED,
    format_ends,
    format_quantity,
)
from resarc.report.analyses import origin, without_empty
from resarc.report.citations import Citations
from resarc.report.figures import Drawing
from resarc.report.model import (
    Block,
    Cell,
    Column,
    FigureBlock,
    Run,
    Table,
    Tone,
    paragraph,
    table,
)
from resarc.report.ratio_lines import RatioLine, ratio_lines
from resarc.report.results import Results, capital, counted, number_of, sentence, text_of
from resarc.report.study.inputs import Reanalysed, StudyInputs

FILES = ("reanalysis.csv", "reanalysis_curves.csv", "reanalysis_conclusions.csv")
_TONES: dict[str, Tone] = {"yes": "bad", "open": "warning", "no": "good", "not comparable": "muted"}
_SAYS = {
    "registry": {"yes": "changes", "no": "stays"},
    "reconstruction": {"yes": "changes", "no": "stays", "open": "not identified"},
}
_MEANS = (
    "A conclusion changes where p, or the interval, comes to lie on the other side of the paper's "
    "level. Of unmeasured confounding and assumed delays nothing changes by itself: they say how much "
    "it would take."
)
_SETS = (
    "Not identified: in some rebuilt datasets it changes and in others not. Numbers are identified "
    "sets, inner bounds over the datasets in which they were computed."
)

_SOME = (
    "Where a rebuilt dataset does not determine a number, its set is over those that do; "
    "reanalysis.csv says how many."
)


def what_changes(given: StudyInputs, results: Results, cited: Citations) -> Iterable[Block]:
    """One line for the first page: how many of the recommended analyses change a conclusion."""
    if given.reanalysis is None or not len(given.reanalysis.conclusions):
        return
    states = given.reanalysis.conclusions["changes"].map(text_of).value_counts()
    total = len(given.reanalysis.conclusions)
    parts = [
        f"{states[state]} {words}"
        for state, words in (
            ("yes", "would change a conclusion of the paper"),
            ("open", "may, which the data leave open"),
            ("no", "would not"),
            ("not comparable", "cannot be held against it"),
        )
        if state in states
    ]
    yield paragraph(
        f"{counted(total, 'analysis', 'analyses')} that would be recommended today: {'; '.join(parts)}; see ",
        Run(ref="reanalysis"), ".",
    )  # fmt: skip


def reanalysis(given: StudyInputs, results: Results, cited: Citations) -> Iterable[Block]:
    """The table of conclusions, the drawings, then the numbers of each recommendation."""
    found = given.reanalysis
    if found is None or not len(found.conclusions):
        return
    where = "the rebuilt datasets" if results.rebuilt else "the same patients"
    yield paragraph(
        f"Beside each analysis of the paper stands what is recommended for it today, computed in {where}. "
        "The paper's own result stands first."
    )
    yield _conclusions(found, results)
    for analysis in results.protocol.analyses:
        yield from _drawings(found, results, analysis)
    for analysis in results.protocol.analyses:
        for asked in dict.fromkeys(item.kind for item in analysis.recommended):
            made = _numbers(found, results, analysis, asked)
            if made:
                yield made


def _id(*parts: str) -> str:
    return "-".join(("reanalysis", *(part.replace("_", "-") for part in parts)))


# -- what changes ------------------------------------------------------------------------------------


def _conclusions(found: Reanalysed, results: Results) -> Table:
    kind = results.protocol.source.kind
    body: dict[str, list[tuple[Cell | str, ...]]] = {}
    for row in found.conclusions.to_dict("records"):
        analysis = _analysis(results, text_of(row["analysis"]))
        heading = f"{analysis.label}. The paper: {sentence(text_of(row['paper']))}"
        changes = text_of(row["changes"])
        said = _SAYS[kind].get(changes, _undecided(text_of(row["recommendation"]), changes))
        body.setdefault(heading, []).append(
            (
                RECOMMENDATIONS[text_of(row["recommendation"])],
                sentence(text_of(row["why"])),
                text_of(row["sentence"]),
                Cell(said, tone=_TONES[changes]),
            )
        )
    return table(
        "reanalysis",
        "The paper's analyses beside the recommended ones",
        [
            Column("Recommended", width=1),
            Column("Because", width=1.6),
            Column("What it shows", width=3.4),
            Column("Conclusion", width=0.9),
        ],
        body,
        stage="reanalyse",
        inputs=FILES[2:],
        origin=origin(results),
        notes=(_MEANS, *((_SETS,) if results.rebuilt else ())),
    )


def _undecided(recommendation: str, changes: str) -> str:
    """A registry's bias analysis can leave open how much there was of what it assumes."""
    return (
        "depends on the delay"
        if recommendation == "immortal_time" and changes == "open"
        else changes
    )


def _analysis(results: Results, name: str) -> Analysis:
    return next(a for a in results.protocol.analyses if a.id == name)


# -- drawings ----------------------------------------------------------------------------------------


def _drawings(found: Reanalysed, results: Results, analysis: Analysis) -> Iterable[FigureBlock]:
    curves = found.curves[found.curves["analysis"] == analysis.id]
    for kind, make in (("immortal_time", _delays), ("cut_off", _splines)):
        mine = curves[curves["recommendation"] == kind]
        lines = [
            _line(part, results, kind)
            for _, part in mine.groupby(["estimand", "series"], sort=False)
        ]
        lines = [
            line for line in lines if np.isfinite(line.lower).any() or np.isfinite(line.upper).any()
        ]
        if lines:
            drawing = make(found, results, analysis, lines)
            yield drawing.block(
                _id(analysis.id, kind, "lines"), "reanalyse", FILES[:2], origin(results)
            )


def _line(part: pd.DataFrame, results: Results, kind: str) -> RatioLine:
    estimand = Estimand.parse(text_of(part["estimand"].iloc[0]))
    protocol = results.protocol
    if kind == "immortal_time":
        title, axis = _label(results, estimand), "Assumed delay, months"
    else:
        unit = protocol.variable(estimand.by).unit
        title = protocol.label(estimand.by)
        axis = f"{title}, {unit}" if unit else title
    x = part["x"].to_numpy(float)
    if results.rebuilt:
        lower, upper, *outer = (
            part[name].to_numpy(float)
            for name in ("identified_lower", "identified_upper", "outer_lower", "outer_upper")
        )
        return RatioLine(title, axis, x, lower, upper, None, (outer[0], outer[1]))
    value, lower, upper = (part[name].to_numpy(float) for name in ("value", "lower", "upper"))
    return RatioLine(title, axis, x, lower, upper, value)


def _reading(results: Results) -> str:
    level = f"{100 * results.protocol.conventions.level:g}%"
    if results.rebuilt:
        return (
            "Shaded: identified set of the hazard ratio. Dashed: the outermost "
            f"{level} confidence limits. Dotted: no difference."
        )
    return f"Line: hazard ratio; shaded: {level} confidence limits; dotted: no difference."


def _delays(
    found: Reanalysed, results: Results, analysis: Analysis, lines: Sequence[RatioLine]
) -> Drawing:
    """How much immortal time would explain each hazard ratio."""
    rows = _rows(found.numbers, analysis, "immortal_time")
    parts = []
    for line in lines:
        mine = [row for row in rows if _label(results, _estimand(row)) == line.title]
        said = {text_of(row["quantity"]): row for row in mine}
        words = [
            f"{line.title}: hazard ratio {_plain(said.get('hazard_ratio'), results)} without delay"
        ]
        for quantity, what in (
            ("delay_to_no_evidence", "its interval holds 1 from a delay of"),
            ("delay_to_evidence", "its interval leaves 1 from a delay of"),
            ("delay_to_no_effect", "nothing is left of it at"),
        ):
            delay = _plain(said.get(quantity), results)
            if delay and delay != tables.NOT_ESTIMABLE:
                words.append(f"{what} {delay}")
        parts.append(f"{'; '.join(words)}.")
    caption = (
        f"{analysis.label}: the hazard ratio if patients of the first group had joined it only after an "
        f"assumed delay, and the time before did not count for it. {_reading(results)}"
    )
    return ratio_lines(lines, finding=" ".join(parts), caption=caption)


def _splines(
    found: Reanalysed, results: Results, analysis: Analysis, lines: Sequence[RatioLine]
) -> Drawing:
    """Markers without a cut-off."""
    rows = _rows(found.numbers, analysis, "cut_off")
    parts = []
    for line in lines:
        mine = [row for row in rows if results.protocol.label(_estimand(row).by) == line.title]
        said = {text_of(row["quantity"]): _plain(row, results) for row in mine}
        parts.append(
            f"{line.title}: p without a cut-off {said.get('spline_p', '')}, for non-linearity "
            f"{said.get('nonlinear_p', '')}."
        )
    caption = (
        f"{analysis.label}: markers without a cut-off, as restricted cubic splines. The hazard ratio is "
        f"against the median of the marker. {_reading(results)}"
    )
    return ratio_lines(lines, finding=" ".join(parts), caption=caption)


# -- numbers -----------------------------------------------------------------------------------------

Row = Mapping[str, Any]


def _rows(numbers: pd.DataFrame, analysis: Analysis, kind: str) -> list[Row]:
    mine = (numbers["analysis"] == analysis.id) & (numbers["recommendation"] == kind)
    return numbers[mine].to_dict("records")


def _estimand(row: Row) -> Estimand:
    return Estimand.parse(text_of(row["estimand"]))


def _numbers(found: Reanalysed, results: Results, analysis: Analysis, kind: str) -> Table | None:
    """One table for each recommendation beside one analysis: a row for each comparison, first the
    columns of the paper's way, then those of the recommended one."""
    rows = _rows(found.numbers, analysis, kind)
    if not rows:
        return None
    known = {text_of(row["quantity"]) for row in rows}
    names = [
        name
        for role in (PAPER, RECOMMENDED, "context")
        for name, quantity in QUANTITIES.items()
        if name in known and quantity.role == role
    ]
    split = _told_apart(rows)
    body: dict[tuple[str, str], dict[str, Cell]] = {}
    notes: dict[str, list[str]] = {name: [] for name in names}
    for row in rows:
        name, at = text_of(row["quantity"]), text_of(row["at"])
        key = (text_of(row["estimand"]), at if text_of(row["estimand"]) in split else "")
        cell = _cell(row, results)
        if at and not key[1]:
            cell = Cell(f"{cell.text} ({at})", cell.mark)
        body.setdefault(key, {})[name] = cell
        how = text_of(row["how"])
        said = [
            text_of(row["method"]),
            how if how.startswith("sample of") else "",
            text_of(row["note"]),
        ]
        for words in filter(None, said):
            if capital(words) not in notes[name]:
                notes[name].append(capital(words))
    undetermined = any(number_of(row["undetermined"]) > 0 for row in rows)
    made = []
    for (estimand, at), cells in body.items():
        label = _label(results, Estimand.parse(estimand)) + (f", {at}" if at else "")
        made.append((label, *(cells.get(name, Cell("")) for name in names)))
    columns = [Column("Comparison", width=2)]
    columns += [_column(name, notes[name]) for name in names]
    columns, groups = without_empty(columns, {"": made})
    return table(
        _id(analysis.id, kind), f"{RECOMMENDATIONS[kind]}: {analysis.label}", columns, groups,
        stage="reanalyse", inputs=FILES[:1], origin=origin(results), folded=True,
        notes=(_SOME,) if undetermined else (),
    )  # fmt: skip


def _column(name: str, notes: Sequence[str]) -> Column:
    header = QUANTITIES[name].label
    if QUANTITIES[name].role == PAPER:
        header = f"{header} (paper's way)"
    shown = "; ".join(notes[:4]) + ("; …" if len(notes) > 4 else "")
    return Column(header, "right", 1, f"{shown}." if shown else "")


def _told_apart(rows: Sequence[Row]) -> set[str]:
    """Estimands of which a quantity stands at several places (landmarks, patterns), each a row."""
    seen: dict[tuple[str, str], set[str]] = {}
    for row in rows:
        key = (text_of(row["estimand"]), text_of(row["quantity"]))
        seen.setdefault(key, set()).add(text_of(row["at"]))
    return {estimand for (estimand, _), places in seen.items() if len(places) > 1}


def _label(results: Results, estimand: Estimand) -> str:
    """What a row compares: the contrast, the factor or the survival, without the statistic."""
    protocol = results.protocol
    if not estimand.by:
        return results.describe(estimand)
    words = protocol.label(estimand.by)
    if estimand.contrast:
        one, other = (protocol.level_label(estimand.by, level) for level in estimand.contrast)
        words += f": {tables.inside(one)} against {tables.inside(other)}"
    if estimand.within:
        words += f" within {tables.inside(protocol.label(estimand.within))}"
    for condition in estimand.where:
        words += f", {tables.describe_condition(condition, protocol)}"
    return f"{words}, adjusted" if estimand.adjusted_for else words


def _cell(row: Row, results: Results) -> Cell:
    words = _plain(row, results, limits=True)
    if text_of(row["how"]) == "by construction":
        return Cell(words, "by construction")
    lower, upper = (number_of(row[f"identified_{end}"]) for end in ("lower", "upper"))
    scale = QUANTITIES[text_of(row["quantity"])].scale
    neutral = {"ratio": 1.0}.get(scale)
    if text_of(row["quantity"]) == "rmst_difference":
        neutral = 0.0
    if text_of(row["quantity"]) == "detectable_ratio":
        neutral = None
    if results.rebuilt and neutral is not None and lower <= neutral <= upper:
        return Cell(words, "not identified")
    return Cell(words)


def _plain(row: Row | None, results: Results, *, limits: bool = False) -> str:
    """A number as its identified set, or of a registry as its value, with confidence limits if asked."""
    if row is None:
        return tables.NOT_ESTIMABLE
    quantity = text_of(row["quantity"])
    if results.rebuilt:
        lower, upper = (number_of(row[f"identified_{end}"]) for end in ("lower", "upper"))
        return _nothing(quantity) if isnan(lower) else format_ends(quantity, lower, upper)
    value, lower, upper = (number_of(row[name]) for name in ("value", "lower", "upper"))
    words = _nothing(quantity) if isnan(value) else format_quantity(quantity, value)
    if not limits or isnan(lower) or (isnan(upper) and not isinf(upper)):
        return words
    ends = (format_quantity(quantity, end, unit=False) for end in (lower, upper))
    return f"{words} ({f'{tables.NBSP}to{tables.NBSP}'.join(ends)})"


def _nothing(quantity: str) -> str:
    """A delay at which an interval comes to hold 1, where it always does, is not asked for."""
    return "" if QUANTITIES[quantity].scale == "months" else tables.NOT_ESTIMABLE
