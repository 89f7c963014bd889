"""What earlier releases told, so that the next one is held against them.

A record is kept for each release of a study: the released tables, and a table of all counts with what
a reader knows of each. Two releases of almost the same patients differ by few of them; whoever holds
both could subtract. So a release is renewed only when some count has changed by more than the
threshold since the last one (until then the last one is given again), and then the changes that a
reader could narrow down are protected (`counts.decide`).

The table of counts holds true counts: it stays inside, like the results it was made from.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from pathlib import Path

import pandas as pd

from resarc.disclosure.counts import Decision
from resarc.disclosure.groups import Group
from resarc.disclosure.rounding import Window
from resarc.errors import DataError
from resarc.output import read_csv, write_csv, write_text
from resarc.settings import Disclosure

TABLES = ("estimates", "curves", "flow")
COUNTS, ABOUT = "counts.csv", "about.json"
COLUMNS = ("group", "count", "told", "lower", "upper")


@dataclass(frozen=True)
class Record:
    """One earlier release: its tables by name (`estimates`, `curves`, `flow`), its counts, its rule, and
    the day of the export that it tells of."""

    tables: Mapping[str, pd.DataFrame]
    counts: pd.DataFrame
    rule: Disclosure
    exported: str = ""

    @property
    def windows(self) -> dict[Group, Window]:
        """What it told of each group."""
        return {
            from_text(row["group"]): Window(
                row["lower"], inf if row["upper"] != row["upper"] else row["upper"]
            )
            for row in self.counts.to_dict("records")
        }


def counts_table(decision: Decision) -> pd.DataFrame:
    """The counts of a release, one row for each group, columns `COLUMNS`: the true count, the released
    one (empty if it is not), and the least and greatest that a reader knows."""
    rows = [
        (
            to_text(group),
            n,
            decision(group),
            decision.windows[group].lower,
            decision.windows[group].upper,
        )
        for group, n in decision.counts.items()
    ]
    frame = pd.DataFrame(sorted(rows), columns=list(COLUMNS))
    return frame.replace({"upper": {inf: float("nan")}})


def still_stands(
    last: Record, counts: pd.DataFrame, estimates: pd.DataFrame, rule: Disclosure
) -> bool:
    """Whether the last release is given again: it speaks of the same groups and estimands under the
    same rule, and no count has changed by more than the threshold since."""
    if last.rule != rule or list(last.tables["estimates"]["estimand"]) != list(
        estimates["estimand"]
    ):
        return False
    before, now = (table.set_index("group")["count"] for table in (last.counts, counts))
    if set(before.index) != set(now.index):
        return False
    return bool((now - before.reindex(now.index)).abs().max() <= rule.threshold)


def write_record(record: Record, folder: Path) -> None:
    """Keep a release in a folder, for those that come."""
    for name, frame in record.tables.items():
        write_csv(frame, folder / f"{name}.csv")
    write_csv(record.counts, folder / COUNTS)
    about = {"exported": record.exported, "rule": record.rule.model_dump()}
    write_text(json.dumps(about, indent=1) + "\n", folder / ABOUT)


def read_record(folder: Path) -> Record:
    """What `write_record` kept; `DataError` if a file is missing."""
    for name in (*(f"{name}.csv" for name in TABLES), COUNTS, ABOUT):
        if not (folder / name).is_file():
            raise DataError(
                str(folder),
                f"no {name}",
                "the files of an earlier release",
                "Bring them back from a copy: without them the next release cannot be held against "
                "that one.",
            )
    about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
    return Record(
        {name: read_csv(folder / f"{name}.csv") for name in TABLES},
        read_csv(folder / COUNTS),
        Disclosure.model_validate(about["rule"]),
        about["exported"],
    )


def to_text(group: Group) -> str:
    """A group as text that `from_text` reads back."""
    return json.dumps({root: sorted(atoms) for root, atoms in sorted(group.by_root.items())})


def from_text(text: str) -> Group:
    return Group(frozenset((root, frozenset(atoms)) for root, atoms in json.loads(text).items()))
