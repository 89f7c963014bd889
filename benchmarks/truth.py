"""Is the truth in the identified sets? Cohorts drawn from real patients, printed, and rebuilt.

    python benchmarks/truth.py [--cohorts 48] [--only 0,1,2] [--members 24]

Patients of GBSG-2, Rossi, the NCCTG lung cohort (lifelines) and, if `--tcga FILE` is given, the sarcomas
of TCGA are drawn in cohorts of 24, 60 and 142. Of each cohort only what a paper prints is kept: n,
median survival and rates with their intervals, follow-up of the censored, and for each factor the sizes
of its two groups, the rate at a landmark with its interval, and the log-rank p to two digits. No number
of events, no hazard ratio, no curve. From this the cohort is rebuilt and pushed, and the true hazard
ratio, difference of restricted means, medians by group and number of events are looked for in the
identified sets, sought with the effort of a first look (1) and of a publication (20). One row per factor.

Each cohort writes benchmarks/out/truth/<number>.csv and is skipped if that is there, so that a run
may be cut and taken up. `summarise` writes docs/benchmarks/truth.json from all of them.
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

from resarc.ensemble import from_frame  # noqa: E402
from resarc.estimand import DAYS_PER_MONTH, Estimand  # noqa: E402
from resarc.identify import identify  # noqa: E402
from resarc.identify.bounds import values_of  # noqa: E402
from resarc.identify.push import push  # noqa: E402
from resarc.protocol import Protocol  # noqa: E402
from resarc.published import Published  # noqa: E402
from resarc.reconstruct.engine import reconstruct  # noqa: E402
from resarc.seeds import stream  # noqa: E402
from resarc.survival import kaplan_meier, logrank  # noqa: E402

OUT = ROOT / "benchmarks" / "out" / "truth"
SUMMARY = ROOT / "docs" / "benchmarks" / "truth.json"
SIZES = (24, 60, 142)
SEED = 20260101
EFFORTS = (1, 20)
"""With which ends are sought: as at a first look, and as for a publication."""
FACTORS = 8
"""Factors of a cohort at most: as many as a univariable table of a small study has."""


def sources(tcga: Path | None) -> dict[str, pd.DataFrame]:
    """Real patients: `days`, `event`, and binary factors ("a" or "b")."""
    from lifelines import datasets

    def split(values: pd.Series) -> pd.Series:
        return pd.Series(np.where(values > values.median(), "a", "b"), values.index)

    found = {}
    gbsg2 = datasets.load_gbsg2()
    found["gbsg2"] = pd.DataFrame(
        {"days": gbsg2["time"], "event": gbsg2["cens"] == 1}
        | {k: split(gbsg2[k]) for k in ("age", "tsize", "pnodes", "progrec", "estrec")}
        | {
            k: np.where(gbsg2[k] == v, "a", "b")
            for k, v in (("horTh", "yes"), ("menostat", "Post"))
        }
        | {"tgrade": np.where(gbsg2["tgrade"] == "III", "a", "b")}
    )
    lung = datasets.load_lung().dropna(subset=["ph.ecog", "ph.karno", "pat.karno", "wt.loss"])
    found["lung"] = pd.DataFrame(
        {
            "days": lung["time"],
            "event": lung["status"] == 1,
            "sex": np.where(lung["sex"] == 1, "a", "b"),
        }
        | {k.replace(".", "_"): split(lung[k]) for k in ("age", "ph.karno", "pat.karno", "wt.loss")}
        | {"ecog": np.where(lung["ph.ecog"] > 0, "a", "b")}
    )
    rossi = datasets.load_rossi()
    found["rossi"] = pd.DataFrame(
        # Weeks are spread over five years, so that a landmark in years is one.
        {"days": rossi["week"] * 35, "event": rossi["arrest"] == 1}
        | {k: np.where(rossi[k] == 1, "a", "b") for k in ("fin", "race", "wexp", "mar", "paro")}
        | {k: split(rossi[k]) for k in ("age", "prio")}
    )
    if tcga:
        table = pd.read_csv(tcga, sep="\t")
        table = table.dropna(subset=["Overall Survival (Months)", "Overall Survival Status"])
        table = table[table["Overall Survival (Months)"] > 0]
        parts = {
            "days": (table["Overall Survival (Months)"] * DAYS_PER_MONTH).round(),
            "event": table["Overall Survival Status"].str.startswith("1"),
            "sex": np.where(table["Sex"] == "Male", "a", "b"),
        }
        for k in ("Diagnosis Age", "Fraction Genome Altered", "Mutation Count", "Aneuploidy Score"):
            if k in table:
                parts[k.lower().replace(" ", "_")] = split(table[k].fillna(table[k].median()))
        found["tcga"] = pd.DataFrame(parts)
    return {k: v.reset_index(drop=True).rename(columns=str.lower) for k, v in found.items()}


def protocol_of(name: str, factors: list[str]) -> Protocol:
    """A protocol with these binary factors and one endpoint."""
    category = [
        {
            "name": f,
            "column": f,
            "label": f,
            "type": "category",
            "categories": {v: [v] for v in "ab"},
        }
        for f in factors
    ]
    dates = [
        {"name": n, "column": n, "label": n, "type": "date"}
        for n in ("start_date", "death_date", "last_date")
    ]
    return Protocol.model_validate(
        {
            "study": name, "reference": name, "title": name, "population": "Drawn patients",
            "time_zero": "start_date", "origin_label": "start", "source": {"kind": "reconstruction"},
            "variables": [*category, *dates],
            "eligibility": [
                {"id": "known", "label": "Known", "keep": [{"variable": "start_date", "present": True}]}
            ],
            "endpoints": [
                {"name": "os", "label": "Survival", "definition": "To death", "origin": "start_date",
                 "events": ["death_date"], "censored_at": "last_date"}
            ],
            "conventions": {"survival_interval": "log-log"},
            "analyses": [{"id": "os", "label": "Survival", "kind": "survival", "endpoint": "os", "at": ["12 months"]}],
            "reconstruction": {"period": ["2000-01-01", "2005-01-01"], "last_contact": "2013-01-01"},
        }
    )  # fmt: skip


def percent(x: float) -> str:
    return f"{100 * x:.1f}"


def printed(cohort: pd.DataFrame, factors: list[str], landmarks: list[int]) -> list[dict]:
    """What the paper prints of a cohort, as figures."""
    figures: list[dict] = []

    def add(estimand: str, text: str, interval=None, unit="") -> None:
        figure = {"id": f"f{len(figures)}", "estimand": estimand, "printed": text}
        figure |= {"locator": "drawn", "says": "drawn"}
        figure |= {"interval": interval} if interval else {}
        figures.append(figure | ({"unit": unit} if unit else {}))

    def rate(part: pd.DataFrame, month: int, where: str) -> None:
        steps = kaplan_meier.curve(part["months"], part["event"])
        found = kaplan_meier.survival_at(steps, month).iloc[0]
        limits = [found["lower"], found["upper"]]
        interval = None if np.isnan(limits).any() or found["survival"] in (0, 1) else limits
        if not np.isnan(found["survival"]):
            text = [percent(x) for x in interval] if interval else None
            add(f"os.survival({month} months){where}", percent(found["survival"]), text, "%")

    add("n", str(len(cohort)))
    for month in landmarks:
        rate(cohort, month, "")
    median = kaplan_meier.quantile(kaplan_meier.curve(cohort["months"], cohort["event"])).value
    if np.isfinite(median):
        add("os.median", f"{median:.1f}", unit="months")
    alive = cohort.loc[~cohort["event"], "months"]
    if len(alive):
        for statistic in ("median", "min", "max"):
            name = {"min": "minimum", "max": "maximum"}.get(statistic, statistic)
            value = getattr(alive, statistic)()
            add(f"os.followup_{name}{{os=censored}}", f"{value:.1f}", unit="months")
    for factor in factors:
        for level in "ab":
            part = cohort[cohort[factor] == level]
            add(f"n{{{factor}={level}}}", str(len(part)))
            rate(part, landmarks[0], f"{{{factor}={level}}}")
        p = logrank.logrank(cohort["months"], cohort["event"], cohort[factor]).p
        add(f"os.logrank_p by {factor}", "< 0.01" if p < 0.005 else f"{p:.2f}")
    return figures


def estimands_of(factors: list[str], horizon: int) -> list[Estimand]:
    texts = ["os.events"]
    for f in factors:
        texts += [f"os.hazard_ratio by {f}(a / b)"]
        texts += [f"os.rmst_difference({horizon} months) by {f}(a / b)"]
        texts += [f"os.median{{{f}=a}}", f"os.median{{{f}=b}}"]
    return [Estimand.parse(t) for t in texts]


def tierney(row: dict, n: int, least: int) -> tuple[float, float]:
    """The range of the log hazard ratio by Parmar 1998 and Tierney 2007 from p as printed, the group
    sizes and the side that the printed rates show, where the number of events is only known to lie
    between those implied by the printed rate and all patients."""
    from scipy.special import ndtri

    ends = []
    for p in row["p_range"]:
        z = -ndtri(max(min(p, 1.0), 1e-6) / 2)
        for events in (least, n):
            ends.append(z / np.sqrt(events * row["size_a"] * row["size_b"] / n**2))
    low, high = min(ends), max(ends)
    return (low, high) if row["side"] > 0 else (-high, -low)


def one(number: int, pool: dict[str, pd.DataFrame], members: int) -> pd.DataFrame | None:
    """The rows of one cohort; None where its landmark rates cannot be printed."""
    names = sorted(pool)
    name, n = names[number % len(names)], SIZES[(number // len(names)) % len(SIZES)]
    rng = stream("coverage", f"{name} {n}", number, seed=SEED)
    source = pool[name]
    cohort = source.iloc[rng.choice(len(source), n, replace=False)].reset_index(drop=True)
    cohort["days"] = cohort["days"].clip(lower=1).round().astype(int)
    cohort["months"] = cohort["days"] / DAYS_PER_MONTH
    factors = [
        f for f in source.columns.difference(["days", "event", "months"])
        if cohort[f].value_counts().min() >= 3 and cohort[f].nunique() == 2
    ][:FACTORS]  # fmt: skip
    # Landmarks near survival of 70% and 40%, in half years.
    steps = kaplan_meier.curve(cohort["months"], cohort["event"])
    landmarks = []
    for share in (0.7, 0.4):
        time_ = kaplan_meier.quantile(steps, 1 - share).value
        time_ = time_ if np.isfinite(time_) else cohort["months"].quantile(0.8)
        landmarks.append(max(6, round(time_ / 6) * 6))
    landmarks = sorted({m for m in landmarks if m < cohort["months"].max()})
    if not landmarks or not factors:
        return None
    protocol = protocol_of(f"c{number:03d}", factors)
    published = Published.model_validate(
        {
            "study": protocol.study, "reference": protocol.study, "reading": "drawn",
            "endpoints": ["os"], "stated": {"rates": "Kaplan-Meier", "locator": "drawn"},
            "figures": printed(cohort, factors, landmarks),
        }
    )  # fmt: skip
    begun = time.process_time()
    found = reconstruct(protocol, published, members=members, seed=SEED)
    wanted = estimands_of(factors, landmarks[0])
    sample, sets_at, seconds = found.ensemble, {}, {0: time.process_time() - begun}
    for effort in EFFORTS:
        begun = time.process_time()
        pushed = push(wanted, sample, protocol, published, found.targets, seed=SEED, effort=effort)
        sets_at[effort] = identify(
            wanted, pd.concat([sample, pushed.members], ignore_index=True), protocol, found.targets,
            pushed=pushed.members["member"].nunique(), sought=pushed.sought,
        ).set_index("estimand")  # fmt: skip
        seconds[effort] = time.process_time() - begun
    sets = sets_at[EFFORTS[-1]]
    truth_frame = cohort[factors].assign(member=0, patient="P")
    truth_frame["os_time"], truth_frame["os_event"] = (
        cohort["months"],
        cohort["event"].astype(float),
    )
    truth = {str(e): values_of(e, from_frame(truth_frame, protocol))[0] for e in wanted}
    # No information: labels given at random to the same histories.
    ensemble = from_frame(sample, protocol)
    for f in factors:
        ensemble.codes[f] = rng.permuted(ensemble.codes[f], axis=1)
    least = int(
        np.ceil(n * (1 - kaplan_meier.survival_at(steps, landmarks[-1])["survival"].item()))
    )
    rows = []
    # Printed values set aside, and limits alone.
    aside = (found.targets["reason"].fillna("") != "").sum()
    for f in factors:
        ratio = f"os.hazard_ratio by {f}(a / b)"
        low, high = sets.loc[ratio, ["lower", "upper"]].astype(float)
        p = logrank.logrank(cohort["months"], cohort["event"], cohort[f]).p
        rates = [
            kaplan_meier.survival_at(
                kaplan_meier.curve(*cohort.loc[cohort[f] == v, ["months", "event"]].T.to_numpy()
                                   .astype(float)), landmarks[0])["survival"].item()
            for v in "ab"
        ]  # fmt: skip
        side = 1 if np.nan_to_num(rates[0], nan=0) < np.nan_to_num(rates[1], nan=0) else -1
        text = "0.00" if p < 0.005 else f"{p:.2f}"
        p_range = (0.0, 0.01) if p < 0.005 else (float(text) - 0.005, float(text) + 0.005)
        sizes = [int((cohort[f] == v).sum()) for v in "ab"]
        formula = tierney(
            {"p_range": p_range, "size_a": sizes[0], "size_b": sizes[1], "side": side}, n, least
        )
        blind = np.log(values_of(Estimand.parse(ratio), ensemble))
        row = {
            "cohort": number,
            "source": name,
            "n": n,
            "factor": f,
            "p": p,
            "stepped_back": int(aside),
            "figures": len(found.targets),
        }
        row |= {"log_hr": np.log(truth[ratio]), "lower": np.log(low), "upper": np.log(high)}
        row |= {"sample_lower": np.log(sets.loc[ratio, "sample_lower"])}
        row |= {"sample_upper": np.log(sets.loc[ratio, "sample_upper"])}
        row |= {"tierney_lower": formula[0], "tierney_upper": formula[1]}
        row |= {"blind_width": float(np.ptp(blind[np.isfinite(blind)]))}
        row["seconds"] = seconds[0] / len(factors)
        row |= {f"seconds_{effort}": seconds[effort] / len(factors) for effort in EFFORTS}
        others = {
            "events": ["os.events"],
            "rmst": [f"os.rmst_difference({landmarks[0]} months) by {f}(a / b)"],
            "median": [f"os.median{{{f}={v}}}" for v in "ab"],
        }
        for effort in EFFORTS:
            for key, texts in (*others.items(), ("hr", [ratio])):
                found_in = all(_inside(truth[t], sets_at[effort].loc[t]) for t in texts)
                row[f"{key}_in_{effort}"] = found_in
            # Where nobody of a group was followed so long, there is no true value to look for.
            if np.isnan(truth[others["rmst"][0]]):
                row[f"rmst_in_{effort}"] = np.nan
        rows.append(row)
    return pd.DataFrame(rows)


def _inside(value: float, row: pd.Series) -> bool:
    """Whether the true value lies between the bounds; a median that is not reached is infinite."""
    value = np.inf if np.isnan(value) else value
    edge = 1e-9 * max(abs(value), 1.0) if np.isfinite(value) else 0.0
    return bool(row["lower"] - edge <= value <= row["upper"] + edge)


def summarise() -> dict[str, object]:
    """Coverage and widths over all cohorts that have been run."""
    parts = [pd.read_csv(path) for path in sorted(OUT.glob("*.csv")) if path.stat().st_size > 5]
    rows = pd.concat(parts, ignore_index=True)
    width = (rows["upper"] - rows["lower"]).replace(np.inf, np.nan)
    formula = rows["tierney_upper"] - rows["tierney_lower"]
    known = rows["log_hr"].between(rows["tierney_lower"], rows["tierney_upper"])
    in_sample = rows["log_hr"].between(rows["sample_lower"] - 1e-9, rows["sample_upper"] + 1e-9)

    def share(values: pd.Series) -> float:
        return round(100 * float(values.dropna().astype(bool).mean()), 1)

    def covered(part: pd.DataFrame, effort: int) -> dict[str, float]:
        return {
            key: share(part[f"{key}_in_{effort}"]) for key in ("hr", "events", "rmst", "median")
        }

    first, last = EFFORTS
    found: dict[str, object] = {
        "rows": len(rows),
        "cohorts": int(rows["cohort"].nunique()),
        "covered": covered(rows, last),
        "covered_at_first_look": covered(rows, first),
        "hr_covered_by_sample": share(in_sample),
        "tierney_covered": share(known),
        "median_width": round(float(width.fillna(np.inf).median()), 2),
        "median_width_tierney": round(float(formula.median()), 2),
        "median_width_blind": round(float(rows["blind_width"].median()), 2),
        "by_patients": {
            int(n): {
                "rows": len(part),
                "cohorts": int(part["cohort"].nunique()),
                "covered": covered(part, last),
                "covered_at_first_look": covered(part, first),
                "median_width": round(float((part["upper"] - part["lower"]).median()), 2),
                "figures": int(part.groupby("cohort")["figures"].first().sum()),
                "stepped_back": int(part.groupby("cohort")["stepped_back"].first().sum()),
                "seconds_of_a_cohort": {
                    name: round(float(part.groupby("cohort")[column].sum().median()))
                    for name, column in (
                        ("rebuilding", "seconds"),
                        ("ends_at_first_look", f"seconds_{first}"),
                        ("ends", f"seconds_{last}"),
                    )
                },
            }
            for n, part in rows.groupby("n")
        },
    }
    SUMMARY.parent.mkdir(parents=True, exist_ok=True)
    SUMMARY.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cohorts", type=int, default=48)
    parser.add_argument("--only", default="", help="numbers of cohorts, by commas")
    parser.add_argument("--members", type=int, default=24)
    parser.add_argument("--tcga", type=Path, help="clinical table of cBioPortal, tab-separated")
    parser.add_argument("--minutes", type=float, default=1e9, help="begin no cohort after so long")
    arguments = parser.parse_args()
    OUT.mkdir(parents=True, exist_ok=True)
    pool = sources(arguments.tcga)
    numbers = [int(k) for k in arguments.only.split(",") if k] or range(arguments.cohorts)
    begun = time.monotonic()
    for number in numbers:
        path = OUT / f"{number:03d}.csv"
        if path.exists():
            continue
        if time.monotonic() - begun > 60 * arguments.minutes:
            break
        rows = one(number, pool, arguments.members)
        (rows if rows is not None else pd.DataFrame()).to_csv(path, index=False)
        shown = ["source", "n", "factor", *(f"hr_in_{effort}" for effort in EFFORTS)]
        print(number, "" if rows is None else rows[shown].to_string(), flush=True)
    print(json.dumps(summarise(), indent=1))


if __name__ == "__main__":
    main()
