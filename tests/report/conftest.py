"""A small report that holds every kind of block, with strings that mean something elsewhere."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from resarc.report.model import (
    Bullets,
    Callout,
    Cell,
    Column,
    Facts,
    FigureBlock,
    Reference,
    Report,
    Run,
    Section,
    paragraph,
    table,
    text,
)

HOSTILE = (
    "<script>alert(1)</script> </script> <!-- #emph[x] $a_b$ @x *b* `c` {{ d }} {% e %} "
    "&amp; =1+1 \\n ../../x \U0001f600 \u6f22\u5b57 \x00 \u202e \ue000"
)
SHOWN = "[U+0000] [U+202E] [U+E000]"
"""What stands for the last three characters of HOSTILE, in every rendering."""

DRAWING = (
    '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
    'width="200" height="80" viewBox="0 0 200 80"><defs><clipPath id="c"><rect x="0" y="0" '
    'width="200" height="80"/></clipPath><circle id="m" r="3"/></defs><g clip-path="url(#c)">'
    '<use xlink:href="#m" x="9" y="9"/><text x="9" y="40">survival 0.5</text></g></svg>'
)


@pytest.fixture(scope="session")
def sample() -> Report:
    columns = (Column("Level", width=1), Column("Patients", "right"), Column("Set", "right"))
    rows = [
        (f"level {i} {HOSTILE}", str(100 + i), Cell("0.31 to 0.38", "by construction"))
        for i in range(70)
    ]
    return Report(
        title="A study re-analysed",
        subtitle=f"Population {HOSTILE}",
        study="alpha",
        version="0.0.1",
        data_date="2026-01-31",
        origin="reconstruction",
        summary=(
            Callout("origin", f"No patient was seen {HOSTILE}", (text("200 datasets."),)),
            Callout("finding", "Two figures conflict", (text("12 and 13."),), "major"),
            Bullets((text("see ", Run(ref="groups")), text("as in ", Run(cite="one"), "."))),
        ),
        sections=(
            Section(
                "cohort",
                f"Cohort {HOSTILE}",
                (
                    paragraph(
                        "Text ",
                        Run(HOSTILE, "strong"),
                        Run(HOSTILE, "emphasis"),
                        Run(HOSTILE, "code"),
                        Run("the other report", link="alpha/report.html"),
                    ),
                    Facts((("Seed", "20260101"), ("Text", HOSTILE))),
                    FigureBlock(
                        "flow",
                        DRAWING,
                        f"Of 90, 60 remain {HOSTILE}",
                        f"Flow {HOSTILE}",
                        "cohort",
                        ("flow.csv",),
                        "reconstruction",
                    ),
                    FigureBlock("again", DRAWING, "Half survive", "Survival", "analyse"),
                    table(
                        "groups",
                        f"Groups {HOSTILE}",
                        columns,
                        {f"A {HOSTILE}": rows, "B": rows[:2]},
                        stage="analyse",
                        inputs=("estimates.csv",),
                        origin="reconstruction",
                        notes=(f"Note {HOSTILE}",),
                    ),
                    table(
                        "flat",
                        "Flat",
                        columns,
                        [("x", "1", Cell("2", tone="bad"))],
                        stage="audit",
                        origin="paper",
                        folded=True,
                    ),
                ),
            ),
        ),
        references=(Reference("one", f"Smith A. {HOSTILE}", "https://doi.org/10.1000/x"),),
        provenance=(("Study", HOSTILE), ("Members", "200")),
    )


@pytest.fixture(scope="session")
def hostile_shown() -> str:
    return SHOWN


VOID = {"meta", "br", "hr", "img", "link", "input", "col"}


class Page(HTMLParser):
    """Elements with attributes and text, and whether every end tag closes the last open one."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.described: list[str] = []
        self.script: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        assert len(dict(attrs)) == len(attrs), f"<{tag}> has an attribute twice"
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag
        if tag not in ("span", "a", "strong", "em", "code"):
            self.words.append(" ")

    def handle_data(self, data):
        within = self.open[-1] if self.open else ""
        if within in ("script", "style"):
            self.script.append(data)
        elif within in ("title", "desc"):
            self.described.append(data)
        else:
            self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", "".join(self.words))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="session")
def parse() -> type[Page]:
    return Page
