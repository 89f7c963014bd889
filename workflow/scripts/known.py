"""What a call of Snakemake has to know before anything else, worked out once and remembered.

Reading the settings, checking each study's configuration and following the imports of every stage
take a second or two, most of it for the libraries that do it. What came out is kept below
`.snakemake`, with the digest of all that it was worked out from: the settings of this call, every
file of the configuration, every file of the code. As long as none of them changed it is read back,
so that asking what is to be done costs little more than Snakemake itself. A digest of the content
decides, never a date.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from resarc.settings import Settings

MEMORY = Path(".snakemake", "resarc.known.json")
SCRIPTS = Path("workflow", "scripts")
NOTEBOOKS = Path("notebooks")
CONFIG = Path("config")
CONFIGURATION = (
    "studies/*.yaml", "published/*.yaml", "references.bib", "synthesis.yaml", "evidence.yaml",
)  # fmt: skip
"""What is written of a study and of all together, below `config`; `*` is the study."""
REBUILDING, PUSHING, OTHER = "rebuilding", "pushing", "other"
A_JOB = {REBUILDING: 1_500_000, OTHER: 15_000_000}
"""Patients times printed figures times datasets that are one job's work: about half a minute, beside which
its start is little. It depends on no machine, so that no other machine runs other jobs."""
AN_EFFORT = 10
"""How hard ends are sought in one job, beside which its start is little."""
CURVES = "published/**/*.csv"
"""Digitised curves that printed figures name, below `config`."""


@dataclass(frozen=True)
class Patients:
    """Where the patients of a study come from, as its protocol says."""

    kind: str
    """`registry` or `reconstruction`."""
    files: tuple[str, ...]
    """The registry's own files, the table of patients first; none in a reconstruction."""
    format: str
    exported: str
    """The day of a registry's export; empty for a reconstruction."""
    export_ending: str
    """Ending of the file as which a reconstruction is written."""
    size: int
    """Patients times printed figures, with which a rebuilding grows; 0 where no paper is repeated."""


@dataclass(frozen=True)
class Known:
    """The settings and the studies, all of it checked."""

    settings: dict[str, Any]
    """`config/config.yaml` as it was read, with what it leaves out."""
    key_file: str | None
    """File of the key of pseudonyms that the settings name."""
    patients: dict[str, Patients]
    """By study, in the order of the settings."""
    jobs: dict[str, dict[str, int]]
    """Jobs into which the long work on each study is split: as many as the settings ask for, or one for
    every `A_JOB`; of a rebuilding no more than it has chunks. The seeking of ends takes as long however many
    datasets there are, and is one job's work for every `AN_EFFORT`."""
    code: dict[str, tuple[str, ...]]
    """What each command line rests on, by the stage; with the notebook, what that rests on too."""


def known(config: dict[str, Any]) -> Known:
    """All that is to be known in the folder of the process, with the settings of this call.

    `ConfigurationError` if something in the configuration is wrong: it is then said before any job
    runs.
    """
    digests = {
        "settings": _of_text(json.dumps(config, sort_keys=True, default=str)),
        "configuration": _of_files(
            path for name in (*CONFIGURATION, CURVES) for path in CONFIG.glob(name)
        ),
        "code": _of_files(_files_below(SCRIPTS, NOTEBOOKS)),
    }
    memory = _read(MEMORY)
    if memory.get("from") == digests:
        found = _known(memory)
        if all(Path(name).is_file() for each in found.patients.values() for name in each.files):
            return found
    found, checked = _work_out(config, memory.get("studies", {}))
    _write(MEMORY, {"from": digests, **asdict(found), "studies": checked})
    return found


def _work_out(
    config: dict[str, Any], checked: dict[str, dict[str, Any]]
) -> tuple[Known, dict[str, dict[str, Any]]]:
    """What is known, and by which digests of its files and of the code each study was found right, with
    its size; a study that was so `checked` before is not checked again."""
    from resarc.configuration import validated
    from resarc.provenance import digest
    from resarc.settings import Settings, sources

    settings = validated(config, Settings, str(CONFIG / "config.yaml"))
    found = sources(settings, CONFIG)
    code = {script.stem: _code_of(script) for script in sorted(SCRIPTS.glob("*.py"))}
    of_code = [digest(Path(name)) for name in code["check"]]
    of_curves = [digest(path) for path in sorted(CONFIG.glob(CURVES))]
    result = {}
    for study in found:
        files = [CONFIG / name.replace("*", study) for name in CONFIGURATION]
        digests = [
            *(digest(path) if path.is_file() else "" for path in files),
            *of_curves,
            *of_code,
        ]
        result[study] = checked.get(study, {})
        if digests != result[study].get("digests"):
            from check import check_study

            result[study] = {"digests": digests, "size": check_study(*files)}
    patients = {
        study: Patients(
            source.kind,
            tuple(map(str, source.files)),
            source.format or "",
            str(source.exported or ""),
            source.export_ending,
            result[study]["size"],
        )
        for study, source in found.items()
    }
    key_file = settings.privacy.key_file
    named = str(key_file) if key_file else None
    jobs = {study: _jobs(settings, source.size) for study, source in patients.items()}
    known = Known(settings.model_dump(mode="json"), named, patients, jobs, code)
    return known, result


def _jobs(settings: Settings, size: int) -> dict[str, int]:
    """Jobs into which each work on a study of that size is split, by the work."""
    from resarc.settings import CHUNK

    work = size * settings.members
    found = {
        name: max(1, -(-work // one)) if settings.chunks == "auto" else settings.chunks
        for name, one in A_JOB.items()
    }
    return found | {
        REBUILDING: min(found[REBUILDING], -(-settings.members // CHUNK)),
        PUSHING: -(-settings.effort // AN_EFFORT) if settings.chunks == "auto" else settings.chunks,
    }


def _code_of(script: Path) -> tuple[str, ...]:
    """The files that a command line rests on; that which runs notebooks rests on them as well."""
    from resarc.provenance import code_of

    starts = [script, *(NOTEBOOKS.glob("*.py") if script.stem == "notebook" else ())]
    paths = {
        path.resolve() for start in starts for path in code_of(start.resolve(), SCRIPTS.resolve())
    }
    return tuple(sorted(path.relative_to(Path.cwd().resolve()).as_posix() for path in paths))


def _known(memory: dict[str, Any]) -> Known:
    return Known(
        settings=memory["settings"],
        key_file=memory["key_file"],
        patients={
            study: Patients(**{**each, "files": tuple(each["files"])})
            for study, each in memory["patients"].items()
        },
        jobs=memory["jobs"],
        code={stage: tuple(names) for stage, names in memory["code"].items()},
    )


def _files_below(*folders: Path) -> Iterator[Path]:
    """Every file, but for hidden ones and what Python compiled."""
    for folder in folders:
        for place, inner, names in os.walk(folder):
            inner[:] = [name for name in inner if name != "__pycache__" and name[0] != "."]
            yield from (Path(place, name) for name in names if name[0] != ".")


def _of_files(paths: Iterable[Path]) -> str:
    """One digest of the names and contents of files."""
    lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()} {path}" for path in sorted(paths)]
    return _of_text("\n".join(lines))


def _of_text(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _read(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def _write(path: Path, content: dict[str, Any]) -> None:
    path.parent.mkdir(exist_ok=True)
    draft = path.with_suffix(f".{os.getpid()}.part")
    draft.write_text(json.dumps(content), encoding="utf-8")
    draft.replace(path)
