"""Clean a table of patients, derive the study's variables and endpoints, and select its cohort."""

from __future__ import annotations

import os
from pathlib import Path

from command import command_line
from resarc import cohort, intake
from resarc.configuration import from_json
from resarc.errors import ConfigurationError
from resarc.output import write_csv, write_parquet
from resarc.privacy import KEY_VARIABLE, fingerprint, read_key
from resarc.protocol import Protocol


def main() -> None:
    parser = command_line(
        __doc__,
        reads=["protocol", "patients"],
        writes=["source", "clean", "rejected", "flagged", "quality", "cohort", "flow", "excluded"],
    )
    parser.add_argument("--dictionary", type=Path, help="data dictionary of a REDCap export")
    parser.add_argument("--key", default="", help="fingerprint of the key of pseudonyms, if any")
    arguments = parser.parse_args()
    protocol = from_json(arguments.protocol, Protocol)
    source = intake.read_source(arguments.patients, protocol, dictionary=arguments.dictionary)
    key = key_with(arguments.key) if arguments.key else None
    result = intake.clean(source, protocol, key)
    selected = cohort.select(cohort.derive(result.clean, protocol), protocol)
    write_csv(source.description(), arguments.source)
    write_parquet(result.clean, arguments.clean)
    write_csv(result.rejected, arguments.rejected)
    write_csv(result.flagged, arguments.flagged)
    write_csv(result.quality, arguments.quality)
    write_parquet(selected.cohort, arguments.cohort)
    write_csv(selected.flow, arguments.flow)
    write_csv(selected.excluded, arguments.excluded)


def key_with(expected: str) -> bytes:
    """The key that the environment names, if it is the one that the run was planned with."""
    key = read_key(Path(os.environ.get(KEY_VARIABLE, "")), Path.cwd())
    if fingerprint(key) != expected:
        raise ConfigurationError(
            "the key of pseudonyms",
            f"the fingerprint {fingerprint(key)}",
            f"{expected}, with which the run began",
            "Leave the file alone during a run, and run again.",
        )
    return key


if __name__ == "__main__":
    main()
