"""From the analyses that a protocol names to the estimands that they consist of."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from resarc.errors import ConfigurationError
from resarc.estimand import Condition, Duration, Estimand
from resarc.protocol import Analysis, Protocol

PRINTED = "printed"
"""The analysis id of estimands that a paper prints and no analysis of the protocol holds."""

NUMBER_SUMMARIES = ("median", "mean", "sd", "q1", "q3", "minimum", "maximum")
FOLLOW_UP = ("followup_median", "followup_mean", "followup_minimum", "followup_maximum")

Where = tuple[Condition, ...]


@dataclass(frozen=True)
class Planned:
    """An estimand to evaluate and the id of the analysis that asks for it first."""

    estimand: Estimand
    analysis: str


def plan(protocol: Protocol, extra: Iterable[Estimand] = ()) -> list[Planned]:
    """Every estimand of the protocol's analyses, in their order, each once.

    `extra` are further estimands to evaluate, usually those that the paper prints; the ones that no
    analysis holds come last, under the analysis id `printed`. `ConfigurationError` if the protocol
    cannot have one of them.
    """
    found: dict[str, Planned] = {}
    for analysis in protocol.analyses:
        for estimand in estimands_of(protocol, analysis):
            found.setdefault(str(estimand), Planned(estimand, analysis.id))
    for estimand in extra:
        fault = protocol.explain_fault(estimand)
        if fault:
            raise ConfigurationError(
                f"study {protocol.study!r}",
                fault,
                "printed estimands that the protocol can have",
                "Correct the estimand in config/published or declare the variable in config/studies.",
            )
        found.setdefault(str(estimand), Planned(estimand, PRINTED))
    return list(found.values())


def families(protocol: Protocol) -> dict[str, list[Estimand]]:
    """The tests that each univariable analysis makes, by its id: one for each of its variables.

    They are a family: whoever looks at the smallest p of the table has looked at all of them.
    """
    return {
        analysis.id: [
            univariable_test(protocol, str(analysis.endpoint), variable)
            for variable in analysis.variables
        ]
        for analysis in protocol.analyses
        if analysis.kind == "univariable"
    }


def univariable_test(protocol: Protocol, endpoint: str, variable: str) -> Estimand:
    """The log-rank test of a category, the Wald test of a number."""
    name = "logrank_p" if _is_category(protocol, variable) else "cox_p"
    return Estimand(name, endpoint, by=variable)


def estimands_of(protocol: Protocol, analysis: Analysis) -> list[Estimand]:
    """Every estimand of one analysis, each once, also those that an earlier analysis holds."""
    found = (*_KINDS[analysis.kind](protocol, analysis), *analysis.more)
    return list(dict.fromkeys(found))


# -- parts shared by the kinds -----------------------------------------------------------------


def _groups(protocol: Protocol, by: str | None) -> list[Where]:
    """One condition for each level of a category; none for a number or for no variable."""
    if not by or not _is_category(protocol, by):
        return []
    return [(Condition(by, level),) for level in protocol.levels(by)]


def _is_category(protocol: Protocol, name: str) -> bool:
    return protocol.kind(name) in ("category", "endpoint")


def _contrasts(protocol: Protocol, by: str) -> list[tuple[str, str] | None]:
    """Each further level against the first, the reference; for a number one contrast, None."""
    if not _is_category(protocol, by):
        return [None]
    reference, *others = protocol.levels(by)
    return [(level, reference) for level in others]


def _without(conditions: Where, name: str) -> bool:
    return all(condition.variable != name for condition in conditions)


def _summaries(protocol: Protocol, variable: str, where: Where) -> Iterator[Estimand]:
    """A category's counts and shares, or a number's summaries, among some patients."""
    kind = protocol.kind(variable)
    if kind in ("number", "category", "endpoint") and _without(where, variable):
        yield Estimand("known", variable, where=where)
        yield Estimand("missing", variable, where=where)
    if kind == "number":
        for statistic in NUMBER_SUMMARIES:
            yield Estimand(statistic, variable, where=where)
    elif kind in ("category", "endpoint") and _without(where, variable):
        for level in protocol.levels(variable):
            yield Estimand("n", where=(*where, Condition(variable, level)))
            yield Estimand("proportion", variable, level, where)


def _hazard(
    protocol: Protocol,
    endpoint: str,
    by: str,
    adjusted_for: Iterable[str] = (),
    where: Where = (),
    statistics: tuple[str, ...] = ("hazard_ratio",),
) -> Iterator[Estimand]:
    constant = {by, *(condition.variable for condition in where)}
    others = tuple(name for name in dict.fromkeys(adjusted_for) if name not in constant)
    for contrast in _contrasts(protocol, by):
        for statistic in statistics:
            yield Estimand(
                statistic, endpoint, None, where, by, contrast=contrast, adjusted_for=others
            )


# -- one function for each kind of analysis ----------------------------------------------------


def _characteristics(protocol: Protocol, analysis: Analysis) -> Iterator[Estimand]:
    yield from _by_group(protocol, analysis, analysis.tests)
    if not _groups(protocol, analysis.by):
        return
    for variable in analysis.variables:
        if protocol.kind(variable) in ("number", "category") and variable != analysis.by:
            for contrast in _contrasts(protocol, analysis.by):
                yield Estimand(
                    "standardised_difference", variable, by=analysis.by, contrast=contrast
                )


def _response(protocol: Protocol, analysis: Analysis) -> Iterator[Estimand]:
    yield from _by_group(protocol, analysis, analysis.tests or ("chi2_p", "fisher_p", "trend_p"))


def _by_group(protocol: Protocol, analysis: Analysis, tests: tuple[str, ...]) -> Iterator[Estimand]:
    """Counts and summaries of everybody and of each group; the tests that apply to a variable."""
    groups = _groups(protocol, analysis.by)
    yield Estimand("n")
    for where in groups:
        yield Estimand("n", where=where)
    for variable in analysis.variables:
        for where in ((), *groups):
            yield from _summaries(protocol, variable, where)
    for variable in analysis.variables:
        for test in tests if groups and variable != analysis.by else ():
            tested = Estimand(test, variable, by=analysis.by)
            if test.startswith("mann_whitney") and len(groups) != 2:
                continue
            if not protocol.explain_fault(tested):
                yield tested


def _survival(protocol: Protocol, analysis: Analysis) -> Iterator[Estimand]:
    endpoint, by, at = analysis.endpoint, analysis.by, analysis.at
    longest = max(at, key=lambda duration: duration.months)
    groups = _groups(protocol, by)
    for where in ((), *groups):
        yield Estimand("n", where=where)
        yield from _one_curve(endpoint, at, longest, where)
    yield Estimand("reverse_followup_median", endpoint)
    for where in ((), (Condition(endpoint, "censored"),)):
        for statistic in FOLLOW_UP:
            yield Estimand(statistic, endpoint, where=where)
    if not by:
        return
    if groups:
        yield Estimand("logrank_p", endpoint, by=by)
    yield from _hazard(protocol, endpoint, by)
    if analysis.adjusted_for:
        yield from _hazard(protocol, endpoint, by, analysis.adjusted_for)
    for contrast in filter(None, _contrasts(protocol, by)):
        yield Estimand("rmst_difference", endpoint, longest, by=by, contrast=contrast)
        for duration in at:
            yield Estimand("survival_difference", endpoint, duration, by=by, contrast=contrast)


def _one_curve(
    endpoint: str, at: tuple[Duration, ...], longest: Duration, where: Where
) -> Iterator[Estimand]:
    yield Estimand("events", endpoint, where=where)
    yield Estimand("median", endpoint, where=where)
    for duration in at:
        yield Estimand("survival", endpoint, duration, where)
        yield Estimand("crude_rate", endpoint, duration, where)
    yield Estimand("rmst", endpoint, longest, where)


def _univariable(protocol: Protocol, analysis: Analysis) -> Iterator[Estimand]:
    endpoint = analysis.endpoint
    for variable in analysis.variables:
        for where in _groups(protocol, variable):
            yield Estimand("n", where=where)
            yield Estimand("events", endpoint, where=where)
            for duration in analysis.at:
                yield Estimand("survival", endpoint, duration, where)
            yield Estimand("median", endpoint, where=where)
        if _is_category(protocol, variable):
            yield Estimand("logrank_p", endpoint, by=variable)
            statistics: tuple[str, ...] = ("hazard_ratio",)
        else:
            statistics = ("hazard_ratio", "cox_p")
        yield from _hazard(protocol, endpoint, variable, statistics=statistics)
        if analysis.adjusted_for:
            yield from _hazard(
                protocol, endpoint, variable, analysis.adjusted_for, statistics=statistics
            )
        yield Estimand("ph_p", endpoint, by=variable)


def _multivariable(protocol: Protocol, analysis: Analysis) -> Iterator[Estimand]:
    covariates = (*analysis.variables, *analysis.adjusted_for)
    for variable in analysis.variables:
        yield from _hazard(
            protocol,
            analysis.endpoint,
            variable,
            covariates,
            statistics=("hazard_ratio", "cox_p"),
        )


def _cutoffs(_: Protocol, analysis: Analysis) -> Iterator[Estimand]:
    for marker in analysis.variables:
        for duration in analysis.at:
            yield Estimand("auc", analysis.endpoint, duration, by=marker)
            yield Estimand("roc_cutoff", analysis.endpoint, duration, by=marker)


def _subgroups(protocol: Protocol, analysis: Analysis) -> Iterator[Estimand]:
    endpoint, by = analysis.endpoint, analysis.by
    for where in _groups(protocol, analysis.within):
        for group in _groups(protocol, by):
            yield Estimand("n", where=(*where, *group))
            yield Estimand("events", endpoint, where=(*where, *group))
        if _is_category(protocol, by):
            yield Estimand("logrank_p", endpoint, where=where, by=by)
        yield from _hazard(protocol, endpoint, by, analysis.adjusted_for, where)
    yield Estimand(
        "interaction_p",
        endpoint,
        by=by,
        within=analysis.within,
        adjusted_for=tuple(n for n in analysis.adjusted_for if n not in (by, analysis.within)),
    )


def _comparison_of_groups(protocol: Protocol, analysis: Analysis) -> Iterator[Estimand]:
    by = analysis.by
    groups = _groups(protocol, by)
    for where in groups:
        yield Estimand("n", where=where)
    for variable in analysis.variables:
        if protocol.kind(variable) == "number":
            for where in groups:
                yield Estimand("median", variable, where=where)
            for contrast in filter(None, _contrasts(protocol, by)):
                yield Estimand("median_difference", variable, by=by, contrast=contrast)
            if groups:
                test = "mann_whitney_p" if len(groups) == 2 else "kruskal_wallis_p"
                yield Estimand(test, variable, by=by)
        elif _is_category(protocol, variable):
            for where in groups:
                for level in protocol.levels(variable):
                    yield Estimand("n", where=(*where, Condition(variable, level)))
            if groups:
                yield Estimand("chi2_p", variable, by=by)


_KINDS: dict[str, Callable[[Protocol, Analysis], Iterator[Estimand]]] = {
    "characteristics": _characteristics,
    "response": _response,
    "survival": _survival,
    "univariable": _univariable,
    "multivariable": _multivariable,
    "cutoffs": _cutoffs,
    "subgroups": _subgroups,
    "groups": _comparison_of_groups,
}
