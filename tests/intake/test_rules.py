"""Each rule of cleaning on a table that one can check by eye, and what holds of any table."""

import datetime

import numpy as np
import pandas as pd
import pandera.pandas as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from resarc import intake
from resarc.intake import SourceTable
from resarc.protocol import Protocol

pytestmark = pytest.mark.unit

EXPORTED = datetime.date(2020, 12, 31)


def variable(name, type_="number", **more):
    return {"name": name, "column": name.upper(), "label": name, "type": type_, **more}


def category(name, *levels, **more):
    return variable(name, "category", **{"categories": {x: [x] for x in levels}, **more})


def protocol(*variables, **changes):
    dates = [v["name"] for v in variables if v["type"] == "date"]
    content = {
        "study": "toy",
        "reference": "toy",
        "title": "A toy",
        "population": "Toys",
        "origin_label": "start",
        "time_zero": dates[0] if dates else None,
        "source": {"kind": "registry", "file": "toy.csv", "exported": EXPORTED},
        "variables": [*variables, variable("months"), category("status", "dead", "alive")],
        "eligibility": [
            {"id": "all", "label": "All", "keep": [{"variable": "months", "at_least": 0}]}
        ],
        "endpoints": [
            {
                "name": "os",
                "label": "OS",
                "definition": "death",
                "time": "months",
                "happened": [{"variable": "status", "one_of": ["dead"]}],
            }
        ],
        "analyses": [{"id": "a", "label": "a", "kind": "characteristics", "variables": ["months"]}],
        **changes,
    }
    return Protocol.model_validate(content)


def table(study, **columns):
    """A source of the study: columns by variable, the others the same in every row."""
    rows = max(len(texts) for texts in columns.values())
    given = {v.column: columns.get(v.name) for v in study.variables}
    fill = {"MONTHS": "12", "STATUS": "alive"}
    cells = {name: texts or [fill.get(name, "")] * rows for name, texts in given.items()}
    return SourceTable.of(
        pd.DataFrame(cells, index=pd.RangeIndex(2, rows + 2, name="row"), dtype=object)
    )


def clean(study, **columns):
    source = table(study, **columns)
    result = intake.clean(source, study)
    assert len(source.cells) == len(result.clean) + result.rejected["main_row"].nunique()
    return result


def told(frame):
    return frame[["row", "column", "rule"]].to_numpy().tolist()


# -- impossible and improbable ---------------------------------------------------------------------


def test_impossible_rejects_and_improbable_flags():
    study = protocol(
        variable(
            "age", "integer", minimum=0, maximum=120, plausible_minimum=18, plausible_maximum=100
        )
    )
    result = clean(study, age=["17", "18", "100", "101", "120", "121", "-1", ""])
    assert told(result.flagged) == [[2, "AGE", "improbable"], [5, "AGE", "improbable"], [6, "AGE", "improbable"]]  # fmt: skip
    assert told(result.rejected) == [[7, "AGE", "range"], [8, "AGE", "range"]]
    assert result.flagged["reason"][0] == "AGE is seldom other than at least 18 and at most 100"
    assert result.quality.set_index("column").loc["AGE", ["improbable", "out_of_range"]].tolist() == [3, 2]  # fmt: skip


def test_improbable_dates_are_flagged():
    study = protocol(variable("born", "date", plausible_minimum=datetime.date(1900, 1, 1)))
    result = clean(study, born=["1899-12-31", "1900-01-01"])
    assert told(result.flagged) == [[2, "BORN", "improbable"]]
    assert len(result.clean) == 2


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"minimum": 5, "plausible_minimum": 3}, "must not fall"),
        ({"type_": "text", "minimum": 5}, "bounds go with numbers and dates"),
        ({"minimum": datetime.date(1990, 1, 1)}, "the bounds of a number are numbers"),
        ({"units": {"mm": 0.1}}, "a number that has a 'unit'"),
        ({"units": {"mm": 0.1, "cm": 2}, "unit": "cm"}, "one cm is 1 cm"),
        ({"units": {"mm": 0.1}, "unit": "cm", "recorded_in": "m"}, "none of its units mm"),
        ({"recorded_in": "mm", "unit": "cm"}, "need 'units'"),
        ({"partial": "middle", "type_": "date"}, "needs 'partial_formats'"),
        ({"partial_formats": {"year": ["%Y"]}}, "go with a date"),
        ({"ignore_case": True}, "goes with a category"),
    ],
)
def test_a_contradictory_variable_is_refused(changes, words):
    with pytest.raises(ValidationError, match=words):
        protocol(variable("x", **changes))


def test_codes_that_differ_by_case_only_cannot_be_told_apart_without_it():
    with pytest.raises(ValidationError, match="one code but for their case"):
        protocol(category("sex", "m", ignore_case=True, missing=["M"]))


@pytest.mark.parametrize("identifier", ["range", "near duplicate", "endpoint os"])
def test_a_rule_does_not_take_the_name_of_a_built_in_one(identifier):
    rule = {"id": identifier, "then": [{"variable": "months", "above": 0}], "why": "x"}
    with pytest.raises(ValidationError, match="built-in rule"):
        protocol(variable("x"), rules=[rule])


# -- categories, units, uniqueness -----------------------------------------------------------------


def test_synonyms_and_case():
    sex = {"categories": {"female": ["f", "Frau"], "male": ["m", "not  known male"]}}
    strict = protocol(variable("sex", "category", **sex))
    texts = ["f", "Frau", "FRAU", " not known male "]
    assert told(clean(strict, sex=texts).rejected) == [[4, "SEX", "code"], [5, "SEX", "code"]]
    loose = protocol(variable("sex", "category", **sex, ignore_case=True, missing=["", "NA"]))
    found = clean(loose, sex=[*texts, "Not Known MALE", "na"])
    assert found.clean["sex"].tolist() == ["female", "female", "female", "male", "male", None]


def test_units_in_the_cell():
    study = protocol(variable("size", unit="cm", units={"mm": 0.1, "cm": 1}, maximum=60))
    result = clean(
        study, size=["4.5", "45 mm", "45mm", "3 mm", "600 mm", "4.5 cm", "2 m", "mm", ""]
    )
    sizes = result.clean["size"].to_numpy()
    assert sizes[:-1].tolist() == [4.5, 4.5, 4.5, 0.3, 60.0, 4.5]
    assert np.isnan(sizes[-1])
    assert told(result.rejected) == [[8, "SIZE", "number"], [9, "SIZE", "number"]]
    assert "no unit or one of cm, mm" in result.rejected["reason"][0]


def test_a_column_recorded_in_another_unit():
    study = protocol(variable("size", unit="cm", units={"mm": 0.1}, recorded_in="mm", maximum=60))
    result = clean(study, size=["45", "4.5 cm", "601"])
    assert result.clean["size"].tolist() == [4.5, 4.5]
    assert told(result.rejected) == [[4, "SIZE", "range"]]


def test_the_unit_in_another_column():
    study = protocol(
        variable("size", unit="cm", units={"mm": 0.1, "cm": 1}, unit_from="size_unit"),
        category("size_unit", "mm", "cm"),
    )
    result = clean(study, size=["45", "4.5", "7", "", "4 cm"], size_unit=["mm", "cm", "", "", "cm"])
    assert told(result.rejected) == [[4, "SIZE", "unit"], [6, "SIZE", "number"]]
    assert result.clean["size"].tolist()[:2] == [4.5, 4.5]
    assert result.rejected["reason"][0] == "the unit of SIZE is not given in SIZE_UNIT"
    with pytest.raises(
        ValidationError, match="the level 'inch' of 'size_unit' is none of its units"
    ):
        protocol(
            variable("size", unit="cm", units={"mm": 0.1}, unit_from="size_unit"),
            category("size_unit", "inch"),
        )


def test_a_value_that_should_be_unique():
    study = protocol(variable("tumour", unique=True))
    result = clean(study, tumour=["7", "8", "7", "", ""])
    assert told(result.rejected) == [[2, "TUMOUR", "unique"], [4, "TUMOUR", "unique"]]


# -- time order ------------------------------------------------------------------------------------

COURSE = ("birth", "diagnosis", "metastasis", "treatment", "progression", "death", "last_contact")
DAYS = ("1950-01-01", "2010-01-01", "2011-01-01", "2011-02-01", "2012-01-01", "2013-01-01", "2013-01-01")  # fmt: skip
IN_ORDER = {"id": "course", "order": COURSE, "why": "the course of a life"}


def course(**changes):
    return protocol(
        *(variable(name, "date") for name in COURSE), time_zero="diagnosis", rules=[IN_ORDER], **changes
    )  # fmt: skip


def test_a_whole_course_in_order_is_kept():
    columns = {name: [day, ""] for name, day in zip(COURSE, DAYS, strict=True)}
    assert clean(course(), **columns).rejected.empty


@pytest.mark.parametrize("place", range(1, len(COURSE)))
def test_each_date_must_not_be_before_any_earlier_one(place):
    """One day before the latest of the dates before it; the message names that date."""
    columns = {name: [day] for name, day in zip(COURSE, DAYS, strict=True)}
    before = max(DAYS[:place])
    columns[COURSE[place]] = [str(datetime.date.fromisoformat(before) - datetime.timedelta(1))]
    result = clean(course(), **columns)
    first = result.rejected.iloc[0]
    assert first["rule"] == "course"
    assert first["column"] == COURSE[place].upper()
    assert first["reason"] == f"{COURSE[place].upper()} is before {COURSE[place - 1].upper()}: the course of a life"  # fmt: skip
    # a gap between the two does not hide it
    if place > 1:
        columns[COURSE[place - 1]] = [""]
        earlier = max(DAYS[: place - 1])
        columns[COURSE[place]] = [str(datetime.date.fromisoformat(earlier) - datetime.timedelta(1))]
        assert clean(course(), **columns).rejected["column"][0] == COURSE[place].upper()


def test_nothing_after_the_export():
    columns = {name: ["2021-01-01" if name == "last_contact" else ""] for name in COURSE}
    assert told(clean(course(), **columns).rejected) == [[2, "LAST_CONTACT", "future"]]


# -- any table -------------------------------------------------------------------------------------

CELLS = {
    "case": st.sampled_from(["1", "2", "3", "4", ""]),
    "sex": st.sampled_from(["f", "m", "M", "x", "", "=1+1", "<b>"]),
    "size": st.sampled_from(["4.5", "45 mm", "450", "x", ""]),
    "born": st.sampled_from(["1950", "1950-03", "1950-03-07", "1949-12-31", "x", ""]),
    "seen": st.sampled_from(["2010", "2010-05", "1949", "1950-03-06", "2021-01-01", ""]),
}
ANY = protocol(
    variable("case", "identifier"),
    category("sex", "f", "m", ignore_case=True),
    variable("size", unit="cm", units={"mm": 0.1}, maximum=60, plausible_maximum=30),
    *(
        variable(
            name, "date", partial_formats={"month": ["%Y-%m"], "year": ["%Y"]}, partial="middle"
        )
        for name in ("born", "seen")
    ),
    rules=[{"id": "order", "order": ["born", "seen"], "why": "born before seen"}],
    near_duplicates=[
        {"id": "twin", "agree": ["sex", "born", "size"], "differing": 1, "why": "one patient"}
    ],
)

# The same rules written for pandera, which knows nothing of how cleaning applies them.
SCHEMA = pa.DataFrameSchema(
    {
        "patient": pa.Column(str, unique=True),
        "sex": pa.Column(object, pa.Check.isin(["f", "m"]), nullable=True),
        "size": pa.Column(float, pa.Check.in_range(4.5, 60), nullable=True),
        "months": pa.Column(float),
        "status": pa.Column(object, pa.Check.isin(["dead", "alive"])),
        "born": pa.Column(float, nullable=True),
        "seen": pa.Column(float, nullable=True),
        "born_year": pa.Column(float, pa.Check.in_range(1949, 1950), nullable=True),
        "born_precision": pa.Column(object, pa.Check.isin(["day", "month", "year"]), nullable=True),
        "seen_precision": pa.Column(object, pa.Check.isin(["day", "month", "year"]), nullable=True),
    },
    checks=[
        pa.Check(lambda kept: ~(kept["seen"] < kept["born"])),
        pa.Check(lambda kept: kept["born"].isna() == kept["born_precision"].isna()),
    ],
    strict=True,
)


@pytest.mark.property
@settings(max_examples=100, deadline=None)
@given(rows=st.lists(st.fixed_dictionaries(CELLS), min_size=1, max_size=8))
def test_rows_in_are_rows_kept_and_rows_rejected(rows):
    columns = {name: [row[name] for row in rows] for name in CELLS}
    result = clean(ANY, **columns)
    # no row is told twice of the same fault, and none is both rejected and flagged
    assert not result.rejected.duplicated(["main_row", "column", "rule", "reason"]).any()
    assert not set(result.rejected["main_row"]) & set(result.flagged["main_row"])
    # what was kept obeys the protocol, whatever was in the table
    SCHEMA.validate(result.clean)
    identifiers = table(ANY, **columns).cells["CASE"]
    rejected = set(result.rejected["main_row"])
    left = [x for row, x in identifiers.items() if row not in rejected and x]
    assert len(left) == len(set(left))
    for choice in ("earliest", "latest"):
        other = intake.clean(table(ANY, **columns), ANY, partial=choice)
        assert set(other.rejected["main_row"]) == rejected
