"""Hold the printed figures of a study against each other."""

from __future__ import annotations

from command import command_line
from resarc.audit import audit, to_frame
from resarc.configuration import from_json
from resarc.output import write_csv
from resarc.protocol import Protocol
from resarc.published import Published


def main() -> None:
    arguments = command_line(
        __doc__, reads=["protocol", "published"], writes=["audit"]
    ).parse_args()
    findings = audit(
        from_json(arguments.published, Published), from_json(arguments.protocol, Protocol)
    )
    write_csv(to_frame(findings), arguments.audit)


if __name__ == "__main__":
    main()
