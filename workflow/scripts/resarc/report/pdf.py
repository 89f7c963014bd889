"""The report as PDF, set by Typst: tagged, archivable, the same bytes for the same report."""

from __future__ import annotations

import datetime
import json
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
