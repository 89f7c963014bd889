"""What a report consists of. One model, rendered twice: as HTML and as PDF.

Everything in it is text, never markup: a value such as ``<b>`` or ``#emph[x]`` prints as these
characters. The one exception is a figure's drawing, SVG that `resarc.report.figures` made and
that `html` checks against a list of allowed elements. Cells are strings that are already formatted,
so no renderer decides how a number looks.

A report that cannot be read by everyone cannot be built: a figure without alternative text, a
table column without name, a reference to nothing or an identifier given twice raises ValueError.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from string import ascii_lowercase
from typing import Any, Literal

from resarc.report.glyphs import visible

Origin = Literal["registry", "reconstruction", "mixed", "paper", ""]
"""Where results come from: patients of a registry, datasets rebuilt from printed figures, both, the
printed figures themselves; empty for what is no result (definitions, versions)."""

ORIGIN_LABELS: dict[str, str] = {
    "registry": "Registry data",
    "reconstruction": "Reconstructed data",
    "mixed": "Reconstructed and registry data",
    "paper": "Printed figures",
}

Tone = Literal["", "good", "warning", "bad", "muted"]

MARKS: dict[str, tuple[str, str]] = {
    "by construction": (
        "†",
        "By construction: this figure was a target of the reconstruction, so that the rebuilt "
        "datasets agree with the paper here says nothing about the paper.",
    ),
    "not identified": (
        "‡",
        "Direction not identified: datasets consistent with the printed figures lie on both "
        "sides of no difference.",
    ),
}
"""What a mark in a cell looks like and says; a table that bears one explains it below."""

_ID = re.compile(r"[a-z][a-z0-9-]*")
_LINK = re.compile(r"https://[^\s\"'<>]+|(\.\./)*(\w[\w-]*/)*\w[\w-]*\.\w+(#[a-z0-9-]+)?", re.ASCII)


@dataclass(frozen=True)
class Run:
    """A stretch of text within a paragraph: plain, emphasised, a citation or a reference.

    At most one of `cite` (a reference's key), `ref` (the id of a table or figure) and `link` (a
    relative path or an https address) is given; `text` is then what is read before it, or for a
    link what is clicked.
    """

    text: str = ""
    style: Literal["", "strong", "emphasis", "code"] = ""
    cite: str = ""
    ref: str = ""
    link: str = ""

    def __post_init__(self) -> None:
        if sum(map(bool, (self.cite, self.ref, self.link))) > 1:
            raise ValueError(f"{self}: give one of cite, ref and link")
        _check_link(self.link)
        if self.link and not self.text.strip():
            raise ValueError(f"link {self.link!r} has no words")


def _check_link(link: str) -> None:
    if link and not _LINK.fullmatch(link):
        raise ValueError(f"link {link!r} is no https address or relative path of a file")


Inline = str | Run
Text = tuple[Run, ...]


def text(*parts: Inline) -> Text:
    """A line of text from plain strings and runs."""
    return tuple(Run(part) if isinstance(part, str) else part for part in parts)


@dataclass(frozen=True)
class Paragraph:
    runs: Text


def paragraph(*parts: Inline) -> Paragraph:
    return Paragraph(text(*parts))


@dataclass(frozen=True)
class Heading:
    """A heading within a section or the summary."""

    title: str


@dataclass(frozen=True)
class Bullets:
    items: tuple[Text, ...]


@dataclass(frozen=True)
class Facts:
    """Names and their values, as on a title page."""

    items: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Callout:
    """A boxed remark. `severity` ranks a finding; the box says it in words as well."""

    kind: Literal["origin", "by construction", "finding"]
    title: str
    body: tuple[Text, ...] = ()
    severity: Literal["", "none", "note", "minor", "major"] = ""


@dataclass(frozen=True)
class Cell:
    """What stands in one place of a table; `mark` is a key of MARKS, `note` a footnote to it."""

    text: str
    mark: str = ""
    tone: Tone = ""
    link: str = ""
    note: str = ""
    copied: bool = False
    """Text that readers take elsewhere: the web page offers to copy it."""

    def __post_init__(self) -> None:
        if self.mark and self.mark not in MARKS:
            raise ValueError(f"mark {self.mark!r} is none of {', '.join(MARKS)}")
        _check_link(self.link)


@dataclass(frozen=True)
class Column:
    """A column's header and layout. `width` 0 fits the content, else weighs its share of the rest;
    `note` is a footnote to the header."""

    header: str
    align: Literal["left", "right"] = "left"
    width: float = 0
    note: str = ""
    chosen: bool = False
    """Holds few different values, by which a reader may want to choose rows."""


@dataclass(frozen=True)
class RowGroup:
    """Rows under a common heading; the heading may be empty."""

    label: str
    rows: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True)
class Table:
    """A table of formatted cells; the first column names its row."""

    id: str
    caption: str
    columns: tuple[Column, ...]
    groups: tuple[RowGroup, ...]
    stage: str
    inputs: tuple[str, ...] = ()
    origin: Origin = ""
    notes: tuple[str, ...] = ()
    folded: bool = False
    """Long reference material: closed at first in HTML, whole in PDF and print."""

    def __post_init__(self) -> None:
        if not self.caption.strip():
            raise ValueError(f"table {self.id!r} has no caption")
        if len(self.footnotes) > len(ascii_lowercase):
            raise ValueError(f"table {self.id!r} has more footnotes than letters")
        for column in self.columns:
            if not column.header.strip():
                raise ValueError(f"table {self.id!r} has a column without a name")
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(
                    f"table {self.id!r} has {len(self.columns)} columns and a row of {len(row)}: "
                    f"{[cell.text for cell in row]}"
                )

    @property
    def rows(self) -> tuple[tuple[Cell, ...], ...]:
        return tuple(row for group in self.groups for row in group.rows)

    @property
    def footnotes(self) -> tuple[str, ...]:
        """The footnotes of headers and cells, each once, in reading order."""
        notes = [column.note for column in self.columns]
        notes += [cell.note for row in self.rows for cell in row]
        return tuple(dict.fromkeys(filter(None, notes)))

    @property
    def letters(self) -> dict[str, str]:
        """The letter that calls each footnote."""
        return dict(zip(self.footnotes, ascii_lowercase, strict=False))

    @property
    def legend(self) -> tuple[tuple[str, str], ...]:
        """What stands below the table, each with the sign that calls it: notes without a sign, then
        footnotes by letter, then what the marks in the cells mean."""
        used = {cell.mark for row in self.rows for cell in row}
        return (
            *(("", note) for note in self.notes),
            *((letter, note) for note, letter in self.letters.items()),
            *((sign, says) for mark, (sign, says) in MARKS.items() if mark in used),
        )


def table(
    identifier: str,
    caption: str,
    columns: Iterable[Column],
    rows: Iterable[Iterable[Cell | str]] | dict[str, Iterable[Iterable[Cell | str]]],
    *,
    stage: str,
    inputs: Iterable[str] = (),
    origin: Origin = "",
    notes: Iterable[str] = (),
    folded: bool = False,
) -> Table:
    """A table from rows of strings or cells; a dict gives the rows under each heading."""
    groups = rows if isinstance(rows, dict) else {"": rows}
    return Table(
        identifier,
        caption,
        tuple(columns),
        tuple(
            RowGroup(
                label,
                tuple(tuple(c if isinstance(c, Cell) else Cell(c) for c in row) for row in body),
            )
            for label, body in groups.items()
        ),
        stage,
        tuple(inputs),
        origin,
        tuple(notes),
        folded,
    )


@dataclass(frozen=True)
class Part:
    """Rows of numbers that belong to one curve or group: `names` fill the first columns of each."""

    names: tuple[str, ...]
    rows: tuple[tuple[str | float | None, ...], ...]


@dataclass(frozen=True)
class Data:
    """The numbers behind a drawing, as a table: what can be read off it and taken along.

    `ends` says what the columns `lower` and `upper` are the ends of; `logarithmic` that ranges are
    compared by the ratio of their ends.
    """

    columns: tuple[str, ...]
    parts: tuple[Part, ...]
    ends: str = ""
    logarithmic: bool = False

    def __post_init__(self) -> None:
        for part in self.parts:
            for row in part.rows:
                if len(part.names) + len(row) != len(self.columns):
                    raise ValueError(
                        f"{len(self.columns)} columns, and a row of {part.names} {row}"
                    )


@dataclass(frozen=True)
class Panel:
    """Where the next `curves` parts of the data are drawn: a box in the units of the drawing, from its
    upper left corner, whose width is `limit` months and whose height is `high` (in shares)."""

    title: str
    curves: int
    left: float
    top: float
    width: float
    height: float
    limit: float
    high: float


@dataclass(frozen=True)
class Line:
    """One line of a drawing of ranges: the place of its part in the data, its height in the units of
    the drawing, and whether it stays where it is when the others are sorted."""

    part: int
    height: float
    fixed: bool = False


@dataclass(frozen=True)
class FigureBlock:
    """A drawing with what it shows in words: `alt` states the finding, not the picture.

    `data`, `panels` (of curves) and `lines` (of ranges) let a reader ask the drawing.
    """

    id: str
    svg: str
    alt: str
    caption: str
    stage: str
    inputs: tuple[str, ...] = ()
    origin: Origin = ""
    data: Data | None = None
    panels: tuple[Panel, ...] = ()
    lines: tuple[Line, ...] = ()

    def __post_init__(self) -> None:
        if not self.alt.strip():
            raise ValueError(f"figure {self.id!r} has no alternative text; say what it shows")
        if not self.caption.strip():
            raise ValueError(f"figure {self.id!r} has no caption")


Block = Paragraph | Heading | Bullets | Facts | Callout | Table | FigureBlock


@dataclass(frozen=True)
class Section:
    id: str
    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Reference:
    """A cited work on one line; `link` is its https address, if any."""

    key: str
    text: str
    link: str = ""

    def __post_init__(self) -> None:
        _check_link(self.link)


@dataclass(frozen=True)
class Report:
    """A whole report. `summary` is what a reader in a hurry sees; `provenance` names and values."""

    title: str
    subtitle: str
    study: str
    version: str
    data_date: str
    """ISO date of the data, printed on every page and used as the date of the PDF."""
    origin: Origin
    summary: tuple[Block, ...]
    sections: tuple[Section, ...]
    references: tuple[Reference, ...] = ()
    provenance: tuple[tuple[str, str], ...] = ()
    card: tuple[tuple[str, str], ...] = ()
    """Names and values by which a list of reports tells of this one; not printed in it."""
    language: str = "en"

    def __post_init__(self) -> None:
        blocks = list(self.blocks())
        named = [b.id for b in blocks if isinstance(b, (Table, FigureBlock))]
        ids = [*named, *(section.id for section in self.sections)]
        for identifier in ids:
            if not _ID.fullmatch(identifier):
                raise ValueError(f"id {identifier!r} is no lower-case name with hyphens")
            if ids.count(identifier) > 1:
                raise ValueError(f"the id {identifier!r} is given twice")
        keys = [reference.key for reference in self.references]
        for run in _runs(blocks):
            if run.cite and run.cite not in keys:
                raise ValueError(f"citation of {run.cite!r}, which is no reference of this report")
            if run.ref and run.ref not in named:
                raise ValueError(f"reference to {run.ref!r}, which is no table or figure here")

    def blocks(self) -> Iterator[Block]:
        """Every block in reading order, which is the order of numbering."""
        yield from self.summary
        for section in self.sections:
            yield from section.blocks

    def to_dict(self) -> dict[str, Any]:
        """What the templates read: plain data with tables, figures and citations numbered."""
        numbers: dict[str, str] = {}
        for kind, name in ((Table, "Table"), (FigureBlock, "Figure")):
            found = [block for block in self.blocks() if isinstance(block, kind)]
            numbers |= {block.id: f"{name} {i}" for i, block in enumerate(found, 1)}
        numbers |= {f"cite:{r.key}": str(i) for i, r in enumerate(self.references, 1)}
        return _plain(self, numbers)

    def to_json(self) -> str:
        """The model as JSON; the same report gives the same bytes."""
        return json.dumps(self.to_dict(), ensure_ascii=False, indent=1) + "\n"


def write(report: Report, path: Path) -> None:
    """Write `model.json`."""
    path.write_text(report.to_json(), encoding="utf-8")


def numbered(tables: Iterable[Table]) -> list[dict[str, Any]]:
    """Tables outside of a report as the templates read them, numbered from 1."""
    blocks = tuple(tables)
    numbers = {block.id: f"Table {i}" for i, block in enumerate(blocks, 1)}
    if len(numbers) < len(blocks):
        raise ValueError("two tables have the same id")
    return [_plain(block, numbers) for block in blocks]


def _runs(blocks: Iterable[Block]) -> Iterator[Run]:
    for block in blocks:
        if isinstance(block, Paragraph):
            yield from block.runs
        elif isinstance(block, Bullets):
            for item in block.items:
                yield from item
        elif isinstance(block, Callout):
            for line in block.body:
                yield from line


def _plain(value: Any, numbers: dict[str, str]) -> Any:
    """Dataclasses to dicts with their type's name, every text made visible."""
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, tuple):
        return [_plain(item, numbers) for item in value]
    if not is_dataclass(value):
        return value
    found: dict[str, Any] = {"type": type(value).__name__.lower()}
    for field in fields(value):
        item = getattr(value, field.name)
        found[field.name] = item if field.name == "svg" else _plain(item, numbers)
    if isinstance(value, Run) and (value.cite or value.ref):
        found["number"] = numbers[f"cite:{value.cite}" if value.cite else value.ref]
    if isinstance(value, (Table, FigureBlock)):
        found["number"] = numbers[value.id]
    if isinstance(value, (Table, FigureBlock, Report)):
        found["badge"] = ORIGIN_LABELS.get(value.origin, "")
    if isinstance(value, Table):
        found["legend"] = [{"sign": sign, "text": visible(line)} for sign, line in value.legend]
        letters = {visible(note): letter for note, letter in value.letters.items()}
        cells = [cell for group in found["groups"] for row in group["rows"] for cell in row]
        for item in (*found["columns"], *cells):
            item["letter"] = letters.get(item.pop("note"), "")
    if isinstance(value, Cell):
        found["sign"] = MARKS[value.mark][0] if value.mark else ""
    return found
