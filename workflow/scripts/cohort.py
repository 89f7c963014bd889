"""Clean a table of patients, derive the study's variables and endpoints, and select its cohort."""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd

from command import command_line
from memory import available, check_fits
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
        writes=[
            "source",
            "corrections",
            "clean",
            "rejected",
            "flagged",
            "quality",
            "cohort",
            "flow",
            "excluded",
            "partial-dates",
        ],
    )
    parser.add_argument("--dictionary", type=Path, help="data dictionary of a REDCap export")
    parser.add_argument("--key", default="", help="fingerprint of the key of pseudonyms, if any")
    arguments = parser.parse_args()
    protocol = from_json(arguments.protocol, Protocol)
    check_fits([arguments.patients, *protocol.source.files[1:]], available())
    source = intake.read_source(arguments.patients, protocol, dictionary=arguments.dictionary)
    is_registry = protocol.source.kind == "registry"
    key = key_with(arguments.key) if arguments.key and is_registry else None
    named = protocol.source.corrections
    corrections = intake.read_corrections(named) if named else None
    result = intake.clean(source, protocol, key, corrections)
    selected = cohort.select(cohort.derive(result.clean, protocol), protocol)
    others = selected.cohort.iloc[:0].assign(**{cohort.DAYS: ""})
    if result.has_partial_dates:
        others = other_days(source, protocol, key, corrections)
    write_csv(source.description(), arguments.source)
    write_csv(result.corrections, arguments.corrections)
    write_parquet(result.clean, arguments.clean)
    write_csv(result.rejected, arguments.rejected)
    write_csv(result.flagged, arguments.flagged)
    write_csv(result.quality, arguments.quality)
    write_parquet(selected.cohort, arguments.cohort)
    write_csv(selected.flow, arguments.flow)
    write_csv(selected.excluded, arguments.excluded)
    write_parquet(others, arguments.partial_dates)


def other_days(
    source: intake.SourceTable,
    protocol: Protocol,
    key: bytes | None,
    corrections: pd.DataFrame | None,
) -> pd.DataFrame:
    """The cohort with the earliest and with the latest day for each partial date, told apart by the
    column `cohort.DAYS`."""
    cohorts = []
    for choice in ("earliest", "latest"):
        result = intake.clean(source, protocol, key, corrections, choice)
        selected = cohort.select(cohort.derive(result.clean, protocol), protocol)
        cohorts.append(selected.cohort.assign(**{cohort.DAYS: choice}))
    return pd.concat(cohorts, ignore_index=True)


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
