"""Files of SPSS (sav) and Stata (dta): codes or labels as text, and their own missing values."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import numpy as np

from resarc.errors import DataError
from resarc.intake.reading import Expected, Reading, named, numbered, texts_of
from resarc.intake.table import Fact
from resarc.protocol import Layout

_NAMES = {"sav": "SPSS (sav)", "dta": "Stata (dta)"}


def read_statistical(
    content: bytes, where: str, layout: Layout, expected: Expected, kind: Literal["sav", "dta"]
) -> Reading:
    """The cells of an SPSS or Stata file as text.

    A cell is its code, or with `values: labels` the label of its code (the code where it has none).
    What the file declares missing (SPSS: user-missing values; Stata: .a to .z) is empty and counted
    in the facts, unless the protocol has a level for its code. The first patient stands in row 2,
    as in a table with a header.

    Raises `DataError` for a damaged file, and for two codes with one label where labels are asked
    for.
    """
    import pyreadstat

    read = pyreadstat.read_sav if kind == "sav" else pyreadstat.read_dta
    options = {"encoding": layout.encoding} if layout.encoding else {}
    try:
        cells, about = read(io.BytesIO(content), user_missing=True, output_format="dict", **options)
    except (
        pyreadstat.ReadstatError,
        pyreadstat.PyreadstatError,
        UnicodeError,
        OverflowError,
        ValueError,
    ) as error:
        raise DataError(
            where,
            f"a file that cannot be read ({str(error).strip()[:200]})",
            f"a whole {_NAMES[kind]} file",
            "Save it again; if its letters are not in UTF-8, set 'source.encoding'.",
        ) from error
    decimal = layout.decimal or "."
    columns, notes, labels = {}, [], {}
    dates = set()
    for name, values in cells.items():
        numeric = about.readstat_variable_types[name] != "string"
        single = about.readstat_variable_types[name] == "float"
        texts = texts_of(
            (_value(value, numeric, single) for value in values),
            decimal,
            expected.date_formats.get(name),
        )
        if numeric and any(hasattr(value, "year") for value in values):
            dates.add(name)
        known = about.variable_value_labels.get(name, {})
        label_of = dict(
            zip(
                texts_of((_value(code, numeric, False) for code in known), decimal, None),
                known.values(),
                strict=True,
            )
        )
        labels[name] = label_of
        if layout.values == "labels":
            _check_labels(where, name, label_of)
        meant = expected.codes.get(name, frozenset())
        absent = _declared_missing(values, texts, numeric, about, name)
        shown = []
        counts: dict[str, int] = {}
        for text, missing in zip(texts, absent, strict=True):
            cell = label_of.get(text, text) if layout.values == "labels" else text
            if missing and cell not in meant:
                counts[text] = counts.get(text, 0) + 1
                cell = ""
            shown.append(cell)
        columns[name] = shown
        if counts:
            told = ", ".join(f"{code} ({count})" for code, count in sorted(counts.items()))
            notes.append(Fact("declared missing by the file", f"{name}: {told}", "detected"))
    frame = named(f"{where}, names of variables", columns, numbered(columns))
    facts = (
        Fact("format", _NAMES[kind], "given" if layout.format else "detected"),
        Fact(
            "encoding",
            layout.encoding or about.file_encoding or "utf-8",
            "given" if layout.encoding else "detected",
        ),
        Fact("values", layout.values, "given"),
        *notes,
    )
    titles = {name: title for name, title in about.column_names_to_labels.items() if title}
    return Reading(frame, facts, "", decimal, titles, labels, frozenset(dates))


def _value(value: object, numeric: bool, single: bool) -> object:
    if numeric and isinstance(value, str):
        return f".{value}"  # a Stata extended missing value
    if single and isinstance(value, float):
        # 1.1 in single precision: its own digits, not those of the nearest double.
        return float(str(np.float32(value)))
    return value


def _declared_missing(
    values: Sequence[object], texts: Sequence[str], numeric: bool, about: Any, name: str
) -> Iterable[bool]:
    if about.file_format == "dta":
        return [numeric and isinstance(value, str) for value in values]
    ranges = about.missing_ranges.get(name, [])
    bounds = [(item["lo"], item["hi"]) for item in ranges]
    if not bounds:
        return [False] * len(texts)
    kind = (int, float) if numeric else str
    return [
        isinstance(value, kind) and any(low <= value <= high for low, high in bounds)
        for value in values
    ]


def _check_labels(where: str, name: str, label_of: Mapping[str, str]) -> None:
    codes: dict[str, str] = {}
    for code, label in label_of.items():
        if label in codes:
            raise DataError(
                f"{where}, column {name!r}",
                f"the label {label[:80]!r} for the codes {codes[label]} and {code}",
                "a label of its own for each code",
                "Set 'source.values: codes', or correct the labels.",
            )
        codes[label] = code
