"""A study of toys: two categories, two numbers, one endpoint."""

import pytest

from resarc.protocol import Protocol


@pytest.fixture(scope="session")
def protocol():
    def category(name, *levels):
        return {
            "name": name,
            "column": name,
            "label": name,
            "type": "category",
            "categories": {level: [level] for level in levels},
        }

    return Protocol.model_validate(
        {
            "study": "toy",
            "reference": "toy",
            "title": "A toy",
            "population": "Toys",
            "origin_label": "operation",
            "source": {"kind": "reconstruction"},
            "variables": [
                category("sex", "male", "female"),
                category("stage", "I", "II"),
                {"name": "age", "column": "age", "label": "Age", "type": "integer"},
                {"name": "size", "column": "size", "label": "Size", "type": "number"},
                {"name": "months", "column": "t", "label": "Months", "type": "number"},
                category("vital", "alive", "dead"),
            ],
            "eligibility": [
                {"id": "adults", "label": "Adults", "keep": [{"variable": "age", "at_least": 18}]}
            ],
            "endpoints": [
                {
                    "name": "os",
                    "label": "Overall survival",
                    "definition": "Operation to death",
                    "time": "months",
                    "happened": [{"variable": "vital", "one_of": ["dead"]}],
                }
            ],
            "analyses": [
                {
                    "id": "survival",
                    "label": "Survival",
                    "kind": "survival",
                    "endpoint": "os",
                    "at": ["2 months"],
                    "by": "sex",
                }
            ],
            "reconstruction": {
                "period": ["2000-01-01", "2010-01-01"],
                "last_contact": "2011-01-01",
            },
        }
    )
