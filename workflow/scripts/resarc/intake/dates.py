"""Dates of which only the month or the year is known, and the day that stands for them.

A partial date is an interval: its first and its last possible day. What is known beside it narrows
the interval: the variable's `minimum` and `maximum`, the day of the export, and the other dates of
the patient, by the rules of order that reject and by the origins of endpoints. A day is then chosen
within it by the protocol's rule (`Variable.partial`):

* `earliest`, `latest`: the first or the last day of the narrowed interval;
* `middle`: the 15th of the month, or 1 July of the year, or the nearest day within the interval;
* `reject`: none; the row is rejected.

So a chosen day never contradicts a known one. A row in which no day is left is rejected. Bounds by
other dates are found by bounds propagation on "not later than" (Dechter, Meiri & Pearl, Artificial
Intelligence 1991;49:61-95, the case without distances).
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from resarc.protocol import Protocol, Variable

PRECISIONS = ("day", "month", "year")
Choice = Literal["earliest", "middle", "latest"]

NONE = np.datetime64("NaT", "D")


@dataclass(frozen=True)
class Dates:
    """A column of dates, each as an interval of days; shape (n,) each.

    * `first`, `last`: datetime64[D], equal where the day is known, NaT where there is no date;
    * `precision`: places in `PRECISIONS`.
    """

    first: np.ndarray
    last: np.ndarray
    precision: np.ndarray

    @property
    def partial(self) -> np.ndarray:
        """Which of them are dates of which the day is not known."""
        return (self.precision > 0) & ~np.isnat(self.first)

    def take(self, places: np.ndarray) -> Dates:
        """The dates at some places, in that order and as often as asked."""
        return Dates(self.first[places], self.last[places], self.precision[places])


def read_dates(texts: Sequence[str], variable: Variable) -> Dates:
    """Texts as dates in the variable's own format, or one of its partial ones; NaT where neither."""
    series = pd.Series(texts, dtype=object)
    first = _parsed(series, variable.date_format)
    last, precision = first.copy(), np.zeros(len(series), dtype=np.int8)
    for place, unit in ((1, "month"), (2, "year")):
        for written in variable.partial_formats.get(unit, ()):
            open_ = np.isnat(first)
            if not open_.any():
                break
            found = np.full(len(series), NONE)
            found[open_] = _parsed(series[open_], written)
            here = ~np.isnat(found)
            step = found[here].astype(f"datetime64[{unit[0].upper()}]")
            first[here] = step.astype("datetime64[D]")
            last[here] = (step + 1).astype("datetime64[D]") - 1
            precision[here] = place
    return Dates(first, last, precision)


def _parsed(texts: pd.Series, written: str) -> np.ndarray:
    # pandas also takes "today", digits of other scripts and, in a format without marks, too few
    # digits for a date.
    readable = texts.str.contains(r"[0-9]") & ~texts.str.contains(r"[^\D0-9]")
    if re.search(r"%\w%\w", written) or re.fullmatch(r"%\w", written):
        readable &= texts.str.len() == len(datetime.date(2000, 10, 10).strftime(written))
    values = pd.to_datetime(texts.where(readable.astype(bool)), format=written, errors="coerce")
    return values.to_numpy(dtype="datetime64[ns]").astype("datetime64[D]")


def pairs_in_order(protocol: Protocol) -> list[tuple[str, str]]:
    """Dates of which the first is never after the second: rules of order that reject, and no end of
    an endpoint before its origin."""
    found: dict[tuple[str, str], None] = {}
    for rule in protocol.rules:
        if rule.action == "reject":
            for place, later in enumerate(rule.order):
                found |= dict.fromkeys((earlier, later) for earlier in rule.order[:place])
    for endpoint in protocol.endpoints:
        if endpoint.origin:
            for name in (*endpoint.events, endpoint.censored_at):
                if name != endpoint.origin:
                    found[(endpoint.origin, name)] = None
    return list(found)


def narrow(dates: Mapping[str, Dates], protocol: Protocol) -> dict[str, Dates]:
    """Each date's interval within what bounds and other dates of the patient leave of it.

    Where nothing is left, `first` is after `last`. Days that are known are not moved.
    """
    narrowed = {}
    for name, item in dates.items():
        variable, partial = protocol.variable(name), item.partial
        first, last = item.first.copy(), item.last.copy()
        latest = [np.datetime64(protocol.data_date)]
        if variable.maximum is not None:
            latest.append(np.datetime64(variable.maximum))
        last[partial] = np.minimum(last[partial], min(latest))
        if variable.minimum is not None:
            first[partial] = np.maximum(first[partial], np.datetime64(variable.minimum))
        narrowed[name] = Dates(first, last, item.precision)
    rows = np.flatnonzero(np.logical_or.reduce([item.partial for item in dates.values()]))
    few = {name: item.take(rows) for name, item in narrowed.items()}
    pairs = pairs_in_order(protocol)
    for _ in few:  # a bound passes through each date at most once
        before = [item.first.copy() for item in few.values()]
        before += [item.last.copy() for item in few.values()]
        for earlier, later in pairs:
            a, b = few[earlier], few[later]
            _raise(b.first, a.first, b.partial)
            _lower(a.last, b.last, a.partial)
        after = [item.first for item in few.values()] + [item.last for item in few.values()]
        if all(_same(x, y) for x, y in zip(before, after, strict=True)):
            break
    for name, item in few.items():
        narrowed[name].first[rows] = item.first
        narrowed[name].last[rows] = item.last
    return narrowed


def impossible(narrowed: Dates) -> np.ndarray:
    """Which partial dates have no possible day: bool, (n,)."""
    return narrowed.partial & (narrowed.first > narrowed.last)


def choose(
    narrowed: Mapping[str, Dates],
    read: Mapping[str, Dates],
    protocol: Protocol,
    choice: Choice | None = None,
) -> dict[str, np.ndarray]:
    """One day for each date: datetime64[D], NaT where there is none.

    `narrowed` and `read` are the intervals with and without what else is known. `choice` goes before
    the variables' own, to see how much depends on it.
    """
    chosen = {}
    for name, item in narrowed.items():
        rule = choice or protocol.variable(name).partial
        days = item.first.copy()
        here = np.flatnonzero(item.partial)
        if rule == "latest":
            days[here] = item.last[here]
        elif rule == "middle":
            days[here] = _middle(read[name].take(here))
        chosen[name] = days
    rows = np.flatnonzero(np.logical_or.reduce([item.partial for item in narrowed.values()]))
    few = {name: days[rows] for name, days in chosen.items()}
    limits = {name: item.take(rows) for name, item in narrowed.items()}
    pairs = pairs_in_order(protocol)
    for name, days in few.items():
        _clip(days, limits[name])
    for _ in few:
        for earlier, later in pairs:
            _raise(few[later], few[earlier], limits[later].partial)
            _clip(few[later], limits[later])
    for name, days in few.items():
        chosen[name][rows] = days
    return chosen


def _middle(dates: Dates) -> np.ndarray:
    month = dates.first.astype("datetime64[M]").astype("datetime64[D]") + 14
    year = (dates.first.astype("datetime64[Y]").astype("datetime64[M]") + 6).astype("datetime64[D]")
    return np.where(dates.precision == 2, year, month)


def _clip(days: np.ndarray, limits: Dates) -> None:
    here = limits.partial
    days[here] = np.minimum(np.maximum(days[here], limits.first[here]), limits.last[here])


def _raise(values: np.ndarray, bounds: np.ndarray, where: np.ndarray) -> None:
    here = where & (values < bounds)  # NaT is neither below nor above
    values[here] = bounds[here]


def _lower(values: np.ndarray, bounds: np.ndarray, where: np.ndarray) -> None:
    here = where & (values > bounds)
    values[here] = bounds[here]


def _same(one: np.ndarray, other: np.ndarray) -> bool:
    return bool(((one == other) | (np.isnat(one) & np.isnat(other))).all())


def any_partial(dates: Iterable[Dates]) -> bool:
    """Whether any date is known by its month or year only."""
    return any(bool(item.partial.any()) for item in dates)
