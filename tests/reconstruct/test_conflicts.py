"""Smallest sets of printed counts that cannot hold together, checked again without a solver."""

from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resarc import protocol as protocols
from resarc import published as publications
from resarc.estimand import Estimand
from resarc.published import Range
from resarc.reconstruct import conflicts, counts, exact
from resarc.reconstruct.layout import lay_out
from resarc.reconstruct.targets import Target, compile_targets

ROOT = Path(__file__).resolve().parents[2]


def of_study(name: str, **changes: str):
    """Conflicts of a study's counts, after figures were given other printed values."""
    protocol = protocols.load(ROOT / f"config/studies/{name}.yaml")
    published = publications.load(ROOT / f"config/published/{name}.yaml")
    figures = tuple(
        f.model_copy(update={"printed": changes[f.id]}) if f.id in changes else f
        for f in published.figures
    )
    published = published.model_copy(update={"figures": figures})
    targets, _ = compile_targets(published, protocol)
    patients = published.count()
    return [
        conflict
        for component in counts.components(lay_out(protocol, targets), targets, patients)
        for conflict in conflicts.of_counts(
            component, counts.set_aside(component, patients), patients
        )
    ]


@pytest.mark.unit
def test_a_share_that_is_no_fraction_conflicts_alone_or_with_its_denominator():
    found = {frozenset(str(t.estimand) for t in c.targets): c for c in of_study("sysucc2015")}
    part = "n{local_treatment=yes}"
    modality = "local_modality.proportion(surgery and radiotherapy){local_treatment=yes}"
    assert set(found) == {
        frozenset({"response.proportion(CR)"}),
        frozenset({part, "response.proportion(PR){local_treatment=yes}"}),
        frozenset({part, modality}),
    }
    for conflict in found.values():
        assert conflict.rechecked == conflicts.RECHECKED
    assert "81/142 = 57.04%" in found[frozenset({"response.proportion(CR)"})].proof
    assert "13/79 = 16.46%" in found[frozenset({part, modality})].proof


@pytest.mark.unit
def test_a_conflict_across_a_table_is_found_with_all_that_it_needs():
    """13 women more: the sum of the sexes is too large only with both counts."""
    changes = {"res.female.n": "95", "t1.female.n": "95"}
    found = [
        sorted(str(t.estimand) for t in c.targets)
        for c in of_study("sysucc2015", **changes)
        if any("sex" in str(t.estimand) for t in c.targets)
    ]
    assert any("n{sex=female}" in names and len(names) == 2 for names in found)


@pytest.mark.property
@settings(max_examples=60, deadline=None)
@given(st.lists(st.frozensets(st.integers(0, 6), min_size=1, max_size=4), min_size=0, max_size=5))
def test_the_smallest_is_as_small_as_by_trying_all_subsets(cores):
    """Infeasible is what contains one of the given sets."""
    rows = list(range(7))

    def feasible(part: frozenset[int]) -> bool:
        return not any(core <= part for core in cores)

    found = conflicts.smallest(rows, feasible)
    by_trial = next(
        (
            size
            for size in range(len(rows) + 1)
            for part in combinations(rows, size)
            if not feasible(frozenset(part))
        ),
        None,
    )
    assert (len(found) if found is not None else None) == by_trial
    if found is not None:
        assert not feasible(found)
        assert all(feasible(found - {row}) for row in found)


@pytest.mark.unit
def test_one_figure_against_three_steps_back_alone():
    def rate(months: int, low: float) -> Target:
        estimand = Estimand.parse(f"os.survival({months} months)")
        return Target(estimand, Range(low, low + 0.01), None, None, (f"f{months}",), False)

    rogue = rate(48, 0.9)
    figures = [rate(12, 0.8), rate(24, 0.7), rate(36, 0.6), rogue]
    found = exact._out_of_order(figures)
    assert len(found) == 3
    assert conflicts.stepping_back(found, ()) == [rogue]
    assert conflicts.stepping_back(found, [rogue]) == []


@pytest.mark.unit
def test_what_the_second_check_cannot_finish_is_not_called_proved(monkeypatch):
    monkeypatch.setattr(conflicts, "MOST_STEPS", 1)
    assert {c.rechecked for c in of_study("sysucc2015")} == {conflicts.NOT_RECHECKED}
