"""From texts to the protocol's variables: what each cell must be, and what happens if it is not."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from resarc.conditions import contradicts, describe, meets_all
from resarc.derivation import derive_variables
from resarc.intake.table import REJECTED_COLUMNS, SourceTable
from resarc.privacy import outline, pseudonyms, top_coded, top_coded_days
from resarc.protocol import Protocol, Rule, Variable

QUALITY_COLUMNS = (
    "column",
    "variable",
    "type",
    "rows",
    "present",
    "missing",
    "unreadable",
    "out_of_range",
    "not_given",
    "duplicate",
    "inconsistent",
    "flagged",
    "rejected",
    "top_coded",
)
_UNREADABLE = ("code", "number", "whole number", "date")
_OUT_OF_RANGE = ("range", "future")


@dataclass(frozen=True)
class CleanResult:
    """What cleaning made of a source: rows in = rows of `clean` + rows named in `rejected`.

    * `clean`: one row for each row kept: `patient`, categories as levels, numbers, dates as days
      since time zero, and `<time_zero>_year`;
    * `rejected`: one row for each fault of a rejected row: `REJECTED_COLUMNS`;
    * `flagged`: the same columns, for rows that were kept against a rule of action `flag`;
    * `quality`: one row for each source column: `QUALITY_COLUMNS`, counts of source rows.
    """

    clean: pd.DataFrame
    rejected: pd.DataFrame
    flagged: pd.DataFrame
    quality: pd.DataFrame


@dataclass(frozen=True)
class _Check:
    """One check of one source column: who passes, and what to say of who does not."""

    variable: Variable
    rule: str
    passed: np.ndarray
    reason: str
    remedy: str
    flag: bool = False


def clean(source: SourceTable, protocol: Protocol, key: bytes | None = None) -> CleanResult:
    """Type, check and keep or reject the rows of `read_source`.

    Decisions that a reader may want to know:

    * White space around a cell does not count. Codes are otherwise matched exactly, upper and lower
      case included; the remedy names the code that was probably meant. An empty cell is missing
      unless the protocol makes it a code.
    * A number is written with the protocol's decimal mark and no thousands separator; whole numbers
      may end in zeros after the mark. A date is written in the column's format, and only so.
    * Rows that share an identifier: if they are the same in every cell the first is kept, if not
      all are rejected, because nobody can tell here which one is right.
    * A date after the day of the export (`Protocol.data_date`) is rejected; so is an event or a date
      of censoring before its endpoint's origin, and a negative time of an endpoint.
    * A missing value is no fault unless the variable is `required` or a rule asks for it.
    * With a `key` a patient is named by the keyed hash of the first identifier, the same in every
      export; without one, or without an identifier, by the number of the source row (P0001, …), so
      that a row keeps its number when another one is mended. Identifiers and free text are dropped.
    * `rejected` and `flagged` tell a value by its outline (`privacy.outline`): anything, a name too,
      may have been typed into a cell. File, row and column say where to look it up.
    * In a registry, ages of 90 and over count as 90 (`Variable.top_code`), and so does a birth that
      lies further back; `quality` counts the values that this changes.
    * A patient without the date of time zero has the other dates counted from the earliest of
      them: differences stay right, and nothing that starts at time zero can be computed.
    """
    raw = source.cells
    cells = pd.DataFrame({v.name: _stripped(raw[v.column]) for v in protocol.variables})
    parsed, present = {}, {}
    for variable in protocol.variables:
        parsed[variable.name], present[variable.name] = _parse(
            variable, cells, source.decimal_of(variable.column)
        )
    typed = _count_days(pd.DataFrame(parsed, index=raw.index), protocol)
    checks = [
        *_cell_checks(parsed, present, source, protocol),
        *_duplicate_checks(cells, present, protocol),
        *_order_checks(parsed, protocol),
        *_rule_checks(typed, protocol),
        *_join_checks(source, protocol),
    ]
    faults = _validate(typed, checks)
    bad = ~faults["flag"].to_numpy(dtype=bool)
    rejected_rows = pd.Index(faults.loc[bad, "row"].unique())
    keep = ~typed.index.isin(rejected_rows)
    report = _report(faults, source, protocol)
    rejected = report[bad]
    if len(source.unused):
        rejected = pd.concat([rejected, source.unused])
    kept_flags = ~bad & ~faults["row"].isin(rejected_rows).to_numpy()
    finished, capped = _finish(typed, parsed, keep, protocol, key)
    return CleanResult(
        clean=finished,
        rejected=rejected.reset_index(drop=True),
        flagged=report[kept_flags].reset_index(drop=True),
        quality=_quality(faults, present, protocol).assign(top_coded=list(capped.values())),
    )


# -- cells -----------------------------------------------------------------------------------


def _stripped(column: pd.Series) -> pd.Series:
    codes, texts = pd.factorize(column)
    bare = pd.Index(texts.str.strip())
    return column if bare.equals(texts) else pd.Series(bare.to_numpy()[codes], index=column.index)


def _parse(variable: Variable, cells: pd.DataFrame, decimal: str) -> tuple[pd.Series, np.ndarray]:
    """The typed column (missing where it cannot be read) and whether the source gives a value.

    Every distinct text is read once: clinical columns repeat their values.
    """
    codes, texts = pd.factorize(cells[variable.name])
    texts = pd.Series(texts, dtype=object)
    level_of = {code: level for level, some in variable.categories.items() for code in some}
    absent = texts.isin({*variable.missing, ""} - set(level_of)).to_numpy()
    if variable.type == "category":
        values = np.array([*map(level_of.get, texts), None], dtype=object)[:-1]
    elif variable.type in ("number", "integer"):
        values = _numbers(texts, decimal)
        if variable.type == "integer":
            values[values != np.rint(values)] = np.nan
    elif variable.type == "date":
        values = _dates(texts, variable.date_format)
    else:
        values = texts.to_numpy(dtype=object)
    values = pd.Series(values)
    values[absent] = None
    return (
        pd.Series(values.to_numpy()[codes], index=cells.index, dtype=values.dtype),
        ~absent[codes],
    )


def _numbers(texts: pd.Series, decimal: str) -> np.ndarray:
    mark = re.escape(decimal)
    number = rf"[+-]?(?:[0-9]+(?:{mark}[0-9]+)?|{mark}[0-9]+)(?:[eE][+-]?[0-9]+)?"
    readable = texts.str.fullmatch(number).to_numpy(dtype=bool)
    values = np.full(len(texts), np.nan)
    # Python's own conversion: pandas.to_numeric can be off by a unit in the last place.
    values[readable] = texts[readable].str.replace(decimal, ".", regex=False).to_numpy(dtype=float)
    values[~np.isfinite(values)] = np.nan
    return values


def _dates(texts: pd.Series, date_format: str) -> pd.Series:
    # pandas also takes "today", digits of other scripts and, in a format without marks, too few
    # digits for a date.
    readable = texts.str.contains(r"[0-9]") & ~texts.str.contains(r"[^\D0-9]")
    if re.search(r"%\w%\w", date_format):
        width = len(datetime.date(2000, 10, 10).strftime(date_format))
        readable &= texts.str.len() == width
    values = pd.to_datetime(texts.where(readable), format=date_format, errors="coerce")
    return values.dt.normalize()


def _cell_checks(
    parsed: dict[str, pd.Series],
    present: dict[str, np.ndarray],
    source: SourceTable,
    protocol: Protocol,
) -> Iterable[_Check]:
    empty = ~np.logical_or.reduce(list(present.values()))
    yield _Check(
        protocol.variables[0],
        "empty row",
        ~empty,
        "no cell of the row holds a value",
        "Delete the row.",
    )
    for v in protocol.variables:
        values, given = parsed[v.name], present[v.name]
        if v.required:
            yield _Check(
                v,
                "required",
                given | empty,
                f"{v.column} must be given",
                "Look the value up and enter it.",
            )
        if v.type in ("identifier", "text"):
            continue
        rule, reason, remedy = _reading(v, source.decimal_of(v.column))
        yield _Check(v, rule, ~given | values.notna().to_numpy(), reason, remedy)
        if v.minimum is not None or v.maximum is not None:
            bounds = " and ".join(
                f"{word} {bound}"
                for word, bound in (("at least", v.minimum), ("at most", v.maximum))
                if bound is not None
            )
            yield _Check(
                v,
                "range",
                _within(values, v),
                f"{v.column} must be {bounds}{f' {v.unit}' if v.unit else ''}",
                "Correct the value; if it is right, widen the range in the protocol.",
            )
        if v.type == "date":
            yield _Check(
                v,
                "future",
                ~(values > pd.Timestamp(protocol.data_date)).to_numpy(),
                f"the date is after the day of the export, {protocol.data_date}",
                "Correct the date.",
            )
    for endpoint in protocol.endpoints:
        if endpoint.time and protocol.kind(endpoint.time) == "number" and endpoint.time in parsed:
            yield _Check(
                _source(endpoint.time, protocol),
                f"endpoint {endpoint.name}",
                ~(parsed[endpoint.time] < 0).to_numpy(),
                f"the time of {endpoint.label} is negative",
                "Correct the time.",
            )


def _reading(v: Variable, mark: str) -> tuple[str, str, str]:
    """Rule, reason and remedy for a cell that cannot be read."""
    elsewhere = f"or list it under 'missing' of {v.name!r} if it stands for no value."
    if v.type == "category":
        codes = [code for some in v.categories.values() for code in some]
        known = ", ".join(repr(code) for code in codes[:12]) + (" …" if len(codes) > 12 else "")
        return (
            "code",
            f"no code of {v.column}; its codes are {known}",
            f"Write one of the codes, add this one under 'categories', {elsewhere}",
        )
    if v.type == "date":
        example = datetime.date(2020, 1, 31).strftime(v.date_format)
        return (
            "date",
            f"no date in the format {v.date_format}",
            f"Write the date as {example}, {elsewhere}",
        )
    kind = "whole number" if v.type == "integer" else "number"
    how = (
        "digits only"
        if v.type == "integer"
        else f"{mark!r} as its decimal mark and no other separator"
    )
    return kind, f"no {kind} with {how}", f"Write the value so, {elsewhere}"


def _within(values: pd.Series, v: Variable) -> np.ndarray:
    inside = np.ones(len(values), dtype=bool)
    kind = pd.Timestamp if v.type == "date" else float
    if v.minimum is not None:
        inside &= ~(values < kind(v.minimum)).to_numpy()
    if v.maximum is not None:
        inside &= ~(values > kind(v.maximum)).to_numpy()
    return inside


# -- rows ------------------------------------------------------------------------------------


def _duplicate_checks(
    cells: pd.DataFrame, present: dict[str, np.ndarray], protocol: Protocol
) -> Iterable[_Check]:
    for v in protocol.variables:
        if v.type != "identifier":
            continue
        shared = cells[v.name].duplicated(keep=False).to_numpy() & present[v.name]
        group = cells[shared]
        content = group.groupby(list(cells.columns), sort=False).ngroup()
        differ = content.groupby(group[v.name]).transform("nunique") > 1
        repeated = group.duplicated(keep="first")
        conflict, copy = np.zeros(len(cells), dtype=bool), np.zeros(len(cells), dtype=bool)
        conflict[shared] = differ
        copy[shared] = ~differ & repeated
        yield _Check(
            v,
            "duplicate",
            ~conflict,
            "other rows have the same identifier but other values",
            "Find out which row is right and delete the others.",
        )
        yield _Check(
            v,
            "repeated row",
            ~copy,
            "an earlier row is the same in every cell",
            "Nothing, or delete the row: the earlier one is kept.",
        )


def _order_checks(parsed: dict[str, pd.Series], protocol: Protocol) -> Iterable[_Check]:
    """Dates in order: the protocol's rules, then no end of an endpoint before its origin."""
    ruled = set()
    for rule in protocol.rules:
        latest = parsed[rule.order[0]] if rule.order else None
        for position, name in enumerate(rule.order[1:], start=1):
            dates = parsed[name]
            if rule.action == "reject":
                ruled |= {(earlier, name) for earlier in rule.order[:position]}
            yield _Check(
                _source(name, protocol),
                rule.id,
                ~(dates < latest).to_numpy(),
                f"{rule.why} ({' ≤ '.join(_columns(rule.order, protocol))})",
                f"Correct {_source(name, protocol).column} or a date before it.",
                rule.action == "flag",
            )
            latest = dates.where(latest.isna() | (dates > latest), latest)
    for endpoint in protocol.endpoints:
        if not endpoint.origin:
            continue
        origin = parsed[endpoint.origin]
        for name in (*endpoint.events, endpoint.censored_at):
            if (endpoint.origin, name) in ruled or name == endpoint.origin:
                continue
            ruled.add((endpoint.origin, name))
            yield _Check(
                _source(name, protocol),
                f"endpoint {endpoint.name}",
                ~(parsed[name] < origin).to_numpy(),
                f"the date is before {_source(endpoint.origin, protocol).column}, from which "
                f"{endpoint.label} is counted",
                "Correct one of the two dates.",
            )


def _rule_checks(typed: pd.DataFrame, protocol: Protocol) -> Iterable[_Check]:
    """What must hold between columns: when …, then …."""
    rules = [rule for rule in protocol.rules if rule.then]
    if not rules:
        return
    frame = derive_variables(typed, protocol)
    for rule in rules:
        applies = meets_all(frame, rule.when)
        for condition in rule.then:
            yield _Check(
                _source(condition.variable, protocol),
                rule.id,
                ~(applies & contradicts(frame, condition)).to_numpy(),
                f"{rule.why} ({_in_words(rule)})",
                "Correct one of the values that the rule speaks of.",
                rule.action == "flag",
            )


def _join_checks(source: SourceTable, protocol: Protocol) -> Iterable[_Check]:
    """Patients whom reading found fault with because of a file joined to theirs."""
    by_column = {v.column: v for v in protocol.variables}
    told = ["column", "rule", "reason", "remedy"]
    for (column, rule, reason, remedy), faults in source.faults.groupby(told, sort=False):
        passed = ~source.cells.index.isin(faults["row"])
        yield _Check(by_column.get(column, protocol.variables[0]), rule, passed, reason, remedy)


def _in_words(rule: Rule) -> str:
    then = " and ".join(map(describe, rule.then))
    return f"if {' and '.join(map(describe, rule.when))} then {then}" if rule.when else then


def _source(name: str, protocol: Protocol) -> Variable:
    """The source variable of this name, or the last one that a derived variable is made of."""
    item = protocol.variable(name)
    if isinstance(item, Variable):
        return item
    return _source((item.months_between or (item.cut or item.collapse,))[-1], protocol)


def _columns(names: Iterable[str], protocol: Protocol) -> list[str]:
    return [_source(name, protocol).column for name in names]


# -- results ---------------------------------------------------------------------------------


def _validate(typed: pd.DataFrame, checks: list[_Check]) -> pd.DataFrame:
    """Every fault: `row, variable, rule, reason, remedy, flag`, in the order of rows and checks."""
    import warnings

    import pandera.pandas as pa

    columns = {
        name: pa.Column(
            nullable=True,
            checks=[
                pa.Check(
                    lambda series, passed=check.passed: pd.Series(passed, index=series.index),
                    error=str(number),
                    ignore_na=False,
                )
                for number, check in enumerate(checks)
                if check.variable.name == name
            ],
        )
        for name in typed.columns
    }
    try:
        with warnings.catch_warnings():
            # pandera concatenates failure cases of which some are missing; their values are not
            # used here.
            warnings.filterwarnings("ignore", category=FutureWarning, module="pandera")
            pa.DataFrameSchema(columns).validate(typed, lazy=True)
    except pa.errors.SchemaErrors as errors:
        cases = errors.failure_cases
    else:
        cases = pd.DataFrame({"index": [], "check": []}, dtype="int64")
    number = cases["check"].to_numpy(dtype="int64")
    row = cases["index"].to_numpy(dtype="int64")
    order = np.lexsort((number, row))
    number, row = number[order], row[order]

    def of(values: list) -> np.ndarray:
        return np.array(values, dtype=object)[number] if values else np.array([], dtype=object)

    return pd.DataFrame(
        {
            "row": row,
            "variable": of([check.variable.name for check in checks]),
            "rule": of([check.rule for check in checks]),
            "reason": of([check.reason for check in checks]),
            "remedy": of([check.remedy for check in checks]),
            "flag": of([check.flag for check in checks]).astype(bool),
        }
    )


def _report(faults: pd.DataFrame, source: SourceTable, protocol: Protocol) -> pd.DataFrame:
    raw = source.cells
    column_of = {v.name: v.column for v in protocol.variables}
    value = np.full(len(faults), "", dtype=object)
    remedy = faults["remedy"].to_numpy(dtype=object).copy()
    for v in protocol.variables:
        here = (faults["variable"] == v.name).to_numpy()
        if not here.any():
            continue
        if v.type in ("identifier", "text"):
            value[here] = "(withheld)"
            continue
        codes = [code for some in v.categories.values() for code in some]
        texts = raw[v.column].reindex(faults.loc[here, "row"])
        value[here] = [outline(text, codes) for text in texts]
        folded = {code.casefold(): code for code in codes}
        for place in np.flatnonzero(here & (faults["rule"] == "code").to_numpy()):
            meant = folded.get(value[place].strip().casefold())
            if meant:
                remedy[place] = f"Did you mean {meant!r}? {remedy[place]}"
    whole_row = (faults["rule"] == "empty row").to_numpy()
    value[whole_row] = ""
    places = source.places(faults["row"], faults["variable"].map(column_of))
    return pd.DataFrame(
        {
            "file": places["file"],
            "sheet": places["sheet"],
            "row": places["row"],
            "column": places["column"].mask(whole_row, ""),
            "value": value,
            "rule": faults["rule"],
            "reason": faults["reason"],
            "remedy": remedy,
            "main_row": faults["row"],
        },
        columns=list(REJECTED_COLUMNS),
    )


def _quality(
    faults: pd.DataFrame, present: dict[str, np.ndarray], protocol: Protocol
) -> pd.DataFrame:
    rows = []
    for v in protocol.variables:
        mine = faults[faults["variable"] == v.name]
        bad = mine[~mine["flag"]]

        def count(*rules: str, bad: pd.DataFrame = bad) -> int:
            return bad.loc[bad["rule"].isin(rules), "row"].nunique()

        known = {*_UNREADABLE, *_OUT_OF_RANGE, "required", "duplicate", "repeated row", "empty row"}
        rows.append(
            (
                v.column,
                v.name,
                v.type,
                len(present[v.name]),
                int(present[v.name].sum()),
                int((~present[v.name]).sum()),
                count(*_UNREADABLE),
                count(*_OUT_OF_RANGE),
                count("required"),
                count("duplicate", "repeated row"),
                bad.loc[~bad["rule"].isin(known), "row"].nunique(),
                mine.loc[mine["flag"], "row"].nunique(),
                bad.loc[bad["rule"] != "empty row", "row"].nunique(),
            )
        )
    return pd.DataFrame(rows, columns=list(QUALITY_COLUMNS[:-1]))


def _count_days(parsed: pd.DataFrame, protocol: Protocol) -> pd.DataFrame:
    """The typed frame with dates as days since time zero, or since the earliest date without it."""
    dates = [v.name for v in protocol.variables if v.type == "date"]
    if not dates:
        return parsed
    start = parsed[protocol.time_zero]
    if start.isna().any():
        start = start.fillna(parsed[dates].min(axis=1))
    return parsed.assign(**{name: (parsed[name] - start) / pd.Timedelta(days=1) for name in dates})


def _finish(
    typed: pd.DataFrame,
    parsed: dict[str, pd.Series],
    keep: np.ndarray,
    protocol: Protocol,
    key: bytes | None,
) -> tuple[pd.DataFrame, dict[str, int]]:
    """The clean frame, and of each variable the number of values that top-coding changed."""
    columns: dict[str, object] = {"patient": _names(parsed, keep, protocol, key)}
    capped = dict.fromkeys((v.name for v in protocol.variables), 0)
    for v in protocol.variables:
        if v.type in ("identifier", "text"):
            continue
        values = typed.loc[keep, v.name]
        if protocol.source.kind == "registry" and v.type == "date":
            values, capped[v.name] = top_coded_days(values)
        elif protocol.source.kind == "registry" and v.ceiling is not None:
            values, capped[v.name] = top_coded(values, v.ceiling)
        columns[v.name] = values.to_numpy()
    if protocol.time_zero:
        year = parsed[protocol.time_zero].dt.year
        columns[f"{protocol.time_zero}_year"] = year[keep].to_numpy(dtype=float)
    return pd.DataFrame(columns), capped


def _names(
    parsed: dict[str, pd.Series], keep: np.ndarray, protocol: Protocol, key: bytes | None
) -> list[str]:
    """What the kept patients are called: by pseudonyms if there is a key, else by row."""
    width = max(4, len(str(len(keep))))
    names = [f"P{number:0{width}d}" for number in np.flatnonzero(keep) + 1]
    identifiers = [v.name for v in protocol.variables if v.type == "identifier"]
    if not key or not identifiers:
        return names
    found = pseudonyms(parsed[identifiers[0]][keep], protocol.study, key)
    return [hashed or name for hashed, name in zip(found, names, strict=True)]
