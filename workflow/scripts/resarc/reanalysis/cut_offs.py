"""Cut-offs that were chosen on the outcome: the whole procedure tested, and no cut-off at all.

Sources: Altman et al., J Natl Cancer Inst 1994;86:829 (what optimal cut-offs do to p); Hothorn &
Lausen, Comput Stat Data Anal 2003;43:121 (maximally selected statistics); Sauerbrei & Schumacher,
Stat Med 1992;11:2093 (bootstrap stability); Harrell, Regression Modeling Strategies, ch. 2 (splines).
"""

from __future__ import annotations

import numpy as np
from scipy.special import chdtrc, ndtri

from resarc.errors import DataError
from resarc.estimand import Estimand
from resarc.protocol import Analysis
from resarc.reanalysis import words
from resarc.reanalysis.dataset import Data
from resarc.reanalysis.result import Changes, Conclusion, Line, Number, Part
from resarc.recommended import CutOff
from resarc.survival import batch, cutpoints, splines

PROCEDURE_MEMBERS = 25
"""Members in which choices are repeated on permuted and resampled patients."""
CELLS = 20_000_000
"""Patients times repetitions at most; large registries get fewer repetitions, and say so."""
GRID = 40
"""Values of a marker at which the spline is given."""


def evaluate(data: Data, analysis: Analysis, asked: CutOff) -> Part:
    """Each marker: the cut-off and its test as the paper did, and what stands beside them."""
    numbers: list[Number] = []
    lines: list[Line] = []
    found: list[Changes] = []
    lost: list[tuple[str, str]] = []
    without: list[tuple[str, str]] = []
    alpha = data.protocol.conventions.alpha
    for at in analysis.at:
        for marker in analysis.variables:
            estimand = Estimand("roc_cutoff", analysis.endpoint or "", at, by=marker)
            if not data.has(estimand):
                continue
            mine, naive, whole = _procedure(data, estimand, asked)
            numbers += mine
            if marker in asked.splits:
                numbers.append(_split(data, estimand, asked.splits[marker]))
            smooth, line, p = _spline(data, estimand)
            numbers += smooth
            lines += line
            found.append(words.changes(naive, whole, alpha))
            label = words.factor(marker, data.protocol)
            lost.append((f"{label} ({words.p(naive)}; {words.p(whole)})", words.OFTEN[found[-1]]))
            without.append((label, words.below(p, alpha)))
    if not found:
        return Part((), Conclusion("The markers are not there.", "not comparable"))
    turned, continuous = words.sorted_out(lost, data), words.sorted_out(without, data)
    sentence = (
        f"If the choice of the cut-off is part of the test, p lies on the other side of {alpha:g} for "
        f"{turned} (p as if the cut-off were given; p of the whole procedure)"
        if turned
        else "Testing the choice of the cut-off with its comparison moves no p to the other side of "
        f"{alpha:g}"
    )
    sentence += f". Without any cut-off, p is below {alpha:g} for {continuous or 'no marker'}"
    return Part(numbers, Conclusion(f"{sentence}.", words.together(found)), lines)


def _repetitions(wanted: int, n: int) -> int:
    return int(min(wanted, max(99, CELLS // max(n, 1))))


def _procedure(
    data: Data, estimand: Estimand, asked: CutOff
) -> tuple[list[Number], np.ndarray, np.ndarray]:
    """Cut-off by the ROC curve and its log-rank p, then both tested as one, the best of all
    cut-offs, and the cut-offs of resampled patients."""
    some = data.some(PROCEDURE_MEMBERS)
    ensemble, criterion = some.ensemble, data.protocol.conventions.roc_criterion
    times, events = ensemble.times[estimand.subject], ensemble.events[estimand.subject]
    values = ensemble.number(estimand.by)
    rng = data.random("cut-off", estimand)
    columns = ("cutoff", "naive", "whole", "maxstat", "low", "high")
    table = {name: np.full(len(values), np.nan) for name in columns}
    draws = resamples = 0
    for m in range(len(values)):
        rows = ~np.isnan(times[m]) & ~np.isnan(values[m])
        time, event, marker = times[m][rows], events[m][rows], values[m][rows]
        draws = _repetitions(asked.permutations, time.size)
        resamples = _repetitions(asked.resamples, time.size)
        try:
            found = cutpoints.roc_then_logrank(
                time, event, marker, estimand.time, criterion, draws, rng
            )
            best = cutpoints.maximally_selected_logrank(
                time, event, marker, n_permutations=draws, rng=rng
            )
        except DataError:
            continue  # nobody, or everybody, had the event by then: nothing to choose by
        low, high = _bootstrap(time, event, marker, estimand.time, criterion, resamples, rng)
        values_of = (
            found.cutoff.threshold, found.naive.p, found.p, best.p, low, high
        )  # fmt: skip
        for name, value in zip(columns, values_of, strict=True):
            table[name][m] = value if np.isfinite(value) else np.nan
    how = f"{draws} permutations of the marker"
    again = f"{resamples} bootstrap samples"
    numbers = [
        Number(estimand, "cutoff", table["cutoff"], method=f"ROC curve, {criterion}", of=estimand),
        Number(estimand, "selected_logrank_p", table["naive"], method="log-rank test"),
        Number(estimand, "procedure_p", table["whole"], method=how),
        Number(estimand, "maxstat_p", table["maxstat"], method=f"maximally selected, {how}"),
        Number(estimand, "cutoff_low", table["low"], method=again),
        Number(estimand, "cutoff_high", table["high"], method=again),
    ]
    return numbers, table["naive"], table["whole"]


def _bootstrap(
    time: np.ndarray, event: np.ndarray, marker: np.ndarray, horizon: float, criterion: str,
    resamples: int, rng: np.random.Generator,
) -> tuple[float, float]:  # fmt: skip
    """The middle 95% of the cut-offs that resampled patients would have given."""
    drawn = rng.integers(0, time.size, (resamples, time.size))
    positive = event & (time <= horizon)
    known = positive | (time > horizon) | (~event & (time == horizon))
    found = batch.roc_cutoff(marker[drawn], positive[drawn], known[drawn], criterion).threshold
    found = found[~np.isnan(found)]
    if not found.size:
        return np.nan, np.nan
    low, high = np.quantile(found, [0.025, 0.975])
    return float(low), float(high)


def _split(data: Data, estimand: Estimand, split: str) -> Number:
    """The log-rank p of the split that the paper printed."""
    test = Estimand("logrank_p", estimand.subject, by=split)
    values = data.value(test).value if data.has(test) else np.full(data.ensemble.shape[0], np.nan)
    return Number(
        estimand, "split_logrank_p", values, method="log-rank test of the paper's split", of=test
    )


def _spline(data: Data, estimand: Estimand) -> tuple[list[Number], list[Line], np.ndarray]:
    """The marker as a restricted cubic spline in Cox's model: p of any effect, of non-linearity,
    and the hazard ratio against the marker's median."""
    ensemble, endpoint, level = data.ensemble, estimand.subject, data.protocol.conventions.level
    values = ensemble.number(estimand.by)
    part = ~np.isnan(ensemble.times[endpoint]) & ~np.isnan(values)
    masked = np.where(part, values, np.nan)
    knots = splines.knots(masked, splines.number_of_knots(int(part.sum(axis=1).max(initial=0))))
    columns = splines.basis(np.where(part, values, 0.0), knots)
    bent = ~np.isnan(columns).any(axis=(1, 2))
    columns = np.nan_to_num(columns)
    arguments = (ensemble.times[endpoint], ensemble.events[endpoint])
    order = ensemble.order(endpoint)
    fits = batch.cox_fits(*arguments, columns, part, order=order)
    line = batch.cox_fits(*arguments, columns[:, :, :1], part, order=order)
    usable = bent & fits.converged
    df = columns.shape[2]
    with np.errstate(invalid="ignore"):
        whole = 2 * (fits.log_likelihood - fits.null_log_likelihood)
        bend = 2 * (fits.log_likelihood - line.log_likelihood)
    p = np.where(usable, chdtrc(df, np.maximum(whole, 0.0)), np.nan)
    nonlinear = np.where(
        usable & line.converged, chdtrc(max(df - 1, 1), np.maximum(bend, 0.0)), np.nan
    )
    method = f"Cox, restricted cubic spline with {knots.shape[1]} knots, likelihood ratio"
    numbers = [
        Number(estimand, "spline_p", p, method=method),
        Number(estimand, "nonlinear_p", nonlinear, method=method),
    ]
    if not usable.any():
        return numbers, [], p
    # Where every dataset has patients on both sides; beyond, a spline is a guess.
    low = np.nanmax(np.nanquantile(masked, 0.05, axis=1))
    high = np.nanmin(np.nanquantile(masked, 0.95, axis=1))
    if not low < high:
        return numbers, [], p
    grid = np.linspace(low, high, GRID)
    middle = np.nanmedian(masked, axis=1, keepdims=True)
    at = splines.basis(np.broadcast_to(grid, (len(values), GRID)), knots)
    away = np.nan_to_num(at - splines.basis(middle, knots))
    log_ratio = np.einsum("mgp,mp->mg", away, np.nan_to_num(fits.beta))
    variance = np.einsum("mgp,mpq,mgq->mg", away, np.nan_to_num(fits.covariance), away)
    width = float(ndtri((1 + level) / 2)) * np.sqrt(np.maximum(variance, 0.0))
    blank = np.where(usable, 0.0, np.nan)[:, None]
    with np.errstate(over="ignore"):
        curve = Line(
            estimand, "spline", grid, np.exp(log_ratio + blank),
            np.exp(log_ratio - width + blank), np.exp(log_ratio + width + blank),
        )  # fmt: skip
    return numbers, [curve], p
