"""One cohort, with what its estimands share found once: codes, rows, follow-up and curves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar, cast

import numpy as np
import pandas as pd

from resarc.errors import DataError
from resarc.estimand import Condition
from resarc.protocol import Protocol
from resarc.survival import kaplan_meier

Where = tuple[Condition, ...]
T = TypeVar("T")


@dataclass(frozen=True)
class FollowUp:
    """Times (months) and events of the patients that an estimand is about; arrays (n,)."""

    time: np.ndarray
    event: np.ndarray
    rows: np.ndarray
    """Which patients of the cohort these are: bool, (patients of the cohort,)."""
    endpoint: str
    where: Where

    def among(self, part: np.ndarray) -> FollowUp:
        """The follow-up of some of these patients; `part` is bool, (n,)."""
        rows = self.rows.copy()
        rows[rows] = part
        return FollowUp(self.time[part], self.event[part], rows, self.endpoint, self.where)

    @property
    def n(self) -> int:
        return int(self.time.size)

    @property
    def events(self) -> int:
        return int(self.event.sum())

    @property
    def last(self) -> float:
        return float(self.time.max()) if self.n else float("nan")


@dataclass
class CohortView:
    """A cohort frame seen through its protocol; see `resarc.protocol` for the columns' meaning."""

    frame: pd.DataFrame
    protocol: Protocol
    _memory: dict[tuple[object, ...], object] = field(default_factory=dict)

    def remember(self, key: tuple[object, ...], make: Callable[[], T]) -> T:
        """The result of `make()`, computed once for each key."""
        if key not in self._memory:
            self._memory[key] = make()
        return cast("T", self._memory[key])

    def column(self, name: str) -> np.ndarray:
        """A column as floats; a missing value is NaN."""
        if name not in self.frame:
            raise DataError(
                f"cohort of study {self.protocol.study!r}",
                f"no column {name!r}",
                f"the columns that its protocol implies, among them {name!r}",
                "Run the stages clean and cohort again with the present protocol.",
            )
        return self.remember(
            ("column", name), lambda: self.frame[name].to_numpy(dtype=float, na_value=np.nan)
        )

    def codes(self, name: str) -> np.ndarray:
        """A category as places in `protocol.levels(name)`, or -1 where it is missing."""

        def make() -> np.ndarray:
            if name in self.protocol.endpoint_names:
                event = self.column(f"{name}_event")
                return np.where(np.isnan(event), -1, np.where(event == 1, 0, 1))
            if name not in self.frame:
                self.column(name)
            levels = list(self.protocol.levels(name))
            return np.asarray(pd.Categorical(self.frame[name], categories=levels).codes, dtype=int)

        return self.remember(("codes", name), make)

    def present(self, name: str) -> np.ndarray:
        """Where a category, number or endpoint is known: bool, (n,)."""
        if self.protocol.kind(name) == "number":
            return ~np.isnan(self.column(name))
        return self.codes(name) >= 0

    def rows(self, where: Where) -> np.ndarray:
        """Which patients have all the properties: bool, (n,)."""

        def make() -> np.ndarray:
            mask = np.ones(len(self.frame), dtype=bool)
            for condition in where:
                place = self.protocol.levels(condition.variable).index(condition.level)
                mask &= self.codes(condition.variable) == place
            return mask

        return self.remember(("rows", where), make)

    def complete(self, where: Where, *names: str) -> np.ndarray:
        """Which patients have the properties and a value in each of the variables."""
        mask = self.rows(where).copy()
        for name in names:
            mask &= self.present(name)
        return mask

    def numbers(self, name: str, where: Where) -> np.ndarray:
        """The known values of a number among the patients with the properties."""
        values = self.column(name)[self.rows(where)]
        return values[~np.isnan(values)]

    def follow_up(self, endpoint: str, where: Where, *names: str) -> FollowUp:
        """Follow-up of the patients with the properties and a value in each of the variables."""

        def make() -> FollowUp:
            time, event = self.column(f"{endpoint}_time"), self.column(f"{endpoint}_event")
            mask = self.complete(where, *names) & ~np.isnan(time) & ~np.isnan(event)
            return FollowUp(time[mask], event[mask] == 1, mask, endpoint, where)

        return self.remember(("follow-up", endpoint, where, names), make)

    def curve(self, endpoint: str, where: Where) -> pd.DataFrame | None:
        """The Kaplan-Meier curve with the protocol's interval; None without patients."""

        def make() -> pd.DataFrame | None:
            found = self.follow_up(endpoint, where)
            if not found.n:
                return None
            conventions = self.protocol.conventions
            return kaplan_meier.curve(
                found.time, found.event, conventions.survival_interval, conventions.level
            )

        return self.remember(("curve", endpoint, where), make)
