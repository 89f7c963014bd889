"""Heterogeneity between studies, in words."""

from __future__ import annotations

from collections.abc import Mapping
from math import exp, isfinite, nan, sqrt

from resarc.scales import Scale


def heterogeneity(scale: Scale, k: int, found: Mapping[str, float]) -> str:
    """What tau2, I² and the prediction interval say; of reconstructions over all consistent values.

    `found` holds tau2, i2 and, where they are known, tau2_lower and so on, in the columns of
    pooled.csv.
    """
    tau2, i2 = _range(found, "tau2"), _range(found, "i2")
    words = [_differ(scale, tau2), _share(i2)]
    if k < 3:
        words.append(
            f"With {k} studies both are hardly known, and nothing is predicted for a further study"
        )
    else:
        words.append(_further(scale, found))
    return ". ".join(words) + "."


def _range(found: Mapping[str, float], name: str) -> tuple[float, float]:
    """The bounds of a reconstruction, else the value twice."""
    lower, upper = found.get(f"{name}_lower", nan), found.get(f"{name}_upper", nan)
    return (lower, upper) if isfinite(lower) else (found[name], found[name])


def _between(lower: str, upper: str) -> str:
    return lower if lower == upper else f"{lower} to {upper}"


def _differ(scale: Scale, tau2: tuple[float, float]) -> str:
    shown = _between(f"{tau2[0]:.2g}", f"{tau2[1]:.2g}")
    if tau2[1] < 1e-6:
        return f"No variance between the studies was found beyond chance (tau² {shown})"
    what = "odds" if scale == "logit" else "ratios"
    factor = _between(*(f"{exp(sqrt(part)):.2f}" for part in tau2))
    return (
        f"The studies' true {what} typically lie a factor of {factor} from their mean "
        f"(tau² {shown} on the {scale} scale)"
    )


def _share(i2: tuple[float, float]) -> str:
    shown = _between(f"{100 * i2[0]:.0f}%", f"{100 * i2[1]:.0f}%")
    return f"I² {shown}: that much of the variance of what was observed lies between the studies"


def _further(scale: Scale, found: Mapping[str, float]) -> str:
    prefix = "outer_" if "outer_prediction_lower" in found else ""
    lower = found.get(f"{prefix}prediction_lower", nan)
    upper = found.get(f"{prefix}prediction_upper", nan)
    if not (isfinite(lower) and isfinite(upper)):
        return "Nothing is predicted for a further study"
    percent = scale == "logit"
    ends = [f"{100 * x:.0f}%" if percent else f"{x:.2f}" for x in (lower, upper)]
    said = f"A further study is expected to have its true value between {ends[0]} and {ends[1]}"
    if scale == "log" and lower < 1 < upper:
        said += ", so it may point either way"
    return said
