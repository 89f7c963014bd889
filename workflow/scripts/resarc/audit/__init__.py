"""The audit: every check made on the figures that a study printed.

`audit` runs the checks of `CHECKS` in order; each is a function of what was printed and of the
protocol, and yields findings. A check speaks wherever its figures exist and is silent elsewhere. No
check knows a study. `by_importance` orders findings for a report, `to_frame` is the contract's
`audit.csv`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from resarc.audit import (
    counts,
    crosstables,
    cutoffs,
    intervals,
    numbers,
    significance,
    survival_figures,
    text,
)
from resarc.audit.finding import COLUMNS, SEVERITIES, VERDICTS, Finding, by_importance
from resarc.protocol import Protocol
from resarc.published import Published

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "CHECKS",
    "COLUMNS",
    "SEVERITIES",
    "VERDICTS",
    "Finding",
    "audit",
    "by_importance",
    "to_frame",
]

Check = Callable[[Published, Protocol], Iterator[Finding]]

CHECKS: tuple[Check, ...] = (
    # patients
    counts.flow,
    counts.groups_add_up,
    counts.percentages,
    counts.shares_total,
    numbers.ranges,
    numbers.grain,
    numbers.definitions,
    # survival
    survival_figures.medians_and_rates,
    survival_figures.crude_proportions,
    survival_figures.rates_over_time,
    survival_figures.rates_as_counts,
    survival_figures.splits,
    survival_figures.medians_of_groups,
    survival_figures.medians_and_follow_up,
    # intervals and tests
    intervals.ordered,
    intervals.types,
    intervals.p_values,
    crosstables.cross_tables,
    cutoffs.roc_cutoffs,
    significance.chosen_cutoffs,
    significance.multiplicity,
    significance.subgroups_by_p,
    # the text
    significance.highlighted,
    text.printed_twice,
    text.same_figure_for_two_groups,
    text.words_and_numbers,
    text.announced,
)
"""Every check, in the order in which a reader meets what it is about."""


def audit(published: Published, protocol: Protocol) -> list[Finding]:
    """All findings on a study's printed figures, in the order of `CHECKS`."""
    return [finding for check in CHECKS for finding in check(published, protocol)]


def to_frame(findings: Iterable[Finding]) -> pd.DataFrame:
    """One row per finding, gravest first, with `COLUMNS`; figures are ids joined by '; '."""
    import pandas as pd

    rows = [
        {column: getattr(f, column) for column in COLUMNS} | {"figures": "; ".join(f.figures)}
        for f in by_importance(findings)
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))
