"""How much the main results depend on the days that stand for partial dates."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict

import pandas as pd

from resarc.analysis.evaluate import evaluate
from resarc.analysis.plan import Planned
from resarc.analysis.view import CohortView
from resarc.output import significant
from resarc.protocol import Protocol

SENSITIVITY_COLUMNS = (
    "estimand",
    "partial_dates",
    "value",
    "lower",
    "upper",
    "p",
    "n",
    "events",
    "note",
)
MAIN = ("median", "hazard_ratio")
"""Statistics of endpoints that are evaluated again: what most papers conclude from."""


def by_partial_dates(
    planned: Iterable[Planned], cohorts: Mapping[str, pd.DataFrame], protocol: Protocol
) -> pd.DataFrame:
    """Each planned median of an endpoint and each hazard ratio, in each of several cohorts.

    `cohorts` are of the same source, by the rule that chose a day for each partial date. Columns
    `SENSITIVITY_COLUMNS`, no rows without cohorts. The earliest and the latest days are no bounds: a
    time can be longer if its start is early and its end is late. They show how much is at stake.
    """
    main = [
        item.estimand
        for item in planned
        if item.estimand.statistic in MAIN and item.estimand.subject in protocol.endpoint_names
    ]
    views = {name: CohortView(frame, protocol) for name, frame in cohorts.items()}
    rows = [
        {
            **asdict(evaluate(estimand, view, protocol)),
            "estimand": str(estimand),
            "partial_dates": name,
        }
        for estimand in main
        for name, view in views.items()
    ]
    table = pd.DataFrame(rows, columns=list(SENSITIVITY_COLUMNS))
    types = dict.fromkeys(("value", "lower", "upper", "p"), float)
    return significant(table.astype({**types, "n": "Int64", "events": "Int64"}))
