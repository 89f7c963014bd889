"""The audit's behaviour as tables: what is printed, which check, which verdict, what it must say.

Every row can be checked with a pencil; the comment in front of a group says how.
"""

import pytest

pytestmark = pytest.mark.unit

SPEC = {
    # 54/79 = 68.35%, 13/79 = 16.46%: rounded 68.4 and 16.5
    "percentages": [
        (
            ["n -> 79", "n{response=CR} -> 54", "response.proportion(CR) -> 68.4%"],
            ["consistent none"],
            "54/79 = 68.35%",
        ),
        # 68.4 + 16.5 + 1.3 + 13.9 = 100.1, so 16.4 makes the column 100.0
        (
            [
                "n -> 79",
                "n{response=CR} -> 54",
                "n{response=PR} -> 13",
                "n{response=SD} -> 1",
                "n{response=PD} -> 11",
                "response.proportion(CR) -> 68.4%",
                "response.proportion(PR) -> 16.4%",
                "response.proportion(SD) -> 1.3%",
                "response.proportion(PD) -> 13.9%",
            ],
            ["consistent none", "explained note"],
            "adds up to 100%",
        ),
        # both 54/79 = 68.354 and 13/79 = 16.456 without the last digits
        (
            [
                "n -> 79",
                "n{response=CR} -> 54",
                "n{response=PR} -> 13",
                "response.proportion(CR) -> 68.35%",
                "response.proportion(PR) -> 16.45%",
            ],
            ["consistent none", "explained note"],
            "truncated",
        ),
        # 10/31 = 32.26%; the printed parts 3.2 + 29.0 make 32.2 (and 9/31 = 29.03 fits no truncation
        # to 29.1, 3/31 = 9.68 none to 9.7)
        (
            [
                "n -> 31",
                "response.proportion(CR) -> 3.2%",
                "response.proportion(PR) -> 29.0%",
                "response.proportion(PD) -> 9.7%",
                "responder.proportion(yes) -> 32.2%",
            ],
            ["consistent none", "explained note"],
            "sum of rounded parts",
        ),
        # 12/40 = 30.0%; 12/38 = 31.6%: two patients without a value
        (
            ["n -> 40", "n{sex=male} -> 12", "sex.proportion(male) -> 31.6%"],
            ["explained note"],
            "12 of 38",
        ),
        # no whole number of 20 patients is 33.3%, 6 of 18 is
        (["n -> 20", "sex.proportion(male) -> 33.3%"], ["explained note"], "6 of 18"),
        # 12/40 = 30.0% is not 48.2% of anybody
        (
            ["n -> 40", "n{sex=male} -> 12", "sex.proportion(male) -> 48.2%"],
            ["inconsistent major"],
            "12/40 = 30.00%",
        ),
        # 1/8 = 12.5%: printed to no place it is 13 half up, 12 half to even
        (["n -> 8", "n{sex=male} -> 1", "sex.proportion(male) -> 13%"], ["consistent none"], ""),
        (
            ["n -> 8", "n{sex=male} -> 1", "sex.proportion(male) -> 12%"],
            ["explained note"],
            "half to even",
        ),
    ],
    "groups that add up": [
        (["n -> 93", "n{arm=a} -> 41", "n{arm=b} -> 52"], ["consistent none"], "41 + 52 = 93"),
        (["n -> 93", "n{arm=a} -> 41", "n{arm=b} -> 50"], ["explained note"], "2 patients without"),
        (["n -> 93", "n{arm=a} -> 41", "n{arm=b} -> 53"], ["inconsistent major"], "41 + 53 = 94"),
        # the rows of a table against the total of the row
        (
            [
                "n{arm=a, response=CR} -> 54",
                "n{arm=b, response=CR} -> 27",
                "n{response=CR} -> 81",
            ],
            ["consistent none"],
            "54 + 27 = 81",
        ),
        # responders are CR and PR
        (
            ["n{response=CR} -> 2", "n{response=PR} -> 3", "n{responder=yes} -> 6"],
            ["explained note"],
            "2 + 3 = 5",
        ),
        (["n -> 24", "os.events -> 9", "n{os=censored} -> 15"], ["consistent none"], "9 + 15 = 24"),
    ],
    "shares that add up": [
        (
            [
                "n -> 3",
                "grade.proportion(1) -> 33%",
                "grade.proportion(2) -> 33%",
                "grade.proportion(3) -> 33%",
            ],
            ["consistent none"],
            "1 + 1 + 1 = 3",
        ),
        (
            ["sex.proportion(female) -> 60%", "sex.proportion(male) -> 45%"],
            ["inconsistent minor"],
            "105%",
        ),
        # 50% and 50% of 24 are 12 and 12; 48% and 52% are no counts of 24 but of 25
        (
            ["n -> 24", "sex.proportion(female) -> 50%", "sex.proportion(male) -> 50%"],
            ["consistent none"],
            "12 + 12 = 24",
        ),
    ],
    "patient flow": [
        (
            ["flow.screened -> 154", "flow.excluded(complete) -> 12", "n -> 142"],
            [],
            "",  # the first step is not printed, so nothing follows
        ),
        (
            [
                "flow.screened -> 154",
                "flow.excluded(sarcoma) -> 10",
                "flow.excluded(complete) -> 12",
                "flow.remaining(complete) -> 132",
                "n -> 132",
            ],
            ["consistent none"],
            "154 screened",
        ),
        (
            [
                "flow.screened -> 232",
                "flow.remaining(sarcoma) -> 32",
                "n -> 24",
                "flow.excluded(complete) -> 8",
            ],
            ["consistent note"],
            "200 excluded",
        ),
        (
            [
                "flow.screened -> 100",
                "flow.excluded(sarcoma) -> 10",
                "flow.remaining(sarcoma) -> 80",
            ],
            ["inconsistent major"],
            "100 − 10 = 90",
        ),
        (
            [
                "flow.screened -> 100",
                "flow.remaining(sarcoma) -> 90",
                "flow.remaining(complete) -> 90",
                "n -> 85",
            ],
            ["inconsistent major"],
            "90 remain, 85 are analysed",
        ),
    ],
    # S(60) = 44% is below one half: the median is 60 months or earlier; 2411 days are 79.2 months
    "median and rates": [
        (["os.median -> 2411 days", "os.survival(60 months) -> 44%"], ["inconsistent major"], ""),
        (["os.median -> 1500 days", "os.survival(60 months) -> 44%"], ["consistent none"], ""),
        (["os.median -> 20 months", "os.survival(36 months) -> 62.5%"], ["inconsistent major"], ""),
        # exactly one half may be a flat piece of the curve: nothing follows
        (["os.median -> 70 months", "os.survival(60 months) -> 50%"], [], ""),
        # twelve months of thirty days: 1 year may mean 360 days
        (["os.median -> 361 days", "os.survival(1 year) -> 49%"], ["consistent none"], ""),
        # another group
        (["os.median{arm=a} -> 70 months", "os.survival(60 months) -> 44%"], [], ""),
    ],
    "survival over time": [
        (["os.survival(1 year) -> 80%", "os.survival(3 years) -> 82%"], ["inconsistent major"], ""),
        (["os.survival(1 year) -> 80%", "os.survival(3 years) -> 80%"], ["consistent none"], ""),
    ],
    "medians of groups": [
        (
            [
                "os.median -> 20 months",
                "os.median{arm=a} -> 10 months",
                "os.median{arm=b} -> 30 months",
            ],
            ["consistent none"],
            "",
        ),
        (
            ["age.median -> 70", "age.median{arm=a} -> 50", "age.median{arm=b} -> 60"],
            ["inconsistent minor"],
            "between its parts",
        ),
        (
            [
                "os.median -> 40 months",
                "os.median{arm=a} -> 10 months",
                "os.median{arm=b} -> 30 months",
            ],
            ["not checkable minor"],
            "censoring",
        ),
    ],
    "rates as counts": [
        # 15/24
        (["n -> 24", "os.survival(3 years) -> 62.5%"], ["consistent none"], "15/24"),
        # 79.3% is 24.6 of 31, but 23 of 29, and 89.6% is 26/29 = 89.66% truncated
        (
            ["n -> 31", "pfs.survival(1 year) -> 79.3%", "os.survival(1 year) -> 89.6%"],
            ["explained note"],
            "23/29",
        ),
        # a survivor is censored at 70 months at the earliest: 26.4% would be 6.3 of 24
        (
            [
                "n -> 24",
                "os.survival(5 years) -> 26.4%",
                "os.followup_minimum{os=censored} -> 70 months",
            ],
            ["inconsistent minor"],
            "6/24",
        ),
        # of two patients a curve has the values 1, 1/2 and 0 only
        (["n -> 2", "os.survival(5 years) -> 30%"], ["inconsistent major"], "No whole number"),
    ],
    "splits of a rate": [
        # 10/11 and 5/13 make 15/24
        (
            [
                "n -> 24",
                "n{arm=a} -> 11",
                "n{arm=b} -> 13",
                "os.survival(3 years) -> 62.5%",
                "os.survival(3 years){arm=a} -> 90.9%",
                "os.survival(3 years){arm=b} -> 38.5%",
            ],
            ["consistent note"],
            "10 of 11 + 5 of 13 = 15 of 24",
        ),
        # a level without a rate holds the rest: 15 − 14 = 1 of 5
        (
            [
                "n -> 24",
                "n{arm=a} -> 19",
                "n{arm=b} -> 5",
                "os.survival(3 years) -> 62.5%",
                "os.survival(3 years){arm=a} -> 73.7%",
                "os.survival(3 years){arm=b} -> NA",
            ],
            ["consistent note"],
            "1 of the 5 without a printed rate",
        ),
        (
            [
                "n -> 24",
                "n{arm=a} -> 11",
                "n{arm=b} -> 13",
                "os.survival(3 years) -> 62.5%",
                "os.survival(3 years){arm=a} -> 90.9%",
                "os.survival(3 years){arm=b} -> 46.2%",
            ],
            ["not checkable note"],
            "10 of 11 + 6 of 13",
        ),
        (
            [
                "n -> 24",
                "n{arm=a} -> 11",
                "n{arm=b} -> 13",
                "os.survival(3 years) -> 62.5%",
                "os.survival(3 years){arm=a} -> 90.9%",
                "os.survival(3 years){arm=b} -> 46.2%",
                "os.followup_minimum{os=censored} -> 40 months",
            ],
            ["inconsistent minor"],
            "10 of 11 + 6 of 13",
        ),
    ],
    "median and follow-up": [
        (
            ["os.median -> 80 months", "os.followup_maximum -> 70 months"],
            ["inconsistent major"],
            "beyond the longest",
        ),
        (
            ["os.median -> 80 months", "os.followup_median -> 40 months"],
            ["not checkable note"],
            "few",
        ),
        (["os.median -> 50 months", "os.followup_median -> 40 months"], [], ""),
    ],
    "intervals hold their value": [
        (["os.median -> 49.9 months (30.0 to 59.4)"], ["consistent none"], ""),
        (["os.median -> 29.9 months (30.0 to 59.4)"], ["inconsistent major"], ""),
    ],
    # 5/13: log-log 14.05 to 62.80, plain 12.0 to 64.9, Wilson 17.7 to 64.5
    "type of interval": [
        (
            ["n -> 13", "os.survival(3 years) -> 38.5% (14.1 to 62.8)"],
            ["consistent note"],
            "type log-log",
        ),
        (
            ["n -> 13", "os.survival(3 years) -> 38.5% (12.0 to 64.9)"],
            ["consistent note"],
            "type plain",
        ),
        (
            ["n -> 13", "sex.proportion(male) -> 38.5% (17.7 to 64.5)"],
            ["consistent note"],
            "type wilson",
        ),
        (
            ["n -> 13", "sex.proportion(male) -> 38.5% (20.1 to 60.0)"],
            ["not checkable note"],
            "None of 5",
        ),
        # two rows log-log, one not
        (
            [
                "n -> 13",
                "n{arm=a} -> 11",
                "n{arm=b} -> 4",
                "os.survival(3 years) -> 38.5% (14.1 to 62.8)",
                "os.survival(3 years){arm=a} -> 90.9% (50.8 to 98.7)",
                "os.survival(3 years){arm=b} -> 50.0% (15.8 to 84.5)",
            ],
            ["consistent note", "not checkable note"],
            "2 of 3 intervals",
        ),
    ],
    # log 2.0 = 0.693, log(4.0 / 1.0) / 3.92 = 0.354: z = 1.96, p = 0.05
    "ratio and p": [
        (
            [
                "os.hazard_ratio by arm(a / b) -> 2.00 (1.00 to 4.00)",
                "os.cox_p by arm(a / b) -> 0.05",
            ],
            ["consistent none"],
            "",
        ),
        (
            [
                "os.hazard_ratio by arm(a / b) -> 2.00 (1.00 to 4.00)",
                "os.cox_p by arm(a / b) -> 0.01",
            ],
            ["inconsistent minor"],
            "",
        ),
        (
            [
                "os.hazard_ratio by arm(a / b) -> 2.00 (1.20 to 3.33)",
                "os.cox_p by arm(a / b) -> 0.20",
            ],
            ["inconsistent major"],
            "",
        ),
        # a log-rank test is another test: only the side of 0.05 counts
        (
            ["os.hazard_ratio by arm(a / b) -> 2.00 (1.20 to 3.33)", "os.logrank_p by arm -> 0.02"],
            ["consistent none"],
            "",
        ),
        (
            ["os.hazard_ratio by arm(a / b) -> 2.00 (1.20 to 3.33)", "os.logrank_p by arm -> 0.20"],
            ["inconsistent major"],
            "",
        ),
    ],
    "ratio and interval": [
        (["os.hazard_ratio by arm(a / b) -> 2.00 (1.00 to 4.00)"], [], ""),
        (["os.hazard_ratio by arm(a / b) -> 3.00 (1.00 to 4.00)"], ["not checkable note"], ""),
    ],
    "ranges": [
        (["age.median -> 47.5", "age.minimum -> 5", "age.maximum -> 71"], ["consistent none"], ""),
        (["age.median -> 3", "age.minimum -> 5"], ["inconsistent minor"], "5 lies above 3"),
        # 5 patients, 0 to 10, median 2: the mean is at most (0 + 2 + 2 + 10 + 10) / 5 = 4.8
        (
            [
                "n -> 5",
                "size.minimum -> 0.0",
                "size.median -> 2.0",
                "size.maximum -> 10.0",
                "size.mean -> 4.8",
            ],
            ["consistent none"],
            "",
        ),
        (
            [
                "n -> 5",
                "size.minimum -> 0.0",
                "size.median -> 2.0",
                "size.maximum -> 10.0",
                "size.mean -> 5.1",
            ],
            ["inconsistent minor"],
            "a mean of",
        ),
        # two values at most 10 apart have a standard deviation of at most 7.07
        (
            [
                "n -> 2",
                "size.minimum -> 0.0",
                "size.maximum -> 10.0",
                "size.mean -> 5.0",
                "size.sd -> 7.5",
            ],
            ["inconsistent minor"],
            "standard deviation",
        ),
    ],
    # 10 whole numbers have a mean of tenths, 9 a median without halves
    "grain of whole numbers": [
        (["n -> 10", "age.mean -> 44.3"], ["consistent none"], ""),
        (["n -> 10", "age.mean -> 44.35"], ["inconsistent minor"], "no mean of 10"),
        (["n -> 9", "age.median -> 47.5"], ["explained note"], "possible with 8"),
        (["n -> 142", "age.median -> 47.5", "age.mean -> 44.35"], ["consistent none"], ""),
        (["n -> 10", "size.mean -> 44.35"], [], ""),  # sizes need not be whole
    ],
    # 54/27, 13/16, 1/5, 11/15: chi-squared 10.93, df 3, p 0.0121
    "cross table": [
        (
            [
                f"n{{arm={a}, response={r}}} -> {n}"
                for a, r, n in [
                    ("a", "CR", 54),
                    ("a", "PR", 13),
                    ("a", "SD", 1),
                    ("a", "PD", 11),
                    ("b", "CR", 27),
                    ("b", "PR", 16),
                    ("b", "SD", 5),
                    ("b", "PD", 15),
                ]
            ]
            + ["response.chi2_p by arm -> 0.012"],
            ["consistent note"],
            "25% of the expected counts are below 5",
        ),
        # 8/2 against 3/7: chi-squared 5.05 (p 0.025), with Yates's correction 3.23 (p 0.072),
        # Fisher's exact test 0.070
        (
            [
                "n{arm=a, sex=male} -> 8",
                "n{arm=b, sex=male} -> 3",
                "n{arm=a, sex=female} -> 2",
                "n{arm=b, sex=female} -> 7",
                "sex.chi2_p by arm -> 0.072",
            ],
            ["consistent note"],
            "Yates",
        ),
        (
            [
                "n{arm=a, sex=male} -> 8",
                "n{arm=b, sex=male} -> 3",
                "n{arm=a, sex=female} -> 2",
                "n{arm=b, sex=female} -> 7",
                "sex.chi2_p by arm -> 0.070",
            ],
            ["explained note"],
            "the test is Fisher's exact",
        ),
        (
            [
                "n{arm=a, sex=male} -> 8",
                "n{arm=b, sex=male} -> 3",
                "n{arm=a, sex=female} -> 2",
                "n{arm=b, sex=female} -> 7",
                "sex.chi2_p by arm -> 0.5",
            ],
            ["inconsistent major"],
            "no usual test",
        ),
        (["sex.chi2_p by arm -> 0.5"], ["not checkable none"], "not printed whole"),
    ],
    "printed twice": [
        (
            ["Abstract | os.median -> 49.9 months", "Table 2 | os.median -> 50 months"],
            ["consistent none"],
            "",
        ),
        (
            ["Abstract | os.median -> 49.9 months", "Table 2 | os.median -> 51 months"],
            ["inconsistent minor"],
            "Table 2",
        ),
        # 1519 days are 49.906 months
        (
            ["Abstract | os.median -> 49.9 months", "Table 2 | os.median -> 1519 days"],
            ["consistent none"],
            "",
        ),
        (
            ["Abstract | os.logrank_p by arm -> < 0.05", "Table 2 | os.logrank_p by arm -> 0.2"],
            ["inconsistent major"],
            "",
        ),
    ],
    "one figure for two groups": [
        (
            [
                "n -> 142",
                "os.events -> 66",
                "os.followup_median -> 49.38 months",
                "os.followup_median{os=censored} -> 49.38 months",
            ],
            ["explained minor"],
            "76 of 142",
        ),
        # two digits agree by accident, and so do extremes
        (
            ["os.followup_median -> 49 months", "os.followup_median{os=censored} -> 49 months"],
            [],
            "",
        ),
        (
            [
                "os.followup_maximum -> 476.17 months",
                "os.followup_maximum{os=censored} -> 476.17 months",
            ],
            [],
            "",
        ),
    ],
    "words and numbers": [
        (
            ["claim: os.logrank_p by arm -> < 0.05", "os.logrank_p by arm -> 0.04"],
            ["consistent none"],
            "",
        ),
        (
            ["claim: os.logrank_p by arm -> < 0.05", "os.logrank_p by arm -> 0.40"],
            ["inconsistent minor"],
            "",
        ),
        (
            [
                "claim: os.hazard_ratio by arm(a / b) -> < 1",
                "os.median{arm=a} -> 60 months",
                "os.median{arm=b} -> 20 months",
            ],
            ["consistent none"],
            "",
        ),
        (
            [
                "claim: os.hazard_ratio by arm(a / b) -> > 1",
                "os.median{arm=a} -> 60 months",
                "os.median{arm=b} -> 20 months",
            ],
            ["inconsistent minor"],
            "",
        ),
    ],
    "many tests": [
        (
            [
                f"Table 3 | os.logrank_p by {v} -> {p}"
                for v, p in [
                    ("sex", "< 0.001"),
                    ("arm", "0.01"),
                    ("grade", "0.04"),
                    ("response", "0.5"),
                    ("responder", "0.6"),
                ]
            ],
            ["consistent note"],
            "Sex (p < 0.001)",
        ),
        (
            [
                f"Table 3 | os.logrank_p by {v} -> {p}"
                for v, p in [
                    ("sex", "0.03"),
                    ("arm", "0.2"),
                    ("grade", "0.3"),
                    ("response", "0.5"),
                    ("responder", "0.6"),
                ]
            ],
            ["not checkable minor"],
            "Holm and by Benjamini-Hochberg: none",
        ),
        (["Table 3 | os.logrank_p by sex -> 0.03"], [], ""),
    ],
    "subgroups compared by p": [
        (
            [
                "os.logrank_p{age_group=elderly} by arm -> 0.71",
                "os.logrank_p{age_group=younger} by arm -> 0.01",
            ],
            ["not checkable minor"],
            "test of interaction",
        ),
        (
            ["os.logrank_p{age_group=elderly} by arm -> 0.71", "os.logrank_p by arm -> < 0.001"],
            ["not checkable minor"],
            "",
        ),
        (
            [
                "os.logrank_p{age_group=elderly} by arm -> 0.71",
                "os.logrank_p{age_group=younger} by arm -> 0.01",
                "os.interaction_p by arm within age_group -> 0.3",
            ],
            [],
            "",
        ),
        (
            [
                "os.logrank_p{age_group=elderly} by arm -> 0.71",
                "os.logrank_p{age_group=younger} by arm -> 0.60",
            ],
            [],
            "",
        ),
    ],
}

ROWS = [
    pytest.param(check, *row, id=f"{check} {i}")
    for check, rows in SPEC.items()
    for i, row in enumerate(rows, 1)
]


@pytest.mark.parametrize(("check", "lines", "expected", "says"), ROWS)
def test_spec(study, check, lines, expected, says):
    found = study.check(check, *lines)
    assert sorted(f"{f.verdict} {f.severity}" for f in found) == sorted(expected)
    text = " ".join(f"{f.title} {f.recomputed} {f.evidence} {f.hypothesis}" for f in found)
    assert says in text
