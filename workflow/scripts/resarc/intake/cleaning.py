"""From texts to the protocol's variables: what each cell must be, and what happens if it is not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from resarc.errors import ConfigurationError
from resarc.intake.cells import Column, read_columns
from resarc.intake.checks import (
    Fault,
    cell_faults,
    no_day_faults,
    order_faults,
    rule_faults,
)
from resarc.intake.corrections import OUTCOME_COLUMNS, apply_corrections
from resarc.intake.dates import PRECISIONS, Choice, any_partial, choose, narrow
from resarc.intake.duplicates import duplicate_faults, near_duplicate_faults
from resarc.intake.table import REJECTED_COLUMNS, SourceTable
from resarc.privacy import outline, pseudonyms, top_coded, top_coded_days
from resarc.protocol import Protocol

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
    "improbable",
    "partial",
    "corrected",
    "top_coded",
)
_UNREADABLE = ("code", "number", "whole number", "unit", "date", "partial date")
_OUT_OF_RANGE = ("range", "future")
_DUPLICATE = ("duplicate", "repeated row", "unique", "near duplicate")


@dataclass(frozen=True)
class CleanResult:
    """What cleaning made of a source: rows in = rows of `clean` + rows named in `rejected`.

    * `clean`: one row for each row kept: `patient`, categories as levels, numbers, dates as days
      since time zero, `<time_zero>_year`, and for a date that may be partial `<date>_precision`
      (day, month or year);
    * `rejected`: one row for each fault of a rejected row: `REJECTED_COLUMNS`;
    * `flagged`: the same columns, for rows that were kept though a rule speaks against them;
    * `quality`: one row for each source column: `QUALITY_COLUMNS`, counts of source rows;
    * `corrections`: one row for each line of the group's corrections: `OUTCOME_COLUMNS`.
    """

    clean: pd.DataFrame
    rejected: pd.DataFrame
    flagged: pd.DataFrame
    quality: pd.DataFrame
    corrections: pd.DataFrame

    @property
    def has_partial_dates(self) -> bool:
        """Whether days that stand for partial dates are among the rows kept."""
        names = [name for name in self.clean if name.endswith("_precision")]
        return any(self.clean[name].isin(PRECISIONS[1:]).any() for name in names)


def clean(
    source: SourceTable,
    protocol: Protocol,
    key: bytes | None = None,
    corrections: pd.DataFrame | None = None,
    partial: Choice | None = None,
) -> CleanResult:
    """Correct, type, check and keep or reject the rows of `read_source`.

    `corrections` are lines of `read_corrections`; `partial` puts one rule for partial dates in the
    place of the variables' own. Decisions that a reader may want to know:

    * White space around a cell does not count. Codes are otherwise matched exactly, upper and lower
      case included unless the protocol says `ignore_case`; the remedy names the code that was
      probably meant. An empty cell is missing unless the protocol makes it a code.
    * A number is written with the source's decimal mark and no thousands separator; whole numbers
      may end in zeros after the mark. A date is written in the column's format, and only so.
    * What cannot be true rejects its row; what is only improbable flags it.
    * Rows that share an identifier: `duplicates`. Dates without a day: `dates`.
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
    patients = _names(source, protocol, key)
    outcomes = pd.DataFrame([], columns=list(OUTCOME_COLUMNS))
    if corrections is not None and len(corrections):
        if not _named_by_key(protocol, key):
            raise ConfigurationError(
                "source.corrections",
                "corrections, and no key or no identifier to name patients by",
                "a key of pseudonyms (privacy.key_file in config/config.yaml) and an identifier",
                "Without them a patient is known by the number of a row, which means another patient "
                "in the next export. docs/registry.md says how to make a key.",
            )
        source, outcomes = apply_corrections(source, corrections, patients, protocol)
    columns = read_columns(source, protocol)
    read = {name: c.dates for name, c in columns.items() if c.dates is not None}
    decimal_of = {v.column: source.decimal_of(v.column) for v in protocol.variables}
    faults = [
        *cell_faults(columns, decimal_of, protocol),
        *duplicate_faults(columns),
        *near_duplicate_faults(columns, source.cells.index.to_numpy(), protocol),
        *order_faults(read, protocol),
    ]
    days = {name: dates.first for name, dates in read.items()}
    if any_partial(read.values()):
        narrowed = narrow(read, protocol)
        faults += no_day_faults(narrowed, _rows_without(faults, len(source.cells)), protocol)
        days = choose(narrowed, read, protocol, partial)
    typed = _typed(columns, days, protocol)
    faults += [*rule_faults(typed, protocol), *_join_faults(source, protocol)]
    keep = _rows_without(faults, len(typed))
    report = _report(faults, source, protocol)
    flag = report.pop("flag").to_numpy(dtype=bool)
    kept_flags = flag & keep[report.pop("place").to_numpy(dtype="int64")]
    rejected = report[~flag]
    if len(source.unused):
        rejected = pd.concat([rejected, source.unused])
    finished, capped = _finish(typed, days, columns, keep, patients, protocol)
    return CleanResult(
        clean=finished,
        rejected=rejected.reset_index(drop=True),
        flagged=report[kept_flags].reset_index(drop=True),
        quality=_quality(faults, columns, outcomes, capped, protocol),
        corrections=outcomes,
    )


def _rows_without(faults: list[Fault], rows: int) -> np.ndarray:
    """Which rows no fault rejects: bool, (n,)."""
    keep = np.ones(rows, dtype=bool)
    for fault in faults:
        if not fault.flag:
            keep[fault.rows] = False
    return keep


def _typed(
    columns: Mapping[str, Column], days: Mapping[str, np.ndarray], protocol: Protocol
) -> pd.DataFrame:
    """The clean frame of all rows, with dates as days since time zero, or since the earliest date
    without it."""
    values = {
        name: column.values
        for name, column in columns.items()
        if column.variable.type not in ("identifier", "text")
    }
    if days:
        start = days[protocol.time_zero]
        if np.isnat(start).any():
            start = np.where(np.isnat(start), np.fmin.reduce(list(days.values())), start)
        values |= {name: (dates - start) / np.timedelta64(1, "D") for name, dates in days.items()}
    # Without copying, the columns are not gathered into one block, which takes seconds.
    return pd.DataFrame(values, copy=False)


# -- results ---------------------------------------------------------------------------------------


def _join_faults(source: SourceTable, protocol: Protocol) -> list[Fault]:
    """Patients whom reading found fault with because of a file joined to theirs."""
    by_column = {v.column: v for v in protocol.variables}
    told = ["column", "rule", "reason", "remedy"]
    found = []
    for (column, rule, reason, remedy), faults in source.faults.groupby(told, sort=False):
        rows = np.flatnonzero(source.cells.index.isin(faults["row"]))
        variable = by_column.get(column, protocol.variables[0])
        found.append(Fault(variable, rule, rows, reason, remedy))
    return found


def _report(faults: list[Fault], source: SourceTable, protocol: Protocol) -> pd.DataFrame:
    """Every fault of every row: `REJECTED_COLUMNS`, the row's `place` and whether it is a `flag`, in
    the order of rows and, within a row, of the checks."""
    place = np.concatenate([fault.rows for fault in faults])
    number = np.repeat(np.arange(len(faults)), [len(fault.rows) for fault in faults])
    reason = np.concatenate(
        [
            np.broadcast_to(np.asarray(fault.reason, dtype=object), fault.rows.shape)
            for fault in faults
        ]
    )
    order = np.lexsort((number, place))
    place, number, reason = place[order], number[order], reason[order]
    variables = [faults[i].variable for i in number]
    rule = np.array([faults[i].rule for i in number], dtype=object)
    value = np.full(len(place), "", dtype=object)
    remedy = np.array([faults[i].remedy for i in number], dtype=object)
    name = np.array([v.name for v in variables], dtype=object)
    for v in protocol.variables:
        here = np.flatnonzero((name == v.name) & (rule != "empty row"))
        if v.type in ("identifier", "text"):
            value[here] = "(withheld)"
            continue
        codes = [code for some in v.categories.values() for code in some]
        folded = {code.casefold(): code for code in codes}
        texts = source.cells[v.column].to_numpy(dtype=object)[place[here]]
        for at, text in zip(here, texts, strict=True):
            value[at] = outline(str(text), codes)
            meant = folded.get(str(text).strip().casefold()) if rule[at] == "code" else None
            if meant:
                remedy[at] = f"Did you mean {meant!r}? {remedy[at]}"
    labels = source.cells.index.to_numpy()[place] if len(place) else place
    places = source.places(labels, [v.column for v in variables])
    report = pd.DataFrame(
        {
            "file": places["file"],
            "sheet": places["sheet"],
            "row": places["row"],
            "column": places["column"].mask(rule == "empty row", ""),
            "value": value,
            "rule": rule,
            "reason": reason,
            "remedy": remedy,
            "main_row": labels,
        },
        columns=list(REJECTED_COLUMNS),
    )
    return report.assign(place=place, flag=np.array([faults[i].flag for i in number], dtype=bool))


def _quality(
    faults: list[Fault],
    columns: Mapping[str, Column],
    outcomes: pd.DataFrame,
    capped: Mapping[str, int],
    protocol: Protocol,
) -> pd.DataFrame:
    """`QUALITY_COLUMNS`: how many rows of the source have which fault in which column. A row can
    count under several kinds of fault, and each kind counts it once."""
    near = {rule.id for rule in protocol.near_duplicates or ()}
    applied = outcomes.loc[outcomes["outcome"] == "applied", "column"].value_counts()
    rows = []
    for name, column in columns.items():
        v = column.variable
        mine = [fault for fault in faults if fault.variable.name == name and len(fault.rows)]
        bad = [fault for fault in mine if not fault.flag and fault.rule != "empty row"]
        flagged = [fault for fault in mine if fault.flag]
        known = {*_UNREADABLE, *_OUT_OF_RANGE, "required", *_DUPLICATE, *near}
        partial = column.dates.partial if column.dates is not None else np.zeros(0, dtype=bool)
        rows.append(
            (
                v.column,
                name,
                v.type,
                len(column.given),
                int(column.given.sum()),
                int((~column.given).sum()),
                _count(fault for fault in bad if fault.rule in _UNREADABLE),
                _count(fault for fault in bad if fault.rule in _OUT_OF_RANGE),
                _count(fault for fault in bad if fault.rule == "required"),
                _count(fault for fault in bad if fault.rule in (*_DUPLICATE, *near)),
                _count(fault for fault in bad if fault.rule not in known),
                _count(flagged),
                _count(bad),
                _count(fault for fault in flagged if fault.rule == "improbable"),
                int(partial.sum()),
                int(applied.get(v.column, 0)),
                capped[name],
            )
        )
    return pd.DataFrame(rows, columns=list(QUALITY_COLUMNS))


def _count(faults: Iterable[Fault]) -> int:
    rows = [fault.rows for fault in faults]
    return len(np.unique(np.concatenate(rows))) if rows else 0


def _finish(
    typed: pd.DataFrame,
    days: Mapping[str, np.ndarray],
    columns: Mapping[str, Column],
    keep: np.ndarray,
    patients: np.ndarray,
    protocol: Protocol,
) -> tuple[pd.DataFrame, dict[str, int]]:
    """The clean frame, and of each variable the number of values that top-coding changed."""
    found: dict[str, object] = {"patient": patients[keep]}
    capped = dict.fromkeys(columns, 0)
    for name in typed:
        v = protocol.variable(name)
        values = pd.Series(typed[name].to_numpy()[keep])
        if protocol.source.kind == "registry" and v.type == "date":
            values, capped[name] = top_coded_days(values)
        elif protocol.source.kind == "registry" and v.ceiling is not None:
            values, capped[name] = top_coded(values, v.ceiling)
        found[name] = values.to_numpy()
    if protocol.time_zero:
        start = days[protocol.time_zero][keep]
        year = start.astype("datetime64[Y]").astype(float) + 1970
        found[f"{protocol.time_zero}_year"] = np.where(np.isnat(start), np.nan, year)
    for name, column in columns.items():
        if column.variable.partial_formats:
            precision = np.array(PRECISIONS, dtype=object)[column.dates.precision]
            precision[np.isnat(column.dates.first)] = None
            found[f"{name}_precision"] = precision[keep]
    return pd.DataFrame(found, copy=False), capped


def _named_by_key(protocol: Protocol, key: bytes | None) -> bool:
    return bool(key) and any(v.type == "identifier" for v in protocol.variables)


def _names(source: SourceTable, protocol: Protocol, key: bytes | None) -> np.ndarray:
    """What the patients of all rows are called: by pseudonyms if there is a key, else by row."""
    rows = len(source.cells)
    width = max(4, len(str(rows)))
    numbers = np.char.mod(f"P%0{width}d", np.arange(1, rows + 1)).astype(object)
    if not _named_by_key(protocol, key):
        return numbers
    identifier = next(v for v in protocol.variables if v.type == "identifier")
    texts = source.cells[identifier.column].str.strip()
    given = ~texts.isin({*identifier.missing, ""}).to_numpy()
    numbers[given] = pseudonyms(texts[given], protocol.study, key)
    return numbers
