"""A study whose files contradict each other is named, with the place and what is expected."""

from pathlib import Path

import pytest

from resarc.errors import ConfigurationError
from resarc.output import read_csv

ROOT = Path(__file__).parents[2]
STUDY = "oslo2014"

pytestmark = pytest.mark.unit


@pytest.fixture
def check(tmp_path, monkeypatch):
    """A function: check a study, with a text replaced in one file; the folder of what is written."""
    import check

    def run(name: str, old: str, new: str) -> Path:
        paths = {}
        for read, path in (
            ("protocol", f"studies/{STUDY}.yaml"),
            ("published", f"published/{STUDY}.yaml"),
            ("references", "references.bib"),
            ("questions", "synthesis.yaml"),
        ):
            text = (ROOT / "config" / path).read_text(encoding="utf-8")
            if read == name:
                assert old in text
                text = text.replace(old, new)
            paths[read] = tmp_path / path
            paths[read].parent.mkdir(exist_ok=True)
            paths[read].write_text(text, encoding="utf-8")
        paths |= {"checked-protocol": tmp_path / "p.json", "checked-published": tmp_path / "q.json"}
        paths["plan"] = tmp_path / "plan.csv"
        words = [word for option, path in paths.items() for word in (f"--{option}", str(path))]
        monkeypatch.setattr("sys.argv", ["check.py", *words])
        monkeypatch.setattr("sys.excepthook", None)
        check.main()
        return tmp_path

    return run


@pytest.mark.parametrize(
    ("name", "old", "new", "where", "words"),
    [
        (
            "protocol",
            f"study: {STUDY}",
            "study: other",
            f"studies/{STUDY}.yaml",
            f"the file's own name '{STUDY}'",
        ),
        (
            "protocol",
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
            "questions",
            f'study: {STUDY}, estimand: "dss.',
            f'study: {STUDY}, estimand: "xyz.',
            "synthesis.yaml",
            "no variable or endpoint 'xyz'",
        ),
    ],
)
def test_a_contradiction_is_named(check, name, old, new, where, words):
    with pytest.raises(ConfigurationError) as caught:
        check(name, old, new)
    assert where in str(caught.value)
    assert words in str(caught.value)


def test_a_study_that_agrees_with_itself_is_kept_and_planned(check):
    folder = check("", "", "")
    assert (folder / "p.json").is_file()
    assert (folder / "q.json").is_file()
    plan = read_csv(folder / "plan.csv")
    assert plan["estimand"].is_unique
    assert len(plan) > 50
