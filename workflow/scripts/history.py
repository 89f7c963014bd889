"""Hold a registry's export against the earlier ones: what changed in its patients and in the results;
and keep this one for those that come."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from command import command_line
from resarc import updates
from resarc.configuration import from_json
from resarc.output import read_csv, read_parquet, write_csv
from resarc.protocol import Protocol


def main() -> None:
    parser = command_line(
        __doc__,
        reads=["protocol", "clean", "cohort", "estimates"],
        writes=["updates", "history"],
    )
    parser.add_argument(
        "--earlier", nargs="*", type=Path, default=[], help="folders of earlier versions"
    )
    parser.add_argument("--record", type=Path, required=True, help="folder to keep this version in")
    parser.add_argument("--key", default="", help="fingerprint of the key of pseudonyms, if any")
    arguments = parser.parse_args()
    protocol = from_json(arguments.protocol, Protocol)
    earlier = [updates.read(folder) for folder in sorted(arguments.earlier)]
    exported, estimates = str(protocol.source.exported), read_csv(arguments.estimates)
    patients = updates.patients_of(
        read_parquet(arguments.clean), read_parquet(arguments.cohort), protocol
    )
    steps = pd.DataFrame([], columns=list(updates.STEP_COLUMNS))
    if earlier:
        last = earlier[-1]
        steps = updates.changes(
            last.patients,
            patients,
            protocol,
            since=last.exported,
            version=exported,
            linked=bool(arguments.key) and arguments.key == last.key,
        )
    kept = [version.steps for version in earlier if len(version.steps)]
    write_csv(pd.concat([*kept, steps]) if kept else steps, arguments.updates)
    versions = [*((v.exported, v.estimates) for v in earlier), (exported, estimates)]
    write_csv(updates.history(versions, protocol), arguments.history)
    version = updates.Version(exported, arguments.key, patients, estimates, steps)
    updates.record(version, arguments.record)


if __name__ == "__main__":
    main()
