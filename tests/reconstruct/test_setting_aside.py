"""Figures that no dataset is found to hold with the others step back: in a large cohort many at once, of
which those come back that hold after all. What groups' rates imply for all patients guides the search."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from resarc import ensemble as ensembles
from resarc import protocol as protocols
from resarc import published as publications
from resarc.published import Published
from resarc.reconstruct import histories, members, readings, setting_aside, unsaid
from resarc.reconstruct.engine import reconstruct
from resarc.reconstruct.plan import NOT_FOUND
from resarc.survival import kaplan_meier

pytestmark = pytest.mark.unit

EXAMPLE = Path(__file__).resolve().parents[2] / "docs" / "example"
EACH = 30


@pytest.fixture
def protocol():
    return protocols.load(EXAMPLE / "studies/example.yaml")


def printed(rates: dict[str, tuple[str, list[str] | None]], p: str) -> Published:
    """A paper on sixty patients: of thirty women and thirty men the rates at two years, and a log-rank p;
    nothing of all of them."""
    figures = [{"id": "n", "estimand": "n", "printed": "60"}]
    for level, (rate, limits) in rates.items():
        group = f"{{sex={level}}}"
        figures.append({"id": f"n.{level}", "estimand": f"n{group}", "printed": str(EACH)})
        figure = {"id": level, "estimand": f"os.survival(24 months){group}", "printed": rate}
        figures.append(figure | {"unit": "%"} | ({"interval": limits} if limits else {}))
    figures.append({"id": "p", "estimand": "os.logrank_p by sex", "printed": p})
    rows = [figure | {"locator": "Table 1"} for figure in figures]
    given = publications.load(EXAMPLE / "published/example.yaml")
    return Published.model_validate(given.model_dump() | {"figures": rows})


def rate_of(mean: float, rng: np.random.Generator, digits: int = 0) -> tuple[str, list[str]]:
    """The rate at two years, with its limits, in per cent, of a group drawn with this mean survival."""
    death, end = rng.exponential(mean, EACH), rng.uniform(6, 60, EACH)
    curve = kaplan_meier.curve(pd.Series(np.minimum(death, end)), pd.Series(death <= end))
    row = kaplan_meier.survival_at(curve, 24).iloc[0]
    value, *limits = (f"{100 * row[name]:.{digits}f}" for name in ("survival", "lower", "upper"))
    return value, limits


def prepared(protocol, published, said):
    reading = readings.read(published, protocol, 2 * EACH, 1, said.append).live[0]
    settled = unsaid.settle(reading).reading
    said.clear()
    return setting_aside.prepare(settled, published, 2 * EACH, 1, said.append)


def test_limits_that_no_dataset_holds_step_back_alone(protocol):
    """The women's limits are too far apart for thirty patients, which nothing proves; the men's are right."""
    rng = np.random.default_rng(1)
    (women, _), men = rate_of(80, rng), rate_of(20, rng)
    published = printed({"female": (women, ["1", "99"]), "male": men}, "< 0.05")
    found = reconstruct(protocol, published, members=3, seed=1)
    targets = found.targets.set_index("figure")
    assert list(targets.index[targets["reason"] != ""]) == ["female"]
    assert targets.loc["female", "reason"].startswith(f"its printed limits: {NOT_FOUND}")
    assert (targets["share_held"] == 1).all()
    whole = ensembles.from_frame(found.ensemble, protocol)
    assert whole.shape == (3, 2 * EACH)


def test_what_stepped_back_with_others_comes_back_if_it_holds(protocol, monkeypatch):
    """While the women's limits are asked for, nearly all searches miss the men's as well."""
    rates = {"female": ("80", ["1", "99"]), "male": ("31", ["15", "48"])}

    def build(plan, *_, **__):
        limited = {str(t.estimand): t for t in plan.targets if setting_aside.has_limits(t)}
        if not any("female" in name for name in limited):
            return object(), {}
        shares = {t: 1.0 if "=female" in str(t.estimand) else 0.95 for t in limited.values()}
        return None, {t: (shares.get(t, 0.0), 0.1) for t in plan.targets}

    monkeypatch.setattr(setting_aside, "build", build)
    said: list[str] = []
    plan = prepared(protocol, printed(rates, "< 0.05"), said)
    limits = "limits of os.survival(24 months)"
    steps = [line for line in said if "set aside" in line or "after all" in line]
    assert steps == [
        f"set aside: {limits}{{sex=female}}",
        f"set aside: {limits}{{sex=male}}",
        "holds after all: os.survival(24 months){sex=male}",
    ]
    assert [str(t.estimand) for t in plan.aside] == ["os.survival(24 months){sex=female}"]


def test_rates_of_groups_guide_the_search_for_histories(protocol):
    """Sixty patients of whom nothing is printed but the rates of two halves: 90% and 30% are 60% of all."""
    published = printed({"female": ("90.0", None), "male": ("30.0", None)}, "< 0.001")
    plan = prepared(protocol, published, [])
    assert not plan.aside
    drawn = members.candidates(plan, [], 20, np.random.default_rng(1))
    held = [target.holds(target.evaluate(drawn)) for target in plan.targets]
    assert np.mean(np.all(held, axis=0)) > 0.5
    (guide,) = histories.implied_by_rates(list(plan.targets), "os", protocol, 2 * EACH)
    assert guide.value.lower == pytest.approx(0.6 - 0.0005 - histories.CENSORING)
    assert guide.value.upper == pytest.approx(0.6 + 0.0005 + histories.CENSORING)
    given = [t for t in plan.targets if "male" not in str(t.estimand.where)]
    assert not histories.implied_by_rates(given, "os", protocol, 2 * EACH)
