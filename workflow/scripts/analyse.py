"""Evaluate every analysis of a study, and every figure that its paper prints, in its cohort."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from command import command_line
from resarc.analysis import curves, estimate, plan
from resarc.configuration import from_json
from resarc.estimand import Estimand
from resarc.output import read_csv, write_csv
from resarc.protocol import Protocol
from resarc.published import Published


def main() -> None:
    parser = command_line(
        __doc__,
        reads=["protocol", "published", "cohort", "flow"],
        writes=["estimates", "curves"],
    )
    parser.add_argument("--targets", type=Path, help="targets of a reconstruction")
    arguments = parser.parse_args()
    protocol = from_json(arguments.protocol, Protocol)
    published = from_json(arguments.published, Published)
    cohort = pd.read_parquet(arguments.cohort)
    printed = [figure.estimand for figure in published.figures]
    if arguments.targets:
        # A figure may have been read as another estimand than the one that it is printed as.
        read_as = read_csv(arguments.targets)["estimand"].dropna().unique()
        printed += [Estimand.parse(text) for text in read_as]
    planned = plan(protocol, printed)
    flow = read_csv(arguments.flow)
    estimates = estimate(planned, cohort, flow, protocol, protocol.source.kind)
    write_csv(estimates, arguments.estimates)
    write_csv(curves(cohort, protocol), arguments.curves)


if __name__ == "__main__":
    main()
