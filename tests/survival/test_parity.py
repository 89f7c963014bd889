"""Every quantity against R: within its tolerance, and as the documentation says."""

import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

ROOT = Path(__file__).parents[2]
R = ROOT / "tests" / "r"


def module(name):
    spec = importlib.util.spec_from_file_location(name, R / f"{name}.py")
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


DIFFERENCES, PARITY = module("differences"), module("parity")
KEPT = pd.read_csv(R / "differences.csv").set_index("quantity")


@pytest.mark.parity
@pytest.mark.parametrize("name", DIFFERENCES.QUANTITIES)
def test_a_quantity_is_that_of_r(name):
    _, tolerance = DIFFERENCES.QUANTITIES[name]
    found = DIFFERENCES.largest(name)
    assert found <= tolerance
    assert found <= KEPT.loc[name, "largest_difference"]
    assert DIFFERENCES.compared(name) == KEPT.loc[name, "numbers"] > 0
    assert KEPT.loc[name, "tolerance"] == tolerance


@pytest.mark.docs
def test_the_documentation_gives_each_largest_difference():
    page = (ROOT / "docs" / "statistics.md").read_text(encoding="utf-8")
    cells = [line.split("|")[6] for line in page.splitlines() if line.count("|") == 8]
    said = dict(
        found for cell in cells for found in re.findall(r"(?:^ |; )(.+?) (1e-\d\d)(?=;| $)", cell)
    )
    kept = {name: f"{value:.0e}" for name, value in KEPT["largest_difference"].items()}
    assert said == kept
    assert list(KEPT.index) == list(DIFFERENCES.QUANTITIES)


@pytest.mark.docs
def test_the_documentation_lists_the_edge_cases():
    page = (ROOT / "docs" / "statistics.md").read_text(encoding="utf-8")
    text = (ROOT / "tests" / "survival" / "test_edge_cases.py").read_text(encoding="utf-8")
    cases = re.findall(r'^    "([^"]+)": \[$', text, flags=re.MULTILINE)
    assert len(cases) > 5
    listed = re.findall(r"^\| ([^|`]+?) \|", page.partition("## Edge cases")[2], flags=re.MULTILINE)
    assert set(cases) == set(listed) - {"where", "---"}


@pytest.mark.unit
def test_a_difference_is_relative_above_1_and_absolute_below():
    assert DIFFERENCES.difference([2.0, 0.5], [2.0, 0.5]) == 0
    assert DIFFERENCES.difference([200.0], [201.0]) == pytest.approx(1 / 201)
    assert DIFFERENCES.difference([0.5], [0.6]) == pytest.approx(0.1)
    assert DIFFERENCES.difference([np.nan], [None]) == 0
    assert DIFFERENCES.difference([np.nan], [1.0]) == np.inf
    assert DIFFERENCES.difference([1.0], [1.0, 2.0]) == np.inf
    assert [DIFFERENCES.bound(v) for v in (0.0, 3e-16, 2e-9)] == [1e-13, 1e-13, 1e-8]


@pytest.mark.unit
def test_results_that_differ_are_named_by_their_place():
    kept = {"versions": {"R": "4.2"}, "a": [1.0, {"b": None}], "c": "NA"}
    assert PARITY.differences(kept, kept | {"versions": {"R": "5"}}) == []
    assert PARITY.differences(kept, kept | {"a": [1.0 + 1e-10, {"b": None}]}) == []
    (found,) = PARITY.differences(kept, kept | {"a": [1.1, {"b": None}]})
    assert found == ".a[0]: 1.0 kept, 1.1 found"
    assert PARITY.differences(kept, kept | {"a": [1.0, {"b": 2}]}) == [
        ".a[1].b: None kept, 2 found"
    ]
    assert len(PARITY.differences(kept, {"a": [1.0]})) == 1
    assert PARITY.differences({"a": [1]}, {"a": [1, 2]}) == [".a: 1 entries kept, 2 found"]


@pytest.mark.unit
def test_every_script_has_its_results_and_names_its_packages():
    for name in PARITY.SCRIPTS:
        assert (R / f"{name}.json").is_file()
        assert PARITY.needed(name)
    others = {path.stem for path in R.glob("*.R")} - set(PARITY.SCRIPTS)
    assert others <= {"tcga"}


@pytest.mark.unit
def test_without_r_it_says_what_to_install(monkeypatch, capsys):
    monkeypatch.setattr(shutil, "which", lambda _: None)
    monkeypatch.setattr(sys, "argv", ["parity.py"])
    assert PARITY.main() == 2
    said = capsys.readouterr().err
    assert "Rscript is not on the PATH" in said
    assert "apt-get install r-base-core" in said


@pytest.mark.unit
def test_without_a_package_it_says_which(monkeypatch, capsys):
    monkeypatch.setattr(shutil, "which", lambda _: "/usr/bin/Rscript")
    answer = subprocess.CompletedProcess([], 0, stdout="maxstat pROC", stderr="")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: answer)
    monkeypatch.setattr(sys, "argv", ["parity.py"])
    assert PARITY.main() == 2
    said = capsys.readouterr().err
    assert "R lacks maxstat, pROC" in said
    assert "apt-get install r-cran-maxstat r-cran-proc" in said
