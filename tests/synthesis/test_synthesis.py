"""Studies side by side and pooled: by hand, against metafor, and in what must always hold."""

import json
from math import exp, log, nan, sqrt
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtri, stdtrit

from resarc.errors import ConfigurationError
from resarc.estimand import Estimand
from resarc.protocol import Protocol
from resarc.synthesis import (
    HARMONISED,
    LEFT_OUT,
    POOLED,
    REPORTED,
    Questions,
    StudyResults,
    harmonise,
    leave_one_out,
    load,
    pool,
    random_effects,
    reported,
)
from resarc.synthesis.proportions import proportions
from resarc.synthesis.words import heterogeneity

ROOT = Path(__file__).parents[2]
FIXTURES = json.loads((ROOT / "tests/r/pool.json").read_text())
METAFOR = FIXTURES["results"]
HR, ORR = "os.hazard_ratio by treated(yes / no)", "response.proportion(yes)"


# -- the mean itself -----------------------------------------------------------------------------


@pytest.mark.parity
@pytest.mark.parametrize("case", METAFOR, ids=lambda case: case["name"])
def test_metafor_agrees(case):
    found = random_effects(case["yi"], case["vi"])
    for name in ("mean", "se", "lower", "upper", "tau2", "i2"):
        assert getattr(found, name) == pytest.approx(case[name], rel=1e-6, abs=1e-8), name
    if len(case["yi"]) > 2:
        for name in ("prediction_lower", "prediction_upper"):
            assert getattr(found, name) == pytest.approx(case[name], rel=1e-6, abs=1e-8)
    else:
        assert found.prediction_lower != found.prediction_lower


@pytest.mark.unit
def test_two_studies_by_hand():
    # Effects 0 and 1, variances 0.1: Q = 0.5 / 0.1 = 5; Paule-Mandel solves 0.5 / (0.1 + t) = 1.
    found = random_effects([0, 1], [0.1, 0.1])
    assert found.mean == pytest.approx(0.5)
    assert found.tau2 == pytest.approx(0.4)
    assert found.i2 == pytest.approx(0.8)
    assert found.se == pytest.approx(0.5)  # of two equal weights: half the distance
    assert found.upper == pytest.approx(0.5 + stdtrit(1, 0.975) * 0.5)


effects = st.lists(
    st.tuples(st.integers(-30, 30).map(lambda x: x / 10), st.integers(1, 40).map(lambda x: x / 40)),
    min_size=2,
    max_size=6,
)


@pytest.mark.property
@settings(max_examples=40, deadline=None)
@given(studies=effects, shift=st.integers(-5, 5))
def test_order_shift_and_range(studies, shift):
    y, v = zip(*studies, strict=True)
    found = random_effects(y, v)
    turned = random_effects(y[::-1], v[::-1])
    assert turned.mean == pytest.approx(found.mean, abs=1e-6)
    assert turned.lower == pytest.approx(found.lower, abs=1e-5)
    assert min(y) - 1e-9 <= found.mean <= max(y) + 1e-9
    moved = random_effects([x + shift for x in y], v)
    assert moved.mean == pytest.approx(found.mean + shift, abs=1e-6)
    assert moved.tau2 == pytest.approx(found.tau2, abs=1e-5)
    if len(y) > 2:
        assert found.prediction_lower <= found.lower + 1e-9
        assert found.prediction_upper >= found.upper - 1e-9


@pytest.mark.parity
@pytest.mark.parametrize("case", FIXTURES["reml"], ids=lambda case: case["name"])
def test_metafor_agrees_on_restricted_likelihood(case):
    found = random_effects(case["yi"], case["vi"], estimator="reml")
    for name in ("mean", "se", "lower", "upper", "tau2"):
        assert getattr(found, name) == pytest.approx(case[name], rel=1e-6, abs=1e-8), name


@pytest.mark.parity
@pytest.mark.parametrize("case", FIXTURES["glmm"], ids=lambda case: case["name"])
def test_metafor_agrees_on_proportions(case):
    found = proportions(case["xi"], case["ni"])
    # lme4 stops within 1e-5 of the maximum; where shares of 0 and 1 meet, its 25 points of quadrature
    # are themselves 0.1% off (40, 80 and 160 points agree with each other).
    rough = case["name"] == "with none and all"
    for name in ("mean", "se", "lower", "upper", "tau2", "i2"):
        near = {"rel": 2e-3} if rough else {"rel": 5e-5, "abs": 1e-5}
        assert getattr(found, name) == pytest.approx(case[name], **near), name


# -- studies -------------------------------------------------------------------------------------


def protocol(study, kind="registry", **changes):
    source = {"kind": kind} | (
        {"file": f"{study}.csv", "exported": "2020-12-31"} if kind == "registry" else {}
    )
    categories = [
        {"name": name, "column": name, "label": name, "type": "category", "categories": {"no": ["0"], "yes": ["1"]}}
        for name in ("dead", "treated", "response")
    ]  # fmt: skip
    return Protocol.model_validate(
        {
            "study": study,
            "reference": study,
            "title": study,
            "population": f"Patients of {study}",
            "origin_label": f"origin of {study}",
            "source": source,
            "variables": [{"name": "months", "column": "m", "label": "Months", "type": "number"}, *categories],
            "eligibility": [{"id": "all", "label": "All", "keep": [{"variable": "months", "present": True}]}],
            "endpoints": [{"name": "os", "label": "OS", "definition": "d", "time": "months", "happened": [{"variable": "dead", "one_of": ["yes"]}]}],
            "analyses": [{"id": "s", "label": "S", "kind": "survival", "endpoint": "os", "at": ["36 months"]}],
        }
        | ({"reconstruction": {"period": ["2000-01-01", "2001-01-01"], "last_contact": "2010-01-01"}} if kind == "reconstruction" else {})
        | changes
    )  # fmt: skip


def study(
    name, value, lower=nan, upper=nan, estimand=HR, n=50, sets=None, comparison=None, errors=None
):
    row = {
        "estimand": estimand,
        "value": value,
        "lower": lower,
        "upper": upper,
        "n": n,
        "events": 9,
        "note": "",
    }
    identified = None
    if sets is not None:
        identified = pd.DataFrame([{"estimand": estimand, "lower": sets[0], "upper": sets[1]}])
    kind = "registry" if sets is None else "reconstruction"
    precision = None
    if errors is not None:
        precision = pd.DataFrame(
            [{"estimand": estimand, "se_lower": errors[0], "se_upper": errors[1]}]
        )
    return StudyResults(
        protocol(name, kind), pd.DataFrame([row]), identified, comparison, precision
    )


def questions(
    scale="log", will=True, estimand=HR, names=("one", "two"), variance="paule-mandel", **changes
):
    departs = {} if will else {"differs": {"population": "others"}}
    question = {
        "id": "q",
        "label": "Q",
        "scale": scale,
        "asked": {"definition": "death", "time_origin": "operation", "population": "the operated"},
        "reason": "because",
        "answers": [{"study": name, "estimand": estimand} | departs for name in names],
    }
    return Questions.model_validate({"variance": variance, "questions": [question | changes]})


def pooled(studies, asked):
    return pool(harmonise(studies, asked), asked).iloc[0]


@pytest.mark.unit
def test_side_by_side():
    comparison = pd.DataFrame(
        [
            {"estimand": HR, "printed": "0.6", "unit": "", "verdict": "reproduced"},
            {
                "estimand": HR,
                "printed": "44",
                "unit": "%",
                "verdict": "by construction",
                "read_as": "n",
            },
        ]
    )
    table = harmonise(
        [
            study("two", 0.8, 0.5, 1.3, sets=(0.7, 0.9)),
            study("one", 0.6, 0.4, 0.9, comparison=comparison),
        ],
        questions(names=("one", "two", "three")),
    )
    assert list(table.columns) == list(HARMONISED)
    assert table["study"].tolist() == ["one", "two"]  # the order of the question; three did not run
    one, two = table.iloc[0], table.iloc[1]
    assert one["printed"] == "0.6 (reproduced); 44% (by construction, read as n)"
    assert (one["origin"], two["origin"]) == ("registry", "reconstruction")
    assert one["time_origin"] == "origin of one"
    assert one["population"] == "Patients of one"
    assert (two["identified_lower"], two["identified_upper"]) == (0.7, 0.9)
    assert pd.isna(one["identified_lower"])
    assert (one["n"], one["events"]) == (50, 9)


@pytest.mark.unit
def test_what_was_not_estimated_stays_empty_and_says_so():
    given = StudyResults(protocol("one"), pd.DataFrame({"estimand": ["n"], "value": [9.0]}))
    row = harmonise([given], questions()).iloc[0]
    assert pd.isna(row["value"])
    assert row["note"] == "not estimated"


@pytest.mark.unit
def test_a_question_to_a_study_that_cannot_answer_is_refused():
    with pytest.raises(ConfigurationError, match=r"question 'q'.*no variable or endpoint 'grade'"):
        harmonise(
            [study("one", 1.0)],
            questions(estimand="os.hazard_ratio by grade(2 / 1)", names=("one",)),
        )


@pytest.mark.unit
def test_hazard_ratios_are_pooled_on_the_log_scale_with_variances_from_their_intervals():
    z = ndtri(0.975)
    se = (0.3, 0.5)
    ratios = (0.5, 0.9)
    given = [
        study(name, hr, hr * exp(-z * s), hr * exp(z * s))
        for name, hr, s in zip(("one", "two"), ratios, se, strict=True)
    ]
    row = pooled(given, questions())
    expected = random_effects([log(hr) for hr in ratios], [s**2 for s in se])
    assert row["value"] == pytest.approx(exp(expected.mean))
    assert row["lower"] == pytest.approx(exp(expected.lower))
    assert row["upper"] == pytest.approx(exp(expected.upper))
    assert pd.isna(row["prediction_lower"])  # two studies predict no third
    assert (row["pooled"], row["k"], row["studies"]) == ("yes", 2, "one; two")
    assert pd.isna(row["identified_lower"])
    assert "Hartung-Knapp" in row["method"]


@pytest.mark.unit
def test_shares_are_pooled_by_their_counts():
    cases = {"one": (15, 24), "two": (30, 66), "three": (9, 31), "four": (60, 93)}
    given = [study(name, x / n, estimand=ORR, n=n) for name, (x, n) in cases.items()]
    row = pooled(given, questions("logit", estimand=ORR, names=tuple(cases)))
    metafor = next(case for case in FIXTURES["glmm"] if case["name"] == "four shares")
    assert "binomial" in row["method"]
    for ours, theirs in (("value", "mean"), ("lower", "lower"), ("upper", "upper")):
        assert row[ours] == pytest.approx(1 / (1 + exp(-metafor[theirs])), rel=1e-5)
    assert row["tau2"] == pytest.approx(metafor["tau2"], rel=1e-4)


@pytest.mark.unit
def test_reconstructed_studies_are_pooled_at_the_ends_of_their_sets():
    width = exp(ndtri(0.975) * sqrt(0.04))
    given = [
        study("one", 1.0, 1 / width, width, sets=(0.5, 2.0)),
        study("two", 1.0, 1 / width, width),
    ]
    row = pooled(given, questions())
    # Equal variances weigh alike: the mean of log 0.5 and 0, of log 2 and 0.
    assert row["identified_lower"] == pytest.approx(sqrt(0.5))
    assert row["identified_upper"] == pytest.approx(sqrt(2))
    assert row["outer_lower"] < row["identified_lower"]
    assert row["outer_upper"] > row["identified_upper"]
    assert row["value"] == pytest.approx(1)
    assert (row["origin"], row["tau2_lower"]) == ("mixed", 0)
    # At the ends: squared distance log(2)^2 over two, less the variance.
    assert row["tau2_upper"] == pytest.approx(log(2) ** 2 / 2 - 0.04)
    assert row["heterogeneity"].startswith(
        "The studies' true ratios typically lie a factor of 1.00 to"
    )


@pytest.mark.unit
def test_an_open_identified_set_gives_no_bounds():
    row = pooled(
        [study("one", 1.0, 0.5, 2.0, sets=(0.5, nan)), study("two", 1.0, 0.5, 2.0)], questions()
    )
    assert row["pooled"] == "yes"
    assert pd.isna(row["identified_upper"])
    assert "an identified set is open" in row["reason"]


@pytest.mark.unit
@pytest.mark.parametrize(
    ("studies", "asked", "reason"),
    [
        ([("one", 0.5, 0.3, 0.8), ("two", 0.9, 0.5, 1.6)], questions(will=False), "because"),
        ([("one", 0.5, 0.3, 0.8)], questions(), "fewer than two studies"),
        ([("one", 0.5, 0.3, 0.8), ("two", nan, nan, nan)], questions(), "standard error: two"),
        ([("one", 0.5, 0.3, 0.8), ("two", 0.9, nan, nan)], questions(), "standard error: two"),
        ([("one", 0.5, 0.3, 0.8), ("two", 0.9, 0.0, 2.0)], questions(), "standard error: two"),
    ],
)
def test_what_is_not_pooled_says_why(studies, asked, reason):
    row = pooled([study(*each) for each in studies], asked)
    assert row["pooled"] == "no"
    assert pd.isna(row["value"])
    assert reason in row["reason"]
    assert row["k"] == len(studies)


@pytest.mark.unit
def test_a_share_of_everybody_is_pooled_as_the_count_that_it_is():
    given = [study("one", 1.0, estimand=ORR, n=9), study("two", 0.5, estimand=ORR, n=20)]
    row = pooled(given, questions("logit", estimand=ORR))
    assert (row["pooled"], row["k"]) == ("yes", 2)
    assert 0.5 < row["value"] < 1


@pytest.mark.unit
def test_shares_of_nobody_have_no_mean():
    given = [study("one", 0.0, estimand=ORR, n=9), study("two", 0.0, estimand=ORR, n=20)]
    row = pooled(given, questions("logit", estimand=ORR))
    assert row["pooled"] == "no"
    assert "nobody or everybody" in row["reason"]


@pytest.mark.unit
def test_a_survival_of_everybody_is_left_out_not_bent():
    alive = "os.survival(36 months)"
    given = [study("one", 1.0, nan, nan, alive), study("two", 0.5, 0.3, 0.7, alive)]
    row = pooled(given, questions("logit", estimand=alive))
    assert row["pooled"] == "no"
    assert "standard error: one" in row["reason"]


@pytest.mark.unit
def test_close_agreement_does_not_shrink_the_interval():
    same = random_effects([0.1, 0.1, 0.1], [0.06, 0.06, 0.06])
    assert same.se == pytest.approx(sqrt(0.06 / 3))
    case = next(case for case in METAFOR if case["name"] == "three that agree")
    assert case["unmodified_se"] < case["se"]


@pytest.mark.unit
def test_nothing_to_ask_gives_empty_tables():
    none = Questions()
    assert list(harmonise([], none).columns) == list(HARMONISED)
    nothing = harmonise([], none)
    assert list(pool(nothing, none).columns) == list(POOLED)
    assert list(leave_one_out(nothing, none).columns) == list(LEFT_OUT)
    assert list(reported(nothing, none).columns) == list(REPORTED)


@pytest.mark.unit
def test_an_answer_to_another_question_is_shown_and_not_pooled():
    answers = [
        {"study": "one", "estimand": HR, "comparable": {"time_origin": "from diagnosis"}},
        {"study": "two", "estimand": HR, "differs": {"population": "only the old"}},
        {"study": "three", "estimand": HR},
    ]
    asked = questions(answers=answers)
    given = [study(name, 0.8, 0.5, 1.28) for name in ("one", "two", "three")]
    table = harmonise(given, asked)
    assert table["poolable"].tolist() == ["yes", "no", "yes"]
    assert table["time_origin_match"].tolist() == ["comparable", "same", "same"]
    assert table["departures"].tolist() == [
        "time origin comparable: from diagnosis", "population differs: only the old", "",
    ]  # fmt: skip
    assert table["asked"].tolist() == ["death, from operation; the operated"] * 3
    row = pool(table, asked).iloc[0]
    assert (row["studies"], row["k"]) == ("one; three", 2)
    assert "another quantity: two" in row["reason"]


@pytest.mark.unit
def test_a_study_is_described_by_its_protocol():
    row = harmonise([study("one", 0.5, estimand=ORR)], questions("logit", estimand=ORR)).iloc[0]
    assert (row["definition"], row["time_origin"]) == ("response: yes", "")
    row = harmonise([study("one", 0.5)], questions()).iloc[0]
    assert (row["definition"], row["time_origin"]) == ("d", "origin of one")


@pytest.mark.unit
def test_the_standard_errors_of_all_datasets_count():
    width = exp(ndtri(0.975) * 0.2)
    given = [
        study("one", 1.0, 1 / width, width, sets=(1.0, 1.0), errors=(0.1, 0.4)),
        study("two", 1.5, 1.5 / width, 1.5 * width),
    ]
    row = pooled(given, questions())
    means = [random_effects([0, log(1.5)], [se**2, 0.04]).mean for se in (0.1, 0.2, 0.4)]
    assert log(row["identified_lower"]) == pytest.approx(min(means))
    assert log(row["identified_upper"]) == pytest.approx(max(means))
    assert min(means) < log(row["value"]) < max(means)


@pytest.mark.unit
def test_reml_can_be_chosen():
    names = tuple("s" + str(i) for i in range(3))
    given = [
        study(name, hr, hr / 1.5, hr * 1.5) for name, hr in zip(names, (0.4, 1.0, 3.0), strict=True)
    ]
    row = pooled(given, questions(names=names, variance="reml"))
    assert "REML" in row["method"]
    v = (2 * log(1.5) / (2 * ndtri(0.975))) ** 2
    expected = random_effects([log(0.4), 0, log(3)], [v] * 3, estimator="reml")
    assert row["tau2"] == pytest.approx(expected.tau2)


@pytest.mark.parity
@pytest.mark.parametrize("case", FIXTURES["leave1out"], ids=lambda case: case["name"])
def test_metafor_agrees_on_leaving_one_out(case):
    z, names = ndtri(0.975), tuple(f"s{i}" for i in range(len(case["yi"])))
    given = [
        study(name, exp(y), exp(y - z * sqrt(v)), exp(y + z * sqrt(v)))
        for name, y, v in zip(names, case["yi"], case["vi"], strict=True)
    ]
    asked = questions(names=names)
    table = leave_one_out(harmonise(given, asked), asked)
    assert table["left_out"].tolist() == list(names)
    assert set(table["k"]) == {len(names) - 1}
    for ours, theirs in (("value", "mean"), ("lower", "lower"), ("upper", "upper")):
        assert [log(x) for x in table[ours]] == pytest.approx(case[theirs], rel=1e-6, abs=1e-8)
    assert table["tau2"].tolist() == pytest.approx(case["tau2"], rel=1e-6, abs=1e-8)


@pytest.mark.unit
def test_without_one_of_two_the_other_stands_alone():
    asked = questions()
    table = leave_one_out(
        harmonise(
            [study("one", 0.5, 0.25, 1.0, sets=(0.4, 0.6)), study("two", 0.9, 0.45, 1.8)], asked
        ),
        asked,
    )
    alone = table.set_index("left_out")
    assert alone.loc["one", ["k", "studies", "origin"]].tolist() == [1, "two", "registry"]
    assert alone.loc["one", ["value", "lower", "upper"]].tolist() == pytest.approx([0.9, 0.45, 1.8])
    assert alone.loc["two", ["identified_lower", "identified_upper"]].tolist() == pytest.approx(
        [0.4, 0.6]
    )
    assert alone.loc["two", "outer_lower"] == pytest.approx(0.2)


@pytest.mark.unit
@pytest.mark.parametrize(
    ("sets", "relation"),
    [((0.2, 0.3), "within"), ((0.05, 0.3), "overlaps"), ((0.8, 0.9), "outside"), ((nan, 0.3), "")],
)
def test_what_the_literature_reports_stands_beside(sets, relation):
    span = {"lower": 0.11, "upper": 0.71, "reference": "r", "locator": "p. 1", "what": "series"}
    asked = questions("logit", estimand=ORR, names=("one",), reported=span)
    table = reported(harmonise([study("one", 0.25, estimand=ORR, sets=sets)], asked), asked)
    assert list(table.columns) == list(REPORTED)
    row = table.iloc[0]
    assert (row["reported_lower"], row["reported_upper"], row["locator"]) == (0.11, 0.71, "p. 1")
    assert row["relation"] == relation


@pytest.mark.unit
def test_heterogeneity_in_words():
    found = {
        "tau2": 0.5,
        "tau2_lower": 0.04,
        "tau2_upper": 0.25,
        "i2": 0.9,
        "i2_lower": 0.1,
        "i2_upper": 0.55,
    }
    far = found | {"outer_prediction_lower": 0.7, "outer_prediction_upper": 1.9}
    assert heterogeneity("log", 4, far) == (
        "The studies' true ratios typically lie a factor of 1.22 to 1.65 from their mean (tau² 0.04 to "
        "0.25 on the log scale). I² 10% to 55%: that much of the variance of what was observed lies "
        "between the studies. A further study is expected to have its true value between 0.70 and 1.90, "
        "so it may point either way."
    )
    assert "nothing is predicted" in heterogeneity("log", 2, found)
    none = {"tau2": 0.0, "i2": 0.0, "prediction_lower": 0.2, "prediction_upper": 0.4}
    assert heterogeneity("logit", 3, none) == (
        "No variance between the studies was found beyond chance (tau² 0). I² 0%: that much of the "
        "variance of what was observed lies between the studies. A further study is expected to have "
        "its true value between 20% and 40%."
    )


# -- configuration -------------------------------------------------------------------------------


@pytest.mark.unit
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"scale": "logit"}, "no fraction"),
        ({"estimand": "os.median"}, "no ratio"),
        ({"names": ("one", "one")}, "answers twice"),
        ({"reason": ""}, "at least 1 character"),
        ({"variance": "guess"}, "paule-mandel"),
        ({"answers": [{"study": "one", "estimand": HR, "differs": {"origin": "x"}}]}, "definition"),
        (
            {"answers": [{"study": "one", "estimand": HR, "differs": {"population": " "}}]},
            "in what",
        ),
        (
            {
                "answers": [
                    {
                        "study": "one",
                        "estimand": HR,
                        "differs": {"population": "a"},
                        "comparable": {"population": "b"},
                    }
                ]
            },
            "either comparable or differs",
        ),
        (
            {
                "scale": "logit",
                "answers": [
                    {"study": "one", "estimand": ORR},
                    {"study": "two", "estimand": "os.survival(36 months)"},
                ],
            },
            "or none",
        ),
        (
            {
                "reported": {
                    "lower": 0.7,
                    "upper": 0.1,
                    "reference": "r",
                    "locator": "l",
                    "what": "w",
                }
            },
            "lower end first",
        ),
    ],
)
def test_questions_that_cannot_be_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        questions(**changes)


@pytest.mark.unit
def test_a_question_stands_once():
    one = questions().questions[0].model_dump()
    with pytest.raises(ValueError, match="stands twice"):
        Questions.model_validate({"questions": [one, one]})


@pytest.mark.unit
def test_what_a_study_is_asked():
    asked = questions(names=("one", "two"))
    assert asked.estimands("one") == [Estimand.parse(HR)]
    assert asked.estimands("three") == []


@pytest.mark.config
def test_the_committed_questions_can_be_answered():
    from resarc.analysis import plan
    from resarc.protocol import load as load_protocol

    asked = load(ROOT / "config/synthesis.yaml")
    studies = {a.study for q in asked.questions for a in q.answers}
    assert studies
    for name in studies:
        given = load_protocol(ROOT / f"config/studies/{name}.yaml")
        planned = {str(item.estimand) for item in plan(given, asked.estimands(name))}
        assert not [e for e in asked.estimands(name) if str(e) not in planned]
        assert not [e for e in asked.estimands(name) if given.explain_fault(e)]
