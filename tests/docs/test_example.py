"""The examples of docs/new-study.md and docs/registry.md.

The invented study is valid, its audit finds no fault, and datasets rebuilt from it print every one
of its figures. The invented registry rows are kept and rejected as the page says.
"""

from math import floor
from pathlib import Path

import pandas as pd
import pytest

from check import check_together
from resarc import protocol, published
from resarc.audit import audit, to_frame
from resarc.compare import compare
from resarc.configuration import read_yaml, validated
from resarc.errors import ConfigurationError
from resarc.estimand import DAYS_PER_MONTH, Estimand
from resarc.identify import identify
from resarc.intake import clean, read_source
from resarc.protocol import Protocol
from resarc.reconstruct.engine import reconstruct
from resarc.survival.kaplan_meier import curve, quantile, survival_at
from resarc.survival.logrank import logrank

pytestmark = pytest.mark.docs

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "example"
MEMBERS = 4


@pytest.fixture(scope="module")
def study():
    return protocol.load(FOLDER / "studies" / "example.yaml")


@pytest.fixture(scope="module")
def printed():
    return published.load(FOLDER / "published" / "example.yaml")


@pytest.fixture(scope="module")
def rebuilt(study, printed):
    return reconstruct(study, printed, members=MEMBERS, seed=1)


def test_the_protocol_can_have_whatever_is_printed(study, printed):
    faults = [study.explain_fault(figure.estimand) for figure in printed.figures]
    assert [fault for fault in faults if fault] == []


def test_the_audit_checks_figures_and_finds_no_fault(study, printed):
    table = to_frame(audit(printed, study))
    assert "consistent" in set(table["verdict"])
    assert "inconsistent" not in set(table["verdict"])


@pytest.fixture
def misprinted(printed):
    """The same paper with 8 women of 20 printed as 45%."""
    figures = [
        figure.model_copy(update={"printed": "45"}) if figure.id == "t1.female.share" else figure
        for figure in printed.figures
    ]
    return printed.model_copy(update={"figures": tuple(figures)})


def test_the_audit_finds_a_share_that_is_not_of_its_count(study, misprinted):
    table = to_frame(audit(misprinted, study))
    faults = table[table["verdict"] == "inconsistent"]
    assert faults["figures"].str.contains("t1.female.share", regex=False).any()


def test_every_figure_is_a_target_that_every_dataset_meets(rebuilt, printed):
    targets = rebuilt.targets.set_index("figure")
    assert set(targets.index) == {figure.id for figure in printed.figures}
    assert set(targets["status"]) == {"target"}
    assert (targets["share_held"] == 1).all()


def test_the_datasets_print_as_the_paper_does(rebuilt):
    """Each figure computed from the patients again, by functions that the search does not use; a
    reading cuts digits of rates off where the other rounds them."""
    members = [frame for _, frame in rebuilt.ensemble.groupby(["hypothesis", "member"])]
    assert len(members) == MEMBERS
    for frame in members:
        cut_off = "truncated" in frame["hypothesis"].iloc[0]
        follow_up = frame["os_time"], frame["os_event"]
        assert len(frame) == 20
        assert (frame["sex"] == "female").sum() == 8
        steps = curve(*follow_up)
        rate = survival_at(steps, 24)["survival"].item()
        assert (floor(rate * 1000 + 1e-9) if cut_off else round(rate * 1000)) == 600
        assert f"{quantile(steps).value:.1f}" == "30.0"
        assert f"{logrank(*follow_up, frame['sex']).p:.2f}" == "0.30"
        days = frame["os_time"] * DAYS_PER_MONTH
        assert (days - days.round()).abs().max() < 1e-6


def test_a_share_that_does_not_fit_its_count_is_set_aside(study, misprinted):
    targets = reconstruct(study, misprinted, members=MEMBERS, seed=1).targets.set_index("figure")
    assert targets.loc["t1.female.share", "status"] == "set aside"
    assert "together with the other printed counts" in targets.loc["t1.female.share", "reason"]
    assert (targets["status"] == "set aside").sum() == 1


def test_what_is_printed_holds_by_construction_and_the_rest_is_a_range(study, printed):
    """The examples of README.md, "How to read it"."""
    found = reconstruct(study, printed, members=16, seed=1)
    texts = ["os.survival(24 months)", "os.hazard_ratio by sex(female / male)"]
    sets = identify(map(Estimand.parse, texts), found.ensemble, study, found.targets)
    survival, ratio = sets.set_index("estimand").loc[texts].itertuples()
    assert survival.target
    assert survival.how == "by construction"
    assert not ratio.target
    assert ratio.how == "sample"
    assert ratio.lower < 1 < ratio.upper
    assert ratio.direction == "not identified"
    compared = compare(
        printed, study, pd.DataFrame({"estimand": [], "value": []}), sets, found.targets
    )
    assert not set(compared["verdict"]) & {"reproduced", "differs"}


def test_a_paper_with_two_endpoints_and_subgroups_is_rebuilt_from_its_two_files():
    """What its endpoints' dates imply holds in every patient, though the protocol does not say it."""
    study = protocol.load(FOLDER / "studies/two_endpoints.yaml")
    printed = published.load(FOLDER / "published/two_endpoints.yaml")
    check_together(study, FOLDER, printed, FOLDER)
    assert "inconsistent" not in set(to_frame(audit(printed, study))["verdict"])
    found = reconstruct(study, printed, members=MEMBERS, seed=1)
    assert set(found.targets["status"]) == {"target"}
    assert (found.targets["share_held"] == 1).all()
    patients = found.ensemble
    assert (patients["pfs_time"] <= patients["os_time"] + 1e-9).all()
    assert (patients.loc[patients["os_event"] == 1, "pfs_event"] == 1).all()
    for _, member in patients.groupby("member"):
        assert member["grade"].value_counts().to_dict() == {"3": 17, "2": 11, "1": 6}
        assert member["size"].agg(["min", "median", "max"]).round(1).tolist() == [2.0, 7.5, 21.0]
        treated = member[member["chemotherapy"] == "yes"]
        steps = curve(treated["os_time"], treated["os_event"])
        assert survival_at(steps, 24)["survival"].item() + 1e-9 >= 0.6145
        rest = member[member["chemotherapy"] == "no"]
        assert len(rest) == 21
        p = logrank(member["os_time"], member["os_event"], member["chemotherapy"]).p
        assert f"{p:.2f}" == "0.21"


def test_registry_rows_are_rejected_with_row_value_and_remedy():
    content = read_yaml(ROOT / "config" / "studies" / "okayama2022.yaml")
    content["source"] = {"kind": "registry", "file": "registry.csv", "exported": "2022-01-31"}
    study = validated(content, Protocol, "okayama2022.yaml")
    result = clean(read_source(FOLDER / "registry.csv", study), study)
    assert result.clean["sex"].tolist() == ["female"]
    found = result.rejected[["row", "column", "value", "rule"]].to_numpy().tolist()
    assert found == [
        [3, "sex", "W", "code"],
        [4, "death_date", "9999-99-99", "no_contact_after_death"],
    ]
    page = (ROOT / "docs" / "registry.md").read_text(encoding="utf-8")
    for text in (*result.rejected["reason"], *result.rejected["remedy"]):
        assert text in page
    assert "invented" not in result.clean.to_csv() + result.rejected.to_csv()


def test_a_misspelt_level_is_refused_by_name(tmp_path):
    """The message names the file, the step and the levels that there are."""
    from ruamel.yaml import YAML

    content = read_yaml(FOLDER / "studies" / "example.yaml")
    content["eligibility"][0]["keep"][0]["one_of"] = ["woman"]
    path = tmp_path / "example.yaml"
    YAML(typ="safe").dump(content, path)
    with pytest.raises(ConfigurationError) as raised:
        protocol.load(path)
    for words in (str(path), "known_sex", "'woman'", "female, male"):
        assert words in str(raised.value)
