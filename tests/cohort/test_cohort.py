"""Derivations, endpoints and eligibility on patients that one can check by eye."""

import numpy as np
import pandas as pd
import pytest

from resarc import cohort
from resarc.errors import DataError
from resarc.estimand import DAYS_PER_MONTH
from resarc.protocol import Protocol

pytestmark = pytest.mark.unit

DATE = {"type": "date"}


def column(name, **more):
    return {"name": name, "column": name, "label": name, **more}


def protocol(**changes):
    content = {
        "study": "toy",
        "reference": "toy",
        "title": "A toy",
        "population": "Toys",
        "origin_label": "operation",
        "time_zero": "operation",
        "source": {"kind": "registry", "file": "toy.csv", "exported": "2020-12-31"},
        "variables": [
            column("primary", **DATE),
            column("operation", **DATE),
            column("progression", **DATE),
            column("death", **DATE),
            column("last", **DATE),
            column("age", type="number"),
            column("stage", type="category", categories={"I": ["1"], "II": ["2"], "III": ["3"]}),
            column("cause", type="category", categories={"tumour": ["t"], "other": ["o"]}),
        ],
        "derived": [
            {
                "name": "interval",
                "label": "interval",
                "months_between": ["primary", "operation"],
            },
            {
                "name": "interval_group",
                "label": "interval",
                "cut": "interval",
                "at": [12, 24],
                "levels": ["<12", "12-24", ">=24"],
            },
            {
                "name": "early",
                "label": "stage",
                "collapse": "stage",
                "groups": {"early": ["I", "II"]},
            },
        ],
        "eligibility": [
            {"id": "adult", "label": "Adults", "keep": [{"variable": "age", "at_least": 18}]},
            {
                "id": "staged",
                "label": "Stage known",
                "keep": [
                    {"variable": "stage", "present": True},
                    {"variable": "early", "one_of": ["early"]},
                ],
            },
        ],
        "endpoints": [
            {
                "name": "os",
                "label": "OS",
                "definition": "death",
                "origin": "operation",
                "events": ["death"],
                "censored_at": "last",
            },
            {
                "name": "pfs",
                "label": "PFS",
                "definition": "progression or death",
                "origin": "operation",
                "events": ["progression", "death"],
                "censored_at": "last",
            },
            {
                "name": "dss",
                "label": "DSS",
                "definition": "death of the tumour",
                "origin": "operation",
                "events": ["death"],
                "censored_at": "last",
                "only_if": [{"variable": "cause", "one_of": ["tumour"]}],
            },
        ],
        "analyses": [{"id": "t1", "label": "t1", "kind": "characteristics", "variables": ["age"]}],
        **changes,
    }
    return Protocol.model_validate(content)


def clean(*rows):
    columns = ("primary", "operation", "progression", "death", "last", "age", "stage", "cause")
    frame = pd.DataFrame(rows, columns=columns)
    for name in columns[:6]:
        frame[name] = frame[name].astype(float)
    frame.insert(0, "patient", [f"P{i + 1:04d}" for i in range(len(frame))])
    return frame


NAN = np.nan
YEAR = 365.25


def test_derived_variables_by_hand():
    frame = cohort.derive(
        clean(
            (-365, 0, NAN, NAN, 10, 50, "I", None),
            (-366, 0, NAN, NAN, 10, 50, "II", None),
            (-2 * YEAR, 0, NAN, NAN, 10, 50, "III", None),
            (NAN, 0, NAN, NAN, 10, 50, None, None),
        ),
        protocol(),
    )
    assert frame["interval"].tolist()[:2] == [365 / DAYS_PER_MONTH, 366 / DAYS_PER_MONTH]
    # 365 days are 11.99 months; 730.5 days are 24 months and belong to the upper level.
    assert frame["interval_group"].tolist() == ["<12", "12-24", ">=24", None]
    assert frame["early"].tolist() == ["early", "early", None, None]


@pytest.mark.parametrize(
    ("dates", "cause", "os", "pfs", "dss"),
    [
        # progression, death, last contact -> (days, event) of os, pfs, dss
        ((NAN, NAN, 100), None, (100, 0), (100, 0), (100, 0)),
        ((30, NAN, 100), None, (100, 0), (30, 1), (100, 0)),
        ((30, 90, 90), "tumour", (90, 1), (30, 1), (90, 1)),
        ((NAN, 90, 90), "other", (90, 1), (90, 1), (90, 0)),
        # the cause is not known: no event of disease-specific survival, censored at death
        ((NAN, 90, 90), None, (90, 1), (90, 1), (90, 0)),
        # an event after the last contact counts at its date
        ((NAN, 95, 90), "tumour", (95, 1), (95, 1), (95, 1)),
        # no last contact: known only through the event
        ((30, NAN, NAN), None, (NAN, NAN), (30, 1), (NAN, NAN)),
        ((NAN, NAN, 0), None, (0, 0), (0, 0), (0, 0)),
    ],
)
def test_endpoints_from_dates(dates, cause, os, pfs, dss):
    frame = cohort.derive(clean((-10, 0, *dates, 50, "I", cause)), protocol())
    for name, (days, event) in {"os": os, "pfs": pfs, "dss": dss}.items():
        assert frame[f"{name}_time"][0] == pytest.approx(days / DAYS_PER_MONTH, nan_ok=True)
        assert frame[f"{name}_event"][0] == pytest.approx(event, nan_ok=True)


def test_no_origin_no_endpoint():
    frame = cohort.derive(clean((0, NAN, 10, 20, 20, 50, "I", None)), protocol())
    assert frame[["os_time", "os_event", "pfs_time", "pfs_event"]].isna().all(axis=None)


def test_a_negative_time_is_an_error():
    with pytest.raises(DataError, match=r"'os' of patient P0002.*-1 months"):
        cohort.derive(
            clean(
                (0, 0, NAN, NAN, 1, 50, "I", None),
                (0, 0, NAN, NAN, -DAYS_PER_MONTH, 50, "I", None),
            ),
            protocol(),
        )


def test_endpoints_from_time_and_status():
    status = protocol(
        variables=[
            column("months", type="number"),
            column("status", type="category", categories={"dead": ["1"], "alive": ["0"]}),
            column("age", type="number"),
        ],
        time_zero=None,
        derived=[],
        eligibility=[{"id": "all", "label": "all", "keep": [{"variable": "age", "above": 0}]}],
        endpoints=[
            {
                "name": "os",
                "label": "OS",
                "definition": "death",
                "time": "months",
                "happened": [{"variable": "status", "one_of": ["dead"]}],
            }
        ],
    )
    frame = pd.DataFrame(
        {"months": [1.5, 2.0, 3.0, NAN], "status": ["dead", "alive", None, "dead"]}
    )
    derived = cohort.derive(frame, status)
    assert derived["os_time"].tolist()[:2] == [1.5, 2.0]
    assert derived["os_event"].tolist()[:2] == [1.0, 0.0]
    assert derived.loc[2:, ["os_time", "os_event"]].isna().all(axis=None)


def test_flow_counts_each_patient_once_in_order():
    frame = cohort.derive(
        clean(
            (-10, 0, NAN, NAN, 10, 50, "I", None),
            (-10, 0, NAN, NAN, 10, 17, None, None),  # fails both: leaves at the first
            (-10, 0, NAN, NAN, 10, NAN, "I", None),  # age unknown: not known to be adult
            (-10, 0, NAN, NAN, 10, 60, "III", None),
            (-10, 0, NAN, NAN, 10, 61, "II", None),
        ),
        protocol(),
    )
    selected = cohort.select(frame, protocol())
    assert selected.cohort["patient"].tolist() == ["P0001", "P0005"]
    assert selected.flow.to_numpy().tolist() == [
        ["screened", "Patients in the source", 5, 0, 5],
        ["adult", "Adults", 5, 2, 3],
        ["staged", "Stage known", 3, 1, 2],
    ]
    assert selected.excluded.to_numpy().tolist() == [
        ["P0002", "adult", "age ≥ 18"],
        ["P0003", "adult", "age ≥ 18"],
        ["P0004", "staged", "early is early"],
    ]


def test_nobody_eligible_is_still_a_flow():
    frame = cohort.derive(clean((-10, 0, NAN, NAN, 10, 5, "I", None)), protocol())
    selected = cohort.select(frame, protocol())
    assert selected.cohort.empty
    assert list(selected.cohort.columns) == list(frame.columns)
    assert selected.flow["remaining"].tolist() == [1, 0, 0]
    assert selected.excluded["patient"].tolist() == ["P0001"]
