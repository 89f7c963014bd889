"""Blocks: the variables that a reconstruction chooses, each with a finite set of codes.

A category is a block of its levels. A number is first only known by the interval between the
cut-points of every category cut from it; these intervals (bins) are its codes, and values come
last. An endpoint is, to the counts, a block of two: event, censored. Categories derived from a
block follow from its codes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from resarc.ensemble import Ensemble
from resarc.estimand import Condition
from resarc.protocol import Condition as Rule
from resarc.protocol import Derived, Protocol
from resarc.reconstruct.targets import Target


@dataclass(frozen=True)
class Block:
    """One variable to reconstruct.

    `views` maps each category that follows from the block, itself included, to the code of its
    level for every code of the block. `edges` are the ends of a number's bins: bin k is
    [edges[k], edges[k + 1]).
    """

    name: str
    kind: str
    size: int
    views: dict[str, np.ndarray]
    edges: tuple[float, ...] = ()

    def codes_where(self, condition: Condition, protocol: Protocol) -> np.ndarray:
        """Which of the block's codes meet a condition on one of its views."""
        return self.views[condition.variable] == protocol.levels(condition.variable).index(
            condition.level
        )

    def codes_meeting(self, rule: Rule, protocol: Protocol) -> np.ndarray:
        """Which codes meet a protocol's condition on one of the block's views."""
        return levels_meeting(rule, protocol)[self.views[rule.variable]]


def levels_meeting(rule: Rule, protocol: Protocol) -> np.ndarray:
    """Which levels of its category meet a protocol's condition; last, whether missing does (no)."""
    levels = protocol.levels(rule.variable)
    listed = [v in (rule.one_of or levels) and v not in (rule.none_of or ()) for v in levels]
    return np.array([*listed, False])


@dataclass(frozen=True)
class Layout:
    """Every block of a study, and which block each variable follows from."""

    protocol: Protocol
    blocks: dict[str, Block]
    source: dict[str, str]

    def of(self, variable: str) -> Block:
        """The block that a category, number or endpoint follows from."""
        return self.blocks[self.source[variable]]

    def show(self, ensemble: Ensemble, name: str, codes: np.ndarray) -> None:
        """Set what follows from a block's codes (M, n) in an ensemble that has no values yet."""
        block = self.blocks[name]
        for view, table in block.views.items():
            if block.kind != "endpoint":
                ensemble.codes[view] = table[codes]


def lay_out(protocol: Protocol, targets: list[Target]) -> Layout:
    """Blocks for every variable that a target or a constraint speaks of."""
    wanted = {name for target in targets for name in target.estimand.variables}
    for constraint in protocol.reconstruction.constraints if protocol.reconstruction else ():
        rules = (*constraint.among, *(constraint.implies or ()))
        pairs = (*(constraint.equal or ()), *(constraint.at_most or ()))
        wanted |= {rule.variable for rule in rules} | set(pairs)
    wanted |= set(protocol.endpoint_names)

    roots = {_root(name, protocol) for name in wanted if name not in protocol.endpoint_names}
    cuts: dict[str, set[float]] = {name: set() for name in roots}
    followers = [d for d in protocol.derived if d.is_category and _root(d.name, protocol) in roots]
    for item in followers:
        if item.cut and item.cut in roots:
            cuts[item.cut].update(item.at)
    blocks: dict[str, Block] = {}
    source: dict[str, str] = {}
    for name in [
        item.name for item in (*protocol.variables, *protocol.derived) if item.name in roots
    ]:
        views: dict[str, np.ndarray] = {}
        edges: tuple[float, ...] = ()
        if protocol.kind(name) == "number":
            edges = (-np.inf, *sorted(cuts[name]), np.inf)
            size = len(edges) - 1
        else:
            size = len(protocol.levels(name))
            views[name] = np.arange(size)
        for item in followers:
            if item.cut == name:
                views[item.name] = np.searchsorted(
                    np.array(item.at), np.array(edges[:-1]), side="right"
                )
            elif item.collapse in views:
                groups = list(item.groups.values())
                levels = protocol.levels(item.collapse)
                code = {level: k for k, group in enumerate(groups) for level in group}
                table = np.array([code.get(level, -1) for level in levels])
                views[item.name] = table[views[item.collapse]]
        blocks[name] = Block(name, protocol.kind(name), size, views, edges)
        source.update(dict.fromkeys([name, *views], name))
    for name in protocol.endpoint_names:
        blocks[name] = Block(name, "endpoint", 2, {name: np.arange(2)})
        source[name] = name
    return Layout(protocol, blocks, source)


def _root(name: str, protocol: Protocol) -> str:
    """The source variable, or the number between two dates, that a variable follows from."""
    item = protocol.variable(name)
    while isinstance(item, Derived) and item.is_category:
        item = protocol.variable(item.cut or item.collapse or "")
    return item.name
