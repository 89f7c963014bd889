"""All members at once say the same as each member alone, whatever is estimated in whom."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from resarc import ensemble as ensembles
from resarc import protocol as protocols
from resarc import published as papers
from resarc.analysis import CohortView, evaluate, plan
from resarc.ensemble import Ensemble
from resarc.estimand import STATISTICS, Condition, Estimand
from resarc.protocol import Protocol

CONFIG = Path(__file__).parents[2] / "config"
STUDIES = sorted(path.stem for path in (CONFIG / "published").glob("*.yaml"))
NOT_OF_ENSEMBLES = ("screened", "excluded", "remaining")

TOLERANCE = 1e-6
"""Iterated fits agree to about the ninth digit, their limits to about the seventh."""


def load(study: str) -> Protocol:
    return protocols.load(CONFIG / "studies" / f"{study}.yaml")


def any_member(protocol: Protocol, n: int, rng: np.random.Generator, *, coarse: bool):
    """Patients drawn level by level, a tenth of the values missing. `coarse` gives ties: times are
    multiples of 12 months (so that some are censored exactly at a landmark), numbers few."""
    columns: dict[str, object] = {"patient": [f"P{i:04d}" for i in range(n)]}
    for name in protocol.names("category"):
        levels = np.array([*protocol.levels(name), None], dtype=object)
        shares = [*rng.dirichlet(np.ones(len(levels) - 1)) * 0.9, 0.1]
        columns[name] = levels[rng.choice(len(levels), n, p=shares)]
    for name in protocol.names("number"):
        values = rng.gamma(2, 20, n)
        values = np.round(values / 40) * 40 if coarse else np.round(values, 1)
        columns[name] = np.where(rng.random(n) < 0.1, np.nan, values)
    for name in protocol.endpoint_names:
        time = rng.exponential(30, n)
        time = 12 * np.ceil(time / 12) if coarse else np.round(time, 2) + 0.01
        missing = rng.random(n) < 0.03
        columns[f"{name}_time"] = np.where(missing, np.nan, time)
        event = (rng.random(n) < 0.6).astype(float)
        columns[f"{name}_event"] = np.where(missing, np.nan, event)
    return pd.DataFrame(columns)


def any_ensemble(protocol: Protocol, sizes=(40, 9), members=2) -> list[list[pd.DataFrame]]:
    rng = np.random.default_rng(5)
    return [
        [any_member(protocol, n, rng, coarse=bool(m % 2)) for m in range(members)] for n in sizes
    ]


def together(members: list[pd.DataFrame], protocol: Protocol) -> Ensemble:
    frames = [frame.assign(member=i) for i, frame in enumerate(members)]
    return ensembles.from_frame(pd.concat(frames, ignore_index=True), protocol)


def every_estimand(study: str, protocol: Protocol) -> list[Estimand]:
    """What the study plans and prints, and the statistics that it does not use."""
    paper = papers.load(CONFIG / "published" / f"{study}.yaml")
    found = [item.estimand for item in plan(protocol, [f.estimand for f in paper.figures])]
    found += [e for e in further(protocol) if e not in found]
    return [e for e in found if e.statistic not in NOT_OF_ENSEMBLES]


def further(protocol: Protocol) -> list[Estimand]:
    """Each statistic at least once, in a subgroup."""
    endpoint = protocol.endpoint_names[0]
    first, second, *_ = [n for n in protocol.names("category") if len(protocol.levels(n)) == 2]
    several = max(protocol.names("category"), key=lambda name: len(protocol.levels(name)))
    number, *others = protocol.names("number")
    covariates = ", ".join([several, *others[:1]])
    a, b = protocol.levels(first)
    inside = "{" + str(Condition(second, protocol.levels(second)[0])) + "}"
    contrast = f" by {first}({Condition(first, b)} / {Condition(first, a)})".replace(
        f"{first}=", ""
    )
    texts = [f"n{inside}", f"{number}.median_difference{inside}{contrast}"]
    texts += [
        f"{number}.{s}{inside}" for s in ("mean", "sd", "median", "q1", "q3", "minimum", "maximum")
    ]
    texts += [
        f"{name}.{s}{inside}" for name in (number, several, endpoint) for s in ("known", "missing")
    ]
    texts += [
        f"{name}.standardised_difference{inside}{contrast}" for name in (number, several, second)
    ]
    texts += [f"{number}.kruskal_wallis_p{inside} by {several}"]
    texts += [
        f"{number}.{s}{inside} by {first}" for s in ("mann_whitney_p", "mann_whitney_uncorrected_p")
    ]
    texts += [f"{several}.{s}{inside} by {first}" for s in ("chi2_p", "fisher_p", "trend_p")]
    texts += [f"{second}.chi2_yates_p by {first}"]
    texts += [
        f"{endpoint}.{s}{inside}"
        for s in (
            *("events", "survival(24 months)", "median", "crude_rate(24 months)"),
            "followed_rate(24 months)",
            *("at_risk(24 months)", "rmst(20 months)", "reverse_followup_median"),
            *("followup_median", "followup_mean", "followup_minimum", "followup_maximum"),
        )
    ]
    texts += [
        f"{endpoint}.{s}{inside}{contrast}"
        for s in ("rmst_difference(20 months)", "survival_difference(24 months)", "hazard_ratio")
    ]
    texts += [
        f"{endpoint}.{s}{inside} by {several}"
        for s in ("logrank_p", "wilcoxon_p", "tarone_ware_p", "peto_p", "cox_lr_p")
    ]
    texts += [f"{endpoint}.{s}{inside} by {number}" for s in ("hazard_ratio", "cox_p")]
    texts += [f"{endpoint}.{s}(24 months){inside} by {number}" for s in ("auc", "roc_cutoff")]
    texts += [
        f"{endpoint}.{s}{contrast} adjusted for {covariates}" for s in ("hazard_ratio", "cox_p")
    ]
    texts += [
        f"{endpoint}.ph_p{inside} by {several}",
        f"{endpoint}.ph_p by {number} adjusted for {several}",
    ]
    texts += [f"{endpoint}.interaction_p by {first} within {several} adjusted for {number}"]
    texts += [f"{endpoint}.interaction_p by {number} within {second}"]
    estimands = [Estimand.parse(text) for text in texts]
    estimands.append(Estimand("proportion", several, protocol.levels(several)[-1]))
    return estimands


@pytest.mark.config
@pytest.mark.parametrize("study", STUDIES)
def test_all_statistics_are_asked_for(study):
    asked = {e.statistic for e in every_estimand(study, load(study))}
    assert asked == set(STATISTICS) - set(NOT_OF_ENSEMBLES)


@pytest.mark.config
@pytest.mark.parametrize("study", STUDIES)
def test_an_ensemble_equals_the_analysis_member_by_member(study):
    protocol = load(study)
    estimands = every_estimand(study, protocol)
    for members in any_ensemble(protocol):
        ensemble = together(members, protocol)
        everything = {e: ensembles.evaluate(e, ensemble) for e in estimands}
        for m, member in enumerate(members):
            view = CohortView(member, protocol)
            for e in estimands:
                agree(e, everything[e], m, evaluate(e, view, protocol))


def agree(estimand, found, m, alone) -> None:
    """A member's value and limits equal those of the analysis.

    Where the events separate the groups, the analysis gives no value and says in words to which
    the hazard ratio tends; ensembles, whose values are compared, give that limit.
    """
    if alone.note.startswith("separation"):
        assert np.isnan(alone.value)
        if estimand.statistic == "hazard_ratio":
            assert found.value[m] == (np.inf if "infinite" in alone.note else 0), estimand
        else:
            assert np.isnan(found.value[m]), estimand
        return
    for side in ("value", "lower", "upper"):
        values = getattr(found, side)
        if values is not None:
            np.testing.assert_allclose(
                values[m],
                getattr(alone, side),
                rtol=TOLERANCE,
                atol=1e-9,
                err_msg=f"{estimand}, {side}, member {m}: {alone.note}",
            )


@pytest.mark.config
@pytest.mark.parametrize("study", STUDIES)
def test_limits_are_given_where_papers_print_them(study):
    protocol = load(study)
    [members] = any_ensemble(protocol, sizes=(60,), members=2)
    ensemble, endpoint = together(members, protocol), protocol.endpoint_names[0]
    for text in (f"{endpoint}.survival(24 months)", f"{endpoint}.median"):
        found = ensembles.evaluate(Estimand.parse(text), ensemble)
        assert (found.lower < found.value).all()
        assert (found.value < found.upper).all()
        point = ensembles.evaluate(Estimand.parse(text), ensemble, intervals=False)
        np.testing.assert_array_equal(point.value, found.value)
        assert point.lower is None


@pytest.mark.config
@pytest.mark.parametrize("study", STUDIES)
def test_a_member_does_not_depend_on_the_others(study):
    """Bit for bit, since targets are judged by printed digits."""
    protocol = load(study)
    for members in any_ensemble(protocol, sizes=(30,), members=4):
        whole = together(members, protocol)
        alone = together(members[2:3], protocol)
        taken = whole.take(np.array([2]))
        for e in every_estimand(study, protocol):
            expected = ensembles.evaluate(e, alone)
            for other, m in ((whole, 2), (taken, 0)):
                found = ensembles.evaluate(e, other)
                np.testing.assert_allclose(
                    found.value[m], expected.value[0], rtol=1e-12, atol=1e-15, err_msg=str(e)
                )


@pytest.mark.config
@pytest.mark.parametrize("study", STUDIES)
def test_an_ensemble_survives_its_table(study):
    protocol = load(study)
    [members] = any_ensemble(protocol, sizes=(20,), members=3)
    ensemble = together(members, protocol)
    table = ensembles.to_frame(ensemble)
    assert (table.groupby("member").size() == 20).all()
    again = ensembles.from_frame(table, protocol)
    for kind in ("codes", "numbers", "times", "events"):
        before, after = getattr(ensemble, kind), getattr(again, kind)
        assert before.keys() <= after.keys()
        for name, values in before.items():
            np.testing.assert_array_equal(values, after[name], err_msg=name)


@pytest.mark.config
def test_what_was_not_reconstructed_is_known():
    protocol = load("okayama2022")
    [members] = any_ensemble(protocol, sizes=(10,), members=2)
    number = protocol.names("number")[0]
    source = next(v.name for v in protocol.variables if v.type == "category")
    ensemble = together([m.drop(columns=[number, source]) for m in members], protocol)
    endpoint = protocol.endpoint_names[0]
    level = protocol.levels(source)[0]
    assert not ensemble.has(Estimand("mean", number))
    assert not ensemble.has(Estimand("n", where=(Condition(source, level),)))
    assert not ensemble.has(Estimand("hazard_ratio", endpoint, by=number))
    assert ensemble.has(Estimand("median", endpoint))
    assert ensemble.has(Estimand("n", where=(Condition(endpoint, "event"),)))
    with pytest.raises(KeyError):
        ensembles.evaluate(Estimand("mean", number), ensemble)


@pytest.mark.unit
def test_who_is_censored_at_the_horizon_was_free_of_the_event():
    protocol = load("okayama2022")
    endpoint, marker = protocol.endpoint_names[0], protocol.names("number")[0]
    frame = pd.DataFrame(
        {
            "member": 0,
            marker: [5.0, 6.0, 1.0, 2.0, 9.0],
            f"{endpoint}_time": [10.0, 20.0, 36.0, 40.0, 30.0],
            f"{endpoint}_event": [1.0, 1.0, 0.0, 0.0, 0.0],
        }
    )
    ensemble = ensembles.from_frame(frame, protocol)
    # Two had the event with 5 and 6; free of it are 1 and 2; the last is lost before 36 months.
    area = ensembles.evaluate(Estimand.parse(f"{endpoint}.auc(36 months) by {marker}"), ensemble)
    cut = f"{endpoint}.roc_cutoff(36 months) by {marker}"
    assert area.value.tolist() == [1.0]
    assert ensembles.evaluate(Estimand.parse(cut), ensemble).value.tolist() == [3.5]
    same = ensembles.from_frame(frame.assign(**{marker: 3.0}), protocol)
    assert np.isnan(ensembles.evaluate(Estimand.parse(cut), same).value).all()
