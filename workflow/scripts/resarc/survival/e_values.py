"""E-values: how strong an unmeasured confounder must be to explain an association away.

Sources: VanderWeele & Ding, Ann Intern Med 2017;167:268; for hazard ratios of a common outcome the
risk ratio is approximated after VanderWeele, Biometrics 2020;76:746 (table 2 of the first paper).
"""

from __future__ import annotations

import numpy as np

COMMON = 0.15
"""An outcome is common if more than this share of the patients has it by the end of follow-up."""


def risk_ratio(hazard_ratio: np.ndarray, common: np.ndarray | bool) -> np.ndarray:
    """The risk ratio that a hazard ratio stands for: itself if the outcome is rare, else
    (1 - 0.5^sqrt(HR)) / (1 - 0.5^sqrt(1/HR))."""
    ratio = np.asarray(hazard_ratio, dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):
        root = np.sqrt(ratio)
        approximated = (1 - 0.5**root) / (1 - 0.5 ** (1 / root))
    return np.where(common, approximated, ratio)


def e_value(ratio: np.ndarray) -> np.ndarray:
    """The least risk ratio that a confounder must have with both exposure and outcome to move a
    risk ratio to 1: RR + sqrt(RR (RR - 1)), for ratios below 1 of their inverse. At least 1."""
    ratio = np.asarray(ratio, dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):
        away = np.maximum(ratio, 1 / ratio)
        return np.where(np.isinf(away), np.inf, away + np.sqrt(away * (away - 1)))


def of_hazard_ratio(
    value: np.ndarray, lower: np.ndarray, upper: np.ndarray, common: np.ndarray | bool
) -> tuple[np.ndarray, np.ndarray]:
    """E-values of hazard ratios and of the confidence limit nearer to 1; the latter is 1 where the
    interval holds 1, NaN where that limit is not known."""
    near = np.where(np.asarray(value) < 1, upper, lower)
    holds_1 = (np.asarray(lower) <= 1) & (np.asarray(upper) >= 1)
    limit = e_value(risk_ratio(near, common))
    return e_value(risk_ratio(value, common)), np.where(holds_1, 1.0, limit)
