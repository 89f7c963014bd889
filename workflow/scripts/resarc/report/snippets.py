"""Results as sentences that can be pasted into a manuscript.

'median overall survival 49.9 months (95% CI 30.0 to 59.4)' from a registry. Of a reconstruction the
sentence itself says that it is an identified set and of what, so that no pasted number can pass for a
result of patients.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan

import pandas as pd

from resarc import tables
from resarc.estimand import Estimand
from resarc.report.model import Cell, Column, Table, table
from resarc.report.results import NO_SET, Results, number_of, text_of

COLUMNS = ("estimand", "sentence", "origin")

_QUOTED = (
    "events",
    "survival",
    "median",
    "reverse_followup_median",
    "hazard_ratio",
    "logrank_p",
    "cox_p",
    "interaction_p",
    "auc",
)
"""Statistics of endpoints whose sentences the report shows; the file holds those of all."""


def snippets(results: Results, source: str, members: int) -> pd.DataFrame:
    """One row for each result that has a value, columns `COLUMNS`, in the order of the estimates.

    `results` for the manuscript decides how numbers look; `source` names the paper inside a sentence;
    `members` is the number of rebuilt datasets, 0 for a registry.
    """
    kind = results.protocol.source.kind
    rows = [
        (str(estimand), words, kind)
        for estimand in results.keys
        if (words := sentence_of(results, estimand, source, members))
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def sentence_of(results: Results, estimand: Estimand, source: str, members: int) -> str:
    """The sentence of one result, without a full stop; empty where there is no value."""
    if results.rebuilt:
        return _of_a_set(results, estimand, source, members)
    row = results.rows[str(estimand)]
    value = results.value(estimand)
    words = results.text(estimand)
    if not words or words == tables.NOT_ESTIMABLE or number_of(row.get("n")) == 0:
        return ""
    of = results.denominator(estimand)
    said = tables.format_estimate(
        estimand, value, *results.limits(estimand), results.protocol, of=of
    )
    if estimand.kind.scale == "p":
        return _joined(results, estimand, _equals(said))
    p = number_of(row.get("p"))
    if isnan(p) or estimand.kind.comparison != "contrast":
        return _joined(results, estimand, said)
    p_words = _equals(tables.format_p(p))
    ended = f"{said[:-1]}; {p_words})" if said.endswith(")") else f"{said} ({p_words})"
    return _joined(results, estimand, ended)


def _of_a_set(results: Results, estimand: Estimand, source: str, members: int) -> str:
    words = results.text(estimand)
    lower, upper = results.limits(estimand)
    if not words or words == NO_SET or isnan(lower) or isnan(upper):
        return ""
    if estimand.kind.scale == "p":
        words = f"p {words}" if "to" in words else _equals(words)
    row = results.sets[str(estimand)]
    rebuilt = f"{members} datasets rebuilt from the figures printed in {source}"
    if results.is_target(estimand):
        how = f"by construction: a figure that all {rebuilt} were made to hold"
    else:
        how = f"identified set over {rebuilt}, an inner bound"
        if results.direction(estimand) == "not identified":
            how += "; they lie on both sides of no difference"
        share = number_of(row.get("undetermined"))
        if share > 0:
            how += f"; {tables.format_share(share)}% of them do not determine it"
    return _joined(results, estimand, f"{words} ({how}; no patient data)")


def _joined(results: Results, estimand: Estimand, words: str) -> str:
    """What is estimated, then the result: "median overall survival, sex: male, 49.9 months"."""
    name = tables.describe(estimand, results.protocol).removeprefix("p-value of the ")
    name = name.removeprefix("p-value of ")
    link = ", " if "," in name or estimand.kind.scale == "p" else " "
    link = ": " if link == " " and estimand.kind.scale == "count" else link
    return f"{name}{link}{words}"


def _equals(p: str) -> str:
    """'p = 0.041', 'p < 0.001'."""
    return f"p {p[0]} {p[1:]}" if p[0] in "<>" else f"p = {p}"


def quotable(results: Results, made: pd.DataFrame) -> Table | None:
    """The sentences that manuscripts quote most, for the report; None if there are none."""
    endpoints = results.protocol.endpoint_names
    rows: list[Sequence[Cell | str]] = []
    for row in made.to_dict("records"):
        estimand = Estimand.parse(text_of(row["estimand"]))
        main = estimand.subject in endpoints and estimand.statistic in _QUOTED
        if main or str(estimand) == "n":
            rows.append((results.describe(estimand), Cell(text_of(row["sentence"]), copied=True)))
    if not rows:
        return None
    return table(
        "sentences", "Results as sentences for a manuscript",
        [Column("Quantity", width=1.4), Column("Sentence", width=3)], rows,
        stage="report", inputs=("manuscript/snippets.csv",),
        origin="reconstruction" if results.rebuilt else "registry", folded=True,
        notes=("snippets.csv holds a sentence for every result. Shares of fewer than 100 patients have no decimals here.",),
    )  # fmt: skip
