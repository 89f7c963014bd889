"""The literature that reports and documentation cite: a BibTeX file in, plain references out.

`load` reads `config/references.bib` into `Reference` objects; `format_plain` writes one of them the
way medical journals print references.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from resarc.errors import ConfigurationError


@dataclass(frozen=True)
class Reference:
    """One cited work, as Unicode text without LaTeX; a field that is not known is empty."""

    key: str
    title: str
    authors: tuple[str, ...] = ()
    """Surname and initials ("van Geel AN"), or a group's name; "et al." last if more are meant."""
    journal: str = ""
    """Journal or book title; for a book, report or web page its publisher."""
    year: str = ""
    volume: str = ""
    pages: str = ""
    doi: str = ""
    url: str = ""
    note: str = ""


def load(path: Path) -> dict[str, Reference]:
    """Every reference of a BibTeX file by its key, in the order of the file.

    Raises ConfigurationError, naming the file and the key where there is one, if the file cannot be
    read, is not BibTeX, has a key twice (capitals do not tell keys apart) or an entry without title.
    """
    from pybtex.database import BibliographyDataError, parse_string
    from pybtex.exceptions import PybtexError

    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise ConfigurationError(str(path), "no such file", "a BibTeX file") from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(
            str(path), f"bytes that are not UTF-8 ({error})", "a BibTeX file in UTF-8"
        ) from error
    try:
        entries = parse_string(text, "bibtex").entries
    except BibliographyDataError as error:
        raise ConfigurationError(
            str(path), str(error), "every key once", "Rename or remove one of the two."
        ) from error
    except PybtexError as error:
        raise ConfigurationError(str(path), str(error), "valid BibTeX") from error
    return {key: _reference(path, key, entry) for key, entry in entries.items()}


def format_plain(reference: Reference) -> str:
    """The reference on one line: authors, title, journal, year;volume:pages, then DOI or address.

    Source: the Vancouver style of the ICMJE (Citing Medicine, 2nd ed., National Library of
    Medicine), without issue numbers. What is not known is left out.
    """
    issue = reference.year
    if reference.volume:
        issue = f"{issue};{reference.volume}" if issue else reference.volume
    if reference.pages:
        issue = f"{issue}:{reference.pages}" if issue else reference.pages
    link = f"doi:{reference.doi}" if reference.doi else reference.url
    parts = [", ".join(reference.authors), reference.title, reference.journal, issue]
    sentences = [part if part.endswith((".", "?", "!")) else f"{part}." for part in parts if part]
    return " ".join([*sentences, link] if link else sentences)


def short(reference: Reference) -> str:
    """The reference inside a sentence: 'Kaplan and Meier 1958', 'Takatsu et al. 2022'; a work
    without known authors by its title."""
    names = [_surname(author) for author in reference.authors if author != "et al."]
    if not names:
        return (
            f"“{reference.title}” ({reference.year})" if reference.year else f"“{reference.title}”"
        )
    several = len(names) > 2 or len(names) < len(reference.authors)
    who = f"{names[0]} et al." if several else " and ".join(names)
    return f"{who} {reference.year}".strip()


def _surname(author: str) -> str:
    """'van Geel AN' without its initials; the name of a group as it is."""
    surname, _, initials = author.rpartition(" ")
    return surname if surname and initials.isupper() and len(initials) <= 4 else author


def _reference(path: Path, key: str, entry: Any) -> Reference:
    """One pybtex entry as a Reference."""
    fields = {name.lower(): value for name, value in entry.fields.items()}
    if not fields.get("title", "").strip():
        raise ConfigurationError(
            f"{path}, entry {key}", "no title", "a title", "Add it, or remove the entry."
        )

    def prose(*names: str) -> str:
        """The first of the fields that is given, LaTeX decoded."""
        return next((_decoded(fields[name]) for name in names if fields.get(name)), "")

    def verbatim(name: str) -> str:
        """An address: no LaTeX in it but the escapes that reference managers add."""
        return re.sub(r"\\([_%&#$])", r"\1", fields.get(name, "")).strip()

    doi = re.sub(r"^(https?://(dx\.)?doi\.org/|doi:\s*)", "", verbatim("doi"), flags=re.IGNORECASE)
    return Reference(
        key=key,
        title=prose("title"),
        authors=tuple(_author(person) for person in entry.persons.get("author", ())),
        journal=prose(
            "journal", "journaltitle", "booktitle", "publisher", "institution", "howpublished"
        ),
        year=prose("year", "date"),
        volume=prose("volume"),
        pages=prose("pages").replace("--", "–"),
        doi=doi,
        url=verbatim("url"),
        note=prose("note"),
    )


def _author(person: Any) -> str:
    """Surname and initials of a pybtex person: "Kaplan, Edward L." gives "Kaplan EL"."""
    surname = " ".join(
        _decoded(part)
        for part in [*person.prelast_names, *person.last_names, *person.lineage_names]
    )
    if surname.lower() == "others":
        return "et al."
    given = " ".join(_decoded(part) for part in [*person.first_names, *person.middle_names])
    initials = "".join(_initials(name) for name in re.split(r"[\s.]+", given) if name)
    return f"{surname} {initials}".strip()


def _initials(name: str) -> str:
    """ "Edward" gives E, "Jean-Paul" JP; what is printed as initials ("DA") stays."""
    if name.isupper() and len(name) <= 3:
        return name
    return "".join(part[0].upper() for part in name.split("-") if part)


def _decoded(text: str) -> str:
    """LaTeX as Unicode on one line: accents and dashes decoded, braces and markup dropped."""
    from pybtex.richtext import Text

    return " ".join(str(Text.from_latex(text)).split())
