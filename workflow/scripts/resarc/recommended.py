"""What a careful statistician would do beside a paper's analysis, as a protocol asks for it.

An analysis of a protocol says in `paper` what the paper did and in `recommended` what should stand
beside it; `resarc.reanalysis` computes both. Each model here is one recommendation. `why` says in
words what it guards against, and the report prints it.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from resarc.configuration import DurationText, EstimandText, Model

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]


class ImmortalTime(Model):
    """A factor that is known only after time zero: its bearers lived at least until then.

    Where the data hold the date, the landmark analyses and the Cox model in which the factor
    changes with time; where they do not, the paper's hazard ratio under assumed delays.
    """

    kind: Literal["immortal_time"]
    of: EstimandText
    """The hazard ratio concerned. The first level of its contrast is the one that takes time."""
    known_on: Name | None = None
    """The date from which a bearer of that level counts as such."""
    before: Literal["unexposed", "not at risk"] = "unexposed"
    """What bearers are before that date: patients without the factor, or not yet in the study (in
    a series of operated patients nobody is at risk before the operation)."""
    landmarks: tuple[DurationText, ...] = ()
    """Times after time zero at which patients are divided by what they are then."""
    longest_delay: DurationText
    """Delays from 0 to this are assumed where there is no date."""
    at_time_zero: Name | None = None
    """The same factor as it was known at time zero: a category with the same number of levels."""
    why: str = ""


class CutOff(Model):
    """Cut-offs chosen on the outcome that is then tested (analyses of kind `cutoffs`)."""

    kind: Literal["cut_off"]
    splits: dict[Name, Name]
    """Marker to the category that divides it as the paper did."""
    permutations: int = Field(default=999, ge=99, le=99999)
    resamples: int = Field(default=500, ge=100, le=99999)
    why: str = ""


class SmallSample(Model):
    """Few patients: exact log-rank test, Firth's Cox model, profile-likelihood limits."""

    kind: Literal["small_sample"]
    of: tuple[EstimandText, ...] = ()
    """Hazard ratios; without them all of the analysis between two levels."""
    why: str = ""


class PenalisedModel(Model):
    """A multivariable model by Firth's penalised likelihood, if the events allow one at all."""

    kind: Literal["penalised_model"]
    events_per_coefficient: float = Field(default=5.0, ge=1)
    """With fewer events for each coefficient no model is fitted, and the result says so."""
    why: str = ""


class ProportionalHazards(Model):
    """The assumption behind a hazard ratio tested, and the difference of restricted means."""

    kind: Literal["proportional_hazards"]
    horizon: DurationText
    """Time to which survival is averaged."""
    of: tuple[EstimandText, ...] = ()
    why: str = ""


class CompetingRisks(Model):
    """Deaths of other causes as competing events and not as censoring."""

    kind: Literal["competing_risks"]
    variable: Name
    """The category that tells how follow-up ended."""
    levels: tuple[str, ...] = Field(min_length=1)
    """Patients without the event at these levels had the competing event."""
    at: tuple[DurationText, ...] = Field(min_length=1)
    why: str = ""


class Interaction(Model):
    """Subgroups compared with each other by an interaction test, with the power of each."""

    kind: Literal["interaction"]
    power: float = Field(default=0.8, gt=0.5, lt=1)
    """The smallest ratio of hazard ratios is given that the data show with this power."""
    why: str = ""


class Multiplicity(Model):
    """The p-values of a univariable table adjusted after Holm and after Benjamini and Hochberg."""

    kind: Literal["multiplicity"]
    why: str = ""


class Confounding(Model):
    """E-values: how strong an unmeasured confounder would have to be to explain a hazard ratio."""

    kind: Literal["confounding"]
    of: tuple[EstimandText, ...] = ()
    common: bool | None = None
    """Whether the outcome is common; without it, if more than 15% of the patients have the event."""
    why: str = ""


class MissingData(Model):
    """What is missing in a registry; of a multivariable analysis also the model with missing values
    imputed."""

    kind: Literal["missing_data"]
    imputations: int = Field(default=20, ge=2, le=200)
    iterations: int = Field(default=10, ge=1, le=100)
    why: str = ""


Recommendation = Annotated[
    ImmortalTime
    | CutOff
    | SmallSample
    | PenalisedModel
    | ProportionalHazards
    | CompetingRisks
    | Interaction
    | Multiplicity
    | Confounding
    | MissingData,
    Field(discriminator="kind"),
]

KINDS_OF_ANALYSIS: dict[str, tuple[str, ...]] = {
    "immortal_time": ("survival", "univariable", "multivariable", "subgroups"),
    "cut_off": ("cutoffs",),
    "small_sample": ("survival", "univariable", "subgroups"),
    "penalised_model": ("multivariable",),
    "proportional_hazards": ("survival", "univariable", "multivariable", "subgroups"),
    "competing_risks": ("survival",),
    "interaction": ("subgroups",),
    "multiplicity": ("univariable",),
    "confounding": ("survival", "univariable", "multivariable", "subgroups"),
    "missing_data": ("characteristics", "univariable", "multivariable"),
}
"""The kinds of analysis beside which a recommendation can stand."""


class Recommended(Model):
    """What an analysis carries: the paper's way in words, and what is recommended beside it."""

    paper: str = ""
    """What the paper did, in words; needed where something is recommended."""
    recommended: tuple[Recommendation, ...] = ()

    @model_validator(mode="after")
    def _named(self) -> Recommended:
        if self.recommended and not self.paper.strip():
            raise ValueError("'recommended' needs 'paper': what the paper did, in words")
        seen = [(item.kind, str(getattr(item, "of", ""))) for item in self.recommended]
        twice = {kind for kind, of in seen if seen.count((kind, of)) > 1}
        if twice:
            raise ValueError(f"{min(twice)!r} is recommended twice")
        return self
