"""Parquet files, as databases export them: typed columns as text without loss."""

from __future__ import annotations

from resarc.errors import DataError
from resarc.intake.reading import Expected, Reading, named, numbered, texts_of
from resarc.intake.table import Fact
from resarc.protocol import Layout


def read_parquet(content: bytes, where: str, layout: Layout, expected: Expected) -> Reading:
    """The cells of a Parquet file as text; the first patient stands in row 2, as below a header.

    Raises `DataError` for a damaged file, and for a column whose cells are lists, structures or
    bytes.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.ParquetFile(pa.BufferReader(content)).read()
    except (pa.ArrowException, OSError) as error:
        raise DataError(
            where,
            f"a file that cannot be read ({str(error).splitlines()[0][:200]})",
            "a whole Parquet file",
            "Write it again.",
        ) from error
    decimal = layout.decimal or "."
    columns, dates, names = {}, set(), []
    for position, (field, column) in enumerate(zip(table.schema, table.columns, strict=True)):
        kind = field.type
        if pa.types.is_dictionary(kind):
            column, kind = column.cast(kind.value_type), kind.value_type
        if pa.types.is_nested(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
            raise DataError(
                f"{where}, column {field.name!r}",
                f"cells of type {kind}",
                "texts, numbers, dates or logical values",
                "Write the column as text, or leave it out.",
            )
        names.append(field.name)
        if pa.types.is_date(kind) or pa.types.is_timestamp(kind):
            dates.add(field.name)
        if pa.types.is_floating(kind) and kind.bit_width < 64:
            # The digits of single precision itself, not those of the nearest double.
            values = [None if x is None else float(str(x)) for x in column.to_numpy()]
        elif pa.types.is_decimal(kind):
            values = [None if x is None else _plain(str(x), decimal) for x in column.to_pylist()]
        else:
            values = column.to_pylist()
        columns[str(position)] = texts_of(values, decimal, expected.date_formats.get(field.name))
    frame = named(f"{where}, names of columns", names, numbered(columns))
    facts = (Fact("format", "Parquet", "given" if layout.format else "detected"),)
    return Reading(frame, facts, "", decimal, dates=frozenset(dates))


def _plain(text: str, decimal: str) -> str:
    """A decimal number without the zeros that only its column's scale asks for."""
    if "." in text:
        text = text.rstrip("0").removesuffix(".")
    return text.replace(".", decimal)
