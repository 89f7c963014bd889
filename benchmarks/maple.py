"""The problem that MAPLE solves, by the search for labels: time for the same task.

    python benchmarks/maple.py [--sets 100]

RESOLVE-IPD/MAPLE (arXiv 2511.01785) takes patients of two arms whose times and events are known from
digitised curves, and seeks a hidden binary label such that the hazard ratio of the arms and the medians
by arm come out in both groups of the label, given how many patients and events each has. Its own
demonstration has 400 patients; two seeds took 39.5 s on a machine of two cores until the loss was 0.

Here the same size is simulated (exponential times, hazard ratio 0.7 in one group of the label and 1.1
in the other, uniform censoring), the two hazard ratios are printed to two decimals and the four medians
to one, and labels are sought that print so. Start is a random labelling with the right counts.
MAPLE's demonstration data are not used, so the comparison is of tasks of the same size and kind, not of
the same file.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "workflow" / "scripts"))

from resarc.ensemble import Ensemble, evaluate  # noqa: E402
from resarc.estimand import DAYS_PER_MONTH, Condition, Estimand  # noqa: E402
from resarc.published import Range  # noqa: E402
from resarc.reconstruct import counts, labels  # noqa: E402
from resarc.reconstruct.assignment import Labels  # noqa: E402
from resarc.reconstruct.histories import History  # noqa: E402
from resarc.reconstruct.layout import lay_out  # noqa: E402
from resarc.reconstruct.targets import Target  # noqa: E402
from resarc.seeds import stream  # noqa: E402

SUMMARY = ROOT / "docs" / "benchmarks" / "maple.json"
PATIENTS = 400
MAPLE_SECONDS = 39.5
"""Two seeds of MAPLE's own demonstration."""


def protocol():
    sys.path.insert(0, str(ROOT / "benchmarks"))
    from truth import protocol_of

    return protocol_of("maple", ["arm", "label"])


def simulated(rng: np.random.Generator):
    """Days, events, arm and label of the patients."""
    arm, label = rng.integers(0, 2, (2, PATIENTS))
    rate = np.log(2) / 600 * np.where(arm == 0, np.where(label == 0, 0.7, 1.1), 1.0)
    death = np.ceil(rng.exponential(1 / rate))
    end = np.ceil(rng.uniform(300, 1800, PATIENTS))
    return np.minimum(death, end).astype(int), death <= end, arm, label


def figures(protocol, days, event, arm, label) -> list[Target]:
    """What is printed: two hazard ratios, four medians, patients and events of each group."""
    truth = Ensemble(
        protocol,
        {"arm": arm[None], "label": label[None]},
        {},
        {"os": days[None] / DAYS_PER_MONTH},
        {"os": event[None]},
    )
    texts, half = [], []
    for v in "ab":
        texts.append(f"os.hazard_ratio{{label={v}}} by arm(a / b)")
        half.append(0.005)
        for w in "ab":
            texts.append(f"os.median{{arm={w}, label={v}}}")
            half.append(0.05)
    found = []
    for text, width in zip(texts, half, strict=True):
        e = Estimand.parse(text)
        value = round(float(evaluate(e, truth).value[0]), 2 if width < 0.01 else 1)
        found.append(Target(e, Range(value - width, value + width), None, None, (text,), False))
    for w in "ab":
        for v in "ab":
            for status in ("event", "censored"):
                where = (Condition("arm", w), Condition("label", v), Condition("os", status))
                e = Estimand("n", where=where)
                n = float(evaluate(e, truth).value[0])
                found.append(Target(e, Range(n, n), None, None, (str(e),), False))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", type=int, default=100, help="labellings to find")
    arguments = parser.parse_args()
    study = protocol()
    days, event, arm, label = simulated(stream("maple", "benchmark"))
    targets = figures(study, days, event, arm, label)
    layout = lay_out(study, targets)
    parts = counts.components(layout, targets, PATIENTS)
    wanted = [t for t in targets if not counts.is_count(t)]

    def found(sets: int, seed: int) -> tuple[float, int]:
        """Seconds of one core for so many labellings, and how many print as they should."""
        rng = stream("maple", "search", seed)
        start = np.tile(label, (sets, 1))
        for row in start:  # exchanged within arm and status: the counts stay
            for w in (0, 1):
                for e in (False, True):
                    part = np.flatnonzero((arm == w) & (event == e))
                    row[part] = rng.permutation(row[part])
        given = Labels(layout, {"arm": np.tile(arm, (sets, 1)), "label": start})
        shape = (sets, PATIENTS)
        history = History(
            np.tile(days, (sets, 1)),
            np.tile(event, (sets, 1)),
            np.full(shape, -1),
            (),
            np.zeros(sets),
            np.zeros(shape, dtype=bool),
        )
        begun = time.process_time()
        labels.fit(list(parts), given, wanted, {"os": history}, rng)
        seconds = time.process_time() - begun
        members = Ensemble(
            study,
            given.codes,
            {},
            {"os": np.tile(days, (sets, 1)) / DAYS_PER_MONTH},
            {"os": np.tile(event, (sets, 1))},
        )
        held = np.all([t.holds(t.evaluate(members)) for t in targets], axis=0)
        return seconds, int(held.sum())

    found(2, 10**6)  # compiled once
    two, both = found(2, 1)
    many, held = found(arguments.sets, 2)
    result = SimpleNamespace(
        seconds_two=round(two, 3),
        held_two=both,
        times_faster=round(MAPLE_SECONDS / 2 / round(many / arguments.sets, 3)),  # as printed
        sets=arguments.sets,
        seconds_per_set=round(many / arguments.sets, 3),
        held=held,
        maple_seconds_two=MAPLE_SECONDS,
    )
    SUMMARY.parent.mkdir(parents=True, exist_ok=True)
    SUMMARY.write_text(json.dumps(vars(result), indent=1) + "\n", encoding="utf-8")
    print(SUMMARY.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
