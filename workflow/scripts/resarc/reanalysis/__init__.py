"""The critical re-analysis: beside what a paper did, what a careful statistician would do today.

A protocol's analyses say in `recommended` what is asked (`resarc.recommended`). Each is computed in
all datasets at once, for one registry or for all members of a reconstruction, by the same code;
`reanalyse` gives the numbers, the lines of drawings, and for each recommendation one sentence on
what it changes, made from the numbers.

| module            | what it answers                                                             |
|-------------------|-----------------------------------------------------------------------------|
| `immortal_time`   | landmark, time-dependent Cox; or how much immortal time would explain it    |
| `cut_offs`        | cut-offs chosen on the outcome: the whole procedure, bootstrap, splines      |
| `small_samples`   | permutation log-rank, Firth, profile limits; the penalised multivariable model |
| `hazards`         | proportional hazards, restricted means                                       |
| `competing_risks` | cumulative incidence, Gray, Fine and Gray; bounds where causes are not known |
| `subgroups`       | interaction and power                                                        |
| `multiple`        | Holm, Benjamini and Hochberg                                                 |
| `confounding`     | E-values                                                                     |
| `missing_data`    | counts, patterns, multiple imputation (registry)                             |
| `dataset`         | the patients: one registry or the members                                    |
| `result`          | what is found, and the result files' columns                                 |
| `words`           | results in sentences                                                         |
"""

from resarc.quantities import QUANTITIES
from resarc.reanalysis.dataset import Data, of_members, of_registry
from resarc.reanalysis.run import Reanalysis, reanalyse, recommendations

__all__ = [
    "QUANTITIES",
    "Data",
    "Reanalysis",
    "of_members",
    "of_registry",
    "reanalyse",
    "recommendations",
]
