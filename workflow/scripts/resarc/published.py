"""What a study printed: every figure with its locator, as printed, keyed by its estimand.

A `Figure` keeps the printed text, so that its rounding is known: `exact_values` turns it into the
interval of exact values that print so under a rounding convention. Figures stated in words only
("no difference") carry `claim: true` and the weakest figure the words imply.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator, model_validator

from resarc.configuration import EstimandText, Model, read_model
from resarc.digitised import Curve
from resarc.digitised import read as read_curve
from resarc.errors import ConfigurationError
from resarc.estimand import DAYS_PER_MONTH, Condition, Duration, Estimand

Rounding = Literal["half up", "half even", "truncated"]
ROUNDINGS: tuple[Rounding, ...] = ("half up", "half even", "truncated")

_PRINTED = re.compile(r"(?P<mark><=|>=|<|>|≤|≥|)\s*(?P<number>-?\d+(?:\.\d+)?)")
_MARKS = {"": "=", "≤": "<=", "≥": ">="}

TIME_UNITS = {
    "years": 12.0,
    "months": 1.0,
    "weeks": 7 / DAYS_PER_MONTH,
    "days": 1 / DAYS_PER_MONTH,
}
"""Months in one unit of time, for endpoints."""


@dataclass(frozen=True)
class Range:
    """Exact values between two bounds; an open bound is itself excluded."""

    lower: float
    upper: float
    open_lower: bool = False
    open_upper: bool = False

    def __contains__(self, value: float) -> bool:
        above = value > self.lower if self.open_lower else value >= self.lower
        below = value < self.upper if self.open_upper else value <= self.upper
        return above and below

    def scaled(self, factor: float) -> Range:
        return Range(self.lower * factor, self.upper * factor, self.open_lower, self.open_upper)


@dataclass(frozen=True)
class Printed:
    """A printed number: its comparison mark, its value and its unit in the last place."""

    mark: Literal["=", "<", "<=", ">", ">="]
    value: Decimal

    @classmethod
    def parse(cls, text: str) -> Printed:
        match = _PRINTED.fullmatch(text.strip())
        if not match:
            raise ValueError(
                f"{text!r} is no printed number such as '26.4' or '< 0.001', with a decimal "
                "point; what the paper leaves out is 'NA'"
            )
        return cls(_MARKS.get(match["mark"], match["mark"]), Decimal(match["number"]))

    @property
    def last_place(self) -> Decimal:
        """One unit in the last printed place."""
        return Decimal(1).scaleb(self.value.as_tuple().exponent)

    def exact_values(self, rounding: Rounding = "half up") -> Range:
        """The exact values that print so. Half up: [v - u/2, v + u/2); half even: closed where v is
        even; truncated: [v, v + u). A mark bounds one side only."""
        value, unit = float(self.value), float(self.last_place)
        if self.mark != "=":
            infinite = float("inf")
            if self.mark[0] == "<":
                return Range(-infinite, value, True, self.mark == "<")
            return Range(value, infinite, self.mark == ">", True)
        if rounding == "truncated":
            return Range(value, value + unit, open_upper=True)
        lower, upper = (
            float(self.value - self.last_place / 2),
            float(self.value + self.last_place / 2),
        )
        if rounding == "half up":
            return Range(lower, upper, open_upper=True)
        even = self.value.as_tuple().digits[-1] % 2 == 0
        return Range(lower, upper, not even, not even)


class Figure(Model):
    """One printed figure."""

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9_.-]*$")
    estimand: EstimandText
    printed: str
    unit: str = ""
    interval: tuple[str, str] | None = None
    level: float = Field(default=0.95, gt=0.5, lt=1)
    locator: str = Field(min_length=1)
    says: str = ""
    claim: bool = False

    @field_validator("printed", "interval", mode="after")
    @classmethod
    def _is_printed(cls, value: str | tuple[str, str] | None) -> str | tuple[str, str] | None:
        for text in (value,) if isinstance(value, str) else value or ():
            if text != "NA":
                Printed.parse(text)
        return value

    @property
    def not_available(self) -> bool:
        """The paper prints that it gives no figure."""
        return self.printed == "NA"

    @property
    def value(self) -> Printed:
        return Printed.parse(self.printed)

    @property
    def bounds(self) -> tuple[Printed, Printed] | None:
        if self.interval is None or "NA" in self.interval:
            return None
        return Printed.parse(self.interval[0]), Printed.parse(self.interval[1])


class Fact(Model):
    """Something printed about the study that is no estimand: a date, a dose rule, one case."""

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9_.-]*$")
    printed: str = Field(min_length=1)
    unit: str = ""
    locator: str = Field(min_length=1)
    says: str = Field(min_length=1)


class Announcement(Model):
    """An analysis that the Methods announce; `estimands` are patterns (* any text) of its results."""

    id: str
    what: str
    estimands: tuple[str, ...] = Field(min_length=1)
    locator: str


class Definition(Model):
    """How the paper defines one level of a category by a number."""

    level: str
    variable: str
    of: str
    above: float | None = None
    at_least: float | None = None
    below: float | None = None
    at_most: float | None = None
    locator: str

    def holds(self, value: float) -> bool:
        return not (
            (self.above is not None and value <= self.above)
            or (self.at_least is not None and value < self.at_least)
            or (self.below is not None and value >= self.below)
            or (self.at_most is not None and value > self.at_most)
        )


class Highlight(Model):
    """Results that a text passage lists as the significant ones of a table."""

    id: str
    locator: str
    table: str
    threshold: float = 0.05
    estimands: tuple[EstimandText, ...]


class Stated(Model):
    """What the paper says of how its figures were computed. The reconstruction tries it first, and
    other readings only if no data can bear it."""

    rates: Literal["Kaplan-Meier", "crude"] | None = None
    """Survival rates: Kaplan-Meier estimates, or shares of all patients."""
    locator: str = Field(min_length=1)


class Published(Model):
    """All that a study printed and that was read, in the order of the paper. A registry that repeats
    no paper has no figures."""

    study: str
    reference: str
    reading: str
    endpoints: tuple[str, ...] = ()
    stated: Stated | None = None
    figures: tuple[Figure, ...] = ()
    curves: tuple[Curve, ...] = ()
    facts: tuple[Fact, ...] = ()
    definitions: tuple[Definition, ...] = ()
    announced: tuple[Announcement, ...] = ()
    highlighted: tuple[Highlight, ...] = ()

    @model_validator(mode="after")
    def _checked(self) -> Published:
        seen: set[str] = set()
        for figure in self.figures:
            self.factor(figure)
        for item in (*self.figures, *self.facts):
            if item.id in seen:
                raise ValueError(f"the id {item.id!r} stands twice; ids must differ")
            seen.add(item.id)
        return self

    def factor(self, figure: Figure) -> float:
        """Printed unit to canonical unit: shares become fractions, times of endpoints months; a
        number keeps the unit of its variable."""
        kind, unit = figure.estimand.kind, figure.unit
        if kind.scale in ("fraction", "difference"):
            units = {"%": 0.01, "": 1.0}
        elif kind.scale == "months" or (
            figure.estimand.subject in self.endpoints and kind.name == "median"
        ):
            units = TIME_UNITS
        else:
            return 1.0
        if unit not in units:
            raise ValueError(
                f"figure {figure.id!r} has unit {unit!r}; {figure.estimand} takes one of "
                f"{', '.join(map(repr, units))}"
            )
        return units[unit]

    def exact_values(self, figure: Figure, rounding: Rounding = "half up") -> Range:
        """The exact values, in canonical units, that print as this figure does."""
        return figure.value.exact_values(rounding).scaled(self.factor(figure))

    def get(self, identifier: str) -> Figure:
        return next(figure for figure in self.figures if figure.id == identifier)

    def of(self, estimand: Estimand | str) -> tuple[Figure, ...]:
        """Every figure printed for an estimand, in the paper's order."""
        key = str(estimand)
        return tuple(f for f in self.figures if str(f.estimand) == key)

    def count(self, *where: Condition) -> int | None:
        """The printed number of patients with these properties, from the first figure of it."""
        for figure in self.of(Estimand("n", where=where)):
            if figure.value.mark == "=":
                return int(figure.value.value)
        return None


def nothing_of(study: str) -> Published:
    """Of a registry that repeats no paper."""
    return Published(study=study, reference="", reading="No paper is repeated.")


def load(path: Path) -> Published:
    """Read `config/published/<study>.yaml` and the digitised curves that it names."""
    published = read_model(path, Published)
    if published.study != path.stem:
        raise ConfigurationError(
            str(path), f"study {published.study!r}", f"the file's own name {path.stem!r}"
        )
    return with_curves(published, path.with_suffix(""))


def with_curves(published: Published, folder: Path) -> Published:
    """The same with the points of its curves, and their numbers at risk as printed figures."""
    if not published.curves:
        return published
    curves = tuple(read_curve(curve, folder) for curve in published.curves)
    figures = [*published.figures]
    for curve in curves:
        for g, group in enumerate(curve.groups):
            where = (Condition(curve.by, group.level),) if curve.by else ()
            for k, (time, count) in enumerate(group.at_risk):
                estimand = Estimand("n", where=where)
                if time > 0:
                    duration = Duration.parse(f"{time:g} {curve.unit}")
                    estimand = Estimand("at_risk", curve.endpoint, duration, where)
                figures.append(
                    Figure(
                        id=f"{curve.id}.at_risk.{g + 1}.{k + 1}",
                        estimand=estimand,
                        printed=str(count),
                        locator=f"{curve.locator}, numbers at risk",
                        says="patients at risk",
                    )
                )
    return published.model_copy(update={"curves": curves, "figures": tuple(figures)})
