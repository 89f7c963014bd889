"""Restricted cubic splines: shape by hand, fits against R's natural splines."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from resarc.survival import batch, splines

R = json.loads((Path(__file__).parents[1] / "r" / "reanalysis.json").read_text())
DATA = [pd.DataFrame(rows) for rows in R["data"]]


@pytest.mark.unit
def test_linear_outside_the_outer_knots_and_smooth_inside():
    knots = np.array([[1.0, 4.0, 9.0]])
    x = np.linspace(-5, 20, 2501)[None]
    column = splines.basis(x, knots)[0, :, 1]
    assert (column[x[0] <= 1] == 0).all()
    beyond = column[x[0] >= 9]
    assert np.diff(beyond, 2) == pytest.approx(0, abs=1e-9)
    assert np.abs(np.diff(column, 2)).max() < 1e-3
    # At the last knot, by hand: (8^3 - (5^3 * 8 - 0) / 5) / 64 = (512 - 200) / 64.
    assert splines.basis(np.array([[9.0]]), knots)[0, 0, 1] == pytest.approx(312 / 64)


@pytest.mark.unit
def test_knots_are_quantiles_of_the_known_values():
    values = np.array([[*range(11), np.nan], [5.0] * 12])
    assert splines.knots(values, 3)[0].tolist() == pytest.approx([1, 5, 9])
    same = splines.knots(values, 3)[1:]
    assert same[0].tolist() == [5, 5, 5]
    assert np.isnan(splines.basis(values[1:], same)[0, :, 1]).all()
    assert [splines.number_of_knots(n) for n in (24, 60, 142)] == [3, 4, 5]


@pytest.mark.parity
@pytest.mark.parametrize("place", range(len(DATA)))
@pytest.mark.parametrize("number", [3, 4])
def test_the_fit_equals_that_of_rs_natural_splines(place, number):
    frame, expected = DATA[place], R[f"spline{number}"][place]
    marker = frame["marker"].to_numpy(float)[None]
    knots = splines.knots(marker, number)
    assert knots[0].tolist() == pytest.approx(expected["knots"])
    time, event = frame["time"].to_numpy(float)[None], frame["event"].to_numpy()[None] == 1
    fits = batch.cox_fits(time, event, splines.basis(marker, knots))
    found = [fits.null_log_likelihood[0], fits.log_likelihood[0]]
    assert found == pytest.approx(expected["loglik"], rel=1e-8)
    line = batch.cox_fits(time, event, marker[:, :, None])
    assert line.log_likelihood[0] == pytest.approx(expected["linear"], rel=1e-8)
    at = splines.basis(np.array([expected["at"]]), knots)[0]
    step = at[1] - at[0]
    assert step @ fits.beta[0] == pytest.approx(expected["difference"], rel=1e-5, abs=1e-7)
    assert np.sqrt(step @ fits.covariance[0] @ step) == pytest.approx(expected["se"], rel=1e-5)
