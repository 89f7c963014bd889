"""Numbers and estimands as people read them: units, p-values, intervals, words.

Everything here turns results that exist into text; nothing computes a result. Values come in
canonical units (shares as fractions of 1, times of endpoints in months) and leave as `62.5%`,
`49.9 months`, `<0.001`. A reconstructed value travels with its identified set.
"""

from __future__ import annotations

import re
from math import isinf, isnan

from resarc.estimand import Condition, Duration, Estimand
from resarc.protocol import Derived, Protocol

NOT_ESTIMABLE = "not estimable"
NOT_REACHED = "not reached"


# -- one number ----------------------------------------------------------------------------------


def unit(estimand: Estimand, protocol: Protocol) -> str:
    """The unit in which people read the estimand: '%', 'percentage points', 'months', the
    variable's own, or none."""
    scale = estimand.kind.scale
    if scale == "difference":
        return "percentage points"
    if scale == "fraction":
        return "" if estimand.statistic == "auc" else "%"
    if _is_time(estimand, protocol):
        return "months"
    if scale in ("unit", "unit difference"):
        name = estimand.by if estimand.kind.comparison == "marker" else estimand.subject
        return protocol.variable(name).unit
    return ""


def _is_time(estimand: Estimand, protocol: Protocol) -> bool:
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
    return f"{p:.3f}" if p < 0.0995 else f"{p:.2f}"


def format_value(
    estimand: Estimand, value: float, protocol: Protocol, *, with_unit: bool = True
) -> str:
    """A value for people: '62.5%', '49.9 months', '13', '2.45'. NaN is said in words."""
    if value is None or isnan(value):
        is_median = estimand.statistic in ("median", "reverse_followup_median")
        return NOT_REACHED if is_median and _is_time(estimand, protocol) else NOT_ESTIMABLE
    if isinf(value):
        return NOT_REACHED if _is_time(estimand, protocol) else "unbounded"
    if estimand.kind.scale == "p":
        return format_p(value)
    text = _digits(estimand, value, protocol)
    mark = unit(estimand, protocol) if with_unit else ""
    return text + ("%" if mark == "%" else f" {mark}" if mark else "")


def _digits(estimand: Estimand, value: float, protocol: Protocol) -> str:
    scale = estimand.kind.scale
    if scale == "count":
        return f"{value:.0f}" if float(value).is_integer() else f"{value:.1f}"
    if estimand.statistic == "auc":
        return f"{value:.2f}"
    if scale in ("fraction", "difference"):
        return _signless_zero(f"{100 * value:.1f}")
    if _is_time(estimand, protocol):
        return _signless_zero(f"{value:.1f}")
    if scale == "standardised":
        return f"{value:.2f}"
    if scale == "ratio":
        return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:.0f}"
    name = estimand.by if estimand.kind.comparison == "marker" else estimand.subject
    item = protocol.variable(name)
    whole = not isinstance(item, Derived) and item.type == "integer"
    if whole and float(value).is_integer():
        return f"{value:.0f}"
    return _signless_zero(f"{value:.2f}" if abs(value) < 10 else f"{value:.1f}")


def _signless_zero(text: str) -> str:
    return text.lstrip("-") if float(text) == 0 else text


def format_interval(estimand: Estimand, lower: float, upper: float, protocol: Protocol) -> str:
    """Two limits without unit, '30.0 to 59.4'; empty if neither is known."""
    if isnan(lower) and isnan(upper):
        return ""
    ends = [format_value(estimand, end, protocol, with_unit=False) for end in (lower, upper)]
    return f"{ends[0]} to {ends[1]}"


def format_estimate(
    estimand: Estimand, value: float, lower: float, upper: float, protocol: Protocol
) -> str:
    """A value with its confidence interval: '49.9 months (95% CI 30.0 to 59.4)'."""
    text = format_value(estimand, value, protocol)
    limits = format_interval(estimand, lower, upper, protocol)
    if not limits:
        return text
    return f"{text} ({100 * protocol.conventions.level:g}% CI {limits})"


def format_set(estimand: Estimand, lower: float, upper: float, protocol: Protocol) -> str:
    """An identified set, '(5.0 to 25.7)'; '(9)' where all consistent datasets agree as printed."""
    limits = format_interval(estimand, lower, upper, protocol)
    if not limits:
        return ""
    first, last = limits.split(" to ")
    return f"({first})" if first == last else f"({limits})"


def format_count(n: int, of: int | None = None, missing: int = 0) -> str:
    """A count with its share and what is missing: '20 (83.3%)', '20 (83.3%), 2 missing'."""
    text = f"{n}" if not of else f"{n} ({100 * n / of:.1f}%)"
    return f"{text}, {missing} missing" if missing else text


# -- estimands in words --------------------------------------------------------------------------


def describe(estimand: Estimand, protocol: Protocol) -> str:
    """The estimand in words: '3-year overall survival, age ≥ 56 years'."""
    text = _what(estimand, protocol)
    if estimand.contrast:
        first, second = (_level(estimand.by, level, protocol) for level in estimand.contrast)
        label = _low(protocol.label(estimand.by))
        said = label.casefold() in first.casefold()
        text += f", {first} against {second}" if said else f", {label}: {first} against {second}"
    elif estimand.by and estimand.kind.comparison == "contrast":
        text += f", {_for_one_more(protocol, estimand.by)}"
    elif estimand.kind.comparison == "marker":
        text += f", {_low(protocol.label(estimand.by))} as marker"
    elif estimand.by:
        text += f" by {_low(protocol.label(estimand.by))}"
    if estimand.within:
        text += f" within {_low(protocol.label(estimand.within))}"
    for condition in estimand.where:
        if condition.variable == estimand.subject and condition.level in _STATUS:
            text += f", {_STATUS[condition.level]}"
        else:
            text += f", {describe_condition(condition, protocol)}"
    if estimand.adjusted_for:
        names = [_low(protocol.label(name)) for name in estimand.adjusted_for]
        text += f", adjusted for {_listed(names)}"
    return text


_STATUS = {"event": "patients with an event", "censored": "censored patients"}


def describe_condition(condition: Condition, protocol: Protocol) -> str:
    """A property in words: 'sex: male', 'age ≥ 56 years', 'with local treatment'."""
    name = condition.variable
    if name in protocol.endpoint_names:
        label = _low(protocol.endpoint(name).label)
        return f"{_STATUS[condition.level]} ({label})"
    level, label = _level(name, condition.level, protocol), _low(protocol.label(name))
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
    return _low(text)


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
    "fisher_p": "Fisher's exact test of",
    "trend_p": "the linear-by-linear trend test of",
    "mann_whitney_p": "the Mann-Whitney test of",
    "kruskal_wallis_p": "the Kruskal-Wallis test of",
    "logrank_p": "the log-rank test of",
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
        return kind.label + (f": {_low(steps[str(at)])}" if kind.argument else "")
    if not estimand.subject:
        return kind.label
    label = _low(protocol.label(estimand.subject))
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
        word = "to" if name in ("rmst", "rmst_difference") else "at"
        return f"{kind.label} {word} {describe_duration(at)} ({label})"
    if name == "reverse_followup_median":
        return f"median follow-up by reverse Kaplan-Meier ({label})"
    if name.startswith("followup"):
        return f"{kind.label} ({label})"
    return f"{kind.label} of {label}" if name in _OF else f"{kind.label} {label}"


def _for_one_more(protocol: Protocol, name: str) -> str:
    measure = protocol.variable(name).unit or "unit"
    return f"for one {measure.removesuffix('s')} more of {_low(protocol.label(name))}"


def _low(label: str) -> str:
    """A label inside a sentence: the capital goes unless it belongs to an abbreviation."""
    first = re.split(r"[ \-/(,.]", label)[0]
    return (
        label if len(first) < 2 or first[1:] != first[1:].lower() else label[0].lower() + label[1:]
    )


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
