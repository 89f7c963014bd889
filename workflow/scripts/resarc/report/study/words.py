"""Words and looks that several sections of a study's report share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from resarc import tables
from resarc.estimand import Estimand
from resarc.protocol import Protocol
from resarc.published import Figure, Published
from resarc.report.analyses import origin
from resarc.report.figures import Drawing
from resarc.report.model import (
    FigureBlock,
    Tone,
)
from resarc.report.results import (
    Results,
    capital,
    text_of,
)
from resarc.report.study.inputs import StudyInputs

TONES: dict[str, Tone] = {
    "major": "bad",
    "minor": "warning",
    "note": "",
    "none": "muted",
    "inconsistent": "bad",
    "explained": "warning",
    "not checkable": "muted",
    "reproduced": "good",
    "differs": "bad",
    "by construction": "muted",
    "set aside": "warning",
    "within identified set": "good",
    "outside identified set": "bad",
    "not computed": "muted",
}
VERDICTS = {
    "registry": ("reproduced", "differs", "not computed"),
    "reconstruction": (
        "by construction",
        "set aside",
        "within identified set",
        "outside identified set",
        "not computed",
    ),
}


def verdict_counts(given: StudyInputs) -> str:
    counts = given.comparison["verdict"].map(text_of).value_counts()
    kinds = VERDICTS[given.protocol.source.kind]
    return ", ".join(f"{v} {counts[v]}" for v in kinds if v in counts)


def ratio_label(protocol: Protocol, estimand: Estimand) -> str:
    if estimand.contrast:
        one, other = (protocol.level_label(estimand.by, level) for level in estimand.contrast)
        words = f"{protocol.label(estimand.by)}: {one} against {other}"
    else:
        words = f"{protocol.label(estimand.by)}, per unit"
    for condition in estimand.where:
        words += f"; {tables.describe_condition(condition, protocol)}"
    return words + ("; adjusted" if estimand.adjusted_for else "")


def finding_title(row: Mapping[str, object]) -> str:
    return text_of(row.get("title")) or capital(text_of(row["check"]).replace("_", " "))


def figure_of(published: Published, row: Mapping[str, object]) -> Figure | None:
    name = text_of(row["figure"])
    return next((figure for figure in published.figures if figure.id == name), None)


def figure_block(
    identifier: str, drawing: Drawing, stage: str, made_from: Sequence[str], results: Results
) -> FigureBlock:
    return drawing.block(identifier, stage, made_from, origin(results))


def slug(*parts: str) -> str:
    return "-".join(part.replace("_", "-") for part in parts if part)


def heading(name: str) -> str:
    return capital(name.replace("_", " "))


def number_text(value: object) -> str:
    """A cell of a results file for people: whole numbers without decimals."""
    if isinstance(value, float) and value.is_integer():
        return f"{value:.0f}"
    return text_of(value)
