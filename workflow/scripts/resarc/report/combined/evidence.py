"""What has been published, and how the re-analysed studies compare with what is reported."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import isnan
from typing import Any

import pandas as pd

from resarc import tables
from resarc.estimand import Estimand
from resarc.report import figures
from resarc.report.citations import Citations
from resarc.report.combined.inputs import CombinedInputs, origin_of
from resarc.report.combined.together import result_interval
from resarc.report.evidence_map import Sign, evidence_map
from resarc.report.figures import Interval
from resarc.report.model import Block, Cell, Column, Run, paragraph, table
from resarc.report.results import SAMPLED, capital, counted, number_of, sentence, text_of

_SITES = {
    "lung": "Lung",
    "liver": "Liver",
    "other": "Other site",
    "none": "No metastases",
    "not said": "Site not said",
}
_TREATMENTS = {
    "surgery": "Surgery",
    "radiotherapy": "Radiotherapy",
    "ablation": "Ablation",
    "chemotherapy": "Chemotherapy",
    "combination": "Combination",
    "not said": "Not said",
}
_FACTS = ("treatment", "site", "disease", "design", "size", "period", "reports")


def evidence(given: CombinedInputs, cited: Citations) -> Iterable[Block]:
    """The map, the works in it, and reported survival beside the re-analysed one."""
    if given.works is not None and given.evidence_map is not None and len(given.works):
        yield from _map(given, given.works, given.evidence_map, cited)
    if given.reported is not None:
        for _, part in given.reported.groupby("quantity", sort=False):
            yield from _reported(given, part, cited)


# -- the map -----------------------------------------------------------------------------------------


def _map(
    given: CombinedInputs, works: pd.DataFrame, cells: pd.DataFrame, cited: Citations
) -> Iterable[Block]:
    rows = works.to_dict("records")
    for row in rows:
        cited.cite(text_of(row["reference"]))
    number = {text_of(row["reference"]): cited.number(text_of(row["reference"])) for row in rows}
    studied = sum(text_of(row["reanalysed"]) == "yes" for row in rows)
    silent = sum(not text_of(row["size"]) for row in rows)
    yield paragraph(
        f"{counted(len(rows), 'work', 'works')}: the references of an overview of the local treatment of "
        "metastatic soft tissue sarcoma",
        *cited.cite("raut2017"),
        f", and the {counted(studied, 'study', 'studies')} re-analysed here. Of the references only the "
        "titles are known here, so the map shows what a title says and leaves open what it does not: the "
        f"number of patients of {silent} works is not known, and a work that is not in a cell may still "
        "tell of it.",
    )
    signs = {
        text_of(row["reference"]): Sign(
            str(number[text_of(row["reference"])]),
            int(row["size"]) if text_of(row["size_of"]) == "patients" else None,
            text_of(row["reanalysed"]) == "yes",
        )
        for row in rows
    }
    placed, said, empty = {}, [], []
    for cell in cells.to_dict("records"):
        key = text_of(cell["site"]), text_of(cell["treatment"])
        names = [name for name in text_of(cell["references"]).split("; ") if name]
        placed[key] = [signs[name] for name in names]
        words = f"{_SITES[key[0]].lower()}, {_TREATMENTS[key[1]].lower()}"
        if names:
            said.append(f"{words}: {', '.join(str(number[name]) for name in names)}")
        elif "not said" not in key and key[0] != "none":
            empty.append(words)
    finding = (
        f"Works by site of metastases and treatment, by their number in the references. "
        f"{'; '.join(said)}."
    )
    if empty:
        finding += f" No title tells of: {'; '.join(empty)}."
    drawing = evidence_map(
        list(_SITES.items()), list(_TREATMENTS.items()), placed, finding=finding,
        caption="Evidence map. Rows: where the metastases are. Columns: treatment; several treatments "
        "in one work are a combination. A sign is a work with its number in the references; blue "
        "squares are re-analysed here. The area of a sign grows with the number of patients; small and "
        "dashed: the number is not known. A work about two sites stands at both.",
    )  # fmt: skip
    made_from = ("summary/evidence_map.csv", "summary/evidence.csv")
    yield drawing.block("evidence-map", "synthesis", made_from, "paper")
    yield table(
        "evidence", "The works, and what our sources say of them",
        [
            Column("Work", width=1.3), Column("Year", "right"), Column("Treatment", width=1),
            Column("Site", width=0.7), Column("Disease", width=1.2), Column("Design", width=1),
            Column("Size", "right", width=0.9), Column("Period", width=0.9),
            Column("Reports", width=1.3),
        ],
        [_work_row(given, row, number) for row in rows],
        stage="synthesis", inputs=("summary/evidence.csv",), origin="paper", folded=True,
        notes=(
            "Not said: our sources do not tell. Of each fact, summary/evidence.csv names the words of "
            "the title or the place in the paper. Reports: what a work reports according to these.",
        ),
    )  # fmt: skip


def _work_row(
    given: CombinedInputs, row: Mapping[str, Any], number: Mapping[str, int]
) -> list[Cell]:
    name = text_of(row["reference"])
    reference = given.references[name]
    who = reference.authors[0].rpartition(" ")[0] if reference.authors else name
    facts = {fact: text_of(row[fact]).replace("; ", ", ") for fact in _FACTS}
    if facts["size"]:
        facts["size"] = f"{int(row['size'])} {text_of(row['size_of'])}"
    cells = [Cell(f"{who} [{number[name]}]"), Cell(_whole(row["year"]))]
    note = capital(sentence(text_of(row["note"]))) if text_of(row["note"]) else ""
    for fact in _FACTS:
        words = facts[fact]
        shown = Cell(words) if words else Cell("not said", tone="muted")
        cells.append(shown)
    if note:
        last = cells[-1]
        cells[-1] = Cell(f"{last.text}. {note}", tone=last.tone)
    return cells


def _whole(value: Any) -> str:
    """A year as text; empty if it is not known."""
    return "" if isnan(number_of(value)) else f"{number_of(value):.0f}"


# -- reported and re-analysed ------------------------------------------------------------------------


def _reported(given: CombinedInputs, part: pd.DataFrame, cited: Citations) -> Iterable[Block]:
    rows = part.to_dict("records")
    first = rows[0]
    low, high = number_of(first["reported_lower"]), number_of(first["reported_upper"])
    scale = Estimand.parse(text_of(first["estimand"])).kind.scale
    span = f"{100 * low:g}%{tables.NBSP}to{tables.NBSP}{100 * high:g}%"
    if scale != "fraction":
        span = f"{low:g}{tables.NBSP}to{tables.NBSP}{high:g}"
    label, what = text_of(first["label"]), text_of(first["what"])
    lines = [Interval(capital(what), low, high, "range", note=span)]
    said = [f"{capital(what)}: {span}."]
    for row in rows:
        interval = result_interval(given, row, marker=True)
        if interval:
            lines.append(interval)
        said.append(_relation(row, interval))
    yield paragraph(
        Run(label, "strong"),
        f". The literature reports {span} ({what}), as",
        *(cited.cite(text_of(first["reference"])) or (Run(f" {text_of(first['reference'])}"),)),
        f" sums it up ({text_of(first['locator'])}). {' '.join(said[1:])}",
    )
    drawing = figures.forest(
        [("", lines)], axis=label, finding=" ".join(said),
        caption=f"{label}: what the literature reports, and the re-analysed studies. Grey band: the "
        "reported range. Bars: identified sets of reconstructions. Points and lines: registry estimates "
        "with confidence limits. Diamond outlines: the value that the paper prints.",
        note="Re-analysed", percent=scale == "fraction", logarithmic=scale == "ratio",
    )  # fmt: skip
    identifier = f"reported-{text_of(first['quantity']).replace('_', '-')}"
    made_from = ("summary/reported.csv",)
    yield drawing.block(identifier, "synthesis", made_from, origin_of(given.studies))
    if any(text_of(row["origin"]) == "reconstruction" for row in rows):
        yield paragraph(SAMPLED)


def _relation(row: Mapping[str, Any], interval: Interval | None) -> str:
    study = text_of(row["study"])
    if interval is None or not text_of(row["relation"]):
        return f"{study}: no set is known."
    rebuilt = text_of(row["origin"]) == "reconstruction"
    lies = {
        "within": "lies within the reported range",
        "overlaps": "reaches beyond the reported range",
        "outside": "lies outside the reported range",
    }[text_of(row["relation"])]
    held = " by construction" if "(by construction)" in text_of(row["printed"]) else ""
    what = f"the identified set {interval.note}" if rebuilt else interval.note
    words = f"{study}: {what}{held} {lies}"
    departs = text_of(row["departures"])
    if isnan(interval.marker):
        words += "; the paper prints none"
    return f"{words}. {capital(sentence(departs))}" if departs else f"{words}."
