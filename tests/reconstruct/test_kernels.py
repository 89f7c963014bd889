"""The search's own kernels against those that judge its members."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import chdtrc

from resarc.reconstruct import kernels, labels
from resarc.reconstruct.histories import History
from resarc.survival import batch
from resarc.survival.contingency import chi_square
from resarc.survival.kaplan_meier import limits
from resarc.survival.logrank import TESTS, weighting

pytestmark = pytest.mark.property


def history(seed: int, patients: int, longest: int) -> History:
    rng = np.random.default_rng(seed)
    days = rng.integers(1, longest, (3, patients))
    event = rng.random((3, patients)) < 0.6
    nothing = np.zeros((3, patients), dtype=bool)
    return History(days, event, np.full((3, patients), -1), (), np.zeros(3), nothing)


cases = given(
    seed=st.integers(0, 10**6),
    patients=st.integers(4, 30),
    longest=st.sampled_from([6, 40, 4000]),  # many ties, some, hardly any
    levels=st.integers(2, 4),
    masked=st.booleans(),
)


def by_time(given_history: History, m: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    order, days, event = (a[m] for a in labels.by_time(given_history))
    return order, days, event


@cases
def test_logrank_and_survival_are_those_of_batch(seed, patients, longest, levels, masked):
    given_history = history(seed, patients, longest)
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, levels, (3, patients))
    mask = rng.random((3, patients)) < 0.7 if masked else np.ones((3, patients), dtype=bool)
    _, expected = batch.logrank_statistic(
        given_history.days, given_history.event, codes, levels, mask
    )
    first = (codes == 0) & mask
    s, variance = batch.km_at(given_history.days, given_history.event, first, longest / 2)
    for m in range(3):
        order, days, event = by_time(given_history, m)
        group = np.where(mask[m], codes[m], -1)[order]
        chi2, df, excess = kernels.logrank(days, event, group, levels)
        p = chdtrc(df, chi2) if df else np.nan
        # Observed and expected may cancel to the last bits.
        assert p == pytest.approx(expected[m], rel=1e-7, abs=1e-10, nan_ok=True)
        assert excess.sum() == pytest.approx(0, abs=1e-9)
        found, error = kernels.survival_at(days, event, np.where(group == 0, 0, -1), longest / 2)
        assert found == pytest.approx(s[m], abs=1e-9, nan_ok=True)
        if np.isfinite(variance[m]) and found > 0:
            assert found * error == pytest.approx(np.sqrt(variance[m]), abs=1e-9)


@cases
def test_other_tests_of_survival_are_those_of_the_ensemble(seed, patients, longest, levels, masked):
    given_history = history(seed, patients, longest)
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, levels, (3, patients))
    mask = rng.random((3, patients)) < 0.7 if masked else np.ones((3, patients), dtype=bool)
    for k, statistic in enumerate(("logrank_p", "wilcoxon_p", "tarone_ware_p", "peto_p")):
        weight, _ = weighting(TESTS[statistic])
        _, expected = batch.logrank_statistic(
            given_history.days, given_history.event, codes, levels, mask, weight=weight
        )
        for m in range(3):
            order, days, event = by_time(given_history, m)
            group = np.where(mask[m], codes[m], -1)[order]
            chi2, df, _ = kernels.logrank(days, event, group, levels, k)
            p = chdtrc(df, chi2) if df else np.nan
            assert p == pytest.approx(expected[m], rel=1e-7, abs=1e-10, nan_ok=True)
    for m in range(3):
        order, days, event = by_time(given_history, m)
        group = np.where(mask[m], codes[m], -1)[order]
        present = np.unique(group[group >= 0])
        chi2, df = kernels.likelihood_ratio(days, event, group, levels, 60)
        if len(present) < 2:
            assert np.isnan(chi2)
            continue
        x = (group[:, None] == present[1:]).astype(float)
        fits = batch.cox_fits(days[None] * 1.0, event[None], x[None], (group >= 0)[None])
        if fits.converged[0]:
            expected = 2 * (fits.log_likelihood[0] - fits.null_log_likelihood[0])
            assert df == len(present) - 1
            assert chi2 == pytest.approx(expected, abs=1e-6)


@given(counts=st.lists(st.integers(0, 12), min_size=4, max_size=4))
def test_yates_correction_is_that_of_contingency(counts):
    table = np.array(counts, dtype=float).reshape(2, 2)
    chi2, df = kernels.chi_squared(table, True)
    expected = chi_square(table, correction=True)
    if df:
        assert chi2 == pytest.approx(expected.statistic, abs=1e-9)
    else:
        assert np.isnan(expected.p)


@cases
def test_a_shift_gives_the_sums_of_the_test_after_it(seed, patients, longest, levels, masked):
    given_history = history(seed, patients, longest)
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, levels, (3, patients))
    mask = rng.random((3, patients)) < 0.7 if masked else np.ones((3, patients), dtype=bool)
    for m in range(3):
        order, days, event = by_time(given_history, m)
        group = np.where(mask[m], codes[m], -1)[order]
        inside = np.flatnonzero(group >= 0)
        if not inside.size:
            continue
        out = int(rng.choice(inside))
        others = np.flatnonzero((group >= 0) & (group != group[out]))
        exchanged = others.size > 0 and rng.random() < 0.7
        into = int(rng.choice(others)) if exchanged else -1
        after = group.copy()
        b = group[into] if exchanged else (group[out] + 1) % levels
        after[out] = b
        if exchanged:
            after[into] = group[out]
        size = levels * (levels + 3)
        sums, anew, terms = np.empty(size), np.empty(size), np.empty((3 + levels, patients))
        kernels.logrank_sums(days, event, group, levels, sums, terms, m)
        kernels.shift(sums, levels, terms, out, group[out], b, into)
        kernels.logrank_sums(days, event, after, levels, anew, np.empty((0, 0)), m)
        lower = np.tril_indices(levels)
        assert sums[:levels] == pytest.approx(anew[:levels], abs=1e-9)
        square = slice(levels, levels + levels**2)
        found, wanted = (a[square].reshape(levels, levels)[lower] for a in (sums, anew))
        assert found == pytest.approx(wanted, abs=1e-9)


@cases
def test_survival_after_an_exchange_is_that_of_the_new_group(
    seed, patients, longest, levels, masked
):
    del levels, masked
    given_history = history(seed, patients, longest)
    rng = np.random.default_rng(seed)
    logs = kernels.functions_of_risk(patients)
    for m in range(3):
        _, days, event = by_time(given_history, m)
        group = rng.integers(-1, 1, patients)
        members, others = np.flatnonzero(group == 0), np.flatnonzero(group < 0)
        if not members.size or not others.size:
            continue
        out, into = int(rng.choice(members)), int(rng.choice(others))
        terms = np.empty((7, patients + 1))
        kernels.survival_terms(event, group, logs, terms)
        after = group.copy()
        after[out], after[into] = -1, 0
        for time in (longest / 2, float(rng.integers(1, longest)), longest + 1.0):
            first, last = (days < time).sum(), (days <= time).sum()
            for places, now in (((-1, -1), group), ((out, into), after)):
                s, error = kernels.survival_after(event, terms, logs, first, last, *places)
                expected, spread = kernels.survival_at(days, event, now, time)
                assert s == pytest.approx(expected, abs=1e-12, nan_ok=True)
                assert error == pytest.approx(spread, rel=1e-9, nan_ok=True)


@cases
def test_a_cox_model_is_that_of_batch(seed, patients, longest, levels, masked):
    del levels
    given_history = history(seed, patients, longest)
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 2, (3, patients, 2)).astype(float)
    mask = rng.random((3, patients)) < 0.8 if masked else np.ones((3, patients), dtype=bool)
    expected = batch.cox_fits(given_history.days, given_history.event, x, mask)
    for m in range(3):
        if not expected.converged[m] or np.isnan(expected.se[m]).any():
            continue  # separated, constant or collinear
        order, days, event = by_time(given_history, m)
        beta, variance = kernels.cox(days, event, np.where(mask[m][order], 0, -1), x[m][order], 30)
        assert beta == pytest.approx(expected.beta[m], rel=1e-4, abs=1e-4)
        assert np.sqrt(variance) == pytest.approx(expected.se[m][0], rel=1e-4)


@cases
def test_a_cox_model_of_two_groups_is_that_of_batch(seed, patients, longest, levels, masked):
    given_history = history(seed, patients, longest)
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, levels, (3, patients))  # groups beyond the second take no part
    mask = (codes < 2) & (rng.random((3, patients)) < 0.8 if masked else True)
    x = (codes == 1).astype(float)[..., None]
    expected = batch.cox_fits(given_history.days, given_history.event, x, mask)
    for m in range(3):
        order, days, event = by_time(given_history, m)
        group = np.where(mask[m] | (codes[m] > 1), codes[m], -1)[order]
        for first in (0.0, 1.0):
            beta, variance = kernels.cox_of_two(days, event, group, 30, first)
            if not {0, 1} <= set(group):
                assert np.isnan(variance)
            elif expected.converged[m] and np.isfinite(expected.se[m][0]):
                assert beta == pytest.approx(expected.beta[m][0], rel=1e-4, abs=1e-4)
                assert np.sqrt(variance) == pytest.approx(expected.se[m][0], rel=1e-4)


@pytest.mark.parametrize(
    ("table", "chi2", "df", "linear"),
    [
        # (ad - bc)^2 N / margins = (10*5 - 5*10)^2 ... = 0
        ([[10, 5], [10, 5]], 0.0, 1, 0.0),
        # 30 (10*10 - 5*5)^2 / (15*15*15*15) = 3.333...; (N - 1) r^2 = 29 / 30 of it
        ([[10, 5], [5, 10]], 10 / 3, 1, 29 / 9),
        # an empty column counts no degree of freedom
        ([[10, 0, 5], [5, 0, 10]], 10 / 3, 1, 29 / 9),
    ],
)
def test_tables_by_hand(table, chi2, df, linear):
    cells = np.array(table, dtype=float)
    assert kernels.chi_squared(cells) == (pytest.approx(chi2), df)
    assert kernels.trend(cells) == pytest.approx(linear)


@cases
def test_limits_are_those_of_the_kaplan_meier_room(seed, patients, longest, levels, masked):
    del patients, longest, levels, masked
    rng = np.random.default_rng(seed)
    s, error = rng.random(), rng.random()
    for name, code in kernels.INTERVALS.items():
        expected = limits(np.array([s]), np.array([error]), name, 0.95)
        found = kernels.limits(s, error, code, 1.959963984540054)
        assert found == pytest.approx([bound[0] for bound in expected], abs=1e-12)
