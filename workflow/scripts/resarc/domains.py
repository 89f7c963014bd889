"""What a printed value can be at all: shares from 0 to 1, whole counts, p-values, limits in order.

A figure that contradicts others is no such fault: it is a finding about the paper.
"""

from __future__ import annotations

from collections.abc import Iterator

from resarc.estimand import Estimand
from resarc.protocol import Protocol
from resarc.published import Figure, Printed, Published

INFINITE = float("inf")

DOMAINS: dict[str, tuple[float, float, str]] = {
    "count": (0, INFINITE, "a whole number of at least 0"),
    "fraction": (0, 1, "a share from 0 to 1 (0 to 100%)"),
    "difference": (-1, 1, "a difference of shares from -1 to 1"),
    "p": (0, 1, "a p-value from 0 to 1"),
    "ratio": (0, INFINITE, "a ratio of at least 0"),
    "months": (0, INFINITE, "a time of at least 0"),
}
"""By scale of the statistic, in canonical units. The unit of a number is its own: the protocol bounds
it."""

REMEDY = "Correct the figure; what the paper leaves out is printed: NA."


def faults(published: Published, protocol: Protocol) -> Iterator[tuple[Figure, str, str]]:
    """The figures whose value lies outside its domain, with what was found and what is expected."""
    for figure in published.figures:
        fault = None if figure.not_available else _fault(figure, published, protocol)
        if fault:
            yield figure, *fault


def _fault(figure: Figure, published: Published, protocol: Protocol) -> tuple[str, str] | None:
    factor = published.factor(figure)
    low, high, words = _domain(figure.estimand, protocol)
    for printed in (figure.value, *(figure.bounds or ())):
        if not _overlaps(printed, factor, low, high):
            return f"printed {_written(printed)} {figure.unit}".strip(), words
    counted = figure.estimand.kind.scale == "count" and figure.value.mark == "="
    if counted and figure.value.value != int(figure.value.value):
        return f"printed {figure.printed}", words
    if figure.bounds and figure.bounds[0].value > figure.bounds[1].value:
        interval = " to ".join(figure.interval or ())
        return f"an interval of {interval}", "the lower limit first"
    return None


def _domain(e: Estimand, protocol: Protocol) -> tuple[float, float, str]:
    if e.statistic == "median" and e.subject in protocol.endpoint_names:
        return DOMAINS["months"]
    if e.statistic == "sd":
        return 0, INFINITE, "a standard deviation of at least 0"
    return DOMAINS.get(e.kind.scale, (-INFINITE, INFINITE, "a number"))


def _overlaps(printed: Printed, factor: float, low: float, high: float) -> bool:
    """Whether a value in the domain can have been printed so."""
    value = float(printed.value) * factor
    if printed.mark.startswith("<"):
        return value > low or (value == low and printed.mark == "<=")
    if printed.mark.startswith(">"):
        return value < high or (value == high and printed.mark == ">=")
    return low - 1e-12 <= value <= high + 1e-12


def _written(printed: Printed) -> str:
    return f"{'' if printed.mark == '=' else printed.mark + ' '}{printed.value}"
