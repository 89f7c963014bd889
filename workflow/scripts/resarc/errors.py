"""Errors that a user can act on.

A command prints a `ResarcError` without a traceback; any other exception is a bug of Resarc and
says so. A message names the place (file, row or key), what was found, what is expected, and what
to do.
"""

from __future__ import annotations


class ResarcError(Exception):
    """Something in the user's files or settings that the user can mend."""

    def __init__(self, where: str, found: str, expected: str, remedy: str = "") -> None:
        self.where, self.found, self.expected, self.remedy = where, found, expected, remedy
        text = f"{where}: found {found}; expected {expected}."
        super().__init__(f"{text} {remedy}".rstrip())


class EstimandError(ResarcError):
    """A text that is no estimand."""


class ConfigurationError(ResarcError):
    """A configuration file that does not follow its schema or contradicts itself."""


class DataError(ResarcError):
    """A data file that cannot be read as its protocol says."""


class ReconstructionError(ResarcError):
    """Printed figures from which no dataset could be built within the limits."""
