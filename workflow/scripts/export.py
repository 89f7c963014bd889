"""Write one rebuilt dataset as the source of its study, in the format that its protocol names."""

from __future__ import annotations

import argparse

import pandas as pd

from command import command_line
from resarc.configuration import from_json
from resarc.output import read_parquet, write_bytes
from resarc.protocol import Protocol
from resarc.published import Published
from resarc.reconstruct.export import to_export
from resarc.reconstruct.writing import as_bytes
from resarc.seeds import stream


def main() -> None:
    parser = command_line(__doc__, reads=["protocol", "published", "ensemble"], writes=["export"])
    parser.add_argument("--seed", type=int, required=True, help="seed of every random stream")
    arguments = parser.parse_args()
    protocol = from_json(arguments.protocol, Protocol)
    write_bytes(as_bytes(export_of(arguments, protocol), protocol), arguments.export)


def export_of(arguments: argparse.Namespace, protocol: Protocol) -> pd.DataFrame:
    """The source table of the member that the protocol names."""
    chosen = protocol.source.export_member
    ensemble = read_parquet(arguments.ensemble)
    ensemble = ensemble[ensemble["member"] == chosen].reset_index(drop=True)
    rng = stream(protocol.study, "export", chosen, seed=arguments.seed)
    published = from_json(arguments.published, Published)
    return to_export(ensemble.drop(columns="member"), protocol, published, rng)


if __name__ == "__main__":
    main()
