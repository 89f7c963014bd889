"""What an audit of many papers with many datasets each takes: hours, cores, money.

    python benchmarks/estimate.py               measure the four studies; write the estimate
    python benchmarks/estimate.py --computed    only the arithmetic, from what has been measured

For each study everything from its figures to its report is run with 50 datasets, and what reads all
datasets once more with 150; the processor time of each stage is written down. What a paper costs with more
datasets is the straight line through both; the stages that `chunks: auto` splits (rebuilding, bounding,
re-analysis) are kept apart from the others. A paper is taken to cost what these cost on average. What was
measured is kept in docs/benchmarks/estimate.json; from it comes the part of docs/scaling.md
(`tests/docs/test_scaling.py` holds them together).
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "benchmarks"))

import measured  # noqa: E402 (the path is set above)
from page import put  # noqa: E402

STORE = ROOT / "docs" / "benchmarks" / "estimate.json"
STUDIES = ("oslo2014", "sysucc2015", "qu2024", "okayama2022")
SIZES = (50, 150)
CHUNK = 50
SPLIT = {"reconstruct", "identify", "reanalyse"}
CORES = (2, 16, 64, 256)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--studies", nargs="+", default=STUDIES)
    parser.add_argument("--papers", type=int, default=100)
    parser.add_argument("--members", type=int, default=10_000)
    parser.add_argument("--price", type=float, default=0.05, help="of a core for an hour")
    parser.add_argument("--computed", action="store_true", help="measure nothing")
    arguments = parser.parse_args()
    asked = {"papers": arguments.papers, "members": arguments.members, "price": arguments.price}
    kept = json.loads(STORE.read_text(encoding="utf-8"))["studies"] if STORE.exists() else {}
    found = asked | {"studies": kept}
    for study in () if arguments.computed else arguments.studies:
        kept[study] = cost(study)
        print(study, kept[study], file=sys.stderr, flush=True)
        STORE.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    STORE.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    put(ROOT / "docs" / "scaling.md", "estimate", text(found))
    print(text(found))


def cost(study: str) -> dict[str, float]:
    """Processor seconds of a study: `once`; for each dataset in stages that can be split (`split`) and in
    the others (`whole`). The searches are to be compiled before (`make setup`)."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "resarc"
        measured.copy_pipeline(folder)
        small = run(folder, study, SIZES[0], "report.html", "notebook.html")
        large = run(folder, study, SIZES[1], "identified.csv", "reanalysis.csv")
    each = {
        stage: max(0.0, (seconds - small[stage]) / (SIZES[1] - SIZES[0]))
        for stage, seconds in large.items()
    }
    return {
        "once": round(sum(small.values()) - sum(each.values()) * SIZES[0], 1),
        "split": round(sum(value for stage, value in each.items() if stage in SPLIT), 4),
        "whole": round(sum(value for stage, value in each.items() if stage not in SPLIT), 4),
    }


def run(folder: Path, study: str, members: int, *results: str) -> dict[str, float]:
    """Processor seconds of each stage that had to run for these results."""
    found: dict[str, float] = {}
    results = tuple(f"results/{study}/{name}" for name in results)
    options = ("--cores", "2", "--config", f"members={members}")
    for use in measured.run(folder, *results, *options, quiet=True).uses:
        if use.stage != measured.SNAKEMAKE:
            found[use.stage] = found.get(use.stage, 0) + use.processor
    return found


def duration(
    cost: dict[str, float], papers: int, members: int, cores: int
) -> tuple[float, int, bool]:
    """Least wall seconds on so many cores, into how many jobs each stage of a paper is then split, and
    whether it is the one paper that decides: its stages follow each other, and only some are split."""
    chunks = max(1, min(-(-cores // papers), -(-members // CHUNK)))
    total = papers * _paper(cost, members) / cores
    longest = cost["once"] + members * (cost["whole"] + cost["split"] / chunks)
    return max(total, longest), chunks, longest > total


def text(found: dict) -> str:
    """The estimate, in words and tables."""
    studies, papers, members = found["studies"], found["papers"], found["members"]
    rows = [
        f"| `{study}` | {each['once']:.0f} s | {each['split'] + each['whole']:.3f} s "
        f"| {_paper(each, members) / 3600:.2f} h |"
        for study, each in studies.items()
    ]
    mean = {
        key: sum(each[key] for each in studies.values()) / len(studies)
        for key in ("once", "split", "whole")
    }
    hours = papers * _paper(mean, members) / 3600
    least = min(_paper(each, members) for each in studies.values())
    most = max(_paper(each, members) for each in studies.values())
    span = (
        " Papers differ: were all like the cheapest or the dearest of these, it would be "
        f"{papers * least / 3600:,.0f} or {papers * most / 3600:,.0f} core hours."
    )
    walls = []
    for cores in CORES:
        wall, chunks, longest = duration(mean, papers, members, cores)
        note = "one paper's own length" if longest else ""
        walls.append(f"| {cores} | {chunks} | {wall / 3600:.1f} h | {note} |")
    return "\n".join(
        [
            f"| study | whatever the number | a dataset | {members:,} datasets |",
            "|---|---|---|---|",
            *rows,
            "",
            f"{papers} papers with {members:,} datasets each then take {hours:,.0f} core hours, "
            f"{hours * found['price']:,.1f} units of money at {found['price']:g} for a core and hour."
            + (span if len(studies) > 1 else ""),
            "",
            "| cores | `chunks` | wall time | what decides, if not the cores |",
            "|---|---|---|---|",
            *walls,
            "",
        ]
    )


def _paper(cost: dict[str, float], members: int) -> float:
    return cost["once"] + members * (cost["split"] + cost["whole"])


if __name__ == "__main__":
    main()
