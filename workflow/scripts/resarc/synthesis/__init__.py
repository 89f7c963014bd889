"""The studies side by side, and pooled where they measure the same quantity.

What is asked, which estimand of which study answers it, and how far that departs from the question,
is data: `config/synthesis.yaml` (`questions`). `harmonised` sets the answers side by side with their
departures. `pooled` averages those without a difference: shares of patients by a binomial model with
random intercepts (`proportions`), everything else by a random-effects mean (`effects`). A
reconstructed study enters with its identified set: the pooled value becomes the range over all values
within the sets (`bounds`). `words` says heterogeneity in words.
"""

from resarc.synthesis.effects import RandomEffects, random_effects
from resarc.synthesis.harmonised import HARMONISED, REPORTED, StudyResults, harmonise, reported
from resarc.synthesis.pooled import LEFT_OUT, POOLED, leave_one_out, pool
from resarc.synthesis.questions import Questions, load

__all__ = [
    "HARMONISED",
    "LEFT_OUT",
    "POOLED",
    "REPORTED",
    "Questions",
    "RandomEffects",
    "StudyResults",
    "harmonise",
    "leave_one_out",
    "load",
    "pool",
    "random_effects",
    "reported",
]
