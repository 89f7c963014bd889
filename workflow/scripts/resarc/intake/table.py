"""What reading gives: the cells of a source as text, and where each of them came from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

REJECTED_COLUMNS = (
    "file",
    "sheet",
    "row",
    "column",
    "value",
    "rule",
    "reason",
    "remedy",
    "main_row",
)
"""Of every table of rejected rows: where the cell stands, and last the patient's row in the main
file, which is the same `row` unless the cell stands in a file joined to it."""

SOURCE_COLUMNS = ("file", "sheet", "what", "value", "how")
"""Of the table that states how the source was read."""

FAULT_COLUMNS = ("row", "column", "rule", "reason", "remedy")


@dataclass(frozen=True)
class Fact:
    """One thing about a file as it was read: `how` is given, detected or counted."""

    what: str
    value: str
    how: str


@dataclass(frozen=True)
class Part:
    """One file, or one sheet of it: which columns it gave, and in which rows.

    * `columns`: the columns of the table that come from here, by the names they have there;
    * `rows`: for each row of the table, the row here, as a spreadsheet counts (the header of a
      plain file is row 1); 0 where this part has no row for it;
    * `headers`: the name of a column in the file itself, where it differs (a prefix was put
      before it);
    * `decimal`: the decimal mark of the numbers in these columns.
    """

    file: str
    sheet: str
    columns: tuple[str, ...]
    rows: np.ndarray
    decimal: str = "."
    headers: Mapping[str, str] = field(default_factory=dict)
    facts: tuple[Fact, ...] = ()


@dataclass(frozen=True)
class SourceTable:
    """The source of a study as text.

    * `cells`: one column for each variable's `column`, one row for each row of the main file;
      nothing is stripped, converted or taken for missing that the file does not itself mark so. The
      index `row` is the row's number in the main file;
    * `parts`: the main file, then those joined to it;
    * `faults`: rows of `cells` that cannot be used because of a file joined to them:
      `FAULT_COLUMNS`;
    * `unused`: rows of joined files that were refused: `REJECTED_COLUMNS`, without a row in the main file.
    """

    cells: pd.DataFrame
    parts: tuple[Part, ...]
    faults: pd.DataFrame = field(
        default_factory=lambda: pd.DataFrame([], columns=list(FAULT_COLUMNS))
    )
    unused: pd.DataFrame = field(
        default_factory=lambda: pd.DataFrame([], columns=list(REJECTED_COLUMNS))
    )

    @classmethod
    def of(cls, cells: pd.DataFrame, file: str = "source", decimal: str = ".") -> SourceTable:
        """Cells that stand in one file, as a table."""
        rows = cells.index.to_numpy(dtype="int64")
        return cls(cells, (Part(file, "", tuple(cells.columns), rows, decimal),))

    def decimal_of(self, column: str) -> str:
        """The decimal mark of the numbers in a column."""
        return self._part_of(column).decimal

    def places(self, rows: Iterable[int], columns: Iterable[str]) -> pd.DataFrame:
        """File, sheet, row and column of cells, as a data manager finds them.

        `rows` are labels of `cells`. A patient without a row in a joined file is named by the row
        in the main file.
        """
        main = self.parts[0]
        at = {label: place for place, label in enumerate(self.cells.index)}
        part_of = {column: part for part in self.parts for column in part.columns}
        found = []
        for row, column in zip(rows, columns, strict=True):
            part = part_of.get(column, main)
            number = int(part.rows[at[row]])
            if number == 0:
                part, number = main, int(main.rows[at[row]])
            found.append((part.file, part.sheet, number, part.headers.get(column, column)))
        return pd.DataFrame(found, columns=["file", "sheet", "row", "column"])

    def description(self) -> pd.DataFrame:
        """How each file was read: `SOURCE_COLUMNS`."""
        rows = [
            (part.file, part.sheet, fact.what, fact.value, fact.how)
            for part in self.parts
            for fact in part.facts
        ]
        return pd.DataFrame(rows, columns=list(SOURCE_COLUMNS))

    def _part_of(self, column: str) -> Part:
        return next(part for part in self.parts if column in part.columns)
