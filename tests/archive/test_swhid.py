"""The identifier of a tree is the one that git gives it."""

import shutil
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resarc.archive.swhid import Blob, content_identifier, directory_identifier

GIT = shutil.which("git")


@pytest.mark.unit
def test_contents_that_are_known():
    # Identifiers of the empty file and of "hello world\n", as git hash-object prints them.
    assert content_identifier(b"") == "swh:1:cnt:e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"
    assert (
        content_identifier(b"hello world\n") == "swh:1:cnt:3b18e512dba79e4c8300dd08aeb37f8e728b8dad"
    )


@pytest.mark.unit
def test_the_empty_tree_is_known():
    assert directory_identifier({}) == "swh:1:dir:4b825dc642cb6eb9a060e54bf8d69288fbee4904"


@pytest.mark.unit
def test_a_path_cannot_be_a_file_and_a_directory():
    with pytest.raises(ValueError, match="'a' in 'a/b' is a file and a directory"):
        directory_identifier({"a": Blob(b""), "a/b": Blob(b"")})
    with pytest.raises(ValueError, match="'a' is a file and a directory"):
        directory_identifier({"a/b": Blob(b""), "a": Blob(b"")})


NAMES = st.text("aAb.-é0", min_size=1, max_size=3).filter(lambda name: name.strip(".") != "")
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)
TREES = st.dictionaries(
    PATHS, st.builds(Blob, st.binary(max_size=5), st.booleans()), max_size=6
).filter(
    lambda tree: (
        not any(other.startswith(f"{path}/") for path in tree for other in tree if other != path)
    )
)


@pytest.mark.property
@pytest.mark.skipif(GIT is None, reason="git is not installed")
@settings(max_examples=25)
@given(TREES)
def test_git_agrees(tmp_path_factory, tree):
    folder = tmp_path_factory.mktemp("tree")

    def git(*arguments: str) -> str:
        done = subprocess.run(
            [GIT, "-c", "core.autocrlf=false", *arguments],
            cwd=folder,
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout.strip()

    git("init", "--quiet")
    for path, blob in tree.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(blob.content)
        place.chmod(0o755 if blob.executable else 0o644)
    git("add", "--all", "--force")
    assert directory_identifier(tree) == f"swh:1:dir:{git('write-tree')}"
