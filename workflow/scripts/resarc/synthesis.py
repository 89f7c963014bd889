"""The studies side by side, and pooled where they measure the same thing.

Which estimand of which study answers a question, and whether the answers may be pooled, is data:
`config/synthesis.yaml`. A pooled value is a random-effects mean: Paule-Mandel between-study
variance, interval of Hartung, Knapp, Sidik and Jonkman with k - 1 degrees of freedom and never
narrower than the classical standard error makes it, prediction interval with k - 2. A reconstructed study enters with what its consistent datasets allow: pooling
is repeated with each end of its identified set.

Sources: Paule & Mandel, J Res Natl Bur Stand 1982;87:377; Hartung & Knapp, Stat Med 2001;20:3875;
Sidik & Jonkman, Stat Med 2002;21:3153; Knapp & Hartung, Stat Med 2003;22:2693 and Röver, Knapp &
Friede, BMC Med Res Methodol 2015;15:99 (few studies: not below the classical error); Higgins, Thompson & Spiegelhalter, JRSS A 2009;172:137
(prediction); Higgins & Thompson, Stat Med 2002;21:1539 (I2 = (Q - df) / Q).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import exp, inf, isfinite, log, nan, sqrt
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from pydantic import Field, model_validator

from resarc.configuration import EstimandText, Model, read_model
from resarc.errors import ConfigurationError
from resarc.estimand import Estimand
from resarc.output import significant
from resarc.protocol import Name, Protocol

HARMONISED = (
    "quantity",
    "label",
    "study",
    "estimand",
    "value",
    "lower",
    "upper",
    "confidence",
    "identified_lower",
    "identified_upper",
    "printed",
    "origin",
    "time_origin",
    "population",
    "n",
    "events",
    "note",
)
POOLED = (
    "quantity",
    "label",
    "k",
    "studies",
    "value",
    "lower",
    "upper",
    "identified_lower",
    "identified_upper",
    "outer_lower",
    "outer_upper",
    "prediction_lower",
    "prediction_upper",
    "tau2",
    "i2",
    "method",
    "pooled",
    "reason",
)
METHOD = (
    "random effects on the {scale} scale: Paule-Mandel variance, Hartung-Knapp-Sidik-Jonkman "
    "interval (t, k - 1; standard error at least the classical one), prediction interval (t, k - 2)"
)
MOST_CORNERS = 10
"""Reconstructed studies whose ends are combined in every way; of more, all low and all high."""

Scale = Literal["logit", "log"]


# -- the questions -------------------------------------------------------------------------------


class Answer(Model):
    """One study's estimand, and what is particular about it."""

    study: Name
    estimand: EstimandText
    population: str = ""
    """In whom, if not in all patients of the study's protocol."""
    note: str = ""


class Question(Model):
    """One quantity that several studies may tell of."""

    id: Name
    label: str
    scale: Scale
    pool: bool
    reason: str = Field(min_length=1)
    """Why the answers may be pooled, or why not."""
    answers: tuple[Answer, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _same_kind(self) -> Question:
        studies = [answer.study for answer in self.answers]
        for study in studies:
            if studies.count(study) > 1:
                raise ValueError(f"question {self.id!r}: {study!r} answers twice; once each")
        for answer in self.answers:
            wanted = {"logit": "fraction", "log": "ratio"}[self.scale]
            if answer.estimand.kind.scale != wanted:
                raise ValueError(
                    f"question {self.id!r}: {answer.estimand} is no {wanted}, which the scale "
                    f"{self.scale!r} needs"
                )
        return self


class Questions(Model):
    """`config/synthesis.yaml`."""

    questions: tuple[Question, ...] = ()

    @model_validator(mode="after")
    def _each_once(self) -> Questions:
        ids = [question.id for question in self.questions]
        for name in ids:
            if ids.count(name) > 1:
                raise ValueError(f"question {name!r} stands twice")
        return self

    def estimands(self, study: str) -> list[Estimand]:
        """What the questions ask of a study, each once."""
        asked = [a.estimand for q in self.questions for a in q.answers if a.study == study]
        return list({str(estimand): estimand for estimand in asked}.values())


def load(path: Path) -> Questions:
    """Read `config/synthesis.yaml`; `ConfigurationError` names file, key, found, expected."""
    return read_model(path, Questions)


@dataclass(frozen=True)
class StudyResults:
    """What the synthesis needs of one study: frames as the stages write them."""

    protocol: Protocol
    estimates: pd.DataFrame
    identified: pd.DataFrame | None = None
    comparison: pd.DataFrame | None = None

    @property
    def study(self) -> str:
        return self.protocol.study


# -- side by side --------------------------------------------------------------------------------


def harmonise(studies: Sequence[StudyResults], questions: Questions) -> pd.DataFrame:
    """One row for each question and study that answers it, columns `HARMONISED`.

    Answers of studies that are not among `studies` are left out. Values are canonical (shares as
    fractions of 1). `ConfigurationError` if a question asks a study for what it cannot have.
    """
    known = {given.study: given for given in studies}
    rows = []
    for question in questions.questions:
        for answer in question.answers:
            if answer.study in known:
                rows.append(_answer_row(question, answer, known[answer.study]))
    table = pd.DataFrame(rows, columns=list(HARMONISED))
    numbers = ["value", "lower", "upper", "confidence", "identified_lower", "identified_upper"]
    types = dict.fromkeys(numbers, float) | {"n": "Int64", "events": "Int64"}
    return significant(table.astype(types))


def _answer_row(question: Question, answer: Answer, given: StudyResults) -> dict[str, Any]:
    protocol, key = given.protocol, str(answer.estimand)
    fault = protocol.explain_fault(answer.estimand)
    if fault:
        raise ConfigurationError(
            f"config/synthesis.yaml, question {question.id!r}, study {answer.study!r}",
            fault,
            "an estimand that the study's protocol can have",
        )
    found = _row_of(given.estimates, key)
    known = _row_of(given.identified, key)
    note = answer.note or _text(found.get("note"))
    if not found:
        note = f"{note}; not estimated".removeprefix("; ")
    return {
        "quantity": question.id,
        "label": question.label,
        "study": answer.study,
        "estimand": key,
        **{end: _number(found, end) for end in ("value", "lower", "upper")},
        "confidence": protocol.conventions.level,
        **{f"identified_{end}": _number(known, end) for end in ("lower", "upper")},
        "printed": _printed(given.comparison, key),
        "origin": protocol.source.kind,
        "time_origin": protocol.origin_label,
        "population": answer.population or protocol.population,
        "n": _count(found, "n"),
        "events": _count(found, "events"),
        "note": note,
    }


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
        unit = _text(row.get("unit"))
        form = _text(row["printed"]) + (unit if unit in ("", "%") else f" {unit}")
        reading = _text(row.get("read_as"))
        said = [_text(row.get("verdict")), f"read as {reading}" if reading else ""]
        said = [words for words in said if words]
        forms[form] = f"{form} ({', '.join(said)})" if said else form
    return "; ".join(forms.values())


# -- pooled --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class RandomEffects:
    """A random-effects mean of k effects on the scale of analysis; NaN where k is too small."""

    mean: float
    se: float
    lower: float
    upper: float
    prediction_lower: float
    prediction_upper: float
    tau2: float
    i2: float


def random_effects(
    effects: Iterable[float], variances: Iterable[float], level: float = 0.95
) -> RandomEffects:
    """Random-effects mean of at least two independent effects with known variances.

    The prediction interval, mean ± t(k - 2) √(τ² + se²), needs three effects. I² is (Q - df) / Q
    and at least 0. Held to R's metafor by tests/synthesis.
    """
    from scipy.special import stdtrit

    y, v = np.array(list(effects), dtype=float), np.array(list(variances), dtype=float)
    k, tail = len(y), (1 + level) / 2
    tau2 = _paule_mandel(y, v)
    w = 1 / (v + tau2)
    mean = float(w @ y / w.sum())
    # Two or three studies may agree by chance: without the bound their interval can all but vanish.
    se = sqrt(max(float(w @ (y - mean) ** 2) / (k - 1), 1.0) / float(w.sum()))
    half = float(stdtrit(k - 1, tail)) * se
    ahead = float(stdtrit(k - 2, tail)) * sqrt(tau2 + se**2) if k > 2 else nan
    q = _dispersion(y, v, 0.0)[0]
    i2 = max(0.0, (q - (k - 1)) / q) if q > 0 else 0.0
    return RandomEffects(mean, se, mean - half, mean + half, mean - ahead, mean + ahead, tau2, i2)


def _paule_mandel(y: np.ndarray, v: np.ndarray) -> float:
    """The between-study variance at which the weighted sum of squares is k - 1.

    The sum is convex and falls with the variance, so that Newton's steps from 0 never pass the
    root. statsmodels 0.15 takes these steps too, but where the last one ends a rounding error
    beyond the root it returns 0 (effects -0.2 and 0.9, variances 0.05 and 0.11, atol 1e-8), and its
    default tolerance leaves 1e-8 to 1e-5; it also takes four seconds to import.
    """
    tau2 = 0.0
    for _ in range(200):
        q, slope = _dispersion(y, v, tau2)
        step = (q - (len(y) - 1)) / slope if slope > 0 else 0.0
        if step <= 1e-14 * (tau2 + v.min()):
            break
        tau2 += step
    return tau2


def _dispersion(y: np.ndarray, v: np.ndarray, tau2: float) -> tuple[float, float]:
    """Weighted sum of squares about the weighted mean, and how fast it falls with tau2."""
    w = 1 / (v + tau2)
    squares = (y - w @ y / w.sum()) ** 2
    return float(w @ squares), float(w**2 @ squares)


@dataclass(frozen=True)
class _Transform:
    """To the scale of analysis and back; `proportion_variance` from a share and its patients."""

    to: Callable[[float], float]
    back: Callable[[float], float]
    inside: Callable[[float], bool]


_TRANSFORMS: dict[str, _Transform] = {
    "logit": _Transform(
        lambda p: log(p / (1 - p)), lambda x: 1 / (1 + exp(-x)), lambda p: 0 < p < 1
    ),
    "log": _Transform(log, exp, lambda r: 0 < r < inf),
}


def pool(harmonised: pd.DataFrame, questions: Questions) -> pd.DataFrame:
    """One row for each question that a study answers, columns `POOLED`; `pooled` is yes or no.

    Only questions whose configuration says that pooling is defensible are pooled, over the studies
    with a value and a standard error, if these are two or more. `value` rests on the analysed
    dataset of each study. With reconstructed studies `identified_lower` and `identified_upper` are
    the lowest and highest pooled value over all combinations of the ends of their identified sets,
    `outer_lower` and `outer_upper` the outermost confidence limits; empty if a set is open.
    """
    rows = []
    for question in questions.questions:
        answers = harmonised.loc[harmonised["quantity"] == question.id].to_dict("records")
        if answers:
            rows.append(_pooled_row(question, answers))
    table = pd.DataFrame(rows, columns=list(POOLED))
    words = ("quantity", "label", "studies", "method", "pooled", "reason")
    numbers = [c for c in POOLED if c not in words and c != "k"]
    return significant(table.astype(dict.fromkeys(numbers, float) | {"k": int}))


def _pooled_row(question: Question, answers: list[Mapping[str, Any]]) -> dict[str, Any]:
    transform = _TRANSFORMS[question.scale]
    usable, left_out = [], []
    for answer in answers:
        variance = _variance(answer, float(answer["value"]), transform)
        (usable if isfinite(variance) else left_out).append(answer)
    reasons = [question.reason]
    if left_out and question.pool:
        names = ", ".join(str(answer["study"]) for answer in left_out)
        reasons.append(f"no value with a standard error: {names}")
    row: dict[str, Any] = {"quantity": question.id, "label": question.label, "pooled": "no"}
    if not question.pool or len(usable) < 2:
        if question.pool:
            reasons.append("fewer than two studies can be pooled")
        shown = [str(answer["study"]) for answer in answers]
        return row | {"k": len(shown), "studies": "; ".join(shown), "reason": "; ".join(reasons)}
    level = max(float(answer["confidence"]) for answer in usable)
    centre = _combined([float(a["value"]) for a in usable], usable, transform, level)
    result = {
        "lower": centre.lower,
        "upper": centre.upper,
        "value": centre.mean,
        "prediction_lower": centre.prediction_lower,
        "prediction_upper": centre.prediction_upper,
    }
    if any(answer["origin"] == "reconstruction" for answer in usable):
        corners = _corners(usable, transform, level)
        if corners:
            result["identified_lower"] = min(corner.mean for corner in corners)
            result["identified_upper"] = max(corner.mean for corner in corners)
            result["outer_lower"] = min(corner.lower for corner in corners)
            result["outer_upper"] = max(corner.upper for corner in corners)
        else:
            reasons.append("an identified set is open, so the pooled value has no bounds")
    return (
        row
        | {name: transform.back(x) for name, x in result.items() if isfinite(x)}
        | {
            "k": len(usable),
            "studies": "; ".join(str(answer["study"]) for answer in usable),
            "tau2": centre.tau2,
            "i2": centre.i2,
            "method": METHOD.format(scale=question.scale),
            "pooled": "yes",
            "reason": "; ".join(reasons),
        }
    )


def _variance(answer: Mapping[str, Any], value: float, transform: _Transform) -> float:
    """The variance of a value on the scale of analysis; NaN where it is not known.

    A share of n patients has 1 / (n p (1 - p)). Anything else has the squared half-width of its
    confidence interval on that scale over the normal quantile, at whatever value within it.
    """
    from scipy.special import ndtri

    if not transform.inside(value):
        return nan
    if Estimand.parse(str(answer["estimand"])).statistic == "proportion":
        n = answer["n"]
        return nan if pd.isna(n) or n == 0 else 1 / (float(n) * value * (1 - value))
    lower, upper = float(answer["lower"]), float(answer["upper"])
    if not (transform.inside(lower) and transform.inside(upper) and lower < upper):
        return nan
    width = transform.to(upper) - transform.to(lower)
    return (width / (2 * float(ndtri((1 + float(answer["confidence"])) / 2)))) ** 2


def _combined(
    values: Sequence[float],
    answers: Sequence[Mapping[str, Any]],
    transform: _Transform,
    level: float,
) -> RandomEffects:
    variances = [_variance(a, v, transform) for a, v in zip(answers, values, strict=True)]
    return random_effects([transform.to(v) for v in values], variances, level)


def _corners(
    answers: Sequence[Mapping[str, Any]], transform: _Transform, level: float
) -> list[RandomEffects]:
    """The pooled result at each combination of ends; none if an identified set is open."""
    ends: list[tuple[float, ...]] = []
    for answer in answers:
        if answer["origin"] != "reconstruction":
            ends.append((float(answer["value"]),))
            continue
        both = float(answer["identified_lower"]), float(answer["identified_upper"])
        if not all(transform.inside(end) for end in both):
            return []
        ends.append(tuple(sorted(set(both))))
    if sum(len(pair) > 1 for pair in ends) > MOST_CORNERS:
        chosen = [tuple(pair[0] for pair in ends), tuple(pair[-1] for pair in ends)]
    else:
        chosen = list(product(*ends))
    return [_combined(values, answers, transform, level) for values in chosen]


def _number(row: Mapping[str, Any], key: str) -> float:
    value = row.get(key)
    return nan if value is None or value == "" or pd.isna(value) else float(value)


def _count(row: Mapping[str, Any], key: str) -> int | None:
    value = _number(row, key)
    return int(value) if isfinite(value) else None


def _text(value: Any) -> str:
    return "" if value is None or (not isinstance(value, str) and pd.isna(value)) else str(value)
