"""A small run, made once however many processes test, and kept as it was left."""

import pytest


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
