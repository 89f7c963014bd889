"""What a study is: its source, variables, rules, cohort, endpoints and analyses.

A protocol (`config/studies/<study>.yaml`) says all that the pipeline needs to know of a study; no
module knows a study's name. `load` checks it before any job runs.

Names used everywhere after `clean`: a category holds its canonical levels as text, a number a
float in the protocol's unit, a date the days since the patient's own `time_zero` date, and an
endpoint is two columns, `<endpoint>_time` (months) and `<endpoint>_event` (0 or 1).
"""

from __future__ import annotations

import datetime
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from resarc.configuration import DurationText, EstimandText, Model, read_model
from resarc.errors import ConfigurationError
from resarc.estimand import Estimand
from resarc.privacy import OLDEST
from resarc.recommended import KINDS_OF_ANALYSIS, Recommended

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]

BUILT_IN_RULES = (
    "empty row",
    "required",
    "code",
    "number",
    "whole number",
    "unit",
    "date",
    "partial date",
    "range",
    "improbable",
    "future",
    "unique",
    "duplicate",
    "repeated row",
    "near duplicate",
)
"""Names of the rules that cleaning applies by itself; `endpoint <name>` is one too."""


GroupTest = Literal[
    "chi2_p",
    "chi2_yates_p",
    "fisher_p",
    "trend_p",
    "mann_whitney_p",
    "mann_whitney_uncorrected_p",
    "kruskal_wallis_p",
]

PER_UNIT = ("hazard_ratio", "cox_p")
"""Contrasts that a number has too: of one unit more."""


Format = Literal["csv", "xlsx", "ods", "sav", "dta", "redcap", "parquet"]

FORMAT_OF: dict[str, Format] = {
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".tab": "csv",
    ".xlsx": "xlsx",
    ".xlsm": "xlsx",
    ".ods": "ods",
    ".sav": "sav",
    ".zsav": "sav",
    ".dta": "dta",
    ".parquet": "parquet",
}
"""The format of a file by how its name ends, where the protocol does not say."""


class Layout(Model):
    """How a data file is laid out. What is not given is detected where that can be done without
    guessing, and stated in `source.csv` either way."""

    format: Format | None = None
    """`csv` is any text with a separator; `redcap` a raw export with its `dictionary`. By default
    as the file's name ends."""
    separator: Literal[",", ";", "\t", "|"] | None = None
    decimal: Literal[".", ","] | None = None
    encoding: str | None = None
    sheet: str | None = None
    """The sheet of a workbook; needed if it has several."""
    header: int = Field(default=1, ge=1)
    """The row that holds the names of the columns, as a spreadsheet counts; rows above it are not
    read."""
    values: Literal["codes", "labels"] = "codes"
    """Of SPSS and Stata: whether a cell is its code, or the label of its code."""
    dictionary: Path | None = None
    """The data dictionary of a REDCap project, as CSV."""
    only: dict[str, Annotated[tuple[str, ...], Field(min_length=1)]] = {}
    """Column to codes: only the rows that have one of them are read, such as one event of a
    longitudinal REDCap project."""

    def format_of(self, file: Path) -> Format | None:
        """The format as given, or as the file's name ends; None if neither says."""
        return self.format or FORMAT_OF.get(file.suffix.lower())


class Joined(Layout):
    """One more file about the same patients, joined by a key."""

    file: Path
    key: str = Field(min_length=1)
    """The column that names the patient here."""
    main_key: str | None = None
    """The column that names the patient in the main file, if it is called otherwise there."""
    prefix: str = ""
    """Put before the names of this file's columns, where another file has the same ones."""
    keep: Literal["only", "first", "last"] = "only"
    """A patient's only row, or of several the first or last by the date in `by`."""
    by: str | None = None
    date_format: str = "%Y-%m-%d"

    @model_validator(mode="after")
    def _ordered(self) -> Joined:
        if (self.keep == "only") != (self.by is None):
            raise ValueError("'keep: first' and 'keep: last' need the date column 'by'")
        return self


class Source(Layout):
    """Where the patients come from and how the file is laid out."""

    kind: Literal["reconstruction", "registry"]
    file: Path | None = None
    join: tuple[Joined, ...] = ()
    other_columns: Literal["refuse", "drop"] = "refuse"
    """What to do with columns that the protocol does not describe; dropped ones are listed in
    `source.csv`."""
    exported: datetime.date | None = None
    """The day of a registry's export. A later date in it is wrong, and reports are dated by it. A
    registry needs it: today would let the results depend on the day of the run."""
    corrections: Path | None = None
    """The group's corrections of a registry: `resarc.intake.corrections`."""
    export_member: int = Field(default=0, ge=0)
    in_archive: bool = False
    """Whether a registry's data, and with them its exact results, may go into the archive that is
    published. By default they may not."""

    @model_validator(mode="after")
    def _complete(self) -> Source:
        if self.in_archive and self.kind != "registry":
            raise ValueError("in_archive is for a registry; a reconstruction is always archived")
        if (self.kind == "registry") != (self.file is not None):
            raise ValueError("a registry needs 'file'; a reconstruction has none")
        if self.kind == "registry" and self.exported is None:
            raise ValueError(
                "a registry needs 'exported', the day of its export as in 2024-06-30: later dates "
                "in it are rejected, and reports are dated by it"
            )
        if self.kind == "reconstruction" and (
            self.join or self.only or self.dictionary or self.header > 1 or self.format == "ods"
        ):
            raise ValueError(
                "a reconstruction writes one plain file: csv, xlsx, sav, dta, redcap or parquet, "
                "without join, only, dictionary or header"
            )
        if self.kind == "reconstruction" and self.corrections:
            raise ValueError("only a registry has corrections")
        for layout in (self, *self.join):
            if layout.file and (layout.format == "redcap") != (layout.dictionary is not None):
                raise ValueError("format redcap and its 'dictionary' go together")
        prefixes = [item.prefix for item in self.join if item.prefix]
        if len(set(prefixes)) < len(prefixes):
            raise ValueError("each joined file needs a prefix of its own")
        return self

    @property
    def export_ending(self) -> str:
        """How the name of a reconstruction's export ends."""
        return "csv" if self.format in (None, "redcap") else self.format

    @property
    def files(self) -> tuple[Path, ...]:
        """Every file that is read, the main one first; none for a reconstruction."""
        named = [f for layout in (self, *self.join) for f in (layout.file, layout.dictionary) if f]
        named += [self.corrections] if self.corrections else []
        return tuple(dict.fromkeys(named))


class Variable(Model):
    """One column of the source and what it becomes."""

    name: Name
    column: str
    label: str
    type: Literal["identifier", "category", "number", "integer", "date", "text"]
    unit: str = ""
    categories: dict[str, tuple[str, ...]] = {}
    """Canonical level to the codes of the source; the level itself is a code only if listed."""
    level_labels: dict[str, str] = {}
    minimum: float | datetime.date | None = None
    maximum: float | datetime.date | None = None
    missing: tuple[str, ...] = ("",)
    required: bool = False
    unique: bool = False
    """No two rows may have the same value. Identifiers are unique always."""
    ignore_case: bool = False
    """Codes match whatever their case and the white space within them."""
    plausible_minimum: float | datetime.date | None = None
    plausible_maximum: float | datetime.date | None = None
    """What lies outside is improbable: the row is kept and flagged. Outside `minimum` and `maximum`
    is impossible: the row is rejected."""
    units: dict[str, Annotated[float, Field(gt=0)]] = {}
    """Units in which a number may be recorded, and how many of `unit` one of each is, such as
    {mm: 0.1, cm: 1}. A cell may name its unit after the number."""
    recorded_in: str = ""
    """The unit, one of `units`, of a number that names none; by default `unit`."""
    unit_from: Name | None = None
    """A category with the names of `units` as levels: the unit of the number in the same row."""
    date_format: str = "%Y-%m-%d"
    partial_formats: dict[Literal["month", "year"], tuple[str, ...]] = {}
    """How a date is written of which only the month or the year is known, such as
    {month: ["%Y-%m", "%Y-%m-00"], year: ["%Y"]}."""
    partial: Literal["reject", "earliest", "middle", "latest"] = "reject"
    """Which day stands for a partial date: see `resarc.intake.dates`."""
    top_code: float | Literal["none"] | None = None
    """A number of a registry above it counts as it. Unset: 90 for a number in years, which is taken
    for an age; "none" leaves all values as they are."""

    @property
    def ceiling(self) -> float | None:
        """Where `clean` caps the number; None if nowhere."""
        if self.type not in ("number", "integer") or self.top_code == "none":
            return None
        if self.top_code is None:
            return OLDEST if self.unit in ("year", "years") else None
        return self.top_code

    @model_validator(mode="after")
    def _typed(self) -> Variable:
        if self.top_code is not None and self.type not in ("number", "integer"):
            raise ValueError(f"variable {self.name!r}: top_code goes with a number")
        if (self.type == "category") != bool(self.categories):
            raise ValueError(
                f"variable {self.name!r}: categories go with type category, and only there"
            )
        codes = [code for codes in self.categories.values() for code in codes]
        twice = {code for code in codes if codes.count(code) > 1}
        if twice:
            raise ValueError(f"variable {self.name!r}: code {min(twice)!r} stands for two levels")
        if set(codes) & set(self.missing):
            raise ValueError(f"variable {self.name!r}: a code is both a level and missing")
        self._check_case(codes)
        self._check_bounds()
        self._check_units()
        if self.partial_formats and self.type != "date":
            raise ValueError(f"variable {self.name!r}: partial_formats go with a date")
        if self.partial != "reject" and not self.partial_formats:
            raise ValueError(
                f"variable {self.name!r}: 'partial' needs 'partial_formats', how such dates are written"
            )
        return self

    def _check_case(self, codes: list[str]) -> None:
        if not self.ignore_case:
            return
        if self.type != "category":
            raise ValueError(f"variable {self.name!r}: ignore_case goes with a category")
        folded: dict[str, str] = {}
        for code in (*codes, *self.missing):
            other = folded.setdefault(" ".join(code.casefold().split()), code)
            if other != code:
                raise ValueError(
                    f"variable {self.name!r}: {other!r} and {code!r} are one code but for their case"
                )

    def _check_bounds(self) -> None:
        bounds = (self.minimum, self.plausible_minimum, self.plausible_maximum, self.maximum)
        given = [bound for bound in bounds if bound is not None]
        if not given:
            return
        if self.type not in ("number", "integer", "date"):
            raise ValueError(f"variable {self.name!r}: bounds go with numbers and dates")
        if any(isinstance(bound, datetime.date) != (self.type == "date") for bound in given):
            raise ValueError(
                f"variable {self.name!r}: the bounds of a {self.type} are "
                f"{'dates' if self.type == 'date' else 'numbers'}"
            )
        if given != sorted(given):
            raise ValueError(
                f"variable {self.name!r}: minimum, plausible_minimum, plausible_maximum and maximum "
                "must not fall"
            )

    def _check_units(self) -> None:
        if not self.units:
            if self.recorded_in or self.unit_from:
                raise ValueError(f"variable {self.name!r}: recorded_in and unit_from need 'units'")
            return
        if self.type != "number" or not self.unit:
            raise ValueError(f"variable {self.name!r}: units go with a number that has a 'unit'")
        if self.units.get(self.unit, 1) != 1:
            raise ValueError(f"variable {self.name!r}: one {self.unit} is 1 {self.unit}")
        if self.recorded_in and self.unit_from:
            raise ValueError(f"variable {self.name!r}: give recorded_in or unit_from, not both")
        if self.recorded_in and self.recorded_in not in self.units:
            raise ValueError(
                f"variable {self.name!r}: recorded_in {self.recorded_in!r} is none of its units "
                f"{', '.join(self.units)}"
            )


class Condition(Model):
    """Patients whose variable is one of, or none of, some levels, or lies within bounds."""

    variable: Name
    one_of: tuple[str, ...] | None = None
    none_of: tuple[str, ...] | None = None
    above: float | None = None
    at_least: float | None = None
    below: float | None = None
    at_most: float | None = None
    present: bool | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Condition:
        if self.model_fields_set <= {"variable"}:
            raise ValueError(
                f"condition on {self.variable!r} says nothing; add one_of, at_least, present …"
            )
        return self


class Rule(Model):
    """What must hold between the columns of one row: dates in order, or if … then."""

    id: str
    order: tuple[Name, ...] = ()
    when: tuple[Condition, ...] = ()
    then: tuple[Condition, ...] = ()
    action: Literal["reject", "flag"] = "reject"
    why: str

    @model_validator(mode="after")
    def _one_kind(self) -> Rule:
        if bool(self.order) == bool(self.then) or (self.order and len(self.order) < 2):
            raise ValueError(
                f"rule {self.id!r}: give either 'order' (two dates or more) or 'when' and 'then'"
            )
        return self


class NearDuplicates(Model):
    """When two rows with different identifiers are taken for one patient: `resarc.intake.duplicates`."""

    id: str
    agree: tuple[Name, ...] = Field(min_length=2)
    """Variables of the source, free text too, in which the two rows have the same value."""
    differing: Literal[0, 1] = 0
    """How many of them may differ or be missing."""
    action: Literal["reject", "flag"] = "flag"
    why: str


class Derived(Model):
    """A variable made from others: exactly one of cut, months_between, collapse."""

    name: Name
    label: str
    unit: str = ""
    cut: Name | None = None
    at: tuple[float, ...] = ()
    """Cut-points; a level holds its lower cut-point: [a, b)."""
    levels: tuple[str, ...] = ()
    months_between: tuple[Name, Name] | None = None
    collapse: Name | None = None
    groups: dict[str, tuple[str, ...]] = {}
    level_labels: dict[str, str] = {}

    @model_validator(mode="after")
    def _one_kind(self) -> Derived:
        if sum(x is not None for x in (self.cut, self.months_between, self.collapse)) != 1:
            raise ValueError(
                f"derived {self.name!r}: give exactly one of cut, months_between, collapse"
            )
        if self.cut and (
            len(self.levels) != len(self.at) + 1 or list(self.at) != sorted(set(self.at))
        ):
            raise ValueError(
                f"derived {self.name!r}: {len(self.at)} increasing cut-points need {len(self.at) + 1} levels"
            )
        if self.collapse and not self.groups:
            raise ValueError(f"derived {self.name!r}: collapse needs groups")
        return self

    @property
    def is_category(self) -> bool:
        return self.months_between is None

    @property
    def ordered_levels(self) -> tuple[str, ...]:
        return self.levels or tuple(self.groups)


class Step(Model):
    """One step of eligibility: who fails any condition is excluded here, in order."""

    id: Name
    label: str
    keep: tuple[Condition, ...] = Field(min_length=1)


class Endpoint(Model):
    """A time to event, from dates or from a time and a status.

    From dates: the event is the earliest of `events`; who has none is censored at `censored_at`.
    From columns: `time` (a number in months) and `happened`, the condition of an event.
    """

    name: Name
    label: str
    definition: str
    origin: Name | None = None
    events: tuple[Name, ...] = ()
    """Dates; one that is missing has not happened."""
    censored_at: Name | None = None
    only_if: tuple[Condition, ...] = ()
    """An event counts only if these hold; else the patient is censored at its date."""
    time: Name | None = None
    happened: tuple[Condition, ...] = ()

    @model_validator(mode="after")
    def _one_kind(self) -> Endpoint:
        dated = (self.origin, self.events or None, self.censored_at)
        given = (self.time, self.happened or None)
        if not (all(dated) and not any(given)) and not (all(given) and not any(dated)):
            raise ValueError(
                f"endpoint {self.name!r}: give origin, events and censored_at, or time and happened"
            )
        return self


QUESTIONS: dict[str, tuple[str, ...]] = {
    "median": ("middle", "first", "below"),
    "ties": ("efron", "breslow", "exact"),
    "logrank_variance": ("hypergeometric", "binomial"),
    "survival_test": (
        "logrank_p",
        "wilcoxon_p",
        "tarone_ware_p",
        "peto_p",
        "cox_p",
        "cox_lr_p",
    ),
    "table_test": ("chi2_p", "chi2_yates_p", "fisher_p", "trend_p"),
    "rank_test": ("mann_whitney_p", "mann_whitney_uncorrected_p"),
}
"""Conventions that a paper may leave open, and what they may be; of tests the statistics' names."""


class Conventions(Model):
    """How the study's statistics are computed; the report says so in words."""

    survival_interval: Literal["plain", "log", "log-log"] = "log-log"
    proportion_interval: Literal["wilson", "exact", "wald"] = "wilson"
    level: float = Field(default=0.95, gt=0.5, lt=1)
    roc_criterion: Literal["youden", "closest"] = "youden"
    alpha: float = Field(default=0.05, gt=0, lt=1)
    median: Literal["middle", "first", "below"] = "middle"
    """The median of an endpoint where the curve is 1/2 over a stretch of time: the middle of the
    stretch (R, SAS), its start (SPSS, Stata), or its end, the first time below 1/2."""
    ties: Literal["efron", "breslow", "exact"] = "efron"
    """Tied events in Cox models: Efron's (R), Breslow's (SPSS, SAS, Stata), the discrete likelihood."""
    logrank_variance: Literal["hypergeometric", "binomial"] = "hypergeometric"
    """Of a log-rank test, with or without the correction for tied events."""
    open: dict[
        Literal["median", "ties", "logrank_variance", "survival_test", "table_test", "rank_test"],
        Literal["any"] | Annotated[tuple[str, ...], Field(min_length=1)],
    ] = {}
    """What the paper does not say, and what it may have been (`any`: all of `QUESTIONS`). The
    reconstruction asks which of these the printed figures bear; the analysis takes the values above,
    and each figure's own test."""

    def options(self, question: str) -> tuple[str, ...]:
        """What an open question may be; nothing if it is not open."""
        given = self.open.get(question, ())
        return QUESTIONS[question] if given == "any" else tuple(given)

    @model_validator(mode="after")
    def _known(self) -> Conventions:
        for question in self.open:
            for option in self.options(question):
                if option not in QUESTIONS[question]:
                    raise ValueError(
                        f"open: {question} may be {', '.join(QUESTIONS[question])} or any, "
                        f"not {option!r}"
                    )
        return self


class Analysis(Recommended):
    """One analysis of the paper; its kind says which estimands it consists of."""

    id: Name
    label: str
    kind: Literal[
        "characteristics",
        "response",
        "survival",
        "univariable",
        "multivariable",
        "cutoffs",
        "subgroups",
        "groups",
    ]
    endpoint: Name | None = None
    variables: tuple[Name, ...] = ()
    by: Name | None = None
    within: Name | None = None
    adjusted_for: tuple[Name, ...] = ()
    at: tuple[DurationText, ...] = ()
    tests: tuple[GroupTest, ...] = ()
    """Tests between the groups of `by` for characteristics (none unless asked for) and response
    (chi-squared, Fisher and trend unless others are named); each where it applies."""
    more: tuple[EstimandText, ...] = ()
    note: str = ""

    @model_validator(mode="after")
    def _complete(self) -> Analysis:
        needs = {
            "characteristics": ("variables",),
            "response": ("variables", "by"),
            "survival": ("endpoint", "at"),
            "univariable": ("endpoint", "variables"),
            "multivariable": ("endpoint", "variables"),
            "cutoffs": ("endpoint", "variables", "at"),
            "subgroups": ("endpoint", "by", "within"),
            "groups": ("variables", "by"),
        }[self.kind]
        for key in needs:
            if not getattr(self, key):
                raise ValueError(f"analysis {self.id!r} of kind {self.kind!r} needs {key!r}")
        if self.tests and (self.kind not in ("characteristics", "response") or not self.by):
            raise ValueError(
                f"analysis {self.id!r}: tests compare the groups of 'by' of characteristics or response"
            )
        return self


class Line(Model):
    """A value of an estimate at which a conclusion changes, stated beforehand: when a new export takes
    the estimate across it, the report says so (`resarc.updates`)."""

    of: EstimandText
    at: float
    """Shares are fractions of 1, times months."""
    why: str


class Constraint(Model):
    """What a reconstruction must respect though nobody printed it."""

    at_most: tuple[Name, Name] | None = None
    """The first endpoint's time, or the first number, is never above the second's."""
    equal: tuple[Name, Name] | None = None
    """Two numbers that are the same number in the patients of `among`."""
    among: tuple[Condition, ...] = ()
    """Only patients who meet all of these (on categories) are bound by `at_most` or `equal`."""
    same_end: tuple[Name, Name] | None = None
    """Who is censored for the first endpoint is censored for the second at the same calendar date
    (one last contact); with one time origin, at the same time."""
    implies: Annotated[tuple[Condition, ...], Field(min_length=2)] | None = None
    """Who meets the first condition meets the second, or at least one of the others where more are
    given (on categories; an endpoint is one with the levels event and censored)."""
    why: str


class Reconstruction(Model):
    """Choices that the printed figures leave open, made in the open."""

    period: tuple[datetime.date, datetime.date]
    """First and last date of the first endpoint's origin."""
    last_contact: datetime.date
    """The latest follow-up date of the study."""
    constraints: tuple[Constraint, ...] = ()
    ranges: dict[Name, tuple[float, float]] = {}
    """Plausible bounds of numbers whose printed range does not bound them."""
    steps: dict[Name, Annotated[float, Field(gt=0)]] = {}
    """Numbers that are recorded in multiples of a step: 0.1 cm, fractions of 5 Gy."""
    codes: Literal["first", "any"] = "first"
    """The export writes a level's first code, or any of its codes as a real chart review would."""
    missing_share: float = Field(default=0.0, ge=0, lt=0.5)
    """Share of missing values planted among screened-but-excluded patients."""
    choices: tuple[str, ...] = ()
    """Free choices of this reconstruction, in words, for the report."""


class Protocol(Model):
    """A study, whole."""

    study: Name
    reference: str = ""
    """Key of the paper in `config/references.bib`; a registry may repeat none."""
    title: str
    population: str
    time_zero: Name | None = None
    """The date from which `clean` counts days; needed once the source holds dates."""
    origin_label: str
    source: Source
    variables: tuple[Variable, ...]
    rules: tuple[Rule, ...] = ()
    near_duplicates: tuple[NearDuplicates, ...] | None = None
    """Unset, rows that agree in everything but the identifier and hold at least two dates are
    flagged; an empty list looks for none."""
    derived: tuple[Derived, ...] = ()
    eligibility: tuple[Step, ...] = Field(min_length=1)
    endpoints: tuple[Endpoint, ...] = Field(min_length=1)
    conventions: Conventions = Conventions()
    analyses: tuple[Analysis, ...] = Field(min_length=1)
    lines: tuple[Line, ...] = ()
    """Besides the significance level, and no difference for ratios and differences."""
    reconstruction: Reconstruction | None = None

    # -- look-ups ---------------------------------------------------------------------------

    def variable(self, name: str) -> Variable | Derived:
        """The source or derived variable of this name; KeyError where there is none."""
        for item in (*self.variables, *self.derived):
            if item.name == name:
                return item
        raise KeyError(name)

    def endpoint(self, name: str) -> Endpoint:
        for item in self.endpoints:
            if item.name == name:
                return item
        raise KeyError(name)

    @property
    def data_date(self) -> datetime.date:
        """The day of the data: of a registry's export; of a reconstruction, the last follow-up."""
        return self.source.exported or self.reconstruction.last_contact

    @property
    def endpoint_names(self) -> tuple[str, ...]:
        return tuple(e.name for e in self.endpoints)

    def kind(self, name: str) -> Literal["category", "number", "date", "endpoint", "other"]:
        """What a name stands for in estimands."""
        if name in self.endpoint_names:
            return "endpoint"
        item = self.variable(name)
        if isinstance(item, Derived):
            return "category" if item.is_category else "number"
        return {
            "category": "category",
            "number": "number",
            "integer": "number",
            "date": "date",
        }.get(item.type, "other")

    def levels(self, name: str) -> tuple[str, ...]:
        """The ordered levels of a category; an endpoint's are event and censored."""
        if name in self.endpoint_names:
            return ("event", "censored")
        item = self.variable(name)
        return item.ordered_levels if isinstance(item, Derived) else tuple(item.categories)

    def counted_from(self, endpoint: str) -> str:
        """In words, from when an endpoint counts."""
        origin = self.endpoint(endpoint).origin
        if origin is None or origin == self.time_zero:
            return self.origin_label
        return self.label(origin)

    def label(self, name: str) -> str:
        return (
            self.endpoint(name).label if name in self.endpoint_names else self.variable(name).label
        )

    def level_label(self, name: str, level: str) -> str:
        if name in self.endpoint_names:
            return level
        return self.variable(name).level_labels.get(level, level)

    def names(self, kind: str) -> tuple[str, ...]:
        """Every name of one kind, source variables first."""
        found = [item.name for item in (*self.variables, *self.derived)]
        return tuple(n for n in found if self.kind(n) == kind)

    # -- checks -----------------------------------------------------------------------------

    def explain_fault(self, estimand: Estimand) -> str | None:
        """Why this study cannot have the estimand, in words; None if it can."""
        kind = estimand.kind
        known = {v.name for v in (*self.variables, *self.derived)} | set(self.endpoint_names)
        for name in sorted(estimand.variables - known):
            return f"{estimand}: the protocol has no variable or endpoint {name!r}"
        if estimand.subject == "flow":
            steps = [step.id for step in self.eligibility]
            if kind.argument == "step" and estimand.argument not in steps:
                return f"{estimand}: the eligibility steps are {', '.join(steps)}"
            return None
        if estimand.subject:
            is_a = self.kind(estimand.subject)
            if is_a not in kind.subjects and not (
                is_a == "endpoint" and "category" in kind.subjects
            ):
                return f"{estimand}: {estimand.subject!r} is a {is_a}; {kind.name} is of a {' or '.join(kind.subjects)}"
        pairs = [(c.variable, c.level) for c in estimand.where]
        if kind.argument == "level":
            pairs.append((estimand.subject, str(estimand.argument)))
        if estimand.contrast:
            pairs += [(estimand.by, level) for level in estimand.contrast]
        for name, level in pairs:
            if self.kind(name) not in ("category", "endpoint"):
                return f"{estimand}: {name!r} is a {self.kind(name)}, a level needs a category"
            if level not in self.levels(name):
                return f"{estimand}: {name!r} has the levels {', '.join(self.levels(name))}, not {level!r}"
        if kind.comparison == "marker" and self.kind(estimand.by) != "number":
            return (
                f"{estimand}: a marker is a number; {estimand.by!r} is a {self.kind(estimand.by)}"
            )
        if (
            kind.comparison == "groups"
            and self.kind(estimand.by) != "category"
            and kind.name != "ph_p"
        ):
            return f"{estimand}: {estimand.by!r} is a {self.kind(estimand.by)}, a comparison of groups needs a category"
        if (
            kind.comparison == "contrast"
            and not estimand.contrast
            and (self.kind(estimand.by) != "number" or kind.name not in PER_UNIT)
        ):
            return f"{estimand}: give the two levels, as in by {estimand.by}(one / other)"
        return None

    @model_validator(mode="after")
    def _coherent(self) -> Protocol:
        names = [v.name for v in (*self.variables, *self.derived)] + list(self.endpoint_names)
        twice = {n for n in names if names.count(n) > 1}
        if twice:
            raise ValueError(f"the name {min(twice)!r} is given twice")
        columns = [v.column for v in self.variables]
        if len(set(columns)) < len(columns):
            raise ValueError("two variables read the same source column")
        for what, ids in (
            ("rule", [rule.id for rule in (*self.rules, *(self.near_duplicates or ()))]),
            ("eligibility step", [step.id for step in self.eligibility]),
            ("analysis", [analysis.id for analysis in self.analyses]),
        ):
            for identifier in ids:
                if ids.count(identifier) > 1:
                    raise ValueError(f"the {what} {identifier!r} is given twice")
        for rule in (*self.rules, *(self.near_duplicates or ())):
            if rule.id in BUILT_IN_RULES or rule.id.startswith("endpoint "):
                raise ValueError(f"rule {rule.id!r} bears the name of a built-in rule")
        dates = {v.name for v in self.variables if v.type == "date"}

        def need(name: str, pool: set[str], where: str, what: str) -> None:
            if name not in pool:
                raise ValueError(f"{where}: {name!r} is no {what} of this protocol")

        if dates and self.time_zero is None:
            raise ValueError(
                "the source holds dates; name the one to count days from in 'time_zero'"
            )
        if self.time_zero:
            need(self.time_zero, dates, "time_zero", "date")
        for v in self.variables:
            if v.unit_from:
                recorded = {u.name for u in self.variables if u.type == "category"}
                need(v.unit_from, recorded, f"variable {v.name!r}", "category of the source")
                for level in self.levels(v.unit_from):
                    if level not in v.units:
                        raise ValueError(
                            f"variable {v.name!r}: the level {level!r} of {v.unit_from!r} is none of "
                            f"its units {', '.join(v.units)}"
                        )
                if self.source.kind == "reconstruction":
                    raise ValueError(
                        f"variable {v.name!r}: a reconstruction records numbers in one unit; "
                        "unit_from is of a registry"
                    )
            if v.partial_formats and f"{v.name}_precision" in names:
                raise ValueError(f"the name '{v.name}_precision' is needed for that of a date")
        for rule in self.near_duplicates or ():
            sources = {v.name for v in self.variables if v.type != "identifier"}
            for name in rule.agree:
                need(name, sources, f"near_duplicates {rule.id!r}", "variable of the source")
            if len(rule.agree) - rule.differing < 2:
                raise ValueError(
                    f"near_duplicates {rule.id!r}: rows must agree in two variables or more"
                )
        seen = {v.name for v in self.variables}
        for item in self.derived:
            for source in filter(None, (item.cut, item.collapse, *(item.months_between or ()))):
                need(
                    source,
                    dates if item.months_between else seen,
                    f"derived {item.name!r}",
                    "date" if item.months_between else "earlier variable",
                )
            for codes in item.groups.values():
                for level in codes:
                    if level not in self.levels(item.collapse or ""):
                        raise ValueError(
                            f"derived {item.name!r}: {item.collapse!r} has no level {level!r}"
                        )
            seen.add(item.name)
        for rule in self.rules:
            for name in rule.order:
                need(name, dates, f"rule {rule.id!r}", "date")
        conditions = [(f"eligibility {s.id!r}", c) for s in self.eligibility for c in s.keep]
        conditions += [(f"rule {r.id!r}", c) for r in self.rules for c in (*r.when, *r.then)]
        conditions += [
            (f"endpoint {e.name!r}", c) for e in self.endpoints for c in (*e.only_if, *e.happened)
        ]
        for where, condition in conditions:
            need(condition.variable, seen, where, "variable")
            for level in (*(condition.one_of or ()), *(condition.none_of or ())):
                if self.kind(condition.variable) == "category" and level not in self.levels(
                    condition.variable
                ):
                    raise ValueError(
                        f"{where}: {condition.variable!r} has no level {level!r}; it has {', '.join(self.levels(condition.variable))}"
                    )
        for endpoint in self.endpoints:
            for name in filter(None, (endpoint.origin, *endpoint.events, endpoint.censored_at)):
                need(name, dates, f"endpoint {endpoint.name!r}", "date")
            if endpoint.time:
                numbers = {name for name in seen if self.kind(name) == "number"}
                need(endpoint.time, numbers, f"endpoint {endpoint.name!r}", "number")
        for analysis in self.analyses:
            for name in (
                *analysis.variables,
                *analysis.adjusted_for,
                *filter(None, (analysis.by, analysis.within)),
            ):
                need(
                    name,
                    seen | set(self.endpoint_names),
                    f"analysis {analysis.id!r}",
                    "variable or endpoint",
                )
            if analysis.endpoint:
                need(
                    analysis.endpoint,
                    set(self.endpoint_names),
                    f"analysis {analysis.id!r}",
                    "endpoint",
                )
            for estimand in analysis.more:
                fault = self.explain_fault(estimand)
                if fault:
                    raise ValueError(f"analysis {analysis.id!r}: {fault}")
            self._check_recommended(analysis, dates)
        for line in self.lines:
            fault = self.explain_fault(line.of)
            if fault:
                raise ValueError(f"lines: {fault}")
        if self.reconstruction:
            self._check_reconstruction(self.reconstruction, need)
        if self.source.kind == "reconstruction" and self.reconstruction is None:
            raise ValueError("source.kind reconstruction needs the key 'reconstruction'")
        return self

    def _check_recommended(self, analysis: Analysis, dates: set[str]) -> None:
        """What stands beside an analysis fits its kind, and the names exist."""
        for item in analysis.recommended:
            where = f"analysis {analysis.id!r}, recommended {item.kind!r}"
            fits = KINDS_OF_ANALYSIS[item.kind]
            if analysis.kind not in fits:
                raise ValueError(
                    f"{where}: it goes with analyses of kind {', '.join(fits)}, not {analysis.kind!r}"
                )
            of = getattr(item, "of", ())
            for estimand in of if isinstance(of, tuple) else (of,):
                fault = self.explain_fault(estimand)
                if fault:
                    raise ValueError(f"{where}: {fault}")
                if estimand.statistic != "hazard_ratio":
                    raise ValueError(f"{where}: {estimand} is no hazard ratio")
                if item.kind in ("immortal_time", "small_sample") and not estimand.contrast:
                    raise ValueError(f"{where}: {estimand} does not compare two levels")
            if item.kind == "immortal_time":
                if item.known_on is not None and item.known_on not in dates:
                    raise ValueError(f"{where}: {item.known_on!r} is no date of this protocol")
                if item.known_on is not None and self.endpoint(item.of.subject).origin is None:
                    raise ValueError(
                        f"{where}: the endpoint {item.of.subject!r} is not made from dates, so that "
                        "'known_on' cannot be counted from its origin"
                    )
                if item.of.adjusted_for:
                    raise ValueError(f"{where}: give the unadjusted hazard ratio")
                if item.at_time_zero is not None:
                    self._need_category(item.at_time_zero, where)
                    levels = [len(self.levels(n)) for n in (item.at_time_zero, item.of.by)]
                    if levels[0] != levels[1]:
                        raise ValueError(
                            f"{where}: {item.at_time_zero!r} has {levels[0]} levels and "
                            f"{item.of.by!r} {levels[1]}"
                        )
            elif item.kind == "cut_off":
                for marker, split in item.splits.items():
                    if marker not in analysis.variables:
                        raise ValueError(f"{where}: {marker!r} is no variable of the analysis")
                    self._need_category(split, where)
                    made = self.variable(split)
                    if not isinstance(made, Derived) or made.cut != marker or len(made.at) != 1:
                        raise ValueError(f"{where}: {split!r} does not cut {marker!r} in two")
            elif item.kind == "competing_risks":
                self._need_category(item.variable, where)
                for level in item.levels:
                    if level not in self.levels(item.variable):
                        raise ValueError(
                            f"{where}: {item.variable!r} has no level {level!r}; it has "
                            f"{', '.join(self.levels(item.variable))}"
                        )

    @model_validator(mode="after")
    def _with_what_endpoints_imply(self) -> Protocol:
        """Where one endpoint ends by whatever ends another, and both count from and are censored at the
        same dates, the reconstruction must respect that whether or not the file says so."""
        if self.reconstruction is None:
            return self
        given = self.reconstruction.constraints
        known = [c.model_copy(update={"why": ""}) for c in given]
        more = tuple(
            c
            for wide in self.endpoints
            for narrow in self.endpoints
            for c in _implied(wide, narrow)
            if c.model_copy(update={"why": ""}) not in known
        )
        if more:
            chosen = self.reconstruction.model_copy(update={"constraints": (*given, *more)})
            object.__setattr__(self, "reconstruction", chosen)
        return self

    def _need_category(self, name: str, where: str) -> None:
        known = {v.name for v in (*self.variables, *self.derived)}
        if name not in known or self.kind(name) != "category":
            raise ValueError(f"{where}: {name!r} is no category of this protocol")

    def _check_reconstruction(
        self, chosen: Reconstruction, need: Callable[[str, set[str], str, str], None]
    ) -> None:
        """Names and levels that the reconstruction speaks of exist."""
        endpoints, numbers = set(self.endpoint_names), set(self.names("number"))
        categories = set(self.names("category")) | endpoints
        for number, constraint in enumerate(chosen.constraints, start=1):
            where = f"constraint {number}"
            for name in constraint.same_end or ():
                need(name, endpoints, where, "endpoint")
            for name in constraint.equal or ():
                need(name, numbers, where, "number")
            for name in constraint.at_most or ():
                need(name, numbers | endpoints, where, "number or endpoint")
            if len(endpoints.intersection(constraint.at_most or ())) == 1:
                raise ValueError(f"{where}: at_most compares two endpoints or two numbers")
            if constraint.among and not (constraint.at_most or constraint.equal):
                raise ValueError(f"{where}: among goes with at_most or equal")
            for condition in (*(constraint.implies or ()), *constraint.among):
                need(condition.variable, categories, where, "category or endpoint")
                levels = self.levels(condition.variable)
                for level in (*(condition.one_of or ()), *(condition.none_of or ())):
                    if level not in levels:
                        raise ValueError(
                            f"{where}: {condition.variable!r} has no level {level!r}; it has "
                            f"{', '.join(levels)}"
                        )
        for key, names in (("ranges", chosen.ranges), ("steps", chosen.steps)):
            for name in names:
                need(name, numbers | endpoints, f"reconstruction.{key}", "number or endpoint")


def _implied(wide: Endpoint, narrow: Endpoint) -> tuple[Constraint, ...]:
    """What holds of every patient because the first endpoint's events include all of the second's."""
    alike = (wide.origin, wide.censored_at) == (narrow.origin, narrow.censored_at)
    if not alike or wide.only_if or narrow.only_if or not set(narrow.events) < set(wide.events):
        return ()
    happened = tuple(Condition(variable=e.name, one_of=("event",)) for e in (narrow, wide))
    why = f"By their definitions, what ends {narrow.label.lower()} ends {wide.label.lower()}"
    return (
        Constraint(at_most=(wide.name, narrow.name), why=f"{why} at the latest"),
        Constraint(
            same_end=(wide.name, narrow.name), why=f"{why}, and both end at one last contact"
        ),
        Constraint(implies=happened, why=f"{why}, as an event of both"),
    )


def load(path: Path) -> Protocol:
    """Read `config/studies/<study>.yaml`; `ConfigurationError` names file, key, found, expected."""
    protocol = read_model(path, Protocol)
    if protocol.study != path.stem:
        raise ConfigurationError(
            str(path), f"study {protocol.study!r}", f"the file's own name {path.stem!r}"
        )
    return protocol
