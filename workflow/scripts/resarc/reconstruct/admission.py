"""What no search could ever satisfy, said before one starts: printed values outside of what their
statistic can be, groups that nobody can belong to, curves of groups that do not exist.

A figure that contradicts others is no such fault: it is a finding about the paper (`conflicts`).
"""

from __future__ import annotations

import numpy as np

from resarc.errors import ReconstructionError
from resarc.estimand import Estimand
from resarc.protocol import Protocol
from resarc.published import Figure, Printed, Published
from resarc.reconstruct.layout import lay_out
from resarc.reconstruct.targets import compile_targets

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


def check(published: Published, protocol: Protocol) -> None:
    """Raises `ReconstructionError` at the first fault, naming the figure."""
    for figure in published.figures:
        if figure.not_available:
            continue
        _check_value(figure, published, protocol)
    _check_groups(published, protocol)
    for curve in published.curves:
        place = f"curve {curve.id} of {published.study}"
        if curve.endpoint not in protocol.endpoint_names:
            _refuse(place, f"endpoint {curve.endpoint!r}", ", ".join(protocol.endpoint_names))
        levels = protocol.levels(curve.by) if curve.by in protocol.names("category") else ()
        if curve.by and not levels:
            _refuse(place, f"by {curve.by!r}", "a category of the protocol")
        wanted, given = set(levels or ("",)), {group.level for group in curve.groups}
        if wanted != given:
            found = f"groups {', '.join(sorted(map(repr, given)))}"
            _refuse(place, found, f"one curve for each of {', '.join(sorted(map(repr, wanted)))}")


def _check_value(figure: Figure, published: Published, protocol: Protocol) -> None:
    e, factor = figure.estimand, published.factor(figure)
    place = f"figure {figure.id} of {published.study}, {e}"
    values = [figure.value, *(figure.bounds or ())]
    low, high, words = _domain(e, protocol)
    for printed in values:
        if not _overlaps(printed, factor, low, high):
            _refuse(place, f"printed {_written(printed)} {figure.unit}".strip(), words)
    counted = e.kind.scale == "count" and figure.value.mark == "="
    if counted and figure.value.value != int(figure.value.value):
        _refuse(place, f"printed {figure.printed}", words)
    if figure.bounds and figure.bounds[0].value > figure.bounds[1].value:
        interval = " to ".join(figure.interval or ())
        _refuse(place, f"an interval of {interval}", "the lower limit first")


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


def _check_groups(published: Published, protocol: Protocol) -> None:
    """Conditions on what follows from one variable must leave some value of it."""
    targets, _ = compile_targets(published, protocol)
    layout = lay_out(protocol, targets)
    for target in targets:
        open_codes: dict[str, np.ndarray] = {}
        for condition in target.estimand.where:
            block = layout.of(condition.variable)
            codes = block.codes_where(condition, protocol)
            open_codes[block.name] = open_codes.get(block.name, np.ones_like(codes)) & codes
        for name, codes in open_codes.items():
            if not codes.any():
                figures = ", ".join(target.figures)
                _refuse(
                    f"figure {figures} of {published.study}, {target.estimand}",
                    f"conditions that no value of {name!r} meets together",
                    "a group that somebody can belong to",
                )


def _refuse(place: str, found: str, expected: str) -> None:
    raise ReconstructionError(
        place, found, expected, "Correct the figure; what the paper leaves out is printed: NA."
    )
