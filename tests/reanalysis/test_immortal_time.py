"""Time that a group must have lived: landmarks, a factor that changes, and assumed delays."""

import numpy as np
import pandas as pd
import pytest

from resarc.estimand import DAYS_PER_MONTH
from resarc.reanalysis.immortal_time import evaluate
from resarc.survival.counting_process import cox_intervals
from resarc.survival.cox import cox
from resarc.survival.logrank import logrank

pytestmark = pytest.mark.unit

RATIO = "os.hazard_ratio by arm(yes / no)"


def asked(**changes):
    return {"kind": "immortal_time", "of": RATIO, "longest_delay": "24 months"} | changes


def run(data):
    protocol = data.protocol
    return evaluate(data, protocol.analyses[0], protocol.analyses[0].recommended[0])


def dated(toy, frame=None, **changes):
    protocol = toy.protocol(
        "survival", asked(known_on="treated", landmarks=["6 months"], **changes)
    )
    return run(toy.registry(protocol, frame))


def test_a_landmark_divides_those_alive_then_by_what_they_are_then(toy):
    frame = toy.patients()
    part = dated(toy, frame)
    alive = frame[frame["os_time"] > 6].copy()
    alive["left"] = alive["os_time"] - 6
    alive["group"] = (alive["treated"] <= 6 * DAYS_PER_MONTH).astype(float)
    row = cox(alive, "left", "os_event", ["group"]).coefficients.iloc[0]
    found = toy.one(part, "landmark_hazard_ratio")
    assert found.at == "6 months"
    got = [found.value[0], found.lower[0], found.upper[0]]
    assert got == pytest.approx(row[["hazard_ratio", "lower", "upper"]].tolist(), rel=1e-6)
    p = logrank(alive["left"], alive["os_event"], alive["group"]).p
    assert toy.one(part, "landmark_logrank_p").value[0] == pytest.approx(p)
    assert toy.one(part, "n").value[0] == len(alive)
    assert toy.one(part, "events").value[0] == alive["os_event"].sum()


def test_patients_change_groups_when_it_happens(toy):
    frame = toy.patients()
    rows = []
    for row in frame.to_dict("records"):
        joined = row["treated"] / DAYS_PER_MONTH
        if joined > 0 and joined < row["os_time"]:
            rows.append((0.0, joined, 0.0, 0.0))
            rows.append((joined, row["os_time"], row["os_event"], 1.0))
        else:
            rows.append((0.0, row["os_time"], row["os_event"], float(joined <= 0)))
    episodes = pd.DataFrame(rows, columns=["start", "stop", "event", "group"])
    want = cox_intervals(episodes, "start", "stop", "event", ["group"]).coefficients.iloc[0]
    found = toy.one(dated(toy, frame), "changing_hazard_ratio")
    assert found.value[0] == pytest.approx(want["hazard_ratio"], rel=1e-6)
    assert found.upper[0] == pytest.approx(want["upper"], rel=1e-6)


def test_who_is_not_in_the_study_before_is_not_at_risk_before(toy):
    """In a series of operated patients the landmark compares only those operated by then."""
    frame = toy.patients()
    part = dated(toy, frame, before="not at risk")
    alive = frame[frame["os_time"] > 6]
    by_then = alive[(alive["arm"] == "no") | (alive["treated"] <= 6 * DAYS_PER_MONTH)]
    assert toy.one(part, "n").value[0] == len(by_then) < len(alive)


def test_where_nothing_matters_it_explains_the_whole_effect(toy):
    """The treated must have lived to be treated: from diagnosis they seem to live longer, and not if
    they count as treated only from then."""
    parts = [dated(toy, toy.patients(1500, seed)) for seed in range(12)]

    def average(quantity):
        found = [toy.one(part, quantity) for part in parts]
        logs = np.log([n.value[0] for n in found])
        errors = np.log([n.upper[0] / n.lower[0] for n in found]) / (2 * 1.96)
        return logs.mean(), np.sqrt((errors**2).sum()) / len(parts)

    naive, _ = average("hazard_ratio")
    assert naive < np.log(0.6)
    for quantity in ("changing_hazard_ratio", "landmark_hazard_ratio"):
        mean, error = average(quantity)
        assert abs(mean) < 3 * error < 0.1
    assert all(part.conclusion.changes == "yes" for part in parts)


def test_bearers_without_a_date_are_left_out_and_counted(toy):
    frame = toy.patients()
    bearers = frame.index[frame["arm"] == "yes"][:3]
    frame.loc[bearers, "treated"] = np.nan
    part = dated(toy, frame)
    assert toy.one(part, "changing_hazard_ratio").note == "3 left out for want of a date"


def test_without_a_date_delays_are_assumed_from_none_to_the_longest(toy):
    data = toy.members(toy.protocol("survival", asked()), 4)
    part = run(data)
    (line,) = part.lines
    assert line.x[0] == 0
    assert line.x[-1] == pytest.approx(24)
    # Without a delay it is the paper's hazard ratio.
    np.testing.assert_allclose(line.value[:, 0], toy.one(part, "hazard_ratio").value, rtol=1e-6)
    # Time that is taken from a group without its deaths raises its hazard.
    assert (np.diff(line.value, axis=1) >= -1e-9).all()
    assert part.conclusion.changes in ("open", "no")
    assert "no date" in part.conclusion.sentence


def test_assumed_delays_by_hand(toy):
    """The untreated die at 1, 2, 3 and 14 months, the treated at 15 to 18. Between the third death and
    14 months all deaths before the delay are among untreated alone; the one at 14 is the only death
    with both groups at risk, of an untreated: the ratio is 0. A delay beyond it leaves none, and one
    beyond 15 makes the treated who dies there the only one in his group: infinite."""
    frame = toy.patients(8).drop(columns="treated")
    frame["arm"] = ["no", "no", "no", "no", "yes", "yes", "yes", "yes"]
    frame["os_time"] = [1.0, 2.0, 3.0, 14.0, 15.0, 16.0, 17.0, 18.0]
    frame["os_event"] = 1.0
    protocol = toy.protocol("survival", asked(longest_delay="16 months"))
    (line,) = run(toy.registry(protocol, frame)).lines
    at = dict(zip(line.x, line.value[0], strict=True))
    assert all(v == 0 for x, v in at.items() if 3 < x < 14)
    assert all(np.isnan(v) for x, v in at.items() if 14 < x < 15)
    assert all(np.isposinf(v) for x, v in at.items() if 15 < x < 16)


def test_the_delay_at_which_an_effect_is_gone_lies_between_two_points_of_the_line(toy):
    protocol = toy.protocol("survival", asked())
    part = run(toy.registry(protocol, toy.patients(400).drop(columns="treated")))
    (line,) = part.lines
    delay = toy.one(part, "delay_to_no_effect").value[0]
    place = np.searchsorted(line.x, delay)
    assert line.value[0][place - 1] < 1 <= line.value[0][place]
    evidence = toy.one(part, "delay_to_no_evidence").value[0]
    assert 0 < evidence < delay


def test_beside_it_the_factor_as_it_was_known_at_time_zero(toy):
    protocol = toy.protocol("survival", asked(at_time_zero="known_then"))
    frame = toy.patients()
    part = run(toy.registry(protocol, frame))
    frame["x"] = (frame["known_then"] == "yes").astype(float)
    want = cox(frame, "os_time", "os_event", ["x"]).coefficients["hazard_ratio"].iloc[0]
    assert toy.one(part, "time_zero_hazard_ratio").value[0] == pytest.approx(want, rel=1e-6)
