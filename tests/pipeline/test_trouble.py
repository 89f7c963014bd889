"""What the machine may lack while a job runs: room on the disk, large files, leave to write."""

import shutil
import subprocess
import sys

import pytest

pytestmark = pytest.mark.config

STUDY = "qu2024"
WANTED = f"results/{STUDY}/protocol.json"
SMALL_DISK = (
    "unshare", "--user", "--map-root-user", "--mount", "sh", "-c",
    'mount -t tmpfs -o size=$0 none "$1" || exit 77; shift; exec "$@"',
)  # fmt: skip
"""A disk of so many bytes at a place, for the command that follows."""


@pytest.fixture(scope="module")
def copy(copy_repository, tmp_path_factory):
    return copy_repository(tmp_path_factory.mktemp("trouble"))


def small_disk(copy, size: str, place: str) -> list[str]:
    (copy / place).mkdir(parents=True, exist_ok=True)
    before = [*SMALL_DISK, size, str(copy / place)]
    if not shutil.which("unshare") or subprocess.run(
        [*before, "true"], capture_output=True, check=False
    ).returncode:  # fmt: skip
        pytest.skip("no disk of its own can be mounted here")
    return before


def test_a_disk_that_is_full_while_a_job_writes_is_said_with_what_to_do(copy):
    before = small_disk(copy, "8k", f"results/{STUDY}")
    done = copy.snakemake("--cores", "1", WANTED, before=before)
    assert done.returncode == 1
    assert "error: " in done.stderr
    assert "the disk is full. Free some space. Then run make again" in done.stderr
    assert "bug of Resarc" not in done.stderr
    assert not (copy / WANTED).exists()


def test_too_little_room_is_said_before_anything_runs(copy):
    """The folder of the project itself is the small disk."""
    before = small_disk(copy, "19m", "small")
    parts = "Snakefile workflow config notebooks profiles uv.lock pyproject.toml"
    filled = f'tar --exclude __pycache__ -c {parts} | tar -x -C small; cd small; exec "$@"'
    done = copy.snakemake("--cores", "1", WANTED, before=[*before, "sh", "-c", filled, "sh"])
    assert done.returncode == 1
    assert "MB left on the disk" in done.stderr
    assert "Results that are finished stay" in done.stderr


def test_a_limit_on_file_sizes_is_said(copy):
    if not shutil.which("prlimit"):
        pytest.skip("prlimit is not installed")
    script = "workflow/scripts/check.py"
    done = copy.python(
        script, "--protocol", f"config/studies/{STUDY}.yaml",
        "--published", f"config/published/{STUDY}.yaml",
        "--checked-protocol", "protocol.json", "--checked-published", "published.json",
        before=["prlimit", "--fsize=2000"],
    )  # fmt: skip
    assert done.returncode == 1
    assert "Raise the limit on file sizes (ulimit -f). Then run make again" in done.stderr
    assert not (copy / "protocol.json").exists()


def test_results_on_a_disk_that_can_only_be_read_are_named(copy):
    before = small_disk(copy, "8k", f"results/{STUDY}")
    place = str(copy / "results" / STUDY)
    only_read = f'mount -o remount,ro "{place}" && exec "$@"'
    done = copy.snakemake("--cores", "1", WANTED, before=[*before, "sh", "-c", only_read, "sh"])
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert (
        f"error: {copy / 'results' / STUDY}: found a folder that cannot be written" in done.stderr
    )


def test_a_run_needs_no_network(copy):
    alone = ["unshare", "--user", "--map-root-user", "--net"]
    if not shutil.which("unshare") or subprocess.run([*alone, "true"], check=False).returncode:
        pytest.skip("the network cannot be taken away here")
    look = "import socket; print(socket.if_nameindex())"
    assert copy.python("-c", look, before=alone).stdout.strip() in ("[(1, 'lo')]", "[]")
    done = copy.snakemake("--cores", "1", WANTED, before=alone)
    assert done.returncode == 0, done.stderr
    assert (copy / WANTED).exists()


def test_an_older_python_is_told_what_is_needed(copy):
    """Only the check of the version is run, as an older Python would meet it."""
    start = (
        "import sys; sys.path.insert(0, 'workflow/scripts'); sys.version_info = (3, 8, 18);"
        " sys.version = '3.8.18 (x)'; import command"
    )
    done = copy.python("-c", start)
    assert done.returncode == 1
    assert done.stderr.startswith("error: Resarc needs Python 3.11, 3.12 or 3.13; this is 3.8.18")
    assert sys.executable in done.stderr
