"""A fault of the configuration is said in words before anything else runs."""

import pytest

pytestmark = pytest.mark.config


@pytest.fixture
def copy(copy_repository, tmp_path):
    return copy_repository(tmp_path)


def made(copy) -> set[str]:
    return {path.name for path in (copy / "results").rglob("*") if path.is_file()}


def test_a_fault_of_the_settings_stops_the_run_at_once(copy):
    copy.edit("config/config.yaml", "members: 200", "members: some")
    done = copy.snakemake("--cores", "1")
    assert done.returncode == 1
    assert "error: config/config.yaml: found key members: 'some'" in done.stderr
    assert "Traceback" not in done.stderr
    assert made(copy) == set()


def test_a_fault_in_one_study_s_files_comes_before_every_stage(copy):
    copy.edit("config/published/qu2024.yaml", "figures:\n", "figures:\n  - {id: Wrong}\n")
    done = copy.snakemake("--cores", "2")
    assert done.returncode == 1
    assert "error: config/published/qu2024.yaml: found key figures.0" in done.stderr
    assert "Traceback" not in done.stderr
    assert made(copy) == set()
