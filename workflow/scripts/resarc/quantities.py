"""The numbers of a re-analysis: what each is, and how people read it.

`reanalysis.csv` names them in its column `quantity`; `resarc.reanalysis` computes them and the report
shows them, neither knowing the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isinf, isnan
from typing import Literal

from resarc import tables

Scale = Literal["p", "ratio", "months", "fraction", "count", "number", "unit"]
PAPER, RECOMMENDED, CONTEXT = "paper", "recommended", "context"


@dataclass(frozen=True)
class Quantity:
    """What a number is: its name for people, its scale, and on which side of the comparison it
    stands: as the paper did, as recommended, or what is needed to judge them."""

    label: str
    scale: Scale
    role: str


QUANTITIES: dict[str, Quantity] = {
    "hazard_ratio": Quantity("Hazard ratio", "ratio", PAPER),
    "logrank_p": Quantity("Log-rank p", "p", PAPER),
    "p": Quantity("Cox p", "p", PAPER),
    "events": Quantity("Events", "count", CONTEXT),
    "n": Quantity("Patients", "count", CONTEXT),
    # immortal time
    "landmark_hazard_ratio": Quantity("Hazard ratio from the landmark", "ratio", RECOMMENDED),
    "landmark_logrank_p": Quantity("Log-rank p from the landmark", "p", RECOMMENDED),
    "changing_hazard_ratio": Quantity("Hazard ratio, changing with time", "ratio", RECOMMENDED),
    "time_zero_hazard_ratio": Quantity("Hazard ratio, as known at time zero", "ratio", RECOMMENDED),
    "time_zero_logrank_p": Quantity("Log-rank p, as known at time zero", "p", RECOMMENDED),
    "delayed_hazard_ratio": Quantity("Hazard ratio at an assumed delay", "ratio", RECOMMENDED),
    "delay_to_no_effect": Quantity("Delay at which it is 1", "months", RECOMMENDED),
    "delay_to_evidence": Quantity("Delay at which its interval leaves 1", "months", RECOMMENDED),
    "delay_to_no_evidence": Quantity("Delay at which its interval holds 1", "months", RECOMMENDED),
    # cut-offs
    "cutoff": Quantity("Cut-off", "unit", PAPER),
    "split_logrank_p": Quantity("Log-rank p of the printed split", "p", PAPER),
    "selected_logrank_p": Quantity("Log-rank p as if it were given", "p", PAPER),
    "procedure_p": Quantity("p of choice and test together", "p", RECOMMENDED),
    "maxstat_p": Quantity("p of the best of all cut-offs", "p", RECOMMENDED),
    "cutoff_low": Quantity("Bootstrap cut-off, 2.5th percentile", "unit", RECOMMENDED),
    "cutoff_high": Quantity("Bootstrap cut-off, 97.5th percentile", "unit", RECOMMENDED),
    "spline_p": Quantity("p without a cut-off (spline)", "p", RECOMMENDED),
    "nonlinear_p": Quantity("p for non-linearity", "p", CONTEXT),
    # small samples
    "exact_logrank_p": Quantity("Log-rank p by permutation", "p", RECOMMENDED),
    "profile_hazard_ratio": Quantity("Profile-likelihood limits", "ratio", RECOMMENDED),
    "firth_hazard_ratio": Quantity("Firth's hazard ratio", "ratio", RECOMMENDED),
    "firth_p": Quantity("Firth's p", "p", RECOMMENDED),
    "coefficients": Quantity("Coefficients", "count", CONTEXT),
    "events_per_coefficient": Quantity("Events per coefficient", "number", CONTEXT),
    # proportional hazards
    "ph_p": Quantity("Test of proportional hazards, p", "p", RECOMMENDED),
    "rmst_difference": Quantity("Difference of restricted means", "months", RECOMMENDED),
    "rmst_p": Quantity("p of that difference", "p", RECOMMENDED),
    # competing risks
    "one_minus_survival": Quantity("1 less Kaplan-Meier", "fraction", PAPER),
    "cumulative_incidence": Quantity("Cumulative incidence", "fraction", RECOMMENDED),
    "gray_p": Quantity("Gray's test, p", "p", RECOMMENDED),
    "subdistribution_hazard_ratio": Quantity("Subdistribution hazard ratio", "ratio", RECOMMENDED),
    "competing_events": Quantity("Competing events", "count", CONTEXT),
    # subgroups
    "interaction_p": Quantity("Interaction, p", "p", RECOMMENDED),
    "ratio_of_hazard_ratios": Quantity("Ratio of hazard ratios", "ratio", RECOMMENDED),
    "power": Quantity("Power to see the effect of all patients", "fraction", CONTEXT),
    "detectable_ratio": Quantity("Ratio of hazard ratios that would be seen", "ratio", CONTEXT),
    # multiplicity
    "holm_p": Quantity("p after Holm", "p", RECOMMENDED),
    "bh_p": Quantity("p after Benjamini-Hochberg", "p", RECOMMENDED),
    # confounding
    "e_value": Quantity("E-value", "number", RECOMMENDED),
    "e_value_limit": Quantity("E-value of the limit nearer to 1", "number", RECOMMENDED),
    # missing data
    "missing": Quantity("Missing", "count", CONTEXT),
    "missing_share": Quantity("Share missing", "fraction", CONTEXT),
    "pattern": Quantity("Patients with this pattern", "count", CONTEXT),
    "complete_cases": Quantity("Complete cases", "count", CONTEXT),
    "imputed_hazard_ratio": Quantity("Hazard ratio, missing values imputed", "ratio", RECOMMENDED),
    "imputed_p": Quantity("p, missing values imputed", "p", RECOMMENDED),
}
"""Every quantity of `reanalysis.csv`."""

RECOMMENDATIONS: dict[str, str] = {
    "immortal_time": "Immortal time",
    "cut_off": "Cut-offs chosen on the outcome",
    "small_sample": "Few patients",
    "penalised_model": "Penalised model",
    "proportional_hazards": "Proportional hazards",
    "competing_risks": "Competing risks",
    "interaction": "Interaction",
    "multiplicity": "Multiple tests",
    "confounding": "Unmeasured confounding",
    "missing_data": "Missing data",
}
"""The kinds of recommendation for people."""


def format_quantity(quantity: str, value: float, *, unit: bool = True) -> str:
    """A value for people: '0.031', '2.45', '3.2 months', '62%', '41'; NaN and infinity in words."""
    scale = QUANTITIES[quantity].scale
    if isnan(value):
        return tables.NOT_ESTIMABLE
    if scale == "p":
        return tables.format_p(value)
    if isinf(value):
        return "longer than assumed" if scale == "months" else "unbounded"
    if scale == "ratio":
        return format_ratio(value)
    if scale == "months":
        return tables.fixed(value, 1) + (" months" if unit else "")
    if scale == "fraction":
        return tables.fixed(100 * value, 0) + ("%" if unit else "")
    if scale == "count":
        return tables.fixed(value, 0)
    return tables.fixed(value, 2 if scale == "unit" and abs(value) < 10 else 1)


def format_ratio(value: float) -> str:
    """Two decimals below 10, one below 100, else none."""
    if isinf(value):
        return "unbounded"
    return tables.fixed(value, 2 if value < 10 else 1 if value < 100 else 0)


def format_ends(quantity: str, lower: float, upper: float) -> str:
    """'0.31 to 2.4', or one value where both ends print the same."""
    bare = [format_quantity(quantity, end, unit=False) for end in (lower, upper)]
    full = format_quantity(quantity, upper)
    if bare[0] == bare[1]:
        return full
    first = format_quantity(quantity, lower) if isinf(lower) or isinf(upper) else bare[0]
    return f"{first}{tables.NBSP}to{tables.NBSP}{full}"
