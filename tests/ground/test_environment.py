"""The three lists of dependencies (pyproject.toml, environment.yml, uv.lock) say the same."""

import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
CONDA = YAML(typ="safe").load((ROOT / "environment.yml").read_text(encoding="utf-8"))
LOCKED = tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))

pytestmark = pytest.mark.config


def bounds(requirements: list[str]) -> dict[str, SpecifierSet]:
    """Canonical package name -> version bounds; a package listed twice is an error."""
    parsed = [Requirement(text) for text in requirements]
    named = {canonicalize_name(each.name): each.specifier for each in parsed}
    assert len(named) == len(parsed), f"a package is listed twice in {requirements}"
    return named


def conda_requirements() -> list[str]:
    plain = [entry for entry in CONDA["dependencies"] if isinstance(entry, str)]
    (by_pip,) = [entry["pip"] for entry in CONDA["dependencies"] if isinstance(entry, dict)]
    return [*plain, *by_pip]


def locked_versions() -> dict[str, list[Version]]:
    """Canonical name -> every version in the lock (more than one where it forks by Python)."""
    versions: dict[str, list[Version]] = {}
    for package in LOCKED["package"]:
        if "version" in package:
            versions.setdefault(canonicalize_name(package["name"]), []).append(
                Version(package["version"])
            )
    return versions


def test_conda_environment_has_the_same_names_and_bounds_as_the_project():
    expected = bounds(PROJECT["project"]["dependencies"])
    expected["python"] = SpecifierSet(PROJECT["project"]["requires-python"])
    found = bounds(conda_requirements())
    found.pop("pip")  # conda asks for it where a "pip:" section follows
    assert found == expected


def test_conda_environment_is_named_and_takes_no_default_channel():
    assert CONDA["name"] == PROJECT["project"]["name"]
    assert CONDA["channels"] == ["conda-forge", "bioconda", "nodefaults"]


@pytest.mark.parametrize(
    "requirement",
    [*PROJECT["project"]["dependencies"], *PROJECT["dependency-groups"]["dev"]],
)
def test_every_locked_version_satisfies_the_project(requirement):
    wanted = Requirement(requirement)
    found = locked_versions().get(canonicalize_name(wanted.name), [])
    assert found, f"{wanted.name} is not in uv.lock"
    assert [version for version in found if version not in wanted.specifier] == []


def test_lock_and_pinned_python_are_for_the_same_python_range():
    allowed = SpecifierSet(PROJECT["project"]["requires-python"])
    assert SpecifierSet(LOCKED["requires-python"]) == allowed
    pinned = (ROOT / ".python-version").read_text(encoding="utf-8").strip()
    assert Version(pinned) in allowed


def test_citation_names_the_version_and_licence_of_the_project():
    citation = YAML(typ="safe").load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    required = {"cff-version", "message", "title", "authors"}  # Citation File Format 1.2.0
    assert required <= set(citation)
    assert citation["cff-version"] == "1.2.0"
    assert str(citation["version"]) == PROJECT["project"]["version"]
    assert citation["license"] == PROJECT["project"]["license"]


def test_changelog_has_the_current_version():
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"## {PROJECT['project']['version']}" in changelog
