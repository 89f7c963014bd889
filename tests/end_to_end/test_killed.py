"""A run that is killed again and again, in the middle of every stage, ends with the same bytes."""

import os
import random
import signal
import subprocess
import sys
import time

import psutil
import pytest

from resarc.jobs import read_jobs

pytestmark = pytest.mark.end_to_end

STAGES = (
    "check", "audit", "reconstruct", "export", "cohort", "analyse", "identify", "compare",
    "notebook", "study_report", "synthesis", "combined_report", "manifest",
)  # fmt: skip
TWICE = ("check", "reconstruct", "cohort", "analyse", "identify", "study_report", "combined_report")
"""Stages that are killed a second time, then with their run alone: the job itself lives on."""
PATIENCE = 300
"""Seconds to wait for a stage to begin, on a machine that does other work as well."""


def start(copy) -> subprocess.Popen:
    with (copy / "screen.txt").open("ab") as screen:
        return subprocess.Popen(
            [sys.executable, "-m", "snakemake", "--cores", "2"], cwd=copy.root,
            env=copy.environment, stdout=screen, stderr=screen, start_new_session=True,
        )  # fmt: skip


def wait_for(stage: str, run: subprocess.Popen) -> None:
    """Until a job of the stage is running; an error if the run ends before."""
    name, until = f"workflow/scripts/{stage}.py", time.monotonic() + PATIENCE
    while time.monotonic() < until:
        for process in psutil.Process(run.pid).children(recursive=True):
            try:
                if name in process.cmdline():
                    return
            except psutil.Error:
                continue  # it has just ended
        assert run.poll() is None, f"the run ended ({run.returncode}) before {stage} began"
        time.sleep(0.02)
    raise AssertionError(f"{stage} did not begin")


def test_killed_in_every_stage_and_run_again(small_run, small, tmp_path):
    chance = random.Random(20260101)
    copy = small(tmp_path)
    outputs = [f"results/{name}" for name in small_run.results()]
    lasted: dict[str, float] = {}
    for job in read_jobs(small_run / ".snakemake/metadata", outputs):
        lasted[job.rule] = max(job.ended - job.started, lasted.get(job.rule, 0.0))
    kills = [(stage, False) for stage in STAGES] + [(stage, True) for stage in TWICE]
    kills.sort(key=lambda kill: STAGES.index(kill[0]))
    assert len(kills) >= 20
    for stage, run_alone in kills:
        run = start(copy)
        wait_for(stage, run)
        if (stage, run_alone) == ("reconstruct", False):
            second = copy.snakemake("--cores", "1")
            assert second.returncode == 1
            assert f"another run of Resarc (process {run.pid}" in second.stderr
            assert "Traceback" not in second.stderr
        time.sleep(chance.uniform(0.1, 0.9) * lasted.get(stage, 0.5))
        if run_alone:
            run.kill()
        else:
            os.killpg(run.pid, signal.SIGKILL)
        run.wait()
        assert run.returncode in (0, -signal.SIGKILL)  # 0: the last stage ended a moment before
    done = copy.snakemake("--cores", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    expected, found = small_run.results(), copy.results()
    assert set(found) == set(expected)  # nothing is missing, and no draft is left
    assert [name for name in found if found[name] != expected[name]] == []
    assert "Nothing to be done" in (again := copy.snakemake("--cores", "2")).stdout + again.stderr
