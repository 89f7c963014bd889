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

from resarc.ensemble import Ensemble
from resarc.estimand import DAYS_PER_MONTH, Condition, Duration, Estimand
from resarc.protocol import Protocol
from resarc.published import Range
from resarc.reconstruct.search import State, descend, repeat, wander
from resarc.reconstruct.targets import Target, distance, gap
from resarc.survival.kaplan_meier import limits

STEPS = 800
PATIENCE = 80
STARTS = 24
MIXING = 60


@dataclass(frozen=True)
class Pin:
    """A patient whose time is fixed by a printed figure: `days` are the whole days that print so,
    `event` whether it is an event (None: either), `where` the group the patient must belong to."""

    days: tuple[int, int]
    event: bool | None
    where: tuple[Condition, ...]


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
    kinds = (
        "survival", "crude_rate", "followed_rate", "median", "at_risk", "rmst", "reverse_followup_median",
        "followup_median", "followup_mean", "followup_minimum", "followup_maximum",
    )  # fmt: skip
    return [
        t
        for t in targets
        if t.estimand.subject == endpoint
        and t.estimand.statistic in kinds
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
    medians: dict[str, dict[str, Range]] = {}
    sizes: dict[tuple[str, str], float] = {}
    for target in targets:
        e = target.estimand
        if len(e.where) == 1 and e.where[0].variable not in protocol.endpoint_names:
            condition = e.where[0]
            if e.statistic == "median" and e.subject == endpoint and not target.claim:
                medians.setdefault(condition.variable, {})[condition.level] = target.value
            if e.statistic == "n" and not target.claim:
                sizes[condition.variable, condition.level] = (
                    (target.value.lower + target.value.upper) / 2 / patients
                )
    for variable, of_level in medians.items():
        if set(of_level) != set(protocol.levels(variable)) or any(
            (variable, v) not in sizes for v in of_level
        ):
            continue
        for allowed in of_level.values():
            low = sum(
                sizes[variable, v] * (0.5 if other.lower >= allowed.lower else 0.0)
                for v, other in of_level.items()
            )
            high = sum(
                sizes[variable, v] * (1.0 if other.lower > allowed.lower else 0.5)
                for v, other in of_level.items()
            )
            time = Duration(Decimal(str(round(allowed.upper * DAYS_PER_MONTH))), "day")
            estimand = Estimand("survival", endpoint, time)
            margin = 0.03 * (high - low)
            found.append(
                Target(estimand, Range(low + margin, high - margin), None, None, (), False)
            )
    return found


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
        if e.statistic == "median":
            for allowed in (target.value, target.lower, target.upper):
                if allowed is not None and np.isfinite(allowed.upper):
                    pins.append(Pin(_days(allowed), True, groups))
        elif e.statistic in ("followup_minimum", "followup_maximum"):
            pins.append(Pin(_days(target.value), status, groups))
        elif e.statistic == "followup_median":
            pins += [Pin(_days(target.value), status, groups)] * 2
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
    steps: int = STEPS,
    starts: int = STARTS,
) -> History:
    """Histories of one endpoint in `members` datasets.

    `sharing` names another endpoint and says how many (M,) of its events are this one's, too.

    `deaths` (M,) is the number of events where printed counts fix it; else it is drawn uniformly
    and free to move. A search that gets stuck is started anew, `starts` times at most; `loss` says
    how far each history is from its targets in the end.
    """
    found = _search(
        endpoint, targets, protocol, others, deaths, sharing, members, patients, rng, steps
    )
    for _ in range(starts - 1):
        rows = np.flatnonzero(found.loss > 0)
        if not rows.size:
            break
        again = _search(
            endpoint,
            targets,
            protocol,
            {name: other.take(rows) for name, other in others.items()},
            None if deaths is None else deaths[rows],
            None if sharing is None else (sharing[0], sharing[1][rows]),
            len(rows),
            patients,
            rng,
            steps,
        )
        better = again.loss < found.loss[rows]
        for name in ("days", "event", "pins", "loss", "shared"):
            getattr(found, name)[rows[better]] = getattr(again, name)[better]
    return found


def _search(
    endpoint: str,
    targets: list[Target],
    protocol: Protocol,
    others: dict[str, History],
    deaths: np.ndarray | None,
    sharing: tuple[str, np.ndarray] | None,
    members: int,
    patients: int,
    rng: np.random.Generator,
    steps: int,
) -> History:
    """One start of `build`."""
    own = whole_cohort(targets, endpoint)
    own = own + implied(targets, endpoint, protocol, patients)
    pinned = pins_of(targets, endpoint)
    bound = relations(endpoint, tuple(others), protocol)
    shape = (members, patients)
    longest = _longest(endpoint, targets, protocol)
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
    floor = _floor(own, endpoint)
    shared = _choose_shared(sharing, others, shape, rng)
    must_event |= shared
    days = _first_times(own, longest, ceiling, floor, rng)
    event, pins = _first_events(days, pinned, must_event, shared, ceiling, others, deaths, rng)
    low, high = np.array([p.days for p in pinned] or [(1, 1)]).T
    if sharing is not None:  # their time is the other's, whatever happens
        tied = np.where(shared, others[sharing[0]].days, tied)
    place = pins >= 0
    days = np.where(place, rng.integers(low[pins], high[pins] + 1), days)
    state = {
        "days": _settle(days, event, tied, shared, ceiling, floor),
        "event": event,
        "ceiling": ceiling,
        "must": must_event,
        "tied": tied,
        "shared": shared,
        "pins": pins,
    }
    free = deaths is None
    grid = _grid(own, longest)
    means = [t for t in own if t.estimand.statistic == "followup_mean" and not t.claim]

    def propose(state: State, copies: int, rng: np.random.Generator) -> State:
        state = repeat(state, copies)
        days, event = state["days"].copy(), state["event"].copy()
        rows = np.arange(len(days))
        who, other = rng.integers(0, patients, (2, len(days)))
        move = rng.random(len(days))
        open_time, open_other = state["pins"][rows, who] < 0, state["pins"][rows, other] < 0
        # A new time for one patient: anywhere, between landmarks, or nearby.
        resample = open_time & (move < 0.6)
        cell = rng.integers(0, len(grid) - 1, len(days))
        anywhere = grid[cell] + rng.random(len(days)) * (grid[cell + 1] - grid[cell])
        nearby = days[rows, who] + rng.normal(size=len(days)) * longest * 10.0 ** rng.uniform(
            -4, -0.7, len(days)
        )
        new = np.where(rng.random(len(days)) < 0.5, anywhere, nearby)
        days[rows[resample], who[resample]] = np.rint(new[resample]).astype(np.int64)
        # One patient makes up for what a mean is off.
        if means:
            target = means[rng.integers(len(means))]
            status = next((c.level == "event" for c in target.estimand.where), None)
            part = np.ones_like(event) if status is None else event == status
            middle = (target.value.lower + target.value.upper) / 2 * DAYS_PER_MONTH
            off = part.sum(axis=1) * middle - np.where(part, days, 0).sum(axis=1)
            mend = open_time & (move >= 0.6) & (move < 0.7) & part[rows, who]
            days[rows[mend], who[mend]] += np.rint(off[mend]).astype(np.int64)
        # Two patients change places in time.
        trade = open_time & open_other & (move >= 0.7) & (move < 0.8)
        a, b, r = who[trade], other[trade], rows[trade]
        days[r, a], days[r, b] = days[r, b].copy(), days[r, a].copy()
        # An event becomes a censoring, and where their number is fixed, another the reverse.
        fixed = _fixed_event(state["pins"], pinned)
        flip = (move >= 0.8) & ~fixed[rows, who] & ~(state["must"][rows, who] & event[rows, who])
        if free:
            r, a = rows[flip], who[flip]
            event[r, a] = ~event[r, a]
        else:
            flip &= ~fixed[rows, other] & ~(state["must"][rows, other] & event[rows, other])
            flip &= event[rows, who] != event[rows, other]
            r, a, b = rows[flip], who[flip], other[flip]
            event[r, a], event[r, b] = event[r, b].copy(), event[r, a].copy()
        days = _settle(
            days, event, state["tied"], state["shared"], state["ceiling"], floor, state["pins"] >= 0
        )
        return {**state, "days": days, "event": event}

    def loss(state: State) -> np.ndarray:
        return _loss(state, endpoint, own, protocol, patients)

    final = descend(
        state,
        propose,
        loss,
        rng,
        steps=steps,
        patients=patients,
        patience=PATIENCE,
        near_patience=PATIENCE,
    )
    if not free or own:
        wander(state, propose, loss, rng, steps=MIXING)
    return History(state["days"], state["event"], state["pins"], tuple(pinned), final, shared, own)


def _longest(endpoint: str, targets: list[Target], protocol: Protocol) -> int:
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


def _floor(own: list[Target], endpoint: str) -> int:
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
    must_event: np.ndarray,
    shared: np.ndarray,
    ceiling: np.ndarray,
    others: dict[str, History],
    deaths: np.ndarray | None,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Event flags and pins (M, n): pins go to patients without one who can live that long."""
    members, patients = days.shape
    event = must_event.copy()
    pins = np.full((members, patients), -1)
    for m in range(members):
        taken = shared[m].copy()
        for other in others.values():
            taken |= other.pins[m] >= 0
        wanted = int(deaths[m]) if deaths is not None else int(rng.integers(0, patients + 1))
        for k in np.argsort([-p.days[0] for p in pinned], kind="stable"):
            pin = pinned[k]
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


def _settle(
    days: np.ndarray,
    event: np.ndarray,
    tied: np.ndarray,
    shared: np.ndarray,
    ceiling: np.ndarray,
    floor: int,
    pinned: np.ndarray | None = None,
) -> np.ndarray:
    """Times brought into what the relations allow; pinned times stay."""
    settled = np.clip(days, np.minimum(floor, ceiling), ceiling)
    settled = np.where((tied >= 0) & (~event | shared), tied, settled)
    return settled if pinned is None else np.where(pinned, days, settled)


# --- loss ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Sorted:
    """Times (M, n) in order, events before censorings of the same day, with the Kaplan-Meier curve
    and Greenwood's sum after each. Taking tied deaths one by one gives the same products."""

    days: np.ndarray
    event: np.ndarray
    survival: np.ndarray
    greenwood: np.ndarray

    @classmethod
    def of(cls, days: np.ndarray, event: np.ndarray) -> Sorted:
        key = np.sort(days * 2 + ~event, axis=1)
        happened = key % 2 == 0
        at_risk = np.arange(days.shape[1], 0, -1)
        with np.errstate(divide="ignore"):
            factor, term = 1 - 1 / at_risk, 1 / (at_risk * (at_risk - 1.0))
        return cls(
            key // 2,
            happened,
            np.where(happened, factor, 1.0).cumprod(axis=1),
            np.where(happened, term, 0.0).cumsum(axis=1),
        )

    def at(self, days: float) -> tuple[np.ndarray, np.ndarray]:
        """Survival and the standard error of its logarithm (M,) after a time."""
        position = (self.days <= days).sum(axis=1) - 1
        rows, started = np.arange(len(self.days)), position >= 0
        position = np.maximum(position, 0)
        survival = np.where(started, self.survival[rows, position], 1.0)
        error = np.where(started, np.sqrt(self.greenwood[rows, position]), 0.0)
        last = self.days[:, -1]
        return np.where((days > last) & (survival > 0), np.nan, survival), error

    def follow_up(self, statistic: str, who: np.ndarray | None) -> np.ndarray:
        """A summary (M,) of the times of `who`, given in the order of `days`."""
        days = self.days
        if who is None:
            who = np.ones(days.shape, dtype=bool)
        count = who.sum(axis=1)
        rows = np.arange(len(days))
        if statistic == "followup_mean":
            with np.errstate(divide="ignore", invalid="ignore"):
                return np.where(who, days, 0).sum(axis=1) / count / DAYS_PER_MONTH
        rank = who.cumsum(axis=1)

        def ranked(k: np.ndarray) -> np.ndarray:
            return days[rows, (rank >= k[:, None]).argmax(axis=1)] / DAYS_PER_MONTH

        if statistic == "followup_minimum":
            found = ranked(np.ones_like(count))
        elif statistic == "followup_maximum":
            found = ranked(count)
        else:
            found = (ranked((count + 1) // 2) + ranked(count // 2 + 1)) / 2
        return np.where(count > 0, found, np.nan)


def _loss(
    state: State, endpoint: str, own: list[Target], protocol: Protocol, patients: int
) -> np.ndarray:
    days, event = state["days"], state["event"]
    curve = Sorted.of(days, event)
    total = np.zeros(len(days))
    for target in own:
        e = target.estimand
        if e.statistic == "median":
            total += crossing_gap(target, curve, protocol)
            continue
        if e.statistic == "survival" and not e.where:
            survival, error = curve.at(e.time * DAYS_PER_MONTH)
            total += gap(survival, target.value, e, patients)
            if target.lower is not None or target.upper is not None:
                bounds = _limits(survival, error, protocol)
                for allowed, bound in zip((target.lower, target.upper), bounds, strict=True):
                    if allowed is not None:
                        total += gap(bound, allowed, e, patients)
        elif e.statistic == "crude_rate" and not e.where:
            beyond = (days > e.time * DAYS_PER_MONTH).mean(axis=1)
            total += gap(beyond, target.value, e, patients)
        elif e.statistic == "followed_rate" and not e.where:
            limit = e.time * DAYS_PER_MONTH
            failed = (event & (days <= limit)).sum(axis=1)
            free = ((days > limit) | (~event & (days == limit))).sum(axis=1)
            with np.errstate(invalid="ignore"):
                total += gap(free / (free + failed), target.value, e, patients)
        elif e.statistic.startswith("followup_"):
            status = next((c.level == "event" for c in e.where), None)
            who = None if status is None else curve.event == status
            total += gap(curve.follow_up(e.statistic, who), target.value, e, patients)
        else:
            ensemble = Ensemble(protocol, {}, {}, {endpoint: months(days)}, {endpoint: event})
            total += distance(target, target.evaluate(ensemble), patients)
    # A censored patient tied to another endpoint, or a pin beyond its ceiling, cannot stay so.
    broken = (state["tied"] >= 0) & (~event | state["shared"]) & (days != state["tied"])
    return total + 0.5 * (broken | (days > state["ceiling"])).sum(axis=1)


def _limits(
    survival: np.ndarray, error: np.ndarray, protocol: Protocol
) -> tuple[np.ndarray, np.ndarray]:
    conventions = protocol.conventions
    return limits(survival, error, conventions.survival_interval, conventions.level)


# S is a product of fractions and may miss one half by the last bits.
_HALF = 1e-9


def crossing_gap(target: Target, curve: Sorted, protocol: Protocol) -> np.ndarray:
    """How far the curve and its limits are from crossing one half where the figures say (M,).

    The distance between printed and found median jumps from event to event; the height of the
    curve on both sides of the printed time falls and rises smoothly as patients move past it.
    """
    total = np.zeros(len(curve.days))
    for side, allowed in enumerate((target.value, target.lower, target.upper)):
        if allowed is None:
            continue
        for bound, sign in ((allowed.lower, 1), (allowed.upper, -1)):
            if not np.isfinite(bound):
                continue
            # Just before the earliest time that prints so, and at the latest.
            survival, error = curve.at(bound * DAYS_PER_MONTH - sign * 1e-6)
            height = survival if side == 0 else _limits(survival, error, protocol)[side - 1]
            height = np.nan_to_num(height, nan=0.0)
            total += crossing(height, sign)
    return total


def crossing(height: np.ndarray, sign: int) -> np.ndarray:
    """How far a curve is from being above (1) or below (-1) one half."""
    return np.where(sign * (height - 0.5) > _HALF, 0.0, np.abs(height - 0.5) + 1e-4)
