"""The same files give the same zip; a zip that would do harm is refused before a byte is written."""

import hashlib
import os
import stat
import struct
import subprocess
import time
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resarc.archive import CHECKSUMS, RUN
from resarc.archive.package import (
    ArchiveError,
    Member,
    check,
    checksums,
    digest_of_content,
    fault_of_name,
    pack,
    read_checksums,
    unpack,
)

pytestmark = pytest.mark.unit

FILES = {
    "b/two.csv": Member(b"x,y\n" * 1000),
    "a.txt": Member(b"first\n"),
    "b/run.sh": Member(b"#!/bin/sh\n", executable=True),
}


def test_the_same_files_give_the_same_bytes(tmp_path, monkeypatch):
    pack(FILES, tmp_path / "one.zip")
    monkeypatch.setenv("TZ", "Pacific/Auckland")
    time.tzset()
    large = tmp_path / "two.csv"
    large.write_bytes(b"x,y\n" * 1000)
    large.chmod(0o600)
    os.utime(large, (1, 1))
    other = dict(reversed(FILES.items())) | {"b/two.csv": Member(large)}
    old = os.umask(0o077)
    try:
        pack(other, tmp_path / "two.zip")
    finally:
        os.umask(old)
        monkeypatch.undo()
        time.tzset()
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()


def test_order_dates_and_permissions_are_fixed(tmp_path):
    pack(FILES, tmp_path / "one.zip")
    with zipfile.ZipFile(tmp_path / "one.zip") as archive:
        infos = archive.infolist()
    assert [info.filename for info in infos] == ["a.txt", "b/", "b/run.sh", "b/two.csv"]
    assert {info.date_time for info in infos} == {(1980, 1, 1, 0, 0, 0)}
    modes = [stat.filemode(info.external_attr >> 16) for info in infos]
    assert modes == ["-rw-r--r--", "drwxr-xr-x", "-rwxr-xr-x", "-rw-r--r--"]


def test_what_was_packed_comes_out(tmp_path):
    pack(FILES, tmp_path / "one.zip")
    unpack(tmp_path / "one.zip", tmp_path / "out")
    for name, member in FILES.items():
        assert (tmp_path / "out" / name).read_bytes() == member.source
    assert os.access(tmp_path / "out/b/run.sh", os.X_OK)
    assert not (tmp_path / "out/a.txt").stat().st_mode & stat.S_IXUSR


def test_packing_that_fails_leaves_nothing(tmp_path):
    with pytest.raises(FileNotFoundError):
        pack({"a": Member(tmp_path / "none")}, tmp_path / "one.zip")
    assert list(tmp_path.iterdir()) == []


# -- harm -----------------------------------------------------------------------------------------


def made(path: Path, *names: str, mode: int = stat.S_IFREG | 0o644, content: bytes = b"x") -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            info = zipfile.ZipInfo("placeholder")
            info.filename = name  # ZipInfo itself would tidy it
            info.create_system = 3
            info.external_attr = mode << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, content)
    return path


def refused(archive: Path, why: str) -> None:
    folder = archive.parent / "out"
    with pytest.raises(ArchiveError, match=why):
        unpack(archive, folder)
    assert not folder.exists()
    assert {path.name for path in archive.parent.iterdir()} == {archive.name}


@pytest.mark.parametrize(
    "name",
    [
        "../evil",
        "a/../../evil",
        "/etc/evil",
        "C:/evil",
        "..\\evil",
        "a\\..\\evil",
        "a//b",
        "./a",
        "a/.",
        "a\nb",
        "a\x7f",
    ],
)
def test_a_name_that_leads_elsewhere(tmp_path, name):
    assert fault_of_name(name)
    refused(made(tmp_path / "x.zip", "good.txt", name), "a path|a control character")
    with pytest.raises(ArchiveError):
        pack({name: Member(b"")}, tmp_path / "y.zip")


def test_a_name_cut_short_by_a_nul(tmp_path):
    path = made(tmp_path / "x.zip", "goodX../../evil")
    path.write_bytes(path.read_bytes().replace(b"goodX", b"good\0"))
    refused(path, "a control character")


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFSOCK])
def test_links_and_special_files(tmp_path, kind):
    refused(made(tmp_path / "x.zip", "link", mode=kind | 0o777, content=b"/etc"), "a link or spec")


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("names", [("a", "a"), ("a/b", "A/B")])
def test_a_name_that_stands_twice(tmp_path, names):
    refused(made(tmp_path / "x.zip", *names), "two files")


def test_a_bomb(tmp_path, monkeypatch):
    monkeypatch.setattr("resarc.archive.package.ALWAYS_ALLOWED", 1000)
    refused(made(tmp_path / "x.zip", "zeros", content=bytes(10_000_000)), "zip bomb")


def test_a_bomb_that_lies_about_its_size(tmp_path):
    """The size in the directory is what counts: no more than it is ever written."""
    path = made(tmp_path / "x.zip", "zeros", content=bytes(1_000_000))
    content = path.read_bytes()
    size = struct.pack("<I", 1_000_000)
    assert content.count(size) == 2
    path.write_bytes(content.replace(size, struct.pack("<I", 10)))
    with pytest.raises(ArchiveError, match="CRC"):
        unpack(path, tmp_path / "out")
    assert sum(p.stat().st_size for p in (tmp_path / "out").rglob("*")) <= 10


def test_too_many_files(tmp_path, monkeypatch):
    monkeypatch.setattr("resarc.archive.package.MOST_MEMBERS", 2)
    refused(made(tmp_path / "x.zip", "a", "b", "c"), "3 files")


def test_more_than_the_disk_holds(tmp_path, monkeypatch):
    monkeypatch.setattr(
        "resarc.archive.package.shutil.disk_usage", lambda _: SimpleNamespace(free=5)
    )
    refused(made(tmp_path / "x.zip", "a", content=b"123456"), "6 bytes to unpack and 5 bytes free")


def test_a_file_that_is_no_zip_or_half_of_one(tmp_path):
    (tmp_path / "x.zip").write_bytes(b"no zip")
    refused(tmp_path / "x.zip", "a zip file that is whole")
    pack(FILES, tmp_path / "x.zip")
    content = (tmp_path / "x.zip").read_bytes()
    (tmp_path / "x.zip").write_bytes(content[: len(content) // 2])
    refused(tmp_path / "x.zip", "a zip file that is whole")


def test_a_folder_that_is_there_is_not_written_into(tmp_path):
    pack(FILES, tmp_path / "x.zip")
    (tmp_path / "out").mkdir()
    with pytest.raises(FileExistsError):
        unpack(tmp_path / "x.zip", tmp_path / "out")


# -- checksums ------------------------------------------------------------------------------------


@pytest.mark.property
@given(
    st.dictionaries(
        st.text(min_size=1).filter(lambda name: not fault_of_name(name) and name.isprintable()),
        st.binary(max_size=3).map(lambda b: hashlib.sha256(b).hexdigest()),
    )
)
def test_checksums_are_read_as_they_are_written(digests):
    assert read_checksums(checksums(digests), "x") == digests


@pytest.mark.parametrize("line", ["short  a", f"{'0' * 64} a", f"{'0' * 64}  ", f"{'G' * 64}  a"])
def test_a_line_that_is_no_checksum_is_named(line):
    with pytest.raises(ArchiveError, match=r"list, line 2: found"):
        read_checksums(f"{'0' * 64}  b\n{line}\n".encode(), "list")


def test_a_name_twice_is_refused():
    with pytest.raises(ArchiveError, match="line 2"):
        read_checksums(f"{'0' * 64}  b\n{'1' * 64}  b\n".encode(), "list")


@pytest.fixture
def unpacked(tmp_path):
    digests = {name: member.sha256() for name, member in FILES.items()}
    members = FILES | {CHECKSUMS: Member(checksums(digests)), RUN: Member(b"{}")}
    pack(members, tmp_path / "x.zip")
    unpack(tmp_path / "x.zip", tmp_path / "out")
    return tmp_path / "out"


def test_a_whole_archive_passes_and_is_known_by_its_content(unpacked):
    found = check(unpacked)
    assert found.passed
    assert found.right == 3
    assert found.digest == digest_of_content((unpacked / CHECKSUMS).read_bytes())
    (unpacked / RUN).write_text("other times", encoding="utf-8")
    assert check(unpacked) == found


def test_each_kind_of_damage_is_told(unpacked):
    (unpacked / "a.txt").write_bytes(b"changed")
    (unpacked / "b/run.sh").unlink()
    (unpacked / "b/added.py").write_bytes(b"")
    found = check(unpacked)
    assert not found.passed
    assert (found.changed, found.missing, found.unlisted) == (
        ("a.txt",),
        ("b/run.sh",),
        ("b/added.py",),
    )


def test_anybody_can_check_it_without_resarc(unpacked):
    try:
        subprocess.run(["sha256sum", "--version"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("sha256sum is not installed")
    command = ["sha256sum", "--check", "--strict", "--quiet", CHECKSUMS]
    assert subprocess.run(command, cwd=unpacked, check=False).returncode == 0
    (unpacked / "a.txt").write_bytes(b"changed")
    assert subprocess.run(command, cwd=unpacked, check=False, capture_output=True).returncode == 1
