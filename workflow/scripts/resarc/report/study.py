"""The report of one study, in the order of a reader in a hurry.

First what was found and how far it can be trusted; then the patients, the analyses, the printed
figures against the re-analysed ones, the whole audit, the methods and the provenance. Nothing is
computed here: results are selected, put into words and ordered.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import inf, isnan, log
from typing import Literal

import pandas as pd

from resarc import tables
from resarc.errors import DataError
from resarc.estimand import Condition, Estimand
from resarc.protocol import Analysis, Protocol
from resarc.protocol import Condition as Rule
from resarc.published import Figure, Published
from resarc.references import Reference, short
from resarc.report import figures, snippets
from resarc.report.analyses import analysis_table, inputs, origin, remaining_table
from resarc.report.citations import Citations
from resarc.report.figures import Curve, Drawing, Interval, Pair
from resarc.report.model import (
    MARKS,
    Block,
    Bullets,
    Callout,
    Cell,
    Column,
    Facts,
    FigureBlock,
    Report,
    Run,
    Section,
    Table,
    Text,
    Tone,
    paragraph,
    table,
    text,
)
from resarc.report.results import (
    SAMPLED,
    Results,
    capital,
    counted,
    curve_rows,
    number_of,
    printed_text,
    sentence,
    text_of,
)

SEVERITIES = ("major", "minor", "note", "none")
_TONES: dict[str, Tone] = {
    "major": "bad",
    "minor": "warning",
    "note": "",
    "none": "muted",
    "inconsistent": "bad",
    "explained": "warning",
    "not checkable": "muted",
    "reproduced": "good",
    "differs": "bad",
    "by construction": "muted",
    "set aside": "warning",
    "within identified set": "good",
    "outside identified set": "bad",
    "not computed": "muted",
}
_VERDICTS = {
    "registry": ("reproduced", "differs", "not computed"),
    "reconstruction": (
        "by construction",
        "set aside",
        "within identified set",
        "outside identified set",
        "not computed",
    ),
}
_MEANINGS = {
    "reproduced": "the re-analysed value prints as the paper printed it",
    "differs": "it does not",
    "by construction": "a target: the datasets were built to print so, which confirms nothing",
    "set aside": "meant as a target, but it cannot hold together with the others",
    "within identified set": "not a target, and some consistent dataset prints so",
    "outside identified set": "not a target, and no dataset that was built prints so",
    "not computed": "no result to compare with",
}
_METHODS = {
    "survival": ("kaplan1958", "greenwood1926"),
    "median": ("brookmeyer1982",),
    "hazard_ratio": ("cox1972", "efron1977"),
    "ph_p": ("grambsch1994",),
    "roc_cutoff": ("youden1950",),
}
_MOST_FINDINGS = 8
_MOST_RATIOS = 6
_PANELS = 6


@dataclass(frozen=True)
class StudyInputs:
    """What the report of a study is made from; frames have the columns of the files they are named
    after. The last five exist for a reconstruction only."""

    protocol: Protocol
    published: Published
    version: str
    data_date: str
    audit: pd.DataFrame
    flow: pd.DataFrame
    data_quality: pd.DataFrame
    rejected: pd.DataFrame
    estimates: pd.DataFrame
    curves: pd.DataFrame
    comparison: pd.DataFrame
    adjusted: pd.DataFrame | None = None
    """Adjusted p-values: adjusted.csv of a registry, identified_adjusted.csv of a reconstruction."""
    references: Mapping[str, Reference] = field(default_factory=dict)
    provenance: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Headings (software, seeds, input files, ...) with names and values."""
    members: int = 0
    identified: pd.DataFrame | None = None
    envelopes: pd.DataFrame | None = None
    targets: pd.DataFrame | None = None
    hypotheses: pd.DataFrame | None = None

    @property
    def results(self) -> Results:
        return self.results_for("report")

    @property
    def source(self) -> str:
        """The paper inside a sentence."""
        paper = self.references.get(self.protocol.reference)
        return short(paper) if paper else f"“{self.protocol.title}”"

    @property
    def snippets(self) -> pd.DataFrame:
        """Every result as a sentence for a manuscript."""
        return snippets.snippets(self.results_for("manuscript"), self.source, self.members)

    def results_for(self, use: Literal["report", "manuscript"]) -> Results:
        return Results(
            self.protocol, self.published, self.estimates, self.identified, self.adjusted,
            journal=use == "manuscript",
        )  # fmt: skip


def build(given: StudyInputs) -> Report:
    """The report of one study.

    `DataError` if a result claims what its origin does not allow, such as the verdict `reproduced`
    for a reconstruction, or lacks the identified sets that a reconstruction's results need.
    """
    _check_origin(given)
    protocol, results = given.protocol, given.results
    cited = Citations(given.references)
    summary = tuple(_summary(given, results, cited))
    sections = [
        Section("cohort", "Patients", tuple(_cohort(given, results))),
        Section("analyses", "Analyses", tuple(_analyses(given, results))),
        Section("comparison", "Printed against re-analysed", tuple(_comparison(given, results))),
        Section("audit", "Audit of the printed figures", tuple(_audit(given))),
        Section("manuscript", "For a manuscript", tuple(_for_a_manuscript(given))),
        Section("methods", "Methods", tuple(_methods(given, results, cited))),
        Section("provenance", "Provenance", tuple(_provenance(given))),
    ]
    return Report(
        title=protocol.title,
        subtitle=protocol.population,
        study=protocol.study,
        version=given.version,
        data_date=given.data_date,
        origin=origin(results),
        summary=summary,
        sections=tuple(sections),
        references=cited.listed(),
        provenance=(
            ("Patients", _source_in_words(given)),
            ("Time zero", protocol.origin_label),
            ("Date of the data", given.data_date),
            ("Resarc", given.version),
        ),
        card=tuple(_card(given, results)),
    )


def _card(given: StudyInputs, results: Results) -> Iterable[tuple[str, str]]:
    """What a list of studies says of this one."""
    yield "Patients", _marked(results, Estimand("n"))
    severity = given.audit["severity"].map(text_of)
    yield "Major findings", str(int((severity == "major").sum()))
    yield "Minor findings", str(int((severity == "minor").sum()))
    if results.rebuilt:
        ratios = [
            e for e in results.keys if e.statistic == "hazard_ratio" and str(e) in results.sets
        ]
        known = sum(results.direction(e) == "identified" for e in ratios)
        yield "Directions identified", f"{known} of {len(ratios)}"
    yield "Printed figures", _verdict_counts(given)


def _check_origin(given: StudyInputs) -> None:
    kind = given.protocol.source.kind
    wrong = sorted(set(given.comparison["verdict"].map(text_of)) - set(_VERDICTS[kind]))
    if wrong:
        raise DataError(
            f"comparison of study {given.protocol.study!r}, column verdict",
            repr(wrong[0]),
            f"one of {', '.join(_VERDICTS[kind])} for a {kind}",
            "Run the stage compare again.",
        )
    if kind == "reconstruction" and given.identified is None:
        raise DataError(
            f"study {given.protocol.study!r}",
            "no identified sets",
            "identified.csv, without which no reconstructed result may be shown",
            "Run the stage identify.",
        )


# -- what was found ---------------------------------------------------------------------------------


def _source_in_words(given: StudyInputs) -> str:
    if given.protocol.source.kind == "registry":
        return "Registry data"
    return f"Reconstructed from printed figures ({given.members} datasets)"


def _summary(given: StudyInputs, results: Results, cited: Citations) -> Iterable[Block]:
    paper = cited.cite(given.protocol.reference)
    yield _origin_callout(given, results, paper)
    yield from _audit_callouts(given)
    found = [*_main_outcomes(given, results), *_what_is_identified(results)]
    if found:
        yield Bullets(tuple(found))
    yield _verdict_line(given)


def _origin_callout(given: StudyInputs, results: Results, paper: Text) -> Callout:
    if not results.rebuilt:
        n = results.text(Estimand("n"))
        body = (
            text(
                f"The results are those of {n or 'the'} patients of a registry, analysed as the paper",
                *paper,
                " says.",
            ),
        )
        return Callout("origin", "These are results of registry data.", body)
    lines = [
        text(
            f"{given.members} datasets consistent with the printed figures of the paper", *paper,
            " were rebuilt. The report gives the smallest and the largest value found among them, the ",
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
            words += f"; {aside} {'was' if aside == 1 else 'were'} set aside, because no dataset was found that holds them all"
        lines.append(text(f"{words}."))
    return Callout("origin", "No patient of this study was seen.", tuple(lines))


def _audit_callouts(given: StudyInputs) -> Iterable[Block]:
    """The major findings with their evidence, the minor ones by name, and the count of all checks."""
    audit = given.audit
    severity = audit["severity"].map(text_of)
    major, minor = (audit[severity == level].to_dict("records") for level in ("major", "minor"))
    for row in major[:_MOST_FINDINGS]:
        body = [text(sentence(capital(text_of(row["evidence"]))))]
        if text_of(row.get("hypothesis")):
            body.append(text(sentence(f"It would be explained by this: {row['hypothesis']}")))
        yield Callout("finding", _finding_title(row), tuple(body), "major")
    if minor:
        shown = tuple(text(sentence(_finding_title(row))) for row in minor[:_MOST_FINDINGS])
        yield paragraph("Minor findings:")
        yield Bullets(shown)
    more = max(len(major) - _MOST_FINDINGS, 0) + max(len(minor) - _MOST_FINDINGS, 0)
    counts = audit["verdict"].map(text_of).value_counts()
    words = ", ".join(
        f"{counts[name]} {name}"
        for name in ("consistent", "inconsistent", "explained", "not checkable")
        if name in counts
    )
    start = "" if major or minor else "The audit found no contradiction of weight. "
    rest = f" {counted(more, 'more finding')} of weight stand there." if more else ""
    if len(audit):
        yield paragraph(
            f"{start}{counted(len(audit), 'check')} of the printed figures: {words}; see ",
            Run(ref="audit-all"), f".{rest}",
        )  # fmt: skip


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
        words = _ratio_label(results.protocol, estimand)
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


def _verdict_counts(given: StudyInputs) -> str:
    counts = given.comparison["verdict"].map(text_of).value_counts()
    kinds = _VERDICTS[given.protocol.source.kind]
    return ", ".join(f"{v} {counts[v]}" for v in kinds if v in counts)


def _verdict_line(given: StudyInputs) -> Block:
    words = _verdict_counts(given)
    if not words:
        return paragraph("No printed figure was compared.")
    return paragraph(
        f"{counted(len(given.comparison), 'printed figure')} against the re-analysis: {words}; see ",
        Run(ref="comparison-all"), ".",
    )  # fmt: skip


# -- patients ---------------------------------------------------------------------------------------


def _cohort(given: StudyInputs, results: Results) -> Iterable[Block]:
    flow, rebuilt = given.flow, results.rebuilt
    if len(flow):
        first, last = flow.iloc[0], flow.iloc[-1]
        parts = [
            f"{int(row['excluded']):,} excluded for not meeting: {row['label']}"
            for row in flow.iloc[1:].to_dict("records")
        ]
        finding = (
            f"Of {int(first['remaining']):,} patients screened, {int(last['remaining']):,} were analysed. "
            + "; ".join(parts) + "."
        )  # fmt: skip
        caption = "Patients screened, excluded and analysed."
        if rebuilt:
            caption += (
                " By construction: records of excluded patients were filled in so that the printed "
                "numbers hold; they enter no result."
            )
        yield _figure(
            "flow",
            figures.flow(flow, finding=finding, caption=caption),
            "cohort",
            ("flow.csv",),
            results,
        )
    for analysis in given.protocol.analyses:
        if analysis.kind == "characteristics":
            made = analysis_table(results, analysis)
            if made:
                yield made
    yield from _data_quality(given, results)


def _data_quality(given: StudyInputs, results: Results) -> Iterable[Block]:
    quality, rejected = given.data_quality, given.rejected
    if results.rebuilt:
        yield paragraph(
            "The source file is itself reconstructed. What cleaning found in it shows that cleaning "
            "works, and nothing about the study's records."
        )
    if len(rejected):
        names = ["file", "row", "column", "value", "rule", "reason", "remedy"]
        yield table(
            "rejected", "Rows or values that were rejected",
            [Column(n.capitalize(), width=w) for n, w in zip(names, (1, 0, 0, 1, 0, 2, 2), strict=True)],
            [[_number_text(row[name]) for name in names] for row in rejected.head(200).to_dict("records")],
            stage="clean", inputs=("rejected.csv",), origin=origin(results), folded=True,
            notes=("The first 200; rejected.csv holds all.",) if len(rejected) > 200 else (),
        )  # fmt: skip
    else:
        yield paragraph("No row of the source was rejected.")
    capped = quality[quality["top_coded"] > 0] if "top_coded" in quality else quality[:0]
    if len(capped):
        columns = ", ".join(map(text_of, capped["column"]))
        yield paragraph(
            f"{counted(int(capped['top_coded'].sum()), 'value')} of {columns} above the age of 90 "
            "were set to 90, so that nobody is known by a rare age. Medians, quartiles and groups cut "
            "below 90 are not changed by this; means, standard deviations, maxima, rank tests and "
            "hazard ratios per year are those of the capped values."
        )
    if len(quality):
        counts = quality.select_dtypes("number")
        empty = [name for name in counts if (counts[name] == 0).all()]
        names = [name for name in quality.columns if name not in empty]
        left_out = ", ".join(name.replace("_", " ") for name in empty)
        yield table(
            "data-quality", "Data quality, one row for each column of the source",
            [
                Column(_heading(n), "right") if n in counts else Column(_heading(n), width=1)
                for n in names
            ],
            [[_number_text(row[name]) for name in names] for row in quality.to_dict("records")],
            stage="clean", inputs=("data_quality.csv",), origin=origin(results), folded=True,
            notes=(f"Counts that are 0 for every column are left out: {left_out}.",) if empty else (),
        )  # fmt: skip


# -- analyses ---------------------------------------------------------------------------------------


def _analyses(given: StudyInputs, results: Results) -> Iterable[Block]:
    drawn: set[tuple[str, str]] = set()
    for analysis in given.protocol.analyses:
        if analysis.kind == "characteristics":
            continue
        yield from _survival_figures(given, results, analysis, drawn)
        made = analysis_table(results, analysis)
        if made:
            yield made
    yield from _forest(given, results)
    rest = remaining_table(results)
    if rest:
        yield rest


def _survival_figures(
    given: StudyInputs, results: Results, analysis: Analysis, drawn: set[tuple[str, str]]
) -> Iterable[Block]:
    """Curves that an analysis is about and that no earlier one has shown."""
    endpoint = analysis.endpoint
    if endpoint is None or analysis.kind in ("multivariable", "cutoffs"):
        return
    names = [""] if analysis.kind == "survival" else []
    names += [analysis.by] if analysis.by else []
    if analysis.kind == "univariable":
        names += analysis.variables
    wanted = []
    for name in names:
        if (endpoint, name) in drawn or (name and given.protocol.kind(name) != "category"):
            continue
        curves = _curves_of(given, results, endpoint, name)
        if curves:
            drawn.add((endpoint, name))
            wanted.append((name, curves))
    label = given.protocol.label(endpoint)
    made_from = ("curves.csv", *(("envelopes.csv",) if results.rebuilt else ()))
    if len(wanted) <= 2:
        for name, curves in wanted:
            drawing = figures.survival(
                curves, endpoint=label, finding=_survival_finding(given, results, analysis, endpoint, name),
                level=given.protocol.conventions.level, members=given.members,
            )  # fmt: skip
            title = f"{label} by {given.protocol.label(name).lower()}" if name else label
            drawing = Drawing(drawing.svg, drawing.alt, drawing.caption.replace(label, title, 1))
            yield _figure(_slug("survival", endpoint, name), drawing, "analyse", made_from, results)
        return
    for start in range(0, len(wanted), _PANELS):
        part = wanted[start : start + _PANELS]
        finding = " ".join(
            _survival_finding(given, results, analysis, endpoint, name) for name, _ in part
        )
        drawing = figures.survival_panels(
            [(given.protocol.label(name), curves) for name, curves in part],
            endpoint=label, finding=finding, members=given.members,
        )  # fmt: skip
        identifier = _slug("survival", endpoint, analysis.id, str(start // _PANELS + 1))
        yield _figure(identifier, drawing, "analyse", made_from, results)


def _curves_of(given: StudyInputs, results: Results, endpoint: str, name: str) -> list[Curve]:
    """The curves of the cohort or of each level; a reconstruction's only with their bands."""
    groups = given.protocol.levels(name) if name else ("",)
    found = []
    for level in groups:
        steps = curve_rows(given.curves, endpoint, name, level)
        label = given.protocol.level_label(name, level) if name else "All patients"
        if not results.rebuilt:
            if steps is not None:
                found.append(Curve(label, steps))
            continue
        band = curve_rows(given.envelopes, endpoint, name, level)
        if band is not None:
            found.append(Curve(label, steps, band))
    return found


def _survival_finding(
    given: StudyInputs, results: Results, analysis: Analysis, endpoint: str, name: str
) -> str:
    """What curves show, from the estimates that belong to them."""
    protocol = given.protocol
    label = protocol.label(endpoint)
    parts = []
    for level in protocol.levels(name) if name else ("",):
        where = (Condition(name, level),) if name else ()
        wanted = [Estimand("median", endpoint, where=where)]
        wanted += [Estimand("survival", endpoint, at, where) for at in analysis.at]
        said = [
            f"{'median' if e.statistic == 'median' else tables.describe_duration(e.argument, adjective=True)} "
            f"{results.text(e)}"
            for e in wanted
            if results.has(e)
        ]
        if said:
            parts.append(
                f"{protocol.level_label(name, level) if name else 'All patients'}: {', '.join(said)}."
            )
    logrank = Estimand("logrank_p", endpoint, by=name) if name else None
    if logrank and results.has(logrank):
        parts.append(f"Log-rank test, p: {results.text(logrank)}.")
    kind = "identified sets" if results.rebuilt else "with confidence limits"
    heading = f"{label} by {protocol.label(name).lower()}" if name else label
    return f"{heading} ({kind}). " + (" ".join(parts) or "No summary was computed.")


def _forest(given: StudyInputs, results: Results) -> Iterable[Block]:
    """Every hazard ratio between levels, narrowest first, beside what the paper printed."""
    groups, count, clear = [], 0, 0
    for endpoint in given.protocol.endpoint_names:
        rows = []
        for estimand in results.keys:
            if estimand.statistic != "hazard_ratio" or estimand.subject != endpoint:
                continue
            lower, upper = results.limits(estimand)
            if isnan(lower) and isnan(upper):
                continue
            identified = not results.rebuilt or results.direction(estimand) == "identified"
            point = results.value(estimand)
            rows.append(
                Interval(
                    _ratio_label(given.protocol, estimand), lower, upper,
                    "set" if results.rebuilt else "estimate", point, _printed_p(results, estimand),
                    identified, _printed_number(results, estimand),
                )
            )  # fmt: skip
        if rows:
            rows.sort(key=lambda row: _width(row.lower, row.upper))
            groups.append((given.protocol.label(endpoint), rows))
            count += len(rows)
            clear += sum(row.identified for row in rows)
    if not groups:
        return
    if results.rebuilt:
        finding = (
            f"Identified sets of {counted(count, 'hazard ratio')}: {clear} lie on one side of 1, "
            f"{count - clear} do not."
        )
        caption = (
            "Identified sets of hazard ratios, narrowest first. Filled bar: all rebuilt datasets "
            "agree on the direction. Hollow bar: they do not. Diamond: printed hazard ratio. Right: "
            "printed p."
        )
    else:
        finding = "Hazard ratios with confidence limits: " + "; ".join(
            f"{row.label} {row.lower:.2f} to {row.upper:.2f}" for _, rows in groups for row in rows[:12]
        ) + "."  # fmt: skip
        caption = (
            "Hazard ratios with confidence limits, narrowest first. Diamond: printed hazard ratio. "
            "Right: printed p."
        )
    drawing = figures.forest(
        groups, axis="Hazard ratio (logarithmic scale)", finding=finding, caption=caption,
        note="Printed p", null=1.0, logarithmic=True,
    )  # fmt: skip
    yield _figure(
        "hazard-ratios",
        drawing,
        "identify" if results.rebuilt else "analyse",
        inputs(results),
        results,
    )


def _width(lower: float, upper: float) -> float:
    return log(upper / lower) if lower > 0 and upper < inf else inf


def _ratio_label(protocol: Protocol, estimand: Estimand) -> str:
    if estimand.contrast:
        one, other = (protocol.level_label(estimand.by, level) for level in estimand.contrast)
        words = f"{protocol.label(estimand.by)}: {one} against {other}"
    else:
        words = f"{protocol.label(estimand.by)}, per unit"
    for condition in estimand.where:
        words += f"; {tables.describe_condition(condition, protocol)}"
    return words + ("; adjusted" if estimand.adjusted_for else "")


def _printed_p(results: Results, ratio: Estimand) -> str:
    """The p that the paper printed for the comparison a hazard ratio is about."""
    by, adjusted = ratio.by, ratio.adjusted_for
    wanted = [Estimand("cox_p", ratio.subject, None, ratio.where, by, ratio.contrast, "", adjusted)]
    if not adjusted:
        wanted.append(Estimand("logrank_p", ratio.subject, None, ratio.where, by))
    found = [results.printed(e) for e in wanted]
    return next((words for words in found if words), "")


def _printed_number(results: Results, estimand: Estimand) -> float:
    for figure in results.figures.get(str(estimand), []):
        if not figure.not_available and not figure.claim and figure.value.mark == "=":
            return float(figure.value.value)
    return float("nan")


# -- printed against re-analysed ---------------------------------------------------------------------


def _comparison(given: StudyInputs, results: Results) -> Iterable[Block]:
    frame = given.comparison
    if not len(frame):
        yield paragraph("No printed figure was compared.")
        return
    verdicts = frame["verdict"].map(text_of)
    used = [v for v in _VERDICTS[given.protocol.source.kind] if (verdicts == v).any()]
    yield table(
        "verdicts", "Printed figures by verdict",
        [Column("Verdict", width=1), Column("Figures", "right"), Column("Meaning", width=3)],
        [(Cell(v, tone=_TONES[v]), str(int((verdicts == v).sum())), capital(_MEANINGS[v]) + ".") for v in used],
        stage="compare", inputs=("comparison.csv",), origin=origin(results),
    )  # fmt: skip
    pairs = [pair for row in frame.to_dict("records") if (pair := _pair(given, results, row))]
    if pairs:
        yield _figure(
            "agreement", _agreement(results, pairs), "compare", ("comparison.csv",), results
        )
    yield _comparison_table(given, results)


def _pair(given: StudyInputs, results: Results, row: Mapping[str, object]) -> Pair | None:
    """One printed number against its re-analysis, in the unit of its panel."""
    figure = _figure_of(given.published, row)
    if figure is None or figure.claim or figure.not_available or figure.value.mark != "=":
        return None
    estimand = figure.estimand
    panel, scale = _panel(estimand, given.protocol)
    if not panel:
        return None
    if results.rebuilt:
        value, ends = (
            float("nan"),
            (number_of(row["identified_lower"]), number_of(row["identified_upper"])),
        )
        if any(isnan(end) for end in ends):
            return None
    else:
        value, ends = number_of(row["value"]), (float("nan"), float("nan"))
        if isnan(value):
            return None
    verdict = text_of(row["verdict"])
    role = {"by construction": "target", "reproduced": "agrees", "within identified set": "agrees"}
    printed = float(figure.value.value) * given.published.factor(figure)
    return Pair(
        panel, printed * scale, value * scale, ends[0] * scale, ends[1] * scale,
        role.get(verdict, "differs"),
    )  # fmt: skip


def _panel(estimand: Estimand, protocol: Protocol) -> tuple[str, float]:
    """The panel in which an estimand is drawn and the factor to its unit; none for counts."""
    unit = tables.unit(estimand, protocol)
    if estimand.kind.scale == "p":
        return "p", 1.0
    if unit == "%" and estimand.kind.scale == "fraction":
        return "Per cent", 100.0
    return ("Months", 1.0) if unit == "months" else ("", 1.0)


def _agreement(results: Results, pairs: Sequence[Pair]) -> Drawing:
    differ = sum(pair.role == "differs" for pair in pairs)
    targets = sum(pair.role == "target" for pair in pairs)
    free = len(pairs) - targets
    if results.rebuilt:
        finding = (
            f"{counted(len(pairs), 'printed number')} against identified sets. {targets} were targets "
            f"and lie on the diagonal by construction; of the other {free}, {differ} lie outside their "
            "identified set or were set aside."
        )
        caption = (
            "Printed numbers against identified sets (vertical bars). Dashed: agreement. Hollow circles: "
            "targets of the reconstruction, which agree by construction."
        )
    else:
        finding = (
            f"{counted(len(pairs), 'printed number')} against re-analysed values: {differ} differ."
        )
        caption = "Printed numbers against re-analysed values. Dashed: agreement."
    return figures.agreement(pairs, finding=finding, caption=caption)


def _comparison_table(given: StudyInputs, results: Results) -> Table:
    rows = []
    for row in given.comparison.to_dict("records"):
        estimand = Estimand.parse(str(row["estimand"]))
        figure, verdict = _figure_of(given.published, row), text_of(row["verdict"])
        said = printed_text(figure) if figure else text_of(row["printed"])
        # A figure that was read as another estimand is compared with that one's result.
        found = results.cell(Estimand.parse(text_of(row.get("read_as")) or str(estimand)))
        if verdict == "not computed":
            found = Cell("")
        elif results.rebuilt:
            found = replace(found, mark="by construction" if verdict == "by construction" else "")
        rows.append(
            (
                results.describe(estimand), said, found, Cell(verdict, tone=_TONES[verdict]),
                text_of(row["locator"]), text_of(row.get("note")),
            )
        )  # fmt: skip
    last = any(row[-1] for row in rows)
    columns = [
        Column("Quantity", width=3), Column("Printed", "right"),
        Column("Identified set" if results.rebuilt else "Re-analysed", "right"), Column("Verdict"),
        Column("Where printed", width=1.6), *((Column("Note", width=1.6),) if last else ()),
    ]  # fmt: skip
    return table(
        "comparison-all", "Every printed figure against its re-analysis", columns,
        [row if last else row[:-1] for row in rows], stage="compare",
        inputs=("comparison.csv", *inputs(results)), origin=origin(results), folded=True,
        notes=(SAMPLED,) if results.rebuilt else (),
    )  # fmt: skip


def _figure_of(published: Published, row: Mapping[str, object]) -> Figure | None:
    name = text_of(row["figure"])
    return next((figure for figure in published.figures if figure.id == name), None)


# -- audit -----------------------------------------------------------------------------------------


def _audit(given: StudyInputs) -> Iterable[Block]:
    yield paragraph(
        "Each check compares printed figures with one another; no patient, seen or rebuilt, enters. "
        "Figures that cannot be true together are reported with the smallest set that conflicts. ",
        given.published.reading,
    )
    if not len(given.audit):
        yield paragraph("No check was made.")
        return
    order = {name: i for i, name in enumerate(SEVERITIES)}
    rows = sorted(
        given.audit.to_dict("records"), key=lambda row: order.get(text_of(row["severity"]), 9)
    )
    yield table(
        "audit-all", "All checks of the printed figures, gravest first",
        [
            Column("Check", width=1.6), Column("Verdict"), Column("Weight"), Column("Printed", width=1.2),
            Column("Recomputed", width=1.2), Column("Evidence", width=2.6),
        ],
        [
            (
                _finding_title(row),
                Cell(text_of(row["verdict"]), tone=_TONES.get(text_of(row["verdict"]), "")),
                Cell(text_of(row["severity"]), tone=_TONES.get(text_of(row["severity"]), "")),
                text_of(row["printed"]), text_of(row["recomputed"]),
                " ".join(
                    filter(None, (text_of(row["evidence"]), _explained(row), _sources(given.published, row)))
                ),
            )
            for row in rows
        ],
        stage="audit", inputs=("audit.csv",), origin="paper", folded=True,
    )  # fmt: skip
    if given.hypotheses is not None and len(given.hypotheses):
        names = list(given.hypotheses.columns)
        yield table(
            "hypotheses", "Meanings of the printed figures that were tried",
            [Column(_heading(name), width=2 if name == "evidence" else 0.8) for name in names],
            [[_number_text(row[name]) for name in names] for row in given.hypotheses.to_dict("records")],
            stage="reconstruct", inputs=("reconstruction/hypotheses.csv",), origin="paper",
        )  # fmt: skip


def _finding_title(row: Mapping[str, object]) -> str:
    return text_of(row.get("title")) or capital(text_of(row["check"]).replace("_", " "))


def _explained(row: Mapping[str, object]) -> str:
    words = text_of(row.get("hypothesis"))
    return f"Explained by: {sentence(words)}" if words else ""


def _sources(published: Published, row: Mapping[str, object]) -> str:
    """Where the figures of a check stand in the paper."""
    ids = [name.strip() for name in text_of(row["figures"]).split(";")]
    places = dict.fromkeys(f.locator for f in published.figures if f.id in ids)
    return f"({'; '.join(list(places)[:4])}{'; …' if len(places) > 4 else ''})" if places else ""


# -- for a manuscript ----------------------------------------------------------------------------------


def _for_a_manuscript(given: StudyInputs) -> Iterable[Block]:
    yield paragraph(
        "The tables of this report, without what the paper printed, are in ",
        Run("tables.docx", link="manuscript/tables.docx"), " (Word), ",
        Run("tables.tex", link="manuscript/tables.tex"), " (LaTeX) and, one by one, in ",
        Run("tables/index.csv", link="tables/index.csv"), "; every result as a sentence is in ",
        Run("snippets.csv", link="manuscript/snippets.csv"), ".",
    )  # fmt: skip
    quoted = snippets.quotable(given.results_for("manuscript"), given.snippets)
    if quoted:
        yield quoted


# -- methods and provenance ---------------------------------------------------------------------------


def _methods(given: StudyInputs, results: Results, cited: Citations) -> Iterable[Block]:
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
    aside = _targets_table(given)
    if aside:
        yield aside


def _targets_table(given: StudyInputs) -> Table | None:
    """The printed figures that are no target, or do not hold in every dataset, and why."""
    rows = []
    for row in given.targets.to_dict("records") if given.targets is not None else ():
        share, status = number_of(row["share_held"]), text_of(row["status"])
        if status == "target" and share >= 1:
            continue
        estimand = text_of(row["estimand"])
        rows.append(
            (
                capital(tables.describe(Estimand.parse(estimand), given.protocol)),
                text_of(row["printed"]),
                Cell(status, tone=_TONES.get(status, "")),
                "" if isnan(share) else f"{100 * share:.0f}%",
                " ".join(filter(None, (text_of(row["hypothesis"]), text_of(row["reason"])))),
            )
        )
    if not rows:
        return None
    return table(
        "targets",
        "Printed figures that are no target of the reconstruction, or do not hold in all datasets",
        [
            Column("Quantity", width=2.4),
            Column("Printed", "right"),
            Column("Role"),
            Column("Held in", "right"),
            Column("Meaning or reason", width=2),
        ],
        rows,
        stage="reconstruct",
        inputs=("reconstruction/targets.csv",),
        origin="paper",
        folded=True,
        notes=("Held in: the share of rebuilt datasets that print so.",),
    )


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


def _provenance(given: StudyInputs) -> Iterable[Block]:
    yield paragraph(
        "The same inputs, settings and software give the same results and the same bytes of this report."
    )
    body = {
        heading: [(name, value) for name, value in items.items()]
        for heading, items in given.provenance.items()
        if items
    }
    if body:
        yield table(
            "what-made-this", "What made this report", [Column("Item", width=1), Column("Value", width=2)],
            body, stage="report",
        )  # fmt: skip


# -- words -------------------------------------------------------------------------------------------


def _figure(
    identifier: str, drawing: Drawing, stage: str, made_from: Sequence[str], results: Results
) -> FigureBlock:
    return FigureBlock(
        identifier,
        drawing.svg,
        drawing.alt,
        drawing.caption,
        stage,
        tuple(made_from),
        origin(results),
    )


def _slug(*parts: str) -> str:
    return "-".join(part.replace("_", "-") for part in parts if part)


def _heading(name: str) -> str:
    return capital(name.replace("_", " "))


def _number_text(value: object) -> str:
    """A cell of a results file for people: whole numbers without decimals."""
    if isinstance(value, float) and value.is_integer():
        return f"{value:.0f}"
    return text_of(value)
