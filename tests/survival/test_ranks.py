"""Rank tests: by hand and against R."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resarc.errors import DataError
from resarc.survival.ranks import kruskal_wallis, mann_whitney


@pytest.mark.unit
def test_an_exact_p_that_a_pencil_can_check():
    # x lies wholly below y: 2 of the 10 arrangements are as extreme.
    found = mann_whitney([1, 2], [3, 5, 8])
    assert found.test.statistic == 0
    assert found.test.p == pytest.approx(2 / 10)
    # Differences -7, -6, -4, -3, -2, -1.
    assert found.shift.value == pytest.approx(-3.5)


@pytest.mark.unit
def test_equal_values_and_empty_samples():
    assert np.isnan(mann_whitney([2, 2], [2, 2, 2]).test.p)
    assert np.isnan(kruskal_wallis([[2, 2], [2]]).p)
    with pytest.raises(DataError, match="at least one"):
        mann_whitney([], [1])
    with pytest.raises(DataError, match="ties"):
        mann_whitney([1, 2], [2, 3], exact=True)
    with pytest.raises(DataError, match="none empty"):
        kruskal_wallis([[1, 2], []])


@pytest.mark.parity
@pytest.mark.parametrize("name", ["untied", "tied", "small"])
def test_tests_and_shifts_equal_r(r, parity, name):
    case = r["ranks"][name]
    settings = {
        "default": {},
        "corrected": {"exact": False},
        "plain": {"exact": False, "correction": False},
    }
    for kind, setting in settings.items():
        found = mann_whitney(case["x"], case["y"], **setting)
        parity.agree([found.test.statistic, found.test.p], [case[kind]["u"], case[kind]["p"]])
        limits = [found.shift.lower, found.shift.upper]
        # R finds the limits of the normal approximation by root search on a step function.
        parity.agree(limits, [case[kind]["lower"], case[kind]["upper"]], 1e-6)
    found = kruskal_wallis([case["x"], case["y"], [2, 6, 6, 7]])
    parity.agree(found.statistic, case["kruskal"])


sample = st.lists(st.integers(0, 30), min_size=2, max_size=12)


@pytest.mark.property
@given(sample, sample)
def test_exchange_of_samples(x, y):
    one, two = mann_whitney(x, y), mann_whitney(y, x)
    np.testing.assert_allclose(one.test.p, two.test.p)
    assert one.test.statistic + two.test.statistic == len(x) * len(y)
    assert one.shift.value == pytest.approx(-two.shift.value)
    np.testing.assert_allclose(one.shift.lower, -two.shift.upper)
