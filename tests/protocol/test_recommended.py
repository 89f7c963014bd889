"""What a protocol recommends beside an analysis: kept, or refused with the reason."""

import copy

import pytest

from resarc.configuration import validated
from resarc.errors import ConfigurationError
from resarc.protocol import Protocol

pytestmark = pytest.mark.unit

CONTENT = {
    "study": "toy",
    "reference": "toy",
    "title": "A toy",
    "population": "Toys",
    "origin_label": "operation",
    "time_zero": "operated",
    "source": {"kind": "registry", "file": "toy.csv", "exported": "2024-06-30"},
    "variables": [
        {"name": "age", "column": "age", "label": "Age", "type": "integer", "unit": "years"},
        {"name": "arm", "column": "arm", "label": "Arm", "type": "category",
         "categories": {"no": ["0"], "yes": ["1"]}},
        {"name": "stage", "column": "stage", "label": "Stage", "type": "category",
         "categories": {"I": ["1"], "II": ["2"], "III": ["3"]}},
        {"name": "operated", "column": "d0", "label": "Operation", "type": "date"},
        {"name": "treated", "column": "d1", "label": "Treatment", "type": "date"},
        {"name": "died", "column": "d2", "label": "Death", "type": "date"},
        {"name": "last", "column": "d3", "label": "Last contact", "type": "date"},
    ],
    "derived": [{"name": "old", "label": "Age", "cut": "age", "at": [60], "levels": ["<60", ">=60"]}],
    "eligibility": [{"id": "adults", "label": "Adults", "keep": [{"variable": "age", "at_least": 18}]}],
    "endpoints": [
        {"name": "os", "label": "Overall survival", "definition": "To death", "origin": "operated",
         "events": ["died"], "censored_at": "last"}
    ],
}  # fmt: skip
ANALYSES = {
    "survival": {"endpoint": "os", "at": ["12 months"], "by": "arm"},
    "univariable": {"endpoint": "os", "variables": ["arm", "stage"]},
    "multivariable": {"endpoint": "os", "variables": ["arm", "age"]},
    "cutoffs": {"endpoint": "os", "variables": ["age"], "at": ["12 months"]},
    "subgroups": {"endpoint": "os", "by": "arm", "within": "old"},
}
RATIO = "os.hazard_ratio by arm(yes / no)"


def protocol_with(kind, *recommended, **changes):
    analysis = {"id": "one", "label": "One", "kind": kind, "paper": "A log-rank test"}
    analysis |= ANALYSES[kind] | {"recommended": list(recommended)} | changes
    return validated(copy.deepcopy(CONTENT) | {"analyses": [analysis]}, Protocol, "toy.yaml")


@pytest.mark.parametrize(
    ("kind", "asked"),
    [
        ("survival", {"kind": "immortal_time", "of": RATIO, "known_on": "treated",
                      "landmarks": ["6 months"], "longest_delay": "2 years", "at_time_zero": "old"}),
        ("cutoffs", {"kind": "cut_off", "splits": {"age": "old"}}),
        ("univariable", {"kind": "small_sample"}),
        ("multivariable", {"kind": "penalised_model"}),
        ("survival", {"kind": "proportional_hazards", "horizon": "36 months"}),
        ("survival", {"kind": "competing_risks", "variable": "stage", "levels": ["II"],
                      "at": ["12 months"]}),
        ("subgroups", {"kind": "interaction"}),
        ("univariable", {"kind": "multiplicity"}),
        ("survival", {"kind": "confounding", "of": [RATIO]}),
        ("multivariable", {"kind": "missing_data"}),
    ],
)  # fmt: skip
def test_what_can_be_asked(kind, asked):
    (found,) = protocol_with(kind, asked).analyses[0].recommended
    assert found.kind == asked["kind"]


@pytest.mark.parametrize(
    ("kind", "asked", "said"),
    [
        ("survival", {"kind": "multiplicity"}, "goes with analyses of kind univariable"),
        ("survival", {"kind": "magic"}, "immortal_time"),
        ("survival", {"kind": "confounding", "of": ["os.hazard_ratio by arm(yes / perhaps)"]},
         "not 'perhaps'"),
        ("survival", {"kind": "confounding", "of": ["os.logrank_p by arm"]}, "no hazard ratio"),
        ("survival", {"kind": "small_sample", "of": ["os.hazard_ratio by age"]}, "two levels"),
        ("survival", {"kind": "immortal_time", "of": RATIO, "known_on": "age",
                      "longest_delay": "2 years"}, "no date"),
        ("survival", {"kind": "immortal_time", "of": RATIO + " adjusted for age",
                      "longest_delay": "2 years"}, "unadjusted"),
        ("survival", {"kind": "immortal_time", "of": RATIO, "longest_delay": "2 years",
                      "at_time_zero": "stage"}, "3 levels"),
        ("cutoffs", {"kind": "cut_off", "splits": {"age": "arm"}}, "does not cut"),
        ("cutoffs", {"kind": "cut_off", "splits": {"size": "old"}}, "no variable of the analysis"),
        ("survival", {"kind": "competing_risks", "variable": "stage", "levels": ["IV"],
                      "at": ["12 months"]}, "no level 'IV'"),
        ("survival", {"kind": "competing_risks", "variable": "age", "levels": ["IV"],
                      "at": ["12 months"]}, "no category"),
    ],
)  # fmt: skip
def test_what_is_refused_and_why(kind, asked, said):
    with pytest.raises(ConfigurationError, match=said):
        protocol_with(kind, asked)


def test_the_paper_s_way_must_be_named_and_nothing_asked_twice():
    with pytest.raises(ConfigurationError, match="needs 'paper'"):
        protocol_with("univariable", {"kind": "multiplicity"}, paper="")
    with pytest.raises(ConfigurationError, match="twice"):
        protocol_with("univariable", {"kind": "multiplicity"}, {"kind": "multiplicity"})
