"""Laws of the reconstruction on generated studies: patients are made up, a random part of what they
give is printed, and datasets are rebuilt from that alone.

What was printed of patients who exist holds together, so no proof may set a figure of it aside: such a
proof would be wrong. What a search did not find is no proof and may step back. Figures made to
contradict each other must be told as a smallest set that does.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal
from itertools import combinations, product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))
from generated import (
    COURSES,
    GRADES,
    PRINTABLE,
    PROTOCOLS,
    TRUE_READINGS,
    Study,
    frame_of,
    print_figures,
    published,
    view_of,
)

from resarc.analysis import CohortView, evaluate
from resarc.errors import ReconstructionError
from resarc.published import Figure
from resarc.reconstruct import counts
from resarc.reconstruct.conflicts import of_counts
from resarc.reconstruct.engine import Reconstruction, reconstruct
from resarc.reconstruct.layout import lay_out
from resarc.reconstruct.plan import NOT_FOUND
from resarc.reconstruct.targets import compile_targets

pytestmark = pytest.mark.property

MEMBERS = 3


PATIENT = st.tuples(
    st.integers(20, 900),
    st.integers(1, 900),
    st.sampled_from(COURSES),
    st.booleans(),
    st.sampled_from(GRADES),
    st.integers(30, 85),
)


@st.composite
def studies(draw: st.DrawFn) -> Study:
    logic = draw(st.booleans())
    protocol = PROTOCOLS[logic]
    truth = frame_of(draw(st.lists(PATIENT, min_size=8, max_size=16)), logic=logic)
    names = draw(st.lists(st.sampled_from(PRINTABLE), min_size=3, max_size=9, unique=True))
    figures = print_figures(truth, protocol, names)
    return Study(protocol, truth, published(figures, stated=draw(st.booleans())))


def prints_so(figure: Figure, view: CohortView, study: Study, reading: str) -> bool:
    """Whether these patients print so under a reading of the figures: rates as Kaplan-Meier
    estimates, shares of all or of fewer; digits rounded (a half either way) or cut off."""
    estimand = figure.estimand
    if estimand.statistic == "survival" and "Kaplan-Meier" not in reading:
        rate = "crude_rate" if reading.startswith("crude") else "followed_rate"
        estimand = replace(estimand, statistic=rate)
    value = evaluate(estimand, view, study.protocol).value / study.printed.factor(figure)
    printed, place = (float(x) for x in (figure.value.value, figure.value.last_place))
    cut = estimand.kind.scale == "fraction" and "truncated" in reading
    return -1e-9 <= value - printed < place if cut else abs(value - printed) <= place / 2 + 1e-9


def rebuilt(study: Study, seed: int) -> Reconstruction | None:
    """Datasets from what is printed; None if the search gave up, which must say on what."""
    try:
        return reconstruct(study.protocol, study.printed, members=MEMBERS, seed=seed)
    except ReconstructionError as error:
        if "hardest was" not in str(error):
            raise
        return None


def check(study: Study, seed: int) -> None:
    """Every figure is true of the patients: none is refuted, nor is the reading that they were printed
    by; and what is rebuilt holds what it says it holds."""
    found = rebuilt(study, seed)
    if found is None:
        return
    targets = found.targets.set_index("figure")
    refuted = (targets["status"] == "set aside") & ~targets["reason"].str.contains(NOT_FOUND)
    assert not refuted.any(), targets[refuted].to_dict("index")
    asked = found.hypotheses
    true = asked["hypothesis"].isin(["Kaplan-Meier estimates", "rounded", *TRUE_READINGS])
    assert "infeasible (proved)" not in set(asked.loc[true, "status"]), asked[true].to_dict("index")
    for row in found.conflicts.to_dict("records"):
        if row["status"] == "proved":
            assert not set(row["hypothesis"].split("; ")) & TRUE_READINGS, row
    holds(study, found)


def holds(study: Study, found: Reconstruction) -> None:
    """Every target in every member, computed from its patients by the functions of the analysis; and
    what the protocol demands of each patient."""
    targets = found.targets.set_index("figure")
    for _, member in found.ensemble.groupby("member"):
        view = view_of(member.reset_index(drop=True), study.protocol)
        for figure in study.printed.figures:
            if targets.loc[figure.id, "status"] != "target":
                continue
            assert prints_so(figure, view, study, member["hypothesis"].iloc[0]), figure
        assert (member["pfs_time"] <= member["os_time"] + 1e-9).all()
        assert not ((member["os_event"] == 1) & (member["pfs_event"] == 0)).any()
        if study.protocol is PROTOCOLS[True] and {"grade", "treated"} <= set(member):
            assert (member.loc[member["grade"] == "high", "treated"] == "yes").all()


@settings(max_examples=12, deadline=None)
@given(study=studies(), seed=st.integers(0, 99))
def test_what_patients_print_is_rebuilt_and_never_refuted(study, seed):
    check(study, seed)


# --- figures that contradict each other -------------------------------------------------------------

CELLS = tuple(product(GRADES, ("yes", "no")))
COUNTS = [
    name for name in PRINTABLE if name.startswith(("n{grade", "n{treated", "treated.", "grade.p"))
]


def tables_of(patients: int, cells: int) -> np.ndarray:
    """All ways (W, cells) to share patients out over cells."""
    bars = np.array(list(combinations(range(patients + cells - 1), cells - 1)))
    ends = np.full((len(bars), 1), patients + cells - 1)
    return np.diff(np.hstack([np.full_like(ends, -1), bars, ends]), axis=1) - 1


def printed_by(figure: Figure, tables: np.ndarray) -> np.ndarray:
    """Which tables (W, `CELLS`) print a count or a share as it is printed, by whole numbers."""
    estimand = figure.estimand
    wanted = {condition.variable: condition.level for condition in estimand.where}
    within = [all({"grade": g, "treated": t}[v] == x for v, x in wanted.items()) for g, t in CELLS]
    whole = tables[:, within].sum(axis=1)
    if estimand.statistic == "n":
        return whole == int(figure.printed)
    level = [w and estimand.argument in cell for w, cell in zip(within, CELLS, strict=True)]
    part = tables[:, level].sum(axis=1)
    # In thousandths of a per cent a rounded share is off by at most 50.
    off = np.abs(100_000 * part - int(Decimal(figure.printed) * 1000) * whole)
    return off <= 50 * whole  # nothing is asked of an empty group


@st.composite
def counted(draw: st.DrawFn) -> tuple[bool, list[Figure]]:
    """Counts and shares of up to 9 patients, of which some are printed wrongly."""
    logic = draw(st.booleans())
    truth = frame_of(draw(st.lists(PATIENT, min_size=4, max_size=9)), logic=logic)
    names = draw(st.lists(st.sampled_from(COUNTS), min_size=2, max_size=6, unique=True))
    figures = print_figures(truth, PROTOCOLS[logic], names)
    for k in draw(st.sets(st.integers(1, max(len(figures) - 1, 1)), max_size=2)):
        if k < len(figures):
            of = 100 if figures[k].unit else len(truth)
            wrong = str(draw(st.integers(0, of)))
            figures[k] = figures[k].model_copy(
                update={"printed": wrong + ".0" * bool(figures[k].unit)}
            )
    return logic, figures


@settings(max_examples=60, deadline=None)
@given(case=counted())
def test_conflicting_counts_are_a_smallest_set_by_all_tables_of_patients(case):
    """Against every table that so many patients can make: what is called infeasible is, and is no more
    without any one of its figures; what is kept can hold."""
    logic, figures = case
    protocol, patients = PROTOCOLS[logic], int(figures[0].printed)
    targets, _ = compile_targets(published(figures, stated=False), protocol)
    tables = tables_of(patients, len(CELLS))
    if logic:
        tables = tables[tables[:, CELLS.index(("high", "no"))] == 0]
    by_id = {figure.id: figure for figure in figures}

    def some_print(names: Iterable[str]) -> bool:
        """`f0`, the number of patients, holds in every table."""
        held = [printed_by(by_id[name], tables) for name in names if name != "f0"]
        return bool(np.all(held, axis=0).any()) if held else True

    aside: set[str] = set()
    for component in counts.components(lay_out(protocol, targets), targets, patients):
        fewest = counts.set_aside(component, patients)
        aside |= {name for target in fewest for name in target.figures}
        for conflict in of_counts(component, fewest, patients):
            names = [name for target in conflict.targets for name in target.figures]
            assert not some_print(names), names
            for left in conflict.targets:
                rest = [name for name in names if name not in left.figures]
                assert some_print(rest), (names, left)
    event("figures conflict" if aside else "figures can hold together")
    assert some_print(set(by_id) - aside)
    assert bool(aside) != some_print(by_id)


@st.composite
def misprinted(draw: st.DrawFn) -> tuple[Study, str]:
    """A study one of whose figures is printed wrongly, and which."""
    study = draw(studies())
    figures = list(study.printed.figures)
    k = draw(st.integers(0, len(figures) - 1))
    figure = figures[k]
    value = Decimal(figure.printed) * draw(st.sampled_from((0, 1, 2))) / 2
    if figure.unit == "%":
        value = 100 - value
    elif figure.estimand.kind.scale == "p":
        value = 1 - value
    wrong = f"{value:.{max(-figure.value.last_place.as_tuple().exponent, 0)}f}"
    figures[k] = figure.model_copy(update={"printed": wrong})
    return replace(
        study, printed=study.printed.model_copy(update={"figures": tuple(figures)})
    ), figure.id


@settings(max_examples=8, deadline=None)
@given(case=misprinted(), seed=st.integers(0, 99))
def test_a_proof_against_one_wrong_figure_speaks_of_it(case, seed):
    """The others are true of the patients, so no conflict is without the wrong one, but where that is the
    number of patients: what a conflict is about takes it as given. Of two figures in conflict the true one
    may step back."""
    study, wrong = case
    patients = int(study.printed.figures[0].printed)
    if not patients:
        return
    found = rebuilt(study, seed)
    if found is None:
        return
    in_conflict: set[str] = set()
    for row in found.conflicts.to_dict("records"):
        if row["status"] == "proved" and set(row["hypothesis"].split("; ")) & TRUE_READINGS:
            together = set(row["figures"].split("; "))
            assert wrong in together | {study.printed.figures[0].id}, row
            in_conflict |= together
    targets = found.targets.set_index("figure")
    event(
        f"the wrong figure: {targets.loc[wrong, 'status']}, conflicts: {len(found.conflicts) > 0}"
    )
    proved = (targets["status"] == "set aside") & ~targets["reason"].str.contains(NOT_FOUND)
    if wrong in targets.index[targets["status"] == "target"]:
        assert set(targets.index[proved]) <= in_conflict, targets[proved].to_dict("index")
    holds(study, found)
