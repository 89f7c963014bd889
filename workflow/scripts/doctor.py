"""Say what is wrong with this installation of Resarc, and what to do about it.

Needs nothing but Python, so that it can also speak about an environment that is not there.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from command import explain_errors
from resarc.errors import ResarcError
from running import JOBS, STATE, check_writable, is_running, lock, owner

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = ROOT / ".venv"
ROOM_FOR_ENVIRONMENT = 2_000_000_000
ROOM_FOR_RESULTS = 500_000_000
FONTS = ("Libertinus Serif", "DejaVu Sans", "DejaVu Sans Mono")
"""Those that the template of the reports asks for."""
SETUP = "make setup"


@dataclass(frozen=True)
class Finding:
    what: str
    remedy: str = ""
    """What to do; empty if nothing is wrong."""


Check = Callable[[Path], Iterator[Finding]]


def main() -> None:
    explain_errors()
    os.chdir(ROOT)
    findings = list(examine(ROOT, CHECKS))
    for finding in findings:
        print(f"{'fault' if finding.remedy else 'ok':<6} {finding.what}")
        if finding.remedy:
            print(f"       do: {finding.remedy}")
    faults = sum(1 for finding in findings if finding.remedy)
    print("Nothing is wrong." if not faults else f"{faults} to mend.")
    sys.exit(1 if faults else 0)


def examine(root: Path, checks: dict[str, Check]) -> Iterator[Finding]:
    """What each check finds; one that cannot be made is a finding too."""
    for name, check in checks.items():
        try:
            yield from check(root)
        except ResarcError as error:
            yield Finding(f"{name}: {error.where}: {error.found}", error.remedy or error.expected)
        except Exception as error:  # noqa: BLE001 (a broken installation may fail in any way)
            yield Finding(
                f"{name}: could not be looked at ({type(error).__name__}: {error})",
                f"{SETUP}; if that does not help, remove .venv and run it again",
            )


# -- what the machine has -------------------------------------------------------------------------


def python(root: Path) -> Iterator[Finding]:
    tested = (root / ".python-version").read_text(encoding="utf-8").strip()
    yield Finding(
        f"Python {platform.python_version()} ({sys.executable}); tested with {tested}, "
        "3.11 to 3.13 will do"
    )


def tools(root: Path) -> Iterator[Finding]:
    uv = shutil.which("uv") or str(root / ".venv-uv/bin/uv")
    found = _version_of(uv)
    yield Finding(f"uv: {found or 'not there; make fetches it when it needs it'}")
    found = _version_of("git")
    yield Finding(f"git: {found or 'not there; only make archive needs it'}")


def _version_of(program: str) -> str:
    try:
        done = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return done.stdout.strip()


def room(root: Path) -> Iterator[Finding]:
    free = shutil.disk_usage(root).free
    needed = ROOM_FOR_RESULTS if ENVIRONMENT.exists() else ROOM_FOR_ENVIRONMENT
    remedy = f"free some space: {needed / 1e9:g} GB are needed" if free < needed else ""
    yield Finding(f"{free / 1e9:.1f} GB free at {root}", remedy)


def leave_to_write(root: Path) -> Iterator[Finding]:
    check_writable(root)
    with tempfile.TemporaryFile() as handle:
        handle.write(b"x" * 100_000)
    yield Finding(f"results, logs and temporary files ({tempfile.gettempdir()}) can be written")
    home = Path.home()
    if not os.access(home, os.W_OK):
        yield Finding(f"the home directory {home} cannot be written; make uses its own instead")


# -- the environment ------------------------------------------------------------------------------


def environment(root: Path) -> Iterator[Finding]:
    """Whether the libraries are there in the versions of the lock."""
    import tomllib

    if not (ENVIRONMENT / "bin/python").exists():
        yield Finding("no environment (.venv)", SETUP)
        return
    if Path(sys.prefix).resolve() != ENVIRONMENT.resolve():
        yield Finding(f"the Python of .venv does not run (this is {sys.executable})", REBUILD)
        return
    lock_file = tomllib.loads((root / "uv.lock").read_text(encoding="utf-8"))
    locked: dict[str, set[str]] = {}
    for package in lock_file["package"]:
        locked.setdefault(package["name"], set()).add(package.get("version", ""))
    installed = {
        _canonical(each.metadata["Name"]): each.version
        for each in importlib.metadata.distributions()
    }
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needed = {_canonical(re.split(r"[^\w.-]", d, maxsplit=1)[0]) for d in project["dependencies"]}
    missing = sorted(needed - set(installed))
    other = sorted(
        f"{name} {installed[name]} instead of {' or '.join(sorted(locked[name]))}"
        for name in set(installed) & set(locked)
        if installed[name] not in locked[name]
    )
    if missing:
        yield Finding(f"not installed: {', '.join(missing)}", REBUILD)
    if other:
        yield Finding(f"not the versions of uv.lock: {'; '.join(other)}", REBUILD)
    if not missing and not other:
        yield Finding(f"the environment has the versions of uv.lock ({len(installed)} packages)")


REBUILD = "touch uv.lock && make setup; if that does not help, remove .venv and run make setup"


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def libraries(_: Path) -> Iterator[Finding]:
    """Whether the compiled ones can be loaded."""
    broken = []
    for name in ("numpy", "scipy.stats", "pandas", "pyarrow.parquet", "matplotlib.pyplot"):
        try:
            importlib.import_module(name)
        except Exception as error:  # noqa: BLE001 (whatever a broken library raises)
            broken.append(f"{name} ({error})")
    if broken:
        yield Finding(f"cannot be loaded: {'; '.join(broken)}", REBUILD)
    else:
        yield Finding("numpy, scipy, pandas, pyarrow and matplotlib can be loaded")


def typesetting(_: Path) -> Iterator[Finding]:
    """Whether a PDF can be made with the fonts of the reports, none of them the system's."""
    import typst

    from resarc.report.glyphs import font_folder

    lines = [f'#text(font: "{font}", fallback: false)[Resarc]' for font in FONTS]
    made, warnings = typst.compile_with_warnings(
        "\n".join(lines).encode(),
        font_paths=[font_folder()],
        ignore_system_fonts=True,
        format="pdf",
    )
    if warnings:
        yield Finding(f"the typesetter lacks a font: {warnings[0].message}", REBUILD)
    else:
        yield Finding(f"PDF: a page of {len(made)} bytes, without fonts of the system")


# -- what is to be analysed -----------------------------------------------------------------------


def configuration(root: Path) -> Iterator[Finding]:
    """Whether settings, registries and key can be read."""
    from resarc.configuration import read_model
    from resarc.privacy import read_key
    from resarc.settings import Settings, key_file, sources

    settings = read_model(Path("config/config.yaml"), Settings)
    studies = sources(settings, Path("config"))
    yield Finding(f"settings: {len(studies)} studies, {settings.members} datasets each")
    for study, source in studies.items():
        for file in source.files:
            with file.open("rb") as handle:
                handle.read(1)
            yield Finding(f"data of {study}: {file} can be read")
    key = key_file(settings)
    if key:
        read_key(key, root)
        yield Finding("the key of pseudonyms can be read")


# -- what earlier runs left -----------------------------------------------------------------------


def runs(root: Path) -> Iterator[Finding]:
    if is_running(root):
        yield Finding(f"a run is under way{owner(root)}")
        return
    left = sorted((root / STATE / "locks").glob("*.lock"))
    jobs = root / STATE / JOBS
    if jobs.exists() and lock(jobs, keep=False) is False:
        yield Finding("no run is under way, but a job of one that was stopped; the next run waits")
    elif not left:
        yield Finding("no run is under way")
    elif _knows_locks(root):
        yield Finding("a run was killed; the next one clears its lock away and goes on")
    else:
        yield Finding(
            "a lock of Snakemake, on a file system where it cannot be told whether a run holds it",
            "if no run is under way: .venv/bin/snakemake --unlock",
        )


def _knows_locks(root: Path) -> bool:
    return lock(root / STATE / JOBS, keep=False) is not None


CHECKS: dict[str, Check] = {
    "Python": python,
    "programs": tools,
    "disk": room,
    "leave to write": leave_to_write,
    "environment": environment,
    "libraries": libraries,
    "PDF": typesetting,
    "configuration": configuration,
    "runs": runs,
}


if __name__ == "__main__":
    main()
