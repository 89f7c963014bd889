"""Writing results: the one way to write a table or a text, whole or not at all.

A file is written under a temporary name beside its place and then renamed, so that a run that is
killed leaves no half-written result. The same content gives the same bytes: UTF-8, LF, numbers
rounded to `DIGITS` significant digits.

A cell of a CSV that a spreadsheet would run as a formula is made text by an apostrophe, after
OWASP, "CSV Injection" (https://owasp.org/www-community/attacks/CSV_Injection).
"""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    # Loaded by what needs them: who only writes texts need not wait for them.
    import numpy as np
    import pandas as pd

DIGITS = 10
"""Significant digits of every number in a result file."""

TEXT_COLUMNS = (
    "figure",
    "figures",
    "estimand",
    "printed",
    "printed_lower",
    "printed_upper",
    "read_as",
    "rounding",
    "recomputed",
    "endpoint",
    "variable",
    "level",
    "step",
    "label",
    "file",
    "column",
    "hypothesis",
    "note",
    "method",
    "reason",
)
"""Columns of result tables that are text whatever stands in them."""

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
_NUMBER = re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?", re.ASCII)
_EXACT = 1e15
"""Whole numbers below this are exact as floats and are never rounded."""


def write_text(text: str, path: Path) -> None:
    """Write a text as UTF-8 with LF line ends."""
    write_bytes(text.replace("\r\n", "\n").encode("utf-8"), path)


def write_bytes(content: bytes, path: Path) -> None:
    """Write bytes, whole or not at all."""
    with _temporary(path) as draft:
        draft.write_bytes(content)


def write_csv(
    frame: pd.DataFrame,
    path: Path,
    *,
    separator: str = ",",
    encoding: str = "utf-8",
    verbatim: bool = False,
) -> None:
    """Write a frame without its index: one header row, missing values empty, LF.

    `verbatim` leaves the texts as they are, without the guard against formulas: only for a file
    that is itself a data source and is read back by its codes.
    """
    guard = _as_is if verbatim else guarded
    columns = [_texts(frame.iloc[:, i], guard) for i in range(frame.shape[1])]
    with (
        _temporary(path) as draft,
        draft.open("w", encoding=encoding, newline="") as handle,
    ):
        # The writer quotes a cell that holds a character of its line end, so CRLF makes it quote
        # lone carriage returns too; the file itself gets LF.
        writer = csv.writer(_LineFeeds(handle), delimiter=separator, lineterminator="\r\n")
        writer.writerow([guard(str(name)) for name in frame.columns])
        writer.writerows(zip(*columns, strict=True))


def write_parquet(frame: pd.DataFrame, path: Path) -> None:
    """Write a frame without its index; text columns keep their type even when all is missing."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rounded = significant(frame).reset_index(drop=True)
    rounded.attrs = {}
    arrays = [
        pa.array(column, type=pa.string() if column.dtype == object else None, from_pandas=True)
        for _, column in rounded.items()
    ]
    table = pa.table(arrays, names=[str(name) for name in rounded.columns])
    with _temporary(path) as draft:
        pq.write_table(table, draft, compression="zstd")


def read_parquet(path: Path, columns: list[str] | None = None) -> pd.DataFrame:
    """A frame, or some of its columns, as `write_parquet` wrote it.

    `pandas.read_parquet` gives Arrow's threads a file of Python's. One that lets go of it while
    Python ends aborts the process, its results written or not (apache/arrow, issue 34314). Here
    Arrow opens the file itself and reads it in this thread.
    """
    import pyarrow.parquet as pq

    with pq.ParquetFile(path, pre_buffer=False) as file:
        table = file.read(columns=columns, use_threads=False)
    return table.to_pandas(use_threads=False)


def read_csv(path: Path, *, text: Iterable[str] = ()) -> pd.DataFrame:
    """A result table as `write_csv` wrote it, without the guard against formulas.

    Only an empty cell is missing: "NA" is a text. Columns named in `text`, and those that every
    result table means as text (`TEXT_COLUMNS`), stay text even where all cells look like numbers.
    """
    import pandas as pd

    types = dict.fromkeys((*TEXT_COLUMNS, *text), "object")
    frame = pd.read_csv(path, keep_default_na=False, na_values=[""], dtype=types)
    for name in frame.select_dtypes("object").columns:
        frame[name] = [_unguarded(x) if isinstance(x, str) else x for x in frame[name]]
    return frame


def significant(frame: pd.DataFrame, digits: int = DIGITS) -> pd.DataFrame:
    """A copy with every float rounded to so many significant digits; whole numbers stay exact."""
    import pandas as pd

    result = frame.copy()
    for position, dtype in enumerate(frame.dtypes):
        if pd.api.types.is_float_dtype(dtype):
            values = frame.iloc[:, position].to_numpy(dtype=float)
            result.isetitem(position, _significant(values, digits))
    return result


def guarded(text: str) -> str:
    """The text as a spreadsheet may safely open it: `'` before what it would run as a formula."""
    return f"'{text}" if text.startswith(_FORMULA) and not _NUMBER.fullmatch(text) else text


def _unguarded(text: str) -> str:
    return text[1:] if text.startswith("'") and guarded(text[1:]) == text else text


def _significant(values: np.ndarray, digits: int) -> np.ndarray:
    import numpy as np

    whole = (values == np.rint(values)) & (np.abs(values) < _EXACT)
    todo = np.isfinite(values) & ~whole
    result = values + 0.0  # minus zero becomes zero
    exponent = np.zeros(len(values))
    exponent[todo] = digits - 1 - np.floor(np.log10(np.abs(values[todo])))
    # Both operands of the division are exact, so the quotient is the float nearest to the decimal.
    quick = todo & (exponent >= 0) & (exponent <= 22)
    power = 10.0 ** exponent[quick]
    result[quick] = np.rint(values[quick] * power) / power
    slow = todo & ~quick
    result[slow] = [float(f"{x:.{digits - 1}e}") for x in values[slow]]
    return result


def _texts(column: pd.Series, guard: Callable[[str], str]) -> list[str]:
    import numpy as np
    import pandas as pd

    if pd.api.types.is_bool_dtype(column.dtype):
        return [str(x) for x in column]
    if pd.api.types.is_float_dtype(column.dtype):
        return [_number(x) for x in column.to_numpy(dtype=float, na_value=np.nan)]
    known: dict[Any, str] = {}
    texts = []
    for value, missing in zip(column, column.isna(), strict=True):
        if missing:
            texts.append("")
        elif isinstance(value, str):
            if value not in known:
                known[value] = guard(value)
            texts.append(known[value])
        elif isinstance(value, bool | np.bool_):
            texts.append(str(value))
        elif isinstance(value, float | np.floating):
            texts.append(_number(float(value)))
        elif isinstance(value, int | np.integer):
            texts.append(str(int(value)))
        else:
            texts.append(guard(str(value)))
    return texts


def _number(value: float) -> str:
    if value != value:
        return ""
    if value.is_integer() and abs(value) < _EXACT:
        return str(int(value))
    return f"{value:.{DIGITS}g}"


def _as_is(text: str) -> str:
    return text


class _LineFeeds:
    """A text file that receives lines ended by CRLF and stores them ended by LF."""

    def __init__(self, handle: Any) -> None:
        self._write = handle.write

    def write(self, line: str) -> None:
        self._write(line.removesuffix("\r\n") + "\n")


@contextmanager
def _temporary(path: Path) -> Iterator[Path]:
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield draft
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
