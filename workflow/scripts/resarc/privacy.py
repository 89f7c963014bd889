"""What may pass `clean`, and in which form.

* Identifiers become pseudonyms: a keyed hash (HMAC-SHA-256; FIPS 198-1, RFC 2104), or, without a
  key, the number of the source row. Without the key nobody can tell which identifier a pseudonym
  stands for, not even by trying all of them; with it the same patient has the same pseudonym in the
  next export. The key lies outside of the project, and nothing of it is written anywhere.
* Ages of 90 and over count as 90, after the Safe Harbor method (45 CFR 164.514(b)(2)(i)(C)).
* A cell that cannot be read is told by its outline, because anything may have been typed there.
"""

from __future__ import annotations

import hmac
import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from resarc.errors import ConfigurationError

if TYPE_CHECKING:
    import pandas as pd

KEY_VARIABLE = "RESARC_KEY_FILE"
"""Environment variable that names the key's file; it goes before the setting."""
SHORTEST_KEY = 32
"""Characters. 32 random hexadecimal digits are 128 bits."""
OLDEST = 90.0
"""Ages from here on are told as this one."""
NO_AGE = 150.0
"""A number in years from here on is no age but a year of the calendar."""
DAYS_PER_YEAR = 365.25

_MAKE = (
    "Make one with: python -c 'import secrets; print(secrets.token_hex(32))' > FILE, keep it "
    "outside of the project, readable by the group alone, and keep a copy: without it patients of "
    "the next export cannot be linked with those of this one."
)
_HARMLESS = re.compile(r"[+-]?[0-9]{1,3}|\w", re.ASCII)
"""Three digits or one letter single nobody out and are often a code for missing."""
_LONGEST = 40
"""Characters of an outline that are shown."""


def read_key(path: Path, project: Path) -> bytes:
    """The key in a file, without white space around it.

    `ConfigurationError` if there is no such file, if it lies in the project's folder (where it could
    be committed, archived or shared), or if the key is too short to be a secret.
    """
    where = "the key of pseudonyms"
    try:
        key = path.read_bytes().strip()
    except OSError as error:
        raise ConfigurationError(
            where,
            f"no readable file {str(path)!r} ({error.strerror})",
            f"the file that {KEY_VARIABLE} or privacy.key_file in config/config.yaml names",
            f"Put the group's key there, or correct the path. {_MAKE}",
        ) from None
    if path.resolve().is_relative_to(project.resolve()):
        raise ConfigurationError(
            where,
            f"{str(path)!r}, within the project",
            "a file outside of the project's folder",
            "Move it: whoever receives the project must not receive the key.",
        )
    if len(key) < SHORTEST_KEY or len(set(key)) < 8:
        raise ConfigurationError(
            where,
            f"{len(key)} bytes of {len(set(key))} kinds in {str(path)!r}",
            f"at least {SHORTEST_KEY} random characters",
            _MAKE,
        )
    return key


def keyed_hash(key: bytes, *parts: str) -> str:
    """HMAC-SHA-256 of some texts, its first 64 bits as 16 hexadecimal digits.

    The texts are separated by their lengths, so that different lists never have the same message.
    """
    message = "".join(f"{len(part)}:{part}" for part in parts)
    return hmac.digest(key, message.encode("utf-8", "surrogatepass"), "sha256")[:8].hex()


def fingerprint(key: bytes | None) -> str:
    """What tells one key from another and says nothing about it; empty without a key."""
    return keyed_hash(key, "fingerprint")[:8] if key else ""


def pseudonyms(identifiers: Iterable[object], study: str, key: bytes) -> list[str | None]:
    """A pseudonym for each identifier of a study; None where there is none (no text)."""
    return [
        keyed_hash(key, "patient", study, x) if isinstance(x, str) else None for x in identifiers
    ]


def top_coded(values: pd.Series, ceiling: float | None) -> tuple[pd.Series, int]:
    """Numbers with all above the ceiling at the ceiling, and how many that changes.

    Values of `NO_AGE` and more stay: no ceiling of ages is meant for a year of the calendar.
    """
    if ceiling is None:
        return values, 0
    above = ((values > ceiling) & ((values < NO_AGE) | (ceiling >= NO_AGE))).to_numpy()
    return values.mask(above, ceiling), int(above.sum())


def top_coded_days(days: pd.Series) -> tuple[pd.Series, int]:
    """Days since time zero, not more than `OLDEST` years before it: only births lie so far back."""
    earliest = -OLDEST * DAYS_PER_YEAR
    before = (days < earliest).to_numpy()
    return days.mask(before, earliest), int(before.sum())


def outline(text: str, known: Iterable[str] = ()) -> str:
    """The form of a text without its content: letters as A and a, digits as 9, the rest as it is.

    Shown as it is: what is one of the `known` texts but for case and space, up to three digits, and
    a single letter.
    """
    bare = text.strip()
    if _HARMLESS.fullmatch(bare) or bare.casefold() in {code.casefold() for code in known}:
        return text
    form = "".join(map(_kind, text[:_LONGEST]))
    return form if len(text) <= _LONGEST else f"{form}… ({len(text)} characters)"


def _kind(character: str) -> str:
    category = unicodedata.category(character)
    if category[0] == "N":
        return "9"
    if category[0] in "LM":
        return "A" if category == "Lu" else "a"
    return character
