"""Evaluate in a study's cohort all that was planned: its analyses, and what its paper prints."""

from __future__ import annotations

from pathlib import Path

from command import command_line
from planned import planned
from resarc.analysis import adjusted, by_partial_dates, curves, estimate
from resarc.cohort import DAYS
from resarc.configuration import from_json
from resarc.output import read_csv, read_parquet, write_csv
from resarc.protocol import Protocol
from resarc.published import Published


def main() -> None:
    parser = command_line(
        __doc__,
        reads=["protocol", "published", "questions", "cohort", "flow", "partial-dates"],
        writes=["estimates", "curves", "adjusted", "sensitivity"],
    )
    parser.add_argument("--targets", type=Path, help="targets of a reconstruction")
    arguments = parser.parse_args()
    protocol = from_json(arguments.protocol, Protocol)
    published = from_json(arguments.published, Published)
    cohort = read_parquet(arguments.cohort)
    wanted = planned(protocol, published, arguments.questions, arguments.targets)
    estimates = estimate(
        wanted,
        cohort,
        read_csv(arguments.flow),
        protocol,
        protocol.source.kind,
    )
    write_csv(estimates, arguments.estimates)
    write_csv(curves(cohort, protocol), arguments.curves)
    write_csv(adjusted(estimates, protocol), arguments.adjusted)
    others = read_parquet(arguments.partial_dates).groupby(DAYS)
    cohorts = {str(days): frame for days, frame in others}
    if cohorts:
        cohorts = {"as chosen": cohort, **cohorts}
    write_csv(by_partial_dates(wanted, cohorts, protocol), arguments.sensitivity)


if __name__ == "__main__":
    main()
