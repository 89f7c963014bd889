"""Shared by tests that run the pipeline: a copy of the repository, and Snakemake in it."""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import settings

# How long an example takes depends on the machine, which other work may share. The same tree draws the
# same examples: a check says something of the change it checks. `make explore` draws new ones.
settings.register_profile("resarc", parent=settings.default, deadline=None, derandomize=True)
settings.register_profile("explore", parent=settings.default, deadline=None)
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
MEMBERS = 8
"""Datasets of each study in the run that tests share."""


class Copy:
    """A copy of what the pipeline consists of, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "a copy"
        for part in PARTS:
            source = ROOT / part
            if source.is_dir():
                # What numba compiled comes along, or each test that runs the searches compiles anew.
                ignored = shutil.ignore_patterns("*.pyc", ".*")
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


# -- the numbers that a reader of a report sees ------------------------------------------------------


class Shown(HTMLParser):
    """The text of a web page that its PDF has too: without the contents list, which repeats captions,
    without counts of rows, and without what is not text of the page."""

    APART = frozenset({"nav", "script", "style", "title", "desc"})

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.words: list[str] = []
        self.apart = 0
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        counts = tag == "summary" or (tag == "span" and ("class", "count") in attrs)
        self.apart += bool(self.apart) or tag in self.APART or counts
        if tag in ("meta", "link", "br", "hr", "input"):
            self.apart -= bool(self.apart)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        if self.apart:
            self.apart -= 1
        elif tag not in ("span", "a", "strong", "em", "code", "sup"):
            self.words.append(" ")

    def handle_data(self, data: str) -> None:
        if not self.apart:
            self.words.append(data)


def _numbers(text: str) -> Counter[str]:
    """Every number with how often it stands there; without code points of characters that cannot be
    shown, page numbers, and checksums, which lines break."""
    text = re.sub(r"\[U\+[0-9A-F]+\]|page \d+ of \d+|\b(?=\w*\d)[0-9a-f]{16,64}\b", " ", text)
    return Counter(re.findall(r"\d+(?:\.\d+)*", text))


@pytest.fixture(scope="session")
def same_numbers() -> Callable[[str, bytes], None]:
    """Hold every number of a web page against its PDF: the same numbers, and none less often. In the
    PDF a number may stand more often, since headers of pages and tables are repeated there."""
    if shutil.which("pdftotext") is None:
        pytest.skip("pdftotext (poppler) is not installed")

    def compare(page: str, document: bytes) -> None:
        command = ["pdftotext", "-raw", "-", "-"]
        done = subprocess.run(command, input=document, check=True, capture_output=True)
        printed = _numbers(done.stdout.decode("utf-8"))
        shown = _numbers("".join(Shown(page).words))
        assert len(shown) > 20
        assert set(shown) == set(printed)
        assert shown - printed == Counter()

    return compare
