"""Conditions as a table: a value, a condition, whether it is met, whether it is contradicted."""

import numpy as np
import pandas as pd
import pytest

from resarc.conditions import (
    contradicts,
    describe,
    meets,
    meets_all,
    value_contradicts,
    value_meets,
)
from resarc.errors import DataError
from resarc.protocol import Condition

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("value", "condition", "met", "contradicted"),
    [
        ("a", {"one_of": ["a", "b"]}, True, False),
        ("c", {"one_of": ["a", "b"]}, False, True),
        (None, {"one_of": ["a", "b"]}, False, False),
        ("a", {"none_of": ["a"]}, False, True),
        ("b", {"none_of": ["a"]}, True, False),
        (None, {"none_of": ["a"]}, False, False),
        ("a", {"present": True}, True, False),
        (None, {"present": True}, False, True),
        ("a", {"present": False}, False, True),
        (None, {"present": False}, True, False),
        (18.0, {"at_least": 18}, True, False),
        (17.9, {"at_least": 18}, False, True),
        (18.0, {"above": 18}, False, True),
        (18.0, {"below": 18}, False, True),
        (18.0, {"at_most": 18}, True, False),
        (np.nan, {"at_most": 18}, False, False),
        (5.0, {"at_least": 3, "below": 6}, True, False),
        (6.0, {"at_least": 3, "below": 6}, False, True),
        (2.0, {"one_of": ["2", "3"]}, True, False),
        (4.0, {"one_of": ["2", "3"]}, False, True),
    ],
)
def test_conditions(value, condition, met, contradicted):
    kind = float if isinstance(value, float) else object
    frame = pd.DataFrame({"x": pd.Series([value], dtype=kind)})
    condition = Condition(variable="x", **condition)
    assert meets(frame, condition).tolist() == [met]
    assert contradicts(frame, condition).tolist() == [contradicted]
    assert value_meets(value, condition) is met
    assert value_contradicts(value, condition) is contradicted


def test_all_of_none_is_everyone():
    assert meets_all(pd.DataFrame({"x": [1.0, 2.0]}), ()).all()


def test_bounds_on_a_category_and_unknown_columns_are_named():
    frame = pd.DataFrame({"x": ["a"]})
    with pytest.raises(DataError, match="bounds"):
        meets(frame, Condition(variable="x", above=1))
    with pytest.raises(DataError, match="'name'"):
        meets(frame, Condition(variable="name", present=True))


def test_describe():
    assert describe(Condition(variable="age", at_least=18, below=80)) == "age ≥ 18 and < 80"
    assert describe(Condition(variable="sex", one_of=["f", "m"])) == "sex is f or m"
    assert describe(Condition(variable="d", present=False)) == "d is empty"
