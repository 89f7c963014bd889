"""Bad input is told in one clear message before any search starts."""

from pathlib import Path

import pytest

from check import check_together
from resarc import protocol as protocols
from resarc import published as publications
from resarc.configuration import read_yaml, validated
from resarc.errors import ConfigurationError, ReconstructionError
from resarc.published import Published
from resarc.reconstruct import admission, histories, members, readings
from resarc.reconstruct.engine import reconstruct

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "docs/example"

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def protocol():
    return protocols.load(EXAMPLE / "studies/example.yaml")


def published(**figure: object) -> Published:
    """The example with one more figure."""
    content = read_yaml(EXAMPLE / "published/example.yaml")
    complete = {"id": "more", "printed": "1", "locator": "Table 9"} | figure
    content["figures"].append({k: v for k, v in complete.items() if v is not None})
    return validated(content, Published, "example.yaml")


UNREADABLE = [
    ({"estimand": "os.nonsense"}, ["more", "nonsense"]),
    ({"estimand": "os.medain"}, ["more", "'medain'", "perhaps median"]),
    ({"estimand": "n", "printed": 8}, ["more", "quotes"]),
    (
        {"estimand": "os.median", "printed": "49,9", "unit": "months"},
        ["49,9", "decimal point", "NA"],
    ),
    ({"estimand": "os.survival{sex=male}"}, ["more", "length of time"]),
    ({"estimand": "os.survival(36 months", "unit": "%"}, ["more", "')'"]),
    ({"estimand": "n", "locator": None}, ["locator", "more", "nothing", "required"]),
    ({"estimand": "n", "locator": " "}, ["locator", "more"]),
    ({"estimand": "n", "printed": "about ten"}, ["more", "about ten"]),
    ({"estimand": "os.median", "unit": "fortnights"}, ["more", "fortnights", "months"]),
    ({"estimand": "n", "id": "t1.n"}, ["t1.n", "twice"]),
]


@pytest.mark.parametrize(("figure", "words"), UNREADABLE)
def test_a_figure_that_cannot_be_read_is_refused_by_the_configuration(figure, words):
    with pytest.raises(ConfigurationError) as error:
        published(**figure)
    assert all(word in str(error.value) for word in words), error.value


OUTSIDE = [
    ("os.survival(36 months)", "130", "%", None, "130"),
    ("os.survival(36 months)", "-1", "%", None, "-1"),
    ("os.survival(36 months)", "62", "%", ("10", "120"), "120"),
    ("os.survival(36 months)", "62", "%", ("70", "60"), "lower limit first"),
    ("sex.proportion(male)", "> 100", "%", None, "> 100"),
    ("os.logrank_p by sex", "1.2", "", None, "p-value from 0 to 1"),
    ("os.logrank_p by sex", "< 0", "", None, "< 0"),
    ("os.hazard_ratio by sex(male / female)", "-0.5", "", None, "ratio"),
    ("os.median", "-3", "months", None, "-3"),
    ("n{sex=male}", "7.5", "", None, "whole number"),
    ("n{sex=male}", "-7", "", None, "whole number"),
    ("os.auc(12 months) by sex", "1.5", "", None, "0 to 1"),
]


@pytest.mark.parametrize(("estimand", "printed", "unit", "interval", "words"), OUTSIDE)
def test_a_value_outside_its_domain_is_refused_by_figure(
    estimand, printed, unit, interval, words, protocol
):
    given = published(estimand=estimand, printed=printed, unit=unit, interval=interval)
    with pytest.raises(ReconstructionError) as error:
        admission.check(given, protocol)
    message = str(error.value)
    assert "figure more of example" in message
    assert words in message


@pytest.mark.parametrize(
    ("estimand", "printed", "unit"),
    [
        ("os.survival(36 months)", "100", "%"),
        ("os.survival(36 months)", "0.0", "%"),
        ("os.logrank_p by sex", "< 0.001", ""),
        ("os.logrank_p by sex", "1.00", ""),
        ("os.logrank_p by sex", ">= 0.05", ""),
        ("n{sex=male}", "0", ""),
        ("n{sex=male}", "> 3", ""),
    ],
)
def test_values_at_the_edge_of_their_domain_are_fine(estimand, printed, unit, protocol):
    admission.check(published(estimand=estimand, printed=printed, unit=unit), protocol)


def test_every_committed_study_is_fine():
    for path in sorted((ROOT / "config/published").glob("*.yaml")):
        admission.check(
            publications.load(path), protocols.load(ROOT / "config/studies" / path.name)
        )


def test_a_group_that_nobody_can_belong_to_is_refused():
    protocol = protocols.load(ROOT / "config/studies/okayama2022.yaml")
    given = publications.load(ROOT / "config/published/okayama2022.yaml")
    figure = given.get("t1.male.n").model_copy(
        update={
            "id": "both",
            "estimand": type(given.figures[0].estimand).parse(
                "n{total_resected_group=<7, total_resected_table2=>=11}"
            ),
        }
    )
    given = given.model_copy(update={"figures": (*given.figures, figure)})
    with pytest.raises(ReconstructionError, match=r"both.*no value of 'total_resected'"):
        admission.check(given, protocol)


def test_a_faulty_figure_stops_the_run_before_any_job_by_file_figure_and_remedy(protocol):
    """What `make` reads first; the reconstruction says the same of figures that come by another way."""
    path, printed = EXAMPLE / "studies/example.yaml", Path("config/published/example.yaml")
    for given, words in (
        (
            published(estimand="os.survival(36 months)", printed="130", unit="%"),
            ["figure more", "130"],
        ),
        (
            published(estimand="os.median", printed="3", unit="months", interval=("9", "2")),
            ["9 to 2"],
        ),
        (published(estimand="n{sex=man}"), ["figure more", "levels female, male", "'man'"]),
        (published(estimand="n{gender=male}"), ["figure more", "'gender'", str(path)]),
    ):
        with pytest.raises(ConfigurationError) as error:
            check_together(protocol, path, given, printed)
        for word in (str(printed), "expected", "orrect the", *words):
            assert word in str(error.value)
    without = published(estimand="os.events")
    figures = tuple(f for f in without.figures if str(f.estimand) != "n")
    with pytest.raises(ConfigurationError, match="number of patients"):
        check_together(protocol, path, without.model_copy(update={"figures": figures}), printed)


def test_nothing_is_searched_before_the_input_is_admitted(protocol, monkeypatch):
    def never(*_: object, **__: object):
        raise AssertionError("a search has started")

    monkeypatch.setattr(histories, "build", never)
    monkeypatch.setattr(readings, "read", never)
    given = published(estimand="os.survival(36 months)", printed="130", unit="%")
    with pytest.raises(ReconstructionError, match="130"):
        reconstruct(protocol, given, members=1, seed=1)


def test_a_search_without_success_names_the_hardest_target_and_returns_no_member(
    protocol, monkeypatch
):
    """After the pilot every candidate is spoilt: the women die first, far from the printed p = 0.30."""
    given = publications.load(EXAMPLE / "published/example.yaml")
    search, build = members.candidates, members.build
    chunks = []

    def spoilt(plan, without, count, rng, *, every):
        ensemble = search(plan, without, count, rng, every=every)
        if chunks[-1] != members.PILOT:
            order = ensemble.times["os"].argsort(axis=1)
            codes = ensemble.codes["sex"].copy()
            codes[[[k] for k in range(len(codes))], order] = [0] * 8 + [1] * 12
            ensemble.codes["sex"] = codes
        return ensemble

    def noted(plan, chunk, wanted, attempts=2, **more):
        chunks.append(chunk)
        return build(plan, chunk, wanted, attempts, **more)

    monkeypatch.setattr(members, "candidates", spoilt)
    monkeypatch.setattr(members, "build", noted)
    for module in ("engine", "setting_aside"):
        monkeypatch.setattr(f"resarc.reconstruct.{module}.build", noted)
    with pytest.raises(ReconstructionError) as error:
        reconstruct(protocol, given, members=3, seed=1)
    message = str(error.value)
    assert "hardest was os.logrank_p by sex" in message
    assert "t2.sex.p" in message
    assert "nearest by" in message
