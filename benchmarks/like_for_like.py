"""R against Resarc on the same work, in turn: from cohort files to one HTML report for each study.

    python benchmarks/like_for_like.py --peer ../shared/peers/r_survival

Run it in the folder of a finished run. The peer is an R script (survival, survminer, rmarkdown) that
takes an output folder and cohort files with columns time, event and covariates, and writes one page for
each: Kaplan-Meier, log-rank, Cox and proportional-hazards tests of every covariate. Resarc's jobs are those
from the cohort to the study's report: `analyse`, `compare`, `study_report`, which also write the PDF, the
Word and LaTeX tables and the comparison with the paper, for all covariates of the protocol; the peer gets
the first seven. Both get the same machine; Resarc two cores.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "workflow" / "scripts"))

from resarc.configuration import from_json  # noqa: E402 (the path is set above)
from resarc.output import read_parquet  # noqa: E402
from resarc.protocol import Protocol  # noqa: E402

STUDIES = ("oslo2014", "sysucc2015", "qu2024", "okayama2022")
COVARIATES = 7
BUDGET = 1.0
JOBS = ("analyse", "compare", "study_report")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--peer", type=Path, required=True, help="folder of run.R")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--cores", type=int, default=2)
    arguments = parser.parse_args()
    if not shutil.which("Rscript"):
        sys.exit("no Rscript; Debian: r-cran-survival r-cran-survminer r-cran-rmarkdown pandoc")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        cohorts = [write_cohort(study, folder) for study in STUDIES]
        pairs = []
        for _ in range(arguments.pairs):
            peer = seconds(
                ["Rscript", "run.R", str(folder / "pages"), *map(str, cohorts)], arguments.peer
            )
            own = seconds(
                [
                    *(sys.executable, "-m", "snakemake", "--cores", str(arguments.cores)),
                    *(f"results/{study}/report.html" for study in STUDIES),
                    *("--forcerun", *JOBS),
                ],
                ROOT,
            )
            pairs.append((peer, own))
            print(f"R {peer:.1f} s, Resarc {own:.1f} s", file=sys.stderr)
    peers, owns = zip(*pairs, strict=True)
    ratio = statistics.median(own / peer for peer, own in pairs)
    print("| pairs | R (median) | Resarc (median) | ratio (median of pairs) |\n|---|---|---|---|")
    print(
        f"| {len(pairs)} | {statistics.median(peers):.1f} s | {statistics.median(owns):.1f} s "
        f"| {ratio:.2f} ({'within' if ratio <= BUDGET else 'over'} the budget of {BUDGET}) |"
    )


def write_cohort(study: str, folder: Path) -> Path:
    """The cohort of a study as the peer reads it: its first endpoint, and the first covariates of its
    tables that tell patients apart."""
    protocol = from_json(ROOT / "results" / study / "protocol.json", Protocol)
    frame = read_parquet(ROOT / "results" / study / "cohort.parquet")
    endpoint = protocol.endpoint_names[0]
    named = dict.fromkeys(v for a in protocol.analyses for v in getattr(a, "variables", ()))
    kept = [v for v in named if v in frame and 1 < frame[v].nunique() < len(frame) // 2]
    kept = kept[:COVARIATES]
    cohort = frame[[f"{endpoint}_time", f"{endpoint}_event", *kept]].dropna()
    cohort.columns = ["time", "event", *kept]
    cohort["event"] = cohort["event"].astype(int)
    path = folder / f"{study}.csv"
    cohort.to_csv(path, index=False)
    return path


def seconds(command: list[str], folder: Path) -> float:
    start = time.perf_counter()
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command[:3])} ended with {done.returncode}:\n{done.stderr[-2000:]}")
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
