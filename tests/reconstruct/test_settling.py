"""Settling: histories and labels moved together."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from resarc.ensemble import Ensemble
from resarc.protocol import Protocol
from resarc.published import Published
from resarc.reconstruct import (
    annealing,
    assignment,
    counts,
    histories,
    labels,
    members,
    readings,
    settling,
    space,
)
from resarc.reconstruct.scheme import plan_of
from resarc.survival import kaplan_meier
from resarc.survival.logrank import logrank

PATIENTS, LANDMARKS, FACTORS = 20, (6, 12), "uvwxyz"


def _protocol() -> Protocol:
    category = {"type": "category", "categories": {v: [v] for v in "ab"}}
    factors = [{"name": f, "column": f, "label": f} | category for f in FACTORS]
    dates = [
        {"name": n, "column": n, "label": n, "type": "date"}
        for n in ("start", "progress", "death", "last")
    ]
    endpoint = {"origin": "start", "censored_at": "last", "label": "E", "definition": "E"}
    return Protocol.model_validate(
        {
            "study": "drawn", "reference": "drawn", "title": "drawn", "population": "Drawn",
            "time_zero": "start", "origin_label": "start", "source": {"kind": "reconstruction"},
            "variables": [*factors, *dates],
            "eligibility": [
                {"id": "k", "label": "K", "keep": [{"variable": "start", "present": True}]}
            ],
            "endpoints": [
                endpoint | {"name": "pfs", "events": ["progress", "death"]},
                endpoint | {"name": "os", "events": ["death"]},
            ],
            "conventions": {"survival_interval": "log-log"},
            "analyses": [
                {"id": "os", "label": "S", "kind": "survival", "endpoint": "os", "at": ["12 months"]}
            ],
            "reconstruction": {
                "period": ["2000-01-01", "2002-01-01"], "last_contact": "2006-01-01",
                "constraints": [
                    {"at_most": ["pfs", "os"], "why": "order"},
                    {"same_end": ["pfs", "os"], "why": "one end"},
                ],
            },
        }
    )  # fmt: skip


def _printed(rng: np.random.Generator) -> Published:
    """What a paper prints of drawn patients: for each of twelve subgroups two rates with their limits."""
    death = np.ceil(rng.exponential(9, PATIENTS) * 30)
    last = np.ceil(rng.uniform(1, 20, PATIENTS) * 30)
    time = np.minimum(death, last) / 30.4375
    event = death <= last
    figures = [("n", str(PATIENTS), None)]

    def rate(who: np.ndarray, where: str) -> None:
        for month in LANDMARKS:
            found = kaplan_meier.survival_at(kaplan_meier.curve(time[who], event[who]), month)
            s, low, high = found.iloc[0][["survival", "lower", "upper"]].astype(float)
            if np.isfinite([s, low, high]).all() and 0 < s < 1:
                text = [f"{100 * v:.1f}" for v in (s, low, high)]
                figures.append((f"os.survival({month} months){where}", text[0], text[1:]))

    rate(np.ones(PATIENTS, dtype=bool), "")
    for name in FACTORS:
        label = rng.permutation(PATIENTS) < rng.integers(7, 14)
        for level, who in (("a", label), ("b", ~label)):
            figures.append((f"n{{{name}={level}}}", str(int(who.sum())), None))
            rate(who, f"{{{name}={level}}}")
        figures.append((f"os.logrank_p by {name}", f"{logrank(time, event, label).p:.2f}", None))
    return Published.model_validate(
        {
            "study": "drawn", "reference": "drawn", "reading": "drawn", "endpoints": ["pfs", "os"],
            "stated": {"rates": "Kaplan-Meier", "locator": "drawn"},
            "figures": [
                {"id": f"f{k}", "estimand": e, "printed": text, "locator": "l", "says": "s"}
                | ({"interval": interval, "unit": "%"} if interval else {})
                for k, (e, text, interval) in enumerate(figures)
            ],
        }
    )  # fmt: skip


@pytest.fixture(scope="module")
def plan():
    protocol, published = _protocol(), _printed(np.random.default_rng(20260101))
    found = readings.read(published, protocol, PATIENTS, 1, lambda _: None)
    return plan_of(found.live[0], published, PATIENTS, {}, (), 1)


def _start(plan, members_wanted: int, seed: int):
    """Members as they are before settling."""
    rng = np.random.default_rng(seed)
    built: dict[str, histories.History] = {}
    for endpoint in histories.sequence(plan.protocol):
        built[endpoint] = histories.build(
            endpoint, list(plan.targets), plan.protocol, built, None, members_wanted, PATIENTS, rng
        )
    given = assignment.Labels(plan.layout)
    for part in plan.components:
        cells = counts.draws(part, [], PATIENTS, rng, members_wanted)
        given.codes.update(assignment.assign(part, cells, plan.layout, built, [], rng))
    return given, built, rng


def _held(plan, ensemble: Ensemble) -> np.ndarray:
    return np.array([t.holds(t.evaluate(ensemble)) for t in plan.targets])


def test_members_are_found_whose_labels_no_standing_history_admits(plan):
    given, built, rng = _start(plan, 12, 1)
    labels.fit(list(plan.components), given, members._about_labels(plan, built), built, rng)
    before = _held(plan, assignment.ensemble_of(given, built, plan.layout))
    missed = np.flatnonzero(~before.all(axis=0))
    assert missed.size
    settling.settle(plan, given, built, missed, rng)
    ensemble = assignment.ensemble_of(given, built, plan.layout)
    assert _held(plan, ensemble)[:, missed].all(axis=0).any()


def test_what_the_protocol_demands_and_all_counts_stay(plan):
    given, built, rng = _start(plan, 4, 2)
    margins = {name: np.sort(codes, axis=1) for name, codes in given.codes.items()}
    ordered = np.array([(built["pfs"].days <= built["os"].days).all()])
    settling.settle(plan, given, built, np.arange(4), rng)
    for name, codes in given.codes.items():
        assert (np.sort(codes, axis=1) == margins[name]).all()
    pfs, os = built["pfs"], built["os"]
    assert ordered.all()
    assert (pfs.days <= os.days).all()
    assert not (~pfs.event & os.event).any()
    assert (pfs.days == os.days)[~pfs.event].all()
    assert (pfs.days >= 1).all()


@pytest.mark.parametrize("seed", range(4))
def test_what_is_left_is_never_farther_and_the_same_seed_gives_the_same(plan, seed):
    given, built, _ = _start(plan, 1, 10 + seed)
    targets = [t for t in plan.targets if not counts.is_count(t)]
    place, *_ = space.around(
        plan.layout, list(plan.components), targets, [], np.array([[1, 4000], [1, 4000]])
    )
    codes = np.stack([settling._codes(name, given, built, 0) for name in place.blocks])
    days = np.stack([built[e].days[0] for e in place.endpoints])
    moves, timed = settling.free(place, plan.published)
    windows = np.zeros((0, 3), dtype=np.int64)

    def run(proposals: int):
        state = place.state(codes.copy(), days.copy(), np.zeros((0, PATIENTS)))
        left = annealing.anneal(
            place.space, state, moves, timed, windows, False, 0, proposals, seed
        )
        return left, state

    first, _ = run(0)
    left, state = run(20_000)
    again, same = run(20_000)
    assert left <= first
    assert left == again
    assert (state.codes == same.codes).all()
    assert (state.days == same.days).all()
    # What is left is what the dataset misses: computed anew from where the search ended.
    fresh = place.state(state.codes.copy(), state.days.copy(), np.zeros((0, PATIENTS)))
    assert annealing.anneal(
        place.space, fresh, moves, timed, windows, False, 0, 0, seed
    ) == pytest.approx(left)


def test_a_member_that_is_settled_holds_all_by_other_code(plan):
    found, failures = members.build(replace(plan, together=True), 0, 2)
    assert found is not None, failures
    assert _held(plan, found).all()
