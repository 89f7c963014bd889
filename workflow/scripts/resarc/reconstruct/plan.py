"""The plan of a reconstruction: one reading of the figures, and what its members must hold."""

from __future__ import annotations

from dataclasses import dataclass

from resarc.protocol import Protocol
from resarc.published import Published
from resarc.reconstruct.counts import Component
from resarc.reconstruct.exact import Conflict
from resarc.reconstruct.layout import Layout
from resarc.reconstruct.readings import Reading
from resarc.reconstruct.targets import Target

NOT_FOUND = "no dataset was found"
"""How the reason begins that a search, and no proof, set a figure aside for."""


@dataclass(frozen=True)
class Plan:
    """What the members of one reading are built on."""

    reading: Reading
    published: Published
    patients: int
    layout: Layout
    components: tuple[Component, ...]
    targets: tuple[Target, ...]
    aside: dict[Target, str]
    conflicts: tuple[Conflict, ...]
    seed: int
    together: bool = False
    """Whether members that miss a figure are changed as a whole (`settling`), because none was found by
    giving labels to the patients of a history that stands."""

    @property
    def protocol(self) -> Protocol:
        """The study's, with the reading's conventions."""
        return self.reading.protocol
