"""A registry export from one reconstructed dataset: the inverse of intake and cohort.

Cleaning the export and deriving the cohort from it gives the dataset back, patient for patient.
Beside the cohort stand the patients who were screened and excluded, as the printed flow counts
them; each fails the step that excludes him and no step before it.
"""

from __future__ import annotations

import datetime
from itertools import pairwise

import numpy as np
import pandas as pd

from resarc.conditions import meets_all
from resarc.derivation import derive_endpoints, derive_variables
from resarc.errors import ReconstructionError
from resarc.estimand import Estimand
from resarc.protocol import Condition, Protocol, Step, Variable
from resarc.published import Published
from resarc.reconstruct.charts import ImpossibleError, Known, Value, draw_chart, sources

_NUMBERS = (1_000_000, 10_000_000)
"""Made-up hospital numbers: the first, and one past the last."""


def to_export(
    member: pd.DataFrame, protocol: Protocol, published: Published, rng: np.random.Generator
) -> pd.DataFrame:
    """The source table, as text, of one member of an ensemble.

    `member` has a row for each patient of the cohort: canonical source or derived variables and
    `<endpoint>_time` (months that are whole days), `<endpoint>_event`. Variables that it does not
    name, and that no derivation, rule or eligibility fixes, are left missing; see `charts` for
    the choices made. Columns are the protocol's, in its order; rows are shuffled. Raises
    `ReconstructionError` where no export has this dataset as its cohort.
    """
    if member.empty:
        raise ReconstructionError(
            f"export of {protocol.study!r}", "a member without patients", "at least one patient"
        )
    names = {v.name for v in (*protocol.variables, *protocol.derived)} & set(member.columns)
    eligible = tuple(c for step in protocol.eligibility for c in step.keep)
    patients = [_known(row, names, protocol) for row in member.to_dict("records")]
    charts = []
    for number, (known, row) in enumerate(zip(patients, member.to_dict("records"), strict=True)):
        try:
            known = Known(known.values, known.follow_up, holds=eligible)
            charts.append(draw_chart(known, protocol, rng))
        except ImpossibleError as error:
            raise ReconstructionError(
                f"export of {protocol.study!r}, patient {row.get('patient', number + 1)}",
                f"a reconstructed patient whom no chart can describe ({error})",
                "values that the protocol's layout, rules and eligibility allow",
                "Let 'reconstruction.constraints' say what must hold, or correct the protocol.",
            ) from error
    fates = [len(protocol.eligibility)] * len(charts)
    for place, excluded in enumerate(excluded_counts(protocol, published, len(member))):
        for _ in range(excluded):
            charts.append(_excluded(patients, place, protocol, rng))
            fates.append(place)
    _verify(charts, fates, member, names, protocol)
    order = rng.permutation(len(charts))
    return _written([charts[i] for i in order], protocol, rng)


def excluded_counts(protocol: Protocol, published: Published, remaining: int) -> list[int]:
    """How many patients each step of eligibility excludes, from the printed flow.

    Counts of patients screened, excluded by a step and remaining after it determine one another;
    `remaining` is the size of the cohort. Where a run of steps is known only together, the first
    of them that has no count of its own excludes the rest; a step before the first known number
    excludes only whom the paper says.
    """
    steps = [step.id for step in protocol.eligibility]
    left = [_count(published, "screened", None)]
    left += [_count(published, "remaining", step) for step in steps]
    left[-1] = remaining
    counts = [_count(published, "excluded", step) for step in steps]
    known = [place for place, count in enumerate(left) if count is not None]
    for place in range(known[0]):
        counts[place] = counts[place] or 0
    for start, end in pairwise(known):
        rest = left[start] - left[end] - sum(count or 0 for count in counts[start:end])
        open_places = [place for place in range(start, end) if counts[place] is None]
        if rest < 0 or (rest > 0 and not open_places):
            raise ReconstructionError(
                f"patient flow of {protocol.study!r}, steps {', '.join(steps[start:end])}",
                f"{left[start]} patients before and {left[end]} after them",
                f"a difference of {sum(count or 0 for count in counts[start:end])}, as excluded",
                f"The cohort has {remaining} patients; look at the figures of 'flow'.",
            )
        for place in open_places:
            counts[place], rest = rest, 0
    return counts


def _count(published: Published, statistic: str, step: str | None) -> int | None:
    for figure in published.of(Estimand(statistic, "flow", step)):
        if not figure.not_available and figure.value.mark == "=":
            return int(figure.value.value)
    return None


def _known(row: dict[str, Value], names: set[str], protocol: Protocol) -> Known:
    follow_up: dict[str, tuple[float, bool] | None] = {}
    for name in protocol.endpoint_names:
        if f"{name}_time" in row:
            time, event = row[f"{name}_time"], row[f"{name}_event"]
            follow_up[name] = None if time != time or event != event else (time, event == 1)
    return Known({name: row[name] for name in names}, follow_up)


# -- excluded patients -----------------------------------------------------------------------


def _excluded(
    patients: list[Known], place: int, protocol: Protocol, rng: np.random.Generator
) -> dict[str, Value]:
    """A chart that passes the steps before `place` and fails that one.

    It is that of a patient of the cohort in everything that the failed condition leaves alone, so
    that it has the cohort's distributions; where that contradicts a rule, only what rules and
    eligibility ask for is filled in.
    """
    step = protocol.eligibility[place]
    holds = tuple(c for before in protocol.eligibility[:place] for c in before.keep)
    model = patients[rng.integers(len(patients))]
    reason = ""
    for like in (model, Known({}, {})):
        for condition in step.keep:
            known = _apart_from(like, condition, protocol)
            try:
                chart = draw_chart(
                    Known(known.values, known.follow_up, holds, (condition,)), protocol, rng
                )
            except ImpossibleError as error:
                reason = reason or str(error)
                continue
            return _with_gaps(chart, protocol.eligibility[: place + 1], protocol, rng)
    raise ReconstructionError(
        f"export of {protocol.study!r}, eligibility step {step.id!r}",
        f"no chart that fails this step and passes those before it ({reason})",
        "a step that can exclude somebody",
        "Look for a step, a required variable or a rule that leaves no room for exclusion.",
    )


def _apart_from(like: Known, condition: Condition, protocol: Protocol) -> Known:
    """What is known but for what depends on a condition's variable."""
    moved = sources(condition.variable, protocol)
    values = {
        name: value for name, value in like.values.items() if not sources(name, protocol) & moved
    }
    follow_up = {
        name: value
        for name, value in like.follow_up.items()
        if not _endpoint_sources(name, protocol) & moved
    }
    return Known(values, follow_up)


def _endpoint_sources(name: str, protocol: Protocol) -> frozenset[str]:
    endpoint = protocol.endpoint(name)
    asked = [c.variable for c in (*endpoint.only_if, *endpoint.happened)]
    named = [endpoint.origin, endpoint.censored_at, endpoint.time, *endpoint.events, *asked]
    return frozenset().union(*(sources(item, protocol) for item in named if item))


def _with_gaps(
    chart: dict[str, Value],
    steps: tuple[Step, ...],
    protocol: Protocol,
    rng: np.random.Generator,
) -> dict[str, Value]:
    """The chart with missing values planted where nothing else depends on them."""
    share = protocol.reconstruction.missing_share if protocol.reconstruction else 0.0
    if not share:
        return chart
    asked = [c.variable for step in steps for c in step.keep]
    asked += [c.variable for rule in protocol.rules for c in (*rule.when, *rule.then)]
    needed = frozenset().union(
        *(sources(name, protocol) for name in asked),
        *(_endpoint_sources(name, protocol) for name in protocol.endpoint_names),
    )
    return {
        v.name: None
        if v.type != "date" and not v.required and v.name not in needed and rng.random() < share
        else chart[v.name]
        for v in protocol.variables
        if v.name in chart
    }


# -- the table -------------------------------------------------------------------------------


def _verify(
    charts: list[dict[str, Value]],
    fates: list[int],
    member: pd.DataFrame,
    names: set[str],
    protocol: Protocol,
) -> None:
    """Hold the charts against the dataset and the flow by the pipeline's own definitions."""
    clean = pd.DataFrame(charts)
    for v in protocol.variables:
        if v.type in ("number", "integer", "date"):
            clean[v.name] = clean[v.name].astype(float)
        elif v.type == "category":
            clean[v.name] = clean[v.name].astype(object).where(clean[v.name].notna(), None)
    dates = [v.name for v in protocol.variables if v.type == "date"]
    if dates:
        start = clean[protocol.time_zero].fillna(clean[dates].min(axis=1))
        clean[dates] = clean[dates].sub(start, axis=0)
    clean["patient"] = [str(i + 1) for i in range(len(clean))]
    frame = derive_endpoints(derive_variables(clean, protocol), protocol)
    cohort = frame.iloc[: len(member)]
    columns = sorted(names) + [
        f"{name}_{part}"
        for name in protocol.endpoint_names
        for part in ("time", "event")
        if f"{name}_{part}" in member
    ]
    for column in columns:
        ours, theirs = cohort[column].to_numpy(), member[column].to_numpy()
        same = (ours == theirs) | (pd.isna(ours) & pd.isna(theirs))
        if pd.api.types.is_numeric_dtype(member[column].dtype):
            same |= np.isclose(ours.astype(float), theirs.astype(float), rtol=1e-8, atol=1e-8)
        if not same.all():
            place = int(np.flatnonzero(~same)[0])
            raise ReconstructionError(
                f"export of {protocol.study!r}, {column} of row {place + 1} of the member",
                f"{ours[place]!r} when derived from the patient's chart",
                f"{theirs[place]!r}, as reconstructed",
                "The member contradicts itself by the protocol's definitions.",
            )
    failed = np.full(len(frame), len(protocol.eligibility))
    for place, step in reversed(list(enumerate(protocol.eligibility))):
        failed[~meets_all(frame, step.keep).to_numpy()] = place
    wrong = np.flatnonzero(failed != np.array(fates))
    if wrong.size:
        steps = [*(step.id for step in protocol.eligibility), "none of the steps"]
        raise ReconstructionError(
            f"export of {protocol.study!r}, eligibility",
            f"a chart that {steps[failed[wrong[0]]]!r} excludes",
            f"one that {steps[fates[wrong[0]]]!r} excludes",
            "The steps contradict each other or the member.",
        )


def _written(
    charts: list[dict[str, Value]], protocol: Protocol, rng: np.random.Generator
) -> pd.DataFrame:
    """Charts in the source's own columns, codes, numbers and dates."""
    any_code = bool(protocol.reconstruction) and protocol.reconstruction.codes == "any"
    columns = {}
    for v in protocol.variables:
        if v.type == "identifier":
            numbers = rng.choice(_NUMBERS[1] - _NUMBERS[0], len(charts), replace=False)
            columns[v.column] = [str(_NUMBERS[0] + number) for number in numbers]
        elif v.type == "text":
            columns[v.column] = [_missing_code(v, False, rng)] * len(charts)
        else:
            columns[v.column] = [_cell(v, c[v.name], any_code, protocol, rng) for c in charts]
    return pd.DataFrame(columns, dtype=object)


def _cell(
    v: Variable, value: Value, any_code: bool, protocol: Protocol, rng: np.random.Generator
) -> str:
    if value is None or value != value:
        return _missing_code(v, any_code, rng)
    if v.type == "category":
        codes = v.categories[value]
        return codes[rng.integers(len(codes))] if any_code else codes[0]
    if v.type == "date":
        text = datetime.date.fromordinal(int(value)).strftime(v.date_format)
    else:
        whole = float(value).is_integer() and abs(value) < 1e15
        text = str(int(value)) if whole else repr(float(value))
        text = text.replace(".", protocol.source.decimal or ".")
    if text in v.missing:
        raise ReconstructionError(
            f"export of {protocol.study!r}, column {v.column!r}",
            f"the value {text}",
            f"a value that is no code for missing ({', '.join(map(repr, v.missing))})",
            "Change the codes under 'missing' of this variable.",
        )
    return text


def _missing_code(v: Variable, any_code: bool, rng: np.random.Generator) -> str:
    if any_code and v.missing:
        return v.missing[rng.integers(len(v.missing))]
    return "" if "" in v.missing or not v.missing else v.missing[0]
