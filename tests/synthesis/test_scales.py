"""Scales and standard errors: by hand, and of every dataset of an ensemble."""

from math import log, sqrt

import numpy as np
import pytest
from scipy.special import ndtri

from resarc.estimand import Estimand
from resarc.scales import from_scale, standard_error, to_scale

pytestmark = pytest.mark.unit
SHARE = Estimand.parse("response.proportion(yes)")
RATIO = Estimand.parse("os.hazard_ratio by treated(yes / no)")


@pytest.mark.parametrize("scale", ["logit", "log"])
def test_there_and_back(scale):
    values = [0.01, 0.5, 0.99]
    assert from_scale(scale, to_scale(scale, values)) == pytest.approx(values)


def test_what_has_no_place_on_a_scale():
    assert np.isnan(to_scale("logit", [0, 1, -1, 2, np.nan])).all()
    assert np.isnan(to_scale("log", [0, -1, np.inf, np.nan])).all()


def test_standard_errors_by_hand():
    assert standard_error(SHARE, 0.25, np.nan, np.nan, 48, 0.95) == pytest.approx(1 / sqrt(9))
    z = ndtri(0.975)
    assert standard_error(RATIO, 1.0, 0.5, 2.0, np.nan, 0.95) == pytest.approx(log(2) / z)


def test_unknown_standard_errors():
    for value, lower, upper in ((1, 0, 2), (1, 2, 2), (np.nan, 0.5, 2), (1, 0.5, np.inf)):
        assert np.isnan(standard_error(RATIO, value, lower, upper, np.nan, 0.95))
    assert np.isnan(standard_error(SHARE, [0.5, 0, 0.5], 0.1, 0.9, [0, 9, np.nan], 0.95)).all()
    with pytest.raises(ValueError, match="neither a fraction nor a ratio"):
        standard_error(Estimand.parse("os.median"), 1, 0.5, 2, 1, 0.95)
