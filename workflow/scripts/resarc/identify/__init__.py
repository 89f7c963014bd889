"""What the printed figures of a study leave open: identified sets and bands of survival curves.

`push` seeks the ends of the sets, `identify` reads them off all members, `enumeration` proves some of
them, `sensitivity` shows what hangs on how members were drawn, `diversity` how far apart they are.
"""

from resarc.identify.bounds import (
    ADJUSTED_COLUMNS,
    COLUMNS,
    GRID,
    envelopes,
    identify,
    identify_adjusted,
    identify_by_hypothesis,
)

__all__ = [
    "ADJUSTED_COLUMNS",
    "COLUMNS",
    "GRID",
    "envelopes",
    "identify",
    "identify_adjusted",
    "identify_by_hypothesis",
]
