"""Which files a script rests on, read from its import statements."""

import pytest

from resarc.provenance import code_of, digest

pytestmark = pytest.mark.unit


@pytest.fixture
def write(tmp_path):
    def write(name: str, text: str = "") -> None:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    return write


def names(root, script):
    return [str(path.relative_to(root)) for path in code_of(root / script, root)]


def test_modules_are_followed_through_others_at_any_depth(tmp_path, write):
    write("door.py", "import os, helper\nfrom library.room import table\n")
    write("helper.py")
    write("library/__init__.py")
    write(
        "library/room.py",
        "def f():\n    try:\n        import library.deep\n    except OSError:\n        raise\n",
    )
    write("library/deep.py", "if True:\n    from library import far\n")
    write("library/far.py", "from library import deep\n")
    write("library/unused.py")
    assert names(tmp_path, "door.py") == [
        "door.py",
        "helper.py",
        "library/__init__.py",
        "library/deep.py",
        "library/far.py",
        "library/room.py",
    ]


def test_a_package_brings_its_data_files_and_what_it_imports(tmp_path, write):
    write("door.py", "from library import page\n")
    write("library/__init__.py")
    write("library/page/__init__.py", "from . import html\nfrom ..floor import f\n")
    write("library/page/html.py")
    write("library/page/templates/page.j2")
    write("library/page/__pycache__/html.pyc")
    write("library/page/__pycache__/html.f-12.py311.nbi")  # numba's, from a first run
    write("library/floor.py")
    assert names(tmp_path, "door.py") == [
        "door.py",
        "library/__init__.py",
        "library/floor.py",
        "library/page/__init__.py",
        "library/page/html.py",
        "library/page/templates/page.j2",
    ]


def test_a_script_outside_the_root_may_use_it(tmp_path, write):
    write("notebooks/study.py", "from library import f\n")
    write("scripts/library.py")
    found = code_of(tmp_path / "notebooks/study.py", tmp_path / "scripts")
    assert found == [tmp_path / "notebooks/study.py", tmp_path / "scripts/library.py"]


def test_digest_is_sha256(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert digest(tmp_path / "a") == known
