"""Each recommendation beside the function that computes it in one dataset."""

import numpy as np
import pandas as pd
import pytest

from resarc.estimand import Estimand
from resarc.reanalysis import run
from resarc.survival import e_values, power
from resarc.survival.competing import cumulative_incidence, fine_gray, gray_test, incidence_at
from resarc.survival.cox import cox, proportional_hazards
from resarc.survival.cutpoints import roc_then_logrank
from resarc.survival.firth import firth_cox
from resarc.survival.kaplan_meier import curve, survival_at
from resarc.survival.logrank import exact_logrank, logrank
from resarc.survival.multiplicity import adjusted
from resarc.survival.rmst import rmst_difference

pytestmark = pytest.mark.unit


def evaluate(data):
    (analysis,) = data.protocol.analyses
    (asked,) = analysis.recommended
    return run._EVALUATORS[asked.kind](data, analysis, asked)


def of_registry(toy, kind, asked, frame=None, **analysis):
    frame = toy.patients() if frame is None else frame
    return frame, evaluate(toy.registry(toy.protocol(kind, asked, **analysis), frame))


# -- small samples ---------------------------------------------------------------------------------


def test_small_samples_by_permutation_profile_and_firth(toy):
    frame, part = of_registry(toy, "survival", {"kind": "small_sample"}, toy.patients(20, seed=4))
    group = (frame["arm"] == "yes").astype(float)
    exact = exact_logrank(frame["os_time"], frame["os_event"], group)
    assert exact.detail("exact")
    assert toy.one(part, "exact_logrank_p").value[0] == pytest.approx(exact.p)
    assert "every arrangement" in toy.one(part, "exact_logrank_p").method
    frame["x"] = group
    firth = firth_cox(frame, "os_time", "os_event", ["x"]).coefficients.iloc[0]
    found = toy.one(part, "firth_hazard_ratio")
    got = [found.value[0], found.lower[0], found.upper[0]]
    assert got == pytest.approx(firth[["hazard_ratio", "lower", "upper"]].tolist(), rel=1e-5)
    assert toy.one(part, "firth_p").value[0] == pytest.approx(firth["p"], rel=1e-5)
    profile = toy.one(part, "profile_hazard_ratio")
    assert profile.lower[0] < toy.one(part, "hazard_ratio").value[0] < profile.upper[0]


def test_separated_groups_have_a_finite_estimate_only_by_firth(toy):
    frame = toy.patients(20, seed=4)
    frame.loc[frame["arm"] == "yes", "os_event"] = 0.0
    _, part = of_registry(toy, "survival", {"kind": "small_sample"}, frame)
    profile, firth = toy.one(part, "profile_hazard_ratio"), toy.one(part, "firth_hazard_ratio")
    assert profile.value[0] == profile.lower[0] == 0
    assert np.isfinite(profile.upper[0])
    assert 0 < firth.value[0] < np.inf
    assert "only Firth's estimate is finite" in part.conclusion.sentence


def test_no_multivariable_model_with_too_few_events(toy):
    few = toy.patients(20, seed=4)
    asked = {"kind": "penalised_model", "events_per_coefficient": 10}
    frame, part = of_registry(toy, "multivariable", asked, few)
    assert toy.one(part, "coefficients").value[0] == 4
    each = frame["os_event"].sum() / 4
    assert toy.one(part, "events_per_coefficient").value[0] == pytest.approx(each)
    assert "no multivariable model is recommended" in part.conclusion.sentence
    assert not any(n.quantity == "firth_hazard_ratio" for n in part.numbers)


def test_a_penalised_model_of_complete_cases(toy):
    frame = toy.patients()
    frame.loc[frame.index[:9], "marker"] = np.nan
    _, part = of_registry(toy, "multivariable", {"kind": "penalised_model"}, frame)
    known = frame.dropna(subset="marker").copy()
    known["yes"] = (known["arm"] == "yes").astype(float)
    known["II"], known["III"] = ((known["stage"] == s).astype(float) for s in ("II", "III"))
    want = firth_cox(known, "os_time", "os_event", ["yes", "II", "III", "marker"]).coefficients
    got = [n for n in part.numbers if n.quantity == "firth_hazard_ratio"]
    assert [n.value[0] for n in got] == pytest.approx(want["hazard_ratio"].tolist(), rel=1e-6)
    assert [n.lower[0] for n in got] == pytest.approx(want["lower"].tolist(), rel=1e-5)


def test_a_level_without_patients_leaves_its_contrasts_open(toy):
    """Without patients at the first level the model has another reference."""
    frame = toy.patients()
    frame = frame[frame["stage"] != "I"].reset_index(drop=True)
    _, part = of_registry(toy, "multivariable", {"kind": "penalised_model"}, frame)
    for number in part.numbers:
        if number.quantity == "firth_hazard_ratio" and number.estimand.by == "stage":
            assert np.isnan(number.value[0])


# -- hazards, subgroups, multiplicity, confounding ---------------------------------------------------


def test_proportional_hazards_and_restricted_means(toy):
    frame, part = of_registry(
        toy, "survival", {"kind": "proportional_hazards", "horizon": "24 months"}
    )
    frame["x"] = (frame["arm"] == "yes").astype(float)
    zph = proportional_hazards(frame, "os_time", "os_event", ["x"], transform="km")
    assert toy.one(part, "ph_p").value[0] == pytest.approx(zph["p"].iloc[0], rel=1e-6)
    want = rmst_difference(frame["os_time"], frame["os_event"], frame["arm"], 24.0, reference="no")
    found = toy.one(part, "rmst_difference")
    got = [found.value[0], found.lower[0], found.upper[0]]
    assert got == pytest.approx([want.value, want.lower, want.upper], rel=1e-8)


def test_subgroups_are_compared_with_each_other(toy):
    frame, part = of_registry(toy, "subgroups", {"kind": "interaction"})
    frame["x"] = (frame["arm"] == "yes").astype(float)
    frame["z"] = (frame["sex"] == "female").astype(float)
    frame["xz"] = frame["x"] * frame["z"]
    with_it = cox(frame, "os_time", "os_event", ["x", "z", "xz"])
    without = cox(frame, "os_time", "os_event", ["x", "z"])
    from scipy.stats import chi2

    p = chi2.sf(2 * (with_it.log_likelihood - without.log_likelihood), 1)
    assert toy.one(part, "interaction_p").value[0] == pytest.approx(p, rel=1e-6)
    want = with_it.coefficients.set_index("covariate").loc["xz"]
    ratio = toy.one(part, "ratio_of_hazard_ratios")
    assert ratio.at == "female / male"
    assert ratio.value[0] == pytest.approx(want["hazard_ratio"], rel=1e-5)
    overall = cox(frame, "os_time", "os_event", ["x"]).coefficients["log_hr"].iloc[0]
    for level in ("male", "female"):
        inside = frame[frame["sex"] == level]
        variance = power.variance(inside["os_event"].sum(), (inside["arm"] == "yes").mean())
        (found,) = (
            n for n in part.numbers
            if n.quantity == "power" and n.estimand.where[0].level == level
        )  # fmt: skip
        assert found.value[0] == pytest.approx(power.power(overall, variance), rel=1e-6)


def test_every_p_of_a_table_is_adjusted_for_their_number(toy):
    frame, part = of_registry(toy, "univariable", {"kind": "multiplicity"})
    p = np.array(
        [logrank(frame["os_time"], frame["os_event"], frame[name]).p for name in ("arm", "stage")]
    )
    for quantity, method in (("holm_p", "holm"), ("bh_p", "benjamini-hochberg")):
        got = [n.value[0] for n in part.numbers if n.quantity == quantity]
        assert got == pytest.approx(adjusted(p[None], method)[0].tolist())


def test_e_values_of_estimate_and_limit(toy):
    frame, part = of_registry(toy, "survival", {"kind": "confounding"})
    frame["x"] = (frame["arm"] == "yes").astype(float)
    row = cox(frame, "os_time", "os_event", ["x"]).coefficients.iloc[0]
    want = e_values.of_hazard_ratio(row["hazard_ratio"], row["lower"], row["upper"], True)
    got = [toy.one(part, name).value[0] for name in ("e_value", "e_value_limit")]
    assert got == pytest.approx([float(v) for v in want], rel=1e-6)


# -- competing risks ---------------------------------------------------------------------------------

DEATHS = {"kind": "competing_risks", "variable": "status", "levels": ["other"], "at": ["24 months"]}


def test_known_causes_are_competing_events(toy):
    frame, part = of_registry(toy, "survival", DEATHS)
    cause = np.where(frame["os_event"] == 1, 1, np.where(frame["status"] == "other", 2, 0))
    aj = incidence_at(cumulative_incidence(frame["os_time"], cause), 24.0).iloc[0]
    found = next(n for n in part.numbers if n.quantity == "cumulative_incidence")
    got = [found.value[0], found.lower[0], found.upper[0]]
    assert got == pytest.approx(aj[["incidence", "lower", "upper"]].tolist())
    gray = gray_test(frame["os_time"], cause, frame["arm"] == "yes").p
    assert toy.one(part, "gray_p").value[0] == pytest.approx(gray)
    model = pd.DataFrame(
        {"t": frame["os_time"], "c": cause, "x": (frame["arm"] == "yes").astype(float)}
    )
    want = fine_gray(model, "t", "c", ["x"]).coefficients["hazard_ratio"].iloc[0]
    got = toy.one(part, "subdistribution_hazard_ratio").value[0]
    assert got == pytest.approx(want, rel=1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_unknown_causes_are_bounded_by_two_extremes(toy, seed):
    """Whatever the censored died of, the cumulative incidence lies between the two."""
    frame = toy.patients(60, seed)
    _, part = of_registry(toy, "survival", DEATHS, frame.drop(columns="status"))
    (high,) = (
        n for n in part.numbers if n.quantity == "one_minus_survival" and not n.estimand.where
    )
    (low,) = (
        n for n in part.numbers if n.quantity == "cumulative_incidence" and not n.estimand.where
    )
    steps = curve(frame["os_time"], frame["os_event"])
    assert high.value[0] == pytest.approx(1 - survival_at(steps, 24.0)["survival"].iloc[0])
    rng = np.random.default_rng(seed)
    for share in (0.0, 0.3, 0.8, 1.0):
        died = (frame["os_event"] == 0) & (rng.random(len(frame)) < share)
        cause = np.where(frame["os_event"] == 1, 1, np.where(died, 2, 0))
        at = incidence_at(cumulative_incidence(frame["os_time"], cause), 24.0)["incidence"].iloc[0]
        assert low.value[0] - 1e-9 <= at <= high.value[0] + 1e-9
        if share == 1:
            assert at == pytest.approx(low.value[0])


# -- cut-offs ----------------------------------------------------------------------------------------

CUT = {"kind": "cut_off", "splits": {"marker": "high"}, "permutations": 199, "resamples": 100}


def test_the_choice_of_a_cut_off_is_tested_with_it(toy):
    frame, part = of_registry(toy, "cutoffs", CUT)
    chosen = roc_then_logrank(
        frame["os_time"], frame["os_event"], frame["marker"], 24.0, "youden", 0
    )
    assert toy.one(part, "cutoff").value[0] == pytest.approx(chosen.cutoff.threshold)
    naive, whole = (toy.one(part, q).value[0] for q in ("selected_logrank_p", "procedure_p"))
    assert naive == pytest.approx(chosen.naive.p)
    assert whole > naive
    low, high = (toy.one(part, f"cutoff_{end}").value[0] for end in ("low", "high"))
    assert frame["marker"].min() <= low <= high <= frame["marker"].max()
    split = toy.one(part, "split_logrank_p")
    want = logrank(frame["os_time"], frame["os_event"], frame["marker"] >= 30).p
    assert split.value[0] == pytest.approx(want)
    assert {n.quantity for n in part.numbers} >= {"spline_p", "nonlinear_p", "maxstat_p"}


def test_the_spline_is_1_at_the_median_of_the_marker(toy):
    frame, part = of_registry(toy, "cutoffs", CUT)
    (line,) = part.lines
    at = np.interp(frame["marker"].median(), line.x, line.value[0])
    assert at == pytest.approx(1, abs=0.02)
    assert (line.lower[0] <= line.value[0]).all()
    assert (line.value[0] <= line.upper[0]).all()


def test_the_same_draws_come_again(toy):
    (_, first), (_, second) = (of_registry(toy, "cutoffs", CUT) for _ in range(2))
    for one, other in zip(first.numbers, second.numbers, strict=True):
        np.testing.assert_array_equal(one.value, other.value)


def test_the_whole_procedure_keeps_its_level_where_nothing_matters(toy):
    """As if the cut-off were given, one in four studies finds something."""
    naive, whole = [], []
    asked = CUT | {"permutations": 99}
    for seed in range(60):
        _, part = of_registry(toy, "cutoffs", asked, toy.patients(40, seed=100 + seed))
        naive.append(toy.one(part, "selected_logrank_p").value[0])
        whole.append(toy.one(part, "procedure_p").value[0])
    assert np.mean(np.array(naive) < 0.05) > 0.1
    assert np.mean(np.array(whole) <= 0.05) < 0.12


# -- what is not there -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "asked"),
    [
        ("survival", {"kind": "immortal_time", "of": "os.hazard_ratio by arm(yes / no)", "longest_delay": "12 months"}),
        ("survival", {"kind": "small_sample"}),
        ("survival", {"kind": "confounding"}),
        ("survival", {"kind": "proportional_hazards", "horizon": "12 months"}),
        ("multivariable", {"kind": "penalised_model"}),
        ("subgroups", {"kind": "interaction"}),
        ("univariable", {"kind": "multiplicity"}),
        ("cutoffs", {"kind": "cut_off", "splits": {}}),
        ("survival", DEATHS),
    ],
)  # fmt: skip
def test_what_was_not_rebuilt_is_said_and_not_guessed(toy, kind, asked):
    protocol = toy.protocol(kind, asked)
    frame = toy.patients()[["os_time", "os_event"]].assign(member=0)
    part = evaluate(toy.members(protocol, frame=frame))
    assert all(np.isnan(n.value).all() or n.quantity in
               ("one_minus_survival", "cumulative_incidence") for n in part.numbers)  # fmt: skip
    assert part.conclusion.sentence.endswith(".")
    assert part.conclusion.changes in ("not comparable", "open")


@pytest.mark.parametrize(
    ("kind", "asked"),
    [
        ("survival", {"kind": "immortal_time", "of": "os.hazard_ratio by arm(yes / no)",
                      "known_on": "treated", "landmarks": ["6 months"], "longest_delay": "12 months"}),
        ("survival", {"kind": "small_sample"}),
        ("survival", {"kind": "confounding"}),
        ("survival", {"kind": "proportional_hazards", "horizon": "12 months"}),
        ("multivariable", {"kind": "penalised_model"}),
        ("multivariable", {"kind": "missing_data"}),
        ("subgroups", {"kind": "interaction"}),
        ("univariable", {"kind": "multiplicity"}),
        ("cutoffs", CUT),
        ("survival", DEATHS),
    ],
)  # fmt: skip
@pytest.mark.parametrize("edge", ["no events", "one arm", "one patient", "nothing known"])
def test_edges_end_in_words_and_not_in_an_error(toy, kind, asked, edge):
    frame = toy.patients(12)
    if edge == "no events":
        frame["os_event"] = 0.0
    elif edge == "one arm":
        frame["arm"] = "yes"
        frame["treated"] = 30.0
    elif edge == "one patient":
        frame = frame.head(1)
    else:
        frame["arm"] = frame["stage"] = frame["sex"] = None
        frame["marker"] = np.nan
    _, part = of_registry(toy, kind, asked, frame)
    assert part.conclusion.sentence.endswith(".")
    for number in part.numbers:
        assert number.value.shape == (1,)
        assert isinstance(number.estimand, Estimand)
