"""Parts of a list are the list; what passes between jobs is exact."""

import argparse

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from parts import Share, add_arguments, read_exact, share, write_exact

pytestmark = pytest.mark.unit


@given(st.integers(0, 200), st.integers(1, 50))
def test_the_parts_together_are_the_list_in_its_order(length, of):
    items = list(range(length))
    taken = [Share(number, of).take(items) for number in range(of)]
    assert [x for part in taken for x in part] == items
    sizes = [len(part) for part in taken]
    assert max(sizes) - min(sizes) <= 1


def test_five_in_two_parts():
    assert Share(0, 2).take("abcde") == "ab"
    assert Share(1, 2).take("abcde") == "cde"


def test_what_is_written_is_read_to_the_last_bit(tmp_path):
    frame = pd.DataFrame(
        {
            "x": [0.1 + 0.2, np.inf, np.nan],
            "n": [1, 2, 3],
            "told": ["a", None, "c"],
            "is": [True, False, True],
        }
    )
    paths = [tmp_path / f"{k}.parquet" for k in range(3)]
    write_exact(frame.iloc[:2], paths[0])
    write_exact(frame.iloc[:0], paths[1])
    write_exact(frame.iloc[2:], paths[2])
    found = read_exact(paths)
    pd.testing.assert_frame_equal(found, frame, check_exact=True)
    assert found["x"][0].hex() == frame["x"][0].hex()


def test_nothing_but_empty_parts_keeps_the_columns(tmp_path):
    write_exact(pd.DataFrame({"x": [], "n": []}), tmp_path / "a")
    assert list(read_exact([tmp_path / "a", tmp_path / "a"])) == ["x", "n"]


def test_a_stage_is_whole_unless_a_part_is_named():
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    assert share(parser.parse_args([])) is None
    assert share(parser.parse_args(["--part", "0", "--of", "4"])) == Share(0, 4)
