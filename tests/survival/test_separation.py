"""Separation: Newton's method and the linear programme agree with the definition."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resarc.survival import batch


@st.composite
def cohorts(draw):
    """(n,) times and events, (n, p) covariates of very different spread, many of them separated."""
    n, p = draw(st.integers(4, 14)), draw(st.integers(1, 3))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    columns = [
        rng.integers(0, 2, n)
        if rng.random() < 0.5
        else rng.normal(size=n) * 10.0 ** rng.integers(-3, 4)
        for _ in range(p)
    ]
    time = rng.integers(1, draw(st.sampled_from([6, 1000])), n).astype(float)
    return time, rng.random(n) < draw(st.sampled_from([0.2, 0.5])), np.column_stack(columns)


@pytest.mark.property
@settings(max_examples=60, deadline=None)
@given(cohorts())
def test_infinite_if_and_only_if_separated(data):
    from scipy.optimize import linprog

    time, event, X = data
    p = X.shape[1]
    scaled = (X - X.mean(axis=0)) / np.where(X.std(axis=0) > 0, X.std(axis=0), 1)
    # The definition: in some direction each death leads its whole risk set.
    pairs = np.array(
        [
            scaled[i] - scaled[j]
            for i in np.flatnonzero(event)
            for j in np.flatnonzero(time >= time[i])
        ]
    ).reshape(-1, p)
    fits = batch.cox_fits(time[None], event[None], X[None])
    if not event.any() or np.linalg.matrix_rank(pairs, tol=1e-9) < p:
        assert np.isnan(fits.beta).all()
        assert not fits.converged[0]
        return
    best = linprog(-pairs.sum(axis=0), -pairs, np.zeros(len(pairs)), bounds=[(-1, 1)] * p)
    separated = -best.fun > 1e-7
    assert fits.infinite.any() == separated
    assert fits.converged[0] == (not separated)
    assert np.isinf(fits.beta[fits.infinite]).all()


@pytest.mark.unit
def test_a_direction_that_only_both_covariates_have():
    # Neither covariate alone orders the deaths, their difference does: 3 > 1 > -1 > -3.
    X = np.array([[4.0, 1], [1, 0], [3, 4], [0, 3], [2, 5]])
    assert (np.diff(X[:, 0] - X[:, 1]) <= 0).all()
    fits = batch.cox_fits(np.arange(1.0, 6)[None], np.ones((1, 5), bool), X[None])
    np.testing.assert_array_equal(fits.beta, [[np.inf, -np.inf]])


@pytest.mark.unit
def test_what_separation_leaves_without_information_has_no_estimate():
    # The only death has a = 1, b = 1; the others (0, 0) and (0, 1). Once a has run to infinity,
    # nothing in the likelihood depends on b.
    fits = batch.cox_fits(
        np.zeros((1, 3)), np.array([[False, True, False]]), np.array([[0.0, 0], [1, 1], [0, 1]])
    )
    assert fits.beta[0, 0] == np.inf
    assert not np.isfinite(fits.beta[0, 1])


@pytest.mark.unit
def test_what_separation_leaves_informed_keeps_its_estimate():
    # a = 1 dies first; then b is as in test_cox: deaths with b = 0, 1, 1, 0 give h = (1 + 5^(1/2))/2.
    X = np.array([[1.0, 0.5], [0, 0], [0, 1], [0, 1], [0, 0]])
    fits = batch.cox_fits(np.arange(1.0, 6)[None], np.ones((1, 5), bool), X[None])
    assert fits.beta[0, 0] == np.inf
    assert np.exp(fits.beta[0, 1]) == pytest.approx((1 + np.sqrt(5)) / 2, rel=1e-6)
