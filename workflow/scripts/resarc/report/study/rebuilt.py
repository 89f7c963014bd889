"""How far the rebuilt datasets can be trusted: what they hold, how different they are, and what hangs on
how they were drawn."""

from __future__ import annotations

from collections.abc import Iterable
from math import isnan

from resarc import tables
from resarc.estimand import Estimand
from resarc.report.analyses import origin
from resarc.report.citations import Citations
from resarc.report.model import Block, Cell, Column, Run, Table, paragraph, table
from resarc.report.results import Results, capital, counted, number_of, text_of
from resarc.report.study.inputs import StudyInputs
from resarc.report.study.pinned import MOST_ROWS, cut
from resarc.report.study.words import TONES

_NOT_FOUND = "no dataset was found"
"""How the reason begins that a search, and no proof, set a figure aside for."""

COMPARED = 1000
"""Datasets among which `diversity.csv` has the nearest two (`identify.diversity`)."""

_KINDS = {
    "count": "Numbers of patients and events",
    "fraction": "Shares",
    "p": "Tests (p)",
    "ratio": "Hazard ratios",
    "months": "Times",
}


def datasets(given: StudyInputs, results: Results, cited: Citations) -> Iterable[Block]:
    if not results.rebuilt:
        return
    yield from _held(given)
    yield from _diversity(given, results)
    yield from _prior(given, results)


# --- held -----------------------------------------------------------------------------------------


def _held(given: StudyInputs) -> Iterable[Block]:
    """Which figures every dataset holds, by kind, and each figure that it does not."""
    if given.targets is None:
        return
    counts: dict[str, list[int]] = {}
    for row in given.targets.to_dict("records"):
        estimand = Estimand.parse(text_of(row["estimand"]))
        place = _outcome(row)
        counts.setdefault(_kind(given, estimand), [0] * 5)[place] += 1
    rows = [[name, *map(str, (sum(found), *found))] for name, found in counts.items()]
    total = [sum(found[k] for found in counts.values()) for k in range(5)]
    rows.append(["All", *map(str, (sum(total), *total))])
    wanted = total[0] + total[1]
    words = f"Each of the {given.members} datasets was judged anew after it was built. "
    if wanted and not total[1]:
        words += f"All {wanted} targets hold in every dataset, all at once."
    else:
        words += f"{total[0]} of {wanted} targets hold in every dataset."
    yield paragraph(f"{words} {_set_aside(total[2], total[3])}")
    yield table(
        "held", "What became of the printed figures",
        [
            Column("Kind", width=2), Column("Printed", "right"), Column("Hold in every dataset", "right"),
            Column("Missed by some", "right"), Column("Set aside by proof", "right"),
            Column("Set aside, none found", "right"), Column("Not modelled", "right"),
        ],
        rows, stage="reconstruct", inputs=("reconstruction/targets.csv",), origin="paper",
    )  # fmt: skip
    aside = _exceptions_table(given)
    if aside:
        yield aside


def _set_aside(proved: int, missed: int) -> str:
    if not proved and not missed:
        return "No figure was set aside."
    found = []
    if proved:
        found.append(f"{proved} by proof (no dataset can hold them with the others)")
    if missed:
        found.append(f"{missed} because a search found no dataset, which proves nothing")
    return f"Set aside: {'; '.join(found)}."


def _outcome(row: dict[str, object]) -> int:
    """Column of the table of what became of figures."""
    status, share = text_of(row["status"]), number_of(row["share_held"])
    if status == "set aside":
        return 3 if _NOT_FOUND in text_of(row["reason"]) else 2
    if status == "not modelled":
        return 4
    return 0 if share >= 1 else 1


def _kind(given: StudyInputs, estimand: Estimand) -> str:
    if estimand.statistic in ("survival", "crude_rate", "followed_rate"):
        return "Survival at a time"
    if tables.is_time(estimand, given.protocol):
        return _KINDS["months"]
    return _KINDS.get(estimand.kind.scale, "Other numbers")


def _exceptions_table(given: StudyInputs) -> Table | None:
    """The printed figures that are no target, or do not hold in every dataset, and why."""
    rows = []
    for row in given.targets.to_dict("records") if given.targets is not None else ():
        if not _outcome(row) and "its printed limits" not in text_of(row["reason"]):
            continue
        share, status = number_of(row["share_held"]), text_of(row["status"])
        rows.append(
            (
                capital(tables.describe(Estimand.parse(text_of(row["estimand"])), given.protocol)),
                text_of(row["printed"]),
                Cell(status, tone=TONES.get(status, "")),
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


# --- diversity ------------------------------------------------------------------------------------


def _diversity(given: StudyInputs, results: Results) -> Iterable[Block]:
    frame = given.diversity
    if frame is None or not len(frame):
        return
    rows, whole = [], None
    ordered = frame.assign(part=frame["of"].map(text_of) != "").sort_values(
        ["part", "distance"], kind="stable"
    )
    for row in ordered.to_dict("records"):
        name = text_of(row["of"])
        if not name:
            whole = row
        rows.append(
            (
                given.protocol.label(name) if name else "Whole datasets",
                *(f"{100 * number_of(row[key]):.0f}%" for key in ("distance", "nearest")),
                f"{number_of(row['copies']):.0f}",
                f"{number_of(row['effective']):.1f}",
            )
        )  # fmt: skip
    if whole is None:
        yield paragraph(
            "The rebuilt datasets do not differ in anything that the paper leaves open."
        )
        return
    yield paragraph(
        f"Near copies of one dataset would make its values look known. Of what could differ between two "
        f"datasets, {100 * number_of(whole['distance']):.0f}% does on average, and {100 * number_of(whole['nearest']):.0f}% between the two "
        f"most alike; {_copies(number_of(whole['copies']))} (",
        Run(ref="diversity"), "). Seen as a sample they weigh as much as "
        f"{number_of(whole['effective']):.1f} datasets without anything in common, since all must print the same figures; "
        "hence the ends of identified sets are sought beyond the sample.",
    )  # fmt: skip
    first = ""
    if number_of(whole["members"]) > COMPARED:
        first = f"The two most alike are looked for among the first {COMPARED:,} datasets. "
    yield table(
        "diversity", "How different the rebuilt datasets are",
        [
            Column("Of", width=2), Column("Two datasets, on average", "right"), Column("The two most alike", "right"),
            Column("Pairs of copies", "right"), Column("Effective number", "right"),
        ],
        rows[: MOST_ROWS + 1], stage="identify", inputs=("reconstruction/diversity.csv",), origin=origin(results), folded=True,
        notes=(
            "Patients are set side by side in the order of their times; the difference is Gower's distance over the places "
            "at which any two datasets differ. Effective number: Leinster and Cobbold's, between 1 (all copies) and the number of datasets. What differs least stands first. "
            + first
            + cut(len(rows) - 1, "reconstruction/diversity.csv"),
        ),
    )  # fmt: skip


def _copies(pairs: float) -> str:
    return (
        "no two are copies"
        if not pairs
        else f"{counted(int(pairs), 'pair is', 'pairs are')} copies"
    )


# --- how datasets were drawn ----------------------------------------------------------------------


def _prior(given: StudyInputs, results: Results) -> Iterable[Block]:
    """Middles of the ensemble that move when its datasets are weighted otherwise."""
    frame = given.prior
    if frame is None or not len(frame):
        return
    names = ("as_drawn", "events_equal", "orders_equal")
    moved = []
    for row in frame.to_dict("records"):
        estimand = Estimand.parse(text_of(row["estimand"]))
        values = [number_of(row[name]) for name in names]
        words = [tables.format_value(estimand, value, given.protocol) for value in values]
        if len(set(words)) < 2:
            continue
        lower, upper = results.limits(estimand)
        share = (max(values) - min(values)) / (upper - lower) if upper > lower else 0.0
        moved.append(
            (
                -share if share == share else 0.0,
                (results.describe(estimand), results.cell(estimand), *words),
            )
        )
    yield paragraph(
        "Bounds need no assumption of which datasets are likelier. The middle of the datasets does, and this "
        "report shows none elsewhere. Weighted in three ways (each dataset alike; each number of events alike; each order of events "
        f"alike), the middle of {len(moved)} of {len(frame)} quantities prints differently"
        + (
            ": where in its set the true value lies is then said by the weights, not by the paper."
            if moved
            else "; that they agree here does not make the middle an estimate."
        )
    )
    if not moved:
        return
    moved.sort(key=lambda item: item[0])
    yield table(
        "prior", "Middles that hang on how datasets are weighted",
        [
            Column("Quantity", width=2.4), Column("Identified set", "right", width=1.4), Column("As drawn", "right"),
            Column("Numbers of events alike", "right"), Column("Orders of events alike", "right"),
        ],
        [row for _, row in moved[:MOST_ROWS]],
        stage="identify", inputs=("sensitivity_prior.csv",), origin=origin(results), folded=True,
        notes=(
            "Medians over the rebuilt datasets, largest move within its identified set first; none of them is an estimate. "
            + cut(len(moved), "sensitivity_prior.csv"),
        ),
    )  # fmt: skip
