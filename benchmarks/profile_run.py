"""Where the wall time, the processor time and the memory of a full run go.

    python benchmarks/profile_run.py                 the default run, cold, on two cores
    python benchmarks/profile_run.py --members 8     a smaller one
    python benchmarks/profile_run.py --write         the table into benchmarks/README.md too

The pipeline runs in a copy, so nothing is there before. Each job writes down what it used when it ends
(`workflow/scripts/command.py`); what is left of the whole is Snakemake's own. With `--replace STUDY`
the study's patients are replaced afterwards (a row less) and the second run is measured as well.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PARTS = (
    *("Snakefile", "workflow", "config", "notebooks", "profiles"),
    *("environment.yml", "pyproject.toml", "uv.lock"),
)
PAGE = ROOT / "benchmarks" / "README.md"
BEGIN, END = "<!-- profile -->\n", "<!-- end of profile -->\n"
SNAKEMAKE = "Snakemake itself"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--members", type=int, default=200)
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--replace", metavar="STUDY", help="a study whose patients are replaced")
    parser.add_argument("--write", action="store_true", help=f"into {PAGE.relative_to(ROOT)}")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "resarc"
        copy_pipeline(copy)
        jobs, whole = profiled(copy, arguments.cores, arguments.members)
        text = (
            f"Default run, cold, environment installed: {len(jobs)} jobs, {arguments.members} datasets "
            f"for each study, {arguments.cores} cores.\n\n{table(jobs, whole)}"
        )
        if arguments.replace:
            replace_patients(copy, arguments.replace)
            again, second = profiled(copy, arguments.cores, arguments.members)
            text += (
                f"\nThe patients of `{arguments.replace}` replaced: {len(again)} jobs, "
                f"{second['wall']:.1f} s, {second['wall'] / whole['wall']:.0%} of the full run.\n"
            )
    print(text)
    if arguments.write:
        page = PAGE.read_text(encoding="utf-8")
        start, end = page.index(BEGIN) + len(BEGIN), page.index(END)
        PAGE.write_text(page[:start] + text + page[end:], encoding="utf-8")


def copy_pipeline(copy: Path) -> None:
    copy.mkdir()
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            # What Python compiled comes along: it belongs to an installed environment.
            shutil.copytree(source, copy / part)
        else:
            shutil.copy(source, copy / part)


def replace_patients(copy: Path, study: str) -> None:
    """The rebuilt export of a study without its last row, as a new export would come."""
    (export,) = (copy / "results" / study / "reconstruction").glob("export.*")
    if export.suffix != ".csv":
        sys.exit(f"{export.name}: choose a study whose export is CSV")
    lines = export.read_text(encoding="utf-8").splitlines(keepends=True)
    export.write_text("".join(lines[:-1]), encoding="utf-8")


def profiled(copy: Path, cores: int, members: int) -> tuple[list[dict], dict[str, float]]:
    """What each job of a run used, and the whole."""
    notes = copy / "profile.jsonl"
    notes.unlink(missing_ok=True)
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(
        [
            *(sys.executable, "-m", "snakemake", "--cores", str(cores)),
            *("--config", f"members={members}"),
        ],
        cwd=copy,
        env=os.environ
        | {"RESARC_PROFILE": str(notes), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        check=False,
    )
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        sys.exit(done.returncode)
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    jobs = [json.loads(line) for line in notes.read_text(encoding="utf-8").splitlines()]
    return jobs, {"wall": wall, "processor": processor}


def table(jobs: list[dict], whole: dict[str, float]) -> str:
    """One row for each stage, the longest first, and where the rest went."""
    stages = defaultdict(list)
    for job in jobs:
        stages[job["stage"]].append(job)
    rows = [
        "| stage | jobs | wall (sum) | longest job | processor | of that start and imports | peak memory |",
        "|---|---|---|---|---|---|---|",
    ]
    order = sorted(stages.items(), key=lambda item: -sum(j["processor"] for j in item[1]))
    for stage, members in order:
        rows.append(
            f"| {stage} | {len(members)} | {sum(j['wall'] for j in members):.1f} s "
            f"| {max(j['wall'] for j in members):.1f} s "
            f"| {sum(j['processor'] for j in members):.1f} s "
            f"| {sum(j['imports'] for j in members):.1f} s "
            f"| {max(j['memory'] for j in members) / 2**20:.0f} MB |"
        )
    of_jobs = sum(job["processor"] for job in jobs)
    rows.append(f"| {SNAKEMAKE} | | | | {whole['processor'] - of_jobs:.1f} s | | |")
    rows.append(
        f"| **whole run** | {len(jobs)} | **{whole['wall']:.1f} s** | | **{whole['processor']:.1f} s** "
        f"| {sum(j['imports'] for j in jobs):.1f} s "
        f"| **{peak_together(jobs) / 2**20:.0f} MB** (jobs at once) |"
    )
    return "\n".join(rows) + "\n"


def peak_together(jobs: list[dict]) -> float:
    """The largest sum of the peaks of jobs that ran at the same time: no less than the true peak."""
    return max(
        sum(job["memory"] for job in jobs if job["began"] <= at["began"] < job["ended"])
        for at in jobs
    )


if __name__ == "__main__":
    main()
