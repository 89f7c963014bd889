"""What a study's manuscript takes from the results: its tables, and checklists to hand in.

`Manuscript` is the content; `resarc.report.word` and `resarc.report.latex` write it, `as_frames`
gives it as data. All show the same cells, since cells are text already.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from resarc.report.analyses import analysis_table
from resarc.report.checklist import Known, checklists
from resarc.report.model import ORIGIN_LABELS, Table, numbered
from resarc.report.study import StudyInputs

INDEX_COLUMNS = ("table", "file", "caption", "origin", "notes", "made_from")


@dataclass(frozen=True)
class Manuscript:
    """A document of tables. `lead` are paragraphs before them; `data_date` (ISO) dates the file."""

    title: str
    lead: tuple[str, ...]
    tables: tuple[Table, ...]
    data_date: str
    version: str
    language: str = "en"

    def plain(self) -> list[dict[str, Any]]:
        """The tables as plain data, numbered from 1, invisible characters made visible."""
        return numbered(self.tables)


def tables_of(given: StudyInputs) -> Manuscript:
    """The tables of all analyses in the protocol's order, without what the paper printed, and the
    checklists of reporting guidelines."""
    results = given.results_for("manuscript")
    protocol = results.protocol
    made = [analysis_table(results, analysis) for analysis in protocol.analyses]
    made += checklists(Known(results, given.flow))
    lead = [protocol.population + "."]
    if results.rebuilt:
        lead.append(
            f"No patient of this study was seen. {given.members} datasets were rebuilt from the figures "
            f"printed in {given.source}. Each cell is an identified set, the smallest and the largest value "
            "among them. Numbers marked † were given to the rebuilding and hold by construction. "
            "None of these numbers may be presented as a result of patients."
        )
    return Manuscript(
        f"{protocol.title}: tables",
        tuple(lead),
        tuple(found for found in made if found is not None),
        given.data_date,
        given.version,
    )


def is_wide(table: dict[str, Any]) -> bool:
    """Whether a plain table needs a page that is turned."""
    return len(table["columns"]) > 6


def shares_of(table: dict[str, Any]) -> list[float]:
    """The shares of the columns in the width of a plain table; they add up to 1.

    First the longest word of the cells gets room, then the words of the headers and the whole names of
    rows, as far as there is room; what is left goes by the root of the length of the cells, so that a
    column of sentences does not take all.
    """
    room = 150.0 if is_wide(table) else 105.0  # characters of 9 points on the line
    least, better, wish = [], [], []
    for place, column in enumerate(table["columns"]):
        rows = (row for group in table["groups"] for row in group["rows"])
        cells = [row[place]["text"] + row[place]["letter"] + row[place]["sign"] for row in rows]
        header = column["header"] + column["letter"]
        longest = max((len(word) for text in cells for word in text.split(" ")), default=0)
        longest = max(longest, min(max(map(len, header.split(" "))), 12))
        line = max(map(len, (*cells, header)))
        named = max(map(len, header.split(" "))) if place else line
        least.append(min(longest + 2.0, 30.0))
        better.append(max(min(named + 3.0, 30.0) - least[-1], 0.0))
        wish.append(line**0.5)
    spare = max(room - sum(least), 0.0)
    part = min(spare / sum(better), 1.0) if sum(better) else 0.0
    rest = max(spare - part * sum(better), 0.0)
    widths = [
        low + part * more + rest * length / sum(wish)
        for low, more, length in zip(least, better, wish, strict=True)
    ]
    return [width / sum(widths) for width in widths]


def as_frames(tables: Iterable[Table]) -> dict[str, pd.DataFrame]:
    """Each table as a frame of text, by its id. The heading of a row group is the column `Group`, and
    every row bears its origin."""
    return {block.id: _frame(plain) for block, plain in _paired(tables)}


def index_of(tables: Iterable[Table]) -> pd.DataFrame:
    """One row for each table: number, file, caption, origin, what stands below it, sources."""
    rows = [
        (
            plain["number"],
            f"{block.id}.csv",
            plain["caption"],
            ORIGIN_LABELS.get(block.origin, ""),
            " | ".join(f"{line['sign']} {line['text']}".strip() for line in plain["legend"]),
            "; ".join(block.inputs),
        )
        for block, plain in _paired(tables)
    ]
    return pd.DataFrame(rows, columns=list(INDEX_COLUMNS))


def _paired(tables: Iterable[Table]) -> list[tuple[Table, dict[str, Any]]]:
    blocks = tuple(tables)
    return list(zip(blocks, numbered(blocks), strict=True))


def _frame(plain: dict[str, Any]) -> pd.DataFrame:
    headers = [_called(column["header"], column["letter"]) for column in plain["columns"]]
    grouped = any(group["label"] for group in plain["groups"])
    rows = []
    for group in plain["groups"]:
        before = [group["label"]] if grouped else []
        for row in group["rows"]:
            cells = [_called(cell["text"], cell["letter"], cell["sign"]) for cell in row]
            rows.append([*before, *cells, plain["badge"]])
    return pd.DataFrame(rows, columns=[*(["Group"] if grouped else []), *headers, "Origin"])


def _called(words: str, letter: str, sign: str = "") -> str:
    """A cell and what calls the lines below the table: '0.31 to 0.38 †', '0.04 [a]'."""
    called = [f"[{letter}]"] if letter else []
    return " ".join(filter(None, (words, *called, sign)))
