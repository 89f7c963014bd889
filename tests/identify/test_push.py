"""Members pushed to the ends of identified sets: they hold all targets, they are kept, two seeds agree.

The invented study of docs/example: 20 patients, so that a search is short and can go far.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from parts import Share
from push import read, write
from resarc import protocol as protocols
from resarc import published as publications
from resarc.ensemble import evaluate, from_frame
from resarc.estimand import DAYS_PER_MONTH, Estimand
from resarc.identify import climb, identify
from resarc.identify.bounds import HYPOTHESIS
from resarc.identify.ends import from_arrays, joined
from resarc.identify.enumeration import outermost
from resarc.identify.push import gather, prepare, push, targets_held
from resarc.jobs import PASSES
from resarc.reconstruct import constraints
from resarc.reconstruct.engine import reconstruct
from resarc.reconstruct.targets import compile_targets
from resarc.survival import kaplan_meier, logrank

FOLDER = Path(__file__).parents[2] / "docs" / "example"
RATIO = Estimand.parse("os.hazard_ratio by sex(female / male)")
TEXTS = [
    str(RATIO), "os.events", "os.survival(12 months)", "os.survival(36 months)", "os.rmst(24 months)",
    "os.median{sex=female}", "os.rmst_difference(24 months) by sex(female / male)",
    "os.survival(24 months)", "n{sex=female}",
]  # fmt: skip
ESTIMANDS = [Estimand.parse(text) for text in TEXTS]
MEMBERS = 8


@pytest.fixture(scope="module")
def study():
    return protocols.load(FOLDER / "studies" / "example.yaml")


@pytest.fixture(scope="module")
def printed():
    return publications.load(FOLDER / "published" / "example.yaml")


@pytest.fixture(scope="module")
def rebuilt(study, printed):
    return rounded(study, printed, seed=1)


def rounded(study, printed, seed):
    """Members under the reading that digits were rounded; half of all are under that they were cut."""
    found = reconstruct(study, printed, members=2 * MEMBERS, seed=seed)
    frame = found.ensemble[found.ensemble[HYPOTHESIS] == "Kaplan-Meier"].copy()
    frame["member"] = pd.factorize(frame["member"])[0]
    assert frame["member"].nunique() == MEMBERS
    return replace(found, ensemble=frame.reset_index(drop=True))


@pytest.fixture(scope="module")
def pushed(study, printed, rebuilt):
    return push(ESTIMANDS, rebuilt.ensemble, study, printed, rebuilt.targets, seed=1)


@pytest.fixture(scope="module")
def table(study, printed, rebuilt, pushed):
    return bounds(study, printed, rebuilt, pushed)


def bounds(study, printed, rebuilt, pushed):
    members = pd.concat([rebuilt.ensemble, pushed.members], ignore_index=True)
    return identify(
        ESTIMANDS,
        members,
        study,
        rebuilt.targets,
        pushed=pushed.members["member"].nunique(),
        sought=pushed.sought,
        outermost=outermost(ESTIMANDS, pushed.targets, study, printed.count()),
    ).set_index("estimand")


@pytest.mark.unit
def test_every_pushed_member_holds_every_target(study, printed, pushed):
    assert pushed.refused == 0
    assert pushed.members["member"].nunique() > 0
    ensemble = from_frame(pushed.members, study)
    for target in compile_targets(printed, study)[0]:
        assert target.holds(target.evaluate(ensemble)).all(), target.estimand
    assert constraints.met(ensemble).all()


@pytest.mark.unit
def test_pushed_members_print_as_the_paper_by_functions_that_the_search_does_not_use(pushed):
    for _, frame in pushed.members.groupby("member"):
        follow_up = frame["os_time"], frame["os_event"]
        steps = kaplan_meier.curve(*follow_up)
        assert (frame["sex"] == "female").sum() == 8
        assert f"{kaplan_meier.survival_at(steps, 24)['survival'].item():.1%}" == "60.0%"
        assert f"{kaplan_meier.quantile(steps).value:.1f}" == "30.0"
        assert f"{logrank.logrank(*follow_up, frame['sex']).p:.2f}" == "0.30"
        days = frame["os_time"] * DAYS_PER_MONTH
        assert (days - days.round()).abs().max() < 1e-6


@pytest.mark.unit
def test_pushing_widens_and_never_narrows(table):
    assert (table["lower"] <= table["sample_lower"] + 1e-9).all()
    assert (table["upper"] >= table["sample_upper"] - 1e-9).all()
    wider = (table["upper"] - table["lower"]) > 1.2 * (
        table["sample_upper"] - table["sample_lower"]
    )
    assert wider.sum() >= 3


@pytest.mark.unit
@pytest.mark.parametrize("wanted", [ESTIMANDS, [RATIO]])
def test_each_search_takes_as_many_times_longer_as_the_effort_says(
    study, printed, rebuilt, wanted, monkeypatch
):
    def lengths(effort):
        [search] = prepare(
            wanted, rebuilt.ensemble, study, printed, rebuilt.targets, seed=1, effort=effort
        )
        begun, found = search.begin(), set()
        with monkeypatch.context() as patch:
            patch.setattr(climb, "climb", lambda *given: found.add(given[8]))
            search.turn([begun])
        return found

    (once,), (thrice,) = lengths(1), lengths(3)
    assert thrice == pytest.approx(3 * once, abs=3)


@pytest.mark.unit
def test_each_bound_is_shown_by_the_member_that_it_names(study, rebuilt, pushed, table):
    members = pd.concat([rebuilt.ensemble, pushed.members], ignore_index=True)
    for text, row in table.iterrows():
        for end in ("lower", "upper"):
            shown = members[members["member"] == row[f"{end}_member"]]
            value = evaluate(Estimand.parse(text), from_frame(shown, study)).value[0]
            if np.isfinite(row[end]):
                assert value == pytest.approx(row[end], rel=1e-9), (text, end)


@pytest.mark.unit
def test_how_says_where_a_bound_comes_from(table):
    assert table.loc["os.survival(24 months)", "how"] == "by construction"
    assert table.loc["n{sex=female}", "how"] == "by construction"
    assert table.loc[str(RATIO), "how"] == "search"
    for text, row in table.iterrows():
        outer = row["outer_lower"], row["outer_upper"]
        if row["how"] == "exact enumeration":
            assert (row["lower"], row["upper"]) == pytest.approx(outer, abs=1e-9), text
        elif np.isfinite(outer).all():
            assert row["lower"] >= outer[0] - 1e-9
            assert row["upper"] <= outer[1] + 1e-9


@pytest.mark.unit
def test_the_same_seed_gives_the_same_members(study, printed, rebuilt, pushed):
    again = push(ESTIMANDS, rebuilt.ensemble, study, printed, rebuilt.targets, seed=1)
    pd.testing.assert_frame_equal(again.members, pushed.members)


@pytest.mark.unit
@pytest.mark.parametrize("of", [1, 3])
def test_steps_that_others_do_give_the_same_members(study, printed, rebuilt, pushed, tmp_path, of):
    """Each step is done by searches of its own, which know of the others' what was written."""

    def searches():
        sample, targets = rebuilt.ensemble, rebuilt.targets
        return prepare(ESTIMANDS, sample, study, printed, targets, seed=1)

    def told(met):
        write([met], tmp_path / "met.npz")
        return read([tmp_path / "met.npz"], 0, searches()[0])

    met = [told(searches()[0].begin())]
    for _ in range(PASSES):
        parts = [Share(k, of) for k in range(of)]
        met.append(joined([told(searches()[0].turn(met, part.take)) for part in parts]))
    found = gather(searches(), [met], rebuilt.ensemble)
    pd.testing.assert_frame_equal(found.members, pushed.members, check_exact=True)
    assert found.sought == pushed.sought
    assert (found.searches, found.refused) == (pushed.searches, pushed.refused)
    with pytest.raises(ValueError, match="1 passes were made, not 2"):
        gather(searches(), [met[:2]], rebuilt.ensemble)


@pytest.mark.unit
def test_what_was_met_is_told_to_the_last_bit(study, printed, rebuilt):
    (search,) = prepare(ESTIMANDS, rebuilt.ensemble, study, printed, rebuilt.targets, seed=1)
    met = search.turn([search.begin()], lambda searches: searches[:5])
    again = from_arrays(met.arrays(), search)
    assert len(met.states) == met.searches == again.searches == 5
    np.testing.assert_array_equal(again.values, met.values)
    for one, other in zip(met.states, again.states, strict=True):
        for field in one._fields:
            a, b = getattr(one, field), getattr(other, field)
            np.testing.assert_array_equal(a, b)
            assert a.dtype == b.dtype, field


@pytest.mark.unit
def test_two_seeds_give_the_same_bounds_to_the_stated_tolerance(study, printed, table):
    """Other members, other searches: the ends of survival agree to 0.15 and of restricted mean survival to
    0.3 months. Three events may all be women's or all men's: the ratio is anything from 0 to infinity."""
    other = rounded(study, printed, seed=2)
    second = bounds(
        study,
        printed,
        other,
        push(ESTIMANDS, other.ensemble, study, printed, other.targets, seed=2),
    )
    tolerance = {
        "os.survival(12 months)": 0.15,
        "os.survival(36 months)": 0.15,
        "os.rmst(24 months)": 0.3,
    }
    assert tuple(table.loc[str(RATIO), ["lower", "upper"]]) == (0, np.inf)
    for end in ("lower", "upper"):
        assert table.loc[str(RATIO), end] == second.loc[str(RATIO), end]
        for text, allowed in tolerance.items():
            assert table.loc[text, end] == pytest.approx(second.loc[text, end], abs=allowed)


@pytest.mark.unit
def test_members_reach_the_fewest_and_the_most_events_that_enumeration_allows(table):
    row = table.loc["os.events"]
    assert (row["lower"], row["upper"]) == (row["outer_lower"], row["outer_upper"]) == (3, 20)
    assert row["how"] == "exact enumeration"


@pytest.mark.unit
def test_members_of_each_hypothesis_are_pushed_under_their_own(study, printed, rebuilt):
    frame = rebuilt.ensemble.copy()
    frame[HYPOTHESIS] = np.where(frame["member"] % 2 == 0, "one", "other")
    found = push([RATIO], frame, study, printed, rebuilt.targets, seed=1)
    assert set(found.members[HYPOTHESIS]) <= {"one", "other"}
    assert found.members["member"].min() == MEMBERS


@pytest.mark.unit
def test_a_figure_that_members_miss_need_not_be_held(study, printed, rebuilt):
    figures = [
        figure.model_copy(update={"printed": "0.9"}) if figure.id == "t2.sex.p" else figure
        for figure in printed.figures
    ]
    other = printed.model_copy(update={"figures": tuple(figures)})
    held, _ = targets_held(from_frame(rebuilt.ensemble, study), other, rebuilt.targets)
    assert "os.logrank_p by sex" not in {str(target.estimand) for target in held}
    assert len(held) == len(compile_targets(printed, study)[0]) - 1


@pytest.mark.unit
def test_nothing_is_pushed_where_values_are_missing(study, printed, rebuilt):
    frame = rebuilt.ensemble.copy()
    frame.loc[0, "sex"] = None
    found = push([RATIO], frame, study, printed, rebuilt.targets, seed=1)
    assert found.members.empty
    assert found.sought == ()
