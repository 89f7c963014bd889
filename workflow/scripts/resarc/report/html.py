"""The report as one HTML file that needs nothing else: no network, no fonts, no server."""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from resarc.report.model import Report

_TEMPLATES = Path(__file__).parent / "templates"
_SVG, _XLINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
_ELEMENTS = frozenset(
    "svg g defs path rect circle line polyline polygon text tspan use clipPath pattern".split()  # noqa: SIM905
)
_USE = re.compile(r"url\(#([^)]+)\)")

PALETTE: dict[str, dict[str, str]] = {
    "light": {
        "paper": "#ffffff",
        "ink": "#1a1c20",
        "quiet": "#54585f",
        "rule": "#c9cdd3",
        "panel": "#f4f5f7",
        "link": "#0b4f8a",
        "good": "#1b5e3a",
        "warning": "#7a4b00",
        "bad": "#9b1c1c",
        "rebuilt": "#6a2c70",
        "card": "#ffffff",
    },
    "dark": {
        "paper": "#16181c",
        "ink": "#e6e8eb",
        "quiet": "#a9afb8",
        "rule": "#3d424a",
        "panel": "#20242a",
        "link": "#8ec5ff",
        "good": "#7fd6a3",
        "warning": "#f0bd6a",
        "bad": "#ff9c94",
        "rebuilt": "#dca6e3",
        "card": "#fbfbfa",
    },
}
"""Colours of the page; a test holds every text colour to WCAG AA on the grounds it stands on."""


def render(report: Report) -> str:
    """The report as the text of an HTML page.

    Text is escaped by the template; drawings are checked, and their ids made unique on the page.
    The page's policy (CSP) forbids it to load anything; its one script only sorts tables, and opens
    folded ones for printing.
    """
    from markupsafe import Markup

    template, script = _template()
    model = report.to_dict()
    for block in (*model["summary"], *(b for s in model["sections"] for b in s["blocks"])):
        if block["type"] == "figureblock":
            block["svg"] = Markup(
                inline_svg(block["svg"], block["id"], block["number"], block["alt"])
            )
    digest = b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return template.render(report=model, palette=PALETTE, script=Markup(script), digest=digest)


def inline_svg(svg: str, prefix: str, title: str, alt: str) -> str:
    """A drawing made fit for the page: named and described, its ids prefixed, nothing but shapes
    and text in it. Raises ValueError for anything that could load or run."""
    root = ElementTree.fromstring(svg)
    if root.tag != f"{{{_SVG}}}svg":
        raise ValueError(f"figure {prefix!r} is no SVG but {root.tag!r}")
    for element in root.iter():
        name = str(element.tag).removeprefix(f"{{{_SVG}}}")
        if name not in _ELEMENTS:
            raise ValueError(f"figure {prefix!r} holds the element {name!r}, which is not allowed")
        for key, value in list(element.attrib.items()):
            plain = key.removeprefix(f"{{{_XLINK}}}")
            if plain.startswith("on") or (plain == "href" and not value.startswith("#")):
                raise ValueError(f"figure {prefix!r} holds {key}={value!r}, which is not allowed")
            if plain == "href":
                value = f"#{prefix}-{value[1:]}"
            elif plain == "id":
                value = f"{prefix}-{value}"
            elif "url(" in value:
                value = _USE.sub(lambda found: f"url(#{prefix}-{found[1]})", value)
                if len(_USE.findall(value)) != value.count("url("):
                    raise ValueError(f"figure {prefix!r} refers to a file: {value!r}")
            element.set(key, value)
    for i, (name, words) in enumerate((("title", title), ("desc", alt))):
        element = ElementTree.Element(f"{{{_SVG}}}{name}", id=f"{prefix}-{name}")
        element.text = words
        root.insert(i, element)
    root.set("role", "img")
    root.set("aria-labelledby", f"{prefix}-title {prefix}-desc")
    ElementTree.register_namespace("", _SVG)
    ElementTree.register_namespace("xlink", _XLINK)
    return ElementTree.tostring(root, encoding="unicode")


@cache
def _template() -> tuple[Any, str]:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    script = (_TEMPLATES / "report.js").read_text(encoding="utf-8")
    return environment.get_template("report.html.j2"), script
