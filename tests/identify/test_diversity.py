"""Distance between members, effective number, and medians under other priors, worked by hand."""

import itertools
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resarc.estimand import Estimand
from resarc.identify import diversity as counted
from resarc.identify.diversity import _names, _numbers, _row, diversity
from resarc.identify.sensitivity import sensitivity
from resarc.report.study import rebuilt


def members(*events_and_sexes):
    """Members of four patients with the times 1, 2, 3, 4; each as '1110 mfmf'."""
    rows = [
        {
            "member": member,
            "patient": f"P{place}",
            "sex": {"m": "male", "f": "female"}[sex],
            "os_time": place + 1.0,
            "os_event": float(event),
        }
        for member, text in enumerate(events_and_sexes)
        for place, (event, sex) in enumerate(zip(*text.split(), strict=True))
    ]
    return pd.DataFrame(rows)


@pytest.mark.unit
def test_copies_count_as_one_member(protocol):
    found = diversity(members("1110 mfmf", "1110 mfmf", "1110 mfmf"), protocol).set_index("of")
    assert found.loc["sex", "effective"] == pytest.approx(1)
    assert found.loc["sex", "copies"] == 3
    assert found.loc["os", "distance"] == 0


@pytest.mark.unit
def test_members_with_nothing_in_common_count_in_full(protocol):
    found = diversity(members("1111 mmmm", "1111 ffff"), protocol).set_index("of")
    assert found.loc["sex", ["distance", "nearest"]].tolist() == [1, 1]
    assert found.loc["sex", "effective"] == pytest.approx(2)
    assert found.loc["os", "effective"] == pytest.approx(1)
    # Whole: only what varies counts, which is sex.
    assert found.loc["", "distance"] == 1


@pytest.mark.unit
def test_ranks_at_which_all_agree_count_for_nothing(protocol):
    """The two differ at ranks 3 and 4 of four, and agree at 1 and 2: distance 1 of what varies."""
    found = diversity(members("1111 mmmf", "1111 mmfm"), protocol).set_index("of")
    assert found.loc["sex", "distance"] == 1
    # Three members: pairs differ at 2, 2 and 2 of the 3 ranks that vary.
    found = diversity(members("1111 mmmf", "1111 mmfm", "1111 mfmm"), protocol).set_index("of")
    assert found.loc["sex", "distance"] == pytest.approx(2 / 3)
    # Similarities: 3 of themselves and 6 of 1/3.
    assert found.loc["sex", "effective"] == pytest.approx(9 / (3 + 6 / 3))


@pytest.mark.unit
def test_patients_are_compared_in_the_order_of_time(protocol):
    frame = members("1111 mmff", "1111 mmff")
    turned = frame.copy()
    second = turned["member"] == 1
    turned.loc[second, ["sex", "os_time"]] = turned.loc[second, ["sex", "os_time"]][::-1].to_numpy()
    pd.testing.assert_frame_equal(diversity(turned, protocol), diversity(frame, protocol))


@pytest.mark.unit
def test_the_nearest_two_are_sought_among_the_first_members(protocol, monkeypatch):
    """The last two are near, and copies of the first are found wherever they are."""
    frame = members("1111 mmff", "1000 ffmm", "0111 fmfm", "0111 fmmm")
    everywhere = diversity(frame, protocol).set_index("of")
    monkeypatch.setattr(counted, "COMPARED", 2)
    found = diversity(frame, protocol).set_index("of")
    assert everywhere.loc["", "nearest"] < found.loc["", "nearest"]
    assert found.loc["os", "copies"] == 1
    assert found.loc["os", "nearest"] == 0
    rest = ["members", "distance", "copies", "effective"]
    pd.testing.assert_frame_equal(found[rest], everywhere[rest])


@pytest.mark.unit
def test_the_report_says_among_how_many_the_nearest_two_are():
    assert rebuilt.COMPARED == counted.COMPARED


@pytest.mark.unit
@given(st.integers(2, 9), st.integers(0, 2**32 - 1))
def test_all_is_as_when_every_pair_is_compared(members, seed):
    """Few values, so that there are ties and copies, and some unknown ones."""
    rng = np.random.default_rng(seed)
    names = _names(rng.integers(0, 2, (members, 3)))
    given_numbers = rng.integers(0, 3, (members, 3)).astype(float)
    given_numbers[rng.random((members, 3)) < 0.1] = np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # where all of a column are unknown
        numbers = _numbers(given_numbers)
    for parts in ([[names]], [[numbers]], [[names], [numbers]], [[names, numbers]]):
        _, _, distance, nearest, copies, effective = _row("", members, parts)
        of_pairs = []
        for a, b in itertools.combinations(range(members), 2):
            of_parts = []
            for part in parts:
                of_ranks = []
                for ranks in part:
                    x, y = ranks.values[a], ranks.values[b]
                    apart = np.where(np.isnan(x + y), 1, abs(x - y) if ranks.numeric else x != y)
                    of_ranks.append(apart.mean() if apart.size else 0)
                of_parts.append(np.mean(of_ranks))
            of_pairs.append(np.mean(of_parts))
        assert distance == pytest.approx(np.mean(of_pairs))
        assert nearest == pytest.approx(min(of_pairs), abs=1e-12)
        assert copies == sum(value < 1e-12 for value in of_pairs)
        assert effective == pytest.approx(
            members**2 / (members + 2 * sum(1 - value for value in of_pairs))
        )


@pytest.mark.unit
def test_medians_under_three_priors(protocol):
    """Deaths 1, 1, 1, 4 of 4. As drawn the middle is 1; with both numbers alike the weights are 1/6
    each and 1/2, so that half is reached at 1; by orders 4 histories against 1: 4/15 each and 1/5."""
    frame = members("1000 mfmf", "0100 mfmf", "0010 mfmf", "1111 mfmf")
    events = Estimand.parse("os.events")
    found = sensitivity([events], frame, protocol).iloc[0]
    assert found[["as_drawn", "events_equal", "orders_equal"]].tolist() == [1, 1, 1]
    assert found["largest_weight"] == pytest.approx(4 / 15)
    frame = members("1000 mfmf", "1110 mfmf", "1110 fmfm", "1111 mfmf", "1111 fmfm", "1111 mffm")
    found = sensitivity([events], frame, protocol).iloc[0]
    assert found["as_drawn"] == 3
    assert found["events_equal"] == 3
    # 4 orders of one death, 4 of three, 1 of four: 4/9 lie at 1, and 8/9 at 3 or below.
    assert found["orders_equal"] == 3
    frame = members("1100 mfmf", "1111 mfmf", "1111 fmfm", "1111 mffm")
    found = sensitivity([events], frame, protocol).iloc[0]
    assert found["as_drawn"] == 4
    assert found["orders_equal"] == 2  # 6 orders of two deaths against 1 of four


@pytest.mark.unit
def test_weights_need_no_figure_that_members_lack(protocol):
    wanted = [Estimand.parse("os.median{stage=I}"), Estimand.parse("age.mean")]
    assert sensitivity(wanted, members("1111 mfmf"), protocol).empty
    assert np.isfinite(diversity(members("1111 mfmf"), protocol)["effective"]).all()
