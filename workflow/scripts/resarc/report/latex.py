"""Tables as LaTeX source: booktabs rules, longtable with repeated headers, pure ASCII.

The source is a fragment to `\\input` into a manuscript. Every text is escaped: what a label holds is
printed, never run. Characters beyond ASCII are written as commands that any LaTeX engine knows; one that
has no such command is printed as its code point, as in the PDF reports.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Any

from resarc.report.manuscript import Manuscript, is_wide, shares_of

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "^": r"\textasciicircum{}",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "%": r"\%",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\texttt{\char34}",
    "`": r"\textasciigrave{}",
    # After the end of a row these would be read as its options.
    "[": "{[}",
    "]": "{]}",
    "*": "{*}",
    "\u00a0": "~",
    "\u2009": r"\,",
    "\u2013": "--",
    "\u2014": "---",
    "\u2018": r"\textquoteleft{}",
    "\u2019": r"\textquoteright{}",
    "\u201c": r"\textquotedblleft{}",
    "\u201d": r"\textquotedblright{}",
    "\u2026": r"\dots{}",
    "\u2020": r"\textdagger{}",
    "\u2021": r"\textdaggerdbl{}",
    "\u2212": "$-$",
    "\u2264": r"$\le$",
    "\u2265": r"$\ge$",
    "\u2260": r"$\ne$",
    "\u00d7": r"$\times$",
    "\u00f7": r"$\div$",
    "\u00b1": r"$\pm$",
    "\u00b5": r"$\mu$",
    "\u00b0": r"$^{\circ}$",
    "\u00b7": r"$\cdot$",
    "\u00b2": r"\textsuperscript{2}",
    "\u00b3": r"\textsuperscript{3}",
    "\u00a7": r"\S{}",
    "\u00df": r"\ss{}",
    "\u00e6": r"\ae{}",
    "\u00c6": r"\AE{}",
    "\u0153": r"\oe{}",
    "\u0152": r"\OE{}",
    "\u00f8": r"\o{}",
    "\u00d8": r"\O{}",
    "\u0142": r"\l{}",
    "\u0141": r"\L{}",
    "\u0131": r"\i{}",
}
_ACCENTS = {
    "\u0300": "`",
    "\u0301": "'",
    "\u0302": "^",
    "\u0303": "~",
    "\u0304": "=",
    "\u0306": "u",
    "\u0307": ".",
    "\u0308": '"',
    "\u030a": "r",
    "\u030b": "H",
    "\u030c": "v",
    "\u0327": "c",
}
_GREEK = re.compile(r"GREEK (SMALL|CAPITAL) LETTER ([A-Z]+)")
_SMALL = (
    *("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "mu"),
    *("nu", "xi", "pi", "rho", "sigma", "tau", "upsilon", "phi", "chi", "psi", "omega"),
)
_CAPITAL = ("Gamma", "Delta", "Theta", "Xi", "Pi", "Sigma", "Upsilon", "Phi", "Psi", "Omega")
"""Greek letters that LaTeX has commands for; the other capitals look like Latin letters. Unicode
spells lambda in its own way."""

_HEAD = r"""% {title}
% Resarc {version}, data of {date}. To be read by \input; the preamble needs
%   \usepackage{{booktabs,longtable,array,textcomp,pdflscape}}
% Captions carry \label{{tab:...}}.
"""


def render(manuscript: Manuscript) -> str:
    """The tables as the text of a .tex file to `\\input`."""
    head = _HEAD.format(
        title=_comment(manuscript.title), version=manuscript.version, date=manuscript.data_date
    )
    lead = "\n\n".join(escape(words) for words in manuscript.lead)
    parts = [_table(table) for table in manuscript.plain()]
    return "\n".join([head, f"\\noindent {lead}", *parts])


def escape(words: str) -> str:
    """A text as LaTeX that prints it, in ASCII."""
    from resarc.report.glyphs import visible

    plain = unicodedata.normalize("NFC", visible(words))
    # Doubled, these characters would join to a dash or a quotation mark.
    return "".join(
        f"{{{c}}}" if c == before and c in "-'," else _character(c)
        for before, c in zip(f" {plain}", plain, strict=False)
    )


def _character(character: str) -> str:
    if character in _SPECIAL:
        return _SPECIAL[character]
    if character.isascii():
        return character
    greek = _GREEK.fullmatch(unicodedata.name(character, ""))
    if greek:
        name = greek[2].lower().replace("lamda", "lambda")
        name = name if greek[1] == "SMALL" else name.capitalize()
        if name in (*_SMALL, *_CAPITAL, "lambda", "Lambda"):
            return f"$\\{name}$"
    base, *marks = unicodedata.normalize("NFD", character)
    if len(marks) == 1 and base.isascii() and base.isalpha() and marks[0] in _ACCENTS:
        return f"\\{_ACCENTS[marks[0]]}{{{base}}}"
    return f"{{[}}U+{ord(character):04X}{{]}}"


def _comment(words: str) -> str:
    """A text within one line of comment: nothing in it ends the line."""
    return re.sub(r"[^ -~]", "?", words)


def _table(table: dict[str, Any]) -> str:
    columns, wide = table["columns"], is_wide(table)
    header = " & ".join(
        r"\textbf{" + escape(column["header"]) + "}" + _raised(column["letter"])
        for column in columns
    )
    badge = f" ({table['badge']})" if table["badge"] else ""
    lines = [
        "",
        *([r"\begin{landscape}"] if wide else []),
        r"\begingroup\footnotesize\setlength{\tabcolsep}{3pt}",
        rf"\begin{{longtable}}{{{_layout(table)}}}",
        rf"\caption{{{escape(table['caption'] + badge)}}}\label{{tab:{table['id']}}}\\",
        r"\toprule",
        header + r" \\",
        r"\midrule\endfirsthead",
        r"\toprule",
        header + r" \\",
        r"\midrule\endhead",
        r"\bottomrule\endfoot",
    ]
    for group in table["groups"]:
        if group["label"]:
            lines.append(
                rf"\multicolumn{{{len(columns)}}}{{l}}{{\textbf{{{escape(group['label'])}}}}} \\*"
            )
        indent = r"\quad " if group["label"] else ""
        for row in group["rows"]:
            cells = [
                escape(c["text"]) + _raised(c["letter"]) + _raised(escape(c["sign"])) for c in row
            ]
            lines.append(indent + " & ".join(cells) + r" \\")
    lines.append(r"\end{longtable}")
    for line in table["legend"]:
        lines.append(r"\noindent " + _raised(escape(line["sign"])) + escape(line["text"]) + r"\par")
    return "\n".join([*lines, r"\endgroup", *([r"\end{landscape}"] if wide else []), ""])


def _layout(table: dict[str, Any]) -> str:
    """The columns as shares of the line, so that no table is wider than it."""
    sides = {"left": r"\raggedright", "right": r"\raggedleft"}
    return "".join(
        rf">{{{sides[column['align']]}\arraybackslash}}p{{\dimexpr{share:.4f}\linewidth-2\tabcolsep\relax}}"
        for column, share in zip(table["columns"], shares_of(table), strict=True)
    )


def _raised(sign: str) -> str:
    return rf"\textsuperscript{{{sign}}}" if sign else ""
