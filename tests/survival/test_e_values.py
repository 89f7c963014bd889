"""E-values: published examples, and laws."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resarc.survival import e_values


@pytest.mark.unit
def test_the_published_example():
    # VanderWeele & Ding 2017: RR 3.9 (1.8 to 8.7), E-values 7.26 and 3.0.
    assert e_values.e_value(3.9) == pytest.approx(7.26, abs=0.005)
    assert e_values.e_value(1.8) == pytest.approx(3.0, abs=1e-12)
    value, limit = e_values.of_hazard_ratio(3.9, 1.8, 8.7, False)
    assert (float(value), float(limit)) == pytest.approx((7.2630, 3.0), abs=1e-4)


@pytest.mark.unit
def test_a_common_outcome_needs_less_by_hand():
    # HR 4: sqrt 2, so RR = (1 - 1/4) / (1 - 0.5^(1/2)) = 0.75 / 0.292893 = 2.5607.
    assert e_values.risk_ratio(4.0, True) == pytest.approx(0.75 / (1 - 0.5**0.5))
    assert e_values.risk_ratio(4.0, False) == 4


@pytest.mark.unit
def test_an_interval_that_holds_1_needs_no_confounder():
    value, limit = e_values.of_hazard_ratio(
        np.array([0.7, 0.5, np.nan]),
        np.array([0.4, 0.3, np.nan]),
        np.array([1.2, 0.9, np.nan]),
        True,
    )
    assert limit[0] == 1
    assert 1 < limit[1] < value[1]
    assert np.isnan(value[2])
    assert np.isnan(limit[2])


@pytest.mark.property
@given(ratio=st.floats(0.01, 100), common=st.booleans())
def test_a_ratio_and_its_inverse_need_the_same(ratio, common):
    one, other = (e_values.e_value(e_values.risk_ratio(r, common)) for r in (ratio, 1 / ratio))
    assert one == pytest.approx(other, rel=1e-9)
    assert one >= 1
