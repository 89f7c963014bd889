"""The same results on each Python that is supported, where an environment of it is there; the same bytes
where uv.lock takes the same libraries for it.

Environments are looked for in `.venv-3.12` and `.venv-3.13` beside `.venv`, and in RESARC_PYTHONS
(paths of their Pythons with a colon between); CONTRIBUTING.md says how to make one.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BESIDE = [ROOT / f".venv-{version}/bin/python" for version in ("3.11", "3.12", "3.13")]
NAMED = [Path(name) for name in os.environ.get("RESARC_PYTHONS", "").split(":") if name]
OTHERS = [str(path) for path in (*BESIDE, *NAMED) if path.exists()]

pytestmark = [
    pytest.mark.end_to_end,
    pytest.mark.skipif(not OTHERS, reason="no environment of another Python is there"),
]


@pytest.mark.parametrize("python", OTHERS)
def test_another_python_gives_the_same_bytes(python, small_run, small, tmp_path):
    ask = [python, "-c", "import sys; print(sys.version_info[:2])"]
    version = subprocess.run(ask, check=True, capture_output=True, text=True).stdout.strip()
    assert version != str(sys.version_info[:2]), f"{python} is the same Python as this one"
    copy = small(tmp_path)
    done = copy.snakemake("--cores", "2", by=python)
    assert done.returncode == 0, done.stdout + done.stderr
    expected, found = small_run.results(), copy.results()
    assert set(found) == set(expected)
    differ = {name for name in found if found[name] != expected[name]}
    if software(copy) != software(small_run):
        # uv.lock takes other versions of some libraries for other Pythons. The reports and the manifest
        # name them; nothing else may differ.
        differ = {name for name in differ if Path(name).name not in NAMING_VERSIONS}
    assert differ == set()


NAMING_VERSIONS = (
    "manifest.json", "model.json", "report.html", "index.html", "report.pdf",
)  # fmt: skip


def software(copy) -> dict[str, str]:
    manifest = json.loads((copy / "results/manifest.json").read_text(encoding="utf-8"))
    return manifest["software"]
