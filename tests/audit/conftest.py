"""A small study to audit: a protocol with one variable of every kind, and figures in shorthand."""

import re

import pytest

from resarc.audit import CHECKS, audit
from resarc.protocol import Protocol
from resarc.published import Published

PROTOCOL = {
    "study": "tiny",
    "reference": "tiny",
    "title": "A tiny study",
    "population": "Patients made up for tests",
    "origin_label": "treatment",
    "source": {"kind": "registry", "file": "tiny.csv", "exported": "2020-12-31"},
    "variables": [
        {"name": "id", "column": "ID", "label": "Number", "type": "identifier"},
        {
            "name": "sex",
            "column": "SEX",
            "label": "Sex",
            "type": "category",
            "categories": {"female": ["F"], "male": ["M"]},
        },
        {
            "name": "arm",
            "column": "ARM",
            "label": "Arm",
            "type": "category",
            "categories": {"a": ["A"], "b": ["B"]},
        },
        {
            "name": "grade",
            "column": "GRADE",
            "label": "Grade",
            "type": "category",
            "categories": {"1": ["1"], "2": ["2"], "3": ["3"]},
        },
        {
            "name": "response",
            "column": "RESP",
            "label": "Response",
            "type": "category",
            "categories": {"CR": ["CR"], "PR": ["PR"], "SD": ["SD"], "PD": ["PD"]},
        },
        {
            "name": "status",
            "column": "STATUS",
            "label": "Status",
            "type": "category",
            "categories": {"well": ["0"], "ill": ["1"], "dead": ["2"]},
        },
        {"name": "age", "column": "AGE", "label": "Age", "type": "integer", "unit": "years"},
        {"name": "size", "column": "SIZE", "label": "Size", "type": "number", "unit": "mm"},
        {"name": "months", "column": "OS", "label": "Months", "type": "number"},
        {"name": "pfs_months", "column": "PFS", "label": "Months to progression", "type": "number"},
        {
            "name": "progressed",
            "column": "PROG",
            "label": "Progressed",
            "type": "category",
            "categories": {"no": ["0"], "yes": ["1"]},
        },
    ],
    "derived": [
        {
            "name": "age_group",
            "label": "Age group",
            "cut": "age",
            "at": [61],
            "levels": ["younger", "elderly"],
        },
        {
            "name": "age_decade",
            "label": "Age decades",
            "cut": "age",
            "at": [40, 50],
            "levels": ["<40", "40-49", ">=50"],
        },
        {
            "name": "size_group",
            "label": "Size group",
            "cut": "size",
            "at": [27],
            "levels": ["<27", ">=27"],
        },
        {
            "name": "responder",
            "label": "Responder",
            "collapse": "response",
            "groups": {"yes": ["CR", "PR"], "no": ["SD", "PD"]},
        },
    ],
    "eligibility": [
        {"id": "sarcoma", "label": "Sarcoma", "keep": [{"variable": "sex", "present": True}]},
        {"id": "complete", "label": "Complete", "keep": [{"variable": "age", "present": True}]},
    ],
    "endpoints": [
        {
            "name": "os",
            "label": "Overall survival",
            "definition": "to death",
            "time": "months",
            "happened": [{"variable": "status", "one_of": ["dead"]}],
        },
        {
            "name": "pfs",
            "label": "Progression-free survival",
            "definition": "to progression",
            "time": "pfs_months",
            "happened": [{"variable": "progressed", "one_of": ["yes"]}],
        },
    ],
    "analyses": [
        {"id": "table1", "label": "Patients", "kind": "characteristics", "variables": ["age"]}
    ],
}

_PRINTED = re.compile(
    r"(?P<printed>NA|[<>]?=? ?-?[\d.]+) ?(?P<unit>%|days|months|years|mm)?"
    r"(?: \((?P<lower>\S+) to (?P<upper>\S+)\))?"
)
_UNITS = {"survival": "%", "proportion": "%"}


def figures(*lines: str) -> list[dict]:
    """`[claim:] [Table 1 |] estimand -> 38.5% (14.1 to 62.8)` to a figure; ids are f1, f2, …"""
    found = []
    for number, line in enumerate(lines, 1):
        left, right = line.split(" -> ")
        claim = left.startswith("claim: ")
        locator, _, estimand = left.removeprefix("claim: ").rpartition(" | ")
        match = _PRINTED.fullmatch(right.strip())
        assert match, f"{right!r} is no printed figure"
        figure = {
            "id": f"f{number}",
            "estimand": estimand,
            "printed": match["printed"],
            "unit": match["unit"] or "",
            "locator": locator or "Results",
            "claim": claim,
        }
        if match["lower"]:
            figure["interval"] = (match["lower"], match["upper"])
        found.append(figure)
    return found


class Study:
    """What a test says of a study: its figures, and more keys of `Published` or `Protocol`."""

    def __init__(self) -> None:
        self.protocol = Protocol.model_validate(PROTOCOL)
        self.checks = CHECKS

    def published(self, *lines: str, **more: object) -> Published:
        return Published.model_validate(
            {
                "study": "tiny",
                "reference": "tiny",
                "reading": "whole",
                "endpoints": ["os", "pfs"],
                "figures": figures(*lines),
                **more,
            }
        )

    def audit(self, *lines: str, **more: object) -> list:
        return audit(self.published(*lines, **more), self.protocol)

    def check(self, name: str, *lines: str, **more: object) -> list:
        """The findings of one check, by its name in the findings."""
        return [f for f in self.audit(*lines, **more) if f.check == name]

    def with_constraints(self, *constraints: dict) -> "Study":
        plan = {
            "period": ["2000-01-01", "2010-01-01"],
            "last_contact": "2012-01-01",
            "constraints": list(constraints),
        }
        other = Study()
        other.protocol = Protocol.model_validate(PROTOCOL | {"reconstruction": plan})
        return other


@pytest.fixture(scope="session")
def study() -> Study:
    return Study()
