"""Firth's penalised Cox model: by hand, under separation, and by its defining equations."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resarc.errors import DataError
from resarc.survival.cox import cox
from resarc.survival.firth import firth_cox
from resarc.survival.partial_likelihood import of_intervals

CHI2 = 3.841458820694124


def fit(frame, *covariates, **settings):
    return firth_cox(frame, "time", "event", covariates, **settings)


@pytest.mark.unit
def test_an_estimate_that_a_pencil_can_check():
    # x = 1 dies before x = 0: L = h/(1 + h), information h/(1 + h)^2, so the penalised likelihood
    # is h^(3/2)/(1 + h)^2, greatest where 3/2 = 2h/(1 + h): h = 3. At h = 1 it is 1/4.
    found = fit(pd.DataFrame({"time": [1, 2], "event": [1, 1], "x": [1, 0]}), "x")
    row = found.coefficients.iloc[0]
    assert row["hazard_ratio"] == pytest.approx(3, rel=1e-9)
    assert row["se"] == pytest.approx(np.sqrt(16 / 3), rel=1e-9)
    best = np.log(3**1.5 / 16)
    assert found.log_likelihood == pytest.approx(best)
    assert found.null_log_likelihood == pytest.approx(np.log(1 / 4))
    assert found.lr_statistic == pytest.approx(2 * (best + np.log(4)))
    assert row["z"] == pytest.approx(np.sqrt(found.lr_statistic))
    assert row["p"] == pytest.approx(found.lr_p)
    for h in (row["lower"], row["upper"]):
        assert 2 * (best - np.log(h**1.5 / (1 + h) ** 2)) == pytest.approx(CHI2, rel=1e-8)
    assert (found.converged, found.separated, found.problem) == (True, False, "")


@pytest.mark.unit
def test_separation_has_a_finite_answer():
    frame = pd.DataFrame({"time": [1, 2, 3, 4, 5], "event": [1, 1, 1, 0, 0], "x": [1, 1, 1, 0, 0]})
    assert cox(frame, "time", "event", ["x"]).separated
    row = fit(frame, "x").coefficients.iloc[0]
    assert 1 < row["hazard_ratio"] < row["upper"] < np.inf
    assert row["lower"] < 1 < row["upper"]
    assert row["p"] > 0.05


@pytest.mark.unit
def test_no_answer_says_why():
    frame = pd.DataFrame({"time": [1, 2, 3, 4], "event": 1, "x": [0, 1, 1, 0]})
    assert fit(frame.assign(event=0), "x").problem == "no events"
    assert fit(frame.assign(x=1), "x").problem == "constant covariate: x"
    twice = fit(frame.assign(y=frame["x"] * 2), "x", "y")
    assert "determine each other" in twice.problem
    assert twice.coefficients["log_hr"].isna().all()
    assert np.isnan(twice.lr_p)
    assert fit(pd.DataFrame({"time": [5], "event": [1], "x": [1]}), "x").problem
    with pytest.raises(DataError, match=r"x\[0\]"):
        fit(frame.assign(x=[np.nan, 1, 1, 0]), "x")
    with pytest.raises(DataError, match="ties"):
        fit(frame, "x", ties="exact")


@st.composite
def cohorts(draw):
    n = draw(st.integers(5, 20))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return pd.DataFrame(
        {
            "time": rng.integers(1, draw(st.sampled_from([5, 1000])), n).astype(float),
            "event": rng.random(n) < draw(st.sampled_from([0.3, 0.8])),
            "x": rng.integers(0, 2, n) * 1.0,
            "z": rng.normal(size=n).round(2),
        }
    )


def penalised(frame, beta):
    n = len(frame)
    likelihood = of_intervals(
        np.full(n, -1.0),
        frame["time"].to_numpy(),
        frame["event"].to_numpy(),
        frame[["x", "z"]].to_numpy(),
        np.zeros(n, int),
    )
    value, _, information = likelihood.evaluate(np.asarray(beta, dtype=float)[None])
    return float(value[0] + np.linalg.slogdet(information[0])[1] / 2)


@pytest.mark.property
@settings(max_examples=20, deadline=None)
@given(cohorts())
def test_it_is_the_maximum_and_its_limits_are_where_the_profile_has_fallen(frame):
    found = fit(frame, "x", "z")
    if not found.converged:
        assert found.problem
        return
    beta = found.coefficients["log_hr"].to_numpy()
    best = penalised(frame, beta)
    assert best == pytest.approx(found.log_likelihood, abs=1e-9)
    for step in (1e-3, 1e-2, 0.3):
        for move in ((step, 0), (-step, 0), (0, step), (0, -step)):
            assert penalised(frame, beta + move) <= best + 1e-10
    # At the limit the other coefficient is refitted. In so few patients there may be two hills: the
    # limit lies on one of them.
    upper = np.log(found.coefficients.loc[0, "upper"])
    grid = beta[1] + found.coefficients.loc[1, "se"] * np.linspace(-25, 25, 1251)
    values = np.array([penalised(frame, (upper, z)) for z in grid])
    hills = [  # the vertex of the parabola through the three highest points
        v - (u - w) ** 2 / (8 * (u - 2 * v + w))
        for u, v, w in zip(values, values[1:], values[2:], strict=False)
        if u < v > w and np.isfinite(u + w)
    ]
    assert np.abs(2 * (best - np.array(hills)) - CHI2).min() < 1e-3


@pytest.mark.property
@settings(max_examples=30, deadline=None)
@given(cohorts(), st.floats(0.01, 100), st.floats(-50, 50))
def test_units_and_origin_of_a_covariate_do_not_matter(frame, unit, origin):
    one, two = fit(frame, "z"), fit(frame.assign(z=frame["z"] * unit + origin), "z")
    assert one.converged == two.converged
    if one.converged:
        a, b = one.coefficients.iloc[0], two.coefficients.iloc[0]
        assert b["log_hr"] * unit == pytest.approx(a["log_hr"], rel=1e-5, abs=1e-7)
        assert b["p"] == pytest.approx(a["p"], rel=1e-5, abs=1e-7)
        assert np.log(b["upper"]) * unit == pytest.approx(np.log(a["upper"]), rel=1e-5, abs=1e-6)


@pytest.mark.unit
def test_many_events_leave_little_of_the_penalty():
    rng = np.random.default_rng(0)
    x = rng.integers(0, 2, 800) * 1.0
    frame = pd.DataFrame({"time": rng.exponential(1 / np.exp(0.5 * x)), "event": 1, "x": x})
    ours = fit(frame, "x").coefficients.iloc[0]
    theirs = cox(frame, "time", "event", ["x"], interval="profile").coefficients.iloc[0]
    for column in ("log_hr", "lower", "upper"):
        assert ours[column] == pytest.approx(theirs[column], rel=5e-3)
