"""Labels joined from halves: what is joined prints as it should, and much more is found than by exchanges."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resarc.ensemble import Ensemble, evaluate
from resarc.estimand import DAYS_PER_MONTH, Condition, Estimand
from resarc.protocol import Protocol
from resarc.published import Range
from resarc.reconstruct import changes, counts, exchanges, halves, labels
from resarc.reconstruct.distances import Timelines
from resarc.reconstruct.histories import History
from resarc.reconstruct.kernels import LOG_LOG
from resarc.reconstruct.layout import lay_out
from resarc.reconstruct.targets import Target

pytestmark = pytest.mark.property

Z = 1.959963984540054
BLOCKS = {"margin": "ab", "stage": "abcd"}


def study() -> Protocol:
    dates = ["start_date", "death_date", "last_date"]
    return Protocol.model_validate(
        {
            "study": "made_up", "reference": "made_up", "title": "Made up",
            "population": "Nobody", "time_zero": "start_date", "origin_label": "start",
            "source": {"kind": "reconstruction"},
            "variables": [
                *({"name": v, "column": v, "label": v, "type": "category",
                   "categories": {level: [level] for level in levels}} for v, levels in BLOCKS.items()),
                *({"name": v, "column": v, "label": v, "type": "date"} for v in dates),
            ],
            "eligibility": [
                {"id": "known", "label": "Known", "keep": [{"variable": "start_date", "present": True}]}
            ],
            "endpoints": [
                {"name": "os", "label": "Survival", "definition": "To death", "origin": "start_date",
                 "events": ["death_date"], "censored_at": "last_date"}
            ],
            "conventions": {"survival_interval": "log-log"},
            "analyses": [
                {"id": "os", "label": "Survival", "kind": "survival", "endpoint": "os", "at": ["12 months"]}
            ],
            "reconstruction": {"period": ["2000-01-01", "2005-01-01"], "last_contact": "2013-01-01"},
        }
    )  # fmt: skip


def cohort(rng: np.random.Generator, patients: int) -> Ensemble:
    """One dataset whose margins and stages die at different rates; many are censored early."""
    codes = {v: rng.integers(0, len(levels), (1, patients)) for v, levels in BLOCKS.items()}
    death = np.ceil(rng.exponential(900 / np.exp(0.5 * codes["margin"] + 0.2 * codes["stage"])))
    end = np.ceil(rng.uniform(30, 1500, (1, patients)))
    times = {"os": np.minimum(death, end) / DAYS_PER_MONTH}
    return Ensemble(study(), codes, {}, times, {"os": death <= end})


def table(dataset: Ensemble, rates: list[str]) -> list[Target]:
    """Rates with limits in percent to one decimal, as a paper prints them, and the sizes of the groups."""

    def around(x: np.ndarray) -> Range:
        return Range(round(float(x[0]), 3) - 5e-4, round(float(x[0]), 3) + 5e-4)

    found = []
    for text in rates:
        e = Estimand.parse(text)
        values = evaluate(e, dataset)
        found.append(
            Target(e, *map(around, (values.value, values.lower, values.upper)), (text,), False)
        )
    for v, levels in BLOCKS.items():
        for level in levels:
            e = Estimand("n", where=(Condition(v, level),))
            n = float(evaluate(e, dataset).value[0])
            found.append(Target(e, Range(n, n), None, None, (str(e),), False))
    return found


def search_for(dataset: Ensemble, targets: list[Target], block: str) -> tuple:
    """The arrays of the search for one block's labels, and the true codes, what they may be, and times."""
    layout = lay_out(dataset.protocol, targets)
    parts = counts.components(layout, targets, dataset.shape[1])
    part = next(p for p in parts if block in p.blocks)
    days = np.rint(dataset.times["os"] * DAYS_PER_MONTH).astype(np.int64)
    no = np.zeros(days.shape, dtype=bool)
    built = {"os": History(days, dataset.events["os"], no - 1, (), np.zeros(1), no)}
    own = [t for t in targets if not counts.is_count(t)]
    arrays = labels.problem(part, [block], own, [block], layout, list(built))
    codes = dataset.codes[block].copy()
    open_codes = np.ones((1, dataset.shape[1], len(BLOCKS[block])), dtype=bool)
    by_time = [labels.by_time(history) for history in built.values()]
    order, days, event = (np.stack([each[k][0] for each in by_time]) for k in range(3))
    shared = np.zeros((0, dataset.shape[1]), dtype=bool)
    return arrays, codes, open_codes, Timelines(order, days, event, shared)


def test_the_sums_of_a_rate_and_its_limits_by_hand():
    """Of five patients the first dies, the second is censored, the third dies: S = 4/5 * 2/3."""
    s = 4 / 5 * 2 / 3
    error = np.sqrt(1 / (5 * 4) + 1 / (3 * 2))
    limits = [s ** np.exp(sign * Z * error / -np.log(s)) for sign in (1, -1)]
    ranges = np.array([end for x in (s, *limits) for end in (x - 5e-4, x + 5e-4)] + [0.0, 0.0])
    ends = np.zeros(4)
    halves.range_of_sums(ranges, LOG_LOG, Z, ends)
    assert ends[0] < np.log(s) < ends[1]
    assert ends[2] < error**2 < ends[3]
    # To three digits they leave little room, and none without limits.
    assert ends[1] - ends[0] < 0.002
    assert ends[3] - ends[2] < 0.02 * error**2
    halves.range_of_sums(np.append(ranges[:2], [np.nan] * 6), LOG_LOG, Z, ends)
    assert (ends[2], ends[3]) == (0.0, np.inf)


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 10**6), patients=st.integers(24, 90), block=st.sampled_from(list(BLOCKS))
)
def test_what_is_joined_prints_as_the_figures_do_and_keeps_the_counts(seed, patients, block):
    rng = np.random.default_rng(seed)
    true = cohort(rng, patients)
    told = BLOCKS[block][:2]
    texts = [f"os.survival({t} months){{{block}={v}}}" for t in (12, 24) for v in told]
    targets = [t for t in table(true, texts) if np.isfinite(t.value.lower)]
    rates = [
        t for t in targets if not counts.is_count(t) and t.lower and np.isfinite(t.lower.lower)
    ]
    targets = [*rates, *(t for t in targets if counts.is_count(t))]
    if not rates:
        return
    arrays, codes, open_codes, times = search_for(true, targets, block)
    shuffled = rng.permutation(codes, axis=1)
    state = changes.start(arrays, shuffled, times)
    found = halves.match(arrays, shuffled, open_codes, times, state, 0, 0)
    for row in found:
        assert sorted(row) == sorted(codes[0])
        again = Ensemble(
            true.protocol, true.codes | {block: row[None]}, {}, true.times, true.events
        )
        for target in rates:
            values = target.evaluate(again)
            assert bool(replace(target, lower=None, upper=None).holds(values).all())
            # Limits hang on both sums together: the ends of each let a little more through.
            for limit, allowed in ((values.lower, target.lower), (values.upper, target.upper)):
                assert abs(float(limit[0]) - (allowed.lower + allowed.upper) / 2) < 1e-3


def test_labels_are_found_where_exchanges_seldom_find_them(monkeypatch):
    """Sixty patients, two groups, rates and limits to three digits."""
    seeds = range(16)

    def found() -> int:
        have = 0
        for seed in seeds:
            true = cohort(np.random.default_rng(seed), 60)
            texts = [f"os.survival(18 months){{margin={v}}}" for v in "ab"]
            arrays, codes, open_codes, times = search_for(true, table(true, texts), "margin")
            shuffled = np.random.default_rng(seed).permutation(codes, axis=1)
            left = exchanges.search(arrays, shuffled, open_codes, times, seed, exchanges.ROUNDS)
            have += left == 0.0
        return have

    with_halves = found()
    # The first round of a search knows exchanges only.
    monkeypatch.setattr(exchanges, "ROUNDS", 1)
    assert with_halves >= 12 > 6 >= found()
