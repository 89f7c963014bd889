"""Rounded counts and the numbers that they may stand for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resarc.disclosure.rounding import Window, released, to_midpoint, to_nearest, told
from resarc.settings import Disclosure

pytestmark = pytest.mark.unit

RULE = Disclosure()
BASES = st.integers(1, 20)


def test_counts_are_rounded_to_5_and_events_to_the_midpoint_of_6():
    assert to_nearest([8, 12, 13, 17, 18, 142], 5).tolist() == [10, 10, 15, 15, 20, 140]
    # OpenSAFELY: ceiling(x / 6) * 6 - 3, zero stays zero
    assert to_midpoint([0, 1, 6, 7, 12, 13, 142], 6).tolist() == [0, 3, 3, 9, 9, 15, 141]


def test_halves_go_up():
    assert to_nearest([5, 15], 10).tolist() == [10, 20]


@given(st.integers(0, 500), BASES, BASES, st.booleans())
def test_what_is_told_are_exactly_the_counts_that_round_so(count, base, group, events):
    rule = Disclosure(rounding=base, curve_rounding=group)
    value = released(count, rule, events=events)
    window = told(value, rule, events=events)
    same = [n for n in range(rule.threshold + 1, 560) if released(n, rule, events=events) == value]
    assert list(range(int(window.lower), int(window.upper) + 1)) == same
    assert (count in same) == (count > rule.threshold)


def test_a_released_count_leaves_five_or_six_open():
    assert told(10, RULE) == Window(8, 12)
    assert told(140, RULE) == Window(138, 142)
    assert told(15, RULE, events=True) == Window(13, 18)
