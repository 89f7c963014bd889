"""The widest interval that curves and numbers at risk leave to a hazard ratio."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resarc.reconstruct import reach
from resarc.reconstruct.curves import Traced
from resarc.survival import batch
from resarc.survival.kaplan_meier import curve as kaplan_meier
from resarc.survival.kaplan_meier import survival_at


def arm(rng, size, scale, leave):
    """Whole days and events of an arm."""
    dies = rng.exponential(scale, size)
    leaves = rng.uniform(leave, 2000, size)
    return np.ceil(np.minimum(dies, leaves)), dies <= leaves


def as_traced(days, event, every, tolerance) -> Traced:
    grid = np.arange(20.0, days.max(), 20.0)
    drawn = survival_at(kaplan_meier(days, event), grid)["survival"].to_numpy()
    knots = np.arange(0.0, days.max() * 0.8, every)
    at_risk = np.array([(days >= t).sum() for t in knots])
    return Traced((), grid, drawn, knots, at_risk, tolerance, np.inf, 0.0)


def fitted(arms) -> tuple[float, float]:
    """Log hazard ratio of the first arm against the second, and its standard error."""
    days = np.concatenate([d for d, _ in arms])
    event = np.concatenate([e for _, e in arms])
    x = np.repeat([1.0, 0.0], [len(d) for d, _ in arms])
    beta, se, _ = batch.cox_binary(days[None], event[None], x[None])
    return float(beta[0]), float(se[0])


@pytest.mark.property
@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    sizes=st.tuples(st.integers(20, 200), st.integers(20, 200)),
    leave=st.sampled_from([50, 600, 1900]),
    every=st.sampled_from([100.0, 365.25]),
    tolerance=st.sampled_from([0.0, 0.01, 0.03]),
)
def test_no_dataset_has_a_larger_error(seed, sizes, leave, every, tolerance):
    rng = np.random.default_rng(seed)
    arms = [arm(rng, n, s, leave) for n, s in zip(sizes, (500, 800), strict=True)]
    beta, se = fitted(arms)
    groups = [as_traced(*a, every, tolerance) for a in arms]
    ratios = (np.exp(beta) * 0.99, np.exp(beta) * 1.01)
    assert se <= reach.widest_error(groups, ratios) + 1e-9


@pytest.mark.unit
def test_the_bound_is_near_where_curves_are_dense_and_loosens_with_the_tolerance():
    rng = np.random.default_rng(2)
    arms = [arm(rng, 200, s, 1500) for s in (500, 800)]
    beta, se = fitted(arms)
    ratios = (np.exp(beta) * 0.999, np.exp(beta) * 1.001)
    bounds = [
        reach.widest_error([as_traced(*a, 180.0, tolerance) for a in arms], ratios)
        for tolerance in (0.0, 0.01, 0.05)
    ]
    assert bounds == sorted(bounds)
    assert se <= bounds[0] <= 1.1 * se


@pytest.mark.unit
def test_events_between_two_numbers_at_risk_by_hand():
    """Ten patients, five at risk at 100 days, survival 1/2 there: all five had the event, at least
    5 (1 / 0.5 - 1) = 5. With four of ten, survival 0.5: at least 4 events, two censored first."""
    weight = np.array([5.0])
    low = high = np.log([1.0, 0.5])
    assert reach._tangent(weight, low, high) == pytest.approx(5)
    assert reach._tangent(np.array([4.0]), low, high) == pytest.approx(4)
