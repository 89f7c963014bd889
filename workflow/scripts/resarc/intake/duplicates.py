"""Rows that speak of the same patient, or may do so.

**Duplicates** share an identifier, or a value that is declared unique. **Near duplicates** have
different identifiers and agree in what a person has only once, such as birth, sex and date of
diagnosis. They are found by a stated rule (`NearDuplicates`): the two rows have the same value in
all variables of a list, or in all but one of them. This is deterministic record linkage (Herzog,
Scheuren & Winkler, Data Quality and Record Linkage Techniques, Springer 2007, ch. 8). Probabilistic
linkage (Fellegi & Sunter, JASA 1969;64:1183-1210) would find more, but by weights that are estimated
from the data: the same two rows could be flagged in one export and not in the next.

Which rows agree in all but one variable is found without comparing pairs: two such rows agree in one
of the lists that leave a single variable out, so that rows are grouped by each of these lists.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from resarc.intake.cells import Column
from resarc.intake.checks import Fault, fault
from resarc.protocol import NearDuplicates, Protocol, Variable


def duplicate_faults(columns: Mapping[str, Column]) -> Iterable[Fault]:
    """Rows that share an identifier or a unique value.

    Rows that share an identifier: if they are the same in every cell the first is kept, if not all
    are rejected, because nobody can tell here which one is right.
    """
    for column in columns.values():
        v = column.variable
        if v.type != "identifier" and not v.unique:
            continue
        shared = _shared(column)
        if v.type != "identifier":
            yield fault(
                v,
                "unique",
                shared,
                f"other rows have the same {v.column}",
                "Correct the value in the rows where it is wrong.",
            )
            continue
        rows = np.flatnonzero(shared)
        texts = pd.DataFrame({name: c.texts.codes[rows] for name, c in columns.items()})
        content = texts.groupby(list(texts.columns), sort=False).ngroup()
        differ = (content.groupby(texts[v.name]).transform("nunique") > 1).to_numpy(dtype=bool)
        repeated = texts.duplicated(keep="first").to_numpy()
        yield Fault(
            v,
            "duplicate",
            rows[differ],
            "other rows have the same identifier but other values",
            "Find out which row is right and delete the others.",
        )
        yield Fault(
            v,
            "repeated row",
            rows[~differ & repeated],
            "an earlier row is the same in every cell",
            "Nothing, or delete the row: the earlier one is kept.",
        )


def near_duplicate_faults(
    columns: Mapping[str, Column], labels: np.ndarray, protocol: Protocol
) -> Iterable[Fault]:
    """Rows that the protocol's rules take for the same patient; without rules, rows that agree in
    everything but the identifier and hold at least two dates.

    `labels` are the numbers of the rows that a reason names. Rows that share an identifier are no
    near duplicates. A variable that is missing in both rows agrees with nothing, but for the rule
    that compares everything.
    """
    told = _first_identifier(protocol)
    alone = np.ones(len(labels), dtype=bool)
    for column in columns.values():
        if column.variable.type == "identifier":
            alone &= ~_shared(column)
    rows = np.flatnonzero(alone)
    if protocol.near_duplicates is None:
        yield from _same_content(columns, rows, labels, told)
        return
    for rule in protocol.near_duplicates:
        yield from _by_rule(rule, columns, rows, labels, told, protocol)


def _same_content(
    columns: Mapping[str, Column], rows: np.ndarray, labels: np.ndarray, told: Variable
) -> Iterable[Fault]:
    compared = [c for c in columns.values() if c.variable.type not in ("identifier", "text")]
    dates = [c.given[rows] for c in compared if c.variable.type == "date"]
    if len(dates) < 2:
        return
    rows = rows[np.sum(dates, axis=0) >= 2]
    groups = _groups([c.texts.codes[rows] for c in compared])
    partners, counts = _partners(groups, labels[rows])
    here = counts > 0
    yield Fault(
        told,
        "near duplicate",
        rows[here],
        _reasons(partners[here], counts[here], "the same in every cell but identifier and text"),
        "Find out whether the rows are one patient; if so delete one of them.",
        flag=True,
    )


def _by_rule(
    rule: NearDuplicates,
    columns: Mapping[str, Column],
    rows: np.ndarray,
    labels: np.ndarray,
    told: Variable,
    protocol: Protocol,
) -> Iterable[Fault]:
    codes = {name: _compared(columns[name])[rows] for name in rule.agree}
    partner = np.zeros(len(rows), dtype=labels.dtype)
    count = np.zeros(len(rows), dtype=np.int64)
    words = np.full(len(rows), "", dtype=object)
    left_out: list[str | None] = [None]
    if rule.differing:
        left_out += list(rule.agree)
    for name in left_out:
        agreeing = {other: code for other, code in codes.items() if other != name}
        known = np.logical_and.reduce([code >= 0 for code in agreeing.values()])
        # A row that was told already is still a partner of those that were not.
        places = np.flatnonzero(known)
        groups = _groups([code[places] for code in agreeing.values()])
        partners, counts = _partners(groups, labels[rows[places]])
        open_ = (count[places] == 0) & (counts > 0)
        found = places[open_]
        partner[found], count[found] = partners[open_], counts[open_]
        said = "the same in " + ", ".join(protocol.variable(n).column for n in agreeing)
        if name:
            said += f", not in {protocol.variable(name).column}"
        words[found] = said
    here = count > 0
    yield Fault(
        told,
        rule.id,
        rows[here],
        np.array(
            [
                f"{reason}: {rule.why}"
                for reason in _reasons(partner[here], count[here], words[here])
            ],
            dtype=object,
        ),
        "Find out whether the rows are one patient; if so delete one of them.",
        flag=rule.action == "flag",
    )


def _first_identifier(protocol: Protocol) -> Variable:
    """The column in which near duplicates are told: the first identifier, else the first column."""
    identifiers = [v for v in protocol.variables if v.type == "identifier"]
    return (identifiers or list(protocol.variables))[0]


def _shared(column: Column) -> np.ndarray:
    """Who has a value that another row has too: bool, (n,)."""
    times = np.bincount(column.texts.codes, minlength=len(column.texts.distinct))
    return (times[column.texts.codes] > 1) & column.given


def _compared(column: Column) -> np.ndarray:
    """Places of values that count as the same, -1 where there is none. Texts are compared without
    case, accents and anything but letters and digits."""
    if column.variable.type == "text":
        bare = [_letters(text) for text in column.texts.distinct]
        codes, found = pd.factorize(np.array(bare, dtype=object))
        codes[np.asarray(found, dtype=object)[codes] == ""] = -1
        codes = column.texts.take(codes)
        return np.where(column.given, codes, -1)
    values = column.values if column.dates is None else column.dates.first
    known = column.read & column.given
    if column.dates is not None:
        known = known & ~column.dates.partial
    codes, _ = pd.factorize(values)
    return np.where(known, codes, -1)


def _letters(text: str) -> str:
    parts = unicodedata.normalize("NFKD", text.casefold())
    return "".join(c for c in parts if c.isalnum())


def _groups(codes: list[np.ndarray]) -> np.ndarray:
    """One number for each combination of codes, the same for the same combination: (n,)."""
    groups = codes[0]
    for code in codes[1:]:
        groups, _ = pd.factorize(
            groups.astype(np.int64) * (int(code.max(initial=0)) + 2) + code + 1
        )
    return groups


def _partners(groups: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each row the first other row of its group, and how many others there are."""
    order = np.argsort(groups, kind="stable")
    ordered = groups[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]]) if len(order) else order
    sizes = np.diff(np.r_[starts, len(order)])
    begin = np.repeat(starts, sizes)
    second = np.minimum(begin + 1, max(len(order) - 1, 0))
    is_first = np.arange(len(order)) == begin
    partners = np.zeros(len(groups), dtype=labels.dtype)
    counts = np.zeros(len(groups), dtype=np.int64)
    partners[order] = labels[order[np.where(is_first, second, begin)]]
    counts[order] = np.repeat(sizes - 1, sizes)
    return partners, counts


def _reasons(partners: np.ndarray, counts: np.ndarray, words: str | np.ndarray) -> np.ndarray:
    said = [words] * len(partners) if isinstance(words, str) else words
    more = ["" if n == 1 else f" and {n - 1} more" for n in counts]
    return np.array(
        [f"row {p}{m} is {w}" for p, m, w in zip(partners, more, said, strict=True)], dtype=object
    )
