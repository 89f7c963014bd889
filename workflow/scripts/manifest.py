"""List every result with its digest, the job that made it, what the job read, and the software."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from command import command_line
from resarc.jobs import Job, read_jobs
from resarc.output import write_text
from resarc.provenance import digest, software


def main() -> None:
    parser = command_line(__doc__, reads=["project"], writes=["manifest"])
    parser.add_argument("--studies", nargs="+", required=True, help="ids of the studies")
    parser.add_argument("--members", type=int, required=True, help="datasets for each study")
    parser.add_argument("--seed", type=int, required=True, help="seed of every random stream")
    parser.add_argument("--effort", type=int, required=True, help="how hard ends were sought")
    parser.add_argument("--read", nargs="+", type=Path, required=True, help="the run's own inputs")
    parser.add_argument(
        "--made", nargs="+", action="append", required=True, help="a rule and the files it made"
    )
    parser.add_argument(
        "--records", type=Path, required=True, help="folder in which Snakemake keeps each job"
    )
    arguments = parser.parse_args()
    jobs = read_jobs(arguments.records, [name for _, *names in arguments.made for name in names])
    manifest = {
        "settings": {
            "studies": arguments.studies,
            "members": arguments.members,
            "seed": arguments.seed,
            "effort": arguments.effort,
        },
        "software": software(arguments.project),
        "inputs": [entry(path) for path in read_by(jobs, arguments.read)],
        "jobs": [{"rule": job.rule, "inputs": job.inputs, "outputs": job.outputs} for job in jobs],
        "results": [
            {"rule": rule, **entry(path)}
            for rule, *names in arguments.made
            for path in files(map(Path, names))
        ],
    }
    text = json.dumps(manifest, indent=1, ensure_ascii=False)
    write_text(text + "\n", arguments.manifest)


def read_by(jobs: Iterable[Job], more: Iterable[Path]) -> list[Path]:
    """What the jobs read that no job made (configuration, data, code), and some more, sorted."""
    made = {name for job in jobs for name in job.outputs}
    read = {Path(name) for job in jobs for name in job.inputs if name not in made}
    return sorted(read | set(more))


def entry(path: Path) -> dict[str, str | int]:
    return {"path": path.as_posix(), "bytes": path.stat().st_size, "sha256": digest(path)}


def files(paths: Iterable[Path]) -> Iterator[Path]:
    """The files themselves, and those of a folder."""
    for path in paths:
        if path.is_dir():
            yield from sorted(p for p in path.rglob("*") if p.is_file() and p.name[0] != ".")
        else:
            yield path


if __name__ == "__main__":
    main()
