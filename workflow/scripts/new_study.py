"""Propose the protocol of a study from a registry's file: make new-study NAME=... DATA=path."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from command import explain_errors
from resarc.errors import ConfigurationError, DataError
from resarc.intake.reading import Expected
from resarc.intake.source import read_file
from resarc.output import write_text
from resarc.proposal import DECIDE, propose, protocol_text
from resarc.proposal.columns import quoted
from resarc.protocol import Layout

STUDIES = Path("config", "studies")


def main() -> None:
    explain_errors()
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--name", required=True, help="what the study is called")
    parser.add_argument("--data", type=Path, required=True, help="the registry's file")
    parser.add_argument("--dictionary", type=Path, help="data dictionary of a REDCap export")
    parser.add_argument("--sheet", help="the sheet of a workbook that has several")
    parser.add_argument("--header", type=int, default=1, help="the row that holds the headers")
    arguments = parser.parse_args()
    target = new_file(arguments.name)
    layout = Layout(
        format="redcap" if arguments.dictionary else None,
        dictionary=arguments.dictionary,
        sheet=arguments.sheet or None,
        header=arguments.header,
    )
    if not arguments.data.is_file():
        raise DataError(
            str(arguments.data), "no such file", "the registry's data", "Correct DATA=path."
        )
    found = read_file(arguments.data, layout, Expected())
    if found.frame.empty:
        raise DataError(str(arguments.data), "no row below the header", "at least one patient", "")
    columns = propose(
        found.frame.drop(columns=[c for c in found.own if c in found.frame]),
        titles=found.titles,
        labels=found.labels,
        dates=found.dates,
        identifiers=found.identifiers,
    )
    given = [
        (key, quoted(str(getattr(layout, key))) if key != "header" else str(layout.header))
        for key in ("format", "dictionary", "sheet", "header")
        if getattr(layout, key) and not (key == "header" and layout.header == 1)
    ]
    text = protocol_text(arguments.name, arguments.data.as_posix(), columns, given)
    write_text(text, target)
    kinds = [column.kind for column in columns]
    print(f"{arguments.data}: {len(found.frame):,} rows, {len(columns)} columns")
    for fact in found.facts:
        print(f"  {fact.what}: {fact.value} ({fact.how})")
    told = ", ".join(f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds))
    print(f"Proposed: {told}.")
    print(f"Written: {target}, with {text.count(f'{DECIDE}:')} decisions marked {DECIDE}. Then:")
    print(f"  1. Decide them in {target}; 'exported' is needed.")
    print(f"  2. Add the line '  - {arguments.name}' below 'studies' in config/config.yaml.")
    print("  3. Run make. What is still wrong is said before anything runs.")


def new_file(name: str) -> Path:
    """Where the protocol goes; `ConfigurationError` if the name cannot be one or is taken."""
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise ConfigurationError(
            "NAME",
            repr(name),
            "lower-case letters, digits and underscores, a letter first, such as our_registry",
        )
    target = STUDIES / f"{name}.yaml"
    if target.exists():
        raise ConfigurationError(
            str(target),
            "a file that is there",
            "a new name",
            "Take another NAME, or remove the file.",
        )
    return target


if __name__ == "__main__":
    main()
