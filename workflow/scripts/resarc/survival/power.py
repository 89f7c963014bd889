"""Power of comparisons of two groups by the log-rank test or Cox's model.

The variance of a log hazard ratio is taken as 1 / (events x p x (1 - p)), p the share of the
patients in one group. Sources: Schoenfeld, Biometrika 1981;68:316 and Biometrics 1983;39:499; for
interactions Peterson & George, Control Clin Trials 1993;14:511.
"""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr, ndtri


def variance(events: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Variance of the log hazard ratio of two groups; infinite without events or with one group."""
    with np.errstate(divide="ignore"):
        return 1 / (np.asarray(events, dtype=float) * share * (1 - np.asarray(share)))


def power(log_ratio: np.ndarray, variance: np.ndarray, alpha: float = 0.05) -> np.ndarray:
    """Power of a two-sided test to see a log (ratio of) hazard ratio(s) of this size."""
    with np.errstate(invalid="ignore"):
        size = np.abs(log_ratio) / np.sqrt(variance)
    bound = float(ndtri(1 - alpha / 2))
    return ndtr(size - bound) + ndtr(-size - bound)


def detectable(variance: np.ndarray, power: float = 0.8, alpha: float = 0.05) -> np.ndarray:
    """The ratio above 1 that a two-sided test sees with this power (its inverse below 1)."""
    with np.errstate(over="ignore"):
        return np.exp((float(ndtri(1 - alpha / 2)) + float(ndtri(power))) * np.sqrt(variance))
