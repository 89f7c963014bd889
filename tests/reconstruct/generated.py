"""Made-up patients of a small study, and what a paper prints of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan

import numpy as np
import pandas as pd

from resarc.analysis import CohortView, evaluate
from resarc.configuration import validated
from resarc.derivation import derive_variables
from resarc.estimand import DAYS_PER_MONTH, Estimand
from resarc.protocol import Protocol
from resarc.published import Figure, Published

GRADES = ("low", "middle", "high")
COURSES = ("censored", "died", "progressed", "progressed and died")


def protocol_of(*, logic: bool) -> Protocol:
    """Two endpoints, progression-free survival never longer than overall survival; a binary and a
    three-level category, a number and its groups. With `logic`, who is of high grade is treated."""
    constraints = [
        {"at_most": ["pfs", "os"], "why": "Death ends progression-free survival too"},
        {"same_end": ["pfs", "os"], "why": "One last contact ends both"},
        {
            "implies": [
                {"variable": "os", "one_of": ["event"]},
                {"variable": "pfs", "one_of": ["event"]},
            ],
            "why": "Death is an event of progression-free survival",
        },
    ]
    if logic:
        constraints.append(
            {
                "implies": [
                    {"variable": "grade", "one_of": ["high"]},
                    {"variable": "treated", "one_of": ["yes"]},
                ],
                "why": "Whoever had a high grade was treated",
            }
        )
    dates = {"start": "Start", "progression": "Progression", "death": "Death", "last": "Last"}
    needed = {"start", "last"}
    content = {
        "study": "generated",
        "reference": "generated",
        "title": "A generated study",
        "population": "Generated patients",
        "origin_label": "start",
        "time_zero": "start",
        "source": {"kind": "reconstruction"},
        "variables": [
            {"name": "id", "column": "Id", "label": "Id", "type": "identifier", "required": True},
            *(
                {"name": n, "column": c, "label": c, "type": "date", "required": n in needed}
                for n, c in dates.items()
            ),
            {
                "name": "treated", "column": "Treated", "label": "Treated", "type": "category",
                "categories": {"yes": ["y"], "no": ["n"]}, "required": True,
            },
            {
                "name": "grade", "column": "Grade", "label": "Grade", "type": "category",
                "categories": {level: [level] for level in GRADES}, "required": True,
            },
            {
                "name": "age", "column": "Age", "label": "Age", "type": "number", "unit": "years",
                "minimum": 18, "maximum": 99, "required": True,
            },
        ],
        "derived": [
            {"name": "age_group", "label": "Age group", "cut": "age", "at": [60],
             "levels": ["younger", "older"]},
        ],
        "eligibility": [
            {"id": "known", "label": "Known", "keep": [{"variable": "treated", "present": True}]}
        ],
        "endpoints": [
            {
                "name": name, "label": name.upper(), "definition": "Generated",
                "origin": "start", "events": events, "censored_at": "last",
            }
            for name, events in (("pfs", ["progression", "death"]), ("os", ["death"]))
        ],
        "analyses": [
            {"id": name, "label": name, "kind": "survival", "endpoint": name, "at": ["12 months"]}
            for name in ("pfs", "os")
        ],
        "reconstruction": {
            "period": ["2010-01-01", "2012-12-31"],
            "last_contact": "2020-12-31",
            "constraints": constraints,
            "ranges": {"age": [18, 99]},
        },
    }  # fmt: skip
    return validated(content, Protocol, "generated")


PROTOCOLS = {logic: protocol_of(logic=logic) for logic in (False, True)}

PRINTABLE = [
    *(f"n{{treated={t}}}" for t in ("yes", "no")),
    *(f"n{{grade={g}}}" for g in GRADES),
    *(f"n{{grade={g}, treated={t}}}" for g in GRADES for t in ("yes", "no")),
    "treated.proportion(yes)",
    *(f"grade.proportion({g})" for g in GRADES),
    "grade.proportion(high){treated=yes}",
    "n{age_group=older}", "n{age_group=older, treated=yes}",
    "age.median", "age.minimum", "age.maximum", "age.mean", "age.median{treated=yes}",
    "pfs.events", "os.events", "os.events{treated=yes}", "pfs.events{grade=low}",
    "pfs.median", "os.median", "os.median{treated=yes}", "pfs.median{treated=no}",
    "pfs.survival(12 months)", "os.survival(12 months)", "os.survival(24 months)",
    "os.survival(12 months){treated=yes}", "os.survival(24 months){grade=low}",
    "pfs.survival(12 months){treated=no}",
    "os.logrank_p by treated", "pfs.logrank_p by treated", "os.logrank_p by grade",
    "os.logrank_p by age_group", "os.hazard_ratio by treated(yes / no)",
    "os.followup_median", "grade.chi2_p by treated",
]  # fmt: skip


@dataclass(frozen=True)
class Study:
    protocol: Protocol
    truth: pd.DataFrame
    printed: Published


def frame_of(patients: Sequence[tuple], *, logic: bool) -> pd.DataFrame:
    """A row for each patient: days to the first event and days from there to the end of follow-up,
    what happened, and the covariates."""
    rows = []
    for first, later, course, treated, grade, age in patients:
        dead = course in ("died", "progressed and died")
        progressed = course.startswith("progressed")
        end = first + later if progressed else first
        rows.append(
            {
                "treated": "yes" if treated or (logic and grade == "high") else "no",
                "grade": grade,
                "age": float(age),
                "pfs_time": first / DAYS_PER_MONTH,
                "pfs_event": int(progressed or dead),
                "os_time": end / DAYS_PER_MONTH,
                "os_event": int(dead),
            }
        )
    return pd.DataFrame(rows)


def view_of(frame: pd.DataFrame, protocol: Protocol) -> CohortView:
    return CohortView(derive_variables(frame, protocol), protocol)


def as_printed(estimand: Estimand, value: float) -> tuple[str, str]:
    """A value as a paper prints it, and its unit."""
    scale = estimand.kind.scale
    if scale == "count":
        return f"{value:.0f}", ""
    if scale == "fraction":
        return f"{100 * value:.1f}", "%"
    if scale == "months" or (estimand.statistic == "median" and estimand.subject != "age"):
        return f"{value:.1f}", "months"
    if estimand.subject == "age":
        return f"{value:.1f}", ""
    return f"{value:.2f}", ""


def published(figures: Sequence[Figure], *, stated: bool) -> Published:
    return Published(
        study="generated", reference="generated", reading="Generated.", endpoints=("pfs", "os"),
        stated={"rates": "Kaplan-Meier", "locator": "Methods"} if stated else None,
        figures=tuple(figures),
    )  # fmt: skip


def print_figures(truth: pd.DataFrame, protocol: Protocol, names: Sequence[str]) -> list[Figure]:
    view = view_of(truth, protocol)
    figures = []
    for k, name in enumerate(("n", *names)):
        estimand = Estimand.parse(name)
        value = evaluate(estimand, view, protocol).value
        if (
            isnan(value)
            or not np.isfinite(value)
            or (estimand.kind.scale == "ratio" and value > 50)
        ):
            continue
        printed, unit = as_printed(estimand, value)
        figures.append(
            Figure(id=f"f{k}", estimand=name, printed=printed, unit=unit, locator="Table 1")
        )
    return figures


TRUE_READINGS = {"Kaplan-Meier", "as printed"}
"""Those by which everything is printed."""
