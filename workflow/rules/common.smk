# What every rule uses: the settings, the studies, and the code that a stage rests on.
import sys
from pathlib import Path

SCRIPTS = Path(workflow.basedir, "workflow", "scripts")
sys.path.insert(0, str(SCRIPTS))

from resarc.configuration import validated
from resarc.errors import ResarcError
from resarc.provenance import code_of
from resarc.settings import Settings, sources

try:
    SETTINGS = validated(config, Settings, "config/config.yaml")
    SOURCES = sources(SETTINGS, Path("config"))
except ResarcError as error:
    sys.exit(f"error: {error}")

STUDIES = list(SOURCES)
RECONSTRUCTED = [study for study in STUDIES if SOURCES[study].kind == "reconstruction"]

# The interpreter that runs Snakemake runs every stage: no environment needs to be activated.
PYTHON = sys.executable

WHERE_THE_REPORTS_ARE = """
Done. The report over all studies: results/report/index.html (and report.pdf beside it).
Each study's own report: results/<study>/report.html (and report.pdf, notebook.html).
"""


wildcard_constraints:
    study="|".join(STUDIES),


def code(stage):
    """The command line of a stage and all that it imports. As inputs they are compared by content,
    so that an edit runs exactly the stages that use the edited module."""
    script = SCRIPTS.joinpath(f"{stage}.py")
    return [str(path.relative_to(Path.cwd())) for path in code_of(script, SCRIPTS)]


def all_studies_checked(wildcards):
    """The checked configuration of every study: no stage begins while any of it may be wrong.
    `ancient`, because a study's results do not depend on another study's configuration."""
    return ancient(expand("results/{study}/protocol.json", study=STUDIES))


def patients(wildcards):
    """The table of a study's patients: its registry, or one dataset rebuilt from its paper."""
    source = SOURCES[wildcards.study]
    return source.file or f"results/{wildcards.study}/reconstruction/export.csv"


def if_reconstructed(*names):
    """An input function: results that only a reconstructed study has, by their names."""

    def found(wildcards):
        if wildcards.study not in RECONSTRUCTED:
            return []
        return [f"results/{wildcards.study}/{name}" for name in names]

    return found
