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
    assert done.stderr == (
        "error: the disk is full. Free some space. Then run make again: results that are finished "
        "stay.\n"
    )


@pytest.mark.parametrize(
    ("raised", "said"),
    [
        ("OSError(28, 'No space left on device', 'r.csv')", "the file r.csv: the disk is full"),
        ("OSError('[Errno 28] Error writing bytes. Detail: [errno 28] No space')", "disk is full"),
        ("PermissionError(13, 'Permission denied', 'r.csv')", "the file r.csv: the user who runs"),
        ("OSError(30, 'Read-only file system', 'r.csv')", "the disk can only be read"),
        ("OSError(27, 'File too large', 'r.csv')", "ulimit -f"),
        ("MemoryError()", "not enough memory"),
    ],
)
def test_what_the_machine_lacks_is_said_in_words(stage, raised, said):
    done = run(stage(f"raise {raised}"), "--data", "a", "--table", "b")
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


def test_other_faults_of_files_are_shown_whole(stage):
    done = run(stage("raise OSError(5, 'Input/output error')"), "--data", "a", "--table", "b")
    assert "Traceback" in done.stderr
    assert "bug of Resarc" not in done.stderr


def test_every_file_must_be_given(stage):
    done = run(stage(""), "--data", "a")
    assert done.returncode == 2
    assert "--table" in done.stderr
