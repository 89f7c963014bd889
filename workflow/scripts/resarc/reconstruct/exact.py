"""What figures of one survival curve rule out by proof, without looking for a dataset.

Three arguments, each exact:

- *Order.* A Kaplan-Meier curve never rises. A printed rate bounds it at its time; a printed median m
  puts it at 1/2 or above just before m and at 1/2 or below at m (Kaplan & Meier, JASA 1958;53:457;
  under either convention for a curve that is 1/2 over a stretch). The share of patients observed
  beyond a time, and the share of those followed to it, are never above the curve: taking a censored
  patient out of the earlier numbers at risk lowers every factor.
- *Fractions.* A share of n patients is k/n. So is a Kaplan-Meier rate while nobody is censored.
- *Paths.* The curve of n patients is a product of factors 1 - 1/r over a falling sequence of numbers
  at risk r (deaths at one time count one after the other: same product, same variance). For few
  patients all sequences are listed, with Greenwood's sum, and so all that an interval can be.

Each refutation is checked again by a routine of another kind: a linear programme, a direct count, or
a depth-first search in rational numbers. One that is not confirmed is no proof and is dropped.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from math import ceil, floor

import numpy as np

from resarc.estimand import Condition, Estimand
from resarc.protocol import Protocol
from resarc.published import Range
from resarc.reconstruct.targets import EDGE, Target, inside
from resarc.survival.kaplan_meier import limits

LOOSE = 366 / 360
"""Papers count years as 360 to 366 days. Times that such a choice could reorder prove nothing."""

MOST_PATHS = 400_000
MOST_STEPS = 400_000
LARGEST = 40
"""Groups of more patients are not listed path by path."""

LEAST_SHARE = 0.5
"""The smallest part of the patients that a common denominator of all rates may be."""

RATES = ("survival", "crude_rate", "followed_rate")


@dataclass(frozen=True)
class Conflict:
    """Targets that no dataset holds together although it holds them after any one is left out."""

    targets: tuple[Target, ...]
    proof: str
    rechecked: str


def about_curves(targets: list[Target], protocol: Protocol, patients: int) -> list[Conflict]:
    """Every conflict that the arguments find among figures of endpoints, smallest first."""
    found = [*_out_of_order(targets), *_no_fraction(targets, protocol, patients)]
    return sorted(found, key=lambda c: len(c.targets))


# --- order ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Bound:
    """The curve is at least (or at most) `height` at a time in months."""

    time: float
    at_least: bool
    height: float
    target: Target


def _bounds(target: Target) -> list[_Bound]:
    e, value = target.estimand, target.value
    if e.statistic == "median":
        found = []
        if np.isfinite(value.lower):
            found.append(_Bound(value.lower, True, 0.5, target))
        if np.isfinite(value.upper):
            found.append(_Bound(value.upper, False, 0.5, target))
        return found
    if e.statistic not in RATES:
        return []
    found = [_Bound(e.time, True, value.lower, target)]
    if e.statistic == "survival":
        found.append(_Bound(e.time, False, value.upper, target))
    return found


def _out_of_order(targets: list[Target]) -> list[Conflict]:
    found = []
    for group in _curves(targets).values():
        bounds = [b for target in group for b in _bounds(target)]
        pairs = set()
        for early, late in product(bounds, bounds):
            if early.at_least or not late.at_least or late.height <= early.height + EDGE:
                continue
            both = (early.target.estimand.statistic, late.target.estimand.statistic)
            loose = LOOSE if "median" in both else 1.0
            if early.target is late.target or early.time * loose >= late.time:
                continue
            pair = (early.target, late.target)
            if pair in pairs or not _confirmed_by_programme(bounds, pair):
                continue
            pairs.add(pair)
            found.append(Conflict(pair, _order_in_words(early, late), "linear programme"))
    return found


def _curves(targets: list[Target]) -> dict[tuple[str, tuple[Condition, ...]], list[Target]]:
    """Targets by the curve that they speak of."""
    found: dict[tuple[str, tuple[Condition, ...]], list[Target]] = {}
    for target in targets:
        e = target.estimand
        if e.statistic in (*RATES, "median"):
            found.setdefault((e.subject, e.where), []).append(target)
    return found


def _confirmed_by_programme(bounds: list[_Bound], pair: tuple[Target, Target]) -> bool:
    """Whether no falling curve meets both targets and some curve meets each alone, by a linear
    programme over the heights at their times (HiGHS)."""
    from scipy.optimize import linprog

    def possible(targets: tuple[Target, ...]) -> bool:
        own = sorted((b for b in bounds if b.target in targets), key=lambda b: b.time)
        count = len(own)
        falls = np.diff(np.eye(count), axis=0)  # S[i + 1] - S[i] <= 0
        box = [(b.height, 1.0) if b.at_least else (0.0, b.height) for b in own]
        box = [(min(max(low, 0.0), 1.0), min(max(high, 0.0), 1.0)) for low, high in box]
        zero = np.zeros(max(count - 1, 0))
        return linprog(np.zeros(count), A_ub=falls, b_ub=zero, bounds=box).status == 0

    return not possible(pair) and all(possible((target,)) for target in pair)


def _order_in_words(early: _Bound, late: _Bound) -> str:
    return f"{_bound_in_words(early)}; {_bound_in_words(late)}; but the curve never rises."


def _bound_in_words(bound: _Bound) -> str:
    e = bound.target.estimand
    side = "at least" if bound.at_least else "at most"
    if e.statistic == "median":
        when = "just before" if bound.at_least else "at"
        return f"{e} puts the curve {when} {bound.time:.4g} months {side} at 1/2"
    return f"{e} puts the curve at {bound.time:.4g} months {side} at {bound.height:.4g}"


# --- fractions -------------------------------------------------------------------------------------


def size_of(
    where: tuple[Condition, ...], targets: list[Target], protocol: Protocol, patients: int
) -> tuple[int | None, Target | None]:
    """The exact number of patients of a group and the target that says so (None for all)."""
    conditions = tuple(c for c in where if c.variable not in protocol.endpoint_names)
    wanted = Estimand("n", where=conditions)
    for target in targets:
        if target.estimand == wanted and not target.claim:
            low, high = ceil(target.value.lower - EDGE), floor(target.value.upper + EDGE)
            if low == high:
                return low, target
    return (patients, None) if not conditions else (None, None)


def _no_fraction(targets: list[Target], protocol: Protocol, patients: int) -> list[Conflict]:
    """Shares that no whole number of patients gives."""
    found = []
    for target in targets:
        e = target.estimand
        if e.statistic not in RATES or (target.value.lower <= 0 and target.value.upper >= 1):
            continue
        size, said = size_of(e.where, targets, protocol, patients)
        if size is None:
            continue
        parts = (target,) if said is None or said.estimand.where == () else (target, said)
        if e.statistic == "followed_rate":
            sizes = range(1, size + 1)
            words = f"no number of up to {size} patients gives it"
        elif e.statistic == "crude_rate":
            sizes = range(size, size + 1)
            words = f"no whole number of {size} patients gives it"
        else:
            first = _first_censoring(e, targets)
            if first is None or first.value.lower <= e.time * LOOSE:
                continue
            sizes, parts = range(size, size + 1), (*parts, first)
            words = (
                f"nobody is censored before {first.value.lower:.4g} months, so that it is a whole "
                f"number out of {size}, and none gives it"
            )
        if any(_counts(target.value, n) for n in sizes):
            continue
        if any(bool(inside(np.arange(n + 1) / n, target.value).any()) for n in sizes):
            continue  # the second count does not confirm it
        near = min((Fraction(k, n) for n in sizes for k in range(n + 1)), key=_off(target.value))
        proof = (
            f"{e}: {words}; the nearest is {near.numerator}/{near.denominator} = {float(near):.5g}."
        )
        found.append(Conflict(parts, proof, "all fractions counted"))
    return found


def _off(allowed: Range):
    middle = (allowed.lower + allowed.upper) / 2
    return lambda share: abs(float(share) - middle)


def _counts(allowed: Range, n: int) -> list[int]:
    """Whole numbers of n patients whose share lies in the range."""
    low, high = ceil((allowed.lower - EDGE) * n), floor((allowed.upper + EDGE) * n)
    if allowed.open_upper and high >= (allowed.upper - EDGE) * n:
        high -= 1
    if allowed.open_lower and low <= (allowed.lower + EDGE) * n:
        low += 1
    return list(range(max(low, 0), min(high, n) + 1))


def _first_censoring(e: Estimand, targets: list[Target]) -> Target | None:
    """The target that says how long the shortest follow-up of the censored is: of the group, or of
    all patients."""
    status = Condition(e.subject, "censored")
    for where in ((*e.where, status), (status,)):
        wanted = Estimand("followup_minimum", e.subject, where=where)
        for target in targets:
            if target.estimand == wanted and not target.claim:
                return target
    return None


def common_denominators(
    targets: list[Target], protocol: Protocol, patients: int
) -> dict[tuple[Condition, ...], list[int]]:
    """For each group, which smaller numbers of patients give all of its printed rates as shares:
    one denominator for all times and endpoints, at least `LEAST_SHARE` of the group."""
    rates: dict[tuple[Condition, ...], list[Target]] = {}
    for target in targets:
        if target.estimand.statistic in RATES:
            rates.setdefault(target.estimand.where, []).append(target)
    found = {}
    for where, own in rates.items():
        size, _ = size_of(where, targets, protocol, patients)
        numbers = range((size or patients) - 1, ceil((size or patients) * LEAST_SHARE) - 1, -1)
        found[where] = [m for m in numbers if all(_counts(t.value, m) for t in own)]
    return found


# --- paths -----------------------------------------------------------------------------------------


def against_interval(
    targets: list[Target], protocol: Protocol, patients: int, kind: str
) -> Conflict | None:
    """A printed rate whose limits no course of events of its patients gives by this type of
    interval; the one of the smallest group that shows it."""
    level = protocol.conventions.level
    rows = []
    for target in targets:
        e = target.estimand
        if e.statistic != "survival" or target.lower is None or target.upper is None:
            continue
        if target.value.lower <= EDGE:
            continue  # where the curve is 0 its limits are not known
        size, said = size_of(e.where, targets, protocol, patients)
        if size is not None and size <= LARGEST:
            rows.append((size, target, said))
    for size, target, said in sorted(rows, key=lambda row: row[0]):
        listed = courses(target.value, size)
        if listed is None or _fits(listed, target, kind, level).any():
            continue
        if _searched(target, size, kind, level) is not False:
            continue
        words = (
            f"{len(listed)} courses of events of {size} patients give {target.estimand} as printed"
        )
        proof = f"{words}; none has the printed limits by {kind} intervals."
        parts = (target,) if said is None else (target, said)
        return Conflict(parts, proof, "depth-first search in rational numbers")
    return None


def courses(allowed: Range, size: int) -> np.ndarray | None:
    """Survival and Greenwood's sum (K, 2) of every course of events of `size` patients with survival
    in the range; None if there are too many. Number at risk by number at risk, either an event
    happens there or not."""
    survival, greenwood = np.ones(1), np.zeros(1)
    for r in range(size, 0, -1):
        after = survival * (1 - 1 / r)
        keep = after >= allowed.lower - EDGE
        term = 1 / (r * (r - 1)) if r > 1 else np.inf
        survival = np.concatenate([survival, after[keep]])
        greenwood = np.concatenate([greenwood, greenwood[keep] + term])
        if survival.size > MOST_PATHS:
            return None
    listed = inside(survival, allowed)
    return np.stack([survival[listed], greenwood[listed]], axis=1)


def _fits(listed: np.ndarray, target: Target, kind: str, level: float) -> np.ndarray:
    """Which courses have the printed limits."""
    if not len(listed):
        return np.zeros(0, dtype=bool)
    lower, upper = limits(listed[:, 0], np.sqrt(listed[:, 1]), kind, level)
    return inside(lower, target.lower) & inside(upper, target.upper)


def _searched(target: Target, size: int, kind: str, level: float) -> bool | None:
    """Whether some course of events has the printed rate and limits, by depth-first search in
    rational numbers; None if the search was given up."""
    least = Fraction(target.value.lower - EDGE)
    steps = 0
    stack = [(Fraction(1), Fraction(0), size)]
    while stack:
        survival, greenwood, highest = stack.pop()
        steps += 1
        if steps > MOST_STEPS:
            return None
        if inside(np.array([float(survival)]), target.value)[0]:
            course = np.array([[float(survival), float(greenwood)]])
            if _fits(course, target, kind, level)[0]:
                return True
        for r in range(2, highest + 1):
            after = survival * Fraction(r - 1, r)
            if after >= least:
                stack.append((after, greenwood + Fraction(1, r * (r - 1)), r - 1))
    return False
