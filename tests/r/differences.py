"""Every quantity that R's results are kept for: what is computed here beside what R computed.

`QUANTITIES` holds for each row of docs/statistics.md the pairs (ours, R's) over all data sets, and the
tolerance. tests/survival/test_parity.py holds the largest difference of each to its tolerance and to
tests/r/differences.csv, from which the last column of the documentation comes; `make parity` makes all
of them anew (`parity.py` beside this file).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

HERE = Path(__file__).parent
CLOSED, ITERATED = 1e-8, 1e-6
FISHER = 1e-7
"""R's own accuracy in `fisher.test`."""
SIMULATED = 1e-3
"""R integrates by simulation."""

Pairs = Iterator[tuple[Any, Any]]


@cache
def of(name: str) -> dict[str, Any]:
    return json.loads((HERE / f"{name}.json").read_text(encoding="utf-8"))


def values(entry: Any) -> np.ndarray:
    """Numbers out of the JSON: NA is NaN, a single number is an array of one."""
    flat = entry if isinstance(entry, list) else [entry]
    return np.array([np.nan if v is None else v for v in flat], dtype=float)


def frame(entry: Any) -> pd.DataFrame:
    """A data frame, by columns or by rows."""
    if isinstance(entry, list):
        return pd.DataFrame(entry)
    return pd.DataFrame({k: v if isinstance(v, list) else [v] for k, v in entry.items()})


def difference(ours: Any, theirs: Any) -> float:
    """The largest difference, relative, and absolute below 1; infinite where only one is known."""
    a, b = np.atleast_1d(np.asarray(ours, dtype=float)).ravel(), values(theirs).ravel()
    if a.shape != b.shape or (np.isnan(a) != np.isnan(b)).any():
        return np.inf
    same = np.isnan(a) | (a == b)
    return float(
        np.max(np.where(same, 0.0, np.abs(a - b) / np.maximum(np.abs(b), 1.0)), initial=0.0)
    )


# -- survival ----------------------------------------------------------------------------------------

INTERVALS = ("plain", "log", "log-log", "logit", "arcsine")


def _kaplan_meier() -> Iterator[tuple[pd.DataFrame, dict]]:
    r = of("survival")
    for case in (r["hand"] | r["drawn"]).values():
        yield frame(case["data"]), case["kaplan_meier"]


def _steps(data: pd.DataFrame, theirs: dict, interval: str = "log-log") -> pd.DataFrame:
    from resarc.survival.kaplan_meier import curve

    steps = curve(data["time"], data["event"], interval)
    return steps[steps["time"].isin(values(theirs["time"]))]


def survival() -> Pairs:
    for data, theirs in _kaplan_meier():
        steps = _steps(data, theirs)
        for column in ("at_risk", "events", "survival", "std_error"):
            yield steps[column], theirs[column]


def survival_limits() -> Pairs:
    for data, theirs in _kaplan_meier():
        for interval in INTERVALS:
            steps = _steps(data, theirs, interval)
            moved = (steps["survival"] < 1).to_numpy()
            for end in ("lower", "upper"):
                yield steps[end][moved], list(values(theirs["intervals"][interval][end])[moved])


def quantiles() -> Pairs:
    from resarc.survival.kaplan_meier import curve, quantile

    for data, theirs in _kaplan_meier():
        for interval in INTERVALS:
            found = [
                quantile(curve(data["time"], data["event"], interval), p) for p in (0.75, 0.5, 0.25)
            ]
            for ours, name in (
                ("value", "quantile"),
                ("lower", "quantile_lower"),
                ("upper", "quantile_upper"),
            ):
                yield [getattr(q, ours) for q in found], theirs["intervals"][interval][name]


def reverse() -> Pairs:
    from resarc.survival.kaplan_meier import reverse_follow_up

    for data, theirs in _kaplan_meier():
        found = reverse_follow_up(data["time"], data["event"])
        yield [found.value, found.lower, found.upper], theirs["reverse"]


def restricted_mean() -> Pairs:
    from resarc.survival.rmst import rmst

    for data, theirs in _kaplan_meier():
        found = rmst(data["time"], data["event"], theirs["tau"]) if theirs["tau"] > 0 else None
        if found and not np.isnan(found.value):
            yield [found.value, found.se], [theirs["rmst"], theirs["rmst_se"]]


def restricted_difference() -> Pairs:
    from resarc.survival.rmst import rmst_difference

    for case in of("tests")["drawn"]:
        data, theirs = frame(case["data"]), case["restricted"]
        found = rmst_difference(data["time"], data["event"], data["x"], theirs["tau"], reference=0)
        if not np.isnan(found.value):
            yield [found.value, found.se, found.p], [theirs[k] for k in ("value", "se", "p")]


# -- log-rank ----------------------------------------------------------------------------------------


def _drawn() -> Iterator[tuple[pd.DataFrame, dict]]:
    for case in of("survival")["drawn"].values():
        yield frame(case["data"]), case


def _logrank(name: str, column: str, **options: Any) -> Pairs:
    from resarc.survival.logrank import logrank

    for data, case in _drawn():
        strata = {"strata": data["stratum"]} if options.get("stratified") else {}
        found = logrank(data["time"], data["event"], data[column], options.get("weights"), **strata)
        theirs = case["logrank"][name]
        yield [found.statistic, found.df], [theirs["chi2"], theirs["df"]]
        yield found.observed, theirs["observed"]
        yield found.expected, theirs["expected"]


def logrank_groups() -> Pairs:
    yield from _logrank("logrank", "group")
    yield from _logrank("two", "x")


def logrank_stratified() -> Pairs:
    yield from _logrank("stratified", "group", stratified=True)


def logrank_weighted() -> Pairs:
    from resarc.survival.logrank import logrank

    yield from _logrank("peto", "group", weights=("fleming-harrington", 1, 0))
    weights = {"wilcoxon": "wilcoxon", "tarone-ware": "tarone-ware", "rho": ("fleming-harrington", 1, 0),
               "fh01": ("fleming-harrington", 0, 1), "fh11": ("fleming-harrington", 1, 1)}  # fmt: skip
    for case in of("tests")["drawn"]:
        data = frame(case["data"])
        for name, weight in weights.items():
            found = logrank(data["time"], data["event"], data["group"], weight)
            yield found.statistic, case["weighted"][name]


def logrank_trend() -> Pairs:
    from resarc.survival.logrank import trend

    for case in of("tests")["drawn"]:
        data = frame(case["data"])
        for name, scores in (("trend", None), ("trend_scores", [0, 1, 5])):
            yield trend(data["time"], data["event"], data["group"], scores).statistic, case[name]


def logrank_exact() -> Pairs:
    from resarc.survival.logrank import exact_logrank

    case = of("tests")["drawn"][0]
    data = frame(case["data"])
    yield exact_logrank(data["time"], data["event"], data["x"]).p, case["permutation"]


# -- Cox ---------------------------------------------------------------------------------------------


@cache
def _shipped() -> dict[str, tuple[pd.DataFrame, str, str]]:
    """Data sets that lifelines ships, coded as in the R script."""
    from lifelines import datasets

    gbsg2 = datasets.load_gbsg2().assign(hormone=lambda d: (d["horTh"] == "yes") * 1.0)
    lung = datasets.load_lung()[["time", "status", "age", "sex", "ph.ecog", "wt.loss"]].dropna()
    lung["event"] = (lung["status"] == lung["status"].max()) * 1
    return {
        "rossi": (datasets.load_rossi(), "week", "arrest"),
        "gbsg2": (gbsg2, "time", "cens"),
        "lung": (lung, "time", "event"),
    }


def _models(kind: str) -> Iterator[tuple[pd.DataFrame, str, str, dict, str | None]]:
    r = of("survival")
    if kind == "cox":
        for name, (data, time, event) in _shipped().items():
            yield data, time, event, r[name], None
    for data, case in _drawn():
        yield data, "time", "event", case[kind], "stratum" if kind == "stratified" else None


def _cox(kind: str) -> Pairs:
    from resarc.survival.cox import cox

    for data, time, event, theirs, strata in _models(kind):
        found = cox(data, time, event, theirs["covariates"], strata)
        for column in ("log_hr", "se"):
            yield found.coefficients[column], theirs[column]
        yield (
            [found.log_likelihood, found.null_log_likelihood, found.score_statistic],
            [theirs[k] for k in ("log_likelihood", "null_log_likelihood", "score")],
        )


def cox_plain() -> Pairs:
    yield from _cox("cox")


def cox_stratified() -> Pairs:
    yield from _cox("stratified")


def cox_robust() -> Pairs:
    from resarc.survival.cox import cox

    for kind in ("cox", "stratified"):
        for data, time, event, theirs, strata in _models(kind):
            found = cox(data, time, event, theirs["covariates"], strata, robust=True)
            yield found.coefficients["se"], theirs["robust_se"]


def cox_profile() -> Pairs:
    from resarc.survival import batch, two_groups
    from resarc.survival.cox import cox

    for case in of("models")["small"]:
        if not case.get("profile"):
            continue
        data = frame(case["data"])
        found = cox(data, "time", "event", ["x"], interval="profile").coefficients.iloc[0]
        yield np.log([found["lower"], found["upper"]]), case["profile"]
        order = batch.risk_order(
            data["time"].to_numpy(float)[None], (data["event"] == 1).to_numpy()[None]
        )
        counts = two_groups.risk_counts(order, (data["x"] == 1).to_numpy()[None])
        lower, upper, _ = two_groups.profile(counts, two_groups.fit(counts), 0.95)
        yield [lower[0], upper[0]], case["profile"]


def interaction() -> Pairs:
    from resarc.survival.cox import interaction_p

    for case in of("models")["small"]:
        if case.get("interaction"):
            data = frame(case["data"])
            yield interaction_p(data, "time", "event", "x", "z").statistic, case["interaction"]


def ph_test() -> Pairs:
    from resarc.survival.cox import proportional_hazards

    for kind in ("cox", "stratified"):
        for data, time, event, theirs, strata in _models(kind):
            for transform in ("km", "identity", "rank", "log"):
                names = theirs["covariates"]
                found = proportional_hazards(data, time, event, names, strata, transform)
                for column in ("chi2", "df", "p"):
                    yield found[column], theirs["zph"][transform][column]


def start_stop() -> Pairs:
    from resarc.survival.counting_process import cox_intervals

    data = frame(of("models")["heart"])
    for name, (covariates, options) in {
        "plain": (["age", "surgery", "transplant"], {}),
        "stratified": (["age", "transplant"], {"strata": "surgery"}),
        "robust": (["age", "surgery", "transplant"], {"cluster": "id"}),
    }.items():
        theirs = of("models")["start_stop"][name]
        found = cox_intervals(data, "start", "stop", "event", covariates, **options)
        for column in ("log_hr", "se"):
            yield found.coefficients[column], theirs[column]
        yield [found.null_log_likelihood, found.log_likelihood], theirs["loglik"]
        yield found.score_statistic, theirs["score"]


def firth() -> Pairs:
    from resarc.survival.firth import firth_cox

    for case in of("models")["small"]:
        for names, key in ((["x"], "one"), (["x", "z"], "two")):
            found, theirs = firth_cox(frame(case["data"]), "time", "event", names), case[key]
            table = found.coefficients
            yield table["log_hr"], theirs["log_hr"]
            yield table["se"], theirs["se"]
            yield table["z"] ** 2, theirs["chi2"]
            yield (
                [found.log_likelihood, found.null_log_likelihood],
                [theirs["value"], theirs["null"]],
            )
            for end in ("lower", "upper"):
                yield np.log(table[end]), theirs[end]


def assumed_delays() -> Pairs:
    from resarc.survival import batch, two_groups

    r = of("reanalysis")
    for rows, expected in zip(r["data"], r["delayed"], strict=True):
        data = frame(rows)
        order = batch.risk_order(
            data["time"].to_numpy(float)[None], (data["event"] == 1).to_numpy()[None]
        )
        for theirs in expected:
            for before in ("second", "absent"):
                counts = two_groups.risk_counts(
                    order, (data["x"] == 1).to_numpy()[None], delay=theirs["delay"], before=before
                )
                fit = two_groups.fit(counts)
                yield [fit.beta[0], fit.se[0]], [theirs[before]["beta"], theirs[before]["se"]]


def spline_fits() -> Pairs:
    from resarc.survival import batch, splines

    r = of("reanalysis")
    for number in (3, 4):
        for rows, theirs in zip(r["data"], r[f"spline{number}"], strict=True):
            data = frame(rows)
            marker = data["marker"].to_numpy(float)[None]
            knots = splines.knots(marker, number)
            yield knots[0], theirs["knots"]
            time, event = data["time"].to_numpy(float)[None], data["event"].to_numpy()[None] == 1
            fits = batch.cox_fits(time, event, splines.basis(marker, knots))
            yield [fits.null_log_likelihood[0], fits.log_likelihood[0]], theirs["loglik"]
            at = splines.basis(np.array([theirs["at"]]), knots)[0]
            step = at[1] - at[0]
            yield step @ fits.beta[0], theirs["difference"]
            yield np.sqrt(step @ fits.covariance[0] @ step), theirs["se"]


# -- competing risks -----------------------------------------------------------------------------------


def _incidences() -> Iterator[tuple[pd.DataFrame, dict]]:
    for case in (*of("models")["hand"].values(), *of("models")["drawn"]):
        yield frame(case["data"]), case["incidence"]


def incidence() -> Pairs:
    from resarc.survival.competing import cumulative_incidence

    for data, theirs in _incidences():
        for interval in ("plain", "log", "log-log"):
            table = theirs[interval]
            found = cumulative_incidence(data["time"], data["cause"], interval=interval)
            found = found[found["time"].isin(values(table["time"]))]
            yield found["incidence"], table["incidence"]
            yield found["std_error"], table["std_error"]
            # Where the incidence is 0 R has NA, or no limits, by type; here both are 0.
            moved = ((found["incidence"] > 0) & (found["std_error"] > 0)).to_numpy()
            for end in ("lower", "upper"):
                yield found[end][moved], list(values(table[end])[moved])


def incidence_aalen() -> Pairs:
    from resarc.survival.competing import cumulative_incidence

    for data, theirs in _incidences():
        table = theirs["aalen"]
        found = cumulative_incidence(data["time"], data["cause"], variance="aalen")
        found = found[found["time"].isin(values(table["time"]))]
        yield found["incidence"], table["incidence"]
        yield found["std_error"] ** 2, table["variance"]


def gray() -> Pairs:
    from resarc.survival.competing import gray_test

    for case in of("models")["drawn"]:
        data = frame(case["data"])
        for key, options in (("gray", {}), ("gray_rho", {"rho": 1.0}),
                             ("gray_strata", {"strata": data["stratum"]})):  # fmt: skip
            found = gray_test(data["time"], data["cause"], data["group"], **options)
            yield [found.statistic, found.p, found.df], [case[key][k] for k in ("chi2", "p", "df")]


def subdistribution() -> Pairs:
    from resarc.survival.competing import fine_gray

    for case in of("models")["drawn"]:
        found, theirs = (
            fine_gray(frame(case["data"]), "time", "cause", ["x", "z"]),
            case["fine_gray"],
        )
        for column in ("log_hr", "se"):
            yield found.coefficients[column], theirs[column]
        yield [found.log_likelihood, found.null_log_likelihood], [theirs["loglik"], theirs["null"]]


# -- markers -------------------------------------------------------------------------------------------


def area() -> Pairs:
    from resarc.survival.cutpoints import auc

    for data, case in _drawn():
        found, theirs = auc(data["marker"], data["positive"]), case["roc"]
        yield (
            [found.value, found.lower, found.upper, found.se],
            [theirs[k] for k in ("auc", "lower", "upper", "se")],
        )


def cut_offs() -> Pairs:
    from resarc.survival.cutpoints import optimal_cutoff

    for data, case in _drawn():
        for criterion in ("youden", "closest"):
            best = optimal_cutoff(data["marker"], data["positive"], criterion)
            yield (
                sorted(best.thresholds),
                sorted(values(case["roc"][criterion]["threshold"]).tolist()),
            )


def area_at_landmark() -> Pairs:
    from resarc.survival.landmark_roc import auc_at

    for case in of("tests")["drawn"]:
        data, theirs = frame(case["data"]), case["landmark"]
        yield (
            auc_at(data["time"], data["event"], data["marker"], theirs["at"], "<").value,
            theirs["auc"],
        )


def _selected() -> Iterator[tuple[Any, dict]]:
    from resarc.survival.cutpoints import maximally_selected_logrank

    for case in of("tests")["drawn"]:
        if case.get("selected"):
            data = frame(case["data"])
            yield (
                maximally_selected_logrank(
                    data["time"], data["event"], data["marker"], n_permutations=0
                ),
                case["selected"],
            )


def maximally_selected() -> Pairs:
    from resarc.survival.cutpoints import maximally_selected_logrank

    for data, case in _drawn():
        theirs = case["maxstat"]
        found = maximally_selected_logrank(
            data["time"], data["event"], data["marker"], n_permutations=0
        )
        yield [found.statistic, found.cutoff], [theirs["statistic"], theirs["cutoff"]]
        yield found.candidates["statistic"], theirs["statistics"]
    for found, theirs in _selected():
        yield found.statistic, theirs["statistic"]


def selected_p() -> Pairs:
    from resarc.survival.cutpoints import maximally_selected_p

    for found, theirs in _selected():
        for method in ("lau92", "lau94"):
            yield maximally_selected_p(found, method), theirs[method]


def selected_p_gauss() -> Pairs:
    from resarc.survival.cutpoints import maximally_selected_p

    for found, theirs in _selected():
        yield maximally_selected_p(found, "exact-gauss"), theirs["exact_gauss"]


# -- counts and numbers --------------------------------------------------------------------------------


def proportions() -> Pairs:
    from resarc.survival.proportions import proportion_interval

    for case in of("survival")["proportions"]:
        for method in ("wilson", "exact"):
            found = proportion_interval(case["x"], case["n"], method)
            yield [found.lower, found.upper], case[method]


def difference_of_proportions() -> Pairs:
    from resarc.survival.proportions import difference

    for case in of("tests")["differences"]:
        found = difference(*map(int, case["counts"]))
        yield (
            [found.value, found.lower, found.upper],
            [case[k] for k in ("difference", "lower", "upper")],
        )


def chi_squared() -> Pairs:
    from resarc.survival.contingency import chi_square

    for case in of("survival")["contingency"]:
        found = chi_square(case["table"])
        yield [found.statistic, found.p], [case["chi2"], case["p"]]
        yield chi_square(case["table"], correction=True).statistic, case["yates"]


def fisher() -> Pairs:
    from resarc.survival.contingency import fisher_exact

    for case in of("survival")["contingency"]:
        yield fisher_exact(case["table"]).p, case["fisher"]


def fisher_mid_p() -> Pairs:
    from resarc.survival.contingency import mid_p_fisher

    for case in of("tests")["tables"]:
        yield mid_p_fisher(case["table"]).p, case["mid_p"]


def table_trend() -> Pairs:
    from resarc.survival.contingency import linear_by_linear

    for case in of("tests")["tables"]:
        found = linear_by_linear(case["table"])
        yield [found.statistic, found.p], [case["trend"], case["trend_p"]]


def mann_whitney_test() -> Pairs:
    from resarc.survival.ranks import mann_whitney

    for case in of("survival")["ranks"].values():
        for key, options in (("default", {}), ("corrected", {"exact": False}),
                             ("plain", {"exact": False, "correction": False})):  # fmt: skip
            found = mann_whitney(case["x"], case["y"], **options).test
            yield [found.statistic, found.p], [case[key]["u"], case[key]["p"]]


def hodges_lehmann() -> Pairs:
    from resarc.survival.ranks import mann_whitney

    for case in of("tests")["shifts"]:
        yield mann_whitney(case["x"], case["y"]).shift.value, case["shift"]
    for case in of("survival")["ranks"].values():
        for key, options in (("default", {}), ("plain", {"exact": False, "correction": False})):
            shift = mann_whitney(case["x"], case["y"], **options).shift
            yield [shift.lower, shift.upper], [case[key]["lower"], case[key]["upper"]]


def kruskal() -> Pairs:
    from resarc.survival.ranks import kruskal_wallis

    for case in of("survival")["ranks"].values():
        found = kruskal_wallis([case["x"], case["y"], [2, 6, 6, 7]])
        yield found.statistic, case["kruskal"]


def distance_of_numbers() -> Pairs:
    from resarc.survival.balance import difference_of_numbers

    for case in of("tables")["numbers"]:
        yield difference_of_numbers(case["x"], case["y"]), case["difference"]


def distance_of_shares() -> Pairs:
    from resarc.survival.balance import difference_of_shares

    for case in of("tables")["shares"].values():
        yield difference_of_shares(np.array(case["counts"])), case["difference"]


def adjusted_p() -> Pairs:
    from resarc.survival.multiplicity import adjusted

    r = of("reanalysis")
    for place, p in enumerate(r["p"]):
        for name, method in (("holm", "holm"), ("bh", "benjamini-hochberg")):
            yield adjusted(values(p)[None], method)[0], r[name][place]


def e_value() -> Pairs:
    from resarc.survival import e_values

    for case in of("tests")["e_values"]:
        yield e_values.e_value(e_values.risk_ratio(case["hr"], case["common"])), case["e"]


def pooled() -> Pairs:
    from resarc.synthesis import random_effects

    for case in of("pool")["results"]:
        found = random_effects(case["yi"], case["vi"])
        for ours, name in (
            ("mean", "mean"),
            ("lower", "lower"),
            ("upper", "upper"),
            ("tau2", "tau2"),
        ):
            yield getattr(found, ours), case[name]


def predicted() -> Pairs:
    from resarc.synthesis import random_effects

    for case in of("pool")["results"]:
        found = random_effects(case["yi"], case["vi"])
        yield found.i2, case["i2"]
        for end in ("lower", "upper"):
            theirs = case[f"prediction_{end}"]
            yield getattr(found, f"prediction_{end}"), None if theirs == "NA" else theirs


# -- conventions that papers leave open ----------------------------------------------------------


def _cox_with(ties: str) -> Pairs:
    from resarc.survival.cox import cox

    for case in of("conventions")["ties"]:
        fit, r = cox(frame(case["data"]), "time", "event", ["x", "z"], ties=ties), case[ties]
        table = fit.coefficients
        yield table["log_hr"], r["beta"]
        yield table["se"], r["se"]
        yield [fit.null_log_likelihood, fit.log_likelihood], r["log_likelihood"]
        yield fit.lr_p, r["lr_p"]


def cox_breslow() -> Pairs:
    yield from _cox_with("efron")
    yield from _cox_with("breslow")


def cox_exact() -> Pairs:
    yield from _cox_with("exact")


def cox_levels() -> Pairs:
    from resarc.survival.cox import cox

    for case in of("conventions")["ties"]:
        data = frame(case["data"])
        data = data.assign(second=data["group"] == 2, third=data["group"] == 3).astype(float)
        yield cox(data, "time", "event", ["second", "third"]).lr_p, case["levels_p"]


def logrank_kin() -> Pairs:
    from resarc.survival import logrank

    for case in of("conventions")["ties"]:
        data = frame(case["data"])
        given = data["time"], data["event"], data["group"]
        peto = logrank.logrank(*given, weights=logrank.TESTS["peto_p"])
        yield peto.statistic, case["rho_1"]
        yield logrank.logrank(*given, variance="binomial").statistic, case["binomial"]


def median_conventions() -> Pairs:
    from resarc.survival.kaplan_meier import CONVENTIONS, curve, quantile

    for case in of("conventions")["halves"]:
        steps = curve(case["time"], case["event"])
        for convention in CONVENTIONS:
            yield quantile(steps, convention=convention).value, case.get(convention)


def mann_whitney_plain() -> Pairs:
    from resarc.survival.ranks import mann_whitney

    for case in of("conventions")["samples"]:
        found = mann_whitney(case["x"], case["y"], correction=False, exact=False)
        yield found.test.p, case["p"]


def yates() -> Pairs:
    from resarc.survival.contingency import chi_square

    for case in of("conventions")["tables"]:
        yield chi_square(case["table"], correction=True).p, case["yates_p"]


QUANTITIES: dict[str, tuple[Callable[[], Iterable[tuple[Any, Any]]], float]] = {
    "survival": (survival, CLOSED),
    "survival limits": (survival_limits, CLOSED),
    "median": (quantiles, CLOSED),
    "reverse follow-up": (reverse, CLOSED),
    "restricted mean": (restricted_mean, CLOSED),
    "restricted mean difference": (restricted_difference, CLOSED),
    "log-rank": (logrank_groups, CLOSED),
    "log-rank, stratified": (logrank_stratified, CLOSED),
    "log-rank, weighted": (logrank_weighted, CLOSED),
    "log-rank, trend": (logrank_trend, CLOSED),
    "log-rank, permutation": (logrank_exact, CLOSED),
    "Cox": (cox_plain, ITERATED),
    "Cox, stratified": (cox_stratified, ITERATED),
    "Cox, robust": (cox_robust, ITERATED),
    "profile limits": (cox_profile, ITERATED),
    "interaction": (interaction, ITERATED),
    "proportional hazards": (ph_test, ITERATED),
    "Cox, start and stop": (start_stop, ITERATED),
    "Cox, assumed delays": (assumed_delays, ITERATED),
    "Firth's Cox": (firth, ITERATED),
    "spline": (spline_fits, ITERATED),
    "cumulative incidence": (incidence, CLOSED),
    "cumulative incidence, Aalen's variance": (incidence_aalen, CLOSED),
    "Gray": (gray, CLOSED),
    "Fine-Gray": (subdistribution, ITERATED),
    "AUC": (area, CLOSED),
    "ROC cut-off": (cut_offs, CLOSED),
    "AUC at a landmark": (area_at_landmark, CLOSED),
    "maximally selected": (maximally_selected, CLOSED),
    "maximally selected, p": (selected_p, CLOSED),
    "maximally selected, p by integration": (selected_p_gauss, SIMULATED),
    "proportion": (proportions, CLOSED),
    "difference of proportions": (difference_of_proportions, CLOSED),
    "chi-squared": (chi_squared, CLOSED),
    "Fisher": (fisher, FISHER),
    "Fisher, mid-p": (fisher_mid_p, FISHER),
    "linear by linear": (table_trend, CLOSED),
    "Mann-Whitney": (mann_whitney_test, CLOSED),
    "Hodges-Lehmann": (hodges_lehmann, ITERATED),
    "Kruskal-Wallis": (kruskal, CLOSED),
    "standardised difference, numbers": (distance_of_numbers, CLOSED),
    "standardised difference, shares": (distance_of_shares, CLOSED),
    "adjusted p": (adjusted_p, CLOSED),
    "E-value": (e_value, CLOSED),
    "pooled value": (pooled, ITERATED),
    "prediction": (predicted, ITERATED),
    "Cox, Breslow's ties": (cox_breslow, ITERATED),
    "Cox, exact ties": (cox_exact, ITERATED),
    "Cox, levels of a category": (cox_levels, ITERATED),
    "log-rank, rho and variance": (logrank_kin, CLOSED),
    "median, conventions": (median_conventions, CLOSED),
    "Mann-Whitney, uncorrected": (mann_whitney_plain, CLOSED),
    "chi-squared, Yates": (yates, CLOSED),
}
"""By the names in the column R of docs/statistics.md."""


def largest(name: str) -> float:
    """The largest difference of a quantity over all data sets."""
    make, _ = QUANTITIES[name]
    return max(difference(ours, theirs) for ours, theirs in make())


def compared(name: str) -> int:
    """How many numbers are compared."""
    return sum(values(theirs).size for _, theirs in QUANTITIES[name][0]())


def bound(value: float) -> float:
    """A difference as documented: the next power of ten, not below 1e-13."""
    return max(10.0 ** np.ceil(np.log10(value)), 1e-13) if value > 0 else 1e-13


def table() -> pd.DataFrame:
    """What tests/r/differences.csv holds."""
    rows = [
        (name, compared(name), f"{tolerance:.0e}", f"{bound(largest(name)):.0e}")
        for name, (_, tolerance) in QUANTITIES.items()
    ]
    return pd.DataFrame(rows, columns=["quantity", "numbers", "tolerance", "largest_difference"])
