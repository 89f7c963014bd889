"""A small repository in which everything has been run, and its archive.

The command lines of the stages are made to write next to nothing, so that a run takes seconds; which
code they rest on is still read from the rest of them. `check` and `manifest` are the real ones.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
STUDY = "qu2024"
REAL = {"check.py", "manifest.py", "archive.py", "verify.py", "doctor.py"}
STUB = """
import sys
from pathlib import Path

if __name__ == "__main__":
    for name, value in zip(sys.argv, sys.argv[1:]):
        path = Path(value)
        if name in ("--figures", "--tables"):
            path.mkdir(parents=True, exist_ok=True)
            (path / "one.svg").write_text("<svg/>")
        elif not name.startswith("--") or not path.suffix or path.exists():
            continue
        elif path.suffix == ".parquet":
            import pyarrow as pa
            import pyarrow.parquet as pq

            pq.write_table(pa.table({"patient": ["P0001"]}), path)
        else:
            table = "" if path.stem == "export" else "patient\\n"
            path.write_text(table if path.suffix == ".csv" else value)
    raise SystemExit
"""


class Repository:
    """A git repository of Resarc with one study."""

    def __init__(self, copy) -> None:
        self.root = copy.root
        self.snakemake = copy.snakemake
        self.edit = copy.edit

    def __truediv__(self, name: str) -> Path:
        return self.root / name

    def git(self, *arguments: str) -> str:
        who = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "core.autocrlf=false"]
        done = subprocess.run(
            ["git", *who, *arguments], cwd=self.root, check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    def commit(self) -> None:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", "As it is")

    def run(self) -> None:
        done = self.snakemake("--cores", "2")
        assert done.returncode == 0, done.stdout + done.stderr

    def archive(self, folder: Path) -> subprocess.CompletedProcess[str]:
        return run_script(self.root, "archive.py", "--folder", str(folder))


def run_script(root: Path, name: str, *arguments: str, **environment: str):
    """Run one of the command lines below a folder, in that folder."""
    return subprocess.run(
        [sys.executable, str(root / "workflow/scripts" / name), *arguments],
        cwd=root,
        env={"PATH": os.defpath, "HOME": str(root), "LANG": "C", "TMPDIR": str(root.parent)}
        | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def repository_of(copy) -> Repository:
    """The copy as a repository with the fewest datasets of one study."""
    for name in ("CITATION.cff", "LICENSE", ".python-version", "Makefile", ".gitignore"):
        shutil.copy(ROOT / name, copy / name)
    config = copy / "config/config.yaml"
    text = re.sub(
        r"studies:\n(  - \w+\n)+",
        f"studies:\n  - {STUDY}\n",
        config.read_text(encoding="utf-8"),
    )
    config.write_text(text.replace("members: 200", "members: 2"), encoding="utf-8")
    repository = Repository(copy)
    repository.git("init", "--quiet")
    repository.commit()
    return repository


@pytest.fixture(scope="session")
def script():
    """A function: run one of the command lines of a copy."""
    return run_script


@pytest.fixture(scope="session")
def one_study():
    """A function: a copy as a repository with one study."""
    if not shutil.which("git"):
        pytest.skip("git is not installed")
    return repository_of


@pytest.fixture(scope="session")
def stubbed(copy_repository, one_study, tmp_path_factory):
    """A repository in which the stubs have been run."""
    copy = copy_repository(tmp_path_factory.mktemp("archive"))
    for path in (copy / "workflow/scripts").glob("*.py"):
        text = path.read_text(encoding="utf-8")
        if "def main()" in text and path.name not in REAL:
            start = "from __future__ import annotations\n"
            assert start in text
            path.write_text(text.replace(start, start + STUB), encoding="utf-8")
    repository = one_study(copy)
    repository.run()
    return repository


@pytest.fixture(scope="session")
def archive(stubbed, tmp_path_factory):
    """The archive of the stubs' run."""
    folder = tmp_path_factory.mktemp("archives")
    done = stubbed.archive(folder)
    assert done.returncode == 0, done.stderr
    (path,) = folder.iterdir()
    return path
