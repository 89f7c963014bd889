"""Digitised survival curves: times and events of each group that lie along the points read off a
figure, with the printed numbers at risk.

Guyot et al. (BMC Med Res Methodol 2012;12:9) invert the Kaplan-Meier equations interval by interval:
between two numbers at risk, who leaves has the event or is censored, and the fall of the curve says
how many events there were. Their solution is one dataset, with censoring spread evenly; IPDfromKM
(Liu et al., BMC Med Res Methodol 2021;21:111) makes it for points clicked in a figure. Here the
same equations are solved many times, for curves that run within the tolerance of the points and
for censoring early or late within each interval, and a search over these moves until what else is
printed holds, too: hazard ratio, tests, medians, events.

An event happens where the curve that is followed passes the middle of the step that the event makes.
So no height is missed by more than half a step and what the curve was moved by.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from resarc.digitised import Curve
from resarc.ensemble import Ensemble
from resarc.errors import ReconstructionError
from resarc.estimand import DAYS_PER_MONTH, Condition
from resarc.protocol import Protocol
from resarc.published import Published
from resarc.reconstruct import coupling
from resarc.reconstruct.histories import History, Pin, months
from resarc.reconstruct.targets import EDGE, Target, distance
from resarc.reconstruct.tracing import trace_members
from resarc.survival import batch

ROUNDS = 3000
"""Steps of the search over curves and censoring."""

FRESH = 800
"""Steps without gain after which a member starts anew."""

EVOLVING = 0.4
"""The part of steps that other members lend their direction."""


@dataclass(frozen=True)
class Traced:
    """A group's curve: points in days and fractions, numbers at risk by day, its size."""

    where: tuple[Condition, ...]
    days: np.ndarray
    heights: np.ndarray
    risk_days: np.ndarray
    at_risk: np.ndarray
    tolerance: float
    mean_tolerance: float
    slack: float
    """Of time, in days."""


def of_endpoint(endpoint: str, published: Published) -> Curve | None:
    """The digitised curves of an endpoint, if there are any."""
    return next((c for c in published.curves if c.endpoint == endpoint), None)


def build(
    curve: Curve,
    published: Published,
    targets: list[Target],
    protocol: Protocol,
    others: dict[str, History],
    members: int,
    patients: int,
    rng: np.random.Generator,
) -> History:
    """Histories (M, n) of an endpoint along its digitised curves; each patient is pinned to a group.
    Where other endpoints bound it, its times are given to their patients (`coupling`)."""
    groups = traced(curve, published, protocol, patients)
    own = [t for t in targets if _spoken_of(t, curve)]
    labels = np.concatenate([np.full(g.at_risk[0], k) for k, g in enumerate(groups)])
    bound = coupling.bound_by(curve.endpoint, others, protocol, [g.where for g in groups])
    search = _Search(curve, groups, own, protocol, labels, patients, bound)
    days, event, whose, loss = search.run(members, rng)
    rows = np.arange(members)[:, None]
    if bound is None:
        order = rng.permuted(np.tile(np.arange(patients), (members, 1)), axis=1)
    else:  # the time of each patient; times that nobody has go to who is left
        order = np.argsort(_with_rest(whose), axis=1)
    pins = np.where(np.array([bool(g.where) for g in groups])[labels], labels, -1)
    longest = int(days.max(initial=1))
    return History(
        days[rows, order],
        event[rows, order],
        np.tile(pins, (members, 1))[rows, order],
        tuple(Pin((1, longest), None, g.where) for g in groups),
        loss,
        np.zeros((members, patients), dtype=bool),
        own,
    )


def _spoken_of(target: Target, curve: Curve) -> bool:
    """Whether a target is about the endpoint and the groups of the curve alone."""
    e = target.estimand
    return e.subject == curve.endpoint and e.variables <= {curve.endpoint, curve.by or ""}


def traced(curve: Curve, published: Published, protocol: Protocol, patients: int) -> list[Traced]:
    """The groups of a curve in the order of their levels."""
    found = []
    levels = protocol.levels(curve.by) if curve.by else ("",)
    for level in levels:
        group = next(g for g in curve.groups if g.level == level)
        where = (Condition(curve.by, level),) if curve.by else ()
        size = published.count(*where) if where else patients
        risk: dict[float, int] = {}
        for figure in published.figures:
            e = figure.estimand
            same = (e.statistic, e.subject, e.where) == ("at_risk", curve.endpoint, where)
            if same and figure.value.mark == "=":
                risk[e.time * DAYS_PER_MONTH] = int(figure.value.value)
        points = np.array(group.points)
        days, heights = points[:, 0] * DAYS_PER_MONTH, points[:, 1]
        times = sorted(t for t in risk if t < days[-1])
        found.append(
            Traced(
                where,
                days,
                heights,
                np.array([0.0, *times]),
                np.array([size, *(risk[t] for t in times)], dtype=np.int64),
                curve.tolerance,
                curve.mean_of(level),
                curve.time_tolerance * curve.factor * DAYS_PER_MONTH,
            )
        )
    sizes = [int(g.at_risk[0] or 0) for g in found]
    if sum(sizes) != patients:
        raise ReconstructionError(
            f"curve {curve.id} of {published.study}",
            f"groups of {', '.join(map(str, sizes))} patients",
            f"groups that add up to the {patients} patients of the study",
            "Print the number of patients of each group, or numbers at risk at time 0.",
        )
    return found


# --- distance from the points ---------------------------------------------------------------------


def misses(
    group: Traced, days: np.ndarray, event: np.ndarray, slack: float | None = None
) -> np.ndarray:
    """How far each point lies from the curves (M, P) of these patients (M, n), in survival.

    A point is met by any height that the curve passes, vertical lines included, at a time no farther
    than the slack.
    """
    slack = group.slack if slack is None else slack
    order = batch.risk_order(days.astype(float), event)
    early = np.nextafter(group.days - slack, -np.inf)
    high = batch.km_at(days.astype(float), event, None, np.maximum(early, 0.0)[None], order=order)[
        0
    ]
    late = np.minimum(group.days + slack, days.max(axis=1)[:, None])
    low = batch.km_at(days.astype(float), event, None, np.maximum(late, 0.0), order=order)[0]
    high = np.where(np.isnan(high), low, high)
    return np.maximum(np.maximum(group.heights - high, low - group.heights), 0.0)


def excess(published: Published, ensemble: Ensemble) -> np.ndarray:
    """By how much of survival each member (M,) is farther from digitised points than their tolerance
    allows; 0 where it is not."""
    total = np.zeros(ensemble.shape[0])
    for curve in published.curves:
        for level, off, drawn in _off(curve, published, ensemble):
            farthest = off.max(axis=1) - curve.tolerance
            mean = np.sqrt((drawn**2).mean(axis=1))
            beyond = np.maximum(farthest, mean - curve.mean_of(level))
            total = np.maximum(total, np.where(beyond > EDGE, beyond, 0.0))
    return total


def bends(target: Target, published: Published) -> bool:
    """Whether a search may leave a curve's points for the sake of this target. Numbers at risk and
    events are part of the curve."""
    counted = ("at_risk", "events", "n", "proportion")
    return target.estimand.statistic not in counted and any(
        _spoken_of(target, curve) for curve in published.curves
    )


def out_of_reach(published: Published, nearest: float) -> ReconstructionError:
    """No dataset was found along the points, though nothing else was asked."""
    names = ", ".join(curve.id for curve in published.curves)
    return ReconstructionError(
        f"digitised curves of {published.study} ({names})",
        f"no dataset within the tolerance of all points; the nearest is {nearest:.2g} farther",
        "curves, numbers at risk and events that go together",
        "Check the points, or state a wider tolerance.",
    )


def _off(
    curve: Curve, published: Published, ensemble: Ensemble
) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Each group's level, and how far its points lie from each member's curve (M, P): within the
    slack of time, and at their own times."""
    for group in traced(curve, published, ensemble.protocol, ensemble.shape[1]):
        days = np.rint(ensemble.times[curve.endpoint] * DAYS_PER_MONTH)
        event = ensemble.events[curve.endpoint]
        mask = ensemble.mask(group.where)
        if mask is not None:
            size = int(group.at_risk[0])
            days, event = (x[mask].reshape(-1, size) for x in (days, event))
        level = group.where[0].level if group.where else ""
        yield level, misses(group, days, event), misses(group, days, event, slack=0.0)


def fit(curve: Curve, published: Published, ensemble: Ensemble) -> dict[str, tuple[float, float]]:
    """By level: the largest root mean square distance of the points from a member's curve, and the
    largest distance of any point (within the slack of time)."""
    return {
        level: (float(np.sqrt((drawn**2).mean(axis=1)).max()), float(off.max()))
        for level, off, drawn in _off(curve, published, ensemble)
    }


# --- search ----------------------------------------------------------------------------------------


def _with_rest(whose: np.ndarray) -> np.ndarray:
    """Patients (M, n) of all times: those left over for the times that nobody has."""
    whole = whose.copy()
    for row in whole:
        row[row < 0] = np.setdiff1d(np.arange(len(row)), row)
    return whole


@dataclass
class _Search:
    curve: Curve
    groups: list[Traced]
    targets: list[Target]
    protocol: Protocol
    labels: np.ndarray
    patients: int
    bound: coupling.Bound | None = None

    def run(
        self, members: int, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Days, events and patients (M, n; -1: nobody) of all times, and how far each member is from
        what is printed."""
        settings = self._settings(members, rng)
        draws = rng.random((members, self.patients))
        days, event, whose, loss = self._made(settings, draws, np.arange(members), rng)
        best = [days.copy(), event.copy(), whose.copy(), loss.copy()]
        since = np.zeros(members, dtype=int)
        for _ in range(ROUNDS):
            rows = np.flatnonzero(best[3] > 0)
            if not rows.size:
                break
            stale = rows[since[rows] >= FRESH]
            if stale.size:
                settings[stale] = self._settings(stale.size, rng)
                draws[stale] = rng.random((stale.size, self.patients))
                loss[stale], since[stale] = np.inf, 0
            step = 10.0 ** rng.uniform(-2, 0, (rows.size, 1))
            some = rng.random((rows.size, settings.shape[1])) < rng.choice([0.1, 0.4, 1.0])
            proposed = settings[rows] + np.where(some, step * rng.normal(size=some.shape), 0.0)
            # Differential evolution (Storn and Price, J Global Optim 1997;11:341): along the
            # difference of two other members, which knows by what settings go together.
            along = rng.random(rows.size) < EVOLVING
            one, other = rng.integers(0, members, (2, rows.size))
            leap = rng.uniform(0.3, 0.9, (rows.size, 1)) * (settings[one] - settings[other])
            proposed = np.where(along[:, None], settings[rows] + leap, proposed)
            proposed = np.clip(proposed, -1.0, 1.0)
            again = draws[rows].copy()
            anew = rng.random(again.shape) < rng.choice([0.0, 0.02, 0.2])
            again[anew] = rng.random(int(anew.sum()))
            new_days, new_event, new_whose, new_loss = self._made(proposed, again, rows, rng)
            better = new_loss <= loss[rows]
            since[rows] += 1
            since[rows[new_loss < loss[rows] - 1e-9]] = 0
            taken = rows[better]
            settings[taken], draws[taken] = proposed[better], again[better]
            loss[taken] = new_loss[better]
            record = new_loss < best[3][rows]
            for kept, new in zip(best, (new_days, new_event, new_whose, new_loss), strict=True):
                kept[rows[record]] = new[record]
        return best[0], best[1], best[2], best[3]

    def _made(
        self, settings: np.ndarray, draws: np.ndarray, rows: np.ndarray, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Days, events and patients of the members `rows`, and their distance from what is printed."""
        days, event = self._trace(settings, draws)
        if self.bound is None:
            return days, event, np.full_like(days, coupling.FREE), self._loss(days, event)
        bound = coupling.Bound(
            self.bound.ceiling[rows],
            self.bound.must[rows],
            self.bound.tied[rows],
            self.bound.group[rows],
        )
        whose, left = coupling.couple(days, event, self.labels, self._knots(), bound, rng)
        return days, event, whose, self._loss(days, event) + 0.3 * left

    def _knots(self) -> np.ndarray:
        """Days of the numbers at risk of each group, infinite beyond the last."""
        most = max(len(g.risk_days) for g in self.groups)
        found = np.full((len(self.groups), most), np.inf)
        for k, group in enumerate(self.groups):
            found[k, : len(group.risk_days)] = group.risk_days
        return found

    def _settings(self, members: int, rng: np.random.Generator) -> np.ndarray:
        """Random settings (M, P) in -1..1: for each group, by which part of the tolerance the curve is
        moved at each number at risk and at its end, then how early or late is censored after each
        number at risk."""
        count = sum(2 * len(g.at_risk) + 1 for g in self.groups)
        return rng.uniform(-1, 1, (members, count)) * rng.uniform(0, 1, (members, 1))

    def _trace(self, settings: np.ndarray, draws: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        members = len(settings)
        days = np.empty((members, self.patients), dtype=np.int64)
        event = np.empty((members, self.patients), dtype=bool)
        first, patient = 0, 0
        for group in self.groups:
            count, size = len(group.at_risk), int(group.at_risk[0])
            shift = settings[:, first : first + count + 1] * group.tolerance
            skew = settings[:, first + count + 1 : first + 2 * count + 1]
            first += 2 * count + 1
            part = slice(patient, patient + size)
            patient += size
            knots = np.append(group.risk_days, group.days[-1])
            falling = np.minimum.accumulate(np.clip(group.heights, 0.0, 1.0))
            trace_members(
                np.concatenate([[0.0], np.maximum(group.days, 0.0)]),
                np.concatenate([[1.0], falling]),
                knots,
                group.at_risk,
                shift,
                skew,
                np.ascontiguousarray(draws[:, part]),
                days[:, part],
                event[:, part],
            )
        return days, event

    def _loss(self, days: np.ndarray, event: np.ndarray) -> np.ndarray:
        total = np.zeros(len(days))
        for k, group in enumerate(self.groups):
            part = self.labels == k
            off = misses(group, days[:, part], event[:, part]).max(axis=1)
            total += 20 * np.maximum(off - group.tolerance, 0.0)
            if np.isfinite(group.mean_tolerance):
                drawn = misses(group, days[:, part], event[:, part], slack=0.0)
                mean = np.sqrt((drawn**2).mean(axis=1))
                total += 100 * np.maximum(mean - group.mean_tolerance, 0.0)
            risk = (days[:, part][:, :, None] >= group.risk_days).sum(axis=1)
            total += 0.3 * np.abs(risk - group.at_risk).sum(axis=1)
        codes = {}
        if self.curve.by:
            levels = self.protocol.levels(self.curve.by)
            of_group = np.array([levels.index(g.where[0].level) for g in self.groups])
            codes[self.curve.by] = np.tile(of_group[self.labels], (len(days), 1))
        name = self.curve.endpoint
        ensemble = Ensemble(self.protocol, codes, {}, {name: months(days)}, {name: event})
        for target in self.targets:
            total += distance(target, target.evaluate(ensemble), self.patients)
        return total
