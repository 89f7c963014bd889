"""The tables of a study's analyses, each in the form that its readers expect.

Every table shows what the paper printed beside the re-analysed result; `Results` decides how a
result may appear.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from resarc import tables
from resarc.estimand import Condition, Duration, Estimand
from resarc.protocol import Analysis
from resarc.report.model import Cell, Column, Origin, Table, table
from resarc.report.results import NBSP, SAMPLED, Results, text_of

_SUMMARIES = {
    "median": "Median",
    "q1": "Lower quartile",
    "q3": "Upper quartile",
    "mean": "Mean",
    "sd": "Standard deviation",
    "minimum": "Minimum",
    "maximum": "Maximum",
}
_TESTS = {
    "chi2_p": "Chi-squared test, p",
    "fisher_p": "Fisher's exact test, p",
    "trend_p": "Linear-by-linear trend test, p",
    "mann_whitney_p": "Mann-Whitney test, p",
    "kruskal_wallis_p": "Kruskal-Wallis test, p",
}
_INPUTS = ("estimates.csv", "identified.csv")


def origin(results: Results) -> Origin:
    return "reconstruction" if results.rebuilt else "registry"


def inputs(results: Results, *more: str) -> tuple[str, ...]:
    return (*(_INPUTS if results.rebuilt else _INPUTS[:1]), *more)


def result_header(results: Results) -> str:
    if results.rebuilt:
        return "Identified set"
    return f"Estimate ({100 * results.protocol.conventions.level:g}% CI)"


def analysis_table(results: Results, analysis: Analysis) -> Table | None:
    """The table of one analysis of the protocol; None if nothing of it was estimated."""
    if analysis.kind in ("characteristics", "response"):
        return _by_level(results, analysis)
    if analysis.kind == "univariable":
        return _univariable(results, analysis)
    return _listing(results, analysis)


def remaining_table(results: Results) -> Table | None:
    """Every result that no other table of the report shows."""
    rest = [e for e in results.keys if str(e) not in results.shown]
    if not rest:
        return None
    return listing(
        results, "all-other-results", "All other results of the analyses", rest, folded=True
    )


def listing(
    results: Results,
    identifier: str,
    caption: str,
    estimands: Iterable[Estimand],
    notes: Sequence[str] = (),
    folded: bool = False,
) -> Table:
    """One row for each estimand: in words, as printed, as re-analysed, with patients and method."""
    rows = []
    for estimand in estimands:
        row = results.rows[str(estimand)]
        n = text_of(row.get("n"))
        rows.append(
            (
                results.describe(estimand),
                results.printed(estimand),
                results.cell(estimand),
                *(() if results.rebuilt else (n.removesuffix(".0"),)),
                text_of(row.get("method"))
                if not results.rebuilt
                else text_of(results.sets.get(str(estimand), {}).get("how")),
            )
        )
    columns = [
        Column("Quantity", width=3),
        Column("Printed", "right"),
        Column(result_header(results), "right"),
        *(() if results.rebuilt else (Column("Patients", "right"),)),
        Column("Found by" if results.rebuilt else "Method", width=1.4),
    ]
    return table(
        identifier, caption, *_without_empty(columns, {"": rows}), stage="analyse",
        inputs=inputs(results), origin=origin(results), folded=folded,
        notes=(*notes, *((SAMPLED,) if results.rebuilt else ())),
    )  # fmt: skip


def _id(analysis: Analysis) -> str:
    return "analysis-" + analysis.id.replace("_", "-")


def _notes(analysis: Analysis) -> tuple[str, ...]:
    note = analysis.note.strip()
    return (note if note.endswith((".", "?", "!")) else f"{note}.",) if note else ()


def _listing(results: Results, analysis: Analysis) -> Table | None:
    mine = [e for e in results.keys if text_of(results.rows[str(e)].get("analysis")) == analysis.id]
    if not mine:
        return None
    return listing(results, _id(analysis), analysis.label, mine, _notes(analysis))


# -- characteristics and response ------------------------------------------------------------------


def _by_level(results: Results, analysis: Analysis) -> Table | None:
    """A row for each level or summary, a column for each group."""
    protocol, by = results.protocol, analysis.by
    groups: list[tuple[str, tuple[Condition, ...]]] = [("All patients", ())]
    if by and protocol.kind(by) in ("category", "endpoint"):
        groups += [
            (f"{protocol.label(by)}: {protocol.level_label(by, level)}", (Condition(by, level),))
            for level in protocol.levels(by)
        ]
    body: dict[str, list[tuple[Cell | str, ...]]] = {
        "": [("Patients", *_across(results, groups, lambda where: Estimand("n", where=where)))]
    }
    for variable in analysis.variables:
        rows = _variable_rows(results, variable, groups)
        for test, label in _TESTS.items() if by else ():
            tested = Estimand(test, variable, by=by)
            if results.has(tested):
                blank = ("",) * (2 * len(groups) - 2)
                rows.append((label, results.printed(tested), results.cell(tested), *blank))
        if rows:
            unit = _unit(results, variable)
            body[protocol.label(variable) + (f" ({unit})" if unit else "")] = rows
    columns = [Column("Characteristic", width=2)]
    for name, _ in groups:
        columns += [Column(f"{name}, printed", "right"), Column(name, "right")]
    if len(groups) == 1:
        columns[1:] = [Column("Printed", "right"), Column(result_header(results), "right")]
    return table(
        _id(analysis), analysis.label, *_without_empty(columns, body), stage="analyse",
        inputs=inputs(results), origin=origin(results), notes=_notes(analysis),
    )  # fmt: skip


def _unit(results: Results, variable: str) -> str:
    is_number = results.protocol.kind(variable) == "number"
    return results.protocol.variable(variable).unit if is_number else ""


def _variable_rows(
    results: Results, variable: str, groups: Sequence[tuple[str, tuple[Condition, ...]]]
) -> list[tuple[Cell | str, ...]]:
    rows: list[tuple[Cell | str, ...]] = []
    kind = results.protocol.kind(variable)
    if kind == "number":
        for statistic, label in _SUMMARIES.items():
            made = [Estimand(statistic, variable, where=where) for _, where in groups]
            wanted = statistic == "median" or any(results.printed(e) for e in made)
            if wanted or (not results.rebuilt and statistic not in ("mean", "sd")):

                def summary(where: tuple[Condition, ...], s: str = statistic) -> Estimand:
                    return Estimand(s, variable, where=where)

                unit = _unit(results, variable)
                rows.append((label, *_across(results, groups, summary, unit=unit)))
    elif kind in ("category", "endpoint"):
        for level in results.protocol.levels(variable):

            def count(where: tuple[Condition, ...], level: str = level) -> Estimand | None:
                if any(condition.variable == variable for condition in where):
                    return None
                return Estimand("n", where=(*where, Condition(variable, level)))

            def share(where: tuple[Condition, ...], level: str = level) -> Estimand | None:
                if any(condition.variable == variable for condition in where):
                    return None
                return Estimand("proportion", variable, level, where)

            label = results.protocol.level_label(variable, level)
            rows.append((label, *_across(results, groups, count, share)))
    return [row for row in rows if any(text(cell) for cell in row[1:])]


def _across(
    results: Results,
    groups: Sequence[tuple[str, tuple[Condition, ...]]],
    count: Callable[[tuple[Condition, ...]], Estimand | None],
    share: Callable[[tuple[Condition, ...]], Estimand | None] | None = None,
    unit: str = "",
) -> list[Cell | str]:
    """Printed and re-analysed result of each group; a share stands behind its count."""
    cells: list[Cell | str] = []
    for _, where in groups:
        first = count(where)
        if first is None:
            cells += ["", ""]
            continue
        found, printed = results.cell(first, unit=unit), results.printed(first)
        printed = printed.replace(f" {unit}", "") if unit else printed
        second = share(where) if share else None
        if second is not None:
            part, said = results.cell(second), results.printed(second)
            found = _joined(found, part)
            printed = f"{printed}{NBSP}({said})" if printed and said else printed or said
        cells += [printed, found]
    return cells


def _joined(count: Cell, share: Cell) -> Cell:
    """'20 (83.3%)'; marked if either is, so that a mark is never lost."""
    if not share.text or not count.text:
        return count if count.text else share
    words = share.text.split(" (")[0]
    return Cell(f"{count.text}{NBSP}({words})", count.mark or share.mark, count.tone or share.tone)


# -- univariable analysis ------------------------------------------------------------------------


def _univariable(results: Results, analysis: Analysis) -> Table | None:
    """A row for each level: patients, events, survival, median, hazard ratio, p."""
    protocol, endpoint = results.protocol, analysis.endpoint
    adjusted = bool(analysis.adjusted_for)
    columns = [
        Column("Level", width=1.7),
        Column("Patients", "right", 0.8),
        Column("Events", "right", 0.8),
        *(
            Column(f"{tables.describe_duration(at, adjective=True)} survival", "right", 1)
            for at in analysis.at
        ),
        Column("Median (months)", "right", 1),
        Column("Hazard ratio", "right", 1),
        *((Column("Adjusted hazard ratio", "right", 1),) if adjusted else ()),
        Column("p (log-rank, or Wald for a number)", "right", 1.1),
        Column("Printed", width=1.7),
    ]
    body: dict[str, list[tuple[Cell | str, ...]]] = {}
    for variable in analysis.variables:
        if protocol.kind(variable) in ("category", "endpoint"):
            body[protocol.label(variable)] = _level_rows(results, analysis, variable)
        else:
            plain = Estimand("hazard_ratio", endpoint, by=variable)
            other = Estimand(
                "hazard_ratio", endpoint, by=variable, adjusted_for=_others(analysis, variable)
            )
            p = Estimand("cox_p", endpoint, by=variable)
            body[protocol.label(variable)] = [
                (
                    tables.describe(plain, protocol).split(", ")[-1].capitalize(), "", "",
                    *("" for _ in analysis.at), "", results.cell(plain),
                    *((results.cell(other),) if adjusted else ()), results.cell(p),
                    _printed(results, {"HR": plain, "p": p}),
                )
            ]  # fmt: skip
    body = {label: [r for r in rows if any(text(c) for c in r[1:])] for label, rows in body.items()}
    body = {label: rows for label, rows in body.items() if rows}
    if not body:
        return None
    if results.rebuilt:
        kind = "Each result is an identified set."
    else:
        kind = f"In parentheses: {100 * protocol.conventions.level:g}% confidence limits."
    notes = [kind, *_notes(analysis)]
    if adjusted:
        names = ", ".join(protocol.label(name).lower() for name in analysis.adjusted_for)
        notes.insert(1, f"Adjusted for {names}.")
    if results.rebuilt:
        notes.append(SAMPLED)
    return table(
        _id(analysis), analysis.label, *_without_empty(columns, body), stage="analyse",
        inputs=inputs(results), origin=origin(results), notes=notes,
    )  # fmt: skip


def _others(analysis: Analysis, variable: str) -> tuple[str, ...]:
    return tuple(name for name in analysis.adjusted_for if name != variable)


def _level_rows(
    results: Results, analysis: Analysis, variable: str
) -> list[tuple[Cell | str, ...]]:
    protocol, endpoint = results.protocol, analysis.endpoint
    first, *_ = protocol.levels(variable)
    logrank = Estimand("logrank_p", endpoint, by=variable)
    rows: list[tuple[Cell | str, ...]] = []
    for level in protocol.levels(variable):
        where = (Condition(variable, level),)
        n, events = Estimand("n", where=where), Estimand("events", endpoint, where=where)
        survival = [Estimand("survival", endpoint, at, where) for at in analysis.at]
        median = Estimand("median", endpoint, where=where)
        said = {"n": n, "events": events, "median": median}
        said |= {_at(e.argument): e for e in survival}
        ratios: list[Cell | str] = []
        for others in ((), _others(analysis, variable)) if analysis.adjusted_for else ((),):
            if level == first:
                ratios.append(Cell("reference", tone="muted"))
                continue
            ratio = Estimand(
                "hazard_ratio", endpoint, by=variable, contrast=(level, first), adjusted_for=others
            )
            ratios.append(results.cell(ratio))
            said["adjusted HR" if others else "HR"] = ratio
        if level == first:
            said["p"] = logrank
        rows.append(
            (
                protocol.level_label(variable, level), results.cell(n), results.cell(events),
                *(results.cell(e) for e in survival), results.cell(median, unit="months"), *ratios,
                results.cell(logrank) if level == first else "", _printed(results, said),
            )
        )  # fmt: skip
    return rows


def _at(argument: Duration | str | None) -> str:
    return (
        tables.describe_duration(argument, adjective=True) if isinstance(argument, Duration) else ""
    )


def _printed(results: Results, said: dict[str, Estimand]) -> str:
    found = {name: results.printed(estimand) for name, estimand in said.items()}
    return "; ".join(f"{name} {words}" for name, words in found.items() if words)


# -- shared ---------------------------------------------------------------------------------------


def text(cell: Cell | str) -> str:
    return cell.text if isinstance(cell, Cell) else cell


def _without_empty(
    columns: Sequence[Column], body: dict[str, list[tuple[Cell | str, ...]]]
) -> tuple[list[Column], dict[str, list[tuple[Cell | str, ...]]]]:
    """Columns and rows without the columns in which nothing stands."""
    used = [
        i for i in range(len(columns))
        if i == 0 or any(text(row[i]) for rows in body.values() for row in rows)
    ]  # fmt: skip
    return (
        [columns[i] for i in used],
        {label: [tuple(row[i] for i in used) for row in rows] for label, rows in body.items()},
    )
