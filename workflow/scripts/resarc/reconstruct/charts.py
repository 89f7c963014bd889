"""One patient's chart: a value for every source variable that agrees with what is known of them.

The inverse of cleaning and derivation. What is known (levels, numbers, derived variables, observed
times and events, conditions that hold or fail) narrows what each source variable may still be;
what stays open is drawn. Free choices, the same for every study:

* a variable that nothing asks for stays missing, if it may be missing; else it is uniform;
* an event of a composite endpoint is the first of the endpoint's dates, unless the same day ends
  another endpoint by a date that both share;
* dates that are tied to nothing lie within 90 days of the first endpoint's origin;
* who has had the event of every endpoint is followed until the last of the events.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from resarc.conditions import describe, value_contradicts, value_meets
from resarc.estimand import DAYS_PER_MONTH
from resarc.protocol import Condition, Derived, Endpoint, Protocol, Rule, Variable
from resarc.reconstruct.dates import Calendar

Value = str | float | None

_WHOLE = 1e-3
"""Days by which a time may miss a whole day and still be one."""

_DRAWS = 8
"""Numbers to try before a rule is taken to be impossible."""


@dataclass(frozen=True)
class _Wishes:
    """What a chart should have and can do without: rules of action `flag` kept, and no event after
    the last contact."""

    flags: bool
    contact: bool


_WISHES = tuple(
    _Wishes(*both) for both in ((True, True), (False, True), (True, False), (False, False))
)


class ImpossibleError(Exception):
    """No chart agrees with what is known; the text says why."""


@dataclass(frozen=True)
class Known:
    """What a patient's chart must agree with.

    * `values`: canonical values of source and derived variables, None or NaN for missing;
    * `follow_up`: for an endpoint its months and whether the event happened, None if the chart
      must leave the endpoint unknown; an endpoint that is not named is free;
    * `holds` and `fails`: conditions that the patient meets, and does not meet.
    """

    values: Mapping[str, Value]
    follow_up: Mapping[str, tuple[float, bool] | None]
    holds: tuple[Condition, ...] = ()
    fails: tuple[Condition, ...] = ()


def sources(name: str, protocol: Protocol) -> frozenset[str]:
    """The source variables that a variable is made of; a source variable is its own."""
    item = protocol.variable(name)
    if isinstance(item, Variable):
        return frozenset((name,))
    return frozenset().union(*(sources(part, protocol) for part in _parts(item)))


def draw_chart(known: Known, protocol: Protocol, rng: np.random.Generator) -> dict[str, Value]:
    """A value for every source variable but identifiers and texts.

    Categories are levels, numbers floats, dates days of the calendar (`date.toordinal`), and None
    is missing. Rules of action `flag` are kept, and no event is after the last contact, where that
    is possible. Raises
    `ImpossibleError`.
    """
    try:
        narrowed = _narrowed(known, protocol, rng)
        scenarios = sorted(
            _scenarios(narrowed, protocol), key=lambda dates: _oddness(dates, known, protocol)
        )
        reasons = [_lack(dates, known, protocol) for dates in scenarios]
        scenarios = [dates for dates, lack in zip(scenarios, reasons, strict=True) if not lack]
        reason = "" if scenarios else reasons[0]
        for wishes, present in itertools.product(_WISHES, scenarios):
            try:
                return _fill(narrowed.copy(), present, known, wishes, protocol, rng)
            except ImpossibleError as error:
                reason = reason or str(error)
    except ImpossibleError as error:
        reason = str(error)
    raise ImpossibleError(reason)


def whole_days(months: float) -> int:
    """A time in months as the whole number of days that it is."""
    days = months * DAYS_PER_MONTH
    if abs(days - round(days)) > _WHOLE:
        raise ImpossibleError(f"{months:.10g} months are {days:.6g} days, not a whole number")
    return round(days)


# -- what a variable may still be ------------------------------------------------------------


@dataclass(frozen=True)
class _Span:
    """A number between two bounds, both included, or missing."""

    low: float = -np.inf
    high: float = np.inf
    missing: bool = True
    given: bool = True

    def within(self, low: float, high: float) -> _Span:
        low, high = max(low, self.low), min(high, self.high)
        return replace(self, low=low, high=high, missing=False, given=self.given and low <= high)

    @property
    def only_missing(self) -> _Span:
        return replace(self, given=False)

    @property
    def possible(self) -> bool:
        return self.missing or (self.given and self.low <= self.high)


@dataclass
class _Open:
    """What every variable of one patient may still be."""

    levels: dict[str, list[str | None]]
    spans: dict[str, _Span]
    dates: dict[str, set[bool]]
    """Whether a date may be present, absent, or both."""
    gaps: list[tuple[str, str, float, float]] = field(default_factory=list)
    """Bounds on differences of dates in days, if both are present."""

    def copy(self) -> _Open:
        return _Open(
            {name: list(some) for name, some in self.levels.items()},
            dict(self.spans),
            {name: set(some) for name, some in self.dates.items()},
            list(self.gaps),
        )

    def keep_levels(self, name: str, kept: list[str | None], why: str) -> None:
        self.levels[name] = [level for level in self.levels[name] if level in kept]
        if not self.levels[name]:
            raise ImpossibleError(why)

    def set_span(self, name: str, span: _Span, why: str) -> None:
        if not span.possible:
            raise ImpossibleError(why)
        self.spans[name] = span

    def set_present(self, name: str, present: bool, why: str) -> None:
        self.dates[name] &= {present}
        if not self.dates[name]:
            raise ImpossibleError(why)


def _parts(item: Derived) -> tuple[str, ...]:
    return item.months_between or (item.cut or item.collapse,)


def _missing(value: Value) -> bool:
    return value is None or value != value


def _start(protocol: Protocol) -> _Open:
    """Everything that the protocol allows."""
    levels, spans, dates = {}, {}, {}
    for v in protocol.variables:
        if v.type == "category":
            levels[v.name] = [level for level, codes in v.categories.items() if codes]
            levels[v.name] += [] if v.required else [None]
        elif v.type in ("number", "integer"):
            low = -np.inf if v.minimum is None else float(v.minimum)
            high = np.inf if v.maximum is None else float(v.maximum)
            spans[v.name] = _Span(low, high, not v.required)
        elif v.type == "date":
            dates[v.name] = {True} if v.required else {True, False}
    for item in protocol.derived:
        if item.is_category:
            levels[item.name] = [*item.ordered_levels, None]
        else:
            spans[item.name] = _Span()
    return _Open(levels, spans, dates)


def _narrowed(known: Known, protocol: Protocol, rng: np.random.Generator) -> _Open:
    """What is left by values, conditions, endpoints and derivations."""
    left = _start(protocol)
    for name, value in known.values.items():
        _set_value(left, name, value, protocol)
    for condition in known.holds:
        _restrict(left, condition, True, protocol, rng)
    for condition in known.fails:
        _restrict(left, condition, False, protocol, rng)
    for endpoint in protocol.endpoints:
        if endpoint.name in known.follow_up:
            if endpoint.time:
                _set_status(left, endpoint, known.follow_up[endpoint.name], protocol, rng)
            else:
                _set_presence(left, endpoint, known, protocol, rng)
    start = _start(protocol)
    for item in reversed(protocol.derived):
        _undo(left, start, item, known, rng)
    return left


def _set_value(left: _Open, name: str, value: Value, protocol: Protocol) -> None:
    why = f"{name} cannot be {'missing' if _missing(value) else value}"
    if name in left.levels:
        left.keep_levels(name, [None if _missing(value) else value], why)
    elif name in left.spans:
        span = left.spans[name]
        span = span.only_missing if _missing(value) else span.within(value, value)
        left.set_span(name, span, why)
    else:
        left.set_present(name, not _missing(value), why)
        if not _missing(value):
            left.gaps.append((protocol.time_zero, name, round(value), round(value)))


def _restrict(
    left: _Open, condition: Condition, holds: bool, protocol: Protocol, rng: np.random.Generator
) -> None:
    """Narrow by a condition that must hold, or fail; a value that is given is preferred."""
    name = condition.variable
    why = f"{describe(condition)} cannot {'hold' if holds else 'fail'}"
    if name in left.levels:
        kept = [level for level in left.levels[name] if value_meets(level, condition) is holds]
        left.keep_levels(name, [level for level in kept if level is not None] or kept, why)
        return
    if name in left.spans:
        options = [
            span for span in _alternatives(left.spans[name], condition, holds) if span.possible
        ]
        given = [span for span in options if span.given] or options
        if not given:
            raise ImpossibleError(why)
        left.spans[name] = given[rng.integers(len(given))]
        return
    days = [s for s in _alternatives(_Span(), condition, holds) if s.possible and s.given]
    bounded = condition.model_fields_set > {"variable", "present"} or condition.present is None
    if days and (True in left.dates[name]) and (holds or bounded):
        span = days[rng.integers(len(days))]
        left.set_present(name, True, why)
        if bounded:
            left.set_present(protocol.time_zero, True, why)
            left.gaps.append((protocol.time_zero, name, np.ceil(span.low), np.floor(span.high)))
    else:
        left.set_present(name, not holds and condition.present is False, why)


def _alternatives(span: _Span, condition: Condition, holds: bool) -> Iterator[_Span]:
    """The parts of a span in which a condition on a number holds, or fails."""
    bounds = [
        (condition.above, np.inf, 1),
        (condition.at_least, np.inf, 0),
        (condition.below, -np.inf, -1),
        (condition.at_most, -np.inf, 0),
    ]
    if holds and condition.present is False:
        yield span.only_missing
        return
    if holds:
        low = max([_beyond(b, s, e) for b, e, s in bounds[:2] if b is not None], default=-np.inf)
        high = min([_beyond(b, s, e) for b, e, s in bounds[2:] if b is not None], default=np.inf)
        part = span.within(low, high)
        if condition.one_of is None:
            yield part
        for level in condition.one_of or ():
            yield part.within(float(level), float(level))
        return
    if condition.present is not False and span.missing:
        yield span.only_missing
    if condition.present is False:
        yield replace(span, missing=False)
    for level in condition.none_of or ():
        yield span.within(float(level), float(level))
    for bound, end, step in bounds:
        if bound is not None:
            # The complement of "above 5" is "at most 5", and of "at least 5" it is "below 5".
            edge = bound if step else np.nextafter(bound, -end)
            yield span.within(-np.inf, edge) if end > 0 else span.within(edge, np.inf)


def _beyond(bound: float, step: int, end: float) -> float:
    return np.nextafter(bound, end) if step else bound


def _set_status(
    left: _Open,
    endpoint: Endpoint,
    follow_up: tuple[float, bool] | None,
    protocol: Protocol,
    rng: np.random.Generator,
) -> None:
    """Narrow the time and the status of an endpoint that is read from such columns."""
    if follow_up is None:
        asked = [c.variable for c in endpoint.happened if c.variable in left.levels]
        status = next((name for name in asked if None in left.levels[name]), None)
        if left.spans[endpoint.time].missing:
            left.spans[endpoint.time] = left.spans[endpoint.time].only_missing
        elif status:
            left.levels[status] = [None]
        else:
            raise ImpossibleError(f"{endpoint.name} is unknown, but its time and status are given")
        return
    months, event = follow_up
    _set_value(left, endpoint.time, months, protocol)
    if event:
        for condition in endpoint.happened:
            _restrict(left, condition, True, protocol, rng)
        return
    for condition in endpoint.happened:
        if condition.present is None and condition.variable in left.levels:
            known = [level for level in left.levels[condition.variable] if level is not None]
            left.keep_levels(
                condition.variable, known, f"{condition.variable} must be given for {endpoint.name}"
            )
    _fail_one(left, endpoint.happened, f"{endpoint.name} is censored", protocol, rng)


def _fail_one(
    left: _Open,
    conditions: tuple[Condition, ...],
    what: str,
    protocol: Protocol,
    rng: np.random.Generator,
) -> None:
    """Narrow so that one of the conditions fails, if not one of them must fail already."""
    for condition in conditions:
        try:
            _restrict(left.copy(), condition, True, protocol, rng)
        except ImpossibleError:
            return
    for condition in conditions:
        try:
            _restrict(left, condition, False, protocol, rng)
        except ImpossibleError:
            continue
        return
    raise ImpossibleError(f"{what}, but {' and '.join(map(describe, conditions))} must hold")


def _set_presence(
    left: _Open, endpoint: Endpoint, known: Known, protocol: Protocol, rng: np.random.Generator
) -> None:
    """Narrow which dates of an endpoint are present; the events wait for a scenario."""
    name, follow_up = endpoint.name, known.follow_up[endpoint.name]
    if follow_up is not None:
        whole_days(follow_up[0])
        left.set_present(endpoint.origin, True, f"{endpoint.origin} must be given for {name}")
        if follow_up[1]:
            for condition in endpoint.only_if:
                _restrict(left, condition, True, protocol, rng)
        elif not endpoint.only_if:
            for event in endpoint.events:
                left.set_present(event, False, f"{name} is censored, but {event} must be given")
            left.set_present(
                endpoint.censored_at, True, f"{endpoint.censored_at} must be given for {name}"
            )
        return
    needed = {e.origin for e in protocol.endpoints if known.follow_up.get(e.name)}
    if endpoint.origin not in needed and False in left.dates[endpoint.origin]:
        left.set_present(endpoint.origin, False, "")
        return
    for date in (*endpoint.events, endpoint.censored_at):
        left.set_present(date, False, f"{name} is unknown, but {date} must be given")


def _undo(left: _Open, start: _Open, item: Derived, known: Known, rng: np.random.Generator) -> None:
    """Narrow the sources of a derived variable by what the variable may still be."""
    if item.months_between:
        span = left.spans[item.name]
        if span == start.spans[item.name]:
            return
        first, second = item.months_between
        if not span.given:
            absent = next((d for d in (second, first) if False in left.dates[d]), None)
            if absent is None:
                raise ImpossibleError(f"{item.name} cannot be missing")
            left.set_present(absent, False, "")
        elif not span.missing:
            for date in (first, second):
                left.set_present(date, True, f"{date} must be given for {item.name}")
            if span.low == span.high:
                low = high = whole_days(span.low)
            else:
                low = np.ceil(span.low * DAYS_PER_MONTH)
                high = np.floor(min(span.high, 1e6) * DAYS_PER_MONTH)
            left.gaps.append((first, second, low, high))
        return
    allowed = left.levels[item.name]
    (source,) = _parts(item)
    if len(allowed) == len(start.levels[item.name]):
        return
    if item.collapse:
        group_of = {level: name for name, some in item.groups.items() for level in some}
        kept = [level for level in left.levels[source] if group_of.get(level) in allowed]
        left.keep_levels(
            source,
            [level for level in kept if level is not None] or kept,
            f"{source} has no level for {item.name}",
        )
        return
    span = left.spans[source]
    if span.low == span.high and span.given and not span.missing and source in known.values:
        return
    edges = (-np.inf, *item.at, np.inf)
    parts = [
        span.within(low, np.nextafter(high, -np.inf))
        for low, high, level in zip(edges, edges[1:], item.levels, strict=False)
        if level in allowed
    ]
    parts = [part for part in parts if part.possible]
    if not parts and None in allowed and span.missing:
        parts = [span.only_missing]
    if not parts:
        raise ImpossibleError(f"{source} has no value for {item.name} {allowed[0]}")
    left.spans[source] = parts[rng.integers(len(parts))]


# -- choosing --------------------------------------------------------------------------------


def _scenarios(left: _Open, protocol: Protocol) -> list[frozenset[str]]:
    """Which dates are given, in all ways that are worth a try.

    Open are the events of endpoints and the dates that rules speak of. Origins, dates of censoring
    and time zero are given wherever they may be, unless a rule speaks of them; other dates are not
    given unless they must be.
    """
    ruled = {c.variable for rule in protocol.rules for c in (*rule.when, *rule.then)}
    events = {date for endpoint in protocol.endpoints for date in endpoint.events}
    ends = {protocol.time_zero} | {
        date for e in protocol.endpoints for date in (e.origin, e.censored_at)
    }
    both = [name for name, may in left.dates.items() if len(may) == 2]
    optional = [name for name in both if name in ruled or (name in events and name not in ends)]
    always = {name for name, may in left.dates.items() if may == {True}}
    always |= {name for name in both if name in ends and name not in optional}
    return [
        frozenset(always | set(some))
        for size in range(len(optional) + 1)
        for some in itertools.combinations(optional, size)
    ]


def _lack(present: frozenset[str], known: Known, protocol: Protocol) -> str:
    """Which date an observed endpoint needs and does not have, in words; empty if none."""
    for endpoint in protocol.endpoints:
        follow_up = known.follow_up.get(endpoint.name)
        if endpoint.time or follow_up is None or any(date in present for date in endpoint.events):
            continue
        if follow_up[1]:
            return f"{endpoint.name} has an event, but {' or '.join(endpoint.events)} must be empty"
        if endpoint.censored_at not in present:
            return f"{endpoint.name} is censored, but {endpoint.censored_at} must be empty"
    return ""


def _oddness(present: frozenset[str], known: Known, protocol: Protocol) -> tuple[int, ...]:
    """How far a choice of given dates is from the most natural one; see the head of this file."""
    dated = [e for e in protocol.endpoints if e.origin]
    ends = {protocol.time_zero} | {date for e in dated for date in (e.origin, e.censored_at)}
    firsts = _first_events(dated, present, known)[0]
    return _cost(firsts, dated, known), len(ends - present), len(present - ends)


def _fill(
    left: _Open,
    present: frozenset[str],
    known: Known,
    wishes: _Wishes,
    protocol: Protocol,
    rng: np.random.Generator,
) -> dict[str, Value]:
    """A whole chart in which exactly the dates of `present` are given."""
    for endpoint in protocol.endpoints:
        follow_up = known.follow_up.get(endpoint.name)
        if endpoint.time or follow_up is None:
            continue
        if not follow_up[1] and any(date in present for date in endpoint.events):
            _fail_one(left, endpoint.only_if, f"{endpoint.name} is censored", protocol, rng)
    for item in reversed(protocol.derived):
        _undo(left, _start(protocol), item, known, rng)
    values = _choose_values(left, present, wishes, protocol, rng)
    return values | _choose_dates(left, present, known, wishes, protocol, rng)


def _choose_values(
    left: _Open,
    present: frozenset[str],
    wishes: _Wishes,
    protocol: Protocol,
    rng: np.random.Generator,
) -> dict[str, Value]:
    """Levels and numbers of the source variables that obey the rules (depth first)."""
    rules = [r for r in protocol.rules if r.then and (wishes.flags or r.action == "reject")]
    chosen: dict[str, Value] = {date: 0.0 if date in present else None for date in left.dates}
    parts_of = [
        frozenset().union(*(sources(c.variable, protocol) for c in (*rule.when, *rule.then)))
        for rule in rules
    ]
    in_rules = frozenset().union(*parts_of)
    free = [v for v in protocol.variables if v.name in left.levels or v.name in left.spans]
    ruled = [v for v in free if v.name in in_rules]
    place = {v.name: position for position, v in enumerate(ruled, start=1)}
    due: list[list[Rule]] = [[] for _ in range(len(ruled) + 1)]
    for rule, parts in zip(rules, parts_of, strict=True):
        due[max(place.get(name, 0) for name in parts)].append(rule)

    def go(position: int) -> Rule | None:
        """The rule in the way, or None once every variable that rules speak of has a value."""
        broken = next((r for r in due[position] if _breaks(chosen, r, protocol)), None)
        if broken or position == len(ruled):
            return broken
        v = ruled[position]
        for value in _candidates(left, v, protocol, rng):
            chosen[v.name] = value
            broken = go(position + 1)
            if broken is None:
                return None
        return broken

    broken = go(0)
    if broken:
        raise ImpossibleError(f"rule {broken.id!r} cannot hold: {broken.why}")
    for v in free:
        if v.name not in place:
            chosen[v.name] = next(_candidates(left, v, protocol, rng))
    return {v.name: chosen[v.name] for v in free}


def _candidates(
    left: _Open, v: Variable, protocol: Protocol, rng: np.random.Generator
) -> Iterator[Value]:
    """Values to try, missing first."""
    if v.name in left.levels:
        some = left.levels[v.name]
        order = rng.permutation(len(some))
        yield from sorted((some[i] for i in order), key=lambda level: level is not None)
        return
    span = left.spans[v.name]
    if span.missing:
        yield None
    if span.given and span.low == span.high:
        yield span.low
    elif span.given:
        for _ in range(_DRAWS):
            yield _draw_number(span, v, protocol, rng)


def _draw_number(span: _Span, v: Variable, protocol: Protocol, rng: np.random.Generator) -> float:
    """A uniform number of a span, in multiples of the variable's step where one lies in it."""
    choices = protocol.reconstruction
    low, high = span.low, span.high
    step = 1.0 if v.type == "integer" else 0.1
    if choices:
        least, most = choices.ranges.get(v.name, (-np.inf, np.inf))
        if max(low, least) <= min(high, most):
            low, high = max(low, least), min(high, most)
        step = choices.steps.get(v.name, step)
    if not np.isfinite([low, high]).all():
        raise ImpossibleError(
            f"{v.name} has no range to draw from; give it one in 'reconstruction.ranges'"
        )
    first, last = int(np.ceil(low / step - 1e-9)), int(np.floor(high / step + 1e-9))
    first += round(first * step, 10) < low
    last -= round(last * step, 10) > high
    if first > last:
        if v.type == "integer":
            raise ImpossibleError(f"{v.name} has no whole number between {low:g} and {high:g}")
        return float(rng.uniform(low, high))
    return round(float(rng.integers(first, last + 1)) * step, 10)


def _breaks(chosen: dict[str, Value], rule: Rule, protocol: Protocol) -> bool:
    """Whether the values chosen break a rule; what they do not tell is left to the data."""
    when = [(_value(chosen, c.variable, protocol), c) for c in rule.when]
    then = [(_value(chosen, c.variable, protocol), c) for c in rule.then]
    if any(_unsaid(c, protocol) for _, c in (*when, *then)):
        return False
    return all(value_meets(value, c) for value, c in when) and any(
        value_contradicts(value, c) for value, c in then
    )


def _unsaid(condition: Condition, protocol: Protocol) -> bool:
    """Whether a condition needs the days themselves."""
    item = protocol.variable(condition.variable)
    if isinstance(item, Derived):
        return any(protocol.kind(name) == "date" for name in sources(item.name, protocol))
    return item.type == "date" and not condition.model_fields_set <= {"variable", "present"}


def _value(chosen: dict[str, Value], name: str, protocol: Protocol) -> Value:
    if name in chosen:
        return chosen[name]
    item = protocol.variable(name)
    if isinstance(item, Variable) or item.months_between:
        return None
    value = _value(chosen, _parts(item)[0], protocol)
    if _missing(value):
        return None
    if item.cut:
        return item.levels[int(np.digitize(value, item.at))]
    return next((group for group, some in item.groups.items() if value in some), None)


def _choose_dates(
    left: _Open,
    present: frozenset[str],
    known: Known,
    wishes: _Wishes,
    protocol: Protocol,
    rng: np.random.Generator,
) -> dict[str, Value]:
    names = [name for name in left.dates if name in present]
    absent = dict.fromkeys(name for name in left.dates if name not in present)
    if not names:
        return absent
    dated = [e for e in protocol.endpoints if e.origin]
    anchor = next((e.origin for e in dated), protocol.time_zero)
    ends = [e.censored_at for e in dated]
    for firsts in _first_events(dated, present, known):
        calendar = Calendar(names)
        _bound_by_protocol(calendar, anchor, wishes, protocol)
        for first, second, low, high in left.gaps:
            calendar.bound(first, second, low, high)
        for endpoint in dated:
            _bound_by_endpoint(calendar, endpoint, firsts.get(endpoint.name), known, wishes)
        if calendar.tighten():
            return absent | calendar.draw(anchor, ends, rng)
    raise ImpossibleError(
        "no dates agree with the times, the order of dates and the period of the study"
    )


def _first_events(
    dated: list[Endpoint], present: frozenset[str], known: Known
) -> list[dict[str, str | None]]:
    """For each endpoint the date that ends it, in all ways, the most natural first."""
    observed = [e for e in dated if known.follow_up.get(e.name)]
    options = [[date for date in e.events if date in present] or [None] for e in observed]
    ways = [
        dict(zip([e.name for e in observed], way, strict=True))
        for way in itertools.product(*options)
    ]
    return sorted(ways, key=lambda way: _cost(way, dated, known))


def _cost(way: dict[str, str | None], dated: list[Endpoint], known: Known) -> int:
    observed = [e for e in dated if e.name in way]
    return sum(
        0 if _is_shared(e, date, observed, known) else e.events.index(date) + 1
        for e in observed
        if (date := way[e.name])
    )


def _is_shared(endpoint: Endpoint, date: str, observed: list[Endpoint], known: Known) -> bool:
    """Whether the date ends another endpoint of the same origin at the same time."""
    return any(
        other.name != endpoint.name
        and other.origin == endpoint.origin
        and date in other.events
        and known.follow_up[other.name] == known.follow_up[endpoint.name]
        for other in observed
    )


def _bound_by_protocol(
    calendar: Calendar, anchor: str | None, wishes: _Wishes, protocol: Protocol
) -> None:
    choices = protocol.reconstruction
    for v in protocol.variables:
        if v.type == "date":
            low = -np.inf if v.minimum is None else v.minimum.toordinal()
            high = np.inf if v.maximum is None else v.maximum.toordinal()
            for latest in (choices and choices.last_contact, protocol.source.exported):
                high = min(high, latest.toordinal()) if latest else high
            calendar.bound("", v.name, low, high)
    if choices and anchor:
        calendar.bound("", anchor, *(day.toordinal() for day in choices.period))
    for rule in protocol.rules:
        if wishes.flags or rule.action == "reject":
            for first, second in itertools.combinations(rule.order, 2):
                calendar.bound(first, second, 0)


def _bound_by_endpoint(
    calendar: Calendar, endpoint: Endpoint, first: str | None, known: Known, wishes: _Wishes
) -> None:
    for date in (*endpoint.events, endpoint.censored_at):
        calendar.bound(endpoint.origin, date, 0)
    if wishes.contact:
        for date in endpoint.events:
            calendar.bound(date, endpoint.censored_at, 0)
    follow_up = known.follow_up.get(endpoint.name)
    if follow_up is None:
        return
    days = whole_days(follow_up[0])
    calendar.bound(endpoint.origin, first or endpoint.censored_at, days, days)
    for date in endpoint.events:
        calendar.bound(endpoint.origin, date, days)
