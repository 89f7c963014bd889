"""Many data sets at once equal one at a time, whatever the mask, the padding and the ties."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resarc.survival import batch, kaplan_meier
from resarc.survival import cox as single_cox
from resarc.survival.logrank import logrank
from resarc.survival.rmst import rmst

LANDMARKS = (0.0, 2.0, 5.0, 20.0)


@st.composite
def ensembles(draw):
    """(M, n) times, events, groups 0..2 with -1 for none, a covariate and a mask."""
    members, n = draw(st.integers(1, 4)), draw(st.integers(1, 14))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    most = draw(st.sampled_from([3, 8, 1000]))  # heavy ties to almost none
    shape = (members, n)
    return (
        rng.integers(0, most, shape).astype(float),
        rng.random(shape) < draw(st.sampled_from([0.1, 0.5, 0.9, 1.0])),
        rng.integers(-1, 3, shape),
        rng.integers(0, 2, shape).astype(float),
        rng.random(shape) < draw(st.sampled_from([0.4, 0.8, 1.0])),
    )


@pytest.mark.unit
def test_two_members_that_a_pencil_can_check():
    # Member 0: a dies at 1 and 2, b dies at 3 and is censored at 4: chi2 = 49/17 (test_logrank).
    # Member 1: the labels are exchanged in the second pair: a dies at 1 and 3.
    # Expected in a: 1/2 + 1/3 + 1/2 = 4/3; variance 1/4 + 2/9 + 1/4 = 13/18: chi2 = (4/9)/(13/18).
    time, event = [[1, 2, 3, 4]] * 2, [1, 1, 1, 0]
    chi2, p = batch.logrank_statistic(time, event, np.array([[0, 0, 1, 1], [0, 1, 0, 1]]), 2)
    np.testing.assert_allclose(chi2, [49 / 17, 8 / 13])
    assert p[0] == pytest.approx(0.08956, abs=1e-5)


@pytest.mark.unit
def test_no_answer_is_nan_and_separation_is_infinite():
    time = np.array([[1.0, 2, 3, 4]])
    none = np.zeros((1, 4), bool)
    assert np.isnan(batch.logrank_statistic(time, none, [0, 0, 1, 1], 2)[1]).all()
    assert np.isnan(batch.logrank_statistic(time, ~none, [0, 0, 1, 1], 2, none)[0]).all()
    assert np.isnan(batch.km_at(time, ~none, none, 2.0)[0]).all()
    assert np.isnan(batch.km_median(time, ~none, none)).all()
    assert np.isnan(batch.rmst_at(time, ~none, none, 2.0)[0]).all()
    assert batch.n_events(~none, none).tolist() == [0]
    for x, expected in (([1, 1, 0, 0], np.inf), ([0, 0, 1, 1], -np.inf), ([1, 1, 1, 1], np.nan)):
        log_hr, _, converged = batch.cox_binary(time, [1, 1, 0, 0], x)
        np.testing.assert_equal(log_hr, [expected])
        assert not converged.any()


@pytest.mark.unit
def test_absent_patients_may_be_nan():
    time = np.array([[1, 2, 3, 4, np.nan], [1, 2, 3, 4, 9]])
    event = np.array([[1, 1, 1, 0, 1]] * 2, bool)
    x = np.array([[0, 1, 1, 0, np.nan]] * 2)
    mask = np.array([[True] * 5, [True] * 4 + [False]])
    log_hr, se, _ = batch.cox_binary(time, event, x, mask)
    assert log_hr[0] == log_hr[1]
    assert np.isfinite(se).all()
    s, variance = batch.km_at(time, event, mask, 3.0)
    np.testing.assert_allclose(s, 0.25)
    np.testing.assert_allclose(variance, 0.25 * 0.75 / 4)  # no censoring: binomial
    assert np.isnan(batch.km_at(time, event, mask, 9.0)[0]).all()


@pytest.mark.unit
def test_landmarks_can_be_many():
    time, event = np.array([[1.0, 2, 3, 4], [2, 2, 5, 6]]), np.array([[1, 1, 0, 1], [1, 0, 1, 0]])
    many, _ = batch.km_at(time, event, None, np.array([[0.5, 2.0, 7.0]]))
    assert many.shape == (2, 3)
    np.testing.assert_allclose(many, [[1, 0.5, 0], [1, 0.75, np.nan]])
    each, _ = batch.km_at(time, event, None, np.array([2.0, 5.0]))
    np.testing.assert_allclose(each, [0.5, 0.375])


@pytest.mark.property
@settings(max_examples=60, deadline=None)
@given(ensembles())
def test_batch_equals_single(ensemble):
    time, event, group, _, mask = ensemble
    order = batch.risk_order(time, event)
    chi2, p = batch.logrank_statistic(time, event, group, 3, mask, order=order)
    medians = {
        c: batch.km_median(time, event, mask, 0.5, c, order=order) for c in kaplan_meier.CONVENTIONS
    }
    at, variance = batch.km_at(time, event, mask, np.array([LANDMARKS]), order=order)
    area, error = batch.rmst_at(time, event, mask, 5.0, order=order)
    for m in range(len(time)):
        chosen = mask[m]
        t, e = time[m][chosen], event[m][chosen]
        assert batch.n_events(event, mask)[m] == e.sum()
        if not t.size:
            assert np.isnan(medians["middle"][m])
            continue
        grouped = group[m][chosen] >= 0
        if grouped.any():
            found = logrank(t[grouped], e[grouped], group[m][chosen][grouped])
            np.testing.assert_allclose([chi2[m], p[m]], [found.statistic, found.p], rtol=1e-8)
        steps = kaplan_meier.curve(t, e)
        for convention, values in medians.items():
            expected = kaplan_meier.quantile(steps, convention=convention).value
            np.testing.assert_allclose(values[m], expected, rtol=1e-12)
        landmarks = kaplan_meier.survival_at(steps, LANDMARKS)
        np.testing.assert_allclose(at[m], landmarks["survival"], atol=1e-12)
        np.testing.assert_allclose(np.sqrt(variance[m]), landmarks["std_error"], atol=1e-9)
        found = rmst(t, e, 5.0)
        np.testing.assert_allclose([area[m], error[m]], [found.value, found.se], rtol=1e-9)


@pytest.mark.property
@settings(max_examples=40, deadline=None)
@given(ensembles())
def test_cox_in_a_batch_equals_cox_alone(ensemble):
    time, event, group, x, mask = ensemble
    log_hr, se, converged = batch.cox_binary(time, event, x, mask)
    both, _ = batch.cox(time, event, np.stack([x, group.astype(float)], axis=2), mask)
    for m in range(len(time)):
        chosen = mask[m]
        if not chosen.any():
            assert np.isnan(log_hr[m])
            continue
        frame = pd.DataFrame({"t": time[m], "e": event[m], "x": x[m], "g": group[m]})[chosen]
        alone = single_cox.cox(frame, "t", "e", ["x"])
        row = alone.coefficients.iloc[0]
        np.testing.assert_allclose([log_hr[m], se[m]], [row["log_hr"], row["se"]], rtol=1e-6)
        assert converged[m] == alone.converged
        pair = single_cox.cox(frame, "t", "e", ["x", "g"]).coefficients["log_hr"]
        np.testing.assert_allclose(both[m], pair, rtol=1e-5, atol=1e-7)


@pytest.mark.parity
def test_kernels_equal_lifelines():
    from lifelines import CoxPHFitter, KaplanMeierFitter
    from lifelines.statistics import multivariate_logrank_test

    rng = np.random.default_rng(7)
    shape = (6, 40)
    time = np.ceil(rng.exponential(10, shape))
    event, group = rng.random(shape) < 0.6, rng.integers(0, 3, shape)
    X = np.stack([rng.integers(0, 2, shape), rng.normal(size=shape)], axis=2)
    chi2, _ = batch.logrank_statistic(time, event, group, 3)
    beta, se = batch.cox(time, event, X)
    s, _ = batch.km_at(time, event, None, 6.0)
    median = batch.km_median(time, event, None, convention="first")
    for m in range(len(time)):
        theirs = multivariate_logrank_test(time[m], group[m], event[m])
        assert chi2[m] == pytest.approx(theirs.test_statistic, rel=1e-9)
        frame = pd.DataFrame(X[m], columns=["a", "b"]).assign(t=time[m], e=event[m])
        fit = CoxPHFitter().fit(frame, "t", "e", fit_options={"precision": 1e-10})
        np.testing.assert_allclose(beta[m], fit.params_, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(se[m], fit.standard_errors_, rtol=1e-5)
        curve = KaplanMeierFitter().fit(time[m], event[m])
        assert s[m] == pytest.approx(curve.predict(6.0))
        assert median[m] == curve.median_survival_time_


@pytest.mark.unit
def test_martingale_residuals_by_hand():
    # Deaths at 1 (of 4 at risk) and twice at 2 (of 3): hazards 1/4 and 2/3; the last is censored.
    order = batch.risk_order([[2, 1, 2, 3]], [[1, 1, 1, 0]])
    found = batch.martingale_residuals(order)
    late = 1 / 4 + 2 / 3
    np.testing.assert_allclose(found, [[1 - late, 3 / 4, 1 - late, -late]])
    # Without the first, nobody dies at 1; who is left out has none.
    found = batch.martingale_residuals(order, np.array([[True, False, True, True]]))
    np.testing.assert_allclose(found, [[1 / 3, 0, 1 / 3, -2 / 3]])


@pytest.mark.property
@settings(max_examples=60, deadline=None)
@given(ensembles())
def test_martingale_residuals_sum_to_observed_less_expected(ensemble):
    time, event, group, _, mask = ensemble
    order = batch.risk_order(time, event)
    mask = mask & (group >= 0)
    residuals = batch.martingale_residuals(order, mask)
    observed, expected, _ = batch.logrank_parts(time, event, group, 3, mask, order=order)
    for g in range(3):
        found = np.where(mask & (group == g), residuals, 0.0).sum(axis=1)
        np.testing.assert_allclose(found, (observed - expected)[:, g], atol=1e-9)
    assert (residuals[~mask] == 0).all()
    assert (residuals <= 1).all()


@pytest.mark.property
@settings(max_examples=60, deadline=None)
@given(ensembles())
def test_steps_are_those_of_the_curve(ensemble):
    time, event, _, _, mask = ensemble
    order = batch.risk_order(time, event)
    s, greenwood, end = batch.km_steps(order, mask)
    complete = order.last == np.arange(time.shape[1])
    for m in range(len(time)):
        chosen = mask[m]
        if not chosen.any():
            assert end[m] == -np.inf
            assert (s[m] == 1).all()
            continue
        curve = kaplan_meier.curve(time[m][chosen], event[m][chosen])
        assert end[m] == curve["time"].iloc[-1]
        at = np.searchsorted(curve["time"], order.time[m][complete[m]], side="right") - 1
        survival = curve["survival"].to_numpy()[at]
        np.testing.assert_allclose(s[m][complete[m]], survival, atol=1e-12)
        alive = survival > 0
        error = curve["std_error"].to_numpy()[at][alive] / survival[alive]
        np.testing.assert_allclose(np.sqrt(greenwood[m][complete[m]][alive]), error, atol=1e-9)


@pytest.mark.property
@settings(max_examples=20, deadline=None)
@given(ensembles())
def test_some_members_of_an_order_are_those_members(ensemble):
    time, event, group, _, mask = ensemble
    order, some = batch.risk_order(time, event), np.arange(len(time))[::-2]
    whole = batch.logrank_statistic(time, event, group, 3, mask, order=order)[0]
    part = batch.logrank_statistic(
        time[some], event[some], group[some], 3, mask[some], order=order.members(some)
    )[0]
    np.testing.assert_array_equal(part, whole[some])


@pytest.mark.unit
def test_a_member_does_not_depend_on_the_others():
    # To the last bit: limits are held against printed digits.
    rng = np.random.default_rng(3)
    shape = (8, 30)
    time, event = rng.integers(1, 30, shape), rng.random(shape) < 0.5
    x = rng.integers(0, 2, shape).astype(float)
    together = batch.cox_binary(time, event, x)
    for m in range(8):
        alone = batch.cox_binary(time[m : m + 1], event[m : m + 1], x[m : m + 1])
        for a, b in zip(alone, together, strict=True):
            assert a[0] == pytest.approx(b[m], rel=1e-12)
