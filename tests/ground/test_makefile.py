"""The one command: where it finds Python and uv, when it syncs, and what it says if it cannot.

Stand-ins for python3 and uv record how they are called; nothing is installed.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MAKE = shutil.which("make")
TOOLS = [
    "sh",
    "env",
    "sed",
    "find",
    "test",
    "mkdir",
    "touch",
    "cat",
    "rm",
    "printf",
    "chmod",
    "dirname",
]

pytestmark = [
    pytest.mark.config,
    pytest.mark.skipif(MAKE is None, reason="GNU make is not installed"),
]


class Checkout:
    """A copy of the Makefile in a path with spaces, and a PATH that holds little else."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "a path with spaces"
        self.bin = folder / "bin"
        self.calls = folder / "calls.txt"
        self.root.mkdir()
        self.bin.mkdir()
        for name in ("Makefile", "uv.lock", "pyproject.toml", ".python-version"):
            shutil.copy(ROOT / name, self.root / name)
        for tool in TOOLS:
            if found := shutil.which(tool):
                (self.bin / tool).symlink_to(found)

    def program(self, name: str, body: str, folder: Path | None = None) -> None:
        """A shell script as a program; `record` in it notes the call."""
        path = (folder or self.bin) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        record = f'record() {{ echo "$(basename "$0") $*" >> "{self.calls}"; }}'
        path.write_text(f"#!/bin/sh\n{record}\n{body}\n", encoding="utf-8")
        path.chmod(0o755)

    def make(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(MAKE), *arguments],
            cwd=self.root,
            env={"PATH": str(self.bin), "HOME": str(self.bin), "LANG": "C"} | environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def called(self, start: str) -> list[str]:
        lines = self.calls.read_text(encoding="utf-8").splitlines() if self.calls.exists() else []
        return [line for line in lines if line.startswith(start)]


@pytest.fixture
def checkout(tmp_path):
    made = Checkout(tmp_path)
    made.bin.joinpath("basename").symlink_to(str(shutil.which("basename")))
    return made


UV = """record "$@"
if [ "$1" = sync ]; then
    mkdir -p .venv/bin
    [ -e .venv/bin/python ] || { printf '#!/bin/sh\\n' > .venv/bin/python; chmod +x .venv/bin/python; }
fi"""


def test_it_syncs_once_and_again_only_when_the_lock_changes(checkout):
    checkout.program("uv", UV)
    assert checkout.make("setup").returncode == 0
    synced = "uv sync --frozen --quiet --compile-bytecode --python 3.11"
    assert checkout.called("uv sync") == [synced]
    assert checkout.make("setup").returncode == 0
    assert len(checkout.called("uv sync")) == 1
    later = (checkout.root / ".venv" / ".synced").stat().st_mtime + 10
    os.utime(checkout.root / "uv.lock", (later, later))
    assert checkout.make("setup").returncode == 0
    assert len(checkout.called("uv sync")) == 2


def test_setup_compiles_the_searches_with_the_environment_s_python(checkout):
    checkout.program("uv", UV)
    checkout.program("python", 'record env "$@"', checkout.root / ".venv" / "bin")
    assert checkout.make("setup").returncode == 0
    assert "python env workflow/scripts/compile_searches.py" in checkout.called("python env")


def test_a_sync_that_fails_is_tried_again(checkout):
    checkout.program("uv", UV + '\n[ "$1" != sync ]')
    assert checkout.make("setup").returncode != 0
    assert checkout.make("setup").returncode != 0
    assert len(checkout.called("uv sync")) == 2


def test_another_supported_python_is_used_and_named_if_the_tested_one_is_not_to_be_had(checkout):
    checkout.program("uv", UV + '\n[ "$1" != python ]')
    checkout.program("python3", '[ "$1" != --version ] || echo Python 3.12.1')
    done = checkout.make("setup")
    assert done.returncode == 0
    assert "using Python 3.12.1" in done.stdout
    (call,) = checkout.called("uv sync")
    assert call.endswith(f"--python {checkout.bin}/python3")


def test_an_unsupported_python_is_named_with_what_to_do(checkout):
    checkout.program("python3", 'if [ "$1" = --version ]; then echo Python 3.8.18; else exit 1; fi')
    done = checkout.make("setup")
    assert done.returncode != 0
    assert "needs Python 3.11, 3.12 or 3.13; found python3 = Python 3.8.18." in done.stderr
    assert "python.org" in done.stderr
    assert not (checkout.root / ".venv").exists()
    assert not (checkout.root / ".venv-uv").exists()


def test_no_python_at_all_is_said(checkout):
    done = checkout.make("setup")
    assert done.returncode != 0
    assert "found no python3 on the PATH" in done.stderr


def test_without_a_network_it_says_what_to_do(checkout):
    checkout.program("uv", UV + '\nif [ "$1" = sync ]; then echo "error: dns" >&2; exit 2; fi')
    done = checkout.make("setup")
    assert done.returncode != 0
    assert "error: dns" in done.stderr
    assert "needs a network connection; behind a proxy set HTTPS_PROXY" in done.stderr
    assert not (checkout.root / ".venv" / ".synced").exists()


def test_uv_that_cannot_be_fetched_is_said_too(checkout):
    body = 'case "$*" in *venv*) mkdir -p .venv-uv/bin; cp "$0" .venv-uv/bin/python;; *pip*) exit 1;; esac'
    checkout.program("python3", body)
    (checkout.bin / "cp").symlink_to(str(shutil.which("cp")))
    done = checkout.make("setup")
    assert done.returncode != 0
    assert "needs a network connection" in done.stderr


def test_doctor_runs_the_environment_s_python_and_else_any_other(checkout):
    checkout.program("python3", 'record "$@"')
    assert checkout.make("doctor").returncode == 0
    assert checkout.called("python3")[-1] == "python3 workflow/scripts/doctor.py"
    checkout.program("python", 'record env "$@"', checkout.root / ".venv" / "bin")
    assert checkout.make("doctor").returncode == 0
    assert checkout.called("python env")[-1] == "python env workflow/scripts/doctor.py"
    assert not checkout.called("uv")


def test_doctor_without_a_python_says_so(checkout):
    checkout.program("python3", "exit 1")
    done = checkout.make("doctor")
    assert done.returncode != 0
    assert "fault  no Python 3.11, 3.12 or 3.13 on the PATH" in done.stdout
    assert "python.org" in done.stdout


def test_archive_and_verify_run_their_scripts(checkout):
    checkout.program("uv", UV)
    checkout.program("python", 'record "$@"', checkout.root / ".venv" / "bin")
    assert checkout.make("archive").returncode == 0
    assert checkout.make("verify", "ARCHIVE=a b.zip", "ARGS=--checksums-only").returncode == 0
    assert checkout.called("python workflow") == [
        "python workflow/scripts/archive.py",
        "python workflow/scripts/verify.py a b.zip --checksums-only",
    ]
    done = checkout.make("verify")
    assert done.returncode != 0
    assert "Which archive?" in done.stderr


SNAKEMAKE = 'record "$@"; echo "home=$HOME seed=$PYTHONHASHSEED path=$PATH"'


def test_snakemake_of_the_environment_runs_with_the_given_arguments(checkout):
    checkout.program("uv", UV)
    checkout.program("snakemake", "record wrong")
    checkout.program("snakemake", SNAKEMAKE, checkout.root / ".venv" / "bin")
    done = checkout.make("ARGS=--cores 1 -n")
    assert done.returncode == 0, done.stderr
    assert checkout.called("snakemake") == ["snakemake --cores 1 -n"]
    assert f"path={checkout.root}/.venv/bin:" in done.stdout
    assert "seed=0" in done.stdout


@pytest.mark.parametrize("home", ["", "/nonexistent"])
def test_a_home_that_cannot_be_written_is_replaced(checkout, home):
    checkout.program("uv", UV)
    checkout.program("snakemake", SNAKEMAKE, checkout.root / ".venv" / "bin")
    done = checkout.make(HOME=home)
    assert f"home={checkout.root}/.venv-uv/home " in done.stdout
    assert (checkout.root / ".venv-uv" / "home").is_dir()


def test_clean_keeps_the_environment_and_the_placeholder(checkout):
    for name in ("results/.gitkeep", "results/a/b.csv", "logs/a.log", ".venv/x", "data/mine.csv"):
        (checkout.root / name).parent.mkdir(parents=True, exist_ok=True)
        (checkout.root / name).touch()
    assert checkout.make("clean").returncode == 0
    left = {str(path.relative_to(checkout.root)) for path in checkout.root.rglob("*")}
    assert {"results/.gitkeep", ".venv/x", "data/mine.csv"} <= left
    assert not {"results/a", "logs"} & left


def test_help_lists_every_public_target(checkout):
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    public = re.findall(r"^([a-z-]+):.*  ## ", text, flags=re.MULTILINE)
    listed = re.findall(r"^  make ([a-z-]+) ", checkout.make("help").stdout, flags=re.MULTILINE)
    assert listed == public
    assert {"all", "setup", "test", "lint", "clean", "help"} <= set(public)


@pytest.mark.parametrize(
    ("user", "fails", "asked"),
    [(0, False, ["update", "install"]), (0, True, ["update"]), (1000, False, [])],
    ids=["installs Slurm", "cannot install it", "may not install it"],
)
def test_continuous_integration_runs_make_test(checkout, user, fails, asked):
    script = checkout.root / ".ci" / "run"
    script.parent.mkdir()
    shutil.copy(ROOT / ".ci" / "run", script)
    for tool in ("bash", "timeout"):
        (checkout.bin / tool).symlink_to(str(shutil.which(tool)))
    checkout.program("id", f"echo {user}")
    checkout.program("apt-get", f'record "$@"; exit {int(fails)}')
    checkout.program("make", 'record "$@"')
    environment = {"PATH": str(checkout.bin), "HOME": str(checkout.bin)}
    done = subprocess.run([str(script)], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert [call.split()[1] for call in checkout.called("apt-get")] == asked
    assert checkout.called("make") == ["make slurm", "make test"]
    assert ("its tests will be skipped" in done.stdout) == fails


def test_continuous_integration_goes_on_without_what_sends_jobs_to_slurm(checkout):
    script = checkout.root / ".ci" / "run"
    script.parent.mkdir()
    shutil.copy(ROOT / ".ci" / "run", script)
    (checkout.bin / "bash").symlink_to(str(shutil.which("bash")))
    checkout.program("id", "echo 1000")
    checkout.program("make", 'record "$@"; [ "$1" != slurm ]')
    environment = {"PATH": str(checkout.bin), "HOME": str(checkout.bin)}
    done = subprocess.run([str(script)], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert checkout.called("make") == ["make slurm", "make test"]
    assert "its tests will be skipped" in done.stdout


def test_continuous_integration_fails_as_make_test_does(checkout):
    script = checkout.root / ".ci" / "run"
    script.parent.mkdir()
    shutil.copy(ROOT / ".ci" / "run", script)
    (checkout.bin / "bash").symlink_to(str(shutil.which("bash")))
    checkout.program("id", "echo 1000")
    checkout.program("make", '[ "$1" != test ]')
    environment = {"PATH": str(checkout.bin), "HOME": str(checkout.bin)}
    assert subprocess.run([str(script)], env=environment, check=False).returncode != 0
