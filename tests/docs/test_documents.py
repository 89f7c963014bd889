"""What README and docs point at exists: files, headings, make targets, modules, tests, settings."""

import importlib
import re
from pathlib import Path

import pytest

from resarc.estimand import STATISTICS, Estimand

pytestmark = pytest.mark.docs

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    [
        *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
        *(ROOT / "docs").rglob("*.md"),
    ]
)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
MODULE = re.compile(r"`(resarc(?:\.\w+)+)`")
FILE = re.compile(
    r"(?<![\w/.<])((?:tests|docs|config|workflow|notebooks|profiles)/[\w./-]*\w)(?![\w/<*])"
)
OWN_NAMES = re.compile(r"`([a-z0-9_]+)`")


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def cases(pattern: re.Pattern) -> list:
    """Each (page, text) that the pattern finds, once."""
    found = {(page, match) for page in PAGES for match in pattern.findall(text_of(page))}
    return [
        pytest.param(page, match, id=f"{name_of(page)}: {match}") for page, match in sorted(found)
    ]


def test_there_are_pages_to_look_at():
    names = {name_of(page) for page in PAGES}
    assert {"README.md", "docs/methods.md", "docs/decisions/versions.md"} <= names


@pytest.mark.parametrize(("page", "link"), cases(LINK))
def test_a_link_leads_to_a_file_of_the_repository(page, link):
    if link.startswith("https://"):
        return
    target = (page.parent / link.partition("#")[0]).resolve()
    assert target.is_relative_to(ROOT)
    assert target.exists()


@pytest.mark.parametrize(("page", "name"), cases(FILE))
def test_a_file_that_is_named_exists(page, name):
    # A study that the reader is about to write, in the examples of new-study.md.
    if page.name == "new-study.md" and name == "config/studies/example.yaml":
        name = "docs/example/studies/example.yaml"
    if name in ("config/studies/our_registry.yaml", "config/studies/my_tcga.yaml"):
        return  # what `make new-study` writes
    assert (ROOT / name).exists()


@pytest.mark.parametrize(
    "name", sorted({name for page in PAGES for name in MODULE.findall(text_of(page))})
)
def test_a_module_or_function_that_is_named_can_be_imported(name):
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        for part in parts[length:]:
            found = getattr(found, part)
        return
    pytest.fail(f"{name} is no module")


def test_make_commands_are_targets():
    targets = set(re.findall(r"^([a-z-]+):", text_of(ROOT / "Makefile"), flags=re.MULTILINE))
    text = "\n".join(map(text_of, PAGES))
    named = set(re.findall(r"(?:`|^)make ([a-z-]+)", text, flags=re.MULTILINE))
    assert {"test", "clean", "help"} <= named
    assert named <= targets


def test_results_that_are_asked_of_make_are_outputs_of_a_rule():
    rules = "\n".join(text_of(path) for path in (ROOT / "workflow" / "rules").glob("*.smk"))
    text = "\n".join(map(text_of, PAGES))
    asked = re.findall(r'make ARGS="results/(\w+)/([\w.]+)"', text)
    assert asked
    for study, name in asked:
        assert (ROOT / "config" / "studies" / f"{study}.yaml").exists()
        assert f'"results/{{study}}/{name}"' in rules


def test_the_tree_of_results_names_files_that_a_rule_makes():
    rules = "\n".join(text_of(path) for path in (ROOT / "workflow" / "rules").glob("*.smk"))
    tree = text_of(ROOT / "README.md").partition("```\nresults/\n")[2].partition("```")[0]
    names = re.findall(r"[\w]+\.(?:csv|html|pdf|json|parquet)\b", tree)
    assert len(names) > 20
    assert [name for name in names if f"/{name}" not in rules] == []
    written = set(re.findall(r"/(\w+\.csv)\"", rules))
    assert written <= set(names)


def test_every_statistic_of_the_language_is_in_the_table():
    table = text_of(ROOT / "docs" / "statistics.md")
    first_cells = " ".join(
        line.split("|")[1] for line in table.splitlines() if line.startswith("| `")
    )
    named = set(OWN_NAMES.findall(first_cells))
    assert named == set(STATISTICS)


def test_estimands_in_the_tutorial_are_estimands():
    page = text_of(ROOT / "docs" / "new-study.md")
    language = page.partition("## 2.")[2].partition("## 3.")[0]
    texts = re.findall(r"^\| `([^`]+)` \|", language, flags=re.MULTILINE)
    assert len(texts) > 5
    assert [str(Estimand.parse(text)) for text in texts] == texts


def test_lines_of_the_example_in_the_tutorial_are_those_of_the_file():
    page = text_of(ROOT / "docs" / "new-study.md")
    example = text_of(ROOT / "docs" / "example" / "published" / "example.yaml").splitlines()
    shown = [line for line in page.splitlines() if line.startswith("- {id:")]
    assert shown
    assert set(shown) <= {line.strip() for line in example}


def test_lines_of_the_registry_page_are_those_of_the_protocol():
    page = text_of(ROOT / "docs" / "registry.md")
    protocol = text_of(ROOT / "config" / "studies" / "okayama2022.yaml").splitlines()
    shown = [line for line in page.splitlines() if line.startswith("- {name:")]
    assert shown
    assert set(shown) <= {line.strip() for line in protocol}


def test_every_decision_is_in_the_list_and_says_why():
    folder = ROOT / "docs" / "decisions"
    pages = {path.name for path in folder.glob("*.md")} - {"README.md"}
    assert set(LINK.findall(text_of(folder / "README.md"))) == pages
    for name in pages:
        assert "**Chosen.**" in text_of(folder / name)
        assert "**Why.**" in text_of(folder / name)
