"""What new exports of a registry changed: in its patients, in the results, and in what they say."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pandas as pd

from resarc.errors import EstimandError
from resarc.estimand import Estimand
from resarc.report.citations import Citations
from resarc.report.model import (
    Block,
    Callout,
    Cell,
    Column,
    Run,
    Table,
    paragraph,
    table,
    text,
)
from resarc.report.results import (
    Results,
    counted,
    format_estimate,
    number_of,
    text_of,
)
from resarc.report.study.inputs import StudyInputs

IN_WORDS = {
    "before": "Patients in the earlier export",
    "now": "Patients in this export",
    "not linked": "Patients without an identifier, so that nobody can say who they were before",
    "added": "Patients added",
    "gone": "Patients gone: no longer among the rows that were kept",
    "entered": "Patients who entered the cohort",
    "left": "Patients who left the cohort",
    "filled in": "Value filled in",
    "changed": "Value changed",
    "removed": "Value removed",
    "new variable": "Not in the earlier export",
    "event added": "Event added",
    "event withdrawn": "Event withdrawn",
    "longer": "Without event in both, followed longer",
    "shorter": "Without event in both, followed shorter",
    "moved": "Time of the event changed",
}
"""What happened, by the code in updates.csv."""

_OF_ALL = "Patients"
_MOST_CROSSED = 8
_NOT_LINKED = (
    "Which patients were added or changed cannot be told: both exports must be named by the same key "
    "(docs/privacy.md)."
)


def crossed_lines(given: StudyInputs, results: Results, cited: Citations) -> Iterable[Block]:
    """The conclusions that the last export changed, for a reader in a hurry."""
    versions = _versions(given)
    if len(versions) < 2:
        return
    rows = _crossed(given, versions[-1])
    body = [
        text(f"{_described(given, str(row['estimand']))}: {_was(given, row)}, now {row['conclusion']}.")
        for row in rows[:_MOST_CROSSED]
    ]  # fmt: skip
    if len(rows) > _MOST_CROSSED:
        body.append(text(f"{len(rows) - _MOST_CROSSED} more: see ", Run(ref="history"), "."))
    since = f"since the export of {versions[-2]}"
    title = f"{counted(len(rows), 'conclusion')} crossed a line {since}."
    if not rows:
        title = f"No conclusion crossed a line {since}."
    yield Callout("finding", title, tuple(body), "minor" if rows else "none")


def what_changed(given: StudyInputs, results: Results, cited: Citations) -> Iterable[Block]:
    versions = _versions(given)
    if len(versions) < 2:
        return
    yield paragraph(
        f"This is export {len(versions)} of this registry: {', '.join(versions)}. Lines are the "
        f"significance level of {given.protocol.conventions.alpha:g}, no difference for the interval of "
        "a ratio or a difference, and what the protocol names."
    )
    yield _steps_table(given)
    crossed = _history_table(
        given, versions, "crossed-lines", "Results that crossed a line with any export", only_crossed=True
    )  # fmt: skip
    if crossed:
        yield crossed
    else:
        yield paragraph("No result crossed a line with any export.")
    every = _history_table(given, versions, "history", "Every result in every export")
    if every:
        yield every


def _versions(given: StudyInputs) -> list[str]:
    if given.history is None:
        return []
    return sorted(set(given.history["version"].map(text_of)))


def _crossed(given: StudyInputs, version: str) -> list[dict]:
    frame = given.history
    assert frame is not None
    here = (frame["version"].map(text_of) == version) & (frame["crossed"].map(text_of) == "yes")
    return frame[here].to_dict("records")


def _was(given: StudyInputs, row: dict) -> str:
    """The conclusion of the version before."""
    frame = given.history
    assert frame is not None
    same = frame[frame["estimand"] == row["estimand"]]
    earlier = same[same["version"].map(text_of) < text_of(row["version"])]
    return text_of(earlier.iloc[-1]["conclusion"])


def _described(given: StudyInputs, name: str) -> str:
    try:
        estimand = Estimand.parse(name)
        if given.protocol.explain_fault(estimand) is None:
            return given.results.describe(estimand)
    except EstimandError:
        pass
    return name


def _steps_table(given: StudyInputs) -> Table:
    """One column for each update, from the export before to its own."""
    frame = given.updates
    assert frame is not None
    steps = list(
        dict.fromkeys(zip(frame["since"].map(text_of), frame["version"].map(text_of), strict=True))
    )
    found: dict[tuple[str, str], dict[tuple[str, str], int]] = {}
    for row in frame.to_dict("records"):
        key = (text_of(row["label"]) or _OF_ALL, text_of(row["what"]))
        step = (text_of(row["since"]), text_of(row["version"]))
        found.setdefault(key, {})[step] = int(row["patients"])
    groups: dict[str, list[list[str]]] = {}
    for (label, what), counts in sorted(found.items(), key=lambda item: item[0][0] != _OF_ALL):
        cells = [f"{counts[step]:,}" if step in counts else "0" for step in steps]
        groups.setdefault(label, []).append([IN_WORDS[what], *cells])
    linked = any(what in ("added", "gone", "entered", "changed", "filled in") for _, what in found)
    return table(
        "updates-patients", "What each export changed in the patients",
        [Column("What", width=3), *(Column(f"{since} to {now}", "right") for since, now in steps)],
        groups, stage="history", inputs=("updates.csv",), origin="registry",
        notes=("Values are those that cleaning hands on; dates are days since time zero. Endpoints are "
               "compared in patients of both cohorts.",) if linked else (_NOT_LINKED,),
    )  # fmt: skip


def _history_table(
    given: StudyInputs,
    versions: Sequence[str],
    identifier: str,
    caption: str,
    *,
    only_crossed: bool = False,
) -> Table | None:
    """One row for each estimand, one column for each export; a result that crossed a line is marked."""
    frame = given.history
    assert frame is not None
    rows = []
    for name, part in frame.groupby("estimand", sort=False):
        by_version = {text_of(row["version"]): row for row in part.to_dict("records")}
        moved = any(text_of(row["crossed"]) == "yes" for row in by_version.values())
        if only_crossed and not moved:
            continue
        cells = [_cell(given, str(name), by_version.get(version)) for version in versions]
        rows.append([_described(given, str(name)), *cells])
    if not rows:
        return None
    return table(
        identifier, caption,
        [Column("Quantity", width=2), *(Column(version, "right", width=1) for version in versions)],
        rows, stage="history", inputs=("history.csv",), origin="registry", folded=not only_crossed,
    )  # fmt: skip


def _cell(given: StudyInputs, name: str, row: pd.Series | dict | None) -> Cell:
    if row is None:
        return Cell("")
    words = _value(given, name, row)
    crossed = text_of(row["crossed"]) == "yes"
    note = f"Crossed a line: {row['conclusion']}." if crossed else ""
    return Cell(words, tone="warning" if crossed else "", note=note)


def _value(given: StudyInputs, name: str, row: pd.Series | dict) -> str:
    value, lower, upper = (number_of(row[key]) for key in ("value", "lower", "upper"))
    try:
        estimand = Estimand.parse(name)
        if given.protocol.explain_fault(estimand) is None:
            return format_estimate(estimand, value, lower, upper, given.protocol)
    except EstimandError:
        pass
    return "" if value != value else f"{value:.4g}"
