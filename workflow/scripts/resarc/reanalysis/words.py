"""Results in sentences, for one registry and for many datasets alike."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from resarc import tables
from resarc.estimand import Estimand
from resarc.protocol import Protocol
from resarc.quantities import format_ratio
from resarc.reanalysis.dataset import Data
from resarc.reanalysis.result import Changes

ALL, NONE, SOME, UNKNOWN = "all", "none", "some", "unknown"
OFTEN = {"yes": ALL, "open": SOME, "no": NONE, "not comparable": UNKNOWN}
"""How often a conclusion changes, by the word for it."""


def how_often(holds: np.ndarray, known: np.ndarray) -> str:
    """Whether something holds in all, none or some of the datasets that determine it."""
    if not known.any():
        return UNKNOWN
    found = holds[known]
    return ALL if found.all() else SOME if found.any() else NONE


def below(p: np.ndarray, alpha: float) -> str:
    with np.errstate(invalid="ignore"):
        return how_often(p < alpha, ~np.isnan(p))


def changes(before: np.ndarray, after: np.ndarray, alpha: float) -> Changes:
    """Whether two p-values lie on different sides of alpha: in every dataset, in none, in some."""
    known = ~np.isnan(before) & ~np.isnan(after)
    with np.errstate(invalid="ignore"):
        often = how_often((before < alpha) != (after < alpha), known)
    return {ALL: "yes", NONE: "no", SOME: "open", UNKNOWN: "not comparable"}[often]  # type: ignore[return-value]


def together(found: Iterable[Changes]) -> Changes:
    """One word for several comparisons: what weighs most."""
    seen = set(found)
    for word in ("yes", "open", "no"):
        if word in seen:
            return word  # type: ignore[return-value]
    return "not comparable"


def p(values: np.ndarray) -> str:
    """'0.03', or the range over the datasets."""
    return _range(values, tables.format_p)


def ratio(values: np.ndarray) -> str:
    return _range(values, format_ratio)


def months(values: np.ndarray) -> str:
    return f"{_range(values, lambda v: f'{v:.1f}')} months"


def share(values: np.ndarray) -> str:
    return _range(values, lambda v: f"{tables.fixed(100 * v, 0)}%")


def count(values: np.ndarray) -> str:
    return _range(values, lambda v: tables.fixed(v, 0))


def number(values: np.ndarray) -> str:
    return _range(values, lambda v: tables.fixed(v, 1))


def _range(values: np.ndarray, write: object) -> str:
    known = values[~np.isnan(values)]
    if not known.size:
        return tables.NOT_ESTIMABLE
    ends = [write(float(v)) for v in (known.min(), known.max())]  # type: ignore[operator]
    return ends[0] if ends[0] == ends[1] else f"{ends[0]} to {ends[1]}"


def where(often: str, data: Data) -> str:
    """' in every rebuilt dataset' and the like; nothing for a registry."""
    if not data.rebuilt:
        return ""
    return {
        ALL: " in every rebuilt dataset",
        NONE: " in no rebuilt dataset",
        SOME: " in some rebuilt datasets and not in others",
    }.get(often, "")


def sorted_out(found: Iterable[tuple[str, str]], data: Data) -> str:
    """Names with how often something holds of them: 'age in every rebuilt dataset; sex and size in
    some rebuilt datasets and not in others'; empty if it never does."""
    pairs = list(found)
    parts = []
    for often in (ALL, SOME):
        names = [name for name, state in pairs if state == often]
        if names:
            parts.append(f"{some_of(names)}{where(often, data)}")
    return "; ".join(parts)


def listed(names: Sequence[str]) -> str:
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"


def some_of(names: Sequence[str], most: int = 6) -> str:
    """A list that does not grow beyond a sentence."""
    names = list(dict.fromkeys(names))
    if len(names) > most:
        return f"{', '.join(names[:most])} and {len(names) - most} more"
    return listed(names)


def low(label: str) -> str:
    """A label inside a sentence."""
    return tables.inside(label)


def comparison(estimand: Estimand, protocol: Protocol) -> str:
    """What a hazard ratio compares: 'age (≥ 56 against < 56)'; with whom it is about."""
    label = low(protocol.label(estimand.by))
    extra = [low(tables.describe_condition(c, protocol)) for c in estimand.where]
    if estimand.contrast:
        one, other = (low(protocol.level_label(estimand.by, level)) for level in estimand.contrast)
        extra.insert(0, f"{one} against {other}")
    if estimand.adjusted_for:
        extra.append("adjusted")
    return f"{label} ({', '.join(extra)})" if extra else label


def short(estimand: Estimand, protocol: Protocol) -> str:
    """A comparison in a list: the factor alone where it has two levels, else with its level."""
    label = low(protocol.label(estimand.by))
    extra = [low(tables.describe_condition(c, protocol)) for c in estimand.where]
    if estimand.contrast and len(protocol.levels(estimand.by)) > 2:
        extra.insert(0, low(protocol.level_label(estimand.by, estimand.contrast[0])))
    if estimand.adjusted_for:
        extra.append("adjusted")
    return f"{label} ({', '.join(extra)})" if extra else label


def factor(name: str, protocol: Protocol) -> str:
    return low(protocol.label(name))
