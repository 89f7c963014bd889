"""ROC curves at a landmark: by hand, and without censoring the ordinary ones."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resarc.errors import DataError
from resarc.survival.cutpoints import auc, roc, status_at
from resarc.survival.landmark_roc import auc_at, roc_at


@pytest.mark.unit
def test_weights_that_a_pencil_can_check():
    # Events at 1 and 3, censored at 2, followed to 5 and 6; landmark 4. G just before 3 is 3/4, so
    # the case at 3 counts 4/3. Controls have markers 1 and 4. The case at 1 (marker 5) exceeds both,
    # that at 3 (marker 2) one: (1 + 4/3 x 1/2) / (7/3) = 5/7.
    time, event, marker = [1, 3, 2, 5, 6], [1, 1, 0, 0, 1], [5, 2, 9, 1, 4]
    assert auc_at(time, event, marker, 4, "<").value == pytest.approx(5 / 7)
    points = roc_at(time, event, marker, 4, "<")
    assert points["threshold"].tolist() == [-np.inf, 1.5, 3, 4.5, np.inf]
    np.testing.assert_allclose(points["sensitivity"], [1, 1, 3 / 7, 3 / 7, 0])
    np.testing.assert_allclose(points["specificity"], [0, 1 / 2, 1 / 2, 1, 1])
    # Leaving the censored out instead: three of four pairs.
    known = status_at(time, event, 4).notna().to_numpy()
    positive = status_at(time, event, 4)[known].astype(bool)
    assert auc(np.array(marker)[known], positive, "<").value == pytest.approx(3 / 4)


@pytest.mark.unit
def test_no_answer_and_bad_input():
    data = [1, 2, 3], [0, 0, 1], [1, 2, 3]
    assert np.isnan(auc_at(*data, 2).value)  # no case
    assert np.isnan(auc_at(*data, 3).value)  # no control
    assert np.isnan(auc_at([1], [1], [1], 1).value)
    for horizon, text in ((2, "0 cases"), (3, "0 controls"), (-1, "horizon"), (np.nan, "horizon")):
        with pytest.raises(DataError, match=text):
            roc_at(*data, horizon)
    with pytest.raises(DataError, match="towards"):
        auc_at(*data, 2, "up")
    with pytest.raises(DataError, match=r"marker\[0\]"):
        auc_at([1, 2], [1, 1], [np.nan, 1], 1)


cohorts = st.lists(
    st.tuples(st.integers(0, 9), st.booleans(), st.integers(0, 6)), min_size=3, max_size=20
)


@pytest.mark.property
@given(cohorts, st.integers(0, 9))
def test_without_censoring_before_the_landmark_it_is_the_ordinary_curve(rows, horizon):
    time, event, marker = (np.array(column) for column in zip(*rows, strict=True))
    event = event | (time < horizon)
    positive = status_at(time, event, horizon)
    if positive.all() or not positive.any():
        return
    ours, theirs = auc_at(time, event, marker, horizon), auc(marker, positive.astype(bool))
    assert ours.value == pytest.approx(theirs.value)
    np.testing.assert_allclose(
        roc_at(time, event, marker, horizon), roc(marker, positive.astype(bool)), atol=1e-12
    )
    # DeLong divides by m - 1 where the jackknife divides by m.
    m, n = int(positive.sum()), int((~positive).sum())
    if m == n > 1:
        assert ours.se == pytest.approx(theirs.se * np.sqrt((m - 1) / m), abs=1e-12)


@pytest.mark.property
@given(cohorts, st.integers(1, 9))
def test_area_of_the_curve_and_of_the_reversed_marker(rows, horizon):
    time, event, marker = (np.array(column) for column in zip(*rows, strict=True))
    found = auc_at(time, event, marker, horizon, "<")
    if np.isnan(found.value):
        return
    points = roc_at(time, event, marker, horizon, "<")
    area = np.trapezoid(points["sensitivity"], points["specificity"])
    assert area == pytest.approx(found.value)
    turned = auc_at(time, event, marker, horizon, ">")
    assert turned.value == pytest.approx(1 - found.value)
    assert turned.se == pytest.approx(found.se)


@pytest.mark.property
@given(cohorts, st.integers(1, 9))
def test_standard_error_is_that_of_repeated_patients(rows, horizon):
    # The derivative by a patient's weight: add the patient once more to k copies of the sample.
    time, event, marker = (np.array(column) for column in zip(*rows, strict=True))
    found = auc_at(time, event, marker, horizon, "<")
    if np.isnan(found.value):
        return
    k = 400
    many = [np.tile(column, k) for column in (time, event, marker)]
    slopes = []
    for i in range(time.size):
        more = [
            np.append(column, one)
            for column, one in zip(many, (time[i], event[i], marker[i]), strict=True)
        ]
        slopes.append((auc_at(*more, horizon, "<").value - found.value) * k)
    assert found.se == pytest.approx(np.sqrt(np.sum(np.square(slopes))), rel=0.02, abs=2e-3)
