"""Labels: which patient of a history has which codes.

Joint counts say how many patients have each combination of codes; here the combinations are given
to patients and then exchanged between them until the tests, rates and medians of subgroups come
out as printed. Exchanges keep every joint count, every constraint and every pin.

Random exchanges find a printed p soon; two p-values to three digits at once they do not. Observed
less expected events of a group is the sum of its patients' martingale residuals, so the effect of
an exchange on a log-rank statistic is known in advance to first order, and half of the proposals
are those that should come nearest.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy.spatial import cKDTree
from scipy.special import chdtri, ndtri

from resarc.ensemble import Ensemble
from resarc.estimand import DAYS_PER_MONTH, Condition, Estimand
from resarc.protocol import Protocol
from resarc.reconstruct.counts import Component, draw
from resarc.reconstruct.histories import History, crossing, months
from resarc.reconstruct.kernels import Sequence
from resarc.reconstruct.layout import Layout
from resarc.reconstruct.search import State, descend, repeat
from resarc.reconstruct.targets import Target, distance, gap
from resarc.survival.kaplan_meier import limits

STEPS = 150
PATIENCE = 14
STARTS = 4
HOPELESS = 0.5
PAIRS = 2000
TREE = 1200
ALL_PAIRS = 12_000
FLIPS = 0.3
FIRSTS = 30
NARROW = 5e-4
FAR = 100.0
AIMED_STEPS = 6
AIMED_CELLS = 600_000
AIMED_COPIES = 120
CELLS = 250_000
SLOW_CELLS = 8_000
MOST_COPIES = 40
ROUNDS = 1


@dataclass
class Labels:
    """Codes (M, n) of every block that is no endpoint."""

    layout: Layout
    codes: dict[str, np.ndarray] = field(default_factory=dict)


def assign(
    component: Component,
    cells: np.ndarray,
    layout: Layout,
    histories: dict[str, History],
    without: list[Target],
    rng: np.random.Generator,
) -> dict[str, np.ndarray]:
    """Codes (M, n) of a component's blocks from cell counts (M, C), pinned patients first.

    Where the counts' combinations of events do not fit a member's histories, counts that do are
    drawn anew.
    """
    members = len(cells)
    patients = len(next(iter(histories.values())).days[0]) if histories else int(cells[0].sum())
    events = [
        k for k, name in enumerate(component.blocks) if layout.blocks[name].kind == "endpoint"
    ]
    # 0 event, 1 censored, 2 an event that another endpoint shares
    own = component.cells[:, events].copy()
    for name, (_, cells_of) in component.same_event.items():
        own[cells_of, events.index(component.blocks.index(name))] = 2
    chosen = np.empty((members, patients), dtype=np.int64)
    needs = _needs(component, layout, histories)
    for m in range(members):
        flags = (
            np.stack([_event_codes(histories[component.blocks[k]], m) for k in events], axis=1)
            if events
            else np.zeros((patients, 0), dtype=np.int64)
        )
        left = cells[m].copy()
        kinds, kind = np.unique(flags, axis=0, return_inverse=True)
        kind = kind.ravel()
        of_kind = [(own == k).all(axis=1) for k in kinds]
        have = np.bincount(kind, minlength=len(kinds))
        if len(events) > 1 and [int(left[c].sum()) for c in of_kind] != have.tolist():
            fixed = [(c.astype(float), int(k)) for c, k in zip(of_kind, have, strict=True)]
            again = draw(component, without, patients, rng, fixed)
            if again is not None:
                left = again
        patients_left = rng.permutation(patients)
        pinned = [
            p
            for p in patients_left
            if any(
                pins[m, p] >= 0 and ok[pins[m, p]].any() and not ok[pins[m, p]].all()
                for pins, ok in needs
            )
        ]
        free = [p for p in patients_left if p not in set(pinned)]
        pools: dict[int, list[int]] = {}
        for p in pinned:
            fits = of_kind[kind[p]] & (left > 0)
            for pins, ok in needs:
                if pins[m, p] >= 0:
                    fits &= ok[pins[m, p]]
            options = np.flatnonzero(fits)
            if not options.size:
                options = np.flatnonzero(of_kind[kind[p]] & (left > 0))
            if not options.size:
                options = np.flatnonzero(left > 0)
            chosen[m, p] = rng.choice(options, p=left[options] / left[options].sum())
            left[chosen[m, p]] -= 1
        for k, cells_of in enumerate(of_kind):
            where = np.flatnonzero(cells_of)
            pools[k] = rng.permutation(np.repeat(where, left[where])).tolist()
        spare: list[int] = []
        waiting = []
        for p in free:
            if pools[kind[p]]:
                chosen[m, p] = pools[kind[p]].pop()
            else:
                waiting.append(p)
        for pool in pools.values():
            spare += pool
        for p in waiting:  # the member will fail its targets and be replaced
            chosen[m, p] = spare.pop()
    return {
        name: component.cells[:, k][chosen]
        for k, name in enumerate(component.blocks)
        if layout.blocks[name].kind != "endpoint"
    }


def _event_codes(history: History, member: int) -> np.ndarray:
    codes = np.where(history.event[member], 0, 1)
    return np.where(history.shared[member], 2, codes)


def _needs(
    component: Component, layout: Layout, histories: dict[str, History]
) -> list[tuple[np.ndarray, np.ndarray]]:
    """For each endpoint: pins (M, n), and which cells (pins, C) each pin allows."""
    found = []
    for history in histories.values():
        allowed = np.ones((len(history.pinned), len(component.cells)), dtype=bool)
        for k, pin in enumerate(history.pinned):
            for condition in pin.where:
                block = layout.of(condition.variable)
                if block.name in component.blocks:
                    codes = block.codes_where(condition, layout.protocol)
                    allowed[k] &= codes[component.cells[:, component.blocks.index(block.name)]]
        if not allowed.all():
            found.append((history.pins, allowed))
    return found


# --- search -------------------------------------------------------------------------------------


def fit(
    components: list[Component],
    labels: Labels,
    targets: list[Target],
    histories: dict[str, History],
    rng: np.random.Generator,
    *,
    steps: int = STEPS,
    rounds: int = ROUNDS,
    starts: int = STARTS,
) -> None:
    """Exchange labels, in place, until `targets` hold.

    Components are taken in turn, each with the targets that speak of it; targets of several
    components come back in later rounds.
    """
    layout = labels.layout
    patients = next(iter(histories.values())).days.shape[1]
    members = next(iter(histories.values())).days.shape[0]
    sequences = {name: Sequence.of(history) for name, history in histories.items()}
    touching = [
        [t for t in targets if _blocks(t, layout) & set(c.blocks) - set(histories)]
        for c in components
    ]
    done: set[str] = set()
    unmet = np.ones(members, dtype=bool)
    for turn in range(rounds):
        for component, own in zip(components, touching, strict=True):
            done |= set(component.blocks)
            active = [
                t
                for t in own
                if _blocks(t, layout) <= done | set(histories)
                and not _fixed_by_counts(t, component, layout)
            ]
            if not active or len(component.cells) < 2:
                continue
            search = _Search(component, active, labels, histories, sequences)
            needed = {name for t in active for name in _blocks(t, layout)} | set(component.blocks)
            rows = np.flatnonzero(unmet) if turn else np.arange(members)
            for start in range(starts):
                state = {f"code:{b}": labels.codes[b][rows] for b in needed if b in labels.codes}
                state["member"] = rows
                if start:  # shuffle what did not come out
                    state = search.shuffle(state, rng)
                left = search.run(state, rng, patients, steps, PATIENCE * (start + 1))
                # A shuffled start replaces labels that missed a target anyway.
                for b in component.blocks:
                    if b in labels.codes:
                        labels.codes[b][rows] = state[f"code:{b}"]
                # Who is far from it has a history that does not allow it, and will be replaced.
                rows = rows[(left > 0) & (left < HOPELESS)] if start else rows[left > 0]
                if not rows.size:
                    break
        total = np.zeros(members)
        ensemble = ensemble_of(labels, histories, layout)
        for t in targets:
            if _blocks(t, layout) <= done | set(histories):
                total += distance(t, t.evaluate(ensemble), patients)
        unmet = total > 0
        if not unmet.any():
            break


def ensemble_of(labels: Labels, histories: dict[str, History], layout: Layout) -> Ensemble:
    """The ensemble so far: labels and histories, no numbers."""
    ensemble = Ensemble(
        layout.protocol,
        {},
        {},
        {name: months(h.days) for name, h in histories.items()},
        {name: h.event for name, h in histories.items()},
    )
    for name, codes in labels.codes.items():
        layout.show(ensemble, name, codes)
    return ensemble


def _is_slow(target: Target, layout: Layout) -> bool:
    """Whether each candidate costs an iterated fit."""
    e = target.estimand
    fits = ("hazard_ratio", "cox_p", "interaction_p")
    return e.statistic in fits and not is_direction(target, layout.protocol)


def is_direction(target: Target, protocol: Protocol) -> bool:
    """Whether only the side of 1 of an unadjusted hazard ratio of two groups is asked for."""
    e, value = target.estimand, target.value
    return (
        e.statistic == "hazard_ratio"
        and e.contrast is not None
        and len(protocol.levels(e.by)) == 2
        and not e.adjusted_for
        and (value.lower, value.upper) in ((1.0, np.inf), (-np.inf, 1.0))
    )


def _fixed_by_counts(target: Target, component: Component, layout: Layout) -> bool:
    """Whether a target without endpoint depends only on counts that no exchange changes."""
    blocks = _blocks(target, layout)
    return not blocks & set(layout.protocol.endpoint_names) and (
        len(blocks) == 1 or any(blocks <= link for link in component.linked)
    )


def _blocks(target: Target, layout: Layout) -> set[str]:
    return {layout.source[name] for name in target.estimand.variables}


class _Search:
    """Exchanges of one component's labels and their loss. A state holds `code:<block>` (M, n) and
    `member` (M,), the row in the histories; candidates of one member stand side by side."""

    def __init__(
        self,
        component: Component,
        targets: list[Target],
        labels: Labels,
        histories: dict[str, History],
        sequences: dict[str, Sequence],
    ) -> None:
        self.component, self.targets, self.layout = component, targets, labels.layout
        self.histories, self.sequences = histories, sequences
        self.own = [b for b in component.blocks if b in labels.codes]
        self.allowed = component.allowed()
        self.same_event = {}
        for name, (_, part) in component.same_event.items():
            table = np.zeros(self.allowed.shape, dtype=bool)
            table[tuple(component.cells[part].T)] = True
            self.same_event[name] = table
        self.slow = any(_is_slow(t, labels.layout) for t in targets)
        counted = {b for t in component.rows for b in _blocks(t, self.layout)}
        self.free = [b for b in self.own if b not in counted]
        self.moves = self._moves()
        self.guided = {
            b: [
                t
                for t in targets
                if (
                    t.estimand.statistic == "logrank_p"
                    or (t.estimand.statistic == "cox_p" and t.estimand.contrast)
                )
                and self.layout.source[t.estimand.by] == b
                and all(self.layout.source[c.variable] != b for c in t.estimand.where)
            ]
            for b in self.own
        }

        tight = [
            t for ts in self.guided.values() for t in ts if t.value.lower > 0 and _width(t) < NARROW
        ]
        self.narrow = tight if len(tight) == 1 else []

    def _moves(self) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
        """Blocks to exchange together, and blocks in which the two patients must then agree."""
        moves = []
        for block in self.own:
            others = {b for link in self.component.linked if block in link for b in link} - {block}
            moves.append(((block,), tuple(sorted(others))))
            if others:  # alone only between patients who agree in what is counted with it
                cluster = {block} | {b for b in others if b in self.own}
                agree = {b for link in self.component.linked if cluster & link for b in link}
                moves.append((tuple(sorted(cluster)), tuple(sorted(agree - cluster))))
        return list(dict.fromkeys(moves))

    def _code(self, state: State, block: str) -> np.ndarray:
        if block in self.own:
            return state[f"code:{block}"]
        return np.where(self.histories[block].event[state["member"]], 0, 1)

    def ensemble(self, state: State) -> Ensemble:
        members = state["member"]
        found = Ensemble(
            self.layout.protocol,
            {},
            {},
            {name: months(h.days[members]) for name, h in self.histories.items()},
            {name: h.event[members] for name, h in self.histories.items()},
            quick=True,
        )
        for key, codes in state.items():
            if key != "member":
                self.layout.show(found, key.partition(":")[2], codes)
        return found

    def run(
        self, state: State, rng: np.random.Generator, patients: int, steps: int, patience: int
    ) -> np.ndarray:
        """Search from `state`, in place; the distances (M,) left. A test printed to many digits
        comes last, when all else holds, by many candidates that are aimed at it."""
        options = {"patients": patients, "patience": patience, "near_patience": 5 * patience}
        cells = SLOW_CELLS if self.slow else CELLS
        if not self.narrow:
            return descend(
                state,
                self.propose,
                self.loss,
                rng,
                steps=steps,
                cells=cells,
                most_copies=MOST_COPIES,
                **options,
            )
        every, guided = self.targets, self.guided
        self.targets = [t for t in every if t not in self.narrow]
        self.guided = {b: [t for t in ts if t not in self.narrow] for b, ts in guided.items()}
        descend(
            state,
            self.propose,
            self.loss,
            rng,
            steps=steps,
            cells=cells,
            most_copies=MOST_COPIES,
            **options,
        )
        self.targets, self.guided = (
            every,
            {b: [t for t in ts if t in self.narrow] for b, ts in guided.items()},
        )
        aimed = [move for move in self.moves if any(self.guided[b] for b in move[0])]
        moves, self.moves = self.moves, aimed
        left = descend(
            state,
            self.propose,
            self.loss,
            rng,
            steps=AIMED_STEPS,
            cells=AIMED_CELLS,
            most_copies=AIMED_COPIES,
            **options,
        )
        self.guided, self.moves = guided, moves
        return left

    def loss(self, state: State) -> np.ndarray:
        judge = _Judge(self, state)
        total = np.zeros(len(state["member"]))
        for target in self.targets:
            total += judge.distance(target)
        return total

    def shuffle(self, state: State, rng: np.random.Generator) -> State:
        """The state after random exchanges."""
        for _ in range(2 * state[f"code:{self.own[0]}"].shape[1]):
            state = self.propose(state, 1, rng, guided=False)
        return state

    def propose(
        self, state: State, copies: int, rng: np.random.Generator, *, guided: bool = True
    ) -> State:
        if self.free and rng.random() < FLIPS:
            return self._flip(state, self.free[rng.integers(len(self.free))], copies, rng)
        blocks, agree = self.moves[rng.integers(len(self.moves))]
        members, patients = state[f"code:{self.own[0]}"].shape
        first, second = rng.integers(0, patients, (2, members, copies))
        guides = [t for b in blocks for t in self.guided[b]] if guided else []
        third = fourth = None
        if guides:
            half = max(copies // 2, 1)
            pairs = self._best_pairs(state, blocks, guides, half, rng)
            first[:, :half], second[:, :half] = pairs[0], pairs[1]
            if len(pairs) == 4:
                third, fourth = first.copy(), first.copy()  # nobody with themselves: no change
                third[:, :half], fourth[:, :half] = pairs[2], pairs[3]
        state = repeat(state, copies)
        if third is None:
            return self._exchange(state, blocks, agree, first.ravel(), second.ravel())
        changed = self._exchange(state, blocks, agree, first.ravel(), second.ravel())
        return self._exchange(changed, blocks, agree, third.ravel(), fourth.ravel())

    def _flip(self, state: State, block: str, copies: int, rng: np.random.Generator) -> State:
        """One patient of each member gets another code of a block whose counts nobody printed."""
        state = repeat(state, copies)
        code = state[f"code:{block}"].copy()
        rows = np.arange(len(code))
        i = rng.integers(0, code.shape[1], len(rows))
        code[rows, i] = rng.integers(0, self.layout.blocks[block].size, len(rows))
        after = [code if b == block else self._code(state, b) for b in self.component.blocks]
        fine = self._fits(state, after, rows, i)
        return {**state, f"code:{block}": np.where(fine[:, None], code, state[f"code:{block}"])}

    def _fits(
        self, state: State, after: list[np.ndarray], rows: np.ndarray, who: np.ndarray
    ) -> np.ndarray:
        """Whether the new codes of one patient of each member are a cell that its events and pins
        allow."""
        at = [c[rows, who] for c in after]
        fine = np.all([c < s for c, s in zip(at, self.allowed.shape, strict=True)], axis=0)
        cell = tuple(np.minimum(c, s - 1) for c, s in zip(at, self.allowed.shape, strict=True))
        fine &= self.allowed[cell]
        for name, table in self.same_event.items():
            fine &= table[cell] == self.histories[name].shared[state["member"], who]
        return fine & self._pins_hold(state, after, rows, who)

    def _exchange(
        self,
        state: State,
        blocks: tuple[str, ...],
        agree: tuple[str, ...],
        i: np.ndarray,
        j: np.ndarray,
    ) -> State:
        """The state with the codes of `blocks` exchanged between patients i and j of each member,
        where constraints, counts and pins allow it."""
        rows = np.arange(len(i))
        fine = np.ones(len(rows), dtype=bool)
        for block in agree:
            code = self._code(state, block)
            fine &= code[rows, i] == code[rows, j]
        new = {b: state[f"code:{b}"].copy() for b in blocks}
        for code in new.values():
            code[rows, i], code[rows, j] = code[rows, j].copy(), code[rows, i].copy()
        after = [new.get(b, self._code(state, b)) for b in self.component.blocks]
        for who in (i, j):
            fine &= self._fits(state, after, rows, who)
        codes = {
            f"code:{b}": np.where(fine[:, None], code, state[f"code:{b}"])
            for b, code in new.items()
        }
        return {**state, **codes}

    def _pins_hold(
        self, state: State, after: list[np.ndarray], rows: np.ndarray, who: np.ndarray
    ) -> np.ndarray:
        held = np.ones(len(rows), dtype=bool)
        for history in self.histories.values():
            pin = history.pins[state["member"], who]
            for k, pinned in enumerate(history.pinned):
                for condition in pinned.where:
                    block = self.layout.of(condition.variable)
                    if block.name in self.own:
                        code = after[self.component.blocks.index(block.name)][rows, who]
                        held &= (pin != k) | block.codes_where(condition, self.layout.protocol)[
                            code
                        ]
        return held

    def _best_pairs(
        self,
        state: State,
        blocks: tuple[str, ...],
        guides: list[Target],
        wanted: int,
        rng: np.random.Generator,
    ) -> tuple[np.ndarray, ...]:
        """Pairs of patients (M, wanted) whose exchange brings the log-rank statistics nearest to
        what is printed: exactly for two groups, to first order for more. Where several tests of
        two groups must come out at once, two pairs: (i, j) and then (k, l)."""
        judge = _Judge(self, state)
        members, patients = state[f"code:{self.own[0]}"].shape
        # Two-sided ranges need aim; a bound is soon met by chance.
        guides = [t for t in guides if np.isfinite(t.value.lower) and t.value.lower > 0] or guides
        if len(guides) == 1 and patients * (patients - 1) // 2 <= ALL_PAIRS:
            i, j = (np.tile(side, (members, 1)) for side in np.triu_indices(patients, 1))
        else:
            i, j = rng.integers(0, patients, (2, members, PAIRS))
        pairs = i.shape[1]
        score = np.zeros((members, pairs))
        differ = np.zeros((members, pairs), dtype=bool)
        for block in blocks:
            code = state[f"code:{block}"]
            differ |= _of(code, i) != _of(code, j)
        steps, lacking = [], []
        for target in guides:
            e = target.estimand
            block = self.layout.of(e.by)
            group = block.views[e.by][state[f"code:{block.name}"]]
            levels = judge.compared(e)
            k = len(levels)
            if k < 2:
                continue
            if k == 2:
                now, after = _exchanged_two(judge, e, levels, group, i, j)
            else:
                now, after = _exchanged_many(judge, e, group, i, j)
            low = np.sqrt(chdtri(k - 1, np.clip(target.value.upper, 1e-300, 1.0)))
            least = target.value.lower
            high = np.sqrt(chdtri(k - 1, least)) if least > 0 else np.inf
            score += np.maximum(np.maximum(low - np.abs(after), np.abs(after) - high), 0.0)
            if k == 2 and np.isfinite(high):
                side = self._side(e, levels) or np.where(now < 0, -1.0, 1.0)
                steps.append(after - now)
                lacking.append(side * (low + high) / 2 - now)
        if len(guides) == 1 and steps and (np.min(score, axis=1) > 0).any():
            return _aim(
                judge, e, levels, (low, high), group, (i, j), np.abs(steps[0]) > 1e-12, wanted, rng
            )
        # Ties, as when all that is asked for already holds, are broken at random.
        score = np.where(differ, score + 1e-7 * rng.random(score.shape), np.inf)
        single = (
            wanted if not steps else max(wanted // 4, 1) if len(steps) > 1 else max(wanted // 2, 1)
        )
        best = np.argpartition(score, min(single, pairs - 1), axis=1)[:, :single]
        found = [_of(i, best), _of(j, best)]
        if single == wanted:
            return tuple(found)
        double = self._two_exchanges(
            np.stack(steps, axis=2),
            np.concatenate(lacking, axis=1),
            differ,
            i,
            j,
            wanted - single,
            rng,
        )
        nobody = np.zeros_like(found[0])  # a patient exchanged with itself: no second exchange
        return tuple(
            np.concatenate([a, b], axis=1)
            for a, b in zip((*found, nobody, nobody), double, strict=True)
        )

    def _side(self, e: Estimand, levels: list[int]) -> float:
        """The sign that the first group's observed less expected events must have, from a hazard
        ratio that is printed or said to lie on one side of 1; 0 where nothing says so."""
        names = self.layout.protocol.levels(e.by)
        for target in self.targets:
            other, value = target.estimand, target.value
            same = (other.subject, other.by, other.where) == (e.subject, e.by, e.where)
            if other.statistic != "hazard_ratio" or not same or other.contrast is None:
                continue
            above = 1.0 if value.lower >= 1 else -1.0 if value.upper <= 1 else 0.0
            if {names.index(level) for level in other.contrast} == set(levels) and above:
                return above if names.index(other.contrast[0]) == levels[0] else -above
        return 0.0

    @staticmethod
    def _two_exchanges(
        steps: np.ndarray,
        lacking: np.ndarray,
        differ: np.ndarray,
        i: np.ndarray,
        j: np.ndarray,
        wanted: int,
        rng: np.random.Generator,
    ) -> tuple[np.ndarray, ...]:
        """Two exchanges each (M, wanted) whose steps (M, pairs, tests) add up to what is lacking
        (M, tests): for every first one, the nearest second one by a k-d tree."""
        found = [np.empty((len(steps), wanted), dtype=np.int64) for _ in range(4)]
        for m in range(len(steps)):
            # Exchanges without effect are all one point, on which a tree degenerates.
            usable = np.flatnonzero(differ[m] & (np.abs(steps[m]) > 1e-12).any(axis=1))
            if usable.size > TREE:
                usable = usable[rng.permutation(usable.size)[:TREE]]
            if usable.size < 2:
                for array in found:
                    array[m] = 0
                continue
            points = np.clip(np.nan_to_num(steps[m, usable]), -FAR, FAR)
            gaps, partner = cKDTree(points).query(
                np.clip(np.nan_to_num(lacking[m]), -FAR, FAR) - points
            )
            best = np.argsort(gaps, kind="stable")[
                : 2 * wanted : 2
            ]  # a pair is found from both ends
            best = np.resize(best, wanted)
            first, second = usable[best], usable[partner[best]]
            for array, values in zip(
                found, (i[m, first], j[m, first], i[m, second], j[m, second]), strict=True
            ):
                array[m] = values
        return tuple(found)


def _aim(
    judge: _Judge,
    e: Estimand,
    levels: list[int],
    window: tuple[float, float],
    group: np.ndarray,
    pairs: tuple[np.ndarray, np.ndarray],
    usable: np.ndarray,
    wanted: int,
    rng: np.random.Generator,
) -> tuple[np.ndarray, ...]:
    """Two exchanges each (M, wanted) after which one log-rank test of two groups lies within a
    narrow window of its deviate, or nearest: a few first exchanges, each with every second one,
    all computed exactly."""
    sequence = judge.sequence(e.subject)
    codes, mask = judge.codes(e.subject, e.by), judge.mask(e.subject, e.where)
    first, second = levels
    found = [np.zeros((len(group), wanted), dtype=np.int64) for _ in range(4)]
    for m in range(len(group)):
        some = np.flatnonzero(usable[m])
        if not some.size:
            continue
        start = rng.choice(some, FIRSTS)
        one, other = pairs[0][m], pairs[1][m]
        rows = np.arange(FIRSTS)
        given = np.repeat(group[m : m + 1], FIRSTS, axis=0)
        given[rows, one[start]], given[rows, other[start]] = (
            group[m, other[start]],
            group[m, one[start]],
        )
        here = sequence.take(np.full(FIRSTS, m))
        # Codes as they are say who is in either group; exchanges do not change that.
        either = (codes[m, 0] == first) | (codes[m, 0] == second)
        part = either if mask is None else either & mask[m, 0]
        after_first = here.sort(given[:, None, :])
        r, a, b, u, v = here.exchange_terms(
            after_first == first, np.broadcast_to(part, after_first.shape)
        )
        x, y = given[:, one[some]], given[:, other[some]]
        i, j = one[some][None, :], other[some][None, :]
        leaves, comes = np.where(x == first, i, j), np.where(x == first, j, i)
        both = ((x == first) & (y == second)) | ((x == second) & (y == first))
        new_u = u[:, None] + np.where(both, _of(r, comes) - _of(r, leaves), 0.0)
        change = _of(a, comes) - _of(a, leaves) - np.abs(_of(b, comes) - _of(b, leaves))
        with np.errstate(divide="ignore", invalid="ignore"):
            deviate = np.abs(
                np.nan_to_num(new_u / np.sqrt(v[:, None] + np.where(both, change, 0.0)))
            )
        gap = np.maximum(np.maximum(window[0] - deviate, deviate - window[1]), 0.0)
        gap += 1e-9 * rng.random(gap.shape)
        best = np.argpartition(gap.ravel(), min(wanted, gap.size - 1))[:wanted]
        which, pair = np.unravel_index(np.resize(best, wanted), gap.shape)
        ends = (one[start[which]], other[start[which]], one[some[pair]], other[some[pair]])
        for array, values in zip(found, ends, strict=True):
            array[m] = values
    return tuple(found)


def _width(target: Target) -> float:
    """How wide the printed digits leave a test's normal deviate."""
    return float(ndtri(target.value.upper / 2) - ndtri(target.value.lower / 2))


def _of(values: np.ndarray, who: np.ndarray) -> np.ndarray:
    return np.take_along_axis(values, who, axis=1)


def _exchanged_two(
    judge: _Judge, e: Estimand, levels: list[int], group: np.ndarray, i: np.ndarray, j: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The log-rank test of two groups as a signed normal deviate, now (M, 1) and after each
    exchange (M, pairs)."""
    sequence = judge.sequence(e.subject)
    first, second = levels
    codes, mask = judge.codes(e.subject, e.by), judge.mask(e.subject, e.where)
    either = (codes == first) | (codes == second)
    mask = either if mask is None else mask & either
    r, a, b, u, v = sequence.exchange_terms(codes == first, mask)
    # i is to be the one who leaves the first group.
    x, y = _of(group, i), _of(group, j)
    leaves, comes = np.where(x == first, i, j), np.where(x == first, j, i)
    both = ((x == first) & (y == second)) | ((x == second) & (y == first))
    new_u = u[:, None] + np.where(both, _of(r, comes) - _of(r, leaves), 0.0)
    change = _of(a, comes) - _of(a, leaves) - np.abs(_of(b, comes) - _of(b, leaves))
    with np.errstate(divide="ignore", invalid="ignore"):
        now = np.nan_to_num(u / np.sqrt(v))[:, None]
        return now, np.nan_to_num(new_u / np.sqrt(v[:, None] + np.where(both, change, 0.0)))


def _exchanged_many(
    judge: _Judge, e: Estimand, group: np.ndarray, i: np.ndarray, j: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The square root of chi2 for three groups or more, now (M, 1) and after each exchange
    (M, pairs), the variance taken as it is."""
    k = len(judge.protocol.levels(e.by))
    sequence = judge.sequence(e.subject)
    mask = judge.mask(e.subject, e.where)
    _, difference, covariance = sequence.logrank_parts(judge.codes(e.subject, e.by), k, mask)
    residual = sequence.exchange_terms(judge.codes(e.subject, e.by) == 0, mask)[0]
    inverse = np.linalg.pinv(covariance[:, 0], rcond=1e-9, hermitian=True)
    difference = difference[:, 0]
    along = np.einsum("mij,mj->mi", inverse, difference)
    chi2 = np.einsum("mi,mi->m", along, difference)[:, None]
    a, b = _of(group, i), _of(group, j)
    rows = np.arange(len(group))[:, None]
    step = _of(residual, j) - _of(residual, i)
    spread = inverse[rows, a, a] + inverse[rows, b, b] - 2 * inverse[rows, a, b]
    new = chi2 + 2 * step * (along[rows, a] - along[rows, b]) + step**2 * spread
    new = np.where((a == b) | (a < 0) | (b < 0), chi2, new)
    return np.sqrt(np.maximum(chi2, 0.0)), np.sqrt(np.maximum(new, 0.0))


class _Judge:
    """Distances of the candidates of a state from targets, by the fast kernels where they reach."""

    def __init__(self, search: _Search, state: State) -> None:
        self.search, self.state = search, state
        self.layout, self.protocol = search.layout, search.layout.protocol
        rows = state["member"]
        change = np.flatnonzero(np.diff(rows))
        self.copies = int(change[0]) + 1 if change.size else len(rows)
        self.members = rows[:: self.copies]
        self.patients = state[f"code:{search.own[0]}"].shape[1]
        self.sorted: dict[tuple[str, str], np.ndarray] = {}
        self.sequences: dict[str, Sequence] = {}
        self.generic: Ensemble | None = None

    def distance(self, target: Target) -> np.ndarray:
        e = target.estimand
        if e.subject in self.search.sequences:
            if e.statistic == "logrank_p":
                p, _ = self._logrank(e)
                return gap(p.ravel(), target.value, e, self.patients)
            if e.statistic in ("survival", "median") and not target.claim:
                return self._curve(target)
            if e.statistic == "crude_rate":
                return gap(self._crude(e), target.value, e, self.patients)
            if is_direction(target, self.protocol):
                return self._direction(target)
        if self.generic is None:
            self.generic = self.search.ensemble(self.state)
        return distance(target, target.evaluate(self.generic), self.patients)

    def sequence(self, endpoint: str) -> Sequence:
        if endpoint not in self.sequences:
            self.sequences[endpoint] = self.search.sequences[endpoint].take(self.members)
        return self.sequences[endpoint]

    def codes(self, endpoint: str, view: str) -> np.ndarray:
        """Codes (A, C, n) of a category in the order of the endpoint's time."""
        key = (endpoint, view)
        if key not in self.sorted:
            block = self.layout.of(view)
            if block.name in self.search.histories:
                history = self.search.histories[block.name]
                codes = np.where(history.event[self.state["member"]], 0, 1)
            else:
                codes = block.views[view][self.state[f"code:{block.name}"]]
            self.sorted[key] = self.sequence(endpoint).sort(
                codes.reshape(len(self.members), self.copies, self.patients)
            )
        return self.sorted[key]

    def mask(self, endpoint: str, where: tuple[Condition, ...]) -> np.ndarray | None:
        mask = None
        for condition in where:
            level = self.protocol.levels(condition.variable).index(condition.level)
            meets = self.codes(endpoint, condition.variable) == level
            mask = meets if mask is None else mask & meets
        return mask

    def compared(self, e: Estimand) -> list[int]:
        """Codes of the levels that a test compares: those of the contrast (a Cox model's Wald test
        is near the log-rank test of its two groups), or all that the patients in question have."""
        if e.contrast:
            return [self.protocol.levels(e.by).index(level) for level in e.contrast]
        codes, mask = self.codes(e.subject, e.by), self.mask(e.subject, e.where)
        present = np.unique(codes if mask is None else codes[mask])
        return [int(code) for code in present if code >= 0]

    def _logrank(self, e: Estimand) -> tuple[np.ndarray, np.ndarray]:
        key = (e.subject, f"logrank {e.by} {e.where}")
        if key not in self.sorted:
            k = len(self.protocol.levels(e.by))
            sequence = self.sequence(e.subject)
            codes, mask = self.codes(e.subject, e.by), self.mask(e.subject, e.where)
            self.sorted[key] = sequence.logrank_parts(codes, k, mask)[:2]
        return self.sorted[key]

    def _curve(self, target: Target) -> np.ndarray:
        """Survival with its limits, or the height of curve and limits around a printed median."""
        e = target.estimand
        mask = self.mask(e.subject, e.where)
        if mask is None:
            mask = np.ones((len(self.members), self.copies, self.patients), dtype=bool)
        sequence = self.sequence(e.subject)
        conventions = self.protocol.conventions
        total = np.zeros(len(self.members) * self.copies)
        if e.statistic == "survival":
            s, error = (
                a[:, :, 0].ravel() for a in sequence.survival(mask, [e.time * DAYS_PER_MONTH])
            )
            total += gap(s, target.value, e, self.patients)
            if target.lower is not None or target.upper is not None:
                found = limits(s, error, conventions.survival_interval, conventions.level)
                for allowed, bound in zip((target.lower, target.upper), found, strict=True):
                    if allowed is not None:
                        total += gap(bound, allowed, e, self.patients)
            return total
        for side, allowed in enumerate((target.value, target.lower, target.upper)):
            if allowed is None:
                continue
            ends = (allowed.lower * DAYS_PER_MONTH - 1e-6, allowed.upper * DAYS_PER_MONTH + 1e-6)
            s, error = (a.reshape(-1, 2) for a in sequence.survival(mask, list(ends)))
            for k, sign in enumerate((1, -1)):
                height = s[:, k]
                if side:
                    height = limits(
                        height, error[:, k], conventions.survival_interval, conventions.level
                    )[side - 1]
                total += crossing(np.nan_to_num(height, nan=1.0), sign)
        return total

    def _crude(self, e: Estimand) -> np.ndarray:
        beyond = self.sequence(e.subject).days[:, None, :] > e.time * DAYS_PER_MONTH
        mask = self.mask(e.subject, e.where)
        if mask is None:
            return np.repeat(beyond.mean(axis=2), self.copies, axis=1).ravel()
        with np.errstate(invalid="ignore"):
            return ((mask & beyond).sum(axis=2) / mask.sum(axis=2)).ravel()

    def _direction(self, target: Target) -> np.ndarray:
        """The log partial likelihood is concave and its slope at 0 is observed less expected
        events, so the estimate lies on the side to which that points."""
        e = target.estimand
        _, difference = self._logrank(e)
        side = difference[:, :, self.protocol.levels(e.by).index(e.contrast[0])].ravel()
        wanted = 1.0 if target.value.lower == 1.0 else -1.0
        return np.where(side * wanted > 1e-9, 0.0, 0.1 + np.minimum(np.abs(side), 5.0))
