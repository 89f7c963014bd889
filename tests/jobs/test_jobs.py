"""Snakemake's own records, read as provenance: of a real run, and of records that are damaged."""

import json
import subprocess
import sys
from base64 import urlsafe_b64encode

import pytest

from resarc.jobs import read_jobs

SNAKEFILE = """
rule first:
    input: "a.txt"
    output: one="made/one.txt", folder=directory("made/many")
    log: "first.log"
    shell: "cat {input} > {output.one}; mkdir {output.folder}; touch {output.folder}/x"

rule second:
    default_target: True
    input: "made/one.txt", "made/many"
    output: "made/" + 200 * "n" + "/two.txt"
    shell: "cat {input[0]} > {output}"
"""
LONG = "made/" + 200 * "n" + "/two.txt"  # the name of its record is cut into folders


@pytest.mark.config
def test_a_real_run_is_read_back(tmp_path):
    (tmp_path / "Snakefile").write_text(SNAKEFILE, encoding="utf-8")
    (tmp_path / "a.txt").write_text("a\n", encoding="utf-8")
    subprocess.run(
        [sys.executable, "-m", "snakemake", "--cores", "1", "--quiet", "all"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )
    second, first = read_jobs(
        tmp_path / ".snakemake/metadata", [LONG, "made/one.txt", "made/many", "made/none.txt"]
    )
    assert (first.rule, second.rule) == ("first", "second")
    assert first.inputs == ("a.txt",)
    assert first.outputs == ("made/many", "made/one.txt")
    assert first.logs == ("first.log",)
    assert first.command.startswith("cat a.txt > made/one.txt")
    assert second.inputs == ("made/many", "made/one.txt")
    assert second.outputs == (LONG,)
    assert 0 < first.started <= first.ended <= second.ended


def record(folder, output, text):
    folder.mkdir(exist_ok=True)
    name = urlsafe_b64encode(output.encode()).decode()
    (folder / name).write_text(text, encoding="utf-8")


@pytest.mark.unit
def test_half_a_record_and_files_that_are_none_are_passed_over(tmp_path):
    whole = {
        "rule": "r",
        "input": ["b", "a"],
        "log": [],
        "shellcmd": "x",
        "starttime": 2.0,
        "endtime": 3.0,
        "incomplete": False,
    }
    record(tmp_path, "whole", json.dumps(whole))
    record(tmp_path, "half", json.dumps(whole)[:30])
    record(tmp_path, "unfinished", json.dumps(whole | {"incomplete": True}))
    record(tmp_path, "list", "[1]")
    (tmp_path / "noise!").write_text("{}", encoding="utf-8")
    (job,) = read_jobs(tmp_path, ["half", "unfinished", "list", "whole"])
    assert (job.rule, job.inputs, job.outputs) == ("r", ("a", "b"), ("whole",))
    assert (job.started, job.ended) == (2.0, 3.0)


@pytest.mark.unit
def test_without_records_there_are_no_jobs(tmp_path):
    assert read_jobs(tmp_path / "none", ["a"]) == []
