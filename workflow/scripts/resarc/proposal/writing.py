"""The text of a proposed protocol: YAML that a person edits, with a comment wherever something is to be
decided."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from resarc.proposal.columns import Proposed, quoted

DECIDE = "DECIDE"
"""Each comment that asks for a decision begins with it."""

_DEATH = re.compile(r"death|died|decease|dod|exitus|tod(_|$)|deces")
_LAST = re.compile(r"last|follow|fup|(^|_)fu(_|$)|contact|censor|lfu")
_ORIGIN = re.compile(
    r"operation|surgery|resection|treatment|start|randomi|diagnos|(^|_)dx(_|$)|baseline"
)
_TIME = re.compile(
    r"(^|_)(os|pfs|dfs|dss|rfs|efs|survival|fu|followup|follow_up|time|months|days)(_|$)"
)
_OVERALL = re.compile(r"overall_surv|(^|_)os(_|$)")
_STATUS = re.compile(r"status|event|dead|death|died|vital|decease|censor|alive")
_DEAD = re.compile(r"dead|died|decease|death|event|yes|^1|exitus|tot")
_MOST = 20
"""Variables in the proposed table of characteristics."""


def protocol_text(
    study: str, file: str, columns: Sequence[Proposed], source: Iterable[tuple[str, str]] = ()
) -> str:
    """`config/studies/<study>.yaml` as far as it can be proposed.

    `source` are further keys of the source, with their values as YAML. Without `exported`, which only
    the group knows, the check refuses it and says so.
    """
    return "\n".join(_lines(study, file, columns, list(source))) + "\n"


def _lines(
    study: str, file: str, columns: Sequence[Proposed], source: list[tuple[str, str]]
) -> Iterator[str]:
    dates = [c for c in columns if c.kind == "date"]
    origin = _first(dates, _ORIGIN) or (dates[0] if dates else None)
    yield f"# Proposed from the columns of the file. Look for {DECIDE}: each marks a decision that a computer"
    yield "# must not make. docs/registry.md explains the keys; `make` checks this file before anything runs."
    yield "#"
    yield "# Written here of the data are headers and codes alone: no value of a patient, no smallest or"
    yield "# largest one, and no text that fewer than three rows have."
    yield f"study: {study}"
    yield f"title: {quoted(f'Registry {study}')}  # {DECIDE}: a title for the report"
    yield f"population: {quoted('Patients of the registry')}  # {DECIDE}: who is studied"
    yield f"origin_label: {quoted('time zero')}  # {DECIDE}: the moment from which time counts"
    if origin:
        yield f"time_zero: {origin.name}  # {DECIDE}: the date from which days are counted"
    yield ""
    yield "source:"
    yield "  kind: registry"
    yield f"  file: {quoted(file)}"
    for key, value in source:
        yield f"  {key}: {value}"
    yield f"  # {DECIDE}: the day of the export. Later dates in the file are rejected."
    yield "  # exported: 2024-06-30"
    yield ""
    yield "variables:"
    for column in columns:
        yield from _variable(column)
    yield ""
    yield from _rest(columns, dates, origin)


def _variable(column: Proposed) -> Iterator[str]:
    for words in column.decide:
        yield f"  # {DECIDE}: {words}"
    yield f"  - name: {column.name}"
    yield f"    column: {quoted(column.column)}"
    yield f"    label: {quoted(column.label)}"
    yield f"    type: {column.kind}"
    if column.levels:
        yield "    categories:"
        for level, codes in column.levels.items():
            yield f"      {quoted(level)}: [{', '.join(map(quoted, codes))}]"
    if column.date_format:
        yield f"    date_format: {quoted(column.date_format)}"
    if column.partial_formats:
        inner = ", ".join(
            f"{precision}: [{', '.join(map(quoted, forms))}]"
            for precision, forms in column.partial_formats.items()
        )
        yield f"    partial_formats: {{{inner}}}"
    if column.missing != ("",) and column.kind not in ("identifier", "text"):
        yield f"    missing: [{', '.join(map(quoted, column.missing))}]"


def _rest(
    columns: Sequence[Proposed], dates: Sequence[Proposed], origin: Proposed | None
) -> Iterator[str]:
    """Eligibility, endpoints and analyses."""
    death, last = _first(dates, _DEATH), _first(dates, _LAST)
    numbers = [c for c in columns if c.kind in ("number", "integer")]
    categories = [c for c in columns if c.kind == "category"]
    time = _first(numbers, _OVERALL) or _first(numbers, _TIME)
    ended = [c for c in categories if _dead(c)]
    status = _first(ended, _OVERALL) or _first(ended, _STATUS)
    described = [c for c in columns if c.kind in ("category", "number", "integer")]
    label = "Overall survival"
    yield f"# {DECIDE}: what must hold between columns. Dates in time order, for instance:"
    yield "# rules:"
    yield "#   - {id: time_order, order: [diagnosis_date, treatment_date, death_date], why: the course of the disease}"
    yield ""
    if origin and death and last and len({origin.name, death.name, last.name}) == 3:
        needed = origin.name
        endpoint = [
            f"    origin: {origin.name}",
            f"    events: [{death.name}]",
            f"    censored_at: {last.name}",
        ]
    elif time and status:
        needed = time.name
        level = _dead(status)
        endpoint = [
            f"    # {DECIDE}: is the time in months?",
            f"    time: {time.name}",
            f"    happened: [{{variable: {status.name}, one_of: [{quoted(str(level))}]}}]",
        ]
        label = time.label
    else:
        needed = (described or list(columns))[0].name
        endpoint = []
    yield f"# {DECIDE}: who is analysed, step by step."
    yield "eligibility:"
    yield f"  - {{id: known, label: {quoted('Followed up')}, keep: [{{variable: {needed}, present: true}}]}}"
    yield ""
    yield f"# {DECIDE}: the outcome, and when it is counted as reached."
    if endpoint:
        yield "endpoints:"
        yield "  - name: os_proposed"
        yield f"    label: {quoted(label)}"
        yield f"    definition: {quoted('From time zero to death from any cause')}"
        yield from endpoint
    else:
        yield "# No pair of columns looks like a time and a status, or like dates of start, death and last contact."
        yield "# Name them here, in one of the two forms:"
        yield "#   - {name: os, label: Overall survival, definition: ..., origin: DATE, events: [DATE], censored_at: DATE}"
        yield "#   - {name: os, label: Overall survival, definition: ..., time: MONTHS, happened: [{variable: STATUS, one_of: [LEVEL]}]}"
        yield "endpoints: []"
    yield ""
    yield f"# {DECIDE}: what is analysed. docs/new-study.md lists the kinds of analysis."
    yield "analyses:"
    shown = ", ".join(c.name for c in (described or columns)[:_MOST])
    yield f"  - {{id: patients, label: {quoted('Characteristics of the patients')}, kind: characteristics, variables: [{shown}]}}"
    if endpoint:
        yield f"  - {{id: survival, label: {quoted(label)}, kind: survival, endpoint: os_proposed, at: [12 months, 36 months, 60 months]}}"


def _first(columns: Iterable[Proposed], pattern: re.Pattern[str]) -> Proposed | None:
    return next((c for c in columns if pattern.search(c.name)), None)


def _dead(column: Proposed) -> str | None:
    """The level of a category that looks like death."""
    if not 2 <= len(column.levels) <= 4:
        return None
    return next((level for level in column.levels if _DEAD.search(level.casefold())), None)
