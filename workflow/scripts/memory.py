"""Whether a registry fits in this machine's memory, said before it is read.

Measured with benchmarks/registry.py (17 columns, 87 bytes a row): cleaning holds 0.25 GiB for 50,000
patients and 0.71 GiB for 400,000, which is 0.19 GiB and 16 bytes for each byte of the text file.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from resarc.errors import ResarcError

TEXT_FILES = (".csv", ".tsv", ".txt")
"""Only their size says how much they hold; other formats are packed."""
BASE = 200_000_000
FOR_A_BYTE = 16


class TooLargeError(ResarcError):
    """A registry for which this machine has not the memory."""


def check_fits(files: Iterable[Path], available: int | None) -> None:
    """`TooLargeError` if cleaning the files needs more than the `available` bytes (None: not known)."""
    sizes = {path: path.stat().st_size for path in files if path.suffix.lower() in TEXT_FILES}
    needed = needs(sum(sizes.values()))
    if sizes and available is not None and needed > available:
        raise TooLargeError(
            ", ".join(map(str, sizes)),
            f"{sum(sizes.values()) / 1e9:.1f} GB, for which cleaning needs about {needed / 1e9:.0f} GB "
            "of memory",
            f"at the most what this machine has free, {available / 1e9:.0f} GB",
            "End other programs, use a machine with more memory (docs/scaling.md), or leave out rows "
            "and columns that the protocol does not use.",
        )


def needs(size: int) -> int:
    """Bytes of memory that cleaning a text file of that size takes at its peak."""
    return BASE + FOR_A_BYTE * size


def available() -> int | None:
    """Bytes that a new process can have without pushing others out; None where it cannot be known."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        (line,) = (line for line in lines if line.startswith("MemAvailable:"))
        return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        return None
