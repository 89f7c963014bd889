"""A small study: two endpoints, categories with two and three levels, two numbers."""

import numpy as np
import pandas as pd
import pytest

from resarc.protocol import Protocol


def make_protocol(**changes):
    content = {
        "study": "toy",
        "reference": "toy",
        "title": "A toy",
        "population": "Toys",
        "origin_label": "operation",
        "source": {"kind": "registry", "file": "toy.csv", "exported": "2020-12-31"},
        "variables": [
            {"name": "age", "column": "age", "label": "Age", "type": "integer", "unit": "years"},
            {"name": "size", "column": "size", "label": "Size", "type": "number", "unit": "mm"},
            category("sex", "male", "female"),
            category("treated", "no", "yes"),
            category("stage", "I", "II", "III"),
            {"name": "os_months", "column": "t", "label": "Months", "type": "number"},
            category("vital", "alive", "dead"),
        ],
        "eligibility": [
            {"id": "adults", "label": "Adults", "keep": [{"variable": "age", "at_least": 18}]}
        ],
        "endpoints": [
            {
                "name": name,
                "label": label,
                "definition": "Operation to death",
                "time": "os_months",
                "happened": [{"variable": "vital", "one_of": ["dead"]}],
            }
            for name, label in (("os", "Overall survival"), ("pfs", "Progression-free survival"))
        ],
        "analyses": [
            {
                "id": "table1",
                "label": "Table 1",
                "kind": "characteristics",
                "variables": ["age", "sex", "stage"],
                "by": "treated",
            },
            {
                "id": "response",
                "label": "Response",
                "kind": "response",
                "variables": ["stage"],
                "by": "treated",
            },
            {
                "id": "survival",
                "label": "Survival",
                "kind": "survival",
                "endpoint": "os",
                "at": ["12 months", "24 months"],
                "by": "treated",
            },
            {
                "id": "univariable",
                "label": "Table 3",
                "kind": "univariable",
                "endpoint": "os",
                "variables": ["stage", "sex", "size"],
                "at": ["24 months"],
            },
            {
                "id": "multivariable",
                "label": "Multivariable",
                "kind": "multivariable",
                "endpoint": "os",
                "variables": ["stage", "size"],
                "adjusted_for": ["age"],
            },
            {
                "id": "cutoffs",
                "label": "Cut-offs",
                "kind": "cutoffs",
                "endpoint": "os",
                "variables": ["size"],
                "at": ["24 months"],
            },
            {
                "id": "subgroups",
                "label": "Subgroups",
                "kind": "subgroups",
                "endpoint": "os",
                "by": "treated",
                "within": "sex",
            },
            {
                "id": "groups",
                "label": "Groups",
                "kind": "groups",
                "variables": ["age", "stage"],
                "by": "treated",
                "more": ["pfs.events"],
            },
        ],
    }
    return Protocol.model_validate(content | changes)


def category(name, *levels):
    return {
        "name": name,
        "column": name,
        "label": name.capitalize(),
        "type": "category",
        "categories": {level: [level] for level in levels},
    }


def make_cohort(n=60, seed=1, missing=0.1):
    rng = np.random.default_rng(seed)
    time = np.round(rng.exponential(24, n) + 0.1, 1)
    frame = pd.DataFrame(
        {
            "patient": [f"P{i + 1:04d}" for i in range(n)],
            "age": rng.integers(18, 80, n).astype(float),
            "size": np.round(rng.gamma(3, 8, n), 1),
            "sex": rng.choice(["male", "female"], n),
            "treated": rng.choice(["no", "yes"], n),
            "stage": rng.choice(["I", "II", "III"], n),
            "os_time": time,
            "os_event": (rng.random(n) < 0.6).astype(float),
            "pfs_time": np.round(time * rng.random(n), 1),
            "pfs_event": (rng.random(n) < 0.8).astype(float),
        }
    )
    for name in ("size", "stage"):
        frame.loc[rng.random(n) < missing, name] = np.nan if name == "size" else None
    return frame


@pytest.fixture(scope="session")
def protocol():
    return make_protocol()


@pytest.fixture(scope="session")
def cohort():
    return make_cohort()
