"""Event histories: a time and an event flag of every patient, for each endpoint.

The figures of the whole cohort (survival and its limits, medians, follow-up, shares observed) are
met here; those of subgroups later, by giving the patients of a history to the groups. A printed
median is the time of an event, so a patient with an event at that time is pinned and must later
fall into the group whose median it is. Times are whole days.

Relations between endpoints come from the protocol: `at_most` bounds times from above, `same_end`
forbids an event of the second endpoint in who is censored for the first and, with one time
origin, makes the two times equal.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

import numpy as np
from scipy.special import ndtri

from resarc.estimand import DAYS_PER_MONTH, Condition, Duration, Estimand
from resarc.protocol import Protocol
from resarc.published import Range
from resarc.reconstruct import courses, strata, strides
from resarc.reconstruct.courses import Patients
from resarc.reconstruct.kernels import INTERVALS
from resarc.reconstruct.orders import Standing, speaks
from resarc.reconstruct.standings import standings
from resarc.reconstruct.targets import EDGE, Target

STARTS = 24
FEW = 4
"""Starts of a history, if those of other members were found: what has come before it, or its number of events,
allows it hardly or not, and a new member comes cheaper."""

CENSORING = 0.03
"""How far the whole cohort's rate may be, at most, from the mean of its groups' while they guide a search.
Were nobody censored, it would be that mean."""

NEAR = 3
"""Events and censorings that a search goes beyond the nearest numbers that groups' rates leave."""

ANY = -1
"""Instead of a number of events: any that the search comes to."""

TILT = 5.0
"""How many times e at most one event more or fewer makes a history less likely, drawn for each anew."""


@dataclass(frozen=True)
class Pin:
    """A patient whose time is fixed by a printed figure: `days` are the whole days that print so,
    `event` whether it is an event (None: either), `where` the group the patient must belong to. A
    median of the whole cohort may also lie `between` two patients: then there is no such patient."""

    days: tuple[int, int]
    event: bool | None
    where: tuple[Condition, ...]
    between: bool = False


@dataclass(frozen=True)
class Relation:
    """What the endpoint must respect of one that is already there."""

    other: str
    at_most: bool = False
    same_end: bool = False
    same_origin: bool = False


@dataclass
class History:
    """Times in days and events (M, n) of one endpoint; `pins` gives, for each patient, the index
    into `pinned` or -1."""

    days: np.ndarray
    event: np.ndarray
    pins: np.ndarray
    pinned: tuple[Pin, ...]
    loss: np.ndarray
    shared: np.ndarray
    """Who has this event at the same time as another endpoint's, because it is that event (M, n)."""
    targets: list[Target] = field(default_factory=list)

    def take(self, rows: np.ndarray) -> History:
        """The histories of these members."""
        return History(
            self.days[rows],
            self.event[rows],
            self.pins[rows],
            self.pinned,
            self.loss[rows],
            self.shared[rows],
            self.targets,
        )


def months(days: np.ndarray) -> np.ndarray:
    return days / DAYS_PER_MONTH


def whole_cohort(targets: list[Target], endpoint: str) -> list[Target]:
    """Targets that depend on this endpoint alone."""
    return [
        t
        for t in targets
        if t.estimand.subject == endpoint
        and t.estimand.statistic in COMPILED
        and all(c.variable == endpoint for c in t.estimand.where)
    ]


def implied(
    targets: list[Target], endpoint: str, protocol: Protocol, patients: int
) -> list[Target]:
    """What the medians of all levels of a category imply for the whole cohort's survival.

    At a group's median its survival is one half, and a group whose median comes later is above one
    half; weighted by the groups' sizes this bounds the survival of all, but for censoring. The
    bounds guide the search (with some slack for censoring); they are no targets.
    """
    found = []
    for _, of_level in _of_all_levels("median", targets, endpoint, protocol, patients):
        for _, allowed in of_level:
            low = sum(share * (other.lower >= allowed.lower) / 2 for share, other in of_level)
            high = sum(share * (1 + (other.lower > allowed.lower)) / 2 for share, other in of_level)
            time = Duration(Decimal(str(round(allowed.upper * DAYS_PER_MONTH))), "day")
            margin = 0.03 * (high - low)
            found.append(_guide(endpoint, time, low + margin, high - margin))
    return found


def implied_by_rates(
    targets: list[Target], endpoint: str, protocol: Protocol, patients: int
) -> list[Target]:
    """About what the rates of all levels of a category imply for the whole cohort's, where that is not
    printed: their mean, weighted by the groups' sizes, give or take `CENSORING`. They guide some of the
    searches."""
    whole = whole_cohort(targets, endpoint)
    printed = {t.estimand.argument for t in whole if t.estimand.statistic == "survival"}
    found = []
    for time, of_level in _of_all_levels("survival", targets, endpoint, protocol, patients):
        if time not in printed:
            low = sum(share * allowed.lower for share, allowed in of_level)
            high = sum(share * allowed.upper for share, allowed in of_level)
            found.append(_guide(endpoint, time, low - CENSORING, high + CENSORING))
    return found


def _guide(endpoint: str, time: Duration, low: float, high: float) -> Target:
    return Target(Estimand("survival", endpoint, time), Range(low, high), None, None, (), False)


def _of_all_levels(
    statistic: str, targets: list[Target], endpoint: str, protocol: Protocol, patients: int
) -> list[tuple[Duration | None, list[tuple[float, Range]]]]:
    """Categories all of whose levels have this figure of an endpoint: the time that it is about, and of
    each level its share of the patients and what the figure allows."""
    sizes: dict[tuple[str, str], float] = {}
    found: dict[tuple[str, Duration | None], dict[str, Range]] = {}
    for target in targets:
        e = target.estimand
        if len(e.where) != 1 or e.where[0].variable in protocol.endpoint_names or target.claim:
            continue
        variable, level = e.where[0].variable, e.where[0].level
        if e.statistic == "n":
            middle = (target.value.lower + target.value.upper) / 2
            sizes[variable, level] = middle / patients
        if e.statistic == statistic and e.subject == endpoint and not e.by:
            found.setdefault((variable, e.argument), {})[level] = target.value
    return [
        (time, [(sizes[variable, level], allowed) for level, allowed in of_level.items()])
        for (variable, time), of_level in found.items()
        if set(of_level) == set(protocol.levels(variable))
        and all((variable, level) in sizes for level in of_level)
    ]


def relations(endpoint: str, done: tuple[str, ...], protocol: Protocol) -> list[Relation]:
    """Relations of an endpoint to those already built."""
    found = []
    for other in done:
        flags = {"at_most": False, "same_end": False}
        for constraint in protocol.reconstruction.constraints if protocol.reconstruction else ():
            for key in flags:
                flags[key] |= getattr(constraint, key) == (endpoint, other)
        if any(flags.values()):
            mine, theirs = protocol.endpoint(endpoint).origin, protocol.endpoint(other).origin
            found.append(Relation(other, **flags, same_origin=mine is not None and mine == theirs))
    return found


def sequence(protocol: Protocol) -> list[str]:
    """Endpoints in an order in which each comes after those that bound it."""
    left, done = list(protocol.endpoint_names), []
    bounds = [
        pair
        for c in (protocol.reconstruction.constraints if protocol.reconstruction else ())
        for pair in (c.at_most, c.same_end)
        if pair and set(pair) <= set(left)
    ]
    while left:
        free = [e for e in left if not any(a == e and b in left for a, b in bounds)]
        if not free:  # endpoints that bound each other: any order
            free = left[:1]
        done.append(free[0])
        left.remove(free[0])
    return done


def pins_of(targets: list[Target], endpoint: str) -> list[Pin]:
    """Patients whose times printed figures fix."""
    pins = []
    for target in targets:
        e = target.estimand
        if e.subject != endpoint or target.claim:
            continue
        groups = tuple(c for c in e.where if c.variable != endpoint)
        status = next((c.level == "event" for c in e.where if c.variable == endpoint), None)
        between = not groups
        if e.statistic == "median":
            for allowed in (target.value, target.lower, target.upper):
                if allowed is not None and np.isfinite(allowed.upper):
                    pins.append(Pin(_days(allowed), True, groups, between))
        elif e.statistic in ("followup_minimum", "followup_maximum"):
            pins.append(Pin(_days(target.value), status, groups))
        elif e.statistic == "followup_median":
            pins += [Pin(_days(target.value), status, groups, between)] * 2
    merged: list[Pin] = []
    for pin in sorted(set(pins), key=lambda p: (p.days, str(p.where), str(p.event))):
        times = max(pins.count(pin), 1)
        twin = next(
            (
                m
                for m in merged
                if m.days == pin.days
                and m.where == pin.where
                and (pin.event is None or m.event == pin.event)
            ),
            None,
        )
        vague = next(
            (
                k
                for k, m in enumerate(merged)
                if m.days == pin.days and m.where == pin.where and m.event is None
            ),
            None,
        )
        if twin is not None and pin.event is None:
            continue  # a patient with a stricter pin at that time serves this figure, too
        if vague is not None and pin.event is not None:
            merged = [
                m
                for m in merged
                if not (m.days == pin.days and m.where == pin.where and m.event is None)
            ]
        merged += [pin] * times
    return merged


def _days(allowed: Range) -> tuple[int, int]:
    """Whole days that print as the figure; the nearest day where none does."""
    low, high = allowed.lower * DAYS_PER_MONTH, allowed.upper * DAYS_PER_MONTH
    first, last = int(np.ceil(low - 1e-6)), int(np.floor(high + 1e-6))
    if first > last:
        first = last = round((low + high) / 2)
    return max(first, 1), max(last, 1)


def build(
    endpoint: str,
    targets: list[Target],
    protocol: Protocol,
    others: dict[str, History],
    deaths: np.ndarray | None,
    members: int,
    patients: int,
    rng: np.random.Generator,
    *,
    sharing: tuple[str, np.ndarray] | None = None,
    starts: int = STARTS,
) -> History:
    """Histories of one endpoint in `members` datasets.

    `sharing` names another endpoint and says how many (M,) of its events are this one's, too.

    `deaths` (M,) is the number of events where printed counts fix it. Else, if the endpoint hangs on no
    other, each member is given one of those that the figures allow, few and many alike. From order
    histories with so many (`strata`, `strides`) and from random times, where the number is free to move, it is
    sought in turns of two starts, every other member with the former first. A search that gets stuck is
    started anew, `starts` times at most, and `FEW` times once some member's was found; `loss` says how far
    each history is from its targets in the end.
    """
    apart = sharing is None and not relations(endpoint, tuple(others), protocol)
    given = deaths
    if given is None and apart:
        given = _numbers(endpoint, targets, protocol, members, patients, rng)
    found: History | None = None
    rows = np.arange(members)
    for start in range(starts):
        drawn = apart & ((start // 2 + rows) % 2 == 0)
        numbers = np.full(len(rows), ANY)
        if given is not None:
            numbers = given[rows] if deaths is not None else np.where(drawn, given[rows], ANY)
        again = _search(
            endpoint,
            targets,
            protocol,
            {name: other.take(rows) for name, other in others.items()},
            numbers,
            None if sharing is None else (sharing[0], sharing[1][rows]),
            len(rows),
            patients,
            rng,
            between=start % 2 == 1,
            drawn=drawn & (numbers != ANY),
        )
        if found is None:
            found = again
        else:
            better = again.loss < found.loss[rows]
            for name in ("days", "event", "pins", "loss", "shared"):
                getattr(found, name)[rows[better]] = getattr(again, name)[better]
        rows = np.flatnonzero(found.loss > 0)
        if not rows.size or (start + 1 >= FEW and rows.size < members):
            break
    if found is None:
        raise AssertionError("a search has at least one start")
    return found


def _numbers(
    endpoint: str,
    targets: list[Target],
    protocol: Protocol,
    members: int,
    patients: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """The number of events (M,) that each member is given, of those that the figures allow each as often
    as the others but for one; `ANY` where there are too many patients to tell."""
    pool = _pool(endpoint, targets, protocol, patients)
    if pool is None:
        return np.full(members, ANY)
    turns = -(-members // len(pool.numbers))
    return np.concatenate([rng.permutation(pool.numbers) for _ in range(turns)])[:members]


def _pool(
    endpoint: str, targets: list[Target], protocol: Protocol, patients: int
) -> strata.Pool | strides.Strides | None:
    """Order histories that meet the endpoint's figures, and leave room for those of groups."""
    speaking = [t for t in targets if speaks(t.estimand, endpoint)]
    if patients <= strata.LARGEST:
        return strata.pool(speaking, protocol, patients)
    return strides.pool(speaking, protocol, patients, _gone(endpoint, targets, protocol, patients))


def _gone(
    endpoint: str, targets: list[Target], protocol: Protocol, patients: int
) -> tuple[Standing, ...]:
    """What groups' rates leave of the numbers of events and censorings, in larger cohorts. In small ones,
    members for which no labels are found are settled; such numbers would spare some of them that, and
    those are more alike."""
    if patients <= strata.LARGEST:
        return ()
    return standings(targets, endpoint, protocol, patients)


def _search(
    endpoint: str,
    targets: list[Target],
    protocol: Protocol,
    others: dict[str, History],
    deaths: np.ndarray,
    sharing: tuple[str, np.ndarray] | None,
    members: int,
    patients: int,
    rng: np.random.Generator,
    *,
    between: bool,
    drawn: np.ndarray,
) -> History:
    """One start of `build`, with `deaths` (M,) events, or `ANY`; `between`: medians of the whole cohort
    may lie between two patients, and rates of groups do not guide; `drawn` (M,): from an order history
    that was drawn, where there is one."""
    own = whole_cohort(targets, endpoint)
    own = own + implied(targets, endpoint, protocol, patients)
    if not between:
        own = own + implied_by_rates(targets, endpoint, protocol, patients)
    pinned = pins_of(targets, endpoint)
    bound = relations(endpoint, tuple(others), protocol)
    shape = (members, patients)
    longest = longest_of(endpoint, targets, protocol)
    ceiling = np.full(shape, longest)
    must_event = np.zeros(shape, dtype=bool)
    tied = np.full(shape, -1)
    for relation in bound:
        other = others[relation.other]
        if relation.at_most:
            ceiling = np.minimum(ceiling, other.days)
        if relation.same_end:
            must_event |= other.event
            if relation.same_origin:
                tied = other.days
    floor = floor_of(own, endpoint)
    shared = _choose_shared(sharing, others, shape, rng)
    must_event |= shared
    days = _first_times(own, longest, ceiling, floor, rng)
    loose = [between and pin.between for pin in pinned]
    event, pins = _first_events(
        days, pinned, loose, must_event, shared, ceiling, others, deaths, rng
    )
    if drawn.any():
        pool = _pool(endpoint, targets, protocol, patients)
        for m in np.flatnonzero(drawn) if pool else ():
            start = pool.draw(int(deaths[m]), (floor, longest), rng)
            if start is not None:
                days[m], event[m], pins[m] = _pinned(*start, pinned, loose, rng)
    gone = _gone(endpoint, targets, protocol, patients)
    low, high = np.array([p.days for p in pinned] or [(1, 1)]).T
    if sharing is not None:  # their time is the other's, whatever happens
        tied = np.where(shared, others[sharing[0]].days, tied)
    place = pins >= 0
    days = np.where(place, rng.integers(low[pins], high[pins] + 1), days)
    goals = _goals(own, protocol, _grid(own, longest), floor, free=True)
    fixed = _fixed_event(pins, pinned)
    final = np.empty(members)
    for m in range(members):
        numbers = _to_keep(gone, days[m], event[m], rng)
        patient = Patients(ceiling[m], must_event[m], tied[m], shared[m], place[m], fixed[m])
        seed = int(rng.integers(0, 2**32))
        free = bool(deaths[m] == ANY)
        tilt = float(rng.uniform(-TILT, TILT)) if free else 0.0
        own_goals = _told(goals, gone, numbers, patients)._replace(free=free)
        final[m] = courses.search(own_goals, patient, days[m], event[m], tilt, seed)
    # Pins may have left too few patients to die, or too many.
    final[(deaths != ANY) & (event.sum(axis=1) != deaths)] = np.inf
    return History(days, event, pins, tuple(pinned), final, shared, own)


def _to_keep(
    gone: tuple[Standing, ...], days: np.ndarray, event: np.ndarray, rng: np.random.Generator
) -> list[tuple[int, int]]:
    """Numbers of events and censorings at each standing, that a history is to keep or to come to: its own,
    or of those allowed one that is near and not below the one before, if there is one."""
    found, least = [], (0, 0)
    for standing in gone:
        by = days <= standing.day
        here = int((by & event).sum()), int((by & ~event).sum())
        allowed = np.array(standing.allowed)
        if here not in standing.allowed:
            later = allowed[(allowed >= least).all(axis=1)]
            allowed = later if later.size else allowed
            off = np.abs(allowed - here).sum(axis=1)
            here = tuple(rng.choice(allowed[off <= off.min() + NEAR]).tolist())
        least = here
        found.append(here)
    return found


def _told(
    goals: courses.Goals,
    gone: tuple[Standing, ...],
    numbers: list[tuple[int, int]],
    patients: int,
) -> courses.Goals:
    """Goals with so many events and censorings at each standing: a share alive, and a share of those
    followed."""
    if not gone:
        return goals
    kinds, ranges = [], []
    for standing, (events, censored) in zip(gone, numbers, strict=True):
        alive = patients - events - censored
        for kind, of in ((courses.CRUDE, patients), (courses.FOLLOWED, alive + events)):
            share = alive / max(of, 1)
            low, high = share - EDGE, share + EDGE
            ranges.append((low, high, *(np.nan,) * 4, standing.day + 1e-6))
            kinds.append(kind)
    return goals._replace(
        kinds=np.append(goals.kinds, kinds),
        who=np.append(goals.who, np.full(len(kinds), -1)),
        ranges=np.vstack([goals.ranges, ranges]),
    )


COMPILED = {
    "survival": courses.SURVIVAL,
    "median": courses.MEDIAN,
    "crude_rate": courses.CRUDE,
    "followed_rate": courses.FOLLOWED,
    "at_risk": courses.AT_RISK,
    "rmst": courses.RMST,
    "reverse_followup_median": courses.REVERSE,
    "followup_mean": courses.MEAN,
    "followup_median": courses.MIDDLE,
    "followup_minimum": courses.LEAST,
    "followup_maximum": courses.MOST,
}
"""Statistics of the whole cohort, or of those with or without the event, that a history can meet."""


def _goals(
    own: list[Target], protocol: Protocol, grid: np.ndarray, floor: int, *, free: bool
) -> courses.Goals:
    """What a history must meet, as arrays; times in days."""
    ranges = np.full((len(own), 7), np.nan)
    who = np.full(len(own), -1)
    means = []
    for t, target in enumerate(own):
        e = target.estimand
        in_days = DAYS_PER_MONTH if e.kind.scale == "months" or e.statistic == "median" else 1.0
        for k, allowed in enumerate((target.value, target.lower, target.upper)):
            if allowed is not None:
                low = allowed.lower + (2 * EDGE if allowed.open_lower else 0.0)
                high = allowed.upper - (2 * EDGE if allowed.open_upper else 0.0)
                ranges[t, 2 * k : 2 * k + 2] = low * in_days, high * in_days
        if e.kind.argument == "duration":
            ranges[t, courses.TIME] = e.time * DAYS_PER_MONTH + 1e-6
        for condition in e.where:
            who[t] = 1 if condition.level == "event" else 0
        if e.statistic == "followup_mean" and not target.claim:
            means.append((who[t], ranges[t, :2].mean()))
    conventions = protocol.conventions
    return courses.Goals(
        np.array([COMPILED[t.estimand.statistic] for t in own], dtype=np.int64),
        who,
        ranges,
        np.array(means, dtype=float).reshape(-1, 2),
        grid,
        floor,
        free,
        INTERVALS[conventions.survival_interval],
        float(ndtri((1 + conventions.level) / 2)),
        courses.HALVES[conventions.median],
    )


def longest_of(endpoint: str, targets: list[Target], protocol: Protocol) -> int:
    """The longest time that a history may hold, in days: as printed, as the protocol bounds it, or
    from the first origin to the last contact."""
    for target in targets:
        e = target.estimand
        if e == Estimand("followup_maximum", endpoint) and np.isfinite(target.value.upper):
            return _days(target.value)[1]
    plan = protocol.reconstruction
    if plan is None:
        raise AssertionError("a reconstruction needs its plan")
    if endpoint in plan.ranges:
        return round(plan.ranges[endpoint][1] * DAYS_PER_MONTH)
    return (plan.last_contact - plan.period[0]).days


def floor_of(own: list[Target], endpoint: str) -> int:
    for target in own:
        if target.estimand == Estimand("followup_minimum", endpoint):
            return _days(target.value)[0]
    return 1


def _grid(own: list[Target], longest: int) -> np.ndarray:
    """Times at which figures speak, in days, with both ends."""
    times = {1, longest}
    for target in own:
        e = target.estimand
        if e.kind.argument == "duration":
            times.add(round(e.time * DAYS_PER_MONTH))
        elif np.isfinite(target.value.upper):
            times.add(_days(target.value)[0])
    return np.array(sorted(t for t in times if 1 <= t <= longest), dtype=float)


def _first_times(
    own: list[Target],
    longest: int,
    ceiling: np.ndarray,
    floor: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """Random times (M, n) that roughly follow the printed shares beyond a time.

    Where nothing is printed the curve is random: a Weibull time of random scale and shape.
    """
    members, patients = ceiling.shape
    known: dict[float, float] = {}
    for target in own:
        e, value = target.estimand, target.value
        if e.where or not np.isfinite(value.lower + value.upper):
            continue
        if e.statistic in ("survival", "crude_rate", "followed_rate"):
            known[e.time * DAYS_PER_MONTH] = (value.lower + value.upper) / 2
        elif e.statistic in ("median", "followup_median"):
            known.setdefault((value.lower + value.upper) / 2 * DAYS_PER_MONTH, 0.5)
    u = (
        rng.permuted(np.tile(np.arange(patients), (members, 1)), axis=1)
        + rng.random((members, patients))
    ) / patients
    if known:
        table = [(float(floor), 1.0)]
        for time, share in sorted(known.items()):
            if time > table[-1][0] and share < table[-1][1] and time < longest:
                table.append((time, share))
        table.append((float(longest), 0.0))
        at, left = np.array(table).T
        days = np.interp(1 - u, 1 - left, at)
        days = np.where(u < left[-2], _tail(u / left[-2], days, at[-2], longest, own, rng), days)
    else:
        scale = longest * 10.0 ** rng.uniform(-1.5, 0.2, (members, 1))
        days = scale * (-np.log(u)) ** (1 / rng.uniform(0.6, 2.5, (members, 1)))
    days = np.clip(np.rint(days), floor, longest).astype(np.int64)
    if (ceiling < longest).any():  # match to patients who may have times that long
        days = _match(days, ceiling, rng)
    return days


def _tail(
    u: np.ndarray,
    days: np.ndarray,
    start: float,
    longest: int,
    own: list[Target],
    rng: np.random.Generator,
) -> np.ndarray:
    """Times (M, n) beyond the last landmark, between `start` and `longest`, where `u` < 1.

    The share still observed falls by a power of time; the power is such that the printed mean
    follow-up comes out, or random where none is printed.
    """
    members = len(u)
    inside = np.clip(1 - u, 0.0, 1.0)
    power = rng.uniform(0.7, 4.0, (members, 1))
    printed = [t.value for t in own if t.estimand.statistic == "followup_mean" and not t.claim]

    def times(power: np.ndarray) -> np.ndarray:
        return start + (longest - start) * inside**power

    if printed:
        mean = (printed[0].lower + printed[0].upper) / 2 * DAYS_PER_MONTH
        low, high = np.full((members, 1), 0.02), np.full((members, 1), 200.0)
        for _ in range(40):
            power = np.sqrt(low * high)
            too_long = np.where(u < 1, times(power), days).mean(axis=1, keepdims=True) > mean
            low, high = np.where(too_long, power, low), np.where(too_long, high, power)
    return times(power)


def _match(days: np.ndarray, ceiling: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The same times, given to patients so that each stays below its ceiling where possible."""
    matched = np.empty_like(days)
    for m in range(len(days)):
        pool = np.sort(days[m]).tolist()
        for patient in np.argsort(ceiling[m], kind="stable"):
            fit = int(np.searchsorted(pool, ceiling[m, patient], side="right"))
            matched[m, patient] = pool.pop(int(rng.integers(0, fit)) if fit else 0)
    return np.minimum(matched, ceiling)


def _first_events(
    days: np.ndarray,
    pinned: list[Pin],
    loose: list[bool],
    must_event: np.ndarray,
    shared: np.ndarray,
    ceiling: np.ndarray,
    others: dict[str, History],
    deaths: np.ndarray,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Event flags and pins (M, n): pins that are not `loose` go to patients without one who can live
    that long."""
    members, patients = days.shape
    event = must_event.copy()
    pins = np.full((members, patients), -1)
    for m in range(members):
        taken = shared[m].copy()
        for other in others.values():
            taken |= other.pins[m] >= 0
        wanted = int(deaths[m]) if deaths[m] != ANY else int(rng.integers(0, patients + 1))
        for k in np.argsort([-p.days[0] for p in pinned], kind="stable"):
            pin = pinned[k]
            if loose[k]:
                continue
            # No patient carries two pins: they might ask for groups that exclude each other.
            fit = ~taken & (ceiling[m] >= pin.days[1])
            if pin.event is False:
                fit &= ~must_event[m]
            candidates = np.flatnonzero(fit)
            if not candidates.size:
                continue  # the target's loss will tell
            patient = int(rng.choice(candidates))
            taken[patient] = True
            pins[m, patient] = k
            if pin.event:
                event[m, patient] = True
        sure_not = np.array([k >= 0 and pinned[k].event is False for k in pins[m]])
        more = np.flatnonzero(~event[m] & ~sure_not)
        add = min(max(wanted - int(event[m].sum()), 0), more.size)
        event[m, rng.choice(more, add, replace=False)] = True
    return event, pins


def _pinned(
    days: np.ndarray,
    event: np.ndarray,
    pinned: list[Pin],
    loose: list[bool],
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Times, events and pins (n,) of an order history, given to patients at random. A pin goes to the
    patient without one, of those with the event that it asks for, whose time is nearest."""
    pins = np.full(len(days), -1)
    for k in np.argsort([len(p.where) for p in pinned], kind="stable"):
        pin = pinned[k]
        if loose[k]:
            continue
        fit = np.flatnonzero((pins < 0) & (pin.event is None or event == pin.event))
        if fit.size:
            off = np.maximum(pin.days[0] - days[fit], days[fit] - pin.days[1]).clip(min=0)
            pins[fit[off.argmin()]] = k
    order = rng.permutation(len(days))
    return days[order], event[order], pins[order]


def _choose_shared(
    sharing: tuple[str, np.ndarray] | None,
    others: dict[str, History],
    shape: tuple[int, int],
    rng: np.random.Generator,
) -> np.ndarray:
    """Which events of another endpoint are this one's: so many of each member at random (M, n)."""
    chosen = np.zeros(shape, dtype=bool)
    if sharing is None:
        return chosen
    happened = others[sharing[0]].event
    for m, wanted in enumerate(sharing[1]):
        pool = np.flatnonzero(happened[m])
        chosen[m, rng.choice(pool, min(int(wanted), pool.size), replace=False)] = True
    return chosen


def _fixed_event(pins: np.ndarray, pinned: list[Pin]) -> np.ndarray:
    """Patients whose event flag a pin fixes."""
    table = np.array([*(p.event is not None for p in pinned), False])
    return table[pins]
