"""Verdicts as a table: what is printed, what was found, what may be said of it."""

from math import nan

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resarc.compare import COLUMNS, VERDICTS, compare, holds
from resarc.protocol import Protocol
from resarc.published import Printed, Published

pytestmark = pytest.mark.unit


def protocol(kind="registry"):
    source = {"kind": kind} | (
        {"file": "toy.csv", "exported": "2020-12-31"} if kind == "registry" else {}
    )
    return Protocol.model_validate(
        {
            "study": "toy",
            "reference": "toy",
            "title": "A toy",
            "population": "Toys",
            "origin_label": "operation",
            "source": source,
            "variables": [
                {"name": "months", "column": "m", "label": "Months", "type": "number"},
                {"name": "vital", "column": "v", "label": "V", "type": "category", "categories": {"alive": ["0"], "dead": ["1"]}},
            ],
            "eligibility": [{"id": "all", "label": "All", "keep": [{"variable": "months", "present": True}]}],
            "endpoints": [{"name": "os", "label": "Overall survival", "definition": "d", "time": "months", "happened": [{"variable": "vital", "one_of": ["dead"]}]}],
            "analyses": [{"id": "s", "label": "S", "kind": "survival", "endpoint": "os", "at": ["36 months"]}],
        }
        | ({"reconstruction": {"period": ["2000-01-01", "2001-01-01"], "last_contact": "2010-01-01"}} if kind == "reconstruction" else {})
    )  # fmt: skip


def published(**figure):
    figure = {
        "id": "f",
        "estimand": "os.survival(36 months)",
        "printed": "62.5",
        "unit": "%",
        "locator": "Results",
    } | figure
    return Published.model_validate(
        {"study": "toy", "reference": "toy", "reading": "all", "endpoints": ["os"], "figures": [figure]}
    )  # fmt: skip


def estimates(value, lower=nan, upper=nan, estimand="os.survival(36 months)", note=""):
    row = {"estimand": estimand, "value": value, "lower": lower, "upper": upper, "note": note}
    return pd.DataFrame([row])


def registry(value, lower=nan, upper=nan, note="", **figure):
    estimand = figure.get("estimand", "os.survival(36 months)")
    table = estimates(value, lower, upper, estimand, note)
    return compare(published(**figure), protocol(), table).iloc[0]


@pytest.mark.parametrize(
    ("printed", "value", "verdict", "rounding"),
    [
        ("62.5", 15 / 24, "reproduced", "half up"),
        ("62.5", 0.62549, "reproduced", "half up"),
        ("62.5", 0.6255, "reproduced", "truncated"),
        ("62.4", 0.6245, "reproduced", "half even"),
        ("62.5", 0.6245, "reproduced", "half up"),
        ("16.4", 13 / 79, "reproduced", "truncated"),
        ("62.5", 0.6240, "differs", ""),
        ("62.5", 0.6260, "differs", ""),
        ("< 62.5", 0.62, "reproduced", ""),
        ("< 62.5", 0.625, "differs", ""),
        ("<= 62.5", 0.625, "reproduced", ""),
        (">= 62.5", 0.1, "differs", ""),
        ("62.5", nan, "not computed", ""),
        ("NA", 0.5, "not computed", ""),
    ],
)
def test_a_registry_confirms_or_contradicts(printed, value, verdict, rounding):
    row = registry(value, printed=printed)
    assert row["verdict"] == verdict
    assert (row["rounding"] if isinstance(row["rounding"], str) else "") == rounding
    assert row["origin"] == "registry"


@pytest.mark.parametrize(
    ("lower", "upper", "verdict", "note"),
    [
        (0.403, 0.815, "reproduced", "both limits hold"),
        (0.4034, 0.815, "reproduced", "both limits hold"),
        (0.413, 0.815, "differs", "lower 40.3 against 41.3"),
        (nan, nan, "reproduced", "limits not compared: none computed"),
        (0.403, nan, "differs", "upper 81.5 against nan"),
    ],
)
def test_printed_limits_count(lower, upper, verdict, note):
    row = registry(0.625, lower, upper, interval=["40.3", "81.5"])
    assert row["verdict"] == verdict
    assert note in row["note"]
    assert (row["printed_lower"], row["printed_upper"]) == ("40.3", "81.5")


def test_limits_of_another_level_are_not_compared():
    row = registry(0.625, 0.1, 0.9, interval=["40.3", "81.5"], level=0.9)
    assert row["verdict"] == "reproduced"
    assert "90% printed, 95% computed" in row["note"]


def test_units_are_those_of_the_paper_and_values_canonical():
    row = registry(79.21149897, estimand="os.median", printed="2411", unit="days")
    assert row["verdict"] == "reproduced"
    assert row["value"] == pytest.approx(79.2115, abs=1e-4)
    assert row["value_printed_unit"] == pytest.approx(2411, abs=1e-4)


def test_what_was_not_estimated_is_said():
    table = compare(published(), protocol(), estimates(1, estimand="os.median"))
    assert table["verdict"].item() == "not computed"
    assert table["note"].item() == "not estimated"
    assert registry(nan, note="no events")["note"] == "no events"


def reconstruction(value=0.625, sets=None, goal=None, more=None, **figure):
    table = pd.concat([estimates(value), *([more] if more is not None else [])])
    columns = ["estimand", "lower", "upper", "target"]
    identified = pd.DataFrame(
        [] if sets is None else [("os.survival(36 months)", *sets, False)], columns=columns
    )
    columns = ["figure", "estimand", "lower", "upper", "status", "hypothesis", "reason"]
    goal = {"figure": "f", "estimand": "os.survival(36 months)"} | (goal or {})
    targets = pd.DataFrame([goal], columns=columns)
    return compare(published(**figure), protocol("reconstruction"), table, identified, targets).iloc[0]  # fmt: skip


@pytest.mark.parametrize(
    ("status", "value", "sets", "verdict"),
    [
        ("target", 0.625, (0.625, 0.625), "by construction"),
        ("target", 0.70, (0.6, 0.8), "set aside"),
        ("set aside", 0.625, (0.6, 0.8), "set aside"),
        ("set aside", 0.70, None, "set aside"),
        ("claim", 0.625, (0.6, 0.8), "by construction"),
        ("claim", 0.70, (0.7, 0.8), "outside identified set"),
        ("not modelled", 0.70, (0.6, 0.8), "within identified set"),
        ("not modelled", 0.625, (0.6, 0.8), "within identified set"),
        ("not modelled", 0.70, (0.6, 0.6245), "within identified set"),
        ("not modelled", 0.70, (0.6, 0.6244), "outside identified set"),
        ("not modelled", 0.625, (0.63, 0.8), "outside identified set"),
        ("not modelled", 0.625, (nan, 0.8), "within identified set"),
        ("not modelled", 0.625, None, "not computed"),
        ("not modelled", 0.625, (nan, nan), "not computed"),
    ],
)
def test_a_reconstruction_never_reproduces(status, value, sets, verdict):
    row = reconstruction(value, sets, {"status": status})
    assert row["verdict"] == verdict
    assert row["origin"] == "reconstruction"


def test_a_target_known_only_from_the_identified_sets_is_by_construction():
    identified = pd.DataFrame(
        [("os.survival(36 months)", 0.6, 0.7, "True")],
        columns=["estimand", "lower", "upper", "target"],
    )
    table = compare(published(), protocol("reconstruction"), estimates(0.625), identified)
    assert table["verdict"].item() == "by construction"


def test_a_figure_met_under_another_reading_says_so():
    crude = estimates(0.44, estimand="os.crude_rate(60 months)")
    row = reconstruction(
        0.72,
        (0.6, 0.88),
        {
            "status": "target",
            "estimand": "os.crude_rate(60 months)",
            "hypothesis": "crude rates",
            "lower": 0.435,
            "upper": 0.445,
        },
        crude,
        printed="44",
    )
    assert row["verdict"] == "by construction"
    assert row["read_as"] == "os.crude_rate(60 months)"
    assert row["value"] == 0.44
    assert "crude rates" in row["note"]


def test_set_aside_gives_the_reason():
    row = reconstruction(0.7, (0.6, 0.8), {"status": "set aside", "reason": "conflicts with g"})
    assert row["note"] == "conflicts with g"


def test_a_registry_ignores_what_belongs_to_a_reconstruction():
    identified = pd.DataFrame(
        [("os.survival(36 months)", 0.1, 0.2, True)],
        columns=["estimand", "lower", "upper", "target"],
    )
    row = compare(published(), protocol(), estimates(0.625), identified).iloc[0]
    assert row["verdict"] == "reproduced"
    assert pd.isna(row["identified_lower"])


def test_columns_and_verdicts_are_those_of_the_contract():
    table = compare(published(), protocol(), estimates(0.625))
    assert list(table.columns) == list(COLUMNS)
    assert set(VERDICTS) == {
        "reproduced", "differs", "by construction", "set aside", "within identified set",
        "outside identified set", "not computed",
    }  # fmt: skip


@pytest.mark.property
@given(
    value=st.floats(0.01, 1e4).map(lambda x: float(f"{x:.10g}")),
    places=st.integers(0, 3),
)
def test_what_is_rounded_holds_and_a_neighbour_does_not(value, places):
    printed = f"{value:.{places}f}"
    assert holds(Printed.parse(printed), value) is not None
    unit = 10.0**-places
    assert holds(Printed.parse(printed), value + 1.6 * unit) is None
    assert holds(Printed.parse(printed), value - 1.6 * unit) is None
