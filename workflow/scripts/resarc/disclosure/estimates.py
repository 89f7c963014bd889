"""The released form of every estimate of a registry, by its statistic.

| treatment   | statistics                          | released if, and as                                  |
|-------------|-------------------------------------|------------------------------------------------------|
| `count`     | numbers of patients and of events   | see `counts`                                         |
| `flow`      | numbers of eligibility              | as the released flow says                            |
| `share`     | proportions                         | from the released counts, interval included          |
| `curve`     | all that follows from survival      | evaluated on the released curves, see `curves`       |
| `mean`      | means and standard deviations       | more patients than the threshold; to some digits     |
| `quantile`  | medians and quartiles               | as many on either side of it; to some digits         |
| `extreme`   | minima and maxima                   | never: they belong to single patients                |
| `table`     | tests of cross tables               | no cell is suppressed; p to some digits              |
| `groups`    | tests between groups                | no group is suppressed; p to some digits             |
| `distance`  | standardised differences            | neither group or cell is suppressed; to some digits  |
| `survival`  | log-rank tests, Cox models          | no group's patients or events are; to some digits    |
| `marker`    | ROC curves                          | more with and without event than the threshold       |

Test statistics and coefficients of models count as safe once they rest on enough patients (Griffiths
et al., Handbook on Statistical Disclosure Control for Outputs, 2019). The digits are few, so that they
do not tell of single patients after all: of a mean, n times the last digit is what one patient moves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from math import inf, isfinite, isnan, nan
from typing import Any, Literal

import numpy as np
import pandas as pd

from resarc import tables
from resarc.analysis import CohortView, evaluate
from resarc.disclosure.columns import class_of, emptied
from resarc.disclosure.counts import NOTHING, Decision, Windows, decide
from resarc.disclosure.curves import Blurred, blurred
from resarc.disclosure.groups import Group, Groups, is_of_events
from resarc.disclosure.rounding import told
from resarc.estimand import Condition, Estimand
from resarc.output import significant
from resarc.protocol import Protocol
from resarc.settings import Disclosure

Treatment = Literal[
    "count", "flow", "share", "curve", "mean", "quantile", "extreme", "table", "groups",
    "distance", "survival", "marker",
]  # fmt: skip

TREATMENTS: dict[str, Treatment] = {
    "n": "count",
    "events": "count",
    "known": "count",
    "missing": "count",
    "screened": "flow",
    "excluded": "flow",
    "remaining": "flow",
    "proportion": "share",
    "chi2_p": "table",
    "chi2_yates_p": "table",
    "fisher_p": "table",
    "trend_p": "table",
    "mean": "mean",
    "sd": "mean",
    "median": "quantile",
    "q1": "quantile",
    "q3": "quantile",
    "minimum": "extreme",
    "maximum": "extreme",
    "median_difference": "quantile",
    "standardised_difference": "distance",
    "mann_whitney_p": "groups",
    "mann_whitney_uncorrected_p": "groups",
    "kruskal_wallis_p": "groups",
    "survival": "curve",
    "crude_rate": "curve",
    "followed_rate": "curve",
    "at_risk": "curve",
    "rmst": "curve",
    "rmst_difference": "curve",
    "survival_difference": "curve",
    "followup_median": "quantile",
    "followup_mean": "mean",
    "followup_minimum": "extreme",
    "followup_maximum": "extreme",
    "reverse_followup_median": "curve",
    "logrank_p": "survival",
    "wilcoxon_p": "survival",
    "tarone_ware_p": "survival",
    "peto_p": "survival",
    "cox_lr_p": "survival",
    "hazard_ratio": "survival",
    "cox_p": "survival",
    "ph_p": "survival",
    "interaction_p": "survival",
    "auc": "marker",
    "roc_cutoff": "marker",
}
"""By statistic; the median of an endpoint is of the treatment `curve`. A statistic without treatment
is not released."""

RANKED = ("logrank_p", "wilcoxon_p", "tarone_ware_p", "peto_p")
"""Tests without a model."""

FREE_PARAMETERS = 10
"""A model leaves at least so many events for each parameter's sake: events less parameters. The
least degrees of freedom that the handbook asks for."""

Where = tuple[Condition, ...]


@dataclass(frozen=True)
class Plan:
    """What an estimate speaks of: its own count if it is one, its patients, and their events."""

    estimand: Estimand
    treatment: Treatment | None
    counted: Group | None
    patients: Group | None
    happened: Group | None


@dataclass
class Releaser:
    """One cohort under one rule; curves are made once."""

    cohort: pd.DataFrame
    protocol: Protocol
    rule: Disclosure
    _curves: dict[tuple[str, Where], Blurred | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.view = CohortView(self.cohort, self.protocol)
        self.groups = Groups(self.view)
        self.decision: Decision = NOTHING

    # -- counts ---------------------------------------------------------------------------------

    def plan(self, estimand: Estimand, n: float = nan, events: float = nan) -> Plan:
        """What is counted for an estimand. A group that has another number of patients than the
        estimate says is not the one that it rests on."""
        treatment = TREATMENTS.get(estimand.statistic)
        is_endpoint = estimand.subject in self.protocol.endpoint_names
        if estimand.statistic == "median" and is_endpoint:
            treatment = "curve"
        if treatment in (None, "flow", "marker"):
            return Plan(estimand, treatment, None, None, None)
        where, known = estimand.where, [estimand.subject] if estimand.subject else []
        counted = None
        if estimand.statistic == "n":
            counted = self.groups.group(where)
        elif estimand.statistic == "events":
            counted = self._events(estimand, self.groups.group(where))
        elif estimand.statistic in ("known", "missing"):
            counted = self.groups.group(where, **{estimand.statistic: [estimand.subject]})
        elif treatment == "share":
            at = Condition(estimand.subject, str(estimand.argument))
            counted = self.groups.group((*where, at))
        known += [x for x in (estimand.by, estimand.within, *estimand.adjusted_for) if x]
        among = {}
        if estimand.contrast and not estimand.adjusted_for:
            among = {estimand.by: estimand.contrast}
        patients = self.groups.group(where, known, among)
        happened = self._events(estimand, patients) if is_endpoint else None
        if treatment != "count" and self.groups.count(patients) != n:
            patients = happened = None
        if happened is not None and self.groups.count(happened) != events:
            happened = None
        return Plan(estimand, treatment, counted, patients, happened)

    def _events(self, estimand: Estimand, patients: Group) -> Group:
        event = self.groups.group([Condition(estimand.subject, "event")])
        return Group(patients.without(estimand.subject).parts | event.parts)

    def decide(
        self, plans: Sequence[Plan], more: Iterable[Group] = (), earlier: Sequence[Windows] = ()
    ) -> None:
        """Decide on the counts of some estimates together, and with what was told before."""
        wanted = [g for p in plans for g in (p.counted, p.patients, p.happened) if g is not None]
        for plan in plans:
            if plan.treatment == "quantile" and plan.estimand.contrast:
                wanted += self._compared(plan.estimand)
        self.decision = decide(self.groups, [*wanted, *more], self.rule, earlier)

    def _at_least(self, group: Group | None) -> float:
        """The least number of patients that the released count of a group stands for, 0 if it is not
        released. Conditions ask for it instead of the number, so that whether they hold tells no
        more than the released count does."""
        value = self.decision(group)
        if group is None or isnan(value):
            return 0
        return told(int(value), self.rule, events=is_of_events(group, self.protocol)).lower

    def _enough(self, group: Group) -> bool:
        """Whether a group is large enough to be spoken of, and not suppressed for another."""
        if group in self.decision.small or group in self.decision.hidden:
            return False
        return self.groups.count(group) > self.rule.threshold

    # -- curves ---------------------------------------------------------------------------------

    def curve(self, endpoint: str, where: Where) -> Blurred | None:
        """The released follow-up of some patients; None where nothing is told of it."""
        key = (endpoint, where)
        if key not in self._curves:
            at_start = self.decision(self.start_of(endpoint, where))
            follow_up = self.view.follow_up(endpoint, where)
            self._curves[key] = (
                None if isnan(at_start) else blurred(follow_up, int(at_start), self.rule)
            )
        return self._curves[key]

    def start_of(self, endpoint: str, where: Where) -> Group:
        """The patients of a curve."""
        return self.groups.group(where, [endpoint])

    # -- one estimate ---------------------------------------------------------------------------

    def release(
        self,
        plan: Plan,
        row: Mapping[str, Any],
        blank: Mapping[str, Any],
        flow: Mapping[str, float],
    ) -> dict[str, Any]:
        """The released row of an estimate: `blank` is the row with all empty that is not released
        as it is, `flow` the released numbers of eligibility."""
        done: dict[str, Any] = dict(blank) | {"note": ""}
        if isnan(float(row["value"])):
            # Why the data do not determine a value may itself tell of few patients.
            return done | {"note": f"{tables.SUPPRESSED}: no value is told"}
        if plan.treatment is None:
            return done | {"note": f"{tables.SUPPRESSED}: this statistic has no rule of release"}
        found = _BY_TREATMENT[plan.treatment](self, plan, row, flow)
        if isinstance(found, str):
            return done | {"note": f"{tables.SUPPRESSED}: {found}"}
        done |= found
        if plan.treatment not in ("count", "share"):
            done |= {"n": self.decision(plan.patients), "events": self.decision(plan.happened)}
        return done

    def _count(self, plan: Plan, _row: Mapping, _flow: Mapping) -> dict | str:
        value = self.decision(plan.counted)
        if isnan(value):
            return self._few(plan.counted)
        return {"value": value}

    def _few(self, group: Group | None) -> str:
        if group in self.decision.hidden:
            return "to protect a small count"
        return f"{self.rule.threshold} or fewer"

    def _flow(self, plan: Plan, _row: Mapping, flow: Mapping[str, float]) -> dict | str:
        step = "screened" if plan.estimand.statistic == "screened" else plan.estimand.argument
        of = "excluded" if plan.estimand.statistic == "excluded" else "remaining"
        value = flow[f"{step}.{of}"]
        return self._few(None) if isnan(value) else {"value": value}

    def _share(self, plan: Plan, _row: Mapping, _flow: Mapping) -> dict | str:
        from resarc.survival.proportions import proportion_interval

        value = self.decision(plan.counted)
        if isnan(value):
            return self._few(plan.counted)
        estimand, conventions = plan.estimand, self.protocol.conventions
        # The total is the sum of the released cells; where one of them is suppressed, the rounded
        # total, which `decide` has held against the cells.
        levels = self.protocol.levels(estimand.subject)
        cells = [
            self.decision(self.groups.group((*estimand.where, Condition(estimand.subject, level))))
            for level in levels
        ]
        total = self.decision(plan.patients) if any(map(isnan, cells)) else sum(cells)
        if isnan(total):
            return self._few(plan.patients)
        total = max(total, value)
        made = proportion_interval(
            int(value), int(total), conventions.proportion_interval, conventions.level
        )
        return {"value": made.value, "lower": made.lower, "upper": made.upper, "n": total}

    def _curve(self, plan: Plan, _row: Mapping, _flow: Mapping) -> dict | str:
        estimand = plan.estimand
        wheres = [estimand.where]
        if estimand.contrast:
            wheres = [
                tuple(sorted({*estimand.where, Condition(estimand.by, level)}))
                for level in estimand.contrast
            ]
        frames, parts = [], []
        for where in wheres:
            levels = {condition.variable: condition.level for condition in where}
            if set(levels) & set(self.protocol.endpoint_names):
                return "no curve is released of patients chosen by an endpoint"
            part = self.curve(estimand.subject, where)
            if part is None:
                return "too few patients or events for a curve"
            parts.append(part)
            frames.append(part.frame(estimand.subject, levels))
        found = evaluate(estimand, pd.concat(frames, ignore_index=True), self.protocol)
        reverse = estimand.statistic == "reverse_followup_median"
        first = max(part.first_end if reverse else part.first_event for part in parts)
        last = min(part.last for part in parts)
        numbers = {"value": found.value, "lower": found.lower, "upper": found.upper, "p": found.p}
        if estimand.kind.argument == "duration":
            begins = 0.0 if estimand.statistic in ("at_risk", "rmst", "rmst_difference") else first
            shares = ("crude_rate", "followed_rate")
            ends = last - self.rule.curve_step if estimand.statistic in shares else last
            if not begins <= estimand.time <= ends:
                return "beyond what is told of the curve"
            if estimand.statistic == "at_risk" and found.value <= self.rule.threshold:
                return self._few(None)
            return numbers
        if not first <= found.value < inf:
            early = found.value < first
            return "too early on the curve" if early else "not reached on the released curve"
        limits = {k: v for k, v in numbers.items() if k != "value"}
        return numbers | {k: nan for k, v in limits.items() if not first <= v < inf}

    # -- statistics that are released as they are, to some digits --------------------------------

    def _mean(self, plan: Plan, row: Mapping, _flow: Mapping) -> dict | str:
        if plan.patients is None or not self._enough(plan.patients):
            return self._few(plan.patients)
        return self._coarse(row)

    def _quantile(self, plan: Plan, row: Mapping, _flow: Mapping) -> dict | str:
        estimand = plan.estimand
        parts = 4 if estimand.statistic in ("q1", "q3") else 2
        sets = [plan.patients] if not estimand.contrast else self._compared(estimand)
        if any(self._at_least(group) // parts <= self.rule.threshold for group in sets):
            return "too few patients on one side of it"
        return self._coarse(row)

    def _compared(self, estimand: Estimand) -> list[Group]:
        """The groups that a contrast compares."""
        return [
            self.groups.group(estimand.where, [estimand.subject], {estimand.by: [level]})
            for level in estimand.contrast or ()
        ]

    def _extreme(self, _plan: Plan, _row: Mapping, _flow: Mapping) -> str:
        return "the value of a single patient"

    def _table(self, plan: Plan, row: Mapping, _flow: Mapping) -> dict | str:
        estimand = plan.estimand
        levels = (self.protocol.levels(name) for name in (estimand.subject, estimand.by))
        for one, other in product(*levels):
            at = (Condition(estimand.subject, one), Condition(estimand.by, other))
            if not self._enough(self.groups.group((*estimand.where, *at))):
                return "it rests on a suppressed count"
        return self._coarse(row)

    def _tested(self, plan: Plan, row: Mapping, _flow: Mapping) -> dict | str:
        estimand = plan.estimand
        for level in self.protocol.levels(estimand.by):
            group = self.groups.group(estimand.where, [estimand.subject], {estimand.by: [level]})
            if not self._enough(group):
                return "it rests on a suppressed count"
        return self._coarse(row)

    def _distance(self, plan: Plan, row: Mapping, _flow: Mapping) -> dict | str:
        estimand = plan.estimand
        subject = estimand.subject
        levels = self.protocol.levels(subject) if self.protocol.kind(subject) != "number" else ()
        for compared in self._compared(estimand):
            cells = [
                Group(compared.without(_root(at)).parts | at.parts)
                for at in (self.groups.group([Condition(subject, level)]) for level in levels)
            ]
            if not all(map(self._enough, [compared, *cells])):
                return "it rests on a suppressed count"
        return self._coarse(row)

    def _survival(self, plan: Plan, row: Mapping, _flow: Mapping) -> dict | str:
        """Tests and models of survival: enough patients and events at every level of each category
        that takes part, and enough events for the parameters."""
        estimand, protocol = plan.estimand, self.protocol
        if plan.patients is None or plan.happened is None:
            return "its patients cannot be counted"
        names = [x for x in (estimand.by, estimand.within, *estimand.adjusted_for) if x]
        parameters = 0
        for name in names:
            if protocol.kind(name) == "number":
                parameters += 1
                continue
            levels = list(protocol.levels(name))
            if name == estimand.by and estimand.contrast and not estimand.adjusted_for:
                levels = list(estimand.contrast)
            parameters += len(levels) - 1
            for level in levels:
                here = self.groups.group([Condition(name, level)])
                for whole in (plan.patients, plan.happened):
                    if not self._enough(Group(whole.without(_root(here)).parts | here.parts)):
                        return "it rests on a suppressed count"
        if not self._enough(plan.patients) or not self._enough(plan.happened):
            return "it rests on a suppressed count"
        free = self._at_least(plan.happened) - parameters
        if estimand.statistic not in RANKED and free < FREE_PARAMETERS:
            return "too few events for its model"
        return self._coarse(row)

    def _marker(self, _plan: Plan, row: Mapping, _flow: Mapping) -> dict | str:
        n, events = float(row["n"]), float(row["events"])
        if min(events, n - events) <= self.rule.threshold:
            return self._few(None)
        return self._coarse(row)

    def _coarse(self, row: Mapping[str, Any]) -> dict[str, float]:
        """The numbers of a row to the rule's digits."""
        estimand = Estimand.parse(str(row["estimand"]))
        found = {name: digits(float(row[name]), self.rule.digits) for name in _NUMBERS}
        found["p"] = self._coarse_p(float(row["p"]))
        if estimand.kind.scale == "p":
            found["value"] = self._coarse_p(float(row["value"]))
        return found

    def _coarse_p(self, p: float) -> float:
        return nan if isnan(p) else max(digits(p, self.rule.digits), self.rule.least_p)


_NUMBERS = ("value", "lower", "upper")

_BY_TREATMENT: dict[
    str, Callable[[Releaser, Plan, Mapping[str, Any], Mapping[str, float]], dict | str]
] = {
    "count": Releaser._count,
    "flow": Releaser._flow,
    "share": Releaser._share,
    "curve": Releaser._curve,
    "mean": Releaser._mean,
    "quantile": Releaser._quantile,
    "extreme": Releaser._extreme,
    "table": Releaser._table,
    "groups": Releaser._tested,
    "distance": Releaser._distance,
    "survival": Releaser._survival,
    "marker": Releaser._marker,
}


def _root(group: Group) -> str:
    (root,) = group.roots
    return root


def digits(value: float, count: int) -> float:
    """A number to so many significant digits; NaN and infinity stay."""
    return float(f"{value:.{count - 1}e}") if isfinite(value) else value


def release_estimates(
    releaser: Releaser, plans: list[Plan], estimates: pd.DataFrame, flow: pd.DataFrame
) -> pd.DataFrame:
    """The released estimates, one row for each of `estimates`, columns as there."""
    numbers = {
        f"{row['step']}.{of}": float(row[of])
        for row in flow.to_dict("records")
        for of in ("excluded", "remaining")
    }
    blanks = emptied(estimates, "estimates.csv").to_dict("records")
    rows = [
        releaser.release(plan, row, blank, numbers)
        for plan, row, blank in zip(plans, estimates.to_dict("records"), blanks, strict=True)
    ]
    made = pd.DataFrame(rows, columns=list(estimates.columns))
    for name in ("n", "events"):
        made[name] = made[name].astype(float).astype("Int64")
    return significant(made)


def release_curves(releaser: Releaser, curves: pd.DataFrame) -> pd.DataFrame:
    """The released curves of the groups of `curves`, columns as there. Ends of observation are not
    told one by one: `censored` is empty."""
    from resarc.survival import kaplan_meier

    conventions = releaser.protocol.conventions
    parts = []
    for endpoint, variable, level in groups_of(curves):
        where = (Condition(variable, level),) if variable else ()
        made = releaser.curve(endpoint, where)
        if made is None:
            continue
        curve = kaplan_meier.curve(
            made.time, made.event, conventions.survival_interval, conventions.level
        )
        parts.append(curve.assign(endpoint=endpoint, variable=variable, level=level))
    columns = list(emptied(curves, "curves.csv").columns)
    if not parts:
        return curves.iloc[:0].copy()
    made = pd.concat(parts, ignore_index=True)[columns]
    told = [name for name in columns if class_of("curves.csv", name) in ("label", "curve")]
    return significant(made.assign(**{n: np.nan for n in columns if n not in told}))


def groups_of(curves: pd.DataFrame) -> list[tuple[str, str, str]]:
    """Endpoint, variable and level of each curve of a table, the last two empty for all patients."""
    names = curves[["endpoint", "variable", "level"]].fillna("").astype(str)
    return list(dict.fromkeys(names.itertuples(index=False, name=None)))
