"""Missing values of a registry: counted, and imputed where the protocol asks."""

import numpy as np
import pytest

from resarc.reanalysis.missing_data import evaluate, rubin

pytestmark = pytest.mark.unit

ASKED = {"kind": "missing_data", "imputations": 5, "iterations": 3}


def run(toy, frame, kind="multivariable"):
    data = toy.registry(toy.protocol(kind, ASKED), frame)
    (analysis,) = data.protocol.analyses
    return evaluate(data, analysis, analysis.recommended[0])


def with_gaps(toy, n=200):
    frame = toy.patients(n, seed=3)
    frame.loc[frame.index[:30], "marker"] = np.nan
    frame.loc[frame.index[20:50], "stage"] = None
    return frame


def test_rubin_s_rules_by_hand():
    """Estimates 1, 2, 3 with variance 1: W = 1, B = 1, T = 1 + 4/3, df = 2 (1 + 3/4)^2."""
    value, se, df, lower, upper, p = rubin(np.array([1.0, 2.0, 3.0]), np.ones(3), 0.95)
    assert value == 2
    assert se == pytest.approx(np.sqrt(7 / 3))
    assert df == pytest.approx(2 * 1.75**2)
    from scipy.stats import t

    assert [lower, upper] == pytest.approx(2 + np.array([-1, 1]) * t.ppf(0.975, df) * se)
    assert p == pytest.approx(2 * t.sf(2 / se, df))


def test_without_variance_between_imputations_it_is_the_normal_test():
    _, se, df, lower, _, _ = rubin(np.ones(4), np.full(4, 0.25), 0.95)
    assert se == pytest.approx(0.5)
    assert np.isinf(df)
    assert lower == pytest.approx(1 - 1.959963985 * 0.5)


def test_counts_and_patterns(toy):
    part = run(toy, with_gaps(toy))
    missing = {n.at: n.value[0] for n in part.numbers if n.quantity == "missing"}
    assert missing == {"Arm": 0, "Stage": 30, "Marker": 30}
    patterns = {n.at: n.value[0] for n in part.numbers if n.quantity == "pattern"}
    assert patterns == {"Marker": 20, "Stage": 20, "Stage, Marker": 10}
    assert toy.one(part, "complete_cases").value[0] == 150


def test_imputed_beside_complete_cases(toy):
    part = run(toy, with_gaps(toy))
    imputed = [n for n in part.numbers if n.quantity == "imputed_hazard_ratio"]
    assert len(imputed) == 4
    for number in imputed:
        assert 0 < number.lower[0] < number.value[0] < number.upper[0]
    # All patients count in the arm, so that its limits are no wider than among complete cases.
    whole = next(n for n in part.numbers if n.quantity == "hazard_ratio" and n.estimand.by == "arm")
    mine = next(n for n in imputed if n.estimand.by == "arm")
    assert np.log(mine.upper[0] / mine.lower[0]) < np.log(whole.upper[0] / whole.lower[0])


def test_the_same_imputations_come_again(toy):
    first, second = run(toy, with_gaps(toy)), run(toy, with_gaps(toy))
    for one, other in zip(first.numbers, second.numbers, strict=True):
        np.testing.assert_array_equal(one.value, other.value)


def test_values_missing_at_random_are_made_up_for(toy):
    """The marker is lost in those who die early, which complete cases cannot see past: the arm's
    hazard ratio moves from that of all patients, and imputation brings it back nearer."""
    frame = toy.patients(1500, seed=11)
    full = run(toy, frame)
    gone = (frame["os_time"] < 12) & (frame["arm"] == "yes")
    frame.loc[gone & (np.arange(len(frame)) % 4 != 0), "marker"] = np.nan
    part = run(toy, frame)

    def of_arm(found, quantity):
        (number,) = (n for n in found.numbers if n.quantity == quantity and n.estimand.by == "arm")
        return np.log(number.value[0])

    truth = of_arm(full, "hazard_ratio")
    away = abs(of_arm(part, "hazard_ratio") - truth)
    near = abs(of_arm(part, "imputed_hazard_ratio") - truth)
    assert near < away / 4


def test_nothing_missing_and_nothing_to_ask_of_rebuilt_datasets(toy):
    part = run(toy, toy.patients())
    assert "nothing had to be imputed" in part.conclusion.sentence
    data = toy.members(toy.protocol("multivariable", ASKED))
    (analysis,) = data.protocol.analyses
    part = evaluate(data, analysis, analysis.recommended[0])
    assert part.conclusion.changes == "not comparable"
    assert not part.numbers
