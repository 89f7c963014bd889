"""The compiled search refuses no dataset that the judging function accepts, nor the other way round."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from resarc.ensemble import Ensemble, evaluate
from resarc.estimand import DAYS_PER_MONTH, Estimand
from resarc.identify import climb
from resarc.protocol import QUESTIONS
from resarc.published import Range
from resarc.reconstruct.space import feasible
from resarc.reconstruct.targets import Target
from resarc.reconstruct.terms import quantities_of

EVERYBODY, WOMEN = Estimand.parse("os.median"), Estimand.parse("os.median{sex=female}")
FOLLOW_UP = Estimand.parse("os.reverse_followup_median")
OPEN = Range(-np.inf, np.inf)


def members(protocol, convention, days, event, female):
    """Datasets of one row each of days, events and sexes."""
    conventions = protocol.conventions.model_copy(update={"median": convention})
    shape = np.shape(days)
    codes = {"sex": np.array(female, dtype=int), "stage": np.zeros(shape, dtype=int)}
    codes["vital"] = np.array(event, dtype=int)
    numbers = {name: np.ones(shape) for name in ("age", "size", "months")}
    return Ensemble(
        protocol.model_copy(update={"conventions": conventions}),
        codes,
        numbers,
        {"os": np.array(days) / DAYS_PER_MONTH},
        {"os": np.array(event, dtype=bool)},
    )


def held_by_search(targets, ensemble):
    """Whether each target holds in each dataset, as `climb` sees it."""
    found = []
    for target in targets:
        place, *_ = feasible([target], [], ensemble)
        n = ensemble.shape[1]
        scratch = np.zeros(n, dtype=np.int64), np.zeros((n, place.space.terms.columns.shape[1]))
        every = np.ones(1, dtype=bool)
        felt = np.zeros(1, dtype=np.int64)
        found.append(
            [
                climb._holds(place.space, state, felt, False, every, *scratch)
                for state in place.states(ensemble)
            ]
        )
    return np.array(found)


@st.composite
def cases(draw):
    n = draw(st.integers(2, 8))
    days = draw(st.lists(st.integers(1, 9), min_size=n, max_size=n))
    event = draw(st.lists(st.sampled_from((True, True, False)), min_size=n, max_size=n))
    female = draw(st.lists(st.booleans(), min_size=n, max_size=n))
    low = draw(st.integers(2, 18)) / 2
    return days, event, female, (low, low + draw(st.integers(0, 4)) / 2)


@pytest.mark.property
@pytest.mark.parametrize("convention", QUESTIONS["median"])
@pytest.mark.parametrize("limits", [False, True])
@settings(max_examples=100, deadline=None)
@given(case=cases())
@example(case=([1, 2, 5, 7], [True] * 4, [True] * 4, (3.5, 3.5)))
@example(case=([1, 2, 5, 7], [True] * 4, [True, False] * 2, (3, 3)))
@example(case=([1, 2, 5, 7], [True, True, False, False], [True] * 4, (4.5, 4.5)))
def test_a_median_holds_where_the_judging_function_says_so(protocol, convention, limits, case):
    days, event, female, ends = case
    ensemble = members(protocol, convention, [days], [event], [female])
    allowed = Range(*(end / DAYS_PER_MONTH for end in ends))
    lower = Range(0.0, 3 / DAYS_PER_MONTH) if limits else None
    targets = [Target(e, allowed, lower, None, ("f",), False) for e in (EVERYBODY, WOMEN)]
    judged = np.array([t.holds(t.evaluate(ensemble)) for t in targets])
    np.testing.assert_array_equal(held_by_search(targets, ensemble), judged)


@pytest.mark.property
@pytest.mark.parametrize("convention", QUESTIONS["median"])
@settings(max_examples=100, deadline=None)
@given(case=cases())
@example(case=([1, 2, 5, 7], [True, True, False, False], [True] * 4, (1, 1)))
def test_medians_are_pushed_as_they_are_judged(protocol, convention, case):
    days, event, female, _ = case
    ensemble = members(protocol, convention, [days], [event], [female])
    sought = [EVERYBODY, WOMEN, FOLLOW_UP]
    place, quantities, known = feasible([], sought, ensemble)
    assert known == sought
    (state,) = place.states(ensemble)
    found = quantities_of(place.space.terms, quantities, np.ones(3, dtype=bool), state)
    for e, value in zip(sought, found, strict=True):
        judged = evaluate(e, ensemble).value[0] * DAYS_PER_MONTH
        longest = max([d for d, f in zip(days, female, strict=True) if f or not e.where] + [0])
        if np.isnan(judged):  # not reached: the search counts on, so that it has where to go
            assert value == 2 * longest or not longest, e
        else:
            assert value == pytest.approx(judged, abs=1e-9), e


@pytest.mark.unit
def test_a_printed_difference_of_restricted_means_is_held_in_months(protocol):
    """Two women die on days 4 and 8, two men on 2 and 2: to day 8 women live 6 days on average, men 2."""
    ensemble = members(
        protocol, "middle", [[4, 8, 2, 2]], [[True] * 4], [[True, True, False, False]]
    )
    month = 8 / DAYS_PER_MONTH
    difference = Estimand.parse(f"os.rmst_difference({month:.4f} months) by sex(female / male)")
    for days, held in ((4, True), (5, False), (4 * DAYS_PER_MONTH, False)):
        allowed = Range((days - 0.1) / DAYS_PER_MONTH, (days + 0.1) / DAYS_PER_MONTH)
        target = Target(difference, allowed, None, None, ("f",), False)
        assert target.holds(target.evaluate(ensemble)).item() is held
        assert held_by_search([target], ensemble).item() is held


@pytest.mark.unit
@pytest.mark.parametrize(
    ("convention", "printed"), [("middle", 3.5), ("first", 2.0), ("below", 5.0)]
)
def test_the_search_goes_on_from_a_median_between_two_events(protocol, convention, printed):
    """Of four who die the curve is 1/2 from the second death to the third; the first may die later."""
    ensemble = members(protocol, convention, [[1, 2, 5, 7]], [[True] * 4], [[False] * 4])
    day = printed / DAYS_PER_MONTH
    target = Target(EVERYBODY, Range(day, day), None, None, ("f",), False)
    sought = Estimand.parse("os.rmst(0.2 months)")
    place, quantities, _ = feasible([target], [sought], ensemble)
    (state,) = place.states(ensemble)
    nothing = np.zeros(0, dtype=np.int64)
    climb.climb(place.space, quantities, 0, 1.0, state, nothing, 0.0, np.inf, 20_000, 1)
    after = place.ensemble([state], ensemble)
    assert target.holds(target.evaluate(after)).all()
    assert evaluate(sought, after).value > evaluate(sought, ensemble).value
