"""How wide the interval of a hazard ratio can be, given digitised curves and numbers at risk.

The standard error of Cox's model of two groups is 1 over the root of the information, the sum of
p (1 - p) over events, p being the part of the one group in the risk set, weighted by the hazard ratio
(Cox, JRSS B 1972;34:187). Curves and numbers at risk bound both from below:

- between two numbers at risk n and m, survival falls from S to s. The factors of its product are 1 - 1/r
  with r above m, so that at least m (S / s - 1) events are needed, as many if all who are censored
  leave first;
- who is at risk at a time lies between m S(t) / s and n S(t) / S.

The smallest information over all curves within the tolerance is a convex programme in the logarithms
of survival at the numbers at risk. Its value is bounded by a tangent, which needs no trust in the
solver. An interval that is printed wider than the resulting error allows is no Wald interval of these
two curves.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.special import ndtri

from resarc.protocol import Protocol
from resarc.published import Published
from resarc.reconstruct.curves import Traced, traced
from resarc.reconstruct.exact import Conflict
from resarc.reconstruct.targets import EDGE, Target

TANGENT = "tangent of a convex programme"
CELL = 15
"""Days within which numbers at risk are bounded together."""


@dataclass(frozen=True)
class _Heights:
    """Survival just before any day, as the points of a group bound it."""

    group: Traced

    def low(self, day: float) -> float:
        own = self.group.heights[self.group.days - self.group.slack > day]
        return max(float(own.max(initial=0.0)) - self.group.tolerance, 0.0)

    def high(self, day: float) -> float:
        own = self.group.heights[self.group.days + self.group.slack < day]
        return min(float(own.min(initial=1.0)) + self.group.tolerance, 1.0) if day > 0 else 1.0

    def at_risk(self, day: float) -> tuple[float, float]:
        """The least and the most at risk on a day."""
        days, numbers = self.group.risk_days, self.group.at_risk
        j = int(np.searchsorted(days, day, side="right")) - 1
        most = float(numbers[j])
        if day == np.ceil(days[j]):  # patients leave on whole days
            return most, most
        if self.low(days[j]) > 0:
            most = min(most, numbers[j] * self.high(day) / self.low(days[j]))
        if j + 1 == len(days):
            return 0.0, most
        least = float(numbers[j + 1])
        return max(least, numbers[j + 1] * self.low(day) / self.high(days[j + 1])), most


def widest_error(groups: list[Traced], ratios: tuple[float, float]) -> float:
    """The largest standard error of the log hazard ratio of the first group against the second that
    curves within the tolerance allow, if the hazard ratio lies between `ratios`; infinite if they
    bound nothing."""
    heights = [_Heights(g) for g in groups]
    least = sum(_least_information(k, heights, ratios) for k in range(2))
    return float(1 / np.sqrt(least)) if least > 0 else np.inf


def _least_information(k: int, heights: list[_Heights], ratios: tuple[float, float]) -> float:
    """What the events of group k between its numbers at risk add to the information at least."""
    group = heights[k].group
    knots = group.risk_days
    if len(knots) < 2:
        return 0.0
    weight = np.array(
        [
            _least_share(a, b, heights, ratios) * n
            for a, b, n in zip(knots[:-1], knots[1:], group.at_risk[1:], strict=True)
        ]
    )
    low = np.array([heights[k].low(t) for t in knots])
    high = np.array([heights[k].high(t) for t in knots])
    low[0] = high[0] = 1.0
    if (
        low[1:] <= 0
    ).any():  # survival may have come to its end: only what is before says something
        last = int(np.argmax(low <= 0))
        low, high, weight = low[:last], high[:last], weight[: last - 1]
    return max(_tangent(weight, np.log(low), np.log(np.maximum(high, low))), 0.0)


def _least_share(
    start: float, end: float, heights: list[_Heights], ratios: tuple[float, float]
) -> float:
    """The least p (1 - p) of an event between two days."""
    edges = np.append(np.arange(np.ceil(start), end, CELL), np.ceil(end))
    least = 0.25
    for a, b in pairwise(edges):
        (low1, _), (low0, _) = (h.at_risk(b) for h in heights)
        (_, high1), (_, high0) = (h.at_risk(a) for h in heights)
        if low0 <= 0 or low1 <= 0:
            return 0.0
        for odds in (ratios[0] * low1 / high0, ratios[1] * high1 / low0):
            least = min(least, odds / (1 + odds) ** 2)
    return least


def _tangent(weight: np.ndarray, low: np.ndarray, high: np.ndarray) -> float:
    """A lower bound of the sum of weight x (exp(x[j] - x[j + 1]) - 1) over boxes."""
    from scipy.optimize import minimize

    def value(x: np.ndarray) -> tuple[float, np.ndarray]:
        terms = weight * np.exp(x[:-1] - x[1:])
        slope = np.zeros_like(x)
        slope[:-1] += terms
        slope[1:] -= terms
        return float((terms - weight).sum()), slope

    if not weight.size:
        return 0.0
    found = minimize(
        value, (low + high) / 2, jac=True, bounds=list(zip(low, high, strict=True)),
        method="L-BFGS-B",
    ).x  # fmt: skip
    found = np.clip(found, low, high)
    at, slope = value(found)
    return at + float(np.minimum(slope * (low - found), slope * (high - found)).sum())


def against_limits(
    published: Published, targets: list[Target], protocol: Protocol, patients: int
) -> list[Conflict]:
    """Printed limits of hazard ratios that curves of the same two groups do not leave room for."""
    found = []
    z = float(ndtri((1 + protocol.conventions.level) / 2))
    for curve in published.curves:
        groups = {
            g.where[0].level: g for g in traced(curve, published, protocol, patients) if g.where
        }
        for target in targets:
            e, value = target.estimand, target.value
            same = (e.statistic, e.subject, e.by) == ("hazard_ratio", curve.endpoint, curve.by)
            if not same or e.where or e.adjusted_for or e.contrast is None or len(groups) != 2:
                continue
            if not 0 < value.lower <= value.upper < np.inf:
                continue
            error = widest_error(
                [groups[level] for level in e.contrast], (value.lower, value.upper)
            )
            reach = np.exp(np.log([value.lower, value.upper]) + z * error * np.array([-1, 1]))
            beyond = []
            if target.lower is not None and target.lower.upper < reach[0] - EDGE:
                beyond.append(f"its lower limit is at least {reach[0]:.4g}")
            if target.upper is not None and target.upper.lower > reach[1] + EDGE:
                beyond.append(f"its upper limit is at most {reach[1]:.4g}")
            if beyond:
                proof = (
                    f"Within {curve.tolerance:.2%} of the points of {curve.id} and with its numbers at "
                    f"risk, the standard error of the log hazard ratio is at most {error:.4g}, so that "
                    f"of {e} {' and '.join(beyond)}."
                )
                found.append(Conflict((target,), proof, TANGENT))
    return found
