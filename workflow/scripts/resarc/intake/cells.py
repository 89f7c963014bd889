"""From the texts of a source's columns to values, each distinct text read once."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
import pandas as pd

from resarc.intake.dates import NONE, Dates, read_dates
from resarc.intake.table import SourceTable
from resarc.protocol import Protocol, Variable


@dataclass(frozen=True)
class Texts:
    """A column of texts without white space around them: row i holds `distinct[codes[i]]`."""

    distinct: np.ndarray
    codes: np.ndarray

    @classmethod
    def of(cls, column: pd.Series) -> Texts:
        codes, found = pd.factorize(column.fillna("") if column.isna().any() else column)
        found = pd.Series(found, dtype=object)
        bare = found.str.strip()
        if bare.eq(found).all():
            return cls(found.to_numpy(), codes)
        again, distinct = pd.factorize(bare)
        return cls(np.asarray(distinct, dtype=object), again[codes])

    def take(self, values: np.ndarray) -> np.ndarray:
        """What was found of each distinct text, for each row."""
        return values[self.codes]


@dataclass(frozen=True)
class Column:
    """A variable as it was read from its column; arrays (n,).

    * `values`: levels, floats, or texts; missing is None or NaN. Of dates, see `dates`;
    * `given`: whether the source holds a value, readable or not;
    * `read`: whether it could be read;
    * `no_unit`: whether a number has no unit that is known.
    """

    variable: Variable
    texts: Texts
    values: np.ndarray
    given: np.ndarray
    read: np.ndarray
    no_unit: np.ndarray | None = None
    dates: Dates | None = None


def read_columns(source: SourceTable, protocol: Protocol) -> dict[str, Column]:
    """Every variable of the protocol, by its name."""
    texts = {v.name: Texts.of(source.cells[v.column]) for v in protocol.variables}
    found = {}
    # A number whose unit stands in another column is read after that column.
    for v in sorted(protocol.variables, key=lambda v: v.unit_from is not None):
        unit = found[v.unit_from] if v.unit_from else None
        found[v.name] = _read(v, texts[v.name], source.decimal_of(v.column), unit)
    return {v.name: found[v.name] for v in protocol.variables}


def _read(v: Variable, texts: Texts, decimal: str, unit: Column | None) -> Column:
    distinct = texts.distinct
    as_code = _folded if v.ignore_case else str
    level_of = {as_code(code): level for level, some in v.categories.items() for code in some}
    absent_codes = {as_code(code) for code in (*v.missing, "")} - set(level_of)
    absent = np.array([as_code(text) in absent_codes for text in distinct], dtype=bool)
    given = texts.take(~absent)
    if v.type == "date":
        dates = read_dates(distinct, v)
        for days in (dates.first, dates.last):
            days[absent] = NONE
        dates = dates.take(texts.codes)
        return Column(v, texts, dates.first, given, ~np.isnat(dates.first), dates=dates)
    if v.type in ("identifier", "text"):
        values = distinct.copy()
        values[absent] = None
        return Column(v, texts, texts.take(values), given, given)
    if v.type == "category":
        values = np.array([*(level_of.get(as_code(text)) for text in distinct), None], dtype=object)
        values = values[:-1]
        values[absent] = None
        known = np.array([value is not None for value in values], dtype=bool)
        return Column(v, texts, texts.take(values), given, texts.take(known))
    return _read_numbers(v, texts, given, absent, decimal, unit)


def _read_numbers(
    v: Variable,
    texts: Texts,
    given: np.ndarray,
    absent: np.ndarray,
    decimal: str,
    unit: Column | None,
) -> Column:
    bare, named = _split_units(texts.distinct, v)
    bare[absent] = ""
    numbers = pd.Series(bare, dtype=object).str.replace(decimal, ".", regex=False)
    readable = pd.Series(bare, dtype=object).str.fullmatch(_number(decimal)).to_numpy(dtype=bool)
    values = np.full(len(bare), np.nan)
    # Python's own conversion: pandas.to_numeric can be off by a unit in the last place.
    values[readable] = numbers[readable].to_numpy(dtype=float)
    values[~np.isfinite(values)] = np.nan
    if v.type == "integer":
        values[values != np.rint(values)] = np.nan
    read = texts.take(np.isfinite(values))
    if not v.units:
        return Column(v, texts, texts.take(values), given, read)
    if unit is None:
        default = v.recorded_in or v.unit
        for place in np.flatnonzero(np.isfinite(values)):
            values[place] = _converted(numbers[place], v, named[place] or default)
        values[~np.isfinite(values)] = np.nan
        read = texts.take(np.isfinite(values))
        return Column(v, texts, texts.take(values), given, read)
    known = pd.Series(unit.values).notna().to_numpy()
    result = np.full(len(read), np.nan)
    for level in v.units:
        here = read & known & (unit.values == level)
        used = np.unique(texts.codes[here])
        converted = np.full(len(values), np.nan)
        converted[used] = [_converted(numbers[place], v, level) for place in used]
        result[here] = converted[texts.codes[here]]
    return Column(v, texts, result, given, read, no_unit=read & ~known)


def _split_units(distinct: np.ndarray, v: Variable) -> tuple[np.ndarray, np.ndarray]:
    """Numbers without the unit that follows them, and that unit, empty where there is none."""
    bare, named = distinct.copy(), np.full(len(distinct), "", dtype=object)
    if v.units and v.unit_from is None:
        longest_first = sorted({*v.units, v.unit}, key=len, reverse=True)
        ending = re.compile(rf"(.*[0-9.,])\s*({'|'.join(map(re.escape, longest_first))})")
        for place, text in enumerate(distinct):
            if match := ending.fullmatch(text):
                bare[place], named[place] = match[1], match[2]
    return bare, named


def _converted(text: str, v: Variable, unit: str) -> float:
    """A number in the variable's unit: 3 mm are 0.3 cm, not 0.30000000000000004."""
    return float(Decimal(text) * Decimal(repr(v.units.get(unit, 1.0))))


def _number(decimal: str) -> str:
    mark = re.escape(decimal)
    return rf"[+-]?(?:[0-9]+(?:{mark}[0-9]+)?|{mark}[0-9]+)(?:[eE][+-]?[0-9]+)?"


def _folded(code: str) -> str:
    return " ".join(code.casefold().split())
