"""Numbers of events that no member has: asked for as if they were printed."""

from pathlib import Path

import numpy as np
import pytest

from resarc import protocol as protocols
from resarc import published as publications
from resarc.ensemble import from_frame
from resarc.estimand import Estimand
from resarc.identify import unreached
from resarc.identify.push import targets_held
from resarc.reconstruct import constraints
from resarc.reconstruct.engine import reconstruct

pytestmark = pytest.mark.unit
FOLDER = Path(__file__).parents[2] / "docs" / "example"
MEMBERS, EFFORT = 4, 10_000_000


@pytest.fixture(scope="module")
def rebuilt():
    """The example with two endpoints, of which one bounds the other."""
    study = protocols.load(FOLDER / "studies" / "two_endpoints.yaml")
    printed = publications.load(FOLDER / "published" / "two_endpoints.yaml")
    found = reconstruct(study, printed, members=MEMBERS, seed=1)
    name = found.ensemble["hypothesis"].iloc[0]
    ensemble = from_frame(found.ensemble[found.ensemble["hypothesis"] == name], study)
    targets, ensemble.protocol = targets_held(ensemble, printed, found.targets, name)
    return ensemble, targets, printed


def judge_of(targets):
    def judge(ensemble):
        good = constraints.met(ensemble)
        for target in targets:
            good &= target.holds(target.evaluate(ensemble))
        return good

    return judge


def numbers(ensembles, endpoint):
    return {int(k) for e in ensembles for k in e.events[endpoint].sum(axis=1)}


@pytest.fixture(scope="module")
def found(rebuilt):
    ensemble, targets, printed = rebuilt
    judge, rng = judge_of(targets), np.random.default_rng(1)
    return unreached.with_other_numbers(ensemble, targets, printed, judge, rng, EFFORT)


def test_datasets_have_numbers_of_events_that_no_member_has(rebuilt, found):
    ensemble, targets, _ = rebuilt
    parts, tried = found
    assert tried >= sum(part.shape[0] for part in parts)
    for endpoint in ("pfs", "os"):
        assert len(numbers(parts, endpoint) - numbers([ensemble], endpoint)) >= 5
    for part in parts:
        assert judge_of(targets)(part).all()
        assert (part.times["pfs"] <= part.times["os"] + 1e-9).all()
        assert not (part.events["os"] & ~part.events["pfs"]).any()


def test_a_printed_number_of_events_is_not_asked_for(rebuilt):
    ensemble, targets, printed = rebuilt
    (known,) = numbers([ensemble.take(np.array([0]))], "os")
    fixed = unreached._exactly(Estimand("events", "os"), known)
    judge, rng = judge_of([*targets, fixed]), np.random.default_rng(1)
    parts, _ = unreached.with_other_numbers(
        ensemble.take(np.array([0])), [*targets, fixed], printed, judge, rng, EFFORT
    )
    assert numbers(parts, "os") <= {known}


def test_what_misses_a_figure_is_moved_until_it_holds(rebuilt, found):
    """Chemotherapy given to others, histories and labels find back to the figures together, with as many
    events as are asked for."""
    _, targets, printed = rebuilt
    rng = np.random.default_rng(3)
    ends = []
    for part in found[0]:
        (known,) = numbers([part.take(np.array([0]))], "os")
        asked = [*targets, unreached._exactly(Estimand("events", "os"), known)]
        judge = judge_of(asked)
        part.codes["chemotherapy"] = rng.permuted(part.codes["chemotherapy"], axis=1)
        missed = part.take(np.flatnonzero(~judge(part))[:1])
        if missed.shape[0]:
            ends.append(judge(unreached.annealed(missed, asked, printed, rng)).any())
    assert len(ends) > 3
    assert np.mean(ends) > 0.3
