"""What the audit must find in the studies of this repository, each checked by hand before."""

from pathlib import Path

import pytest

from resarc import protocol, published
from resarc.audit import audit, to_frame

CONFIG = Path(__file__).parents[2] / "config"

pytestmark = pytest.mark.config


@pytest.fixture(scope="module")
def findings():
    """A function: the findings of a study, as the frame that is written."""
    frames = {}

    def of(study):
        if study not in frames:
            frames[study] = to_frame(
                audit(
                    published.load(CONFIG / "published" / f"{study}.yaml"),
                    protocol.load(CONFIG / "studies" / f"{study}.yaml"),
                )
            )
        return frames[study]

    return of


KNOWN = [
    # 44% at 60 months puts the median there or earlier; 2411 days are 79 months
    ("sysucc2015", "median and rates", "inconsistent", "major", "2411 days"),
    # 18, 6 and 2 of 142; with 66 deaths and the survivors' follow-up S(60) is 0.60 to 0.88
    ("sysucc2015", "crude proportions", "explained", "major", "between 60% and 88%"),
    # nobody between 18 and 60 years, yet 28 + 114 = 142 and a median of 47.5 years
    ("sysucc2015", "definitions of groups", "explained", "major", "47.5 years"),
    ("sysucc2015", "one figure for two groups", "explained", "minor", "49.38 months"),
    ("sysucc2015", "announced and printed", "not checkable", "minor", "multivariable Cox"),
    ("sysucc2015", "subgroups compared by p", "not checkable", "minor", "0.7066"),
    # 13/79 twice and 81/142 once
    ("sysucc2015", "percentages", "explained", "note", "adds up to 100%"),
    ("sysucc2015", "cross table", "consistent", "note", "0.0121"),
    ("qu2024", "percentages", "explained", "note", "sum of rounded parts"),
    ("qu2024", "rates as counts", "explained", "note", "26/29, truncated"),
    ("okayama2022", "type of interval", "consistent", "note", "log-log: 28 of 28"),
    ("okayama2022", "splits of a rate", "consistent", "note", "14 ways"),
    # sensitivity 6/9 and specificity 6/15 do not go with an area of 0.62 under Youden
    ("okayama2022", "cut-off and area", "explained", "minor", "6/9"),
    ("okayama2022", "listed as significant", "inconsistent", "minor", "0.01"),
    ("oslo2014", "groups that add up", "consistent", "none", "41 + 52 = 93"),
    ("oslo2014", "announced and printed", "not checkable", "note", "Only the abstract"),
]


@pytest.mark.parametrize(("study", "check", "verdict", "severity", "says"), KNOWN)
def test_known_findings(findings, study, check, verdict, severity, says):
    frame = findings(study)
    rows = frame[
        (frame["check"] == check) & (frame["verdict"] == verdict) & (frame["severity"] == severity)
    ]
    text = rows[["title", "recomputed", "evidence", "hypothesis", "printed"]].agg(" ".join, axis=1)
    assert text.str.contains(says, regex=False).any()


def test_nothing_else_is_called_inconsistent(findings):
    found = {
        (study, check)
        for study in ("oslo2014", "sysucc2015", "qu2024", "okayama2022")
        for check in findings(study).query("verdict == 'inconsistent'")["check"]
    }
    assert found == {("sysucc2015", "median and rates"), ("okayama2022", "listed as significant")}
