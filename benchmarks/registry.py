"""A registry of a million simulated patients through clean, cohort and analyse: time and memory.

    python benchmarks/registry.py                 # a million
    python benchmarks/registry.py --patients 100000

Each stage is run as the pipeline runs it, as a command line of its own. Told are the seconds that passed,
the seconds of processor time, and the most memory that the process held. The budget of the three stages
together is 30 s and 4 GiB on two cores.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "workflow" / "scripts"), str(ROOT / "benchmarks")]

from simulation import write_registry  # noqa: E402 (the path is set above)

from resarc.configuration import read_yaml  # noqa: E402

SECONDS, GIBIBYTES = 30.0, 4.0
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONHASHSEED": "0"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--patients", type=int, default=1_000_000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = measure(Path(folder), arguments.patients)
    print(f"{'stage':<10}{'seconds':>9}{'CPU s':>9}{'GiB':>7}")
    for stage, seconds, cpu, memory in rows:
        print(f"{stage:<10}{seconds:>9.1f}{cpu:>9.1f}{memory:>7.2f}")
    seconds, memory = sum(row[1] for row in rows), max(row[3] for row in rows)
    within = seconds <= SECONDS and memory <= GIBIBYTES
    print(f"{'together':<10}{seconds:>9.1f}{sum(row[2] for row in rows):>9.1f}{memory:>7.2f}")
    print(f"budget {SECONDS:.0f} s and {GIBIBYTES:.0f} GiB: {'kept' if within else 'not kept'}")


def measure(folder: Path, patients: int) -> list[tuple[str, float, float, float]]:
    """Stage, seconds, seconds of processor time and GiB of each stage."""
    write_registry(folder / "registry.csv", patients)
    content = read_yaml(ROOT / "benchmarks" / "registry.yaml")
    content["source"]["file"] = str(folder / "registry.csv")
    (folder / "registry.yaml").write_text(json.dumps(content, default=str), encoding="utf-8")

    def options(*names: str) -> list[str]:
        return [
            word
            for name in names
            for word in (f"--{name.rpartition('.')[0].replace('_', '-')}", str(folder / name))
        ]

    checked = ["--checked-protocol", str(folder / "protocol.json"), "--checked-published",
               str(folder / "published.json")]  # fmt: skip
    run("check", ["--protocol", str(folder / "registry.yaml"), *checked])
    made = [
        "source.csv", "corrections.csv", "clean.parquet", "rejected.csv", "flagged.csv", "quality.csv",
        "cohort.parquet", "flow.csv", "excluded.csv", "partial_dates.parquet",
    ]  # fmt: skip
    given = options("protocol.json")
    return [
        run("cohort", [*given, "--patients", str(folder / "registry.csv"), *options(*made)]),
        run(
            "analyse",
            [
                *given,
                *options("published.json", "cohort.parquet", "flow.csv", "partial_dates.parquet"),
                *("--questions", str(ROOT / "config" / "synthesis.yaml")),
                *options("estimates.csv", "curves.csv", "adjusted.csv", "sensitivity.csv"),
            ],
        ),
    ]


def run(stage: str, arguments: list[str]) -> tuple[str, float, float, float]:
    """Run a stage's command line and measure it; exits with its message if it fails."""
    script = ROOT / "workflow" / "scripts" / f"{stage}.py"
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, str(script), *arguments], env=os.environ | ONE_THREAD
    )
    _, status, used = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    if status:
        sys.exit(f"the stage {stage} failed")
    # Linux counts kibibytes, macOS bytes.
    unit = 1 if sys.platform == "darwin" else 1024
    return stage, seconds, used.ru_utime + used.ru_stime, used.ru_maxrss * unit / 2**30


if __name__ == "__main__":
    main()
