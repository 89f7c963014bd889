"""A result table is read as it was meant when it was written."""

import pandas as pd
import pytest

from resarc.output import read_csv, write_csv

pytestmark = pytest.mark.unit


def test_texts_numbers_and_gaps_come_back(tmp_path):
    frame = pd.DataFrame(
        {
            "level": ["1", "2", "-", "NA"],
            "note": ["=1+1", "'quoted", float("nan"), "plain"],
            "value": [0.25, float("nan"), 3.0, float("inf")],
            "n": [1, 2, 3, 4],
        }
    )
    write_csv(frame, tmp_path / "t.csv")
    assert "'=1+1" in (tmp_path / "t.csv").read_text()
    pd.testing.assert_frame_equal(read_csv(tmp_path / "t.csv"), frame, check_dtype=False)


def test_a_column_of_numbers_that_means_text_stays_text(tmp_path):
    write_csv(pd.DataFrame({"level": ["01", "2"], "code": ["01", "02"]}), tmp_path / "t.csv")
    read = read_csv(tmp_path / "t.csv", text=["code"])
    assert read["level"].tolist() == ["01", "2"]
    assert read["code"].tolist() == ["01", "02"]


def test_a_table_without_rows_keeps_its_columns(tmp_path):
    write_csv(pd.DataFrame({"level": [], "value": []}), tmp_path / "t.csv")
    assert list(read_csv(tmp_path / "t.csv").columns) == ["level", "value"]
