"""Patients of one endpoint matched to those of another that bounds it: progression before death.

Two curves of the same patients, progression-free and overall survival, say nothing of who is who. Times
of the one are given to the patients of the other so that everybody keeps what the protocol demands:
nobody's time is beyond the other's, and who is censored for the first is censored for the second, on
the same day if both count from the same date.

This is a perfect matching in a bipartite graph (Hall, J London Math Soc 1935;10:26). Bounds alone are
nested, whoever may have a time may have any earlier one, so that patients served in the order of their
bounds can take any time that fits and leave no later one without (the greedy algorithm for convex
bipartite graphs; Glover, Nav Res Logist Q 1967;14:313). One day of censoring for both is met by moving
the first's to the second's, between the same two numbers at risk, which therefore stay.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from resarc.compiled import njit
from resarc.protocol import Protocol
from resarc.reconstruct.histories import History, relations

FREE = -1
"""Of a patient: in no group yet; of a time: no patient."""


@dataclass(frozen=True)
class Bound:
    """What other endpoints leave to each patient (M, n): the longest time, whether there must be an
    event, the day of censoring (-1: any), and the group of the curve that the patient is in (-1: any)."""

    ceiling: np.ndarray
    must: np.ndarray
    tied: np.ndarray
    group: np.ndarray


def bound_by(
    endpoint: str,
    others: dict[str, History],
    protocol: Protocol,
    groups: list[tuple[object, ...]],
) -> Bound | None:
    """What the endpoints that are already there leave to this one; None if they leave all. `groups`:
    the conditions of the curve's groups, in which patients may be pinned already."""
    related = relations(endpoint, tuple(others), protocol)
    if not related:
        return None
    shape = next(iter(others.values())).days.shape
    far = np.iinfo(np.int64).max
    found = Bound(
        np.full(shape, far), np.zeros(shape, dtype=bool), np.full(shape, FREE), np.full(shape, FREE)
    )
    for relation in related:
        other = others[relation.other]
        if relation.at_most:
            np.minimum(found.ceiling, other.days, out=found.ceiling)
        if relation.same_end:
            found.must[:] |= other.event
            if relation.same_origin:
                found.tied[:] = np.where(other.event, FREE, other.days)
    for other in others.values():
        place = [groups.index(p.where) if p.where in groups else FREE for p in other.pinned]
        own = np.array([*place, FREE])[other.pins]
        found.group[:] = np.where(own >= 0, own, found.group)
    return found


def couple(
    days: np.ndarray,
    event: np.ndarray,
    labels: np.ndarray,
    knots: np.ndarray,
    bound: Bound,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Who has each time (M, n; -1: nobody), and how many times nobody has (M,). `labels` (n,): the group
    of each time; `knots` (groups, K): its days of numbers at risk, infinite beyond the last. Days (in
    place) change where somebody is censored on another endpoint's day."""
    whose = np.empty(days.shape, dtype=np.int64)
    left = np.empty(len(days), dtype=np.int64)
    chance = rng.random((2, *days.shape))
    for m in range(len(days)):
        left[m] = _couple_one(
            days[m], event[m], labels, knots, bound.ceiling[m], bound.must[m], bound.tied[m],
            bound.group[m], chance[0, m], chance[1, m], whose[m],
        )  # fmt: skip
    return whose, left


@njit(cache=True, error_model="numpy")
def _couple_one(
    days, event, labels, knots, ceiling, must, tied, group, first, second, whose
):  # fmt: skip
    """One dataset; `first` and `second` are random numbers of patients and times."""
    n = len(days)
    taken = np.zeros(n, dtype=np.bool_)
    whose[:] = -1
    # Censored: a patient who is censored between the same numbers at risk, or may live that long.
    for t in range(n):
        if event[t]:
            continue
        g = labels[t]
        place = np.searchsorted(knots[g], days[t], side="right")
        best, least = -1, np.inf
        for p in range(n):
            if taken[p] or must[p] or (group[p] >= 0 and group[p] != g):
                continue
            if tied[p] >= 0:
                if np.searchsorted(knots[g], tied[p], side="right") != place:
                    continue
                cost = first[p]
            elif ceiling[p] >= days[t]:
                cost = float(ceiling[p])
            else:
                continue
            if cost < least:
                best, least = p, cost
        if best >= 0:
            whose[t] = best
            taken[best] = True
            if tied[best] >= 0:
                days[t] = tied[best]
    # Events: patients in the order of their ceilings take any time that fits.
    for p in np.argsort(ceiling):
        if taken[p]:
            continue
        best, least = -1, np.inf
        for t in range(n):
            if not event[t] or whose[t] >= 0 or days[t] > ceiling[p]:
                continue
            if (group[p] < 0 or group[p] == labels[t]) and second[t] < least:
                best, least = t, second[t]
        if best >= 0:
            whose[best] = p
            taken[p] = True
    left = 0
    for t in range(n):
        if whose[t] < 0:
            left += 1
    return left
