"""Every column of every table has a disclosure class, and none gets out without one."""

import pandas as pd
import pytest

from resarc import cohort, compare, evidence, precision, synthesis, updates
from resarc.analysis.evaluate import COLUMNS as ESTIMATES
from resarc.disclosure.columns import CLASSES, class_of, emptied, table
from resarc.errors import DataError
from resarc.intake import cleaning
from resarc.reanalysis import result as reanalysis

pytestmark = pytest.mark.unit

TABLES = {
    "flow.csv": cohort.FLOW_COLUMNS,
    "estimates.csv": ESTIMATES,
    "comparison.csv": compare.COLUMNS,
    "reanalysis.csv": reanalysis.COLUMNS,
    "reanalysis_curves.csv": reanalysis.LINE_COLUMNS,
    "reanalysis_conclusions.csv": reanalysis.CONCLUSION_COLUMNS,
    "harmonised.csv": synthesis.HARMONISED,
    "pooled.csv": synthesis.POOLED,
    "leave_one_out.csv": synthesis.LEFT_OUT,
    "reported.csv": synthesis.REPORTED,
    "evidence.csv": evidence.WORKS,
    "evidence_map.csv": evidence.MAP,
    "precision.csv": precision.COLUMNS,
    "updates.csv": updates.STEP_COLUMNS,
    "history.csv": updates.HISTORY_COLUMNS,
    "rejected.csv": cleaning.REJECTED_COLUMNS,
    "data_quality.csv": cleaning.QUALITY_COLUMNS,
}


@pytest.mark.parametrize("file", TABLES)
def test_every_column_has_a_class(file):
    for column in TABLES[file]:
        assert class_of(file, column) in CLASSES


def test_the_curves_have_classes_too(large):
    assert {class_of("curves.csv", name) for name in large.curves} == {
        "label", "curve", "withheld",
    }  # fmt: skip


def test_every_class_of_the_table_is_one_and_every_named_column_exists():
    assert set(table().values()) <= set(CLASSES)
    for file, column in table():
        if column != "*" and file in TABLES:
            assert column in TABLES[file], (file, column)


def test_a_column_without_class_stops_the_release(large):
    with pytest.raises(DataError, match=r"'hospital'.*no disclosure class"):
        emptied(large.estimates.assign(hospital="x"), "estimates.csv")
    with pytest.raises(DataError, match="no disclosure class"):
        emptied(pd.DataFrame({"a": [1]}), "unknown.csv")


def test_records_are_never_released():
    with pytest.raises(DataError, match="single patients"):
        emptied(pd.DataFrame({"row": [2], "value": ["x"]}), "rejected.csv")


def test_what_has_no_class_that_is_told_as_it_is_is_emptied(large):
    bare = emptied(large.estimates, "estimates.csv")
    assert list(bare.columns) == list(large.estimates.columns)
    kept = [name for name in bare if bare[name].notna().any()]
    assert kept == ["estimand", "method", "origin", "analysis"]
