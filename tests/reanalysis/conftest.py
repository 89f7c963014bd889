"""A small study in which everything that can be recommended makes sense, and its patients."""

import numpy as np
import pandas as pd
import pytest

from resarc.estimand import DAYS_PER_MONTH
from resarc.protocol import Protocol
from resarc.reanalysis import of_members, of_registry


def category(name, *levels):
    return {
        "name": name,
        "column": name,
        "label": name.capitalize(),
        "type": "category",
        "categories": {level: [level] for level in levels},
    }


def make_protocol(kind, *recommended, **analysis):
    """A protocol with one analysis beside which something is recommended."""
    defaults = {
        "survival": {"at": ["12 months"], "by": "arm"},
        "univariable": {"variables": ["arm", "stage"]},
        "multivariable": {"variables": ["arm", "stage", "marker"]},
        "cutoffs": {"variables": ["marker"], "at": ["24 months"]},
        "subgroups": {"by": "arm", "within": "sex"},
    }[kind]
    return Protocol.model_validate(
        {
            "study": "toy",
            "reference": "toy",
            "title": "A toy",
            "population": "Toys",
            "origin_label": "diagnosis",
            "time_zero": "diagnosed",
            "source": {"kind": "registry", "file": "toy.csv", "exported": "2024-06-30"},
            "variables": [
                {"name": "marker", "column": "m", "label": "Marker", "type": "number", "unit": "mm"},
                category("arm", "no", "yes"),
                category("sex", "male", "female"),
                category("stage", "I", "II", "III"),
                category("known_then", "no", "yes"),
                category("status", "alive", "dead", "other"),
                *(
                    {"name": name, "column": name, "label": name.capitalize(), "type": "date"}
                    for name in ("diagnosed", "treated", "died", "last")
                ),
            ],
            "derived": [
                {"name": "high", "label": "Marker", "cut": "marker", "at": [30], "levels": ["low", "high"]}
            ],
            "eligibility": [
                {"id": "all", "label": "All", "keep": [{"variable": "arm", "present": True}]}
            ],
            "endpoints": [
                {
                    "name": "os",
                    "label": "Overall survival",
                    "definition": "To death",
                    "origin": "diagnosed",
                    "events": ["died"],
                    "censored_at": "last",
                }
            ],
            "analyses": [
                {
                    "id": "one",
                    "label": "One",
                    "kind": kind,
                    "endpoint": "os",
                    "paper": "A log-rank test",
                    "recommended": list(recommended),
                }
                | defaults
                | analysis
            ],
        }
    )  # fmt: skip


def make_patients(n=80, seed=1):
    """Patients in whom nothing matters; those of arm yes were treated some time after diagnosis,
    which they lived to see."""
    rng = np.random.default_rng(seed)
    time = np.round(rng.exponential(30, n) + 0.5, 1)
    treated_at = np.round(rng.uniform(0, 24, n), 1)
    arm = np.where((treated_at < time) & (rng.random(n) < 0.7), "yes", "no")
    event = (rng.random(n) < 0.7).astype(float)
    return pd.DataFrame(
        {
            "marker": np.round(rng.gamma(3, 10, n), 1),
            "arm": arm,
            "sex": rng.choice(["male", "female"], n),
            "stage": rng.choice(["I", "II", "III"], n),
            "known_then": rng.choice(["no", "yes"], n),
            "status": np.where(event == 1, "dead", rng.choice(["alive", "other"], n)),
            "diagnosed": np.zeros(n),
            "treated": np.where(arm == "yes", treated_at * DAYS_PER_MONTH, np.nan),
            "os_time": time,
            "os_event": event,
        }
    )


def make_members(count, n=40):
    """Rebuilt datasets: the same patients with other outcomes, without dates."""
    parts = [
        make_patients(n, seed).drop(columns=["diagnosed", "treated"]).assign(member=seed)
        for seed in range(count)
    ]
    return pd.concat(parts, ignore_index=True)


NOTHING_MET = pd.DataFrame({"status": [], "share_held": [], "estimand": []})


class Toy:
    """What tests need, since they cannot import a conftest."""

    protocol = staticmethod(make_protocol)
    patients = staticmethod(make_patients)

    @staticmethod
    def registry(protocol, frame=None):
        return of_registry(make_patients() if frame is None else frame, protocol)

    @staticmethod
    def members(protocol, count=3, targets=NOTHING_MET, frame=None):
        return of_members(make_members(count) if frame is None else frame, protocol, targets)

    @staticmethod
    def one(part, quantity, at=None):
        """The one number of this quantity (and place)."""
        (found,) = (
            n for n in part.numbers if n.quantity == quantity and (at is None or n.at == at)
        )
        return found


@pytest.fixture(scope="session")
def toy():
    return Toy
