"""One whole run, made once however many processes test, and kept as it was left."""

import fcntl
import os
import shutil

import pytest

MEMBERS = 8


@pytest.fixture(scope="session")
def first_run(copy_repository, tmp_path_factory):
    """A copy of the repository in which everything has been run, with few datasets for each study.
    Tests read it; one that changes something takes a copy (`ran`)."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder = shared / "first-run"
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w", encoding="utf-8") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        if (folder / "done").exists():
            return copy_repository.of(folder / "run" / "a copy")
        shutil.rmtree(folder / "run", ignore_errors=True)
        copy = copy_repository(folder / "run")
        copy.edit("config/config.yaml", "members: 200", f"members: {MEMBERS}")
        done = copy.snakemake("--cores", "2")
        assert done.returncode == 0, done.stdout + done.stderr
        (folder / "done").touch()
    return copy
