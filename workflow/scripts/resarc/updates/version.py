"""What is kept of each version of a registry, as files in a folder of its own."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from resarc.errors import DataError
from resarc.output import read_csv, read_parquet, write_csv, write_parquet, write_text

PATIENTS, ESTIMATES, STEPS, ABOUT = "patients.parquet", "estimates.csv", "steps.csv", "version.json"
FILES = (PATIENTS, ESTIMATES, STEPS, ABOUT)


@dataclass(frozen=True)
class Version:
    """One export of a registry.

    * `exported`: the day of the export, which names the version;
    * `key`: the fingerprint of the key of pseudonyms, empty without one;
    * `patients`: `patients.patients_of`;
    * `estimates`: estimates.csv;
    * `steps`: what changed since the version before it, `patients.STEP_COLUMNS`.
    """

    exported: str
    key: str
    patients: pd.DataFrame
    estimates: pd.DataFrame
    steps: pd.DataFrame


def record(version: Version, folder: Path) -> None:
    """Keep a version in a folder; the same version gives the same bytes."""
    write_parquet(version.patients, folder / PATIENTS)
    write_csv(version.estimates, folder / ESTIMATES)
    write_csv(version.steps, folder / STEPS)
    about = {"exported": version.exported, "key": version.key}
    write_text(json.dumps(about, indent=1) + "\n", folder / ABOUT)


def read(folder: Path) -> Version:
    """What `record` kept; `DataError` if a file is missing or the folder bears another day."""
    for name in FILES:
        if not (folder / name).is_file():
            raise DataError(
                str(folder),
                f"no {name}",
                f"the files of one version: {', '.join(FILES)}",
                "Bring the folder back from a copy, or delete all of it: the history then begins "
                "with the version after it.",
            )
    about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
    if about["exported"] != folder.name:
        raise DataError(
            str(folder / ABOUT),
            f"the version of {about['exported']}",
            f"that of {folder.name}",
            "Give the folder its own name again.",
        )
    return Version(
        about["exported"],
        about["key"],
        read_parquet(folder / PATIENTS),
        read_csv(folder / ESTIMATES),
        read_csv(folder / STEPS, text=("since", "version")),
    )
