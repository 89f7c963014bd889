"""The arithmetic of the profile of a run, and that each process says what it used."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.docs


@pytest.fixture(autouse=True)
def _benchmarks(monkeypatch):
    within = str(ROOT / "benchmarks/within")
    monkeypatch.setattr(sys, "path", [str(ROOT / "benchmarks"), within, *sys.path])
    # The machine may have one of its own, which Python has imported already.
    monkeypatch.delitem(sys.modules, "sitecustomize", raising=False)


def uses():
    """Snakemake, under it one job after the other: an analysis, a notebook with its kernel beside it."""
    from measured import Use

    mega = 2**20
    return [
        Use(
            "snakemake", 0, 10, 90 * mega, {"start of Python": 0.25, "imports": 0.5, "own work": 1}
        ),
        Use("analyse", 1, 4, 100 * mega, {"start of Python": 0.25, "imports": 1, "own work": 1.5}),
        Use("notebook", 4, 9, 60 * mega, {"start of Python": 0.25, "imports": 0.5, "own work": 1}),
        Use(
            "ipykernel_launcher", 5, 8, 80 * mega, {"imports": 1, "figures": 0.5, "own work": 0.25}
        ),
    ]


def test_what_the_processor_time_was_for():
    import profile_run
    from measured import Run

    # 8 s are told by the processes; two cores had 20 s, and 9 of them were used.
    assert profile_run.purposes(Run(uses(), 10.0, 9.0), 2).splitlines()[2:] == [
        "| imports | 2.5 s | 12% |",
        "| Snakemake | 1.8 s | 9% |",
        "| the library's own work, in the stages below | 1.5 s | 8% |",
        "| notebooks: papermill, kernel, page | 1.2 s | 6% |",
        "| start of Python | 0.5 s | 2% |",
        "| figures | 0.5 s | 2% |",
        "| shells, and the ends of processes | 1.0 s | 5% |",
        "| waiting: a core had nothing to do | 11.0 s | 55% |",
        "| **whole run: 10.0 s on 2 cores** | **20.0 s** | |",
    ]


def test_each_stage_and_what_ran_at_once():
    import profile_run
    from measured import Run

    rows = profile_run.stages(Run(uses(), 10.0, 9.0)).splitlines()[2:]
    assert rows[0] == (
        "| analyse | 1 | 3.0 s | 3.0 s | 2.8 s | 0.2 s | 1.0 s | 0.0 s | 0.0 s | 1.5 s | 0.2 s | 100 MB |"
    )
    # At second 5 Snakemake, the notebook and its kernel: 90 + 60 + 80 MB.
    assert rows[-1].endswith("| **230 MB** (processes at once) |")
    assert profile_run.jobs(Run(uses(), 10.0, 9.0)) == 2


def test_time_belongs_to_one_thing_at_a_time():
    from sitecustomize import Clock

    seconds = iter([0, 1, 3, 6, 10, 15])
    clock = Clock(lambda: next(seconds))
    inner = clock.counted("imports", lambda: None)
    clock.counted("figures", lambda: (inner(), clock.counted("figures", lambda: None)()))()
    clock.settle()
    # 0 to 1 own work, to 3 a drawing, to 6 an import within it, to 10 the drawing, to 15 own work.
    assert clock.spent == {"own work": 1 + 5, "figures": 2 + 4, "imports": 3}


def test_each_process_says_what_it_used(tmp_path):
    """Of a drawing as of the report, and a stand-in that sets a page; what is taken from a module by name
    is counted as well."""
    script = tmp_path / "stage.py"
    (tmp_path / "typst.py").write_text("def compile(): return sum(range(3_000_000))\n")
    script.write_text(
        "import sys\n"
        f"sys.path[:0] = [{str(tmp_path)!r}, {str(ROOT / 'workflow' / 'scripts')!r}]\n"
        "from typst import compile\n"
        "import pandas as pd\n"
        "from resarc.report.figures import Interval, forest\n"
        "compile()\n"
        "forest([('', [Interval('a', 0.5, 2.0)])], axis='x', finding='f', caption='c')\n",
        encoding="utf-8",
    )
    notes = tmp_path / "use.jsonl"
    subprocess.run(
        [sys.executable, script],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "benchmarks" / "within")}
        | {"RESARC_USE": str(notes)},
        check=True,
    )
    from measured import read

    (use,) = read(notes.read_text(encoding="utf-8"))
    assert use.stage == "stage"
    assert {"start of Python", "imports", "figures", "Typst", "own work"} == set(use.spent)
    assert all(seconds > 0 for seconds in use.spent.values())
    assert use.memory > 2**24
    assert json.loads(notes.read_text(encoding="utf-8"))["ended"] == use.ended


def test_the_profile_knows_every_command_line_of_the_reports():
    import profile_run

    scripts = {path.stem for path in (ROOT / "workflow" / "scripts").glob("*.py")}
    assert profile_run.REPORTS | {"notebook"} <= scripts
