"""Tests of independence in a table of counts.

A row or column without patients is no category and is left out; fewer than two of either that
remain give NaN. Every result's `details` hold `minimum_expected`, `share_below_5` and `cochran`
(whether all expected counts are at least 1 and at most a fifth are below 5; Cochran, Biometrics
1954;10:417), so that a reader can judge the large-sample tests.

Sources: Agresti, Categorical Data Analysis, 3rd ed., ch. 3; Yates, JRSS suppl 1934;1:217; Freeman &
Halton, Biometrika 1951;38:141; Lydersen, Fagerland & Laake, Stat Med 2009;28:1159 (mid-p).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import chdtrc, gammaln

from resarc.errors import DataError
from resarc.survival import inputs
from resarc.survival.results import TestResult

# Tables that are enumerated at most; beyond, the test needs random tables.
_MOST_TABLES = 3_000_000


def counts(table: Any) -> np.ndarray:
    """The table (rows, columns) as whole counts, empty rows and columns left out."""
    array = np.asarray(table)
    if array.ndim != 2:
        raise DataError("table", f"{array.ndim} dimensions", "two: rows and columns")
    flat = inputs.vector(array.ravel(), "table")
    if (flat < 0).any() or (flat != np.round(flat)).any():
        raise DataError("table", "a negative or broken number", "counts: 0, 1, 2, ...")
    whole = flat.astype(int).reshape(array.shape)
    return whole[whole.any(axis=1)][:, whole.any(axis=0)]


def expected_counts(table: Any) -> np.ndarray:
    """Expected counts under independence, of the table that `counts` returns."""
    n = counts(table)
    return np.outer(n.sum(axis=1), n.sum(axis=0)) / max(n.sum(), 1)


def chi_square(table: Any, correction: bool = False) -> TestResult:
    """Pearson's chi-square test; `correction` is Yates's, for 2 x 2 tables only (as in R)."""
    n = counts(table)
    yates = correction and n.shape == (2, 2)
    name = "chi-square" + (", Yates correction" if yates else "")
    if min(n.shape) < 2:
        return _undefined(name)
    e = expected_counts(n)
    distance = np.abs(n - e)
    if yates:
        distance = distance - min(0.5, float(distance.min()))
    return _large_sample(float((distance**2 / e).sum()), n, name)


def likelihood_ratio(table: Any) -> TestResult:
    """Likelihood-ratio test, G = 2 sum of O log(O/E)."""
    n = counts(table)
    if min(n.shape) < 2:
        return _undefined("likelihood ratio")
    ratio = np.where(n > 0, n / expected_counts(n), 1.0)
    return _large_sample(max(float(2 * (n * np.log(ratio)).sum()), 0.0), n, "likelihood ratio")


def linear_by_linear(
    table: Any,
    row_scores: Sequence[float] | None = None,
    column_scores: Sequence[float] | None = None,
) -> TestResult:
    """Linear-by-linear association (Mantel): (N - 1) r^2 of the scores, 1 degree of freedom.

    Scores default to 1, 2, ... and number the rows and columns of `table` as given, so an empty
    category keeps its place in the order. `details` also holds `correlation`.
    """
    whole = np.asarray(table)
    n = counts(table)
    name = "linear-by-linear association"
    if min(n.shape) < 2:
        return _undefined(name)
    rows = _scores(row_scores, whole.shape[0], "row_scores")[whole.any(axis=1)]
    columns = _scores(column_scores, whole.shape[1], "column_scores")[whole.any(axis=0)]
    total = n.sum()
    x = rows - (n.sum(axis=1) @ rows) / total
    y = columns - (n.sum(axis=0) @ columns) / total
    spread = float((n.sum(axis=1) @ x**2) * (n.sum(axis=0) @ y**2))
    if spread <= 0:
        return _undefined(name)
    r = float(x @ n @ y / np.sqrt(spread))
    chi2 = float(total - 1) * r * r
    return TestResult(
        chi2, 1.0, float(chdtrc(1, chi2)), name, details=(*_conditions(n), ("correlation", r))
    )


@dataclass(frozen=True)
class FisherNull:
    """Tables with the same margins, if rows and columns are independent: their log probabilities,
    sorted, and the summed probability of the least likely ones. `drawn` tables are a random sample,
    0 means that they are all tables."""

    log_probabilities: np.ndarray
    cumulative: np.ndarray
    drawn: int

    def p(self, observed: float) -> float:
        """Probability of a table no more likely than one of this log probability."""
        rank = int(np.searchsorted(self.log_probabilities, observed + 1e-7, side="right"))
        if self.drawn:
            return (1 + rank) / (1 + self.drawn)
        return min(1.0, float(self.cumulative[rank - 1])) if rank else 0.0


def fisher_null(
    table: Any, rng: np.random.Generator | None = None, n_tables: int = 100_000
) -> FisherNull:
    """What `fisher_exact` compares a table with; it depends on the margins only."""
    n = counts(table)
    logs = _log_probabilities(n)
    drawn = 0
    if logs is None:
        if rng is None:
            raise DataError(
                "rng", "None", f"a random generator (more than {_MOST_TABLES} tables to count)"
            )
        from scipy.stats import random_table

        tables = random_table(n.sum(axis=1), n.sum(axis=0)).rvs(n_tables, random_state=rng)
        margins = gammaln(n.sum(axis=1) + 1.0).sum() + gammaln(n.sum(axis=0) + 1.0).sum()
        cells = _log_factorials(n.sum())[tables.astype(int)]
        logs = margins - gammaln(n.sum() + 1.0) - cells.sum(axis=(1, 2))
        drawn = n_tables
    logs = np.sort(logs)
    return FisherNull(logs, np.cumsum(np.exp(logs)), drawn)


def fisher_exact(
    table: Any,
    rng: np.random.Generator | None = None,
    n_tables: int = 100_000,
    *,
    null: FisherNull | None = None,
) -> TestResult:
    """Fisher's exact test, two-sided, of an r x c table (Freeman-Halton).

    p is the probability of all tables with the same margins that are no more likely than the one
    observed (to a relative 1e-7, as in R). `statistic` is the odds ratio of a 2 x 2 table, else
    NaN. scipy draws random tables for anything above 2 x 2; here up to 3 million are counted one by
    one, and only beyond that are `n_tables` drawn with `rng`. `null` is the `fisher_null` of these
    margins, if it is known from another table.
    """
    n = counts(table)
    name = "Fisher exact"
    if min(n.shape) < 2:
        return _undefined(name)
    odds_ratio = np.nan
    if n.shape == (2, 2):
        with np.errstate(divide="ignore"):
            odds_ratio = float(np.divide(n[0, 0] * n[1, 1], n[0, 1] * n[1, 0], dtype=float))
    null = null or fisher_null(n, rng, n_tables)
    if null.drawn:
        name = f"{name} ({null.drawn} random tables)"
    p = null.p(_log_probability(n))
    return TestResult(odds_ratio, np.nan, p, name, details=_conditions(n))


def mid_p_fisher(
    table: Any, rng: np.random.Generator | None = None, n_tables: int = 100_000
) -> TestResult:
    """Fisher's mid-p of an r x c table: half of the observed table's own probability is taken off.

    `rng` and `n_tables` as in `fisher_exact`.
    """
    exact = fisher_exact(table, rng, n_tables)
    name = exact.method.replace("Fisher exact", "Fisher mid-p")
    n = counts(table)
    if min(n.shape) < 2:
        return _undefined(name)
    p = max(exact.p - 0.5 * float(np.exp(_log_probability(n))), 0.0)
    return TestResult(exact.statistic, np.nan, p, name, details=exact.details)


def _log_probability(n: np.ndarray) -> float:
    """Log probability of a table given its margins."""
    margins = gammaln(n.sum(axis=1) + 1.0).sum() + gammaln(n.sum(axis=0) + 1.0).sum()
    return float(margins - gammaln(n.sum() + 1.0) - gammaln(n + 1.0).sum())


def _log_probabilities(n: np.ndarray) -> np.ndarray | None:
    """Log probabilities of all tables with the margins of `n`; None if they are too many.

    Cells are filled one after the other; each partial table keeps what its columns have left.
    """
    if n.shape[0] < n.shape[1]:
        n = n.T
    rows, columns = n.sum(axis=1), n.sum(axis=0)
    left = columns[None].astype(int)
    weight, log_factorial = np.zeros(1), _log_factorials(n.sum())
    for total in rows[:-1]:
        to_place = np.full(len(left), total)
        for c in range(len(columns) - 1):
            room = left[:, c + 1 :].sum(axis=1)
            low = np.maximum(0, to_place - room)
            choices = np.minimum(left[:, c], to_place) - low + 1
            if choices.sum() > _MOST_TABLES:
                return None
            parent = np.repeat(np.arange(len(left)), choices)
            begin = np.repeat(choices.cumsum() - choices, choices)
            cell = low[parent] + np.arange(parent.size) - begin
            left, to_place = left[parent], to_place[parent] - cell
            left[:, c] -= cell
            weight = weight[parent] - log_factorial[cell]
        left[:, -1] -= to_place
        weight = weight - log_factorial[to_place]
    weight = weight - log_factorial[left].sum(axis=1)
    margins = gammaln(rows + 1.0).sum() + gammaln(columns + 1.0).sum()
    return weight + margins - gammaln(n.sum() + 1.0)


def _log_factorials(most: int) -> np.ndarray:
    """Of 0, 1, … `most`; to look one up takes a tenth of computing it."""
    return gammaln(np.arange(most + 1) + 1.0)


def _scores(scores: Sequence[float] | None, size: int, name: str) -> np.ndarray:
    return np.arange(1.0, size + 1) if scores is None else inputs.vector(scores, name, size=size)


def _conditions(n: np.ndarray) -> tuple[tuple[str, Any], ...]:
    e = expected_counts(n)
    below = float((e < 5).mean())
    return (
        ("minimum_expected", float(e.min())),
        ("share_below_5", below),
        ("cochran", bool(e.min() >= 1 and below <= 0.2)),
    )


def _large_sample(chi2: float, n: np.ndarray, name: str) -> TestResult:
    df = float((n.shape[0] - 1) * (n.shape[1] - 1))
    return TestResult(chi2, df, float(chdtrc(df, chi2)), name, details=_conditions(n))


def _undefined(name: str) -> TestResult:
    nothing = (("minimum_expected", np.nan), ("share_below_5", np.nan), ("cochran", False))
    return TestResult(np.nan, 0.0, np.nan, name, details=nothing)
