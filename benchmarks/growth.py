"""How cost grows: with the number of studies, of datasets for a study, of patients in a registry.

    python benchmarks/growth.py jobs 4 16 64
    python benchmarks/growth.py studies 4 16 64 --study oslo2014
    python benchmarks/growth.py members 200 2000 20000 --study okayama2022
    python benchmarks/growth.py patients 100 1000 10000 100000 1000000 10000000
    python benchmarks/growth.py                      only table and drawing of what has been measured

`jobs` are studies whose jobs are stand-ins that write empty files, so that what is measured is what
Snakemake and the rules cost: listing what a first run would do, running, and learning that nothing is to
be done. `studies` are whole runs, of copies of one study under other names, with few datasets each.

Each size is written to docs/benchmarks/growth.json when it has been measured, and not measured again
unless `--again` is given. From that file come the drawing beside it and the tables of docs/scaling.md
(`tests/docs/test_scaling.py` holds them together). Times are of the processor. A slope of 1 is linear: ten
times as much takes ten times as long; less is better.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "benchmarks"), str(ROOT / "workflow" / "scripts")]

from measured import copy_pipeline  # noqa: E402 (the path is set above)
from page import put  # noqa: E402

RESULTS = ROOT / "docs" / "benchmarks"
STORE, DRAWING = RESULTS / "growth.json", RESULTS / "growth.svg"
KINDS = {
    "jobs": {
        "plan": "listing a first run",
        "run": "running stand-ins",
        "nothing": "nothing to do",
    },
    "studies": {"run": "whole run", "nothing": "nothing to do"},
    "members": {"run": "rebuilding to identified sets"},
    "patients": {"clean": "cleaning and cohort", "analyse": "analyses"},
}
"""What is counted, and what is measured of it."""
WORDS = {
    "jobs": "studies whose jobs are stand-ins",
    "studies": "studies",
    "members": "datasets of a study",
    "patients": "patients of a registry",
}
STAND_IN = """
import sys
from pathlib import Path

if __name__ == "__main__":
    for name, value in zip(sys.argv, sys.argv[1:]):
        path = Path(value)
        if name in ("--figures", "--tables"):
            path.mkdir(parents=True)
        elif name.startswith("--") and path.suffix and not path.exists():
            path.write_text(value)
    raise SystemExit
"""
FUTURE = "from __future__ import annotations\n"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=list(KINDS), nargs="?")
    parser.add_argument("sizes", type=int, nargs="*")
    parser.add_argument("--study", default="oslo2014", help="which one is copied or rebuilt")
    parser.add_argument("--members", type=int, default=2, help="datasets of each of the `studies`")
    parser.add_argument("--cores", type=int, default=2, help="what is shared leaves one")
    parser.add_argument("--again", action="store_true", help="even what has been measured")
    arguments = parser.parse_args()
    for size in sorted(arguments.sizes):
        if not arguments.again and str(size) in stored().get(arguments.what, {}):
            continue
        found = measure(arguments.what, size, arguments.study, arguments.members, arguments.cores)
        print(f"{arguments.what}, {size:,}: {found}", file=sys.stderr, flush=True)
        store(arguments.what, size, found)
    draw(stored())
    put(ROOT / "docs" / "scaling.md", "growth", text(stored()))
    print(text(stored()))


def stored() -> dict[str, dict[str, dict[str, float | str]]]:
    """What has been measured: what is counted, the size, and what was measured of it."""
    return json.loads(STORE.read_text(encoding="utf-8")) if STORE.exists() else {}


def store(what: str, size: int, found: dict[str, float | str]) -> None:
    everything = stored()
    sizes = everything.get(what, {}) | {str(size): found}
    everything[what] = dict(sorted(sizes.items(), key=lambda item: int(item[0])))
    ordered = {name: everything[name] for name in KINDS if name in everything}
    draft = STORE.with_suffix(".part")
    draft.write_text(json.dumps(ordered, indent=1) + "\n", encoding="utf-8")
    draft.replace(STORE)


def measure(what: str, size: int, study: str, members: int, cores: int) -> dict[str, float | str]:
    """Processor seconds, and peak memory in GiB where it is known."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "resarc"
        if what == "patients":
            import registry

            folder.mkdir()
            stages = registry.measure(folder, size)
            seconds = zip(("clean", "analyse"), (row[2] for row in stages), strict=True)
            memory = max(row[3] for row in stages)
            return {key: round(value, 2) for key, value in seconds} | {"memory": round(memory, 2)}
        copy_pipeline(folder)
        if what == "members":
            settings = settings_of([study], size, cores)
            target = f"results/{study}/identified.csv"
            return {"run": call(folder, *settings, target), "study": study}
        settings = settings_of(copies(folder, study, size), members, cores)
        found: dict[str, float | str] = {}
        if what == "jobs":
            stand_in(folder)
            found["plan"] = call(folder, *settings, "--dry-run")
        found["run"] = call(folder, *settings)
        found["nothing"] = call(folder, *settings)
        return found | ({"study": study} if what == "studies" else {})


def settings_of(studies: list[str], members: int, cores: int) -> list[str]:
    return ["--config", f"members={members}", f"studies={studies}", "--cores", str(cores)]


def copies(folder: Path, study: str, number: int) -> list[str]:
    """The configuration of a study under so many names."""
    names = [f"copy{k}" for k in range(number)]
    for kind in ("studies", "published"):
        words = (folder / "config" / kind / f"{study}.yaml").read_text(encoding="utf-8")
        for name in names:
            renamed = words.replace(f"study: {study}", f"study: {name}", 1)
            (folder / "config" / kind / f"{name}.yaml").write_text(renamed, encoding="utf-8")
    return names


def stand_in(folder: Path) -> None:
    """Let each command line only write its outputs; what code it rests on is still read from it."""
    for script in (folder / "workflow" / "scripts").glob("*.py"):
        words = script.read_text(encoding="utf-8")
        if "def main()" in words:
            script.write_text(words.replace(FUTURE, FUTURE + STAND_IN, 1), encoding="utf-8")


def call(folder: Path, *arguments: str) -> float:
    """Processor seconds of a call of Snakemake with all its jobs."""
    before = os.times()
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", *arguments],
        cwd=folder,
        env=os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(done.stderr)
    after = os.times()
    return round(sum(after[2:4]) - sum(before[2:4]), 2)


def slopes(sizes: list[int], seconds: list[float]) -> list[float | None]:
    """From each size to the next: how many times the processor time multiplies for ten times the size,
    as a power of ten."""
    pairs = itertools.pairwise(zip(sizes, seconds, strict=True))
    return [None, *(math.log(b / a) / math.log(large / small) for (small, a), (large, b) in pairs)]


def text(everything: dict[str, dict[str, dict[str, float | str]]]) -> str:
    """A table for each kind: seconds of processor time, each with its slope from the size above."""
    parts = []
    for what, points in everything.items():
        sizes = [int(size) for size in points]
        columns = []
        for key, words in KINDS[what].items():
            seconds = [float(point[key]) for point in points.values()]
            cells = [
                f"{each:,.1f} s" + ("" if slope is None else f" ({slope:.2f})")
                for each, slope in zip(seconds, slopes(sizes, seconds), strict=True)
            ]
            columns.append([words, *cells])
        if what == "patients":
            memory = [f"{float(point['memory']):.2f} GiB" for point in points.values()]
            columns.append(["peak memory", *memory])
        studies = {str(point["study"]) for point in points.values() if "study" in point}
        head = WORDS[what] + (f" (`{'`, `'.join(sorted(studies))}`)" if studies else "")
        rows = [[head, *(f"{size:,}" for size in sizes)], *columns]
        lines = [f"| {' | '.join(row)} |" for row in zip(*rows, strict=True)]
        parts.append("\n".join([lines[0], "|---" * len(rows) + "|", *lines[1:]]))
    return "\n\n".join(parts) + "\n"


def draw(everything: dict[str, dict[str, dict[str, float | str]]]) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    mpl.rcParams["svg.hashsalt"] = "resarc"
    mpl.rcParams["svg.fonttype"] = "none"
    from matplotlib import pyplot as plt

    if not everything:
        return
    rows = math.ceil(len(everything) / 2)
    figure, places = plt.subplots(rows, 2, figsize=(9, 3.6 * rows), layout="constrained")
    places = list(places.flat)
    for axes, (what, points) in zip(places, everything.items(), strict=False):
        sizes = [int(size) for size in points]
        for (key, words), marker in zip(KINDS[what].items(), "osD", strict=False):
            seconds = [float(point[key]) for point in points.values()]
            (line,) = axes.loglog(sizes, seconds, marker=marker, label=words)
            linear = [seconds[-1] * size / sizes[-1] for size in sizes]
            axes.loglog(sizes, linear, linestyle=":", color=line.get_color(), linewidth=1)
        if sizes[-1] < 100 * sizes[0]:
            axes.set_xticks(sizes, [str(size) for size in sizes])
            axes.set_xticks([], minor=True)
        axes.set(xlabel=f"Number of {WORDS[what]}", ylabel="Processor time (s)")
        axes.legend(fontsize="small", frameon=False)
    for axes in places[len(everything) :]:
        axes.remove()
    figure.savefig(DRAWING, metadata={"Date": None})


if __name__ == "__main__":
    main()
