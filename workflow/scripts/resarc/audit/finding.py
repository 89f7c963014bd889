"""One finding of the audit: what is printed, what follows from it, what would explain it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Literal, get_args

Verdict = Literal["consistent", "inconsistent", "explained", "not checkable"]
Severity = Literal["major", "minor", "note", "none"]

VERDICTS: tuple[str, ...] = get_args(Verdict)
SEVERITIES: tuple[str, ...] = get_args(Severity)
"""From the gravest to none."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """The result of one check.

    `inconsistent`: the figures cannot all be true in the meaning they are printed with.
    `explained`: they cannot, or only just, but the tested `hypothesis` fits all of them.
    `severity`: major if a result or conclusion rests on it, minor if it changes a number that a
    reader may use, note if it only helps to read the figures.
    """

    check: str
    title: str
    verdict: Verdict
    severity: Severity
    evidence: str
    figures: tuple[str, ...] = ()
    printed: str = ""
    recomputed: str = ""
    hypothesis: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "figures", tuple(dict.fromkeys(self.figures)))
        if self.verdict not in VERDICTS or self.severity not in SEVERITIES:
            raise ValueError(f"{self.title}: verdict {self.verdict!r}, severity {self.severity!r}")
        if self.verdict == "consistent" and self.severity in ("major", "minor"):
            raise ValueError(f"{self.title}: a consistent finding is at most a note")
        if self.verdict == "explained" and not self.hypothesis:
            raise ValueError(f"{self.title}: 'explained' needs the hypothesis that was tested")


COLUMNS = (
    "check",
    "figures",
    "printed",
    "recomputed",
    "verdict",
    "severity",
    "evidence",
    "title",
    "hypothesis",
)
assert set(COLUMNS) == {f.name for f in fields(Finding)}


def by_importance(findings: Iterable[Finding]) -> list[Finding]:
    """Gravest first; within a severity what is inconsistent before what is explained or cannot be
    checked, before what is consistent; then in the order of the checks."""
    rank = {"inconsistent": 0, "explained": 1, "not checkable": 2, "consistent": 3}
    return sorted(findings, key=lambda f: (SEVERITIES.index(f.severity), rank[f.verdict]))


def listed(items: Iterable[object], limit: int = 8) -> str:
    """`a, b and c`; beyond `limit` items the rest is counted."""
    words = [str(item) for item in items]
    if len(words) > limit:
        words = [*words[: limit - 1], f"{len(words) - limit + 1} more"]
    return (
        words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}" if words else ""
    )
