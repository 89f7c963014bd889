"""Write the page for who mends a registry's data: what cleaning found, and what to do about it."""

from __future__ import annotations

import resarc
from command import command_line
from resarc.configuration import from_json
from resarc.output import read_csv, write_text
from resarc.protocol import Protocol
from resarc.report import html
from resarc.report.quality import QualityInputs, build


def main() -> None:
    arguments = command_line(
        __doc__,
        reads=["protocol", "source", "rejected", "flagged", "quality", "corrections", "clean"],
        writes=["page"],
    ).parse_args()
    import pyarrow.parquet as pq

    given = QualityInputs(
        protocol=from_json(arguments.protocol, Protocol),
        version=resarc.__version__,
        source=read_csv(arguments.source, text=("value", "sheet")),
        rejected=read_csv(arguments.rejected, text=("value", "sheet")),
        flagged=read_csv(arguments.flagged, text=("value", "sheet")),
        quality=read_csv(arguments.quality),
        corrections=read_csv(arguments.corrections, text=("old", "new", "patient", "when")),
        kept=pq.read_metadata(arguments.clean).num_rows,
    )
    write_text(html.render(build(given)), arguments.page)


if __name__ == "__main__":
    main()
