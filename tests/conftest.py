"""Shared by tests that run the pipeline: a copy of the repository, and Snakemake in it."""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import settings

# How long an example takes depends on the machine, which other work may share.
settings.register_profile("resarc", parent=settings.default, deadline=None)
settings.load_profile("resarc")

ROOT = Path(__file__).parents[1]
PARTS = (
    "Snakefile",
    "workflow",
    "config",
    "notebooks",
    "profiles",
    "environment.yml",
    "pyproject.toml",
    "uv.lock",
)


class Copy:
    """A copy of what the pipeline consists of, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "a copy"
        for part in PARTS:
            source = ROOT / part
            if source.is_dir():
                ignored = shutil.ignore_patterns("__pycache__", ".*")
                shutil.copytree(source, self.root / part, ignore=ignored)
            else:
                self.root.mkdir(parents=True, exist_ok=True)
                shutil.copy(source, self.root / part)

    @classmethod
    def of(cls, root: Path) -> "Copy":
        """The copy that is in a folder already."""
        copy = cls.__new__(cls)
        copy.root = root
        return copy

    def __truediv__(self, name: str) -> Path:
        return self.root / name

    def snakemake(
        self, *arguments: str, before: Sequence[str] = (), by: str = sys.executable,
        **environment: str,
    ) -> subprocess.CompletedProcess[str]:  # fmt: skip
        """Run Snakemake as a user does, with nothing of an activated environment; `before` it, a
        program that starts it; `by` a Python."""
        return self.python("-m", "snakemake", *arguments, before=before, by=by, **environment)

    def python(
        self, *arguments: str, before: Sequence[str] = (), by: str = sys.executable,
        **environment: str,
    ) -> subprocess.CompletedProcess[str]:  # fmt: skip
        """Run Python in the copy, likewise."""
        return subprocess.run(
            [*before, by, *arguments], cwd=self.root,
            env=self.environment | environment, capture_output=True, text=True, check=False,
        )  # fmt: skip

    @property
    def environment(self) -> dict[str, str]:
        return {"PATH": os.defpath, "HOME": str(self.root), "LANG": "C"}

    def results(self) -> dict[str, str]:
        """The digest of every result, by its path below results/."""
        top = self.root / "results"
        return {
            path.relative_to(top).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(top.rglob("*"))
            if path.is_file() and path.name != ".gitkeep"
        }

    def edit(self, name: str, old: str, new: str) -> None:
        """Replace a text in a file; an error if it is not there."""
        path = self.root / name
        text = path.read_text(encoding="utf-8")
        assert old in text, f"{name} does not hold {old!r}"
        path.write_text(text.replace(old, new), encoding="utf-8")


@pytest.fixture(scope="session")
def copy_repository():
    """A function: a copy of the repository in a folder."""
    return Copy
