"""Reading the source of a study as text: the main file, and the files joined to it."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

import pandas as pd

from resarc.errors import DataError
from resarc.intake.content import check_format, read_bytes
from resarc.intake.joining import join
from resarc.intake.reading import Expected, Reading
from resarc.intake.table import Fact, Part, SourceTable
from resarc.protocol import FORMAT_OF, Joined, Layout, Protocol

_DECIMAL = {mark: rf"[+-]?\d*{re.escape(mark)}\d+(?:[eE][+-]?\d+)?" for mark in (".", ",")}


def read_source(path: Path, protocol: Protocol, *, dictionary: Path | None = None) -> SourceTable:
    """The study's source as text: one column for each variable's `column`.

    `path` is the main file (`source.file` of a registry), `dictionary` the data dictionary of a
    REDCap export if the protocol does not name it. Rows are counted as a spreadsheet counts them:
    the header of a plain file is row 1, and a cell that holds a line end does not begin a new row.
    Rows without any content are no rows. Nothing is stripped, converted or taken for missing but
    what the file itself marks as missing.

    Raises `DataError` for a file that cannot be read so: see `content`, the reader of its format,
    and `_columns`.
    """
    source = protocol.source
    layouts: list[tuple[Path, Layout, str]] = [(Path(path), source, "")]
    layouts += [(item.file, item, item.prefix) for item in source.join]
    expected = [variable.column for variable in protocol.variables]
    readings = []
    for file, layout, prefix in layouts:
        wanted = _expected(protocol, prefix, [p for _, _, p in layouts if p and p != prefix])
        found = read_file(file, layout, wanted, dictionary=dictionary)
        found = _only(found, layout, file)
        if found.frame.empty:
            raise DataError(
                f"{file}, row {layout.header + 1}",
                "the end of the file",
                "at least one patient below the header",
                "Export the file again, or look at 'only' in the protocol.",
            )
        readings.append((found, layout, prefix, str(file)))
    kept = _columns(readings, expected, source.other_columns == "drop", protocol)
    parts = []
    for (found, layout, prefix, file), columns in zip(readings, kept, strict=True):
        frame = found.frame.rename(columns=lambda name, prefix=prefix: prefix + name)
        dropped = [name for name in frame.columns if name not in columns]
        decimal, fact = _decimal(found, layout, frame, protocol, file)
        facts = [*found.facts, fact, Fact("rows", str(len(frame)), "counted")]
        facts.append(Fact("columns", str(len(columns)), "counted"))
        keys = [k for k in dropped if isinstance(layout, Joined) and k == prefix + layout.key]
        unused = [name.removeprefix(prefix) for name in dropped if name not in keys]
        if unused:
            facts.append(Fact("columns not used", "; ".join(unused), "given"))
        rows = frame.index.to_numpy(dtype="int64")
        headers = {name: name.removeprefix(prefix) for name in columns} if prefix else {}
        part = Part(file, found.sheet, tuple(columns), rows, decimal, headers, tuple(facts))
        parts.append((part, frame))
    return join(parts, source.join, expected)


def read_file(
    path: Path, layout: Layout, expected: Expected, *, dictionary: Path | None = None
) -> Reading:
    """One file as text, by the reader of its format."""
    content = read_bytes(path)
    kind = layout.format_of(path)
    if kind is None:
        raise DataError(
            str(path),
            f"a name that ends in {path.suffix!r}" if path.suffix else "a name without an ending",
            f"one of {', '.join(FORMAT_OF)}",
            "Set 'source.format', or give the file the ending of its format.",
        )
    check_format(content, str(path), kind)
    where = str(path)
    if kind == "csv":
        from resarc.intake.delimited import read_delimited

        return read_delimited(content, where, layout, expected)
    if kind == "redcap":
        from resarc.intake.redcap import read_redcap

        return read_redcap(content, where, layout, expected, layout.dictionary or dictionary)
    if kind in ("xlsx", "ods"):
        from resarc.intake.workbook import read_workbook

        return read_workbook(content, where, layout, expected, kind)
    if kind == "parquet":
        from resarc.intake.parquet import read_parquet

        return read_parquet(content, where, layout, expected)
    from resarc.intake.statistical import read_statistical

    return read_statistical(content, where, layout, expected, kind)


def _expected(protocol: Protocol, prefix: str, others: Sequence[str]) -> Expected:
    """What the protocol says of the columns of one file, under the headers they have there."""

    def here(name: str) -> bool:
        return name.startswith(prefix) and not any(name.startswith(other) for other in others)

    variables = {v.column.removeprefix(prefix): v for v in protocol.variables if here(v.column)}
    return Expected(
        columns=tuple(variables),
        date_formats={c: v.date_format for c, v in variables.items() if v.type == "date"},
        codes={
            c: frozenset(code for codes in v.categories.values() for code in codes)
            for c, v in variables.items()
        },
        numbers=frozenset(c for c, v in variables.items() if v.type in ("number", "integer")),
    )


def _only(found: Reading, layout: Layout, file: Path) -> Reading:
    """The rows that the protocol asks for."""
    if not layout.only:
        return found
    keep = pd.Series(True, index=found.frame.index)
    for name, codes in layout.only.items():
        if name not in found.frame:
            raise DataError(
                str(file),
                f"no column {name!r}",
                "the column that 'only' names",
                "Correct 'only' in the protocol.",
            )
        keep &= found.frame[name].str.strip().isin(codes)
    said = "; ".join(f"{name} is {' or '.join(codes)}" for name, codes in layout.only.items())
    fact = Fact("rows not asked for", f"{int((~keep).sum())} (only {said})", "given")
    return dataclasses.replace(found, frame=found.frame[keep], facts=(*found.facts, fact))


def _columns(
    readings: Sequence[tuple[Reading, Layout, str, str]],
    expected: Sequence[str],
    drop: bool,
    protocol: Protocol,
) -> list[list[str]]:
    """For each file the columns that the protocol describes, by the protocol's names.

    `DataError` for a column that stands in two files, in none, or is marked as identifying and
    described as something else; and, unless others are to be dropped, for one that is unknown.
    """
    kinds = {v.column: v.type for v in protocol.variables}
    main_file, main_layout = readings[0][3], readings[0][1]
    every = [prefix + h for found, _, prefix, _ in readings for h in found.frame.columns]
    for name in expected:
        if name not in every:
            near = get_close_matches(name, [n for n in every if n not in expected], n=1)
            raise DataError(
                f"{main_file}, row {main_layout.header}",
                f"no column {name!r}" + (f", but {near[0]!r}" if near else ""),
                f"the columns of the protocol: {', '.join(expected)}",
                "Rename the column in the file, or 'column' in the protocol.",
            )
    keys = {layout.main_key or layout.key for _, layout, _, _ in readings[1:]}
    found_in: dict[str, str] = {}
    kept: list[list[str]] = []
    for found, layout, prefix, file in readings:
        mine = []
        control = {*layout.only}
        if isinstance(layout, Joined):
            control |= {layout.key, *([layout.by] if layout.by else [])}
        else:
            control |= keys
        for position, header in enumerate(found.frame.columns, start=1):
            name, place = prefix + header, f"{file}, row {layout.header}, column {position}"
            if isinstance(layout, Joined) and header == layout.key and name in found_in:
                continue
            if name in expected:
                if name in found_in:
                    raise DataError(
                        place,
                        f"the column {name[:80]!r}, which {found_in[name]} has too",
                        "each column in one file",
                        "Give the joined file a 'prefix' in the protocol.",
                    )
                if header in found.identifiers and kinds[name] not in ("identifier", "text"):
                    raise DataError(
                        place,
                        f"the column {name[:80]!r}, which the data dictionary marks as identifying",
                        "identifying fields as type identifier or text",
                        "Change its type in the protocol, or the mark in the project.",
                    )
                found_in[name] = file
                mine.append(name)
            elif not (drop or header in control | found.identifiers | found.own):
                raise DataError(
                    place,
                    f"the unknown column {header[:80]!r}",
                    f"only the columns of the protocol: {', '.join(expected)}",
                    "Remove it, describe it under 'variables' (type text is read and dropped), or "
                    "set 'source.other_columns: drop'.",
                )
        kept.append(mine)
    return kept


def _decimal(
    found: Reading, layout: Layout, frame: pd.DataFrame, protocol: Protocol, file: str
) -> tuple[str, Fact]:
    """The decimal mark of a file: given, or the only one that its numbers have."""
    if layout.decimal:
        return layout.decimal, _decimal_fact(layout.decimal, "given")
    if found.decimal:
        return found.decimal, _decimal_fact(found.decimal, "detected")
    seen: dict[str, str] = {}
    for v in protocol.variables:
        if v.type not in ("number", "integer") or v.column not in frame:
            continue
        texts = pd.Series(frame[v.column].unique(), dtype=object).str.strip()
        for mark, pattern in _DECIMAL.items():
            if mark not in seen and texts.str.fullmatch(pattern).any():
                seen[mark] = v.column
    if len(seen) > 1:
        raise DataError(
            file,
            f"numbers with a decimal point (column {seen['.']!r}) and with a decimal comma "
            f"(column {seen[',']!r})",
            "one decimal mark in all numbers",
            "Set 'source.decimal' to the one that is meant; numbers with the other are then "
            "rejected with their rows.",
        )
    mark = next(iter(seen), ".")
    return mark, _decimal_fact(mark, "detected")


def _decimal_fact(mark: str, how: str) -> Fact:
    return Fact("decimal mark", {".": "point", ",": "comma"}[mark], how)
