"""Settings and the studies they name are right, or the error says what is not."""

import pytest

from resarc.configuration import validated
from resarc.errors import ConfigurationError
from resarc.settings import Settings, sources

pytestmark = pytest.mark.unit


def settings(*studies: str) -> Settings:
    return Settings(studies=studies, members=2, seed=1)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"members": 1}, "key members: 1"),
        ({"seed": -1}, "key seed: -1"),
        ({"studies": []}, "key studies"),
        ({"studies": ["a", "a"]}, "'a' stands twice"),
        ({"studies": ["../a"]}, "key studies.0: '../a'"),
        ({"study": ["a"]}, "the key 'study'"),
        ({"members": "many"}, "key members: 'many'"),
    ],
)
def test_a_wrong_setting_is_named(change, words):
    content = {"studies": ["a", "b"], "members": 20, "seed": 1} | change
    with pytest.raises(ConfigurationError) as caught:
        validated(content, Settings, "config.yaml")
    assert str(caught.value).startswith("config.yaml: ")
    assert words in str(caught.value)


@pytest.fixture
def config(tmp_path):
    for folder in ("studies", "published"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.yaml").write_text("source: {kind: reconstruction}\n")
    return tmp_path


def test_each_study_has_a_source(config):
    found = sources(settings("a"), config)
    assert list(found) == ["a"]
    assert found["a"].kind == "reconstruction"


def test_a_study_without_files_is_named_with_those_there_are(config):
    with pytest.raises(ConfigurationError, match=r"'b', but there is no .*studies/b.yaml.*\(a\)"):
        sources(settings("a", "b"), config)
    (config / "studies" / "b.yaml").write_text("source: {kind: reconstruction}\n")
    with pytest.raises(ConfigurationError, match=r"no .*published/b.yaml"):
        sources(settings("a", "b"), config)


def test_a_registry_need_not_repeat_a_paper(config, tmp_path):
    data = tmp_path / "data.csv"
    data.write_text("a\n1\n", encoding="utf-8")
    text = f"source: {{kind: registry, file: '{data}', exported: 2020-12-31}}\n"
    (config / "studies" / "b.yaml").write_text(text, encoding="utf-8")
    assert sources(settings("b"), config)["b"].files == (data,)


def test_a_registry_that_is_not_there_is_named_with_its_protocol(config):
    protocol = config / "studies" / "a.yaml"
    protocol.write_text("source: {kind: registry, file: none.csv, exported: 2020-12-31}\n")
    with pytest.raises(
        ConfigurationError, match=r"a.yaml, key source.file: found no file 'none.csv'"
    ):
        sources(settings("a"), config)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("source: [\n", "line"),
        ("title: nothing else\n", "key source: nothing|key study: nothing"),
        ("source: {kind: registry}\n", "a registry needs 'file'"),
        ("source: {kind: registry, file: a.csv}\n", "a registry needs 'exported'"),
        ("- a list\n", "found list"),
    ],
)
def test_a_protocol_that_cannot_be_read_is_named_with_its_fault(config, text, words):
    (config / "studies" / "a.yaml").write_text(text)
    with pytest.raises(ConfigurationError, match=words) as caught:
        sources(settings("a"), config)
    assert "studies/a.yaml" in str(caught.value)
