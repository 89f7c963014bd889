"""Intervals for proportions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resarc.errors import DataError
from resarc.survival.proportions import METHODS, difference, proportion_interval


@pytest.mark.unit
def test_wald_and_wilson_that_a_pencil_can_check():
    z = 1.959963984540054
    wald = proportion_interval(15, 24, "wald")
    assert wald.value == 0.625
    assert wald.upper == pytest.approx(0.625 + z * np.sqrt(0.625 * 0.375 / 24))
    # Nothing of n: Wilson's limits are 0 and z^2 / (n + z^2); Clopper-Pearson's 1 - 0.025^(1/n).
    assert proportion_interval(0, 10).lower == pytest.approx(0, abs=1e-12)
    assert proportion_interval(0, 10).upper == pytest.approx(z**2 / (10 + z**2))
    assert proportion_interval(0, 10, "exact").upper == pytest.approx(1 - 0.025 ** (1 / 10))
    assert proportion_interval(0, 10, "jeffreys").lower == 0
    assert proportion_interval(10, 10, "jeffreys").upper == 1
    assert np.isnan(proportion_interval(0, 0).value)


@pytest.mark.unit
def test_newcombe_example():
    # Newcombe 1998, Table II, contrast 56/70 against 48/80, method 10: 0.0524 to 0.3339.
    found = difference(56, 70, 48, 80)
    assert found.value == pytest.approx(0.2)
    assert found.lower == pytest.approx(0.0524, abs=5e-5)
    assert found.upper == pytest.approx(0.3339, abs=5e-5)
    assert np.isnan(difference(0, 0, 1, 2).value)


@pytest.mark.unit
def test_impossible_counts_are_refused():
    for x, n in ((3, 2), (-1, 2), (0.5, 2)):
        with pytest.raises(DataError, match="successes"):
            proportion_interval(x, n)
    with pytest.raises(DataError, match="method"):
        proportion_interval(1, 2, "normal")


@pytest.mark.parity
def test_intervals_equal_r(r, parity):
    for case in r["proportions"]:
        for method in ("wilson", "exact"):
            found = proportion_interval(case["x"], case["n"], method)
            parity.agree([found.lower, found.upper], case[method])


@pytest.mark.property
@given(st.integers(1, 200).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_intervals_hold_the_value_and_mirror(counts):
    x, n = counts
    for method in METHODS:
        found, mirror = proportion_interval(x, n, method), proportion_interval(n - x, n, method)
        assert 0 <= found.lower <= found.value + 1e-12
        assert found.value - 1e-12 <= found.upper <= 1
        assert found.lower == pytest.approx(1 - mirror.upper, abs=1e-9)
