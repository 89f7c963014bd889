"""The patients that a re-analysis sees: one registry, or the members of a reconstruction."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from resarc import ensemble as ensembles
from resarc.ensemble import Ensemble
from resarc.estimand import DAYS_PER_MONTH, Estimand
from resarc.protocol import Protocol
from resarc.seeds import stream
from resarc.survival.batch import RiskOrder

_HELD = ("target", "claim")
"""Statuses in targets.csv of figures that every member was made to meet."""


@dataclass(frozen=True)
class Data:
    """Datasets as arrays. `frame` is the cohort of a registry, with its dates (days since the
    protocol's time zero); a reconstruction has none. `held` are estimands that every member was
    made to meet."""

    ensemble: Ensemble
    frame: pd.DataFrame | None = None
    held: frozenset[str] = frozenset()
    total: int = 0
    _memory: dict[object, object] = field(default_factory=dict, compare=False)

    @property
    def protocol(self) -> Protocol:
        return self.ensemble.protocol

    @property
    def rebuilt(self) -> bool:
        return self.frame is None

    @property
    def origin(self) -> str:
        return "reconstruction" if self.rebuilt else "registry"

    @property
    def members(self) -> int:
        """How many datasets there are, also if only some of them are looked at."""
        return self.total or self.ensemble.shape[0]

    def some(self, most: int) -> Data:
        """The first members, for what takes too long in all of them."""
        if self.ensemble.shape[0] <= most:
            return self
        key = ("some", most)
        if key not in self._memory:
            fewer = self.ensemble.take(np.arange(most))
            self._memory[key] = replace(self, ensemble=fewer, total=self.members, _memory={})
        return self._memory[key]  # type: ignore[return-value]

    def has(self, *estimands: Estimand) -> bool:
        return all(self.ensemble.has(estimand) for estimand in estimands)

    def random(self, *names: object) -> np.random.Generator:
        """A stream of random numbers that depends on the study and on what it is for."""
        return stream(self.protocol.study, " ".join(["reanalysis", *map(str, names)]))

    def order(self, endpoint: str) -> RiskOrder:
        return self.ensemble.order(endpoint)

    def date_after_origin(self, name: str, endpoint: str) -> np.ndarray | None:
        """Months (n,) from the endpoint's origin to a date of a registry; None if it is not there."""
        origin = self.protocol.endpoint(endpoint).origin
        if self.frame is None or name not in self.frame or origin not in self.frame:
            return None
        days = self.frame[name].to_numpy(float) - self.frame[origin].to_numpy(float)
        return days / DAYS_PER_MONTH

    def value(self, estimand: Estimand) -> ensembles.Values:
        """The estimand in every member, as the analysis evaluates it; computed once."""
        key = ("value", str(estimand))
        if key not in self._memory:
            self._memory[key] = ensembles.evaluate(estimand, self.ensemble)
        return self._memory[key]  # type: ignore[return-value]


def of_registry(frame: pd.DataFrame, protocol: Protocol) -> Data:
    """The cohort of a registry."""
    return Data(ensembles.from_frame(frame, protocol), frame)


def of_members(frame: pd.DataFrame, protocol: Protocol, targets: pd.DataFrame) -> Data:
    """The members of a reconstruction (ensemble.parquet), and what they were made to meet
    (targets.csv)."""
    met = targets["status"].isin(_HELD) & (targets["share_held"].astype(float) == 1)
    held = frozenset(str(Estimand.parse(text)) for text in targets.loc[met, "estimand"])
    return Data(ensembles.from_frame(frame, protocol), None, held)


@dataclass(frozen=True)
class Groups:
    """The two groups of a contrast: masks (M, n) of the first, of both, and the sorting by time."""

    first: np.ndarray
    both: np.ndarray
    order: RiskOrder

    @property
    def second(self) -> np.ndarray:
        return self.both & ~self.first


def groups(data: Data, estimand: Estimand) -> Groups:
    """The groups that a hazard ratio compares, among the patients that it is about."""
    ensemble, endpoint = data.ensemble, estimand.subject
    levels, code = data.protocol.levels(estimand.by), ensemble.code(estimand.by)
    one, other = (code == levels.index(level) for level in estimand.contrast or ())
    part = ~np.isnan(ensemble.times[endpoint])
    mask = ensemble.mask(estimand.where)
    part = part if mask is None else part & mask
    return Groups(one & part, (one | other) & part, ensemble.order(endpoint))
