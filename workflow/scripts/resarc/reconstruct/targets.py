"""From printed figures to what a dataset must satisfy.

Every figure that speaks of the reconstructed cohort becomes a range of exact values: those that
print as it does. Figures of one estimand are one `Target`, the intersection of their ranges.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from resarc.ensemble import Ensemble, Values, evaluate
from resarc.estimand import DAYS_PER_MONTH, Condition, Estimand
from resarc.protocol import Protocol
from resarc.published import Figure, Printed, Published, Range

# Recomputed values carry rounding errors of the last bits; a printed digit never turns on them.
EDGE = 1e-9


@dataclass(frozen=True)
class Target:
    """One estimand and the exact values that its printed figures allow; in canonical units.

    `lower` and `upper` are the ranges of the printed interval's limits.
    """

    estimand: Estimand
    value: Range
    lower: Range | None
    upper: Range | None
    figures: tuple[str, ...]
    claim: bool

    def holds(self, found: Values) -> np.ndarray:
        """In which members (M,) every printed digit is met."""
        held = inside(found.value, self.value)
        for bound, values in ((self.lower, found.lower), (self.upper, found.upper)):
            if bound is not None:
                held &= inside(values, bound) if values is not None else False
        return held

    def evaluate(self, ensemble: Ensemble) -> Values:
        """The estimand in every member, with limits only if the paper prints some."""
        intervals = self.lower is not None or self.upper is not None
        return evaluate(self.estimand, ensemble, intervals=intervals)


@dataclass(frozen=True)
class Unused:
    """A figure that is no target, and why."""

    figure: Figure
    reason: str
    against: tuple[str, ...] = ()
    """Figures of the same estimand, printed earlier, that exclude it."""


def inside(values: np.ndarray, allowed: Range) -> np.ndarray:
    """Which values lie in a range, with `EDGE` for the last bits; NaN lies in none."""
    with np.errstate(invalid="ignore"):
        above = (
            values > allowed.lower + EDGE if allowed.open_lower else values >= allowed.lower - EDGE
        )
        below = (
            values < allowed.upper - EDGE if allowed.open_upper else values <= allowed.upper + EDGE
        )
    return above & below


def intersect(a: Range | None, b: Range | None) -> Range | None:
    """Values in both ranges; an empty result has lower > upper."""
    if a is None or b is None:
        return a or b
    lower, upper = max(a.lower, b.lower), min(a.upper, b.upper)
    return Range(
        lower,
        upper,
        any(r.open_lower and r.lower == lower for r in (a, b)),
        any(r.open_upper and r.upper == upper for r in (a, b)),
    )


def is_empty(allowed: Range) -> bool:
    return allowed.lower > allowed.upper or (
        allowed.lower == allowed.upper and (allowed.open_lower or allowed.open_upper)
    )


ROUNDINGS = ("rounded", "truncated")
"""To the nearest, where a half may have gone either way (half up and half even are both covered), or
cut off after the last printed digit."""


@dataclass(frozen=True)
class Roundings:
    """How a paper's shares of patients and its rates of survival lost their digits. Other figures are
    taken as rounded: software prints them, whereas percentages are worked out by hand, too."""

    shares: str = "rounded"
    rates: str = "rounded"

    def of(self, estimand: Estimand) -> str:
        if estimand.statistic == "proportion":
            return self.shares
        return self.rates if estimand.statistic == "survival" else "rounded"


def compile_targets(
    published: Published, protocol: Protocol, roundings: Roundings | None = None
) -> tuple[list[Target], list[Unused]]:
    """Targets in the paper's order, and the figures that are none with the reason."""
    roundings = roundings or Roundings()
    targets: dict[str, Target] = {}
    unused: list[Unused] = []
    for figure in published.figures:
        fault = protocol.explain_fault(figure.estimand)
        if figure.not_available:
            unused.append(Unused(figure, "the paper prints that it gives no figure"))
        elif figure.estimand.subject == "flow":
            unused.append(
                Unused(figure, "held exactly by the patients screened, not by the cohort")
            )
        elif fault:
            unused.append(Unused(figure, fault))
        else:
            target = _target(figure, published, roundings.of(figure.estimand))
            key = str(figure.estimand)
            known = targets.get(key)
            if known is None:
                targets[key] = target
                continue
            merged = Target(
                known.estimand,
                intersect(known.value, target.value),
                intersect(known.lower, target.lower),
                intersect(known.upper, target.upper),
                known.figures + target.figures,
                known.claim and target.claim,
            )
            if is_empty(merged.value):
                reason = f"cannot hold together with {', '.join(known.figures)}, printed earlier"
                unused.append(Unused(figure, reason, known.figures))
            else:
                targets[key] = merged
    return list(targets.values()), unused


def _target(figure: Figure, published: Published, rounding: str) -> Target:
    factor = published.factor(figure)

    def exact(printed: Printed) -> Range:
        if rounding == "truncated":
            return printed.exact_values("truncated").scaled(factor)
        allowed = printed.exact_values().scaled(factor)
        # Half may have been rounded either way; only an inequality's own bound stays open.
        return (
            replace(allowed, open_upper=False, open_lower=False)
            if allowed.lower > -np.inf and allowed.upper < np.inf
            else allowed
        )

    bounds = figure.bounds
    value = exact(figure.value)
    if figure.estimand.subject in published.endpoints and figure.estimand.statistic in OBSERVED:
        value = _some_day(value)
    return Target(
        figure.estimand,
        value,
        exact(bounds[0]) if bounds else None,
        exact(bounds[1]) if bounds else None,
        (figure.id,),
        figure.claim,
    )


OBSERVED = ("median", "followup_median", "followup_minimum", "followup_maximum")
"""Statistics whose value is a time observed in a patient, hence a whole number of days."""


def _some_day(allowed: Range) -> Range:
    """The range, widened to the nearest whole day where it holds none.

    A time printed in months to two decimals may be no whole number of mean months' days: the paper
    divided by another length of the month. The nearest day is as near as dates can come.
    """
    if not np.isfinite(allowed.lower + allowed.upper):
        return allowed
    if np.ceil(allowed.lower * DAYS_PER_MONTH - 1e-6) <= allowed.upper * DAYS_PER_MONTH + 1e-6:
        return allowed
    day = round((allowed.lower + allowed.upper) / 2 * DAYS_PER_MONTH) / DAYS_PER_MONTH
    return Range(min(allowed.lower, day), max(allowed.upper, day))


def as_crude(target: Target) -> Target:
    """The same printed rate read as the crude share of patients observed beyond the time."""
    return as_share(target, "crude_rate")


def as_share(target: Target, statistic: str) -> Target:
    """The same printed rate read as a share of patients; limits of a share are not modelled."""
    e = target.estimand
    share = Estimand(statistic, e.subject, e.argument, e.where)
    return replace(target, estimand=share, lower=None, upper=None)


def conditions_on(estimand: Estimand) -> tuple[Condition, ...]:
    """The conditions of a count: those of the estimand, and the event that `events` counts."""
    if estimand.statistic == "events":
        return (*estimand.where, Condition(estimand.subject, "event"))
    return estimand.where


# --- distance ------------------------------------------------------------------------------------

_UNKNOWN = 3.0  # a statistic that a dataset does not have at all is far from any target


def distance(target: Target, found: Values, patients: int) -> np.ndarray:
    """How far each member (M,) is from the target; 0 where it holds.

    On the scale on which one patient moves a statistic by about the same amount: tests as normal
    deviates, ratios and times as logarithms, shares and counts in patients.
    """
    total = _distance(found.value, target.value, target.estimand, patients)
    for bound, values in ((target.lower, found.lower), (target.upper, found.upper)):
        if bound is not None:
            unknown = np.full_like(found.value, np.nan)
            total = total + _distance(
                values if values is not None else unknown, bound, target.estimand, patients
            )
    return total


def _distance(values: np.ndarray, allowed: Range, estimand: Estimand, patients: int) -> np.ndarray:
    scale = estimand.kind.scale
    low, high = allowed.lower, allowed.upper
    with np.errstate(divide="ignore", invalid="ignore"):
        if scale == "p":
            x, a, b = _deviate(values), _deviate(high), _deviate(low)
            gap = np.maximum(np.maximum(a - x, x - b), 0.0)
        elif scale in ("ratio", "months") or (estimand.statistic == "median"):
            x = np.log(np.maximum(values, 1e-12))
            gap = np.maximum(np.maximum(_log(low) - x, x - _log(high)), 0.0)
        elif scale == "unit":
            width = max(
                abs(low) if np.isfinite(low) else 0, abs(high) if np.isfinite(high) else 0, 1e-12
            )
            gap = np.maximum(np.maximum(low - values, values - high), 0.0) / width
        else:
            unit = 0.3 * (patients if scale in ("fraction", "difference") else 1)
            if scale == "unit difference":
                unit = 0.1
            gap = np.maximum(np.maximum(low - values, values - high), 0.0) * unit
    gap = np.where(np.isfinite(gap), gap, _UNKNOWN)
    held = inside(values, allowed)
    # A bound that is itself excluded must not look reached.
    return np.where(held, 0.0, np.maximum(gap, 1e-6))


def roots(allowed: Range, df: int) -> tuple[float, float]:
    """The range of the root of chi-squared within which p prints as it does."""
    from scipy.special import chdtri

    least, most = max(allowed.lower, 0.0), min(allowed.upper, 1.0)
    low = float(np.sqrt(chdtri(df, most))) if most < 1 else 0.0
    return low, float(np.sqrt(chdtri(df, least))) if least > 0 else np.inf


def _deviate(p: np.ndarray | float) -> np.ndarray:
    from scipy.special import ndtri

    return -ndtri(np.clip(p, 1e-12, 1.0) / 2)


def _log(x: float) -> float:
    return float(np.log(x)) if x > 0 else -np.inf
