"""Check an archive of Resarc, and run it again.

Every file is held against the archive's checksums, and the sources against their identifier. Then the
pipeline runs again in a new folder, with the sources, settings and data of the archive, and each result
is compared byte by byte. Running it executes the code in the archive; --checksums-only does not.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from command import explain_errors
from resarc.archive import CRATE, INPUTS, RESULTS, SOURCES
from resarc.archive.package import ArchiveError, Member, check, files_below, unpack
from resarc.archive.rerun import Comparison, compare
from resarc.archive.swhid import Blob, directory_identifier

HERE = Path(__file__).resolve().parents[2]
MOST_SHOWN = 50


def main() -> None:
    explain_errors()
    parser = argparse.ArgumentParser(
        description=__doc__,
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("archive", type=Path, help="the zip file, or the folder it was unpacked to")
    parser.add_argument("--checksums-only", action="store_true", help="do not run it again")
    parser.add_argument("--digest", default="", help="SHA-256 of the content, as published")
    parser.add_argument(
        "--into", type=Path, help="a new folder to unpack and run in, which is kept"
    )
    parser.add_argument(
        "--input",
        action="append",
        default=[],
        metavar="PATH=FILE",
        help="data of a registry that the archive does not hold; PATH as its README lists it",
    )
    parser.add_argument("--cores", default="all", help="processors for the run (all)")
    arguments = parser.parse_args()
    given = dict(inputs_given(arguments.input))

    if arguments.into and arguments.into.exists():
        raise ArchiveError(
            "--into", f"{arguments.into}, which exists", "a folder that is not there yet"
        )
    work = arguments.into or Path(tempfile.mkdtemp(prefix="resarc-verify-"))
    try:
        same = verify(arguments, work, given)
    except BaseException:
        if not arguments.into:
            shutil.rmtree(work, ignore_errors=True)
        raise
    if same and not arguments.into:
        shutil.rmtree(work, ignore_errors=True)
    elif not same:
        print(f"What was unpacked and made again is in {work}")
    sys.exit(0 if same else 1)


def verify(arguments: argparse.Namespace, work: Path, given: dict[str, Path]) -> bool:
    """Whether the archive is whole and, if it was run again, all results are the same."""
    if arguments.archive.is_dir():
        folder = arguments.archive
    elif arguments.archive.is_file():
        folder = work / "archive"
        unpack(arguments.archive, folder)
    else:
        raise ArchiveError(str(arguments.archive), "no such file", "an archive of Resarc")
    whole = said_checksums(folder, arguments.digest)
    manifest = json.loads((folder / RESULTS / "manifest.json").read_bytes()) if whole else {}
    whole = whole and said_sources(folder) and said_results(folder, manifest)
    if not whole or arguments.checksums_only:
        return whole
    again = work / "again"
    shutil.copytree(folder / SOURCES, again)
    lay_out_data(folder, again, manifest, given)
    run(again, arguments.cores)
    outcome = compare(
        digests(folder / RESULTS), digests(again / RESULTS), with_manifest(manifest["jobs"])
    )
    say(outcome)
    return not outcome.differences


# -- what the archive says of itself --------------------------------------------------------------


def said_checksums(folder: Path, published: str) -> bool:
    found = check(folder)
    faults = {"changed": found.changed, "missing": found.missing, "not listed": found.unlisted}
    for fault, names in faults.items():
        for name in names[:MOST_SHOWN]:
            print(f"  {fault}: {name}")
    total = found.right + len(found.changed) + len(found.missing)
    print(f"Checksums: {found.right} of {total} files are as archived.")
    print(f"SHA-256 of the content: {found.digest}")
    if published and not (len(published) >= 12 and found.digest.startswith(published.lower())):
        print(f"  but the one that was published is {published}")
        return False
    return found.passed


def said_sources(folder: Path) -> bool:
    """Whether the sources have the identifier that the crate gives."""
    graph = json.loads((folder / CRATE).read_bytes())["@graph"]
    stated = next(entity["identifier"] for entity in graph if entity["@id"] == "./")
    sources = folder / SOURCES
    tree = {
        path.relative_to(sources).as_posix(): Blob(
            path.read_bytes(), executable=bool(path.stat().st_mode & 0o100)
        )
        for path in files_below(sources)
    }
    found = directory_identifier(tree)
    print(f"Sources: {found}" + ("" if found == stated else f", but the crate says {stated}"))
    return found == stated


def said_results(folder: Path, manifest: dict[str, Any]) -> bool:
    """Whether the results and the sources are those that the run's own manifest lists."""
    wrong = [
        entry["path"]
        for entry in manifest["results"]
        if not is_file_with(folder / entry["path"], entry["sha256"])
    ]
    for entry in manifest["inputs"]:
        places = [folder / f"{top}{entry['path']}" for top in (SOURCES, INPUTS)]
        held = [place for place in places if place.is_file()]
        if held and not is_file_with(held[0], entry["sha256"]):
            wrong.append(entry["path"])
    for path in wrong[:MOST_SHOWN]:
        print(f"  not as in results/manifest.json: {path}")
    return not wrong


def is_file_with(path: Path, sha256: str) -> bool:
    return path.is_file() and Member(path).sha256() == sha256


# -- running it again -----------------------------------------------------------------------------


def inputs_given(texts: list[str]) -> list[tuple[str, Path]]:
    pairs = []
    for text in texts:
        path, equals, file = text.partition("=")
        if not equals or not Path(file).is_file():
            raise ArchiveError("--input", repr(text), "PATH=FILE, with a FILE that is there")
        pairs.append((path, Path(file)))
    return pairs


def lay_out_data(
    folder: Path, again: Path, manifest: dict[str, Any], given: dict[str, Path]
) -> None:
    """Put the data of registries where the run expects them, each with the digest it had."""
    for entry in manifest["inputs"]:
        path = entry["path"]
        if (folder / f"{SOURCES}{path}").is_file():
            continue
        held = given.get(path) or folder / f"{INPUTS}{path}"
        place = Path(os.path.normpath(again / path))
        if not held.is_file():
            raise ArchiveError(
                path,
                "data of a registry, of which the archive holds the SHA-256 alone",
                "the data",
                f"Give them with --input {path}=FILE (make: ARGS=...), or check the checksums only.",
            )
        if not is_file_with(held, entry["sha256"]):
            raise ArchiveError(str(held), "other data", f"those with SHA-256 {entry['sha256']}")
        if place.is_relative_to(again):
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(held, place)
        elif not is_file_with(place, entry["sha256"]):
            raise ArchiveError(
                path,
                "data outside of the project's folder",
                "data that a run in another folder finds",
                "Put them there, or check the checksums only.",
            )


def run(again: Path, cores: str) -> None:
    """Run the pipeline, in this environment if it is the one that the archive asks for."""
    python = sys.executable
    if not is_file_with(HERE / "uv.lock", Member(again / "uv.lock").sha256()):
        print("The archive asks for other versions of libraries: building its own environment")
        subprocess.run(["make", "-C", str(again), "setup"], check=True)
        python = str(again / ".venv/bin/python")
    print(f"Running it again in {again}", flush=True)
    done = subprocess.run([python, "-m", "snakemake", "--cores", cores], cwd=again, check=False)
    if done.returncode:
        print("The run failed; what it made until then is compared.")


def digests(results: Path) -> dict[str, str]:
    return {
        f"{RESULTS}{path.relative_to(results).as_posix()}": Member(path).sha256()
        for path in files_below(results)
        if not path.name.startswith(".")
    }


def with_manifest(jobs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The jobs, and the one that lists the results of all others."""
    results = [output for job in jobs for output in job["outputs"]]
    return [*jobs, {"rule": "manifest", "inputs": results, "outputs": [f"{RESULTS}manifest.json"]}]


def say(outcome: Comparison) -> None:
    for difference in outcome.differences[:MOST_SHOWN]:
        text = f"  {difference.kind}: {difference.path}"
        if difference.origin:
            text += f"; {difference.rule} made it from identical inputs, so it begins here"
        print(text)
    more = len(outcome.differences) - MOST_SHOWN
    if more > 0:
        print(f"  and {more} more")
    total = len(outcome.identical) + len(outcome.differences)
    print(f"Results: {len(outcome.identical)} of {total} are identical, byte by byte.")


if __name__ == "__main__":
    main()
