"""Bound what the printed figures of a study leave open, over all datasets rebuilt from them."""

from __future__ import annotations

import pandas as pd

from command import command_line
from planned import planned
from resarc import synthesis
from resarc.configuration import from_json
from resarc.identify import envelopes, identify, identify_adjusted
from resarc.output import read_csv, write_csv
from resarc.precision import precision
from resarc.protocol import Protocol
from resarc.published import Published


def main() -> None:
    arguments = command_line(
        __doc__,
        reads=["protocol", "published", "questions", "ensemble", "targets"],
        writes=["identified", "envelopes", "adjusted", "precision"],
    ).parse_args()
    protocol = from_json(arguments.protocol, Protocol)
    published = from_json(arguments.published, Published)
    ensemble = pd.read_parquet(arguments.ensemble)
    wanted = planned(protocol, published, arguments.questions, arguments.targets)
    estimands = [item.estimand for item in wanted]
    table = identify(estimands, ensemble, protocol, read_csv(arguments.targets))
    write_csv(table, arguments.identified)
    write_csv(envelopes(ensemble, protocol), arguments.envelopes)
    write_csv(identify_adjusted(ensemble, protocol), arguments.adjusted)
    asked = synthesis.load(arguments.questions).estimands(protocol.study)
    write_csv(precision(asked, ensemble, protocol), arguments.precision)


if __name__ == "__main__":
    main()
