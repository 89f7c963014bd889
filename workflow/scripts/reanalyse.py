"""Beside each analysis of a paper the one that is recommended today: in a registry, or in all datasets
rebuilt from the printed figures."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from command import command_line
from resarc.configuration import from_json
from resarc.output import read_csv, write_csv
from resarc.protocol import Protocol
from resarc.reanalysis import of_members, of_registry, reanalyse


def main() -> None:
    parser = command_line(
        __doc__, reads=["protocol"], writes=["reanalysis", "curves", "conclusions"]
    )
    parser.add_argument("--cohort", type=Path, help="patients of a registry")
    parser.add_argument("--ensemble", type=Path, help="datasets of a reconstruction")
    parser.add_argument("--targets", type=Path, help="targets of a reconstruction")
    arguments = parser.parse_args()
    protocol = from_json(arguments.protocol, Protocol)
    if arguments.ensemble:
        members = pd.read_parquet(arguments.ensemble)
        data = of_members(members, protocol, read_csv(arguments.targets))
    else:
        data = of_registry(pd.read_parquet(arguments.cohort), protocol)
    found = reanalyse(data)
    write_csv(found.numbers, arguments.reanalysis)
    write_csv(found.curves, arguments.curves)
    write_csv(found.conclusions, arguments.conclusions)


if __name__ == "__main__":
    main()
