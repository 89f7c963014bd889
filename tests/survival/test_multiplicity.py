"""Adjusted p-values: against R, by hand, and laws."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resarc.survival.multiplicity import adjusted

R = json.loads((Path(__file__).parents[1] / "r" / "reanalysis.json").read_text())


def numbers(entry):
    entry = entry if isinstance(entry, list) else [entry]
    return np.array([np.nan if v is None else v for v in entry], dtype=float)


@pytest.mark.parity
@pytest.mark.parametrize("place", range(len(R["p"])))
def test_equal_to_r(place):
    p = numbers(R["p"][place])
    assert adjusted(p, "holm")[0] == pytest.approx(numbers(R["holm"][place]), nan_ok=True)
    assert adjusted(p, "benjamini-hochberg")[0] == pytest.approx(
        numbers(R["bh"][place]), nan_ok=True
    )


@pytest.mark.unit
def test_many_tables_at_once_by_hand():
    found = adjusted([[0.01, 0.04, 0.03], [0.5, np.nan, 0.02]], "holm")
    assert found[0].tolist() == pytest.approx([0.03, 0.06, 0.06])
    assert found[1][[0, 2]].tolist() == pytest.approx([0.5, 0.04])
    assert np.isnan(found[1, 1])
    with pytest.raises(ValueError, match="method"):
        adjusted([[0.1]], "tukey")


@pytest.mark.property
@given(p=st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_is_never_below_benjamini_hochberg_nor_that_below_p(p):
    holm, bh = adjusted(p, "holm")[0], adjusted(p, "benjamini-hochberg")[0]
    assert (holm >= bh - 1e-12).all()
    assert (bh >= np.array(p) - 1e-12).all()
    assert (holm <= 1).all()
    smallest = int(np.argmin(p))
    assert holm[smallest] == pytest.approx(min(1, len(p) * min(p)))
