"""Push the datasets rebuilt from a study's figures to the ends of what the figures leave open: all at once,
or in steps, each of which reads what those before it met. `--to FILE` begins; `--begun FILE`, with the
files of each pass that is done (`--pass FILE…`), and `--part N --of M --to FILE` does a part of the next
pass; without `--to` the passes are gathered."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from command import command_line
from parts import add_arguments, read_arrays, share, write_arrays
from planned import planned
from resarc.configuration import from_json
from resarc.estimand import Estimand
from resarc.identify.diversity import diversity
from resarc.identify.ends import Met, Search, from_arrays, joined
from resarc.identify.enumeration import outermost
from resarc.identify.push import Pushed, gather, prepare
from resarc.identify.sensitivity import sensitivity
from resarc.jobs import PASSES
from resarc.output import read_csv, read_parquet, significant, write_csv, write_parquet
from resarc.protocol import Protocol
from resarc.published import Published

WRITES = ("extremes", "sought", "sensitivity", "diversity")


def main() -> None:
    parser = command_line(
        __doc__, reads=["protocol", "published", "questions", "ensemble", "targets"], writes=[]
    )
    for name in WRITES:
        parser.add_argument(f"--{name}", type=Path, help="file that is written")
    parser.add_argument("--seed", type=int, required=True, help="seed of every random stream")
    parser.add_argument("--effort", type=int, required=True, help="how hard ends are sought")
    add_arguments(parser)
    parser.add_argument("--begun", type=Path, help="file with which the steps began")
    parser.add_argument(
        "--pass", dest="passes", type=Path, nargs="+", action="append", default=[],
        help="files of all parts of a pass, in their order",
    )  # fmt: skip
    arguments = parser.parse_args()
    protocol = from_json(arguments.protocol, Protocol)
    published = from_json(arguments.published, Published)
    sample, targets = read_parquet(arguments.ensemble), read_csv(arguments.targets)
    wanted = planned(protocol, published, arguments.questions, arguments.targets)
    estimands = [item.estimand for item in wanted]
    searches = prepare(
        estimands, sample, protocol, published, targets,
        seed=arguments.seed, effort=arguments.effort, progress=_say,
    )  # fmt: skip
    if arguments.begun:
        steps = [[arguments.begun], *arguments.passes]
        met = [[read(files, k, search) for files in steps] for k, search in enumerate(searches)]
    else:
        met = [[search.begin()] for search in searches]
    part = share(arguments)
    if part:
        write([s.turn(m, part.take) for s, m in zip(searches, met, strict=True)], arguments.to)
    elif arguments.to:
        write([m for (m,) in met], arguments.to)
    else:
        if not arguments.begun:
            for _ in range(PASSES):
                for search, before in zip(searches, met, strict=True):
                    before.append(search.turn(before))
        found = gather(searches, met, sample)
        write_sought(found, estimands, protocol, published, arguments.sought)
        write_parquet(found.members, arguments.extremes)
        write_csv(sensitivity(estimands, sample, protocol), arguments.sensitivity)
        write_csv(diversity(sample, protocol), arguments.diversity)


def _say(words: str) -> None:
    print(words, flush=True)


def write(met: list[Met], path: Path) -> None:
    """What a step met under each hypothesis, as arrays with the number of the hypothesis before their
    names."""
    arrays = {f"{k} {name}": array for k, m in enumerate(met) for name, array in m.arrays().items()}
    write_arrays(arrays, path)


def read(paths: list[Path], hypothesis: int, search: Search) -> Met:
    """What the parts of a step met under one hypothesis."""
    parts = []
    for path in paths:
        begin = f"{hypothesis} "
        arrays: dict[str, np.ndarray] = {
            name.removeprefix(begin): array
            for name, array in read_arrays(path).items()
            if name.startswith(begin)
        }
        parts.append(from_arrays(arrays, search))
    return joined(parts)


def write_sought(
    found: Pushed, estimands: list[Estimand], protocol: Protocol, published: Published, path: Path
) -> None:
    """Which ends were sought, and which proofs bound what stays open."""
    print(
        f"{found.searches} searches, {found.members['member'].nunique()} datasets kept, "
        f"{found.refused} refused when judged afresh"
    )
    proved = outermost(estimands, found.targets, protocol, published.count())
    rows = [
        (str(e), e in found.sought, *proved.get(e, (float("nan"), float("nan"))))
        for e in dict.fromkeys((*found.sought, *proved))
    ]
    sought = pd.DataFrame(rows, columns=["estimand", "sought", "outer_lower", "outer_upper"])
    types = {"estimand": str, "sought": bool, "outer_lower": float, "outer_upper": float}
    write_csv(significant(sought.astype(types)), path)


if __name__ == "__main__":
    main()
