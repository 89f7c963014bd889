"""The same questions to each study, side by side and pooled."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from math import isnan, nan
from typing import Any

import pandas as pd

from resarc import tables
from resarc.estimand import Estimand
from resarc.protocol import Protocol
from resarc.report import figures
from resarc.report.citations import Citations
from resarc.report.combined.inputs import CombinedInputs, origin_of
from resarc.report.combined.pooled import pooled_words, scale_of
from resarc.report.figures import Interval
from resarc.report.model import (
    Block,
    Cell,
    Column,
    paragraph,
    table,
)
from resarc.report.results import (
    NO_SET,
    SAMPLED,
    capital,
    format_estimate,
    number_of,
    records_by,
    sentence,
    text_of,
)

_NUMBER = re.compile(r"(-?\d+(?:\.\d+)?)(%?)(?= |;|$)")
"""A printed value: a number without a sign such as <, with its unit or verdict behind it."""


def together(given: CombinedInputs, cited: Citations) -> Iterable[Block]:
    frame = given.harmonised
    if not len(frame):
        yield paragraph("No quantity was asked of more than one study.")
        return
    yield paragraph(
        "Each question says what exactly is asked: which outcome, counted from when, in whom. A study's "
        "answer is pooled only if it departs from that in nothing that makes it another quantity."
    )
    for scale, identifier, title in (
        ("fraction", "forest-shares", "Shares and survival"),
        ("ratio", "forest-ratios", "Ratios"),
    ):
        yield from _forest(given, scale, identifier, title)
    rows: dict[str, list[tuple[Cell | str, ...]]] = {}
    for row in frame.to_dict("records"):
        label = text_of(row["label"]) or text_of(row["quantity"])
        heading = f"{label}. Asked: {text_of(row['asked'])}"
        rows.setdefault(heading, []).append(_harmonised_row(given, row))
    yield table(
        "harmonised", "The same questions to each study",
        [
            Column("Study"), Column("Quantity", width=1.2), Column("Re-analysed", "right"),
            Column("Printed", width=0.9), Column("Patients", "right"),
            Column("How it departs", width=1.8),
        ],
        rows, stage="synthesis", inputs=("summary/harmonised.csv",), origin=origin_of(given.studies),
        notes=(
            "Re-analysed: an identified set for a reconstruction, an estimate with confidence limits "
            "for a registry. How it departs: comparable is carried as a difference between studies; "
            "what differs is another quantity and is not pooled.",
            SAMPLED,
        ),
    )  # fmt: skip
    yield table(
        "measures", "What each study counts, from when, and in whom",
        [
            Column("Study"), Column("What", width=1.6), Column("From when", width=0.8),
            Column("In whom", width=1.6),
        ],
        _measures(given), stage="synthesis", inputs=("summary/harmonised.csv",), folded=True,
    )  # fmt: skip
    if len(given.pooled):
        yield table(
            "pooled", "Pooled results, and why others were not pooled",
            [
                Column("Quantity", width=1), Column("Studies", "right"), Column("Pooled", width=1.2),
                Column("Reason and method", width=2),
            ],
            [_pooled_row(given, row) for row in given.pooled.to_dict("records")],
            stage="synthesis", inputs=("summary/pooled.csv",), origin=origin_of(given.studies),
        )  # fmt: skip
    if given.left_out is not None and len(given.left_out):
        yield table(
            "left-out", "Pooled results without each study in turn",
            [
                Column("Without"), Column("Studies left", "right"), Column("Pooled over", width=1),
                Column("Pooled", width=1.2),
            ],
            _left_out(given, given.left_out), stage="synthesis",
            inputs=("summary/leave_one_out.csv",), origin=origin_of(given.studies),
            notes=("Where one study is left, its own result with its own interval.",),
        )  # fmt: skip


def _left_out(
    given: CombinedInputs, frame: pd.DataFrame
) -> dict[str, list[tuple[Cell | str, ...]]]:
    found: dict[str, list[tuple[Cell | str, ...]]] = {}
    for row in frame.to_dict("records"):
        found.setdefault(text_of(row["label"]) or text_of(row["quantity"]), []).append(
            (
                text_of(row["left_out"]),
                f"{number_of(row['k']):.0f}",
                text_of(row["studies"]).replace("; ", ", "),
                pooled_words(given, row),
            )
        )
    return found


def _measures(given: CombinedInputs) -> list[tuple[str, ...]]:
    """Each outcome of a study once, as its protocol defines it."""
    columns = ("study", "definition", "time_origin", "population")
    rows = [
        tuple(text_of(row[name]) for name in columns) for row in given.harmonised.to_dict("records")
    ]
    order = [study.protocol.study for study in given.studies]
    return sorted(dict.fromkeys(rows), key=lambda row: order.index(row[0]))


def _harmonised_row(given: CombinedInputs, row: Mapping[str, Any]) -> tuple[Cell | str, ...]:
    protocol = given.protocol(text_of(row["study"]))
    estimand = Estimand.parse(str(row["estimand"]))
    departs = [text_of(row["departures"]), text_of(row.get("note"))]
    # How many patients of one rebuilt dataset a result rests on is itself no identified number.
    n = float("nan") if text_of(row["origin"]) == "reconstruction" else number_of(row["n"])
    return (
        protocol.study,
        capital(tables.describe(estimand, protocol)),
        _result(estimand, row, protocol),
        text_of(row["printed"]),
        "" if isnan(n) else f"{n:,.0f}",
        capital("; ".join(filter(None, departs))) or "in nothing",
    )


def result_cell(given: CombinedInputs, row: Mapping[str, Any]) -> Cell:
    """A study's answer: its identified set, marked, or its estimate with confidence limits."""
    return _result(Estimand.parse(str(row["estimand"])), row, given.protocol(text_of(row["study"])))


def _result(estimand: Estimand, row: Mapping[str, Any], protocol: Protocol) -> Cell:
    if text_of(row["origin"]) == "reconstruction":
        ends = number_of(row["identified_lower"]), number_of(row["identified_upper"])
        if all(map(isnan, ends)):
            return Cell(NO_SET, tone="muted")
        held = "(by construction)" in text_of(row["printed"])
        return Cell(
            tables.format_range(estimand, *ends, protocol), "by construction" if held else ""
        )
    found = (number_of(row[end]) for end in ("value", "lower", "upper"))
    return Cell(format_estimate(estimand, *found, protocol))


def _pooled_row(given: CombinedInputs, row: Mapping[str, Any]) -> tuple[Cell | str, ...]:
    label = text_of(row["label"]) or text_of(row["quantity"])
    k = number_of(row["k"])
    pooled = text_of(row["pooled"]) == "yes"
    extra = f"{text_of(row['heterogeneity'])} " if pooled else ""
    why = sentence(capital(text_of(row["reason"])))
    how = sentence(capital(text_of(row["method"]))) if pooled else ""
    return (
        label,
        "" if isnan(k) else f"{k:.0f}",
        pooled_words(given, row) if pooled else Cell("not pooled", tone="muted"),
        " ".join(filter(None, (extra + why, how))),
    )


def _forest(given: CombinedInputs, scale: str, identifier: str, title: str) -> Iterable[Block]:
    groups, said = [], []
    pooled = records_by(given.pooled, "quantity") if len(given.pooled) else {}
    for quantity, part in given.harmonised.groupby("quantity", sort=False):
        if scale_of(given, str(quantity)) != scale:
            continue
        rows = [r for row in part.to_dict("records") if (r := result_interval(given, row))]
        label = text_of(part["label"].iloc[0]) or str(quantity)
        said.append(f"{label}: " + "; ".join(f"{row.label} {row.note}" for row in rows) + ".")
        found = pooled.get(str(quantity), {})
        if text_of(found.get("pooled")) == "yes":
            rows.append(_pooled_interval(given, found))
        if rows:
            groups.append((label, rows))
    if not groups:
        return
    drawing = figures.forest(
        groups, axis="Share of patients" if scale == "fraction" else "Ratio (logarithmic scale)",
        finding=" ".join(said),
        caption=f"{title} in each study. Bars: identified sets of reconstructions. Points and lines: "
        "registry estimates with confidence limits. Diamond or last bar: pooled, its thin line with "
        "sampling uncertainty.",
        note="Re-analysed", null=1.0 if scale == "ratio" else None, logarithmic=scale == "ratio",
        percent=scale == "fraction",
    )  # fmt: skip
    made_from = ("summary/harmonised.csv", "summary/pooled.csv")
    yield drawing.block(identifier, "synthesis", made_from, origin_of(given.studies))


def result_interval(
    given: CombinedInputs, row: Mapping[str, Any], *, marker: bool = False
) -> Interval | None:
    """A study's answer as a row of a forest, with `marker` the value that its paper prints; None if
    nothing is known."""
    protocol = given.protocol(text_of(row["study"]))
    estimand = Estimand.parse(str(row["estimand"]))
    words = _result(estimand, row, protocol).text
    printed = _printed_value(estimand, text_of(row["printed"])) if marker else nan
    if text_of(row["origin"]) == "reconstruction":
        ends = number_of(row["identified_lower"]), number_of(row["identified_upper"])
        if all(map(isnan, ends)):
            return None
        return Interval(protocol.study, *ends, "set", note=words, marker=printed)
    value = number_of(row["value"])
    if isnan(value):
        return None
    ends = number_of(row["lower"]), number_of(row["upper"])
    return Interval(protocol.study, *ends, "estimate", value, words, marker=printed)


def _printed_value(estimand: Estimand, printed: str) -> float:
    """The first printed value as a number in canonical units; NaN if it is none."""
    found = _NUMBER.match(printed)
    if not found:
        return nan
    return float(found[1]) / (100 if found[2] and estimand.kind.scale == "fraction" else 1)


def _pooled_interval(given: CombinedInputs, row: Mapping[str, Any]) -> Interval:
    words = pooled_words(given, row).split(" (")[0]
    inner = number_of(row["identified_lower"]), number_of(row["identified_upper"])
    if not any(map(isnan, inner)):
        outer = number_of(row["outer_lower"]), number_of(row["outer_upper"])
        return Interval("Pooled", *inner, "set", note=words, wide=outer)
    ends = number_of(row["lower"]), number_of(row["upper"])
    future = number_of(row["prediction_lower"]), number_of(row["prediction_upper"])
    return Interval("Pooled", *ends, "pooled", number_of(row["value"]), words, wide=future)
