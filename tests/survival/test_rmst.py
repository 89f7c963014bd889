"""Restricted mean survival time."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resarc.errors import DataError
from resarc.survival.kaplan_meier import curve
from resarc.survival.rmst import rmst, rmst_difference


@pytest.mark.unit
def test_an_area_that_a_pencil_can_check():
    # Deaths at 1 and 3 of four, censored at 2 and 4; S = 3/4 from 1, 3/8 from 3.
    # To 4: 1 + 2 x 3/4 + 3/8 = 23/8. Right of 1: 15/8, of 3: 3/8. Variance
    # (15/8)^2 x 1/(4 x 3) + (3/8)^2 x 1/(2 x 1) = 93/256.
    found = rmst([1, 2, 3, 4], [1, 0, 1, 0], 4)
    assert found.value == pytest.approx(23 / 8)
    assert found.se == pytest.approx(np.sqrt(93 / 256))
    assert found.upper == pytest.approx(23 / 8 + 1.959963984540054 * np.sqrt(93 / 256))


@pytest.mark.unit
def test_beyond_follow_up_it_is_unknown_unless_all_have_died():
    assert np.isnan(rmst([1, 2, 3], [1, 0, 0], 3.5).value)
    assert rmst([1, 2, 3], [1, 1, 1], 10).value == pytest.approx(2)
    assert rmst([1, 2, 3], [0, 0, 0], 2).value == 2
    assert rmst([1, 2, 3], [0, 0, 0], 2).se == 0
    with pytest.raises(DataError, match="tau"):
        rmst([1], [1], 0)


@pytest.mark.unit
def test_difference_is_against_the_reference():
    time, event, group = [1, 2, 3, 4, 5, 6], [1, 1, 1, 1, 1, 1], list("aaabbb")
    found = rmst_difference(time, event, group, 6)
    assert found.value == pytest.approx(3)
    turned = rmst_difference(time, event, group, 6, reference="b")
    assert turned.value == pytest.approx(-3)
    assert turned.p == pytest.approx(found.p)
    a, b = rmst([1, 2, 3], [1] * 3, 6), rmst([4, 5, 6], [1] * 3, 6)
    assert found.se == pytest.approx(np.hypot(a.se, b.se))
    with pytest.raises(DataError, match="two"):
        rmst_difference([1, 2], [1, 1], ["a", "a"], 1)


@pytest.mark.parity
def test_value_and_error_equal_r(r, parity):
    for case in (r["hand"] | r["drawn"]).values():
        data, expected = parity.frame(case["data"]), case["kaplan_meier"]
        found = rmst(data["time"], data["event"], expected["tau"])
        parity.agree(found.value, expected["rmst"])
        parity.agree(found.se, expected["rmst_se"])


@pytest.mark.parity
@pytest.mark.parametrize("hormone", ["no", "yes"])
def test_gbsg2_equals_r(r, parity, hormone):
    from lifelines.datasets import load_gbsg2

    data = load_gbsg2().query("horTh == @hormone")
    found = rmst(data["time"], data["cens"], 2000)
    parity.agree(found.value, r["gbsg2_rmst"][hormone]["rmst"])
    parity.agree(found.se, r["gbsg2_rmst"][hormone]["rmst_se"])


@pytest.mark.property
@given(
    st.lists(st.tuples(st.integers(0, 9), st.booleans()), min_size=1, max_size=20),
    st.floats(0.1, 12),
)
def test_it_is_the_area_under_the_curve(rows, tau):
    time, event = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    steps = curve(time, event)
    found = rmst(time, event, tau).value
    if tau > time.max() and steps["survival"].iloc[-1] > 0:
        assert np.isnan(found)
        return
    edges = np.append(np.minimum(steps["time"], tau), tau)
    assert found == pytest.approx((np.diff(edges) * steps["survival"]).sum())
