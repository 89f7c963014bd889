"""What a protocol's analyses consist of."""

import importlib.util
from pathlib import Path

import pytest

from resarc.analysis import PRINTED, families, plan
from resarc.errors import ConfigurationError
from resarc.estimand import STATISTICS, Estimand

pytestmark = pytest.mark.unit

_spec = importlib.util.spec_from_file_location("toy_study", Path(__file__).with_name("conftest.py"))
toy = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(toy)


def planned(**analysis):
    protocol = toy.make_protocol(analyses=[{"id": "a", "label": "A"} | analysis])
    return [str(item.estimand) for item in plan(protocol)]


def test_characteristics_counts_levels_and_summarises_numbers():
    assert planned(kind="characteristics", variables=["sex", "size"]) == [
        "n",
        "sex.known",
        "sex.missing",
        "n{sex=male}",
        "sex.proportion(male)",
        "n{sex=female}",
        "sex.proportion(female)",
        "size.known",
        "size.missing",
        "size.median",
        "size.mean",
        "size.sd",
        "size.q1",
        "size.q3",
        "size.minimum",
        "size.maximum",
    ]


def test_characteristics_by_group_repeat_in_each_group_but_not_for_the_group_itself():
    found = planned(kind="characteristics", variables=["sex", "treated"], by="treated")
    assert "n{sex=male, treated=yes}" in found
    assert "sex.proportion(male){treated=yes}" in found
    assert "treated.proportion(yes)" in found
    assert not [text for text in found if text.startswith("treated.proportion") and "{" in text]


def test_response_adds_its_tests():
    found = planned(kind="response", variables=["stage"], by="treated")
    assert found[-3:] == [f"stage.{test} by treated" for test in ("chi2_p", "fisher_p", "trend_p")]


def test_characteristics_by_group_have_standardised_differences_and_no_test_unless_asked():
    asked = {"kind": "characteristics", "variables": ["sex", "treated", "size"], "by": "treated"}
    found = planned(**asked)
    assert [text for text in found if "standardised" in text] == [
        "sex.standardised_difference by treated(yes / no)",
        "size.standardised_difference by treated(yes / no)",
    ]
    assert not [text for text in found if "_p by" in text]
    tested = planned(**asked, tests=["chi2_p", "mann_whitney_p", "kruskal_wallis_p"])
    assert [text for text in tested if "_p by" in text] == [
        "sex.chi2_p by treated",
        "size.mann_whitney_p by treated",
        "size.kruskal_wallis_p by treated",
    ]
    assert "size.mann_whitney_p by stage" not in planned(
        kind="characteristics", variables=["size"], by="stage", tests=["mann_whitney_p"]
    )


def test_tests_need_groups():
    with pytest.raises(ValueError, match="tests compare the groups"):
        planned(kind="characteristics", variables=["sex"], tests=["chi2_p"])


def test_a_family_is_one_test_for_each_variable_of_a_univariable_analysis(protocol):
    found = {name: [str(e) for e in tests] for name, tests in families(protocol).items()}
    assert found == {
        "univariable": ["os.logrank_p by stage", "os.logrank_p by sex", "os.cox_p by size"]
    }
    known = {str(item.estimand) for item in plan(protocol)}
    assert set(found["univariable"]) <= known


def test_survival_without_groups():
    assert planned(kind="survival", endpoint="os", at=["1 year", "6 months"]) == [
        "n",
        "os.events",
        "os.median",
        "os.survival(12 months)",
        "os.crude_rate(12 months)",
        "os.survival(6 months)",
        "os.crude_rate(6 months)",
        "os.rmst(12 months)",
        "os.reverse_followup_median",
        *(f"os.followup_{what}" for what in ("median", "mean", "minimum", "maximum")),
        *(
            f"os.followup_{what}{{os=censored}}"
            for what in ("median", "mean", "minimum", "maximum")
        ),
    ]


def test_survival_by_group_compares_with_the_first_level():
    found = planned(kind="survival", endpoint="os", at=["1 year"], by="stage")
    for text in (
        "os.median{stage=III}",
        "os.logrank_p by stage",
        "os.hazard_ratio by stage(II / I)",
        "os.hazard_ratio by stage(III / I)",
        "os.rmst_difference(12 months) by stage(III / I)",
        "os.survival_difference(12 months) by stage(II / I)",
    ):
        assert text in found
    assert not [text for text in found if "(I / " in text]


def test_univariable_of_categories_and_numbers():
    assert planned(kind="univariable", endpoint="os", variables=["sex", "size"], at=["1 year"]) == [
        "n{sex=male}",
        "os.events{sex=male}",
        "os.survival(12 months){sex=male}",
        "os.median{sex=male}",
        "n{sex=female}",
        "os.events{sex=female}",
        "os.survival(12 months){sex=female}",
        "os.median{sex=female}",
        "os.logrank_p by sex",
        "os.hazard_ratio by sex(female / male)",
        "os.ph_p by sex",
        "os.hazard_ratio by size",
        "os.cox_p by size",
        "os.ph_p by size",
    ]


def test_univariable_may_be_adjusted():
    found = planned(kind="univariable", endpoint="os", variables=["sex"], adjusted_for=["age"])
    assert "os.hazard_ratio by sex(female / male)" in found
    assert "os.hazard_ratio by sex(female / male) adjusted for age" in found


def test_multivariable_adjusts_each_covariate_for_the_others():
    assert planned(
        kind="multivariable", endpoint="os", variables=["sex", "size"], adjusted_for=["age"]
    ) == [
        "os.hazard_ratio by sex(female / male) adjusted for age, size",
        "os.cox_p by sex(female / male) adjusted for age, size",
        "os.hazard_ratio by size adjusted for age, sex",
        "os.cox_p by size adjusted for age, sex",
    ]


def test_cutoffs():
    assert planned(kind="cutoffs", endpoint="os", variables=["size"], at=["2 years"]) == [
        "os.auc(24 months) by size",
        "os.roc_cutoff(24 months) by size",
    ]


def test_subgroups_end_in_the_interaction():
    found = planned(kind="subgroups", endpoint="os", by="treated", within="sex")
    assert found[-1] == "os.interaction_p by treated within sex"
    assert "os.logrank_p{sex=female} by treated" in found
    assert "os.hazard_ratio{sex=male} by treated(yes / no)" in found


def test_subgroups_are_not_adjusted_for_what_defines_them():
    found = planned(
        kind="subgroups", endpoint="os", by="treated", within="sex", adjusted_for=["sex", "age"]
    )
    assert "os.hazard_ratio{sex=male} by treated(yes / no) adjusted for age" in found
    assert found[-1] == "os.interaction_p by treated within sex adjusted for age"


@pytest.mark.parametrize(("by", "test"), [("sex", "mann_whitney_p"), ("stage", "kruskal_wallis_p")])
def test_groups_are_compared_by_the_kind_of_variable(by, test):
    found = planned(kind="groups", variables=["age", "treated"], by=by)
    assert f"age.{test} by {by}" in found
    assert f"treated.chi2_p by {by}" in found


def test_each_estimand_once_in_a_fixed_order(protocol):
    found = plan(protocol)
    assert len({str(item.estimand) for item in found}) == len(found)
    assert found == plan(protocol)
    assert next(i for i in found if str(i.estimand) == "n").analysis == "table1"


def test_extra_estimands_come_last_and_only_if_new(protocol):
    known, new = Estimand.parse("os.median"), Estimand.parse("os.survival(7 years)")
    found = plan(protocol, [known, new, new])
    assert [i for i in found if i.analysis == PRINTED] == [found[-1]]
    assert found[-1].estimand == new


def test_an_estimand_that_the_study_cannot_have_is_refused(protocol):
    with pytest.raises(ConfigurationError, match="no variable or endpoint 'dfs'"):
        plan(protocol, [Estimand.parse("dfs.median")])


def test_the_toy_study_plans_most_statistics(protocol):
    used = {item.estimand.statistic for item in plan(protocol)}
    assert set(STATISTICS) - used == {
        "screened", "excluded", "remaining", "followed_rate", "at_risk", "kruskal_wallis_p",
        "chi2_yates_p", "mann_whitney_uncorrected_p", "wilcoxon_p", "tarone_ware_p", "peto_p", "cox_lr_p",
    }  # fmt: skip
