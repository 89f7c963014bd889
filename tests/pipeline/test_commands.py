"""Each rule gives its command line every file that it asks for, and nothing that it does not know."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPTS = ROOT / "workflow" / "scripts"
RULES = {
    found[1]: (text, path.name)
    for path in sorted((ROOT / "workflow/rules").glob("*.smk"))
    for text in re.split(r"(?m)^rule (?=\w)", path.read_text(encoding="utf-8"))[1:]
    if (found := re.search(r"python workflow/scripts/(\w+)\.py", text))
}
"""Each rule's text, by the command line that it calls."""

pytestmark = pytest.mark.config


def asked(script: Path) -> tuple[set[str], set[str] | None]:
    """The options that a command line requires, and all that it knows; None if it works some out."""
    required, known, worked_out = set(), set(), False
    for call in ast.walk(ast.parse(script.read_text(encoding="utf-8"))):
        if not isinstance(call, ast.Call):
            continue
        name = getattr(call.func, "id", getattr(call.func, "attr", ""))
        given = {word.arg: word.value for word in call.keywords}
        if name == "command_line":
            for kind in ("reads", "writes"):
                required |= {f"--{option.value}" for option in given[kind].elts}
        elif name == "add_argument":
            if not isinstance(call.args[0], ast.Constant):
                worked_out = True
                continue
            option = call.args[0].value
            known.add(option)
            if isinstance(given.get("required"), ast.Constant) and given["required"].value:
                required.add(option)
    return required, None if worked_out else known | required


def test_there_is_a_rule_for_each_stage():
    assert {"check", "audit", "reconstruct", "synthesis", "combined_report", "manifest"} <= set(
        RULES
    )


@pytest.mark.parametrize("stage", RULES)
def test_a_rule_gives_what_its_command_line_asks_for(stage):
    text, file = RULES[stage]
    required, known = asked(SCRIPTS / f"{stage}.py")
    given = set(re.findall(r"(?<=[\s\"'])--[a-z][a-z-]*", text))
    assert required <= given, f"{file}: the rule of {stage} leaves out {required - given}"
    # Options of files that only some studies have are named after the files.
    assert known is None or given <= known, f"{file}: {stage} knows no {given - known}"
