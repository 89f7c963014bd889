"""How far apart the members of an ensemble are: near copies would make their range look like knowledge.

Two members are compared patient by patient after each is sorted by the time of its first endpoint
(events before censored), since patients of different members have no names in common. At each rank
the patients agree in a category or an event if they are the same there, and in a number to the degree
that their values are near: Gower's similarity coefficient (Gower, Biometrics 1971;27:857), whose
complement is the distance. A number's difference counts by its range over the ensemble, a time's by
the longest time.

The effective number of members is Leinster and Cobbold's diversity of order 2 with equal weights
(Ecology 2012;93:477), members x members / the sum of all similarities: 1 if all are copies, the
number of members if no two have anything in common. Members of one paper share most of what it
prints, so similarity is taken between the least and none that they could show: what is the same at a
rank in every member counts for nothing.

Sums over all pairs are taken rank by rank, which grows with the members; only the nearest pair is looked
for pair by pair, and so among the first `COMPARED` members.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from resarc.ensemble import from_frame
from resarc.estimand import DAYS_PER_MONTH
from resarc.output import significant
from resarc.protocol import Protocol

COLUMNS = ("of", "members", "distance", "nearest", "copies", "effective")

COMPARED = 1000
"""Members among which the nearest pair is looked for."""


@dataclass(frozen=True)
class _Ranks:
    """Values (M, R) at those ranks that vary: as numbers from 0 to 1, or else as names."""

    values: np.ndarray
    numeric: bool

    def total(self) -> float:
        """The sum of the distances of all pairs of members."""
        members, ranks = self.values.shape
        pairs = members * (members - 1) // 2
        found = 0.0
        for column in self.values.T:
            if self.numeric:
                known = np.sort(column[~np.isnan(column)])
                # In order, the value at place k is the larger of k pairs and the smaller of the others.
                places = 2 * np.arange(len(known)) - len(known) + 1
                found += float(places @ known) + pairs - len(known) * (len(known) - 1) // 2
            else:
                often = np.unique(column, return_counts=True)[1]
                found += pairs - int((often * (often - 1) // 2).sum())
        return found / max(ranks, 1)

    def between(self, first: int) -> np.ndarray:
        """The distance of each two of the first members."""
        values = self.values[:first]
        distance = np.zeros((len(values), len(values)))
        if values.shape[1]:
            for m, row in enumerate(values):
                apart = np.abs(values - row) if self.numeric else values != row
                distance[m] = np.nan_to_num(apart.astype(float), nan=1.0).mean(axis=1)
        return distance


def diversity(frame: pd.DataFrame, protocol: Protocol) -> pd.DataFrame:
    """One row for the datasets whole (`of` empty) and one for each variable and endpoint.

    `distance` is the mean distance of two members, `nearest` that of the nearest two of the first
    `COMPARED`, `copies` the number of pairs at distance 0, and `effective` the effective number of members.
    """
    ensemble = from_frame(frame, protocol)
    members, patients = ensemble.shape
    orders = {
        name: np.lexsort((~ensemble.events[name], ensemble.times[name]), axis=1)
        for name in ensemble.times
    }
    order = next(iter(orders.values()), np.tile(np.arange(patients), (members, 1)))

    def ranked(values: np.ndarray, order: np.ndarray = order) -> np.ndarray:
        return np.take_along_axis(values, order, axis=1)

    sources = {variable.name for variable in protocol.variables}
    parts: dict[str, list[_Ranks]] = {}
    for name, codes in ensemble.codes.items():
        if name in sources:
            parts[name] = [_names(ranked(codes))]
    for name, values in ensemble.numbers.items():
        parts[name] = [_numbers(ranked(values))]
    for name in ensemble.times:
        days = np.rint(ranked(ensemble.times[name], orders[name]) * DAYS_PER_MONTH)
        parts[name] = [_numbers(days), _names(ranked(ensemble.events[name], orders[name]))]
    varying = [part for part in parts.values() if any(ranks.values.size for ranks in part)]
    rows = [_row("", members, varying)] if varying else []
    rows += [_row(name, members, [part]) for name, part in parts.items()]
    return significant(pd.DataFrame(rows, columns=list(COLUMNS)))


def _names(values: np.ndarray) -> _Ranks:
    """Two members differ at a rank or they do not."""
    return _Ranks(values[:, (values != values[0]).any(axis=0)], False)


def _numbers(values: np.ndarray) -> _Ranks:
    """Two members differ by the difference of their values, by the range over all members; unknown values
    differ from all others by the range."""
    spread = np.nanmax(values, axis=0, initial=-np.inf) - np.nanmin(values, axis=0, initial=np.inf)
    values = values[:, spread > 0]
    if not values.size:
        return _Ranks(values, True)
    low, high = np.nanmin(values), np.nanmax(values)
    return _Ranks((values - low) / (high - low), True)


def _row(of: str, members: int, parts: list[list[_Ranks]]) -> tuple[object, ...]:
    """Distances are means over the parts, that of a part over what it is made of."""
    total = sum(sum(r.total() for r in part) / len(part) for part in parts) / len(parts)
    effective = members * members / (members * members - 2 * total)
    pairs = members * (members - 1) // 2
    if not pairs:
        return of, members, np.nan, np.nan, 0, effective
    copies = _copies([ranks for part in parts for ranks in part], members)
    first = min(members, COMPARED)
    between = sum(sum(r.between(first) for r in part) / len(part) for part in parts) / len(parts)
    nearest = 0.0 if copies else between[np.triu_indices(first, 1)].min()
    return of, members, total / pairs, nearest, copies, effective


def _copies(parts: list[_Ranks], members: int) -> int:
    """The number of pairs of members that are alike in everything; what is unknown is like nothing."""
    values = np.hstack([ranks.values.astype(float) for ranks in parts])
    known = values[~np.isnan(values).any(axis=1)]
    if not values.shape[1]:
        return members * (members - 1) // 2
    often = np.unique(known, axis=0, return_counts=True)[1]
    return int((often * (often - 1) // 2).sum())
