"""Put the studies side by side, pool them where they measure the same quantity, and map what has been
published."""

from __future__ import annotations

from pathlib import Path

from command import command_line
from resarc import evidence, references
from resarc.configuration import from_json
from resarc.output import read_csv, write_csv
from resarc.protocol import Protocol
from resarc.synthesis import StudyResults, harmonise, leave_one_out, load, pool, reported


def main() -> None:
    parser = command_line(
        __doc__,
        reads=["results", "questions", "evidence", "references"],
        writes=["harmonised", "pooled", "left-out", "reported", "works", "evidence-map"],
    )
    parser.add_argument("--studies", nargs="+", required=True, help="ids of the studies")
    arguments = parser.parse_args()
    questions = load(arguments.questions)
    studies = [results_of(arguments.results / study) for study in arguments.studies]
    harmonised = harmonise(studies, questions)
    write_csv(harmonised, arguments.harmonised)
    write_csv(pool(harmonised, questions), arguments.pooled)
    write_csv(leave_one_out(harmonised, questions), arguments.left_out)
    write_csv(reported(harmonised, questions), arguments.reported)
    published = evidence.load(arguments.evidence)
    bibliography = references.load(arguments.references)
    evidence.check(published, bibliography, str(arguments.evidence))
    cited = [study.protocol.reference for study in studies]
    works = evidence.works(published, bibliography, cited)
    write_csv(works, arguments.works)
    write_csv(evidence.mapped(works), arguments.evidence_map)


def results_of(folder: Path) -> StudyResults:
    """What one study's folder of results holds of interest here."""
    protocol = from_json(folder / "protocol.json", Protocol)
    rebuilt = protocol.source.kind == "reconstruction"
    return StudyResults(
        protocol,
        read_csv(folder / "estimates.csv"),
        read_csv(folder / "identified.csv") if rebuilt else None,
        read_csv(folder / "comparison.csv"),
        read_csv(folder / "precision.csv") if rebuilt else None,
    )


if __name__ == "__main__":
    main()
