"""What is remembered between calls is what would be worked out anew."""

import json
import shutil
from pathlib import Path

import pytest

import known
from resarc import provenance
from resarc.errors import ConfigurationError

ROOT = Path(__file__).parents[2]
SETTINGS = {"studies": ["oslo2014", "qu2024"], "members": 20, "seed": 1}

pytestmark = pytest.mark.unit


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A copy of the configuration and of the code, as the folder of the process."""
    for name in ("config", "workflow", "notebooks"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, tmp_path / name, ignore=ignored)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def worked_out(monkeypatch):
    """Counts how often something was worked out."""
    calls = []
    real = known._work_out

    def counted(*arguments):
        calls.append(arguments)
        return real(*arguments)

    monkeypatch.setattr(known, "_work_out", counted)
    return calls


@pytest.mark.usefixtures("folder")
def test_it_is_worked_out_once_and_read_back_the_same(worked_out):
    first = known.known(SETTINGS)
    assert known.known(SETTINGS) == first
    assert len(worked_out) == 1
    assert list(first.patients) == SETTINGS["studies"]
    assert first.settings["members"] == 20
    assert {"workflow/scripts/audit.py", "workflow/scripts/resarc/estimand.py"} <= {
        *first.code["audit"]
    }
    assert "notebooks/study.py" in first.code["notebook"]
    assert "notebooks/study.py" not in first.code["audit"]


@pytest.mark.parametrize(
    "change",
    [
        "config/studies/qu2024.yaml",
        "config/published/qu2024.yaml",
        "config/synthesis.yaml",
        "workflow/scripts/resarc/audit/counts.py",
        "workflow/scripts/resarc/report/templates/report.typ",
        "notebooks/study.py",
    ],
)
def test_any_change_of_content_works_it_out_anew(folder, worked_out, change):
    known.known(SETTINGS)
    (folder / change).touch()
    known.known(SETTINGS)
    assert len(worked_out) == 1
    with (folder / change).open("a", encoding="utf-8") as handle:
        handle.write("\n# a note\n")
    known.known(SETTINGS)
    assert len(worked_out) == 2


@pytest.mark.usefixtures("folder")
def test_what_is_long_is_split_by_itself_or_all_as_the_settings_say():
    settings = {"studies": ["sysucc2015", "qu2024"], "seed": 1}
    assert known.known(settings | {"members": 200}).jobs == {
        "sysucc2015": {"rebuilding": 4, "pushing": 1, "other": 1},
        "qu2024": {"rebuilding": 1, "pushing": 1, "other": 1},
    }
    many = known.known(settings | {"members": 10_000}).jobs
    assert many["sysucc2015"]["pushing"] == 1
    assert many["sysucc2015"]["rebuilding"] > many["sysucc2015"]["other"] > 1
    hard = known.known(settings | {"members": 200, "effort": 25}).jobs
    assert {study: jobs["pushing"] for study, jobs in hard.items()} == {
        "sysucc2015": 3,
        "qu2024": 3,
    }
    assert known.known(settings | {"members": 200, "chunks": 7}).jobs == {
        "sysucc2015": {"rebuilding": 4, "pushing": 7, "other": 7},  # 4 chunks of 50 datasets
        "qu2024": {"rebuilding": 4, "pushing": 7, "other": 7},
    }


@pytest.mark.usefixtures("folder")
def test_settings_of_the_call_count(worked_out):
    known.known(SETTINGS)
    assert known.known(SETTINGS | {"members": 50}).settings["members"] == 50
    assert len(worked_out) == 2


def test_a_new_module_changes_the_code_of_the_stages_that_import_it(folder):
    before = known.known(SETTINGS).code
    (folder / "workflow/scripts/fresh.py").write_text("")
    audit = folder / "workflow/scripts/audit.py"
    audit.write_text(audit.read_text(encoding="utf-8") + "\nimport fresh\n", encoding="utf-8")
    provenance._imported.cache_clear()  # a new process knows nothing of the old text
    after = known.known(SETTINGS).code
    assert set(after["audit"]) - set(before["audit"]) == {"workflow/scripts/fresh.py"}
    assert after["cohort"] == before["cohort"]


def test_only_a_study_that_changed_is_checked_again(folder, monkeypatch):
    import check

    checked = []
    monkeypatch.setattr(check, "check_study", lambda *files: checked.append(files[0].stem) or 1)
    known.known(SETTINGS)
    assert checked == ["oslo2014", "qu2024"]
    with (folder / "config/published/qu2024.yaml").open("a", encoding="utf-8") as handle:
        handle.write("\n# a note\n")
    known.known(SETTINGS)
    assert checked == ["oslo2014", "qu2024", "qu2024"]


def test_a_fault_is_said_each_time_and_nothing_is_remembered(folder):
    path = folder / "config/published/qu2024.yaml"
    path.write_text(path.read_text(encoding="utf-8") + "\nunknown: 1\n", encoding="utf-8")
    for _ in range(2):
        with pytest.raises(ConfigurationError, match=r"qu2024\.yaml"):
            known.known(SETTINGS)
    assert not (folder / known.MEMORY).exists()


def test_a_registry_that_was_taken_away_is_missed(folder):
    path = folder / "config/studies/qu2024.yaml"
    text = path.read_text(encoding="utf-8")
    start = text.index("source:\n")
    end = text.index("\n\n", start)
    path.write_text(
        text[:start]
        + "source: {kind: registry, file: patients.csv, exported: 2024-01-01}"
        + text[end:],
        encoding="utf-8",
    )
    patients = folder / "patients.csv"
    patients.write_text("")
    assert known.known(SETTINGS).patients["qu2024"].files == ("patients.csv",)
    patients.unlink()
    with pytest.raises(ConfigurationError, match=r"no file 'patients\.csv'"):
        known.known(SETTINGS)


@pytest.mark.parametrize("text", ["", "{", json.dumps({"from": {}})])
def test_a_broken_memory_is_not_believed(folder, text):
    right = known.known(SETTINGS)
    (folder / known.MEMORY).write_text(text, encoding="utf-8")
    assert known.known(SETTINGS) == right
