"""Where a difference begins: at a job that had nothing but identical inputs."""

import pytest

from resarc.archive.rerun import Difference, compare

pytestmark = pytest.mark.unit

JOBS = [
    {"rule": "clean", "inputs": ["config/a.yaml"], "outputs": ["r/clean"]},
    {"rule": "analyse", "inputs": ["r/clean"], "outputs": ["r/estimates", "r/curves"]},
    {"rule": "report", "inputs": ["r/estimates"], "outputs": ["r/report", "r/figures"]},
    {"rule": "combine", "inputs": ["r/figures"], "outputs": ["r/all"]},
]
ARCHIVED = {
    "r/clean": "1",
    "r/estimates": "2",
    "r/curves": "3",
    "r/report": "4",
    "r/figures/km.svg": "5",
    "r/all": "6",
}


def test_the_same_digests_are_identical():
    found = compare(ARCHIVED, dict(ARCHIVED), JOBS)
    assert found.identical == tuple(sorted(ARCHIVED))
    assert found.differences == ()


def test_a_difference_is_followed_to_where_it_begins():
    again = ARCHIVED | {"r/estimates": "x", "r/report": "y", "r/figures/km.svg": "z", "r/all": "w"}
    found = compare(ARCHIVED, again, JOBS)
    assert found.identical == ("r/clean", "r/curves")
    assert {d.path: (d.rule, d.origin) for d in found.differences} == {
        "r/estimates": ("analyse", True),
        "r/report": ("report", False),
        "r/figures/km.svg": ("report", False),
        "r/all": ("combine", False),
    }
    assert {d.kind for d in found.differences} == {"differs"}


def test_what_is_gone_and_what_is_new_is_told():
    again = {path: digest for path, digest in ARCHIVED.items() if path != "r/curves"}
    found = compare(ARCHIVED, again | {"r/new": "7"}, JOBS)
    assert found.differences == (
        Difference("r/curves", "not made again", "analyse", True),
        Difference("r/new", "not in the archive", "", False),
    )
