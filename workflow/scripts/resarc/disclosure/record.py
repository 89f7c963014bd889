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

import pandas as pd

from resarc.disclosure.counts import Decision
from resarc.disclosure.groups import Group
from resarc.disclosure.rounding import Window
from resarc.settings import Disclosure

COLUMNS = ("group", "count", "told", "lower", "upper")


@dataclass(frozen=True)
class Record:
    """One earlier release: its tables by name (`estimates`, `curves`, `flow`), its counts, its rule."""

    tables: Mapping[str, pd.DataFrame]
    counts: pd.DataFrame
    rule: Disclosure

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


def to_text(group: Group) -> str:
    """A group as text that `from_text` reads back."""
    return json.dumps({root: sorted(atoms) for root, atoms in sorted(group.by_root.items())})


def from_text(text: str) -> Group:
    return Group(frozenset((root, frozenset(atoms)) for root, atoms in json.loads(text).items()))
