"""The opening page, for a tumour board: what the studies say together, how sure one can be, what is
wrong or missing in the printed record, and what a new study should measure.

All of it is counted and put into words from the tables of the synthesis and the studies' own reports;
no sentence here knows what a study found.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import isnan
from typing import Any

from resarc.estimand import Estimand
from resarc.report.citations import Citations
from resarc.report.combined.inputs import CombinedInputs, CombinedStudy, origin_of
from resarc.report.combined.pooled import pooled_words, scale_of
from resarc.report.combined.together import result_cell
from resarc.report.model import (
    MARKS,
    Block,
    Bullets,
    Callout,
    Cell,
    Column,
    Heading,
    Run,
    Table,
    Text,
    paragraph,
    table,
    text,
)
from resarc.report.results import NO_SET, counted, number_of, records_by, sentence, text_of
from resarc.tables import NBSP

_MOST_NAMED = 2
_MOST_QUESTIONS = 3
_ENOUGH = 3
"""Studies from which the differences between studies are worth a sentence on the first page."""
_SIGN = MARKS["by construction"][0]
_ASPECTS = {
    "definition": "with another outcome",
    "time_origin": "from another moment",
    "population": "of other patients",
}


def opening(given: CombinedInputs, cited: Citations) -> Iterable[Block]:
    yield _origin_callout(given.studies)
    yield Heading("What the studies say together")
    if len(given.harmonised):
        yield _answers(given)
    else:
        yield paragraph("No quantity was asked of more than one study.")
    for heading, lines in (
        ("How sure one can be", _certainty(given)),
        ("What is wrong or missing in the printed record", _record(given)),
        ("What a new study should measure", _measure(given)),
    ):
        found = tuple(lines)
        if found:
            yield Heading(heading)
            yield Bullets(found)


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
                "Many datasets that agree with what a paper prints were rebuilt; given are the smallest and "
                "the largest value among them, the ", Run("identified set", "emphasis"),
                ", which may in truth be wider. What bears "
                f"{_SIGN} was used for the rebuilding: it holds by construction and confirms nothing.",
            ),
        ),
    )  # fmt: skip


# -- what the studies say together -----------------------------------------------------------------


def _answers(given: CombinedInputs) -> Table:
    """Each question with the studies' answers, what is pooled, and what is known of the direction."""
    pooled = records_by(given.pooled, "quantity") if len(given.pooled) else {}
    rows = []
    for quantity, part in given.harmonised.groupby("quantity", sort=False):
        answers = part.to_dict("records")
        found = pooled.get(str(quantity), {})
        together = (
            Cell(pooled_words(given, found))
            if text_of(found.get("pooled")) == "yes"
            else Cell("not pooled", tone="muted")
        )
        said = "; ".join(
            f"{text_of(row['study'])} {_marked(result_cell(given, row))}" for row in answers
        )
        rows.append(
            (
                _label(answers[0]),
                said,
                together,
                _direction(answers, scale_of(given, str(quantity))),
            )
        )
    return table(
        "answers", "The questions asked of several studies, and what each answers",
        [
            Column("Question", width=3), Column("Each study", width=4), Column("Together", width=1),
            Column("What is known", width=0.8),
        ],
        rows, stage="synthesis", inputs=("summary/harmonised.csv", "summary/pooled.csv"),
        origin=origin_of(given.studies),
        notes=(
            "Each study: identified set of a reconstruction, estimate with confidence limits of a registry; "
            "open if it lies on both sides of 1. "
            f"{_SIGN} By construction: used for the rebuilding, so that it confirms nothing.",
        ),
    )  # fmt: skip


def _label(row: Mapping[str, Any]) -> str:
    return text_of(row["label"]) or text_of(row["quantity"])


def _marked(cell: Cell) -> str:
    return f"{cell.text}{NBSP}{_SIGN}" if cell.mark == "by construction" else cell.text


def _direction(answers: Sequence[Mapping[str, Any]], scale: str) -> str:
    """Of ratios, in how many studies all that is allowed lies on one side of 1; of shares, how wide the
    ranges are."""
    ranges = [found for row in answers if (found := _range(row))]
    if not ranges:
        return NO_SET
    if scale == "ratio":
        above = sum(lower > 1 for lower, _ in ranges)
        below = sum(upper < 1 for _, upper in ranges)
        counts = {"above 1": above, "below 1": below, "open": len(ranges) - above - below}
        return ", ".join(f"{words} in {n}" for words, n in counts.items() if n)
    if scale == "fraction":
        ends = [f"{100 * f(upper - lower for lower, upper in ranges):.0f}" for f in (min, max)]
        return f"{' to '.join(dict.fromkeys(ends))} points wide"
    return ""


def _range(row: Mapping[str, Any]) -> tuple[float, float] | None:
    """What an answer allows: the identified set, or the confidence interval of a registry."""
    rebuilt = text_of(row["origin"]) == "reconstruction"
    names = ("identified_lower", "identified_upper") if rebuilt else ("lower", "upper")
    lower, upper = (number_of(row[name]) for name in names)
    return None if isnan(lower) or isnan(upper) else (lower, upper)


# -- how sure one can be ---------------------------------------------------------------------------


def _certainty(given: CombinedInputs) -> Iterator[Text]:
    answers = given.harmonised.to_dict("records")
    rebuilt = [row for row in answers if text_of(row["origin"]) == "reconstruction"]
    if rebuilt:
        held = sum(result_cell(given, row).mark == "by construction" for row in rebuilt)
        yield text(
            f"{len(rebuilt)} of {counted(len(answers), 'answer')} come from rebuilt datasets; {held} of "
            f"these were given to the rebuilding ({_SIGN}) and say what the papers print, no more."
        )
    known, asked = 0, 0
    for study in given.studies:
        if study.rebuilt and " of " in (words := study.card.get("Directions identified", "")):
            one, all_ = words.split(" of ")
            known, asked = known + int(one), asked + int(all_)
    if asked:
        yield text(
            f"Of {counted(asked, 'hazard ratio')} in the rebuilt studies, the direction of {known} is the "
            f"same in every dataset that was built; the printed figures leave {asked - known} open."
        )
    pooled = [row for row in given.pooled.to_dict("records") if text_of(row["pooled"]) == "yes"]
    if len(given.pooled):
        yield text(
            f"{len(pooled)} of {counted(len(given.pooled), 'question')} could be pooled; the others are of "
            "different patients, moments or outcomes, or of one study. See ", Run(ref="pooled"), ".",
        )  # fmt: skip
    for row in pooled[:_MOST_NAMED]:
        words = text_of(row.get("heterogeneity"))
        if words and number_of(row["k"]) >= _ENOUGH:
            yield text(Run(_label(row), "strong"), f": {sentence(words.split('. ')[0])}")


# -- what is wrong or missing in the printed record ------------------------------------------------


def _record(given: CombinedInputs) -> Iterator[Text]:
    for study in given.studies:
        found = _findings(study)
        if not found:
            continue
        major = [title for title, weight in found if weight == "major"]
        minor = [title for title, weight in found if weight == "minor"]
        named = (major or minor)[:_MOST_NAMED]
        more = len(major) + len(minor) - len(named)
        yield text(
            Run(study.protocol.study, "strong"),
            f" ({counted(len(major), 'major finding')}, {len(minor)} minor): ",
            " ".join(sentence(title) for title in named),
            f" {more} more in " if more else " See ", Run("its report", link=study.link), ".",
        )  # fmt: skip
    answers = given.harmonised.to_dict("records")
    silent = [row for row in answers if not text_of(row["printed"])]
    if answers and silent:
        ratios = sum(Estimand.parse(str(row["estimand"])).kind.scale == "ratio" for row in silent)
        yield text(
            f"Of {counted(len(answers), 'answer')} above, {len(silent)} "
            f"{'is' if len(silent) == 1 else 'are'} printed in no paper, {ratios} of them ratios."
        )


def _findings(study: CombinedStudy) -> list[tuple[str, str]]:
    """Title and weight of each grave check in the audit of a study's own report."""
    blocks = (block for section in study.model["sections"] for block in section["blocks"])
    audit = next((b for b in blocks if b["type"] == "table" and b["id"] == "audit-all"), None)
    if audit is None:
        return []
    weight = [column["header"] for column in audit["columns"]].index("Weight")
    rows = (row for group in audit["groups"] for row in group["rows"])
    return [
        (row[0]["text"], row[weight]["text"])
        for row in rows
        if row[weight]["text"] in ("major", "minor")
    ]


# -- what a new study should measure ---------------------------------------------------------------


def _measure(given: CombinedInputs) -> Iterator[Text]:
    """For each question that could not be pooled, what was asked and where the studies departed from
    it; and the ratios whose direction stays open."""
    pooled = records_by(given.pooled, "quantity") if len(given.pooled) else {}
    alike: dict[tuple[str, str], list[str]] = {}
    for quantity, part in given.harmonised.groupby("quantity", sort=False):
        if text_of(pooled.get(str(quantity), {}).get("pooled")) == "yes":
            continue
        answers = part.to_dict("records")
        asked = text_of(answers[0].get("asked"))
        if asked:
            alike.setdefault((asked, _departed(answers)), []).append(_label(answers[0]))
    groups = list(alike.items())
    for (asked, departed), labels in groups[:_MOST_QUESTIONS]:
        yield text(Run("; ".join(labels), "strong"), f": {sentence(asked)} {departed}".rstrip())
    rest = [label for _, labels in groups[_MOST_QUESTIONS:] for label in labels]
    if rest:
        yield text(
            f"What to measure for {counted(len(rest), 'more question')} stands in ", Run(ref="harmonised"), ".",
        )  # fmt: skip
    open_ = list(dict.fromkeys(
        _label(row)
        for row in given.harmonised.to_dict("records")
        if Estimand.parse(str(row["estimand"])).kind.scale == "ratio"
        and (found := _range(row))
        and found[0] <= 1 <= found[1]
    ))  # fmt: skip
    if open_:
        yield text(
            "The ratio itself with its confidence limits, and the numbers at risk, where a direction is "
            f"open: {_within('; '.join(open_))}."
        )


def _within(words: str) -> str:
    """Labels within a sentence."""
    return words[:1].lower() + words[1:]


def _departed(answers: Sequence[Mapping[str, Any]]) -> str:
    """In what the answers are of another quantity than the one asked for."""
    counts: Counter[str] = Counter()
    for row in answers:
        counts.update(
            name
            for aspect, name in _ASPECTS.items()
            if text_of(row.get(f"{aspect}_match")) == "differs"
        )
    if not counts:
        return (
            f"Answered by {counted(len(answers), 'study', 'studies')} only."
            if len(answers) < 2
            else ""
        )
    words = ", ".join(f"{n} {name}" for name, n in counts.items())
    return f"Of {counted(len(answers), 'study', 'studies')}, {words}."
