"""What evaluating an estimand gives."""

from __future__ import annotations

from dataclasses import dataclass
from math import nan


@dataclass(frozen=True)
class Estimate:
    """An estimand's value in canonical units, with its confidence limits and p-value.

    NaN where there is none; where the data do not determine the value itself, `note` says why.
    `n` is the number of patients that the value rests on (complete cases), `events` the events
    among them where the estimand is about an endpoint. `method` names estimator and interval.
    """

    value: float = nan
    lower: float = nan
    upper: float = nan
    p: float = nan
    n: int | None = None
    events: int | None = None
    method: str = ""
    note: str = ""


def percent(level: float) -> str:
    """A confidence level in words: 0.95 is '95%'."""
    return f"{100 * level:g}%"
