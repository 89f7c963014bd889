"""From a source's export to clean patients: read as text, check, reject or keep whole rows.

`read_source` takes a file apart and guesses nothing; `clean` turns its texts into the protocol's
variables. A file that is not what the protocol says is a `DataError`; a row that is not, a line of
`rejected`. Every source row is either kept or rejected.
"""

from resarc.intake.cleaning import CleanResult, clean
from resarc.intake.source import read_source

__all__ = ["CleanResult", "clean", "read_source"]
