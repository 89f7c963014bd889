"""A cut-off from a ROC curve against its area and against the groups it makes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import astuple, dataclass
from math import hypot

from resarc.audit.facts import Facts, time_text
from resarc.audit.finding import Finding
from resarc.audit.printing import number, whole_counts, written
from resarc.estimand import Condition, Estimand
from resarc.protocol import Protocol
from resarc.published import Figure, Published


@dataclass(frozen=True)
class Point:
    """A point of a ROC curve: of `cases` and `controls` patients so many test positive."""

    true_positive: int
    cases: int
    false_positive: int
    controls: int

    @property
    def sensitivity(self) -> float:
        return self.true_positive / self.cases

    @property
    def specificity(self) -> float:
        return 1 - self.false_positive / self.controls

    @property
    def youden(self) -> float:
        return self.sensitivity + self.specificity - 1


def auc_through(point: Point) -> tuple[float, float]:
    """Least and greatest area under a rising curve through a point."""
    se, sp = point.sensitivity, point.specificity
    return se * sp, 1 - (1 - se) * (1 - sp)


def auc_if_youden(point: Point) -> float:
    """Greatest area if no point of the curve has a greater Youden index J than this one.

    The curve then lies below the line `sensitivity = 1 - specificity + J`, chords between its
    points included; the area below it is J + (1 - J²) / 2.
    """
    j = point.youden
    return j + (1 - j * j) / 2


def auc_if_closest(point: Point, tied: int = 1) -> float:
    """Greatest area of a ROC curve none of whose points is nearer to perfect classification than
    this one, with at most `tied` patients to one value of the marker.

    The curve is a chain of points (false positives, true positives) outside the circle around
    perfect classification through the point; between two of them, patients with one value, it is
    straight. The greatest area is found by dynamic programming over the lattice.
    """
    nearest = hypot(1 - point.sensitivity, 1 - point.specificity) - 1e-12
    cases, controls = point.cases, point.controls
    best: dict[tuple[int, int], float] = {(0, 0): 0.0}
    for i in range(controls + 1):
        for j in range(cases + 1):
            if (i, j) == (0, 0) or hypot(i / controls, 1 - j / cases) < nearest:
                continue
            before = [
                best[i - di, j - dj] + di * (j - dj / 2)
                for di in range(min(i, tied) + 1)
                for dj in range(min(j, tied - di) + 1)
                if di + dj and (i - di, j - dj) in best
            ]
            if before:
                best[i, j] = max(before)
    return best.get((controls, cases), 0.0) / (cases * controls)


def _points(facts: Facts, cutoff: Figure) -> list[tuple[Point, tuple[str, ...]]]:
    """The cut-off's point of the ROC curve from the printed sizes and rates of its two groups;
    several where the digits leave the counts open. The group with the lower rate tests positive:
    the other direction has a Youden index below zero."""
    e = cutoff.estimand
    found = []
    for variable in facts.protocol.derived:
        if variable.cut != e.by or variable.at != (float(cutoff.value.value),):
            continue
        sides = []
        for level in variable.ordered_levels:
            where = (Condition(variable.name, level),)
            n = facts.size(where)
            rate = facts.first(Estimand("survival", e.subject, e.argument, where))
            if n is None or rate is None:
                break
            sides.append((n, whole_counts(rate, n.value), (rate.id, *n.figures)))
        if len(sides) < 2:
            continue
        (n1, alive1, ids1), (n2, alive2, ids2) = sides
        for k1 in alive1:
            for k2 in alive2:
                cases, controls = n1.value - k1 + n2.value - k2, k1 + k2
                if not cases or not controls:
                    continue
                positive, alive = (n1, k1) if k1 * n2.value < k2 * n1.value else (n2, k2)
                point = Point(positive.value - alive, cases, alive, controls)
                found.append((point, (*ids1, *ids2)))
    return found


def _one_left_out(point: Point) -> list[Point]:
    """The same cut-off without one patient who survives, of either group: who is censored before
    the time has no known status."""
    tp, cases, fp, controls = astuple(point)
    if controls < 2:
        return []
    found = [Point(tp, cases, fp, controls - 1)] if fp < controls else []
    return found + ([Point(tp, cases, fp - 1, controls - 1)] if fp else [])


def _one_as_case(point: Point) -> list[Point]:
    """The same cut-off with one patient who survives counted as a case."""
    return [
        Point(tp + (fp < point.false_positive), cases + 1, fp, controls)
        for tp, cases, fp, controls in map(astuple, _one_left_out(point))
    ]


def roc_cutoffs(published: Published, protocol: Protocol) -> Iterator[Finding]:
    """Sensitivity and specificity of each cut-off from its table, the bounds they set to the area
    under the curve, and whether the cut-off can be the one with the greatest Youden index."""
    facts = Facts(published, protocol)
    fine: list[tuple[Figure, Figure, Point, tuple[str, ...]]] = []
    for cutoff in facts.firsts("roc_cutoff"):
        e = cutoff.estimand
        auc = facts.first(Estimand("auc", e.subject, e.argument, by=e.by, where=e.where))
        if auc is None:
            continue
        low, high = facts.rounded_bounds(auc)
        label = facts.label(e.by)
        if low <= 0.5 <= high:
            yield Finding(
                check="cut-off and area",
                title=f"{label}: the cut-off {cutoff.printed} comes from a ROC curve with an area "
                f"of {auc.printed}, no better than chance",
                verdict="consistent",
                severity="note",
                figures=(cutoff.id, auc.id),
                printed=f"cut-off {written(cutoff)}; area {auc.printed}",
                evidence=f"An area of {auc.printed} means that the marker does not order patients "
                f"by outcome at {time_text(e.argument)} better than chance; a cut-off chosen on "
                "it has no support in the data.",
            )
        points = _points(facts, cutoff)
        if not points:
            continue
        ids = (cutoff.id, auc.id, *points[0][1])
        if all(high < auc_through(p)[0] or low > auc_through(p)[1] for p, _ in points):
            yield _outside(facts, cutoff, auc, points[0][0], ids)
            continue
        shortest = facts.first(
            Estimand("followup_minimum", e.subject, where=(Condition(e.subject, "censored"),))
        )
        open_status = shortest is None or facts.exact(shortest)[0] < e.time
        exact = [p for p, _ in points]
        left_out = [q for p in exact for q in _one_left_out(p)] if open_status else []
        as_case = [q for p in exact for q in _one_as_case(p)] if open_status else []
        if all(low > auc_if_youden(q) for q in (*exact, *left_out)):
            yield _not_youden(facts, cutoff, auc, exact, left_out, as_case, ids)
        else:
            fine.append((cutoff, auc, points[0][0], ids))
    if fine:
        yield Finding(
            check="cut-off and area",
            title=f"{len(fine)} cut-offs can have the greatest Youden index and the printed area"
            if len(fine) > 1
            else "The cut-off can have the greatest Youden index and the printed area",
            verdict="consistent",
            severity="none",
            figures=tuple(i for *_, ids in fine for i in ids),
            printed="; ".join(
                f"{facts.label(c.estimand.by)} {written(c)}, area {a.printed}"
                for c, a, _, _ in fine
            ),
            recomputed="; ".join(
                f"{facts.label(c.estimand.by)}: {_accuracy(p)}, area at most "
                f"{number(auc_if_youden(p), 2)}"
                for c, _, p, _ in fine
            ),
            evidence="Sensitivity and specificity follow from the sizes and rates of the two "
            "groups; a curve through that point, with no better one, can have the printed area.",
        )


def _accuracy(p: Point) -> str:
    return (
        f"sensitivity {p.true_positive}/{p.cases}, specificity "
        f"{p.controls - p.false_positive}/{p.controls}, J {p.youden:.2f}"
    )


def _outside(
    facts: Facts, cutoff: Figure, auc: Figure, point: Point, ids: tuple[str, ...]
) -> Finding:
    low, high = auc_through(point)
    return Finding(
        check="cut-off and area",
        title=f"{facts.label(cutoff.estimand.by)}: an area of {auc.printed} cannot go with the "
        f"groups made at {cutoff.printed}",
        verdict="inconsistent",
        severity="minor",
        figures=ids,
        printed=f"cut-off {written(cutoff)}; area {auc.printed}",
        recomputed=f"{_accuracy(point)}; area {number(low, 2)} to {number(high, 2)}",
        evidence=f"The groups made at {cutoff.printed} have {_accuracy(point)}. A ROC curve "
        f"through that point has an area of {number(low, 2)} to {number(high, 2)}; printed is "
        f"{auc.printed} ({auc.locator}). Other patients or another outcome behind the curve would "
        "explain it.",
    )


def _not_youden(
    facts: Facts,
    cutoff: Figure,
    auc: Figure,
    exact: list[Point],
    left_out: list[Point],
    as_case: list[Point],
    ids: tuple[str, ...],
) -> Finding:
    point = exact[0]
    needed = facts.rounded_bounds(auc)[0]
    youden = max(map(auc_if_youden, exact))
    slack = ""
    if left_out:
        most = max(map(auc_if_youden, left_out))
        slack = f" ({number(most, 2)} without one survivor, who may be censored before the time)"
    hypotheses = []
    for tied, how in ((1, ""), (2, ", two patients sharing values")):
        closest = max(auc_if_closest(q, tied) for q in (*exact, *left_out))
        if needed <= closest:
            hypotheses.append(
                f"the criterion is the point closest to perfect classification{how} (area up to "
                f"{number(closest, 2)})"
            )
            break
    if as_case and needed <= max(map(auc_if_youden, as_case)):
        hypotheses.append(
            "a survivor censored before the time is counted as a death (area up to "
            f"{number(max(map(auc_if_youden, as_case)), 2)})"
        )
    hypothesis = "; or ".join(hypotheses)
    return Finding(
        check="cut-off and area",
        title=f"{facts.label(cutoff.estimand.by)}: with an area of {auc.printed} the cut-off "
        f"{cutoff.printed} does not have the greatest Youden index",
        verdict="explained" if hypotheses else "inconsistent",
        severity="minor",
        figures=ids,
        printed=f"cut-off {written(cutoff)}; area {auc.printed}",
        recomputed=f"{_accuracy(point)}; area at most {number(youden, 2)} under Youden",
        evidence=f"The groups made at {cutoff.printed} have {_accuracy(point)}. If no other "
        f"cut-off has a greater J, the area is at most {number(youden, 2)}{slack}; printed is "
        f"{auc.printed} ({auc.locator}). "
        + (
            f"It would fit if {hypothesis}."
            if hypotheses
            else "Other patients or another outcome behind the curve would explain it."
        ),
        hypothesis=hypothesis,
    )
