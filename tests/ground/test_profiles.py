"""The Snakemake profiles hold only what the pinned Snakemake understands."""

import importlib.util
import re
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
    unknown = {key for key in read(name) if f"--{key}" not in options}
    # Those of the plugin for Slurm, which only `make slurm` installs, are held by `make slurm-test`.
    if not importlib.util.find_spec("snakemake_executor_plugin_slurm"):
        unknown -= {"slurm-logdir", "slurm-status-command", "slurm-status-attempts"}
        unknown -= {"slurm-init-seconds-before-status-checks"}
    assert unknown == set()


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


def test_the_slurm_profile_knows_every_rule():
    """Each is local, in a group, or has resources of its own; and it names none that is not there."""
    root = PROFILES.parent
    texts = [path.read_text(encoding="utf-8") for path in (root / "workflow/rules").glob("*.smk")]
    rules = {name for text in texts for name in re.findall(r"^rule (\w+):", text, re.MULTILINE)}
    snakefile = (root / "Snakefile").read_text(encoding="utf-8")
    local = set(re.findall(r"^    (\w+),$", snakefile.partition("localrules:")[2], re.MULTILINE))
    slurm = read("slurm")
    sent = {*slurm["groups"], *slurm["set-resources"]}
    assert sent | local - {"all"} == rules
    assert not sent & local
