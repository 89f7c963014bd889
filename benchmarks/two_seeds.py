"""Do two seeds give the same identified sets?

    python benchmarks/two_seeds.py [--members 200] [--studies okayama2022,qu2024,oslo2014] [--again]

Each study is rebuilt from its printed figures and pushed to the ends twice, with two seeds: other members,
other searches, as many as a default run has. Of every estimand that the analysis produces and the figures
leave open, both ends are compared. They agree if they differ by no more than a fiftieth of the width of
both sets together. Ratios are compared as logarithms. Of a set that is unbounded on one side the other end
may differ by a fiftieth of its own size; infinite ends agree if both are. Beside the share that agrees stands
the largest difference as a share of that width or size (100%: one end is infinite and the other is not).

Each set writes benchmarks/out/two_seeds/<study>-<seed>.csv, and is read if that is there but for `--again`.
The result is docs/benchmarks/two_seeds.json.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "workflow" / "scripts"))

from planned import planned  # noqa: E402
from resarc import protocol as protocols  # noqa: E402
from resarc import published as publications  # noqa: E402
from resarc.estimand import Estimand  # noqa: E402
from resarc.identify import identify  # noqa: E402
from resarc.identify.enumeration import outermost  # noqa: E402
from resarc.identify.push import PUSHED, push  # noqa: E402
from resarc.output import write_csv  # noqa: E402
from resarc.reconstruct.engine import reconstruct  # noqa: E402

OUT = ROOT / "benchmarks" / "out" / "two_seeds"
RESULT = ROOT / "docs" / "benchmarks" / "two_seeds.json"
SEEDS = (20260101, 1)
TOLERANCE = 0.02
OPEN = 1e-6
"""What is narrower is not open."""


def identified(study: str, seed: int, members: int) -> pd.DataFrame:
    """The identified sets of a study as a run with this seed has them."""
    protocol = protocols.load(ROOT / "config" / "studies" / f"{study}.yaml")
    published = publications.load(ROOT / "config" / "published" / f"{study}.yaml")
    rebuilt = reconstruct(protocol, published, members=members, seed=seed)
    targets = OUT / f"{study}-{seed}.targets.csv"
    write_csv(rebuilt.targets, targets)
    wanted = planned(protocol, published, ROOT / "config" / "synthesis.yaml", targets)
    estimands = [item.estimand for item in wanted]
    pushed = push(estimands, rebuilt.ensemble, protocol, published, rebuilt.targets, seed=seed)
    return identify(
        estimands,
        pd.concat([rebuilt.ensemble, pushed.members], ignore_index=True),
        protocol,
        rebuilt.targets,
        pushed=pushed.members["member"].nunique(),
        sought=pushed.sought,
        outermost=outermost(estimands, pushed.targets, protocol, published.count()),
    )


def compared(study: str, one: pd.DataFrame, other: pd.DataFrame) -> pd.DataFrame:
    """A row for each end of each estimand that is open under either seed."""
    both = one.merge(other, on="estimand", suffixes=("_1", "_2"))
    rows = []
    for row in both.to_dict("records"):
        e = Estimand.parse(row["estimand"])
        ends = np.array([[row[f"{end}_{k}"] for end in ("lower", "upper")] for k in (1, 2)])
        if row["target_1"] or row["target_2"] or np.isnan(ends).any():
            continue
        if e.kind.scale == "ratio":
            with np.errstate(divide="ignore"):
                ends = np.log(ends)
        finite = ends[np.isfinite(ends)]
        width = np.ptp(finite) if finite.size else 0.0
        if finite.size == ends.size and width < OPEN:
            continue
        for k, end in enumerate(("lower", "upper")):
            x, y = ends[:, k]
            if finite.size < ends.size:
                width = 1.0 if e.kind.scale == "ratio" else np.abs(ends[:, k]).max()
            gap = 0.0 if x == y else abs(x - y) / width if np.isfinite(x - y) else 1.0
            rows.append(
                {
                    "study": study,
                    "estimand": row["estimand"],
                    "kind": e.statistic,
                    "end": end,
                    "first": row[f"{end}_1"],
                    "second": row[f"{end}_2"],
                    "sought": e.statistic in PUSHED and bool(row["how_1"] != "sample"),
                    "gap": min(gap, 1.0),
                }
            )
    return pd.DataFrame(rows)


def summary(rows: pd.DataFrame) -> dict[str, object]:
    """Shares of ends that agree, and the largest difference."""
    return {
        "ends": len(rows),
        "agree_percent": round(100 * float((rows["gap"] <= TOLERANCE).mean()), 1),
        "median_gap_percent": round(100 * float(rows["gap"].median()), 1),
        "ninth_decile_percent": round(100 * float(rows["gap"].quantile(0.9)), 1),
        "largest_gap_percent": round(100 * float(rows["gap"].max()), 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--members", type=int, default=200)
    parser.add_argument("--studies", default="okayama2022,qu2024,oslo2014")
    parser.add_argument("--again", action="store_true")
    given = parser.parse_args()
    OUT.mkdir(parents=True, exist_ok=True)
    found = []
    for study in given.studies.split(","):
        sets = []
        for seed in SEEDS:
            path, began = OUT / f"{study}-{seed}.csv", time.process_time()
            if given.again or not path.is_file():
                write_csv(identified(study, seed, given.members), path)
                print(study, seed, f"{time.process_time() - began:.0f} s of processor", flush=True)
            sets.append(pd.read_csv(path))
        found.append(compared(study, *sets))
    rows = pd.concat(found, ignore_index=True)
    write_csv(rows, OUT / "compared.csv")
    sought = rows[rows["sought"]]
    result = {
        "members": given.members,
        "studies": given.studies.split(","),
        "tolerance_percent": 100 * TOLERANCE,
        "sought": summary(sought),
        "not_sought": summary(rows[~rows["sought"]]),
        "by_study": {k: summary(part) for k, part in sought.groupby("study")},
        "by_kind": {k: summary(part) for k, part in sought.groupby("kind")},
    }
    RESULT.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
