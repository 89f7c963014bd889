"""What must hold of each cell, and between the cells of a row: every fault, with what to do.

Impossible and improbable are kept apart: what cannot be true rejects its row, what is only unlikely
is flagged and stays.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from resarc.conditions import contradicts, describe, meets_all
from resarc.derivation import derive_variables
from resarc.intake.cells import Column
from resarc.intake.dates import Dates, impossible
from resarc.protocol import Protocol, Rule, Variable


@dataclass(frozen=True)
class Fault:
    """The rows that one rule finds fault with, in one column, and what to say of them.

    `rows` are places of rows, increasing; `reason` is one text, or one for each of them. `flag`
    keeps the row.
    """

    variable: Variable
    rule: str
    rows: np.ndarray
    reason: str | np.ndarray
    remedy: str
    flag: bool = False


def fault(
    variable: Variable,
    rule: str,
    failed: np.ndarray,
    reason: str,
    remedy: str,
    flag: bool = False,
) -> Fault:
    """A fault of the rows where `failed` (bool, shape (n,)) is true."""
    return Fault(variable, rule, np.flatnonzero(failed), reason, remedy, flag)


# -- cells -----------------------------------------------------------------------------------------


def cell_faults(
    columns: Mapping[str, Column], decimal_of: Mapping[str, str], protocol: Protocol
) -> Iterable[Fault]:
    """Cells that are missing, cannot be read, or hold what cannot or will hardly be true.

    `decimal_of` is the decimal mark of each column, as the source has it.
    """
    empty = ~np.logical_or.reduce([column.given for column in columns.values()])
    yield fault(
        protocol.variables[0],
        "empty row",
        empty,
        "no cell of the row holds a value",
        "Delete the row.",
    )
    for column in columns.values():
        v = column.variable
        if v.required:
            yield fault(
                v,
                "required",
                ~column.given & ~empty,
                f"{v.column} must be given",
                "Look the value up and enter it.",
            )
        if v.type in ("identifier", "text"):
            continue
        yield _unreadable(column, decimal_of[v.column])
        yield from _partial(column)
        if column.no_unit is not None:
            unit = protocol.variable(v.unit_from)
            yield fault(
                v,
                "unit",
                column.no_unit,
                f"the unit of {v.column} is not given in {unit.column}",
                f"Give one of {', '.join(map(repr, v.units))} in {unit.column}.",
            )
        yield from _out_of_bounds(column)
        if column.dates is not None:
            day = protocol.data_date
            yield fault(
                v,
                "future",
                column.dates.first > np.datetime64(day),
                f"the date is after the day of the export, {day}",
                "Correct the date.",
            )
    for endpoint in protocol.endpoints:
        if endpoint.time and protocol.kind(endpoint.time) == "number" and endpoint.time in columns:
            yield fault(
                columns[endpoint.time].variable,
                f"endpoint {endpoint.name}",
                columns[endpoint.time].values < 0,
                f"the time of {endpoint.label} is negative",
                "Correct the time.",
            )


def _unreadable(column: Column, mark: str) -> Fault:
    v = column.variable
    elsewhere = f"or list it under 'missing' of {v.name!r} if it stands for no value."
    failed = column.given & ~column.read
    if v.type == "category":
        codes = [code for some in v.categories.values() for code in some]
        known = ", ".join(repr(code) for code in codes[:12]) + (" …" if len(codes) > 12 else "")
        return fault(
            v,
            "code",
            failed,
            f"no code of {v.column}; its codes are {known}",
            f"Write one of the codes, add this one under 'categories', {elsewhere}",
        )
    if v.type == "date":
        formats = [v.date_format, *(f for some in v.partial_formats.values() for f in some)]
        return fault(
            v,
            "date",
            failed,
            f"no date in the format {' or '.join(formats)}",
            f"Write the date as {datetime.date(2020, 1, 31).strftime(v.date_format)}, {elsewhere}",
        )
    kind = "whole number" if v.type == "integer" else "number"
    how = (
        "digits only"
        if v.type == "integer"
        else f"{mark!r} as its decimal mark and no other separator"
    )
    if v.units and v.unit_from is None:
        how += f", and after it no unit or one of {', '.join(dict.fromkeys((v.unit, *v.units)))}"
    return fault(v, kind, failed, f"no {kind} with {how}", f"Write the value so, {elsewhere}")


def _partial(column: Column) -> Iterable[Fault]:
    v = column.variable
    if column.dates is None or not v.partial_formats or v.partial != "reject":
        return
    yield fault(
        v,
        "partial date",
        column.dates.partial,
        "only the month or the year of the date is given",
        f"Find the day, or say in 'partial' of {v.name!r} which day is to stand for it.",
    )


def _out_of_bounds(column: Column) -> Iterable[Fault]:
    v = column.variable
    for rule, low, high, words, remedy in (
        (
            "range",
            v.minimum,
            v.maximum,
            "must be",
            "Correct the value; if it is right, widen the range in the protocol.",
        ),
        (
            "improbable",
            v.plausible_minimum,
            v.plausible_maximum,
            "is seldom other than",
            "Look the value up; if it is right, nothing need be done.",
        ),
    ):
        if low is None and high is None:
            continue
        bounds = " and ".join(
            f"{word} {bound:g}" if isinstance(bound, float) else f"{word} {bound}"
            for word, bound in (("at least", low), ("at most", high))
            if bound is not None
        )
        failed = _outside(column, low, high)
        if rule == "improbable":
            failed &= ~_outside(column, v.minimum, v.maximum)
        unit = f" {v.unit}" if v.unit else ""
        yield fault(
            v, rule, failed, f"{v.column} {words} {bounds}{unit}", remedy, rule == "improbable"
        )


def _outside(
    column: Column, low: float | datetime.date | None, high: float | datetime.date | None
) -> np.ndarray:
    """Which values lie outside; of a partial date only one whose every day does."""
    least, most = column.values, column.values
    if column.dates is not None:
        least, most = column.dates.last, column.dates.first
        low, high = (None if x is None else np.datetime64(x) for x in (low, high))
    outside = np.zeros(len(least), dtype=bool)
    if low is not None:
        outside |= least < low
    if high is not None:
        outside |= most > high
    return outside


# -- rows ------------------------------------------------------------------------------------------


def order_faults(read: Mapping[str, Dates], protocol: Protocol) -> Iterable[Fault]:
    """Dates in time order: the protocol's rules, then no end of an endpoint before its origin.

    A partial date is out of order if none of its days would be in order.
    """
    ruled: set[tuple[str, str]] = set()
    for rule in protocol.rules:
        for place, name in enumerate(rule.order[1:], start=1):
            if rule.action == "reject":
                ruled |= {(earlier, name) for earlier in rule.order[:place]}
            yield from _not_before(rule, rule.order[:place], name, read, protocol)
    for endpoint in protocol.endpoints:
        if not endpoint.origin:
            continue
        for name in (*endpoint.events, endpoint.censored_at):
            if (endpoint.origin, name) in ruled or name == endpoint.origin:
                continue
            ruled.add((endpoint.origin, name))
            yield fault(
                protocol.variable(name),
                f"endpoint {endpoint.name}",
                read[name].last < read[endpoint.origin].first,
                f"the date is before {protocol.variable(endpoint.origin).column}, from which "
                f"{endpoint.label} is counted",
                "Correct one of the two dates.",
            )


def _not_before(
    rule: Rule,
    earlier: tuple[str, ...],
    name: str,
    read: Mapping[str, Dates],
    protocol: Protocol,
) -> Iterable[Fault]:
    """Who has the date before one of those that should be earlier; told of the latest of these."""
    latest = read[earlier[0]].first
    which = np.zeros(len(latest), dtype=np.int8)
    for place, other in enumerate(earlier[1:], start=1):
        later = (read[other].first > latest) | (np.isnat(latest) & ~np.isnat(read[other].first))
        latest = np.where(later, read[other].first, latest)
        which[later] = place
    failed = read[name].last < latest
    columns = [protocol.variable(other).column for other in (*earlier, name)]
    for place in np.unique(which[failed]):
        yield fault(
            protocol.variable(name),
            rule.id,
            failed & (which == place),
            f"{columns[-1]} is before {columns[place]}: {rule.why}",
            f"Correct {columns[-1]} or {columns[place]}.",
            rule.action == "flag",
        )


def no_day_faults(
    narrowed: Mapping[str, Dates], among: np.ndarray, protocol: Protocol
) -> Iterable[Fault]:
    """Partial dates that other dates leave no day for, among rows that nothing else speaks against."""
    for name, dates in narrowed.items():
        yield fault(
            protocol.variable(name),
            "partial date",
            impossible(dates) & among,
            "no day of this month or year lies between the dates before and after it",
            "Correct the date or those that must come before or after it.",
        )


def rule_faults(typed: pd.DataFrame, protocol: Protocol) -> Iterable[Fault]:
    """What must hold between columns: when …, then …. `typed` is a clean frame of all rows."""
    rules = [rule for rule in protocol.rules if rule.then]
    if not rules:
        return
    frame = derive_variables(typed, protocol)
    for rule in rules:
        applies = meets_all(frame, rule.when).to_numpy()
        for condition in rule.then:
            yield fault(
                _source(condition.variable, protocol),
                rule.id,
                applies & contradicts(frame, condition).to_numpy(),
                f"{rule.why} ({_in_words(rule)})",
                "Correct one of the values that the rule speaks of.",
                rule.action == "flag",
            )


def _in_words(rule: Rule) -> str:
    then = " and ".join(map(describe, rule.then))
    return f"if {' and '.join(map(describe, rule.when))} then {then}" if rule.when else then


def _source(name: str, protocol: Protocol) -> Variable:
    """The source variable of this name, or the last one that a derived variable is made of."""
    item = protocol.variable(name)
    if isinstance(item, Variable):
        return item
    return _source((item.months_between or (item.cut or item.collapse,))[-1], protocol)
