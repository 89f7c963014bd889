"""Write a registry's results in the form in which they may be shared: tables, report and drawings under
the rule of disclosure, held against what earlier releases told."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd

import resarc
from command import command_line
from documents import write_documents
from resarc import published as papers
from resarc import references
from resarc.compare import compare
from resarc.configuration import from_json
from resarc.disclosure import release
from resarc.disclosure.columns import class_of
from resarc.disclosure.record import Record, counts_table, read_record, still_stands, write_record
from resarc.output import read_csv, read_parquet, write_csv, write_text
from resarc.protocol import Protocol
from resarc.provenance import digest, software
from resarc.published import Published
from resarc.report.study import StudyInputs, build
from resarc.settings import Disclosure

TABLES = ("estimates", "curves", "flow")


def main() -> None:
    parser = command_line(
        __doc__,
        reads=["protocol", "published", "estimates", "curves", "flow", "cohort", "references",
               "project"],
        writes=["released", "record"],
    )  # fmt: skip
    parser.add_argument(
        "--earlier", nargs="*", type=Path, default=[], help="folders of earlier releases"
    )
    parser.add_argument("--read", nargs="+", type=Path, required=True, help="the study's own files")
    for name, field in Disclosure.model_fields.items():
        option = f"--{name.replace('_', '-')}"
        parser.add_argument(option, type=float, default=field.default, help="of the rule")
    arguments = parser.parse_args()
    rule = Disclosure.model_validate(
        {name: getattr(arguments, name) for name in Disclosure.model_fields}
    )
    protocol = from_json(arguments.protocol, Protocol)
    internal = {name: read_csv(getattr(arguments, name)) for name in TABLES}
    earlier = [read_record(folder) for folder in sorted(arguments.earlier)]
    cohort = read_parquet(arguments.cohort)
    record = released(protocol, internal, cohort, rule, earlier)
    for name, frame in record.tables.items():
        write_csv(frame, arguments.released / f"{name}.csv")
    paper = from_json(arguments.published, Published)
    if paper.figures:
        write_csv(compared(paper, protocol, record), arguments.released / "comparison.csv")
    about = {"exported": record.exported, "rule": rule.model_dump(), "in_words": rule.in_words}
    write_text(json.dumps(about, indent=1) + "\n", arguments.released / "about.json")
    empty = pd.DataFrame()
    given = StudyInputs(
        protocol=protocol,
        published=papers.nothing_of(protocol.study),
        version=resarc.__version__,
        data_date=record.exported,
        audit=empty,
        data_quality=empty,
        rejected=empty,
        comparison=pd.DataFrame({"verdict": []}, dtype=object),
        references=references.load(arguments.references),
        provenance={
            "Files read": {path.as_posix(): f"SHA-256 {digest(path)}" for path in arguments.read},
            "Software": software(arguments.project),
        },
        released=rule,
        **record.tables,
    )
    folder = arguments.released
    write_documents(
        build(given), folder / "report.html", folder / "report.pdf", folder / "model.json",
        folder / "figures",
    )  # fmt: skip
    write_record(record, arguments.record)


def released(
    protocol: Protocol,
    internal: dict[str, pd.DataFrame],
    cohort: pd.DataFrame,
    rule: Disclosure,
    earlier: list[Record],
) -> Record:
    """The last release again, as long as it stands; else a new one, held against all earlier ones."""
    tables = tuple(internal[name] for name in TABLES)
    new = release(*tables, cohort, protocol, rule, [record.windows for record in earlier])
    counts = counts_table(new.decision)
    if earlier and still_stands(earlier[-1], counts, internal["estimates"], rule):
        return earlier[-1]
    shown = {name: getattr(new, name) for name in TABLES}
    return Record(shown, counts, rule, str(protocol.source.exported))


def compared(paper: Published, protocol: Protocol, record: Record) -> pd.DataFrame:
    """What the paper printed beside what is released; verdicts rest on exact values and are not told."""
    frame = compare(paper, protocol, record.tables["estimates"])
    kept = ("label", "printed", "bounds", "derived")
    hidden = [c for c in frame.columns if class_of("comparison.csv", str(c)) not in kept]
    return frame.assign(**dict.fromkeys(hidden, ""))


if __name__ == "__main__":
    main()
