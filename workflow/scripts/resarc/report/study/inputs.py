"""What the report of a study is made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import pandas as pd

from resarc.protocol import Protocol
from resarc.published import Published
from resarc.references import Reference, short
from resarc.report import snippets
from resarc.report.results import Results
from resarc.settings import Disclosure


@dataclass(frozen=True)
class Reanalysed:
    """The result files of a study's re-analysis: `reanalysis.csv`, `reanalysis_curves.csv` and
    `reanalysis_conclusions.csv`."""

    numbers: pd.DataFrame
    curves: pd.DataFrame
    conclusions: pd.DataFrame


@dataclass(frozen=True)
class StudyInputs:
    """What the report of a study is made from; frames have the columns of the files they are named
    after. Some exist for a reconstruction only, some for a registry only."""

    protocol: Protocol
    published: Published
    version: str
    data_date: str
    audit: pd.DataFrame
    flow: pd.DataFrame
    data_quality: pd.DataFrame
    rejected: pd.DataFrame
    estimates: pd.DataFrame
    curves: pd.DataFrame
    comparison: pd.DataFrame
    adjusted: pd.DataFrame | None = None
    """Adjusted p-values: adjusted.csv of a registry, identified_adjusted.csv of a reconstruction."""
    reanalysis: Reanalysed | None = None
    """What is recommended beside the paper's analyses."""
    references: Mapping[str, Reference] = field(default_factory=dict)
    provenance: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Headings (software, seeds, input files, ...) with names and values."""
    members: int = 0
    identified: pd.DataFrame | None = None
    envelopes: pd.DataFrame | None = None
    targets: pd.DataFrame | None = None
    hypotheses: pd.DataFrame | None = None
    conflicts: pd.DataFrame | None = None
    """Figures that cannot hold together, as the reconstruction proved or found it."""
    by_hypothesis: pd.DataFrame | None = None
    """Of a reconstruction: bounds under each reading of the figures, where they differ."""
    prior: pd.DataFrame | None = None
    """Of a reconstruction: middles of the ensemble under three priors (sensitivity_prior.csv)."""
    diversity: pd.DataFrame | None = None
    updates: pd.DataFrame | None = None
    history: pd.DataFrame | None = None
    """Of a registry: what changed since earlier exports, in its patients and in the results."""

    released: Disclosure | None = None
    """The rule under which these results are released; none for the exact ones."""

    @property
    def repeats_a_paper(self) -> bool:
        """Whether there are printed figures to hold the results against."""
        return bool(self.published.figures)

    @property
    def results(self) -> Results:
        return self.results_for("report")

    @property
    def source(self) -> str:
        """The paper inside a sentence."""
        paper = self.references.get(self.protocol.reference)
        return short(paper) if paper else f"“{self.protocol.title}”"

    @property
    def snippets(self) -> pd.DataFrame:
        """Every result as a sentence for a manuscript."""
        return snippets.snippets(self.results_for("manuscript"), self.source, self.members)

    def results_for(self, use: Literal["report", "manuscript"]) -> Results:
        return Results(
            self.protocol, self.published, self.estimates, self.identified, self.adjusted,
            journal=use == "manuscript",
        )  # fmt: skip
