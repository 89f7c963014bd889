"""Reporting guidelines as checklists: what the analysis can answer, and what is left to the authors.

STROBE for cohort studies (von Elm et al., Lancet 2007;370:1453) and, where prognostic factors are
studied, REMARK (McShane et al., J Natl Cancer Inst 2005;97:1180; Altman et al., BMC Med 2012;10:51).
What an item asks for is in our own words. An answer is made from the protocol and the results, never
typed: what the pipeline does not know stays open, and a reconstruction leaves open all that only
patients can tell.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import pandas as pd

from resarc import tables
from resarc.estimand import Condition, Estimand
from resarc.protocol import Analysis, Derived, Protocol
from resarc.quantities import RECOMMENDATIONS
from resarc.report.model import MARKS, Cell, Column, Table, Tone, table
from resarc.report.results import Results, capital, counted, sentence, text_of

FILLED, PARTLY, OPEN = "filled", "in part", "open"
_TONES: dict[str, Tone] = {FILLED: "good", PARTLY: "warning", OPEN: "bad"}
CITED = {"strobe": ("vonelm2007",), "remark": ("mcshane2005", "altman2012")}
_CAPTIONS = {
    "strobe": "STROBE checklist (cohort studies): what this analysis fills in, and what is open",
    "remark": "REMARK checklist (prognostic factors): what this analysis fills in, and what is open",
}
_NOTE = (
    "Filled: the answer is given here or in the table or figure named. In part: the authors add what "
    "stands under Left to the authors. Open: only the authors can answer."
)
_PROGNOSTIC = ("univariable", "multivariable", "cutoffs")


@dataclass(frozen=True)
class Known:
    """What an answer is made from."""

    results: Results
    flow: pd.DataFrame

    @property
    def protocol(self) -> Protocol:
        return self.results.protocol

    @property
    def rebuilt(self) -> bool:
        return self.results.rebuilt

    def analyses(self, *kinds: str) -> list[Analysis]:
        return [a for a in self.protocol.analyses if a.kind in kinds]

    def said(self, estimand: Estimand) -> str:
        """A result with its mark; empty where there is none."""
        words = self.results.text(estimand)
        if words in ("", tables.NOT_ESTIMABLE):
            return ""
        return (
            f"{words} {MARKS['by construction'][0]}" if self.results.is_target(estimand) else words
        )

    def named(self, names: Iterable[str], most: int = 12) -> str:
        labels = list(dict.fromkeys(tables.inside(self.protocol.label(name)) for name in names))
        more = f" and {len(labels) - most} more" if len(labels) > most else ""
        return ", ".join(labels[:most]) + more


Answer = Callable[[Known], str]


@dataclass(frozen=True)
class Item:
    """One item: its number, what it asks for, the answer if there is one, and what authors add."""

    number: str
    asks: str
    answer: Answer | None = None
    left: str = ""


# -- answers -----------------------------------------------------------------------------------------


def _tables_of(known: Known, *kinds: str) -> str:
    labels = [f"“{a.label}”" for a in known.analyses(*kinds)]
    return f"Tables {', '.join(labels)}" if labels else ""


def _design(known: Known) -> str:
    times = known.named(known.protocol.endpoint_names)
    return f"A cohort followed to {times}, from {known.protocol.origin_label} on."


def _losses(known: Known) -> str:
    """Who is lost is censored; only definitions from dates say when."""
    dated = [e for e in known.protocol.endpoints if e.censored_at]
    return f"Censored at the last contact: {known.named(e.name for e in dated)}." if dated else ""


def _setting(known: Known) -> str:
    words = f"{sentence(known.protocol.population)} Time zero: {known.protocol.origin_label}."
    source = known.protocol.source
    return f"{words} Data of {source.exported}." if source.exported else words


def _eligibility(known: Known) -> str:
    steps = "; ".join(tables.inside(step.label) for step in known.protocol.eligibility)
    return f"Eligible: {steps} (conditions in Methods)."


def _endpoints(known: Known) -> str:
    return " ".join(f"{e.label}: {sentence(e.definition)}" for e in known.protocol.endpoints)


def _variables(known: Known) -> str:
    names = [name for a in known.protocol.analyses for name in (*a.variables, a.by or "")]
    found = known.named(filter(None, names), most=30)
    return f"Variables: {found}." if found else ""


def _candidates(known: Known) -> str:
    names = [name for a in known.analyses(*_PROGNOSTIC) for name in a.variables]
    return f"{counted(len(set(names)), 'candidate')}: {known.named(names, most=30)}."


def _numbers_cut(known: Known) -> str:
    used = {name for a in known.protocol.analyses for name in (*a.variables, a.by, a.within)}
    cuts = [
        f"{tables.inside(item.label)} at {', '.join(f'{at:g}' for at in item.at)}"
        for item in known.protocol.derived
        if isinstance(item, Derived) and item.cut and item.name in used
    ]
    asked = {item.kind for a in known.protocol.analyses for item in a.recommended}
    words = f"Divided: {'; '.join(cuts)}." if cuts else "Numbers are not divided."
    if "cut_off" in asked:
        words += (
            " Cut-offs chosen on the outcome are tested as a procedure, and splines stand beside."
        )
    return words


def _statistics(known: Known) -> str:
    asked = [item.kind for a in known.protocol.analyses for item in a.recommended]
    words = "Section Methods, made from what was run; tests are named below each table."
    if asked:
        listed = ", ".join(RECOMMENDATIONS[kind].lower() for kind in dict.fromkeys(asked))
        words += f" Beside the paper's analyses: {listed}."
    return words


def _subgroups(known: Known) -> str:
    found = known.analyses("subgroups")
    if not found:
        return "No subgroup was compared."
    pairs = ", ".join(
        dict.fromkeys(
            f"{known.named([a.by or ''])} within {known.named([a.within or ''])}" for a in found
        )
    )
    tested = any(item.kind == "interaction" for a in found for item in a.recommended)
    return f"Subgroups: {pairs}{', by an interaction test' if tested else ''}."


def _missing(known: Known) -> str:
    if known.rebuilt:
        return ""
    imputed = any(i.kind == "missing_data" for a in known.protocol.analyses for i in a.recommended)
    words = "Each result uses the patients in whom its variables are known"
    return f"{words}; multiple imputation stands beside." if imputed else f"{words}."


def _missing_counts(known: Known) -> str:
    """How many values are missing, by characteristic; not known from rebuilt datasets."""
    if known.rebuilt:
        return ""
    counts = [
        (name, known.said(Estimand("missing", name)))
        for a in known.analyses("characteristics")
        for name in a.variables
    ]
    some = [
        f"{tables.inside(known.protocol.label(n))} {text}"
        for n, text in counts
        if text not in ("", "0")
    ]
    if not any(text for _, text in counts):
        return ""
    return f"Missing: {', '.join(some)}." if some else "No characteristic has missing values."


def _flow(known: Known) -> str:
    if not len(known.flow):
        return ""
    first, last = known.flow.iloc[0], known.flow.iloc[-1]
    out = [
        f"{int(row['excluded'])} for not meeting: {row['label']}"
        for row in known.flow.iloc[1:].to_dict("records")
    ]
    words = f"{int(first['remaining'])} screened, {int(last['remaining'])} analysed"
    note = " (by construction)" if known.rebuilt else ""
    return f"{words}{note}; excluded {', '.join(out)}. See the figure of the flow."


def _follow_up(known: Known) -> str:
    found = []
    for name in known.protocol.endpoint_names:
        words = known.said(Estimand("reverse_followup_median", name))
        if words:
            found.append(f"{tables.inside(known.protocol.label(name))} {words}")
    return f"Median follow-up (reverse Kaplan-Meier): {'; '.join(found)}." if found else ""


def _events(known: Known) -> str:
    found = []
    for name in known.protocol.endpoint_names:
        words = known.said(Estimand("events", name))
        if not words:
            words = known.said(Estimand("n", where=(Condition(name, "event"),)))
        if words:
            found.append(f"{tables.inside(known.protocol.label(name))} {words}")
    return f"Events: {'; '.join(found)}." if found else ""


def _characteristics(known: Known) -> str:
    words = _tables_of(known, "characteristics")
    return f"{words}." if words else ""


def _effects(known: Known) -> str:
    words = _tables_of(known, "univariable", "multivariable", "survival", "subgroups")
    return f"{words}, each with its interval." if words else ""


def _univariable(known: Known) -> str:
    words = _tables_of(known, "univariable", "survival")
    return f"{words}; Kaplan-Meier curves with numbers at risk." if words else ""


def _multivariable(known: Known) -> str:
    words = _tables_of(known, "multivariable")
    return f"{words}." if words else ""


def _absolute(known: Known) -> str:
    at = [
        f"{tables.inside(known.protocol.label(a.endpoint or ''))} at "
        + ", ".join(tables.describe_duration(d) for d in a.at)
        for a in known.analyses("survival", "univariable")
        if a.at
    ]
    return f"Survival with intervals: {'; '.join(dict.fromkeys(at))}." if at else ""


def _bias(known: Known) -> str:
    kinds = ("immortal_time", "confounding", "cut_off", "competing_risks", "missing_data")
    found = [
        f"{RECOMMENDATIONS[item.kind].lower()} ({tables.inside(item.why)})" if item.why
        else RECOMMENDATIONS[item.kind].lower()
        for a in known.protocol.analyses
        for item in a.recommended
        if item.kind in kinds
    ]  # fmt: skip
    return (
        f"Addressed beside the paper's analyses: {'; '.join(dict.fromkeys(found))}."
        if found
        else ""
    )


def _further(known: Known) -> str:
    asked = [item.kind for a in known.protocol.analyses for item in a.recommended]
    listed = ", ".join(RECOMMENDATIONS[kind].lower() for kind in dict.fromkeys(asked))
    return f"{capital(listed)}: section on the recommended analyses." if asked else ""


def _size(known: Known) -> str:
    n = known.said(Estimand("n"))
    words = f"{n} patients. " if n else ""
    return f"{words}{_events(known)}".strip()


def _assessed(known: Known) -> str:
    read = sum(1 for v in known.protocol.variables if known.protocol.kind(v.name) != "other")
    return (
        f"Coding of {counted(read, 'variable')} in the protocol; what was rejected or out of range in "
        "cleaning: Data quality."
    )


def _limits(known: Known) -> str:
    notes = [
        tables.inside(a.note).rstrip(".")
        for a in known.protocol.analyses
        if a.note and a.recommended
    ]
    if known.rebuilt:
        notes.insert(0, "no patient was seen: results are identified sets from printed figures")
    return sentence(capital("; ".join(dict.fromkeys(notes)))) if notes else ""


# -- the guidelines ----------------------------------------------------------------------------------

STROBE: Mapping[str, tuple[Item, ...]] = {
    "Title and abstract": (
        Item("1a", "The design, named in title or abstract"),
        Item("1b", "A balanced summary of what was done and found"),
    ),
    "Introduction": (
        Item("2", "Background and reasons"),
        Item("3", "Objectives and hypotheses stated beforehand"),
    ),
    "Methods": (
        Item("4", "Key elements of the design", _design,
             "whether it was planned before the data were seen"),
        Item("5", "Setting, places and dates", _setting, "dates of recruitment, exposure and follow-up"),
        Item("6a", "Eligibility, sources and selection, how patients were followed", _eligibility,
             "how patients were found and followed"),
        Item("6b", "Matching criteria, if matched", None, "whether patients were matched"),
        Item("7", "Definitions of outcomes, exposures, predictors, confounders, effect modifiers",
             lambda k: f"{_endpoints(k)} {_variables(k)}", "which variables count as confounders"),
        Item("8", "How each variable was measured, alike in all groups", _assessed,
             "how measurements were made"),
        Item("9", "Efforts against bias", _bias, "what was done when data were collected"),
        Item("10", "How the size of the study came about", _size, "why this many"),
        Item("11", "How numbers were handled, which groups were chosen and why", _numbers_cut,
             "why these groups"),
        Item("12a", "Statistical methods, control of confounding included", _statistics),
        Item("12b", "Subgroups and interactions", _subgroups),
        Item("12c", "Handling of missing data", _missing, "why values are missing"),
        Item("12d", "Handling of loss to follow-up",
             _losses,
             "why patients were lost"),
        Item("12e", "Sensitivity analyses", _further),
    ),
    "Results": (
        Item("13a", "Numbers at each stage", _flow),
        Item("13b", "Reasons for not taking part", _flow, "reasons of those never screened"),
        Item("13c", "A flow diagram", lambda k: "The figure of the flow." if len(k.flow) else ""),
        Item("14a", "Characteristics of the patients", _characteristics),
        Item("14b", "Missing values of each variable", _missing_counts),
        Item("14c", "Follow-up time", _follow_up),
        Item("15", "Numbers of outcome events over time", _events),
        Item("16a", "Unadjusted and adjusted estimates with intervals, and which confounders", _effects,
             "why these confounders"),
        Item("16b", "Boundaries of categories", _numbers_cut),
        Item("16c", "Absolute risks beside relative ones", _absolute),
        Item("17", "Other analyses: subgroups, interactions, sensitivity", _further),
    ),
    "Discussion": (
        Item("18", "Key results against the objectives"),
        Item("19", "Limitations, direction and size of bias", _limits, "what they mean for the conclusions"),
        Item("20", "A cautious interpretation"),
        Item("21", "To whom the results apply"),
    ),
    "Other": (Item("22", "Funding and the role of funders"),),
}  # fmt: skip

REMARK: Mapping[str, tuple[Item, ...]] = {
    "Introduction": (
        Item("1", "The factors examined, the objectives, hypotheses stated beforehand", _candidates,
             "objectives and hypotheses"),
    ),
    "Patients and methods": (
        Item("2", "Source and characteristics of the patients, inclusion and exclusion",
             lambda k: f"{_setting(k)} {_eligibility(k)}", "stage and comorbidity not in the data"),
        Item("3", "Treatments and how they were chosen", None, "treatments, randomised or by rule"),
        Item("4", "Biological material, control samples, preservation", None, "if a marker was measured"),
        Item("5", "Assay method, protocol, quality control, blinding", None, "if a marker was measured"),
        Item("6", "How cases were selected, period, end and median of follow-up",
             lambda k: f"{_setting(k)} {_follow_up(k)}", "how cases were selected"),
        Item("7", "Definitions of all end points", _endpoints),
        Item("8", "All candidate variables", _candidates),
        Item("9", "Reasons for the sample size; the effect that it can show", _size, "why this many"),
        Item("10", "All statistical methods, selection of variables, assumptions checked, missing data",
             lambda k: f"{_statistics(k)} {_missing(k)}".strip(), "how variables were selected"),
        Item("11", "How marker values were handled, how cut-points were found", _numbers_cut,
             "why these cut-points"),
    ),
    "Results": (
        Item("12", "Flow of patients, numbers in each analysis, numbers of events",
             lambda k: f"{_flow(k)} {_events(k)}".strip()),
        Item("13", "Distributions of basic characteristics and of the factors, missing values",
             lambda k: f"{_characteristics(k)} {_missing_counts(k)}".strip()),
        Item("14", "Relation of a marker to standard prognostic variables", None,
             "if a marker was measured"),
        Item("15", "Univariable effects with intervals, Kaplan-Meier curves", _univariable),
        Item("16", "Multivariable effects with intervals, of all variables in the model", _multivariable),
        Item("17", "The effect from a model with the standard variables, significant or not",
             _multivariable, "which variables are standard"),
        Item("18", "Further investigations: assumptions, sensitivity, internal validation", _further,
             "external validation"),
    ),
    "Discussion": (
        Item("19", "Interpretation with hypotheses, other studies and limitations", _limits,
             "interpretation"),
        Item("20", "Implications for research and practice"),
    ),
}  # fmt: skip


def checklists(known: Known) -> list[Table]:
    """STROBE, and REMARK for a study of prognostic factors."""
    wanted = [("strobe", STROBE)]
    if known.analyses(*_PROGNOSTIC):
        wanted.append(("remark", REMARK))
    return [_checklist(known, name, items) for name, items in wanted]


def answered(known: Known, item: Item) -> tuple[str, str, str]:
    """The answer, what is left to the authors, and the item's state."""
    found = item.answer(known).strip() if item.answer else ""
    if not found:
        return "", item.left, OPEN
    return found, item.left, PARTLY if item.left else FILLED


def _checklist(known: Known, name: str, guideline: Mapping[str, tuple[Item, ...]]) -> Table:
    body: dict[str, list[tuple[Cell | str, ...]]] = {}
    for heading, items in guideline.items():
        rows = []
        for item in items:
            found, left, state = answered(known, item)
            rows.append(
                (
                    item.number,
                    item.asks,
                    found,
                    capital(text_of(left)),
                    Cell(state, tone=_TONES[state]),
                )
            )
        body[heading] = rows
    notes = [_NOTE]
    if known.rebuilt:
        notes.append(
            "The study's patients were not seen; results are identified sets, and † marks those that "
            "hold by construction. A checklist of the study itself needs its registry."
        )
    return table(
        f"checklist-{name}",
        _CAPTIONS[name],
        [
            Column("Item"),
            Column("Asks for", width=1.6),
            Column("From this analysis", width=2.6),
            Column("Left to the authors", width=1.2),
            Column("State"),
        ],
        body,
        stage="report",
        inputs=("protocol.json", "flow.csv", "estimates.csv"),
        origin="reconstruction" if known.rebuilt else "registry",
        notes=notes,
        folded=True,
    )
