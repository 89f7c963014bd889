"""Progression before death along two curves: who is who is a matching."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import maximum_bipartite_matching

from resarc import ensemble as ensembles
from resarc import protocol as protocols
from resarc import published as publications
from resarc.estimand import DAYS_PER_MONTH, Estimand
from resarc.reconstruct import constraints, coupling, curves
from resarc.reconstruct.engine import reconstruct
from resarc.survival.kaplan_meier import curve as kaplan_meier
from resarc.survival.kaplan_meier import survival_at

FAR = np.iinfo(np.int64).max
SIZES = {"a": 60, "b": 50}


def bound(ceiling, must=None, tied=None, group=None) -> coupling.Bound:
    n = len(ceiling)
    return coupling.Bound(
        np.array([ceiling]),
        np.array([must if must is not None else [False] * n]),
        np.array([tied if tied is not None else [-1] * n]),
        np.array([group if group is not None else [-1] * n]),
    )


def coupled(days, event, labels, knots, limits, seed=0):
    moved = np.array([days])
    whose, left = coupling.couple(
        moved, np.array([event]), np.array(labels), np.array(knots, dtype=float), limits,
        np.random.default_rng(seed),
    )  # fmt: skip
    return moved[0], whose[0], int(left[0])


@pytest.mark.unit
def test_a_matching_by_hand():
    """Deaths at 5 and 9, last contact at 7 of a third patient. Progressions at 4 and 8, one censored at
    6, with numbers at risk at 0 and 5: the censored one can only be the third, on day 7; 8 can only be
    who died at 9, and 4 is who died at 5."""
    limits = bound([5, 9, 7], must=[True, True, False], tied=[-1, -1, 7])
    days, whose, left = coupled([4, 8, 6], [True, True, False], [0, 0, 0], [[0, 5]], limits)
    assert left == 0
    assert days.tolist() == [4, 8, 7]
    assert whose.tolist() == [0, 1, 2]


@pytest.mark.unit
def test_a_number_at_risk_is_not_crossed():
    limits = bound([5, 9, 7], must=[True, True, False], tied=[-1, -1, 7])
    days, whose, left = coupled([4, 8, 6], [True, True, False], [0, 0, 0], [[0, 7]], limits)
    assert left == 1, "last contact at 7 is at risk at 7, who is censored at 6 is not"
    assert days.tolist() == [4, 8, 6]
    assert whose[2] == -1


@pytest.mark.property
@settings(max_examples=200, deadline=None)
@given(
    pairs=st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9), st.integers(-1, 1)), min_size=1, max_size=9),
    seed=st.integers(0, 99),
)  # fmt: skip
def test_times_that_only_ceilings_bound_are_matched_as_far_as_can_be(pairs, seed):
    """Against the largest matching (Hopcroft and Karp), within one group or within two."""
    days, ceiling, _ = (np.array(x) for x in zip(*pairs, strict=True))
    labels = np.array([max(g, 0) for *_, g in pairs])
    rng = np.random.default_rng(seed)
    group = labels[rng.permutation(len(labels))]
    for pinned in (np.full(len(labels), -1), group):
        limits = bound(ceiling.tolist(), group=pinned.tolist())
        _, whose, left = coupled(
            days.tolist(), [True] * len(days), labels.tolist(), [[0], [0]], limits, seed
        )
        allowed = (days[:, None] <= ceiling) & ((pinned < 0) | (labels[:, None] == pinned))
        most = (maximum_bipartite_matching(csr_matrix(allowed)) >= 0).sum()
        assert left == len(days) - most
        given_to = whose[whose >= 0]
        assert len(set(given_to)) == len(given_to)
        assert all(allowed[t, p] for t, p in enumerate(whose) if p >= 0)


def true_patients():
    """Arms, progression-free and overall times in days with their events; one last contact ends both."""
    rng = np.random.default_rng(8)
    arm = np.repeat([0, 1], list(SIZES.values()))
    progresses = rng.exponential(np.array([300, 700])[arm])
    dies = progresses * rng.choice([1.0, 1.0, 1.5], arm.size) + rng.exponential(500, arm.size)
    leaves = rng.uniform(400, 2000, arm.size)
    pfs, os = (np.ceil(np.minimum(x, leaves)) for x in (progresses, dies))
    return arm, (pfs, progresses <= leaves), (os, dies <= leaves)


PROTOCOL = """
study: two
reference: two
title: Two curves
population: Invented patients
origin_label: randomisation
time_zero: randomised
source: {kind: reconstruction}
variables:
  - {name: patient_id, column: id, label: Patient, type: identifier, required: true}
  - {name: randomised, column: randomised, label: Randomised, type: date, required: true}
  - {name: progressed, column: progressed, label: Progression, type: date}
  - {name: died, column: died, label: Death, type: date}
  - {name: last_seen, column: last, label: Last contact, type: date, required: true}
  - {name: arm, column: arm, label: Arm, type: category, categories: {a: [A], b: [B]}, required: true}
eligibility:
  - {id: randomised, label: Randomised, keep: [{variable: randomised, present: true}]}
endpoints:
  - {name: pfs, label: Progression-free survival, definition: to progression or death, origin: randomised, events: [progressed, died], censored_at: last_seen}
  - {name: os, label: Overall survival, definition: to death, origin: randomised, events: [died], censored_at: last_seen}
analyses:
  - {id: main, label: Main, kind: survival, endpoint: os, at: [24 months], by: arm}
reconstruction:
  period: [2000-01-01, 2002-12-31]
  last_contact: 2009-12-31
  constraints:
    - {at_most: [pfs, os], why: death ends both}
    - {same_end: [pfs, os], why: one last contact ends both}
    - {implies: [{variable: os, one_of: [event]}, {variable: pfs, one_of: [event]}], why: death is an event of both}
"""


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """A study that prints two curves by arm, with numbers at risk."""
    folder = tmp_path_factory.mktemp("two")
    arm, *endpoints = true_patients()
    own = folder / "published" / "two"
    own.mkdir(parents=True)
    text = """
study: two
reference: two
reading: Generated
endpoints: [pfs, os]
stated: {rates: Kaplan-Meier, locator: Methods}
figures:
  - {id: n, estimand: "n", printed: "110", locator: Table 1}
curves:
"""
    for name, (days, event) in zip(("pfs", "os"), endpoints, strict=True):
        points, risk = ["group,time,survival"], ["group,time,at_risk"]
        for code, level in enumerate(SIZES):
            mine = arm == code
            grid = np.arange(0.5, days[mine].max() / DAYS_PER_MONTH, 0.5)
            drawn = survival_at(kaplan_meier(days[mine] / DAYS_PER_MONTH, event[mine]), grid)
            points += [
                f"{level},{t:g},{100 * s:.1f}" for t, s in zip(grid, drawn["survival"], strict=True)
            ]
            risk += [
                f"{level},{t},{(days[mine] >= t * DAYS_PER_MONTH).sum()}" for t in range(0, 49, 12)
            ]
        (own / f"{name}.csv").write_text("\n".join(points), encoding="utf-8")
        (own / f"{name}_risk.csv").write_text("\n".join(risk), encoding="utf-8")
        text += (
            f"  - {{id: fig.{name}, endpoint: {name}, by: arm, file: {name}.csv, at_risk: {name}_risk.csv, "
            "tolerance: 0.03, time_tolerance: 0.5, locator: Figure 1}\n"
        )  # fmt: skip
    (folder / "published" / "two.yaml").write_text(text, encoding="utf-8")
    (folder / "studies").mkdir()
    (folder / "studies" / "two.yaml").write_text(PROTOCOL, encoding="utf-8")
    return folder


def load(folder: Path):
    return (
        protocols.load(folder / "studies" / "two.yaml"),
        publications.load(folder / "published" / "two.yaml"),
    )


@pytest.mark.unit
def test_progression_and_death_along_their_curves_are_of_the_same_patients(two):
    protocol, published = load(two)
    found = reconstruct(protocol, published, members=3, seed=1)
    assert (found.targets["share_held"] == 1).all()
    assert set(found.targets["status"]) == {"target"}
    ensemble = ensembles.from_frame(found.ensemble, protocol)
    assert constraints.met(ensemble).all()
    assert (curves.excess(published, ensemble) == 0).all()
    pfs, os = ensemble.times["pfs"], ensemble.times["os"]
    censored = ~ensemble.events["pfs"]
    assert (pfs <= os).all()
    assert (pfs[censored] == os[censored]).all()
    assert not ensemble.events["os"][censored].any()
    arm, (true, _), _ = true_patients()
    for code, level in enumerate(SIZES):
        risk = ensembles.evaluate(
            Estimand.parse(f"pfs.at_risk(24 months){{arm={level}}}"), ensemble
        ).value
        assert (risk == (true[arm == code] >= 24 * DAYS_PER_MONTH).sum()).all()
    # Who is who differs from dataset to dataset.
    gaps = {tuple(np.sort((os - pfs)[m])) for m in range(3)}
    assert len(gaps) == 3
