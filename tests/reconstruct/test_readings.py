"""Which readings of a paper's figures are ruled out, which are borne, and that members cover them."""

from pathlib import Path

import pytest

from resarc import ensemble as ensembles
from resarc import protocol as protocols
from resarc import published as publications
from resarc.published import Stated
from resarc.reconstruct import readings
from resarc.reconstruct.engine import reconstruct
from resarc.reconstruct.readings import FOUND, NOT_TRIED, PROVED

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "docs/example"


def study(name: str):
    return (
        protocols.load(ROOT / f"config/studies/{name}.yaml"),
        publications.load(ROOT / f"config/published/{name}.yaml"),
    )


def read(name: str):
    protocol, published = study(name)
    return readings.read(published, protocol, published.count(), 1)


def status(found, question: str, endpoint: str = "os") -> dict[str, str]:
    return {
        h.hypothesis: h.status
        for h in found.hypotheses
        if h.question == question and h.endpoint in ("", endpoint)
    }


@pytest.mark.unit
def test_okayama_has_log_log_intervals_by_proof():
    found = read("okayama2022")
    assert [r.name for r in found.live] == ["Kaplan-Meier"]
    assert found.live[0].protocol.conventions.survival_interval == "log-log"
    assert status(found, "intervals") == {
        "log-log intervals": FOUND,
        "log intervals": PROVED,
        "plain intervals": PROVED,
    }
    assert status(found, "rounding of shares") == {"rounded": FOUND, "truncated": PROVED}


@pytest.mark.unit
def test_qu_may_have_left_two_patients_out_or_censored_some():
    found = read("qu2024")
    assert [r.name for r in found.live] == [
        "Kaplan-Meier",
        "Kaplan-Meier, truncated",
        "followed, truncated",
    ]
    shares = readings.RATES["crude"]
    assert status(found, "rates")[shares] == PROVED
    assert status(found, "rates", "dfs")[shares] == PROVED


@pytest.mark.unit
def test_sysucc_printed_shares_of_all_patients_since_its_median_forbids_a_curve():
    found = read("sysucc2015")
    assert [r.name for r in found.live] == ["crude"]
    assert status(found, "rates")[readings.RATES["Kaplan-Meier"]] == PROVED
    name, conflict = found.conflicts[0]
    assert name == "Kaplan-Meier"
    figures = {f for t in conflict.targets for f in t.figures}
    assert figures == {"res.os60", "res.os.median"}


@pytest.mark.unit
def test_members_take_turns_and_hold_the_figures_as_their_reading_takes_them():
    protocol, published = study("qu2024")
    found = reconstruct(protocol, published, members=5, seed=2)
    names = found.ensemble.groupby("member")["hypothesis"].unique().str[0].tolist()
    live = ["Kaplan-Meier", "Kaplan-Meier, truncated", "followed, truncated"]
    assert names == [live[k % 3] for k in range(5)]
    named = set(found.hypotheses["hypothesis"])
    assert set(names) <= named, "each name is explained in the table of hypotheses"
    table = found.hypotheses.set_index("hypothesis")["members"]
    assert table[live].tolist() == [2, 2, 1]
    whole = ensembles.from_frame(found.ensemble, protocol)
    for reading in readings.read(published, protocol, published.count(), 2).live:
        part = whole.take([k for k in range(5) if names[k] == reading.name])
        part.protocol = reading.protocol
        for target in reading.targets:
            if "res.orr.pct" not in target.figures:
                assert target.holds(target.evaluate(part)).all(), (reading.name, target.estimand)


@pytest.mark.unit
def test_what_the_paper_states_comes_first_and_nothing_else_if_data_bear_it():
    protocol = protocols.load(EXAMPLE / "studies/example.yaml")
    published = publications.load(EXAMPLE / "published/example.yaml")
    found = readings.read(published, protocol, published.count(), 1)
    assert {r.name.split(",")[0] for r in found.live} == {"Kaplan-Meier"}
    assert status(found, "rates")[readings.RATES["crude"]] == NOT_TRIED
    unstated = published.model_copy(update={"stated": None})
    found = readings.read(unstated, protocol, published.count(), 1)
    assert {r.name.split(",")[0] for r in found.live} == {"Kaplan-Meier", "crude", "followed"}
    shares = published.model_copy(update={"stated": Stated(rates="crude", locator="Methods")})
    found = readings.read(shares, protocol, published.count(), 1)
    assert {r.name.split(",")[0] for r in found.live} == {"crude"}


@pytest.mark.unit
def test_a_conflict_that_no_reading_removes_is_proved_and_costs_one_figure():
    """A two-year rate above the one-year rate, whatever the rates are."""
    protocol = protocols.load(EXAMPLE / "studies/example.yaml")
    published = publications.load(EXAMPLE / "published/example.yaml")
    later = published.get("res.os24")
    earlier = later.model_copy(
        update={
            "id": "res.os12",
            "printed": "50.0",
            "estimand": type(later.estimand).parse("os.survival(12 months)"),
        }
    )
    published = published.model_copy(update={"figures": (*published.figures, earlier)})
    found = reconstruct(protocol, published, members=2, seed=1)
    proved = found.conflicts[found.conflicts["set_aside"] != ""]
    assert proved["status"].tolist() == ["proved"]
    assert set(proved["figures"].iloc[0].split("; ")) >= {"res.os24", "res.os12"}
    aside = set(found.targets.loc[found.targets["status"] == "set aside", "figure"])
    assert aside == set(proved["set_aside"].iloc[0].split("; "))
    held = found.targets[found.targets["status"] == "target"]
    assert (held["share_held"] == 1).all()
