"""Readings: how the printed figures may have been computed, and which of that data can bear."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from resarc.estimand import Estimand
from resarc.protocol import Protocol
from resarc.reconstruct import histories
from resarc.reconstruct.targets import Target, as_crude
from resarc.seeds import stream

TRIALS = 24
INTERVALS = ("log-log", "log", "plain")


@dataclass(frozen=True)
class Hypothesis:
    """One reading of how an endpoint's figures were computed, and whether data can bear it."""

    endpoint: str
    reading: str
    feasible: bool
    chosen: bool
    evidence: str


READINGS = ("Kaplan-Meier estimates", "crude shares of patients observed beyond the time")


def read(
    targets: list[Target],
    protocol: Protocol,
    patients: int,
    seed: int,
    progress: Callable[[str], None],
) -> tuple[list[Hypothesis], list[Target]]:
    """Which readings of the printed rates data can bear, and the targets under the chosen one.

    A paper is taken to compute all its rates in one way: Kaplan-Meier estimates where every
    endpoint can bear that, else crude shares where every endpoint can bear those, else each
    endpoint what it can.
    """
    found: list[Hypothesis] = []
    rated = [e for e in protocol.endpoint_names if any(_is_rate(t, e) for t in targets)]
    borne: dict[str, tuple[float, float]] = {}
    for endpoint in rated:
        shares = []
        for reading, name in enumerate(READINGS):
            progress(f"{endpoint}: can the printed rates be {name}?")
            read = [as_crude(t) if reading and _is_rate(t, endpoint) else t for t in targets]
            shares.append(_try(endpoint, read, protocol, patients, seed, name))
        borne[endpoint] = (shares[0], shares[1])
    every = [all(share[k] > 0 for share in borne.values()) for k in (0, 1)]
    for endpoint in rated:
        own = [share > 0 for share in borne[endpoint]]
        chosen = 0 if every[0] else 1 if every[1] else 0 if own[0] or not own[1] else 1
        for k, name in enumerate(READINGS):
            evidence = _evidence(borne[endpoint][k])
            found.append(Hypothesis(endpoint, name, own[k], k == chosen, evidence))
        if chosen == 1:
            targets = [as_crude(t) if _is_rate(t, endpoint) else t for t in targets]
            continue
        if any(t.lower is not None for t in targets if t.estimand.subject == endpoint):
            found += _interval_readings(endpoint, targets, protocol, patients, seed, progress)
    return found, targets


def _is_rate(target: Target, endpoint: str) -> bool:
    return target.estimand.subject == endpoint and target.estimand.statistic == "survival"


def _interval_readings(
    endpoint: str,
    targets: list[Target],
    protocol: Protocol,
    patients: int,
    seed: int,
    progress: Callable[[str], None],
) -> list[Hypothesis]:
    """Which types of interval the printed limits of the whole cohort can be."""
    found = []
    for kind in INTERVALS:
        progress(f"{endpoint}: can the printed intervals be {kind}?")
        conventions = protocol.conventions.model_copy(update={"survival_interval": kind})
        other = protocol.model_copy(update={"conventions": conventions})
        share = _try(endpoint, targets, other, patients, seed, kind)
        chosen = kind == protocol.conventions.survival_interval
        found.append(Hypothesis(endpoint, f"{kind} intervals", share > 0, chosen, _evidence(share)))
    return found


def _try(
    endpoint: str, targets: list[Target], protocol: Protocol, patients: int, seed: int, name: str
) -> float:
    """Share of searches that found an event history holding the endpoint's figures."""
    rng = stream(protocol.study, f"reading {endpoint} {name}", seed=seed)
    events = next((t for t in targets if t.estimand == Estimand("events", endpoint)), None)
    deaths = None
    if events is not None:
        deaths = np.full(TRIALS, round(events.value.lower))
    history = histories.build(
        endpoint, targets, protocol, {}, deaths, TRIALS, patients, rng, starts=2
    )
    ok = history.loss == 0
    # Counts are decided by the whole cohort; a rate that no count of this cohort gives fails here.
    return float(ok.mean())


def _evidence(share: float) -> str:
    if share == 0:
        return f"none of {TRIALS} searches found an event history that holds the printed figures"
    return f"{round(share * TRIALS)} of {TRIALS} searches found an event history that holds the printed figures"
