"""What has been published about a question: the evidence map, from `config/evidence.yaml`.

A work is known only as far as our sources tell of it: of most, the title that a reference list
prints. A fact therefore says where it stands. Either it gives the `words` of the work's title that
say so, which `check` holds against the bibliography, or the place `at` in a text that we have. What
no source says stays unknown; nothing is filled in from elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

import pandas as pd
from pydantic import Field, model_validator

from resarc.configuration import Model, read_model
from resarc.errors import ConfigurationError
from resarc.references import Reference

Treatment = Literal["surgery", "radiotherapy", "ablation", "chemotherapy"]
Site = Literal["lung", "liver", "other", "none"]
Design = Literal[
    "trial", "retrospective series", "single-centre series", "case report",
    "cost-effectiveness analysis", "guideline",
]  # fmt: skip
Outcome = Literal[
    "survival", "5-year survival", "progression-free survival", "prognostic factors", "response",
    "local control", "complications", "spread", "detection", "costs",
]  # fmt: skip

TREATMENTS = ("surgery", "radiotherapy", "ablation", "chemotherapy", "combination")
"""Columns of the map; a work about several treatments is one about a combination."""
SITES = ("lung", "liver", "other", "none")
"""Rows of the map: where the metastases are; `none` is disease without metastases."""
NOT_SAID = "not said"

WORKS = (
    "reference", "title", "year", "reanalysed", "treatment", "treatment_said", "site", "site_said",
    "disease", "disease_said", "design", "design_said", "size", "size_of", "size_said", "period",
    "period_said", "reports", "reports_said", "note",
)  # fmt: skip
MAP = ("site", "treatment", "works", "references")

_SPELLED = ("", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


class Said(Model):
    """Where a fact stands: words of the work's title, or a place in a text that we have."""

    words: str = ""
    at: str = ""

    @model_validator(mode="after")
    def _somewhere(self) -> Said:
        if bool(self.words) == bool(self.at):
            raise ValueError("give the words of the title that say so, or the place of a text (at)")
        return self

    @property
    def said(self) -> str:
        return f"title: “{self.words}”" if self.words else self.at


class Treatments(Said):
    value: tuple[Treatment, ...] = Field(min_length=1)


class Sites(Said):
    value: tuple[Site, ...] = Field(min_length=1)


class Disease(Said):
    value: str = Field(min_length=1)


class Designed(Said):
    value: Design


class Size(Said):
    value: int = Field(ge=1)
    of: Literal["patients", "resections"] = "patients"


class Period(Said):
    value: str = Field(min_length=1)
    """As a reader would say it: "2006 to 2018", "15 years"."""


class Reports(Said):
    value: tuple[Outcome, ...] = Field(min_length=1)


class Work(Model):
    """One work, and what our sources say of it."""

    work: str
    """Key in config/references.bib."""
    treatment: Treatments | None = None
    site: Sites | None = None
    disease: Disease | None = None
    design: Designed | None = None
    size: Size | None = None
    period: Period | None = None
    reports: Reports | None = None
    note: str = ""

    @property
    def facts(self) -> dict[str, Said]:
        named = ("treatment", "site", "disease", "design", "size", "period", "reports")
        return {name: fact for name in named if (fact := getattr(self, name)) is not None}


class Evidence(Model):
    """`config/evidence.yaml`."""

    works: tuple[Work, ...] = ()
    texts: tuple[str, ...] = ()
    """Works whose text we have, so that a fact may stand at a place in it."""

    @model_validator(mode="after")
    def _each_once(self) -> Evidence:
        names = [work.work for work in self.works]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"the work {name!r} stands twice")
        for work in self.works:
            for name, fact in work.facts.items():
                if fact.at and work.work not in self.texts:
                    raise ValueError(
                        f"{work.work}, {name}: {fact.at!r} is a place in a text, but only its title is "
                        "known; give the words of the title, or leave the fact out"
                    )
        return self


def load(path: Path) -> Evidence:
    """Read `config/evidence.yaml`; `ConfigurationError` names file, key, found, expected."""
    return read_model(path, Evidence)


def check(evidence: Evidence, references: Mapping[str, Reference], where: str) -> None:
    """Every work is in the bibliography, and every title says what is quoted from it.

    `ConfigurationError` names the work and the fact.
    """
    for work in evidence.works:
        if work.work not in references:
            raise ConfigurationError(
                f"{where}, work {work.work}", "no such reference", "a key of config/references.bib"
            )
        title = references[work.work].title
        for name, fact in work.facts.items():
            if fact.words and fact.words.casefold() not in title.casefold():
                raise ConfigurationError(
                    f"{where}, work {work.work}, {name}",
                    f"{fact.words!r}, which its title does not say ({title!r})",
                    "words of the title",
                    "Quote the title as config/references.bib has it, or leave the fact out.",
                )
        size = work.size
        if size and size.words and not _counts(size.value, size.words):
            raise ConfigurationError(
                f"{where}, work {work.work}, size",
                f"{size.value}, from the words {size.words!r}",
                "words with this number",
            )


def _counts(number: int, words: str) -> bool:
    spelled = _SPELLED[number] if number < len(_SPELLED) else ""
    parts = words.casefold().replace("-", " ").split()
    return str(number) in parts or (bool(spelled) and spelled in parts)


def works(
    evidence: Evidence, references: Mapping[str, Reference], studies: Iterable[str]
) -> pd.DataFrame:
    """One row for each work, columns `WORKS`; what is not known is empty.

    `studies` are the references of the studies that are re-analysed.
    """
    known = set(studies)
    rows = []
    for work in evidence.works:
        reference = references[work.work]
        row: dict[str, Any] = {
            "reference": work.work,
            "title": reference.title,
            "year": reference.year,
            "reanalysed": "yes" if work.work in known else "no",
            "note": work.note,
        }
        for name, fact in work.facts.items():
            value = fact.value
            row[name] = "; ".join(value) if isinstance(value, tuple) else value
            row[f"{name}_said"] = fact.said
        row["size_of"] = work.size.of if work.size else None
        rows.append(row)
    return pd.DataFrame(rows, columns=list(WORKS)).astype({"size": "Int64"})


def mapped(table: pd.DataFrame) -> pd.DataFrame:
    """How many works there are for each site and treatment, and which; columns `MAP`.

    Every pair of a site and a treatment has a row, so that gaps show. A work about several sites
    counts at each; what is not said has rows of its own.
    """
    cells: dict[tuple[str, str], list[str]] = {
        (site, treatment): []
        for site in (*SITES, NOT_SAID)
        for treatment in (*TREATMENTS, NOT_SAID)
    }
    for row in table.to_dict("records"):
        treatments, sites = _parts(row["treatment"]), _parts(row["site"])
        treatment = "combination" if len(treatments) > 1 else treatments[0]
        for site in sites:
            cells[site, treatment].append(row["reference"])
    rows = [(*cell, len(names), "; ".join(names)) for cell, names in cells.items()]
    return pd.DataFrame(rows, columns=list(MAP))


def _parts(value: object) -> list[str]:
    return value.split("; ") if isinstance(value, str) and value else [NOT_SAID]
