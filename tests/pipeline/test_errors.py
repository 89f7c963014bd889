"""A fault of the configuration is said in words before anything else runs."""

import pytest

pytestmark = pytest.mark.config


@pytest.fixture
def copy(copy_repository, tmp_path):
    return copy_repository(tmp_path)


def made(copy) -> set[str]:
    return {path.name for path in (copy / "results").rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("name", "old", "new", "words"),
    [
        (
            "config/config.yaml",
            "members: 200",
            "members: some",
            "error: config/config.yaml: found key members: 'some'",
        ),
        (
            "config/config.yaml",
            "- qu2024",
            "- qu2025",
            "error: config/config.yaml, key studies: found 'qu2025'",
        ),
        (
            "config/studies/qu2024.yaml",
            "source:\n",
            "source:\n  fil: x.csv\n",
            "error: config/studies/qu2024.yaml: found key source.fil: the key 'fil'",
        ),
    ],
)
def test_the_settings_and_sources_stop_the_run_at_once(copy, name, old, new, words):
    copy.edit(name, old, new)
    done = copy.snakemake("--cores", "1")
    assert done.returncode == 1
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert made(copy) == set()


def test_a_fault_in_one_study_s_files_comes_before_every_stage(copy):
    copy.edit("config/published/qu2024.yaml", "figures:\n", "figures:\n  - {id: Wrong}\n")
    done = copy.snakemake("--cores", "2", "--keep-going")
    assert done.returncode == 1
    assert "error: config/published/qu2024.yaml: found key figures.0" in done.stdout + done.stderr
    assert made(copy) <= {"protocol.json", "published.json"}
