"""What R computed, and how it is compared."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

CLOSED_FORM = 1e-8
ITERATED = 1e-6


def values(entry) -> np.ndarray:
    """Numbers out of the JSON: R's NA is NaN, a single number is an array of one."""
    entry = entry if isinstance(entry, list) else [entry]
    return np.array([np.nan if v is None else v for v in entry], dtype=float)


def frame(entry) -> pd.DataFrame:
    """A data frame that R wrote by columns."""
    return pd.DataFrame({k: v if isinstance(v, list) else [v] for k, v in entry.items()})


def agree(found, expected, tolerance=CLOSED_FORM) -> None:
    """Equal to a relative tolerance (absolute below 1), NaN where R has NA."""
    np.testing.assert_allclose(
        np.atleast_1d(np.asarray(found, dtype=float)),
        values(expected),
        rtol=tolerance,
        atol=tolerance,
    )


@pytest.fixture(scope="session")
def r() -> dict:
    """The results of tests/r/survival.R."""
    return json.loads((Path(__file__).parents[1] / "r" / "survival.json").read_text())


@pytest.fixture(scope="session")
def parity():
    """`agree`, `frame` and `values` for tests, which cannot import a conftest."""

    class Parity:
        agree = staticmethod(agree)
        frame = staticmethod(frame)
        values = staticmethod(values)
        iterated = ITERATED

    return Parity
