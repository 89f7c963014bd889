"""Digitised survival curves as a study's configuration names them: points read off a printed figure,
and the numbers at risk below it.

The files lie in `config/published/<study>/`, as UTF-8 CSV with a header row: points have the columns
`group, time, survival`, numbers at risk `group, time, at_risk`. `group` is a level of the curve's
category, or empty for one curve of all patients.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from resarc.configuration import Model
from resarc.errors import ConfigurationError
from resarc.estimand import DAYS_PER_MONTH

MOST_POINTS = 20_000

UNITS = {"years": 12.0, "months": 1.0, "weeks": 7 / DAYS_PER_MONTH, "days": 1 / DAYS_PER_MONTH}


Share = Annotated[float, Field(gt=0, le=0.1)]


class Group(Model):
    """One curve: its points as months and fractions of 1, in order of time."""

    level: str
    points: tuple[tuple[float, float], ...]
    at_risk: tuple[tuple[float, int], ...] = ()
    """Times as printed, and patients."""


class Curve(Model):
    """The curves of one endpoint in one printed figure, and how exactly they could be read."""

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9_.-]*$")
    endpoint: str
    by: str | None = None
    """The category whose levels the curves belong to; none for one curve of all patients."""
    file: str
    at_risk: str | None = None
    unit: Literal["years", "months", "weeks", "days"] = "months"
    scale: Literal["%", ""] = "%"
    """Whether survival in the file is percent, or a fraction of 1."""
    tolerance: float = Field(gt=0, le=0.1)
    """How far a point may lie from the curve, as a fraction of 1: what clicking and the thickness of
    the line allow."""
    mean_tolerance: Share | dict[str, Share] | None = None
    """The same of all points of a group together: their root mean square distance, at their own times;
    one for all groups, or one for each."""
    time_tolerance: float = Field(default=0.0, ge=0)
    """The same of time, in `unit`."""
    locator: str = Field(min_length=1)
    groups: tuple[Group, ...] = ()
    """Read from the files."""

    def mean_of(self, level: str) -> float:
        """The mean tolerance of a group; infinite where none is stated."""
        given = self.mean_tolerance
        if isinstance(given, dict):
            given = given.get(level)
        return given if given is not None else float("inf")

    @property
    def factor(self) -> float:
        """Months in one unit of time."""
        return UNITS[self.unit]


def read(curve: Curve, folder: Path) -> Curve:
    """The curve with its points and numbers at risk; `ConfigurationError` says file, row and column of
    a fault."""
    path = _inside(curve, curve.file, folder)
    scale = 0.01 if curve.scale == "%" else 1.0
    points: dict[str, list[tuple[float, float]]] = {}
    for row, group, time, value in _rows(path, curve, "survival"):
        height = value * scale
        if not -curve.tolerance <= height <= 1 + curve.tolerance:
            top = "100" if curve.scale == "%" else "1"
            raise ConfigurationError(
                f"{path}, row {row}, column survival", f"{value:g}", f"survival from 0 to {top}"
            )
        points.setdefault(group, []).append((max(time, 0.0) * curve.factor, height))
    for group, own in points.items():
        _falling(curve, path, group, own)
    named = curve.mean_tolerance if isinstance(curve.mean_tolerance, dict) else {}
    for group in named:
        if group not in points:
            raise ConfigurationError(
                f"curve {curve.id}, mean_tolerance",
                repr(group),
                f"a group of {curve.file} ({', '.join(map(repr, points))})",
            )
    risk: dict[str, list[tuple[float, int]]] = {}
    if curve.at_risk is not None:
        path = _inside(curve, curve.at_risk, folder)
        for row, group, time, value in _rows(path, curve, "at_risk"):
            if value < 0 or value != int(value):
                raise ConfigurationError(
                    f"{path}, row {row}, column at_risk", f"{value:g}", "a whole number of patients"
                )
            if group not in points:
                raise ConfigurationError(
                    f"{path}, row {row}, column group",
                    repr(group),
                    f"a group of {curve.file} ({', '.join(map(repr, points))})",
                )
            known = risk.setdefault(group, [])
            if known and (time <= known[-1][0] or value > known[-1][1]):
                raise ConfigurationError(
                    f"{path}, row {row}",
                    f"{value:g} at risk at {time:g} after {known[-1][1]} at {known[-1][0]:g}",
                    "times in order, and numbers at risk that do not rise",
                )
            known.append((time, int(value)))
    groups = [
        Group(level=g, points=tuple(sorted(own)), at_risk=tuple(risk.get(g, ())))
        for g, own in points.items()
    ]
    return curve.model_copy(update={"groups": tuple(groups)})


def _inside(curve: Curve, name: str, folder: Path) -> Path:
    """A file of the study's own folder; no other can be named."""
    path = folder / name
    where = f"curve {curve.id}, file {name!r}"
    if Path(name).is_absolute() or not path.resolve().is_relative_to(folder.resolve()):
        raise ConfigurationError(where, "a path that leaves the folder", f"a file in {folder}")
    if path.suffix != ".csv" or not path.is_file():
        raise ConfigurationError(where, "no such CSV file", f"a file ending in .csv in {folder}")
    return path


def _rows(path: Path, curve: Curve, column: str):
    """Row number, group, time and value of every row."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(str(path), str(error), "a readable UTF-8 file") from error
    reader = csv.DictReader(text.splitlines())
    wanted = ["group", "time", column] if curve.by else ["time", column]
    missing = [name for name in wanted if name not in (reader.fieldnames or ())]
    if missing:
        raise ConfigurationError(
            f"{path}, header",
            f"no column {', '.join(missing)}",
            f"the columns {', '.join(wanted)}",
        )
    count = 0
    for row, cells in enumerate(reader, start=2):
        count += 1
        if count > MOST_POINTS:
            raise ConfigurationError(str(path), f"more than {MOST_POINTS} rows", "fewer points")
        numbers = []
        for name in ("time", column):
            try:
                numbers.append(float(cells[name] or ""))
            except ValueError:
                numbers.append(float("nan"))
            if not abs(numbers[-1]) < float("inf"):
                raise ConfigurationError(
                    f"{path}, row {row}, column {name}", repr(cells[name]), "a number"
                )
        yield row, (cells.get("group") or "").strip() if curve.by else "", *numbers
    if not count:
        raise ConfigurationError(str(path), "no row", "points of a curve")


def _falling(curve: Curve, path: Path, group: str, points: list[tuple[float, float]]) -> None:
    """Points may rise by what their tolerance allows, and no more."""
    lowest = (0.0, 1.0 + curve.tolerance)
    for time, height in sorted(points, key=lambda p: (p[0], -p[1])):
        if height > lowest[1] + 2 * curve.tolerance:
            raise ConfigurationError(
                f"{path}, group {group!r}",
                f"survival rises from {lowest[1]:.3g} to {height:.3g} at {time / curve.factor:g} {curve.unit}",
                f"a curve that falls, or rises by no more than twice the tolerance {curve.tolerance:g}",
            )
        lowest = min(lowest, (time, height), key=lambda p: p[1])
    if len(points) < 2:
        raise ConfigurationError(f"{path}, group {group!r}", "one point", "at least two points")
