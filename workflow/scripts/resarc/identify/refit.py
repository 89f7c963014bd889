"""Labels and numbers for histories that were changed, fitted as the reconstruction fits them."""

from __future__ import annotations

import numpy as np

from resarc.ensemble import Ensemble
from resarc.identify.space import Feasible
from resarc.identify.terms import State
from resarc.published import Published
from resarc.reconstruct import counts, histories, labels, numbers
from resarc.reconstruct.assignment import Labels, ensemble_of
from resarc.reconstruct.histories import History
from resarc.reconstruct.targets import Target

ROUNDS = 2
"""Of a search for labels; a history for which they are not soon found is left."""


def refitted(
    place: Feasible,
    states: list[State],
    targets: list[Target],
    published: Published,
    like: Ensemble,
    rng: np.random.Generator,
) -> Ensemble:
    """Members of these histories, labels exchanged until the targets hold where they can; whether they
    do is for the caller to judge. Variables that are no block are those of `like`'s first member."""
    layout = place.layout
    given = Labels(layout)
    codes = np.stack([state.codes for state in states])
    days = np.stack([state.days for state in states])
    for row, name in enumerate(place.blocks):
        if layout.blocks[name].kind != "endpoint":
            given.codes[name] = codes[:, row]
    built = {}
    for row, name in enumerate(place.endpoints):
        event = codes[:, place.blocks.index(name)] == 0
        built[name] = History(
            days[:, row],
            event,
            np.full(event.shape, -1),
            (),
            np.zeros(len(states)),
            _shared(place, name, codes),
        )
    whole = {t for e in built for t in histories.whole_cohort(targets, e)}
    about_labels = [
        t
        for t in targets
        if t not in whole
        and not counts.is_count(t)
        and not numbers.needs_values(t, layout.protocol)
    ]
    labels.fit(list(place.parts), given, about_labels, built, rng, rounds=ROUNDS)
    values = numbers.fill(given, built, targets, published, rng)
    found = ensemble_of(given, built, layout)
    sources = {variable.name for variable in layout.protocol.variables}
    rest = like.take(np.zeros(len(states), dtype=int))
    found.codes = rest.codes | {k: c for k, c in found.codes.items() if k in sources}
    found.numbers = rest.numbers | values
    return found


def _shared(place: Feasible, endpoint: str, codes: np.ndarray) -> np.ndarray:
    """Who has an event of the endpoint that is another endpoint's (M, n)."""
    found = np.zeros((codes.shape[0], codes.shape[2]), dtype=bool)
    for part in place.parts:
        if endpoint in part.same_event:
            shape = part.allowed().shape
            hit = np.zeros(shape, dtype=bool)
            hit[tuple(part.cells[part.same_event[endpoint][1]].T)] = True
            rows = [place.blocks.index(name) for name in part.blocks]
            cell = np.moveaxis(codes[:, rows], 1, 0)
            found |= hit[tuple(cell)]
    return found
