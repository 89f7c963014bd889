"""Beside each analysis of a paper the one that is recommended today: in a registry, or in all datasets
rebuilt from the printed figures. All at once, or a part of the recommendations (`--part N --of M --to
FOLDER`), or gathered from parts (`--parts FOLDER…`)."""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd

from command import command_line
from parts import add_arguments, read_exact, share, write_exact
from resarc.configuration import from_json
from resarc.output import read_csv, read_parquet, write_csv
from resarc.protocol import Protocol
from resarc.reanalysis import of_members, of_registry, reanalyse, recommendations

TABLES = ("numbers", "curves", "conclusions")


def main() -> None:
    parser = command_line(__doc__, reads=["protocol"], writes=[])
    for name in ("reanalysis", "curves", "conclusions"):
        parser.add_argument(f"--{name}", type=Path, help="file that is written")
    add_arguments(parser)
    parser.add_argument("--cohort", type=Path, help="patients of a registry")
    parser.add_argument("--ensemble", type=Path, help="datasets of a reconstruction")
    parser.add_argument("--targets", type=Path, help="targets of a reconstruction")
    arguments = parser.parse_args()
    protocol = from_json(arguments.protocol, Protocol)
    if arguments.parts:
        tables = [
            read_exact([folder / f"{x}.parquet" for folder in arguments.parts]) for x in TABLES
        ]
        write(tables, arguments)
        return
    if arguments.ensemble:
        members = read_parquet(arguments.ensemble)
        data = of_members(members, protocol, read_csv(arguments.targets))
    else:
        data = of_registry(read_parquet(arguments.cohort), protocol)
    asked = recommendations(protocol)
    part = share(arguments)
    found = reanalyse(data, part.take(asked) if part else asked)
    tables = [getattr(found, name) for name in TABLES]
    if part:
        for name, table in zip(TABLES, tables, strict=True):
            write_exact(table, arguments.to / f"{name}.parquet")
    else:
        write(tables, arguments)


def write(tables: list[pd.DataFrame], arguments: argparse.Namespace) -> None:
    places = (arguments.reanalysis, arguments.curves, arguments.conclusions)
    for table, place in zip(tables, places, strict=True):
        write_csv(table, place)


if __name__ == "__main__":
    main()
