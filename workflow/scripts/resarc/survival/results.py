"""What the statistics return."""

from __future__ import annotations

from dataclasses import dataclass
from math import nan
from typing import Any


@dataclass(frozen=True)
class Estimate:
    """A value with its confidence limits; NaN where the data do not determine it.

    `se` is on the scale of `value`. `method` names estimator and interval.
    """

    value: float
    lower: float = nan
    upper: float = nan
    se: float = nan
    p: float = nan
    method: str = ""


@dataclass(frozen=True)
class TestResult:
    """A test's statistic, degrees of freedom and p-value.

    `groups`, `observed` and `expected` have one entry per group, in the same order, where the test
    has groups. `statistic` and `p` are NaN where the data cannot say anything (no events, fewer
    than two groups ever at risk); `method` names test and variant; `details` holds what else a
    reader needs to judge it.
    """

    __test__ = False  # the name starts with "Test", but pytest has nothing to collect here

    statistic: float
    df: float
    p: float
    method: str
    groups: tuple[Any, ...] = ()
    observed: tuple[float, ...] = ()
    expected: tuple[float, ...] = ()
    details: tuple[tuple[str, Any], ...] = ()

    def detail(self, name: str) -> Any:
        """The entry of `details` with this name."""
        return dict(self.details)[name]
