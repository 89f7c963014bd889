"""make archive and make verify on a small repository: what goes in, what is refused, what is found."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from resarc.archive.package import Member, checksums, pack, unpack

pytestmark = pytest.mark.config

STUDY = "qu2024"


def members(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {n: archive.read(n) for n in archive.namelist() if not n.endswith("/")}


# -- what goes in ---------------------------------------------------------------------------------


def test_sources_results_and_provenance_are_in_it(stubbed, archive):
    held = members(archive)
    tracked = set(stubbed.git("ls-files").splitlines())
    assert {
        name.removeprefix("sources/") for name in held if name.startswith("sources/")
    } == tracked
    made = json.loads((stubbed / "results/manifest.json").read_text(encoding="utf-8"))["results"]
    results = {entry["path"] for entry in made} | {"results/manifest.json"}
    assert {name for name in held if name.startswith("results/")} == results
    others = {name for name in held if not name.startswith(("sources/", "results/"))}
    assert others == {
        "README.md",
        "CITATION.cff",
        "LICENSE",
        "manifest-sha256.txt",
        "ro-crate-metadata.json",
        "run.json",
        "provenance/jobs.json",
    }
    for name in results:
        assert held[name] == (stubbed / name).read_bytes()
    assert held["CITATION.cff"] == (stubbed / "CITATION.cff").read_bytes()


def test_its_name_is_that_of_its_content(archive):
    listing = members(archive)["manifest-sha256.txt"]
    assert archive.name == f"resarc-0.1.0-{hashlib.sha256(listing).hexdigest()[:12]}.zip"


def test_each_job_is_in_it_with_what_it_read_and_made(archive):
    held = members(archive)
    jobs = json.loads(held["provenance/jobs.json"])
    rules = {job["rule"] for job in jobs}
    assert rules >= {"check", "audit", "reconstruct", "cohort", "analyse", "manifest"}
    made = {name for job in jobs for name in job["outputs"]}
    (audit,) = [job for job in jobs if job["rule"] == "audit"]
    assert audit["command"].startswith("python workflow/scripts/audit.py --protocol results/")
    assert audit["outputs"] == [f"results/{STUDY}/audit.csv"]
    for job in jobs:
        for name in job["inputs"]:
            assert f"sources/{name}" in held or name in held or name in made


def test_no_time_machine_person_or_folder_is_in_it_but_in_the_run(stubbed, archive):
    held = members(archive)
    run = json.loads(held.pop("run.json"))
    assert run["started"] <= run["ended"]
    assert {job["rule"] for job in run["jobs"]} >= {"audit", "manifest"}
    assert run["machine"]["python"].startswith("3.")
    assert os.uname().nodename not in json.dumps(run)
    for name, content in held.items():
        assert str(stubbed.root).encode() not in content, name
        if not name.startswith("sources/"):
            assert run["started"][:16].encode() not in content, name


def test_its_readme_names_the_sources_and_the_commands(stubbed, archive):
    text = members(archive)["README.md"].decode()
    assert f"swh:1:dir:{stubbed.git('rev-parse', 'HEAD^{tree}')}" in text
    assert "sha256sum -c manifest-sha256.txt" in text
    assert f"`{STUDY}`: datasets rebuilt from the figures" in text
    assert "members: 2" in text
    assert "What is not here" not in text


def test_archiving_again_gives_the_same_bytes(stubbed, archive, tmp_path):
    assert stubbed.archive(tmp_path).returncode == 0
    assert (tmp_path / archive.name).read_bytes() == archive.read_bytes()


# -- what is refused ------------------------------------------------------------------------------


@pytest.fixture
def changed(stubbed):
    """A function: write a file of the repository, for the length of a test."""
    kept: dict[Path, bytes | None] = {}
    head = stubbed.git("rev-parse", "HEAD")

    def change(name: str, content: bytes) -> None:
        path = stubbed / name
        kept.setdefault(path, path.read_bytes() if path.exists() else None)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    yield change
    stubbed.git("reset", "--soft", head)
    for path, content in kept.items():
        if content is None:
            path.unlink()
        else:
            path.write_bytes(content)
    stubbed.git("add", "--all")
    assert stubbed.git("status", "--porcelain") == ""


def refused(stubbed, folder: Path, *words: str) -> None:
    done = stubbed.archive(folder)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in done.stderr, done.stderr
    assert list(folder.iterdir()) == []


def test_sources_that_are_not_committed(stubbed, changed, tmp_path):
    changed("Makefile", b"all:\n")
    refused(stubbed, tmp_path, "the sources", "Makefile", "Commit them")


def test_a_new_file_among_the_sources_of_a_run(stubbed, changed, tmp_path):
    changed("workflow/scripts/resarc/more.py", b"")
    refused(stubbed, tmp_path, "the sources", "more.py")


def test_a_note_elsewhere_is_no_matter(stubbed, changed, tmp_path):
    changed("notes.txt", b"")
    assert stubbed.archive(tmp_path).returncode == 0


def test_a_result_that_was_edited(stubbed, changed, tmp_path):
    changed(f"results/{STUDY}/audit.csv", b"estimand\nn\n")
    refused(stubbed, tmp_path, f"results/{STUDY}/audit.csv is not as the run left it", "Run make")


def test_a_result_that_nobody_made(stubbed, changed, tmp_path):
    changed(f"results/{STUDY}/more.csv", b"estimand\n")
    refused(stubbed, tmp_path, f"results/{STUDY}/more.csv was not made by the run")


def test_results_of_other_code(stubbed, changed, tmp_path):
    name = "workflow/scripts/resarc/audit/counts.py"
    changed(name, (stubbed / name).read_bytes() + b"# more\n")
    stubbed.commit()
    refused(stubbed, tmp_path, f"{name} has changed since", "Run make")


def test_results_of_other_settings(stubbed, changed, tmp_path):
    text = (stubbed / "config/config.yaml").read_bytes()
    changed("config/config.yaml", text.replace(b"members: 2", b"members: 3"))
    stubbed.commit()
    refused(stubbed, tmp_path, "made with members: 2, but the configuration says 3")


def test_results_of_another_rule(stubbed, changed, tmp_path):
    name = "workflow/rules/audit.smk"
    text = (stubbed / name).read_bytes()
    changed(name, text.replace(b"python workflow", b"exec python workflow"))
    stubbed.commit()
    refused(stubbed, tmp_path, f"results/{STUDY}/audit.csv is to be made anew")


def test_no_results_at_all(stubbed, tmp_path):
    (stubbed / "results").rename(stubbed / "elsewhere")
    try:
        refused(stubbed, tmp_path, "results/manifest.json: found no such file", "Run make")
    finally:
        (stubbed / "elsewhere").rename(stubbed / "results")


def test_no_repository(stubbed, tmp_path):
    (stubbed / ".git").rename(stubbed / "elsewhere")
    try:
        refused(stubbed, tmp_path, "a git repository", "git init")
    finally:
        (stubbed / "elsewhere").rename(stubbed / ".git")


# -- verifying ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def stranger(archive, tmp_path_factory):
    """A folder with the archive's own sources and nothing else: no repository, no results."""
    folder = tmp_path_factory.mktemp("stranger")
    unpack(archive, folder / "unpacked")
    shutil.copytree(folder / "unpacked/sources", folder / "resarc")
    return folder / "resarc"


def test_checksums_alone(stranger, archive, script):
    done = script(stranger, "verify.py", str(archive), "--checksums-only")
    assert done.returncode == 0, done.stdout + done.stderr
    listing = members(archive)["manifest-sha256.txt"]
    count = len(listing.decode().splitlines())
    assert f"Checksums: {count} of {count} files are as archived." in done.stdout
    assert f"SHA-256 of the content: {hashlib.sha256(listing).hexdigest()}" in done.stdout
    assert "Running" not in done.stdout


def test_run_again_all_results_are_identical(stranger, archive, script, tmp_path):
    into = tmp_path / "into"
    done = script(
        stranger, "verify.py", str(archive), "--into", str(into), "--cores", "1",
        LC_ALL="C.UTF-8", TZ="Asia/Kathmandu", PYTHONHASHSEED="7",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    results = [name for name in members(archive) if name.startswith("results/")]
    assert f"Results: {len(results)} of {len(results)} are identical, byte by byte." in done.stdout
    assert (into / "again/results/manifest.json").is_file()


def tampered(archive: Path, into: Path, edit) -> Path:
    """An archive whose list of checksums is right, whatever `edit` did to its members."""
    held = members(archive)
    with zipfile.ZipFile(archive) as opened:
        executable = {i.filename for i in opened.infolist() if (i.external_attr >> 16) & 0o100}
    edit(held)
    held.pop("manifest-sha256.txt")
    packed = {name: Member(content, name in executable) for name, content in held.items()}
    digests = {name: member.sha256() for name, member in packed.items() if name != "run.json"}
    path = into / "tampered.zip"
    pack(packed | {"manifest-sha256.txt": Member(checksums(digests))}, path)
    return path


def forge(held: dict[str, bytes]) -> None:
    """Change a result and say in the run's manifest that it was so."""
    name = f"results/{STUDY}/report.html"
    old = hashlib.sha256(held[name]).hexdigest().encode()
    held[name] += b"1\n"
    new = hashlib.sha256(held[name]).hexdigest().encode()
    manifest = held["results/manifest.json"]
    assert old in manifest
    held["results/manifest.json"] = manifest.replace(old, new)


def test_a_forged_result_is_found_by_running_again(stranger, archive, script, tmp_path):
    path = tampered(archive, tmp_path, forge)
    assert script(stranger, "verify.py", str(path), "--checksums-only").returncode == 0
    into = tmp_path / "into"
    done = script(stranger, "verify.py", str(path), "--into", str(into))
    assert done.returncode == 1
    name = f"results/{STUDY}/report.html"
    begins = f"differs: {name}; study_report made it from identical inputs, so it begins here"
    assert begins in done.stdout
    assert "differs: results/manifest.json\n" in done.stdout
    results = [name for name in members(archive) if name.startswith("results/")]
    assert f"Results: {len(results) - 2} of {len(results)} are identical" in done.stdout
    # the checksum that was published tells it without a run
    digest = hashlib.sha256(members(archive)["manifest-sha256.txt"]).hexdigest()
    done = script(stranger, "verify.py", str(path), "--checksums-only", "--digest", digest)
    assert done.returncode == 1
    assert f"but the one that was published is {digest}" in done.stdout


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("sources/Makefile", "but the crate says swh:1:dir:"),
        (f"results/{STUDY}/audit.csv", f"not as in results/manifest.json: results/{STUDY}/audit"),
    ],
)
def test_an_archive_that_contradicts_itself_is_not_run(
    stranger, archive, script, tmp_path, name, words
):
    def edit(held):
        held[name] += b"\n# more\n"

    done = script(stranger, "verify.py", str(tampered(archive, tmp_path, edit)))
    assert done.returncode == 1
    assert words in done.stdout
    assert "Running" not in done.stdout


def test_damage_is_told_file_by_file_and_nothing_is_run(stranger, archive, script, tmp_path):
    unpack(archive, tmp_path / "out")
    (tmp_path / "out/results/manifest.json").write_bytes(b"{}")
    (tmp_path / "out/LICENSE").unlink()
    done = script(stranger, "verify.py", str(tmp_path / "out"))
    assert done.returncode == 1
    assert "  changed: results/manifest.json" in done.stdout
    assert "  missing: LICENSE" in done.stdout
    assert "Running" not in done.stdout


def test_what_is_no_archive_is_said(stranger, script, tmp_path):
    (tmp_path / "x.zip").write_bytes(b"no zip")
    done = script(stranger, "verify.py", str(tmp_path / "x.zip"))
    assert done.returncode == 1
    assert "error: " in done.stderr
    assert "a zip file that is whole" in done.stderr
    done = script(stranger, "verify.py", str(tmp_path / "none.zip"))
    assert "found no such file" in done.stderr
    (tmp_path / "empty").mkdir()
    done = script(stranger, "verify.py", str(tmp_path / "empty"))
    assert "found no manifest-sha256.txt" in done.stderr


def test_checking_needs_nothing_but_python(stranger, archive):
    start = f"import sys; sys.path.insert(0, {str(stranger / 'workflow/scripts')!r}); sys.argv = ['verify.py', {str(archive)!r}, '--checksums-only']; import verify; verify.main()"
    done = subprocess.run(
        [sys.executable, "-S", "-I", "-c", start], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
