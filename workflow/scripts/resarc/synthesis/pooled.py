"""Pooled values: over the studies whose answers are of the same quantity, and without each in turn."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from math import isfinite, nan
from typing import Any

import numpy as np
import pandas as pd

from resarc.estimand import Estimand
from resarc.output import significant
from resarc.scales import Scale, from_scale, to_scale
from resarc.synthesis.bounds import extremes
from resarc.synthesis.effects import RandomEffects, each_random_effects
from resarc.synthesis.harmonised import text_of
from resarc.synthesis.proportions import proportions
from resarc.synthesis.questions import Estimator, Question, Questions
from resarc.synthesis.words import heterogeneity

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
    "outer_prediction_lower",
    "outer_prediction_upper",
    "tau2",
    "tau2_lower",
    "tau2_upper",
    "i2",
    "i2_lower",
    "i2_upper",
    "heterogeneity",
    "origin",
    "method",
    "pooled",
    "reason",
)
LEFT_OUT = (
    "quantity", "label", "left_out", "k", "studies", "value", "lower", "upper", "identified_lower",
    "identified_upper", "outer_lower", "outer_upper", "tau2", "tau2_lower", "tau2_upper", "origin",
)  # fmt: skip
_ENDS = ("value", "lower", "upper", "prediction_lower", "prediction_upper")
_WORDS = (
    "quantity", "label", "studies", "method", "pooled", "reason", "heterogeneity", "origin",
    "left_out",
)  # fmt: skip
_EFFECTS = (
    "random effects on the {scale} scale: {variance} variance, Hartung-Knapp-Sidik-Jonkman interval "
    "(t, k - 1; standard error at least the classical one), prediction interval (t, k - 2)"
)
_VARIANCES: dict[Estimator, str] = {"paule-mandel": "Paule-Mandel", "reml": "REML"}
_PROPORTIONS = (
    "binomial model with a random intercept for each study, maximum likelihood; Wald interval (t, "
    "k - 1) and prediction interval (t, k - 2) on the logit scale"
)


@dataclass(frozen=True)
class _Set:
    """What one study contributes: the range of its value on the scale of analysis and of its
    variance, or for a share the range of its count among `n`. Of a registry the ends are equal."""

    study: str
    rebuilt: bool
    value: float
    variance: float
    lower: float = nan
    upper: float = nan
    variance_lower: float = nan
    variance_upper: float = nan
    n: int = 0


@dataclass(frozen=True)
class _Model:
    """How sets are pooled: `at` the points (N, m) that a search tries, one RandomEffects of arrays."""

    lower: np.ndarray
    upper: np.ndarray
    centre: np.ndarray
    at: Callable[[np.ndarray], RandomEffects]
    method: str
    bounds: dict[str, tuple[float, float]] = field(default_factory=dict)

    def middle(self) -> RandomEffects:
        """At the analysed dataset of each study."""
        found = self.at(self.centre[None])
        return RandomEffects(**{name: float(part[0]) for name, part in vars(found).items()})

    @property
    def is_bounded(self) -> bool:
        """Whether no set is open and the mean is finite where all values are least and greatest."""
        if not np.isfinite(np.r_[self.lower, self.upper]).all():
            return False
        return bool(np.isfinite(self.at(np.stack([self.lower, self.upper])).mean).all())

    def range(self, name: str) -> tuple[float, float]:
        """Least and greatest value of a part of the result over all sets."""
        if name not in self.bounds:
            self.bounds[name] = extremes(
                lambda points: getattr(self.at(points), name), self.lower, self.upper
            )
        return self.bounds[name]


def pool(harmonised: pd.DataFrame, questions: Questions) -> pd.DataFrame:
    """One row for each question that a study answers, columns `POOLED`; `pooled` is yes or no.

    Pooled are the answers that differ from the question in nothing and have a value with a standard
    error, if these are two or more. `value` rests on the analysed dataset of each study. With
    reconstructed studies `identified_lower` and `identified_upper` are the least and the greatest
    pooled value over all values within their identified sets, with every standard error that their
    datasets have; `outer_…` the outermost limits; likewise tau2 and I². Empty if a set is open.
    """
    rows = []
    for question in questions.questions:
        answers = _answers(harmonised, question)
        if answers:
            rows.append(_pooled_row(question, answers, questions.variance))
    return _typed(rows, POOLED)


def leave_one_out(harmonised: pd.DataFrame, questions: Questions) -> pd.DataFrame:
    """Each pooled value again without each study in turn, columns `LEFT_OUT`.

    Without one of two studies, what is left is the other's value with its own normal interval.
    """
    rows = []
    for question in questions.questions:
        sets, _ = _usable(question, _answers(harmonised, question))
        if len(sets) < 2:
            continue
        for left_out in sets:
            kept = [one for one in sets if one is not left_out]
            model = _model(question, kept, harmonised, questions.variance)
            found = _numbers(question.scale, model, kept)
            row = {"quantity": question.id, "label": question.label, "left_out": left_out.study}
            rows.append(
                row
                | {name: x for name, x in found.items() if name in LEFT_OUT}
                | {"k": len(kept), "studies": _names(kept), "origin": _origin(kept)}
            )
    return _typed(rows, LEFT_OUT)


def _typed(rows: list[dict[str, Any]], columns: Sequence[str]) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=list(columns))
    numbers = [c for c in columns if c not in _WORDS and c != "k"]
    return significant(table.astype(dict.fromkeys(numbers, float) | {"k": int}))


def _answers(harmonised: pd.DataFrame, question: Question) -> list[Mapping[str, Any]]:
    return harmonised.loc[harmonised["quantity"] == question.id].to_dict("records")


def _pooled_row(
    question: Question, answers: list[Mapping[str, Any]], estimator: Estimator
) -> dict[str, Any]:
    same = [answer for answer in answers if answer["poolable"] == "yes"]
    sets, without = _usable(question, same)
    reasons = [question.reason.rstrip(".")]
    if len(same) < len(answers):
        names = ", ".join(str(a["study"]) for a in answers if a["poolable"] != "yes")
        reasons.append(f"another quantity: {names}")
    if without:
        reasons.append(f"no value with a standard error: {', '.join(without)}")
    row: dict[str, Any] = {"quantity": question.id, "label": question.label, "pooled": "no"}
    model = _model(question, sets, answers, estimator) if len(sets) > 1 else None
    if model is None or not isfinite(model.middle().mean):
        reasons.append(
            "nobody or everybody is counted, in all studies"
            if model
            else "fewer than two studies can be pooled"
        )
        shown = [str(answer["study"]) for answer in answers]
        return row | {"k": len(shown), "studies": "; ".join(shown), "reason": "; ".join(reasons)}
    found = _numbers(question.scale, model, sets)
    if any(one.rebuilt for one in sets) and "identified_lower" not in found:
        reasons.append("an identified set is open, so the pooled value has no bounds")
    return (
        row
        | found
        | {
            "k": len(sets),
            "studies": _names(sets),
            "heterogeneity": heterogeneity(question.scale, len(sets), found),
            "origin": _origin(sets),
            "method": model.method,
            "pooled": "yes",
            "reason": "; ".join(reasons),
        }
    )


def _names(sets: Sequence[_Set]) -> str:
    return "; ".join(one.study for one in sets)


def _origin(sets: Sequence[_Set]) -> str:
    kinds = {"reconstruction" if one.rebuilt else "registry" for one in sets}
    return kinds.pop() if len(kinds) == 1 else "mixed"


def _usable(
    question: Question, answers: Sequence[Mapping[str, Any]]
) -> tuple[list[_Set], list[str]]:
    """What can be pooled of answers of the same quantity, and the studies that cannot."""
    sets, without = [], []
    for answer in answers:
        if answer["poolable"] != "yes":
            continue
        value, se = float(to_scale(question.scale, answer["value"])), float(answer["se"])
        share = _is_share(answer)
        if share and not pd.isna(answer["n"]) and answer["n"] > 0 and isfinite(answer["value"]):
            sets.append(_share(answer))
        elif not share and isfinite(value) and isfinite(se):
            sets.append(_effect(question.scale, answer, value, se))
        else:
            without.append(text_of(answer["study"]))
    return sets, without


def _is_share(answer: Mapping[str, Any]) -> bool:
    return Estimand.parse(text_of(answer["estimand"])).statistic == "proportion"


def _effect(scale: Scale, answer: Mapping[str, Any], value: float, se: float) -> _Set:
    rebuilt = answer["origin"] == "reconstruction"
    lower = upper = value
    errors = [se, se]
    if rebuilt:
        ends = [answer["identified_lower"], answer["identified_upper"]]
        lower, upper = map(float, to_scale(scale, ends))
        met = [float(answer["se_lower"]), float(answer["se_upper"])]
        errors = [min(met[0], se), max(met[1], se)] if all(map(isfinite, met)) else errors
    return _Set(
        text_of(answer["study"]),
        rebuilt,
        value,
        se**2,
        lower,
        upper,
        errors[0] ** 2,
        errors[1] ** 2,
    )


def _share(answer: Mapping[str, Any]) -> _Set:
    """A share as a count among n; that of a reconstruction lies between those of its set."""
    rebuilt, n = answer["origin"] == "reconstruction", int(answer["n"])
    count = round(float(answer["value"]) * n)
    ends = [float(answer[f"identified_{end}"]) * n for end in ("lower", "upper")]
    lower, upper = ends if rebuilt else (count, count)
    known = isfinite(lower) and isfinite(upper)
    return _Set(
        text_of(answer["study"]), rebuilt, count, nan,
        float(round(lower)) if known else nan, float(round(upper)) if known else nan, n=n,
    )  # fmt: skip


def _model(question: Question, sets: Sequence[_Set], answers: Any, estimator: Estimator) -> _Model:
    level = _level(question, answers)
    values = np.array([one.value for one in sets])
    lower, upper = np.array([one.lower for one in sets]), np.array([one.upper for one in sets])
    if sets[0].n:
        numbers = tuple(one.n for one in sets)
        return _Model(lower, upper, values, partial(_shares, numbers, level), _PROPORTIONS)
    variances = np.array([one.variance for one in sets])
    least = np.array([one.variance_lower for one in sets])
    most = np.array([one.variance_upper for one in sets])
    k = len(sets)
    method = _EFFECTS.format(scale=question.scale, variance=_VARIANCES[estimator])
    return _Model(
        np.r_[lower, least], np.r_[upper, most], np.r_[values, variances],
        lambda points: each_random_effects(points[:, :k], points[:, k:], level, estimator), method,
    )  # fmt: skip


def _level(question: Question, answers: Any) -> float:
    """The confidence level: the greatest of the studies' own."""
    if isinstance(answers, pd.DataFrame):
        answers = _answers(answers, question)
    return max(float(answer["confidence"]) for answer in answers)


def _shares(numbers: tuple[int, ...], level: float, points: np.ndarray) -> RandomEffects:
    """The binomial model at counts (N, k), each rounded to whole patients."""
    found = [proportions(np.rint(point).astype(int), numbers, level) for point in points]
    names = RandomEffects.__dataclass_fields__
    return RandomEffects(
        **{n: np.array([nan if one is None else getattr(one, n) for one in found]) for n in names}
    )


def _numbers(scale: Scale, model: _Model, sets: Sequence[_Set]) -> dict[str, float]:
    """What the row of a pooled value holds in numbers, back from the scale of analysis."""
    middle = model.middle()
    points = dict(zip(_ENDS, (middle.mean, middle.lower, middle.upper,
                              middle.prediction_lower, middle.prediction_upper), strict=True))  # fmt: skip
    rest = {"tau2": middle.tau2, "i2": middle.i2}
    if any(one.rebuilt for one in sets) and model.is_bounded:
        points["identified_lower"], points["identified_upper"] = model.range("mean")
        points["outer_lower"] = model.range("lower")[0]
        points["outer_upper"] = model.range("upper")[1]
        for name in ("tau2", "i2"):
            rest[f"{name}_lower"], rest[f"{name}_upper"] = model.range(name)
        if isfinite(middle.prediction_lower):
            points["outer_prediction_lower"] = model.range("prediction_lower")[0]
            points["outer_prediction_upper"] = model.range("prediction_upper")[1]
    return {n: float(from_scale(scale, x)) for n, x in points.items() if isfinite(x)} | rest
