"""One run at a time in a folder; what a killed run left is cleared away; no room or leave is said."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import running
from running import CannotRunError, begin, check_writable, is_running, lock

SCRIPTS = Path(__file__).parents[2] / "workflow" / "scripts"
HOLD = """
import sys, time
from pathlib import Path
import command, running
{what}
print("held", flush=True)
time.sleep(60)
"""

pytestmark = pytest.mark.unit
fcntl = pytest.importorskip("fcntl")


@pytest.fixture
def process(tmp_path):
    """A function: another process in which some code has run and which then waits."""
    started = []

    def process(what: str) -> subprocess.Popen:
        (tmp_path / running.STATE).mkdir(exist_ok=True)
        one = subprocess.Popen(
            [sys.executable, "-c", HOLD.format(what=what)],
            cwd=tmp_path,
            env={"PYTHONPATH": str(SCRIPTS)},
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(one)
        assert one.stdout.readline() == "held\n"
        return one

    yield process
    for one in started:
        one.kill()
        one.wait()


@pytest.fixture(autouse=True)
def _released():
    yield
    for handle in running._held:
        handle.close()
    running._held.clear()


def test_a_second_run_is_told_of_the_first(tmp_path, process):
    first = process("running.begin(Path.cwd())")
    assert is_running(tmp_path)
    with pytest.raises(CannotRunError) as told:
        begin(tmp_path)
    assert f"another run of Resarc (process {first.pid}, since " in str(told.value)
    assert "Wait until it ends" in str(told.value)


def test_a_run_that_was_killed_leaves_nothing_in_the_way(tmp_path, process):
    first = process("running.begin(Path.cwd())")
    left = tmp_path / running.STATE / "locks" / "0.output.lock"
    left.parent.mkdir()
    left.write_text("results/a.csv\n", encoding="utf-8")
    first.send_signal(signal.SIGKILL)
    first.wait()
    assert not is_running(tmp_path)
    draft = tmp_path / "results" / "a_study" / ".flow.csv.123.part"
    draft.parent.mkdir(parents=True)
    draft.touch()
    begin(tmp_path)
    assert not left.exists()
    assert not draft.exists()
    assert is_running(tmp_path)


def test_the_lock_of_a_run_that_lives_is_not_cleared_away(tmp_path, process):
    process("running.begin(Path.cwd())")
    held = tmp_path / running.STATE / "locks" / "0.output.lock"
    held.parent.mkdir()
    held.write_text("results/a.csv\n", encoding="utf-8")
    with pytest.raises(CannotRunError):
        begin(tmp_path)
    assert held.exists()


def test_a_job_that_outlived_its_run_is_waited_for(tmp_path, process):
    job = process(f"command._share_lock(Path({str(running.STATE)!r}, {running.JOBS!r}))")
    second = subprocess.Popen(
        [sys.executable, "-c", "import running; from pathlib import Path; running.begin(Path())"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(SCRIPTS)},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert second.stderr.readline().startswith("Waiting for jobs of an earlier run")
        assert second.poll() is None
        job.kill()
        assert second.wait(timeout=30) == 0
    finally:
        second.kill()


def test_jobs_of_one_run_share_their_lock(tmp_path, process):
    share = f"command._share_lock(Path({str(running.STATE)!r}, {running.JOBS!r}))"
    process(share)
    process(share)
    assert lock(tmp_path / running.STATE / running.JOBS, keep=False) is False


def test_a_file_system_without_locks_leaves_it_to_snakemake(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(running.fcntl, "flock", refuse)
    left = tmp_path / running.STATE / "locks" / "0.output.lock"
    left.parent.mkdir(parents=True)
    left.touch()
    begin(tmp_path)
    assert left.exists()


def test_a_folder_that_cannot_be_written_is_named(tmp_path, monkeypatch):
    deep = tmp_path / "results" / "a_study" / "figures"
    deep.mkdir(parents=True)
    check_writable(tmp_path)
    allowed = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != deep and allowed(path, mode))
    with pytest.raises(CannotRunError, match=r"figures: found a folder that cannot be written"):
        check_writable(tmp_path)


def test_a_disk_that_is_all_but_full_is_said_before_anything_runs(tmp_path, monkeypatch):
    usage = running.shutil.disk_usage(tmp_path)
    monkeypatch.setattr(running.shutil, "disk_usage", lambda _: usage._replace(free=3_400_000))
    with pytest.raises(CannotRunError, match="3 MB left on the disk; expected 20 MB"):
        begin(tmp_path)
