"""What a new export of a registry changed: in its patients, and in the results.

A version is named by the day of its export, never by the day of a run. What is kept of each version
(`Version`) is what `clean` hands on, the endpoints, and the estimates; from the versions follow two
tables, of the patients (`patients.steps`) and of the results (`results.history`).
"""

from resarc.updates.patients import STEP_COLUMNS, changes, patients_of
from resarc.updates.results import HISTORY_COLUMNS, history
from resarc.updates.version import Version, read, record

__all__ = [
    "HISTORY_COLUMNS",
    "STEP_COLUMNS",
    "Version",
    "changes",
    "history",
    "patients_of",
    "read",
    "record",
]
