"""The page for who mends the data: what was found in the source, by rule, by column and cell by cell.

Where a cell stands is said as a spreadsheet counts; its value is told by its form only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from resarc.protocol import Protocol
from resarc.report.model import (
    Block,
    Callout,
    Column,
    Report,
    Section,
    paragraph,
    table,
    text,
)
from resarc.report.results import capital, counted, sentence, text_of

MOST = 1000
"""Cells that are listed on the page; the files hold all."""

_COUNTS = {
    "present": "Given",
    "missing": "Missing",
    "unreadable": "Unreadable",
    "out_of_range": "Impossible",
    "improbable": "Improbable",
    "not_given": "Required, not given",
    "duplicate": "Duplicate",
    "inconsistent": "Against another column",
    "partial": "Date without a day",
    "corrected": "Corrected",
    "top_coded": "Set to the highest age",
    "rejected": "Rows rejected",
    "flagged": "Rows flagged",
}
"""The counts of data_quality.csv, by their headers on the page."""
_OF_A_CELL = {
    "file": ("File", 1.0),
    "sheet": ("Sheet", 0.0),
    "row": ("Row", 0.0),
    "column": ("Column", 1.0),
    "value": ("Form of the value", 1.0),
    "rule": ("Rule", 0.0),
    "reason": ("What is wrong", 2.0),
    "remedy": ("What to do", 2.0),
}


@dataclass(frozen=True)
class QualityInputs:
    """What the page is made from; frames have the columns of the files they are named after."""

    protocol: Protocol
    version: str
    source: pd.DataFrame
    rejected: pd.DataFrame
    flagged: pd.DataFrame
    quality: pd.DataFrame
    corrections: pd.DataFrame
    kept: int
    """Rows that were kept."""


def build(given: QualityInputs) -> Report:
    """The page as a report."""
    protocol = given.protocol
    sections = (
        Section("rules", "By rule", tuple(_by_rule(given))),
        Section("columns", "By column", tuple(_by_column(given))),
        Section("rejected", "Rows that were rejected", tuple(_cells(given.rejected, "rejected"))),
        Section("flagged", "Rows that were kept and flagged", tuple(_cells(given.flagged, "flagged"))),
        Section("corrections", "Corrections", tuple(_corrections(given.corrections))),
        Section("reading", "How the files were read", tuple(_reading(given.source))),
    )  # fmt: skip
    return Report(
        title=f"Data quality: {protocol.title}",
        subtitle="What cleaning found in the source, and what to do about it",
        study=protocol.study,
        version=given.version,
        data_date=str(protocol.data_date),
        origin=protocol.source.kind,
        summary=tuple(_summary(given)),
        sections=tuple(section for section in sections if section.blocks),
        provenance=(
            ("Source", "; ".join(dict.fromkeys(given.source["file"].map(text_of)))),
            ("Day of the export", str(protocol.data_date)),
            ("Resarc", given.version),
        ),
    )


def _summary(given: QualityInputs) -> Iterable[Block]:
    rejected, flagged = (_rows(frame) for frame in (given.rejected, given.flagged))
    rows = int(given.quality["rows"].max()) if len(given.quality) else given.kept
    body = [
        text(
            f"{counted(rows, 'row')} read, {given.kept:,} kept, {rejected:,} rejected; {flagged:,} of "
            "those kept are flagged."
        )
    ]
    if rejected or flagged:
        body.append(
            text(
                "Rows count as a spreadsheet counts them. Of a value only the form is shown, letters as A "
                "and a, digits as 9: look the cell up in the file."
            )
        )
        body.append(
            text(
                "Mend the source, or write a correction into the file that the protocol names under "
                "source.corrections, or correct the protocol if it describes the file wrongly; then run "
                "make again."
            )
        )
    title = "Every row was kept." if not rejected else f"{counted(rejected, 'row')} were rejected."
    if rejected == 1:
        title = "1 row was rejected."
    yield Callout("finding", title, tuple(body), "minor" if rejected else "none")


def _rows(frame: pd.DataFrame) -> int:
    """How many rows of the files a table of faults speaks of."""
    return len(frame[["file", "sheet", "row"]].drop_duplicates()) if len(frame) else 0


def _by_rule(given: QualityInputs) -> Iterable[Block]:
    frames = (("rejected", given.rejected), ("flagged", given.flagged))
    found: dict[str, dict[str, list[Mapping]]] = {}
    for what, frame in frames:
        for row in frame.to_dict("records"):
            found.setdefault(text_of(row["rule"]), {}).setdefault(what, []).append(row)
    if not found:
        yield paragraph("No rule found fault with any row.")
        return
    why = {rule.id: rule.why for rule in given.protocol.rules}
    why |= {rule.id: rule.why for rule in given.protocol.near_duplicates or ()}
    rows = []
    for rule, kinds in sorted(found.items(), key=lambda item: -sum(map(len, item[1].values()))):
        all_rows = [row for some in kinds.values() for row in some]
        columns = dict.fromkeys(text_of(row["column"]) for row in all_rows)
        remedies = dict.fromkeys(text_of(row["remedy"]) for row in all_rows)
        rows.append(
            [
                f"{rule}: {why[rule]}" if rule in why else rule,
                f"{_rows(pd.DataFrame(kinds.get('rejected', [])))}",
                f"{_rows(pd.DataFrame(kinds.get('flagged', [])))}",
                ", ".join(filter(None, columns)),
                sentence(next(iter(remedies), "")) + (" And others: see below." if len(remedies) > 1 else ""),
            ]
        )  # fmt: skip
    yield table(
        "by-rule", "Rows by the rule that found fault with them, most frequent first",
        [
            Column("Rule", width=1.4), Column("Rejected", "right"), Column("Flagged", "right"),
            Column("Columns", width=1), Column("What to do", width=2),
        ],
        rows, stage="clean", inputs=("rejected.csv", "flagged.csv"), origin=_origin(given),
        notes=("A row with several faults counts under each of them.",),
    )  # fmt: skip


def _by_column(given: QualityInputs) -> Iterable[Block]:
    quality = given.quality
    shown = [name for name in _COUNTS if name in quality and (quality[name] > 0).any()]
    yield table(
        "by-column", "What was found in each column",
        [Column("Column", width=1), Column("Read as"), *(Column(_COUNTS[name], "right") for name in shown)],
        [
            [text_of(row["column"]), text_of(row["type"]), *(f"{int(row[name]):,}" for name in shown)]
            for row in quality.to_dict("records")
        ],
        stage="clean", inputs=("data_quality.csv",), origin=_origin(given),
        notes=("Counts that are 0 in every column are left out.",) if len(shown) < len(_COUNTS) else (),
    )  # fmt: skip


def _cells(frame: pd.DataFrame, what: str) -> Iterable[Block]:
    if not len(frame):
        return
    sheets = frame["sheet"].map(text_of).any()
    names = [name for name in _OF_A_CELL if name != "sheet" or sheets]
    more = len(frame) - MOST
    yield table(
        f"cells-{what}", f"Each cell for which a row was {what}",
        [Column(_OF_A_CELL[name][0], width=_OF_A_CELL[name][1]) for name in names],
        _shown(frame.head(MOST), names), stage="clean", inputs=(f"{what}.csv",), origin="registry",
        notes=(f"The first {MOST:,} of {len(frame):,}; {what}.csv holds all.",) if more > 0 else (),
    )  # fmt: skip


def _corrections(frame: pd.DataFrame) -> Iterable[Block]:
    if not len(frame):
        return
    names = [name for name in frame.columns if frame[name].map(text_of).any()]
    yield table(
        "corrections-made", "Each line of the file of corrections, and what became of it",
        [Column(capital(name), width=1) for name in names], _shown(frame, names),
        stage="clean", inputs=("corrections.csv",), origin="registry",
        notes=("A correction is refused when the old value is no longer in the source.",),
    )  # fmt: skip


def _reading(frame: pd.DataFrame) -> Iterable[Block]:
    names = [name for name in frame.columns if frame[name].map(text_of).any()]
    yield table(
        "read-as", "How each file was read",
        [Column(capital(name), width=2 if name == "value" else 1) for name in names],
        _shown(frame, names), stage="clean", inputs=("source.csv",),
        notes=("Given: the protocol says so. Detected: the protocol can overrule it.",), folded=True,
    )  # fmt: skip


def _shown(frame: pd.DataFrame, names: Sequence[str]) -> list[list[str]]:
    def words(value: object) -> str:
        if isinstance(value, float) and value.is_integer():
            return f"{value:.0f}"
        return text_of(value)

    return [[words(row[name]) for name in names] for row in frame.to_dict("records")]


def _origin(given: QualityInputs) -> str:
    return given.protocol.source.kind
