"""The report over all studies: one page that a tumour board can read, then the comparison.

What stands here is taken from the studies' own reports and from the tables of the synthesis.
Reconstructed results appear as identified sets, as in the studies' reports.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import isnan
from typing import Any

import pandas as pd

from resarc import tables
from resarc.estimand import Estimand
from resarc.protocol import Protocol
from resarc.references import Reference
from resarc.report import figures
from resarc.report.citations import Citations
from resarc.report.figures import Curve, Interval
from resarc.report.model import (
    MARKS,
    ORIGIN_LABELS,
    Block,
    Callout,
    Cell,
    Column,
    FigureBlock,
    Origin,
    Report,
    Run,
    Section,
    Table,
    Text,
    paragraph,
    table,
    text,
)
from resarc.report.results import (
    NO_SET,
    SAMPLED,
    capital,
    counted,
    curve_rows,
    format_estimate,
    number_of,
    records_by,
    sentence,
    text_of,
)

_MOST_FINDINGS = 4
_POOLING = ("paule1982", "hartung2001", "inthout2016")


@dataclass(frozen=True)
class CombinedStudy:
    """One study: its protocol, the content of its `model.json`, where its report is (a path from
    the combined report), and its curves; `envelopes` for a reconstruction."""

    protocol: Protocol
    model: Mapping[str, Any]
    link: str
    curves: pd.DataFrame
    envelopes: pd.DataFrame | None = None

    @property
    def rebuilt(self) -> bool:
        return self.protocol.source.kind == "reconstruction"

    @property
    def card(self) -> dict[str, str]:
        return dict(self.model["card"])


@dataclass(frozen=True)
class CombinedInputs:
    """What the combined report is made from: the studies, in the order to show them, and the tables
    of the synthesis (`harmonised.csv`, `pooled.csv`)."""

    studies: Sequence[CombinedStudy]
    harmonised: pd.DataFrame
    pooled: pd.DataFrame
    version: str
    data_date: str
    references: Mapping[str, Reference] = field(default_factory=dict)
    provenance: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def protocol(self, study: str) -> Protocol:
        return next(s.protocol for s in self.studies if s.protocol.study == study)


def build(given: CombinedInputs) -> Report:
    """The report over all studies."""
    cited = Citations(given.references)
    summary = tuple(_summary(given, cited))
    sections = [
        Section("studies", "The studies", tuple(_findings(given))),
        Section("curves", "Survival, study by study", tuple(_curves(given))),
        Section("together", "The studies side by side", tuple(_together(given))),
        Section("methods", "Methods", tuple(_methods(given, cited))),
    ]
    return Report(
        title="Metastatic soft tissue sarcoma: the studies re-analysed",
        subtitle="What the printed figures of each study say, what they leave open, and what they say together",
        study="all studies",
        version=given.version,
        data_date=given.data_date,
        origin=_origin(given.studies),
        summary=summary,
        sections=tuple(section for section in sections if section.blocks),
        references=cited.listed(),
        provenance=(
            ("Studies", str(len(given.studies))),
            ("Date of the latest data", given.data_date),
            ("Resarc", given.version),
        ),
    )


def _origin(studies: Iterable[CombinedStudy]) -> Origin:
    kinds = {study.protocol.source.kind for study in studies}
    return "mixed" if len(kinds) > 1 else kinds.pop()


# -- the opening page --------------------------------------------------------------------------------


def _summary(given: CombinedInputs, cited: Citations) -> Iterable[Block]:
    yield _origin_callout(given.studies)
    yield _landing_table(given, cited)
    yield from (_answer(given, row) for row in given.pooled.to_dict("records"))


def _origin_callout(studies: Sequence[CombinedStudy]) -> Callout:
    rebuilt = [study.protocol.study for study in studies if study.rebuilt]
    if not rebuilt:
        return Callout("origin", "All results are those of registry data.")
    who = "any study" if len(rebuilt) == len(studies) else ", ".join(rebuilt)
    return Callout(
        "origin",
        f"No patient of {who} was seen.",
        (
            text(
                "Datasets that agree with what a paper prints were rebuilt, many for each study. The "
                "smallest and the largest value among them are given, the ",
                Run("identified set", "emphasis"), ". It is an inner bound: other datasets that agree "
                "with the paper may lie outside of it. Where a result was itself used for the "
                "rebuilding, it holds by construction and confirms nothing.",
            ),
        ),
    )  # fmt: skip


def _landing_table(given: CombinedInputs, cited: Citations) -> Table:
    rows = []
    for study in given.studies:
        card = study.card
        rows.append(
            (
                Cell(study.protocol.study, link=study.link),
                study.protocol.title + _citation_number(cited, study.protocol.reference),
                ORIGIN_LABELS[study.protocol.source.kind],
                _marked_cell(card["Patients"]),
                Cell(card["Major findings"], tone="bad" if card["Major findings"] != "0" else ""),
                card["Minor findings"],
                card.get("Directions identified", "all"),
            )
        )
    return table(
        "all-studies", "The studies and their state",
        [
            Column("Study"), Column("Title", width=3), Column("Source", width=1),
            Column("Patients", "right"), Column("Major findings", "right"),
            Column("Minor findings", "right"), Column("Directions identified", "right"),
        ],
        rows, stage="report", inputs=("model.json of each study",), origin=_origin(given.studies),
        notes=(
            "Findings: contradictions among the printed figures, from each study's audit. Directions "
            "identified: hazard ratios for which all consistent datasets lie on one side of 1.",
        ),
    )  # fmt: skip


def _marked_cell(words: str) -> Cell:
    """A value of a study's card as a cell: the sign behind it becomes the mark."""
    sign = MARKS["by construction"][0]
    return Cell(words.removesuffix(f" {sign}"), "by construction" if words.endswith(sign) else "")


def _citation_number(cited: Citations, key: str) -> str:
    """The citation as text, for table cells, which hold no runs."""
    runs = cited.cite(key)
    return f" [{cited.number(key)}]" if runs else ""


def _answer(given: CombinedInputs, row: Mapping[str, Any]) -> Block:
    """What the studies say together about one quantity, or why they say nothing."""
    label, reason = text_of(row["label"]) or text_of(row["quantity"]), text_of(row["reason"])
    if text_of(row["pooled"]) != "yes":
        return paragraph(Run(label, "strong"), f" was not pooled. {capital(sentence(reason))}")
    words = f" over {text_of(row['studies']).replace('; ', ', ')}: {_pooled_words(given, row)}."
    return paragraph(Run(f"{label}, pooled", "strong"), words)


def _pooled_words(given: CombinedInputs, row: Mapping[str, Any]) -> str:
    scale = _scale(given, text_of(row["quantity"]))
    inner = number_of(row["identified_lower"]), number_of(row["identified_upper"])
    if not any(map(isnan, inner)):
        words = _range(scale, *inner)
        outer = number_of(row["outer_lower"]), number_of(row["outer_upper"])
        if not any(map(isnan, outer)):
            words += f" (with sampling uncertainty {_range(scale, *outer)})"
        return words
    if _is_rebuilt(given, row):
        return NO_SET
    words = f"{_number(scale, number_of(row['value']))} ({_range(scale, number_of(row['lower']), number_of(row['upper']))})"
    future = number_of(row["prediction_lower"]), number_of(row["prediction_upper"])
    if not any(map(isnan, future)):
        words += f"; prediction interval {_range(scale, *future)}"
    return words


def _is_rebuilt(given: CombinedInputs, row: Mapping[str, Any]) -> bool:
    names = text_of(row["studies"]).split("; ")
    return any(study.rebuilt for study in given.studies if study.protocol.study in names)


def _scale(given: CombinedInputs, quantity: str) -> str:
    part = given.harmonised[given.harmonised["quantity"] == quantity]
    return Estimand.parse(str(part["estimand"].iloc[0])).kind.scale if len(part) else "fraction"


def _number(scale: str, value: float) -> str:
    return f"{100 * value:.1f}%" if scale == "fraction" else f"{value:.2f}"


def _range(scale: str, lower: float, upper: float) -> str:
    first = _number(scale, lower).removesuffix("%")
    return f"{first}{tables.NBSP}to{tables.NBSP}{_number(scale, upper)}"


# -- the studies -------------------------------------------------------------------------------------


def _findings(given: CombinedInputs) -> Iterable[Block]:
    """The gravest findings of each study, as its own report tells them."""
    for study in given.studies:
        yield paragraph(
            Run(study.protocol.title, "strong"),
            f". {sentence(study.protocol.population)} Time zero: {study.protocol.origin_label}. "
            f"Printed figures: {study.card['Printed figures'] or 'none compared'}. ",
            Run("Report of this study", link=study.link), ".",
        )  # fmt: skip
        grave = [
            block
            for block in study.model["summary"]
            if block["type"] == "callout" and block["severity"] == "major"
        ]
        for block in grave[:_MOST_FINDINGS]:
            yield Callout("finding", block["title"], tuple(map(_line, block["body"][:1])), "major")
        if len(grave) > _MOST_FINDINGS:
            yield paragraph(f"{len(grave) - _MOST_FINDINGS} more are in the study's report.")


def _line(runs: Sequence[Mapping[str, Any]]) -> Text:
    """A line of another report without its citations and references."""
    return tuple(Run(run["text"], run["style"]) for run in runs if run["text"])


def _curves(given: CombinedInputs) -> Iterable[Block]:
    """The whole cohort of each study, first endpoint, on one page."""
    panels, said, made_from = [], [], ["curves.csv of each study"]
    for study in given.studies:
        endpoint = study.protocol.endpoints[0]
        steps = curve_rows(study.curves, endpoint.name)
        band = curve_rows(study.envelopes, endpoint.name)
        if (band if study.rebuilt else steps) is None:
            continue
        curve = Curve(endpoint.label, steps, band)
        panels.append((f"{study.protocol.study}, from {study.protocol.origin_label}", [curve]))
        found = next(
            (b["alt"] for s in study.model["sections"] for b in s["blocks"]
             if b["type"] == "figureblock" and b["id"] == f"survival-{endpoint.name}"), "",
        )  # fmt: skip
        said.append(f"{study.protocol.study}: {found or 'drawn without summary.'}")
    if not panels:
        return
    if any(study.rebuilt for study in given.studies):
        made_from.append("envelopes.csv of each reconstruction")
    drawing = figures.survival_panels(
        panels, endpoint="Survival in each study", finding=" ".join(said)
    )
    yield paragraph(
        "Time begins at a different moment in each study, so the curves are not comparable height for height."
    )
    yield FigureBlock(
        "curves-of-all", drawing.svg, drawing.alt, drawing.caption, "report", tuple(made_from),
        _origin(given.studies),
    )  # fmt: skip


# -- side by side ------------------------------------------------------------------------------------


def _together(given: CombinedInputs) -> Iterable[Block]:
    frame = given.harmonised
    if not len(frame):
        yield paragraph("No quantity was asked of more than one study.")
        return
    for scale, identifier, title in (
        ("fraction", "forest-shares", "Shares and survival"),
        ("ratio", "forest-ratios", "Ratios"),
    ):
        yield from _forest(given, scale, identifier, title)
    rows: dict[str, list[tuple[Cell | str, ...]]] = {}
    for row in frame.to_dict("records"):
        label = text_of(row["label"]) or text_of(row["quantity"])
        rows.setdefault(label, []).append(_harmonised_row(given, row))
    yield table(
        "harmonised", "The same questions to each study",
        [
            Column("Study"), Column("Quantity", width=1.6), Column("Re-analysed", "right"),
            Column("Printed", width=1), Column("Patients", "right"), Column("In whom, from when", width=2),
        ],
        rows, stage="synthesis", inputs=("summary/harmonised.csv",), origin=_origin(given.studies),
        notes=(
            "Re-analysed: an identified set for a reconstruction, an estimate with confidence limits "
            "for a registry.",
            SAMPLED,
        ),
    )  # fmt: skip
    if len(given.pooled):
        yield table(
            "pooled", "Pooled results, and why others were not pooled",
            [
                Column("Quantity", width=1), Column("Studies", "right"), Column("Pooled", width=1.2),
                Column("Reason and method", width=2),
            ],
            [_pooled_row(given, row) for row in given.pooled.to_dict("records")],
            stage="synthesis", inputs=("summary/pooled.csv",), origin=_origin(given.studies),
        )  # fmt: skip


def _harmonised_row(given: CombinedInputs, row: Mapping[str, Any]) -> tuple[Cell | str, ...]:
    protocol = given.protocol(text_of(row["study"]))
    estimand = Estimand.parse(str(row["estimand"]))
    where = f"{text_of(row['population'])}; from {text_of(row['time_origin'])}"
    note = text_of(row.get("note"))
    # How many patients of one rebuilt dataset a result rests on is itself no identified number.
    n = float("nan") if text_of(row["origin"]) == "reconstruction" else number_of(row["n"])
    return (
        protocol.study,
        capital(tables.describe(estimand, protocol)),
        _result(estimand, row, protocol),
        text_of(row["printed"]),
        "" if isnan(n) else f"{n:,.0f}",
        f"{where}; {note}" if note else where,
    )


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
    extra = ""
    if pooled and not _is_rebuilt(given, row) and not isnan(number_of(row["i2"])):
        extra = f"I² {100 * number_of(row['i2']):.0f}%, tau² {number_of(row['tau2']):.3g}. "
    why = sentence(capital(text_of(row["reason"])))
    how = sentence(capital(text_of(row["method"]))) if pooled else ""
    return (
        label,
        "" if isnan(k) else f"{k:.0f}",
        _pooled_words(given, row) if pooled else Cell("not pooled", tone="muted"),
        " ".join(filter(None, (extra + why, how))),
    )


def _forest(given: CombinedInputs, scale: str, identifier: str, title: str) -> Iterable[Block]:
    groups, said = [], []
    pooled = records_by(given.pooled, "quantity") if len(given.pooled) else {}
    for quantity, part in given.harmonised.groupby("quantity", sort=False):
        if _scale(given, str(quantity)) != scale:
            continue
        rows = [r for row in part.to_dict("records") if (r := _forest_row(given, row))]
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
    yield FigureBlock(
        identifier, drawing.svg, drawing.alt, drawing.caption, "synthesis",
        ("summary/harmonised.csv", "summary/pooled.csv"), _origin(given.studies),
    )  # fmt: skip


def _forest_row(given: CombinedInputs, row: Mapping[str, Any]) -> Interval | None:
    protocol = given.protocol(text_of(row["study"]))
    words = _result(Estimand.parse(str(row["estimand"])), row, protocol).text
    if text_of(row["origin"]) == "reconstruction":
        ends = number_of(row["identified_lower"]), number_of(row["identified_upper"])
        if all(map(isnan, ends)):
            return None
        return Interval(protocol.study, *ends, "set", note=words)
    value = number_of(row["value"])
    if isnan(value):
        return None
    ends = number_of(row["lower"]), number_of(row["upper"])
    return Interval(protocol.study, *ends, "estimate", value, words)


def _pooled_interval(given: CombinedInputs, row: Mapping[str, Any]) -> Interval:
    words = _pooled_words(given, row).split(" (")[0]
    inner = number_of(row["identified_lower"]), number_of(row["identified_upper"])
    if not any(map(isnan, inner)):
        outer = number_of(row["outer_lower"]), number_of(row["outer_upper"])
        return Interval("Pooled", *inner, "set", note=words, wide=outer)
    ends = number_of(row["lower"]), number_of(row["upper"])
    future = number_of(row["prediction_lower"]), number_of(row["prediction_upper"])
    return Interval("Pooled", *ends, "pooled", number_of(row["value"]), words, wide=future)


# -- methods -----------------------------------------------------------------------------------------


def _methods(given: CombinedInputs, cited: Citations) -> Iterable[Block]:
    yield paragraph(
        "Each study was analysed by its own protocol; see the methods of its report. Results were "
        "pooled only where the studies measure the same quantity, by a random-effects mean",
        *cited.cite(*_POOLING),
        ". A reconstructed study enters with each end of its identified set; the pooled identified set "
        "spans the results.",
    )
    yield paragraph(
        f"{counted(len(given.studies), 'study', 'studies')}. The same inputs, settings and software "
        "give the same bytes of this report."
    )
    body = {h: list(items.items()) for h, items in given.provenance.items() if items}
    if body:
        yield table(
            "what-made-this", "What made this report",
            [Column("Item", width=1), Column("Value", width=2)], body, stage="report",
        )  # fmt: skip
