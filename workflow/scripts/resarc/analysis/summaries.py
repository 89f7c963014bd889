"""Estimands about patients, categories and numbers: counts, shares, summaries and their tests."""

from __future__ import annotations

from collections.abc import Callable
from math import isnan

import numpy as np

from resarc import seeds
from resarc.analysis.result import Estimate, percent
from resarc.analysis.view import CohortView
from resarc.estimand import Estimand

_NOBODY = "no patient with a known value"


def count(view: CohortView, estimand: Estimand) -> Estimate:
    """Patients with the properties, among those in whom every property is known."""
    known = view.complete((), *(condition.variable for condition in estimand.where))
    return Estimate(float(view.rows(estimand.where).sum()), n=int(known.sum()), method="count")


def known(view: CohortView, estimand: Estimand) -> Estimate:
    """Patients with, or without, a known value of a variable or endpoint."""
    rows, subject = view.rows(estimand.where), estimand.subject
    if subject in view.protocol.endpoint_names:
        present = view.follow_up(subject, estimand.where).rows
    else:
        present = rows & view.present(subject)
    wanted = present if estimand.statistic == "known" else rows & ~present
    return Estimate(float(wanted.sum()), n=int(rows.sum()), method="count")


def proportion(view: CohortView, estimand: Estimand) -> Estimate:
    from resarc.survival.proportions import proportion_interval

    conventions = view.protocol.conventions
    codes = view.codes(estimand.subject)[view.complete(estimand.where, estimand.subject)]
    method = f"proportion, {_INTERVALS[conventions.proportion_interval]} {percent(conventions.level)} interval"
    if not codes.size:
        return Estimate(n=0, method=method, note=_NOBODY)
    place = view.protocol.levels(estimand.subject).index(str(estimand.argument))
    found = proportion_interval(
        int((codes == place).sum()), codes.size, conventions.proportion_interval, conventions.level
    )
    return Estimate(found.value, found.lower, found.upper, n=codes.size, method=method)


_INTERVALS = {"wilson": "Wilson", "exact": "Clopper-Pearson", "wald": "Wald"}


def summary(view: CohortView, estimand: Estimand) -> Estimate:
    """Mean, standard deviation, median, quartiles and range of a number."""
    from scipy.special import stdtrit

    values = view.numbers(estimand.subject, estimand.where)
    n, name = int(values.size), estimand.statistic
    if not n:
        return Estimate(n=0, method=_SUMMARIES[name][1], note=_NOBODY)
    if name in ("mean", "sd") and n == 1:
        value = float(values[0]) if name == "mean" else np.nan
        note = "one patient: no interval" if name == "mean" else "one patient: no spread"
        return Estimate(value, n=1, method=_SUMMARIES[name][1], note=note)
    function, method = _SUMMARIES[name]
    value = float(function(values))
    if name != "mean":
        return Estimate(value, n=n, method=method)
    level = view.protocol.conventions.level
    half = float(stdtrit(n - 1, (1 + level) / 2) * values.std(ddof=1) / np.sqrt(n))
    return Estimate(
        value, value - half, value + half, n=n, method=f"mean, t {percent(level)} interval"
    )


_SUMMARIES: dict[str, tuple[Callable[[np.ndarray], float], str]] = {
    "mean": (np.mean, "mean"),
    "sd": (lambda values: values.std(ddof=1), "standard deviation (n - 1)"),
    "median": (np.median, "median"),
    "q1": (lambda values: np.quantile(values, 0.25), "quartile (type 7)"),
    "q3": (lambda values: np.quantile(values, 0.75), "quartile (type 7)"),
    "minimum": (np.min, "minimum"),
    "maximum": (np.max, "maximum"),
}


def median_difference(view: CohortView, estimand: Estimand) -> Estimate:
    method = "difference of medians"
    levels = view.protocol.levels(estimand.by)
    rows = view.complete(estimand.where, estimand.subject, estimand.by)
    values, codes = view.column(estimand.subject)[rows], view.codes(estimand.by)[rows]
    medians = []
    for level in estimand.contrast or ():
        group = values[codes == levels.index(level)]
        if not group.size:
            return Estimate(n=0, method=method, note=f"{_NOBODY} and {estimand.by} {level}")
        medians.append(float(np.median(group)))
    compared = np.isin(codes, [levels.index(level) for level in estimand.contrast or ()])
    return Estimate(medians[0] - medians[1], n=int(compared.sum()), method=method)


def standardised_difference(view: CohortView, estimand: Estimand) -> Estimate:
    """Distance of two groups in a number or category, in units of its spread, complete cases."""
    from resarc.survival import balance

    rows = view.complete(estimand.where, estimand.subject, estimand.by)
    levels = view.protocol.levels(estimand.by)
    groups = [
        rows & (view.codes(estimand.by) == levels.index(level)) for level in estimand.contrast or ()
    ]
    n = int(sum(group.sum() for group in groups))
    for group, level in zip(groups, estimand.contrast or (), strict=True):
        if not group.any():
            return Estimate(n=0, method=_DISTANCE, note=f"{_NOBODY} and {estimand.by} {level}")
    if view.protocol.kind(estimand.subject) == "number":
        values = view.column(estimand.subject)
        value = balance.difference_of_numbers(*(values[group] for group in groups))
        why = "a group of one patient, or two different values without spread"
        method = f"{_DISTANCE} of means"
    else:
        codes, size = view.codes(estimand.subject), len(view.protocol.levels(estimand.subject))
        table = [np.bincount(codes[group], minlength=size) for group in groups]
        value = balance.difference_of_shares(np.stack(table, axis=1))
        why = "the two groups share no level: the distance is infinite"
        method = f"{_DISTANCE} of shares (Mahalanobis distance)"
    return Estimate(value, n=n, method=method, note=why if isnan(value) else "")


_DISTANCE = "standardised difference"


def category_test(view: CohortView, estimand: Estimand) -> Estimate:
    """Chi-squared, Fisher's and trend test of a category against groups, complete cases."""
    from resarc.survival import contingency

    rows = view.complete(estimand.where, estimand.subject, estimand.by)
    subject, by = view.protocol.levels(estimand.subject), view.protocol.levels(estimand.by)
    table = np.zeros((len(subject), len(by)), dtype=int)
    np.add.at(table, (view.codes(estimand.subject)[rows], view.codes(estimand.by)[rows]), 1)
    name, method = _CATEGORY_TESTS[estimand.statistic]
    n = int(table.sum())
    filled = contingency.counts(table)
    if min(filled.shape) < 2:
        poor = estimand.subject if filled.shape[0] < 2 else estimand.by
        return Estimate(n=n, method=method, note=f"fewer than two levels of {poor} with patients")
    if name == "fisher_exact":
        # Used only where the tables are too many to be counted one by one.
        rng = seeds.stream(view.protocol.study, f"fisher {estimand}")
        test = contingency.fisher_exact(table, rng=rng)
        method = f"Fisher's exact test{test.method.removeprefix('Fisher exact')}"
    else:
        correction = {"correction": True} if estimand.statistic == "chi2_yates_p" else {}
        test = getattr(contingency, name)(table, **correction)
    note = ""
    if estimand.statistic.startswith("chi2") and not test.detail("cochran"):
        note = f"small expected counts, the least {test.detail('minimum_expected'):.2g}"
    return Estimate(test.p, p=test.p, n=n, method=method, note=note)


_CATEGORY_TESTS = {
    "chi2_p": ("chi_square", "Pearson chi-squared test, no continuity correction"),
    "chi2_yates_p": ("chi_square", "Pearson chi-squared test, Yates' correction of 2 x 2 tables"),
    "fisher_p": ("fisher_exact", "Fisher's exact test"),
    "trend_p": ("linear_by_linear", "linear-by-linear association test"),
}


def rank_test(view: CohortView, estimand: Estimand) -> Estimate:
    """Mann-Whitney test of two groups, Kruskal-Wallis of two or more, complete cases.

    Mann-Whitney by the normal approximation, with continuity correction or without, as in `ensemble`,
    so that a value and its identified set are of one kind.
    """
    from resarc.survival import ranks

    rows = view.complete(estimand.where, estimand.subject, estimand.by)
    values, codes = view.column(estimand.subject)[rows], view.codes(estimand.by)[rows]
    samples = [values[codes == place] for place in np.unique(codes)]
    n, two = int(values.size), estimand.statistic.startswith("mann_whitney")
    method = "Mann-Whitney test" if two else "Kruskal-Wallis test"
    if len(samples) < 2:
        return Estimate(
            n=n, method=method, note=f"fewer than two levels of {estimand.by} with patients"
        )
    if two and len(samples) > 2:
        return Estimate(
            n=n, method=method, note=f"{estimand.by} has {len(samples)} levels, not two"
        )
    corrected = estimand.statistic == "mann_whitney_p"
    if two:
        test = ranks.mann_whitney(*samples, correction=corrected, exact=False).test
    else:
        test = ranks.kruskal_wallis(samples)
    note = f"{estimand.subject} is the same in all patients" if isnan(test.p) else ""
    method = test.method.replace("Mann-Whitney", "Mann-Whitney test") if two else method
    return Estimate(test.p, p=test.p, n=n, method=method, note=note)
