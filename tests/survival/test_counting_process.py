"""Cox's model of start-stop rows: by hand, and equal to the plain model where that applies."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resarc.errors import DataError
from resarc.survival.counting_process import cox_intervals, episodes
from resarc.survival.cox import cox


def fit(frame, *covariates, **settings):
    return cox_intervals(frame, "start", "stop", "event", covariates, **settings)


@pytest.mark.unit
def test_late_entry_that_a_pencil_can_check():
    # A (x = 1) dies at 1, B (0) at 3, C (1) enters at 2 and dies at 4, D (0) lives to 5.
    # L = h/(h + 2) x 1/(h + 2) x h/(h + 1), so 2/h = 2/(h + 2) + 1/(h + 1): h^2 - 2h - 4 = 0.
    frame = pd.DataFrame(
        {"start": [0, 0, 2, 0], "stop": [1, 3, 4, 5], "event": [1, 1, 1, 0], "x": [1, 0, 1, 0]}
    )
    found = fit(frame, "x")
    h = 1 + np.sqrt(5)
    assert found.coefficients["hazard_ratio"].item() == pytest.approx(h, rel=1e-9)
    assert found.log_likelihood == pytest.approx(np.log(h**2 / ((h + 2) ** 2 * (h + 1))))
    assert found.null_log_likelihood == pytest.approx(np.log(1 / 18))
    assert (found.n, found.events, found.problem) == (4, 3, "")


@pytest.mark.unit
def test_treatment_counts_from_the_day_it_is_given():
    frame = pd.DataFrame(
        {
            "time": [10, 10, 10, 10, 10, 0],
            "event": [1, 1, 1, 0, 1, 1],
            "treated": [4, np.nan, 0, 12, 10, 3],
        },
        index=list("abcdef"),
    )
    rows = episodes(frame, "time", "event", "treated", "after")
    assert rows.index.tolist() == ["a", "a", "b", "c", "d", "e"]  # f has no follow-up
    assert rows["start"].tolist() == [0, 4, 0, 0, 0, 0]
    assert rows["stop"].tolist() == [4, 10, 10, 10, 10, 10]
    assert rows["event"].tolist() == [False, True, True, True, False, True]
    assert rows["after"].tolist() == [0, 1, 0, 1, 0, 0]
    with pytest.raises(DataError, match="'start'"):
        episodes(frame.assign(start=1), "time", "event", "treated", "after")


@pytest.mark.unit
def test_immortal_time_makes_a_treatment_without_effect_look_good():
    rng = np.random.default_rng(3)
    n = 3000
    time, given = rng.exponential(12, n), rng.exponential(12, n)
    frame = pd.DataFrame({"time": time, "event": 1, "given": np.where(given < time, given, np.nan)})
    frame["ever"] = frame["given"].notna() * 1.0
    ever = cox(frame, "time", "event", ["ever"]).coefficients.loc[0]
    rows = episodes(frame, "time", "event", "given", "after")
    honest = fit(rows, "after").coefficients.loc[0]
    assert ever["upper"] < 0.7
    assert abs(honest["log_hr"]) < 3 * honest["se"]


@pytest.mark.unit
def test_no_answer_says_why():
    frame = pd.DataFrame({"start": 0, "stop": [1, 2, 3, 4, 5], "event": 1, "x": [1, 1, 1, 0, 0]})
    separated = fit(frame, "x")
    assert separated.separated
    assert "hazard ratio infinite" in separated.problem
    assert separated.coefficients["hazard_ratio"].item() == np.inf
    assert fit(frame.assign(event=0), "x").problem == "no events"
    assert fit(frame.assign(x=2), "x").problem == "constant covariate: x"
    twice = fit(frame.assign(x=[0, 1, 1, 0, 1], y=[0, 2, 2, 0, 2]), "x", "y")
    assert "determine each other" in twice.problem
    with pytest.raises(DataError, match="row 2"):
        fit(frame.assign(start=[0, 0, 3, 0, 0]), "x")
    with pytest.raises(DataError, match=r"x\[1\]"):
        fit(frame.assign(x=[1, np.nan, 0, 0, 1]), "x")
    with pytest.raises(DataError, match="ties"):
        fit(frame, "x", ties="exact")


@st.composite
def cohorts(draw):
    n = draw(st.integers(4, 16))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return pd.DataFrame(
        {
            "start": 0.0,
            "stop": rng.integers(1, draw(st.sampled_from([5, 1000])), n).astype(float),
            "event": rng.random(n) < 0.7,
            "x": rng.integers(0, 2, n) * 1.0,
            "z": rng.normal(size=n).round(2),
            "stratum": rng.integers(0, 2, n),
            "id": np.arange(n),
        }
    )


@pytest.mark.property
@settings(max_examples=60, deadline=None)
@given(cohorts(), st.sampled_from(["efron", "breslow"]), st.sampled_from([None, "stratum"]))
def test_without_late_entry_it_is_the_plain_model(frame, ties, strata):
    names = ["x", "z"]
    plain = cox(frame, "stop", "event", names, strata, ties=ties, cluster="id")
    found = fit(frame, *names, ties=ties, strata=strata, cluster="id")
    assert found.problem == plain.problem
    assert found.log_likelihood == pytest.approx(plain.log_likelihood, abs=1e-7)
    if plain.converged:
        for column in ("log_hr", "se"):
            ours, theirs = found.coefficients[column], plain.coefficients[column]
            np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_a_likelihood_that_grows_for_ever_ends_at_1(ties):
    """Coefficients run away, and rounding once brought the likelihood beyond what there is."""
    frame = pd.DataFrame(
        {"stop": [3.0, 4, 1, 4, 2], "event": True, "x": [1.0, 0, 0, 0, 1]}
        | {"z": [0.27, -1.23, -0.96, 1.60, 0.19], "stratum": [1, 1, 0, 0, 1]}
    )
    found = cox(frame, "stop", "event", ["x", "z"], "stratum", ties=ties)
    assert "monotone" in found.problem
    assert -1e-7 < found.log_likelihood <= 0


@pytest.mark.property
@settings(max_examples=40, deadline=None)
@given(cohorts(), st.integers(0, 2**32 - 1))
def test_cutting_follow_up_changes_nothing(frame, seed):
    rng = np.random.default_rng(seed)
    frame = frame.assign(cut=(frame["stop"] * rng.uniform(0.1, 0.9, len(frame))))
    early = frame.assign(stop=frame["cut"], event=False)
    late = frame.assign(start=frame["cut"])
    rows = pd.concat([early, late])
    whole, cut = fit(frame, "x", cluster="id"), fit(rows, "x", cluster="id")
    assert cut.converged == whole.converged
    if whole.converged:
        np.testing.assert_allclose(
            cut.coefficients[["log_hr", "se"]], whole.coefficients[["log_hr", "se"]], rtol=1e-6
        )
