"""Joint counts that tests and rates of small groups leave: nothing possible is left out."""

import sys
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from generated import PROTOCOLS, published

from resarc.ensemble import Ensemble, evaluate
from resarc.estimand import Estimand
from resarc.published import Figure, Range
from resarc.reconstruct import counts, tables
from resarc.reconstruct.engine import reconstruct
from resarc.reconstruct.layout import lay_out
from resarc.reconstruct.targets import Target, compile_targets

PROTOCOL = PROTOCOLS[False]
RATE = Estimand.parse("os.survival(12 months)")
MEDIAN = Estimand.parse("os.median")


def histories(patients):
    """All that can be of the survival of so many: who dies or is lost, before or after the year."""
    kinds = list(product(("dies", "lost"), repeat=patients))
    for before in range(patients + 1):
        for kind in kinds:
            months = np.r_[np.arange(before) + 1.0, 20.0 + np.arange(patients - before)]
            yield months, np.array([k == "dies" for k in kind])


def members_of(patients):
    months, dies = (np.array(part) for part in zip(*histories(patients), strict=True))
    return Ensemble(PROTOCOL, {}, {}, {"os": months}, {"os": dies})


def rate(value, lower=None, upper=None):
    return Target(RATE, value, lower, upper, ("f",), False)


@pytest.mark.unit
@pytest.mark.parametrize("patients", [1, 2, 4, 6])
def test_a_group_is_let_through_if_and_only_if_some_history_prints_so(patients):
    ensemble = members_of(patients)
    found = evaluate(RATE, ensemble)
    events = ensemble.events["os"].sum(axis=1)
    printed = [Range(p / 100 - 0.005, p / 100 + 0.005) for p in range(101)]
    let_through = 0
    for value in printed:
        for lower in (None, Range(0.195, 0.205), Range(0.115, 0.125)):
            target = rate(value, lower)
            held = target.holds(found)
            assert tables.possible(target, patients, -1, PROTOCOL) == held.any()
            for dead in range(patients + 1):
                mine = tables.possible(target, patients, dead, PROTOCOL)
                assert mine == held[events == dead].any(), (value, lower, dead)
                let_through += mine
    assert let_through


@pytest.mark.unit
def test_a_median_needs_somebody_who_dies_and_an_empty_group_prints_nothing():
    median = Target(MEDIAN, Range(9.95, 10.05), None, None, ("f",), False)
    assert not tables.possible(median, 3, 0, PROTOCOL)
    assert tables.possible(median, 3, 1, PROTOCOL)
    assert not tables.possible(rate(Range(0.0, 1.0)), 0, -1, PROTOCOL)
    assert tables.possible(rate(Range(0.3141, 0.3142)), tables.LARGEST + 1, -1, PROTOCOL)


@pytest.mark.unit
def test_a_share_of_a_group_is_one_of_its_size():
    third = Target(
        Estimand.parse("os.crude_rate(12 months)"), Range(0.333, 0.334), None, None, (), False
    )
    assert [tables.possible(third, n, -1, PROTOCOL) for n in range(1, 7)] == [
        False, False, True, False, False, True,
    ]  # fmt: skip


FIGURES = {
    "n": "12", "n{grade=low}": "3", "n{grade=high, treated=no}": "1", "grade.chi2_p by treated": "0.40",
    "os.survival(12 months){treated=yes}": "71.4",
}  # fmt: skip


def printed():
    units = {"os.survival(12 months){treated=yes}": "%"}
    return published(
        [
            Figure(id=f"f{k}", estimand=e, printed=text, unit=units.get(e, ""), locator="T")
            for k, (e, text) in enumerate(FIGURES.items())
        ],
        stated=True,
    )


@pytest.fixture(scope="module")
def parts():
    targets, _ = compile_targets(printed(), PROTOCOL)
    layout = lay_out(PROTOCOL, targets)
    (component,) = (c for c in counts.components(layout, targets, 12) if "grade" in c.blocks)
    return component, targets, layout


@pytest.mark.unit
def test_tables_are_walked_to_those_that_the_figures_leave(parts):
    component, targets, layout = parts
    asked = tables.screen(component, targets, layout, [])
    rng = np.random.default_rng(1)
    drawn = counts.draws(component, [], 12, rng, 20)
    found = np.stack([tables.walked(asked, table, rng) for table in drawn])
    assert (asked.cost(drawn) > 0).sum() > 10
    # A walk may end beside the few tables that are left.
    assert (asked.cost(found) == 0).mean() >= 0.9
    assert asked.fits(found).all()
    assert (found.sum(axis=1) == 12).all()
    reached = found[asked.cost(found) == 0]
    treated = component.cells[:, component.blocks.index("treated")] == 0
    # Of fewer than seven, none print 71.4%.
    assert set(reached[:, treated].sum(axis=1)) <= {7, 8, 9, 10, 11, 12}
    for table in reached:
        assert np.array_equal(tables.walked(asked, table, rng), table)


@pytest.mark.unit
def test_a_walk_keeps_to_its_kinds_of_cells(parts):
    component, targets, layout = parts
    asked = tables.screen(component, targets, layout, [])
    kinds = component.cells[:, component.blocks.index("treated")]
    rng = np.random.default_rng(2)
    for _ in range(5):
        [table] = counts.draws(component, [], 12, rng, 1)
        walked = tables.walked(asked, table, rng, kinds)
        for kind in (0, 1):
            assert walked[kinds == kind].sum() == table[kinds == kind].sum()


@pytest.mark.unit
def test_nothing_is_asked_where_no_figure_speaks_of_a_table(parts):
    component, targets, layout = parts
    only_counts = [t for t in targets if counts.is_count(t)]
    assert tables.screen(component, only_counts, layout, []) is None


@pytest.mark.unit
def test_a_test_and_a_rate_that_few_tables_leave_are_held():
    """Hardly a table that is drawn by its counts alone goes with the test and the rate."""
    found = reconstruct(PROTOCOL, printed(), members=2, seed=1)
    assert dict(
        zip(found.targets["figure"], found.targets["status"], strict=True)
    ) == dict.fromkeys((f"f{k}" for k in range(len(FIGURES))), "target")
    assert isinstance(found.ensemble, pd.DataFrame)
