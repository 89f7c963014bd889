"""No small count is released, and none can be solved from those that are.

The reader imagined in `joint_attack` is another one than the programme's own: it sees only the released
table of estimates, reads it by its words, and solves for whole numbers of patients in each cell of the
joint table of all variables.
"""

from itertools import product
from math import ceil, floor, inf, isnan

import numpy as np
import pytest
from scipy.optimize import Bounds, LinearConstraint, milp

from resarc.disclosure.rounding import to_midpoint, to_nearest
from resarc.estimand import Condition, Estimand
from resarc.settings import Disclosure

pytestmark = pytest.mark.property

RULE = Disclosure()
ROOTS = {
    "sex": ("f", "m", ""),
    "stage": ("I", "II", "III", ""),
    "treated": ("no", "yes", ""),
    "age": ("<60", "60-79", ">=80"),
    "os": ("event", "censored"),
}
MEANS = {
    ("age_group", "<60"): ("age", {"<60"}),
    ("age_group", ">=60"): ("age", {"60-79", ">=80"}),
    ("old", "<80"): ("age", {"<60", "60-79"}),
    ("old", ">=80"): ("age", {">=80"}),
    ("early", "yes"): ("stage", {"I"}),
    ("early", "no"): ("stage", {"II", "III"}),
}
CELLS = list(product(*ROOTS.values()))


def inside(conditions: list[Condition], known: tuple[str, ...] = ()) -> np.ndarray:
    mask = np.ones(len(CELLS), dtype=bool)
    for condition in conditions:
        place = (condition.variable, condition.level)
        root, atoms = MEANS.get(place, (condition.variable, {condition.level}))
        mask &= [cell[list(ROOTS).index(root)] in atoms for cell in CELLS]
    for name in known:
        root = {"age_group": "age", "old": "age", "early": "stage"}.get(name, name)
        mask &= [cell[list(ROOTS).index(root)] != "" for cell in CELLS]
    return mask


def window(value: float, note: str, events: bool, rule: Disclosure) -> tuple[float, float]:
    """The whole numbers that a released count may stand for, tried one by one."""
    if isnan(value):
        return (0, 7) if note.endswith("7 or fewer") else (8, inf)
    n = np.arange(8, 600)
    bases = rule.curve_rounding, rule.rounding
    same = n[(to_midpoint(n, bases[0]) if events else to_nearest(n, bases[1])) == value]
    return same.min(), same.max()


def told(table, rule: Disclosure = RULE) -> dict[bytes, tuple[np.ndarray, float, float, str]]:
    """Each released or suppressed count once: which cells it sums, and its bounds."""
    found = {}
    for row in table.to_dict("records"):
        estimand = Estimand.parse(row["estimand"])
        if estimand.statistic not in ("n", "events"):
            continue
        conditions = list(estimand.where)
        if estimand.statistic == "events":
            conditions.append(Condition(estimand.subject, "event"))
        mask = inside(conditions)
        events = Condition("os", "event") in conditions
        low, high = window(row["value"], row["note"], events, rule)
        found[mask.tobytes()] = (mask, low, high, row["estimand"])
    return found


def solve(target: np.ndarray, constraints: LinearConstraint) -> tuple[int, int]:
    ends = []
    for sign in (1, -1):
        found = milp(
            sign * target.astype(float),
            constraints=constraints,
            integrality=np.ones(len(CELLS)),
            bounds=Bounds(0, inf),
            options={"time_limit": 20},
        )
        # A bound is valid even if the search for whole numbers was cut short.
        ends.append(sign * (found.mip_dual_bound if found.status == 1 else found.fun))
    return ceil(ends[0] - 1e-6), floor(ends[1] + 1e-6)


@pytest.mark.parametrize(("n", "seed"), [(30, 1), (60, 2), (90, 3), (150, 4), (400, 1)])
def test_no_small_count_can_be_solved_from_the_released_ones(cohort_of, released, n, seed):
    study = released(cohort_of(n, seed))
    counts = told(study.released.estimates)
    truth = study.estimates.set_index("estimand")["value"]
    small = [name for _, low, high, name in counts.values() if (low, high) == (0, 7)]
    assert small
    for _, low, high, name in counts.values():
        assert low <= truth[name] <= high
        assert (truth[name] <= 7) == (name in small)
    matrix = np.array([mask for mask, *_ in counts.values()], dtype=float)
    low, high = ([entry[i] for entry in counts.values()] for i in (1, 2))
    constraints = LinearConstraint(matrix, low, high)
    for mask, *_, name in counts.values():
        if name in small:
            lower, upper = solve(mask, constraints)
            assert upper - lower + 1 >= RULE.uncertainty, name
            assert lower <= truth[name] <= upper


@pytest.mark.parametrize("seed", range(3))
def test_exact_counts_need_more_suppression_and_still_expose_none(cohort_of, released, seed):
    """Without rounding, each suppressed count needs another beside it: the classical case."""
    rule = Disclosure(rounding=1, curve_rounding=1, uncertainty=3)
    study = released(cohort_of(120, seed), rule)
    table = study.released.estimates
    suppressed = table["note"].str.contains("protect")
    assert suppressed.sum() > 0
    counts = list(told(table, rule).values())
    matrix = np.array([mask for mask, *_ in counts], dtype=float)
    constraints = LinearConstraint(matrix, [c[1] for c in counts], [c[2] for c in counts])
    for mask, low, high, _ in counts:
        if (low, high) == (0, 7):
            lower, upper = solve(mask, constraints)
            assert upper - lower + 1 >= 3


def test_a_registry_without_small_counts_loses_none(cohort_of, released):
    cohort = cohort_of(400, 7)
    cohort["sex"] = ["f", "m"] * 200
    cohort["stage"], cohort["early"] = (
        ["I", "I", "II", "III"] * 100,
        ["yes", "yes", "no", "no"] * 100,
    )
    cohort["treated"] = ["no"] * 200 + ["yes"] * 200
    study = released(cohort)
    names = study.released.estimates["estimand"]
    counts = study.released.estimates[names.str.match(r"n(\{|$)")]
    aged = counts["estimand"].str.contains("old")
    assert counts.loc[~aged, "value"].notna().all()
    assert study.shown("n")["value"] == 400
