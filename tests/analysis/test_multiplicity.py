"""The p-values of a univariable table, adjusted for their number."""

import numpy as np
import pandas as pd
import pytest

from resarc.analysis import ADJUSTED_COLUMNS, adjusted, estimate, plan

pytestmark = pytest.mark.unit

FLOW = pd.DataFrame(columns=["step", "label", "entering", "excluded", "remaining"])


def estimates_of(p, origin="registry"):
    keys = ["os.logrank_p by stage", "os.logrank_p by sex", "os.cox_p by size"]
    return pd.DataFrame({"estimand": keys, "value": p, "origin": origin})


def test_by_hand(protocol):
    found = adjusted(estimates_of([0.04, 0.01, 0.03]), protocol)
    assert tuple(found.columns) == ADJUSTED_COLUMNS
    assert found["holm"].tolist() == [0.06, 0.03, 0.06]
    assert found["bh"].tolist() == [0.04, 0.03, 0.04]
    assert set(found["tests"]) == {3}
    assert set(found["origin"]) == {"registry"}


def test_a_test_that_could_not_be_made_is_not_counted(protocol):
    found = adjusted(estimates_of([0.04, np.nan, 0.03]), protocol)
    assert set(found["tests"]) == {2}
    assert found["holm"].isna().tolist() == [False, True, False]
    assert found["holm"].tolist()[::2] == [0.06, 0.06]


def test_from_a_cohort_every_test_of_the_table_is_there(protocol, cohort):
    estimates = estimate(plan(protocol), cohort, FLOW, protocol, "registry")
    found = adjusted(estimates, protocol).set_index("estimand")
    values = estimates.set_index("estimand")["value"]
    assert list(found.index) == ["os.logrank_p by stage", "os.logrank_p by sex", "os.cox_p by size"]
    assert (found["p"] == values[found.index]).all()
    assert (found["holm"] >= found["bh"]).all()


def test_a_study_without_univariable_table_has_no_family(protocol):
    analyses = tuple(a for a in protocol.analyses if a.kind != "univariable")
    other = protocol.model_copy(update={"analyses": analyses})
    found = adjusted(estimates_of([0.1, 0.2, 0.3]), other)
    assert found.empty
    assert tuple(found.columns) == ADJUSTED_COLUMNS
