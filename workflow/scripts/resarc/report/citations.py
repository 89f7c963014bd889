"""Citations, numbered in the order in which they are first made."""

from __future__ import annotations

from collections.abc import Mapping

from resarc.references import Reference, format_plain
from resarc.report.model import Reference as Cited
from resarc.report.model import Run, Text


class Citations:
    """The references of one report, out of all that are known."""

    def __init__(self, known: Mapping[str, Reference]) -> None:
        self.known = known
        self._used: dict[str, Reference] = {}

    def cite(self, *keys: str) -> Text:
        """Runs that cite those of the keys that are known."""
        found = [key for key in keys if key in self.known]
        self._used |= {key: self.known[key] for key in found}
        return tuple(Run(" ", cite=key) for key in found)

    def number(self, key: str) -> int:
        """The number of a reference that was cited."""
        return list(self._used).index(key) + 1

    def listed(self) -> tuple[Cited, ...]:
        return tuple(
            Cited(key, format_plain(work), _address(work)) for key, work in self._used.items()
        )


def _address(work: Reference) -> str:
    if work.doi:
        return f"https://doi.org/{work.doi}"
    return work.url if work.url.startswith("https://") else ""
