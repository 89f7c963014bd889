"""The pipeline on a real Slurm: the same bytes as here, and what happens when a cluster misbehaves.

Run by `make slurm-test`. The Slurm is started by the test on the loopback interface (`cluster`).
"""

import hashlib
import importlib.util
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from cluster import Cluster, missing

pytestmark = pytest.mark.slurm

PATIENCE = 900
"""Seconds that a run may take."""
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
    time.sleep({seconds})
    for name in ("--ensemble", "--targets", "--hypotheses"):
        Path(given[name]).write_text("whole")
    raise SystemExit
"""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    lacking = missing()
    if lacking:
        pytest.skip(f"not installed: {', '.join(lacking)} (Debian: slurm-wlm and munge)")
    if not importlib.util.find_spec("snakemake_executor_plugin_slurm"):
        pytest.skip("snakemake-executor-plugin-slurm is not installed (make slurm)")
    made = Cluster(tmp_path_factory.mktemp("slurm"))
    try:
        made.start()
        yield made
    finally:
        made.stop()


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
        end = time.monotonic() + 120
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
    """A function: a copy whose reconstruction writes half a file, wastes memory and sleeps."""

    def make(seconds: float, waste: int = 1):
        copy = copy_repository(tmp_path)
        text = SLOW.replace("{waste}", str(waste)).replace("{seconds}", str(seconds))
        copy.edit("workflow/scripts/reconstruct.py", "from __future__ import annotations\n", text)
        return copy

    return make


def digests(copy) -> dict[str, str]:
    files = [p for p in (copy / "results").rglob("*") if p.is_file() and p.name[0] != "."]
    return {
        path.relative_to(copy.root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
    }


def test_every_result_is_the_same_as_on_one_machine(copy_repository, tmp_path, cluster):
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
    here, there = copy_repository(tmp_path / "here"), copy_repository(tmp_path / "there")
    few = ("--config", "members=2")
    done = here.snakemake("--cores", "2", *few)
    assert done.returncode == 0, done.stderr
    done = run(there, cluster, *few)
    assert done.returncode == 0, done.stdout + done.stderr + cluster.logs()
    assert "most important finding" in done.stdout
    assert len(cluster.jobs("COMPLETED")) >= 12, "reconstruct, identify and the rest of each study"
    expected, found = digests(here), digests(there)
    assert set(found) == set(expected)
    assert {name for name in expected if found[name] != expected[name]} == set()
    assert len(expected) > 100


def test_a_cancelled_job_is_tried_again(slow, cluster):
    copy = slow(8)
    started = Started(copy, cluster, ENSEMBLE)
    started.until((copy / ENSEMBLE).exists)
    cluster.call("scancel", *cluster.jobs("RUNNING"))
    code, said = started.end()
    assert code == 0, said
    assert "FAILED" in said
    assert (copy / "tries.txt").read_text() == "2"
    assert (copy / ENSEMBLE).read_text() == "whole"


def test_a_cancelled_job_that_is_not_tried_again_leaves_nothing_half_written(slow, cluster):
    copy = slow(8)
    started = Started(copy, cluster, "--retries", "0", ENSEMBLE)
    started.until((copy / ENSEMBLE).exists)
    cluster.call("scancel", *cluster.jobs("RUNNING"))
    code, said = started.end()
    assert code == 1
    assert "FAILED" in said
    assert "CANCELLED" in said
    assert "as job" in said
    assert not (copy / ENSEMBLE).exists()
    done = run(copy, cluster, ENSEMBLE)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (copy / ENSEMBLE).read_text() == "whole"


def test_a_job_killed_for_its_memory_gets_more(slow, cluster):
    copy = slow(5, waste=900)
    tight = ("--set-resources", "reconstruct:mem_mb=900*attempt")
    done = run(copy, cluster, ENSEMBLE, *tight, "--retries", "0")
    assert done.returncode == 1
    assert "exceeded memory limit" in done.stderr
    assert not (copy / ENSEMBLE).exists()
    done = run(copy, cluster, ENSEMBLE, *tight)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "exceeded memory limit" in done.stderr
    assert (copy / "tries.txt").read_text() == "3"
    assert (copy / ENSEMBLE).read_text() == "whole"


def test_a_controller_that_is_started_again_loses_no_job(slow, cluster):
    copy = slow(15)
    started = Started(copy, cluster, ENSEMBLE)
    started.until((copy / ENSEMBLE).exists)
    cluster.stop_controller()
    time.sleep(8)
    cluster.start_controller()
    code, said = started.end()
    assert code == 0, said + cluster.logs()
    assert (copy / "tries.txt").read_text() == "1"
    assert (copy / ENSEMBLE).read_text() == "whole"
