"""Command lines speak to people: a fault of theirs in words, a fault of ours as a bug."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPTS = ROOT / "workflow" / "scripts"

pytestmark = pytest.mark.unit


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
        check=False,
        env={
            "PYTHONPATH": str(SCRIPTS),
            "LC_ALL": "C",
            "PYTHONCOERCECLOCALE": "0",
            "PYTHONUTF8": "0",
        },
    )


@pytest.fixture
def stage(tmp_path):
    """A command line that does what a test says."""

    def stage(body: str) -> Path:
        path = tmp_path / "stage.py"
        path.write_text(
            "from command import command_line\n"
            "from resarc.errors import DataError\n"
            "arguments = command_line('A stage.', reads=['data'], writes=['table']).parse_args()\n"
            f"{body}\n",
            encoding="utf-8",
        )
        return path

    return stage


def test_what_a_user_can_mend_is_said_without_a_traceback(stage):
    fault = "raise DataError('a.csv, row 3', '≥ 5', 'a number', 'Correct it.')"
    done = run(stage(fault), "--data", "a", "--table", "b")
    assert done.returncode == 1
    assert done.stderr == "error: a.csv, row 3: found ≥ 5; expected a number. Correct it.\n"


def test_anything_else_is_shown_whole_and_called_a_bug(stage):
    done = run(stage("raise KeyError('x')"), "--data", "a", "--table", "b")
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert "This is a bug of Resarc" in done.stderr


def test_a_full_disk_is_no_bug(stage):
    done = run(stage("raise OSError(28, 'No space left on device')"), "--data", "a", "--table", "b")
    assert done.returncode == 1
    assert "No space left" in done.stderr
    assert "bug of Resarc" not in done.stderr


def test_every_file_must_be_given(stage):
    done = run(stage(""), "--data", "a")
    assert done.returncode == 2
    assert "--table" in done.stderr


@pytest.mark.parametrize("script", sorted(SCRIPTS.glob("*.py")), ids=lambda path: path.stem)
def test_each_command_line_says_what_it_does(script):
    if script.stem == "command":
        return
    done = run(script, "--help")
    assert done.returncode == 0, done.stderr
    first = next(iter(script.read_text(encoding="utf-8").splitlines())).strip('"')
    assert first[:40] in " ".join(done.stdout.split())


@pytest.fixture
def check(tmp_path):
    """A function: check a study's files, one of them with a text replaced."""

    def check(folder: str, old: str, new: str) -> subprocess.CompletedProcess[str]:
        paths = {}
        for name in ("studies", "published"):
            path = tmp_path / name / "oslo2014.yaml"
            path.parent.mkdir()
            text = (ROOT / "config" / name / "oslo2014.yaml").read_text(encoding="utf-8")
            if name == folder:
                assert old in text
                text = text.replace(old, new, 1)
            path.write_text(text, encoding="utf-8")
            paths[name] = path
        return run(
            *(SCRIPTS / "check.py", "--protocol", paths["studies"]),
            *("--published", paths["published"], "--references", "config/references.bib"),
            *(
                "--checked-protocol",
                tmp_path / "p.json",
                "--checked-published",
                tmp_path / "q.json",
            ),
        )

    return check


@pytest.mark.parametrize(
    ("folder", "old", "new", "words"),
    [
        ("studies", "study: oslo2014", "study: oslo2015", "the file's own name 'oslo2014'"),
        ("studies", "reference: oslo2014", "reference: nobody", "key reference: found 'nobody'"),
        (
            "published",
            'estimand: "n"',
            'estimand: "n{nothing=x}"',
            "no variable or endpoint 'nothing'",
        ),
        ("published", "endpoints: [", "endpoints: [xyz, ", "key endpoints: found 'xyz'"),
    ],
)
def test_a_study_that_contradicts_itself_is_named(check, folder, old, new, words):
    done = check(folder, old, new)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert f"{folder}/oslo2014.yaml" in done.stderr
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_a_study_that_agrees_with_itself_passes(check, tmp_path):
    done = check("studies", "study: oslo2014", "study: oslo2014")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "p.json").is_file()
    assert (tmp_path / "q.json").is_file()
