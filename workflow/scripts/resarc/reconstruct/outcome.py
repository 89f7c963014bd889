"""What a reconstruction says of the printed figures: one row for each, for each hypothesis, and for
each set of figures that cannot hold together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from resarc.ensemble import Ensemble, evaluate
from resarc.published import Figure, Published
from resarc.reconstruct import curves, readings, unsaid
from resarc.reconstruct.exact import Conflict
from resarc.reconstruct.plan import NOT_FOUND, Plan
from resarc.reconstruct.readings import Hypothesis
from resarc.reconstruct.targets import Target

CONFLICT_COLUMNS = (
    "conflict", "hypothesis", "figures", "printed", "status", "set_aside", "finding", "proof", "rechecked",
)  # fmt: skip
PROVED = "proved"
FEASIBLE = (readings.FOUND, unsaid.STATED, unsaid.ASSUMED)
"""Statuses of hypotheses under which datasets are built."""


# --- hypotheses -----------------------------------------------------------------------------------


def hypothesis_table(
    hypotheses: Sequence[Hypothesis],
    prepared: list[Plan],
    plans: list[Plan],
    ensemble: Ensemble,
) -> pd.DataFrame:
    """One row per hypothesis that was tried, then one per reading of all figures together.

    `hypothesis` of the latter is what `ensemble.parquet` names its members by, `members` how many.
    """
    rows = [
        (
            *(h.endpoint, h.hypothesis, h.status in FEASIBLE, h.chosen, h.evidence),
            *(h.question, h.status, np.nan),
        )
        for h in hypotheses
    ]
    for plan in prepared:
        chosen = plan in plans
        own = len(range(plans.index(plan), ensemble.shape[0], len(plans))) if chosen else 0
        aside = [f for t in plan.aside for f in t.figures]
        evidence = plan.reading.words + "; "
        evidence += f"set aside: {', '.join(aside)}" if aside else "all targets held together"
        if not chosen:
            evidence += ", more than under another reading"
        status = readings.FOUND if chosen else readings.NOT_FOUND
        rows.append(("", plan.reading.name, chosen, chosen, evidence, "all figures", status, own))
    for curve in plans[0].published.curves:
        for level, (mean, most) in curves.fit(curve, plans[0].published, ensemble).items():
            name = f"{curve.id} {level}".strip()
            evidence = (
                f"in every dataset, no point is farther than {most:.2%} of survival from the "
            )
            evidence += f"curve; root mean square distance at most {mean:.2%}"
            row = (curve.endpoint, name, True, True, evidence, "digitised curve", readings.FOUND)
            rows.append((*row, np.nan))
    columns = ["endpoint", "hypothesis", "feasible", "chosen", "evidence"]
    return pd.DataFrame(rows, columns=[*columns, "question", "status", "members"])


# --- conflicts ------------------------------------------------------------------------------------


def conflict_table(
    against_readings: Sequence[tuple[str, Conflict]], plans: list[Plan], published: Published
) -> pd.DataFrame:
    """One row per set of figures that cannot hold together, or that no dataset was found to hold.

    `hypothesis` is the reading under which they conflict; `status` is `proved` only if the conflict
    was confirmed by a second routine (`rechecked`); `set_aside` names the figures that the ensemble
    does not hold. A conflict under a reading that was not taken costs no figure; it is a `finding`
    all the same if the paper states that reading.
    """
    expected = published.stated.rates if published.stated else ""
    rows: dict[tuple[str, str], dict[str, object]] = {}
    under: dict[tuple[str, str], list[str]] = {}

    def add(
        name: str, figures: list[str], status: str, aside: list[str], proof: str, rechecked: str
    ) -> None:
        key = ("; ".join(figures), status)
        under.setdefault(key, []).append(name)
        row = rows.setdefault(
            key,
            {
                "figures": "; ".join(figures),
                "printed": "; ".join(_printed(published.get(f)) for f in figures),
                "status": status,
                "set_aside": "",
                "proof": proof,
                "rechecked": rechecked,
            },
        )
        row["set_aside"] = row["set_aside"] or "; ".join(aside)

    for name, conflict in against_readings:
        figures = [f for t in conflict.targets for f in t.figures]
        add(name, figures, PROVED, [], conflict.proof, conflict.rechecked)
    for plan in plans:
        name = plan.reading.name
        for item in plan.reading.unused:
            if item.against:
                figures = [*item.against, item.figure.id]
                proof = (
                    f"Printed values of one quantity, {item.figure.estimand}, exclude each other."
                )
                add(name, figures, PROVED, [item.figure.id], proof, "printed digits compared")
        for conflict in plan.conflicts:
            figures = [f for t in conflict.targets for f in t.figures]
            aside = [f for t in conflict.targets if t in plan.aside for f in t.figures]
            confirmed = not conflict.rechecked.startswith("integer programme only")
            status = PROVED if confirmed else "not confirmed"
            add(name, figures, status, aside, conflict.proof, conflict.rechecked)
        for target, reason in plan.aside.items():
            if NOT_FOUND in reason:
                figures = list(target.figures)
                add(name, figures, readings.NOT_FOUND, figures, reason, "")
    found = list(rows.values())
    for number, (key, row) in enumerate(rows.items(), start=1):
        names = list(dict.fromkeys(under[key]))
        row |= {"conflict": number, "hypothesis": "; ".join(names)}
        row["finding"] = bool(row["set_aside"]) or expected in names
    return pd.DataFrame(found, columns=list(CONFLICT_COLUMNS))


def _printed(figure: Figure) -> str:
    unit = figure.unit if figure.unit == "%" else f" {figure.unit}" if figure.unit else ""
    return f"{figure.estimand} {figure.printed}{unit}"


# --- targets --------------------------------------------------------------------------------------


def target_table(plans: list[Plan], ensemble: Ensemble, published: Published) -> pd.DataFrame:
    """One row per printed figure, in the paper's order.

    `estimand` is as the first reading takes the figure; `lower` and `upper` span what the readings
    with that estimand allow; `share_held` counts the members that hold the figure as their own
    reading takes it.
    """
    held = _shares(plans, ensemble)
    main = plans[0]
    of_figure = {f: target for target in main.reading.targets for f in target.figures}
    unused = {item.figure.id: item for item in main.reading.unused}
    rows = []
    for figure in published.figures:
        target = of_figure.get(figure.id)
        row = {"figure": figure.id, "estimand": str(figure.estimand), "printed": figure.printed}
        if target is None:
            item = unused.get(figure.id)
            row |= {
                "lower": np.nan,
                "upper": np.nan,
                "status": "set aside" if item and item.against else "not modelled",
                "share_held": np.nan,
                "hypothesis": "",
                "reason": item.reason if item else "",
            }
        else:
            # A figure that some reading sets aside is not held by that reading's members.
            reason, aside = _why_aside(figure, plans)
            status = "set aside" if aside else "claim" if figure.claim else "target"
            rate = figure.estimand.statistic == "survival"
            read_as = target.estimand.statistic != figure.estimand.statistic
            alike = [t for t in _readings_of(figure, plans) if t.estimand == target.estimand]
            reason = reason or (f"read as {target.estimand}" if read_as else "")
            row |= {
                "estimand": str(target.estimand),
                "lower": min(t.value.lower for t in alike),
                "upper": max(t.value.upper for t in alike),
                "status": status,
                "share_held": held[figure.id],
                "hypothesis": " or ".join(p.reading.words for p in plans) if rate else "",
                "reason": reason,
            }
        rows.append(row)
    return pd.DataFrame(rows)


def _why_aside(figure: Figure, plans: list[Plan]) -> tuple[str, bool]:
    """Why a figure is not held by all members, and whether it is set aside whole: limits may be
    without their value. Named is the reading, unless it is the first."""
    of_limits = ""
    for k, plan in enumerate(plans):
        for target, words in plan.aside.items():
            if figure.id not in target.figures:
                continue
            reason = f"as {plan.reading.name}: {words}" if k else words
            if target in plan.reading.targets:
                return reason, True
            of_limits = of_limits or reason
    return of_limits, False


def _readings_of(figure: Figure, plans: list[Plan]) -> list[Target]:
    """The target that each reading makes of a figure."""
    return [t for p in plans for t in p.reading.targets if figure.id in t.figures]


def _shares(plans: list[Plan], ensemble: Ensemble) -> dict[str, float]:
    """The share of members that hold each figure as the reading of the member takes it."""
    members = ensemble.shape[0]
    count: dict[str, int] = {}
    for k, plan in enumerate(plans):
        part = ensemble.take(np.arange(k, members, len(plans)))
        part.protocol = plan.protocol
        for target in plan.reading.targets:
            number = (
                int(target.holds(evaluate(target.estimand, part)).sum()) if part.shape[0] else 0
            )
            for figure in target.figures:
                count[figure] = count.get(figure, 0) + number
    return {figure: number / members for figure, number in count.items()}
