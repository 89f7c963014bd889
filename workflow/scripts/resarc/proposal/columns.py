"""What a column of a data file seems to be, from its header and its cells."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field
from typing import Literal

import pandas as pd

Kind = Literal["identifier", "category", "number", "integer", "date", "text"]

LEAST_ROWS = 3
"""A code is written into the proposal if as many rows have it. A rarer one may be a name or a remark that
was typed into the wrong cell; single letters and up to three digits tell of nobody and are written."""
LONGEST_CODE = 100
MOST_CODES = 30
"""A column with more distinct codes is taken for free text."""
MOST_DIGITS = 12
"""Whole numbers with as many distinct values at most, all below 10, are taken for codes."""
ENOUGH = 0.95
"""Share of the cells that must be numbers, or dates, for the column to be taken for such."""

DATE_FORMATS = (
    "%Y-%m-%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%Y/%m/%d", "%d-%m-%Y", "%m-%d-%Y", "%d.%m.%y",
    "%d/%m/%y", "%m/%d/%y", "%d-%b-%Y", "%d %b %Y", "%Y%m%d", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M",
)  # fmt: skip
PARTIAL = {"month": ("%Y-%m", "%m/%Y", "%m.%Y"), "year": ("%Y",)}
MISSING = frozenset(
    ("na", "n/a", "n.a.", "n. a.", "nan", "null", "none", "nil", "nd", "n.d.", "nk", "n.k.", "unk",
     "unknown", "not known", "not available", "not applicable", "not recorded", "missing", "unbekannt",
     "keine angabe", "k.a.", "inconnu", "desconocido", "不明", "?", "??", "-", "--", ".", "..", "*", "#n/a",
     "#null!", "[not available]", "[unknown]", "[not applicable]")
)  # fmt: skip
"""Texts that stand for no value almost everywhere, in lower case."""
SENTINELS = (
    "-1",
    "-8",
    "-9",
    "-99",
    "-999",
    "9",
    "99",
    "999",
    "9999",
    "99999",
    "88",
    "888",
    "77",
    "777",
)
"""Numbers that often stand for no value."""

_PERSON = re.compile(
    r"(^|_)(id|mrn|pid|patid|nr|no|number|record|patient|case|subject|name|names|surname|forename|"
    r"firstname|lastname|initials|vorname|nachname|phone|tel|telephone|mobile|email|mail|address|"
    r"street|postcode|zip|insurance|ssn|nhs|code_patient)(_|$)"
)
_CONTACT = re.compile(
    r"(^|_)(name|names|surname|forename|firstname|lastname|initials|vorname|nachname|phone|tel|"
    r"telephone|mobile|email|mail|address|street|postcode|zip|insurance|ssn)(_|$)"
)
_HARMLESS = re.compile(r"[+-]?[0-9]{1,3}|[A-Za-z]")
_LOOKS_PERSONAL = re.compile(r"\d{4,}|@|https?:|\d{1,2}[./-]\d{1,2}[./-]\d{2,4}")
_WHOLE = re.compile(r"[+-]?\d+")
_FRACTION = {".": re.compile(r"[+-]?\d*\.?\d+"), ",": re.compile(r"[+-]?\d*,?\d+")}


@dataclass(frozen=True)
class Proposed:
    """What one column seems to be.

    `levels`: level to codes of a category; `missing`: codes for no value; `decide`: what somebody has to
    decide, in words that hold no value of a patient.
    """

    name: str
    column: str
    label: str
    kind: Kind
    levels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    missing: tuple[str, ...] = ("",)
    date_format: str = ""
    partial_formats: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    decide: tuple[str, ...] = ()


def propose(
    frame: pd.DataFrame,
    *,
    titles: Mapping[str, str] | None = None,
    labels: Mapping[str, Mapping[str, str]] | None = None,
    dates: Set[str] = frozenset(),
    identifiers: Set[str] = frozenset(),
) -> list[Proposed]:
    """One proposal for each column of a file that was read as text, in the order of the columns.

    `titles`, `labels`, `dates` and `identifiers` are what the file itself says of its columns
    (`resarc.intake.reading.Reading`).
    """
    names = _names([str(column) for column in frame.columns])
    found: list[Proposed] = []
    named = False
    for column, name in zip(map(str, frame.columns), names, strict=True):
        cells = frame[column].astype(str).str.strip()
        title = (titles or {}).get(column) or column
        made = _of_column(
            cells, name, column, _line(title), (labels or {}).get(column, {}),
            column in dates, column in identifiers,
        )  # fmt: skip
        if made.kind == "identifier":
            if named:
                made = _changed(made, "text", "A second identifier: read and dropped.")
            named = True
        found.append(made)
    return found


def _of_column(
    cells: pd.Series,
    name: str,
    column: str,
    label: str,
    value_labels: Mapping[str, str],
    is_date: bool,
    is_identifier: bool,
) -> Proposed:
    base = Proposed(name, column, label, "text")
    given = cells[cells != ""]
    counts = given.value_counts()
    if is_identifier:
        return _changed(base, "identifier", "The file marks this column as identifying.")
    if counts.empty:
        return _changed(base, "text", "Every cell is empty.")
    blank = tuple(text for text in counts.index if text.casefold() in MISSING)
    values = counts.drop(list(blank))
    missing = ("", *sorted(blank))
    said = [f"Is {quoted(text)} ({counts[text]} rows) a missing value?" for text in sorted(blank)]
    if values.empty:
        return Proposed(
            name, column, label, "text", missing=missing, decide=("No cell holds a value.",)
        )
    if _CONTACT.search(name) and not value_labels:
        return _changed(
            base, "text", "By its name this may tell who a patient is: read and dropped."
        )
    if value_labels:
        return _labelled(base, values, missing, value_labels, said)
    dated = _date(base, values, missing, said, is_date)
    if dated:
        return dated
    if _PERSON.search(name) and len(values) > ENOUGH * values.sum():
        return Proposed(
            name, column, label, "identifier",
            decide=("Is this what tells patients apart, the same in every export?",),
        )  # fmt: skip
    number = _number(base, values, missing, said)
    if number:
        return number
    if len(values) == 1 and values.sum() == len(cells) and len(cells) > 1:
        return _changed(base, "text", "The same in every row: read and dropped.")
    if len(values) > MOST_CODES or (len(values) > 5 and len(values) > 0.5 * values.sum()):
        unique = len(values) == values.sum() == len(cells)
        more = " Every row has another value: is it an identifier?" if unique else ""
        return _changed(
            base, "text", f"{len(values)} different texts: free text is read and dropped.{more}"
        )
    return _category(base, values, missing, said)


def _changed(base: Proposed, kind: Kind, words: str) -> Proposed:
    return Proposed(base.name, base.column, base.label, kind, decide=(words,))


def _date(
    base: Proposed, values: pd.Series, missing: tuple[str, ...], said: list[str], is_date: bool
) -> Proposed | None:
    texts = pd.Series(values.index, dtype=object)
    weights = values.to_numpy()
    if not is_date and not texts.str.contains(r"\d").mean() >= ENOUGH:
        return None
    fits = {form: int(weights[_parsed(texts, form).to_numpy()].sum()) for form in DATE_FORMATS}
    best = max(fits.values())
    total = int(weights.sum())
    forms = [form for form in DATE_FORMATS if fits[form] == best]
    partial = {}
    if best and best < total:
        rest = texts[~_parsed(texts, forms[0]).to_numpy()]
        for precision, written in PARTIAL.items():
            hit = tuple(form for form in written if _parsed(rest, form).any())
            if hit:
                partial[precision] = hit
        for written in partial.values():
            for form in written:
                best += int(values[rest[_parsed(rest, form).to_numpy()]].sum())
    if best < ENOUGH * total or (
        forms[0] == "%Y%m%d" and not is_date and len(forms) == 1 and best < total
    ):
        return None
    said = list(said)
    if len(forms) > 1:
        said.append(
            f"All dates can also be read as {' or '.join(forms[1:])}. How are they written?"
        )
    if partial:
        said.append(
            "Some dates have no day. Which day is to stand for it: 'partial: middle', earliest or "
            "latest? As it is, their rows are rejected."
        )
    if best < total:
        said.append(f"{total - best} rows hold something else; they will be rejected.")
    return Proposed(
        base.name, base.column, base.label, "date", missing=missing, date_format=forms[0],
        partial_formats=partial, decide=tuple(said),
    )  # fmt: skip


def _parsed(texts: pd.Series, form: str) -> pd.Series:
    """Which texts are dates in this form, and would be written so again (03.04.2020 but not 3.4.2020
    where zeros are written)."""
    found = pd.to_datetime(texts, format=form, errors="coerce", exact=True)
    years = found.dt.year.between(1900, 2100)
    return found.notna() & years & (form != "%Y" or texts.str.fullmatch(r"\d{4}"))


def _number(
    base: Proposed, values: pd.Series, missing: tuple[str, ...], said: list[str]
) -> Proposed | None:
    texts = pd.Series(values.index, dtype=object)
    weights = values.to_numpy()
    whole = texts.str.fullmatch(_WHOLE).to_numpy()
    marks = {mark: texts.str.fullmatch(form).to_numpy() for mark, form in _FRACTION.items()}
    fits = {mark: int(weights[fit].sum()) for mark, fit in marks.items()}
    mark = max(fits, key=lambda one: fits[one])
    total = int(weights.sum())
    if fits[mark] < ENOUGH * total:
        return None
    if texts.str.fullmatch(r"0\d+").mean() > 0.2:
        return None  # 007 is a code
    numbers = pd.to_numeric(texts[marks[mark]].str.replace(",", "."), errors="coerce")
    is_whole = bool(whole[marks[mark]].all())
    if is_whole and len(values) <= MOST_DIGITS and numbers.between(0, 9).all():
        found = _category(base, values, missing, said)
        return Proposed(
            **{
                **vars(found),
                "decide": (*found.decide, "Whole numbers below 10: codes, or a number?"),
            }
        )
    said = list(said)
    sentinels = []
    others = numbers[~texts[marks[mark]].isin(SENTINELS)]
    for text in SENTINELS:
        if text in values.index and len(others):
            far = float(text) < 0 <= others.min() or float(text) > 1.5 * others.max()
            if far:
                sentinels.append(text)
                said.append(f"Is {quoted(text)} ({values[text]} rows) a missing value?")
    missing = (*missing, *sentinels)
    said.append("What is its unit? Which values are impossible (minimum, maximum)?")
    if fits[mark] < total:
        said.append(f"{total - fits[mark]} rows hold something else; they will be rejected.")
    kind: Kind = "integer" if is_whole else "number"
    return Proposed(base.name, base.column, base.label, kind, missing=missing, decide=tuple(said))


def _category(
    base: Proposed, values: pd.Series, missing: tuple[str, ...], said: list[str]
) -> Proposed:
    shown = [text for text in sorted(values.index) if _may_be_shown(text, int(values[text]))]
    said = list(said)
    kept_back = values.drop(shown)
    if len(kept_back):
        said.append(
            f"{_counted(len(kept_back), 'rare or long value')} in {_counted(int(kept_back.sum()), 'row')} "
            f"{'is' if len(kept_back) == 1 else 'are'} not written here, since a rare text may tell who "
            "a patient is. Look at the column and add the codes that are meant; rows with others are "
            "rejected."
        )
    if not shown:
        return _changed(base, "text", said[-1])
    alike: dict[str, list[str]] = {}
    for text in shown:
        alike.setdefault(" ".join(text.casefold().split()), []).append(text)
    levels = {}
    for codes in alike.values():
        codes = sorted(codes, key=lambda code: -int(values[code]))
        levels[_free(_level(codes[0]), levels)] = tuple(codes)
    if any(len(codes) > 1 for codes in levels.values()):
        said.append(
            "Codes that differ in case or spaces alone were put together. Are they the same?"
        )
    if all(_HARMLESS.fullmatch(code) for codes in levels.values() for code in codes):
        said.append("What do the codes mean? Name the levels.")
    return Proposed(
        base.name, base.column, base.label, "category", levels, missing, decide=tuple(said)
    )


def _labelled(
    base: Proposed,
    values: pd.Series,
    missing: tuple[str, ...],
    labels: Mapping[str, str],
    said: list[str],
) -> Proposed:
    """A column whose codes the file itself explains. The words are the project's, not a patient's."""
    levels: dict[str, tuple[str, ...]] = {}
    for code, words in labels.items():
        if code not in missing:
            levels[_free(_level(words) or _level(code), levels)] = (code,)
    unknown = [text for text in values.index if text not in labels]
    if unknown:
        said = [
            *said,
            f"{_counted(len(unknown), 'code')} without a label in the file: rows with them are rejected.",
        ]
    if not levels:
        return _changed(base, "text", "No code has a label.")
    return Proposed(
        base.name, base.column, base.label, "category", levels, missing, decide=tuple(said)
    )


def _may_be_shown(text: str, rows: int) -> bool:
    if _HARMLESS.fullmatch(text):
        return True
    short = len(text) <= LONGEST_CODE and text.isprintable()
    return rows >= LEAST_ROWS and short and not _LOOKS_PERSONAL.search(text)


# -- names ---------------------------------------------------------------------------------------


def _names(headers: Iterable[str]) -> list[str]:
    """Names of variables: lower-case letters, digits and underscores, each once."""
    taken: dict[str, None] = {}
    for place, header in enumerate(headers, start=1):
        plain = unicodedata.normalize("NFKD", header.casefold().replace("ß", "ss"))
        plain = "".join(c for c in plain if not unicodedata.combining(c))
        name = (
            re.sub(r"[^a-z0-9]+", "_", plain.replace("%", " percent ")).strip("_")[:40].strip("_")
        )
        if not re.match(r"[a-z]", name):
            name = f"column_{place}" if not name else f"v_{name}"
        taken[_free(name, taken)] = None
    return list(taken)


def _free(name: str, taken: Iterable[str]) -> str:
    """The name, with a number behind it if it is taken."""
    found, number = name, 2
    while found in taken:
        found, number = f"{name}_{number}", number + 1
    return found


def _level(text: str) -> str:
    """A level's name from a code or label: without the signs of the estimand language."""
    plain = "".join(c if c.isprintable() else " " for c in text)
    return " ".join(re.sub(r'["{}(),/=]', " ", plain).split())[:60].strip() or "level"


def _line(text: str) -> str:
    return (
        " ".join("".join(c if c.isprintable() else " " for c in text).split())[:200] or "(no name)"
    )


def quoted(text: str) -> str:
    """A text as a YAML scalar in double quotes, whatever is in it."""
    escaped = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}
    made = []
    for c in text:
        if c in escaped:
            made.append(escaped[c])
        elif c.isprintable():
            made.append(c)
        elif ord(c) > 0xFFFF:
            made.append(f"\\U{ord(c):08x}")
        else:
            made.append(f"\\u{ord(c):04x}")
    return f'"{"".join(made)}"'


def _counted(n: int, noun: str) -> str:
    return f"{n} {noun}{'' if n == 1 else 's'}"
