# Shared by all stages: the settings, the studies, and the code that a stage rests on.
import json
import os
import sys
from pathlib import Path
from shlex import quote

SCRIPTS = Path(workflow.basedir, "workflow", "scripts")
sys.path.insert(0, str(SCRIPTS))

import running
from command import JOBS_VARIABLE
from resarc.configuration import validated
from resarc.errors import ResarcError
from resarc.privacy import KEY_VARIABLE, fingerprint, read_key
from resarc.provenance import code_of, digest
from resarc.settings import Settings, key_file, sources

# What tells one key of pseudonyms from another; the key itself never becomes a parameter, and its
# file is no input, since Snakemake keeps digests of inputs.
KEY = ""
try:
    SETTINGS = validated(config, Settings, "config/config.yaml")
    SOURCES = sources(SETTINGS, Path("config"))
    if key_file(SETTINGS) and any(x.kind == "registry" for x in SOURCES.values()):
        os.environ[KEY_VARIABLE] = str(key_file(SETTINGS))
        KEY = fingerprint(read_key(key_file(SETTINGS), Path.cwd()))
except ResarcError as error:
    sys.exit(f"error: {error}")

# Ways to call Snakemake that only look at what is there.
LOOKS = {
    "--lint",
    "--summary",
    "-S",
    "--detailed-summary",
    "-D",
    "--dag",
    "--rulegraph",
    "--filegraph",
    "--list-rules",
    "--list-target-rules",
    "--list-untracked",
    "--report",
}
RUNS = (
    workflow.is_main_process
    and not workflow.output_settings.dryrun
    and not LOOKS & set(sys.argv)
)
if RUNS:
    try:
        running.begin(Path.cwd())
    except ResarcError as error:
        sys.exit(f"error: {error}")

STUDIES = list(SOURCES)
RECONSTRUCTED = [study for study in STUDIES if SOURCES[study].kind == "reconstruction"]

# `python` is the one that runs Snakemake: no environment needs to be activated.
shell.prefix(
    f"export PATH={quote(str(Path(sys.executable).parent))}:$PATH"
    f" {JOBS_VARIABLE}={quote(str(Path.cwd() / running.STATE / running.JOBS))}; "
)

WHERE_THE_REPORTS_ARE = """
Done. The report over all studies: results/report/index.html (and report.pdf beside it).
Each study's own report: results/<study>/report.html (and report.pdf, notebook.html).
"""


wildcard_constraints:
    study="|".join(STUDIES),


def code(stage, *more):
    """The command line of a stage and all that it imports. As inputs they are compared by content,
    so that an edit runs exactly the stages that use the edited module. So is the lock file: other
    versions of the libraries may give other results."""
    scripts = [
        SCRIPTS.joinpath(f"{stage}.py"),
        *(Path.cwd().joinpath(name) for name in more),
    ]
    found = {path for script in scripts for path in code_of(script, SCRIPTS)}
    return ["uv.lock", *sorted(str(path.relative_to(Path.cwd())) for path in found)]


def patients(wildcards):
    """The table of a study's patients: its registry, or one dataset rebuilt from its paper."""
    source = SOURCES[wildcards.study]
    return source.file or exports(wildcards.study)[0]


def more_files(wildcards):
    """What else is read beside the table of patients: files joined to it, a data dictionary."""
    source = SOURCES[wildcards.study]
    return list(source.files[1:]) if source.file else exports(wildcards.study)[1:]


def exports(study):
    """The files that a reconstruction writes as its source."""
    folder, source = f"results/{study}/reconstruction", SOURCES[study]
    found = [f"{folder}/export.{source.export_ending}"]
    return [*found, f"{folder}/dictionary.csv"] if source.format == "redcap" else found


def dictionary_of(wildcards, input):
    """The data dictionary that a reconstruction wrote, as an option; a registry's protocol names its
    own."""
    return options([] if SOURCES[wildcards.study].file else input.more)


def registry(wildcards):
    """The data files of a study, if it has its own."""
    return list(SOURCES[wildcards.study].files)


def key_of(wildcards):
    """The fingerprint of the key by which the patients of a study are named, as an option; none
    without a key (an empty text would leave the option without its value)."""
    return ["--key", KEY] if KEY and SOURCES[wildcards.study].kind == "registry" else []


def if_reconstructed(*names):
    """An input function: results that only a reconstructed study has, by their names."""

    def found(wildcards):
        if wildcards.study not in RECONSTRUCTED:
            return []
        return [f"results/{wildcards.study}/{name}" for name in names]

    return found


def options(files):
    """Files that only some studies have, as options named after them: --targets results/…"""
    return [word for name in files for word in (f"--{Path(name).stem}", name)]


def all_results(wildcards):
    """Every result file, by the stage that makes it."""
    made = {}
    for name in (
        "check",
        "audit",
        "cohort",
        "analyse",
        "compare",
        "notebook",
        "study_report",
    ):
        made[name] = expand(getattr(rules, name).output, study=STUDIES)
    for name in ("reconstruct", "identify"):
        made[name] = expand(getattr(rules, name).output, study=RECONSTRUCTED)
    written = [name for study in RECONSTRUCTED for name in exports(study)]
    made["export"] = [name for name in written if "/export." in name]
    made["export_dictionary"] = [name for name in written if "/export." not in name]
    for name in ("synthesis", "combined_report"):
        made[name] = list(getattr(rules, name).output)
    return made


def code_of_all(stage):
    """The code of a stage and of every other one, whose digests it writes down."""
    others = (getattr(rules, name).input.code for name in all_results(None))
    return sorted({*code(stage), *(file for files in others for file in files)})


def check_what_changed(memory=Path(".snakemake", "resarc_checked.json")):
    """Check each study's configuration, so that a fault in it is said before anything runs. What
    was found right, by the digests of its files and of the code that checked it, is remembered.
    """
    code_digests = [digest(Path(name)) for name in code("check")]
    known = json.loads(memory.read_text()) if memory.is_file() else {}
    found = {}
    for study in STUDIES:
        files = [Path("config", name) for name in files_of_configuration(study)]
        found[study] = [*map(digest, files), *code_digests]
        if found[study] != known.get(study):
            from check import check_study

            check_study(*files)
    if found != known:
        memory.parent.mkdir(exist_ok=True)
        draft = memory.with_suffix(f".{os.getpid()}.part")
        draft.write_text(json.dumps(found))
        draft.replace(memory)


def files_of_configuration(study):
    """What is written of a study, below `config`."""
    return [
        f"studies/{study}.yaml",
        f"published/{study}.yaml",
        "references.bib",
        "synthesis.yaml",
    ]


try:
    check_what_changed()
except ResarcError as error:
    sys.exit(f"error: {error}")
