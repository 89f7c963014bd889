"""Evaluate every analysis of a study, and every figure that its paper prints, in its cohort."""

from __future__ import annotations

import pandas as pd

from command import command_line
from resarc.analysis import curves, estimate, plan
from resarc.configuration import from_json
from resarc.output import read_csv, write_csv
from resarc.protocol import Protocol
from resarc.published import Published


def main() -> None:
    arguments = command_line(
        __doc__,
        reads=["protocol", "published", "cohort", "flow"],
        writes=["estimates", "curves"],
    ).parse_args()
    protocol = from_json(arguments.protocol, Protocol)
    published = from_json(arguments.published, Published)
    cohort = pd.read_parquet(arguments.cohort)
    planned = plan(protocol, [figure.estimand for figure in published.figures])
    flow = read_csv(arguments.flow)
    estimates = estimate(planned, cohort, flow, protocol, protocol.source.kind)
    write_csv(estimates, arguments.estimates)
    write_csv(curves(cohort, protocol), arguments.curves)


if __name__ == "__main__":
    main()
