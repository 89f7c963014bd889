"""What a second run says of an archive: which results are the same, and where a difference begins."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Difference:
    path: str
    kind: str
    """`differs`, `not made again`, or `not in the archive`."""
    rule: str
    origin: bool
    """Whether the job that made it had nothing but identical inputs, so that it begins here."""


@dataclass(frozen=True)
class Comparison:
    identical: tuple[str, ...]
    differences: tuple[Difference, ...]


def compare(
    archived: Mapping[str, str], again: Mapping[str, str], jobs: Iterable[Mapping[str, Any]]
) -> Comparison:
    """Results by their SHA-256, as archived and as made again, with the archived jobs.

    A job is as in results/manifest.json: its rule, inputs and outputs; a folder among the outputs
    stands for the files in it.
    """
    kinds = {
        path: "not made again"
        if path not in again
        else "not in the archive"
        if path not in archived
        else "differs"
        for path in sorted({*archived, *again})
        if archived.get(path) != again.get(path)
    }
    made_by = {output: job for job in jobs for output in job["outputs"]}
    # A folder that a job made has changed with any file in it.
    changed = set(kinds) | {path.rpartition("/")[0] for path in kinds}
    differences = []
    for path, kind in kinds.items():
        job = made_by.get(path) or made_by.get(path.rpartition("/")[0])
        differences.append(
            Difference(
                path=path,
                kind=kind,
                rule=job["rule"] if job else "",
                origin=bool(job) and not changed & set(job["inputs"]),
            )
        )
    identical = tuple(path for path in sorted(archived) if path not in kinds)
    return Comparison(identical, tuple(differences))
