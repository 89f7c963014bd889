"""Survival and small-sample statistics: arrays and frames in, numbers out, no idea of a study.

| module         | what it answers                                                                  |
|----------------|----------------------------------------------------------------------------------|
| `kaplan_meier` | `curve`, `survival_at`, `quantile`, `at_risk`, `reverse_follow_up`               |
| `logrank`      | `logrank` (weighted, stratified), `trend`, `exact_logrank`                       |
| `cox`          | `cox`, `proportional_hazards` (the score test of R's cox.zph), `interaction_p`   |
| `counting_process` | `cox_intervals` for start-stop rows, `episodes` to make them                  |
| `firth`        | `firth_cox`: penalised, for few events and separation, with profile limits       |
| `competing`    | `cumulative_incidence`, `incidence_at`, `gray_test`, `fine_gray`                 |
| `partial_likelihood` | Cox's likelihood with any risk sets, which the last three maximise         |
| `rmst`         | `rmst`, `rmst_difference`                                                        |
| `cutpoints`    | `roc`, `auc`, `optimal_cutoff`, `status_at`, `maximally_selected_logrank`, `maximally_selected_p`, `roc_then_logrank` |
| `landmark_roc` | `roc_at`, `auc_at`: with weights for who was censored before the landmark         |
| `contingency`  | `chi_square`, `fisher_exact`, `mid_p_fisher`, `likelihood_ratio`, `linear_by_linear` |
| `proportions`  | `proportion_interval`, `difference`                                              |
| `ranks`        | `mann_whitney`, `kruskal_wallis`                                                 |
| `balance`      | `difference_of_numbers`, `difference_of_shares` (standardised differences)       |
| `batch`        | the same statistics for many small data sets at once, in plain NumPy             |
| `two_groups`   | Cox's model of two groups, also joined late: estimate, Firth, profile limits       |
| `splines`      | restricted cubic splines                                                         |
| `e_values`     | how strong a confounder would have to be                                         |
| `multiplicity` | p-values after Holm, after Benjamini and Hochberg                                |
| `power`        | power of comparisons of two groups                                               |
| `separation`   | whether a Cox model's likelihood rises for ever                                  |
| `results`      | `Estimate` and `TestResult`, which the others return                             |
| `inputs`       | what the others accept, and the `DataError` for what they do not                 |

Conventions shared by all: `time` is follow-up in any one unit, at least 0; `event` is true for an
event and false for censoring; a patient censored at t is at risk at t. Times are tied when they are
equal, so durations that are computed should be rounded before they come here. The interval type
is always an argument. A quantity that the data do not determine is NaN, never a guess; bad input
raises `resarc.errors.DataError`.
"""
