"""The searches are compiled once, by one process, and then for every study."""

import os
import subprocess
import sys
import time
from importlib import import_module
from pathlib import Path

import pytest
from numba.core.registry import CPUDispatcher

from resarc import compiled
from resarc import protocol as protocols
from resarc import published as publications
from resarc.estimand import Estimand
from resarc.identify.push import push
from resarc.reconstruct.engine import reconstruct

pytestmark = pytest.mark.unit

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = ROOT / "workflow" / "scripts"


@pytest.fixture(scope="module")
def searches():
    sys.path.insert(0, str(SCRIPTS))
    yield import_module("compile_searches")
    sys.path.remove(str(SCRIPTS))


@pytest.fixture
def own_folder(searches, monkeypatch, tmp_path):
    """The notes and one source in a folder of the test's own."""
    source = tmp_path / "source.py"
    source.write_text("", encoding="utf-8")
    monkeypatch.setattr(searches, "NOTES", tmp_path / "notes")
    monkeypatch.setattr(compiled, "ROOT", tmp_path)
    monkeypatch.setattr(compiled, "sources", lambda: [source])
    return source


def compiled_functions() -> dict[str, CPUDispatcher]:
    found = {}
    for path in compiled.sources():
        name = ".".join(path.relative_to(compiled.ROOT).with_suffix("").parts)
        for value in vars(import_module(name)).values():
            if isinstance(value, CPUDispatcher) and value.py_func.__module__ == name:
                found[f"{path.stem}.{value.py_func.__name__}"] = value
    return found


def test_every_search_is_compiled_and_a_study_needs_no_other_version_of_it(searches):
    """Functions that a search calls are in it already where it comes out of what was kept."""
    searches.compile_all()
    functions = compiled_functions()
    assert len(functions) > 50
    before = {name: len(function.signatures) for name, function in functions.items()}
    doors = ["courses.search", "exchanges.search", "values.search_each", "climb.climb"]
    doors += ["tracing.trace_members", "annealing.anneal"]
    assert [name for name in doors if not before[name]] == []
    protocol = protocols.load(ROOT / "config/studies/qu2024.yaml")
    published = publications.load(ROOT / "config/published/qu2024.yaml")
    found = reconstruct(protocol, published, members=2, seed=7)
    wanted = [Estimand.parse("os.median"), Estimand.parse("os.survival(12 months)")]
    push(wanted, found.ensemble, protocol, published, found.targets, seed=7, effort=0.0005)
    assert {name: len(function.signatures) for name, function in functions.items()} == before


def test_a_source_that_is_written_anew_is_compiled_anew(searches, own_folder):
    assert not searches.are_compiled()
    searches.write_note()
    assert searches.are_compiled()
    later = time.time() + 10
    os.utime(own_folder, (later, later))
    assert not searches.are_compiled()
    searches.write_note()
    (note,) = searches.NOTES.glob("searches-*")
    own_folder.write_text("x = 1\n", encoding="utf-8")
    assert searches.note() != note


def test_two_at_once_compile_once(tmp_path):
    program = (
        "import sys, time; from pathlib import Path; import compile_searches as it;"
        f"it.NOTES = Path({str(tmp_path)!r}); it.compile_all = lambda: time.sleep(2);"
        "sys.argv = ['']; it.main()"
    )
    jobs = [
        subprocess.Popen(
            [sys.executable, "-c", program], cwd=SCRIPTS, stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    said = [job.communicate()[0] for job in jobs]
    assert [job.returncode for job in jobs] == [0, 0]
    assert sum("Compiling" in words for words in said) == 1
