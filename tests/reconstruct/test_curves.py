"""Digitised curves: datasets along the points of a curve whose patients are known, and of a published
figure where its points lie beside this checkout."""

import os
from pathlib import Path

import numpy as np
import pytest

from resarc import ensemble as ensembles
from resarc import protocol as protocols
from resarc import published as publications
from resarc.configuration import from_json, to_json
from resarc.errors import ConfigurationError, ReconstructionError
from resarc.estimand import DAYS_PER_MONTH, Estimand
from resarc.published import Published
from resarc.reconstruct import curves, reach
from resarc.reconstruct.engine import reconstruct
from resarc.survival.kaplan_meier import curve as kaplan_meier
from resarc.survival.kaplan_meier import survival_at

ROOT = Path(__file__).resolve().parents[2]
BONNER = Path(os.environ.get("RESARC_DATA", ROOT.parent / "shared" / "data")) / "bonner2006"
SIZES = {"female": 60, "male": 50}


def true_patients():
    """Times in days and events of two groups, by level."""
    rng = np.random.default_rng(5)
    found = {}
    for level, size in SIZES.items():
        scale = {"female": 1500, "male": 700}[level]
        dies, leaves = rng.exponential(scale, size), rng.uniform(300, 2200, size)
        found[level] = (np.ceil(np.minimum(dies, leaves)), dies <= leaves)
    return found


def write_study(folder: Path, figures: str = "", curve: str = "", **files: str) -> Path:
    """`published/example.yaml` with the curves of the true patients; files by name replace theirs."""
    own = folder / "published" / "example"
    own.mkdir(parents=True)
    points, risk = ["group,time,survival"], ["group,time,at_risk"]
    for level, (days, event) in true_patients().items():
        grid = np.arange(0.5, days.max() / DAYS_PER_MONTH, 0.5)
        drawn = survival_at(kaplan_meier(days / DAYS_PER_MONTH, event), grid)["survival"]
        points += [f"{level},{t:g},{100 * s:.1f}" for t, s in zip(grid, drawn, strict=True)]
        for t in range(0, 60, 12):
            risk.append(f"{level},{t},{(days >= t * DAYS_PER_MONTH).sum()}")
    (own / "points.csv").write_text(files.get("points", "\n".join(points)), encoding="utf-8")
    (own / "risk.csv").write_text(files.get("risk", "\n".join(risk)), encoding="utf-8")
    text = f"""
study: example
reference: example
reading: Generated
endpoints: [os]
stated: {{rates: Kaplan-Meier, locator: Methods}}
figures:
  - {{id: n, estimand: "n", printed: "{sum(SIZES.values())}", locator: Table 1}}
{figures}
curves:
  - {{id: fig1, endpoint: os, by: sex, file: points.csv, at_risk: risk.csv, tolerance: 0.02, time_tolerance: 0.5, locator: Figure 1{curve}}}
"""
    path = folder / "published" / "example.yaml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def protocol():
    return protocols.load(ROOT / "docs/example/studies/example.yaml")


def value(text: str, ensemble) -> np.ndarray:
    return ensembles.evaluate(Estimand.parse(text), ensemble).value


@pytest.mark.unit
def test_datasets_run_along_the_points_and_hold_what_else_is_printed(protocol, tmp_path):
    truth = true_patients()
    events = {level: int(event.sum()) for level, (_, event) in truth.items()}
    ratio = "os.hazard_ratio by sex(male / female)"
    one = ensembles.Ensemble(
        protocol,
        {"sex": np.repeat([0, 1], list(SIZES.values()))[None]},
        {},
        {"os": np.concatenate([d for d, _ in truth.values()])[None] / DAYS_PER_MONTH},
        {"os": np.concatenate([e for _, e in truth.values()])[None]},
    )
    printed = f"{value(ratio, one)[0]:.1f}"
    figures = "\n".join(
        [
            f'  - {{id: e.{level}, estimand: "os.events{{sex={level}}}", printed: "{count}", locator: Text}}'
            for level, count in events.items()
        ]
        + [f'  - {{id: ratio, estimand: "{ratio}", printed: "{printed}", locator: Text}}']
    )
    published = publications.load(write_study(tmp_path, figures))
    found = reconstruct(protocol, published, members=4, seed=1)
    assert (found.targets.loc[found.targets["status"] == "target", "share_held"] == 1).all()
    assert "set aside" not in set(found.targets["status"])
    ensemble = ensembles.from_frame(found.ensemble, protocol)
    for level, count in events.items():
        assert (value(f"os.events{{sex={level}}}", ensemble) == count).all()
        for months in range(12, 60, 12):
            text = f"os.at_risk({months} months){{sex={level}}}"
            assert (value(text, ensemble) == value(text, one)).all()
        # The step of one patient and the tolerance apart, members follow the true curve.
        for months in (10, 20, 30):
            text = f"os.survival({months} months){{sex={level}}}"
            assert np.abs(value(text, ensemble) - value(text, one)).max() < 0.05
    assert np.round(value(ratio, ensemble), 1).tolist() == [float(printed)] * 4
    curve = published.curves[0]
    for _, most in curves.fit(curve, published, ensemble).values():
        assert most <= curve.tolerance + 1e-9
    # They are different datasets.
    times = ensemble.times["os"]
    assert len({tuple(np.sort(row)) for row in times}) == 4
    # Another job reads what the first has checked.
    (tmp_path / "published.json").write_text(to_json(published), encoding="utf-8")
    assert from_json(tmp_path / "published.json", Published) == published


@pytest.mark.unit
def test_what_a_curve_forbids_is_set_aside_and_how_near_the_search_came_is_said(
    protocol, tmp_path, monkeypatch
):
    monkeypatch.setattr(curves, "ROUNDS", 40)
    ratio = '  - {id: ratio, estimand: "os.hazard_ratio by sex(male / female)", printed: "0.30", locator: Text}'
    published = publications.load(write_study(tmp_path, ratio))
    found = reconstruct(protocol, published, members=2, seed=1)
    row = found.targets.set_index("figure").loc["ratio"]
    assert row["status"] == "set aside"
    assert "no dataset was found" in row["reason"]
    assert "nearest by" in row["reason"]
    conflict = found.conflicts.set_index("figures").loc["ratio"]
    assert conflict["status"] == "not found"
    assert conflict["rechecked"] == ""


@pytest.mark.unit
def test_limits_that_curves_leave_no_room_for_are_set_aside_by_proof(protocol, tmp_path):
    """110 patients and their events cannot give an interval from 0.2 to 30."""
    ratio = (
        '  - {id: ratio, estimand: "os.hazard_ratio by sex(male / female)", printed: "2", '
        'interval: ["0.2", "30"], locator: Text}'
    )
    published = publications.load(write_study(tmp_path, ratio))
    found = reconstruct(protocol, published, members=2, seed=1)
    conflict = found.conflicts.set_index("figures").loc["ratio"]
    assert conflict["status"] == "proved"
    assert conflict["rechecked"] == reach.TANGENT
    assert "standard error" in conflict["proof"]
    row = found.targets.set_index("figure").loc["ratio"]
    assert row["status"] == "target", "the ratio itself is held"
    assert row["reason"].startswith("its printed limits: ")
    assert row["share_held"] == 1


@pytest.mark.unit
def test_each_group_may_have_a_mean_tolerance_of_its_own(tmp_path):
    path = write_study(tmp_path, curve=", mean_tolerance: {female: 0.005, male: 0.01}")
    curve = publications.load(path).curves[0]
    assert (curve.mean_of("female"), curve.mean_of("male")) == (0.005, 0.01)
    path.write_text(path.read_text().replace("female: 0.005", "women: 0.005"))
    with pytest.raises(ConfigurationError, match="'women'"):
        publications.load(path)


@pytest.mark.unit
def test_the_distance_of_a_point_counts_vertical_lines_as_drawn():
    group = curves.Traced(
        (), np.array([5.0, 10.0, 10.0, 15.0]), np.array([1.0, 0.7, 0.5, 0.4]),
        np.array([0.0]), np.array([2]), 0.01, np.inf, 0.0,
    )  # fmt: skip
    off = curves.misses(group, np.array([[10, 20]]), np.array([[True, False]]))
    # S is 1 to day 10, falls to 1/2 there: 0.7 lies on the line, 0.4 does not.
    assert off[0] == pytest.approx([0.0, 0.0, 0.0, 0.1])


@pytest.mark.unit
def test_a_tolerance_that_no_dataset_meets_is_said_with_how_near_the_search_came(
    protocol, tmp_path, monkeypatch
):
    monkeypatch.setattr(curves, "ROUNDS", 20)
    path = write_study(tmp_path)
    path.write_text(path.read_text().replace("tolerance: 0.02,", "tolerance: 0.0001,"))
    with pytest.raises(ReconstructionError, match=r"fig1.*nearest is 0\.0"):
        reconstruct(protocol, publications.load(path), members=1, seed=1)


@pytest.mark.unit
def test_groups_must_add_up_to_all_patients(protocol, tmp_path):
    path = write_study(tmp_path)
    path.write_text(path.read_text().replace('printed: "110"', 'printed: "111"'))
    with pytest.raises(ReconstructionError, match="60, 50 patients"):
        reconstruct(protocol, publications.load(path), members=1, seed=1)


BROKEN = [
    ("points", "group,time\nfemale,1\n", ["header", "survival"]),
    ("points", "", ["header", "group, time, survival"]),
    ("points", "group,time,survival\n", ["no row"]),
    ("points", "group,time,survival\nfemale,1,130\nfemale,2,90\n", ["row 2", "survival"]) ,
    ("points", "group,time,survival\nfemale,1,-9\nfemale,2,90\n", ["row 2", "0 to 100"]),
    ("points", "group,time,survival\nfemale,1,80\nfemale,2,x\n", ["row 3", "'x'"]),
    ("points", "group,time,survival\nfemale,1,80\nfemale,2,nan\n", ["row 3", "number"]),
    ("points", "group,time,survival\nfemale,1,50\nfemale,2,60\n", ["rises from 0.5 to 0.6", "female"]),
    ("points", "group,time,survival\nfemale,1,50\n", ["one point"]),
    ("risk", "group,time,at_risk\nfemale,0,1.5\n", ["row 2", "whole number"]),
    ("risk", "group,time,at_risk\nother,0,10\n", ["row 2", "'other'"]),
    ("risk", "group,time,at_risk\nfemale,0,10\nfemale,12,11\n", ["row 3", "do not rise"]),
    ("risk", "group,time,at_risk\nfemale,12,10\nfemale,0,9\n", ["row 3", "in order"]),
]  # fmt: skip


@pytest.mark.unit
@pytest.mark.parametrize(("name", "content", "words"), BROKEN)
def test_a_broken_file_is_one_clear_message(name, content, words, tmp_path):
    with pytest.raises(ConfigurationError) as error:
        publications.load(write_study(tmp_path, **{name: content}))
    message = str(error.value)
    assert name in message
    for word in words:
        assert word in message
    assert "\n" not in message.strip()


@pytest.mark.unit
@pytest.mark.parametrize(
    "name", ["../example.yaml", "/etc/passwd", "../../other.csv", "missing.csv", "link.csv"]
)
def test_no_file_outside_of_the_study_is_read(name, tmp_path):
    path = write_study(tmp_path)
    (tmp_path / "secret.csv").write_text("group,time,survival\nfemale,1,50\n")
    (path.with_suffix("") / "link.csv").symlink_to(tmp_path / "secret.csv")
    path.write_text(path.read_text().replace("points.csv", name))
    with pytest.raises(ConfigurationError, match="fig1"):
        publications.load(path)


@pytest.mark.parity
@pytest.mark.skipif(not BONNER.is_dir(), reason="the points of Bonner 2006 are not here")
def test_the_printed_hazard_ratio_is_held_along_a_published_curve(tmp_path):
    """IPDfromKM gives 0.720 from these points and misses two numbers at risk by one."""
    import sys

    sys.path.insert(0, str(ROOT / "benchmarks"))
    import curve as benchmark

    protocol, published = benchmark.study(BONNER, tmp_path, "0.69", None, 0.0065)
    found = reconstruct(protocol, published, members=2, seed=1)
    assert "set aside" not in set(found.targets["status"])
    ensemble = ensembles.from_frame(found.ensemble, protocol)
    assert np.round(value(benchmark.RATIO, ensemble), 2).tolist() == [0.69, 0.69]
    for arm, numbers in benchmark.AT_RISK.items():
        for k, number in enumerate(numbers[1:], start=1):
            text = f"lrc.at_risk({10 * k} months){{arm={arm}}}"
            assert (value(text, ensemble) == number).all()
