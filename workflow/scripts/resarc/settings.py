"""What a run computes: the settings of `config/config.yaml`, and where each study's patients are."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError, field_validator, model_validator

from resarc.configuration import Model
from resarc.errors import ConfigurationError
from resarc.privacy import KEY_VARIABLE
from resarc.protocol import Name, Source, load

CHUNK = 50
"""Datasets that are rebuilt together. The datasets of a whole chunk depend on its number only, so that more
datasets or more cores change none of the whole chunks that were there before."""


class Privacy(Model):
    """How the patients of a registry are protected from `clean` on."""

    key_file: Path | None = None
    """File of the key from which pseudonyms are made, outside of the project. The environment
    variable RESARC_KEY_FILE goes before it. Without a key, patients are numbered by source row and
    cannot be linked with those of the next export."""


class Disclosure(Model):
    """What a release may tell of a registry's patients (docs/privacy.md)."""

    threshold: Annotated[int, Field(ge=1, le=100)] = 7
    """Counts up to it are suppressed, and so is what rests on as few patients or events."""
    rounding: Annotated[int, Field(ge=1, le=100)] = 5
    """Counts of patients are rounded to its nearest multiple."""
    curve_rounding: Annotated[int, Field(ge=1, le=100)] = 6
    """Counts of events, and what is cumulated along a survival curve, become the midpoint of their
    group of so many: of 6, 1 to 6 become 3 and 7 to 12 become 9."""
    curve_step: Annotated[float, Field(gt=0)] = 1.0
    """Months. Survival curves are told at multiples of it."""
    digits: Annotated[int, Field(ge=1, le=4)] = 2
    """Significant digits of means, quartiles, ratios, areas and p-values."""
    least_p: Annotated[float, Field(ge=0, lt=1)] = 0.001
    """Smaller p-values are told as this one."""
    uncertainty: Annotated[int, Field(ge=2, le=100)] = 5
    """A suppressed count must remain possible at so many values at least, for a reader who solves
    all released counts together. Others are suppressed until it does."""

    @property
    def in_words(self) -> str:
        """The rule as reports name it."""
        return (
            f"counts of {self.threshold} or fewer are suppressed, and others where they would give one "
            f"away; counts of patients are rounded to {self.rounding}, events to midpoints of "
            f"{self.curve_rounding}; times along curves to {self.curve_step:g} in months, and curves end "
            f"where {self.threshold} or fewer are at risk; other numbers have {self.digits} digits"
        )

    @property
    def in_short(self) -> str:
        """The rule as each table and figure names it."""
        return (
            f"counts of {self.threshold} or fewer suppressed, others rounded to {self.rounding}, events "
            f"and curves to midpoints of {self.curve_rounding}"
        )

    @model_validator(mode="after")
    def _possible(self) -> Disclosure:
        if self.uncertainty > self.threshold + 1:
            raise ValueError(
                f"uncertainty {self.uncertainty}: a suppressed count of 0 to {self.threshold} has "
                f"only {self.threshold + 1} values"
            )
        return self


class Settings(Model):
    """`config/config.yaml`."""

    studies: tuple[Name, ...] = Field(min_length=1)
    """Ids of the studies to analyse: the names of their files in config/studies, config/published."""
    members: Annotated[int, Field(ge=2, le=100_000)]
    """Datasets to rebuild for each study whose patients are reconstructed."""
    seed: Annotated[int, Field(ge=0)]
    """Every random stream follows from it; the same seed gives the same results."""
    effort: Annotated[int, Field(ge=1, le=1000)] = 1
    """How hard the ends of identified sets are sought: so many times as long as in a first look."""
    chunks: Literal["auto"] | Annotated[int, Field(ge=1, le=1000)] = "auto"
    """Jobs into which the long work on each study is split, or as many as it is long; results are the same
    bytes."""
    privacy: Privacy = Privacy()
    disclosure: Disclosure = Disclosure()

    @field_validator("studies")
    @classmethod
    def _differ(cls, studies: tuple[str, ...]) -> tuple[str, ...]:
        for study in studies:
            if studies.count(study) > 1:
                raise ValueError(f"each study once; {study!r} stands twice")
        return studies


def key_file(settings: Settings) -> Path | None:
    """Where the key of pseudonyms is, if one was named."""
    named = os.environ.get(KEY_VARIABLE) or settings.privacy.key_file
    return Path(named).expanduser().absolute() if named else None


def sources(settings: Settings, config: Path) -> dict[str, Source]:
    """Where the patients of each study come from, by study.

    Reads only that part of each protocol, so that asking Snakemake what is to be done stays quick.
    What a paper printed is needed of a reconstruction only: a registry may repeat none.
    `ConfigurationError` if a study has no files, or its registry is not where the protocol says.
    """
    found = {}
    for study in settings.studies:
        path = _described(study, config, "studies")
        source = _source(path)
        if source.kind == "reconstruction":
            _described(study, config, "published")
        for file in source.files:
            if file.is_file():
                continue
            raise ConfigurationError(
                f"{path}, key {'source.file' if file == source.file else 'source'}",
                f"no file {str(file)!r}",
                "the registry's data, as a path from the folder in which Resarc is run",
                "Put the file there or correct the path.",
            )
        found[study] = source
    return found


def _described(study: str, config: Path, folder: str) -> Path:
    """The file that describes a study; `ConfigurationError` if there is none."""
    path = config / folder / f"{study}.yaml"
    if not path.is_file():
        known = sorted(p.stem for p in (config / folder).glob("*.yaml"))
        raise ConfigurationError(
            f"{config / 'config.yaml'}, key studies",
            f"{study!r}, but there is no {path}",
            f"a study that is described there ({', '.join(known)})",
            "Correct the name, or add the file.",
        )
    return path


def _source(path: Path) -> Source:
    """The key `source` of a protocol. Whatever is wrong with the file, `load` says it in full."""
    import yaml

    try:
        # LibYAML reads a protocol in a tenth of the time; texts such as "no", which it would read
        # otherwise than YAML 1.2, do not occur under this key.
        safe = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        content = yaml.load(path.read_bytes(), safe)  # noqa: S506 (a safe loader)
        return Source.model_validate(content["source"])
    except (OSError, yaml.YAMLError, KeyError, TypeError, ValidationError):
        return load(path).source
