"""A fault of the configuration is said in words before anything else runs."""

import fcntl
import shutil

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


def test_a_job_that_fails_is_named_with_its_log_and_little_else(copy):
    copy.edit(
        "workflow/scripts/check.py",
        "    study = protocol.load(arguments.protocol)\n",
        '    raise ConfigurationError("here", "this", "that")\n',
    )
    done = copy.snakemake("--cores", "1")
    assert done.returncode == 1
    assert "FAILED after" in done.stderr
    assert "Reading the configuration of" in done.stderr
    assert "| error: here: found this" in done.stderr
    assert "Stopped after" in done.stderr
    assert len(done.stderr.splitlines()) < 20
    plain = copy.snakemake("--cores", "1", "--verbose")
    assert "CalledProcessError" in plain.stderr, "Snakemake's own words can be had"


def test_a_run_that_is_under_way_is_named_and_looking_on_is_allowed(copy):
    lock = copy / ".snakemake" / "resarc.run.lock"
    lock.parent.mkdir()
    with lock.open("w", encoding="utf-8") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        handle.write("4711 10:32\n")
        handle.flush()
        done = copy.snakemake("--cores", "1")
        assert done.returncode == 1
        assert "found another run of Resarc (process 4711, since 10:32)" in done.stderr
        assert "Traceback" not in done.stderr
        assert copy.snakemake("-n", "--quiet", "all").returncode == 0


def test_results_that_cannot_be_written_are_named(copy):
    if not shutil.which("setpriv"):
        pytest.skip("setpriv is not installed")
    folder = copy / "results" / "qu2024"
    folder.mkdir(parents=True)
    folder.chmod(0o555)
    # Without this, root may write anywhere.
    dropped = "-dac_override,-dac_read_search"
    done = copy.snakemake("--cores", "1", before=["setpriv", "--bounding-set", dropped])
    assert done.returncode == 1
    assert f"error: {folder}: found a folder that cannot be written" in done.stderr
    assert "Traceback" not in done.stderr
