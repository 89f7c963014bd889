"""What the report over all studies is made from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from resarc.protocol import Protocol
from resarc.references import Reference
from resarc.report.model import (
    Origin,
)


@dataclass(frozen=True)
class CombinedStudy:
    """One study: its protocol, the content of its `model.json`, where its report is (a path from
    the combined report), and its curves; `envelopes` for a reconstruction."""

    protocol: Protocol
    model: Mapping[str, Any]
    link: str
    curves: pd.DataFrame
    envelopes: pd.DataFrame | None = None

    @property
    def rebuilt(self) -> bool:
        return self.protocol.source.kind == "reconstruction"

    @property
    def card(self) -> dict[str, str]:
        return dict(self.model["card"])


@dataclass(frozen=True)
class CombinedInputs:
    """What the combined report is made from: the studies, in the order to show them, and the tables
    of the synthesis (`harmonised.csv`, `pooled.csv`, `leave_one_out.csv`, `reported.csv`) and of the
    evidence (`evidence.csv`, `evidence_map.csv`)."""

    studies: Sequence[CombinedStudy]
    harmonised: pd.DataFrame
    pooled: pd.DataFrame
    version: str
    data_date: str
    references: Mapping[str, Reference] = field(default_factory=dict)
    provenance: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    left_out: pd.DataFrame | None = None
    reported: pd.DataFrame | None = None
    works: pd.DataFrame | None = None
    evidence_map: pd.DataFrame | None = None

    def protocol(self, study: str) -> Protocol:
        return next(s.protocol for s in self.studies if s.protocol.study == study)


def origin_of(studies: Iterable[CombinedStudy]) -> Origin:
    kinds = {study.protocol.source.kind for study in studies}
    return "mixed" if len(kinds) > 1 else kinds.pop()
