"""Several files about the same patients, joined by a key that is checked."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import pandas as pd

from resarc.errors import DataError
from resarc.intake.table import FAULT_COLUMNS, REJECTED_COLUMNS, Fact, Part, SourceTable
from resarc.protocol import Joined


def join(
    parts: Sequence[tuple[Part, pd.DataFrame]], joined: Sequence[Joined], columns: Sequence[str]
) -> SourceTable:
    """The main file with the others beside it: a row for each row of the main file.

    The first of `parts` is the main file, the others go with `joined`; each has the part and its
    cells under the names of the table. A patient without a row in a joined file has empty cells
    there. A row whose key is empty or is no patient's is unused; so are all rows of a patient who
    has several, unless the first or last by date is asked for, and that patient is at fault.
    """
    main, cells = parts[0]
    present = [name for name in columns if name in cells]
    table, every, unused, faults = cells[present], [main], [], []
    for (part, more), how in zip(parts[1:], joined, strict=True):
        left = _key(cells, how.main_key or how.key, main.file)
        right = _key(more, how.prefix + how.key, part.file)
        chosen, refused, at_fault = _chosen(more, right, set(left), how, part)
        # Both sides in the order of the main file; 0 stands for no row.
        row_of = pd.Series(chosen.index, index=right.loc[chosen.index])
        rows = left.map(row_of).fillna(0).astype("int64").to_numpy()
        filled = more.reindex(rows)[list(part.columns)].fillna("")
        filled.index = table.index
        table = pd.concat([table, filled], axis=1)
        mine = left[left.isin(set(at_fault.index))]
        first = next(iter(part.columns), how.key)
        faults += [(row, first, "joined rows", at_fault[key], _ONE) for row, key in mine.items()]
        unused += [
            _unused(part, row, how.key, rule, reason, remedy)
            for row, rule, reason, remedy in refused
        ]
        counts = {
            "patients with a row here": int((rows > 0).sum()),
            "patients without a row here": int((rows == 0).sum()),
            "rows refused": len(refused),
            f"rows that are not the {how.keep}": len(more) - len(chosen) - len(refused),
        }
        if how.keep == "only":
            counts.popitem()
        facts = [Fact("joined by", how.key, "given")]
        facts += [Fact(what, str(count), "counted") for what, count in counts.items()]
        every.append(dataclasses.replace(part, rows=rows, facts=(*part.facts, *facts)))
    return SourceTable(
        table[list(columns)],
        tuple(every),
        pd.DataFrame(faults, columns=list(FAULT_COLUMNS)),
        pd.DataFrame(unused, columns=list(REJECTED_COLUMNS)),
    )


_ONE = "Leave one row for the patient there, or set 'keep' to first or last."


def _key(cells: pd.DataFrame, name: str, file: str) -> pd.Series:
    if name not in cells:
        raise DataError(
            file,
            f"no column {name!r}",
            "the column by which the files are joined",
            "Correct 'key' or 'main_key' under 'source.join'.",
        )
    return cells[name].str.strip()


def _chosen(
    more: pd.DataFrame, key: pd.Series, patients: set[str], how: Joined, part: Part
) -> tuple[pd.DataFrame, list[tuple[int, str, str, str]], pd.Series]:
    """The row of each patient; refused rows with rule, reason and remedy; and, by key, what is
    wrong with patients who have several."""
    refused: list[tuple[int, str, str, str]] = []
    for row in key.index[key == ""]:
        refused.append((row, "key", f"{how.key} is empty", "Enter the patient's number."))
    for row in key.index[(key != "") & ~key.isin(patients)]:
        refused.append(
            (
                row,
                "key",
                f"no patient of the main file has this {how.key}",
                "Correct the number, or add the patient to the main file.",
            )
        )
    known = more[key.isin(patients) & (key != "")]
    if how.keep != "only":
        known, unreadable = _by_date(known, how, part)
        refused += unreadable
        turned = known if how.keep == "last" else known[::-1]
        return turned[~key.loc[turned.index].duplicated(keep="last")], refused, pd.Series(dtype=str)
    several = known[key.loc[known.index].duplicated(keep=False)]
    groups = several.index.to_series().groupby(key.loc[several.index], sort=False)
    reasons = groups.agg(
        lambda rows: (
            f"{part.file} has {len(rows)} rows for this patient: {', '.join(map(str, rows))}"
        )
    )
    refused += [
        (row, "joined rows", f"the patient has several rows here, by {how.key}", _ONE)
        for row in several.index
    ]
    return known.drop(index=several.index), refused, reasons


def _by_date(
    known: pd.DataFrame, how: Joined, part: Part
) -> tuple[pd.DataFrame, list[tuple[int, str, str, str]]]:
    """Rows in the order of their date, then as they stand; rows without one are refused."""
    by = how.prefix + how.by
    if by not in known:
        raise DataError(
            part.file,
            f"no column {how.by!r}",
            "the date by which rows are ordered",
            "Correct 'by'.",
        )
    dates = pd.to_datetime(known[by].str.strip(), format=how.date_format, errors="coerce")
    refused = [
        (
            row,
            "date",
            f"{how.by} is no date in the format {how.date_format}, so the {how.keep} row is not known",
            "Write the date in this format.",
        )
        for row in known.index[dates.isna()]
    ]
    order = np.argsort(dates.dropna().to_numpy(), kind="stable")
    return known.loc[dates.dropna().index[order]], refused


def _unused(
    part: Part, row: int, column: str, rule: str, reason: str, remedy: str
) -> tuple[str | int | None, ...]:
    # The key identifies a patient, so it is not repeated: the row number is enough.
    return part.file, part.sheet, row, column, "(withheld)", rule, reason, remedy, None
