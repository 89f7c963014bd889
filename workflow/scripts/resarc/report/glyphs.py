"""Which characters can be printed, and what stands in a document for those that cannot.

Labels and values come from data files. A control character breaks XML and PDF/A, a bidirectional
override makes text read as what it is not, and a character without glyph stops the PDF. Each is
replaced by its code point in brackets, as in ``[U+0000]``, so that nothing is lost or hidden.
"""

from __future__ import annotations

import unicodedata
from functools import cache
from pathlib import Path

_JOINERS = frozenset("\u200c\u200d")
"""Needed to write some scripts; without effect on the order of text."""


def visible(text: str) -> str:
    """The text with every character that has no appearance of its own replaced by its code point.

    Line breaks and tabs become spaces. Replaced are control, format, private-use, unassigned and
    surrogate characters and the line and paragraph separators (Unicode categories C*, Zl, Zp).
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(_visible(character) for character in text)


def printable(text: str) -> str:
    """`visible`, and every character that the fonts of figures and PDF lack replaced as well."""
    covered = covered_characters()
    return "".join(c if c in covered else _code_point(c) for c in visible(text))


@cache
def covered_characters() -> frozenset[str]:
    """The characters of DejaVu Sans, which figures use and to which every other font falls back."""
    from fontTools.ttLib import TTFont

    with TTFont(font_folder() / "DejaVuSans.ttf", lazy=True) as font:
        codes = font["cmap"].getBestCmap()
    return frozenset(c for c in map(chr, codes) if _visible(c) == c)


@cache
def font_folder() -> Path:
    """The folder of DejaVu fonts that matplotlib brings; found without importing matplotlib."""
    from importlib.util import find_spec

    found = find_spec("matplotlib")
    if found is None or found.origin is None:
        raise ModuleNotFoundError("matplotlib, which brings the fonts of the reports")
    return Path(found.origin).parent / "mpl-data" / "fonts" / "ttf"


def _visible(character: str) -> str:
    if character in "\t\n\r":
        return " "
    category = unicodedata.category(character)
    if (category[0] == "C" or category in ("Zl", "Zp")) and character not in _JOINERS:
        return _code_point(character)
    return character


def _code_point(character: str) -> str:
    return f"[U+{ord(character):04X}]"
