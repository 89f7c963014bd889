"""Local search in many members at once: propose, keep what is no worse, stop where all holds."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

State = dict[str, np.ndarray]
"""Arrays whose first axis is the member."""

Propose = Callable[[State, int, np.random.Generator], State]
"""Changed copies of the members of a state: so many of each, side by side."""

Loss = Callable[[State], np.ndarray]

NEAR = 0.005
"""A member this near to all targets may move away as far, to come back by another way."""

CELLS = 20_000
"""Patients in all candidates of one step: enough to drown the overhead of Python, few enough for a
cache."""


def repeat(state: State, copies: int) -> State:
    """So many copies of every member, copies of one member side by side."""
    return {name: np.repeat(values, copies, axis=0) for name, values in state.items()}


def descend(
    state: State,
    propose: Propose,
    loss: Loss,
    rng: np.random.Generator,
    *,
    steps: int,
    patients: int,
    heat: float = 0.05,
    patience: int = 150,
    near_patience: int = 150,
    cells: int = CELLS,
    most_copies: int = 64,
) -> np.ndarray:
    """Change `state` in place until the loss of each member is 0, it has not improved for
    `patience` steps (`near_patience` when it is near), or `steps` are over; the losses.

    Each step tries several changes of every member that is not there yet and keeps the best if it
    is no worse, or a little worse while the search is warm (simulated annealing, Kirkpatrick et
    al., Science 1983;220:671).
    """
    current = loss(state)
    record, since = current.copy(), np.zeros(len(current), dtype=int)
    for step in range(steps):
        limit = np.where(record < NEAR, near_patience, patience)
        rows = np.flatnonzero((current > 0) & (since < limit))
        if not rows.size:
            break
        copies = int(np.clip(cells // (rows.size * patients), min(8, most_copies), most_copies))
        candidates = propose({name: values[rows] for name, values in state.items()}, copies, rng)
        losses = loss(candidates).reshape(rows.size, copies)
        best = losses.argmin(axis=1)
        chosen = losses[np.arange(rows.size), best]
        slack = heat * (1 - step / steps) * rng.exponential(size=rows.size)
        better = chosen <= current[rows] + np.minimum(slack, current[rows] + NEAR)
        take = np.arange(rows.size)[better] * copies + best[better]
        for name, values in candidates.items():
            state[name][rows[better]] = values[take]
        current[rows[better]] = chosen[better]
        since[rows] = np.where(current[rows] < record[rows], 0, since[rows] + 1)
        record = np.minimum(record, current)
    return current
