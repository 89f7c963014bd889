"""The Snakemake profiles hold only what the pinned Snakemake understands."""

from pathlib import Path

import pytest
from ruamel.yaml import YAML

PROFILES = Path(__file__).parents[2] / "profiles"

pytestmark = pytest.mark.config


@pytest.fixture(scope="module")
def options() -> set[str]:
    """Long option names of the installed Snakemake."""
    from snakemake.cli import get_argument_parser

    return {name for action in get_argument_parser()._actions for name in action.option_strings}


def read(name: str) -> dict:
    return YAML(typ="safe").load((PROFILES / name / "config.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", ["default", "slurm"])
def test_every_entry_is_an_option_of_snakemake(name, options):
    unknown = [key for key in read(name) if f"--{key}" not in options]
    assert unknown == []


def test_the_default_profile_makes_a_bare_snakemake_enough():
    # Without `cores` Snakemake refuses to run; a narrower `rerun-triggers` would keep stale results.
    profile = read("default")
    assert profile["cores"] == "all"
    assert "rerun-triggers" not in profile


def test_the_slurm_profile_repeats_what_it_replaces():
    default, slurm = read("default"), read("slurm")
    assert slurm["executor"] == "slurm"
    shared = {key: value for key, value in default.items() if key != "cores"}
    assert {key: slurm.get(key) for key in shared} == shared
