"""Hold each printed figure of a study against what was found."""

from __future__ import annotations

from pathlib import Path

from command import command_line
from resarc.compare import compare
from resarc.configuration import from_json
from resarc.output import read_csv, write_csv
from resarc.protocol import Protocol
from resarc.published import Published


def main() -> None:
    parser = command_line(
        __doc__, reads=["protocol", "published", "estimates"], writes=["comparison"]
    )
    parser.add_argument("--identified", type=Path, help="identified sets of a reconstruction")
    parser.add_argument("--targets", type=Path, help="targets of a reconstruction")
    arguments = parser.parse_args()
    table = compare(
        from_json(arguments.published, Published),
        from_json(arguments.protocol, Protocol),
        read_csv(arguments.estimates),
        read_csv(arguments.identified) if arguments.identified else None,
        read_csv(arguments.targets) if arguments.targets else None,
    )
    write_csv(table, arguments.comparison)


if __name__ == "__main__":
    main()
