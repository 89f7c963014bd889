"""Corrections that a group keeps beside its protocol: applied, or refused with the reason.

A registry cannot always be mended at once, and a correction by hand in an export is lost with the
next one. So corrections stand in a file of their own (`source.corrections`), one line for each cell:

| column    | what it says                                                                   |
|-----------|--------------------------------------------------------------------------------|
| `patient` | the patient's pseudonym, as `rejected.csv` names it                            |
| `column`  | the column's header, as the protocol names it                                  |
| `old`     | what the source holds there; empty for an empty cell                           |
| `new`     | what it should hold, written as the source would write it                      |
| `reason`  | why, such as the document that was looked up                                   |
| `who`     | who decided, by initials or a role                                             |
| `when`    | the day of the decision, as 2024-06-30                                         |

A line is applied only if the cell still holds `old`. Otherwise the source has changed since, and the
correction may be wrong now: it is refused, and so are lines about an unknown patient, lines that
correct one cell twice, and lines about identifiers and free text, which this file must not hold. A
cell that holds `new` already needs no correction. No line is passed over in silence: each is
reported with its outcome.

The patient is named by the keyed pseudonym, because the number of a row means another patient in the
next export, and because the hospital's own number must not stand in a file that may be shared. So
corrections need a key (`resarc.privacy`). What the file holds is still about single patients: it
belongs where the group keeps such data, and into a repository only if that is as well guarded.
"""

from __future__ import annotations

import csv
import dataclasses
import datetime
import io
from pathlib import Path

import numpy as np
import pandas as pd

from resarc.errors import DataError
from resarc.intake.table import SourceTable
from resarc.privacy import outline
from resarc.protocol import Protocol

CORRECTION_COLUMNS = ("patient", "column", "old", "new", "reason", "who", "when")
OUTCOME_COLUMNS = ("line", *CORRECTION_COLUMNS, "outcome", "note")
"""Of the report; `old` and `new` are told by their outline (`privacy.outline`)."""

_HEADER = ",".join(CORRECTION_COLUMNS)


def read_corrections(path: Path) -> pd.DataFrame:
    """The lines of a file of corrections as text: `CORRECTION_COLUMNS`, by the number of the line.

    `DataError` for a file that is not one: not there, not UTF-8, other columns, a line of another
    length, without patient, column, reason or who, or with a `when` that is no day.
    """
    where = str(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DataError(
            where,
            error.strerror or str(error),
            "the file that 'source.corrections' names",
            f"Correct the path, or make the file with the header {_HEADER}.",
        ) from error
    except UnicodeDecodeError as error:
        raise DataError(
            where, "bytes that are not UTF-8", "a CSV file in UTF-8", "Save it as CSV UTF-8."
        ) from error
    separator = ";" if text.split("\n", 1)[0].count(";") >= len(CORRECTION_COLUMNS) - 1 else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    rows, lines = [], []
    try:
        header = [name.strip() for name in next(reader, [])]
        if tuple(header) != CORRECTION_COLUMNS:
            raise DataError(
                f"{where}, line 1",
                f"the columns {', '.join(header) or '(none)'}",
                f"{', '.join(CORRECTION_COLUMNS)}, in this order",
                f"Begin the file with {_HEADER}.",
            )
        for row in reader:
            if not any(cell.strip() for cell in row):
                continue
            rows.append(_checked(row, f"{where}, line {reader.line_num}"))
            lines.append(reader.line_num)
    except csv.Error as error:
        raise DataError(
            f"{where}, line {reader.line_num}",
            f"a cell that is not quoted correctly ({error})",
            'a cell with quotes written as "… ""…"" …" and closed',
        ) from error
    index = pd.Index(lines, name="line", dtype="int64")
    return pd.DataFrame(rows, columns=list(CORRECTION_COLUMNS), index=index, dtype=object)


def _checked(row: list[str], where: str) -> list[str]:
    cells = [cell.strip() for cell in row]
    if len(cells) != len(CORRECTION_COLUMNS):
        raise DataError(
            where,
            f"{len(cells)} cells",
            f"{len(CORRECTION_COLUMNS)}: {', '.join(CORRECTION_COLUMNS)}",
            "A cell that holds the separator belongs between double quotes.",
        )
    line = dict(zip(CORRECTION_COLUMNS, cells, strict=True))
    for name in ("patient", "column", "reason", "who"):
        if not line[name]:
            raise DataError(
                where,
                f"no {name}",
                "who corrected which cell of whom, and why",
                f"Fill in {name!r}, or remove the line.",
            )
    if line["old"] == line["new"]:
        raise DataError(
            where, "the same text as old and new", "a correction", "Remove the line, or mend it."
        )
    try:
        if len(line["when"]) != len("2024-06-30"):
            raise ValueError
        datetime.date.fromisoformat(line["when"])
    except ValueError:
        raise DataError(
            where, f"{line['when'][:40]!r} as 'when'", "a day such as 2024-06-30", "Correct it."
        ) from None
    return cells


def apply_corrections(
    source: SourceTable, corrections: pd.DataFrame, patients: np.ndarray, protocol: Protocol
) -> tuple[SourceTable, pd.DataFrame]:
    """The source with the corrections that hold, and what became of each: `OUTCOME_COLUMNS`.

    `patients` are the pseudonyms of the rows, shape (n,). Outcomes are `applied`, `not needed` and
    `refused`. Applying the same corrections to the result changes nothing more.
    """
    cells = source.cells.copy(deep=False)
    column_type = {v.column: v.type for v in protocol.variables}
    codes = {
        v.column: [c for some in v.categories.values() for c in some] for v in protocol.variables
    }
    rows_of = pd.Series(np.arange(len(patients))).groupby(patients).indices
    pair = corrections["patient"] + "\x00" + corrections["column"]
    twice = pair.duplicated(keep=False)
    told, new_cells = [], {}
    for line, item in corrections.iterrows():
        outcome, note = "applied", ""
        rows = rows_of.get(item["patient"], ())
        kind = column_type.get(item["column"])
        if kind is None:
            outcome, note = "refused", f"the protocol has no column {item['column']!r}"
        elif kind in ("identifier", "text"):
            outcome, note = "refused", f"{item['column']} is of type {kind}: mend it in the source"
        elif twice[line]:
            others = ", ".join(
                str(other) for other in corrections.index[pair == pair[line]] if other != line
            )
            outcome, note = "refused", f"line {others} corrects the same cell"
        elif not len(rows):
            outcome, note = "refused", "no row of the source is this patient's"
        elif len(rows) > 1:
            outcome, note = "refused", f"{len(rows)} rows of the source are this patient's"
        else:
            found = str(source.cells[item["column"]].iloc[rows[0]]).strip()
            if found == item["new"]:
                outcome, note = "not needed", "the source holds the new value; remove the line"
            elif found != item["old"]:
                outcome = "refused"
                note = "the source no longer holds the old value; look at both and decide anew"
            else:
                new_cells.setdefault(item["column"], {})[rows[0]] = item["new"]
        known = codes.get(item["column"], [])
        told.append(
            (
                line,
                item["patient"],
                item["column"],
                outline(item["old"], known),
                outline(item["new"], known),
                item["reason"],
                item["who"],
                item["when"],
                outcome,
                note,
            )
        )
    for name, texts in new_cells.items():
        values = cells[name].to_numpy(dtype=object).copy()
        values[list(texts)] = list(texts.values())
        cells[name] = values
    outcomes = pd.DataFrame(told, columns=list(OUTCOME_COLUMNS))
    return dataclasses.replace(source, cells=cells), outcomes
