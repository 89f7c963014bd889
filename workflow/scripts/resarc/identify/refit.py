"""Labels and numbers for histories that were changed, fitted as the reconstruction fits them."""

from __future__ import annotations

import numpy as np

from resarc.ensemble import Ensemble
from resarc.published import Published
from resarc.reconstruct import counts, histories, labels, numbers
from resarc.reconstruct.assignment import Labels, ensemble_of
from resarc.reconstruct.histories import History
from resarc.reconstruct.space import Feasible
from resarc.reconstruct.targets import Target
from resarc.reconstruct.terms import State

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
            place.shared(name, codes),
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
