"""Work that is split into parts: each part is a job of its own, and one gathers them.

What passes between the jobs of one stage is exact, unlike a result, which is rounded: however the work
is split, the results are the same bytes.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import pandas as pd

from resarc.output import read_parquet, write_bytes

T = TypeVar("T")


@dataclass(frozen=True)
class Share:
    """Part `number` (from 0) `of` so many."""

    number: int
    of: int

    def range(self, length: int) -> range:
        """The places of this part in a list of that length; the parts together are the whole list, in
        its order, and differ by one place at the most."""
        return range(self.number * length // self.of, (self.number + 1) * length // self.of)

    def take(self, items: Sequence[T]) -> Sequence[T]:
        places = self.range(len(items))
        return items[places.start : places.stop]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of a stage whose work can be split: `--part N --of M --to FILE…` does one part,
    `--parts FILE…` gathers all of them."""
    parser.add_argument("--part", type=int, help="number of the part to do, from 0")
    parser.add_argument("--of", type=int, default=1, help="how many parts there are")
    parser.add_argument("--to", type=Path, help="file of the part that is written")
    parser.add_argument("--parts", type=Path, nargs="+", help="files of all parts, in their order")


def share(arguments: argparse.Namespace) -> Share | None:
    """The part that is asked for; None if all is."""
    return None if arguments.part is None else Share(arguments.part, arguments.of)


def write_exact(frame: pd.DataFrame, path: Path) -> None:
    """A frame as it is, with every digit of its numbers."""
    buffer = io.BytesIO()
    frame.to_parquet(buffer, index=False)
    write_bytes(buffer.getvalue(), path)


def read_exact(paths: Sequence[Path]) -> pd.DataFrame:
    """The rows of the parts, in their order."""
    frames = [read_parquet(path) for path in paths]
    return pd.concat([f for f in frames if len(f)] or frames[:1], ignore_index=True)


def write_arrays(arrays: dict[str, np.ndarray], path: Path) -> None:
    """Arrays by name, to the last bit."""
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    write_bytes(buffer.getvalue(), path)


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    with np.load(path, allow_pickle=False) as file:
        return {name: file[name] for name in file.files}
