"""The whole pipeline, with few datasets: every file is there, in the form that others rely on; a
second run has nothing to do; what is deleted comes back the same; a registry passes the same way.
"""

import hashlib
import json
import shutil

import pandas as pd
import pytest

from resarc.archive.admission import unknown_columns
from resarc.configuration import from_json, read_yaml
from resarc.output import read_csv, read_parquet
from resarc.protocol import Protocol

pytestmark = pytest.mark.end_to_end

STUDIES = ("oslo2014", "sysucc2015", "qu2024", "okayama2022")
COLUMNS = {
    "audit.csv": "check figures printed recomputed verdict severity evidence",
    "reconstruction/targets.csv": "figure estimand printed lower upper status share_held",
    "reconstruction/hypotheses.csv": "endpoint hypothesis feasible chosen evidence question status",
    "reconstruction/conflicts.csv": "conflict hypothesis figures printed status set_aside proof",
    "source.csv": "file sheet what value how",
    "rejected.csv": "file sheet row column value rule reason remedy main_row",
    "data_quality.csv": "column variable rows missing rejected out_of_range",
    "flow.csv": "step label entering excluded remaining",
    "estimates.csv": "estimand value lower upper p n events method origin analysis note",
    "reanalysis.csv": "analysis recommendation estimand quantity role at value lower upper "
    "identified_lower identified_upper outer_lower outer_upper members undetermined origin how "
    "method note",
    "reanalysis_curves.csv": "analysis recommendation estimand series x value lower upper "
    "identified_lower identified_upper outer_lower outer_upper origin",
    "reanalysis_conclusions.csv": "analysis recommendation estimand paper changes sentence why origin",
    "adjusted.csv": "analysis estimand tests p holm bh origin",
    "identified_adjusted.csv": "analysis estimand tests holm_lower holm_upper bh_lower bh_upper",
    "manuscript/snippets.csv": "estimand sentence origin",
    "tables/index.csv": "table file caption origin notes made_from",
    "curves.csv": "endpoint variable level time at_risk events censored survival lower upper",
    "identified.csv": "estimand lower upper direction target how members undetermined lower_member "
    "upper_member sample_lower sample_upper outer_lower outer_upper",
    "identified_by_hypothesis.csv": "hypothesis estimand lower upper direction members",
    "sensitivity_prior.csv": "estimand members as_drawn events_equal orders_equal largest_weight",
    "reconstruction/diversity.csv": "of members distance nearest copies effective",
    "precision.csv": "estimand se_lower se_upper members",
    "envelopes.csv": "endpoint variable level time lower upper",
    "comparison.csv": "figure estimand printed unit locator value lower upper verdict origin",
}
SUMMARY = {
    "harmonised.csv": "quantity study estimand value lower upper origin",
    "pooled.csv": "quantity k studies value lower upper tau2 i2 heterogeneity method pooled reason",
    "leave_one_out.csv": "quantity left_out k value lower upper origin",
    "reported.csv": "quantity reported_lower reported_upper reference locator study relation",
    "evidence.csv": "reference treatment treatment_said site design size period reports",
    "evidence_map.csv": "site treatment works references",
}
DOCUMENTS = ("report.html", "report.pdf", "model.json", "notebook.html", "notebook.ipynb")


@pytest.fixture(scope="module")
def ran(first_run, copy_repository, tmp_path_factory):
    """The first run, in another folder, for tests to change."""
    folder = tmp_path_factory.mktemp("ran") / "a copy"
    shutil.copytree(first_run.root, folder)
    return copy_repository.of(folder)


def run(copy) -> str:
    done = copy.snakemake("--cores", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def manifest(copy) -> dict:
    return json.loads((copy / "results/manifest.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("study", STUDIES)
def test_a_study_has_every_file_with_its_columns(ran, study):
    folder = ran / "results" / study
    for name, columns in COLUMNS.items():
        missing = set(columns.split()) - set(read_csv(folder / name).columns)
        assert not missing, f"{name} lacks {missing}"
    for name in DOCUMENTS:
        assert (folder / name).stat().st_size > 1000, name
    assert list((folder / "figures").glob("*.svg"))
    tables = read_csv(folder / "tables" / "index.csv")
    assert {path.name for path in (folder / "tables").glob("*.csv")} == {
        *tables["file"],
        "index.csv",
    }
    assert (folder / "manuscript" / "tables.docx").read_bytes().startswith(b"PK")
    assert r"\begin{longtable}" in (folder / "manuscript" / "tables.tex").read_text(
        encoding="utf-8"
    )
    ensemble = read_parquet(folder / "reconstruction" / "ensemble.parquet")
    cohort = read_parquet(folder / "cohort.parquet")
    assert ensemble["member"].nunique() == 8
    assert (ensemble.groupby("member").size() == len(cohort)).all()


def test_web_page_and_pdf_show_the_same_numbers(first_run, same_numbers):
    results = first_run / "results"
    pages = [results / "report/index.html", *sorted(results.glob("*/report.html"))]
    assert len(pages) == len(STUDIES) + 1
    for page in pages:
        document = page.with_name("report.pdf").read_bytes()
        same_numbers(page.read_text(encoding="utf-8"), document)


def test_what_stands_over_all_studies_is_there(ran):
    for name, columns in SUMMARY.items():
        table = read_csv(ran / "results/summary" / name)
        assert set(columns.split()) <= set(table.columns)
        assert len(table)
    for name in ("index.html", "report.pdf", "model.json"):
        assert (ran / "results/report" / name).stat().st_size > 1000


@pytest.mark.parametrize("study", STUDIES)
def test_a_reconstruction_never_says_that_a_figure_was_reproduced(ran, study):
    comparison = read_csv(ran / "results" / study / "comparison.csv")
    assert set(comparison["origin"]) == {"reconstruction"}
    assert not set(comparison["verdict"]) & {"reproduced", "differs"}
    assert "by construction" in set(comparison["verdict"])


def test_every_result_is_in_the_manifest_with_its_digest(ran):
    listed = {entry["path"]: entry["sha256"] for entry in manifest(ran)["results"]}
    files = [p for p in (ran / "results").rglob("*") if p.is_file() and p.name[0] != "."]
    found = {
        path.relative_to(ran.root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
        if path.name != "manifest.json"
    }
    assert listed == found


def test_every_result_has_a_job_and_whatever_a_job_read_has_a_digest(ran):
    content = manifest(ran)
    made = {name: job["rule"] for job in content["jobs"] for name in job["outputs"]}
    for entry in content["results"]:
        folder = entry["path"].rpartition("/")[0]
        assert made.get(entry["path"], made.get(folder)) == entry["rule"]
    given = {entry["path"] for entry in content["inputs"]}
    read = {name for job in content["jobs"] for name in job["inputs"]}
    assert read - given <= set(made)
    assert {"uv.lock", "config/studies/oslo2014.yaml", "workflow/scripts/audit.py"} <= given
    for entry in content["inputs"]:
        assert entry["sha256"] == hashlib.sha256((ran / entry["path"]).read_bytes()).hexdigest()


def test_nothing_is_left_to_do(ran):
    assert "Nothing to be done" in run(ran)


def test_what_is_deleted_comes_back_the_same(ran):
    before = (ran / "results/manifest.json").read_bytes()
    shutil.rmtree(ran / "results/oslo2014")
    assert "Nothing to be done" not in run(ran)
    assert (ran / "results/manifest.json").read_bytes() == before


def test_no_result_names_the_machine(first_run):
    for path in (first_run / "results").rglob("*"):
        if path.is_file():
            assert str(first_run.root).encode() not in path.read_bytes(), path


def test_every_column_of_a_result_may_be_archived(first_run):
    found = []
    for path in (first_run / "results").rglob("*"):
        if path.suffix in (".csv", ".parquet"):
            checked = first_run / "results" / path.relative_to(first_run / "results").parts[0]
            protocol = checked / "protocol.json"
            of_study = from_json(protocol, Protocol) if protocol.is_file() else None
            found += [f"{path.name}: {name}" for name in unknown_columns(path, of_study)]
    assert sorted(set(found)) == []


def test_a_registry_passes_the_same_way_and_its_results_bear_its_origin(ran):
    """The export of a reconstruction, taken as the registry of a study of its own."""
    study, source = "asregistry", "okayama2022"
    (ran / "data").mkdir()
    made = ran / "results" / source / "reconstruction"
    shutil.copy(made / "export.csv", ran / "data/patients.csv")
    shutil.copy(made / "dictionary.csv", ran / "data/dictionary.csv")
    registry = {
        "kind": "registry",
        "format": "redcap",
        "file": "data/patients.csv",
        "dictionary": "data/dictionary.csv",
        "exported": "2022-01-31",
    }
    for folder in ("studies", "published"):
        content = read_yaml(ran / f"config/{folder}/{source}.yaml") | {"study": study}
        if folder == "studies":
            content["source"] = registry
        # JSON is YAML.
        text = json.dumps(content, default=str)
        (ran / f"config/{folder}/{study}.yaml").write_text(text, encoding="utf-8")
    ran.edit("config/config.yaml", f"  - {source}", f"  - {source}\n  - {study}")
    ran.edit("config/synthesis.yaml", f"study: {source}", f"study: {study}")
    run(ran)

    folder = ran / "results" / study
    for name, columns in COLUMNS.items():
        if name.startswith(
            ("reconstruction", "identified", "envelopes", "precision", "sensitivity_prior")
        ):
            assert not (folder / name).exists()
        else:
            assert set(columns.split()) <= set(read_csv(folder / name).columns)
    estimates = read_csv(folder / "estimates.csv")
    assert set(estimates["origin"]) == {"registry"}
    twin = read_csv(ran / "results" / source / "estimates.csv").set_index("estimand")
    shared = estimates.set_index("estimand")["value"]
    pd.testing.assert_series_equal(shared, twin["value"].loc[shared.index])
    comparison = read_csv(folder / "comparison.csv")
    assert set(comparison["verdict"]) <= {"reproduced", "differs", "not computed"}
    assert (comparison["verdict"] == "reproduced").sum() > len(comparison) / 2
    report = (folder / "report.html").read_text(encoding="utf-8")
    assert "Registry data" in report
    assert "Reconstructed data" not in report
    assert study in set(read_csv(ran / "results/summary/harmonised.csv")["study"])
    assert "Nothing to be done" in run(ran)
