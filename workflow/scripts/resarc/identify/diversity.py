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
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from resarc.ensemble import from_frame
from resarc.estimand import DAYS_PER_MONTH
from resarc.output import significant
from resarc.protocol import Protocol

COLUMNS = ("of", "members", "distance", "nearest", "copies", "effective")


def diversity(frame: pd.DataFrame, protocol: Protocol) -> pd.DataFrame:
    """One row for the datasets whole (`of` empty) and one for each variable and endpoint.

    `distance` is the mean distance of two members, `nearest` that of the nearest two, `copies` the
    number of pairs at distance 0, and `effective` the effective number of members.
    """
    ensemble = from_frame(frame, protocol)
    members, patients = ensemble.shape
    parts: dict[str, np.ndarray] = {}
    orders = {
        name: np.lexsort((~ensemble.events[name], ensemble.times[name]), axis=1)
        for name in ensemble.times
    }
    order = next(iter(orders.values()), np.tile(np.arange(patients), (members, 1)))

    def ranked(values: np.ndarray, order: np.ndarray = order) -> np.ndarray:
        return np.take_along_axis(values, order, axis=1)

    sources = {variable.name for variable in protocol.variables}
    for name, codes in ensemble.codes.items():
        if name in sources:
            parts[name] = _unlike(ranked(codes))
    for name, values in ensemble.numbers.items():
        parts[name] = _apart(ranked(values))
    for name in ensemble.times:
        days = np.rint(ranked(ensemble.times[name], orders[name]) * DAYS_PER_MONTH)
        events = _unlike(ranked(ensemble.events[name], orders[name]))
        parts[name] = (_apart(days) + events) / 2
    varying = {name: d for name, d in parts.items() if d.any()}
    rows = [_row("", sum(varying.values()) / len(varying))] if varying else []
    rows += [_row(name, d) for name, d in parts.items()]
    return significant(pd.DataFrame(rows, columns=list(COLUMNS)))


def _unlike(values: np.ndarray) -> np.ndarray:
    """The share of ranks at which two members differ (M, M), of the ranks at which any two do."""
    varies = (values != values[0]).any(axis=0)
    values = values[:, varies]
    if not values.shape[1]:
        return np.zeros((len(values), len(values)))
    same = np.zeros((len(values), len(values)))
    for level in np.unique(values):
        here = (values == level).astype(float)
        same += here @ here.T
    return 1 - same / values.shape[1]


def _apart(values: np.ndarray) -> np.ndarray:
    """The mean difference of two members' values at a rank (M, M), by their range over all members,
    over the ranks at which any two differ; unknown values differ from known ones by the range."""
    spread = np.nanmax(values, axis=0, initial=-np.inf) - np.nanmin(values, axis=0, initial=np.inf)
    low, high = np.nanmin(values), np.nanmax(values)
    varies = spread > 0
    if not varies.any():
        return np.zeros((len(values), len(values)))
    scaled = (values[:, varies] - low) / (high - low)
    distance = np.empty((len(values), len(values)))
    for m, row in enumerate(scaled):
        distance[m] = np.nan_to_num(np.abs(scaled - row), nan=1.0).mean(axis=1)
    np.fill_diagonal(distance, 0.0)
    return distance


def _row(of: str, distance: np.ndarray) -> tuple[object, ...]:
    members = len(distance)
    pairs = distance[np.triu_indices(members, 1)]
    effective = members * members / (1 - distance).sum()
    if not pairs.size:
        return of, members, np.nan, np.nan, 0, effective
    return of, members, pairs.mean(), pairs.min(), int((pairs < 1e-12).sum()), effective
