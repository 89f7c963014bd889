"""Each estimate in its released form."""

from math import isnan

import numpy as np
import pandas as pd
import pytest

from resarc import tables
from resarc.disclosure.estimates import TREATMENTS, Releaser, digits
from resarc.disclosure.release import release, release_flow
from resarc.estimand import STATISTICS, Estimand
from resarc.settings import Disclosure
from resarc.survival.proportions import proportion_interval

pytestmark = pytest.mark.unit

RULE = Disclosure()


def test_every_statistic_of_the_language_has_a_treatment():
    assert set(TREATMENTS) == set(STATISTICS)


def test_a_statistic_without_treatment_is_not_released(large, protocol, monkeypatch):
    monkeypatch.delitem(TREATMENTS, "mean")
    made = release(large.estimates, large.curves, large.flow, large.cohort, protocol, RULE)
    row = made.estimates.set_index("estimand").loc["age.mean"]
    assert isnan(row["value"])
    assert "no rule of release" in row["note"]


def test_rows_and_columns_are_those_of_the_internal_table(large):
    made = large.released.estimates
    assert list(made.columns) == list(large.estimates.columns)
    for name in ("estimand", "method", "origin", "analysis"):
        assert made[name].tolist() == large.estimates[name].tolist()


def test_what_is_kept_back_says_so_and_what_is_told_has_no_note(large, small):
    for study in (large, small):
        table = study.released.estimates
        said = table["note"].str.startswith(tables.SUPPRESSED)
        assert (table["value"].isna() == said).all()
        assert (table.loc[~said, "note"] == "").all()
        numbers = ["lower", "upper", "p", "n", "events"]
        assert table.loc[said, numbers].isna().all(axis=None)


@pytest.mark.parametrize("statistic", ["minimum", "maximum"])
def test_extremes_are_never_told(large, statistic):
    table = large.released.estimates
    chosen = table["estimand"].str.contains(rf"\.(?:followup_)?{statistic}")
    assert chosen.sum() > 2
    assert table.loc[chosen, "value"].isna().all()


def test_counts_are_rounded_and_shares_follow_from_them(large):
    truth = large.estimates.set_index("estimand")["value"]
    stages = {level: large.shown(f"n{{stage={level}}}")["value"] for level in ("I", "II", "III")}
    for level, value in stages.items():
        assert value == 5 * round(truth[f"n{{stage={level}}}"] / 5)
    total = sum(stages.values())
    share = large.shown("stage.proportion(I)")
    expected = proportion_interval(int(stages["I"]), int(total), "wilson", 0.95)
    assert share["value"] == pytest.approx(expected.value)
    assert (share["lower"], share["upper"]) == pytest.approx((expected.lower, expected.upper))
    assert share["n"] == total


def test_events_are_midpoints_wherever_they_are_told(large):
    told = large.released.estimates["events"].dropna()
    assert len(told) > 20
    assert (told.astype(int) % 6 == 3).all()
    assert large.shown("os.events")["value"] % 6 == 3


def test_a_share_of_which_a_level_is_suppressed_has_a_rounded_total(small):
    assert isnan(small.shown("n{stage=III}")["value"])
    share = small.shown("stage.proportion(I)")
    if not isnan(share["value"]):
        assert share["value"] == small.shown("n{stage=I}")["value"] / share["n"]


def test_means_and_quartiles_have_two_digits(large):
    ages = large.cohort["age"]
    assert large.shown("age.mean")["value"] == float(f"{ages.mean():.1e}")
    assert large.shown("age.q1")["value"] == float(f"{ages.quantile(0.25):.1e}")
    assert digits(0.01234, 2) == 0.012
    assert digits(np.inf, 2) == np.inf


def test_quartiles_need_patients_on_either_side(small):
    """40 patients: at least 38, of whom a quarter, 9, lies beyond a quartile; in a group, fewer."""
    assert not isnan(small.shown("age.q1")["value"])
    assert isnan(small.shown("age.q1{treated=yes}")["value"])


def test_survival_is_read_off_the_released_curve(large):
    curve = large.released.curves
    whole = curve[(curve["endpoint"] == "os") & (curve["variable"] == "")]
    at = large.shown("os.survival(24 months)")
    row = whole[whole["time"] <= 24].iloc[-1]
    assert (at["value"], at["lower"], at["upper"]) == pytest.approx(
        (row["survival"], row["lower"], row["upper"])
    )
    median = large.shown("os.median")["value"]
    assert median in set(whole["time"])
    assert whole.loc[whole["time"] < median, "survival"].min() > 0.5
    assert whole.loc[whole["time"] == median, "survival"].item() <= 0.5
    truth = large.estimates.set_index("estimand")["value"]
    assert at["value"] == pytest.approx(truth["os.survival(24 months)"], abs=0.03)
    assert median == pytest.approx(truth["os.median"], abs=2.5)


def test_curves_are_on_the_grid_without_marks_of_censoring_and_end_early(large):
    made = large.released.curves
    assert list(made.columns) == list(large.curves.columns)
    assert made["censored"].isna().all()
    assert (made["time"] == made["time"].round()).all()
    assert made["at_risk"].min() > RULE.threshold
    last = made.groupby(["variable", "level"])["time"].max()
    truth = large.curves.groupby(["variable", "level"])["time"].max()
    assert (last < truth.loc[last.index]).all()


def test_tests_and_models_have_two_digits_and_no_p_below_the_least(large):
    table = large.released.estimates
    told = table["value"].notna()
    p = table.loc[told & table["estimand"].str.contains("_p "), "value"]
    assert len(p) > 5
    assert p.min() >= RULE.least_p
    assert all(value == digits(value, 2) for value in p)
    ratios = table[told & table["estimand"].str.startswith("os.hazard_ratio")]
    assert len(ratios) > 3
    assert all(value == digits(value, 2) for value in ratios["upper"].dropna())


def test_a_test_that_rests_on_a_suppressed_group_is_not_told(small):
    assert isnan(small.shown("n{stage=III}")["value"])
    for text in ("stage.chi2_p by treated", "os.logrank_p by stage"):
        assert isnan(small.shown(text)["value"]), text


def test_a_model_needs_events_for_its_parameters(cohort_of, protocol):
    cohort = cohort_of(60, 3)
    cohort["treated"] = ["no", "yes"] * 30
    cohort["os_event"] = [1.0] * 18 + [0.0] * 42
    releaser = Releaser(cohort, protocol, Disclosure(threshold=4))
    ratio = Estimand.parse("os.hazard_ratio by treated(yes / no) adjusted for age, sex")
    known = int(cohort["sex"].notna().sum())
    events = int(cohort.loc[cohort["sex"].notna(), "os_event"].sum())
    plan = releaser.plan(ratio, known, events)
    releaser.decide([plan])
    row = {"estimand": str(ratio), "value": 1.234, "lower": 0.5, "upper": 2.345, "p": 0.1234}
    assert releaser._survival(plan, row, {}) == {
        "value": 1.2, "lower": 0.5, "upper": 2.3, "p": 0.12,
    }  # fmt: skip
    ten = releaser.plan(ratio, known, events - 1)  # another group than the protocol's
    assert releaser._survival(ten, row, {}) == "its patients cannot be counted"


def test_totals_of_the_flow_are_sums_of_what_is_told():
    flow = pd.DataFrame(
        {
            "step": ["screened", "a", "b", "c"],
            "label": ["Screened", "A", "B", "C"],
            "entering": [154, 154, 143, 142],
            "excluded": [0, 11, 1, 0],
            "remaining": [154, 143, 142, 142],
        }
    )
    made = release_flow(flow, 140, RULE)
    assert made["excluded"].tolist()[:2] == [0, 10]
    assert made["excluded"].isna().tolist() == [False, False, True, True]
    assert made["remaining"].tolist() == [150, 140, 140, 140]
    assert made["entering"].tolist() == [150, 150, 140, 140]
    assert release_flow(flow, np.nan, RULE)["remaining"].isna().all()


def test_notes_of_the_internal_table_are_not_handed_on(large, small):
    """They may hold exact numbers: the longest follow-up, an equally good cut-off."""
    assert (small.estimates["note"] != "").any()
    for study in (small, large):
        said = set(study.estimates["note"]) - {""}
        assert not said & set(study.released.estimates["note"])
