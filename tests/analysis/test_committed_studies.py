"""The committed studies' analyses run on any cohort of their layout, however its patients are."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from resarc import protocol as protocols
from resarc import published as papers
from resarc.analysis import CohortView, curves, evaluate, plan
from resarc.protocol import Protocol

pytestmark = pytest.mark.config

CONFIG = Path(__file__).parents[2] / "config"
STUDIES = sorted(path.stem for path in (CONFIG / "studies").glob("*.yaml"))


def any_cohort(protocol: Protocol, n: int, rng: np.random.Generator) -> pd.DataFrame:
    """Patients drawn level by level, a tenth of the values missing."""
    columns: dict[str, object] = {"patient": [f"P{i:04d}" for i in range(n)]}
    for name in protocol.names("category"):
        levels = [*protocol.levels(name), None]
        weights = np.array([0.9 / (len(levels) - 1)] * (len(levels) - 1) + [0.1])
        drawn = rng.choice(len(levels), n, p=weights)
        columns[name] = pd.Series([levels[i] for i in drawn], dtype=object)
    for name in protocol.names("number"):
        columns[name] = np.where(rng.random(n) < 0.1, np.nan, np.round(rng.gamma(2, 20, n), 1))
    for name in protocol.endpoint_names:
        columns[f"{name}_time"] = np.round(rng.exponential(30, n), 2)
        columns[f"{name}_event"] = (rng.random(n) < 0.6).astype(float)
    return pd.DataFrame(columns)


@pytest.mark.parametrize("study", STUDIES)
def test_every_planned_and_printed_estimand_has_a_value_or_a_reason(study):
    protocol = protocols.load(CONFIG / "studies" / f"{study}.yaml")
    printed = CONFIG / "published" / f"{study}.yaml"
    paper = papers.load(printed) if printed.is_file() else papers.nothing_of(study)
    planned = plan(protocol, [figure.estimand for figure in paper.figures])
    for n, seed in ((142, 1), (3, 3)):
        cohort = any_cohort(protocol, n, np.random.default_rng(seed))
        view = CohortView(cohort, protocol)
        for item in planned:
            if item.estimand.subject != "flow":
                found = evaluate(item.estimand, view, protocol)
                assert np.isfinite(found.value) or found.note, item.estimand
        assert set(curves(cohort, protocol)["endpoint"]) == set(protocol.endpoint_names)
