"""What was found: what a reader in a hurry sees, and what a list of studies says of this one."""

from __future__ import annotations

from collections.abc import Iterable

from resarc import tables
from resarc.estimand import Estimand
from resarc.report.citations import Citations
from resarc.report.model import (
    MARKS,
    Block,
    Bullets,
    Callout,
    Run,
    Text,
    paragraph,
    text,
)
from resarc.report.results import (
    Results,
    capital,
    counted,
    sentence,
    text_of,
)
from resarc.report.study.audit import conflicts_beyond_the_audit, in_words
from resarc.report.study.inputs import StudyInputs
from resarc.report.study.reanalysis import what_changes
from resarc.report.study.release import the_rule
from resarc.report.study.updates import crossed_lines
from resarc.report.study.words import (
    finding_title,
    ratio_label,
    verdict_counts,
)

_MOST_FINDINGS = 8
_MOST_RATIOS = 6


def found(given: StudyInputs, results: Results, cited: Citations) -> Iterable[Block]:
    """What a reader in a hurry sees, in the order of `FOUND`."""
    for part in FOUND:
        yield from part(given, results, cited)


def card(given: StudyInputs, results: Results) -> Iterable[tuple[str, str]]:
    """What a list of studies says of this one."""
    yield "Patients", _marked(results, Estimand("n"))
    if given.repeats_a_paper:
        severity = given.audit["severity"].map(text_of)
        yield "Major findings", str(int((severity == "major").sum()))
        yield "Minor findings", str(int((severity == "minor").sum()))
    if results.rebuilt:
        ratios = [
            e for e in results.keys if e.statistic == "hazard_ratio" and str(e) in results.sets
        ]
        known = sum(results.direction(e) == "identified" for e in ratios)
        yield "Directions identified", f"{known} of {len(ratios)}"
    if given.repeats_a_paper:
        yield "Printed figures", verdict_counts(given)


def source_in_words(given: StudyInputs) -> str:
    if given.protocol.source.kind == "registry":
        return "Registry data"
    return f"Reconstructed from printed figures ({given.members} datasets)"


def _origin(given: StudyInputs, results: Results, cited: Citations) -> Iterable[Block]:
    """Where the results come from, and what that allows to say."""
    yield _origin_callout(given, results, cited.cite(given.protocol.reference))


def _origin_callout(given: StudyInputs, results: Results, paper: Text) -> Callout:
    if not results.rebuilt:
        n = results.text(Estimand("n"))
        who = f"The results are those of {n or 'the'} patients of a registry"
        body = (text(f"{who}, analysed as the paper", *paper, " says."),)
        if not given.repeats_a_paper:
            body = (text(who, *paper, ". They repeat no paper."),)
        return Callout("origin", "These are results of registry data.", body)
    lines = [
        text(
            f"{given.members} datasets consistent with the printed figures of the paper", *paper,
            " were rebuilt, and further ones sought that lie at the ends. The report gives the smallest and the "
            "largest value found among all of them, the ",
            Run("identified set", "emphasis"),
            ", and no single value. It is an inner bound: a dataset outside of it may also agree with the "
            "paper, so that agreement of all rebuilt datasets is evidence, not proof.",
        ),
        text(
            "† marks a result that was itself a target of the rebuilding: it holds by construction and "
            "says nothing about the paper."
        ),
    ]  # fmt: skip
    if given.targets is not None:
        status = given.targets["status"].map(text_of)
        aside = int((status == "set aside").sum())
        words = f"{int((status == 'target').sum())} printed figures were targets"
        if aside:
            words += f"; {aside} {'was' if aside == 1 else 'were'} set aside, because they cannot hold with the others, or no dataset was found in which they do"
        lines.append(text(f"{words}."))
    return Callout("origin", "No patient of this study was seen.", tuple(lines))


def _audit_callouts(given: StudyInputs, results: Results, cited: Citations) -> Iterable[Block]:
    """The major findings with their evidence, the minor ones by name, and the count of all checks."""
    if not given.repeats_a_paper:
        return
    audit = given.audit
    severity = audit["severity"].map(text_of)
    major, minor = (audit[severity == level].to_dict("records") for level in ("major", "minor"))
    for row in major[:_MOST_FINDINGS]:
        body = [text(sentence(capital(text_of(row["evidence"]))))]
        if text_of(row.get("hypothesis")):
            body.append(text(sentence(f"It would be explained by this: {row['hypothesis']}")))
        yield Callout("finding", finding_title(row), tuple(body), "major")
    proved = [
        f"{in_words(given, row)} ({'cannot hold' if ';' not in text_of(row['figures']) else 'cannot hold together'}; proof with the audit)"
        for row in conflicts_beyond_the_audit(given)
    ]
    if minor or proved:
        shown = [finding_title(row) for row in minor[:_MOST_FINDINGS]] + proved[:_MOST_FINDINGS]
        yield paragraph("Minor findings:")
        yield Bullets(tuple(text(sentence(words)) for words in shown))
    more = max(len(major) - _MOST_FINDINGS, 0) + max(len(minor) - _MOST_FINDINGS, 0)
    counts = audit["verdict"].map(text_of).value_counts()
    words = ", ".join(
        f"{counts[name]} {name}"
        for name in ("consistent", "inconsistent", "explained", "not checkable")
        if name in counts
    )
    start = "" if major or minor or proved else "The audit found no contradiction of weight. "
    rest = f" {counted(more, 'more finding')} of weight stand there." if more else ""
    if len(audit):
        yield paragraph(
            f"{start}{counted(len(audit), 'check')} of the printed figures: {words}; see ",
            Run(ref="audit-all"), f".{rest}",
        )  # fmt: skip


def _outcomes(given: StudyInputs, results: Results, cited: Citations) -> Iterable[Block]:
    found = [*_main_outcomes(given, results), *_what_is_identified(results)]
    if found:
        yield Bullets(tuple(found))


def _main_outcomes(given: StudyInputs, results: Results) -> Iterable[Text]:
    """Survival of the whole cohort: what the first survival analysis of each endpoint asks for."""
    seen: set[str] = set()
    for analysis in given.protocol.analyses:
        if analysis.kind != "survival" or analysis.endpoint in seen:
            continue
        seen.add(str(analysis.endpoint))
        wanted = [Estimand("median", analysis.endpoint)]
        wanted += [Estimand("survival", analysis.endpoint, at) for at in analysis.at]
        parts = [
            f"{tables.describe(e, given.protocol)}: {_marked(results, e)}"
            for e in wanted
            if results.has(e)
        ]
        if parts:
            yield text(
                Run(given.protocol.label(str(analysis.endpoint)), "strong"),
                f". {capital('; '.join(parts))}.",
            )


def _marked(results: Results, estimand: Estimand) -> str:
    words = results.text(estimand)
    return f"{words} {MARKS['by construction'][0]}" if results.is_target(estimand) else words


def _what_is_identified(results: Results) -> Iterable[Text]:
    """Which hazard ratios have a direction that every consistent dataset agrees on."""
    if not results.rebuilt:
        return
    several = len(results.protocol.endpoints) > 1
    ratios = [e for e in results.keys if e.statistic == "hazard_ratio" and str(e) in results.sets]
    states = {
        state: [e for e in ratios if results.direction(e) == state]
        for state in ("identified", "not identified")
    }

    def named(estimand: Estimand) -> str:
        words = ratio_label(results.protocol, estimand)
        return f"{results.protocol.label(estimand.subject)}, {words}" if several else words

    known, open_ = states.values()
    if known:
        shown = "; ".join(f"{named(e)} ({_marked(results, e)})" for e in known[:_MOST_RATIOS])
        more = f"; and {len(known) - _MOST_RATIOS} more" if len(known) > _MOST_RATIOS else ""
        yield text(
            Run("Direction identified", "strong"),
            f" for {len(known)} of {counted(len(ratios), 'hazard ratio')}. {shown}{more}. See ",
            Run(ref="hazard-ratios"), ".",
        )  # fmt: skip
    if open_:
        shown = "; ".join(named(e) for e in open_[:_MOST_RATIOS])
        more = f"; and {len(open_) - _MOST_RATIOS} more" if len(open_) > _MOST_RATIOS else ""
        yield text(
            Run("Direction not identified", "strong"),
            f" for {len(open_)} of {len(ratios)}: the printed figures allow hazard ratios on both "
            f"sides of 1. {shown}{more}.",
        )


def _verdict_line(given: StudyInputs, results: Results, cited: Citations) -> Iterable[Block]:
    if not given.repeats_a_paper:
        return
    words = verdict_counts(given)
    if not words:
        yield paragraph("No printed figure was compared.")
        return
    yield paragraph(
        f"{counted(len(given.comparison), 'printed figure')} against the re-analysis: {words}; see ",
        Run(ref="comparison-all"), ".",
    )  # fmt: skip


FOUND = (
    _origin, the_rule, crossed_lines, _audit_callouts, _outcomes, what_changes, _verdict_line,
)  # fmt: skip
"""What the summary consists of, in the order in which it is read; each part has the form of a section
(see this package's head)."""
