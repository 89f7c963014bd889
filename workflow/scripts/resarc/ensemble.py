"""Many datasets of one study at once, and any estimand in each of them.

Reconstruction judges its members, and identification bounds what they say, by the same function:
`evaluate`. Its values equal those of `analysis.evaluate` on each member (a test holds them
together); it is some hundred times faster because all members share one pass of
`survival.batch`.

Arrays are (members, patients). A category is a code into its levels (-1 missing), a number a float
in its unit (NaN missing), an endpoint a time in months and an event flag.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy.special import chdtrc, ndtr

from resarc.estimand import Condition, Estimand
from resarc.protocol import Derived, Protocol
from resarc.survival import batch
from resarc.survival.batch import RiskOrder
from resarc.survival.kaplan_meier import limits

NAN = float("nan")


@dataclass(frozen=True)
class Values:
    """One estimand in every member: value and interval limits (M,); NaN where there is none."""

    value: np.ndarray
    lower: np.ndarray | None = None
    upper: np.ndarray | None = None


@dataclass
class Ensemble:
    """Members of a study's reconstruction as arrays. `orders` caches the sorting by time."""

    protocol: Protocol
    codes: dict[str, np.ndarray]
    numbers: dict[str, np.ndarray]
    times: dict[str, np.ndarray]
    events: dict[str, np.ndarray]
    orders: dict[str, RiskOrder] = field(default_factory=dict)

    @property
    def shape(self) -> tuple[int, int]:
        arrays = (*self.times.values(), *self.codes.values(), *self.numbers.values())
        return np.atleast_2d(next(iter(arrays))).shape

    def order(self, endpoint: str) -> RiskOrder:
        if endpoint not in self.orders:
            self.orders[endpoint] = batch.risk_order(self.times[endpoint], self.events[endpoint])
        return self.orders[endpoint]

    def take(self, rows: np.ndarray) -> Ensemble:
        """The members of these rows."""

        def rows_of(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
            return {name: values[rows] for name, values in arrays.items()}

        return Ensemble(
            self.protocol,
            rows_of(self.codes),
            rows_of(self.numbers),
            rows_of(self.times),
            rows_of(self.events),
        )

    def code(self, name: str) -> np.ndarray:
        """Codes (M, n) of a category; a derived one is made from what it derives from, an
        endpoint is event (0) or censored (1)."""
        if name in self.codes:
            return self.codes[name]
        if name in self.times:
            return np.where(np.isnan(self.times[name]), -1, np.where(self.events[name], 0, 1))
        item = self.protocol.variable(name)
        if isinstance(item, Derived) and item.cut:
            values = self.number(item.cut)
            codes = np.searchsorted(np.array(item.at), values, side="right")
            return np.where(np.isnan(values), -1, codes)
        if isinstance(item, Derived) and item.collapse:
            sources = self.protocol.levels(item.collapse)
            table = np.full(len(sources) + 1, -1)
            for code, group in enumerate(item.groups.values()):
                table[[sources.index(level) for level in group]] = code
            return table[self.code(item.collapse)]
        raise KeyError(name)

    def number(self, name: str) -> np.ndarray:
        return self.numbers[name]

    def has(self, estimand: Estimand) -> bool:
        """Whether every variable that the estimand speaks of has been reconstructed."""
        for name in estimand.variables:
            try:
                if name in self.times or name in self.numbers:
                    continue
                self.code(name)
            except KeyError:
                return False
        return True

    def mask(self, where: tuple[Condition, ...]) -> np.ndarray | None:
        """Patients (M, n) who meet the conditions; None for everybody."""
        found = None
        for condition in where:
            level = self.protocol.levels(condition.variable).index(condition.level)
            meets = self.code(condition.variable) == level
            found = meets if found is None else found & meets
        return found


def from_frame(frame: pd.DataFrame, protocol: Protocol) -> Ensemble:
    """An ensemble from its table (ensemble.parquet), or one dataset as an ensemble of one."""
    members = frame["member"].nunique() if "member" in frame else 1
    shape = (members, len(frame) // members)
    codes: dict[str, np.ndarray] = {}
    numbers: dict[str, np.ndarray] = {}
    for name in frame.columns.intersection(
        pd.Index([*protocol.names("category"), *protocol.names("number")])
    ):
        if protocol.kind(name) == "number":
            numbers[name] = frame[name].to_numpy(dtype=float).reshape(shape)
        else:
            values = pd.Categorical(frame[name], categories=list(protocol.levels(name)))
            codes[name] = values.codes.astype(np.int64).reshape(shape)
    times, events = {}, {}
    for name in protocol.endpoint_names:
        if f"{name}_time" in frame:
            times[name] = frame[f"{name}_time"].to_numpy(dtype=float).reshape(shape)
            events[name] = frame[f"{name}_event"].to_numpy(dtype=float).reshape(shape) == 1
    return Ensemble(protocol, codes, numbers, times, events)


def to_frame(ensemble: Ensemble) -> pd.DataFrame:
    """The table of an ensemble: member, patient, variables, derived variables, endpoints."""
    protocol = ensemble.protocol
    members, patients = ensemble.shape
    columns: dict[str, object] = {
        "member": np.repeat(np.arange(members), patients),
        "patient": np.tile([f"P{i + 1:04d}" for i in range(patients)], members),
    }
    for item in (*protocol.variables, *protocol.derived):
        if protocol.kind(item.name) == "number" and item.name in ensemble.numbers:
            columns[item.name] = ensemble.numbers[item.name].ravel()
        elif protocol.kind(item.name) == "category":
            try:
                codes = ensemble.code(item.name).ravel()
            except KeyError:
                continue
            levels = np.array([*protocol.levels(item.name), None], dtype=object)
            columns[item.name] = levels[codes]
    for name in ensemble.times:
        columns[f"{name}_time"] = ensemble.times[name].ravel()
        columns[f"{name}_event"] = ensemble.events[name].ravel().astype(float)
    return pd.DataFrame(columns)


def evaluate(estimand: Estimand, ensemble: Ensemble, *, intervals: bool = True) -> Values:
    """The estimand in every member. NaN where a member does not determine it (no such patients,
    no events, not reached); `KeyError` where a variable was not reconstructed. Without `intervals`
    the limits of survival and of medians, which cost time, are left out."""
    subject_is_endpoint = estimand.subject in ensemble.times
    table = _ENDPOINT if subject_is_endpoint and estimand.statistic in _ENDPOINT else _OTHER
    mask = ensemble.mask(estimand.where)
    if not intervals and table is _ENDPOINT and estimand.statistic in _POINTS:
        return Values(_POINTS[estimand.statistic](estimand, ensemble, mask))
    return table[estimand.statistic](estimand, ensemble, mask)


# --- masks and groups ---------------------------------------------------------------------------

Mask = np.ndarray | None
Function = Callable[[Estimand, Ensemble, Mask], Values]


def _and(mask: Mask, other: np.ndarray) -> np.ndarray:
    return other if mask is None else mask & other


def _everybody(ensemble: Ensemble, mask: Mask) -> np.ndarray:
    return np.ones(ensemble.shape, dtype=bool) if mask is None else mask


def _contrast(e: Estimand, ensemble: Ensemble, mask: Mask) -> tuple[np.ndarray, np.ndarray]:
    """Masks (M, n) of the two groups that a contrast compares."""
    levels = ensemble.protocol.levels(e.by)
    code = ensemble.code(e.by)
    first, second = (code == levels.index(level) for level in e.contrast or ())
    return _and(mask, first), _and(mask, second)


def _design(names: tuple[str, ...], ensemble: Ensemble) -> tuple[np.ndarray, np.ndarray]:
    """Covariates (M, n, p), numbers as they are and categories by indicators against the first
    level, and the mask of patients who have them all."""
    columns, complete = [], np.ones(ensemble.shape, dtype=bool)
    for name in names:
        if ensemble.protocol.kind(name) == "number":
            values = ensemble.number(name)
            complete &= ~np.isnan(values)
            columns.append(np.nan_to_num(values))
        else:
            code = ensemble.code(name)
            complete &= code >= 0
            columns += [
                (code == k).astype(float) for k in range(1, len(ensemble.protocol.levels(name)))
            ]
    return np.stack(columns, axis=2) if columns else np.zeros((*ensemble.shape, 0)), complete


# --- counts and tables --------------------------------------------------------------------------


def _n(_: Estimand, ensemble: Ensemble, mask: Mask) -> Values:
    return Values(_everybody(ensemble, mask).sum(axis=1).astype(float))


def _proportion(e: Estimand, ensemble: Ensemble, mask: Mask) -> Values:
    code = ensemble.code(e.subject)
    level = ensemble.protocol.levels(e.subject).index(str(e.argument))
    known = _and(mask, code >= 0)
    with np.errstate(invalid="ignore"):
        return Values((known & (code == level)).sum(axis=1) / known.sum(axis=1))


def _cross_table(e: Estimand, ensemble: Ensemble, mask: Mask) -> np.ndarray:
    """Counts (M, levels of the subject, levels of by)."""
    rows, columns = ensemble.code(e.subject), ensemble.code(e.by)
    r, c = len(ensemble.protocol.levels(e.subject)), len(ensemble.protocol.levels(e.by))
    part = _and(mask, (rows >= 0) & (columns >= 0))
    members = rows.shape[0]
    cell = np.arange(members)[:, None] * r * c + rows * c + columns
    counts = np.bincount(cell[part], minlength=members * r * c)
    return counts.reshape(members, r, c).astype(float)


def _chi2_p(e: Estimand, ensemble: Ensemble, mask: Mask) -> Values:
    """Pearson's chi-squared test without continuity correction, empty rows and columns left out."""
    table = _cross_table(e, ensemble, mask)
    rows, columns, total = table.sum(2), table.sum(1), table.sum((1, 2))
    with np.errstate(divide="ignore", invalid="ignore"):
        expected = rows[:, :, None] * columns[:, None, :] / total[:, None, None]
        chi2 = np.nansum(
            np.where(expected > 0, (table - expected) ** 2 / expected, 0.0), axis=(1, 2)
        )
    df = ((rows > 0).sum(1) - 1) * ((columns > 0).sum(1) - 1)
    return Values(np.where(df > 0, chdtrc(np.maximum(df, 1), chi2), NAN))


def _fisher_p(e: Estimand, ensemble: Ensemble, mask: Mask) -> Values:
    from resarc.survival.contingency import fisher_exact

    tables, place = np.unique(_cross_table(e, ensemble, mask), axis=0, return_inverse=True)
    return Values(np.array([fisher_exact(table).p for table in tables])[place.ravel()])


def _trend_p(e: Estimand, ensemble: Ensemble, mask: Mask) -> Values:
    """Linear-by-linear association with scores 1, 2, …: (N - 1) r^2 on one degree of freedom."""
    table = _cross_table(e, ensemble, mask)
    total = table.sum((1, 2))
    u, v = np.arange(table.shape[1]), np.arange(table.shape[2])
    with np.errstate(divide="ignore", invalid="ignore"):
        mean_u, mean_v = table.sum(2) @ u / total, table.sum(1) @ v / total
        du, dv = u - mean_u[:, None], v - mean_v[:, None]
        covariance = np.einsum("mij,mi,mj->m", table, du, dv)
        r2 = covariance**2 / ((table.sum(2) * du**2).sum(1) * (table.sum(1) * dv**2).sum(1))
        return Values(chdtrc(1.0, (total - 1) * r2))


# --- numbers ------------------------------------------------------------------------------------


def _masked(ensemble: Ensemble, name: str, mask: Mask) -> np.ndarray:
    values = ensemble.number(name)
    return values if mask is None else np.where(mask, values, NAN)


def _summary(values: np.ndarray, statistic: str) -> np.ndarray:
    """A summary of each row without its NaN; quartiles interpolate linearly (R's type 7)."""
    known = ~np.isnan(values)
    count = known.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        if statistic in ("mean", "sd"):
            mean = np.where(known, values, 0.0).sum(axis=1) / count
            if statistic == "mean":
                return mean
            square = np.where(known, (values - mean[:, None]) ** 2, 0.0).sum(axis=1)
            return np.sqrt(np.where(count > 1, square / (count - 1), NAN))
    if statistic in ("minimum", "maximum"):
        extreme = np.fmin if statistic == "minimum" else np.fmax
        return extreme.reduce(values, axis=1)
    ordered = np.sort(values, axis=1)  # NaN come last
    p = {"q1": 0.25, "median": 0.5, "q3": 0.75}[statistic]
    at = p * np.maximum(count - 1, 0)
    below, rows = np.floor(at).astype(int), np.arange(len(values))
    low, high = ordered[rows, below], ordered[rows, np.minimum(below + 1, values.shape[1] - 1)]
    between = at - below
    return np.where(between > 0, low + between * (np.where(between > 0, high, low) - low), low)


def _number(e: Estimand, ensemble: Ensemble, mask: Mask) -> Values:
    return Values(_summary(_masked(ensemble, e.subject, mask), e.statistic))


def _median_difference(e: Estimand, ensemble: Ensemble, mask: Mask) -> Values:
    first, second = (
        _summary(_masked(ensemble, e.subject, group), "median")
        for group in _contrast(e, ensemble, mask)
    )
    return Values(first - second)


def _rank_test(e: Estimand, ensemble: Ensemble, mask: Mask) -> Values:
    """Mann-Whitney's test by the normal approximation with ties and continuity correction, or
    Kruskal-Wallis' by the chi-squared one."""
    from scipy.stats import rankdata

    values = _masked(ensemble, e.subject, _and(mask, ensemble.code(e.by) >= 0))
    known = ~np.isnan(values)
    ranks = np.where(known, rankdata(values, axis=1, nan_policy="omit"), 0.0)
    code, total = ensemble.code(e.by), known.sum(axis=1).astype(float)
    middle = (total + 1) / 2
    spread = np.where(known, (ranks - middle[:, None]) ** 2, 0.0).sum(axis=1) / total
    sizes, sums = [], []
    for level in range(len(ensemble.protocol.levels(e.by))):
        group = known & (code == level)
        sizes.append(group.sum(axis=1).astype(float))
        sums.append(np.where(group, ranks, 0.0).sum(axis=1))
    with np.errstate(divide="ignore", invalid="ignore"):
        if e.statistic == "mann_whitney_p":
            first, second = sizes[0], sizes[1]
            difference = np.abs(sums[0] - first * middle)
            variance = first * second / (total - 1) * spread
            z = np.maximum(difference - 0.5, 0.0) / np.sqrt(variance)
            return Values(np.where(variance > 0, 2 * ndtr(-z), NAN))
        between = sum(
            np.where(n > 0, (s - n * middle) ** 2 / np.where(n > 0, n, 1), 0.0)
            for n, s in zip(sizes, sums, strict=True)
        )
        df = sum((n > 0).astype(float) for n in sizes) - 1
        statistic = between / (spread * total / (total - 1))
        return Values(np.where((df > 0) & (spread > 0), chdtrc(np.maximum(df, 1), statistic), NAN))


# --- endpoints ----------------------------------------------------------------------------------


def _events(e: Estimand, ensemble: Ensemble, mask: Mask) -> Values:
    return Values(batch.n_events(ensemble.events[e.subject], mask).astype(float))


def _limits(
    s: np.ndarray, greenwood: np.ndarray, ensemble: Ensemble
) -> tuple[np.ndarray, np.ndarray]:
    conventions = ensemble.protocol.conventions
    return limits(s, np.sqrt(greenwood), conventions.survival_interval, conventions.level)


def _survival(e: Estimand, ensemble: Ensemble, mask: Mask) -> Values:
    s, variance = batch.km_at(
        ensemble.times[e.subject],
        ensemble.events[e.subject],
        mask,
        e.time,
        order=ensemble.order(e.subject),
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        lower, upper = _limits(s, variance / s**2, ensemble)
    unknown = np.isnan(variance)
    return Values(s, np.where(unknown, NAN, lower), np.where(unknown, NAN, upper))


def median_with_limits(endpoint: str, ensemble: Ensemble, mask: Mask) -> Values:
    """Kaplan-Meier median and the limits read off the limits of the curve."""
    order = ensemble.order(endpoint)
    s, greenwood, end = batch.km_steps(order, mask)
    value = batch.quantile_of_steps(order.time, s, 0.5, end, "r")
    with np.errstate(divide="ignore", invalid="ignore"):
        lower, upper = _limits(s, greenwood, ensemble)
    # Where S is 0 its limits are not known, and neither is what comes after.
    unknown = s <= 0
    last = np.where(unknown.any(axis=1), NAN, end)
    return Values(
        value,
        *(
            batch.quantile_of_steps(order.time, np.where(unknown, np.inf, bound), 0.5, last, "r")
            for bound in (lower, upper)
        ),
    )


def _survival_point(e: Estimand, ensemble: Ensemble, mask: Mask) -> np.ndarray:
    endpoint = e.subject
    return batch.km_at(
        ensemble.times[endpoint],
        ensemble.events[endpoint],
        mask,
        e.time,
        order=ensemble.order(endpoint),
    )[0]


def _median_point(e: Estimand, ensemble: Ensemble, mask: Mask) -> np.ndarray:
    endpoint = e.subject
    return batch.km_median(
        ensemble.times[endpoint], ensemble.events[endpoint], mask, order=ensemble.order(endpoint)
    )


def _median(e: Estimand, ensemble: Ensemble, mask: Mask) -> Values:
    return median_with_limits(e.subject, ensemble, mask)


def _crude_rate(e: Estimand, ensemble: Ensemble, mask: Mask) -> Values:
    """Share of patients whose observed time exceeds t, whether they died or were censored."""
    times = ensemble.times[e.subject]
    known = _and(mask, ~np.isnan(times))
    with np.errstate(invalid="ignore"):
        return Values((known & (times > e.time)).sum(axis=1) / known.sum(axis=1))


def _at_risk(e: Estimand, ensemble: Ensemble, mask: Mask) -> Values:
    times = ensemble.times[e.subject]
    return Values(_and(mask, times >= e.time).sum(axis=1).astype(float))


def _follow_up(e: Estimand, ensemble: Ensemble, mask: Mask) -> Values:
    times = ensemble.times[e.subject]
    times = times if mask is None else np.where(mask, times, NAN)
    return Values(_summary(times, e.statistic.removeprefix("followup_")))


def _reverse_follow_up(e: Estimand, ensemble: Ensemble, mask: Mask) -> Values:
    return Values(batch.km_median(ensemble.times[e.subject], ~ensemble.events[e.subject], mask))


def _rmst(e: Estimand, ensemble: Ensemble, mask: Mask) -> Values:
    value, _ = batch.rmst_at(
        ensemble.times[e.subject],
        ensemble.events[e.subject],
        mask,
        e.time,
        order=ensemble.order(e.subject),
    )
    return Values(value)


def _difference_of(function: Function) -> Function:
    def difference(e: Estimand, ensemble: Ensemble, mask: Mask) -> Values:
        first, second = (
            function(e, ensemble, group).value for group in _contrast(e, ensemble, mask)
        )
        return Values(first - second)

    return difference


def _logrank_p(e: Estimand, ensemble: Ensemble, mask: Mask) -> Values:
    _, p = batch.logrank_statistic(
        ensemble.times[e.subject],
        ensemble.events[e.subject],
        ensemble.code(e.by),
        len(ensemble.protocol.levels(e.by)),
        mask,
        order=ensemble.order(e.subject),
    )
    return Values(p)


def cox_effect(e: Estimand, ensemble: Ensemble, mask: Mask) -> tuple[np.ndarray, np.ndarray]:
    """Log hazard ratio and standard error (M,) of an effect: a contrast of two levels (patients of
    other levels left out of an unadjusted model, dummy-coded in an adjusted one) or a number."""
    times, events, order = (
        ensemble.times[e.subject],
        ensemble.events[e.subject],
        ensemble.order(e.subject),
    )
    if e.contrast is None:
        x, complete = _design((e.by, *e.adjusted_for), ensemble)
        beta, se = batch.cox(times, events, x, _and(mask, complete), order=order)
        return beta[:, 0], se[:, 0]
    first, second = _contrast(e, ensemble, None)
    if not e.adjusted_for:
        beta, se, _ = batch.cox_binary(
            times, events, first.astype(float), _and(mask, first | second), order=order
        )
        return beta, se
    code = ensemble.code(e.by)
    reference = ensemble.protocol.levels(e.by).index(e.contrast[1])
    others = [k for k in range(len(ensemble.protocol.levels(e.by))) if k != reference]
    others.sort(key=lambda k: ensemble.protocol.levels(e.by)[k] != e.contrast[0])
    x, complete = _design(e.adjusted_for, ensemble)
    groups = np.stack([(code == k).astype(float) for k in others], axis=2)
    beta, se = batch.cox(
        times,
        events,
        np.concatenate([groups, x], axis=2),
        _and(mask, complete & (code >= 0)),
        order=order,
    )
    return beta[:, 0], se[:, 0]


def _hazard_ratio(e: Estimand, ensemble: Ensemble, mask: Mask) -> Values:
    from scipy.special import ndtri

    beta, se = cox_effect(e, ensemble, mask)
    width = ndtri((1 + ensemble.protocol.conventions.level) / 2) * se
    with np.errstate(over="ignore", invalid="ignore"):
        return Values(np.exp(beta), np.exp(beta - width), np.exp(beta + width))


def _cox_p(e: Estimand, ensemble: Ensemble, mask: Mask) -> Values:
    beta, se = cox_effect(e, ensemble, mask)
    with np.errstate(invalid="ignore"):
        return Values(2 * ndtr(-np.abs(beta / se)))


def _interaction_p(e: Estimand, ensemble: Ensemble, mask: Mask) -> Values:
    """Likelihood-ratio test of the products of two factors beside their main effects."""
    main, complete = _design((e.by, e.within, *e.adjusted_for), ensemble)
    first, _ = _design((e.by,), ensemble)
    second, _ = _design((e.within,), ensemble)
    product = (first[:, :, :, None] * second[:, :, None, :]).reshape(*ensemble.shape, -1)
    part, order = _and(mask, complete), ensemble.order(e.subject)
    times, events = ensemble.times[e.subject], ensemble.events[e.subject]
    without = batch.cox_fits(times, events, main, part, order=order)
    with_product = batch.cox_fits(
        times, events, np.concatenate([main, product], axis=2), part, order=order
    )
    ratio = 2 * (with_product.log_likelihood - without.log_likelihood)
    p = chdtrc(product.shape[2], np.maximum(ratio, 0.0))
    return Values(np.where(with_product.converged & without.converged, p, NAN))


def _marker(
    e: Estimand, ensemble: Ensemble, mask: Mask
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Marker (M, n), event by the horizon, and who is known (an early censored patient is not)."""
    times, events = ensemble.times[e.subject], ensemble.events[e.subject]
    positive = events & (times <= e.time)
    values = ensemble.number(e.by)
    return values, positive, _and(mask, (positive | (times > e.time)) & ~np.isnan(values))


def _roc(e: Estimand, ensemble: Ensemble, mask: Mask) -> Values:
    """AUC or cut-off of each member by `survival.cutpoints`, which states direction and rule."""
    from resarc.survival import cutpoints

    values, positive, known = _marker(e, ensemble, mask)
    found = np.full(values.shape[0], NAN)
    for m in range(values.shape[0]):
        x, y = values[m, known[m]], positive[m, known[m]]
        if y.any() and not y.all():
            if e.statistic == "auc":
                found[m] = cutpoints.auc(x, y).value
            else:
                criterion = ensemble.protocol.conventions.roc_criterion
                found[m] = cutpoints.optimal_cutoff(x, y, criterion).threshold
    return Values(found)


def _ph_p(_: Estimand, ensemble: Ensemble, _mask: Mask) -> Values:
    """Not bounded over ensembles: one score test per member is too slow and nobody prints it."""
    return Values(np.full(ensemble.shape[0], NAN))


_OTHER: dict[str, Function] = {
    "n": _n,
    "proportion": _proportion,
    "chi2_p": _chi2_p,
    "fisher_p": _fisher_p,
    "trend_p": _trend_p,
    "median_difference": _median_difference,
    "mann_whitney_p": _rank_test,
    "kruskal_wallis_p": _rank_test,
    **dict.fromkeys(("mean", "sd", "median", "q1", "q3", "minimum", "maximum"), _number),
}
_POINTS = {"survival": _survival_point, "median": _median_point}
_ENDPOINT: dict[str, Function] = {
    "events": _events,
    "survival": _survival,
    "median": _median,
    "crude_rate": _crude_rate,
    "at_risk": _at_risk,
    "rmst": _rmst,
    "rmst_difference": _difference_of(_rmst),
    "survival_difference": _difference_of(_survival),
    "reverse_followup_median": _reverse_follow_up,
    "logrank_p": _logrank_p,
    "hazard_ratio": _hazard_ratio,
    "cox_p": _cox_p,
    "interaction_p": _interaction_p,
    "ph_p": _ph_p,
    "auc": _roc,
    "roc_cutoff": _roc,
    **dict.fromkeys(
        ("followup_median", "followup_mean", "followup_minimum", "followup_maximum"), _follow_up
    ),
}
