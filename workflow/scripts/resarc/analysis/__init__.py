"""The analysis of one cohort: what to estimate (`plan`), and its value (`evaluate`, `estimate`).

| module       | what it holds                                                                   |
|--------------|---------------------------------------------------------------------------------|
| `plan`       | the analyses of a protocol as estimands                                         |
| `evaluate`   | every statistic of the language on one cohort; the tables of estimates and curves |
| `summaries`  | counts, shares, summaries of numbers, tests between groups                      |
| `times`      | Kaplan-Meier, crude rates, restricted means, follow-up, log-rank                |
| `regression` | Cox: hazard ratios, proportional hazards, interaction                           |
| `multiplicity` | the p-values of a univariable table adjusted for their number                |
| `sensitivity` | the main results by the days that stand for partial dates                       |
| `markers`    | a number as a marker of an endpoint's status: AUC and cut-off                   |
| `view`       | a cohort with rows, follow-up and curves found once                             |
| `result`     | `Estimate`                                                                      |
"""

from resarc.analysis.evaluate import categories_with, curves, estimate, evaluate, evaluate_flow
from resarc.analysis.multiplicity import ADJUSTED_COLUMNS, adjusted
from resarc.analysis.plan import PRINTED, Planned, estimands_of, families, plan
from resarc.analysis.result import Estimate
from resarc.analysis.sensitivity import by_partial_dates
from resarc.analysis.view import CohortView

__all__ = [
    "ADJUSTED_COLUMNS",
    "PRINTED",
    "CohortView",
    "Estimate",
    "Planned",
    "adjusted",
    "by_partial_dates",
    "categories_with",
    "curves",
    "estimands_of",
    "estimate",
    "evaluate",
    "evaluate_flow",
    "families",
    "plan",
]
