"""What the workflow engine keeps about each job: the rule, what it read and made, and when.

Snakemake writes one record for every output file below `.snakemake/metadata`, named after the file
in URL-safe base64 (a long name is cut into folders that begin with "@"). This is what it looks at
to tell what is out of date; here it is read as the provenance of the results.
"""

from __future__ import annotations

import binascii
import json
from base64 import urlsafe_b64decode
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PARTS = ".snakemake/resarc.parts/"
"""Where the jobs into which one is split leave what they made; it is gone when a run ends, and whatever
it was made from is read by the job that gathers it too."""

PASSES = 2
"""How often the ends of identified sets are sought, each time by as many jobs, from what those of the time
before met: after the first pass every pushed member may start the second for every estimand."""


@dataclass(frozen=True)
class Job:
    """One job of a run. Paths are relative to the folder in which the pipeline runs."""

    rule: str
    inputs: tuple[str, ...]
    """Sorted; the code that the job rests on is among them."""
    outputs: tuple[str, ...]
    """Sorted; a folder stands for the files in it."""
    logs: tuple[str, ...]
    command: str
    started: float
    """Seconds since 1970, UTC."""
    ended: float


def read_jobs(records: Path, outputs: Iterable[str]) -> list[Job]:
    """The jobs that made these outputs, in the order of the outputs, from the folder of records.

    An output without a readable record is made by no job here: Snakemake was interrupted while it
    wrote the record, or the results came from elsewhere.
    """
    known = dict(_records(records))
    jobs: dict[tuple[str, str], list[tuple[str, dict[str, Any]]]] = {}
    for output in outputs:
        record = known.get(output)
        if record and record.get("rule") and not record.get("incomplete"):
            key = record["rule"], record.get("shellcmd") or output
            jobs.setdefault(key, []).append((output, record))
    return [_job(made) for made in jobs.values()]


def _job(made: list[tuple[str, dict[str, Any]]]) -> Job:
    record = made[0][1]
    return Job(
        rule=record["rule"],
        inputs=tuple(sorted(x for x in record.get("input") or () if not x.startswith(PARTS))),
        outputs=tuple(sorted(output for output, _ in made)),
        logs=tuple(record.get("log") or ()),
        command=record.get("shellcmd") or "",
        started=min(each["starttime"] for _, each in made),
        ended=max(each["endtime"] for _, each in made),
    )


def _records(folder: Path) -> Iterable[tuple[str, dict[str, Any]]]:
    for path in sorted(folder.rglob("*")):
        if not path.is_file():
            continue
        *folders, name = path.relative_to(folder).parts
        try:
            encoded = "".join(part.removeprefix("@") for part in folders) + name
            output = urlsafe_b64decode(encoded).decode("utf-8")
            record = json.loads(path.read_text(encoding="utf-8"))
        except (binascii.Error, ValueError):
            continue  # not a record, or half of one
        if isinstance(record, dict):
            yield output, record
