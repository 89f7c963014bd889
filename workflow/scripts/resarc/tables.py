"""Numbers and estimands as people read them: units, p-values, intervals, words.

Everything here turns results that exist into text; nothing computes a result. Values come in
canonical units (shares as fractions of 1, times of endpoints in months) and leave as `62.5%`,
`49.9 months`, `<0.001`. A reconstructed value travels with its identified set.

The conventions, for every report, table, snippet and document:

- p: three decimals below 0.1, two from there on, `<0.001` and `>0.99` at the ends. Never `0.000`,
  never stars, never "NS".
- Shares: one decimal, so that they can be held against a printed figure. In the tables and sentences
  meant for a manuscript (`of` given) the denominator decides: no decimal below 100 patients, where
  one patient is more than a percentage point, else one. A count stands with every share of a table.
- Times in months and percentage points: one decimal. Ratios: two decimals below 10, one below 100,
  else none. Standardised differences: two. Numbers of a variable: two decimals below 10, else one;
  whole numbers of a whole-number variable none; the same for all that share a cell.
- Halves are rounded away from zero, as papers round them.
- The decimal mark is a point, whatever the machine's locale. No separator of thousands within tables.
- A range or interval is written `30.0 to 59.4`, since a dash could be read as a minus. A minus is U+2212.
  An en dash joins only the ends of a level of a category (`6–10`), where nothing can be negative.
- A value that does not exist is said in words: `not reached`, `not estimable`, `unbounded`.

Sources: Lang & Altman, SAMPL guidelines, in: Science Editors' Handbook, 2013; Cole, Arch Dis Child
2015;100:608 (decimal places).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal
from math import isinf, isnan

from resarc.estimand import Condition, Duration, Estimand
from resarc.protocol import Derived, Protocol

NOT_ESTIMABLE = "not estimable"
NOT_REACHED = "not reached"
MINUS = "\u2212"
NBSP = "\u00a0"
FEW = 100
"""Denominators below this have shares without decimals."""
SUPPRESSED = "suppressed"
"""A result that a rule of disclosure keeps back; the note of its row begins with it."""


# -- one number ----------------------------------------------------------------------------------


def unit(estimand: Estimand, protocol: Protocol) -> str:
    """The unit in which people read the estimand: '%', 'percentage points', 'months', the
    variable's own, or none."""
    scale = estimand.kind.scale
    if scale == "difference":
        return "percentage points"
    if scale == "fraction":
        return "" if estimand.statistic == "auc" else "%"
    if is_time(estimand, protocol):
        return "months"
    if scale in ("unit", "unit difference"):
        name = estimand.by if estimand.kind.comparison == "marker" else estimand.subject
        return protocol.variable(name).unit
    return ""


def is_time(estimand: Estimand, protocol: Protocol) -> bool:
    return estimand.kind.scale == "months" or (
        estimand.statistic == "median" and estimand.subject in protocol.endpoint_names
    )


def format_p(p: float) -> str:
    """A p-value: '<0.001', '0.004', '0.21', '>0.99'; two digits from 0.1 on, else three."""
    if isnan(p):
        return NOT_ESTIMABLE
    if p < 0.001:
        return "<0.001"
    if p > 0.99:
        return ">0.99"
    return fixed(p, 3) if p < 0.0995 else fixed(p, 2)


def fixed(value: float, decimals: int) -> str:
    """A number with so many decimals, halves away from zero: '62.5' is '63' without decimals.

    Decides on the shortest decimal that stands for the float, so that 0.285 counts as a half. A
    minus is a true minus sign, and zero has none.
    """
    rounded = Decimal(repr(float(value))).quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP)
    return f"{abs(rounded) if rounded == 0 else rounded:f}".replace("-", MINUS)


def format_share(share: float, of: float | None = None) -> str:
    """A fraction of 1 in per cent, without the sign: '62.5'; '62' of fewer than 100 patients."""
    per_cent = float(Decimal(repr(float(share))) * 100)
    return fixed(per_cent, 0 if of is not None and of < FEW else 1)


def format_value(
    estimand: Estimand,
    value: float,
    protocol: Protocol,
    *,
    with_unit: bool = True,
    of: float | None = None,
) -> str:
    """A value for people: '62.5%', '49.9 months', '13', '2.45'. NaN is said in words. `of` is the
    number of patients behind a share, if it is to decide the share's decimals."""
    if value is None or isnan(value):
        is_median = estimand.statistic in ("median", "reverse_followup_median")
        return NOT_REACHED if is_median and is_time(estimand, protocol) else NOT_ESTIMABLE
    if isinf(value):
        return NOT_REACHED if is_time(estimand, protocol) else "unbounded"
    if estimand.kind.scale == "p":
        return format_p(value)
    text = _digits(estimand, value, protocol, of)
    mark = unit(estimand, protocol) if with_unit else ""
    return text + ("%" if mark == "%" else f" {mark}" if mark else "")


def _digits(estimand: Estimand, value: float, protocol: Protocol, of: float | None) -> str:
    scale = estimand.kind.scale
    if scale == "count":
        return fixed(value, 0 if float(value).is_integer() else 1)
    if estimand.statistic == "auc":
        return fixed(value, 2)
    if scale in ("fraction", "difference"):
        return format_share(value, of)
    if is_time(estimand, protocol):
        return fixed(value, 1)
    if scale == "standardised":
        return fixed(value, 2)
    if scale == "ratio":
        return fixed(value, 2 if value < 10 else 1 if value < 100 else 0)
    name = estimand.by if estimand.kind.comparison == "marker" else estimand.subject
    return fixed(value, _decimals(name, [value], protocol))


def _decimals(name: str, values: Sequence[float], protocol: Protocol) -> int:
    """The decimals of numbers of one variable that stand together."""
    item = protocol.variable(name)
    whole = not isinstance(item, Derived) and item.type == "integer"
    if whole and all(float(value).is_integer() for value in values):
        return 0
    return 2 if max(map(abs, values), default=0.0) < 10 else 1


def format_alike(variable: str, values: Sequence[float], protocol: Protocol) -> list[str]:
    """Summaries of one variable in one cell, without unit and all with as many decimals."""
    known = [value for value in values if not isnan(value)]
    decimals = _decimals(variable, known, protocol)
    return [NOT_ESTIMABLE if isnan(value) else fixed(value, decimals) for value in values]


def format_interval(
    estimand: Estimand, lower: float, upper: float, protocol: Protocol, *, of: float | None = None
) -> str:
    """Two limits without unit, '30.0 to 59.4'; empty if neither is known."""
    if isnan(lower) and isnan(upper):
        return ""
    ends = [format_value(estimand, end, protocol, with_unit=False, of=of) for end in (lower, upper)]
    return f"{ends[0]} to {ends[1]}"


def format_estimate(
    estimand: Estimand,
    value: float,
    lower: float,
    upper: float,
    protocol: Protocol,
    *,
    of: float | None = None,
) -> str:
    """A value with its confidence interval: '49.9 months (95% CI 30.0 to 59.4)'."""
    text = format_value(estimand, value, protocol, of=of)
    limits = format_interval(estimand, lower, upper, protocol, of=of)
    if not limits:
        return text
    return f"{text} ({100 * protocol.conventions.level:g}% CI {limits})"


def format_range(
    estimand: Estimand, lower: float, upper: float, protocol: Protocol, *, of: float | None = None
) -> str:
    """An identified set: '30.1 to 59.4 months', '<0.001 to 0.04'; '12' where all datasets agree as
    printed. Its parts do not come apart at the end of a line."""
    ends = (lower, upper)
    both = [format_value(estimand, end, protocol, with_unit=False, of=of) for end in ends]
    full = [format_value(estimand, end, protocol, of=of) for end in ends]
    if both[0] == both[1]:
        return full[0]
    wordless = all(any(c.isdigit() for c in end) for end in both)
    return f"{both[0] if wordless else full[0]}{NBSP}to{NBSP}{full[1]}"


# -- estimands in words --------------------------------------------------------------------------


def describe(estimand: Estimand, protocol: Protocol) -> str:
    """The estimand in words: '3-year overall survival, age ≥ 56 years'."""
    text = _what(estimand, protocol)
    if estimand.contrast:
        first, second = (_level(estimand.by, level, protocol) for level in estimand.contrast)
        label = inside(protocol.label(estimand.by))
        said = label.casefold() in first.casefold()
        text += f", {first} against {second}" if said else f", {label}: {first} against {second}"
    elif estimand.by and estimand.kind.comparison == "contrast":
        text += f", {_for_one_more(protocol, estimand.by)}"
    elif estimand.kind.comparison == "marker":
        text += f", {inside(protocol.label(estimand.by))} as marker"
    elif estimand.by:
        text += f" by {inside(protocol.label(estimand.by))}"
    if estimand.within:
        text += f" within {inside(protocol.label(estimand.within))}"
    for condition in estimand.where:
        if condition.variable == estimand.subject and condition.level in _STATUS:
            text += f", {_STATUS[condition.level]}"
        else:
            text += f", {describe_condition(condition, protocol)}"
    if estimand.adjusted_for:
        names = [inside(protocol.label(name)) for name in estimand.adjusted_for]
        text += f", adjusted for {_listed(names)}"
    return text


_STATUS = {"event": "patients with an event", "censored": "censored patients"}


def describe_condition(condition: Condition, protocol: Protocol) -> str:
    """A property in words: 'sex: male', 'age ≥ 56 years', 'with local treatment'."""
    name = condition.variable
    if name in protocol.endpoint_names:
        label = inside(protocol.endpoint(name).label)
        return f"{_STATUS[condition.level]} ({label})"
    level, label = _level(name, condition.level, protocol), inside(protocol.label(name))
    if label.casefold() in level.casefold():
        return level
    return f"{label} {level}" if _is_bound(level) else f"{label}: {level}"


def _level(name: str, level: str, protocol: Protocol) -> str:
    """A level inside a sentence; a bound or range of a number with the number's unit."""
    text = protocol.level_label(name, level)
    item = None if name in protocol.endpoint_names else protocol.variable(name)
    measure = item.unit if isinstance(item, Derived) else ""
    if _is_bound(text):
        return f"{text} {measure}" if measure and text[-1].isdigit() else text
    return inside(text)


def _is_bound(level: str) -> bool:
    """Whether a level speaks of a number: '< 56', '≥ 1.92', '6–10'."""
    return level[:1] in "<>≤≥=" or level[:1].isdigit()


def describe_duration(duration: Duration, *, adjective: bool = False) -> str:
    """'3 years' or '3-year' from 36 months; '147 days'."""
    number, unit_ = duration.value, duration.unit
    if unit_ == "month" and number % 12 == 0:
        number, unit_ = number / 12, "year"
    if adjective:
        return f"{number:f}-{unit_}"
    return f"{number:f} {unit_}{'' if number == 1 else 's'}"


_TESTS = {
    "chi2_p": "the chi-squared test of",
    "chi2_yates_p": "the chi-squared test (Yates) of",
    "fisher_p": "Fisher's exact test of",
    "trend_p": "the linear-by-linear trend test of",
    "mann_whitney_p": "the Mann-Whitney test of",
    "mann_whitney_uncorrected_p": "the Mann-Whitney test without correction of",
    "kruskal_wallis_p": "the Kruskal-Wallis test of",
    "logrank_p": "the log-rank test of",
    "wilcoxon_p": "the Gehan-Breslow-Wilcoxon test of",
    "tarone_ware_p": "the Tarone-Ware test of",
    "peto_p": "the Peto-Peto test of",
    "cox_lr_p": "Cox regression (likelihood ratio) of",
    "cox_p": "Cox regression (Wald) of",
    "ph_p": "the test of proportional hazards of",
    "interaction_p": "the interaction test (likelihood ratio) of",
}
_OF = (
    "known",
    "missing",
    "standardised_difference",
    "events",
    "sd",
    "q1",
    "q3",
    "minimum",
    "maximum",
    "median_difference",
    "hazard_ratio",
)


def _what(estimand: Estimand, protocol: Protocol) -> str:
    """Statistic and subject in words, without groups and conditions."""
    name, kind, at = estimand.statistic, estimand.kind, estimand.argument
    if estimand.subject == "flow":
        steps = {step.id: step.label for step in protocol.eligibility}
        return kind.label + (f": {inside(steps[str(at)])}" if kind.argument else "")
    if not estimand.subject:
        return kind.label
    label = inside(protocol.label(estimand.subject))
    if name in _TESTS:
        return f"p-value of {_TESTS[name]} {label}"
    if name == "proportion":
        return f"share of patients, {describe_condition(Condition(estimand.subject, str(at)), protocol)}"
    if isinstance(at, Duration):
        if name == "survival":
            return f"{describe_duration(at, adjective=True)} {label}"
        if name == "survival_difference":
            return f"difference of {describe_duration(at, adjective=True)} {label}"
        if name == "crude_rate":
            return f"share of patients observed longer than {describe_duration(at)} ({label})"
        if name == "followed_rate":
            return f"share without the event of those followed to {describe_duration(at)} ({label})"
        word = "to" if name in ("rmst", "rmst_difference") else "at"
        return f"{kind.label} {word} {describe_duration(at)} ({label})"
    if name == "reverse_followup_median":
        return f"median follow-up by reverse Kaplan-Meier ({label})"
    if name.startswith("followup"):
        return f"{kind.label} ({label})"
    return f"{kind.label} of {label}" if name in _OF else f"{kind.label} {label}"


def _for_one_more(protocol: Protocol, name: str) -> str:
    measure = protocol.variable(name).unit or "unit"
    return f"for one {measure.removesuffix('s')} more of {inside(protocol.label(name))}"


def inside(label: str) -> str:
    """A label inside a sentence: the capital goes unless it belongs to an abbreviation."""
    first = re.split(r"[ \-/(,.]", label)[0]
    return (
        label if len(first) < 2 or first[1:] != first[1:].lower() else label[0].lower() + label[1:]
    )


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
