"""Two releases of a registry, before and after it grew, tell no small count by their difference.

A reader of both knows the rule, which suppressed counts are small, and that patients were only added.
What this reader can prove of how many came to a group is a range. It must leave as many values open as
a suppressed count, unless it lies above the threshold.
"""

import numpy as np
import pytest
from scipy.optimize import linprog

from resarc.disclosure import record, release
from resarc.disclosure.record import Record, counts_table, still_stands
from resarc.disclosure.rounding import Window
from resarc.output import read_csv, write_csv
from resarc.settings import Disclosure

pytestmark = pytest.mark.property

RULE = Disclosure()


def recorded(study, rule=RULE) -> Record:
    made = study.released
    tables = {"estimates": made.estimates, "curves": made.curves, "flow": made.flow}
    return Record(tables, counts_table(made.decision), rule)


def renewed(study, protocol, last: Record):
    parts = (study.estimates, study.curves, study.flow, study.cohort)
    return release(*parts, protocol, RULE, [last.windows])


@pytest.fixture(scope="module")
def grown(cohort_of, released):
    """A registry of 140, and the same after one and after twenty more patients."""
    cohort = cohort_of(160, 8)
    return [released(cohort.iloc[:n].reset_index(drop=True)) for n in (140, 141, 160)]


def test_one_more_patient_leaves_the_release_as_it_was(grown):
    """Nothing to subtract. That a new release would have differed is what the rule is for."""
    before, after, _ = grown
    assert not after.released.estimates.equals(before.released.estimates)
    table = counts_table(after.released.decision)
    assert still_stands(recorded(before), table, after.estimates, RULE)


def test_many_more_patients_another_rule_or_other_analyses_renew_it(grown):
    before, _, after = grown
    last, table = recorded(before), counts_table(after.released.decision)
    assert not still_stands(last, table, after.estimates, RULE)
    same = counts_table(before.released.decision)
    assert still_stands(last, same, before.estimates, RULE)
    assert not still_stands(last, same, before.estimates, Disclosure(rounding=10))
    assert not still_stands(last, same, before.estimates.iloc[1:], RULE)
    assert not still_stands(last, same.iloc[1:], before.estimates, RULE)


def cells_of(study) -> dict[str, list[str]]:
    """Every atom of every root that the release speaks of."""
    atoms: dict[str, set[str]] = {}
    for group in study.released.decision.windows:
        for root, some in group.parts:
            atoms.setdefault(root, set()).update(some)
    return {root: [*sorted(some), "(else)"] for root, some in sorted(atoms.items())}


def range_of_change(before: dict, after: dict, atoms: dict, group) -> tuple[float, float]:
    """Another attack than the programme's: one joint table of all roots, twice, with as many cells as
    that has; those who came are a table of numbers of at least 0."""
    names = list(atoms)
    shape = [len(atoms[name]) for name in names]
    size = int(np.prod(shape))

    def inside(one) -> np.ndarray:
        mask = np.ones(shape, dtype=bool)
        for axis, name in enumerate(names):
            if name in one.by_root:
                keep = np.isin(atoms[name], list(one.by_root[name]))
                mask &= keep.reshape([-1 if i == axis else 1 for i in range(len(names))])
        return mask.ravel().astype(float)

    rows, bounds = [], []
    for windows, joint in ((before, False), (after, True)):
        for one, window in windows.items():
            cells = inside(one)
            rows.append(np.concatenate([cells, cells if joint else np.zeros(size)]))
            bounds.append((window.lower, window.upper))
    low, high = np.array(bounds).T
    matrix = np.array(rows)
    finite = np.isfinite(high)
    limits = {
        "A_ub": np.vstack([matrix[finite], -matrix]),
        "b_ub": np.concatenate([high[finite], -low]),
    }
    target = np.concatenate([np.zeros(size), inside(group)])
    ends = [
        sign * linprog(sign * target, **limits, bounds=(0, None), method="highs").fun
        for sign in (1, -1)
    ]
    return np.ceil(ends[0] - 1e-6), np.floor(ends[1] + 1e-6)


@pytest.mark.parametrize("many", [1, 20])
def test_the_difference_of_two_releases_exposes_no_small_count(grown, protocol, many):
    """Also where a release is made anew after one patient, as if the first rule were not there."""
    before, after = grown[0], grown[1 if many == 1 else 2]
    last = recorded(before)
    naive = after.released.decision
    made = renewed(after, protocol, last)
    assert made.decision.hidden >= naive.hidden
    atoms = cells_of(after)
    truth = {
        group: n - before.released.decision.counts[group]
        for group, n in made.decision.counts.items()
    }
    narrow = {"naive": 0, "made": 0}
    for group in [g for g in truth if len(g.roots) <= 2][:25]:
        for name, windows in (("naive", naive.windows), ("made", made.decision.windows)):
            lower, upper = range_of_change(last.windows, windows, atoms, group)
            assert lower <= truth[group] <= upper
            narrow[name] += upper - lower + 1 < RULE.uncertainty and lower <= RULE.threshold
    assert narrow["made"] == 0
    assert narrow["naive"] > 0 or many > 1  # the attack works: something had to be done


def test_a_record_comes_back_from_its_file(grown, tmp_path):
    last = recorded(grown[0])
    write_csv(last.counts, tmp_path / "counts.csv")
    again = Record(last.tables, read_csv(tmp_path / "counts.csv"), RULE)
    assert again.windows == last.windows == grown[0].released.decision.windows
    assert Window(0, 7) in again.windows.values()
    assert (
        record.from_text(record.to_text(group := max(again.windows, key=lambda g: len(g.parts))))
        == group
    )


def test_releases_that_cannot_both_be_of_a_growing_registry_are_compared_as_they_are(
    cohort_of, released, protocol
):
    """Half of the patients have left: what a reader knows of the change is what both releases say."""
    cohort = cohort_of(160, 3)
    before, after = released(cohort), released(cohort.iloc[:60].reset_index(drop=True))
    made = renewed(after, protocol, recorded(before))
    assert made.decision.released


@pytest.mark.parametrize("seed", range(4))
def test_curves_move_by_whole_groups_or_not_at_all(cohort_of, released, seed):
    """Between two releases that differ by one patient the events of a month differ by none, or by a
    whole group of them."""
    cohort = cohort_of(200, seed)
    one, other = released(cohort[:-1].reset_index(drop=True)), released(cohort)
    whole = []
    for study in (one, other):
        made = study.released.curves
        whole.append(made[made["variable"] == ""].set_index("time"))
    shared = whole[0].index.intersection(whole[1].index)
    late = shared[shared > 12]
    assert len(late) > 5
    difference = (whole[1].loc[late, "events"] - whole[0].loc[late, "events"]).to_numpy()
    assert set(np.abs(difference)) <= {0, 6, 12}
