"""Whether patients meet a condition of a protocol: what rules, eligibility and endpoints share.

Frames here follow the names of `resarc.protocol`: categories as text, numbers as floats, dates as
days since the patient's time zero.
"""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from resarc.errors import DataError
from resarc.protocol import Condition


def meets(frame: pd.DataFrame, condition: Condition) -> pd.Series:
    """Who meets a condition: bool, with the index of `frame`.

    A missing value meets no condition but `present: false`: `none_of` and `below` too speak only
    of values that are known.
    """
    values = _values(frame, condition)
    return (_agrees(values, condition) & values.notna()) | (_only_absent(condition) & values.isna())


def meets_all(frame: pd.DataFrame, conditions: Iterable[Condition]) -> pd.Series:
    """Who meets every one of the conditions; everyone where there are none."""
    result = pd.Series(True, index=frame.index)
    for condition in conditions:
        result &= meets(frame, condition)
    return result


def contradicts(frame: pd.DataFrame, condition: Condition) -> pd.Series:
    """Whose known value is against a condition.

    A missing value contradicts nothing but `present: true`, so that a rule between columns never
    rejects a patient only because a value that is not required is missing.
    """
    values = _values(frame, condition)
    return (~_agrees(values, condition) & values.notna()) | (
        (condition.present is True) & values.isna()
    )


def describe(condition: Condition) -> str:
    """A condition in words, for messages and reports."""
    parts = []
    if condition.present is not None:
        parts.append("is given" if condition.present else "is empty")
    if condition.one_of is not None:
        parts.append(f"is {' or '.join(condition.one_of)}")
    if condition.none_of is not None:
        parts.append(f"is not {' or '.join(condition.none_of)}")
    for sign, bound in (
        (">", condition.above),
        ("≥", condition.at_least),
        ("<", condition.below),
        ("≤", condition.at_most),
    ):
        if bound is not None:
            parts.append(f"{sign} {bound:g}")
    return f"{condition.variable} {' and '.join(parts)}"


def _values(frame: pd.DataFrame, condition: Condition) -> pd.Series:
    if condition.variable not in frame:
        raise DataError(
            f"condition on {condition.variable!r}",
            "no such column in the cleaned data",
            f"one of {', '.join(map(str, frame.columns))}",
            "Identifiers and free text are dropped when the data are cleaned.",
        )
    return frame[condition.variable]


def _only_absent(condition: Condition) -> bool:
    return condition.present is False and condition.model_fields_set <= {"variable", "present"}


def _agrees(values: pd.Series, condition: Condition) -> pd.Series:
    """Whether known values agree with a condition; of no meaning where a value is missing."""
    numeric = pd.api.types.is_numeric_dtype(values.dtype)
    result = pd.Series(condition.present is not False, index=values.index)
    if condition.one_of is not None:
        result &= values.isin(_comparable(condition.one_of, numeric))
    if condition.none_of is not None:
        result &= ~values.isin(_comparable(condition.none_of, numeric))
    bounds = (condition.above, condition.at_least, condition.below, condition.at_most)
    if any(bound is not None for bound in bounds) and not numeric:
        if values.notna().any():
            raise DataError(
                f"condition {describe(condition)!r}",
                f"the category {condition.variable!r}",
                "a number or a date where a condition has bounds",
            )
        values = values.astype(float)
    if condition.above is not None:
        result &= values > condition.above
    if condition.at_least is not None:
        result &= values >= condition.at_least
    if condition.below is not None:
        result &= values < condition.below
    if condition.at_most is not None:
        result &= values <= condition.at_most
    return result


def _comparable(levels: tuple[str, ...], numeric: bool) -> list[str] | list[float]:
    return [float(level) for level in levels] if numeric else list(levels)


def value_meets(value: str | float | None, condition: Condition) -> bool:
    """`meets` for one value; None and NaN are missing."""
    if value is None or value != value:
        return _only_absent(condition)
    levels = (condition.one_of or (), condition.none_of or ())
    if not isinstance(value, str):
        levels = tuple(tuple(map(float, some)) for some in levels)
    return not (
        condition.present is False
        or (condition.one_of is not None and value not in levels[0])
        or value in levels[1]
        or (condition.above is not None and value <= condition.above)
        or (condition.at_least is not None and value < condition.at_least)
        or (condition.below is not None and value >= condition.below)
        or (condition.at_most is not None and value > condition.at_most)
    )


def value_contradicts(value: str | float | None, condition: Condition) -> bool:
    """`contradicts` for one value."""
    if value is None or value != value:
        return condition.present is True
    return not value_meets(value, condition)
