"""Push the datasets rebuilt from a study's figures to the ends of what the figures leave open."""

from __future__ import annotations

import pandas as pd

from command import command_line
from planned import planned
from resarc.configuration import from_json
from resarc.identify.diversity import diversity
from resarc.identify.enumeration import outermost
from resarc.identify.push import push
from resarc.identify.sensitivity import sensitivity
from resarc.output import read_csv, read_parquet, significant, write_csv, write_parquet
from resarc.protocol import Protocol
from resarc.published import Published


def main() -> None:
    parser = command_line(
        __doc__,
        reads=["protocol", "published", "questions", "ensemble", "targets"],
        writes=["extremes", "sought", "sensitivity", "diversity"],
    )
    parser.add_argument("--seed", type=int, required=True, help="seed of every random stream")
    arguments = parser.parse_args()
    protocol = from_json(arguments.protocol, Protocol)
    published = from_json(arguments.published, Published)
    sample, targets = read_parquet(arguments.ensemble), read_csv(arguments.targets)
    wanted = planned(protocol, published, arguments.questions, arguments.targets)
    estimands = [item.estimand for item in wanted]
    found = push(
        estimands,
        sample,
        protocol,
        published,
        targets,
        seed=arguments.seed,
        progress=lambda words: print(words, flush=True),
    )
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
    write_csv(significant(sought.astype(types)), arguments.sought)
    write_parquet(found.members, arguments.extremes)
    write_csv(sensitivity(estimands, sample, protocol), arguments.sensitivity)
    write_csv(diversity(sample, protocol), arguments.diversity)


if __name__ == "__main__":
    main()
