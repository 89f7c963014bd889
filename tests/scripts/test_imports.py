"""What jobs load when they start. A library that takes as long to load as a job's own work is imported
inside the function that needs it (CONTRIBUTING), or not by that stage at all."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[2] / "workflow" / "scripts"
SLOW = {
    "numba",
    "scipy.stats",
    "scipy.optimize",
    "statsmodels",
    "lifelines",
    "matplotlib",
    "papermill",
    "typst",
}
SEARCHING = {"reconstruct", "push"}
"""Only these jobs search, by what numba compiled."""
LOADED = """
import importlib, sys
sys.path.insert(0, sys.argv[1])
for name in sys.argv[3:]:
    importlib.import_module(name)
print(*sorted(set(sys.argv[2].split(",")) & set(sys.modules)))
"""

pytestmark = pytest.mark.unit


def loaded(*names: str) -> set[str]:
    """The slow libraries that importing these command lines loads."""
    done = subprocess.run(
        [sys.executable, "-c", LOADED, str(SCRIPTS), ",".join(SLOW), *names],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def test_no_command_line_loads_a_slow_library_to_start():
    names = {path.stem for path in SCRIPTS.glob("*.py")} - SEARCHING
    assert loaded(*sorted(names)) == set()


def test_only_the_searches_load_what_compiles_them():
    for name in sorted(SEARCHING):
        assert loaded(name) == {"numba"}
