"""An invented registry of any size, its protocol, and what the analysis makes of it."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest

from resarc.analysis import curves, estimate, plan
from resarc.disclosure import Release, release
from resarc.protocol import Protocol
from resarc.settings import Disclosure

CONTENT = {
    "study": "invented",
    "reference": "invented",
    "title": "Invented",
    "population": "Invented patients",
    "origin_label": "operation",
    "source": {"kind": "registry", "file": "invented.csv", "exported": "2024-06-30"},
    "variables": [
        {"name": "sex", "column": "sex", "label": "Sex", "type": "category", "categories": {"f": ["f"], "m": ["m"]}},
        {"name": "stage", "column": "stage", "label": "Stage", "type": "category", "categories": {"I": ["I"], "II": ["II"], "III": ["III"]}},
        {"name": "treated", "column": "treated", "label": "Treated", "type": "category", "categories": {"no": ["n"], "yes": ["y"]}},
        {"name": "age", "column": "age", "label": "Age", "type": "number", "unit": "years"},
        {"name": "months", "column": "months", "label": "Months", "type": "number"},
        {"name": "died", "column": "died", "label": "Died", "type": "category", "categories": {"no": ["n"], "yes": ["y"]}},
    ],
    "derived": [
        {"name": "age_group", "label": "Age", "cut": "age", "at": [60], "levels": ["<60", ">=60"]},
        {"name": "old", "label": "Old", "cut": "age", "at": [80], "levels": ["<80", ">=80"]},
        {"name": "early", "label": "Early stage", "collapse": "stage", "groups": {"yes": ["I"], "no": ["II", "III"]}},
    ],
    "eligibility": [
        {"id": "known_sex", "label": "Sex known", "keep": [{"variable": "sex", "present": True}]},
        {"id": "followed", "label": "Followed", "keep": [{"variable": "months", "present": True}]},
    ],
    "endpoints": [{"name": "os", "label": "Overall survival", "definition": "death", "time": "months", "happened": [{"variable": "died", "one_of": ["yes"]}]}],
    "analyses": [
        {"id": "patients", "label": "Patients", "kind": "response", "variables": ["sex", "stage", "age", "early"], "by": "treated"},
        {"id": "survival", "label": "Survival", "kind": "survival", "endpoint": "os", "by": "treated", "at": ["12 months", "24 months", "60 months"]},
        {"id": "factors", "label": "Factors", "kind": "univariable", "endpoint": "os", "variables": ["sex", "stage", "age_group", "old", "age"], "adjusted_for": ["age", "sex"], "at": ["24 months"]},
        {"id": "groups", "label": "Groups", "kind": "groups", "variables": ["age"], "by": "sex"},
        {"id": "cutoffs", "label": "Cut-offs", "kind": "cutoffs", "endpoint": "os", "variables": ["age"], "at": ["24 months"]},
    ],
}  # fmt: skip
PROTOCOL = Protocol.model_validate(CONTENT)


def patients(n: int, seed: int) -> pd.DataFrame:
    """A cohort; with rare levels, and values missing here and there."""
    rng = np.random.default_rng([n, seed])
    rare = rng.uniform(0.01, 0.15)

    def levels(names: list[str], weights: list[float]) -> np.ndarray:
        drawn = rng.choice(names, n, p=np.array(weights) / sum(weights)).astype(object)
        drawn[rng.random(n) < rng.choice([0, 0.04])] = None
        return drawn

    frame = pd.DataFrame(
        {
            "patient": [f"P{i:04d}" for i in range(n)],
            "sex": levels(["f", "m"], [0.6, 0.4]),
            "stage": levels(["I", "II", "III"], [0.5, 0.5 - rare, rare]),
            "treated": levels(["no", "yes"], [0.7, 0.3]),
            "age": rng.integers(30, 86, n).astype(float),
        }
    )
    age = frame["age"].to_numpy()
    frame["age_group"] = np.where(age < 60, "<60", ">=60")
    frame["old"] = np.where(age < 80, "<80", ">=80")
    frame["early"] = [None if s is None else "yes" if s == "I" else "no" for s in frame["stage"]]
    death, end = rng.exponential(30, n), rng.uniform(6, 90, n)
    frame["months"] = frame["os_time"] = np.minimum(death, end)
    frame["os_event"] = (death <= end).astype(float)
    frame["died"] = np.where(death <= end, "yes", "no")
    return frame


@dataclass(frozen=True)
class Study:
    cohort: pd.DataFrame
    estimates: pd.DataFrame
    curves: pd.DataFrame
    flow: pd.DataFrame
    released: Release

    def shown(self, estimand: str) -> pd.Series:
        return self.released.estimates.set_index("estimand").loc[estimand]


def study_of(cohort: pd.DataFrame, rule: Disclosure | None = None) -> Study:
    n = len(cohort)
    flow = pd.DataFrame(
        {
            "step": ["screened", "known_sex", "followed"],
            "label": ["Patients in the source", "Sex known", "Followed"],
            "entering": [n + 33, n + 33, n + 3],
            "excluded": [0, 30, 3],
            "remaining": [n + 33, n + 3, n],
        }
    )
    estimates = estimate(plan(PROTOCOL), cohort, flow, PROTOCOL, "registry")
    drawn = curves(cohort, PROTOCOL)
    made = release(estimates, drawn, flow, cohort, PROTOCOL, rule or Disclosure())
    return Study(cohort, estimates, drawn, flow, made)


@pytest.fixture(scope="session")
def protocol() -> Protocol:
    return PROTOCOL


@pytest.fixture(scope="session")
def cohort_of():
    """A function: an invented cohort of so many patients, by a seed."""
    return patients


@pytest.fixture(scope="session")
def released():
    """A function: the results of a cohort and their release, perhaps under another rule."""
    return study_of


@pytest.fixture(scope="session")
def large() -> Study:
    return study_of(patients(400, 1))


@pytest.fixture(scope="session")
def small() -> Study:
    return study_of(patients(40, 2))
