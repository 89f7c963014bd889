"""The sarcoma patients of TCGA: the whole way from the file to the results, against R's own way.

The file is not part of the repository (docs/tutorial.md says where it is had); without it these tests
are skipped. `RESARC_TCGA_SARC` names it if it is not in data/.
"""

import json
import os
from pathlib import Path

import pandas as pd
import pytest

from resarc import cohort, intake, protocol
from resarc.analysis import estimate, plan

pytestmark = pytest.mark.parity

ROOT = Path(__file__).parents[2]
STUDY = protocol.load(ROOT / "config/studies/tcga_sarc.yaml")
FILE = Path(os.environ.get("RESARC_TCGA_SARC", ROOT / STUDY.source.file))
R = json.loads((ROOT / "tests/r/tcga.json").read_text(encoding="utf-8"))["results"]

needs_file = pytest.mark.skipif(not FILE.is_file(), reason="the file of TCGA is not here")


@pytest.fixture(scope="module")
def ours():
    cleaned = intake.clean(intake.read_source(FILE, STUDY), STUDY)
    assert cleaned.rejected.empty
    selected = cohort.select(cohort.derive(cleaned.clean, STUDY), STUDY)
    made = estimate(plan(STUDY), selected.cohort, selected.flow, STUDY, "registry")
    return made.set_index("estimand")


def test_r_was_asked_for_every_survival_result_of_the_protocol():
    """Whatever is shown of survival, medians, log-rank tests and hazard ratios."""
    asked = {row["estimand"] for row in R}
    shown = ("survival", "logrank_p", "hazard_ratio", "reverse_followup_median")
    wanted = {
        str(item.estimand)
        for item in plan(STUDY)
        if item.estimand.statistic in shown
        or (item.estimand.statistic == "median" and item.estimand.subject in STUDY.endpoint_names)
    }
    assert wanted <= asked


@needs_file
@pytest.mark.parametrize("expected", R, ids=[row["estimand"] for row in R])
def test_a_result_is_that_of_r(ours, expected):
    if expected["estimand"] == "n":
        assert ours.loc["pfs.median", "n"] == expected["value"]
        return
    found = ours.loc[expected["estimand"]]
    for column in ("value", "lower", "upper", "p", "n", "events"):
        if expected.get(column) is None:
            assert pd.isna(found[column]), column
        else:
            assert found[column] == pytest.approx(expected[column], rel=1e-6), column
