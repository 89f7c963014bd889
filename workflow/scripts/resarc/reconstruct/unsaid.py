"""Conventions that a paper leaves unsaid: which of them can its figures have come from?

Beside how rates, digits and intervals were computed (`readings`), a paper may be silent about the
median of a curve that is 1/2 over a stretch, tied events in Cox models, the variance of log-rank
tests, and about which test a p-value comes from. The protocol says what is known (`conventions`) and
what is not (`conventions.open`). Of what is not:

- a question that touches no printed figure is `not decidable`;
- which test a p-value of a cross table comes from is computed, where printed counts fix the table;
- otherwise datasets are built under the first answer. If all of them print the figures under another
  answer too, nothing printed tells the two apart, and the datasets stand for both. If not, datasets
  are sought that hold all figures under the other answer: a reading of its own.

Answers to different questions are not crossed: each reading departs from the first in one answer, so
that their number grows by a sum and not by a product, and every answer has datasets.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from math import ceil, floor

import numpy as np

from resarc.ensemble import Ensemble
from resarc.estimand import Condition, Estimand
from resarc.protocol import QUESTIONS, Protocol
from resarc.reconstruct.readings import (
    FOUND,
    NOT_FOUND,
    NOT_TRIED,
    PROVED,
    Hypothesis,
    Reading,
)
from resarc.reconstruct.targets import EDGE, Target, inside
from resarc.seeds import stream
from resarc.survival import contingency

STATED, ASSUMED, NOT_DECIDABLE = "stated", "assumed", "not decidable"

TRIALS = 8
"""Datasets on which it is seen whether two answers differ."""

TITLES = {
    "median": "median where a curve is 1/2",
    "ties": "tied events in Cox models",
    "logrank_variance": "variance of log-rank tests",
    "survival_test": "test of survival",
    "table_test": "test of cross tables",
    "rank_test": "test of numbers in two groups",
}
WORDS = {
    "middle": "the middle of the stretch",
    "first": "the start of the stretch",
    "below": "the end of the stretch, the first time below 1/2",
    "efron": "Efron's ties",
    "breslow": "Breslow's ties",
    "exact": "the discrete likelihood",
    "hypergeometric": "hypergeometric variance",
    "binomial": "variance without correction for ties",
    "logrank_p": "log-rank test",
    "wilcoxon_p": "Gehan-Breslow-Wilcoxon test",
    "tarone_ware_p": "Tarone-Ware test",
    "peto_p": "Peto-Peto test",
    "cox_p": "Wald test of Cox regression",
    "cox_lr_p": "likelihood-ratio test of Cox regression",
    "chi2_p": "chi-squared test",
    "chi2_yates_p": "chi-squared test with Yates' correction",
    "fisher_p": "Fisher's exact test",
    "trend_p": "linear-by-linear trend test",
    "mann_whitney_p": "Mann-Whitney test with continuity correction",
    "mann_whitney_uncorrected_p": "Mann-Whitney test without continuity correction",
}
NAMED = "as each figure names it"
UNFIT = "it applies to none of the printed figures that may come from it"

TESTS = ("survival_test", "table_test", "rank_test")
MODELS = ("hazard_ratio", "cox_p", "cox_lr_p", "interaction_p")
WEIGHTED = ("logrank_p", "wilcoxon_p", "tarone_ware_p", "peto_p")


def touched(question: str, targets: tuple[Target, ...], protocol: Protocol) -> list[Target]:
    """The targets that an answer to the question can change."""

    def touches(e: Estimand) -> bool:
        if question == "median":
            of_endpoint = e.subject in protocol.endpoint_names
            return (e.statistic == "median" and of_endpoint) or (
                e.statistic == "reverse_followup_median"
            )
        if question == "ties":
            return e.statistic in MODELS
        if question == "logrank_variance":
            return e.statistic in WEIGHTED
        by_group = bool(e.by) and e.by in protocol.names("category")
        return e.statistic in QUESTIONS[question] and by_group and not e.adjusted_for

    return [t for t in targets if touches(t.estimand)]


def under(question: str, option: str, reading: Reading) -> Reading | None:
    """The reading with another answer to one question; None where that changes nothing."""
    protocol, targets = reading.protocol, reading.targets
    if question in TESTS:
        touching = touched(question, targets, protocol)
        targets = tuple(_as_test(t, option, protocol) if t in touching else t for t in targets)
        if targets == reading.targets:
            return None
    else:
        conventions = protocol.conventions.model_copy(update={question: option})
        if conventions == protocol.conventions:
            return None
        protocol = protocol.model_copy(update={"conventions": conventions})
    return replace(
        reading,
        name=f"{reading.name}, {WORDS[option]}",
        words=f"{reading.words}, {WORDS[option]}",
        protocol=protocol,
        targets=targets,
    )


def read_as(target: Target, estimand: str, protocol: Protocol) -> Target:
    """The target as that of the test that `estimand` names, if it is one that it may come from."""
    for question in TESTS:
        if touched(question, (target,), protocol):
            for option in protocol.conventions.options(question):
                other = _as_test(target, option, protocol)
                if str(other.estimand) == estimand:
                    return other
    return target


def _as_test(target: Target, statistic: str, protocol: Protocol) -> Target:
    """The same p-value read as that of another test; as it is where that test does not apply: Wald's
    is of one contrast, Yates' correction of two rows and two columns."""
    e = target.estimand
    levels = protocol.levels(e.by)
    contrast = None
    if statistic == "cox_p":
        if len(levels) != 2:
            return target
        contrast = (levels[1], levels[0])
    if statistic == "chi2_yates_p" and (len(levels) != 2 or len(protocol.levels(e.subject)) != 2):
        return target
    return replace(target, estimand=replace(e, statistic=statistic, contrast=contrast))


# --- what needs no dataset ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Asked:
    """`reading`: the first, after what printed counts decide; `left`: open questions and their answers
    that only datasets can decide; `hypotheses`: all that is settled."""

    reading: Reading
    left: tuple[tuple[str, str], ...]
    hypotheses: tuple[Hypothesis, ...]


def settle(reading: Reading) -> Asked:
    """What the protocol says, what touches no figure, and what printed counts decide."""
    rows: list[Hypothesis] = []
    left: list[tuple[str, str]] = []
    for question in QUESTIONS:
        targets = touched(question, reading.targets, reading.protocol)
        given = reading.protocol.conventions
        own = NAMED if question in TESTS else WORDS[getattr(given, question)]
        options = given.options(question)
        if not targets:
            why = "no printed figure depends on it"
            rows.append(_row(question, own, NOT_DECIDABLE, False, why))
        elif not options:
            said = question in TESTS or question in given.model_fields_set
            why = (
                "the protocol says so"
                if said
                else "the protocol says nothing; named in conventions.open it would be asked"
            )
            rows.append(_row(question, own, STATED if said else ASSUMED, True, why))
        elif question == "table_test":
            reading = _by_counts(question, options, targets, reading, rows, left)
        else:
            left += [(question, option) for option in options]
    return Asked(reading, tuple(left), tuple(rows))


def _row(question: str, hypothesis: str, status: str, chosen: bool, why: str) -> Hypothesis:
    return Hypothesis("", TITLES[question], hypothesis, status, chosen, why)


def _by_counts(
    question: str,
    options: tuple[str, ...],
    targets: list[Target],
    reading: Reading,
    rows: list[Hypothesis],
    left: list[tuple[str, str]],
) -> Reading:
    """Tests of cross tables, by the tables that printed counts fix; the reading with the first test
    that is not ruled out."""
    against: dict[str, str] = {}
    fixed = True
    for target in targets:
        table = printed_table(target.estimand, reading.targets, reading.protocol)
        fixed &= table is not None
        for option in options if table is not None else ():
            e = _as_test(target, option, reading.protocol).estimand
            p = _p(e, table, reading.protocol.study)
            if option not in against and not inside(np.array(p), target.value):
                shown = "; ".join(" ".join(str(int(x)) for x in row) for row in table)
                against[option] = (
                    f"the printed counts are {shown}, of which the {WORDS[option]} gives "
                    f"p = {p:.4g}, which no figure of {', '.join(target.figures)} leaves room for"
                )
    first = _first_answers(question, reading)
    fitting = [o for o in options if o in first or under(question, o, reading) is not None]
    for option in (o for o in options if o not in fitting):
        rows.append(_row(question, WORDS[option], NOT_TRIED, False, UNFIT))
    live = [o for o in fitting if o not in against]
    for option in fitting:
        if option in against:
            rows.append(_row(question, WORDS[option], PROVED, False, against[option]))
    if not live:
        return reading
    if not fixed and len(live) > 1:
        left += [(question, option) for option in live]
    else:
        for option in live:
            why = "the printed counts give the printed p-values by it"
            if not fixed:
                why += ", as far as they fix a table"
            rows.append(_row(question, WORDS[option], FOUND, True, why))
    other = under(question, live[0], reading)
    return replace(other, name=reading.name, words=reading.words) if other else reading


def printed_table(
    e: Estimand, targets: tuple[Target, ...], protocol: Protocol
) -> np.ndarray | None:
    """The cross table of a test as its printed counts have it; None unless every count is printed, and
    they add up to the printed number of patients it is about."""
    found = np.zeros((len(protocol.levels(e.subject)), len(protocol.levels(e.by))))
    for i, row in enumerate(protocol.levels(e.subject)):
        for j, column in enumerate(protocol.levels(e.by)):
            where = (*e.where, Condition(e.subject, row), Condition(e.by, column))
            if len({c.variable for c in where}) < len(where):
                return None
            size = _printed_count(Estimand("n", where=where), targets)
            if size is None:
                return None
            found[i, j] = size
    whole = _printed_count(Estimand("n", where=e.where), targets)
    return found if found.sum() == whole else None


def _printed_count(wanted: Estimand, targets: tuple[Target, ...]) -> int | None:
    for target in targets:
        if target.estimand == wanted and not target.claim:
            low, high = ceil(target.value.lower - EDGE), floor(target.value.upper + EDGE)
            if low == high:
                return low
    return None


def _p(e: Estimand, table: np.ndarray, study: str) -> float:
    if e.statistic == "fisher_p":
        return contingency.fisher_exact(table, rng=stream(study, f"fisher {e}")).p
    if e.statistic == "trend_p":
        return contingency.linear_by_linear(table).p
    return contingency.chi_square(table, correction=e.statistic == "chi2_yates_p").p


# --- what datasets decide ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Departure:
    """Another answer to one question, under which datasets have to be sought."""

    question: str
    option: str
    reading: Reading
    held: int
    """How many of the trial datasets hold all figures under it."""


def departures(
    asked: Asked, aside: Collection[Target], build: Callable[[], Ensemble | None]
) -> tuple[list[Departure], list[Hypothesis]]:
    """The answers for which datasets have to be sought, and what is known of the others. `aside`: what
    the first reading does not hold; `build` makes trial datasets under it, None if there are none."""
    if not asked.left:
        return [], []
    trials = build()
    count = trials.shape[0] if trials is not None else 0
    found: list[Departure] = []
    rows: list[Hypothesis] = []
    for question, option in asked.left:
        other = under(question, option, asked.reading)
        if other is None:
            rows.append(_of_first(question, option, asked.reading, aside))
            continue
        lost = {f for t in aside for f in t.figures}
        held = int(_held(other, lost, trials).sum()) if trials is not None else 0
        if held and held == count:
            why = f"all of {count} trial datasets print the figures by it as well: nothing printed tells it from the first"
            rows.append(_row(question, WORDS[option], FOUND, True, why))
        else:
            found.append(Departure(question, option, other, held))
    return found, rows


def _of_first(
    question: str, option: str, reading: Reading, aside: Collection[Target]
) -> Hypothesis:
    """What became of an answer that makes no other reading: the first, or one that fits no figure."""
    words = WORDS[option]
    if option not in _first_answers(question, reading):
        return _row(question, words, NOT_TRIED, False, UNFIT)
    lost = [f for t in touched(question, tuple(aside), reading.protocol) for f in t.figures]
    if lost:
        why = f"no dataset was found that holds {', '.join(lost)} by it"
        return _row(question, words, NOT_FOUND, False, why)
    return _row(question, words, FOUND, True, "the first datasets are built under it")


def _first_answers(question: str, reading: Reading) -> set[str]:
    """The answers that the reading already takes."""
    if question not in TESTS:
        return {getattr(reading.protocol.conventions, question)}
    return {t.estimand.statistic for t in touched(question, reading.targets, reading.protocol)}


def _held(reading: Reading, lost: set[str], trials: Ensemble) -> np.ndarray:
    """Which datasets hold every target that answers touch, but for figures that are lost anyway."""
    own = replace_protocol(trials, reading.protocol)
    targets = {t for q in QUESTIONS for t in touched(q, reading.targets, reading.protocol)}
    held = np.ones(trials.shape[0], dtype=bool)
    for target in reading.targets:
        if target in targets and not lost & set(target.figures):
            held &= target.holds(target.evaluate(own))
    return held


def replace_protocol(ensemble: Ensemble, protocol: Protocol) -> Ensemble:
    """The same datasets, judged by the conventions of another protocol."""
    return Ensemble(
        protocol, ensemble.codes, ensemble.numbers, ensemble.times, ensemble.events, ensemble.orders
    )


def outcome_of(departure: Departure, borne: bool) -> Hypothesis:
    """What became of a departure once datasets were sought under it."""
    seen = f"{departure.held} of {TRIALS} trial datasets built under the first answer hold the figures by it"
    if borne:
        why, status = f"datasets were found that hold all figures by it; {seen}", FOUND
    elif departure.held:
        why, status = f"{seen}; the search for more was given up", FOUND
    else:
        why, status = f"no dataset was found that holds all figures by it; {seen}", NOT_FOUND
    return _row(departure.question, WORDS[departure.option], status, borne, why)


def named(hypothesis: str, reading: Reading) -> Reading:
    """The reading under the departure that the name of a hypothesis ends with, if it does."""
    given = reading.protocol.conventions
    for question in given.open:
        for option in given.options(question):
            if hypothesis.endswith(f", {WORDS[option]}"):
                return under(question, option, reading) or reading
    return reading
