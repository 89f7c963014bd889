"""The report as one HTML file that needs nothing else: no network, no fonts, no server."""

from __future__ import annotations

import hashlib
import json
import re
from base64 import b64encode
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from resarc.report.figures import COLOUR_NAMES
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
        "faint": "#c9cdd3",
        "blue": "#0072b2",
        "vermillion": "#d55e00",
        "green": "#00875f",
        "purple": "#b85c93",
        "black": "#000000",
        "orange": "#b07800",
        "sky": "#2d8bc0",
        "blue-text": "#00476e",
        "vermillion-text": "#843a00",
        "green-text": "#00543b",
        "purple-text": "#72395b",
        "orange-text": "#6d4a00",
        "sky-text": "#1c5677",
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
        "card": "#16181c",
        "faint": "#3d424a",
        "blue": "#4aa8e0",
        "vermillion": "#f0803c",
        "green": "#2fbd8f",
        "purple": "#e08fbc",
        "black": "#e6e8eb",
        "orange": "#e6ab3c",
        "sky": "#8fd0f5",
        "blue-text": "#7cc4ee",
        "vermillion-text": "#f7a06b",
        "green-text": "#6fd8b4",
        "purple-text": "#ecb2d2",
        "orange-text": "#f0c878",
        "sky-text": "#a9dcf8",
    },
}
"""Colours of the page and, by the names of `figures.COLOUR_NAMES`, of the drawings on it. A test holds
every colour of text to WCAG AA on the grounds it stands on, and those of lines to 3:1."""

_FONT = re.compile(r"(?:(?P<weight>bold|\d{3})\s+)?(?P<size>[\d.]+)px\s+(?P<family>[^;]+)")
_DRAWN = frozenset(
    ("fill", "fill-opacity", "fill-rule", "stroke", "stroke-width", "stroke-dasharray",
     "stroke-dashoffset", "stroke-linecap", "stroke-linejoin", "stroke-opacity", "stroke-miterlimit",
     "opacity", "text-anchor", "font-size", "font-family", "font-weight", "font-style")
)  # fmt: skip


def render(report: Report) -> str:
    """The report as the text of an HTML page.

    Text is escaped by the template; drawings are checked, and their ids made unique on the page. The
    page's policy (CSP) forbids it to load anything and to run or apply anything but its one script and
    its one style sheet, named by their hashes. The page says everything without the script, which adds
    what a reader can do: sort, filter, copy, download, read off curves.
    """
    from markupsafe import Markup

    template, style, script = _template()
    model = report.to_dict()
    for block in (*model["summary"], *(b for s in model["sections"] for b in s["blocks"])):
        if block["type"] == "figureblock":
            drawn = inline_svg(block["svg"], block["id"], block["number"], block["alt"])
            block["svg"] = Markup(drawn)
            block["json"] = Markup(_inert_json({k: block[k] for k in ("data", "panels", "lines")}))
    return template.render(
        report=model, style=Markup(style), script=Markup(script),
        style_digest=_digest(style), script_digest=_digest(script),
    )  # fmt: skip


def _digest(text: str) -> str:
    return "sha256-" + b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _inert_json(value: Any) -> str:
    """JSON that stays data within a script element: nothing in it can end the element or begin a
    comment."""
    words = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    for sign in "<>&\u2028\u2029":
        words = words.replace(sign, f"\\u{ord(sign):04x}")
    return words


def inline_svg(svg: str, prefix: str, title: str, alt: str) -> str:
    """A drawing made fit for the page: named and described, its ids prefixed, its colours those of the
    page's scheme, nothing but shapes and text in it, and no style that the page's policy forbids.
    Raises ValueError for anything that could load or run."""
    root = ElementTree.fromstring(svg)
    if root.tag != f"{{{_SVG}}}svg":
        raise ValueError(f"figure {prefix!r} is no SVG but {root.tag!r}")
    for element in root.iter():
        name = str(element.tag).removeprefix(f"{{{_SVG}}}")
        if name not in _ELEMENTS:
            raise ValueError(f"figure {prefix!r} holds the element {name!r}, which is not allowed")
        _restyle(element, prefix)
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
            elif plain in ("fill", "stroke") and value.lower() in COLOUR_NAMES:
                value = f"var(--{COLOUR_NAMES[value.lower()]})"
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


def _restyle(element: ElementTree.Element, prefix: str) -> None:
    """The style attribute as attributes of its own; ValueError for what a drawing does not need."""
    for declaration in filter(str.strip, element.attrib.pop("style", "").split(";")):
        key, _, value = (part.strip() for part in declaration.partition(":"))
        if key == "font" and (font := _FONT.fullmatch(value)):
            element.set("font-size", font["size"])
            element.set("font-family", font["family"])
            if font["weight"]:
                element.set("font-weight", font["weight"])
        elif key in _DRAWN:
            element.set(key, value)
        else:
            raise ValueError(
                f"figure {prefix!r} holds the style {declaration!r}, which is not allowed"
            )


@cache
def _template() -> tuple[Any, str, str]:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style, script = ((_TEMPLATES / f"report.{kind}").read_text("utf-8") for kind in ("css", "js"))
    return environment.get_template("report.html.j2"), _palettes() + style, script


def _palettes() -> str:
    """The colours of the light scheme, which print keeps, and of the dark one."""
    light, dark = (
        ":root { " + " ".join(f"--{name}: {colour};" for name, colour in colours.items()) + " }"
        for colours in PALETTE.values()
    )
    return f"{light}\n@media screen and (prefers-color-scheme: dark) {{ {dark} }}\n"
