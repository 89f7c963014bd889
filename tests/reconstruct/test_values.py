"""The search for values: its statistics are those that judge members, and it finds what can be found."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kruskal, mannwhitneyu

from resarc.reconstruct import values
from resarc.survival import batch

pytestmark = pytest.mark.property

cases = given(
    seed=st.integers(0, 10**6),
    patients=st.integers(4, 30),
    widest=st.sampled_from([3, 8, 500]),  # many ties, some, hardly any
    levels=st.integers(2, 4),
)


def draw(seed: int, patients: int, widest: int, levels: int) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(seed)
    value = rng.integers(1, widest, patients).astype(float)
    group = rng.integers(-1, levels, patients)
    return value, group, np.argsort(value, kind="stable")


@cases
def test_roc_curves_are_those_of_batch(seed, patients, widest, levels):
    del levels
    value, group, order = draw(seed, patients, widest, 2)
    positive, known = (group == 1)[None], (group >= 0)[None]
    area = batch.roc_area(value[None], positive, known)[0]
    for criterion in ("youden", "closest"):
        found, cutoff, _, _ = values._roc(value, order, group, criterion == "youden", 0.0, 0.0)
        up = batch.roc_cutoff(value[None], positive, known, criterion).above[0]
        if np.isnan(area):
            assert np.isnan(found)
            continue
        assert found == pytest.approx(area), up
        expected = batch.roc_cutoff(value[None], positive, known, criterion).threshold[0]
        assert cutoff == pytest.approx(expected, nan_ok=True)


@cases
def test_rank_tests_are_those_of_scipy(seed, patients, widest, levels):
    value, group, order = draw(seed, patients, widest, levels)
    parts = [value[group == g] for g in range(levels)]
    root, df = values._rank_test(value, order, group, levels)
    if min(len(p) for p in parts) == 0 or len(np.unique(value[group >= 0])) < 2:
        return
    assert df == levels - 1
    if levels == 2:
        expected = mannwhitneyu(*parts, method="asymptotic", use_continuity=True)
        sums = len(parts[0]) * len(parts[1])
        if expected.statistic != sums / 2:  # SciPy corrects also where there is nothing to correct
            from scipy.special import ndtr

            assert 2 * ndtr(-root) == pytest.approx(min(expected.pvalue, 1.0))
    else:
        assert root**2 == pytest.approx(kruskal(*parts).statistic)


@cases
def test_quantiles_are_those_of_numpy(seed, patients, widest, levels):
    value, group, order = draw(seed, patients, widest, levels)
    for wanted in (-1, 0, 1):
        part = value[group >= 0] if wanted < 0 else value[group == wanted]
        for share in (0.0, 0.25, 0.5, 0.75, 1.0):
            found = values._quantile(value, order, group, wanted, share)
            expected = np.quantile(part, share) if part.size else np.nan
            assert found == pytest.approx(expected, nan_ok=True)


@cases
def test_what_a_true_dataset_has_is_found_again(seed, patients, widest, levels):
    """Mean, area and cut-off of true values, known to two digits, are met from elsewhere, and
    extremes stay where they are. One start finds them in 19 of 20 such datasets; in a few only one start
    of five does."""
    del levels
    rng = np.random.default_rng(seed)
    patients += 8
    true, group, order = draw(seed, patients, widest + 4, 2)
    area, cutoff, worse, _ = values._roc(true, order, group, True, 0.0, 1e6)
    if np.isnan(area) or np.isnan(cutoff):
        return
    assert worse == pytest.approx(0)
    kinds = np.array([values.MEAN, values.AUC, values.CUTOFF])
    ranges = np.array(
        [
            [true.mean() - 0.05, true.mean() + 0.05, 1 / true.mean(), 0],
            [area - 0.005, area + 0.005, 0.3 * patients, 0],
            [cutoff - 0.5, cutoff + 0.5, 1 / cutoff, 0],
        ]
    )
    marks = values.Marks(kinds, ranges, np.zeros((3, 2, 2)), true.sum(), True)
    groups = np.stack([np.zeros(patients, dtype=np.int64), group, group])
    low, high = true.min(), true.max()
    losses = []
    for start in range(40):
        value = rng.integers(low, high + 1, patients).astype(float)
        value[:2] = low, high
        limits = np.stack([np.full(patients, low), np.full(patients, high)])
        fixed = np.arange(patients) < 2
        nobody = np.zeros(patients, dtype=bool)
        loss = values.search(
            marks, groups, value, limits, limits.copy(), fixed, nobody, seed + start
        )
        losses.append(loss)
        assert (value.min(), value.max()) == (low, high)
        now = np.argsort(value, kind="stable")
        gaps = [values.distance(marks, t, value, now, groups) for t in range(3)]
        assert sum(gaps) == pytest.approx(loss)
        if loss == 0:
            assert abs(value.mean() - true.mean()) <= 0.05 + 1e-9
            assert values._roc(value, now, group, True, 0.0, 0.0)[0] == pytest.approx(
                area, abs=0.0051
            )
            break
    assert min(losses) == 0


@cases
def test_the_order_of_values_is_kept(seed, patients, widest, levels):
    value, _, order = draw(seed, patients, widest, levels)
    rng = np.random.default_rng(seed)
    place = np.argsort(order)
    for _ in range(20):
        i, j = rng.integers(0, patients, 2)
        if rng.random() < 0.5:
            values._trade.py_func(value, order, place, i, j)
        else:
            value[i] = rng.integers(1, widest)
            values._settle(value, order, place, i)
        assert (np.diff(value[order]) >= 0).all()
        assert (order[place] == np.arange(patients)).all()


@cases
def test_a_mirrored_value_makes_a_cut_off_in_the_range(seed, patients, widest, levels):
    value, _, order = draw(seed, patients, widest, levels)
    low = np.random.default_rng(seed).integers(1, widest) + 0.5
    for width in (0.0, 1.0, 5.0):
        ranges = np.array([[low, low + width, 1.0, 0.0]])
        marks = values.Marks(np.array([values.CUTOFF]), ranges, np.zeros((1, 2, 2)), np.nan, True)
        new = values._mirrored(marks, 0, value, order)
        middles = (value + new) / 2
        assert ((middles >= low - 0.5) & (middles <= low + width + 0.5)).any()
