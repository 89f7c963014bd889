"""`make parity`: R computes the results kept in tests/r once more, and any difference is a failure.

Each script beside this file is run in a folder that is thrown away, and what it writes is compared,
number by number, with the file that is committed. Then tests/r/differences.csv, from which the last
columns of docs/statistics.md come, is made again and compared too. With `--write` the new files
replace the old ones (make parity ARGS=--write). Exit code 1 if anything differs, 2 without R.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "workflow" / "scripts")]

SCRIPTS = ("survival", "models", "tests", "reanalysis", "tables", "pool", "conventions")
"""Those that need no file from elsewhere: tcga.R reads one that is not in the repository."""
TOLERANCE = 1e-8
"""Relative, and absolute below 1: other versions of R and its packages sum in another order."""
_MOST = 10


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("--write", action="store_true", help="replace the files that are committed")
    write = parser.parse_args().write
    rscript = shutil.which("Rscript")
    if rscript is None:
        print(
            "error: Rscript is not on the PATH, so that nothing can be compared with R.\n"
            "Install R (Debian, Ubuntu: apt-get install r-base-core) and run make parity again. The "
            "tests need no R: they compare with the results kept in tests/r.",
            file=sys.stderr,
        )
        return 2
    lacking = missing_packages(rscript)
    if lacking:
        debian = " ".join(f"r-cran-{name.lower()}" for name in lacking)
        print(
            f"error: R lacks {', '.join(lacking)}.\n"
            f"Install them (Debian, Ubuntu: apt-get install {debian}; or in R: "
            f"install.packages(c({', '.join(map(repr, lacking))}))) and run make parity again.",
            file=sys.stderr,
        )
        return 2
    faults = 0
    with tempfile.TemporaryDirectory() as folder:
        for name in SCRIPTS:
            made = Path(folder, f"{name}.json")
            run(rscript, name, made)
            found = differences(read(HERE / f"{name}.json"), read(made))
            report(name, found, read(made))
            faults += len(found)
            if write:
                shutil.copyfile(made, HERE / f"{name}.json")
    faults += table(write)
    if faults and not write:
        print(f"{faults} differences. If they are meant, make parity ARGS=--write keeps them.")
    return 1 if faults and not write else 0


def needed(name: str) -> list[str]:
    """The packages that a script loads."""
    return re.findall(r"library\((\w+)\)", (HERE / f"{name}.R").read_text(encoding="utf-8"))


def missing_packages(rscript: str) -> list[str]:
    names = sorted({package for name in SCRIPTS for package in needed(name)})
    asked = ", ".join(f'"{name}"' for name in names)
    code = f"cat(Filter(function(p) !requireNamespace(p, quietly = TRUE), c({asked})))"
    done = subprocess.run([rscript, "-e", code], capture_output=True, text=True, check=True)
    return done.stdout.split()


def run(rscript: str, name: str, made: Path) -> None:
    """Run a script: survival.R reads data sets that lifelines ships, pool.R writes to its output."""
    command = [rscript, str(HERE / f"{name}.R")]
    if name == "survival":
        import lifelines

        command.append(str(Path(lifelines.__file__).parent / "datasets"))
    if name == "pool":
        with made.open("w", encoding="utf-8") as handle:
            subprocess.run(command, stdout=handle, stderr=subprocess.PIPE, check=True)
        return
    subprocess.run([*command, str(made)], stdout=sys.stderr, stderr=subprocess.PIPE, check=True)


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def differences(kept: Any, made: Any, place: str = "") -> list[str]:
    """Where two results differ, in words; versions may."""
    if place.startswith(".versions"):
        return []
    if isinstance(kept, dict) and isinstance(made, dict):
        if kept.keys() != made.keys():
            return [f"{place}: {sorted(kept)} kept, {sorted(made)} found"]
        return [d for key in kept for d in differences(kept[key], made[key], f"{place}.{key}")]
    if isinstance(kept, list) and isinstance(made, list):
        if len(kept) != len(made):
            return [f"{place}: {len(kept)} entries kept, {len(made)} found"]
        pairs = enumerate(zip(kept, made, strict=True))
        return [d for i, (one, two) in pairs for d in differences(one, two, f"{place}[{i}]")]
    if _number(kept) and _number(made):
        if abs(kept - made) <= TOLERANCE * max(1.0, abs(kept)):
            return []
    elif kept == made:
        return []
    return [f"{place}: {kept!r} kept, {made!r} found"]


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def report(name: str, found: list[str], made: Any) -> None:
    versions = made["versions"]
    listed = versions if isinstance(versions, list) else [f"{k} {v}" for k, v in versions.items()]
    print(f"{name}.R: {f'{len(found)} differences' if found else 'the same'} ({', '.join(listed)})")
    for line in found[:_MOST]:
        print(f"  {name}{line}")
    if len(found) > _MOST:
        print(f"  and {len(found) - _MOST} more")


def table(write: bool) -> int:
    """Make tests/r/differences.csv again, and hold it against the one that is kept."""
    import differences as against_r

    path = HERE / "differences.csv"
    made = against_r.table().to_csv(index=False, lineterminator="\n")
    kept = path.read_text(encoding="utf-8") if path.is_file() else ""
    if write:
        path.write_text(made, encoding="utf-8")
    lines = [line for line in made.splitlines() if line not in kept.splitlines()]
    print(f"differences.csv: {f'{len(lines)} lines differ' if lines else 'the same'}")
    for line in lines[:_MOST]:
        print(f"  {line}")
    return len(lines)


if __name__ == "__main__":
    sys.exit(main())
