"""Tables of counts: by hand, against R, and for any table."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resarc.errors import DataError
from resarc.survival import contingency
from resarc.survival.contingency import (
    chi_square,
    fisher_exact,
    likelihood_ratio,
    linear_by_linear,
    mid_p_fisher,
)

ALL = (chi_square, likelihood_ratio, linear_by_linear, fisher_exact)


@pytest.mark.unit
def test_tests_that_a_pencil_can_check():
    # Margins 4, 4 and 4, 4; all expected counts are 2, so chi2 = 4 x 1/2 = 2, Yates 4 x (1/2)^2/2.
    table = [[3, 1], [1, 3]]
    assert chi_square(table).statistic == pytest.approx(2)
    assert chi_square(table, correction=True).statistic == pytest.approx(0.5)
    assert likelihood_ratio(table).statistic == pytest.approx(2 * (6 * np.log(1.5) - 2 * np.log(2)))
    # r = 1/2, so (8 - 1) / 4.
    assert linear_by_linear(table).statistic == pytest.approx(7 / 4)
    assert linear_by_linear(table).detail("correlation") == pytest.approx(0.5)
    # Tables with 0..4 in the corner have probabilities 1, 16, 36, 16, 1 of 70.
    assert fisher_exact(table).p == pytest.approx(34 / 70)
    assert fisher_exact(table).statistic == pytest.approx(9)
    assert mid_p_fisher(table).p == pytest.approx(26 / 70)
    # Rows 2, 1, 1 and columns 2, 2: the four tables have probabilities 1, 2, 2, 1 of 6.
    assert fisher_exact([[2, 0], [0, 1], [0, 1]]).p == pytest.approx(2 / 6)
    assert mid_p_fisher([[2, 0], [0, 1], [0, 1]]).p == pytest.approx(2 / 6 - 1 / 12)
    assert np.isnan(mid_p_fisher([[3, 1], [0, 0]]).p)


@pytest.mark.unit
def test_conditions_are_reported():
    found = chi_square([[1, 9], [4, 26]])
    assert found.detail("minimum_expected") == pytest.approx(10 * 5 / 40)
    assert found.detail("share_below_5") == pytest.approx(0.5)
    assert not found.detail("cochran")
    assert chi_square([[30, 20], [25, 25]]).detail("cochran")


@pytest.mark.unit
@pytest.mark.parametrize("test", ALL)
def test_a_category_without_patients_is_no_category(test):
    full, padded = [[3, 1], [1, 4]], [[3, 0, 1], [1, 0, 4], [0, 0, 0]]
    if test is linear_by_linear:  # but it keeps its place in an order
        padded = [[3, 1, 0], [1, 4, 0], [0, 0, 0]]
    assert test(padded).p == pytest.approx(test(full).p)
    for empty in ([[3, 1], [0, 0]], [[0, 0], [0, 0]], [[3], [1]]):
        assert np.isnan(test(empty).p)


@pytest.mark.unit
def test_order_of_an_empty_middle_category():
    # Scores 1 and 3 or 1 and 2 give the same correlation; three categories with a gap do not.
    gap, none = [[4, 0, 1, 2], [1, 0, 2, 3]], [[4, 1, 2], [1, 2, 3]]
    assert linear_by_linear(gap).p != pytest.approx(linear_by_linear(none).p)
    scored = linear_by_linear(none, column_scores=[1, 3, 4])
    assert linear_by_linear(gap).p == pytest.approx(scored.p)


@pytest.mark.unit
def test_bad_tables_are_refused():
    for table in ([[1, -1], [2, 3]], [[1.5, 1], [2, 3]], [1, 2], [["a", 1], [2, 3]]):
        with pytest.raises(DataError, match="table"):
            chi_square(table)


@pytest.mark.unit
def test_tables_beyond_counting_are_drawn(monkeypatch):
    table = [[5, 1, 1], [0, 6, 4], [3, 2, 8]]
    counted = fisher_exact(table).p
    monkeypatch.setattr(contingency, "_MOST_TABLES", 10)
    with pytest.raises(DataError, match="rng"):
        fisher_exact(table)
    drawn = fisher_exact(table, rng=np.random.default_rng(3))
    assert drawn.p == pytest.approx(counted, rel=0.1)
    assert "random tables" in drawn.method


@pytest.mark.parity
def test_tests_equal_r(r, parity):
    for case in r["contingency"]:
        found = chi_square(case["table"])
        parity.agree([found.statistic, found.p], [case["chi2"], case["p"]])
        parity.agree(chi_square(case["table"], correction=True).statistic, case["yates"])
        # R's network algorithm for r x c tables is itself approximate to about 1e-7.
        parity.agree(fisher_exact(case["table"]).p, case["fisher"], 1e-7)


small = st.lists(st.lists(st.integers(0, 5), min_size=2, max_size=2), min_size=2, max_size=3)


@pytest.mark.property
@given(small)
def test_symmetry_and_range(table):
    for test in ALL:
        p = test(table).p
        np.testing.assert_allclose(test(np.transpose(table)).p, p, rtol=1e-9)
        assert np.isnan(p) or 0 <= p <= 1 + 1e-12


@pytest.mark.property
@given(st.lists(st.integers(0, 7), min_size=4, max_size=4))
def test_fisher_equals_scipy(cells):
    from scipy.stats import fisher_exact as scipy_fisher

    table = np.reshape(cells, (2, 2))
    found = fisher_exact(table).p
    if not np.isnan(found):
        assert found == pytest.approx(scipy_fisher(table).pvalue, rel=1e-9)
        assert mid_p_fisher(table).p < found
