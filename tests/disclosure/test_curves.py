"""Released curves: by hand, near the true ones, and without any single patient in them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resarc.analysis.view import FollowUp
from resarc.disclosure.curves import blurred
from resarc.disclosure.rounding import to_nearest
from resarc.settings import Disclosure
from resarc.survival import kaplan_meier

pytestmark = pytest.mark.unit

RULE = Disclosure()


def follow_up(time, event) -> FollowUp:
    time, event = np.asarray(time, float), np.asarray(event, bool)
    return FollowUp(time, event, np.ones(time.size, bool), "os", ())


def test_events_are_told_in_groups_from_the_eighth_on():
    """One event in each of the months 1 to 20 among 60, the others censored in month 30.

    Told are 9 when 8 have happened, then 15 from the 13th on and 21 from the 19th on. Seven of the
    first nine are spread over the months until the eighth.
    """
    time = [*np.arange(0.5, 20), *[29.5] * 40]
    made = blurred(follow_up(time, [True] * 20 + [False] * 40), 60, RULE)
    months = sorted(made.time[made.event].tolist())
    assert months == [1, 2, 3, 4, 5, 6, 7, *[8] * 2, *[13] * 6, *[19] * 6]
    assert (made.first_event, made.first_end, made.last) == (8, 30, 30)
    # 40 ended in month 30, of which 39 are told: seven spread, at 30 k / 8 rounded upwards.
    ends = sorted(made.time[~made.event].tolist())
    assert ends == [4, 8, 12, 15, 19, 23, 27, *[30] * 32]
    assert made.time.size == 60


def test_the_curve_ends_where_few_are_at_risk():
    """29 of 36 end in month 10; 7 stay: the curve ends there, and nobody learns how long they do."""
    time = [*np.linspace(1, 8.5, 12), *[9.5] * 17, *[50] * 7]
    made = blurred(follow_up(time, [True] * 12 + [False] * 24), 35, RULE)
    assert made.last == 10
    assert made.time.max() == 10


@pytest.mark.parametrize("events", [0, 3, 7])
def test_a_curve_of_few_events_is_not_told(events):
    time = np.linspace(1, 60, 50)
    assert blurred(follow_up(time, np.arange(50) < events), 50, RULE) is None


def test_a_group_that_is_soon_small_has_no_curve():
    assert blurred(follow_up([1] * 5 + [2] * 5, [True] * 10), 10, RULE) is None


COHORTS = st.builds(lambda n, seed: (n, seed), st.integers(8, 300), st.integers(0, 10**6))


def drawn(n: int, seed: int) -> FollowUp:
    rng = np.random.default_rng([n, seed])
    death, end = rng.exponential(30, n), rng.uniform(0, 90, n)
    return follow_up(np.minimum(death, end), death <= end)


@given(COHORTS)
def test_nothing_in_a_curve_is_of_one_patient(cohort):
    found = drawn(*cohort)
    start = int(to_nearest(found.n, 5))
    made = blurred(found, start, RULE)
    if made is None:
        return
    assert made.time.size == start
    grid = made.time / RULE.curve_step
    assert np.array_equal(grid, np.rint(grid))
    events = made.time[made.event]
    # After the first ones, events come in groups of six or are cut by the end of the patients.
    later = np.unique(events[events > made.first_event], return_counts=True)[1]
    assert all(k % 6 == 0 for k in later[:-1])
    happened = np.count_nonzero(found.event & (found.time <= made.first_event))
    assert happened > RULE.threshold
    assert np.count_nonzero(made.time >= made.last) > 0
    assert np.count_nonzero(found.time > made.last - RULE.curve_step) > RULE.threshold


@given(st.integers(0, 10**6))
def test_the_curve_of_many_patients_is_near_the_true_one(seed):
    found = drawn(800, seed)
    made = blurred(found, 800, RULE)
    truth = kaplan_meier.curve(found.time, found.event)
    released = kaplan_meier.curve(made.time, made.event)
    at = np.arange(made.first_event, 60, 3.0)
    difference = (
        kaplan_meier.survival_at(released, at)["survival"]
        - kaplan_meier.survival_at(truth, at)["survival"]
    )
    assert np.abs(difference).max() < 0.03


def test_a_longer_step_tells_less():
    found = drawn(300, 1)
    quarterly = blurred(found, 300, Disclosure(curve_step=3))
    assert set(quarterly.time % 3) == {0}
