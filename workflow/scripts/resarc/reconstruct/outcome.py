"""What a reconstruction says of the printed figures: one row each, and the hypotheses."""

from __future__ import annotations

import numpy as np
import pandas as pd

from resarc.ensemble import Ensemble, evaluate
from resarc.published import Published
from resarc.reconstruct.readings import Hypothesis
from resarc.reconstruct.targets import Target, Unused


def hypothesis_table(hypotheses: list[Hypothesis]) -> pd.DataFrame:
    """One row per hypothesis that was tried."""
    return pd.DataFrame(
        [(h.endpoint, h.reading, h.feasible, h.chosen, h.evidence) for h in hypotheses],
        columns=["endpoint", "hypothesis", "feasible", "chosen", "evidence"],
    )


def target_table(
    targets: list[Target],
    unused: list[Unused],
    aside: dict[Target, str],
    ensemble: Ensemble,
    published: Published,
    hypotheses: list[Hypothesis],
) -> pd.DataFrame:
    """One row per printed figure, in the paper's order."""
    of_figure = {identifier: target for target in targets for identifier in target.figures}
    reasons = {item.figure.id: item.reason for item in unused}
    readings = {
        h.endpoint: h.reading for h in hypotheses if h.chosen and "interval" not in h.reading
    }
    share = {t.figures: float(t.holds(evaluate(t.estimand, ensemble)).mean()) for t in targets}
    rows = []
    for figure in published.figures:
        target = of_figure.get(figure.id)
        row = {"figure": figure.id, "estimand": str(figure.estimand), "printed": figure.printed}
        if target is None:
            row |= {
                "lower": np.nan,
                "upper": np.nan,
                "status": "not modelled",
                "share_held": np.nan,
            }
            row |= {"hypothesis": "", "reason": reasons.get(figure.id, "")}
        else:
            status = "set aside" if target in aside else "claim" if figure.claim else "target"
            crude = (
                target.estimand.statistic == "crude_rate"
                and figure.estimand.statistic == "survival"
            )
            rate = figure.estimand.statistic == "survival"
            row |= {
                # the estimand under the reading that was taken
                "estimand": str(target.estimand),
                "lower": target.value.lower,
                "upper": target.value.upper,
                "status": status,
                "share_held": share[target.figures],
                "hypothesis": readings.get(figure.estimand.subject, "") if rate else "",
                "reason": aside.get(target, f"read as {target.estimand}" if crude else ""),
            }
        rows.append(row)
    return pd.DataFrame(rows)
