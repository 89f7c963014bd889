"""Exact bounds from all order histories of a small cohort.

`reconstruct.orders` walks through every order history that the figures of the whole cohort allow. Its
conditions are such as every dataset must meet, and figures of subgroups are not asked: the bounds are
*outer* ones, no dataset lies beyond them. Where a member reaches them they are exact.
"""

from __future__ import annotations

from collections.abc import Iterable

from resarc.estimand import Estimand
from resarc.protocol import Protocol
from resarc.reconstruct.orders import LARGEST, speaks, walked
from resarc.reconstruct.targets import Target

STATISTICS = ("events", "survival", "crude_rate", "at_risk")


def outermost(
    estimands: Iterable[Estimand], targets: list[Target], protocol: Protocol, patients: int
) -> dict[Estimand, tuple[float, float]]:
    """Outer bounds of those estimands of the whole cohort that can be enumerated. Endpoints with too
    many histories are left out, and so are estimands of subgroups."""
    found: dict[Estimand, tuple[float, float]] = {}
    events: dict[str, tuple[int, int] | None] = {}
    for estimand in dict.fromkeys(estimands):
        endpoint = estimand.subject
        known = endpoint in protocol.endpoint_names and patients <= LARGEST
        if not known or estimand.where or estimand.statistic not in STATISTICS:
            continue
        own = [t for t in targets if speaks(t.estimand, endpoint)]
        if endpoint not in events:
            events[endpoint] = _events(own, protocol, patients)
        few_to_many = events[endpoint]
        if few_to_many is None:
            continue
        if estimand.statistic == "events":
            found[estimand] = (float(few_to_many[0]), float(few_to_many[1]))
            continue
        values: set[float] = set()
        for number in range(few_to_many[0], few_to_many[1] + 1):
            some = walked(own, protocol, patients, number, estimand)
            if some is None:
                break
            values |= some
        else:
            found[estimand] = (min(values), max(values))
    return found


def _events(targets: list[Target], protocol: Protocol, patients: int) -> tuple[int, int] | None:
    """The fewest and the most events of any history; None if there are too many histories, or none."""
    ends = []
    for numbers in (range(patients + 1), range(patients, -1, -1)):
        for number in numbers:
            possible = walked(targets, protocol, patients, number)
            if possible is None:
                return None
            if possible:
                ends.append(number)
                break
        else:
            return None
    return ends[0], ends[1]
