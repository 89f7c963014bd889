"""Random-effects means of effects whose variances are known, for many sets of effects at once.

Sources: Paule & Mandel, J Res Natl Bur Stand 1982;87:377; Viechtbauer, J Educ Behav Stat
2005;30:261 (REML by Fisher scoring); Hartung & Knapp, Stat Med 2001;20:3875; Sidik & Jonkman, Stat
Med 2002;21:3153; Knapp & Hartung, Stat Med 2003;22:2693 and Röver, Knapp & Friede, BMC Med Res
Methodol 2015;15:99 (few studies: not below the classical error); Higgins, Thompson & Spiegelhalter,
JRSS A 2009;172:137 (prediction); Higgins & Thompson, Stat Med 2002;21:1539 (I2 = (Q - df) / Q).
Held to R's metafor by tests/synthesis.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from resarc.synthesis.questions import Estimator


@dataclass(frozen=True)
class RandomEffects:
    """A random-effects mean on the scale of analysis; NaN where k is too small. Each is a number,
    or an array with a place for each set of effects."""

    mean: float
    se: float
    lower: float
    upper: float
    prediction_lower: float
    prediction_upper: float
    tau2: float
    i2: float


def random_effects(
    effects: Iterable[float],
    variances: Iterable[float],
    level: float = 0.95,
    estimator: Estimator = "paule-mandel",
) -> RandomEffects:
    """Random-effects mean of independent effects with known variances.

    The prediction interval, mean ± t(k - 2) √(τ² + se²), needs three effects. I² is (Q - df) / Q
    and at least 0. Of a single effect: the effect with its normal interval.
    """
    y, v = np.array([list(effects)], dtype=float), np.array([list(variances)], dtype=float)
    found = each_random_effects(y, v, level, estimator)
    return RandomEffects(**{name: float(part[0]) for name, part in vars(found).items()})


def each_random_effects(
    y: np.ndarray, v: np.ndarray, level: float = 0.95, estimator: Estimator = "paule-mandel"
) -> RandomEffects:
    """`random_effects` of each row of y and v, both (N, k); arrays (N,)."""
    from scipy.special import ndtri, stdtrit

    rows, k = y.shape
    tail = (1 + level) / 2
    tau2 = np.zeros(rows) if k < 2 else _ESTIMATORS[estimator](y, v)
    w = 1 / (v + tau2[:, None])
    total = w.sum(axis=1)
    mean = (w * y).sum(axis=1) / total
    spread = (w * (y - mean[:, None]) ** 2).sum(axis=1)
    # Two or three studies may agree by chance: without the bound their interval can all but vanish.
    se = np.sqrt(np.maximum(spread / max(k - 1, 1), 1.0) / total)
    half = (stdtrit(k - 1, tail) if k > 1 else ndtri(tail)) * se
    ahead = stdtrit(k - 2, tail) * np.sqrt(tau2 + se**2) if k > 2 else np.full(rows, np.nan)
    q = _dispersion(y, v, np.zeros(rows))[0]
    i2 = np.maximum(0.0, np.divide(q - (k - 1), q, where=q > 0, out=np.zeros(rows)))
    return RandomEffects(mean, se, mean - half, mean + half, mean - ahead, mean + ahead, tau2, i2)


def _paule_mandel(y: np.ndarray, v: np.ndarray) -> np.ndarray:
    """The between-study variance at which the weighted sum of squares is k - 1.

    The sum is convex and falls with the variance, so that Newton's steps from 0 never pass the
    root. statsmodels 0.15 takes these steps too, but where the last one ends a rounding error
    beyond the root it returns 0 (effects -0.2 and 0.9, variances 0.05 and 0.11, atol 1e-8), and its
    default tolerance leaves 1e-8 to 1e-5; it also takes four seconds to import.
    """
    tau2, least = np.zeros(len(y)), v.min(axis=1)
    for _ in range(200):
        q, slope = _dispersion(y, v, tau2)
        step = np.divide(q - (y.shape[1] - 1), slope, where=slope > 0, out=np.zeros(len(y)))
        step[step <= 1e-14 * (tau2 + least)] = 0.0
        if not step.any():
            break
        tau2 += step
    return tau2


def _dispersion(y: np.ndarray, v: np.ndarray, tau2: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weighted sum of squares about the weighted mean, and how fast it falls with tau2."""
    w = 1 / (v + tau2[:, None])
    mean = (w * y).sum(axis=1) / w.sum(axis=1)
    squares = (y - mean[:, None]) ** 2
    return (w * squares).sum(axis=1), (w**2 * squares).sum(axis=1)


def _reml(y: np.ndarray, v: np.ndarray) -> np.ndarray:
    """The between-study variance of greatest restricted likelihood, by Fisher scoring.

    Each step is (y'PPy - tr P) / tr PP with P the projection of weights off the mean; a variance
    below 0 is 0. It starts where metafor does, at Hedges' estimate.
    """
    tau2 = np.maximum(0.0, y.var(axis=1, ddof=1) - v.mean(axis=1))
    for _ in range(1000):
        w = 1 / (v + tau2[:, None])
        one, two, three = (np.sum(w**power, axis=1) for power in (1, 2, 3))
        mean = (w * y).sum(axis=1) / one
        gained = np.sum(w**2 * (y - mean[:, None]) ** 2, axis=1) - (one - two / one)
        step = gained / (two - 2 * three / one + (two / one) ** 2)
        step = np.maximum(step, -tau2)
        tau2 = tau2 + step
        if (np.abs(step) <= 1e-13 * (tau2 + v.min(axis=1))).all():
            break
    return tau2


_ESTIMATORS = {"paule-mandel": _paule_mandel, "reml": _reml}
