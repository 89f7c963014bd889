"""From a source's export to clean patients: read as text, check, reject or keep whole rows.

`read_source` takes files apart and guesses nothing; `clean` turns their texts into the protocol's
variables. A file that is not what the protocol says is a `DataError`; a row that is not, a line of
`rejected`. Every source row is either kept or rejected.

| module                 | what it does                                                       |
|------------------------|--------------------------------------------------------------------|
| `source` and the like  | files to texts: `read_source`                                      |
| `corrections`          | the group's own corrections, applied or refused                    |
| `cells`                | texts to values                                                    |
| `dates`                | dates without a day                                                |
| `checks`, `duplicates` | what must hold of cells, within a row, between rows                |
| `cleaning`             | all of these, and the tables that say what was found: `clean`      |
"""

from resarc.intake.cleaning import CleanResult, clean
from resarc.intake.corrections import read_corrections
from resarc.intake.source import read_source
from resarc.intake.table import SourceTable

__all__ = ["CleanResult", "SourceTable", "clean", "read_corrections", "read_source"]
