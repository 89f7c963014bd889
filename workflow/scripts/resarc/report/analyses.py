"""The tables of a study's analyses, each in the form that its readers expect.

Every table shows what the paper printed beside the re-analysed result; `Results` decides how a
result may appear.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from resarc import tables
from resarc.estimand import Condition, Duration, Estimand
from resarc.protocol import Analysis
from resarc.report.model import Cell, Column, Origin, Table, table
from resarc.report.results import SAMPLED, Results, capital, text_of
from resarc.tables import NBSP

_SUMMARIES = {
    "median": "Median",
    "q1": "Lower quartile",
    "q3": "Upper quartile",
    "mean": "Mean",
    "sd": "Standard deviation",
    "minimum": "Minimum",
    "maximum": "Maximum",
}
_GROUP_TESTS = {
    "chi2_p": "chi-squared",
    "chi2_yates_p": "chi-squared (Yates)",
    "fisher_p": "Fisher",
    "trend_p": "trend",
    "mann_whitney_p": "Mann-Whitney",
    "mann_whitney_uncorrected_p": "Mann-Whitney, uncorrected",
    "kruskal_wallis_p": "Kruskal-Wallis",
}
RESPONSE_TESTS = ("chi2_p", "fisher_p", "trend_p")
"""Tests of a response table for which the protocol names none, as `analysis.plan` plans them."""
_TESTS = {
    "chi2_p": "Pearson's chi-squared test without continuity correction.",
    "chi2_yates_p": "Pearson's chi-squared test; of two rows and columns with Yates' correction.",
    "fisher_p": "Fisher's exact test; of more than two rows or columns in Freeman and Halton's form.",
    "trend_p": "Linear-by-linear association test.",
    "mann_whitney_p": "Mann-Whitney test, normal approximation with continuity correction.",
    "mann_whitney_uncorrected_p": "Mann-Whitney test, normal approximation.",
    "kruskal_wallis_p": "Kruskal-Wallis test.",
    "logrank_p": "Log-rank test.",
    "wilcoxon_p": "Gehan-Breslow-Wilcoxon test.",
    "tarone_ware_p": "Tarone-Ware test.",
    "peto_p": "Peto-Peto test.",
    "cox_lr_p": "Likelihood-ratio test of Cox regression.",
    "cox_p": "Wald test of Cox regression.",
}
_KNOWN = "Patients in whom the characteristic is known."
_KNOWN_SETS = (
    "Patients in whom the rebuilt datasets hold the characteristic. What was missing in the study's own "
    "records is not known from them."
)
_DISTANCE = (
    "Absolute difference in units of spread, whatever the number of patients. Numbers: difference of "
    "means over the root of the mean of both variances. Categories: Mahalanobis distance of the shares "
    "(Yang and Dalton), with two levels the difference of shares over the root of the mean of p (1 - p)."
)
_ADJUSTED = {
    "holm": (
        "Holm",
        "p adjusted for the {tests} tests of this table by Holm: bounds the chance of any false positive.",
    ),
    "bh": (
        "Benjamini-Hochberg",
        "p adjusted for the {tests} tests of this table by Benjamini and Hochberg: bounds the expected "
        "share of false positives among the positives.",
    ),
}
REFERENCE = "reference"
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
    if analysis.kind == "multivariable":
        return _multivariable(results, analysis)
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
        identifier, caption, *without_empty(columns, {"": rows}), stage="analyse",
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

Groups = Sequence[tuple[str, tuple[Condition, ...]]]
Row = tuple[Cell | str, ...]


def _by_level(results: Results, analysis: Analysis) -> Table | None:
    """Table 1: a row for each level or summary, a column for each group, and for each variable how
    many patients it is known and missing in. Standardised differences and tests, where asked for,
    stand beside the first row of their variable."""
    protocol, by = results.protocol, analysis.by
    groups: list[tuple[str, tuple[Condition, ...]]] = [("All patients", ())]
    if by and protocol.kind(by) in ("category", "endpoint"):
        for level in protocol.levels(by):
            condition = Condition(by, level)
            groups.append((capital(tables.describe_condition(condition, protocol)), (condition,)))
    aside = [*_distances(results, analysis), *_group_tests(results, analysis)]
    blank = [""] * (2 + sum(2 if printed else 1 for *_, printed in aside))
    everybody = _across(results, groups, lambda where: Estimand("n", where=where))
    body: dict[str, list[Row]] = {"": [("Patients", *blank[:2], *everybody, *blank[2:])]}
    for variable in analysis.variables:
        rows: list[Row] = []
        for label, cells in _variable_rows(results, variable, groups, by):
            if rows:
                rows.append((label, *blank[:2], *cells, *blank[2:]))
                continue
            known = [results.cell(Estimand(name, variable)) for name in ("known", "missing")]
            found: list[Cell | str] = []
            for _, make, printed in aside:
                estimand = make(variable)
                found += [results.printed(estimand)] if printed else []
                found.append(results.cell(estimand))
            rows.append((label, *known, *cells, *found))
        if rows:
            unit = _unit(results, variable)
            body[protocol.label(variable) + (f" ({unit})" if unit else "")] = rows
    columns = [
        Column("Characteristic", width=2),
        Column("N", "right", note=_KNOWN_SETS if results.rebuilt else _KNOWN),
        Column("Missing", "right"),
    ]
    for name, _ in groups:
        printed, found = f"{name}, printed", name
        if len(groups) == 1:
            printed, found = "Printed", result_header(results) if results.rebuilt else name
        columns += [Column(printed, "right"), Column(found, "right")]
    for column, _, printed in aside:
        columns += [Column(f"{column.header}, printed", "right")] if printed else []
        columns.append(column)
    notes = [*_notes(analysis)]
    if not results.rebuilt:
        notes.insert(0, "Counts with per cent of the patients in whom the characteristic is known.")
    return table(
        _id(analysis), analysis.label, *without_empty(columns, body), stage="analyse",
        inputs=inputs(results), origin=origin(results), notes=notes,
    )  # fmt: skip


Aside = tuple[Column, Callable[[str], Estimand], bool]
"""A column beside Table 1: its header, the estimand of a variable, and whether the paper printed it."""


def _distances(results: Results, analysis: Analysis) -> Iterable[Aside]:
    """Standardised differences of each further group from the first, of characteristics only: those
    of an outcome would be no description but a result."""
    by = analysis.by
    if analysis.kind != "characteristics" or not by or results.protocol.kind(by) == "number":
        return
    first, *others = results.protocol.levels(by)
    for level in others:
        header = "Standardised difference"
        if len(others) > 1:
            names = (results.protocol.level_label(by, name) for name in (level, first))
            header += ", {} against {}".format(*names)

        def distance(variable: str, contrast: tuple[str, str] = (level, first)) -> Estimand:
            return Estimand("standardised_difference", variable, by=by, contrast=contrast)

        yield Column(header, "right", note=_DISTANCE), distance, False


def _group_tests(results: Results, analysis: Analysis) -> Iterable[Aside]:
    """The tests that the protocol asks for, and those that the paper printed."""
    by = analysis.by
    asked = analysis.tests or (RESPONSE_TESTS if analysis.kind == "response" else ())
    used = []
    for name in _GROUP_TESTS if by else ():
        tested = [Estimand(name, variable, by=by) for variable in analysis.variables]
        known = [e for e in tested if results.has(e)]
        said = any(results.printed(e) for e in known)
        if known and (name in asked or said):
            used.append((name, said))
    for name, said in used:
        header = "p" if len(used) == 1 else f"p ({_GROUP_TESTS[name]})"

        def test(variable: str, name: str = name) -> Estimand:
            return Estimand(name, variable, by=by)

        yield Column(header, "right", note=_TESTS[name]), test, said


def _unit(results: Results, variable: str) -> str:
    is_number = results.protocol.kind(variable) == "number"
    return results.protocol.variable(variable).unit if is_number else ""


def _variable_rows(
    results: Results, variable: str, groups: Groups, by: str | None
) -> list[tuple[str, list[Cell | str]]]:
    """The rows of one variable: label, then printed and re-analysed result of each group."""
    kind = results.protocol.kind(variable)
    rows: list[tuple[str, list[Cell | str]]] = []
    if kind == "number" and results.rebuilt:
        rows += _set_rows(results, variable, groups)
    elif kind == "number":
        rows += _number_rows(results, variable, groups, by)
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
            rows.append((label, _across(results, groups, count, share)))
    rows = [(label, cells) for label, cells in rows if any(map(text, cells))]
    if rows and len(groups) > 1:
        missing = _across(results, groups, lambda where: Estimand("missing", variable, where=where))
        if any(text(cell) not in ("", "0") for cell in missing[1:]):
            rows.append(("Missing", missing))
    return rows


def _set_rows(
    results: Results, variable: str, groups: Groups
) -> Iterable[tuple[str, list[Cell | str]]]:
    """A reconstruction's summaries, each with its own identified set: the median, and what the paper
    printed."""
    unit = _unit(results, variable)
    for statistic, label in _SUMMARIES.items():
        made = [Estimand(statistic, variable, where=where) for _, where in groups]
        if statistic == "median" or any(map(results.in_paper, made)):

            def summary(where: tuple[Condition, ...], name: str = statistic) -> Estimand:
                return Estimand(name, variable, where=where)

            yield label, _across(results, groups, summary, unit=unit)


def _number_rows(
    results: Results, variable: str, groups: Groups, by: str | None
) -> Iterable[tuple[str, list[Cell | str]]]:
    """A registry's summaries: median with quartiles and range; mean with standard deviation where
    groups are compared by it or the paper printed it."""
    unit = _unit(results, variable)
    for label, main, others in (
        ("Median (quartiles)", "median", ("q1", "q3")),
        ("Range", "", ("minimum", "maximum")),
        ("Mean (standard deviation)", "mean", ("sd",)),
    ):
        names = [name for name in (main, *others) if name]
        made = [[Estimand(s, variable, where=where) for s in names] for _, where in groups]
        # The whole row has as many decimals.
        found = iter(results.alike([e for group in made for e in group]))
        cells: list[Cell | str] = []
        for group in made:
            printed = [_bare(results.printed(e), unit) for e in group]
            for words in (printed, [next(found) for _ in group]):
                ends = f"{NBSP}to{NBSP}".join(filter(None, words[bool(main) :]))
                if set(words) == {tables.SUPPRESSED}:
                    ends = tables.SUPPRESSED
                elif main and words[0]:
                    ends = f"{words[0]}{NBSP}({ends})" if ends else words[0]
                cells.append(ends)
        if main != "mean" or by or any(results.in_paper(e) for group in made for e in group):
            yield label, cells


def _across(
    results: Results,
    groups: Groups,
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
        found, printed = results.cell(first, unit=unit), _bare(results.printed(first), unit)
        second = share(where) if share else None
        if second is not None:
            part, said = results.cell(second), results.printed(second)
            found = _joined(found, part)
            printed = f"{printed}{NBSP}({said})" if printed and said else printed or said
        cells += [printed, found]
    return cells


def _bare(words: str, unit: str) -> str:
    """Printed text without the unit that its row already names."""
    return words.replace(f" {unit}", "") if unit else words


def _joined(count: Cell, share: Cell) -> Cell:
    """'20 (83.3%)'; marked if either is, so that a mark is never lost."""
    if not share.text or not count.text or count.text == share.text == tables.SUPPRESSED:
        return count if count.text else share
    words = share.text.split(" (")[0]
    return Cell(f"{count.text}{NBSP}({words})", count.mark or share.mark, count.tone or share.tone)


# -- univariable and multivariable analysis -------------------------------------------------------


def _univariable(results: Results, analysis: Analysis) -> Table | None:
    """ "Table 3": a row for each level with patients, events, survival, median, hazard ratio and p,
    the p also adjusted for the number of tests in the table."""
    protocol, endpoint = results.protocol, str(analysis.endpoint)
    adjusted = bool(analysis.adjusted_for)
    tests = {name: _univariable_test(results, endpoint, name) for name in analysis.variables}
    kinds = {test.statistic for test in tests.values() if results.has(test)}
    # One test for all variables is named in the header, several beside their p.
    note_of = {kind: _TESTS[kind] if len(kinds) > 1 else "" for kind in kinds}
    body: dict[str, list[Row]] = {}
    for variable, test in tests.items():
        p = replace(results.cell(test), note=note_of.get(test.statistic, ""))
        p = replace(p, note="") if not p.text else p
        ends = (p, *(results.adjusted_cell(analysis.id, test, name) for name in _ADJUSTED))
        if protocol.kind(variable) in ("category", "endpoint"):
            rows = _level_rows(results, analysis, variable, test, ends)
        else:
            rows = [_number_row(results, analysis, variable, test, ends)]
        rows = [row for row in rows if any(text(cell) for cell in row[1:])]
        if rows:
            body[protocol.label(variable)] = rows
    if not body:
        return None
    level = f"{100 * protocol.conventions.level:g}%"
    curve = "Kaplan-Meier estimate"
    if not results.rebuilt:
        curve += f" with {protocol.conventions.survival_interval} {level} confidence limits"
    model = (
        f"Cox regression, Efron's handling of ties{'' if results.rebuilt else f'; {level} confidence limits'}. "
        "A level against the reference; a number for one unit more."
    )
    made = results.tests_adjusted(analysis.id)
    columns = [
        Column("Level", width=1.7),
        Column("Patients", "right", 0.8),
        Column("Events", "right", 0.8),
        *(
            Column(
                f"{tables.describe_duration(at, adjective=True)} survival", "right", 1, f"{curve}."
            )
            for at in analysis.at
        ),
        Column("Median (months)", "right", 1, f"{curve}."),
        Column("Hazard ratio", "right", 1, model),
        *((Column("Adjusted hazard ratio", "right", 1, model),) if adjusted else ()),
        Column("p", "right", 1.1, _TESTS[min(kinds)] if len(kinds) == 1 else ""),
        *(
            Column(f"p, {name}", "right", 1, says.format(tests=made))
            for name, says in _ADJUSTED.values()
        ),
        Column("Printed", width=1.7),
    ]
    notes = ["Each result is an identified set."] if results.rebuilt else []
    if adjusted:
        notes.append(f"Adjusted hazard ratio: adjusted for {_names(results, analysis)}.")
    notes += [*_notes(analysis), *((SAMPLED,) if results.rebuilt else ())]
    return table(
        _id(analysis), analysis.label, *without_empty(columns, body), stage="analyse",
        inputs=inputs(results, "identified_adjusted.csv" if results.rebuilt else "adjusted.csv"),
        origin=origin(results), notes=notes,
    )  # fmt: skip


def _names(results: Results, analysis: Analysis) -> str:
    return ", ".join(results.protocol.label(name).lower() for name in analysis.adjusted_for)


def _univariable_test(results: Results, endpoint: str, variable: str) -> Estimand:
    is_number = results.protocol.kind(variable) == "number"
    return Estimand("cox_p" if is_number else "logrank_p", endpoint, by=variable)


def _others(names: Iterable[str], variable: str) -> tuple[str, ...]:
    return tuple(name for name in names if name != variable)


def _number_row(
    results: Results, analysis: Analysis, variable: str, test: Estimand, ends: tuple[Cell, ...]
) -> Row:
    plain = Estimand("hazard_ratio", str(analysis.endpoint), by=variable)
    ratios, said = [results.cell(plain)], {"HR": plain, "p": test}
    if analysis.adjusted_for:
        others = _others(analysis.adjusted_for, variable)
        ratio = Estimand("hazard_ratio", plain.subject, by=variable, adjusted_for=others)
        ratios.append(results.cell(ratio))
        said["adjusted HR"] = ratio
    blank = [""] * (3 + len(analysis.at))
    return (_per_unit(results, plain), *blank, *ratios, *ends, _printed(results, said))


def _per_unit(results: Results, ratio: Estimand) -> str:
    """What the hazard ratio of a number is about: 'For one year more of age'."""
    plain = replace(ratio, adjusted_for=())
    return capital(tables.describe(plain, results.protocol).split(", ")[-1])


def _level_rows(
    results: Results, analysis: Analysis, variable: str, test: Estimand, ends: tuple[Cell, ...]
) -> list[Row]:
    protocol, endpoint = results.protocol, str(analysis.endpoint)
    first, *_ = protocol.levels(variable)
    rows: list[Row] = []
    for level in protocol.levels(variable):
        where = (Condition(variable, level),)
        n, events = Estimand("n", where=where), Estimand("events", endpoint, where=where)
        survival = [Estimand("survival", endpoint, at, where) for at in analysis.at]
        median = Estimand("median", endpoint, where=where)
        said = {"n": n, "events": events, "median": median}
        said |= {_at(e.argument): e for e in survival}
        ratios: list[Cell | str] = []
        both = ((), _others(analysis.adjusted_for, variable))
        for others in both if analysis.adjusted_for else both[:1]:
            if level == first:
                ratios.append(Cell(REFERENCE, tone="muted"))
                continue
            ratio = Estimand(
                "hazard_ratio", endpoint, by=variable, contrast=(level, first), adjusted_for=others
            )
            ratios.append(results.cell(ratio))
            said["adjusted HR" if others else "HR"] = ratio
        if level == first:
            said["p"] = test
        rows.append(
            (
                protocol.level_label(variable, level), results.cell(n), results.cell(events),
                *(results.cell(e) for e in survival), results.cell(median, unit="months"), *ratios,
                *(ends if level == first else [""] * len(ends)), _printed(results, said),
            )
        )  # fmt: skip
    return rows


def _multivariable(results: Results, analysis: Analysis) -> Table | None:
    """A row for each level or number of one model, with hazard ratio and p."""
    protocol, endpoint = results.protocol, str(analysis.endpoint)
    body: dict[str, list[Row]] = {}
    in_model: list[Estimand] = []
    for variable in analysis.variables:
        others = _others((*analysis.variables, *analysis.adjusted_for), variable)
        if protocol.kind(variable) == "number":
            contrasts: list[tuple[str, str] | None] = [None]
            rows: list[Row] = []
        else:
            first, *further = protocol.levels(variable)
            contrasts = [(level, first) for level in further]
            reference = Cell(REFERENCE, tone="muted")
            rows = [(protocol.level_label(variable, first), reference, "", "")]
        found = False
        for contrast in contrasts:
            ratio, p = (
                Estimand(name, endpoint, by=variable, contrast=contrast, adjusted_for=others)
                for name in ("hazard_ratio", "cox_p")
            )
            in_model += [ratio] if results.has(ratio) else []
            label = (
                protocol.level_label(variable, contrast[0])
                if contrast
                else _per_unit(results, ratio)
            )
            said = _printed(results, {"HR": ratio, "p": p})
            rows.append((label, results.cell(ratio), results.cell(p), said))
            found = found or bool(results.text(ratio))
        if found:
            body[protocol.label(variable)] = rows
    if not body:
        return None
    level = f"{100 * protocol.conventions.level:g}%"
    model = "Cox regression, Efron's handling of ties, all variables in one model"
    if not results.rebuilt:
        model += f"; {level} confidence limits"
    columns = [
        Column("Level", width=2),
        Column("Hazard ratio", "right", 1, f"{model}."),
        Column("p", "right", 1, _TESTS["cox_p"]),
        Column("Printed", width=1.4),
    ]
    notes = ["Each result is an identified set."] if results.rebuilt else []
    if analysis.adjusted_for:
        notes.append(f"Also adjusted for {_names(results, analysis)}.")
    notes.append(_complete_cases(results, in_model))
    notes += [*_notes(analysis), *((SAMPLED,) if results.rebuilt else ())]
    return table(
        _id(analysis), analysis.label, *without_empty(columns, body), stage="analyse",
        inputs=inputs(results), origin=origin(results), notes=notes,
    )  # fmt: skip


def _complete_cases(results: Results, in_model: Sequence[Estimand]) -> str:
    """How many patients a model rests on; of a reconstruction that is not known from one dataset."""
    words = "Patients in whom every variable of the model is known"
    row = results.rows[str(in_model[0])] if in_model else {}
    counts = [text_of(row.get(name)).removesuffix(".0") for name in ("n", "events")]
    if results.rebuilt or not all(counts):
        return f"{words}."
    return f"{words}: {counts[0]} patients with {counts[1]} events."


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


def without_empty(
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
