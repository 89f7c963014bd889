"""Where the wall time, the processor time and the memory of a full run go.

    python benchmarks/profile_run.py                 the default run, cold, on two cores
    python benchmarks/profile_run.py --members 8     a smaller one
    python benchmarks/profile_run.py --write         the tables into benchmarks/README.md too

The pipeline runs in a copy, so nothing is there before. Each process of Python writes down what it used
when it ends (`within/sitecustomize.py`). With `--replace STUDY` the study's patients are replaced
afterwards (a row less) and the second run is measured as well.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "benchmarks"))

from measured import KERNEL, SNAKEMAKE, START, Run, Use, copy_pipeline, run  # noqa: E402 (as above)

PAGE = ROOT / "benchmarks" / "README.md"
BEGIN, END = "<!-- profile -->\n", "<!-- end of profile -->\n"
OWN, IMPORTS, FIGURES, TYPST = "own work", "imports", "figures", "Typst"
NOTEBOOKS = {"notebook", KERNEL}
REPORTS = {"study_report", "combined_report", "data_quality"}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--members", type=int, default=200)
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--replace", metavar="STUDY", help="a study whose patients are replaced")
    parser.add_argument("--write", action="store_true", help=f"into {PAGE.relative_to(ROOT)}")
    arguments = parser.parse_args()
    options = ["--cores", str(arguments.cores), "--config", f"members={arguments.members}"]
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "resarc"
        copy_pipeline(copy)
        whole = run(copy, *options)
        parts = [
            f"Default run, cold, environment installed; {arguments.members} datasets for each study, "
            f"{arguments.cores} cores.\n",
            text(whole, arguments.cores),
        ]
        if arguments.replace:
            replace_patients(copy, arguments.replace)
            again = run(copy, *options)
            parts += [
                f"The patients of `{arguments.replace}` replaced: {jobs(again)} jobs, "
                f"{again.wall:.1f} s, {again.wall / whole.wall:.0%} of the full run "
                f"({again.processor:.1f} s of processor time, {again.processor / whole.processor:.0%}).\n",
                text(again, arguments.cores),
            ]
    found = "\n".join(parts)
    print(found)
    if arguments.write:
        page = PAGE.read_text(encoding="utf-8")
        start, end = page.index(BEGIN) + len(BEGIN), page.index(END)
        PAGE.write_text(page[:start] + found + page[end:], encoding="utf-8")


def replace_patients(copy: Path, study: str) -> None:
    """The rebuilt export of a study without its last row, as a new export would come."""
    (export,) = (copy / "results" / study / "reconstruction").glob("export.*")
    if export.suffix != ".csv":
        sys.exit(f"{export.name}: choose a study whose export is CSV")
    lines = export.read_text(encoding="utf-8").splitlines(keepends=True)
    export.write_text("".join(lines[:-1]), encoding="utf-8")


def text(whole: Run, cores: int) -> str:
    """Both tables: what the processor time went to, and each stage."""
    return f"{purposes(whole, cores)}\n{stages(whole)}"


def jobs(whole: Run) -> int:
    return sum(use.stage not in (SNAKEMAKE, KERNEL) for use in whole.uses)


def purpose(stage: str, what: str) -> str:
    """What processor time of a stage was for, in the words of the table."""
    if stage == SNAKEMAKE:
        return "Snakemake"
    if what != OWN:
        return what
    if stage in NOTEBOOKS:
        return "notebooks: papermill, kernel, page"
    if stage in REPORTS:
        return "reports: content, web page, tables"
    return "the library's own work, in the stages below"


def purposes(whole: Run, cores: int) -> str:
    """What all cores did while the run lasted: processor seconds by what they were for, and the rest, in
    which a core waited."""
    spent: dict[str, float] = defaultdict(float)
    for use in whole.uses:
        for what, seconds in use.spent.items():
            spent[purpose(use.stage, what)] += seconds
    rows = sorted(spent.items(), key=lambda item: -item[1])
    rows.append(("shells, and the ends of processes", whole.processor - sum(spent.values())))
    rows.append(("waiting: a core had nothing to do", cores * whole.wall - whole.processor))
    lines = ["| what for | processor | of all |", "|---|---|---|"]
    lines += [f"| {n} | {s:.1f} s | {s / (cores * whole.wall):.0%} |" for n, s in rows]
    lines.append(
        f"| **whole run: {whole.wall:.1f} s on {cores} cores** | **{cores * whole.wall:.1f} s** | |"
    )
    return "\n".join(lines) + "\n"


def stages(whole: Run) -> str:
    """One row for each stage, the longest first. A notebook waits for its kernel, which is a process of
    its own."""
    found = defaultdict(list)
    for use in whole.uses:
        found[use.stage].append(use)
    rows = [
        "| stage | processes | wall (sum) | longest | processor | of that start | imports | figures "
        "| Typst | own work | waiting | peak memory |",
        "|---" * 12 + "|",
    ]
    for stage, uses in sorted(found.items(), key=lambda item: -_processor(item[1])):
        kinds = [
            sum(use.spent.get(k, 0.0) for use in uses)
            for k in (START, IMPORTS, FIGURES, TYPST, OWN)
        ]
        wall = sum(use.wall for use in uses)
        cells = [wall, max(use.wall for use in uses), _processor(uses), *kinds]
        waiting = sum(max(0.0, use.wall - use.processor) for use in uses)
        words = [f"{seconds:.1f} s" for seconds in (*cells, waiting)]
        memory = max(use.memory for use in uses) / 2**20
        rows.append(f"| {stage} | {len(uses)} | {' | '.join(words)} | {memory:.0f} MB |")
    together = peak_together(whole.uses) / 2**20
    rows.append(
        f"| **whole run** | {len(whole.uses)} | **{whole.wall:.1f} s** | | **{whole.processor:.1f} s** "
        f"| | | | | | | **{together:.0f} MB** (processes at once) |"
    )
    return "\n".join(rows) + "\n"


def _processor(uses: Iterable[Use]) -> float:
    return sum(use.processor for use in uses)


def peak_together(uses: list[Use]) -> float:
    """The largest sum of the peaks of processes that ran at the same time: no less than the true peak."""
    return max(sum(use.memory for use in uses if use.began <= at.began < use.ended) for at in uses)


if __name__ == "__main__":
    main()
