"""A raw export of a REDCap project, read with the project's data dictionary.

Raw means codes, not labels. The dictionary says what each column is; the export adds columns of its
own (event, repeat, data access group, status of each form, one column for each box of a checkbox).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from resarc.errors import DataError
from resarc.intake.content import check_format, read_bytes
from resarc.intake.delimited import read_delimited
from resarc.intake.reading import Expected, Reading
from resarc.intake.table import Fact
from resarc.protocol import Layout

FIELD = "Variable / Field Name"
FORM = "Form Name"
KIND = "Field Type"
LABEL = "Field Label"
CHOICES = "Choices, Calculations, OR Slider Labels"
VALIDATION = "Text Validation Type OR Show Slider Number"
IDENTIFIER = "Identifier?"
DICTIONARY_COLUMNS = (
    FIELD,
    FORM,
    "Section Header",
    KIND,
    LABEL,
    CHOICES,
    "Field Note",
    VALIDATION,
    "Text Validation Min",
    "Text Validation Max",
    IDENTIFIER,
    "Branching Logic (Show field only if...)",
    "Required Field?",
    "Custom Alignment",
    "Question Number (surveys only)",
    "Matrix Group Name",
    "Matrix Ranking?",
    "Field Annotation",
)
"""The columns of a data dictionary as REDCap writes it."""

_NEEDED = (FIELD, FORM, KIND, LABEL, CHOICES, VALIDATION, IDENTIFIER)
_OWN = (
    "redcap_event_name",
    "redcap_repeat_instrument",
    "redcap_repeat_instance",
    "redcap_data_access_group",
    "redcap_survey_identifier",
)
_FIXED = {"yesno": {"1": "Yes", "0": "No"}, "truefalse": {"1": "True", "0": "False"}}
_STATUS = {"0": "Incomplete", "1": "Unverified", "2": "Complete"}


@dataclass(frozen=True)
class Field:
    """One field of a project: its form, type, label, choices (code to label), whether it holds
    dates, and whether it identifies the patient."""

    name: str
    form: str
    kind: str
    label: str
    choices: Mapping[str, str]
    is_date: bool
    identifies: bool

    def columns(self) -> dict[str, str]:
        """The columns of the export that this field fills, and what each is called."""
        if self.kind == "checkbox":
            return {
                box_column(self.name, code): f"{self.label}: {label}"
                for code, label in self.choices.items()
            }
        return {} if self.kind == "descriptive" else {self.name: self.label}


def box_column(field: str, code: str) -> str:
    """The export's column for one box of a checkbox field: `symptoms___1`, `symptoms____9` for -9."""
    return f"{field}___{re.sub(r'[^a-z0-9_]', '_', code.lower())}"


def read_redcap(
    content: bytes, where: str, layout: Layout, expected: Expected, dictionary: Path | None
) -> Reading:
    """The cells of a raw export, without the fields that the dictionary marks as identifying unless
    the protocol reads them as identifier or text (then they end at `clean`).

    REDCap exports an unticked box as 0 even where nobody opened the form. So where a form holds
    nothing else of a record, and its status is empty or Incomplete, its boxes are empty here, and
    counted in the facts.

    Raises `DataError` for a column that the dictionary does not know, for an export with labels
    instead of codes, and for what `read_delimited` and `read_dictionary` raise.
    """
    if dictionary is None:
        raise DataError(
            where,
            "no data dictionary",
            "the project's data dictionary beside its export",
            "Download it in REDCap (Project Setup, Data Dictionary) and set 'source.dictionary'.",
        )
    fields = read_dictionary(dictionary)
    found = read_delimited(content, where, layout, expected)
    frame = found.frame
    columns = {name: field for field in fields for name in field.columns()}
    statuses = {f"{field.form}_complete": field.form for field in fields}
    own = {*statuses, *_OWN, *(f"{field.form}_timestamp" for field in fields)}
    for position, name in enumerate(frame.columns, start=1):
        if name not in columns and name not in own:
            boxes = [field for field in fields if name.startswith(f"{field.name}___")]
            raise DataError(
                f"{where}, row {layout.header}, column {position}",
                f"the column {name[:80]!r}, which is no field of {dictionary}"
                + (f" (a box of {boxes[0].name!r} without a choice)" if boxes else ""),
                "a raw export (codes, no labels) and the dictionary of the same project",
                "Export the data as 'CSV / Microsoft Excel (raw data)', and the dictionary again.",
            )
    _check_codes(frame, columns, where)
    frame, cleared = _unopened(frame, fields, statuses)
    identifying = {name for name, field in columns.items() if field.identifies}
    dropped = [name for name in frame.columns if name in identifying - set(expected.columns)]
    facts = [fact for fact in found.facts if fact.what != "format"]
    facts.insert(0, Fact("format", "REDCap raw export", "given"))
    facts.append(Fact("data dictionary", str(dictionary), "given"))
    if dropped:
        facts.append(Fact("identifiers dropped", "; ".join(dropped), "detected"))
    facts += [
        Fact("form not filled", f"{form}: boxes of {count} rows read as empty", "detected")
        for form, count in cleared.items()
    ]
    labels = {name: field.choices for name, field in columns.items() if field.choices}
    labels |= {name: _BOX for name, field in columns.items() if field.kind == "checkbox"}
    labels |= dict.fromkeys(statuses, _STATUS)
    return Reading(
        frame.drop(columns=dropped),
        tuple(facts),
        decimal=layout.decimal or ".",
        titles={name: title for field in fields for name, title in field.columns().items()},
        labels={name: some for name, some in labels.items() if name in frame},
        dates=frozenset(name for name, field in columns.items() if field.is_date),
        identifiers=frozenset(identifying),
        own=frozenset(own),
    )


_BOX = {"1": "Checked", "0": "Unchecked"}


def read_dictionary(path: Path) -> list[Field]:
    """The fields of a data dictionary (CSV as REDCap writes it, English headers).

    Raises `DataError` for a file that is none, and for a choice without a code.
    """
    content = read_bytes(path)
    check_format(content, str(path), "csv")
    layout = Layout(separator=None)
    frame = read_delimited(content, str(path), layout, Expected(columns=_NEEDED)).frame
    missing = [name for name in _NEEDED if name not in frame]
    if missing:
        raise DataError(
            f"{path}, row 1",
            f"no column {missing[0]!r}",
            "a REDCap data dictionary with English headers",
            "Download the data dictionary of the project again.",
        )
    fields = []
    for row, cells in frame.iterrows():
        kind = cells[KIND].strip()
        choices = _FIXED.get(kind, {})
        if kind in ("radio", "dropdown", "checkbox"):
            choices = _choices(cells[CHOICES], f"{path}, row {row}")
        fields.append(
            Field(
                name=cells[FIELD].strip(),
                form=cells[FORM].strip(),
                kind=kind,
                label=re.sub(r"<[^>]*>", "", cells[LABEL]).strip(),
                choices=choices,
                is_date=cells[VALIDATION].strip().startswith("date_"),
                identifies=cells[IDENTIFIER].strip().lower() == "y",
            )
        )
    return fields


def _choices(text: str, where: str) -> dict[str, str]:
    """`1, Male | 2, Female` as code to label."""
    found = {}
    for choice in text.split("|"):
        code, comma, label = choice.strip().partition(",")
        if not comma or not code.strip():
            raise DataError(
                where,
                f"the choice {choice.strip()[:80]!r}",
                "choices as 'code, label | code, label'",
                "Correct the choices of this field in the dictionary.",
            )
        found[code.strip()] = label.strip()
    return found


def _check_codes(frame: pd.DataFrame, columns: Mapping[str, Field], where: str) -> None:
    """`DataError` if a field of choices holds its labels: the export is not raw."""
    for name in frame.columns:
        field = columns.get(name)
        if field is None or not field.choices or field.kind == "checkbox":
            continue
        texts = {text for text in frame[name].unique() if text.strip()}
        if texts and not texts & set(field.choices) and texts <= set(field.choices.values()):
            raise DataError(
                f"{where}, column {name!r}",
                "labels instead of codes",
                "a raw export",
                "Export the data as 'CSV / Microsoft Excel (raw data)'.",
            )


def _unopened(
    frame: pd.DataFrame, fields: list[Field], statuses: Mapping[str, str]
) -> tuple[pd.DataFrame, dict[str, int]]:
    """The frame with the boxes of forms that nobody filled emptied; the rows concerned, by form."""
    cleared = {}
    for status, form in statuses.items():
        mine = [field for field in fields if field.form == form]
        boxes = [
            n for field in mine if field.kind == "checkbox" for n in field.columns() if n in frame
        ]
        # The first field of a project names the record and stands in every row.
        others = [
            field.name
            for field in mine
            if field.kind != "checkbox" and field.name in frame and field.name != fields[0].name
        ]
        if not boxes or status not in frame:
            continue
        empty = frame[status].str.strip().isin(["", "0"])
        empty &= (frame[others].apply(lambda column: column.str.strip()) == "").all(axis=1)
        empty &= frame[boxes].isin(["0", ""]).all(axis=1)
        empty &= (frame[boxes] != "").any(axis=1)
        if empty.any():
            frame = frame.copy()
            frame.loc[empty, boxes] = ""
            cleared[form] = int(empty.sum())
    return frame, cleared
