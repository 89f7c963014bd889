"""What it costs to learn that nothing is to be done: Resarc against a Snakefile with one rule.

Run it in the folder of a finished run: python benchmarks/nothing_to_do.py. The two are called in
turn, so that whatever else the machine does falls on both.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TRIVIAL = 'rule all:\n    output: "done.txt"\n    shell: "echo done > {output}"\n'
BUDGET = 1.3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=7)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        bare = Path(folder)
        (bare / "Snakefile").write_text(TRIVIAL, encoding="utf-8")
        call(bare)
        if "Nothing to be done" not in call(ROOT)[2]:
            sys.exit("There is something to do here; run make first.")
        pairs = [(call(bare)[:2], call(ROOT)[:2]) for _ in range(arguments.pairs)]
    print("| | bare Snakemake | Resarc | ratio (median of pairs) |\n|---|---|---|---|")
    for position, name in enumerate(("wall", "processor")):
        bare_times, times = zip(*((a[position], b[position]) for a, b in pairs), strict=True)
        ratio = statistics.median(b / a for a, b in zip(bare_times, times, strict=True))
        print(
            f"| {name} | {statistics.median(bare_times):.2f} s | {statistics.median(times):.2f} s "
            f"| {ratio:.2f} ({'within' if ratio <= BUDGET else 'over'} the budget of {BUDGET}) |"
        )


def call(folder: Path) -> tuple[float, float, str]:
    """Wall and processor seconds of a call of Snakemake, and what it said."""
    before, start = os.times(), time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", "--cores", "2"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    wall, after = time.perf_counter() - start, os.times()
    processor = sum(after[2:4]) - sum(before[2:4])
    if done.returncode:
        sys.exit(done.stdout + done.stderr)
    return wall, processor, done.stdout + done.stderr


if __name__ == "__main__":
    main()
