"""How precisely each rebuilt dataset tells what studies are compared by.

The datasets that agree with a paper's figures differ in a result and also in its confidence
interval. A synthesis weighs studies by their standard errors, so it needs the range of these too.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from resarc import ensemble as ensembles
from resarc.estimand import Estimand
from resarc.output import significant
from resarc.protocol import Protocol
from resarc.scales import SCALE_OF, standard_error

COLUMNS = ("estimand", "se_lower", "se_upper", "members")


def precision(
    estimands: Iterable[Estimand], ensemble_frame: pd.DataFrame, protocol: Protocol
) -> pd.DataFrame:
    """Least and greatest standard error of each estimand over all datasets, columns `COLUMNS`.

    On the log scale for ratios, the logit scale for shares. `members` counts the datasets that have
    one; estimands of another kind, or of variables that were not reconstructed, are left out.
    """
    ensemble = ensembles.from_frame(ensemble_frame, protocol)
    rows = []
    for estimand in estimands:
        if estimand.kind.scale not in SCALE_OF or not ensemble.has(estimand):
            continue
        found = ensembles.evaluate(estimand, ensemble)
        size = np.full(len(found.value), np.nan)
        if estimand.statistic == "proportion":
            size = ensembles.evaluate(Estimand("n", where=estimand.where), ensemble).value
        lower, upper = (size if end is None else end for end in (found.lower, found.upper))
        se = standard_error(
            estimand, found.value, lower, upper, size, protocol.conventions.level
        )  # fmt: skip
        known = se[np.isfinite(se)]
        if known.size:
            rows.append((str(estimand), known.min(), known.max(), known.size))
    return significant(pd.DataFrame(rows, columns=list(COLUMNS)))
