"""Write the JSON Schemas of the configuration, by which editors complete and check it.

They follow from the models that check it in a run; run this after a change of a model:
python workflow/scripts/schemas.py
"""

from __future__ import annotations

import json
from pathlib import Path

from command import command_line
from resarc.configuration import Model
from resarc.evidence import Evidence
from resarc.output import write_text
from resarc.protocol import Protocol
from resarc.published import Published
from resarc.settings import Settings
from resarc.synthesis import Questions

FOLDER = Path(__file__).parents[1] / "schemas"
MODELS: dict[str, type[Model]] = {
    "config": Settings,
    "evidence": Evidence,
    "published": Published,
    "protocol": Protocol,
    "synthesis": Questions,
}


def main() -> None:
    command_line(__doc__, reads=[], writes=[]).parse_args()
    for name, model in MODELS.items():
        write_text(schema(model), FOLDER / f"{name}.schema.json")


def schema(model: type[Model]) -> str:
    """The JSON Schema (draft 2020-12) of a model, as text."""
    content = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **model.model_json_schema(),
    }
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    main()
