"""An export is written in every format, is read back as the same texts, and is the same bytes."""

import datetime
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from resarc import intake
from resarc.errors import ReconstructionError
from resarc.protocol import Protocol
from resarc.reconstruct.writing import as_bytes, dictionary

pytestmark = pytest.mark.unit

FORMATS = ("csv", "xlsx", "sav", "dta", "redcap", "parquet")
EXPORT = pd.DataFrame(
    {
        "record_id": ["1000001", "1000002", "1000003", "1000004"],
        "sex": ["1", "2", "9", ""],
        "site": ["RP", "EXT", "", "NA"],
        "size_cm": ["4.5", "12", "99.9", ""],
        "age": ["61", "", "999", "58"],
        "operated": ["2012-01-03", "2011-08-20", "2013-05-05", ""],
        "remark": ["", "", "", ""],
    },
    dtype=object,
)


def protocol(kind, **changes):
    def variable(name, kind, **more):
        return {"name": name, "column": name, "label": f"The {name}", "type": kind} | more

    content = {
        "study": "toy",
        "reference": "toy",
        "title": "A toy",
        "population": "Toys",
        "origin_label": "operation",
        "time_zero": "operated",
        "source": {"kind": "reconstruction", "format": kind},
        "variables": [
            variable("record_id", "identifier", required=True),
            variable(
                "sex",
                "category",
                categories={"male": ["1"], "female": ["2"]},
                level_labels={"male": "Male"},
                missing=["", "9"],
            ),
            variable("site", "category", categories={"inside": ["RP"], "outside": ["EXT"]}, missing=["", "NA"]),
            variable("size_cm", "number", minimum=0.1, maximum=60, missing=["", "99.9"]),
            variable("age", "integer", minimum=0, maximum=110, missing=["", "999"]),
            variable("operated", "date", minimum=datetime.date(2000, 1, 1)),
            variable("remark", "text"),
        ],
        "eligibility": [{"id": "all", "label": "All", "keep": [{"variable": "age", "present": True}]}],
        "endpoints": [
            {
                "name": "os",
                "label": "Overall survival",
                "definition": "death",
                "origin": "operated",
                "events": ["operated"],
                "censored_at": "operated",
            }
        ],
        "analyses": [{"id": "a", "label": "a", "kind": "characteristics", "variables": ["age"]}],
        "reconstruction": {"period": ["2010-01-01", "2013-12-31"], "last_contact": "2014-12-31"},
    }  # fmt: skip
    return Protocol.model_validate(content | changes)


def written(kind, folder, export=EXPORT):
    study = protocol(kind)
    path = folder / f"export.{study.source.export_ending}"
    path.write_bytes(as_bytes(export, study))
    (folder / "dictionary.csv").write_bytes(dictionary(study))
    names = folder / "dictionary.csv" if kind == "redcap" else None
    return intake.read_source(path, study, dictionary=names), study


@pytest.mark.parametrize("kind", FORMATS)
def test_what_is_read_back_means_the_same(kind, tmp_path):
    """A code for "missing" may come back as an empty cell where the format has its own way to say so."""
    table, study = written(kind, tmp_path)
    expected = intake.clean(intake.SourceTable.of(EXPORT.set_axis(range(2, 6))), study)
    found = intake.clean(table, study)
    assert expected.rejected.empty
    assert found.rejected.empty
    pd.testing.assert_frame_equal(found.clean, expected.clean)
    known = EXPORT.apply(lambda column: ~column.isin(["", "9", "99.9", "999", "NA"]))
    cells = table.cells.reset_index(drop=True)
    pd.testing.assert_frame_equal(cells.where(known), EXPORT.where(known))


def test_every_format_holds_what_its_users_would_have_entered(tmp_path):
    table, _ = written("sav", tmp_path)
    told = {fact.value for part in table.parts for fact in part.facts}
    assert {"sex: 9 (1)", "size_cm: 99.9 (1)", "age: 999 (1)"} <= told
    import pyreadstat

    _, about = pyreadstat.read_sav(tmp_path / "export.sav", metadataonly=True)
    assert about.variable_value_labels == {"sex": {1.0: "Male", 2.0: "female"}}
    assert about.column_names_to_labels["size_cm"] == "The size_cm"
    assert about.original_variable_types["operated"].startswith("DATE")

    written("xlsx", tmp_path)
    import python_calamine

    rows = python_calamine.load_workbook(tmp_path / "export.xlsx").get_sheet_by_index(0).to_python()
    assert rows[1] == ["1000001", 1.0, "RP", 4.5, 61.0, datetime.date(2012, 1, 3), ""]
    assert rows[4][2] == "NA"

    table, _ = written("redcap", tmp_path)
    fields = (tmp_path / "dictionary.csv").read_text().splitlines()
    assert len(fields) == 8
    assert fields[1].startswith("record_id,chart_review,,text,The record_id,,,,,,y,")
    assert '"1, Male | 2, female"' in fields[2]
    assert fields[6].startswith("operated,chart_review,,text,The operated,,,date_ymd,2000-01-01,,")


MAKE = """
import sys
from pathlib import Path
sys.path[:0] = sys.argv[1:3]
import test_writing as t
for kind in t.FORMATS:
    Path(sys.argv[3], kind).write_bytes(t.as_bytes(t.EXPORT, t.protocol(kind)))
"""


def test_the_bytes_do_not_depend_on_when_and_where_they_are_written(tmp_path):
    scripts = Path(__file__).parents[2] / "workflow" / "scripts"
    made = []
    for number, zone in enumerate(("UTC", "Asia/Tokyo")):
        folder = tmp_path / str(number)
        folder.mkdir()
        command = [sys.executable, "-c", MAKE, scripts, Path(__file__).parent, folder]
        # A minute's clock enters SPSS and Stata files; faking it shows that it does not matter.
        environment = os.environ | {"TZ": zone, "PYTHONHASHSEED": str(number), "LC_ALL": "C"}
        subprocess.run(list(map(str, command)), check=True, env=environment)
        made.append({kind: (folder / kind).read_bytes() for kind in FORMATS})
    assert made[0] == made[1]
    now = datetime.datetime.now(datetime.UTC)
    for kind in FORMATS:
        for form in ("%d %b %y", "%d %b %Y", "%Y-%m-%d"):
            assert now.strftime(form).encode() not in made[0][kind]


@pytest.mark.parametrize(
    ("kind", "name"), [("redcap", "Size (cm)"), ("sav", "size cm"), ("dta", "s" * 33)]
)
def test_a_name_that_the_format_cannot_have_is_named(kind, name):
    variables = [v.model_dump(exclude_unset=True) for v in protocol(kind).variables]
    variables[3]["column"] = name
    with pytest.raises(
        ReconstructionError, match=r"which (REDCap|SPSS|Stata) cannot have"
    ) as caught:
        as_bytes(EXPORT.rename(columns={"size_cm": name}), protocol(kind, variables=variables))
    assert repr(name) in str(caught.value)


@pytest.mark.property
def test_numbers_of_any_size_come_back(tmp_path):
    rng = np.random.default_rng(1)
    values = np.round(10 ** rng.uniform(-3, 6, 50), 4)
    export = pd.DataFrame({name: [""] * 50 for name in EXPORT}, dtype=object)
    export["record_id"] = [str(i) for i in range(50)]
    export["size_cm"] = [repr(float(x)).removesuffix(".0") for x in values]
    for kind in FORMATS:
        table, _ = written(kind, tmp_path, export)
        assert table.cells["size_cm"].astype(float).tolist() == values.tolist(), kind
