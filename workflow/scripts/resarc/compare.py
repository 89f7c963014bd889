"""Every printed figure beside what was found, with a verdict that claims no more than was shown.

A registry can confirm or contradict a paper: its verdict is `reproduced` if the recomputed value
rounds to what is printed, limits included, and `differs` if not. A reconstruction was built from
the figures: one that it was made to meet holds `by construction` (or was `set aside`, where it
could not hold together with the others) and says nothing about the paper. Only a figure that was no
target can be `within identified set` or `outside identified set`: compatible with the other figures
or not.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import inf, isnan, nan
from typing import Any

import pandas as pd

from resarc.estimand import Estimand
from resarc.protocol import Protocol
from resarc.published import ROUNDINGS, Figure, Printed, Published, Range

REPRODUCED = "reproduced"
DIFFERS = "differs"
BY_CONSTRUCTION = "by construction"
SET_ASIDE = "set aside"
WITHIN = "within identified set"
OUTSIDE = "outside identified set"
NOT_COMPUTED = "not computed"
VERDICTS = (REPRODUCED, DIFFERS, BY_CONSTRUCTION, SET_ASIDE, WITHIN, OUTSIDE, NOT_COMPUTED)

COLUMNS = (
    "figure",
    "estimand",
    "printed",
    "printed_lower",
    "printed_upper",
    "unit",
    "locator",
    "claim",
    "value",
    "lower",
    "upper",
    "identified_lower",
    "identified_upper",
    "verdict",
    "origin",
    "rounding",
    "read_as",
    "value_printed_unit",
    "lower_printed_unit",
    "upper_printed_unit",
    "identified_lower_printed_unit",
    "identified_upper_printed_unit",
    "note",
)
_SCALED = ("value", "lower", "upper", "identified_lower", "identified_upper")
_DIGITS = 10
"""Values are compared at the significant digits with which they are written."""

Row = Mapping[str, Any]


def compare(
    published: Published,
    protocol: Protocol,
    estimates: pd.DataFrame,
    identified: pd.DataFrame | None = None,
    targets: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """One row for each printed figure, in the order of the paper; columns `COLUMNS`.

    `estimates` as `analysis.estimate` writes them; `identified` (estimand, lower, upper, target)
    and `targets` (figure, estimand, lower, upper, status, hypothesis, reason) belong to a
    reconstruction. Values are canonical; those `_printed_unit` are in the figure's own unit.
    `rounding` is the convention under which the value prints as the figure does. Where a target was
    met under another reading of the figure, `read_as` is that estimand and the values are its own.
    """
    by_key = _records(estimates, "estimand")
    sets = {} if identified is None else _records(identified, "estimand")
    goals = {} if targets is None else _records(targets, "figure")
    origin = protocol.source.kind
    rows = []
    for figure in published.figures:
        goal = goals.get(figure.id, {}) if origin == "reconstruction" else {}
        read_as = _reading(figure, goal, by_key)
        key = read_as or str(figure.estimand)
        found, known = by_key.get(key, {}), sets.get(key, {})
        row: dict[str, Any] = {
            "figure": figure.id,
            "estimand": str(figure.estimand),
            "printed": figure.printed,
            "printed_lower": figure.interval[0] if figure.interval else "",
            "printed_upper": figure.interval[1] if figure.interval else "",
            "unit": figure.unit,
            "locator": figure.locator,
            "claim": figure.claim,
            "origin": origin,
            "read_as": read_as,
            **{end: _number(found, end) for end in ("value", "lower", "upper")},
        }
        if origin == "reconstruction":
            row |= {f"identified_{end}": _number(known, end) for end in ("lower", "upper")}
        factor = published.factor(figure)
        row |= {f"{k}_printed_unit": _digits(row.get(k, nan) / factor) for k in _SCALED}
        if origin == "registry":
            row |= _registry_verdict(figure, row, found, protocol)
        else:
            row |= _reconstruction_verdict(figure, row, found, known, goal, factor, protocol)
        rows.append(row)
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    return table.astype(dict.fromkeys([*_SCALED, *(f"{k}_printed_unit" for k in _SCALED)], float))


def holds(printed: Printed, value: float) -> str | None:
    """The first rounding convention under which a value (in printed units) prints so; an inequality
    that holds gives ''; None where the value does not agree."""
    if isnan(value):
        return None
    value = _digits(value)
    if printed.mark != "=":
        return "" if value in printed.exact_values() else None
    return next((r for r in ROUNDINGS if value in printed.exact_values(r)), None)


def _registry_verdict(
    figure: Figure, row: Row, found: Row, protocol: Protocol
) -> dict[str, str | float]:
    reason = _why_not_computed(figure, row, found)
    if reason:
        return {"verdict": NOT_COMPUTED, "note": reason}
    rounding = holds(figure.value, row["value_printed_unit"])
    limits_hold, limits_note = _limits(figure, row, protocol)
    agrees = rounding is not None and limits_hold is not False
    notes = [_rounding_note(rounding)] if rounding is not None else []
    if rounding is None:
        notes.append("the value does not round to the printed figure")
    return {
        "verdict": REPRODUCED if agrees else DIFFERS,
        "rounding": rounding or "",
        "note": _joined(*notes, limits_note, found.get("note")),
    }


def _reconstruction_verdict(
    figure: Figure,
    row: Row,
    found: Row,
    known: Row,
    goal: Row,
    factor: float,
    protocol: Protocol,
) -> dict[str, str | float]:
    if figure.not_available:
        return {"verdict": NOT_COMPUTED, "note": "the paper prints no figure here"}
    status, reason = str(goal.get("status") or ""), goal.get("reason")
    was_target = status == "target" or (not status and _true(known.get("target")))
    rounding = holds(figure.value, row["value_printed_unit"])
    if rounding is None and row["value"] in _interval_of(goal):
        rounding = ""
    reading = f"read as {row['read_as']}" if row["read_as"] else ""
    hypothesis = f"hypothesis: {goal['hypothesis']}" if _text(goal.get("hypothesis")) else ""
    _, limits_note = _limits(figure, row, protocol)
    if status == "set aside":
        return {"verdict": SET_ASIDE, "note": _joined(reason, hypothesis, reading)}
    # A claim that holds may have been imposed like a target; it is never taken as a confirmation.
    if (was_target or status == "claim") and rounding is not None:
        notes = _joined(reading, hypothesis, _rounding_note(rounding), limits_note)
        return {"verdict": BY_CONSTRUCTION, "rounding": rounding, "note": notes}
    if was_target:
        notes = ("a target that the analysed dataset does not meet", reason, hypothesis, reading)
        return {"verdict": SET_ASIDE, "note": _joined(*notes)}
    lower, upper = row["identified_lower"], row["identified_upper"]
    if isnan(lower) and isnan(upper):
        why = reason or found.get("note") or "no identified set was computed"
        return {"verdict": NOT_COMPUTED, "note": _joined(why)}
    matched = _overlap(figure.value, lower / factor, upper / factor)
    notes = [reason, hypothesis, limits_note if matched is not None else ""]
    return {
        "verdict": OUTSIDE if matched is None else WITHIN,
        "rounding": matched or "",
        "note": _joined(*notes),
    }


def _reading(figure: Figure, goal: Row, by_key: Mapping[str, Row]) -> str:
    """The estimand under which a target was met, where it is another than the printed one."""
    text = _text(goal.get("estimand"))
    if not text or goal.get("status") != "target":
        return ""
    reading = str(Estimand.parse(text))
    return reading if reading != str(figure.estimand) and reading in by_key else ""


def _why_not_computed(figure: Figure, row: Row, found: Row) -> str:
    if figure.not_available:
        return "the paper prints no figure here"
    if not found:
        return "not estimated"
    if isnan(row["value"]):
        return _text(found.get("note")) or "not estimable"
    return ""


def _limits(figure: Figure, row: Row, protocol: Protocol) -> tuple[bool | None, str]:
    """Whether the printed limits hold too (None if there is nothing to compare), and a note."""
    if figure.bounds is None:
        return None, ""
    level = protocol.conventions.level
    if figure.level != level:
        return None, f"limits not compared: {figure.level:.0%} printed, {level:.0%} computed"
    ends = dict(zip(("lower", "upper"), figure.bounds, strict=True))
    if isnan(row["lower"]) and isnan(row["upper"]):
        return None, "limits not compared: none computed"
    off = [end for end, bound in ends.items() if holds(bound, row[f"{end}_printed_unit"]) is None]
    if not off:
        return True, "both limits hold"
    values = ", ".join(
        f"{end} {figure.interval[i]} against {row[f'{end}_printed_unit']:.4g}"
        for i, end in enumerate(ends)
        if end in off
    )
    return False, f"limits do not hold: {values}"


def _overlap(printed: Printed, lower: float, upper: float) -> str | None:
    """The first convention under which a value between the bounds prints so; an unknown bound is
    open."""
    lower, upper = (
        -inf if isnan(lower) else _digits(lower),
        inf if isnan(upper) else _digits(upper),
    )
    if printed.mark != "=":
        return "" if _meets(printed.exact_values(), lower, upper) else None
    return next((r for r in ROUNDINGS if _meets(printed.exact_values(r), lower, upper)), None)


def _meets(values: Range, lower: float, upper: float) -> bool:
    below = upper > values.lower or (upper == values.lower and not values.open_lower)
    above = lower < values.upper or (lower == values.upper and not values.open_upper)
    return below and above


def _interval_of(goal: Row) -> Range:
    """The exact values (canonical) that a target stood for; empty if it is not known."""
    lower, upper = _number(goal, "lower"), _number(goal, "upper")
    if isnan(lower) and isnan(upper):
        return Range(inf, -inf)
    slack = 1e-9
    lower = -inf if isnan(lower) else lower - slack * max(abs(lower), 1.0)
    return Range(lower, inf if isnan(upper) else upper + slack * max(abs(upper), 1.0))


def _rounding_note(rounding: str | None) -> str:
    return (
        f"printed value is {rounding}"
        if rounding == "truncated"
        else ("printed value is rounded half to even" if rounding == "half even" else "")
    )


def _records(frame: pd.DataFrame, key: str) -> dict[str, Row]:
    return {str(row[key]): row for row in frame.to_dict("records")}


def _number(row: Row, key: str) -> float:
    value = row.get(key)
    return nan if value is None or value == "" or pd.isna(value) else float(value)


def _digits(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")


def _text(value: Any) -> str:
    return "" if value is None or (not isinstance(value, str) and pd.isna(value)) else str(value)


def _true(value: Any) -> bool:
    return str(value).strip().lower() == "true"


def _joined(*notes: Any) -> str:
    return "; ".join(dict.fromkeys(filter(None, map(_text, notes))))
