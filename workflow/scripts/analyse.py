"""Evaluate in a study's cohort all that was planned: its analyses, and what its paper prints."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from command import command_line
from resarc.analysis import PRINTED, Planned, curves, estimate
from resarc.configuration import from_json
from resarc.estimand import Estimand
from resarc.output import read_csv, write_csv
from resarc.protocol import Protocol


def main() -> None:
    parser = command_line(
        __doc__,
        reads=["protocol", "plan", "cohort", "flow"],
        writes=["estimates", "curves"],
    )
    parser.add_argument("--targets", type=Path, help="targets of a reconstruction")
    arguments = parser.parse_args()
    protocol = from_json(arguments.protocol, Protocol)
    cohort = pd.read_parquet(arguments.cohort)
    planned = dict(read_csv(arguments.plan)[["estimand", "analysis"]].itertuples(index=False))
    if arguments.targets:
        # A figure may have been read as another estimand than the one that it is printed as.
        for text in read_csv(arguments.targets)["estimand"].dropna():
            planned.setdefault(text, PRINTED)
    estimates = estimate(
        [Planned(Estimand.parse(text), analysis) for text, analysis in planned.items()],
        cohort,
        read_csv(arguments.flow),
        protocol,
        protocol.source.kind,
    )
    write_csv(estimates, arguments.estimates)
    write_csv(curves(cohort, protocol), arguments.curves)


if __name__ == "__main__":
    main()
