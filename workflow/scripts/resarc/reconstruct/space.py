"""The datasets that hold all targets, as the arrays that searches of whole datasets work on.

Members become states and come back; targets, constraints and estimands become what `settling` and
`climb` (of `resarc.identify`) can compute. Statistics that they cannot compute are held by what their
value cannot tell apart (ROC curves), or judged only when a search is over (`unwatched`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from resarc.ensemble import Ensemble
from resarc.estimand import DAYS_PER_MONTH, Condition, Estimand
from resarc.published import Range
from resarc.reconstruct import counts, labels, steps, terms
from resarc.reconstruct.counts import Component
from resarc.reconstruct.courses import HALVES
from resarc.reconstruct.layout import Layout, lay_out, levels_meeting
from resarc.reconstruct.steps import Rules, Space
from resarc.reconstruct.targets import Target
from resarc.reconstruct.terms import Quantities, State, Terms

TERMS = {
    "n": terms.COUNT,
    "events": terms.COUNT,
    "survival": terms.SURVIVAL_TERM,
    "crude_rate": terms.CRUDE_TERM,
    "at_risk": terms.RISK_TERM,
    "median": terms.MEDIAN_TERM,
    "reverse_followup_median": terms.REVERSE_MEDIAN,
    "rmst": terms.RMST,
    "followup_minimum": terms.SHORTEST,
    "followup_maximum": terms.LONGEST,
    "followup_mean": terms.MEAN_TIME,
    "followup_median": terms.MIDDLE_TIME,
    "logrank_p": terms.LOGRANK_TERM,
    "hazard_ratio": terms.LOG_RATIO,
}
"""The statistics that `climb` computes: of an endpoint, or how many patients meet conditions."""

DIFFERENCES = {"rmst_difference": "rmst", "survival_difference": "survival"}
SUMMARIES = ("mean", "sd", "median", "q1", "q3", "minimum", "maximum")

_TIMED = (
    "median",
    "reverse_followup_median",
    "rmst",
    "rmst_difference",
    "followup_minimum",
    "followup_maximum",
    "followup_mean",
    "followup_median",
)
"""Statistics that are lengths of time: days here, months in an estimand."""


@dataclass(frozen=True)
class Feasible:
    """What `climb` needs of a study: `space`, the blocks in the rows of the codes, the endpoints and
    numbers in the rows of days and values; `unwatched` are targets to be judged afterwards."""

    space: Space
    layout: Layout
    parts: tuple[Component, ...]
    blocks: tuple[str, ...]
    endpoints: tuple[str, ...]
    numbers: tuple[str, ...]
    unwatched: tuple[Target, ...]

    def states(self, ensemble: Ensemble) -> list[State]:
        """Each member as a state."""
        codes = np.stack([self._codes(name, ensemble) for name in self.blocks], axis=1)
        days = np.stack([np.rint(ensemble.times[e] * DAYS_PER_MONTH) for e in self.endpoints], 1)
        values = np.zeros((len(codes), len(self.numbers), codes.shape[2]))
        for row, name in enumerate(self.numbers):
            values[:, row] = ensemble.numbers[name]
        return [
            self.state(codes[m].astype(np.int64), days[m].astype(np.int64), values[m])
            for m in range(len(codes))
        ]

    def _codes(self, name: str, ensemble: Ensemble) -> np.ndarray:
        block = self.layout.blocks[name]
        if block.kind == "number":
            return np.searchsorted(np.array(block.edges[1:-1]), ensemble.numbers[name], "right")
        return ensemble.code(name)

    def state(self, codes: np.ndarray, days: np.ndarray, values: np.ndarray) -> State:
        """One dataset, of codes (B, n), days (E, n) and values (V, n)."""
        rows = self.space.event_row
        order = np.argsort(days * 2 + codes[rows], axis=1, kind="stable")
        return State(
            codes,
            days,
            values,
            order,
            np.take_along_axis(days, order, axis=1),
            np.take_along_axis(codes[rows] == 0, order, axis=1),
        )

    def shared(self, endpoint: str, codes: np.ndarray) -> np.ndarray:
        """Who has an event of the endpoint that is another endpoint's, of codes (M, B, n): (M, n)."""
        found = np.zeros((codes.shape[0], codes.shape[2]), dtype=bool)
        for part in self.parts:
            if endpoint in part.same_event:
                hit = np.zeros(part.allowed().shape, dtype=bool)
                hit[tuple(part.cells[part.same_event[endpoint][1]].T)] = True
                rows = [self.blocks.index(name) for name in part.blocks]
                found |= hit[tuple(np.moveaxis(codes[:, rows], 1, 0))]
        return found

    def ensemble(self, states: list[State], like: Ensemble) -> Ensemble:
        """States as members; what they do not hold is as in the first member of `like`."""
        found = like.take(np.zeros(len(states), dtype=int))
        for row, name in enumerate(self.blocks):
            kind = self.layout.blocks[name].kind
            codes = np.stack([state.codes[row] for state in states])
            if kind == "endpoint":
                found.events[name] = codes == 0
            elif kind == "category":
                found.codes[name] = codes
        for row, name in enumerate(self.endpoints):
            found.times[name] = np.stack([state.days[row] for state in states]) / DAYS_PER_MONTH
        for row, name in enumerate(self.numbers):
            found.numbers[name] = np.stack([state.values[row] for state in states])
        sources = {variable.name for variable in like.protocol.variables}
        found.codes = {k: codes for k, codes in found.codes.items() if k in sources}
        return found


def movable(ensemble: Ensemble) -> bool:
    """Whether every value is known; a missing one is no code that could be exchanged."""
    arrays = [*ensemble.codes.values()]
    return (
        bool(ensemble.times)
        and all((codes >= 0).all() for codes in arrays)
        and not any(
            np.isnan(x).any() for x in (*ensemble.numbers.values(), *ensemble.times.values())
        )
    )


def feasible(
    targets: list[Target],
    estimands: list[Estimand],
    ensemble: Ensemble,
    *,
    whole_cohort: bool = False,
) -> tuple[Feasible, Quantities, list[Estimand]]:
    """The space in which all targets hold, and those of the estimands that can be sought in it. With
    `whole_cohort`, only targets about times in the whole cohort are held, and counts."""
    protocol = ensemble.protocol
    speaking = [Target(e, Range(-np.inf, np.inf), None, None, (), False) for e in estimands]
    layout = lay_out(protocol, [*targets, *speaking])
    patients = ensemble.shape[1]
    parts = counts.components(layout, targets, patients)
    endpoints = tuple(protocol.endpoint_names)
    if whole_cohort:
        targets = [t for t in targets if _of_times(t.estimand, endpoints) or counts.is_count(t)]
    # Times as wide as those of the members; whatever else bounds them is a target.
    reach = np.array([[np.min(ensemble.times[e]), np.max(ensemble.times[e])] for e in endpoints])
    reach = np.rint(reach * DAYS_PER_MONTH).astype(np.int64)
    return around(layout, parts, targets, estimands, reach)


def around(
    layout: Layout,
    parts: list[Component],
    targets: list[Target],
    estimands: list[Estimand],
    reach: np.ndarray,
) -> tuple[Feasible, Quantities, list[Estimand]]:
    """`feasible`, of a layout and components that are known; `reach` (E, 2) are the shortest and the
    longest time in days."""
    blocks = tuple(layout.blocks)
    endpoints = tuple(layout.protocol.endpoint_names)
    numbers = tuple(n for n in blocks if layout.blocks[n].kind == "number")
    watched = [t for t in targets if labels.is_compiled(t, layout)]
    watched.sort(key=_effort)
    problem = labels.problem(parts[0], [], watched, list(blocks), layout, list(endpoints))
    build = _Builder(layout, blocks, endpoints, numbers)
    rest = [t for t in targets if t not in watched]
    made: list[tuple[Estimand, Range]] = []
    markers, unwatched = [], []
    for target in rest:
        e = target.estimand
        if build.can(e) and target.lower is None and target.upper is None:
            made.append((e, target.value))
        elif e.statistic in ("auc", "roc_cutoff"):
            markers.append(target)
            unwatched.append(target)
        elif e.statistic not in SUMMARIES or e.where:  # exchanges keep what all patients sum up to
            unwatched.append(target)
    sought = [e for e in dict.fromkeys(estimands) if build.can(e)]
    checks = build.quantities(made)
    wanted = build.quantities([(e, Range(-np.inf, np.inf)) for e in sought])
    times = np.zeros((len(problem.specs), len(endpoints)), dtype=bool)
    timed = ~np.isin(problem.specs[:, 0], (steps.CHI2, steps.TREND, steps.YATES))
    times[timed, problem.specs[timed, 1]] = True
    touched = np.ascontiguousarray(problem.touched[1].T) | times @ build.event_blocks()
    moves = _moves(parts, blocks, layout)
    rules = _rules(parts, markers, build, reach)
    changes = _changes(moves, build)
    on_blocks, on_times = np.vstack([touched, checks.blocks]), np.vstack([times, checks.times])
    felt = _feels(changes, on_blocks, on_times)
    horizon = rules.markers[:, :1] == np.arange(len(endpoints))
    space = Space(
        problem,
        checks,
        build.terms(),
        rules,
        moves,
        np.argsort(~felt, axis=1, kind="stable"),
        felt.sum(axis=1),
        np.isin(problem.specs[:, 0], steps.ORDER_ONLY),
        times,
        _feels(changes, rules.marker_blocks, horizon),
        np.array([numbers.index(n) if n in numbers else -1 for n in blocks]),
        np.array([blocks.index(e) for e in endpoints]),
    )
    found = Feasible(space, layout, tuple(parts), blocks, endpoints, numbers, tuple(unwatched))
    return found, wanted, sought


def _effort(target: Target) -> tuple[int, bool]:
    """What is soon computed comes first, models last: a change is given up at its first loss."""
    statistic = target.estimand.statistic
    kinds = (("survival", "crude_rate", "at_risk", "median"), ("cox_p", "cox_lr_p", "hazard_ratio"))
    effort = 0 if statistic in kinds[0] else 2 if statistic in kinds[1] else 1
    return effort, bool(target.estimand.where)


def _changes(moves: np.ndarray, build: _Builder) -> tuple[np.ndarray, np.ndarray]:
    """Of every change that `climb` makes, in the order of `Space.felt`: the blocks (R, B) and the times of
    endpoints (R, E) that it changes."""
    endpoints = len(build.endpoints)
    sets = (np.arange(2**endpoints)[:, None] >> np.arange(endpoints)) % 2 == 1
    times, events = np.repeat(sets, 2, axis=0), sets @ build.event_blocks()
    blocks = np.stack([np.zeros_like(events), events], axis=1).reshape(-1, len(build.blocks))
    still = np.zeros((len(moves), endpoints), dtype=bool)
    return np.vstack([moves[:, 0], blocks]), np.vstack([still, times])


def _feels(
    changes: tuple[np.ndarray, np.ndarray], blocks: np.ndarray, times: np.ndarray
) -> np.ndarray:
    """Which of some statistics, that depend on blocks (T, B) and on times (T, E), a change may alter
    (R, T)."""
    return changes[0] @ blocks.T | changes[1] @ times.T


def _of_times(e: Estimand, endpoints: tuple[str, ...]) -> bool:
    """Whether an estimand depends on nothing but the times and events of endpoints."""
    return bool(e.variables) and e.variables <= set(endpoints)


def _moves(parts: list[Component], blocks: tuple[str, ...], layout: Layout) -> np.ndarray:
    moves = []
    for part in parts:
        own = [name for name in part.blocks if layout.blocks[name].kind != "endpoint"]
        if own:
            moves.append(labels.moves_of(part, own, list(blocks)))
    return np.concatenate(moves) if moves else np.zeros((0, 2, len(blocks)), dtype=bool)


# --- terms --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Builder:
    """Collects terms: what `terms.term` computes."""

    layout: Layout
    blocks: tuple[str, ...]
    endpoints: tuple[str, ...]
    numbers: tuple[str, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "_terms", {})

    def can(self, e: Estimand) -> bool:
        """Whether an estimand can be computed by `climb`."""
        if e.statistic == "proportion":
            return e.subject in self.layout.source and e.subject not in self.endpoints
        statistic = DIFFERENCES.get(e.statistic, e.statistic)
        if statistic not in TERMS or e.within:
            return False
        if statistic == "n":
            return True
        if e.subject not in self.endpoints:
            return False
        if statistic == "logrank_p":
            return not e.adjusted_for
        return True

    def event_blocks(self) -> np.ndarray:
        """Which block holds the events of each endpoint (E, B)."""
        return np.array([[b == e for b in self.blocks] for e in self.endpoints])

    def quantities(self, wanted: list[tuple[Estimand, Range]]) -> Quantities:
        rows = [(*self._made(e), e, allowed) for e, allowed in wanted]
        scale = [
            DAYS_PER_MONTH if e.statistic in _TIMED and e.subject in self.endpoints else 1.0
            for e, _ in wanted
        ]
        low, high = (
            np.array([getattr(r[4], end) * s for r, s in zip(rows, scale, strict=True)])
            for end in ("lower", "upper")
        )
        blocks = np.zeros((len(rows), len(self.blocks)), dtype=bool)
        times = np.zeros((len(rows), len(self.endpoints)), dtype=bool)
        for q, (*_, e, _allowed) in enumerate(rows):
            for name in e.variables:
                blocks[q, self.blocks.index(self.layout.source[name])] = True
            if e.subject in self.endpoints:
                times[q, self.endpoints.index(e.subject)] = True
        return Quantities(
            np.array([r[0] for r in rows], dtype=np.int64),
            np.array([r[1] for r in rows], dtype=np.int64),
            np.array([r[2] for r in rows], dtype=np.int64),
            low.astype(float),
            high.astype(float),
            blocks,
            times,
        )

    def _made(self, e: Estimand) -> tuple[int, int, int]:
        if e.statistic == "proportion":
            # Every level is known in members that can be moved: the known are all who meet `where`.
            level = Condition(e.subject, str(e.argument))
            part = Estimand("n", where=(*e.where, level))
            return terms.SHARE, self._term(part), self._term(Estimand("n", where=e.where))
        if e.statistic in DIFFERENCES and e.contrast:
            first, second = (
                Estimand(
                    DIFFERENCES[e.statistic],
                    e.subject,
                    e.argument,
                    (*e.where, Condition(e.by, level)),
                )
                for level in e.contrast
            )
            return terms.DIFFERENCE, self._term(first), self._term(second)
        return terms.PLAIN, self._term(e), 0

    def _term(self, e: Estimand) -> int:
        known: dict[Estimand, int] = self._terms
        return known.setdefault(e, len(known))

    def terms(self) -> Terms:
        """All terms asked for so far, as arrays."""
        known: list[Estimand] = list(self._terms)
        widest = max(self.layout.blocks[name].size for name in self.blocks)
        conditions = max([len(counts.conditions_on(e)) for e in known] + [1])
        models = [self._model(e) for e in known]
        width = max([len(m) for m in models] + [1])
        shape = (len(known), width)
        found = Terms(
            np.array([TERMS[e.statistic] for e in known], dtype=np.int64),
            np.zeros(len(known), dtype=np.int64),
            np.zeros(len(known)),
            np.full((len(known), conditions), -1),
            np.zeros((len(known), conditions, widest), dtype=bool),
            np.full(len(known), -1),
            np.full((len(known), widest), -1),
            np.zeros(len(known), dtype=np.int64),
            np.full(shape, -1),
            np.zeros((*shape, widest), dtype=bool),
            np.full(shape, -1),
            HALVES[self.layout.protocol.conventions.median],
        )
        for k, e in enumerate(known):
            if e.subject in self.endpoints:
                found.endpoint[k] = self.endpoints.index(e.subject)
            if e.kind.argument == "duration":
                found.days[k] = e.time * DAYS_PER_MONTH + 1e-6
            self.conditions(counts.conditions_on(e), found.conditions[k], found.meets[k])
            if e.by and (e.contrast or e.statistic == "logrank_p"):
                block = self.layout.of(e.by)
                view = block.views[e.by]
                found.group_row[k] = self.blocks.index(block.name)
                takes = np.ones(block.size, dtype=bool)
                if e.contrast and not e.adjusted_for:
                    levels = self.layout.protocol.levels(e.by)
                    takes = np.isin(view, [levels.index(level) for level in e.contrast])
                found.group_of[k, : block.size] = np.where(takes, view, -1)
                found.groups[k] = len(self.layout.protocol.levels(e.by))
            for c, (variable, level) in enumerate(models[k]):
                block = self.layout.of(variable)
                if level is None:
                    found.numbers[k, c] = self.numbers.index(variable)
                else:
                    found.columns[k, c] = self.blocks.index(block.name)
                    found.indicates[k, c, : block.size] = block.views[variable] == level
        return found

    def _model(self, e: Estimand) -> list[tuple[str, int | None]]:
        """Columns of a Cox model, the one of interest first: a number, or a level of a category."""
        if e.statistic != "hazard_ratio":
            return []
        protocol = self.layout.protocol

        def levels(variable: str, without: int) -> list[tuple[str, int | None]]:
            return [(variable, k) for k in range(len(protocol.levels(variable))) if k != without]

        if e.contrast:
            order = list(protocol.levels(e.by))
            first, second = (order.index(level) for level in e.contrast)
            columns: list[tuple[str, int | None]] = [(e.by, first)]
            if e.adjusted_for:
                columns += [c for c in levels(e.by, second) if c != (e.by, first)]
        else:
            columns = [(e.by, None)]
        for name in e.adjusted_for:
            columns += [(name, None)] if protocol.kind(name) == "number" else levels(name, 0)
        return columns

    def conditions(self, where: tuple[Condition, ...], rows: np.ndarray, meets: np.ndarray) -> None:
        """Fill one row of conditions and of the codes that meet them."""
        for c, condition in enumerate(where):
            block = self.layout.of(condition.variable)
            rows[c] = self.blocks.index(block.name)
            meets[c, : block.size] = block.codes_where(condition, self.layout.protocol)


# --- rules --------------------------------------------------------------------------------------


def _rules(
    parts: list[Component], markers: list[Target], build: _Builder, reach: np.ndarray
) -> Rules:
    layout, protocol = build.layout, build.layout.protocol
    blocks, endpoints = build.blocks, build.endpoints
    longest = max(len(part.blocks) for part in parts)
    components = np.full((3, len(parts), longest), -1)
    allowed, first, shared, cells = [], [], [], []
    for c, part in enumerate(parts):
        table = part.allowed()
        first.append(sum(len(a) for a in allowed))
        allowed.append(table.ravel())
        for b, name in enumerate(part.blocks):
            components[:, c, b] = (
                blocks.index(name),
                int(np.prod(table.shape[b + 1 :])),
                table.shape[b],
            )
        for name, (other, which) in part.same_event.items():
            shared.append((endpoints.index(name), endpoints.index(other), c))
            hit = np.zeros(table.shape, dtype=bool)
            hit[tuple(part.cells[which].T)] = True
            cells.append(hit.ravel())
    width = max([len(hit) for hit in cells] + [1])
    plan = protocol.reconstruction
    constraints = plan.constraints if plan else ()
    relations, ties, among = [], [], []
    for constraint in constraints:
        for pair in (constraint.at_most, constraint.same_end):
            if pair and set(pair) <= set(endpoints):
                origins = [protocol.endpoint(name).origin for name in pair]
                same = origins[0] is not None and origins[0] == origins[1]
                end = 0 if pair is constraint.at_most else 2 if same else 1
                place = (endpoints.index(pair[0]), endpoints.index(pair[1]))
                relations.append((*place, int(pair is constraint.at_most), end))
        pair = constraint.equal or constraint.at_most
        if pair and set(pair) <= set(build.numbers):
            rows = [build.numbers.index(name) for name in pair]
            ties.append((*rows, int(constraint.equal is not None)))
            among.append(constraint.among)
    widest = max(layout.blocks[name].size for name in blocks)
    deep = max([len(rules) for rules in among] + [1])
    tie_conditions = np.full((len(ties), deep), -1)
    tie_meets = np.zeros((len(ties), deep, widest), dtype=bool)
    for t, rules in enumerate(among):
        for k, rule in enumerate(rules):
            block = layout.of(rule.variable)
            tie_conditions[t, k] = blocks.index(block.name)
            view = block.views[rule.variable]
            tie_meets[t, k, : block.size] = levels_meeting(rule, protocol)[view]
    deep = max([len(t.estimand.where) for t in markers] + [1])
    conditions = np.full((len(markers), deep), -1)
    meets = np.zeros((len(markers), deep, widest), dtype=bool)
    places = np.zeros((len(markers), 2), dtype=np.int64)
    touched = np.zeros((len(markers), len(blocks)), dtype=bool)
    for w, target in enumerate(markers):
        e = target.estimand
        horizon = int(np.floor(e.time * DAYS_PER_MONTH + 1e-6))
        places[w] = endpoints.index(e.subject), horizon
        build.conditions(e.where, conditions[w], meets[w])
        for name in e.variables:
            touched[w, blocks.index(layout.source[name])] = True
    return Rules(
        components,
        np.array(first),
        np.concatenate(allowed),
        np.array(shared, dtype=np.int64).reshape(-1, 3),
        np.array([np.pad(hit, (0, width - len(hit))) for hit in cells], dtype=bool).reshape(
            -1, width
        ),
        np.array(relations, dtype=np.int64).reshape(-1, 4),
        np.array(ties, dtype=np.int64).reshape(-1, 3),
        tie_conditions,
        tie_meets,
        places,
        conditions,
        meets,
        touched,
        reach,
    )
