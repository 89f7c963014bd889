"""Where a benchmark's results stand in a page: between two comments that name it."""

from __future__ import annotations

from pathlib import Path


def part(page: str, name: str) -> tuple[int, int]:
    """Where the part of that name begins and ends in the text of a page."""
    start = f"<!-- {name}: written by benchmarks/{name}.py -->\n"
    return page.index(start) + len(start), page.index(f"<!-- end of {name} -->")


def put(path: Path, name: str, text: str) -> None:
    """Write a part of a page anew."""
    page = path.read_text(encoding="utf-8")
    begin, end = part(page, name)
    path.write_text(page[:begin] + text + page[end:], encoding="utf-8")
