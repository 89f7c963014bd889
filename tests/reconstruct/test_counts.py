"""Joint counts that are drawn: what is asked of the solver is what is printed, and nothing else."""

import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))
from generated import PRINTABLE, PROTOCOLS, frame_of, print_figures, published

from resarc import protocol as protocols
from resarc import published as publications
from resarc.reconstruct import counts
from resarc.reconstruct.layout import lay_out
from resarc.reconstruct.targets import compile_targets

ROOT = Path(__file__).resolve().parents[2]


def components_of(printed, protocol):
    targets, _ = compile_targets(printed, protocol)
    patients = printed.count()
    return counts.components(lay_out(protocol, targets), targets, patients), patients


def holds(component, kept, cells):
    """Whether counts (C,) meet the printed rows that are kept."""
    return (component.above[kept] @ cells >= -1e-9).all() and (
        component.below[kept] @ cells <= 1e-9
    ).all()


def asked(component, kept, patients, cells):
    """Whether they meet what is asked of the solver."""
    demands = counts._demands(component, kept, patients)
    found = demands.rows @ cells
    return (found >= demands.lower - 1e-9).all() and (found <= demands.upper + 1e-9).all()


def check(component, patients, rng):
    """Draws hold what is printed, and of tables near them the solver is asked for just those that do."""
    without = counts.set_aside(component, patients)
    kept = [k for k, target in enumerate(component.rows) if target not in without]
    verdicts = set()
    for _ in range(4):
        drawn = counts.draws(component, without, patients, rng, 1)[0]
        assert drawn.sum() == patients
        assert (drawn >= 0).all()
        assert holds(component, kept, drawn)
        for _ in range(40):
            near = drawn.copy()
            for _move in range(rng.integers(1, 4)):
                there = rng.choice(np.flatnonzero(near))
                near[there] -= 1
                near[rng.integers(len(near))] += 1
            verdicts.add(holds(component, kept, near))
            assert asked(component, kept, patients, near) == holds(component, kept, near)
    return verdicts


@pytest.mark.unit
@pytest.mark.parametrize("study", ["okayama2022", "oslo2014", "qu2024", "sysucc2015"])
def test_counts_of_a_paper(study):
    protocol = protocols.load(ROOT / f"config/studies/{study}.yaml")
    printed = publications.load(ROOT / f"config/published/{study}.yaml")
    parts, patients = components_of(printed, protocol)
    rng = np.random.default_rng(5)
    verdicts = set()
    for component in parts:
        verdicts |= check(component, patients, rng)
    assert verdicts == {True, False}


PATIENT = st.tuples(
    st.integers(1, 900),
    st.integers(0, 400),
    st.sampled_from(("died", "progressed", "progressed and died", "neither")),
    st.booleans(),
    st.sampled_from(("low", "middle", "high")),
    st.integers(40, 80),
)


@pytest.mark.property
@given(
    st.lists(PATIENT, min_size=5, max_size=30),
    st.lists(st.sampled_from(PRINTABLE[:14]), min_size=1, unique=True),
    st.integers(0, 2**32 - 1),
)
@settings(max_examples=40, deadline=None)
def test_counts_of_made_up_patients(patients, names, seed):
    protocol = PROTOCOLS[False]
    truth = frame_of(patients, logic=False)
    printed = published(print_figures(truth, protocol, names), stated=True)
    rng = np.random.default_rng(seed)
    for component in components_of(printed, protocol)[0]:
        check(component, len(patients), rng)


@pytest.mark.unit
def test_what_is_not_printed_spreads():
    """Four treated patients, all of low grade: nobody else is treated, and the others may be anything."""
    protocol = PROTOCOLS[False]
    truth = frame_of([(100, 0, "died", k < 4, "low", 50) for k in range(10)], logic=False)
    names = ["n{treated=yes}", "n{grade=low, treated=yes}"]
    printed = published(print_figures(truth, protocol, names), stated=True)
    parts, patients = components_of(printed, protocol)
    part = next(c for c in parts if "treated" in c.blocks)
    cells = [tuple(c) for c in part.cells]
    rng = np.random.default_rng(1)
    seen = set()
    for table in counts.draws(part, [], patients, rng, 30):
        drawn = dict(zip(cells, table, strict=True))
        treated = next(k for k, c in enumerate(part.blocks) if c == "treated")
        grade = next(k for k, c in enumerate(part.blocks) if c == "grade")
        yes = protocol.levels("treated").index("yes")
        low = protocol.levels("grade").index("low")
        of_yes = {c[grade]: n for c, n in drawn.items() if c[treated] == yes}
        assert of_yes.pop(low) == 4
        assert not any(of_yes.values())
        seen.add(tuple(sorted(n for c, n in drawn.items() if c[treated] != yes)))
    assert len(seen) > 5
