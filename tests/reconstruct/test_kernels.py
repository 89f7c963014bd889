"""The search's own kernels against those that judge its members."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resarc.reconstruct.histories import History, Sorted
from resarc.reconstruct.kernels import Sequence
from resarc.survival import batch

pytestmark = pytest.mark.property


def history(seed: int, patients: int, longest: int) -> History:
    rng = np.random.default_rng(seed)
    days = rng.integers(1, longest, (3, patients))
    event = rng.random((3, patients)) < 0.6
    nothing = np.zeros((3, patients), dtype=bool)
    return History(days, event, np.full((3, patients), -1), (), np.zeros(3), nothing)


cases = given(
    seed=st.integers(0, 10**6),
    patients=st.integers(4, 30),
    longest=st.sampled_from([6, 40, 4000]),  # many ties, some, hardly any
    levels=st.integers(2, 4),
    masked=st.booleans(),
)


@cases
def test_logrank_and_survival_are_those_of_batch(seed, patients, longest, levels, masked):
    given_history = history(seed, patients, longest)
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, levels, (3, 2, patients))
    mask = rng.random((3, 2, patients)) < 0.7 if masked else None
    sequence = Sequence.of(given_history)
    part = None if mask is None else sequence.sort(mask)
    p, difference, _ = sequence.logrank_parts(sequence.sort(codes), levels, part)
    everybody = sequence.sort(codes) == 0 if part is None else (sequence.sort(codes) == 0) & part
    survival, error = sequence.survival(everybody, [longest / 2])
    for c in range(2):
        own = None if mask is None else mask[:, c]
        _, expected = batch.logrank_statistic(
            given_history.days, given_history.event, codes[:, c], levels, own
        )
        # Observed and expected may cancel to the last bits.
        assert np.allclose(p[:, c], expected, rtol=1e-7, atol=1e-10, equal_nan=True)
        first = codes[:, c] == 0 if own is None else (codes[:, c] == 0) & own
        s, variance = batch.km_at(given_history.days, given_history.event, first, longest / 2)
        assert np.allclose(survival[:, c, 0], s, atol=1e-9, equal_nan=True)
        known = np.isfinite(variance)
        assert np.allclose(s[known] * error[:, c, 0][known], np.sqrt(variance[known]), atol=1e-9)
    assert np.allclose(difference.sum(axis=2), 0, atol=1e-9)


@cases
def test_an_exchange_does_what_its_terms_say(seed, patients, longest, levels, masked):
    del levels
    given_history = history(seed, patients, longest)
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 2, (3, patients))
    mask = rng.random((3, patients)) < 0.7 if masked else np.ones((3, patients), dtype=bool)
    sequence = Sequence.of(given_history)
    terms = sequence.exchange_terms(
        sequence.sort(codes[:, None, :]) == 0, sequence.sort(mask[:, None, :])
    )
    r, a, b, u, v = terms
    for m in range(3):
        leaving, coming = np.flatnonzero(codes[m] == 0), np.flatnonzero(codes[m] == 1)
        if not leaving.size or not coming.size:
            continue
        i, j = rng.choice(leaving), rng.choice(coming)
        after = codes[m].copy()
        after[i], after[j] = 1, 0
        observed, expected, covariance = batch.logrank_parts(
            given_history.days[m], given_history.event[m], after, 2, mask[m]
        )
        assert u[m] + r[m, j] - r[m, i] == pytest.approx((observed - expected)[0, 0], abs=1e-9)
        change = a[m, j] - a[m, i] - abs(b[m, j] - b[m, i])
        assert v[m] + change == pytest.approx(covariance[0, 0, 0], abs=1e-9)


@cases
def test_a_sorted_history_has_the_curve_and_follow_up_of_its_patients(
    seed, patients, longest, levels, masked
):
    del levels, masked
    given_history = history(seed, patients, longest)
    curve = Sorted.of(given_history.days, given_history.event)
    s, _ = curve.at(longest / 3)
    expected, _ = batch.km_at(given_history.days, given_history.event, None, longest / 3)
    assert np.allclose(s, expected, atol=1e-9, equal_nan=True)
    censored = [d[~e] for d, e in zip(given_history.days, given_history.event, strict=True)]
    found = curve.follow_up("followup_median", ~curve.event)
    for value, times in zip(found, censored, strict=True):
        if times.size:
            assert value == pytest.approx(np.median(times) / 30.4375)
        else:
            assert np.isnan(value)
