"""Rebuild datasets from the printed figures of a study: all at once, or split into parts.

Split, three jobs follow each other: `--scheme FILE` alone decides and writes the scheme; with `--part N
--of M --to FILE` the datasets of one part are built; with `--parts FILE…` they are gathered.
"""

from __future__ import annotations

from pathlib import Path
from time import monotonic

import pandas as pd

from command import command_line
from parts import Share, add_arguments, read_exact, share, write_exact
from resarc.configuration import from_json
from resarc.output import write_csv, write_parquet, write_text
from resarc.protocol import Protocol
from resarc.published import Published
from resarc.reconstruct import scheme
from resarc.reconstruct.engine import (
    Reconstruction,
    build_chunk,
    chunks,
    decide,
    gather,
    reconstruct,
)
from resarc.reconstruct.members import CHUNK
from resarc.reconstruct.scheme import Scheme

RESULTS = ("ensemble", "targets", "hypotheses", "conflicts")


def main() -> None:
    parser = command_line(__doc__, reads=["protocol", "published"], writes=[])
    parser.add_argument("--members", type=int, required=True, help="datasets to rebuild")
    parser.add_argument("--seed", type=int, required=True, help="seed of every random stream")
    parser.add_argument("--scheme", type=Path, help="what is decided once")
    for name in RESULTS:
        parser.add_argument(f"--{name}", type=Path, help="file that is written")
    add_arguments(parser)
    arguments = parser.parse_args()
    protocol = from_json(arguments.protocol, Protocol)
    published = from_json(arguments.published, Published)
    part = share(arguments)

    def decided() -> Scheme:
        return scheme.from_json(arguments.scheme.read_text(encoding="utf-8"), protocol, published)

    if part:
        write_exact(build(decided(), part, arguments.members), arguments.to)
    elif arguments.parts:
        write(gather(decided(), [read_exact(arguments.parts)]), *files(arguments))
    elif arguments.scheme:
        found = decide(protocol, published, seed=arguments.seed, progress=say)
        write_text(scheme.to_json(found), arguments.scheme)
    else:
        members, seed = arguments.members, arguments.seed
        found = reconstruct(protocol, published, members=members, seed=seed, progress=say)
        write(found, *files(arguments))


def build(decided: Scheme, part: Share, members: int) -> pd.DataFrame:
    """The datasets of one part."""
    own = part.range(chunks(members))
    wanted = min(own.stop * CHUNK, members) - own.start * CHUNK
    frames, began, done = [], monotonic(), 0
    for chunk in own:
        frames.append(build_chunk(decided, chunk, members=members))
        done += frames[-1]["member"].nunique()
        left = (monotonic() - began) / done * (wanted - done)
        say(f"{done} of {wanted} datasets" + (f", about {left:.0f} s left" if left else ""))
    return pd.concat(frames, ignore_index=True)


def files(arguments) -> list[Path]:
    return [getattr(arguments, name) for name in RESULTS]


def write(
    found: Reconstruction, ensemble: Path, targets: Path, hypotheses: Path, conflicts: Path
) -> None:
    write_parquet(found.ensemble, ensemble)
    write_csv(found.targets, targets)
    write_csv(found.hypotheses, hypotheses)
    write_csv(found.conflicts, conflicts)


def say(words: str) -> None:
    print(words, flush=True)


if __name__ == "__main__":
    main()
