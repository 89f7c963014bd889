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
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from scipy.special import chdtrc, ndtr

from resarc.estimand import Condition, Estimand
from resarc.protocol import Derived, Protocol
from resarc.survival import batch, logrank
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
    """Members of a study's reconstruction as arrays. `orders` and `fits` cache what several
    estimands share: the sorting by time and Cox models."""

    protocol: Protocol
    codes: dict[str, np.ndarray]
    numbers: dict[str, np.ndarray]
    times: dict[str, np.ndarray]
    events: dict[str, np.ndarray]
    orders: dict[str, RiskOrder] = field(default_factory=dict)
    fits: dict[str, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)
    quick: bool = False
    """Cox models by a few iterations, for a search whose results are judged afresh."""

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


# --- counts and tables --------------------------------------------------------------------------


def _n(_: Estimand, ensemble: Ensemble, mask: Mask) -> Values:
    return Values(_everybody(ensemble, mask).sum(axis=1).astype(float))


def _known(e: Estimand, ensemble: Ensemble, mask: Mask) -> Values:
    return Values(_and(mask, _present(e.subject, ensemble)).sum(axis=1).astype(float))


def _missing(e: Estimand, ensemble: Ensemble, mask: Mask) -> Values:
    return Values(_and(mask, ~_present(e.subject, ensemble)).sum(axis=1).astype(float))


def _present(name: str, ensemble: Ensemble) -> np.ndarray:
    """Where a number, category or endpoint is known: bool, (M, n)."""
    if name in ensemble.times:
        return ~np.isnan(ensemble.times[name])
    if ensemble.protocol.kind(name) == "number":
        return ~np.isnan(ensemble.number(name))
    return ensemble.code(name) >= 0


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
    """Pearson's chi-squared test, empty rows and columns left out; with Yates' correction, of tables
    of two rows and two columns, if that is asked for."""
    table = _cross_table(e, ensemble, mask)
    rows, columns, total = table.sum(2), table.sum(1), table.sum((1, 2))
    with np.errstate(divide="ignore", invalid="ignore"):
        expected = rows[:, :, None] * columns[:, None, :] / total[:, None, None]
        distance = np.abs(table - expected)
        if e.statistic == "chi2_yates_p":
            two = ((rows > 0).sum(1) == 2) & ((columns > 0).sum(1) == 2)
            least = np.where(expected > 0, distance, np.inf).min(axis=(1, 2))
            less = np.where(two, np.minimum(0.5, least), 0.0)[:, None, None]
            distance = distance - less
        chi2 = np.nansum(np.where(expected > 0, distance**2 / expected, 0.0), axis=(1, 2))
    df = np.maximum((rows > 0).sum(1) - 1, 0) * np.maximum((columns > 0).sum(1) - 1, 0)
    return Values(np.where(df > 0, chdtrc(np.maximum(df, 1), chi2), NAN))


def _fisher_p(e: Estimand, ensemble: Ensemble, mask: Mask) -> Values:
    """Fisher's exact test; tables with the same margins share what they are compared with, and
    random tables are those that the analysis of a single member draws."""
    from resarc.seeds import stream
    from resarc.survival.contingency import FisherNull, counts, fisher_exact, fisher_null

    tables, place = np.unique(_cross_table(e, ensemble, mask), axis=0, return_inverse=True)
    nulls: dict[tuple[int, ...], FisherNull] = {}
    found = np.full(len(tables), NAN)
    for i, table in enumerate(map(counts, tables)):
        if min(table.shape) < 2:
            continue
        margins = (len(table), *table.sum(axis=1), *table.sum(axis=0))
        if margins not in nulls:
            nulls[margins] = fisher_null(table, stream(ensemble.protocol.study, f"fisher {e}"))
        found[i] = fisher_exact(table, null=nulls[margins]).p
    return Values(found[place.ravel()])


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


def _standardised_difference(e: Estimand, ensemble: Ensemble, mask: Mask) -> Values:
    """By `survival.balance` in each member; members with the same cross table share the result."""
    from resarc.survival.balance import difference_of_numbers, difference_of_shares

    groups = _contrast(e, ensemble, mask)
    if ensemble.protocol.kind(e.subject) == "number":
        one, other = (np.where(group, ensemble.number(e.subject), NAN) for group in groups)
        found = [
            difference_of_numbers(x[~np.isnan(x)], y[~np.isnan(y)])
            for x, y in zip(one, other, strict=True)
        ]
        return Values(np.array(found))
    code, places = ensemble.code(e.subject), range(len(ensemble.protocol.levels(e.subject)))
    counts = [[(group & (code == place)).sum(axis=1) for group in groups] for place in places]
    tables, place = np.unique(np.moveaxis(np.array(counts), 2, 0), axis=0, return_inverse=True)
    return Values(np.array([difference_of_shares(table) for table in tables])[place.ravel()])


def _rank_test(e: Estimand, ensemble: Ensemble, mask: Mask) -> Values:
    """Mann-Whitney's test by the normal approximation with ties, with continuity correction or
    without, or Kruskal-Wallis' by the chi-squared one."""
    values = _masked(ensemble, e.subject, _and(mask, ensemble.code(e.by) >= 0))
    known = ~np.isnan(values)
    ranks = np.where(known, pd.DataFrame(values).rank(axis=1).to_numpy(), 0.0)
    code, total = ensemble.code(e.by), known.sum(axis=1).astype(float)
    middle = (total + 1) / 2
    square = np.where(known, (ranks - middle[:, None]) ** 2, 0.0).sum(axis=1)
    spread = square / np.maximum(total, 1.0)
    sizes, sums = [], []
    for level in range(len(ensemble.protocol.levels(e.by))):
        group = known & (code == level)
        sizes.append(group.sum(axis=1).astype(float))
        sums.append(np.where(group, ranks, 0.0).sum(axis=1))
    with np.errstate(divide="ignore", invalid="ignore"):
        if e.statistic.startswith("mann_whitney"):
            correction = 0.5 if e.statistic == "mann_whitney_p" else 0.0
            first, second = sizes[0], sizes[1]
            difference = np.abs(sums[0] - first * middle)
            variance = first * second / (total - 1) * spread
            z = np.maximum(difference - correction, 0.0) / np.sqrt(variance)
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
    convention = ensemble.protocol.conventions.median
    value = batch.quantile_of_steps(order.time, s, 0.5, end, convention)
    with np.errstate(divide="ignore", invalid="ignore"):
        lower, upper = _limits(s, greenwood, ensemble)
    # Where S is 0 its limits are not known, and neither is what comes after.
    unknown = s <= 0
    last = np.where(unknown.any(axis=1), NAN, end)
    return Values(
        value,
        *(
            batch.quantile_of_steps(
                order.time, np.where(unknown, np.inf, bound), 0.5, last, convention
            )
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
        ensemble.times[endpoint],
        ensemble.events[endpoint],
        mask,
        convention=ensemble.protocol.conventions.median,
        order=ensemble.order(endpoint),
    )


def _median(e: Estimand, ensemble: Ensemble, mask: Mask) -> Values:
    return median_with_limits(e.subject, ensemble, mask)


def _crude_rate(e: Estimand, ensemble: Ensemble, mask: Mask) -> Values:
    """Share of patients whose observed time exceeds t, whether they died or were censored."""
    times = ensemble.times[e.subject]
    known = _and(mask, ~np.isnan(times))
    with np.errstate(invalid="ignore"):
        return Values((known & (times > e.time)).sum(axis=1) / known.sum(axis=1))


def _followed_rate(e: Estimand, ensemble: Ensemble, mask: Mask) -> Values:
    """Share without the event among those whose state at t is known: an event by t, or followed to
    t. Who was censored before is in neither count."""
    times, events = ensemble.times[e.subject], ensemble.events[e.subject]
    failed = _and(mask, events & (times <= e.time))
    free = _and(mask, (times > e.time) | (~events & (times == e.time)))
    count = free.sum(axis=1)
    with np.errstate(invalid="ignore"):
        return Values(count / (count + failed.sum(axis=1)))


def _at_risk(e: Estimand, ensemble: Ensemble, mask: Mask) -> Values:
    times = ensemble.times[e.subject]
    return Values(_and(mask, times >= e.time).sum(axis=1).astype(float))


def _follow_up(e: Estimand, ensemble: Ensemble, mask: Mask) -> Values:
    times = ensemble.times[e.subject]
    times = times if mask is None else np.where(mask, times, NAN)
    return Values(_summary(times, e.statistic.removeprefix("followup_")))


def _reverse_follow_up(e: Estimand, ensemble: Ensemble, mask: Mask) -> Values:
    times, censored = ensemble.times[e.subject], ~ensemble.events[e.subject]
    convention = ensemble.protocol.conventions.median
    return Values(batch.km_median(times, censored, mask, convention=convention))


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
    """The log-rank test or one of its weighted kin."""
    weights = logrank.TESTS[e.statistic]
    _, p = batch.logrank_statistic(
        ensemble.times[e.subject],
        ensemble.events[e.subject],
        ensemble.code(e.by),
        len(ensemble.protocol.levels(e.by)),
        mask,
        order=ensemble.order(e.subject),
        weight=logrank.weighting(weights)[0],
        variance=ensemble.protocol.conventions.logrank_variance,
    )
    return Values(p)


@dataclass(frozen=True)
class _Term:
    """A covariate of Cox models: `columns` (M, n, k), a number itself or indicators of a category's
    levels, and `held` (M, k), which of them a member's model holds. A level that none of a member's
    patients has is not in its model, nor is the level that the others are compared with."""

    columns: np.ndarray
    held: np.ndarray


def _term(name: str, ensemble: Ensemble, part: np.ndarray, reference: str = "") -> _Term:
    """The covariate among the patients `part` (M, n), against `reference` or else the first level
    that somebody has."""
    if ensemble.protocol.kind(name) == "number":
        values = ensemble.number(name)
        low = np.where(part, values, np.inf).min(axis=1, initial=np.inf)
        high = np.where(part, values, -np.inf).max(axis=1, initial=-np.inf)
        return _Term(np.where(part, values, 0.0)[:, :, None], (low < high)[:, None])
    levels, code = ensemble.protocol.levels(name), ensemble.code(name)
    places = np.arange(len(levels))
    columns = code[:, :, None] == places
    present = (columns & part[:, :, None]).any(axis=1)
    base = np.full(len(code), levels.index(reference)) if reference else present.argmax(axis=1)
    return _Term(columns.astype(float), present & (places != base[:, None]))


def _complete(names: tuple[str, ...], ensemble: Ensemble, mask: Mask) -> np.ndarray:
    """Patients (M, n) of the mask in whom all covariates are known."""
    part = _everybody(ensemble, mask)
    for name in names:
        part = part & _present(name, ensemble)
    return part


@dataclass(frozen=True)
class _Fits:
    """Cox models: coefficients and standard errors (M, k), NaN for columns that a member's model
    does not hold; log-likelihood (M,), NaN where it has no supremum that could be found."""

    beta: np.ndarray
    se: np.ndarray
    log_likelihood: np.ndarray
    null_log_likelihood: np.ndarray


def _fit(endpoint: str, terms: list[_Term], ensemble: Ensemble, part: np.ndarray) -> _Fits:
    """The model of these terms in every member. A member in which a term has no column at all, a
    constant number say, has no model."""
    columns = np.concatenate([term.columns for term in terms], axis=2)
    held = np.concatenate([term.held for term in terms], axis=1)
    possible = np.all([term.held.any(axis=1) for term in terms], axis=0)
    held = held & possible[:, None]
    beta, se = np.full(held.shape, NAN), np.full(held.shape, NAN)
    log_likelihood, null = np.full(len(held), NAN), np.full(len(held), NAN)
    times, events = ensemble.times[endpoint], ensemble.events[endpoint]
    order = ensemble.order(endpoint)
    # Members whose models hold the same columns are fitted together; most often all do.
    for pattern in np.unique(held[possible], axis=0):
        rows = np.flatnonzero(possible & (held == pattern).all(axis=1))
        some = slice(None) if rows.size == len(held) else rows
        found = batch.cox_fits(
            times[some],
            events[some],
            columns[some][:, :, pattern],
            part[some],
            order=order.members(some),
            quick=ensemble.quick,
            ties=ensemble.protocol.conventions.ties,
        )
        place = np.ix_(rows, np.flatnonzero(pattern))
        beta[place], se[place] = found.beta, found.se
        # A monotone likelihood has a supremum all the same, which is all that a test needs.
        usable = found.converged | found.infinite.any(axis=1) | ensemble.quick
        log_likelihood[rows] = np.where(usable, found.log_likelihood, NAN)
        null[rows] = found.null_log_likelihood
    return _Fits(beta, se, log_likelihood, null)


def cox_effect(e: Estimand, ensemble: Ensemble, mask: Mask) -> tuple[np.ndarray, np.ndarray]:
    """`_cox_effect`, computed once for all estimands that read the same model."""
    key = str(replace(e, statistic="hazard_ratio"))
    if key not in ensemble.fits:
        ensemble.fits[key] = _cox_effect(e, ensemble, mask)
    return ensemble.fits[key]


def _cox_effect(e: Estimand, ensemble: Ensemble, mask: Mask) -> tuple[np.ndarray, np.ndarray]:
    """Log hazard ratio and standard error (M,) of an effect: a contrast of two levels (patients of
    other levels left out of an unadjusted model, dummy-coded in an adjusted one) or a number."""
    part = _complete((e.by, *e.adjusted_for), ensemble, mask)
    part &= ~np.isnan(ensemble.times[e.subject])
    column, reference = 0, ""
    if e.contrast is not None:
        levels, reference = ensemble.protocol.levels(e.by), e.contrast[1]
        column = levels.index(e.contrast[0])
        both = _contrast(e, ensemble, part)
        if not e.adjusted_for:
            part = both[0] | both[1]
    terms = [_term(e.by, ensemble, part, reference)]
    terms += [_term(name, ensemble, part) for name in e.adjusted_for]
    fits = _fit(e.subject, terms, ensemble, part)
    beta, se = fits.beta[:, column], fits.se[:, column]
    if e.contrast is None:
        return beta, se
    compared = both[0].any(axis=1) & both[1].any(axis=1)
    return np.where(compared, beta, NAN), np.where(compared, se, NAN)


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


def _cox_lr_p(e: Estimand, ensemble: Ensemble, mask: Mask) -> Values:
    """Likelihood-ratio test of a category's levels in a Cox model of their own."""
    part = _complete((e.by,), ensemble, mask) & ~np.isnan(ensemble.times[e.subject])
    term = _term(e.by, ensemble, part)
    fits = _fit(e.subject, [term], ensemble, part)
    ratio, df = 2 * (fits.log_likelihood - fits.null_log_likelihood), term.held.sum(axis=1)
    return Values(np.where(df > 0, chdtrc(np.maximum(df, 1), np.maximum(ratio, 0.0)), NAN))


def _interaction_p(e: Estimand, ensemble: Ensemble, mask: Mask) -> Values:
    """Likelihood-ratio test of the products of two factors beside their main effects."""
    names = (e.by, e.within, *e.adjusted_for)
    part = _complete(names, ensemble, mask) & ~np.isnan(ensemble.times[e.subject])
    terms = [_term(name, ensemble, part) for name in names]
    first, second = terms[:2]
    product = _Term(_products(first.columns, second.columns), _products(first.held, second.held))
    without = _fit(e.subject, terms, ensemble, part)
    with_product = _fit(e.subject, [*terms, product], ensemble, part)
    ratio = 2 * (with_product.log_likelihood - without.log_likelihood)
    df = product.held.sum(axis=1)
    return Values(np.where(df > 0, chdtrc(np.maximum(df, 1), np.maximum(ratio, 0.0)), NAN))


def _products(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """All products of the last axes, in one last axis."""
    both = first[..., :, None] * second[..., None, :]
    return both.reshape(*first.shape[:-1], -1)


def status_at(e: Estimand, ensemble: Ensemble) -> tuple[np.ndarray, np.ndarray]:
    """Event by the horizon, and who is known (M, n): those censored before it are not, those censored
    at it were free of the event, as in `survival.cutpoints.status_at`."""
    times, events = ensemble.times[e.subject], ensemble.events[e.subject]
    positive = events & (times <= e.time)
    free = (times > e.time) | (~events & (times == e.time))
    return positive, positive | free


def _marker(
    e: Estimand, ensemble: Ensemble, mask: Mask
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Marker (M, n), event by the horizon, and who is known."""
    positive, known = status_at(e, ensemble)
    values = ensemble.number(e.by)
    return values, positive, _and(mask, known & ~np.isnan(values))


def _roc(e: Estimand, ensemble: Ensemble, mask: Mask) -> Values:
    """AUC or optimal cut-off, as `batch.roc_area` and `batch.roc_cutoff` say."""
    values, positive, known = _marker(e, ensemble, mask)
    if e.statistic == "auc":
        return Values(batch.roc_area(values, positive, known))
    criterion = ensemble.protocol.conventions.roc_criterion
    return Values(batch.roc_cutoff(values, positive, known, criterion).threshold)


def _ph_p(e: Estimand, ensemble: Ensemble, mask: Mask) -> Values:
    """Score test that the coefficients of `by` do not change with time."""
    names = (e.by, *e.adjusted_for)
    part = _complete(names, ensemble, mask) & ~np.isnan(ensemble.times[e.subject])
    terms = [_term(name, ensemble, part) for name in names]
    columns = np.concatenate([term.columns for term in terms], axis=2)
    held = np.concatenate([term.held for term in terms], axis=1)
    possible = np.all([term.held.any(axis=1) for term in terms], axis=0)
    own = terms[0].held.shape[1]
    times, events = ensemble.times[e.subject], ensemble.events[e.subject]
    found = np.full(len(held), NAN)
    for pattern in np.unique(held[possible], axis=0):
        rows = np.flatnonzero(possible & (held == pattern).all(axis=1))
        found[rows] = batch.proportional_hazards(
            times[rows],
            events[rows],
            columns[rows][:, :, pattern],
            (tuple(range(int(pattern[:own].sum()))),),
            part[rows],
            order=ensemble.order(e.subject).members(rows),
        )[:, 0]
    return Values(found)


_OTHER: dict[str, Function] = {
    "n": _n,
    "known": _known,
    "missing": _missing,
    "proportion": _proportion,
    "chi2_p": _chi2_p,
    "chi2_yates_p": _chi2_p,
    "fisher_p": _fisher_p,
    "trend_p": _trend_p,
    "median_difference": _median_difference,
    "standardised_difference": _standardised_difference,
    "mann_whitney_p": _rank_test,
    "mann_whitney_uncorrected_p": _rank_test,
    "kruskal_wallis_p": _rank_test,
    **dict.fromkeys(("mean", "sd", "median", "q1", "q3", "minimum", "maximum"), _number),
}
_POINTS = {"survival": _survival_point, "median": _median_point}
_ENDPOINT: dict[str, Function] = {
    "events": _events,
    "survival": _survival,
    "median": _median,
    "crude_rate": _crude_rate,
    "followed_rate": _followed_rate,
    "at_risk": _at_risk,
    "rmst": _rmst,
    "rmst_difference": _difference_of(_rmst),
    "survival_difference": _difference_of(_survival),
    "reverse_followup_median": _reverse_follow_up,
    **dict.fromkeys(logrank.TESTS, _logrank_p),
    "cox_lr_p": _cox_lr_p,
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
