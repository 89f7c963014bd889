"""A study's results as cells: with their uncertainty, their mark, and what the paper printed.

Here the rules for reconstructed results are kept, once for all tables and sentences: a reconstructed
result appears only as its identified set, never as the value of one dataset; and where it was a
target of the reconstruction it bears the mark *by construction*.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import isnan
from typing import Any

import pandas as pd

from resarc import tables
from resarc.estimand import Condition, Estimand
from resarc.protocol import Protocol
from resarc.published import Figure, Published
from resarc.report.model import Cell
from resarc.tables import NBSP

NO_SET = "set not computed"
SAMPLED = (
    "An identified set found by sample or search is the range over the datasets that were built; "
    "the full set can be wider, never narrower."
)


@dataclass(frozen=True)
class Results:
    """What is known of a study: estimates, identified sets if reconstructed, printed figures.

    `estimates` and `identified` have the columns of `estimates.csv` and `identified.csv`; without
    `identified` the patients are those of a registry.
    """

    protocol: Protocol
    published: Published
    estimates: pd.DataFrame
    identified: pd.DataFrame | None = None
    adjusted: pd.DataFrame | None = None
    """Adjusted p-values of univariable tables: adjusted.csv of a registry, identified_adjusted.csv of
    a reconstruction."""
    journal: bool = False
    """For a manuscript: nothing that the paper printed, shares by the rule of denominators."""
    shown: set[str] = field(default_factory=set)
    """Estimands that a table has asked for, so that the rest can be listed."""

    @property
    def rebuilt(self) -> bool:
        return self.protocol.source.kind == "reconstruction"

    @cached_property
    def rows(self) -> Mapping[str, Mapping[str, Any]]:
        return records_by(self.estimates, "estimand")

    @cached_property
    def sets(self) -> Mapping[str, Mapping[str, Any]]:
        return {} if self.identified is None else records_by(self.identified, "estimand")

    @cached_property
    def figures(self) -> Mapping[str, list[Figure]]:
        """The printed figures by their estimand."""
        found: dict[str, list[Figure]] = {}
        for figure in self.published.figures:
            found.setdefault(str(figure.estimand), []).append(figure)
        return found

    @cached_property
    def keys(self) -> list[Estimand]:
        """Every estimand with a result, in the order of the estimates."""
        return [Estimand.parse(key) for key in self.rows]

    def has(self, estimand: Estimand) -> bool:
        return str(estimand) in self.rows

    def is_target(self, estimand: Estimand) -> bool:
        return truth(self.sets.get(str(estimand), {}).get("target"))

    def is_suppressed(self, estimand: Estimand) -> bool:
        """Whether a rule of disclosure keeps the value back."""
        row = self.rows.get(str(estimand), {})
        kept_back = text_of(row.get("note")).startswith(tables.SUPPRESSED)
        return kept_back and isnan(number_of(row.get("value")))

    def direction(self, estimand: Estimand) -> str:
        return text_of(self.sets.get(str(estimand), {}).get("direction"))

    def limits(self, estimand: Estimand) -> tuple[float, float]:
        """The identified set of a reconstruction, the confidence limits from a registry; or NaN."""
        source = self.sets if self.rebuilt else self.rows
        row = source.get(str(estimand), {})
        return number_of(row.get("lower")), number_of(row.get("upper"))

    def value(self, estimand: Estimand) -> float:
        """A registry's value; NaN for a reconstruction, which has no value but a set."""
        return (
            float("nan")
            if self.rebuilt
            else number_of(self.rows.get(str(estimand), {}).get("value"))
        )

    def text(self, estimand: Estimand) -> str:
        """The result in words; empty where there is none."""
        if not self.has(estimand):
            return ""
        of = self.denominator(estimand)
        if not self.rebuilt:
            value = self.value(estimand)
            if self.is_suppressed(estimand):
                return tables.SUPPRESSED
            if isnan(value) and number_of(self.rows[str(estimand)].get("n")) == 0:
                return tables.NOT_ESTIMABLE  # of nobody, not even "not reached"
            return format_estimate(estimand, value, *self.limits(estimand), self.protocol, of=of)
        if str(estimand) not in self.sets:
            return NO_SET
        return tables.format_range(estimand, *self.limits(estimand), self.protocol, of=of)

    def denominator(self, estimand: Estimand) -> float | None:
        """In a manuscript, the size of the group that a share is about, which decides its decimals; of
        a reconstruction the largest that any dataset has. None where it is not known."""
        if not self.journal or estimand.kind.scale not in ("fraction", "difference"):
            return None
        group = str(Estimand("n", where=estimand.where))
        if self.rebuilt:
            found = number_of(self.sets.get(group, {}).get("upper"))
        else:
            known = group if group in self.rows else str(estimand)
            found = number_of(self.rows.get(known, {}).get("value" if known == group else "n"))
        return None if isnan(found) else found

    def alike(self, estimands: Sequence[Estimand]) -> list[str]:
        """A registry's summaries of one variable as they stand in one cell, without unit and limits;
        empty where one has no result."""
        self.shown.update(map(str, estimands))
        known = [e for e in estimands if self.has(e)]
        values = [self.value(e) for e in known]
        words = tables.format_alike(estimands[0].subject, values, self.protocol)
        found = dict(zip(map(str, known), words, strict=True))
        found |= {str(e): tables.SUPPRESSED for e in known if self.is_suppressed(e)}
        return [found.get(str(e), "") for e in estimands]

    def in_paper(self, estimand: Estimand) -> bool:
        """Whether the paper printed it."""
        return str(estimand) in self.figures

    def tests_adjusted(self, analysis: str) -> int:
        """How many tests the p-values of a table are adjusted for."""
        found = [row["tests"] for (name, _), row in self._adjusted_rows.items() if name == analysis]
        return int(max(found, default=0))

    def adjusted_cell(self, analysis: str, estimand: Estimand, method: str) -> Cell:
        """The p of a test adjusted for its table by `holm` or `bh`; empty where there is none."""
        row = self._adjusted_rows.get((analysis, str(estimand)), {})
        if not self.rebuilt:
            value = number_of(row.get(method))
            return Cell("" if isnan(value) else tables.format_p(value))
        ends = [number_of(row.get(f"{method}_{end}")) for end in ("lower", "upper")]
        if any(map(isnan, ends)):
            return Cell("")
        return Cell(tables.format_range(estimand, *ends, self.protocol))

    @cached_property
    def _adjusted_rows(self) -> Mapping[tuple[str, str], Mapping[str, Any]]:
        if self.adjusted is None:
            return {}
        rows = self.adjusted.to_dict("records")
        return {(text_of(row["analysis"]), text_of(row["estimand"])): row for row in rows}

    def cell(self, estimand: Estimand, *, unit: str = "") -> Cell:
        """The result as a table cell, marked; empty where there is none. A `unit` that the column
        or row already names is left out."""
        self.shown.add(str(estimand))
        words = self.text(estimand)
        if unit:
            words = words.replace(f" {unit}", "")
        if words == NO_SET:
            return Cell(words, tone="muted")
        if not words:
            return Cell("")
        if self.is_target(estimand):
            return Cell(words, "by construction")
        if self.direction(estimand) == "not identified":
            return Cell(words, "not identified")
        return Cell(words)

    def printed(self, estimand: Estimand) -> str:
        """What the paper printed of it, each form once; empty if nothing. What it said in words is
        left out where it also printed a number."""
        if self.journal:
            return ""
        found = self.figures.get(str(estimand), [])
        numbers = [figure for figure in found if not figure.claim]
        forms = [printed_text(figure) for figure in numbers or found]
        return "; ".join(dict.fromkeys(forms))

    def describe(self, estimand: Estimand) -> str:
        """The estimand in words, beginning with a capital."""
        words = tables.describe(estimand, self.protocol)
        return words[:1].upper() + words[1:]

    def level(self, condition: Condition) -> str:
        return self.protocol.level_label(condition.variable, condition.level)


def format_estimate(
    estimand: Estimand,
    value: float,
    lower: float,
    upper: float,
    protocol: Protocol,
    *,
    of: float | None = None,
) -> str:
    """An estimate and its confidence limits, as a cell: '49.9 months (30.0 to 59.4)'."""
    found = tables.format_value(estimand, value, protocol, of=of)
    limits = tables.format_interval(estimand, lower, upper, protocol, of=of).replace(" ", NBSP)
    return f"{found} ({limits})" if limits else found


def printed_text(figure: Figure) -> str:
    """A printed figure as people read it: '62.5%', '49.9 months', '3.1 (1.2 to 8.0)'."""
    if figure.not_available:
        return "not available"
    counts = figure.estimand.kind.scale == "count"
    unit = "" if counts or not figure.unit else "%" if figure.unit == "%" else f" {figure.unit}"
    words = f"{figure.printed.replace('<=', '≤').replace('>=', '≥')}{unit}"
    if figure.bounds:
        words += f" ({figure.interval[0]} to {figure.interval[1]})"
    return f"{words} (in words)" if figure.claim else words


def records_by(frame: pd.DataFrame, key: str) -> dict[str, dict[str, Any]]:
    return {str(row[key]): row for row in frame.to_dict("records")}


def text_of(value: Any) -> str:
    """A cell of a results file as text; missing is empty."""
    return "" if value is None or value != value else str(value)


def number_of(value: Any) -> float:
    """A cell of a results file as a number; missing is NaN."""
    return float("nan") if value is None or value == "" else float(value)


def truth(value: Any) -> bool:
    return text_of(value).strip().lower() in ("true", "1", "1.0", "yes")


def curve_rows(
    frame: pd.DataFrame | None, endpoint: str, variable: str = "", level: str = ""
) -> pd.DataFrame | None:
    """The rows of one group in `curves.csv` or `envelopes.csv`; None if there are none."""
    if frame is None:
        return None
    names, levels = frame["variable"].map(text_of), frame["level"].map(text_of)
    part = frame[(frame["endpoint"] == endpoint) & (names == variable) & (levels == level)]
    return part if len(part) else None


def counted(n: int, noun: str, plural: str = "") -> str:
    """'1 check', '2 checks'."""
    return f"{n:,} {noun if n == 1 else plural or noun + 's'}"


def capital(words: str) -> str:
    return words[:1].upper() + words[1:]


def sentence(words: str) -> str:
    """Words with a full stop, unless they end in one."""
    words = words.strip()
    return words if not words or words.endswith((".", "?", "!")) else f"{words}."
