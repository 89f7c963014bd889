"""Log-rank tests: by hand, against R and lifelines, and for any data."""

from __future__ import annotations

from itertools import combinations, permutations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resarc.errors import DataError
from resarc.survival.cox import cox
from resarc.survival.logrank import exact_logrank, logrank, logrank_scores, trend

DRAWN = [f"drawn{i}" for i in range(1, 7)]


@pytest.mark.unit
def test_a_statistic_that_a_pencil_can_check():
    # a dies at 1 and 2; b dies at 3 and is censored at 4.
    # Expected in a: 2/4 + 1/3 + 0/2 = 5/6; observed 2.
    # Variance: 1/2 x 1/2 + 1/3 x 2/3 = 17/36, so chi2 = (7/6)^2 / (17/36) = 49/17.
    found = logrank([1, 2, 3, 4], [1, 1, 1, 0], ["a", "a", "b", "b"])
    assert found.statistic == pytest.approx(49 / 17)
    assert found.df == 1
    assert found.groups == ("a", "b")
    assert found.observed == (2, 1)
    assert found.expected == pytest.approx((5 / 6, 13 / 6))


@pytest.mark.unit
def test_weights_that_a_pencil_can_check():
    # As above; number at risk 4, 3, 2 as weights: O - E of a is 4/2 + 3 x 2/3 + 0 = 4, and the
    # variance is 16/4 + 9 x 2/9 = 6.
    data = [1, 2, 3, 4], [1, 1, 1, 0], ["a", "a", "b", "b"]
    assert logrank(*data, "wilcoxon").statistic == pytest.approx(16 / 6)
    # Pooled S just before each death: 1, 3/4, 1/2. O - E = 1/2 + 3/4 x 2/3 = 1; variance
    # 1/4 + 9/16 x 2/9 = 3/8.
    found = logrank(*data, ("fleming-harrington", 1, 0))
    assert found.statistic == pytest.approx(8 / 3)


@pytest.mark.unit
@pytest.mark.parametrize(
    ("time", "event", "group"),
    [
        ([1, 2, 3], [0, 0, 0], [0, 1, 1]),  # nobody died
        ([1, 2, 3], [1, 1, 0], [0, 0, 0]),  # one group
        ([1, 2, 3], [0, 1, 1], [0, 1, 1]),  # a group censored before the first death
        ([2, 2, 2], [1, 1, 1], [0, 1, 1]),  # all die at once
        ([1], [1], [0]),
    ],
)
def test_no_answer_is_nan(time, event, group):
    found = logrank(time, event, group)
    assert found.df == 0
    assert np.isnan(found.statistic)
    assert np.isnan(found.p)
    assert np.isnan(trend(time, event, group).p)


@pytest.mark.unit
def test_a_group_never_at_risk_at_a_death_takes_no_degree_of_freedom():
    time, event, group = [0.5, 1, 2, 3, 4], [0, 1, 1, 1, 0], [2, 0, 0, 1, 1]
    found = logrank(time, event, group)
    assert found.df == 1
    assert found.statistic == pytest.approx(49 / 17)
    assert found.expected[2] == 0


@pytest.mark.unit
def test_trend_of_two_groups_is_the_logrank_test():
    data = [1, 2, 3, 4], [1, 1, 1, 0], ["a", "a", "b", "b"]
    assert trend(*data).statistic == pytest.approx(49 / 17)
    assert trend(*data).detail("direction") == -1  # b, the higher score, lives longer
    assert trend(*data, scores=[5, 2]).detail("direction") == 1
    assert np.isnan(trend(*data, scores=[3, 3]).p)


@pytest.mark.unit
def test_exact_p_counts_every_arrangement():
    # Six deaths in order; scores fall from 5/6 to 5/6 - ..., and only {1,2,3} against {4,5,6} and
    # its mirror image are as extreme: 2 of 20.
    found = exact_logrank([1, 2, 3, 4, 5, 6], [1] * 6, [0, 0, 0, 1, 1, 1])
    assert found.p == pytest.approx(2 / 20)
    assert found.detail("exact")
    assert found.detail("arrangements") == 20


@pytest.mark.unit
def test_permutations_are_reproducible_and_need_a_generator():
    data = np.arange(1.0, 61), [1, 0, 1] * 20, list("abc") * 20
    with pytest.raises(DataError, match="rng"):
        exact_logrank(*data)
    one = exact_logrank(*data, n_permutations=199, rng=np.random.default_rng(1))
    two = exact_logrank(*data, n_permutations=199, rng=np.random.default_rng(1))
    assert one == two
    assert one.p >= 1 / 200
    assert one.detail("monte_carlo_error") == pytest.approx(np.sqrt(one.p * (1 - one.p) / 199))


@pytest.mark.unit
def test_a_small_group_beside_a_large_one_is_counted():
    # The first two of 60 patients to die, of 1770 pairs: their scores are the two highest, so no
    # other pair is as extreme above; below, the last two would have to be.
    found = exact_logrank(np.arange(1.0, 61), [1] * 60, [0, 0] + [1] * 58)
    scores = logrank_scores(np.arange(1.0, 61), np.ones(60, bool))
    pairs = np.add.outer(scores, scores)[np.triu_indices(60, 1)]
    assert found.detail("exact")
    assert found.detail("arrangements") == 1770
    assert found.p == pytest.approx((np.abs(pairs) >= scores[:2].sum() - 1e-9).mean())


@pytest.mark.unit
def test_three_groups_are_counted_one_by_one():
    time, event, group = [1, 2, 3, 4, 5, 6], [1, 1, 1, 0, 1, 1], list("aabbcc")
    found = exact_logrank(time, event, group)
    scores = logrank_scores(np.array(time, dtype=float), np.array(event, dtype=bool))
    every = []
    for order in set(permutations(group)):
        sums = [scores[np.array(order) == g].sum() for g in "abc"]
        every.append(sum(v * v / 2 for v in sums))
    ours = sum(scores[np.array(group) == g].sum() ** 2 / 2 for g in "abc")
    assert found.detail("arrangements") == len(every) == 90
    assert found.detail("monte_carlo_error") == 0
    assert found.p == pytest.approx((np.array(every) >= ours - 1e-9).mean())


@pytest.mark.unit
def test_bad_groups_and_settings_are_named():
    with pytest.raises(DataError, match=r"group\[1\]"):
        logrank([1, 2], [1, 1], ["a", None])
    with pytest.raises(DataError, match="group"):
        logrank([1, 2], [1, 1], ["a"])
    with pytest.raises(DataError, match="weights"):
        logrank([1, 2], [1, 1], ["a", "b"], "gehan")
    with pytest.raises(DataError, match="scores"):
        trend([1, 2], [1, 1], ["a", "b"], [1, 2, 3])


@pytest.mark.parity
@pytest.mark.parametrize("name", DRAWN)
def test_tests_equal_r(r, parity, name):
    data = parity.frame(r["drawn"][name]["data"])
    time, event = data["time"], data["event"]
    found = {
        "logrank": logrank(time, event, data["group"]),
        "two": logrank(time, event, data["x"]),
        "peto": logrank(time, event, data["group"], ("fleming-harrington", 1, 0)),
        "stratified": logrank(time, event, data["group"], strata=data["stratum"]),
    }
    for kind, expected in r["drawn"][name]["logrank"].items():
        parity.agree(found[kind].statistic, expected["chi2"])
        parity.agree(found[kind].df, expected["df"])
        parity.agree(found[kind].observed, expected["observed"])
        parity.agree(found[kind].expected, expected["expected"])


@pytest.mark.parity
@pytest.mark.parametrize("weights", [None, "wilcoxon", "tarone-ware", "peto"])
def test_weights_equal_lifelines(r, parity, weights):
    from lifelines.statistics import multivariate_logrank_test

    for name in DRAWN:
        data = parity.frame(r["drawn"][name]["data"])
        theirs = multivariate_logrank_test(
            data["time"], data["group"], data["event"], weightings=weights
        )
        found = logrank(data["time"], data["event"], data["group"], weights)
        assert found.statistic == pytest.approx(theirs.test_statistic, rel=1e-9)
        assert found.p == pytest.approx(theirs.p_value, rel=1e-9)


@pytest.mark.parity
def test_waltons_equals_r(r):
    from lifelines.datasets import load_waltons

    data = load_waltons()
    assert logrank(data["T"], data["E"], data["group"]).statistic == pytest.approx(r["waltons"])


cohorts = st.lists(
    st.tuples(st.integers(0, 6), st.booleans(), st.sampled_from("ab")), min_size=2, max_size=10
)


@pytest.mark.property
@given(cohorts)
def test_exact_p_equals_brute_force(rows):
    time, event, group = (np.array(column) for column in zip(*rows, strict=True))
    found = exact_logrank(time, event, group)
    scores = logrank_scores(time.astype(float), event)
    assert scores.sum() == pytest.approx(0, abs=1e-12)
    first = group == "a"
    if not 0 < first.sum() < first.size or np.abs(scores).max() < 1e-9:
        assert np.isnan(found.p)
        return
    excess = abs(scores[first].sum())
    every = [
        abs(scores[list(chosen)].sum()) >= excess - 1e-9
        for chosen in combinations(range(first.size), int(first.sum()))
    ]
    assert found.p == pytest.approx(np.mean(every))
    assert found.detail("arrangements") == len(every)
    # Observed less expected is the same in both tests: only the variance differs.
    assert found.expected == pytest.approx(logrank(time, event, group).expected)


@pytest.mark.property
@given(cohorts)
def test_only_the_order_of_times_matters(rows):
    time, event, group = (np.array(column) for column in zip(*rows, strict=True))
    one, two = logrank(time, event, group), logrank(np.exp(time), event, group)
    np.testing.assert_equal(one.statistic, two.statistic)


def score_of(days, died, treated, ties):
    frame = pd.DataFrame({"days": days, "died": died, "treated": np.array(treated, dtype=float)})
    return cox(frame, "days", "died", ["treated"], ties=ties).score_statistic


@pytest.mark.property
@settings(max_examples=100, deadline=None)
@given(
    patients=st.lists(
        st.tuples(st.integers(1, 4), st.booleans(), st.booleans()), min_size=4, max_size=14
    )
)
def test_the_score_test_of_cox_is_a_log_rank_test_by_two_ways_with_ties(patients):
    """At a ratio of 1 the discrete likelihood's deaths of a day are drawn without replacement, as the
    hypergeometric variance has them, Breslow's with (Cox, JRSS B 1972;34:187, section 6)."""
    days, died, treated = (list(part) for part in zip(*patients, strict=True))
    for ties, variance in (("exact", "hypergeometric"), ("breslow", "binomial")):
        score = score_of(days, died, treated, ties)
        tested = logrank(days, died, treated, variance=variance).statistic
        if np.isfinite(score):
            assert score == pytest.approx(tested, rel=1e-9, abs=1e-12)


@pytest.mark.unit
def test_the_score_test_by_efrons_ties_is_neither_log_rank_test():
    # On day 1 both treated of four die: by Efron the second death sees half of each of them gone.
    days, died, treated = [1, 1, 2, 3], [True] * 4, [True, True, False, False]
    apart = [1, 2, 3, 4]
    for ties in ("efron", "breslow", "exact"):
        expected = logrank(apart, died, treated).statistic
        assert score_of(apart, died, treated, ties) == pytest.approx(expected)
    # U = (1 - 2/4) + (1 - 1/3) = 7/6, its variance 1/4 + 2/9 = 17/36.
    assert score_of(days, died, treated, "efron") == pytest.approx(49 / 17)
    # O - E = 2 - 2 x 1/2 = 1, its variance 2 x 1/4 x 2/3, or 2 x 1/4.
    assert logrank(days, died, treated).statistic == pytest.approx(3)
    assert logrank(days, died, treated, variance="binomial").statistic == pytest.approx(2)
