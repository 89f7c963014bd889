"""Figures printed from real data are never called inconsistent.

Random patients, their figures computed and rounded as a careful author would, and the audit must
find no contradiction: neither in counts and shares nor in medians, rates, intervals and tests of
censored survival times.
"""

import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resarc.estimand import DAYS_PER_MONTH
from resarc.survival import contingency, cutpoints
from resarc.survival.kaplan_meier import curve, quantile, survival_at

pytestmark = pytest.mark.property

CATEGORIES = {
    "sex": ["female", "male"],
    "arm": ["a", "b"],
    "grade": ["1", "2", "3"],
    "response": ["CR", "PR", "SD", "PD"],
}
GAPLESS = [
    {"level": "younger", "variable": "age_group", "of": "age", "at_most": 60, "locator": "Methods"},
    {"level": "elderly", "variable": "age_group", "of": "age", "above": 60, "locator": "Methods"},
    {"level": "<40", "variable": "age_decade", "of": "age", "below": 40, "locator": "Methods"},
    {
        "level": "40-49",
        "variable": "age_decade",
        "of": "age",
        "at_least": 40,
        "below": 50,
        "locator": "Methods",
    },
    {"level": ">=50", "variable": "age_decade", "of": "age", "at_least": 50, "locator": "Methods"},
]


def patients(seed: int, n: int, censoring: float) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({name: rng.choice(levels, n) for name, levels in CATEGORIES.items()})
    frame["responder"] = np.where(frame["response"].isin(["CR", "PR"]), "yes", "no")
    frame["age"] = rng.integers(20, 85, n).astype(float)
    frame["age_group"] = np.where(frame["age"] > 60, "elderly", "younger")
    frame["age_decade"] = pd.cut(
        frame["age"], [0, 40, 50, 200], right=False, labels=["<40", "40-49", ">=50"]
    ).astype(str)
    frame["size"] = rng.gamma(2, 15, n).round(1)
    death = rng.exponential(40, n)
    end = rng.exponential(40 / max(censoring, 1e-6), n) if censoring else np.full(n, 1e6)
    # months to a tenth, so that deaths and censorings tie
    frame["months"] = np.minimum(death, end).round(1) + 0.1
    frame["os"] = np.where(death <= end, "event", "censored")
    return frame


def share(k: int, n: int, places: int) -> str:
    return f"{100 * k / n:.{places}f}%"


def printed(frame: pd.DataFrame, places: int) -> list[str]:
    """What a paper would print of these patients, in the tests' shorthand."""
    n = len(frame)
    lines = [f"n -> {n}"]
    groups = [*CATEGORIES, "responder", "age_group", "age_decade"]
    for name in groups:
        for level, k in frame[name].value_counts().items():
            lines += [f"n{{{name}={level}}} -> {k}"]
            lines += [f"{name}.proportion({level}) -> {share(k, n, places)}"]
    for other in ("sex", "response", "grade"):
        for level in CATEGORIES[other]:
            for arm in CATEGORIES["arm"]:
                k = int(((frame[other] == level) & (frame["arm"] == arm)).sum())
                lines.append(f"n{{arm={arm}, {other}={level}}} -> {k}")
        present = [level for level in CATEGORIES[other] if (frame[other] == level).any()]
        table = pd.crosstab(frame[other], frame["arm"]).loc[present].to_numpy()
        if min(table.shape) > 1:
            for statistic, test in (
                ("chi2_p", contingency.chi_square),
                ("fisher_p", contingency.fisher_exact),
                ("trend_p", contingency.linear_by_linear),
            ):
                lines.append(f"{other}.{statistic} by arm -> {test(table).p:.3f}")
    for name, digits in (("age", 1), ("size", 2)):
        values = frame[name]
        for statistic, value in (
            ("mean", values.mean()),
            ("sd", values.std() if n > 1 else 0.0),
            ("median", values.median()),
            ("minimum", values.min()),
            ("maximum", values.max()),
        ):
            lines.append(f"{name}.{statistic} -> {value:.{digits}f}")
        for arm, group in frame.groupby("arm"):
            lines.append(f"{name}.median{{arm={arm}}} -> {group[name].median():.{digits}f}")
    lines += survival(frame, places)
    return lines


def survival(frame: pd.DataFrame, places: int) -> list[str]:
    lines = []
    whole = frame.assign(event=(frame["os"] == "event").astype(float))
    parts = [("", whole)] + [(f"{{arm={arm}}}", g) for arm, g in whole.groupby("arm")]
    for where, group in parts:
        km = curve(group["months"], group["event"])
        median = quantile(km).value
        if np.isfinite(median):
            lines.append(f"os.median{where} -> {median * DAYS_PER_MONTH:.0f} days")
        at = survival_at(km, [12.0, 36.0, 60.0])
        for months, (_, row) in zip((12, 36, 60), at.iterrows(), strict=True):
            if np.isfinite(row["survival"]):
                text = f"{100 * row['survival']:.{places}f}%"
                limits = row["lower"], row["upper"]
                if all(map(np.isfinite, limits)):
                    low, high = (f"{100 * x:.{places}f}" for x in limits)
                    text += f" ({low} to {high})"
                lines.append(f"os.survival({months} months){where} -> {text}")
    alive = whole.loc[whole["os"] == "censored", "months"]
    lines.append(f"os.events -> {int(whole['event'].sum())}")
    lines.append(f"n{{os=censored}} -> {len(alive)}")
    for group, where in ((whole["months"], ""), (alive, "{os=censored}")):
        if len(group):
            for statistic in ("median", "mean"):
                value = getattr(group, statistic)()
                lines.append(f"os.followup_{statistic}{where} -> {value:.1f} months")
            lines.append(f"os.followup_minimum{where} -> {group.min():.1f} months")
            lines.append(f"os.followup_maximum{where} -> {group.max():.1f} months")
    return lines


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(2, 160),
    censoring=st.sampled_from([0.0, 0.3, 1.0, 3.0]),
    places=st.integers(0, 2),
)
def test_true_figures_are_never_inconsistent(study, seed, n, censoring, places):
    lines = printed(patients(seed, n, censoring), places)
    faults = [
        f
        for f in study.audit(*lines, definitions=GAPLESS)
        if f.verdict == "inconsistent" or f.severity == "major"
    ]
    assert faults == []


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(8, 60), shift=st.floats(0, 2))
def test_a_youden_cutoff_is_never_doubted(study, seed, n, shift):
    rng = np.random.default_rng(seed)
    dead = rng.random(n) < 0.5
    if dead.all() or not dead.any():
        return
    marker = (rng.normal(0, 1, n) + shift * dead).round(1)
    best = cutpoints.optimal_cutoff(marker, dead, "youden")
    area = cutpoints.auc(marker, dead).value
    high = marker >= best.threshold if best.direction == ">" else marker > best.threshold
    if high.all() or not high.any():
        return
    lines = [f"n -> {n}", "os.roc_cutoff(3 years) by size -> 27"]
    for level, group in (("<27", ~high), (">=27", high)):
        alive, size = int((~dead & group).sum()), int(group.sum())
        lines.append(f"n{{size_group={level}}} -> {size}")
        lines.append(f"os.survival(3 years){{size_group={level}}} -> {share(alive, size, 2)}")
    lines.append(f"os.auc(3 years) by size -> {area:.2f}")
    found = study.check("cut-off and area", *lines)
    assert all(f.verdict == "consistent" for f in found)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(10, 60), by=st.integers(3, 30))
def test_a_misprinted_count_is_found(study, seed, n, by):
    """The guard above is not blind: one count raised is contradicted by the others."""
    lines = printed(patients(seed, n, 0.3), 1)
    at = next(i for i, line in enumerate(lines) if line.startswith("n{sex="))
    lines[at] = re.sub(r"-> (\d+)", lambda m: f"-> {int(m[1]) + by}", lines[at])
    assert any(f.verdict == "inconsistent" for f in study.audit(*lines))
