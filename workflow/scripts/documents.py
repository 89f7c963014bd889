"""A report as the files that readers get, shared by the command lines that write reports."""

from __future__ import annotations

from pathlib import Path

from resarc.output import write_bytes, write_text
from resarc.report import html, pdf
from resarc.report.model import FigureBlock, Report


def write_documents(
    report: Report, page: Path, document: Path, content: Path, figures: Path
) -> None:
    """The report as web page, PDF and content model, and its drawings one by one."""
    write_text(html.render(report), page)
    write_bytes(pdf.render(report), document)
    write_text(report.to_json(), content)
    figures.mkdir(parents=True, exist_ok=True)
    for block in report.blocks():
        if isinstance(block, FigureBlock):
            write_text(block.svg, figures / f"{block.id}.svg")
