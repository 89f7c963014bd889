"""The description of an archive that machines read: a Workflow Run RO-Crate.

RO-Crate 1.1 (https://w3id.org/ro/crate/1.1) with the profile Provenance Run Crate 0.5
(https://w3id.org/ro/wfrun/provenance/0.5): the workflow, a step and a tool for each rule, and an
action for each job with what it read and made. The crate holds no time of day and no machine, so
that the same run has the same crate everywhere; they stand in run.json.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote

from resarc.archive import CHECKSUMS, CRATE, JOBS, README, RESULTS, RUN, SOURCES
from resarc.jobs import Job

Entity = dict[str, Any]

PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": ("Process Run Crate", "0.5"),
    "https://w3id.org/ro/wfrun/workflow/0.5": ("Workflow Run Crate", "0.5"),
    "https://w3id.org/ro/wfrun/provenance/0.5": ("Provenance Run Crate", "0.5"),
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0": ("Workflow RO-Crate", "1.0"),
}
_WORKFLOW_PROFILE = "https://bioschemas.org/profiles/ComputationalWorkflow/1.0-RELEASE"
_SNAKEMAKE_LANGUAGE = "https://w3id.org/workflowhub/workflow-ro-crate#snakemake"
_COMPLETED = "http://schema.org/CompletedActionStatus"
_MEDIA = {
    ".bib": "application/x-bibtex",
    ".cff": "application/yaml",
    ".csv": "text/csv",
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ".html": "text/html",
    ".ipynb": "application/x-ipynb+json",
    ".j2": "text/plain",
    ".js": "text/javascript",
    ".json": "application/json",
    ".lock": "application/toml",
    ".md": "text/markdown",
    ".parquet": "application/vnd.apache.parquet",
    ".pdf": "application/pdf",
    ".py": "text/x-python",
    ".svg": "image/svg+xml",
    ".toml": "application/toml",
    ".txt": "text/plain",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".yaml": "application/yaml",
    ".yml": "application/yaml",
}


@dataclass(frozen=True)
class Withheld:
    """A file that the run read and that the archive does not hold."""

    path: str
    sha256: str
    size: int
    study: str


@dataclass(frozen=True)
class Facts:
    """What a crate is made from."""

    name: str
    description: str
    version: str
    date: str
    """Of the sources, ISO 8601."""
    licence: str
    """SPDX identifier."""
    authors: tuple[str, ...]
    keywords: tuple[str, ...]
    swhid: str
    snakemake: str
    """Version."""
    settings: Mapping[str, object]
    jobs: tuple[Job, ...]
    purposes: Mapping[str, str]
    """What each rule is for, by its name."""
    scripts: Mapping[str, str]
    """The command line of each rule, a path below the sources, by the rule's name."""
    files: Mapping[str, tuple[int, str]]
    """Bytes and SHA-256 of each file of the archive but the crate and the list of checksums."""
    places: Mapping[str, str]
    """Where the archive holds a file or folder that the run read or made, by its path there."""
    withheld: tuple[Withheld, ...] = ()
    finals: tuple[str, ...] = field(default=())
    """What the run is for, by its path in the archive."""


def crate(facts: Facts) -> bytes:
    """The content of ro-crate-metadata.json."""
    builder = _Builder(facts)
    graph = [_descriptor(), builder.root(), *builder.others()]
    content = {
        "@context": [
            "https://w3id.org/ro/crate/1.1/context",
            "https://w3id.org/ro/terms/workflow-run/context",
        ],
        "@graph": graph,
    }
    return (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode("utf-8")


def identifier(path: str) -> str:
    """A path of the archive as an RO-Crate identifier: a URI relative to its root."""
    return quote(path, safe="/-._~")


def media_type(path: str) -> str:
    name = PurePosixPath(path)
    if name.name in ("Snakefile", "Makefile", "LICENSE", ".gitignore") or name.suffix == ".smk":
        return "text/plain"
    return _MEDIA.get(name.suffix, "application/octet-stream")


def _descriptor() -> Entity:
    return {
        "@id": CRATE,
        "@type": "CreativeWork",
        "about": _ref("./"),
        "conformsTo": [
            _ref("https://w3id.org/ro/crate/1.1"),
            _ref("https://w3id.org/workflowhub/workflow-ro-crate/1.0"),
        ],
    }


def _ref(identity: str) -> Entity:
    return {"@id": identity}


def _refs(identities: Iterable[str]) -> Entity | list[Entity]:
    """References, each once; a single one stands alone, as RO-Crate asks."""
    found = [_ref(each) for each in dict.fromkeys(identities)]
    return found[0] if len(found) == 1 else found


class _Builder:
    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.workflow = identifier(f"{SOURCES}Snakefile")
        self.rules = list(dict.fromkeys(job.rule for job in facts.jobs))
        self.engine = f"https://pypi.org/project/snakemake/{facts.snakemake}/"
        self.licence = f"https://spdx.org/licenses/{facts.licence}"
        self.withheld = {each.path: f"#withheld-{quote(each.path)}" for each in facts.withheld}
        # Code, configuration and lock file are described where a job read them; the other sources
        # are told by the identifier of their tree.
        read = {facts.places.get(name) for job in facts.jobs for name in job.inputs}
        read |= {f"{SOURCES}{script}" for script in facts.scripts.values()} | {
            f"{SOURCES}Snakefile"
        }
        self.files = [
            name for name in sorted(facts.files) if not name.startswith(SOURCES) or name in read
        ]
        self.folders = sorted(
            {
                facts.places[name]
                for job in facts.jobs
                for name in (*job.inputs, *job.outputs)
                if facts.places.get(name, "").endswith("/")
            }
        )

    def root(self) -> Entity:
        facts = self.facts
        return {
            "@id": "./",
            "@type": "Dataset",
            "name": facts.name,
            "description": facts.description,
            "datePublished": facts.date,
            "license": _ref(self.licence),
            "version": facts.version,
            "identifier": facts.swhid,
            "keywords": ", ".join(facts.keywords),
            "author": _refs(self._author(n) for n in range(len(facts.authors))),
            "conformsTo": _refs(PROFILES),
            "hasPart": _refs(
                [SOURCES, RESULTS, *map(identifier, [*self.folders, *self.files]), CHECKSUMS]
            ),
            "mainEntity": _ref(self.workflow),
            "mentions": _refs(["#run", *(self._action(n) for n in range(len(facts.jobs)))]),
        }

    def others(self) -> Iterable[Entity]:
        yield from self._about()
        yield from self._software()
        yield from self._run()
        yield from map(self._file, self.files)
        yield {
            "@id": CHECKSUMS,
            "@type": "File",
            "name": "SHA-256 of every file but this one and run.json",
            "description": "Check with: sha256sum -c manifest-sha256.txt",
            "encodingFormat": "text/plain",
        }
        for folder in (SOURCES, RESULTS, *self.folders):
            yield self._folder(folder)
        for each in self.facts.withheld:
            yield {
                "@id": self.withheld[each.path],
                "@type": "CreativeWork",
                "name": each.path,
                "description": f"Registry data of {each.study}. The archive holds only its SHA-256.",
                "sha256": each.sha256,
            }

    # -- who and under which terms -----------------------------------------------------------------

    def _about(self) -> Iterable[Entity]:
        for identity, (name, version) in PROFILES.items():
            yield {"@id": identity, "@type": "CreativeWork", "name": name, "version": version}
        yield {
            "@id": self.licence,
            "@type": "CreativeWork",
            "name": self.facts.licence,
            "identifier": self.licence,
            "url": self.licence,
        }
        for number, author in enumerate(self.facts.authors):
            yield {"@id": self._author(number), "@type": "Organization", "name": author}

    @staticmethod
    def _author(number: int) -> str:
        return f"#author-{number + 1}"

    # -- what was to be done -----------------------------------------------------------------------

    def _software(self) -> Iterable[Entity]:
        facts = self.facts
        yield {
            "@id": self.engine,
            "@type": "SoftwareApplication",
            "name": "Snakemake",
            "softwareVersion": facts.snakemake,
            "url": "https://snakemake.github.io",
        }
        yield {
            "@id": _SNAKEMAKE_LANGUAGE,
            "@type": "ComputerLanguage",
            "name": "Snakemake",
            "identifier": _ref("https://doi.org/10.1093/bioinformatics/bts480"),
            "url": _ref("https://snakemake.github.io"),
        }
        for position, rule in enumerate(self.rules, 1):
            yield {
                "@id": self._step(rule),
                "@type": "HowToStep",
                "name": rule,
                "description": facts.purposes[rule],
                "position": str(position),
                "workExample": _ref(self._tool(rule)),
            }
        for name in facts.settings:
            yield {
                "@id": f"#parameter-{name}",
                "@type": "FormalParameter",
                "additionalType": "Text" if name == "studies" else "Integer",
                "name": name,
                "workExample": _ref(f"#setting-{name}"),
            }
        for name, value in facts.settings.items():
            text = ", ".join(value) if isinstance(value, list | tuple) else str(value)
            yield {
                "@id": f"#setting-{name}",
                "@type": "PropertyValue",
                "name": name,
                "value": text,
                "exampleOfWork": _ref(f"#parameter-{name}"),
            }
        for number, path in enumerate(facts.finals, 1):
            yield {
                "@id": f"#output-{number}",
                "@type": "FormalParameter",
                "additionalType": "File",
                "name": path,
                "workExample": _ref(identifier(path)),
            }

    @staticmethod
    def _step(rule: str) -> str:
        return f"#step-{rule}"

    def _tool(self, rule: str) -> str:
        return identifier(f"{SOURCES}{self.facts.scripts[rule]}")

    # -- what was done -----------------------------------------------------------------------------

    def _run(self) -> Iterable[Entity]:
        facts = self.facts
        made = {name for job in facts.jobs for name in job.outputs}
        given = sorted({name for job in facts.jobs for name in job.inputs} - made)
        yield {
            "@id": "#engine",
            "@type": "OrganizeAction",
            "name": f"Snakemake {facts.snakemake} runs the workflow",
            "instrument": _ref(self.engine),
            "object": _refs(f"#control-{n + 1}" for n in range(len(facts.jobs))),
            "result": _ref("#run"),
            "actionStatus": _COMPLETED,
        }
        yield {
            "@id": "#run",
            "@type": "CreateAction",
            "name": "Run of Resarc",
            "description": "The whole workflow, from configuration and data to reports. "
            "Times and kind of machine: run.json.",
            "instrument": _ref(self.workflow),
            "object": _refs([*map(self._data, given), *(f"#setting-{n}" for n in facts.settings)]),
            "result": _refs(map(identifier, facts.finals)),
            "actionStatus": _COMPLETED,
        }
        for number, job in enumerate(facts.jobs):
            yield {
                "@id": self._action(number),
                "@type": "CreateAction",
                "name": f"{job.rule}: {', '.join(job.outputs)}"[:200],
                "description": job.command or facts.purposes[job.rule],
                "instrument": _ref(self._tool(job.rule)),
                "object": _refs(map(self._data, job.inputs)),
                "result": _refs(map(self._data, job.outputs)),
                "actionStatus": _COMPLETED,
            }
            yield {
                "@id": f"#control-{number + 1}",
                "@type": "ControlAction",
                "name": f"Snakemake starts {job.rule}",
                "instrument": _ref(self._step(job.rule)),
                "object": _ref(self._action(number)),
                "actionStatus": _COMPLETED,
            }

    @staticmethod
    def _action(number: int) -> str:
        return f"#job-{number + 1}"

    def _data(self, name: str) -> str:
        """The identifier of what a job read or made."""
        return self.withheld.get(name) or identifier(self.facts.places[name])

    # -- what is there -----------------------------------------------------------------------------

    def _file(self, path: str) -> Entity:
        size, sha256 = self.facts.files[path]
        entity: Entity = {
            "@id": identifier(path),
            "@type": "File",
            "name": path,
            "contentSize": str(size),
            "encodingFormat": media_type(path),
        }
        if path == RUN:  # whatever else it says, its content is not part of the content
            del entity["contentSize"]
            entity["description"] = "Times of the jobs and kind of machine; not under checksum."
        else:
            entity["sha256"] = sha256
        if path == README:
            entity["about"] = _ref("./")
        if path == JOBS:
            entity["description"] = "Each job as the workflow engine recorded it."
        if path in self.facts.finals:
            entity["exampleOfWork"] = _ref(f"#output-{self.facts.finals.index(path) + 1}")
        tools = {self._tool(rule): rule for rule in self.rules}
        if entity["@id"] == self.workflow:
            entity |= self._workflow()
        elif entity["@id"] in tools:
            entity["@type"] = ["File", "SoftwareSourceCode"]
            entity["version"] = self.facts.version
            entity["programmingLanguage"] = "Python"
        return entity

    def _workflow(self) -> Entity:
        facts = self.facts
        return {
            "@type": ["File", "SoftwareSourceCode", "ComputationalWorkflow", "HowTo"],
            "name": "Resarc",
            "version": facts.version,
            "license": _ref(self.licence),
            "conformsTo": _ref(_WORKFLOW_PROFILE),
            "programmingLanguage": _ref(_SNAKEMAKE_LANGUAGE),
            "hasPart": _refs(map(self._tool, self.rules)),
            "step": _refs(map(self._step, self.rules)),
            "input": _refs(f"#parameter-{name}" for name in facts.settings),
            "output": _refs(f"#output-{n}" for n in range(1, len(facts.finals) + 1)),
        }

    def _folder(self, path: str) -> Entity:
        entity: Entity = {"@id": identifier(path), "@type": "Dataset", "name": path}
        if path == SOURCES:
            entity["description"] = "The repository's tree, whole; the identifier is its SWHID."
            entity["identifier"] = self.facts.swhid
        else:
            parts = [f for f in self.files if f.startswith(path)]
            entity["hasPart"] = _refs(map(identifier, parts))
        return entity
