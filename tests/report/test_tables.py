"""The tables of analyses: what a journal expects in them, in both modes, and nothing that was not asked."""

from __future__ import annotations

from dataclasses import replace

import pytest

from resarc.report.analyses import analysis_table
from resarc.report.model import Cell, Table
from resarc.tables import NBSP

pytestmark = pytest.mark.unit


@pytest.fixture(params=["registry", "reconstruction"])
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def made(make_inputs):
    """The table of an analysis of the fixture study, and the tables with other results."""

    def make(kind: str, name: str, use: str = "report", **changes) -> Table:
        given = replace(make_inputs(kind), **changes)
        analysis = next(a for a in given.protocol.analyses if a.id == name)
        found = analysis_table(given.results_for(use), analysis)
        assert found is not None
        return found

    return make


def rows_of(table: Table, heading: str) -> dict[str, dict[str, Cell]]:
    """The rows under a heading, each as header to cell."""
    headers = [column.header for column in table.columns]
    group = next(group for group in table.groups if group.label == heading)
    return {row[0].text: dict(zip(headers, row, strict=True)) for row in group.rows}


def test_table_one_says_in_whom_each_characteristic_is_known_and_missing(made, kind):
    found = rows_of(made(kind, "table_one"), "Sex")["female"]
    expected = {"registry": "7777", "reconstruction": f"41{NBSP}to{NBSP}55"}[kind]
    assert found["N"].text == expected
    assert found["Missing"].text == expected
    assert "N" in [column.header for column in made(kind, "table_one").columns]


def test_a_registry_s_number_has_one_row_for_each_kind_of_summary(made):
    found = rows_of(made("registry", "balance"), "Age (years)")
    assert list(found) == ["Median (quartiles)", "Range", "Mean (standard deviation)", "Missing"]
    assert found["Range"]["Sex: male"].text == f"77.7{NBSP}to{NBSP}77.7"
    assert found["Mean (standard deviation)"]["All patients"].text == f"77.7{NBSP}(77.7)"
    # Without groups nothing is compared by the mean.
    assert "Mean (standard deviation)" not in rows_of(made("registry", "table_one"), "Age (years)")


def test_a_reconstruction_s_number_shows_each_summary_with_its_own_set(made):
    found = rows_of(made("reconstruction", "balance"), "Age (years)")
    assert next(iter(found)) == "Median"
    assert found["Median"]["All patients"].text == f"12.1{NBSP}to{NBSP}39.3"


def test_missing_values_of_groups_have_a_row_only_where_there_are_any(made, make_inputs):
    assert "Missing" in rows_of(made("registry", "balance"), "Age (years)")
    estimates = make_inputs("registry").estimates
    none = estimates["estimand"].str.contains("missing")
    complete = estimates.assign(value=estimates["value"].where(~none, 0.0))
    found = rows_of(made("registry", "balance", estimates=complete), "Age (years)")
    assert "Missing" not in found
    assert found["Median (quartiles)"]["Missing"].text == "0"


def test_standardised_differences_stand_beside_groups_of_characteristics_only(made, kind):
    table = made(kind, "balance")
    first = rows_of(table, "Age (years)")
    expected = {"registry": "0.78", "reconstruction": f"0.04{NBSP}to{NBSP}0.51"}[kind]
    cells = [row["Standardised difference"].text for row in first.values()]
    assert cells == [expected] + [""] * (len(cells) - 1)
    note = next(c.note for c in table.columns if c.header == "Standardised difference")
    assert "Yang and Dalton" in note
    assert ("b", note) in table.legend
    response = [c.header for c in made(kind, "by_treatment").columns]
    assert not [header for header in response if "tandardised" in header]


def test_only_tests_that_were_asked_for_are_shown_and_footnotes_name_them(made, kind):
    table = made(kind, "balance")
    notes = {c.header: c.note for c in table.columns if c.header.startswith("p")}
    assert list(notes) == ["p (Fisher)", "p (Mann-Whitney)"]
    assert notes["p (Fisher)"].startswith("Fisher's exact test")
    assert notes["p (Mann-Whitney)"].startswith("Mann-Whitney test")
    treatment = rows_of(table, "Local treatment")
    first = treatment[next(iter(treatment))]
    assert first["p (Fisher)"].text
    assert first["p (Mann-Whitney)"].text == ""
    response = [c.header for c in made(kind, "by_treatment").columns if c.header.startswith("p")]
    assert response == ["p (chi-squared)", "p (Fisher)", "p (trend)"]
    assert not [c for c in made(kind, "table_one").columns if c.header.startswith("p ")]


def test_table_three_has_counts_rates_medians_ratios_and_adjusted_p(made, kind):
    table = made(kind, "factors")
    headers = [column.header for column in table.columns]
    assert headers[:6] == [
        "Level", "Patients", "Events", "3-year survival", "Median (months)", "Hazard ratio",
    ]  # fmt: skip
    assert headers[6:9] == ["p", "p, Holm", "p, Benjamini-Hochberg"]
    first, second = rows_of(table, "Sex").values()
    assert first["Hazard ratio"].text == "reference"
    assert second["Hazard ratio"].text
    if kind == "registry":
        assert first["p, Holm"].text == "0.089"
        assert first["p, Benjamini-Hochberg"].text == "0.10"
        assert first["3-year survival"].text == f"77.8% (21.1{NBSP}to{NBSP}63.3)"
    else:
        assert first["p, Holm"].text == f"0.030{NBSP}to{NBSP}0.67"
        assert first["p, Benjamini-Hochberg"].text == f"0.020{NBSP}to{NBSP}0.44"
        assert first["3-year survival"].text == f"21.1{NBSP}to{NBSP}63.3%"
    assert second["p, Holm"].text == ""
    notes = [text for sign, text in table.legend if sign]
    assert any("the 3 tests of this table by Holm" in text for text in notes)
    assert any(text.startswith("Cox regression, Efron") for text in notes)


def test_where_tests_differ_each_p_is_called_by_its_own_footnote(made, kind):
    table = made(kind, "factors")
    sex, age = (next(iter(rows_of(table, name).values()))["p"] for name in ("Sex", "Age"))
    assert (sex.note, age.note) == ("Log-rank test.", "Wald test of Cox regression.")
    assert {"Log-rank test.", "Wald test of Cox regression."} < {text for _, text in table.legend}


def test_without_adjusted_p_there_is_no_column_for_it(made, kind):
    headers = [c.header for c in made(kind, "factors", adjusted=None).columns]
    assert not [header for header in headers if "Holm" in header]


def test_the_multivariable_table_has_a_row_for_each_level_of_one_model(made, kind):
    table = made(kind, "joint")
    first, second = rows_of(table, "Sex").values()
    assert first["Hazard ratio"].text == "reference"
    assert second["Hazard ratio"].text
    assert second["p"].text
    age = rows_of(table, "Age")
    assert list(age) == ["For one year more of age"]
    cases = next(note for note in table.notes if note.startswith("Patients in whom"))
    assert ("142 patients with 66 events" in cases) == (kind == "registry")


def test_a_manuscript_s_table_holds_nothing_printed_and_follows_the_denominators(made, kind):
    for name in ("table_one", "balance", "by_treatment", "factors", "joint"):
        table = made(kind, name, use="manuscript")
        assert not [c for c in table.columns if "rinted" in c.header]
    rate = rows_of(made(kind, "factors", use="manuscript"), "Sex")["female"]["3-year survival"]
    if kind == "registry":
        assert rate.text == f"77.8% (21.1{NBSP}to{NBSP}63.3)"  # of 142 patients
    else:
        assert rate.text == f"21{NBSP}to{NBSP}63%"  # of at most 55


def test_no_reconstructed_cell_is_a_point_without_its_set(made):
    for use in ("report", "manuscript"):
        for name in ("table_one", "balance", "by_treatment", "factors", "joint"):
            for row in made("reconstruction", name, use=use).rows:
                for cell in row[1:]:
                    assert "777" not in cell.text
