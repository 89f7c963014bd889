"""Bound what the printed figures of a study leave open, over all datasets rebuilt from them: all at once,
or a part of the estimands (`--part N --of M --to FILE`), or gathered from parts (`--parts FILE…`)."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from command import command_line
from parts import add_arguments, read_exact, share, write_exact
from planned import planned
from resarc import synthesis
from resarc.configuration import from_json
from resarc.identify import envelopes, identify, identify_adjusted
from resarc.output import read_csv, write_csv
from resarc.precision import precision
from resarc.protocol import Protocol
from resarc.published import Published


def main() -> None:
    parser = command_line(
        __doc__, reads=["protocol", "published", "questions", "ensemble", "targets"], writes=[]
    )
    for name in ("identified", "envelopes", "adjusted", "precision"):
        parser.add_argument(f"--{name}", type=Path, help="file that is written")
    add_arguments(parser)
    arguments = parser.parse_args()
    protocol = from_json(arguments.protocol, Protocol)
    published = from_json(arguments.published, Published)
    ensemble = pd.read_parquet(arguments.ensemble)
    wanted = planned(protocol, published, arguments.questions, arguments.targets)
    estimands = [item.estimand for item in wanted]
    targets = read_csv(arguments.targets)
    part = share(arguments)
    if part:
        table = identify(part.take(estimands), ensemble, protocol, targets)
        write_exact(table, arguments.to)
        return
    if arguments.parts:
        table = read_exact(arguments.parts)
    else:
        table = identify(estimands, ensemble, protocol, targets)
    write_csv(table, arguments.identified)
    write_csv(envelopes(ensemble, protocol), arguments.envelopes)
    write_csv(identify_adjusted(ensemble, protocol), arguments.adjusted)
    asked = synthesis.load(arguments.questions).estimands(protocol.study)
    write_csv(precision(asked, ensemble, protocol), arguments.precision)


if __name__ == "__main__":
    main()
