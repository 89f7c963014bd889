"""Local search in many members at once: propose, keep what is no worse, stop where all holds."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

State = dict[str, np.ndarray]
"""Arrays whose first axis is the member."""

Propose = Callable[[State, np.random.Generator, float], State]
"""Changed copies of all members of a state; the third argument falls from 1 to 0 as the search
goes on and may narrow the changes."""

Loss = Callable[[State], np.ndarray]

CELLS = 20_000
"""Patients in all candidates of one step: enough to drown the overhead of Python, few enough for a
cache."""


def repeat(state: State, rows: np.ndarray, copies: int) -> State:
    """`copies` of each of the members `rows`, copies of one member side by side."""
    return {name: np.repeat(values[rows], copies, axis=0) for name, values in state.items()}


def descend(
    state: State,
    propose: Propose,
    loss: Loss,
    rng: np.random.Generator,
    *,
    steps: int,
    patients: int,
    heat: float = 0.05,
    most_copies: int = 64,
) -> np.ndarray:
    """Change `state` in place until the loss of each member is 0 or `steps` are over; the losses.

    Each step tries several changes of every member that is not there yet and keeps the best if it
    is no worse, or a little worse while the search is warm (simulated annealing, Kirkpatrick et
    al., Science 1983;220:671).
    """
    current = loss(state)
    for step in range(steps):
        rows = np.flatnonzero(current > 0)
        if not rows.size:
            break
        remaining = 1 - step / steps
        copies = int(np.clip(CELLS // (rows.size * patients), 1, most_copies))
        candidates = propose(repeat(state, rows, copies), rng, remaining)
        losses = loss(candidates).reshape(rows.size, copies)
        best = losses.argmin(axis=1)
        chosen = losses[np.arange(rows.size), best]
        slack = heat * remaining * rng.exponential(size=rows.size)
        better = chosen <= current[rows] + np.minimum(slack, current[rows])
        take = np.arange(rows.size)[better] * copies + best[better]
        for name, values in candidates.items():
            state[name][rows[better]] = values[take]
        current[rows[better]] = chosen[better]
    return current


def wander(
    state: State, propose: Propose, loss: Loss, rng: np.random.Generator, *, steps: int
) -> None:
    """Random changes that keep a loss of 0: spreads members over what is feasible."""
    rows = np.arange(len(next(iter(state.values()))))
    feasible = loss(state) == 0
    for _ in range(steps):
        candidates = propose(repeat(state, rows, 1), rng, 1.0)
        take = feasible & (loss(candidates) == 0)
        for name, values in candidates.items():
            state[name][take] = values[take]
