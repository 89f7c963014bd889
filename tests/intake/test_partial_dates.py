"""Dates without a day: what is known of them, and which day stands for them."""

import datetime

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from resarc import intake
from resarc.intake import SourceTable
from resarc.protocol import Protocol

pytestmark = pytest.mark.unit

EXPORTED = datetime.date(2020, 12, 31)
WRITTEN = {"month": ["%m.%Y", "00.%m.%Y"], "year": ["%Y", "00.00.%Y"]}
NAMES = ("born", "found", "treated", "seen")


def protocol(partial="middle", **bounds):
    day = {
        "type": "date",
        "date_format": "%d.%m.%Y",
        "partial_formats": WRITTEN,
        "partial": partial,
    }
    return Protocol.model_validate(
        {
            "study": "toy",
            "reference": "toy",
            "title": "A toy",
            "population": "Toys",
            "origin_label": "start",
            "time_zero": "born",
            "source": {"kind": "registry", "file": "toy.csv", "exported": EXPORTED},
            "variables": [
                {"name": name, "column": name, "label": name, **day, **bounds.get(name, {})}
                for name in NAMES
            ],
            "rules": [{"id": "order", "order": ["born", "found", "treated"], "why": "in order"}],
            "eligibility": [
                {"id": "all", "label": "All", "keep": [{"variable": "born", "present": True}]}
            ],
            "endpoints": [
                {
                    "name": "os",
                    "label": "OS",
                    "definition": "x",
                    "origin": "found",
                    "events": ["treated"],
                    "censored_at": "seen",
                }
            ],
            "analyses": [
                {"id": "a", "label": "a", "kind": "survival", "endpoint": "os", "at": ["12 months"]}
            ],
        }
    )


def clean(study, *rows, choice=None):
    cells = pd.DataFrame(rows, columns=list(NAMES), dtype=object)
    cells.index = pd.RangeIndex(2, len(rows) + 2, name="row")
    result = intake.clean(SourceTable.of(cells), study, partial=choice)
    assert len(rows) == len(result.clean) + result.rejected["main_row"].nunique()
    return result


def days(result, name, start="1950-01-01"):
    """The dates that stand in the clean data, for patients who were born on `start`."""
    return [
        str(np.datetime64(start) + int(x)) if x == x else "" for x in result.clean[name].to_numpy()
    ]


BORN = "01.01.1950"


@pytest.mark.parametrize(
    ("written", "earliest", "middle", "latest", "precision"),
    [
        ("07.03.2010", "2010-03-07", "2010-03-07", "2010-03-07", "day"),
        ("03.2010", "2010-03-01", "2010-03-15", "2010-03-31", "month"),
        ("00.02.2012", "2012-02-01", "2012-02-15", "2012-02-29", "month"),
        ("2010", "2010-01-01", "2010-07-01", "2010-12-31", "year"),
        ("00.00.2010", "2010-01-01", "2010-07-01", "2010-12-31", "year"),
        ("12.2020", "2020-12-01", "2020-12-15", "2020-12-31", "month"),
    ],
)
def test_the_day_that_stands_for_a_partial_date(written, earliest, middle, latest, precision):
    for choice, day in (("earliest", earliest), ("middle", middle), ("latest", latest)):
        result = clean(protocol(choice), [BORN, written, "", ""])
        assert days(result, "found") == [day]
        assert result.clean["found_precision"].tolist() == [precision]
        assert result.has_partial_dates == (precision != "day")
    partial = result.quality.set_index("column")["partial"]
    assert partial["found"] == (precision != "day")


def test_without_a_rule_a_partial_date_is_rejected_as_such():
    result = clean(protocol("reject"), [BORN, "03.2010", "", ""], [BORN, "3/2010", "", ""])
    assert result.rejected[["row", "column", "rule"]].to_numpy().tolist() == [
        [2, "found", "partial date"],
        [3, "found", "date"],
    ]


@pytest.mark.parametrize(
    ("row", "choice", "expected"),
    [
        # a later date in the same month bounds it from above
        ([BORN, "03.2010", "10.03.2010", ""], "latest", ["2010-03-10", "2010-03-10", ""]),
        ([BORN, "03.2010", "10.03.2010", ""], "middle", ["2010-03-10", "2010-03-10", ""]),
        # an earlier one from below
        ([BORN, "20.03.2010", "03.2010", ""], "earliest", ["2010-03-20", "2010-03-20", ""]),
        ([BORN, "20.03.2010", "03.2010", ""], "middle", ["2010-03-20", "2010-03-20", ""]),
        # two partial dates: the later is never put before the earlier
        ([BORN, "07.2010", "2010", ""], "middle", ["2010-07-15", "2010-07-15", ""]),
        ([BORN, "07.2010", "2010", ""], "earliest", ["2010-07-01", "2010-07-01", ""]),
        ([BORN, "2010", "02.2010", ""], "latest", ["2010-02-28", "2010-02-28", ""]),
        # through a date between them, by the origin of an endpoint, and by the day of the export
        ([BORN, "", "03.2010", ""], "earliest", ["", "2010-03-01", ""]),
        ([BORN, "20.03.2010", "", "03.2010"], "middle", ["2010-03-20", "", "2010-03-20"]),
        ([BORN, "", "", "2020"], "latest", ["", "", "2020-12-31"]),
    ],
)  # fmt: skip
def test_a_chosen_day_never_contradicts_a_known_one(row, choice, expected):
    result = clean(protocol(choice), row)
    assert result.rejected.empty
    assert [days(result, name)[0] for name in NAMES[1:]] == expected


def test_bounds_of_the_variable_count():
    bounds = {
        "found": {"minimum": datetime.date(2010, 3, 20), "maximum": datetime.date(2012, 5, 5)}
    }
    result = clean(
        protocol("middle", **bounds),
        [BORN, "03.2010", "", ""],
        [BORN, "05.2012", "", ""],
        [BORN, "02.2010", "", ""],
    )
    assert days(result, "found") == ["2010-03-20", "2012-05-05"]
    assert result.rejected["rule"].tolist() == ["range"]


def test_out_of_order_only_if_no_day_would_do():
    result = clean(
        protocol(),
        [BORN, "20.03.2010", "03.2010", ""],
        [BORN, "01.04.2010", "03.2010", ""],
        [BORN, "2011", "03.2010", ""],
    )
    assert result.rejected[["row", "rule"]].to_numpy().tolist() == [[3, "order"], [4, "order"]]


def test_a_date_that_others_leave_no_day_for():
    """Each pair could be in order, the three together cannot: by the rule the treatment lies in 2010
    from 10 May on, by the endpoint the last contact is not before the diagnosis."""
    study = protocol().model_dump()
    study["rules"] = [
        {"id": "one", "order": ["born", "found"], "why": "in order"},
        {"id": "two", "order": ["found", "treated"], "why": "in order"},
    ]
    study = Protocol.model_validate(study)
    result = clean(study, ["10.05.2010", "2010", "05.05.2010", ""])
    assert set(result.rejected["rule"]) == {"partial date"}
    assert "no day of this month or year" in result.rejected["reason"][0]


def test_one_rule_for_all_puts_the_others_aside():
    study = protocol("middle")
    row = [BORN, "03.2010", "2012", ""]
    assert days(clean(study, row, choice="earliest"), "found") == ["2010-03-01"]
    assert days(clean(study, row, choice="latest"), "treated") == ["2012-12-31"]


def test_a_partial_time_zero_is_a_day_too():
    result = clean(protocol("earliest"), ["1950", "02.01.1950", "", ""])
    assert result.clean[["born", "found", "born_year"]].to_numpy().tolist() == [[0.0, 1.0, 1950.0]]


DATE = st.dates(datetime.date(2008, 1, 1), datetime.date(2011, 12, 31))
FORM = st.sampled_from(["%d.%m.%Y", "%m.%Y", "%Y", ""])


@pytest.mark.property
@settings(max_examples=200, deadline=None)
@given(
    true=st.lists(DATE, min_size=4, max_size=4).map(sorted),
    forms=st.lists(FORM, min_size=4, max_size=4),
    choice=st.sampled_from(["earliest", "middle", "latest"]),
)
def test_what_is_true_in_order_is_kept_in_order_and_within_what_is_known(true, forms, choice):
    """A patient whose true days are in order is kept however few of them are known, and the days
    chosen are in order, within their month or year."""
    row = [day.strftime(form) if form else "" for day, form in zip(true, forms, strict=True)]
    assume(any(row))
    study = protocol(choice)
    result = clean(study, row, [BORN, "", "", ""])
    assert result.rejected.empty
    start = np.datetime64(true[0]) if forms[0] == "%d.%m.%Y" else None
    chosen = result.clean.iloc[0][list(NAMES)].astype(float)
    order = chosen[["born", "found", "treated"]].dropna()
    assert order.is_monotonic_increasing
    if not np.isnan(chosen["found"]) and not np.isnan(chosen["seen"]):
        assert chosen["found"] <= chosen["seen"]
    if start is not None:
        for name, day, form in zip(NAMES, true, forms, strict=True):
            if form:
                found = (start + int(chosen[name])).astype(datetime.date)
                assert found.strftime(form) == day.strftime(form)
