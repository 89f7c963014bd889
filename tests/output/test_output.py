"""Tables are written whole, the same every time, and hold no formula."""

import csv
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from resarc import output

SCRIPTS = Path(__file__).parents[2] / "workflow" / "scripts"

pytestmark = pytest.mark.unit


def test_csv_bytes(tmp_path):
    frame = pd.DataFrame(
        {
            "text": ["a", None, 'say "b"', "c,d"],
            "float": [1 / 3, np.nan, 2.0, -0.0],
            "whole": [12345678901.0, 1e20, -5.0, 36.0],
            "int": [1, 2, 3, 4],
            "flag": [True, False, True, False],
        }
    )
    output.write_csv(frame, tmp_path / "new" / "t.csv")
    assert (tmp_path / "new" / "t.csv").read_bytes() == (
        b"text,float,whole,int,flag\n"
        b"a,0.3333333333,12345678901,1,True\n"
        b",,1e+20,2,False\n"
        b'"say ""b""",2,-5,3,True\n'
        b'"c,d",0,36,4,False\n'
    )


@pytest.mark.parametrize(
    ("cell", "written"),
    [
        ("=1+1", "'=1+1"),
        ("+cmd|' /C calc'!A0", "'+cmd|' /C calc'!A0"),
        ("-2+3", "'-2+3"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("\r=1", "'\r=1"),
        ("-", "'-"),
        ("-5", "-5"),
        ("+3.5e-7", "+3.5e-7"),
        ("-12,5", "-12,5"),
        ("a=1", "a=1"),
        ("", ""),
    ],
)
def test_formula_becomes_text(cell, written):
    assert output.guarded(cell) == written


def test_verbatim_keeps_codes(tmp_path):
    frame = pd.DataFrame({"margin": ["+", "-", "=1"]})
    output.write_csv(frame, tmp_path / "t.csv", separator=";", verbatim=True)
    assert (tmp_path / "t.csv").read_bytes() == b"margin\n+\n-\n=1\n"


@pytest.mark.property
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    cells=st.lists(
        st.tuples(
            st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00")),
            st.text(alphabet='=+-@\t\r\n",;a'),
        ),
        min_size=1,
        max_size=5,
    )
)
def test_every_text_comes_back(cells, tmp_path):
    frame = pd.DataFrame(cells, columns=["one", "two"])
    path = tmp_path / "t.csv"
    output.write_csv(frame, path)
    with path.open(encoding="utf-8", newline="") as handle:
        back = list(csv.reader(handle, strict=True))[1:]
    assert back == [[output.guarded(a), output.guarded(b)] for a, b in cells]


def test_parquet_is_deterministic_and_typed(tmp_path):
    frame = pd.DataFrame({"a": [None, None], "b": [1 / 3, 48.0], "c": ["x", None]})
    for name in ("1.parquet", "2.parquet"):
        output.write_parquet(frame, tmp_path / name)
    assert (tmp_path / "1.parquet").read_bytes() == (tmp_path / "2.parquet").read_bytes()
    back = output.read_parquet(tmp_path / "1.parquet")
    assert back["b"].tolist() == [0.3333333333, 48.0]
    assert back["a"].dtype == object
    assert back["a"].isna().all()
    assert back["c"].tolist() == ["x", None]


def test_a_parquet_file_is_read_without_a_thread_that_could_outlive_python(tmp_path):
    frame = pd.DataFrame({"a": np.arange(40_000.0), "b": ["x", None] * 20_000})
    output.write_parquet(frame, tmp_path / "t.parquet")
    program = """
import os, sys
from pathlib import Path
import numpy, pandas
import pyarrow.parquet
from resarc.output import read_parquet

before = os.listdir("/proc/self/task")
frame = read_parquet(Path(sys.argv[1]), ["b", "a"])
print(len(os.listdir("/proc/self/task")) - len(before), len(frame), *frame)
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "t.parquet")],
        cwd=SCRIPTS,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["0", "40000", "b", "a"]


def test_significant_keeps_ties_and_whole_numbers():
    days = np.array([36.0, 36.0, 1095.0, 1096.0]) / 30.4375
    rounded = output.significant(pd.DataFrame({"t": days}))["t"]
    assert rounded[0] == rounded[1] < rounded[2] < rounded[3]
    assert output.significant(pd.DataFrame({"t": [12345678901.0]}))["t"][0] == 12345678901.0


def test_failed_write_leaves_the_old_file_and_no_draft(tmp_path):
    path = tmp_path / "t.csv"
    output.write_text("old\n", path)
    with pytest.raises(UnicodeEncodeError):
        output.write_csv(pd.DataFrame({"a": ["é"]}), path, encoding="ascii")
    assert path.read_text() == "old\n"
    assert [p.name for p in Path(tmp_path).iterdir()] == ["t.csv"]


def test_text_has_line_feeds(tmp_path):
    output.write_text("a\r\nb\n", tmp_path / "t.txt")
    assert (tmp_path / "t.txt").read_bytes() == b"a\nb\n"
