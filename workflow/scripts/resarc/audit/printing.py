"""Which exact values print as a given figure, by exact arithmetic on whole-number fractions."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from math import floor

from resarc.published import ROUNDINGS, Figure, Printed, Rounding


def rounded(value: Fraction, unit: Decimal, rounding: Rounding) -> Fraction:
    """`value` rounded to a multiple of `unit` (one in the last printed place).

    Half up rounds an exact half away from zero, half even to the even neighbour, truncated drops
    the digits that follow.
    """
    step = Fraction(unit)
    sign = -1 if value < 0 else 1
    scaled = abs(value) / step
    whole = floor(scaled)
    rest = scaled - whole
    if rounding == "half up":
        whole += rest >= Fraction(1, 2)
    elif rounding == "half even":
        whole += rest > Fraction(1, 2) or (rest == Fraction(1, 2) and whole % 2 == 1)
    return sign * whole * step


def roundings_of(value: Fraction, printed: Printed) -> frozenset[Rounding]:
    """The rounding conventions under which `value`, in the printed unit, prints as `printed`."""
    target = Fraction(printed.value)
    if printed.mark == "<":
        return frozenset(ROUNDINGS) if value < target else frozenset()
    if printed.mark == "<=":
        return frozenset(ROUNDINGS) if value <= target else frozenset()
    if printed.mark == ">":
        return frozenset(ROUNDINGS) if value > target else frozenset()
    if printed.mark == ">=":
        return frozenset(ROUNDINGS) if value >= target else frozenset()
    return frozenset(r for r in ROUNDINGS if rounded(value, printed.last_place, r) == target)


def units_per_one(figure: Figure) -> int:
    """100 for a share printed in percent, 1 for one printed as a fraction."""
    return 100 if figure.unit == "%" else 1


def share_roundings(figure: Figure, k: int, n: int) -> frozenset[Rounding]:
    """The conventions under which k of n prints as this share."""
    printed, scale = figure.value, units_per_one(figure)
    exponent = printed.value.as_tuple().exponent
    if printed.mark != "=" or exponent > 0:
        return roundings_of(Fraction(k * scale, n), printed)
    # as `rounded`, in whole numbers of the last printed place: this runs for every k of every share
    target = int(printed.value.scaleb(-exponent))
    whole, rest = divmod(k * scale * 10**-exponent, n)
    found = {
        "half up": whole + (2 * rest >= n),
        "half even": whole + (2 * rest > n or (2 * rest == n and whole % 2)),
        "truncated": whole,
    }
    return frozenset(r for r, value in found.items() if value == target)


def whole_counts(figure: Figure, n: int, *roundings: Rounding) -> tuple[int, ...]:
    """Every k with k of n printing as this share under one of `roundings` (half up if none)."""
    wanted = set(roundings or ("half up",))
    scale = units_per_one(figure)
    value, unit = figure.value.value, figure.value.last_place
    if figure.value.mark == "=":
        low = max(0, floor(Fraction(value - unit) * n / scale))
        high = min(n, floor(Fraction(value + unit) * n / scale) + 1)
    else:
        low, high = 0, n
    return tuple(k for k in range(low, high + 1) if wanted & share_roundings(figure, k, n))


def written(figure: Figure) -> str:
    """The figure as printed, with its unit and interval: `38.5% (14.1 to 62.8)`."""
    unit = "" if not figure.unit else figure.unit if figure.unit == "%" else f" {figure.unit}"
    text = f"{figure.printed}{unit}"
    if figure.interval:
        text += f" ({figure.interval[0]} to {figure.interval[1]})"
    return text


def percent(value: float | Fraction, places: int = 2) -> str:
    return f"{100 * float(value):.{places}f}%"


def number(value: float, digits: int = 4) -> str:
    """A computed number with `digits` significant digits, never in exponent form."""
    if value == 0:
        return "0"
    text = f"{value:.{digits}g}"
    return f"{Decimal(text):f}"


def p_text(value: float) -> str:
    return "< 0.0001" if value < 0.0001 else f"{value:.4f}" if value < 0.1 else f"{value:.3f}"
