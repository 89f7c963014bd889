"""What a protocol makes of cleaned data: derived variables and endpoints.

`cohort` uses it on the patients of a source, `intake` for rules that speak of derived variables,
and `reconstruct` on the patients that it builds, so that all of them mean the same by a name.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from resarc.conditions import meets_all
from resarc.errors import DataError
from resarc.estimand import DAYS_PER_MONTH
from resarc.protocol import Derived, Endpoint, Protocol


def derive_variables(frame: pd.DataFrame, protocol: Protocol) -> pd.DataFrame:
    """A copy of a clean frame with the protocol's derived variables, in the protocol's order.

    A derived variable whose sources are not in the frame is left as it is, or out. Missing stays
    missing; a level that no group of a `collapse` names becomes missing.
    """
    columns = {name: frame[name] for name in frame.columns}
    for item in protocol.derived:
        sources = item.months_between or (item.cut or item.collapse,)
        if all(source in columns for source in sources):
            columns[item.name] = derive_one(item, [columns[source] for source in sources])
    return pd.DataFrame(columns, index=frame.index)


def derive_one(item: Derived, sources: list[pd.Series]) -> pd.Series:
    """One derived variable from the columns that it is made of.

    * `cut`: the level of [a, b) that holds the number;
    * `months_between`: the second date minus the first, in months of `DAYS_PER_MONTH` days;
    * `collapse`: the group that names the level.
    """
    if item.months_between:
        first, second = sources
        return (second - first) / DAYS_PER_MONTH
    (source,) = sources
    if item.cut:
        values = source.to_numpy(dtype=float)
        levels = np.array(item.levels, dtype=object)[np.digitize(values, item.at)]
        return pd.Series(np.where(np.isnan(values), None, levels), index=source.index, dtype=object)
    group_of = {level: name for name, levels in item.groups.items() for level in levels}
    codes, uniques = pd.factorize(source)
    groups = np.array([*(group_of.get(level) for level in uniques), None], dtype=object)
    return pd.Series(groups[codes], index=source.index, dtype=object)


def derive_endpoints(frame: pd.DataFrame, protocol: Protocol) -> pd.DataFrame:
    """A copy with `<endpoint>_time` (months) and `<endpoint>_event` (0 or 1) of each endpoint.

    Both are missing where the data do not give them: no origin, neither an event nor a date of
    censoring, no time or no status. An event counts at its date also after the date of censoring,
    since an event is itself a contact; declare a rule `order` where that cannot be. Raises
    `DataError` on a negative time, which cleaning should have rejected.
    """
    result = frame.copy()
    for endpoint in protocol.endpoints:
        time, event = _follow_up(frame, endpoint)
        negative = np.flatnonzero(time.to_numpy() < 0)
        if negative.size:
            who = frame["patient"].iloc[negative[0]] if "patient" in frame else negative[0]
            raise DataError(
                f"endpoint {endpoint.name!r} of patient {who}",
                f"a time of {time.iloc[negative[0]]:g} months",
                "an event or a date of censoring that is not before the origin",
                "Mend the dates in the source, or exclude the patient by a rule.",
            )
        known = time.notna() & event.notna()
        result[f"{endpoint.name}_time"] = time.where(known)
        result[f"{endpoint.name}_event"] = event.where(known)
    return result


def _follow_up(frame: pd.DataFrame, endpoint: Endpoint) -> tuple[pd.Series, pd.Series]:
    """Time in months and event (0, 1) of one endpoint, NaN where unknown."""
    if endpoint.time:
        event = meets_all(frame, endpoint.happened).astype(float)
        asked = [c.variable for c in endpoint.happened if c.present is None]
        known = frame[asked].notna().all(axis=1)
        return frame[endpoint.time].astype(float), event.where(known)
    earliest = frame[list(endpoint.events)].min(axis=1, skipna=True)
    happened = earliest.notna() & meets_all(frame, endpoint.only_if)
    end = earliest.fillna(frame[endpoint.censored_at])
    return (end - frame[endpoint.origin]) / DAYS_PER_MONTH, happened.astype(float)
