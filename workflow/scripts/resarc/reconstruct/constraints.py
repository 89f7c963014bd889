"""What the protocol demands of every patient, judged on members: `Reconstruction.constraints`."""

from __future__ import annotations

import numpy as np

from resarc.ensemble import Ensemble
from resarc.protocol import Condition, Constraint
from resarc.reconstruct.layout import levels_meeting

_EDGE = 1e-9


def met(ensemble: Ensemble) -> np.ndarray:
    """Members (M,) all of whose patients meet all constraints on what was reconstructed."""
    plan = ensemble.protocol.reconstruction
    good = np.ones(ensemble.shape[0], dtype=bool)
    for constraint in plan.constraints if plan else ():
        good &= ~_broken(constraint, ensemble).any(axis=1)
    return good


def _broken(constraint: Constraint, ensemble: Ensemble) -> np.ndarray:
    """Patients (M, n) who break a constraint."""
    if constraint.implies:
        first, *others = constraint.implies
        given = _meets(first, ensemble)
        return given & ~np.any([_meets(rule, ensemble) for rule in others], axis=0)
    if constraint.same_end:
        first, second = constraint.same_end
        censored = ~ensemble.events[first]
        broken = censored & ensemble.events[second]
        origins = [ensemble.protocol.endpoint(name).origin for name in (first, second)]
        if origins[0] is not None and origins[0] == origins[1]:
            apart = np.abs(ensemble.times[first] - ensemble.times[second]) > _EDGE
            broken |= censored & apart
        return broken
    pair = constraint.equal or constraint.at_most
    if not pair:
        return np.zeros(ensemble.shape, dtype=bool)
    values = ensemble.times if set(pair) <= set(ensemble.times) else ensemble.numbers
    x, y = (values[name] for name in pair)
    bound = np.ones(ensemble.shape, dtype=bool)
    for rule in constraint.among:
        bound &= _meets(rule, ensemble)
    wrong = np.abs(x - y) > _EDGE if constraint.equal else x > y + _EDGE
    return wrong & bound


def _meets(rule: Condition, ensemble: Ensemble) -> np.ndarray:
    return levels_meeting(rule, ensemble.protocol)[ensemble.code(rule.variable)]
