"""Write the data dictionary of a REDCap project that would hold a study's columns."""

from __future__ import annotations

from command import command_line
from resarc.configuration import from_json
from resarc.output import write_bytes
from resarc.protocol import Protocol
from resarc.reconstruct.writing import dictionary


def main() -> None:
    arguments = command_line(__doc__, reads=["protocol"], writes=["dictionary"]).parse_args()
    write_bytes(dictionary(from_json(arguments.protocol, Protocol)), arguments.dictionary)


if __name__ == "__main__":
    main()
