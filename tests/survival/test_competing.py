"""Competing risks: by hand, and where they reduce to what is tested elsewhere."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resarc.errors import DataError
from resarc.survival.competing import cumulative_incidence, fine_gray, gray_test, incidence_at
from resarc.survival.cox import cox
from resarc.survival.kaplan_meier import curve
from resarc.survival.logrank import logrank


@pytest.mark.unit
def test_an_incidence_that_a_pencil_can_check():
    # Of four, one dies of 1 at 1, one of 2 at 2, one of 1 at 3; the last is censored at 4.
    # F1: 1/4, then + 1/2 x 1/2. F2: 3/4 x 1/3. Event-free at the end: 1/4.
    found = cumulative_incidence([1, 2, 3, 4], [1, 2, 1, 0])
    np.testing.assert_allclose(found["incidence"], [0, 1 / 4, 1 / 4, 1 / 2, 1 / 2])
    np.testing.assert_allclose(found["free"], [1, 3 / 4, 1 / 2, 1 / 4, 1 / 4])
    other = cumulative_incidence([1, 2, 3, 4], [1, 2, 1, 0], of=2)
    np.testing.assert_allclose(other["incidence"], [0, 0, 1 / 4, 1 / 4, 1 / 4])
    # Nobody censored by 3: the binomial error, 1/2 x 1/2 / 4.
    assert found["std_error"].iloc[3] == pytest.approx(np.sqrt(1 / 16))
    # Aalen: an event of 1 counts (1 + (F(u) - F) / S(u))^2, S the event-free share before squared,
    # over n^2. At 3: (1 - (1/4) / (3/4))^2 / 16 + (1/4 / (1/2))^2 (3/4)^2 / 9 + (1/2)^2 / 4.
    aalen = cumulative_incidence([1, 2, 3, 4], [1, 2, 1, 0], variance="aalen")
    assert aalen["std_error"].iloc[3] ** 2 == pytest.approx(1 / 36 + 1 / 64 + 1 / 16)
    at = incidence_at(found, [0.5, 3, 9])
    np.testing.assert_allclose(at["incidence"], [0, 1 / 2, np.nan])
    assert at.loc[0, ["lower", "upper"]].tolist() == [0, 0]


@pytest.mark.unit
def test_limits_that_a_pencil_can_check():
    found = cumulative_incidence([1, 2, 3, 4], [1, 2, 1, 0]).iloc[3]
    z = 1.959963984540054
    # log-log: F^exp(+- z se / (F log F)), F = 1/2 and se = 1/4.
    width = z * 0.25 / (0.5 * np.log(2))
    assert found["lower"] == pytest.approx(0.5 ** np.exp(width))
    assert found["upper"] == pytest.approx(0.5 ** np.exp(-width))
    plain = cumulative_incidence([1, 2, 3, 4], [1, 2, 1, 0], interval="plain").iloc[3]
    assert plain["lower"] == pytest.approx(0.5 - z * 0.25)


@pytest.mark.unit
def test_gray_scores_that_a_pencil_can_check():
    # a: cause 1 at 1, cause 2 at 2; b: cause 1 at 3, censored at 4. Risk sets of cause 1 (at risk
    # over event-free, times not yet with the cause): at 1 a 2, b 2; at 3 a 0, b 2: a's patient who
    # died of 2 leaves nobody at risk in a. Expected in a: 1/2.
    found = gray_test([1, 2, 3, 4], [1, 2, 1, 0], list("aabb"))
    assert found.observed == (1, 1)
    assert found.expected == pytest.approx((1 / 2, 3 / 2))
    # With one more in a, alive at 5: event-free in a 1/3 after 2, so at 3 its risk set is
    # 1/(1/3) x 2/3 = 2 of 4.
    found = gray_test([1, 2, 5, 3, 4], [1, 2, 0, 1, 0], list("aaabb"))
    assert found.expected == pytest.approx((3 / 5 + 2 / 4, 2 / 5 + 2 / 4))


@pytest.mark.unit
@pytest.mark.parametrize(
    ("time", "cause", "group"),
    [
        ([1, 2, 3], [0, 0, 0], [0, 1, 1]),  # no events
        ([1, 2, 3], [2, 2, 0], [0, 1, 1]),  # only the other cause
        ([1, 2, 3], [1, 1, 0], [0, 0, 0]),  # one group
        ([1, 2, 3], [0, 1, 1], [0, 1, 1]),  # a group censored before the first event
        ([1], [1], [0]),
    ],
)
def test_no_answer_is_nan(time, cause, group):
    found = gray_test(time, cause, group)
    assert np.isnan(found.p)
    assert found.df == 0


@pytest.mark.unit
def test_edge_cases():
    alone = cumulative_incidence([5], [1])
    assert alone["incidence"].tolist() == [0, 1]
    nobody = cumulative_incidence([1, 2], [0, 0])
    assert nobody["incidence"].tolist() == [0, 0, 0]
    assert nobody["upper"].tolist() == [0, 0, 0]
    assert incidence_at(alone, [9])["incidence"].item() == 1
    at_zero = cumulative_incidence([0, 0, 1, 2], [1, 0, 2, 0])
    assert at_zero["incidence"].iloc[0] == 1 / 4
    for cause, of, text in (([1, -1], 1, r"cause\[1\]"), ([1, 0.5], 1, "cause"), ([1, 0], 0, "of")):
        with pytest.raises(DataError, match=text):
            cumulative_incidence([1, 2], cause, of)
    with pytest.raises(DataError, match="landmarks"):
        incidence_at(alone, [-1])
    frame = pd.DataFrame({"time": [1, 2, 3, 4], "cause": [1, 2, 1, 0], "x": [1, 1, 0, 0]})
    assert (
        fine_gray(frame.assign(cause=[0, 2, 2, 0]), "time", "cause", ["x"]).problem == "no events"
    )
    assert "constant" in fine_gray(frame.assign(x=1), "time", "cause", ["x"]).problem
    separated = fine_gray(frame.assign(cause=[1, 1, 2, 0]), "time", "cause", ["x"])
    assert separated.separated
    assert separated.coefficients["hazard_ratio"].item() == np.inf


@st.composite
def cohorts(draw, causes=(0, 1, 2)):
    n = draw(st.integers(4, 25))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return pd.DataFrame(
        {
            "time": rng.integers(0, draw(st.sampled_from([5, 1000])), n).astype(float),
            "cause": rng.choice(causes, n),
            "x": rng.normal(size=n).round(2),
            "group": rng.integers(0, 3, n),
        }
    )


@pytest.mark.property
@given(cohorts())
def test_causes_and_nothing_add_up_to_one(frame):
    one, two = (cumulative_incidence(frame["time"], frame["cause"], of) for of in (1, 2))
    np.testing.assert_allclose(one["incidence"] + two["incidence"] + one["free"], 1)
    assert (np.diff(one["incidence"]) >= 0).all()
    known = one["lower"].notna()
    assert (one["lower"][known] <= one["incidence"][known] + 1e-12).all()
    assert (one["upper"][known] >= one["incidence"][known] - 1e-12).all()


@pytest.mark.property
@given(cohorts(causes=(0, 1)))
def test_one_cause_is_kaplan_meier(frame):
    found = cumulative_incidence(frame["time"], frame["cause"])
    steps = curve(frame["time"], frame["cause"])
    np.testing.assert_allclose(found["incidence"], 1 - steps["survival"], atol=1e-12)
    known = steps["std_error"].notna()
    np.testing.assert_allclose(
        found["std_error"][known] ** 2, steps["std_error"][known] ** 2, atol=1e-12
    )


@pytest.mark.property
@given(cohorts(causes=(1, 2)))
def test_without_censoring_the_error_is_binomial(frame):
    found = cumulative_incidence(frame["time"], frame["cause"])
    f = found["incidence"]
    np.testing.assert_allclose(found["std_error"] ** 2, f * (1 - f) / len(frame), atol=1e-12)
    aalen = cumulative_incidence(frame["time"], frame["cause"], variance="aalen")
    np.testing.assert_allclose(aalen["incidence"], f)


@pytest.mark.property
@given(cohorts(causes=(0, 1)))
def test_with_one_cause_grays_scores_are_those_of_the_logrank_test(frame):
    ours = gray_test(frame["time"], frame["cause"], frame["group"])
    theirs = logrank(frame["time"], frame["cause"], frame["group"])
    assert ours.observed == pytest.approx(theirs.observed)
    assert ours.expected == pytest.approx(theirs.expected)


@pytest.mark.property
@settings(max_examples=40, deadline=None)
@given(cohorts(causes=(0, 1)))
def test_with_one_cause_fine_gray_is_cox(frame):
    ours = fine_gray(frame, "time", "cause", ["x"])
    theirs = cox(frame, "time", "cause", ["x"], ties="breslow", robust=True)
    assert ours.problem == theirs.problem
    if theirs.converged:
        found = ours.coefficients[["log_hr", "se"]]
        np.testing.assert_allclose(
            found, theirs.coefficients[["log_hr", "se"]], rtol=1e-5, atol=1e-7
        )


@pytest.mark.property
@settings(max_examples=40, deadline=None)
@given(cohorts(causes=(1, 2)))
def test_without_censoring_the_others_stay_at_risk_for_ever(frame):
    ours = fine_gray(frame, "time", "cause", ["x"])
    kept = frame.assign(
        time=frame["time"].where(frame["cause"] == 1, 1e6), event=frame["cause"] == 1
    )
    theirs = cox(kept, "time", "event", ["x"], ties="breslow", robust=True)
    assert ours.problem == theirs.problem
    if theirs.converged:
        found = ours.coefficients[["log_hr", "se"]]
        np.testing.assert_allclose(
            found, theirs.coefficients[["log_hr", "se"]], rtol=1e-5, atol=1e-7
        )
