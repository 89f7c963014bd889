"""What a paper leaves unsaid: which test, median and handling of ties its figures can come from."""

from pathlib import Path

import pytest

from resarc import ensemble as ensembles
from resarc import protocol as protocols
from resarc import published as publications
from resarc.estimand import Estimand
from resarc.identify.push import targets_held
from resarc.protocol import QUESTIONS
from resarc.published import Figure
from resarc.reconstruct import readings, unsaid
from resarc.reconstruct.engine import reconstruct
from resarc.reconstruct.readings import FOUND, PROVED, Reading
from resarc.reconstruct.targets import compile_targets
from resarc.reconstruct.unsaid import ASSUMED, NOT_DECIDABLE, STATED, TITLES, WORDS

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "docs/example"

pytestmark = pytest.mark.unit


def study(name: str):
    return (
        protocols.load(ROOT / f"config/studies/{name}.yaml"),
        publications.load(ROOT / f"config/published/{name}.yaml"),
    )


def example(figures: dict[str, str] | None = None, **conventions):
    """The study of the documentation with further figures and other conventions."""
    protocol = protocols.load(EXAMPLE / "studies/example.yaml")
    published = publications.load(EXAMPLE / "published/example.yaml")
    more = tuple(
        Figure(id=f"more.{k}", estimand=Estimand.parse(text), printed=printed, locator="Table 3")
        for k, (text, printed) in enumerate((figures or {}).items())
    )
    given = type(protocol.conventions)(**conventions)
    return (
        protocol.model_copy(update={"conventions": given}),
        published.model_copy(update={"figures": (*published.figures, *more)}),
    )


def reading_of(protocol, published) -> Reading:
    targets, unused = compile_targets(published, protocol)
    return Reading("as printed", "", protocol, tuple(targets), tuple(unused))


def settled(protocol, published):
    return unsaid.settle(reading_of(protocol, published))


def statuses(rows, question: str) -> dict[str, str]:
    return {h.hypothesis: h.status for h in rows if h.question == TITLES[question]}


def test_every_answer_has_words_that_no_other_ends_with():
    options = [o for some in QUESTIONS.values() for o in some]
    assert set(options) == set(WORDS)
    assert set(TITLES) == set(QUESTIONS)
    for one in options:
        assert not [o for o in options if o != one and WORDS[o].endswith(f", {WORDS[one]}")]


def test_the_table_of_sysucc_was_tested_by_chi_squared():
    """54, 27; 13, 16; 1, 5; 11, 15: chi-squared gives 0.0121, printed 0.012; Fisher's test 0.0108."""
    asked = settled(*study("sysucc2015"))
    found = statuses(asked.hypotheses, "table_test")
    assert found[WORDS["chi2_p"]] == FOUND
    assert found[WORDS["fisher_p"]] == found[WORDS["trend_p"]] == PROVED
    assert statuses(asked.hypotheses, "median") == {WORDS["first"]: STATED}
    assert statuses(asked.hypotheses, "survival_test") == {unsaid.NAMED: STATED}
    assert asked.left == (), "nothing is left to be searched for"


def test_what_touches_no_figure_is_not_decidable():
    asked = settled(*study("qu2024"))
    assert {h.status for h in asked.hypotheses} == {NOT_DECIDABLE}
    assert len(asked.hypotheses) == len(QUESTIONS)
    assert asked.left == ()


def test_what_the_protocol_does_not_say_is_told():
    asked = settled(*example())
    assert statuses(asked.hypotheses, "median") == {WORDS["middle"]: ASSUMED}
    assert statuses(asked.hypotheses, "ties")[WORDS["efron"]] == NOT_DECIDABLE


TABLE = {
    "n{os=event, sex=female}": "3", "n{os=event, sex=male}": "9",
    "n{os=censored, sex=female}": "5", "n{os=censored, sex=male}": "3",
}  # fmt: skip
"""Of 3 9; 5 3 chi-squared gives 0.0935, with Yates' correction 0.226, Fisher's test 0.167, and the
trend 0.102."""


@pytest.mark.parametrize(
    ("printed", "test"),
    [("0.09", "chi2_p"), ("0.23", "chi2_yates_p"), ("0.17", "fisher_p"), ("0.10", "trend_p")],
)
def test_a_printed_table_decides_between_tests_outright(printed, test):
    protocol, published = example(TABLE | {"os.chi2_p by sex": printed}, open={"table_test": "any"})
    asked = settled(protocol, published)
    found = statuses(asked.hypotheses, "table_test")
    assert found.pop(WORDS[test]) == FOUND
    assert set(found.values()) == {PROVED}
    tested = [t.estimand for t in asked.reading.targets if str(t.estimand).endswith("by sex")]
    assert Estimand.parse(f"os.{test} by sex") in tested, "the target is that of the test"


def test_a_table_that_is_not_printed_whole_decides_nothing():
    part = {k: v for k, v in TABLE.items() if "censored" not in k}
    protocol, published = example(
        part | {"os.chi2_p by sex": "0.09"}, open={"table_test": ["chi2_p", "fisher_p"]}
    )
    asked = settled(protocol, published)
    assert asked.left == (("table_test", "chi2_p"), ("table_test", "fisher_p"))


def test_an_answer_that_a_paper_cannot_have_is_refused():
    with pytest.raises(ValueError, match="median may be middle, first, below or any"):
        example(open={"median": ["last"]})


@pytest.fixture(scope="module")
def rebuilt():
    """A paper that names no test of survival, no median and no variance."""
    protocol, published = example(
        open={
            "survival_test": ["logrank_p", "wilcoxon_p", "cox_lr_p"],
            "median": "any",
            "logrank_variance": "any",
        }
    )
    published = published.model_copy(
        update={
            "figures": tuple(
                f.model_copy(update={"printed": "0.02"}) if f.id == "t2.sex.p" else f
                for f in published.figures
            )
        }
    )
    return protocol, published, reconstruct(protocol, published, members=8, seed=3)


def test_each_answer_that_figures_bear_has_datasets(rebuilt):
    _, _, found = rebuilt
    table = found.hypotheses
    own = table[table["question"].isin(TITLES.values())].set_index("hypothesis")
    for option in ("logrank_p", "wilcoxon_p", "cox_lr_p", "middle", "first", "below"):
        assert own.loc[WORDS[option], "status"] == FOUND, option
        assert own.loc[WORDS[option], "chosen"], option
    names = set(found.ensemble["hypothesis"])
    assert any(name.endswith(WORDS["wilcoxon_p"]) for name in names), "the two tests differ"
    assert len(names) <= 2 + 2 + 2 + 2 + 1, "answers to different questions are not crossed"
    assert names <= set(table["hypothesis"])


def test_members_hold_the_figures_by_their_own_answers(rebuilt):
    protocol, published, found = rebuilt
    assert (found.targets["share_held"] == 1).all()
    for name, part in found.ensemble.groupby("hypothesis"):
        ensemble = ensembles.from_frame(part, protocol)
        reading = unsaid.named(name, reading_of(protocol, published))
        ensemble.protocol = reading.protocol
        for target in reading.targets:
            if target.estimand.statistic == "survival":
                continue  # rounded or cut off
            assert target.holds(target.evaluate(ensemble)).all(), (name, target.estimand)


def test_pushing_knows_by_which_answer_members_hold_their_figures(rebuilt):
    protocol, published, found = rebuilt
    for name, part in found.ensemble.groupby("hypothesis"):
        ensemble = ensembles.from_frame(part, protocol)
        held, under = targets_held(ensemble, published, found.targets, name)
        assert len(held) == len(published.figures)
        reading = unsaid.named(name, reading_of(protocol, published))
        assert under.conventions == reading.protocol.conventions
        tests = {t.estimand.statistic for t in held if t.estimand.by}
        assert tests == {t.estimand.statistic for t in reading.targets if t.estimand.by}


def test_an_answer_that_no_data_bear_is_not_found():
    """With one event the partial likelihood is monotone: Wald's test has no p at all."""
    protocol, published = example(
        {"n{os=event}": "1", "n{os=event, sex=female}": "1"},
        open={"survival_test": ["logrank_p", "cox_p"]},
    )
    figures = tuple(
        f.model_copy(update={"printed": "0.2"}) if f.id == "t2.sex.p" else f
        for f in published.figures
        if f.id not in ("res.os24", "res.median")
    )
    published = published.model_copy(update={"figures": figures})
    found = reconstruct(protocol, published, members=2, seed=1).hypotheses
    own = found[found["question"] == TITLES["survival_test"]].set_index("hypothesis")
    assert own.loc[WORDS["cox_p"], "status"] == readings.NOT_FOUND
    assert own.loc[WORDS["logrank_p"], "status"] == FOUND
