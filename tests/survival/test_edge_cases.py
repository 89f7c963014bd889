"""What each statistic answers where there is next to nothing to go by; docs/statistics.md lists them.

Each line of `CASES` is one decision: what is asked of which data, and the answer. NaN means that the
data do not determine it; `DataError` that the input is no data; "says why" that a model has no estimate and
gives the reason in words.
"""

import numpy as np
import pandas as pd
import pytest

from resarc.errors import DataError
from resarc.survival.competing import cumulative_incidence, fine_gray, gray_test, incidence_at
from resarc.survival.contingency import chi_square, fisher_exact, linear_by_linear, mid_p_fisher
from resarc.survival.counting_process import cox_intervals
from resarc.survival.cox import cox, interaction_p, proportional_hazards
from resarc.survival.cutpoints import auc, maximally_selected_logrank, roc_then_logrank
from resarc.survival.firth import firth_cox
from resarc.survival.kaplan_meier import curve, quantile, reverse_follow_up, survival_at
from resarc.survival.landmark_roc import auc_at
from resarc.survival.logrank import exact_logrank, logrank, trend
from resarc.survival.proportions import difference, proportion_interval
from resarc.survival.ranks import kruskal_wallis, mann_whitney
from resarc.survival.rmst import rmst, rmst_difference

pytestmark = pytest.mark.unit

NAN = float("nan")
WHY = "says why"
FOUR, DEAD, ALIVE = [1.0, 2.0, 3.0, 4.0], [1, 1, 1, 1], [0, 0, 0, 0]


def median(time, event):
    return quantile(curve(time, event)).value


def at(time, event, when):
    return survival_at(curve(time, event), when)["survival"].iloc[0]


def model(make, time, event, x, **more):
    """The first hazard ratio, or that the model says why there is none."""
    data = pd.DataFrame({"t": time, "e": event, "x": x} | more)
    found = make(data)
    ratio = found.coefficients["hazard_ratio"].iloc[0]
    return WHY if np.isnan(ratio) and found.problem else ratio


def cox_of(time, event, x):
    return model(lambda d: cox(d, "t", "e", ["x"]), time, event, x)


def firth_of(time, event, x):
    return model(lambda d: firth_cox(d, "t", "e", ["x"]), time, event, x)


def fine_gray_of(time, cause, x):
    return model(lambda d: fine_gray(d, "t", "e", ["x"]), time, cause, x)


def intervals_of(time, event, x):
    return model(lambda d: cox_intervals(d.assign(s=0.0), "s", "t", "e", ["x"]), time, event, x)


def incidence(time, cause, when):
    return incidence_at(cumulative_incidence(time, cause), when)["incidence"].iloc[0]


def interaction(time, event, x, z):
    data = pd.DataFrame({"t": time, "e": event, "x": x, "z": z})
    return interaction_p(data, "t", "e", "x", "z").p


def ph(time, event, x):
    data = pd.DataFrame({"t": time, "e": event, "x": x})
    return proportional_hazards(data, "t", "e", ["x"])["p"].iloc[0]


HALF = [0, 1, 0, 1]
CASES = {
    "no events": [
        (lambda: at(FOUR, ALIVE, 3), 1.0),
        (lambda: median(FOUR, ALIVE), NAN),
        (lambda: rmst(FOUR, ALIVE, 3).value, 3.0),
        (lambda: logrank(FOUR, ALIVE, HALF).p, NAN),
        (lambda: trend(FOUR, ALIVE, HALF).p, NAN),
        (lambda: exact_logrank(FOUR, ALIVE, HALF).p, NAN),
        (lambda: cox_of(FOUR, ALIVE, HALF), WHY),
        (lambda: firth_of(FOUR, ALIVE, HALF), WHY),
        (lambda: intervals_of(FOUR, ALIVE, HALF), WHY),
        (lambda: interaction(FOUR, ALIVE, HALF, [0, 0, 1, 1]), NAN),
        (lambda: ph(FOUR, ALIVE, HALF), NAN),
        (lambda: incidence(FOUR, ALIVE, 3), 0.0),
        (lambda: gray_test(FOUR, ALIVE, HALF).p, NAN),
        (lambda: fine_gray_of(FOUR, ALIVE, HALF), WHY),
        (lambda: maximally_selected_logrank(FOUR, ALIVE, FOUR, n_permutations=0).statistic, NAN),
        (lambda: auc(FOUR, ALIVE).value, DataError),
        (lambda: auc_at(FOUR, ALIVE, FOUR, 2).value, NAN),
        (lambda: roc_then_logrank(FOUR, ALIVE, FOUR, 2, n_permutations=0).naive.p, DataError),
    ],
    "all censored at the same time": [
        (lambda: at([2.0, 2.0], [0, 0], 2), 1.0),
        (lambda: at([2.0, 2.0], [0, 0], 3), NAN),
        (lambda: reverse_follow_up([2.0, 2.0], [0, 0]).value, 2.0),
        (lambda: rmst([2.0, 2.0], [0, 0], 3).value, NAN),
    ],
    "one group empty": [
        (lambda: logrank(FOUR, DEAD, pd.Categorical(["a"] * 4, ["a", "b"])).p, NAN),
        (lambda: trend(FOUR, DEAD, ["a"] * 4).p, NAN),
        (lambda: exact_logrank(FOUR, DEAD, ["a"] * 4).p, NAN),
        (lambda: gray_test(FOUR, [1, 2, 1, 0], ["a"] * 4).p, NAN),
        (lambda: cox_of(FOUR, DEAD, [1, 1, 1, 1]), WHY),
        (lambda: firth_of(FOUR, DEAD, [1, 1, 1, 1]), WHY),
        (lambda: rmst_difference(FOUR, DEAD, ["a"] * 4, 3).value, DataError),
        (lambda: chi_square([[3, 0], [2, 0]]).p, NAN),
        (lambda: fisher_exact([[3, 0], [2, 0]]).p, NAN),
        (lambda: mid_p_fisher([[3, 0], [2, 0]]).p, NAN),
        (lambda: linear_by_linear([[3, 0], [2, 0]]).p, NAN),
        (lambda: mann_whitney([], [1.0]).test.p, DataError),
        (lambda: kruskal_wallis([[1.0], []]).p, DataError),
        (lambda: difference(0, 0, 1, 2).value, NAN),
    ],
    "a single patient": [
        (lambda: at([5.0], [1], 4), 1.0),
        (lambda: at([5.0], [1], 6), 0.0),
        (lambda: median([5.0], [1]), 5.0),
        (lambda: rmst([5.0], [1], 5).value, 5.0),
        (lambda: logrank([5.0], [1], ["a"]).p, NAN),
        (lambda: cox_of([5.0], [1], [1]), WHY),
        (lambda: incidence([5.0], [1], 6), 1.0),
        (lambda: proportion_interval(1, 1, "wilson").value, 1.0),
    ],
    "ties": [
        # All die at once: the curve falls to 0 in one step, and no order is left to compare.
        (lambda: median([2.0] * 4, DEAD), 2.0),
        (lambda: logrank([2.0] * 4, DEAD, HALF).p, NAN),
        (lambda: exact_logrank([2.0] * 4, DEAD, HALF).p, NAN),
        # Exactly one half: the middle of the flat stretch, as R.
        (lambda: median(FOUR, DEAD), 2.5),
        # Death and censoring at one time: the censored are at risk of it.
        (lambda: at([2.0, 2.0], [1, 0], 2), 0.5),
        (lambda: mann_whitney([1.0, 1.0], [1.0]).test.p, NAN),
    ],
    "separation": [
        (lambda: cox_of(FOUR, [1, 1, 0, 0], [1, 1, 0, 0]), np.inf),
        (lambda: cox_of(FOUR, [1, 1, 0, 0], [0, 0, 1, 1]), 0.0),
        (lambda: np.isfinite(firth_of(FOUR, [1, 1, 0, 0], [1, 1, 0, 0])), True),
        (lambda: intervals_of(FOUR, [1, 1, 0, 0], [1, 1, 0, 0]), np.inf),
        (lambda: fine_gray_of(FOUR, [1, 1, 0, 0], [1, 1, 0, 0]), np.inf),
    ],
    "zero time": [
        # A death at time 0 counts: the curve starts below 1.
        (lambda: at([0.0, 1.0], [1, 0], 0), 0.5),
        (lambda: incidence([0.0, 1.0], [1, 0], 0), 0.5),
        (lambda: logrank([0.0, 1.0], [1, 1], [0, 1]).observed[0], 1.0),
        # Of rows (start, stop] one without length is no row.
        (lambda: intervals_of([0.0, 1.0], [1, 1], [0, 1]), DataError),
    ],
    "missing values": [
        (lambda: at([1.0, NAN], [1, 1], 1), DataError),
        (lambda: at([1.0, 2.0], [1, None], 1), DataError),
        (lambda: logrank(FOUR, DEAD, ["a", "b", None, "b"]).p, DataError),
        (lambda: cox_of(FOUR, DEAD, [1, 0, NAN, 1]), DataError),
        (lambda: firth_of(FOUR, DEAD, [1, 0, NAN, 1]), DataError),
        (lambda: gray_test(FOUR, [1, 2, NAN, 0], HALF).p, DataError),
        (lambda: mann_whitney([1.0, NAN], [2.0]).test.p, DataError),
    ],
    "no patients": [
        (lambda: at([], [], 1), DataError),
        (lambda: rmst([], [], 1).value, DataError),
        (lambda: incidence([], [], 1), DataError),
        (lambda: proportion_interval(0, 0, "wilson").value, NAN),
    ],
}


@pytest.mark.parametrize(
    ("ask", "answer"),
    [
        pytest.param(ask, answer, id=f"{name} {i}")
        for name, cases in CASES.items()
        for i, (ask, answer) in enumerate(cases)
    ],
)
def test_an_answer_that_was_decided(ask, answer):
    if answer is DataError:
        with pytest.raises(DataError):
            ask()
        return
    found = ask()
    if isinstance(answer, str):
        assert found == answer
    else:
        assert found == pytest.approx(answer, nan_ok=True)
