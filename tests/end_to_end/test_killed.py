"""A run that is killed again and again, in the middle of every stage, ends with the same bytes."""

import os
import random
import shutil
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


def wait_for(stage: str, run: subprocess.Popen) -> psutil.Process:
    """A job of the stage, as soon as it is running; an error if the run ends before."""
    name, until = f"workflow/scripts/{stage}.py", time.monotonic() + PATIENCE
    while time.monotonic() < until:
        for process in psutil.Process(run.pid).children(recursive=True):
            try:
                if name in process.cmdline():
                    return process
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
    made: dict[str, list[str]] = {}
    for job in read_jobs(small_run / ".snakemake/metadata", outputs):
        lasted[job.rule] = max(job.ended - job.started, lasted.get(job.rule, 0.0))
        made.setdefault(job.rule, []).extend(job.outputs)
    kills = [(stage, False) for stage in STAGES] + [(stage, True) for stage in TWICE]
    kills.sort(key=lambda kill: STAGES.index(kill[0]))
    assert len(kills) >= 20

    def forget(stage: str) -> None:
        """As if the stage had not been run."""
        for name in made[stage]:
            path = copy / name
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)

    for stage, run_alone in kills:
        if not run_alone:
            forget(stage)  # it may have ended beside one that was killed before
        for _ in range(10):
            run = start(copy)
            job = wait_for(stage, run)
            waited = chance.uniform(0.1, 0.8) * lasted.get(stage, 0.5)
            time.sleep(waited)
            in_the_middle = job.is_running()
            if run_alone:
                run.kill()
            else:
                os.killpg(run.pid, signal.SIGKILL)
            run.wait()
            if in_the_middle:
                break
            # It was faster than in the other run, which had the machine less to itself: the
            # job lasts no longer than was waited. Make it anew, and try again.
            lasted[stage] = waited
            forget(stage)
        else:
            raise AssertionError(f"{stage} could not be killed in the middle")
    run = start(copy)  # to the end
    held = copy / ".snakemake/resarc.run.lock"
    until = time.monotonic() + PATIENCE
    while not held.read_text(encoding="utf-8").startswith(f"{run.pid} "):
        assert time.monotonic() < until
        time.sleep(0.02)
    second = copy.snakemake("--cores", "1")
    assert run.wait() == 0, (copy / "screen.txt").read_text(encoding="utf-8")[-5000:]
    if f"another run of Resarc (process {run.pid}" in second.stderr:
        assert second.returncode == 1
        assert "Traceback" not in second.stderr
    else:  # it began when the other had ended
        assert "Nothing to be done" in second.stdout + second.stderr
    expected, found = small_run.results(), copy.results()
    assert set(found) == set(expected)  # nothing is missing, and no draft is left
    assert [name for name in found if found[name] != expected[name]] == []
    assert "Nothing to be done" in (again := copy.snakemake("--cores", "2")).stdout + again.stderr
