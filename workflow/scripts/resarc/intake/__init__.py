"""From a source's export to clean patients: read as text, check, reject or keep whole rows.

`read_source` takes files apart and guesses nothing; `clean` turns their texts into the protocol's
variables. A file that is not what the protocol says is a `DataError`; a row that is not, a line of
`rejected`. Every source row is either kept or rejected.
"""

from resarc.intake.cleaning import CleanResult, clean
from resarc.intake.source import read_source
from resarc.intake.table import SourceTable

__all__ = ["CleanResult", "SourceTable", "clean", "read_source"]
