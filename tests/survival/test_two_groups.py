"""Cox's model of two groups from counts: by hand, against R, against the general model."""

import json
from math import exp, log, sqrt
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resarc.survival import batch, cox, two_groups

R = json.loads((Path(__file__).parents[1] / "r" / "reanalysis.json").read_text())
DATA = [pd.DataFrame(rows) for rows in R["data"]]


def counts_of(time, event, group, **options):
    order = batch.risk_order(np.atleast_2d(np.asarray(time, float)), np.atleast_2d(event))
    return two_groups.risk_counts(order, np.atleast_2d(np.asarray(group) == 1), **options)


def of_frame(frame, **options):
    return counts_of(frame["time"], frame["event"] == 1, frame["x"], **options)


@pytest.mark.unit
def test_four_patients_by_hand():
    # A dies at 1, B at 2, A at 3, B is censored at 4. Only the deaths at 1, 2 and 3 tell: odds of A
    # among those at risk 2:2, 1:2, 1:1, so the score at 0 is 2 - (1/2 + 1/3 + 1/2).
    counts = counts_of([1, 2, 3, 4], [True, True, True, False], [1, 0, 1, 0])
    assert counts.first.tolist() == [[2, 1, 1, 0]]
    assert counts.second.tolist() == [[2, 2, 1, 0]]
    value = two_groups.log_likelihood(counts, np.zeros(1))
    assert value == pytest.approx(log(1 / 2) + log(2 / 3) + log(1 / 2))
    # With a hazard ratio h the score is 0 where h/(h+1) + h/(h+2) + h/(h+1) = 2: h^2 - h - 4 = 0.
    assert exp(two_groups.fit(counts).beta[0]) == pytest.approx((1 + sqrt(17)) / 2)


@pytest.mark.unit
def test_a_delay_moves_patients_at_risk_from_one_group_to_the_other():
    time, event, group = [1, 2, 3, 4], [True, True, True, True], [0, 1, 0, 1]
    late = counts_of(time, event, group, delay=2.5)
    # The patient of the group who dies at 2 has joined it at the end; before 2.5 nobody else has.
    assert late.first.tolist() == [[0, 1, 1, 1]]
    assert late.second.tolist() == [[4, 2, 1, 0]]
    absent = counts_of(time, event, group, delay=2.5, before="absent")
    assert absent.first.tolist() == [[0, 1, 1, 1]]
    assert absent.second.tolist() == [[2, 1, 1, 0]]
    with pytest.raises(ValueError, match="before"):
        counts_of(time, event, group, before="nowhere")


@pytest.mark.parity
@pytest.mark.parametrize("place", range(len(DATA)))
def test_a_group_that_is_joined_late_equals_r_with_start_and_stop(place):
    for expected in R["delayed"][place]:
        for before in ("second", "absent"):
            counts = of_frame(DATA[place], delay=expected["delay"], before=before)
            found, given_ = two_groups.fit(counts), expected[before]
            assert found.beta[0] == pytest.approx(given_["beta"], abs=1e-6)
            assert found.se[0] == pytest.approx(given_["se"], rel=1e-6)
            at = [two_groups.log_likelihood(counts, b)[0] for b in (np.zeros(1), found.beta)]
            # Deaths while one group alone is at risk add a constant to R's log-likelihood.
            assert at[1] - at[0] == pytest.approx(
                given_["loglik"][1] - given_["loglik"][0], abs=1e-8
            )


@pytest.mark.parity
@pytest.mark.parametrize("place", range(len(DATA)))
def test_proportional_hazards_equal_r(place):
    counts = of_frame(DATA[place])
    p = two_groups.proportional_hazards_p(counts, two_groups.fit(counts))
    assert p[0] == pytest.approx(R["zph"][place], rel=1e-6)


@pytest.mark.parametrize("place", range(len(DATA)))
def test_estimate_and_profile_limits_equal_the_general_model(place):
    frame, counts = DATA[place], of_frame(DATA[place])
    general = cox.cox(frame, "time", "event", ["x"], interval="profile")
    row = general.coefficients.iloc[0]
    found = two_groups.fit(counts)
    lower, upper, p = two_groups.profile(counts, found)
    assert np.exp(found.beta[0]) == pytest.approx(row["hazard_ratio"], rel=1e-8)
    assert found.se[0] == pytest.approx(row["se"], rel=1e-8)
    assert np.exp([lower[0], upper[0]]) == pytest.approx([row["lower"], row["upper"]], rel=1e-7)
    assert p[0] == pytest.approx(general.lr_p, rel=1e-7)
    low, high, wald_p = two_groups.wald(found)
    assert wald_p[0] == pytest.approx(row["p"], rel=1e-7)
    assert low[0] < found.beta[0] < high[0]


@pytest.mark.unit
def test_separation_is_infinite_without_the_penalty_and_finite_with_it():
    counts = counts_of([1, 2, 3, 4, 5, 6], [True] * 3 + [False] * 3, [1, 1, 1, 0, 0, 0])
    plain, firth = two_groups.fit(counts), two_groups.fit(counts, firth=True)
    assert plain.beta[0] == np.inf
    assert np.isnan(two_groups.wald(plain)[0][0])
    lower, upper, p = two_groups.profile(counts, plain)
    assert 0 < lower[0] < upper[0] == np.inf
    assert 0 < firth.beta[0] < 10
    low, high, firth_p = two_groups.profile(counts, firth)
    assert low[0] < firth.beta[0] < high[0] < np.inf
    assert 0 < p[0] < firth_p[0] < 0.2


@pytest.mark.unit
def test_firth_maximises_the_penalised_likelihood():
    counts = of_frame(DATA[0])
    grid = np.linspace(-3, 3, 6001)
    values = [two_groups.log_likelihood(counts, np.array([b]), firth=True)[0] for b in grid]
    best = grid[int(np.argmax(values))]
    assert two_groups.fit(counts, firth=True).beta[0] == pytest.approx(best, abs=1e-3)


@pytest.mark.unit
def test_without_an_informative_death_there_is_no_estimate():
    nobody = counts_of([1, 2, 3], [False, False, False], [0, 1, 0])
    alone = counts_of([1, 2, 3], [True, True, True], [1, 1, 1])
    for counts in (nobody, alone):
        found = two_groups.fit(counts)
        assert np.isnan(found.beta[0])
        assert np.isnan(two_groups.profile(counts, found)).all()
        assert np.isnan(two_groups.fit(counts, firth=True).beta[0])


@pytest.mark.property
@settings(max_examples=40)
@given(
    rows=st.lists(
        st.tuples(st.integers(0, 12), st.booleans(), st.integers(0, 1)), min_size=2, max_size=14
    )
)
def test_turning_the_groups_round_turns_the_sign(rows):
    time, event, group = (np.array(column) for column in zip(*rows, strict=True))
    one = counts_of(time, event, group)
    other = counts_of(time, event, 1 - group)
    for firth in (False, True):
        first, second = (two_groups.fit(c, firth=firth) for c in (one, other))
        assert first.beta == pytest.approx(-second.beta, abs=1e-7, nan_ok=True)
        a, b = (two_groups.profile(c, f) for c, f in ((one, first), (other, second)))
        assert a[0] == pytest.approx(-b[1], abs=1e-6, nan_ok=True)
