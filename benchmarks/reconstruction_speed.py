"""How long reconstructions take on two processes, and what share of the printed figures every member holds.

    python benchmarks/reconstruction_speed.py okayama2022=1000 sysucc2015=200 oslo2014=200 qu2024=200

For each study: seconds to decide (readings, what must be set aside), seconds to build the members in
chunks by two processes, the largest memory of one process, the printed figures that are targets, those
that every member holds, and those that are set aside. Needs a machine with nothing else to do.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "workflow/scripts"))

from resarc import protocol, published  # noqa: E402
from resarc.reconstruct import engine  # noqa: E402

RESULT = ROOT / "docs" / "benchmarks" / "reconstruction_speed.json"
PROCESSES = 2
SEED = 20260101


def main() -> None:
    found = {}
    for argument in sys.argv[1:]:
        study, members = argument.split("=")
        found[study] = measure(study, int(members))
        print(study, found[study], flush=True)
    RESULT.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def measure(study: str, members: int) -> dict[str, float]:
    plan = protocol.load(ROOT / f"config/studies/{study}.yaml")
    printed = published.load(ROOT / f"config/published/{study}.yaml")
    began = time.perf_counter()
    scheme = engine.decide(plan, printed, seed=SEED)
    decided = time.perf_counter()
    with ProcessPoolExecutor(PROCESSES) as pool:
        build = partial(engine.build_chunk, scheme, members=members)
        frames = list(pool.map(build, range(engine.chunks(members))))
    built = time.perf_counter()
    targets = engine.gather(scheme, frames).targets
    wanted = targets[targets["status"].isin(["target", "claim"])]
    memory = max(resource.getrusage(w).ru_maxrss for w in (0, resource.RUSAGE_CHILDREN)) / 1024
    return {
        "datasets": members,
        "seconds_to_decide": round(decided - began, 1),
        "seconds_to_build": round(built - decided, 1),
        "most_memory_MiB": round(memory),
        "targets": len(wanted),
        "held_by_all": int((wanted["share_held"] == 1).sum()),
        "set_aside": int((targets["status"] == "set aside").sum()),
    }


if __name__ == "__main__":
    main()
