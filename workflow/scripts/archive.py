"""Put the run into one file that can be checked and re-run: sources, results and their provenance.

It refuses what could not be checked or must not leave: sources that are not committed, results that
are not theirs, and what a registry's protocol does not allow to be archived.
"""

from __future__ import annotations

import argparse
import ast
import csv
import io
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import resarc
import running
from command import explain_errors
from resarc.archive import CHECKSUMS, CRATE, INPUTS, JOBS, README, RESULTS, RUN, SOURCES
from resarc.archive.admission import MANIFEST, internal_studies, mismatches, unknown_columns
from resarc.archive.crate import Facts, Withheld, crate
from resarc.archive.package import (
    ArchiveError,
    Member,
    check,
    checksums,
    digest_of_content,
    files_below,
    pack,
    unpack,
)
from resarc.archive.readme import readme
from resarc.archive.swhid import Blob, directory_identifier
from resarc.configuration import from_json, read_model, read_yaml
from resarc.jobs import Job, read_jobs
from resarc.protocol import Protocol, Source
from resarc.provenance import digest
from resarc.settings import Settings, sources

RECORDS = Path(".snakemake", "metadata")
SETTINGS = Path("config", "config.yaml")
OF_THE_RUN = ("Snakefile", "workflow", "config", "notebooks", "profiles")
"""Where a file that is not committed could change a result."""
RUN_AGAIN = "Run make, then make archive again."


def main() -> None:
    explain_errors()
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument(
        "--folder", type=Path, default=Path("archive"), help="where the zip file is put"
    )
    arguments = parser.parse_args()

    running.begin(Path.cwd())  # nothing changes while it is read
    settings = read_model(SETTINGS, Settings)
    studies = sources(settings, Path("config"))
    tree = committed_sources()
    manifest = read_manifest()
    refuse_stale(manifest, settings)
    refuse_internal(studies)
    refuse_unknown_columns(manifest)
    members, digest_ = members_of(tree, manifest, studies)

    name = f"resarc-{resarc.__version__}-{digest_[:12]}.zip"
    path = arguments.folder / name
    pack(members, path)
    read_back(path, digest_)
    size = path.stat().st_size
    print(f"{path}: {len(members)} files, {size / 1e6:.1f} MB")
    print(f"SHA-256 of its content: {digest_}")
    print(f"Check it with: make verify ARCHIVE={path}")


# -- what is refused ------------------------------------------------------------------------------


def committed_sources() -> dict[str, Blob]:
    """The files of the commit that is checked out, all as they are committed."""
    top = git("rev-parse", "--show-toplevel").decode().strip()
    if Path(top).resolve() != Path.cwd().resolve():
        raise ArchiveError(
            "the sources", f"a git repository in {top}", f"one in {Path.cwd()}", MAKE_REPOSITORY
        )
    changed = git("status", "--porcelain", "--untracked-files=no").decode().splitlines()
    stray = git("status", "--porcelain", "--untracked-files=all", "--", *OF_THE_RUN).decode()
    changed += [line for line in stray.splitlines() if line not in changed]
    if changed:
        raise ArchiveError(
            "the sources",
            f"{len(changed)} files that are not as committed: {listed(changed)}",
            "a tree without changes",
            f"Commit them or take them back. {RUN_AGAIN}",
        )
    tree = {}
    for entry in git("ls-files", "-z", "--stage").decode("utf-8").split("\0")[:-1]:
        mode, path = entry.split(" ", 1)[0], entry.split("\t", 1)[1]
        if mode not in ("100644", "100755"):
            raise ArchiveError(
                path, "a link or a submodule", "a file", "An archive holds files alone."
            )
        tree[path] = Blob(Path(path).read_bytes(), executable=mode == "100755")
    identifier = directory_identifier(tree)
    expected = git("rev-parse", "HEAD^{tree}").decode().strip()
    if identifier != f"swh:1:dir:{expected}":
        raise ArchiveError(
            "the sources",
            f"files of tree {identifier.rpartition(':')[2]}",
            f"those of the commit, {expected}",
            "git may change line ends on this machine: git config core.autocrlf false, then check "
            "the files out again.",
        )
    return tree


MAKE_REPOSITORY = (
    "The sources are identified by git. Clone Resarc, or make this folder a repository: "
    "git init && git add --all && git commit -m Start"
)


def git(*arguments: str) -> bytes:
    try:
        return subprocess.run(["git", *arguments], check=True, capture_output=True).stdout
    except FileNotFoundError:
        raise ArchiveError("git", "no such program", "git on the PATH", "Install git.") from None
    except subprocess.CalledProcessError as error:
        message = error.stderr.decode("utf-8", "replace").strip()
        raise ArchiveError(
            f"git {arguments[0]}", repr(message), "a git repository", MAKE_REPOSITORY
        ) from None


def read_manifest() -> dict[str, Any]:
    path = Path(MANIFEST)
    if not path.is_file():
        raise ArchiveError(MANIFEST, "no such file", "the results of a whole run", RUN_AGAIN)
    manifest = json.loads(path.read_bytes())
    if not {"settings", "jobs", "inputs", "results"} <= set(manifest):
        raise ArchiveError(MANIFEST, "an older form", "that of this version", RUN_AGAIN)
    return manifest


def refuse_stale(manifest: dict[str, Any], settings: Settings) -> None:
    """Results that are not those of the sources."""
    configured = {
        "studies": list(settings.studies),
        "members": settings.members,
        "seed": settings.seed,
        "effort": settings.effort,
    }
    present = [
        path.as_posix() for path in files_below(Path(RESULTS)) if not path.name.startswith(".")
    ]
    faults = mismatches(
        manifest, configured, present, lambda p: digest(Path(p)) if Path(p).is_file() else None
    )
    faults = faults or outdated()
    if faults:
        raise ArchiveError(
            "the results",
            f"{len(faults)} that do not match the sources: {listed(faults)}",
            "what a run of these sources gives",
            RUN_AGAIN,
        )


def outdated() -> list[str]:
    """What Snakemake itself would make anew, since it also knows the rules; first what has changed
    itself, then what follows from that."""
    command = [sys.executable, "-m", "snakemake", "--summary", "--quiet", "all"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ArchiveError(
            "snakemake --summary", repr(done.stderr[-500:]), "a summary", "Run make to see more."
        )
    header, *rows = csv.reader(
        io.StringIO("\n".join(line for line in done.stdout.splitlines() if "\t" in line)),
        delimiter="\t",
    )
    status, plan = header.index("status"), header.index("plan")
    found = sorted(
        (row for row in rows if row[plan] != "no update"), key=lambda r: r[status] == "ok"
    )
    return [f"{row[0]} is to be made anew" for row in found]


def refuse_internal(studies: dict[str, Source]) -> None:
    internal = internal_studies(studies)
    if internal:
        raise ArchiveError(
            f"the results of {', '.join(internal)}",
            "results of a registry, exact to the single patient",
            "results that may leave the group",
            "They stay where they are. If the patients' data themselves may be published, write "
            f"in_archive: true below source in config/studies/{internal[0]}.yaml.",
        )


def refuse_unknown_columns(manifest: dict[str, Any]) -> None:
    found = []
    for entry in manifest["results"]:
        path = Path(entry["path"])
        if path.suffix in (".csv", ".parquet"):
            protocol = Path(RESULTS, path.parts[1], "protocol.json")
            of_study = from_json(protocol, Protocol) if protocol.is_file() else None
            found += [f"{name} in {path}" for name in unknown_columns(path, of_study)]
    if found:
        raise ArchiveError(
            "the columns of the results",
            f"some that nobody said may be archived: {listed(found)}",
            "columns of the list in workflow/scripts/resarc/archive/admission.py, or variables of "
            "the protocol that are neither identifiers nor free text",
            "If they single nobody out, add them to the list.",
        )


def listed(texts: Sequence[str], most: int = 5) -> str:
    more = f" and {len(texts) - most} more" if len(texts) > most else ""
    return "; ".join(texts[:most]) + more


# -- what goes in ---------------------------------------------------------------------------------


def members_of(
    tree: dict[str, Blob], manifest: dict[str, Any], studies: dict[str, Source]
) -> tuple[dict[str, Member], str]:
    """All files of the archive, and what identifies its content."""
    jobs = read_jobs(RECORDS, [*outputs_of(manifest), MANIFEST])
    members = {f"{SOURCES}{path}": Member(b.content, b.executable) for path, b in tree.items()}
    for entry in [*manifest["results"], {"path": MANIFEST}]:
        members[entry["path"]] = Member(Path(entry["path"]))
    places = {path: f"{SOURCES}{path}" for path in tree}
    places |= {path: path for path in members if path.startswith(RESULTS)}
    places |= {name: f"{name}/" for name in outputs_of(manifest) if Path(name).is_dir()}
    withheld = []
    for entry, study in data_of(manifest, jobs, studies, tree):
        path = entry["path"]
        if studies[study].in_archive:
            places[path] = f"{INPUTS}{path}"
            members[places[path]] = Member(Path(path))
        else:
            withheld.append(Withheld(path, entry["sha256"], entry["bytes"], study))
    for name in ("CITATION.cff", "LICENSE"):
        members[name] = members[f"{SOURCES}{name}"]
    members[JOBS] = Member(as_json([said(job) for job in jobs]))

    citation = read_yaml(Path("CITATION.cff"))
    identifier = directory_identifier(tree)
    date = datetime.fromtimestamp(int(git("log", "-1", "--format=%ct")), UTC).date().isoformat()
    members[README] = Member(
        readme(
            name=citation["title"],
            version=resarc.__version__,
            date=date,
            swhid=identifier,
            settings=manifest["settings"],
            studies={study: ORIGINS[source.kind] for study, source in studies.items()},
            withheld=withheld,
        )
    )
    scripts = {job.rule: script_of(job) for job in jobs}
    facts = Facts(
        name=citation["title"],
        description=" ".join(citation["abstract"].split()),
        version=resarc.__version__,
        date=date,
        licence=citation["license"],
        authors=tuple(name_of(author) for author in citation["authors"]),
        keywords=tuple(citation.get("keywords", ())),
        swhid=identifier,
        snakemake=version("snakemake"),
        settings=manifest["settings"],
        jobs=tuple(jobs),
        purposes={rule: purpose_of(tree[script]) for rule, script in scripts.items()},
        scripts=scripts,
        files={name: (m.size(), m.sha256()) for name, m in members.items()} | {RUN: (0, "")},
        places=places,
        withheld=tuple(withheld),
        finals=("results/report/index.html", "results/report/report.pdf", MANIFEST),
    )
    members[CRATE] = Member(crate(facts))
    listing = checksums({name: member.sha256() for name, member in members.items()})
    members[CHECKSUMS] = Member(listing)
    content = digest_of_content(listing)
    members[RUN] = Member(as_json(circumstances(jobs, content)))
    return members, content


ORIGINS = {
    "registry": "a registry's patients",
    "reconstruction": "datasets rebuilt from the figures that the paper prints; every value stands "
    "with its identified set",
}


def outputs_of(manifest: dict[str, Any]) -> list[str]:
    return [name for job in manifest["jobs"] for name in job["outputs"]]


def data_of(
    manifest: dict[str, Any],
    jobs: Iterable[Job],
    studies: dict[str, Source],
    tree: dict[str, Blob],
) -> Iterable[tuple[dict[str, Any], str]]:
    """What the run read that is no source: data of a registry, and what was kept of its earlier
    exports, with the study that they belong to."""
    for entry in manifest["inputs"]:
        path = entry["path"]
        readers = {
            Path(name).parts[1] for job in jobs if path in job.inputs for name in job.outputs
        } & set(studies)
        registries = sorted(study for study in readers if studies[study].kind == "registry")
        is_data = any(
            Path(path) in studies[study].files or path.startswith(f"history/{study}/")
            for study in registries
        )
        if path in tree and is_data and not all(studies[s].in_archive for s in registries):
            raise ArchiveError(
                path,
                "data of a registry, committed with the sources",
                "data outside of the repository",
                "Remove it from the repository and its history before anybody gets a copy.",
            )
        if path in tree:
            continue
        if not is_data:
            raise ArchiveError(
                path,
                "a file that the run read and that is not committed",
                "sources in git, or data that a protocol names",
                f"Commit it. {RUN_AGAIN}",
            )
        yield entry, registries[0]


def said(job: Job) -> dict[str, Any]:
    """A job without its times, which differ from run to run."""
    return {
        "rule": job.rule,
        "command": job.command,
        "inputs": job.inputs,
        "outputs": job.outputs,
        "logs": job.logs,
    }


def circumstances(jobs: Sequence[Job], content: str) -> dict[str, Any]:
    """What another run on another machine would not repeat. No name of a machine or a person."""
    return {
        "content": content,
        "machine": {
            "system": platform.system(),
            "release": platform.release(),
            "processor": platform.machine(),
            "processors": os.cpu_count(),
            "python": platform.python_version(),
            "implementation": platform.python_implementation(),
            "libc": " ".join(platform.libc_ver()),
        },
        "started": moment(min(job.started for job in jobs)),
        "ended": moment(max(job.ended for job in jobs)),
        "jobs": [
            {
                "rule": job.rule,
                "outputs": job.outputs,
                "started": moment(job.started),
                "seconds": round(job.ended - job.started, 3),
            }
            for job in jobs
        ],
    }


def moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def script_of(job: Job) -> str:
    """The command line of a job's rule, among the files that the job read."""
    found = [name for name in job.inputs if name == f"workflow/scripts/{job.rule}.py"]
    if not found:
        raise ArchiveError(
            f"the job {job.rule}",
            "no command line of that name among its inputs",
            f"workflow/scripts/{job.rule}.py",
        )
    return found[0]


def purpose_of(script: Blob) -> str:
    """The first sentence of a script's documentation."""
    return (ast.get_docstring(ast.parse(script.content)) or "").split("\n\n")[0].replace("\n", " ")


def name_of(author: dict[str, str]) -> str:
    return author.get("name") or f"{author.get('given-names', '')} {author['family-names']}".strip()


def as_json(content: object) -> bytes:
    return (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode("utf-8")


def read_back(path: Path, content: str) -> None:
    """Unpack what was written and check it, so that no archive is given out that would fail."""
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".") as folder:
        unpack(path, Path(folder, "archive"))
        found = check(Path(folder, "archive"))
    if not found.passed or found.digest != content:
        path.unlink()
        raise ArchiveError(
            str(path), f"{found}", "what was packed", "Try again; files may have changed meanwhile."
        )


if __name__ == "__main__":
    main()
