"""What numba keeps is forgotten when anything changes that it was compiled from."""

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from resarc import compiled

pytestmark = pytest.mark.unit

LOW = """from resarc.compiled import njit
STEP = 1


@njit(cache=True)
def low(x):
    return x + 1
"""
HIGH = """from resarc.compiled import njit
from resarc.low import STEP, low


@njit(cache=True)
def high(x):
    return low(x) * 10 + STEP
"""
CALL = "from resarc.high import high; print(high(1), sum(high.stats.cache_hits.values()))"


@pytest.fixture
def package(tmp_path):
    folder = tmp_path / "resarc"
    folder.mkdir()
    shutil.copy(compiled.__file__, folder)
    (folder / "__init__.py").touch()
    (folder / "low.py").write_text(LOW, encoding="utf-8")
    (folder / "high.py").write_text(HIGH, encoding="utf-8")
    return folder


def called(package: Path) -> str:
    command = [sys.executable, "-c", CALL]
    done = subprocess.run(command, cwd=package.parent, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_it_is_compiled_once(package):
    assert called(package) == "21 0"
    assert called(package) == "21 1"


@pytest.mark.parametrize(
    ("old", "new", "result"), [("x + 1", "x + 2", "31 0"), ("STEP = 1", "STEP = 5", "25 0")]
)
def test_a_function_or_a_constant_of_another_file_that_changes_is_seen(package, old, new, result):
    called(package)
    low = package / "low.py"
    low.write_text(low.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    later = (
        time.time() + 5
    )  # Python itself does not see an edit of the same length in the same second
    os.utime(low, (later, later))
    assert called(package) == result


def test_where_nothing_can_be_written_it_runs_all_the_same(package):
    (package / "__pycache__").write_text("not a folder", encoding="utf-8")
    assert called(package).startswith("21 ")


def test_the_state_follows_modules_to_the_last(package, monkeypatch):
    monkeypatch.setattr(compiled, "ROOT", package.parent)
    (package / "lowest.py").write_text("A = 1\n", encoding="utf-8")
    with (package / "low.py").open("a", encoding="utf-8") as handle:
        handle.write("from resarc.lowest import A\n")
    before = compiled.state([package / "high.py"])
    (package / "lowest.py").write_text("A = 2\n", encoding="utf-8")
    assert compiled.state([package / "high.py"]) != before


def test_compiled_files_import_from_modules_never_a_module_from_its_package():
    found = compiled.sources()
    assert {"kernels.py", "exchanges.py", "climb.py"} <= {path.name for path in found}
    for path in found:
        text = path.read_text(encoding="utf-8")
        for name in re.findall(r"^\s*(?:from|import) (resarc[\w.]*)", text, re.MULTILINE):
            assert compiled.ROOT.joinpath(*name.split(".")).with_suffix(".py").is_file(), path


def test_nothing_is_compiled_past_it():
    folder = Path(compiled.__file__).parent
    for path in folder.rglob("*.py"):
        if path.name != "compiled.py":
            assert "from numba" not in path.read_text(encoding="utf-8"), path
