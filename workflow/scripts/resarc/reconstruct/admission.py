"""What no search could ever satisfy, said before one starts: printed values outside of what their
statistic can be, groups that nobody can belong to, curves of groups that do not exist.

A figure that contradicts others is no such fault: it is a finding about the paper (`conflicts`).
"""

from __future__ import annotations

import numpy as np

from resarc import domains
from resarc.errors import ReconstructionError
from resarc.protocol import Protocol
from resarc.published import Published
from resarc.reconstruct.layout import lay_out
from resarc.reconstruct.targets import compile_targets


def check(published: Published, protocol: Protocol) -> None:
    """Raises `ReconstructionError` at the first fault, naming the figure."""
    for figure, found, expected in domains.faults(published, protocol):
        _refuse(f"figure {figure.id} of {published.study}, {figure.estimand}", found, expected)
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
    raise ReconstructionError(place, found, expected, domains.REMEDY)
