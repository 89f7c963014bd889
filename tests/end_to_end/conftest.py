"""Whole runs, each made once however many processes test, and kept as they were left."""

import fcntl
import os
import shutil

import pytest

MEMBERS = 8


@pytest.fixture(scope="session")
def first_run(made_once, copy_repository):
    """A copy of the repository in which everything has been run, with few datasets for each study.
    Tests read it; one that changes something takes a copy (`ran`)."""

    def make(folder):
        copy = copy_repository(folder)
        copy.edit("config/config.yaml", "members: 200", f"members: {MEMBERS}")
        return copy

    return made_once("first-run", make)


@pytest.fixture(scope="session")
def small(copy_repository):
    """A function: a copy of the repository with one study and two datasets, where nothing was run."""

    def make(folder):
        copy = copy_repository(folder)
        copy.edit("config/config.yaml", "members: 200", "members: 2")
        for other in ("oslo2014", "sysucc2015", "okayama2022"):
            copy.edit("config/config.yaml", f"  - {other}\n", "")
        return copy

    return make


@pytest.fixture(scope="session")
def small_run(made_once, small):
    """Such a copy in which everything has been run."""
    return made_once("small-run", small)


@pytest.fixture(scope="session")
def made_once(copy_repository, tmp_path_factory):
    """A function: a copy that has been run, by the first process of a test session that asks for it."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base

    def made(name, make):
        folder = shared / name
        folder.mkdir(exist_ok=True)
        with (folder / "lock").open("w", encoding="utf-8") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            if (folder / "done").exists():
                return copy_repository.of(folder / "run" / "a copy")
            shutil.rmtree(folder / "run", ignore_errors=True)
            copy = make(folder / "run")
            done = copy.snakemake("--cores", "2")
            assert done.returncode == 0, done.stdout + done.stderr
            (folder / "done").touch()
        return copy

    return made
