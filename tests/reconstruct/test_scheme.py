"""Chunks built apart, from a scheme that was written and read, are those of one run."""

from pathlib import Path

import pandas as pd
import pytest

from resarc import protocol as protocols
from resarc import published as publications
from resarc.errors import ReconstructionError
from resarc.reconstruct import engine, members, scheme

ROOT = Path(__file__).resolve().parents[2]
TABLES = ("ensemble", "targets", "hypotheses", "conflicts")


def study(name: str):
    return (
        protocols.load(ROOT / f"config/studies/{name}.yaml"),
        publications.load(ROOT / f"config/published/{name}.yaml"),
    )


@pytest.fixture
def small_chunks(monkeypatch):
    for module in (members, engine):
        monkeypatch.setattr(module, "CHUNK", 2)


@pytest.mark.unit
@pytest.mark.usefixtures("small_chunks")
def test_chunks_in_any_order_give_the_members_of_one_run():
    protocol, published = study("qu2024")
    words = []
    whole = engine.reconstruct(protocol, published, members=5, seed=3, progress=words.append)
    text = scheme.to_json(engine.decide(protocol, published, seed=3))
    read = scheme.from_json(text, protocol, published)
    assert scheme.to_json(read) == text
    assert engine.chunks(5) == 3
    frames = {k: engine.build_chunk(read, k, members=5) for k in (2, 0, 1)}
    assert [frames[k]["member"].unique().tolist() for k in range(3)] == [[0, 1], [2, 3], [4]]
    apart = engine.gather(read, [frames[k] for k in range(3)])
    for name in TABLES:
        pd.testing.assert_frame_equal(getattr(apart, name), getattr(whole, name))
    counted = [w for w in words if "of 5 datasets" in w]
    assert [w.split(" of ")[0] for w in counted] == ["2", "4", "5"]
    assert "s left" in counted[0]
    assert "s left" not in counted[-1]


@pytest.mark.unit
@pytest.mark.usefixtures("small_chunks")
def test_more_members_change_none_of_the_whole_chunks():
    protocol, published = study("qu2024")
    decided = engine.decide(protocol, published, seed=3)
    few, many = (engine.build_chunk(decided, 0, members=n) for n in (2, 50))
    pd.testing.assert_frame_equal(few, many)
    with pytest.raises(ValueError, match="chunk 1 of 2 members"):
        engine.build_chunk(decided, 1, members=2)


@pytest.mark.unit
def test_a_scheme_of_another_study_or_no_scheme_is_refused():
    protocol, published = study("qu2024")
    text = scheme.to_json(engine.decide(protocol, published, seed=3))
    with pytest.raises(ReconstructionError, match="study qu2024"):
        scheme.from_json(text, *study("oslo2014"))
    with pytest.raises(ReconstructionError, match="Plan it again"):
        scheme.from_json('{"study": "qu2024"}', protocol, published)
