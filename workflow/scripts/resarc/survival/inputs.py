"""What the statistics accept. Everything else is a `DataError` that says which entry is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from resarc.errors import DataError

_DROP = "Leave the patient out, or mend the value, before the analysis."


def vector(values: Any, name: str, *, size: int | None = None) -> np.ndarray:
    """`values` as finite floats, shape (n,)."""
    array = np.asarray(values)
    if array.ndim != 1:
        raise DataError(name, f"an array with {array.ndim} dimensions", "one dimension")
    try:
        numbers = pd.to_numeric(pd.Series(array)).to_numpy(dtype=float, na_value=np.nan)
    except (TypeError, ValueError) as error:
        raise DataError(name, f"values that are no numbers ({error})", "numbers") from None
    if size is not None and len(numbers) != size:
        raise DataError(name, f"{len(numbers)} values", f"{size}, one for each patient")
    wrong = np.flatnonzero(~np.isfinite(numbers))
    if wrong.size:
        raise DataError(
            f"{name}[{wrong[0]}]", f"{numbers[wrong[0]]}", "a finite number in every entry", _DROP
        )
    return numbers


def follow_up(time: Any, event: Any) -> tuple[np.ndarray, np.ndarray]:
    """Follow-up times (float, at least 0) and events (bool) of the same patients, at least one."""
    times = vector(time, "time")
    if times.size == 0:
        raise DataError("time", "no patients", "at least one")
    negative = np.flatnonzero(times < 0)
    if negative.size:
        raise DataError(f"time[{negative[0]}]", f"{times[negative[0]]:g}", "at least 0", _DROP)
    return times, events(event, size=times.size)


def events(event: Any, *, size: int, name: str = "event") -> np.ndarray:
    """0/1 or false/true as bool, shape (size,)."""
    numbers = vector(event, name, size=size)
    wrong = np.flatnonzero((numbers != 0) & (numbers != 1))
    if wrong.size:
        raise DataError(f"{name}[{wrong[0]}]", f"{numbers[wrong[0]]:g}", "0/1 or false/true")
    return numbers == 1


def labels(group: Any, *, size: int, name: str = "group") -> tuple[np.ndarray, tuple[Any, ...]]:
    """Integer codes (size,) and the labels that they stand for.

    Labels are sorted, or in the order of their categories if `group` is categorical; a category
    without a patient is no group.
    """
    series = pd.Series(group).reset_index(drop=True)
    if len(series) != size:
        raise DataError(name, f"{len(series)} labels", f"{size}, one for each patient")
    if series.isna().any():
        first = int(np.flatnonzero(series.isna())[0])
        raise DataError(f"{name}[{first}]", "a missing label", "a label for each patient", _DROP)
    if isinstance(series.dtype, pd.CategoricalDtype):
        series = series.cat.remove_unused_categories()
        return series.cat.codes.to_numpy(dtype=int), tuple(series.cat.categories)
    try:
        codes, levels = pd.factorize(series, sort=True)
    except TypeError:  # labels of several types have no order; keep that of appearance
        codes, levels = pd.factorize(series)
    return codes, tuple(levels.tolist())


def one_of(value: Any, allowed: Sequence[Any], name: str) -> None:
    """Refuse a setting that is not among those allowed."""
    if value not in allowed:
        raise DataError(name, repr(value), "one of " + ", ".join(map(repr, allowed)))


def fraction(value: float, name: str) -> float:
    """A number strictly between 0 and 1."""
    if not 0 < value < 1:
        raise DataError(name, f"{value!r}", "a number between 0 and 1, exclusive")
    return float(value)


def columns(given: str | Sequence[str], name: str) -> list[str]:
    """Column names, at least one and each once."""
    found = [given] if isinstance(given, str) else list(given)
    if not found:
        raise DataError(name, "none", "at least one column")
    if len(set(found)) < len(found):
        raise DataError(name, f"a repetition in {found}", "each column once")
    return found


def require(frame: pd.DataFrame, names: Sequence[str]) -> None:
    """Refuse a frame that lacks one of the columns."""
    missing = [c for c in names if c not in frame.columns]
    if missing:
        raise DataError("frame", f"no column {missing[0]!r}", f"columns {list(names)}")


def matrix(frame: pd.DataFrame, names: Sequence[str]) -> np.ndarray:
    """Numeric columns without missing values, (n, p)."""
    require(frame, names)
    return np.stack([vector(frame[name], name) for name in names], axis=1)


def strata(frame: pd.DataFrame, given: str | Sequence[str] | None) -> np.ndarray:
    """The stratum of each row (n,), 0, 1, ...: rows that agree in all of the columns."""
    if given is None:
        return np.zeros(len(frame), dtype=int)
    names = columns(given, "strata")
    require(frame, names)
    codes = [labels(frame[c], size=len(frame), name=c)[0] for c in names]
    return np.unique(np.stack(codes, axis=1), axis=0, return_inverse=True)[1].ravel()
