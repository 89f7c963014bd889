"""Constraints of a reconstruction speak of what the protocol has, or are refused in words."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from resarc.protocol import Protocol

pytestmark = pytest.mark.unit


def study(*constraints: dict) -> dict:
    """A smallest protocol: one endpoint from columns, two numbers, one category."""
    return {
        "study": "tiny",
        "reference": "tiny",
        "title": "Tiny",
        "population": "Nobody",
        "origin_label": "start",
        "source": {"kind": "reconstruction"},
        "variables": [
            {"name": "months", "column": "M", "label": "Months", "type": "number"},
            {"name": "parts", "column": "P", "label": "Parts", "type": "integer"},
            {
                "name": "status",
                "column": "S",
                "label": "Status",
                "type": "category",
                "categories": {"alive": ["0"], "dead": ["1"]},
            },
        ],
        "eligibility": [
            {"id": "all", "label": "All", "keep": [{"variable": "status", "present": True}]}
        ],
        "endpoints": [
            {
                "name": "os",
                "label": "Survival",
                "definition": "Death",
                "time": "months",
                "happened": [{"variable": "status", "one_of": ["dead"]}],
            }
        ],
        "analyses": [{"id": "a", "label": "A", "kind": "characteristics", "variables": ["status"]}],
        "reconstruction": {
            "period": ["2000-01-01", "2001-01-01"],
            "last_contact": "2002-01-01",
            "constraints": [{"why": "because", **c} for c in constraints],
        },
    }


def test_two_numbers_may_bind_each_other_among_some_patients():
    among = [{"variable": "status", "one_of": ["alive"]}]
    protocol = Protocol.model_validate(
        study({"equal": ["months", "parts"], "among": among}, {"at_most": ["parts", "months"]})
    )
    equal, at_most = protocol.reconstruction.constraints
    assert (equal.equal, equal.among[0].one_of) == (("months", "parts"), ("alive",))
    assert at_most.at_most == ("parts", "months")


@pytest.mark.parametrize(
    ("constraint", "message"),
    [
        ({"equal": ["months", "status"]}, "constraint 1: 'status' is no number"),
        ({"at_most": ["os", "parts"]}, "constraint 1: at_most compares two endpoints or two"),
        ({"at_most": ["status", "parts"]}, "constraint 1: 'status' is no number or endpoint"),
        ({"same_end": ["os", "parts"]}, "constraint 1: 'parts' is no endpoint"),
        (
            {"equal": ["months", "parts"], "among": [{"variable": "status", "one_of": ["gone"]}]},
            "constraint 1: 'status' has no level 'gone'; it has alive, dead",
        ),
        ({"among": [{"variable": "status", "one_of": ["dead"]}]}, "among goes with at_most or"),
    ],
)
def test_a_constraint_on_something_else_is_refused(constraint, message):
    with pytest.raises(ValidationError, match=message):
        Protocol.model_validate(study(constraint))


@pytest.mark.parametrize("time", ["month", "status"])
def test_the_time_of_an_endpoint_is_a_number_of_the_protocol(time):
    content = study()
    content["endpoints"][0]["time"] = time
    with pytest.raises(ValidationError, match=f"endpoint 'os': '{time}' is no number"):
        Protocol.model_validate(content)
