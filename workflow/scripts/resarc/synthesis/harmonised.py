"""The studies side by side: what each one's answer is, of what, and how it departs from the question."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite, nan
from typing import Any

import pandas as pd

from resarc.errors import ConfigurationError
from resarc.estimand import Estimand
from resarc.output import significant
from resarc.protocol import Protocol
from resarc.scales import standard_error
from resarc.synthesis.questions import RESPECTS, Answer, Question, Questions

HARMONISED = (
    "quantity",
    "label",
    "study",
    "estimand",
    "value",
    "lower",
    "upper",
    "confidence",
    "se",
    "identified_lower",
    "identified_upper",
    "se_lower",
    "se_upper",
    "printed",
    "origin",
    "asked",
    "definition",
    "definition_match",
    "time_origin",
    "time_origin_match",
    "population",
    "population_match",
    "departures",
    "poolable",
    "n",
    "events",
    "note",
)
REPORTED = (
    "quantity", "label", "reported_lower", "reported_upper", "reference", "locator", "what", "study",
    "estimand", "value", "lower", "upper", "identified_lower", "identified_upper", "printed",
    "origin", "relation", "departures",
)  # fmt: skip


@dataclass(frozen=True)
class StudyResults:
    """What the synthesis needs of one study: frames as the stages write them. `precision` is of a
    reconstruction: the least and the greatest standard error among its datasets."""

    protocol: Protocol
    estimates: pd.DataFrame
    identified: pd.DataFrame | None = None
    comparison: pd.DataFrame | None = None
    precision: pd.DataFrame | None = None

    @property
    def study(self) -> str:
        return self.protocol.study


def harmonise(studies: Sequence[StudyResults], questions: Questions) -> pd.DataFrame:
    """One row for each question and study that answers it, columns `HARMONISED`.

    Answers of studies that are not among `studies` are left out. Values are canonical (shares as
    fractions of 1); standard errors are on the scale of the question. `ConfigurationError` if a
    question asks a study for what it cannot have.
    """
    known = {given.study: given for given in studies}
    rows = [
        _row(question, answer, known[answer.study])
        for question in questions.questions
        for answer in question.answers
        if answer.study in known
    ]
    table = pd.DataFrame(rows, columns=list(HARMONISED))
    numbers = ["value", "lower", "upper", "confidence", "se", "se_lower", "se_upper"]
    numbers += ["identified_lower", "identified_upper"]
    types = dict.fromkeys(numbers, float) | {"n": "Int64", "events": "Int64"}
    return significant(table.astype(types))


def _row(question: Question, answer: Answer, given: StudyResults) -> dict[str, Any]:
    protocol, key = given.protocol, str(answer.estimand)
    fault = protocol.explain_fault(answer.estimand)
    if fault:
        raise ConfigurationError(
            f"config/synthesis.yaml, question {question.id!r}, study {answer.study!r}",
            fault,
            "an estimand that the study's protocol can have",
        )
    found = _row_of(given.estimates, key)
    known, precise = _row_of(given.identified, key), _row_of(given.precision, key)
    level = protocol.conventions.level
    note = answer.note or text_of(found.get("note"))
    if not found:
        note = f"{note}; not estimated".removeprefix("; ")
    subject = answer.estimand.subject
    value, lower, upper = (_number(found, end) for end in ("value", "lower", "upper"))
    se = standard_error(answer.estimand, value, lower, upper, _number(found, "n"), level)
    return {
        "quantity": question.id,
        "label": question.label,
        "study": answer.study,
        "estimand": key,
        "value": value,
        "lower": lower,
        "upper": upper,
        "confidence": level,
        "se": float(se),
        **{f"identified_{end}": _number(known, end) for end in ("lower", "upper")},
        **{f"se_{end}": _number(precise, f"se_{end}") for end in ("lower", "upper")},
        "printed": _printed(given.comparison, key),
        "origin": protocol.source.kind,
        "asked": _asked(question),
        "definition": _definition(protocol, answer.estimand),
        "time_origin": protocol.counted_from(subject) if subject in protocol.endpoint_names else "",
        "population": answer.population or protocol.population,
        **{f"{respect}_match": answer.match(respect) for respect in RESPECTS},
        "departures": _departures(answer),
        "poolable": "yes" if answer.poolable else "no",
        "n": _count(found, "n"),
        "events": _count(found, "events"),
        "note": note,
    }


def _asked(question: Question) -> str:
    asked = question.asked
    since = f", from {asked.time_origin}" if asked.time_origin else ""
    return f"{asked.definition}{since}; {asked.population}"


def _definition(protocol: Protocol, estimand: Estimand) -> str:
    """What the estimand's value is of: the endpoint as defined, or the variable's levels."""
    if estimand.subject in protocol.endpoint_names:
        return protocol.endpoint(estimand.subject).definition
    label = protocol.label(estimand.subject)
    if estimand.statistic != "proportion":
        return label
    return f"{label}: {protocol.level_label(estimand.subject, str(estimand.argument))}"


def _departures(answer: Answer) -> str:
    """In what the answer departs from the question, and whether that bars pooling."""
    words = [
        f"{respect.replace('_', ' ')} differs: {why}" for respect, why in answer.differs.items()
    ]
    words += [
        f"{respect.replace('_', ' ')} comparable: {why}"
        for respect, why in answer.comparable.items()
    ]
    return "; ".join(words)


def reported(harmonised: pd.DataFrame, questions: Questions) -> pd.DataFrame:
    """The range that the literature reports, beside each study's answer; columns `REPORTED`.

    `relation` says where the study's identified set, or a registry's confidence interval, lies:
    `within`, `overlaps` or `outside` the range; empty where there is neither.
    """
    rows = []
    for question in questions.questions:
        if question.reported is None:
            continue
        span = question.reported
        answers = harmonised.loc[harmonised["quantity"] == question.id]
        for answer in answers.to_dict("records"):
            kept = {key: answer[key] for key in REPORTED if key in answer}
            rows.append(
                kept
                | {"reported_lower": span.lower, "reported_upper": span.upper}
                | {"reference": span.reference, "locator": span.locator, "what": span.what}
                | {"relation": _relation(answer, span.lower, span.upper)}
            )
    table = pd.DataFrame(rows, columns=list(REPORTED))
    numbers = ["reported_lower", "reported_upper", "value", "lower", "upper"]
    numbers += ["identified_lower", "identified_upper"]
    return significant(table.astype(dict.fromkeys(numbers, float)))


def _relation(answer: Mapping[str, Any], lower: float, upper: float) -> str:
    prefix = "identified_" if answer["origin"] == "reconstruction" else ""
    low, high = float(answer[f"{prefix}lower"]), float(answer[f"{prefix}upper"])
    if not (isfinite(low) and isfinite(high)):
        return ""
    if lower <= low and high <= upper:
        return "within"
    return "outside" if high < lower or upper < low else "overlaps"


def _row_of(frame: pd.DataFrame | None, key: str) -> Mapping[str, Any]:
    if frame is None:
        return {}
    found = frame.loc[frame["estimand"] == key]
    return {} if found.empty else found.iloc[0].to_dict()


def _printed(comparison: pd.DataFrame | None, key: str) -> str:
    """Every form in which the paper prints the estimand, with unit, verdict and reading, once."""
    if comparison is None:
        return ""
    forms = {}
    for row in comparison.loc[comparison["estimand"] == key].to_dict("records"):
        unit = text_of(row.get("unit"))
        form = text_of(row["printed"]) + (unit if unit in ("", "%") else f" {unit}")
        reading = text_of(row.get("read_as"))
        said = [text_of(row.get("verdict")), f"read as {reading}" if reading else ""]
        said = [words for words in said if words]
        forms[form] = f"{form} ({', '.join(said)})" if said else form
    return "; ".join(forms.values())


def _number(row: Mapping[str, Any], key: str) -> float:
    value = row.get(key)
    return nan if value is None or value == "" or pd.isna(value) else float(value)


def _count(row: Mapping[str, Any], key: str) -> int | None:
    value = _number(row, key)
    return int(value) if isfinite(value) else None


def text_of(value: Any) -> str:
    return "" if value is None or (not isinstance(value, str) and pd.isna(value)) else str(value)
