"""The tables of a registry's study in the form in which they may be shared."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import isnan, nan

import pandas as pd

from resarc.disclosure.columns import emptied
from resarc.disclosure.counts import Decision, Windows
from resarc.disclosure.estimates import (
    Plan,
    Releaser,
    groups_of,
    release_curves,
    release_estimates,
)
from resarc.disclosure.groups import Group
from resarc.disclosure.rounding import released
from resarc.estimand import Condition, Estimand
from resarc.protocol import Protocol
from resarc.settings import Disclosure


@dataclass(frozen=True)
class Release:
    """Released tables, each with the columns of its internal one, and the decision on counts."""

    estimates: pd.DataFrame
    curves: pd.DataFrame
    flow: pd.DataFrame
    decision: Decision


def release(
    estimates: pd.DataFrame,
    curves: pd.DataFrame,
    flow: pd.DataFrame,
    cohort: pd.DataFrame,
    protocol: Protocol,
    rule: Disclosure,
    earlier: Sequence[Windows] = (),
) -> Release:
    """What may be told of a study's results under a rule; see `docs/privacy.md`.

    All counts are decided on together: those of the estimates, of the curves and of the flow; and
    with `earlier`, what each earlier release told of its groups.
    """
    releaser = Releaser(cohort, protocol, rule)
    plans = [
        releaser.plan(Estimand.parse(str(row["estimand"])), _number(row["n"]), _number(row["events"]))
        for row in estimates.to_dict("records")
    ]  # fmt: skip
    releaser.decide(plans, _more_groups(releaser, plans, curves), earlier)
    shown_flow = release_flow(flow, releaser.decision(Group()), rule)
    return Release(
        release_estimates(releaser, plans, estimates, shown_flow),
        release_curves(releaser, curves),
        shown_flow,
        releaser.decision,
    )


def release_flow(flow: pd.DataFrame, analysed: float, rule: Disclosure) -> pd.DataFrame:
    """The numbers of eligibility: small exclusions suppressed, others rounded, and every total the
    sum of what is released of its parts, so that a suppressed number is no difference of two totals.

    `analysed` is the released number of the cohort; where it is not released, no total is.
    """
    excluded = [
        # Nobody is excluded at the first row, which says who was screened.
        0.0 if not i else nan if n <= rule.threshold else float(released(int(n), rule))
        for i, n in enumerate(flow["excluded"])
    ]
    remaining = [analysed]
    for shown in reversed(excluded[1:]):
        remaining.insert(0, remaining[0] + (0 if isnan(shown) else shown))
    entering = [remaining[0], *remaining[:-1]]
    made = emptied(flow, "flow.csv").assign(
        entering=entering, excluded=excluded, remaining=remaining
    )
    return made.astype(dict.fromkeys(("entering", "excluded", "remaining"), float))


def _more_groups(
    releaser: Releaser, plans: Iterable[Plan], curves: pd.DataFrame
) -> Iterable[Group]:
    """The cohort, and who is at the start of each curve."""
    yield Group()
    for endpoint, variable, level in groups_of(curves):
        yield releaser.start_of(endpoint, (Condition(variable, level),) if variable else ())
    for plan in plans:
        estimand = plan.estimand
        if plan.treatment == "curve":
            for level in estimand.contrast or ("",):
                at = (Condition(estimand.by, level),) if level else ()
                yield releaser.start_of(estimand.subject, tuple(sorted({*estimand.where, *at})))


def _number(value: object) -> float:
    return nan if value is None or value is pd.NA else float(value)  # type: ignore[arg-type]
