"""Pooled results in words."""

from __future__ import annotations

from collections.abc import Mapping
from math import isnan
from typing import Any

from resarc import tables
from resarc.estimand import Estimand
from resarc.report.combined.inputs import CombinedInputs
from resarc.report.results import (
    NO_SET,
    number_of,
    text_of,
)


def pooled_words(given: CombinedInputs, row: Mapping[str, Any]) -> str:
    scale = scale_of(given, text_of(row["quantity"]))
    inner = number_of(row["identified_lower"]), number_of(row["identified_upper"])
    if not any(map(isnan, inner)):
        words = _range(scale, *inner)
        outer = number_of(row["outer_lower"]), number_of(row["outer_upper"])
        if not any(map(isnan, outer)):
            words += f" (with sampling uncertainty {_range(scale, *outer)})"
        return words
    if is_rebuilt(given, row):
        return NO_SET
    words = f"{_number(scale, number_of(row['value']))} ({_range(scale, number_of(row['lower']), number_of(row['upper']))})"
    # Without one study in turn, nothing is predicted.
    future = number_of(row.get("prediction_lower")), number_of(row.get("prediction_upper"))
    if not any(map(isnan, future)):
        words += f"; prediction interval {_range(scale, *future)}"
    return words


def is_rebuilt(given: CombinedInputs, row: Mapping[str, Any]) -> bool:
    names = text_of(row["studies"]).split("; ")
    return any(study.rebuilt for study in given.studies if study.protocol.study in names)


def scale_of(given: CombinedInputs, quantity: str) -> str:
    part = given.harmonised[given.harmonised["quantity"] == quantity]
    return Estimand.parse(str(part["estimand"].iloc[0])).kind.scale if len(part) else "fraction"


def _number(scale: str, value: float) -> str:
    return f"{100 * value:.1f}%" if scale == "fraction" else f"{value:.2f}"


def _range(scale: str, lower: float, upper: float) -> str:
    if _number(scale, lower) == _number(scale, upper):
        return _number(scale, lower)
    first = _number(scale, lower).removesuffix("%")
    return f"{first}{tables.NBSP}to{tables.NBSP}{_number(scale, upper)}"
