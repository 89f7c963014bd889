"""An export, cleaned and derived again, is the dataset that it was made from."""

import datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resarc import cohort, intake, output
from resarc import protocol as protocols
from resarc import published as publications
from resarc.errors import ReconstructionError
from resarc.estimand import DAYS_PER_MONTH
from resarc.protocol import Protocol
from resarc.published import Published
from resarc.reconstruct import export
from resarc.reconstruct.dates import Calendar

CONFIG = Path(__file__).parents[2] / "config"
STUDIES = sorted(path.stem for path in (CONFIG / "published").glob("*.yaml"))


def column(name, **more):
    return {"name": name, "column": name.title(), "label": name, **more}


def toy(**changes):
    day = {"type": "date", "date_format": "%d.%m.%Y"}
    content = {
        "study": "toy",
        "reference": "toy",
        "title": "A toy",
        "population": "Toys",
        "origin_label": "diagnosis",
        "time_zero": "treated",
        "source": {"kind": "reconstruction", "separator": ";", "decimal": ","},
        "variables": [
            column("number", type="identifier", required=True),
            column("records", type="category", categories={"yes": ["1"], "no": ["0"]}, required=True),
            column("sex", type="category", categories={"f": ["F", "W"], "m": ["M"]}, missing=["", "?"]),
            column("stage", type="category", categories={"I": ["1"], "II": ["2"], "III": ["3"]}),
            column("age", type="integer", minimum=0, maximum=110),
            column("size", type="number", minimum=0.1, maximum=200, missing=["", "99"]),
            column("status", type="category", categories={"alive": ["a"], "tumour": ["t"], "other": ["o"]}, required=True),
            column("local", type="category", categories={"failed": ["1"], "controlled": ["0"]}),
            column("local_months", type="number", minimum=0),
            column("first", **day),
            column("diagnosed", **day),
            column("treated", **day),
            column("progressed", **day),
            column("died", **day),
            column("seen", **day),
            column("note", type="text"),
        ],
        "rules": [
            {"id": "order", "order": ["first", "diagnosed", "treated", "progressed", "died"], "why": "order"},
            {"id": "seen", "order": ["died", "seen"], "why": "seen at death", "action": "flag"},
            {
                "id": "dead",
                "when": [{"variable": "status", "none_of": ["alive"]}],
                "then": [{"variable": "died", "present": True}],
                "why": "deaths are dated",
            },
            {
                "id": "alive",
                "when": [{"variable": "status", "one_of": ["alive"]}],
                "then": [{"variable": "died", "present": False}],
                "why": "the living have no death",
            },
        ],
        "derived": [
            {"name": "age_group", "label": "age", "cut": "age", "at": [50, 70], "levels": ["<50", "50-69", ">=70"]},
            {"name": "old", "label": "age", "collapse": "age_group", "groups": {"no": ["<50", "50-69"], "yes": [">=70"]}},
            {"name": "early", "label": "stage", "collapse": "stage", "groups": {"yes": ["I", "II"], "no": ["III"]}},
            {"name": "interval", "label": "DFI", "months_between": ["first", "diagnosed"]},
            {"name": "interval_group", "label": "DFI", "cut": "interval", "at": [12], "levels": ["<12", ">=12"]},
            {"name": "large", "label": "size", "cut": "size", "at": [5], "levels": ["<5", ">=5"]},
        ],
        "eligibility": [
            {"id": "complete", "label": "complete", "keep": [{"variable": "records", "one_of": ["yes"]}]},
            {"id": "adult", "label": "adult", "keep": [{"variable": "age", "at_least": 18}]},
            {"id": "treatment", "label": "treated", "keep": [{"variable": "treated", "present": True}, {"variable": "seen", "present": True}]},
            {"id": "delay", "label": "interval", "keep": [{"variable": "interval", "at_least": 1}]},
        ],
        "endpoints": [
            {"name": "os", "label": "OS", "definition": "d", "origin": "diagnosed", "events": ["died"], "censored_at": "seen"},
            {"name": "pfs", "label": "PFS", "definition": "d", "origin": "treated", "events": ["progressed", "died"], "censored_at": "seen"},
            {"name": "dss", "label": "DSS", "definition": "d", "origin": "diagnosed", "events": ["died"], "censored_at": "seen", "only_if": [{"variable": "status", "one_of": ["tumour"]}]},
            {"name": "lc", "label": "LC", "definition": "d", "time": "local_months", "happened": [{"variable": "local", "one_of": ["failed"]}]},
        ],
        "analyses": [{"id": "a", "label": "a", "kind": "characteristics", "variables": ["age"]}],
        "reconstruction": {
            "period": [datetime.date(2000, 1, 1), datetime.date(2010, 12, 31)],
            "last_contact": datetime.date(2020, 12, 31),
            "codes": "any",
            "missing_share": 0.3,
        },
        **changes,
    }  # fmt: skip
    return Protocol.model_validate(content)


def printed(study="toy", **counts):
    """A published study that prints a patient flow: statistic_step=number."""
    figures = [
        {"id": f"f{i}", "estimand": key, "printed": str(count), "locator": "here"}
        for i, (key, count) in enumerate(counts.items())
    ]
    figures = figures or [{"id": "n", "estimand": "age.mean", "printed": "50", "locator": "here"}]
    return Published.model_validate(
        {"study": study, "reference": study, "reading": "here", "figures": figures}
    )


def random_export(protocol, size, rng):
    """Rows of random codes, numbers and dates: most are nonsense, and cleaning will say so."""
    base = rng.integers(
        *(day.toordinal() for day in protocol.reconstruction.period), size, endpoint=True
    )
    pool = base[:, None] + np.sort(rng.integers(0, 1500, (size, 4)), axis=1)
    pool[:, 0] = base
    dates = [v.name for v in protocol.variables if v.type == "date"]
    places = rng.integers(0, 4, (size, len(dates)))
    # Half of the rows have their dates in the order in which the protocol names them.
    places[: size // 2] = np.sort(places[: size // 2], axis=1)
    columns = {}
    for v in protocol.variables:
        if v.type == "identifier":
            cells = [str(10_000 + i) for i in range(size)]
        elif v.type == "category":
            codes = [code for some in v.categories.values() for code in some]
            cells = rng.choice(codes + ([] if v.required else [""]), size)
        elif v.type == "date":
            days = pool[np.arange(size), places[:, dates.index(v.name)]]
            days = np.where(rng.random(size) < 0.5, -1, days) if not v.required else days
            cells = [
                "" if d < 0 else datetime.date.fromordinal(d).strftime(v.date_format) for d in days
            ]
        elif v.type in ("integer", "number"):
            low, high = (
                (0 if v.minimum is None else v.minimum),
                (99 if v.maximum is None else v.maximum),
            )
            step = protocol.reconstruction.steps.get(v.name, 1 if v.type == "integer" else 0.1)
            numbers = np.round(np.round(rng.uniform(low, high, size) / step) * step, 6)
            mark = protocol.source.decimal or "."
            cells = [f"{x:.10g}".replace(".", mark) if rng.random() < 0.9 else "" for x in numbers]
        else:
            cells = ["some text"] * size
        columns[v.column] = list(cells)
    return pd.DataFrame(columns, index=pd.RangeIndex(2, size + 2, name="row"))  # fmt: skip


def through_the_pipeline(raw, protocol):
    result = intake.clean(
        intake.SourceTable.of(raw, decimal=protocol.source.decimal or "."), protocol
    )
    selected = cohort.select(cohort.derive(result.clean, protocol), protocol)
    return result, selected.cohort, selected.flow


def random_member(protocol, rng, most, size=2000):
    """A dataset as a reconstruction would give it: no dates, times and events instead."""
    raw = random_export(protocol, size, rng)
    _, chosen, _ = through_the_pipeline(raw, protocol)
    endpoints = [f"{e}_{part}" for e in protocol.endpoint_names for part in ("time", "event")]
    names = [v.name for v in protocol.variables if v.type in ("category", "number", "integer")]
    names += [item.name for item in protocol.derived]
    return chosen[["patient", *names, *endpoints]].head(most)


def canonical(frame, columns):
    """Rows in an order that only their content decides."""
    frame = output.significant(frame[columns], 8).astype(object)
    rows = [tuple(None if pd.isna(x) else x for x in row) for row in frame.to_numpy()]
    return sorted(rows, key=repr)


def check_round_trip(member, protocol, published, rng):
    raw = export.to_export(member, protocol, published, rng)
    assert list(raw.columns) == [v.column for v in protocol.variables]
    assert raw.map(type).eq(str).all(axis=None)
    raw.index = pd.RangeIndex(2, len(raw) + 2, name="row")
    result, chosen, flow = through_the_pipeline(raw, protocol)
    assert result.rejected.empty, result.rejected.head().to_string()
    columns = [name for name in member.columns if name not in ("patient", "member")]
    assert canonical(chosen, columns) == canonical(member, columns)
    expected = export.excluded_counts(protocol, published, len(member))
    assert flow["excluded"].tolist() == [0, *expected]
    return raw, result


@pytest.mark.property
@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 2**32), drop=st.integers(0, 2**12 - 1))
def test_round_trip_of_random_datasets(seed, drop):
    """Also when the dataset names only some of the variables."""
    protocol, rng = toy(), np.random.default_rng(seed)
    member = random_member(protocol, rng, most=15)
    if member.empty:
        return
    open_names = [
        "records", "sex", "stage", "age", "size", "age_group", "old", "early", "interval",
        "interval_group", "large", "status",
    ]  # fmt: skip
    dropped = [name for i, name in enumerate(open_names) if drop >> i & 1]
    flow = printed(**{"flow.screened": len(member) + 9, "flow.excluded(complete)": 3,
                      "flow.excluded(adult)": 2, "flow.remaining(treatment)": len(member) + 2})  # fmt: skip
    raw, _ = check_round_trip(member.drop(columns=dropped), protocol, flow, rng)
    assert len(raw) == len(member) + 9


@pytest.mark.property
@pytest.mark.parametrize("study", STUDIES)
def test_round_trip_of_the_studies_own_layouts(study):
    protocol = protocols.load(CONFIG / "studies" / f"{study}.yaml")
    published = publications.load(CONFIG / "published" / f"{study}.yaml")
    rng = np.random.default_rng(1)
    size = published.count() or 30
    parts, found = [], 0
    while found < size:
        parts.append(random_member(protocol, rng, most=size - found, size=8_000))
        found += len(parts[-1])
    member = pd.concat(parts, ignore_index=True)
    check_round_trip(member, protocol, published, rng)


@pytest.mark.unit
def test_one_patient_by_hand():
    """61 days of interval, 730 days from diagnosis to death, progression 100 days after treatment;
    everything else follows or stays missing."""
    protocol = toy(reconstruction={
        "period": [datetime.date(2005, 3, 1), datetime.date(2005, 3, 1)],
        "last_contact": datetime.date(2020, 12, 31),
    })  # fmt: skip
    member = pd.DataFrame(
        {
            "patient": ["P0001"],
            "size": [4.25],
            "age_group": ["50-69"],
            "interval": [61 / DAYS_PER_MONTH],
            "os_time": [730 / DAYS_PER_MONTH],
            "os_event": [1.0],
            "pfs_time": [100 / DAYS_PER_MONTH],
            "pfs_event": [1.0],
            "dss_time": [730 / DAYS_PER_MONTH],
            "dss_event": [0.0],
            "lc_time": [7.5],
            "lc_event": [1.0],
        }
    )
    raw = export.to_export(member, protocol, printed(), np.random.default_rng(0)).iloc[0]
    assert raw["Diagnosed"] == "01.03.2005"
    assert raw["First"] == "30.12.2004"
    assert raw["Died"] == raw["Seen"] == "01.03.2007"
    treated = datetime.datetime.strptime(raw["Treated"], "%d.%m.%Y")
    progressed = datetime.datetime.strptime(raw["Progressed"], "%d.%m.%Y")
    assert (progressed - treated).days == 100
    assert raw["Size"] == "4,25"
    assert raw["Status"] == "o"  # dead, but not of the tumour
    assert raw["Local"] == "1"
    assert raw["Local_Months"] == "7,5"
    assert 50 <= int(raw["Age"]) <= 69
    assert (raw["Sex"], raw["Stage"], raw["Note"]) == ("", "", "")


IMPOSSIBLE = {
    "a time between two days": ({"os_time": [10.5 / DAYS_PER_MONTH]}, "not a whole number"),
    "a death that does not end PFS": (
        {"pfs_event": [0.0]},
        "pfs is censored, but died must be|died must be empty",
    ),
    "longer than the study": ({"os_time": [11000 / DAYS_PER_MONTH]}, "no dates agree"),
    "a level against its number": ({"age": [30.0]}, "age_group of row 1.*'<50'.*'50-69'"),
    "an ineligible patient": ({"records": ["no"]}, "records is yes cannot hold"),
    "out of range": ({"size": [400.0]}, "size cannot be 400"),
    "a number that means missing": ({"size": [99.0]}, "column 'Size'.*99"),
    "a required value missing": ({"status": [None]}, "status cannot be missing"),
    "status against endpoint": ({"status": ["alive"]}, "rule 'alive'"),
    "progression after death": ({"pfs_time": [400 / DAYS_PER_MONTH]}, "no dates agree"),
    "a level nobody knows": ({"sex": ["x"]}, "sex cannot be x"),
    "an unknown interval": ({"interval": [np.nan]}, "interval ≥ 1 cannot hold"),
}


def one_patient(**changes):
    return pd.DataFrame(
        {
            "patient": ["P0001"],
            "age_group": ["50-69"],
            "os_time": [365 / DAYS_PER_MONTH],
            "os_event": [1.0],
            "pfs_time": [365 / DAYS_PER_MONTH],
            "pfs_event": [1.0],
        }
    ).assign(**changes)


@pytest.mark.unit
@pytest.mark.parametrize(("changes", "reason"), IMPOSSIBLE.values(), ids=IMPOSSIBLE)
def test_what_no_chart_can_describe_is_an_error(changes, reason):
    export.to_export(one_patient(), toy(), printed(), np.random.default_rng(0))
    with pytest.raises(ReconstructionError, match=reason):
        export.to_export(one_patient(**changes), toy(), printed(), np.random.default_rng(0))


@pytest.mark.unit
def test_a_dataset_without_patients_is_an_error():
    with pytest.raises(ReconstructionError, match="without patients"):
        export.to_export(one_patient().head(0), toy(), printed(), np.random.default_rng(0))


@pytest.mark.unit
def test_a_step_that_can_exclude_nobody_is_an_error():
    """Two steps that ask for the same: nobody passes the first and fails the second."""
    steps = [
        {"id": name, "label": name, "keep": [{"variable": "age", "at_least": 18}]}
        for name in ("one", "two")
    ]
    flow = printed(**{"flow.excluded(two)": 1})
    with pytest.raises(ReconstructionError, match=r"'two'.*no chart"):
        export.to_export(one_patient(), toy(eligibility=steps), flow, np.random.default_rng(0))


@pytest.mark.unit
@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ({}, [0, 0, 0, 0]),
        ({"flow.screened": 30}, [10, 0, 0, 0]),
        ({"flow.screened": 30, "flow.remaining(adult)": 22}, [8, 0, 2, 0]),
        ({"flow.screened": 30, "flow.excluded(adult)": 4}, [6, 4, 0, 0]),
        ({"flow.excluded(delay)": 3, "flow.excluded(complete)": 2}, [2, 0, 0, 3]),
        ({"flow.remaining(complete)": 25, "flow.remaining(treatment)": 21}, [0, 4, 0, 1]),
    ],
)
def test_flow_from_what_is_printed(counts, expected):
    assert export.excluded_counts(toy(), printed(**counts), 20) == expected


@pytest.mark.unit
@pytest.mark.parametrize(
    "counts",
    [
        {"flow.screened": 15},
        {"flow.screened": 30, "flow.excluded(complete)": 4, "flow.remaining(complete)": 25},
        {"flow.remaining(treatment)": 25, "flow.excluded(delay)": 4},
    ],
)
def test_flow_that_does_not_add_up_is_an_error(counts):
    with pytest.raises(ReconstructionError, match="patient flow"):
        export.excluded_counts(toy(), printed(**counts), 20)


@pytest.mark.unit
def test_the_same_stream_gives_the_same_export():
    protocol = toy()
    member = random_member(protocol, np.random.default_rng(3), most=10)
    flow = printed(**{"flow.screened": len(member) + 5})
    one, two = (
        export.to_export(member, protocol, flow, np.random.default_rng(5)) for _ in range(2)
    )
    pd.testing.assert_frame_equal(one, two)


@pytest.mark.unit
def test_excluded_patients_have_gaps_and_every_code_is_used():
    protocol = toy()
    member = random_member(protocol, np.random.default_rng(3), most=12)
    flow = printed(**{"flow.screened": len(member) + 300})
    raw = export.to_export(member, protocol, flow, np.random.default_rng(5))
    out = raw[raw["Records"] == "0"]
    assert len(out) == 300
    assert {"F", "W", "", "?"} <= set(raw["Sex"])
    gaps = out["Sex"].isin(["", "?"]).mean()
    assert gaps > member["sex"].isna().mean() + 0.1
    assert raw["Number"].is_unique


@pytest.mark.unit
def test_calendar_by_hand():
    calendar = Calendar(["a", "b", "c"])
    calendar.bound("", "a", 100, 110)
    calendar.bound("a", "b", 10, 20)
    calendar.bound("b", "c", 0)
    calendar.bound("", "c", high=115)
    assert calendar.tighten()
    # b ≤ c ≤ 115 leaves b at most 15 days after the earliest a, and a at most 105.
    place = calendar.place
    assert calendar.latest[0, place["a"]] == 105
    assert calendar.latest[place["a"], place["b"]] == 15
    for seed in range(20):
        again = Calendar(["a", "b", "c"])
        again.latest = calendar.latest.copy()
        days = again.draw("a", ["c"], np.random.default_rng(seed))
        assert 100 <= days["a"] <= 105
        assert 10 <= days["b"] - days["a"] <= 20
        assert days["b"] <= days["c"] <= 115
    calendar.bound("b", "c", 6)
    assert not calendar.tighten()


@pytest.mark.unit
def test_a_flag_that_cannot_be_kept_moves_no_last_contact():
    """Status and stage break a rule that only flags; the dead are still followed until death."""
    rule = {
        "id": "odd",
        "when": [{"variable": "stage", "one_of": ["I"]}],
        "then": [{"variable": "sex", "one_of": ["f"]}],
        "why": "only a flag",
        "action": "flag",
    }
    protocol = toy(rules=[*toy().model_dump()["rules"], rule])
    raw = export.to_export(
        one_patient(stage="I", sex="m"), protocol, printed(), np.random.default_rng(0)
    )
    assert raw["Died"].item() == raw["Seen"].item()
