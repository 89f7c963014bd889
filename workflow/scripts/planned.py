"""What is to be estimated in a study, shared by the command lines that estimate."""

from __future__ import annotations

from pathlib import Path

from resarc import synthesis
from resarc.analysis import Planned, plan
from resarc.estimand import Estimand
from resarc.output import read_csv
from resarc.protocol import Protocol
from resarc.published import Published


def planned(
    protocol: Protocol, published: Published, questions: Path, targets: Path | None = None
) -> list[Planned]:
    """The study's analyses, its lines, what its paper prints, and what the synthesis asks of it; in a
    reconstruction also the estimands as which printed figures were read."""
    wanted = [figure.estimand for figure in published.figures]
    wanted += [line.of for line in protocol.lines]
    wanted += synthesis.load(questions).estimands(protocol.study)
    if targets:
        wanted += map(Estimand.parse, read_csv(targets)["estimand"].dropna())
    return plan(protocol, wanted)
