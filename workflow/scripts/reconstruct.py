"""Rebuild datasets from the printed figures of a study."""

from __future__ import annotations

from command import command_line
from resarc.configuration import from_json
from resarc.output import write_csv, write_parquet
from resarc.protocol import Protocol
from resarc.published import Published
from resarc.reconstruct import reconstruct


def main() -> None:
    parser = command_line(
        __doc__,
        reads=["protocol", "published"],
        writes=["ensemble", "targets", "hypotheses", "conflicts"],
    )
    parser.add_argument("--members", type=int, required=True, help="datasets to rebuild")
    parser.add_argument("--seed", type=int, required=True, help="seed of every random stream")
    arguments = parser.parse_args()
    protocol = from_json(arguments.protocol, Protocol)
    published = from_json(arguments.published, Published)
    result = reconstruct(
        protocol,
        published,
        members=arguments.members,
        seed=arguments.seed,
        progress=lambda words: print(words, flush=True),
    )
    write_parquet(result.ensemble, arguments.ensemble)
    write_csv(result.targets, arguments.targets)
    write_csv(result.hypotheses, arguments.hypotheses)
    write_csv(result.conflicts, arguments.conflicts)


if __name__ == "__main__":
    main()
