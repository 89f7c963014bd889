"""The result files: a registry has values and confidence limits, a reconstruction identified sets."""

import numpy as np
import pandas as pd
import pytest

from resarc.estimand import Estimand
from resarc.reanalysis import reanalyse
from resarc.reanalysis.result import COLUMNS, CONCLUSION_COLUMNS, LINE_COLUMNS, Number

pytestmark = pytest.mark.unit

ALL = (
    {"kind": "immortal_time", "of": "os.hazard_ratio by arm(yes / no)", "longest_delay": "12 months"},
    {"kind": "small_sample"},
    {"kind": "proportional_hazards", "horizon": "24 months"},
    {"kind": "confounding"},
)  # fmt: skip


def targets(*estimands):
    return pd.DataFrame(
        {"estimand": estimands, "status": "target", "share_held": [1.0] * len(estimands)}
    )


def test_columns(toy):
    found = reanalyse(toy.registry(toy.protocol("survival", *ALL)))
    assert tuple(found.numbers.columns) == COLUMNS
    assert tuple(found.curves.columns) == LINE_COLUMNS
    assert tuple(found.conclusions.columns) == CONCLUSION_COLUMNS
    assert list(found.conclusions["recommendation"]) == [item["kind"] for item in ALL]


def test_nothing_recommended_leaves_empty_tables_with_their_columns(toy):
    found = reanalyse(toy.registry(toy.protocol("survival")))
    assert tuple(found.numbers.columns) == COLUMNS
    assert not len(found.numbers) + len(found.curves) + len(found.conclusions)


def test_a_registry_has_values_and_no_sets(toy):
    numbers = reanalyse(toy.registry(toy.protocol("survival", *ALL))).numbers
    assert set(numbers["origin"]) == {"registry"}
    assert numbers["value"].notna().any()
    assert numbers[["identified_lower", "identified_upper", "members"]].isna().all().all()


def test_a_reconstruction_has_sets_and_no_value(toy):
    found = reanalyse(toy.members(toy.protocol("survival", *ALL), 5))
    numbers, curves = found.numbers, found.curves
    assert set(numbers["origin"]) == {"reconstruction"}
    for table in (numbers, curves):
        assert table[["value", "lower", "upper"]].isna().all().all()
        assert (table["identified_lower"] <= table["identified_upper"]).any()
    ratio = numbers[numbers["quantity"] == "hazard_ratio"].iloc[0]
    assert ratio["outer_lower"] <= ratio["identified_lower"]
    assert ratio["outer_upper"] >= ratio["identified_upper"]
    assert "value" not in found.conclusions


def test_the_set_of_one_dataset_is_its_value(toy):
    """The same code in both modes: identified sets of one member are a registry's values."""
    protocol = toy.protocol("survival", *ALL)
    frame = toy.patients(30).drop(columns=["diagnosed", "treated"])
    alone = reanalyse(toy.registry(protocol, frame)).numbers
    rebuilt = reanalyse(toy.members(protocol, frame=frame.assign(member=0))).numbers
    for ours, theirs in (
        ("value", "identified_lower"), ("value", "identified_upper"), ("lower", "outer_lower"),
        ("upper", "outer_upper"),
    ):  # fmt: skip
        np.testing.assert_allclose(alone[ours], rebuilt[theirs], rtol=1e-9)


def test_what_the_datasets_were_made_to_meet_holds_by_construction(toy):
    protocol = toy.protocol("survival", *ALL)
    held = targets("os.logrank_p by arm")
    numbers = reanalyse(toy.members(protocol, 3, held)).numbers
    by = dict(zip(numbers["quantity"], numbers["how"], strict=True))
    assert by["logrank_p"] == "by construction"
    assert by["hazard_ratio"] == "sample"
    # The permutation test of the same groups is another number than the one that was printed.
    assert by["exact_logrank_p"] == "sample"


def test_a_target_that_not_every_dataset_holds_is_none(toy):
    protocol = toy.protocol("survival", *ALL)
    missed = targets("os.logrank_p by arm").assign(share_held=0.5)
    numbers = reanalyse(toy.members(protocol, 3, missed)).numbers
    assert set(numbers["how"]) == {"sample"}


def test_what_takes_long_is_done_in_some_datasets_and_says_so(toy, monkeypatch):
    from resarc.reanalysis import small_samples

    monkeypatch.setattr(small_samples, "EXACT_MEMBERS", 2)
    protocol = toy.protocol("survival", {"kind": "small_sample"})
    numbers = reanalyse(toy.members(protocol, 5)).numbers.set_index("quantity")
    assert numbers.loc["exact_logrank_p", "how"] == "sample of 2 of 5 datasets"
    assert numbers.loc["exact_logrank_p", "members"] == 2


def test_a_quantity_without_a_name_is_a_mistake():
    with pytest.raises(ValueError, match="no quantity"):
        Number(Estimand("n"), "guess", np.zeros(1))
