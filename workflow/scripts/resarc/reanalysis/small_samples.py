"""Few patients: tests that need no large numbers, and models that survive separation.

Sources: Heinze, Gnant & Schemper, Biometrics 2003;59:1151 (exact log-rank test); Heinze & Schemper,
Biometrics 2001;57:114 (Firth's Cox model); Vittinghoff & McCulloch, Am J Epidemiol 2007;165:710
(events per coefficient).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from resarc.estimand import Estimand
from resarc.protocol import Analysis
from resarc.reanalysis import words
from resarc.reanalysis.dataset import Data, groups
from resarc.reanalysis.ratios import hazard_ratios, paper_p, paper_ratio
from resarc.reanalysis.result import Changes, Conclusion, Number, Part
from resarc.recommended import PenalisedModel, SmallSample
from resarc.survival import two_groups
from resarc.survival.firth import firth_cox
from resarc.survival.logrank import exact_logrank

EXACT_MEMBERS = 25
"""Members in which permutation tests are made; each takes milliseconds, not microseconds."""
FIRTH_MEMBERS = 50
"""Members in which Firth's multivariable model is fitted; without its limits, which take fifty times
as long as the model and its tests."""
MANY, CELLS = 2_000, 20_000_000
"""With more patients than that fewer arrangements are drawn, so many patients in all."""
_TIME, _EVENT = "(time)", "(event)"  # no variable can be named so


def evaluate(data: Data, analysis: Analysis, asked: SmallSample) -> Part:
    """Each comparison of the analysis by permutation, by profile likelihood, and by Firth."""
    level, alpha = data.protocol.conventions.level, data.protocol.conventions.alpha
    numbers: list[Number] = []
    found: list[Changes] = []
    otherwise: list[tuple[str, str]] = []
    unbounded: list[tuple[str, str]] = []
    done: set[tuple[str, tuple[object, ...]]] = set()
    ratios = hazard_ratios(data, analysis, asked.of, contrasts=True)
    for estimand in ratios:
        test = Estimand("logrank_p", estimand.subject, None, estimand.where, estimand.by)
        several = len(data.protocol.levels(estimand.by)) > 2
        if (test.by, test.where) not in done:
            done.add((test.by, test.where))
            exact, method = _permutation(data, test)
            key = test if several else estimand
            numbers += [
                Number(key, "logrank_p", data.value(test).value, method="log-rank test", of=test),
                Number(key, "exact_logrank_p", exact, method=method),
            ]
            before = data.some(EXACT_MEMBERS).value(test).value
            changed = words.changes(before, exact, alpha)
            found.append(changed)
            named = replace(estimand, contrast=None) if several else estimand
            otherwise.append((words.short(named, data.protocol), words.OFTEN[changed]))
        compared = groups(data, estimand)
        counts = two_groups.risk_counts(compared.order, compared.first, compared.both)
        plain, firth = two_groups.fit(counts), two_groups.fit(counts, firth=True)
        lower, upper, _ = two_groups.profile(counts, plain, level)
        firth_lower, firth_upper, firth_p = two_groups.profile(counts, firth, level)
        with np.errstate(over="ignore"):
            numbers += [
                paper_ratio(data, estimand),
                Number(
                    estimand, "profile_hazard_ratio", np.exp(plain.beta), np.exp(lower),
                    np.exp(upper), method="Cox, profile-likelihood limits",
                ),
                Number(
                    estimand, "firth_hazard_ratio", np.exp(firth.beta), np.exp(firth_lower),
                    np.exp(firth_upper), method="Firth's Cox, profile penalised-likelihood limits",
                ),
                Number(
                    estimand, "firth_p", firth_p, method="penalised likelihood-ratio test"
                ),
                Number(
                    estimand, "events",
                    (data.ensemble.events[estimand.subject] & compared.both).sum(axis=1).astype(float),
                ),
            ]  # fmt: skip
        separated = words.how_often(np.isinf(plain.beta), ~np.isnan(plain.beta))
        unbounded.append((words.short(estimand, data.protocol), separated))
    return Part(numbers, _conclusion(data, alpha, ratios, otherwise, unbounded, found))


def _permutation(data: Data, test: Estimand) -> tuple[np.ndarray, str]:
    """p of a factor's permutation test in the first members, and how it was found."""
    some = data.some(EXACT_MEMBERS)
    ensemble, endpoint = some.ensemble, test.subject
    code = ensemble.code(test.by)
    part = (code >= 0) & ~np.isnan(ensemble.times[endpoint])
    mask = ensemble.mask(test.where)
    part = part if mask is None else part & mask
    several = len(data.protocol.levels(test.by)) > 2
    draws = 999 if several and data.rebuilt else None
    rng = data.random("permutation", test)
    p, exact = [], []
    for m, rows in enumerate(part):
        if len(np.unique(code[m][rows])) < 2:
            p.append(np.nan)
            continue
        time, event = ensemble.times[endpoint][m][rows], ensemble.events[endpoint][m][rows]
        few = draws if rows.sum() <= MANY else int(np.clip(CELLS // rows.sum(), 99, 9999))
        result = exact_logrank(time, event, code[m][rows], few, rng)
        p.append(result.p)
        exact.append(not np.isnan(result.p) and bool(result.detail("exact")))
    how = "every" if all(exact) else "random"
    return np.array(p), f"log-rank permutation test, {how} arrangement{'s' * (how == 'random')}"


def _conclusion(
    data: Data, alpha: float, ratios: list[Estimand], otherwise: list[tuple[str, str]],
    unbounded: list[tuple[str, str]], found: list[Changes],
) -> Conclusion:  # fmt: skip
    if not ratios:
        return Conclusion("No two groups could be compared.", "not comparable")
    turned = words.sorted_out(otherwise, data)
    first = (
        f"By permutation, p lies on the other side of {alpha:g} for {turned}"
        if turned
        else f"By permutation no p moves to the other side of {alpha:g}"
    )
    separated = words.sorted_out(unbounded, data)
    if separated:
        first += f". The events separate the groups for {separated}; only Firth's estimate is finite there"
    return Conclusion(f"{first}.", words.together(found))


# -- the multivariable model -----------------------------------------------------------------------


def penalised(data: Data, analysis: Analysis, asked: PenalisedModel) -> Part:
    """Firth's multivariable model, with the events that each coefficient rests on."""
    endpoint = analysis.endpoint or ""
    names = tuple(dict.fromkeys((*analysis.variables, *analysis.adjusted_for)))
    model = Estimand("events", endpoint)
    some = data.some(FIRTH_MEMBERS)
    ratios = hazard_ratios(data, analysis)
    if not ratios:
        return Part((), Conclusion("The covariates are not there.", "not comparable"))
    designs = [design(some, endpoint, names, m) for m in range(some.ensemble.shape[0])]
    events = np.array([float(frame[_EVENT].sum()) for frame, _ in designs])
    size = np.array([float(len(columns)) for _, columns in designs])
    each = np.where(size > 0, events / np.maximum(size, 1), np.nan)
    numbers = [
        Number(model, "events", events, at="complete cases"),
        Number(model, "coefficients", size),
        Number(model, "events_per_coefficient", each),
    ]
    enough = each >= asked.events_per_coefficient
    start = f"{words.number(each)} events stand behind each of {words.count(size)} coefficients"
    if not enough.any():
        return Part(
            numbers,
            Conclusion(
                f"{start}, fewer than the {asked.events_per_coefficient:g} asked for: no "
                "multivariable model is recommended.",
                "yes" if not data.rebuilt or not enough.any() else "open",
            ),
        )
    level, alpha = data.protocol.conventions.level, data.protocol.conventions.alpha
    tables = [
        firth_cox(
            frame, _TIME, _EVENT, columns, level=level, limits=not data.rebuilt
        ).coefficients.set_index("covariate")
        if good else None
        for (frame, columns), good in zip(designs, enough, strict=True)
    ]  # fmt: skip
    found: list[Changes] = []
    otherwise: list[tuple[str, str]] = []
    for estimand in ratios:
        before, p = paper_p(some, estimand)
        numbers += [paper_ratio(some, estimand), before]
        column = column_of(estimand)
        picked = {
            name: np.array(
                [
                    float(table.at[column, name]) if table is not None and column in table.index else np.nan
                    for table in tables
                ]
            )
            for name in ("hazard_ratio", "lower", "upper", "p")
        }  # fmt: skip
        method = "Firth's Cox"
        if not data.rebuilt:
            method += ", profile penalised-likelihood limits"
        numbers += [
            Number(
                estimand, "firth_hazard_ratio", picked["hazard_ratio"], picked["lower"],
                picked["upper"], method=method,
            ),
            Number(estimand, "firth_p", picked["p"], method="penalised likelihood-ratio test"),
        ]  # fmt: skip
        changed = words.changes(p, picked["p"], alpha)
        found.append(changed)
        otherwise.append(
            (words.short(replace(estimand, adjusted_for=()), data.protocol), words.OFTEN[changed])
        )
    turned = words.sorted_out(otherwise, data)
    end = (
        f"by Firth's model p moves to the other side of {alpha:g} for {turned}"
        if turned
        else f"by Firth's model no p moves to the other side of {alpha:g}"
    )
    return Part(numbers, Conclusion(f"{start}; {end}.", words.together(found)))


def column_name(variable: str, contrast: tuple[str, str] | None) -> str:
    """The column of a design that a contrast belongs to. It names the reference too: without
    patients at the first level a model has another reference, and other hazard ratios."""
    return f"{variable}={' / '.join(contrast)}" if contrast else variable


def column_of(estimand: Estimand) -> str:
    return column_name(estimand.by, estimand.contrast)


def design(
    data: Data, endpoint: str, names: tuple[str, ...], member: int
) -> tuple[pd.DataFrame, list[str]]:
    """The complete cases of one dataset as the frame of a Cox model, and its covariates: a number
    itself, a category a column for each level that has patients but the first of these. Columns are
    named as `column_of` names contrasts."""
    ensemble = data.ensemble
    time, event = ensemble.times[endpoint][member], ensemble.events[endpoint][member]
    complete = ~np.isnan(time)
    for name in names:
        if data.protocol.kind(name) == "number":
            complete = complete & ~np.isnan(ensemble.number(name)[member])
        else:
            complete = complete & (ensemble.code(name)[member] >= 0)
    columns: dict[str, np.ndarray] = {}
    for name in names:
        if data.protocol.kind(name) == "number":
            values = ensemble.number(name)[member][complete]
            if values.size and np.ptp(values) > 0:
                columns[name] = values
            continue
        code, levels = ensemble.code(name)[member][complete], data.protocol.levels(name)
        present = [place for place in range(len(levels)) if (code == place).any()]
        for place in present[1:]:
            contrast = (levels[place], levels[present[0]])
            columns[column_name(name, contrast)] = (code == place).astype(float)
    frame = pd.DataFrame({_TIME: time[complete], _EVENT: event[complete], **columns})
    return frame, list(columns)
