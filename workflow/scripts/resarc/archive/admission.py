"""What may go into an archive: results that match their sources, and nothing that is not known.

Three things are refused. Results that other code, settings or data would not give (`mismatches`).
What was made from a registry and is meant for the group alone (`internal_studies`). Tables with a
column that nobody said may leave (`unknown_columns`): an identifier that slipped through would be
one.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Mapping, Set
from itertools import islice
from pathlib import Path
from typing import Any

from resarc.archive import RESULTS
from resarc.protocol import Protocol, Source

MANIFEST = f"{RESULTS}manifest.json"

_COLUMNS = (
    # what was asked, of whom
    "analysis check claim condition confidence endpoint estimand figure figures hypothesis label "
    "level locator note origin population quantity step study studies time_origin title variable asked "
    "definition definition_match time_origin_match population_match departures poolable left_out "
    "relation",
    # what is printed
    "printed printed_lower printed_upper read_as rounding unit",
    # what was found
    "value lower upper se se_lower se_upper p holm holm_lower holm_upper bh bh_lower bh_upper tests n k events censored "
    "at_risk survival entering excluded remaining identified_lower identified_upper at_risk_lower "
    "at_risk_upper outer_lower outer_upper prediction_lower prediction_upper outer_prediction_lower "
    "outer_prediction_upper tau2 tau2_lower tau2_upper i2 i2_lower i2_upper heterogeneity time members "
    "value_printed_unit lower_printed_unit upper_printed_unit identified_lower_printed_unit "
    "identified_upper_printed_unit share_held undetermined direction",
    # how, and what follows
    "method pooled how reason remedy rule evidence severity status target verdict recomputed "
    "feasible chosen type question sought",
    # how far rebuilt datasets lie apart, and what other priors would say
    "lower_member upper_member sample_lower sample_upper of distance nearest copies effective as_drawn "
    "events_equal orders_equal largest_weight",
    # what others published
    "reported_lower reported_upper reference year reanalysed treatment treatment_said site site_said "
    "disease disease_said design design_said size size_of size_said period period_said reports "
    "reports_said works references",
    # what another analysis changes
    "recommendation role at series x paper changes why sentence partial_dates",
    # which figures cannot hold together
    "conflict set_aside finding proof rechecked",
    # the report's own list of its tables
    "table caption made_from notes",
    # what cleaning found; a value only by its form
    "corrected improbable partial line old new when outcome file sheet row main_row column what rows present missing unreadable out_of_range not_given duplicate inconsistent "
    "flagged rejected improbable partial corrected top_coded outcome line",
    # what a new export changed
    "since version patients conclusion crossed",
    # a pseudonym
    "patient",
)
COLUMNS = frozenset(" ".join(_COLUMNS).split())
"""The columns of result tables that may be archived, whatever the table. A column that is new needs
a line here, written by somebody who asked whether it could single anybody out."""
PATIENTS = ("clean", "cohort", "ensemble", "extremes", "partial_dates")
"""Tables with a row for each patient: their columns are the protocol's variables."""
EXPORT = "export"
"""A rebuilt dataset in the layout of the study's source."""
DICTIONARY = "dictionary"
"""The data dictionary beside it, which tells of variables alone."""
AS_PRINTED = "tables"
"""Folder of tables as the report prints them: their columns are headers, in the report's words."""


def mismatches(
    manifest: Mapping[str, Any],
    settings: Mapping[str, object],
    present: Iterable[str],
    digest: Callable[[str], str | None],
) -> list[str]:
    """Why the results on disk are not those of the sources on disk, in words; empty if they are.

    `manifest` is the content of results/manifest.json, `settings` what config/config.yaml says,
    `present` the paths of all result files, and `digest` gives a file's SHA-256, None if it is not
    there.
    """
    found = []
    for name, value in settings.items():
        made_with = manifest["settings"].get(name)
        if made_with != value:
            found.append(f"made with {name}: {made_with}, but the configuration says {value}")
    listed = {entry["path"]: entry["sha256"] for entry in manifest["results"]}
    for path, sha256 in listed.items():
        now = digest(path)
        if now != sha256:
            found.append(f"{path} is {'gone' if now is None else 'not as the run left it'}")
    for path in sorted(set(present) - set(listed) - {MANIFEST}):
        found.append(f"{path} was not made by the run")
    for entry in manifest["inputs"]:
        now = digest(entry["path"])
        if now != entry["sha256"]:
            found.append(f"{entry['path']} {'is gone' if now is None else 'has changed'} since")
    made = {name for job in manifest["jobs"] for name in job["outputs"]}
    for path in listed:
        if not any(path == name or path.startswith(f"{name}/") for name in made):
            found.append(f"no record of the job that made {path}")
    return found


def internal_studies(sources: Mapping[str, Source]) -> list[str]:
    """Studies whose results are for the group alone: registries that may not be archived."""
    return [
        study
        for study, source in sources.items()
        if source.kind == "registry" and not source.in_archive
    ]


def unknown_columns(path: Path, protocol: Protocol | None) -> list[str]:
    """Columns of a result table, CSV or Parquet, that may not be archived.

    `protocol` is that of the table's study, None for a table over all studies. A table without rows
    tells nothing and has none.
    """
    rebuilt = protocol is not None and protocol.source.kind == "reconstruction"
    if (rebuilt and path.stem == DICTIONARY) or _is_printed(path) or _is_empty(path):
        return []
    if path.stem == EXPORT and protocol:
        allowed = {variable.column for variable in protocol.variables}
        source = protocol.source
        header = _header(path, source.separator or ",", source.encoding or "utf-8")
        # REDCap says of each form whether it is complete.
        of_forms = {n for n in header if source.format == "redcap" and n.endswith("_complete")}
        return _beyond(header, allowed | of_forms)
    if path.stem in PATIENTS and protocol:
        return _beyond(_header(path), _of_patients(protocol))
    return _beyond(_header(path), COLUMNS)


def _is_printed(path: Path) -> bool:
    return path.parent.name == AS_PRINTED and path.stem != "index"


def _is_empty(path: Path) -> bool:
    if path.suffix == ".parquet":
        import pyarrow.parquet as pq

        return pq.read_metadata(path).num_rows == 0
    with path.open("rb") as handle:
        return len(list(islice(handle, 2))) < 2


def _beyond(columns: Iterable[str], allowed: Set[str]) -> list[str]:
    return [name for name in columns if name not in allowed]


def _of_patients(protocol: Protocol) -> Set[str]:
    """What a table of patients may hold: no identifier, no free text."""
    kept = {v.name for v in protocol.variables if v.type not in ("identifier", "text")}
    derived = {d.name for d in protocol.derived}
    times = {f"{e}_{part}" for e in protocol.endpoint_names for part in ("time", "event")}
    year = {f"{protocol.time_zero}_year"} if protocol.time_zero else set()
    return {"patient", "member", "hypothesis", "partial dates"} | kept | derived | times | year


def _header(path: Path, separator: str = ",", encoding: str = "utf-8") -> list[str]:
    if path.suffix == ".parquet":
        import pyarrow.parquet as pq

        return list(pq.read_schema(path).names)
    with path.open(encoding=encoding, newline="") as handle:
        return next(csv.reader(handle, delimiter=separator), [])
