"""A study whose files contradict each other is named, with the place and what is expected."""

from functools import cache
from pathlib import Path

import pytest

from resarc.errors import ConfigurationError

ROOT = Path(__file__).parents[2]
STUDY = "oslo2014"

pytestmark = pytest.mark.unit


@pytest.fixture
def check(tmp_path):
    """A function: check a study, with a text replaced in one file."""
    from check import check_study

    def run(name: str, old: str, new: str) -> None:
        paths = []
        for file in (
            f"studies/{STUDY}.yaml",
            f"published/{STUDY}.yaml",
            "references.bib",
            "synthesis.yaml",
            "evidence.yaml",
        ):
            text = (ROOT / "config" / file).read_text(encoding="utf-8")
            if file.startswith(name):
                assert old in text
                text = text.replace(old, new)
            paths.append(tmp_path / file)
            paths[-1].parent.mkdir(exist_ok=True)
            paths[-1].write_text(text, encoding="utf-8")
        check_study(*paths)

    return run


@pytest.mark.parametrize(
    ("name", "old", "new", "where", "words"),
    [
        (
            "studies",
            f"study: {STUDY}",
            "study: other",
            f"studies/{STUDY}.yaml",
            f"the file's own name '{STUDY}'",
        ),
        (
            "studies",
            f"reference: {STUDY}",
            "reference: nobody",
            f"studies/{STUDY}.yaml",
            "key reference: found 'nobody'",
        ),
        (
            "published",
            'estimand: "n"',
            'estimand: "n{nothing=x}"',
            f"published/{STUDY}.yaml",
            "no variable or endpoint 'nothing'",
        ),
        (
            "published",
            "endpoints: [",
            "endpoints: [xyz, ",
            f"published/{STUDY}.yaml",
            "key endpoints: found 'xyz'",
        ),
        (
            "synthesis",
            'estimand: "dss.',
            'estimand: "xyz.',
            "synthesis.yaml",
            "no variable or endpoint 'xyz'",
        ),
        (
            "synthesis",
            "reference: okayama2022",
            "reference: nobody",
            "synthesis.yaml",
            "found 'nobody'",
        ),
        (
            "evidence",
            "words: 214 patients",
            "words: 215 patients",
            "evidence.yaml, work choong1995, size",
            "'215 patients', which its title does not say",
        ),
    ],
)
def test_a_contradiction_is_named(check, name, old, new, where, words):
    with pytest.raises(ConfigurationError) as caught:
        check(name, old, new)
    assert where in str(caught.value)
    assert words in str(caught.value)


def test_a_registry_may_repeat_no_paper_but_a_reconstruction_needs_figures(tmp_path):
    from check import check_study

    study, paper = ROOT / "config/studies/tcga_sarc.yaml", tmp_path / "none.yaml"
    names = ("references.bib", "synthesis.yaml", "evidence.yaml")
    more = tuple(ROOT / "config" / name for name in names)
    check_study(study, paper, *more)
    study = ROOT / f"config/studies/{STUDY}.yaml"
    paper = tmp_path / f"{STUDY}.yaml"
    paper.write_text(f"study: {STUDY}\nreference: {STUDY}\nreading: none\n", encoding="utf-8")
    with pytest.raises(ConfigurationError, match="the figures from which the patients are rebuilt"):
        check_study(study, paper, *more)


def test_a_study_that_agrees_with_itself_passes(check):
    check("studies", f"study: {STUDY}", f"study: {STUDY}")


def test_what_all_studies_share_is_read_once(monkeypatch):
    import check

    read = []
    for name in ("load_references", "load_questions"):
        loads = getattr(check, name).__wrapped__
        counted = cache(lambda path, loads=loads: read.append(path.name) or loads(path))
        monkeypatch.setattr(check, name, counted)
    check.check_shared.cache_clear()
    for study in ("oslo2014", "qu2024"):
        names = (f"studies/{study}.yaml", f"published/{study}.yaml")
        more = ("references.bib", "synthesis.yaml", "evidence.yaml")
        check.check_study(*(ROOT / "config" / name for name in (*names, *more)))
    assert sorted(read) == ["references.bib", "synthesis.yaml"]
