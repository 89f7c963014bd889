"""The scheme of a study's reconstruction: what is decided once, before any member is built.

It names the readings that data can bear, what each demands and which figures were set aside. Written
as JSON, it lets members be built in several jobs that know nothing of each other (`to_json`,
`from_json`). What follows from it by computing alone, blocks and cells, is not written.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

from resarc.errors import ReconstructionError
from resarc.protocol import Conventions, Protocol
from resarc.published import Published
from resarc.reconstruct import counts
from resarc.reconstruct.exact import Conflict
from resarc.reconstruct.layout import lay_out
from resarc.reconstruct.plan import Plan
from resarc.reconstruct.readings import Hypothesis, Reading
from resarc.reconstruct.targets import Target, Unused


@dataclass(frozen=True)
class Scheme:
    """`prepared`: a plan for each reading that was not ruled out; `hypotheses` and `conflicts` as in
    `readings.Readings`."""

    protocol: Protocol
    published: Published
    prepared: tuple[Plan, ...]
    hypotheses: tuple[Hypothesis, ...]
    conflicts: tuple[tuple[str, Conflict], ...]
    seed: int

    @property
    def plans(self) -> list[Plan]:
        """The plans that members are built on, in turns: those that cost fewest printed figures. A
        reading that costs more than another is not borne by data."""
        cost = [sum(counts.weight(t) for t in p.aside) for p in self.prepared]
        return [p for p, c in zip(self.prepared, cost, strict=True) if c <= min(cost)]


def plan_of(
    reading: Reading,
    published: Published,
    patients: int,
    aside: dict[Target, str],
    conflicts: tuple[Conflict, ...],
    seed: int,
) -> Plan:
    """The plan of a reading without the figures that are set aside."""
    layout = lay_out(reading.protocol, list(reading.targets))
    return Plan(
        reading,
        published,
        patients,
        layout,
        tuple(counts.components(layout, list(reading.targets), patients)),
        tuple(t for t in reading.targets if t not in aside),
        aside,
        conflicts,
        seed,
    )


# --- as text --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Unused:
    figure: str
    reason: str
    against: tuple[str, ...]


@dataclass(frozen=True)
class _Plan:
    name: str
    words: str
    conventions: Conventions
    targets: tuple[Target, ...]
    unused: tuple[_Unused, ...]
    aside: tuple[tuple[Target, str], ...]
    conflicts: tuple[Conflict, ...]
    together: bool


@dataclass(frozen=True)
class _Scheme:
    study: str
    seed: int
    prepared: tuple[_Plan, ...]
    hypotheses: tuple[Hypothesis, ...]
    conflicts: tuple[tuple[str, Conflict], ...]


def to_json(scheme: Scheme) -> str:
    """A scheme as text; `from_json` reads it back."""
    from pydantic import TypeAdapter

    stored = _Scheme(
        scheme.published.study,
        scheme.seed,
        tuple(map(_stored, scheme.prepared)),
        scheme.hypotheses,
        scheme.conflicts,
    )
    content = TypeAdapter(_Scheme).dump_python(stored)
    return json.dumps(content, indent=1, default=str) + "\n"


def from_json(text: str, protocol: Protocol, published: Published) -> Scheme:
    """The scheme that `to_json` wrote, of the same study."""
    from pydantic import TypeAdapter, ValidationError

    try:
        stored = TypeAdapter(_Scheme).validate_json(text)
    except ValidationError as error:
        raise ReconstructionError(
            "scheme of a reconstruction",
            str(error.errors()[0]["msg"]),
            "what planning a reconstruction wrote",
            "Plan it again.",
        ) from error
    if stored.study != published.study or stored.study != protocol.study:
        raise ReconstructionError(
            "scheme of a reconstruction", f"study {stored.study}", f"study {published.study}"
        )

    def restored(plan: _Plan) -> Plan:
        reading = Reading(
            plan.name,
            plan.words,
            protocol.model_copy(update={"conventions": plan.conventions}),
            plan.targets,
            tuple(Unused(published.get(u.figure), u.reason, u.against) for u in plan.unused),
        )
        found = plan_of(
            reading, published, published.count(), dict(plan.aside), plan.conflicts, stored.seed
        )
        return replace(found, together=plan.together)

    return Scheme(
        protocol,
        published,
        tuple(map(restored, stored.prepared)),
        stored.hypotheses,
        stored.conflicts,
        stored.seed,
    )


def _stored(plan: Plan) -> _Plan:
    reading = plan.reading
    return _Plan(
        reading.name,
        reading.words,
        reading.protocol.conventions,
        reading.targets,
        tuple(_Unused(u.figure.id, u.reason, u.against) for u in reading.unused),
        tuple(plan.aside.items()),
        plan.conflicts,
        plan.together,
    )
