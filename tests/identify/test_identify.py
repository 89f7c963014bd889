"""Identified sets and bands on members that a pencil can check, and what holds for any members."""

from __future__ import annotations

from math import inf, nan, sqrt

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resarc import analysis, tables
from resarc.compare import compare
from resarc.estimand import Estimand
from resarc.identify import (
    ADJUSTED_COLUMNS,
    COLUMNS,
    GRID,
    envelopes,
    identify,
    identify_adjusted,
)
from resarc.output import read_csv, write_csv
from resarc.precision import COLUMNS as PRECISION_COLUMNS
from resarc.precision import precision
from resarc.protocol import Protocol
from resarc.published import Published
from resarc.survival import kaplan_meier
from resarc.survival.multiplicity import adjusted

RATIO = "os.hazard_ratio by sex(female / male)"
NO_TARGETS = pd.DataFrame(columns=["figure", "estimand", "lower", "upper", "status", "share_held"])


def members(*events_and_sexes, age=50.0):
    """Members of four patients with the times 1, 2, 3, 4; each as '1110 mfmf'."""
    frames = []
    for member, (events, sexes) in enumerate(text.split() for text in events_and_sexes):
        frames.append(
            pd.DataFrame(
                {
                    "member": member,
                    "patient": [f"P{i}" for i in range(4)],
                    "sex": [{"m": "male", "f": "female", "?": None}[s] for s in sexes],
                    "age": age,
                    "os_time": [1.0, 2.0, 3.0, 4.0],
                    "os_event": [float(e) for e in events],
                }
            )
        )
    return pd.concat(frames, ignore_index=True)


THREE = members("1111 mfmf", "1100 fmfm", "1000 fmfm")


def identified(protocol, frame, *texts, targets=NO_TARGETS):
    table = identify([Estimand.parse(t) for t in texts], frame, protocol, targets)
    assert tuple(table.columns) == COLUMNS
    return table.set_index("estimand")


@pytest.mark.unit
def test_bounds_are_the_least_and_the_largest_value_of_any_member(protocol):
    found = identified(
        protocol, THREE, "os.survival(2 months)", "os.events", "n{sex=female}", RATIO
    )
    assert found.loc["os.survival(2 months)", ["lower", "upper"]].tolist() == [0.5, 0.75]
    assert found.loc["os.events", ["lower", "upper"]].tolist() == [1, 4]
    assert found.loc["n{sex=female}", ["lower", "upper"]].tolist() == [2, 2]
    # Member 0: the likelihood is greatest where 4 h^2 + h = 1, member 1: where h^2 = 2;
    # in member 2 only a woman dies, first of all: it rises without end.
    assert found.loc[RATIO, "lower"] == pytest.approx((sqrt(17) - 1) / 8)
    assert found.loc[RATIO, "upper"] == inf
    assert (found["members"] == 3).all()
    assert (found["undetermined"] == 0).all()
    assert (found["how"] == "sample").all()
    assert not found["target"].any()


@pytest.mark.unit
def test_a_direction_is_identified_if_all_members_lie_on_one_side(protocol):
    other = "os.hazard_ratio by sex(male / female)"
    found = identified(protocol, THREE, RATIO, other, "os.survival(2 months)")
    assert found["direction"].tolist() == ["not identified", "not identified", ""]
    found = identified(protocol, THREE[THREE["member"] > 0], RATIO, other)
    assert found["direction"].tolist() == ["identified", "identified"]
    assert found.loc[RATIO, "lower"] == pytest.approx(sqrt(2))
    assert found.loc[other, "lower"] == 0
    assert found.loc[other, "upper"] == pytest.approx(1 / sqrt(2))


@pytest.mark.unit
def test_differences_are_held_against_zero(protocol):
    text = "os.survival_difference(2 months) by sex(female / male)"
    found = identified(protocol, THREE, text).loc[text]
    assert [found["lower"], found["upper"]] == [-0.5, 0]
    assert found["direction"] == "not identified"
    found = identified(protocol, THREE[THREE["member"] == 2], text).loc[text]
    assert found["direction"] == "identified"


@pytest.mark.unit
def test_a_member_that_does_not_say_leaves_the_direction_open(protocol):
    frame = members("1100 fmfm", "0000 fmfm", "1000 fmfm", "1111 ffff")
    found = identified(protocol, frame, RATIO).loc[RATIO]
    assert found["lower"] == pytest.approx(sqrt(2))
    assert (found["members"], found["undetermined"]) == (2, 0.5)
    assert found["direction"] == "not identified"


@pytest.mark.unit
def test_a_median_that_is_not_reached_is_infinite_and_one_of_nobody_is_none(protocol):
    frame = members("1111 mmmm", "1000 fmfm")
    found = identified(protocol, frame, "os.median", "os.median{sex=female}")
    # S is 1/2 from 2 to 3 in member 0, never in member 1.
    assert found.loc["os.median", ["lower", "upper"]].tolist() == [2.5, inf]
    # One of two women dies at 1, the other is followed up to 3; there are none in member 0.
    assert found.loc["os.median{sex=female}", ["lower", "upper"]].tolist() == [2, 2]
    assert found["members"].tolist() == [2, 1]
    words = tables.format_range(Estimand.parse("os.median"), 2.5, inf, protocol)
    assert words.replace("\u00a0", " ") == "2.5 months to not reached"


@pytest.mark.unit
def test_what_was_not_reconstructed_has_no_bounds(protocol):
    texts = ("size.median", "os.hazard_ratio by size", "n{stage=II}")
    found = identified(protocol, THREE, *texts, "flow.screened")
    assert tuple(found.index) == texts  # eligibility no ensemble can say
    assert found[["lower", "upper"]].isna().all(axis=None)
    assert (found["how"] == "not reconstructed").all()
    assert (found["members"] == 0).all()
    assert found["direction"].tolist() == ["", "not identified", ""]


def goal(estimand, lower, upper, status="target", share=1.0):
    row = {"figure": estimand, "estimand": estimand, "lower": lower, "upper": upper}
    return {**row, "status": status, "share_held": share}


@pytest.mark.unit
def test_targets_that_every_member_holds_are_by_construction(protocol):
    targets = pd.DataFrame(
        [
            goal("n{sex=female}", 2, 2),
            goal("os.events", 1, inf, "claim"),
            goal("os.survival(2 months)", 0.5, 0.5, share=2 / 3),
            goal("os.median", 2.5, 2.5, "set aside", share=1 / 3),
            goal("os.crude_rate(2 months)", 0.495, 0.505),
            goal("n{sex=male}", nan, nan, "not modelled", share=nan),
            # Met under a reading that is not this estimand: the values do not lie in the range.
            goal("os.survival(3 months)", 0.3, 0.31),
        ]
    )
    found = identified(protocol, THREE, *targets["estimand"], targets=targets)
    held = ["n{sex=female}", "os.events", "os.crude_rate(2 months)"]
    assert found.index[found["target"]].tolist() == held
    assert (found["how"] == "by construction").equals(found["target"])


@pytest.mark.unit
def test_one_figure_of_an_estimand_suffices(protocol):
    targets = pd.DataFrame([goal("n", 5, 5, "set aside", 0.0), goal("n", 4, 4)])
    assert identified(protocol, THREE, "n", targets=targets).loc["n", "target"]


@pytest.mark.unit
def test_the_table_survives_its_file_and_the_comparison(protocol, tmp_path):
    texts = (RATIO, "os.median", "size.median")
    table = identify([Estimand.parse(t) for t in texts], THREE, protocol, NO_TARGETS)
    write_csv(table, tmp_path / "identified.csv")
    again = read_csv(tmp_path / "identified.csv")
    pd.testing.assert_frame_equal(
        again.fillna({"direction": ""}), table, check_dtype=False, rtol=1e-9
    )
    figures = [
        {"id": f"f{i}", "estimand": text, "printed": printed, "unit": unit, "locator": "p. 1"}
        for i, (text, printed, unit) in enumerate(
            [(RATIO, "9.1", ""), ("os.median", "30", "months"), ("size.median", "20", "")]
        )
    ]
    content = {"study": "toy", "reference": "toy", "reading": "read", "endpoints": ["os"]}
    paper = Published.model_validate({**content, "figures": figures})
    estimates = analysis.estimate(
        analysis.plan(protocol, [Estimand.parse(t) for t in texts[:2]]),
        THREE[THREE["member"] == 0],
        pd.DataFrame(),
        protocol,
        "reconstruction",
    )
    verdicts = compare(paper, protocol, estimates, again, None)["verdict"].tolist()
    assert verdicts == ["within identified set", "within identified set", "not computed"]


@pytest.mark.unit
def test_bands_hold_the_lowest_and_the_highest_curve(protocol):
    table = envelopes(THREE, protocol)
    assert set(zip(table["endpoint"], table["variable"], table["level"], strict=True)) == {
        ("os", "", ""),
        ("os", "sex", "male"),
        ("os", "sex", "female"),
    }
    whole = table[table["variable"] == ""].set_index("time")
    assert len(whole) <= GRID
    assert (whole.index.min(), whole.index.max()) == (0, 4)
    first = whole.iloc[0]
    assert first[["lower", "upper", "at_risk_lower", "at_risk_upper"]].tolist() == [1, 1, 4, 4]
    late = whole[(whole.index > 3) & (whole.index < 4)]
    assert (late["lower"] == 0.25).all()
    assert (late["upper"] == 0.75).all()
    assert (late[["at_risk_lower", "at_risk_upper"]] == 1).all(axis=None)
    # Women are followed up to 3 in members 1 and 2, to 4 in member 0, where the last one dies.
    women = table[table["level"] == "female"].set_index("time")
    after = women[(women.index > 3) & (women.index < 4)]
    assert (after["lower"] == 0.5).all()
    assert (after["upper"] == 0.5).all()
    assert (after["at_risk_lower"] == 0).all()
    assert (after["at_risk_upper"] == 1).all()
    assert women.loc[4.0, "upper"] == 0


@pytest.mark.unit
def test_bands_end_where_no_member_is_followed_up(protocol):
    table = envelopes(members("1000 fmfm", "0100 fmfm"), protocol)
    women = table[table["level"] == "female"]
    assert women["time"].max() <= 3
    assert women["time"].max() > 3 - 4 / (GRID - 1)


@pytest.mark.unit
def test_no_band_of_what_was_not_reconstructed(protocol):
    table = envelopes(THREE.drop(columns="sex"), protocol)
    assert set(table["variable"]) == {""}
    nobody = envelopes(members("1000 mmmm", "1000 mmmm"), protocol)
    assert set(nobody["level"]) == {"", "male"}
    assert list(envelopes(THREE.drop(columns=["os_time", "os_event"]), protocol)) == list(table)


@st.composite
def any_members(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    m, n = draw(st.integers(1, 4)), draw(st.integers(1, 12))
    shape, size = (m, n), m * n
    return pd.DataFrame(
        {
            "member": np.repeat(np.arange(m), n),
            "patient": np.tile([f"P{i}" for i in range(n)], m),
            "sex": rng.choice(np.array(["male", "female", None], dtype=object), size),
            "age": np.where(rng.random(size) < 0.2, nan, rng.integers(20, 26, size)),
            "os_time": rng.integers(1, draw(st.sampled_from([4, 40])), shape).ravel().astype(float),
            "os_event": (rng.random(size) < draw(st.sampled_from([0.2, 0.7]))).astype(float),
        }
    )


MANY = [
    *("n{sex=female}", "sex.proportion(female)", "age.median", "age.mean", "age.q3", "os.median"),
    *("os.survival(5 months)", "os.survival(2 months){sex=male}", "os.rmst(3 months)"),
    *("os.crude_rate(3 months)", "os.at_risk(2 months)", "os.logrank_p by sex", RATIO),
    *("os.hazard_ratio by age", "os.cox_p by age", f"{RATIO} adjusted for age"),
    *("os.survival_difference(2 months) by sex(female / male)", "os.auc(3 months) by age"),
    *("age.median_difference by sex(female / male)", "age.mann_whitney_p by sex"),
    *("os.reverse_followup_median", "os.followup_median{os=censored}"),
]


@pytest.mark.property
@settings(max_examples=20, deadline=None)
@given(frame=any_members())
def test_every_member_lies_within_the_bounds(protocol, frame):
    found = identified(protocol, frame, *MANY)
    alone = [part for _, part in frame.groupby("member")]
    for text, row in found.iterrows():
        estimand = Estimand.parse(text)
        values = np.array([analysis.evaluate(estimand, f, protocol).value for f in alone])
        known = values[~np.isnan(values)]
        slack = 1e-6 * np.maximum(np.abs(known), 1)
        assert (known >= row["lower"] - slack).all(), text
        assert (known <= row["upper"] + slack).all(), text
        assert known.size <= row["members"], text
        assert row["members"] == round((1 - row["undetermined"]) * len(alone))
        assert row["lower"] <= row["upper"] or not row["members"]
        neutral = {"hazard_ratio": 1, "survival_difference": 0, "median_difference": 0}
        if estimand.statistic in neutral:
            at = neutral[estimand.statistic]
            one_side = row["lower"] > at or row["upper"] < at
            expected = one_side and row["members"] == len(alone)
            assert (row["direction"] == "identified") == expected, text
        else:
            assert row["direction"] == "", text


@pytest.mark.property
@settings(max_examples=20, deadline=None)
@given(frame=any_members())
def test_every_curve_lies_within_its_band(protocol, frame):
    table = envelopes(frame, protocol)
    assert (table["lower"] <= table["upper"]).all()
    assert (table["at_risk_lower"] <= table["at_risk_upper"]).all()
    for (_, level), band in table.groupby(["variable", "level"]):
        for _, part in frame.groupby("member"):
            part = part if not level else part[part["sex"] == level]
            if not len(part):
                continue
            curve = kaplan_meier.curve(part["os_time"], part["os_event"] == 1)
            s = kaplan_meier.survival_at(curve, band["time"])["survival"].to_numpy()
            known = ~np.isnan(s)
            assert (s[known] >= band["lower"][known] - 1e-9).all()
            assert (s[known] <= band["upper"][known] + 1e-9).all()
            at_risk = kaplan_meier.at_risk(part["os_time"], band["time"])
            # A grid time is written with ten digits: a follow-up time may differ in the eleventh.
            near = np.isclose(band["time"].to_numpy()[:, None], part["os_time"].to_numpy()).any(1)
            assert (at_risk[~near] >= band["at_risk_lower"][~near]).all()
            assert (at_risk[~near] <= band["at_risk_upper"][~near]).all()


@pytest.mark.property
@settings(max_examples=20, deadline=None)
@given(frame=any_members())
def test_more_members_never_narrow_a_set(protocol, frame):
    part = identified(protocol, frame[frame["member"] == 0], *MANY)
    whole = identified(protocol, frame, *MANY)
    slack = 1e-6 * np.maximum(part["lower"].abs().replace(inf, 0), 1)
    known = part["members"] > 0
    assert (whole["lower"] <= part["lower"] + slack)[known].all()
    assert (whole["upper"] >= part["upper"] - slack)[known].all()


# -- adjusted p-values -----------------------------------------------------------------------------


def with_family(protocol, *variables):
    content = protocol.model_dump(mode="json", exclude_unset=True)
    content["analyses"] = [
        {"id": "factors", "label": "Factors", "kind": "univariable", "endpoint": "os",
         "at": ["2 months"], "variables": list(variables)}
    ]  # fmt: skip
    return Protocol.model_validate(content)


@pytest.mark.unit
def test_adjusted_p_values_are_bounded_over_families_adjusted_member_by_member(protocol):
    study = with_family(protocol, "sex", "stage")
    stages = ["I", "II", "I", "II", "II", "I", "I", "II", "I", "I", "II", "II"]
    frame = THREE.assign(stage=stages)
    found = identify_adjusted(frame, study).set_index("estimand")
    tests = ["os.logrank_p by sex", "os.logrank_p by stage"]
    assert list(found.index) == tests
    one_by_one = np.array(
        [
            [analysis.evaluate(Estimand.parse(t), part, study).value for t in tests]
            for _, part in frame.groupby("member")
        ]
    )
    assert set(found["tests"]) == {2}
    for name, method in (("holm", "holm"), ("bh", "benjamini-hochberg")):
        p = adjusted(one_by_one, method)
        assert found[f"{name}_lower"].to_numpy() == pytest.approx(p.min(axis=0))
        assert found[f"{name}_upper"].to_numpy() == pytest.approx(p.max(axis=0))


@pytest.mark.unit
def test_a_variable_that_was_not_reconstructed_has_no_adjusted_p_and_is_not_counted(protocol):
    found = identify_adjusted(THREE, with_family(protocol, "sex", "stage")).set_index("estimand")
    assert set(found["tests"]) == {1}
    assert found.loc["os.logrank_p by stage"].drop(["analysis", "tests"]).isna().all()
    assert found.loc["os.logrank_p by sex"].notna().all()


@pytest.mark.unit
def test_without_univariable_table_there_is_no_family(protocol):
    found = identify_adjusted(THREE, protocol)
    assert found.empty
    assert tuple(found.columns) == ADJUSTED_COLUMNS


# -- standard errors -------------------------------------------------------------------------------


@pytest.mark.unit
def test_standard_errors_of_a_share_by_hand(protocol):
    # One, two and three of four are female: 1 / (n p (1 - p)) is 4/3, 1 and 4/3.
    frame = members("1111 mmmf", "1111 mmff", "1111 mfff", "1111 ffff")
    asked = [Estimand.parse(f"sex.proportion({level})") for level in ("female", "male")]
    table = precision([*asked, Estimand.parse("os.median")], frame, protocol)
    assert list(table.columns) == list(PRECISION_COLUMNS)
    assert table["estimand"].tolist() == [str(e) for e in asked]  # a median has no such scale
    assert table["se_lower"].tolist() == pytest.approx([1, 1])
    assert table["se_upper"].tolist() == pytest.approx([sqrt(4 / 3)] * 2)
    assert table["members"].tolist() == [3, 3]  # all female has no standard error


@pytest.mark.unit
def test_standard_errors_from_limits_are_those_of_each_dataset(protocol):
    estimand = Estimand.parse("os.survival(2 months)")
    each = []
    for _, one in THREE.groupby("member"):
        curve = kaplan_meier.curve(one["os_time"], one["os_event"] == 1)
        limits = kaplan_meier.survival_at(curve, [2.0])[["lower", "upper"]].to_numpy(float)[0]
        each.append(np.diff(np.log(limits / (1 - limits)))[0] / (2 * 1.959963985))
    table = precision([estimand], THREE, protocol)
    assert table.loc[0, ["se_lower", "se_upper"]].tolist() == pytest.approx([min(each), max(each)])
