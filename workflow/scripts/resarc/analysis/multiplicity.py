"""The p-values of each univariable table, adjusted for how many there are."""

from __future__ import annotations

import pandas as pd

from resarc.analysis.plan import families
from resarc.output import significant
from resarc.protocol import Protocol
from resarc.survival import multiplicity

ADJUSTED_COLUMNS = ("analysis", "estimand", "tests", "p", "holm", "bh", "origin")


def adjusted(estimates: pd.DataFrame, protocol: Protocol) -> pd.DataFrame:
    """One row for each test of each family (`plan.families`), columns `ADJUSTED_COLUMNS`.

    `estimates` has the columns of estimates.csv. `tests` counts the family's tests that have a
    result; one without has no adjusted p either.
    """
    known = estimates.set_index("estimand")
    parts = []
    for analysis, tests in families(protocol).items():
        keys = [str(estimand) for estimand in tests]
        p = known["value"].reindex(keys).to_numpy(dtype=float)
        parts.append(
            pd.DataFrame(
                {
                    "analysis": analysis,
                    "estimand": keys,
                    "tests": int((p == p).sum()),
                    "p": p,
                    "holm": multiplicity.adjusted(p, "holm")[0],
                    "bh": multiplicity.adjusted(p, "benjamini-hochberg")[0],
                    "origin": known["origin"].reindex(keys).to_numpy(),
                }
            )
        )
    if not parts:
        return pd.DataFrame(columns=list(ADJUSTED_COLUMNS))
    return significant(pd.concat(parts, ignore_index=True)[list(ADJUSTED_COLUMNS)])
