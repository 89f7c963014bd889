"""The language of Resarc: what is estimated, by which statistic, in whom, compared by what.

    n{sex=female}                                  patients with a property
    flow.excluded(no_records)                      patients a step of eligibility removes
    sex.proportion(female)                         share of patients at a level of a category
    age.median                                     summary of a number
    os.survival(36 months){dfi=<15}                survival at a time, in a subgroup
    os.median{local_treatment=yes}                 median survival time
    os.logrank_p by dfi                            a test across the levels of a category
    os.hazard_ratio by local_treatment(yes / no)   a contrast of two levels
    os.hazard_ratio by local_treatment(yes / no) adjusted for age
    os.interaction_p by local_treatment within age_group
    os.auc(36 months) by size                      a number as a marker of the endpoint's status

Whole form: ``subject.statistic(argument){variable=level, …} by variable(level / reference) within
modifier adjusted for covariate, …``. An endpoint is also a category with the levels ``event`` and
``censored``: ``n{os=event}`` counts its events. A level that holds one of ``" { } ( ) , /`` or
begins or ends with a space is written between double quotes.

`parse` and `str` are inverse to each other up to the canonical form: conditions are sorted, years
become months, weeks become days. Values of estimands are in canonical units: shares and survival
as fractions of 1, times of endpoints in months, numbers in the unit of their variable.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from difflib import get_close_matches
from typing import Literal

from resarc.errors import EstimandError

DAYS_PER_MONTH = 365.25 / 12
"""The length of a month wherever days and months meet (the mean Julian month)."""

Subject = Literal["patients", "flow", "category", "number", "endpoint"]
Argument = Literal["", "duration", "level", "step"]
Comparison = Literal["none", "groups", "contrast", "marker", "interaction"]
Scale = Literal[
    "count",
    "fraction",
    "p",
    "ratio",
    "months",
    "unit",
    "unit difference",
    "difference",
    "standardised",
]


@dataclass(frozen=True)
class Statistic:
    """One statistic of the language: where it applies and what its value means."""

    name: str
    subjects: tuple[Subject, ...]
    argument: Argument
    comparison: Comparison
    scale: Scale
    label: str


STATISTICS: dict[str, Statistic] = {
    s.name: s
    for s in (
        Statistic("n", ("patients",), "", "none", "count", "number of patients"),
        Statistic(
            "known",
            ("category", "number", "endpoint"),
            "",
            "none",
            "count",
            "patients with a known value",
        ),
        Statistic(
            "missing",
            ("category", "number", "endpoint"),
            "",
            "none",
            "count",
            "patients without a known value",
        ),
        Statistic("screened", ("flow",), "", "none", "count", "patients screened"),
        Statistic("excluded", ("flow",), "step", "none", "count", "patients excluded"),
        Statistic("remaining", ("flow",), "step", "none", "count", "patients remaining"),
        Statistic("proportion", ("category",), "level", "none", "fraction", "proportion"),
        Statistic("chi2_p", ("category",), "", "groups", "p", "chi-squared test, p"),
        Statistic("chi2_yates_p", ("category",), "", "groups", "p", "chi-squared test (Yates), p"),
        Statistic("fisher_p", ("category",), "", "groups", "p", "Fisher's exact test, p"),
        Statistic("trend_p", ("category",), "", "groups", "p", "linear-by-linear trend test, p"),
        Statistic("mean", ("number",), "", "none", "unit", "mean"),
        Statistic("sd", ("number",), "", "none", "unit", "standard deviation"),
        Statistic("median", ("number", "endpoint"), "", "none", "unit", "median"),
        Statistic("q1", ("number",), "", "none", "unit", "lower quartile"),
        Statistic("q3", ("number",), "", "none", "unit", "upper quartile"),
        Statistic("minimum", ("number",), "", "none", "unit", "minimum"),
        Statistic("maximum", ("number",), "", "none", "unit", "maximum"),
        Statistic(
            "median_difference",
            ("number",),
            "",
            "contrast",
            "unit difference",
            "difference of medians",
        ),
        Statistic(
            "standardised_difference",
            ("category", "number"),
            "",
            "contrast",
            "standardised",
            "standardised difference",
        ),
        Statistic("mann_whitney_p", ("number",), "", "groups", "p", "Mann-Whitney test, p"),
        Statistic(
            "mann_whitney_uncorrected_p",
            ("number",),
            "",
            "groups",
            "p",
            "Mann-Whitney test without continuity correction, p",
        ),
        Statistic("kruskal_wallis_p", ("number",), "", "groups", "p", "Kruskal-Wallis test, p"),
        Statistic("events", ("endpoint",), "", "none", "count", "events"),
        Statistic(
            "survival", ("endpoint",), "duration", "none", "fraction", "Kaplan-Meier survival"
        ),
        Statistic(
            "crude_rate",
            ("endpoint",),
            "duration",
            "none",
            "fraction",
            "share with observed time beyond",
        ),
        Statistic(
            "followed_rate",
            ("endpoint",),
            "duration",
            "none",
            "fraction",
            "share without the event of those followed to the time",
        ),
        Statistic("at_risk", ("endpoint",), "duration", "none", "count", "number at risk"),
        Statistic(
            "rmst", ("endpoint",), "duration", "none", "months", "restricted mean survival time"
        ),
        Statistic(
            "rmst_difference",
            ("endpoint",),
            "duration",
            "contrast",
            "months",
            "difference of restricted mean survival times",
        ),
        Statistic(
            "survival_difference",
            ("endpoint",),
            "duration",
            "contrast",
            "difference",
            "difference of survival",
        ),
        Statistic("followup_median", ("endpoint",), "", "none", "months", "median observed time"),
        Statistic("followup_mean", ("endpoint",), "", "none", "months", "mean observed time"),
        Statistic(
            "followup_minimum", ("endpoint",), "", "none", "months", "shortest observed time"
        ),
        Statistic("followup_maximum", ("endpoint",), "", "none", "months", "longest observed time"),
        Statistic(
            "reverse_followup_median",
            ("endpoint",),
            "",
            "none",
            "months",
            "median follow-up (reverse Kaplan-Meier)",
        ),
        Statistic("logrank_p", ("endpoint",), "", "groups", "p", "log-rank test, p"),
        Statistic("wilcoxon_p", ("endpoint",), "", "groups", "p", "Gehan-Breslow-Wilcoxon test, p"),
        Statistic("tarone_ware_p", ("endpoint",), "", "groups", "p", "Tarone-Ware test, p"),
        Statistic("peto_p", ("endpoint",), "", "groups", "p", "Peto-Peto test, p"),
        Statistic(
            "cox_lr_p", ("endpoint",), "", "groups", "p", "Cox regression, likelihood-ratio p"
        ),
        Statistic("hazard_ratio", ("endpoint",), "", "contrast", "ratio", "hazard ratio"),
        Statistic("cox_p", ("endpoint",), "", "contrast", "p", "Cox regression, Wald p"),
        Statistic("ph_p", ("endpoint",), "", "groups", "p", "proportional-hazards test, p"),
        Statistic(
            "interaction_p",
            ("endpoint",),
            "",
            "interaction",
            "p",
            "interaction, likelihood-ratio p",
        ),
        Statistic(
            "auc", ("endpoint",), "duration", "marker", "fraction", "area under the ROC curve"
        ),
        Statistic("roc_cutoff", ("endpoint",), "duration", "marker", "unit", "ROC cut-off"),
    )
}

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_DURATION = re.compile(r"(\d+(?:\.\d+)?) (day|week|month|year)s?")
_BARE_LEVEL = re.compile(r'[^"{}(),/]+')
_UNIT = {"year": ("month", 12), "week": ("day", 7), "month": ("month", 1), "day": ("day", 1)}


@dataclass(frozen=True, order=True)
class Duration:
    """A length of time as a paper states it; compared and printed in days or months."""

    value: Decimal
    unit: Literal["day", "month"]

    @classmethod
    def parse(cls, text: str) -> Duration:
        match = _DURATION.fullmatch(text.strip())
        if not match or Decimal(match[1]) <= 0:
            raise EstimandError(
                f"duration {text!r}", repr(text), "a positive length such as '36 months'"
            )
        unit, factor = _UNIT[match[2]]
        return cls((Decimal(match[1]) * factor).normalize(), unit)

    @property
    def months(self) -> float:
        return float(self.value) / (DAYS_PER_MONTH if self.unit == "day" else 1)

    def __str__(self) -> str:
        return f"{self.value:f} {self.unit}{'' if self.value == 1 else 's'}"


@dataclass(frozen=True, order=True)
class Condition:
    """Patients whose category `variable` is `level`."""

    variable: str
    level: str

    def __str__(self) -> str:
        return f"{self.variable}={_write_level(self.level)}"


@dataclass(frozen=True)
class Estimand:
    """What a number estimates. Build it by `parse` or by keywords; an invalid one cannot exist."""

    statistic: str
    subject: str = ""
    argument: Duration | str | None = None
    where: tuple[Condition, ...] = ()
    by: str = ""
    contrast: tuple[str, str] | None = None
    within: str = ""
    adjusted_for: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "where", tuple(sorted(self.where)))
        object.__setattr__(self, "adjusted_for", tuple(sorted(self.adjusted_for)))
        known = STATISTICS.get(self.statistic)
        if known is None:
            near = get_close_matches(self.statistic, STATISTICS)
            hint = f"perhaps {' or '.join(near)}; " if near else ""
            self._refuse(f"statistic {self.statistic!r}", f"{hint}one of {', '.join(STATISTICS)}")
        if (self.subject == "") != (known.subjects == ("patients",)):
            self._refuse(
                f"subject {self.subject!r}",
                f"{'no subject' if self.subject else 'an endpoint or variable'} before {self.statistic!r}",
            )
        if (self.subject == "flow") != ("flow" in known.subjects):
            self._refuse(
                f"{self.subject}.{self.statistic}",
                "screened, excluded or remaining after 'flow.', and only there",
            )
        if known.argument == "duration" and not isinstance(self.argument, Duration):
            self._refuse(
                f"argument {self.argument!r}",
                f"a length of time, as in {self.statistic}(36 months)",
            )
        if known.argument in ("level", "step") and not (
            isinstance(self.argument, str) and self.argument
        ):
            self._refuse(
                f"argument {self.argument!r}", f"a {known.argument}, as in {self.statistic}(name)"
            )
        if known.argument == "" and self.argument is not None:
            self._refuse(f"argument {self.argument!r}", f"no argument after {self.statistic!r}")
        if (self.by == "") != (known.comparison == "none"):
            self._refuse(
                f"comparison by {self.by!r}",
                f"{'no ' if self.by else ''}'by variable' with {self.statistic!r}",
            )
        if self.contrast and (
            known.comparison != "contrast" or self.contrast[0] == self.contrast[1]
        ):
            self._refuse(
                f"contrast {self.contrast!r}",
                "two different levels, only after a statistic that compares two groups",
            )
        if (self.within == "") != (known.comparison != "interaction"):
            self._refuse(
                f"within {self.within!r}", "'within modifier' after interaction_p, and only there"
            )
        if self.adjusted_for and self.statistic not in (
            "hazard_ratio",
            "cox_p",
            "interaction_p",
            "ph_p",
        ):
            self._refuse(
                f"adjusted for {', '.join(self.adjusted_for)}",
                "adjustment only of a Cox regression",
            )
        names = [
            n
            for n in (
                self.subject,
                self.by,
                self.within,
                *self.adjusted_for,
                *(c.variable for c in self.where),
            )
            if n
        ]
        for name in names:
            if not _NAME.fullmatch(name):
                self._refuse(
                    f"name {name!r}", "lower-case letters, digits and underscores, a letter first"
                )
        variables = [c.variable for c in self.where]
        if len(set(variables)) < len(variables):
            self._refuse(
                f"conditions {', '.join(map(str, self.where))}",
                "each variable at most once between braces",
            )

    def _refuse(self, found: str, expected: str) -> None:
        raise EstimandError("estimand", found, expected)

    @property
    def kind(self) -> Statistic:
        return STATISTICS[self.statistic]

    @property
    def time(self) -> float:
        """The time argument in months; an error where there is none."""
        if not isinstance(self.argument, Duration):
            raise TypeError(f"{self} has no time")
        return self.argument.months

    @property
    def variables(self) -> frozenset[str]:
        """Every variable and endpoint that the estimand speaks of."""
        names = {self.by, self.within, *self.adjusted_for, *(c.variable for c in self.where)}
        if self.subject != "flow":
            names.add(self.subject)
        return frozenset(names - {""})

    @classmethod
    def parse(cls, text: str) -> Estimand:
        """Read an estimand from its text form; `EstimandError` says what is wrong and where."""
        return _Reader(text).estimand()

    def __str__(self) -> str:
        text = f"{self.subject}.{self.statistic}" if self.subject else self.statistic
        if isinstance(self.argument, Duration):
            text += f"({self.argument})"
        elif self.argument is not None:
            text += f"({_write_level(self.argument)})"
        if self.where:
            text += "{" + ", ".join(map(str, self.where)) + "}"
        if self.by:
            text += f" by {self.by}"
        if self.contrast:
            text += f"({_write_level(self.contrast[0])} / {_write_level(self.contrast[1])})"
        if self.within:
            text += f" within {self.within}"
        if self.adjusted_for:
            text += " adjusted for " + ", ".join(self.adjusted_for)
        return text

    def __lt__(self, other: Estimand) -> bool:
        return str(self) < str(other)


def _write_level(level: str) -> str:
    if _BARE_LEVEL.fullmatch(level) and level == level.strip() and "\\" not in level:
        return level
    return '"' + level.replace("\\", "\\\\").replace('"', '\\"') + '"'


class _Reader:
    """A recursive-descent reader of the text form, with the position for its errors."""

    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0

    def fail(self, expected: str) -> None:
        rest = self.text[self.at :] or "the end"
        raise EstimandError(
            f"estimand {self.text!r}, character {self.at + 1}", repr(rest), expected
        )

    def take(self, mark: str) -> bool:
        if self.text.startswith(mark, self.at):
            self.at += len(mark)
            return True
        return False

    def need(self, mark: str) -> None:
        if not self.take(mark):
            self.fail(repr(mark))

    def spaces(self) -> None:
        while self.take(" "):
            pass

    def name(self) -> str:
        match = _NAME.match(self.text, self.at)
        if not match:
            self.fail("a name (lower-case letters, digits, underscores)")
        self.at = match.end()
        return match[0]

    def names(self) -> list[str]:
        found = [self.name()]
        while self.take(","):
            self.spaces()
            found.append(self.name())
        return found

    def level(self) -> str:
        self.spaces()
        if self.take('"'):
            found = []
            while not self.take('"'):
                if self.take("\\") and self.at >= len(self.text):
                    self.fail("a character after the backslash")
                if self.at >= len(self.text):
                    self.fail("a closing double quote")
                found.append(self.text[self.at])
                self.at += 1
            self.spaces()
            return "".join(found)
        match = _BARE_LEVEL.match(self.text, self.at)
        if not match:
            self.fail("a level")
        self.at = match.end()
        return match[0].strip()

    def argument(self, statistic: str) -> Duration | str | None:
        if not self.take("("):
            return None
        start, found = self.at, self.level()
        self.need(")")
        known = STATISTICS.get(statistic)
        if known and known.argument == "duration":
            if not _DURATION.fullmatch(found):
                self.at = start
                self.fail("a length of time such as '36 months'")
            return Duration.parse(found)
        return found

    def conditions(self) -> list[Condition]:
        found = []
        if not self.take("{"):
            return found
        while True:
            self.spaces()
            variable = self.name()
            self.spaces()
            self.need("=")
            found.append(Condition(variable, self.level()))
            if self.take("}"):
                return found
            self.need(",")

    def estimand(self) -> Estimand:
        self.spaces()
        subject, statistic = "", self.name()
        if self.take("."):
            subject, statistic = statistic, self.name()
        argument, where = self.argument(statistic), self.conditions()
        by, contrast, within, adjusted = "", None, "", []
        if self.take(" by "):
            by = self.name()
            if self.take("("):
                first = self.level()
                self.need("/")
                contrast = (first, self.level())
                self.need(")")
        if self.take(" within "):
            within = self.name()
        if self.take(" adjusted for "):
            adjusted = self.names()
        self.spaces()
        if self.at < len(self.text):
            self.fail("the end of the estimand")
        try:
            return Estimand(
                statistic, subject, argument, tuple(where), by, contrast, within, tuple(adjusted)
            )
        except EstimandError as error:
            raise EstimandError(f"estimand {self.text!r}", error.found, error.expected) from None
