# Shared by all stages: the settings, the studies, and the code that a stage rests on.
import os
import subprocess
import sys
from pathlib import Path
from shlex import quote

sys.path.insert(0, str(Path(workflow.basedir, "workflow", "scripts")))

import progress
import running
from command import JOBS_VARIABLE
from known import OTHER, PUSHING, REBUILDING, known
from resarc.errors import ResarcError
from resarc.jobs import PARTS, PASSES
from resarc.privacy import KEY_VARIABLE, fingerprint, read_key

# What tells one key of pseudonyms from another, as an option of the jobs that use it; the key itself
# never becomes part of a command, and its file is no input, since Snakemake keeps digests of inputs.
KEY = ""
try:
    KNOWN = known(config)
    PATIENTS = KNOWN.patients
    key_file = os.environ.get(KEY_VARIABLE) or KNOWN.key_file
    if key_file and any(each.files for each in PATIENTS.values()):
        os.environ[KEY_VARIABLE] = str(Path(key_file).expanduser().absolute())
        KEY = f" --key {fingerprint(read_key(Path(os.environ[KEY_VARIABLE]), Path.cwd()))}"
except ResarcError as error:
    sys.exit(f"error: {error}")

# Settings stand in the commands themselves: Snakemake then sees a change of them by the command, and
# need not load pandas to compare parameters.
MEMBERS = KNOWN.settings["members"]
SEED = KNOWN.settings["seed"]
EFFORT = KNOWN.settings["effort"]

# The rule of disclosure, as options.
RULE = " ".join(
    f"--{name.replace('_', '-')} {value}"
    for name, value in KNOWN.settings["disclosure"].items()
)

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

STUDIES = list(PATIENTS)
RECONSTRUCTED = [study for study in STUDIES if not PATIENTS[study].files]
REGISTRIES = [study for study in STUDIES if PATIENTS[study].files]

# `python` is the one that runs Snakemake: no environment needs to be activated.
shell.prefix(
    f"export PATH={quote(str(Path(sys.executable).parent))}:$PATH"
    f" {JOBS_VARIABLE}={quote(str(Path.cwd() / running.STATE / running.JOBS))}; "
)

WHERE_THE_REPORTS_ARE = """
Reports
  All studies: results/report/index.html (report.pdf beside it)
  Each study: results/<study>/report.html (report.pdf, notebook.html)"""

# What stands on the screen; None where Snakemake's own words were asked for.
SCREEN = None
if (
    RUNS
    and not workflow.output_settings.verbose | workflow.output_settings.printshellcmds
):
    if not {"all", "progress"} & {
        str(word) for word in workflow.output_settings.quiet or ()
    }:
        SCREEN = progress.take_over(
            logger,
            jobs_at_once=workflow.resource_settings.nodes
            or workflow.resource_settings.cores
            or 1,
            nothing="Nothing to be done: all results are up to date with the data, the configuration"
            f" and the code.{WHERE_THE_REPORTS_ARE}",
        )

# Rules whose jobs use compiled searches.
SEARCHES = {"reconstruct", "reconstruct_scheme", "reconstruct_part"}
SEARCHES |= {"push", "push_begin", "push_part"}


def compile_searches():
    """Once and before all jobs, lest those that start together each do it."""
    subprocess.run([sys.executable, "workflow/scripts/compile_searches.py"])


wildcard_constraints:
    study="|".join(STUDIES),
    part=r"\d+",
    of=r"\d+",
    turn=r"\d+",


# Which stage goes first where several could begin: that after which most is left to do. What only the
# list of all results waits for, the notebooks, fills the gaps.
ORDER = ["notebook", "report", "compare", "analyse", "cohort", "identify"]
ORDER += ["push", "check", "reconstruct"]


def priority(stage):
    """Within a stage the study goes first whose rebuilding is the longest."""
    largest = 1 + max(source.size for source in PATIENTS.values())
    return (
        lambda wildcards: ORDER.index(stage) + PATIENTS[wildcards.study].size / largest
    )


def code(stage):
    """The command line of a stage and all that it imports. As inputs they are compared by content,
    so that an edit runs exactly the stages that use the edited module. So is the lock file: other
    versions of the libraries may give other results. A function, which Snakemake asks for each job:
    a list it would take apart for each rule as well."""
    return lambda wildcards: code_files(stage)


def code_files(stage):
    return ["uv.lock", *KNOWN.code[stage]]


def chunks(wildcards):
    """Jobs into which the bounding and the re-analysis of a study are split."""
    return KNOWN.jobs[wildcards.study][OTHER]


def rebuilding_chunks(wildcards):
    """Jobs into which its rebuilding is split."""
    return KNOWN.jobs[wildcards.study][REBUILDING]


def pushing_chunks(wildcards):
    """Jobs into which each pass of the search for its ends is split."""
    return KNOWN.jobs[wildcards.study][PUSHING]


def passes_before(wildcards, turn):
    """What was met in the passes before one, if they are split."""
    of = pushing_chunks(wildcards)
    return [
        part_file(f"push-{before}", wildcards.study, k, of, ".npz")
        for before in range(turn if of > 1 else 0)
        for k in range(of)
    ]


def options_of_passes(wildcards, input):
    """What was met so far, as options: what the search began with, and the parts of each pass."""
    words = ["--begun", input.begun] if input.begun else []
    of = pushing_chunks(wildcards)
    for k, name in enumerate(input.passes):
        words += ["--pass", name] if k % of == 0 else [name]
    return words


def part_files(stage, number=chunks, ending=".parquet"):
    """An input function: what the jobs make into which a stage is split; nothing if it is one job."""

    def found(wildcards):
        of = number(wildcards)
        if of == 1:
            return []
        return [part_file(stage, wildcards.study, k, of, ending) for k in range(of)]

    return found


def part_file(stage, study="{study}", part="{part}", of="{of}", ending=".parquet"):
    """What one job of several makes. How many they are stands in the name: a part of another number of
    parts is another file."""
    return f"{PARTS}{study}/{stage}-{part}-of-{of}{ending}"


def patients(wildcards):
    """The table of a study's patients: its registry, or one dataset rebuilt from its paper."""
    return (PATIENTS[wildcards.study].files or exports(wildcards.study))[0]


def more_files(wildcards):
    """What else is read beside the table of patients: files joined to it, a data dictionary."""
    return list((PATIENTS[wildcards.study].files or exports(wildcards.study))[1:])


def exports(study):
    """The files that a reconstruction writes as its source."""
    folder, source = f"results/{study}/reconstruction", PATIENTS[study]
    found = [f"{folder}/export.{source.export_ending}"]
    return [*found, f"{folder}/dictionary.csv"] if source.format == "redcap" else found


def dictionary_of(wildcards, input):
    """The data dictionary that a reconstruction wrote, as an option; a registry's protocol names its
    own."""
    return options([] if PATIENTS[wildcards.study].files else input.more)


def registry(wildcards):
    """The data files of a study, if it has its own."""
    return list(PATIENTS[wildcards.study].files)


def if_registry(*names):
    """An input function: results that only a study with a registry has, by their names."""

    def found(wildcards):
        if wildcards.study in RECONSTRUCTED:
            return []
        return [f"results/{wildcards.study}/{name}" for name in names]

    return found


def version_folder(study):
    """Where this export of a registry is kept for later ones."""
    return f"history/{study}/{PATIENTS[study].exported}"


def earlier_versions(wildcards, inner="."):
    """What was kept of earlier exports of a registry, in order of their days."""
    now = Path(version_folder(wildcards.study))
    days = now.parent.glob("[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]")
    earlier = sorted(Path(day, inner) for day in days if day.name < now.name)
    return [
        str(path)
        for folder in earlier
        if folder.is_dir()
        for path in sorted(folder.iterdir())
        if path.is_file()
    ]


def earlier_releases(wildcards):
    """What was kept of the releases of earlier exports."""
    return earlier_versions(wildcards, "release")


def datasets(wildcards):
    """The patients of a registry, or all datasets rebuilt from the printed figures."""
    names = ["cohort.parquet"]
    if wildcards.study in RECONSTRUCTED:
        names = ["reconstruction/ensemble.parquet", "reconstruction/targets.csv"]
    return [f"results/{wildcards.study}/{name}" for name in names]


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


def options_of_parts(files):
    return ["--parts", *files] if files else []


def all_results(wildcards):
    """Every result file, by the stage that makes it."""
    made = {}
    for name in (
        "check",
        "audit",
        "cohort",
        "analyse",
        "reanalyse",
        "compare",
        "notebook",
        "study_report",
    ):
        made[name] = expand(getattr(rules, name).output, study=STUDIES)
    for name in ("reconstruct", "push", "identify"):
        made[name] = expand(getattr(rules, name).output, study=RECONSTRUCTED)
    for name in ("history", "release", "data_quality"):
        made[name] = expand(getattr(rules, name).output, study=REGISTRIES)
    written = [name for study in RECONSTRUCTED for name in exports(study)]
    made["export"] = [name for name in written if Path(name).stem == "export"]
    made["export_dictionary"] = [
        name for name in written if Path(name).stem != "export"
    ]
    for name in ("synthesis", "combined_report"):
        made[name] = list(getattr(rules, name).output)
    return made


def code_of_all(stage):
    """The code of a stage and of every other one, whose digests it writes down."""
    return sorted(
        {file for name in (stage, *all_results(None)) for file in code_files(name)}
    )


def digitised(study):
    """The points that were read off the paper's figures, and the numbers at risk below them."""
    return sorted(str(path) for path in Path("config/published", study).glob("*.csv"))


def printed(study):
    """What the paper of a study printed, if it repeats one."""
    path = f"config/published/{study}.yaml"
    return [path] if Path(path).is_file() else []
