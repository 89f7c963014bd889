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
    if text.isascii() and text.isprintable():
        return text
    covered = covered_characters()
    return "".join(c if c in covered else _code_point(c) for c in visible(text))


@cache
def covered_characters() -> frozenset[str]:
    """The characters of DejaVu Sans, which figures use and to which every other font falls back."""
    return frozenset(_advances())


def text_width(text: str, size: float) -> float:
    """The width of one line of `printable` text set in DejaVu Sans, in the unit of `size`."""
    advances = _advances()
    return size * sum(advances[c] for c in text)


def wrapped(text: str, size: float, width: float) -> list[str]:
    """The lines of a text, made printable and broken between words to fit a width; a word that is
    itself too wide is broken where it must. At least one line."""
    lines, line = [], ""
    for word in printable(text).split():
        longer = f"{line} {word}".strip()
        if text_width(longer, size) <= width:
            line = longer
            continue
        if line:
            lines.append(line)
        while len(word) > 1 and text_width(word, size) > width:
            fits = max(
                i for i in range(1, len(word)) if i == 1 or text_width(word[:i], size) <= width
            )
            lines.append(word[:fits])
            word = word[fits:]
        line = word
    return [*lines, line] if line or not lines else lines


@cache
def _advances() -> dict[str, float]:
    """Character to advance width in DejaVu Sans, as a fraction of the font size."""
    from fontTools.ttLib import TTFont

    with TTFont(font_folder() / "DejaVuSans.ttf", lazy=True) as font:
        codes, widths = font["cmap"].getBestCmap(), font["hmtx"].metrics
        unit = font["head"].unitsPerEm
    found = {chr(code): widths[name][0] / unit for code, name in codes.items()}
    return {c: width for c, width in found.items() if _visible(c) == c}


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
