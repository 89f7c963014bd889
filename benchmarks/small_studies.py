"""How often does the search lose a figure that holds? Small made-up studies, printed and rebuilt.

    python benchmarks/small_studies.py [--only 3,17] [--again]

The studies of tests/reconstruct/generated.py: 8 to 16 patients with two endpoints, a binary and a
three-level category and an age print 3 to 9 figures, drawn at random, beside their number. Whatever is
printed is true of them, so every figure can be held together with all others. Each paper says that its
rates are Kaplan-Meier estimates, so that few readings are asked for. Each study is rebuilt; a figure that is
set aside under the reading by which it was printed, because no dataset was found that holds it with the
others, is lost.

Each study writes benchmarks/out/small_studies/<number>.json and is skipped if that is there, but for
`--again`. The result is docs/benchmarks/small_studies.json: of the first studies, at which was looked while
the search was mended, and of others, drawn afterwards.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "workflow" / "scripts"), str(ROOT / "tests" / "reconstruct")]

from generated import (  # noqa: E402
    COURSES,
    GRADES,
    PRINTABLE,
    PROTOCOLS,
    TRUE_READINGS,
    Study,
    frame_of,
    print_figures,
    published,
)

from resarc.errors import ReconstructionError  # noqa: E402
from resarc.reconstruct.engine import build_chunk, decide  # noqa: E402
from resarc.reconstruct.plan import NOT_FOUND  # noqa: E402

OUT = ROOT / "benchmarks" / "out" / "small_studies"
SUMMARY = ROOT / "docs" / "benchmarks" / "small_studies.json"
MEMBERS = 3
PARTS = {"looked_at": range(60), "afterwards": range(60, 120)}


def study(number: int) -> Study:
    """The made-up study of that number, by the bounds of the tests' own."""
    rng = np.random.default_rng(number)
    logic = bool(rng.random() < 0.5)
    patients = [
        (
            int(rng.integers(20, 901)),
            int(rng.integers(1, 901)),
            str(rng.choice(COURSES)),
            bool(rng.random() < 0.5),
            str(rng.choice(GRADES)),
            int(rng.integers(30, 86)),
        )
        for _ in range(rng.integers(8, 17))
    ]
    names = rng.choice(PRINTABLE, rng.integers(3, 10), replace=False).tolist()
    truth = frame_of(patients, logic=logic)
    figures = print_figures(truth, PROTOCOLS[logic], names)
    return Study(PROTOCOLS[logic], truth, published(figures, stated=True))


def measured(number: int) -> dict[str, object]:
    """What was lost of one study."""
    made = study(number)
    began = time.process_time()
    scheme = decide(made.protocol, made.printed, seed=number)
    true = [plan for plan in scheme.prepared if plan.reading.name in TRUE_READINGS]
    lost = {
        str(target.estimand): reason
        for plan in true
        for target, reason in plan.aside.items()
        if NOT_FOUND in reason
    }
    gave_up = ""
    try:
        build_chunk(scheme, 0, members=MEMBERS * len(scheme.plans))
    except ReconstructionError as error:
        gave_up = str(error)
    return {
        "study": number,
        "patients": len(made.truth),
        "figures": len(made.printed.figures),
        "lost": lost,
        "true_reading": any(plan in scheme.plans for plan in true),
        "readings": [plan.reading.name for plan in scheme.plans],
        "gave_up": gave_up,
        "seconds": round(time.process_time() - began, 1),
    }


def summarise(numbers: list[int]) -> dict[str, object]:
    """Rates over studies."""
    found = [json.loads((OUT / f"{n}.json").read_text(encoding="utf-8")) for n in numbers]
    figures, lost = sum(f["figures"] for f in found), sum(len(f["lost"]) for f in found)
    return {
        "studies": len(found),
        "figures": figures,
        "lost": lost,
        "lost_percent": round(100 * lost / figures, 1),
        "studies_with_loss": sum(bool(f["lost"]) for f in found),
        "true_reading_lost": sum(not f["true_reading"] for f in found),
        "gave_up": sum(bool(f["gave_up"]) for f in found),
        "median_seconds": round(float(np.median([f["seconds"] for f in found])), 1),
        "most_seconds": max(f["seconds"] for f in found),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="")
    parser.add_argument("--again", action="store_true")
    given = parser.parse_args()
    every = [number for part in PARTS.values() for number in part]
    numbers = [int(n) for n in given.only.split(",") if n] or every
    OUT.mkdir(parents=True, exist_ok=True)
    for number in numbers:
        path = OUT / f"{number}.json"
        if given.again or not path.is_file():
            path.write_text(json.dumps(measured(number), indent=1) + "\n", encoding="utf-8")
        row = json.loads(path.read_text(encoding="utf-8"))
        print(number, row["seconds"], row["readings"], row["lost"], row["gave_up"], flush=True)
    if not given.only:
        result = {name: summarise(list(part)) for name, part in PARTS.items()}
        SUMMARY.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
        print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
