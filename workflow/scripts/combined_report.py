"""Write the report over all studies: web page, PDF, content model and drawings."""

from __future__ import annotations

import json
from pathlib import Path

import resarc
from command import command_line
from documents import write_documents
from resarc import references
from resarc.configuration import from_json
from resarc.output import read_csv
from resarc.protocol import Protocol
from resarc.provenance import digest, software
from resarc.report.combined import CombinedInputs, CombinedStudy, build


def main() -> None:
    parser = command_line(
        __doc__,
        reads=[
            "results",
            "harmonised",
            "pooled",
            "left-out",
            "reported",
            "works",
            "evidence-map",
            "references",
            "project",
        ],
        writes=["html", "pdf", "model", "figures"],
    )
    parser.add_argument("--studies", nargs="+", required=True, help="ids of the studies, in order")
    parser.add_argument("--read", nargs="+", type=Path, required=True, help="the run's own files")
    arguments = parser.parse_args()
    studies = [results_of(arguments.results / study) for study in arguments.studies]
    given = CombinedInputs(
        studies=studies,
        harmonised=read_csv(arguments.harmonised),
        pooled=read_csv(arguments.pooled),
        left_out=read_csv(arguments.left_out),
        reported=read_csv(arguments.reported),
        works=read_csv(arguments.works),
        evidence_map=read_csv(arguments.evidence_map),
        version=resarc.__version__,
        data_date=max(study.model["data_date"] for study in studies),
        references=references.load(arguments.references),
        provenance={
            "Files read": {path.as_posix(): f"SHA-256 {digest(path)}" for path in arguments.read},
            "Software": software(arguments.project),
        },
    )
    write_documents(build(given), arguments.html, arguments.pdf, arguments.model, arguments.figures)


def results_of(folder: Path) -> CombinedStudy:
    """What one study's folder of results contributes."""
    protocol = from_json(folder / "protocol.json", Protocol)
    rebuilt = protocol.source.kind == "reconstruction"
    return CombinedStudy(
        protocol=protocol,
        model=json.loads((folder / "model.json").read_text(encoding="utf-8")),
        link=f"../{folder.name}/report.html",
        curves=read_csv(folder / "curves.csv"),
        envelopes=read_csv(folder / "envelopes.csv") if rebuilt else None,
    )


if __name__ == "__main__":
    main()
