"""Reading configuration: YAML 1.2 by a safe loader into models that cannot be invalid.

YAML 1.2 keeps `yes`, `no` and `on` as text, which clinical categories are full of, and the loader
refuses a key given twice. Every error names file, key, what was found and what is expected.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    PlainSerializer,
    ValidationError,
    WithJsonSchema,
)

from resarc.errors import ConfigurationError, EstimandError
from resarc.estimand import Duration, Estimand


class Model(BaseModel):
    """A frozen configuration object that refuses keys it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


def _estimand(value: object) -> Estimand:
    if isinstance(value, Estimand):
        return value
    try:
        return Estimand.parse(str(value))
    except EstimandError as error:
        raise ValueError(str(error)) from error


def _duration(value: object) -> Duration:
    if isinstance(value, Duration):
        return value
    try:
        return Duration.parse(str(value))
    except EstimandError as error:
        raise ValueError(str(error)) from error


EstimandText = Annotated[
    Estimand, BeforeValidator(_estimand), PlainSerializer(str), WithJsonSchema({"type": "string"})
]
DurationText = Annotated[
    Duration, BeforeValidator(_duration), PlainSerializer(str), WithJsonSchema({"type": "string"})
]

M = TypeVar("M", bound=BaseModel)


def read_yaml(path: Path) -> Any:
    """The content of a YAML file; `ConfigurationError` names the line of a fault."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(str(path), str(error), "a readable UTF-8 file") from error
    try:
        return YAML(typ="safe", pure=True).load(text)
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path}, line {mark.line + 1}" if mark else str(path)
        problem = str(getattr(error, "problem", None) or error)
        raise ConfigurationError(where, problem, "YAML 1.2 with each key once") from error


def read_model(path: Path, model: type[M]) -> M:
    """Read and check one configuration file."""
    return validated(read_yaml(path), model, str(path))


def validated(content: Any, model: type[M], where: str) -> M:
    """Content as a model; `ConfigurationError` says what is wrong at `where`."""
    if not isinstance(content, dict):
        raise ConfigurationError(where, type(content).__name__, "a mapping of keys to values")
    try:
        return model.model_validate(content)
    except ValidationError as error:
        raise ConfigurationError(where, *_explain(error, content)) from error


def to_json(model: BaseModel) -> str:
    """A checked model as text that `from_json` reads back, some fifty times faster than YAML.

    What the file did not say stays unsaid (`model_fields_set`): some checks tell the two apart.
    """
    return model.model_dump_json(indent=1, exclude_unset=True) + "\n"


def from_json(path: Path, model: type[M]) -> M:
    """Read what `to_json` wrote."""
    return model.model_validate_json(path.read_bytes())


def _explain(error: ValidationError, content: Any) -> tuple[str, str, str]:
    """Found, expected and the remaining problems, in words, from the first validation error."""
    lines = []
    for problem in error.errors():
        key = ".".join(map(str, problem["loc"]))
        name = _name_of(content, problem["loc"])
        found = repr(problem["input"])[:120]
        expected = problem["msg"].removeprefix("Value error, ").rstrip(".")
        if problem["type"] == "missing":
            found, expected = "nothing", "a value, since the key is required"
        elif problem["type"] == "string_type":
            expected = f'text; put it in quotes, as in "{problem["input"]}"'
        elif problem["type"] == "too_short":
            expected = f"at least {problem['ctx']['min_length']}"
        elif problem["type"] == "extra_forbidden":
            found, expected = f"the key {problem['loc'][-1]!r}", "only known keys"
        if key:
            found = f"key {key}{name}: {found}"
        else:
            # What several keys contradict each other in says itself where it stands.
            found, expected = f"a contradiction: {expected}", "keys that agree"
        lines.append((found, expected))
    more = f"{len(lines) - 1} more: " + "; ".join(
        f"{found}, expected {expected}" for found, expected in lines[1:6]
    )
    return lines[0][0], lines[0][1], more if len(lines) > 1 else ""


def _name_of(content: Any, location: tuple[int | str, ...]) -> str:
    """The `id` or `name` of the list item that a location points into, to find it by eye."""
    name = ""
    for step in location:
        try:
            content = content[step]
        except (KeyError, IndexError, TypeError):
            break
        if isinstance(content, dict) and isinstance(content.get("id", content.get("name")), str):
            name = f" ({content.get('id', content.get('name'))})"
    return name
