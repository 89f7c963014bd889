"""Six patients whose every statistic can be worked out with a pencil.

patient   1   2   3   4   5   6
months    2   4   6   8  10  12
event     1   1   0   1   0   1
treated  no  no yes  no yes yes
sex       m   f   f   m   f   m
size     30  20  99  10  25   5
"""

from math import isnan, sqrt

import numpy as np
import pandas as pd
import pytest
from scipy.special import chdtrc, ndtr, ndtri

from resarc.analysis import CohortView, curves, estimate, evaluate, evaluate_flow, plan
from resarc.analysis.evaluate import _EVALUATORS
from resarc.errors import ConfigurationError, DataError
from resarc.estimand import STATISTICS, Estimand
from resarc.protocol import Protocol

pytestmark = pytest.mark.unit


@pytest.fixture
def six():
    return pd.DataFrame(
        {
            "os_time": [2.0, 4, 6, 8, 10, 12],
            "os_event": [1.0, 1, 0, 1, 0, 1],
            "pfs_time": [1.0, 1, 1, 1, 1, 1],
            "pfs_event": [0.0, 0, 0, 0, 0, 0],
            "treated": ["no", "no", "yes", "no", "yes", "yes"],
            "sex": ["male", "female", "female", "male", "female", "male"],
            "stage": ["I", "I", "II", "II", None, "I"],
            "size": [30.0, 20, 99, 10, 25, 5],
            "age": [50.0, 60, 70, np.nan, 40, 30],
        }
    )


LOGRANK = (3 - (0.5 + 0.4 + 1 / 3)) ** 2 / (0.25 + 0.24 + 2 / 9)
GREENWOOD = sqrt(1 / 9 * (1 / 6 + 1 / 2))  # of the untreated at 6 months, S = 1/3

BY_HAND = [
    ("n", 6, 6, None),
    ("n{sex=male}", 3, 6, None),
    ("n{stage=I}", 3, 5, None),
    ("n{os=event, treated=no}", 3, 6, None),
    ("age.known", 5, 6, None),
    ("stage.missing{treated=yes}", 1, 3, None),
    ("os.known{sex=male}", 3, 3, None),
    ("stage.proportion(I)", 3 / 5, 5, None),
    ("os.proportion(event)", 4 / 6, 6, None),
    ("stage.proportion(II){treated=yes}", 1 / 2, 2, None),
    ("sex.chi2_p by treated", chdtrc(1, 6 * 9 / 81), 6, None),
    ("sex.chi2_yates_p by treated", 1.0, 6, None),  # every count is 1/2 from what is expected
    ("sex.fisher_p by treated", 1.0, 6, None),
    ("sex.trend_p by treated", chdtrc(1, 5 / 9), 6, None),
    ("age.mean", 50, 5, None),
    ("age.sd", sqrt(250), 5, None),
    ("age.median", 50, 5, None),
    ("age.q1", 40, 5, None),
    ("age.q3", 60, 5, None),
    ("age.minimum{treated=yes}", 30, 3, None),
    ("age.maximum{treated=yes}", 70, 3, None),
    ("size.median_difference by treated(no / yes)", 20 - 25, 6, None),
    # Untreated 30, 20, 10 (mean 20, variance 100), treated 99, 25, 5 (43, 2452).
    ("size.standardised_difference by treated(yes / no)", 23 / sqrt(1276), 6, None),
    # Stage I in 2 of 3 and in 1 of 2; nobody has stage III.
    ("stage.standardised_difference by treated(yes / no)", 1 / 6 / sqrt(17 / 72), 5, None),
    ("size.mann_whitney_p by treated", 1.0, 6, None),  # U = 4, its mean 4.5, correction 0.5
    ("size.mann_whitney_uncorrected_p by treated", chdtrc(1, 0.25 / 5.25), 6, None),
    ("size.kruskal_wallis_p by treated", chdtrc(1, 0.25 / 5.25), 6, None),
    ("os.events", 4, 6, 4),
    ("os.survival(5 months)", 2 / 3, 6, 4),
    ("os.survival(9 months)", 4 / 9, 6, 4),
    ("os.survival(5 years)", 0, 6, 4),  # the last patient's death makes it known for good
    ("os.median", 8, 6, 4),
    ("os.crude_rate(6 months)", 3 / 6, 6, 4),
    # Dead by 7 months are two, free of it three; patient 3 was censored before.
    ("os.followed_rate(7 months)", 3 / 5, 5, 2),
    ("os.at_risk(6 months)", 4, 6, 4),
    ("os.rmst(10 months)", 2 + 2 * 5 / 6 + 4 * 2 / 3 + 2 * 4 / 9, 6, 4),
    ("os.rmst_difference(6 months) by treated(no / yes)", 4 - 6, 6, 4),
    ("os.survival_difference(6 months) by treated(no / yes)", 1 / 3 - 1, 6, 4),
    ("os.followup_median", 7, 6, 4),
    ("os.followup_mean", 7, 6, 4),
    ("os.followup_minimum", 2, 6, 4),
    ("os.followup_maximum", 12, 6, 4),
    ("os.followup_median{os=censored}", 8, 2, 0),
    ("os.reverse_followup_median", 10, 6, 4),
    ("os.logrank_p by treated", chdtrc(1, LOGRANK), 6, 4),
    # The same differences and variances by time, with weights 6, 5, 3; their roots; 1, 5/6, 2/3.
    ("os.wilcoxon_p by treated", chdtrc(1, (3 + 3 + 2) ** 2 / (9 + 6 + 2)), 6, 4),
    (
        "os.tarone_ware_p by treated",
        chdtrc(1, (sqrt(6) / 2 + sqrt(5) * 0.6 + sqrt(3) * 2 / 3) ** 2 / (1.5 + 1.2 + 2 / 3)),
        *(6, 4),
    ),
    (
        "os.peto_p by treated",
        chdtrc(1, (1 / 2 + 1 / 2 + 4 / 9) ** 2 / (1 / 4 + 1 / 6 + 8 / 81)),
        6,
        4,
    ),
    # Untreated patients die first throughout: the likelihood rises to 1/3 x 1/2 from 1/6 x 1/5 x 1/3.
    ("os.cox_lr_p by treated", chdtrc(1, 2 * np.log(15)), 6, 4),
    # Known status at 7 months: dead 30 and 20 mm, alive 10, 25 and 5 mm; patient 3 is unknown.
    ("os.auc(7 months) by size", 5 / 6, 5, 2),
    ("os.roc_cutoff(7 months) by size", 15, 5, 2),
]


@pytest.mark.parametrize(("text", "value", "n", "events"), BY_HAND)
def test_by_hand(text, value, n, events, six, protocol):
    found = evaluate(Estimand.parse(text), six, protocol)
    assert found.value == pytest.approx(value, abs=1e-12)
    assert (found.n, found.events) == (n, events)
    assert found.method


def test_hazard_ratio_by_hand(six, protocol):
    # L(h) = h^2 / ((h + 1)(2h + 3)(2h + 1)): men die at 2, 8 and 12 months, a woman at 4.
    from scipy.optimize import brentq

    h = brentq(lambda h: 2 / h - 1 / (h + 1) - 2 / (2 * h + 3) - 2 / (2 * h + 1), 0.1, 100)
    information = sum(h * a * b / (a * h + b) ** 2 for a, b in ((3, 3), (2, 3), (2, 1)))
    z = np.log(h) * sqrt(information)
    ratio = evaluate(Estimand.parse("os.hazard_ratio by sex(male / female)"), six, protocol)
    assert ratio.value == pytest.approx(h, rel=1e-9)
    assert ratio.upper == pytest.approx(h * np.exp(ndtri(0.975) / sqrt(information)), rel=1e-6)
    assert ratio.p == pytest.approx(2 * ndtr(-abs(z)), rel=1e-6)
    p = evaluate(Estimand.parse("os.cox_p by sex(male / female)"), six, protocol)
    assert p.value == ratio.p


def test_difference_of_survival_has_greenwoods_interval(six, protocol):
    text = "os.survival_difference(6 months) by treated(no / yes)"
    found = evaluate(Estimand.parse(text), six, protocol)
    assert found.upper == pytest.approx(-2 / 3 + ndtri(0.975) * GREENWOOD)
    assert found.p == pytest.approx(2 * ndtr(-2 / 3 / GREENWOOD))


def test_intervals_follow_the_conventions_of_the_protocol(six, protocol):
    text = Estimand.parse("os.survival(5 months)")
    plain = protocol.model_copy(
        update={"conventions": protocol.conventions.model_copy(update={"survival_interval": "plain", "level": 0.9})}
    )  # fmt: skip
    se = 2 / 3 * sqrt(1 / 30 + 1 / 20)
    found = evaluate(text, six, plain)
    assert found.lower == pytest.approx(2 / 3 - ndtri(0.95) * se)
    assert found.method == "Kaplan-Meier, plain 90% interval"
    loglog = evaluate(text, six, protocol)
    width = ndtri(0.975) * se / (2 / 3) / -np.log(2 / 3)
    assert loglog.lower == pytest.approx((2 / 3) ** np.exp(width))
    assert loglog.method == "Kaplan-Meier, log-log 95% interval"


def test_every_statistic_is_evaluated_and_tested():
    flow = {name for name, kind in STATISTICS.items() if "flow" in kind.subjects}
    assert set(_EVALUATORS) | {"median"} | flow == set(STATISTICS)
    by_hand = {Estimand.parse(text).statistic for text, *_ in BY_HAND}
    elsewhere = {"hazard_ratio", "cox_p", "ph_p", "interaction_p"}
    assert by_hand | elsewhere | flow == set(STATISTICS)


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("os.median{treated=yes}", ""),
        ("pfs.median", "median not reached: no events"),
        ("pfs.survival(6 months)", "6 months lie beyond the longest follow-up, 1 months"),
        ("pfs.rmst(6 months)", "6 months lie beyond the longest follow-up, 1 months"),
        ("pfs.logrank_p by sex", "no events"),
        ("pfs.hazard_ratio by sex(male / female)", "no events"),
        ("os.hazard_ratio by treated(no / yes)", "hazard ratio of infinite"),
        ("os.hazard_ratio by treated(yes / no)", "hazard ratio of 0"),
        ("os.hazard_ratio by stage(III / I)", "no patient with stage III"),
        ("os.hazard_ratio{sex=male} by stage(II / I) adjusted for sex", "two levels of sex"),
        ("os.logrank_p{sex=male, treated=no} by treated", "fewer than two levels of treated"),
        ("os.rmst_difference(50 months) by treated(no / yes)", ""),
        ("pfs.rmst_difference(50 months) by treated(no / yes)", "treated no: 50 months lie beyond"),
        ("os.survival_difference(5 months) by stage(III / I)", "no patient with follow-up and stage III"),
        ("os.auc(1 month) by size", "no event within 1 months"),
        ("os.auc(99 months) by size", "nobody is known to be free of the event"),
        ("stage.chi2_p{stage=I} by sex", "fewer than two levels of stage"),
        ("stage.proportion(I){stage=III}", "no patient with a known value"),
        ("age.mean{stage=III}", "no patient with a known value"),
        ("age.sd{stage=II, sex=female}", "one patient: no spread"),
        ("age.standardised_difference by stage(III / I)", "no patient with a known value and stage III"),
        ("age.standardised_difference{sex=female} by stage(II / I)", "a group of one patient"),
        ("stage.standardised_difference{treated=no} by sex(male / female)", ""),
        ("sex.standardised_difference by stage(II / I)", ""),
        ("sex.standardised_difference{os=censored} by stage(II / I)", "no patient with a known value"),
        ("size.mann_whitney_p by stage", ""),
        ("os.followup_median{stage=III}", "no patient with follow-up"),
        ("os.interaction_p{sex=male} by treated within stage", "product terms"),
    ],
)  # fmt: skip
def test_what_cannot_be_estimated_says_why(text, note, six, protocol):
    found = evaluate(Estimand.parse(text), six, protocol)
    assert isnan(found.value) == bool(note)
    assert note in found.note


def test_separation_keeps_the_limit_that_exists(six, protocol):
    up = evaluate(Estimand.parse("os.hazard_ratio by treated(no / yes)"), six, protocol)
    down = evaluate(Estimand.parse("os.hazard_ratio by treated(yes / no)"), six, protocol)
    assert isnan(up.upper)
    assert isnan(down.lower)
    assert down.upper == pytest.approx(1 / up.lower, rel=1e-6)
    assert up.p == pytest.approx(down.p)
    assert 0 < up.p < 1


def test_mann_whitney_of_three_groups_is_refused_in_words(six, protocol):
    six["stage"] = ["I", "II", "III"] * 2
    found = evaluate(Estimand.parse("size.mann_whitney_p by stage"), six, protocol)
    assert isnan(found.value)
    assert found.note == "stage has 3 levels, not two"


def test_flow():
    flow = pd.DataFrame(
        [("screened", 150, 0, 150), ("adults", 150, 8, 142)],
        columns=["step", "entering", "excluded", "remaining"],
    )
    values = [
        evaluate_flow(Estimand.parse(text), flow).value
        for text in ("flow.screened", "flow.excluded(adults)", "flow.remaining(adults)")
    ]
    assert values == [150, 8, 142]
    with pytest.raises(DataError, match="0 rows 'consent'"):
        evaluate_flow(Estimand.parse("flow.excluded(consent)"), flow)


def test_an_estimand_of_another_study_is_refused(six, protocol):
    with pytest.raises(ConfigurationError, match="no variable or endpoint 'grade'"):
        evaluate(Estimand.parse("n{grade=1}"), six, protocol)
    with pytest.raises(ConfigurationError, match="evaluate_flow"):
        evaluate(Estimand.parse("flow.screened"), six, protocol)


def test_a_cohort_without_a_column_is_refused(six, protocol):
    with pytest.raises(DataError, match="no column 'size'"):
        evaluate(Estimand.parse("size.mean"), six.drop(columns="size"), protocol)


def test_table_of_estimates(cohort, protocol):
    flow = pd.DataFrame(
        {"step": ["screened"], "entering": [70], "excluded": [0], "remaining": [70]}
    )
    planned = plan(protocol, [Estimand.parse("flow.screened")])
    table = estimate(planned, cohort, flow, protocol, "registry")
    assert list(table.columns) == [
        "estimand", "value", "lower", "upper", "p", "n", "events", "method", "origin", "analysis",
        "note",
    ]  # fmt: skip
    assert table["estimand"].is_unique
    assert set(table["origin"]) == {"registry"}
    assert table["value"].iloc[-1] == 70
    assert (table["note"] != "").eq(table["value"].isna()).mean() > 0.9
    tests = table["estimand"].str.contains("_p")
    assert (table["p"] == table["value"]).loc[tests & table["value"].notna()].all()


def test_remembered_fits_change_nothing(cohort, protocol):
    view = CohortView(cohort, protocol)
    for item in [*plan(protocol), *reversed(plan(protocol))]:
        alone = evaluate(item.estimand, cohort, protocol)
        assert repr(evaluate(item.estimand, view, protocol)) == repr(alone)


def test_adjusted_hazard_ratios_and_interaction_equal_lifelines(cohort, protocol):
    from lifelines import CoxPHFitter

    data = cohort.dropna(subset=["size", "stage"]).assign(
        II=lambda d: d["stage"] == "II",
        III=lambda d: d["stage"] == "III",
        yes=lambda d: d["treated"] == "yes",
        male=lambda d: d["sex"] == "male",
        both=lambda d: (d["treated"] == "yes") & (d["sex"] == "male"),
    )

    def fit(columns, frame=data):
        frame = frame[["os_time", "os_event", *columns]].astype(float)
        return CoxPHFitter().fit(frame, "os_time", "os_event", fit_options={"precision": 1e-10})

    model = fit(["II", "III", "size", "age"])
    text = "os.hazard_ratio by stage({} / I) adjusted for age, size"
    for level in ("II", "III"):
        found = evaluate(Estimand.parse(text.format(level)), cohort, protocol)
        assert found.value == pytest.approx(model.hazard_ratios_[level], rel=1e-6)
        assert found.p == pytest.approx(model.summary.loc[level, "p"], rel=1e-5)
        assert found.n == len(data)
    everyone = cohort.assign(
        yes=cohort["treated"] == "yes",
        male=cohort["sex"] == "male",
        both=(cohort["treated"] == "yes") & (cohort["sex"] == "male"),
    )
    gain = 2 * (
        fit(["yes", "male", "both"], everyone).log_likelihood_
        - fit(["yes", "male"], everyone).log_likelihood_
    )
    found = evaluate(Estimand.parse("os.interaction_p by treated within sex"), cohort, protocol)
    assert found.value == pytest.approx(chdtrc(1, gain), rel=1e-6)


def test_proportional_hazards_are_tested_for_a_category_as_a_whole(cohort, protocol):
    from resarc.survival.cox import proportional_hazards

    data = cohort.dropna(subset=["stage"])
    data = data.assign(II=(data["stage"] == "II") * 1.0, III=(data["stage"] == "III") * 1.0)
    table = proportional_hazards(
        data, "os_time", "os_event", ["II", "III"], terms={"stage": ["II", "III"]}
    )
    found = evaluate(Estimand.parse("os.ph_p by stage"), cohort, protocol)
    assert found.value == pytest.approx(table["p"].iloc[0])
    assert found.n == len(data)


def test_curves(six, protocol):
    table = curves(six, protocol)
    parts = set(map(tuple, table[["endpoint", "variable", "level"]].to_numpy()))
    assert {("os", "", ""), ("pfs", "", ""), ("os", "treated", "yes")} <= parts
    assert ("os", "sex", "male") in parts
    assert not [part for part in parts if part[0] == "pfs" and part[1]]
    assert ("os", "stage", "III") not in parts  # nobody has it
    whole = table[(table["endpoint"] == "os") & (table["variable"] == "")]
    assert whole["time"].tolist() == [0, 2, 4, 6, 8, 10, 12]
    assert whole["at_risk"].tolist() == [6, 6, 5, 4, 3, 2, 1]
    assert whole["events"].tolist() == [0, 1, 1, 0, 1, 0, 1]
    assert whole["censored"].tolist() == [0, 0, 0, 1, 0, 1, 0]
    assert whole["survival"].tolist() == pytest.approx([1, 5 / 6, 2 / 3, 2 / 3, 4 / 9, 4 / 9, 0])


def test_an_adjusted_model_is_fitted_once_for_all_of_its_covariates(monkeypatch):
    """Whichever covariate is asked for; a category compared with another than its first level is a
    model of its own, and gives the reciprocal."""
    from resarc.survival import cox as module

    fits = []
    fit = module.cox
    monkeypatch.setattr(
        module, "cox", lambda *given, **more: fits.append(given) or fit(*given, **more)
    )
    protocol = Protocol.model_validate(FITTED_ONCE)
    rng = np.random.default_rng(5)
    n = 200
    frame = pd.DataFrame(
        {
            "patient": [f"P{i}" for i in range(n)],
            "age": rng.normal(60, 10, n).round(),
            "sex": rng.choice(["f", "m"], n).astype(object),
            "grade": rng.choice(["1", "2", "3"], n).astype(object),
            "months": rng.exponential(30, n),
            "died": ["yes"] * n,
        }
    )
    frame["os_time"], frame["os_event"] = frame["months"], (rng.random(n) < 0.7).astype(float)
    view = CohortView(frame, protocol)

    def value(text: str) -> float:
        return evaluate(Estimand.parse(text), view, protocol).value

    texts = [
        "os.hazard_ratio by age adjusted for grade, sex",
        "os.cox_p by age adjusted for grade, sex",
        "os.hazard_ratio by sex(m / f) adjusted for age, grade",
        "os.hazard_ratio by grade(2 / 1) adjusted for age, sex",
        "os.hazard_ratio by grade(3 / 1) adjusted for age, sex",
    ]
    found = dict(zip(texts, map(value, texts), strict=True))
    assert len(fits) == 1
    assert all(np.isfinite(x) for x in found.values())
    other = value("os.hazard_ratio by sex(f / m) adjusted for age, grade")
    assert len(fits) == 2
    assert other == pytest.approx(1 / found[texts[2]], rel=1e-9)
    ratio = value("os.hazard_ratio by grade(3 / 2) adjusted for age, sex")
    assert ratio == pytest.approx(found[texts[4]] / found[texts[3]], rel=1e-9)


FITTED_ONCE = {
    "study": "once",
    "title": "Once",
    "population": "Simulated",
    "origin_label": "start",
    "source": {"kind": "registry", "file": "x.csv", "exported": "2024-01-01"},
    "variables": [
        {"name": "age", "column": "a", "label": "Age", "type": "number"},
        {"name": "sex", "column": "s", "label": "Sex", "type": "category", "categories": {"f": ["f"], "m": ["m"]}},
        {"name": "grade", "column": "g", "label": "Grade", "type": "category", "categories": {"1": ["1"], "2": ["2"], "3": ["3"]}},
        {"name": "months", "column": "m", "label": "Months", "type": "number"},
        {"name": "died", "column": "d", "label": "Died", "type": "category", "categories": {"yes": ["y"]}},
    ],
    "eligibility": [{"id": "all", "label": "All", "keep": [{"variable": "age", "present": True}]}],
    "endpoints": [{"name": "os", "label": "OS", "definition": "death", "time": "months", "happened": [{"variable": "died", "one_of": ["yes"]}]}],
    "analyses": [{"id": "m", "label": "M", "kind": "multivariable", "endpoint": "os", "variables": ["age", "sex", "grade"]}],
}  # fmt: skip
