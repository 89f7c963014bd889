"""A run of the pipeline whose every Python process says what it used (`within/sitecustomize.py`)."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
WITHIN = ROOT / "benchmarks" / "within"
PARTS = (
    *("Snakefile", "workflow", "config", "notebooks", "profiles"),
    *("environment.yml", "pyproject.toml", "uv.lock"),
)
FILE = "RESARC_USE"
SNAKEMAKE = "snakemake"
START = "start of Python"
KERNEL = "ipykernel_launcher"


@dataclass(frozen=True)
class Use:
    """What a process used: seconds since 1970, bytes at the most, processor seconds by what they went
    to."""

    stage: str
    began: float
    ended: float
    memory: int
    spent: dict[str, float]

    @property
    def wall(self) -> float:
        return self.ended - self.began

    @property
    def processor(self) -> float:
        return sum(self.spent.values())


@dataclass(frozen=True)
class Run:
    """What the processes of a run used; what it took in all: wall and processor seconds, those of shells
    and of the ends of processes included."""

    uses: list[Use]
    wall: float
    processor: float


def copy_pipeline(copy: Path) -> None:
    copy.mkdir()
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            # What Python compiled comes along: it belongs to an installed environment.
            shutil.copytree(source, copy / part)
        else:
            shutil.copy(source, copy / part)


def run(folder: Path, *arguments: str, quiet: bool = False) -> Run:
    """Call Snakemake in a folder; ends the benchmark with what was said if it fails."""
    notes = folder / "use.jsonl"
    notes.unlink(missing_ok=True)
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", *arguments],
        cwd=folder,
        env=os.environ
        | {FILE: str(notes), "PYTHONPATH": str(WITHIN)}
        | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL if quiet else None,
        stderr=subprocess.PIPE if quiet else None,
        text=True,
        check=False,
    )
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        sys.exit(done.stderr or f"Snakemake ended with {done.returncode}")
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Run(read(notes.read_text(encoding="utf-8")), wall, processor)


def read(text: str) -> list[Use]:
    """The lines that processes wrote as they ended."""
    found = []
    for line in text.splitlines():
        each = json.loads(line)
        spent = {START: each["start"], **each["spent"]}
        found.append(Use(each["stage"], each["began"], each["ended"], each["memory"], spent))
    return found
