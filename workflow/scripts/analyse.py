"""Evaluate in a study's cohort all that was planned: its analyses, and what its paper prints."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from command import command_line
from planned import planned
from resarc.analysis import adjusted, curves, estimate
from resarc.configuration import from_json
from resarc.output import read_csv, write_csv
from resarc.protocol import Protocol
from resarc.published import Published


def main() -> None:
    parser = command_line(
        __doc__,
        reads=["protocol", "published", "questions", "cohort", "flow"],
        writes=["estimates", "curves", "adjusted"],
    )
    parser.add_argument("--targets", type=Path, help="targets of a reconstruction")
    arguments = parser.parse_args()
    protocol = from_json(arguments.protocol, Protocol)
    published = from_json(arguments.published, Published)
    cohort = pd.read_parquet(arguments.cohort)
    estimates = estimate(
        planned(protocol, published, arguments.questions, arguments.targets),
        cohort,
        read_csv(arguments.flow),
        protocol,
        protocol.source.kind,
    )
    write_csv(estimates, arguments.estimates)
    write_csv(curves(cohort, protocol), arguments.curves)
    write_csv(adjusted(estimates, protocol), arguments.adjusted)


if __name__ == "__main__":
    main()
