"""Identified sets and bands of survival curves, read off the members of an ensemble.

The members are different datasets that agree with all targets: a random sample, and those that `push`
found at the ends. The range of an estimand over them is an *inner* bound of its identified set: the
datasets at its ends exist, datasets beyond them may exist and were not met. Only where it reaches what
`enumeration` proves to be the outermost is it the whole set. Source of the notion: Manski, Partial
Identification of Probability Distributions, 2003.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from resarc import ensemble as ensembles
from resarc.analysis import categories_with, families
from resarc.ensemble import Ensemble
from resarc.estimand import Condition, Estimand
from resarc.output import significant
from resarc.protocol import Protocol
from resarc.reconstruct.targets import Target
from resarc.survival import batch, multiplicity

COLUMNS = (
    "estimand", "lower", "upper", "direction", "target", "how", "members", "undetermined",
    "lower_member", "upper_member", "sample_lower", "sample_upper", "outer_lower", "outer_upper",
)  # fmt: skip
HYPOTHESIS_COLUMNS = ("hypothesis", "estimand", "lower", "upper", "direction", "members")
HYPOTHESIS = "hypothesis"
"""The column of the ensemble that names the reading of the figures under which a member was built."""
ADJUSTED_COLUMNS = (
    "analysis", "estimand", "tests", "holm_lower", "holm_upper", "bh_lower", "bh_upper",
)  # fmt: skip
BY_CONSTRUCTION = "by construction"
SAMPLE = "sample"
SEARCH = "search"
EXACT = "exact enumeration"
NOT_RECONSTRUCTED = "not reconstructed"
IDENTIFIED = "identified"
NOT_IDENTIFIED = "not identified"

GRID = 120
"""Most times at which a band of curves is given."""

_EDGE = 1e-9
"""Values on the edge of a printed range carry rounding errors; the same slack as when targets are
met."""

NEUTRAL = {
    "hazard_ratio": 1.0,
    "median_difference": 0.0,
    "rmst_difference": 0.0,
    "survival_difference": 0.0,
}
"""The value at which a contrast says that its two groups do not differ."""

_HELD = ("target", "claim")
"""Statuses in targets.csv of figures that every member was made to meet."""


def identify(
    estimands: Iterable[Estimand],
    ensemble_frame: pd.DataFrame,
    protocol: Protocol,
    targets: pd.DataFrame,
    *,
    pushed: int = 0,
    sought: Collection[Estimand] = (),
    outermost: Mapping[Estimand, tuple[float, float]] | None = None,
) -> pd.DataFrame:
    """Bounds of each estimand over all members; one row each, columns `COLUMNS`.

    `lower` and `upper` are the smallest and largest value in any member that determines it, and
    `lower_member` and `upper_member` the first members that show them; `members` counts those that
    determine it, `undetermined` is the share of the others. A median that a member's curve does not
    reach is infinite, and so is the hazard ratio of groups that the events separate (or 0).

    The last `pushed` members of the frame were pushed to the ends of the estimands `sought`;
    `sample_lower` and `sample_upper` are the range over the others. `how` says where the bounds come
    from: `by construction` for a target that every member holds; `exact enumeration` where they reach
    what was proved to be the outermost (`outermost`, given in `outer_lower` and `outer_upper`);
    `search` where they were sought; else `sample`. `direction` of a contrast (hazard ratios against 1,
    differences against 0) is `identified` only if every member, pushed ones too, determines it on the
    same side.

    An estimand of a variable that was not reconstructed has no bounds, `how` says so. Numbers of
    eligibility, which are not about the cohort, are left out. `targets` as in targets.csv: there
    `estimand` is the reading under which a figure was met.
    """
    ensemble = ensembles.from_frame(ensemble_frame, protocol)
    numbers = ensemble_frame["member"].unique() if "member" in ensemble_frame else np.zeros(1)
    goals = _goals(targets)
    found = dict.fromkeys((*sought, *map(_reverse, sought)))
    proved = dict(outermost or {})
    rows = [
        _row(estimand, ensemble, numbers, goals.get(str(estimand), []), pushed)
        | _origin(estimand in found, proved.get(estimand))
        for estimand in estimands
        if estimand.subject != "flow"
    ]
    for row in rows:
        row["how"] = _how(row)
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    types = dict.fromkeys((*COLUMNS[1:3], "undetermined", *COLUMNS[10:]), float)
    types |= {"members": int, "target": bool, "lower_member": "Int64", "upper_member": "Int64"}
    return significant(table.astype(types))


def _reverse(estimand: Estimand) -> Estimand:
    """The same contrast the other way round."""
    return replace(estimand, contrast=estimand.contrast[::-1]) if estimand.contrast else estimand


def _origin(sought: bool, outermost: tuple[float, float] | None) -> dict[str, object]:
    low, high = outermost or (np.nan, np.nan)
    return {"outer_lower": low, "outer_upper": high, "sought": sought}


def _how(row: dict[str, object]) -> str:
    if row["how"] != SAMPLE:
        return str(row["how"])
    ends = (("lower", "outer_lower"), ("upper", "outer_upper"))
    if all(abs(float(row[a]) - float(row[b])) <= _EDGE for a, b in ends):
        return EXACT
    return SEARCH if row["sought"] else SAMPLE


def identify_by_hypothesis(
    estimands: Iterable[Estimand], ensemble_frame: pd.DataFrame, protocol: Protocol
) -> pd.DataFrame:
    """Bounds under each hypothesis apart, of the estimands whose bounds differ between hypotheses;
    columns `HYPOTHESIS_COLUMNS`. Empty where all members were built under one hypothesis."""
    parts = list(hypotheses(ensemble_frame))
    rows: list[tuple[object, ...]] = []
    if len(parts) > 1:
        of_part = [(name, ensembles.from_frame(part, protocol)) for name, part in parts]
        for estimand in estimands:
            if estimand.subject == "flow" or not of_part[0][1].has(estimand):
                continue
            found = []
            for name, ensemble in of_part:
                row = _row(estimand, ensemble, np.arange(ensemble.shape[0]), [], 0)
                found.append((name, str(estimand), *(row[c] for c in HYPOTHESIS_COLUMNS[2:])))
            ends = {(f"{low:.9g}", f"{high:.9g}") for _, _, low, high, *_ in found}
            rows += found if len(ends) > 1 else []
    table = pd.DataFrame(rows, columns=list(HYPOTHESIS_COLUMNS))
    return significant(table.astype({"lower": float, "upper": float, "members": int}))


def hypotheses(ensemble_frame: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """The members built under each reading of the figures, with its name; all, if it says nothing."""
    if HYPOTHESIS not in ensemble_frame:
        yield "", ensemble_frame
        return
    for name in sorted(ensemble_frame[HYPOTHESIS].dropna().unique()):
        yield str(name), ensemble_frame[ensemble_frame[HYPOTHESIS] == name]


def identify_adjusted(ensemble_frame: pd.DataFrame, protocol: Protocol) -> pd.DataFrame:
    """Bounds of the adjusted p-values of each univariable table; columns `ADJUSTED_COLUMNS`.

    The tests of a family (`analysis.families`) are adjusted together in each member, then bounded
    over the members. `tests` is the greatest number of tests with a result in a member. A test of a
    variable that was not reconstructed has no bounds and is not counted.
    """
    ensemble = ensembles.from_frame(ensemble_frame, protocol)
    rows = []
    for analysis, tests in families(protocol).items():
        p = np.full((ensemble.shape[0], len(tests)), np.nan)
        for place, estimand in enumerate(tests):
            if ensemble.has(estimand):
                p[:, place] = values_of(estimand, ensemble)
        count = int((~np.isnan(p)).sum(axis=1).max(initial=0))
        ranges = [_range(multiplicity.adjusted(p, method)) for method in multiplicity.METHODS]
        for place, estimand in enumerate(tests):
            bounds = [(low[place], high[place]) for low, high in ranges]
            rows.append((analysis, str(estimand), count, *bounds[0], *bounds[1]))
    table = pd.DataFrame(rows, columns=list(ADJUSTED_COLUMNS))
    return significant(table.astype(dict.fromkeys(ADJUSTED_COLUMNS[3:], float)))


def _range(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Smallest and largest known value of each column (M, m); NaN where there is none."""
    return np.fmin.reduce(values, axis=0), np.fmax.reduce(values, axis=0)


def _row(
    estimand: Estimand,
    ensemble: Ensemble,
    numbers: np.ndarray,
    goals: list[tuple[float, float]],
    pushed: int,
) -> dict[str, object]:
    row: dict[str, object] = {"estimand": str(estimand), "lower": np.nan, "upper": np.nan}
    row |= {"lower_member": pd.NA, "upper_member": pd.NA}
    row |= {"sample_lower": np.nan, "sample_upper": np.nan}
    row |= {"direction": "", "target": False, "how": NOT_RECONSTRUCTED, "members": 0}
    row["undetermined"] = 1.0
    if estimand.statistic in NEUTRAL:
        row["direction"] = NOT_IDENTIFIED
    if not ensemble.has(estimand):
        return row
    values = values_of(estimand, ensemble)
    known = values[~np.isnan(values)]
    row |= {
        "how": SAMPLE,
        "members": known.size,
        "undetermined": 1 - known.size / values.size,
    }
    if known.size:
        row |= {"lower": known.min(), "upper": known.max()}
        row["lower_member"] = numbers[int(np.nanargmin(values))]
        row["upper_member"] = numbers[int(np.nanargmax(values))]
        sampled = values[: len(values) - pushed]
        sampled = sampled[~np.isnan(sampled)]
        if sampled.size:
            row |= {"sample_lower": sampled.min(), "sample_upper": sampled.max()}
    if estimand.statistic in NEUTRAL and _one_sided(values, NEUTRAL[estimand.statistic]):
        row["direction"] = IDENTIFIED
    if any(_within(values, *goal) for goal in goals):
        row |= {"target": True, "how": BY_CONSTRUCTION}
    return row


def values_of(estimand: Estimand, ensemble: Ensemble) -> np.ndarray:
    """The estimand in every member (M,), NaN where the member does not determine it."""
    values = ensembles.evaluate(estimand, ensemble, intervals=False).value
    not_reached = np.isnan(values)
    if estimand.subject not in ensemble.times or not not_reached.any():
        return values
    if estimand.statistic not in ("median", "reverse_followup_median"):
        return values
    # Somebody is followed up, but the curve ends above one half.
    followed = ~np.isnan(ensemble.times[estimand.subject])
    mask = ensemble.mask(estimand.where)
    followed = followed if mask is None else followed & mask
    return np.where(not_reached & followed.any(axis=1), np.inf, values)


def held_by_all(target: Target, ensemble: Ensemble) -> bool:
    """Whether every member holds a target."""
    return bool(target.holds(target.evaluate(ensemble)).all())


def _one_sided(values: np.ndarray, neutral: float) -> bool:
    """Whether all members lie on one side of no difference; NaN lies on none."""
    return bool((values > neutral).all() or (values < neutral).all())


def _within(values: np.ndarray, lower: float, upper: float) -> bool:
    """Whether every member's value lies in a range whose unknown ends are open."""
    low = -np.inf if np.isnan(lower) else lower - _EDGE * max(abs(lower), 1.0)
    high = np.inf if np.isnan(upper) else upper + _EDGE * max(abs(upper), 1.0)
    return bool(((values >= low) & (values <= high)).all())


def _goals(targets: pd.DataFrame) -> dict[str, list[tuple[float, float]]]:
    """Ranges of the targets that all members hold, by the estimand under which they were met."""
    held = targets[targets["status"].isin(_HELD) & (targets["share_held"].astype(float) == 1)]
    found: dict[str, list[tuple[float, float]]] = {}
    for text, lower, upper in zip(held["estimand"], held["lower"], held["upper"], strict=True):
        found.setdefault(str(Estimand.parse(text)), []).append((float(lower), float(upper)))
    return found


def envelopes(ensemble_frame: pd.DataFrame, protocol: Protocol) -> pd.DataFrame:
    """Bands that hold the Kaplan-Meier curves of all members: of the whole cohort, and by each
    level of every category that an analysis uses with the endpoint, as in `analysis.curves`.

    Columns `endpoint, variable, level` (both empty for the whole cohort) `, time` (months; at most
    `GRID` from 0 to the longest time), `lower, upper` (of S) and `at_risk_lower, at_risk_upper`. A
    member says nothing about S beyond its last follow-up; times at which none does are left out.
    """
    ensemble = ensembles.from_frame(ensemble_frame, protocol)
    parts = []
    for endpoint in ensemble.times:
        longest = np.nanmax(ensemble.times[endpoint], initial=0.0)
        grid = np.linspace(0.0, longest, GRID)
        groups: list[tuple[str, str]] = [("", "")]
        for variable in categories_with(protocol, endpoint):
            groups += [(variable, level) for level in protocol.levels(variable)]
        for variable, level in groups:
            part = _band(ensemble, endpoint, variable, level, grid)
            if part is not None:
                parts.append(part)
    columns = ["endpoint", "variable", "level", "time", "lower", "upper"]
    columns += ["at_risk_lower", "at_risk_upper"]
    if not parts:
        return pd.DataFrame(columns=columns)
    return significant(pd.concat(parts, ignore_index=True)[columns])


def _band(
    ensemble: Ensemble, endpoint: str, variable: str, level: str, grid: np.ndarray
) -> pd.DataFrame | None:
    """The band of one group; None if it was not reconstructed or no member has a patient in it."""
    try:
        mask = ensemble.mask((Condition(variable, level),) if variable else ())
    except KeyError:
        return None
    order = ensemble.order(endpoint)
    survival, _ = batch.km_at(
        ensemble.times[endpoint], ensemble.events[endpoint], mask, grid[None], order=order
    )
    known = ~np.isnan(survival).all(axis=0)
    if not known.any():
        return None
    part = order.taking_part(mask)
    at_risk = np.stack([(part & (order.time >= t)).sum(axis=1) for t in grid[known]], axis=1)
    return pd.DataFrame(
        {
            "endpoint": endpoint,
            "variable": variable,
            "level": level,
            "time": grid[known],
            "lower": np.nanmin(survival[:, known], axis=0),
            "upper": np.nanmax(survival[:, known], axis=0),
            "at_risk_lower": at_risk.min(axis=0),
            "at_risk_upper": at_risk.max(axis=0),
        }
    )
