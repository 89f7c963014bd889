"""A simulated registry: as many patients as wanted, the same from the same seed.

Survival follows a Weibull model whose log hazard ratios are known (`LOG_HAZARD_RATIOS`), so that an
analysis can be held against them. In a stated share of the rows one cell is spoilt, each in one of
the ways of `FAULTS`, so that what cleaning rejects can be held against what was spoilt.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from resarc.seeds import stream

CHUNK = 250_000
"""Patients who are simulated and written at once; memory does not grow with the registry."""

LOG_HAZARD_RATIOS = {
    "age": 0.02,
    "sex": -0.1,
    "size_cm": 0.04,
    "grade=2": 0.4,
    "grade=3": 0.9,
    "depth": 0.2,
    "site=trunk": 0.1,
    "site=retroperitoneum": 0.3,
    "radiation": -0.15,
    "chemotherapy": -0.05,
}
FAULTS = ("code", "range", "number", "date", "order", "future", "missing")
FAULTY = 0.007
"""Share of rows with a fault, about the same of each of `FAULTS`."""
_EXPORTED = np.datetime64("2024-12-31")


def write_registry(path: Path, patients: int, seed: int = 0) -> dict[str, int]:
    """Write the registry of benchmarks/registry.yaml as CSV; how many rows have which fault."""
    import pyarrow as pa
    import pyarrow.csv

    planted = dict.fromkeys(FAULTS, 0)
    writer = None
    for number, first in enumerate(range(0, patients, CHUNK)):
        rng = stream("registry", "simulation", number, seed=seed)
        frame, faults = simulate(min(CHUNK, patients - first), rng, first)
        for fault in faults:
            planted[fault] += faults[fault]
        table = pa.table({name: pa.array(frame[name], pa.string()) for name in frame})
        if writer is None:
            options = pyarrow.csv.WriteOptions(quoting_style="none", quoting_header="none")
            writer = pyarrow.csv.CSVWriter(path, table.schema, write_options=options)
        writer.write_table(table)
    if writer:
        writer.close()
    return planted


def simulate(
    n: int, rng: np.random.Generator, first: int = 0
) -> tuple[pd.DataFrame, dict[str, int]]:
    """Texts of `n` patients, numbered from `first`, and how many rows have which fault."""
    age = np.clip(rng.normal(60, 17, n).round(), 5, 99)
    female = rng.random(n) < 0.48
    size = np.clip(rng.lognormal(1.9, 0.6, n), 0.5, 45).round(1)
    grade = rng.choice(3, n, p=[0.25, 0.25, 0.5])
    deep = rng.random(n) < 0.75
    site = rng.choice(3, n, p=[0.6, 0.2, 0.2])
    margin = rng.choice(3, n, p=[0.7, 0.22, 0.08])
    radiation, chemotherapy = rng.random(n) < 0.5, rng.random(n) < 0.3
    beta = LOG_HAZARD_RATIOS
    risk = (
        beta["age"] * (age - 60)
        + beta["sex"] * female
        + beta["size_cm"] * (size - 7)
        + np.array([0, beta["grade=2"], beta["grade=3"]])[grade]
        + beta["depth"] * deep
        + np.array([0, beta["site=trunk"], beta["site=retroperitoneum"]])[site]
        + beta["radiation"] * radiation
        + beta["chemotherapy"] * chemotherapy
    )
    shape, scale = 0.9, 3000.0
    to_death = 1 + scale * (rng.exponential(size=n) / np.exp(risk)) ** (1 / shape)
    to_progression = 1 + 0.6 * scale * (rng.exponential(size=n) / np.exp(0.8 * risk)) ** (1 / shape)
    diagnosis = np.datetime64("1995-01-01") + rng.integers(0, 29 * 365, n)
    treatment = diagnosis + rng.integers(0, 120, n)
    end = np.minimum((_EXPORTED - treatment).astype(float), rng.uniform(30, 9000, n))
    end = np.maximum(end, 1)
    dead = to_death <= end
    observed = np.floor(np.where(dead, to_death, end)).astype(int)
    progressed = to_progression <= observed
    treatment = np.minimum(treatment, _EXPORTED - observed)
    last = treatment + observed
    none = np.datetime64("NaT")
    progression = np.where(progressed, treatment + np.floor(to_progression).astype(int), none)
    death = np.where(dead, last, none)
    diagnosis = np.minimum(diagnosis, treatment)
    columns = {
        "PATIENT_ID": np.char.mod("%d", np.arange(first, first + n) + 10_000_000),
        "AGE": np.char.mod("%d", age),
        "SEX": np.array([["m", "M", "1"], ["f", "F", "2"]])[
            female.astype(int), rng.integers(0, 3, n)
        ],
        "SIZE_CM": np.char.mod("%.1f", size),
        "GRADE": np.array(["G1", "G2", "G3"])[grade],
        "DEPTH": np.where(deep, "d", "s"),
        "SITE": np.array(["e", "t", "r"])[site],
        "MARGIN": np.array(["R0", "R1", "R2"])[margin],
        "RT": np.where(radiation, "1", "0"),
        "CTX": np.where(chemotherapy, "1", "0"),
        "STATUS": np.where(dead, "dead", "alive"),
        "DIAGNOSIS": _written(diagnosis),
        "TREATMENT": _written(treatment),
        "PROGRESSION": _written(progression),
        "DEATH": _written(death),
        "LAST_CONTACT": _written(last),
        "REMARK": np.where(rng.random(n) < 0.1, "seen elsewhere", ""),
    }
    frame = {name: np.asarray(values, dtype=object) for name, values in columns.items()}
    for name in ("AGE", "SIZE_CM", "GRADE", "MARGIN"):
        frame[name][rng.random(n) < 0.02] = ""
    faults = _spoil(frame, rng, n)
    return pd.DataFrame(frame), faults


def _written(days: np.ndarray) -> np.ndarray:
    texts = np.datetime_as_string(days, unit="D").astype(object)
    texts[np.isnat(days)] = ""
    return texts


def _spoil(frame: dict[str, np.ndarray], rng: np.random.Generator, n: int) -> dict[str, int]:
    """One cell of each of some rows, in place; how many rows have which fault."""
    rows = np.flatnonzero(rng.random(n) < FAULTY)
    kinds = rng.integers(0, len(FAULTS), len(rows))
    spoilt = {
        "code": ("SEX", "divers"),
        "range": ("AGE", "160"),
        "number": ("SIZE_CM", "5.5 cm"),
        "date": ("DIAGNOSIS", "31.12.1999"),
        "order": ("DIAGNOSIS", "2024-12-31"),
        "future": ("LAST_CONTACT", "2042-01-01"),
        "missing": ("STATUS", ""),
    }
    counts = {}
    for kind, (column, text) in spoilt.items():
        here = rows[kinds == FAULTS.index(kind)]
        if kind == "order":
            # A patient treated on the day of the export would not be spoilt by this.
            here = here[frame["TREATMENT"][here] < text]
        frame[column][here] = text
        counts[kind] = len(here)
    return counts
