"""The JSON Schemas are those of the models, and the committed configuration follows them."""

import json
from pathlib import Path

import pytest

from resarc.configuration import Model, from_json, read_model, read_yaml, to_json
from resarc.evidence import Evidence
from resarc.protocol import Protocol
from resarc.published import Published
from resarc.settings import Settings
from resarc.synthesis import Questions

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "config"
MODELS = {
    "config": Settings,
    "evidence": Evidence,
    "protocol": Protocol,
    "published": Published,
    "synthesis": Questions,
}
FILES = [
    (CONFIG / "config.yaml", "config"),
    (CONFIG / "evidence.yaml", "evidence"),
    (CONFIG / "synthesis.yaml", "synthesis"),
    *((path, "protocol") for path in sorted(CONFIG.glob("studies/*.yaml"))),
    *((path, "published") for path in sorted(CONFIG.glob("published/*.yaml"))),
]

pytestmark = pytest.mark.config


@pytest.mark.parametrize("name", MODELS)
def test_a_schema_is_what_its_model_generates(name, schema_of):
    kept = (ROOT / "workflow" / "schemas" / f"{name}.schema.json").read_text(encoding="utf-8")
    assert kept == schema_of(MODELS[name]), "run: python workflow/scripts/schemas.py"


@pytest.mark.parametrize(("path", "name"), FILES, ids=lambda value: getattr(value, "stem", value))
def test_a_configuration_file_comes_back_from_its_checked_form(path, name, tmp_path):
    model = read_model(path, MODELS[name])
    (tmp_path / "checked.json").write_text(to_json(model), encoding="utf-8")
    again = from_json(tmp_path / "checked.json", MODELS[name])
    assert again == model
    assert said(again) == said(model)


def said(value: object) -> object:
    """Which keys a file gave, at every depth."""
    if isinstance(value, Model):
        return {key: said(getattr(value, key)) for key in sorted(value.model_fields_set)}
    if isinstance(value, tuple):
        return [said(item) for item in value]
    return None


@pytest.mark.parametrize(("path", "name"), FILES, ids=lambda value: getattr(value, "stem", value))
def test_an_editor_that_uses_the_schema_finds_no_fault(path, name):
    from jsonschema import Draft202012Validator

    schema = json.loads((ROOT / f"workflow/schemas/{name}.schema.json").read_text(encoding="utf-8"))
    content = json.loads(json.dumps(read_yaml(path), default=str))
    assert [error.message for error in Draft202012Validator(schema).iter_errors(content)] == []


@pytest.fixture
def schema_of():
    from schemas import schema

    return schema
