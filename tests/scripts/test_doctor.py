"""What is wrong with an installation is found and said, with what to do."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import doctor
from doctor import CHECKS, Finding, examine
from resarc.errors import ConfigurationError

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.unit


def faults(check, root) -> list[Finding]:
    return [finding for finding in check(root) if finding.remedy]


def test_nothing_is_wrong_with_the_installation_that_runs_the_tests():
    done = subprocess.run(
        [sys.executable, "workflow/scripts/doctor.py"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    lines = done.stdout.splitlines()
    # Whose environment this is, and how full its disk, is not Resarc's.
    kept = [x for x in lines if x.startswith("fault") and ".venv" not in x and "GB free" not in x]
    assert kept == [], done.stdout + done.stderr
    assert len(lines) > len(CHECKS)


def test_it_speaks_even_where_nothing_is_installed(tmp_path):
    """A copy without an environment, and a Python without libraries."""
    copy = tmp_path / "resarc"
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "workflow", copy / "workflow", ignore=ignored)
    shutil.copytree(ROOT / "config", copy / "config")
    for name in (".python-version", "uv.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, copy / name)
    done = subprocess.run(
        [sys.executable, "-S", "-I", str(copy / "workflow/scripts/doctor.py")],
        capture_output=True,
        text=True,
        check=False,
    )
    # -I leaves out the script's folder
    assert done.returncode == 1
    assert "No module named" in done.stderr
    start = f"import sys; sys.path.insert(0, {str(copy / 'workflow/scripts')!r}); import doctor; doctor.main()"
    done = subprocess.run(
        [sys.executable, "-S", "-I", "-c", start], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "fault  no environment (.venv)\n       do: make setup" in done.stdout
    assert "fault  cannot be loaded: numpy" in done.stdout


def test_a_library_of_another_version_is_named(tmp_path, monkeypatch):
    for name in ("pyproject.toml", "uv.lock"):
        shutil.copy(ROOT / name, tmp_path / name)
    monkeypatch.setattr(doctor, "ENVIRONMENT", Path(sys.prefix))
    assert faults(doctor.environment, tmp_path) == []
    lock = (tmp_path / "uv.lock").read_text(encoding="utf-8")
    changed = re.sub(r'(name = "pandas"\nversion = ")[^"]+', r"\g<1>2.3.99", lock)
    (tmp_path / "uv.lock").write_text(changed, encoding="utf-8")
    (found,) = faults(doctor.environment, tmp_path)
    assert re.search(r"pandas 2\.3\.\d+ instead of 2\.3\.99", found.what)
    project = (tmp_path / "pyproject.toml").read_text(encoding="utf-8")
    (tmp_path / "pyproject.toml").write_text(
        project.replace('"pandas>=', '"no-such-library>=1", "pandas>='), encoding="utf-8"
    )
    assert faults(doctor.environment, tmp_path)[0].what == "not installed: no-such-library"


def test_a_disk_without_room_is_a_fault(tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda _: usage._replace(free=10_000_000))
    (found,) = faults(doctor.room, tmp_path)
    assert "0.0 GB free" in found.what


def test_a_registry_that_is_not_there_is_a_fault(tmp_path, monkeypatch):
    shutil.copytree(ROOT / "config", tmp_path / "config")
    monkeypatch.chdir(tmp_path)
    study = tmp_path / "config/studies/qu2024.yaml"
    text = study.read_text(encoding="utf-8")
    study.write_text(
        re.sub(
            r"kind: reconstruction",
            "kind: registry\n  file: data/none.csv\n  exported: 2024-01-01",
            text,
        ),
        encoding="utf-8",
    )
    (found,) = examine(tmp_path, {"configuration": doctor.configuration})
    assert "data/none.csv" in found.what
    assert found.remedy


def test_a_key_that_is_not_there_is_a_fault(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("RESARC_KEY_FILE", str(tmp_path / "none.key"))
    *_, found = examine(ROOT, {"configuration": doctor.configuration})
    assert "the key of pseudonyms" in found.what
    assert found.remedy


def test_what_a_killed_run_left_is_no_fault(tmp_path):
    left = tmp_path / ".snakemake/locks/0.output.lock"
    left.parent.mkdir(parents=True)
    left.touch()
    (found,) = doctor.runs(tmp_path)
    assert "was killed; the next one clears its lock away" in found.what
    assert not found.remedy


def test_a_run_under_way_is_no_fault(tmp_path):
    fcntl = pytest.importorskip("fcntl")
    path = tmp_path / ".snakemake/resarc.run.lock"
    path.parent.mkdir()
    with path.open("w", encoding="utf-8") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        (found,) = doctor.runs(tmp_path)
    assert found == Finding("a run is under way")


def test_a_folder_that_cannot_be_written_is_a_fault(tmp_path, monkeypatch):
    (tmp_path / "results").mkdir()
    allowed = os.access
    monkeypatch.setattr(
        os, "access", lambda path, mode: Path(path).name != "results" and allowed(path, mode)
    )
    (found,) = examine(tmp_path, {"leave to write": doctor.leave_to_write})
    assert "results: a folder that cannot be written" in found.what
    assert "permissions" in found.remedy


def test_a_check_that_breaks_is_a_finding_and_the_next_goes_on(tmp_path):
    def broken(_):
        raise KeyError("x")
        yield

    def refused(_):
        raise ConfigurationError("a file", "nothing", "something", "Write it.")
        yield

    found = list(examine(tmp_path, {"one": broken, "two": refused}))
    assert [finding.remedy[:10] for finding in found] == ["make setup", "Write it."]


def test_the_fonts_that_are_looked_for_are_those_of_the_template():
    template = (ROOT / "workflow/scripts/resarc/report/templates/report.typ").read_text("utf-8")
    named = {font for group in re.findall(r"font: \(?([^):]+)\)?", template) for font in re.findall(r'"([^"]+)"', group)}  # fmt: skip
    assert named == set(doctor.FONTS)
