"""Clean a table of patients, derive the study's variables and endpoints, and select its cohort."""

from __future__ import annotations

from command import command_line
from resarc import cohort, intake
from resarc.configuration import from_json
from resarc.output import write_csv, write_parquet
from resarc.protocol import Protocol


def main() -> None:
    arguments = command_line(
        __doc__,
        reads=["protocol", "patients"],
        writes=["clean", "rejected", "flagged", "quality", "cohort", "flow"],
    ).parse_args()
    protocol = from_json(arguments.protocol, Protocol)
    raw = intake.read_source(arguments.patients, protocol)
    result = intake.clean(raw, protocol, str(arguments.patients), protocol.source.exported)
    eligible, flow = cohort.select(cohort.derive(result.clean, protocol), protocol)
    write_parquet(result.clean, arguments.clean)
    write_csv(result.rejected, arguments.rejected)
    write_csv(result.flagged, arguments.flagged)
    write_csv(result.quality, arguments.quality)
    write_parquet(eligible, arguments.cohort)
    write_csv(flow, arguments.flow)


if __name__ == "__main__":
    main()
