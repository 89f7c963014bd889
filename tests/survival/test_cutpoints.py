"""Cut-points: by hand, against R, and under the null hypothesis."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resarc.errors import DataError
from resarc.survival.cutpoints import (
    auc,
    direction,
    maximally_selected_logrank,
    maximally_selected_p,
    optimal_cutoff,
    roc,
    roc_then_logrank,
    status_at,
)

DRAWN = [f"drawn{i}" for i in range(1, 7)]


@pytest.mark.unit
def test_status_at_a_horizon_is_not_guessed():
    # Died before, at and after 36; censored before, at and after 36.
    status = status_at([10, 36, 40, 10, 36, 40], [1, 1, 1, 0, 0, 0], 36)
    assert status.tolist() == [True, True, False, pd.NA, False, False]
    assert status.isna().sum() == 1


@pytest.mark.unit
def test_a_curve_that_a_pencil_can_check():
    # Negatives 1, 2, 4; positives 3, 4, 5. Pairs won: 3 > 1, 2; 4 > 1, 2 and ties 4; 5 > all.
    marker, positive = [1, 2, 4, 3, 4, 5], [0, 0, 0, 1, 1, 1]
    assert direction(marker, positive) == "<"
    points = roc(marker, positive)
    assert points["threshold"].tolist() == [-np.inf, 1.5, 2.5, 3.5, 4.5, np.inf]
    np.testing.assert_allclose(points["sensitivity"], [1, 1, 1, 2 / 3, 1 / 3, 0])
    np.testing.assert_allclose(points["specificity"], [0, 1 / 3, 2 / 3, 2 / 3, 1, 1])
    assert auc(marker, positive).value == pytest.approx(7.5 / 9)
    best = optimal_cutoff(marker, positive)
    assert (best.threshold, best.sensitivity) == (2.5, 1)
    # A marker that is lower in the positive: the same curve, mirrored.
    turned = optimal_cutoff([-m for m in marker], positive)
    assert (turned.direction, turned.threshold) == (">", -2.5)
    assert auc(marker, positive, ">").value == pytest.approx(1.5 / 9)


@pytest.mark.unit
def test_ties_of_the_optimum_are_all_named():
    best = optimal_cutoff([1, 2, 3, 4], [0, 1, 0, 1])
    assert best.thresholds == (1.5, 3.5)
    assert best.threshold == 1.5


@pytest.mark.unit
def test_bad_markers_are_refused():
    with pytest.raises(DataError, match="positive"):
        roc([1, 2], [1, 1])
    with pytest.raises(DataError, match="direction"):
        auc([1, 2], [0, 1], "up")
    with pytest.raises(DataError, match="no cut-off"):
        maximally_selected_logrank([1, 2, 3], [1, 1, 1], [5, 5, 5], n_permutations=0)
    with pytest.raises(DataError, match="rng"):
        maximally_selected_logrank([1, 2, 3], [1, 1, 1], [1, 2, 3])
    assert np.isnan(auc([1, 2, 3], [0, 1, 1]).se)
    assert np.isnan(maximally_selected_logrank([1, 2, 3], [0, 0, 0], [1, 2, 3]).statistic)


@pytest.mark.unit
def test_permutation_p_approaches_that_of_every_permutation():
    time, event, marker = np.arange(1.0, 7), [1, 1, 0, 1, 1, 1], [6, 4, 5, 3, 1, 2]
    found = maximally_selected_logrank(
        time, event, marker, n_permutations=20_000, rng=np.random.default_rng(0)
    )
    every = [
        maximally_selected_logrank(time, event, order, n_permutations=0).statistic
        for order in permutations(marker)
    ]
    exact = np.mean(np.array(every) >= found.statistic - 1e-9)
    assert found.p == pytest.approx(exact, abs=4 * np.sqrt(exact / 20_000))


@pytest.mark.unit
def test_approximate_p_of_one_and_of_two_cutoffs():
    from scipy.stats import multivariate_normal, norm

    # One cut-off: a plain two-sided test.
    one = maximally_selected_logrank([1, 2, 3, 4], [1] * 4, [0, 1, 1, 0], n_permutations=0)
    for method in ("exact-gauss", "lau94"):
        assert maximally_selected_p(one, method) == pytest.approx(2 * norm.sf(one.statistic))
    # Two, below which lie 2 and 4 of 6: correlation (2 x 2 / (4 x 4))^(1/2) = 1/2.
    two = maximally_selected_logrank(
        [1, 2, 3, 4, 5, 6], [1] * 6, [3, 3, 2, 2, 1, 1], n_permutations=0
    )
    b = two.statistic
    inside = multivariate_normal([0, 0], [[1, 0.5], [0.5, 1]])
    box = inside.cdf([b, b], lower_limit=[-b, -b])
    assert maximally_selected_p(two) == pytest.approx(1 - box, abs=1e-9)
    t = np.sqrt(3) / 2
    bound = 2 * norm.sf(b) + np.exp(-b * b / 2) / np.pi * (t - (b * b / 4 - 1) * t**3 / 6)
    assert maximally_selected_p(two, "lau94") == pytest.approx(bound)
    # Lau92 between 1/4 and 3/4: the logarithm is that of 9.
    limit = 4 * norm.pdf(b) / b + norm.pdf(b) * (b - 1 / b) * np.log(9)
    assert maximally_selected_p(two, "lau92", 0.25, 0.75) == pytest.approx(min(limit, 1))
    nothing = maximally_selected_logrank([1, 2, 3], [0, 0, 0], [1, 2, 3], n_permutations=0)
    assert np.isnan(maximally_selected_p(nothing))
    with pytest.raises(DataError, match="method"):
        maximally_selected_p(two, "HL")


@pytest.mark.unit
def test_search_keeps_its_level_where_the_best_cut_does_not():
    rng = np.random.default_rng(12)
    p = []
    for _ in range(60):
        time, event, marker = rng.exponential(10, 24), rng.random(24) < 0.7, rng.normal(size=24)
        p.append(maximally_selected_logrank(time, event, marker, n_permutations=199, rng=rng).p)
    assert np.mean(np.array(p) <= 0.2) < 0.36  # 0.2 expected; standard error 0.05


@pytest.mark.unit
def test_roc_recipe_tests_its_own_choice():
    # Dead by 5: markers 6, 7, 8 (three of them); alive: 1, 2, 3, 4; the patient with 5 is censored
    # before 5. The optimum lies between 4 and 6 among those known, so 5.0: that patient is below.
    time, event = [1, 2, 3, 2.5, 6, 7, 8, 9], [1, 1, 1, 0, 0, 1, 0, 1]
    marker = [6, 7, 8, 5, 1, 2, 3, 4]
    found = roc_then_logrank(time, event, marker, 5, rng=np.random.default_rng(4))
    assert found.unknown == 1
    assert found.cutoff.thresholds == (5.0,)
    assert found.naive.groups == (False, True)
    assert found.naive.observed == (2, 3)
    assert found.p > found.naive.p
    assert np.isnan(roc_then_logrank(time, event, marker, 5, n_permutations=0).p)
    with pytest.raises(DataError, match="rng"):
        roc_then_logrank(time, event, marker, 5)


@pytest.mark.unit
def test_roc_recipe_keeps_its_level_where_the_naive_test_does_not():
    rng = np.random.default_rng(8)
    naive, honest = [], []
    for _ in range(80):
        time, event = rng.exponential(10, 30), rng.random(30) < 0.8
        found = roc_then_logrank(time, event, rng.normal(size=30), 8, n_permutations=39, rng=rng)
        naive.append(found.naive.p)
        honest.append(found.p)
    # Of 80 null studies, 0.2 x 80 = 16 honest rejections at 20% are expected, standard deviation 3.6.
    assert np.sum(np.array(honest) <= 0.2) < 28
    assert np.sum(np.array(naive) <= 0.2) > 28


@pytest.mark.parity
@pytest.mark.parametrize("name", DRAWN)
def test_curves_and_cutoffs_equal_r(r, parity, name):
    data, expected = parity.frame(r["drawn"][name]["data"]), r["drawn"][name]["roc"]
    marker, positive = data["marker"], data["positive"]
    assert direction(marker, positive) == expected["direction"]
    points = roc(marker, positive)
    parity.agree(np.sort(points["sensitivity"]), expected["sensitivity"])
    parity.agree(np.sort(points["specificity"]), expected["specificity"])
    area = auc(marker, positive)
    parity.agree(
        [area.value, area.lower, area.upper, area.se],
        [expected["auc"], expected["lower"], expected["upper"], expected["se"]],
    )
    for criterion in ("youden", "closest"):
        best = optimal_cutoff(marker, positive, criterion)
        theirs = expected[criterion]
        parity.agree(sorted(best.thresholds), sorted(parity.values(theirs["threshold"]).tolist()))
        same = np.isclose(best.threshold, parity.values(theirs["threshold"]))
        assert parity.values(theirs["sensitivity"])[same] == pytest.approx(best.sensitivity)
        assert parity.values(theirs["specificity"])[same] == pytest.approx(best.specificity)


@pytest.mark.parity
@pytest.mark.parametrize("name", DRAWN)
def test_maximally_selected_statistic_equals_r(r, parity, name):
    data, expected = parity.frame(r["drawn"][name]["data"]), r["drawn"][name]["maxstat"]
    found = maximally_selected_logrank(
        data["time"], data["event"], data["marker"], n_permutations=0
    )
    parity.agree(found.statistic, expected["statistic"])
    parity.agree(found.cutoff, expected["cutoff"])
    parity.agree(found.candidates["statistic"], expected["statistics"])


@pytest.mark.property
@given(st.lists(st.tuples(st.integers(0, 9), st.booleans()), min_size=2, max_size=20))
def test_area_is_the_share_of_pairs_won(rows):
    marker, positive = (np.array(column) for column in zip(*rows, strict=True))
    if positive.all() or not positive.any():
        return
    pairs = np.subtract.outer(marker[positive], marker[~positive])
    won = (pairs > 0).mean() + (pairs == 0).mean() / 2
    assert auc(marker, positive, "<").value == pytest.approx(won)
    points = roc(marker, positive, "<")
    area = np.trapezoid(points["sensitivity"], points["specificity"])
    assert area == pytest.approx(won)
