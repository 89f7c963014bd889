"""The disclosure class of every column of every table of results (`columns.csv` beside this file).

| class      | what it holds                                       | in a release                       |
|------------|-----------------------------------------------------|------------------------------------|
| `label`    | names and words of the configuration                | as it is                           |
| `printed`  | what a paper printed                                | as it is                           |
| `bounds`   | what follows from printed figures alone             | as it is; a registry has none      |
| `count`    | numbers of patients or events                       | suppressed or rounded              |
| `total`    | sums of counts                                      | sums of released counts            |
| `result`   | values of estimands                                 | as their statistic asks            |
| `curve`    | points of a survival curve                          | of the released curve              |
| `derived`  | computed from columns of other tables               | from their released form           |
| `words`    | sentences made with results in them                 | replaced                           |
| `withheld` | exact counts or verdicts about exact values         | empty                              |
| `record`   | single patients or rows                             | the file is not released           |

A `*` stands for all columns of a file that are not named. A column without a class stops the release.
"""

from __future__ import annotations

import csv
from functools import cache
from pathlib import Path
from typing import Literal, cast, get_args

import pandas as pd

from resarc.errors import DataError

Class = Literal[
    "label", "printed", "bounds", "count", "total", "result", "curve", "derived", "words",
    "withheld", "record",
]  # fmt: skip
CLASSES: tuple[str, ...] = get_args(Class)
AS_THEY_ARE = ("label", "printed", "bounds")

_TABLE = Path(__file__).with_name("columns.csv")


@cache
def table() -> dict[tuple[str, str], Class]:
    """The class by file and column."""
    with _TABLE.open(encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle))
    return {(row["file"], row["column"]): cast("Class", row["class"]) for row in rows}


def class_of(file: str, column: str) -> Class:
    """The class of a column; `DataError` if nobody has said it."""
    found = table().get((file, column)) or table().get((file, "*"))
    if found is None:
        raise DataError(
            f"{file}, column {column!r}",
            "no disclosure class",
            f"one of {', '.join(CLASSES)} in {_TABLE.name}",
            "Say in resarc/disclosure/columns.csv what the column may tell.",
        )
    return found


def emptied(frame: pd.DataFrame, file: str) -> pd.DataFrame:
    """A table of which only the columns remain that are released as they are; the others are there
    and empty. `DataError` if a column has no class, or if the file is never released."""
    classes = {str(name): class_of(file, str(name)) for name in frame.columns}
    if "record" in classes.values():
        raise DataError(file, "records of single patients or rows", "a table that may be released")
    return frame.assign(
        **{name: float("nan") for name, kind in classes.items() if kind not in AS_THEY_ARE}
    )
