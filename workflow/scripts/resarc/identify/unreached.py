"""Histories with numbers of events that members have seldom or never.

A member falls out where no labels are found for its history, and histories with few or many events,
of which there are few, seldom keep one. Here each number of events that the whole cohort's figures allow
(`reconstruct.strata`) and no member has, and the fewest and the most, get several histories, for which
labels are sought anew.
"""

from __future__ import annotations

import numpy as np

from resarc.ensemble import Ensemble
from resarc.reconstruct import histories, strata
from resarc.reconstruct.members import join
from resarc.reconstruct.orders import speaks
from resarc.reconstruct.space import Feasible
from resarc.reconstruct.targets import Target

HISTORIES = 24
"""Of each number of events."""

ENDS = 2
"""How many of the smallest numbers, and the greatest, get histories even if a member has them: hazard
ratios are furthest from 1 where there are few events."""

STARTS = 3
"""Starts of each history's search: the drawn ones succeed at once or seldom."""


def with_other_numbers(
    ensemble: Ensemble, targets: list[Target], place: Feasible, rng: np.random.Generator
) -> Ensemble | None:
    """Members as they are, but for the history of one endpoint, with the fewest and most events and with
    numbers that no member has. Of endpoints that bound each other, or whose events cross tables count,
    there are none."""
    protocol, patients = ensemble.protocol, ensemble.shape[1]
    taken = []
    for endpoint in place.endpoints:
        part = next(p for p in place.parts if endpoint in p.blocks)
        rest = tuple(e for e in place.endpoints if e != endpoint)
        bound = histories.relations(endpoint, rest, protocol) or any(
            histories.relations(other, (endpoint,), protocol) for other in rest
        )
        if len(part.blocks) > 1 or part.rows or bound:
            continue
        pool = strata.pool([t for t in targets if speaks(t.estimand, endpoint)], protocol, patients)
        if pool is None:
            continue
        had = ensemble.events[endpoint].sum(axis=1)
        ends = pool.numbers[[*range(min(ENDS, pool.numbers.size)), -1]]
        wanted = np.union1d(np.setdiff1d(pool.numbers, had), ends)
        numbers = np.repeat(wanted, HISTORIES)
        found = histories.build(
            endpoint, targets, protocol, {}, numbers, len(numbers), patients, rng, starts=STARTS
        )
        good = np.flatnonzero(found.loss == 0)
        changed = ensemble.take(rng.integers(0, ensemble.shape[0], good.size))
        changed.times[endpoint] = histories.months(found.days[good])
        changed.events[endpoint] = found.event[good]
        taken.append(changed)
    return join(taken, protocol) if taken else None
