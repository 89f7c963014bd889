"""Subgroups compared with each other, not each with 1.

That a difference is significant in one subgroup and not in another is no difference between the
subgroups. Sources: Altman & Matthews, BMJ 1996;313:486; Schoenfeld, Biometrics 1983;39:499, and
Peterson & George, Control Clin Trials 1993;14:511 (power). Power is that of seeing the effect of
all patients, not of the subgroup's own estimate, which would only restate its p (Hoenig & Heisey,
Am Stat 2001;55:19).
"""

from __future__ import annotations

import numpy as np
from scipy.special import ndtri

from resarc.estimand import Condition, Estimand
from resarc.protocol import Analysis
from resarc.reanalysis import words
from resarc.reanalysis.dataset import Data, groups
from resarc.reanalysis.ratios import paper_p, paper_ratio
from resarc.reanalysis.result import Changes, Conclusion, Number, Part
from resarc.recommended import Interaction
from resarc.survival import batch, power


def evaluate(data: Data, analysis: Analysis, asked: Interaction) -> Part:
    """Hazard ratio and p in each subgroup, the interaction, and what the subgroups could show."""
    endpoint, by, within = analysis.endpoint or "", analysis.by or "", analysis.within or ""
    protocol, alpha = data.protocol, data.protocol.conventions.alpha
    test = Estimand("interaction_p", endpoint, by=by, within=within)
    if not data.has(test) or protocol.kind(by) == "number" or protocol.kind(within) == "number":
        return Part((), Conclusion("The groups are not there.", "not comparable"))
    reference, *others = protocol.levels(by)
    interaction = data.value(test).value
    numbers = [
        Number(
            test, "interaction_p", interaction, method="likelihood ratio of the products", of=test
        )
    ]
    sentences: list[str] = []
    differing = depending = False
    for level in others:
        contrast = (level, reference)
        overall = Estimand("hazard_ratio", endpoint, by=by, contrast=contrast)
        effect = np.log(data.value(overall).value)
        numbers += [paper_ratio(data, overall), paper_p(data, overall)[0]]
        shown: dict[str, list[str]] = {words.ALL: [], words.NONE: [], words.SOME: []}
        weakest: list[tuple[str, np.ndarray, np.ndarray]] = []
        variances = []
        for inside in protocol.levels(within):
            part = Estimand(
                "hazard_ratio", endpoint, None, (Condition(within, inside),), by, contrast
            )
            before, p = paper_p(data, part)
            compared = groups(data, part)
            happened = data.ensemble.events[endpoint]
            events = (happened & compared.both).sum(axis=1).astype(float)
            with np.errstate(divide="ignore", invalid="ignore"):
                share = compared.first.sum(axis=1) / compared.both.sum(axis=1)
                variance = power.variance(events, share)
            variances.append(variance)
            seen = power.power(effect, variance, alpha)
            numbers += [
                paper_ratio(data, part), before, Number(part, "events", events),
                Number(
                    part, "power", seen, method=f"Schoenfeld, two-sided {alpha:g}",
                    note="power to see the hazard ratio of all patients",
                ),
            ]  # fmt: skip
            label = words.low(protocol.level_label(within, inside))
            often = words.below(p, alpha)
            if often in shown:
                shown[often].append(label)
            weakest.append((label, events, seen))
        numbers += _ratios(data, test, analysis, contrast, asked, variances)
        sentences.append(_one_by_one(analysis, data, level, shown, weakest, alpha))
        differing |= bool(shown[words.ALL] and shown[words.NONE])
        depending |= bool(shown[words.SOME])
    return Part(numbers, _conclusion(sentences, differing, depending, interaction, alpha))


def _one_by_one(
    analysis: Analysis, data: Data, level: str, shown: dict[str, list[str]],
    weakest: list[tuple[str, np.ndarray, np.ndarray]], alpha: float,
) -> str:  # fmt: skip
    """What the subgroups show each by itself, and the power of the one with the fewest events."""
    protocol = data.protocol
    what = words.factor(analysis.by or "", protocol)
    if len(protocol.levels(analysis.by or "")) > 2:
        what += f" ({words.low(protocol.level_label(analysis.by or '', level))})"
    parts = [
        f"{what} {words.some_of(shown[often])}"
        for often, what in (
            (words.ALL, f"below {alpha:g} in"),
            (words.NONE, f"not below {alpha:g} in"),
            (words.SOME, "on either side, depending on the rebuilt dataset, in"),
        )
        if shown[often]
    ]
    small, events, seen = min(weakest, key=lambda row: float(np.nanmin(row[1])))
    return (
        f"Taken one by one, p for {what} is {words.listed(parts) or 'not known'}. With "
        f"{words.count(events)} events among {small}, the power to see there the effect of all "
        f"patients is {words.share(seen)}."
    )


def _conclusion(
    sentences: list[str], differing: bool, depending: bool, interaction: np.ndarray, alpha: float
) -> Conclusion:
    """Whether "significant here, not there" is borne out by the interaction test."""
    often, p = words.below(interaction, alpha), words.p(interaction)
    verdict = {
        words.ALL: f"The interaction test supports a difference between the subgroups (p {p}).",
        words.NONE: f"The interaction test does not show that the effect differs (p {p}).",
        words.SOME: (
            f"The interaction test falls below {alpha:g} in some rebuilt datasets and not in others "
            f"(p {p})."
        ),
        words.UNKNOWN: "The interaction cannot be tested.",
    }[often]
    changes: Changes = "no"
    if often == words.UNKNOWN:
        changes = "not comparable"
    elif (differing or depending) and often != words.ALL:
        changes = "yes" if differing and not depending and often == words.NONE else "open"
    return Conclusion(" ".join([*sentences, verdict]), changes)


def _ratios(
    data: Data, test: Estimand, analysis: Analysis, contrast: tuple[str, str], asked: Interaction,
    variances: list[np.ndarray],
) -> list[Number]:  # fmt: skip
    """How many times larger the hazard ratio is in each further subgroup than in the first, and the
    ratio that would be seen."""
    protocol, endpoint = data.protocol, analysis.endpoint or ""
    by, within = analysis.by or "", analysis.within or ""
    whole = Estimand("hazard_ratio", endpoint, by=by, contrast=contrast)
    compared = groups(data, whole)
    code = data.ensemble.code(within)
    first_name, *others = protocol.levels(within)
    numbers = []
    for place, inside in enumerate(others, start=1):
        mask = compared.both & ((code == 0) | (code == place))
        x, z = compared.first.astype(float), (code == place).astype(float)
        columns = np.stack([x, z, x * z], axis=2)
        fits = batch.cox_fits(
            data.ensemble.times[endpoint], data.ensemble.events[endpoint], columns, mask,
            order=compared.order,
        )  # fmt: skip
        beta, se = fits.beta[:, 2], fits.se[:, 2]
        width = float(ndtri((1 + protocol.conventions.level) / 2)) * np.where(
            np.isfinite(se), se, np.nan
        )
        at = f"{inside} / {first_name}"
        with np.errstate(over="ignore"):
            numbers.append(
                Number(
                    test, "ratio_of_hazard_ratios", np.exp(beta), np.exp(beta - width),
                    np.exp(beta + width), at=at, method="Cox with the product, Wald limits",
                )
            )  # fmt: skip
        seen = power.detectable(
            variances[0] + variances[place], asked.power, protocol.conventions.alpha
        )
        numbers.append(
            Number(
                test, "detectable_ratio", seen, at=at,
                method=f"Peterson & George, power {100 * asked.power:g}%",
            )
        )  # fmt: skip
    return numbers
