"""The methods, in words generated from the protocol and from what was computed."""

from __future__ import annotations

from collections.abc import Iterable

from resarc.protocol import Condition as Rule
from resarc.protocol import Protocol
from resarc.report.citations import Citations
from resarc.report.model import (
    Block,
    Bullets,
    Column,
    Facts,
    Run,
    paragraph,
    table,
    text,
)
from resarc.report.results import (
    Results,
    capital,
    sentence,
    text_of,
)
from resarc.report.study.inputs import StudyInputs

_METHODS = {
    "survival": ("kaplan1958", "greenwood1926"),
    "median": ("brookmeyer1982",),
    "hazard_ratio": ("cox1972", "efron1977"),
    "ph_p": ("grambsch1994",),
    "roc_cutoff": ("youden1950",),
}


def methods(given: StudyInputs, results: Results, cited: Citations) -> Iterable[Block]:
    protocol, conventions = given.protocol, given.protocol.conventions
    yield paragraph(
        f"Time zero: {protocol.origin_label}. A patient was analysed who met, in this order: "
        + "; ".join(f"{step.label} ({', '.join(_rule(protocol, rule) for rule in step.keep)})" for step in protocol.eligibility)
        + "."
    )  # fmt: skip
    yield table(
        "endpoints", "Endpoints", [Column("Endpoint", width=1), Column("Definition", width=3)],
        [(endpoint.label, sentence(endpoint.definition)) for endpoint in protocol.endpoints], stage="protocol",
    )  # fmt: skip
    yield paragraph(*_statistics_in_words(results, cited))
    yield Facts(
        (
            ("Confidence level", f"{100 * conventions.level:g}%"),
            ("Interval of survival", conventions.survival_interval),
            ("Interval of proportions", conventions.proportion_interval),
            ("Criterion of ROC cut-offs", conventions.roc_criterion),
            ("Significance level", f"{conventions.alpha:g}"),
        )
    )
    methods = sorted({text_of(row.get("method")) for row in results.rows.values()} - {""})
    if methods:
        yield paragraph("As computed: " + "; ".join(methods) + ".")
    if protocol.reconstruction is not None:
        yield from _reconstruction_in_words(given, cited)


def _statistics_in_words(results: Results, cited: Citations) -> Iterable[str | Run]:
    used = {e.statistic for e in results.keys}
    if "survival" in used:
        yield "Survival was estimated by Kaplan and Meier, with Greenwood's variance"
        yield from cited.cite(*_METHODS["survival"])
        yield ". "
    if "median" in used and "brookmeyer1982" in cited.known:
        yield "Confidence limits of median survival follow Brookmeyer and Crowley"
        yield from cited.cite(*_METHODS["median"])
        yield ". "
    if "hazard_ratio" in used:
        yield "Hazard ratios come from Cox regression with Efron's handling of ties"
        yield from cited.cite(*_METHODS["hazard_ratio"])
        yield ". "
    if "ph_p" in used:
        yield "Proportional hazards were tested on scaled Schoenfeld residuals"
        yield from cited.cite(*_METHODS["ph_p"])
        yield ". "
    yield "Each result uses the patients whose variables it needs are known; p-values are two-sided, and not adjusted for their number unless a column says so."


def _reconstruction_in_words(given: StudyInputs, cited: Citations) -> Iterable[Block]:
    chosen = given.protocol.reconstruction
    assert chosen is not None
    yield paragraph(
        f"Patient-level datasets were rebuilt so that they print as the paper does, {given.members} "
        "times from different random beginnings. The range of a result over them is its identified set",
        *cited.cite("manski2003"),
        ". These choices were left open by the paper:",
    )
    choices = [text(sentence(choice)) for choice in chosen.choices]
    choices += [text(sentence(capital(constraint.why))) for constraint in chosen.constraints]
    choices.append(
        text(
            f"Origins lie between {chosen.period[0]} and {chosen.period[1]}; follow-up ends by {chosen.last_contact}."
        )
    )
    yield Bullets(tuple(choices))


def _rule(protocol: Protocol, rule: Rule) -> str:
    """One condition of eligibility in words."""
    name = protocol.label(rule.variable)
    parts = []
    for levels, joint in ((rule.one_of, "is"), (rule.none_of, "is not")):
        if levels is not None:
            words = " or ".join(protocol.level_label(rule.variable, level) for level in levels)
            parts.append(f"{joint} {words}")
    for bound, words in (
        (rule.above, "above"), (rule.at_least, "at least"), (rule.below, "below"), (rule.at_most, "at most"),
    ):  # fmt: skip
        if bound is not None:
            parts.append(f"is {words} {bound:g}")
    if rule.present is not None:
        parts.append("is known" if rule.present else "is missing")
    return f"{name} {' and '.join(parts)}"
