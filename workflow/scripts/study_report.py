"""Write the report of one study from its results (web page, PDF, content model, drawings), and what a
manuscript takes from it (tables, sentences)."""

from __future__ import annotations

from pathlib import Path

import resarc
from command import command_line
from documents import write_documents
from resarc import references
from resarc.configuration import from_json
from resarc.output import read_csv, read_parquet, write_bytes, write_csv, write_text
from resarc.protocol import Protocol
from resarc.provenance import digest, software
from resarc.published import Published
from resarc.report import latex, word
from resarc.report.manuscript import as_frames, index_of, tables_of
from resarc.report.study import StudyInputs, build
from resarc.report.study.inputs import Reanalysed

TABLES = ("audit", "flow", "data_quality", "rejected", "estimates", "curves", "comparison")
OF_A_REGISTRY = ("adjusted", "updates", "history")
OF_A_RECONSTRUCTION = ("identified", "envelopes", "targets", "hypotheses", "conflicts", "diversity")


def main() -> None:
    parser = command_line(
        __doc__,
        reads=["results", "references", "project"],
        writes=["html", "pdf", "model", "figures", "tables", "word", "latex", "snippets"],
    )
    parser.add_argument("--seed", type=int, required=True, help="seed of every random stream")
    parser.add_argument("--effort", type=int, required=True, help="how hard ends were sought")
    parser.add_argument("--read", nargs="+", type=Path, required=True, help="the study's own files")
    arguments = parser.parse_args()
    settings = {"Seed": str(arguments.seed)}
    given = gather(arguments.results, arguments.references)
    if given.members:
        settings["Datasets rebuilt"] = str(given.members)
        settings["Effort for the ends of identified sets"] = str(arguments.effort)
    given.provenance.update(
        {
            "Settings": settings,
            "Files read": {path.as_posix(): f"SHA-256 {digest(path)}" for path in arguments.read},
            "Software": software(arguments.project),
        }
    )
    write_documents(build(given), arguments.html, arguments.pdf, arguments.model, arguments.figures)
    write_tables(given, arguments.tables, arguments.word, arguments.latex)
    write_csv(given.snippets, arguments.snippets)


def gather(results: Path, bibliography: Path) -> StudyInputs:
    """What the report is made from, out of a study's folder of results."""
    protocol = from_json(results / "protocol.json", Protocol)
    tables = {name: read_csv(results / f"{name}.csv") for name in TABLES}
    members = 0
    if protocol.source.kind == "reconstruction":
        for name in OF_A_RECONSTRUCTION:
            folder = results if name in ("identified", "envelopes") else results / "reconstruction"
            tables[name] = read_csv(folder / f"{name}.csv")
        tables["adjusted"] = read_csv(results / "identified_adjusted.csv")
        tables["by_hypothesis"] = read_csv(results / "identified_by_hypothesis.csv")
        tables["prior"] = read_csv(results / "sensitivity_prior.csv")
        ensemble = results / "reconstruction" / "ensemble.parquet"
        members = read_parquet(ensemble, columns=["member"])["member"].nunique()
    else:
        tables |= {name: read_csv(results / f"{name}.csv") for name in OF_A_REGISTRY}
    parts = ("reanalysis", "reanalysis_curves", "reanalysis_conclusions")
    return StudyInputs(
        reanalysis=Reanalysed(*(read_csv(results / f"{name}.csv") for name in parts)),
        protocol=protocol,
        published=from_json(results / "published.json", Published),
        version=resarc.__version__,
        data_date=str(protocol.data_date),
        references=references.load(bibliography),
        provenance={},
        members=members,
        **tables,
    )


def write_tables(given: StudyInputs, folder: Path, document: Path, source: Path) -> None:
    """The tables of a manuscript: each as CSV with an index, all as Word document and as LaTeX."""
    content = tables_of(given)
    for name, frame in as_frames(content.tables).items():
        write_csv(frame, folder / f"{name}.csv")
    write_csv(index_of(content.tables), folder / "index.csv")
    write_bytes(word.render(content), document)
    write_text(latex.render(content), source)


if __name__ == "__main__":
    main()
