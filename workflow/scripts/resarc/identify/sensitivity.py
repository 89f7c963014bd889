"""What hangs on how members were drawn: the middle of an ensemble under different priors.

The bounds of an identified set need no prior. The middle of an ensemble does: it is where the members
happen to lie. Here the sampled members are weighted in three ways, and the weighted medians stand
beside each other; if they differ, the printed figures do not say where in the set the truth lies, and
nothing but a prior could.

- `as_drawn`: every member alike, as the reconstruction draws them;
- `events_equal`: every number of events of the endpoint alike;
- `orders_equal`: every order in which events and censorings can follow each other alike: a number d
  of events in n patients has n! / (d! (n - d)!) of them.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd
from scipy.special import gammaln

from resarc.ensemble import from_frame
from resarc.estimand import Estimand
from resarc.identify.bounds import values_of
from resarc.output import significant
from resarc.protocol import Protocol

COLUMNS = ("estimand", "members", "as_drawn", "events_equal", "orders_equal", "largest_weight")


def sensitivity(
    estimands: Iterable[Estimand], frame: pd.DataFrame, protocol: Protocol
) -> pd.DataFrame:
    """Weighted medians of each estimand about an endpoint; columns `COLUMNS`.

    `frame` holds the random sample, without pushed members. `members` counts those that determine
    the estimand; `largest_weight` is the greatest share that one member has under `orders_equal`.
    """
    ensemble = from_frame(frame, protocol)
    patients = ensemble.shape[1]
    weights = {}
    for endpoint, events in ensemble.events.items():
        count = events.sum(axis=1)
        often = np.bincount(count)[count]
        orders = gammaln(patients + 1) - gammaln(count + 1) - gammaln(patients - count + 1)
        equal = np.exp(orders - orders.max()) / often
        weights[endpoint] = (np.ones(len(count)), 1.0 / often, equal)
    rows = []
    for estimand in dict.fromkeys(estimands):
        if estimand.subject not in weights or not ensemble.has(estimand):
            continue
        values = values_of(estimand, ensemble)
        known = ~np.isnan(values)
        if not known.any():
            continue
        of = [w[known] / w[known].sum() for w in weights[estimand.subject]]
        medians = [_median(values[known], w) for w in of]
        rows.append((str(estimand), int(known.sum()), *medians, of[-1].max()))
    return significant(pd.DataFrame(rows, columns=list(COLUMNS)))


def _median(values: np.ndarray, weights: np.ndarray) -> float:
    """The least value up to which half of the weight lies."""
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weights[order]) >= 0.5 - 1e-12
    return float(values[order][reached.argmax()])
