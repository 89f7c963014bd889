"""Standardised differences, by hand, against R and by their laws."""

from __future__ import annotations

import json
from math import isnan, sqrt
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from resarc.errors import DataError
from resarc.survival.balance import difference_of_numbers, difference_of_shares

R = json.loads((Path(__file__).parents[1] / "r" / "tables.json").read_text())
COUNTS = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), min_size=2, max_size=6)


@pytest.mark.unit
def test_what_a_pencil_can_check():
    # Means 2 and 5, variances 1 and 7: 3 / sqrt(4).
    assert difference_of_numbers([1, 2, 3], [2, 6, 7]) == pytest.approx(1.5)
    # Shares 0.5 and 0.2: 0.3 / sqrt((0.25 + 0.16) / 2).
    assert difference_of_shares([[10, 2], [10, 8]]) == pytest.approx(0.3 / sqrt(0.205))
    # Shares (1/2, 1/4, 1/4) and (1/3, 1/3, 1/3). Without the first level the difference is
    # -(1/12, 1/12), an eigenvector of S with the eigenvalue (59 - 25) / 288 = 17/144.
    assert difference_of_shares([[6, 4], [3, 4], [3, 4]]) == pytest.approx(sqrt(2 / 17))


@pytest.mark.unit
def test_edges():
    assert isnan(difference_of_numbers([1.0], [1.0, 2.0]))
    assert difference_of_numbers([3, 3], [3, 3, 3]) == 0
    assert difference_of_numbers([0.1] * 3, [0.1] * 7) == 0
    assert isnan(difference_of_numbers([3, 3], [4, 4]))
    assert isnan(difference_of_shares([[5, 0], [0, 5]]))
    assert isnan(difference_of_shares([[5, 0], [5, 0]]))
    assert difference_of_shares([[5, 8], [0, 0]]) == 0
    assert isnan(difference_of_shares([[0, 0], [0, 0]]))
    with pytest.raises(DataError, match="two groups"):
        difference_of_shares([1, 2, 3])


@pytest.mark.parity
@pytest.mark.parametrize("name", R["shares"])
def test_shares_as_r_computes_them(name, parity):
    parity.agree(difference_of_shares(R["shares"][name]["counts"]), R["shares"][name]["difference"])


@pytest.mark.parity
@pytest.mark.parametrize("drawn", R["numbers"])
def test_numbers_as_r_computes_them(drawn, parity):
    parity.agree(difference_of_numbers(drawn["x"], drawn["y"]), drawn["difference"])


@pytest.mark.property
@given(counts=COUNTS, seed=st.integers(0, 99))
def test_shares_do_not_depend_on_order_or_size(counts, seed):
    table = np.array(counts)
    found = difference_of_shares(table)
    order = np.random.default_rng(seed).permutation(len(table))
    assert difference_of_shares(table[order][:, ::-1]) == pytest.approx(
        found, abs=1e-7, nan_ok=True
    )
    assert difference_of_shares(3 * table) == pytest.approx(found, abs=1e-7, nan_ok=True)
    assume(not isnan(found))
    assert found >= 0


@pytest.mark.property
@given(
    x=st.lists(st.integers(-50, 50), min_size=2, max_size=9),
    y=st.lists(st.integers(-50, 50), min_size=2, max_size=9),
    scale=st.sampled_from([0.5, 2.0, -4.0]),
)
def test_numbers_do_not_depend_on_unit_or_order(x, y, scale):
    found = difference_of_numbers(x, y)
    other = difference_of_numbers(scale * np.array(y) + 8, scale * np.array(x) + 8)
    assert other == pytest.approx(found, rel=1e-9, nan_ok=True)
