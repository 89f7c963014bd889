"""Bound what the printed figures of a study leave open, over all datasets rebuilt from them and over
those that were pushed to the ends: all at once, or a part of the estimands (`--part N --of M --to FILE`), or gathered from parts (`--parts FILE…`)."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from command import command_line
from parts import add_arguments, read_exact, share, write_exact
from planned import planned
from resarc import synthesis
from resarc.configuration import from_json
from resarc.estimand import Estimand
from resarc.identify import envelopes, identify, identify_adjusted, identify_by_hypothesis
from resarc.output import read_csv, read_parquet, write_csv
from resarc.precision import precision
from resarc.protocol import Protocol
from resarc.published import Published


def main() -> None:
    parser = command_line(
        __doc__,
        reads=["protocol", "published", "questions", "ensemble", "targets", "extremes", "sought"],
        writes=[],
    )
    for name in ("identified", "envelopes", "adjusted", "precision", "by-hypothesis"):
        parser.add_argument(f"--{name}", type=Path, help="file that is written")
    add_arguments(parser)
    arguments = parser.parse_args()
    protocol = from_json(arguments.protocol, Protocol)
    published = from_json(arguments.published, Published)
    sample, extremes = (read_parquet(p) for p in (arguments.ensemble, arguments.extremes))
    ensemble = pd.concat([sample, extremes], ignore_index=True)
    wanted = planned(protocol, published, arguments.questions, arguments.targets)
    estimands = [item.estimand for item in wanted]
    targets = read_csv(arguments.targets)
    sought = read_csv(arguments.sought)
    proved = sought.dropna(subset=["outer_lower"])[["estimand", "outer_lower", "outer_upper"]]
    found = {
        "pushed": extremes["member"].nunique(),
        "sought": [
            Estimand.parse(e)
            for e in sought.loc[sought["sought"].astype(str) == "True", "estimand"]
        ],
        "outermost": {Estimand.parse(e): (low, high) for e, low, high in proved.to_numpy()},
    }
    part = share(arguments)
    if part:
        table = identify(part.take(estimands), ensemble, protocol, targets, **found)
        write_exact(table, arguments.to)
        return
    if arguments.parts:
        table = read_exact(arguments.parts)
    else:
        table = identify(estimands, ensemble, protocol, targets, **found)
    write_csv(table, arguments.identified)
    write_csv(envelopes(ensemble, protocol), arguments.envelopes)
    write_csv(identify_adjusted(ensemble, protocol), arguments.adjusted)
    write_csv(identify_by_hypothesis(estimands, ensemble, protocol), arguments.by_hypothesis)
    asked = synthesis.load(arguments.questions).estimands(protocol.study)
    write_csv(precision(asked, ensemble, protocol), arguments.precision)


if __name__ == "__main__":
    main()
