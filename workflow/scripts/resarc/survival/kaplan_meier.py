"""The Kaplan-Meier estimate, its intervals, landmarks, quantiles and reverse form.

Sources: Kaplan & Meier, JASA 1958;53:457; Greenwood's variance; Klein & Moeschberger, Survival
Analysis, 2nd ed., sections 4.2 to 4.5; Brookmeyer & Crowley, Biometrics 1982;38:29 (limits of a
quantile); Schemper & Smith, Control Clin Trials 1996;17:343 (reverse Kaplan-Meier).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit, logit, ndtri

from resarc.errors import DataError
from resarc.survival import inputs
from resarc.survival.batch import quantile_of_steps
from resarc.survival.results import Estimate

INTERVALS = ("plain", "log", "log-log", "logit", "arcsine")
CONVENTIONS = ("middle", "first", "below")


def curve(time: Any, event: Any, interval: str = "log-log", level: float = 0.95) -> pd.DataFrame:
    """Kaplan-Meier curve: one row for time 0 and for each distinct time, in order.

    Columns `time`, `at_risk` (just before the time), `events`, `censored`, `survival`, `std_error`
    (Greenwood), `lower`, `upper` (pointwise limits by `interval`, one of `INTERVALS`). R's default
    is `log`; SPSS prints `plain`; SAS and lifelines use `log-log`.

    Where S is 1 the limits are both 1. Where S is 0 the standard error and limits are NaN, as in
    R. With no events S stays 1.
    """
    inputs.one_of(interval, INTERVALS, "interval")
    inputs.fraction(level, "level")
    times, events = inputs.follow_up(time, event)
    distinct, place = np.unique(np.append(times, 0.0), return_inverse=True)
    place = place[:-1]
    died = np.bincount(place, weights=events, minlength=distinct.size)
    left = np.bincount(place, minlength=distinct.size)
    at_risk = left[::-1].cumsum()[::-1]
    with np.errstate(divide="ignore", invalid="ignore"):
        survival = np.where(died > 0, (at_risk - died) / at_risk, 1.0).cumprod()
        greenwood = np.where(died > 0, died / (at_risk * (at_risk - died)), 0.0).cumsum()
        relative_error = np.where(survival > 0, np.sqrt(greenwood), np.nan)
    lower, upper = limits(survival, relative_error, interval, level)
    return pd.DataFrame(
        {
            "time": distinct,
            "at_risk": at_risk,
            "events": died.astype(int),
            "censored": left - died.astype(int),
            "survival": survival,
            "std_error": survival * relative_error,
            "lower": lower,
            "upper": upper,
        }
    )


def limits(
    s: np.ndarray, relative_error: np.ndarray, interval: str, level: float
) -> tuple[np.ndarray, np.ndarray]:
    """Pointwise limits; `relative_error` is the standard error of log S."""
    width = ndtri((1 + level) / 2) * relative_error
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        if interval == "plain":
            lower, upper = s - width * s, s + width * s
        elif interval == "log":
            lower, upper = s * np.exp(-width), s * np.exp(width)
        elif interval == "log-log":
            ratio = np.exp(width / -np.log(s))
            lower, upper = s**ratio, s ** (1 / ratio)
        elif interval == "logit":
            lower, upper = expit(logit(s) - width / (1 - s)), expit(logit(s) + width / (1 - s))
        else:
            angle, half = np.arcsin(np.sqrt(s)), width / 2 * np.sqrt(s / (1 - s))
            lower = np.sin(np.maximum(angle - half, 0.0)) ** 2
            upper = np.sin(np.minimum(angle + half, np.pi / 2)) ** 2
    certain = s == 1
    lower, upper = np.where(certain, 1.0, lower), np.where(certain, 1.0, upper)
    return np.clip(lower, 0.0, 1.0), np.clip(upper, 0.0, 1.0)


def survival_at(curve: pd.DataFrame, times: Any, *, extend: bool = False) -> pd.DataFrame:
    """The curve at landmarks: columns `time`, `survival`, `std_error`, `lower`, `upper`.

    Beyond the last follow-up S is not known unless it has reached 0: NaN, where R's
    `summary.survfit` leaves the time out. `extend=True` carries the last value on, like R's
    `extend=TRUE`.
    """
    at = inputs.vector(np.atleast_1d(times), "times")
    if (at < 0).any():
        raise DataError("times", f"{at.min():g}", "landmarks of at least 0")
    row = np.searchsorted(curve["time"].to_numpy(), at, side="right") - 1
    columns = ["survival", "std_error", "lower", "upper"]
    values = curve[columns].to_numpy()[row]
    if not extend:
        beyond = at > curve["time"].iloc[-1]
        values[beyond & (values[:, 0] > 0)] = np.nan
    return pd.DataFrame(values, columns=columns).assign(time=at)[["time", *columns]]


def quantile(curve: pd.DataFrame, p: float = 0.5, convention: str = "middle") -> Estimate:
    """Time at which survival falls to `p` (0.5: the median), with limits from those of the curve.

    Where S is exactly `p` over a stretch of time (within the square root of double precision),
    convention `middle` takes the middle of the stretch, which ends at the next event or, if none
    follows, at the last follow-up (R's `quantile.survfit` and SAS; R's `print` takes the start in
    that last case). `first` takes the stretch's start, like SPSS, Stata and lifelines; `below` its
    end, the first time at which S is less than `p` (Collett, Modelling Survival Data in Medical
    Research, section 2.4), which may never come.

    The lower limit is the time at which the lower limits of S fall to `p`, the upper limit that of
    the upper ones. What is not reached is NaN.
    """
    inputs.fraction(p, "p")
    inputs.one_of(convention, CONVENTIONS, "convention")
    time = curve["time"].to_numpy(dtype=float)[None]
    end = time[:, -1]

    def falls_to_p(column: str) -> float:
        steps = curve[column].to_numpy(dtype=float)[None]
        # A limit that is not known (S = 0) says nothing about p, nor does the end of its curve.
        known = ~np.isnan(steps)
        last = end if known.all() or column == "survival" else np.array([np.nan])
        steps = np.where(known, steps, np.inf)
        return float(quantile_of_steps(time, steps, p, last, convention)[0])

    return Estimate(
        falls_to_p("survival"),
        falls_to_p("lower"),
        falls_to_p("upper"),
        method=f"Kaplan-Meier, convention {convention}",
    )


def at_risk(time: Any, times: Any) -> np.ndarray:
    """Patients at risk just before each of `times` (those with follow-up of at least that)."""
    follow_up = np.sort(inputs.vector(time, "time"))
    return follow_up.size - np.searchsorted(follow_up, inputs.vector(times, "times"), side="left")


def reverse_follow_up(
    time: Any,
    event: Any,
    p: float = 0.5,
    interval: str = "log-log",
    level: float = 0.95,
    convention: str = "middle",
) -> Estimate:
    """Median follow-up by reverse Kaplan-Meier: events and censoring change places.

    NaN if too many patients died for the median to be reached.
    """
    times, events = inputs.follow_up(time, event)
    found = quantile(curve(times, ~events, interval, level), p, convention)
    return Estimate(found.value, found.lower, found.upper, method=f"reverse {found.method}")


def uncensored_before(time: np.ndarray, censored: np.ndarray) -> np.ndarray:
    """Kaplan-Meier estimate of not being censored, just before each patient's time (n,).

    Who is censored at a time is so after who has an event at it.
    """
    distinct, place = np.unique(time, return_inverse=True)
    lost = np.bincount(place, weights=censored, minlength=distinct.size)
    at_risk = np.bincount(place, minlength=distinct.size)[::-1].cumsum()[::-1]
    return np.concatenate([[1.0], np.cumprod(1 - lost / at_risk)[:-1]])[place]
