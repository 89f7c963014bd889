"""Rebuild datasets from the printed figures of a study, and export one of them as a source."""

from __future__ import annotations

from command import command_line
from resarc.configuration import from_json
from resarc.output import write_csv, write_parquet
from resarc.protocol import Protocol
from resarc.published import Published
from resarc.reconstruct import reconstruct
from resarc.reconstruct.export import to_export
from resarc.seeds import stream


def main() -> None:
    parser = command_line(
        __doc__,
        reads=["protocol", "published"],
        writes=["ensemble", "targets", "hypotheses", "export"],
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
    chosen = protocol.source.export_member
    member = result.ensemble[result.ensemble["member"] == chosen].drop(columns="member")
    rng = stream(protocol.study, "export", chosen, seed=arguments.seed)
    export = to_export(member, protocol, published, rng)
    write_parquet(result.ensemble, arguments.ensemble)
    write_csv(result.targets, arguments.targets)
    write_csv(result.hypotheses, arguments.hypotheses)
    source = protocol.source
    write_csv(
        export,
        arguments.export,
        separator=source.separator or ",",
        encoding=source.encoding or "utf-8",
        verbatim=True,
    )


if __name__ == "__main__":
    main()
