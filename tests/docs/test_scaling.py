"""The numbers of docs/scaling.md are those that the benchmarks wrote."""

import json
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
STUDY = {"once": 100.0, "split": 0.8, "whole": 0.2}

pytestmark = pytest.mark.docs


@pytest.fixture(autouse=True)
def _benchmarks(monkeypatch):
    monkeypatch.setattr(sys, "path", [str(ROOT / "benchmarks"), *sys.path])


def written(name):
    return json.loads((DOCS / "benchmarks" / f"{name}.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", ["growth", "estimate"])
def test_the_page_shows_what_was_measured(name):
    import importlib

    import page

    text = (DOCS / "scaling.md").read_text(encoding="utf-8")
    begin, end = page.part(text, name)
    assert text[begin:end] == importlib.import_module(name).text(written(name))


def test_the_drawing_shows_what_was_measured(tmp_path, monkeypatch):
    """Its text is text, so that it can be compared with the tables."""
    import growth

    drawn = (DOCS / "benchmarks" / "growth.svg").read_text(encoding="utf-8")
    monkeypatch.setattr(growth, "DRAWING", tmp_path / "growth.svg")
    growth.draw(written("growth"))
    again = (tmp_path / "growth.svg").read_text(encoding="utf-8")
    assert re.findall("<text.*?</text>", again, re.DOTALL) == re.findall(
        "<text.*?</text>", drawn, re.DOTALL
    )
    for what, points in written("growth").items():
        assert f"Number of {growth.WORDS[what]}" in drawn
        for key in growth.KINDS[what]:
            assert all(point[key] > 0 for point in points.values())


def test_slopes():
    import growth

    assert growth.slopes([10, 100, 1000], [1, 10, 1000]) == [None, 1, 2]
    assert growth.slopes([4, 16], [3, 3]) == [None, 0]


def test_each_size_is_kept_and_measured_once(tmp_path, monkeypatch, capsys):
    import growth

    measured = []

    def measure(_what, size, _study, _members, _cores):
        measured.append(size)
        return {"clean": size / 10, "analyse": size / 5, "memory": 1.0}

    monkeypatch.setattr(growth, "STORE", tmp_path / "growth.json")
    monkeypatch.setattr(growth, "measure", measure)
    monkeypatch.setattr(growth, "draw", lambda _: None)
    monkeypatch.setattr(growth, "put", lambda *_: None)
    for sizes in (["1000", "10"], ["100", "10"]):
        monkeypatch.setattr(sys, "argv", ["growth.py", "patients", *sizes])
        growth.main()
    assert measured == [10, 1000, 100]
    assert list(growth.stored()["patients"]) == ["10", "100", "1000"]
    assert "| 1,000 | 100.0 s (1.00) | 200.0 s (1.00) | 1.00 GiB |" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("cores", "seconds", "chunks", "longest"),
    [
        # Each of 10 papers: 100 + 1,000 x (0.8 + 0.2) = 1,100 s of one core.
        (2, 5500, 1, False),
        (10, 1100, 1, False),
        # Two jobs each: 100 + 1,000 x (0.2 + 0.4) = 700 s one after the other, more than 11,000 / 20.
        (20, 700, 2, True),
        # No more jobs than chunks of 50 datasets: 100 + 1,000 x (0.2 + 0.04).
        (1000, 340, 20, True),
    ],
)
def test_the_arithmetic_of_the_estimate(cores, seconds, chunks, longest):
    import estimate

    found = estimate.duration(STUDY, papers=10, members=1000, cores=cores)
    assert found == (pytest.approx(seconds), chunks, longest)


def test_the_words_of_the_estimate():
    import estimate

    twice = {key: 2 * value for key, value in STUDY.items()}
    found = {"studies": {"a": STUDY, "b": twice}, "papers": 10, "members": 1000, "price": 0.1}
    words = estimate.text(found)
    # 10 papers x 1.5 x 1,100 s = 4.58 hours; from 3.06 to 6.11.
    assert "10 papers with 1,000 datasets each then take 5 core hours, 0.5 units of money" in words
    assert "it would be 3 or 6 core hours" in words
    assert "| `b` | 200 s | 2.000 s | 0.61 h |" in words
