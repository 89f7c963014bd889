"""Cut-points of a marker: ROC curves, optimal cut-offs, maximally selected log-rank statistics.

A cut-point chosen for its result must not be tested as if it had been given: under the null
hypothesis, Youden's cut-off followed by a log-rank test rejects in a quarter of studies at a
nominal 5%. `maximally_selected_logrank` and `roc_then_logrank` test the whole search.

Sources: Youden, Cancer 1950;3:32; Perkins & Schisterman, Am J Epidemiol 2006;163:670; DeLong,
DeLong & Clarke-Pearson, Biometrics 1988;44:837; conventions of R's pROC (Robin et al., BMC
Bioinformatics 2011;12:77); Lausen & Schumacher, Biometrics 1992;48:73; Hothorn & Lausen, Comput
Stat Data Anal 2003;43:121 (R's maxstat).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import ndtr, ndtri

from resarc.errors import DataError
from resarc.survival import batch, inputs
from resarc.survival.logrank import logrank
from resarc.survival.results import Estimate, TestResult

DIRECTIONS = ("auto", "<", ">")
CRITERIA = ("youden", "closest")
APPROXIMATIONS = ("exact-gauss", "lau94", "lau92")

# Cut-offs whose joint distribution is integrated at most.
_MOST_CUTOFFS = 2_000


def status_at(time: Any, event: Any, horizon: float) -> pd.Series:
    """Whether the event happened by `horizon`: True, False or missing (nullable boolean).

    Event-free means followed up to the horizon or beyond it. A patient censored before it is
    missing: their status is not known, and is not guessed.
    """
    times, events = inputs.follow_up(time, event)
    status = pd.Series(pd.NA, index=range(times.size), dtype="boolean", name="status")
    status[events & (times <= horizon)] = True
    status[(times > horizon) | (~events & (times == horizon))] = False
    return status


def direction(marker: Any, positive: Any) -> str:
    """`<` if the positive have the higher marker, by pROC's rule: median of negatives <= positives."""
    return _direction(*_marker(marker, positive))


def _direction(values: np.ndarray, cases: np.ndarray) -> str:
    return "<" if np.median(values[~cases]) <= np.median(values[cases]) else ">"


def roc(marker: Any, positive: Any, direction: str = "auto") -> pd.DataFrame:
    """ROC curve: `threshold, sensitivity, specificity`, from all positive to all negative.

    Thresholds lie midway between neighbouring observed values, with -inf and inf at the ends, as
    in pROC. Direction `<` calls a marker above the threshold positive, `>` one below it.
    """
    values, cases, sign = _oriented(marker, positive, direction)
    threshold, sensitivity, specificity = _points(values, cases)
    return pd.DataFrame(
        {"threshold": sign * threshold, "sensitivity": sensitivity, "specificity": specificity}
    )


def _points(values: np.ndarray, cases: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Thresholds, sensitivity and specificity where a higher value speaks for positive."""
    observed = np.unique(values)
    threshold = np.concatenate([[-np.inf], (observed[:-1] + observed[1:]) / 2, [np.inf]])
    sick, well = np.sort(values[cases]), np.sort(values[~cases])
    sensitivity = 1 - np.searchsorted(sick, threshold, side="left") / sick.size
    specificity = np.searchsorted(well, threshold, side="left") / well.size
    return threshold, sensitivity, specificity


def auc(marker: Any, positive: Any, direction: str = "auto", level: float = 0.95) -> Estimate:
    """Area under the ROC curve with DeLong's variance and normal limits, cut at 0 and 1 (pROC).

    With one positive or one negative patient the variance is not known: NaN.
    """
    inputs.fraction(level, "level")
    values, cases, _ = _oriented(marker, positive, direction)
    sick, well = values[cases], values[~cases]
    m, n = sick.size, well.size
    overall, within = pd.Series(values).rank().to_numpy(), np.empty(values.size)
    within[cases] = pd.Series(sick).rank().to_numpy()
    within[~cases] = pd.Series(well).rank().to_numpy()
    # Placements: the share of the other group that each patient exceeds.
    above = (overall - within)[cases] / n
    below = 1 - (overall - within)[~cases] / m
    value = float(above.mean())
    if m < 2 or n < 2:
        return Estimate(value, method="AUC, DeLong")
    se = float(np.sqrt(above.var(ddof=1) / m + below.var(ddof=1) / n))
    width = float(ndtri((1 + level) / 2)) * se
    return Estimate(
        value, max(value - width, 0.0), min(value + width, 1.0), se, method="AUC, DeLong"
    )


@dataclass(frozen=True)
class Cutoff:
    """An optimal cut-off. `thresholds` are all that attain the optimum, `threshold` the first of
    them in the order of the curve; `direction` `<` calls markers above it positive."""

    threshold: float
    sensitivity: float
    specificity: float
    direction: str
    criterion: str
    thresholds: tuple[float, ...]


def optimal_cutoff(
    marker: Any, positive: Any, criterion: str = "youden", direction: str = "auto"
) -> Cutoff:
    """The cut-off that maximises sensitivity + specificity (`youden`) or lies `closest` to (0, 1).

    Thresholds as in `roc` (midway between observed values). Several may attain the optimum; pROC
    returns them all, and so does `thresholds`.
    """
    inputs.one_of(criterion, CRITERIA, "criterion")
    values, cases = _marker(marker, positive)
    return _optimum(values, cases, criterion, _chosen(values, cases, direction))


def _optimum(values: np.ndarray, cases: np.ndarray, criterion: str, towards: str) -> Cutoff:
    sign = 1 if towards == "<" else -1
    threshold, sensitivity, specificity = _points(sign * values, cases)
    miss, alarm = 1 - sensitivity, 1 - specificity
    badness = miss + alarm if criterion == "youden" else miss**2 + alarm**2
    best = np.flatnonzero(badness <= badness.min() + 1e-12)
    return Cutoff(
        float(sign * threshold[best[0]]),
        float(sensitivity[best[0]]),
        float(specificity[best[0]]),
        towards,
        criterion,
        tuple((sign * threshold[best]).tolist()),
    )


@dataclass(frozen=True)
class MaximallySelected:
    """`cutoff` splits patients into marker <= cutoff and above; `candidates` holds every cut-off
    that was tried, how many patients are at or below it (`size`) and its standardised statistic;
    `p` is NaN without permutations, `n` the number of patients."""

    statistic: float
    cutoff: float
    p: float
    n_permutations: int
    candidates: pd.DataFrame
    n: int


def maximally_selected_logrank(
    time: Any,
    event: Any,
    marker: Any,
    minprop: float = 0.1,
    maxprop: float = 0.9,
    n_permutations: int = 9999,
    rng: np.random.Generator | None = None,
) -> MaximallySelected:
    """Largest standardised log-rank statistic over all cut-offs of `marker`, with permutation p.

    Cut-offs leave between `minprop` and `maxprop` of the patients at or below them. Statistic and
    cut-off are those of R's `maxstat.test(smethod = "LogRank")`, with its scores: event less the
    sum of 1 / (n - rank + 1) over earlier events, the rank of tied times being the largest. p =
    (1 + as large) / (1 + permutations) of the scores against the marker; `rng` is required for it.
    No events: NaN.
    """
    times, events = inputs.follow_up(time, event)
    values = inputs.vector(marker, "marker", size=times.size)
    if not 0 <= minprop < maxprop <= 1:
        raise DataError("minprop, maxprop", f"{minprop}, {maxprop}", "0 <= minprop < maxprop <= 1")
    n = times.size
    by_marker = np.argsort(values, kind="stable")
    ordered = values[by_marker]
    # Sizes of the lower group: a cut-off is possible after the last of equal markers.
    size = np.flatnonzero(ordered[1:] > ordered[:-1]) + 1
    size = size[(size >= max(1, int(np.floor(n * minprop)))) & (size <= int(np.floor(n * maxprop)))]
    if size.size == 0:
        raise DataError(
            "marker", "no cut-off", f"one that leaves {minprop:g} to {maxprop:g} of the patients"
        )
    scores = _maxstat_scores(times, events)[by_marker]
    total, squares = scores.sum(), (scores**2).sum()
    variance = size * (n - size) / (n**2 * (n - 1)) * (n * squares - total**2)
    if n * squares - total**2 <= 1e-12 * n * max(squares, 1e-300):
        blank = pd.DataFrame({"cutoff": ordered[size - 1], "size": size, "statistic": np.nan})
        return MaximallySelected(np.nan, np.nan, np.nan, 0, blank, n)

    def statistics(ordered_scores: np.ndarray) -> np.ndarray:
        lower = np.cumsum(ordered_scores, axis=-1)[..., size - 1]
        return np.abs(lower - size / n * total) / np.sqrt(variance)

    tried = statistics(scores)
    best = float(tried.max())
    # The smallest of cut-offs that tie; rounding must not choose.
    cutoff = float(ordered[size - 1][np.flatnonzero(tried >= best - 1e-10)[0]])
    p = np.nan
    if n_permutations:
        if rng is None:
            raise DataError("rng", "None", "a random generator, because scores are permuted")
        extreme, left = 0, n_permutations
        while left:
            rows = min(left, max(1, 2_000_000 // n))
            drawn = rng.permuted(np.broadcast_to(scores, (rows, n)), axis=1)
            extreme += int((statistics(drawn).max(axis=1) >= best - 1e-9).sum())
            left -= rows
        p = (1 + extreme) / (1 + n_permutations)
    candidates = pd.DataFrame({"cutoff": ordered[size - 1], "size": size, "statistic": tried})
    return MaximallySelected(best, cutoff, p, n_permutations, candidates, n)


def maximally_selected_p(
    found: MaximallySelected,
    method: str = "exact-gauss",
    minprop: float = 0.1,
    maxprop: float = 0.9,
) -> float:
    """Approximate p of a maximally selected statistic, where permutation is not wanted.

    `exact-gauss`: the statistics at the cut-offs as normal variables with their true correlation.
    They form a Markov chain (the correlation of two is the product of those between), so that the
    probability is a chain of one-dimensional integrals; R's `exactGauss` finds the same by
    simulation. Not above 2,000 cut-offs. `lau94`: improved Bonferroni bound. `lau92`: limit for
    many cut-offs between `minprop` and `maxprop` of the patients, which the other methods take from
    the cut-offs themselves. NaN if the statistic is.

    Sources: Hothorn & Lausen 2003; Lausen, Sauerbrei & Schumacher, in Computational Statistics
    1994:483, after Worsley, Biometrika 1983;70:455; Lausen & Schumacher 1992; Miller & Siegmund,
    Biometrics 1982;38:1011.
    """
    inputs.one_of(method, APPROXIMATIONS, "method")
    b, size, n = found.statistic, found.candidates["size"].to_numpy(dtype=float), found.n
    if np.isnan(b):
        return np.nan
    density = np.exp(-b * b / 2) / np.sqrt(2 * np.pi)
    if method == "lau92":
        if not 0 < minprop < maxprop < 1:
            found_text = f"{minprop}, {maxprop}"
            raise DataError("minprop, maxprop", found_text, "0 < minprop < maxprop < 1")
        if b < 1:
            return 1.0
        odds = maxprop * (1 - minprop) / ((1 - maxprop) * minprop)
        return float(np.clip(4 * density / b + density * (b - 1 / b) * np.log(odds), 0.0, 1.0))
    correlation = np.sqrt(size[:-1] * (n - size[1:]) / ((n - size[:-1]) * size[1:]))
    if method == "lau94":
        t = np.sqrt(1 - correlation**2)
        more = (np.exp(-b * b / 2) / np.pi * (t - (b * b / 4 - 1) * t**3 / 6)).sum()
        return float(np.clip(2 * ndtr(-b) + more, 0.0, 1.0))
    if size.size > _MOST_CUTOFFS:
        raise DataError(
            "method", f"'exact-gauss' with {size.size} cut-offs", f"at most {_MOST_CUTOFFS}",
            "Use 'lau94' or permutations.",
        )  # fmt: skip
    return _exact_gauss(b, correlation)


def _exact_gauss(b: float, correlation: np.ndarray) -> float:
    """P(any of the chain's variables is beyond b), by Gauss-Legendre quadrature between -b and b."""
    spread = np.sqrt(1 - correlation**2)
    # Nodes closer than the narrowest transition is wide: the error is then below 1e-12.
    nodes = max(48, int(np.ceil(6 * b / spread.min()))) if spread.size else 48
    point, weight = np.polynomial.legendre.leggauss(nodes)
    point, weight = b * point, b * weight
    inside = np.exp(-(point**2) / 2) / np.sqrt(2 * np.pi)
    for r, s in zip(correlation, spread, strict=True):
        step = np.exp(-(((point[:, None] - r * point[None]) / s) ** 2) / 2)
        inside = step @ (weight * inside) / (s * np.sqrt(2 * np.pi))
    return float(np.clip(1 - weight @ inside, 0.0, 1.0))


@dataclass(frozen=True)
class SelectedByRoc:
    """A cut-off chosen from the ROC curve at a horizon and then tested by log-rank.

    `naive` is the log-rank test that takes the cut-off as given; `p` is the permutation p of the
    whole procedure. `unknown` patients were censored before the horizon and had no say in the
    choice, but take part in the test.
    """

    cutoff: Cutoff
    naive: TestResult
    p: float
    n_permutations: int
    unknown: int


def roc_then_logrank(
    time: Any,
    event: Any,
    marker: Any,
    horizon: float,
    criterion: str = "youden",
    n_permutations: int = 999,
    rng: np.random.Generator | None = None,
) -> SelectedByRoc:
    """Choose a cut-off by `optimal_cutoff` for the status at `horizon`, compare above with below.

    The marker is permuted against the patients and the whole procedure, choice included, repeated:
    p = (1 + permutations with a log-rank chi2 as large) / (1 + permutations). A choice that leaves
    one group only counts as no difference. `rng` is required unless `n_permutations` is 0.
    """
    times, events = inputs.follow_up(time, event)
    values = inputs.vector(marker, "marker", size=times.size)
    status = status_at(times, events, horizon)
    known = status.notna().to_numpy()
    positive = status.fillna(False).to_numpy(dtype=bool)[known]
    cutoff = optimal_cutoff(values[known], positive, criterion)
    naive = logrank(times, events, values > cutoff.threshold)
    p = np.nan
    if n_permutations and not np.isnan(naive.statistic):
        if rng is None:
            raise DataError("rng", "None", "a random generator, because the marker is permuted")
        is_case = np.zeros(times.size, dtype=bool)
        is_case[known] = positive
        extreme, left = 0, n_permutations
        while left:
            rows = min(left, max(1, 2_000_000 // times.size))
            drawn = rng.permuted(np.broadcast_to(values, (rows, times.size)), axis=1)
            chosen = batch.roc_cutoff(drawn, is_case[None], known[None], criterion)
            above = (drawn > chosen.threshold[:, None]).astype(int)
            everyone = np.broadcast_to(times, above.shape)
            chi2, _ = batch.logrank_statistic(everyone, events, above, 2)
            extreme += int((np.nan_to_num(chi2) >= naive.statistic - 1e-9).sum())
            left -= rows
        p = (1 + extreme) / (1 + n_permutations)
    return SelectedByRoc(cutoff, naive, p, n_permutations, int((~known).sum()))


def _maxstat_scores(times: np.ndarray, events: np.ndarray) -> np.ndarray:
    rank = pd.Series(times).rank(method="max").to_numpy()
    order = np.argsort(times, kind="stable")
    hazard = np.cumsum((events / (times.size - rank + 1))[order])
    return events - hazard[rank.astype(int) - 1]


def _marker(marker: Any, positive: Any) -> tuple[np.ndarray, np.ndarray]:
    values = inputs.vector(marker, "marker")
    cases = inputs.events(positive, size=values.size, name="positive")
    if cases.all() or not cases.any():
        raise DataError("positive", f"{cases.sum()} of {cases.size}", "some positive, some not")
    return values, cases


def _chosen(values: np.ndarray, cases: np.ndarray, setting: str) -> str:
    inputs.one_of(setting, DIRECTIONS, "direction")
    return _direction(values, cases) if setting == "auto" else setting


def _oriented(marker: Any, positive: Any, chosen: str) -> tuple[np.ndarray, np.ndarray, int]:
    """Marker turned so that a higher one speaks for positive, who is positive, and the sign."""
    values, cases = _marker(marker, positive)
    sign = 1 if _chosen(values, cases, chosen) == "<" else -1
    return sign * values, cases, sign
