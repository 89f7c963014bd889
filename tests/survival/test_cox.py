"""Cox regression and its tests: by hand, against R and lifelines, and for any data."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resarc.errors import DataError
from resarc.survival.cox import TRANSFORMS, cox, interaction_p, proportional_hazards
from resarc.survival.logrank import logrank

DRAWN = [f"drawn{i}" for i in range(1, 7)]
ROSSI = ["fin", "age", "race", "wexp", "mar", "paro", "prio"]


def cohort(time, event, **covariates) -> pd.DataFrame:
    return pd.DataFrame({"time": time, "event": event, **covariates})


def fit(frame, *covariates, **settings):
    return cox(frame, "time", "event", covariates, **settings)


@pytest.mark.unit
def test_an_estimate_that_a_pencil_can_check():
    # Deaths at 1..4 with x = 0, 1, 1, 0 and h = exp(beta): the partial likelihood is
    # 1/(2 + 2h) x h/(1 + 2h) x h/(1 + h) x 1. Its score is
    # 2 - 2h/(1 + h) - 2h/(1 + 2h) = 0, so 2h^2 = 1 + h ... h = (1 + 5^(1/2))/2 after clearing:
    # 2(1 + h)(1 + 2h) = 2h(1 + 2h) + 2h(1 + h)  =>  1 + h - h^2 = 0.
    found = fit(cohort([1, 2, 3, 4], [1] * 4, x=[0, 1, 1, 0]), "x")
    row = found.coefficients.iloc[0]
    h = (1 + np.sqrt(5)) / 2
    assert row["hazard_ratio"] == pytest.approx(h, rel=1e-9)
    information = 2 * h / (1 + h) ** 2 + 2 * h / (1 + 2 * h) ** 2
    assert row["se"] == pytest.approx(1 / np.sqrt(information), rel=1e-9)
    assert found.log_likelihood == pytest.approx(np.log(h**2 / (2 * (1 + h) ** 2 * (1 + 2 * h))))
    assert found.null_log_likelihood == pytest.approx(-np.log(24))
    assert (found.n, found.events, found.converged, found.problem) == (4, 4, True, "")


@pytest.mark.unit
def test_efron_ties_that_a_pencil_can_check():
    # Both x = 1 and x = 0 die at 1, and one x = 0 lives on. Efron: the second of the tied deaths
    # sees half of either gone: L = h / ((h + 2)(h/2 + 3/2)); d log L: 1/h = 1/(h+2) + 1/(h+3),
    # so h^2 = 6.
    found = fit(cohort([1, 1, 2], [1, 1, 0], x=[1, 0, 0]), "x")
    assert found.coefficients["hazard_ratio"].item() == pytest.approx(np.sqrt(6), rel=1e-9)


@pytest.mark.unit
def test_exact_ties_that_a_pencil_can_check():
    """Of four at risk, two with x = 1, two die at once, one of each kind: of the six pairs one is of
    both with x = 1, one of neither, four mixed: h / (h^2 + 4 h + 1). Then the patient with x = 1 dies
    first of the two left: L(h) = h / (h^2 + 4 h + 1) x h / (1 + h)."""
    data = pd.DataFrame({"time": [1, 1, 2, 3], "event": [1, 1, 1, 1], "x": [1.0, 0.0, 1.0, 0.0]})
    found = cox(data, "time", "event", ["x"], ties="exact")
    h = np.exp(found.coefficients.loc[0, "log_hr"])
    # d log L / d log h = 2 - (2 h^2 + 4 h) / (h^2 + 4 h + 1) - h / (1 + h) = 0
    assert 2 - (2 * h**2 + 4 * h) / (h**2 + 4 * h + 1) - h / (1 + h) == pytest.approx(0, abs=1e-9)
    assert found.null_log_likelihood == pytest.approx(np.log(1 / 6 * 1 / 2))
    assert found.log_likelihood == pytest.approx(np.log(h / (h**2 + 4 * h + 1) * h / (1 + h)))


@pytest.mark.unit
@pytest.mark.parametrize(("sign", "ratio"), [(1, np.inf), (-1, 0.0)])
def test_separation_is_named(sign, ratio):
    # Everyone with x = 1 dies before anyone with x = 0.
    frame = cohort([1, 2, 3, 4, 5], [1, 1, 1, 0, 0], x=np.array([1, 1, 1, 0, 0]) * sign)
    found = fit(frame, "x")
    row = found.coefficients.iloc[0]
    assert found.separated
    assert not found.converged
    assert "x" in found.problem
    assert row["hazard_ratio"] == ratio
    assert np.isnan(row["p"])
    # The likelihood rises to 1/3 x 1/2 x 1 of the three deaths among themselves, from 1/60.
    assert found.log_likelihood == pytest.approx(np.log(1 / 6), abs=1e-8)
    assert found.lr_statistic == pytest.approx(2 * np.log(10), abs=1e-7)
    # One profile-likelihood limit is finite: there h^3 / ((3h+2)(2h+2)(h+2)) is 1/6 exp(-3.8415/2).
    limit = row["lower"] if sign > 0 else 1 / row["upper"]
    value = limit**3 / ((3 * limit + 2) * (2 * limit + 2) * (limit + 2))
    assert value == pytest.approx(np.exp(-3.841458820694124 / 2) / 6, rel=1e-8)
    assert row["upper" if sign > 0 else "lower"] == ratio


@pytest.mark.unit
def test_separation_of_one_among_several_names_that_one():
    rng = np.random.default_rng(5)
    frame = cohort(np.arange(1.0, 31), [1] * 15 + [0] * 15, early=[1] * 15 + [0] * 15)
    frame["z"] = rng.normal(size=30)
    found = fit(frame, "z", "early")
    assert found.problem == "monotone likelihood (separation): early (hazard ratio infinite)"
    assert np.isfinite(found.coefficients.loc[0, "log_hr"])
    assert np.isnan(proportional_hazards(frame, "time", "event", ["z", "early"])["p"]).all()


@pytest.mark.unit
def test_no_answer_says_why():
    time = [1, 2, 3, 4.0]
    assert fit(cohort(time, [0] * 4, x=[0, 1, 0, 1]), "x").problem == "no events"
    assert fit(cohort(time, [1] * 4, x=[2] * 4), "x").problem == "constant covariate: x"
    twice = fit(cohort(time, [1] * 4, x=[0, 1, 1, 0], y=[0, 2, 2, 0]), "x", "y")
    assert "determine each other" in twice.problem
    for found in (twice, fit(cohort([5], [1], x=[1]), "x")):
        assert found.coefficients["log_hr"].isna().all()
        assert np.isnan(found.lr_p)
        assert not found.converged


@pytest.mark.unit
def test_bad_input_is_named():
    frame = cohort([1, 2], [1, 0], x=[0, np.nan], y=["a", "b"])
    for covariates, text in ((["x"], r"x\[1\]"), (["y"], "y"), (["w"], "'w'"), ([], "none")):
        with pytest.raises(DataError, match=text):
            cox(frame, "time", "event", covariates)
    with pytest.raises(DataError, match="profile"):
        fit(cohort([1, 2], [1, 1], x=[0, 1], z=[1, 0]), "x", "z", interval="profile")
    data = cohort([0, 1, 2, 3], [1, 1, 1, 1], x=[0, 1, 1, 0])
    with pytest.raises(DataError, match="log"):
        proportional_hazards(data, "time", "event", ["x"], transform="log")


@pytest.mark.unit
def test_profile_limits_are_where_the_likelihood_has_fallen():
    frame = cohort([1, 2, 3, 4], [1] * 4, x=[0, 1, 1, 0])
    found = fit(frame, "x", interval="profile")
    row = found.coefficients.iloc[0]
    for h in (row["lower"], row["upper"]):
        at = np.log(h**2 / (2 * (1 + h) ** 2 * (1 + 2 * h)))
        assert 2 * (found.log_likelihood - at) == pytest.approx(3.841458820694124, rel=1e-8)
    assert row["lower"] < row["hazard_ratio"] < row["upper"]


@pytest.fixture(scope="module")
def shipped():
    """Data sets that lifelines ships, coded as in the R script."""
    from lifelines import datasets

    gbsg2 = datasets.load_gbsg2().assign(hormone=lambda d: (d["horTh"] == "yes") * 1.0)
    lung = datasets.load_lung()[["time", "status", "age", "sex", "ph.ecog", "wt.loss"]].dropna()
    lung["event"] = (lung["status"] == lung["status"].max()) * 1
    return {
        "rossi": (datasets.load_rossi(), "week", "arrest"),
        "gbsg2": (gbsg2, "time", "cens"),
        "lung": (lung, "time", "event"),
    }


def compare(parity, expected, frame, time, event, strata=None):
    names = expected["covariates"]
    found = cox(frame, time, event, names, strata)
    parity.agree(found.coefficients["log_hr"], expected["log_hr"], parity.iterated)
    parity.agree(found.coefficients["se"], expected["se"], parity.iterated)
    parity.agree(found.log_likelihood, expected["log_likelihood"], parity.iterated)
    parity.agree(found.null_log_likelihood, expected["null_log_likelihood"])
    parity.agree(found.score_statistic, expected["score"], parity.iterated)
    for transform in TRANSFORMS:
        table = proportional_hazards(frame, time, event, names, strata, transform)
        theirs = expected["zph"][transform]
        assert table["term"].tolist() == [*names, "GLOBAL"]
        parity.agree(table["chi2"], theirs["chi2"], parity.iterated)
        parity.agree(table["df"], theirs["df"])
        parity.agree(table["p"], theirs["p"], parity.iterated)


@pytest.mark.parity
@pytest.mark.parametrize("name", ["rossi", "gbsg2", "lung"])
def test_model_and_proportional_hazards_equal_r(r, parity, shipped, name):
    compare(parity, r[name], *shipped[name])


@pytest.mark.parity
@pytest.mark.parametrize("name", DRAWN)
@pytest.mark.parametrize("strata", [None, "stratum"])
def test_small_models_equal_r(r, parity, name, strata):
    case = r["drawn"][name]
    expected = case["cox" if strata is None else "stratified"]
    compare(parity, expected, parity.frame(case["data"]), "time", "event", strata)


@pytest.mark.parity
def test_robust_variance_equals_r(r, parity, shipped):
    frame, time, event = shipped["rossi"]
    found = cox(frame, time, event, ROSSI, robust=True)
    parity.agree(found.coefficients["se"], r["rossi"]["robust_se"], parity.iterated)
    for case in r["drawn"].values():
        for kind, strata in (("cox", None), ("stratified", "stratum")):
            names = case[kind]["covariates"]
            found = cox(parity.frame(case["data"]), "time", "event", names, strata, robust=True)
            parity.agree(found.coefficients["se"], case[kind]["robust_se"], parity.iterated)


@pytest.mark.parity
def test_model_equals_lifelines(shipped):
    from lifelines import CoxPHFitter

    frame, time, event = shipped["rossi"]
    found = cox(frame, time, event, ROSSI, level=0.9)
    theirs = CoxPHFitter(alpha=0.1).fit(frame[[time, event, *ROSSI]], time, event).summary
    columns = {
        "log_hr": "coef",
        "se": "se(coef)",
        "lower": "exp(coef) lower 90%",
        "upper": "exp(coef) upper 90%",
        "p": "p",
    }
    for ours, their in columns.items():
        np.testing.assert_allclose(found.coefficients[ours], theirs[their], rtol=2e-5)


@pytest.mark.parity
def test_terms_gather_dummies(shipped):
    frame, time, event = shipped["rossi"]
    plain = proportional_hazards(frame, time, event, ROSSI)
    terms = {"all": ROSSI}
    gathered = proportional_hazards(frame, time, event, ROSSI, terms=terms)
    assert gathered["chi2"].tolist() == pytest.approx([plain["chi2"].iloc[-1]] * 2)
    assert gathered["df"].tolist() == [7, 7]


@pytest.mark.unit
def test_interaction_is_twice_the_difference_of_log_likelihoods(shipped):
    frame, time, event = shipped["rossi"]
    found = interaction_p(frame, time, event, "fin", "age", ["prio"])
    product = frame.assign(both=frame["fin"] * frame["age"])
    small = cox(frame, time, event, ["fin", "age", "prio"]).log_likelihood
    large = cox(product, time, event, ["fin", "age", "prio", "both"]).log_likelihood
    assert found.statistic == pytest.approx(2 * (large - small))
    assert found.df == 1
    # No patient has both: the product is constant, and there is nothing to test.
    empty = cohort([1, 2, 3, 4, 5], [1] * 5, a=[1, 0, 0, 1, 0], b=[0, 1, 0, 0, 1])
    assert np.isnan(interaction_p(empty, "time", "event", "a", "b").p)


cohorts = st.lists(
    st.tuples(st.integers(1, 400), st.booleans(), st.integers(0, 1)),
    min_size=3,
    max_size=25,
    unique_by=lambda row: row[0],
)


@pytest.mark.property
@settings(max_examples=40, deadline=None)
@given(cohorts)
def test_score_test_is_the_logrank_test_without_ties(rows):
    time, event, x = (np.array(column) for column in zip(*rows, strict=True))
    found = fit(cohort(time, event, x=x), "x")
    expected = logrank(time, event, x)
    if found.converged or found.separated:
        assert found.score_statistic == pytest.approx(expected.statistic, rel=1e-8)
    else:
        assert found.problem
        assert np.isnan(expected.statistic)


@pytest.mark.property
@settings(max_examples=40, deadline=None)
@given(cohorts, st.floats(0.01, 100))
def test_hazard_ratio_turns_with_the_covariate(rows, unit):
    time, event, x = (np.array(column) for column in zip(*rows, strict=True))
    one = fit(cohort(time, event, x=x), "x")
    two = fit(cohort(time, event, x=(1 - x) * unit), "x")
    assert one.separated == two.separated
    np.testing.assert_allclose(
        two.coefficients["log_hr"] * unit, -one.coefficients["log_hr"], rtol=1e-6, atol=1e-8
    )
