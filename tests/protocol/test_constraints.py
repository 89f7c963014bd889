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


DATED = {
    "time_zero": "start",
    "variables": [
        {"name": n, "column": n, "label": n, "type": "date", "required": n in ("start", "last")}
        for n in ("start", "progression", "death", "last")
    ],
    "eligibility": [{"id": "all", "label": "All", "keep": [{"variable": "start", "present": True}]}],
}  # fmt: skip


def dated(*endpoints: tuple[str, list[str], str], **constraints: list[dict]) -> Protocol:
    content = study() | DATED
    content["endpoints"] = [
        {"name": name, "label": name, "definition": name, "origin": origin, "events": events,
         "censored_at": "last"}
        for name, events, origin in endpoints
    ]  # fmt: skip
    content["analyses"] = [
        {"id": "a", "label": "A", "kind": "survival", "endpoint": "os", "at": ["12 months"]}
    ]
    content["reconstruction"] = content["reconstruction"] | constraints
    return Protocol.model_validate(content)


def test_what_dates_of_endpoints_imply_need_not_be_written():
    pfs, os = ("pfs", ["progression", "death"], "start"), ("os", ["death"], "start")
    found = dated(pfs, os).reconstruction.constraints
    assert [(c.at_most, c.same_end) for c in found] == [
        (("pfs", "os"), None), (None, ("pfs", "os")), (None, None),
    ]  # fmt: skip
    assert [c.variable for c in found[2].implies] == ["os", "pfs"]
    said = {"at_most": ["pfs", "os"], "why": "In our own words"}
    again = dated(pfs, os, constraints=[said]).reconstruction.constraints
    assert [c.why for c in again].count("In our own words") == 1
    assert len(again) == 3


def test_other_origins_or_other_events_imply_nothing():
    later = ("pfs", ["progression", "death"], "progression")
    alone = ("ttp", ["progression"], "start")
    assert not dated(later, ("os", ["death"], "start")).reconstruction.constraints
    assert not dated(alone, ("os", ["death"], "start")).reconstruction.constraints
