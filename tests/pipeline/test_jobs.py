"""What runs when: everything once, then nothing, then only what a change can affect.

The command lines are made to write their outputs without content, so that the jobs are Snakemake's
own; which code a stage rests on is still read from the rest of the real command lines.
"""

import re

import pytest

pytestmark = pytest.mark.config

STUDIES = {"oslo2014", "sysucc2015", "qu2024", "okayama2022"}
ALL_STUDIES = {"summary/harmonised.csv", "summary/pooled.csv", "report/index.html", "manifest.json"}
STUB = """
import sys
from pathlib import Path

if __name__ == "__main__":
    for name, value in zip(sys.argv, sys.argv[1:]):
        path = Path(value)
        if name in ("--figures", "--tables"):
            path.mkdir(parents=True)
        elif name.startswith("--") and path.suffix and not path.exists():
            path.write_text(value)
    raise SystemExit
"""


@pytest.fixture(scope="module")
def ran(copy_repository, tmp_path_factory):
    """A copy in which everything has been run."""
    copy = copy_repository(tmp_path_factory.mktemp("jobs"))
    for script in (copy / "workflow/scripts").glob("*.py"):
        name = str(script.relative_to(copy.root))
        if "def main()" in script.read_text(encoding="utf-8"):
            copy.edit(name, "from __future__ import annotations\n", STUB)
    done = copy.snakemake("--cores", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "results/report/index.html" in done.stdout
    return copy


def outdated(copy) -> set[str]:
    """Result files that Snakemake would make anew."""
    done = copy.snakemake("--summary")
    assert done.returncode == 0, done.stdout + done.stderr
    header, *rows = [line.split("\t") for line in done.stdout.splitlines() if "\t" in line]
    plan = header.index("plan")
    assert len(rows) > 80
    return {row[0].removeprefix("results/") for row in rows if row[plan] != "no update"}


def studies_of(files: set[str]) -> set[str]:
    return {name.split("/")[0] for name in files} & STUDIES


def test_nothing_is_left_to_do_after_a_run(ran):
    done = ran.snakemake()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Nothing to be done" in done.stdout + done.stderr


def test_the_longest_rebuilding_begins_first_and_notebooks_fill_the_gaps(ran):
    done = ran.snakemake("--cores", "1", "--forceall")
    assert done.returncode == 0, done.stdout + done.stderr
    lines = [line.split("  ")[2] for line in done.stderr.splitlines() if " of 57  " in line]
    rebuilt = [line for line in lines if line.startswith("Rebuilding")]
    studies = list(dict.fromkeys(re.search("|".join(STUDIES), line)[0] for line in rebuilt))
    assert studies[:2] == ["sysucc2015", "okayama2022"]
    assert sorted(line.rsplit(", ")[-1].split("  ")[0] for line in rebuilt if ", part" in line) == [
        f"part {k} of 4 (from 0)" for k in range(4)
    ]
    # One core: nothing else runs before all that others wait for.
    last = max(k for k, line in enumerate(lines) if line.startswith("Writing the report"))
    first = min(k for k, line in enumerate(lines) if line.startswith("Running the notebook"))
    assert last < first


@pytest.fixture
def changed(ran):
    """A function: change a file's content for the length of a test."""
    kept = {}

    def change(name: str, text: str) -> None:
        path = ran / name
        kept[path] = path.read_bytes()
        path.write_bytes(kept[path] + text.encode())

    yield change
    for path, content in kept.items():
        path.write_bytes(content)


def test_a_study_s_data_or_figures_move_that_study_and_what_stands_over_all(ran, changed):
    changed("results/qu2024/reconstruction/export.xlsx", "one more row\n")
    changed("config/published/oslo2014.yaml", "# a note\n")
    files = outdated(ran)
    assert studies_of(files) == {"qu2024", "oslo2014"}
    assert files >= ALL_STUDIES
    assert files >= {"qu2024/cohort.parquet", "qu2024/report.pdf", "qu2024/notebook.html"}
    assert not files & {
        f"qu2024/{name}" for name in ("identified.csv", "audit.csv", "protocol.json")
    }
    assert "qu2024/reconstruction/ensemble.parquet" not in files
    assert files >= {"oslo2014/audit.csv", "oslo2014/reconstruction/ensemble.parquet"}


def test_an_edited_module_or_template_moves_the_stages_that_use_it(ran, changed):
    changed("workflow/scripts/resarc/audit/counts.py", "\n# a note\n")
    changed("workflow/scripts/resarc/report/templates/report.typ", "\n")
    files = outdated(ran)
    used = {"audit.csv", "report.pdf", "report.html"}
    assert files >= {f"{study}/{name}" for study in STUDIES for name in used}
    unused = {"protocol.json", "clean.parquet", "estimates.csv", "identified.csv", "comparison.csv"}
    assert not files & {f"{study}/{name}" for study in STUDIES for name in unused}


def test_a_file_that_is_only_touched_moves_nothing(ran):
    (ran / "config/studies/oslo2014.yaml").touch()
    (ran / "workflow/scripts/resarc/estimand.py").touch()
    assert outdated(ran) == set()
