"""How cost grows: with the number of studies, of datasets for a study, of patients in a registry.

    python benchmarks/growth.py studies 4 16 64
    python benchmarks/growth.py members 200 2000 20000 --study oslo2014
    python benchmarks/growth.py patients 100 1000 10000 100000 1000000 10000000

Each gives a table with the slope from one size to the next (1 is linear: ten times as much takes ten times
as long; less is better) and a plot in `benchmarks/out`. Studies are copies of one, under other names.
"""

from __future__ import annotations

import argparse
import itertools
import math
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "benchmarks"), str(ROOT / "workflow" / "scripts")]
PARTS = (
    *("Snakefile", "workflow", "config", "notebooks", "profiles"),
    *("environment.yml", "pyproject.toml", "uv.lock"),
)
OUT = ROOT / "benchmarks" / "out"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["studies", "members", "patients"])
    parser.add_argument("sizes", type=int, nargs="+")
    parser.add_argument("--study", default="oslo2014", help="which one is copied or rebuilt")
    parser.add_argument(
        "--members", type=int, default=2, help="datasets, where studies are counted"
    )
    arguments = parser.parse_args()
    rows = []
    for size in sorted(arguments.sizes):
        wall, processor, memory = measure(arguments, size)
        rows.append((size, wall, processor, memory))
        print(f"{size:,}: {wall:.1f} s, {processor:.1f} s of processor", file=sys.stderr)
    print(table(arguments.what, rows))
    plot(arguments.what, rows)


def measure(arguments: argparse.Namespace, size: int) -> tuple[float, float, float | None]:
    """Wall seconds, processor seconds, and peak memory in GiB where it is known."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if arguments.what == "patients":
            import registry

            stages = registry.measure(folder, size)
            return (
                sum(row[1] for row in stages),
                sum(row[2] for row in stages),
                max(row[3] for row in stages),
            )
        for part in PARTS:
            source = ROOT / part
            (shutil.copytree if source.is_dir() else shutil.copy)(source, folder / part)
        if arguments.what == "studies":
            studies = copies(folder, arguments.study, size)
            return (*run(folder, studies, arguments.members), None)
        target = f"results/{arguments.study}/identified.csv"
        return (*run(folder, [arguments.study], size, target), None)


def copies(folder: Path, study: str, number: int) -> list[str]:
    """The configuration of a study under so many names."""
    names = [f"copy{k}" for k in range(number)]
    for kind in ("studies", "published"):
        text = (folder / "config" / kind / f"{study}.yaml").read_text(encoding="utf-8")
        for name in names:
            renamed = text.replace(f"study: {study}", f"study: {name}", 1)
            (folder / "config" / kind / f"{name}.yaml").write_text(renamed, encoding="utf-8")
    return names


def run(folder: Path, studies: list[str], members: int, *targets: str) -> tuple[float, float]:
    before, start = os.times(), time.perf_counter()
    done = subprocess.run(
        [
            *(sys.executable, "-m", "snakemake", "--cores", "2", *targets),
            *("--config", f"members={members}", f"studies={studies}"),
        ],
        cwd=folder,
        env=os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        check=False,
    )
    if done.returncode:
        sys.exit(done.returncode)
    wall, after = time.perf_counter() - start, os.times()
    used = after.children_user + after.children_system
    return wall, used - before.children_user - before.children_system


def slopes(rows: list[tuple]) -> list[float | None]:
    """From each size to the next: how many times the processor time multiplies for ten times the size,
    as a power of ten."""
    found: list[float | None] = [None]
    for (small, _, before, _), (large, _, after, _) in itertools.pairwise(rows):
        found.append(math.log(after / before) / math.log(large / small))
    return found


def table(what: str, rows: list[tuple]) -> str:
    lines = [f"| {what} | wall | processor | memory | slope |", "|---|---|---|---|---|"]
    for (size, wall, processor, memory), slope in zip(rows, slopes(rows), strict=True):
        lines.append(
            f"| {size:,} | {wall:.1f} s | {processor:.1f} s "
            f"| {'' if memory is None else f'{memory:.2f} GiB'} "
            f"| {'' if slope is None else f'{slope:.2f}'} |"
        )
    return "\n".join(lines)


def plot(what: str, rows: list[tuple]) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    sizes, times = [row[0] for row in rows], [row[2] for row in rows]
    figure, axes = plt.subplots(figsize=(5, 4), layout="constrained")
    axes.loglog(sizes, times, marker="o", label="measured")
    linear = [times[-1] * size / sizes[-1] for size in sizes]
    axes.loglog(sizes, linear, linestyle="--", color="0.5", label="linear, through the largest")
    axes.set(xlabel=what, ylabel="Processor time (s)")
    axes.legend()
    OUT.mkdir(exist_ok=True)
    figure.savefig(OUT / f"growth_{what}.svg")


if __name__ == "__main__":
    main()
