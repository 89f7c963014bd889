"""Power after Schoenfeld: by hand, and against a simulation."""

import numpy as np
import pytest

from resarc.survival import batch, power


@pytest.mark.unit
def test_schoenfelds_number_of_events():
    # For HR 2 with equal groups and 80% power: d = 4 (1.95996 + 0.84162)^2 / log(2)^2 = 65.3.
    events = 4 * (1.959964 + 0.841621) ** 2 / np.log(2) ** 2
    found = power.power(np.log(2), power.variance(events, 0.5))
    assert float(found) == pytest.approx(0.8, abs=1e-5)
    assert float(power.detectable(power.variance(events, 0.5))) == pytest.approx(2, rel=1e-6)


@pytest.mark.unit
def test_without_an_effect_the_power_is_alpha_and_without_events_nothing_is_seen():
    assert float(power.power(0.0, power.variance(50, 0.3), 0.05)) == pytest.approx(0.05)
    assert power.detectable(power.variance(0, 0.5)) == np.inf
    assert power.detectable(power.variance(10, 1.0)) == np.inf


@pytest.mark.unit
def test_power_is_the_share_of_simulated_studies_that_see_the_effect():
    rng, n, ratio = np.random.default_rng(11), 120, 2.0
    group = np.repeat([0, 1], n // 2)
    time = rng.exponential(1 / np.where(group == 1, ratio, 1.0), (3000, n))
    _, p = batch.logrank_statistic(time, np.ones((3000, n), bool), group, 2)
    expected = power.power(np.log(ratio), power.variance(n, 0.5))
    assert (p < 0.05).mean() == pytest.approx(float(expected), abs=0.03)
