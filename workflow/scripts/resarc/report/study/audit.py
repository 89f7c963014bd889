"""All checks of the printed figures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from resarc import tables
from resarc.published import Published
from resarc.report.citations import Citations
from resarc.report.model import (
    Block,
    Cell,
    Column,
    paragraph,
    table,
)
from resarc.report.results import (
    Results,
    sentence,
    text_of,
)
from resarc.report.study.inputs import StudyInputs
from resarc.report.study.words import (
    TONES,
    finding_title,
    heading,
    number_text,
)

SEVERITIES = ("major", "minor", "note", "none")


def checks(given: StudyInputs, results: Results, cited: Citations) -> Iterable[Block]:
    if not given.repeats_a_paper:
        return
    yield paragraph(
        "Each check compares printed figures with one another; no patient, seen or rebuilt, enters. "
        "Figures that cannot be true together are reported with the smallest set that conflicts. ",
        given.published.reading,
    )
    if not len(given.audit):
        yield paragraph("No check was made.")
        return
    order = {name: i for i, name in enumerate(SEVERITIES)}
    rows = sorted(
        given.audit.to_dict("records"), key=lambda row: order.get(text_of(row["severity"]), 9)
    )
    yield table(
        "audit-all", "All checks of the printed figures, gravest first",
        [
            Column("Check", width=1.6), Column("Verdict", chosen=True), Column("Weight", chosen=True), Column("Printed", width=1.2),
            Column("Recomputed", width=1.2), Column("Evidence", width=2.6),
        ],
        [
            (
                finding_title(row),
                Cell(text_of(row["verdict"]), tone=TONES.get(text_of(row["verdict"]), "")),
                Cell(text_of(row["severity"]), tone=TONES.get(text_of(row["severity"]), "")),
                text_of(row["printed"]), text_of(row["recomputed"]),
                " ".join(
                    filter(None, (text_of(row["evidence"]), _explained(row), _sources(given.published, row)))
                ),
            )
            for row in rows
        ],
        stage="audit", inputs=("audit.csv",), origin="paper", folded=True,
    )  # fmt: skip
    if given.hypotheses is not None and len(given.hypotheses):
        names = list(given.hypotheses.columns)
        yield from _conflicts(given)
        yield table(
            "hypotheses", "Meanings of the printed figures that were tried",
            [Column(heading(name), width=2 if name == "evidence" else 0.8) for name in names],
            [[number_text(row[name]) for name in names] for row in given.hypotheses.to_dict("records")],
            stage="reconstruct", inputs=("reconstruction/hypotheses.csv",), origin="paper",
        )  # fmt: skip


def conflicts_beyond_the_audit(given: StudyInputs) -> list[dict[str, object]]:
    """Proved conflicts of printed figures that no check of the audit has reported as such."""
    known = [
        _figures(row)
        for row in given.audit.to_dict("records")
        if text_of(row["verdict"]) in ("inconsistent", "explained")
    ]
    return [
        row
        for row in ([] if given.conflicts is None else given.conflicts.to_dict("records"))
        if bool(row["finding"])
        and text_of(row["status"]) == "proved"
        and not any(_figures(row) <= figures or figures <= _figures(row) for figures in known)
    ]


def in_words(given: StudyInputs, row: Mapping[str, object]) -> str:
    """The figures of a conflict, each quantity once: what it is and how it is printed."""
    estimands = {figure.id: figure.estimand for figure in given.published.figures}
    found: dict[str, dict[str, None]] = {}
    for name, printed in zip(
        text_of(row["figures"]).split("; "), text_of(row["printed"]).split("; "), strict=False
    ):
        estimand = estimands.get(name)
        if estimand is None:
            found.setdefault(printed, {})
            continue
        label = tables.describe(estimand, given.protocol)
        found.setdefault(label, {})[printed.removeprefix(str(estimand)).strip()] = None
    return "; ".join(
        f"{label}: {', '.join(values)}" if values else label for label, values in found.items()
    )


def _figures(row: Mapping[str, object]) -> set[str]:
    return {name.strip() for name in text_of(row["figures"]).split(";")}


def _conflicts(given: StudyInputs) -> Iterable[Block]:
    """The figures that cannot hold together, each with its proof."""
    if given.conflicts is None:
        return
    rows = [row for row in given.conflicts.to_dict("records") if bool(row["finding"])]
    if not rows:
        return
    yield table(
        "conflicts", "Printed figures that cannot hold together",
        [
            Column("Printed", width=2), Column("Read as"), Column("Status", chosen=True),
            Column("Proof, or how near the search came", width=2.6), Column("Set aside"),
        ],
        [
            (
                in_words(given, row),
                text_of(row["hypothesis"]),
                text_of(row["status"]),
                " ".join(filter(None, (text_of(row["proof"]), _checked_again(row), _sources(given.published, row)))),
                text_of(row["set_aside"]),
            )
            for row in rows
        ],
        stage="reconstruct", inputs=("reconstruction/conflicts.csv",), origin="paper",
        notes=(
            "Proved: no dataset holds all of the figures together, as a second routine confirmed; without any one of them some "
            "dataset does. Not found: a search failed, which proves nothing. The datasets are built on the figures that were not set aside.",
        ),
    )  # fmt: skip


def _checked_again(row: Mapping[str, object]) -> str:
    how = text_of(row["rechecked"])
    return f"Checked again by: {how}." if how else ""


def _explained(row: Mapping[str, object]) -> str:
    words = text_of(row.get("hypothesis"))
    said = words.rstrip(".") in text_of(row["evidence"])
    return f"Explained by: {sentence(words)}" if words and not said else ""


def _sources(published: Published, row: Mapping[str, object]) -> str:
    """Where the figures of a check stand in the paper."""
    ids = [name.strip() for name in text_of(row["figures"]).split(";")]
    places = dict.fromkeys(f.locator for f in published.figures if f.id in ids)
    return f"({'; '.join(list(places)[:4])}{'; …' if len(places) > 4 else ''})" if places else ""
