"""Numbers and estimands as people read them."""

from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resarc import tables
from resarc.estimand import STATISTICS, Duration, Estimand
from resarc.protocol import Protocol

pytestmark = pytest.mark.unit


def category(name, label, **levels):
    return {
        "name": name,
        "column": name,
        "label": label,
        "type": "category",
        "categories": {level: [level] for level in levels},
        "level_labels": levels,
    }


@pytest.fixture(scope="module")
def protocol():
    return Protocol.model_validate(
        {
            "study": "toy",
            "reference": "toy",
            "title": "A toy",
            "population": "Toys",
            "origin_label": "operation",
            "source": {"kind": "registry", "file": "toy.csv", "exported": "2020-12-31"},
            "variables": [
                {"name": "age", "column": "a", "label": "Age", "type": "integer", "unit": "years"},
                {"name": "nlr", "column": "n", "label": "NLR", "type": "number"},
                {"name": "months", "column": "m", "label": "Months", "type": "number"},
                category("sex", "Sex", male="Male", female="Female"),
                category("local", "Local treatment", no="Without local treatment", yes="With local treatment"),
                category("vital", "Vital status", alive="Alive", dead="Dead"),
            ],
            "derived": [
                {"name": "age_group", "label": "Age", "unit": "years", "cut": "age", "at": [56], "levels": ["<56", ">=56"], "level_labels": {"<56": "< 56", ">=56": "≥ 56"}}
            ],
            "eligibility": [{"id": "all", "label": "Complete records", "keep": [{"variable": "age", "present": True}]}],
            "endpoints": [{"name": "os", "label": "Overall survival", "definition": "d", "time": "months", "happened": [{"variable": "vital", "one_of": ["dead"]}]}],
            "analyses": [{"id": "s", "label": "S", "kind": "survival", "endpoint": "os", "at": ["36 months"]}],
        }
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "value", "words"),
    [
        ("os.survival(36 months)", 0.625, "62.5%"),
        ("os.survival(36 months)", 0, "0.0%"),
        ("os.survival_difference(36 months) by sex(male / female)", -0.0837, "\u22128.4 percentage points"),
        ("os.survival_difference(36 months) by sex(male / female)", -0.0001, "0.0 percentage points"),
        ("os.median", 49.93, "49.9 months"),
        ("os.median", nan, "not reached"),
        ("os.median", inf, "not reached"),
        ("os.survival(36 months)", nan, "not estimable"),
        ("os.hazard_ratio by sex(male / female)", 2.449, "2.45"),
        ("os.hazard_ratio by sex(male / female)", 25.68, "25.7"),
        ("os.hazard_ratio by sex(male / female)", 1234.5, "1235"),
        ("os.hazard_ratio by sex(male / female)", inf, "unbounded"),
        ("os.auc(36 months) by nlr", 0.674, "0.67"),
        ("os.roc_cutoff(36 months) by age", 55.5, "55.5 years"),
        ("os.logrank_p by sex", 0.0004, "<0.001"),
        ("n{sex=male}", 13.0, "13"),
        ("age.median", 56.0, "56 years"),
        ("age.median", 47.5, "47.5 years"),
        ("nlr.median", 2.316, "2.32"),
        ("nlr.maximum", 17.52, "17.5"),
    ],
)  # fmt: skip
def test_a_value(text, value, words, protocol):
    assert tables.format_value(Estimand.parse(text), value, protocol) == words


@pytest.mark.parametrize(
    ("p", "words"),
    [
        (0.0, "<0.001"),
        (0.00099, "<0.001"),
        (0.001, "0.001"),
        (0.0412, "0.041"),
        (0.0994, "0.099"),
        (0.0996, "0.10"),
        (0.205, "0.21"),
        (0.99, "0.99"),
        (0.9999, ">0.99"),
        (nan, "not estimable"),
    ],
)
def test_a_p_value(p, words):
    assert tables.format_p(p) == words


def test_estimates_intervals_and_sets(protocol):
    median = Estimand.parse("os.median")
    assert (
        tables.format_estimate(median, 49.9, 30.0, 59.4, protocol)
        == "49.9 months (95% CI 30.0 to 59.4)"
    )
    assert (
        tables.format_estimate(median, 49.9, 30.0, nan, protocol)
        == "49.9 months (95% CI 30.0 to not reached)"
    )
    assert tables.format_estimate(median, 49.9, nan, nan, protocol) == "49.9 months"


@pytest.mark.parametrize(
    ("text", "lower", "upper", "words"),
    [
        ("os.hazard_ratio by sex(male / female)", 5.0, 25.7, "5.00 to 25.7"),
        ("os.hazard_ratio by sex(male / female)", 5.0, inf, "5.00 to unbounded"),
        ("os.median", 2.5, inf, "2.5 months to not reached"),
        ("os.median", 30.1, 59.4, "30.1 to 59.4 months"),
        ("os.median", 30.1, 30.1, "30.1 months"),
        ("os.logrank_p by sex", 0.0001, 0.04, "<0.001 to 0.040"),
        ("n", 9, 9, "9"),
    ],
)
def test_an_identified_set(text, lower, upper, words, protocol):
    found = tables.format_range(Estimand.parse(text), lower, upper, protocol)
    assert found.replace(tables.NBSP, " ") == words


@pytest.mark.parametrize(
    ("share", "of", "words"),
    [
        (0.625, None, "62.5"), (0.625, 24, "63"), (0.625, 99, "63"), (0.285, 20, "29"), (0.125, 8, "13"), (0.625, 100, "62.5"),
        (1, 7, "100"), (0, 7, "0"), (-0.0837, 50, "\u22128"), (-0.001, 50, "0"), (0.6666, 7000, "66.7"),
    ],
)  # fmt: skip
def test_the_denominator_decides_the_decimals_of_a_share(share, of, words):
    assert tables.format_share(share, of) == words


def test_the_denominator_decides_in_estimates_and_sets_too(protocol):
    rate = Estimand.parse("os.survival(36 months)")
    assert (
        tables.format_estimate(rate, 0.625, 0.403, 0.784, protocol) == "62.5% (95% CI 40.3 to 78.4)"
    )
    assert (
        tables.format_estimate(rate, 0.625, 0.403, 0.784, protocol, of=24)
        == "63% (95% CI 40 to 78)"
    )
    assert tables.format_range(rate, 0.31, 0.384, protocol, of=60) == "31\u00a0to\u00a038%"
    median = Estimand.parse("os.median")
    assert tables.format_value(median, 49.9, protocol, of=24) == "49.9 months"


@pytest.mark.parametrize(
    ("duration", "noun", "adjective"),
    [
        ("36 months", "3 years", "3-year"),
        ("1 year", "1 year", "1-year"),
        ("18 months", "18 months", "18-month"),
        ("147 days", "147 days", "147-day"),
        ("2 weeks", "14 days", "14-day"),
    ],
)
def test_a_duration(duration, noun, adjective):
    assert tables.describe_duration(Duration.parse(duration)) == noun
    assert tables.describe_duration(Duration.parse(duration), adjective=True) == adjective


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("n", "number of patients"),
        ("n{os=event}", "number of patients, patients with an event (overall survival)"),
        ("flow.excluded(all)", "patients excluded: complete records"),
        ("sex.proportion(female)", "share of patients, sex: female"),
        ("sex.chi2_p by local", "p-value of the chi-squared test of sex by local treatment"),
        ("age.median{sex=male}", "median age, sex: male"),
        ("nlr.sd", "standard deviation of NLR"),
        ("age.median_difference by sex(male / female)", "difference of medians of age, sex: male against female"),
        ("os.survival(36 months){age_group=>=56}", "3-year overall survival, age ≥ 56 years"),
        ("os.survival(36 months){local=yes}", "3-year overall survival, with local treatment"),
        ("os.median", "median overall survival"),
        ("os.events", "events of overall survival"),
        ("os.crude_rate(60 months)", "share of patients observed longer than 5 years (overall survival)"),
        ("os.at_risk(12 months)", "number at risk at 1 year (overall survival)"),
        ("os.rmst(60 months)", "restricted mean survival time to 5 years (overall survival)"),
        ("os.followup_median{os=censored}", "median observed time (overall survival), censored patients"),
        ("os.reverse_followup_median", "median follow-up by reverse Kaplan-Meier (overall survival)"),
        ("os.logrank_p by age_group", "p-value of the log-rank test of overall survival by age"),
        ("os.hazard_ratio by age_group(>=56 / <56)", "hazard ratio of overall survival, age: ≥ 56 years against < 56 years"),
        ("os.hazard_ratio by local(yes / no) adjusted for age, sex", "hazard ratio of overall survival, with local treatment against without local treatment, adjusted for age and sex"),
        ("os.hazard_ratio by age", "hazard ratio of overall survival, for one year more of age"),
        ("os.hazard_ratio by nlr", "hazard ratio of overall survival, for one unit more of NLR"),
        ("os.interaction_p by local within sex", "p-value of the interaction test (likelihood ratio) of overall survival by local treatment within sex"),
        ("os.auc(36 months) by nlr", "area under the ROC curve at 3 years (overall survival), NLR as marker"),
    ],
)  # fmt: skip
def test_an_estimand_in_words(text, words, protocol):
    assert tables.describe(Estimand.parse(text), protocol) == words


ARGUMENTS = {"": "", "duration": "(36 months)", "step": "(all)", "level": "(female)"}
BY = {
    "none": "",
    "groups": " by sex",
    "contrast": " by sex(male / female)",
    "marker": " by age",
    "interaction": " by sex within local",
}
SUBJECTS = {
    "patients": "",
    "flow": "flow.",
    "category": "sex.",
    "number": "age.",
    "endpoint": "os.",
}


@pytest.mark.parametrize("kind", STATISTICS.values(), ids=lambda kind: kind.name)
def test_every_statistic_has_words_and_a_format(kind, protocol):
    for subject in kind.subjects:
        by = BY[kind.comparison].replace(
            "by sex", "by local" if subject == "category" else "by sex"
        )
        text = f"{SUBJECTS[subject]}{kind.name}{ARGUMENTS[kind.argument]}{by}"
        estimand = Estimand.parse(text)
        words = tables.describe(estimand, protocol)
        assert words
        assert kind.name not in words or "_" not in kind.name
        shown = tables.format_value(estimand, 0.5, protocol)
        assert any(c.isdigit() for c in shown)
        assert shown.endswith(tables.unit(estimand, protocol))


@pytest.mark.property
@given(p=st.floats(0, 1))
def test_a_printed_p_is_never_further_off_than_its_last_place(p):
    words = tables.format_p(p)
    bound = float(words.lstrip("<>"))
    if words.startswith("<"):
        assert p < bound
    elif words.startswith(">"):
        assert p > bound
    else:
        assert abs(p - bound) <= 0.5 * 10 ** -len(words.split(".")[1]) + 1e-12


@pytest.mark.property
@given(value=st.floats(-1e6, 1e6), decimals=st.integers(0, 4))
def test_a_fixed_number_is_the_nearest_and_never_minus_zero(value, decimals):
    words = tables.fixed(value, decimals)
    found = float(words.replace(tables.MINUS, "-"))
    assert abs(found - value) <= 0.5 * 10**-decimals * (1 + 1e-9) + 1e-9
    assert not (found == 0 and words.startswith(tables.MINUS))
    assert len(words.partition(".")[2]) == decimals
    assert tables.fixed(-value, decimals).lstrip(tables.MINUS) == words.lstrip(tables.MINUS)
