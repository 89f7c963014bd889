"""What changed in the results from version to version, and which conclusions crossed a line.

A line is stated before anybody looks: the significance level of the protocol for a p-value, no
difference for the interval of a ratio or a difference, and whatever the protocol names in `lines`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import isnan
from typing import Any

import pandas as pd

from resarc.errors import EstimandError
from resarc.estimand import Estimand
from resarc.output import significant
from resarc.protocol import Protocol

HISTORY_COLUMNS = (
    "estimand", "version", "value", "lower", "upper", "p", "n", "events", "conclusion", "crossed",
)  # fmt: skip
"""One row for each estimate and version. `conclusion` says on which side of its lines it lies; `crossed`
is yes where the version before it lay elsewhere."""

NOT_DETERMINED = "not determined"


def history(versions: Sequence[tuple[str, pd.DataFrame]], protocol: Protocol) -> pd.DataFrame:
    """Every estimate in every version, `HISTORY_COLUMNS`.

    `versions` are days of export with their estimates, in order of time. Estimands come in the order
    of the last version, then those that only earlier ones have.
    """
    names: dict[str, None] = {}
    found: dict[tuple[str, str], Mapping[str, Any]] = {}
    for day, estimates in reversed(versions):
        for row in estimates.to_dict("records"):
            names.setdefault(str(row["estimand"]))
            found[str(row["estimand"]), day] = row
    rows = []
    for name in names:
        last = None
        for day, _ in versions:
            row = found.get((name, day))
            if row is None:
                continue
            said = conclusion(name, row, protocol)
            crossed = "yes" if last is not None and said != last else ""
            last = said
            rows.append({**row, "version": day, "conclusion": said, "crossed": crossed})
    table = pd.DataFrame(rows, columns=list(HISTORY_COLUMNS))
    numbers = dict.fromkeys(("value", "lower", "upper", "p"), float)
    return significant(table.astype({**numbers, "n": "Int64", "events": "Int64"}))


def conclusion(name: str, row: Mapping[str, Any], protocol: Protocol) -> str:
    """On which side of its lines an estimate lies, in words; empty if no line concerns it.

    An estimand that only an earlier protocol had, and that cannot be read any more, has none.
    """
    try:
        estimand = Estimand.parse(name)
    except EstimandError:
        return ""
    value, lower, upper = (_number(row, key) for key in ("value", "lower", "upper"))
    said = list(_sides(estimand, value, lower, upper, protocol))
    if said and isnan(value):
        return NOT_DETERMINED
    return "; ".join(said)


def _sides(
    estimand: Estimand, value: float, lower: float, upper: float, protocol: Protocol
) -> Iterable[str]:
    kind, alpha = estimand.kind, protocol.conventions.alpha
    if kind.scale == "p":
        yield f"p below {alpha:g}" if value < alpha else f"p not below {alpha:g}"
    elif kind.comparison == "contrast" and kind.scale != "standardised":
        null = 1.0 if kind.scale == "ratio" else 0.0
        if lower > null:
            yield f"interval above {null:g}"
        elif upper < null:
            yield f"interval below {null:g}"
        else:
            yield f"interval holds {null:g}"
    for line in protocol.lines:
        if str(line.of) == str(estimand):
            side = "below" if value < line.at else "not below"
            yield f"{side} {line.at:g}"


def _number(row: Mapping[str, Any], key: str) -> float:
    value = row.get(key)
    return float("nan") if value is None or value == "" or pd.isna(value) else float(value)
