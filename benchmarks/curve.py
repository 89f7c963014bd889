"""A digitised curve rebuilt: datasets of both arms of Bonner et al. (N Engl J Med 2006;354:567),
locoregional control, from the points and numbers at risk that the R package IPDfromKM ships.

    python benchmarks/curve.py <folder with curve_*.csv> [members]

Printed side by side: Resarc's datasets and one by the algorithm of Guyot et al. (BMC Med Res Methodol
2012;12:9), which is what IPDfromKM runs (Liu et al., BMC Med Res Methodol 2021;21:111), written here
from the paper. For both: root mean square distance of the curve at the points' times from the points,
events, medians, hazard ratio, and numbers at risk.
"""

from __future__ import annotations

import csv
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from time import process_time

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "workflow" / "scripts"))

from resarc import ensemble as ensembles  # noqa: E402
from resarc import protocol as protocols  # noqa: E402
from resarc import published as publications  # noqa: E402
from resarc.estimand import Estimand  # noqa: E402
from resarc.reconstruct import curves, reach  # noqa: E402
from resarc.reconstruct.engine import reconstruct  # noqa: E402

ARMS = ("radiotherapy", "radiotherapy_cetuximab")
AT_RISK = {ARMS[0]: (213, 122, 80, 51, 30, 10), ARMS[1]: (211, 143, 101, 66, 35, 9)}
AS_GUYOT = (0.0056, 0.00415)
"""How far by arm, as a fraction of 1, the dataset by Guyot's algorithm is from the points."""
RATIO = "lrc.hazard_ratio by arm(radiotherapy_cetuximab / radiotherapy)"

PROTOCOL = """
study: bonner
reference: bonner2006
title: Radiotherapy with and without cetuximab
population: Patients with squamous-cell carcinoma of the head and neck
origin_label: randomisation
time_zero: randomised
source: {kind: reconstruction}
variables:
  - {name: patient_id, column: id, label: Patient, type: identifier, required: true}
  - {name: randomised, column: randomised, label: Randomised, type: date, required: true}
  - {name: failed, column: failed, label: Locoregional failure, type: date}
  - {name: last_seen, column: last, label: Last contact, type: date, required: true}
  - {name: arm, column: arm, label: Arm, type: category, categories: {radiotherapy: [R], radiotherapy_cetuximab: [C]}, required: true}
eligibility:
  - {id: randomised, label: Randomised, keep: [{variable: randomised, present: true}]}
endpoints:
  - {name: lrc, label: Locoregional control, definition: to locoregional failure, origin: randomised, events: [failed], censored_at: last_seen}
analyses:
  - {id: main, label: Main, kind: survival, endpoint: lrc, at: [24 months], by: arm}
conventions: {survival_interval: log}
reconstruction: {period: [1999-04-01, 2002-03-31], last_contact: 2008-12-31}
"""

FIGURE = f'  - {{{{id: ratio, estimand: "{RATIO}", printed: "{{ratio}}", {{interval}}locator: Results}}}}'

PUBLISHED = """
study: bonner
reference: bonner2006
reading: Points of Figure 1 as IPDfromKM ships them
endpoints: [lrc]
stated: {{rates: Kaplan-Meier, locator: Methods}}
figures:
  - {{id: n, estimand: "n", printed: "424", locator: Table 1}}
{figure}
curves:
  - {{id: fig1, endpoint: lrc, by: arm, file: points.csv, at_risk: at_risk.csv, tolerance: {most}, mean_tolerance: {mean}, time_tolerance: 0.6, locator: Figure 1}}
"""


def study(
    source: Path,
    folder: Path,
    ratio: str | None,
    limits: tuple[str, str] | None,
    mean: float | tuple[float, float],
    most: float = 0.025,
):
    """The configuration of the study, written to a folder and read."""
    for name in ("studies", "published/bonner"):
        (folder / name).mkdir(parents=True)
    (folder / "studies/bonner.yaml").write_text(PROTOCOL, encoding="utf-8")
    interval = f'interval: ["{limits[0]}", "{limits[1]}"], ' if limits else ""
    figure = FIGURE.format(ratio=ratio, interval=interval) if ratio else ""
    if isinstance(mean, tuple):
        mean = "{" + ", ".join(f"{a}: {x}" for a, x in zip(ARMS, mean, strict=True)) + "}"
    text = PUBLISHED.format(figure=figure, most=most, mean=mean)
    (folder / "published/bonner.yaml").write_text(text, encoding="utf-8")
    with (folder / "published/bonner/points.csv").open("w", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow(["group", "time", "survival"])
        for arm in ARMS:
            with (source / f"curve_{arm}.csv").open() as given:
                for row in csv.DictReader(given):
                    writer.writerow([arm, row["time"], row["survival_percent"]])
    with (folder / "published/bonner/at_risk.csv").open("w", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow(["group", "time", "at_risk"])
        for arm, numbers in AT_RISK.items():
            writer.writerows([arm, 10 * k, number] for k, number in enumerate(numbers))
    return (
        protocols.load(folder / "studies/bonner.yaml"),
        publications.load(folder / "published/bonner.yaml"),
    )


def guyot(times: np.ndarray, heights: np.ndarray, risk_times, at_risk):
    """Times and events of one arm by the algorithm of Guyot et al., without a total of events."""
    t, s = np.append(0.0, times), np.append(1.0, heights)
    lower = [int(np.searchsorted(t, r, side="left")) for r in risk_times]
    upper = [*(x - 1 for x in lower[1:]), len(t) - 1]
    risk, intervals = list(at_risk), len(at_risk)
    deaths, lost = np.zeros(len(t), dtype=int), np.zeros(len(t), dtype=int)
    left = np.zeros(len(t) + 1, dtype=int)
    left[0] = risk[0]
    estimate, last_event = np.ones(len(t)), [0] * (intervals + 1)
    censored = [0] * intervals

    def spread(i: int) -> None:
        span = slice(lower[i], upper[i] + 1)
        lost[span] = 0
        if censored[i] > 0:
            end = t[lower[i + 1]] if i + 1 < intervals else t[upper[i]]
            at = t[lower[i]] + np.arange(1, censored[i] + 1) * (end - t[lower[i]]) / (
                censored[i] + 1
            )
            place = np.clip(np.searchsorted(t, at, side="right") - 1, lower[i], upper[i])
            np.add.at(lost, place, 1)

    def walk(i: int) -> None:
        left[lower[i]] = risk[i]
        last = last_event[i]
        for k in range(lower[i], upper[i] + 1):
            if i == 0 and k == lower[i]:
                deaths[k], estimate[k] = 0, 1.0
            else:
                deaths[k] = max(round(left[k] * (1 - s[k] / estimate[last])), 0)
                estimate[k] = estimate[last] * (1 - deaths[k] / left[k]) if left[k] else 0.0
            left[k + 1] = left[k] - deaths[k] - lost[k]
            if deaths[k]:
                last = k
        last_event[i + 1] = last

    for i in range(intervals - 1):
        censored[i] = max(round(risk[i] * s[lower[i + 1]] / s[lower[i]] - risk[i + 1]), 0)
        for _ in range(1000):
            spread(i)
            walk(i)
            over = left[lower[i + 1]] - risk[i + 1]
            if over == 0 or (over < 0 and censored[i] <= 0):
                break
            censored[i] = max(censored[i] + over, 0)
        risk[i + 1] = min(risk[i + 1], left[lower[i + 1]])
    i = intervals - 1
    share = (t[upper[i]] - t[lower[i]]) / max(t[upper[i - 1]] - t[lower[0]], 1e-9)
    censored[i] = min(round(sum(censored[:i]) * share), risk[i])
    spread(i)
    walk(i)
    happened = [(t[k], 1) for k in range(len(t)) for _ in range(deaths[k])]
    dropped = [
        ((t[k] + t[min(k + 1, len(t) - 1)]) / 2, 0) for k in range(len(t)) for _ in range(lost[k])
    ]
    rest = [(t[-1], 0)] * (at_risk[0] - len(happened) - len(dropped))
    return np.array(sorted([*happened, *dropped, *rest]))


def report(name: str, ensemble, published, seconds: float) -> None:
    """What one way of rebuilding gives, over its datasets."""

    def spread(text: str) -> str:
        values = ensembles.evaluate(Estimand.parse(text), ensemble, intervals=False).value
        low, high = np.nanmin(values), np.nanmax(values)
        return f"{low:.3g}" if low == high else f"{low:.3g} to {high:.3g}"

    ratio = ensembles.evaluate(Estimand.parse(RATIO), ensemble)
    print(f"\n{name}: {ensemble.shape[0]} dataset(s), {seconds:.1f} s of CPU")
    print(f"  hazard ratio {ratio.value.min():.4f} to {ratio.value.max():.4f}, limits "
          f"{ratio.lower.min():.3f} to {ratio.lower.max():.3f}, {ratio.upper.min():.3f} to {ratio.upper.max():.3f}")  # fmt: skip
    for arm in ARMS:
        group = next(g for g in published.curves[0].groups if g.level == arm)
        points = np.array(group.points)
        mask = ensemble.mask(Estimand.parse(f"n{{arm={arm}}}").where)
        last = np.where(mask, ensemble.times["lrc"], 0).max()
        within = points[points[:, 0] <= last]
        drawn = ensembles.batch.km_at(
            ensemble.times["lrc"], ensemble.events["lrc"], mask, within[None, :, 0]
        )[0]
        rms = 100 * np.sqrt(np.nanmean((drawn - within[:, 1]) ** 2, axis=1))
        print(f"  {arm}: distance from the points {rms.min():.3f} to {rms.max():.3f} percentage points (RMS), "
              f"events {spread(f'lrc.events{{arm={arm}}}')}, median {spread(f'lrc.median{{arm={arm}}}')}")  # fmt: skip
        risk = [spread(f"lrc.at_risk({10 * k} months){{arm={arm}}}") for k in range(1, 6)]
        print(f"    at risk from 10 months on: {', '.join(risk)} (printed {AT_RISK[arm][1:]})")


def reach_of_limits(published, protocol) -> None:
    """Which limits of a hazard ratio printed as 0.69 curves within a tolerance leave room for."""
    arms = curves.traced(published.curves[0], published, protocol, 424)
    print("\nWald limits that curves and numbers at risk leave room for (reach.widest_error)")
    for most in (0.0, 0.0025, 0.005, 0.01, 0.025):
        near = [replace(arm, tolerance=most, slack=0.0) for arm in arms[::-1]]
        error = reach.widest_error(near, (0.685, 0.695))
        low, high = 0.685 * np.exp(-1.96 * error), 0.695 * np.exp(1.96 * error)
        print(
            f"  no point farther than {100 * most:.2f}: standard error at most {error:.4f}, from {low:.4f} to {high:.4f}"
        )


def main() -> None:
    source, members = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 20
    with tempfile.TemporaryDirectory() as name:
        protocol, published = study(source, Path(name), None, None, 0.003)
    reach_of_limits(published, protocol)
    parts = []
    began = process_time()
    for arm in ARMS:
        points = np.array(next(g for g in published.curves[0].groups if g.level == arm).points)
        falling = np.minimum.accumulate(points[:, 1])
        parts.append(guyot(points[:, 0], falling, range(0, 60, 10), AT_RISK[arm]))
    seconds = process_time() - began
    both = np.vstack(parts)
    codes = np.repeat([0, 1], [len(part) for part in parts])
    one = ensembles.Ensemble(
        protocol,
        {"arm": codes[None]},
        {},
        {"lrc": both[None, :, 0]},
        {"lrc": both[None, :, 1] == 1},
    )
    report("Guyot et al.", one, published, seconds)
    for printed, limits, mean, most in (
        (None, None, 0.004, 0.025),
        ("0.69", None, AS_GUYOT, 0.025),
        ("0.69", ("0.52", "0.89"), AS_GUYOT, 0.025),
        ("0.69", ("0.52", "0.89"), 0.015, 0.05),
        ("0.69", ("0.52", "0.89"), 0.03, 0.06),
    ):
        with tempfile.TemporaryDirectory() as name:
            protocol, published = study(source, Path(name), printed, limits, mean, most)
        began = process_time()
        found = reconstruct(protocol, published, members=members, seed=1)
        seconds = process_time() - began
        ensemble = ensembles.from_frame(found.ensemble, protocol)
        words = "not used" if printed is None else f"printed as {printed}"
        words += f" ({' to '.join(limits)})" if limits else ""
        report(f"Resarc, hazard ratio {words}", ensemble, published, seconds)
        for level, (root, most) in curves.fit(published.curves[0], published, ensemble).items():
            print(
                f"  {level}: RMS distance from the drawn line at most {100 * root:.3f}, no point "
                f"farther than {100 * most:.2f} (within {published.curves[0].time_tolerance:g} months)"
            )
        for row in found.conflicts.to_dict("records"):
            print(f"  {row['status']}: {row['printed']}: {row['proof']}")


if __name__ == "__main__":
    main()
