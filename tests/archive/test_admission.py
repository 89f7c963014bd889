"""What may be archived: only what matches its sources, and only columns that somebody looked at."""

import json

import pandas as pd
import pytest

from resarc import protocol
from resarc.archive.admission import internal_studies, mismatches, unknown_columns
from resarc.protocol import Source

pytestmark = pytest.mark.unit

MANIFEST = {
    "settings": {"studies": ["a"], "members": 8, "seed": 1},
    "inputs": [{"path": "config/a.yaml", "sha256": "c"}],
    "jobs": [
        {"rule": "flow", "inputs": ["config/a.yaml"], "outputs": ["results/a/flow.csv"]},
        {"rule": "draw", "inputs": ["results/a/flow.csv"], "outputs": ["results/a/figures"]},
    ],
    "results": [
        {"path": "results/a/flow.csv", "sha256": "f"},
        {"path": "results/a/figures/1.svg", "sha256": "g"},
    ],
}
SETTINGS = {"studies": ["a"], "members": 8, "seed": 1}
DIGESTS = {"config/a.yaml": "c", "results/a/flow.csv": "f", "results/a/figures/1.svg": "g"}
PRESENT = ["results/a/flow.csv", "results/a/figures/1.svg", "results/manifest.json"]


def found(manifest=MANIFEST, settings=SETTINGS, present=PRESENT, digests=DIGESTS):
    return mismatches(manifest, settings, present, digests.get)


def test_results_that_match_have_no_mismatch():
    assert found() == []


def test_each_kind_of_mismatch_is_told():
    assert found(settings=SETTINGS | {"seed": 2}) == [
        "made with seed: 1, but the configuration says 2"
    ]
    assert found(digests=DIGESTS | {"results/a/flow.csv": "x"}) == [
        "results/a/flow.csv is not as the run left it"
    ]
    gone = {path: digest for path, digest in DIGESTS.items() if path != "config/a.yaml"}
    assert found(digests=gone) == ["config/a.yaml is gone since"]
    assert found(digests=DIGESTS | {"config/a.yaml": "x"}) == ["config/a.yaml has changed since"]
    assert found(present=[*PRESENT, "results/a/more.csv"]) == [
        "results/a/more.csv was not made by the run"
    ]
    nobody = MANIFEST | {"jobs": MANIFEST["jobs"][:1]}
    assert found(manifest=nobody) == ["no record of the job that made results/a/figures/1.svg"]


def test_a_registry_is_internal_unless_its_protocol_says_otherwise():
    registry = {"kind": "registry", "file": "data/a.csv", "exported": "2024-01-01"}
    sources = {
        "rebuilt": Source(kind="reconstruction"),
        "ours": Source.model_validate(registry),
        "public": Source.model_validate(registry | {"in_archive": True}),
    }
    assert internal_studies(sources) == ["ours"]


def test_a_reconstruction_cannot_ask_to_be_archived():
    with pytest.raises(ValueError, match="in_archive is for a registry"):
        Source(kind="reconstruction", in_archive=True)


@pytest.fixture(scope="module")
def example(request):
    return protocol.load(request.config.rootpath / "docs/example/studies/example.yaml")


@pytest.fixture
def table(tmp_path):
    def table(name: str, *columns: str):
        path = tmp_path / name
        frame = pd.DataFrame({column: ["x"] for column in columns})
        if path.suffix == ".parquet":
            frame.to_parquet(path)
        else:
            frame.to_csv(path, index=False)
        return path

    return table


@pytest.mark.parametrize(
    "name", ["clean.parquet", "cohort.parquet", "ensemble.parquet", "partial_dates.parquet"]
)
def test_a_table_of_patients_holds_the_protocol_s_variables_and_no_identifier(example, table, name):
    identifiers = [v.name for v in example.variables if v.type in ("identifier", "text")]
    kept = [v.name for v in example.variables if v.type not in ("identifier", "text")]
    assert identifiers
    columns = ["patient", *kept, "os_time", "os_event"]
    assert unknown_columns(table(name, *columns), example) == []
    assert unknown_columns(table(name, *columns, identifiers[0], "phone"), example) == [
        identifiers[0],
        "phone",
    ]


def test_a_rebuilt_dataset_has_the_columns_of_its_source(example, table):
    columns = [v.column for v in example.variables]
    assert unknown_columns(table("export.csv", *columns), example) == []
    assert unknown_columns(table("export.csv", *columns, "Phone"), example) == ["Phone"]


def test_a_result_holds_columns_of_the_list(table):
    assert unknown_columns(table("pooled.csv", "quantity", "value", "i2"), None) == []
    assert unknown_columns(table("pooled.csv", "quantity", "surname"), None) == ["surname"]


def test_a_table_without_rows_tells_nothing(example, tmp_path):
    for name in ("corrections.csv", "clean.parquet"):
        frame = pd.DataFrame({"who": pd.Series(dtype=str)})
        path = tmp_path / name
        frame.to_parquet(path) if name.endswith("parquet") else frame.to_csv(path, index=False)
        assert unknown_columns(path, example) == []
        frame = pd.DataFrame({"who": ["A. B."]})
        frame.to_parquet(path) if name.endswith("parquet") else frame.to_csv(path, index=False)
        assert unknown_columns(path, example) == ["who"]


def test_tables_as_the_report_prints_them_have_its_words_as_columns(example, tmp_path, table):
    (tmp_path / "tables").mkdir()
    assert unknown_columns(table("tables/analysis-a.csv", "With treatment"), example) == []
    assert unknown_columns(table("tables/index.csv", "caption", "surname"), example) == ["surname"]


def test_a_rebuilt_redcap_project_has_its_forms_and_its_dictionary(example, table):
    of_redcap = example.model_copy(
        update={"source": example.source.model_copy(update={"format": "redcap"})}
    )
    columns = [v.column for v in example.variables]
    export = table("export.csv", *columns, "chart_complete", "Phone")
    assert unknown_columns(export, of_redcap) == ["Phone"]
    assert unknown_columns(export, example) == ["chart_complete", "Phone"]
    assert unknown_columns(table("dictionary.csv", "Field Label"), of_redcap) == []
    registry = protocol.Source(kind="registry", file="data/a.csv", exported="2024-01-01")
    ours = example.model_copy(update={"source": registry})
    assert unknown_columns(table("dictionary.csv", "Field Label"), ours) == ["Field Label"]


def test_every_table_whose_columns_are_named_in_the_code_may_be_archived():
    """So that a new column is seen here, and not when a run is archived."""
    from resarc import cohort, compare, evidence, identify, precision, synthesis, updates
    from resarc.analysis.evaluate import COLUMNS as ESTIMATES
    from resarc.archive.admission import COLUMNS
    from resarc.intake import cleaning
    from resarc.intake.corrections import OUTCOME_COLUMNS
    from resarc.reanalysis import result
    from resarc.reconstruct.outcome import CONFLICT_COLUMNS
    from resarc.report.manuscript import INDEX_COLUMNS

    tables = [
        cohort.FLOW_COLUMNS, compare.COLUMNS, evidence.WORKS, evidence.MAP, identify.COLUMNS,
        identify.ADJUSTED_COLUMNS, precision.COLUMNS, synthesis.HARMONISED, synthesis.POOLED,
        synthesis.LEFT_OUT, synthesis.REPORTED, ESTIMATES, cleaning.REJECTED_COLUMNS,
        cleaning.QUALITY_COLUMNS, result.COLUMNS, result.LINE_COLUMNS, result.CONCLUSION_COLUMNS,
        CONFLICT_COLUMNS, INDEX_COLUMNS, updates.STEP_COLUMNS, updates.HISTORY_COLUMNS,
    ]  # fmt: skip
    assert {name for columns in tables for name in columns} - COLUMNS == set()
    # Who corrected a patient's data is a person, and stays with the group.
    assert set(OUTCOME_COLUMNS) - COLUMNS == {"who"}


def test_results_on_disk_hold_no_other_columns(request):
    """What a run has left here, if any: a new column needs a line in the list."""
    root = request.config.rootpath / "results"
    if not (root / "manifest.json").is_file():
        pytest.skip("nothing has been run here")
    unknown = {}
    for entry in json.loads((root / "manifest.json").read_bytes())["results"]:
        path = root.parent / entry["path"]
        if path.suffix in (".csv", ".parquet") and path.is_file():
            study = root.parent.joinpath(*path.relative_to(root.parent).parts[:2], "protocol.json")
            of_study = protocol.Protocol.model_validate_json(study.read_bytes()) if study.is_file() else None  # fmt: skip
            unknown[entry["path"]] = unknown_columns(path, of_study)
    assert {path: columns for path, columns in unknown.items() if columns} == {}
