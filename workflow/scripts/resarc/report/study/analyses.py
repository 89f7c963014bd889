"""The paper's analyses: curves, tables, and all hazard ratios side by side."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from math import inf, isnan, log

from resarc import tables
from resarc.estimand import Condition, Estimand
from resarc.protocol import Analysis
from resarc.report import figures
from resarc.report.analyses import analysis_table, inputs, remaining_table
from resarc.report.citations import Citations
from resarc.report.figures import Curve, Interval
from resarc.report.model import (
    Block,
)
from resarc.report.results import (
    Results,
    counted,
    curve_rows,
)
from resarc.report.study.inputs import StudyInputs
from resarc.report.study.words import (
    figure_block,
    ratio_label,
    slug,
)

_PANELS = 6


def analyses(given: StudyInputs, results: Results, cited: Citations) -> Iterable[Block]:
    drawn: set[tuple[str, str]] = set()
    for analysis in given.protocol.analyses:
        if analysis.kind == "characteristics":
            continue
        yield from _survival_figures(given, results, analysis, drawn)
        made = analysis_table(results, analysis)
        if made:
            yield made
    yield from _forest(given, results)
    rest = remaining_table(results)
    if rest:
        yield rest


def _survival_figures(
    given: StudyInputs, results: Results, analysis: Analysis, drawn: set[tuple[str, str]]
) -> Iterable[Block]:
    """Curves that an analysis is about and that no earlier one has shown."""
    endpoint = analysis.endpoint
    if endpoint is None or analysis.kind in ("multivariable", "cutoffs"):
        return
    names = [""] if analysis.kind == "survival" else []
    names += [analysis.by] if analysis.by else []
    if analysis.kind == "univariable":
        names += analysis.variables
    wanted = []
    for name in names:
        if (endpoint, name) in drawn or (name and given.protocol.kind(name) != "category"):
            continue
        curves = _curves_of(given, results, endpoint, name)
        if curves:
            drawn.add((endpoint, name))
            wanted.append((name, curves))
    label = given.protocol.label(endpoint)
    made_from = ("curves.csv", *(("envelopes.csv",) if results.rebuilt else ()))
    if len(wanted) <= 2:
        for name, curves in wanted:
            drawing = figures.survival(
                curves, endpoint=label, finding=_survival_finding(given, results, analysis, endpoint, name),
                level=given.protocol.conventions.level, members=given.members,
            )  # fmt: skip
            title = f"{label} by {given.protocol.label(name).lower()}" if name else label
            drawing = replace(drawing, caption=drawing.caption.replace(label, title, 1))
            yield figure_block(
                slug("survival", endpoint, name), drawing, "analyse", made_from, results
            )
        return
    for start in range(0, len(wanted), _PANELS):
        part = wanted[start : start + _PANELS]
        finding = " ".join(
            _survival_finding(given, results, analysis, endpoint, name) for name, _ in part
        )
        drawing = figures.survival_panels(
            [(given.protocol.label(name), curves) for name, curves in part],
            endpoint=label, finding=finding, members=given.members,
        )  # fmt: skip
        identifier = slug("survival", endpoint, analysis.id, str(start // _PANELS + 1))
        yield figure_block(identifier, drawing, "analyse", made_from, results)


def _curves_of(given: StudyInputs, results: Results, endpoint: str, name: str) -> list[Curve]:
    """The curves of the cohort or of each level; a reconstruction's only with their bands."""
    groups = given.protocol.levels(name) if name else ("",)
    found = []
    for level in groups:
        steps = curve_rows(given.curves, endpoint, name, level)
        label = given.protocol.level_label(name, level) if name else "All patients"
        if not results.rebuilt:
            if steps is not None:
                found.append(Curve(label, steps, cut=bool(given.released)))
            continue
        band = curve_rows(given.envelopes, endpoint, name, level)
        if band is not None:
            found.append(Curve(label, steps, band))
    return found


def _survival_finding(
    given: StudyInputs, results: Results, analysis: Analysis, endpoint: str, name: str
) -> str:
    """What curves show, from the estimates that belong to them."""
    protocol = given.protocol
    label = protocol.label(endpoint)
    parts = []
    for level in protocol.levels(name) if name else ("",):
        where = (Condition(name, level),) if name else ()
        wanted = [Estimand("median", endpoint, where=where)]
        wanted += [Estimand("survival", endpoint, at, where) for at in analysis.at]
        said = [
            f"{'median' if e.statistic == 'median' else tables.describe_duration(e.argument, adjective=True)} "
            f"{results.text(e)}"
            for e in wanted
            if results.has(e)
        ]
        if said:
            parts.append(
                f"{protocol.level_label(name, level) if name else 'All patients'}: {', '.join(said)}."
            )
    logrank = Estimand("logrank_p", endpoint, by=name) if name else None
    if logrank and results.has(logrank):
        parts.append(f"Log-rank test, p: {results.text(logrank)}.")
    kind = "identified sets" if results.rebuilt else "with confidence limits"
    heading = f"{label} by {protocol.label(name).lower()}" if name else label
    return f"{heading} ({kind}). " + (" ".join(parts) or "No summary was computed.")


def _forest(given: StudyInputs, results: Results) -> Iterable[Block]:
    """Every hazard ratio between levels, narrowest first, beside what the paper printed."""
    groups, count, clear = [], 0, 0
    for endpoint in given.protocol.endpoint_names:
        rows = []
        for estimand in results.keys:
            if estimand.statistic != "hazard_ratio" or estimand.subject != endpoint:
                continue
            lower, upper = results.limits(estimand)
            if isnan(lower) and isnan(upper):
                continue
            identified = not results.rebuilt or results.direction(estimand) == "identified"
            point = results.value(estimand)
            rows.append(
                Interval(
                    ratio_label(given.protocol, estimand), lower, upper,
                    "set" if results.rebuilt else "estimate", point, _printed_p(results, estimand),
                    identified, _printed_number(results, estimand),
                )
            )  # fmt: skip
        if rows:
            rows.sort(key=lambda row: _width(row.lower, row.upper))
            groups.append((given.protocol.label(endpoint), rows))
            count += len(rows)
            clear += sum(row.identified for row in rows)
    if not groups:
        return
    if results.rebuilt:
        finding = (
            f"Identified sets of {counted(count, 'hazard ratio')}: {clear} lie on one side of 1, "
            f"{count - clear} do not."
        )
        caption = (
            "Identified sets of hazard ratios, narrowest first. Filled bar: all rebuilt datasets "
            "agree on the direction. Hollow bar: they do not. Diamond: printed hazard ratio. Right: "
            "printed p."
        )
    else:
        finding = "Hazard ratios with confidence limits: " + "; ".join(
            f"{row.label} {row.lower:.2f} to {row.upper:.2f}" for _, rows in groups for row in rows[:12]
        ) + "."  # fmt: skip
        caption = "Hazard ratios with confidence limits, narrowest first."
        if given.repeats_a_paper:
            caption += " Diamond: printed hazard ratio. Right: printed p."
    drawing = figures.forest(
        groups, axis="Hazard ratio (logarithmic scale)", finding=finding, caption=caption,
        note="Printed p" if given.repeats_a_paper else "", null=1.0, logarithmic=True,
    )  # fmt: skip
    yield figure_block(
        "hazard-ratios",
        drawing,
        "identify" if results.rebuilt else "analyse",
        inputs(results),
        results,
    )


def _width(lower: float, upper: float) -> float:
    return log(upper / lower) if lower > 0 and upper < inf else inf


def _printed_p(results: Results, ratio: Estimand) -> str:
    """The p that the paper printed for the comparison a hazard ratio is about."""
    by, adjusted = ratio.by, ratio.adjusted_for
    wanted = [Estimand("cox_p", ratio.subject, None, ratio.where, by, ratio.contrast, "", adjusted)]
    if not adjusted:
        wanted.append(Estimand("logrank_p", ratio.subject, None, ratio.where, by))
    found = [results.printed(e) for e in wanted]
    return next((words for words in found if words), "")


def _printed_number(results: Results, estimand: Estimand) -> float:
    for figure in results.figures.get(str(estimand), []):
        if not figure.not_available and not figure.claim and figure.value.mark == "=":
            return float(figure.value.value)
    return float("nan")
