"""What an audit of many papers with many datasets each takes: hours, cores, money.

    python benchmarks/estimate.py                                 100 papers, 10,000 datasets each
    python benchmarks/estimate.py --studies oslo2014 --cores 16   from one study, on 16 cores

Measured is, for each study, the processor time of deciding its reconstruction (once), and of building
one chunk of datasets; the rest is arithmetic: a paper is taken to cost what these cost on average. The
stages after it (`--after`, seconds of processor time for each paper) are those of the profile.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SCRIPTS = ROOT / "workflow" / "scripts"
CHUNK = 50
STUDIES = ("oslo2014", "sysucc2015", "qu2024", "okayama2022")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--studies", nargs="+", default=STUDIES)
    parser.add_argument("--papers", type=int, default=100)
    parser.add_argument("--members", type=int, default=10_000)
    parser.add_argument("--cores", type=int, nargs="+", default=[2, 16, 64, 256])
    parser.add_argument("--price", type=float, default=0.05, help="of a core for an hour")
    parser.add_argument("--after", type=float, default=35.0, help="processor seconds of a paper")
    arguments = parser.parse_args()
    print("| study | deciding | a dataset |\n|---|---|---|")
    costs = []
    for study in arguments.studies:
        once, each = cost(study)
        costs.append((once, each))
        print(f"| {study} | {once:.1f} s | {each:.3f} s |", flush=True)
    once, each = (sum(column) / len(costs) for column in zip(*costs, strict=True))
    paper = once + arguments.after + each * arguments.members
    hours = paper * arguments.papers / 3600
    print(
        f"\n{arguments.papers} papers with {arguments.members:,} datasets each: {hours:,.0f} core hours "
        f"({paper / 3600:.1f} for a paper), {hours * arguments.price:,.0f} at {arguments.price} for a core "
        "and hour.\n\n| cores | chunks | wall time |\n|---|---|---|"
    )
    for cores in arguments.cores:
        wall, chunks = duration(
            arguments.papers, arguments.members, cores, once, each, arguments.after
        )
        print(f"| {cores} | {chunks} | {wall / 3600:.1f} h |")


def duration(
    papers: int, members: int, cores: int, once: float, each: float, after: float
) -> tuple[float, int]:
    """Least wall seconds on so many cores, and into how many jobs a paper is then split: its work
    cannot be done sooner than by one core for each of its jobs, one after the other stage."""
    chunks = max(1, min(-(-cores // papers), -(-members // CHUNK)))
    total = papers * (once + after + each * members) / cores
    longest = once + after + each * members / chunks
    return max(total, longest), chunks


def cost(study: str) -> tuple[float, float]:
    """Processor seconds of deciding a study's reconstruction, and of a dataset."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        checked = ["--protocol", str(folder / "protocol"), "--published", str(folder / "published")]
        call(
            "check.py",
            *("--protocol", f"config/studies/{study}.yaml"),
            *("--published", f"config/published/{study}.yaml"),
            *("--checked-protocol", str(folder / "protocol")),
            *("--checked-published", str(folder / "published")),
        )
        wanted = ["--members", str(CHUNK), "--seed", "20260101"]
        scheme = ["--scheme", str(folder / "scheme")]
        once = call("reconstruct.py", *checked, *wanted, *scheme)
        part = ["--part", "0", "--of", "1", "--to", str(folder / "part")]
        return once, call("reconstruct.py", *checked, *wanted, *scheme, *part) / CHUNK


def call(script: str, *arguments: str) -> float:
    """Processor seconds of one of the command lines."""
    before = os.times()
    done = subprocess.run(
        [sys.executable, str(SCRIPTS / script), *arguments],
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        check=False,
    )
    if done.returncode:
        sys.exit(f"{script} ended with {done.returncode}")
    after = os.times()
    return (
        after.children_user + after.children_system - before.children_user - before.children_system
    )


if __name__ == "__main__":
    main()
