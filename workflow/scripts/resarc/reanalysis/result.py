"""What a recommended analysis gives: numbers, lines of a drawing, and what they change.

Everything is computed in all datasets at once: arrays (M,), M the members of a reconstruction or
one registry. `tables` turns them into the columns of the result files, where a registry has values
with confidence limits and a reconstruction has identified sets.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pandas as pd

from resarc.estimand import Estimand
from resarc.output import significant
from resarc.quantities import QUANTITIES
from resarc.reanalysis.dataset import Data


@dataclass(frozen=True)
class Number:
    """One quantity of one estimand in every dataset that was evaluated; arrays (M,).

    `lower` and `upper` are confidence limits. `at` is what else tells it apart: a landmark, a
    subgroup, a pattern. `of` is the estimand whose own value it is, if the number is one that the
    analysis also gives: where a reconstruction was made to meet that, it holds by construction.
    """

    estimand: Estimand
    quantity: str
    value: np.ndarray
    lower: np.ndarray | None = None
    upper: np.ndarray | None = None
    at: str = ""
    method: str = ""
    note: str = ""
    of: Estimand | None = None

    def __post_init__(self) -> None:
        if self.quantity not in QUANTITIES:
            raise ValueError(f"{self.quantity!r} is no quantity of the re-analysis")


@dataclass(frozen=True)
class Line:
    """A curve of a drawing in every dataset: `x` (G,), `value` and limits (M, G)."""

    estimand: Estimand
    series: str
    x: np.ndarray
    value: np.ndarray
    lower: np.ndarray | None = None
    upper: np.ndarray | None = None


Changes = Literal["yes", "no", "open", "not comparable"]
"""Whether the recommended analysis leads to another conclusion: in every dataset, in none, in some
of those that agree with the paper; or nothing was there to compare."""


@dataclass(frozen=True)
class Conclusion:
    """What a recommended analysis changes, in one sentence made from its numbers."""

    sentence: str
    changes: Changes


@dataclass(frozen=True)
class Part:
    """All that one recommendation beside one analysis gives."""

    numbers: Sequence[Number]
    conclusion: Conclusion
    lines: Sequence[Line] = field(default=())


COLUMNS = (
    *("analysis", "recommendation", "estimand", "quantity", "role", "at"),
    *("value", "lower", "upper"),
    *("identified_lower", "identified_upper", "outer_lower", "outer_upper"),
    *("members", "undetermined", "origin", "how", "method", "note"),
)
LINE_COLUMNS = (
    *("analysis", "recommendation", "estimand", "series", "x", "value", "lower", "upper"),
    *("identified_lower", "identified_upper", "outer_lower", "outer_upper", "origin"),
)
CONCLUSION_COLUMNS = (
    *("analysis", "recommendation", "estimand", "paper", "changes", "sentence"),
    *("why", "origin"),
)


def number_rows(
    analysis: str, kind: str, numbers: Iterable[Number], data: Data
) -> list[dict[str, object]]:
    """Rows of `reanalysis.csv` (columns `COLUMNS`)."""
    rows = []
    for number in numbers:
        row: dict[str, object] = dict.fromkeys(COLUMNS, np.nan)
        row |= {
            "analysis": analysis,
            "recommendation": kind,
            "estimand": str(number.estimand),
            "quantity": number.quantity,
            "role": QUANTITIES[number.quantity].role,
            "at": number.at,
            "origin": data.origin,
            "how": "registry",
            "method": number.method,
            "note": number.note,
        }
        if data.rebuilt:
            row |= _sets(number, data)
        else:
            row |= {"value": number.value[0]}
            if number.lower is not None and number.upper is not None:
                row |= {"lower": number.lower[0], "upper": number.upper[0]}
        rows.append(row)
    return rows


def _sets(number: Number, data: Data) -> dict[str, object]:
    """The identified set over the members, and with their confidence limits the outer one."""
    known = number.value[~np.isnan(number.value)]
    found: dict[str, object] = {
        "members": known.size,
        "undetermined": 1 - known.size / number.value.size,
        "how": "sample",
    }
    if number.value.size < data.members:
        found["how"] = f"sample of {number.value.size} of {data.members} datasets"
    if number.of is not None and str(number.of) in data.held:
        found["how"] = "by construction"
    if known.size:
        found |= {"identified_lower": known.min(), "identified_upper": known.max()}
    for side, limit, extreme in (
        ("outer_lower", number.lower, np.fmin),
        ("outer_upper", number.upper, np.fmax),
    ):
        if limit is not None and not np.isnan(limit).all():
            found[side] = extreme.reduce(limit)
    return found


def line_rows(
    analysis: str, kind: str, lines: Iterable[Line], data: Data
) -> list[dict[str, object]]:
    """Rows of `reanalysis_curves.csv` (columns `LINE_COLUMNS`), one for each x."""
    rows = []
    for line in lines:
        for i, x in enumerate(line.x):
            row: dict[str, object] = dict.fromkeys(LINE_COLUMNS, np.nan)
            row |= {"analysis": analysis, "recommendation": kind, "estimand": str(line.estimand)}
            row |= {"series": line.series, "x": x, "origin": data.origin}
            value = line.value[:, i]
            lower = None if line.lower is None else line.lower[:, i]
            upper = None if line.upper is None else line.upper[:, i]
            if not data.rebuilt:
                row["value"] = value[0]
                if lower is not None and upper is not None:
                    row |= {"lower": lower[0], "upper": upper[0]}
            elif not np.isnan(value).all():
                row |= {"identified_lower": np.nanmin(value), "identified_upper": np.nanmax(value)}
                if lower is not None and upper is not None and not np.isnan(lower).all():
                    row |= {"outer_lower": np.nanmin(lower), "outer_upper": np.nanmax(upper)}
            rows.append(row)
    return rows


def frame(rows: list[dict[str, object]], columns: Sequence[str]) -> pd.DataFrame:
    """Rows as a table of these columns at 10 significant digits."""
    table = pd.DataFrame(rows, columns=list(columns))
    numeric = {"x", "value", "lower", "upper", "identified_lower", "identified_upper"}
    numeric |= {"outer_lower", "outer_upper", "undetermined"}
    types: dict[str, object] = dict.fromkeys(numeric & set(columns), float)
    if "members" in columns:
        types["members"] = "Int64"
    return significant(table.astype(types))
