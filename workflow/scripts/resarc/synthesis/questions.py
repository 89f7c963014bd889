"""What several studies may be asked together: `config/synthesis.yaml`.

A question says what exactly it asks for: which outcome, counted from when, in whom. Each answer says
how far the study's own estimand departs from that. What is in neither `comparable` nor `differs` is
the same. An answer that differs in anything is shown beside the others and never pooled.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from resarc.configuration import EstimandText, Model, read_model
from resarc.estimand import Estimand
from resarc.protocol import Name
from resarc.scales import SCALE_OF, Scale

Respect = Literal["definition", "time_origin", "population"]
RESPECTS: tuple[Respect, ...] = ("definition", "time_origin", "population")
"""In what an answer may depart from the question."""

Estimator = Literal["paule-mandel", "reml"]
"""How the variance between studies is estimated, where an effect has a standard error."""


class Asked(Model):
    """The quantity that a question is about."""

    definition: str = Field(min_length=1)
    """The outcome, or what is counted among whom."""
    time_origin: str = ""
    """From when time counts; empty where nothing is counted in time."""
    population: str = Field(min_length=1)


class Answer(Model):
    """One study's estimand, and in what it departs from the quantity that is asked for."""

    study: Name
    estimand: EstimandText
    population: str = ""
    """In whom, if not in all patients of the study's protocol."""
    comparable: dict[Respect, str] = {}
    """Departures that may be carried as differences between studies, and why."""
    differs: dict[Respect, str] = {}
    """Departures that make it another quantity."""
    note: str = ""

    @model_validator(mode="after")
    def _judged_once(self) -> Answer:
        both = sorted(set(self.comparable) & set(self.differs))
        if both:
            raise ValueError(f"{self.study}: {', '.join(both)} is either comparable or differs")
        for respect, words in (*self.comparable.items(), *self.differs.items()):
            if not words.strip():
                raise ValueError(f"{self.study}: say in what {respect} departs")
        return self

    def match(self, respect: Respect) -> str:
        """`same`, `comparable` or `differs`."""
        for word, found in (("differs", self.differs), ("comparable", self.comparable)):
            if respect in found:
                return word
        return "same"

    @property
    def poolable(self) -> bool:
        return not self.differs


class Reported(Model):
    """The range that the literature reports, as one of the sources prints it."""

    lower: float
    upper: float
    reference: str
    """Key in config/references.bib."""
    locator: str = Field(min_length=1)
    """Where that source prints it."""
    what: str = Field(min_length=1)
    """Whose values it spans."""

    @model_validator(mode="after")
    def _range(self) -> Reported:
        if not self.lower <= self.upper:
            raise ValueError(f"reported from {self.lower} to {self.upper}: the lower end first")
        return self


class Question(Model):
    """One quantity that several studies may tell of."""

    id: Name
    label: str
    scale: Scale
    asked: Asked
    reason: str = Field(min_length=1)
    """Why the answers may be pooled, or why not."""
    reported: Reported | None = None
    answers: tuple[Answer, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _same_kind(self) -> Question:
        studies = [answer.study for answer in self.answers]
        for study in studies:
            if studies.count(study) > 1:
                raise ValueError(f"question {self.id!r}: {study!r} answers twice; once each")
        for answer in self.answers:
            if SCALE_OF.get(answer.estimand.kind.scale) != self.scale:
                wanted = next(kind for kind, scale in SCALE_OF.items() if scale == self.scale)
                raise ValueError(
                    f"question {self.id!r}: {answer.estimand} is no {wanted}, which the scale "
                    f"{self.scale!r} needs"
                )
        if len({answer.estimand.statistic == "proportion" for answer in self.answers}) > 1:
            raise ValueError(f"question {self.id!r}: all answers are shares of patients, or none")
        return self


class Questions(Model):
    """`config/synthesis.yaml`."""

    variance: Estimator = "paule-mandel"
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
