"""The report as PDF, set by Typst: tagged, archivable, the same bytes for the same report."""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from resarc.report.glyphs import font_folder, printable
from resarc.report.model import Report

STANDARDS = ("a-3a", "ua-1")
"""PDF/A-3a (archiving) and PDF/UA-1 (accessibility), as declared by Typst."""

_TEMPLATE = Path(__file__).parent / "templates" / "report.typ"


def render(report: Report) -> bytes:
    """The report as the bytes of a PDF.

    Text reaches the template as data, so no character of it acts as markup; what the fonts cannot
    draw is printed as its code point. Uses only fonts that come with the environment, and the date
    of the data as the document's date, so machines and days make no difference.
    """
    import typst

    date = datetime.date.fromisoformat(report.data_date)
    model = _printable(report.to_dict())
    for section in [{"blocks": model["summary"]}, *model["sections"]]:
        for block in section["blocks"]:
            if block["type"] == "table":
                _prepare(block)
    return typst.compile(
        _TEMPLATE.read_bytes(),
        sys_inputs={"model": json.dumps(model, ensure_ascii=False)},
        font_paths=[font_folder()],
        ignore_system_fonts=True,
        pdf_standards=list(STANDARDS),
        timestamp=datetime.datetime.combine(date, datetime.time(), datetime.UTC),
        format="pdf",
    )


def _printable(value: Any) -> Any:
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, list):
        return [_printable(item) for item in value]
    if isinstance(value, dict):
        return {k: v if k == "svg" else _printable(v) for k, v in value.items()}
    return value


# --- tables: what Typst would take long to work out of their text ----------------------------------

_BREAK = "\u200b"


def _prepare(table: dict[str, Any]) -> None:
    """Where words may break, and which strings may be the widest of each column."""
    columns, rows = table["columns"], [row for group in table["groups"] for row in group["rows"]]
    for cell in (cell for row in rows for cell in row):
        cell["text"] = breakable(cell["text"])
    table["needs"] = []
    for place, column in enumerate(columns):
        column["header"] = breakable(column["header"])
        header = column["header"] + column["letter"]
        lines = {cell["text"] + cell["letter"] + cell["sign"] for cell in (r[place] for r in rows)}
        table["needs"].append(
            {
                "header": header,
                "header_words": _longest(_pieces(header)),
                "words": _longest(piece for line in lines for piece in _pieces(line)),
                "lines": _longest(lines),
                "bulk": max(1, sum(len(line.encode()) for line in lines)),
            }
        )


def breakable(words: str) -> str:
    """Long names such as primary_tumour_size may break after an underscore, slash, point or bracket,
    and what is longer than any name or checksum after every sixteenth character."""
    if len(words) < 13:
        return words
    words = re.sub(
        r"[\w./(=:-]{13,}", lambda m: re.sub(r"([^\W\d_][._/(=:])", rf"\1{_BREAK}", m[0]), words
    )
    return re.sub(
        rf"[^\s{_BREAK}]{{65,}}", lambda m: re.sub(r"(.{16})", rf"\1{_BREAK}", m[0]), words
    )


def _pieces(words: str) -> list[str]:
    """What stays in one piece when a line is broken."""
    return re.split(rf"[ \n{_BREAK}]+", re.sub(r"([^\W\d_]-)", rf"\1{_BREAK}", words))


def _longest(strings: Iterable[str]) -> list[str]:
    """Those among which the widest is: not the clearly shorter ones."""
    found = set(strings)
    longest = max(map(len, found), default=0)
    return sorted(s for s in found if len(s) * 2 > longest)
