"""The pipeline on a real Slurm: the same bytes as here, and what happens when a cluster misbehaves.

The Slurm is started by the test on the loopback interface (`cluster`). Where that cannot be, the tests
are skipped and say why: what a machine lacks is no fault of the pipeline. A wrong result is.
"""

import importlib.util
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from cluster import CannotStartError, Cluster, belonging, lacks

pytestmark = pytest.mark.slurm

PATIENCE = 3000
"""Seconds that a run may take at the most, and whatever else is waited for."""
ENSEMBLE = "results/qu2024/reconstruction/ensemble.parquet"
SLOW = """
import sys
import time
from pathlib import Path

if __name__ == "__main__":
    given = dict(zip(sys.argv, sys.argv[1:]))
    tries = Path("tries.txt")
    number = int(tries.read_text()) + 1 if tries.exists() else 1
    tries.write_text(str(number))
    Path(given["--ensemble"]).write_text("half")
    waste = bytearray({waste} * 10**6)
    until = time.monotonic() + {patience}
    while number < {ends} or not Path("go.txt").exists():
        if time.monotonic() > until:
            raise SystemExit("nobody ended this job")
        time.sleep(0.2)
    for name in ("--ensemble", "--targets", "--hypotheses", "--conflicts"):
        Path(given[name]).write_text("whole")
    raise SystemExit
"""
CANNOT_START = 77
"""Exit code of `KILLED` where this machine runs no second Slurm."""
KILLED = """
import os, signal, sys
sys.path.insert(0, sys.argv[1])
from cluster import CannotStartError, Cluster
# Whatever a shell starts in the background ignores it, and hands that on.
signal.signal(signal.SIGINT, signal.default_int_handler)
cluster = Cluster()
try:
    cluster.start()
except CannotStartError:
    sys.exit(int(sys.argv[3]))
cluster.call("sbatch", "--mem=50", "--output=/dev/null", "--wrap=sleep 600; true")
while not cluster.jobs("RUNNING"):
    pass
print(cluster.folder, flush=True)
os.kill(os.getpid(), signal.Signals[sys.argv[2]])
signal.pause()
"""


@pytest.fixture(scope="module")
def started():
    """A cluster; skips the tests where there cannot be one."""
    if reason := lacks():
        pytest.skip(reason)
    if not importlib.util.find_spec("snakemake_executor_plugin_slurm"):
        pytest.skip("snakemake-executor-plugin-slurm is not installed (make slurm)")
    made = Cluster()
    try:
        try:
            made.start()
        except CannotStartError as error:
            pytest.skip(f"Slurm does not start on this machine: {error}")
        yield made
    finally:
        made.stop()


@pytest.fixture
def cluster(started):
    if ended := started.ended():
        pytest.skip(f"{', '.join(ended)} ended by itself\n{started.logs()}")
    return started


def command(*arguments: str) -> list[str]:
    """As a user calls it, but that status is asked for more often and files are local."""
    return [
        *(sys.executable, "-m", "snakemake", "--workflow-profile", "profiles/slurm"),
        *("--slurm-no-account", "--slurm-init-seconds-before-status-checks", "1"),
        *("--latency-wait", "15", *arguments),
    ]


def environment(copy, cluster) -> dict[str, str]:
    path = f"{cluster.folder / 'bin'}:{os.environ.get('PATH', os.defpath)}"
    kept = {name: os.environ[name] for name in ("USER", "LANG") if name in os.environ}
    return {**kept, "HOME": str(copy.root), **cluster.environment, "PATH": path}


def run(copy, cluster, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*arguments),
        cwd=copy.root,
        env=environment(copy, cluster),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


class Started:
    """A run that goes on while the test does something to it."""

    def __init__(self, copy, cluster, *arguments: str) -> None:
        self.cluster = cluster
        self.said = copy / "said.txt"
        with self.said.open("w", encoding="utf-8") as said:
            self.process = subprocess.Popen(
                command(*arguments),
                cwd=copy.root,
                env=environment(copy, cluster),
                stdout=said,
                stderr=said,
            )

    def until(self, holds) -> None:
        end = time.monotonic() + PATIENCE
        while not holds():
            assert self.process.poll() is None, self.said.read_text(encoding="utf-8")
            assert time.monotonic() < end, self.said.read_text(encoding="utf-8")
            time.sleep(0.5)

    def end(self) -> tuple[int, str]:
        try:
            code = self.process.wait(PATIENCE)
        finally:
            self.process.kill()
        return code, self.said.read_text(encoding="utf-8")


@pytest.fixture
def slow(copy_repository, tmp_path):
    """A function: a copy whose reconstruction writes half a file, wastes memory (MB) and then waits: before
    the try that `ends` until it is ended, in that try for the file go.txt."""

    def make(*, ends: int = 1, waste: int = 1, go: bool = True):
        copy = copy_repository(tmp_path)
        text = SLOW
        for name, value in (("waste", waste), ("ends", ends), ("patience", PATIENCE)):
            text = text.replace(f"{{{name}}}", str(value))
        copy.edit("workflow/scripts/reconstruct.py", "from __future__ import annotations\n", text)
        if go:
            (copy / "go.txt").touch()
        return copy

    return make


def hold(done, cluster) -> None:
    """That a run went well; a daemon that ended by itself meanwhile is no fault of the run."""
    if done.returncode and (ended := cluster.ended()):
        pytest.skip(f"{', '.join(ended)} ended by itself\n{cluster.logs()}")
    assert done.returncode == 0, done.stdout + done.stderr + cluster.logs()


def differing(first: dict[str, str], second: dict[str, str]) -> set[str]:
    return {name for name in first.keys() | second.keys() if first.get(name) != second.get(name)}


def unrun(copy, folder, of):
    """A copy of a copy in which nothing has been run, with what Python compiled."""
    ignored = shutil.ignore_patterns("results", "logs", ".snakemake")
    return of(shutil.copytree(copy.root, folder / "a copy", ignore=ignored))


def test_every_result_is_the_same_as_on_one_machine(first_run, copy_repository, tmp_path, cluster):
    there = unrun(first_run, tmp_path, copy_repository.of)
    before = len(cluster.jobs("COMPLETED"))
    done = run(there, cluster)
    hold(done, cluster)
    assert "most important finding" in done.stdout
    # Of each study: rebuilding, seeking the ends, bounding, re-analysis, and the rest together.
    assert len(cluster.jobs("COMPLETED")) - before == 4 * 5 or "FAILED" in done.stderr, done.stderr
    assert len(first_run.results()) > 100
    assert differing(first_run.results(), there.results()) == set()


def test_split_into_jobs_the_results_are_the_same_too(copy_repository, tmp_path, cluster):
    (tmp_path / "here").mkdir()
    here = copy_repository(tmp_path / "here")
    # More than one chunk of 50 datasets: otherwise there is nothing to split.
    here.edit("config/config.yaml", "members: 200\n", "members: 51\n")
    wanted = [f"results/okayama2022/{name}.csv" for name in ("identified", "reanalysis")]
    done = here.snakemake("--cores", "2", *wanted)
    assert done.returncode == 0, done.stdout + done.stderr
    (tmp_path / "there").mkdir()
    there = unrun(here, tmp_path / "there", copy_repository.of)
    there.edit("config/config.yaml", "chunks: auto\n", "chunks: 3\n")
    done = run(there, cluster, *wanted)
    hold(done, cluster)
    assert "part 1 of 2" in done.stderr
    assert "2 of 3" in done.stderr
    assert set(wanted) <= {f"results/{name}" for name in here.results()}
    assert differing(here.results(), there.results()) == set()


def test_a_cancelled_job_is_tried_again(slow, cluster):
    copy = slow(ends=2)
    started = Started(copy, cluster, ENSEMBLE)
    started.until((copy / ENSEMBLE).exists)
    cluster.call("scancel", *cluster.jobs("RUNNING"))
    code, said = started.end()
    assert code == 0, said
    assert "FAILED" in said
    assert (copy / "tries.txt").read_text() == "2"
    assert (copy / ENSEMBLE).read_text() == "whole"


def test_a_cancelled_job_that_is_not_tried_again_leaves_nothing_half_written(slow, cluster):
    copy = slow(ends=2)
    started = Started(copy, cluster, "--retries", "0", ENSEMBLE)
    started.until((copy / ENSEMBLE).exists)
    cluster.call("scancel", *cluster.jobs("RUNNING"))
    code, said = started.end()
    assert code == 1
    assert "FAILED" in said
    assert "CANCELLED" in said
    assert "as job" in said
    assert not (copy / ENSEMBLE).exists()
    hold(run(copy, cluster, ENSEMBLE), cluster)
    assert (copy / ENSEMBLE).read_text() == "whole"


def test_a_job_killed_for_its_memory_gets_more(slow, cluster):
    copy = slow(ends=3, waste=900)
    tight = ("--set-resources", "reconstruct:mem_mb=900*attempt")
    done = run(copy, cluster, ENSEMBLE, *tight, "--retries", "0")
    assert done.returncode == 1
    assert "exceeded memory limit" in done.stderr
    assert not (copy / ENSEMBLE).exists()
    done = run(copy, cluster, ENSEMBLE, *tight)
    hold(done, cluster)
    assert "exceeded memory limit" in done.stderr
    assert (copy / "tries.txt").read_text() == "3"
    assert (copy / ENSEMBLE).read_text() == "whole"


def test_a_controller_that_is_started_again_loses_no_job(slow, cluster):
    copy = slow(go=False)
    started = Started(copy, cluster, ENSEMBLE)
    started.until((copy / ENSEMBLE).exists)
    cluster.stop_controller()
    time.sleep(8)  # a few questions that nobody answers
    cluster.start_controller()
    (copy / "go.txt").touch()
    code, said = started.end()
    assert code == 0, said + cluster.logs()
    assert (copy / "tries.txt").read_text() == "1"
    assert (copy / ENSEMBLE).read_text() == "whole"


@pytest.mark.parametrize("signal_", ["SIGINT", "SIGTERM", "SIGKILL"])
@pytest.mark.usefixtures("started")
def test_nothing_is_left_when_a_test_is_interrupted(signal_):
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(Path(__file__).parent), signal_, str(CANNOT_START)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    said = process.stdout.readline().strip()
    if not said and process.wait(PATIENCE) == CANNOT_START:
        pytest.skip("a second Slurm does not start on this machine")
    folder = Path(said)
    assert folder.name.startswith("resarc-slurm-")
    assert process.wait(PATIENCE) != 0
    end = time.monotonic() + PATIENCE
    while folder.exists() or belonging(folder):
        assert time.monotonic() < end, belonging(folder)
        time.sleep(0.2)
