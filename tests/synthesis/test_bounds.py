"""The search over a product of sets, against every point of a dense grid."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resarc.synthesis.bounds import MOST_CORNERS, extremes
from resarc.synthesis.effects import each_random_effects


def mean_of(variances):
    v = np.array(variances)
    return lambda points: each_random_effects(points, np.repeat(v[None], len(points), 0)).mean


def on_grid(objective, lower, upper, steps=61):
    sides = [np.linspace(a, b, steps) for a, b in zip(lower, upper, strict=True)]
    values = objective(np.stack(np.meshgrid(*sides), -1).reshape(-1, len(lower)))
    return values.min(), values.max()


# As the first study nears the second, precise one, the variance between studies shrinks and the
# precise one gains weight: somewhere between, the mean is least.
LOWER, UPPER = np.array([-1.5, -0.5, -0.9]), np.array([0.6, -0.5, 2.0])
VARIANCES = (0.5, 0.02, 2.0)


@pytest.mark.unit
def test_the_pooled_mean_is_not_monotone_and_its_corners_are_not_enough():
    objective = mean_of(VARIANCES)
    corners = objective(np.array(list(product(*zip(LOWER, UPPER, strict=True)))))
    least, greatest = extremes(objective, LOWER, UPPER)
    by_hand = on_grid(objective, LOWER, UPPER)
    assert least < corners.min() - 0.08
    assert least <= by_hand[0] + 1e-9
    assert greatest >= by_hand[1] - 1e-9
    assert least == pytest.approx(by_hand[0], abs=2e-3)


@pytest.mark.property
@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6))
def test_no_point_of_a_dense_grid_lies_beyond(seed):
    rng = np.random.default_rng(seed)
    lower = rng.normal(size=3)
    upper = lower + rng.uniform(0, 3, 3)
    objective = mean_of(rng.uniform(0.02, 1, 3) ** 2)
    found, grid = extremes(objective, lower, upper), on_grid(objective, lower, upper, 25)
    assert found[0] <= grid[0] + 1e-9
    assert found[1] >= grid[1] - 1e-9


@pytest.mark.unit
def test_an_extreme_within_is_found():
    least, greatest = extremes(lambda p: ((p - 0.3) ** 2).sum(axis=1), np.zeros(2), np.ones(2))
    assert least == pytest.approx(0, abs=1e-9)
    assert greatest == pytest.approx(2 * 0.49)


@pytest.mark.unit
def test_a_point_is_evaluated_and_what_is_unknown_passed_over():
    assert extremes(lambda p: p.sum(axis=1), np.array([1.0, 2.0]), np.array([1.0, 2.0])) == (3, 3)
    known = extremes(lambda p: np.where(p[:, 0] > 0.5, np.nan, p[:, 0]), np.zeros(1), np.ones(1))
    assert known == (0, pytest.approx(0.5, abs=1e-4))
    none = extremes(lambda p: np.full(len(p), np.nan), np.zeros(1), np.ones(1))
    assert np.isnan(none).all()


@pytest.mark.unit
def test_many_sides_are_searched_too():
    sides = MOST_CORNERS + 3
    found = extremes(lambda p: p.mean(axis=1), np.zeros(sides), np.ones(sides))
    assert found == (0, 1)
