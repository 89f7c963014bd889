"""A first protocol for a data file: what its columns seem to be, for somebody to decide upon.

What is written of the data are the headers, codes of categories, and codes that are known to stand for
missing values; no other value, no smallest or largest one, and no value that few rows have
(`columns.LEAST_ROWS`): it may be free text, or a name.
"""

from resarc.proposal.columns import Proposed, propose
from resarc.proposal.writing import DECIDE, protocol_text

__all__ = ["DECIDE", "Proposed", "propose", "protocol_text"]
