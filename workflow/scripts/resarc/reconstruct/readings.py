"""Readings: how the printed figures may have been computed, and which of that data can bear.

A paper seldom says all of it. Three questions change what a figure demands of a dataset:

- *rates*: printed survival rates are Kaplan-Meier estimates, or shares of all patients (observed
  beyond the time), or shares of fewer (those followed to the time, the same number for every rate);
- *rounding*: to the nearest or cut off, asked apart for shares of patients and for rates only where
  neither convention fits the shares of a paper;
- *interval*: the type of printed limits of survival and medians.

Each combination is a reading. It is `infeasible (proved)` by an argument of `exact`, or searched for:
`feasible (dataset found)` or `not found`, which is no proof. What the paper itself states
(`stated` of the published figures) is tried first, and anything else only if that fails. Readings
that survive are all covered by the ensemble.

Choices that leave what is demanded as it is are no readings but are answered after the fact, on the
datasets: `immaterial`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from resarc.estimand import Estimand
from resarc.protocol import Protocol
from resarc.published import Published
from resarc.reconstruct import counts, exact, histories
from resarc.reconstruct.exact import Conflict
from resarc.reconstruct.layout import lay_out
from resarc.reconstruct.targets import (
    ROUNDINGS,
    Roundings,
    Target,
    Unused,
    as_share,
    compile_targets,
)
from resarc.seeds import stream

TRIALS = 24
INTERVALS = ("log-log", "log", "plain")

RATES = {
    "Kaplan-Meier": "Kaplan-Meier estimates",
    "crude": "shares of all patients: those observed beyond the time",
    "followed": "shares of fewer patients, the same number for every rate: those followed to the time",
}
"""Readings of rates: identifier and words."""

STATISTIC = {"crude": "crude_rate", "followed": "followed_rate"}

PROVED, FOUND, NOT_FOUND = "infeasible (proved)", "feasible (dataset found)", "not found"
NOT_TRIED = "not tried"
STATUSES = (PROVED, FOUND, NOT_FOUND, NOT_TRIED)


@dataclass(frozen=True)
class Hypothesis:
    """One answer to one question about an endpoint's figures (of all figures: endpoint empty)."""

    endpoint: str
    question: str
    hypothesis: str
    status: str
    chosen: bool
    evidence: str


@dataclass(frozen=True)
class Reading:
    """One way in which all figures may have been computed, and what it demands.

    `protocol` carries the type of interval; `name` is the `hypothesis` of the members built on it.
    """

    name: str
    words: str
    protocol: Protocol
    targets: tuple[Target, ...]
    unused: tuple[Unused, ...] = ()


@dataclass(frozen=True)
class Readings:
    """`live`: what data can bear, the likeliest first; `hypotheses`: all that was tried; `conflicts`:
    the proofs against readings, by the reading's name."""

    live: tuple[Reading, ...]
    hypotheses: tuple[Hypothesis, ...]
    conflicts: tuple[tuple[str, Conflict], ...] = ()


@dataclass
class _Tried:
    """What became of one reading of the rates."""

    rates: str
    rounding: str
    reading: Reading
    conflicts: list[Conflict] = field(default_factory=list)
    evidence: dict[str, str] = field(default_factory=dict)
    status: dict[str, str] = field(default_factory=dict)

    @property
    def survives(self) -> bool:
        return all(s == FOUND for s in self.status.values())


def read(
    published: Published,
    protocol: Protocol,
    patients: int,
    seed: int,
    progress: Callable[[str], None] = lambda _: None,
) -> Readings:
    """All readings of a paper's figures, and which of them data can bear.

    If data bear none, the ensemble is built on the first (Kaplan-Meier, rounded), and figures must
    be set aside.
    """
    hypotheses: list[Hypothesis] = []
    shares = _roundings_of_shares(published, protocol, patients, hypotheses)
    endpoints = _rated(published, protocol)
    if not endpoints:
        targets, unused = compile_targets(published, protocol, Roundings(shares[0], shares[0]))
        only = Reading("as printed", "no rate is printed", protocol, tuple(targets), tuple(unused))
        live = _by_interval([only], seed, patients, hypotheses, progress)
        return Readings(tuple(live), tuple(hypotheses))
    tried = []
    for stated_first in _in_turn(published):
        for rates in stated_first:
            for sharing, rounding in shares_and_rates(shares):
                reading = _reading(rates, sharing, rounding, published, protocol)
                tried.append(
                    _attempt(rates, rounding, reading, endpoints, patients, seed, progress)
                )
        if any(t.survives for t in tried):
            break
    surviving = [t for t in tried if t.survives]
    live = [t.reading for t in surviving] or [tried[0].reading]
    # The first reading's name is short where its rounding is not in question.
    for endpoint in endpoints:
        for t in tried:
            hypotheses.append(
                Hypothesis(
                    endpoint,
                    "rates",
                    _in_words(t.rates, t.rounding),
                    t.status[endpoint],
                    t.reading in live,
                    t.evidence[endpoint],
                )
            )
        for rates in RATES:
            if not any(t.rates == rates for t in tried):
                evidence = "the paper states another computation, and data can bear that"
                hypotheses.append(
                    Hypothesis(endpoint, "rates", _in_words(rates, ""), NOT_TRIED, False, evidence)
                )
    conflicts = [(t.reading.name, c) for t in tried for c in t.conflicts]
    live = _by_interval(live, seed, patients, hypotheses, progress, conflicts)
    return Readings(tuple(live), tuple(hypotheses), tuple(conflicts))


def shares_and_rates(shares: list[str]) -> list[tuple[str, str]]:
    """Roundings of shares and of rates to try together: the same for both, but where the shares
    follow no convention throughout, rates may follow either."""
    if len(shares) == 1 and shares[0].endswith("*"):
        rounding = shares[0].removesuffix("*")
        return [(rounding, r) for r in ROUNDINGS]
    return [(r, r) for r in shares]


def _in_turn(published: Published) -> list[list[str]]:
    """Readings of rates in the order of trial: what the paper states before all others."""
    stated = published.stated.rates if published.stated else None
    if stated is None:
        return [list(RATES)]
    return [[stated], [r for r in RATES if r != stated]]


def _rated(published: Published, protocol: Protocol) -> list[str]:
    printed = {f.estimand.subject for f in published.figures if f.estimand.statistic == "survival"}
    return [e for e in protocol.endpoint_names if e in printed]


# --- rounding of shares ------------------------------------------------------------------------------


def _roundings_of_shares(
    published: Published, protocol: Protocol, patients: int, hypotheses: list[Hypothesis]
) -> list[str]:
    """Conventions under which all printed shares go with the printed counts, by integer programming.

    Where none does, the one that costs fewest figures, marked `*`.
    """
    if not any(f.estimand.statistic == "proportion" for f in published.figures):
        return ["rounded"] if not _rated(published, protocol) else list(ROUNDINGS)
    costs = {}
    for rounding in ROUNDINGS:
        targets, _ = compile_targets(published, protocol, Roundings(rounding, rounding))
        found = [
            target
            for component in counts.components(lay_out(protocol, targets), targets, patients)
            for target in counts.set_aside(component, patients)
        ]
        costs[rounding] = found
    free = [r for r in ROUNDINGS if not costs[r]]
    weight = {r: sum(counts.weight(t) for t in costs[r]) for r in ROUNDINGS}
    best = min(ROUNDINGS, key=lambda r: weight[r])
    for rounding in ROUNDINGS:
        aside = "; ".join(figure for t in costs[rounding] for figure in t.figures)
        evidence = (
            f"the integer programme cannot hold all printed counts and shares; the fewest figures to "
            f"set aside are {aside}"
            if aside
            else "the integer programme holds all printed counts and shares"
        )
        chosen = rounding in free if free else rounding == best
        status = PROVED if aside else FOUND
        hypotheses.append(Hypothesis("", "rounding of shares", rounding, status, chosen, evidence))
    return free or [f"{best}*"]


# --- readings of rates ---------------------------------------------------------------------------------


def _reading(
    rates: str, shares: str, rounding: str, published: Published, protocol: Protocol
) -> Reading:
    targets, unused = compile_targets(published, protocol, Roundings(shares, rounding))
    if rates != "Kaplan-Meier":
        statistic = STATISTIC[rates]
        targets = [
            as_share(t, statistic) if t.estimand.statistic == "survival" else t for t in targets
        ]
    name = rates if rounding == "rounded" else f"{rates}, truncated"
    words = _in_words(rates, rounding)
    return Reading(name, words, protocol, tuple(targets), tuple(unused))


def _in_words(rates: str, rounding: str) -> str:
    return RATES[rates] + (", digits cut off" if rounding == "truncated" else "")


def _attempt(
    rates: str,
    rounding: str,
    reading: Reading,
    endpoints: list[str],
    patients: int,
    seed: int,
    progress: Callable[[str], None],
) -> _Tried:
    """A reading refuted by proof, or searched for endpoint by endpoint."""
    tried = _Tried(rates, rounding, reading)
    targets, protocol = list(reading.targets), reading.protocol
    tried.conflicts = exact.about_curves(targets, protocol, patients)
    for conflict in tried.conflicts:
        for endpoint in {t.estimand.subject for t in conflict.targets} & set(endpoints):
            tried.status[endpoint] = PROVED
            tried.evidence.setdefault(endpoint, conflict.proof)
    if rates == "followed":
        _without_denominator(tried, targets, patients, endpoints)
    for endpoint in endpoints:
        if endpoint in tried.status:
            continue
        if any(s == PROVED for s in tried.status.values()):
            tried.status[endpoint] = NOT_TRIED
            tried.evidence[endpoint] = "another endpoint's figures rule this reading out"
            continue
        progress(f"{endpoint}: can the printed rates be {reading.words}?")
        share = _try(endpoint, targets, protocol, patients, seed, reading.name)
        tried.status[endpoint] = FOUND if share else NOT_FOUND
        tried.evidence[endpoint] = _evidence(share)
    return tried


def _without_denominator(
    tried: _Tried, targets: list[Target], patients: int, endpoints: list[str]
) -> None:
    """All rates of a group must be shares of one number of patients."""
    found = exact.common_denominators(targets, tried.reading.protocol, patients)
    for where, numbers in found.items():
        if not numbers:
            group = ", ".join(map(str, where)) or "all patients"
            for endpoint in endpoints:
                tried.status[endpoint] = PROVED
                tried.evidence[endpoint] = (
                    f"no smaller number of patients, down to {exact.LEAST_SHARE:.0%}, gives all "
                    f"printed rates of {group} as shares"
                )
    # Those followed to one time are others than those followed to another; one number for several
    # times of a curve cannot be asked of a dataset in the language of estimands.
    for endpoint in endpoints:
        times = {t.estimand.argument for t in targets if _is_rate_of(t, endpoint)}
        if len(times) > 1 and endpoint not in tried.status:
            tried.status[endpoint] = NOT_TRIED
            tried.evidence[endpoint] = (
                "rates at several times of one curve; datasets are only searched for one time"
            )


def _is_rate_of(target: Target, endpoint: str) -> bool:
    return target.estimand.subject == endpoint and target.estimand.statistic in exact.RATES


# --- types of interval ------------------------------------------------------------------------------------


def _by_interval(
    readings: list[Reading],
    seed: int,
    patients: int,
    hypotheses: list[Hypothesis],
    progress: Callable[[str], None],
    conflicts: list[tuple[str, Conflict]] | None = None,
) -> list[Reading]:
    """Each reading under every type of interval that its printed limits can be."""
    found = []
    for reading in readings:
        kinds = list(_kinds(reading, seed, patients, hypotheses, progress, conflicts))
        for kind in kinds:
            conventions = reading.protocol.conventions.model_copy(
                update={"survival_interval": kind}
            )
            found.append(
                Reading(
                    reading.name + (f", {kind}" if len(kinds) > 1 else ""),
                    reading.words + (f", {kind} intervals" if len(kinds) > 1 else ""),
                    reading.protocol.model_copy(update={"conventions": conventions}),
                    reading.targets,
                    reading.unused,
                )
            )
    return found


def _kinds(
    reading: Reading,
    seed: int,
    patients: int,
    hypotheses: list[Hypothesis],
    progress: Callable[[str], None],
    conflicts: list[tuple[str, Conflict]] | None,
) -> Iterator[str]:
    """Types of interval that survive; the protocol's where none is asked for or none survives."""
    targets, protocol = list(reading.targets), reading.protocol
    own = protocol.conventions.survival_interval
    limited = [
        e
        for e in protocol.endpoint_names
        if any(t.lower or t.upper for t in targets if t.estimand.subject == e and _has_curve(t))
    ]
    if not limited:
        yield own
        return
    status: dict[str, str] = {}
    rows = []
    for kind in INTERVALS:
        conventions = protocol.conventions.model_copy(update={"survival_interval": kind})
        other = protocol.model_copy(update={"conventions": conventions})
        for endpoint in limited:
            figures = [
                t for t in targets if t.estimand.subject == endpoint or not t.estimand.subject
            ]
            against = exact.against_interval(figures, other, patients, kind)
            if against is not None:
                state, evidence = PROVED, against.proof
                if conflicts is not None:
                    conflicts.append((f"{reading.name}, {kind}", against))
            else:
                progress(f"{endpoint}: can the printed intervals be {kind}?")
                share = _try(endpoint, targets, other, patients, seed, f"{reading.name} {kind}")
                state, evidence = (FOUND if share else NOT_FOUND), _evidence(share)
            if state != FOUND:
                status[kind] = state
            status.setdefault(kind, FOUND)
            rows.append((endpoint, kind, state, evidence))
    live = [k for k in INTERVALS if status[k] == FOUND] or [own]
    live.sort(key=lambda kind: kind != own)
    for endpoint, kind, state, evidence in rows:
        words = f"{kind} intervals"
        hypotheses.append(Hypothesis(endpoint, "intervals", words, state, kind in live, evidence))
    yield from live


def _has_curve(target: Target) -> bool:
    return target.estimand.statistic in ("survival", "median")


# --- searching -----------------------------------------------------------------------------------------------


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
    return float((history.loss == 0).mean())


def _evidence(share: float) -> str:
    if share == 0:
        return f"none of {TRIALS} searches found an event history that holds the printed figures"
    return f"{round(share * TRIALS)} of {TRIALS} searches found an event history that holds the printed figures"
